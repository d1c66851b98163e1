//! What commits send to the audio thread, and what comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_utils::atomic::AtomicCell;
use rtrb::{Consumer, Producer, PushError, RingBuffer};

use super::Player;
use super::moves::Share;
use super::plan::Place;
use super::replace::Replacement;
use super::splice::Splice;
use crate::patch::ModuleKey;

/// Deliveries that may be on their way back at once.
const RETURNING: usize = 8;
/// Knobs that may be turned within one block.
const TURNS: usize = 1024;

/// Frames in which the player comes nearer to the plan of a splice before it takes it. In blocks as long
/// as this, what that costs is little beside the block.
const APPROACH: usize = 256;

/// A change of what plays, on its way to the player or, done, back from it.
pub(super) enum Delivery {
    /// Cables fade on one set of modules.
    Splice(Box<Splice>),
    /// One patch gives way to another.
    Replacement(Box<Replacement>),
    /// Slots move other params of the same modules.
    Slots(Box<Slots>),
}

/// Which param each slot moves.
pub(super) type Slots = Box<[Option<Place>]>;

/// Where deliveries lie until the player takes them: the newest of each kind. A single exchange of
/// pointers puts one in and takes the one before out, so nobody waits, whoever is late.
#[derive(Default)]
struct Tray {
    splice: AtomicCell<Option<Box<Splice>>>,
    replacement: AtomicCell<Option<Box<Replacement>>>,
    slots: AtomicCell<Option<Box<Slots>>>,
    /// Whether something may lie there: to look is cheaper than to reach for it in every block.
    sent: AtomicBool,
    /// Splices and replacements taken by the player.
    taken: AtomicU64,
}

const _: () = assert!(AtomicCell::<Option<Box<Splice>>>::is_lock_free());

/// A knob of a module that lives, turned without a commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) module: ModuleKey,
    pub(super) param: u32,
    pub(super) normalized: f32,
}

/// The side that makes deliveries and frees them. Any thread but the audio thread.
pub(super) struct Sender {
    tray: Arc<Tray>,
    returned: Consumer<Delivery>,
    turns: Producer<Turn>,
    /// How many had been taken when the last one was sent.
    taken_before: u64,
}

/// The side of the audio thread.
pub struct Receiver {
    tray: Arc<Tray>,
    returned: Producer<Delivery>,
    turns: Consumer<Turn>,
    /// Comes nearer before it is taken.
    nearing: Option<Box<Splice>>,
    /// Frames played meanwhile.
    approached: usize,
    /// Taken, but an earlier one is still at work.
    waiting: Option<Delivery>,
    /// One that is done and finds the way back full.
    stranded: Option<Delivery>,
}

/// Both ends of a new handover.
pub(super) fn handover() -> (Sender, Receiver) {
    let tray = Arc::<Tray>::default();
    let (leaving, returned) = RingBuffer::new(RETURNING);
    let (turns, turning) = RingBuffer::new(TURNS);
    let receiver = Receiver {
        tray: Arc::clone(&tray),
        returned: leaving,
        turns: turning,
        nearing: None,
        approached: 0,
        waiting: None,
        stranded: None,
    };
    (
        Sender {
            tray,
            returned,
            turns,
            taken_before: 0,
        },
        receiver,
    )
}

impl Sender {
    /// Sends a delivery. What was sent before must have been taken or taken back.
    pub(super) fn send(&mut self, delivery: Delivery) {
        // A new plan brings its own slots.
        drop(self.tray.slots.take());
        self.taken_before = self.tray.taken.load(Ordering::Acquire);
        match delivery {
            Delivery::Splice(splice) => drop(self.tray.splice.swap(Some(splice))),
            Delivery::Replacement(replacement) => {
                drop(self.tray.replacement.swap(Some(replacement)))
            }
            Delivery::Slots(slots) => drop(self.tray.slots.swap(Some(slots))),
        }
        self.tray.sent.store(true, Ordering::Release);
    }

    /// Whether the player has taken what was sent last.
    pub(super) fn is_taken(&self) -> bool {
        self.tray.taken.load(Ordering::Acquire) != self.taken_before
    }

    /// Takes back what was sent last, unless the player has taken it. Gives whether it was there.
    pub(super) fn take_back(&mut self) -> bool {
        self.tray.splice.take().is_some() || self.tray.replacement.take().is_some()
    }

    /// Turns a knob. If more are turned within a block than there is room for, the rest is left out;
    /// the patch holds every value, so the next commit or state brings them.
    pub(super) fn turn(&mut self, turn: Turn) -> bool {
        self.turns.push(turn).is_ok()
    }

    /// Frees what came back.
    pub(super) fn collect(&mut self) {
        while let Ok(done) = self.returned.pop() {
            drop(done);
        }
    }
}

impl Receiver {
    /// Brings the player what has arrived and takes back what is done. Once a block. Gives whether the
    /// player plays something new.
    ///
    /// Realtime safety: nothing is freed here; while the way back is full, nothing new is taken.
    pub fn poll(&mut self, player: &mut Player) -> bool {
        let mut new = false;
        while self.stranded.is_none() {
            let Some(done) = player.give_back() else {
                break;
            };
            self.stranded = Some(done);
            self.ship();
        }
        self.ship();
        // What is waiting is of the plan that will play then, and so are slots sent after it.
        let may_come = self.nearing.is_some() || self.tray.sent.load(Ordering::Acquire);
        if self.waiting.is_none() && may_come {
            // Before anything is taken, so that what is sent meanwhile is found in the next block.
            self.tray.sent.swap(false, Ordering::AcqRel);
            if self.nearing.is_none() {
                self.nearing = self.tray.splice.take();
                self.approached = 0;
            }
            self.waiting = if self.nearing.is_none() {
                self.tray.replacement.take().map(Delivery::Replacement)
            } else if self.approach(player.frames_per_block()) {
                self.nearing.take().map(Delivery::Splice)
            } else {
                None
            };
            if self.waiting.is_some() {
                // It cannot be taken back any more, so the next commit starts out from it.
                self.tray.taken.fetch_add(1, Ordering::Release);
            } else if self.nearing.is_none() {
                self.waiting = self.tray.slots.take().map(Delivery::Slots);
            }
            // Others may lie there that were not looked at.
            if self.nearing.is_some() || self.waiting.is_some() {
                self.tray.sent.store(true, Ordering::Release);
            }
        }
        if self.stranded.is_none()
            && let Some(delivery) = self
                .waiting
                .take_if(|delivery| player.is_ready_for(delivery))
        {
            player.take(delivery);
            new = true;
        }
        // Knobs may be those of a plan that waits; they wait with it.
        if self.waiting.is_none() {
            while let Ok(turn) = self.turns.pop() {
                player.turn(turn);
            }
        }
        new
    }

    /// Reads what the player will need of a splice, some in each block, so that the block in which it
    /// is taken does not wait for all of it at once. Gives whether it is near.
    ///
    /// Realtime safety: yes.
    fn approach(&mut self, frames: usize) -> bool {
        let before = self.approached;
        if before >= APPROACH || frames >= APPROACH {
            return true;
        }
        self.approached = before + frames;
        if let Some(splice) = &mut self.nearing {
            splice.approach(Share {
                from: before,
                to: self.approached,
                of: APPROACH,
            });
        }
        false
    }

    /// Whether a whole patch is here and waits for the one before the last to end. What hosts do to
    /// slots is meant for the one that waits.
    ///
    /// Realtime safety: yes.
    pub fn holds_patch(&self) -> bool {
        matches!(self.waiting, Some(Delivery::Replacement(_)))
    }

    fn ship(&mut self) {
        if let Some(done) = self.stranded.take()
            && let Err(PushError::Full(done)) = self.returned.push(done)
        {
            self.stranded = Some(done);
        }
    }
}
