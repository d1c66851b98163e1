//! The running phase of an oscillator: pitch, linear frequency modulation and hard sync.
//!
//! Phases are integers of 2^32 steps a turn. They add without rounding, so a voice stays in tune,
//! and a passed whole turn is known exactly and between two frames.

mod gliding;
mod moving;
pub mod sheet;
mod steady;

use crate::MAX_FRAMES;
use crate::contract::{Shared, Signal};
use crate::kit::crossing::Rises;
use crate::kit::math::{MIDDLE_C, exp2, polynomial};
use crate::kit::settled::{any_differ, settled};
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;

pub use self::gliding::Gliding;
use self::moving::Restarts;
pub use self::moving::{Moving, Stretch};
pub use self::steady::{Passes, Steady};

/// Steps of a phase in a turn.
const PHASES: f32 = 4_294_967_296.0;
/// More than the difference of two steps can be off by.
const ROUNDING: f32 = 1e-6;
/// Turns of a phase in one of its 2^32 steps.
const STEP: f32 = 1.0 / 4_294_967_296.0;
/// The most turns a frame; just below half the sample rate.
const FASTEST: f32 = 0.49;
/// Frames that have a bit each in one lane of bits.
const HALF: usize = 32;
/// The bit that tells a negative number.
const SIGN: u32 = 1 << 31;

/// The frames that have their bits in one lane of bits, and those after them, if there are any.
// Not by `chunks_mut`, for which the processor divides.
#[inline(always)]
fn halves<T>(frames: &mut [T]) -> impl Iterator<Item = &mut [T]> {
    let (first, second) = frames.split_at_mut(frames.len().min(HALF));
    [first, second].into_iter().filter(
        #[inline(always)]
        |half| !half.is_empty(),
    )
}

/// The ratio of frequencies that so many cents make, relative error below 1e-7 within ±100: Taylor's
/// series, which is short so near to 0. The fine tuning mostly moves alone, and then the pitch's own
/// power of 2 waits for nothing.
#[inline(always)]
fn tuning<V: Lanes>(cents: V) -> V {
    polynomial(
        cents * (1.0 / 1200.0),
        [
            1.0,
            core::f32::consts::LN_2,
            0.240_226_5,
            0.055_504_11,
            0.009_618_129,
        ],
    )
}

/// What moves a phase.
#[derive(Clone, Copy)]
pub struct Controls<'a, V> {
    /// Octaves from middle C.
    pub pitch: Signal<'a, V>,
    /// Cents added to it.
    pub fine: Signal<'a, V>,
    /// The phase after a reset, in turns.
    pub start: Signal<'a, V>,
    /// Frequency modulation: the frequency is multiplied by 1 + `fm_depth` * `fm`.
    pub fm: Signal<'a, V>,
    /// See `fm`.
    pub fm_depth: Signal<'a, V>,
    /// A rise through 0 restarts the phase, at its moment between two frames.
    pub sync: Signal<'a, V>,
}

/// The phase of every lane.
pub struct Phasor<V: Lanes> {
    phase: V::Bits,
    last_step: V,
    sync: Rises<V>,
    fresh: bool,
    /// The movement of the last call, if it was even and the next one goes on with it unless one of its
    /// controls moves.
    even: Option<Even<V>>,
    /// Turns a frame of middle C.
    middle_c: f32,
}

/// An even movement.
#[derive(Clone, Copy)]
struct Even<V: Lanes> {
    /// Pitch, fine tuning, modulation, its depth, and sync.
    controls: [V; 5],
    /// Turns a frame.
    step: V,
    /// The same as a phase.
    increment: V::Bits,
}

/// The frames, as bits, whose breaks are these, of one lane.
#[inline(always)]
fn lane_breaks<V: Lanes>([first, others]: &[V::Bits; 2], lane: usize) -> u64 {
    u64::from(first.lane(lane)) | u64::from(others.lane(lane)) << HALF
}

impl<V: Lanes> Phasor<V> {
    /// A phase that has yet to start.
    pub fn new(sample_rate: f32) -> Self {
        Phasor {
            phase: V::Bits::splat(0),
            last_step: V::splat(0.0),
            sync: Rises::from(V::splat(0.0)),
            fresh: true,
            even: None,
            middle_c: (f64::from(MIDDLE_C) / f64::from(sample_rate)) as f32,
        }
    }

    /// Back to before the start.
    pub fn reset(&mut self) {
        self.fresh = true;
        self.even = None;
    }

    /// See [`crate::contract::Module::carry`].
    pub fn carry(&mut self, porter: &mut Porter) {
        porter.bits(&mut self.phase);
        porter.lane(&mut self.last_step);
        self.sync.carry(porter);
        porter.forget(&mut self.even);
        // Voices start together; one that comes to others that have started does not make them start anew.
        let mut fresh = self.fresh;
        porter.own(&mut fresh);
        self.fresh = fresh && (V::COUNT == 1 || self.fresh);
    }

    /// Whether the phase has yet to start.
    #[inline(always)]
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Turns a frame at a pitch in octaves from middle C.
    #[inline(always)]
    fn untuned(&self, pitch: V) -> V {
        exp2(pitch) * self.middle_c
    }

    #[inline(always)]
    fn base(&self, pitch: V, fine: V) -> V {
        self.untuned(pitch) * tuning(fine)
    }

    /// Starts a fresh phase so that its first frame is `start`. Gives the first frame with a past.
    #[inline(always)]
    fn begin(&mut self, start: V, step: V, sync: V) -> usize {
        if !self.fresh {
            return 0;
        }
        self.fresh = false;
        self.phase = start.to_phase().wrapping_sub(step.to_phase());
        self.last_step = step;
        self.sync = Rises::from(sync);
        1
    }

    /// Moves on by a call if the phase moves evenly in it; does nothing and gives `None` otherwise.
    #[inline(always)]
    pub fn steady(&mut self, frames: usize, controls: Controls<'_, V>) -> Option<Steady<V>> {
        let fine = settled(controls.fine).constant()?;
        let fm = settled(controls.fm).constant()?;
        let fm_depth = settled(controls.fm_depth).constant()?;
        let sync = settled(controls.sync).constant()?;
        // Last, because it is the one that mostly comes as frames, and is all looked through.
        let pitch = settled(controls.pitch).constant()?;
        let values = [pitch, fine, fm, fm_depth, sync];
        let (even, first) = match self.even {
            Some(even) if !any_differ(&even.controls, &values) => (even, 0),
            _ => self.set_out(frames, values, controls.start)?,
        };
        let before = self.phase;
        let travel = even.increment.wrapping_mul(V::Bits::splat(frames as u32));
        self.phase = before.wrapping_add(travel);
        Some(Steady {
            before,
            step: even.step,
            increment: even.increment,
            first,
        })
    }

    /// Begins an even movement if it is one that goes on with the last step and without a rise of sync.
    /// Gives it with the first frame that has a past.
    #[inline(always)]
    fn set_out(
        &mut self,
        frames: usize,
        controls: [V; 5],
        start: Signal<'_, V>,
    ) -> Option<(Even<V>, usize)> {
        let [pitch, fine, fm, fm_depth, sync] = controls;
        if !self.fresh && self.sync.would_rise(sync) {
            return None;
        }
        let step = limited(self.base(pitch, fine) * modulation(fm, fm_depth), FASTEST);
        if !self.fresh && (step - self.last_step).abs().gt(V::splat(0.0)).any() {
            return None;
        }
        let first = self.begin(start.at(0), step, sync);
        self.sync.hold(sync, frames);
        let even = Even {
            controls,
            step,
            increment: step.to_phase(),
        };
        self.even = self.sync.stands_at(sync).then_some(even);
        Some((even, first))
    }

    /// Moves on by a call, whatever happens in it, and tells `moving`.
    #[inline(always)]
    pub fn moving(&mut self, frames: usize, controls: Controls<'_, V>, moving: &mut Moving<V>) {
        let Controls {
            pitch,
            fine,
            fm,
            fm_depth,
            ..
        } = controls;
        let frames = frames.min(MAX_FRAMES);
        let steps = &mut moving.steps[..frames];
        // A modulation that does not move is taken on the way. Times 1 and limited by nothing are exact.
        let (factor, most) = match (fm, fm_depth) {
            (Signal::Constant(fm), Signal::Constant(fm_depth)) => {
                (modulation(fm, fm_depth), FASTEST)
            }
            _ => (V::splat(1.0), f32::INFINITY),
        };
        match (settled(pitch), settled(fine)) {
            (Signal::Constant(pitch), Signal::Constant(fine)) => {
                steps.fill(limited(self.base(pitch, fine) * factor, most));
            }
            (Signal::Frames(pitch), Signal::Constant(fine)) => {
                let tuning = tuning(fine);
                for (step, pitch) in steps.iter_mut().zip(pitch) {
                    *step = limited(self.untuned(*pitch) * tuning * factor, most);
                }
            }
            (Signal::Constant(pitch), Signal::Frames(fine)) => {
                let untuned = self.untuned(pitch);
                for (step, fine) in steps.iter_mut().zip(fine) {
                    *step = limited(untuned * tuning(*fine) * factor, most);
                }
            }
            (Signal::Frames(pitch), Signal::Frames(fine)) => {
                for (step, (pitch, fine)) in steps.iter_mut().zip(pitch.iter().zip(fine)) {
                    *step = limited(self.base(*pitch, *fine) * factor, most);
                }
            }
        }
        self.follow(frames, controls, moving);
    }

    /// As [`Phasor::moving`], where all lanes share the fine tuning.
    #[inline(always)]
    pub fn moving_tuned(
        &mut self,
        frames: usize,
        fine: Shared<'_>,
        controls: Controls<'_, V>,
        moving: &mut Moving<V>,
    ) {
        let Controls {
            pitch,
            fm,
            fm_depth,
            ..
        } = controls;
        let frames = frames.min(MAX_FRAMES);
        let mut tunings = [0.0; MAX_FRAMES];
        fine.write(
            &mut tunings,
            #[inline(always)]
            |fine: V::Wide| tuning(fine),
        );
        let (factor, most) = match (fm, fm_depth) {
            (Signal::Constant(fm), Signal::Constant(fm_depth)) => {
                (modulation(fm, fm_depth), FASTEST)
            }
            _ => (V::splat(1.0), f32::INFINITY),
        };
        let steps = moving.steps[..frames].iter_mut().zip(&tunings);
        match settled(pitch) {
            Signal::Constant(pitch) => {
                let untuned = self.untuned(pitch);
                for (step, tuning) in steps {
                    *step = limited(untuned * V::splat(*tuning) * factor, most);
                }
            }
            Signal::Frames(pitch) => {
                for ((step, tuning), pitch) in steps.zip(pitch) {
                    let untuned = self.untuned(*pitch);
                    *step = limited(untuned * V::splat(*tuning) * factor, most);
                }
            }
        }
        self.follow(frames, controls, moving);
    }

    /// The rest of [`Phasor::moving`], once it is known how fast the pitch alone moves the phase.
    #[inline(always)]
    fn follow(&mut self, frames: usize, controls: Controls<'_, V>, moving: &mut Moving<V>) {
        let Controls {
            start,
            fm,
            fm_depth,
            sync,
            ..
        } = controls;
        self.even = None;
        moving.restarts = 0;
        moving.places = None;
        let steps = &mut moving.steps[..frames];
        match (fm, fm_depth) {
            (Signal::Constant(_), Signal::Constant(_)) => {}
            (Signal::Frames(fm), Signal::Constant(fm_depth)) => {
                for (step, fm) in steps.iter_mut().zip(fm) {
                    *step = limited(*step * modulation(*fm, fm_depth), FASTEST);
                }
            }
            (fm, fm_depth) => {
                for (frame, step) in steps.iter_mut().enumerate() {
                    let factor = modulation(fm.at(frame), fm_depth.at(frame));
                    *step = limited(*step * factor, FASTEST);
                }
            }
        }
        moving.first = self.begin(start.at(0), moving.steps[0], sync.at(0));
        moving.before = self.phase;
        moving.step_before = self.last_step;
        self.last_step = moving.steps[frames.saturating_sub(1)];
        match settled(sync) {
            Signal::Constant(value) if !self.sync.would_rise(value) => {
                self.sync.hold(value, frames);
                moving.run(frames);
            }
            sync => {
                let none = V::splat(-1.0);
                let places = moving.places.insert(Restarts {
                    ages: [none; MAX_FRAMES],
                    starts: [none; MAX_FRAMES],
                });
                moving.restarts = self.sync.find(sync, frames, &mut places.ages);
                moving.run_with_restarts(frames, start);
            }
        }
        self.phase = moving.previous(frames);
    }
}

/// What the frequency is multiplied by.
#[inline(always)]
fn modulation<V: Lanes>(fm: V, fm_depth: V) -> V {
    fm_depth.mul_add(fm, V::splat(1.0))
}

/// A step no faster than this, forwards and backwards.
#[inline(always)]
fn limited<V: Lanes>(step: V, most: f32) -> V {
    step.clamp(-most, most)
}

/// As [`Lanes::to_phase`], for less than half a turn: no whole turns have to drop out.
#[inline(always)]
fn short_to_phase<V: Lanes>(turns: V) -> V::Bits {
    (turns * PHASES).truncate()
}

/// A whole turn passed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pass {
    /// The frame after it.
    pub frame: usize,
    /// How many frames before that frame, 0 to 1.
    pub age: f32,
    /// 1 forwards, -1 backwards.
    pub direction: f32,
}

impl Pass {
    /// That of a phase that moves by less than half a turn to a frame, past a whole turn.
    #[inline(always)]
    fn between(frame: usize, from: u32, to: u32) -> Pass {
        let travel = to.wrapping_sub(from) as i32;
        let (direction, past) = if travel > 0 {
            (1.0, i64::from(to))
        } else {
            (-1.0, i64::from(to) - (1 << 32))
        };
        Pass {
            frame,
            age: past as f32 / travel as f32,
            direction,
        }
    }
}

/// Whether a phase passed a whole turn on its way of less than half a turn, in the bit of the sign. It
/// did where its sign, which also turns half-way around, became that of the way.
#[inline(always)]
fn passes<V: Lanes>(from: V::Bits, travel: V::Bits, to: V::Bits) -> V::Bits {
    (from ^ to) & (to ^ travel ^ V::Bits::splat(SIGN))
}

/// Whether a position of 0..1 turns passed a whole turn on its way.
#[inline(always)]
pub fn passed<V: Lanes>(from: V, travel: V, to: V) -> V::Mask {
    // Without a pass the difference is nought, with one it is a turn.
    (from + travel - to).abs().gt(V::splat(0.5))
}

/// A phase as a line from -1 to 1 that rises through 0 at the whole turn: what others sync to.
#[inline(always)]
fn signed<V: Lanes>(phase: V::Bits) -> V {
    V::from_signed(phase) * (1.0 / 2_147_483_648.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono};

    #[test]
    fn cents_tune_exactly() {
        for step in -1000..=1000 {
            let cents = step as f32 * 0.1;
            let got = f64::from(tuning(Mono::<Baseline>::splat(cents)).sum());
            let exact = (f64::from(cents) / 1200.0).exp2();
            assert!((got / exact - 1.0).abs() < 1e-7, "{cents} cents: {got}");
        }
    }

    #[test]
    fn an_even_movement_is_known_only_until_something_moves() {
        type One = Mono<Baseline>;
        let held = |value| Signal::Constant(One::splat(value));
        let controls = |pitch, sync| Controls {
            pitch,
            fine: held(0.0),
            start: held(0.0),
            fm: held(0.0),
            fm_depth: held(0.0),
            sync,
        };
        let even = controls(held(1.0), held(0.0));
        let mut phasor = Phasor::<One>::new(48_000.0);
        let mut moving = Moving::new();
        let set_out = |phasor: &mut Phasor<One>| {
            phasor.reset();
            for first in [1, 0, 0] {
                let steady = phasor.steady(16, even).expect("even");
                assert_eq!(steady.first, first);
            }
        };
        let (pitches, syncs) = ([One::splat(1.5); 16], [One::splat(-1.0); 16]);
        let moved = [
            (
                controls(Signal::Frames(&pitches), held(0.0)),
                "another step",
            ),
            (
                controls(held(1.0), Signal::Frames(&syncs)),
                "a rise of sync",
            ),
        ];
        for (controls, what) in moved {
            set_out(&mut phasor);
            phasor.moving(16, controls, &mut moving);
            assert!(phasor.steady(16, even).is_none(), "{what}");
        }
    }

    fn all(mut passes: Passes, frames: usize) -> Vec<Pass> {
        core::iter::from_fn(|| passes.next(frames)).collect()
    }

    #[test]
    fn even_movement_passes_turns_where_single_steps_do() {
        for (position, travel) in [
            (0, 1 << 30),
            (5, -77_777_777),
            (u32::MAX, 1),
            (0, -1),
            (9, 0),
            (1, 2_000_000_000),
        ] {
            let found = all(
                Passes {
                    position,
                    travel,
                    frame: 3,
                },
                64,
            );
            let mut expected = Vec::new();
            let mut at = position;
            for frame in 3..64 {
                let stretch = Stretch {
                    from: at,
                    travel: i64::from(travel),
                    begin: 1.0,
                    end: 0.0,
                };
                expected.extend(stretch.passes(0, 0).map(|(direction, age)| Pass {
                    frame,
                    age,
                    direction,
                }));
                at = stretch.to();
            }
            assert_eq!(found, expected, "{position} {travel}");
            assert!(found.iter().all(|pass| (0.0..=1.0).contains(&pass.age)));
        }
    }

    #[test]
    fn a_drifting_break_may_pass_twice() {
        let turn = 1_i64 << 32;
        let stretch = Stretch {
            from: 0,
            travel: turn * 45 / 100,
            begin: 1.0,
            end: 0.0,
        };
        let offset = (turn * 98 / 100) as u32;
        assert_eq!(stretch.passes(offset, -turn * 97 / 100).count(), 1);
        let stretch = Stretch {
            from: (turn * 97 / 100) as u32,
            travel: turn * 45 / 100,
            begin: 1.0,
            end: 0.0,
        };
        let ages: Vec<_> = stretch
            .passes((turn / 100) as u32, -turn * 97 / 100)
            .collect();
        assert_eq!(ages.len(), 2);
        assert!(ages[0].1 > ages[1].1);
    }
}
