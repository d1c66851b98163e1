//! Moves signals between blocks: sums, spreads, and what cables do to params.
//!
//! These are the engine's own steps. They live here because they run on the lane types, which stay
//! inside this crate.

mod alone;
mod cables;
mod knobs;
mod late;

use crate::blocks::{BlockIndex, Blocks, Operand, Span};
use crate::catalog::{Level, Width};
use crate::contract::{MAX_FRAMES, MAX_LANES, QUIET};
use crate::kit::math::peak as loudest;
use crate::lanes::{Baseline, Eight, LaneMask, Lanes, Mono, Sixteen};

pub use self::alone::{ALONE, part, sum_alone};
pub use self::cables::{Cables, Term, mix, modulate};
pub use self::knobs::{Approach, Shape, Travel, approach, follow, shape, write};
pub use self::late::{keep, resume};

/// How far the fades of this call have come, 0..1 in each frame.
#[derive(Clone, Copy, Debug)]
pub enum Ramp<'a> {
    /// All the way.
    Arrived,
    /// This far.
    Moving(&'a [f32; MAX_FRAMES]),
}

impl Ramp<'_> {
    #[inline(always)]
    fn gain(self, term: &Term, frame: usize) -> f32 {
        match self {
            Ramp::Arrived => term.gain,
            // Where nothing fades this is the gain to the last bit.
            Ramp::Moving(ramp) => {
                term.start + (term.gain - term.start) * ramp.get(frame).copied().unwrap_or(1.0)
            }
        }
    }
}

/// How a signal of several voices lies in its block.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    width: Width,
    /// The number of the voice at hand if it is by itself; see [`BlockIndex::stretch`].
    voice: u8,
}

impl Layout {
    /// All lanes side by side in each frame.
    #[inline(always)]
    pub const fn wide(width: Width) -> Layout {
        Layout { width, voice: 0 }
    }

    /// One voice by itself.
    #[inline(always)]
    pub const fn alone(voice: usize) -> Layout {
        Layout {
            width: Width::One,
            voice: voice as u8,
        }
    }

    /// Where a signal lies in its block for lanes of this type.
    #[inline(always)]
    const fn place<V: Lanes>(self, block: BlockIndex) -> BlockIndex {
        if V::COUNT > 1 {
            block
        } else {
            block.stretch(self.voice as usize)
        }
    }
}

/// Calls a function generic over lanes with the lane type of a level and width.
macro_rules! with_lanes {
    ($level:expr, $width:expr, $function:ident($($argument:expr),*)) => {
        $crate::catalog::with_set!($level, S => match $width {
            $crate::catalog::Width::One => $function::<$crate::lanes::Mono<S>>($($argument),*),
            $crate::catalog::Width::Eight => $function::<$crate::lanes::Eight<S>>($($argument),*),
            $crate::catalog::Width::Sixteen => $function::<$crate::lanes::Sixteen<S>>($($argument),*),
        })
    };
}

use with_lanes;

/// The lane type with the same instruction set and one lane, for reading mono signals.
type Narrow = Mono<Baseline>;

/// A mono block; loading and storing one float is alike on every instruction set.
///
/// # Safety
/// As [`Blocks::read`].
#[inline(always)]
unsafe fn mono(blocks: &Blocks, from: BlockIndex, span: Span) -> &[Narrow] {
    // SAFETY: passed on to the caller.
    unsafe { blocks.read(from, span) }
}

/// Copies a mono block into every lane of a wide one.
///
/// Realtime safety: yes.
///
/// # Safety
/// The blocks do not overlap, `to` is `width` wide, and nobody else uses them meanwhile.
pub unsafe fn spread(
    level: Level,
    width: Width,
    blocks: &Blocks,
    from: BlockIndex,
    to: BlockIndex,
    span: Span,
) {
    #[inline(always)]
    unsafe fn run<V: Lanes>(blocks: &Blocks, from: BlockIndex, to: BlockIndex, span: Span) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `spread`.
                let (from, to) = unsafe { (mono(blocks, from, span), blocks.write::<V>(to, span)) };
                for (to, from) in to.iter_mut().zip(from) {
                    *to = V::splat(from.sum());
                }
            },
        );
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, width, run(blocks, from, to, span)) }
}

/// Copies eight lanes into the lower half of sixteen; the upper half is silent.
///
/// Realtime safety: yes.
///
/// # Safety
/// The blocks do not overlap, are eight and sixteen lanes wide, and nobody else uses them meanwhile.
pub unsafe fn widen(blocks: &Blocks, from: BlockIndex, to: BlockIndex, span: Span) {
    // SAFETY: passed on to the caller.
    let (from, to) = unsafe {
        (
            blocks.read::<Eight<Baseline>>(from, span),
            blocks.write::<Sixteen<Baseline>>(to, span),
        )
    };
    for (to, from) in to.iter_mut().zip(from) {
        *to = Sixteen::from_fn(|lane| from.lane(lane));
    }
}

/// Sums the lanes of a wide block into a mono one, and raises `peaks` to the loudest of each lane.
///
/// Realtime safety: yes.
///
/// # Safety
/// The blocks do not overlap, `from` is `width` wide, and nobody else uses them meanwhile.
pub unsafe fn sum_lanes(
    level: Level,
    width: Width,
    blocks: &Blocks,
    from: BlockIndex,
    to: BlockIndex,
    span: Span,
    peaks: &mut [f32; MAX_LANES],
) {
    #[inline(always)]
    unsafe fn run<V: Lanes>(
        blocks: &Blocks,
        from: BlockIndex,
        to: BlockIndex,
        span: Span,
        peaks: &mut [f32; MAX_LANES],
    ) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `sum_lanes`.
                let (from, to) = unsafe {
                    (
                        blocks.read::<V>(from, span),
                        blocks.write::<Narrow>(to, span),
                    )
                };
                // Four at a time, so that comparisons do not wait for each other either.
                let mut four = [V::splat(0.0); 4];
                let (fours, rest) = from.as_chunks();
                let (to_fours, to_rest) = to.as_chunks_mut::<4>();
                for (to, from) in to_fours.iter_mut().zip(fours) {
                    for (peak, from) in four.iter_mut().zip(from) {
                        *peak = from.abs().max(*peak);
                    }
                    for (to, sum) in to.iter_mut().zip(V::sums(from)) {
                        *to = Narrow::splat(sum);
                    }
                }
                for (to, from) in to_rest.iter_mut().zip(rest) {
                    four[0] = from.abs().max(four[0]);
                    *to = Narrow::splat(from.sum());
                }
                let peak = four[0].max(four[1]).max(four[2].max(four[3]));
                for (lane, loudest) in peaks.iter_mut().enumerate() {
                    *loudest = loudest.max(peak.lane(lane));
                }
            },
        );
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, width, run(blocks, from, to, span, peaks)) }
}

/// Writes silence into a mono block.
///
/// Realtime safety: yes.
///
/// # Safety
/// Nobody else uses the block meanwhile.
pub unsafe fn silence(blocks: &Blocks, at: BlockIndex, span: Span) {
    // SAFETY: passed on to the caller.
    unsafe { blocks.write::<Narrow>(at, span) }.fill(Narrow::splat(0.0));
}

/// The peak of a mono block.
///
/// Realtime safety: yes.
///
/// # Safety
/// Nobody writes the block meanwhile.
pub unsafe fn peak(level: Level, blocks: &Blocks, at: BlockIndex, span: Span) -> f32 {
    #[inline(always)]
    unsafe fn run<V: Lanes>(blocks: &Blocks, at: BlockIndex, span: Span) -> f32 {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `peak`.
                let frames = unsafe { blocks.read::<V>(at, span) };
                loudest(frames).sum()
            },
        )
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, Width::One, run(blocks, at, span)) }
}

/// The lanes in which a gate is up in any frame of a span, as bits.
///
/// Realtime safety: yes.
///
/// # Safety
/// The gate is `width` wide and nobody writes it meanwhile.
pub unsafe fn lanes_up(
    level: Level,
    width: Width,
    blocks: &Blocks,
    gate: BlockIndex,
    span: Span,
) -> u16 {
    /// # Safety
    /// As [`lanes_up`].
    #[inline(always)]
    unsafe fn run<V: Lanes>(blocks: &Blocks, gate: BlockIndex, span: Span) -> u16 {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `lanes_up`.
                let frames = unsafe { blocks.read::<V>(gate, span) };
                let mut up = V::Mask::splat(false);
                for frame in frames {
                    up = up | frame.abs().gt(V::splat(0.0));
                }
                up.bits() as u16
            },
        )
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, width, run(blocks, gate, span)) }
}

/// The first frame of a span in which a mono signal is louder than silence.
///
/// Realtime safety: yes.
///
/// # Safety
/// Nobody writes the signal meanwhile.
pub unsafe fn onset(level: Level, blocks: &Blocks, signal: Operand, span: Span) -> Option<usize> {
    match signal {
        Operand::Constant(value) => (value.abs() > QUIET && span.frames > 0).then_some(0),
        Operand::Still(from) => {
            let first = Span::start(span.frames.min(1));
            // SAFETY: passed on to the caller.
            unsafe { onset(level, blocks, Operand::Block(from), first) }
        }
        Operand::Block(from) | Operand::Shared(from) => {
            // SAFETY: passed on to the caller.
            let (loudest, frames) =
                unsafe { (peak(level, blocks, from, span), mono(blocks, from, span)) };
            if loudest <= QUIET {
                return None;
            }
            frames.iter().position(|frame| frame.sum().abs() > QUIET)
        }
    }
}

/// Adds a mono block onto plain frames that stand for the start of a call.
///
/// Realtime safety: yes.
///
/// # Safety
/// Nobody writes the block meanwhile.
pub unsafe fn add_onto(
    level: Level,
    blocks: &Blocks,
    term: &Term,
    ramp: Ramp<'_>,
    onto: &mut [f32],
) {
    /// # Safety
    /// As [`add_onto`].
    #[inline(always)]
    unsafe fn run<V: Lanes>(blocks: &Blocks, term: &Term, ramp: Ramp<'_>, onto: &mut [f32]) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `add_onto`.
                let from = unsafe { mono(blocks, term.from, Span::start(onto.len())) };
                match ramp {
                    // A loop of its own, which vectorises.
                    Ramp::Arrived => {
                        for (onto, from) in onto.iter_mut().zip(from) {
                            *onto += from.sum() * term.gain;
                        }
                    }
                    Ramp::Moving(_) => {
                        for (frame, (onto, from)) in onto.iter_mut().zip(from).enumerate() {
                            *onto += from.sum() * ramp.gain(term, frame);
                        }
                    }
                }
            },
        );
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, Width::One, run(blocks, term, ramp, onto)) }
}
