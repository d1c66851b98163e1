//! The patch: modules, cables, values and bindings as plain data, and its RON form.
//!
//! A patch holds what a person made, valid or not: modules of types this Weft does not know, and
//! cables and bindings that lead nowhere, are kept and saved again, and [`PatchNote`]s tell of them.
//! Values are the exception: every value of a known param is one the param can take.
//!
//! A patch is changed by [`Edit`]s, one or several at once, and a [`History`] takes them back.

mod build;
mod cable;
mod circle;
mod edit;
mod error;
mod form;
mod history;
mod ids;
mod key;
mod module;
mod note;
mod slots;
mod transition;
mod value;

use std::collections::BTreeMap;

use weft_modules::ModuleSpec;

pub use build::BuildError;
pub use cable::{Cable, CableFault, CableSyntaxError};
pub use circle::Circle;
pub use edit::{Changed, Edit, EditError, LONGEST_NAME, LONGEST_NOTES, Reach};
pub use error::PatchError;
pub use form::{FORMAT, LARGEST_TEXT};
pub use history::{History, STEPS};
pub use ids::{LONGEST_ID, ParamRef, PortRef, RefError};
pub use key::ModuleKey;
pub use module::{Module, Modules};
pub use note::PatchNote;
pub use slots::{LAST_SLOT, SlotFault};
pub use transition::Transition;

/// The document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// What people call it.
    pub name: String,
    /// How it gives way when it is changed while it plays.
    pub transition: Transition,
    /// The modules in the order they were written.
    pub modules: Modules,
    /// The cables in the order they were written. Some may lead nowhere: see [`Patch::fault`].
    pub cables: Vec<Cable>,
    /// What the slots 1 to [`LAST_SLOT`] carry. Some may carry nothing: see [`Patch::slot_fault`].
    pub slots: BTreeMap<u16, ParamRef>,
    /// Ids of deleted modules that slots are kept for, the longest deleted first: see
    /// [`Patch::reserved`].
    reserved: Vec<String>,
}

impl Patch {
    /// An empty patch.
    pub fn new(name: &str) -> Patch {
        Patch {
            name: name.into(),
            ..Patch::default()
        }
    }

    /// A module by its id.
    pub fn module(&self, id: &str) -> Option<&Module> {
        self.modules.get(id)
    }

    /// The data sheet of a module; `None` if there is no such module or its type is not known.
    pub fn spec(&self, module: &str) -> Option<&'static ModuleSpec> {
        self.module(module)?.spec()
    }

    /// The plain value of a param, its default if the patch does not name it; `None` if there is no
    /// such param or its module's type is not known.
    pub fn value(&self, module: &str, param: &str) -> Option<f32> {
        let module = self.module(module)?;
        module.value(module.spec()?.param(param)?)
    }

    /// Sets a param to the nearest plain value it can take; NaN sets the default. Returns whether
    /// there is such a param.
    pub fn set_value(&mut self, module: &str, param: &str, plain: f32) -> bool {
        self.modules
            .get_mut(module)
            .is_some_and(|module| module.set_value(param, plain))
    }
}
