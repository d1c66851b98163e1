//! Runs of a cycle that moves evenly.

use super::place::Step;
use super::{GATE, Lfo, OUT};
use crate::contract::Wanted;
use crate::kit::edge::to_gate;
use crate::kit::eight::{ramp, set_wide};
use crate::kit::math::sin_of_phase_ahead;
use crate::kit::switch::position;
use crate::lanes::{LaneBits, LaneMask, Lanes};

/// A quarter turn as a phase.
const QUARTER: u32 = 1 << 30;

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
    /// The whole of a run in which the phase moves evenly and nothing moves the wave, if that is
    /// what it is and the wave draws nothing at random.
    #[inline(always)]
    pub(super) fn draw_even(
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
}
