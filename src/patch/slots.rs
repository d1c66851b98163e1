//! Bindings of slots to params.

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

    /// Binds the params of a module, but for its settings, to free slots in order. Returns how many
    /// found none.
    pub(super) fn bind_params(&mut self, module: &str) -> usize {
        let params = self.spec(module).map_or(&[][..], |spec| spec.params);
        let mut unbound = params.iter().filter(|param| !param.setting);
        if self.slots.len() < usize::from(LAST_SLOT) {
            for slot in 1..=LAST_SLOT {
                if self.slots.contains_key(&slot) {
                    continue;
                }
                let Some(param) = unbound.next() else {
                    return 0;
                };
                self.slots.insert(
                    slot,
                    ParamRef {
                        module: module.into(),
                        param: param.id.into(),
                    },
                );
            }
        }
        unbound.count()
    }
}
