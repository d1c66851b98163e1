//! A pulse wave.

use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::phasor::{Controls, Moving, Phasor, Steady, passed, signed};
use crate::kit::settled::settled;
use crate::kit::step::Breaks;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::spec::{Category, Spec, Voicing, audio, cents, modulation, number, octaves, phase, unit};

/// Pulse oscillator with band-limited steps.
///
/// The wave is high from phase 0 up to the width and low from there on; its mean is taken off. The
/// second step is a whole turn of the phase less the width, so the width may move as fast as it likes.
pub struct Pulse<V: Lanes> {
    phasor: Phasor<V>,
    breaks: Breaks<V>,
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
        inputs: [
            modulation("fm", "Linear frequency modulation."),
            audio("sync", "Restarts the wave at every rise through 0."),
        ],
        params: [
            octaves("pitch", -6.0, 6.0, 0.0, "Pitch in octaves from middle C."),
            cents("fine", -100.0, 100.0, 0.0, "Fine tuning."),
            unit("width", 0.01, 0.99, 0.5, "How much of the cycle the wave is high; 50 % is a square."),
            phase("phase", 0.0, "Where in its cycle the wave starts."),
            number("fm-depth", 0.0, 8.0, 1.0, "How far the fm input bends the frequency: 1 is up to twice and down to nought."),
        ],
        outputs: [
            audio("out", "The wave."),
            audio("sync", "Rises through 0 once a cycle, for the sync input of another oscillator."),
        ],
    };

    fn new(setup: &Setup) -> Self {
        Pulse { phasor: Phasor::new(setup.sample_rate), breaks: Breaks::new(), last_width: V::splat(-1.0) }
    }

    fn reset(&mut self) {
        self.phasor.reset();
        self.breaks.reset();
        self.last_width = V::splat(-1.0);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [fm, sync]: In<'_, V, 2>,
        [pitch, fine, width, start, fm_depth]: In<'_, V, 5>,
        [out, sync_out]: Out<'_, V, 2>,
    ) {
        let controls = Controls { pitch, fine, start, fm, fm_depth, sync };
        let width = settled(width);
        if self.last_width.lt(V::splat(0.0)).any() {
            self.last_width = width.at(0);
        }
        let still = width.constant().filter(|width| {
            let moved = (*width - self.last_width).abs();
            moved.le(V::splat(0.0)).all()
        });
        let steady = still.and_then(|width| Some((self.phasor.steady(cx.frames, controls)?, width)));
        match steady {
            Some((steady, width)) => self.draw_steady(steady, width, out, sync_out),
            None => {
                let moving = self.phasor.moving(cx.frames, controls);
                self.draw_moving(&moving, width, out, sync_out);
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

impl<V: Lanes> Pulse<V> {
    #[inline(always)]
    fn draw_steady(&mut self, steady: Steady<V>, width: V, out: &mut [V], sync: &mut [V]) {
        let increment = steady.step.to_phase();
        let mut phase = steady.before;
        for (out, sync) in out.iter_mut().zip(sync.iter_mut()) {
            phase = phase.wrapping_add(increment);
            *out = naive(phase, width);
            *sync = signed(phase);
        }
        let width = width.to_phase();
        for lane in 0..V::COUNT {
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
                    self.breaks.jump(pass.frame, lane, pass.age, 2.0 * pass.direction);
                    rise = rises.next(out.len());
                } else if let Some(pass) = fall {
                    self.breaks.jump(pass.frame, lane, pass.age, -2.0 * pass.direction);
                    fall = falls.next(out.len());
                } else {
                    break;
                }
            }
        }
    }

    #[inline(always)]
    fn draw_moving(&mut self, moving: &Moving<V>, width: Signal<'_, V>, out: &mut [V], sync: &mut [V]) {
        for (frame, (out, sync)) in out.iter_mut().zip(sync.iter_mut()).enumerate() {
            *out = naive(moving.phases[frame], width.at(frame));
            *sync = signed(moving.phases[frame]);
        }
        for frame in 0..out.len() {
            let (was, is) = (self.last_width, width.at(frame));
            self.last_width = is;
            if frame < moving.first {
                continue;
            }
            let from = V::from_phase(moving.previous(frame).wrapping_sub(was.to_phase()));
            let to = V::from_phase(moving.phases[frame].wrapping_sub(is.to_phase()));
            let breaks = moving.breaks(frame) | passed(from, moving.steps[frame] - (is - was), to);
            if !breaks.any() {
                continue;
            }
            let (was, is) = (was.to_phase(), is.to_phase());
            for lane in (0..V::COUNT).filter(|lane| breaks.lane(*lane)) {
                self.lane_breaks(moving, frame, lane, was.lane(lane), is.lane(lane));
            }
        }
    }

    #[inline(always)]
    fn lane_breaks(&mut self, moving: &Moving<V>, frame: usize, lane: usize, was: u32, is: u32) {
        let (stretch, after) = moving.stretches(frame, lane);
        let drift = i64::from(is) - i64::from(was);
        let late_drift = (drift as f32 * stretch.end) as i64;
        let between = is.wrapping_sub(late_drift as u32);
        stretch.passes(0, 0, |direction, age| self.breaks.jump(frame, lane, age, 2.0 * direction));
        stretch.passes(was, drift - late_drift, |direction, age| self.breaks.jump(frame, lane, age, -2.0 * direction));
        if let Some(after) = after {
            let size = match (stretch.to() < between, after.from < between) {
                (false, true) => 2.0,
                (true, false) => -2.0,
                _ => 0.0,
            };
            self.breaks.jump(frame, lane, after.begin, size);
            after.passes(0, 0, |direction, age| self.breaks.jump(frame, lane, age, 2.0 * direction));
            after.passes(between, late_drift, |direction, age| self.breaks.jump(frame, lane, age, -2.0 * direction));
        }
    }
}
