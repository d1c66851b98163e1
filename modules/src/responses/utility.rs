//! Levels, sums and slopes.

use crate::catalog::{Level, Width};
use crate::rig::Rig;

fn wave(frame: u64) -> f32 {
    (frame as f32 * 0.137).sin()
}

#[test]
fn vca_multiplies_by_its_level() {
    let moving = |frame: u64| 0.5 + 0.5 * (frame as f32 * 0.01).cos();
    let outs = Rig::new("vca")
        .feed("in", |frame, _| wave(frame))
        .feed("level", move |frame, _| moving(frame))
        .run(700);
    assert!((0..700).all(|frame| outs[0][frame] == wave(frame as u64) * moving(frame as u64)));
    let closed = Rig::new("vca").feed("in", |frame, _| wave(frame)).run(100);
    assert!(
        closed[0].iter().all(|out| *out == 0.0),
        "a fresh one is closed"
    );
}

#[test]
fn vca_responds_to_loudness() {
    for step in 0..=100 {
        let level = step as f32 / 100.0;
        let out = Rig::new("vca")
            .hold("in", 1.0)
            .hold("level", level)
            .choose("response", "exponential")
            .run(1)[0][0];
        let want = (1000f64.powf(f64::from(level)) - 1.0) / 999.0;
        assert!(
            (f64::from(out) - want).abs() < 2e-6,
            "level {level}: {out} for {want}"
        );
    }
}

#[test]
fn mixer_sums_levels_and_pans() {
    let mut rig = Rig::new("mixer").hold("level", -6.0);
    for channel in 1..=6u64 {
        rig = rig
            .feed(&format!("in-{channel}"), move |frame, _| {
                wave(frame * channel)
            })
            .hold(&format!("level-{channel}"), -(channel as f32))
            .hold(&format!("pan-{channel}"), -1.0 + 0.4 * (channel - 1) as f32)
            .hold(
                &format!("mute-{channel}"),
                if channel == 3 { 1.0 } else { 0.0 },
            );
    }
    let outs = rig.run(200);
    for frame in 0..200 {
        let mut want = [0.0f64; 3];
        for channel in [1u64, 2, 4, 5, 6] {
            let sound =
                f64::from(wave(frame * channel)) * 10f64.powf((-6.0 - channel as f64) / 20.0);
            let angle = 0.4 * (channel - 1) as f64 / 2.0 * std::f64::consts::FRAC_PI_2;
            want[0] += sound;
            want[1] += sound * angle.cos();
            want[2] += sound * angle.sin();
        }
        for (out, want) in outs.iter().zip(want) {
            assert!((f64::from(out[frame as usize]) - want).abs() < 2e-6);
        }
    }
}

#[test]
fn mixer_is_silent_at_its_lowest_level_and_mutes_without_a_click() {
    let silent = Rig::new("mixer")
        .hold("in-2", 1.0)
        .hold("level-2", -60.0)
        .run(10);
    assert!(silent.iter().flatten().all(|out| *out == 0.0));
    let muted = Rig::new("mixer")
        .hold("in-1", 1.0)
        .feed("mute-1", |frame, _| if frame < 100 { 0.0 } else { 1.0 })
        .run(1_000);
    assert!(muted[0][99] == 1.0 && muted[0][100 + 240..].iter().all(|out| *out == 0.0));
    assert!(
        muted[0]
            .windows(2)
            .all(|pair| (pair[1] - pair[0]).abs() < 0.005)
    );
}

#[test]
fn scale_and_multiply_are_arithmetic() {
    let scaled = Rig::new("scale")
        .feed("in", |frame, _| wave(frame))
        .hold("gain", -2.5)
        .hold("offset", 0.75)
        .run(100);
    for (frame, out) in scaled[0].iter().enumerate() {
        assert!((out - (0.75 - 2.5 * wave(frame as u64))).abs() < 1e-6);
    }
    for amount in [0.0f32, 0.5, 1.0] {
        let product = Rig::new("multiply")
            .feed("a", |frame, _| wave(frame))
            .feed("b", |frame, _| wave(3 * frame))
            .hold("amount", amount)
            .run(100);
        for frame in 0..100u64 {
            let want = wave(frame) * (1.0 - amount + amount * wave(3 * frame));
            assert!((product[0][frame as usize] - want).abs() < 1e-6);
        }
    }
}

#[test]
fn slew_takes_its_time_up_and_down() {
    for (rise, fall, sample_rate) in [
        (0.1f32, 0.3f32, 48_000.0f32),
        (5.0, 8.0, 44_100.0),
        (20.0, 0.0, 48_000.0),
    ] {
        let (up, down) = ((rise * sample_rate) as usize, (fall * sample_rate) as usize);
        let turn = up + 10;
        let outs = Rig::with("slew", Level::detect(), Width::One, sample_rate)
            .hold("rise", rise)
            .hold("fall", fall)
            .feed(
                "in",
                move |frame, _| if frame < turn as u64 { 1.0 } else { 0.0 },
            )
            .run(turn + down + 10);
        let top = outs[0].iter().position(|out| *out >= 1.0).expect("arrives") + 1;
        assert!(
            top.abs_diff(up) <= 1,
            "rise of {rise} s arrives after {top} frames"
        );
        let zero = outs[0][turn..]
            .iter()
            .position(|out| *out == 0.0)
            .expect("arrives")
            + 1;
        assert!(
            zero.abs_diff(down.max(1)) <= 1,
            "fall of {fall} s arrives after {zero} frames"
        );
        let half = outs[0][up / 2 - 1];
        assert!(
            (half - 0.5).abs() < 1e-4,
            "half way after half the time: {half}"
        );
    }
}

#[test]
fn exponential_slew_is_a_charging_capacitor() {
    for seconds in [0.001f32, 0.1, 20.0] {
        let length = (seconds * 48_000.0 * 1.5) as usize;
        let outs = Rig::new("slew")
            .choose("shape", "exponential")
            .hold("rise", seconds)
            .hold("in", 0.8)
            .run(length + 1);
        for tenth in 1..=10 {
            let frame = length / 10 * tenth;
            let want =
                0.8 * (1.0 - (-((frame + 1) as f64) / (f64::from(seconds) * 48_000.0)).exp());
            let got = f64::from(outs[0][frame]);
            assert!(
                (got - want).abs() < 3e-6,
                "{seconds} s at {frame}: {got} for {want}"
            );
        }
    }
    let at_once = Rig::new("slew")
        .choose("shape", "exponential")
        .hold("rise", 0.0)
        .hold("in", 0.8)
        .run(2);
    assert_eq!(at_once[0], [0.8, 0.8]);
}
