//! What every host here can do with an instance of a plugin.

use std::any::Any;

use crate::{clap_host, vst3_direct, vst3_host};

/// One stereo signal.
pub type Stereo = [Vec<f32>; 2];

/// The two plugins of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    Weft,
    WeftFx,
}

/// Which host loads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// CLAP in clack-host.
    Clap,
    /// VST3 in vst3-host, which behaves as careful hosts do: it switches the plugin off while it
    /// loads a state, and never sends a number that is none.
    Vst3,
    /// VST3 by its bare interfaces, for what a careful host does not do.
    Vst3Direct,
}

pub const PLUGINS: [Plugin; 2] = [Plugin::Weft, Plugin::WeftFx];
pub const HOSTS: [Host; 3] = [Host::Clap, Host::Vst3, Host::Vst3Direct];
/// The hosts that leave the plugin running while they load a state.
pub const BOLD_HOSTS: [Host; 2] = [Host::Clap, Host::Vst3Direct];

/// Something that happens to an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Do {
    On {
        key: u8,
        velocity: f32,
    },
    Off {
        key: u8,
    },
    /// CLAP's own; a VST3 host sends MIDI's "all sound off" in its place.
    Choke {
        key: u8,
    },
    Control {
        number: u8,
        value: u8,
    },
    /// A slot's value 0..1, by the id hosts know it by.
    Set {
        id: u32,
        value: f64,
    },
}

/// Something that happens at a frame of a block.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub frame: u32,
    pub what: Do,
}

/// What the host shows of a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub id: u32,
    pub name: String,
    /// The module path; `None` where the host does not tell.
    pub module: Option<String>,
    /// The unit a VST3 host shows behind the text.
    pub unit: String,
    /// Steps above the lowest value, 0 for a knob; `None` in CLAP, where the plugin keeps it to
    /// itself.
    pub steps: Option<i32>,
    pub default: f64,
    pub hidden: bool,
}

/// The part of an instance that belongs to the audio thread.
pub trait Audio: Send + Any {
    /// Plays one block as long as its input; `false` if the plugin reports failure.
    fn process(&mut self, input: &Stereo, output: &mut Stereo, events: &[Event]) -> bool;
}

/// One instance of a plugin in a host.
pub trait Instance {
    /// Switches it on for a sample rate in hertz and blocks of at most `most` frames.
    fn activate(&mut self, rate: f64, most: usize);
    fn deactivate(&mut self);
    /// Whether the song runs from here on. It starts out stopped at its beginning, at 120 bpm.
    fn run_song(&mut self, runs: bool);
    fn process(&mut self, input: &Stereo, output: &mut Stereo, events: &[Event]) -> bool;
    /// Loads a state; whether the plugin reports success.
    fn load(&mut self, state: &[u8]) -> bool;
    fn save(&mut self) -> Vec<u8>;
    /// Everything the host can count, hidden or not, controllers of VST3 included.
    fn param_count(&mut self) -> usize;
    /// The slots in order.
    fn params(&mut self) -> Vec<Param>;
    fn value(&mut self, id: u32) -> Option<f64>;
    /// A value as the host shows it, unit included.
    fn text(&mut self, param: &Param, value: f64) -> Option<String>;
    /// The value a person's text means; `None` if it means none. vst3-host never asks.
    fn parse(&mut self, id: u32, text: &str) -> Option<f64>;
    /// Whether the plugin told the host, since the last call, that names, texts and values changed.
    fn was_renamed(&mut self) -> bool;
    /// Lends the audio part to another thread, if the host can.
    fn lend_audio(&mut self) -> Option<Box<dyn Audio>>;
    fn take_audio_back(&mut self, audio: Box<dyn Audio>);
}

/// A fresh instance, not switched on.
pub fn open(host: Host, plugin: Plugin) -> Box<dyn Instance> {
    match host {
        Host::Clap => Box::new(clap_host::ClapInstance::open(plugin)),
        Host::Vst3 => Box::new(vst3_host::Vst3Instance::open(plugin)),
        Host::Vst3Direct => Box::new(vst3_direct::DirectInstance::open(plugin)),
    }
}

/// A fresh instance that plays a patch.
pub fn open_with(
    host: Host,
    plugin: Plugin,
    patch: &str,
    rate: f64,
    most: usize,
) -> Box<dyn Instance> {
    let mut instance = open(host, plugin);
    assert!(
        instance.load(patch.as_bytes()),
        "{host:?} {plugin:?} refuses the patch:\n{patch}"
    );
    instance.activate(rate, most);
    instance
}

/// Every host with every plugin.
pub fn everywhere(mut each: impl FnMut(Host, Plugin)) {
    for host in HOSTS {
        for plugin in PLUGINS {
            println!("{host:?} {plugin:?}");
            each(host, plugin);
        }
    }
}
