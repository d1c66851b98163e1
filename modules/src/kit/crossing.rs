//! Moments at which a signal rises through zero, between two frames.

use crate::MAX_FRAMES;
use crate::contract::Signal;
use crate::kit::settled::any_differ;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;

/// Watches a signal for rises through zero.
pub struct Rises<V> {
    /// The last three frames, the newest first.
    last: [V; 3],
}

impl<V: Lanes> Rises<V> {
    /// A signal that has stood at `value`.
    #[inline(always)]
    pub fn from(value: V) -> Self {
        Rises { last: [value; 3] }
    }

    /// See [`crate::contract::Module::carry`].
    pub fn carry(&mut self, porter: &mut Porter) {
        porter.lanes(&mut self.last);
    }

    /// Whether the signal rises in any lane if it goes on with `now`.
    #[inline(always)]
    pub fn would_rise(&self, now: V) -> bool {
        rises(self.last[0], now).any()
    }

    /// Goes on with frames that are all alike and do not rise.
    #[inline(always)]
    pub fn hold(&mut self, value: V, frames: usize) {
        for _ in 0..frames.min(self.last.len()) {
            self.last = [value, self.last[0], self.last[1]];
        }
    }

    /// Whether going on with frames of this value changes nothing any more.
    #[inline(always)]
    pub fn stands_at(&self, value: V) -> bool {
        !any_differ(&self.last, &[value; 3])
    }

    /// The value some frames before a frame of this call.
    #[inline(always)]
    fn back(&self, signal: Signal<'_, V>, frame: usize, by: usize) -> V {
        match frame.checked_sub(by) {
            Some(frame) => signal.at(frame),
            None => self.last[(by - frame - 1).min(2)],
        }
    }

    /// Goes on with the frames of one call. Where the signal rises in any lane, sets the frame's bit
    /// in what it gives, and in `ages` how many frames (0 to 1) before that frame it rose, below 0 in
    /// lanes in which it did not.
    #[inline(always)]
    pub fn find(
        &mut self,
        signal: Signal<'_, V>,
        frames: usize,
        ages: &mut [V; MAX_FRAMES],
    ) -> u64 {
        let mut found = 0;
        let mut before = self.last[0];
        for frame in 0..frames.min(MAX_FRAMES) {
            let now = signal.at(frame);
            found |= u64::from(rises(before, now).any()) << frame;
            before = now;
        }
        each(
            found,
            #[inline(always)]
            |frame| {
                let past = [
                    self.back(signal, frame, 1),
                    self.back(signal, frame, 2),
                    self.back(signal, frame, 3),
                ];
                ages[frame % MAX_FRAMES] = age(signal.at(frame), past);
            },
        );
        self.last = [
            self.back(signal, frames, 1),
            self.back(signal, frames, 2),
            self.back(signal, frames, 3),
        ];
        found
    }
}

/// Calls `f` with every frame whose bit is set, in order.
#[inline(always)]
pub fn each(mut frames: u64, mut f: impl FnMut(usize)) {
    while frames != 0 {
        f(frames.trailing_zeros() as usize);
        frames &= frames - 1;
    }
}

/// How many frames ago a signal rose that is `now` and was `one`, `two` and `three` frames ago.
///
/// A straight line would be exact for a ramp, but puts the zeros of a sine some thousandths of a
/// frame off, which is heard as aliases. So a cubic goes through the four frames where these bend
/// gently, and a straight line through the last two where they do not.
#[inline(always)]
fn age<V: Lanes>(now: V, [one, two, three]: [V; 3]) -> V {
    let none = V::splat(0.0);
    // Newton's backward differences.
    let first = now - one;
    let second = first - (one - two);
    let third = second - ((one - two) - (two - three));
    let gentle = (second.abs() + third.abs()).lt(first);
    let second = gentle.select(second * 0.5, none);
    let third = gentle.select(third * (1.0 / 6.0), none);
    let scale = V::splat(1.0) / first;
    let mut age = (now * scale).clamp(0.0, 1.0);
    for _ in 0..4 {
        let bend = age * (V::splat(1.0) - age);
        let bent = now - bend * (V::splat(2.0) - age).mul_add(third, second);
        age = (bent * scale).clamp(0.0, 1.0);
    }
    rises(one, now).select(age, V::splat(-1.0))
}

#[inline(always)]
fn rises<V: Lanes>(before: V, now: V) -> V::Mask {
    before.lt(V::splat(0.0)) & now.ge(V::splat(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono};

    /// The worst error in frames against the rises of `wave`, a function of the turns since one.
    fn worst(wave: impl Fn(f64) -> f64, turns_per_frame: f64) -> f64 {
        let mut rises = Rises::from(Mono::<Baseline>::splat(-1.0));
        let mut worst: f64 = 0.0;
        let mut found = 0;
        for frame in 1..10_000 {
            let turn = f64::from(frame) * turns_per_frame - 0.3;
            let now = Mono::splat(wave(turn) as f32);
            let mut ages = [Mono::splat(-1.0); MAX_FRAMES];
            rises.find(Signal::Constant(now), 1, &mut ages);
            let age = f64::from(ages[0].sum());
            if age >= 0.0 && turn > 1.0 {
                found += 1;
                let since = (turn - turn.floor()) / turns_per_frame;
                // A moment at a frame itself may be told at the end of the frame before.
                worst = worst.max(
                    (age - since)
                        .abs()
                        .min((age - since - 1.0).abs())
                        .min((age - since + 1.0).abs()),
                );
            }
        }
        let expected = 10_000.0 * turns_per_frame;
        assert!(
            (f64::from(found) - expected).abs() < 4.0,
            "{found} of {expected}"
        );
        worst
    }

    #[test]
    fn ramps_are_exact_at_any_speed() {
        for speed in [0.001_234, 0.041_7, 0.237, 0.431] {
            let error = worst(|turn| 2.0 * (turn - (turn + 0.5).floor()), speed);
            assert!(error < 2e-4, "{speed}: {error}");
        }
    }

    #[test]
    fn sines_are_close() {
        for (speed, close) in [(0.001_234, 1e-4), (0.041_7, 3e-4), (0.1, 0.01)] {
            let error = worst(|turn| (std::f64::consts::TAU * turn).sin(), speed);
            assert!(error < close, "{speed}: {error}");
        }
    }
}
