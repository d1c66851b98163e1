//! Functions of the corner angle that matched filters are made of.
//!
//! A matched filter has the poles of its analogue prototype exactly (impulse invariance, z =
//! e^(sT)), and a numerator that meets the prototype's magnitude where it matters. After M.
//! Vicanek, *Matched Second Order Digital Filters* (2016); here the magnitude is met at 0 and at a
//! quarter of the frame rate, where Vicanek meets it at 0 and at half the rate, because the ear and
//! the octaves in which a digital filter can be true lie below.
//!
//! The polynomials are minimax fits by iteratively reweighted least squares, as fine as it takes to
//! put poles within a tenth of a cent of where they belong.

use core::f32::consts::FRAC_PI_2;

use crate::kit::math::polynomial;
use crate::lanes::Lanes;

/// The angle at which the magnitude is met besides 0: a quarter of the frame rate.
pub const MEETING: f32 = FRAC_PI_2;

/// 1 - e^-x for `x` in 0..2.9, relative error below 1.4e-5 however small `x` is.
#[inline(always)]
pub fn one_minus_exp<V: Lanes>(x: V) -> V {
    // Of half of `x` first, which needs fewer terms.
    twice(
        x * polynomial(
            x,
            [
                0.499_993_46,
                -0.124_895_95,
                0.020_554_756,
                -0.002_331_368,
                0.000_143_419_1,
            ],
        ),
    )
}

/// 1 - (1 - x)^2: from the loss over a time to the loss over twice the time, keeping the relative
/// precision of small losses.
#[inline(always)]
pub fn twice<V: Lanes>(loss: V) -> V {
    (-loss).mul_add(loss, loss + loss)
}

/// 1 - cos(x) from `x` squared, for `x` within ±2.9, relative error below 2.7e-5.
#[inline(always)]
pub fn one_minus_cos<V: Lanes>(square: V) -> V {
    square
        * polynomial(
            square,
            [
                0.499_986_77,
                -0.041_623_22,
                0.001_364_946_8,
                -0.000_020_380_688,
            ],
        )
}

/// The two taps, now and one frame ago, of a correction whose gain is `rest` at 0 and whose squared
/// magnitude is `square` at [`MEETING`].
#[inline(always)]
pub fn taps<V: Lanes>(rest: V, square: V) -> [V; 2] {
    let difference = (square + square - rest * rest).max(V::splat(0.0)).sqrt();
    [(rest + difference) * 0.5, (rest - difference) * 0.5]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono};

    #[test]
    fn functions_keep_their_promised_errors() {
        for step in 1..=40_000 {
            let x = 2.9 * step as f32 / 40_000.0;
            for x in [x, x * 1e-4] {
                let got = f64::from(one_minus_exp(Mono::<Baseline>::splat(x)).sum());
                let exact = -(-f64::from(x)).exp_m1();
                assert!((got / exact - 1.0).abs() < 1.4e-5, "1 - exp(-{x})");
                let square = x * x;
                let got = f64::from(one_minus_cos(Mono::<Baseline>::splat(square)).sum());
                let exact = 2.0 * (f64::from(square).sqrt() * 0.5).sin().powi(2);
                assert!(
                    (got / exact - 1.0).abs() < 2.7e-5,
                    "1 - cos({x}): {:e}",
                    got / exact - 1.0
                );
            }
        }
    }
}
