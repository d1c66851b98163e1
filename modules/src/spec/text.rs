//! Values as text and back.

use super::{ParamKind, ParamSpec};

impl ParamSpec {
    /// The value as people write it, with its unit.
    pub fn text(&self, plain: f32) -> String {
        match self.kind {
            ParamKind::Bool => if plain >= 0.5 { "On" } else { "Off" }.into(),
            _ => format!("{plain}"),
        }
    }

    /// The value a text means, limited to the range; `None` if it means none.
    pub fn parse(&self, text: &str) -> Option<f32> {
        text.trim().parse().ok().map(|plain| self.legal(plain))
    }
}
