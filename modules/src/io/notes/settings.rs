//! The params as they stand when something happens.

use super::keys::Priority;
use crate::contract::{In, MAX_LANES};
use crate::lanes::Lanes;

/// How notes share voices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Poly,
    Mono,
    Legato,
    Unison,
}

/// Names of the modes, in their order.
pub(super) const MODES: &[&str] = &["poly", "mono", "legato", "unison"];
/// Names of the priorities, in their order.
pub(super) const PRIORITIES: &[&str] = &["last", "low", "high"];
/// Names of the glide modes, in their order.
pub(super) const GLIDES: &[&str] = &["always", "legato"];

/// Indices of the params this reads.
pub(super) mod index {
    pub(in super::super) const MODE: usize = 0;
    pub(in super::super) const VOICES: usize = 1;
    pub(in super::super) const UNISON: usize = 2;
    pub(in super::super) const GLIDE: usize = 5;
    pub(in super::super) const GLIDE_MODE: usize = 6;
    pub(in super::super) const PRIORITY: usize = 7;
    pub(in super::super) const CHANNEL: usize = 12;
    pub(in super::super) const MPE: usize = 13;
    pub(in super::super) const CURVE: usize = 15;
    pub(in super::super) const SMOOTH: usize = 16;
}

/// What decides how an event is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Voices in use, 1 or more.
    pub(super) usable: usize,
    /// Voices of one note in unison, 1 or more.
    pub(super) unison: usize,
    /// Frames.
    pub(super) glide: u32,
    pub(super) glide_only_legato: bool,
    pub(super) priority: Priority,
    /// The only channel to hear, if there is one.
    pub(super) channel: Option<u8>,
    pub(super) mpe: bool,
    pub(super) curve: f32,
    /// Frames.
    pub(super) smooth: u32,
}

impl Settings {
    pub(super) fn at<V: Lanes, const P: usize>(
        params: &In<'_, V, P>,
        frame: usize,
        sample_rate: f32,
    ) -> Settings {
        let value = |index: usize| {
            params
                .get(index)
                .map_or(0.0, |param| param.at(frame).lane(0))
        };
        let count = |index: usize| value(index).round().max(0.0) as usize;
        let frames = |index: usize| (value(index) * sample_rate).round() as u32;
        let usable = count(index::VOICES).clamp(1, V::COUNT.min(MAX_LANES));
        Settings {
            usable,
            unison: count(index::UNISON).clamp(1, usable),
            glide: frames(index::GLIDE),
            glide_only_legato: count(index::GLIDE_MODE) == 1,
            priority: match count(index::PRIORITY) {
                0 => Priority::Last,
                1 => Priority::Low,
                _ => Priority::High,
            },
            channel: count(index::CHANNEL)
                .checked_sub(1)
                .map(|channel| channel.min(15) as u8),
            mpe: count(index::MPE) == 1,
            curve: value(index::CURVE),
            smooth: frames(index::SMOOTH),
        }
    }
}

/// The mode of a choice's value.
pub(super) fn mode(choice: f32) -> Mode {
    match choice.round() as i32 {
        0 => Mode::Poly,
        1 => Mode::Mono,
        2 => Mode::Legato,
        _ => Mode::Unison,
    }
}
