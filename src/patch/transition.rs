//! How a patch gives way to the next.

use serde::{Deserialize, Serialize};

/// The longest either may be, in seconds.
const LONGEST: f32 = 10.0;

/// How a patch gives way when it is changed while it plays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Transition", deny_unknown_fields, default)]
pub struct Transition {
    /// Seconds in which cables, and whole patches, fade into each other: 0 to 10.
    pub fade: f32,
    /// Seconds for which this patch may ring out once another has taken its place: 0 to 10.
    pub tail: f32,
}

impl Default for Transition {
    fn default() -> Self {
        Transition {
            fade: 0.01,
            tail: 5.0,
        }
    }
}

impl Transition {
    /// The nearest one within the ranges; what is no number becomes the default.
    pub fn legal(self) -> Transition {
        let default = Transition::default();
        let legal = |seconds: f32, default: f32| {
            if seconds.is_nan() {
                default
            } else {
                seconds.clamp(0.0, LONGEST)
            }
        };
        Transition {
            fade: legal(self.fade, default.fade),
            tail: legal(self.tail, default.tail),
        }
    }

    pub(super) fn is_usual(&self) -> bool {
        *self == Transition::default()
    }
}
