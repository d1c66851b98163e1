//! The CLAP side, driven as hosts drive it and as none should.

use std::cell::RefCell;
use std::ffi::CString;
use std::ptr::null_mut;

use clap_sys::events::{
    CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_MIDI_SYSEX, CLAP_EVENT_NOTE_OFF, CLAP_EVENT_NOTE_ON,
    CLAP_EVENT_PARAM_VALUE, clap_event_header, clap_event_midi_sysex, clap_event_note,
    clap_event_param_value,
};

use super::*;
use crate::plugin::processor::EVENT_CAPACITY;
use crate::plugin::rig::{OTHER, SYNTH, THROUGH, damaged};

const FRAMES: usize = 256;

/// A host that remembers what it was told to read again.
struct Host {
    raw: clap_host,
    rescans: RefCell<Vec<u32>>,
}

impl Host {
    fn new() -> Box<Host> {
        let mut host = Box::new(Host {
            raw: clap_host {
                clap_version: CLAP_VERSION,
                host_data: null_mut(),
                name: c"Test".as_ptr(),
                vendor: c"".as_ptr(),
                url: c"".as_ptr(),
                version: c"".as_ptr(),
                get_extension: Some(host_extension),
                request_restart: Some(ignore),
                request_process: Some(ignore),
                request_callback: Some(ignore),
            },
            rescans: RefCell::default(),
        });
        host.raw.host_data = (&raw mut *host).cast();
        host
    }
}

unsafe extern "C" fn ignore(_host: *const clap_host) {}

unsafe extern "C" fn host_rescan(host: *const clap_host, flags: u32) {
    // SAFETY: the pointer was set in `Host::new` to the box that holds it.
    let host = unsafe { &*(*host).host_data.cast::<Host>() };
    host.rescans.borrow_mut().push(flags);
}

unsafe extern "C" fn host_clear(_host: *const clap_host, _id: u32, _flags: u32) {}

unsafe extern "C" fn host_extension(_host: *const clap_host, id: *const c_char) -> *const c_void {
    static PARAMS: clap_host_params = clap_host_params {
        rescan: Some(host_rescan),
        clear: Some(host_clear),
        request_flush: Some(ignore),
    };
    // SAFETY: the plugin asks with C strings.
    if unsafe { CStr::from_ptr(id) } == CLAP_EXT_PARAMS {
        (&raw const PARAMS).cast()
    } else {
        null()
    }
}

/// One event of a block.
#[derive(Clone, Copy)]
enum Happens {
    Value(u32, u32, f64),
    On(u32, i16),
    Off(u32, i16),
}

#[repr(C)]
union RawEvent {
    header: clap_event_header,
    value: clap_event_param_value,
    note: clap_event_note,
    sysex: clap_event_midi_sysex,
}

struct List(Vec<RawEvent>);

impl List {
    fn new(events: &[Happens]) -> List {
        let header = |time, type_, size: usize| clap_event_header {
            size: size as u32,
            time,
            space_id: CLAP_CORE_EVENT_SPACE_ID,
            type_,
            flags: 0,
        };
        let note = |time, type_, key| RawEvent {
            note: clap_event_note {
                header: header(time, type_, size_of::<clap_event_note>()),
                note_id: -1,
                port_index: 0,
                channel: 0,
                key,
                velocity: 0.8,
            },
        };
        List(
            events
                .iter()
                .map(|event| match *event {
                    Happens::On(time, key) => note(time, CLAP_EVENT_NOTE_ON, key),
                    Happens::Off(time, key) => note(time, CLAP_EVENT_NOTE_OFF, key),
                    Happens::Value(time, param_id, value) => RawEvent {
                        value: clap_event_param_value {
                            header: header(
                                time,
                                CLAP_EVENT_PARAM_VALUE,
                                size_of::<clap_event_param_value>(),
                            ),
                            param_id,
                            cookie: null_mut(),
                            note_id: -1,
                            port_index: -1,
                            channel: -1,
                            key: -1,
                            value,
                        },
                    },
                })
                .collect(),
        )
    }

    fn raw(&self) -> clap_input_events {
        clap_input_events {
            ctx: std::ptr::from_ref(self).cast_mut().cast(),
            size: Some(list_size),
            get: Some(list_get),
        }
    }
}

unsafe extern "C" fn list_size(list: *const clap_input_events) -> u32 {
    // SAFETY: made by `List::raw`.
    unsafe { &*(*list).ctx.cast::<List>() }.0.len() as u32
}

unsafe extern "C" fn list_get(
    list: *const clap_input_events,
    index: u32,
) -> *const clap_event_header {
    // SAFETY: made by `List::raw`; every variant begins with the header.
    match unsafe { &*(*list).ctx.cast::<List>() }
        .0
        .get(index as usize)
    {
        Some(event) => std::ptr::from_ref(event).cast(),
        None => null(),
    }
}

unsafe extern "C" fn read_slice(stream: *const clap_istream, to: *mut c_void, size: u64) -> i64 {
    // SAFETY: `Plug::load` passes a slice that outlives the stream. One byte less than asked for
    // is given, as streams may.
    unsafe {
        let from = &mut *(*stream).ctx.cast::<&[u8]>();
        let count = from.len().min((size as usize).saturating_sub(1).max(1));
        from.as_ptr().copy_to_nonoverlapping(to.cast(), count);
        *from = &from[count..];
        count as i64
    }
}

unsafe extern "C" fn write_vec(stream: *const clap_ostream, from: *const c_void, size: u64) -> i64 {
    // SAFETY: `Plug::save` passes a vector that outlives the stream.
    unsafe {
        let to = &mut *(*stream).ctx.cast::<Vec<u8>>();
        let count = (size as usize).min(100);
        to.extend_from_slice(slice::from_raw_parts(from.cast(), count));
        count as i64
    }
}

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

#[test]
fn only_the_exact_ids_make_plugins() {
    for id in [
        "",
        "org.weft-synth",
        "org.weft-synth.weft2",
        "org.weft-synth.weft-f",
    ] {
        assert!(Plug::try_new(id).is_none(), "{id}");
    }
    for id in ["org.weft-synth.weft", "org.weft-synth.weft-fx"] {
        assert!(Plug::try_new(id).is_some(), "{id}");
    }
    // SAFETY: null pointers are answered, not followed.
    unsafe {
        assert!(create_plugin(null(), null(), c"org.weft-synth.weft".as_ptr()).is_null());
        assert!(create_plugin(null(), &Host::new().raw, null()).is_null());
        assert!(get_plugin_descriptor(null(), 2).is_null());
        assert!(get_factory(null()).is_null());
        assert!(get_factory(c"clap.plugin-factoryx".as_ptr()).is_null());
    }
}

#[test]
fn slots_carry_the_names_of_the_patch_and_unused_ones_hide() {
    let plug = Plug::with(SYNTH);
    assert_eq!(plug.name(0), ("Filter Cutoff".into(), "Filter".into()));
    let hidden = |index| plug.info(index).unwrap().flags & CLAP_PARAM_IS_HIDDEN != 0;
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6].map(hidden),
        [false, false, false, false, true, false, true]
    );
    assert_eq!(plug.name(4), ("Unused 5".into(), String::new()));
    for index in 0..1024 {
        let info = plug.info(index).unwrap();
        assert_eq!((info.min_value, info.max_value), (0.0, 1.0));
        assert!((0.0..=1.0).contains(&info.default_value));
    }
    for index in [1024, 1025, u32::MAX] {
        assert!(plug.info(index).is_none());
    }
}

#[test]
fn loading_another_patch_renames_the_slots_and_tells_the_host() {
    let plug = Plug::with(SYNTH);
    plug.host.rescans.borrow_mut().clear();
    assert!(plug.load(OTHER.as_bytes()));
    let all = CLAP_PARAM_RESCAN_INFO | CLAP_PARAM_RESCAN_TEXT | CLAP_PARAM_RESCAN_VALUES;
    assert_eq!(*plug.host.rescans.borrow(), [all]);
    assert_eq!(plug.name(8), ("Voice Pitch".into(), "Voice".into()));
    assert_eq!(plug.name(0).0, "Unused 1");
}

#[test]
fn text_goes_both_ways_and_strangers_get_none() {
    let plug = Plug::with(SYNTH);
    let now = plug.value(cutoff()).unwrap();
    assert_eq!(plug.text(cutoff(), now).unwrap(), "800 Hz");
    for slot in 0..16 {
        let id = host_id(slot);
        for step in 0..=20 {
            let text = plug.text(id, f64::from(step) / 20.0).unwrap();
            let value = plug.parse(id, &text);
            let again = value.and_then(|value| plug.text(id, value));
            assert_eq!(again.as_ref(), Some(&text), "slot {slot}");
        }
    }
    assert_eq!(
        plug.parse(cutoff(), "800 Hz").map(|v| v as f32),
        Some(now as f32)
    );
    assert_eq!(plug.parse(cutoff(), "no such thing"), None);
    for id in [0, 1, cutoff() - 1, host_id(1023) + 1, u32::MAX] {
        assert_eq!(plug.text(id, 0.5), None);
        assert_eq!(plug.parse(id, "0.5"), None);
        assert_eq!(plug.value(id), None);
    }
    assert_eq!(plug.text(cutoff(), f64::NAN), None);
}

#[test]
fn values_that_are_no_numbers_change_nothing() {
    let plug = Plug::with(SYNTH);
    let before = plug.value(cutoff());
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        plug.flush(&[Happens::Value(0, cutoff(), value)]);
        assert_eq!(plug.value(cutoff()), before);
    }
    plug.flush(&[
        Happens::Value(0, 12, 0.5),
        Happens::Value(0, cutoff(), 1e308),
    ]);
    assert_eq!(plug.value(cutoff()), Some(1.0));
}

#[test]
fn a_state_returns_as_it_was_saved_even_after_knobs_moved() {
    let plug = Plug::with(SYNTH);
    let first = plug.save();
    assert!(first.contains("800"), "{first}");
    let second = Plug::with(&first);
    assert_eq!(second.save(), first);

    plug.flush(&[
        Happens::Value(0, cutoff(), 0.3),
        Happens::Value(0, host_id(2), 1.0),
    ]);
    let moved = plug.save();
    assert_ne!(moved, first);
    let third = Plug::with(&moved);
    assert_eq!(third.save(), moved);
    for slot in 0..16 {
        let (a, b) = (
            plug.value(host_id(slot)).unwrap(),
            third.value(host_id(slot)).unwrap(),
        );
        assert!((a - b).abs() < 1e-6);
        assert_eq!(plug.text(host_id(slot), a), third.text(host_id(slot), b));
        assert_eq!(plug.name(slot as u32), third.name(slot as u32));
    }
}

#[test]
fn a_damaged_state_leaves_the_old_patch_playing_and_is_kept() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    let before = plug.save();
    plug.play(FRAMES, &[Happens::On(0, 60)]);
    plug.host.rescans.borrow_mut().clear();
    for bytes in damaged() {
        assert!(!plug.load(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(plug.save(), before);
        // SAFETY: the plugin lives.
        let kept = unsafe { instance(plug.plugin) }.unwrap().shared.rescued();
        assert_eq!(kept, Some(bytes));
    }
    assert!(plug.host.rescans.borrow().is_empty());
    let mut heard = 0.0_f32;
    for _ in 0..20 {
        heard = heard.max(loudest(&plug.play(FRAMES, &[])[0]));
    }
    assert!(heard > 0.01);
    plug.deactivate();
}

/// Plays a note with automation and gives both sides.
fn performance(plug: &Plug) -> [Vec<f32>; 2] {
    plug.activate(48_000.0, FRAMES);
    let mut sound = [Vec::new(), Vec::new()];
    for block in 0..40_u32 {
        let events = match block {
            0 => vec![Happens::On(17, 57), Happens::Value(100, cutoff(), 0.9)],
            9 => vec![Happens::Value(3, cutoff(), 0.4), Happens::On(200, 64)],
            25 => vec![Happens::Off(0, 57), Happens::Off(5, 64)],
            _ => vec![],
        };
        for (whole, part) in sound.iter_mut().zip(plug.play(FRAMES, &events)) {
            whole.extend(part);
        }
    }
    plug.deactivate();
    sound
}

#[test]
fn a_loaded_state_sounds_bit_for_bit_like_the_saved_one() {
    let plug = Plug::with(SYNTH);
    plug.flush(&[Happens::Value(0, host_id(1), 0.7)]);
    let copy = Plug::with(&plug.save());
    let (a, b) = (performance(&plug), performance(&copy));
    assert!(loudest(&a[0]) > 0.01);
    assert!(a == b);
}

#[test]
fn a_state_loaded_while_playing_is_heard_in_the_next_block() {
    let plug = Plug::with(THROUGH);
    plug.activate(48_000.0, FRAMES);
    assert_eq!(loudest(&plug.play(FRAMES, &[Happens::On(0, 60)])[0]), 0.0);
    for _ in 0..3 {
        assert!(plug.load(SYNTH.as_bytes()));
    }
    let mut heard = loudest(&plug.play(FRAMES, &[Happens::On(0, 60)])[0]);
    for _ in 0..10 {
        heard = heard.max(loudest(&plug.play(FRAMES, &[])[0]));
    }
    assert!(heard > 0.01);
    plug.deactivate();
}

#[test]
fn many_states_loaded_while_the_audio_stands_still_end_in_the_last() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    for _ in 0..12 {
        assert!(plug.load(SYNTH.as_bytes()));
    }
    assert!(plug.load(THROUGH.as_bytes()));
    let mut heard = loudest(&plug.play(FRAMES, &[Happens::On(0, 60)])[0]);
    for _ in 0..10 {
        heard = heard.max(loudest(&plug.play(FRAMES, &[])[0]));
    }
    assert_eq!(heard, 0.0);
    plug.deactivate();
}

#[test]
fn events_land_on_their_frame_wherever_the_block_is_cut() {
    let events = [
        Happens::On(31, 60),
        Happens::Value(31, cutoff(), 0.9),
        Happens::On(80, 67),
        Happens::Value(80, cutoff(), 0.2),
        Happens::Value(200, host_id(1), 0.9),
    ];
    let whole = Plug::with(SYNTH);
    whole.activate(48_000.0, FRAMES);
    let mut once = whole.play(FRAMES, &events)[0].clone();
    once.extend(&whole.play(FRAMES, &[])[0]);

    let cut = Plug::with(SYNTH);
    cut.activate(48_000.0, FRAMES);
    let mut parts = cut.play(31, &[])[0].clone();
    let mut start = 31;
    for length in [1, 48, 0, 120, 56, FRAMES] {
        let moved = |time: u32| time - start;
        let inside: Vec<Happens> = events
            .iter()
            .filter_map(|event| {
                let (Happens::Value(time, ..) | Happens::On(time, _) | Happens::Off(time, _)) =
                    *event;
                if !(start..start + length as u32).contains(&time) {
                    return None;
                }
                Some(match *event {
                    Happens::Value(time, id, value) => Happens::Value(moved(time), id, value),
                    Happens::On(time, key) => Happens::On(moved(time), key),
                    Happens::Off(time, key) => Happens::Off(moved(time), key),
                })
            })
            .collect();
        parts.extend(&cut.play(length, &inside)[0]);
        start += length as u32;
    }
    assert!(loudest(&once) > 1e-4);
    assert!(once == parts);
}

#[test]
fn events_outside_the_block_and_out_of_order_do_no_harm() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    let events = [
        Happens::Value(u32::MAX, cutoff(), 0.1),
        Happens::On(90_000, 60),
        Happens::Value(5, cutoff(), 0.7),
        Happens::Value(0, host_id(1), 0.5),
        Happens::Off(1, 61),
    ];
    for frames in [FRAMES, 1, 0] {
        plug.play(frames, &events);
    }
    assert_eq!(plug.value(cutoff()).map(|v| v as f32), Some(0.7));
    plug.deactivate();
}

#[test]
fn what_comes_without_frames_or_an_output_is_heard_in_the_next_block() {
    let events = [
        Happens::On(0, 57),
        Happens::Value(0, cutoff(), 0.9),
        Happens::Off(0, 57),
        Happens::On(0, 64),
        Happens::On(0, 57),
    ];
    let played = |alone: &dyn Fn(&Plug, &Happens)| {
        let plug = Plug::with(SYNTH);
        plug.activate(48_000.0, FRAMES);
        events.iter().for_each(|event| alone(&plug, event));
        let own = [Happens::Off(0, 57), Happens::On(70, 69)];
        let sound = plug.play(FRAMES, &own);
        (sound, plug.play(FRAMES, &[Happens::Off(9, 64)]))
    };
    let at_once = {
        let plug = Plug::with(SYNTH);
        plug.activate(48_000.0, FRAMES);
        let own = [Happens::Off(0, 57), Happens::On(70, 69)];
        let sound = plug.play(FRAMES, &[&events[..], &own].concat());
        (sound, plug.play(FRAMES, &[Happens::Off(9, 64)]))
    };
    assert!(loudest(&at_once.0[0]) > 0.0);
    let without_frames = played(&|plug, event| {
        plug.process(0, &[*event], None, Some(&mut [&mut [], &mut []]));
    });
    assert_eq!(at_once, without_frames);
    let without_output = played(&|plug, event| {
        plug.process(FRAMES, &[*event], None, None);
    });
    assert_eq!(at_once, without_output);
}

#[test]
fn what_waits_is_forgotten_when_the_plugin_starts_from_silence() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    let silences: [&dyn Fn(); 3] = [
        // SAFETY: asked for as hosts do.
        &|| unsafe { ((*plug.plugin).reset.unwrap())(plug.plugin) },
        // SAFETY: asked for as hosts do.
        &|| unsafe {
            ((*plug.plugin).stop_processing.unwrap())(plug.plugin);
            assert!(((*plug.plugin).start_processing.unwrap())(plug.plugin));
        },
        &|| {
            plug.deactivate();
            plug.activate(48_000.0, FRAMES);
        },
    ];
    for silence in silences {
        plug.process(
            0,
            &[Happens::On(0, 57)],
            None,
            Some(&mut [&mut [], &mut []]),
        );
        silence();
        assert_eq!(loudest(&plug.play(FRAMES, &[])[0]), 0.0);
    }
}

#[test]
fn messages_without_meaning_and_more_notes_than_fit_do_no_harm() {
    let mut list = List::new(&vec![Happens::On(0, 57); 2 * EVENT_CAPACITY]);
    for (event, type_) in list.0.iter_mut().zip([CLAP_EVENT_MIDI_SYSEX, 999]) {
        *event = RawEvent {
            sysex: clap_event_midi_sysex {
                header: clap_event_header {
                    size: size_of::<clap_event_midi_sysex>() as u32,
                    time: 0,
                    space_id: CLAP_CORE_EVENT_SPACE_ID,
                    type_,
                    flags: 0,
                },
                port_index: 0,
                buffer: null(),
                size: 0,
            },
        };
    }
    let list = list.raw();
    let mut held = HeldNotes::new();
    for frames in [0, FRAMES as u32] {
        // SAFETY: the list is whole.
        let events = unsafe { InnerEvents::new(&list, frames, &mut held) };
        let events = events.list();
        // SAFETY: the list is whole.
        let heard = unsafe {
            (0..events.size.unwrap()(&events))
                .filter(|index| !events.get.unwrap()(&events, *index).is_null())
                .count()
        };
        let all = if frames == 0 { 0 } else { EVENT_CAPACITY };
        assert_eq!(heard, all, "blocks of {frames}");
    }
}

#[test]
fn blocks_and_buses_of_every_shape_work() {
    let plug = Plug::with(SYNTH);
    let (mut a, mut b, mut c, mut d) = (
        [0.0_f32; FRAMES],
        [0.0_f32; FRAMES],
        [0.0_f32; FRAMES],
        [0.0_f32; FRAMES],
    );
    assert_eq!(
        plug.process(64, &[], None, Some(&mut [&mut a[..], &mut b[..]])),
        CLAP_PROCESS_ERROR,
        "switched off"
    );
    for rate in [8_000.0, 44_100.0, 384_000.0] {
        for frames in [FRAMES, 1] {
            plug.activate(rate, frames);
            let events = [Happens::On(0, 60)];
            plug.process(frames, &events, None, Some(&mut [&mut a[..], &mut b[..]]));
            plug.process(0, &[], None, Some(&mut [&mut a[..], &mut b[..]]));
            plug.process(frames, &[], None, Some(&mut [&mut a[..]]));
            plug.process(frames, &[], None, None);
            plug.process(frames, &[], Some(&mut [&mut c[..]]), Some(&mut []));
            plug.process(
                frames,
                &[],
                Some(&mut [&mut c[..]]),
                Some(&mut [&mut a[..], &mut b[..], &mut d[..]]),
            );
            assert_eq!(
                plug.process(frames + 1, &[], None, Some(&mut [&mut a[..], &mut b[..]])),
                CLAP_PROCESS_ERROR,
                "more frames than announced"
            );
            assert!(loudest(&a).is_finite());
            plug.deactivate();
        }
    }
}

#[test]
fn a_mono_host_hears_the_middle_of_both_sides() {
    let stereo = Plug::with(SYNTH);
    let mono = Plug::with(SYNTH);
    stereo.activate(48_000.0, FRAMES);
    mono.activate(48_000.0, FRAMES);
    let events = [Happens::On(0, 60)];
    for _ in 0..4 {
        let [left, right] = stereo.play(FRAMES, &events);
        let mut only = [9.0; FRAMES];
        mono.process(FRAMES, &events, None, Some(&mut [&mut only[..]]));
        for ((left, right), only) in left.iter().zip(&right).zip(&only) {
            assert_eq!(0.5 * (left + right), *only);
        }
    }
}

#[test]
fn the_sidechain_stays_silent_unless_the_patch_uses_it() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    let (mut a, mut b) = ([0.0_f32; FRAMES], [0.0_f32; FRAMES]);
    let (mut c, mut d) = ([0.5_f32; FRAMES], [-0.5_f32; FRAMES]);
    for _ in 0..4 {
        let sidechain = &mut [&mut c[..], &mut d[..]];
        plug.process(
            FRAMES,
            &[],
            Some(sidechain),
            Some(&mut [&mut a[..], &mut b[..]]),
        );
        assert_eq!((loudest(&a), loudest(&b)), (0.0, 0.0));
    }
}

#[test]
fn the_effect_sends_its_input_through_the_patch() {
    let plug = Plug::new("org.weft-synth.weft-fx");
    assert!(plug.load(THROUGH.as_bytes()));
    plug.activate(48_000.0, FRAMES);
    let mut given: Vec<f32> = (0..FRAMES).map(|i| (i as f32 * 0.1).sin() * 0.5).collect();
    let mut other: Vec<f32> = given.iter().map(|x| -0.25 * x).collect();
    let wanted = [given.clone(), other.clone()];
    let (mut left, mut right) = (vec![9.0; FRAMES], vec![9.0; FRAMES]);
    // An unused slot: it cuts the block and changes nothing.
    let events = [Happens::Value(100, host_id(1023), 0.5)];
    plug.process(
        FRAMES,
        &events,
        Some(&mut [&mut given, &mut other]),
        Some(&mut [&mut left, &mut right]),
    );
    for (heard, wanted) in [left, right].iter().flatten().zip(wanted.iter().flatten()) {
        assert!((heard - wanted).abs() < 1e-6, "{heard} {wanted}");
    }
}

fn copied(size: usize, text: &str) -> Vec<u8> {
    let mut to = vec![1 as c_char; size];
    copy_text(&mut to, text);
    to.iter()
        .map(|c| *c as u8)
        .take_while(|byte| *byte != 0)
        .collect()
}

#[test]
fn text_is_cut_between_characters() {
    assert_eq!(copied(16, "Öffnung"), "Öffnung".as_bytes());
    assert_eq!(copied(4, "ÖÖ"), "Ö".as_bytes());
    assert_eq!(copied(1, "x"), b"");
    assert_eq!(copied(0, "x"), b"");
    assert_eq!(copied(16, "a\0b"), b"a");
}
