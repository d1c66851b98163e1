//! What cables bring.

use core::iter::repeat;

use super::knobs::{Shape, Travel};
use super::{Layout, Narrow, Ramp, mono, with_lanes};
use crate::blocks::{BlockIndex, Blocks, Operand, Span};
use crate::catalog::Level;
use crate::contract::{EIGHTS, MAX_FRAMES};
use crate::kit::eight::{load, set_wide, wide};
use crate::lanes::Lanes;

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

/// Cables that go to one place.
#[derive(Clone, Copy)]
pub struct Cables<'a> {
    /// Where everything lies.
    pub blocks: &'a Blocks,
    /// What they bring.
    pub terms: &'a [Term],
    /// How far the fades have come.
    pub ramp: Ramp<'a>,
    /// Where that goes.
    pub to: BlockIndex,
    /// Which frames.
    pub span: Span,
}

impl Cables<'_> {
    /// The frames that have to be made: those of the span, or but the first where no term moves.
    #[inline(always)]
    fn frames_made(&self) -> Span {
        let stands = matches!(self.ramp, Ramp::Arrived)
            && self.span.first == 0
            && self.terms.iter().all(|term| term.still);
        match stands {
            true => Span::start(self.span.frames.min(1)),
            false => self.span,
        }
    }
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
    ($blocks:expr, $layout:expr, $term:expr, $span:expr, |$frames:ident| $run:expr) => {
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

/// Sums terms into frames that start at the span's first.
///
/// # Safety
/// As [`mix`].
#[inline(always)]
unsafe fn sum<V: Lanes>(cables: &Cables<'_>, layout: Layout, to: &mut [V]) {
    let Cables {
        blocks,
        terms,
        ramp,
        ..
    } = *cables;
    let (first, frames) = (cables.span.first, to.len());
    let span = Span { first, frames };
    let none = V::splat(0.0);
    let Ramp::Moving(ramp) = ramp else {
        if V::COUNT == 1
            && let Ok(to) = to.try_into()
        {
            // SAFETY: passed on to the caller.
            return unsafe { sum_whole(blocks, layout, terms, to) };
        }
        // One or two cables, as nearly always, take a single pass.
        let rest = match terms {
            [one, two, rest @ ..] => {
                let gains = (V::splat(one.gain), V::splat(two.gain));
                with_frames!(blocks, layout, one, span, |one| {
                    with_frames!(blocks, layout, two, span, |two| {
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
                with_frames!(blocks, layout, one, span, |one| {
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
            with_frames!(blocks, layout, term, span, |from| {
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
        with_frames!(blocks, layout, term, span, |from| {
            for ((to, from), ramp) in to.iter_mut().zip(from.values()).zip(ramp) {
                *to = V::mul_add(from, start + way * V::splat(*ramp), *to);
            }
        });
    }
}

/// Sums terms into a whole block of one voice, eight frames in a vector. What is summed so far stays in
/// registers, where a pass over the block for each term would load and store it.
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
    let mut sums = [V::Wide::splat(0.0); EIGHTS];
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

/// The sum of the first frames of terms that stand still.
///
/// # Safety
/// As [`mix`].
#[inline(always)]
unsafe fn sum_still<V: Lanes>(cables: &Cables<'_>, layout: Layout) -> V {
    let mut sum = V::splat(0.0);
    for term in cables.terms {
        let gain = V::splat(term.gain);
        with_frames!(cables.blocks, layout, term, Span::start(1), |from| {
            for from in from.values() {
                sum = V::mul_add(from, gain, sum);
            }
        });
    }
    sum
}

/// Sums cables into a block. Where none of them moves the sum stands still, and only its first frame is
/// made. Gives what is to be read.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` overlaps no term's block and nobody else uses any of them meanwhile; blocks that are not mono
/// are laid out as said.
pub unsafe fn mix(level: Level, layout: Layout, cables: &Cables<'_>) -> Operand {
    #[inline(always)]
    unsafe fn run<V: Lanes>(layout: Layout, cables: &Cables<'_>) -> Operand {
        V::vectorize(
            #[inline(always)]
            move || {
                let made = cables.frames_made();
                // SAFETY: passed on to the caller of `mix`.
                unsafe {
                    let to = cables.blocks.write::<V>(layout.place::<V>(cables.to), made);
                    match to {
                        [to] if cables.span.frames > 1 => *to = sum_still(cables, layout),
                        _ => sum(cables, layout, to),
                    }
                }
                Operand::block(cables.to, made.frames < cables.span.frames)
            },
        )
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, layout.width, run(layout, cables)) }
}

/// Writes the values of a param that cables move: travel plus the sum of the cables, limited, shaped. Where
/// nothing moves the values stand still, and only the first is written. Gives what is to be read.
///
/// A cable of 1 moves the knob across its whole travel; an absolute param
/// ([`crate::ParamSpec::is_absolute`]) moves by the signal itself. A travel that moves has a value for each frame
/// of the call, the span's among them.
///
/// Realtime safety: yes.
///
/// # Safety
/// `to` overlaps no term's block, blocks that are not mono are laid out as said, and nobody else uses
/// them meanwhile.
pub unsafe fn modulate(
    level: Level,
    layout: Layout,
    cables: &Cables<'_>,
    how: &Shape,
    travel: Travel<'_>,
) -> Operand {
    #[inline(always)]
    unsafe fn run<V: Lanes>(
        layout: Layout,
        cables: &Cables<'_>,
        how: &Shape,
        travel: Travel<'_>,
    ) -> Operand {
        V::vectorize(
            #[inline(always)]
            move || {
                let made = match travel {
                    Travel::Still(_) => cables.frames_made(),
                    Travel::Moving(_) => cables.span,
                };
                // SAFETY: passed on to the caller of `modulate`.
                let to = unsafe { cables.blocks.write::<V>(layout.place::<V>(cables.to), made) };
                if let ([to], Travel::Still(travel), true) =
                    (&mut *to, travel, made.frames < cables.span.frames)
                {
                    // SAFETY: as above.
                    let sum = unsafe { sum_still(cables, layout) };
                    *to = how.value(V::splat(travel), sum);
                    return Operand::Still(cables.to);
                }
                // SAFETY: as above.
                unsafe { sum(cables, layout, to) };
                match travel {
                    Travel::Still(travel) => {
                        let wide = repeat(V::Wide::splat(travel));
                        how.values(wide, repeat(V::splat(travel)), to);
                    }
                    Travel::Moving(travels) => {
                        let travels = travels.get(cables.span.first..).unwrap_or_default();
                        let eights = travels.as_chunks().0.iter().map(load::<V::Wide>);
                        let one_by_one = match V::COUNT {
                            1 => to.len() / 8 * 8,
                            _ => 0,
                        };
                        let rest = travels.get(one_by_one..).unwrap_or_default().iter();
                        let rest = rest.map(
                            #[inline(always)]
                            |travel| V::splat(*travel),
                        );
                        how.values(eights, rest, to);
                    }
                }
                Operand::Block(cables.to)
            },
        )
    }
    // SAFETY: passed on to the caller.
    unsafe { with_lanes!(level, layout.width, run(layout, cables, how, travel)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Width;

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
                    let cables = Cables {
                        blocks: &blocks,
                        terms,
                        ramp: Ramp::Arrived,
                        to: at(COUNT),
                        span: *span,
                    };
                    // SAFETY: nobody else uses the blocks, and all are mono.
                    unsafe { mix(level, Layout::wide(Width::One), &cables) };
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
}
