//! The running phase of an oscillator: pitch, linear frequency modulation and hard sync.
//!
//! Phases are integers of 2^32 steps a turn. They add without rounding, so a voice stays in tune,
//! and a passed whole turn is known exactly and between two frames.

use crate::MAX_FRAMES;
use crate::contract::{Shared, Signal};
use crate::kit::crossing::Rises;
use crate::kit::eight::{wide, wide_bits};
use crate::kit::math::{MIDDLE_C, exp2, polynomial};
use crate::kit::settled::{any_differ, differ, settled};
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;

/// Steps of a phase in a turn.
const PHASES: f32 = 4_294_967_296.0;
/// More than the difference of two steps can be off by.
const ROUNDING: f32 = 1e-6;
/// Turns of a phase in one of its 2^32 steps.
const STEP: f32 = 1.0 / 4_294_967_296.0;
/// The most turns a frame; just below half the sample rate.
const FASTEST: f32 = 0.49;
/// Frames that have a bit each in one lane of bits.
const HALF: usize = 32;
/// The bit that tells a negative number.
const SIGN: u32 = 1 << 31;

/// The ratio of frequencies that so many cents make, relative error below 1e-7 within ±100: Taylor's
/// series, which is short so near to 0. The fine tuning mostly moves alone, and then the pitch's own
/// power of 2 waits for nothing.
#[inline(always)]
fn tuning<V: Lanes>(cents: V) -> V {
    polynomial(
        cents * (1.0 / 1200.0),
        [
            1.0,
            core::f32::consts::LN_2,
            0.240_226_5,
            0.055_504_11,
            0.009_618_129,
        ],
    )
}

/// What moves a phase.
#[derive(Clone, Copy)]
pub struct Controls<'a, V> {
    /// Octaves from middle C.
    pub pitch: Signal<'a, V>,
    /// Cents added to it.
    pub fine: Signal<'a, V>,
    /// The phase after a reset, in turns.
    pub start: Signal<'a, V>,
    /// Frequency modulation: the frequency is multiplied by 1 + `fm_depth` * `fm`.
    pub fm: Signal<'a, V>,
    /// See `fm`.
    pub fm_depth: Signal<'a, V>,
    /// A rise through 0 restarts the phase, at its moment between two frames.
    pub sync: Signal<'a, V>,
}

/// The phase of every lane.
pub struct Phasor<V: Lanes> {
    phase: V::Bits,
    last_step: V,
    sync: Rises<V>,
    fresh: bool,
    /// The movement of the last call, if it was even and the next one goes on with it unless one of its
    /// controls moves.
    even: Option<Even<V>>,
    /// Turns a frame of middle C.
    middle_c: f32,
}

/// An even movement.
#[derive(Clone, Copy)]
struct Even<V: Lanes> {
    /// Pitch, fine tuning, modulation, its depth, and sync.
    controls: [V; 5],
    /// Turns a frame.
    step: V,
    /// The same as a phase.
    increment: V::Bits,
}

/// A call in which the phase moves evenly and never restarts.
#[derive(Clone, Copy)]
pub struct Steady<V: Lanes> {
    /// The phase one frame before the call.
    pub before: V::Bits,
    /// Turns a frame.
    pub step: V,
    /// The same as a phase.
    pub increment: V::Bits,
    /// The first frame before which the wave already sounded, so that it can have breaks.
    pub first: usize,
}

/// A call in which anything may happen.
pub struct Moving<V: Lanes> {
    /// The phase one frame before the call.
    pub before: V::Bits,
    /// The phase at each frame.
    pub phases: [V::Bits; MAX_FRAMES],
    /// Turns from the frame before.
    pub steps: [V; MAX_FRAMES],
    /// Turns up to the frame before the call.
    pub step_before: V,
    /// No lane's step differs more than this from the step before.
    pub greatest_haste: V,
    /// The frames, as bits, before which the phase of any lane restarted.
    pub restarts: u64,
    /// The frames, as bits in each lane, since whose frame before the phase passed a whole turn or
    /// restarted: the first 32 and the others.
    breaks: [V::Bits; 2],
    /// When and where to, if there are any.
    places: Option<Restarts<V>>,
    /// The first frame before which the wave already sounded, so that it can have breaks.
    pub first: usize,
}

/// A call in which all lanes glide alike and none restarts.
pub struct Gliding<V: Lanes> {
    /// The phase one frame before the call.
    before: V::Bits,
    /// Turns a frame without the fine tuning.
    pub untuned: V,
    /// What it is multiplied by in each frame.
    pub tunings: [f32; MAX_FRAMES],
    /// As [`Moving::breaks`].
    breaks: [V::Bits; 2],
}

impl<V: Lanes> Gliding<V> {
    /// Room for a call.
    #[inline(always)]
    #[expect(
        clippy::new_without_default,
        reason = "a default is expected to be of worth"
    )]
    pub fn new() -> Self {
        Gliding {
            before: V::Bits::splat(0),
            untuned: V::splat(0.0),
            tunings: [0.0; MAX_FRAMES],
            breaks: [V::Bits::splat(0); 2],
        }
    }

    /// The frames, as bits, since whose frame before the phase of a lane passed a whole turn.
    #[inline(always)]
    pub fn lane_breaks(&self, lane: usize) -> u64 {
        lane_breaks::<V>(&self.breaks, lane)
    }

    /// The whole turn that one lane passed since the frame before, if it did; `phases` are those that
    /// [`Phasor::gliding`] wrote.
    #[inline(always)]
    pub fn pass(&self, phases: &[V], frame: usize, lane: usize) -> Pass {
        // By reference: a whole vector would be copied for its one lane.
        let at = |frame: usize| match phases.get(frame) {
            Some(phase) => phase.lane(lane).to_bits(),
            None => self.before.lane(lane),
        };
        Pass::between(frame, at(frame.wrapping_sub(1)), at(frame))
    }
}

/// The frames, as bits, whose breaks are these, of one lane.
#[inline(always)]
fn lane_breaks<V: Lanes>([first, others]: &[V::Bits; 2], lane: usize) -> u64 {
    u64::from(first.lane(lane)) | u64::from(others.lane(lane)) << HALF
}

/// The restarts of a call.
struct Restarts<V> {
    /// How many frames (0 to 1) before each frame the phase restarted; below 0 where it did not.
    ages: [V; MAX_FRAMES],
    /// Where a restart leads, in turns, at each frame with one.
    starts: [V; MAX_FRAMES],
}

impl<V: Lanes> Phasor<V> {
    /// A phase that has yet to start.
    pub fn new(sample_rate: f32) -> Self {
        Phasor {
            phase: V::Bits::splat(0),
            last_step: V::splat(0.0),
            sync: Rises::from(V::splat(0.0)),
            fresh: true,
            even: None,
            middle_c: (f64::from(MIDDLE_C) / f64::from(sample_rate)) as f32,
        }
    }

    /// Back to before the start.
    pub fn reset(&mut self) {
        self.fresh = true;
        self.even = None;
    }

    /// See [`crate::contract::Module::carry`].
    pub fn carry(&mut self, porter: &mut Porter) {
        porter.bits(&mut self.phase);
        porter.lane(&mut self.last_step);
        self.sync.carry(porter);
        porter.forget(&mut self.even);
        // Voices start together; one that comes to others that have started does not make them start anew.
        let mut fresh = self.fresh;
        porter.own(&mut fresh);
        self.fresh = fresh && (V::COUNT == 1 || self.fresh);
    }

    /// Whether the phase has yet to start.
    #[inline(always)]
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Turns a frame at a pitch in octaves from middle C.
    #[inline(always)]
    fn untuned(&self, pitch: V) -> V {
        exp2(pitch) * self.middle_c
    }

    #[inline(always)]
    fn base(&self, pitch: V, fine: V) -> V {
        self.untuned(pitch) * tuning(fine)
    }

    /// Starts a fresh phase so that its first frame is `start`. Gives the first frame with a past.
    #[inline(always)]
    fn begin(&mut self, start: V, step: V, sync: V) -> usize {
        if !self.fresh {
            return 0;
        }
        self.fresh = false;
        self.phase = start.to_phase().wrapping_sub(step.to_phase());
        self.last_step = step;
        self.sync = Rises::from(sync);
        1
    }

    /// Moves on by a call if the phase moves evenly in it; does nothing and gives `None` otherwise.
    #[inline(always)]
    pub fn steady(&mut self, frames: usize, controls: Controls<'_, V>) -> Option<Steady<V>> {
        let fine = settled(controls.fine).constant()?;
        let fm = settled(controls.fm).constant()?;
        let fm_depth = settled(controls.fm_depth).constant()?;
        let sync = settled(controls.sync).constant()?;
        // Last, because it is the one that mostly comes as frames, and is all looked through.
        let pitch = settled(controls.pitch).constant()?;
        let values = [pitch, fine, fm, fm_depth, sync];
        let (even, first) = match self.even {
            Some(even) if !any_differ(&even.controls, &values) => (even, 0),
            _ => self.set_out(frames, values, controls.start)?,
        };
        let before = self.phase;
        let travel = even.increment.wrapping_mul(V::Bits::splat(frames as u32));
        self.phase = before.wrapping_add(travel);
        Some(Steady {
            before,
            step: even.step,
            increment: even.increment,
            first,
        })
    }

    /// Begins an even movement if it is one that goes on with the last step and without a rise of sync.
    /// Gives it with the first frame that has a past.
    #[inline(always)]
    fn set_out(
        &mut self,
        frames: usize,
        controls: [V; 5],
        start: Signal<'_, V>,
    ) -> Option<(Even<V>, usize)> {
        let [pitch, fine, fm, fm_depth, sync] = controls;
        if !self.fresh && self.sync.would_rise(sync) {
            return None;
        }
        let step = limited(self.base(pitch, fine) * modulation(fm, fm_depth), FASTEST);
        if !self.fresh && (step - self.last_step).abs().gt(V::splat(0.0)).any() {
            return None;
        }
        let first = self.begin(start.at(0), step, sync);
        self.sync.hold(sync, frames);
        let even = Even {
            controls,
            step,
            increment: step.to_phase(),
        };
        self.even = self.sync.stands_at(sync).then_some(even);
        Some((even, first))
    }

    /// Moves on by a call, whatever happens in it, and tells `moving`.
    #[inline(always)]
    pub fn moving(&mut self, frames: usize, controls: Controls<'_, V>, moving: &mut Moving<V>) {
        let Controls {
            pitch,
            fine,
            fm,
            fm_depth,
            ..
        } = controls;
        let frames = frames.min(MAX_FRAMES);
        let steps = &mut moving.steps[..frames];
        // A modulation that does not move is taken on the way. Times 1 and limited by nothing are exact.
        let (factor, most) = match (fm, fm_depth) {
            (Signal::Constant(fm), Signal::Constant(fm_depth)) => {
                (modulation(fm, fm_depth), FASTEST)
            }
            _ => (V::splat(1.0), f32::INFINITY),
        };
        match (settled(pitch), settled(fine)) {
            (Signal::Constant(pitch), Signal::Constant(fine)) => {
                steps.fill(limited(self.base(pitch, fine) * factor, most));
            }
            (Signal::Frames(pitch), Signal::Constant(fine)) => {
                let tuning = tuning(fine);
                for (step, pitch) in steps.iter_mut().zip(pitch) {
                    *step = limited(self.untuned(*pitch) * tuning * factor, most);
                }
            }
            (Signal::Constant(pitch), Signal::Frames(fine)) => {
                let untuned = self.untuned(pitch);
                for (step, fine) in steps.iter_mut().zip(fine) {
                    *step = limited(untuned * tuning(*fine) * factor, most);
                }
            }
            (Signal::Frames(pitch), Signal::Frames(fine)) => {
                for (step, (pitch, fine)) in steps.iter_mut().zip(pitch.iter().zip(fine)) {
                    *step = limited(self.base(*pitch, *fine) * factor, most);
                }
            }
        }
        self.follow(frames, controls, moving);
    }

    /// Moves on by a call in which nothing but the fine tuning moves, gently and alike in all lanes, and writes
    /// the phase at each frame to `phases`, as floats of the same bits; does nothing and gives false if more
    /// happens in it. Its values are those of [`Phasor::moving_tuned`].
    #[inline(always)]
    pub fn gliding(
        &mut self,
        fine: Shared<'_>,
        controls: Controls<'_, V>,
        gentle: impl Fn(V) -> bool,
        phases: &mut [V],
        glide: &mut Gliding<V>,
    ) -> bool {
        let (Some(fm), Some(fm_depth), Some(sync)) = (
            controls.fm.constant(),
            controls.fm_depth.constant(),
            settled(controls.sync).constant(),
        ) else {
            return false;
        };
        let is_bent = differ(modulation(fm, fm_depth), V::splat(1.0));
        if self.fresh || is_bent || self.sync.would_rise(sync) {
            return false;
        }
        let Some(pitch) = settled(controls.pitch).constant() else {
            return false;
        };
        let frames = phases.len().min(MAX_FRAMES);
        let (phases, last) = (&mut phases[..frames], frames.saturating_sub(1));
        let Gliding {
            before,
            untuned,
            tunings,
            breaks,
        } = glide;
        // Those past the end of the call, where nothing tunes, only make the bounds wider.
        let (mut lows, mut highs) = (V::Wide::splat(1.0), V::Wide::splat(1.0));
        fine.write(
            tunings,
            #[inline(always)]
            |fine: V::Wide| {
                let tuning = tuning(fine);
                (lows, highs) = (tuning.min(lows), tuning.max(highs));
                tuning
            },
        );
        let (mut least, mut most) = (1.0, 1.0);
        for (low, high) in lows.as_slice().iter().zip(highs.as_slice()) {
            least = if *low < least { *low } else { least };
            most = if *high > most { *high } else { most };
        }
        *untuned = self.untuned(pitch);
        let untuned = *untuned;
        let begin = (untuned * tunings[0] - self.last_step).abs();
        // More than the steps differ by, rounding and all.
        let haste = untuned.mul_add(V::splat(most - least), V::splat(ROUNDING));
        let is_limited = (untuned * most).ge(V::splat(FASTEST)).any();
        if is_limited || !gentle(haste.max(begin)) {
            return false;
        }
        // Times a power of 2 is exact.
        let travel = untuned * PHASES;
        *before = self.phase;
        let mut phase = *before;
        let sign = V::Bits::splat(SIGN);
        *breaks = [V::Bits::splat(0); 2];
        let halves = phases.chunks_mut(HALF).zip(tunings.chunks(HALF));
        for (breaks, (phases, tunings)) in breaks.iter_mut().zip(halves) {
            // Of its own, which stays in a register.
            let mut signs = V::Bits::splat(0);
            for (at, tuning) in phases.iter_mut().zip(tunings) {
                let travel = (travel * V::splat(*tuning)).truncate();
                let from = phase;
                phase = from.wrapping_add(travel);
                *at = V::from_bits(phase);
                signs = signs.shift_right(1) | (passes::<V>(from, travel, phase) & sign);
            }
            *breaks = signs.shift_right((HALF - phases.len()) as u32);
        }
        self.even = None;
        self.phase = phase;
        self.last_step = untuned * tunings[last];
        self.sync.hold(sync, frames);
        true
    }

    /// As [`Phasor::moving`], where all lanes share the fine tuning.
    #[inline(always)]
    pub fn moving_tuned(
        &mut self,
        frames: usize,
        fine: Shared<'_>,
        controls: Controls<'_, V>,
        moving: &mut Moving<V>,
    ) {
        let Controls {
            pitch,
            fm,
            fm_depth,
            ..
        } = controls;
        let frames = frames.min(MAX_FRAMES);
        let mut tunings = [0.0; MAX_FRAMES];
        fine.write(
            &mut tunings,
            #[inline(always)]
            |fine: V::Wide| tuning(fine),
        );
        let (factor, most) = match (fm, fm_depth) {
            (Signal::Constant(fm), Signal::Constant(fm_depth)) => {
                (modulation(fm, fm_depth), FASTEST)
            }
            _ => (V::splat(1.0), f32::INFINITY),
        };
        let steps = moving.steps[..frames].iter_mut().zip(&tunings);
        match settled(pitch) {
            Signal::Constant(pitch) => {
                let untuned = self.untuned(pitch);
                for (step, tuning) in steps {
                    *step = limited(untuned * V::splat(*tuning) * factor, most);
                }
            }
            Signal::Frames(pitch) => {
                for ((step, tuning), pitch) in steps.zip(pitch) {
                    let untuned = self.untuned(*pitch);
                    *step = limited(untuned * V::splat(*tuning) * factor, most);
                }
            }
        }
        self.follow(frames, controls, moving);
    }

    /// The rest of [`Phasor::moving`], once it is known how fast the pitch alone moves the phase.
    #[inline(always)]
    fn follow(&mut self, frames: usize, controls: Controls<'_, V>, moving: &mut Moving<V>) {
        let Controls {
            start,
            fm,
            fm_depth,
            sync,
            ..
        } = controls;
        self.even = None;
        moving.restarts = 0;
        moving.places = None;
        let steps = &mut moving.steps[..frames];
        match (fm, fm_depth) {
            (Signal::Constant(_), Signal::Constant(_)) => {}
            (Signal::Frames(fm), Signal::Constant(fm_depth)) => {
                for (step, fm) in steps.iter_mut().zip(fm) {
                    *step = limited(*step * modulation(*fm, fm_depth), FASTEST);
                }
            }
            (fm, fm_depth) => {
                for (frame, step) in steps.iter_mut().enumerate() {
                    let factor = modulation(fm.at(frame), fm_depth.at(frame));
                    *step = limited(*step * factor, FASTEST);
                }
            }
        }
        moving.first = self.begin(start.at(0), moving.steps[0], sync.at(0));
        moving.before = self.phase;
        moving.step_before = self.last_step;
        self.last_step = moving.steps[frames.saturating_sub(1)];
        match settled(sync) {
            Signal::Constant(value) if !self.sync.would_rise(value) => {
                self.sync.hold(value, frames);
                moving.run(frames);
            }
            sync => {
                let none = V::splat(-1.0);
                let places = moving.places.insert(Restarts {
                    ages: [none; MAX_FRAMES],
                    starts: [none; MAX_FRAMES],
                });
                moving.restarts = self.sync.find(sync, frames, &mut places.ages);
                moving.run_with_restarts(frames, start);
            }
        }
        self.phase = moving.previous(frames);
    }
}

/// What the frequency is multiplied by.
#[inline(always)]
fn modulation<V: Lanes>(fm: V, fm_depth: V) -> V {
    fm_depth.mul_add(fm, V::splat(1.0))
}

/// A step no faster than this, forwards and backwards.
#[inline(always)]
fn limited<V: Lanes>(step: V, most: f32) -> V {
    step.clamp(-most, most)
}

/// As [`Lanes::to_phase`], for less than half a turn: no whole turns have to drop out.
#[inline(always)]
fn short_to_phase<V: Lanes>(turns: V) -> V::Bits {
    (turns * PHASES).truncate()
}

impl<V: Lanes> Steady<V> {
    /// The same movement, so far ahead.
    #[inline(always)]
    pub fn ahead(self, phase: V::Bits) -> Self {
        Steady {
            before: self.before.wrapping_add(phase),
            ..self
        }
    }

    /// Writes a wave, given as a function of the phase.
    #[inline(always)]
    pub fn write(&self, out: &mut [V], wave: impl Fn(V::Bits) -> V) {
        let mut values = self.values(wave);
        for out in out {
            *out = values();
        }
    }

    /// Gives a wave, given as a function of the phase, frame by frame.
    #[inline(always)]
    pub fn values(&self, wave: impl Fn(V::Bits) -> V) -> impl FnMut() -> V {
        let (mut phase, increment) = (self.before, self.increment);
        #[inline(always)]
        move || {
            phase = phase.wrapping_add(increment);
            wave(phase)
        }
    }

    /// Writes the phase as others sync to it.
    #[inline(always)]
    pub fn write_sync(&self, out: &mut [V]) {
        self.write(
            out,
            #[inline(always)]
            |phase| signed(phase),
        );
    }

    /// The lanes, as bits, that may pass a whole turn in this call, for a wave whose break lies at
    /// phase `offset`. The others do not.
    #[inline(always)]
    pub fn may_pass(&self, offset: V::Bits, frames: usize) -> u64 {
        let travel = self.increment;
        let at = self
            .before
            .wrapping_add(travel.wrapping_mul(V::Bits::splat(self.first as u32)))
            .wrapping_sub(offset);
        let left = frames.saturating_sub(self.first) as f32;
        let travel = V::from_signed(travel) * (STEP * left);
        let backwards = travel.lt(V::splat(0.0));
        let at = V::from_phase(at);
        let room = backwards.select(at, V::splat(1.0) - at);
        // More than both can be off by.
        room.le(travel.abs() + 1e-5).bits()
    }

    /// The whole turns one lane passes in this call, in order of time, for a wave whose break lies
    /// at phase `offset`.
    #[inline(always)]
    pub fn passes(&self, lane: usize, offset: u32) -> Passes {
        let travel = self.increment.lane(lane);
        let before = self.before.lane(lane).wrapping_sub(offset);
        Passes {
            position: before.wrapping_add(travel.wrapping_mul(self.first as u32)),
            travel: travel as i32,
            frame: self.first,
        }
    }
}

/// A whole turn passed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pass {
    /// The frame after it.
    pub frame: usize,
    /// How many frames before that frame, 0 to 1.
    pub age: f32,
    /// 1 forwards, -1 backwards.
    pub direction: f32,
}

impl Pass {
    /// That of a phase that moves by less than half a turn to a frame, past a whole turn.
    #[inline(always)]
    fn between(frame: usize, from: u32, to: u32) -> Pass {
        let travel = to.wrapping_sub(from) as i32;
        let (direction, past) = if travel > 0 {
            (1.0, i64::from(to))
        } else {
            (-1.0, i64::from(to) - (1 << 32))
        };
        Pass {
            frame,
            age: past as f32 / travel as f32,
            direction,
        }
    }
}

/// Finds the whole turns that an even movement passes, without looking at every frame.
pub struct Passes {
    position: u32,
    travel: i32,
    frame: usize,
}

impl Passes {
    /// The next one before frame `frames`.
    #[inline(always)]
    pub fn next(&mut self, frames: usize) -> Option<Pass> {
        let speed = self.travel.unsigned_abs();
        let room = if self.travel > 0 {
            !self.position
        } else {
            self.position
        };
        // Most often there is none, which a product tells sooner than a quotient.
        let left = frames.saturating_sub(self.frame) as u64;
        if u64::from(room) >= left * u64::from(speed) {
            return None;
        }
        let skipped = room.checked_div(speed)?;
        let frame = self.frame + skipped as usize;
        let moved = (self.travel as u32).wrapping_mul(skipped.wrapping_add(1));
        self.position = self.position.wrapping_add(moved);
        self.frame = frame + 1;
        let (direction, past) = if self.travel > 0 {
            (1.0, i64::from(self.position))
        } else {
            (-1.0, i64::from(self.position) - (1 << 32))
        };
        Some(Pass {
            frame,
            age: past as f32 / self.travel as f32,
            direction,
        })
    }
}

/// What one lane's phase does between two frames, or up to a restart, or from it.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// The phase at its begin.
    pub from: u32,
    /// How far it moves.
    pub travel: i64,
    /// Frames from its begin to the frame after it.
    pub begin: f32,
    /// Frames from its end to the frame after it.
    pub end: f32,
}

impl Stretch {
    /// The phase at its end.
    #[inline(always)]
    pub fn to(&self) -> u32 {
        self.from.wrapping_add(self.travel as u32)
    }

    /// The whole turns passed by a break that lies `offset` behind phase 0 at the begin and moves on by
    /// `drift`, each as its direction and its age in frames. Never more than two, as the break may
    /// cross another turn while it drifts.
    #[inline(always)]
    pub fn passes(&self, offset: u32, drift: i64) -> impl Iterator<Item = (f32, f32)> + use<> {
        let Stretch {
            begin, end: last, ..
        } = *self;
        let travel = self.travel - drift;
        let end = i64::from(self.from.wrapping_sub(offset)) + travel;
        let turns = end >> 32;
        let direction = if turns > 0 { 1.0 } else { -1.0 };
        (0..turns.clamp(-2, 2).abs()).map(
            #[inline(always)]
            move |index| {
                let turn = if turns > 0 { index + 1 } else { -index };
                let left = (end - (turn << 32)) as f32 / travel as f32;
                (direction, last + left * (begin - last))
            },
        )
    }
}

impl<V: Lanes> Moving<V> {
    /// Room for a call, to be kept: clearing it costs more than what it is for.
    #[inline(always)]
    #[expect(
        clippy::new_without_default,
        reason = "a default is expected to be cheap"
    )]
    pub fn new() -> Self {
        Moving {
            before: V::Bits::splat(0),
            phases: [V::Bits::splat(0); MAX_FRAMES],
            steps: [V::splat(0.0); MAX_FRAMES],
            step_before: V::splat(0.0),
            greatest_haste: V::splat(0.0),
            restarts: 0,
            breaks: [V::Bits::splat(0); 2],
            places: None,
            first: 0,
        }
    }

    /// Goes along the steps of so many frames.
    #[inline(always)]
    fn run(&mut self, frames: usize) {
        if V::COUNT == 1 {
            self.run_alone(frames);
        } else {
            self.run_abreast(frames);
        }
        // A wave that has just started has no breaks behind it.
        if self.first > 0 {
            self.breaks[0] = self.breaks[0] & V::Bits::splat(!1);
        }
    }

    /// One voice: all but the sum of the steps is done for eight frames at once.
    #[inline(always)]
    fn run_alone(&mut self, frames: usize) {
        let steps = &self.steps[..frames];
        let mut travels = [<V::Wide as Lanes>::Bits::splat(0); MAX_FRAMES / 8];
        for (travel, steps) in travels.iter_mut().zip(self.steps.as_chunks().0) {
            *travel = short_to_phase(wide(steps));
        }
        let mut phase = self.before;
        for (frame, at) in self.phases[..frames].iter_mut().enumerate() {
            let travel = travels[frame / 8 % travels.len()].lane(frame % 8);
            phase = phase.wrapping_add(V::Bits::splat(travel));
            *at = phase;
        }
        let mut greatest_haste = (self.steps[0] - self.step_before).abs();
        let (first, others) = (&steps[..frames.saturating_sub(1)], &steps[1.min(frames)..]);
        let (eights, rest) = first.as_chunks();
        let (other_eights, other_rest) = others.as_chunks();
        let mut hastes = V::Wide::splat(0.0);
        for (before, step) in eights.iter().zip(other_eights) {
            hastes = (wide(step) - wide(before)).abs().max(hastes);
        }
        for (before, step) in rest.iter().zip(other_rest) {
            greatest_haste = (*step - *before).abs().max(greatest_haste);
        }
        for haste in hastes.as_slice() {
            greatest_haste = V::splat(*haste).max(greatest_haste);
        }
        self.greatest_haste = greatest_haste;
        let mut breaks = 0;
        let eights = self.phases.as_chunks().0.iter().zip(&travels);
        for (eight, (phases, travel)) in eights.enumerate() {
            let to = wide_bits::<V>(phases);
            let passes = passes::<V::Wide>(to.wrapping_sub(*travel), *travel, to);
            breaks |= V::Wide::from_signed(passes).lt(V::Wide::splat(0.0)).bits() << (eight * 8);
        }
        breaks &= u64::MAX >> (MAX_FRAMES - frames);
        self.breaks = [
            V::Bits::splat(breaks as u32),
            V::Bits::splat((breaks >> HALF) as u32),
        ];
    }

    /// Several voices, frame by frame.
    #[inline(always)]
    fn run_abreast(&mut self, frames: usize) {
        let (mut phase, mut step_before) = (self.before, self.step_before);
        let mut greatest_haste = V::splat(0.0);
        let sign = V::Bits::splat(SIGN);
        let halves = self.phases[..frames]
            .chunks_mut(HALF)
            .zip(self.steps.chunks(HALF));
        self.breaks = [V::Bits::splat(0); 2];
        for (breaks, (phases, steps)) in self.breaks.iter_mut().zip(halves) {
            // Of its own, which stays in a register.
            let mut signs = V::Bits::splat(0);
            for (at, step) in phases.iter_mut().zip(steps) {
                greatest_haste = (*step - step_before).abs().max(greatest_haste);
                step_before = *step;
                let travel = short_to_phase(*step);
                let from = phase;
                phase = from.wrapping_add(travel);
                *at = phase;
                signs = signs.shift_right(1) | (passes::<V>(from, travel, phase) & sign);
            }
            *breaks = signs.shift_right((HALF - phases.len()) as u32);
        }
        self.greatest_haste = greatest_haste;
    }

    /// As [`Moving::run`], with the restarts that were found.
    #[inline(always)]
    fn run_with_restarts(&mut self, frames: usize, start: Signal<'_, V>) {
        let (mut phase, mut step_before) = (self.before, self.step_before);
        self.greatest_haste = V::splat(0.0);
        self.breaks = [V::Bits::splat(0); 2];
        for frame in 0..frames {
            let step = self.steps[frame];
            self.greatest_haste = (step - step_before).abs().max(self.greatest_haste);
            step_before = step;
            let travel = short_to_phase(step);
            let from = phase;
            phase = from.wrapping_add(travel);
            let mut breaks = passes::<V>(from, travel, phase);
            if self.restarts >> frame & 1 == 1
                && let Some(places) = &mut self.places
            {
                let (age, start) = (places.ages[frame], start.at(frame));
                places.starts[frame] = start;
                let fresh = start.to_phase().wrapping_add((step * age).to_phase());
                let restarted = age.ge(V::splat(0.0));
                phase = restarted
                    .select(V::from_bits(fresh), V::from_bits(phase))
                    .to_bits();
                let sign = V::from_bits(V::Bits::splat(SIGN));
                breaks = breaks | restarted.select(sign, V::splat(0.0)).to_bits();
            }
            self.phases[frame] = phase;
            let half = &mut self.breaks[frame / HALF];
            *half = *half | breaks.shift_right(31).shift_left((frame % HALF) as u32);
        }
        // A wave that has just started has no breaks behind it.
        if self.first > 0 {
            self.breaks[0] = self.breaks[0] & V::Bits::splat(!1);
        }
    }

    /// The frames, as bits, since whose frame before the phase of a lane passed a whole turn or
    /// restarted.
    #[inline(always)]
    pub fn lane_breaks(&self, lane: usize) -> u64 {
        lane_breaks::<V>(&self.breaks, lane)
    }

    /// Writes the phase as others sync to it.
    #[inline(always)]
    pub fn write_sync(&self, out: &mut [V]) {
        for (out, phase) in out.iter_mut().zip(&self.phases) {
            *out = signed(*phase);
        }
    }

    /// The phase one frame before a frame.
    #[inline(always)]
    pub fn previous(&self, frame: usize) -> V::Bits {
        match frame.checked_sub(1) {
            Some(previous) => self.phases[previous % MAX_FRAMES],
            None => self.before,
        }
    }

    /// As [`Moving::previous`], of one lane.
    #[inline(always)]
    fn previous_lane(&self, frame: usize, lane: usize) -> u32 {
        // By reference: a whole vector would be copied for its one lane.
        let previous = match frame.checked_sub(1) {
            Some(previous) => &self.phases[previous % MAX_FRAMES],
            None => &self.before,
        };
        previous.lane(lane)
    }

    /// The restart before a frame: how many frames (0 to 1) before it, below 0 in lanes without one,
    /// and where to in turns.
    #[inline(always)]
    pub fn restart(&self, frame: usize) -> [V; 2] {
        match &self.places {
            Some(places) => [places.ages[frame], places.starts[frame]],
            None => [V::splat(-1.0); 2],
        }
    }

    /// How much faster the phase moves to a frame than to the frame before.
    #[inline(always)]
    pub fn haste(&self, frame: usize) -> V {
        let before = frame
            .checked_sub(1)
            .map_or(self.step_before, |before| self.steps[before % MAX_FRAMES]);
        self.steps[frame] - before
    }

    /// The frames, as bits, at which any lane has restarted or its phase passed a whole turn since the
    /// frame before, and those of which `also` says so.
    #[inline(always)]
    pub fn events(&self, frames: usize, mut also: impl FnMut(usize) -> bool) -> u64 {
        let mut events = 0;
        for frame in 0..frames.min(MAX_FRAMES) {
            events |= u64::from(also(frame)) << frame;
        }
        if self.first > 0 {
            events &= !1;
        }
        for lane in 0..V::COUNT {
            events |= self.lane_breaks(lane);
        }
        events
    }

    /// The lanes, as bits, whose phase passed a whole turn or restarted since the frame before.
    #[inline(always)]
    pub fn breaks(&self, frame: usize) -> u64 {
        let bits = self.breaks[frame / HALF % 2].shift_left((HALF - 1 - frame % HALF) as u32);
        V::from_signed(bits).lt(V::splat(0.0)).bits()
    }

    /// The whole turn that one lane passed since the frame before, if it did and never restarted.
    #[inline(always)]
    pub fn pass(&self, frame: usize, lane: usize) -> Pass {
        let (from, to) = (
            self.previous_lane(frame, lane),
            self.phases[frame].lane(lane),
        );
        Pass::between(frame, from, to)
    }

    /// What one lane did since the frame before: one stretch, and another where it restarted between.
    #[inline(always)]
    pub fn stretches(&self, frame: usize, lane: usize) -> (Stretch, Option<Stretch>) {
        let from = self.previous_lane(frame, lane);
        let step = self.steps[frame].lane(lane);
        let [ages, starts] = self.restart(frame);
        let age = ages.lane(lane);
        if age >= 0.0 {
            let travel = (step * (1.0 - age) / STEP) as i64;
            let start = starts.to_phase().lane(lane);
            let onwards = self.phases[frame].lane(lane).wrapping_sub(start) as i32;
            let first = Stretch {
                from,
                travel,
                begin: 1.0,
                end: age,
            };
            (
                first,
                Some(Stretch {
                    from: start,
                    travel: i64::from(onwards),
                    begin: age,
                    end: 0.0,
                }),
            )
        } else {
            let travel = i64::from(self.phases[frame].lane(lane).wrapping_sub(from) as i32);
            (
                Stretch {
                    from,
                    travel,
                    begin: 1.0,
                    end: 0.0,
                },
                None,
            )
        }
    }
}

/// Whether a phase passed a whole turn on its way of less than half a turn, in the bit of the sign. It
/// did where its sign, which also turns half-way around, became that of the way.
#[inline(always)]
fn passes<V: Lanes>(from: V::Bits, travel: V::Bits, to: V::Bits) -> V::Bits {
    (from ^ to) & (to ^ travel ^ V::Bits::splat(SIGN))
}

/// Whether a position of 0..1 turns passed a whole turn on its way.
#[inline(always)]
pub fn passed<V: Lanes>(from: V, travel: V, to: V) -> V::Mask {
    // Without a pass the difference is nought, with one it is a turn.
    (from + travel - to).abs().gt(V::splat(0.5))
}

/// A phase as a line from -1 to 1 that rises through 0 at the whole turn: what others sync to.
#[inline(always)]
fn signed<V: Lanes>(phase: V::Bits) -> V {
    V::from_signed(phase) * (1.0 / 2_147_483_648.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono};

    #[test]
    fn cents_tune_exactly() {
        for step in -1000..=1000 {
            let cents = step as f32 * 0.1;
            let got = f64::from(tuning(Mono::<Baseline>::splat(cents)).sum());
            let exact = (f64::from(cents) / 1200.0).exp2();
            assert!((got / exact - 1.0).abs() < 1e-7, "{cents} cents: {got}");
        }
    }

    #[test]
    fn an_even_movement_is_known_only_until_something_moves() {
        type One = Mono<Baseline>;
        let held = |value| Signal::Constant(One::splat(value));
        let controls = |pitch, sync| Controls {
            pitch,
            fine: held(0.0),
            start: held(0.0),
            fm: held(0.0),
            fm_depth: held(0.0),
            sync,
        };
        let even = controls(held(1.0), held(0.0));
        let mut phasor = Phasor::<One>::new(48_000.0);
        let mut moving = Moving::new();
        let set_out = |phasor: &mut Phasor<One>| {
            phasor.reset();
            for first in [1, 0, 0] {
                let steady = phasor.steady(16, even).expect("even");
                assert_eq!(steady.first, first);
            }
        };
        let (pitches, syncs) = ([One::splat(1.5); 16], [One::splat(-1.0); 16]);
        let moved = [
            (
                controls(Signal::Frames(&pitches), held(0.0)),
                "another step",
            ),
            (
                controls(held(1.0), Signal::Frames(&syncs)),
                "a rise of sync",
            ),
        ];
        for (controls, what) in moved {
            set_out(&mut phasor);
            phasor.moving(16, controls, &mut moving);
            assert!(phasor.steady(16, even).is_none(), "{what}");
        }
    }

    fn all(mut passes: Passes, frames: usize) -> Vec<Pass> {
        core::iter::from_fn(|| passes.next(frames)).collect()
    }

    #[test]
    fn even_movement_passes_turns_where_single_steps_do() {
        for (position, travel) in [
            (0, 1 << 30),
            (5, -77_777_777),
            (u32::MAX, 1),
            (0, -1),
            (9, 0),
            (1, 2_000_000_000),
        ] {
            let found = all(
                Passes {
                    position,
                    travel,
                    frame: 3,
                },
                64,
            );
            let mut expected = Vec::new();
            let mut at = position;
            for frame in 3..64 {
                let stretch = Stretch {
                    from: at,
                    travel: i64::from(travel),
                    begin: 1.0,
                    end: 0.0,
                };
                expected.extend(stretch.passes(0, 0).map(|(direction, age)| Pass {
                    frame,
                    age,
                    direction,
                }));
                at = stretch.to();
            }
            assert_eq!(found, expected, "{position} {travel}");
            assert!(found.iter().all(|pass| (0.0..=1.0).contains(&pass.age)));
        }
    }

    #[test]
    fn a_drifting_break_may_pass_twice() {
        let turn = 1_i64 << 32;
        let stretch = Stretch {
            from: 0,
            travel: turn * 45 / 100,
            begin: 1.0,
            end: 0.0,
        };
        let offset = (turn * 98 / 100) as u32;
        assert_eq!(stretch.passes(offset, -turn * 97 / 100).count(), 1);
        let stretch = Stretch {
            from: (turn * 97 / 100) as u32,
            travel: turn * 45 / 100,
            begin: 1.0,
            end: 0.0,
        };
        let ages: Vec<_> = stretch
            .passes((turn / 100) as u32, -turn * 97 / 100)
            .collect();
        assert_eq!(ages.len(), 2);
        assert!(ages[0].1 > ages[1].1);
    }
}
