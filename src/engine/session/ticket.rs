//! What becomes of a commit, told to whoever asked for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::CompileError;

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The player has it: it plays, or will once an older patch has faded, or when the host starts its
    /// audio.
    Live,
    /// It sounds as what lived already; names and values went over.
    Unchanged,
    /// A newer commit took its place before its turn came.
    Superseded,
    /// It cannot play. What lived before lives on.
    Failed(CompileError),
    /// Weft itself failed at it. What lived before lives on, and the next commit may succeed.
    Broken,
    /// The instance was closed first.
    Closed,
}

/// Tells what becomes of a commit. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Ticket(Arc<(Mutex<Progress>, Condvar)>);

/// How far a commit has come.
#[derive(Debug, Default)]
struct Progress {
    /// On its way to the player, which will find it before its next block.
    sent: bool,
    outcome: Option<Outcome>,
}

impl Ticket {
    pub(super) fn new() -> Ticket {
        Ticket(Arc::default())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn resolve(&self, outcome: Outcome) {
        self.progress().outcome.get_or_insert(outcome);
        self.0.1.notify_all();
    }

    pub(super) fn send(&self) {
        self.progress().sent = true;
        self.0.1.notify_all();
    }

    /// Waits until the player will find it before its next block, or it is known that it will not; or
    /// for so long. Does not wait for the player.
    pub fn wait_until_sent(&self, patience: Duration) {
        let pending = |progress: &mut Progress| !progress.sent && progress.outcome.is_none();
        drop(
            self.0
                .1
                .wait_timeout_while(self.progress(), patience, pending),
        );
    }

    /// What became of it, if that is known.
    pub fn outcome(&self) -> Option<Outcome> {
        self.progress().outcome.clone()
    }

    /// Waits until that is known, or for so long.
    pub fn wait(&self, patience: Duration) -> Option<Outcome> {
        let waited = self
            .0
            .1
            .wait_timeout_while(self.progress(), patience, |progress| {
                progress.outcome.is_none()
            });
        waited
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .outcome
            .clone()
    }
}
