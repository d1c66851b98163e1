//! Sound files.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// A 32-bit float stereo file being written.
pub struct Writer(WavWriter<BufWriter<File>>);

impl Writer {
    /// Starts a file.
    ///
    /// # Errors
    /// The file cannot be made, or the sound is too long for the format.
    pub fn create(path: &Path, rate: u32, frames: u64) -> Result<Writer> {
        // The format counts bytes in 32 bits; leave room for its header.
        ensure!(
            frames < (u64::from(u32::MAX) - 1024) / 8,
            "the sound is too long for a WAV file (4 GiB); ask for fewer --seconds or a lower --rate"
        );
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        let spec = WavSpec {
            channels: 2,
            sample_rate: rate,
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        WavWriter::create(path, spec)
            .map(Writer)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes the next frames.
    pub fn write(&mut self, left: &[f32], right: &[f32]) -> Result<()> {
        for (left, right) in left.iter().zip(right) {
            self.0
                .write_sample(*left)
                .context("cannot write the sound")?;
            self.0
                .write_sample(*right)
                .context("cannot write the sound")?;
        }
        Ok(())
    }

    /// Ends the file.
    pub fn finish(self) -> Result<()> {
        self.0.finalize().context("cannot write the sound")
    }
}

/// Reads a file as stereo at this rate; a mono file goes to both sides.
///
/// # Errors
/// The file cannot be read, or has another sample rate.
pub fn read(path: &Path, rate: u32) -> Result<[Vec<f32>; 2]> {
    let mut reader =
        WavReader::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec = reader.spec();
    if spec.sample_rate != rate {
        bail!(
            "{} has {} frames per second, the rendering {rate}; add --rate {}",
            path.display(),
            spec.sample_rate,
            spec.sample_rate
        );
    }
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>(),
        SampleFormat::Int => {
            let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
            reader
                .samples::<i32>()
                .map(|sample| sample.map(|sample| sample as f32 / full))
                .collect()
        }
    }
    .with_context(|| format!("{} is damaged", path.display()))?;
    let channels = usize::from(spec.channels.max(1));
    let side = |channel: usize| {
        samples
            .chunks_exact(channels)
            .filter_map(|frame| frame.get(channel.min(channels - 1)).copied())
            .collect()
    };
    Ok([side(0), side(1)])
}
