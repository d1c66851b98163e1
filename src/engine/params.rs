//! A param on the audio thread: where its knob stands, where it is going, and when.

use weft_modules::routing::{self, Approach, Shape};
use weft_modules::{Level, MAX_FRAMES, ParamSpec, Smoothing};

/// No further event.
const NONE: u32 = u32::MAX;

/// A change of one param on a frame of the coming call.
#[derive(Clone, Copy, Debug)]
struct Change {
    frame: u32,
    normalized: f32,
    next: u32,
}

/// The changes of one call, chained by param, in storage that never grows.
pub(super) struct Changes {
    changes: Vec<Change>,
}

impl Changes {
    /// 1,024 slots moving four times within 64 frames. Beyond that a param's last change wins.
    const CAPACITY: usize = 4096;

    pub(super) fn new() -> Changes {
        Changes {
            changes: Vec::with_capacity(Self::CAPACITY),
        }
    }

    pub(super) fn clear(&mut self) {
        self.changes.clear();
    }
}

/// How a knob travels to a new place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Glide {
    AtOnce,
    /// Arrives after this many frames, starting and ending gently.
    Gentle(u32),
    /// Covers this share of the way each frame.
    Decaying(f32),
}

/// Travel this close to its goal has arrived: below the resolution of any host's automation.
const ARRIVED: f32 = 1e-6;

/// One param of one instance.
pub(super) struct Param {
    spec: &'static ParamSpec,
    /// How travel becomes value.
    pub(super) shape: Shape,
    glide: Glide,
    /// What the goal comes to, once the knob stands there: on its way nobody asks.
    plain: Option<f32>,
    goal: f32,
    travel: f32,
    /// The last gentle glide.
    way: Approach,
    moving: bool,
    /// Whether it stood still in any frame of the last call it moved in.
    stood: bool,
    last_goal: f32,
    first_change: u32,
    last_change: u32,
}

/// What [`Param::advance`] found out about a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Motion {
    /// The param holds still from the first to the last frame.
    Still,
    /// It moved.
    Moved,
}

impl Param {
    pub(super) fn new(spec: &'static ParamSpec, plain: f32, sample_rate: f32) -> Param {
        let plain = spec.legal(plain);
        let goal = spec.normalized(plain);
        let glide = match spec.smoothing {
            Smoothing::None => Glide::AtOnce,
            Smoothing::Gentle(seconds) => Glide::Gentle(((seconds * sample_rate) as u32).max(1)),
            Smoothing::Exponential(seconds) => {
                Glide::Decaying(1.0 - (-1.0 / (seconds * sample_rate).max(1e-3)).exp())
            }
        };
        let frames = match glide {
            Glide::Gentle(frames) => frames,
            _ => 1,
        };
        Param {
            spec,
            shape: Shape::of(spec),
            glide,
            plain: Some(plain),
            goal,
            travel: goal,
            way: Approach::arrived(goal, frames),
            moving: false,
            stood: false,
            last_goal: goal,
            first_change: NONE,
            last_change: NONE,
        }
    }

    /// The value it has or is going to.
    pub(super) fn plain(&self) -> f32 {
        self.plain.unwrap_or_else(|| self.spec.plain(self.goal))
    }

    /// Sets a new goal on a frame of the coming call; frames must not decrease.
    ///
    /// The travel it has already is no change, so values restored from a saved patch stay exact.
    pub(super) fn change(&mut self, changes: &mut Changes, frame: u32, normalized: f32) {
        if normalized.is_nan() {
            return;
        }
        let normalized = normalized.clamp(0.0, 1.0);
        if normalized == self.last_goal {
            return;
        }
        self.last_goal = normalized;
        if frame == 0 && self.first_change == NONE {
            // Mostly it is the only one, and need not be kept.
            self.aim(normalized);
            return;
        }
        if changes.changes.len() == changes.changes.capacity() {
            match changes.changes.get_mut(self.last_change as usize) {
                Some(last) => last.normalized = normalized,
                None => self.aim(normalized),
            }
            return;
        }
        let index = changes.changes.len() as u32;
        changes.changes.push(Change {
            frame,
            normalized,
            next: NONE,
        });
        match changes.changes.get_mut(self.last_change as usize) {
            Some(last) => last.next = index,
            None => self.first_change = index,
        }
        self.last_change = index;
    }

    fn aim(&mut self, normalized: f32) {
        let speed = match self.glide {
            Glide::Gentle(_) if self.moving => self.way.speed_now(),
            _ => 0.0,
        };
        self.goal = normalized;
        self.plain = None;
        match self.glide {
            Glide::AtOnce => {
                self.travel = normalized;
                self.plain = Some(self.spec.plain(normalized));
                self.moving = false;
            }
            Glide::Gentle(_) => {
                self.way.set_out(self.travel, normalized, speed);
                self.moving = true;
            }
            Glide::Decaying(_) => self.moving = true,
        }
    }

    /// Goes through frames without a change.
    fn travel_through(&mut self, level: Level, travel: &mut [f32], exact: &mut [f32]) {
        let mut done = 0;
        if self.moving {
            match self.glide {
                Glide::AtOnce => self.moving = false,
                Glide::Gentle(_) => {
                    let way = &mut self.way;
                    done = travel.len().min(way.left as usize);
                    routing::approach(level, way, travel.get_mut(..done).unwrap_or_default());
                    way.left -= done as u32;
                    self.moving = way.left > 0;
                }
                Glide::Decaying(share) => {
                    for value in &mut *travel {
                        self.travel += (self.goal - self.travel) * share;
                        self.moving = (self.goal - self.travel).abs() > ARRIVED;
                        if !self.moving {
                            break;
                        }
                        *value = self.travel;
                        done += 1;
                    }
                }
            }
            if self.moving {
                self.travel = travel.last().copied().unwrap_or(self.travel);
                return;
            }
            self.travel = self.goal;
            // A gentle glide has arrived in its last frame.
            if matches!(self.glide, Glide::Gentle(_)) {
                done = done.saturating_sub(1);
            }
        }
        let (travel, exact) = (travel.iter_mut().skip(done), exact.iter_mut().skip(done));
        travel.for_each(|travel| *travel = self.travel);
        let plain = self.plain();
        self.plain = Some(plain);
        exact.for_each(|exact| *exact = plain);
        self.stood = true;
    }

    /// Where its knob stands.
    pub(super) fn travel(&self) -> f32 {
        self.travel
    }

    /// Whether it stood still in any frame of the last call it moved in.
    pub(super) fn stood(&self) -> bool {
        self.stood
    }

    /// Whether it holds still in the coming call.
    #[inline]
    pub(super) fn is_still(&self) -> bool {
        self.first_change == NONE && !self.moving
    }

    /// Its way if it is on one throughout a call of so many frames, and so moves in all of them; then
    /// [`Param::went`] is to follow.
    #[inline]
    pub(super) fn way(&self, frames: usize) -> Option<&Approach> {
        let is_on_one = self.first_change == NONE && self.moving;
        let is_gentle = matches!(self.glide, Glide::Gentle(_));
        (is_on_one && is_gentle && self.way.left as usize > frames).then_some(&self.way)
    }

    /// It went so many frames of its way, up to this travel.
    pub(super) fn went(&mut self, frames: usize, travel: f32) {
        self.way.left = self.way.left.saturating_sub(frames as u32);
        self.travel = travel;
        self.stood = false;
    }

    /// As [`Param::advance`], where nobody asks for exact values.
    pub(super) fn go(
        &mut self,
        level: Level,
        changes: &Changes,
        frames: usize,
        travel: &mut [f32; MAX_FRAMES],
    ) {
        let Some(way) = self.way(frames) else {
            self.advance(level, changes, frames, travel, &mut [f32::NAN; MAX_FRAMES]);
            return;
        };
        let travel = travel.get_mut(..frames).unwrap_or_default();
        routing::approach(level, way, travel);
        if let Some(last) = travel.last() {
            self.went(frames, *last);
        }
    }

    /// Runs through a call, unless it holds still: the travel in each frame, and the exact value in frames in which the knob
    /// stands still; `exact` must hold no numbers before.
    pub(super) fn advance(
        &mut self,
        level: Level,
        changes: &Changes,
        frames: usize,
        travel: &mut [f32; MAX_FRAMES],
        exact: &mut [f32; MAX_FRAMES],
    ) -> Motion {
        if self.is_still() {
            return Motion::Still;
        }
        self.stood = false;
        let mut next = self.first_change;
        (self.first_change, self.last_change) = (NONE, NONE);
        let mut frame = 0;
        while frame < frames {
            let mut until = frames;
            while let Some(change) = changes.changes.get(next as usize) {
                if change.frame as usize > frame {
                    until = frames.min(change.frame as usize);
                    break;
                }
                next = change.next;
                self.aim(change.normalized);
            }
            let stretch = frame..until;
            if let (Some(travel), Some(exact)) =
                (travel.get_mut(stretch.clone()), exact.get_mut(stretch))
            {
                self.travel_through(level, travel, exact);
            }
            frame = until;
        }
        while let Some(change) = changes.changes.get(next as usize) {
            next = change.next;
            self.aim(change.normalized);
        }
        Motion::Moved
    }

    /// Whether the values between travels follow the curve; switches jump from value to value.
    pub(super) fn is_continuous(&self) -> bool {
        self.spec.is_continuous()
    }

    /// Arrives at once and forgets what was to come.
    pub(super) fn settle(&mut self) {
        if self.goal != self.last_goal {
            self.aim(self.last_goal);
        }
        self.travel = self.goal;
        self.plain = Some(self.plain());
        self.moving = false;
        (self.first_change, self.last_change) = (NONE, NONE);
    }
}
