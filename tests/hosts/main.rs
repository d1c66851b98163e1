//! Weft's bundles, as built, in real CLAP and VST3 hosts.

mod automation;
mod bad_input;
mod blocks;
mod bundles;
mod clap_host;
mod commits;
mod cost;
mod factory;
mod formats;
mod host;
mod notes;
mod parameters;
mod patches;
mod play;
mod sound;
mod state;
mod threads;
mod vst3_direct;
mod vst3_host;
