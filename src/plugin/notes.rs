//! The host's notes and controllers in the words of the modules.

use nice_plug::midi::{Channel, Key, NoteEvent as HostEvent, VoiceID};
use nice_plug::prelude::PluginApi;
use weft_modules::{NoteEvent, NoteKind};

/// Translates one event, giving each result to `emit`. Most events give one; an event for every
/// key or every channel gives one for each that it means, and one that says nothing gives none.
pub fn translate(event: HostEvent<()>, api: PluginApi, emit: &mut impl FnMut(NoteEvent)) {
    let frame = event.timing();
    match event {
        HostEvent::NoteOn {
            voice_id,
            channel,
            key: Key::Number(key),
            velocity,
            ..
        } => {
            let (id, key, velocity) = (id_of(voice_id), key & 127, share(velocity));
            // MIDI's habit: velocity 0 is a key coming up.
            let kind = if velocity > 0.0 {
                NoteKind::On { key, velocity, id }
            } else {
                NoteKind::Off { key, velocity, id }
            };
            emit(NoteEvent {
                frame,
                channel: channel.number().unwrap_or(0),
                kind,
            });
        }
        HostEvent::NoteOff {
            voice_id,
            channel,
            key,
            velocity,
            ..
        } => {
            let velocity = share(velocity);
            each(frame, voice_id, channel, key, emit, |key, id| {
                NoteKind::Off { key, velocity, id }
            });
        }
        HostEvent::Choke {
            voice_id,
            channel,
            key,
            ..
        } => each(frame, voice_id, channel, key, emit, |key, id| {
            NoteKind::Choke { key, id }
        }),
        HostEvent::PolyPressure {
            voice_id,
            channel,
            key,
            pressure,
            ..
        } => {
            let value = share(pressure);
            each(frame, voice_id, channel, key, emit, |key, id| {
                NoteKind::NotePressure { key, id, value }
            });
        }
        HostEvent::PolyTuning {
            voice_id,
            channel,
            key,
            tuning,
            ..
        } => {
            let semitones = finite(tuning).clamp(-120.0, 120.0);
            each(frame, voice_id, channel, key, emit, |key, id| {
                NoteKind::NoteTuning { key, id, semitones }
            });
        }
        HostEvent::PolyBrightness {
            voice_id,
            channel,
            key,
            brightness,
            ..
        } if api != PluginApi::Vst3 => {
            let value = share(brightness);
            each(frame, voice_id, channel, key, emit, |key, id| {
                NoteKind::NoteTimbre { key, id, value }
            });
        }
        // nice-plug's VST3 wrapper confuses the two: brightness arrives as expression.
        HostEvent::PolyExpression {
            voice_id,
            channel,
            key,
            expression,
            ..
        } if api == PluginApi::Vst3 => {
            let value = share(expression);
            each(frame, voice_id, channel, key, emit, |key, id| {
                NoteKind::NoteTimbre { key, id, value }
            });
        }
        HostEvent::MidiChannelPressure {
            channel, pressure, ..
        } => emit(NoteEvent {
            frame,
            channel: channel & 15,
            kind: NoteKind::ChannelPressure(share(pressure)),
        }),
        HostEvent::MidiPitchBend { channel, value, .. } => emit(NoteEvent {
            frame,
            channel: channel & 15,
            kind: NoteKind::Bend(bend(value)),
        }),
        HostEvent::MidiCC {
            channel, cc, value, ..
        } => emit(NoteEvent {
            frame,
            channel: channel & 15,
            kind: NoteKind::Control {
                number: cc & 127,
                value: share(value),
            },
        }),
        _ => {}
    }
}

/// Gives the event for the note meant: by its id if it has one, else for every key and channel that
/// the host's wildcards mean.
fn each(
    frame: u32,
    voice: VoiceID,
    channel: Channel,
    key: Key,
    emit: &mut impl FnMut(NoteEvent),
    kind: impl Fn(u8, i32) -> NoteKind,
) {
    let id = id_of(voice);
    let all = id < 0;
    let channels = match channel.number() {
        Some(channel) => channel..=channel,
        None if all => 0..=15,
        None => 0..=0,
    };
    for channel in channels {
        let keys = match key.number() {
            Some(key) => key & 127..=key & 127,
            None if all => 0..=127,
            None => 0..=0,
        };
        for key in keys {
            emit(NoteEvent {
                frame,
                channel,
                kind: kind(key, id),
            });
        }
    }
}

fn id_of(voice: VoiceID) -> i32 {
    voice.id().unwrap_or(-1)
}

fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { 0.0 }
}

fn share(value: f32) -> f32 {
    finite(value).clamp(0.0, 1.0)
}

/// The pitch wheel from 0..1 to -1..1. Its rest is 8192 of 16383 in MIDI and 0.5 in VST3, and both
/// must be exactly 0.
fn bend(value: f32) -> f32 {
    const REST: f32 = 8192.0 / 16383.0;
    if !value.is_finite() {
        return 0.0;
    }
    let value = value.clamp(0.0, 1.0);
    if value < 0.5 {
        value * 2.0 - 1.0
    } else if value > REST {
        (value - REST) / (1.0 - REST)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(event: HostEvent<()>, api: PluginApi) -> Vec<NoteEvent> {
        let mut heard = Vec::new();
        translate(event, api, &mut |event| heard.push(event));
        heard
    }

    fn brightness(value: f32) -> HostEvent<()> {
        HostEvent::PolyBrightness {
            timing: 3,
            voice_id: VoiceID::ID(9),
            channel: Channel::Number(2),
            key: Key::Number(60),
            brightness: value,
        }
    }

    #[test]
    fn the_pitch_wheel_rests_at_zero_in_both_formats_and_reaches_both_ends() {
        for rest in [0.5, 8192.0 / 16383.0] {
            assert_eq!(bend(rest), 0.0);
        }
        assert_eq!((bend(0.0), bend(1.0)), (-1.0, 1.0));
        let mut last = -1.0;
        for raw in 1..=16383 {
            let now = bend(raw as f32 / 16383.0);
            assert!(now >= last && (now > last || raw == 8192), "{raw}");
            last = now;
        }
    }

    #[test]
    fn numbers_that_are_none_never_pass() {
        let pressure = HostEvent::MidiChannelPressure {
            timing: 0,
            channel: 255,
            pressure: f32::NAN,
        };
        let heard = heard(pressure, PluginApi::Clap);
        assert_eq!(
            heard,
            [NoteEvent {
                frame: 0,
                channel: 15,
                kind: NoteKind::ChannelPressure(0.0)
            }]
        );
        assert_eq!(bend(f32::NAN), 0.0);
    }

    #[test]
    fn a_choke_of_everything_reaches_every_key_of_every_channel() {
        let choke = HostEvent::Choke {
            timing: 5,
            voice_id: VoiceID::Wildcard,
            channel: Channel::Wildcard,
            key: Key::Wildcard,
        };
        let heard = heard(choke, PluginApi::Clap);
        assert_eq!(heard.len(), 16 * 128);
        assert!(heard.iter().all(|event| event.frame == 5));
    }

    #[test]
    fn a_note_with_an_id_is_meant_once_whatever_its_wildcards() {
        let off = HostEvent::NoteOff {
            timing: 0,
            voice_id: VoiceID::ID(7),
            channel: Channel::Wildcard,
            key: Key::Wildcard,
            velocity: 0.5,
        };
        let heard = heard(off, PluginApi::Clap);
        assert!(matches!(
            heard[..],
            [NoteEvent {
                kind: NoteKind::Off { id: 7, .. },
                ..
            }]
        ));
    }

    #[test]
    fn a_note_on_without_velocity_is_a_note_off() {
        let on = HostEvent::NoteOn {
            timing: 0,
            voice_id: VoiceID::Wildcard,
            channel: Channel::Number(0),
            key: Key::Number(64),
            velocity: 0.0,
        };
        assert!(matches!(
            heard(on, PluginApi::Vst3)[..],
            [NoteEvent {
                kind: NoteKind::Off { key: 64, .. },
                ..
            }]
        ));
    }

    #[test]
    fn timbre_comes_from_brightness_in_both_formats() {
        let timbre = [NoteEvent {
            frame: 3,
            channel: 2,
            kind: NoteKind::NoteTimbre {
                key: 60,
                id: 9,
                value: 0.75,
            },
        }];
        assert_eq!(heard(brightness(0.75), PluginApi::Clap), timbre);
        let as_vst3_wrapper_says_it = HostEvent::PolyExpression {
            timing: 3,
            voice_id: VoiceID::ID(9),
            channel: Channel::Number(2),
            key: Key::Number(60),
            expression: 0.75,
        };
        assert_eq!(heard(as_vst3_wrapper_says_it, PluginApi::Vst3), timbre);
        assert_eq!(heard(brightness(0.75), PluginApi::Vst3), []);
    }
}
