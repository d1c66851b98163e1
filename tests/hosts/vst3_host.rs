//! VST3 in vst3-host.

use vst3_host::audio::{BusDirection, MediaType};
use vst3_host::midi::{MidiChannel, MidiEvent, PluginEvent, PluginEventData};
use vst3_host::{BusAudioBuffers, Vst3Host};

use crate::bundles;
use crate::host::{Audio, Do, Event, Instance, Param, Plugin, Stereo};

/// Slots come first among the parameters; controllers follow.
pub const SLOTS: usize = 1024;

/// vst3-host wraps states in a header of its own: magic, version and the lengths of both parts.
const HEADER: usize = 28;
const LENGTH: std::ops::Range<usize> = 20..24;

/// `ParameterInfo::kIsHidden`.
pub const HIDDEN: u32 = 1 << 4;

pub struct Vst3Instance {
    plugin: vst3_host::Plugin,
    buffers: Option<BusAudioBuffers>,
    song_runs: bool,
}

impl Vst3Instance {
    pub fn open(plugin: Plugin) -> Vst3Instance {
        let name = match plugin {
            Plugin::Weft => "Weft",
            Plugin::WeftFx => "Weft FX",
        };
        let bundle = bundles::vst3();
        let class = vst3_host::get_detailed_plugin_info(&bundle)
            .expect("the VST3 lists its plugins")
            .classes
            .into_iter()
            .find(|class| class.name == name && class.category == "Audio Module Class")
            .unwrap_or_else(|| panic!("the VST3 lists no {name}"));
        let mut host = Vst3Host::builder()
            .sample_rate(48_000.0)
            .block_size(512)
            .tempo(120.0)
            .build()
            .expect("a host");
        let mut plugin = host
            .load_plugin_class(&bundle, &class.class_id)
            .unwrap_or_else(|error| panic!("{name} cannot be made: {error}"));
        let layout = plugin.audio_bus_layout().expect("it has buses");
        for (index, bus) in layout.inputs.iter().enumerate() {
            if !bus.active {
                plugin
                    .set_bus_active(MediaType::Audio, BusDirection::Input, index as i32, true)
                    .expect("the sidechain can be switched on");
            }
        }
        plugin.set_playing(false).expect("the song can stand");
        Vst3Instance {
            plugin,
            buffers: None,
            song_runs: false,
        }
    }
}

impl Instance for Vst3Instance {
    fn activate(&mut self, rate: f64, most: usize) {
        self.deactivate();
        self.plugin
            .reconfigure(rate, most)
            .expect("it takes rate and block size");
        self.plugin
            .set_playing(self.song_runs)
            .expect("the song can run and stand");
        self.plugin.start_processing().expect("it starts");
        self.buffers = Some(
            self.plugin
                .create_bus_audio_buffers(most)
                .expect("it has buses"),
        );
    }

    fn deactivate(&mut self) {
        self.plugin.stop_processing().expect("it stops");
        self.buffers = None;
    }

    fn run_song(&mut self, runs: bool) {
        self.song_runs = runs;
        self.plugin
            .set_playing(runs)
            .expect("the song can run and stand");
    }

    fn process(&mut self, input: &Stereo, output: &mut Stereo, events: &[Event]) -> bool {
        let channel = MidiChannel::Ch1;
        for Event { frame, what } in events {
            let frame = *frame as i32;
            let sent = match *what {
                Do::On { key, velocity } => {
                    let mut event = PluginEvent::from(MidiEvent::NoteOn {
                        channel,
                        note: key,
                        velocity: 1,
                    });
                    event.sample_offset = frame;
                    if let PluginEventData::NoteOn { velocity: sent, .. } = &mut event.data {
                        *sent = velocity;
                    }
                    self.plugin.send_plugin_event(event)
                }
                Do::Off { key } => {
                    let mut event = PluginEvent::from(MidiEvent::NoteOff {
                        channel,
                        note: key,
                        velocity: 0,
                    });
                    event.sample_offset = frame;
                    self.plugin.send_plugin_event(event)
                }
                Do::Choke { .. } => self.plugin.send_midi_event_at(
                    MidiEvent::ControlChange {
                        channel,
                        controller: 120,
                        value: 127,
                    },
                    frame,
                ),
                Do::Control { number, value } => self.plugin.send_midi_event_at(
                    MidiEvent::ControlChange {
                        channel,
                        controller: number,
                        value,
                    },
                    frame,
                ),
                Do::Set { id, value } => self.plugin.set_parameter_at(id, value, frame),
            };
            sent.expect("vst3-host takes the event");
        }
        let buffers = self.buffers.as_mut().expect("it is switched on");
        for (to, from) in buffers.inputs[0].channels.iter_mut().zip(input) {
            to.clone_from(from);
        }
        for (to, from) in buffers.outputs[0].channels.iter_mut().zip(&*output) {
            to.clone_from(from);
        }
        let result = self.plugin.process_bus_audio(buffers);
        for (to, from) in output.iter_mut().zip(&buffers.outputs[0].channels) {
            to.clone_from(from);
        }
        result.is_ok()
    }

    fn load(&mut self, state: &[u8]) -> bool {
        self.plugin.load_state(state).is_ok()
    }

    fn save(&mut self) -> Vec<u8> {
        let state = self.plugin.save_state().expect("it saves its state");
        let length = state[LENGTH].try_into().map(u32::from_le_bytes);
        let length = length.expect("four bytes") as usize;
        state[HEADER..HEADER + length].to_vec()
    }

    fn param_count(&mut self) -> usize {
        self.plugin
            .get_parameters()
            .expect("it lists its parameters")
            .len()
    }

    fn params(&mut self) -> Vec<Param> {
        let mut params = self
            .plugin
            .get_parameters()
            .expect("it lists its parameters");
        params.truncate(SLOTS);
        params
            .into_iter()
            .map(|param| Param {
                id: param.id,
                name: param.name,
                module: None,
                unit: param.unit,
                steps: Some(param.step_count),
                default: param.default,
                hidden: param.flags & HIDDEN != 0,
            })
            .collect()
    }

    fn value(&mut self, id: u32) -> Option<f64> {
        self.plugin.get_parameter(id).ok()
    }

    fn text(&mut self, param: &Param, value: f64) -> Option<String> {
        let text = self.plugin.format_parameter(param.id, value).ok()?;
        Some(format!("{text} {}", param.unit).trim_end().to_owned())
    }

    fn parse(&mut self, _id: u32, _text: &str) -> Option<f64> {
        None
    }

    fn was_renamed(&mut self) -> bool {
        let flags = self.plugin.take_restart_flags();
        assert!(
            !flags.reload_component(),
            "loading a patch is no reason to make the plugin anew"
        );
        flags.param_titles_changed() && flags.param_values_changed()
    }

    fn lend_audio(&mut self) -> Option<Box<dyn Audio>> {
        None
    }

    fn take_audio_back(&mut self, _audio: Box<dyn Audio>) {}
}
