//! Making a patch in code.

use super::ids::is_id;
use super::module::Module;
use super::{Cable, CableFault, CableSyntaxError, LONGEST_ID, Patch};

/// Why something could not be added to a patch. The patch is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The id cannot be one.
    #[error(
        "\"{id}\" cannot be the id of a module; use 1 to {LONGEST_ID} letters, digits, - and _ without spaces"
    )]
    BadId {
        /// The id.
        id: String,
    },
    /// The id is taken.
    #[error("there is a module \"{id}\" already; choose another id")]
    DuplicateModule {
        /// The id.
        id: String,
    },
    /// The catalog has no such type.
    #[error("there is no type of module \"{kind}\"; `cargo xtask modules` lists them")]
    UnknownType {
        /// The type.
        kind: String,
    },
    /// The text is no cable.
    #[error("\"{cable}\" is no cable: {why}")]
    CableSyntax {
        /// The text.
        cable: String,
        /// What is wrong with it.
        why: CableSyntaxError,
    },
    /// The cable would lead nowhere.
    #[error("the cable \"{cable}\" leads nowhere: {fault}")]
    Cable {
        /// The cable.
        cable: String,
        /// Why.
        fault: CableFault,
    },
    /// The two ports are joined already.
    #[error("the cable \"{cable}\" joins two ports that are joined already")]
    DoubleCable {
        /// The cable.
        cable: String,
    },
}

impl Patch {
    /// Adds a fresh module behind the others and binds its params to free slots in order.
    ///
    /// # Errors
    /// If the id cannot be one or is taken, or the type is not in the catalog.
    pub fn add(&mut self, id: &str, kind: &str) -> Result<(), BuildError> {
        if !is_id(id) {
            return Err(BuildError::BadId { id: id.into() });
        }
        let module = Module::new(kind);
        if module.spec().is_none() {
            return Err(BuildError::UnknownType { kind: kind.into() });
        }
        if !self.modules.push(id.into(), module) {
            return Err(BuildError::DuplicateModule { id: id.into() });
        }
        self.bind_params(id);
        Ok(())
    }

    /// Adds a cable, written as "env.out -> filter.cutoff * 0.5".
    ///
    /// # Errors
    /// If the text is no cable, the cable would lead nowhere, or the ports are joined already.
    pub fn connect(&mut self, cable: &str) -> Result<(), BuildError> {
        let parsed: Cable = cable.parse().map_err(|why| BuildError::CableSyntax {
            cable: cable.into(),
            why,
        })?;
        if let Some(fault) = self.fault(&parsed) {
            return Err(BuildError::Cable {
                cable: cable.into(),
                fault,
            });
        }
        if self
            .cables
            .iter()
            .any(|other| other.from == parsed.from && other.to == parsed.to)
        {
            return Err(BuildError::DoubleCable {
                cable: cable.into(),
            });
        }
        self.cables.push(parsed);
        Ok(())
    }
}
