//! A block's notes, those of blocks without frames before it included.
//!
//! nice-plug loses the notes of blocks without frames, panics on some messages that Weft has no use
//! for, and allocates for more notes than it has room for. So it is shown this list instead of the
//! host's.

use std::cell::{Cell, RefCell};
use std::mem;

use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    Event, Event_::EventTypes_, IEventList, IEventListTrait,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    int32, kInvalidArgument, kResultFalse, kResultOk, tresult,
};
use nice_plug::wrapper::vst3::vst3::{Class, ComRef};

use crate::plugin::held::Held;
use crate::plugin::processor::EVENT_CAPACITY;

/// Notes of one block at most: half of all its events.
const MOST: usize = EVENT_CAPACITY / 2;

/// A type no event has: the wrapper passes over it.
const NOTHING: u16 = u16::MAX;

/// Bindings give these constants a type that differs between systems.
#[allow(clippy::unnecessary_cast)]
const HEARD: [u16; 4] = [
    EventTypes_::kNoteOnEvent as u16,
    EventTypes_::kNoteOffEvent as u16,
    EventTypes_::kPolyPressureEvent as u16,
    EventTypes_::kNoteExpressionValueEvent as u16,
];

/// The notes of the block at hand.
pub struct Notes {
    held: RefCell<Held<Event>>,
    /// The host's list while its block runs, else null.
    host: Cell<*mut IEventList>,
    /// The frames of the block at hand; 0 if its notes were held.
    frames: Cell<int32>,
}

impl Class for Notes {
    type Interfaces = (IEventList,);
}

impl Notes {
    /// With room for held notes.
    pub fn new() -> Notes {
        Notes {
            held: RefCell::new(Held::new()),
            host: Cell::new(std::ptr::null_mut()),
            frames: Cell::new(0),
        }
    }

    /// Takes a block's notes from the host, for as long as `host` lives or until [`Notes::done`]. If
    /// the block has no frames, its notes are held for the next, and none are shown.
    pub fn gather(&self, host: Option<ComRef<IEventList>>, frames: int32) {
        self.frames.set(frames.max(0));
        self.host
            .set(host.map_or(std::ptr::null_mut(), |host| host.as_ptr()));
        if let (Some(host), true) = (host, frames <= 0)
            && let Ok(mut held) = self.held.try_borrow_mut()
        {
            // SAFETY: a living list.
            let count = unsafe { host.getEventCount() };
            (0..count)
                .filter_map(|index| heard(host, index))
                .for_each(|event| held.push(event));
        }
    }

    /// Lets go of the host's list, and of the held notes if the block was heard.
    pub fn done(&self) {
        self.host.set(std::ptr::null_mut());
        if self.frames.get() > 0 {
            self.forget();
        }
    }

    /// Forgets the held notes.
    pub fn forget(&self) {
        if let Ok(mut held) = self.held.try_borrow_mut() {
            held.clear();
        }
    }

    /// How many notes are shown.
    pub fn count(&self) -> usize {
        if self.frames.get() <= 0 {
            return 0;
        }
        let held = self.held.try_borrow().map_or(0, |held| held.notes().len());
        // SAFETY: the list lives until the block is done.
        let own = unsafe { ComRef::from_raw(self.host.get()).map(|host| host.getEventCount()) };
        let own = own.and_then(|own| usize::try_from(own).ok()).unwrap_or(0);
        held.saturating_add(own).min(MOST)
    }

    fn event(&self, index: int32) -> Option<Event> {
        let index = usize::try_from(index).ok()?;
        let held = self.held.try_borrow().ok()?;
        if let Some(held) = held.notes().get(index) {
            let mut event = *held;
            event.sampleOffset = 0;
            return Some(event);
        }
        let own = int32::try_from(index - held.notes().len()).ok()?;
        // SAFETY: the list lives until the block is done.
        let host = unsafe { ComRef::from_raw(self.host.get()) }?;
        let mut event = heard(host, own)?;
        let last = self.frames.get().saturating_sub(1);
        event.sampleOffset = event.sampleOffset.min(last).max(0);
        Some(event)
    }
}

/// An event of a host's list, if it means something to Weft.
fn heard(host: ComRef<IEventList>, index: int32) -> Option<Event> {
    // SAFETY: plain data may be zero; a living list, asked as VST3 prescribes.
    unsafe {
        let mut event: Event = mem::zeroed();
        let found = host.getEvent(index, &mut event) == kResultOk;
        (found && HEARD.contains(&event.r#type)).then_some(event)
    }
}

impl IEventListTrait for Notes {
    unsafe fn getEventCount(&self) -> int32 {
        self.count() as int32
    }

    unsafe fn getEvent(&self, index: int32, to: *mut Event) -> tresult {
        if to.is_null() {
            return kInvalidArgument;
        }
        let event = self.event(index).unwrap_or_else(|| {
            // SAFETY: plain data may be zero.
            let mut nothing: Event = unsafe { mem::zeroed() };
            nothing.r#type = NOTHING;
            nothing
        });
        // SAFETY: the caller wants the answer there. The wrapper reads it whatever the result.
        unsafe { to.write(event) };
        kResultOk
    }

    unsafe fn addEvent(&self, _event: *mut Event) -> tresult {
        kResultFalse
    }
}
