//! Notes, audio in and audio out.

mod audio_in;
mod audio_out;
mod notes;

const RATE: f32 = 48_000.0;

fn steps(signal: &[f32]) -> f32 {
    signal
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f32::max)
}
