//! The VST3 side, driven as hosts drive it and as none should.

use std::ptr::{null, null_mut};

use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ParameterInfo_::ParameterFlags_;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, IAudioProcessor, IAudioProcessorTrait, IComponent,
    IComponentHandler, IComponentTrait, IEditController, IEditControllerTrait, IEventList,
    IMidiMapping, IMidiMappingTrait, IParameterChanges, IUnitInfo, IUnitInfoTrait, ParameterInfo,
    ProcessData, ProcessSetup, RestartFlags_, String128, UnitInfo, kRootUnitId,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{IBStream, IPluginBaseTrait, kResultTrue};
use nice_plug::wrapper::vst3::vst3::{ComPtr, Interface};

use super::notes::Notes;
use super::rig::{Handler, HostChanges, HostNotes, Stream};
use super::*;
use crate::plugin::rig::{OTHER, SYNTH, THROUGH, damaged};
use crate::plugin::slots::host_id;
use crate::plugin::{Effect, Instrument, Variant};

const FRAMES: usize = 256;

type Automation = Vec<(u32, Vec<(int32, f64)>)>;

/// A plugin in its host.
struct Plug {
    component: ComPtr<IComponent>,
    processor: ComPtr<IAudioProcessor>,
    controller: ComPtr<IEditController>,
    midi: ComPtr<IMidiMapping>,
    units: ComPtr<IUnitInfo>,
    handler: ComWrapper<Handler>,
}

fn created(class: &[u8; 16]) -> Option<ComPtr<IComponent>> {
    let mut object = null_mut();
    // SAFETY: asked for as hosts do.
    unsafe {
        let interface = IComponent::IID.as_ptr().cast();
        let result = Factory::new().createInstance(class.as_ptr().cast(), interface, &mut object);
        (result == kResultOk).then(|| ComPtr::from_raw(object.cast()))?
    }
}

impl Plug {
    fn new(class: &[u8; 16]) -> Plug {
        let component = created(class).expect("the class is one of ours");
        let handler = ComWrapper::new(Handler::default());
        let controller: ComPtr<IEditController> = component.cast().expect("one object is both");
        // SAFETY: asked for as hosts do.
        unsafe {
            component.initialize(null_mut());
            let handler = handler
                .as_com_ref::<IComponentHandler>()
                .expect("it is one");
            controller.setComponentHandler(handler.as_ptr());
        }
        Plug {
            processor: component.cast().expect("one object is both"),
            midi: component.cast().expect("it maps controllers"),
            units: component.cast().expect("it has units"),
            component,
            controller,
            handler,
        }
    }

    fn with(patch: &str) -> Plug {
        let plug = Plug::new(&Instrument::VST3_ID);
        assert!(plug.load(patch.as_bytes()));
        plug
    }

    fn load(&self, bytes: &[u8]) -> bool {
        let stream = Stream::of(bytes);
        let stream = stream.as_com_ref::<IBStream>().expect("it is one");
        // SAFETY: asked for as hosts do.
        unsafe { self.component.setState(stream.as_ptr()) == kResultOk }
    }

    fn save(&self) -> String {
        let stream = Stream::of(&[]);
        // SAFETY: asked for as hosts do.
        unsafe {
            let raw = stream.as_com_ref::<IBStream>().expect("it is one");
            assert_eq!(self.component.getState(raw.as_ptr()), kResultOk);
        }
        String::from_utf8(stream.bytes.take()).expect("the state is text")
    }

    fn info(&self, index: int32) -> Option<ParameterInfo> {
        // SAFETY: plain data may be zero; asked for as hosts do.
        unsafe {
            let mut info: ParameterInfo = std::mem::zeroed();
            let result = self.controller.getParameterInfo(index, &mut info);
            (result == kResultOk).then_some(info)
        }
    }

    fn value(&self, slot: usize) -> f64 {
        // SAFETY: asked for as hosts do.
        unsafe { self.controller.getParamNormalized(host_id(slot)) }
    }

    fn set(&self, id: u32, value: f64) -> bool {
        // SAFETY: asked for as hosts do.
        unsafe { self.controller.setParamNormalized(id, value) == kResultOk }
    }

    fn text(&self, id: u32, value: f64) -> Option<String> {
        let mut text: String128 = [0; 128];
        // SAFETY: asked for as hosts do.
        let result = unsafe { self.controller.getParamStringByValue(id, value, &mut text) };
        (result == kResultOk).then(|| utf8(&text))
    }

    fn parse(&self, id: u32, text: &str) -> Option<f64> {
        let mut text: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let mut value = 0.0;
        // SAFETY: asked for as hosts do.
        let result = unsafe {
            self.controller
                .getParamValueByString(id, text.as_mut_ptr(), &mut value)
        };
        (result == kResultOk).then_some(value)
    }

    fn set_up(&self, rate: f64, frames: usize) -> bool {
        let mut setup = ProcessSetup {
            processMode: 0,
            symbolicSampleSize: 0,
            maxSamplesPerBlock: frames as int32,
            sampleRate: rate,
        };
        // SAFETY: asked for as hosts do.
        unsafe { self.processor.setupProcessing(&mut setup) == kResultOk }
    }

    fn activate(&self, rate: f64, frames: usize) {
        assert!(self.set_up(rate, frames));
        // SAFETY: asked for as hosts do.
        unsafe {
            assert_eq!(self.component.setActive(1), kResultOk);
            self.processor.setProcessing(1);
        }
    }

    fn deactivate(&self) {
        // SAFETY: asked for as hosts do.
        unsafe {
            self.processor.setProcessing(0);
            self.component.setActive(0);
        }
    }

    fn process(
        &self,
        frames: usize,
        automation: &[(u32, Vec<(int32, f64)>)],
        notes: &[(int32, i16, bool)],
        input: Option<&mut [&mut [f32]]>,
        output: Option<&mut [&mut [f32]]>,
    ) -> tresult {
        let changes = HostChanges::new(automation);
        let notes = ComWrapper::new(HostNotes(notes.to_vec()));
        let pointers = |bus: Option<&mut [&mut [f32]]>| {
            bus.map(|bus| bus.iter_mut().map(|c| c.as_mut_ptr()).collect::<Vec<_>>())
        };
        let (mut input, mut output) = (pointers(input), pointers(output));
        let bus = |pointers: &mut Vec<*mut f32>| AudioBusBuffers {
            numChannels: pointers.len() as int32,
            silenceFlags: 3,
            __field0: AudioBusBuffers__type0 {
                channelBuffers32: pointers.as_mut_ptr(),
            },
        };
        let (mut inputs, mut outputs) = (input.as_mut().map(bus), output.as_mut().map(bus));
        let mut data = ProcessData {
            processMode: 0,
            symbolicSampleSize: 0,
            numSamples: frames as int32,
            numInputs: inputs.is_some().into(),
            numOutputs: outputs.is_some().into(),
            // Not null even where the count is 0, as some hosts do it.
            inputs: inputs.as_mut().map_or(std::ptr::dangling_mut(), |bus| bus),
            outputs: outputs.as_mut().map_or(std::ptr::dangling_mut(), |bus| bus),
            inputParameterChanges: changes
                .as_com_ref::<IParameterChanges>()
                .map_or(null_mut(), |changes| changes.as_ptr()),
            outputParameterChanges: null_mut(),
            inputEvents: notes
                .as_com_ref::<IEventList>()
                .map_or(null_mut(), |notes| notes.as_ptr()),
            outputEvents: null_mut(),
            processContext: null_mut(),
        };
        // SAFETY: asked for as hosts do.
        let result = unsafe { self.processor.process(&mut data) };
        if result == kResultOk
            && frames > 0
            && let Some(bus) = outputs
            && bus.numChannels > 0
        {
            assert_eq!(
                bus.silenceFlags, 0,
                "the host would take the sound for silence"
            );
        }
        result
    }

    fn play(
        &self,
        frames: usize,
        automation: &[(u32, Vec<(int32, f64)>)],
        notes: &[(int32, i16, bool)],
    ) -> [Vec<f32>; 2] {
        let (mut left, mut right) = (vec![9.0; frames], vec![9.0; frames]);
        let output = &mut [&mut left[..], &mut right[..]];
        assert_eq!(
            self.process(frames, automation, notes, None, Some(output)),
            kResultOk
        );
        [left, right]
    }
}

fn utf8(text: &[u16]) -> String {
    let end = text.iter().position(|c| *c == 0).expect("text ends");
    String::from_utf16(&text[..end]).expect("text is UTF-16")
}

fn loudest(sound: &[f32]) -> f32 {
    sound.iter().fold(0.0, |loudest, x| loudest.max(x.abs()))
}

const HIDDEN: int32 = ParameterFlags_::kIsHidden as int32;
const AUTOMATED: int32 = ParameterFlags_::kCanAutomate as int32;

#[test]
fn only_the_exact_classes_make_plugins() {
    assert!(created(&Instrument::VST3_ID).is_some());
    assert!(created(&Effect::VST3_ID).is_some());
    assert!(created(&[0; 16]).is_none());
    let factory = Factory::new();
    // SAFETY: null pointers and bad indices are answered, not followed.
    unsafe {
        let mut info = std::mem::zeroed();
        for index in [-1, 2, int32::MAX, int32::MIN] {
            assert_ne!(factory.getClassInfo(index, &mut info), kResultOk);
        }
        assert_ne!(factory.getClassInfo(0, null_mut()), kResultOk);
        assert_ne!(
            factory.createInstance(null(), null(), null_mut()),
            kResultOk
        );
        let mut object = null_mut();
        let class = Instrument::VST3_ID.as_ptr().cast();
        let stranger = [7_u8; 16];
        assert_ne!(
            factory.createInstance(class, stranger.as_ptr().cast(), &mut object),
            kResultOk
        );
    }
}

#[test]
fn slots_carry_names_units_steps_and_modules_and_unused_ones_hide() {
    let plug = Plug::with(SYNTH);
    let info = |slot| plug.info(slot).unwrap();
    assert_eq!(utf8(&info(0).title), "Filter Cutoff");
    assert_eq!(info(0).flags & (HIDDEN | AUTOMATED), AUTOMATED);
    assert_eq!(info(4).flags & (HIDDEN | AUTOMATED), HIDDEN);
    assert_eq!(info(0).stepCount, 0);
    assert!(info(2).stepCount >= 1, "a choice has steps");
    // SAFETY: plain data may be zero; asked for as hosts do.
    unsafe {
        let mut unit: UnitInfo = std::mem::zeroed();
        let count = plug.units.getUnitCount();
        let name_of = |id| {
            (0..count).find_map(|index| {
                let found = plug.units.getUnitInfo(index, &mut unit) == kResultOk;
                (found && unit.id == id).then(|| utf8(&unit.name))
            })
        };
        let mut name_of = name_of;
        assert_eq!(name_of(info(0).unitId).as_deref(), Some("Filter"));
        assert_eq!(info(4).unitId, kRootUnitId);
        for index in [-1, count, int32::MAX] {
            assert_ne!(plug.units.getUnitInfo(index, &mut unit), kResultOk);
        }
    }
}

#[test]
fn hosts_see_the_slots_and_the_controllers_that_mean_something() {
    let plug = Plug::with(SYNTH);
    // SAFETY: asked for as hosts do.
    let count = unsafe { plug.controller.getParameterCount() };
    assert_eq!(count, 1024 + 16 * 12);
    let mut ids = std::collections::BTreeSet::new();
    for index in 0..count {
        let info = plug.info(index).unwrap();
        assert!(ids.insert(info.id), "ids are unique");
        assert_eq!(index >= 1024, slot_of_id(info.id).is_none());
        if index >= 1024 {
            assert_eq!(info.flags & HIDDEN, HIDDEN);
        }
    }
    for index in [-1, count, count + 1, int32::MAX, int32::MIN] {
        assert!(plug.info(index).is_none());
    }
    let assigned = |channel, controller| {
        let mut id = 0;
        // SAFETY: asked for as hosts do.
        let result = unsafe {
            plug.midi
                .getMidiControllerAssignment(0, channel, controller, &mut id)
        };
        (result == kResultOk).then_some(id)
    };
    for channel in 0..16 {
        for controller in [1, 64, 74, 123, 128, 129] {
            let id = assigned(channel, controller).expect("it means something");
            assert!(ids.contains(&id));
        }
        assert_eq!(assigned(channel, 33), None);
    }
    for (channel, controller) in [(-1, 1), (16, 1), (0, -1), (0, 130), (0, i16::MAX)] {
        assert_eq!(assigned(channel, controller), None);
    }
}

fn slot_of_id(id: u32) -> Option<usize> {
    crate::plugin::slots::slot_of(id)
}

#[test]
fn loading_another_patch_renames_the_slots_and_tells_the_host() {
    let plug = Plug::with(SYNTH);
    plug.handler.0.borrow_mut().clear();
    assert!(plug.load(OTHER.as_bytes()));
    let changed =
        (RestartFlags_::kParamTitlesChanged | RestartFlags_::kParamValuesChanged) as int32;
    assert_eq!(*plug.handler.0.borrow(), [changed]);
    assert_eq!(utf8(&plug.info(8).unwrap().title), "Voice Pitch");
    // SAFETY: asked for as hosts do.
    assert_eq!(unsafe { plug.component.terminate() }, kResultOk);
    assert!(plug.load(SYNTH.as_bytes()));
    assert_eq!(
        plug.handler.0.borrow().len(),
        1,
        "the handler was given back"
    );
}

#[test]
fn text_goes_both_ways_and_strangers_get_none() {
    let plug = Plug::with(SYNTH);
    let cutoff = host_id(0);
    for slot in 0..16 {
        let id = host_id(slot);
        let unit = utf8(&plug.info(slot as int32).unwrap().units);
        for step in 0..=20 {
            let text = plug.text(id, f64::from(step) / 20.0).unwrap();
            assert!(
                unit.is_empty() || !text.ends_with(&unit),
                "the host adds the unit"
            );
            for typed in [text.clone(), format!("{text} {unit}")] {
                let value = plug.parse(id, &typed);
                let again = value.and_then(|value| plug.text(id, value));
                assert_eq!(again.as_ref(), Some(&text), "slot {slot}");
            }
        }
    }
    assert_eq!(plug.parse(cutoff, "no such thing"), None);
    for id in [0, 1, cutoff - 1, host_id(1023) + 1, u32::MAX] {
        assert_eq!(plug.text(id, 0.5), None);
        assert_eq!(plug.parse(id, "0.5"), None);
        assert!(!plug.set(id, 0.5));
    }
    assert_eq!(plug.text(cutoff, f64::NAN), None);
    let before = plug.value(0);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(!plug.set(cutoff, value));
        assert_eq!(plug.value(0), before);
    }
    assert!(plug.set(cutoff, 1e308));
    assert_eq!(plug.value(0), 1.0);
}

#[test]
fn plain_values_are_those_of_the_patch() {
    let plug = Plug::with(SYNTH);
    // SAFETY: asked for as hosts do.
    unsafe {
        let plain = plug
            .controller
            .normalizedParamToPlain(host_id(0), plug.value(0));
        assert!((plain - 800.0).abs() < 0.01, "{plain}");
        let back = plug.controller.plainParamToNormalized(host_id(0), plain);
        assert!((back - plug.value(0)).abs() < 1e-6);
        for wrong in [f64::NAN, f64::INFINITY] {
            let plain = plug.controller.normalizedParamToPlain(host_id(0), wrong);
            let travel = plug.controller.plainParamToNormalized(host_id(4), wrong);
            assert!(plain.is_finite() && (0.0..=1.0).contains(&travel));
        }
    }
}

#[test]
fn a_state_returns_as_it_was_saved_even_after_knobs_moved() {
    let plug = Plug::with(SYNTH);
    let first = plug.save();
    assert_eq!(Plug::with(&first).save(), first);
    assert!(plug.set(host_id(0), 0.3) && plug.set(host_id(2), 1.0));
    let moved = plug.save();
    assert_ne!(moved, first);
    let copy = Plug::with(&moved);
    assert_eq!(copy.save(), moved);
    for slot in 0..16 {
        assert!((plug.value(slot) - copy.value(slot)).abs() < 1e-6);
    }
}

#[test]
fn a_damaged_state_leaves_the_old_patch_playing() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    let before = plug.save();
    plug.play(FRAMES, &[], &[(0, 60, true)]);
    plug.handler.0.borrow_mut().clear();
    for bytes in damaged() {
        assert!(!plug.load(&bytes));
        assert_eq!(plug.save(), before);
    }
    assert!(plug.handler.0.borrow().is_empty());
    // SAFETY: null pointers are answered, not followed.
    unsafe {
        assert_ne!(plug.component.setState(null_mut()), kResultOk);
        assert_ne!(plug.component.getState(null_mut()), kResultOk);
    }
    let mut heard = 0.0_f32;
    for _ in 0..20 {
        heard = heard.max(loudest(&plug.play(FRAMES, &[], &[])[0]));
    }
    assert!(heard > 0.01);
    plug.deactivate();
}

#[test]
fn events_land_on_their_frame_wherever_the_block_is_cut() {
    let automation: Automation = vec![
        (host_id(1), vec![(80, 0.9), (200, 0.1)]),
        (host_id(0), vec![(31, 0.9), (80, 0.2)]),
    ];
    let notes = [(31, 60, true), (80, 67, true), (199, 60, false)];
    let whole = Plug::with(SYNTH);
    whole.activate(48_000.0, FRAMES);
    let mut once = whole.play(FRAMES, &automation, &notes)[0].clone();
    once.extend(&whole.play(FRAMES, &[], &[])[0]);

    let cut = Plug::with(SYNTH);
    cut.activate(48_000.0, FRAMES);
    let (mut parts, mut start) = (Vec::<f32>::new(), 0);
    for length in [31, 1, 48, 0, 120, 56, FRAMES] {
        let inside = start..start + length as int32;
        let automation: Automation = automation
            .iter()
            .map(|(id, points)| {
                let points = points.iter().filter(|point| inside.contains(&point.0));
                (
                    *id,
                    points.map(|point| (point.0 - start, point.1)).collect(),
                )
            })
            .collect();
        let notes: Vec<_> = notes
            .iter()
            .filter(|note| inside.contains(&note.0))
            .map(|note| (note.0 - start, note.1, note.2))
            .collect();
        parts.extend(&cut.play(length, &automation, &notes)[0]);
        start = inside.end;
    }
    assert!(loudest(&once) > 1e-4);
    assert!(once == parts);
}

#[test]
fn dense_automation_of_every_slot_takes_no_quadratic_time() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    let automation: Automation = (0..1024)
        .map(|slot| {
            let points = (0..256).map(|frame| (frame, f64::from(frame % 10) / 10.0));
            (host_id(slot), points.collect())
        })
        .collect();
    let begun = std::time::Instant::now();
    plug.play(FRAMES, &automation, &[(5, 60, true), (9, 62, true)]);
    assert!(begun.elapsed().as_millis() < 1_000, "{:?}", begun.elapsed());
    assert_eq!(plug.value(1023) as f32, 0.5, "the last point holds");
}

#[test]
fn what_comes_without_frames_or_an_output_is_heard_in_the_next_block() {
    let first = [(3, 57, true), (-4, 57, false), (0, 64, true)];
    let own = [(-9, 57, true), (0, 57, false), (70, 69, true)];
    let played = |alone: &dyn Fn(&Plug, (int32, i16, bool))| {
        let plug = Plug::with(SYNTH);
        plug.activate(48_000.0, FRAMES);
        first.iter().for_each(|note| alone(&plug, *note));
        let sound = plug.play(FRAMES, &[], &own);
        (sound, plug.play(FRAMES, &[], &[(9, 64, false)]))
    };
    let at_once = {
        let plug = Plug::with(SYNTH);
        plug.activate(48_000.0, FRAMES);
        let mut all = [&first[..], &own].concat();
        all[..5].iter_mut().for_each(|note| note.0 = 0);
        let sound = plug.play(FRAMES, &[], &all);
        (sound, plug.play(FRAMES, &[], &[(9, 64, false)]))
    };
    assert!(loudest(&at_once.0[0]) > 0.0);
    let without_frames = played(&|plug, note| {
        let output = &mut [&mut [][..], &mut []];
        plug.process(0, &[], &[note], None, Some(output));
    });
    assert_eq!(at_once, without_frames);
    let without_output = played(&|plug, note| {
        plug.process(FRAMES, &[], &[note], None, None);
    });
    assert_eq!(at_once, without_output);
}

#[test]
fn what_waits_is_forgotten_when_the_plugin_starts_from_silence() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    let silences: [&dyn Fn(); 2] = [
        // SAFETY: asked for as hosts do.
        &|| unsafe {
            plug.processor.setProcessing(0);
            plug.processor.setProcessing(1);
        },
        &|| {
            plug.deactivate();
            plug.activate(48_000.0, FRAMES);
        },
    ];
    for silence in silences {
        plug.process(0, &[], &[(0, 57, true)], None, None);
        silence();
        assert_eq!(loudest(&plug.play(FRAMES, &[], &[])[0]), 0.0);
    }
}

#[test]
fn more_notes_than_fit_are_not_shown() {
    let host = ComWrapper::new(HostNotes(vec![(0, 57, true); 100_000]));
    let notes = Notes::new();
    for (frames, most) in [(0, 0), (64, 32_768), (0, 0)] {
        notes.gather(host.as_com_ref::<IEventList>(), frames);
        assert_eq!(notes.count(), most);
        notes.done();
        assert_eq!(notes.count(), 0);
    }
}

#[test]
fn blocks_and_buses_of_every_shape_work() {
    let plug = Plug::with(SYNTH);
    let [mut a, mut b, mut c, mut d] = [[0.0_f32; FRAMES]; 4];
    let note = [(0, 60, true)];
    assert_ne!(
        plug.process(64, &[], &[], None, Some(&mut [&mut a[..], &mut b[..]])),
        kResultOk,
        "not set up"
    );
    for rate in [8_000.0, 44_100.0, 384_000.0] {
        for frames in [FRAMES, 1] {
            plug.activate(rate, frames);
            let stereo = &mut [&mut a[..], &mut b[..]];
            plug.process(frames, &[], &note, None, Some(stereo));
            plug.process(0, &[], &[], None, Some(&mut [&mut a[..], &mut b[..]]));
            plug.process(frames, &[], &[], None, Some(&mut [&mut a[..]]));
            plug.process(frames, &[], &[], None, None);
            plug.process(frames, &[], &[], Some(&mut [&mut c[..]]), Some(&mut []));
            let wide = &mut [&mut a[..], &mut b[..], &mut d[..]];
            plug.process(frames, &[], &[], Some(&mut [&mut c[..]]), Some(wide));
            let stereo = &mut [&mut a[..], &mut b[..]];
            assert_ne!(
                plug.process(frames + 1, &[], &[], None, Some(stereo)),
                kResultOk,
                "more frames than announced"
            );
            assert!(loudest(&a).is_finite());
            plug.deactivate();
        }
    }
    for (rate, frames) in [(0.0, 64), (-1.0, 64), (f64::NAN, 64), (f64::INFINITY, 64)] {
        assert!(!plug.set_up(rate, frames));
    }
}

#[test]
fn a_host_may_switch_on_before_it_names_rate_and_size() {
    let plug = Plug::with(SYNTH);
    // SAFETY: asked for as some hosts do.
    unsafe { assert_eq!(plug.component.setActive(1), kResultOk) };
    assert!(plug.set_up(96_000.0, 2048));
    // SAFETY: as above.
    unsafe { plug.processor.setProcessing(1) };
    let mut late = plug.play(2048, &[], &[(0, 60, true)])[0].clone();
    late.extend(&plug.play(2048, &[], &[])[0]);

    let usual = Plug::with(SYNTH);
    usual.activate(96_000.0, 2048);
    let mut wanted = usual.play(2048, &[], &[(0, 60, true)])[0].clone();
    wanted.extend(&usual.play(2048, &[], &[])[0]);
    assert!(loudest(&wanted) > 1e-4);
    assert!(late == wanted);
}

#[test]
fn buses_are_stereo_and_nothing_else() {
    for (class, inputs) in [(Instrument::VST3_ID, 1), (Effect::VST3_ID, 1)] {
        let plug = Plug::new(&class);
        let (mut stereo, mut mono) = ([3_u64; 2], [1_u64; 2]);
        let [stereo, mono] = [stereo.as_mut_ptr(), mono.as_mut_ptr()];
        // SAFETY: asked for as hosts do.
        unsafe {
            let set = |i, n, o, m| plug.processor.setBusArrangements(i, n, o, m);
            assert_eq!(set(stereo, inputs, stereo, 1), kResultTrue);
            assert_ne!(set(mono, inputs, stereo, 1), kResultTrue);
            assert_ne!(set(stereo, inputs, mono, 1), kResultTrue);
            assert_ne!(set(stereo, 2, stereo, 1), kResultTrue);
            assert_ne!(set(null_mut(), 0, stereo, 1), kResultTrue);
            assert_ne!(set(null_mut(), -1, null_mut(), -1), kResultTrue);
            let mut found = 0;
            for index in [-1, 1, 7] {
                assert_ne!(
                    plug.processor.getBusArrangement(0, index, &mut found),
                    kResultOk
                );
                let mut info = std::mem::zeroed();
                assert_ne!(plug.component.getBusInfo(0, 0, index, &mut info), kResultOk);
            }
            assert_eq!(
                plug.processor.getBusArrangement(1, 0, &mut found),
                kResultOk
            );
            assert_eq!(found, 3);
        }
    }
}

#[test]
fn the_effect_sends_its_input_through_the_patch() {
    let plug = Plug::new(&Effect::VST3_ID);
    assert!(plug.load(THROUGH.as_bytes()));
    plug.activate(48_000.0, FRAMES);
    let mut given: Vec<f32> = (0..FRAMES).map(|i| (i as f32 * 0.1).sin() * 0.5).collect();
    let mut other: Vec<f32> = given.iter().map(|x| -0.25 * x).collect();
    let wanted = [given.clone(), other.clone()];
    let (mut left, mut right) = (vec![9.0; FRAMES], vec![9.0; FRAMES]);
    // An unused slot: it cuts the block and changes nothing.
    let automation: Automation = vec![(host_id(1023), vec![(100, 0.5)])];
    plug.process(
        FRAMES,
        &automation,
        &[],
        Some(&mut [&mut given, &mut other]),
        Some(&mut [&mut left, &mut right]),
    );
    for (heard, wanted) in [left, right].iter().flatten().zip(wanted.iter().flatten()) {
        assert!((heard - wanted).abs() < 1e-6, "{heard} {wanted}");
    }
}
