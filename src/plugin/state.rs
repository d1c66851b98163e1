//! The patch of one plugin instance: what the host saves and loads, and what the player is given.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nice_plug::prelude::{nice_error, nice_log};

use super::slots::{SlotBank, SlotView};
use crate::engine::{CompileError, Player, SlotTable, compile, handover};
use crate::patch::{Patch, PatchError};

/// The rate a patch is checked at while the host has not named one.
const USUAL_RATE: f32 = 48_000.0;

/// Why a saved state was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The bytes are no text.
    #[error("it is not text from byte {0} on; the project file may be damaged there")]
    NotText(usize),
    /// The text is no patch.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The patch cannot be played.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The player takes no plans.
    #[error("the host's audio has stood still through many changes; let it run, then load again")]
    Standstill,
}

/// What the host's threads and the player share of one instance. Nothing here but
/// [`SlotBank::heard`] and [`SlotBank::take_turned`] is for the audio thread.
pub struct Shared {
    /// The host parameters.
    pub slots: std::sync::Arc<SlotBank>,
    document: Mutex<Document>,
}

struct Document {
    patch: Patch,
    /// Where new plans go; `None` while the host has the plugin switched off.
    player: Option<(f32, handover::Sender)>,
    rescued: Option<Vec<u8>>,
}

impl Shared {
    /// An instance that holds a patch.
    pub fn new(patch: Patch) -> Shared {
        let view = SlotView::new(SlotTable::of(&patch));
        Shared {
            slots: std::sync::Arc::new(SlotBank::new(view)),
            document: Mutex::new(Document {
                patch,
                player: None,
                rescued: None,
            }),
        }
    }

    fn document(&self) -> MutexGuard<'_, Document> {
        // A panic elsewhere leaves whole patches behind: they are only ever replaced whole.
        self.document.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The patch as text, with every slot's present value in it: the plugin's state.
    pub fn save(&self) -> Vec<u8> {
        let mut document = self.document();
        if let Some((_, plans)) = &mut document.player {
            plans.collect();
        }
        document.present(&self.slots).to_ron().into_bytes()
    }

    /// Replaces the patch by a saved one, while it plays too.
    ///
    /// # Errors
    /// If the bytes are damaged or the patch cannot be played. Then nothing changes, and the bytes
    /// are kept: see [`rescued`](Self::rescued).
    pub fn load(&self, bytes: &[u8]) -> Result<(), StateError> {
        let mut document = self.document();
        let loaded = document.load(bytes, &self.slots);
        if let Err(error) = &loaded {
            nice_error!(
                "A saved patch could not be loaded: {error}. The patch that was there plays on, and \
                 the {} bytes that could not be read are kept.",
                bytes.len()
            );
            document.rescued = Some(bytes.to_vec());
        }
        loaded
    }

    /// The last saved state that could not be loaded.
    pub fn rescued(&self) -> Option<Vec<u8>> {
        self.document().rescued.clone()
    }

    /// Makes a player for the present patch at a sample rate in hertz. Later plans go to it.
    ///
    /// # Errors
    /// If the patch cannot be played at this rate.
    pub fn activate(&self, rate: f32) -> Result<(Player, handover::Receiver), CompileError> {
        let mut document = self.document();
        let plan = Box::new(compile(&document.present(&self.slots), rate)?);
        let (plans, receiver) = handover::handover();
        document.player = Some((rate, plans));
        Ok((Player::new(plan), receiver))
    }

    /// The player is gone; new plans wait for the next one.
    pub fn deactivate(&self) {
        self.document().player = None;
    }
}

impl Document {
    fn present(&self, slots: &SlotBank) -> Patch {
        let mut patch = self.patch.clone();
        slots.for_each_moved(|info, value| {
            patch.set_value(&info.module, &info.param, info.spec.plain(value));
        });
        patch
    }

    fn load(&mut self, bytes: &[u8], slots: &SlotBank) -> Result<(), StateError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| StateError::NotText(error.valid_up_to()))?;
        let (patch, notes) = Patch::from_ron(text)?;
        let rate = self.player.as_ref().map_or(USUAL_RATE, |(rate, _)| *rate);
        let plan = Box::new(compile(&patch, rate)?);
        for note in notes {
            nice_log!("{note}");
        }
        let view = SlotView::new(SlotTable::of(&patch));
        // The plan goes first: a player that sees the new values has the new plan already.
        if let Some((_, plans)) = &mut self.player {
            plans.send(plan).map_err(|_| StateError::Standstill)?;
        }
        self.patch = patch;
        slots.show(view);
        Ok(())
    }
}
