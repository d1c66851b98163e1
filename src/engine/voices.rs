//! What the player tells note sources about their voices, and the notes it carries to them.

use super::plan::{Rest, RestOfLanes};
use super::solo::each_lane;
use weft_modules::{MAX_FRAMES, MAX_LANES, NoteEvent, NoteKind};

/// The absolute frames at which levels are renewed are multiples of this.
pub(super) const GRID: u64 = MAX_FRAMES as u64;

/// How much of a level remains after one grid step, about 13 ms for half at 48 kHz: longer than a
/// period of the lowest notes, so a voice does not seem quiet while its wave crosses zero.
const DECAY: f32 = 0.93;

/// Softer than this (-200 dB) no voice is any louder than another.
const GONE: f32 = 1e-10;

/// No voice sounds.
pub(super) const SILENT: [f32; MAX_LANES] = [0.0; MAX_LANES];

/// How loud the voices of one note source are where they are summed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct VoiceLevels {
    /// As of the last grid frame.
    pub(super) settled: [f32; MAX_LANES],
    /// Peaks since then.
    rising: [f32; MAX_LANES],
    /// Whether any of these is not 0.
    sounding: bool,
}

/// The louder of two levels, or the second where the first is no number: one instruction for many lanes,
/// which [`f32::max`] is not.
#[inline(always)]
pub(super) fn louder(one: f32, other: f32) -> f32 {
    if one > other { one } else { other }
}

impl VoiceLevels {
    /// Takes in the peaks of a call.
    pub(super) fn raise(&mut self, peaks: &[f32; MAX_LANES]) {
        for (rising, peak) in self.rising.iter_mut().zip(peaks) {
            *rising = louder(*peak, *rising);
        }
        self.sounding = true;
    }

    /// Peaks since the last grid frame.
    pub(super) fn rising(&self) -> &[f32; MAX_LANES] {
        &self.rising
    }

    /// Takes over the peaks; called exactly on grid frames.
    pub(super) fn settle(&mut self) {
        if !self.sounding {
            return;
        }
        let mut sounding = 0;
        for (settled, rising) in self.settled.iter_mut().zip(&self.rising) {
            *settled = louder(*rising, *settled * DECAY);
            sounding += u32::from(*settled >= GONE);
        }
        self.rising = SILENT;
        if sounding == 0 {
            *self = VoiceLevels::default();
        }
    }
}

/// Notes of one call, in storage that never grows.
pub(super) struct NoteQueue {
    events: Vec<NoteEvent>,
}

impl NoteQueue {
    /// More than this many events within 64 frames is no music; new notes are then left out.
    const NOTES: usize = 1024;
    /// Room beyond that for what ends or bends notes, so that none hangs.
    const EVENTS: usize = 4 * Self::NOTES;

    pub(super) fn new() -> NoteQueue {
        NoteQueue {
            events: Vec::with_capacity(Self::EVENTS),
        }
    }

    pub(super) fn push(&mut self, event: NoteEvent) {
        let room = if matches!(event.kind, NoteKind::On { .. }) {
            Self::NOTES
        } else {
            Self::EVENTS
        };
        if self.events.len() < room {
            self.events.push(event);
        }
    }

    pub(super) fn events(&self) -> &[NoteEvent] {
        &self.events
    }

    pub(super) fn clear(&mut self) {
        self.events.clear();
    }
}

/// Softer than this a voice is silent: -100 dB.
const INAUDIBLE: f32 = 1e-5;
/// Seconds of silence after which modules sleep.
const PATIENCE: f32 = 0.05;

impl Rest {
    /// Whether it sleeps, and nothing was heard since the last grid frame.
    pub(super) fn sleeps_on(&self) -> bool {
        self.asleep && self.loud == 0.0 && !self.held
    }

    /// Takes in a peak of what is heard.
    pub(super) fn raise(&mut self, peak: f32) {
        self.loud = self.loud.max(peak);
    }

    /// Decides whether to sleep; called exactly on grid frames. `shut`: nothing but a note can end the
    /// silence.
    pub(super) fn settle(&mut self, shut: bool, sample_rate: f32) {
        let silent = self.loud < INAUDIBLE && !self.held;
        self.quiet = if silent {
            self.quiet.saturating_add(GRID as u32)
        } else {
            0
        };
        self.asleep = shut && self.quiet as f32 >= PATIENCE * sample_rate;
        (self.loud, self.held) = (0.0, false);
    }

    /// As [`Rest::settle`], voice by voice. Gives the lanes that are awake, as bits, if they are no more
    /// than `most`.
    pub(super) fn settle_lanes(
        &mut self,
        peaks: &[f32; MAX_LANES],
        sample_rate: f32,
        most: usize,
    ) -> Option<u16> {
        let patience = PATIENCE * sample_rate;
        let RestOfLanes { held, quiet } = &mut self.lanes;
        let held = std::mem::take(held);
        for lane in each_lane(held) {
            if let Some(quiet) = quiet.get_mut(lane) {
                *quiet = -(GRID as f32);
            }
        }
        let mut count = 0;
        for (quiet, peak) in quiet.iter_mut().zip(peaks) {
            // Nobody counts further than to the end of patience.
            let before = if *quiet < patience { *quiet } else { patience };
            let now = if *peak < INAUDIBLE {
                before + GRID as f32
            } else {
                0.0
            };
            *quiet = now;
            count += u32::from(now < patience);
        }
        if count as usize > most {
            return None;
        }
        let awake = quiet.iter().enumerate();
        Some(awake.fold(0, |awake, (lane, quiet)| {
            awake | u16::from(*quiet < patience) << lane
        }))
    }

    /// A note may come: not even those who have been silent for long sleep on.
    pub(super) fn wake(&mut self) {
        *self = Rest {
            lanes: self.lanes,
            ..Rest::default()
        };
    }
}
