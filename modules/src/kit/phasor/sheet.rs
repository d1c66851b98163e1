//! The ports and params that oscillators with a pitch have in common.

use crate::spec::{ParamSpec, PortSpec, audio, cents, modulation, number, octaves, phase};

/// The input that modulates the frequency.
pub const FM: PortSpec = modulation("fm", "Linear frequency modulation.");
/// The input that restarts the wave.
pub const SYNC: PortSpec = audio("sync", "Restarts the wave at every rise through 0.");

/// Its pitch.
pub const PITCH: ParamSpec = octaves("pitch", -6.0, 6.0, 0.0, "Pitch in octaves from middle C.");
/// What is added to the pitch.
pub const FINE: ParamSpec = cents("fine", -100.0, 100.0, 0.0, "Fine tuning.");
/// The phase after a restart.
pub const START: ParamSpec = phase("phase", 0.0, "Where in its cycle the wave starts.");
/// How far [`FM`] goes.
pub const FM_DEPTH: ParamSpec = number(
    "fm-depth",
    0.0,
    8.0,
    1.0,
    "How far fm bends the frequency: 1 is up to twice, down to 0.",
);

/// The wave, and what syncs another oscillator to it.
pub const OUTPUTS: [PortSpec; 2] = [
    audio("out", "The wave."),
    audio(
        "sync",
        "Rises through 0 once a cycle, to sync another oscillator.",
    ),
];
