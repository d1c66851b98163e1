//! The corner frequency of a filter: a cutoff in hertz that follows a pitch.

use crate::contract::Signal;
use crate::kit::math::exp2;
use crate::kit::settled::settled;
use crate::lanes::{LaneMask, Lanes};

/// Frames that a filter prepares at once; long enough to fill any vector, short enough to stay in
/// registers and the nearest cache.
pub const STAGE: usize = 16;

/// The highest corner a filter follows, in radians per frame: 0.46 of the frame rate.
pub const HIGHEST: f32 = 2.89;

/// The loudest input a filter takes, 120 dB over full scale: its output stays finite at any
/// resonance.
pub const LOUDEST: f32 = 1e6;

/// The lowest, which keeps divisions by the corner finite.
const LOWEST: f32 = 1e-6;

/// Up to [`STAGE`] frames of a signal; those past its end read as 0.
#[inline(always)]
pub fn gather<V: Lanes>(signal: Signal<'_, V>, start: usize) -> [V; STAGE] {
    match signal {
        Signal::Constant(value) => [value; STAGE],
        Signal::Frames(frames) => {
            let mut stage = [V::splat(0.0); STAGE];
            let frames = frames.get(start..).unwrap_or(&[]);
            if frames.len() >= STAGE {
                stage.copy_from_slice(&frames[..STAGE]);
            } else {
                stage[..frames.len()].copy_from_slice(frames);
            }
            stage
        }
    }
}

/// Eight frames of one voice in a vector, the `eight`th; those past its end read as 0.
#[inline(always)]
pub fn eight_of<V: Lanes>(signal: Signal<'_, V>, eight: usize) -> V::Wide {
    match signal {
        Signal::Constant(value) => V::Wide::splat(value.sum()),
        Signal::Frames(frames) => {
            let (eights, rest) = frames.as_chunks::<8>();
            if let Some(frames) = eights.get(eight) {
                return V::Wide::from_fn(
                    #[inline(always)]
                    |frame| frames[frame % 8].sum(),
                );
            }
            let mut wide = V::Wide::splat(0.0);
            for (lane, frame) in wide.as_mut_slice().iter_mut().zip(rest) {
                *lane = frame.sum();
            }
            wide
        }
    }
}

/// Writes the frames of a signal from `start` on, as many as there is room for.
#[inline(always)]
pub fn copy<V: Lanes>(signal: Signal<'_, V>, start: usize, out: &mut [V]) {
    match signal {
        Signal::Constant(value) => out.fill(value),
        Signal::Frames(frames) => {
            for (out, value) in out.iter_mut().zip(frames.get(start..).unwrap_or_default()) {
                *out = *value;
            }
        }
    }
}

/// As [`copy`], for an audio input: limited to what a filter takes.
#[inline(always)]
pub fn copy_audio<V: Lanes>(signal: Signal<'_, V>, start: usize, out: &mut [V]) {
    copy(signal, start, out);
    for value in out {
        *value = limited(*value);
    }
}

/// What a filter takes of a frame of audio.
#[inline(always)]
pub fn limited<V: Lanes>(value: V) -> V {
    value.clamp(-LOUDEST, LOUDEST)
}

/// One frame of an audio input, limited to what a filter takes.
#[inline(always)]
pub fn audio_at<V: Lanes>(signal: Signal<'_, V>, frame: usize) -> V {
    limited(signal.at(frame))
}

/// A corner in radians per frame: `cutoff * 2^(pitch * track)`, limited to what a filter can
/// follow.
#[derive(Clone, Copy)]
pub struct Corner<'a, V> {
    cutoff: Signal<'a, V>,
    pitch: Signal<'a, V>,
    track: Signal<'a, V>,
    /// Radians per frame of 1 Hz of cutoff if the pitch does not move it.
    ratio: Option<V>,
    scale: f32,
    highest: f32,
}

impl<'a, V: Lanes> Corner<'a, V> {
    /// `cutoff` is in hertz, `pitch` in octaves, `scale` the radians per frame of 1 Hz and
    /// `highest` the limit of the corner in radians per frame.
    #[inline(always)]
    pub fn new(
        cutoff: Signal<'a, V>,
        pitch: Signal<'a, V>,
        track: Signal<'a, V>,
        scale: f32,
        highest: f32,
    ) -> Self {
        // A cable from the keyboard mostly brings the same pitch all along.
        let pitch = settled(pitch);
        let mut ratio = None;
        if let (Some(pitch), Some(track)) = (pitch.constant(), track.constant()) {
            let octaves = pitch * track;
            // Mostly nothing moves it, and what comes of that need not be waited for.
            ratio = Some(if octaves.abs().le(V::splat(0.0)).all() {
                V::splat(scale)
            } else {
                exp2(octaves) * scale
            });
        }
        Corner {
            cutoff,
            pitch,
            track,
            ratio,
            scale,
            highest,
        }
    }

    #[inline(always)]
    fn angle(&self, cutoff: V, ratio: V) -> V {
        (cutoff * ratio).clamp(LOWEST, self.highest)
    }

    /// Radians per frame of 1 Hz of cutoff at a pitch.
    #[inline(always)]
    fn ratio(&self, pitch: V, track: V) -> V {
        exp2(pitch * track) * self.scale
    }

    /// The corner of the whole call if nothing moves it.
    #[inline(always)]
    pub fn constant(&self) -> Option<V> {
        match (self.cutoff.constant(), self.ratio) {
            (Some(cutoff), Some(ratio)) => Some(self.angle(cutoff, ratio)),
            _ => None,
        }
    }

    /// The corner of one frame.
    #[inline(always)]
    pub fn at(&self, frame: usize) -> V {
        let ratio = match self.ratio {
            Some(ratio) => ratio,
            None => self.ratio(self.pitch.at(frame), self.track.at(frame)),
        };
        self.angle(self.cutoff.at(frame), ratio)
    }

    /// Writes the corners of the frames from `start` on, as many as there is room for.
    #[inline(always)]
    pub fn write(&self, start: usize, out: &mut [V]) {
        copy(self.cutoff, start, out);
        if let Some(ratio) = self.ratio {
            for angle in out {
                *angle = self.angle(*angle, ratio);
            }
            return;
        }
        match (self.pitch, self.track) {
            (Signal::Frames(pitch), Signal::Constant(track)) => {
                let pitch = pitch.get(start..).unwrap_or_default();
                for (angle, pitch) in out.iter_mut().zip(pitch) {
                    *angle = self.angle(*angle, self.ratio(*pitch, track));
                }
            }
            (pitch, track) => {
                for (frame, angle) in (start..).zip(out) {
                    *angle = self.angle(*angle, self.ratio(pitch.at(frame), track.at(frame)));
                }
            }
        }
    }

    /// The corners of one voice in eight frames; see [`eight_of`].
    #[inline(always)]
    pub fn eight(&self, eight: usize) -> V::Wide {
        let ratio = match self.ratio {
            Some(ratio) => V::Wide::splat(ratio.sum()),
            None => {
                let (pitch, track) = (eight_of(self.pitch, eight), eight_of(self.track, eight));
                exp2(pitch * track) * self.scale
            }
        };
        (eight_of(self.cutoff, eight) * ratio).clamp(LOWEST, self.highest)
    }

    /// The corner of the [`STAGE`] frames from `start`.
    #[inline(always)]
    pub fn stage(&self, start: usize) -> [V; STAGE] {
        let mut angles = gather(self.cutoff, start);
        if let Some(ratio) = self.ratio {
            for angle in &mut angles {
                *angle = self.angle(*angle, ratio);
            }
        } else {
            let pitch = gather(self.pitch, start);
            let track = gather(self.track, start);
            for (angle, (pitch, track)) in angles.iter_mut().zip(pitch.into_iter().zip(track)) {
                *angle = self.angle(*angle, self.ratio(pitch, track));
            }
        }
        angles
    }
}

/// The `N` coefficients of each frame of a stage, each coefficient's frames side by side, so that
/// one vector holds the same coefficient of several frames.
pub type Table<V, const N: usize> = [[V; STAGE]; N];

/// Computes the coefficients of a whole stage.
#[inline(always)]
pub fn tabulate<V: Lanes, const N: usize>(coefficients: impl Fn(usize) -> [V; N]) -> Table<V, N> {
    let mut table = [[V::splat(0.0); STAGE]; N];
    for frame in 0..STAGE {
        let values = coefficients(frame);
        for (row, value) in table.iter_mut().zip(values) {
            row[frame] = value;
        }
    }
    table
}

/// The coefficients of one frame.
#[inline(always)]
pub fn column<V: Lanes, const N: usize, const FRAMES: usize>(
    table: &[[V; FRAMES]; N],
    frame: usize,
) -> [V; N] {
    let mut values = [V::splat(0.0); N];
    for (value, row) in values.iter_mut().zip(table) {
        *value = row[frame];
    }
    values
}
