//! Band-limited breaks: jumps and kinks at any moment between two frames, without aliases.
//!
//! A wave is drawn naively, late by [`Breaks::delay`] frames, and each of its breaks adds what the
//! naive drawing lacks. The cost goes with the number of breaks, not with the number of frames.

mod kernel;

use crate::MAX_FRAMES;
use crate::kit::crossing::each;
use crate::kit::math::sin_turns;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;
use kernel::{Kernel, MOMENTS, TAPS, kernel};

/// Changes of slope that are worth a correction even where no break is meant: a naive wave is late by
/// [`Breaks::delay`] times its slope, so a sudden change moves it by this much or more.
const SUDDEN: f32 = 0.01;

/// The corrections that are under way.
pub struct Breaks<V> {
    kernel: &'static Kernel,
    pending: [V; MAX_FRAMES + TAPS],
    /// How many frames of `pending` may differ from 0.
    reach: usize,
}

impl<V: Lanes> Breaks<V> {
    /// No break yet. May allocate.
    #[expect(
        clippy::new_without_default,
        reason = "a default is expected to be cheap"
    )]
    pub fn new() -> Self {
        Breaks {
            kernel: kernel(),
            pending: [V::splat(0.0); MAX_FRAMES + TAPS],
            reach: 0,
        }
    }

    /// Forgets all breaks.
    pub fn reset(&mut self) {
        self.pending = [V::splat(0.0); MAX_FRAMES + TAPS];
        self.reach = 0;
    }

    /// See [`crate::contract::Module::carry`].
    pub fn carry(&mut self, porter: &mut Porter) {
        // Between calls nothing lies beyond.
        porter.lanes(self.pending.get_mut(..TAPS).unwrap_or_default());
        // Where the corrections of one voice end, those of another may go on.
        let mut reach = self.reach;
        porter.own(&mut reach);
        self.reach = if V::COUNT == 1 {
            reach
        } else {
            self.reach.max(reach)
        };
    }

    /// How late the naive wave must be, in frames.
    #[inline(always)]
    pub fn delay(&self) -> f32 {
        self.kernel.delay
    }

    /// The value of one lane jumped by `size`, `age` frames (0 to 1) before frame `frame` of this call.
    #[inline(always)]
    pub fn jump(&mut self, frame: usize, lane: usize, age: f32, size: f32) {
        self.add(
            frame,
            lane,
            &reading::<V>(&self.kernel.residuals[0], age, size),
        );
    }

    /// The slope of one lane changed by `change` per frame, `age` frames before frame `frame`.
    #[inline(always)]
    pub fn kink(&mut self, frame: usize, lane: usize, age: f32, change: f32) {
        self.add(
            frame,
            lane,
            &reading::<V>(&self.kernel.residuals[1], age, change),
        );
    }

    /// The lanes in which a change of slope is so sudden that it needs a [`Breaks::turn`].
    #[inline(always)]
    pub fn is_sudden(&self, change: V) -> V::Mask {
        (change * self.kernel.delay).abs().gt(V::splat(SUDDEN))
    }

    /// The slope of a naive wave changed one frame before `frame`: corrects the lanes in which that
    /// was sudden.
    #[inline(always)]
    pub fn turn(&mut self, frame: usize, change: V) {
        each(
            self.is_sudden(change).bits(),
            #[inline(always)]
            |lane| self.kink(frame, lane, 1.0, change.lane(lane)),
        );
    }

    /// A wave starts out of silence at the first frame of this call.
    #[inline(always)]
    pub fn start(&mut self, value: V, slope: V) {
        for lane in 0..V::COUNT {
            self.jump(0, lane, 0.0, value.lane(lane));
            self.kink(0, lane, 0.0, slope.lane(lane));
        }
    }

    /// A sine of `step` turns a frame jumped from phase `from` to phase `to` (in turns) in all lanes
    /// whose `age` is not below 0.
    ///
    /// Both sines run on under the correction, which fades from one to the other as a jump of size 1
    /// would. That moves the spectrum of the jump by the frequency of the sine, aliases stay as low,
    /// and no series of derivatives is needed, which would diverge for fast sines.
    #[inline(always)]
    pub fn sine_jump(&mut self, frame: usize, age: V, from: V, to: V, step: V) {
        let Some(window) = self
            .pending
            .get_mut(frame..)
            .and_then(|rest| rest.first_chunk_mut::<TAPS>())
        else {
            return;
        };
        let jumps = age.ge(V::splat(0.0));
        let mut fade = [V::splat(0.0); TAPS];
        for lane in (0..V::COUNT).filter(|lane| jumps.lane(*lane)) {
            let row = reading::<V>(&self.kernel.residuals[0], age.lane(lane), 1.0);
            for (fade, row) in fade.iter_mut().zip(row) {
                fade.set_lane(lane, row);
            }
        }
        // The difference of two sines is a sine: sin a - sin b = 2 sin((a - b) / 2) cos((a + b) / 2).
        let size = sin_turns((to - from) * 0.5) * 2.0;
        let middle = (to + from) * 0.5 + 0.25 + step * (age - self.kernel.delay);
        for (tap, (value, fade)) in window.iter_mut().zip(fade).enumerate() {
            let difference = size * sin_turns(step.mul_add(V::splat(tap as f32), middle));
            *value = jumps.select(fade.mul_add(difference, *value), *value);
        }
        self.reach = self.reach.max(frame + TAPS);
    }

    #[inline(always)]
    fn add(&mut self, frame: usize, lane: usize, correction: &[f32; TAPS]) {
        let Some(window) = self
            .pending
            .get_mut(frame..)
            .and_then(|rest| rest.first_chunk_mut::<TAPS>())
        else {
            return;
        };
        for (value, correction) in window.iter_mut().zip(correction) {
            if V::COUNT == 1 {
                *value += V::splat(*correction);
            } else if let Some(value) = value.as_mut_slice().get_mut(lane) {
                *value += *correction;
            }
        }
        self.reach = self.reach.max(frame + TAPS);
    }

    /// Corrects a naive wave, the frames of one call, and moves on behind them.
    ///
    /// The wave must be free of negative zeros: whether a call without breaks adds nothing or is
    /// left alone would show where calls are cut.
    #[inline(always)]
    pub fn correct(&mut self, wave: &mut [V]) {
        if self.reach == 0 {
            return;
        }
        for (value, correction) in wave.iter_mut().zip(&self.pending) {
            *value += *correction;
        }
        self.move_on(wave.len());
    }

    /// Draws a wave, whose naive values `naive` gives frame by frame, and moves on behind it: as
    /// [`Breaks::correct`], in one pass.
    #[inline(always)]
    pub fn draw(&mut self, out: &mut [V], mut naive: impl FnMut() -> V) {
        if self.reach == 0 {
            for out in out {
                *out = naive();
            }
            return;
        }
        for (out, correction) in out.iter_mut().zip(&self.pending) {
            *out = naive() + *correction;
        }
        self.move_on(out.len());
    }

    /// As [`Breaks::draw`], of a wave that is made of what lies in its place, and of a factor a frame.
    #[inline(always)]
    pub fn draw_over(&mut self, out: &mut [V], factors: &[f32], naive: impl Fn(V, f32) -> V) {
        let pairs = out.iter_mut().zip(factors);
        if self.reach == 0 {
            for (out, factor) in pairs {
                *out = naive(*out, *factor);
            }
            return;
        }
        for ((out, factor), correction) in pairs.zip(&self.pending) {
            *out = naive(*out, *factor) + *correction;
        }
        self.move_on(out.len());
    }

    #[inline(always)]
    fn move_on(&mut self, frames: usize) {
        let frames = frames.min(MAX_FRAMES);
        for tap in 0..TAPS {
            self.pending[tap] = self.pending[frames + tap];
        }
        let reach = self.reach.clamp(TAPS, MAX_FRAMES + TAPS);
        self.pending[TAPS..reach].fill(V::splat(0.0));
        self.reach = self.reach.saturating_sub(frames);
    }
}

/// A row of the table at any moment, times `size`.
#[inline(always)]
fn reading<V: Lanes>(rows: &[[f32; TAPS]; MOMENTS + 1], age: f32, size: f32) -> [f32; TAPS] {
    let moment = age.clamp(0.0, 1.0) * MOMENTS as f32;
    // By way of 32 bits with a sign, which is one instruction.
    let row = (moment as i32 as usize).min(MOMENTS - 1);
    let share = moment - row as i32 as f32;
    let (before, after) = (size * (1.0 - share), size * share);
    let mut reading = [0.0; TAPS];
    // In vectors by hand: the compiler takes it apart where what follows is not one.
    let (before, after) = (V::Wide::splat(before), V::Wide::splat(after));
    let (low, high) = (&rows[row], &rows[row + 1]);
    for part in 0..TAPS / V::Wide::COUNT {
        let taps = part * V::Wide::COUNT..(part + 1) * V::Wide::COUNT;
        let value = load::<V::Wide>(&low[taps.clone()]) * before
            + load::<V::Wide>(&high[taps.clone()]) * after;
        reading[taps].copy_from_slice(value.as_slice());
    }
    reading
}

/// As many floats as there are lanes.
#[inline(always)]
fn load<V: Lanes>(values: &[f32]) -> V {
    let mut lanes = V::splat(0.0);
    lanes.as_mut_slice().copy_from_slice(values);
    lanes
}
