//! Curves that bend a signal without breaking it.

use crate::lanes::Lanes;

/// Where [`tanh`] reaches 1.
const FLAT: f32 = 4.97;

/// The hyperbolic tangent within 1e-4, exactly odd, slope 1 at 0, and within ±1 for any input.
///
/// J. H. Lambert's continued fraction, cut after four terms: close enough in all its derivatives
/// that it adds no harmonics of its own. Something that is no number gives -1.
#[inline(always)]
pub fn tanh<V: Lanes>(x: V) -> V {
    let x = x.clamp(-FLAT, FLAT);
    let square = x * x;
    let fourth = square * square;
    // Written as two halves that do not wait for each other: feedback loops pay for every operation
    // in a row.
    let top = fourth.mul_add(
        square + 378.0,
        square.mul_add(V::splat(17_325.0), V::splat(135_135.0)),
    );
    let bottom = fourth.mul_add(
        square.mul_add(V::splat(28.0), V::splat(3150.0)),
        square.mul_add(V::splat(62_370.0), V::splat(135_135.0)),
    );
    (x * top / bottom).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono};

    #[test]
    fn tanh_is_close_and_bounded() {
        for step in -40_000..=40_000 {
            let x = step as f32 * 5e-4;
            let got = tanh(Mono::<Baseline>::splat(x)).sum();
            assert!((f64::from(got) - f64::from(x).tanh()).abs() < 1e-4, "{x}");
            assert!(got.abs() <= 1.0);
        }
        for x in [f32::MAX, f32::INFINITY, f32::NAN, -1e30] {
            assert!(tanh(Mono::<Baseline>::splat(x)).sum().abs() <= 1.0);
        }
    }
}
