//! Names of modules, ports and params.

use std::fmt;
use std::str::FromStr;

/// How many characters an id may have.
pub const LONGEST_ID: usize = 64;
/// How many characters of what was written are shown again.
const LONGEST_QUOTE: usize = 60;

/// Whether a text can be an id: letters and digits of any script, `-` and `_`, not too many.
///
/// All else has a meaning somewhere ids are written: in cables, in RON, in network addresses.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.chars().take(LONGEST_ID + 1).count() <= LONGEST_ID
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}

/// What was written, cut to a length that fits a message.
pub(super) fn quote(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The two ids of a text such as "filter.cutoff".
fn dotted(text: &str) -> Option<(String, String)> {
    let (module, rest) = text.trim().split_once('.')?;
    (is_id(module) && is_id(rest)).then(|| (module.into(), rest.into()))
}

/// A text is no place in a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a module and what is meant of it with a dot between, as in \"filter.cutoff\"")]
pub struct RefError;

/// A port of a module, or a param that takes a cable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRef {
    /// Id of the module.
    pub module: String,
    /// Id of the port.
    pub port: String,
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.port)
    }
}

impl PortRef {
    /// Whether both ids are such as can be written.
    pub(super) fn is_written(&self) -> bool {
        is_id(&self.module) && is_id(&self.port)
    }
}

impl FromStr for PortRef {
    type Err = RefError;

    /// Reads "osc.out".
    fn from_str(text: &str) -> Result<PortRef, RefError> {
        let (module, port) = dotted(text).ok_or(RefError)?;
        Ok(PortRef { module, port })
    }
}

/// A param of a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamRef {
    /// Id of the module.
    pub module: String,
    /// Id of the param.
    pub param: String,
}

impl fmt::Display for ParamRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.param)
    }
}

impl ParamRef {
    /// Whether both ids are such as can be written.
    pub(super) fn is_written(&self) -> bool {
        is_id(&self.module) && is_id(&self.param)
    }
}

impl FromStr for ParamRef {
    type Err = RefError;

    /// Reads "filter.cutoff".
    fn from_str(text: &str) -> Result<ParamRef, RefError> {
        let (module, param) = dotted(text).ok_or(RefError)?;
        Ok(ParamRef { module, param })
    }
}
