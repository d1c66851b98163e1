//! A host's objects for the tests.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};
use std::slice;

use clap_sys::events::{
    CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_NOTE_OFF, CLAP_EVENT_NOTE_ON, CLAP_EVENT_PARAM_VALUE,
    clap_event_header, clap_event_midi_sysex, clap_event_note, clap_event_param_value,
    clap_input_events,
};
use clap_sys::ext::params::{CLAP_EXT_PARAMS, clap_host_params};
use clap_sys::host::clap_host;
use clap_sys::stream::{clap_istream, clap_ostream};
use clap_sys::version::CLAP_VERSION;

/// A host that remembers what it was told to read again.
pub struct Host {
    pub raw: clap_host,
    pub rescans: RefCell<Vec<u32>>,
}

impl Host {
    pub fn new() -> Box<Host> {
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
pub enum Happens {
    Value(u32, u32, f64),
    On(u32, i16),
    Off(u32, i16),
}

#[repr(C)]
pub union RawEvent {
    header: clap_event_header,
    value: clap_event_param_value,
    note: clap_event_note,
    pub sysex: clap_event_midi_sysex,
}

pub struct List(pub Vec<RawEvent>);

impl List {
    pub fn new(events: &[Happens]) -> List {
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

    pub fn raw(&self) -> clap_input_events {
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

pub unsafe extern "C" fn read_slice(
    stream: *const clap_istream,
    to: *mut c_void,
    size: u64,
) -> i64 {
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

pub unsafe extern "C" fn write_vec(
    stream: *const clap_ostream,
    from: *const c_void,
    size: u64,
) -> i64 {
    // SAFETY: `Plug::save` passes a vector that outlives the stream.
    unsafe {
        let to = &mut *(*stream).ctx.cast::<Vec<u8>>();
        let count = (size as usize).min(100);
        to.extend_from_slice(slice::from_raw_parts(from.cast(), count));
        count as i64
    }
}
