//! Gentle tone controls for loops.

use crate::kit::math::exp2;
use crate::kit::single::One;
use crate::lanes::Lanes;

/// How far a one-pole smoother goes in one frame for a corner in hertz: the impulse-invariant form
/// 1 - exp(-2 pi f / rate), stable at any corner.
#[inline(always)]
pub fn one_pole_share(hertz: f32, sample_rate: f32) -> f32 {
    let octaves = -core::f32::consts::TAU * core::f32::consts::LOG2_E * hertz / sample_rate;
    1.0 - exp2(One::splat(octaves)).sum()
}

/// A low cut and a high cut of 6 dB an octave each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tone {
    low: f32,
    high: f32,
}

impl Tone {
    /// Filters one frame. The shares are those of [`one_pole_share`]; a `low_cut` of 0 and a `high_cut` of 1 let
    /// everything through bit for bit.
    #[inline(always)]
    pub fn next(&mut self, sample: f32, low_cut: f32, high_cut: f32) -> f32 {
        self.high = if high_cut == 1.0 {
            sample
        } else {
            self.high + high_cut * (sample - self.high)
        };
        self.low = if low_cut == 0.0 {
            0.0
        } else {
            self.low + low_cut * (self.high - self.low)
        };
        if low_cut == 0.0 {
            self.high
        } else {
            self.high - self.low
        }
    }
}
