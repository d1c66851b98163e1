//! A phase that glides alike in all lanes.

use super::{
    Controls, FASTEST, HALF, PHASES, Pass, Phasor, ROUNDING, SIGN, halves, lane_breaks, modulation,
    passes, tuning,
};
use crate::MAX_FRAMES;
use crate::contract::Shared;
use crate::kit::settled::{differ, settled};
use crate::lanes::{LaneBits, LaneMask, Lanes};

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

impl<V: Lanes> Phasor<V> {
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
        let halves = halves(phases).zip(tunings.as_chunks::<HALF>().0);
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
}
