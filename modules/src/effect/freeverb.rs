//! The reverb that everyone has heard.

use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup, Signal};
use crate::kit::eight::{load, store};
use crate::kit::gain::frames_of;
use crate::kit::hush::{Hush, is_forgotten};
use crate::kit::math::{exp2, log2};
use crate::kit::settled::{any_differ, settled};
use crate::kit::single::{One, Track};
use crate::kit::switch::is_on;
use crate::lanes::{Halves, LaneMask, Lanes};
use crate::porter::Porter;
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
///
/// Its first frames stand once more behind its last, so that the frames of a call lie side by side
/// wherever they start. The copies are only made where a ring starts anew, which is seldom.
struct Ring {
    samples: Box<[f32]>,
    length: usize,
    /// Below `length`.
    at: usize,
}

impl Ring {
    /// `frames` is a length at [`TUNED_AT`], of which at least `least` remain.
    fn new(frames: usize, sample_rate: f32, least: usize) -> Self {
        let length = (frames as f64 * f64::from(sample_rate) / TUNED_AT).round() as usize;
        let length = length.max(least);
        Ring {
            samples: vec![0.0; length + MAX_FRAMES].into_boxed_slice(),
            length,
            at: 0,
        }
    }

    fn clear(&mut self) {
        self.samples.fill(0.0);
        self.at = 0;
    }

    /// The oldest samples, oldest first: those of a call, or as many as the ring is long.
    #[inline(always)]
    fn oldest(&mut self) -> Option<&mut [f32; MAX_FRAMES]> {
        self.samples.get_mut(self.at..)?.first_chunk_mut()
    }

    /// Goes on by frames, at most as many as the ring is long, whose place others have taken.
    #[inline(always)]
    fn advance(&mut self, frames: usize) {
        let (start, end) = (self.at, self.at + frames);
        if end > self.length {
            self.samples.copy_within(self.length..end, 0);
        }
        if start < MAX_FRAMES {
            let twice = start..end.min(MAX_FRAMES);
            self.samples.copy_within(twice, self.length + start);
        }
        self.at = if end < self.length {
            end
        } else {
            end - self.length
        };
    }
}

/// What the combs do with what they hear, frame by frame in one call.
struct Loop {
    /// What a comb gives back of what it hears now.
    back: [f32; MAX_FRAMES],
    /// What it keeps of what it gave back last.
    keep: [f32; MAX_FRAMES],
}

/// One side of a room.
struct Side {
    combs: [Ring; 8],
    all_passes: [Ring; 4],
}

impl Side {
    fn new(sample_rate: f32, spread: usize) -> Self {
        Side {
            // A comb is never shorter than a call, so that no frame of one hears another.
            combs: COMBS.map(|frames| Ring::new(frames + spread, sample_rate, MAX_FRAMES)),
            all_passes: ALL_PASSES.map(|frames| Ring::new(frames + spread, sample_rate, 1)),
        }
    }

    fn rings(&self) -> impl Iterator<Item = &Ring> {
        self.combs.iter().chain(&self.all_passes)
    }

    /// What a call hears of each comb.
    #[inline(always)]
    fn heard(&mut self) -> Option<[&mut [f32; MAX_FRAMES]; 8]> {
        let [a, b, c, d, e, f, g, h] = &mut self.combs;
        Some([
            a.oldest()?,
            b.oldest()?,
            c.oldest()?,
            d.oldest()?,
            e.oldest()?,
            f.oldest()?,
            g.oldest()?,
            h.oldest()?,
        ])
    }
}

/// The room of one lane.
struct Room {
    sides: [Side; 2],
    /// What each comb gave back last: four combs of the left side and of the right, then the other four.
    given: [[f32; 8]; 2],
}

impl Room {
    fn new(sample_rate: f32) -> Self {
        Room {
            sides: [0, SPREAD].map(|spread| Side::new(sample_rate, spread)),
            given: [[0.0; 8]; 2],
        }
    }

    fn reset(&mut self) {
        for side in &mut self.sides {
            side.combs.iter_mut().for_each(Ring::clear);
            side.all_passes.iter_mut().for_each(Ring::clear);
        }
        self.given = [[0.0; 8]; 2];
    }

    fn is_forgotten(&self) -> bool {
        let mut rings = self.sides.iter().flat_map(Side::rings);
        rings.all(|ring| is_forgotten(&ring.samples))
    }

    /// Turns what enters the room into what each side of it answers in the first `frames`.
    #[inline(always)]
    fn process<W: Halves>(
        &mut self,
        frames: usize,
        input: &[f32; MAX_FRAMES],
        around: &Loop,
        out: &mut [[f32; MAX_FRAMES]; 2],
    ) {
        let frames = frames.min(MAX_FRAMES);
        self.resound::<W>(frames, input, around, out);
        for (side, out) in self.sides.iter_mut().zip(out) {
            for comb in &mut side.combs {
                comb.advance(frames);
            }
            blur_in_a_row::<W>(&mut side.all_passes, frames, out);
        }
    }

    /// Hears the combs and feeds them.
    ///
    /// The damping is a recursion from frame to frame, so there the combs run side by side: squares of
    /// four combs by four frames, of the left and the right side in one vector, are turned around for it.
    /// Everything in one go, as what waits for the recursion leaves room for the rest.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "counted loops unroll")]
    fn resound<W: Halves>(
        &mut self,
        frames: usize,
        input: &[f32; MAX_FRAMES],
        around: &Loop,
        out: &mut [[f32; MAX_FRAMES]; 2],
    ) {
        let [left, right] = &mut self.sides;
        let (Some(left), Some(right)) = (left.heard(), right.heard()) else {
            return;
        };
        let [first, second] = &self.given;
        let mut given = [load::<W>(first), load::<W>(second)];
        let squares = frames.min(MAX_FRAMES) / 4;
        for square in 0..squares {
            let back = &around.back.as_chunks::<4>().0[square];
            let back = W::from_halves(back, back);
            let input = &input.as_chunks::<4>().0[square];
            let input = W::from_halves(input, input);
            let mut sum = W::splat(0.0);
            let mut columns = [[W::splat(0.0); 4]; 2];
            for group in 0..2 {
                for comb in 0..4 {
                    let heard = W::from_halves(
                        &left[4 * group + comb].as_chunks::<4>().0[square],
                        &right[4 * group + comb].as_chunks::<4>().0[square],
                    );
                    sum += heard;
                    columns[group][comb] = back * heard;
                }
                columns[group] = W::transpose_halves(columns[group]);
            }
            for (out, sum) in out.iter_mut().zip(sum.halves()) {
                out.as_chunks_mut::<4>().0[square] = sum;
            }
            for index in 0..4 {
                let keep = W::splat(around.keep[4 * square + index]);
                for group in 0..2 {
                    given[group] = keep * given[group] + columns[group][index];
                    columns[group][index] = given[group];
                }
            }
            for group in 0..2 {
                columns[group] = W::transpose_halves(columns[group]);
                for comb in 0..4 {
                    let fresh = (input + columns[group][comb]).halves();
                    left[4 * group + comb].as_chunks_mut::<4>().0[square] = fresh[0];
                    right[4 * group + comb].as_chunks_mut::<4>().0[square] = fresh[1];
                }
            }
        }
        for (values, given) in self.given.iter_mut().zip(given) {
            store(given, values);
        }
        for (side, combs) in [left, right].into_iter().enumerate() {
            for frame in 4 * squares..frames.min(MAX_FRAMES) {
                let mut sum = 0.0;
                for comb in 0..8 {
                    let given = &mut self.given[comb / 4][4 * side + comb % 4];
                    let heard = combs[comb][frame];
                    sum += heard;
                    *given = around.keep[frame] * *given + around.back[frame] * heard;
                    combs[comb][frame] = input[frame] + *given;
                }
                out[side][frame] = sum;
            }
        }
    }
}

/// What an all-pass keeps and what it answers, from what it hears of itself and what enters.
///
/// As in the classic it is an all-pass only nearly: the echoes are a third too loud beside the first
/// sound.
#[inline(always)]
fn diffuse<W: Lanes>(heard: W, input: W) -> [W; 2] {
    [heard * DIFFUSION + input, heard - input]
}

/// Smears the first `frames` of a sound in time, by one all-pass after the other.
#[inline(always)]
fn blur_in_a_row<W: Lanes>(rings: &mut [Ring; 4], frames: usize, sound: &mut [f32; MAX_FRAMES]) {
    let frames = frames.min(MAX_FRAMES);
    if rings.iter().any(|ring| ring.length < frames) {
        for ring in rings {
            blur(ring, &mut sound[..frames]);
        }
        return;
    }
    let [a, b, c, d] = &mut *rings;
    let (Some(a), Some(b), Some(c), Some(d)) = (a.oldest(), b.oldest(), c.oldest(), d.oldest())
    else {
        return;
    };
    let mut row = [a, b, c, d];
    // No frame of a ring hears another, so that eight of them go through all rings in one go.
    let eights = frames / 8;
    for eight in 0..eights {
        let sound = &mut sound.as_chunks_mut::<8>().0[eight];
        let mut value = load::<W>(sound);
        for held in &mut row {
            let held = &mut held.as_chunks_mut::<8>().0[eight];
            let [keep, answer] = diffuse(load::<W>(held), value);
            store(keep, held);
            value = answer;
        }
        store(value, sound);
    }
    for frame in 8 * eights..frames {
        for held in &mut row {
            let [keep, answer] = diffuse(One::splat(held[frame]), One::splat(sound[frame]));
            (held[frame], sound[frame]) = (keep.sum(), answer.sum());
        }
    }
    for ring in rings {
        ring.advance(frames);
    }
}

/// Smears a sound in time by a ring of any length.
#[inline(always)]
fn blur(ring: &mut Ring, sound: &mut [f32]) {
    let mut done = 0;
    while done < sound.len() {
        let sound = &mut sound[done..];
        let count = sound.len().min(ring.length);
        let Some(held) = ring.oldest() else {
            return;
        };
        for (held, sound) in held.iter_mut().zip(&mut sound[..count]) {
            let [keep, answer] = diffuse(One::splat(*held), One::splat(*sound));
            (*held, *sound) = (keep.sum(), answer.sum());
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
/// No comb is shorter than a call, so all but the damping vectorises over frames. Each lane has a room of
/// plain floats.
pub struct Freeverb<V: Lanes> {
    /// That of each lane, of plain floats.
    rooms: Box<[Room]>,
    hush: Hush,
    door: Door<V>,
    /// Kept here because clearing it costs more than using it.
    scratch: Box<Scratch<V>>,
}

/// What one call takes and makes on its way, of which only its frames are used.
struct Scratch<V> {
    /// What the rooms answer.
    wet: [[V; MAX_FRAMES]; 2],
    /// How far the rooms are frozen, where that moves.
    frozen: [f32; MAX_FRAMES],
    lane: Lane,
}

/// What one lane takes and makes.
struct Lane {
    around: Loop,
    input: [f32; MAX_FRAMES],
    answers: [[f32; MAX_FRAMES]; 2],
}

/// What the rooms let in and lose.
struct Door<V> {
    /// How far the room is frozen, 0..1.
    frozen: f32,
    freezing: f32,
    /// Size, damping and how frozen where nothing moved last, and what they came to.
    last: Option<([V; 3], [V; 2])>,
    /// Frames at the tuned rate in one of this.
    stretch: f32,
}

impl<V: Lanes> Door<V> {
    /// What a comb gives back of what it hears, and what it keeps of what it gave back last.
    #[inline(always)]
    fn around<W: Lanes>(size: W, damping: W, frozen: W, stretch: f32) -> [W; 2] {
        let zero = W::splat(0.0);
        let one = W::splat(1.0);
        let pole = exp2(log2(damping * DAMPED) * stretch);
        let keep = damping.gt(zero).select(pole, zero) * (one - frozen);
        let feedback = size.mul_add(W::splat(FEEDBACK.1 - FEEDBACK.0), W::splat(FEEDBACK.0));
        // At 1 nothing is lost: both differences are exact.
        let feedback = feedback + (one - feedback) * frozen;
        [feedback * (one - keep), keep]
    }

    /// As [`Door::around`], which mostly gives what it gave in the last call.
    #[inline(always)]
    fn around_as_before(&mut self, size: V, damping: V, frozen: V) -> [V; 2] {
        let now = [size, damping, frozen];
        if let Some((before, around)) = &self.last
            && !any_differ(before, &now)
        {
            return *around;
        }
        let around = Self::around(size, damping, frozen, self.stretch);
        self.last = Some((now, around));
        around
    }

    /// How far the rooms are frozen in a call.
    #[inline(always)]
    fn freeze<'a>(
        &mut self,
        freeze: Signal<'_, V>,
        frames: usize,
        frozen: &'a mut [f32; MAX_FRAMES],
    ) -> Track<'a> {
        let target = |freeze: V| if is_on(freeze) { 1.0 } else { 0.0 };
        let stands = |freeze: V| self.frozen == target(freeze);
        if freeze.constant().is_some_and(stands) {
            return Track::Constant(self.frozen);
        }
        let frozen = &mut frozen[..frames];
        for (frame, frozen) in frozen.iter_mut().enumerate() {
            let way = target(freeze.at(frame)) - self.frozen;
            self.frozen += way.clamp(-self.freezing, self.freezing);
            *frozen = self.frozen;
        }
        Track::Frames(frozen)
    }

    /// What the combs of one lane give back and keep in a call in which something moves.
    #[inline(always)]
    fn steer(
        &self,
        size: Signal<'_, V>,
        damping: Signal<'_, V>,
        frozen: Track<'_>,
        lane: usize,
        around: &mut Loop,
    ) {
        write_lane(size, lane, &mut around.back);
        write_lane(damping, lane, &mut around.keep);
        let mut room = [0.0; MAX_FRAMES];
        frozen.write(0, &mut room);
        let eights = around.back.as_chunks_mut().0.iter_mut();
        let eights = eights.zip(around.keep.as_chunks_mut().0);
        for ((back, keep), frozen) in eights.zip(room.as_chunks().0) {
            let [size, damping, frozen] = [load::<V::Wide>(back), load(keep), load(frozen)];
            let around = Self::around(size, damping, frozen, self.stretch);
            store(around[0], back);
            store(around[1], keep);
        }
    }
}

/// Writes what enters the room of one lane: both sides together, through a door that closes as the room
/// freezes.
#[inline(always)]
fn enter<V: Lanes>(
    left: &[V],
    right: &[V],
    frozen: Track<'_>,
    lane: usize,
    out: &mut [f32; MAX_FRAMES],
) {
    let both = out.iter_mut().zip(left.iter().zip(right));
    match frozen {
        Track::Constant(frozen) => {
            let open = 1.0 - frozen;
            for (out, (left, right)) in both {
                *out = ((*left + *right) * INPUT * open).lane(lane);
            }
        }
        Track::Frames(frozen) => {
            for ((out, (left, right)), frozen) in both.zip(frozen) {
                *out = ((*left + *right) * INPUT * (1.0 - *frozen)).lane(lane);
            }
        }
    }
}

/// Writes one lane of a signal.
#[inline(always)]
fn write_lane<V: Lanes>(signal: Signal<'_, V>, lane: usize, out: &mut [f32; MAX_FRAMES]) {
    match signal {
        Signal::Constant(value) => out.fill(value.lane(lane)),
        Signal::Frames(frames) => {
            for (out, frame) in out.iter_mut().zip(frames) {
                *out = frame.lane(lane);
            }
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
            rooms: (0..V::COUNT)
                .map(|_| Room::new(setup.sample_rate))
                .collect(),
            hush: Hush::new(setup.sample_rate),
            door: Door {
                frozen: 0.0,
                last: None,
                freezing: 1.0 / (FREEZING * setup.sample_rate),
                stretch: (TUNED_AT / f64::from(setup.sample_rate)) as f32,
            },
            scratch: Box::new(Scratch {
                wet: [[V::splat(0.0); MAX_FRAMES]; 2],
                frozen: [0.0; MAX_FRAMES],
                lane: Lane {
                    around: Loop {
                        back: [0.0; MAX_FRAMES],
                        keep: [0.0; MAX_FRAMES],
                    },
                    input: [0.0; MAX_FRAMES],
                    answers: [[0.0; MAX_FRAMES]; 2],
                },
            }),
        }
    }

    fn reset(&mut self) {
        self.rooms.iter_mut().for_each(Room::reset);
        self.hush.reset();
        self.door.frozen = 0.0;
    }

    fn carry(&mut self, _: &mut Porter) {}

    fn rests(&mut self) -> bool {
        let rooms = &self.rooms;
        self.hush.rests(|| rooms.iter().all(Room::is_forgotten))
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [in_left, in_right]: In<'_, V, 2>,
        [size, damping, width, freeze, mix]: In<'_, V, 5>,
        [left, right]: Out<'_, V, 2>,
    ) {
        let frames = cx.frames.min(MAX_FRAMES);
        write(in_left, left);
        write(in_right, right);
        let Scratch {
            wet,
            frozen,
            lane: single,
        } = &mut *self.scratch;
        let (size, damping) = (settled(size), settled(damping));
        let frozen = self.door.freeze(freeze, frames, frozen);
        let still = (size.constant(), damping.constant(), frozen.constant());
        let held = if let (Some(size), Some(damping), Some(frozen)) = still {
            Some(self.door.around_as_before(size, damping, V::splat(frozen)))
        } else {
            None
        };
        // So that the compiler sees that one lane is no loop, for which it would prepare at length.
        for (lane, room) in (0..V::COUNT).zip(&mut self.rooms) {
            if let Some([back, keep]) = held {
                single.around.back.fill(back.lane(lane));
                single.around.keep.fill(keep.lane(lane));
            } else {
                (self.door).steer(size, damping, frozen, lane, &mut single.around);
            }
            enter(left, right, frozen, lane, &mut single.input);
            let answers = &mut single.answers;
            room.process::<V::Wide>(frames, &single.input, &single.around, answers);
            if V::COUNT > 1 {
                for (wet, answer) in wet.iter_mut().zip(&*answers) {
                    for (wet, answer) in wet.iter_mut().zip(answer) {
                        wet.set_lane(lane, *answer);
                    }
                }
            }
        }

        let sound = left.iter_mut().zip(right.iter_mut());
        if V::COUNT > 1 {
            let [wet_left, wet_right] = &*wet;
            let wet = wet_left.iter().copied().zip(wet_right.iter().copied());
            blend_all(sound, wet, [width, mix], frames);
        } else {
            let [wet_left, wet_right] = &single.answers;
            let wet = wet_left.iter().zip(wet_right).map(
                #[inline(always)]
                |(left, right)| (V::splat(*left), V::splat(*right)),
            );
            blend_all(sound, wet, [width, mix], frames);
        }
        self.hush.hear([left, right]);
    }
}

/// [`blend`] of all frames.
#[inline(always)]
fn blend_all<'a, V: Lanes>(
    sound: impl Iterator<Item = (&'a mut V, &'a mut V)>,
    wet: impl Iterator<Item = (V, V)>,
    [width, mix]: In<'_, V, 2>,
    frames: usize,
) {
    let sound = sound.zip(wet);
    if let (Some(width), Some(mix)) = (width.constant(), mix.constant()) {
        for ((left, right), (wet_left, wet_right)) in sound {
            blend([left, right], [wet_left, wet_right], width, mix);
        }
    } else {
        let (mut widths, mut mixes) = (None, None);
        let widths = frames_of(width, frames, &mut widths);
        let levels = widths.iter().zip(frames_of(mix, frames, &mut mixes));
        for (((left, right), (wet_left, wet_right)), (width, mix)) in sound.zip(levels) {
            blend([left, right], [wet_left, wet_right], *width, *mix);
        }
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
