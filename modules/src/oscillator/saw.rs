//! A sawtooth wave.

use crate::contract::{Cx, In, Knob, Knobs, Module, Out, Setup, Signal};
use crate::kit::crossing::each;
use crate::kit::phasor::{Controls, Gliding, Moving, Pass, Phasor, Steady, sheet};
use crate::kit::step::Breaks;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, Spec, Voicing};

/// The second output in the spec.
const SYNC: usize = 1;
/// The second param.
const FINE: usize = 1;

/// Sawtooth oscillator with band-limited steps.
pub struct Saw<V: Lanes> {
    phasor: Phasor<V>,
    breaks: Breaks<V>,
    moving: Moving<V>,
}

impl<V: Lanes> Module<V, 2, 4, 2> for Saw<V> {
    const SPEC: Spec<2, 4, 2> = Spec {
        id: "saw",
        name: "Saw",
        category: Category::Oscillator,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "A bright wave with all harmonics, free of aliases.",
        inputs: [sheet::FM, sheet::SYNC],
        params: [sheet::PITCH, sheet::FINE, sheet::START, sheet::FM_DEPTH],
        outputs: sheet::OUTPUTS,
    };

    const SHARES: u32 = 1 << FINE;

    fn new(setup: &Setup) -> Self {
        Saw {
            phasor: Phasor::new(setup.sample_rate),
            breaks: Breaks::new(),
            moving: Moving::new(),
        }
    }

    fn reset(&mut self) {
        self.phasor.reset();
        self.breaks.reset();
    }

    fn carry(&mut self, porter: &mut Porter) {
        self.phasor.carry(porter);
        self.breaks.carry(porter);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [fm, sync]: In<'_, V, 2>,
        [pitch, fine, start, fm_depth]: In<'_, V, 4>,
        [out, sync_out]: Out<'_, V, 2>,
    ) {
        let controls = Controls {
            pitch,
            fine,
            start,
            fm,
            fm_depth,
            sync,
        };
        match self.phasor.steady(cx.frames, controls) {
            Some(steady) => {
                if cx.wanted.has(SYNC) {
                    steady.write_sync(sync_out);
                }
                self.draw_steady(steady, out);
            }
            None => {
                self.phasor.moving(cx.frames, controls, &mut self.moving);
                if cx.wanted.has(SYNC) {
                    self.moving.write_sync(sync_out);
                }
                self.draw_moving(out);
            }
        }
    }

    #[inline(always)]
    fn process_shared(
        &mut self,
        cx: &Cx<'_>,
        [fm, sync]: In<'_, V, 2>,
        [pitch, fine, start, fm_depth]: Knobs<'_, V, 4>,
        [out, sync_out]: Out<'_, V, 2>,
    ) {
        let Knob::Shared(fine) = fine else {
            return;
        };
        let controls = Controls {
            pitch: pitch.apart(),
            fine: Signal::Constant(V::splat(0.0)),
            start: start.apart(),
            fm,
            fm_depth: fm_depth.apart(),
            sync,
        };
        if !cx.wanted.has(SYNC) {
            let breaks = &self.breaks;
            let mut glide = Gliding::new();
            if self.phasor.gliding(
                fine,
                controls,
                #[inline(always)]
                |haste| !breaks.is_sudden(haste * 2.0).any(),
                out,
                &mut glide,
            ) {
                return self.draw_gliding(&glide, out);
            }
        }
        self.phasor
            .moving_tuned(cx.frames, fine, controls, &mut self.moving);
        if cx.wanted.has(SYNC) {
            self.moving.write_sync(sync_out);
        }
        self.draw_moving(out);
    }
}

/// The wave itself. A line that is late lies lower by what it rises in that time.
#[inline(always)]
fn naive<V: Lanes>(phase: V::Bits, step: V, delay: f32) -> V {
    V::from_signed(phase.wrapping_add(V::Bits::splat(1 << 31)))
        .mul_add(V::splat(UNIT), step * (-2.0 * delay))
}

impl<V: Lanes> Saw<V> {
    #[inline(always)]
    fn start(&mut self, first: usize, before: V::Bits, step: V) {
        if first > 0 {
            let start = before
                .wrapping_add(step.to_phase())
                .wrapping_add(V::Bits::splat(1 << 31));
            self.breaks.start(V::from_signed(start) * UNIT, step * 2.0);
        }
    }

    #[inline(always)]
    fn draw_steady(&mut self, steady: Steady<V>, out: &mut [V]) {
        self.start(steady.first, steady.before, steady.step);
        let mut found = Found::none();
        each(
            steady.may_pass(V::Bits::splat(0), out.len()),
            #[inline(always)]
            |lane| {
                let mut passes = steady.passes(lane, 0);
                while let Some(pass) = passes.next(out.len()) {
                    found.add(lane, pass, &mut self.breaks);
                }
            },
        );
        found.jump(&mut self.breaks);
        let delay = self.breaks.delay();
        self.breaks.draw(
            out,
            steady.values(
                #[inline(always)]
                |phase| naive(phase, steady.step, delay),
            ),
        );
    }

    #[inline(always)]
    fn draw_moving(&mut self, out: &mut [V]) {
        let moving = &self.moving;
        let restarts = moving.restarts != 0;
        let sudden = self.breaks.is_sudden(moving.greatest_haste * 2.0);
        self.start(moving.first, moving.before, moving.steps[0]);
        if restarts || sudden.any() {
            self.break_anyhow(out.len());
        } else {
            self.break_at_turns();
        }
        let moving = &self.moving;
        let delay = self.breaks.delay();
        let places = moving.phases.iter().zip(&moving.steps);
        for (out, (phase, step)) in out.iter_mut().zip(places) {
            *out = naive(*phase, *step, delay);
        }
        self.breaks.correct(out);
    }

    /// Draws over the phases that lie in its place.
    #[inline(always)]
    fn draw_gliding(&mut self, glide: &Gliding<V>, out: &mut [V]) {
        let mut found = Found::none();
        for lane in 0..V::COUNT {
            each(
                glide.lane_breaks(lane),
                #[inline(always)]
                |frame| found.add(lane, glide.pass(out, frame, lane), &mut self.breaks),
            );
        }
        found.jump(&mut self.breaks);
        let delay = self.breaks.delay();
        self.breaks.draw_over(
            out,
            &glide.tunings,
            #[inline(always)]
            |phase, tuning| naive(phase.to_bits(), glide.untuned * tuning, delay),
        );
    }

    /// The breaks of a call in which the phase passes whole turns at most.
    #[inline(always)]
    fn break_at_turns(&mut self) {
        let mut found = Found::none();
        for lane in 0..V::COUNT {
            each(
                self.moving.lane_breaks(lane),
                #[inline(always)]
                |frame| found.add(lane, self.moving.pass(frame, lane), &mut self.breaks),
            );
        }
        found.jump(&mut self.breaks);
    }

    /// The breaks of a call in which anything may happen.
    #[inline(always)]
    fn break_anyhow(&mut self, frames: usize) {
        let moving = &self.moving;
        let events = moving.events(
            frames,
            #[inline(always)]
            |frame| self.breaks.is_sudden(moving.haste(frame) * 2.0).any(),
        );
        each(
            events,
            #[inline(always)]
            |frame| {
                self.breaks.turn(frame, moving.haste(frame) * 2.0);
                each(
                    moving.breaks(frame),
                    #[inline(always)]
                    |lane| {
                        let (stretch, after) = moving.stretches(frame, lane);
                        for (direction, age) in stretch.passes(0, 0) {
                            self.breaks.jump(frame, lane, age, -2.0 * direction);
                        }
                        if let Some(after) = after {
                            let height = |phase: u32| phase.wrapping_sub(1 << 31) as i32 as f32;
                            let drop = height(after.from) - height(stretch.to());
                            self.breaks.jump(frame, lane, after.begin, drop * UNIT);
                            for (direction, age) in after.passes(0, 0) {
                                self.breaks.jump(frame, lane, age, -2.0 * direction);
                            }
                        }
                    },
                );
            },
        );
    }
}

/// Passed turns of many voices, which are found first and drawn then, so that neither waits for the other.
struct Found {
    /// The lane of each, and when it was.
    passes: [(usize, Pass); FOUND],
    count: usize,
}

/// How many passed turns are found before they are drawn.
const FOUND: usize = 16;

impl Found {
    #[inline(always)]
    fn none() -> Self {
        Found {
            passes: [(0, Pass::default()); FOUND],
            count: 0,
        }
    }

    /// Keeps one; that of a voice by itself is drawn at once.
    #[inline(always)]
    fn add<V: Lanes>(&mut self, lane: usize, pass: Pass, breaks: &mut Breaks<V>) {
        if V::COUNT == 1 {
            return jump(breaks, lane, pass);
        }
        self.passes[self.count] = (lane, pass);
        self.count += 1;
        if self.count == FOUND {
            self.jump(breaks);
        }
    }

    /// Draws all that were found.
    #[inline(always)]
    fn jump<V: Lanes>(&mut self, breaks: &mut Breaks<V>) {
        for (lane, pass) in &self.passes[..self.count] {
            jump(breaks, *lane, *pass);
        }
        self.count = 0;
    }
}

/// Draws the jump at a passed turn.
#[inline(always)]
fn jump<V: Lanes>(breaks: &mut Breaks<V>, lane: usize, pass: Pass) {
    breaks.jump(pass.frame, lane, pass.age, -2.0 * pass.direction);
}

/// What one step of a phase adds to a wave that spans 2.
const UNIT: f32 = 1.0 / 2_147_483_648.0;
