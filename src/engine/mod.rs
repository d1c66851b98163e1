//! From a patch to sound: [`compile`] makes a [`Plan`], a [`Player`] runs it.
//!
//! The plan is made off the audio thread and may fail; the player owns it on the audio thread and
//! cannot. Plans travel by [`handover`].

mod buffers;
mod compile;
mod denormals;
mod domains;
mod faults;
mod graph;
pub mod handover;
mod loads;
mod moves;
mod params;
mod plan;
mod player;
mod replace;
mod run;
pub mod session;
mod slots;
mod solo;
mod splice;
mod transport;
mod turns;
mod voices;

pub use compile::{CompileError, compile};
pub use denormals::FlushToZero;
pub use faults::{Fault, FaultBoard};
pub use loads::{Load, LoadBoard, Watch};
pub use plan::Plan;
pub use player::{Event, EventKind, Player};
pub use slots::{SLOTS, SlotInfo, SlotTable};
pub use transport::HostTransport;

/// The sample rates Weft plays at, in frames per second; others are brought into this range.
pub const SAMPLE_RATES: std::ops::RangeInclusive<f32> = 8_000.0..=384_000.0;

#[cfg(test)]
mod tests;
