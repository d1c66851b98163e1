//! Bindings of slots to params.

use std::collections::HashSet;

use super::{ParamRef, Patch};

/// The last slot; the first is 1.
pub const LAST_SLOT: u16 = 1024;

/// Why a slot carries nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotFault {
    /// It is bound to a module that does not exist.
    #[error("there is no module \"{module}\"")]
    NoModule {
        /// The id.
        module: String,
    },
    /// It is bound to a param that does not exist.
    #[error("module \"{module}\" has no param \"{param}\"")]
    NoParam {
        /// The module's id.
        module: String,
        /// The param named.
        param: String,
    },
    /// It is bound to a param that is fixed while the patch plays.
    #[error("\"{param}\" of module \"{module}\" is fixed while the patch plays and takes no slot")]
    Setting {
        /// The module's id.
        module: String,
        /// The param.
        param: String,
    },
}

impl Patch {
    /// Why a slot bound to this param carries nothing; `None` if it carries the param, or the
    /// module's type is not known.
    pub fn slot_fault(&self, bound: &ParamRef) -> Option<SlotFault> {
        let ParamRef { module, param } = bound.clone();
        let Some(found) = self.module(&module) else {
            return Some(SlotFault::NoModule { module });
        };
        let spec = found.spec()?;
        match spec.params.iter().find(|spec| spec.id == param) {
            None => Some(SlotFault::NoParam { module, param }),
            Some(spec) if spec.setting => Some(SlotFault::Setting { module, param }),
            Some(_) => None,
        }
    }

    /// The deleted modules that slots are kept for, the longest deleted first. A module of the same
    /// id gets them back; when no slot is free, they are given to others in this order.
    pub fn reserved(&self) -> impl ExactSizeIterator<Item = &str> {
        self.reserved.iter().map(String::as_str)
    }

    /// Keeps the slots bound to modules that do not exist, in this order; of other ids none are.
    pub(super) fn reserve(&mut self, modules: Vec<String>) {
        let bound = self.slots.values().map(|bound| bound.module.as_str());
        let mut waiting: HashSet<&str> = bound.filter(|id| !self.modules.contains(id)).collect();
        let kept = modules.into_iter().filter(|id| waiting.remove(id.as_str()));
        self.reserved = kept.collect();
    }

    /// The slots bound to a module or to what once was one, in order, and the params named.
    pub(super) fn slots_of(&self, module: &str) -> impl Iterator<Item = (u16, &str)> {
        let bound = self.slots.iter();
        bound
            .filter(move |(_, bound)| bound.module == module)
            .map(|(slot, bound)| (*slot, bound.param.as_str()))
    }

    /// The slot a param is bound to.
    pub(super) fn slot_of(&self, bound: &ParamRef) -> Option<u16> {
        let mut slots = self.slots.iter();
        slots
            .find(|(_, other)| *other == bound)
            .map(|(slot, _)| *slot)
    }

    /// The first free slot from one on.
    pub(super) fn free_slot(&self, from: u16) -> Option<u16> {
        if self.slots.len() >= usize::from(LAST_SLOT) {
            return None;
        }
        (from..=LAST_SLOT).find(|slot| !self.slots.contains_key(slot))
    }

    /// The slot of a module that does not exist that is soonest given to another: one that never led
    /// anywhere, or else one of the module that was deleted first.
    pub(super) fn spare_slot(&self) -> Option<u16> {
        let stray = self.slots.iter().find(|(_, bound)| {
            !self.modules.contains(&bound.module) && !self.reserved.contains(&bound.module)
        });
        let kept = || self.slots_of(self.reserved.first()?).next();
        stray
            .map(|(slot, _)| *slot)
            .or_else(|| kept().map(|(slot, _)| slot))
    }
}
