//! Runs the steps of a plan for one call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use weft_modules::routing::{self, Ramp};
use weft_modules::{Blocks, Cx, Health, Io, Level, MAX_FRAMES, NoteEvent, Operand, Span, Width};

use super::faults::{Fault, FaultBoard};
use super::params::{Changes, Motion, Param};
use super::plan::{Late, Loop, Mix, Node, NodeState, Place, Plan, Step};
use super::voices::{SILENT, VoiceLevels};

impl Plan {
    /// Runs everything once and adds what the host hears.
    pub(super) fn run(
        &mut self,
        cx: &Cx<'_>,
        changes: &Changes,
        ramp: Ramp<'_>,
        onto: &mut [&mut [f32]; 2],
    ) {
        let mut call = Call {
            level: self.level,
            nodes: &mut self.nodes,
            blocks: &self.blocks,
            faults: &self.faults,
            changes,
            ramp,
            running: None,
        };
        let mut at = 0;
        // The guard of last resort. Nothing here should panic; should it, the module that did falls
        // silent and the others play on.
        while catch_unwind(AssertUnwindSafe(|| {
            while let Some(step) = self.steps.get(at) {
                call.step(step, cx, Span::start(cx.frames), onto);
                at += 1;
            }
        }))
        .is_err()
        {
            // Once more from the same step, in which the module that failed now writes silence.
            let failed = call
                .running
                .take()
                .and_then(|node| Some((node, call.nodes.get_mut(node)?)));
            match failed {
                Some((index, node)) if !node.state.failed => {
                    node.state.failed = true;
                    call.faults.count(index, Fault::Failed);
                }
                _ => at += 1,
            }
        }
    }

    /// Moves a knob on a frame of the coming call.
    pub(super) fn turn(
        &mut self,
        place: Place,
        changes: &mut Changes,
        frame: u32,
        normalized: f32,
    ) {
        if let Some(node) = self.nodes.get_mut(place.node as usize)
            && let Some(param) = node.state.params.get_mut(place.param as usize)
        {
            param.change(changes, frame, normalized);
            node.state.moving = true;
        }
    }

    /// Takes over voice levels; called exactly on grid frames.
    pub(super) fn settle_voices(&mut self) {
        for source in &self.sources {
            if let Some(node) = self.nodes.get_mut(*source as usize) {
                node.state.voices.settle();
            }
        }
    }

    /// Back to silence; knobs arrive where they were going.
    pub(super) fn reset(&mut self) {
        for node in &mut self.nodes {
            let state = &mut *node.state;
            state.instance.reset();
            state.params.iter_mut().for_each(Param::settle);
            state.voices = VoiceLevels::default();
            state.late.fill(SILENT);
            // Has the settled values handed over.
            state.moving = true;
        }
    }
}

/// What one call works on.
struct Call<'a> {
    level: Level,
    nodes: &'a mut [Node],
    blocks: &'a Blocks,
    faults: &'a FaultBoard,
    changes: &'a Changes,
    ramp: Ramp<'a>,
    /// The node at work, should it fail.
    running: Option<usize>,
}

// SAFETY, for each `unsafe` block below: the plan's invariants are what the functions demand, and
// whoever calls `Plan::run` borrows the plan exclusively, which keeps everyone else from its memory.
impl Call<'_> {
    fn step(&mut self, step: &Step, cx: &Cx<'_>, span: Span, onto: &mut [&mut [f32]; 2]) {
        match step {
            Step::Run(node) => self.run_node(*node as usize, cx, span),
            Step::Spread { width, from, to } => {
                // SAFETY: see above.
                unsafe { routing::spread(self.level, *width, self.blocks, *from, *to, span) }
            }
            Step::Widen { from, to } => {
                // SAFETY: see above.
                unsafe { routing::widen(self.blocks, *from, *to, span) }
            }
            Step::SumLanes {
                width,
                from,
                to,
                sources,
            } => {
                let mut peaks = SILENT;
                // SAFETY: see above.
                unsafe {
                    routing::sum_lanes(
                        self.level,
                        *width,
                        self.blocks,
                        *from,
                        *to,
                        span,
                        &mut peaks,
                    )
                };
                for source in sources {
                    if let Some(node) = self.nodes.get_mut(*source as usize) {
                        node.state.voices.raise(&peaks);
                    }
                }
            }
            Step::Output(terms) => {
                for (term, onto) in terms.iter().zip(onto) {
                    // SAFETY: see above.
                    unsafe { routing::add_onto(self.blocks, term, self.ramp, onto) };
                }
            }
            Step::Delay(late) => {
                self.resume(late);
                for frame in 0..cx.frames {
                    self.keep(late, frame);
                }
            }
            Step::Loop(inner) => self.run_loop(inner, cx),
        }
    }

    fn run_loop(&mut self, inner: &Loop, cx: &Cx<'_>) {
        for node in &inner.nodes {
            if let Some(node) = self.nodes.get_mut(*node as usize) {
                node.prepare(self.level, self.blocks, cx.frames, self.changes);
            }
        }
        for late in &inner.late {
            self.resume(late);
        }
        for frame in 0..cx.frames {
            let at = |event: &&NoteEvent| event.frame as usize == frame;
            let first = cx
                .notes
                .iter()
                .take_while(|event| (event.frame as usize) < frame)
                .count();
            let count = cx.notes.iter().skip(first).take_while(at).count();
            let cx = Cx {
                frames: 1,
                position: cx.position.wrapping_add(frame as u64),
                notes: cx.notes.get(first..first + count).unwrap_or_default(),
                audio_in: cx
                    .audio_in
                    .map(|audio| audio.get(frame..).unwrap_or_default()),
                ..*cx
            };
            for step in &inner.steps {
                self.step(
                    step,
                    &cx,
                    Span {
                        first: frame,
                        frames: 1,
                    },
                    &mut [&mut [], &mut []],
                );
            }
            for late in &inner.late {
                self.keep(late, frame);
            }
        }
    }

    fn run_node(&mut self, index: usize, cx: &Cx<'_>, span: Span) {
        self.running = Some(index);
        if let Some(node) = self.nodes.get_mut(index)
            && node.run(self.level, self.blocks, cx, span, self.changes, self.ramp)
                == Health::NotFinite
        {
            self.faults.count(index, Fault::NotFinite);
        }
        self.running = None;
    }

    /// Has the last frame of the call before ready for feedback cables.
    fn resume(&self, late: &Late) {
        if let Some(frame) = self
            .nodes
            .get(late.node as usize)
            .and_then(|node| node.state.late.get(late.output as usize))
        {
            // SAFETY: see above.
            unsafe { routing::resume(late.width, self.blocks, late.to, frame) };
        }
    }

    /// Keeps a frame for feedback cables.
    fn keep(&mut self, late: &Late, frame: usize) {
        let node = self.nodes.get_mut(late.node as usize);
        if let Some(kept) = node.and_then(|node| node.state.late.get_mut(late.output as usize)) {
            // SAFETY: see above.
            unsafe { routing::keep(late.width, self.blocks, late.from, late.to, frame, kept) };
        }
    }
}

impl Node {
    fn is_in_loop(&self) -> bool {
        !self.travels.is_empty()
    }

    fn run(
        &mut self,
        level: Level,
        blocks: &Blocks,
        cx: &Cx<'_>,
        span: Span,
        changes: &Changes,
        ramp: Ramp<'_>,
    ) -> Health {
        for mix in &self.mixes {
            // SAFETY: sums go to memory that only this node uses, and only now.
            unsafe { routing::mix(level, self.width, blocks, &mix.terms, ramp, mix.to, span) };
        }
        if self.is_in_loop() {
            self.modulate_frame(level, blocks, span, ramp);
        } else if self.modulated || self.state.moving {
            self.render_params(level, blocks, cx.frames, changes, ramp);
        }
        let state = &mut *self.state;
        let cx = Cx {
            voice_levels: &state.voices.settled,
            wanted: self.wanted,
            ..*cx
        };
        // SAFETY: the plan gives each output a block that overlaps nothing this node reads.
        let io = unsafe { Io::new(blocks, &self.inputs, &state.operands, &self.outputs, span) };
        if state.failed {
            io.silence_any(self.width);
            return Health::Fine;
        }
        state.instance.process(&cx, io)
    }

    /// Renders what moves and hands over what stands still.
    fn render_params(
        &mut self,
        level: Level,
        blocks: &Blocks,
        frames: usize,
        changes: &Changes,
        ramp: Ramp<'_>,
    ) {
        let NodeState {
            params,
            operands,
            moving,
            ..
        } = &mut *self.state;
        *moving = false;
        for ((operand, knob), param) in operands.iter_mut().zip(&self.knobs).zip(params) {
            let mut travel = [0.0; MAX_FRAMES];
            *operand = param.render(
                level,
                self.width,
                blocks,
                knob,
                frames,
                changes,
                &mut travel,
            );
            if !knob.terms.is_empty() {
                let span = Span::start(frames);
                // SAFETY: the frames of a param go to memory that only its node uses, and only now.
                unsafe {
                    routing::modulate(
                        level,
                        self.width,
                        blocks,
                        param.shape,
                        &travel,
                        &knob.terms,
                        ramp,
                        knob.to,
                        span,
                    );
                }
            }
            // What lies in a block now is handed over as a constant once it stands still.
            *moving |= matches!(operand, Operand::Block(_)) && knob.terms.is_empty();
        }
    }

    /// Before a loop runs: takes its params through the whole call.
    fn prepare(&mut self, level: Level, blocks: &Blocks, frames: usize, changes: &Changes) {
        if !self.modulated && !self.state.moving {
            return;
        }
        let NodeState {
            params,
            operands,
            moving,
            ..
        } = &mut *self.state;
        *moving = false;
        for (((operand, knob), param), travel) in operands
            .iter_mut()
            .zip(&self.knobs)
            .zip(params)
            .zip(&mut self.travels)
        {
            *operand = param.render(level, self.width, blocks, knob, frames, changes, travel);
            // What lies in a block now is handed over as a constant once it stands still.
            *moving |= matches!(operand, Operand::Block(_)) && knob.terms.is_empty();
        }
    }

    /// In a loop: what cables do to the params in one frame.
    fn modulate_frame(&mut self, level: Level, blocks: &Blocks, span: Span, ramp: Ramp<'_>) {
        if !self.modulated {
            return;
        }
        for ((knob, param), travel) in self.knobs.iter().zip(&self.state.params).zip(&self.travels)
        {
            if !knob.terms.is_empty() {
                // SAFETY: the frames of a param go to memory that only its node uses, and only now.
                unsafe {
                    routing::modulate(
                        level,
                        self.width,
                        blocks,
                        param.shape,
                        travel,
                        &knob.terms,
                        ramp,
                        knob.to,
                        span,
                    );
                }
            }
        }
    }
}

impl Param {
    /// Gives the node what to read in this call, and tells the travel where cables add to it.
    fn render(
        &mut self,
        level: Level,
        width: Width,
        blocks: &Blocks,
        knob: &Mix,
        frames: usize,
        changes: &Changes,
        travel: &mut [f32; MAX_FRAMES],
    ) -> Operand {
        let mut exact = [f32::NAN; MAX_FRAMES];
        let motion = self.advance(changes, frames, travel, &mut exact);
        if !knob.terms.is_empty() {
            if motion == Motion::Still {
                travel.fill(self.travel());
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
        // SAFETY: the frames of a param go to memory that only its node uses, and only now.
        unsafe { routing::write(level, width, blocks, values, knob.to) };
        Operand::Block(knob.to)
    }
}
