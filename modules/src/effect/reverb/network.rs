//! The tail: delay lines that feed each other.

use super::mixing::{Channels, HADAMARD_SCALE, blocks, hadamard, load, load_all, store};
use super::tap::Tap;
use super::{LINES, PERIOD, even};
use crate::kit::delay_line::{DelayLine, MARGIN};
use crate::kit::math::{exp2, sin_turns};
use crate::kit::quad;
use crate::kit::single::One;
use crate::lanes::Lanes;

/// Delays of the lines in seconds at full size, shortest and longest; the others lie between them at
/// about equal ratios.
const LENGTHS: (f32, f32) = (0.045, 0.150);
/// Where each line's output goes on from the mixing matrix, so that no two passes undo each other.
const TURN: usize = 5;
/// Share of the way the swing's depth goes in one period when it is changed.
const DEPTH_SHARE: f32 = 0.1;
/// No line may be shorter than a period and what its interpolation reads.
const SHORTEST: f64 = (PERIOD + MARGIN as usize) as f64;
/// At low rates the shortest lines of small rooms would be alike; they keep this apart, in frames.
const APART: f64 = 3.0;

/// What shapes the tail, in one period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    /// Lengths of the lines as a share of the longest, 0..1.
    pub(super) scale: f32,
    /// Seconds in which the tail falls by 60 dB.
    pub(super) decay: f32,
    /// The decay of the highs as a share of the decay.
    pub(super) high_decay: f32,
    /// Where highs begin, in hertz.
    pub(super) high_from: f32,
    /// How far lengths swing, in frames.
    pub(super) depth: f32,
    /// Swings a second.
    pub(super) rate: f32,
    /// The tail neither grows nor decays.
    pub(super) frozen: bool,
}

/// A feedback delay network of sixteen lines with absorbent filters, so that the decay time is the same in
/// every line and at every frequency what it is set to (Jot and Chaigne, "Digital delay networks for
/// designing artificial reverberators", AES 1991).
pub(super) struct Network {
    lines: [DelayLine; LINES],
    taps: [Tap; LINES],
    ratios: [f32; LINES],
    phases: [u32; LINES],
    depth: f32,
    /// What is left at all frequencies.
    flat: Ramp,
    /// What the low-pass adds to it.
    low: Ramp,
    state: [f32; LINES],
    corner: f32,
    known: Option<Shape>,
    /// What the lines give in one call, and what they take. Kept here because clearing them costs more
    /// than using them.
    tail: Channels,
    fresh: Channels,
    sample_rate: f32,
}

/// A number for each line that moves evenly through a period.
struct Ramp {
    start: [f32; LINES],
    slope: [f32; LINES],
    end: [f32; LINES],
}

impl Ramp {
    const REST: Ramp = Ramp {
        start: [0.0; LINES],
        slope: [0.0; LINES],
        end: [0.0; LINES],
    };

    /// Begins a period at whose end the numbers are `target`; at once if nothing went before.
    #[inline(always)]
    fn steer(&mut self, target: [f32; LINES], fresh: bool) {
        self.start = if fresh { target } else { self.end };
        self.end = target;
        for ((slope, start), end) in self.slope.iter_mut().zip(&self.start).zip(&self.end) {
            *slope = (end - start) * (1.0 / PERIOD as f32);
        }
    }

    /// Begins a period in which nothing moves.
    #[inline(always)]
    fn rest(&mut self) {
        self.start = self.end;
        self.slope = [0.0; LINES];
    }

    fn moves(&self) -> bool {
        self.start != self.end
    }

    /// The numbers at a frame of the period.
    #[inline(always)]
    fn at(&self, frame: usize) -> [f32; LINES] {
        let mut values = self.start;
        for (value, slope) in values.iter_mut().zip(&self.slope) {
            *value += slope * frame as f32;
        }
        values
    }
}

impl Network {
    pub(super) fn new(sample_rate: f32, swing: f32) -> Self {
        let frames = ((LENGTHS.1 + swing) * sample_rate).ceil() as usize + 8;
        let ratio = |index: usize| {
            let way = (index as f32 + even(200 + index)) / LINES as f32;
            let span = (LENGTHS.1 / LENGTHS.0).log2();
            LENGTHS.0 * exp2(One::splat(span * way)).sum()
        };
        Network {
            lines: core::array::from_fn(|_| DelayLine::new(frames.max(2 * PERIOD))),
            taps: [Tap::NEW; LINES],
            ratios: core::array::from_fn(ratio),
            phases: core::array::from_fn(|index| (index as u32).wrapping_mul(0x9e37_79b9)),
            depth: 0.0,
            flat: Ramp::REST,
            low: Ramp::REST,
            state: [0.0; LINES],
            corner: 0.0,
            known: None,
            tail: [[0.0; PERIOD]; LINES],
            fresh: [[0.0; PERIOD]; LINES],
            sample_rate,
        }
    }

    /// Whether nothing is left in the lines.
    pub(super) fn is_forgotten(&self) -> bool {
        self.lines.iter().all(DelayLine::is_forgotten)
    }

    pub(super) fn reset(&mut self) {
        self.lines.iter_mut().for_each(DelayLine::clear);
        self.taps = [Tap::NEW; LINES];
        self.phases = core::array::from_fn(|index| (index as u32).wrapping_mul(0x9e37_79b9));
        self.depth = 0.0;
        self.state = [0.0; LINES];
        self.known = None;
    }

    /// Begins a period.
    #[inline(always)]
    pub(super) fn steer(&mut self, shape: Shape) {
        // A swing reads between samples, which wears the sound down; what is frozen must not wear.
        let depth = if shape.frozen { 0.0 } else { shape.depth };
        self.depth = match self.known {
            None => depth,
            Some(_) if (depth - self.depth).abs() < 1e-3 => depth,
            Some(_) => self.depth + DEPTH_SHARE * (depth - self.depth),
        };
        let step = One::splat(shape.rate * PERIOD as f32 / self.sample_rate).to_phase();
        let mut moving = false;
        for (index, (tap, phase)) in self.taps.iter_mut().zip(&mut self.phases).enumerate() {
            // Speeds within a quarter of the rate keep the lines from swinging together.
            let own = (step >> 5).wrapping_mul(24 + index as u32);
            *phase = phase.wrapping_add(own);
            // Half of the lines, some on each side, are enough to keep the others from ringing.
            let swings = self.depth != 0.0 && index & 2 == 0;
            let swing = if swings {
                self.depth * sin_turns(One::from_phase(*phase)).sum()
            } else {
                0.0
            };
            let length = f64::from(self.ratios[index] * shape.scale) * f64::from(self.sample_rate);
            let shortest = SHORTEST + APART * index as f64;
            moving |= tap.is_moving(length, shortest);
            tap.steer(length, f64::from(swing), shortest);
        }
        if moving || self.known != Some(shape) {
            let (flat, low) = self.absorb(shape);
            let fresh = self.known.is_none();
            self.flat.steer(flat, fresh);
            self.low.steer(low, fresh);
        } else {
            self.flat.rest();
            self.low.rest();
        }
        self.known = Some(shape);
    }

    /// The filters by which each line loses what its length costs.
    #[inline(always)]
    fn absorb(&mut self, shape: Shape) -> ([f32; LINES], [f32; LINES]) {
        let (mut flats, mut lows) = ([1.0; LINES], [0.0; LINES]);
        let hertz = shape.high_from.min(0.45 * self.sample_rate);
        let turns = One::splat(0.5 * hertz / self.sample_rate);
        let tangent = (sin_turns(turns) / sin_turns(turns + 0.25)).sum();
        self.corner = tangent / (1.0 + tangent);
        // 60 dB is a factor of 1000, or this many octaves of amplitude.
        let octaves = -1000f32.log2() / (shape.decay * self.sample_rate);
        let highs = octaves * (1.0 / shape.high_decay - 1.0);
        if shape.frozen {
            return (flats, lows);
        }
        for ((flat, low), tap) in flats.iter_mut().zip(&mut lows).zip(&self.taps) {
            let frames = tap.length() as f32;
            let gain = exp2(One::splat(octaves * frames)).sum();
            let shelf = exp2(One::splat(highs * frames)).sum();
            (*flat, *low) = (gain * shelf, gain * (1.0 - shelf));
        }
        (flats, lows)
    }

    /// How much louder than its input a long sound makes the tail, in energy, if nothing absorbs its highs.
    pub(super) fn energy(&self, shape: Shape) -> f32 {
        let mean = self.ratios.iter().sum::<f32>() / LINES as f32 * shape.scale;
        let kept = exp2(One::splat(-2.0 * 1000f32.log2() * mean / shape.decay)).sum();
        1.0 / (1.0 - kept).max(1e-4)
    }

    /// Takes the frames of the period from `first` on, each times its gain, and gives the tail.
    #[inline(always)]
    pub(super) fn process<W: Lanes>(
        &mut self,
        input: &Channels,
        gains: &[f32; PERIOD],
        first: usize,
        count: usize,
    ) -> &Channels {
        for ((line, tap), frames) in self.lines.iter().zip(&self.taps).zip(&mut self.tail) {
            tap.read(line, 0, first, &mut frames[..count]);
        }
        self.damp(first, count);
        for block in blocks(count) {
            let mut mixed = load_all::<W>(&self.tail, block);
            hadamard(&mut mixed);
            let gain = load::<W>(gains, block);
            for (index, (fresh, input)) in self.fresh.iter_mut().zip(input).enumerate() {
                let back = mixed[(index + TURN) % LINES] * HADAMARD_SCALE;
                store(fresh, block, back + gain * load::<W>(input, block));
            }
        }
        for (line, fresh) in self.lines.iter_mut().zip(&self.fresh) {
            line.push(&fresh[..count]);
        }
        &self.tail
    }

    /// Lets every line lose what its length costs.
    #[inline(always)]
    fn damp(&mut self, first: usize, count: usize) {
        let moving = self.flat.moves() || self.low.moves();
        let whole = count / 4 * 4;
        if moving {
            self.damp_square::<true>(first, whole);
        } else {
            self.damp_square::<false>(first, whole);
        }
        for frame in whole..count {
            let (flat, low) = (self.flat.at(first + frame), self.low.at(first + frame));
            for (line, frames) in self.tail.iter_mut().enumerate() {
                let way = self.corner * (frames[frame] - self.state[line]);
                let passed = self.state[line] + way;
                self.state[line] = passed + way;
                frames[frame] = flat[line] * frames[frame] + low[line] * passed;
            }
        }
    }

    /// Four lines by four frames at a time.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "counted loops unroll")]
    fn damp_square<const MOVING: bool>(&mut self, first: usize, count: usize) {
        let fours = |values: &[f32; LINES]| {
            let mut fours = [quad::splat(0.0); LINES / 4];
            for (four, values) in fours.iter_mut().zip(values.as_chunks::<4>().0) {
                *four = quad::load(values);
            }
            fours
        };
        let corner = quad::splat(self.corner);
        let (flats, lows) = (fours(&self.flat.start), fours(&self.low.start));
        let (flat_slopes, low_slopes) = (fours(&self.flat.slope), fours(&self.low.slope));
        let mut states = fours(&self.state);
        const GROUPS: usize = LINES / 4;
        for square in 0..count.min(PERIOD) / 4 {
            let mut columns = [[quad::splat(0.0); 4]; GROUPS];
            for group in 0..GROUPS {
                for line in 0..4 {
                    let frames = &self.tail[4 * group + line].as_chunks::<4>().0[square];
                    columns[group][line] = quad::load(frames);
                }
                columns[group] = quad::transpose(columns[group]);
            }
            // The groups take turns, so that none waits for its own last frame.
            for index in 0..4 {
                let frame = quad::splat((first + 4 * square + index) as f32);
                for group in 0..GROUPS {
                    let (mut flat, mut low) = (flats[group], lows[group]);
                    if MOVING {
                        flat += flat_slopes[group] * frame;
                        low += low_slopes[group] * frame;
                    }
                    let column = columns[group][index];
                    let way = corner * (column - states[group]);
                    let passed = states[group] + way;
                    states[group] = passed + way;
                    columns[group][index] = flat * column + low * passed;
                }
            }
            for group in 0..GROUPS {
                columns[group] = quad::transpose(columns[group]);
                for line in 0..4 {
                    let frames = &mut self.tail[4 * group + line].as_chunks_mut::<4>().0[square];
                    *frames = columns[group][line].into();
                }
            }
        }
        for (values, state) in self.state.as_chunks_mut::<4>().0.iter_mut().zip(states) {
            *values = state.into();
        }
    }
}
