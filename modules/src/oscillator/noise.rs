//! Noise.

use std::f64::consts::TAU;

use crate::MAX_FRAMES;
use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::math::db_to_gain;
use crate::kit::random::{bipolar, draw, lane_seeds};
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, Spec, Voicing, audio, decibels};

/// Root mean square of every output at 0 dB: that of a sine of half size.
const LOUDNESS: f64 = 0.353_553;
/// Root mean square of an even spread over ±1.
const EVEN: f64 = 0.577_350_269_189_626;
/// Corner below which brown noise is flat, so that it does not wander off.
const BROWN_CORNER: f64 = 10.0;
/// Bends the digital integrator of brown noise straight near half the sample rate.
const BROWN_ZERO: f64 = 1.0 / 6.0;
/// Slopes that make up pink noise.
const POLES: usize = 8;

/// White, pink and brown noise from one source per voice.
pub struct Noise<V: Lanes> {
    seeds: V::Bits,
    count: u32,
    pink_shape: Slopes<POLES>,
    brown_shape: Slopes<1>,
    pink: [V; POLES],
    brown: V,
    last: V,
}

/// One-pole low-passes side by side, and the share of each in their sum.
#[derive(Clone, Copy, Debug)]
struct Slopes<const N: usize> {
    poles: [f32; N],
    shares: [f32; N],
}

impl<V: Lanes> Module<V, 0, 1, 3> for Noise<V> {
    const SPEC: Spec<0, 1, 3> = Spec {
        id: "noise",
        name: "Noise",
        category: Category::Oscillator,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Hiss, rush and rumble, different in every voice and the same in every run.",
        inputs: [],
        params: [decibels("level", -60.0, 12.0, 0.0, "Level of all outputs.")],
        outputs: [
            audio("white", "All frequencies alike: hiss."),
            audio("pink", "Every octave alike, 3 dB an octave down: rush."),
            audio("brown", "6 dB an octave down: rumble."),
        ],
    };

    fn new(setup: &Setup) -> Self {
        let rate = f64::from(setup.sample_rate);
        Noise {
            seeds: lane_seeds(setup.seed),
            count: 0,
            pink_shape: pink(rate),
            brown_shape: brown(rate),
            pink: [V::splat(0.0); POLES],
            brown: V::splat(0.0),
            last: V::splat(0.0),
        }
    }

    fn reset(&mut self) {
        self.count = 0;
        self.pink = [V::splat(0.0); POLES];
        self.brown = V::splat(0.0);
        self.last = V::splat(0.0);
    }

    fn carry(&mut self, porter: &mut Porter) {
        porter.bits(&mut self.seeds);
        porter.shared(&mut self.count);
        porter.lanes(&mut self.pink);
        porter.lane(&mut self.brown);
        porter.lane(&mut self.last);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        []: In<'_, V, 0>,
        [level]: In<'_, V, 1>,
        [white, pink, brown]: Out<'_, V, 3>,
    ) {
        for (frame, white) in white.iter_mut().enumerate() {
            let count = self.count.wrapping_add(frame as u32);
            *white = bipolar(draw(self.seeds, V::Bits::splat(count)));
        }
        self.count = self.count.wrapping_add(cx.frames as u32);
        let [zero, pole, share] = [
            BROWN_ZERO as f32,
            self.brown_shape.poles[0],
            self.brown_shape.shares[0],
        ]
        .map(V::splat);
        for ((white, pink), brown) in white.iter().zip(pink.iter_mut()).zip(brown.iter_mut()) {
            for (state, pole) in self.pink.iter_mut().zip(self.pink_shape.poles) {
                *state = state.mul_add(V::splat(pole), *white);
            }
            // Summed as a tree, which has less waiting in it than a chain.
            let mut parts = self.pink;
            for (part, pink_share) in parts.iter_mut().zip(self.pink_shape.shares) {
                *part *= V::splat(pink_share);
            }
            let (left, right) = parts.split_at_mut(POLES / 2);
            for (left, right) in left.iter_mut().zip(right) {
                *left += *right;
            }
            *pink = (parts[0] + parts[2]) + (parts[1] + parts[3]);
            self.brown = self.brown.mul_add(pole, self.last.mul_add(zero, *white));
            self.last = *white;
            *brown = self.brown * share;
        }
        let mut scratch = [V::splat(0.0); MAX_FRAMES];
        let gain = level.map(
            &mut scratch,
            #[inline(always)]
            |level| {
                let silent = level.le(V::splat(-60.0));
                silent.select(V::splat(0.0), db_to_gain(level))
            },
        );
        let frames = white.iter_mut().zip(pink.iter_mut()).zip(brown.iter_mut());
        for (frame, ((white, pink), brown)) in frames.enumerate() {
            let gain = gain.at(frame);
            *white *= gain * (LOUDNESS / EVEN) as f32;
            *pink *= gain;
            *brown *= gain;
        }
    }
}

/// A filter of -3 dB an octave: poles and zeros take turns, two octaves from pole to pole (J. O.
/// Smith, "Spectral Audio Signal Processing"). The topmost were fitted so that the line stays
/// straight up to 0.4545 of the sample rate, within 0.3 dB at any rate. The cascade is taken apart
/// into one-poles side by side, which have no waiting for each other.
fn pink(rate: f64) -> Slopes<POLES> {
    /// Frequencies of the topmost poles and zeros, in cycles per frame. The first zero is at infinity.
    const TOP: [(f64, f64); 3] = [
        (0.161_463_34, f64::INFINITY),
        (0.027_220_19, 0.062_414_758),
        (0.006_488_34, 0.012_982_263),
    ];
    /// Poles below this do nothing that is heard.
    const LOWEST: f64 = 5.0;
    let corners: Vec<(f64, f64)> = (0..POLES)
        .map(|index| {
            let below = 0.25_f64.powi(index.saturating_sub(TOP.len() - 1) as i32);
            let (pole, zero) = TOP[index.min(TOP.len() - 1)];
            (pole * below, zero * below)
        })
        .collect();
    let needed = 1 + corners
        .iter()
        .take(POLES - 1)
        .filter(|(pole, _)| pole * rate > LOWEST)
        .count();
    let place = |corner: f64| (-TAU * corner).exp();
    let mut slopes = [(0.0, 0.0); POLES];
    for (index, slope) in slopes.iter_mut().enumerate().take(needed) {
        let pole = place(corners[index].0);
        let mut share = 1.0;
        for (other, (other_pole, zero)) in corners.iter().take(needed).enumerate() {
            share *= 1.0 - place(*zero) / pole;
            if other != index {
                share /= 1.0 - place(*other_pole) / pole;
            }
        }
        *slope = (pole, share);
    }
    let energy: f64 = slopes
        .iter()
        .flat_map(|(a, x)| slopes.iter().map(move |(b, y)| x * y / (1.0 - a * b)))
        .sum();
    let gain = LOUDNESS / EVEN / energy.sqrt();
    Slopes {
        poles: slopes.map(|slope| slope.0 as f32),
        shares: slopes.map(|slope| (slope.1 * gain) as f32),
    }
}

/// An integrator that leaks.
fn brown(rate: f64) -> Slopes<1> {
    let pole = (-TAU * BROWN_CORNER / rate).exp();
    let energy = (1.0 + BROWN_ZERO * BROWN_ZERO + 2.0 * BROWN_ZERO * pole) / (1.0 - pole * pole);
    Slopes {
        poles: [pole as f32],
        shares: [(LOUDNESS / EVEN / energy.sqrt()) as f32],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustfft::num_complex::Complex;

    /// How far a response strays from `slope` dB an octave between two frequencies, in dB either way.
    fn stray(slope: f64, from: f64, to: f64, response: impl Fn(f64) -> f64) -> f64 {
        let levels: Vec<f64> = (0..500)
            .map(|step| from * (to / from).powf(f64::from(step) / 499.0))
            .map(|hz| 20.0 * response(hz).log10() - slope * hz.log2())
            .collect();
        let (low, high) = levels.iter().fold((f64::MAX, f64::MIN), |(low, high), x| {
            (low.min(*x), high.max(*x))
        });
        (high - low) / 2.0
    }

    #[test]
    fn slopes_are_straight_at_any_rate() {
        let octave = 20.0 * 2.0_f64.log10();
        for rate in [8_000.0, 44_100.0, 48_000.0, 96_000.0, 192_000.0, 384_000.0] {
            let delay = |hz: f64| Complex::from_polar(1.0, -TAU * hz / rate);
            let response = |poles: &[f32], shares: &[f32], hz: f64| -> Complex<f64> {
                poles
                    .iter()
                    .zip(shares)
                    .map(|(pole, share)| f64::from(*share) / (1.0 - f64::from(*pole) * delay(hz)))
                    .sum()
            };
            let shape = pink(rate);
            let pink = stray(-octave / 2.0, 20.0, 20_000_f64.min(rate * 0.4545), |hz| {
                response(&shape.poles, &shape.shares, hz).norm()
            });
            assert!(pink < 0.35, "pink at {rate}: {pink}");
            let shape = brown(rate);
            let brown = stray(-octave, 40.0, 20_000_f64.min(rate * 0.4545), |hz| {
                (response(&shape.poles, &shape.shares, hz) * (1.0 + BROWN_ZERO * delay(hz))).norm()
            });
            assert!(brown < 0.4, "brown at {rate}: {brown}");
        }
    }
}
