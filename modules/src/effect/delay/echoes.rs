//! The two lines and what goes round in them.

use super::head::{Head, Motion, Reading, Travel, shares};
use super::{FIRST_DIVISION, LONGEST, NO_HIGH_CUT, NO_LOW_CUT, SWING};
use crate::contract::{Cx, In, MAX_FRAMES, Signal};
use crate::kit::beats::quarters;
use crate::kit::delay_line::{DelayLine, Lag, MARGIN};
use crate::kit::eight::{load, set_wide, store, wide};
use crate::kit::gain::frames_of;
use crate::kit::limiter::Limiter;
use crate::kit::math::sin_turns;
use crate::kit::single::{One, Track};
use crate::kit::tone::{Tone, one_pole_share};
use crate::lanes::{LaneMask, Lanes};

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
    cuts: Cuts,
    sample_rate: f32,
}

/// The cuts' corners in hertz, and what they make of them.
#[derive(Clone, Copy)]
struct Cuts {
    hertz: (f32, f32),
    shares: (f32, f32),
}

impl Cuts {
    const OFF: Cuts = Cuts {
        hertz: (NO_LOW_CUT, NO_HIGH_CUT),
        shares: (0.0, 1.0),
    };

    /// The shares of [`Tone::next`], computed anew only where a corner has moved.
    #[inline(always)]
    fn shares(&mut self, low: f32, high: f32, sample_rate: f32) -> (f32, f32) {
        if self.hertz != (low, high) {
            let low_share = if low <= NO_LOW_CUT {
                0.0
            } else {
                one_pole_share(low, sample_rate)
            };
            let high_share = if high >= NO_HIGH_CUT {
                1.0
            } else {
                one_pole_share(high, sample_rate)
            };
            *self = Cuts {
                hertz: (low, high),
                shares: (low_share, high_share),
            };
        }
        self.shares
    }
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
            cuts: Cuts::OFF,
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

    /// Whether nothing is left in the lines.
    pub(super) fn is_forgotten(&self) -> bool {
        self.sides.iter().all(|side| side.line.is_forgotten())
    }

    /// Turns the sound of one call into what is heard. The params are those of the spec.
    #[inline(always)]
    pub(super) fn process(
        &mut self,
        cx: &Cx<'_>,
        sound: &mut [[f32; MAX_FRAMES]; 2],
        params: &[Track<'_>; 16],
    ) {
        if let Some(lags) = self.rest(cx, params) {
            let nearest = lags[0].whole.min(lags[1].whole).saturating_sub(MARGIN) as usize;
            self.echo_all(
                cx.frames,
                sound,
                params,
                #[inline(always)]
                |sides, start, end, wet| {
                    let end = end.min(start + nearest + 1);
                    for ((side, wet), lag) in sides.iter().zip(wet).zip(lags) {
                        side.line.read_at(lag, &mut wet[..end - start]);
                    }
                    end
                },
            );
            return;
        }
        let mut readings = [[Reading::default(); MAX_FRAMES]; 2];
        self.move_heads(cx, params, &mut readings);
        self.echo_all(
            cx.frames,
            sound,
            params,
            #[inline(always)]
            |sides, start, end, wet| {
                let end = safe_end(&readings, start, end);
                for ((side, wet), readings) in sides.iter().zip(wet).zip(&readings) {
                    side.read(&readings[start..end], &mut wet[..end - start]);
                }
                end
            },
        );
    }

    /// Makes all frames. `read` reads what both lines give from one frame up to at most another, and says
    /// how far it went: so far that none of these frames hears another.
    #[inline(always)]
    fn echo_all(
        &mut self,
        frames: usize,
        sound: &mut [[f32; MAX_FRAMES]; 2],
        params: &[Track<'_>; 16],
        read: impl Fn(&[Side; 2], usize, usize, &mut [[f32; MAX_FRAMES]; 2]) -> usize,
    ) {
        let mode = params[0];
        let mut start = 0;
        while start < frames {
            let mut end = frames;
            if mode.constant().is_none() {
                let moves = |frame: &usize| mode.at(*frame) != mode.at(start);
                end = (start + 1..frames).find(moves).unwrap_or(frames);
            }
            let mut wet = [[0.0; MAX_FRAMES]; 2];
            let end = read(&self.sides, start, end, &mut wet);
            self.echo(start, end, &mut wet, sound, params);
            start = end;
        }
    }

    /// Where the lines are read if they are read there in the whole call; moves the swing, unheard, on.
    #[inline(always)]
    fn rest(&mut self, cx: &Cx<'_>, params: &[Track<'_>; 16]) -> Option<[Lag; 2]> {
        let [
            _,
            time_left,
            time_right,
            link,
            sync,
            length_left,
            length_right,
            ..,
        ] = *params;
        let [.., depth, rate, _, _, _, _] = *params;
        let rate = rate.constant()?;
        if depth.constant()? != 0.0 {
            return None;
        }
        let linked = link.constant()? >= 0.5;
        let synced = sync.constant()? >= 0.5;
        let times = [
            (time_left.constant()?, length_left.constant()?),
            (time_right.constant()?, length_right.constant()?),
        ];
        let lags = self.lags(cx, linked, synced, times)?;
        self.pass(cx, rate);
        Some(lags)
    }

    /// Where the lines are read if both heads have arrived where these times, in seconds and as note
    /// lengths, send them.
    #[inline(always)]
    fn lags(
        &self,
        cx: &Cx<'_>,
        linked: bool,
        synced: bool,
        times: [(f32, f32); 2],
    ) -> Option<[Lag; 2]> {
        let mut lags = [Lag::default(); 2];
        for (index, (lag, side)) in lags.iter_mut().zip(&self.sides).enumerate() {
            let (time, length) = times[if linked { 0 } else { index }];
            let seconds = seconds(synced, time, length, cx.transport.tempo);
            let frames = seconds * f64::from(self.sample_rate);
            *lag = side.head.rests_at(side.head.reachable(frames))?;
        }
        Some(lags)
    }

    /// Moves the swing on by a call in which it is not heard.
    #[inline(always)]
    fn pass(&mut self, cx: &Cx<'_>, rate: f32) {
        let step = One::splat(rate / self.sample_rate).to_phase();
        self.swing = self.swing.wrapping_add(step.wrapping_mul(cx.frames as u32));
    }

    /// As [`Echoes::process`] of one voice, bit for bit and in one pass, where that is possible: no param moves
    /// but feedback, width and mix, both sides have their own echoes of whole frames, no lows are cut, nothing
    /// is limited or swings, the frames fill vectors and those of the lines lie side by side. Otherwise nothing
    /// is done.
    #[inline(always)]
    pub(super) fn process_plainly<V: Lanes>(
        &mut self,
        cx: &Cx<'_>,
        inputs: [&[V]; 2],
        params: &In<'_, V, 16>,
        outputs: &mut [&mut [V]; 2],
    ) -> Option<()> {
        // Looked at where they are, because to copy what has just been written part by part takes long.
        let [
            mode,
            time_left,
            time_right,
            link,
            sync,
            length_left,
            length_right,
            feedback,
            low_cut,
            high_cut,
            depth,
            rate,
            _,
            _,
            width,
            mix,
        ] = params;
        let frames = cx.frames;
        let is_plain = held(mode)? < 1.0 && held(depth)? == 0.0 && self.limiter.rests();
        let (low_cut, high_cut, rate) = (held(low_cut)?, held(high_cut)?, held(rate)?);
        if !is_plain || low_cut > NO_LOW_CUT || !frames.is_multiple_of(8) {
            return None;
        }
        let times = [
            (held(time_left)?, held(length_left)?),
            (held(time_right)?, held(length_right)?),
        ];
        let lags = self.lags(cx, held(link)? >= 0.5, held(sync)? >= 0.5, times)?;
        let least = frames as u32 + MARGIN;
        if lags.iter().any(|lag| lag.part != 0.0 || lag.whole < least) {
            return None;
        }
        let (_, high) = self.cuts.shares(low_cut, high_cut, self.sample_rate);
        let [left, right] = &mut self.sides;
        let tones = [left.tone, right.tone];
        let (old_left, new_left) = left.line.old_and_new(lags[0].whole as usize, frames)?;
        let (old_right, new_right) = right.line.old_and_new(lags[1].whole as usize, frames)?;
        let mut cut;
        let mut wet = [old_left, old_right];
        if high != Cuts::OFF.shares.1 {
            cut = [[0.0; MAX_FRAMES]; 2];
            let [left, right] = &mut cut;
            Tone::cut_highs(tones, wet, [&mut *left, &mut *right], high);
            wet = [left.get(..frames)?, right.get(..frames)?];
        }
        let lasts = [*wet[0].last()?, *wet[1].last()?];
        let [out_left, out_right] = outputs;
        let count = frames / 8;
        let pass = Pass {
            count,
            wet: [eights(wet[0]), eights(wet[1])],
            new: [eights_mut(new_left), eights_mut(new_right)],
            inputs: [eights(inputs[0]), eights(inputs[1])],
            outputs: [eights_mut(out_left), eights_mut(out_right)],
        };
        if let (Some(feedback), Some(width), Some(mix)) = (held(feedback), held(width), held(mix)) {
            let splat = V::Wide::splat;
            let levels = levels(splat(feedback), splat(width), splat(mix));
            pass.echo(
                #[inline(always)]
                |_| levels,
            )?;
        } else {
            let (mut feedbacks, mut widths, mut mixes) = (None, None, None);
            let feedbacks = eights(frames_of(*feedback, frames, &mut feedbacks));
            let widths = eights(frames_of(*width, frames, &mut widths));
            let mixes = eights(frames_of(*mix, frames, &mut mixes));
            let (feedbacks, widths) = (feedbacks.get(..count)?, widths.get(..count)?);
            let mixes = mixes.get(..count)?;
            pass.echo(
                #[inline(always)]
                |eight| {
                    levels(
                        wide(&feedbacks[eight]),
                        wide(&widths[eight]),
                        wide(&mixes[eight]),
                    )
                },
            )?;
        }
        for (side, last) in self.sides.iter_mut().zip(lasts) {
            side.tone.let_through(last);
            side.line.advance(frames);
        }
        self.pass(cx, rate);
        Some(())
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
            let sync = sync.at(frame) >= 0.5;
            seconds(sync, time.at(frame), length.at(frame), cx.transport.tempo)
                * f64::from(self.sample_rate)
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

    /// Makes the frames from `start` to `end`, none of which hears another, of what the lines gave.
    #[inline(always)]
    fn echo(
        &mut self,
        start: usize,
        end: usize,
        wet: &mut [[f32; MAX_FRAMES]; 2],
        sound: &mut [[f32; MAX_FRAMES]; 2],
        params: &[Track<'_>; 16],
    ) {
        let [mode, .., width, mix] = *params;
        let [.., feedback, low_cut, high_cut, _, _, _, _, _, _] = *params;
        let count = end - start;
        let [left, right] = wet;
        let (left, right) = (&mut left[..count], &mut right[..count]);
        let [left_side, right_side] = &mut self.sides;
        let tones = [&mut left_side.tone, &mut right_side.tone];
        if let (Some(low), Some(high)) = (low_cut.constant(), high_cut.constant()) {
            let (low, high) = self.cuts.shares(low, high, self.sample_rate);
            Tone::pair(tones, [&mut *left, &mut *right], low, high);
        } else {
            let [left_tone, right_tone] = tones;
            let sounds = left.iter_mut().zip(&mut *right);
            for ((left, right), frame) in sounds.zip(start..end) {
                let (low, high) = (low_cut.at(frame), high_cut.at(frame));
                let (low, high) = self.cuts.shares(low, high, self.sample_rate);
                *left = left_tone.next(*left, low, high);
                *right = right_tone.next(*right, low, high);
            }
        }

        let mut feedbacks = [0.0; MAX_FRAMES];
        feedback.write(start, &mut feedbacks);
        let mut back = [[0.0; MAX_FRAMES]; 2];
        for (back, wet) in back.iter_mut().zip([&*left, &*right]) {
            for ((back, wet), feedback) in back.iter_mut().zip(wet).zip(&feedbacks) {
                *back = wet * feedback;
            }
        }
        let [back_left, back_right] = &mut back;
        let (back_left, back_right) = (&mut back_left[..count], &mut back_right[..count]);
        let peak = peak(back_left).max(peak(back_right));
        if !(peak <= 1.0 && self.limiter.rests()) {
            let mut loud = [[One::splat(0.0); MAX_FRAMES]; 2];
            let [loud_left, loud_right] = &mut loud;
            for (loud, back) in loud_left.iter_mut().zip(&*back_left) {
                *loud = One::splat(*back);
            }
            for (loud, back) in loud_right.iter_mut().zip(&*back_right) {
                *loud = One::splat(*back);
            }
            self.limiter
                .run(&mut loud_left[..count], &mut loud_right[..count]);
            for (back, loud) in back_left.iter_mut().zip(loud_left) {
                *back = loud.sum();
            }
            for (back, loud) in back_right.iter_mut().zip(loud_right) {
                *back = loud.sum();
            }
        }

        let [dry_left, dry_right] = sound;
        let (dry_left, dry_right) = (&mut dry_left[start..end], &mut dry_right[start..end]);
        for dry in [&mut *dry_left, &mut *dry_right] {
            for sample in dry {
                *sample = sample.clamp(-LOUDEST, LOUDEST);
            }
        }
        match mode.at(start) as i32 {
            0 => {
                add(back_left, dry_left);
                add(back_right, dry_right);
            }
            1 => {
                let backs = back_left.iter_mut().zip(&mut *back_right);
                for ((left, right), (dry_left, dry_right)) in
                    backs.zip(dry_left.iter().zip(&*dry_right))
                {
                    let both = (dry_left + dry_right) * 0.5;
                    (*left, *right) = (both + *right, *left);
                }
            }
            _ => {
                dry_right.copy_from_slice(dry_left);
                add(back_left, dry_left);
                add(back_right, dry_left);
            }
        }
        left_side.line.push(back_left);
        right_side.line.push(back_right);

        let (mut widths, mut mixes) = ([0.0; MAX_FRAMES], [0.0; MAX_FRAMES]);
        width.write(start, &mut widths);
        mix.write(start, &mut mixes);
        let levels = widths.iter().zip(&mixes);
        let wet = left.iter().zip(&*right);
        let dry = dry_left.iter_mut().zip(dry_right);
        for (((width, mix), (left, right)), (dry_left, dry_right)) in levels.zip(wet).zip(dry) {
            let narrow = (left - right) * (0.5 - 0.5 * width);
            *dry_left += mix * (left - narrow - *dry_left);
            *dry_right += mix * (right + narrow - *dry_right);
        }
    }
}

/// What [`Echoes::process_plainly`] makes all frames of, eight at once.
struct Pass<'a, V> {
    /// How many times eight.
    count: usize,
    /// What the lines gave, and where what they are given is written.
    wet: [&'a [[f32; 8]]; 2],
    new: [&'a mut [[f32; 8]]; 2],
    inputs: [&'a [[V; 8]]; 2],
    outputs: [&'a mut [[V; 8]]; 2],
}

impl<V: Lanes> Pass<'_, V> {
    /// Makes all frames, or none where some would be limited. `levels` are those of eight frames, see
    /// [`levels`].
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "counted loops unroll")]
    fn echo(self, levels: impl Fn(usize) -> [V::Wide; 3]) -> Option<()> {
        let [wet_left, wet_right] = self.wet;
        let [new_left, new_right] = self.new;
        let [in_left, in_right] = self.inputs;
        let [out_left, out_right] = self.outputs;
        // Counted loops, as iterators of so many at a time are not always unravelled.
        let count = self.count;
        let (wet_left, wet_right) = (wet_left.get(..count)?, wet_right.get(..count)?);
        let (new_left, new_right) = (new_left.get_mut(..count)?, new_right.get_mut(..count)?);
        let (in_left, in_right) = (in_left.get(..count)?, in_right.get(..count)?);
        let (out_left, out_right) = (out_left.get_mut(..count)?, out_right.get_mut(..count)?);

        // Beforehand, as what another way would need then does not take the place of what is needed here.
        let mut peak = V::Wide::splat(0.0);
        for eight in 0..count {
            let [feedback, ..] = levels(eight);
            let left = load::<V::Wide>(&wet_left[eight]);
            let right = load::<V::Wide>(&wet_right[eight]);
            peak = (left * feedback).abs().max(peak);
            peak = (right * feedback).abs().max(peak);
        }
        if !peak.le(V::Wide::splat(1.0)).all() {
            return None;
        }
        for eight in 0..count {
            let [feedback, narrow, mix] = levels(eight);
            let left = load::<V::Wide>(&wet_left[eight]);
            let right = load::<V::Wide>(&wet_right[eight]);
            let dry_left = wide(&in_left[eight]).clamp(-LOUDEST, LOUDEST);
            let dry_right = wide(&in_right[eight]).clamp(-LOUDEST, LOUDEST);
            store(left * feedback + dry_left, &mut new_left[eight]);
            store(right * feedback + dry_right, &mut new_right[eight]);
            let narrow = (left - right) * narrow;
            let (left, right) = (left - narrow - dry_left, right + narrow - dry_right);
            set_wide(&mut out_left[eight], dry_left + mix * left);
            set_wide(&mut out_right[eight], dry_right + mix * right);
        }
        Some(())
    }
}

/// Feedback, how much of what the sides differ in goes to the other side, and mix, of feedback, width and mix.
#[inline(always)]
fn levels<W: Lanes>(feedback: W, width: W, mix: W) -> [W; 3] {
    [feedback, W::splat(0.5) - width * 0.5, mix]
}

/// The value of a param of one voice if it does not move.
#[inline(always)]
fn held<V: Lanes>(param: &Signal<'_, V>) -> Option<f32> {
    Some(param.constant()?.sum())
}

#[inline(always)]
fn eights<T>(frames: &[T]) -> &[[T; 8]] {
    frames.as_chunks().0
}

#[inline(always)]
fn eights_mut<T>(frames: &mut [T]) -> &mut [[T; 8]] {
    frames.as_chunks_mut().0
}

#[inline(always)]
fn add(sound: &mut [f32], other: &[f32]) {
    for (sound, other) in sound.iter_mut().zip(other) {
        *sound += *other;
    }
}

/// The highest level. Without its sign a float grows with its bits, and integers have a maximum that
/// vectorises.
#[inline(always)]
fn peak(sound: &[f32]) -> f32 {
    let mut peak = 0;
    for sample in sound {
        peak = peak.max(sample.to_bits() & 0x7fff_ffff);
    }
    f32::from_bits(peak)
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

/// The time between echoes.
#[inline(always)]
fn seconds(sync: bool, time: f32, length: f32, tempo: f64) -> f64 {
    if sync {
        synced(length, tempo)
    } else {
        f64::from(time)
    }
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
