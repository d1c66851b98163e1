//! Signals that are read a frame late.

use crate::blocks::{BlockIndex, Blocks, Span};
use crate::catalog::Width;
use crate::contract::MAX_LANES;
use crate::lanes::{Baseline, Eight, Lanes, Mono, Sixteen};

/// Keeps one frame of a signal for its feedback cables, which read it a frame late: copies lanes of
/// `from` at `frame` into `late`, and into `to` at the next frame if the call has one.
///
/// Realtime safety: yes.
///
/// # Safety
/// The blocks do not overlap, are `width` wide, and nobody else uses them meanwhile.
pub unsafe fn keep(
    width: Width,
    blocks: &Blocks,
    from: BlockIndex,
    to: BlockIndex,
    frame: usize,
    late: &mut [f32; MAX_LANES],
) {
    /// # Safety
    /// As [`keep`].
    unsafe fn run<V: Lanes>(
        blocks: &Blocks,
        from: BlockIndex,
        to: BlockIndex,
        frame: usize,
        late: &mut [f32; MAX_LANES],
    ) {
        // SAFETY: passed on to the caller of `keep`.
        if let [value] = unsafe {
            blocks.read::<V>(
                from,
                Span {
                    first: frame,
                    frames: 1,
                },
            )
        } {
            for (late, lane) in late.iter_mut().zip(value.as_slice()) {
                *late = *lane;
            }
        }
        // SAFETY: passed on to the caller of `keep`.
        unsafe { recall::<V>(blocks, to, frame + 1, late) };
    }
    // SAFETY: passed on to the caller.
    unsafe {
        match width {
            Width::One => run::<Mono<Baseline>>(blocks, from, to, frame, late),
            Width::Eight => run::<Eight<Baseline>>(blocks, from, to, frame, late),
            Width::Sixteen => run::<Sixteen<Baseline>>(blocks, from, to, frame, late),
        }
    }
}

/// # Safety
/// As [`keep`].
unsafe fn recall<V: Lanes>(blocks: &Blocks, to: BlockIndex, frame: usize, late: &[f32; MAX_LANES]) {
    // SAFETY: passed on to the caller.
    if let [value] = unsafe {
        blocks.write::<V>(
            to,
            Span {
                first: frame,
                frames: 1,
            },
        )
    } {
        *value = V::from_fn(|lane| late.get(lane).copied().unwrap_or(0.0));
    }
}

/// Puts the frame that [`keep`] kept last at the start of the block that feedback cables read.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` is `width` wide and nobody else uses it meanwhile.
pub unsafe fn resume(width: Width, blocks: &Blocks, to: BlockIndex, late: &[f32; MAX_LANES]) {
    // SAFETY: passed on to the caller.
    unsafe {
        match width {
            Width::One => recall::<Mono<Baseline>>(blocks, to, 0, late),
            Width::Eight => recall::<Eight<Baseline>>(blocks, to, 0, late),
            Width::Sixteen => recall::<Sixteen<Baseline>>(blocks, to, 0, late),
        }
    }
}
