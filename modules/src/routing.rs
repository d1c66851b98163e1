//! Moves signals between blocks: sums, spreads, and what cables do to params.
//!
//! These are the engine's own steps. They live here because they run on the lane types, which stay
//! inside this crate.

use crate::blocks::{BlockIndex, Blocks};
use crate::catalog::{Level, Set, Width};
use crate::contract::{MAX_FRAMES, MAX_LANES};
#[cfg(target_arch = "x86_64")]
use crate::lanes::Avx2;
use crate::lanes::{Baseline, Eight, Lanes, Mono, Sixteen};
use crate::kit::math::exp2;
use crate::spec::{Curve, ParamSpec};

/// One cable's share in a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// Where the signal lies.
    pub from: BlockIndex,
    /// Whether it is mono; otherwise it is as wide as the sum.
    pub mono: bool,
    /// What it is multiplied by.
    pub gain: f32,
}

/// Calls a function generic over lanes with the lane type of a level and width.
macro_rules! with_lanes {
    ($level:expr, $width:expr, $function:ident($($argument:expr),*)) => {
        match ($level.0, $width) {
            (Set::Baseline, Width::One) => $function::<Mono<Baseline>>($($argument),*),
            (Set::Baseline, Width::Eight) => $function::<Eight<Baseline>>($($argument),*),
            (Set::Baseline, Width::Sixteen) => $function::<Sixteen<Baseline>>($($argument),*),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx2, Width::One) => $function::<Mono<Avx2>>($($argument),*),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx2, Width::Eight) => $function::<Eight<Avx2>>($($argument),*),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx2, Width::Sixteen) => $function::<Sixteen<Avx2>>($($argument),*),
        }
    };
}

/// The lane type with the same instruction set and one lane, for reading mono signals.
type Narrow = Mono<Baseline>;

/// A mono block; loading and storing one float is alike on every instruction set.
///
/// # Safety
/// As [`Blocks::read`].
#[inline(always)]
unsafe fn mono(blocks: &Blocks, from: BlockIndex, frames: usize) -> &[Narrow] {
    // SAFETY: passed on to the caller.
    unsafe { blocks.read(from, frames) }
}

/// Adds a term to frames.
///
/// # Safety
/// As [`mix`].
#[inline(always)]
unsafe fn add<V: Lanes>(blocks: &Blocks, term: &Term, to: &mut [V]) {
    let gain = V::splat(term.gain);
    let frames = to.len();
    if term.mono {
        // SAFETY: passed on to the caller.
        for (to, from) in to.iter_mut().zip(unsafe { mono(blocks, term.from, frames) }) {
            *to = V::splat(from.sum()).mul_add(gain, *to);
        }
    } else {
        // SAFETY: passed on to the caller.
        for (to, from) in to.iter_mut().zip(unsafe { blocks.read::<V>(term.from, frames) }) {
            *to = from.mul_add(gain, *to);
        }
    }
}

/// Sums cables into a block.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` overlaps no term's block and nobody else uses any of them meanwhile; blocks that are not mono
/// are `width` wide.
pub unsafe fn mix(level: Level, width: Width, blocks: &Blocks, terms: &[Term], to: BlockIndex, frames: usize) {
    #[inline(always)]
    unsafe fn run<V: Lanes>(blocks: &Blocks, terms: &[Term], to: BlockIndex, frames: usize) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `mix`.
                let to = unsafe { blocks.write::<V>(to, frames) };
                to.fill(V::splat(0.0));
                for term in terms {
                    // SAFETY: passed on to the caller of `mix`.
                    unsafe { add(blocks, term, to) };
                }
            },
        );
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, width, run(blocks, terms, to, frames)) }
}

/// Copies a mono block into every lane of a wide one.
///
/// Realtime safety: yes.
///
/// # Safety
/// The blocks do not overlap, `to` is `width` wide, and nobody else uses them meanwhile.
pub unsafe fn spread(level: Level, width: Width, blocks: &Blocks, from: BlockIndex, to: BlockIndex, frames: usize) {
    #[inline(always)]
    unsafe fn run<V: Lanes>(blocks: &Blocks, from: BlockIndex, to: BlockIndex, frames: usize) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `spread`.
                let (from, to) = unsafe { (mono(blocks, from, frames), blocks.write::<V>(to, frames)) };
                for (to, from) in to.iter_mut().zip(from) {
                    *to = V::splat(from.sum());
                }
            },
        );
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, width, run(blocks, from, to, frames)) }
}

/// Copies eight lanes into the lower half of sixteen; the upper half is silent.
///
/// Realtime safety: yes.
///
/// # Safety
/// The blocks do not overlap, are eight and sixteen lanes wide, and nobody else uses them meanwhile.
pub unsafe fn widen(blocks: &Blocks, from: BlockIndex, to: BlockIndex, frames: usize) {
    // SAFETY: passed on to the caller.
    let (from, to) = unsafe { (blocks.read::<Eight<Baseline>>(from, frames), blocks.write::<Sixteen<Baseline>>(to, frames)) };
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
    frames: usize,
    peaks: &mut [f32; MAX_LANES],
) {
    #[inline(always)]
    unsafe fn run<V: Lanes>(
        blocks: &Blocks,
        from: BlockIndex,
        to: BlockIndex,
        frames: usize,
        peaks: &mut [f32; MAX_LANES],
    ) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `sum_lanes`.
                let (from, to) = unsafe { (blocks.read::<V>(from, frames), blocks.write::<Narrow>(to, frames)) };
                let mut peak = V::splat(0.0);
                for (to, from) in to.iter_mut().zip(from) {
                    peak = from.abs().max(peak);
                    *to = Narrow::splat(from.sum());
                }
                for (lane, loudest) in peaks.iter_mut().enumerate() {
                    *loudest = loudest.max(peak.lane(lane));
                }
            },
        );
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, width, run(blocks, from, to, frames, peaks)) }
}

/// How cables move a param, and how a knob's travel becomes its value. Derived from a [`ParamSpec`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    curve: Curve,
    absolute: bool,
    min: f32,
    max: f32,
    /// Width of the range; for exponential curves its octaves.
    range: f32,
}

impl Shape {
    /// The shape of a continuous param.
    pub fn of(spec: &ParamSpec) -> Shape {
        let range = match spec.curve {
            Curve::Exponential => (f64::from(spec.max) / f64::from(spec.min)).log2() as f32,
            Curve::Linear | Curve::Cubic => spec.max - spec.min,
        };
        Shape { curve: spec.curve, absolute: spec.is_absolute(), min: spec.min, max: spec.max, range }
    }

    #[inline(always)]
    fn value<V: Lanes>(self, base: V, modulation: V) -> V {
        if self.absolute {
            return (base * self.range + self.min + modulation).clamp(self.min, self.max);
        }
        let travel = (base + modulation).clamp(0.0, 1.0);
        let value = match self.curve {
            Curve::Linear => travel * self.range + self.min,
            Curve::Exponential => exp2(travel * self.range) * self.min,
            Curve::Cubic => travel * travel * travel * self.range + self.min,
        };
        value.clamp(self.min, self.max)
    }
}

/// The values of knob travels, in place. On exactly the arithmetic of [`modulate`] without cables.
///
/// Realtime safety: yes.
pub fn shape(level: Level, shape: Shape, travel: &mut [f32]) {
    #[inline(always)]
    fn run<V: Lanes>(shape: Shape, travel: &mut [f32]) {
        V::vectorize(
            #[inline(always)]
            || {
                for value in travel {
                    *value = shape.value(V::splat(*value), V::splat(0.0)).sum();
                }
            },
        );
    }
    with_lanes!(level, Width::One, run(shape, travel));
}

/// Writes the values of a param that cables move: travel plus the sum of the cables, limited, shaped.
///
/// A cable of 1 moves the knob across its whole travel; an absolute param
/// ([`ParamSpec::is_absolute`]) moves by the signal itself. `travel` has at least `frames` values.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` overlaps no term's block, blocks that are not mono are `width` wide, and nobody else uses them
/// meanwhile.
pub unsafe fn modulate(
    level: Level,
    width: Width,
    blocks: &Blocks,
    how: Shape,
    travel: &[f32; MAX_FRAMES],
    terms: &[Term],
    to: BlockIndex,
    frames: usize,
) {
    #[inline(always)]
    unsafe fn run<V: Lanes>(
        blocks: &Blocks,
        how: Shape,
        travel: &[f32; MAX_FRAMES],
        terms: &[Term],
        to: BlockIndex,
        frames: usize,
    ) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `modulate`.
                let to = unsafe { blocks.write::<V>(to, frames) };
                to.fill(V::splat(0.0));
                for term in terms {
                    // SAFETY: passed on to the caller of `modulate`.
                    unsafe { add(blocks, term, to) };
                }
                for (to, travel) in to.iter_mut().zip(travel) {
                    *to = how.value(V::splat(*travel), *to);
                }
            },
        );
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, width, run(blocks, how, travel, terms, to, frames)) }
}

/// Writes one value a frame into every lane of a block.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` is `width` wide and nobody else uses it meanwhile.
pub unsafe fn write(level: Level, width: Width, blocks: &Blocks, values: &[f32], to: BlockIndex) {
    #[inline(always)]
    unsafe fn run<V: Lanes>(blocks: &Blocks, values: &[f32], to: BlockIndex) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `write`.
                let to = unsafe { blocks.write::<V>(to, values.len()) };
                for (to, value) in to.iter_mut().zip(values) {
                    *to = V::splat(*value);
                }
            },
        );
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, width, run(blocks, values, to)) }
}

/// Adds a mono block onto plain frames.
///
/// Realtime safety: yes.
///
/// # Safety
/// Nobody writes the block meanwhile.
pub unsafe fn add_onto(blocks: &Blocks, from: BlockIndex, onto: &mut [f32]) {
    // SAFETY: passed on to the caller.
    let from = unsafe { mono(blocks, from, onto.len()) };
    for (onto, from) in onto.iter_mut().zip(from) {
        *onto += from.sum();
    }
}
