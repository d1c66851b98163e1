//! Low-frequency oscillator.

mod even;
mod place;
mod waves;

use core::ops::Range;

use self::place::{Pace, Place, Step, on_grid, select_bits};
use crate::MAX_FRAMES;
use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::alike::{EIGHTS, alike};
use crate::kit::beats::{DIVISIONS, division};
use crate::kit::edge::{Edges, next_turn, to_gate};
use crate::kit::random::lane_seeds;
use crate::kit::settled::constants;
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
}

/// Turns a wave from -1 to 1 into one from 0 to 1.
#[inline(always)]
fn lift<V: Lanes>(out: &mut [V]) {
    for out in out {
        *out = (*out + 1.0) * 0.5;
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
