//! A triangle wave.

use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::phasor::{Controls, Moving, Phasor, Steady, passed, signed};
use crate::kit::settled::settled;
use crate::kit::step::Breaks;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::spec::{Category, Spec, Voicing, audio, cents, modulation, number, octaves, phase, unit};

/// Triangle oscillator with band-limited kinks.
///
/// The wave rises from phase 0 up to the symmetry and falls from there on.
pub struct Triangle<V: Lanes> {
    phasor: Phasor<V>,
    breaks: Breaks<V>,
    last_peak: V,
}

impl<V: Lanes> Module<V, 2, 5, 2> for Triangle<V> {
    const SPEC: Spec<2, 5, 2> = Spec {
        id: "triangle",
        name: "Triangle",
        category: Category::Oscillator,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "A mellow wave with odd harmonics; leaning, it turns into a saw.",
        inputs: [
            modulation("fm", "Linear frequency modulation."),
            audio("sync", "Restarts the wave at every rise through 0."),
        ],
        params: [
            octaves("pitch", -6.0, 6.0, 0.0, "Pitch in octaves from middle C."),
            cents("fine", -100.0, 100.0, 0.0, "Fine tuning."),
            unit("symmetry", 0.01, 0.99, 0.5, "How much of the cycle the wave rises; 99 % is all but a saw."),
            phase("phase", 0.0, "Where in its cycle the wave starts."),
            number("fm-depth", 0.0, 8.0, 1.0, "How far the fm input bends the frequency: 1 is up to twice and down to nought."),
        ],
        outputs: [
            audio("out", "The wave."),
            audio("sync", "Rises through 0 once a cycle, for the sync input of another oscillator."),
        ],
    };

    fn new(setup: &Setup) -> Self {
        Triangle { phasor: Phasor::new(setup.sample_rate), breaks: Breaks::new(), last_peak: V::splat(-1.0) }
    }

    fn reset(&mut self) {
        self.phasor.reset();
        self.breaks.reset();
        self.last_peak = V::splat(-1.0);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [fm, sync]: In<'_, V, 2>,
        [pitch, fine, symmetry, start, fm_depth]: In<'_, V, 5>,
        [out, sync_out]: Out<'_, V, 2>,
    ) {
        let controls = Controls { pitch, fine, start, fm, fm_depth, sync };
        let peak = settled(symmetry);
        if self.last_peak.lt(V::splat(0.0)).any() {
            self.last_peak = peak.at(0);
        }
        let still = peak.constant().filter(|peak| {
            let moved = (*peak - self.last_peak).abs();
            moved.le(V::splat(0.0)).all()
        });
        let steady = still.and_then(|peak| Some((self.phasor.steady(cx.frames, controls)?, peak)));
        match steady {
            Some((steady, peak)) => self.draw_steady(steady, peak, out, sync_out),
            None => {
                let moving = self.phasor.moving(cx.frames, controls);
                self.draw_moving(&moving, peak, out, sync_out);
            }
        }
        self.breaks.correct(out);
    }
}

/// Value and slope per frame on both sides of the peak. `peak` moved by `drift` since the frame
/// before, the phase by `step`; `phase` counts from the low point, `past` from the peak.
#[inline(always)]
fn sides<V: Lanes>(phase: V, past: V, step: V, peak: V, drift: V) -> [(V, V); 2] {
    let (rise, fall) = (V::splat(1.0) / peak, V::splat(1.0) / (V::splat(1.0) - peak));
    let up = (phase * rise * 2.0 - 1.0, rise * 2.0 * (step - phase * rise * drift));
    let down = (V::splat(1.0) - past * fall * 2.0, fall * -2.0 * (step - drift + past * fall * drift));
    [up, down]
}

impl<V: Lanes> Triangle<V> {
    #[inline(always)]
    fn naive(&self, phase: V::Bits, step: V, peak: V, drift: V) -> V {
        let (phase, past) = (V::from_phase(phase), V::from_phase(phase.wrapping_sub(peak.to_phase())));
        let [up, down] = sides(phase, past, step, peak, drift);
        let late = V::splat(-self.breaks.delay());
        let rises = phase.lt(past);
        rises.select(up.1, down.1).mul_add(late, rises.select(up.0, down.0))
    }

    #[inline(always)]
    fn draw_steady(&mut self, steady: Steady<V>, peak: V, out: &mut [V], sync: &mut [V]) {
        let increment = steady.step.to_phase();
        let mut phase = steady.before;
        for (out, sync) in out.iter_mut().zip(sync.iter_mut()) {
            phase = phase.wrapping_add(increment);
            *out = self.naive(phase, steady.step, peak, V::splat(0.0));
            *sync = signed(phase);
        }
        let offset = peak.to_phase();
        for lane in 0..V::COUNT {
            let change = bend(steady.step.lane(lane), peak.lane(lane));
            let mut lows = steady.passes(lane, 0);
            let mut highs = steady.passes(lane, offset.lane(lane));
            let (mut low, mut high) = (lows.next(out.len()), highs.next(out.len()));
            // In order of time, so that sums do not depend on the cuts between calls.
            loop {
                let low_is_next = match (low, high) {
                    (Some(low), Some(high)) => low.frame <= high.frame,
                    (low, _) => low.is_some(),
                };
                if let (true, Some(pass)) = (low_is_next, low) {
                    self.breaks.kink(pass.frame, lane, pass.age, change);
                    low = lows.next(out.len());
                } else if let Some(pass) = high {
                    self.breaks.kink(pass.frame, lane, pass.age, -change);
                    high = highs.next(out.len());
                } else {
                    break;
                }
            }
        }
    }

    #[inline(always)]
    fn draw_moving(&mut self, moving: &Moving<V>, peak: Signal<'_, V>, out: &mut [V], sync: &mut [V]) {
        for (frame, (out, sync)) in out.iter_mut().zip(sync.iter_mut()).enumerate() {
            let (was, is) = (self.last_peak, peak.at(frame));
            self.last_peak = is;
            let (drift, step) = (is - was, moving.steps[frame]);
            *out = self.naive(moving.phases[frame], step, is, drift);
            *sync = signed(moving.phases[frame]);
            if frame < moving.first {
                continue;
            }
            let from = V::from_phase(moving.previous(frame).wrapping_sub(was.to_phase()));
            let to = V::from_phase(moving.phases[frame].wrapping_sub(is.to_phase()));
            let breaks = moving.breaks(frame) | passed(from, step - drift, to);
            if !breaks.any() {
                continue;
            }
            for lane in (0..V::COUNT).filter(|lane| breaks.lane(*lane)) {
                self.lane_breaks(moving, frame, lane, was.lane(lane), is.lane(lane));
            }
        }
    }

    #[inline(always)]
    fn lane_breaks(&mut self, moving: &Moving<V>, frame: usize, lane: usize, was: f32, is: f32) {
        let (stretch, after) = moving.stretches(frame, lane);
        let (drift, step) = (is - was, moving.steps[frame].lane(lane));
        let peak_at = |age: f32| is - drift * age;
        let (offset, between) = (turns_to_phase(was), turns_to_phase(peak_at(stretch.end)));
        let moved = i64::from(between) - i64::from(offset);
        let lows = |breaks: &mut Breaks<V>, age: f32| {
            breaks.kink(frame, lane, age, bend(step, peak_at(age)));
        };
        let highs = |breaks: &mut Breaks<V>, age: f32| {
            breaks.kink(frame, lane, age, -bend(step - drift, peak_at(age)));
        };
        stretch.passes(0, 0, |_, age| lows(&mut self.breaks, age));
        stretch.passes(offset, moved, |_, age| highs(&mut self.breaks, age));
        if let Some(after) = after {
            let peak = peak_at(after.begin);
            let side = |phase: u32| -> (f32, f32) {
                let (rise, fall) = (1.0 / peak, 1.0 / (1.0 - peak));
                let past = phase.wrapping_sub(between);
                let (low, high) = (phase_to_turns(phase), phase_to_turns(past));
                if phase < between {
                    (low * rise * 2.0 - 1.0, rise * 2.0 * (step - low * rise * drift))
                } else {
                    (1.0 - high * fall * 2.0, fall * -2.0 * (step - drift + high * fall * drift))
                }
            };
            let (old, new) = (side(stretch.to()), side(after.from));
            self.breaks.jump(frame, lane, after.begin, new.0 - old.0);
            self.breaks.kink(frame, lane, after.begin, new.1 - old.1);
            let moved = i64::from(turns_to_phase(is)) - i64::from(between);
            after.passes(0, 0, |_, age| lows(&mut self.breaks, age));
            after.passes(between, moved, |_, age| highs(&mut self.breaks, age));
        }
    }
}

/// How much the slope changes where the wave turns, for a break passed at `speed` turns a frame.
/// Backwards the slopes swap both place and sign, which makes the same change.
#[inline(always)]
fn bend(speed: f32, peak: f32) -> f32 {
    2.0 * speed.abs() * (1.0 / peak + 1.0 / (1.0 - peak))
}

#[inline(always)]
fn turns_to_phase(turns: f32) -> u32 {
    (turns * 4_294_967_296.0) as u32
}

#[inline(always)]
fn phase_to_turns(phase: u32) -> f32 {
    (phase >> 8) as f32 * (1.0 / 16_777_216.0)
}
