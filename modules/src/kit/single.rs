//! Signals one lane at a time, for modules that run once for all voices.
//!
//! Such a module is always mono in a patch. Its code is written for plain floats, with one core per
//! lane, so that wider lane types sound the same at no cost of thought.

use crate::contract::{MAX_FRAMES, Signal};
use crate::lanes::{Baseline, Lanes, Mono};

/// A float with the operations of [`Lanes`], the same bits on every instruction set.
pub type One = Mono<Baseline>;

/// One lane of a signal.
#[derive(Clone, Copy, Debug)]
pub enum Track<'a> {
    /// The same value in every frame.
    Constant(f32),
    /// One value a frame.
    Frames(&'a [f32]),
}

impl<'a> Track<'a> {
    /// A lane of a signal; `scratch` holds its frames if it moves.
    #[inline(always)]
    pub fn of<V: Lanes>(
        signal: Signal<'_, V>,
        lane: usize,
        scratch: &'a mut [f32; MAX_FRAMES],
    ) -> Self {
        match signal {
            Signal::Constant(value) => Track::Constant(value.lane(lane)),
            Signal::Frames(frames) => {
                for (out, frame) in scratch.iter_mut().zip(frames) {
                    *out = frame.lane(lane);
                }
                Track::Frames(scratch.get(..frames.len()).unwrap_or_default())
            }
        }
    }

    /// The value at a frame.
    #[inline(always)]
    pub fn at(self, frame: usize) -> f32 {
        match self {
            Track::Constant(value) => value,
            Track::Frames(frames) => frames.get(frame).copied().unwrap_or(0.0),
        }
    }

    /// The frames from one on, held where the signal does not move.
    ///
    /// For loops that may become vector code: a choice inside them becomes masked loads from nowhere,
    /// which processors handle very slowly.
    #[inline(always)]
    pub fn write<const N: usize>(self, start: usize, out: &mut [f32; N]) {
        match self {
            Track::Constant(value) => out.fill(value),
            Track::Frames(frames) => {
                for (out, value) in out.iter_mut().zip(frames.get(start..).unwrap_or_default()) {
                    *out = *value;
                }
            }
        }
    }

    /// The value of the whole call if it does not move.
    #[inline(always)]
    pub fn constant(self) -> Option<f32> {
        match self {
            Track::Constant(value) => Some(value),
            Track::Frames(_) => None,
        }
    }
}
