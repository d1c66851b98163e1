//! What tells modules apart while Weft runs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tells a module apart from all others of this run, whatever they are called. See
/// [`Module::key`](super::Module::key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleKey(u64);

/// A key that takes no part in comparing what holds it: two documents are equal if they say the
/// same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity(ModuleKey);

impl Identity {
    /// One that no module had before.
    pub(super) fn fresh() -> Identity {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Identity(ModuleKey(NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(super) fn key(self) -> ModuleKey {
        self.0
    }
}

impl PartialEq for Identity {
    fn eq(&self, _: &Identity) -> bool {
        true
    }
}
