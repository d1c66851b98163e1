//! What the host hears.

use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup, Signal};
use crate::kit::gain::scale;
use crate::kit::hush::Hush;
use crate::kit::limiter::Limiter;
use crate::kit::math::db_to_gain;
use crate::kit::math::peak;
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
    hush: Hush,
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
            hush: Hush::new(setup.sample_rate),
            open: V::splat(1.0),
            started: false,
            mute_step: 1.0 / (MUTE_SECONDS * setup.sample_rate),
        }
    }

    fn reset(&mut self) {
        self.limiter.reset();
        self.hush.reset();
        self.open = V::splat(1.0);
        self.started = false;
    }

    fn rests(&mut self) -> bool {
        let limiter = &self.limiter;
        self.hush.rests(|| limiter.lets_pass(V::splat(0.0)))
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
        let target = |mute: V| mute.lt(V::splat(0.5)).select(one, zero);
        if !self.started {
            self.open = target(mute.at(0));
            self.started = true;
        }
        let mut scratch = [zero; MAX_FRAMES];
        let scratch = &mut scratch[..cx.frames];
        let mut open = Signal::Constant(self.open);
        let moves = mute
            .constant()
            .is_none_or(|mute| (target(mute) - self.open).abs().gt(zero).any());
        if moves {
            for (frame, open) in scratch.iter_mut().enumerate() {
                self.open = target(mute.at(frame))
                    .max(self.open - self.mute_step)
                    .min(self.open + self.mute_step);
                *open = self.open;
            }
            open = Signal::Frames(scratch);
        }
        turn(out_left, left, level, balance, -1.0);
        turn(out_right, right, level, balance, 1.0);
        // Only finite numbers times 0 are 0.
        let finite = |sample: V| (sample * 0.0).abs().le(zero).select(sample, zero);
        for out in [&mut *out_left, &mut *out_right] {
            scale(out, open);
            for sample in out {
                *sample = finite(*sample);
            }
        }
        self.hush.hear([out_left, out_right]);
        if self.limiter.lets_pass(peak(out_left).max(peak(out_right))) {
            return;
        }
        for (frame, (left, right)) in out_left.iter_mut().zip(out_right.iter_mut()).enumerate() {
            let limited = self.limiter.next(*left, *right);
            let on = limit.at(frame).ge(V::splat(0.5));
            *left = on.select(limited.0, *left);
            *right = on.select(limited.1, *right);
        }
    }
}

/// Writes one side at its level. `side` is -1 for the left, which balance turns down above 0, and 1
/// for the right.
#[inline(always)]
fn turn<V: Lanes>(
    out: &mut [V],
    input: Signal<'_, V>,
    level: Signal<'_, V>,
    balance: Signal<'_, V>,
    side: f32,
) {
    if let (Signal::Constant(level), Signal::Constant(balance)) = (level, balance) {
        input.join(
            Signal::Constant(gain(level, balance, side)),
            out,
            #[inline(always)]
            |input, gain| input * gain,
        );
        return;
    }
    level.join(
        balance,
        out,
        #[inline(always)]
        |level, balance| gain(level, balance, side),
    );
    scale(out, input);
}

/// What one side is multiplied by.
#[inline(always)]
fn gain<V: Lanes>(level: V, balance: V, side: f32) -> V {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let gain = level.le(V::splat(OFF)).select(zero, db_to_gain(level));
    // The product is exact.
    gain * (one + balance * side).min(one)
}
