//! A patch compiled for the audio thread.

use std::sync::Arc;

use weft_modules::routing::Term;
use weft_modules::{BlockIndex, Blocks, Instance, Level, Operand, Width};

use super::faults::FaultBoard;
use super::params::Param;
use super::voices::VoiceLevels;

/// Everything the audio thread needs to play one patch, allocated beforehand.
///
/// Invariants, kept by [`super::compile`] and relied on by the player's `unsafe` blocks: every block
/// lies inside `blocks`, is as wide as its readers and writers take it for, and while a step runs, what
/// it writes overlaps nothing it reads and nothing a later step still needs.
pub struct Plan {
    pub(super) level: Level,
    pub(super) sample_rate: f32,
    pub(super) steps: Box<[Step]>,
    pub(super) nodes: Box<[Node]>,
    /// Nodes that make voices.
    pub(super) sources: Box<[u32]>,
    pub(super) slots: Box<[Option<Place>]>,
    pub(super) blocks: Blocks,
    pub(super) faults: Arc<FaultBoard>,
}

/// Where a param is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) node: u32,
    pub(super) param: u32,
}

/// One thing to do in a call, in running order.
pub(super) enum Step {
    /// Run a module.
    Run(u32),
    /// Copy a mono signal into every lane.
    Spread { width: Width, from: BlockIndex, to: BlockIndex },
    /// Copy eight lanes into sixteen.
    Widen { from: BlockIndex, to: BlockIndex },
    /// Sum the lanes; the voices of these nodes are heard here.
    SumLanes { width: Width, from: BlockIndex, to: BlockIndex, sources: Box<[u32]> },
    /// Add to what the host hears.
    Output { left: BlockIndex, right: BlockIndex },
}

/// One module of the plan: where it reads and writes.
pub(super) struct Node {
    pub(super) width: Width,
    pub(super) inputs: Box<[Operand]>,
    pub(super) params: Box<[Operand]>,
    pub(super) outputs: Box<[BlockIndex]>,
    /// Sums to make before it runs.
    pub(super) mixes: Box<[Mix]>,
    /// What moves each param, and where its frames go.
    pub(super) knobs: Box<[Mix]>,
    /// Whether a cable moves one of its params.
    pub(super) modulated: bool,
    pub(super) state: Box<NodeState>,
}

/// What a module remembers from call to call.
pub(super) struct NodeState {
    pub(super) instance: Box<dyn Instance>,
    pub(super) params: Box<[Param]>,
    /// How loud its voices are, for note sources.
    pub(super) voices: VoiceLevels,
    /// Whether some param may move in the coming call.
    pub(super) moving: bool,
    /// Whether it failed and must not run again.
    pub(super) failed: bool,
}

/// Cables into one input or param.
pub(super) struct Mix {
    pub(super) terms: Box<[Term]>,
    pub(super) to: BlockIndex,
}

impl Plan {
    /// The rate it was compiled for, in frames per second.
    pub fn sample_rate(&self) -> f32 {
        self.sample_rate
    }

    /// Where modules that misbehave while it plays are counted.
    pub fn faults(&self) -> Arc<FaultBoard> {
        Arc::clone(&self.faults)
    }
}
