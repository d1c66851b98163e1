//! Circles of modules, and cables that bring what was heard a frame ago.

use weft_modules::routing;
use weft_modules::{Cx, MAX_FRAMES, NoteEvent, Operand, Span};

use super::node::Member;
use super::{Around, Call};
use crate::engine::params::Motion;
use crate::engine::plan::{Late, Loop, pending};

// SAFETY, for each `unsafe` block below: as in `super`.
impl Call<'_> {
    /// Runs a circle of modules frame by frame.
    pub(super) fn run_loop(&mut self, inner: &Loop, cx: &Cx<'_>) {
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
        let Some(Member {
            node, seat, state, ..
        }) = Member::of(index, self.nodes, self.cast)
        else {
            return;
        };
        if !seat.pending.has(pending::MOVING) && node.modulated.is_empty() {
            return;
        }
        let mut moving = false;
        let travels = node.travels.of_mut(&mut self.tables.travels);
        let operands = node.params.of_mut(&mut self.tables.params);
        let knobs = node.knobs.of(&self.tables.knobs);
        let cables = node.modulated.of(&self.tables.mixes);
        for (port, (((operand, param), travel), knob)) in operands
            .iter_mut()
            .zip(&mut state.params)
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
                moving = true;
            }
        }
        seat.pending.set(pending::MOVING, moving);
    }

    /// Has the last frame of the call before ready for feedback cables.
    pub(super) fn resume(&self, late: &Late) {
        let state = self.cast.state(late.node);
        if let Some(frame) = state.and_then(|state| state.late.get(late.output as usize)) {
            // SAFETY: see above.
            unsafe { routing::resume(late.width, self.around.blocks, late.to, frame) };
        }
    }

    /// Keeps a frame for feedback cables.
    pub(super) fn keep(&mut self, late: &Late, frame: usize) {
        let state = self.cast.state_mut(late.node);
        if let Some(kept) = state.and_then(|state| state.late.get_mut(late.output as usize)) {
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
