//! The shape a jump takes once nothing is left of it above hearing.

use std::f64::consts::{PI, TAU};
use std::sync::OnceLock;

/// Frames a correction lasts.
pub const TAPS: usize = 32;
/// How finely a moment within a frame is tabulated; between, the table is read with straight lines.
pub const MOMENTS: usize = 64;
/// Orders of break: jump and kink.
pub const ORDERS: usize = 2;
/// Corner of the low-pass in cycles per frame: -0.5 dB at 20 kHz and -80 dB from 27 kHz, at 48 kHz.
const CORNER: f64 = 0.46;
/// Shape of the window, after Kaiser: larger is quieter beside the main lobe, and wider.
const WINDOW: f64 = 8.0;

/// Corrections by order, by moment and by frame.
pub struct Kernel {
    /// What a naive break of each order lacks, for a break of size 1.
    pub residuals: Box<[[[f32; TAPS]; MOMENTS + 1]; ORDERS]>,
    /// How late the low-pass is in frames. Naive signals must be late by as much.
    pub delay: f32,
}

/// The one kernel. The first call computes it and allocates; not for the audio thread.
pub fn kernel() -> &'static Kernel {
    static KERNEL: OnceLock<Kernel> = OnceLock::new();
    KERNEL.get_or_init(Kernel::new)
}

impl Kernel {
    /// A windowed sinc made minimum-phase, so that corrections begin at the break and never before
    /// it, then integrated once for
    /// jumps and twice for kinks (Brandt, "Hard Sync Without Aliasing", ICMC 2001;
    /// Esqueda, Välimäki and Bilbao, "Rounding Corners with BLAMP", DAFx 2016).
    fn new() -> Kernel {
        const STEP: f64 = 1.0 / MOMENTS as f64;
        let mut pulse = minimum_phase(&windowed_sinc());
        // The end is rounded off, as what follows it is cut.
        for (index, value) in pulse.iter_mut().rev().take(MOMENTS).enumerate() {
            *value *= 0.5 - 0.5 * (PI * (index as f64 + 0.5) / MOMENTS as f64).cos();
        }
        let area: f64 = pulse.iter().sum::<f64>() * STEP;
        let mut shape: Vec<f64> = pulse
            .iter()
            .chain([&0.0])
            .map(|value| value / area)
            .collect();
        let mut residuals = Box::new([[[0.0; TAPS]; MOMENTS + 1]; ORDERS]);
        integrate(&mut shape, STEP);
        let reached = shape[TAPS * MOMENTS];
        shape.iter_mut().for_each(|value| *value /= reached);
        tabulate(&mut residuals[0], &shape, |_| 1.0);
        integrate(&mut shape, STEP);
        let delay = TAPS as f64 - shape[TAPS * MOMENTS];
        tabulate(&mut residuals[1], &shape, |frames| frames - delay);
        Kernel {
            residuals,
            delay: delay as f32,
        }
    }
}

/// The running integral, by trapezoids.
fn integrate(shape: &mut [f64], step: f64) {
    let mut sum = 0.0;
    let mut last = 0.0;
    for value in shape {
        sum += (*value + last) * 0.5 * step;
        last = *value;
        *value = sum;
    }
}

/// Sorts by moment and frame what a naive break lacks.
fn tabulate(rows: &mut [[f32; TAPS]; MOMENTS + 1], shape: &[f64], naive: impl Fn(f64) -> f64) {
    for (moment, row) in rows.iter_mut().enumerate() {
        for (tap, residual) in row.iter_mut().enumerate() {
            let index = tap * MOMENTS + moment;
            *residual = (shape[index] - naive(index as f64 / MOMENTS as f64)) as f32;
        }
    }
}

/// A low-pass of [`TAPS`] frames, symmetrical, under a Kaiser window.
fn windowed_sinc() -> Vec<f64> {
    let length = TAPS * MOMENTS;
    let centre = (length - 1) as f64 / 2.0;
    (0..length)
        .map(|index| {
            let offset = index as f64 - centre;
            let x = TAU * CORNER * offset / MOMENTS as f64;
            let sinc = if x == 0.0 { 1.0 } else { x.sin() / x };
            let place = offset / centre;
            sinc * bessel_i0(WINDOW * (1.0 - place * place).max(0.0).sqrt())
        })
        .collect()
}

/// The modified Bessel function of the first kind and order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= quarter / f64::from(k * k);
        sum += term;
    }
    sum
}

/// The same spectrum with its energy as early as can be: the causal part of the cepstrum, doubled
/// (Oppenheim and Schafer, "Discrete-Time Signal Processing").
fn minimum_phase(pulse: &[f64]) -> Vec<f64> {
    /// The stop band is treated as no deeper than this, so that its zeros have logarithms.
    const FLOOR: f64 = 1e-5;
    let size = (pulse.len() * 8).next_power_of_two();
    let mut re = pulse.to_vec();
    re.resize(size, 0.0);
    let mut im = vec![0.0; size];
    transform(&mut re, &mut im);
    let magnitudes: Vec<f64> = re.iter().zip(&im).map(|(re, im)| re.hypot(*im)).collect();
    let floor = FLOOR * magnitudes.iter().copied().fold(0.0, f64::max);
    re.iter_mut()
        .zip(&magnitudes)
        .for_each(|(re, magnitude)| *re = magnitude.max(floor).ln());
    im.fill(0.0);
    // Of a real and even sequence the transform is its own inverse but for the size.
    transform(&mut re, &mut im);
    im.fill(0.0);
    for (index, re) in re.iter_mut().enumerate() {
        let folded = match index {
            0 => 1.0,
            index if index < size / 2 => 2.0,
            index if index == size / 2 => 1.0,
            _ => 0.0,
        };
        *re *= folded / size as f64;
    }
    transform(&mut re, &mut im);
    for (re, im) in re.iter_mut().zip(&mut im) {
        // Conjugated, so that the forward transform below goes backwards.
        let magnitude = re.exp();
        (*re, *im) = (magnitude * im.cos(), -magnitude * im.sin());
    }
    transform(&mut re, &mut im);
    re.truncate(pulse.len());
    re.iter_mut().for_each(|value| *value /= size as f64);
    re
}

/// The discrete Fourier transform in place, for sizes that are powers of two (Cooley and Tukey 1965).
fn transform(re: &mut [f64], im: &mut [f64]) {
    let size = re.len();
    let shift = size.leading_zeros() + 1;
    for index in 0..size {
        let mirrored = index.reverse_bits() >> shift;
        if index < mirrored {
            re.swap(index, mirrored);
            im.swap(index, mirrored);
        }
    }
    let turns: Vec<(f64, f64)> = (0..size / 2)
        .map(|k| (-TAU * k as f64 / size as f64).sin_cos())
        .collect();
    let mut half = 1;
    while half < size {
        for start in (0..size).step_by(half * 2) {
            for k in 0..half {
                let (sin, cos) = turns[k * (size / 2 / half)];
                let (low, high) = (start + k, start + k + half);
                let turned = (
                    re[high] * cos - im[high] * sin,
                    re[high] * sin + im[high] * cos,
                );
                (re[high], im[high]) = (re[low] - turned.0, im[low] - turned.1);
                re[low] += turned.0;
                im[low] += turned.1;
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustfft::{FftPlanner, num_complex::Complex};

    #[test]
    fn transform_agrees_with_rustfft() {
        let mut bins: Vec<_> = (0..64)
            .map(|i| Complex::new(f64::from(i * i % 17), f64::from(i % 5)))
            .collect();
        let (mut re, mut im): (Vec<_>, Vec<_>) = bins.iter().map(|bin| (bin.re, bin.im)).unzip();
        transform(&mut re, &mut im);
        FftPlanner::new().plan_fft_forward(64).process(&mut bins);
        for ((re, im), bin) in re.iter().zip(&im).zip(&bins) {
            assert!((re - bin.re).abs() < 1e-9 && (im - bin.im).abs() < 1e-9);
        }
    }

    #[test]
    fn jumps_are_flat_in_the_pass_band_and_silent_in_the_stop_band() {
        let kernel = kernel();
        // The jump's slope is the low-pass itself.
        let jump: Vec<f64> = (0..TAPS * MOMENTS)
            .map(|index| f64::from(kernel.residuals[0][index % MOMENTS][index / MOMENTS]))
            .collect();
        let mut bins: Vec<_> = jump
            .windows(2)
            .map(|pair| Complex::new(pair[1] - pair[0], 0.0))
            .collect();
        bins.resize(1 << 17, Complex::new(0.0, 0.0));
        FftPlanner::new()
            .plan_fft_forward(bins.len())
            .process(&mut bins);
        let level = |cycles_per_frame: f64| {
            let bin = (cycles_per_frame / MOMENTS as f64 * bins.len() as f64).round() as usize;
            10.0 * bins[bin].norm_sqr().log10()
        };
        for cycles in [0.01, 0.1, 0.2, 0.3, 16.0 / 44.1] {
            assert!(level(cycles).abs() < 0.02, "{cycles}: {}", level(cycles));
        }
        assert!(level(20.0 / 48.0) > -0.7);
        let stop = (27_500..96_000)
            .step_by(50)
            .map(|hz| level(f64::from(hz) / 48_000.0))
            .fold(-200.0, f64::max);
        assert!(stop < -79.0, "{stop}");
    }

    #[test]
    fn corrections_begin_as_the_break_and_die_away() {
        let kernel = kernel();
        for (order, rows) in kernel.residuals.iter().enumerate() {
            let size = rows
                .iter()
                .flatten()
                .fold(0.0, |size: f32, value| size.max(value.abs()));
            assert!(
                rows[MOMENTS][TAPS - 1].abs() < 1e-5 * size.max(1.0),
                "order {order}"
            );
            let start = [-1.0, kernel.delay][order];
            assert!(
                (rows[0][0] - start).abs() < 1e-3,
                "order {order}: {} {start}",
                rows[0][0]
            );
        }
    }
}
