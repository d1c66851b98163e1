//! What the host hears.

use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup, Signal};
use crate::kit::corner::copy;
use crate::kit::eight::{set_wide, wide};
use crate::kit::gain::scale;
use crate::kit::hush::Hush;
use crate::kit::limiter::Limiter;
use crate::kit::math::{db_to_gain, peak_of};
use crate::kit::settled::differ;
use crate::kit::switch::{position, stretches};
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
        self.hush.rests(|| limiter.rests())
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
            let mut within = true;
            for (out, input, side) in sides {
                within &= scaled(input, self.gain * balanced(balance, side), out);
            }
            if let Some(limit) = limit.constant() {
                self.hush.hear([out_left, out_right]);
                self.limit(position(limit), within, out_left, out_right);
                return;
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
            let mut gains = [zero; MAX_FRAMES];
            let gains = &mut gains[..cx.frames];
            copy(level, 0, gains);
            let rest = match V::COUNT {
                1 => {
                    let (eights, rest) = gains.as_chunks_mut();
                    for eight in eights {
                        set_wide(eight, gain(wide(eight)));
                    }
                    rest
                }
                _ => &mut *gains,
            };
            for level in rest {
                *level = gain(*level);
            }
            for (out, input, side) in sides {
                copy(balance, 0, out);
                for (out, gain) in out.iter_mut().zip(&*gains) {
                    *out = *gain * balanced(*out, side);
                }
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
            let within = peak_of([&*left, &*right]).le(one).all();
            self.limit(limits, within, left, right);
        }
    }
}

impl<V: Lanes> AudioOut<V> {
    /// Limits frames, if the switch says so. `within` ±1 they may be left alone.
    #[inline(always)]
    fn limit(&mut self, switch: usize, within: bool, left: &mut [V], right: &mut [V]) {
        if switch == 0 {
            self.limiter.reset();
        } else if !(within && self.limiter.rests()) {
            self.limiter.run(left, right);
        }
    }
}

/// Writes a side times its gain, and tells on the way whether all of it is within ±1.
#[inline(always)]
fn scaled<V: Lanes>(input: Signal<'_, V>, gain: V, mut out: &mut [V]) -> bool {
    let mut input = match input {
        Signal::Constant(input) => {
            let sample = finite(input * gain);
            out.fill(sample);
            return sample.abs().le(V::splat(1.0)).all();
        }
        Signal::Frames(input) => input,
    };
    let mut within = true;
    if V::COUNT == 1 {
        let (eights, rest) = input.as_chunks();
        let (out_eights, out_rest) = out.as_chunks_mut();
        let (mut peak, gain) = (V::Wide::splat(0.0), V::Wide::splat(gain.lane(0)));
        for (out, eight) in out_eights.iter_mut().zip(eights) {
            let sample = wide(eight) * gain;
            peak = sample.abs().max(peak);
            set_wide(out, finite(sample));
        }
        within = peak.le(V::Wide::splat(1.0)).all();
        (input, out) = (rest, out_rest);
    }
    let mut peak = V::splat(0.0);
    for (out, input) in out.iter_mut().zip(input) {
        let sample = *input * gain;
        peak = sample.abs().max(peak);
        *out = finite(sample);
    }
    within && peak.le(V::splat(1.0)).all()
}

/// The same sample, or 0 for what is no finite number.
#[inline(always)]
fn finite<V: Lanes>(sample: V) -> V {
    sample
        .abs()
        .lt(V::splat(f32::INFINITY))
        .select(sample, V::splat(0.0))
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
