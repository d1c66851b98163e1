//! Notes and automation land on their frame, and strange ones do no harm.

use std::ptr::null;

use clap_sys::events::{
    CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_MIDI_SYSEX, clap_event_header, clap_event_midi_sysex,
};

use super::{FRAMES, Plug, cutoff, loudest};
use crate::plugin::clap::events::{HeldNotes, InnerEvents};
use crate::plugin::clap::rig::{Happens, List, RawEvent};
use crate::plugin::processor::EVENT_CAPACITY;
use crate::plugin::rig::SYNTH;
use crate::plugin::slots::host_id;

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
