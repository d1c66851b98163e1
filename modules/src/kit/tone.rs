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

/// The next frame of a one-pole smoother.
///
/// Only one product and one sum wait for the frame before. The shares add up to 1 exactly: those of
/// [`one_pole_share`] are a difference from 1 themselves.
#[inline(always)]
fn smooth(last: f32, sample: f32, share: f32) -> f32 {
    (1.0 - share) * last + share * sample
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
            smooth(self.high, sample, high_cut)
        };
        self.low = if low_cut == 0.0 {
            0.0
        } else {
            smooth(self.low, self.high, low_cut)
        };
        if low_cut == 0.0 {
            self.high
        } else {
            self.high - self.low
        }
    }

    /// What is remembered after a sound that ends so, of which no lows were cut.
    #[inline(always)]
    pub fn let_through(&mut self, last: f32) {
        *self = Tone {
            low: 0.0,
            high: last,
        };
    }

    /// Writes two sounds with their highs cut, as [`Tone::next`] does frame by frame without a low cut. What is
    /// to be remembered then is that of [`Tone::let_through`].
    #[inline(always)]
    pub fn cut_highs(
        [left_tone, right_tone]: [Tone; 2],
        [left_sound, right_sound]: [&[f32]; 2],
        [left_out, right_out]: [&mut [f32]; 2],
        high_cut: f32,
    ) {
        let (mut left_high, mut right_high) = (left_tone.high, right_tone.high);
        let outs = left_out.iter_mut().zip(right_out);
        for ((left, right), (left_out, right_out)) in left_sound.iter().zip(right_sound).zip(outs) {
            left_high = smooth(left_high, *left, high_cut);
            right_high = smooth(right_high, *right, high_cut);
            (*left_out, *right_out) = (left_high, right_high);
        }
    }

    /// Filters two sounds side by side, as [`Tone::next`] does frame by frame.
    #[inline(always)]
    pub fn pair(
        [left, right]: [&mut Tone; 2],
        [left_sound, right_sound]: [&mut [f32]; 2],
        low_cut: f32,
        high_cut: f32,
    ) {
        if low_cut == 0.0 && high_cut == 1.0 {
            for (tone, sound) in [(left, left_sound), (right, right_sound)] {
                if let Some(last) = sound.last() {
                    tone.let_through(*last);
                }
            }
            return;
        }
        let sounds = left_sound.iter_mut().zip(right_sound);
        if low_cut == 0.0 {
            (left.low, right.low) = (0.0, 0.0);
            let (mut left_high, mut right_high) = (left.high, right.high);
            for (left, right) in sounds {
                left_high = smooth(left_high, *left, high_cut);
                right_high = smooth(right_high, *right, high_cut);
                (*left, *right) = (left_high, right_high);
            }
            (left.high, right.high) = (left_high, right_high);
            return;
        }
        if high_cut == 1.0 {
            let (mut left_low, mut right_low) = (left.low, right.low);
            for (left_sample, right_sample) in sounds {
                (left.high, right.high) = (*left_sample, *right_sample);
                left_low = smooth(left_low, *left_sample, low_cut);
                right_low = smooth(right_low, *right_sample, low_cut);
                *left_sample -= left_low;
                *right_sample -= right_low;
            }
            (left.low, right.low) = (left_low, right_low);
            return;
        }
        for (left_sample, right_sample) in sounds {
            *left_sample = left.next(*left_sample, low_cut, high_cut);
            *right_sample = right.next(*right_sample, low_cut, high_cut);
        }
    }
}
