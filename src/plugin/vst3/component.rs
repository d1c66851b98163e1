//! What is added around nice-plug's VST3 wrapper.
//!
//! A [`Component`] is the object hosts hold: processor and edit controller in one. It answers what the
//! wrapper cannot and hands everything else on.

use std::ffi::c_void;
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nice_plug::prelude::Vst3Plugin;
use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ChannelContext::{
    IInfoListener, IInfoListenerTrait,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, BusDirection, BusInfo, CString, CtrlNumber,
    IAttributeList, IAudioProcessor, IAudioProcessorTrait, IComponent, IComponentHandler,
    IComponentHandlerTrait, IComponentTrait, IEditController, IEditControllerTrait, IEventList,
    IMidiMapping, IMidiMappingTrait, INoteExpressionController, INoteExpressionControllerTrait,
    IParameterChanges, IProcessContextRequirements, IProcessContextRequirementsTrait, IUnitInfo,
    IUnitInfoTrait, IoMode, MediaType, NoteExpressionTypeID, NoteExpressionTypeInfo,
    NoteExpressionValue, ParamID, ParamValue, ParameterInfo, ParameterInfo_::ParameterFlags_,
    ProcessData, ProcessModes_, ProcessSetup, ProgramListID, ProgramListInfo, RestartFlags_,
    RoutingInfo, SpeakerArrangement, String128, SymbolicSampleSizes_, TChar, UnitID, UnitInfo,
    kNoParentUnitId, kNoProgramListId, kRootUnitId,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    FIDString, FUnknown, IBStream, IBStreamTrait, IPlugView, IPluginBaseTrait, TBool, TUID, int16,
    int32, kInvalidArgument, kNotInitialized, kResultFalse, kResultOk, tresult, uint32,
};
use nice_plug::wrapper::vst3::vst3::{Class, ComPtr, ComRef, ComWrapper};

use super::changes::Changes;
use super::notes::Notes;
use crate::engine::SLOTS;
use crate::plugin::buffers;
use crate::plugin::clap::exclusive::Exclusive;
use crate::plugin::processor::take_newborn;
use crate::plugin::slots::{host_id, slot_of, valid};
use crate::plugin::state::Shared;

/// The controllers a patch can hear, by the numbers of VST3: MIDI's up to 127, then channel pressure
/// and the pitch wheel.
const CONTROLLERS: [CtrlNumber; 12] = [1, 2, 7, 10, 11, 64, 74, 120, 121, 123, 128, 129];

/// nice-plug has parameters for this many controllers on each channel.
const WRAPPED_CONTROLLERS: usize = 130;

const CHANNELS: usize = 16;

/// Saved states beyond this size are taken for damage.
const STATE_LIMIT: usize = 256 << 20;

/// Bindings give these constants a type that differs between systems.
#[allow(clippy::unnecessary_cast)]
const SAMPLES_32: int32 = SymbolicSampleSizes_::kSample32 as int32;
#[allow(clippy::unnecessary_cast)]
const REALTIME: int32 = ProcessModes_::kRealtime as int32;
#[allow(clippy::unnecessary_cast)]
const CAN_AUTOMATE: int32 = ParameterFlags_::kCanAutomate as int32;
#[allow(clippy::unnecessary_cast)]
const HIDDEN: int32 = ParameterFlags_::kIsHidden as int32 | ParameterFlags_::kIsReadOnly as int32;
#[allow(clippy::unnecessary_cast)]
const IS_LIST: int32 = ParameterFlags_::kIsList as int32;
#[allow(clippy::unnecessary_cast)]
const ALL_CHANGED: int32 =
    RestartFlags_::kParamTitlesChanged as int32 | RestartFlags_::kParamValuesChanged as int32;

/// What the host holds.
pub struct Component<P: Vst3Plugin> {
    wrapped: Wrapper<P>,
    shared: Arc<Shared>,
    handler: Mutex<Option<ComPtr<IComponentHandler>>>,
    changes: ComWrapper<Changes>,
    notes: ComWrapper<Notes>,
    /// The host named a sample rate and a block size.
    set_up: AtomicBool,
    active: AtomicBool,
    max_frames: AtomicU32,
    /// A mono host's missing right channel; empty while the plugin is switched off. Whoever has it
    /// also has `changes` and `notes`.
    spare: Exclusive<Vec<f32>>,
}

impl<P: Vst3Plugin> Class for Component<P> {
    type Interfaces = (
        IComponent,
        IEditController,
        IAudioProcessor,
        IMidiMapping,
        INoteExpressionController,
        IProcessContextRequirements,
        IUnitInfo,
        IInfoListener,
    );
}

impl<P: Vst3Plugin> Component<P> {
    /// A new instance.
    pub fn new() -> Option<Component<P>> {
        let wrapped = Wrapper::new();
        Some(Component {
            wrapped,
            shared: take_newborn()?,
            handler: Mutex::new(None),
            changes: ComWrapper::new(Changes::new()),
            notes: ComWrapper::new(Notes::new()),
            set_up: AtomicBool::new(false),
            active: AtomicBool::new(false),
            max_frames: AtomicU32::new(0),
            spare: Exclusive::default(),
        })
    }

    /// Tells the host that names, texts and values of all slots changed.
    fn announce(&self) {
        let handler = self.handler.lock().unwrap_or_else(PoisonError::into_inner);
        let handler = handler.clone();
        if let Some(handler) = handler {
            // SAFETY: a reference of our own to the host's object, on the thread of the host's call.
            unsafe { handler.restartComponent(ALL_CHANGED) };
        }
    }
}

/// Hands calls on to the wrapper.
macro_rules! hand_on {
    ($interface:ident: $(fn $name:ident($($argument:ident: $type:ty),*) $(-> $answer:ty)?;)*) => {
        $(
            unsafe fn $name(&self, $($argument: $type),*) $(-> $answer)? {
                // SAFETY: handed on exactly as the host made the call.
                unsafe { $interface::$name(&self.wrapped, $($argument),*) }
            }
        )*
    };
}

impl<P: Vst3Plugin> IPluginBaseTrait for Component<P> {
    hand_on! { IPluginBaseTrait:
        fn initialize(context: *mut FUnknown) -> tresult;
    }

    unsafe fn terminate(&self) -> tresult {
        // SAFETY: no handler is one the host may set.
        unsafe { self.setComponentHandler(std::ptr::null_mut()) };
        // SAFETY: handed on exactly as the host made the call.
        unsafe { self.wrapped.terminate() }
    }
}

impl<P: Vst3Plugin> IComponentTrait for Component<P> {
    hand_on! { IComponentTrait:
        fn getControllerClassId(class: *mut TUID) -> tresult;
        fn setIoMode(mode: IoMode) -> tresult;
        fn getBusCount(media: MediaType, direction: BusDirection) -> int32;
        fn getRoutingInfo(from: *mut RoutingInfo, to: *mut RoutingInfo) -> tresult;
        fn activateBus(media: MediaType, direction: BusDirection, index: int32, on: TBool)
            -> tresult;
    }

    unsafe fn getBusInfo(
        &self,
        media: MediaType,
        direction: BusDirection,
        index: int32,
        info: *mut BusInfo,
    ) -> tresult {
        if index < 0 {
            // The wrapper would answer for the first bus.
            return kInvalidArgument;
        }
        // SAFETY: handed on exactly as the host made the call.
        unsafe { self.wrapped.getBusInfo(media, direction, index, info) }
    }

    unsafe fn setActive(&self, state: TBool) -> tresult {
        let on = state != 0;
        if on && !self.set_up.load(Ordering::Acquire) {
            // Some hosts switch on before they name a rate; they name it later.
            let mut usual = ProcessSetup {
                processMode: REALTIME,
                symbolicSampleSize: SAMPLES_32,
                maxSamplesPerBlock: 1024,
                sampleRate: 48_000.0,
            };
            // SAFETY: a whole setup that lives through the call.
            unsafe { self.setupProcessing(&mut usual) };
        }
        let mut spare = self.spare.take();
        // SAFETY: handed on exactly as the host made the call.
        let result = unsafe { self.wrapped.setActive(state) };
        let active = on && result == kResultOk;
        self.changes.forget();
        self.notes.forget();
        *spare = if active {
            vec![0.0; self.max_frames.load(Ordering::Acquire).max(1) as usize]
        } else {
            Vec::new()
        };
        self.active.store(active, Ordering::Release);
        result
    }

    unsafe fn setState(&self, state: *mut IBStream) -> tresult {
        // SAFETY: hosts pass a living stream or null.
        let Some(bytes) = (unsafe { read_all(state) }) else {
            return kResultFalse;
        };
        if self.shared.load(&bytes).is_err() {
            return kResultFalse;
        }
        self.announce();
        kResultOk
    }

    unsafe fn getState(&self, state: *mut IBStream) -> tresult {
        // SAFETY: hosts pass a living stream or null.
        unsafe { write_all(state, &self.shared.save()) }
    }
}

/// Everything a stream still holds.
///
/// # Safety
/// The stream must be null or alive.
unsafe fn read_all(stream: *mut IBStream) -> Option<Vec<u8>> {
    // SAFETY: as this function demands.
    let stream = unsafe { ComRef::from_raw(stream) }?;
    let mut bytes = Vec::new();
    let mut part = [0_u8; 16 << 10];
    loop {
        let mut count = 0;
        // Some streams report failure at their end, so only the count says what was read.
        // SAFETY: the stream writes no more than `part.len()` bytes.
        unsafe { stream.read(part.as_mut_ptr().cast(), part.len() as int32, &mut count) };
        match usize::try_from(count)
            .ok()
            .and_then(|count| part.get(..count))?
        {
            [] => return Some(bytes),
            read if bytes.len() + read.len() <= STATE_LIMIT => bytes.extend_from_slice(read),
            _ => return None,
        }
    }
}

/// Writes everything to a stream.
///
/// # Safety
/// The stream must be null or alive.
unsafe fn write_all(stream: *mut IBStream, bytes: &[u8]) -> tresult {
    // SAFETY: as this function demands.
    let Some(stream) = (unsafe { ComRef::from_raw(stream) }) else {
        return kInvalidArgument;
    };
    for part in bytes.chunks(1 << 20) {
        let mut rest = part;
        while !rest.is_empty() {
            let mut count = 0;
            let from = rest.as_ptr().cast_mut().cast::<c_void>();
            // SAFETY: the stream reads no more than `rest.len()` bytes and does not write them.
            let result = unsafe { stream.write(from, rest.len() as int32, &mut count) };
            // Streams that do not count have taken everything.
            let taken = match usize::try_from(count) {
                Ok(0) if result == kResultOk => rest.len(),
                Ok(count @ 1..) if count <= rest.len() => count,
                _ => return kResultFalse,
            };
            rest = &rest[taken..];
        }
    }
    kResultOk
}

impl<P: Vst3Plugin> IEditControllerTrait for Component<P> {
    // Component and controller are one object: its state was set as the component's.
    hand_on! { IEditControllerTrait:
        fn setComponentState(state: *mut IBStream) -> tresult;
        fn setState(state: *mut IBStream) -> tresult;
        fn getState(state: *mut IBStream) -> tresult;
        fn createView(name: FIDString) -> *mut IPlugView;
    }

    unsafe fn getParameterCount(&self) -> int32 {
        (SLOTS + CHANNELS * CONTROLLERS.len()) as int32
    }

    unsafe fn getParameterInfo(&self, index: int32, info: *mut ParameterInfo) -> tresult {
        let (Ok(index), false) = (usize::try_from(index), info.is_null()) else {
            return kInvalidArgument;
        };
        if let Some(controller) = index.checked_sub(SLOTS) {
            let channel = controller / CONTROLLERS.len();
            let number = CONTROLLERS[controller % CONTROLLERS.len()] as usize;
            if channel >= CHANNELS {
                return kInvalidArgument;
            }
            let wrapped_index = SLOTS + channel * WRAPPED_CONTROLLERS + number;
            // SAFETY: an index the wrapper has, and the host's place for the answer.
            return unsafe { self.wrapped.getParameterInfo(wrapped_index as int32, info) };
        }

        let view = self.shared.slots.view();
        let unit = view.module_of(index).map_or(kRootUnitId, unit_id);
        let flags = match (view.bound(index), view.steps(index)) {
            (None, _) => HIDDEN,
            (Some(_), Some(2..)) => CAN_AUTOMATE | IS_LIST,
            (Some(_), _) => CAN_AUTOMATE,
        };
        let mut filled = ParameterInfo {
            id: host_id(index),
            title: [0; 128],
            shortTitle: [0; 128],
            units: [0; 128],
            stepCount: view.steps(index).unwrap_or(0) as int32,
            defaultNormalizedValue: view.default_value(index).into(),
            unitId: unit,
            flags,
        };
        let name = view.name(index);
        copy_text(&mut filled.title, &name);
        copy_text(&mut filled.shortTitle, &name);
        copy_text(&mut filled.units, view.unit(index));
        // SAFETY: the host wants the answer there.
        unsafe { info.write(filled) };
        kResultOk
    }

    unsafe fn getParamStringByValue(
        &self,
        id: ParamID,
        value: ParamValue,
        text: *mut String128,
    ) -> tresult {
        let Some(slot) = slot_of(id) else {
            // SAFETY: handed on exactly as the host made the call.
            return unsafe { self.wrapped.getParamStringByValue(id, value, text) };
        };
        // SAFETY: the host offers a whole string there, or null.
        let (Some(value), Some(text)) = (valid(value), unsafe { text.as_mut() }) else {
            return kInvalidArgument;
        };
        copy_text(text, &self.shared.slots.view().bare_text(slot, value));
        kResultOk
    }

    unsafe fn getParamValueByString(
        &self,
        id: ParamID,
        text: *mut TChar,
        value: *mut ParamValue,
    ) -> tresult {
        let Some(slot) = slot_of(id) else {
            // SAFETY: handed on exactly as the host made the call.
            return unsafe { self.wrapped.getParamValueByString(id, text, value) };
        };
        if text.is_null() || value.is_null() {
            return kInvalidArgument;
        }
        let mut characters = Vec::new();
        // SAFETY: hosts pass a string that ends with 0 within a `String128`; no more is read.
        unsafe {
            while characters.len() < size_of::<String128>() / size_of::<TChar>() {
                match text.add(characters.len()).read() {
                    0 => break,
                    character => characters.push(character),
                }
            }
        }
        let text = String::from_utf16_lossy(&characters);
        match self.shared.slots.view().parse_bare(slot, &text) {
            Some(parsed) => {
                // SAFETY: the host wants the answer there.
                unsafe { value.write(parsed.into()) };
                kResultOk
            }
            None => kResultFalse,
        }
    }

    unsafe fn normalizedParamToPlain(&self, id: ParamID, value: ParamValue) -> ParamValue {
        let view = self.shared.slots.view();
        match (slot_of(id).and_then(|slot| view.bound(slot)), valid(value)) {
            (Some(info), Some(value)) => info.spec.plain(value).into(),
            (None, Some(value)) => value.into(),
            (_, None) => 0.0,
        }
    }

    unsafe fn plainParamToNormalized(&self, id: ParamID, plain: ParamValue) -> ParamValue {
        let view = self.shared.slots.view();
        match slot_of(id).and_then(|slot| view.bound(slot)) {
            Some(info) => info.spec.normalized(plain as f32).into(),
            None => valid(plain).unwrap_or(0.0).into(),
        }
    }

    unsafe fn getParamNormalized(&self, id: ParamID) -> ParamValue {
        match slot_of(id) {
            Some(slot) => self.shared.slots.value(slot).into(),
            // SAFETY: handed on exactly as the host made the call.
            None => unsafe { self.wrapped.getParamNormalized(id) },
        }
    }

    unsafe fn setParamNormalized(&self, id: ParamID, value: ParamValue) -> tresult {
        let (Some(_), Some(value)) = (slot_of(id), valid(value)) else {
            return kInvalidArgument;
        };
        // SAFETY: handed on as the host made the call, the value limited to its range.
        unsafe { self.wrapped.setParamNormalized(id, value.into()) }
    }

    unsafe fn setComponentHandler(&self, handler: *mut IComponentHandler) -> tresult {
        // SAFETY: hosts pass a living handler or null.
        let kept = unsafe { ComRef::from_raw(handler) }.map(|handler| handler.to_com_ptr());
        *self.handler.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        // SAFETY: handed on exactly as the host made the call.
        unsafe { self.wrapped.setComponentHandler(handler) }
    }
}

impl<P: Vst3Plugin> IAudioProcessorTrait for Component<P> {
    hand_on! { IAudioProcessorTrait:
        fn canProcessSampleSize(size: int32) -> tresult;
        fn getLatencySamples() -> uint32;
        fn getTailSamples() -> uint32;
    }

    unsafe fn setProcessing(&self, state: TBool) -> tresult {
        // The plugin starts from silence. Some hosts do this from within `setActive`.
        if let (true, Some(_spare)) = (state != 0, self.spare.try_take()) {
            self.changes.forget();
            self.notes.forget();
        }
        // SAFETY: handed on exactly as the host made the call.
        unsafe { self.wrapped.setProcessing(state) }
    }

    unsafe fn setBusArrangements(
        &self,
        inputs: *mut SpeakerArrangement,
        input_count: int32,
        outputs: *mut SpeakerArrangement,
        output_count: int32,
    ) -> tresult {
        // There is one layout: a stereo bus on each side. The wrapper reads past the end of the lists.
        let stereo = |buses: *mut SpeakerArrangement, count| {
            // SAFETY: the host's list holds the one arrangement its count says.
            count == 1 && !buses.is_null() && unsafe { *buses }.count_ones() == 2
        };
        if stereo(inputs, input_count) && stereo(outputs, output_count) {
            kResultOk
        } else {
            kResultFalse
        }
    }

    unsafe fn getBusArrangement(
        &self,
        direction: BusDirection,
        index: int32,
        arrangement: *mut SpeakerArrangement,
    ) -> tresult {
        if index < 0 {
            // The wrapper would answer for the first bus.
            return kInvalidArgument;
        }
        // SAFETY: handed on exactly as the host made the call.
        unsafe {
            self.wrapped
                .getBusArrangement(direction, index, arrangement)
        }
    }

    unsafe fn setupProcessing(&self, setup: *mut ProcessSetup) -> tresult {
        // SAFETY: hosts pass a whole setup or null.
        let Some(given) = (unsafe { setup.as_ref() }) else {
            return kInvalidArgument;
        };
        let rate_works = given.sampleRate.is_finite() && given.sampleRate > 0.0;
        if !rate_works || given.maxSamplesPerBlock < 0 || given.symbolicSampleSize != SAMPLES_32 {
            return kInvalidArgument;
        }
        // SAFETY: handed on exactly as the host made the call.
        let result = unsafe { self.wrapped.setupProcessing(setup) };
        if result != kResultOk {
            return result;
        }
        self.max_frames
            .store(given.maxSamplesPerBlock as u32, Ordering::Release);
        self.set_up.store(true, Ordering::Release);
        if self.active.load(Ordering::Acquire) {
            // The host named rate and size too late; only switching on makes them count.
            // SAFETY: calls a host may make at this point.
            unsafe {
                self.setActive(0);
                return self.setActive(1);
            }
        }
        kResultOk
    }

    /// Shows the wrapper exactly one stereo bus on each side and the changes in order. It reads past
    /// the end of shorter lists and does not bear other channel counts.
    unsafe fn process(&self, data: *mut ProcessData) -> tresult {
        // SAFETY: hosts pass a whole block or null.
        let Some(host) = (unsafe { data.as_mut() }) else {
            return kInvalidArgument;
        };
        let Ok(frames) = usize::try_from(host.numSamples) else {
            return kInvalidArgument;
        };
        if host.symbolicSampleSize != SAMPLES_32 {
            return kInvalidArgument;
        }
        if !self.set_up.load(Ordering::Acquire) {
            return kNotInitialized;
        }
        let Some(mut spare) = self.spare.try_take() else {
            return kResultFalse;
        };
        if frames > spare.len() {
            return kInvalidArgument;
        }

        // SAFETY: the host's lists hold what their counts say.
        let (given_in, given_out) = unsafe {
            (
                channels(host.inputs, host.numInputs),
                channels(host.outputs, host.numOutputs),
            )
        };
        let mut input = buffers::input(given_in);
        let mut output = buffers::output(given_out, &mut spare);
        let mut input = input.as_mut().map(bus);
        let fold = output.as_ref().is_some_and(|output| output.fold);
        let mut output = output.as_mut().map(|output| bus(&mut output.channels));

        // SAFETY: hosts pass living lists or null.
        let (changes, notes) = unsafe {
            (
                ComRef::from_raw(host.inputParameterChanges),
                ComRef::from_raw(host.inputEvents),
            )
        };
        // Without an output nothing is heard: the wrapper then only takes parameters, as in a block
        // without frames.
        let heard = if output.is_some() { host.numSamples } else { 0 };
        self.notes.gather(notes, heard);
        self.changes.gather(changes, heard, self.notes.count());
        let changes = self.changes.as_com_ref::<IParameterChanges>();
        let notes = self.notes.as_com_ref::<IEventList>();

        let mut block = ProcessData {
            numInputs: input.is_some().into(),
            inputs: input
                .as_mut()
                .map_or(std::ptr::null_mut(), std::ptr::from_mut),
            numOutputs: output.is_some().into(),
            outputs: output
                .as_mut()
                .map_or(std::ptr::null_mut(), std::ptr::from_mut),
            inputParameterChanges: changes.map_or(std::ptr::null_mut(), |changes| changes.as_ptr()),
            inputEvents: notes.map_or(std::ptr::null_mut(), |notes| notes.as_ptr()),
            ..*host
        };
        // SAFETY: the block is the host's, with changes and buses that live until the end of this
        // function and channels that hold the block's frames.
        let result = unsafe { self.wrapped.process(&mut block) };
        self.notes.done();
        if let (true, [only, ..]) = (fold, given_out) {
            // SAFETY: the host's only output channel holds the block's frames; `spare` is not it.
            let only = unsafe { slice::from_raw_parts_mut(*only, frames) };
            buffers::fold(only, &spare);
        }
        if output.is_some() {
            // SAFETY: there is an output only if the host gave a first bus.
            unsafe { (*host.outputs).silenceFlags = 0 };
        }
        result
    }
}

/// The channels of the first bus of a list.
///
/// # Safety
/// `buses` must be null or hold `count` buses, each with its channels of 32-bit samples.
unsafe fn channels<'a>(buses: *mut AudioBusBuffers, count: int32) -> &'a [*mut f32] {
    if buses.is_null() || count <= 0 {
        return &[];
    }
    // SAFETY: there is a first bus, and its buffers are `numChannels` pointers.
    unsafe {
        let bus = &*buses;
        let pointers = bus.__field0.channelBuffers32;
        match usize::try_from(bus.numChannels) {
            Ok(count) if !pointers.is_null() => slice::from_raw_parts(pointers, count),
            _ => &[],
        }
    }
}

fn bus(channels: &mut buffers::Stereo) -> AudioBusBuffers {
    AudioBusBuffers {
        numChannels: 2,
        silenceFlags: 0,
        __field0: AudioBusBuffers__type0 {
            channelBuffers32: channels.as_mut_ptr(),
        },
    }
}

impl<P: Vst3Plugin> IMidiMappingTrait for Component<P> {
    unsafe fn getMidiControllerAssignment(
        &self,
        bus: int32,
        channel: int16,
        controller: CtrlNumber,
        id: *mut ParamID,
    ) -> tresult {
        if !CONTROLLERS.contains(&controller) {
            return kResultFalse;
        }
        // SAFETY: handed on exactly as the host made the call.
        unsafe {
            self.wrapped
                .getMidiControllerAssignment(bus, channel, controller, id)
        }
    }
}

impl<P: Vst3Plugin> INoteExpressionControllerTrait for Component<P> {
    hand_on! { INoteExpressionControllerTrait:
        fn getNoteExpressionCount(bus: int32, channel: int16) -> int32;
        fn getNoteExpressionInfo(
            bus: int32, channel: int16, index: int32, info: *mut NoteExpressionTypeInfo
        ) -> tresult;
        fn getNoteExpressionStringByValue(
            bus: int32, channel: int16, id: NoteExpressionTypeID, value: NoteExpressionValue,
            text: *mut String128
        ) -> tresult;
        fn getNoteExpressionValueByString(
            bus: int32, channel: int16, id: NoteExpressionTypeID, text: *const TChar,
            value: *mut NoteExpressionValue
        ) -> tresult;
    }
}

impl<P: Vst3Plugin> IProcessContextRequirementsTrait for Component<P> {
    hand_on! { IProcessContextRequirementsTrait:
        fn getProcessContextRequirements() -> uint32;
    }
}

/// Modules are units below the root.
fn unit_id(module: usize) -> UnitID {
    module as UnitID + 1
}

impl<P: Vst3Plugin> IUnitInfoTrait for Component<P> {
    hand_on! { IUnitInfoTrait:
        fn getProgramListCount() -> int32;
        fn getProgramListInfo(index: int32, info: *mut ProgramListInfo) -> tresult;
        fn getProgramName(list: ProgramListID, index: int32, name: *mut String128) -> tresult;
        fn getProgramInfo(
            list: ProgramListID, index: int32, attribute: CString, value: *mut String128
        ) -> tresult;
        fn hasProgramPitchNames(list: ProgramListID, index: int32) -> tresult;
        fn getProgramPitchName(
            list: ProgramListID, index: int32, pitch: int16, name: *mut String128
        ) -> tresult;
        fn getSelectedUnit() -> UnitID;
        fn selectUnit(unit: UnitID) -> tresult;
        fn getUnitByBus(
            media: MediaType, direction: BusDirection, bus: int32, channel: int32,
            unit: *mut UnitID
        ) -> tresult;
        fn setUnitProgramData(list: int32, index: int32, data: *mut IBStream) -> tresult;
    }

    unsafe fn getUnitCount(&self) -> int32 {
        self.shared.slots.view().modules().len() as int32 + 1
    }

    unsafe fn getUnitInfo(&self, index: int32, info: *mut UnitInfo) -> tresult {
        let view = self.shared.slots.view();
        let named = match usize::try_from(index) {
            Ok(0) => Some((kRootUnitId, kNoParentUnitId, "Root Unit")),
            Ok(index) => view
                .modules()
                .get(index - 1)
                .map(|name| (unit_id(index - 1), kRootUnitId, name.as_str())),
            Err(_) => None,
        };
        let (Some((id, parent, name)), false) = (named, info.is_null()) else {
            return kInvalidArgument;
        };
        let mut filled = UnitInfo {
            id,
            parentUnitId: parent,
            name: [0; 128],
            programListId: kNoProgramListId,
        };
        copy_text(&mut filled.name, name);
        // SAFETY: the host wants the answer there.
        unsafe { info.write(filled) };
        kResultOk
    }
}

impl<P: Vst3Plugin> IInfoListenerTrait for Component<P> {
    hand_on! { IInfoListenerTrait:
        fn setChannelContextInfos(list: *mut IAttributeList) -> tresult;
    }
}

/// Copies as much text as fits before the closing zero, in whole characters.
fn copy_text(to: &mut String128, text: &str) {
    let room = to.len() - 1;
    let mut length = 0;
    for character in text.chars().take_while(|character| *character != '\0') {
        let mut halves = [0; 2];
        let halves = character.encode_utf16(&mut halves);
        let end = length + halves.len();
        if end > room {
            break;
        }
        to[length..end].copy_from_slice(halves);
        length = end;
    }
    to[length..].fill(0);
}
