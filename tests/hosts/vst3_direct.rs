//! VST3 by its bare interfaces: a host that loads states while the plugin plays, sends numbers that
//! are none, and asks what vst3-host does not.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, BusDirections_, Event as Vst3Event,
    Event_::EventTypes_, IAudioProcessor, IAudioProcessorTrait, IComponent, IComponentHandler,
    IComponentHandlerTrait, IComponentTrait, IEditController, IEditControllerTrait, IEventList,
    IEventListTrait, IMidiMapping, IMidiMappingTrait, IParamValueQueue, IParamValueQueueTrait,
    IParameterChanges, IParameterChangesTrait, IUnitInfo, IUnitInfoTrait, MediaTypes_, ParamID,
    ParameterInfo, ParameterInfo_::ParameterFlags_, ProcessContext,
    ProcessContext_::StatesAndFlags_, ProcessData, ProcessModes_, ProcessSetup, RestartFlags_,
    String128, SymbolicSampleSizes_, UnitInfo,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    IBStream, IBStreamTrait, IPluginBaseTrait, IPluginFactory, IPluginFactoryTrait, PClassInfo,
    int32, int64, kInvalidArgument, kNotImplemented, kResultFalse, kResultOk, tresult,
};
use nice_plug::wrapper::vst3::vst3::{Class, ComPtr, ComWrapper, Interface};

use crate::bundles;
use crate::host::{Audio, Do, Event, Instance, Param, Plugin, Stereo};
use crate::vst3_host::SLOTS;

/// The tempo of the song in beats per minute.
const TEMPO: f64 = 120.0;

/// MIDI's "all sound off".
const ALL_SOUND_OFF: u8 = 120;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

const RTLD_NOW: c_int = 2;

/// Bindings give these constants a type that differs between systems.
#[allow(clippy::unnecessary_cast)]
const HIDDEN: int32 = ParameterFlags_::kIsHidden as int32;
#[allow(clippy::unnecessary_cast)]
const RELOAD: int32 = RestartFlags_::kReloadComponent as int32;
#[allow(clippy::unnecessary_cast)]
const RENAMED: int32 =
    RestartFlags_::kParamTitlesChanged as int32 | RestartFlags_::kParamValuesChanged as int32;

/// A factory that stays loaded.
struct Factory(ComPtr<IPluginFactory>);

// SAFETY: the plugin's factory only reads what never changes.
unsafe impl Send for Factory {}
// SAFETY: as above.
unsafe impl Sync for Factory {}

fn factory() -> &'static ComPtr<IPluginFactory> {
    static FACTORY: OnceLock<Factory> = OnceLock::new();
    let factory = FACTORY.get_or_init(|| {
        let path = bundles::vst3_library();
        let path = CString::new(path.as_os_str().as_bytes()).expect("a path without zeros");
        // SAFETY: the library is the VST3 under test, its entry points are called as VST3 prescribes,
        // and it is never unloaded.
        unsafe {
            let library = dlopen(path.as_ptr(), RTLD_NOW);
            assert!(!library.is_null(), "{path:?} does not load");
            let symbol = |name: &CStr| {
                let symbol = dlsym(library, name.as_ptr());
                assert!(!symbol.is_null(), "the VST3 has no {name:?}");
                symbol
            };
            if cfg!(target_os = "linux") {
                let entry: unsafe extern "C" fn(*mut c_void) -> bool =
                    std::mem::transmute(symbol(c"ModuleEntry"));
                assert!(entry(library));
            }
            let get: unsafe extern "system" fn() -> *mut IPluginFactory =
                std::mem::transmute(symbol(c"GetPluginFactory"));
            Factory(ComPtr::from_raw(get()).expect("a VST3 has a factory"))
        }
    });
    &factory.0
}

/// Where the plugin tells what changed.
struct Handler(AtomicI32);

impl Class for Handler {
    type Interfaces = (IComponentHandler,);
}

impl IComponentHandlerTrait for Handler {
    unsafe fn beginEdit(&self, _id: ParamID) -> tresult {
        kResultOk
    }

    unsafe fn performEdit(&self, _id: ParamID, _value: f64) -> tresult {
        kResultOk
    }

    unsafe fn endEdit(&self, _id: ParamID) -> tresult {
        kResultOk
    }

    unsafe fn restartComponent(&self, flags: int32) -> tresult {
        self.0.fetch_or(flags, Ordering::SeqCst);
        kResultOk
    }
}

/// A state on its way in or out.
#[derive(Default)]
struct Stream(RefCell<(Vec<u8>, usize)>);

impl Class for Stream {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Stream {
    unsafe fn read(&self, to: *mut c_void, count: int32, done: *mut int32) -> tresult {
        let mut stream = self.0.borrow_mut();
        let (bytes, position) = &mut *stream;
        let count = usize::try_from(count)
            .unwrap_or(0)
            .min(bytes.len() - *position);
        // SAFETY: the caller offers room for its count, and a place for the answer or none.
        unsafe {
            to.cast::<u8>()
                .copy_from_nonoverlapping(bytes[*position..].as_ptr(), count);
            if let Some(done) = done.as_mut() {
                *done = count as int32;
            }
        }
        *position += count;
        kResultOk
    }

    unsafe fn write(&self, from: *mut c_void, count: int32, done: *mut int32) -> tresult {
        let Ok(length) = usize::try_from(count) else {
            return kInvalidArgument;
        };
        // SAFETY: the caller offers its count of bytes, and a place for the answer or none.
        unsafe {
            let given = std::slice::from_raw_parts(from.cast::<u8>(), length);
            self.0.borrow_mut().0.extend_from_slice(given);
            if let Some(done) = done.as_mut() {
                *done = count;
            }
        }
        kResultOk
    }

    unsafe fn seek(&self, _position: int64, _mode: int32, _result: *mut int64) -> tresult {
        kNotImplemented
    }

    unsafe fn tell(&self, _position: *mut int64) -> tresult {
        kNotImplemented
    }
}

/// One parameter's points, as given: neither sorted nor inside the block.
struct Points(ParamID, RefCell<Vec<(int32, f64)>>);

impl Class for Points {
    type Interfaces = (IParamValueQueue,);
}

impl IParamValueQueueTrait for Points {
    unsafe fn getParameterId(&self) -> ParamID {
        self.0
    }

    unsafe fn getPointCount(&self) -> int32 {
        self.1.borrow().len() as int32
    }

    unsafe fn getPoint(&self, index: int32, frame: *mut int32, value: *mut f64) -> tresult {
        match self.1.borrow().get(index as usize) {
            Some(point) => {
                // SAFETY: the caller wants the answers there.
                unsafe {
                    frame.write(point.0);
                    value.write(point.1);
                }
                kResultOk
            }
            None => kInvalidArgument,
        }
    }

    unsafe fn addPoint(&self, _frame: int32, _value: f64, _index: *mut int32) -> tresult {
        kResultFalse
    }
}

#[derive(Default)]
struct Changes(RefCell<Vec<(ComWrapper<Points>, ComPtr<IParamValueQueue>)>>);

impl Class for Changes {
    type Interfaces = (IParameterChanges,);
}

impl Changes {
    fn add(&self, id: ParamID, frame: u32, value: f64) {
        let mut queues = self.0.borrow_mut();
        let point = (frame as int32, value);
        if let Some((queue, _)) = queues.iter().find(|(queue, _)| queue.0 == id) {
            queue.1.borrow_mut().push(point);
            return;
        }
        let queue = ComWrapper::new(Points(id, RefCell::new(vec![point])));
        let shown = queue.to_com_ptr().expect("it is a queue");
        queues.push((queue, shown));
    }
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> int32 {
        self.0.borrow().len() as int32
    }

    unsafe fn getParameterData(&self, index: int32) -> *mut IParamValueQueue {
        let queues = self.0.borrow();
        queues
            .get(index as usize)
            .map_or(null_mut(), |(_, queue)| queue.as_ptr())
    }

    unsafe fn addParameterData(
        &self,
        _id: *const ParamID,
        _index: *mut int32,
    ) -> *mut IParamValueQueue {
        null_mut()
    }
}

#[derive(Default)]
struct Notes(RefCell<Vec<Vst3Event>>);

impl Class for Notes {
    type Interfaces = (IEventList,);
}

impl IEventListTrait for Notes {
    unsafe fn getEventCount(&self) -> int32 {
        self.0.borrow().len() as int32
    }

    unsafe fn getEvent(&self, index: int32, event: *mut Vst3Event) -> tresult {
        match self.0.borrow().get(index as usize) {
            Some(found) => {
                // SAFETY: the caller wants the answer there.
                unsafe { event.write(*found) };
                kResultOk
            }
            None => kInvalidArgument,
        }
    }

    unsafe fn addEvent(&self, _event: *mut Vst3Event) -> tresult {
        kResultFalse
    }
}

fn vst3_event(frame: u32, key: u8, velocity: Option<f32>) -> Vst3Event {
    // SAFETY: zero is a value of every field.
    let mut event: Vst3Event = unsafe { std::mem::zeroed() };
    event.sampleOffset = frame as int32;
    match velocity {
        Some(velocity) => {
            event.r#type = EventTypes_::kNoteOnEvent as u16;
            event.__field0.noteOn.pitch = key.into();
            event.__field0.noteOn.velocity = velocity;
            event.__field0.noteOn.noteId = -1;
        }
        None => {
            event.r#type = EventTypes_::kNoteOffEvent as u16;
            event.__field0.noteOff.pitch = key.into();
            event.__field0.noteOff.noteId = -1;
        }
    }
    event
}

struct DirectAudio {
    processor: ComPtr<IAudioProcessor>,
    /// The parameters of MIDI's controllers on the first channel.
    controllers: Vec<Option<ParamID>>,
    rate: f64,
    song_runs: bool,
    song_frame: i64,
}

// SAFETY: VST3 allows a processor's `process` on a thread of its own.
unsafe impl Send for DirectAudio {}

impl Audio for DirectAudio {
    fn process(&mut self, input: &Stereo, output: &mut Stereo, events: &[Event]) -> bool {
        let (changes, notes) = (
            ComWrapper::new(Changes::default()),
            ComWrapper::new(Notes::default()),
        );
        for Event { frame, what } in events {
            let control = |number: u8, value: u8| {
                if let Some(Some(id)) = self.controllers.get(usize::from(number)) {
                    changes.add(*id, *frame, f64::from(value) / 127.0);
                }
            };
            match *what {
                Do::On { key, velocity } => {
                    let event = vst3_event(*frame, key, Some(velocity));
                    notes.0.borrow_mut().push(event);
                }
                Do::Off { key } => notes.0.borrow_mut().push(vst3_event(*frame, key, None)),
                Do::Choke { .. } => control(ALL_SOUND_OFF, 127),
                Do::Control { number, value } => control(number, value),
                Do::Set { id, value } => changes.add(id, *frame, value),
            }
        }
        let frames = input[0].len();
        let mut input = input.clone();
        let mut channels = [&mut input, output].map(|sides| sides.each_mut().map(Vec::as_mut_ptr));
        let [mut input, mut output] = channels.each_mut().map(|channels| AudioBusBuffers {
            numChannels: 2,
            silenceFlags: 0,
            __field0: AudioBusBuffers__type0 {
                channelBuffers32: channels.as_mut_ptr(),
            },
        });
        // SAFETY: zero is a value of every field.
        let mut context: ProcessContext = unsafe { std::mem::zeroed() };
        context.state = StatesAndFlags_::kTempoValid
            | StatesAndFlags_::kProjectTimeMusicValid
            | StatesAndFlags_::kContTimeValid;
        if self.song_runs {
            context.state |= StatesAndFlags_::kPlaying;
        }
        context.sampleRate = self.rate;
        context.projectTimeSamples = self.song_frame;
        context.projectTimeMusic = self.song_frame as f64 / self.rate * TEMPO / 60.0;
        context.tempo = TEMPO;
        let changes = changes.to_com_ptr::<IParameterChanges>().expect("changes");
        let notes = notes.to_com_ptr::<IEventList>().expect("notes");
        let mut data = ProcessData {
            processMode: ProcessModes_::kRealtime as int32,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as int32,
            numSamples: frames as int32,
            numInputs: 1,
            numOutputs: 1,
            inputs: &mut input,
            outputs: &mut output,
            inputParameterChanges: changes.as_ptr(),
            outputParameterChanges: null_mut(),
            inputEvents: notes.as_ptr(),
            outputEvents: null_mut(),
            processContext: &mut context,
        };
        if self.song_runs {
            self.song_frame += frames as i64;
        }
        // SAFETY: everything the block points to lives until the call ends.
        unsafe { self.processor.process(&mut data) == kResultOk }
    }
}

/// Switches an instance on and off, from any thread: some hosts do not keep to one.
pub struct Switch {
    component: ComPtr<IComponent>,
    processor: ComPtr<IAudioProcessor>,
}

// SAFETY: the plugin under test claims to bear these calls from any thread.
unsafe impl Send for Switch {}
// SAFETY: as above.
unsafe impl Sync for Switch {}

impl Switch {
    /// For a sample rate in hertz and blocks of at most `most` frames. It must be off.
    pub fn on(&self, rate: f64, most: usize) {
        let mut setup = ProcessSetup {
            processMode: ProcessModes_::kRealtime as int32,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as int32,
            maxSamplesPerBlock: most as int32,
            sampleRate: rate,
        };
        // SAFETY: calls in the order VST3 prescribes.
        unsafe {
            assert_eq!(self.processor.setupProcessing(&mut setup), kResultOk);
            for direction in [BusDirections_::kInput, BusDirections_::kOutput] {
                let audio = MediaTypes_::kAudio as int32;
                self.component.activateBus(audio, direction as int32, 0, 1);
            }
            assert_eq!(self.component.setActive(1), kResultOk);
            self.processor.setProcessing(1);
        }
    }

    pub fn off(&self) {
        // SAFETY: calls in the order VST3 prescribes.
        unsafe {
            self.processor.setProcessing(0);
            assert_eq!(self.component.setActive(0), kResultOk);
        }
    }
}

pub struct DirectInstance {
    audio: Option<Box<DirectAudio>>,
    component: ComPtr<IComponent>,
    processor: ComPtr<IAudioProcessor>,
    controller: ComPtr<IEditController>,
    handler: ComWrapper<Handler>,
    active: bool,
    song_runs: bool,
}

fn text(text: &String128) -> String {
    let end = text.iter().position(|unit| *unit == 0).expect("it ends");
    String::from_utf16(&text[..end]).expect("names are UTF-16")
}

impl DirectInstance {
    pub fn open(plugin: Plugin) -> DirectInstance {
        let name = match plugin {
            Plugin::Weft => c"Weft",
            Plugin::WeftFx => c"Weft FX",
        };
        let factory = factory();
        // SAFETY: calls as VST3 prescribes them, with places for the answers.
        unsafe {
            let class = (0..factory.countClasses())
                .filter_map(|index| {
                    let mut class: PClassInfo = std::mem::zeroed();
                    (factory.getClassInfo(index, &mut class) == kResultOk).then_some(class)
                })
                .find(|class| CStr::from_ptr(class.name.as_ptr()) == name)
                .unwrap_or_else(|| panic!("the VST3 lists no {name:?}"));
            let mut object = null_mut();
            let interface = IComponent::IID;
            factory.createInstance(class.cid.as_ptr(), interface.as_ptr().cast(), &mut object);
            let component = ComPtr::<IComponent>::from_raw(object.cast()).expect("it can be made");
            assert_eq!(component.initialize(null_mut()), kResultOk);
            let processor = component.cast::<IAudioProcessor>().expect("it plays");
            let controller = component.cast::<IEditController>().expect("it has knobs");
            let handler = ComWrapper::new(Handler(AtomicI32::new(0)));
            let shown = handler.to_com_ptr::<IComponentHandler>().expect("handler");
            assert_eq!(controller.setComponentHandler(shown.as_ptr()), kResultOk);
            DirectInstance {
                audio: None,
                component,
                processor,
                controller,
                handler,
                active: false,
                song_runs: false,
            }
        }
    }

    fn controllers(&self) -> Vec<Option<ParamID>> {
        let mapping = self
            .component
            .cast::<IMidiMapping>()
            .expect("it hears MIDI");
        (0..128)
            .map(|number| {
                let mut id = 0;
                // SAFETY: a place for the answer.
                let found = unsafe { mapping.getMidiControllerAssignment(0, 0, number, &mut id) };
                (found == kResultOk).then_some(id)
            })
            .collect()
    }

    /// Its switch, for another thread too.
    pub fn switch(&self) -> Switch {
        Switch {
            component: self.component.clone(),
            processor: self.processor.clone(),
        }
    }

    /// The names of all units by their ids.
    fn units(&self) -> Vec<(i32, String)> {
        let units = self.controller.cast::<IUnitInfo>().expect("it has units");
        // SAFETY: calls as VST3 prescribes them, with places for the answers.
        unsafe {
            (0..units.getUnitCount())
                .map(|index| {
                    let mut unit: UnitInfo = std::mem::zeroed();
                    assert_eq!(units.getUnitInfo(index, &mut unit), kResultOk);
                    (unit.id, text(&unit.name))
                })
                .collect()
        }
    }

    /// What the plugin says of the parameter with an index; `None` if it refuses.
    pub fn describe(&self, index: i32) -> Option<ParameterInfo> {
        // SAFETY: a place for the answer.
        unsafe {
            let mut info: ParameterInfo = std::mem::zeroed();
            (self.controller.getParameterInfo(index, &mut info) == kResultOk).then_some(info)
        }
    }

    /// Turns a knob from the main thread; whether the plugin takes it.
    pub fn set_from_main(&self, id: u32, value: f64) -> bool {
        // SAFETY: numbers only.
        unsafe { self.controller.setParamNormalized(id, value) == kResultOk }
    }
}

impl Instance for DirectInstance {
    fn activate(&mut self, rate: f64, most: usize) {
        self.deactivate();
        self.switch().on(rate, most);
        self.active = true;
        self.audio = Some(Box::new(DirectAudio {
            processor: self.processor.clone(),
            controllers: self.controllers(),
            rate,
            song_runs: self.song_runs,
            song_frame: 0,
        }));
    }

    fn deactivate(&mut self) {
        self.audio = None;
        if std::mem::take(&mut self.active) {
            self.switch().off();
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

    fn load(&mut self, state: &[u8]) -> bool {
        let stream = ComWrapper::new(Stream(RefCell::new((state.to_vec(), 0))));
        let stream = stream.to_com_ptr::<IBStream>().expect("a stream");
        // SAFETY: the stream lives until the call ends.
        unsafe { self.component.setState(stream.as_ptr()) == kResultOk }
    }

    fn save(&mut self) -> Vec<u8> {
        let stream = ComWrapper::new(Stream::default());
        let shown = stream.to_com_ptr::<IBStream>().expect("a stream");
        // SAFETY: the stream lives until the call ends.
        let saved = unsafe { self.component.getState(shown.as_ptr()) };
        assert_eq!(saved, kResultOk, "it saves its state");
        stream.0.take().0
    }

    fn param_count(&mut self) -> usize {
        // SAFETY: a call without arguments.
        unsafe { self.controller.getParameterCount() as usize }
    }

    fn params(&mut self) -> Vec<Param> {
        let units = self.units();
        (0..SLOTS as i32)
            .map(|index| {
                let info = self.describe(index);
                let info = info.expect("every parameter below the count is described");
                let unit = units.iter().find(|(id, _)| *id == info.unitId);
                let (id, module) = unit.expect("a parameter's unit exists");
                Param {
                    id: info.id,
                    name: text(&info.title),
                    // The root stands for no module.
                    module: Some(if *id == 0 {
                        String::new()
                    } else {
                        module.clone()
                    }),
                    unit: text(&info.units),
                    steps: Some(info.stepCount),
                    default: info.defaultNormalizedValue,
                    hidden: info.flags & HIDDEN != 0,
                }
            })
            .collect()
    }

    fn value(&mut self, id: u32) -> Option<f64> {
        // SAFETY: a number.
        Some(unsafe { self.controller.getParamNormalized(id) })
    }

    fn text(&mut self, param: &Param, value: f64) -> Option<String> {
        let mut shown: String128 = [0; 128];
        // SAFETY: a place for the answer.
        let result = unsafe {
            self.controller
                .getParamStringByValue(param.id, value, &mut shown)
        };
        let shown = (result == kResultOk).then(|| text(&shown))?;
        Some(format!("{shown} {}", param.unit).trim_end().to_owned())
    }

    fn parse(&mut self, id: u32, text: &str) -> Option<f64> {
        let mut text: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let mut value = f64::NAN;
        // SAFETY: a string that ends, and a place for the answer.
        let result = unsafe {
            self.controller
                .getParamValueByString(id, text.as_mut_ptr(), &mut value)
        };
        (result == kResultOk).then_some(value)
    }

    fn was_renamed(&mut self) -> bool {
        let flags = self.handler.0.swap(0, Ordering::SeqCst);
        assert_eq!(
            flags & RELOAD,
            0,
            "loading a patch is no reason to make the plugin anew"
        );
        flags & RENAMED == RENAMED
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

impl Drop for DirectInstance {
    fn drop(&mut self) {
        self.deactivate();
        // SAFETY: the last calls, in the order VST3 prescribes.
        unsafe {
            self.controller.setComponentHandler(null_mut());
            self.component.terminate();
        }
    }
}
