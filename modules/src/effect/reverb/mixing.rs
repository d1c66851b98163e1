//! Sixteen channels at a time.

use super::{LINES, PERIOD};

/// The frames of a period, channel by channel.
pub(super) type Channels = [[f32; PERIOD]; LINES];

/// The Hadamard matrix of order 16 on every frame, not scaled: each output hears all inputs alike.
/// Scaled by a quarter it keeps energy exactly.
#[inline(always)]
pub(super) fn hadamard(channels: &mut Channels) {
    let mut half = 1;
    while half < LINES {
        for first in (0..LINES).filter(|index| index & half == 0) {
            let (low, high) = channels.split_at_mut(first + half);
            for (a, b) in low[first].iter_mut().zip(&mut high[0]) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// What makes [`hadamard`] keep energy.
pub(super) const HADAMARD_SCALE: f32 = 0.25;

/// Both sides hear all channels, with the signs of [`signs`].
#[inline(always)]
pub(super) fn to_sides(channels: &Channels) -> [[f32; PERIOD]; 2] {
    let mut sides = [[0.0; PERIOD]; 2];
    for (index, channel) in channels.iter().enumerate() {
        let gains = signs(index).map(|sign| sign * core::f32::consts::FRAC_1_SQRT_2);
        for (side, gain) in sides.iter_mut().zip(gains) {
            for (side, sample) in side.iter_mut().zip(channel) {
                *side += gain * sample;
            }
        }
    }
    sides
}

/// Signs of a channel on the left and on the right.
///
/// Both are bent functions: as unlike to every row of the Hadamard matrix as can be, so that no line comes
/// back in step with what it was fed from. They are orthogonal, so the sides have nothing in common.
fn signs(index: usize) -> [f32; 2] {
    let bit = |place: usize| index >> place & 1;
    let left = bit(0) & bit(1) ^ bit(2) & bit(3);
    let right = left ^ bit(1) ^ bit(2);
    [1.0 - 2.0 * left as f32, 1.0 - 2.0 * right as f32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_its_own_inverse_and_spreads_evenly() {
        for one in 0..LINES {
            let mut channels = [[0.0; PERIOD]; LINES];
            channels[one][3] = 1.0;
            hadamard(&mut channels);
            assert!(
                channels
                    .iter()
                    .all(|channel| channel[3].abs() == 1.0 && channel[2] == 0.0)
            );
            hadamard(&mut channels);
            for (index, channel) in channels.iter().enumerate() {
                let scaled = channel[3] * HADAMARD_SCALE * HADAMARD_SCALE;
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
