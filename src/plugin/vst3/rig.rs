//! A host's objects for the tests.

use std::cell::RefCell;
use std::ffi::c_void;

use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    Event, Event_::EventTypes_, IComponentHandler, IComponentHandlerTrait, IEventList,
    IEventListTrait, IParamValueQueue, IParamValueQueueTrait, IParameterChanges,
    IParameterChangesTrait, ParamID, ParamValue,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    IBStream, IBStreamTrait, int32, int64, kInvalidArgument, kResultFalse, kResultOk, tresult,
};
use nice_plug::wrapper::vst3::vst3::{Class, ComPtr, ComWrapper};

/// A block's automation: for each parameter its points.
pub struct HostChanges(Vec<ComPtr<IParamValueQueue>>);

struct HostQueue(ParamID, Vec<(int32, f64)>);

impl HostChanges {
    pub fn new(queues: &[(ParamID, Vec<(int32, f64)>)]) -> ComWrapper<HostChanges> {
        let queues = queues.iter().map(|(id, points)| {
            let queue = ComWrapper::new(HostQueue(*id, points.clone()));
            queue.to_com_ptr().expect("the class has this interface")
        });
        ComWrapper::new(HostChanges(queues.collect()))
    }
}

impl Class for HostChanges {
    type Interfaces = (IParameterChanges,);
}

impl Class for HostQueue {
    type Interfaces = (IParamValueQueue,);
}

impl IParameterChangesTrait for HostChanges {
    unsafe fn getParameterCount(&self) -> int32 {
        self.0.len() as int32
    }
    unsafe fn getParameterData(&self, index: int32) -> *mut IParamValueQueue {
        self.0[index as usize].as_ptr()
    }
    unsafe fn addParameterData(&self, _: *const ParamID, _: *mut int32) -> *mut IParamValueQueue {
        std::ptr::null_mut()
    }
}

impl IParamValueQueueTrait for HostQueue {
    unsafe fn getParameterId(&self) -> ParamID {
        self.0
    }
    unsafe fn getPointCount(&self) -> int32 {
        self.1.len() as int32
    }
    unsafe fn getPoint(&self, index: int32, frame: *mut int32, value: *mut ParamValue) -> tresult {
        let point = self.1[index as usize];
        // SAFETY: the code under test passes places for the answers.
        unsafe {
            *frame = point.0;
            *value = point.1;
        }
        kResultOk
    }
    unsafe fn addPoint(&self, _: int32, _: ParamValue, _: *mut int32) -> tresult {
        kInvalidArgument
    }
}

/// A block's notes: frame, key and whether it goes down.
pub struct HostNotes(pub Vec<(int32, i16, bool)>);

impl Class for HostNotes {
    type Interfaces = (IEventList,);
}

impl IEventListTrait for HostNotes {
    unsafe fn getEventCount(&self) -> int32 {
        self.0.len() as int32
    }
    unsafe fn getEvent(&self, index: int32, to: *mut Event) -> tresult {
        let (frame, key, down) = self.0[index as usize];
        // SAFETY: plain data may be zero, and the code under test passes a place for the answer.
        unsafe {
            let mut event: Event = std::mem::zeroed();
            event.sampleOffset = frame;
            if down {
                event.r#type = EventTypes_::kNoteOnEvent as u16;
                event.__field0.noteOn.pitch = key;
                event.__field0.noteOn.velocity = 0.8;
                event.__field0.noteOn.noteId = -1;
            } else {
                event.r#type = EventTypes_::kNoteOffEvent as u16;
                event.__field0.noteOff.pitch = key;
                event.__field0.noteOff.noteId = -1;
            }
            *to = event;
        }
        kResultOk
    }
    unsafe fn addEvent(&self, _: *mut Event) -> tresult {
        kResultFalse
    }
}

/// Bytes as a stream that gives and takes at most 100 at once.
#[derive(Default)]
pub struct Stream {
    pub bytes: RefCell<Vec<u8>>,
    at: RefCell<usize>,
}

impl Stream {
    pub fn of(bytes: &[u8]) -> ComWrapper<Stream> {
        ComWrapper::new(Stream {
            bytes: RefCell::new(bytes.to_vec()),
            at: RefCell::default(),
        })
    }
}

impl Class for Stream {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Stream {
    unsafe fn read(&self, to: *mut c_void, count: int32, done: *mut int32) -> tresult {
        let bytes = self.bytes.borrow();
        let mut at = self.at.borrow_mut();
        let count = (count as usize).min(100).min(bytes.len() - *at);
        // SAFETY: the code under test passes room for `count` bytes and a place for the answer.
        unsafe {
            bytes[*at..]
                .as_ptr()
                .copy_to_nonoverlapping(to.cast(), count);
            *done = count as int32;
        }
        *at += count;
        if count > 0 { kResultOk } else { kResultFalse }
    }
    unsafe fn write(&self, from: *mut c_void, count: int32, done: *mut int32) -> tresult {
        let count = (count as usize).min(100);
        // SAFETY: the code under test passes `count` bytes and a place for the answer.
        unsafe {
            let from = std::slice::from_raw_parts(from.cast::<u8>(), count);
            self.bytes.borrow_mut().extend_from_slice(from);
            *done = count as int32;
        }
        kResultOk
    }
    unsafe fn seek(&self, _: int64, _: int32, _: *mut int64) -> tresult {
        kResultFalse
    }
    unsafe fn tell(&self, _: *mut int64) -> tresult {
        kResultFalse
    }
}

/// Remembers what the host was told to read again.
#[derive(Default)]
pub struct Handler(pub RefCell<Vec<int32>>);

impl Class for Handler {
    type Interfaces = (IComponentHandler,);
}

impl IComponentHandlerTrait for Handler {
    unsafe fn beginEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }
    unsafe fn performEdit(&self, _: ParamID, _: ParamValue) -> tresult {
        kResultOk
    }
    unsafe fn endEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }
    unsafe fn restartComponent(&self, flags: int32) -> tresult {
        self.0.borrow_mut().push(flags);
        kResultOk
    }
}
