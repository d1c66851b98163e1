//! The filter at one corner and damping: its recursion, and how its outputs are shaped.

use super::{ALL_PASS, BAND, HIGH, LOW, NOTCH};
use crate::contract::Wanted;
use crate::kit::matched::{MEETING, one_minus_cos, one_minus_exp, taps};
use crate::kit::math::{exp2, polynomial};
use crate::lanes::Lanes;

/// Half of 1/Q of a resonance.
#[inline(always)]
pub(super) fn damping_of<V: Lanes>(resonance: V) -> V {
    exp2(resonance * -8.0)
}

/// Half of 1/Q, and what it alone decides of the shares of low: worked out once where the resonance
/// does not move.
#[derive(Clone, Copy)]
pub(super) struct Damping<V> {
    pub(super) half: V,
    /// The factors of the corner's square and its powers in the band's share, without sigma.
    pub(super) straight: [V; 3],
    /// The factor of the corner's square among those of sigma in the band's share.
    pub(super) damped: V,
    /// The factor of the corner's square in the share of how far the band moves.
    pub(super) high: V,
}

impl<V: Lanes> Damping<V> {
    /// From half of 1/Q.
    #[inline(always)]
    pub(super) fn of(half: V) -> Self {
        let square = half * half;
        Damping {
            half,
            straight: [
                linear(square, 0.129_707_82, 0.015_219_575),
                linear(square, 0.004_764_905, 0.000_008_798_6),
                linear(square, -0.000_864_277_3, -0.000_039_490_9),
            ],
            damped: linear(square, -0.024_994_474, -0.036_921_14),
            high: linear(square, 0.014_310_535, 0.014_150_29),
        }
    }

    /// All that it holds, side by side.
    #[inline(always)]
    pub(super) fn parts(self) -> [V; 6] {
        let [first, second, third] = self.straight;
        [self.half, first, second, third, self.damped, self.high]
    }

    /// The shares in low of how far its integrator moves and, in parts of 2 a3 / 2 a2, of how far the
    /// band moves.
    ///
    /// Low is right at 0 by itself: half-way between the integrator before and after. Of trapezoids, how
    /// far it moves is the band's share, which sets the level; how far the band moves is that of high,
    /// which sets the shape: that fits, within 0.4 % up to a quarter of the frame rate and 1.1 % above,
    /// the root of what is left of the circuit's squared magnitude at the meeting point.
    #[inline(always)]
    pub(super) fn low_ratio(&self, [.., square, sigma]: Ring<V>) -> [V; 2] {
        let [first, second, third] = self.straight;
        let straight = square.mul_add(square.mul_add(third, second), first);
        let straight = square.mul_add(straight, V::splat(0.5 + 0.267_226_95));
        let damped = square.mul_add(V::splat(0.003_443_366_6), self.damped);
        let damped = square.mul_add(damped, V::splat(-0.109_385_24));
        let way = sigma.mul_add(damped, straight);
        let straight = square.mul_add(V::splat(0.000_850_77), self.high);
        let straight = square.mul_add(straight, V::splat(-0.264_940_6));
        let damped = square.mul_add(V::splat(-0.011_789_955), V::splat(-0.034_023_26));
        [way, sigma.mul_add(damped, straight)]
    }
}

#[inline(always)]
fn linear<V: Lanes>(x: V, slope: f32, at_zero: f32) -> V {
    x.mul_add(V::splat(slope), V::splat(at_zero))
}

/// The filter at one corner and damping: what the recursion takes, and what all outputs are
/// shaped from.
///
/// In order: Simper's 2 (a2 damping + a3), 2 a2 and 2 a3, and the corner, its square and sigma.
pub(super) type Ring<V> = [V; RING];
pub(super) const RING: usize = 6;

/// From the corner in radians per frame and half of 1/Q.
///
/// The poles of the circuit are -sigma ± i phi, those of the filter e^-sigma (cos phi ± i sin phi).
#[inline(always)]
pub(super) fn ring<V: Lanes>(corner: V, damping: V) -> Ring<V> {
    let mut ring = squared_ring(corner, damping);
    ring[GAIN] = ring[GAIN].sqrt();
    ring
}

/// Where 2 a2 is in a [`Ring`].
pub(super) const GAIN: usize = 1;

/// As [`ring`] gives it, but with the square of 2 a2.
#[inline(always)]
fn squared_ring<V: Lanes>(corner: V, damping: V) -> Ring<V> {
    let square = corner * corner;
    let sigma = corner * damping;
    let loss = one_minus_exp(sigma);
    let versine = one_minus_cos((-sigma).mul_add(sigma, square));
    // loss²/2 + (1 - loss) versine
    let push = loss.mul_add(loss.mul_add(V::splat(0.5), -versine), versine);
    // 1 - (1 - loss)² + push
    let pull = loss.mul_add(V::splat(2.0) - loss, push);
    // a2 is the geometric mean of a1 and a3.
    let gain = (V::splat(2.0) - pull) * push;
    [pull, gain, push, corner, square, sigma]
}

/// The [`squared_ring`] and the [`Damping::low_ratio`] at a corner and damping.
#[inline(always)]
pub(super) fn up_to_root<V: Lanes>((corner, damping): (V, Damping<V>)) -> (Ring<V>, [V; 2]) {
    let ring = squared_ring(corner, damping.half);
    (ring, damping.low_ratio(ring))
}

/// The [`ring`] and the [`Damping::low_ratio`] at a corner and damping.
#[inline(always)]
pub(super) fn rooted<V: Lanes>(at: (V, Damping<V>)) -> (Ring<V>, [V; 2]) {
    let (mut ring, ratio) = up_to_root(at);
    ring[GAIN] = ring[GAIN].sqrt();
    (ring, ratio)
}

/// What the other outputs than low need besides the ring: 1 / (2 a2), and the squared magnitude of
/// the filter's poles at the meeting point, over that of the circuit's.
type Poles<V> = [V; 2];

#[inline(always)]
pub(super) fn poles<V: Lanes>([pull, gain, push, _, square, sigma]: Ring<V>) -> Poles<V> {
    let one = V::splat(1.0);
    let from_meeting = square - MEETING * MEETING;
    let below = from_meeting.mul_add(from_meeting, sigma * sigma * (4.0 * MEETING * MEETING));
    let across = one - (pull + push) * 0.5;
    let half_loss = (pull - push) * 0.5;
    [
        one / gain,
        across.mul_add(across, half_loss * half_loss) / below,
    ]
}

/// Whether any output is read that needs [`poles`].
#[inline(always)]
pub(super) fn wants_poles(wanted: Wanted) -> bool {
    (BAND..=ALL_PASS).any(
        #[inline(always)]
        |output| wanted.has(output),
    )
}

/// The shares in low of how far both integrators move.
#[inline(always)]
pub(super) fn low_shares<V: Lanes>([_, gain, push, ..]: Ring<V>, [way, high]: [V; 2]) -> [V; 2] {
    [way, high * (push / gain)]
}

/// What high and notch are before they are tilted, over the bare ones, at frequency 0.
#[inline(always)]
fn rest<V: Lanes>([_, _, push, _, square, _]: Ring<V>) -> V {
    (push + push) / square
}

/// The shares of the band before and after a frame in band.
///
/// It keeps its slope at 0, raised by half of what it lacks half-way; a share of high sets the rest.
#[inline(always)]
pub(super) fn band_shares<V: Lanes>(ring: Ring<V>, [scale, poles]: Poles<V>) -> [V; 2] {
    let [_, _, _, corner, square, _] = ring;
    let slope = rest(ring) * corner * (0.5 * 1.0017);
    let high = (square * poles * (MEETING * MEETING) - slope * slope)
        .max(V::splat(0.0))
        .sqrt();
    [(slope - high) * scale, (slope + high) * scale]
}

/// The shares of this and the last bare high-pass in high, which has its zeros in place.
#[inline(always)]
pub(super) fn high_taps<V: Lanes>(ring: Ring<V>, [_, poles]: Poles<V>) -> [V; 2] {
    taps(rest(ring), poles * (MEETING * MEETING * MEETING * MEETING))
}

/// The share of the bare high-pass in the bare notch: (corner/2)² cot²(corner/2) times what high
/// lacks, which puts the zeros at the corner.
#[inline(always)]
pub(super) fn notch_high<V: Lanes>(ring: Ring<V>) -> V {
    let [.., square, _] = ring;
    rest(ring)
        * polynomial(
            square,
            [
                1.0,
                -0.166_668_66,
                0.004_170_346,
                0.000_162_819_5,
                0.000_006_599_437,
                5.796_516e-8,
                1.526_636_4e-8,
            ],
        )
}

/// The share of this bare notch in the notch; the last one has the rest.
#[inline(always)]
pub(super) fn notch_tap<V: Lanes>(ring: Ring<V>, [scale, poles]: Poles<V>) -> V {
    let [pull, _, _, _, square, _] = ring;
    // (corner² - meeting²) / (1 - cot²(corner/2)) / corner²: the prototype over the bare notch.
    let above = polynomial(
        square,
        [
            0.616_850_4,
            0.007_019_398_3,
            0.000_358_006_14,
            0.000_014_847_642,
            0.000_001_362_074_5,
            -5.594_807e-8,
            7.580_167e-9,
        ],
    );
    let tilt = above * (square * (V::splat(4.0) - pull * 2.0) * scale * scale);
    taps(V::splat(1.0), tilt * tilt * poles)[0]
}

/// The share of the band before and after a frame that all-pass takes from its input.
#[inline(always)]
pub(super) fn phase_share<V: Lanes>([pull, _, push, ..]: Ring<V>, [scale, _]: Poles<V>) -> V {
    (pull - push) * scale
}

/// How far what enters moves band and low at most: against nothing in low.
#[inline(always)]
pub(super) fn reach<V: Lanes>([_, gain, push, ..]: Ring<V>, input: V) -> [V; 2] {
    [gain * input, push * input]
}

/// How far what enters moves band and low against what the low integrator held before.
#[inline(always)]
pub(super) fn drive<V: Lanes>(
    [_, gain, push, ..]: Ring<V>,
    [band, low]: [V; 2],
    held: V,
) -> [V; 2] {
    [(-gain).mul_add(held, band), (-push).mul_add(held, low)]
}

/// One step of the two integrators, from their [`drive`] and what they held.
///
/// No product waits for another, and each sum for two of them only: that is what a voice by itself
/// waits for.
#[inline(always)]
pub(super) fn integrate<V: Lanes>(
    [pull, gain, ..]: Ring<V>,
    drive: [V; 2],
    band: V,
    low: V,
) -> [V; 2] {
    // The loss is subtracted rather than multiplied in: near 1 a factor would lose precision.
    [
        (-pull).mul_add(band, band) + drive[0],
        gain.mul_add(band, low) + drive[1],
    ]
}

/// The bare high-pass, from what entered and what the integrators held before.
#[inline(always)]
pub(super) fn bare_high<V: Lanes>(
    [pull, ..]: Ring<V>,
    [scale, _]: Poles<V>,
    input: V,
    band: V,
    low: V,
) -> V {
    (-(pull * scale)).mul_add(band, input - low)
}

/// The bare notch, from the bare high-pass and what the low integrator held before and after.
#[inline(always)]
pub(super) fn bare_notch<V: Lanes>(notch_high: V, high: V, lows: [V; 2]) -> V {
    notch_high.mul_add(high, (lows[0] + lows[1]) * 0.5)
}

/// Low, from the integrators' [`drive`] and what they held before.
#[inline(always)]
pub(super) fn low_pass<V: Lanes>(
    [way, high]: [V; 2],
    [pull, gain, ..]: Ring<V>,
    drive: [V; 2],
    band: V,
    low: V,
) -> V {
    // How far they move, without the rounding of what they hold.
    let band_moves = (-pull).mul_add(band, drive[0]);
    let low_moves = gain.mul_add(band, drive[1]);
    high.mul_add(band_moves, way.mul_add(low_moves, low))
}

/// Band, from what its integrator held before and after.
#[inline(always)]
pub(super) fn band_pass<V: Lanes>(shares: [V; 2], bands: [V; 2]) -> V {
    shares[1].mul_add(bands[1], shares[0] * bands[0])
}

/// All-pass, from what entered and what the band held before and after.
#[inline(always)]
pub(super) fn all_pass_of<V: Lanes>(share: V, input: V, bands: [V; 2]) -> V {
    (-share).mul_add(bands[0] + bands[1], input)
}

/// High, from the bare ones of the last frame and this one.
#[inline(always)]
pub(super) fn high_pass<V: Lanes>(taps: [V; 2], highs: [V; 2]) -> V {
    taps[0].mul_add(highs[1], taps[1] * highs[0])
}

/// Notch, from the bare ones of the last frame and this one.
#[inline(always)]
pub(super) fn notch_of<V: Lanes>(tap: V, notches: [V; 2]) -> V {
    tap.mul_add(notches[1] - notches[0], notches[0])
}

/// The shares of all outputs that somebody reads, worked out where neither corner nor damping
/// moves.
#[derive(Clone, Copy)]
pub(super) struct Shares<V> {
    pub(super) poles: Poles<V>,
    pub(super) low: [V; 2],
    pub(super) band: [V; 2],
    pub(super) high: [V; 2],
    pub(super) notch_high: V,
    pub(super) notch: V,
    pub(super) all_pass: V,
}

impl<V: Lanes> Shares<V> {
    /// Those of outputs that are not read are 0.
    #[inline(always)]
    pub(super) fn of(ring: Ring<V>, damping: V, wanted: Wanted) -> Self {
        let zero = V::splat(0.0);
        let mut shares = Shares {
            poles: [zero; 2],
            low: [zero; 2],
            band: [zero; 2],
            high: [zero; 2],
            notch_high: zero,
            notch: zero,
            all_pass: zero,
        };
        if wanted.has(LOW) {
            shares.low = low_shares(ring, Damping::of(damping).low_ratio(ring));
        }
        if !wants_poles(wanted) {
            return shares;
        }
        let poles = poles(ring);
        shares.poles = poles;
        if wanted.has(BAND) {
            shares.band = band_shares(ring, poles);
        }
        if wanted.has(HIGH) {
            shares.high = high_taps(ring, poles);
        }
        if wanted.has(NOTCH) {
            (shares.notch_high, shares.notch) = (notch_high(ring), notch_tap(ring, poles));
        }
        if wanted.has(ALL_PASS) {
            shares.all_pass = phase_share(ring, poles);
        }
        shares
    }
}
