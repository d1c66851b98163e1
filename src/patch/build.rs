//! Making a patch in code.

use super::edit::Editor;
use super::ids::{is_id, quote};
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
        Editor::new(self).create(id, kind, None)
    }

    /// Adds a cable, written as "env.out -> filter.cutoff * 0.5". It may close a circle.
    ///
    /// # Errors
    /// If the text is no cable, the cable would lead nowhere, or the ports are joined already.
    pub fn connect(&mut self, cable: &str) -> Result<(), BuildError> {
        let parsed: Cable = cable.parse().map_err(|why| BuildError::CableSyntax {
            cable: quote(cable),
            why,
        })?;
        Editor::new(self).connect(&parsed)
    }

    /// Whether a module can have an id.
    pub(super) fn check_free(&self, id: &str) -> Result<(), BuildError> {
        if !is_id(id) {
            return Err(BuildError::BadId { id: quote(id) });
        }
        if self.modules.contains(id) {
            return Err(BuildError::DuplicateModule { id: id.into() });
        }
        Ok(())
    }

    /// Whether a cable can be added.
    pub(super) fn check_cable(&self, cable: &Cable) -> Result<(), BuildError> {
        cable.check()?;
        if let Some(fault) = self.fault(cable) {
            let cable = cable.to_string();
            return Err(BuildError::Cable { cable, fault });
        }
        if self.cable(&cable.from, &cable.to).is_some() {
            let cable = cable.to_string();
            return Err(BuildError::DoubleCable { cable });
        }
        Ok(())
    }
}

impl Cable {
    /// Whether the cable could be written and read back.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        let why = if let Some(end) = [&self.from, &self.to]
            .into_iter()
            .find(|end| !end.is_written())
        {
            CableSyntaxError::Port(quote(&end.to_string()))
        } else if !self.amount.is_finite() {
            CableSyntaxError::Amount(self.amount.to_string())
        } else {
            return Ok(());
        };
        Err(BuildError::CableSyntax {
            cable: quote(&self.to_string()),
            why,
        })
    }
}
