//! The DSP of Weft: every module, the contract they keep, and the kit they are built from.
//!
//! This crate knows no host, no window, no graph, no thread and no file. A module is one short file:
//! a data sheet ([`spec`]) and a loop over at most [`MAX_FRAMES`] frames, generic over its
//! [`lanes`]. The list below is the whole catalog; everything else about a module is derived from
//! its data sheet.

pub mod blocks;
pub mod catalog;
pub mod contract;
pub mod instance;
pub mod kit;
pub mod lanes;
pub mod notes;
pub mod porter;
pub mod routing;
pub mod seat;
pub mod signal;
pub mod spec;

#[cfg(test)]
mod promises;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod spectrum;

/// Tests abort where a module allocates while it makes sound.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;

pub use blocks::{BlockIndex, Blocks, Io, Operand, Room, Span};
pub use catalog::{Entry, Level, Width, find};
pub use contract::{Cx, MAX_FRAMES, MAX_LANES, QUIET, Setup, TURN, Transport, Wanted};
pub use instance::{Health, Instance};
pub use notes::{NoteEvent, NoteKind};
pub use porter::Porter;
pub use seat::{AnyInstance, Pending, Seat};
pub use spec::{
    Curve, ModuleSpec, ParamKind, ParamSpec, PortKind, PortSpec, Smoothing, Unit, Voicing,
};

catalog::modules! {
    io {
        audio_in: AudioIn mono,
        audio_out: AudioOut mono,
        notes: Notes,
    }
    oscillator {
        sine: Sine,
        saw: Saw,
        pulse: Pulse,
        triangle: Triangle,
        noise: Noise,
    }
    filter {
        biquad: Biquad,
        ladder: Ladder,
        one_pole: OnePole,
        svf: Svf,
    }
    envelope {
        ad: Ad,
        adsr: Adsr,
    }
    modulation {
        clock: Clock,
        lfo: Lfo,
        sample_hold: SampleHold,
        steps: Steps,
    }
    utility {
        mixer: Mixer,
        multiply: Multiply,
        scale: Scale,
        slew: Slew,
        vca: Vca,
    }
    effect {
        delay: Delay mono,
        freeverb: Freeverb mono,
        reverb: Reverb mono,
    }
}
