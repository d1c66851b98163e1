//! Delays that move evenly within a period.

use super::PERIOD;
use crate::kit::delay_line::{DelayLine, MARGIN};

/// Share of the way a delay goes in one period when its length is changed.
const SHARE: f64 = 0.04;
/// The most it moves in one frame, in frames: about a third up or down in pitch.
const STEEPEST: f64 = 0.25;
/// This close it has arrived, in frames.
const ARRIVED: f64 = 0.01;

/// Where a line is read.
///
/// Within a period of [`PERIOD`] frames the delay moves along a straight line; a resting one is whole and so
/// loses nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    /// The last length asked for, and the one that can be had instead.
    asked: (f64, f64),
    /// Length in frames without swing.
    length: f64,
    /// What the length changed by in the last period.
    step: f64,
    /// Delay at the end of the period.
    end: f64,
    whole: u32,
    part: f32,
    slope: f32,
}

impl Tap {
    pub(super) const NEW: Tap = Tap {
        asked: (-1.0, -1.0),
        length: -1.0,
        step: 0.0,
        end: 0.0,
        whole: 0,
        part: 0.0,
        slope: 0.0,
    };

    /// Begins a period on the way to `length`, `swing` frames off it at its end. Delays stay at
    /// `shortest` or above.
    #[inline(always)]
    pub(super) fn steer(&mut self, length: f64, swing: f64, shortest: f64) {
        let length = self.nearest(length, shortest);
        // Nothing moves, nor did it before.
        if self.slope == 0.0
            && self.step == 0.0
            && swing == 0.0
            && self.length == length
            && self.end == length
        {
            return;
        }
        self.travel(length, swing, shortest);
    }

    /// A whole length that is not too short. Always asked with the same `shortest`.
    #[inline(always)]
    fn nearest(&mut self, length: f64, shortest: f64) -> f64 {
        if self.asked.0 != length {
            self.asked = (length, length.round().max(shortest));
        }
        self.asked.1
    }

    fn travel(&mut self, length: f64, swing: f64, shortest: f64) {
        if self.length < 0.0 {
            self.length = length;
            self.end = (length + swing).max(shortest);
        }
        let way = length - self.length;
        let most = STEEPEST * PERIOD as f64;
        let wanted = (way * SHARE).clamp(-most, most);
        // Speeding up is as gentle as slowing down.
        let (least, most) = (self.step - most * SHARE, self.step + most * SHARE);
        self.step = wanted.clamp(least, most);
        self.length += self.step;
        if way.abs() < ARRIVED {
            (self.length, self.step) = (length, 0.0);
        }
        let (start, end) = (self.end, (self.length + swing).max(shortest));
        self.end = end;
        self.whole = start as u32;
        self.part = (start - f64::from(self.whole)) as f32;
        self.slope = ((end - start) / PERIOD as f64) as f32;
    }

    /// Whether the delay is on its way to another length.
    #[inline(always)]
    pub(super) fn is_moving(&mut self, length: f64, shortest: f64) -> bool {
        self.length != self.nearest(length, shortest)
    }

    /// The length without swing.
    pub(super) fn length(&self) -> f64 {
        self.length
    }

    /// Reads the frames of the period from `first` on; `behind` as in [`DelayLine::read`].
    #[inline(always)]
    pub(super) fn read(&self, line: &DelayLine, behind: usize, first: usize, out: &mut [f32]) {
        if self.part == 0.0 && self.slope == 0.0 {
            line.read_whole(behind, self.whole, out);
            return;
        }
        let mut delays = [0.0; PERIOD];
        for (index, delay) in delays.iter_mut().enumerate() {
            *delay = self.part + self.slope * (first + index) as f32;
        }
        let mut done = 0;
        while let Some(delay) = delays[..out.len()].get(done) {
            // The way is straight, so equal ends mean an equal middle.
            let step = whole(*delay);
            let rest = &delays[done..out.len()];
            let run = match rest.last() {
                Some(last) if whole(*last) == step => rest.len(),
                _ => rest
                    .iter()
                    .take_while(|delay| whole(**delay) == step)
                    .count(),
            };
            let mut parts = [0.0; PERIOD];
            for (part, delay) in parts.iter_mut().zip(rest) {
                *part = (delay - step as f32).min(0.999_999_94);
            }
            // Seen from the frame that is read first, `done` fewer frames lie behind.
            let age = (i64::from(self.whole) + i64::from(step) + behind as i64 - done as i64)
                .max(i64::from(MARGIN));
            line.read_parts(0, age as u32, &parts[..run], &mut out[done..done + run]);
            done += run;
        }
    }
}

/// The whole frames below a small delay.
#[inline(always)]
fn whole(delay: f32) -> i32 {
    let towards_zero = delay as i32;
    towards_zero - i32::from(delay < towards_zero as f32)
}
