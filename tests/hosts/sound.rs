//! Looks at sound.

use crate::host::Stereo;

/// The largest level on either side.
pub fn peak(sound: &Stereo) -> f32 {
    sound
        .iter()
        .flatten()
        .fold(0.0, |peak, sample| sample.abs().max(peak))
}

/// The root mean square of both sides.
pub fn level(sound: &Stereo) -> f64 {
    let count = (sound[0].len() + sound[1].len()).max(1);
    let sum: f64 = sound.iter().flatten().map(|s| f64::from(*s).powi(2)).sum();
    (sum / count as f64).sqrt()
}

/// A part of a sound.
pub fn part(sound: &Stereo, from: usize, to: usize) -> Stereo {
    [sound[0][from..to].to_vec(), sound[1][from..to].to_vec()]
}

/// The first frame that is not silent.
pub fn first_sound(sound: &Stereo) -> Option<usize> {
    (0..sound[0].len()).find(|frame| sound.iter().any(|side| side[*frame] != 0.0))
}

/// The first frame that differs in any bit.
pub fn first_difference(a: &Stereo, b: &Stereo) -> Option<usize> {
    assert_eq!(a[0].len(), b[0].len(), "sounds of different lengths");
    (0..a[0].len())
        .find(|frame| (0..2).any(|side| a[side][*frame].to_bits() != b[side][*frame].to_bits()))
}

/// The largest difference of two sounds.
pub fn distance(a: &Stereo, b: &Stereo) -> f32 {
    assert_eq!(a[0].len(), b[0].len(), "sounds of different lengths");
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.fold(0.0, |most, (a, b)| (a - b).abs().max(most))
}

/// Two sounds that must agree to the last bit.
#[track_caller]
pub fn assert_same(a: &Stereo, b: &Stereo, what: &str) {
    if let Some(frame) = first_difference(a, b) {
        panic!(
            "{what}: the sounds part at frame {frame}: {:?} and {:?}, at most {:e} apart",
            a.each_ref().map(|side| side[frame]),
            b.each_ref().map(|side| side[frame]),
            distance(a, b)
        );
    }
}

/// What is left of one side above a frequency: four Butterworth second-order sections (Audio EQ
/// Cookbook, R. Bristow-Johnson), 48 dB per octave.
pub fn above(side: &[f32], hertz: f64, rate: f64) -> Vec<f64> {
    let angle = std::f64::consts::TAU * hertz / rate;
    let mut signal: Vec<f64> = side.iter().map(|sample| f64::from(*sample)).collect();
    for section in 0..4 {
        let q = 0.5 / ((2 * section + 1) as f64 * std::f64::consts::PI / 16.0).cos();
        let alpha = angle.sin() / (2.0 * q);
        let gain = (1.0 + angle.cos()) / 2.0 / (1.0 + alpha);
        let (a1, a2) = (
            -2.0 * angle.cos() / (1.0 + alpha),
            (1.0 - alpha) / (1.0 + alpha),
        );
        let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
        for sample in &mut signal {
            let x = *sample;
            let y = gain * (x - 2.0 * x1 + x2) - a1 * y1 - a2 * y2;
            (x2, x1, y2, y1) = (x1, x, y1, y);
            *sample = y;
        }
    }
    signal
}

/// How much of a frequency is in one side: the amplitude a sine of that frequency would have, by
/// Goertzel under a Hann window.
pub fn amplitude(side: &[f32], hertz: f64, rate: f64) -> f64 {
    let tau = std::f64::consts::TAU;
    let length = side.len() as f64;
    let (mut re, mut im, mut weight) = (0.0, 0.0, 0.0);
    for (frame, sample) in side.iter().enumerate() {
        let window = 0.5 - 0.5 * (tau * frame as f64 / length).cos();
        let angle = tau * hertz * frame as f64 / rate;
        re += window * f64::from(*sample) * angle.cos();
        im += window * f64::from(*sample) * angle.sin();
        weight += window;
    }
    2.0 * re.hypot(im) / weight
}
