//! The plugin as hosts see it: Weft, the instrument, and Weft FX, the effect.
//!
//! One [`Processor`] serves both; a [`Variant`] says what differs. What nice-plug does not offer is
//! added around its wrappers in `clap.rs` and `vst3.rs`: live parameter names, the patch as state, and
//! patience with hosts that break the rules.

mod buffers;
mod clap;
mod held;
mod notes;
mod processor;
#[cfg(test)]
mod rig;
mod slots;
mod state;
mod vst3;

pub use processor::{Processor, Variant};
pub use slots::SlotBank;
pub use state::{Shared, StateError};

use nice_plug::prelude::{AudioIOLayout, ClapFeature, PortNames, Vst3SubCategory, new_nonzero_u32};

const STEREO: std::num::NonZeroU32 = new_nonzero_u32(2);

/// What makes the plugin an instrument.
pub struct Instrument;

impl Variant for Instrument {
    const NAME: &'static str = "Weft";
    const DESCRIPTION: &'static str =
        "A modular synthesizer in one track: patch modules, play them, automate any knob";
    const CLAP_ID: &'static str = "org.weft-synth.weft";
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::Instrument,
        ClapFeature::Synthesizer,
        ClapFeature::Stereo,
    ];
    const VST3_ID: [u8; 16] = *b"WeftSynthesizer1";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[
        Vst3SubCategory::Instrument,
        Vst3SubCategory::Synth,
        Vst3SubCategory::Stereo,
    ];
    const LAYOUTS: &'static [AudioIOLayout] = &[AudioIOLayout {
        main_input_channels: None,
        main_output_channels: Some(STEREO),
        aux_input_ports: &[STEREO],
        aux_output_ports: &[],
        names: PortNames::const_default(),
    }];
    const FIRST_PATCH: &'static str = include_str!("../../assets/patches/init.ron");
}

/// What makes the plugin an effect.
pub struct Effect;

impl Variant for Effect {
    const NAME: &'static str = "Weft FX";
    const DESCRIPTION: &'static str =
        "A modular effect in one track: patch modules, send sound through them, automate any knob";
    const CLAP_ID: &'static str = "org.weft-synth.weft-fx";
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::AudioEffect,
        ClapFeature::MultiEffects,
        ClapFeature::Stereo,
    ];
    const VST3_ID: [u8; 16] = *b"WeftEffectFx0001";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[
        Vst3SubCategory::Fx,
        Vst3SubCategory::Modulation,
        Vst3SubCategory::Stereo,
    ];
    const LAYOUTS: &'static [AudioIOLayout] = &[AudioIOLayout {
        main_input_channels: Some(STEREO),
        main_output_channels: Some(STEREO),
        aux_input_ports: &[],
        aux_output_ports: &[],
        names: PortNames::const_default(),
    }];
    const FIRST_PATCH: &'static str = include_str!("../../assets/patches/init-fx.ron");
}

/// The instrument: notes in, stereo out, a sidechain for the patch to use.
pub type Weft = Processor<Instrument>;

/// The effect: stereo in and out, notes in.
pub type WeftFx = Processor<Effect>;
