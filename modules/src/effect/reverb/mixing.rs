//! Sixteen channels at a time.

use core::f32::consts::FRAC_1_SQRT_2;

use super::{LINES, PERIOD};
use crate::lanes::Lanes;

/// The frames of a period, channel by channel.
pub(super) type Channels = [[f32; PERIOD]; LINES];

/// Frames that are mixed at once: sixteen vectors of eight are what registers hold.
const BLOCK: usize = 8;

/// The blocks that hold this many frames.
#[inline(always)]
pub(super) fn blocks(frames: usize) -> core::ops::Range<usize> {
    0..frames.min(PERIOD).div_ceil(BLOCK)
}

/// One block of a channel. `W` has [`BLOCK`] lanes.
#[inline(always)]
pub(super) fn load<W: Lanes>(channel: &[f32; PERIOD], block: usize) -> W {
    let mut values = W::splat(0.0);
    if let Some(frames) = channel.as_chunks::<BLOCK>().0.get(block) {
        values.as_mut_slice().copy_from_slice(frames);
    }
    values
}

/// Writes one block of a channel.
#[inline(always)]
pub(super) fn store<W: Lanes>(channel: &mut [f32; PERIOD], block: usize, values: W) {
    if let Some(frames) = channel.as_chunks_mut::<BLOCK>().0.get_mut(block) {
        frames.copy_from_slice(values.as_slice());
    }
}

/// One block of all channels.
#[inline(always)]
pub(super) fn load_all<W: Lanes>(channels: &Channels, block: usize) -> [W; LINES] {
    let mut values = [W::splat(0.0); LINES];
    for (values, channel) in values.iter_mut().zip(channels) {
        *values = load(channel, block);
    }
    values
}

/// The Hadamard matrix of order 16 on every frame, not scaled: each output hears all inputs alike.
/// Scaled by a quarter it keeps energy exactly.
#[inline(always)]
pub(super) fn hadamard<W: Lanes>(channels: &mut [W; LINES]) {
    let mut half = 1;
    while half < LINES {
        for first in 0..LINES {
            if first & half == 0 {
                let (a, b) = (channels[first], channels[first + half]);
                (channels[first], channels[first + half]) = (a + b, a - b);
            }
        }
        half *= 2;
    }
}

/// What makes [`hadamard`] keep energy.
pub(super) const HADAMARD_SCALE: f32 = 0.25;

/// Both sides hear all channels, with the signs of [`signs`].
#[inline(always)]
pub(super) fn to_sides<W: Lanes>(channels: &Channels, count: usize) -> [[f32; PERIOD]; 2] {
    const GAINS: [[f32; 2]; LINES] = {
        let mut gains = [[0.0; 2]; LINES];
        let mut index = 0;
        while index < LINES {
            let [left, right] = signs(index);
            gains[index] = [left * FRAC_1_SQRT_2, right * FRAC_1_SQRT_2];
            index += 1;
        }
        gains
    };
    let mut sides = [[0.0; PERIOD]; 2];
    for block in blocks(count) {
        let mut sums = [W::splat(0.0); 2];
        for (channel, gains) in channels.iter().zip(&GAINS) {
            let sample = load::<W>(channel, block);
            sums = [sums[0] + sample * gains[0], sums[1] + sample * gains[1]];
        }
        for (side, sum) in sides.iter_mut().zip(sums) {
            store(side, block, sum);
        }
    }
    sides
}

/// Signs of a channel on the left and on the right.
///
/// Both are bent functions: as unlike to every row of the Hadamard matrix as can be, so that no line comes
/// back in step with what it was fed from. They are orthogonal, so the sides have nothing in common.
const fn signs(index: usize) -> [f32; 2] {
    let (first, second) = (index & 1, index >> 1 & 1);
    let (third, fourth) = (index >> 2 & 1, index >> 3 & 1);
    let left = first & second ^ third & fourth;
    let right = left ^ second ^ third;
    [1.0 - 2.0 * left as f32, 1.0 - 2.0 * right as f32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::single::One;

    #[test]
    fn the_matrix_is_its_own_inverse_and_spreads_evenly() {
        for one in 0..LINES {
            let mut channels = [One::splat(0.0); LINES];
            channels[one] = One::splat(1.0);
            hadamard(&mut channels);
            assert!(channels.iter().all(|channel| channel.sum().abs() == 1.0));
            hadamard(&mut channels);
            for (index, channel) in channels.iter().enumerate() {
                let scaled = channel.sum() * HADAMARD_SCALE * HADAMARD_SCALE;
                assert_eq!(scaled, if index == one { 1.0 } else { 0.0 });
            }
        }
    }

    #[test]
    fn the_sides_are_unlike_each_other_and_every_row() {
        assert_eq!(
            (0..LINES)
                .map(|index| signs(index)[0] * signs(index)[1])
                .sum::<f32>(),
            0.0
        );
        for side in 0..2 {
            for row in 0..LINES {
                let walsh = |index: usize| {
                    if (index & row).count_ones().is_multiple_of(2) {
                        1.0
                    } else {
                        -1.0
                    }
                };
                let alike: f32 = (0..LINES)
                    .map(|index| signs(index)[side] * walsh(index))
                    .sum();
                assert_eq!(alike.abs(), 4.0);
            }
        }
    }
}
