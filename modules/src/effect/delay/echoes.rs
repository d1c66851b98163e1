//! The two lines and what goes round in them.

use super::head::{Head, Motion, Reading, Travel, shares};
use super::{FIRST_DIVISION, LONGEST, NO_HIGH_CUT, NO_LOW_CUT, SWING};
use crate::contract::{Cx, MAX_FRAMES};
use crate::kit::beats::quarters;
use crate::kit::delay_line::{DelayLine, Lag, MARGIN};
use crate::kit::limiter::Limiter;
use crate::kit::math::sin_turns;
use crate::kit::single::{One, Track};
use crate::kit::tone::{Tone, one_pole_share};
use crate::lanes::Lanes;

/// Beyond any sound; keeps strange input from growing into infinity.
const LOUDEST: f32 = 1e6;

/// One side of the loop.
struct Side {
    line: DelayLine,
    head: Head,
    tone: Tone,
}

/// A stereo delay for one lane.
pub(super) struct Echoes {
    sides: [Side; 2],
    limiter: Limiter<One>,
    swing: u32,
    sample_rate: f32,
}

/// What both sides read in one call.
type Readings = [[Reading; MAX_FRAMES]; 2];

impl Echoes {
    pub(super) fn new(sample_rate: f32) -> Self {
        let longest = (f64::from(LONGEST + SWING) * f64::from(sample_rate)).ceil() as usize;
        let side = || Side {
            line: DelayLine::new(longest + 4),
            head: Head::new(longest),
            tone: Tone::default(),
        };
        Echoes {
            sides: [side(), side()],
            limiter: Limiter::new(sample_rate),
            swing: 0,
            sample_rate,
        }
    }

    pub(super) fn reset(&mut self) {
        for side in &mut self.sides {
            side.line.clear();
            side.head.reset();
            side.tone = Tone::default();
        }
        self.limiter.reset();
        self.swing = 0;
    }

    /// Turns the sound of one call into what is heard. The params are those of the spec.
    #[inline(always)]
    pub(super) fn process(
        &mut self,
        cx: &Cx<'_>,
        sound: &mut [[f32; MAX_FRAMES]; 2],
        params: &[Track<'_>; 16],
    ) {
        let mut readings = [[Reading::default(); MAX_FRAMES]; 2];
        self.move_heads(cx, params, &mut readings);
        let mut start = 0;
        while start < cx.frames {
            let end = safe_end(&readings, start, cx.frames);
            self.echo(start, end, &readings, sound, params);
            start = end;
        }
    }

    /// Finds where the lines are read, which depends on no sound.
    #[inline(always)]
    fn move_heads(&mut self, cx: &Cx<'_>, params: &[Track<'_>; 16], readings: &mut Readings) {
        let [
            _,
            time_left,
            time_right,
            link,
            sync,
            length_left,
            length_right,
            _,
            _,
            _,
            depth,
            rate,
            change,
            glide,
            _,
            _,
        ] = *params;
        let rate_of = |rate: f32| One::splat(rate / self.sample_rate).to_phase();
        let frames_of = |side: usize, frame: usize| {
            let right = side == 1 && link.at(frame) < 0.5;
            let (time, length) = if right {
                (time_right, length_right)
            } else {
                (time_left, length_left)
            };
            let seconds = if sync.at(frame) < 0.5 {
                f64::from(time.at(frame))
            } else {
                synced(length.at(frame), cx.transport.tempo)
            };
            seconds * f64::from(self.sample_rate)
        };
        let still = [time_left, time_right, link, sync, length_left, length_right]
            .iter()
            .all(|param| param.constant().is_some());
        let motion_of = |frame: usize| {
            let travel = if change.at(frame) < 0.5 {
                Travel::Tape
            } else {
                Travel::Fade
            };
            Motion::new(travel, glide.at(frame), self.sample_rate)
        };
        let steady = change.constant().is_some() && glide.constant().is_some();
        let (mut motion, mut step) = (motion_of(0), rate_of(rate.at(0)));
        let mut targets = [0, 1].map(|side| self.sides[side].head.reachable(frames_of(side, 0)));
        for frame in 0..cx.frames {
            if !still {
                targets =
                    [0, 1].map(|side| self.sides[side].head.reachable(frames_of(side, frame)));
            }
            if !steady {
                motion = motion_of(frame);
            }
            if rate.constant().is_none() {
                step = rate_of(rate.at(frame));
            }
            let depth = depth.at(frame) * self.sample_rate;
            let turns = One::from_phase(self.swing);
            for (side, readings) in readings.iter_mut().enumerate() {
                // A quarter turn between the sides opens the swing to stereo.
                let swing = if depth == 0.0 {
                    0.0
                } else {
                    depth * sin_turns(turns + 0.25 * side as f32).sum()
                };
                readings[frame] =
                    self.sides[side]
                        .head
                        .next(targets[side], f64::from(swing), motion);
            }
            self.swing = self.swing.wrapping_add(step);
        }
    }

    /// Makes the frames from `start` to `end`, none of which hears another.
    #[inline(always)]
    fn echo(
        &mut self,
        start: usize,
        end: usize,
        readings: &Readings,
        sound: &mut [[f32; MAX_FRAMES]; 2],
        params: &[Track<'_>; 16],
    ) {
        let [
            mode,
            _,
            _,
            _,
            _,
            _,
            _,
            feedback,
            low_cut,
            high_cut,
            _,
            _,
            _,
            _,
            width,
            mix,
        ] = *params;
        let count = end - start;
        let mut wet = [[0.0; MAX_FRAMES]; 2];
        for ((side, wet), readings) in self.sides.iter().zip(&mut wet).zip(readings) {
            side.read(&readings[start..end], &mut wet[..count]);
        }

        let rate = self.sample_rate;
        let low_share = |cut: f32| {
            if cut <= NO_LOW_CUT {
                0.0
            } else {
                one_pole_share(cut, rate)
            }
        };
        let high_share = |cut: f32| {
            if cut >= NO_HIGH_CUT {
                1.0
            } else {
                one_pole_share(cut, rate)
            }
        };
        let (mut low, mut high) = (low_share(low_cut.at(start)), high_share(high_cut.at(start)));
        let steady = low_cut.constant().is_some() && high_cut.constant().is_some();
        let mut fresh = [[0.0; MAX_FRAMES]; 2];
        let [wet_left, wet_right] = &mut wet;
        let [fresh_left, fresh_right] = &mut fresh;
        let [sound_left, sound_right] = sound;
        let [left_side, right_side] = &mut self.sides;
        for index in 0..count {
            let frame = start + index;
            if !steady {
                (low, high) = (low_share(low_cut.at(frame)), high_share(high_cut.at(frame)));
            }
            let left = left_side.tone.next(wet_left[index], low, high);
            let right = right_side.tone.next(wet_right[index], low, high);
            let feedback = feedback.at(frame);
            let (back_left, back_right) = self
                .limiter
                .next(One::splat(left * feedback), One::splat(right * feedback));
            let (back_left, back_right) = (back_left.sum(), back_right.sum());
            let input_left = sound_left[frame].clamp(-LOUDEST, LOUDEST);
            let input_right = sound_right[frame].clamp(-LOUDEST, LOUDEST);
            let (dry_left, dry_right);
            match mode.at(frame) as i32 {
                0 => {
                    (fresh_left[index], fresh_right[index]) =
                        (input_left + back_left, input_right + back_right);
                    (dry_left, dry_right) = (input_left, input_right);
                }
                1 => {
                    let both = (input_left + input_right) * 0.5;
                    (fresh_left[index], fresh_right[index]) = (both + back_right, back_left);
                    (dry_left, dry_right) = (input_left, input_right);
                }
                _ => {
                    (fresh_left[index], fresh_right[index]) =
                        (input_left + back_left, input_left + back_right);
                    (dry_left, dry_right) = (input_left, input_left);
                }
            }
            let narrow = (left - right) * (0.5 - 0.5 * width.at(frame));
            let mix = mix.at(frame);
            sound_left[frame] = dry_left + mix * (left - narrow - dry_left);
            sound_right[frame] = dry_right + mix * (right + narrow - dry_right);
        }
        left_side.line.push(&fresh_left[..count]);
        right_side.line.push(&fresh_right[..count]);
    }
}

impl Side {
    /// Reads the line, at two places while one fades into the other.
    #[inline(always)]
    fn read(&self, readings: &[Reading], out: &mut [f32]) {
        self.line.read(
            0,
            &heads(readings, |reading| reading.here)[..readings.len()],
            out,
        );
        if readings.iter().all(|reading| reading.faded == 0.0) {
            return;
        }
        let mut there = [0.0; MAX_FRAMES];
        self.line.read(
            0,
            &heads(readings, |reading| reading.there)[..readings.len()],
            &mut there,
        );
        for ((out, there), reading) in out.iter_mut().zip(there).zip(readings) {
            if reading.faded > 0.0 {
                let (old, new) = shares(reading.faded);
                *out = *out * old + there * new;
            }
        }
    }
}

#[inline(always)]
fn heads(readings: &[Reading], which: impl Fn(&Reading) -> Lag) -> [Lag; MAX_FRAMES] {
    let mut delays = [Lag::default(); MAX_FRAMES];
    for (delay, reading) in delays.iter_mut().zip(readings) {
        *delay = which(reading);
    }
    delays
}

/// How far one can go from `start` with every read reaching only frames before `start`.
#[inline(always)]
fn safe_end(readings: &Readings, start: usize, frames: usize) -> usize {
    let reaches = |reading: &Reading, ahead: usize| {
        let least = MARGIN as usize + ahead;
        (reading.here.whole as usize) < least
            || (reading.faded > 0.0 && (reading.there.whole as usize) < least)
    };
    (start + 1..frames)
        .find(|frame| {
            readings
                .iter()
                .any(|side| reaches(&side[*frame], frame - start))
        })
        .unwrap_or(frames)
}

/// Seconds of a note length, halved until the line holds it.
#[inline(always)]
fn synced(length: f32, tempo: f64) -> f64 {
    let quarters = quarters(FIRST_DIVISION + length.max(0.0) as usize);
    let tempo = if tempo.is_finite() {
        tempo.clamp(1.0, 10_000.0)
    } else {
        120.0
    };
    let mut seconds = quarters * 60.0 / tempo;
    while seconds > f64::from(LONGEST) {
        seconds *= 0.5;
    }
    seconds
}
