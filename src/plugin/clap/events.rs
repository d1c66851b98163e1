//! Host events brought into their block.
//!
//! nice-plug cuts the block at each parameter change without asking whether its frame lies inside,
//! so an event outside the block, or out of order, would make it write past the host's buffers. It
//! loses the notes of blocks without frames, panics on some messages that Weft has no use for, and
//! allocates for more notes than it has room for.

use std::cell::{Cell, UnsafeCell};
use std::ptr::{from_ref, null};

use clap_sys::events::{
    CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_MIDI, CLAP_EVENT_NOTE_CHOKE, CLAP_EVENT_NOTE_EXPRESSION,
    CLAP_EVENT_NOTE_OFF, CLAP_EVENT_NOTE_ON, CLAP_EVENT_PARAM_MOD, CLAP_EVENT_PARAM_VALUE,
    CLAP_EVENT_TRANSPORT, clap_event_header, clap_event_midi, clap_event_note,
    clap_event_note_expression, clap_event_param_mod, clap_event_param_value, clap_event_transport,
    clap_input_events,
};

use crate::plugin::held::Held;
use crate::plugin::processor::EVENT_CAPACITY;

/// Room for a copy of one event that is no transport.
type Copied = [u64; 8];

const _: () = {
    assert!(size_of::<clap_event_param_value>() <= size_of::<Copied>());
    assert!(size_of::<clap_event_param_mod>() <= size_of::<Copied>());
    assert!(size_of::<clap_event_note>() <= size_of::<Copied>());
    assert!(size_of::<clap_event_note_expression>() <= size_of::<Copied>());
    assert!(size_of::<clap_event_midi>() <= size_of::<Copied>());
};

/// Notes and MIDI of blocks without frames.
pub type HeldNotes = Held<Copied>;

/// What an event means to Weft.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Param,
    Transport,
    /// A note, an expression of one, or a MIDI message.
    Note,
}

/// An event's sort and the size of its structure, which its type prescribes; `None` if Weft has no use
/// for it.
fn sort_of(header: &clap_event_header) -> Option<(Sort, usize)> {
    if header.space_id != CLAP_CORE_EVENT_SPACE_ID {
        return None;
    }
    Some(match header.type_ {
        CLAP_EVENT_PARAM_VALUE => (Sort::Param, size_of::<clap_event_param_value>()),
        CLAP_EVENT_PARAM_MOD => (Sort::Param, size_of::<clap_event_param_mod>()),
        CLAP_EVENT_TRANSPORT => (Sort::Transport, size_of::<clap_event_transport>()),
        CLAP_EVENT_NOTE_ON | CLAP_EVENT_NOTE_OFF | CLAP_EVENT_NOTE_CHOKE => {
            (Sort::Note, size_of::<clap_event_note>())
        }
        CLAP_EVENT_NOTE_EXPRESSION => (Sort::Note, size_of::<clap_event_note_expression>()),
        CLAP_EVENT_MIDI => (Sort::Note, size_of::<clap_event_midi>()),
        _ => return None,
    })
}

/// A copy of an event that happens at another frame.
///
/// # Safety
/// The event must hold `size` bytes, no more than a copy has, and begin with its header.
unsafe fn copy_at(event: *const clap_event_header, size: usize, frame: u32) -> Copied {
    let mut copy = Copied::default();
    let bytes = (&raw mut copy).cast::<u8>();
    // SAFETY: both places hold `size` bytes, and the copy is aligned as an event must be.
    unsafe {
        event.cast::<u8>().copy_to_nonoverlapping(bytes, size);
        (*bytes.cast::<clap_event_header>()).time = frame;
    }
    copy
}

/// A host's list of events, read with every event's frame in its block and in order. Held notes come
/// first.
pub struct InnerEvents<'a> {
    host: *const clap_input_events,
    held: &'a [Copied],
    /// The block has no frames, and its notes were held.
    without_notes: bool,
    last_frame: u32,
    latest: Cell<u32>,
    notes: Cell<usize>,
    changed: UnsafeCell<Copied>,
}

impl InnerEvents<'_> {
    /// Events for a block of `frames`, of which the plugin will hear nothing if they are 0: then its
    /// notes join those that are held. Otherwise the caller clears these after the block.
    ///
    /// # Safety
    /// The host's list must be null or whole.
    pub unsafe fn new(
        host: *const clap_input_events,
        frames: u32,
        held: &mut HeldNotes,
    ) -> InnerEvents<'_> {
        if frames == 0 {
            // SAFETY: as this function demands.
            unsafe { hold(host, held) };
        }
        InnerEvents {
            host,
            held: if frames == 0 { &[] } else { held.notes() },
            without_notes: frames == 0,
            last_frame: frames.saturating_sub(1),
            latest: Cell::new(0),
            notes: Cell::new(0),
            changed: UnsafeCell::default(),
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

/// Holds the notes of a list.
///
/// # Safety
/// The list must be null or whole.
unsafe fn hold(list: *const clap_input_events, held: &mut HeldNotes) {
    // SAFETY: as this function demands; an event has the structure of its type.
    unsafe {
        let Some((Some(size), Some(get))) = list.as_ref().map(|list| (list.size, list.get)) else {
            return;
        };
        for index in 0..size(list) {
            let event = get(list, index);
            if let Some((Sort::Note, size)) = event.as_ref().and_then(sort_of) {
                held.push(copy_at(event, size, 0));
            }
        }
    }
}

unsafe extern "C" fn size(list: *const clap_input_events) -> u32 {
    // SAFETY: the list comes from `InnerEvents::list`, whose host list is null or whole.
    unsafe {
        let this = &*(*list).ctx.cast::<InnerEvents>();
        let own = match this.host.as_ref().and_then(|host| host.size) {
            Some(size) => size(this.host),
            None => 0,
        };
        own.saturating_add(this.held.len() as u32)
    }
}

unsafe extern "C" fn get(list: *const clap_input_events, index: u32) -> *const clap_event_header {
    // SAFETY: the list comes from `InnerEvents::list`, whose host list is null or whole; the events
    // in it stay until the host's call ends and have the structures of their types.
    unsafe {
        let this = &*(*list).ctx.cast::<InnerEvents>();
        let event = match index.checked_sub(this.held.len() as u32) {
            None => from_ref(&this.held[index as usize]).cast(),
            Some(own) => match this.host.as_ref().and_then(|host| host.get) {
                Some(get) => get(this.host, own),
                None => null(),
            },
        };
        let Some(header) = event.as_ref() else {
            return null();
        };
        let Some((sort, size)) = sort_of(header) else {
            return null();
        };
        if sort == Sort::Note {
            // The wrapper asks once for each note: it comes back only to what cuts the block.
            let notes = this.notes.replace(this.notes.get().saturating_add(1));
            if this.without_notes || notes >= EVENT_CAPACITY {
                return null();
            }
        }
        let time = header.time.max(this.latest.get()).min(this.last_frame);
        this.latest.set(time);
        if time == header.time {
            return event;
        }
        // The wrapper keeps a transport until the block's end, longer than the copy lives.
        if sort == Sort::Transport {
            return null();
        }
        let changed = this.changed.get();
        *changed = copy_at(event, size, time);
        changed.cast()
    }
}
