//! A CLAP host without windows or sound cards.

use std::ffi::CString;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use clack_extensions::audio_ports::{AudioPortInfoBuffer, PluginAudioPorts};
use clack_extensions::params::{ParamInfoBuffer, ParamInfoFlags, PluginParams};
use clack_extensions::state::PluginState;
use clack_host::events::event_types::{
    MidiEvent, NoteOffEvent, NoteOnEvent, ParamValueEvent, TransportEvent, TransportFlags,
};
use clack_host::events::{EventFlags, EventHeader, Match};
use clack_host::prelude::*;
use clack_host::utils::{BeatTime, ClapId, SecondsTime};

/// Frames in a block.
const BLOCK: u32 = 512;

struct Host;

#[derive(Default)]
struct Shared {
    callback: AtomicBool,
}

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {
        self.callback.store(true, Ordering::Release);
    }
}

impl HostHandlers for Host {
    type Shared<'a> = Shared;
    type MainThread<'a> = ();
    type AudioProcessor<'a> = ();
}

/// A plugin, loaded and silent.
pub struct Plugin {
    instance: PluginInstance<Host>,
    /// Must outlive the instance, and so stands after it.
    _entry: PluginEntry,
    /// Name and version as the plugin tells them.
    pub name: String,
}

/// A parameter that a host shows.
pub struct Param {
    id: ClapId,
    /// Its name, such as "Filter Cutoff".
    pub name: String,
    min: f64,
    max: f64,
}

/// What happens at a frame.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// A MIDI message.
    Midi([u8; 3]),
    /// A parameter takes a place 0..1 between its ends.
    Param(ClapId, f64, f64, f64),
}

impl Param {
    /// The parameter at a place 0..1 between its ends.
    pub fn at(&self, travel: f64) -> Happening {
        Happening::Param(self.id, self.min, self.max, travel)
    }
}

impl Plugin {
    /// Loads the plugin of this name from a CLAP file or bundle.
    ///
    /// # Errors
    /// The file is no CLAP plugin, or holds none of this name.
    pub fn load(path: &Path, name: &str) -> Result<Plugin> {
        // SAFETY: loading a library runs its code. This one is Weft as these commands have just
        // built and installed it.
        let entry = unsafe { PluginEntry::load(path) }
            .with_context(|| format!("cannot load {}", path.display()))?;
        let factory = entry
            .get_plugin_factory()
            .context("the file holds no plugins")?;
        let descriptor = factory
            .plugin_descriptors()
            .find(|descriptor| {
                descriptor
                    .name()
                    .is_some_and(|found| found.to_bytes() == name.as_bytes())
            })
            .with_context(|| format!("the file holds no plugin named {name}"))?;
        let text = |text: Option<&std::ffi::CStr>| {
            text.map(|text| text.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let title = format!("{} {}", text(descriptor.name()), text(descriptor.version()));
        let id: CString = descriptor.id().context("the plugin has no id")?.to_owned();
        let info = HostInfo::new("Weft demo", "Weft", "", env!("CARGO_PKG_VERSION"))?;
        let instance =
            PluginInstance::<Host>::new(|()| Shared::default(), |_| (), &entry, &id, &info)
                .with_context(|| format!("{name} did not start"))?;
        Ok(Plugin {
            instance,
            _entry: entry,
            name: title,
        })
    }

    /// Loads a state: the text of a patch.
    ///
    /// # Errors
    /// The plugin refuses it.
    pub fn set_state(&mut self, state: &[u8]) -> Result<()> {
        let extension: PluginState = self
            .instance
            .plugin_shared_handle()
            .get_extension()
            .context("the plugin keeps no state")?;
        extension
            .load(&self.instance.plugin_handle(), &mut &state[..])
            .context("the plugin refuses the patch")?;
        self.pump();
        Ok(())
    }

    /// The parameters that a host shows.
    ///
    /// # Errors
    /// The plugin has none.
    pub fn params(&mut self) -> Result<Vec<Param>> {
        let extension: PluginParams = self
            .instance
            .plugin_shared_handle()
            .get_extension()
            .context("the plugin has no parameters")?;
        let handle = self.instance.plugin_handle();
        let mut buffer = ParamInfoBuffer::new();
        let mut params = Vec::new();
        for index in 0..extension.count(&handle) {
            let Some(info) = extension.get_info(&handle, index, &mut buffer) else {
                bail!("the plugin does not know its own parameter {index}");
            };
            if !info.flags.contains(ParamInfoFlags::IS_HIDDEN) {
                params.push(Param {
                    id: info.id,
                    name: String::from_utf8_lossy(info.name).into_owned(),
                    min: info.min_value,
                    max: info.max_value,
                });
            }
        }
        Ok(params)
    }

    /// The text of a parameter at a place 0..1 between its ends.
    pub fn text(&mut self, param: &Param, travel: f64) -> Result<String> {
        let extension: PluginParams = self
            .instance
            .plugin_shared_handle()
            .get_extension()
            .context("the plugin has no parameters")?;
        let mut buffer = [0; 256];
        let value = param.min + travel * (param.max - param.min);
        let text = extension
            .value_to_text(&self.instance.plugin_handle(), param.id, value, &mut buffer)
            .ok()
            .with_context(|| format!("{} has no text", param.name))?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Plays what happens, in order of frames, and hands every block of sound on. `time` tells tempo
    /// and beat at a frame.
    ///
    /// # Errors
    /// The plugin fails, or `sound` does.
    pub fn play(
        &mut self,
        rate: u32,
        frames: u64,
        happenings: &[(u64, Happening)],
        time: impl Fn(u64) -> (f64, f64),
        mut sound: impl FnMut(&[f32], &[f32]) -> Result<()>,
    ) -> Result<()> {
        let [inputs, outputs] = self.channels()?;
        ensure!(
            outputs.first() == Some(&2),
            "the plugin has no stereo output"
        );
        let configuration = PluginAudioConfiguration {
            sample_rate: f64::from(rate),
            min_frames_count: 1,
            max_frames_count: BLOCK,
        };
        let stopped = self
            .instance
            .activate(|_, _| (), configuration)
            .context("the plugin does not start at this sample rate")?;
        let Ok(mut processor) = stopped.start_processing() else {
            bail!("the plugin does not start to play");
        };

        let buffers = |ports: &[usize]| -> Vec<Vec<Vec<f32>>> {
            ports
                .iter()
                .map(|channels| vec![vec![0.0; BLOCK as usize]; *channels])
                .collect()
        };
        let (mut silence, mut made) = (buffers(&inputs), buffers(&outputs));
        let mut input_ports = AudioPorts::with_capacity(inputs.iter().sum(), inputs.len());
        let mut output_ports = AudioPorts::with_capacity(outputs.iter().sum(), outputs.len());
        let mut events = EventBuffer::new();
        let mut answers = EventBuffer::new();
        let mut next = happenings.iter().peekable();
        let mut frame = 0;
        while frame < frames {
            let count = (frames - frame).min(u64::from(BLOCK)) as usize;
            let end = frame + count as u64;
            events.clear();
            answers.clear();
            while let Some((at, happening)) = next.next_if(|(at, _)| *at < end) {
                push(&mut events, at.saturating_sub(frame) as u32, *happening);
            }
            let heard = input_ports.with_input_buffers(silence.iter_mut().map(|port| {
                AudioPortBuffer {
                    latency: 0,
                    channels: AudioPortBufferType::f32_input_only(
                        port.iter_mut()
                            .map(|channel| InputChannel::constant(&mut channel[..count])),
                    ),
                }
            }));
            let mut played =
                output_ports.with_output_buffers(made.iter_mut().map(|port| AudioPortBuffer {
                    latency: 0,
                    channels: AudioPortBufferType::f32_output_only(
                        port.iter_mut().map(|channel| &mut channel[..count]),
                    ),
                }));
            let (tempo, beat) = time(frame);
            let transport = transport(tempo, beat, frame as f64 / f64::from(rate));
            processor
                .process(
                    &heard,
                    &mut played,
                    &events.as_input(),
                    &mut answers.as_output(),
                    Some(frame),
                    Some(&transport),
                )
                .context("the plugin failed while it played")?;
            sound(&made[0][0][..count], &made[0][1][..count])?;
            self.pump();
            frame = end;
        }
        self.instance.deactivate(processor.stop_processing());
        Ok(())
    }

    /// Channels of every input and output port.
    fn channels(&mut self) -> Result<[Vec<usize>; 2]> {
        let extension: PluginAudioPorts = self
            .instance
            .plugin_shared_handle()
            .get_extension()
            .context("the plugin has no audio ports")?;
        let handle = self.instance.plugin_handle();
        Ok([true, false].map(|is_input| {
            let mut buffer = AudioPortInfoBuffer::new();
            (0..extension.count(&handle, is_input))
                .filter_map(|index| {
                    let info = extension.get(&handle, index, is_input, &mut buffer)?;
                    Some(info.channel_count as usize)
                })
                .collect()
        }))
    }

    /// Gives the plugin the main thread where it asked for it.
    fn pump(&mut self) {
        let asked = self
            .instance
            .access_shared_handler(|shared| shared.callback.swap(false, Ordering::AcqRel));
        if asked {
            self.instance.call_on_main_thread_callback();
        }
    }
}

fn push(events: &mut EventBuffer, frame: u32, happening: Happening) {
    match happening {
        Happening::Param(id, min, max, travel) => {
            let value = min + travel * (max - min);
            events.push(&ParamValueEvent::new(frame, id, Pckn::match_all(), value));
        }
        Happening::Midi([status, key, velocity]) => {
            let note = Pckn::new(0u16, u16::from(status & 15), u16::from(key), Match::All);
            let share = f64::from(velocity) / 127.0;
            match status >> 4 {
                0x9 if velocity > 0 => events.push(&NoteOnEvent::new(frame, note, share)),
                0x8 | 0x9 => events.push(&NoteOffEvent::new(frame, note, share)),
                _ => events.push(&MidiEvent::new(frame, 0, [status, key, velocity])),
            }
        }
    }
}

fn transport(tempo: f64, beat: f64, seconds: f64) -> TransportEvent {
    let bar = (beat / 4.0).floor();
    TransportEvent {
        header: EventHeader::new_core(0, EventFlags::empty()),
        flags: TransportFlags::HAS_TEMPO
            | TransportFlags::HAS_BEATS_TIMELINE
            | TransportFlags::HAS_SECONDS_TIMELINE
            | TransportFlags::HAS_TIME_SIGNATURE
            | TransportFlags::IS_PLAYING,
        song_pos_beats: BeatTime::from_float(beat),
        song_pos_seconds: SecondsTime::from_float(seconds),
        tempo,
        tempo_inc: 0.0,
        loop_start_beats: BeatTime::from_float(0.0),
        loop_end_beats: BeatTime::from_float(0.0),
        loop_start_seconds: SecondsTime::from_float(0.0),
        loop_end_seconds: SecondsTime::from_float(0.0),
        bar_start: BeatTime::from_float(bar * 4.0),
        bar_number: bar as i32,
        time_signature_numerator: 4,
        time_signature_denominator: 4,
    }
}
