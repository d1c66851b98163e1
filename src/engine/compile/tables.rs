//! The tables of a plan as they grow.

use weft_modules::routing::Term;
use weft_modules::{BlockIndex, MAX_FRAMES, Operand};

use crate::engine::plan::{
    Act, Domain, Hush, HushIndex, Mix, Place, Range, Reader, Sleeper, Step, Tables,
};

/// [`Tables`] in the making.
#[derive(Default)]
pub(super) struct Growing {
    pub(super) inputs: Vec<Operand>,
    pub(super) params: Vec<Operand>,
    pub(super) outputs: Vec<BlockIndex>,
    pub(super) mixes: Vec<Mix>,
    pub(super) terms: Vec<Term>,
    pub(super) heard: Vec<u32>,
    pub(super) knobs: Vec<BlockIndex>,
    pub(super) travels: Vec<[f32; MAX_FRAMES]>,
    pub(super) domains: Vec<Domain>,
    pub(super) shut: Vec<Place>,
    pub(super) served: Vec<u32>,
    pub(super) members: Vec<u32>,
    pub(super) played: Vec<BlockIndex>,
    pub(super) hushes: Vec<Hush>,
    pub(super) hearing: Vec<HushIndex>,
    pub(super) readers: Vec<Reader>,
    pub(super) standing: Vec<u8>,
    pub(super) dependents: Vec<u32>,
}

impl Growing {
    pub(super) fn finish(self) -> Tables {
        Tables {
            domains: self.domains.into(),
            shut: self.shut.into(),
            served: self.served.into(),
            members: self.members.into(),
            played: self.played.into(),
            inputs: self.inputs.into(),
            params: self.params.into(),
            outputs: self.outputs.into(),
            mixes: self.mixes.into(),
            terms: self.terms.into(),
            heard: self.heard.into(),
            knobs: self.knobs.into(),
            travels: self.travels.into(),
            hushes: self.hushes.into(),
            hearing: self.hearing.into(),
            readers: self.readers.into(),
            standing: self.standing.into(),
            dependents: self.dependents.into(),
            roused: false,
        }
    }

    /// A new entry for blocks of whose silence something is known.
    pub(super) fn hush(&mut self) -> HushIndex {
        self.hushes.push(Hush::default());
        HushIndex(self.hushes.len() as u32 - 1)
    }
}

/// Adds entries to a table.
pub(super) fn add<T>(table: &mut Vec<T>, entries: impl IntoIterator<Item = T>) -> Range {
    let first = table.len();
    table.extend(entries);
    Range::since(first, table)
}

/// Who sleeps, in the numbers of the plan.
pub(super) fn sleeper(domain: Option<usize>) -> Sleeper {
    domain
        .and_then(|domain| u16::try_from(domain).ok())
        .map_or(Sleeper::NOBODY, Sleeper)
}

/// A step that is never left out.
pub(super) fn always(act: Act) -> Step {
    Step::new(Sleeper::NOBODY, act)
}
