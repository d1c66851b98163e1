//! Low-frequency oscillator.

use core::ops::Range;

use crate::MAX_FRAMES;
use crate::contract::{Cx, In, Module, Out, Setup, Signal, Wanted};
use crate::kit::alike::{EIGHTS, alike};
use crate::kit::beats::{DIVISIONS, cycles, division};
use crate::kit::edge::{Edges, next_turn, to_gate};
use crate::kit::eight::{ramp, set_wide};
use crate::kit::math::{sin_of_phase_ahead, sin_turns};
use crate::kit::random::{bipolar, draw, lane_seeds};
use crate::kit::settled::{constants, differ};
use crate::kit::switch::{from, is_at, position, stretches};
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{
    Category, Smoothing, Spec, Voicing, choice, gate, hz, modulation, phase, seconds, toggle, unit,
};

const SHAPES: &[&str] = &[
    "sine",
    "triangle",
    "saw up",
    "saw down",
    "square",
    "random steps",
    "smooth random",
];

// The outputs, in the order of the spec.
const OUT: usize = 0;
const GATE: usize = 1;

/// A quarter turn as a phase.
const QUARTER: u32 = 1 << 30;
/// Where fading stops counting, in frames: above 20 s at 384 kHz, and exact as a float.
const FADED: f32 = 8_388_608.0;

/// Oscillator for movement, free or locked to the host's beat.
///
/// Phases are integers with 24 further bits below them, so even a period of 100 s keeps its time. Synced,
/// the phase is a function of the host's beat alone and so survives loops and jumps; a reset moves
/// it for good, so that a voice's cycle can begin with its note.
pub struct Lfo<V: Lanes> {
    place: Place<V>,
    /// Below the last bit of the free phase, 24 bits.
    fine: V::Bits,
    pace: Pace<V>,
    /// The host's place at the last reset.
    origin: Place<V>,
    /// Resets so far: every one begins another random sequence.
    resets: V::Bits,
    /// Frames since the last reset.
    since: V,
    seeds: V::Bits,
    reset: Edges<V>,
    sample_rate: f32,
}

/// The cycle, and 2^32 steps of it, at a beat.
#[inline(always)]
fn on_grid(division: usize, beat: f64) -> (u32, u32) {
    /// Added to a whole number below 2^51, this leaves the number's last bits as the last of the sum's.
    /// Vectors have this, but no conversion to 64 bits.
    const WHOLE: f64 = 6_755_399_441_055_744.0;
    let last_bits = |whole: f64| (whole + WHOLE).to_bits() as u32;
    let cycles = cycles(division, beat);
    let whole = cycles.floor();
    let phase = ((cycles - whole) * 4_294_967_296.0).floor();
    let latest = f64::from(u32::MAX);
    let phase = if phase < latest { phase } else { latest };
    (last_bits(whole), last_bits(phase))
}

/// Whole cycles, and 2^32 steps of the one that runs.
#[derive(Clone, Copy)]
struct Place<V: Lanes> {
    cycle: V::Bits,
    phase: V::Bits,
}

impl<V: Lanes> Place<V> {
    #[inline(always)]
    fn start() -> Self {
        Place {
            cycle: V::Bits::splat(0),
            phase: V::Bits::splat(0),
        }
    }

    fn carry(&mut self, porter: &mut Porter) {
        porter.bits(&mut self.cycle);
        porter.bits(&mut self.phase);
    }

    #[inline(always)]
    fn on_grid(division: usize, beat: f64) -> Self {
        let (cycle, phase) = on_grid(division, beat);
        Place {
            cycle: V::Bits::splat(cycle),
            phase: V::Bits::splat(phase),
        }
    }

    #[inline(always)]
    fn ahead(self, phase: V::Bits) -> Self {
        let sum = self.phase.wrapping_add(phase);
        // The carry out of the top bit.
        let carry =
            (self.phase & phase) | ((self.phase | phase) & (sum ^ V::Bits::splat(u32::MAX)));
        Place {
            cycle: self.cycle.wrapping_add(carry.shift_right(31)),
            phase: sum,
        }
    }

    #[inline(always)]
    fn since(self, origin: Self) -> Self {
        let difference = self.phase.wrapping_sub(origin.phase);
        let not = self.phase ^ V::Bits::splat(u32::MAX);
        let borrow = (not & origin.phase) | ((not | origin.phase) & difference);
        let cycle = self
            .cycle
            .wrapping_sub(origin.cycle)
            .wrapping_sub(borrow.shift_right(31));
        Place {
            cycle,
            phase: difference,
        }
    }

    #[inline(always)]
    fn select(self, lanes: V::Mask, other: Self) -> Self {
        Place {
            cycle: select_bits::<V>(lanes, self.cycle, other.cycle),
            phase: select_bits::<V>(lanes, self.phase, other.phase),
        }
    }
}

#[inline(always)]
fn select_bits<V: Lanes>(lanes: V::Mask, yes: V::Bits, no: V::Bits) -> V::Bits {
    let mask = V::Bits::splat(0).wrapping_sub(to_gate::<V>(lanes).to_signed());
    (yes & mask) | (no & (mask ^ V::Bits::splat(u32::MAX)))
}

/// How far the phase moves in a frame.
#[derive(Clone, Copy)]
struct Step<V: Lanes> {
    whole: V::Bits,
    /// 24 bits below the whole steps.
    below: V::Bits,
}

impl<V: Lanes> Step<V> {
    #[inline(always)]
    fn standing() -> Self {
        Step {
            whole: V::Bits::splat(0),
            below: V::Bits::splat(0),
        }
    }

    /// So many steps at once.
    #[inline(always)]
    fn times(self, count: u32) -> Self {
        Step {
            whole: self.whole.wrapping_mul(V::Bits::splat(count)),
            below: self.below.wrapping_mul(V::Bits::splat(count)),
        }
    }

    /// That of one of eight frames, in all lanes.
    #[inline(always)]
    fn spread<M: Lanes>(&self, frame: usize) -> Step<M> {
        Step {
            whole: M::Bits::splat(self.whole.lane(frame)),
            below: M::Bits::splat(self.below.lane(frame)),
        }
    }

    #[inline(always)]
    fn new(rate: V, sample_rate: f32) -> Self {
        let steps = rate * (4_294_967_296.0 / sample_rate);
        let whole = steps.floor();
        Step {
            whole: whole.to_signed(),
            below: ((steps - whole) * 16_777_216.0).to_signed(),
        }
    }
}

/// A rate that seldom moves, with its step.
#[derive(Clone, Copy)]
struct Pace<V: Lanes> {
    rate: V,
    step: Step<V>,
}

impl<V: Lanes> Pace<V> {
    fn standing() -> Self {
        Pace {
            rate: V::splat(0.0),
            step: Step::standing(),
        }
    }

    fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.rate);
        porter.bits(&mut self.step.whole);
        porter.bits(&mut self.step.below);
    }

    /// The step of a rate, computed anew only where it has moved.
    #[inline(always)]
    fn step(&mut self, rate: V, sample_rate: f32) -> Step<V> {
        if differ(rate, self.rate) {
            *self = Pace {
                rate,
                step: Step::new(rate, sample_rate),
            };
        }
        self.step
    }
}

/// The same cycle with its middle moved to `width`.
#[inline(always)]
fn skew<V: Lanes>(phase: V, width: V, before: V, after: V) -> V {
    let late = (phase - width).mul_add(after, V::splat(0.5));
    phase
        .lt(width)
        .select(phase * before, late)
        .min(V::splat(1.0))
}

/// A phase that moves evenly, in a cycle whose middle lies in the middle.
#[derive(Clone, Copy)]
struct Even<V: Lanes> {
    phase: V::Bits,
    fine: V::Bits,
    step: Step<V>,
}

impl<V: Lanes> Even<V> {
    /// Writes a wave, given as a function of the phase.
    #[inline(always)]
    fn write(self, out: &mut [V], wave: impl Fn(V::Bits) -> V) {
        let mut phases = self.phases();
        for out in out {
            *out = wave(phases());
        }
    }

    /// Gives the phase frame by frame.
    #[inline(always)]
    fn phases(self) -> impl FnMut() -> V::Bits {
        let Even {
            mut phase,
            mut fine,
            step,
        } = self;
        #[inline(always)]
        move || {
            // Up to 64 frames do not overflow the bits below the phase, as in [`Lfo::after`].
            let now = phase.wrapping_add(fine.shift_right(24));
            phase = phase.wrapping_add(step.whole);
            fine = fine.wrapping_add(step.below);
            now
        }
    }

    /// The same, some frames later.
    #[inline(always)]
    fn after(self, frames: usize) -> Self {
        let Step { whole, below } = self.step.times(frames as u32);
        Even {
            phase: self.phase.wrapping_add(whole),
            fine: self.fine.wrapping_add(below),
            ..self
        }
    }

    /// One voice, eight frames at a time.
    #[inline(always)]
    fn wide(self) -> Even<V::Wide> {
        let (whole, below) = (self.step.whole.lane(0), self.step.below.lane(0));
        let step = Step::<V::Wide> {
            whole: LaneBits::splat(whole),
            below: LaneBits::splat(below),
        };
        Even {
            phase: ramp(self.phase.lane(0), whole),
            fine: ramp(self.fine.lane(0), below),
            step: step.times(8),
        }
    }

    /// Writes a sine.
    #[inline(always)]
    fn write_sine(mut self, out: &mut [V]) {
        self.phase = self.phase.wrapping_add(V::Bits::splat(QUARTER));
        let mut rest = out;
        if V::COUNT == 1 {
            let (eights, others) = rest.as_chunks_mut();
            let mut phases = self.wide().phases();
            self = self.after(8 * eights.len());
            for eight in eights {
                set_wide(eight, sin_of_phase_ahead(phases()));
            }
            rest = others;
        }
        self.write(
            rest,
            #[inline(always)]
            |phase| sin_of_phase_ahead(phase),
        );
    }
}

impl<V: Lanes> Lfo<V> {
    #[inline(always)]
    fn start_anew(&mut self, lanes: V::Mask, grid: Place<V>) {
        self.place = Place::start().select(lanes, self.place);
        self.fine = select_bits::<V>(lanes, V::Bits::splat(0), self.fine);
        self.origin = grid.select(lanes, self.origin);
        self.resets = self.resets.wrapping_add(to_gate::<V>(lanes).to_signed());
        self.since = lanes.select(V::splat(0.0), self.since);
    }

    /// Frames since the last reset, some frames later.
    #[inline(always)]
    fn later(&self, frames: usize) -> V {
        (self.since + frames as i32 as f32).min(V::splat(FADED))
    }

    /// Whether every lane has faded in, and will stay so throughout the call.
    #[inline(always)]
    fn has_faded(&self, fade: Signal<'_, V>) -> bool {
        fade.constant()
            .is_some_and(|fade| !self.since.lt(fade * self.sample_rate).any())
    }

    /// Where the phase stands after some frames, at most [`MAX_FRAMES`]: then neither the bits below
    /// it nor, at 100 Hz and 8 kHz, the phase itself can wrap twice.
    #[inline(always)]
    fn after(&self, frames: usize, step: Step<V>) -> (Place<V>, V::Bits) {
        let frames = V::Bits::splat(frames as u32);
        let fine = self.fine.wrapping_add(step.below.wrapping_mul(frames));
        let place = self.place.ahead(
            step.whole
                .wrapping_mul(frames)
                .wrapping_add(fine.shift_right(24)),
        );
        (place, fine & V::Bits::splat(0x00ff_ffff))
    }

    /// The whole of a run in which the phase moves evenly and nothing moves the wave, if that is
    /// what it is and the wave draws nothing at random.
    #[inline(always)]
    fn draw_even(
        &mut self,
        wanted: Wanted,
        step: Step<V>,
        [shape, phase, width]: [V; 3],
        out: &mut [V],
        gate: &mut [V],
    ) -> bool {
        let shape = position(shape);
        let half = V::splat(0.5);
        if shape > 4 || (width - half).abs().gt(V::splat(0.0)).any() {
            return false;
        }
        let none = V::splat(0.0);
        // Mostly there is none, and then nothing has to wait for it.
        let start = match phase.abs().gt(none).any() {
            true => phase.to_phase(),
            false => V::Bits::splat(0),
        };
        let run = Even {
            phase: self.place.phase.wrapping_add(start),
            fine: self.fine,
            step,
        };
        let one = V::splat(1.0);
        if wanted.has(GATE) {
            run.write(
                gate,
                #[inline(always)]
                |phase| to_gate(V::from_phase(phase).lt(half)),
            );
        }
        if wanted.has(OUT) {
            match shape {
                0 => run.write_sine(out),
                1 => run.write(
                    out,
                    #[inline(always)]
                    |phase| one - (V::from_phase(phase) - 0.5).abs() * 4.0,
                ),
                2 => run.write(
                    out,
                    #[inline(always)]
                    |phase| V::from_phase(phase) * 2.0 - 1.0,
                ),
                3 => run.write(
                    out,
                    #[inline(always)]
                    |phase| one - V::from_phase(phase) * 2.0,
                ),
                _ => run.write(
                    out,
                    #[inline(always)]
                    |phase| V::from_phase(phase).lt(half).select(one, -one),
                ),
            }
        }
        (self.place, self.fine) = self.after(out.len(), step);
        true
    }

    /// Where the song stands in each frame of a run.
    #[inline(always)]
    fn find_grid(
        &self,
        cx: &Cx<'_>,
        division: Signal<'_, V>,
        run: Range<usize>,
        grid: &mut [(u32, u32); MAX_FRAMES],
    ) {
        for (stretch, division) in stretches(from(division, run.start), run.len()) {
            let first = run.start + stretch.start;
            for (frame, place) in grid[stretch].iter_mut().enumerate() {
                *place = on_grid(division, cx.beat(first + frame));
            }
        }
    }

    /// The waves at these places, which begin at frame `first` of the call.
    #[inline(always)]
    fn draw(
        &self,
        wanted: Wanted,
        cycles: &mut [V::Bits; MAX_FRAMES],
        phases: &[V::Bits; MAX_FRAMES],
        first: usize,
        [shape, phase, width]: In<'_, V, 3>,
        out: &mut [V],
        gate: &mut [V],
    ) {
        let (one, half) = (V::splat(1.0), V::splat(0.5));
        let mut turns = [half; MAX_FRAMES];
        let turns = &mut turns[..out.len()];
        let places = cycles
            .iter_mut()
            .zip(phases.iter().copied())
            .zip(turns.iter_mut());
        if let (Some(offset), Some(width)) = (phase.constant(), width.constant()) {
            let (offset, (before, after)) = (offset.to_phase(), slopes(width));
            for ((cycle, phase), turn) in places {
                let place = Place::<V> {
                    cycle: *cycle,
                    phase,
                }
                .ahead(offset);
                *cycle = place.cycle;
                *turn = skew(V::from_phase(place.phase), width, before, after);
            }
        } else {
            for (frame, ((cycle, phase_now), turn)) in (first..).zip(places) {
                let place = Place::<V> {
                    cycle: *cycle,
                    phase: phase_now,
                }
                .ahead(phase.at(frame).to_phase());
                let width = width.at(frame);
                let (before, after) = slopes(width);
                *cycle = place.cycle;
                *turn = skew(V::from_phase(place.phase), width, before, after);
            }
        }
        if wanted.has(GATE) {
            for (gate, turn) in gate.iter_mut().zip(turns.iter()) {
                *gate = to_gate(turn.lt(half));
            }
        }
        if !wanted.has(OUT) {
            return;
        }

        let seeds = self
            .seeds
            .wrapping_add(self.resets.wrapping_mul(V::Bits::splat(0x632b_e5ab)));
        for (stretch, shape) in stretches(from(shape, first), turns.len()) {
            let (turns, cycles) = (&turns[stretch.clone()], &cycles[stretch.clone()]);
            let out = &mut out[stretch];
            match shape {
                0 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| sin_turns(turn),
                ),
                1 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| one - (turn - 0.5).abs() * 4.0,
                ),
                2 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| turn * 2.0 - 1.0,
                ),
                3 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| one - turn * 2.0,
                ),
                4 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| turn.lt(half).select(one, -one),
                ),
                5 => draw_cycles(
                    out,
                    cycles,
                    turns,
                    #[inline(always)]
                    |cycle| random::<V>(seeds, cycle),
                    #[inline(always)]
                    |here, _| here,
                ),
                _ => draw_cycles(
                    out,
                    cycles,
                    turns,
                    #[inline(always)]
                    |cycle| {
                        let next = cycle.wrapping_add(V::Bits::splat(1));
                        (random::<V>(seeds, cycle), random::<V>(seeds, next))
                    },
                    #[inline(always)]
                    |(here, there), turn| {
                        // Level at both ends, so that cycles join smoothly.
                        let way = turn * turn * (V::splat(3.0) - turn * 2.0);
                        (there - here).mul_add(way, here)
                    },
                ),
            }
        }
    }
}

/// Turns a wave from -1 to 1 into one from 0 to 1.
#[inline(always)]
fn lift<V: Lanes>(out: &mut [V]) {
    for out in out {
        *out = (*out + 1.0) * 0.5;
    }
}

/// How steep the halves of a cycle are whose middle lies at `width`.
#[inline(always)]
fn slopes<V: Lanes>(width: V) -> (V, V) {
    let (one, half) = (V::splat(1.0), V::splat(0.5));
    (
        half / width.max(V::splat(1e-6)),
        half / (one - width).max(V::splat(1e-6)),
    )
}

/// The random value of a cycle.
#[inline(always)]
fn random<V: Lanes>(seeds: V::Bits, cycle: V::Bits) -> V {
    bipolar::<V>(draw(seeds, cycle))
}

/// Draws a wave that is a function of where in its cycle it is.
#[inline(always)]
fn draw_turns<V: Lanes>(out: &mut [V], turns: &[V], wave: impl Fn(V) -> V) {
    for (out, turn) in out.iter_mut().zip(turns) {
        *out = wave(*turn);
    }
}

/// Draws a wave that is also a function of its cycle. What `known` finds out about a cycle is found
/// out once where all frames lie in the same one, as they mostly do.
#[inline(always)]
fn draw_cycles<V: Lanes, K: Copy>(
    out: &mut [V],
    cycles: &[V::Bits],
    turns: &[V],
    known: impl Fn(V::Bits) -> K,
    wave: impl Fn(K, V) -> V,
) {
    let Some(first) = cycles.first() else {
        return;
    };
    let mut moved = V::Bits::splat(0);
    for cycle in cycles {
        moved = moved | (*cycle ^ *first);
    }
    if !V::from_signed(moved).abs().gt(V::splat(0.0)).any() {
        let known = known(*first);
        for (out, turn) in out.iter_mut().zip(turns) {
            *out = wave(known, *turn);
        }
        return;
    }
    for ((out, cycle), turn) in out.iter_mut().zip(cycles).zip(turns) {
        *out = wave(known(*cycle), *turn);
    }
}

impl<V: Lanes> Module<V, 1, 8, 2> for Lfo<V> {
    const SPEC: Spec<1, 8, 2> = Spec {
        id: "lfo",
        name: "LFO",
        category: Category::Modulation,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Slow waves and random movement, free or in time with the song.",
        inputs: [gate("reset", "Starts the cycle anew when it goes high.")],
        params: [
            choice("shape", SHAPES, 0, "The wave."),
            hz(
                "rate",
                0.01,
                100.0,
                1.0,
                "Cycles a second while sync is off.",
            )
            .smoothed(Smoothing::None),
            toggle(
                "sync",
                false,
                "Keeps time with the song instead of the rate.",
            ),
            choice(
                "division",
                DIVISIONS,
                division("1/4"),
                "How long a cycle lasts while sync is on.",
            ),
            phase("phase", 0.0, "Where in its cycle the wave starts."),
            unit(
                "width",
                0.0,
                1.0,
                0.5,
                "Where the middle of the cycle lies: skews waves, widens the square.",
            ),
            toggle("unipolar", false, "Runs from 0 to 1 instead of -1 to 1."),
            seconds("fade", 0.0, 20.0, 0.0, "Time to fade in after a reset."),
        ],
        outputs: [
            modulation("out", "The wave."),
            gate("gate", "High in the first half of each cycle."),
        ],
    };

    fn new(setup: &Setup) -> Self {
        Lfo {
            place: Place::start(),
            fine: V::Bits::splat(0),
            pace: Pace::standing(),
            origin: Place::start(),
            resets: V::Bits::splat(0),
            since: V::splat(0.0),
            seeds: lane_seeds(setup.seed),
            reset: Edges::new(),
            sample_rate: setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        self.place = Place::start();
        self.fine = V::Bits::splat(0);
        self.origin = Place::start();
        self.resets = V::Bits::splat(0);
        self.since = V::splat(0.0);
        self.reset = Edges::new();
    }

    fn carry(&mut self, porter: &mut Porter) {
        self.place.carry(porter);
        porter.bits(&mut self.fine);
        self.pace.carry(porter);
        self.origin.carry(porter);
        porter.bits(&mut self.resets);
        porter.lane(&mut self.since);
        porter.bits(&mut self.seeds);
        self.reset.carry(porter);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [reset]: In<'_, V, 1>,
        [shape, rate, sync, division, phase, width, unipolar, fade]: In<'_, V, 8>,
        [out, gate]: Out<'_, V, 2>,
    ) {
        let turns = self.reset.turns(reset, cx.frames);
        // The common case stands by itself: nothing moves but the wave.
        if turns == 0
            && let Some([shape, rate, sync, phase, width, unipolar]) =
                constants([shape, rate, sync, phase, width, unipolar])
            && !is_at(sync, 1)
            && self.has_faded(fade)
        {
            let step = self.pace.step(rate, self.sample_rate);
            if self.draw_even(cx.wanted, step, [shape, phase, width], out, gate) {
                if is_at(unipolar, 1) {
                    lift(out);
                }
                self.since = self.later(cx.frames);
                self.reset.finish(reset, cx.frames);
                return;
            }
        }
        for (stretch, synced) in stretches(sync, cx.frames) {
            let mut start = stretch.start;
            while start < stretch.end {
                let run = start..next_turn(turns, start + 1, stretch.end);
                start = run.end;
                if turns >> run.start & 1 == 1 {
                    let grid = Place::on_grid(position(division.at(run.start)), cx.beat(run.start));
                    self.start_anew(self.reset.rises_at(reset, run.start), grid);
                }

                let (out, gate) = (&mut out[run.clone()], &mut gate[run.clone()]);
                let waves = [shape, phase, width];
                let pace = rate
                    .constant()
                    .filter(|_| synced != 1)
                    .map(|rate| self.pace.step(rate, self.sample_rate));
                let drawn = match pace {
                    Some(step) if !cx.wanted.has(OUT) && !cx.wanted.has(GATE) => {
                        (self.place, self.fine) = self.after(run.len(), step);
                        true
                    }
                    Some(step) => constants(waves).is_some_and(
                        #[inline(always)]
                        |waves| self.draw_even(cx.wanted, step, waves, out, gate),
                    ),
                    None => false,
                };
                if !drawn {
                    let mut cycles = [V::Bits::splat(0); MAX_FRAMES];
                    let mut phases = [V::Bits::splat(0); MAX_FRAMES];
                    let places = cycles.iter_mut().zip(phases.iter_mut()).zip(run.clone());
                    if synced == 1 {
                        let mut grid = [(0, 0); MAX_FRAMES];
                        self.find_grid(cx, division, run.clone(), &mut grid);
                        for (((cycle, phase), _), grid) in places.zip(grid) {
                            self.place = Place {
                                cycle: V::Bits::splat(grid.0),
                                phase: V::Bits::splat(grid.1),
                            }
                            .since(self.origin);
                            (*cycle, *phase) = (self.place.cycle, self.place.phase);
                        }
                    } else if let Some(step) = pace {
                        for (count, ((cycle, phase), _)) in places.enumerate() {
                            let (place, _) = self.after(count, step);
                            (*cycle, *phase) = (place.cycle, place.phase);
                        }
                        (self.place, self.fine) = self.after(run.len(), step);
                    } else if let Some(rates) = alike(rate) {
                        let mut steps = [Step::<V::Wide>::standing(); EIGHTS];
                        for (step, rates) in steps.iter_mut().zip(rates) {
                            *step = Step::new(rates, self.sample_rate);
                        }
                        for ((cycle, phase), frame) in places {
                            (*cycle, *phase) = (self.place.cycle, self.place.phase);
                            let step = steps[frame / 8 % EIGHTS].spread(frame % 8);
                            (self.place, self.fine) = self.after(1, step);
                        }
                    } else {
                        for ((cycle, phase), frame) in places {
                            (*cycle, *phase) = (self.place.cycle, self.place.phase);
                            (self.place, self.fine) =
                                self.after(1, Step::new(rate.at(frame), self.sample_rate));
                        }
                    }
                    self.draw(cx.wanted, &mut cycles, &phases, run.start, waves, out, gate);
                }

                let since = self.since;
                for (stretch, unipolar) in stretches(from(unipolar, run.start), run.len()) {
                    if unipolar == 1 {
                        lift(&mut out[stretch]);
                    }
                }
                if !self.has_faded(fade) {
                    for (count, out) in out.iter_mut().enumerate() {
                        let length = fade.at(run.start + count) * self.sample_rate;
                        let since = (since + count as f32).min(V::splat(FADED));
                        let risen = since / length.max(V::splat(1.0));
                        *out *= since.lt(length).select(risen, V::splat(1.0));
                    }
                }
                self.since = self.later(run.len());
            }
        }
        self.reset.finish(reset, cx.frames);
    }
}
