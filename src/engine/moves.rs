//! Moves what lives from one plan to another.

use std::hint::black_box;

use weft_modules::{Operand, Seat};

use super::plan::{Domain, Node, NodeState, Plan, Range, Rest, RestOfLanes, pending};

/// One of several parts of a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Where it begins and ends, of so many parts.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) of: usize,
}

impl Share {
    /// This share of a table.
    pub(super) fn of<T>(self, table: &[T]) -> &[T] {
        table.get(self.range(table.len())).unwrap_or_default()
    }

    /// See [`Share::of`].
    pub(super) fn of_mut<T>(self, table: &mut [T]) -> &mut [T] {
        let range = self.range(table.len());
        table.get_mut(range).unwrap_or_default()
    }

    fn range(self, entries: usize) -> std::ops::Range<usize> {
        let at = |part: usize| entries * part.min(self.of) / self.of.max(1);
        at(self.from)..at(self.to)
    }
}

/// Modules that follow one another in two plans: where the first is here and there, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    from: u32,
    to: u32,
    count: u32,
}

impl Move {
    /// Joins pairs of nodes here and there, of the same kind each.
    pub(super) fn join(mut pairs: Vec<(u32, u32)>) -> Box<[Move]> {
        pairs.sort_unstable();
        let mut moves: Vec<Move> = Vec::new();
        for (from, to) in pairs {
            match moves.last_mut() {
                Some(last) if (last.from + last.count, last.to + last.count) == (from, to) => {
                    last.count += 1;
                }
                _ => moves.push(Move { from, to, count: 1 }),
            }
        }
        moves.into()
    }

    /// Where they are here, and where there.
    #[inline]
    fn ranges(self) -> [std::ops::Range<usize>; 2] {
        [self.from, self.to].map(|first| first as usize..first as usize + self.count as usize)
    }
}

impl Node {
    /// What nodes that follow one another read at their params.
    fn params_of(nodes: &[Node]) -> Range {
        match nodes {
            [first, .., last] => first.params.through(last.params),
            [only] => only.params,
            [] => Range::default(),
        }
    }
}

impl Plan {
    /// Reads a share of what lies in the tables. Another thread wrote it, so whoever reads it first has
    /// to wait for that one's cache. What will be written is written as it is, for that waits as well.
    ///
    /// Realtime safety: reads and writes memory.
    pub(super) fn approach(&mut self, share: Share) {
        // One in each cache line, or more.
        for seat in share.of_mut(&mut self.cast.seats).iter_mut().step_by(2) {
            seat.pending = black_box(seat.pending);
        }
        let instances = share.of_mut(&mut self.cast.instances);
        for line in instances.chunks_mut(2) {
            line.swap(0, black_box(0));
        }
        for step in share.of(&self.steps) {
            black_box(step.sleeper);
        }
        let states = share.of_mut(&mut self.cast.states);
        for line in states.chunks_mut(8) {
            line.swap(0, black_box(0));
        }
        // Eight of each to a cache line, or sixteen.
        for input in share.of(&self.tables.inputs).iter().step_by(8) {
            black_box(*input);
        }
        for param in share.of_mut(&mut self.tables.params).iter_mut().step_by(8) {
            *param = black_box(*param);
        }
        for output in share.of(&self.tables.outputs).iter().step_by(16) {
            black_box(*output);
        }
        for mix in share.of(&self.tables.mixes) {
            black_box(mix.port);
        }
        for term in share.of(&self.tables.terms) {
            black_box(term.from);
        }
    }

    /// Hands modules over to another plan. What stood there comes back here.
    ///
    /// Realtime safety: moves pointers and copies a few words.
    pub(super) fn hand_over(&mut self, to: &mut Plan, moves: &[Move]) {
        self.unite();
        (self.lulls_known, to.lulls_known) = (false, false);
        for moved in moves {
            let [here, there] = moved.ranges();
            let (Some(nodes), Some(to_nodes)) =
                (self.nodes.get(here.clone()), to.nodes.get(there.clone()))
            else {
                continue;
            };
            // Params of nodes that follow one another do so too.
            let params = Node::params_of(nodes).of(&self.tables.params);
            let now = Node::params_of(to_nodes).of_mut(&mut to.tables.params);
            if params.len() == now.len() {
                now.copy_from_slice(params);
            }
            exchange(
                self.cast.states.get_mut(here.clone()),
                to.cast.states.get_mut(there.clone()),
            );
            exchange(
                self.cast.instances.get_mut(here.clone()),
                to.cast.instances.get_mut(there.clone()),
            );
            let seats = self.cast.seats.get(here).unwrap_or_default();
            let unusual = |seat: &Seat| {
                let pending = pending::UNUSUAL.and(pending::CABLED);
                seat.pending.has(pending)
            };
            // Nothing is pending there yet that lasts.
            for (at, seat) in (0..).zip(seats).filter(|(_, seat)| unusual(seat)) {
                let (Some(node), Some(to_node)) = (nodes.get(at), to_nodes.get(at)) else {
                    break;
                };
                let at = there.start + at;
                let to_seat = to.cast.seats.get_mut(at);
                if let (Some(to_seat), Some(to_state)) = (to_seat, to.cast.states.get_mut(at)) {
                    let params = to_node.params.of_mut(&mut to.tables.params);
                    if node.may_rest && !to_node.may_rest {
                        // Else it would rest on, whatever it played meanwhile, when it comes to a plan in
                        // which it may.
                        to_state.rests = false;
                    }
                    hand_over_pending(seat, to_seat, to_state, params);
                }
            }
        }
        to.forget_what_nobody_counts();
    }

    /// As with rest: has note sources forget how long their voices have been silent, together or each by
    /// itself, where nobody sleeps for it here.
    fn forget_what_nobody_counts(&mut self) {
        for domain in &self.tables.domains {
            if domain.members.is_empty()
                && let Some(state) = self.cast.state_mut(domain.source)
            {
                state.rest.lanes = RestOfLanes::default();
            }
        }
        for source in &self.sources {
            let has_sleepers = |domain: &Domain| domain.source == *source;
            if !self.tables.domains.iter().any(has_sleepers)
                && let Some(state) = self.cast.state_mut(*source)
            {
                state.rest = Rest::default();
            }
        }
    }
}

/// Swaps what lies here and there, if there is as much of both.
#[inline(always)]
fn exchange<T>(here: Option<&mut [T]>, there: Option<&mut [T]>) {
    if let (Some(here), Some(there)) = (here, there)
        && here.len() == there.len()
    {
        here.swap_with_slice(there);
    }
}

/// Hands over what is pending, and what a module reads at its params if it is in a block.
fn hand_over_pending(here: &Seat, there: &mut Seat, state: &mut NodeState, read: &mut [Operand]) {
    for bit in [pending::MOVING, pending::FAILED] {
        there.pending.set(bit, here.pending.has(bit));
    }
    for (read, param) in read.iter_mut().zip(&state.params) {
        // Blocks have other places there, so it must be told anew.
        if !matches!(read, Operand::Constant(_)) {
            *read = Operand::Constant(param.plain());
            there.pending.set(pending::MOVING, true);
            state.moving = u64::MAX;
        }
    }
}
