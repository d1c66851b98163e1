//! Where a delay line is read while its time changes.

use crate::kit::delay_line::{Lag, MARGIN};
use crate::kit::math::sin_turns;
use crate::kit::single::One;
use crate::lanes::Lanes;

/// How a read head gets to a new time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Travel {
    /// It runs there as on tape: the pitch bends.
    Tape,
    /// A second head fades in there: the pitch stays.
    Fade,
}

/// How fast a tape may run: from a quarter of its speed to four times its speed, two octaves each way.
const SLOPES: (f64, f64) = (-3.0, 0.75);
/// After this many of its natural times a critically damped system has gone 95 % of its way:
/// (1 + x) exp(-x) = 0.05.
const CRITICAL_95: f32 = 4.744;
/// This close a head has arrived, in frames.
const ARRIVED: f64 = 1.0 / 256.0;
/// A time this close to a whole frame means the whole frame: seconds in single precision say no more.
const WHOLE: f64 = 1.0 / 64.0;

/// What one frame is read from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub(super) here: Lag,
    pub(super) there: Lag,
    /// How far the fade from `here` to `there` is, 0..1.
    pub(super) faded: f32,
}

/// One read head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Frames; meaningless before the first.
    at: f64,
    /// Frames a frame.
    speed: f64,
    next: f64,
    /// Frames of the fade that are left, and all of them.
    fading: (u32, u32),
    started: bool,
    longest: f64,
}

/// How a head moves, the same for both sides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    pub(super) travel: Travel,
    /// How eagerly a tape goes: its natural frequency in radians a frame.
    pull: f64,
    /// Frames of a fade.
    fade: u32,
}

impl Motion {
    /// `seconds` is the length of a fade, and what a tape takes for 95 % of the way.
    #[inline(always)]
    pub(super) fn new(travel: Travel, seconds: f32, sample_rate: f32) -> Self {
        let frames = (seconds * sample_rate).max(1.0);
        Motion {
            travel,
            pull: f64::from(CRITICAL_95 / frames),
            fade: frames as u32,
        }
    }
}

impl Head {
    pub(super) fn new(longest: usize) -> Self {
        Head {
            at: 0.0,
            speed: 0.0,
            next: 0.0,
            fading: (0, 1),
            started: false,
            longest: longest as f64,
        }
    }

    pub(super) fn reset(&mut self) {
        self.started = false;
        self.speed = 0.0;
        self.fading = (0, 1);
    }

    /// A time in frames that a head can be sent to.
    #[inline(always)]
    pub(super) fn reachable(&self, frames: f64) -> f64 {
        let whole = frames.round();
        let frames = if (frames - whole).abs() < WHOLE {
            whole
        } else {
            frames
        };
        frames.max(f64::from(MARGIN)).min(self.longest)
    }

    /// Where the line is read as long as `target` stays and nothing swings, if the head has arrived.
    #[inline(always)]
    pub(super) fn rests_at(&self, target: f64) -> Option<Lag> {
        let rests = self.started && self.fading.0 == 0 && self.at == target && self.speed == 0.0;
        rests.then_some(self.place(self.at, 0.0))
    }

    /// Where the line is read, `swing` frames off a delay.
    #[inline(always)]
    fn place(&self, at: f64, swing: f64) -> Lag {
        Lag::new((at + swing).max(f64::from(MARGIN)).min(self.longest))
    }

    /// Moves towards `target`, which is reachable, and gives the next frame's reading, `swing` frames
    /// off.
    #[inline(always)]
    pub(super) fn next(&mut self, target: f64, swing: f64, motion: Motion) -> Reading {
        if !self.started {
            self.started = true;
            self.at = target;
        }
        let (left, length) = self.fading;
        if left > 0 {
            self.fading.0 = left - 1;
            if left == 1 {
                self.at = self.next;
            }
        } else if self.at != target || self.speed != 0.0 {
            match motion.travel {
                Travel::Tape => {
                    // Critically damped: a motor with a flywheel, which neither jerks nor overshoots.
                    let way = target - self.at;
                    let force = motion.pull * (motion.pull * way - 2.0 * self.speed);
                    self.speed = (self.speed + force).clamp(SLOPES.0, SLOPES.1);
                    self.at += self.speed;
                    if (target - self.at).abs() < ARRIVED && self.speed.abs() < ARRIVED {
                        self.at = target;
                        self.speed = 0.0;
                    }
                }
                Travel::Fade => {
                    self.next = target;
                    self.speed = 0.0;
                    self.fading = (motion.fade, motion.fade);
                }
            }
        }
        let (left, length) = if left > 1 {
            (left - 1, length)
        } else {
            self.fading
        };
        if left > 0 {
            let faded = 1.0 - left as f32 / length as f32;
            Reading {
                here: self.place(self.at, swing),
                there: self.place(self.next, swing),
                faded,
            }
        } else {
            Reading {
                here: self.place(self.at, swing),
                there: Lag::default(),
                faded: 0.0,
            }
        }
    }
}

/// The share of each head in a fade, at equal power: echoes of different moments are unlike.
#[inline(always)]
pub(super) fn shares(faded: f32) -> (f32, f32) {
    let turn = One::splat(faded * 0.25);
    (
        sin_turns(One::splat(0.25) - turn).sum(),
        sin_turns(turn).sum(),
    )
}
