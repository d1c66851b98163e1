//! Audio out against what it is fed.

use super::{RATE, steps};
use crate::catalog::{Level, Width};
use crate::rig::Rig;

fn wave(frame: u64, lane: usize) -> f32 {
    ((frame as f32 * 0.37 + lane as f32).sin() * 0.7 + (frame as f32 * 0.011).sin() * 0.3) * 0.999
}

#[test]
fn audio_out_is_transparent_below_full_scale() {
    let outputs = Rig::new("audio-out")
        .feed("left", wave)
        .feed("right", |frame, _| -wave(frame, 3))
        .run(2_000);
    for (frame, (left, right)) in outputs[0].iter().zip(&outputs[1]).enumerate() {
        assert_eq!(left.to_bits(), wave(frame as u64, 0).to_bits());
        assert_eq!(right.to_bits(), (-wave(frame as u64, 3)).to_bits());
    }
}

#[test]
fn audio_out_never_exceeds_full_scale() {
    let loud = |gain: f32| {
        Rig::new("audio-out")
            .feed("left", move |frame, _| gain * wave(frame, 0))
            .hold("level", 12.0)
    };
    for gain in [1.0, 30.0, 1e37] {
        let outputs = loud(gain).run(2_000);
        assert!(outputs[0].iter().all(|sample| sample.abs() <= 1.0));
        assert!(outputs[0].iter().any(|sample| sample.abs() > 0.9));
    }
    let free = loud(1.0).hold("limit", 0.0).run(2_000);
    assert!(
        free[0].iter().any(|sample| sample.abs() > 3.0),
        "the switch lets peaks through"
    );
}

#[test]
fn audio_out_turns_nonsense_into_silence() {
    for strange in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut rig = Rig::new("audio-out")
            .feed(
                "left",
                move |frame, _| if frame == 5 { strange } else { 0.25 },
            )
            .hold("right", 0.5);
        let outputs = rig.run(100);
        assert_eq!(
            (outputs[0][4], outputs[0][5], outputs[0][6]),
            (0.25, 0.0, 0.25)
        );
        assert!(outputs[1].iter().all(|sample| *sample == 0.5));
        assert_eq!(rig.health, crate::Health::FINE);
    }
}

#[test]
fn audio_out_balances_mutes_and_levels() {
    let fed = || Rig::new("audio-out").hold("left", 0.5).hold("right", 0.5);
    let outputs = fed().hold("balance", 0.5).run(10);
    assert_eq!((outputs[0][9], outputs[1][9]), (0.25, 0.5));
    let outputs = fed().hold("level", -20.0).run(10);
    assert!((outputs[0][9] - 0.05).abs() < 1e-6);
    assert_eq!(fed().hold("level", -60.0).run(10)[0], [0.0; 10]);
    assert_eq!(fed().hold("mute", 1.0).run(10)[0], [0.0; 10]);
    let outputs = fed()
        .feed("mute", |frame, _| if frame >= 100 { 1.0 } else { 0.0 })
        .run(1_000);
    assert_eq!((outputs[0][99], outputs[0][400]), (0.5, 0.0));
    assert!(steps(&outputs[0]) < 0.01, "without a click");
}

#[test]
fn audio_out_does_not_depend_on_cuts() {
    for set in Level::supported() {
        let still =
            || {
                let rig = Rig::with("audio-out", set, Width::One, RATE).hold("balance", 0.3);
                rig.feed("left", |frame, _| 2.0 * wave(frame, 6))
                    .feed("right", |frame, _| match frame {
                        70 | 700 => f32::NAN,
                        _ => wave(frame, 11),
                    })
            };
        let balanced = |rig: Rig| rig.feed("balance", |frame, _| (frame as f32 * 0.01).sin());
        let faded = |rig: Rig| rig.feed("level", |frame, _| frame as f32 * 0.09 - 70.0);
        let muted = |rig: Rig| rig.feed("mute", |frame, _| f32::from(u8::from(frame % 400 > 300)));
        let rigs: [&dyn Fn() -> Rig; 6] = [
            &still,
            &|| balanced(still()),
            &|| faded(still()),
            &|| balanced(faded(still())).hold("left", 0.9),
            &|| muted(still()),
            &|| faded(still()).feed("limit", |frame, _| (frame / 100 % 2) as f32),
        ];
        for (index, rig) in rigs.into_iter().enumerate() {
            let (whole, cut) = (rig().run(1_000), rig().run_cut(1_000, &[1, 9, 64, 30]));
            assert!(whole == cut, "{index}");
            assert!(whole.concat().iter().all(|sample| sample.is_finite()));
        }
    }
}
