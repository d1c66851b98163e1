//! Runs a plan in the audio callback.

use std::panic::{AssertUnwindSafe, catch_unwind};

use weft_modules::routing;
use weft_modules::{
    Blocks, Cx, Health, Io, Level, MAX_FRAMES, MAX_LANES, NoteEvent, Operand, Transport, Width,
};

use super::denormals::FlushToZero;
use super::faults::Fault;
use super::params::{Changes, Motion, Param};
use super::plan::{Mix, Node, Plan, Step};
use super::transport::{Clock, HostTransport};
use super::voices::{GRID, NoteQueue, VoiceLevels};

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

/// Plays one plan. Lives on the audio thread.
///
/// Realtime safety: after [`Player::new`] nothing here allocates, frees, locks or blocks, and a module
/// that fails does not take the player with it.
pub struct Player {
    plan: Box<Plan>,
    changes: Changes,
    notes: NoteQueue,
    clock: Clock,
    position: u64,
}

const SILENT: [f32; MAX_LANES] = [0.0; MAX_LANES];

impl Player {
    /// A player at frame 0. Allocates; off the audio thread.
    pub fn new(plan: Box<Plan>) -> Player {
        let clock = Clock::new(plan.sample_rate);
        Player { plan, changes: Changes::new(), notes: NoteQueue::new(), clock, position: 0 }
    }

    /// Puts another plan in place and leaves the old one in its box.
    ///
    /// Realtime safety: yes.
    pub fn swap(&mut self, plan: &mut Box<Plan>) {
        std::mem::swap(&mut self.plan, plan);
        self.changes.clear();
        if plan.sample_rate != self.plan.sample_rate {
            self.clock = Clock::new(self.plan.sample_rate);
            self.position = 0;
        }
    }

    /// Back to silence and frame 0; knobs arrive where they were going.
    ///
    /// Realtime safety: yes.
    pub fn reset(&mut self) {
        for node in &mut self.plan.nodes {
            node.state.instance.reset();
            node.state.params.iter_mut().for_each(Param::settle);
            node.state.voices = VoiceLevels::default();
            // Has the settled values handed over.
            node.state.moving = true;
        }
        self.changes.clear();
        self.notes.clear();
        self.clock = Clock::new(self.plan.sample_rate);
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
        let transport = self.clock.follow(host, self.position);
        let mut events = events.iter().peekable();
        let mut start = 0;
        while start < frames {
            let on_grid = (GRID - self.position % GRID) as usize;
            let end = frames.min(start + on_grid.min(MAX_FRAMES));
            while let Some(event) = events.next_if(|event| (event.frame as usize) < end || end == frames) {
                let frame = (event.frame as usize).clamp(start, end - 1) - start;
                self.take(event, frame as u32);
            }
            let heard = inputs.map(|input| &input[start.min(input.len())..end.min(input.len())]);
            let onto = [&mut *left, &mut *right].map(|output| {
                let (start, end) = (start.min(output.len()), end.min(output.len()));
                &mut output[start..end]
            });
            self.run(transport, heard, onto, end - start);
            self.position = self.position.wrapping_add((end - start) as u64);
            if self.position.is_multiple_of(GRID) {
                let plan = &mut *self.plan;
                for source in &plan.sources {
                    if let Some(node) = plan.nodes.get_mut(*source as usize) {
                        node.state.voices.settle();
                    }
                }
            }
            start = end;
        }
        for event in events {
            // Only in an empty block: it happens on the first frame that is played.
            self.take(event, 0);
        }
    }

    fn take(&mut self, event: &Event, frame: u32) {
        match event.kind {
            EventKind::Note(note) => self.notes.push(NoteEvent { frame, ..note }),
            EventKind::Slot { slot, normalized } => {
                let Some(Some(place)) = self.plan.slots.get(usize::from(slot)).copied() else { return };
                let Some(node) = self.plan.nodes.get_mut(place.node as usize) else { return };
                if let Some(param) = node.state.params.get_mut(place.param as usize) {
                    param.change(&mut self.changes, frame, normalized);
                    node.state.moving = true;
                }
            }
        }
    }

    fn run(&mut self, transport: Transport, heard: [&[f32]; 4], mut onto: [&mut [f32]; 2], frames: usize) {
        let mut first = 0;
        loop {
            let cx = Cx {
                sample_rate: self.plan.sample_rate,
                frames,
                position: self.position,
                transport,
                notes: self.notes.events(),
                audio_in: heard,
                voice_levels: &SILENT,
            };
            let plan = &mut *self.plan;
            let changes = &self.changes;
            let mut at = first;
            // The guard of last resort. Nothing here should panic; should it, the module that did
            // falls silent and the others play on.
            let done = catch_unwind(AssertUnwindSafe(|| {
                while at < plan.steps.len() {
                    plan.step(at, &cx, changes, &mut onto);
                    at += 1;
                }
            }));
            if done.is_ok() {
                break;
            }
            if let Some(Step::Run(node)) = plan.steps.get(at) {
                let node = *node as usize;
                plan.faults.count(node, Fault::Failed);
                if let Some(node) = plan.nodes.get_mut(node) {
                    node.state.failed = true;
                }
                // Runs the step again, which now writes silence.
                first = at;
            } else {
                first = at + 1;
            }
        }
        self.changes.clear();
        self.notes.clear();
    }
}

impl Plan {
    fn step(&mut self, at: usize, cx: &Cx<'_>, changes: &Changes, onto: &mut [&mut [f32]; 2]) {
        let frames = cx.frames;
        // SAFETY, for each block below: the plan's invariants are what these functions demand, and the
        // exclusive borrow of the plan keeps everyone else away from its memory.
        match self.steps.get(at) {
            None => {}
            Some(Step::Spread { width, from, to }) => {
                // SAFETY: see above.
                unsafe { routing::spread(self.level, *width, &self.blocks, *from, *to, frames) }
            }
            Some(Step::Widen { from, to }) => {
                // SAFETY: see above.
                unsafe { routing::widen(&self.blocks, *from, *to, frames) }
            }
            Some(Step::SumLanes { width, from, to, sources }) => {
                let mut peaks = SILENT;
                // SAFETY: see above.
                unsafe { routing::sum_lanes(self.level, *width, &self.blocks, *from, *to, frames, &mut peaks) };
                for source in sources {
                    if let Some(node) = self.nodes.get_mut(*source as usize) {
                        node.state.voices.raise(&peaks);
                    }
                }
            }
            Some(Step::Output { left, right }) => {
                for (from, onto) in [left, right].into_iter().zip(onto) {
                    // SAFETY: see above.
                    unsafe { routing::add_onto(&self.blocks, *from, onto) };
                }
            }
            Some(Step::Run(node)) => {
                let index = *node as usize;
                if let Some(node) = self.nodes.get_mut(index)
                    && node.run(self.level, &self.blocks, cx, changes) == Health::NotFinite
                {
                    self.faults.count(index, Fault::NotFinite);
                }
            }
        }
    }
}

impl Node {
    fn run(&mut self, level: Level, blocks: &Blocks, cx: &Cx<'_>, changes: &Changes) -> Health {
        for mix in &self.mixes {
            // SAFETY: sums go to memory that only this node uses, and only now.
            unsafe { routing::mix(level, self.width, blocks, &mix.terms, mix.to, cx.frames) };
        }
        let state = &mut *self.state;
        if self.modulated || state.moving {
            state.moving = false;
            for ((operand, knob), param) in self.params.iter_mut().zip(&self.knobs).zip(&mut state.params) {
                *operand = param.render(level, self.width, blocks, knob, cx.frames, changes);
                // What lies in a block now is handed over as a constant once it stands still.
                state.moving |= matches!(operand, Operand::Block(_)) && knob.terms.is_empty();
            }
        }
        let cx = Cx { voice_levels: &state.voices.settled, ..*cx };
        // SAFETY: the plan gives each output a block that overlaps nothing this node reads.
        let io = unsafe { Io::new(blocks, &self.inputs, &self.params, &self.outputs, cx.frames) };
        if state.failed {
            io.silence_any(self.width);
            return Health::Fine;
        }
        state.instance.process(&cx, io)
    }
}

impl Param {
    /// Gives the node what to read in this call.
    fn render(
        &mut self,
        level: Level,
        width: Width,
        blocks: &Blocks,
        knob: &Mix,
        frames: usize,
        changes: &Changes,
    ) -> Operand {
        let mut travel = [0.0; MAX_FRAMES];
        let mut exact = [f32::NAN; MAX_FRAMES];
        let motion = self.advance(changes, frames, &mut travel, &mut exact);
        if !knob.terms.is_empty() {
            // SAFETY: the frames of a param go to memory that only its node uses, and only now.
            unsafe {
                routing::modulate(level, width, blocks, self.shape, &travel, &knob.terms, knob.to, frames);
            }
            return Operand::Block(knob.to);
        }
        if motion == Motion::Still {
            return Operand::Constant(self.plain());
        }
        let values = travel.get_mut(..frames).unwrap_or_default();
        if self.is_continuous() {
            routing::shape(level, self.shape, values);
        }
        for (value, exact) in values.iter_mut().zip(exact) {
            if !exact.is_nan() {
                *value = exact;
            }
        }
        // SAFETY: as above.
        unsafe { routing::write(level, width, blocks, values, knob.to) };
        Operand::Block(knob.to)
    }
}
