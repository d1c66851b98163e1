//! One node of a plan in one call.

use weft_modules::routing::{self, Term, Travel};
use weft_modules::{
    AnyInstance, BlockIndex, Cx, Health, MAX_FRAMES, Operand, Room, Seat, Span, Width,
};

use super::Around;
use crate::engine::faults::{Fault, FaultBoard};
use crate::engine::params::Param;
use crate::engine::plan::{Cast, Mix, Node, NodeState, Tables, pending};
use crate::engine::solo::Soloists;
use crate::engine::voices::GRID;

/// One node of a plan at work.
pub(super) struct Member<'a> {
    pub(super) node: &'a Node,
    pub(super) seat: &'a mut Seat,
    pub(super) instance: &'a mut AnyInstance,
    pub(super) state: &'a mut NodeState,
}

impl<'a> Member<'a> {
    /// The node with this index.
    #[inline(always)]
    pub(super) fn of(index: usize, nodes: &'a [Node], cast: &'a mut Cast) -> Option<Member<'a>> {
        Some(Member {
            node: nodes.get(index)?,
            seat: cast.seats.get_mut(index)?,
            instance: cast.instances.get_mut(index)?,
            state: cast.states.get_mut(index)?,
        })
    }
}

impl Member<'_> {
    /// Makes ready what the module reads: sums of cables, and params that move. Gives whether any of those is
    /// shared by all lanes.
    fn prepare(
        &mut self,
        index: usize,
        around: &Around<'_>,
        tables: &mut Tables,
        span: Span,
    ) -> bool {
        if !self.node.travels.is_empty() {
            self.sum_cables(around, tables, span);
            self.modulate_frame(around, tables, span);
        } else if self.seat.pending.has(pending::MOVING) {
            self.sum_cables(around, tables, span);
            return self.render_params(around, tables, span.frames);
        } else if !tables.are_laid(index) {
            self.lay_cables(index, around, tables, span);
        }
        false
    }

    /// Makes ready what cables bring while no knob moves.
    #[inline(never)]
    pub(super) fn lay_cables(
        &self,
        index: usize,
        around: &Around<'_>,
        tables: &mut Tables,
        span: Span,
    ) {
        let mut all_still = self.sum_cables(around, tables, span);
        for mix in self.node.modulated.of(&tables.mixes) {
            let port = mix.port as usize;
            if let Some(param) = self.state.params.get(port) {
                let travel = Travel::Still(param.travel());
                let read =
                    param.modulate(around, self.node.width, travel, mix, &tables.terms, span);
                all_still &= matches!(read, Operand::Still(_));
                let params = self.node.params.of_mut(&mut tables.params);
                if let Some(operand) = params.get_mut(port) {
                    *operand = read;
                }
            }
        }
        if self.node.keeps_cables
            && all_still
            && let Some(standing) = tables.standing.get_mut(index)
        {
            *standing = 1;
        }
    }

    /// Sums cables into inputs. Gives whether all of them stand still.
    #[inline(always)]
    fn sum_cables(&self, around: &Around<'_>, tables: &mut Tables, span: Span) -> bool {
        let mut all_still = true;
        for sum in self.node.sums.of(&tables.mixes) {
            let cables = around.cables(sum, &tables.terms, span);
            let mut read = Operand::Block(sum.to);
            around.each_layout(self.node.width, |layout| {
                // SAFETY: sums go to memory that only this node uses, and only now.
                read = unsafe { routing::mix(around.level, layout, &cables) };
            });
            all_still &= matches!(read, Operand::Still(_));
            let inputs = self.node.inputs.of_mut(&mut tables.inputs);
            if let Some(operand) = inputs.get_mut(sum.port as usize) {
                *operand = read;
            }
        }
        all_still
    }

    /// Runs a module that may be run with no more ado.
    #[inline(always)]
    pub(super) fn process(
        &mut self,
        around: &Around<'_>,
        tables: &Tables,
        cx: &mut Cx<'_>,
        span: Span,
    ) -> Health {
        // SAFETY: the tables are those of its plan, and no call is longer than a block.
        unsafe {
            self.instance
                .process(self.seat, cx, &around.room(tables, span))
        }
    }

    /// Runs a module about which something is out of the ordinary.
    #[inline(never)]
    pub(super) fn run(
        &mut self,
        index: usize,
        around: &Around<'_>,
        tables: &mut Tables,
        cx: &mut Cx<'_>,
        span: Span,
    ) -> Health {
        tables.hush(self.node.hush, false);
        // Its gates are looked at anew, even if it failed and is silent from now on.
        (self.state.ran_at, self.state.up) = (Some(cx.position), 0);
        if self.seat.pending.has(pending::FAILED) {
            self.silence(around, tables, span);
            return Health::FINE;
        }
        if self.prepare(index, around, tables, span) {
            // SAFETY: the tables are those of its plan, and no call is longer than a block; what is shared is
            // a mono block.
            return unsafe {
                let room = around.room(tables, span);
                self.instance.process_shared(self.seat, cx, &room)
            };
        }
        if self.node.may_rest {
            return self.listen(around, tables, cx, span);
        }
        if self.seat.pending.has(pending::SOURCE) {
            let mut cx = Cx {
                voice_levels: &self.state.voices.settled,
                ..*cx
            };
            // SAFETY: the tables are those of its plan, and no call is longer than a block.
            return unsafe {
                self.instance
                    .process(self.seat, &mut cx, &around.room(tables, span))
            };
        }
        self.process(around, tables, cx, span)
    }

    /// Runs a module once for each voice that sounds alone.
    pub(super) fn run_solo(
        &mut self,
        index: usize,
        around: &Around<'_>,
        soloists: Soloists,
        tables: &mut Tables,
        cx: &mut Cx<'_>,
        span: Span,
    ) -> Health {
        let pending = self.seat.pending;
        let failed = pending.has(pending::FAILED);
        if pending.has(pending::CABLED.and(pending::MOVING)) && !failed {
            self.prepare(index, around, tables, span);
        }
        let Tables {
            inputs,
            params,
            outputs,
            ..
        } = &*tables;
        let mut health = Health::ALL;
        for (place, _) in soloists.places() {
            // SAFETY: as in `Around::room`; the nodes of a domain whose voices sound alone read and write
            // nothing but blocks of several lanes, and no other is run here.
            let room =
                unsafe { Room::of_voice(around.blocks, place, inputs, params, outputs, span) };
            health = match self.state.solo.get_mut(place) {
                Some(Some(instance)) if !failed => {
                    // SAFETY: as above.
                    health.and(unsafe { instance.process(self.seat, cx, &room) })
                }
                _ => {
                    let outputs = self.node.outputs.of(outputs).len();
                    room.at(self.seat.ports).silence_any(Width::One, outputs);
                    health.and(Health::FINE)
                }
            };
        }
        health
    }

    /// Renders what moves and hands over what stands still. Gives whether any of it is shared by all lanes.
    fn render_params(&mut self, around: &Around<'_>, tables: &mut Tables, frames: usize) -> bool {
        let Around { level, changes, .. } = *around;
        // Voices that sound alone have nobody to share with.
        let shares = match around.soloists {
            None => u64::from(self.node.shares),
            Some(_) => 0,
        };
        let (mut moving, mut shared) = (false, false);
        let operands = self.node.params.of_mut(&mut tables.params);
        let cables = self.node.modulated.of(&tables.mixes);
        let params = &mut self.state.params;
        let knobs = self.node.knobs.of(&tables.knobs);
        // Most knobs stand still, and are not even looked at.
        let mut left = self.state.moving & !self.node.cabled;
        while left != 0 {
            let port = left.trailing_zeros() as usize;
            let bit = left & left.wrapping_neg();
            left &= !bit;
            let (Some(param), Some(operand), Some(knob)) = (
                params.get_mut(port),
                operands.get_mut(port),
                knobs.get(port),
            ) else {
                self.state.moving &= bit.wrapping_sub(1);
                break;
            };
            if param.is_still() {
                self.state.moving &= !bit;
                *operand = Operand::Constant(param.plain());
                continue;
            }
            if shares & bit != 0 {
                param.render(around, Width::One, frames, *knob);
                *operand = Operand::Shared(*knob);
                shared = true;
            } else {
                param.render(around, self.node.width, frames, *knob);
                *operand = Operand::Block(*knob);
            }
            // What lies in a block now is handed over as a constant once it stands still.
            moving = true;
        }
        for mix in cables {
            let port = mix.port as usize;
            let (Some(param), Some(operand)) = (params.get_mut(port), operands.get_mut(port))
            else {
                continue;
            };
            let mut travel;
            let travel = if param.is_still() {
                self.state.moving &= !1_u64.checked_shl(mix.port).unwrap_or(0);
                Travel::Still(param.travel())
            } else {
                travel = [0.0; MAX_FRAMES];
                param.go(level, changes, frames, &mut travel);
                moving = true;
                Travel::Moving(&travel)
            };
            let span = Span::start(frames);
            *operand = param.modulate(around, self.node.width, travel, mix, &tables.terms, span);
        }
        self.seat.pending.set(pending::MOVING, moving);
        shared
    }

    /// Takes in what a call found.
    #[inline(always)]
    pub(super) fn heed(
        &mut self,
        health: Health,
        index: usize,
        tables: &mut Tables,
        faults: &FaultBoard,
        span: Span,
    ) {
        if self.seat.pending.has(pending::MAY_STAND) {
            let frames = if health.stands() { span.frames } else { 0 };
            tables.stand(index, self.node.dependents, frames);
        }
        if health != self.seat.health {
            self.heed_change(health, index, tables, faults);
        }
    }

    /// Takes in what differs from what the call before found.
    #[cold]
    fn heed_change(
        &mut self,
        health: Health,
        index: usize,
        tables: &mut Tables,
        faults: &FaultBoard,
    ) {
        tables.hold(self.node.readers, health.held());
        self.seat.health = health;
        if health == Health::NOT_FINITE {
            faults.count(index, Fault::NotFinite);
            // Not remembered, so that the next one counts as well.
            self.seat.health = Health::FINE;
        }
    }

    /// Whether it rests, and is known to hear nothing in this call.
    #[inline(always)]
    pub(super) fn rests_on(&self, tables: &Tables) -> bool {
        let is_lasting = self.seat.pending.has(pending::LASTING);
        let Some(hearing) = self.node.hearing.filter(|_| !is_lasting) else {
            return false;
        };
        let mut hearing = hearing.of(&tables.hearing).iter();
        self.state.rests && hearing.all(|hush| tables.is_hushed(*hush))
    }

    /// It rests throughout the call.
    #[inline(always)]
    pub(super) fn fall_silent(&self, around: &Around<'_>, tables: &mut Tables) {
        if tables.hush(self.node.hush, true) {
            self.silence(around, tables, Span::start(MAX_FRAMES));
        }
    }

    /// Writes silence to its outputs.
    #[inline(never)]
    fn silence(&self, around: &Around<'_>, tables: &Tables, span: Span) {
        let outputs = self.node.outputs.of(&tables.outputs);
        // SAFETY: nobody else uses the outputs of a node while it runs, and nothing is read.
        let room = unsafe { Room::new(around.blocks, &[], &[], outputs, span) };
        room.at([0; 3]).silence_any(self.node.width, outputs.len());
    }

    /// Runs a module that rests while it hears nothing.
    fn listen(
        &mut self,
        around: &Around<'_>,
        tables: &mut Tables,
        cx: &mut Cx<'_>,
        span: Span,
    ) -> Health {
        let mut first = 0;
        if self.state.rests {
            let inputs = self.node.inputs.of(&tables.inputs).iter();
            // SAFETY: inputs are read only, and nobody writes them now.
            let heard = inputs.filter_map(|input| unsafe {
                routing::onset(around.level, around.blocks, *input, span)
            });
            first = heard.min().unwrap_or(span.frames);
            if first >= span.frames {
                self.fall_silent(around, tables);
                return Health::FINE;
            }
            self.silence(around, tables, span);
            self.state.rests = false;
        }
        // SAFETY: the tables are those of its plan, and no call is longer than a block.
        let room = unsafe { around.room(tables, span) };
        let health = if first == 0 {
            // SAFETY: as above.
            unsafe { self.instance.process(self.seat, cx, &room) }
        } else {
            let mut cx = Cx {
                frames: cx.frames - first,
                position: cx.position.wrapping_add(first as u64),
                // Modules that rest hear no notes; theirs would be off by what is left out.
                notes: &[],
                audio_in: cx
                    .audio_in
                    .map(|audio| audio.get(first..).unwrap_or_default()),
                ..*cx
            };
            // SAFETY: as above; the call is shorter, and so is its span.
            unsafe {
                self.instance
                    .process(self.seat, &mut cx, &room.after(first))
            }
        };
        // Asked on the grid only, so that it does not depend on how the host cuts its blocks.
        let end = cx.position.wrapping_add(cx.frames as u64);
        self.state.rests = end.is_multiple_of(GRID) && self.instance.rests();
        health
    }

    /// In a loop: what cables do to the params in one frame.
    fn modulate_frame(&mut self, around: &Around<'_>, tables: &Tables, span: Span) {
        let travels = self.node.travels.of(&tables.travels);
        for mix in self.node.modulated.of(&tables.mixes) {
            let port = mix.port as usize;
            if let (Some(param), Some(travel)) = (self.state.params.get(port), travels.get(port)) {
                let travel = Travel::Moving(travel);
                // A travel that moves leaves nothing still.
                let _ = param.modulate(around, self.node.width, travel, mix, &tables.terms, span);
            }
        }
    }
}

impl Param {
    /// Writes what its travel and the cables to it make. Gives what its module reads.
    fn modulate(
        &self,
        around: &Around<'_>,
        width: Width,
        travel: Travel<'_>,
        cables: &Mix,
        terms: &[Term],
        span: Span,
    ) -> Operand {
        let cables = around.cables(cables, terms, span);
        let mut read = Operand::Block(cables.to);
        around.each_layout(width, |layout| {
            // SAFETY: the frames of a param go to memory that only its node uses, and only now.
            read = unsafe { routing::modulate(around.level, layout, &cables, &self.shape, travel) };
        });
        read
    }

    /// Runs through a call in which no cable moves it, and writes its values where its module reads them.
    fn render(&mut self, around: &Around<'_>, width: Width, frames: usize, to: BlockIndex) {
        let Around {
            level,
            blocks,
            changes,
            ..
        } = *around;
        let shape = &self.shape;
        if self.is_continuous()
            && let Some(way) = self.way(frames)
        {
            let mut travel = None;
            around.each_layout(width, |layout| {
                // SAFETY: the frames of a param go to memory that only its node uses, and only now.
                let end = unsafe { routing::follow(level, layout, blocks, shape, way, to, frames) };
                travel = Some(end);
            });
            if let Some(travel) = travel {
                self.went(frames, travel);
                return;
            }
        }
        let (mut travel, mut exact) = ([0.0; MAX_FRAMES], [f32::NAN; MAX_FRAMES]);
        self.advance(level, changes, frames, &mut travel, &mut exact);
        let travel = travel.get_mut(..frames).unwrap_or_default();
        self.write(around, width, travel, &exact, to);
    }

    /// Writes the values of its travel where its module reads them, exact where the knob stands.
    pub(super) fn write(
        &self,
        around: &Around<'_>,
        width: Width,
        travel: &mut [f32],
        exact: &[f32; MAX_FRAMES],
        to: BlockIndex,
    ) {
        let Around { level, blocks, .. } = *around;
        if self.is_continuous() {
            routing::shape(level, self.shape, travel);
        }
        if self.stood() {
            for (value, exact) in travel.iter_mut().zip(exact) {
                if !exact.is_nan() {
                    *value = *exact;
                }
            }
        }
        around.each_layout(width, |layout| {
            // SAFETY: the frames of a param go to memory that only its node uses, and only now.
            unsafe { routing::write(level, layout, blocks, travel, to) };
        });
    }
}
