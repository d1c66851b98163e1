//! One note as it is played.

/// A key that is down or was, with what its player does to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Note {
    pub(super) key: u8,
    pub(super) channel: u8,
    /// The host's name for it, or -1.
    pub(super) id: i32,
    /// Counts notes; tells this one from any other.
    pub(super) stamp: u64,
    pub(super) velocity: f32,
    pub(super) pressure: f32,
    pub(super) timbre: f32,
    /// Semitones from the key.
    pub(super) tuning: f32,
}

impl Note {
    pub(super) const NONE: Note = Note {
        key: 60,
        channel: 0,
        id: -1,
        stamp: 0,
        velocity: 0.0,
        pressure: 0.0,
        timbre: 0.0,
        tuning: 0.0,
    };

    /// Octaves from middle C.
    pub(super) fn pitch(&self) -> f32 {
        (f32::from(self.key) - 60.0) / 12.0
    }

    /// Whether an event with this address means the note. Names win over keys where both have one.
    pub(super) fn is(&self, channel: u8, key: u8, id: i32) -> bool {
        if id >= 0 && self.id >= 0 {
            self.id == id
        } else {
            self.channel == channel && self.key == key
        }
    }
}

/// A number within a range; `fallback` where it is none.
pub(super) fn legal(value: f32, low: f32, high: f32, fallback: f32) -> f32 {
    if value.is_nan() {
        fallback
    } else {
        value.clamp(low, high)
    }
}
