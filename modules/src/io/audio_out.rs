//! What the host hears.

use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup, Signal};
use crate::kit::gain::scale;
use crate::kit::hush::Hush;
use crate::kit::limiter::Limiter;
use crate::kit::math::{db_to_gain, peak_of};
use crate::kit::settled::differ;
use crate::kit::switch::stretches;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;
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
    /// The level of the last call in which it stood still, and what both sides are multiplied by at it.
    level: V,
    gain: V,
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
            level: V::splat(OFF),
            gain: V::splat(0.0),
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

    fn carry(&mut self, _: &mut Porter) {}

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
        let still = mute
            .constant()
            .is_some_and(|mute| !(target(mute) - self.open).abs().gt(zero).any());
        let is_open = still && self.open.ge(one).all();
        let sides = [(&mut *out_left, left, -1.0), (&mut *out_right, right, 1.0)];
        if let (true, Some(level), Some(balance)) = (is_open, level.constant(), balance.constant())
        {
            if differ(level, self.level) {
                (self.level, self.gain) = (level, gain(level));
            }
            for (out, input, side) in sides {
                input.join(
                    Signal::Constant(self.gain * balanced(balance, side)),
                    out,
                    #[inline(always)]
                    |input, gain| finite(input * gain),
                );
            }
        } else {
            let mut opens = [self.open; MAX_FRAMES];
            let opens = &mut opens[..cx.frames];
            if !still {
                for (frame, open) in opens.iter_mut().enumerate() {
                    self.open = target(mute.at(frame))
                        .max(self.open - self.mute_step)
                        .min(self.open + self.mute_step);
                    *open = self.open;
                }
            }
            for (out, input, side) in sides {
                level.join(
                    balance,
                    out,
                    #[inline(always)]
                    |level, balance| gain(level) * balanced(balance, side),
                );
                scale(out, input);
                for (sample, open) in out.iter_mut().zip(&*opens) {
                    *sample = finite(*sample * *open);
                }
            }
        }
        self.hush.hear([out_left, out_right]);
        for (stretch, limits) in stretches(limit, cx.frames) {
            let left = &mut out_left[stretch.clone()];
            let right = &mut out_right[stretch];
            if limits == 0 {
                self.limiter.reset();
            } else if !self.limiter.lets_pass(peak_of([&*left, &*right])) {
                self.limiter.run(left, right);
            }
        }
    }
}

/// The same sample, or 0 for what is no finite number.
#[inline(always)]
fn finite<V: Lanes>(sample: V) -> V {
    let zero = V::splat(0.0);
    // Only finite numbers times 0 are 0.
    (sample * 0.0).abs().le(zero).select(sample, zero)
}

/// What both sides are multiplied by.
#[inline(always)]
fn gain<V: Lanes>(level: V) -> V {
    let zero = V::splat(0.0);
    level.le(V::splat(OFF)).select(zero, db_to_gain(level))
}

/// What balance leaves of one side. `side` is -1 for the left, which balance turns down above 0, and 1
/// for the right.
#[inline(always)]
fn balanced<V: Lanes>(balance: V, side: f32) -> V {
    let one = V::splat(1.0);
    // The product is exact.
    (one + balance * side).min(one)
}
