//! Runs the steps of a plan for one call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use weft_modules::routing::{self, Ramp, Term, Travel};
use weft_modules::{
    BlockIndex, Blocks, Cx, Health, Io, Level, MAX_FRAMES, NoteEvent, Operand, Span, Wanted, Width,
};

use super::faults::{Fault, FaultBoard};
use super::loads::Meter;
use super::params::{Changes, Motion, Param};
use super::plan::{Act, Late, Loop, Mix, Node, Place, Plan, Rest, Sleeper, Step, Tables};
use super::voices::{GRID, SILENT, VoiceLevels};

/// The index of no node.
const NOBODY: usize = usize::MAX;

impl Plan {
    /// Runs everything once and adds what the host hears.
    pub(super) fn run(
        &mut self,
        cx: &Cx<'_>,
        changes: &Changes,
        ramp: Ramp<'_>,
        onto: &mut [&mut [f32]; 2],
    ) {
        for domain in &mut self.tables.domains {
            let source = self.nodes.get(domain.source as usize);
            domain.asleep = source.is_some_and(|source| source.state.rest.asleep);
        }
        let mut call = Call {
            level: self.level,
            nodes: &mut self.nodes,
            tables: &mut self.tables,
            blocks: &self.blocks,
            faults: &self.faults,
            meter: self.loads.meter(cx.frames, cx.sample_rate),
            changes,
            ramp,
            running: NOBODY,
        };
        let mut cx = *cx;
        let span = Span::start(cx.frames);
        let mut at = 0;
        // The guard of last resort. Nothing here should panic; should it, the module that did falls
        // silent and the others play on.
        while catch_unwind(AssertUnwindSafe(|| {
            while let Some(step) = self.steps.get(at) {
                call.step(step, &mut cx, span, onto);
                at += 1;
            }
        }))
        .is_err()
        {
            // Once more from the same step, in which the module that failed now writes silence.
            let index = std::mem::replace(&mut call.running, NOBODY);
            match call.nodes.get_mut(index) {
                Some(node) if !node.failed => {
                    node.failed = true;
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
            node.moving = true;
            // What had to stand still for the silence moves.
            if let Some(domain) = self.tables.domains.get(usize::from(node.sleeper.0))
                && domain.shut.of(&self.tables.shut).contains(&place)
                && let Some(source) = self.nodes.get_mut(domain.source as usize)
            {
                source.state.rest = Rest::default();
            }
        }
    }

    /// Takes over voice levels, and sends modules whose voices have been silent for long enough to
    /// sleep; called exactly on grid frames.
    pub(super) fn settle_voices(&mut self) {
        for source in &self.sources {
            if let Some(node) = self.nodes.get_mut(*source as usize) {
                node.state.voices.settle();
            }
        }
        for domain in &self.tables.domains {
            let shut = domain.shut.of(&self.tables.shut).iter().all(|place| {
                let node = self.nodes.get(place.node as usize);
                node.and_then(|node| node.state.params.get(place.param as usize))
                    .is_some_and(|param| param.is_still() && param.plain() == 0.0)
            });
            if let Some(source) = self.nodes.get_mut(domain.source as usize) {
                source.state.rest.settle(shut, self.sample_rate);
            }
        }
    }

    /// Whether modules may sleep only while this param stands at 0.
    pub(super) fn is_shut_by(&self, place: Place) -> bool {
        self.tables.shut.contains(&place)
    }

    /// Whether some modules sleep until a note comes.
    pub(super) fn sleeps(&self) -> bool {
        self.tables.domains.iter().any(|domain| {
            let source = self.nodes.get(domain.source as usize);
            source.is_some_and(|source| source.state.rest.asleep)
        })
    }

    /// Wakes all modules that sleep until a note comes.
    pub(super) fn wake(&mut self) {
        for domain in &self.tables.domains {
            if let Some(source) = self.nodes.get_mut(domain.source as usize) {
                source.state.rest = Rest::default();
            }
        }
    }

    /// Back to silence; knobs arrive where they were going.
    pub(super) fn reset(&mut self) {
        for node in &mut self.nodes {
            node.instance.reset();
            // Has the settled values handed over.
            node.moving = true;
            let state = &mut *node.state;
            state.params.iter_mut().for_each(Param::settle);
            state.voices = VoiceLevels::default();
            state.rest = Rest::default();
            state.rests = false;
            state.late.fill(SILENT);
        }
    }
}

/// What one call works on.
struct Call<'a> {
    level: Level,
    nodes: &'a mut [Node],
    tables: &'a mut Tables,
    blocks: &'a Blocks,
    faults: &'a FaultBoard,
    /// In calls in which modules are measured.
    meter: Option<Meter<'a>>,
    changes: &'a Changes,
    ramp: Ramp<'a>,
    /// The node at work, should it fail.
    running: usize,
}

// SAFETY, for each `unsafe` block below: the plan's invariants are what the functions demand, and
// whoever calls `Plan::run` borrows the plan exclusively, which keeps everyone else from its memory.
impl Call<'_> {
    #[inline]
    fn step(&mut self, step: &Step, cx: &mut Cx<'_>, span: Span, onto: &mut [&mut [f32]; 2]) {
        if self.is_asleep(step.sleeper) {
            if let Act::Run(node) = step.act {
                self.pass(node as usize, cx.frames);
            }
            return;
        }
        match &step.act {
            Act::Run(node) => {
                if self.meter.is_some() {
                    self.time_node(*node as usize, cx, span);
                } else {
                    self.run_node(*node as usize, cx, span);
                }
            }
            Act::Spread { width, from, to } => {
                // SAFETY: see above.
                unsafe { routing::spread(self.level, *width, self.blocks, *from, *to, span) }
            }
            Act::Widen { from, to } => {
                // SAFETY: see above.
                unsafe { routing::widen(self.blocks, *from, *to, span) }
            }
            Act::SumLanes {
                width,
                from,
                to,
                sources,
                singers,
            } => {
                if self.is_asleep(*singers) {
                    // SAFETY: see above.
                    unsafe { routing::silence(self.blocks, *to, span) };
                    return;
                }
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
                for source in sources.of(&self.tables.heard) {
                    if let Some(node) = self.nodes.get_mut(*source as usize) {
                        node.state.voices.raise(&peaks);
                        node.state.rest.raise(peaks.into_iter().fold(0.0, f32::max));
                    }
                }
            }
            Act::Hear { at, singers } => {
                if self.is_asleep(*singers) {
                    // SAFETY: see above.
                    unsafe { routing::silence(self.blocks, *at, span) };
                    return;
                }
                // SAFETY: see above.
                let peak = unsafe { routing::peak(self.level, self.blocks, *at, span) };
                if let Some(domain) = self.tables.domains.get(usize::from(singers.0))
                    && let Some(source) = self.nodes.get_mut(domain.source as usize)
                {
                    source.state.rest.raise(peak);
                }
            }
            Act::Watch { node, width, gate } => {
                // Looked at on the grid only, so that it does not depend on how the host cuts its blocks.
                let end = cx.position.wrapping_add(cx.frames as u64);
                if end.is_multiple_of(GRID)
                    && let Some(source) = self.nodes.get_mut(*node as usize)
                {
                    // SAFETY: see above.
                    source.state.rest.held |=
                        unsafe { routing::is_up(*width, self.blocks, *gate, span) };
                }
            }
            Act::Output(terms) => {
                for (term, onto) in terms.iter().zip(onto) {
                    // SAFETY: see above.
                    unsafe { routing::add_onto(self.blocks, term, self.ramp, onto) };
                }
            }
            Act::Delay(late) => {
                self.resume(late);
                for frame in 0..cx.frames {
                    self.keep(late, frame);
                }
            }
            Act::Loop(inner) => self.run_loop(inner, cx),
        }
    }

    #[inline]
    fn is_asleep(&self, sleeper: Sleeper) -> bool {
        let domain = self.tables.domains.get(usize::from(sleeper.0));
        domain.is_some_and(|domain| domain.asleep)
    }

    /// A call in which a node sleeps: only its knobs go their way.
    fn pass(&mut self, index: usize, frames: usize) {
        if let Some(node) = self.nodes.get_mut(index)
            && node.moving
        {
            let operands = node.params_mut(&mut self.tables.operands);
            node.moving = false;
            for (operand, param) in operands.iter_mut().zip(&mut node.state.params) {
                if !param.is_still() {
                    let (mut travel, mut exact) = ([0.0; MAX_FRAMES], [f32::NAN; MAX_FRAMES]);
                    param.advance(self.changes, frames, &mut travel, &mut exact);
                    node.moving |= !param.is_still();
                }
                *operand = Operand::Constant(param.plain());
            }
        }
    }

    fn run_loop(&mut self, inner: &Loop, cx: &Cx<'_>) {
        for node in &inner.nodes {
            self.prepare(*node as usize, cx.frames);
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
            let mut cx = Cx {
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
                    &mut cx,
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

    #[inline(always)]
    fn run_node(&mut self, index: usize, cx: &mut Cx<'_>, span: Span) {
        let Some(node) = self.nodes.get_mut(index) else {
            return;
        };
        self.running = index;
        let is_plain = node.is_plain && !node.moving && !node.failed;
        if !is_plain {
            node.prepare(
                self.level,
                self.blocks,
                self.tables,
                span,
                self.changes,
                self.ramp,
            );
        }
        cx.wanted = node.wanted;
        // SAFETY: the plan gives each output a block that overlaps nothing this node reads.
        let io = unsafe {
            Io::new(
                self.blocks,
                node.ports.of(&self.tables.operands),
                node.outputs.of(&self.tables.outputs),
                span,
            )
        };
        let health = if is_plain {
            node.instance.process(cx, io)
        } else {
            node.run(self.level, cx, io, self.tables, self.blocks, span)
        };
        if health == Health::NotFinite {
            self.faults.count(index, Fault::NotFinite);
        }
        self.running = NOBODY;
    }

    /// Runs a node by the clock.
    #[cold]
    #[inline(never)]
    fn time_node(&mut self, index: usize, cx: &mut Cx<'_>, span: Span) {
        let start = Instant::now();
        self.run_node(index, cx, span);
        if let Some(meter) = self.meter {
            meter.count(index, start);
        }
    }

    /// Before a loop runs: takes the params of a node through the whole call.
    fn prepare(&mut self, index: usize, frames: usize) {
        let Some(node) = self.nodes.get_mut(index) else {
            return;
        };
        if !node.moving && node.modulated.is_empty() {
            return;
        }
        node.moving = false;
        let travels = node.travels.of_mut(&mut self.tables.travels);
        let operands = node.params_mut(&mut self.tables.operands);
        let knobs = node.knobs.of(&self.tables.knobs);
        let cables = node.modulated.of(&self.tables.mixes);
        for (port, (((operand, param), travel), knob)) in operands
            .iter_mut()
            .zip(&mut node.state.params)
            .zip(travels)
            .zip(knobs)
            .enumerate()
        {
            let mut exact = [f32::NAN; MAX_FRAMES];
            let motion = param.advance(self.changes, frames, travel, &mut exact);
            if let Some(cables) = cables.iter().find(|mix| mix.port as usize == port) {
                if motion == Motion::Still {
                    travel.fill(param.travel());
                }
                *operand = Operand::Block(cables.to);
            } else if motion == Motion::Still {
                *operand = Operand::Constant(param.plain());
            } else {
                let travel = travel.get_mut(..frames).unwrap_or_default();
                param.write(self.level, self.blocks, node.width, travel, &exact, *knob);
                *operand = Operand::Block(*knob);
                // What lies in a block now is handed over as a constant once it stands still.
                node.moving = true;
            }
        }
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
    /// Makes ready what the module reads: sums of cables, and params that move.
    #[inline(never)]
    fn prepare(
        &mut self,
        level: Level,
        blocks: &Blocks,
        tables: &mut Tables,
        span: Span,
        changes: &Changes,
        ramp: Ramp<'_>,
    ) {
        for sum in self.sums.of(&tables.mixes) {
            let terms = sum.terms.of(&tables.terms);
            // SAFETY: sums go to memory that only this node uses, and only now.
            unsafe { routing::mix(level, self.width, blocks, terms, ramp, sum.to, span) };
        }
        if self.moving || !self.modulated.is_empty() {
            if self.travels.is_empty() {
                self.render_params(level, blocks, tables, span.frames, changes, ramp);
            } else {
                self.modulate_frame(level, blocks, tables, span, ramp);
            }
        }
    }

    /// Runs a module about which something is out of the ordinary.
    #[inline(never)]
    fn run(
        &mut self,
        level: Level,
        cx: &mut Cx<'_>,
        io: Io<'_>,
        tables: &Tables,
        blocks: &Blocks,
        span: Span,
    ) -> Health {
        if self.failed {
            io.silence_any(self.width);
            return Health::Fine;
        }
        let server = tables.domains.get(usize::from(self.served.0));
        if server.is_some_and(|domain| domain.asleep) {
            cx.wanted = Wanted::NONE;
        }
        if self.may_rest {
            return self.listen(level, cx, io, &tables.operands, blocks, span);
        }
        if self.is_source {
            let cx = Cx {
                voice_levels: &self.state.voices.settled,
                ..*cx
            };
            return self.instance.process(&cx, io);
        }
        self.instance.process(cx, io)
    }

    /// Renders what moves and hands over what stands still.
    fn render_params(
        &mut self,
        level: Level,
        blocks: &Blocks,
        tables: &mut Tables,
        frames: usize,
        changes: &Changes,
        ramp: Ramp<'_>,
    ) {
        let was_moving = std::mem::take(&mut self.moving);
        let operands = self.params_mut(&mut tables.operands);
        let cables = self.modulated.of(&tables.mixes);
        let params = &mut self.state.params;
        if was_moving {
            let knobs = self.knobs.of(&tables.knobs);
            for (port, ((operand, param), knob)) in
                operands.iter_mut().zip(&mut *params).zip(knobs).enumerate()
            {
                if cables.iter().any(|mix| mix.port as usize == port) {
                    continue;
                }
                if param.is_still() {
                    *operand = Operand::Constant(param.plain());
                    continue;
                }
                let (mut travel, mut exact) = ([0.0; MAX_FRAMES], [f32::NAN; MAX_FRAMES]);
                param.advance(changes, frames, &mut travel, &mut exact);
                let travel = travel.get_mut(..frames).unwrap_or_default();
                param.write(level, blocks, self.width, travel, &exact, *knob);
                *operand = Operand::Block(*knob);
                // What lies in a block now is handed over as a constant once it stands still.
                self.moving = true;
            }
        }
        for mix in cables {
            let port = mix.port as usize;
            let (Some(param), Some(operand)) = (params.get_mut(port), operands.get_mut(port))
            else {
                continue;
            };
            *operand = Operand::Block(mix.to);
            let (mut travel, mut exact);
            let travel = if param.is_still() {
                Travel::Still(param.travel())
            } else {
                (travel, exact) = ([0.0; MAX_FRAMES], [f32::NAN; MAX_FRAMES]);
                param.advance(changes, frames, &mut travel, &mut exact);
                self.moving = true;
                Travel::Moving(&travel)
            };
            let span = Span::start(frames);
            param.modulate(
                level,
                blocks,
                self.width,
                travel,
                mix,
                &tables.terms,
                ramp,
                span,
            );
        }
    }

    /// Runs a module that rests while it hears nothing.
    fn listen(
        &mut self,
        level: Level,
        cx: &Cx<'_>,
        io: Io<'_>,
        operands: &[Operand],
        blocks: &Blocks,
        span: Span,
    ) -> Health {
        let mut first = 0;
        if self.state.rests {
            let inputs = self.ports.of(operands).iter().take(self.inputs as usize);
            // SAFETY: inputs are read only, and nobody writes them now.
            let heard =
                inputs.filter_map(|input| unsafe { routing::onset(level, blocks, *input, span) });
            first = heard.min().unwrap_or(span.frames);
            io.silence_any(self.width);
            if first >= span.frames {
                return Health::Fine;
            }
            self.state.rests = false;
        }
        let cx = Cx {
            frames: cx.frames - first,
            position: cx.position.wrapping_add(first as u64),
            // Modules that rest hear no notes; theirs would be off by what is left out.
            notes: &[],
            audio_in: cx
                .audio_in
                .map(|audio| audio.get(first..).unwrap_or_default()),
            ..*cx
        };
        let health = self.instance.process(&cx, io.after(first));
        // Asked on the grid only, so that it does not depend on how the host cuts its blocks.
        self.state.rests = cx
            .position
            .wrapping_add(cx.frames as u64)
            .is_multiple_of(GRID)
            && self.instance.rests();
        health
    }

    /// In a loop: what cables do to the params in one frame.
    fn modulate_frame(
        &mut self,
        level: Level,
        blocks: &Blocks,
        tables: &Tables,
        span: Span,
        ramp: Ramp<'_>,
    ) {
        let travels = self.travels.of(&tables.travels);
        for mix in self.modulated.of(&tables.mixes) {
            let port = mix.port as usize;
            if let (Some(param), Some(travel)) = (self.state.params.get(port), travels.get(port)) {
                let travel = Travel::Moving(travel);
                param.modulate(
                    level,
                    blocks,
                    self.width,
                    travel,
                    mix,
                    &tables.terms,
                    ramp,
                    span,
                );
            }
        }
    }
}

impl Param {
    /// Writes what its travel and the cables to it make, where its module reads it.
    fn modulate(
        &self,
        level: Level,
        blocks: &Blocks,
        width: Width,
        travel: Travel<'_>,
        cables: &Mix,
        terms: &[Term],
        ramp: Ramp<'_>,
        span: Span,
    ) {
        let terms = cables.terms.of(terms);
        // SAFETY: the frames of a param go to memory that only its node uses, and only now.
        unsafe {
            routing::modulate(
                level, width, blocks, self.shape, travel, terms, ramp, cables.to, span,
            );
        }
    }

    /// Writes the values of its travel where its module reads them, exact where the knob stands.
    fn write(
        &self,
        level: Level,
        blocks: &Blocks,
        width: Width,
        travel: &mut [f32],
        exact: &[f32; MAX_FRAMES],
        to: BlockIndex,
    ) {
        if self.is_continuous() {
            routing::shape(level, self.shape, travel);
        }
        for (value, exact) in travel.iter_mut().zip(exact) {
            if !exact.is_nan() {
                *value = *exact;
            }
        }
        // SAFETY: the frames of a param go to memory that only its node uses, and only now.
        unsafe { routing::write(level, width, blocks, travel, to) };
    }
}
