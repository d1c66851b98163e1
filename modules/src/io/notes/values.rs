//! What each voice's outputs stand at.

use super::glide::Glide;
use crate::lanes::Lanes;

/// The values behind the outputs, each on its way or arrived.
pub(super) struct Values<V> {
    /// The key in octaves from middle C.
    pub(super) key: Glide<V>,
    /// Semitones from the key that the note itself brought.
    pub(super) tuning: Glide<V>,
    /// The wheel that moves all notes, -1..1.
    pub(super) bend: Glide<V>,
    /// The bend of one finger in MPE, -1..1.
    pub(super) finger: Glide<V>,
    pub(super) velocity: Glide<V>,
    pub(super) release: Glide<V>,
    pub(super) pressure: Glide<V>,
    pub(super) timbre: Glide<V>,
    pub(super) wheel: Glide<V>,
    pub(super) random: Glide<V>,
    /// Place between left and right, -1..1.
    pub(super) place: Glide<V>,
    /// Place in the fan of detuned voices, -1..1.
    pub(super) fan: Glide<V>,
}

impl<V: Lanes> Values<V> {
    pub(super) fn new() -> Self {
        let rest = Glide::new(0.0);
        Values {
            key: rest,
            tuning: rest,
            bend: rest,
            finger: rest,
            velocity: rest,
            release: rest,
            pressure: rest,
            timbre: rest,
            wheel: rest,
            random: rest,
            place: rest,
            fan: rest,
        }
    }

    /// Whether all have arrived.
    #[inline(always)]
    pub(super) fn are_still(&self) -> bool {
        self.pitch_is_still()
            && self.velocity.is_still()
            && self.release.is_still()
            && self.pressure.is_still()
            && self.timbre.is_still()
            && self.wheel.is_still()
            && self.random.is_still()
            && self.place.is_still()
    }

    /// Whether everything pitch is made of has arrived.
    #[inline(always)]
    pub(super) fn pitch_is_still(&self) -> bool {
        self.key.is_still()
            && self.tuning.is_still()
            && self.bend.is_still()
            && self.finger.is_still()
            && self.fan.is_still()
    }

    /// The present frame of all that pitch is made of is over.
    #[inline(always)]
    pub(super) fn step_pitch(&mut self) {
        self.key.step();
        self.tuning.step();
        self.bend.step();
        self.finger.step();
        self.fan.step();
    }

    /// So many frames of all that pitch is made of are over, unseen.
    #[inline(always)]
    pub(super) fn skip_pitch(&mut self, frames: usize) {
        self.key.skip(frames);
        self.tuning.skip(frames);
        self.bend.skip(frames);
        self.finger.skip(frames);
        self.fan.skip(frames);
    }
}
