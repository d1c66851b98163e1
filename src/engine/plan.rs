//! A patch compiled for the audio thread.

use std::cell::Cell;
use std::sync::Arc;

use weft_modules::routing::{ALONE, Term};
use weft_modules::{
    AnyInstance, BlockIndex, Blocks, Cx, Level, MAX_FRAMES, MAX_LANES, Operand, Pending, Seat,
    Span, Wanted, Width,
};

use super::faults::FaultBoard;
use super::loads::LoadBoard;
use super::params::Param;
use super::solo::Soloists;
use super::voices::VoiceLevels;
use crate::patch::ModuleKey;

/// Everything the audio thread needs to play one patch, allocated beforehand.
///
/// What is needed in every call lies in a few tables, in running order.
///
/// Invariants, kept by [`super::compile`] and relied on by the player's `unsafe` blocks: every block
/// lies inside `blocks`, is as wide as its readers and writers take it for, and while a step runs, what
/// it writes overlaps nothing it reads and nothing a later step still needs.
pub struct Plan {
    pub(super) level: Level,
    pub(super) sample_rate: f32,
    pub(super) steps: Box<[Step]>,
    pub(super) nodes: Box<[Node]>,
    pub(super) cast: Cast,
    pub(super) tables: Tables,
    /// Nodes that make voices.
    pub(super) sources: Box<[u32]>,
    pub(super) slots: Box<[Option<Place>]>,
    /// Where modules are, sorted by key; while the same module stands in a plan twice, where it stays.
    pub(super) keys: Box<[(ModuleKey, u32)]>,
    pub(super) blocks: Blocks,
    pub(super) faults: Arc<FaultBoard>,
    pub(super) loads: LoadBoard,
    /// Whether it is known of each step if it is in a [`Step::lull`]: nothing has happened since that could
    /// wake anyone.
    pub(super) lulls_known: bool,
}

/// What the steps and nodes of a plan refer to.
#[derive(Default)]
pub(super) struct Tables {
    /// What each node reads at its inputs.
    pub(super) inputs: Box<[Operand]>,
    /// What each node reads at its params.
    pub(super) params: Box<[Operand]>,
    /// Where each node writes.
    pub(super) outputs: Box<[BlockIndex]>,
    /// Cables into each input that has several, and into each param that has any.
    pub(super) mixes: Box<[Mix]>,
    pub(super) terms: Box<[Term]>,
    /// Note sources whose voices are heard where lanes are summed.
    pub(super) heard: Box<[u32]>,
    /// Where a param that moves goes, by the order of all params.
    pub(super) knobs: Box<[BlockIndex]>,
    /// In loops, the travel of each param through the call.
    pub(super) travels: Box<[[f32; MAX_FRAMES]]>,
    pub(super) domains: Box<[Domain]>,
    /// Params that must stand at 0 for a domain to sleep.
    pub(super) shut: Box<[Place]>,
    /// Nodes that nobody outside a domain reads, though they are always awake.
    pub(super) served: Box<[u32]>,
    /// The nodes of each domain.
    pub(super) members: Box<[u32]>,
    /// The outputs of note sources that their domains read.
    pub(super) played: Box<[BlockIndex]>,
    pub(super) hushes: Box<[Hush]>,
    /// What each node that may rest hears.
    pub(super) hearing: Box<[HushIndex]>,
    /// Who reads what each node may hold.
    pub(super) readers: Box<[Reader]>,
    /// Of each node that may stand, how many frames of its outputs need not be made again as long as nothing it
    /// reads moves; of each that keeps its cables, whether they are laid and all stand still.
    pub(super) standing: Box<[u8]>,
    pub(super) dependents: Box<[u32]>,
    /// Whether something that was silent no longer is, in this call.
    pub(super) roused: bool,
}

/// One that reads an output which may stand still.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    pub(super) output: u32,
    pub(super) at: ReadAt,
}

/// Where something is read.
#[derive(Clone, Copy)]
pub(super) enum ReadAt {
    /// One of [`Tables::inputs`].
    Input(u32),
    /// One of [`Tables::terms`].
    Term(u32),
}

/// What is known of mono blocks that are often silent for long: those that leave a domain, and the
/// outputs of a node that may rest. Nothing else is ever written there.
#[derive(Default)]
pub(super) struct Hush {
    /// Whether they are silent in this call.
    pub(super) silent: bool,
    /// Whether they hold silence from end to end, so that none need be written.
    pub(super) empty: bool,
}

/// Which of [`Tables::hushes`]; of one that does not exist nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HushIndex(pub(super) u32);

impl HushIndex {
    /// Nothing is known.
    pub(super) const NONE: HushIndex = HushIndex(u32::MAX);
}

impl Tables {
    /// Whether it is known that a block is silent in this call.
    #[inline]
    pub(super) fn is_hushed(&self, index: HushIndex) -> bool {
        self.hushes
            .get(index.0 as usize)
            .is_some_and(|hush| hush.silent)
    }

    /// A node that may stand has run, or what it is to make has changed. Afterwards so many frames of its
    /// outputs stand, and nothing of those who depend on it.
    pub(super) fn stand(&mut self, node: usize, dependents: Range, frames: usize) {
        if let Some(standing) = self.standing.get_mut(node) {
            *standing = frames as u8;
        }
        for dependent in dependents.of(&self.dependents) {
            if let Some(standing) = self.standing.get_mut(*dependent as usize) {
                *standing = 0;
            }
        }
    }

    /// Whether the cables of a node that keeps them are laid and stand still, and need not be laid again.
    #[inline(always)]
    pub(super) fn are_laid(&self, node: usize) -> bool {
        self.standing.get(node).is_some_and(|frames| *frames > 0)
    }

    /// Whether a call of a node would make what stands already.
    #[inline(always)]
    pub(super) fn goes_on_standing(
        &self,
        node: usize,
        pending: Pending,
        cx: &Cx<'_>,
        span: Span,
    ) -> bool {
        let standing = self.standing.get(node).copied().unwrap_or(0);
        pending.has(pending::MAY_STAND)
            && usize::from(standing) >= span.frames
            && !pending.has(pending::LASTING)
            && (cx.notes.is_empty() || !pending.has(pending::SOURCE))
    }

    /// Tells the readers of outputs which of them, a bit each, stand still in this call.
    pub(super) fn hold(&mut self, readers: Range, held: u32) {
        for reader in readers.of(&self.readers) {
            let still = held >> reader.output & 1 == 1;
            match reader.at {
                ReadAt::Input(index) => {
                    if let Some(operand) = self.inputs.get_mut(index as usize)
                        && let Operand::Block(block) | Operand::Still(block) = *operand
                    {
                        *operand = Operand::block(block, still);
                    }
                }
                ReadAt::Term(index) => {
                    if let Some(term) = self.terms.get_mut(index as usize) {
                        term.still = still;
                    }
                }
            }
        }
    }

    /// Says whether blocks are silent in this call. Gives whether silence must be written, to the whole
    /// of them.
    #[inline]
    pub(super) fn hush(&mut self, index: HushIndex, silent: bool) -> bool {
        let Some(hush) = self.hushes.get_mut(index.0 as usize) else {
            return silent;
        };
        let write = silent && !hush.empty;
        self.roused |= hush.silent && !silent;
        (hush.silent, hush.empty) = (silent, silent);
        write
    }
}

/// Which of [`Tables::domains`]; one that does not exist never sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sleeper(pub(super) u16);

impl Sleeper {
    /// Always awake.
    pub(super) const NOBODY: Sleeper = Sleeper(u16::MAX);
}

/// Modules that sleep while no voice of their note source sounds; see [`super::domains`].
pub(super) struct Domain {
    /// The node of the note source.
    pub(super) source: u32,
    /// Some [`Tables::shut`].
    pub(super) shut: Range,
    /// Some [`Tables::served`].
    pub(super) served: Range,
    /// Some [`Tables::members`], if few of its voices can sound alone.
    pub(super) members: Range,
    /// How it is run. Whether it sleeps is a copy of what its source remembers.
    pub(super) form: Form,
}

/// How the modules of a domain are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// All lanes side by side.
    Together,
    /// Not at all.
    Asleep,
    /// These voices each by itself, and the others not at all.
    Alone(Soloists),
}

impl Form {
    /// The voices that sound alone, if they do.
    #[inline(always)]
    pub(super) fn soloists(self) -> Option<Soloists> {
        match self {
            Form::Alone(soloists) => Some(soloists),
            _ => None,
        }
    }
}

/// How long the voices of a note source have been silent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rest {
    /// The loudest peak since the last grid frame.
    pub(super) loud: f32,
    /// Whether a gate was up just before the last grid frame.
    pub(super) held: bool,
    /// Frames since something was heard, up to the last grid frame.
    pub(super) quiet: u32,
    pub(super) asleep: bool,
    pub(super) lanes: RestOfLanes,
}

/// As [`Rest`], for each voice by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RestOfLanes {
    /// Whose gates were up at any time since the last grid frame that is known of, as bits.
    pub(super) held: u16,
    /// Frames since something was heard of each, up to the last grid frame.
    pub(super) quiet: [f32; MAX_LANES],
}

/// Some consecutive entries of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    first: u32,
    count: u32,
}

impl Range {
    /// What has been added to a table since it had `first` entries.
    pub(super) fn since<T>(first: usize, table: &[T]) -> Range {
        Range {
            first: first as u32,
            count: (table.len() - first) as u32,
        }
    }

    /// One entry.
    pub(super) const fn one(index: u32) -> Range {
        Range {
            first: index,
            count: 1,
        }
    }

    /// With the entries of another that begins where this one ends; `None` if it does not.
    pub(super) fn with(self, next: Range) -> Option<Range> {
        (self.first.checked_add(self.count)? == next.first).then(|| Range {
            first: self.first,
            count: self.count + next.count,
        })
    }

    /// From the first of its entries to the last of those of another behind it.
    pub(super) const fn through(self, last: Range) -> Range {
        Range {
            first: self.first,
            count: (last.first + last.count).saturating_sub(self.first),
        }
    }

    /// The index of its first entry.
    #[inline]
    pub(super) const fn start(self) -> usize {
        self.first as usize
    }

    /// The index after its last entry.
    pub(super) const fn end(self) -> usize {
        self.first as usize + self.count as usize
    }

    pub(super) const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// Whether the entry with this index is among them.
    pub(super) const fn has(self, index: usize) -> bool {
        self.start() <= index && index < self.end()
    }

    #[inline]
    pub(super) fn of<T>(self, table: &[T]) -> &[T] {
        self.of_known(table).unwrap_or_default()
    }

    /// As [`Range::of`], but `None` for a table that ends before.
    #[inline(always)]
    pub(super) fn of_known<T>(self, table: &[T]) -> Option<&[T]> {
        let first = self.first as usize;
        table.get(first..first + self.count as usize)
    }

    #[inline]
    pub(super) fn of_mut<T>(self, table: &mut [T]) -> &mut [T] {
        let first = self.first as usize;
        table
            .get_mut(first..first + self.count as usize)
            .unwrap_or_default()
    }
}

/// Where a param is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) node: u32,
    pub(super) param: u32,
}

/// One thing to do in a call, in running order.
pub(super) struct Step {
    /// It is left out while these sleep.
    pub(super) sleeper: Sleeper,
    /// Whether all that it leads to slept, rested or was silent, so that it would once more find that there is
    /// nothing to do.
    pub(super) lull: Cell<bool>,
    pub(super) act: Act,
}

impl Step {
    /// A step that is left out while these sleep.
    pub(super) fn new(sleeper: Sleeper, act: Act) -> Step {
        Step {
            sleeper,
            lull: Cell::new(false),
            act,
        }
    }
}

/// See [`Step`].
pub(super) enum Act {
    /// Run modules one after the other.
    Run(Range),
    /// Run modules a few frames at a time in turn; see [`super::turns`].
    TakeTurns(Range),
    /// Copy a mono signal into every lane.
    Spread {
        width: Width,
        from: BlockIndex,
        to: BlockIndex,
    },
    /// Copy eight lanes into sixteen.
    Widen { from: BlockIndex, to: BlockIndex },
    /// Sum the lanes; the voices of these nodes are heard here. Silence while the singers sleep.
    SumLanes {
        width: Width,
        from: BlockIndex,
        to: BlockIndex,
        sources: Range,
        singers: Sleeper,
        hush: HushIndex,
    },
    /// Listen to a mono signal that leaves a domain. Silence while the singers sleep.
    Hear {
        at: BlockIndex,
        singers: Sleeper,
        hush: HushIndex,
    },
    /// Look whether a gate of a note source is up.
    Watch {
        node: u32,
        width: Width,
        gate: BlockIndex,
    },
    /// Look for voices that must be woken, and have what a note source plays ready for those who sound
    /// alone.
    Part {
        width: Width,
        /// Some [`Tables::played`]: its gates.
        gates: Range,
        /// Some [`Tables::played`]: all of its outputs that are read.
        outputs: Range,
    },
    /// Add to what the host hears on the left and on the right.
    Output {
        terms: Box<[Term; 2]>,
        hush: HushIndex,
    },
    /// Read a signal one frame late.
    Delay(Late),
    /// Run modules frame by frame.
    Loop(Box<Loop>),
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

/// The modules of a plan, by the order of its nodes: what of it goes on in another plan.
pub(super) struct Cast {
    pub(super) seats: Box<[Seat]>,
    pub(super) instances: Box<[AnyInstance]>,
    pub(super) states: Box<[Box<NodeState>]>,
}

impl Cast {
    /// One module.
    #[inline(always)]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<(&mut AnyInstance, &mut NodeState)> {
        let state = self.states.get_mut(index)?;
        Some((self.instances.get_mut(index)?, state))
    }

    /// What one module remembers.
    #[inline(always)]
    pub(super) fn state(&self, index: u32) -> Option<&NodeState> {
        self.states.get(index as usize).map(|state| &**state)
    }

    /// See [`Cast::state`].
    #[inline(always)]
    pub(super) fn state_mut(&mut self, index: u32) -> Option<&mut NodeState> {
        self.states
            .get_mut(index as usize)
            .map(|state| &mut **state)
    }
}

/// What may be [`Seat::pending`]. Unless it moves, has failed or is special, a module may be run with no
/// more ado once its cables are laid.
pub(super) mod pending {
    use weft_modules::Pending;

    /// It is a note source, or may rest, or lies in a loop.
    pub(in crate::engine) const SPECIAL: Pending = Pending::bit(0);
    /// Cables have to be summed before it runs, or move its params.
    pub(in crate::engine) const CABLED: Pending = Pending::bit(1);
    /// It need not run while it stands: its outputs are nobody else's memory, and it reads nothing but what
    /// stands as well.
    pub(in crate::engine) const MAY_STAND: Pending = Pending::bit(2);
    /// Some param may move in the coming call.
    pub(in crate::engine) const MOVING: Pending = Pending::bit(3);
    /// It failed and must not run again.
    pub(in crate::engine) const FAILED: Pending = Pending::bit(4);
    /// It hears notes.
    pub(in crate::engine) const SOURCE: Pending = Pending::bit(5);

    /// What goes on in another plan; all else is for each plan to say.
    pub(in crate::engine) const LASTING: Pending = MOVING.and(FAILED);
    /// More than to lay its cables.
    pub(in crate::engine) const UNUSUAL: Pending = SPECIAL.and(LASTING);
}

/// One module of the plan: where it reads and writes.
pub(super) struct Node {
    /// Some [`Tables::inputs`].
    pub(super) inputs: Range,
    /// Some [`Tables::params`].
    pub(super) params: Range,
    /// Some [`Tables::outputs`].
    pub(super) outputs: Range,
    /// It sleeps with these.
    pub(super) sleeper: Sleeper,
    pub(super) width: Width,
    /// Whether its cables bring nothing but what may stand: once they are laid they need not be laid again
    /// before any of that runs. What they bring has memory of its own.
    pub(super) keeps_cables: bool,
    /// Whether it had better run a few frames at a time with others of its kind.
    pub(super) takes_turns: bool,
    /// Whether it may rest while it hears nothing.
    pub(super) may_rest: bool,
    /// Sums to make before it runs.
    pub(super) sums: Range,
    /// Params that cables move.
    pub(super) modulated: Range,
    /// Which those are, a bit each.
    pub(super) cabled: u64,
    /// Some [`Tables::knobs`].
    pub(super) knobs: Range,
    /// Params, a bit each, that it takes with one value a frame for all lanes.
    pub(super) shares: u32,
    /// Some [`Tables::travels`]; none outside loops.
    pub(super) travels: Range,
    /// Some [`Tables::hearing`]: all that it hears. `None` if it hears what nothing is known of.
    pub(super) hearing: Option<Range>,
    /// Its outputs, if it may rest.
    pub(super) hush: HushIndex,
    /// Some [`Tables::readers`]: those who are told what it holds.
    pub(super) readers: Range,
    /// Some [`Tables::dependents`]: the nodes that may stand, or keep their cables, while this one stands.
    pub(super) dependents: Range,
    /// The outputs somebody reads. While it serves nobody but those who sleep, none is wanted.
    pub(super) read: Wanted,
}

/// What a module remembers from call to call beside its instance, and takes along when another plan
/// goes on with it.
#[derive(Default)]
pub(super) struct NodeState {
    pub(super) params: Box<[Param]>,
    /// The params, a bit each, whose knobs may move; all others stand still.
    pub(super) moving: u64,
    /// How loud its voices are, for note sources.
    pub(super) voices: VoiceLevels,
    /// How long they have been silent.
    pub(super) rest: Rest,
    /// Whether it rests until it hears something, for modules that run once for all voices.
    pub(super) rests: bool,
    /// The last frame of each output, for feedback cables.
    pub(super) late: Box<[[f32; MAX_LANES]]>,
    /// Instances for voices that sound alone, of modules that have several voices.
    pub(super) solo: [Option<AnyInstance>; ALONE],
    /// The position of the call in which it ran last, for note sources.
    pub(super) ran_at: Option<u64>,
    /// Whose gates were up at the end of that call, as bits.
    pub(super) up: u16,
}

/// Cables into one input or param.
pub(super) struct Mix {
    pub(super) terms: Range,
    pub(super) to: BlockIndex,
    /// Which input or param of the node.
    pub(super) port: u32,
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

    /// What its modules cost while it plays.
    pub fn loads(&self) -> LoadBoard {
        self.loads.clone()
    }
}
