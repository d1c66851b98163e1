//! Notices that an effect has nothing left to say.

use crate::contract::QUIET;
use crate::kit::math::peak_of;
use crate::lanes::{LaneMask, Lanes};

/// Seconds of silence after which it is worth a look at what an effect still holds.
const PATIENCE: f32 = 0.25;
/// What a line holds below this (-180 dB) is forgotten: even a loop that grows would take minutes to
/// bring it back.
const FORGOTTEN: f32 = 1e-9;

/// Counts how long an effect has been silent.
pub struct Hush {
    quiet: u32,
    patience: u32,
}

impl Hush {
    /// Nothing was heard yet.
    pub fn new(sample_rate: f32) -> Self {
        Hush {
            quiet: 0,
            patience: (PATIENCE * sample_rate) as u32,
        }
    }

    /// As new.
    pub fn reset(&mut self) {
        self.quiet = 0;
    }

    /// Takes in what the effect gave in one call.
    #[inline(always)]
    pub fn hear<V: Lanes, const N: usize>(&mut self, outputs: [&[V]; N]) {
        // Mostly the last frame is loud, or all are silent.
        let (mut ends_loud, mut frames) = (false, 0);
        for output in outputs {
            frames = output.len();
            ends_loud |= output.last().is_some_and(is_loud);
        }
        if ends_loud {
            self.quiet = 0;
            return;
        }
        if !is_loud(&peak_of(outputs)) {
            self.quiet = self.quiet.saturating_add(frames as u32);
            return;
        }
        // Counted from the last loud frame, so that it does not matter where calls end.
        for output in outputs {
            if let Some(last) = output.iter().rposition(is_loud) {
                frames = frames.min(output.len() - 1 - last);
            }
        }
        self.quiet = frames as u32;
    }

    /// Whether the effect has been silent for long enough, and `holds_nothing`, which is asked once in
    /// a while.
    pub fn rests(&mut self, holds_nothing: impl FnOnce() -> bool) -> bool {
        if self.quiet < self.patience {
            return false;
        }
        let rests = holds_nothing();
        if !rests {
            self.quiet = 0;
        }
        rests
    }
}

#[inline(always)]
fn is_loud<V: Lanes>(frame: &V) -> bool {
    frame.abs().gt(V::splat(QUIET)).any()
}

/// Whether a line holds nothing that could still be heard.
pub fn is_forgotten(line: &[f32]) -> bool {
    line.iter().all(|sample| sample.abs() < FORGOTTEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono};

    type One = Mono<Baseline>;

    #[test]
    fn silence_is_counted_from_the_last_sound_however_calls_are_cut() {
        let sound: Vec<One> = (0..30_000)
            .map(|frame| One::splat(if frame == 777 { 1e-3 } else { 1e-7 }))
            .collect();
        let rests_at = |length: usize| {
            let mut hush = Hush::new(48_000.0);
            let mut frames = 0;
            for call in sound.chunks(length) {
                hush.hear([call, &call[..call.len()]]);
                frames += call.len();
                if hush.rests(|| true) {
                    return frames;
                }
            }
            0
        };
        assert_eq!(rests_at(1), 778 + 12_000);
        assert_eq!(rests_at(2), 778 + 12_000);
        assert!((778 + 12_000..778 + 12_064).contains(&rests_at(64)));
    }

    #[test]
    fn what_is_still_held_is_looked_at_only_now_and_then() {
        let mut hush = Hush::new(48_000.0);
        let mut looks = 0;
        for _ in 0..48_000 / 64 {
            hush.hear([&[One::splat(0.0); 64]]);
            hush.rests(|| {
                looks += 1;
                false
            });
        }
        assert_eq!(looks, 3);
        assert!(is_forgotten(&[1e-10]) && !is_forgotten(&[0.0, -1e-8]));
    }
}
