//! A work that plays, block by block as in a host.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cpu_time::ThreadTime;
use weft::engine::handover::Receiver;
use weft::engine::session::Session;
use weft::engine::{Event, EventKind, FlushToZero, HostTransport, Player};
use weft_modules::{NoteEvent, NoteKind};

use super::patches;
use super::works::{Kind, Work};

/// Frames per second.
pub const RATE: f32 = 48_000.0;
/// Quarter notes a minute.
const TEMPO: f64 = 120.0;
/// What is played by sixteen voices: every third key.
const LOWEST: u8 = 36;
const APART: u8 = 3;
/// How far an automated knob moves to either side, as a share of its travel.
const SWING: f32 = 0.03;
/// What is lower than this is silence: -120 dB.
const SILENCE: f32 = 1e-6;
/// How many seconds tails may take.
const LONGEST_TAIL: f64 = 120.0;
/// A sound that never gets this loud is not the work's.
const QUIETEST: f32 = 0.01;
/// Neither is one that gets louder: sixteen voices together do not, nor their echoes.
const LOUDEST: f32 = 4.0;

/// A work with its session and its audio.
pub struct Stage {
    /// For edits.
    pub session: Session,
    player: Player,
    receiver: Receiver,
    work: Work,
    /// Slots that move, and around where.
    automated: Vec<(u16, f32)>,
    events: Vec<Event>,
    sound: [Vec<f32>; 2],
    frames: u64,
}

impl Stage {
    /// Starts the audio, with the work's notes in its first block.
    ///
    /// # Errors
    /// If the work's patch cannot be made.
    pub fn new(work: Work, block: usize) -> Result<Stage> {
        let patch = patches::of(work).with_context(|| format!("the patch of {work}"))?;
        let automated = match work.kind {
            Kind::PolyAutomated => patches::automated(&patch)?,
            _ => Vec::new(),
        };
        let session = Session::new(patch);
        let (player, receiver) = session.activate(RATE);
        let mut stage = Stage {
            session,
            player,
            receiver,
            work,
            automated,
            events: Vec::with_capacity(64),
            sound: [vec![0.0; block], vec![0.0; block]],
            frames: 0,
        };
        stage.strike();
        Ok(stage)
    }

    fn keys(&self) -> impl Iterator<Item = u8> + use<> {
        let count = match self.work.kind {
            Kind::Voice => 1,
            Kind::Poly | Kind::PolyDry | Kind::PolyIdle | Kind::PolyAutomated => 16,
            Kind::PolyTwo => 2,
            _ => 0,
        };
        (0..count).map(|voice| LOWEST + APART * voice)
    }

    fn note(&mut self, kind: NoteKind) {
        let note = NoteEvent {
            frame: 0,
            channel: 0,
            kind,
        };
        self.events.push(Event {
            frame: 0,
            kind: EventKind::Note(note),
        });
    }

    /// Every key goes down in the next block.
    fn strike(&mut self) {
        for key in self.keys() {
            self.note(NoteKind::On {
                key,
                velocity: 0.8,
                id: -1,
            });
        }
    }

    /// Every key goes up in the next block.
    fn release(&mut self) {
        for key in self.keys() {
            self.note(NoteKind::Off {
                key,
                velocity: 0.5,
                id: -1,
            });
        }
    }

    /// Plays a block. Gives whether the player took something new before it.
    pub fn block(&mut self) -> bool {
        let seconds = self.frames as f64 / f64::from(RATE);
        for (at, (slot, around)) in self.automated.iter().enumerate() {
            // To and fro in straight lines, which takes no time beside what they move.
            let turns = seconds * (0.5 + 0.1 * at as f64);
            let swing = ((turns - turns as u64 as f64) as f32 - 0.5).abs() * 4.0 - 1.0;
            let around = around.clamp(SWING, 1.0 - SWING);
            self.events.push(Event {
                frame: 0,
                kind: EventKind::Slot {
                    slot: *slot,
                    normalized: around + SWING * swing,
                },
            });
        }
        let host = HostTransport {
            playing: true,
            tempo: TEMPO,
            beat: Some(seconds * TEMPO / 60.0),
        };
        let [left, right] = &mut self.sound;
        let taken = self.receiver.poll(&mut self.player);
        self.player
            .process(&host, [&[]; 4], [left, right], &self.events);
        self.events.clear();
        self.frames += self.sound[0].len() as u64;
        taken
    }

    fn blocks_in(&self, seconds: f64) -> u64 {
        let block = self.sound[0].len() as f64;
        (seconds * f64::from(RATE) / block).ceil().max(1.0) as u64
    }

    /// Plays this many seconds and gives the loudest sample.
    ///
    /// # Errors
    /// If a sample is no finite number.
    pub fn listen(&mut self, seconds: f64) -> Result<f32> {
        let mut peak = 0.0f32;
        for _ in 0..self.blocks_in(seconds) {
            self.block();
            for sample in self.sound.iter().flatten() {
                ensure!(
                    sample.is_finite(),
                    "{} plays what is no number; this is a fault in a module",
                    self.work
                );
                peak = peak.max(sample.abs());
            }
        }
        Ok(peak)
    }

    /// Plays this many seconds and makes sure that they sound as they should: a bench that measures
    /// silence measures nothing, save where silence is the work.
    ///
    /// # Errors
    /// If they do not.
    pub fn check(&mut self, seconds: f64) -> Result<()> {
        let (work, peak) = (self.work, self.listen(seconds)?);
        if work.kind == Kind::PolyIdle {
            ensure!(peak < SILENCE, "{work} sounds again, at {peak}");
        } else {
            ensure!(
                (QUIETEST..=LOUDEST).contains(&peak),
                "{work} peaks at {peak}, which is not how it sounds"
            );
        }
        Ok(())
    }

    /// Plays until the work is as it is to be measured.
    ///
    /// # Errors
    /// If it never gets there.
    pub fn set_out(&mut self) -> Result<()> {
        if self.work.kind != Kind::PolyIdle {
            return Ok(());
        }
        let peak = self.listen(1.0)?;
        ensure!(peak >= QUIETEST, "{} peaks at {peak} before it", self.work);
        self.release();
        let start = self.frames;
        while self.listen(1.0)? >= SILENCE {
            if (self.frames - start) as f64 > LONGEST_TAIL * f64::from(RATE) {
                bail!("{} still sounds after {LONGEST_TAIL} seconds", self.work);
            }
        }
        // Tails go on below what is heard; as long again takes them below what effects remember.
        self.listen((self.frames - start) as f64 / f64::from(RATE))?;
        Ok(())
    }

    /// Plays this many seconds and gives what a frame costs the thread, in nanoseconds.
    pub fn cost(&mut self, seconds: f64) -> f64 {
        let blocks = self.blocks_in(seconds);
        let start = ThreadTime::now();
        for _ in 0..blocks {
            self.block();
        }
        nanoseconds(start.elapsed()) / (blocks * self.sound[0].len() as u64) as f64
    }

    /// Plays a block and gives what it costs the thread, in microseconds, and whether the player took
    /// something new before it.
    pub fn block_cost(&mut self) -> (f64, bool) {
        let start = ThreadTime::now();
        let taken = self.block();
        (nanoseconds(start.elapsed()) / 1e3, taken)
    }
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Nanoseconds a frame of a work, played from its start.
///
/// # Errors
/// If it does not sound as it should.
pub fn measure(work: Work, block: usize, seconds: f64) -> Result<f64> {
    // As hosts do, and as the workloads demand.
    let _flush = FlushToZero::on();
    let mut stage = Stage::new(work, block)?;
    stage.set_out()?;
    stage.check(seconds / 10.0)?;
    let cost = stage.cost(seconds);
    // A fan is loud once a second, when its waves meet.
    stage.check(1.0)?;
    Ok(cost)
}

#[cfg(test)]
mod tests {
    use super::super::works;
    use super::*;

    #[test]
    fn works_sound_as_they_should() {
        for work in works::all() {
            if work.size > 100 {
                continue;
            }
            let mut stage = Stage::new(work, 64).expect("a patch");
            stage.set_out().expect("gets there");
            stage.check(0.5).expect("sounds");
        }
    }

    #[test]
    fn sixteen_slots_move() {
        let automated = |kind| {
            let work = Work { kind, size: 0 };
            let mut stage = Stage::new(work, 64).expect("a patch");
            let slots: Vec<u16> = stage.automated.iter().map(|(slot, _)| *slot).collect();
            stage.listen(0.5).expect("sounds");
            (slots, stage.sound)
        };
        let (slots, moved) = automated(Kind::PolyAutomated);
        let distinct: std::collections::BTreeSet<u16> = slots.iter().copied().collect();
        assert_eq!((slots.len(), distinct.len()), (16, 16));
        let (none, still) = automated(Kind::Poly);
        assert!(none.is_empty());
        assert!(moved != still);
    }

    /// One second of a voice as the workload has it: saws by two-sample PolyBLEP (Välimäki and
    /// Huovilainen, *Antialiasing oscillators in subtractive synthesis*, 2007), and Simper's filter
    /// with warped corners.
    fn plain_voice(hertz: f64) -> Vec<f64> {
        let rate = f64::from(RATE);
        let saw = |phase: f64, step: f64| {
            let (start, end) = (phase / step, (phase - 1.0) / step);
            let corner = if start < 1.0 {
                start + start - start * start - 1.0
            } else if end > -1.0 {
                end * end + end + end + 1.0
            } else {
                0.0
            };
            2.0 * phase - 1.0 - corner
        };
        let envelope = |time: f64, attack: f64, decay: f64, sustain: f64| {
            let fallen = ((time - attack) / decay).clamp(0.0, 1.0);
            (time / attack).min(1.0 - (1.0 - sustain) * fallen)
        };
        let steps = [hertz / rate, hertz * 2.0f64.powf(7.0 / 1_200.0) / rate];
        let (mut phases, mut band, mut low) = ([0.0, 0.37], 0.0, 0.0);
        let frame = |frame: usize| {
            let time = frame as f64 / rate;
            let input = 0.5 * (saw(phases[0], steps[0]) + saw(phases[1], steps[1]));
            for (phase, step) in phases.iter_mut().zip(steps) {
                *phase = (*phase + step).fract();
            }
            let octaves = 4.0 * envelope(time, 0.010, 0.300, 0.4)
                + 0.5 * (std::f64::consts::TAU * 5.0 * time).sin();
            let g = (std::f64::consts::PI * 200.0 * octaves.exp2() / rate).tan();
            let rise = (input - low) / (1.0 + g * (g + 0.25));
            let middle = band / (1.0 + g * (g + 0.25)) + g * rise;
            let out = low + g * middle;
            (band, low) = (2.0 * middle - band, 2.0 * out - low);
            0.25 * out * envelope(time, 0.005, 0.200, 0.7)
        };
        (0..RATE as usize).map(frame).collect()
    }

    #[test]
    fn voices_sound_as_the_workload_does() {
        for (kind, keys) in [
            (Kind::Voice, vec![45]),
            (Kind::PolyDry, (36..84).step_by(3).collect()),
        ] {
            let mut plain = vec![0.0; RATE as usize];
            for key in keys {
                let voice = plain_voice(440.0 * 2.0f64.powf((f64::from(key) - 69.0) / 12.0));
                plain
                    .iter_mut()
                    .zip(voice)
                    .for_each(|(sum, voice)| *sum += voice);
            }
            let mut stage = Stage::new(Work { kind, size: 0 }, 64).expect("a patch");
            let mut heard = Vec::new();
            while heard.len() < plain.len() {
                stage.block();
                heard.extend(stage.sound[0].iter().map(|sample| f64::from(*sample)));
            }
            // The band-limited saw comes two frames late.
            let pairs = || plain.iter().zip(&heard[2..]);
            let power: f64 = pairs().map(|(plain, _)| plain * plain).sum();
            let error: f64 = pairs().map(|(plain, heard)| (plain - heard).powi(2)).sum();
            assert!(
                error < 0.002 * power,
                "{} is off by {}",
                kind.name(),
                error / power
            );
        }
    }
}
