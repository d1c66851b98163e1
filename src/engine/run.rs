//! Runs the steps of a plan for one call.

mod feedback;
mod node;
mod nodes;
mod solo;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use weft_modules::routing::{self, Cables, Layout, Ramp, Term};
use weft_modules::{BlockIndex, Blocks, Cx, Level, MAX_FRAMES, Operand, Room, Span, Wanted, Width};

use self::node::Member;
use super::faults::{Fault, FaultBoard};
use super::loads::Meter;
use super::params::{Changes, Param};
use super::plan::{
    Act, Cast, Form, HushIndex, Mix, Node, Place, Plan, Range, Rest, Sleeper, Step, Tables, pending,
};
use super::solo::Soloists;
use super::voices::{GRID, SILENT, VoiceLevels, louder};

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
            let source = self.cast.state(domain.source);
            let asleep = source.is_some_and(|source| source.rest.asleep);
            if (domain.form == Form::Asleep) != asleep {
                domain.form = if asleep { Form::Asleep } else { Form::Together };
                self.lulls_known = false;
                for node in domain.served.of(&self.tables.served) {
                    let index = *node as usize;
                    if let (Some(node), Some(seat)) =
                        (self.nodes.get(index), self.cast.seats.get_mut(index))
                    {
                        seat.wanted = if asleep { Wanted::NONE } else { node.read };
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
            nodes: &self.nodes,
            cast: &mut self.cast,
            tables: &mut self.tables,
            faults: &self.faults,
            meter: self.loads.meter(cx.frames, cx.sample_rate),
            running: NOBODY,
            ran: Cell::new(0),
            again: None,
            turn: None,
        };
        let span = Span::start(cx.frames);
        let mut at = 0;
        call.tables.roused = false;
        let is_usual = matches!(ramp, Ramp::Arrived) && call.meter.is_none();
        let known = std::mem::take(&mut self.lulls_known) && is_usual;
        let mut failed = false;
        // The guard of last resort. Nothing here should panic; should it, the module that did falls
        // silent and the others play on.
        while catch_unwind(AssertUnwindSafe(|| {
            while let Some(step) = self.steps.get(at) {
                if !(known && step.lull.get()) || call.tables.roused {
                    step.lull.set(call.step(step, cx, span, onto));
                }
                at += 1;
            }
        }))
        .is_err()
        {
            failed = true;
            // Once more from the module that failed, which now writes silence.
            let index = std::mem::replace(&mut call.running, NOBODY).saturating_add(call.ran.get());
            match call.cast.seats.get_mut(index) {
                Some(seat) if !seat.pending.has(pending::FAILED) => {
                    seat.pending.set(pending::FAILED, true);
                    call.faults.count(index, Fault::Failed);
                    call.again = Some(index);
                }
                _ => {
                    call.turn = None;
                    at += 1;
                }
            }
        }
        self.lulls_known = is_usual && !failed && !self.tables.roused;
    }

    /// Moves a knob on a frame of the coming call.
    pub(super) fn turn(
        &mut self,
        place: Place,
        changes: &mut Changes,
        frame: u32,
        normalized: f32,
    ) {
        if let Some(node) = self.nodes.get(place.node as usize)
            && let Some(state) = self.cast.states.get_mut(place.node as usize)
            && let Some(seat) = self.cast.seats.get_mut(place.node as usize)
            && let Some(param) = state.params.get_mut(place.param as usize)
        {
            param.change(changes, frame, normalized);
            state.moving |= 1_u64.checked_shl(place.param).unwrap_or(0);
            seat.pending.set(pending::MOVING, true);
            self.lulls_known = false;
            // What had to stand still for the silence moves.
            let domain = usize::from(node.sleeper.0);
            if let Some(domain) = self.tables.domains.get_mut(domain)
                && domain.shut.of(&self.tables.shut).contains(&place)
            {
                domain.unite(
                    &mut self.cast,
                    &self.tables.members,
                    &mut self.tables.standing,
                );
                if let Some(source) = self.cast.state_mut(domain.source) {
                    source.rest = Rest::default();
                }
            }
        }
    }

    /// Takes over voice levels, and sends modules whose voices have been silent for long enough to
    /// sleep; called exactly on grid frames.
    pub(super) fn settle_voices(&mut self) {
        self.settle_domains();
        for source in &self.sources {
            if let Some(state) = self.cast.state_mut(*source) {
                state.voices.settle();
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
            let source = self.cast.state(domain.source);
            source.is_some_and(|source| source.rest.asleep)
        })
    }

    /// Whether some voices may be woken by a note, on its very frame.
    pub(super) fn waits_for_notes(&self) -> bool {
        self.tables.domains.iter().any(|domain| {
            let source = self.cast.state(domain.source);
            domain.form.soloists().is_some() || source.is_some_and(|source| source.rest.asleep)
        })
    }

    /// Wakes all modules that sleep until a note comes.
    pub(super) fn wake(&mut self) {
        for domain in &self.tables.domains {
            if let Some(source) = self.cast.state_mut(domain.source) {
                source.rest.wake();
            }
        }
    }

    /// Back to silence; knobs arrive where they were going.
    pub(super) fn reset(&mut self) {
        self.lulls_known = false;
        self.tables.standing.fill(0);
        for instance in &mut self.cast.instances {
            instance.reset();
        }
        for seat in &mut self.cast.seats {
            // Has the settled values handed over.
            seat.pending.set(pending::MOVING, true);
        }
        for state in &mut self.cast.states {
            state.params.iter_mut().for_each(Param::settle);
            state.moving = u64::MAX;
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

impl<'a> Around<'a> {
    /// Where the nodes of a plan read and write.
    ///
    /// # Safety
    /// The tables are those of the plan, which keeps its invariants, and no call is longer than a block.
    #[inline(always)]
    unsafe fn room<'t>(&self, tables: &'t Tables, span: Span) -> Room<'t>
    where
        'a: 't,
    {
        let Tables {
            inputs,
            params,
            outputs,
            ..
        } = tables;
        // SAFETY: the plan gives each output a block that overlaps nothing its node reads.
        unsafe { Room::new(self.blocks, inputs, params, outputs, span) }
    }

    /// What some cables bring, and where.
    #[inline(always)]
    fn cables<'t>(&self, mix: &Mix, terms: &'t [Term], span: Span) -> Cables<'t>
    where
        'a: 't,
    {
        Cables {
            blocks: self.blocks,
            terms: mix.terms.of(terms),
            ramp: self.ramp,
            to: mix.to,
            span,
        }
    }

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
    nodes: &'a [Node],
    cast: &'a mut Cast,
    tables: &'a mut Tables,
    faults: &'a FaultBoard,
    /// In calls in which modules are measured.
    meter: Option<Meter<'a>>,
    /// The node at work, should it fail, or the first of several.
    running: usize,
    /// How many of them have run.
    ran: Cell<usize>,
    /// The node that failed, while what comes after it in its step is still to be run.
    again: Option<usize>,
    /// The first frame of the turn at work.
    turn: Option<usize>,
}

// SAFETY, for each `unsafe` block below: the plan's invariants are what the functions demand, and
// whoever calls `Plan::run` borrows the plan exclusively, which keeps everyone else from its memory.
impl Call<'_> {
    /// Gives whether there was nothing to do, and nothing will be until something wakes who sleeps or rests.
    #[inline(always)]
    fn step(
        &mut self,
        step: &Step,
        cx: &mut Cx<'_>,
        span: Span,
        onto: &mut [&mut [f32]; 2],
    ) -> bool {
        let form = self.form(step.sleeper);
        // What most steps are, and so without the long way round.
        if let (Act::Run(nodes), Form::Together) = (&step.act, form) {
            return self.run_nodes(*nodes, cx, span);
        }
        if form != Form::Asleep {
            return self.act(step, form, cx, span, onto);
        }
        if let Act::Run(nodes) | Act::TakeTurns(nodes) = step.act {
            let mut seats = nodes.of(&self.cast.seats).iter();
            if seats.any(|seat| seat.pending.has(pending::MOVING)) {
                self.pass(nodes, cx.frames);
                return false;
            }
        }
        true
    }

    /// As [`Call::step`], of one that does not sleep and is more than to run modules with all lanes side by side.
    // A call of its own: of a patch that sleeps most steps are left out, and should cost nothing.
    #[inline(never)]
    fn act(
        &mut self,
        step: &Step,
        form: Form,
        cx: &mut Cx<'_>,
        span: Span,
        onto: &mut [&mut [f32]; 2],
    ) -> bool {
        match &step.act {
            Act::Run(nodes) => {
                if let Some(soloists) = form.soloists() {
                    self.run_solo(*nodes, soloists, cx, span);
                }
            }
            Act::TakeTurns(nodes) => self.take_turns(*nodes, cx, span),
            Act::Spread { width, from, to } => {
                if let Some(soloists) = form.soloists() {
                    self.spread_solo(soloists, *from, *to, span);
                    return false;
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
                    return true;
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
                    if let Some(state) = self.cast.state_mut(*source) {
                        state.voices.raise(&peaks);
                        state.rest.raise(peaks.into_iter().fold(0.0, louder));
                    }
                }
            }
            Act::Hear { at, singers, hush } => {
                if self.hush(*singers, *hush, *at) {
                    return true;
                }
                // SAFETY: see above.
                let peak =
                    unsafe { routing::peak(self.around.level, self.around.blocks, *at, span) };
                if let Some(domain) = self.tables.domains.get(usize::from(singers.0))
                    && let Some(source) = self.cast.state_mut(domain.source)
                {
                    source.rest.raise(peak);
                }
            }
            Act::Watch { node, width, gate } => {
                let Some(source) = self.cast.state_mut(*node) else {
                    return false;
                };
                // Afterwards its gates stand, and may lie elsewhere.
                if source.ran_at == Some(cx.position) {
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
                    source.rest.held |= source.up != 0;
                    source.rest.lanes.held |= source.up;
                }
            }
            Act::Part {
                width,
                gates,
                outputs,
            } => self.part(step.sleeper, *width, *gates, *outputs, cx, span),
            Act::Output { terms, hush } => {
                if self.tables.is_hushed(*hush) {
                    return true;
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
        false
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
    #[cold]
    fn pass(&mut self, nodes: Range, frames: usize) {
        let first = nodes.start();
        for (index, node) in (first..).zip(nodes.of(self.nodes)) {
            let Some(Member { seat, state, .. }) = Member::of(index, self.nodes, self.cast) else {
                continue;
            };
            if !seat.pending.has(pending::MOVING) {
                continue;
            }
            self.tables.stand(index, node.dependents, 0);
            let operands = node.params.of_mut(&mut self.tables.params);
            let mut moving = false;
            for (operand, param) in operands.iter_mut().zip(&mut state.params) {
                if !param.is_still() {
                    let (mut travel, mut exact) = ([0.0; MAX_FRAMES], [f32::NAN; MAX_FRAMES]);
                    let Around { level, changes, .. } = self.around;
                    param.advance(level, changes, frames, &mut travel, &mut exact);
                    moving |= !param.is_still();
                }
                *operand = Operand::Constant(param.plain());
            }
            seat.pending.set(pending::MOVING, moving);
        }
    }
}
