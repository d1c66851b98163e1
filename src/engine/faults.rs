//! Modules that misbehaved, told from the audio thread to everyone else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What went wrong in a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It gave infinity or something that is no number, was silenced for a moment and reset.
    NotFinite,
    /// It failed outright and stays silent until the patch is compiled again.
    Failed,
}

/// How often each module of a plan misbehaved.
///
/// The audio thread counts, any thread reads. Realtime safety: counting only adds to an
/// atomic.
#[derive(Debug)]
pub struct FaultBoard {
    modules: Box<[(Arc<str>, [AtomicU32; 2])]>,
}

impl FaultBoard {
    pub(super) fn new(modules: impl Iterator<Item = Arc<str>>) -> FaultBoard {
        FaultBoard {
            modules: modules.map(|id| (id, Default::default())).collect(),
        }
    }

    pub(super) fn count(&self, module: usize, fault: Fault) {
        if let Some((_, counts)) = self.modules.get(module) {
            counts[fault as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Module ids with what happened to them and how often; empty while all is well.
    pub fn report(&self) -> Vec<(&str, Fault, u32)> {
        let each = |fault: Fault| {
            self.modules.iter().filter_map(move |(id, counts)| {
                let count = counts[fault as usize].load(Ordering::Relaxed);
                (count > 0).then_some((&**id, fault, count))
            })
        };
        each(Fault::Failed).chain(each(Fault::NotFinite)).collect()
    }
}
