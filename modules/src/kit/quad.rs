//! Four channels by four frames.
//!
//! Sounds lie in memory frame by frame, so vectors hold frames. A recursion from frame to frame wants
//! vectors that hold channels; turning squares of sixteen samples around is cheaper than picking them
//! one by one.

use fearless_simd::f32x4;
use fearless_simd::prelude::*;

pub use crate::lanes::transpose;
use crate::lanes::{Baseline, InstructionSet};

/// Four floats, of the instruction set that every processor has; so the same bits on every level.
pub type Quad = f32x4<Baseline>;

/// The same number four times.
#[inline(always)]
pub fn splat(value: f32) -> Quad {
    Quad::splat(Baseline::proof(), value)
}

/// Four numbers.
#[inline(always)]
pub fn load(values: &[f32; 4]) -> Quad {
    Quad::load_array_ref(Baseline::proof(), values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let row = |row: usize| load(&[0, 1, 2, 3].map(|column| (10 * row + column) as f32));
        for (index, column) in transpose([0, 1, 2, 3].map(row)).iter().enumerate() {
            let expected = [0, 1, 2, 3].map(|row| (10 * row + index) as f32);
            assert_eq!(<[f32; 4]>::from(*column), expected);
        }
    }
}
