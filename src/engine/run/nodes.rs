//! Nodes one after the other in one call.

use std::time::Instant;

use weft_modules::{AnyInstance, Cx, Health, Pending, Span, TURN};

use super::node::Member;
use super::{Call, NOBODY};
use crate::engine::loads::Meter;
use crate::engine::plan::{Range, pending};

// SAFETY, for each `unsafe` block below: as in `super`.
impl Call<'_> {
    /// Runs nodes one after the other, each for the whole span. Gives whether all of them rest.
    #[inline(never)]
    pub(super) fn run_nodes(&mut self, nodes: Range, cx: &mut Cx<'_>, span: Span) -> bool {
        let mut index = nodes.start();
        if self.again.is_some() || self.meter.is_some() {
            match self.begin_unusually(nodes, cx, span) {
                Some(first) => index = first,
                None => return false,
            }
        }
        let mut awake = 0;
        let end = nodes.end().min(self.nodes.len());
        while index < end {
            self.running = index;
            self.ran.set(0);
            let Some(seat) = self.cast.seats.get(index) else {
                break;
            };
            if seat.pending == Pending::NONE {
                let seats = self.cast.seats.get(index..end).unwrap_or_default();
                let instances = self.cast.instances.get_mut(index..end).unwrap_or_default();
                // SAFETY: see above.
                let ran = unsafe {
                    let room = self.around.room(self.tables, span);
                    AnyInstance::run(instances, seats, cx, &room, &self.ran)
                };
                awake += 1;
                index += ran.count.max(1);
                self.heed_last(index - 1, ran.health, span);
            } else {
                if self.tables.goes_on_standing(index, seat.pending, cx, span) {
                    awake += 1;
                } else {
                    awake += usize::from(self.attend(index, cx, span));
                }
                index += 1;
            }
        }
        self.running = NOBODY;
        awake == 0
    }

    /// Where to begin among some nodes in a call that is not as most are, unless they have all run then.
    #[cold]
    fn begin_unusually(&mut self, nodes: Range, cx: &mut Cx<'_>, span: Span) -> Option<usize> {
        let again = self.again.take().filter(|index| nodes.has(*index));
        let first = again.unwrap_or(nodes.start());
        match self.meter {
            Some(meter) => {
                self.time_nodes(first..nodes.end(), meter, cx, span);
                None
            }
            None => Some(first),
        }
    }

    /// Takes in what the last of a row found.
    #[inline(always)]
    fn heed_last(&mut self, index: usize, health: Health, span: Span) {
        let seat = self.cast.seats.get(index);
        if seat.is_some_and(|seat| health != seat.health)
            && let Some(mut member) = Member::of(index, self.nodes, self.cast)
        {
            member.heed(health, index, self.tables, self.faults, span);
        }
    }

    /// Runs a node at which something is pending, unless it rests. Gives whether it does not.
    #[inline(always)]
    fn attend(&mut self, index: usize, cx: &mut Cx<'_>, span: Span) -> bool {
        let Some(mut member) = Member::of(index, self.nodes, self.cast) else {
            return false;
        };
        let health = if !member.seat.pending.has(pending::UNUSUAL) {
            if member.seat.pending.has(pending::CABLED) && !self.tables.are_laid(index) {
                member.lay_cables(index, &self.around, self.tables, span);
            }
            member.process(&self.around, self.tables, cx, span)
        } else if member.rests_on(self.tables) {
            member.fall_silent(&self.around, self.tables);
            member.heed(Health::FINE, index, self.tables, self.faults, span);
            return false;
        } else {
            member.run(index, &self.around, self.tables, cx, span)
        };
        member.heed(health, index, self.tables, self.faults, span);
        true
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
    pub(super) fn take_turns(&mut self, nodes: Range, cx: &mut Cx<'_>, span: Span) {
        let may = || {
            let seats = nodes.of(&self.cast.seats).iter();
            self.meter.is_none() && seats.map(|seat| seat.pending).all(|it| it == Pending::NONE)
        };
        if self.turn.is_none() && (self.again.is_some() || !may()) {
            self.run_nodes(nodes, cx, span);
            return;
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
}
