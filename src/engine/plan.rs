//! A patch compiled for the audio thread.

use std::sync::Arc;

use weft_modules::routing::Term;
use weft_modules::{
    BlockIndex, Blocks, Instance, Level, MAX_FRAMES, MAX_LANES, Operand, Wanted, Width,
};

use super::faults::FaultBoard;
use super::params::Param;
use super::voices::VoiceLevels;
use crate::patch::ModuleKey;

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
    /// Where modules are, sorted by key; while the same module stands in a plan twice, where it stays.
    pub(super) keys: Box<[(ModuleKey, u32)]>,
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
    Spread {
        width: Width,
        from: BlockIndex,
        to: BlockIndex,
    },
    /// Copy eight lanes into sixteen.
    Widen { from: BlockIndex, to: BlockIndex },
    /// Sum the lanes; the voices of these nodes are heard here.
    SumLanes {
        width: Width,
        from: BlockIndex,
        to: BlockIndex,
        sources: Box<[u32]>,
    },
    /// Add to what the host hears on the left and on the right.
    Output([Term; 2]),
    /// Read a signal one frame late.
    Delay(Late),
    /// Run modules frame by frame.
    Loop(Loop),
}

/// Modules that hear each other through feedback cables.
pub(super) struct Loop {
    /// What to do in each frame.
    pub(super) steps: Box<[Step]>,
    /// The modules among the steps.
    pub(super) nodes: Box<[u32]>,
    /// The signals that feedback cables carry.
    pub(super) late: Box<[Late]>,
}

/// A signal that is read one frame late.
pub(super) struct Late {
    pub(super) node: u32,
    pub(super) output: u32,
    pub(super) width: Width,
    /// Where it is written.
    pub(super) from: BlockIndex,
    /// Where it is read.
    pub(super) to: BlockIndex,
}

/// One module of the plan: where it reads and writes.
pub(super) struct Node {
    pub(super) width: Width,
    pub(super) inputs: Box<[Operand]>,
    pub(super) outputs: Box<[BlockIndex]>,
    /// The outputs somebody reads.
    pub(super) wanted: Wanted,
    /// Sums to make before it runs.
    pub(super) mixes: Box<[Mix]>,
    /// What moves each param, and where its frames go.
    pub(super) knobs: Box<[Mix]>,
    /// Whether a cable moves one of its params.
    pub(super) modulated: bool,
    /// In loops, the travel of each param through the call.
    pub(super) travels: Box<[[f32; MAX_FRAMES]]>,
    pub(super) state: Box<NodeState>,
}

/// What a module remembers from call to call, and takes along when another plan goes on with it.
pub(super) struct NodeState {
    pub(super) instance: Box<dyn Instance>,
    pub(super) params: Box<[Param]>,
    /// What the instance reads at each param.
    pub(super) operands: Box<[Operand]>,
    /// How loud its voices are, for note sources.
    pub(super) voices: VoiceLevels,
    /// The last frame of each output, for feedback cables.
    pub(super) late: Box<[[f32; MAX_LANES]]>,
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

    /// Hands the states of modules over to another plan: pairs of nodes here and there. What stood
    /// there comes back here.
    ///
    /// Realtime safety: moves pointers only.
    pub(super) fn hand_over(&mut self, to: &mut Plan, pairs: &[(u32, u32)]) {
        for (here, there) in pairs {
            if let (Some(here), Some(there)) = (
                self.nodes.get_mut(*here as usize),
                to.nodes.get_mut(*there as usize),
            ) {
                std::mem::swap(&mut here.state, &mut there.state);
                // Blocks have other places there, so whoever reads one must be told anew.
                there.state.moving |= here.modulated;
            }
        }
    }
}
