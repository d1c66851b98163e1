//! Voices that are by themselves: one by one in the blocks of many.

use super::{Narrow, with_lanes};
use crate::blocks::{BlockIndex, Blocks, Span};
use crate::catalog::{Level, Width};
use crate::contract::MAX_FRAMES;
use crate::kit::math::peak as loudest;
use crate::lanes::{Baseline, Eight, Lanes, Sixteen};

/// How many voices can be by themselves at a time.
pub const ALONE: usize = 2;

/// Sums voices that are by themselves into a mono block: as [`super::sum_lanes`] if all other lanes were 0.
/// Gives the peak of each.
///
/// Realtime safety: yes.
///
/// # Safety
/// The blocks do not overlap, `from` has more lanes than any voice's number, and nobody else uses them
/// meanwhile.
pub unsafe fn sum_alone(
    level: Level,
    blocks: &Blocks,
    from: BlockIndex,
    to: BlockIndex,
    span: Span,
    sounds: [bool; ALONE],
) -> [f32; ALONE] {
    /// # Safety
    /// As [`sum_alone`].
    #[inline(always)]
    unsafe fn run<V: Lanes>(
        blocks: &Blocks,
        from: BlockIndex,
        to: BlockIndex,
        span: Span,
        sounds: [bool; ALONE],
    ) -> [f32; ALONE] {
        V::vectorize(
            #[inline(always)]
            || {
                let mut peaks = [0.0; ALONE];
                // SAFETY: passed on to the caller of `sum_alone`.
                let to = unsafe { blocks.write::<V>(to, span) };
                to.fill(V::splat(0.0));
                for (voice, peak) in peaks.iter_mut().enumerate() {
                    if !sounds.get(voice).is_some_and(|sounds| *sounds) {
                        continue;
                    }
                    // SAFETY: passed on to the caller of `sum_alone`.
                    let from = unsafe { blocks.read::<V>(from.stretch(voice), span) };
                    for (to, from) in to.iter_mut().zip(from) {
                        *to += *from;
                    }
                    *peak = loudest(from).sum();
                }
                peaks
            },
        )
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, Width::One, run(blocks, from, to, span, sounds)) }
}

/// Moves lanes of the first frames of a wide signal to where their voices are by themselves, in its own
/// block: the lane named first to the first stretch, and so on. The others are lost.
///
/// Realtime safety: yes.
///
/// # Safety
/// The block is `width` wide, more lanes than are named, and nobody else uses it meanwhile.
pub unsafe fn part(
    width: Width,
    blocks: &Blocks,
    block: BlockIndex,
    lanes: [Option<usize>; ALONE],
    frames: usize,
) {
    /// # Safety
    /// As [`part`].
    unsafe fn run<V: Lanes, const N: usize>(
        blocks: &Blocks,
        block: BlockIndex,
        lanes: [Option<usize>; ALONE],
        frames: usize,
    ) {
        const { assert!(N == V::COUNT && size_of::<[Narrow; N]>() == size_of::<V>()) };
        // Kept aside, for the stretches lie where the lanes do.
        let mut voices = [[Narrow::splat(0.0); MAX_FRAMES]; ALONE];
        // SAFETY: passed on to the caller of `part`; lanes lie side by side as floats.
        let rows = unsafe {
            let frames = blocks.read::<V>(block, Span::start(frames));
            core::slice::from_raw_parts(frames.as_ptr().cast::<[Narrow; N]>(), frames.len())
        };
        let [first, second] = &mut voices;
        let [one, two] = lanes.map(|lane| lane.unwrap_or(0) % N);
        for ((first, second), row) in first.iter_mut().zip(second).zip(rows) {
            (*first, *second) = (row[one], row[two]);
        }
        for (index, (voice, lane)) in voices.iter().zip(lanes).enumerate() {
            if lane.is_some() {
                // SAFETY: what was read is no longer used; the rest is passed on to the caller of `part`.
                let to = unsafe { blocks.write(block.stretch(index), Span::start(MAX_FRAMES)) };
                for (to, value) in to.iter_mut().zip(voice) {
                    *to = *value;
                }
            }
        }
    }
    // SAFETY: passed on to the caller.
    unsafe {
        match width {
            Width::One => {}
            Width::Eight => run::<Eight<Baseline>, 8>(blocks, block, lanes, frames),
            Width::Sixteen => run::<Sixteen<Baseline>, 16>(blocks, block, lanes, frames),
        }
    }
}
