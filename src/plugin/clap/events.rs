//! Host events brought into their block.
//!
//! nice-plug cuts the block at each parameter change without asking whether its frame lies inside,
//! so an event outside the block, or out of order, would make it write past the host's buffers.

use std::cell::{Cell, UnsafeCell};
use std::ptr::{from_ref, null};

use clap_sys::events::{
    CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_TRANSPORT, clap_event_header, clap_input_events,
};

/// Room for one event that must be changed; the longest in CLAP has 96 bytes.
const ROOM: usize = 256;

/// A host's list of events, read with every event's frame in its block and in order.
pub struct InnerEvents {
    host: *const clap_input_events,
    last_frame: u32,
    latest: Cell<u32>,
    changed: UnsafeCell<[u64; ROOM / 8]>,
}

impl InnerEvents {
    /// Events for a block of `frames`.
    pub fn new(host: *const clap_input_events, frames: u32) -> InnerEvents {
        InnerEvents {
            host,
            last_frame: frames.saturating_sub(1),
            latest: Cell::new(0),
            changed: UnsafeCell::new([0; _]),
        }
    }

    /// The list as CLAP describes one. It reads from `self`.
    pub fn list(&self) -> clap_input_events {
        clap_input_events {
            ctx: from_ref(self).cast_mut().cast(),
            size: Some(size),
            get: Some(get),
        }
    }
}

unsafe extern "C" fn size(list: *const clap_input_events) -> u32 {
    // SAFETY: the list comes from `InnerEvents::list`, whose host list is null or whole.
    unsafe {
        let this = &*(*list).ctx.cast::<InnerEvents>();
        match this.host.as_ref().and_then(|host| host.size) {
            Some(size) => size(this.host),
            None => 0,
        }
    }
}

unsafe extern "C" fn get(list: *const clap_input_events, index: u32) -> *const clap_event_header {
    // SAFETY: the list comes from `InnerEvents::list`, whose host list is null or whole; the events
    // in it stay until the host's call ends.
    unsafe {
        let this = &*(*list).ctx.cast::<InnerEvents>();
        let Some(get) = this.host.as_ref().and_then(|host| host.get) else {
            return null();
        };
        let event = get(this.host, index);
        let Some(header) = event.as_ref() else {
            return null();
        };
        let time = header.time.max(this.latest.get()).min(this.last_frame);
        this.latest.set(time);
        if time == header.time {
            return event;
        }
        // The wrapper keeps a transport until the block's end, longer than the copy lives.
        let transport =
            header.space_id == CLAP_CORE_EVENT_SPACE_ID && header.type_ == CLAP_EVENT_TRANSPORT;
        let size = header.size as usize;
        if transport || !(size_of::<clap_event_header>()..=ROOM).contains(&size) {
            return null();
        }
        let changed = this.changed.get().cast::<u8>();
        event.cast::<u8>().copy_to_nonoverlapping(changed, size);
        let changed = changed.cast::<clap_event_header>();
        (*changed).time = time;
        changed
    }
}
