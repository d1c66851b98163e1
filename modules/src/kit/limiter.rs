//! A peak limiter without delay.

use crate::contract::MAX_FRAMES;
use crate::kit::edge::to_gate;
use crate::lanes::{LaneMask, Lanes};

/// Seconds after which a gain reduction has fallen to a third.
const RELEASE_SECONDS: f32 = 0.1;
/// A reduction smaller than this (a thousandth of a decibel) ends at once.
const OVER: f32 = 1e-4;

/// Keeps two linked signals within ±1 by turning both down together.
///
/// Attack is instant, so no peak passes and nothing is delayed; release is exponential. A signal
/// within ±1 passes bit for bit when no reduction is left. It is a gain and no shaper: while its gain
/// rests it adds no harmonics.
#[derive(Clone, Copy, Debug)]
pub struct Limiter<V> {
    reduction: V,
    keep: f32,
}

impl<V: Lanes> Limiter<V> {
    /// A limiter at rest.
    pub fn new(sample_rate: f32) -> Self {
        Limiter {
            reduction: V::splat(0.0),
            keep: (-1.0 / (RELEASE_SECONDS * sample_rate)).exp(),
        }
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.reduction = V::splat(0.0);
    }

    /// Whether signals within ±1 pass bit for bit and leave the limiter as it is.
    #[inline(always)]
    pub fn rests(&self) -> bool {
        self.reduction.le(V::splat(0.0)).all()
    }

    /// Turns both signals down in the next frames, at most [`MAX_FRAMES`]. All samples must be finite.
    /// Each lane has its own gain.
    #[inline(always)]
    pub fn run(&mut self, left: &mut [V], right: &mut [V]) {
        let one = V::splat(1.0);
        let frames = left.len().min(MAX_FRAMES);
        let (mut gains, mut reductions) = ([one; MAX_FRAMES], [one; MAX_FRAMES]);
        let (gains, reductions) = (&mut gains[..frames], &mut reductions[..frames]);
        let needed = gains.iter_mut().zip(&mut *reductions);
        for ((gain, reduction), (left, right)) in needed.zip(left.iter().zip(&*right)) {
            *gain = one / left.abs().max(right.abs()).max(one);
            *reduction = one - *gain;
        }
        self.follow(reductions);
        for (gain, kept) in gains.iter_mut().zip(reductions) {
            let kept = cut(*kept);
            // Taken from the peak where it rules: next to a great reduction the difference loses its
            // digits.
            *gain = kept.le(one - *gain).select(*gain, one - kept);
        }
        for side in [left, right] {
            for (sample, gain) in side.iter_mut().zip(&*gains) {
                // Rounding may leave a product just above 1.
                *sample = (*sample * *gain).clamp(-1.0, 1.0);
            }
        }
    }

    /// Turns the reductions that frames need into what is left of older ones.
    ///
    /// This alone goes from frame to frame, so it is kept short: all else is done for many frames at
    /// once.
    #[inline(always)]
    fn follow(&mut self, reductions: &mut [V]) {
        let (mut reduction, mut kept) = (self.reduction, self.reduction);
        let last = reductions.last().copied();
        for needed in reductions {
            kept = reduction * self.keep;
            // Too small a reduction is not cut here: all that comes of it is too small as well, and so
            // is cut later or gives way to a peak.
            reduction = kept.max(*needed);
            *needed = kept;
        }
        if let Some(last) = last {
            self.reduction = cut(kept).max(last);
        }
    }
}

/// A reduction, or none where it is too small to matter.
#[inline(always)]
fn cut<V: Lanes>(reduction: V) -> V {
    // A product, because a choice becomes a store through a mask.
    reduction * to_gate::<V>(reduction.ge(V::splat(OVER)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono};

    /// What the limiter is to do in one frame.
    fn plain(reduction: &mut f32, keep: f32, sample: f32) -> f32 {
        let kept = *reduction * keep;
        let kept = if kept < OVER { 0.0 } else { kept };
        let needed = 1.0 / sample.abs().max(1.0);
        *reduction = kept.max(1.0 - needed);
        let gain = if kept <= 1.0 - needed {
            needed
        } else {
            1.0 - kept
        };
        (sample * gain).clamp(-1.0, 1.0)
    }

    #[test]
    fn many_frames_at_once_are_as_one_by_one() {
        type One = Mono<Baseline>;
        let mut limiter = Limiter::<One>::new(800.0);
        let (mut reduction, mut let_go) = (0.0, 0);
        for call in 0..200 {
            let loud = if call % 40 < 10 { 3.0 } else { 0.9 };
            let length = 1 + call * 7 % MAX_FRAMES;
            let sample = |frame: usize| loud * ((call * 64 + frame) as f32 * 0.37).sin();
            let mut left: Vec<One> = (0..length).map(|frame| One::splat(sample(frame))).collect();
            let mut right = vec![One::splat(0.0); length];
            limiter.run(&mut left, &mut right);
            for (frame, left) in left.iter().enumerate() {
                let want = plain(&mut reduction, limiter.keep, sample(frame));
                assert_eq!(left.sum().to_bits(), want.to_bits(), "{call} {frame}");
                let_go += usize::from(reduction == 0.0);
            }
        }
        assert!(let_go > 100, "the reduction has ended in between");
    }

    #[test]
    fn passes_what_is_within_bounds_and_bounds_the_rest() {
        let mut limiter = Limiter::<Mono<Baseline>>::new(48_000.0);
        let mut next = |left: f32, right: f32| {
            let (mut left, mut right) = ([Mono::splat(left)], [Mono::splat(right)]);
            limiter.run(&mut left, &mut right);
            (left[0].sum(), right[0].sum())
        };
        for x in [0.0f32, -0.0, 1.0, -1.0, 0.123_456_7, 1e-40, -0.999_999_94] {
            let (left, right) = next(x, -x);
            assert_eq!(
                (left.to_bits(), right.to_bits()),
                (x.to_bits(), (-x).to_bits())
            );
        }
        assert_eq!(
            next(4.0, 1.0),
            (1.0, 0.25),
            "both channels are turned down alike"
        );
        for x in [1.000_000_1, 3.3, -7.7, f32::MAX, -1e20] {
            let (left, right) = next(x, x * 0.5);
            assert!(
                left.abs() <= 1.0 && right.abs() <= 1.0,
                "{x}: {left} {right}"
            );
        }
        let later = (0..100_000).map(|_| next(0.5, 0.5).0).collect::<Vec<_>>();
        assert!(
            later.windows(2).all(|pair| pair[0] <= pair[1]),
            "release never falls"
        );
        assert!(
            later.windows(2).all(|pair| pair[1] - pair[0] < 2e-4),
            "nor jumps"
        );
        assert_eq!(later.last(), Some(&0.5), "and ends");
    }
}
