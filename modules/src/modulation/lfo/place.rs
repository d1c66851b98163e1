//! Places in a cycle, and how far a place moves in a frame.

use crate::kit::beats::cycles;
use crate::kit::edge::to_gate;
use crate::kit::settled::differ;
use crate::lanes::{LaneBits, Lanes};
use crate::porter::Porter;

/// The cycle, and 2^32 steps of it, at a beat.
#[inline(always)]
pub(super) fn on_grid(division: usize, beat: f64) -> (u32, u32) {
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
pub(super) struct Place<V: Lanes> {
    pub(super) cycle: V::Bits,
    pub(super) phase: V::Bits,
}

impl<V: Lanes> Place<V> {
    #[inline(always)]
    pub(super) fn start() -> Self {
        Place {
            cycle: V::Bits::splat(0),
            phase: V::Bits::splat(0),
        }
    }

    pub(super) fn carry(&mut self, porter: &mut Porter) {
        porter.bits(&mut self.cycle);
        porter.bits(&mut self.phase);
    }

    #[inline(always)]
    pub(super) fn on_grid(division: usize, beat: f64) -> Self {
        let (cycle, phase) = on_grid(division, beat);
        Place {
            cycle: V::Bits::splat(cycle),
            phase: V::Bits::splat(phase),
        }
    }

    #[inline(always)]
    pub(super) fn ahead(self, phase: V::Bits) -> Self {
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
    pub(super) fn since(self, origin: Self) -> Self {
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
    pub(super) fn select(self, lanes: V::Mask, other: Self) -> Self {
        Place {
            cycle: select_bits::<V>(lanes, self.cycle, other.cycle),
            phase: select_bits::<V>(lanes, self.phase, other.phase),
        }
    }
}

#[inline(always)]
pub(super) fn select_bits<V: Lanes>(lanes: V::Mask, yes: V::Bits, no: V::Bits) -> V::Bits {
    let mask = V::Bits::splat(0).wrapping_sub(to_gate::<V>(lanes).to_signed());
    (yes & mask) | (no & (mask ^ V::Bits::splat(u32::MAX)))
}

/// How far the phase moves in a frame.
#[derive(Clone, Copy)]
pub(super) struct Step<V: Lanes> {
    pub(super) whole: V::Bits,
    /// 24 bits below the whole steps.
    pub(super) below: V::Bits,
}

impl<V: Lanes> Step<V> {
    #[inline(always)]
    pub(super) fn standing() -> Self {
        Step {
            whole: V::Bits::splat(0),
            below: V::Bits::splat(0),
        }
    }

    /// So many steps at once.
    #[inline(always)]
    pub(super) fn times(self, count: u32) -> Self {
        Step {
            whole: self.whole.wrapping_mul(V::Bits::splat(count)),
            below: self.below.wrapping_mul(V::Bits::splat(count)),
        }
    }

    /// That of one of eight frames, in all lanes.
    #[inline(always)]
    pub(super) fn spread<M: Lanes>(&self, frame: usize) -> Step<M> {
        Step {
            whole: M::Bits::splat(self.whole.lane(frame)),
            below: M::Bits::splat(self.below.lane(frame)),
        }
    }

    #[inline(always)]
    pub(super) fn new(rate: V, sample_rate: f32) -> Self {
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
pub(super) struct Pace<V: Lanes> {
    rate: V,
    step: Step<V>,
}

impl<V: Lanes> Pace<V> {
    pub(super) fn standing() -> Self {
        Pace {
            rate: V::splat(0.0),
            step: Step::standing(),
        }
    }

    pub(super) fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.rate);
        porter.bits(&mut self.step.whole);
        porter.bits(&mut self.step.below);
    }

    /// The step of a rate, computed anew only where it has moved.
    #[inline(always)]
    pub(super) fn step(&mut self, rate: V, sample_rate: f32) -> Step<V> {
        if differ(rate, self.rate) {
            *self = Pace {
                rate,
                step: Step::new(rate, sample_rate),
            };
        }
        self.step
    }
}
