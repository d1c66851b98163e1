//! How loud a sound is.

use anyhow::{Context, Result};
use ebur128::{EbuR128, Mode};

/// Measures stereo sound as it passes.
pub struct Meter {
    peak: f32,
    squares: f64,
    samples: u64,
    finite: bool,
    gated: EbuR128,
}

/// What a [`Meter`] found.
pub struct Loudness {
    /// The largest sample, full scale = 1.
    pub peak: f32,
    /// Root mean square over both channels, full scale = 1.
    pub rms: f64,
    /// Integrated loudness in LUFS after EBU R 128; `None` where nothing passed its gate.
    pub lufs: Option<f64>,
    /// Whether every sample was a finite number.
    pub finite: bool,
}

impl Meter {
    /// A meter for stereo sound at this many frames per second.
    pub fn new(rate: u32) -> Result<Meter> {
        Ok(Meter {
            peak: 0.0,
            squares: 0.0,
            samples: 0,
            finite: true,
            gated: EbuR128::new(2, rate, Mode::I).context("no loudness at this sample rate")?,
        })
    }

    /// Takes the next frames.
    pub fn add(&mut self, left: &[f32], right: &[f32]) -> Result<()> {
        for sample in left.iter().chain(right) {
            self.finite &= sample.is_finite();
            self.peak = self.peak.max(sample.abs());
            self.squares += f64::from(*sample).powi(2);
        }
        self.samples += (left.len() + right.len()) as u64;
        self.gated
            .add_frames_planar_f32(&[left, right])
            .context("could not measure the loudness")
    }

    /// What passed.
    pub fn read(&self) -> Loudness {
        let lufs = self.gated.loudness_global().ok().filter(|l| l.is_finite());
        Loudness {
            peak: self.peak,
            rms: (self.squares / self.samples.max(1) as f64).sqrt(),
            lufs,
            finite: self.finite,
        }
    }
}

impl Loudness {
    /// Whether nothing can be heard: all below -90 dBFS.
    pub fn is_silent(&self) -> bool {
        self.peak < 3.2e-5
    }
}

impl std::fmt::Display for Loudness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.finite && self.peak == 0.0 {
            return f.write_str("silent");
        }
        write!(
            f,
            "peak {:.1} dBFS, RMS {:.1} dBFS",
            20.0 * self.peak.log10(),
            20.0 * self.rms.log10()
        )?;
        match self.lufs {
            Some(lufs) => write!(f, ", {lufs:.1} LUFS"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EBU Tech 3341, case 1: a 1 kHz sine at -23 dBFS in both channels reads -23 LUFS.
    #[test]
    fn reads_the_reference_tone() {
        let mut meter = Meter::new(48_000).unwrap();
        let tone: Vec<f32> = (0..48_000 * 4)
            .map(|n| 10f32.powf(-23.0 / 20.0) * (n as f32 * std::f32::consts::TAU / 48.0).sin())
            .collect();
        meter.add(&tone, &tone).unwrap();
        let loudness = meter.read();
        assert!((loudness.lufs.unwrap() + 23.0).abs() < 0.1);
        assert!((20.0 * loudness.peak.log10() + 23.0).abs() < 0.01);
        assert!((20.0 * loudness.rms.log10() + 26.01).abs() < 0.01);
        assert!(loudness.finite && !loudness.is_silent());
    }

    #[test]
    fn sees_silence_and_what_is_no_number() {
        let mut meter = Meter::new(44_100).unwrap();
        meter.add(&[0.0; 64], &[0.0; 64]).unwrap();
        assert!(meter.read().is_silent());
        meter.add(&[f32::NAN], &[0.0]).unwrap();
        assert!(!meter.read().finite);
    }
}
