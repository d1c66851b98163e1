//! Cables and how they are written.

use std::fmt;
use std::str::FromStr;

use weft_modules::{ParamSpec, PortSpec};

use super::ids::quote;
use super::{Patch, PortRef};

/// The word that marks a feedback cable.
const FEEDBACK: &str = "feedback";

/// A cable from an output to an input, or to a param that moves smoothly.
#[derive(Clone, Debug, PartialEq)]
pub struct Cable {
    /// The output.
    pub from: PortRef,
    /// The input or param.
    pub to: PortRef,
    /// Multiplies what passes; any finite number. Written behind the cable: "* 0.5".
    pub amount: f32,
    /// Whether the cable may close a circle by reading its source one sample late.
    pub feedback: bool,
}

/// Why a text is no cable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CableSyntaxError {
    /// There is not exactly one arrow.
    #[error("write one arrow between an output and an input, as in \"osc.out -> filter.in\"")]
    Arrow,
    /// An end is not written as a port.
    #[error("\"{0}\" is no port; write its module, a dot and its name, as in \"osc.out\"")]
    Port(String),
    /// The amount is no finite number.
    #[error("\"{0}\" is no amount; write a number, as in \"env.out -> filter.cutoff * 0.5\"")]
    Amount(String),
}

impl FromStr for Cable {
    type Err = CableSyntaxError;

    /// Reads "env.out -> filter.cutoff", "env.out -> filter.cutoff * -0.5" or
    /// "delay.left -> mixer.in2 * 0.7 feedback".
    fn from_str(text: &str) -> Result<Cable, CableSyntaxError> {
        let (from, rest) = text.split_once("->").ok_or(CableSyntaxError::Arrow)?;
        if rest.contains("->") {
            return Err(CableSyntaxError::Arrow);
        }
        let rest = rest.trim();
        let (rest, feedback) = match rest.strip_suffix(FEEDBACK) {
            Some(before) if before.ends_with(char::is_whitespace) => (before, true),
            _ => (rest, false),
        };
        let (to, amount) = match rest.split_once('*') {
            Some((to, amount)) => (to, self::amount(amount.trim())?),
            None => (rest, 1.0),
        };
        Ok(Cable {
            from: port(from)?,
            to: port(to)?,
            amount,
            feedback,
        })
    }
}

fn port(text: &str) -> Result<PortRef, CableSyntaxError> {
    text.parse()
        .map_err(|_| CableSyntaxError::Port(quote(text.trim())))
}

fn amount(text: &str) -> Result<f32, CableSyntaxError> {
    let number: Option<f32> = text.parse().ok();
    number
        .filter(|number| number.is_finite())
        .ok_or_else(|| CableSyntaxError::Amount(quote(text)))
}

impl fmt::Display for Cable {
    /// Writes the cable so that it reads back exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)?;
        if self.amount != 1.0 {
            write!(f, " * {:?}", self.amount)?;
        }
        if self.feedback {
            write!(f, " {FEEDBACK}")?;
        }
        Ok(())
    }
}

/// Why a cable leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CableFault {
    /// An end names a module that does not exist.
    #[error("there is no module \"{module}\"")]
    NoModule {
        /// The id.
        module: String,
    },
    /// The first end names no output.
    #[error("module \"{module}\" has no output \"{port}\" ({})", listed(has))]
    NoOutput {
        /// The module's id.
        module: String,
        /// The port named.
        port: String,
        /// The outputs there are.
        has: Vec<&'static str>,
    },
    /// The second end names neither an input nor a param.
    #[error("module \"{module}\" has no input \"{port}\" ({})", listed(has))]
    NoInput {
        /// The module's id.
        module: String,
        /// The port named.
        port: String,
        /// The inputs and params that take cables.
        has: Vec<&'static str>,
    },
    /// The second end is a param that does not move smoothly.
    #[error("\"{param}\" of module \"{module}\" takes no cable")]
    TakesNoCable {
        /// The module's id.
        module: String,
        /// The param.
        param: String,
    },
}

pub(super) fn listed(has: &[&str]) -> String {
    if has.is_empty() {
        "it has none".into()
    } else {
        format!("it has: {}", has.join(", "))
    }
}

fn takes_cable(param: &&ParamSpec) -> bool {
    param.is_continuous() && !param.setting
}

fn ids(ports: &'static [PortSpec]) -> impl Iterator<Item = &'static str> {
    ports.iter().map(|port| port.id)
}

impl Cable {
    /// Whether an end of the cable is at a module.
    pub(super) fn touches(&self, module: &str) -> bool {
        self.from.module == module || self.to.module == module
    }
}

impl Patch {
    /// The place of the cable that joins two ports, in the order of the cables.
    pub(super) fn cable(&self, from: &PortRef, to: &PortRef) -> Option<usize> {
        self.cables
            .iter()
            .position(|cable| cable.from == *from && cable.to == *to)
    }

    /// Why a cable leads nowhere; `None` if it leads from an output to an input, or touches a module
    /// whose type is not known.
    pub fn fault(&self, cable: &Cable) -> Option<CableFault> {
        let no_module = |end: &PortRef| CableFault::NoModule {
            module: end.module.clone(),
        };
        let Some(from) = self.module(&cable.from.module) else {
            return Some(no_module(&cable.from));
        };
        let Some(to) = self.module(&cable.to.module) else {
            return Some(no_module(&cable.to));
        };
        if let Some(spec) = from.spec()
            && spec.output(&cable.from.port).is_none()
        {
            let PortRef { module, port } = cable.from.clone();
            return Some(CableFault::NoOutput {
                module,
                port,
                has: ids(spec.outputs).collect(),
            });
        }
        let spec = to.spec()?;
        if spec.input(&cable.to.port).is_some() {
            return None;
        }
        let PortRef { module, port } = cable.to.clone();
        match spec.params.iter().find(|param| param.id == port) {
            Some(param) if takes_cable(&param) => None,
            Some(_) => Some(CableFault::TakesNoCable {
                module,
                param: port,
            }),
            None => {
                let params = spec.params.iter().filter(takes_cable).map(|param| param.id);
                let has = ids(spec.inputs).chain(params).collect();
                Some(CableFault::NoInput { module, port, has })
            }
        }
    }
}
