//! The delay against arithmetic.

use crate::kit::beats::division;
use crate::rig::Rig;

const RATE: f32 = 48_000.0;

/// Wet only, no tone, times of 10 and 6 ms.
fn clean() -> Rig {
    let rig = Rig::new("delay")
        .hold("mix", 1.0)
        .hold("high-cut", 20_000.0)
        .hold("low-cut", 10.0);
    rig.hold("time-left", 0.01).hold("time-right", 0.006)
}
fn impulse(frame: u64, _: usize) -> f32 {
    if frame == 0 { 1.0 } else { 0.0 }
}
fn sine(frame: u64, _: usize) -> f32 {
    (std::f64::consts::TAU * 440.0 / f64::from(RATE) * frame as f64).sin() as f32 * 0.5
}
/// Frames and values of what is not silent.
fn echoes(signal: &[f32]) -> Vec<(usize, f32)> {
    signal
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, sample)| *sample != 0.0)
        .collect()
}
/// The sharpest corner of a signal, where clicks are.
fn corner(signal: &[f32]) -> f32 {
    signal
        .windows(3)
        .map(|at| (at[2] - 2.0 * at[1] + at[0]).abs())
        .fold(0.0, f32::max)
}

#[test]
fn echoes_come_on_their_exact_samples() {
    let outputs = clean()
        .hold("feedback", 0.5)
        .feed("left", impulse)
        .feed("right", impulse)
        .run(1_600);
    assert_eq!(echoes(&outputs[0]), [(480, 1.0), (960, 0.5), (1_440, 0.25)]);
    assert_eq!(
        echoes(&outputs[1])[..3],
        [(288, 1.0), (576, 0.5), (864, 0.25)]
    );
    for (seconds, frames) in [
        (0.001, 48),
        (0.3, 14_400),
        (0.375, 18_000),
        (0.7, 33_600),
        (4.0, 192_000),
    ] {
        let outputs = clean()
            .hold("feedback", 0.0)
            .hold("time-left", seconds)
            .feed("left", impulse)
            .run(192_100);
        assert_eq!(echoes(&outputs[0]), [(frames, 1.0)], "{seconds} s");
    }
}

#[test]
fn dry_and_wet_mix_as_they_say() {
    let outputs = clean().hold("mix", 0.0).feed("left", sine).run(500);
    assert!(
        (0..500).all(|frame| outputs[0][frame] == sine(frame as u64, 0)),
        "dry is untouched"
    );
    let outputs = clean()
        .hold("mix", 0.25)
        .hold("feedback", 0.0)
        .feed("left", impulse)
        .run(500);
    assert_eq!(echoes(&outputs[0]), [(0, 0.75), (480, 0.25)]);
}

#[test]
fn calls_that_are_echoed_in_one_pass_sound_as_others_do() {
    let cut = |rig: Rig, cuts: &[usize]| {
        let mut rig = rig
            .feed("left", sine)
            .feed("right", |frame, _| 0.9 * sine(3 * frame, 0));
        rig.run_cut(9_000, cuts)
    };
    fn still() -> Rig {
        clean()
            .hold("mix", 0.4)
            .hold("width", 0.6)
            .hold("feedback", 0.4)
    }
    // From 0 to 1 and back, another way for each param.
    fn wave(speed: u64) -> impl Fn(u64, usize) -> f32 {
        move |frame, _| 0.5 + sine(frame * speed, 0)
    }
    let rigs: [fn() -> Rig; 8] = [
        still,
        || still().hold("high-cut", 3_000.0),
        // In the end it is limited.
        || still().hold("feedback", 1.0).hold("high-cut", 5_000.0),
        || still().hold("time-left", 0.007_01),
        || still().feed("feedback", wave(1)),
        || still().feed("width", wave(2)).feed("mix", wave(3)),
        || {
            let moved = still().feed("width", wave(2)).feed("mix", wave(3));
            moved.feed("feedback", wave(1)).hold("high-cut", 3_000.0)
        },
        || still().feed("feedback", |frame, lane| 0.6 + wave(1)(frame, lane)),
    ];
    for (index, rig) in rigs.into_iter().enumerate() {
        let (whole, odd) = (cut(rig(), &[64]), cut(rig(), &[61, 3, 17]));
        for (whole, odd) in whole.iter().zip(&odd) {
            assert!(whole.iter().any(|sample| *sample != 0.0));
            for (frame, (whole, odd)) in whole.iter().zip(odd).enumerate() {
                assert_eq!(whole.to_bits(), odd.to_bits(), "{index} at {frame}");
            }
        }
    }
}

#[test]
fn modes_send_echoes_where_they_belong() {
    let rig = || clean().hold("feedback", 0.5).feed("left", impulse);
    let outputs = rig().run(1_000);
    assert!(echoes(&outputs[1]).is_empty(), "sides are apart in stereo");
    let outputs = rig().choose("mode", "ping-pong").run(1_500);
    assert_eq!(echoes(&outputs[0])[..2], [(480, 0.5), (1_248, 0.125)]);
    assert_eq!(echoes(&outputs[1])[0], (768, 0.25));
    let outputs = rig().choose("mode", "mono").hold("link", 1.0).run(1_000);
    assert_eq!(echoes(&outputs[0]), [(480, 1.0), (960, 0.5)]);
    assert_eq!(
        outputs[0], outputs[1],
        "a mono sound is heard on both sides"
    );
    let outputs = rig().hold("width", 0.0).run(600);
    assert_eq!(
        (outputs[0][480], outputs[1][480]),
        (0.5, 0.5),
        "no width is mono"
    );
}

#[test]
fn synced_echoes_follow_the_tempo() {
    let synced = |name: &str, tempo: f64| {
        let mut rig = clean()
            .hold("sync", 1.0)
            .hold("feedback", 0.0)
            .feed("left", impulse);
        rig.transport.tempo = tempo;
        let first = division("1 bar");
        rig.hold("length-left", (division(name) - first) as f32)
            .run(192_100)
    };
    for (name, tempo, frame) in [
        ("1/8 dotted", 120.0, 18_000),
        ("1/4", 120.0, 24_000),
        ("1/4", 90.0, 32_000),
        ("1/16 triplet", 125.0, 3_840),
    ] {
        assert_eq!(
            echoes(&synced(name, tempo)[0]),
            [(frame, 1.0)],
            "{name} at {tempo}"
        );
    }
    assert_eq!(
        echoes(&synced("1 bar", 40.0)[0]),
        [(144_000, 1.0)],
        "6 s do not fit, 3 s do"
    );
}

#[test]
fn a_singing_loop_stays_bounded() {
    for (high, low) in [(20_000.0, 10.0), (3_000.0, 200.0)] {
        let rig = clean()
            .hold("feedback", 1.1)
            .hold("high-cut", high)
            .hold("low-cut", low)
            .hold("mod-depth", 0.002);
        let outputs = rig
            .feed("left", |frame, _| {
                if frame < 4_800 {
                    sine(frame, 0) * 20.0
                } else {
                    0.0
                }
            })
            .run(480_000);
        let late = &outputs[0][400_000..];
        assert!(
            late.iter().all(|sample| sample.abs() <= 1.01),
            "{:?}",
            late.iter().copied().fold(0.0, f32::max)
        );
        if high > 10_000.0 {
            assert!(late.iter().any(|sample| sample.abs() > 0.3), "it sings on");
        }
    }
    let outputs = clean()
        .hold("feedback", 0.9)
        .feed("left", impulse)
        .run(480_000);
    assert!(
        outputs[0][470_000..]
            .iter()
            .all(|sample| sample.abs() < 1e-4),
        "below 100 % it dies away"
    );
}

#[test]
fn tone_in_the_loop_matches_its_closed_form() {
    let mut rig = clean()
        .hold("feedback", 0.0)
        .hold("high-cut", 4_000.0)
        .feed("left", impulse);
    let echo = rig.run(2_000)[0][480..].to_vec();
    let share = 1.0 - (-std::f64::consts::TAU * 4_000.0 / f64::from(RATE)).exp();
    for (frame, sample) in echo.iter().take(60).enumerate() {
        let expected = share * (1.0 - share).powi(frame as i32);
        assert!(
            (f64::from(*sample) - expected).abs() < 2e-6,
            "{frame}: {sample} {expected}"
        );
    }
    let mut rig = clean()
        .hold("feedback", 0.0)
        .hold("low-cut", 500.0)
        .hold("left", 1.0);
    let echo = rig.run(20_000)[0].clone();
    assert!(
        echo[480] > 0.9 && echo[19_999].abs() < 1e-3,
        "a low cut stops what does not move"
    );
}

#[test]
fn a_new_time_does_not_click() {
    let moved = |change: &str, from: f32, to: f32| {
        let rig = clean()
            .hold("feedback", 0.0)
            .choose("change", change)
            .feed("left", sine);
        let mut rig = rig.feed(
            "time-left",
            move |frame, _| if frame < 48_000 { from } else { to },
        );
        rig.run(192_000)[0][24_000..].to_vec()
    };
    let plain = corner(&moved("tape", 0.2, 0.2));
    for (from, to) in [(0.2, 0.35), (0.35, 0.2), (0.01, 0.4), (0.4, 0.01)] {
        let tape = moved("tape", from, to);
        // A tape that runs four times as fast bends sixteen times as sharply.
        assert!(
            corner(&tape) < plain * 16.5,
            "{from} to {to}: {} {plain}",
            corner(&tape)
        );
        let fade = moved("fade", from, to);
        assert!(
            corner(&fade) < plain * 1.6,
            "{from} to {to}: {} {plain}",
            corner(&fade)
        );
        for signal in [tape, fade] {
            let lag = (f64::from(to) * f64::from(RATE)).round() as u64;
            let end = 192_000 - 1;
            assert!(
                (signal[signal.len() - 1] - sine(end - lag, 0)).abs() < 1e-6,
                "it arrives exactly"
            );
        }
    }
}

#[test]
fn swing_moves_the_pitch_and_no_more() {
    let mut rig = clean()
        .hold("feedback", 0.0)
        .hold("mod-depth", 0.003)
        .hold("mod-rate", 2.0)
        .feed("left", sine);
    let outputs = rig.run(48_000);
    let swung = &outputs[0][4_800..];
    // 3 ms at 2 Hz stretch time by up to 2 pi 2 Hz 3 ms = 3.8 %.
    let plain = corner(&(0..4_800).map(|frame| sine(frame, 0)).collect::<Vec<_>>());
    assert!(corner(swung) < plain * 1.05f32.powi(2) && corner(swung) > plain * 1.03f32.powi(2));
    assert!(swung.iter().all(|sample| sample.abs() < 0.501));
}

#[test]
fn times_between_samples_are_kept() {
    // 100.5 frames: a sine is behind by just that.
    let mut rig = clean()
        .hold("feedback", 0.0)
        .hold("time-left", 100.5 / RATE)
        .feed("left", sine);
    let outputs = rig.run(2_000);
    for (frame, sample) in outputs[0].iter().enumerate().skip(500) {
        let expected =
            (std::f64::consts::TAU * 440.0 / f64::from(RATE) * (frame as f64 - 100.5)).sin() * 0.5;
        assert!((f64::from(*sample) - expected).abs() < 1e-5);
    }
}
