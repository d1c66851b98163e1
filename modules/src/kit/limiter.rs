//! A peak limiter without delay.

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

    /// Whether signals with this peak pass bit for bit and leave the limiter as it is.
    #[inline(always)]
    pub fn lets_pass(&self, peak: V) -> bool {
        (self.reduction.le(V::splat(0.0)) & peak.le(V::splat(1.0))).all()
    }

    /// The next frame of both signals, which must be finite. Each lane has its own gain.
    #[inline(always)]
    pub fn next(&mut self, left: V, right: V) -> (V, V) {
        let one = V::splat(1.0);
        let peak = left.abs().max(right.abs());
        let kept = self.reduction * self.keep;
        let kept = kept.lt(V::splat(OVER)).select(V::splat(0.0), kept);
        let needed = one / peak.max(one);
        self.reduction = kept.max(one - needed);
        // Taken from the peak where it rules: next to a great reduction the difference loses its digits.
        let gain = kept.le(one - needed).select(needed, one - kept);
        // Rounding may leave a product just above 1.
        (
            (left * gain).clamp(-1.0, 1.0),
            (right * gain).clamp(-1.0, 1.0),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono};

    #[test]
    fn passes_what_is_within_bounds_and_bounds_the_rest() {
        let mut limiter = Limiter::<Mono<Baseline>>::new(48_000.0);
        let mut next = |left: f32, right: f32| {
            let (left, right) = limiter.next(Mono::splat(left), Mono::splat(right));
            (left.sum(), right.sum())
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
