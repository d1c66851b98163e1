//! Blocks and buses of every shape, and what is heard on them.

use clap_sys::process::CLAP_PROCESS_ERROR;

use super::{FRAMES, Plug, loudest};
use crate::plugin::clap::rig::Happens;
use crate::plugin::rig::{SYNTH, THROUGH};
use crate::plugin::slots::host_id;

#[test]
fn blocks_and_buses_of_every_shape_work() {
    let plug = Plug::with(SYNTH);
    let (mut a, mut b, mut c, mut d) = (
        [0.0_f32; FRAMES],
        [0.0_f32; FRAMES],
        [0.0_f32; FRAMES],
        [0.0_f32; FRAMES],
    );
    assert_eq!(
        plug.process(64, &[], None, Some(&mut [&mut a[..], &mut b[..]])),
        CLAP_PROCESS_ERROR,
        "switched off"
    );
    for rate in [8_000.0, 44_100.0, 384_000.0] {
        for frames in [FRAMES, 1] {
            plug.activate(rate, frames);
            let events = [Happens::On(0, 60)];
            plug.process(frames, &events, None, Some(&mut [&mut a[..], &mut b[..]]));
            plug.process(0, &[], None, Some(&mut [&mut a[..], &mut b[..]]));
            plug.process(frames, &[], None, Some(&mut [&mut a[..]]));
            plug.process(frames, &[], None, None);
            plug.process(frames, &[], Some(&mut [&mut c[..]]), Some(&mut []));
            plug.process(
                frames,
                &[],
                Some(&mut [&mut c[..]]),
                Some(&mut [&mut a[..], &mut b[..], &mut d[..]]),
            );
            assert_eq!(
                plug.process(frames + 1, &[], None, Some(&mut [&mut a[..], &mut b[..]])),
                CLAP_PROCESS_ERROR,
                "more frames than announced"
            );
            assert!(loudest(&a).is_finite());
            plug.deactivate();
        }
    }
}

#[test]
fn a_mono_host_hears_the_middle_of_both_sides() {
    let stereo = Plug::with(SYNTH);
    let mono = Plug::with(SYNTH);
    stereo.activate(48_000.0, FRAMES);
    mono.activate(48_000.0, FRAMES);
    let events = [Happens::On(0, 60)];
    for _ in 0..4 {
        let [left, right] = stereo.play(FRAMES, &events);
        let mut only = [9.0; FRAMES];
        mono.process(FRAMES, &events, None, Some(&mut [&mut only[..]]));
        for ((left, right), only) in left.iter().zip(&right).zip(&only) {
            assert_eq!(0.5 * (left + right), *only);
        }
    }
}

#[test]
fn the_sidechain_stays_silent_unless_the_patch_uses_it() {
    let plug = Plug::with(SYNTH);
    plug.activate(48_000.0, FRAMES);
    let (mut a, mut b) = ([0.0_f32; FRAMES], [0.0_f32; FRAMES]);
    let (mut c, mut d) = ([0.5_f32; FRAMES], [-0.5_f32; FRAMES]);
    for _ in 0..4 {
        let sidechain = &mut [&mut c[..], &mut d[..]];
        plug.process(
            FRAMES,
            &[],
            Some(sidechain),
            Some(&mut [&mut a[..], &mut b[..]]),
        );
        assert_eq!((loudest(&a), loudest(&b)), (0.0, 0.0));
    }
}

#[test]
fn the_effect_sends_its_input_through_the_patch() {
    let plug = Plug::new("org.weft-synth.weft-fx");
    assert!(plug.load(THROUGH.as_bytes()));
    plug.activate(48_000.0, FRAMES);
    let mut given: Vec<f32> = (0..FRAMES).map(|i| (i as f32 * 0.1).sin() * 0.5).collect();
    let mut other: Vec<f32> = given.iter().map(|x| -0.25 * x).collect();
    let wanted = [given.clone(), other.clone()];
    let (mut left, mut right) = (vec![9.0; FRAMES], vec![9.0; FRAMES]);
    // An unused slot: it cuts the block and changes nothing.
    let events = [Happens::Value(100, host_id(1023), 0.5)];
    plug.process(
        FRAMES,
        &events,
        Some(&mut [&mut given, &mut other]),
        Some(&mut [&mut left, &mut right]),
    );
    for (heard, wanted) in [left, right].iter().flatten().zip(wanted.iter().flatten()) {
        assert!((heard - wanted).abs() < 1e-6, "{heard} {wanted}");
    }
}
