//! How hard a key was struck.

use crate::kit::math::{exp2, log2};
use crate::kit::single::One;
use crate::lanes::Lanes;

/// Bends a velocity: `curve` 0 leaves it, above 0 makes soft playing louder, below 0 softer.
pub(super) fn curved(velocity: f32, curve: f32) -> f32 {
    if curve == 0.0 {
        return velocity;
    }
    let exponent = exp2(One::splat(-2.0 * curve));
    exp2(log2(One::splat(velocity)) * exponent).sum().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velocity_curve_keeps_its_ends() {
        for curve in [-1.0, -0.3, 0.0, 0.6, 1.0] {
            assert!((curved(1.0, curve) - 1.0).abs() < 1e-6);
            assert!(curved(0.0, curve) < 1e-6);
        }
        assert!(curved(0.5, 0.5) > 0.5 && curved(0.5, -0.5) < 0.5);
        assert!((curved(0.25, 0.5) - 0.5).abs() < 1e-6, "the square root");
    }
}
