//! CLAP in clack-host.

use std::any::Any;
use std::cell::Cell;
use std::ffi::CString;

use clack_extensions::params::{
    HostParams, HostParamsImplMainThread, HostParamsImplShared, ParamClearFlags, ParamInfoBuffer,
    ParamInfoFlags, ParamRescanFlags, PluginParams,
};
use clack_extensions::state::{HostState, HostStateImpl, PluginState};
use clack_host::events::event_types::{
    MidiEvent, NoteChokeEvent, NoteOffEvent, NoteOnEvent, ParamValueEvent, TransportEvent,
    TransportFlags,
};
use clack_host::events::{EventFlags, EventHeader};
use clack_host::prelude::*;
use clack_host::utils::{BeatTime, SecondsTime};

use crate::bundles;
use crate::host::{Audio, Do, Event, Instance, Param, Plugin, Stereo};

/// The tempo of the song in beats per minute.
const TEMPO: f64 = 120.0;

struct Handlers;

impl HostHandlers for Handlers {
    type Shared<'a> = Shared;
    type MainThread<'a> = MainThread;
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _shared: &Shared) {
        builder.register::<HostParams>().register::<HostState>();
    }
}

struct Shared;

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {}
}

impl HostParamsImplShared for Shared {
    fn request_flush(&self) {}
}

struct MainThread {
    rescanned: Cell<ParamRescanFlags>,
}

impl MainThreadHandler<'_> for MainThread {}

impl HostParamsImplMainThread for MainThread {
    fn rescan(&self, flags: ParamRescanFlags) {
        self.rescanned.set(self.rescanned.get() | flags);
    }

    fn clear(&self, _param: ClapId, _flags: ParamClearFlags) {}
}

impl HostStateImpl for MainThread {
    fn mark_dirty(&self) {}
}

pub struct ClapInstance {
    // Dropped before the instance, as it must be.
    audio: Option<Box<ClapAudio>>,
    instance: PluginInstance<Handlers>,
    params: PluginParams,
    state: PluginState,
    song_runs: bool,
}

struct ClapAudio {
    processor: StartedPluginAudioProcessor<Handlers>,
    inputs: AudioPorts,
    outputs: AudioPorts,
    rate: f64,
    song_runs: bool,
    song_frame: u64,
}

fn note(key: u8) -> Pckn {
    Pckn::new(0_u16, 0_u16, u16::from(key), clack_host::events::Match::All)
}

fn list(events: &[Event]) -> EventBuffer {
    let mut list = EventBuffer::with_capacity(events.len());
    for Event { frame, what } in events {
        match *what {
            Do::On { key, velocity } => {
                list.push(&NoteOnEvent::new(*frame, note(key), velocity.into()));
            }
            Do::Off { key } => list.push(&NoteOffEvent::new(*frame, note(key), 0.0)),
            Do::Choke { key } => list.push(&NoteChokeEvent::new(*frame, note(key))),
            Do::Control { number, value } => {
                list.push(&MidiEvent::new(*frame, 0, [0xB0, number, value]));
            }
            Do::Set { id, value } => {
                let event = ParamValueEvent::new(*frame, ClapId::new(id), Pckn::match_all(), value);
                list.push(&event);
            }
        }
    }
    list
}

impl Audio for ClapAudio {
    fn process(&mut self, input: &Stereo, output: &mut Stereo, events: &[Event]) -> bool {
        let frames = input[0].len();
        let mut input = input.clone();
        let beats = self.song_frame as f64 / self.rate * TEMPO / 60.0;
        let mut flags = TransportFlags::HAS_TEMPO | TransportFlags::HAS_BEATS_TIMELINE;
        if self.song_runs {
            flags |= TransportFlags::IS_PLAYING;
        }
        let transport = TransportEvent {
            header: EventHeader::new_core(0, EventFlags::empty()),
            flags,
            song_pos_beats: BeatTime::from_float(beats),
            song_pos_seconds: SecondsTime::from_int(0),
            tempo: TEMPO,
            tempo_inc: 0.0,
            loop_start_beats: BeatTime::from_int(0),
            loop_end_beats: BeatTime::from_int(0),
            loop_start_seconds: SecondsTime::from_int(0),
            loop_end_seconds: SecondsTime::from_int(0),
            bar_start: BeatTime::from_int(0),
            bar_number: 0,
            time_signature_numerator: 4,
            time_signature_denominator: 4,
        };
        let inputs = self.inputs.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(
                input.iter_mut().map(InputChannel::variable),
            ),
        }]);
        let mut outputs = self.outputs.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(
                output.iter_mut().map(Vec::as_mut_slice),
            ),
        }]);
        let events = list(events);
        let mut answers = EventBuffer::new();
        let result = self.processor.process(
            &inputs,
            &mut outputs,
            &events.as_input(),
            &mut answers.as_output(),
            None,
            Some(&transport),
        );
        if self.song_runs {
            self.song_frame += frames as u64;
        }
        result.is_ok()
    }
}

impl ClapInstance {
    pub fn open(plugin: Plugin) -> ClapInstance {
        // SAFETY: the library is the CLAP under test.
        let entry = unsafe { PluginEntry::load(bundles::clap()) }.expect("the CLAP loads");
        let name = match plugin {
            Plugin::Weft => "Weft",
            Plugin::WeftFx => "Weft FX",
        };
        let id = entry
            .get_plugin_factory()
            .expect("a CLAP has a factory")
            .plugin_descriptors()
            .find(|plugin| {
                plugin
                    .name()
                    .is_some_and(|own| own.to_bytes() == name.as_bytes())
            })
            .and_then(|plugin| plugin.id())
            .unwrap_or_else(|| panic!("the CLAP lists no {name}"))
            .to_owned();
        let host = HostInfo::new("Weft's tests", "Weft", "", "1").expect("names without zeros");
        let main_thread = |_: &_| MainThread {
            rescanned: Cell::new(ParamRescanFlags::empty()),
        };
        let mut instance =
            PluginInstance::<Handlers>::new(|_| Shared, main_thread, &entry, &id, &host)
                .unwrap_or_else(|error| panic!("{name} cannot be made: {error}"));
        let handle = instance.plugin_handle();
        let params = handle.get_extension().expect("it has parameters");
        let state = handle.get_extension().expect("it has state");
        ClapInstance {
            audio: None,
            instance,
            params,
            state,
            song_runs: false,
        }
    }
}

impl Instance for ClapInstance {
    fn activate(&mut self, rate: f64, most: usize) {
        self.deactivate();
        let configuration = PluginAudioConfiguration {
            sample_rate: rate,
            min_frames_count: 1,
            max_frames_count: most as u32,
        };
        let processor = self
            .instance
            .activate(|_, _| (), configuration)
            .expect("it can be switched on")
            .start_processing()
            .expect("it starts");
        self.audio = Some(Box::new(ClapAudio {
            processor,
            inputs: AudioPorts::with_capacity(2, 1),
            outputs: AudioPorts::with_capacity(2, 1),
            rate,
            song_runs: self.song_runs,
            song_frame: 0,
        }));
    }

    fn deactivate(&mut self) {
        if let Some(audio) = self.audio.take() {
            self.instance.deactivate(audio.processor.stop_processing());
        }
    }

    fn run_song(&mut self, runs: bool) {
        self.song_runs = runs;
        if let Some(audio) = &mut self.audio {
            audio.song_runs = runs;
        }
    }

    fn process(&mut self, input: &Stereo, output: &mut Stereo, events: &[Event]) -> bool {
        let audio = self.audio.as_mut().expect("it is switched on");
        audio.process(input, output, events)
    }

    fn load(&mut self, mut state: &[u8]) -> bool {
        self.state
            .load(&self.instance.plugin_handle(), &mut state)
            .is_ok()
    }

    fn save(&mut self) -> Vec<u8> {
        let mut state = Vec::new();
        self.state
            .save(&self.instance.plugin_handle(), &mut state)
            .expect("it saves its state");
        state
    }

    fn param_count(&mut self) -> usize {
        self.params.count(&self.instance.plugin_handle()) as usize
    }

    fn params(&mut self) -> Vec<Param> {
        let handle = self.instance.plugin_handle();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("names are UTF-8");
        (0..self.params.count(&handle))
            .map(|index| {
                let mut buffer = ParamInfoBuffer::new();
                let info = self
                    .params
                    .get_info(&handle, index, &mut buffer)
                    .expect("every parameter below the count is described");
                assert_eq!((info.min_value, info.max_value), (0.0, 1.0));
                Param {
                    id: info.id.get(),
                    name: text(info.name),
                    module: Some(text(info.module)),
                    unit: String::new(),
                    steps: None,
                    default: info.default_value,
                    hidden: info.flags.contains(ParamInfoFlags::IS_HIDDEN),
                }
            })
            .collect()
    }

    fn value(&mut self, id: u32) -> Option<f64> {
        self.params
            .get_value(&self.instance.plugin_handle(), ClapId::new(id))
    }

    fn text(&mut self, param: &Param, value: f64) -> Option<String> {
        let mut buffer = [0; 256];
        let text = self
            .params
            .value_to_text(
                &self.instance.plugin_handle(),
                ClapId::new(param.id),
                value,
                &mut buffer,
            )
            .ok()?;
        Some(String::from_utf8(text.to_vec()).expect("texts are UTF-8"))
    }

    fn parse(&mut self, id: u32, text: &str) -> Option<f64> {
        let text = CString::new(text).expect("a text without zeros");
        self.params
            .text_to_value(&self.instance.plugin_handle(), ClapId::new(id), &text)
    }

    fn was_renamed(&mut self) -> bool {
        let wanted = ParamRescanFlags::INFO | ParamRescanFlags::TEXT | ParamRescanFlags::VALUES;
        self.instance.access_handler(|main_thread| {
            let told = main_thread.rescanned.replace(ParamRescanFlags::empty());
            assert!(
                !told.requires_restart(),
                "a rescan of everything is for plugins that are switched off"
            );
            told.contains(wanted)
        })
    }

    fn lend_audio(&mut self) -> Option<Box<dyn Audio>> {
        let audio = self.audio.take()?;
        Some(audio)
    }

    fn take_audio_back(&mut self, audio: Box<dyn Audio>) {
        let audio: Box<dyn Any> = audio;
        self.audio = audio.downcast().ok();
        assert!(self.audio.is_some(), "the audio part of another host");
    }
}

impl Drop for ClapInstance {
    fn drop(&mut self) {
        self.deactivate();
    }
}

/// Asks for parameters by indices from `count` on, which must all be refused.
pub fn refuses_indices_beyond(plugin: Plugin, count: u32) {
    let mut clap = ClapInstance::open(plugin);
    let handle = clap.instance.plugin_handle();
    let known = |index| {
        let mut buffer = ParamInfoBuffer::new();
        clap.params.get_info(&handle, index, &mut buffer).is_some()
    };
    assert!(known(count - 1));
    for index in [count, count + 1, count + 5_000, 1 << 31, u32::MAX] {
        assert!(!known(index), "index {index}");
    }
}
