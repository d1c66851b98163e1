//! States come back as they were saved, and damaged ones change nothing.

use super::{FRAMES, Plug, cutoff, loudest};
use crate::plugin::clap::instance;
use crate::plugin::clap::rig::Happens;
use crate::plugin::rig::{SYNTH, THROUGH, damaged};
use crate::plugin::slots::host_id;

#[test]
fn a_state_returns_as_it_was_saved_even_after_knobs_moved() {
    let plug = Plug::with(SYNTH);
    let first = plug.save();
    assert!(first.contains("800"), "{first}");
    let second = Plug::with(&first);
    assert_eq!(second.save(), first);

    plug.flush(&[
        Happens::Value(0, cutoff(), 0.3),
        Happens::Value(0, host_id(2), 1.0),
    ]);
    let moved = plug.save();
    assert_ne!(moved, first);
    let third = Plug::with(&moved);
    assert_eq!(third.save(), moved);
    for slot in 0..16 {
        let (a, b) = (
            plug.value(host_id(slot)).unwrap(),
            third.value(host_id(slot)).unwrap(),
        );
        assert!((a - b).abs() < 1e-6);
        assert_eq!(plug.text(host_id(slot), a), third.text(host_id(slot), b));
        assert_eq!(plug.name(slot as u32), third.name(slot as u32));
    }
}

#[test]
fn a_damaged_state_leaves_the_old_patch_playing_and_is_kept() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    let before = plug.save();
    plug.play(FRAMES, &[Happens::On(0, 60)]);
    plug.host.rescans.borrow_mut().clear();
    for bytes in damaged() {
        assert!(!plug.load(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(plug.save(), before);
        // SAFETY: the plugin lives.
        let kept = unsafe { instance(plug.plugin) }.unwrap().shared.rescued();
        assert_eq!(kept, Some(bytes));
    }
    assert!(plug.host.rescans.borrow().is_empty());
    let mut heard = 0.0_f32;
    for _ in 0..20 {
        heard = heard.max(loudest(&plug.play(FRAMES, &[])[0]));
    }
    assert!(heard > 0.01);
    plug.deactivate();
}

/// Plays a note with automation and gives both sides.
fn performance(plug: &Plug) -> [Vec<f32>; 2] {
    plug.activate(48_000.0, FRAMES);
    let mut sound = [Vec::new(), Vec::new()];
    for block in 0..40_u32 {
        let events = match block {
            0 => vec![Happens::On(17, 57), Happens::Value(100, cutoff(), 0.9)],
            9 => vec![Happens::Value(3, cutoff(), 0.4), Happens::On(200, 64)],
            25 => vec![Happens::Off(0, 57), Happens::Off(5, 64)],
            _ => vec![],
        };
        for (whole, part) in sound.iter_mut().zip(plug.play(FRAMES, &events)) {
            whole.extend(part);
        }
    }
    plug.deactivate();
    sound
}

#[test]
fn a_loaded_state_sounds_bit_for_bit_like_the_saved_one() {
    let plug = Plug::with(SYNTH);
    plug.flush(&[Happens::Value(0, host_id(1), 0.7)]);
    let copy = Plug::with(&plug.save());
    let (a, b) = (performance(&plug), performance(&copy));
    assert!(loudest(&a[0]) > 0.01);
    assert!(a == b);
}

#[test]
fn a_state_loaded_while_playing_is_heard_in_the_next_block() {
    let plug = Plug::with(THROUGH);
    plug.activate(48_000.0, FRAMES);
    assert_eq!(loudest(&plug.play(FRAMES, &[Happens::On(0, 60)])[0]), 0.0);
    for _ in 0..3 {
        assert!(plug.load(SYNTH.as_bytes()));
    }
    let mut heard = loudest(&plug.play(FRAMES, &[Happens::On(0, 60)])[0]);
    for _ in 0..10 {
        heard = heard.max(loudest(&plug.play(FRAMES, &[])[0]));
    }
    assert!(heard > 0.01);
    plug.deactivate();
}

#[test]
fn many_states_loaded_while_the_audio_stands_still_end_in_the_last() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    for _ in 0..12 {
        assert!(plug.load(SYNTH.as_bytes()));
    }
    assert!(plug.load(THROUGH.as_bytes()));
    let mut heard = loudest(&plug.play(FRAMES, &[Happens::On(0, 60)])[0]);
    for _ in 0..10 {
        heard = heard.max(loudest(&plug.play(FRAMES, &[])[0]));
    }
    assert_eq!(heard, 0.0);
    plug.deactivate();
}
