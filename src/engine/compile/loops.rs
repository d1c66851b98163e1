//! Adding modules that hear each other through feedback cables.

use super::Builder;
use super::tables::always;
use super::values::{Fit, Values};
use crate::engine::buffers::{BlockPool, Sharing};
use crate::engine::plan::{Act, Loop};

impl Builder<'_> {
    /// Adds modules that run frame by frame.
    pub(super) fn add_loop(&mut self, members: &[usize]) {
        let mut late = Vec::new();
        for at in members.iter().flat_map(|node| self.values.read_at(*node)) {
            let index = self.values.reading(at).value;
            let value = self.values.value(index);
            if value.late {
                let index = match value.fit {
                    Fit::AsIs => Some(index),
                    _ => self.values.source(index),
                };
                late.extend(index.filter(|index| !late.contains(index)));
            }
        }
        let is_own = |values: &Values, index| members.contains(&values.value(index).node);
        let (late, from_outside): (Vec<_>, Vec<_>) = late
            .into_iter()
            .partition(|index| is_own(&self.values, *index));
        // What is late from elsewhere is made so in whole calls, before the loop.
        for value in from_outside {
            self.place(value);
        }
        self.kept = Some(Vec::new());
        // What feedback cables bring lies ready before anything runs.
        for value in &late {
            let place = self.pool.take(self.values.width_of(*value));
            self.values.put(*value, place);
        }
        let before = std::mem::take(&mut self.steps);
        let first = self.nodes.len() as u32;
        for &node in members {
            // Modules of a loop take turns, so each needs memory of its own.
            let mut scratch = BlockPool::after(self.pool.lines(), Sharing::ByLiveness);
            self.pool.reserve(Self::scratch_lines(&self.recipe, node));
            self.add(node, &mut scratch);
        }
        let late = late
            .into_iter()
            .filter_map(|value| {
                let from = self.values.source(value)?;
                let (from, to) = (self.values.place(from)?, self.values.place(value)?);
                Some(self.late(value, from, to))
            })
            .collect();
        let steps = std::mem::replace(&mut self.steps, before);
        let nodes = (first..self.nodes.len() as u32).collect();
        self.steps.push(always(Act::Loop(Box::new(Loop {
            steps: steps.into(),
            nodes,
            late,
        }))));
        self.steps.append(&mut self.heard);
        for index in self.kept.take().unwrap_or_default() {
            self.release(index);
            let value = self.values.value(index);
            if value.late
                && value.fit == Fit::AsIs
                && is_own(&self.values, index)
                && self.values.place(index).is_none()
                && let Some(source) = self.values.source(index)
            {
                self.release(source);
            }
        }
    }
}
