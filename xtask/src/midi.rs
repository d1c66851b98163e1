//! MIDI files as notes on a time line, with the file's own tempo.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use midly::{Format, MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};
use weft_modules::{NoteEvent, NoteKind};

/// The tempo of a file that names none.
const DEFAULT_TEMPO: f64 = 120.0;

/// Music: messages and tempo over time.
pub struct Song {
    messages: Vec<(f64, [u8; 3])>,
    tempo: Vec<Tempo>,
    seconds: f64,
}

/// From here on the music has this tempo.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tempo {
    seconds: f64,
    beat: f64,
    bpm: f64,
}

/// A [`Song`] laid on the frames of a sample rate.
pub struct Score {
    /// MIDI messages by frame.
    pub messages: Vec<(u64, [u8; 3])>,
    tempo: Vec<Tempo>,
    rate: f64,
}

impl Song {
    /// Reads a MIDI file. A `tempo` in quarter notes a minute takes the place of the file's own.
    ///
    /// # Errors
    /// The file cannot be read or is no MIDI file.
    pub fn load(path: &Path, tempo: Option<f64>) -> Result<Song> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Song::parse(&bytes, tempo).with_context(|| format!("cannot play {}", path.display()))
    }

    /// Reads the bytes of a MIDI file; see [`Song::load`].
    ///
    /// # Errors
    /// The bytes are no MIDI file.
    pub fn parse(bytes: &[u8], tempo: Option<f64>) -> Result<Song> {
        let file = Smf::parse(bytes).context("this is no MIDI file, or it is damaged")?;
        let mut messages = Vec::new();
        let mut tempos = Vec::new();
        let mut end = 0u64;
        for track in &file.tracks {
            // Tracks sound together, except in files of format 2, where each follows the last.
            let mut tick = match file.header.format {
                Format::Sequential => end,
                _ => 0,
            };
            for event in track {
                tick += u64::from(event.delta.as_int());
                match event.kind {
                    TrackEventKind::Midi { channel, message } => {
                        messages.extend(bytes_of(channel.as_int(), message).map(|m| (tick, m)));
                    }
                    TrackEventKind::Meta(MetaMessage::Tempo(micros)) if micros.as_int() > 0 => {
                        tempos.push((tick, 60e6 / f64::from(micros.as_int())));
                    }
                    _ => {}
                }
            }
            end = end.max(tick);
        }
        messages.sort_by_key(|(tick, _)| *tick);
        tempos.sort_by_key(|(tick, _)| *tick);
        if let Some(bpm) = tempo {
            tempos = vec![(0, bpm)];
        }

        let clock = Clock::new(file.header.timing, &tempos)?;
        let mut song = Song {
            messages: messages
                .into_iter()
                .map(|(tick, message)| (clock.seconds(tick), message))
                .collect(),
            seconds: clock.seconds(end),
            tempo: clock.tempo,
        };
        song.release_held();
        Ok(song)
    }

    /// Lets go of the keys that the file leaves down.
    fn release_held(&mut self) {
        let mut held = [[0u32; 128]; 16];
        for (_, [status, key, velocity]) in &self.messages {
            let count = &mut held[usize::from(status & 15)][usize::from(key & 127)];
            match (status >> 4, velocity) {
                (0x9, 1..) => *count += 1,
                (0x8, _) | (0x9, 0) => *count = count.saturating_sub(1),
                _ => {}
            }
        }
        for (channel, keys) in (0u8..).zip(held) {
            for (key, count) in (0u8..).zip(keys) {
                for _ in 0..count {
                    self.messages
                        .push((self.seconds, [0x80 | channel, key, 64]));
                }
            }
        }
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Lays the song on frames.
    pub fn score(&self, rate: u32) -> Score {
        let rate = f64::from(rate);
        Score {
            messages: self
                .messages
                .iter()
                .map(|(seconds, message)| ((seconds * rate).round() as u64, *message))
                .collect(),
            tempo: self.tempo.clone(),
            rate,
        }
    }
}

impl Score {
    /// The tempo in quarter notes a minute and the beat in quarter notes at a frame.
    pub fn at(&self, frame: u64) -> (f64, f64) {
        let tempo = self.tempo[self.segment(frame)];
        let seconds = frame as f64 / self.rate - tempo.seconds;
        (tempo.bpm, tempo.beat + seconds * tempo.bpm / 60.0)
    }

    /// The first frame after this one where the tempo changes.
    pub fn next_change(&self, frame: u64) -> Option<u64> {
        let next = self.tempo.get(self.segment(frame) + 1)?;
        Some(self.frame_of(next))
    }

    fn segment(&self, frame: u64) -> usize {
        self.tempo
            .partition_point(|tempo| self.frame_of(tempo) <= frame)
            .saturating_sub(1)
    }

    fn frame_of(&self, tempo: &Tempo) -> u64 {
        (tempo.seconds * self.rate).round() as u64
    }
}

/// Turns ticks into seconds.
struct Clock {
    tempo: Vec<Tempo>,
    /// Tick where each tempo starts.
    starts: Vec<u64>,
    ticks: Ticks,
}

enum Ticks {
    PerBeat(f64),
    PerSecond(f64),
}

impl Clock {
    fn new(timing: Timing, tempos: &[(u64, f64)]) -> Result<Clock> {
        let ticks = match timing {
            Timing::Metrical(ticks) => Ticks::PerBeat(f64::from(ticks.as_int())),
            Timing::Timecode(fps, sub) => {
                Ticks::PerSecond(f64::from(fps.as_f32()) * f64::from(sub))
            }
        };
        let (Ticks::PerBeat(count) | Ticks::PerSecond(count)) = ticks;
        ensure!(count > 0.0, "the file's header counts no ticks");
        let mut clock = Clock {
            tempo: vec![Tempo {
                seconds: 0.0,
                beat: 0.0,
                bpm: DEFAULT_TEMPO,
            }],
            starts: vec![0],
            ticks,
        };
        for (tick, bpm) in tempos {
            let last = clock.tempo.len() - 1;
            let seconds = clock.seconds(*tick);
            let beat = clock.tempo[last].beat
                + (seconds - clock.tempo[last].seconds) * clock.tempo[last].bpm / 60.0;
            let tempo = Tempo {
                seconds,
                beat,
                bpm: *bpm,
            };
            // The last of several tempos at one tick counts.
            if clock.starts[last] == *tick {
                clock.tempo[last].bpm = *bpm;
            } else {
                clock.starts.push(*tick);
                clock.tempo.push(tempo);
            }
        }
        Ok(clock)
    }

    fn seconds(&self, tick: u64) -> f64 {
        match self.ticks {
            Ticks::PerSecond(rate) => tick as f64 / rate,
            Ticks::PerBeat(ticks) => {
                let segment = self
                    .starts
                    .partition_point(|start| *start <= tick)
                    .saturating_sub(1);
                let beats = (tick - self.starts[segment]) as f64 / ticks;
                self.tempo[segment].seconds + beats * 60.0 / self.tempo[segment].bpm
            }
        }
    }
}

fn bytes_of(channel: u8, message: MidiMessage) -> Option<[u8; 3]> {
    Some(match message {
        MidiMessage::NoteOff { key, vel } => [0x80 | channel, key.as_int(), vel.as_int()],
        MidiMessage::NoteOn { key, vel } => [0x90 | channel, key.as_int(), vel.as_int()],
        MidiMessage::Aftertouch { key, vel } => [0xa0 | channel, key.as_int(), vel.as_int()],
        MidiMessage::Controller { controller, value } => {
            [0xb0 | channel, controller.as_int(), value.as_int()]
        }
        MidiMessage::ChannelAftertouch { vel } => [0xd0 | channel, vel.as_int(), 0],
        MidiMessage::PitchBend { bend } => {
            let bend = bend.0.as_int();
            [0xe0 | channel, (bend & 127) as u8, (bend >> 7) as u8]
        }
        MidiMessage::ProgramChange { .. } => return None,
    })
}

/// A MIDI message as modules receive it.
pub fn note_event([status, first, second]: [u8; 3], frame: u32) -> Option<NoteEvent> {
    let share = |value: u8| f32::from(value) / 127.0;
    let kind = match status >> 4 {
        0x9 if second > 0 => NoteKind::On {
            key: first,
            velocity: share(second),
            id: -1,
        },
        0x8 | 0x9 => NoteKind::Off {
            key: first,
            velocity: share(second),
            id: -1,
        },
        0xa => NoteKind::NotePressure {
            key: first,
            id: -1,
            value: share(second),
        },
        0xb => NoteKind::Control {
            number: first,
            value: share(second),
        },
        0xd => NoteKind::ChannelPressure(share(first)),
        0xe => {
            let bend = i32::from(first) + 128 * i32::from(second) - 8192;
            // The wheel's travel is one step longer downwards; both ends reach ±1.
            let full = if bend < 0 { 8192.0 } else { 8191.0 };
            NoteKind::Bend(bend as f32 / full)
        }
        _ => return None,
    };
    Some(NoteEvent {
        frame,
        channel: status & 15,
        kind,
    })
}

/// Checks a tempo from the command line.
pub fn parse_tempo(text: &str) -> Result<f64> {
    match text.trim().parse::<f64>() {
        Ok(bpm) if (1.0..=960.0).contains(&bpm) => Ok(bpm),
        _ => bail!("a tempo is a number of quarter notes a minute from 1 to 960"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tempos on one track, notes on another: 480 ticks a beat, 120 then 60 beats a minute.
    fn file() -> Vec<u8> {
        let mut bytes = b"MThd\0\0\0\x06\0\x01\0\x02\x01\xe0".to_vec();
        let conductor: &[u8] = &[
            0, 0xff, 0x51, 3, 0x07, 0xa1, 0x20, // 500,000 microseconds a beat
            0x83, 0x60, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, // after 480 ticks 1,000,000
            0, 0xff, 0x2f, 0,
        ];
        let notes: &[u8] = &[
            0x83, 0x60, 0x90, 60, 100, // beat 1
            0x83, 0x60, 0x90, 60, 0, // beat 2, running into an off by velocity 0
            0, 0x90, 64, 1, // held to the end
            0x83, 0x60, 0xff, 0x2f, 0, // beat 3
        ];
        for track in [conductor, notes] {
            bytes.extend(b"MTrk");
            bytes.extend((track.len() as u32).to_be_bytes());
            bytes.extend(track);
        }
        bytes
    }

    #[test]
    fn follows_the_tempo_map() {
        let song = Song::parse(&file(), None).unwrap();
        assert_eq!(song.seconds(), 2.5);
        let score = song.score(1000);
        assert_eq!(
            score.messages,
            [
                (500, [0x90, 60, 100]),
                (1500, [0x90, 60, 0]),
                (1500, [0x90, 64, 1]),
                (2500, [0x80, 64, 64]),
            ]
        );
        assert_eq!(score.at(250), (120.0, 0.5));
        assert_eq!(score.at(1500), (60.0, 2.0));
        assert_eq!(score.next_change(0), Some(500));
        assert_eq!(score.next_change(499), Some(500));
        assert_eq!(score.next_change(500), None);
    }

    #[test]
    fn a_given_tempo_wins() {
        let song = Song::parse(&file(), Some(240.0)).unwrap();
        assert_eq!(song.seconds(), 0.75);
        assert_eq!(song.score(1000).at(250), (240.0, 1.0));
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(Song::parse(b"no music", None).is_err());
        for bpm in ["0", "fast", "nan", "-3", "1e9"] {
            assert!(parse_tempo(bpm).is_err(), "{bpm}");
        }
    }

    #[test]
    fn messages_become_notes() {
        let kind = |message| note_event(message, 0).map(|event| event.kind);
        assert_eq!(
            kind([0x91, 60, 127]),
            Some(NoteKind::On {
                key: 60,
                velocity: 1.0,
                id: -1
            })
        );
        assert_eq!(kind([0xe0, 0, 0]), Some(NoteKind::Bend(-1.0)));
        assert_eq!(kind([0xe0, 0, 64]), Some(NoteKind::Bend(0.0)));
        assert_eq!(kind([0xe0, 127, 127]), Some(NoteKind::Bend(1.0)));
        assert_eq!(kind([0xd0, 127, 0]), Some(NoteKind::ChannelPressure(1.0)));
        assert_eq!(kind([0xf8, 0, 0]), None);
        assert_eq!(
            note_event([0x9f, 1, 1], 7).map(|e| (e.frame, e.channel)),
            Some((7, 15))
        );
    }
}
