//! Spectra of what a module under test gave.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use std::f64::consts::TAU;

/// Half the width of a peak in bins: the main lobe of the window, and a little for its skirt.
const LOBE: f64 = 8.0;

/// The seven-term Blackman-Harris window: side lobes below -180 dB, so that a quiet alias beside a
/// loud partial is seen (Albrecht, "A family of cosine-sum windows", ICASSP 2001).
const WINDOW: [f64; 7] = [
    0.271_051_400_693_424,
    -0.433_297_939_234_485,
    0.218_122_999_543_110,
    -0.065_925_446_388_031,
    0.010_811_742_098_371,
    -0.000_776_584_825_226,
    0.000_013_887_217_352,
];

fn window(length: usize) -> impl Iterator<Item = f64> {
    (0..length).map(move |index| {
        let turn = TAU * index as f64 / length as f64;
        WINDOW
            .iter()
            .enumerate()
            .map(|(term, weight)| weight * (term as f64 * turn).cos())
            .sum()
    })
}

/// The power of a signal over frequency. Levels are dB of a sine's amplitude: a sine of ±1 reads 0 dB.
pub struct Spectrum {
    /// Squared amplitude per bin, so that the bins of one sine's peak add up to its squared amplitude.
    power: Vec<f64>,
    bin: f64,
}

impl Spectrum {
    /// Analyses a whole signal.
    pub fn new(signal: &[f32], sample_rate: f32) -> Spectrum {
        let length = signal.len();
        let mut bins: Vec<Complex<f64>> = signal
            .iter()
            .zip(window(length))
            .map(|(x, w)| Complex::new(f64::from(*x) * w, 0.0))
            .collect();
        FftPlanner::new()
            .plan_fft_forward(length)
            .process(&mut bins);
        let weight: f64 = window(length).map(|w| w * w).sum::<f64>() * length as f64 / 4.0;
        Spectrum {
            power: bins[..length / 2]
                .iter()
                .map(|bin| bin.norm_sqr() / weight)
                .collect(),
            bin: f64::from(sample_rate) / length as f64,
        }
    }

    fn sum(&self, from: f64, to: f64) -> f64 {
        let first = (from.max(0.0) / self.bin).ceil() as usize;
        let end = ((to / self.bin).floor() as usize + 1).min(self.power.len());
        self.power
            .get(first..end)
            .map_or(0.0, |bins| bins.iter().sum())
    }

    /// The level of a sine at a frequency, whether or not it falls on a bin.
    pub fn level(&self, hz: f64) -> f64 {
        decibels(self.sum(hz - LOBE * self.bin, hz + LOBE * self.bin))
    }

    /// The mean power density between two frequencies, in dB per hertz: for noise.
    pub fn density(&self, from: f64, to: f64) -> f64 {
        decibels(self.sum(from, to) / (to - from))
    }

    /// The loudest partial up to a frequency that is not a multiple of `fundamental` (0 Hz counts as
    /// one), as its frequency and level. Partials closer than twice the width of a peak are one.
    pub fn worst_between_multiples(&self, fundamental: f64, up_to: f64) -> (f64, f64) {
        assert!(
            fundamental > 4.0 * LOBE * self.bin,
            "partials must be further apart than peaks are wide"
        );
        let mut worst = (0.0, f64::NEG_INFINITY);
        let mut multiple = 0.0;
        while multiple < up_to {
            let first = ((multiple + LOBE * self.bin) / self.bin).ceil() as usize;
            let limit = (multiple + fundamental - LOBE * self.bin).min(up_to);
            let end = ((limit / self.bin) as usize).min(self.power.len());
            for index in first..end {
                if decibels(self.power[index]) > worst.1 - 6.0 {
                    let hz = index as f64 * self.bin;
                    let low = (hz - LOBE * self.bin).max(multiple + LOBE * self.bin);
                    let level = decibels(self.sum(low, (hz + LOBE * self.bin).min(limit)));
                    if level > worst.1 {
                        worst = (hz, level);
                    }
                }
            }
            multiple += fundamental;
        }
        worst
    }
}

/// How far the partial near `hz` is from it, in cents, from the turn of its phase between the two
/// halves of the signal.
pub fn cents_off(signal: &[f32], sample_rate: f32, hz: f64) -> f64 {
    let half = signal.len() / 2;
    let rate = TAU * hz / f64::from(sample_rate);
    let phasor = |offset: usize| -> Complex<f64> {
        signal[offset..offset + half]
            .iter()
            .zip(window(half))
            .enumerate()
            .map(|(index, (x, w))| {
                Complex::from_polar(f64::from(*x) * w, -rate * (offset + index) as f64)
            })
            .sum()
    };
    let turned = (phasor(half) * phasor(0).conj()).arg();
    let seconds = half as f64 / f64::from(sample_rate);
    1200.0 * ((hz + turned / TAU / seconds) / hz).log2()
}

/// Decibels of a power.
pub fn decibels(power: f64) -> f64 {
    10.0 * power.max(1e-30).log10()
}

/// Root mean square of a signal.
pub fn rms(signal: &[f32]) -> f64 {
    (signal.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / signal.len() as f64).sqrt()
}

/// Mean of a signal.
pub fn mean(signal: &[f32]) -> f64 {
    signal.iter().map(|x| f64::from(*x)).sum::<f64>() / signal.len() as f64
}

mod tests {
    use super::*;

    fn tone(hz: f64, amplitude: f64, length: usize) -> Vec<f32> {
        (0..length)
            .map(|index| (amplitude * (TAU * hz * index as f64 / 48_000.0).sin()) as f32)
            .collect()
    }

    #[test]
    fn finds_levels_and_strangers() {
        let mut signal = tone(1_003.7, 1.0, 1 << 15);
        for (x, alias) in signal.iter_mut().zip(tone(7_777.0, 1e-5, 1 << 15)) {
            *x += alias;
        }
        let spectrum = Spectrum::new(&signal, 48_000.0);
        assert!(spectrum.level(1_003.7).abs() < 0.001);
        assert!((spectrum.level(7_777.0) + 100.0).abs() < 0.1);
        let (hz, level) = spectrum.worst_between_multiples(1_003.7, 16_000.0);
        assert!((hz - 7_777.0).abs() < 2.0, "{hz}");
        assert!((level + 100.0).abs() < 0.2, "{level}");
    }

    #[test]
    fn hears_a_hundredth_of_a_cent() {
        let off = cents_off(
            &tone(440.0 * f64::exp2(0.03 / 1200.0), 1.0, 1 << 16),
            48_000.0,
            440.0,
        );
        assert!((off - 0.03).abs() < 0.001, "{off}");
    }
}
