//! A value per voice that moves evenly to where it is sent.

use crate::kit::gain::hold;
use crate::lanes::Lanes;

/// One value per lane, each on its way or arrived.
///
/// The way is computed back from its end, so rounding does not add up and every value arrives
/// exactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glide<V> {
    target: V,
    slope: V,
    left: V,
    busy: u32,
}

/// Frames are counted in floats: beyond this they would not be exact.
const LONGEST: u32 = 1 << 23;

impl<V: Lanes> Glide<V> {
    pub(super) fn new(value: f32) -> Self {
        let zero = V::splat(0.0);
        Glide {
            target: V::splat(value),
            slope: zero,
            left: zero,
            busy: 0,
        }
    }

    /// The values on the present frame.
    #[inline(always)]
    pub(super) fn value(&self) -> V {
        self.target - self.slope * self.left
    }

    /// Where a lane is headed.
    pub(super) fn target(&self, lane: usize) -> f32 {
        self.target.lane(lane)
    }

    /// Whether all lanes have arrived.
    #[inline(always)]
    pub(super) fn is_still(&self) -> bool {
        self.busy == 0
    }

    /// Sends a lane from where it is to `target`, taking its first step on the present frame and
    /// arriving on the last of `frames`; 0 and 1 arrive at once. A lane already headed there goes on
    /// as it was.
    pub(super) fn send(&mut self, lane: usize, target: f32, frames: u32) {
        if self.target(lane) != target {
            self.send_from(lane, self.value().lane(lane), target, frames);
        } else if frames <= 1 {
            self.left.set_lane(lane, 0.0);
        }
    }

    /// As [`Glide::send`], from another start.
    pub(super) fn send_from(&mut self, lane: usize, start: f32, target: f32, frames: u32) {
        let frames = frames.clamp(1, LONGEST);
        self.target.set_lane(lane, target);
        self.slope.set_lane(lane, (target - start) / frames as f32);
        self.left.set_lane(lane, (frames - 1) as f32);
        self.busy = self.busy.max(frames - 1);
    }

    /// The present frame is over.
    #[inline(always)]
    pub(super) fn step(&mut self) {
        self.left = (self.left - 1.0).max(V::splat(0.0));
        self.busy = self.busy.saturating_sub(1);
    }

    /// So many frames are over, unseen.
    #[inline(always)]
    pub(super) fn skip(&mut self, frames: usize) {
        if !self.is_still() {
            // Whole numbers, so this is the same as that many steps.
            self.left = (self.left - frames as f32).max(V::splat(0.0));
            self.busy = self.busy.saturating_sub(frames as u32);
        }
    }

    /// Writes the values of the coming frames.
    #[inline(always)]
    pub(super) fn fill(&mut self, out: &mut [V]) {
        if self.is_still() {
            hold(out, self.value());
            return;
        }
        for out in out {
            *out = self.value();
            self.step();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Eight};

    #[test]
    fn arrives_exactly_and_alone() {
        let mut glide = Glide::<Eight<Baseline>>::new(0.25);
        glide.send(3, 1.0, 3);
        let mut out = [Eight::splat(0.0); 5];
        glide.fill(&mut out);
        assert_eq!(out.map(|frame| frame.lane(3)), [0.5, 0.75, 1.0, 1.0, 1.0]);
        assert_eq!(out.map(|frame| frame.lane(2)), [0.25; 5]);
        assert!(glide.is_still());
    }

    #[test]
    fn skipping_is_stepping_unseen() {
        let mut stepped = Glide::<Eight<Baseline>>::new(0.25);
        stepped.send(3, 1.0, 100);
        let mut skipped = stepped;
        for _ in 0..64 {
            stepped.step();
        }
        skipped.skip(64);
        assert_eq!(stepped.value().lane(3), skipped.value().lane(3));
        skipped.skip(64);
        assert_eq!(skipped.value().lane(3), 1.0);
        assert!(skipped.is_still());
    }

    #[test]
    fn a_glide_of_ten_seconds_at_the_highest_rate_arrives() {
        let mut glide = Glide::<Eight<Baseline>>::new(-5.0);
        glide.send(0, 5.0, 3_840_000);
        for _ in 0..1_920_000 {
            glide.step();
        }
        assert!(
            glide.value().lane(0).abs() < 1e-4,
            "half-way {}",
            glide.value().lane(0)
        );
        for _ in 0..1_920_000 {
            glide.step();
        }
        assert_eq!(glide.value().lane(0), 5.0);
    }
}
