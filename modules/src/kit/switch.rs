//! Reading params that are switches: whole numbers, the same in every lane.

use core::ops::Range;

use crate::contract::Signal;
use crate::lanes::Lanes;

/// The whole number a switch stands at.
#[inline(always)]
pub fn position<V: Lanes>(switch: V) -> usize {
    // By way of 32 bits, which is one instruction where 64 without a sign take ten.
    switch.lane(0).max(0.0) as i32 as usize
}

/// Whether a switch stands at this position. Cheaper than comparing [`position`].
#[inline(always)]
pub fn is_at<V: Lanes>(switch: V, position: u8) -> bool {
    let stands = switch.lane(0);
    stands < f32::from(position) + 1.0 && (position == 0 || stands >= f32::from(position))
}

/// Whether a toggle is on.
#[inline(always)]
pub fn is_on<V: Lanes>(toggle: V) -> bool {
    toggle.lane(0) > 0.5
}

/// The same signal read from a later frame on.
#[inline(always)]
pub fn from<V: Lanes>(signal: Signal<'_, V>, first: usize) -> Signal<'_, V> {
    match signal {
        Signal::Constant(value) => Signal::Constant(value),
        Signal::Frames(frames) => Signal::Frames(frames.get(first..).unwrap_or(&[])),
    }
}

/// Cuts a call into stretches in which a switch does not move, with its position in each.
///
/// Deciding once a stretch keeps the loops inside free of branches.
#[inline(always)]
pub fn stretches<V: Lanes>(switch: Signal<'_, V>, frames: usize) -> Stretches<'_, V> {
    Stretches {
        switch,
        frames,
        next: 0,
    }
}

/// See [`stretches`].
#[derive(Clone, Copy, Debug)]
pub struct Stretches<'a, V> {
    switch: Signal<'a, V>,
    frames: usize,
    next: usize,
}

impl<V: Lanes> Iterator for Stretches<'_, V> {
    type Item = (Range<usize>, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next;
        if start >= self.frames {
            return None;
        }
        let here = position(self.switch.at(start));
        let mut end = self.frames;
        if let Signal::Frames(_) = self.switch {
            end = start + 1;
            while end < self.frames && position(self.switch.at(end)) == here {
                end += 1;
            }
        }
        self.next = end;
        Some((start..end, here))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono};

    #[test]
    fn a_switch_stands_at_one_position() {
        for stands in [-1.0, 0.0, 0.4, 0.99, 1.0, 1.7, 2.0, 3.0] {
            let switch = Mono::<Baseline>::splat(stands);
            for at in 0..4 {
                assert_eq!(
                    is_at(switch, at),
                    position(switch) == usize::from(at),
                    "{stands} {at}"
                );
            }
        }
    }

    #[test]
    fn stretches_cover_the_call_in_order() {
        let frames: Vec<Mono<Baseline>> = [0.0, 0.0, 2.0, 2.0, 2.0, 1.0].map(Mono::splat).to_vec();
        let cut: Vec<_> = stretches(Signal::Frames(&frames), 6).collect();
        assert_eq!(cut, [(0..2, 0), (2..5, 2), (5..6, 1)]);
        let held: Vec<_> = stretches(Signal::Constant(Mono::<Baseline>::splat(3.0)), 64).collect();
        assert_eq!(held, [(0..64, 3)]);
    }
}
