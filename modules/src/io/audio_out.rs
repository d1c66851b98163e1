//! What the host hears.

use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup};
use crate::kit::limiter::Limiter;
use crate::kit::math::db_to_gain;
use crate::lanes::{LaneMask, Lanes};
use crate::spec::{Category, Spec, Voicing, audio, decibels, number, toggle};

/// The level at which nothing is let out, in decibels.
const OFF: f32 = -60.0;
/// How long muting takes, so that it does not click.
const MUTE_SECONDS: f32 = 0.005;

/// The patch's outputs.
///
/// At 0 dB and in the middle, samples within ±1 pass bit for bit. A sample that is no finite number
/// becomes 0.
pub struct AudioOut<V: Lanes> {
    limiter: Limiter<V>,
    /// 1 open, 0 muted; meaningless before the first frame.
    open: V,
    started: bool,
    mute_step: f32,
}

impl<V: Lanes> Module<V, 2, 4, 2> for AudioOut<V> {
    const SPEC: Spec<2, 4, 2> = Spec {
        id: "audio-out",
        name: "Audio Out",
        category: Category::Io,
        version: 1,
        voicing: Voicing::HostOutput,
        doc: "Sends the patch to the host. Patch a mono sound to both sides.",
        inputs: [audio("left", "Left side."), audio("right", "Right side.")],
        params: [
            decibels("level", OFF, 12.0, 0.0, "Level of both sides."),
            number(
                "balance",
                -1.0,
                1.0,
                0.0,
                "Below 0 turns the right side down, above 0 the left.",
            ),
            toggle("mute", false, "Silence."),
            toggle(
                "limit",
                true,
                "Keeps peaks within 0 dB; what is lower passes untouched.",
            ),
        ],
        outputs: [
            audio("left", "What the host hears on the left."),
            audio("right", "What the host hears on the right."),
        ],
    };

    fn new(setup: &Setup) -> Self {
        AudioOut {
            limiter: Limiter::new(setup.sample_rate),
            open: V::splat(1.0),
            started: false,
            mute_step: 1.0 / (MUTE_SECONDS * setup.sample_rate),
        }
    }

    fn reset(&mut self) {
        self.limiter.reset();
        self.open = V::splat(1.0);
        self.started = false;
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [left, right]: In<'_, V, 2>,
        [level, balance, mute, limit]: In<'_, V, 4>,
        [out_left, out_right]: Out<'_, V, 2>,
    ) {
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        let mut scratch = [[zero; MAX_FRAMES]; 2];
        let [left_scratch, right_scratch] = &mut scratch;
        let gain = |level: V| level.le(V::splat(OFF)).select(zero, db_to_gain(level));
        let left_gain = level.map_with(balance, left_scratch, cx.frames, |level, balance| {
            gain(level) * (one - balance).min(one)
        });
        let right_gain = level.map_with(balance, right_scratch, cx.frames, |level, balance| {
            gain(level) * (one + balance).min(one)
        });
        for (frame, (out_left, out_right)) in
            out_left.iter_mut().zip(out_right.iter_mut()).enumerate()
        {
            let target = mute.at(frame).lt(V::splat(0.5)).select(one, zero);
            if !self.started {
                self.open = target;
                self.started = true;
            }
            self.open = target
                .max(self.open - self.mute_step)
                .min(self.open + self.mute_step);
            let scaled = |sample: V, gain: V| {
                let sample = sample * gain * self.open;
                // Only finite numbers times 0 are 0.
                (sample * 0.0).abs().le(zero).select(sample, zero)
            };
            let pair = (
                scaled(left.at(frame), left_gain.at(frame)),
                scaled(right.at(frame), right_gain.at(frame)),
            );
            let limited = self.limiter.next(pair.0, pair.1);
            let on = limit.at(frame).ge(V::splat(0.5));
            *out_left = on.select(limited.0, pair.0);
            *out_right = on.select(limited.1, pair.1);
        }
    }
}
