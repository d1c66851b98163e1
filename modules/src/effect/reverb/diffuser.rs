//! Turns one sound into a dense cloud of copies of equal energy.

use super::mixing::{Channels, HADAMARD_SCALE, blocks, hadamard, load_all, store};
use super::tap::Tap;
use super::{LINES, even};
use crate::kit::delay_line::{DelayLine, MARGIN};
use crate::lanes::Lanes;

/// The longest delays of the steps in seconds, at full size and diffusion.
const RANGES: [f32; 3] = [0.011, 0.023, 0.047];

struct Channel {
    line: DelayLine,
    tap: Tap,
    /// Share of the step's range.
    place: f64,
}

/// Three times over: delays each channel differently and mixes all with all. One sample becomes
/// 16^3 of them, and no frequency is favoured (Geraint Luff, "Let's write a reverb", ADC 2021).
pub(super) struct Diffuser {
    steps: [[Channel; LINES]; 3],
    sample_rate: f32,
}

impl Diffuser {
    /// What its input must be multiplied by for it to keep energy.
    pub(super) const SCALE: f32 = HADAMARD_SCALE * HADAMARD_SCALE * HADAMARD_SCALE;

    pub(super) fn new(sample_rate: f32) -> Self {
        let step = |step: usize| {
            let frames = (RANGES[step] * sample_rate).ceil() as usize + 8;
            core::array::from_fn(|index| {
                // One delay at random in each sixteenth of the range, in an order that differs by step.
                let slot = (index * 5 + step * 7) % LINES;
                let place = (slot as f64 + f64::from(even(step * LINES + index))) / LINES as f64;
                Channel {
                    line: DelayLine::new(frames),
                    tap: Tap::NEW,
                    place,
                }
            })
        };
        Diffuser {
            steps: core::array::from_fn(step),
            sample_rate,
        }
    }

    /// Whether nothing is left in the lines.
    pub(super) fn is_forgotten(&self) -> bool {
        self.steps
            .iter()
            .flatten()
            .all(|channel| channel.line.is_forgotten())
    }

    pub(super) fn reset(&mut self) {
        for channel in self.steps.iter_mut().flatten() {
            channel.line.clear();
            channel.tap = Tap::NEW;
        }
    }

    /// Begins a period; `scale` 0..1 shortens all delays.
    #[inline(always)]
    pub(super) fn steer(&mut self, scale: f64) {
        for (step, range) in self.steps.iter_mut().zip(RANGES) {
            let range = f64::from(range * self.sample_rate) * scale;
            for channel in step {
                channel.tap.steer(
                    channel.place * range + f64::from(MARGIN),
                    0.0,
                    f64::from(MARGIN),
                );
            }
        }
    }

    /// Diffuses the frames of the period from `first` on.
    #[inline(always)]
    pub(super) fn process<W: Lanes>(
        &mut self,
        channels: &mut Channels,
        first: usize,
        count: usize,
    ) {
        for step in &mut self.steps {
            for (Channel { line, tap, .. }, frames) in step.iter_mut().zip(channels.iter_mut()) {
                let frames = &mut frames[..count];
                line.push(frames);
                tap.read(line, count, first, frames);
            }
            for block in blocks(count) {
                let mut mixed = load_all::<W>(channels, block);
                hadamard(&mut mixed);
                for (channel, mixed) in channels.iter_mut().zip(mixed) {
                    store(channel, block, mixed);
                }
            }
        }
    }
}
