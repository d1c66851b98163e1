//! Why an edit is refused.

use crate::patch::cable::listed;
use crate::patch::{BuildError, Circle, LAST_SLOT, ParamRef, SlotFault};

/// Why an edit is refused. The patch is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A module or cable cannot be added.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Cables would run in a circle.
    #[error(transparent)]
    Circle(#[from] Circle),
    /// There is no such module.
    #[error("there is no module \"{module}\"; it may have been deleted or renamed")]
    NoModule {
        /// The id.
        module: String,
    },
    /// The module's type is not known, so its params are not either.
    #[error(
        "module \"{module}\" is a \"{kind}\", which this Weft does not know, so its params cannot be \
         changed; replace it by another type, or update Weft"
    )]
    Placeholder {
        /// The module's id.
        module: String,
        /// The type.
        kind: String,
    },
    /// The module has no such param.
    #[error("module \"{module}\" has no param \"{param}\" ({})", listed(has))]
    NoParam {
        /// The module's id.
        module: String,
        /// The param named.
        param: String,
        /// The params there are.
        has: Vec<&'static str>,
    },
    /// The value is infinite or not a number.
    #[error("{module}.{param} cannot be {value}; give it a number")]
    NotAValue {
        /// The module's id.
        module: String,
        /// The param.
        param: String,
        /// What was given.
        value: String,
    },
    /// The position is infinite or not a number.
    #[error("module \"{module}\" cannot be put at ({x}, {y}); give two numbers")]
    NotAPosition {
        /// The module's id.
        module: String,
        /// To the right, as given.
        x: String,
        /// Down, as given.
        y: String,
    },
    /// No cable joins the two ports.
    #[error("there is no cable \"{cable}\"; it may have been taken out already")]
    NoCable {
        /// The ports as a cable.
        cable: String,
    },
    /// There is no such slot.
    #[error("there is no slot {slot}; slots are 1 to {LAST_SLOT}")]
    NoSuchSlot {
        /// The slot.
        slot: u16,
    },
    /// The slot is free already.
    #[error("slot {slot} carries nothing, so there is nothing to unbind")]
    EmptySlot {
        /// The slot.
        slot: u16,
    },
    /// Another param has the slot.
    #[error("slot {slot} carries \"{bound}\"; unbind that first, or choose another slot")]
    SlotTaken {
        /// The slot.
        slot: u16,
        /// The param that has it.
        bound: ParamRef,
    },
    /// What is to be bound takes no slot.
    #[error("\"{bound}\" cannot have slot {slot}: {fault}")]
    Unbindable {
        /// The slot.
        slot: u16,
        /// What was to be bound.
        bound: String,
        /// Why not.
        fault: SlotFault,
    },
    /// A patch to load binds a param to two slots.
    #[error("\"{bound}\" is bound to slot {slot} and to another; unbind one of them")]
    BoundTwice {
        /// The later slot.
        slot: u16,
        /// The param.
        bound: ParamRef,
    },
    /// A patch to load binds a slot to what cannot be written as a param.
    #[error("slot {slot} is bound to \"{bound}\", which is no param; unbind it")]
    NotAParam {
        /// The slot.
        slot: u16,
        /// What it is bound to.
        bound: String,
    },
    /// A name or note is too long.
    #[error("{what} cannot have {characters} characters; use at most {most}")]
    TooLong {
        /// Whose text.
        what: String,
        /// How long it is.
        characters: usize,
        /// How long it may be.
        most: usize,
    },
}
