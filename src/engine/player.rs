//! Runs plans in the audio callback.

use weft_modules::routing::Ramp;
use weft_modules::{Cx, MAX_FRAMES, NoteEvent, NoteKind, Wanted};

use super::denormals::FlushToZero;
use super::handover::{Delivery, Turn};
use super::params::Changes;
use super::plan::{Place, Plan};
use super::replace::{Replacement, Stage};
use super::splice::Splice;
use super::transport::{Clock, HostTransport};
use super::voices::{GRID, NoteQueue, SILENT};

/// Something that happens on a frame of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Frame from the start of the block; past its end counts as its last.
    pub frame: u32,
    /// What happens.
    pub kind: EventKind,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventKind {
    /// A note or controller. Its own `frame` is ignored.
    Note(NoteEvent),
    /// The host moves a slot.
    Slot {
        /// Counted from 0.
        slot: u16,
        /// Travel 0..1; outside is limited, no number is ignored.
        normalized: f32,
    },
}

/// Plays the live plan, and while patches change what else must be heard. Lives on the audio thread.
///
/// Realtime safety: after [`Player::new`] nothing here allocates, frees, locks or blocks, and a module
/// that fails does not take the player with it.
pub struct Player {
    pub(super) live: Box<Plan>,
    changes: Changes,
    notes: NoteQueue,
    clock: Clock,
    position: u64,
    /// Frames in the last block.
    frames_per_block: usize,
    /// A commit whose cables still fade.
    splice: Option<Box<Splice>>,
    /// A whole patch that was replaced and still sounds.
    farewell: Option<Box<Replacement>>,
    /// Deliveries that are done and wait to be sent back.
    done: [Option<Delivery>; 2],
    /// How far the fades of the call have come.
    ramp: [f32; MAX_FRAMES],
}

impl Player {
    /// A player at frame 0. Allocates; off the audio thread.
    pub fn new(plan: Box<Plan>) -> Player {
        let clock = Clock::new(plan.sample_rate);
        Player {
            live: plan,
            changes: Changes::new(),
            notes: NoteQueue::new(),
            clock,
            position: 0,
            frames_per_block: usize::MAX,
            splice: None,
            farewell: None,
            done: [None, None],
            ramp: [0.0; MAX_FRAMES],
        }
    }

    /// Frames in the last block; endless before the first.
    pub(super) fn frames_per_block(&self) -> usize {
        self.frames_per_block
    }

    /// Whether a delivery can be taken in now. While a replaced patch still sounds, asking for another
    /// replacement lets it end soon.
    ///
    /// Realtime safety: yes.
    pub(super) fn is_ready_for(&mut self, delivery: &Delivery) -> bool {
        if self.splice.is_some() || self.done.iter().any(Option::is_some) {
            return false;
        }
        match (delivery, &mut self.farewell) {
            (Delivery::Replacement(_), Some(farewell)) => {
                farewell.end();
                false
            }
            _ => true,
        }
    }

    /// Takes a delivery in, for which it must be ready; one for which it is not is done at once.
    ///
    /// Realtime safety: yes.
    pub(super) fn take(&mut self, delivery: Delivery) {
        if !self.is_ready_for(&delivery) {
            self.finish(delivery);
            return;
        }
        match delivery {
            Delivery::Splice(mut splice) => {
                splice.begin(&mut self.live, &mut self.changes);
                self.splice = Some(splice);
            }
            Delivery::Replacement(mut replacement) => {
                replacement.begin(&mut self.live);
                self.farewell = Some(replacement);
            }
            Delivery::Slots(mut slots) => {
                std::mem::swap(&mut self.live.slots, &mut slots);
                self.finish(Delivery::Slots(slots));
            }
        }
    }

    /// Turns a knob of a module that lives, in the coming block.
    ///
    /// Realtime safety: yes.
    pub(super) fn turn(&mut self, turn: Turn) {
        if let Ok(index) = self
            .live
            .keys
            .binary_search_by_key(&turn.module, |(key, _)| *key)
            && let Some((_, node)) = self.live.keys.get(index)
        {
            let place = Place {
                node: *node,
                param: turn.param,
            };
            self.live.turn(place, &mut self.changes, 0, turn.normalized);
        }
    }

    /// Gives what is done back, to be freed elsewhere.
    ///
    /// Realtime safety: yes.
    pub(super) fn give_back(&mut self) -> Option<Delivery> {
        self.done.iter_mut().find_map(Option::take)
    }

    fn finish(&mut self, delivery: Delivery) {
        match self.done.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(delivery),
            // At most one splice and one replacement are at work; leaking beats freeing here.
            None => std::mem::forget(delivery),
        }
    }

    /// Back to silence and frame 0; knobs arrive where they were going, and so do commits.
    ///
    /// Realtime safety: yes.
    pub fn reset(&mut self) {
        if let Some(mut splice) = self.splice.take() {
            splice.end(&mut self.live);
            self.finish(Delivery::Splice(splice));
        }
        if let Some(farewell) = self.farewell.take() {
            self.finish(Delivery::Replacement(farewell));
        }
        self.live.reset();
        self.changes.clear();
        self.notes.clear();
        self.clock = Clock::new(self.live.sample_rate);
        self.position = 0;
    }

    /// Plays a block of any length, 0 included.
    ///
    /// `inputs` are main left and right, sidechain left and right; shorter ones read as silence.
    /// `events` are in order of time. Outputs are overwritten.
    ///
    /// Realtime safety: yes.
    pub fn process(
        &mut self,
        host: &HostTransport,
        inputs: [&[f32]; 4],
        outputs: [&mut [f32]; 2],
        events: &[Event],
    ) {
        let _flush = FlushToZero::on();
        let [left, right] = outputs;
        left.fill(0.0);
        right.fill(0.0);
        let frames = left.len().max(right.len());
        self.frames_per_block = frames.max(1);
        self.clock.follow(host, self.position);
        let mut events = events;
        let mut start = 0;
        while start < frames {
            let on_grid = (GRID - self.position % GRID) as usize;
            let fading = self
                .splice
                .as_ref()
                .map_or(MAX_FRAMES, |splice| splice.frames_left());
            let mut end = frames.min(start + on_grid.min(fading).clamp(1, MAX_FRAMES));
            let place = |event: &Event| (event.frame as usize).clamp(start, frames - 1);
            if self.live.waits_for_notes() {
                // Modules wake on the very frame of what wakes them, so a call begins there.
                let wakes = |event: &&Event| place(event) > start && self.wakes(event);
                end = events
                    .iter()
                    .find(wakes)
                    .map_or(end, |on| end.min(place(on)));
            }
            let now = events.iter().take_while(|event| place(event) < end).count();
            let (heard, later) = events.split_at(now);
            for event in heard {
                self.hear(event, (place(event) - start) as u32);
            }
            events = later;
            let mut heard = inputs;
            for input in heard.iter_mut().filter(|input| !input.is_empty()) {
                *input = &input[start.min(input.len())..end.min(input.len())];
            }
            let (from, to) = (start.min(left.len()), end.min(left.len()));
            let left = &mut left[from..to];
            let (from, to) = (start.min(right.len()), end.min(right.len()));
            let right = &mut right[from..to];
            self.run(heard, [left, right], end - start);
            start = end;
        }
        for event in events {
            // Only in an empty block: it happens on the first frame that is played.
            self.hear(event, 0);
        }
    }

    /// Whether modules that sleep wake at an event.
    fn wakes(&self, event: &Event) -> bool {
        match event.kind {
            EventKind::Note(note) => matches!(note.kind, NoteKind::On { .. }),
            EventKind::Slot { slot, .. } => {
                let place = self.live.slots.get(usize::from(slot)).copied().flatten();
                place.is_some_and(|place| self.live.is_shut_by(place))
            }
        }
    }

    fn hear(&mut self, event: &Event, frame: u32) {
        match event.kind {
            EventKind::Note(note) => {
                if self.wakes(event) {
                    self.live.wake();
                }
                self.notes.push(NoteEvent { frame, ..note });
            }
            EventKind::Slot { slot, normalized } => {
                if let Some(Some(place)) = self.live.slots.get(usize::from(slot)).copied() {
                    self.live.turn(place, &mut self.changes, frame, normalized);
                }
            }
        }
    }

    /// Plays one call.
    fn run(&mut self, heard: [&[f32]; 4], mut onto: [&mut [f32]; 2], frames: usize) {
        let mut cx = Cx {
            sample_rate: self.live.sample_rate,
            frames,
            position: self.position,
            transport: self.clock.now(),
            notes: self.notes.events(),
            audio_in: heard,
            voice_levels: &SILENT,
            wanted: Wanted::ALL,
        };
        let fades = match &self.splice {
            Some(splice) => splice.ramp(&mut self.ramp, frames),
            None => Ramp::Arrived,
        };
        match &self.farewell {
            Some(farewell) if farewell.is_fading() => {
                let mut heard = [[0.0; MAX_FRAMES]; 2];
                let [left, right] = &mut heard;
                let mut into = [
                    left.get_mut(..frames).unwrap_or_default(),
                    right.get_mut(..frames).unwrap_or_default(),
                ];
                self.live.run(&mut cx, &self.changes, fades, &mut into);
                for (heard, onto) in heard.iter().zip(&mut onto) {
                    for (frame, (heard, onto)) in heard.iter().zip(onto.iter_mut()).enumerate() {
                        *onto += heard * farewell.arrival(frame);
                    }
                }
            }
            _ => self.live.run(&mut cx, &self.changes, fades, &mut onto),
        }
        if let Some(farewell) = &mut self.farewell
            && farewell.run(&cx, &mut onto) == Stage::Over
            && let Some(farewell) = self.farewell.take()
        {
            self.finish(Delivery::Replacement(farewell));
        }
        if let Some(mut splice) = self.splice.take() {
            splice.advance(frames);
            if splice.frames_left() == 0 {
                splice.end(&mut self.live);
                self.finish(Delivery::Splice(splice));
            } else {
                self.splice = Some(splice);
            }
        }
        self.changes.clear();
        self.notes.clear();
        self.position = self.position.wrapping_add(frames as u64);
        if self.position.is_multiple_of(GRID) {
            self.live.settle_voices();
        }
    }
}
