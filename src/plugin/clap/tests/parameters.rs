//! What hosts read of the parameters, and what they may set.

use std::ffi::c_char;

use clap_sys::ext::params::{
    CLAP_PARAM_IS_HIDDEN, CLAP_PARAM_RESCAN_INFO, CLAP_PARAM_RESCAN_TEXT, CLAP_PARAM_RESCAN_VALUES,
};

use super::{Plug, cutoff};
use crate::plugin::clap::copy_text;
use crate::plugin::clap::rig::Happens;
use crate::plugin::rig::{OTHER, SYNTH};
use crate::plugin::slots::host_id;

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
