//! Which voice plays which note.

use super::channels::Controls;
use super::gate::Gate;
use super::note::Note;
use crate::contract::MAX_LANES;

/// Below this peak (-80 dB) a released voice counts as silent.
const SILENT: f32 = 1e-4;

/// What a voice is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not played since the start.
    Fresh,
    /// Its key is down.
    Held,
    /// Its key is up and the pedal holds it.
    Sustained,
    /// It was let go and may still ring.
    Released,
}

/// One voice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) note: Note,
    pub(super) phase: Phase,
    pub(super) gate: Gate,
    /// Whether a note starts on the present frame without a rise of the gate.
    pub(super) slurred: bool,
    /// The controllers of the note's channel, as far as the note follows them.
    pub(super) controls: Controls,
    /// Frames over which the note took its values over from the one before.
    pub(super) takeover: u32,
    /// Absolute frame of the note's start.
    pub(super) started: u64,
    /// Absolute frame of its release.
    pub(super) released: u64,
    /// Counts starts and releases; the lower, the longer ago the last one.
    pub(super) order: u64,
}

impl Voice {
    pub(super) const FRESH: Voice = Voice {
        note: Note::NONE,
        phase: Phase::Fresh,
        gate: Gate::DOWN,
        slurred: false,
        controls: Controls::REST,
        takeover: 0,
        started: 0,
        released: 0,
        order: 0,
    };

    /// Whether a key or the pedal holds it.
    pub(super) fn is_on(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::Sustained)
    }

    /// Whether it can be heard, as far as that is known: levels arrive some time after the sound.
    pub(super) fn sounds(&self, level: f32, now: u64, lag: u64) -> bool {
        match self.phase {
            Phase::Fresh => false,
            Phase::Released => level >= SILENT || now.saturating_sub(self.released) < lag,
            Phase::Held | Phase::Sustained => true,
        }
    }
}

/// The voice for a new note, among the first `usable`.
///
/// Voices that were let go come first: the quietest, and among silent ones that which has rested
/// longest. If all are held, the quietest held one is taken, the oldest among equals, sparing the
/// newest and, where there are more than three, the lowest and the highest, since the ear misses bass
/// and melody first. A voice younger than `lag` frames counts as loud: its level is not known yet.
pub(super) fn choose(
    voices: &[Voice; MAX_LANES],
    usable: usize,
    levels: &[f32; MAX_LANES],
    now: u64,
    lag: u64,
) -> usize {
    let candidates = || {
        voices
            .iter()
            .zip(levels)
            .enumerate()
            .take(usable.clamp(1, MAX_LANES))
    };
    let rank = |voice: &Voice, level: f32| {
        let fresh = voice.phase == Phase::Fresh;
        let young = !fresh && now.saturating_sub(voice.started) < lag;
        let level = if level.is_finite() && level >= SILENT && !fresh {
            level
        } else {
            0.0
        };
        // Levels are not below 0, so their bits are in their order.
        (young, level.to_bits(), voice.order)
    };
    let quietest = |spared: [Option<usize>; 3], held: bool| {
        candidates()
            .filter(|(lane, (voice, _))| voice.is_on() == held && !spared.contains(&Some(*lane)))
            .min_by_key(|(_, (voice, level))| rank(voice, **level))
            .map(|(lane, _)| lane)
    };
    let lane = |found: Option<(usize, (&Voice, &f32))>| found.map(|(lane, _)| lane);
    let newest = lane(candidates().max_by_key(|(_, (voice, _))| voice.note.stamp));
    let lowest = lane(candidates().min_by_key(|(_, (voice, _))| (voice.note.key, voice.order)));
    let highest = lane(candidates().max_by_key(|(_, (voice, _))| (voice.note.key, voice.order)));
    let spared = if usable > 3 {
        [newest, lowest, highest]
    } else {
        [newest, None, None]
    };
    quietest([None; 3], false)
        .or_else(|| quietest(spared, true))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: u64 = 1_000_000;

    fn playing(keys: &[u8]) -> [Voice; MAX_LANES] {
        let mut voices = [Voice::FRESH; MAX_LANES];
        for (index, (voice, key)) in voices.iter_mut().zip(keys).enumerate() {
            let stamp = index as u64 + 1;
            voice.note = Note {
                key: *key,
                stamp,
                ..Note::NONE
            };
            voice.order = stamp;
            voice.phase = Phase::Held;
        }
        voices
    }

    #[test]
    fn fresh_voices_come_first_and_in_order() {
        let mut voices = playing(&[60, 64, 67]);
        assert_eq!(choose(&voices, 16, &[0.0; 16], LATE, 10), 3);
        voices[0].phase = Phase::Released;
        voices[0].order = 10;
        assert_eq!(
            choose(&voices, 16, &[0.0; 16], LATE, 10),
            3,
            "a rested voice before one just let go"
        );
        assert_eq!(choose(&voices, 3, &[0.5; 16], LATE, 10), 0, "no others");
    }

    #[test]
    fn the_quietest_released_voice_is_taken() {
        let mut voices = playing(&(60..76).collect::<Vec<_>>());
        let mut levels = [0.5; 16];
        for (lane, level) in [(4, 0.3), (9, 0.1), (12, 0.2)] {
            voices[lane].phase = Phase::Released;
            levels[lane] = level;
        }
        levels[2] = 0.001;
        assert_eq!(
            choose(&voices, 16, &levels, LATE, 10),
            9,
            "a quieter one is held"
        );
        voices[9].started = LATE - 5;
        assert_eq!(
            choose(&voices, 16, &levels, LATE, 10),
            12,
            "too young to know its level"
        );
    }

    #[test]
    fn held_voices_give_way_but_the_outer_and_the_newest() {
        let mut voices = playing(&[70, 40, 60, 65, 90, 50]);
        assert_eq!(choose(&voices, 6, &[0.0; 16], LATE, 10), 0, "the oldest");
        let mut levels = [0.5; 16];
        levels[1] = 0.01;
        levels[4] = 0.02;
        levels[5] = 0.03;
        levels[3] = 0.2;
        assert_eq!(
            choose(&voices, 6, &levels, LATE, 10),
            3,
            "lowest, highest and newest are quieter"
        );
        for voice in &mut voices {
            if voice.phase == Phase::Held {
                voice.phase = Phase::Sustained;
            }
        }
        assert_eq!(
            choose(&voices, 6, &levels, LATE, 10),
            3,
            "the pedal holds them too"
        );
        assert_eq!(choose(&playing(&[60]), 1, &[0.5; 16], LATE, 10), 0);
        assert_eq!(choose(&playing(&[60, 62]), 2, &[0.5; 16], LATE, 10), 0);
    }
}
