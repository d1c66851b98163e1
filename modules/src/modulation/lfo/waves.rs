//! Waves at any places of a cycle, random ones among them.

use super::place::Place;
use super::{GATE, Lfo, OUT};
use crate::MAX_FRAMES;
use crate::contract::{In, Wanted};
use crate::kit::edge::to_gate;
use crate::kit::math::sin_turns;
use crate::kit::random::{bipolar, draw};
use crate::kit::switch::{from, stretches};
use crate::lanes::{LaneBits, LaneMask, Lanes};

impl<V: Lanes> Lfo<V> {
    /// The waves at these places, which begin at frame `first` of the call.
    #[inline(always)]
    pub(super) fn draw(
        &self,
        wanted: Wanted,
        cycles: &mut [V::Bits; MAX_FRAMES],
        phases: &[V::Bits; MAX_FRAMES],
        first: usize,
        [shape, phase, width]: In<'_, V, 3>,
        out: &mut [V],
        gate: &mut [V],
    ) {
        let (one, half) = (V::splat(1.0), V::splat(0.5));
        let mut turns = [half; MAX_FRAMES];
        let turns = &mut turns[..out.len()];
        let places = cycles
            .iter_mut()
            .zip(phases.iter().copied())
            .zip(turns.iter_mut());
        if let (Some(offset), Some(width)) = (phase.constant(), width.constant()) {
            let (offset, (before, after)) = (offset.to_phase(), slopes(width));
            for ((cycle, phase), turn) in places {
                let place = Place::<V> {
                    cycle: *cycle,
                    phase,
                }
                .ahead(offset);
                *cycle = place.cycle;
                *turn = skew(V::from_phase(place.phase), width, before, after);
            }
        } else {
            for (frame, ((cycle, phase_now), turn)) in (first..).zip(places) {
                let place = Place::<V> {
                    cycle: *cycle,
                    phase: phase_now,
                }
                .ahead(phase.at(frame).to_phase());
                let width = width.at(frame);
                let (before, after) = slopes(width);
                *cycle = place.cycle;
                *turn = skew(V::from_phase(place.phase), width, before, after);
            }
        }
        if wanted.has(GATE) {
            for (gate, turn) in gate.iter_mut().zip(turns.iter()) {
                *gate = to_gate(turn.lt(half));
            }
        }
        if !wanted.has(OUT) {
            return;
        }

        let seeds = self
            .seeds
            .wrapping_add(self.resets.wrapping_mul(V::Bits::splat(0x632b_e5ab)));
        for (stretch, shape) in stretches(from(shape, first), turns.len()) {
            let (turns, cycles) = (&turns[stretch.clone()], &cycles[stretch.clone()]);
            let out = &mut out[stretch];
            match shape {
                0 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| sin_turns(turn),
                ),
                1 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| one - (turn - 0.5).abs() * 4.0,
                ),
                2 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| turn * 2.0 - 1.0,
                ),
                3 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| one - turn * 2.0,
                ),
                4 => draw_turns(
                    out,
                    turns,
                    #[inline(always)]
                    |turn| turn.lt(half).select(one, -one),
                ),
                5 => draw_cycles(
                    out,
                    cycles,
                    turns,
                    #[inline(always)]
                    |cycle| random::<V>(seeds, cycle),
                    #[inline(always)]
                    |here, _| here,
                ),
                _ => draw_cycles(
                    out,
                    cycles,
                    turns,
                    #[inline(always)]
                    |cycle| {
                        let next = cycle.wrapping_add(V::Bits::splat(1));
                        (random::<V>(seeds, cycle), random::<V>(seeds, next))
                    },
                    #[inline(always)]
                    |(here, there), turn| {
                        // Level at both ends, so that cycles join smoothly.
                        let way = turn * turn * (V::splat(3.0) - turn * 2.0);
                        (there - here).mul_add(way, here)
                    },
                ),
            }
        }
    }
}

/// How steep the halves of a cycle are whose middle lies at `width`.
#[inline(always)]
fn slopes<V: Lanes>(width: V) -> (V, V) {
    let (one, half) = (V::splat(1.0), V::splat(0.5));
    (
        half / width.max(V::splat(1e-6)),
        half / (one - width).max(V::splat(1e-6)),
    )
}

/// The same cycle with its middle moved to `width`.
#[inline(always)]
fn skew<V: Lanes>(phase: V, width: V, before: V, after: V) -> V {
    let late = (phase - width).mul_add(after, V::splat(0.5));
    phase
        .lt(width)
        .select(phase * before, late)
        .min(V::splat(1.0))
}

/// The random value of a cycle.
#[inline(always)]
fn random<V: Lanes>(seeds: V::Bits, cycle: V::Bits) -> V {
    bipolar::<V>(draw(seeds, cycle))
}

/// Draws a wave that is a function of where in its cycle it is.
#[inline(always)]
fn draw_turns<V: Lanes>(out: &mut [V], turns: &[V], wave: impl Fn(V) -> V) {
    for (out, turn) in out.iter_mut().zip(turns) {
        *out = wave(*turn);
    }
}

/// Draws a wave that is also a function of its cycle. What `known` finds out about a cycle is found
/// out once where all frames lie in the same one, as they mostly do.
#[inline(always)]
fn draw_cycles<V: Lanes, K: Copy>(
    out: &mut [V],
    cycles: &[V::Bits],
    turns: &[V],
    known: impl Fn(V::Bits) -> K,
    wave: impl Fn(K, V) -> V,
) {
    let Some(first) = cycles.first() else {
        return;
    };
    let mut moved = V::Bits::splat(0);
    for cycle in cycles {
        moved = moved | (*cycle ^ *first);
    }
    if !V::from_signed(moved).abs().gt(V::splat(0.0)).any() {
        let known = known(*first);
        for (out, turn) in out.iter_mut().zip(turns) {
            *out = wave(known, *turn);
        }
        return;
    }
    for ((out, cycle), turn) in out.iter_mut().zip(cycles).zip(turns) {
        *out = wave(known(*cycle), *turn);
    }
}
