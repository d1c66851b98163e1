//! What was found odd in a patch that could be read.

use std::fmt;

use super::{CableFault, LAST_SLOT, ParamRef, SlotFault};

/// Something a person should know of a patch that was read: what was changed, and what is kept but
/// does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchNote {
    /// A module's type is not known; all of it is kept.
    UnknownType {
        /// The module's id.
        module: String,
        /// The type.
        kind: String,
    },
    /// A module was saved by a newer version of its type.
    NewerModule {
        /// The module's id.
        module: String,
        /// The type.
        kind: String,
        /// The version saved.
        version: u32,
        /// The version known.
        known: u32,
    },
    /// A param is not known; it is kept.
    UnknownParam {
        /// The module's id.
        module: String,
        /// The param.
        param: String,
    },
    /// A time of the transition was out of its range.
    Transition {
        /// The fade used, in seconds.
        fade: String,
        /// The tail used, in seconds.
        tail: String,
    },
    /// A value was out of range or between steps.
    Limited {
        /// The module's id.
        module: String,
        /// The param.
        param: String,
        /// What was written.
        written: String,
        /// The value used, as text.
        used: String,
    },
    /// A value was infinite or not a number.
    NotFinite {
        /// The module's id.
        module: String,
        /// The param.
        param: String,
        /// The value used, as text.
        used: String,
    },
    /// What was written is no value of the param.
    NotAValue {
        /// The module's id.
        module: String,
        /// The param.
        param: String,
        /// What was written.
        written: String,
        /// The value used, as text.
        used: String,
    },
    /// A position was infinite or not a number and is forgotten.
    NotAPosition {
        /// The module's id.
        module: String,
    },
    /// A cable leads nowhere; it is kept.
    Cable {
        /// The cable.
        cable: String,
        /// Why.
        fault: CableFault,
    },
    /// A second cable joined the same two ports and is left out.
    DoubleCable {
        /// The cable left out.
        cable: String,
    },
    /// A slot carries nothing; its binding is kept.
    Slot {
        /// The slot.
        slot: u16,
        /// What it is bound to.
        bound: ParamRef,
        /// Why.
        fault: SlotFault,
    },
    /// There is no such slot; the binding is left out.
    NoSuchSlot {
        /// The slot.
        slot: i64,
        /// What it was bound to.
        bound: ParamRef,
    },
    /// A slot is bound a second time; the second binding is left out.
    SlotTaken {
        /// The slot.
        slot: u16,
        /// What it was bound to the second time.
        bound: ParamRef,
    },
    /// A param is bound to a second slot; that binding is left out.
    BoundTwice {
        /// The slot left unbound.
        slot: u16,
        /// The param.
        bound: ParamRef,
    },
    /// More params than slots; the last ones are bound to none.
    OutOfSlots {
        /// How many.
        unbound: usize,
    },
}

impl fmt::Display for PatchNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatchNote::UnknownType { module, kind } => write!(
                f,
                "Module \"{module}\" is a \"{kind}\", which this Weft does not know. It is silent, and \
                 all of it is kept for a Weft that knows it."
            ),
            PatchNote::NewerModule {
                module,
                kind,
                version,
                known,
            } => write!(
                f,
                "Module \"{module}\" was saved by version {version} of \"{kind}\"; this Weft has \
                 version {known}, which may sound different. Update Weft to hear it as it was made."
            ),
            PatchNote::UnknownParam { module, param } => write!(
                f,
                "Module \"{module}\" has no param \"{param}\". It does nothing and is kept; check its name."
            ),
            PatchNote::Limited {
                module,
                param,
                written,
                used,
            } => {
                write!(f, "{module}.{param} cannot be {written}; {used} is used.")
            }
            PatchNote::NotFinite {
                module,
                param,
                used,
            } => {
                write!(
                    f,
                    "{module}.{param} was saved as no number; its default {used} is used."
                )
            }
            PatchNote::NotAValue {
                module,
                param,
                written,
                used,
            } => {
                write!(
                    f,
                    "{written} is no value of {module}.{param}; its default {used} is used."
                )
            }
            PatchNote::Transition { fade, tail } => write!(
                f,
                "The times of the transition are limited to 0 to 10 seconds: fade {fade}, tail {tail}."
            ),
            PatchNote::NotAPosition { module } => {
                write!(
                    f,
                    "Module \"{module}\" had no usable position; it is placed anew."
                )
            }
            PatchNote::Cable { cable, fault } => write!(
                f,
                "The cable \"{cable}\" leads nowhere: {fault}. It is kept; correct or remove it."
            ),
            PatchNote::DoubleCable { cable } => write!(
                f,
                "The cable \"{cable}\" joins two ports that are joined already; it is left out."
            ),
            PatchNote::Slot { slot, bound, fault } => write!(
                f,
                "Slot {slot} is bound to \"{bound}\", but {fault}. The binding does nothing and is kept."
            ),
            PatchNote::NoSuchSlot { slot, bound } => write!(
                f,
                "There is no slot {slot} for \"{bound}\": slots are 1 to {LAST_SLOT}. The binding is left out."
            ),
            PatchNote::SlotTaken { slot, bound } => write!(
                f,
                "Slot {slot} is bound twice; its second binding, to \"{bound}\", is left out."
            ),
            PatchNote::BoundTwice { slot, bound } => write!(
                f,
                "\"{bound}\" has a slot already; its second one, {slot}, is left unbound."
            ),
            PatchNote::OutOfSlots { unbound } => write!(
                f,
                "The patch has {unbound} more params than there are slots; the last ones have none. \
                 Choose which get one by naming slots in the patch."
            ),
        }
    }
}
