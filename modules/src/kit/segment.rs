//! One stretch of an envelope: from a level to another in an exact number of frames.

use crate::contract::{Shared, Signal};
use crate::kit::bend::Bend;
use crate::kit::edge::to_gate;
use crate::kit::gain::hold;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;

/// Stands in for "never" as a count of frames.
const NEVER: f32 = f32::MAX;

/// How a segment runs: how long and how bent.
#[derive(Clone, Copy, Debug)]
pub struct Course<V> {
    /// Whole frames, as a float.
    length: V,
    way: Bend<V>,
}

impl<V: Lanes> Course<V> {
    /// A course of so many seconds, rounded to whole frames.
    #[inline(always)]
    pub fn new(seconds: V, way: Bend<V>, sample_rate: f32) -> Self {
        Course {
            length: (seconds * sample_rate + 0.5).floor(),
            way,
        }
    }

    /// The same course, at least a frame long.
    #[inline(always)]
    pub fn at_least_a_frame(self) -> Self {
        Course {
            length: self.length.max(V::splat(1.0)),
            ..self
        }
    }

    /// Takes this course in the chosen lanes and the other elsewhere.
    #[inline(always)]
    pub fn select(self, lanes: V::Mask, other: Self) -> Self {
        Course {
            length: lanes.select(self.length, other.length),
            way: self.way.select(lanes, other.way),
        }
    }
}

/// Where a voice stands within the segment it runs, per lane.
///
/// The level is a function of the count of frames since the segment began, so it takes no rounding
/// along however long the segment is, and does not depend on how its frames are cut into calls. A
/// segment whose length moves keeps its place and goes on faster or slower.
#[derive(Clone, Copy, Debug)]
pub struct Segment<V> {
    from: V,
    /// Share of the segment done when its length last moved.
    base: V,
    /// Frames since then.
    count: V,
    /// The count at which the segment ends.
    end: V,
    length: V,
    /// Share of the segment in one frame.
    step: V,
    way: Bend<V>,
}

impl<V: Lanes> Segment<V> {
    /// A segment that rests at its target.
    pub fn resting() -> Self {
        Segment {
            from: V::splat(0.0),
            base: V::splat(1.0),
            count: V::splat(0.0),
            end: V::splat(NEVER),
            length: V::splat(NEVER),
            step: V::splat(0.0),
            way: Bend::straight(),
        }
    }

    /// See [`crate::contract::Module::carry`].
    pub fn carry(&mut self, porter: &mut Porter) {
        let Segment {
            from,
            base,
            count,
            end,
            length,
            step,
            way,
        } = self;
        for value in [from, base, count, end, length, step] {
            porter.lane(value);
        }
        way.carry(porter);
    }

    /// Begins a new segment at this frame in the chosen lanes.
    #[inline(always)]
    pub fn start(&mut self, lanes: V::Mask, from: V, course: Course<V>) {
        if !lanes.any() {
            return;
        }
        let zero = V::splat(0.0);
        let step = V::splat(1.0) / course.length.max(V::splat(1.0));
        self.from = lanes.select(from, self.from);
        self.base = lanes.select(zero, self.base);
        self.count = lanes.select(zero, self.count);
        self.end = lanes.select(course.length, self.end);
        self.length = lanes.select(course.length, self.length);
        self.step = lanes.select(step, self.step);
        self.way = course.way.select(lanes, self.way);
    }

    /// Rests at the target in the chosen lanes, until another segment starts.
    #[inline(always)]
    pub fn rest(&mut self, lanes: V::Mask) {
        let rest = Segment::resting();
        self.from = lanes.select(rest.from, self.from);
        self.base = lanes.select(rest.base, self.base);
        self.count = lanes.select(rest.count, self.count);
        self.end = lanes.select(rest.end, self.end);
        self.length = lanes.select(rest.length, self.length);
        self.step = lanes.select(rest.step, self.step);
        self.way = rest.way.select(lanes, self.way);
    }

    /// Where the segment rests.
    #[inline(always)]
    pub fn rests(&self) -> V::Mask {
        self.length.ge(V::splat(NEVER))
    }

    /// Follows a course whose length or bend may have moved since the last frame.
    #[inline(always)]
    pub fn follow(&mut self, course: Course<V>) {
        let running = !self.rests();
        let moved = running & (course.length.lt(self.length) | course.length.gt(self.length));
        if moved.any() {
            let step = V::splat(1.0) / course.length.max(V::splat(1.0));
            let base = self.count.mul_add(self.step, self.base).min(V::splat(1.0));
            let end = ((V::splat(1.0) - base) * course.length + 0.5).floor();
            self.base = moved.select(base, self.base);
            self.count = moved.select(V::splat(0.0), self.count);
            self.end = moved.select(end, self.end);
            self.length = moved.select(course.length, self.length);
            self.step = moved.select(step, self.step);
        }
        let bent = running & course.way.differs(self.way);
        self.way = course.way.select(bent, self.way);
    }

    /// Where the segment has reached its end.
    #[inline(always)]
    pub fn ended(&self) -> V::Mask {
        self.count.ge(self.end)
    }

    /// How many frames may pass before any lane ends, at most `limit`.
    #[inline(always)]
    pub fn frames_left(&self, limit: usize) -> usize {
        let left = self.end - self.count;
        let mut least = limit as f32;
        if !left.lt(V::splat(least)).any() {
            return limit;
        }
        for lane in left.as_slice() {
            least = if *lane < least { *lane } else { least };
        }
        least as usize
    }

    #[inline(always)]
    fn level_after(&self, frames: f32, to: V) -> V {
        let done = self
            .way
            .within((self.count + frames).mul_add(self.step, self.base));
        (self.from - to).mul_add(V::splat(1.0) - done, to)
    }

    /// The level at this frame.
    #[inline(always)]
    pub fn level(&self, to: V) -> V {
        self.level_after(0.0, to)
    }

    /// Writes the levels of the next frames and moves on past them. No lane may end among them.
    ///
    /// `to` is the target; where `tracks` is 1 rather than 0 it is the `target` signal instead, read
    /// from `first` on.
    #[inline(always)]
    pub fn run(
        &mut self,
        out: &mut [V],
        first: usize,
        to: V,
        tracks: V::Mask,
        target: impl Target<V>,
    ) {
        if let Some(target) = target.constant() {
            let to = tracks.select(target, to);
            if self.rests().all() {
                hold(out, to);
            } else {
                self.run_to(out, to);
            }
        } else {
            self.track(out, first, to, tracks, target);
        }
        self.pass(out.len());
    }

    /// Moves on past frames that nobody needs. No lane may end among them.
    #[inline(always)]
    pub fn pass(&mut self, frames: usize) {
        self.count += V::splat(frames as i32 as f32);
    }

    /// As [`Segment::run`], where the target moves.
    #[inline(always)]
    fn track(&self, out: &mut [V], first: usize, to: V, tracks: V::Mask, target: impl Target<V>) {
        if self.rests().all() {
            target.write(
                first,
                out,
                #[inline(always)]
                |_, target| tracks.select(target, to),
            );
        } else if self.way.is_straight() {
            target.write(
                first,
                out,
                #[inline(always)]
                |frame, target| self.straight_after(frame, tracks.select(target, to)),
            );
        } else {
            target.write(
                first,
                out,
                #[inline(always)]
                |frame, target| self.level_after(frame, tracks.select(target, to)),
            );
        }
    }

    /// The same as [`Segment::level_after`], less the bend it would not use.
    #[inline(always)]
    fn straight_after(&self, frames: f32, to: V) -> V {
        let done = (self.count + frames).mul_add(self.step, self.base);
        (self.from - to).mul_add(V::splat(1.0) - done, to)
    }

    // Counts frames by way of 32 bits: vectors have no conversion from 64.
    #[inline(always)]
    fn run_to(&self, out: &mut [V], to: V) {
        if self.way.is_straight() {
            for (frame, out) in out.iter_mut().enumerate() {
                *out = self.straight_after(frame as i32 as f32, to);
            }
        } else {
            for (frame, out) in out.iter_mut().enumerate() {
                *out = self.level_after(frame as i32 as f32, to);
            }
        }
    }
}

/// What a segment may be bound for.
pub trait Target<V>: Copy {
    /// The value of the whole call if it does not move.
    fn constant(self) -> Option<V>;
    /// The value at a frame.
    fn at(self, frame: usize) -> V;
    /// Writes what `f` makes of its frames from `first` on, and of how many were before each of them.
    fn write(self, first: usize, out: &mut [V], f: impl Fn(f32, V) -> V);
}

impl<V: Lanes> Target<V> for Signal<'_, V> {
    #[inline(always)]
    fn constant(self) -> Option<V> {
        Signal::constant(self)
    }
    #[inline(always)]
    fn at(self, frame: usize) -> V {
        Signal::at(self, frame)
    }
    #[inline(always)]
    fn write(self, first: usize, out: &mut [V], f: impl Fn(f32, V) -> V) {
        for (frame, out) in out.iter_mut().enumerate() {
            *out = f(frame as i32 as f32, self.at(first + frame));
        }
    }
}

impl<V: Lanes> Target<V> for Shared<'_> {
    #[inline(always)]
    fn constant(self) -> Option<V> {
        None
    }
    #[inline(always)]
    fn at(self, frame: usize) -> V {
        V::splat(Shared::at(self, frame))
    }
    #[inline(always)]
    fn write(self, first: usize, out: &mut [V], f: impl Fn(f32, V) -> V) {
        for (frame, (out, value)) in out.iter_mut().zip(self.lanes(first)).enumerate() {
            *out = f(frame as i32 as f32, value);
        }
    }
}

/// Stage numbers kept as floats, so that they can be told apart per lane.
#[inline(always)]
pub fn stands_at<V: Lanes>(stage: V, number: f32) -> V::Mask {
    stage.ge(V::splat(number)) & stage.le(V::splat(number))
}

/// Adds a trigger to the frame of an output in the chosen lanes.
#[inline(always)]
pub fn pulse<V: Lanes>(out: &mut [V], frame: usize, lanes: V::Mask) {
    if let Some(out) = out.get_mut(frame) {
        *out = out.max(to_gate(lanes));
    }
}
