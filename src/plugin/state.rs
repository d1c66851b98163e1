//! The patch of one plugin instance: what the host saves and loads, and what the player is given.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nice_plug::prelude::{nice_error, nice_log};

use super::slots::{SlotBank, SlotView};
use crate::engine::handover::Receiver;
use crate::engine::session::Session;
use crate::engine::{Player, SlotTable};
use crate::patch::{EditError, ParamRef, Patch, PatchError};

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
    Edit(#[from] EditError),
}

/// What the host's threads and the player share of one instance. Nothing here but
/// [`SlotBank::heard`] and [`SlotBank::take_turned`] is for the audio thread.
pub struct Shared {
    /// The host parameters.
    pub slots: Arc<SlotBank>,
    session: Session,
    /// Held while the slots' values are read for the patch or set from it, so that nobody takes the
    /// values of one patch for those of another.
    agreement: Mutex<()>,
    rescued: Mutex<Option<Vec<u8>>>,
}

impl Shared {
    /// An instance that holds a patch.
    pub fn new(patch: Patch) -> Shared {
        let view = SlotView::new(SlotTable::of(&patch));
        Shared {
            slots: Arc::new(SlotBank::new(view)),
            session: Session::new(patch),
            agreement: Mutex::new(()),
            rescued: Mutex::new(None),
        }
    }

    /// The patch as text, with every slot's present value in it: the plugin's state.
    pub fn save(&self) -> Vec<u8> {
        self.take_in_automation();
        self.session.committed().to_ron().into_bytes()
    }

    /// Replaces the patch by a saved one, while it plays too.
    ///
    /// # Errors
    /// If the bytes are damaged or the patch cannot be played. Then nothing changes, and the bytes
    /// are kept: see [`rescued`](Self::rescued).
    pub fn load(&self, bytes: &[u8]) -> Result<(), StateError> {
        let loaded = self.try_load(bytes);
        if let Err(error) = &loaded {
            nice_error!(
                "A saved patch could not be loaded: {error}. The patch that was there plays on, and \
                 the {} bytes that could not be read are kept.",
                bytes.len()
            );
            *self.rescued.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.to_vec());
        }
        loaded
    }

    fn try_load(&self, bytes: &[u8]) -> Result<(), StateError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| StateError::NotText(error.valid_up_to()))?;
        let (patch, notes) = Patch::from_ron(text)?;
        let view = SlotView::new(SlotTable::of(&patch));
        let agreement = self.agree();
        self.session.load(patch)?;
        self.slots.show(view);
        drop(agreement);
        for note in notes {
            nice_log!("{note}");
        }
        Ok(())
    }

    /// The last saved state that could not be loaded.
    pub fn rescued(&self) -> Option<Vec<u8>> {
        self.rescued
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes a player for the present patch at a sample rate in hertz. Later commits go to it.
    pub fn activate(&self, rate: f32) -> (Player, Receiver) {
        // The player is made with all that was turned so far.
        let _known = self.slots.take_turned();
        self.take_in_automation();
        self.session.activate(rate)
    }

    /// The player is gone; commits wait for the next one.
    pub fn deactivate(&self) {
        self.session.deactivate();
    }

    fn agree(&self) -> MutexGuard<'_, ()> {
        self.agreement
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the patch hold what the host turned.
    fn take_in_automation(&self) {
        let _agreement = self.agree();
        let mut turned = Vec::new();
        self.slots.for_each_moved(|info, value| {
            let param = ParamRef {
                module: info.module.clone(),
                param: info.param.clone(),
            };
            turned.push((param, info.spec.plain(value)));
        });
        self.session
            .automated(turned.iter().map(|(param, plain)| (param, *plain)));
    }
}
