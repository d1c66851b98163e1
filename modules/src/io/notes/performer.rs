//! Turns events into voices.

use super::channels::{Channels, Demand, MPE_MASTER};
use super::keys::Keys;
use super::note::{Note, legal};
use super::place::{Place, fan_place, poly_side};
use super::settings::{Mode, Settings};
use super::values::Values;
use super::velocity::curved;
use super::voices::{Phase, Voice, choose};
use crate::contract::MAX_LANES;
use crate::kit::random::{bipolar, draw, lane_seeds};
use crate::lanes::{LaneBits, Lanes};
use crate::notes::{NoteEvent, NoteKind};

/// How long a voice that still sounds takes to reach the values of its next note, so that nothing
/// jumps.
const TAKEOVER_SECONDS: f32 = 0.002;
/// How long after the sound the levels of voices may be known.
const LEVEL_LAG_SECONDS: f32 = 0.05;
/// The release velocity of a key that tells none, as MIDI has it.
const PLAIN_RELEASE: f32 = 0.5;

/// The present, as events see it.
#[derive(Clone, Copy)]
pub(super) struct Now<'a> {
    /// Absolute frame.
    pub(super) frame: u64,
    pub(super) settings: Settings,
    pub(super) levels: &'a [f32; MAX_LANES],
}

/// Keys, pedals, controllers and the voices they drive.
pub(super) struct Performer<V: Lanes> {
    pub(super) voices: [Voice; MAX_LANES],
    pub(super) values: Values<V>,
    keys: Keys,
    channels: Channels,
    mode: Mode,
    /// The note that sounds, in modes where there is only one.
    sounding: Option<Note>,
    /// The pitch glides begin at.
    last_pitch: Option<f32>,
    /// Counts notes and releases.
    count: u64,
    seeds: V::Bits,
    takeover: u32,
    lag: u64,
}

impl<V: Lanes> Performer<V> {
    pub(super) fn new(seed: u32, sample_rate: f32) -> Self {
        Performer {
            voices: [Voice::FRESH; MAX_LANES],
            values: Values::new(),
            keys: Keys::NONE,
            channels: Channels::REST,
            mode: Mode::Poly,
            sounding: None,
            last_pitch: None,
            count: 0,
            seeds: lane_seeds(seed),
            takeover: (TAKEOVER_SECONDS * sample_rate).round() as u32,
            lag: (LEVEL_LAG_SECONDS * sample_rate) as u64,
        }
    }

    /// Changes how notes share voices. What is held is let go.
    pub(super) fn set_mode(&mut self, mode: Mode, frame: u64) {
        if self.mode == mode {
            return;
        }
        self.mode = mode;
        self.keys = Keys::NONE;
        self.sounding = None;
        self.release_where(frame, PLAIN_RELEASE, |voice| voice.is_on());
    }

    /// Whether the gates of the frames to come are like those of this one until something happens.
    pub(super) fn is_settled(&self) -> bool {
        self.voices
            .iter()
            .all(|voice| voice.gate.is_settled() && !voice.slurred)
    }

    /// Which gates are up, and where notes start, on the present frame.
    pub(super) fn gates(&self) -> (V, V) {
        let (mut gates, mut starts) = (V::splat(0.0), V::splat(0.0));
        for (lane, voice) in self.voices.iter().enumerate() {
            if voice.gate.is_up() {
                gates.set_lane(lane, 1.0);
            }
            if voice.gate.rises() || voice.slurred {
                starts.set_lane(lane, 1.0);
            }
        }
        (gates, starts)
    }

    /// The present frame is over.
    pub(super) fn step(&mut self) {
        for voice in &mut self.voices {
            voice.gate.step();
            voice.slurred = false;
        }
    }

    /// Plays one event.
    pub(super) fn take(&mut self, event: &NoteEvent, now: Now<'_>) {
        let NoteEvent { channel, kind, .. } = *event;
        let unheard = now.settings.channel.is_some_and(|only| only != channel) && !now.settings.mpe;
        if channel > 15 || unheard {
            return;
        }
        match kind {
            NoteKind::On { key, velocity, id } => self.on(channel, key, velocity, id, now),
            NoteKind::Off { key, velocity, id } => {
                let velocity = legal(velocity, 0.0, 1.0, PLAIN_RELEASE);
                self.off(
                    velocity,
                    |note| note.is(channel, key, id),
                    self.pedal(channel, now),
                    now,
                );
            }
            NoteKind::Choke { key, id } => self.silence(|note| note.is(channel, key, id), now),
            NoteKind::NotePressure { key, id, value } => {
                let value = legal(value, 0.0, 1.0, 0.0);
                self.shape(channel, key, id, now, |note| note.pressure = value);
            }
            NoteKind::NoteTimbre { key, id, value } => {
                let value = legal(value, 0.0, 1.0, 0.0);
                self.shape(channel, key, id, now, |note| note.timbre = value);
            }
            NoteKind::NoteTuning { key, id, semitones } => {
                let semitones = legal(semitones, -128.0, 128.0, 0.0);
                self.shape(channel, key, id, now, |note| note.tuning = semitones);
            }
            NoteKind::ChannelPressure(_) | NoteKind::Bend(_) | NoteKind::Control { .. } => {
                self.channel_message(channel, kind, now);
            }
        }
    }

    fn channel_message(&mut self, channel: u8, message: NoteKind, now: Now<'_>) {
        let whole_zone = now.settings.mpe && channel == MPE_MASTER;
        let meant = |note: &Note| whole_zone || note.channel == channel;
        match self.channels.take(channel, message) {
            Demand::Nothing => {}
            Demand::Follow => self.follow(channel, now),
            Demand::LiftPedal => self.lift_pedal(now),
            Demand::FollowAndLiftPedal => {
                self.follow(channel, now);
                self.lift_pedal(now);
            }
            Demand::Release => {
                self.off(PLAIN_RELEASE, meant, false, now);
                self.release_where(now.frame, PLAIN_RELEASE, |voice| {
                    voice.is_on() && meant(&voice.note)
                });
            }
            Demand::Silence => self.silence(meant, now),
        }
    }

    /// Whether a pedal holds the notes of a channel.
    fn pedal(&self, channel: u8, now: Now<'_>) -> bool {
        self.channels.pedal(channel) || (now.settings.mpe && self.channels.pedal(MPE_MASTER))
    }

    fn on(&mut self, channel: u8, key: u8, velocity: f32, id: i32, now: Now<'_>) {
        if key > 127 {
            return;
        }
        self.count = self.count.wrapping_add(1);
        let velocity = curved(legal(velocity, 0.0, 1.0, 1.0), now.settings.curve);
        let note = Note {
            key,
            channel,
            id,
            velocity,
            stamp: self.count,
            ..Note::NONE
        };
        if self.mode != Mode::Poly {
            self.keys.press(note);
            self.play_top(PLAIN_RELEASE, now);
            return;
        }
        let again =
            |voice: &Voice| voice.is_on() && (voice.note.channel, voice.note.key) == (channel, key);
        let lane = self.voices.iter().position(again).unwrap_or_else(|| {
            choose(
                &self.voices,
                now.settings.usable,
                now.levels,
                now.frame,
                self.lag,
            )
        });
        let overlaps = self.voices.iter().any(|voice| voice.phase == Phase::Held);
        let from = self
            .last_pitch
            .filter(|_| overlaps || !now.settings.glide_only_legato);
        let place = Place {
            side: poly_side(lane, now.settings.usable),
            fan: 0.0,
        };
        self.start(lane, note, true, place, from, now);
        self.last_pitch = Some(note.pitch());
    }

    fn off(&mut self, velocity: f32, which: impl Fn(&Note) -> bool, pedal: bool, now: Now<'_>) {
        if self.mode != Mode::Poly {
            self.keys.release(which, pedal);
            self.play_top(velocity, now);
            return;
        }
        for lane in 0..MAX_LANES {
            let voice = &mut self.voices[lane];
            if voice.phase != Phase::Held || !which(&voice.note) {
                continue;
            }
            if pedal {
                voice.phase = Phase::Sustained;
                self.values.release.send(lane, velocity, 0);
            } else {
                self.release(lane, velocity, now.frame);
            }
        }
    }

    fn lift_pedal(&mut self, now: Now<'_>) {
        let holds: [bool; 16] = core::array::from_fn(|channel| self.pedal(channel as u8, now));
        let free = |note: &Note| {
            !holds
                .get(usize::from(note.channel))
                .copied()
                .unwrap_or(false)
        };
        for lane in 0..MAX_LANES {
            if self.voices[lane].phase == Phase::Sustained && free(&self.voices[lane].note) {
                let velocity = self.values.release.target(lane);
                self.release(lane, velocity, now.frame);
            }
        }
        if self.mode != Mode::Poly {
            self.keys.lift_pedal(free);
            self.play_top(PLAIN_RELEASE, now);
        }
    }

    /// Ends notes and what still rings of them: no release pedal holds, and velocity falls to 0.
    fn silence(&mut self, which: impl Fn(&Note) -> bool, now: Now<'_>) {
        for lane in 0..MAX_LANES {
            let voice = &mut self.voices[lane];
            if voice.phase == Phase::Fresh || !which(&voice.note) {
                continue;
            }
            voice.gate.cut();
            voice.slurred = false;
            if voice.is_on() {
                self.release(lane, 1.0, now.frame);
            }
            self.values.velocity.send(lane, 0.0, self.takeover);
        }
        if self.sounding.as_ref().is_some_and(&which) {
            self.sounding = None;
        }
        self.keys.release(&which, false);
        if self.mode != Mode::Poly {
            self.play_top(1.0, now);
        }
    }

    /// Changes notes by name or key.
    fn shape(&mut self, channel: u8, key: u8, id: i32, now: Now<'_>, change: impl Fn(&mut Note)) {
        self.keys.update(|note| {
            if note.is(channel, key, id) {
                change(note);
            }
        });
        for lane in 0..MAX_LANES {
            let voice = &mut self.voices[lane];
            // A name means one note even while it rings out; a key means the note that holds it.
            let reachable =
                voice.is_on() || (voice.phase == Phase::Released && id >= 0 && voice.note.id == id);
            if reachable && voice.note.is(channel, key, id) {
                change(&mut voice.note);
                self.refresh(lane, now);
            }
        }
    }

    /// Lets the voices of a channel follow its controllers.
    fn follow(&mut self, channel: u8, now: Now<'_>) {
        let controls = self.channels.controls(channel);
        let whole_zone = now.settings.mpe && channel == MPE_MASTER;
        for lane in 0..MAX_LANES {
            let voice = &mut self.voices[lane];
            let own = voice.note.channel == channel || voice.phase == Phase::Fresh;
            // In MPE the channel of a note that rings out may belong to another finger by now.
            if own && (voice.phase != Phase::Released || !now.settings.mpe || whole_zone) {
                voice.controls = controls;
            } else if !whole_zone {
                continue;
            }
            self.refresh(lane, now);
        }
    }

    /// Makes one note sound where all keys share one, or none.
    fn play_top(&mut self, release_velocity: f32, now: Now<'_>) {
        let top = self.keys.top(now.settings.priority);
        let before = self.sounding;
        if top.map(|note| note.stamp) == before.map(|note| note.stamp) {
            return;
        }
        self.sounding = top;
        let Some(note) = top else {
            self.release_where(now.frame, release_velocity, |voice| voice.is_on());
            return;
        };
        let overlaps = before.is_some();
        let attacks = self.mode != Mode::Legato || !overlaps;
        let voices = if self.mode == Mode::Unison {
            now.settings.unison
        } else {
            1
        };
        for lane in 0..voices {
            let place = fan_place(lane, voices);
            let played = self.voices[lane].phase != Phase::Fresh;
            let here = if played {
                Some(self.values.key.value().lane(lane))
            } else {
                self.last_pitch
            };
            let from = here.filter(|_| overlaps || !now.settings.glide_only_legato);
            self.start(
                lane,
                note,
                attacks,
                Place {
                    side: place,
                    fan: place,
                },
                from,
                now,
            );
        }
        for lane in voices..MAX_LANES {
            if self.voices[lane].is_on() {
                self.release(lane, release_velocity, now.frame);
            }
        }
        self.last_pitch = Some(note.pitch());
    }

    fn start(
        &mut self,
        lane: usize,
        note: Note,
        attacks: bool,
        place: Place,
        from: Option<f32>,
        now: Now<'_>,
    ) {
        let level = now.levels.get(lane).copied().unwrap_or(0.0);
        let Some(voice) = self.voices.get_mut(lane) else {
            return;
        };
        let takeover = if voice.sounds(level, now.frame, self.lag) {
            self.takeover
        } else {
            0
        };
        voice.note = note;
        voice.phase = Phase::Held;
        voice.controls = self.channels.controls(note.channel);
        voice.order = self.count;
        if attacks {
            voice.gate.start();
            voice.started = now.frame;
            voice.takeover = takeover;
            self.values.velocity.send(lane, note.velocity, takeover);
            let random = bipolar::<V>(draw(self.seeds, V::Bits::splat(note.stamp as u32)));
            self.values.random.send(lane, random.lane(lane), takeover);
        } else {
            voice.slurred = true;
        }
        self.values.place.send(lane, place.side, takeover);
        self.values.fan.send(lane, place.fan, takeover);
        match from {
            Some(from) if now.settings.glide > 0 => {
                self.values
                    .key
                    .send_from(lane, from, note.pitch(), now.settings.glide);
            }
            _ => self.values.key.send(lane, note.pitch(), takeover),
        }
        self.move_controls(lane, takeover, now.settings.mpe);
    }

    fn release(&mut self, lane: usize, velocity: f32, frame: u64) {
        if let Some(voice) = self.voices.get_mut(lane) {
            self.count = self.count.wrapping_add(1);
            voice.gate.end();
            voice.phase = Phase::Released;
            voice.released = frame;
            voice.order = self.count;
            self.values.release.send(lane, velocity, 0);
        }
    }

    fn release_where(&mut self, frame: u64, velocity: f32, which: impl Fn(&Voice) -> bool) {
        for lane in 0..MAX_LANES {
            if which(&self.voices[lane]) {
                self.release(lane, velocity, frame);
            }
        }
    }

    /// Sends a voice's values to where its note and its controllers stand.
    fn refresh(&mut self, lane: usize, now: Now<'_>) {
        let Some(voice) = self.voices.get(lane) else {
            return;
        };
        // What arrives with the start of a note belongs to the start.
        let starts = voice.is_on() && voice.started == now.frame;
        let frames = if starts {
            voice.takeover
        } else {
            now.settings.smooth
        };
        self.move_controls(lane, frames, now.settings.mpe);
    }

    fn move_controls(&mut self, lane: usize, frames: u32, mpe: bool) {
        let Some(Voice { note, controls, .. }) = self.voices.get(lane).copied() else {
            return;
        };
        let master = if mpe {
            self.channels.controls(MPE_MASTER)
        } else {
            controls
        };
        let finger = if mpe && note.channel != MPE_MASTER {
            controls.bend
        } else {
            0.0
        };
        let values = &mut self.values;
        values.bend.send(lane, master.bend, frames);
        values.finger.send(lane, finger, frames);
        values.tuning.send(lane, note.tuning, frames);
        values.pressure.send(
            lane,
            note.pressure.max(controls.pressure).max(master.pressure),
            frames,
        );
        values.timbre.send(
            lane,
            note.timbre.max(controls.timbre).max(master.timbre),
            frames,
        );
        values
            .wheel
            .send(lane, controls.wheel.max(master.wheel), frames);
    }
}
