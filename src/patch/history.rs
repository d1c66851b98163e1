//! Undo and redo.

use std::collections::VecDeque;

use super::edit::{Change, Step};
use super::{Changed, Edit, EditError, Patch, Reach};

/// How many steps can be undone. Those before are forgotten.
pub const STEPS: usize = 500;

/// A patch and the edits that made it, to be undone and done again.
///
/// Nothing else changes the patch but [`set_value`](Self::set_value), so undo always fits.
#[derive(Clone, Debug, Default)]
pub struct History {
    patch: Patch,
    /// What undoes each step, the oldest first.
    done: VecDeque<Step>,
    /// What does undone steps again, the one undone last at the end.
    undone: Vec<Step>,
    gesture: Gesture,
}

/// Whether turns are gathered into one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gesture {
    #[default]
    None,
    /// The first turn opens a step.
    Begun,
    /// Turns go into the last step.
    Open,
}

impl History {
    /// Begins with a patch.
    pub fn new(patch: Patch) -> History {
        History {
            patch,
            ..History::default()
        }
    }

    /// The patch as it is now.
    pub fn patch(&self) -> &Patch {
        &self.patch
    }

    /// Applies edits, all or none, as one step. A step that changes nothing is none.
    ///
    /// # Errors
    /// If one does not fit the patch. Then nothing is changed, and redo is still possible.
    pub fn apply(&mut self, edits: &[Edit]) -> Result<Changed, EditError> {
        let step = self.patch.step(edits)?;
        Ok(self.keep(step))
    }

    /// Returns to another state of this patch, such as the one that plays, as one step. Its modules
    /// stay the same ones.
    pub fn return_to(&mut self, patch: &Patch) -> Changed {
        let keys = |patch: &Patch| -> Vec<_> {
            let modules = patch.modules.iter();
            modules.map(|(_, module)| module.key()).collect()
        };
        let same = self.patch == *patch && keys(&self.patch) == keys(patch);
        let changes = (!same).then(|| self.patch.exchange(Change::Whole(patch.clone().into())));
        let reach = if same {
            Reach::Nothing
        } else {
            Reach::Structure
        };
        self.gesture = Gesture::None;
        self.keep(Step::new(changes.into_iter().collect(), reach))
    }

    /// Sets a param to the nearest plain value it can take, outside undo: what the host's automation
    /// does. NaN sets the default. Returns whether there is such a param.
    pub fn set_value(&mut self, module: &str, param: &str, plain: f32) -> bool {
        self.patch.set_value(module, param, plain)
    }

    /// From now on turns, such as values, positions and amounts set again and again while a knob or
    /// box is dragged, are one step together. Any other edit, undo and redo end the gesture.
    pub fn begin_gesture(&mut self) {
        self.gesture = Gesture::Begun;
    }

    /// Each edit is a step of its own again.
    pub fn end_gesture(&mut self) {
        self.gesture = Gesture::None;
    }

    /// Undoes the last step; `None` if there is none.
    pub fn undo(&mut self) -> Option<Changed> {
        self.gesture = Gesture::None;
        let step = self.patch.revert(self.done.pop_back()?);
        let changed = step.changed(&self.patch);
        self.undone.push(step);
        Some(changed)
    }

    /// Does again what was undone last; `None` if nothing was undone since the last edit.
    pub fn redo(&mut self) -> Option<Changed> {
        self.gesture = Gesture::None;
        let step = self.patch.revert(self.undone.pop()?);
        let changed = step.changed(&self.patch);
        self.done.push_back(step);
        Some(changed)
    }

    /// How many steps can be undone.
    pub fn undoable(&self) -> usize {
        self.done.len()
    }

    /// How many steps can be done again.
    pub fn redoable(&self) -> usize {
        self.undone.len()
    }

    fn keep(&mut self, step: Step) -> Changed {
        let changed = step.changed(&self.patch);
        if step.is_empty() {
            return changed;
        }
        self.undone.clear();
        if !step.is_turn() {
            self.gesture = Gesture::None;
        }
        match (self.gesture, self.done.back_mut()) {
            (Gesture::Open, Some(last)) => last.absorb(step),
            _ => {
                self.done.push_back(step);
                if self.done.len() > STEPS {
                    self.done.pop_front();
                }
                if self.gesture == Gesture::Begun {
                    self.gesture = Gesture::Open;
                }
            }
        }
        changed
    }
}
