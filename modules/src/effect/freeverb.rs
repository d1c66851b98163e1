//! The reverb that everyone has heard.

use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup, Signal};
use crate::kit::corner::copy;
use crate::kit::hush::{Hush, is_forgotten};
use crate::kit::math::{exp2, log2};
use crate::kit::settled::settled;
use crate::kit::switch::is_on;
use crate::lanes::{LaneMask, Lanes};
use crate::spec::{Category, Spec, Voicing, audio, toggle, unit};

/// Lengths of the left side's combs and all-passes, in frames at [`TUNED_AT`].
const COMBS: [usize; 8] = [1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617];
const ALL_PASSES: [usize; 4] = [556, 441, 341, 225];
/// How much longer those of the right side are.
const SPREAD: usize = 23;
const TUNED_AT: f64 = 44_100.0;
/// Level into the combs: the classic's 0.015 and the 3 by which it multiplies its wet level.
const INPUT: f32 = 0.045;
/// What comes back in a comb in the smallest and in the largest room.
const FEEDBACK: (f32, f32) = (0.7, 0.98);
/// What full damping keeps of the last frame, at [`TUNED_AT`].
const DAMPED: f32 = 0.4;
/// How much of itself an all-pass hears.
const DIFFUSION: f32 = 0.5;
/// Seconds in which the room freezes or thaws, so that neither clicks.
const FREEZING: f32 = 0.01;
/// Beyond any sound; keeps strange input from growing into infinity.
const LOUDEST: f32 = 1e6;

/// A ring of samples that is read as long after it was written as it has room.
struct Ring<V> {
    samples: Box<[V]>,
    at: usize,
}

impl<V: Lanes> Ring<V> {
    /// `frames` is a length at [`TUNED_AT`], of which at least `least` remain.
    fn new(frames: usize, sample_rate: f32, least: usize) -> Self {
        let length = (frames as f64 * f64::from(sample_rate) / TUNED_AT).round() as usize;
        Ring {
            samples: vec![V::splat(0.0); length.max(least)].into_boxed_slice(),
            at: 0,
        }
    }

    fn clear(&mut self) {
        self.samples.fill(V::splat(0.0));
        self.at = 0;
    }

    /// The longest stretch of at most `frames` whose old samples stand side by side.
    #[inline(always)]
    fn stretch(&mut self, frames: usize) -> &mut [V] {
        let rest = self.samples.get_mut(self.at..).unwrap_or_default();
        let count = frames.min(rest.len());
        &mut rest[..count]
    }

    /// Goes on by a stretch.
    #[inline(always)]
    fn advance(&mut self, frames: usize) {
        self.at += frames;
        if self.at >= self.samples.len() {
            self.at = 0;
        }
    }
}

/// What the combs do with what they hear.
#[derive(Clone, Copy)]
struct Loop<'a, V> {
    /// What a comb gives back of what it hears now.
    back: Signal<'a, V>,
    /// What it keeps of what it gave back last.
    keep: Signal<'a, V>,
}

/// One side of the room.
struct Side<V: Lanes> {
    combs: [Ring<V>; 8],
    /// What each comb gave back last.
    given: [V; 8],
    all_passes: [Ring<V>; 4],
    /// What the combs give back in one call, comb by comb. Kept here because clearing it costs more than
    /// using it.
    back: [[V; MAX_FRAMES]; 8],
}

impl<V: Lanes> Side<V> {
    fn new(sample_rate: f32, spread: usize) -> Self {
        Side {
            // A comb is never shorter than a call, so that no frame of one hears another.
            combs: COMBS.map(|frames| Ring::new(frames + spread, sample_rate, MAX_FRAMES)),
            given: [V::splat(0.0); 8],
            all_passes: ALL_PASSES.map(|frames| Ring::new(frames + spread, sample_rate, 1)),
            back: [[V::splat(0.0); MAX_FRAMES]; 8],
        }
    }

    fn reset(&mut self) {
        self.combs.iter_mut().for_each(Ring::clear);
        self.all_passes.iter_mut().for_each(Ring::clear);
        self.given = [V::splat(0.0); 8];
    }

    fn is_forgotten(&self) -> bool {
        let mut rings = self.combs.iter().chain(&self.all_passes);
        rings.all(|ring| {
            ring.samples
                .iter()
                .all(|frame| is_forgotten(frame.as_slice()))
        })
    }

    /// Turns what enters the room into what this side of it answers; `out` is silent before.
    #[inline(always)]
    fn process(&mut self, input: &[V], around: Loop<'_, V>, out: &mut [V]) {
        for (comb, back) in self.combs.iter_mut().zip(&mut self.back) {
            listen(comb, around.back, back, out);
        }
        self.damp(around.keep, out.len());
        for (comb, back) in self.combs.iter_mut().zip(&self.back) {
            feed(comb, input, back);
        }
        for ring in &mut self.all_passes {
            blur(ring, out);
        }
    }

    /// The only recursion from frame to frame: the combs run side by side, so that none waits for its
    /// own last frame.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "frames run across the combs")]
    fn damp(&mut self, keep: Signal<'_, V>, frames: usize) {
        let frames = frames.min(MAX_FRAMES);
        let (mut given, back) = (self.given, &mut self.back);
        match keep {
            Signal::Constant(keep) => {
                for frame in 0..frames {
                    for comb in 0..8 {
                        given[comb] = keep.mul_add(given[comb], back[comb][frame]);
                        back[comb][frame] = given[comb];
                    }
                }
            }
            Signal::Frames(keep) => {
                for (frame, keep) in keep.iter().enumerate().take(frames) {
                    for comb in 0..8 {
                        given[comb] = keep.mul_add(given[comb], back[comb][frame]);
                        back[comb][frame] = given[comb];
                    }
                }
            }
        }
        self.given = given;
    }
}

/// Adds what a comb says to `out`, and notes what of it comes back. Leaves the comb where it is.
#[inline(always)]
fn listen<V: Lanes>(comb: &mut Ring<V>, share: Signal<'_, V>, back: &mut [V], out: &mut [V]) {
    let at = comb.at;
    let mut done = 0;
    while done < out.len() {
        let heard = &*comb.stretch(out.len() - done);
        let count = heard.len();
        let frames = out[done..].iter_mut().zip(&mut back[done..]).zip(heard);
        match share {
            Signal::Constant(share) => {
                for ((out, back), heard) in frames {
                    *out += *heard;
                    *back = share * *heard;
                }
            }
            Signal::Frames(shares) => {
                for (((out, back), heard), share) in frames.zip(&shares[done..]) {
                    *out += *heard;
                    *back = *share * *heard;
                }
            }
        }
        comb.advance(count);
        done += count;
    }
    comb.at = at;
}

/// Puts what enters the room and what comes back into a comb.
#[inline(always)]
fn feed<V: Lanes>(comb: &mut Ring<V>, input: &[V], back: &[V]) {
    let mut done = 0;
    while done < input.len() {
        let fresh = comb.stretch(input.len() - done);
        let count = fresh.len();
        for ((fresh, input), back) in fresh.iter_mut().zip(&input[done..]).zip(&back[done..]) {
            *fresh = *input + *back;
        }
        comb.advance(count);
        done += count;
    }
}

/// Smears a sound in time. As in the classic it is an all-pass only nearly: the echoes are a third too
/// loud beside the first sound.
#[inline(always)]
fn blur<V: Lanes>(ring: &mut Ring<V>, sound: &mut [V]) {
    let mut done = 0;
    while done < sound.len() {
        let held = ring.stretch(sound.len() - done);
        let count = held.len();
        for (held, sound) in held.iter_mut().zip(&mut sound[done..]) {
            let (heard, input) = (*held, *sound);
            *held = heard.mul_add(V::splat(DIFFUSION), input);
            *sound = heard - input;
        }
        ring.advance(count);
        done += count;
    }
}

/// Freeverb: eight damped combs side by side and four all-passes in a row, on each side.
///
/// Jezar at Dreampoint's design (2000, public domain) with its tunings, scaled to the frame rate. Its
/// combs ring at fixed pitches, which is its charm on drums and its vice on long tails; `reverb` is the
/// smoother one. Without damping a comb of D frames falls by 60 dB in
/// -60 D / (20 log10(feedback) rate) seconds.
///
/// No comb is shorter than a call, so all but the damping vectorises over frames.
pub struct Freeverb<V: Lanes> {
    sides: [Side<V>; 2],
    hush: Hush,
    /// How far the room is frozen, 0..1.
    frozen: f32,
    freezing: f32,
    /// Frames at the tuned rate in one of this.
    stretch: f32,
}

impl<V: Lanes> Freeverb<V> {
    /// What a comb gives back of what it hears, and what it keeps of what it gave back last.
    #[inline(always)]
    fn around(&self, size: V, damping: V, frozen: V) -> [V; 2] {
        let zero = V::splat(0.0);
        let one = V::splat(1.0);
        let pole = exp2(log2(damping * DAMPED) * self.stretch);
        let keep = damping.gt(zero).select(pole, zero) * (one - frozen);
        let feedback = size.mul_add(V::splat(FEEDBACK.1 - FEEDBACK.0), V::splat(FEEDBACK.0));
        // At 1 nothing is lost: both differences are exact.
        let feedback = feedback + (one - feedback) * frozen;
        [feedback * (one - keep), keep]
    }

    /// What the combs do in a call; closes the door on `input` where the room is frozen.
    #[inline(always)]
    fn steer<'a>(
        &mut self,
        size: Signal<'_, V>,
        damping: Signal<'_, V>,
        freeze: Signal<'_, V>,
        input: &mut [V],
        [backs, keeps]: &'a mut [[V; MAX_FRAMES]; 2],
    ) -> Loop<'a, V> {
        let one = V::splat(1.0);
        let target = |freeze: V| if is_on(freeze) { 1.0 } else { 0.0 };
        if let (Some(size), Some(damping), Some(freeze)) =
            (size.constant(), damping.constant(), freeze.constant())
            && self.frozen == target(freeze)
        {
            let frozen = V::splat(self.frozen);
            let [back, keep] = self.around(size, damping, frozen);
            for input in input {
                *input *= one - frozen;
            }
            return Loop {
                back: Signal::Constant(back),
                keep: Signal::Constant(keep),
            };
        }
        let frames = input.len().min(MAX_FRAMES);
        let mut frozen = [V::splat(self.frozen); MAX_FRAMES];
        // Each frame waits for the one before, so not where the door stands still.
        let stands = |freeze: V| self.frozen == target(freeze);
        if !freeze.constant().is_some_and(stands) {
            for (frame, frozen) in frozen.iter_mut().enumerate().take(frames) {
                let way = target(freeze.at(frame)) - self.frozen;
                self.frozen += way.clamp(-self.freezing, self.freezing);
                *frozen = V::splat(self.frozen);
            }
        }
        copy(size, 0, &mut backs[..frames]);
        copy(damping, 0, &mut keeps[..frames]);
        for ((back, keep), frozen) in backs.iter_mut().zip(&mut *keeps).zip(frozen).take(frames) {
            [*back, *keep] = self.around(*back, *keep, frozen);
        }
        for (input, frozen) in input.iter_mut().zip(frozen) {
            *input *= one - frozen;
        }
        Loop {
            back: Signal::Frames(&backs[..input.len()]),
            keep: Signal::Frames(&keeps[..input.len()]),
        }
    }
}

/// The frames of an input, limited to what the room takes.
#[inline(always)]
fn write<V: Lanes>(input: Signal<'_, V>, out: &mut [V]) {
    match input {
        Signal::Constant(value) => out.fill(value.clamp(-LOUDEST, LOUDEST)),
        Signal::Frames(frames) => {
            for (out, value) in out.iter_mut().zip(frames) {
                *out = value.clamp(-LOUDEST, LOUDEST);
            }
        }
    }
}

impl<V: Lanes> Module<V, 2, 5, 2> for Freeverb<V> {
    const SPEC: Spec<2, 5, 2> = Spec {
        id: "freeverb",
        name: "Freeverb",
        category: Category::Effect,
        version: 1,
        voicing: Voicing::Mixdown,
        doc: "The classic light reverb of countless records: bright, a little metallic, and almost free.",
        inputs: [audio("left", "Left side."), audio("right", "Right side.")],
        params: [
            unit(
                "size",
                0.0,
                1.0,
                0.5,
                "How long the room rings: from 0.6 s to 12 s.",
            ),
            unit("damping", 0.0, 1.0, 0.5, "How much sooner the highs die."),
            unit("width", 0.0, 1.0, 1.0, "How wide the room stands."),
            toggle(
                "freeze",
                false,
                "Holds the tail for ever and lets nothing in.",
            ),
            unit("mix", 0.0, 1.0, 0.3, "0 % dry, 100 % room only."),
        ],
        outputs: [audio("left", "Left side."), audio("right", "Right side.")],
    };

    fn new(setup: &Setup) -> Self {
        Freeverb {
            sides: [0, SPREAD].map(|spread| Side::new(setup.sample_rate, spread)),
            hush: Hush::new(setup.sample_rate),
            frozen: 0.0,
            freezing: 1.0 / (FREEZING * setup.sample_rate),
            stretch: (TUNED_AT / f64::from(setup.sample_rate)) as f32,
        }
    }

    fn reset(&mut self) {
        self.sides.iter_mut().for_each(Side::reset);
        self.hush.reset();
        self.frozen = 0.0;
    }

    fn rests(&mut self) -> bool {
        let sides = &self.sides;
        self.hush.rests(|| sides.iter().all(Side::is_forgotten))
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [in_left, in_right]: In<'_, V, 2>,
        [size, damping, width, freeze, mix]: In<'_, V, 5>,
        [left, right]: Out<'_, V, 2>,
    ) {
        let zero = V::splat(0.0);
        let frames = cx.frames.min(MAX_FRAMES);
        write(in_left, left);
        write(in_right, right);
        let mut input = [zero; MAX_FRAMES];
        for (input, (left, right)) in input.iter_mut().zip(left.iter().zip(&*right)) {
            *input = (*left + *right) * INPUT;
        }

        let (size, damping) = (settled(size), settled(damping));
        let mut scratch = [[zero; MAX_FRAMES]; 2];
        let around = self.steer(size, damping, freeze, &mut input[..frames], &mut scratch);
        let mut wet = [[zero; MAX_FRAMES]; 2];
        for (side, wet) in self.sides.iter_mut().zip(&mut wet) {
            side.process(&input[..frames], around, &mut wet[..frames]);
        }

        let heard = left.iter_mut().zip(right.iter_mut());
        let sound = heard.zip(wet[0].iter().zip(&wet[1]));
        if let (Some(width), Some(mix)) = (width.constant(), mix.constant()) {
            for ((left, right), (wet_left, wet_right)) in sound {
                blend([left, right], [*wet_left, *wet_right], width, mix);
            }
        } else {
            for (frame, ((left, right), (wet_left, wet_right))) in sound.enumerate() {
                let (width, mix) = (width.at(frame), mix.at(frame));
                blend([left, right], [*wet_left, *wet_right], width, mix);
            }
        }
        self.hush.hear([left, right]);
    }
}

/// Puts the room beside the dry sound.
#[inline(always)]
fn blend<V: Lanes>(dry: [&mut V; 2], [wet_left, wet_right]: [V; 2], width: V, mix: V) {
    let [left, right] = dry;
    // Exact at the ends: no width is mono, all wet has nothing dry in it.
    let (own, other) = (width * 0.5 + 0.5, V::splat(0.5) - width * 0.5);
    let dry = V::splat(1.0) - mix;
    let wide_left = own.mul_add(wet_left, other * wet_right);
    let wide_right = own.mul_add(wet_right, other * wet_left);
    *left = mix.mul_add(wide_left, dry * *left);
    *right = mix.mul_add(wide_right, dry * *right);
}
