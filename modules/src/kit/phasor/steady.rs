//! A phase that moves evenly.

use super::{Pass, STEP, signed};
use crate::lanes::{LaneBits, LaneMask, Lanes};

/// A call in which the phase moves evenly and never restarts.
#[derive(Clone, Copy)]
pub struct Steady<V: Lanes> {
    /// The phase one frame before the call.
    pub before: V::Bits,
    /// Turns a frame.
    pub step: V,
    /// The same as a phase.
    pub increment: V::Bits,
    /// The first frame before which the wave already sounded, so that it can have breaks.
    pub first: usize,
}

impl<V: Lanes> Steady<V> {
    /// The same movement, so far ahead.
    #[inline(always)]
    pub fn ahead(self, phase: V::Bits) -> Self {
        Steady {
            before: self.before.wrapping_add(phase),
            ..self
        }
    }

    /// Writes a wave, given as a function of the phase.
    #[inline(always)]
    pub fn write(&self, out: &mut [V], wave: impl Fn(V::Bits) -> V) {
        let mut values = self.values(wave);
        for out in out {
            *out = values();
        }
    }

    /// Gives a wave, given as a function of the phase, frame by frame.
    #[inline(always)]
    pub fn values(&self, wave: impl Fn(V::Bits) -> V) -> impl FnMut() -> V {
        let (mut phase, increment) = (self.before, self.increment);
        #[inline(always)]
        move || {
            phase = phase.wrapping_add(increment);
            wave(phase)
        }
    }

    /// Writes the phase as others sync to it.
    #[inline(always)]
    pub fn write_sync(&self, out: &mut [V]) {
        self.write(
            out,
            #[inline(always)]
            |phase| signed(phase),
        );
    }

    /// The lanes, as bits, that may pass a whole turn in this call, for a wave whose break lies at
    /// phase `offset`. The others do not.
    #[inline(always)]
    pub fn may_pass(&self, offset: V::Bits, frames: usize) -> u64 {
        let travel = self.increment;
        let at = self
            .before
            .wrapping_add(travel.wrapping_mul(V::Bits::splat(self.first as u32)))
            .wrapping_sub(offset);
        let left = frames.saturating_sub(self.first) as f32;
        let travel = V::from_signed(travel) * (STEP * left);
        let backwards = travel.lt(V::splat(0.0));
        let at = V::from_phase(at);
        let room = backwards.select(at, V::splat(1.0) - at);
        // More than both can be off by.
        room.le(travel.abs() + 1e-5).bits()
    }

    /// The whole turns one lane passes in this call, in order of time, for a wave whose break lies
    /// at phase `offset`.
    #[inline(always)]
    pub fn passes(&self, lane: usize, offset: u32) -> Passes {
        let travel = self.increment.lane(lane);
        let before = self.before.lane(lane).wrapping_sub(offset);
        Passes {
            position: before.wrapping_add(travel.wrapping_mul(self.first as u32)),
            travel: travel as i32,
            frame: self.first,
        }
    }
}

/// Finds the whole turns that an even movement passes, without looking at every frame.
pub struct Passes {
    pub(super) position: u32,
    pub(super) travel: i32,
    pub(super) frame: usize,
}

impl Passes {
    /// The next one before frame `frames`.
    #[inline(always)]
    pub fn next(&mut self, frames: usize) -> Option<Pass> {
        let speed = self.travel.unsigned_abs();
        let room = if self.travel > 0 {
            !self.position
        } else {
            self.position
        };
        // Most often there is none, which a product tells sooner than a quotient.
        let left = frames.saturating_sub(self.frame) as u64;
        if u64::from(room) >= left * u64::from(speed) {
            return None;
        }
        let skipped = room.checked_div(speed)?;
        let frame = self.frame + skipped as usize;
        let moved = (self.travel as u32).wrapping_mul(skipped.wrapping_add(1));
        self.position = self.position.wrapping_add(moved);
        self.frame = frame + 1;
        let (direction, past) = if self.travel > 0 {
            (1.0, i64::from(self.position))
        } else {
            (-1.0, i64::from(self.position) - (1 << 32))
        };
        Some(Pass {
            frame,
            age: past as f32 / self.travel as f32,
            direction,
        })
    }
}
