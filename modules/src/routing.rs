//! Moves signals between blocks: sums, spreads, and what cables do to params.
//!
//! These are the engine's own steps. They live here because they run on the lane types, which stay
//! inside this crate.

use crate::blocks::{BlockIndex, Blocks, Operand, Span};
use crate::catalog::{Level, Set, Width};
use crate::contract::{MAX_FRAMES, MAX_LANES, QUIET};
use crate::kit::eight::{set_wide, wide};
use crate::kit::math::{exp2_within, peak as loudest};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::lanes::{Baseline, Eight, LaneMask, Lanes, Mono, Sixteen};
use crate::spec::{Curve, ParamSpec};

/// One cable's share in a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// Where the signal lies.
    pub from: BlockIndex,
    /// Whether it is mono; otherwise it is as wide as the sum.
    pub mono: bool,
    /// Whether its first frame is its value throughout the call.
    pub still: bool,
    /// What it is multiplied by.
    pub gain: f32,
    /// What it was multiplied by before the ramp began; the same as `gain` where nothing fades.
    pub start: f32,
}

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

/// How many voices can be by themselves at a time.
pub const ALONE: usize = 2;

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
        match ($level.0, $width) {
            (Set::Baseline, Width::One) => $function::<Mono<Baseline>>($($argument),*),
            (Set::Baseline, Width::Eight) => $function::<Eight<Baseline>>($($argument),*),
            (Set::Baseline, Width::Sixteen) => $function::<Sixteen<Baseline>>($($argument),*),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx2 | Set::Avx512, Width::One) => $function::<Mono<Avx2>>($($argument),*),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx2 | Set::Avx512, Width::Eight) => $function::<Eight<Avx2>>($($argument),*),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx2, Width::Sixteen) => $function::<Sixteen<Avx2>>($($argument),*),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx512, Width::Sixteen) => $function::<Sixteen<Avx512>>($($argument),*),
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
unsafe fn mono(blocks: &Blocks, from: BlockIndex, span: Span) -> &[Narrow] {
    // SAFETY: passed on to the caller.
    unsafe { blocks.read(from, span) }
}

/// What a term brings, one value a frame.
trait Frames<V>: Copy {
    /// In every frame of the span.
    fn values(self) -> impl Iterator<Item = V>;
}

impl<V: Lanes> Frames<V> for &[V] {
    #[inline(always)]
    fn values(self) -> impl Iterator<Item = V> {
        self.iter().copied()
    }
}

/// A mono signal in every lane.
#[derive(Clone, Copy)]
struct Spreading<'a>(&'a [Narrow]);

impl<V: Lanes> Frames<V> for Spreading<'_> {
    #[inline(always)]
    fn values(self) -> impl Iterator<Item = V> {
        self.0.iter().map(
            #[inline(always)]
            |frame| V::splat(frame.sum()),
        )
    }
}

/// Calls `$run` with the frames of a term.
///
/// # Safety
/// As [`mix`].
macro_rules! with_frames {
    ($blocks:expr, $term:expr, $layout:expr, $span:expr, |$frames:ident| $run:expr) => {
        if $term.mono && V::COUNT > 1 {
            // SAFETY: passed on to the caller.
            let $frames = Spreading(unsafe { mono($blocks, $term.from, $span) });
            $run
        } else {
            let from = if $term.mono {
                $term.from
            } else {
                $layout.place::<V>($term.from)
            };
            // SAFETY: passed on to the caller; with one lane every block is a mono one.
            let $frames = unsafe { $blocks.read::<V>(from, $span) };
            $run
        }
    };
}

/// Sums terms into frames that start at `first`.
///
/// # Safety
/// As [`mix`].
#[inline(always)]
unsafe fn sum<V: Lanes>(
    blocks: &Blocks,
    layout: Layout,
    terms: &[Term],
    ramp: Ramp<'_>,
    first: usize,
    to: &mut [V],
) {
    let frames = to.len();
    let span = Span { first, frames };
    let none = V::splat(0.0);
    let Ramp::Moving(ramp) = ramp else {
        if let (1, [_, _, _, ..], Ok(to)) = (V::COUNT, terms, to.try_into()) {
            // SAFETY: passed on to the caller.
            unsafe { sum_whole(blocks, layout, terms, to) };
            return;
        }
        // One or two cables, as nearly always, take a single pass.
        let rest = match terms {
            [one, two, rest @ ..] => {
                let gains = (V::splat(one.gain), V::splat(two.gain));
                with_frames!(blocks, one, layout, span, |one| {
                    with_frames!(blocks, two, layout, span, |two| {
                        let pairs = one.values().zip(two.values());
                        for (to, (one, two)) in to.iter_mut().zip(pairs) {
                            let sum = V::mul_add(one, gains.0, none);
                            *to = V::mul_add(two, gains.1, sum);
                        }
                    })
                });
                rest
            }
            [one] => {
                let gain = V::splat(one.gain);
                with_frames!(blocks, one, layout, span, |one| {
                    for (to, one) in to.iter_mut().zip(one.values()) {
                        *to = V::mul_add(one, gain, none);
                    }
                });
                &[]
            }
            [] => {
                to.fill(none);
                &[]
            }
        };
        for term in rest {
            let gain = V::splat(term.gain);
            with_frames!(blocks, term, layout, span, |from| {
                for (to, from) in to.iter_mut().zip(from.values()) {
                    *to = V::mul_add(from, gain, *to);
                }
            });
        }
        return;
    };
    to.fill(none);
    let ramp = ramp.get(first..).unwrap_or_default();
    for term in terms {
        // Where nothing fades this is the gain to the last bit.
        let (start, way) = (V::splat(term.start), V::splat(term.gain - term.start));
        with_frames!(blocks, term, layout, span, |from| {
            for ((to, from), ramp) in to.iter_mut().zip(from.values()).zip(ramp) {
                *to = V::mul_add(from, start + way * V::splat(*ramp), *to);
            }
        });
    }
}

/// Sums terms into a whole block of one voice. What is summed so far stays in registers, where a pass
/// over the block for each term would load and store it.
///
/// # Safety
/// As [`mix`].
#[inline(always)]
unsafe fn sum_whole<V: Lanes>(
    blocks: &Blocks,
    layout: Layout,
    terms: &[Term],
    to: &mut [V; MAX_FRAMES],
) {
    let mut sums = [V::Wide::splat(0.0); MAX_FRAMES / 8];
    for term in terms {
        let gain = V::Wide::splat(term.gain);
        let from = match term.mono {
            true => term.from,
            false => layout.place::<V>(term.from),
        };
        // SAFETY: passed on to the caller; with one lane every block is a mono one.
        let from = unsafe { blocks.read::<V>(from, Span::start(MAX_FRAMES)) };
        for (sum, eight) in sums.iter_mut().zip(from.as_chunks().0) {
            *sum = wide(eight).mul_add(gain, *sum);
        }
    }
    for (to, sum) in to.as_chunks_mut().0.iter_mut().zip(sums) {
        set_wide(to, sum);
    }
}

/// The frames of a sum that have to be made: those of the span, or but the first where no term moves.
#[inline(always)]
fn to_make(terms: &[Term], ramp: Ramp<'_>, span: Span) -> Span {
    let stands =
        matches!(ramp, Ramp::Arrived) && span.first == 0 && terms.iter().all(|term| term.still);
    match stands {
        true => Span::start(span.frames.min(1)),
        false => span,
    }
}

/// Sums cables into a block. Where none of them moves the sum stands still, and only its first frame is
/// made. Gives what is to be read.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` overlaps no term's block and nobody else uses any of them meanwhile; blocks that are not mono
/// are laid out as said.
pub unsafe fn mix(
    level: Level,
    layout: Layout,
    blocks: &Blocks,
    terms: &[Term],
    ramp: Ramp<'_>,
    to: BlockIndex,
    span: Span,
) -> Operand {
    #[inline(always)]
    unsafe fn run<V: Lanes>(
        blocks: &Blocks,
        layout: Layout,
        terms: &[Term],
        ramp: Ramp<'_>,
        to: BlockIndex,
        span: Span,
    ) -> Operand {
        V::vectorize(
            #[inline(always)]
            || {
                let made = to_make(terms, ramp, span);
                // SAFETY: passed on to the caller of `mix`.
                unsafe {
                    let to = blocks.write::<V>(layout.place::<V>(to), made);
                    sum(blocks, layout, terms, ramp, span.first, to);
                }
                Operand::block(to, made.frames < span.frames)
            },
        )
    }
    // SAFETY: passed on to the caller.
    unsafe {
        with_lanes!(
            level,
            layout.width,
            run(blocks, layout, terms, ramp, to, span)
        )
    }
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

/// Sums voices that are by themselves into a mono block: as [`sum_lanes`] if all other lanes were 0.
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

/// Where a knob stands in the frames of a call, 0..1.
#[derive(Clone, Copy, Debug)]
pub enum Travel<'a> {
    /// In the same place in all of them.
    Still(f32),
    /// In these places.
    Moving(&'a [f32; MAX_FRAMES]),
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
    /// The shape of a continuous param. Its range has no more octaves than [`exp2_within`] takes.
    pub fn of(spec: &ParamSpec) -> Shape {
        let range = match spec.curve {
            Curve::Exponential => (f64::from(spec.max) / f64::from(spec.min)).log2() as f32,
            Curve::Linear | Curve::Cubic => spec.max - spec.min,
        };
        Shape {
            curve: spec.curve,
            absolute: spec.is_absolute(),
            min: spec.min,
            max: spec.max,
            range,
        }
    }

    /// Turns modulations into values, in place; `base` gives the travel in each frame. What kind of
    /// curve it is is decided once, which keeps the loops free of branches.
    #[inline(always)]
    fn apply<V: Lanes>(self, base: impl Iterator<Item = V>, values: &mut [V]) {
        let [range, min, max] = [self.range, self.min, self.max].map(
            #[inline(always)]
            |limit| V::splat(limit),
        );
        let pairs = values.iter_mut().zip(base);
        if self.absolute {
            for (value, base) in pairs {
                *value = (base.mul_add(range, min) + *value).clamp(self.min, self.max);
            }
            return;
        }
        // A travel is never below 0, so no value is below the least. Rounding may lead past the most.
        match self.curve {
            Curve::Linear => {
                for (value, base) in pairs {
                    let travel = (base + *value).clamp(0.0, 1.0);
                    *value = travel.mul_add(range, min).min(max);
                }
            }
            Curve::Exponential => {
                for (value, base) in pairs {
                    let travel = (base + *value).clamp(0.0, 1.0);
                    *value = (exp2_within(travel * range) * min).min(max);
                }
            }
            Curve::Cubic => {
                for (value, base) in pairs {
                    let travel = (base + *value).clamp(0.0, 1.0);
                    *value = (travel * travel * travel).mul_add(range, min).min(max);
                }
            }
        }
    }
}

/// The values of knob travels that no cable moves. On exactly the arithmetic of [`modulate`] without
/// cables; a travel lies within 0..1, so there is less to limit.
#[inline(always)]
fn shaped<W: Lanes>(shape: Shape, travel: W) -> W {
    let [range, min, max] = [shape.range, shape.min, shape.max].map(
        #[inline(always)]
        |limit| W::splat(limit),
    );
    if shape.absolute {
        return travel.mul_add(range, min).clamp(shape.min, shape.max);
    }
    let value = match shape.curve {
        Curve::Linear => travel.mul_add(range, min),
        Curve::Exponential => exp2_within(travel * range) * min,
        Curve::Cubic => (travel * travel * travel).mul_add(range, min),
    };
    value.min(max)
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
                let (eights, rest) = travel.as_chunks_mut::<8>();
                for eight in eights {
                    let mut travel = V::Wide::splat(0.0);
                    travel.as_mut_slice().copy_from_slice(eight);
                    eight.copy_from_slice(shaped(shape, travel).as_slice());
                }
                for travel in rest {
                    *travel = shaped(shape, V::splat(*travel)).sum();
                }
            },
        );
    }
    with_lanes!(level, Width::One, run(shape, travel));
}

/// A knob on its way to a new place: the cubic that starts with the speed it had and ends at rest, so
/// that the way has no kinks (Hermite interpolation).
#[derive(Clone, Copy, Debug)]
pub struct Approach {
    /// Where it was, 0..1.
    pub start: f32,
    /// Where it is going, 0..1.
    pub goal: f32,
    /// Travel per whole way at its start.
    pub speed: f32,
    /// Frames of the whole way.
    frames: u32,
    /// Frames of it that are left.
    pub left: u32,
    /// Of the whole way, in each frame.
    share: f32,
}

impl Approach {
    /// One that has arrived; ways from here on take so many frames.
    pub fn arrived(at: f32, frames: u32) -> Approach {
        Approach {
            start: at,
            goal: at,
            speed: 0.0,
            frames: frames.max(1),
            left: 0,
            share: 1.0 / frames.max(1) as f32,
        }
    }

    /// Sets out for another place.
    pub fn set_out(&mut self, start: f32, goal: f32, speed: f32) {
        (self.start, self.goal, self.speed) = (start, goal, speed);
        self.left = self.frames;
    }

    /// Travel per whole way after the frames that are gone: the slope of the cubic.
    pub fn speed_now(&self) -> f32 {
        let Approach { start, speed, .. } = *self;
        let x = 1.0 - self.left as f32 * self.share;
        let far = self.goal - start;
        speed + x * (2.0 * (3.0 * far - 2.0 * speed) + x * 3.0 * (speed - 2.0 * far))
    }

    /// Calls `to` with where the knob is in so many frames of its way, 0..1, a vector at once: with the
    /// first of them and with all, of which those past the end lead nowhere.
    // Not by way of memory, where the compiler would copy a whole block with loads wider than stores.
    #[inline(always)]
    fn travel<W: Lanes>(&self, frames: usize, mut to: impl FnMut(usize, W)) {
        // Each spread by itself at once: mostly they have just been written one by one, and reading
        // some together would wait until all are in memory.
        let [start, goal, speed] = [
            W::splat(self.start),
            W::splat(self.goal),
            W::splat(self.speed),
        ];
        let way = goal - start;
        let share = W::splat(self.share);
        let steep = way * 3.0 - speed * 2.0;
        let bent = speed - way * 2.0;
        let ahead = W::from_fn(
            #[inline(always)]
            |frame| 1.0 + frame as f32,
        );
        // Counted from below, up to 0.
        let mut left = ahead - W::splat(self.left as f32);
        for first in (0..frames).step_by(W::COUNT) {
            let x = left.mul_add(share, W::splat(1.0));
            let bend = x.mul_add(bent, steep);
            let travel = x.mul_add(x.mul_add(bend, speed), start);
            to(first, travel.clamp(0.0, 1.0));
            left = left + W::COUNT as f32;
        }
    }
}

/// Writes a vector of frames from `first` on, or as many of them as there are; `N` is how many a vector has.
#[inline(always)]
fn put<W: Lanes, T, const N: usize>(
    to: &mut [T],
    first: usize,
    values: W,
    frame: impl Fn(f32) -> T,
) {
    const { assert!(W::COUNT == N) };
    let Some(to) = to.get_mut(first..) else {
        return;
    };
    if let Some(to) = to.first_chunk_mut::<N>() {
        for (to, value) in to.iter_mut().zip(values.as_slice()) {
            *to = frame(*value);
        }
    } else {
        for (lane, to) in to.iter_mut().enumerate() {
            *to = frame(values.lane(lane));
        }
    }
}

/// Where a knob is in the next frames of its way, 0..1.
///
/// Realtime safety: yes.
pub fn approach(level: Level, knob: &Approach, travel: &mut [f32]) {
    #[inline(always)]
    fn run<V: Lanes>(knob: &Approach, travel: &mut [f32]) {
        V::vectorize(
            #[inline(always)]
            || {
                knob.travel(
                    travel.len(),
                    #[inline(always)]
                    |first, travels: V::Wide| {
                        put::<_, _, 8>(travel, first, travels, core::convert::identity);
                    },
                );
            },
        );
    }
    with_lanes!(level, Width::One, run(knob, travel));
}

/// Writes the values of a knob that is on its way throughout these frames into every lane of a block,
/// and gives where it is in the last of them, 0..1: at once what [`approach()`], [`shape()`] and
/// [`write()`] do.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` is laid out so and nobody else uses it meanwhile.
pub unsafe fn follow(
    level: Level,
    layout: Layout,
    blocks: &Blocks,
    how: Shape,
    knob: &Approach,
    to: BlockIndex,
    frames: usize,
) -> f32 {
    /// # Safety
    /// As [`follow`].
    #[inline(always)]
    unsafe fn spread<V: Lanes>(
        blocks: &Blocks,
        how: Shape,
        knob: &Approach,
        to: BlockIndex,
        frames: usize,
    ) -> f32 {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `follow`.
                let to = unsafe { blocks.write::<V>(to, Span::start(frames)) };
                let mut last = V::Wide::splat(0.0);
                knob.travel(
                    frames,
                    #[inline(always)]
                    |first, travels: V::Wide| {
                        last = travels;
                        put::<_, _, 8>(
                            to,
                            first,
                            shaped(how, travels),
                            #[inline(always)]
                            |value| V::splat(value),
                        );
                    },
                );
                last.lane(frames.saturating_sub(1) % 8)
            },
        )
    }
    /// Of one voice: its frames take the place of sixteen lanes.
    ///
    /// # Safety
    /// As [`follow`].
    #[inline(always)]
    unsafe fn alone<W: Lanes>(
        blocks: &Blocks,
        how: Shape,
        knob: &Approach,
        to: BlockIndex,
        frames: usize,
    ) -> f32 {
        W::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `follow`.
                let to = unsafe { blocks.write::<Narrow>(to, Span::start(frames)) };
                let mut last = W::splat(0.0);
                knob.travel(
                    frames,
                    #[inline(always)]
                    |first, travels: W| {
                        last = travels;
                        put::<_, _, MAX_LANES>(to, first, shaped(how, travels), Narrow::splat);
                    },
                );
                last.lane(frames.saturating_sub(1) % MAX_LANES)
            },
        )
    }
    // SAFETY: passed on to the caller.
    unsafe {
        if layout.width == Width::One {
            let to = to.stretch(layout.voice as usize);
            match level.0 {
                Set::Baseline => alone::<Sixteen<Baseline>>(blocks, how, knob, to, frames),
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 => alone::<Sixteen<Avx2>>(blocks, how, knob, to, frames),
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => alone::<Sixteen<Avx512>>(blocks, how, knob, to, frames),
            }
        } else {
            with_lanes!(level, layout.width, spread(blocks, how, knob, to, frames))
        }
    }
}

/// Writes the values of a param that cables move: travel plus the sum of the cables, limited, shaped. Where
/// nothing moves the values stand still, and only the first is written. Gives what is to be read.
///
/// A cable of 1 moves the knob across its whole travel; an absolute param
/// ([`ParamSpec::is_absolute`]) moves by the signal itself. A travel that moves has a value for each frame of the call, the span's among them.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` overlaps no term's block, blocks that are not mono are laid out as said, and nobody else uses
/// them meanwhile.
pub unsafe fn modulate(
    level: Level,
    layout: Layout,
    blocks: &Blocks,
    how: Shape,
    travel: Travel<'_>,
    terms: &[Term],
    ramp: Ramp<'_>,
    to: BlockIndex,
    span: Span,
) -> Operand {
    #[inline(always)]
    unsafe fn run<V: Lanes>(
        blocks: &Blocks,
        layout: Layout,
        how: Shape,
        travel: Travel<'_>,
        terms: &[Term],
        ramp: Ramp<'_>,
        to: BlockIndex,
        span: Span,
    ) -> Operand {
        V::vectorize(
            #[inline(always)]
            || {
                let made = match travel {
                    Travel::Still(_) => to_make(terms, ramp, span),
                    Travel::Moving(_) => span,
                };
                let at = to;
                // SAFETY: passed on to the caller of `modulate`.
                let to = unsafe {
                    let to = blocks.write::<V>(layout.place::<V>(at), made);
                    sum(blocks, layout, terms, ramp, span.first, to);
                    to
                };
                match travel {
                    Travel::Still(travel) => {
                        how.apply(core::iter::repeat(V::splat(travel)), to);
                    }
                    Travel::Moving(travel) => {
                        let travel = travel.get(span.first..).unwrap_or_default().iter();
                        how.apply(
                            travel.map(
                                #[inline(always)]
                                |travel| V::splat(*travel),
                            ),
                            to,
                        );
                    }
                }
                Operand::block(at, made.frames < span.frames)
            },
        )
    }
    // SAFETY: passed on to the caller.
    unsafe {
        with_lanes!(
            level,
            layout.width,
            run(blocks, layout, how, travel, terms, ramp, to, span)
        )
    }
}

/// Writes one value a frame into every lane of a block.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` is laid out as said and nobody else uses it meanwhile.
pub unsafe fn write(level: Level, layout: Layout, blocks: &Blocks, values: &[f32], to: BlockIndex) {
    #[inline(always)]
    unsafe fn run<V: Lanes>(blocks: &Blocks, values: &[f32], to: BlockIndex) {
        V::vectorize(
            #[inline(always)]
            || {
                // SAFETY: passed on to the caller of `write`.
                let to = unsafe { blocks.write::<V>(to, Span::start(values.len())) };
                for (to, value) in to.iter_mut().zip(values) {
                    *to = V::splat(*value);
                }
            },
        );
    }
    let to = to.stretch(layout.voice as usize);
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, layout.width, run(blocks, values, to)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_param_has_more_octaves_than_its_curve_takes() {
        for entry in crate::CATALOG {
            for param in entry.spec.params {
                if param.curve == Curve::Exponential {
                    let octaves = Shape::of(param).range;
                    assert!((0.0..=126.0).contains(&octaves), "{}: {octaves}", param.id);
                }
            }
        }
    }

    #[test]
    fn a_whole_block_is_summed_as_its_parts_are() {
        const COUNT: usize = 6;
        let blocks = Blocks::new(BlockIndex::lines_for(1) * (COUNT as u32 + 1));
        let at = |block: usize| BlockIndex::from_line(BlockIndex::lines_for(1) * block as u32);
        let terms: [Term; COUNT] = core::array::from_fn(|term| {
            // SAFETY: nobody else uses the block.
            let frames = unsafe { blocks.write(at(term), Span::start(MAX_FRAMES)) };
            for (frame, value) in frames.iter_mut().enumerate() {
                *value = Narrow::splat(((frame * 7 + term * 31) as f32).sin());
            }
            let gain = 0.3 + 0.17 * term as f32;
            Term {
                from: at(term),
                mono: term % 2 == 0,
                still: false,
                gain,
                start: gain,
            }
        });
        for level in Level::supported() {
            let sum = |terms: &[Term], spans: &[Span]| {
                for span in spans {
                    let (layout, to) = (Layout::wide(Width::One), at(COUNT));
                    // SAFETY: nobody else uses the blocks, and all are mono.
                    unsafe { mix(level, layout, &blocks, terms, Ramp::Arrived, to, *span) };
                }
                // SAFETY: nobody writes the block any more.
                let sum = unsafe { mono(&blocks, at(COUNT), Span::start(MAX_FRAMES)) };
                sum.iter()
                    .map(|value| value.sum().to_bits())
                    .collect::<Vec<_>>()
            };
            for count in 0..=COUNT {
                let terms = &terms[..count];
                let (first, frames) = (29, MAX_FRAMES - 29);
                let parts = sum(terms, &[Span::start(first), Span { first, frames }]);
                let whole = sum(terms, &[Span::start(MAX_FRAMES)]);
                assert_eq!(whole, parts, "{count} on {}", level.name());
            }
        }
    }

    #[test]
    fn a_knob_is_followed_as_it_approaches_is_shaped_and_written() {
        let knob = |left| {
            let mut knob = Approach::arrived(0.9, 500);
            knob.set_out(0.9, 0.2, 0.3);
            Approach { left, ..knob }
        };
        let (level, to) = (Level::detect(), BlockIndex::from_line(0));
        let blocks = Blocks::new(BlockIndex::lines_for(MAX_LANES));
        let params = crate::CATALOG.iter().flat_map(|entry| entry.spec.params);
        for param in params.filter(|param| param.is_continuous()) {
            let how = Shape::of(param);
            for (width, frames) in [(Width::One, 64), (Width::Sixteen, 64), (Width::Eight, 13)] {
                // In two pieces, which must go on where the first ended.
                let mut travel = [0.0; MAX_FRAMES];
                let (first, then) = travel[..frames].split_at_mut(5);
                approach(level, &knob(400), first);
                approach(level, &knob(395), then);
                let mut values = travel;
                shape(level, how, &mut values[..frames]);
                // SAFETY: nobody else uses the blocks.
                let (last, read) = unsafe {
                    let last = follow(
                        level,
                        Layout::wide(width),
                        &blocks,
                        how,
                        &knob(400),
                        to,
                        frames,
                    );
                    // Read as sixteen lanes, whatever the width.
                    let span = Span::start(frames * width.lanes() / MAX_LANES);
                    (last, blocks.read::<Sixteen<Baseline>>(to, span))
                };
                assert_eq!(last, travel[frames - 1], "{}", param.id);
                assert!(!read.is_empty());
                let read = read.iter().flat_map(|sixteen| sixteen.as_slice());
                for (at, read) in read.enumerate() {
                    let value = values[at / width.lanes()];
                    assert_eq!(*read, value, "{} at {at}, {width:?}", param.id);
                }
            }
        }
    }
}
