//! Levels.

use crate::contract::{MAX_FRAMES, Signal};
use crate::lanes::Lanes;

/// Writes one value into all frames.
///
/// [`slice::fill`] stores the last frame apart from the others, which leaves as many as the longest
/// vectors hold to be stored one by one.
#[inline(always)]
pub fn hold<V: Lanes>(out: &mut [V], value: V) {
    out.iter_mut().for_each(
        #[inline(always)]
        |out| *out = value,
    );
}

/// The frames of a signal, which are written into `room` where it holds one value: for loops that would need
/// to be there twice else.
#[inline(always)]
pub fn frames_of<'a, V: Lanes>(
    signal: Signal<'a, V>,
    frames: usize,
    room: &'a mut Option<[V; MAX_FRAMES]>,
) -> &'a [V] {
    match signal {
        Signal::Constant(value) => {
            let held = room.insert([value; MAX_FRAMES]);
            held.get(..frames).unwrap_or_default()
        }
        Signal::Frames(frames) => frames,
    }
}

/// Multiplies frames by a signal as long as they are.
///
/// The two kinds of signal have a loop each: a choice inside one loop becomes masked loads from
/// nowhere, which processors handle very slowly.
#[inline(always)]
pub fn scale<V: Lanes>(out: &mut [V], by: Signal<'_, V>) {
    match by {
        Signal::Constant(gain) => {
            for out in out {
                *out *= gain;
            }
        }
        Signal::Frames(gains) => {
            for (out, gain) in out.iter_mut().zip(gains) {
                *out *= *gain;
            }
        }
    }
}

/// Adds a signal times a level to frames as long as it.
#[inline(always)]
pub fn add_scaled<V: Lanes>(out: &mut [V], signal: Signal<'_, V>, level: V) {
    match signal {
        Signal::Constant(value) => {
            for out in out {
                *out = value.mul_add(level, *out);
            }
        }
        Signal::Frames(values) => {
            for (out, value) in out.iter_mut().zip(values) {
                *out = value.mul_add(level, *out);
            }
        }
    }
}
