//! The CLAP side, driven as hosts drive it and as none should.

mod buses;
mod events;
mod factory;
mod parameters;
mod state;

use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};

use clap_sys::audio_buffer::clap_audio_buffer;
use clap_sys::ext::params::{CLAP_EXT_PARAMS, clap_param_info, clap_plugin_params};
use clap_sys::plugin::clap_plugin;
use clap_sys::process::{clap_process, clap_process_status};
use clap_sys::stream::{clap_istream, clap_ostream};

use super::rig::{Happens, Host, List, read_slice, write_vec};
use super::{
    create_plugin, get_extension, params_flush, params_get_value, params_text_to_value,
    params_value_to_text, state_load, state_save,
};
use crate::plugin::slots::host_id;

const FRAMES: usize = 256;

/// A plugin in its host.
struct Plug {
    plugin: *const clap_plugin,
    host: Box<Host>,
}

impl Drop for Plug {
    fn drop(&mut self) {
        // SAFETY: created in `Plug::try_new`, used no more.
        unsafe { ((*self.plugin).destroy.expect("CLAP demands it"))(self.plugin) }
    }
}

impl Plug {
    fn try_new(id: &str) -> Option<Plug> {
        let host = Host::new();
        let id = CString::new(id).expect("ids have no zeros");
        // SAFETY: the host lives in the `Plug`.
        let plugin = unsafe { create_plugin(null(), &host.raw, id.as_ptr()) };
        if plugin.is_null() {
            return None;
        }
        // SAFETY: a new plugin is initialised first.
        assert!(unsafe { ((*plugin).init.expect("CLAP demands it"))(plugin) });
        Some(Plug { plugin, host })
    }

    fn new(id: &str) -> Plug {
        Plug::try_new(id).expect("the id is one of ours")
    }

    fn with(patch: &str) -> Plug {
        let plug = Plug::new("org.weft-synth.weft");
        assert!(plug.load(patch.as_bytes()));
        plug
    }

    fn params(&self) -> &clap_plugin_params {
        // SAFETY: asked for as hosts do; the answer lives as long as the library.
        unsafe { &*get_extension(self.plugin, CLAP_EXT_PARAMS.as_ptr()).cast() }
    }

    fn load(&self, mut bytes: &[u8]) -> bool {
        let stream = clap_istream {
            ctx: (&raw mut bytes).cast(),
            read: Some(read_slice),
        };
        // SAFETY: asked for as hosts do.
        unsafe { state_load(self.plugin, &stream) }
    }

    fn save(&self) -> String {
        let mut bytes = Vec::<u8>::new();
        let stream = clap_ostream {
            ctx: (&raw mut bytes).cast(),
            write: Some(write_vec),
        };
        // SAFETY: asked for as hosts do.
        assert!(unsafe { state_save(self.plugin, &stream) });
        String::from_utf8(bytes).expect("the state is text")
    }

    fn info(&self, index: u32) -> Option<clap_param_info> {
        // SAFETY: plain data may be zero; asked for as hosts do.
        unsafe {
            let mut info: clap_param_info = std::mem::zeroed();
            let get = self.params().get_info.expect("we have it");
            get(self.plugin, index, &mut info).then_some(info)
        }
    }

    fn name(&self, index: u32) -> (String, String) {
        let info = self.info(index).expect("the index is a slot");
        let text = |chars: &[c_char]| {
            let bytes: Vec<u8> = chars.iter().map(|c| *c as u8).collect();
            let text = CStr::from_bytes_until_nul(&bytes).expect("text ends");
            text.to_str().expect("text is UTF-8").to_owned()
        };
        (text(&info.name), text(&info.module))
    }

    fn value(&self, id: u32) -> Option<f64> {
        let mut value = 0.0;
        // SAFETY: asked for as hosts do.
        unsafe { params_get_value(self.plugin, id, &mut value) }.then_some(value)
    }

    fn text(&self, id: u32, value: f64) -> Option<String> {
        let mut text = [0; 64];
        // SAFETY: asked for as hosts do.
        let told = unsafe { params_value_to_text(self.plugin, id, value, text.as_mut_ptr(), 64) };
        if !told {
            return None;
        }
        // SAFETY: the plugin ends its text with 0.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) };
        Some(text.to_str().expect("text is UTF-8").to_owned())
    }

    fn parse(&self, id: u32, text: &str) -> Option<f64> {
        let text = CString::new(text).expect("text without zeros");
        let mut value = 0.0;
        // SAFETY: asked for as hosts do.
        unsafe { params_text_to_value(self.plugin, id, text.as_ptr(), &mut value) }.then_some(value)
    }

    fn flush(&self, events: &[Happens]) {
        let list = List::new(events);
        // SAFETY: asked for as hosts do.
        unsafe { params_flush(self.plugin, &list.raw(), null()) }
    }

    fn activate(&self, rate: f64, frames: usize) {
        // SAFETY: asked for as hosts do.
        unsafe {
            assert!(((*self.plugin).activate.unwrap())(
                self.plugin,
                rate,
                1,
                frames as u32
            ));
            assert!(((*self.plugin).start_processing.unwrap())(self.plugin));
        }
    }

    fn deactivate(&self) {
        // SAFETY: asked for as hosts do.
        unsafe {
            ((*self.plugin).stop_processing.unwrap())(self.plugin);
            ((*self.plugin).deactivate.unwrap())(self.plugin);
        }
    }

    /// One block with whatever buses; gives the status.
    fn process(
        &self,
        frames: usize,
        events: &[Happens],
        input: Option<&mut [&mut [f32]]>,
        output: Option<&mut [&mut [f32]]>,
    ) -> clap_process_status {
        let list = List::new(events);
        let list = list.raw();
        let pointers = |bus: Option<&mut [&mut [f32]]>| {
            bus.map(|bus| bus.iter_mut().map(|c| c.as_mut_ptr()).collect::<Vec<_>>())
        };
        let (mut input, mut output) = (pointers(input), pointers(output));
        let bus = |pointers: &mut Vec<*mut f32>| clap_audio_buffer {
            data32: pointers.as_mut_ptr(),
            data64: null_mut(),
            channel_count: pointers.len() as u32,
            latency: 0,
            constant_mask: 0,
        };
        let inputs = input.as_mut().map(bus);
        let mut outputs = output.as_mut().map(bus);
        let block = clap_process {
            steady_time: -1,
            frames_count: frames as u32,
            transport: null(),
            // Not null even where the count is 0, as some hosts do it.
            audio_inputs: inputs.as_ref().map_or(std::ptr::dangling(), |bus| bus),
            audio_inputs_count: inputs.is_some().into(),
            audio_outputs: outputs.as_mut().map_or(std::ptr::dangling_mut(), |bus| bus),
            audio_outputs_count: outputs.is_some().into(),
            in_events: &list,
            out_events: null(),
        };
        // SAFETY: asked for as hosts do.
        unsafe { ((*self.plugin).process.unwrap())(self.plugin, &block) }
    }

    /// One stereo block without input.
    fn play(&self, frames: usize, events: &[Happens]) -> [Vec<f32>; 2] {
        let (mut left, mut right) = (vec![9.0; frames], vec![9.0; frames]);
        self.process(
            frames,
            events,
            None,
            Some(&mut [&mut left[..], &mut right[..]]),
        );
        [left, right]
    }
}

fn cutoff() -> u32 {
    host_id(0)
}

fn loudest(sound: &[f32]) -> f32 {
    sound.iter().fold(0.0, |loudest, x| loudest.max(x.abs()))
}
