//! Elementary functions per lane, the same bits in every lane type of an instruction set.
//!
//! The polynomials are minimax fits, found by iteratively reweighted least squares on Chebyshev
//! nodes; the error each reaches in exact arithmetic is noted and a test holds them to it in `f32`.

use crate::lanes::{LaneBits, LaneMask, Lanes};

/// Adding and subtracting this rounds a float within ±2^22 to the nearest integer.
const ROUND: f32 = 12_582_912.0;

/// A polynomial by Horner's rule, constant term first.
#[inline(always)]
pub fn polynomial<V: Lanes, const N: usize>(x: V, coefficients: [f32; N]) -> V {
    let [rest @ .., last] = &coefficients[..] else {
        return V::splat(0.0);
    };
    let mut sum = V::splat(*last);
    for coefficient in rest.iter().rev() {
        sum = sum.mul_add(x, V::splat(*coefficient));
    }
    sum
}

/// The nearest integer, for values within ±2^22.
#[inline(always)]
pub fn round<V: Lanes>(x: V) -> V {
    (x + ROUND) - ROUND
}

/// (2^x - 1) / x for `x` in -1/2..1/2, by rising powers: minimax with a relative error of 2^x of 2e-9.
const EXP2: [f32; 6] = [
    core::f32::consts::LN_2,
    0.240_226_47,
    0.055_503_288,
    0.009_618_489,
    0.001_339_993_1,
    0.000_153_458_1,
];

/// What is left of `x`, within ±126, beside the nearest integer, and that integer in the place of a
/// float's exponent.
#[inline(always)]
fn split_octaves<V: Lanes>(x: V) -> (V, V::Bits) {
    let shifted = x + ROUND;
    let exponent = shifted
        .to_bits()
        .wrapping_sub(V::Bits::splat(ROUND.to_bits()))
        .shift_left(23);
    (x - (shifted - ROUND), exponent)
}

/// The peak of some frames, in each lane.
#[inline(always)]
pub fn peak<V: Lanes>(frames: &[V]) -> V {
    peak_of([frames])
}

/// The peak of several signals together, in each lane.
#[inline(always)]
pub fn peak_of<V: Lanes, const N: usize>(signals: [&[V]; N]) -> V {
    let mut peak = V::splat(0.0);
    if V::COUNT > 1 {
        for frames in signals {
            for frame in frames {
                peak = frame.abs().max(peak);
            }
        }
        return peak;
    }
    // Eight frames of the one voice at once: the compiler may not turn comparisons of floats around.
    let mut wide = V::Wide::splat(0.0);
    for frames in signals {
        let (chunks, rest) = frames.as_chunks::<8>();
        for chunk in chunks {
            let frames = V::Wide::from_fn(
                #[inline(always)]
                |index| chunk[index].sum(),
            );
            wide = frames.abs().max(wide);
        }
        for frame in rest {
            peak = frame.abs().max(peak);
        }
    }
    for frame in wide.as_slice() {
        peak = V::splat(*frame).max(peak);
    }
    peak
}

/// 2^x, relative error below 3e-7; `x` is limited to ±126.
#[inline(always)]
pub fn exp2<V: Lanes>(x: V) -> V {
    exp2_within(x.clamp(-126.0, 126.0))
}

/// [`exp2`] for `x` within ±126.
#[inline(always)]
pub fn exp2_within<V: Lanes>(x: V) -> V {
    let (rest, exponent) = split_octaves(x);
    let mantissa = polynomial(rest, EXP2).mul_add(rest, V::splat(1.0));
    V::from_bits(mantissa.to_bits().wrapping_add(exponent))
}

/// 2^x - 1, relative error below 1e-6 however small `x` is; `x` is limited to ±126.
#[inline(always)]
pub fn exp2_minus_1<V: Lanes>(x: V) -> V {
    exp2_minus_1_within(x.clamp(-126.0, 126.0))
}

/// [`exp2_minus_1`] for `x` within ±126.
#[inline(always)]
pub fn exp2_minus_1_within<V: Lanes>(x: V) -> V {
    let (rest, exponent) = split_octaves(x);
    // Without the cancellation that subtracting from `exp2` would bring.
    let mantissa = rest * polynomial(rest, EXP2);
    let whole = V::from_bits(V::splat(1.0).to_bits().wrapping_add(exponent));
    whole.mul_add(mantissa, whole - 1.0)
}

/// log2(x) for normal `x` above 0, absolute error below 1e-6 near 1 and relative below 3e-7 elsewhere.
#[inline(always)]
pub fn log2<V: Lanes>(x: V) -> V {
    let x = x.max(V::splat(f32::MIN_POSITIVE));
    // Splits off the exponent so that the mantissa lies within sqrt(1/2)..sqrt(2).
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let offset = x.to_bits().wrapping_sub(V::Bits::splat(SQRT_HALF));
    let exponent = V::from_signed(offset.shift_right(23)) - {
        // The subtraction above wraps for x below sqrt(1/2); the shifted bits then lack their sign.
        let below = x.lt(V::splat(std::f32::consts::FRAC_1_SQRT_2));
        below.select(V::splat(512.0), V::splat(0.0))
    };
    let mantissa = V::from_bits(
        (offset & V::Bits::splat(0x007f_ffff)).wrapping_add(V::Bits::splat(SQRT_HALF)),
    );
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    s.mul_add(
        polynomial(
            square,
            [
                2.885_39,
                0.961_796_64,
                0.577_086_6,
                0.411_534_22,
                0.342_820_35,
            ],
        ),
        exponent,
    )
}

/// sin(2 pi x), absolute error below 2e-7 for `x` within ±2^20 turns.
#[inline(always)]
pub fn sin_turns<V: Lanes>(x: V) -> V {
    let turn = x - round(x);
    // Folds -1/2..1/2 into -1/4..1/4: sin(pi - a) = sin a.
    sin_within_a_quarter(turn.min(V::splat(0.5) - turn).max(V::splat(-0.5) - turn))
}

/// [`sin_turns`] of a phase that is given a quarter turn ahead, to the 24 bits that [`Lanes::from_phase`]
/// keeps: bit for bit and faster.
#[inline(always)]
pub fn sin_of_phase_ahead<V: Lanes>(phase: V::Bits) -> V {
    minus_cos_of_phase(phase & V::Bits::splat(0xffff_ff00))
}

/// -cos(2 pi x) for `x` within -1/2..1/2: a sine a quarter turn later, which is the same for both signs
/// and so has one fold less.
#[inline(always)]
pub fn minus_cos_within_a_turn<V: Lanes>(turn: V) -> V {
    sin_within_a_quarter(turn.abs() - 0.25)
}

/// [`minus_cos_within_a_turn`] of a phase of 2^32 steps a turn, bit for bit and faster.
#[inline(always)]
pub fn minus_cos_of_phase<V: Lanes>(phase: V::Bits) -> V {
    let steps = V::from_signed(phase).abs();
    // The product is exact.
    sin_within_a_quarter(steps.mul_add(V::splat(1.0 / 4_294_967_296.0), V::splat(-0.25)))
}

/// sin(2 pi x) within -1/4..1/4: minimax with an error of 3.4e-9.
#[inline(always)]
fn sin_within_a_quarter<V: Lanes>(turn: V) -> V {
    turn * polynomial(
        turn * turn,
        [
            std::f32::consts::TAU.next_down(),
            -41.341_656,
            81.601_006,
            -76.549_78,
            39.536_705,
        ],
    )
}

/// cos(2 pi x), absolute error below 2e-7 for `x` within ±2^20 turns.
#[inline(always)]
pub fn cos_turns<V: Lanes>(x: V) -> V {
    // The quarter turn is added after reduction, where it costs no precision.
    sin_turns((x - round(x)) + 0.25)
}

/// The frequency in hertz of octaves from middle C, at A4 = 440 Hz.
#[inline(always)]
pub fn pitch_to_hz<V: Lanes>(octaves: V) -> V {
    exp2(octaves) * MIDDLE_C
}

/// Middle C in hertz at A4 = 440 Hz in equal temperament: 440 / 2^(9/12).
pub const MIDDLE_C: f32 = 261.625_56;

/// The amplitude of a level in decibels.
#[inline(always)]
pub fn db_to_gain<V: Lanes>(decibels: V) -> V {
    exp2(decibels * (std::f32::consts::LOG2_10 / 20.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Eight, InstructionSet, Mono, Sixteen};

    fn worst<S: InstructionSet>(
        f: impl Fn(Mono<S>) -> Mono<S>,
        exact: impl Fn(f64) -> f64,
        range: std::ops::RangeInclusive<f64>,
        error: impl Fn(f64, f64) -> f64,
    ) -> f64 {
        let steps = 40_000;
        (0..=steps)
            .map(|step| {
                let x = (range.start() + (range.end() - range.start()) * step as f64 / steps as f64)
                    as f32;
                let got = f64::from(f(Mono::<S>::splat(x)).sum());
                error(got, exact(f64::from(x)))
            })
            .fold(0.0, f64::max)
    }

    fn relative(got: f64, want: f64) -> f64 {
        ((got - want) / want).abs()
    }
    fn absolute(got: f64, want: f64) -> f64 {
        (got - want).abs()
    }

    #[test]
    fn functions_keep_their_promised_errors() {
        let exp = worst::<Baseline>(exp2, f64::exp2, -20.0..=20.0, relative);
        assert!(exp < 3e-7, "exp2 {exp:e}");
        let log = worst::<Baseline>(log2, f64::log2, 1e-3..=0.9, relative);
        assert!(log < 3e-6, "log2 below 1 {log:e}");
        let log = worst::<Baseline>(log2, f64::log2, 0.5..=2000.0, absolute);
        assert!(log < 1e-6, "log2 {log:e}");
        let sin = worst::<Baseline>(
            sin_turns,
            |x| (std::f64::consts::TAU * x).sin(),
            -3.0..=3.0,
            absolute,
        );
        assert!(sin < 2.5e-7, "sin {sin:e}");
        let cos = worst::<Baseline>(
            cos_turns,
            |x| (std::f64::consts::TAU * x).cos(),
            -3.0..=3.0,
            absolute,
        );
        assert!(cos < 2.5e-7, "cos {cos:e}");
    }

    #[test]
    fn the_sine_of_a_phase_is_that_of_its_turns() {
        type One = Mono<Baseline>;
        let spread = (0..4096u32).map(|step| step.wrapping_mul(0x0013_579b));
        let corners = [
            0,
            0xff,
            0x4000_0000,
            0x7fff_ffff,
            0x8000_0000,
            0xc000_0000,
            u32::MAX,
        ];
        for phase in spread.chain(corners) {
            let turns = sin_turns(One::from_phase(phase)).sum();
            let direct = sin_of_phase_ahead::<One>(phase.wrapping_add(1 << 30)).sum();
            assert_eq!(turns.to_bits(), direct.to_bits(), "{phase:#x}");
        }
    }

    #[test]
    fn the_negated_cosine_of_a_phase_is_that_of_its_turns() {
        type One = Mono<Baseline>;
        let corners = [
            0,
            1,
            0x3fff_ffff,
            0x4000_0000,
            0x7fff_ffff,
            0x8000_0000,
            u32::MAX,
        ];
        let spread = (0..4096u32).map(|step| step.wrapping_mul(0x0013_579b));
        for phase in spread.chain(corners) {
            let turns = One::from_signed(phase) * (1.0 / 4_294_967_296.0);
            let got = minus_cos_within_a_turn(turns).sum();
            let direct = minus_cos_of_phase::<One>(phase).sum();
            assert_eq!(got.to_bits(), direct.to_bits(), "{phase:#x}");
            let exact = -(std::f64::consts::TAU * f64::from(phase) / 4_294_967_296.0).cos();
            assert!((f64::from(got) - exact).abs() < 2.5e-7, "{phase:#x}: {got}");
        }
    }

    #[test]
    fn wide_lanes_give_the_bits_of_one_lane() {
        for step in -400..400 {
            let x = step as f32 * 0.037;
            let one = [exp2, sin_turns, cos_turns, log2]
                .map(|f: fn(Mono<Baseline>) -> _| f(Mono::splat(x)).sum());
            let eight = [exp2, sin_turns, cos_turns, log2]
                .map(|f: fn(Eight<Baseline>) -> _| f(Eight::splat(x)).lane(7));
            let sixteen = [exp2, sin_turns, cos_turns, log2]
                .map(|f: fn(Sixteen<Baseline>) -> _| f(Sixteen::splat(x)).lane(9));
            assert_eq!(one.map(f32::to_bits), eight.map(f32::to_bits), "at {x}");
            assert_eq!(one.map(f32::to_bits), sixteen.map(f32::to_bits), "at {x}");
        }
    }
}
