//! A pulse wave.

use crate::MAX_FRAMES;
use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::crossing::each;
use crate::kit::phasor::{Controls, Moving, Phasor, Steady, Stretch, passed, sheet};
use crate::kit::settled::settled;
use crate::kit::step::Breaks;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, Spec, Voicing, unit};

/// The second output in the spec.
const SYNC: usize = 1;

/// Pulse oscillator with band-limited steps.
///
/// The wave is high from phase 0 up to the width and low from there on; its mean is taken off. The
/// second step is a whole turn of the phase less the width, so the width may move as fast as it likes.
pub struct Pulse<V: Lanes> {
    phasor: Phasor<V>,
    breaks: Breaks<V>,
    moving: Moving<V>,
    last_width: V,
}

impl<V: Lanes> Module<V, 2, 5, 2> for Pulse<V> {
    const SPEC: Spec<2, 5, 2> = Spec {
        id: "pulse",
        name: "Pulse",
        category: Category::Oscillator,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "A square or narrower wave, free of aliases.",
        inputs: [sheet::FM, sheet::SYNC],
        params: [
            sheet::PITCH,
            sheet::FINE,
            unit(
                "width",
                0.01,
                0.99,
                0.5,
                "How much of the cycle the wave is high; 50 % is a square.",
            ),
            sheet::START,
            sheet::FM_DEPTH,
        ],
        outputs: sheet::OUTPUTS,
    };

    fn new(setup: &Setup) -> Self {
        Pulse {
            phasor: Phasor::new(setup.sample_rate),
            breaks: Breaks::new(),
            moving: Moving::new(),
            last_width: V::splat(0.0),
        }
    }

    fn reset(&mut self) {
        self.phasor.reset();
        self.breaks.reset();
    }

    fn carry(&mut self, porter: &mut Porter) {
        self.phasor.carry(porter);
        self.breaks.carry(porter);
        porter.lane(&mut self.last_width);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [fm, sync]: In<'_, V, 2>,
        [pitch, fine, width, start, fm_depth]: In<'_, V, 5>,
        [out, sync_out]: Out<'_, V, 2>,
    ) {
        let controls = Controls {
            pitch,
            fine,
            start,
            fm,
            fm_depth,
            sync,
        };
        let width = settled(width);
        // Without closures: what runs in one is not sure to keep the instruction set.
        let mut steady = None;
        if let Some(width) = width.constant()
            && (self.phasor.is_fresh() || (width - self.last_width).abs().le(V::splat(0.0)).all())
            && let Some(even) = self.phasor.steady(cx.frames, controls)
        {
            steady = Some((even, width));
        }
        match steady {
            Some((steady, width)) => {
                if cx.wanted.has(SYNC) {
                    steady.write_sync(sync_out);
                }
                self.draw_steady(steady, width, out);
            }
            None => {
                self.phasor.moving(cx.frames, controls, &mut self.moving);
                if cx.wanted.has(SYNC) {
                    self.moving.write_sync(sync_out);
                }
                self.draw_moving(width, out);
            }
        }
        self.breaks.correct(out);
    }
}

/// The wave itself, less its mean.
#[inline(always)]
fn naive<V: Lanes>(phase: V::Bits, width: V) -> V {
    let high = V::from_phase(phase).lt(V::from_phase(phase.wrapping_sub(width.to_phase())));
    high.select(V::splat(2.0), V::splat(0.0)) - width * 2.0
}

/// The lanes that went past the end of the width since the frame before, when the width was `was`.
#[inline(always)]
fn falls<V: Lanes>(moving: &Moving<V>, frame: usize, was: V, is: V) -> V::Mask {
    let from = V::from_phase(moving.previous(frame).wrapping_sub(was.to_phase()));
    let to = V::from_phase(moving.phases[frame].wrapping_sub(is.to_phase()));
    passed(from, moving.steps[frame] - (is - was), to)
}

impl<V: Lanes> Pulse<V> {
    #[inline(always)]
    fn draw_steady(&mut self, steady: Steady<V>, width: V, out: &mut [V]) {
        steady.write(
            out,
            #[inline(always)]
            |phase| naive(phase, width),
        );
        self.last_width = width;
        let width = width.to_phase();
        let may_pass =
            steady.may_pass(V::Bits::splat(0), out.len()) | steady.may_pass(width, out.len());
        each(
            may_pass,
            #[inline(always)]
            |lane| {
                let mut rises = steady.passes(lane, 0);
                let mut falls = steady.passes(lane, width.lane(lane));
                let (mut rise, mut fall) = (rises.next(out.len()), falls.next(out.len()));
                // In order of time, so that sums do not depend on the cuts between calls.
                loop {
                    let rise_is_next = match (rise, fall) {
                        (Some(rise), Some(fall)) => rise.frame <= fall.frame,
                        (rise, _) => rise.is_some(),
                    };
                    if let (true, Some(pass)) = (rise_is_next, rise) {
                        self.breaks
                            .jump(pass.frame, lane, pass.age, 2.0 * pass.direction);
                        rise = rises.next(out.len());
                    } else if let Some(pass) = fall {
                        self.breaks
                            .jump(pass.frame, lane, pass.age, -2.0 * pass.direction);
                        fall = falls.next(out.len());
                    } else {
                        break;
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn draw_moving(&mut self, width: Signal<'_, V>, out: &mut [V]) {
        for (frame, (out, phase)) in out.iter_mut().zip(&self.moving.phases).enumerate() {
            *out = naive(*phase, width.at(frame));
        }
        let Some(last) = out.len().checked_sub(1) else {
            return;
        };
        // The width one frame before each, so that frames can be looked at in any order.
        let mut before = [self.last_width; MAX_FRAMES];
        if self.moving.first > 0 {
            before[0] = width.at(0);
        }
        for (frame, before) in before.iter_mut().enumerate().skip(1).take(last) {
            *before = width.at(frame - 1);
        }
        self.last_width = width.at(last);
        let events = self.moving.events(
            out.len(),
            #[inline(always)]
            |frame| falls(&self.moving, frame, before[frame], width.at(frame)).any(),
        );
        each(
            events,
            #[inline(always)]
            |frame| {
                let (was, is) = (before[frame], width.at(frame));
                let falls = falls(&self.moving, frame, was, is).bits();
                let (was, is) = (was.to_phase(), is.to_phase());
                each(
                    self.moving.breaks(frame) | falls,
                    #[inline(always)]
                    |lane| self.lane_breaks(frame, lane, was.lane(lane), is.lane(lane)),
                );
            },
        );
    }

    #[inline(always)]
    fn lane_breaks(&mut self, frame: usize, lane: usize, was: u32, is: u32) {
        let moving = &self.moving;
        let (stretch, after) = moving.stretches(frame, lane);
        let drift = i64::from(is) - i64::from(was);
        let late_drift = (drift as f32 * stretch.end) as i64;
        let between = is.wrapping_sub(late_drift as u32);
        self.edges(frame, lane, stretch, was, drift - late_drift);
        if let Some(after) = after {
            let size = match (stretch.to() < between, after.from < between) {
                (false, true) => 2.0,
                (true, false) => -2.0,
                _ => 0.0,
            };
            self.breaks.jump(frame, lane, after.begin, size);
            self.edges(frame, lane, after, between, late_drift);
        }
    }

    /// What a phase passes on one stretch, with the width at its begin and how far that moves.
    #[inline(always)]
    fn edges(&mut self, frame: usize, lane: usize, stretch: Stretch, width: u32, drift: i64) {
        let rises = stretch
            .passes(0, 0)
            .map(|(direction, age)| (age, 2.0 * direction));
        let falls = stretch
            .passes(width, drift)
            .map(|(direction, age)| (age, -2.0 * direction));
        for (age, size) in rises.chain(falls) {
            self.breaks.jump(frame, lane, age, size);
        }
    }
}
