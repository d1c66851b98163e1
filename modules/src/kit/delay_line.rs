//! Memory of what was heard.

use crate::contract::MAX_FRAMES;
use crate::kit::hush::is_forgotten;

/// A delay in frames, split so that long ones keep their fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lag {
    /// Whole frames.
    pub whole: u32,
    /// What is left, 0 to below 1.
    pub part: f32,
}

impl Lag {
    /// Splits a delay of 0 frames or more.
    #[inline(always)]
    pub fn new(frames: f64) -> Self {
        let whole = frames as u32;
        Lag {
            whole,
            part: ((frames - f64::from(whole)) as f32).min(0.999_999_94),
        }
    }
}

/// Whole frames that must lie between a fractional read and the newest frame.
pub const MARGIN: u32 = 2;

/// A line of samples that are read some frames after they were written.
///
/// Whole delays are exact. Between frames the line is read with Lagrange's cubic through the four
/// nearest samples (Laakso, Välimäki, Karjalainen and Laine, "Splitting the unit delay", 1996), which
/// never amplifies and so is safe in loops.
pub struct DelayLine {
    samples: Box<[f32]>,
    write: usize,
    /// How many frames were written since the start; older memory does not count.
    filled: usize,
}

impl DelayLine {
    /// A silent line for delays up to this many frames. Allocates.
    pub fn new(longest: usize) -> Self {
        let length = longest.saturating_add(2 * MAX_FRAMES);
        DelayLine {
            samples: vec![0.0; length].into_boxed_slice(),
            write: 0,
            filled: 0,
        }
    }

    /// Forgets everything, in no time however long the line is.
    #[inline(always)]
    pub fn clear(&mut self) {
        self.write = 0;
        self.filled = 0;
    }

    /// Whether nothing in it could still be heard.
    pub fn is_forgotten(&self) -> bool {
        let filled = self.filled.min(self.samples.len());
        is_forgotten(&self.samples[..filled])
    }

    /// Writes frames.
    #[inline(always)]
    pub fn push(&mut self, frames: &[f32]) {
        let end = self.write + frames.len();
        if let Some(room) = self.samples.get_mut(self.write..end) {
            copy(frames, room);
            self.advance(frames.len());
            return;
        }
        let (older, newer) = self
            .samples
            .split_at_mut(self.write.min(self.samples.len()));
        let first = frames.len().min(newer.len());
        let (head, tail) = frames.split_at(first);
        copy(head, &mut newer[..first]);
        let wrapped = tail.len().min(older.len());
        if wrapped > 0 {
            copy(&tail[..wrapped], &mut older[..wrapped]);
        }
        self.write = if wrapped > 0 {
            wrapped
        } else {
            self.write + first
        };
        self.filled = (self.filled + frames.len()).min(self.samples.len());
    }

    /// Reads consecutive frames at one whole delay; see [`DelayLine::read`].
    #[inline(always)]
    pub fn read_whole(&self, behind: usize, whole: u32, out: &mut [f32]) {
        self.copy(whole as usize + behind, out);
    }

    /// Reads frames at a delay that lies below `whole + 1` and differs in its part only; see
    /// [`DelayLine::read`].
    #[inline(always)]
    pub fn read_parts(&self, behind: usize, whole: u32, parts: &[f32], out: &mut [f32]) {
        let (age, count) = (whole as usize + behind + 2, parts.len() + 3);
        if let Some(taps) = self.in_one_piece(age, count) {
            interpolate(taps, parts, out);
            return;
        }
        let mut taps = [0.0; MAX_FRAMES + 3];
        if let Some(taps) = taps.get_mut(..count) {
            self.copy(age, taps);
            interpolate(taps, parts, out);
        }
    }

    /// Consecutive samples as in [`DelayLine::copy`], if all were written and lie side by side.
    #[inline(always)]
    fn in_one_piece(&self, age: usize, count: usize) -> Option<&[f32]> {
        if age > self.filled || count > age {
            return None;
        }
        let start = self.start(age);
        self.samples.get(start..start + count)
    }

    /// Consecutive samples, the first of them `age` frames before the one to be written next, and the place
    /// of as many that are to be written next; none if either does not lie side by side, or was not
    /// written, or they overlap. Whoever writes them all calls [`DelayLine::advance`] then.
    #[inline(always)]
    pub fn old_and_new(&mut self, age: usize, count: usize) -> Option<(&[f32], &mut [f32])> {
        if age > self.filled || count > age {
            return None;
        }
        let start = self.start(age);
        let places = [start..start + count, self.write..self.write + count];
        let [old, new] = self.samples.get_disjoint_mut(places).ok()?;
        Some((old, new))
    }

    /// Goes on by frames that have been written into the place of [`DelayLine::old_and_new`].
    #[inline(always)]
    pub fn advance(&mut self, frames: usize) {
        self.write += frames;
        self.filled = (self.filled + frames).min(self.samples.len());
    }

    /// Where the sample lies that was written `age` frames ago, of as many as were written at least.
    #[inline(always)]
    fn start(&self, age: usize) -> usize {
        if age <= self.write {
            self.write - age
        } else {
            self.write + self.samples.len() - age
        }
    }

    /// Copies consecutive samples, the first of them `age` frames before the one to be written next.
    #[inline(always)]
    fn copy(&self, age: usize, out: &mut [f32]) {
        if let Some(piece) = self.in_one_piece(age, out.len()) {
            copy(piece, out);
            return;
        }
        let length = self.samples.len();
        if age > length {
            out.fill(0.0);
            return;
        }
        let known = out.len().min(age);
        let (out, future) = out.split_at_mut(known);
        if !future.is_empty() {
            future.fill(0.0);
        }
        let start = self.start(age);
        let newer = self.samples.get(start..).unwrap_or_default();
        let first = known.min(newer.len());
        copy(&newer[..first], &mut out[..first]);
        let rest = known - first;
        if rest > 0 {
            copy(&self.samples[..rest], &mut out[first..]);
        }
        let unwritten = age.saturating_sub(self.filled).min(known);
        if unwritten > 0 {
            out[..unwritten].fill(0.0);
        }
    }

    /// Reads consecutive frames at one delay; see [`DelayLine::read`].
    #[inline(always)]
    pub fn read_at(&self, delay: Lag, out: &mut [f32]) {
        if delay.part == 0.0 {
            self.read_whole(0, delay.whole, out);
        } else if let Some(parts) = [delay.part; MAX_FRAMES].get(..out.len()) {
            self.read_parts(0, delay.whole, parts, out);
        }
    }

    /// Reads one frame for each delay.
    ///
    /// `behind` is how many of these frames were pushed already: 0 before they are, all of them after.
    /// The newest frame a delay may reach is [`MARGIN`] before the next to be written. At most
    /// [`MAX_FRAMES`] are read.
    #[inline(always)]
    pub fn read(&self, behind: usize, delays: &[Lag], out: &mut [f32]) {
        let mut done = 0;
        while let Some(first) = delays.get(done) {
            let mut parts = [0.0; MAX_FRAMES];
            let (mut run, mut moved) = (0, 0.0);
            for (part, delay) in parts.iter_mut().zip(&delays[done..]) {
                if delay.whole != first.whole {
                    break;
                }
                *part = delay.part;
                moved += delay.part;
                run += 1;
            }
            let (Some(parts), Some(out)) = (parts.get(..run), out.get_mut(done..done + run)) else {
                return;
            };
            // Seen from the frame that is read first, `done` fewer frames lie behind.
            let whole = (first.whole as usize + behind).saturating_sub(done) as u32;
            if moved == 0.0 {
                self.read_whole(0, whole, out)
            } else {
                self.read_parts(0, whole, parts, out)
            }
            done += run;
        }
    }
}

/// Copies frames to as many others. A whole call is a handful of vectors, which beats a library call.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    let whole = (
        <&[f32; MAX_FRAMES]>::try_from(from),
        <&mut [f32; MAX_FRAMES]>::try_from(&mut *to),
    );
    if let (Ok(from), Ok(to)) = whole {
        *to = *from;
    } else {
        to.copy_from_slice(from);
    }
}

/// Reads between consecutive samples, three more than `parts`.
#[inline(always)]
fn interpolate(taps: &[f32], parts: &[f32], out: &mut [f32]) {
    let (newest, newer, older, oldest) = (&taps[3..], &taps[2..], &taps[1..], taps);
    let pairs = newest.iter().zip(newer).zip(older.iter().zip(oldest));
    for ((out, ((a, b), (c, d))), part) in out.iter_mut().zip(pairs).zip(parts) {
        *out = between([*a, *b, *c, *d], *part);
    }
}

/// Lagrange's cubic through four samples, newest first, at a part of the way from the second to the
/// third; 0 gives the second bit for bit.
#[inline(always)]
fn between([a, b, c, d]: [f32; 4], part: f32) -> f32 {
    let (before, after, far) = (part + 1.0, 1.0 - part, 2.0 - part);
    let outer = part * after * (1.0 / 6.0);
    let inner = before * far * 0.5;
    let value = inner * (after * b + part * c) - outer * (far * a + before * d);
    // A choice by bits: a choice by branch becomes masked loads, which processors handle very slowly.
    let moved = u32::from(part != 0.0).wrapping_neg();
    f32::from_bits(value.to_bits() & moved | b.to_bits() & !moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(line: &mut DelayLine, frames: usize, f: impl Fn(usize) -> f32) {
        for frame in 0..frames {
            line.push(&[f(frame)]);
        }
    }

    fn response(part: f32, omega: f64) -> f64 {
        let taps = [0, 1, 2, 3].map(|one| {
            let mut samples = [0.0; 4];
            samples[one] = 1.0;
            f64::from(between(samples, part))
        });
        let (mut re, mut im) = (0.0, 0.0);
        for (index, tap) in taps.iter().enumerate() {
            re += tap * (omega * index as f64).cos();
            im -= tap * (omega * index as f64).sin();
        }
        re.hypot(im)
    }

    #[test]
    fn interpolation_never_amplifies_and_keeps_mid_frequencies() {
        for part in 0..=64 {
            let part = part as f32 / 64.0;
            for step in 0..=200 {
                let omega = std::f64::consts::PI * f64::from(step) / 200.0;
                assert!(response(part, omega) < 1.0 + 1e-6, "{part} {omega}");
            }
            // 1 kHz at 48 kHz, a thousand times round a loop.
            assert!(response(part, 0.131).powi(1000) > 0.98, "{part}");
        }
    }

    #[test]
    fn a_cubic_is_read_exactly_between_samples() {
        let cubic = |x: f64| 0.3 - 0.7 * x + 0.02 * x * x - 0.001 * x * x * x;
        let mut line = DelayLine::new(50);
        pushed(&mut line, 300, |frame| cubic(frame as f64 - 280.0) as f32);
        let mut out = [0.0; 4];
        let delays = [
            Lag::new(10.25),
            Lag::new(10.5),
            Lag::new(11.75),
            Lag::new(11.0),
        ];
        line.read(0, &delays, &mut out);
        for (frame, (out, delay)) in out.iter().zip([10.25, 10.5, 11.75, 11.0]).enumerate() {
            let expected = cubic(300.0 + frame as f64 - delay - 280.0);
            assert!(
                (f64::from(*out) - expected).abs() < 1e-5,
                "{frame}: {out} {expected}"
            );
        }
    }

    #[test]
    fn whole_delays_are_exact_across_the_seam() {
        for chunk in [1, 7, 64] {
            let mut line = DelayLine::new(100);
            let mut clock = 0;
            for _ in 0..(1_000 / chunk) {
                let frames: Vec<f32> = (clock..clock + chunk).map(|frame| frame as f32).collect();
                let mut out = vec![0.0; chunk];
                line.read(
                    0,
                    &vec![
                        Lag {
                            whole: 100,
                            part: 0.0
                        };
                        chunk
                    ],
                    &mut out,
                );
                line.push(&frames);
                let mut late = vec![0.0; chunk];
                line.read(
                    chunk,
                    &vec![
                        Lag {
                            whole: 100,
                            part: 0.0
                        };
                        chunk
                    ],
                    &mut late,
                );
                assert_eq!(out, late);
                for (index, out) in out.iter().enumerate() {
                    let expected = (clock + index) as f32 - 100.0;
                    assert_eq!(*out, expected.max(0.0), "chunk {chunk}");
                }
                clock += chunk;
            }
        }
    }

    #[test]
    fn what_is_written_in_place_is_as_if_pushed() {
        let (mut pushed, mut placed) = (DelayLine::new(100), DelayLine::new(100));
        let (mut in_place, mut clock) = (0, 0);
        for call in 0..200 {
            let (age, count) = (65 + call % 30, 1 + call * 7 % 64);
            let frames: Vec<f32> = (clock..clock + count).map(|frame| frame as f32).collect();
            let mut old = vec![0.0; count];
            pushed.read_whole(0, age as u32, &mut old);
            if let Some((found, new)) = placed.old_and_new(age, count) {
                assert_eq!(found, old, "call {call}");
                new.copy_from_slice(&frames);
                placed.advance(count);
                in_place += 1;
            } else {
                placed.push(&frames);
            }
            pushed.push(&frames);
            clock += count;
        }
        assert!((50..200).contains(&in_place), "{in_place}");
    }

    #[test]
    fn a_cleared_line_is_silent() {
        let mut line = DelayLine::new(100);
        pushed(&mut line, 500, |_| 1.0);
        line.clear();
        let mut out = [1.0; 2];
        line.read(0, &[Lag::new(50.5), Lag::new(70.0)], &mut out);
        assert_eq!(out, [0.0; 2]);
        line.push(&[0.5; 60]);
        line.read(0, &[Lag::new(60.0), Lag::new(62.0)], &mut out);
        assert_eq!(out, [0.5, 0.0]);
    }
}
