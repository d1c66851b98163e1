//! Eight frames of one voice side by side in a vector.

use crate::lanes::{LaneBits, Lanes};

/// Eight frames of one voice.
#[inline(always)]
pub fn wide<V: Lanes>(frames: &[V; 8]) -> V::Wide {
    V::Wide::from_fn(
        #[inline(always)]
        |frame| frames[frame % 8].lane(0),
    )
}

/// Eight floats.
#[inline(always)]
pub fn load<W: Lanes>(values: &[f32; 8]) -> W {
    W::from_fn(
        #[inline(always)]
        |lane| values[lane % 8],
    )
}

/// Writes eight floats.
#[inline(always)]
pub fn store<W: Lanes>(from: W, values: &mut [f32; 8]) {
    for (lane, value) in values.iter_mut().enumerate() {
        *value = from.lane(lane);
    }
}

/// As [`wide`], of phases.
#[inline(always)]
pub fn wide_bits<V: Lanes>(frames: &[V::Bits; 8]) -> <V::Wide as Lanes>::Bits {
    LaneBits::from_fn(
        #[inline(always)]
        |frame| frames[frame % 8].lane(0),
    )
}

/// Writes eight frames of one voice.
#[inline(always)]
pub fn set_wide<V: Lanes>(frames: &mut [V; 8], values: V::Wide) {
    for (frame, value) in frames.iter_mut().zip(values.as_slice()) {
        *frame = V::splat(*value);
    }
}

/// Phases that move evenly, from the first of eight on.
#[inline(always)]
pub fn ramp<B: LaneBits>(first: u32, step: u32) -> B {
    B::from_fn(
        #[inline(always)]
        |frame| frame as u32,
    )
    .wrapping_mul(B::splat(step))
    .wrapping_add(B::splat(first))
}
