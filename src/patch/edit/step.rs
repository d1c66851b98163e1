//! Edits that are applied and undone together.

use std::collections::HashSet;

use super::{Change, Changed, Edit, EditError, Editor, Reach};
use crate::patch::{Cable, ParamRef, Patch};

/// What undoes edits, or does them again. It fits only the patch as they left it, but for values.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The changes to make, the last one first.
    changes: Vec<Change>,
    reach: Reach,
}

impl Step {
    pub(crate) fn new(changes: Vec<Change>, reach: Reach) -> Step {
        Step { changes, reach }
    }

    /// Whether there is nothing to undo.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether all of it turns what is there: values, positions, cables' amounts.
    pub(crate) fn is_turn(&self) -> bool {
        self.changes.iter().all(Change::is_turn)
    }

    /// Takes in a later turn, so that both are undone at once.
    pub(crate) fn absorb(&mut self, later: Step) {
        self.reach = self.reach.max(later.reach);
        for change in later.changes {
            if !self.changes.iter().any(|first| first.turns_same(&change)) {
                self.changes.push(change);
            }
        }
    }

    /// What making these edits, or undoing them, changed in the patch as it is now.
    pub(crate) fn changed(&self, patch: &Patch) -> Changed {
        let mut values = Vec::new();
        if self.reach < Reach::Structure {
            let mut seen = HashSet::new();
            for change in &self.changes {
                // Below the reach of structure no module changes its place.
                if let Change::Value(place, param, _) = *change
                    && seen.insert((place, param))
                    && let (id, module) = patch.modules.at(place)
                    && let Some(spec) = module.spec()
                {
                    values.push(ParamRef {
                        module: id.into(),
                        param: spec.params[param].id.into(),
                    });
                }
            }
        }
        Changed {
            reach: self.reach,
            values,
        }
    }
}

impl Patch {
    /// Applies edits and gives back what undoes them.
    pub(crate) fn step(&mut self, edits: &[Edit]) -> Result<Step, EditError> {
        let mut editor = Editor::new(self);
        let mut fault = None;
        for edit in edits {
            if let Err(error) = editor.edit(edit) {
                fault = Some(error);
                break;
            }
        }
        let (step, closes) = editor.finish();
        if let Some(fault) = fault {
            self.revert(step);
            return Err(fault);
        }
        let wanted = |cable: &Cable| {
            edits.iter().any(|edit| match edit {
                Edit::Connect { cable: made } => made.from == cable.from && made.to == cable.to,
                Edit::SetFeedback { from, to, .. } => *from == cable.from && *to == cable.to,
                _ => false,
            })
        };
        if !closes {
            return Ok(step);
        }
        let Some(circle) = self.circle_through(wanted) else {
            return Ok(step);
        };
        let again = self.revert(step);
        // A patch that was read with a circle must be open to edits, or nobody could mend it.
        if self.circle().is_none() {
            return Err(circle.into());
        }
        Ok(self.revert(again))
    }

    /// Undoes a step and gives back what does it again.
    pub(crate) fn revert(&mut self, step: Step) -> Step {
        let changes = step.changes.into_iter().rev();
        Step {
            changes: changes.map(|change| self.exchange(change)).collect(),
            reach: step.reach,
        }
    }
}
