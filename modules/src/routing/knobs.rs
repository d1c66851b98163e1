//! Knobs on their way, and how they become values.

use super::{Layout, Narrow, with_lanes};
use crate::blocks::{BlockIndex, Blocks, Span};
use crate::catalog::{Level, Width, with_set};
use crate::contract::{MAX_FRAMES, MAX_LANES};
use crate::kit::eight::{load, set_wide, store, wide};
use crate::kit::math::exp2_within;
use crate::lanes::{Lanes, Sixteen};
use crate::spec::{Curve, ParamSpec};

/// Where a knob stands in the frames of a call, 0..1.
#[derive(Clone, Copy, Debug)]
pub enum Travel<'a> {
    /// In the same place in all of them.
    Still(f32),
    /// In these places.
    Moving(&'a [f32; MAX_FRAMES]),
}

/// How travel becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bend {
    /// Evenly, and cables bring values rather than travel.
    Absolute,
    Linear,
    Exponential,
    Cubic,
}

impl Bend {
    /// Calls `run` with it, known while compiling, which keeps loops free of branches.
    #[inline(always)]
    fn known<R>(self, run: impl FnOnce(Bend) -> R) -> R {
        match self {
            Bend::Absolute => run(Bend::Absolute),
            Bend::Linear => run(Bend::Linear),
            Bend::Exponential => run(Bend::Exponential),
            Bend::Cubic => run(Bend::Cubic),
        }
    }
}

/// How cables move a param, and how a knob's travel becomes its value. Derived from a [`ParamSpec`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    bend: Bend,
    min: f32,
    max: f32,
    /// Width of the range; for exponential curves its octaves.
    range: f32,
}

impl Shape {
    /// The shape of a continuous param. Its range has no more octaves than [`exp2_within`] takes.
    pub fn of(spec: &ParamSpec) -> Shape {
        let range = match spec.curve {
            Curve::Exponential => (f64::from(spec.max) / f64::from(spec.min)).log2() as f32,
            Curve::Linear | Curve::Cubic => spec.max - spec.min,
        };
        let bend = match spec.curve {
            _ if spec.is_absolute() => Bend::Absolute,
            Curve::Linear => Bend::Linear,
            Curve::Exponential => Bend::Exponential,
            Curve::Cubic => Bend::Cubic,
        };
        Shape {
            bend,
            min: spec.min,
            max: spec.max,
            range,
        }
    }

    /// The value of a travel between 0 and 1. No value is then below the least; rounding may lead past the most.
    #[inline(always)]
    fn bent<W: Lanes>(self, bend: Bend, travel: W) -> W {
        let [range, min, max] = [self.range, self.min, self.max].map(
            #[inline(always)]
            |limit| W::splat(limit),
        );
        let value = match bend {
            Bend::Absolute => return travel.mul_add(range, min).clamp(self.min, self.max),
            Bend::Linear => travel.mul_add(range, min),
            Bend::Exponential => exp2_within(travel * range) * min,
            Bend::Cubic => (travel * travel * travel).mul_add(range, min),
        };
        value.min(max)
    }

    /// The value of a travel to which cables bring something.
    #[inline(always)]
    fn moved<W: Lanes>(self, bend: Bend, travel: W, cables: W) -> W {
        if bend == Bend::Absolute {
            let value = travel.mul_add(W::splat(self.range), W::splat(self.min));
            return (value + cables).clamp(self.min, self.max);
        }
        self.bent(bend, (travel + cables).clamp(0.0, 1.0))
    }

    /// The value of a travel to which cables bring something.
    #[inline(always)]
    pub(super) fn value<W: Lanes>(&self, travel: W, cables: W) -> W {
        self.bend.known(
            #[inline(always)]
            |bend| self.moved(bend, travel, cables),
        )
    }

    /// Turns what cables bring into values, in place. Where the knob stands is given for eight frames in a
    /// vector, which is how those of one voice are taken, and one by one for all others.
    // That the loops do not know how many frames there are is meant: unrolled, they run out of registers for
    // what stays the same.
    #[inline(always)]
    pub(super) fn values<V: Lanes>(
        &self,
        eights: impl Iterator<Item = V::Wide>,
        rest: impl Iterator<Item = V>,
        values: &mut [V],
    ) {
        let (whole, single) = match V::COUNT {
            1 => values.as_chunks_mut::<8>(),
            _ => (&mut [][..], values),
        };
        let how = *self;
        how.bend.known(
            #[inline(always)]
            move |bend| {
                for (value, travel) in whole.iter_mut().zip(eights) {
                    set_wide(value, how.moved(bend, travel, wide(value)));
                }
                for (value, travel) in single.iter_mut().zip(rest) {
                    *value = how.moved(bend, travel, *value);
                }
            },
        );
    }
}

/// The values of knob travels, in place. On exactly the arithmetic of [`super::modulate`] without cables.
///
/// Realtime safety: yes.
pub fn shape(level: Level, shape: Shape, travel: &mut [f32]) {
    #[inline(always)]
    fn run<V: Lanes>(shape: Shape, travel: &mut [f32]) {
        V::vectorize(
            #[inline(always)]
            move || {
                let (eights, rest) = travel.as_chunks_mut::<8>();
                shape.bend.known(
                    #[inline(always)]
                    move |bend| {
                        for eight in eights {
                            store(shape.bent(bend, load::<V::Wide>(eight)), eight);
                        }
                        for travel in rest {
                            *travel = shape.bent(bend, V::splat(*travel)).sum();
                        }
                    },
                );
            },
        );
    }
    with_lanes!(level, Width::One, run(shape, travel));
}

/// A knob on its way to a new place: the cubic that starts with the speed it had and ends at rest, so
/// that the way has no kinks (Hermite interpolation).
#[derive(Clone, Copy, Debug)]
pub struct Approach {
    /// Where it was, 0..1.
    pub start: f32,
    /// Where it is going, 0..1.
    pub goal: f32,
    /// Travel per whole way at its start.
    pub speed: f32,
    /// Frames of the whole way.
    frames: u32,
    /// Frames of it that are left.
    pub left: u32,
    /// Of the whole way, in each frame.
    share: f32,
}

impl Approach {
    /// One that has arrived; ways from here on take so many frames.
    pub fn arrived(at: f32, frames: u32) -> Approach {
        Approach {
            start: at,
            goal: at,
            speed: 0.0,
            frames: frames.max(1),
            left: 0,
            share: 1.0 / frames.max(1) as f32,
        }
    }

    /// Sets out for another place.
    pub fn set_out(&mut self, start: f32, goal: f32, speed: f32) {
        (self.start, self.goal, self.speed) = (start, goal, speed);
        self.left = self.frames;
    }

    /// Travel per whole way after the frames that are gone: the slope of the cubic.
    pub fn speed_now(&self) -> f32 {
        let Approach { start, speed, .. } = *self;
        let x = 1.0 - self.left as f32 * self.share;
        let far = self.goal - start;
        speed + x * (2.0 * (3.0 * far - 2.0 * speed) + x * 3.0 * (speed - 2.0 * far))
    }

    /// Calls `to` with where the knob is in so many frames of its way, 0..1, a vector at once: with the
    /// first of them and with all, of which those past the end lead nowhere.
    // Not by way of memory, where the compiler would copy a whole block with loads wider than stores.
    #[inline(always)]
    fn travel<W: Lanes>(&self, frames: usize, mut to: impl FnMut(usize, W)) {
        // Each spread by itself at once: mostly they have just been written one by one, and reading
        // some together would wait until all are in memory.
        let [start, goal, speed] = [
            W::splat(self.start),
            W::splat(self.goal),
            W::splat(self.speed),
        ];
        let way = goal - start;
        let share = W::splat(self.share);
        let steep = way * 3.0 - speed * 2.0;
        let bent = speed - way * 2.0;
        let ahead = W::from_fn(
            #[inline(always)]
            |frame| 1.0 + frame as f32,
        );
        // Counted from below, up to 0.
        let mut left = ahead - W::splat(self.left as f32);
        for first in (0..frames).step_by(W::COUNT) {
            let x = left.mul_add(share, W::splat(1.0));
            let bend = x.mul_add(bent, steep);
            let travel = x.mul_add(x.mul_add(bend, speed), start);
            to(first, travel.clamp(0.0, 1.0));
            left = left + W::COUNT as f32;
        }
    }

    /// Writes the values of its next frames, `N` of which fill a vector, and gives where it is in the last of
    /// them.
    #[inline(always)]
    fn write<W: Lanes, V: Lanes, const N: usize>(&self, how: &Shape, to: &mut [V]) -> f32 {
        let how = *how;
        how.bend.known(
            #[inline(always)]
            move |bend| {
                let frames = to.len();
                let mut last = W::splat(0.0);
                self.travel(
                    frames,
                    #[inline(always)]
                    |first, travels: W| {
                        last = travels;
                        put::<_, _, N>(
                            to,
                            first,
                            how.bent(bend, travels),
                            #[inline(always)]
                            |value| V::splat(value),
                        );
                    },
                );
                last.lane(frames.saturating_sub(1) % N)
            },
        )
    }
}

/// Writes a vector of frames from `first` on, or as many of them as there are; `N` is how many a vector has.
#[inline(always)]
fn put<W: Lanes, T, const N: usize>(
    to: &mut [T],
    first: usize,
    values: W,
    frame: impl Fn(f32) -> T,
) {
    const { assert!(W::COUNT == N) };
    let Some(to) = to.get_mut(first..) else {
        return;
    };
    if let Some(to) = to.first_chunk_mut::<N>() {
        for (to, value) in to.iter_mut().zip(values.as_slice()) {
            *to = frame(*value);
        }
    } else {
        for (lane, to) in to.iter_mut().enumerate() {
            *to = frame(values.lane(lane));
        }
    }
}

/// Where a knob is in the next frames of its way, 0..1.
///
/// Realtime safety: yes.
pub fn approach(level: Level, knob: &Approach, travel: &mut [f32]) {
    #[inline(always)]
    fn run<V: Lanes>(knob: &Approach, travel: &mut [f32]) {
        V::vectorize(
            #[inline(always)]
            || {
                knob.travel(
                    travel.len(),
                    #[inline(always)]
                    |first, travels: V::Wide| {
                        put::<_, _, 8>(travel, first, travels, core::convert::identity);
                    },
                );
            },
        );
    }
    with_lanes!(level, Width::One, run(knob, travel));
}

/// Writes the values of a knob that is on its way throughout these frames into every lane of a block,
/// and gives where it is in the last of them, 0..1: at once what [`approach()`], [`shape()`] and
/// [`write()`] do.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` is laid out so and nobody else uses it meanwhile.
pub unsafe fn follow(
    level: Level,
    layout: Layout,
    blocks: &Blocks,
    how: &Shape,
    knob: &Approach,
    to: BlockIndex,
    frames: usize,
) -> f32 {
    /// Eight frames at a time, of many voices.
    ///
    /// # Safety
    /// As [`follow`].
    #[inline(always)]
    unsafe fn spread<V: Lanes>(
        blocks: &Blocks,
        how: &Shape,
        knob: &Approach,
        to: BlockIndex,
        frames: usize,
    ) -> f32 {
        V::vectorize(
            #[inline(always)]
            move || {
                // SAFETY: passed on to the caller of `follow`.
                let to = unsafe { blocks.write::<V>(to, Span::start(frames)) };
                knob.write::<V::Wide, V, 8>(how, to)
            },
        )
    }
    /// Of one voice: its frames take the place of sixteen lanes.
    ///
    /// # Safety
    /// As [`follow`].
    #[inline(always)]
    unsafe fn alone<W: Lanes>(
        blocks: &Blocks,
        how: &Shape,
        knob: &Approach,
        to: BlockIndex,
        frames: usize,
    ) -> f32 {
        W::vectorize(
            #[inline(always)]
            move || {
                // SAFETY: passed on to the caller of `follow`.
                let to = unsafe { blocks.write::<Narrow>(to, Span::start(frames)) };
                knob.write::<W, Narrow, MAX_LANES>(how, to)
            },
        )
    }
    // SAFETY: passed on to the caller.
    unsafe {
        if layout.width == Width::One {
            let to = to.stretch(layout.voice as usize);
            with_set!(level, S => alone::<Sixteen<S>>(blocks, how, knob, to, frames))
        } else {
            with_lanes!(level, layout.width, spread(blocks, how, knob, to, frames))
        }
    }
}

/// Writes one value a frame into every lane of a block.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` is laid out as said and nobody else uses it meanwhile.
pub unsafe fn write(level: Level, layout: Layout, blocks: &Blocks, values: &[f32], to: BlockIndex) {
    #[inline(always)]
    unsafe fn run<V: Lanes>(blocks: &Blocks, values: &[f32], to: BlockIndex) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `write`.
                let to = unsafe { blocks.write::<V>(to, Span::start(values.len())) };
                for (to, value) in to.iter_mut().zip(values) {
                    *to = V::splat(*value);
                }
            },
        );
    }
    let to = to.stretch(layout.voice as usize);
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, layout.width, run(blocks, values, to)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Baseline;

    #[test]
    fn no_param_has_more_octaves_than_its_curve_takes() {
        for entry in crate::CATALOG {
            for param in entry.spec.params {
                if param.curve == Curve::Exponential {
                    let octaves = Shape::of(param).range;
                    assert!((0.0..=126.0).contains(&octaves), "{}: {octaves}", param.id);
                }
            }
        }
    }

    #[test]
    fn a_knob_is_followed_as_it_approaches_is_shaped_and_written() {
        let knob = |left| {
            let mut knob = Approach::arrived(0.9, 500);
            knob.set_out(0.9, 0.2, 0.3);
            Approach { left, ..knob }
        };
        let (level, to) = (Level::detect(), BlockIndex::from_line(0));
        let blocks = Blocks::new(BlockIndex::lines_for(MAX_LANES));
        let params = crate::CATALOG.iter().flat_map(|entry| entry.spec.params);
        for param in params.filter(|param| param.is_continuous()) {
            let how = Shape::of(param);
            for (width, frames) in [(Width::One, 64), (Width::Sixteen, 64), (Width::Eight, 13)] {
                // In two pieces, which must go on where the first ended.
                let mut travel = [0.0; MAX_FRAMES];
                let (first, then) = travel[..frames].split_at_mut(5);
                approach(level, &knob(400), first);
                approach(level, &knob(395), then);
                let mut values = travel;
                shape(level, how, &mut values[..frames]);
                // SAFETY: nobody else uses the blocks.
                let (last, read) = unsafe {
                    let last = follow(
                        level,
                        Layout::wide(width),
                        &blocks,
                        &how,
                        &knob(400),
                        to,
                        frames,
                    );
                    // Read as sixteen lanes, whatever the width.
                    let span = Span::start(frames * width.lanes() / MAX_LANES);
                    (last, blocks.read::<Sixteen<Baseline>>(to, span))
                };
                assert_eq!(last, travel[frames - 1], "{}", param.id);
                assert!(!read.is_empty());
                let read = read.iter().flat_map(|sixteen| sixteen.as_slice());
                for (at, read) in read.enumerate() {
                    let value = values[at / width.lanes()];
                    assert_eq!(*read, value, "{} at {at}, {width:?}", param.id);
                }
            }
        }
    }
}
