//! Notes and controllers as modules receive them.

/// One event on its frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoteEvent {
    /// Frame within the call.
    pub frame: u32,
    /// MIDI channel, 0 to 15.
    pub channel: u8,
    /// What happens.
    pub kind: NoteKind,
}

/// What happens to a note or a channel.
///
/// An `id` is the host's name for one sounding note, -1 where it gives none; then channel and key
/// say which note is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoteKind {
    /// A key goes down.
    On {
        /// MIDI key, 60 = middle C.
        key: u8,
        /// 0..1, above 0.
        velocity: f32,
        /// The host's name for the note.
        id: i32,
    },
    /// A key comes up.
    Off {
        /// MIDI key.
        key: u8,
        /// Release velocity, 0..1.
        velocity: f32,
        /// The host's name for the note.
        id: i32,
    },
    /// A note must stop at once.
    Choke {
        /// MIDI key.
        key: u8,
        /// The host's name for the note.
        id: i32,
    },
    /// Pressure on one note: poly aftertouch or a note expression.
    NotePressure {
        /// MIDI key.
        key: u8,
        /// The host's name for the note.
        id: i32,
        /// 0..1.
        value: f32,
    },
    /// Timbre (brightness, MPE's vertical axis) of one note.
    NoteTimbre {
        /// MIDI key.
        key: u8,
        /// The host's name for the note.
        id: i32,
        /// 0..1.
        value: f32,
    },
    /// Tuning of one note.
    NoteTuning {
        /// MIDI key.
        key: u8,
        /// The host's name for the note.
        id: i32,
        /// Semitones from the key.
        semitones: f32,
    },
    /// Channel aftertouch, 0..1.
    ChannelPressure(f32),
    /// Pitch wheel, -1..1.
    Bend(f32),
    /// A continuous controller.
    Control {
        /// MIDI controller number, 0 to 127.
        number: u8,
        /// 0..1.
        value: f32,
    },
}
