//! Rises and falls of gates: a gate is high above 0.5.

use crate::contract::Signal;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;

/// Watches one gate input.
#[derive(Clone, Copy, Debug)]
pub struct Edges<V> {
    last: V,
}

/// Whether a gate is high.
#[inline(always)]
pub fn is_high<V: Lanes>(gate: V) -> V::Mask {
    gate.gt(V::splat(0.5))
}

/// A truth value per lane as a gate: 0 or 1.
#[inline(always)]
pub fn to_gate<V: Lanes>(mask: V::Mask) -> V {
    mask.select(V::splat(1.0), V::splat(0.0))
}

impl<V: Lanes> Edges<V> {
    /// See [`crate::contract::Module::carry`].
    pub fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.last);
    }

    /// Watches a gate that has been low.
    pub fn new() -> Self {
        Edges {
            last: V::splat(0.0),
        }
    }

    /// Steps one frame on; true where the gate has just gone high.
    #[inline(always)]
    pub fn rises(&mut self, gate: V) -> V::Mask {
        let rises = is_high(gate) & !is_high(self.last);
        self.last = gate;
        rises
    }

    /// The frames of this call in which any lane's gate turns, as bits. Call [`Edges::finish`] once
    /// the call is done.
    #[inline(always)]
    pub fn turns(&self, gate: Signal<'_, V>, frames: usize) -> u64 {
        match gate {
            Signal::Constant(gate) => u64::from(self.turn(gate, self.last)),
            Signal::Frames(gates) => {
                let mut moved = V::Bits::splat(0);
                for gate in gates.iter().take(frames) {
                    moved = moved | (gate.to_bits() ^ self.last.to_bits());
                }
                // Gates mostly stand still, and seeing that is much cheaper than finding the frame.
                if !V::from_signed(moved).abs().gt(V::splat(0.0)).any() {
                    return 0;
                }
                let mut last = self.last;
                let mut turns = 0;
                for (frame, gate) in gates.iter().take(frames.min(64)).enumerate() {
                    turns |= u64::from(self.turn(*gate, last)) << frame;
                    last = *gate;
                }
                turns
            }
        }
    }

    #[inline(always)]
    fn turn(&self, gate: V, last: V) -> bool {
        let (now, before) = (is_high(gate), is_high(last));
        ((now & !before) | (before & !now)).any()
    }

    /// The gate one frame before a frame of this call.
    #[inline(always)]
    pub fn before(&self, gate: Signal<'_, V>, frame: usize) -> V {
        if frame == 0 {
            self.last
        } else {
            gate.at(frame - 1)
        }
    }

    /// Where the gate goes high at a frame of this call.
    #[inline(always)]
    pub fn rises_at(&self, gate: Signal<'_, V>, frame: usize) -> V::Mask {
        is_high(gate.at(frame)) & !is_high(self.before(gate, frame))
    }

    /// Where the gate goes low at a frame of this call.
    #[inline(always)]
    pub fn falls_at(&self, gate: Signal<'_, V>, frame: usize) -> V::Mask {
        is_high(self.before(gate, frame)) & !is_high(gate.at(frame))
    }

    /// Ends the call.
    #[inline(always)]
    pub fn finish(&mut self, gate: Signal<'_, V>, frames: usize) {
        self.last = gate.at(frames.saturating_sub(1));
    }
}

impl<V: Lanes> Default for Edges<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The first frame at or after `from` whose bit is set, or `frames`.
#[inline(always)]
pub fn next_turn(turns: u64, from: usize, frames: usize) -> usize {
    if from >= 64 {
        return frames;
    }
    let ahead = turns >> from;
    if ahead == 0 {
        frames
    } else {
        frames.min(from + ahead.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Eight};

    type Wide = Eight<Baseline>;

    #[test]
    fn turns_are_found_in_any_lane_and_across_calls() {
        let high = |frame: usize, lane: usize| match lane {
            3 => (5..6).contains(&frame) || frame >= 63,
            6 => frame == 0,
            _ => false,
        };
        let call: Vec<Wide> = (0..64)
            .map(|frame| Wide::from_fn(|lane| if high(frame, lane) { 0.8 } else { 0.2 }))
            .collect();
        let mut edges = Edges::<Wide>::new();
        let gate = Signal::Frames(&call);
        let turns = edges.turns(gate, 64);
        assert_eq!(turns, 1 | 1 << 1 | 1 << 5 | 1 << 6 | 1 << 63);
        assert_eq!(next_turn(turns, 2, 64), 5);
        assert_eq!(next_turn(turns, 7, 64), 63);
        assert_eq!(next_turn(turns, 7, 60), 60);
        assert_eq!(next_turn(turns, 64, 64), 64);
        assert!(edges.rises_at(gate, 5).lane(3) && !edges.rises_at(gate, 5).lane(6));
        assert!(edges.falls_at(gate, 6).lane(3) && edges.falls_at(gate, 1).lane(6));
        edges.finish(gate, 64);
        assert_eq!(edges.turns(Signal::Constant(Wide::splat(0.2)), 64), 1);
        assert!(
            edges
                .falls_at(Signal::Constant(Wide::splat(0.2)), 0)
                .lane(3)
        );
        assert!(!edges.rises(Wide::splat(1.0)).lane(3) && !edges.rises(Wide::splat(0.0)).lane(3));
        assert!(edges.rises(Wide::splat(1.0)).all());
    }
}
