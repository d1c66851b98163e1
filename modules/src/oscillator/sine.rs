//! A sine wave.

use crate::MAX_FRAMES;
use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::crossing::each;
use crate::kit::eight::{ramp, set_wide, wide, wide_bits};
use crate::kit::math::{minus_cos_of_phase, minus_cos_within_a_turn, round};
use crate::kit::phasor::{Controls, Moving, Phasor, Steady, sheet};
use crate::kit::settled::{differ, settled};
use crate::kit::step::Breaks;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, Spec, Voicing, modulation, number, unit};

/// The second output in the spec.
const SYNC: usize = 1;
/// Turns that full feedback bends the phase by.
const FEEDBACK: f32 = 0.25;
/// Turns of phase modulation beyond which it is limited; far more than can be heard as such.
const MOST: f32 = 4_096.0;

/// Sine oscillator with linear frequency modulation through zero, phase modulation and feedback.
pub struct Sine<V: Lanes> {
    phasor: Phasor<V>,
    breaks: Breaks<V>,
    moving: Moving<V>,
    /// The step of the last even movement, and its [`lead`].
    lead: (V, V::Bits),
    /// The last two frames of the wave, the newest first.
    last: [V; 2],
    last_shift: V,
}

impl<V: Lanes> Module<V, 3, 6, 2> for Sine<V> {
    const SPEC: Spec<3, 6, 2> = Spec {
        id: "sine",
        name: "Sine",
        category: Category::Oscillator,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "A pure tone, and the stuff of FM.",
        inputs: [
            modulation("fm", "Linear frequency modulation, through zero."),
            modulation("phase-mod", "Shifts the phase."),
            sheet::SYNC,
        ],
        params: [
            sheet::PITCH,
            sheet::FINE,
            sheet::START,
            sheet::FM_DEPTH,
            number(
                "phase-mod-depth",
                0.0,
                4.0,
                1.0,
                "How far the phase-mod input shifts the phase: 1 is a whole turn.",
            ),
            unit(
                "feedback",
                0.0,
                1.0,
                0.0,
                "How far the wave shifts its own phase: from a sine to a rough saw.",
            ),
        ],
        outputs: sheet::OUTPUTS,
    };

    fn new(setup: &Setup) -> Self {
        Sine {
            phasor: Phasor::new(setup.sample_rate),
            breaks: Breaks::new(),
            moving: Moving::new(),
            lead: (V::splat(0.0), lead(V::splat(0.0), 0.0)),
            last: [V::splat(0.0); 2],
            last_shift: V::splat(0.0),
        }
    }

    fn reset(&mut self) {
        self.phasor.reset();
        self.breaks.reset();
        self.last = [V::splat(0.0); 2];
        self.last_shift = V::splat(0.0);
    }

    fn carry(&mut self, porter: &mut Porter) {
        self.phasor.carry(porter);
        self.breaks.carry(porter);
        porter.lanes(&mut self.last);
        porter.lane(&mut self.last_shift);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [fm, phase_mod, sync]: In<'_, V, 3>,
        [pitch, fine, start, fm_depth, phase_mod_depth, feedback]: In<'_, V, 6>,
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
        let mut scratch;
        let shift = match (phase_mod.constant(), phase_mod_depth.constant()) {
            (Some(phase_mod), Some(depth)) => Signal::Constant(shift_of(phase_mod, depth)),
            _ => {
                scratch = [V::splat(0.0); MAX_FRAMES];
                phase_mod.map_with(phase_mod_depth, &mut scratch, cx.frames, shift_of)
            }
        };
        let none = V::splat(0.0);
        let pure = settled(feedback)
            .constant()
            .is_some_and(|feedback| feedback.abs().le(none).all());
        let delay = self.breaks.delay();
        match self.phasor.steady(cx.frames, controls) {
            Some(steady) => {
                if cx.wanted.has(SYNC) {
                    steady.write_sync(sync_out);
                }
                if differ(steady.step, self.lead.0) {
                    self.lead = (steady.step, lead(steady.step, delay));
                }
                let steady = steady.ahead(self.lead.1);
                match shift {
                    Signal::Constant(shift) if pure && shift.abs().le(none).all() => {
                        draw(steady, out);
                    }
                    Signal::Constant(shift) => {
                        steady.write(
                            out,
                            #[inline(always)]
                            |phase| turns(phase, shift),
                        );
                        self.bend(pure, feedback, out);
                    }
                    Signal::Frames(shift) => {
                        let mut phases = steady.values(
                            #[inline(always)]
                            |phase| V::from_bits(phase),
                        );
                        for (out, shift) in out.iter_mut().zip(shift) {
                            *out = turns(phases().to_bits(), *shift);
                        }
                        self.bend(pure, feedback, out);
                    }
                }
            }
            None => {
                self.phasor.moving(cx.frames, controls, &mut self.moving);
                if cx.wanted.has(SYNC) {
                    self.moving.write_sync(sync_out);
                }
                draw_moving(&self.moving, delay, shift, out);
                self.bend(pure, feedback, out);
                self.restart(shift);
            }
        }
        match out {
            [.., second, first] => self.last = [*first, *second],
            [only] => self.last = [*only, self.last[0]],
            [] => {}
        }
        self.last_shift = match shift {
            Signal::Constant(shift) => shift,
            Signal::Frames(shift) => shift.last().copied().unwrap_or(self.last_shift),
        };
        self.breaks.correct(out);
    }
}

/// Turns by which the phase is shifted.
#[inline(always)]
fn shift_of<V: Lanes>(phase_mod: V, depth: V) -> V {
    (phase_mod * depth).clamp(-MOST, MOST)
}

/// How far ahead of a phase that moves at this step the phase is that [`wave`] takes.
///
/// A quarter turn, but late as the corrections of all oscillators are, so that waves of one pitch stay
/// together. As a phase, so that the wave of an even movement need not look for whole turns.
#[inline(always)]
fn lead<V: Lanes>(step: V, delay: f32) -> V::Bits {
    // More than a turn, so an eighth of it is converted.
    let late = (step * (delay * 536_870_912.0)).truncate().shift_left(3);
    V::Bits::splat(1 << 30).wrapping_sub(late)
}

/// The wave a quarter turn before so many turns, free of negative zeros as [`Breaks::correct`] wants it.
#[inline(always)]
fn wave<V: Lanes>(turns: V) -> V {
    minus_cos_within_a_turn(turns - round(turns))
}

/// A phase as turns, moved on by some.
#[inline(always)]
fn turns<V: Lanes>(phase: V::Bits, offset: V) -> V {
    V::from_signed(phase).mul_add(V::splat(1.0 / 4_294_967_296.0), offset)
}

/// Draws the wave of a phase that moves evenly: [`wave`] of [`turns`] without an offset.
#[inline(always)]
fn draw<V: Lanes>(steady: Steady<V>, out: &mut [V]) {
    if V::COUNT > 1 {
        steady.write(
            out,
            #[inline(always)]
            |phase| minus_cos_of_phase(phase),
        );
        return;
    }
    let (eights, rest) = out.as_chunks_mut::<8>();
    let (before, step) = (steady.before.lane(0), steady.increment.lane(0));
    let mut phases = ramp(before.wrapping_add(step), step);
    let done = step.wrapping_mul(8 * eights.len() as u32);
    for eight in eights {
        set_wide(eight, minus_cos_of_phase(phases));
        phases = phases.wrapping_add(LaneBits::splat(step.wrapping_mul(8)));
    }
    steady.ahead(V::Bits::splat(done)).write(
        rest,
        #[inline(always)]
        |phase| minus_cos_of_phase(phase),
    );
}

/// Writes the turns that [`wave`] takes.
#[inline(always)]
fn draw_moving<V: Lanes>(moving: &Moving<V>, delay: f32, shift: Signal<'_, V>, out: &mut [V]) {
    let mut done = 0;
    if V::COUNT == 1 {
        let (phases, steps) = (moving.phases.as_chunks().0, moving.steps.as_chunks().0);
        let eights = out
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .zip(phases.iter().zip(steps));
        for (out, (phases, steps)) in eights {
            let shift = match shift {
                Signal::Constant(shift) => V::Wide::splat(shift.lane(0)),
                Signal::Frames(shift) => shift
                    .as_chunks()
                    .0
                    .get(done / 8)
                    .map_or(V::Wide::splat(0.0), wide),
            };
            let phases = wide_bits::<V>(phases).wrapping_add(lead(wide(steps), delay));
            set_wide(out, turns(phases, shift));
            done += 8;
        }
    }
    let places = moving.phases.iter().zip(&moving.steps).skip(done);
    let out = &mut out[done..];
    match shift {
        Signal::Constant(shift) => {
            for (out, (phase, step)) in out.iter_mut().zip(places) {
                *out = turns(phase.wrapping_add(lead(*step, delay)), shift);
            }
        }
        Signal::Frames(shift) => {
            for ((out, shift), (phase, step)) in
                out.iter_mut().zip(shift.iter().skip(done)).zip(places)
            {
                *out = turns(phase.wrapping_add(lead(*step, delay)), *shift);
            }
        }
    }
}

impl<V: Lanes> Sine<V> {
    /// Writes the wave in place of the turns that it takes; `pure` is without feedback.
    ///
    /// Feedback takes the mean of the last two frames, which keeps it from hunting between them
    /// (Tomisawa, US patent 4,249,447).
    #[inline(always)]
    fn bend(&self, pure: bool, feedback: Signal<'_, V>, frames: &mut [V]) {
        if pure {
            for frame in frames {
                *frame = wave(*frame);
            }
            return;
        }
        let mut last = self.last;
        for (frame, value) in frames.iter_mut().enumerate() {
            let bend = feedback.at(frame) * (0.5 * FEEDBACK) * (last[0] + last[1]);
            *value = wave(*value + bend);
            last = [*value, last[0]];
        }
    }

    /// Corrects the jumps of restarts.
    #[inline(always)]
    fn restart(&mut self, shift: Signal<'_, V>) {
        let moving = &self.moving;
        each(
            moving.restarts,
            #[inline(always)]
            |frame| {
                let [age, start] = moving.restart(frame);
                let before = frame
                    .checked_sub(1)
                    .map_or(self.last_shift, |frame| shift.at(frame));
                // What the phase gains from modulation beside its own step, as a straight line.
                let drift = (shift.at(frame) - before).clamp(-0.5, 0.5);
                let there = shift.at(frame) + drift * (V::splat(self.breaks.delay()) - age);
                let step = moving.steps[frame];
                let old = step * (V::splat(1.0) - age);
                let from =
                    V::from_phase(moving.previous(frame).wrapping_add(old.to_phase())) + there;
                self.breaks
                    .sine_jump(frame, age, from, start + there, step + drift);
            },
        );
    }
}
