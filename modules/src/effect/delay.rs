//! Echoes.

mod head;

use core::marker::PhantomData;

use self::head::{Head, Motion, Reading, Travel, shares};
use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup};
use crate::kit::beats::{DIVISIONS, division, quarters};
use crate::kit::delay_line::{DelayLine, Lag, MARGIN};
use crate::kit::limiter::Limiter;
use crate::kit::math::sin_turns;
use crate::kit::single::{One, Track};
use crate::kit::tone::{Tone, one_pole_share};
use crate::lanes::Lanes;
use crate::spec::{Category, Smoothing, Spec, Voicing, audio, choice, hz, seconds, toggle, unit};

/// The longest echo in seconds.
const LONGEST: f32 = 4.0;
/// The furthest swing in seconds.
const SWING: f32 = 0.01;
/// The shelf of note lengths starts here: longer ones seldom fit.
const FIRST_DIVISION: usize = division("1 bar");
/// The note lengths on offer.
const LENGTHS: &[&str] = DIVISIONS.split_at(FIRST_DIVISION).1;
/// At these ends of their ranges the cuts let everything through.
const NO_LOW_CUT: f32 = 10.0;
const NO_HIGH_CUT: f32 = 20_000.0;
/// Beyond any sound; keeps strange input from growing into infinity.
const LOUDEST: f32 = 1e6;

const MODES: &[&str] = &["Stereo", "Ping-pong", "Mono"];
const TRAVELS: &[&str] = &["Tape", "Fade"];

/// Stereo delay.
///
/// The loop is safe at any feedback: what goes round is kept within ±1 by a limiter, which does nothing below
/// that. A limiter is a gain, so a loop that sings does not alias.
///
/// A beat-synced time that would be longer than the line is halved until it fits. Without modulation
/// an echo of a whole number of frames is exact.
pub struct Delay<V: Lanes> {
    cores: Box<[Core]>,
    lanes: PhantomData<fn() -> V>,
}

impl<V: Lanes> Module<V, 2, 16, 2> for Delay<V> {
    const SPEC: Spec<2, 16, 2> = Spec {
        id: "delay",
        name: "Delay",
        category: Category::Effect,
        version: 1,
        voicing: Voicing::Mixdown,
        doc: "Stereo echoes, free or on the beat, with tone and movement in the loop.",
        inputs: [audio("left", "Left side."), audio("right", "Right side.")],
        params: [
            choice("mode", MODES, 0, "Stereo: each side has its own echoes. Ping-pong: both sides together bounce from left to right. Mono: the left input goes to both sides."),
            seconds("time-left", 0.001, LONGEST, 0.375, "Time between echoes on the left.").smoothed(Smoothing::None),
            seconds("time-right", 0.001, LONGEST, 0.25, "Time between echoes on the right.").smoothed(Smoothing::None),
            toggle("link", false, "The right side takes the left side's time."),
            toggle("sync", false, "Times are note lengths at the host's tempo."),
            choice("length-left", LENGTHS, division("1/8 dotted") - FIRST_DIVISION, "Note length on the left with sync."),
            choice("length-right", LENGTHS, division("1/8") - FIRST_DIVISION, "Note length on the right with sync."),
            unit("feedback", 0.0, 1.1, 0.35, "How much of each echo comes back; at 100 % and above it never ends."),
            hz("low-cut", NO_LOW_CUT, 2_000.0, NO_LOW_CUT, "Takes the lows out of the echoes; off at its lowest."),
            hz("high-cut", 200.0, NO_HIGH_CUT, 10_000.0, "Takes the highs out of the echoes; off at its highest."),
            seconds("mod-depth", 0.0, SWING, 0.0, "How far the times swing, for tape flutter and chorus."),
            hz("mod-rate", 0.01, 10.0, 0.5, "How fast the times swing."),
            choice("change", TRAVELS, 0, "Tape: a new time bends the pitch. Fade: it fades in."),
            seconds("glide", 0.005, 2.0, 0.2, "How long the way to a new time takes."),
            unit("width", 0.0, 1.0, 1.0, "How wide the echoes stand."),
            unit("mix", 0.0, 1.0, 0.3, "0 % dry, 100 % echoes only."),
        ],
        outputs: [audio("left", "Left side."), audio("right", "Right side.")],
    };

    fn new(setup: &Setup) -> Self {
        Delay { cores: (0..V::COUNT).map(|_| Core::new(setup.sample_rate)).collect(), lanes: PhantomData }
    }

    fn reset(&mut self) {
        self.cores.iter_mut().for_each(Core::reset);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        inputs: In<'_, V, 2>,
        params: In<'_, V, 16>,
        [left, right]: Out<'_, V, 2>,
    ) {
        for (lane, core) in self.cores.iter_mut().enumerate() {
            let mut scratch = [[0.0; MAX_FRAMES]; 16];
            let mut tracks = [Track::Constant(0.0); 16];
            for ((track, param), scratch) in tracks.iter_mut().zip(params).zip(&mut scratch) {
                *track = Track::of(param, lane, scratch);
            }
            let mut sound = [[0.0; MAX_FRAMES]; 2];
            for (sound, input) in sound.iter_mut().zip(inputs) {
                for (frame, sound) in sound.iter_mut().take(cx.frames).enumerate() {
                    *sound = input.at(frame).lane(lane);
                }
            }
            if V::COUNT == 1 {
                core.process(cx, &mut sound, &tracks);
            } else {
                core.process_apart(cx, &mut sound, &tracks);
            }
            for (out, sound) in [&mut *left, &mut *right].into_iter().zip(&sound) {
                for (out, sound) in out.iter_mut().zip(sound) {
                    out.set_lane(lane, *sound);
                }
            }
        }
    }
}

/// One side of the loop.
struct Side {
    line: DelayLine,
    head: Head,
    tone: Tone,
}

struct Core {
    sides: [Side; 2],
    limiter: Limiter<One>,
    swing: u32,
    sample_rate: f32,
}

/// What both sides read in one call.
type Readings = [[Reading; MAX_FRAMES]; 2];

impl Core {
    fn new(sample_rate: f32) -> Self {
        let longest = (f64::from(LONGEST + SWING) * f64::from(sample_rate)).ceil() as usize;
        let side = || Side { line: DelayLine::new(longest + 4), head: Head::new(longest), tone: Tone::default() };
        Core { sides: [side(), side()], limiter: Limiter::new(sample_rate), swing: 0, sample_rate }
    }

    fn reset(&mut self) {
        for side in &mut self.sides {
            side.line.clear();
            side.head.reset();
            side.tone = Tone::default();
        }
        self.limiter.reset();
        self.swing = 0;
    }

    /// [`Core::process`] for lane types no patch runs this module on, compiled once for all of them.
    #[inline(never)]
    fn process_apart(&mut self, cx: &Cx<'_>, sound: &mut [[f32; MAX_FRAMES]; 2], params: &[Track<'_>; 16]) {
        self.process(cx, sound, params);
    }

    #[inline(always)]
    fn process(&mut self, cx: &Cx<'_>, sound: &mut [[f32; MAX_FRAMES]; 2], params: &[Track<'_>; 16]) {
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
        let [_, time_left, time_right, link, sync, length_left, length_right, _, _, _, depth, rate, change, glide, _, _] = *params;
        let rate_of = |rate: f32| One::splat(rate / self.sample_rate).to_phase();
        let frames_of = |side: usize, frame: usize| {
            let right = side == 1 && link.at(frame) < 0.5;
            let (time, length) = if right { (time_right, length_right) } else { (time_left, length_left) };
            let seconds = if sync.at(frame) < 0.5 {
                f64::from(time.at(frame))
            } else {
                synced(length.at(frame), cx.transport.tempo)
            };
            seconds * f64::from(self.sample_rate)
        };
        let still = [time_left, time_right, link, sync, length_left, length_right].iter().all(|param| param.constant().is_some());
        let motion_of = |frame: usize| {
            let travel = if change.at(frame) < 0.5 { Travel::Tape } else { Travel::Fade };
            Motion::new(travel, glide.at(frame), self.sample_rate)
        };
        let steady = change.constant().is_some() && glide.constant().is_some();
        let (mut motion, mut step) = (motion_of(0), rate_of(rate.at(0)));
        let mut targets = [0, 1].map(|side| self.sides[side].head.reachable(frames_of(side, 0)));
        for frame in 0..cx.frames {
            if !still {
                targets = [0, 1].map(|side| self.sides[side].head.reachable(frames_of(side, frame)));
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
                let swing = if depth == 0.0 { 0.0 } else { depth * sin_turns(turns + 0.25 * side as f32).sum() };
                readings[frame] = self.sides[side].head.next(targets[side], f64::from(swing), motion);
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
        let [mode, _, _, _, _, _, _, feedback, low_cut, high_cut, _, _, _, _, width, mix] = *params;
        let count = end - start;
        let mut wet = [[0.0; MAX_FRAMES]; 2];
        for ((side, wet), readings) in self.sides.iter().zip(&mut wet).zip(readings) {
            side.read(&readings[start..end], &mut wet[..count]);
        }

        let rate = self.sample_rate;
        let low_share = |cut: f32| if cut <= NO_LOW_CUT { 0.0 } else { one_pole_share(cut, rate) };
        let high_share = |cut: f32| if cut >= NO_HIGH_CUT { 1.0 } else { one_pole_share(cut, rate) };
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
            let (back_left, back_right) = self.limiter.next(One::splat(left * feedback), One::splat(right * feedback));
            let (back_left, back_right) = (back_left.sum(), back_right.sum());
            let input_left = sound_left[frame].clamp(-LOUDEST, LOUDEST);
            let input_right = sound_right[frame].clamp(-LOUDEST, LOUDEST);
            let (dry_left, dry_right);
            match mode.at(frame) as i32 {
                0 => {
                    (fresh_left[index], fresh_right[index]) = (input_left + back_left, input_right + back_right);
                    (dry_left, dry_right) = (input_left, input_right);
                }
                1 => {
                    let both = (input_left + input_right) * 0.5;
                    (fresh_left[index], fresh_right[index]) = (both + back_right, back_left);
                    (dry_left, dry_right) = (input_left, input_right);
                }
                _ => {
                    (fresh_left[index], fresh_right[index]) = (input_left + back_left, input_left + back_right);
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
        self.line.read(0, &heads(readings, |reading| reading.here)[..readings.len()], out);
        if readings.iter().all(|reading| reading.faded == 0.0) {
            return;
        }
        let mut there = [0.0; MAX_FRAMES];
        self.line.read(0, &heads(readings, |reading| reading.there)[..readings.len()], &mut there);
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
        (reading.here.whole as usize) < least || (reading.faded > 0.0 && (reading.there.whole as usize) < least)
    };
    (start + 1..frames)
        .find(|frame| readings.iter().any(|side| reaches(&side[*frame], frame - start)))
        .unwrap_or(frames)
}

/// Seconds of a note length, halved until the line holds it.
#[inline(always)]
fn synced(length: f32, tempo: f64) -> f64 {
    let quarters = quarters(FIRST_DIVISION + length.max(0.0) as usize);
    let tempo = if tempo.is_finite() { tempo.clamp(1.0, 10_000.0) } else { 120.0 };
    let mut seconds = quarters * 60.0 / tempo;
    while seconds > f64::from(LONGEST) {
        seconds *= 0.5;
    }
    seconds
}
