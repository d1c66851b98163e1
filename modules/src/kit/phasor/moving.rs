//! A phase that moves in any way.

use super::{HALF, Pass, SIGN, STEP, halves, lane_breaks, passes, short_to_phase, signed};
use crate::MAX_FRAMES;
use crate::contract::Signal;
use crate::kit::eight::{wide, wide_bits};
use crate::lanes::{LaneBits, LaneMask, Lanes};

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
    pub(super) places: Option<Restarts<V>>,
    /// The first frame before which the wave already sounded, so that it can have breaks.
    pub first: usize,
}

/// The restarts of a call.
pub(super) struct Restarts<V> {
    /// How many frames (0 to 1) before each frame the phase restarted; below 0 where it did not.
    pub(super) ages: [V; MAX_FRAMES],
    /// Where a restart leads, in turns, at each frame with one.
    pub(super) starts: [V; MAX_FRAMES],
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
    pub(super) fn run(&mut self, frames: usize) {
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
        let halves = halves(&mut self.phases[..frames]).zip(self.steps.as_chunks::<HALF>().0);
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
    pub(super) fn run_with_restarts(&mut self, frames: usize, start: Signal<'_, V>) {
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
