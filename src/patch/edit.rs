//! Edits: what people do to a patch, as data.

mod apply;
mod change;
mod error;
mod step;

use super::{Cable, ParamRef, Patch, PortRef, Transition};

pub(super) use apply::Editor;
pub(super) use change::Change;
pub use error::EditError;
pub(super) use step::Step;

/// How many characters the name of a patch or a colour may have.
pub const LONGEST_NAME: usize = 200;
/// How many characters the notes on a module may have.
pub const LONGEST_NOTES: usize = 10_000;

/// One thing a person does to a patch. See [`Patch::apply`].
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Adds a fresh module behind the others. Slots kept for a deleted module of its id are its own
    /// where it has params of the same names; its other params get free slots in order.
    Create {
        /// Its id, not taken yet.
        id: String,
        /// Its type's id in the catalog.
        kind: String,
        /// Where it stands, if that is decided.
        position: Option<(f32, f32)>,
    },
    /// Removes a module and its cables. Its slots are kept for it.
    Delete {
        /// The module's id.
        module: String,
    },
    /// Adds a cable.
    Connect {
        /// The cable.
        cable: Cable,
    },
    /// Removes a cable.
    Disconnect {
        /// Where it comes from.
        from: PortRef,
        /// Where it goes.
        to: PortRef,
    },
    /// Changes what a cable multiplies by.
    SetAmount {
        /// Where it comes from.
        from: PortRef,
        /// Where it goes.
        to: PortRef,
        /// Any finite number.
        amount: f32,
    },
    /// Makes a cable a feedback cable or an ordinary one.
    SetFeedback {
        /// Where it comes from.
        from: PortRef,
        /// Where it goes.
        to: PortRef,
        /// Whether it reads its source one sample late.
        feedback: bool,
    },
    /// Gives a module another id. Its sound, cables and slots stay; slots kept for a deleted module
    /// of the new id become free.
    Rename {
        /// The module's id.
        module: String,
        /// Its new id, not taken yet.
        to: String,
    },
    /// Makes a module one of another type, and keeps what fits: where it stands and what is written
    /// on it; cables at ports of the same names; slots of params of the same names; and the values of
    /// such params in the same unit. New params get free slots.
    Replace {
        /// The module's id.
        module: String,
        /// Its new type's id in the catalog. Nothing happens if it is of that type already.
        kind: String,
    },
    /// Puts a module elsewhere on the canvas.
    Move {
        /// The module's id.
        module: String,
        /// Where to, in points right of and below the middle.
        position: (f32, f32),
    },
    /// Sets a param to the nearest plain value it can take.
    SetValue {
        /// The module's id.
        module: String,
        /// The param.
        param: String,
        /// A finite number in the param's unit.
        plain: f32,
    },
    /// Gives a param a slot. The slot it had is free then. The slot must be free or kept for a
    /// module that does not exist.
    Bind {
        /// The slot, 1 to [`LAST_SLOT`](super::LAST_SLOT).
        slot: u16,
        /// The param.
        param: ParamRef,
    },
    /// Makes a slot free.
    Unbind {
        /// The slot.
        slot: u16,
    },
    /// Names the patch.
    SetName {
        /// At most [`LONGEST_NAME`] characters.
        name: String,
    },
    /// Says how the patch gives way when it is changed while it plays.
    SetTransition {
        /// Limited to its ranges.
        transition: Transition,
    },
    /// Colours a module's box.
    SetColor {
        /// The module's id.
        module: String,
        /// At most [`LONGEST_NAME`] characters.
        color: Option<String>,
    },
    /// Writes on a module.
    SetNotes {
        /// The module's id.
        module: String,
        /// At most [`LONGEST_NOTES`] characters.
        notes: Option<String>,
    },
    /// Takes another patch instead. None of its modules is one that was there before, even if it has
    /// the same id.
    Load {
        /// The patch.
        patch: Box<Patch>,
    },
}

/// How far a change of a patch reaches. Each reach includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nothing changed.
    Nothing,
    /// What is seen, and nothing that is heard: positions, colours, notes, the name of the patch.
    Layout,
    /// Values of params, which a running plan can take over as they are.
    Value,
    /// What slots carry or what modules are called: the host's names. The sound is the same.
    Binding,
    /// What plays: modules, cables, settings. Needs a new plan.
    Structure,
}

/// What came of edits, or of undoing them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// How far it reaches.
    pub reach: Reach,
    /// The params whose values changed, where the reach is less than [`Reach::Structure`]; beyond
    /// that any may have.
    pub values: Vec<ParamRef>,
}

impl Patch {
    /// Applies an edit.
    ///
    /// # Errors
    /// If it does not fit the patch. Then nothing is changed.
    pub fn apply(&mut self, edit: &Edit) -> Result<Changed, EditError> {
        self.apply_all(std::slice::from_ref(edit))
    }

    /// Applies edits one after the other, all or none. Only the last may not leave cables in a
    /// circle.
    ///
    /// # Errors
    /// If one does not fit the patch. Then nothing is changed.
    pub fn apply_all(&mut self, edits: &[Edit]) -> Result<Changed, EditError> {
        let step = self.step(edits)?;
        Ok(step.changed(self))
    }
}
