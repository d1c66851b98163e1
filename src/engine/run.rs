//! Runs the steps of a plan for one call.

mod node;
mod solo;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use weft_modules::routing::{self, Layout, Ramp};
use weft_modules::{
    BlockIndex, Blocks, Cx, Health, Level, MAX_FRAMES, NoteEvent, Operand, Span, Wanted, Width,
};

use super::faults::{Fault, FaultBoard};
use super::loads::Meter;
use super::params::{Changes, Motion, Param};
use super::plan::{
    Act, Form, HushIndex, Late, Loop, Node, Place, Plan, Range, Rest, Sleeper, Step, Tables,
};
use super::solo::Soloists;
use super::turns::TURN;
use super::voices::{GRID, SILENT, VoiceLevels};

/// The index of no node.
const NOBODY: usize = usize::MAX;

impl Plan {
    /// Runs everything once and adds what the host hears.
    pub(super) fn run(
        &mut self,
        cx: &mut Cx<'_>,
        changes: &Changes,
        ramp: Ramp<'_>,
        onto: &mut [&mut [f32]; 2],
    ) {
        for domain in &mut self.tables.domains {
            let source = self.nodes.get(domain.source as usize);
            let asleep = source.is_some_and(|source| source.state.rest.asleep);
            if (domain.form == Form::Asleep) != asleep {
                domain.form = if asleep { Form::Asleep } else { Form::Together };
                for node in domain.served.of(&self.tables.served) {
                    let index = *node as usize;
                    if let Some(node) = self.nodes.get_mut(index) {
                        node.wanted = if asleep { Wanted::NONE } else { node.read };
                    }
                    if let Some(standing) = self.tables.standing.get_mut(index) {
                        *standing = 0;
                    }
                }
            }
        }
        let mut call = Call {
            around: Around {
                level: self.level,
                blocks: &self.blocks,
                changes,
                ramp,
                soloists: None,
            },
            nodes: &mut self.nodes,
            tables: &mut self.tables,
            faults: &self.faults,
            meter: self.loads.meter(cx.frames, cx.sample_rate),
            running: NOBODY,
            again: None,
            turn: None,
        };
        let span = Span::start(cx.frames);
        let mut at = 0;
        // The guard of last resort. Nothing here should panic; should it, the module that did falls
        // silent and the others play on.
        while catch_unwind(AssertUnwindSafe(|| {
            while let Some(step) = self.steps.get(at) {
                call.step(step, cx, span, onto);
                at += 1;
            }
        }))
        .is_err()
        {
            // Once more from the module that failed, which now writes silence.
            let index = std::mem::replace(&mut call.running, NOBODY);
            match call.nodes.get_mut(index) {
                Some(node) if !node.failed => {
                    node.failed = true;
                    call.faults.count(index, Fault::Failed);
                    call.again = Some(index);
                }
                _ => {
                    call.turn = None;
                    at += 1;
                }
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
            let domain = usize::from(node.sleeper.0);
            if let Some(domain) = self.tables.domains.get_mut(domain)
                && domain.shut.of(&self.tables.shut).contains(&place)
            {
                domain.unite(
                    &mut self.nodes,
                    &self.tables.members,
                    &mut self.tables.standing,
                );
                if let Some(source) = self.nodes.get_mut(domain.source as usize) {
                    source.state.rest = Rest::default();
                }
            }
        }
    }

    /// Takes over voice levels, and sends modules whose voices have been silent for long enough to
    /// sleep; called exactly on grid frames.
    pub(super) fn settle_voices(&mut self) {
        self.settle_domains();
        for source in &self.sources {
            if let Some(node) = self.nodes.get_mut(*source as usize) {
                node.state.voices.settle();
            }
        }
    }

    /// Whether modules may sleep only while this param stands at 0.
    pub(super) fn is_shut_by(&self, place: Place) -> bool {
        self.tables.shut.contains(&place)
    }

    /// Whether some modules sleep until a note comes.
    #[cfg(test)]
    pub(super) fn sleeps(&self) -> bool {
        self.tables.domains.iter().any(|domain| {
            let source = self.nodes.get(domain.source as usize);
            source.is_some_and(|source| source.state.rest.asleep)
        })
    }

    /// Whether some voices may be woken by a note, on its very frame.
    pub(super) fn waits_for_notes(&self) -> bool {
        self.tables.domains.iter().any(|domain| {
            let source = self.nodes.get(domain.source as usize);
            domain.form.soloists().is_some()
                || source.is_some_and(|source| source.state.rest.asleep)
        })
    }

    /// Wakes all modules that sleep until a note comes.
    pub(super) fn wake(&mut self) {
        for domain in &self.tables.domains {
            if let Some(source) = self.nodes.get_mut(domain.source as usize) {
                source.state.rest.wake();
            }
        }
    }

    /// Back to silence; knobs arrive where they were going.
    pub(super) fn reset(&mut self) {
        self.tables.standing.fill(0);
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
        for domain in &mut self.tables.domains {
            // Whose voices sound alone lies in no instance any more; who sleeps is woken by the next call.
            if domain.form.soloists().is_some() {
                domain.form = Form::Together;
            }
        }
    }
}

/// What surrounds the nodes in one call.
#[derive(Clone, Copy)]
struct Around<'a> {
    level: Level,
    blocks: &'a Blocks,
    changes: &'a Changes,
    ramp: Ramp<'a>,
    /// The voices that sound alone, for modules that are run so.
    soloists: Option<Soloists>,
}

impl Around<'_> {
    /// Calls `f` with each way in which the signals lie that a module so wide reads and writes.
    #[inline(always)]
    fn each_layout(&self, width: Width, mut f: impl FnMut(Layout)) {
        match self.soloists {
            None => f(Layout::wide(width)),
            Some(soloists) => soloists
                .places()
                .for_each(|(place, _)| f(Layout::alone(place))),
        }
    }
}

/// What one call works on.
struct Call<'a> {
    around: Around<'a>,
    nodes: &'a mut [Node],
    tables: &'a mut Tables,
    faults: &'a FaultBoard,
    /// In calls in which modules are measured.
    meter: Option<Meter<'a>>,
    /// The node at work, should it fail.
    running: usize,
    /// The node that failed, while what comes after it in its step is still to be run.
    again: Option<usize>,
    /// The first frame of the turn at work.
    turn: Option<usize>,
}

// SAFETY, for each `unsafe` block below: the plan's invariants are what the functions demand, and
// whoever calls `Plan::run` borrows the plan exclusively, which keeps everyone else from its memory.
impl Call<'_> {
    #[inline]
    fn step(&mut self, step: &Step, cx: &mut Cx<'_>, span: Span, onto: &mut [&mut [f32]; 2]) {
        let form = self.form(step.sleeper);
        if form == Form::Asleep {
            if let Act::Run(nodes) | Act::TakeTurns(nodes) = step.act {
                self.pass(nodes, cx.frames);
            }
            return;
        }
        match &step.act {
            Act::Run(nodes) => match form.soloists() {
                None => self.run_nodes(*nodes, cx, span),
                Some(soloists) => self.run_solo(*nodes, soloists, cx, span),
            },
            Act::TakeTurns(nodes) => self.take_turns(*nodes, cx, span),
            Act::Spread { width, from, to } => {
                if let Some(soloists) = form.soloists() {
                    return self.spread_solo(soloists, *from, *to, span);
                }
                // SAFETY: see above.
                unsafe {
                    routing::spread(
                        self.around.level,
                        *width,
                        self.around.blocks,
                        *from,
                        *to,
                        span,
                    )
                }
            }
            Act::Widen { from, to } => {
                // SAFETY: see above.
                unsafe { routing::widen(self.around.blocks, *from, *to, span) }
            }
            Act::SumLanes {
                width,
                from,
                to,
                sources,
                singers,
                hush,
            } => {
                if self.hush(*singers, *hush, *to) {
                    return;
                }
                let mut peaks = SILENT;
                let Around { level, blocks, .. } = self.around;
                match self.form(*singers).soloists() {
                    // SAFETY: see above.
                    None => unsafe {
                        routing::sum_lanes(level, *width, blocks, *from, *to, span, &mut peaks);
                    },
                    Some(soloists) => self.sum_solo(soloists, *from, *to, span, &mut peaks),
                }
                for source in sources.of(&self.tables.heard) {
                    if let Some(node) = self.nodes.get_mut(*source as usize) {
                        node.state.voices.raise(&peaks);
                        node.state.rest.raise(peaks.into_iter().fold(0.0, f32::max));
                    }
                }
            }
            Act::Hear { at, singers, hush } => {
                if self.hush(*singers, *hush, *at) {
                    return;
                }
                // SAFETY: see above.
                let peak =
                    unsafe { routing::peak(self.around.level, self.around.blocks, *at, span) };
                if let Some(domain) = self.tables.domains.get(usize::from(singers.0))
                    && let Some(source) = self.nodes.get_mut(domain.source as usize)
                {
                    source.state.rest.raise(peak);
                }
            }
            Act::Watch { node, width, gate } => {
                let Some(source) = self.nodes.get_mut(*node as usize) else {
                    return;
                };
                // Afterwards its gates stand, and may lie elsewhere.
                if source.ran_at == cx.position {
                    let last = Span {
                        first: (span.first + span.frames).saturating_sub(1),
                        frames: 1,
                    };
                    let Around { level, blocks, .. } = self.around;
                    // SAFETY: see above.
                    source.up |= unsafe { routing::lanes_up(level, *width, blocks, *gate, last) };
                }
                // Heeded on the grid only, so that it does not depend on how the host cuts its blocks.
                let end = cx.position.wrapping_add(cx.frames as u64);
                if end.is_multiple_of(GRID) {
                    source.state.rest.held |= source.up != 0;
                    source.state.rest.lanes.held |= source.up;
                }
            }
            Act::Part {
                width,
                gates,
                outputs,
            } => self.part(step.sleeper, *width, *gates, *outputs, cx, span),
            Act::Output { terms, hush } => {
                if self.tables.is_hushed(*hush) {
                    return;
                }
                let Around {
                    level,
                    blocks,
                    ramp,
                    ..
                } = self.around;
                for (term, onto) in terms.iter().zip(onto) {
                    // SAFETY: see above.
                    unsafe { routing::add_onto(level, blocks, term, ramp, onto) };
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

    /// How modules are run that sleep with these.
    #[inline(always)]
    fn form(&self, sleeper: Sleeper) -> Form {
        match self.tables.domains.get(usize::from(sleeper.0)) {
            Some(domain) => domain.form,
            None => Form::Together,
        }
    }

    /// Whether those who make a mono block sleep. Then it is silent.
    fn hush(&mut self, singers: Sleeper, hush: HushIndex, at: BlockIndex) -> bool {
        let silent = self.form(singers) == Form::Asleep;
        if self.tables.hush(hush, silent) {
            // SAFETY: see above.
            unsafe { routing::silence(self.around.blocks, at, Span::start(MAX_FRAMES)) };
        }
        silent
    }

    /// A call in which nodes sleep: only their knobs go their way.
    fn pass(&mut self, nodes: Range, frames: usize) {
        let first = nodes.start();
        for (index, node) in (first..).zip(nodes.of_mut(self.nodes)) {
            if !node.moving {
                continue;
            }
            self.tables.stand(index, node.dependents, 0);
            let operands = node.params_mut(&mut self.tables.operands);
            node.moving = false;
            for (operand, param) in operands.iter_mut().zip(&mut node.state.params) {
                if !param.is_still() {
                    let (mut travel, mut exact) = ([0.0; MAX_FRAMES], [f32::NAN; MAX_FRAMES]);
                    let Around { level, changes, .. } = self.around;
                    param.advance(level, changes, frames, &mut travel, &mut exact);
                    node.moving |= !param.is_still();
                }
                *operand = Operand::Constant(param.plain());
            }
        }
    }

    /// Runs nodes one after the other, each for the whole span.
    #[inline]
    fn run_nodes(&mut self, nodes: Range, cx: &mut Cx<'_>, span: Span) {
        let again = self.again.take().filter(|index| nodes.has(*index));
        let first = again.unwrap_or(nodes.start());
        if let Some(meter) = self.meter {
            return self.time_nodes(first..nodes.end(), meter, cx, span);
        }
        let nodes = self.nodes.get_mut(first..nodes.end()).unwrap_or_default();
        for (index, node) in (first..).zip(nodes) {
            if node.goes_on_standing(index, self.tables, cx, span) {
                continue;
            }
            self.running = index;
            let health = if node.is_plain_now() {
                if node.is_cabled {
                    node.lay_cables(&self.around, self.tables, span);
                }
                node.process(&self.around, self.tables, cx, span)
            } else if node.rests_on(self.tables) {
                node.fall_silent(&self.around, self.tables);
                Health::FINE
            } else {
                node.run(&self.around, self.tables, cx, span)
            };
            node.heed(health, index, self.tables, self.faults, span);
        }
        self.running = NOBODY;
    }

    /// As [`Call::run_nodes`], by the clock.
    #[cold]
    #[inline(never)]
    fn time_nodes(
        &mut self,
        nodes: std::ops::Range<usize>,
        meter: Meter<'_>,
        cx: &mut Cx<'_>,
        span: Span,
    ) {
        let known = self.meter.take();
        for index in nodes {
            let start = Instant::now();
            self.run_nodes(Range::one(index as u32), cx, span);
            meter.count(index, start);
        }
        self.meter = known;
    }

    /// Runs nodes a few frames at a time in turn.
    fn take_turns(&mut self, nodes: Range, cx: &mut Cx<'_>, span: Span) {
        let may = || nodes.of(self.nodes).iter().all(Node::is_plain_now) && self.meter.is_none();
        if self.turn.is_none() && (self.again.is_some() || !may()) {
            return self.run_nodes(nodes, cx, span);
        }
        let mut first = self.turn.unwrap_or(0);
        while first < span.frames {
            self.turn = Some(first);
            let frames = TURN.min(span.frames - first);
            let mut cx = Cx {
                frames,
                position: cx.position.wrapping_add(first as u64),
                notes: &[],
                audio_in: [&[]; 4],
                ..*cx
            };
            let span = Span {
                first: span.first + first,
                frames,
            };
            self.run_nodes(nodes, &mut cx, span);
            first += frames;
        }
        self.turn = None;
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
            let Around { level, changes, .. } = self.around;
            let motion = param.advance(level, changes, frames, travel, &mut exact);
            if let Some(cables) = cables.iter().find(|mix| mix.port as usize == port) {
                if motion == Motion::Still {
                    travel.fill(param.travel());
                }
                *operand = Operand::Block(cables.to);
            } else if motion == Motion::Still {
                *operand = Operand::Constant(param.plain());
            } else {
                let travel = travel.get_mut(..frames).unwrap_or_default();
                param.write(&self.around, node.width, travel, &exact, *knob);
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
            unsafe { routing::resume(late.width, self.around.blocks, late.to, frame) };
        }
    }

    /// Keeps a frame for feedback cables.
    fn keep(&mut self, late: &Late, frame: usize) {
        let node = self.nodes.get_mut(late.node as usize);
        if let Some(kept) = node.and_then(|node| node.state.late.get_mut(late.output as usize)) {
            // SAFETY: see above.
            unsafe {
                routing::keep(
                    late.width,
                    self.around.blocks,
                    late.from,
                    late.to,
                    frame,
                    kept,
                )
            };
        }
    }
}
