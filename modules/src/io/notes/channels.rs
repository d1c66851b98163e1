//! What each MIDI channel's controllers stand at.

use super::note::legal;
use crate::notes::NoteKind;

/// The channel whose controllers move all notes in MPE's lower zone.
pub(super) const MPE_MASTER: u8 = 0;

/// Controllers that shape notes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Controls {
    /// -1..1.
    pub(super) bend: f32,
    /// 0..1.
    pub(super) pressure: f32,
    /// 0..1.
    pub(super) timbre: f32,
    /// 0..1.
    pub(super) wheel: f32,
}

impl Controls {
    pub(super) const REST: Controls = Controls {
        bend: 0.0,
        pressure: 0.0,
        timbre: 0.0,
        wheel: 0.0,
    };
}

#[derive(Clone, Copy)]
struct Channel {
    controls: Controls,
    pedal: bool,
}

/// What a channel message asks of the notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing, or nothing that is known here.
    Nothing,
    /// Follow the channel's controllers.
    Follow,
    /// Let go of what only the pedal holds.
    LiftPedal,
    /// Both of these.
    FollowAndLiftPedal,
    /// Release every note.
    Release,
    /// Silence every note.
    Silence,
}

/// All sixteen channels.
pub(super) struct Channels([Channel; 16]);

impl Channels {
    pub(super) const REST: Channels = Channels(
        [Channel {
            controls: Controls::REST,
            pedal: false,
        }; 16],
    );

    pub(super) fn controls(&self, channel: u8) -> Controls {
        self.0
            .get(usize::from(channel))
            .map_or(Controls::REST, |channel| channel.controls)
    }

    pub(super) fn pedal(&self, channel: u8) -> bool {
        self.0
            .get(usize::from(channel))
            .is_some_and(|channel| channel.pedal)
    }

    /// Takes a channel message. Controller numbers are those of MIDI 1.0.
    pub(super) fn take(&mut self, channel: u8, message: NoteKind) -> Demand {
        let Some(channel) = self.0.get_mut(usize::from(channel)) else {
            return Demand::Nothing;
        };
        let controls = &mut channel.controls;
        match message {
            NoteKind::Bend(value) => controls.bend = legal(value, -1.0, 1.0, 0.0),
            NoteKind::ChannelPressure(value) => controls.pressure = legal(value, 0.0, 1.0, 0.0),
            NoteKind::Control { number: 1, value } => controls.wheel = legal(value, 0.0, 1.0, 0.0),
            NoteKind::Control { number: 74, value } => {
                controls.timbre = legal(value, 0.0, 1.0, 0.0)
            }
            NoteKind::Control { number: 64, value } => {
                let was = core::mem::replace(&mut channel.pedal, value >= 0.5);
                return if was && !channel.pedal {
                    Demand::LiftPedal
                } else {
                    Demand::Nothing
                };
            }
            NoteKind::Control { number: 120, .. } => return Demand::Silence,
            NoteKind::Control { number: 121, .. } => {
                *channel = Channel {
                    controls: Controls::REST,
                    pedal: false,
                };
                return Demand::FollowAndLiftPedal;
            }
            // 124 to 127 change a MIDI device's mode, and MIDI has them release all notes too.
            NoteKind::Control {
                number: 123..=127, ..
            } => return Demand::Release,
            _ => return Demand::Nothing,
        }
        Demand::Follow
    }
}
