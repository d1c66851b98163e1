//! A triangle wave.

use crate::MAX_FRAMES;
use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::crossing::each;
use crate::kit::phasor::{Controls, Moving, Phasor, Steady, passed, sheet};
use crate::kit::settled::settled;
use crate::kit::step::Breaks;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, Spec, Voicing, unit};

/// The second output in the spec.
const SYNC: usize = 1;

/// The shortest time a flank takes, in frames. Shorter ones sound no different.
const SHORTEST: f32 = 0.5;

/// A peak that moves in one frame by more than this share of the way to the end of the cycle leaps.
const LEAP: f32 = 0.25;

/// Triangle oscillator with band-limited kinks.
///
/// The wave rises from phase 0 up to the symmetry and falls from there on.
pub struct Triangle<V: Lanes> {
    phasor: Phasor<V>,
    breaks: Breaks<V>,
    moving: Moving<V>,
    last_symmetry: V,
    /// Where the wave turned down in the last frame, and its slope there.
    last_peak: V,
    last_slope: V,
}

impl<V: Lanes> Module<V, 2, 5, 2> for Triangle<V> {
    const SPEC: Spec<2, 5, 2> = Spec {
        id: "triangle",
        name: "Triangle",
        category: Category::Oscillator,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "A mellow wave with odd harmonics; leaning, it turns into a saw.",
        inputs: [sheet::FM, sheet::SYNC],
        params: [
            sheet::PITCH,
            sheet::FINE,
            unit(
                "symmetry",
                0.01,
                0.99,
                0.5,
                "How much of the cycle the wave rises; 99 % is all but a saw.",
            ),
            sheet::START,
            sheet::FM_DEPTH,
        ],
        outputs: sheet::OUTPUTS,
    };

    fn new(setup: &Setup) -> Self {
        let none = V::splat(0.0);
        Triangle {
            phasor: Phasor::new(setup.sample_rate),
            breaks: Breaks::new(),
            moving: Moving::new(),
            last_symmetry: none,
            last_peak: none,
            last_slope: none,
        }
    }

    fn reset(&mut self) {
        self.phasor.reset();
        self.breaks.reset();
    }

    fn carry(&mut self, porter: &mut Porter) {
        self.phasor.carry(porter);
        self.breaks.carry(porter);
        porter.lane(&mut self.last_symmetry);
        porter.lane(&mut self.last_peak);
        porter.lane(&mut self.last_slope);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [fm, sync]: In<'_, V, 2>,
        [pitch, fine, symmetry, start, fm_depth]: In<'_, V, 5>,
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
        let symmetry = settled(symmetry);
        // Without closures: what runs in one is not sure to keep the instruction set.
        let mut steady = None;
        if let Some(symmetry) = symmetry.constant()
            && (self.phasor.is_fresh()
                || (symmetry - self.last_symmetry)
                    .abs()
                    .le(V::splat(0.0))
                    .all())
            && let Some(even) = self.phasor.steady(cx.frames, controls)
        {
            steady = Some((even, symmetry));
        }
        self.last_symmetry = symmetry.at(cx.frames.saturating_sub(1));
        match steady {
            Some((steady, symmetry)) => {
                if cx.wanted.has(SYNC) {
                    steady.write_sync(sync_out);
                }
                self.draw_steady(steady, symmetry, out);
            }
            None => {
                self.phasor.moving(cx.frames, controls, &mut self.moving);
                if cx.wanted.has(SYNC) {
                    self.moving.write_sync(sync_out);
                }
                self.draw_moving(symmetry, out);
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
    let up = (
        phase * rise * 2.0 - 1.0,
        rise * 2.0 * (step - phase * rise * drift),
    );
    let down = (
        V::splat(1.0) - past * fall * 2.0,
        fall * -2.0 * (step - drift + past * fall * drift),
    );
    [up, down]
}

/// Where the wave turns down, so that neither flank is too steep.
#[inline(always)]
fn peak<V: Lanes>(symmetry: V, step: V) -> V {
    let least = step.abs() * SHORTEST;
    symmetry.max(least).min(V::splat(1.0) - least)
}

/// How far a peak is from the nearer end of the cycle.
#[inline(always)]
fn room<V: Lanes>(peak: V) -> V {
    peak.min(V::splat(1.0) - peak)
}

/// Value and slope of the wave; see [`sides`].
#[inline(always)]
fn naive<V: Lanes>(phase: V::Bits, step: V, peak: V, drift: V) -> (V, V) {
    let (phase, past) = (
        V::from_phase(phase),
        V::from_phase(phase.wrapping_sub(peak.to_phase())),
    );
    let [up, down] = sides(phase, past, step, peak, drift);
    let rises = phase.lt(past);
    (rises.select(up.0, down.0), rises.select(up.1, down.1))
}

/// The lanes that went past the peak since the frame before, as the peak moved from `was` to `is`.
#[inline(always)]
fn highs<V: Lanes>(moving: &Moving<V>, frame: usize, was: V, is: V) -> V::Mask {
    let from = V::from_phase(moving.previous(frame).wrapping_sub(was.to_phase()));
    let to = V::from_phase(moving.phases[frame].wrapping_sub(is.to_phase()));
    passed(from, moving.steps[frame] - (is - was), to)
}

impl<V: Lanes> Triangle<V> {
    #[inline(always)]
    fn draw_steady(&mut self, steady: Steady<V>, symmetry: V, out: &mut [V]) {
        let (increment, peak) = (steady.step.to_phase(), peak(symmetry, steady.step));
        let (none, late) = (V::splat(0.0), V::splat(-self.breaks.delay()));
        steady.write(
            out,
            #[inline(always)]
            |phase| {
                let (value, slope) = naive(phase, steady.step, peak, none);
                slope.mul_add(late, value)
            },
        );
        let frames = V::Bits::splat(out.len() as u32);
        let phase = steady.before.wrapping_add(increment.wrapping_mul(frames));
        self.last_peak = peak;
        self.last_slope = naive(phase, steady.step, peak, none).1;
        if steady.first > 0 {
            let (value, slope) = naive(
                steady.before.wrapping_add(increment),
                steady.step,
                peak,
                none,
            );
            self.breaks.start(value, slope);
        }
        let offset = peak.to_phase();
        let may_pass =
            steady.may_pass(V::Bits::splat(0), out.len()) | steady.may_pass(offset, out.len());
        each(
            may_pass,
            #[inline(always)]
            |lane| {
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
            },
        );
    }

    #[inline(always)]
    fn draw_moving(&mut self, symmetry: Signal<'_, V>, out: &mut [V]) {
        let (none, late) = (V::splat(0.0), V::splat(-self.breaks.delay()));
        let frames = out.len().min(MAX_FRAMES);
        let Some(last) = frames.checked_sub(1) else {
            return;
        };
        // Where the wave turns down at each frame and one frame before, and where on its way from there.
        let mut peaks = [none; MAX_FRAMES];
        let mut before = [self.last_peak; MAX_FRAMES];
        let mut starts = [none; MAX_FRAMES];
        // The slope at each frame, and its change one frame before.
        let mut slopes = [none; MAX_FRAMES];
        let mut changes = [none; MAX_FRAMES];
        for (frame, (at, step)) in peaks
            .iter_mut()
            .zip(&self.moving.steps)
            .take(frames)
            .enumerate()
        {
            *at = peak(symmetry.at(frame), *step);
        }
        before[1..frames].copy_from_slice(&peaks[..last]);
        if self.moving.first > 0 {
            before[0] = peaks[0];
        }
        for frame in 0..frames {
            let (was, is) = (before[frame], peaks[frame]);
            let leaps = (is - was).abs().gt(room(was).min(room(is)) * LEAP);
            starts[frame] = leaps.select(is, was);
            let (phase, step) = (self.moving.phases[frame], self.moving.steps[frame]);
            let (value, slope) = naive(phase, step, is, is - starts[frame]);
            out[frame] = slope.mul_add(late, value);
            slopes[frame] = slope;
        }
        let mut last_slope = self.last_slope;
        for frame in 0..frames {
            let drift = peaks[frame] - starts[frame];
            changes[frame] = naive(
                self.moving.previous(frame),
                self.moving.steps[frame],
                starts[frame],
                drift,
            )
            .1 - last_slope;
            last_slope = slopes[frame];
        }
        (self.last_peak, self.last_slope) = (peaks[last], last_slope);
        if self.moving.first > 0 {
            let (value, slope) = naive(self.moving.phases[0], self.moving.steps[0], peaks[0], none);
            self.breaks.start(value, slope);
        }
        let events = self.moving.events(
            frames,
            #[inline(always)]
            |frame| {
                let highs = highs(&self.moving, frame, starts[frame], peaks[frame]);
                let leaps = (starts[frame] - before[frame]).abs().gt(none);
                (self.breaks.is_sudden(changes[frame]) | highs | leaps).any()
            },
        );
        each(
            events,
            #[inline(always)]
            |frame| {
                let leaping = (starts[frame] - before[frame]).abs().gt(none);
                if leaping.any() {
                    let (phase, step) = (self.moving.previous(frame), self.moving.steps[frame]);
                    let leap = naive(phase, step, starts[frame], none).0
                        - naive(phase, step, before[frame], none).0;
                    for lane in (0..V::COUNT).filter(|lane| leaping.lane(*lane)) {
                        self.breaks.jump(frame, lane, 1.0, leap.lane(lane));
                    }
                }
                self.breaks.turn(frame, changes[frame]);
                let (was, is) = (starts[frame], peaks[frame]);
                let highs = highs(&self.moving, frame, was, is).bits();
                each(
                    self.moving.breaks(frame) | highs,
                    #[inline(always)]
                    |lane| self.lane_breaks(frame, lane, was.lane(lane), is.lane(lane)),
                );
            },
        );
    }

    #[inline(always)]
    fn lane_breaks(&mut self, frame: usize, lane: usize, was: f32, is: f32) {
        let moving = &self.moving;
        let (stretch, after) = moving.stretches(frame, lane);
        let (drift, step) = (is - was, moving.steps[frame].lane(lane));
        let peak_at = |age: f32| is - drift * age;
        let (offset, between) = (turns_to_phase(was), turns_to_phase(peak_at(stretch.end)));
        let moved = i64::from(between) - i64::from(offset);
        let (low, high) = (
            |(_, age): (f32, f32)| (age, bend(step, peak_at(age))),
            |(_, age): (f32, f32)| (age, -bend(step - drift, peak_at(age))),
        );
        for (age, change) in stretch
            .passes(0, 0)
            .map(low)
            .chain(stretch.passes(offset, moved).map(high))
        {
            self.breaks.kink(frame, lane, age, change);
        }
        if let Some(after) = after {
            let peak = peak_at(after.begin);
            let side = |phase: u32| -> (f32, f32) {
                let (rise, fall) = (1.0 / peak, 1.0 / (1.0 - peak));
                let past = phase.wrapping_sub(between);
                let (low, high) = (phase_to_turns(phase), phase_to_turns(past));
                if phase < between {
                    (
                        low * rise * 2.0 - 1.0,
                        rise * 2.0 * (step - low * rise * drift),
                    )
                } else {
                    (
                        1.0 - high * fall * 2.0,
                        fall * -2.0 * (step - drift + high * fall * drift),
                    )
                }
            };
            let (old, new) = (side(stretch.to()), side(after.from));
            self.breaks.jump(frame, lane, after.begin, new.0 - old.0);
            self.breaks.kink(frame, lane, after.begin, new.1 - old.1);
            let moved = i64::from(turns_to_phase(is)) - i64::from(between);
            for (age, change) in after
                .passes(0, 0)
                .map(low)
                .chain(after.passes(between, moved).map(high))
            {
                self.breaks.kink(frame, lane, age, change);
            }
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
