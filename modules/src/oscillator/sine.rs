//! A sine wave.

use crate::MAX_FRAMES;
use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::crossing::each;
use crate::kit::math::sin_turns;
use crate::kit::phasor::{Controls, Moving, Phasor};
use crate::kit::settled::settled;
use crate::kit::step::Breaks;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{
    Category, Spec, Voicing, audio, cents, modulation, number, octaves, phase, unit,
};

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
            audio("sync", "Restarts the wave at every rise through 0."),
        ],
        params: [
            octaves("pitch", -6.0, 6.0, 0.0, "Pitch in octaves from middle C."),
            cents("fine", -100.0, 100.0, 0.0, "Fine tuning."),
            phase("phase", 0.0, "Where in its cycle the wave starts."),
            number(
                "fm-depth",
                0.0,
                8.0,
                1.0,
                "How far fm bends the frequency: 1 is up to twice, down to 0.",
            ),
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
        outputs: [
            audio("out", "The wave."),
            audio(
                "sync",
                "Rises through 0 once a cycle, to sync another oscillator.",
            ),
        ],
    };

    fn new(setup: &Setup) -> Self {
        Sine {
            phasor: Phasor::new(setup.sample_rate),
            breaks: Breaks::new(),
            moving: Moving::new(),
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
        // Late as the corrections of all oscillators are, so that waves of one pitch stay together.
        let late = V::splat(-self.breaks.delay());
        match self.phasor.steady(cx.frames, controls) {
            Some(steady) => {
                if cx.wanted.has(SYNC) {
                    steady.write_sync(sync_out);
                }
                let lag = steady.step * late;
                match shift {
                    Signal::Constant(shift) => {
                        let offset = lag + shift;
                        if pure {
                            steady.write(
                                out,
                                #[inline(always)]
                                |phase| wave(turns(phase, offset)),
                            );
                        } else {
                            steady.write(
                                out,
                                #[inline(always)]
                                |phase| turns(phase, offset),
                            );
                        }
                    }
                    Signal::Frames(shift) => {
                        let increment = steady.step.to_phase();
                        let mut phase = steady.before;
                        for (out, shift) in out.iter_mut().zip(shift) {
                            phase = phase.wrapping_add(increment);
                            *out = turns(phase, lag + *shift);
                        }
                        if pure {
                            out.iter_mut().for_each(
                                #[inline(always)]
                                |out| *out = wave(*out),
                            );
                        }
                    }
                }
                self.finish(pure, feedback, out);
            }
            None => {
                self.phasor.moving(cx.frames, controls, &mut self.moving);
                if cx.wanted.has(SYNC) {
                    self.moving.write_sync(sync_out);
                }
                let places = self.moving.phases.iter().zip(&self.moving.steps);
                match shift {
                    Signal::Constant(shift) => {
                        for (out, (phase, step)) in out.iter_mut().zip(places) {
                            *out = turns(*phase, *step * late + shift);
                        }
                    }
                    Signal::Frames(shift) => {
                        for ((out, shift), (phase, step)) in out.iter_mut().zip(shift).zip(places) {
                            *out = turns(*phase, *step * late + *shift);
                        }
                    }
                }
                if pure {
                    for out in out.iter_mut() {
                        *out = wave(*out);
                    }
                }
                self.finish(pure, feedback, out);
                self.restart(shift);
            }
        }
        self.last_shift = shift.at(cx.frames.saturating_sub(1));
        self.breaks.correct(out);
    }
}

/// Turns by which the phase is shifted.
#[inline(always)]
fn shift_of<V: Lanes>(phase_mod: V, depth: V) -> V {
    (phase_mod * depth).clamp(-MOST, MOST)
}

/// The wave at so many turns, free of negative zeros as [`Breaks::correct`] wants it.
#[inline(always)]
fn wave<V: Lanes>(turns: V) -> V {
    sin_turns(turns) + 0.0
}

/// A phase as turns, moved on by some.
#[inline(always)]
fn turns<V: Lanes>(phase: V::Bits, offset: V) -> V {
    V::from_signed(phase).mul_add(V::splat(1.0 / 4_294_967_296.0), offset)
}

impl<V: Lanes> Sine<V> {
    /// Turns phases into the wave, in place, unless it is `pure` and so done; remembers its end.
    ///
    /// Feedback takes the mean of the last two frames, which keeps it from hunting between them
    /// (Tomisawa, US patent 4,249,447).
    #[inline(always)]
    fn finish(&mut self, pure: bool, feedback: Signal<'_, V>, frames: &mut [V]) {
        if pure {
            match frames {
                [.., second, first] => self.last = [*first, *second],
                [only] => self.last = [*only, self.last[0]],
                [] => {}
            }
            return;
        }
        for (frame, value) in frames.iter_mut().enumerate() {
            let bend = feedback.at(frame) * (0.5 * FEEDBACK) * (self.last[0] + self.last[1]);
            *value = wave(*value + bend);
            self.last = [*value, self.last[0]];
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
