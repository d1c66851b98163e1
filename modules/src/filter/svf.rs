//! The state-variable filter.

use core::f32::consts::TAU;

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::corner::{
    Corner, HIGHEST, STAGE, audio_at, column, gather, gather_audio, tabulate,
};
use crate::kit::matched::{MEETING, one_minus_cos, one_minus_exp, taps, twice};
use crate::kit::math::{exp2, polynomial};
use crate::lanes::Lanes;
use crate::spec::{Category, Silence, Spec, Voicing, audio, hz, pitch, unit};

/// Two-pole filter: two integrators in a ring.
///
/// With p = s / (2 pi cutoff) and Q = 2^(8 resonance - 1), the outputs follow the circuit's low 1/d,
/// band p/d, high p²/d, notch (1 + p²)/d and all-pass (p² - p/Q + 1)/d, with d = p² + p/Q + 1. Below
/// a quarter of the frame rate they do so within 0.05 dB for corners that lie there too, and for
/// corners up to 20 kHz at 48 kHz within 0.1 dB (the notch within 0.2 dB).
///
/// The recursion is A. Simper's trapezoidal one (*Solving the continuous SVF equations using
/// trapezoidal integration and equivalent currents*, 2013), which no movement of the corner can
/// upset, because by itself a step never raises the energy of the states. Its two coefficients are
/// chosen so that the poles are exactly those of the circuit instead of warped ones, and each output
/// gets a share of the others that meets the circuit's magnitude; see [`crate::kit::matched`].
pub struct Svf<V: Lanes> {
    band: V,
    low: V,
    /// The bare high-pass and notch of one frame ago.
    last_high: V,
    last_notch: V,
    radians_per_hertz: f32,
}

/// As [`coefficients`] lists them.
type Coefficients<V> = [V; 13];

/// 1/Q of a resonance.
#[inline(always)]
fn damping<V: Lanes>(resonance: V) -> V {
    exp2(resonance * -8.0) * 2.0
}

/// From the corner in radians per frame and 1/Q.
#[inline(always)]
fn coefficients<V: Lanes>(corner: V, damping: V) -> Coefficients<V> {
    let zero = V::splat(0.0);
    let one = V::splat(1.0);
    // The poles of the circuit are -sigma ± i phi, those of the filter e^-sigma (cos phi ± i sin
    // phi).
    let square = corner * corner;
    let sigma = corner * damping * 0.5;
    let sigma_square = sigma * sigma;
    let loss = one_minus_exp(sigma);
    let decay = one - loss;
    let double_loss = twice(loss);
    let versine = one_minus_cos((square - sigma_square).max(zero));

    // Simper's a1, a2 and a3 with those poles.
    let a3 = loss.mul_add(loss, decay * versine * 2.0) * 0.25;
    let a1 = one - double_loss.mul_add(V::splat(0.5), a3);
    let a2 = (a1 * a3).sqrt();

    // One division for 1/a2, 1/corner² and the squared magnitude of the poles at the meeting point.
    let from_meeting = square - MEETING * MEETING;
    let below = from_meeting.mul_add(from_meeting, sigma_square * (4.0 * MEETING * MEETING));
    let inverse = one / (a2 * square * below);
    let inverse_a2 = inverse * square * below;
    let inverse_square = inverse * a2 * below;
    let across = decay * (one - versine);
    let poles = across.mul_add(across, double_loss * double_loss * 0.25) * (inverse * a2 * square);

    // Low is right at 0 by itself; a share of high sets the shape and one of band the level.
    let low_high = a3 * {
        let straight = polynomial(square, [-0.529_881_2, 0.028_300_58, 0.001_701_54]);
        let damped = square.mul_add(V::splat(-0.023_579_91), V::splat(-0.068_046_52));
        sigma.mul_add(sigma.mul_add(V::splat(0.028_621_07), damped), straight)
    };
    let short = a3 - low_high;
    let low_band = (square * square)
        .mul_add(poles, -(short * short))
        .max(zero)
        .sqrt()
        * inverse_a2;

    // Band keeps its slope at 0, raised by half of what it lacks half-way.
    let rest = a3 * inverse_square * 4.0;
    let slope = rest * corner * (0.5 * 1.0017);
    let band_band = slope * inverse_a2;
    let band_high = (square * poles * (MEETING * MEETING) - slope * slope)
        .max(zero)
        .sqrt();

    // High and notch have their zeros in place; two taps tilt what remains.
    let high = taps(rest, poles * (MEETING * MEETING * MEETING * MEETING));
    // (corner/2)² cot²(corner/2), which puts the notch's zeros at the corner.
    let notch_high = rest
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
        );
    // (corner² - meeting²) / (1 - cot²(corner/2)) / corner²: the prototype over that notch.
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
    let tilt = above * (square * a1 * inverse_a2 * inverse_a2);
    let notch = taps(one, tilt * tilt * poles);

    let pull = double_loss + a3 * 2.0;
    [
        pull,
        a2 * 2.0,
        a3 * 2.0,
        pull * inverse_a2 * 0.5,
        low_high,
        low_band * 0.5,
        band_high,
        band_band * 0.5,
        high[0],
        high[1],
        notch_high,
        notch[0],
        double_loss * inverse_a2 * 0.5,
    ]
}

/// One step of the two integrators, from what entered and what they held.
#[inline(always)]
fn integrate<V: Lanes>([pull, a2, a3, ..]: Coefficients<V>, input: V, band: V, low: V) -> [V; 2] {
    let rise = input - low;
    // The losses are subtracted rather than multiplied in: near 1 a factor would lose precision.
    [
        a2.mul_add(rise, (-pull).mul_add(band, band)),
        a3.mul_add(rise, a2.mul_add(band, low)),
    ]
}

/// The bare outputs, from what entered and what the integrators held before and after: high, low
/// and twice the band.
#[inline(always)]
fn bare<V: Lanes>(coefficients: Coefficients<V>, input: V, bands: [V; 2], lows: [V; 2]) -> [V; 3] {
    let [_, _, _, ring, ..] = coefficients;
    [
        (-ring).mul_add(bands[0], input - lows[0]),
        (lows[0] + lows[1]) * 0.5,
        bands[0] + bands[1],
    ]
}

/// The notch before it is tilted.
#[inline(always)]
fn bare_notch<V: Lanes>(coefficients: Coefficients<V>, [high, low, _]: [V; 3]) -> V {
    let [.., notch_high, _, _] = coefficients;
    notch_high.mul_add(high, low)
}

/// Low, band and all-pass.
#[inline(always)]
fn matched<V: Lanes>(coefficients: Coefficients<V>, input: V, [high, low, band]: [V; 3]) -> [V; 3] {
    let [
        _,
        _,
        _,
        _,
        low_high,
        low_band,
        band_high,
        band_band,
        _,
        _,
        _,
        _,
        phase,
    ] = coefficients;
    [
        low_high.mul_add(high, low_band.mul_add(band, low)),
        band_high.mul_add(high, band_band * band),
        (-phase).mul_add(band, input),
    ]
}

/// High and notch, from the bare ones of this and the last frame.
#[inline(always)]
fn tilted<V: Lanes>(coefficients: Coefficients<V>, highs: [V; 2], notches: [V; 2]) -> [V; 2] {
    let [.., now, before, _, straight, _] = coefficients;
    [
        now.mul_add(highs[1], before * highs[0]),
        straight.mul_add(notches[1] - notches[0], notches[0]),
    ]
}

impl<V: Lanes> Svf<V> {
    /// One frame of all outputs; for voices side by side, which fill the vectors by themselves.
    #[inline(always)]
    fn step(&mut self, coefficients: Coefficients<V>, input: V) -> [V; 5] {
        let [next_band, next_low] = integrate(coefficients, input, self.band, self.low);
        let bare = bare(
            coefficients,
            input,
            [self.band, next_band],
            [self.low, next_low],
        );
        (self.band, self.low) = (next_band, next_low);
        let notch = bare_notch(coefficients, bare);
        let [low, band, all_pass] = matched(coefficients, input, bare);
        let highs = [self.last_high, bare[0]];
        let [high, notch_out] = tilted(coefficients, highs, [self.last_notch, notch]);
        (self.last_high, self.last_notch) = (bare[0], notch);
        [low, band, high, notch_out, all_pass]
    }

    /// A stage of one voice: only the integrators go frame by frame, the rest fills vectors with
    /// frames.
    #[inline(always)]
    fn stage(
        &mut self,
        inputs: &[V; STAGE],
        at: impl Fn(usize) -> Coefficients<V>,
        [low, band, high, notch, all_pass]: Out<'_, V, 5>,
    ) {
        let count = low.len().min(STAGE);
        let mut bands = [V::splat(0.0); STAGE + 1];
        let mut lows = [V::splat(0.0); STAGE + 1];
        (bands[0], lows[0]) = (self.band, self.low);
        for frame in 0..count {
            let [next_band, next_low] =
                integrate(at(frame), inputs[frame], bands[frame], lows[frame]);
            (bands[frame + 1], lows[frame + 1]) = (next_band, next_low);
        }
        (self.band, self.low) = (bands[count], lows[count]);

        // All frames of the stage, wanted or not: a fixed count needs no loop.
        let mut highs = [V::splat(0.0); STAGE + 1];
        let mut notches = [V::splat(0.0); STAGE + 1];
        (highs[0], notches[0]) = (self.last_high, self.last_notch);
        let mut results = [[V::splat(0.0); STAGE]; 5];
        for frame in 0..STAGE {
            let coefficients = at(frame);
            let input = inputs[frame];
            let bare = bare(
                coefficients,
                input,
                [bands[frame], bands[frame + 1]],
                [lows[frame], lows[frame + 1]],
            );
            highs[frame + 1] = bare[0];
            notches[frame + 1] = bare_notch(coefficients, bare);
            let [low, band, all_pass] = matched(coefficients, input, bare);
            (results[0][frame], results[1][frame], results[4][frame]) = (low, band, all_pass);
        }
        for frame in 0..STAGE {
            let [high, notch] = tilted(
                at(frame),
                [highs[frame], highs[frame + 1]],
                [notches[frame], notches[frame + 1]],
            );
            (results[2][frame], results[3][frame]) = (high, notch);
        }
        (self.last_high, self.last_notch) = (highs[count], notches[count]);
        for (out, result) in [low, band, high, notch, all_pass].into_iter().zip(&results) {
            out.copy_from_slice(&result[..count]);
        }
    }
}

impl<V: Lanes> Module<V, 2, 3, 5> for Svf<V> {
    const SPEC: Spec<2, 3, 5> = Spec {
        id: "svf",
        name: "State-Variable Filter",
        category: Category::Filter,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Clean two-pole filter, all responses at once. Its corner may move as fast as sound.",
        inputs: [
            audio("in", "Signal to filter."),
            pitch(
                "pitch",
                "Moves the corner in octaves, so that the filter follows the keyboard.",
            ),
        ],
        params: [
            hz("cutoff", 16.0, 20_000.0, 1_000.0, "Corner frequency."),
            unit(
                "resonance",
                0.0,
                1.0,
                0.0625,
                "Peak at the corner. Each eighth doubles the Q: 0 is Q 0.5, 37.5 % Q 4, 100 % Q 128.",
            ),
            unit(
                "track",
                0.0,
                1.0,
                1.0,
                "How much of the pitch input the corner follows.",
            ),
        ],
        outputs: [
            audio("low", "What lies below the corner, 12 dB per octave."),
            audio(
                "band",
                "What lies around the corner, 6 dB per octave each side. The Q is its peak gain.",
            ),
            audio("high", "What lies above the corner, 12 dB per octave."),
            audio("notch", "Everything but the corner."),
            audio(
                "all-pass",
                "Everything at its level, with the phase turned around the corner.",
            ),
        ],
    };
    const SILENCE: Silence = Silence::All(&["in"]);

    fn new(setup: &Setup) -> Self {
        let zero = V::splat(0.0);
        Svf {
            band: zero,
            low: zero,
            last_high: zero,
            last_notch: zero,
            radians_per_hertz: TAU / setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        let zero = V::splat(0.0);
        (self.band, self.low, self.last_high, self.last_notch) = (zero, zero, zero, zero);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [input, pitch]: In<'_, V, 2>,
        [cutoff, resonance, track]: In<'_, V, 3>,
        [low, band, high, notch, all_pass]: Out<'_, V, 5>,
    ) {
        let corner = Corner::new(cutoff, pitch, track, self.radians_per_hertz, HIGHEST);
        let mut held_damping = None;
        if let Some(resonance) = resonance.constant() {
            held_damping = Some(damping(resonance));
        }
        let held = match (corner.constant(), held_damping) {
            (Some(corner), Some(damping)) => Some(coefficients(corner, damping)),
            _ => None,
        };
        if V::COUNT > 1 {
            for frame in 0..cx.frames {
                let coefficients = match held {
                    Some(held) => held,
                    None => {
                        let damping = match held_damping {
                            Some(damping) => damping,
                            None => damping(resonance.at(frame)),
                        };
                        coefficients(corner.at(frame), damping)
                    }
                };
                [
                    low[frame],
                    band[frame],
                    high[frame],
                    notch[frame],
                    all_pass[frame],
                ] = self.step(coefficients, audio_at(input, frame));
            }
            return;
        }
        let mut start = 0;
        while start < cx.frames {
            let end = cx.frames.min(start + STAGE);
            let inputs = gather_audio(input, start);
            let outputs = [
                &mut low[start..end],
                &mut band[start..end],
                &mut high[start..end],
                &mut notch[start..end],
                &mut all_pass[start..end],
            ];
            if let Some(held) = held {
                self.stage(
                    &inputs,
                    #[inline(always)]
                    |_| held,
                    outputs,
                );
            } else {
                let corners = corner.stage(start);
                let mut dampings = gather(resonance, start);
                for value in &mut dampings {
                    *value = match held_damping {
                        Some(damping) => damping,
                        None => damping(*value),
                    };
                }
                let table = tabulate(
                    #[inline(always)]
                    |frame| coefficients(corners[frame], dampings[frame]),
                );
                self.stage(
                    &inputs,
                    #[inline(always)]
                    |frame| column(&table, frame),
                    outputs,
                );
            }
            start = end;
        }
    }
}
