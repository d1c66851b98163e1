//! What the host hears.

use core::iter::repeat;

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::eight::{set_wide, wide};
use crate::kit::gain::frames_of;
use crate::kit::hush::Hush;
use crate::kit::limiter::Limiter;
use crate::kit::math::db_to_gain;
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
        let (mut room_left, mut room_right) = (None, None);
        let sounds = [
            frames_of(left, cx.frames, &mut room_left),
            frames_of(right, cx.frames, &mut room_right),
        ];
        let outputs = [&mut *out_left, &mut *out_right];
        let within;
        if let (Some(level), Some(balance)) = (level.constant(), balance.constant()) {
            if differ(level, self.level) {
                (self.level, self.gain) = (level, gain(level));
            }
            let [left, right] = balanced(self.gain, balance);
            let eights = [V::Wide::splat(left.sum()), V::Wide::splat(right.sum())];
            within = amplify(sounds, outputs, repeat(eights), repeat([left, right]));
        } else {
            let (mut levels, mut balances) = (None, None);
            let levels = frames_of(level, cx.frames, &mut levels);
            let balances = frames_of(balance, cx.frames, &mut balances);
            let eights = levels.as_chunks().0.iter().zip(balances.as_chunks().0);
            let eights = eights.map(
                #[inline(always)]
                |(level, balance)| balanced(gain(wide(level)), wide(balance)),
            );
            let first = alone::<V>(cx.frames);
            let frames = (first..).map(
                #[inline(always)]
                |frame| balanced(gain(level.at(frame)), balance.at(frame)),
            );
            within = amplify(sounds, outputs, eights, frames);
        }
        if !is_open {
            for (frame, (left, right)) in out_left.iter_mut().zip(&mut *out_right).enumerate() {
                if !still {
                    self.open = target(mute.at(frame))
                        .max(self.open - self.mute_step)
                        .min(self.open + self.mute_step);
                }
                *left *= self.open;
                *right *= self.open;
            }
        }
        self.hush.hear([out_left, out_right]);
        if let Some(limit) = limit.constant() {
            self.limit(position(limit), within, out_left, out_right);
            return;
        }
        for (stretch, limits) in stretches(limit, cx.frames) {
            let left = &mut out_left[stretch.clone()];
            self.limit(limits, within, left, &mut out_right[stretch]);
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

/// The first of some frames that does not share a vector with others of its voice.
#[inline(always)]
fn alone<V: Lanes>(frames: usize) -> usize {
    if V::COUNT == 1 { frames & !7 } else { 0 }
}

/// Writes both sides times their gains, and tells on the way whether all of it is within ±1. There are gains for
/// eight frames of one voice at once and for those that are [`alone`].
#[inline(always)]
fn amplify<V: Lanes>(
    [in_left, in_right]: [&[V]; 2],
    [out_left, out_right]: [&mut [V]; 2],
    of_eights: impl Iterator<Item = [V::Wide; 2]>,
    of_frames: impl Iterator<Item = [V; 2]>,
) -> bool {
    let frames = out_left.len();
    let first = alone::<V>(frames);
    let (mut within, mut is_finite) = (true, true);
    if V::COUNT == 1 {
        let (mut left_heard, mut right_heard) = (Heard::nothing(), Heard::nothing());
        let ins = in_left.as_chunks().0.iter().zip(in_right.as_chunks().0);
        let outs = out_left.as_chunks_mut().0.iter_mut();
        let outs = outs.zip(out_right.as_chunks_mut().0);
        for (((left, right), (out_left, out_right)), gains) in ins.zip(outs).zip(of_eights) {
            set_wide(out_left, left_heard.hear(wide(left) * gains[0]));
            set_wide(out_right, right_heard.hear(wide(right) * gains[1]));
        }
        let heard = left_heard.and(right_heard);
        (within, is_finite) = (heard.is_within(), heard.is_finite());
    }
    if first < frames {
        let (mut left_heard, mut right_heard) = (Heard::nothing(), Heard::nothing());
        let ins = in_left.get(first..).unwrap_or_default().iter();
        let ins = ins.zip(in_right.get(first..).unwrap_or_default());
        let outs = out_left.get_mut(first..).unwrap_or_default().iter_mut();
        let outs = outs.zip(out_right.get_mut(first..).unwrap_or_default());
        for (((left, right), (out_left, out_right)), gains) in ins.zip(outs).zip(of_frames) {
            *out_left = left_heard.hear(*left * gains[0]);
            *out_right = right_heard.hear(*right * gains[1]);
        }
        let heard = left_heard.and(right_heard);
        within &= heard.is_within();
        is_finite &= heard.is_finite();
    }
    if !is_finite {
        for sample in out_left.iter_mut().chain(out_right) {
            *sample = finite(*sample);
        }
    }
    within
}

/// What is to be known of samples that are let out.
struct Heard<W> {
    peak: W,
    /// 0, or no number once a sample was not finite: cheaper than to look at each of them.
    naught: W,
}

impl<W: Lanes> Heard<W> {
    #[inline(always)]
    fn nothing() -> Self {
        Heard {
            peak: W::splat(0.0),
            naught: W::splat(0.0),
        }
    }

    /// Gives the sample back.
    #[inline(always)]
    fn hear(&mut self, sample: W) -> W {
        self.peak = sample.abs().max(self.peak);
        self.naught = sample.mul_add(W::splat(0.0), self.naught);
        sample
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Heard {
            peak: self.peak.max(other.peak),
            naught: self.naught + other.naught,
        }
    }

    /// Whether all was within ±1.
    #[inline(always)]
    fn is_within(&self) -> bool {
        self.peak.le(W::splat(1.0)).all()
    }

    /// Whether all were finite numbers.
    #[inline(always)]
    fn is_finite(&self) -> bool {
        self.naught.le(W::splat(0.0)).all()
    }
}

/// The same sample, or 0 for what is no finite number.
#[inline(always)]
fn finite<V: Lanes>(sample: V) -> V {
    sample
        .abs()
        .lt(V::splat(f32::INFINITY))
        .select(sample, V::splat(0.0))
}

/// The factor of a level.
#[inline(always)]
fn gain<V: Lanes>(level: V) -> V {
    let zero = V::splat(0.0);
    level.le(V::splat(OFF)).select(zero, db_to_gain(level))
}

/// What both sides are multiplied by, of what balance leaves of each: it turns down the left above 0 and the
/// right below.
#[inline(always)]
fn balanced<W: Lanes>(gain: W, balance: W) -> [W; 2] {
    let one = W::splat(1.0);
    [
        gain * (one - balance).min(one),
        gain * (one + balance).min(one),
    ]
}
