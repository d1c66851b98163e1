//! The reverb against what rooms do.

use crate::catalog::{Level, Width};
use crate::rig::Rig;
use std::f64::consts::{PI, TAU};

fn room(rate: f32) -> Rig {
    let rig = Rig::with("reverb", Level::detect(), Width::One, rate)
        .hold("mix", 1.0)
        .hold("pre-delay", 0.0);
    rig.hold("low-cut", 10.0).hold("early", 0.0)
}
fn impulse(frame: u64, _: usize) -> f32 {
    if frame == 0 { 1.0 } else { 0.0 }
}
/// White noise from a fixed seed.
fn noise(frame: u64, _: usize) -> f32 {
    let mut h = (frame as u32).wrapping_mul(0x9e37_79b9) ^ 0x55aa_1234;
    h = (h ^ h >> 16).wrapping_mul(0x7feb_352d);
    h = (h ^ h >> 15).wrapping_mul(0x846c_a68b);
    ((h ^ h >> 16) as f32 / u32::MAX as f32 - 0.5) * 0.7
}
fn energy(signal: &[f32]) -> f64 {
    signal.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

/// A band around a frequency: the band-pass of Bristow-Johnson's cookbook.
fn band(signal: &[f32], hertz: f64, q: f64, rate: f32) -> Vec<f32> {
    let omega = TAU * hertz / f64::from(rate);
    let alpha = omega.sin() / (2.0 * q);
    let (a0, a1, a2) = (1.0 + alpha, -2.0 * omega.cos(), 1.0 - alpha);
    let (mut s1, mut s2) = (0.0, 0.0);
    signal
        .iter()
        .map(|sample| {
            let x = f64::from(*sample);
            let y = (alpha * x + s1) / a0;
            s1 = s2 - a1 * y;
            s2 = -alpha * x - a2 * y;
            y as f32
        })
        .collect()
}

/// Reverberation time from the slope of the backward integral between -5 and -35 dB (Schroeder 1965,
/// ISO 3382 T30).
fn rt60(signal: &[f32], rate: f32) -> f64 {
    let mut rest = 0.0;
    let mut curve: Vec<f64> = signal
        .iter()
        .rev()
        .map(|sample| {
            rest += f64::from(*sample).powi(2);
            rest
        })
        .collect();
    curve.reverse();
    let level = |frame: usize| 10.0 * (curve[frame] / curve[0]).log10();
    let points: Vec<(f64, f64)> = (0..curve.len())
        .step_by(16)
        .map(|frame| (frame as f64 / f64::from(rate), level(frame)))
        .filter(|(_, level)| (-35.0..=-5.0).contains(level))
        .collect();
    let count = points.len() as f64;
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / count;
    let (time, height) = (mean(&|point| point.0), mean(&|point| point.1));
    let slope = mean(&|point| (point.0 - time) * (point.1 - height))
        / mean(&|point| (point.0 - time).powi(2));
    -60.0 / slope
}

fn measured(mut rig: Rig, decay: f32, hertz: f64, q: f64) -> f64 {
    let rate = rig.sample_rate;
    rig = rig.hold("decay", decay).feed("left", impulse);
    let outputs = rig.run((decay * 1.3 * rate) as usize + 4_000);
    rt60(&band(&outputs[0], hertz, q, rate), rate)
}

#[test]
fn the_decay_time_is_what_it_says() {
    for (decay, size, rate) in [
        (0.3, 0.2, 48_000.0),
        (1.0, 0.0, 48_000.0),
        (1.0, 0.6, 48_000.0),
        (2.5, 0.6, 48_000.0),
        (2.5, 1.0, 44_100.0),
        (8.0, 0.5, 48_000.0),
        (2.0, 0.6, 96_000.0),
        (2.0, 0.1, 8_000.0),
        (60.0, 0.6, 48_000.0),
    ] {
        let got = measured(room(rate).hold("size", size), decay, 1_000.0, 1.4);
        assert!(
            (got / f64::from(decay) - 1.0).abs() < 0.1,
            "{decay} s, size {size} at {rate} Hz: {got} s"
        );
    }
    for hertz in [125.0, 500.0, 4_000.0] {
        let got = measured(room(48_000.0).hold("damping", 0.0), 2.0, hertz, 1.4);
        assert!(
            (got / 2.0 - 1.0).abs() < 0.1,
            "without damping all frequencies last alike: {hertz} Hz {got} s"
        );
    }
}

#[test]
fn highs_die_sooner_by_the_damping() {
    let (decay, from) = (2.0f64, 3_000.0f64);
    // What a line of the network's mean length loses in one pass, in dB: at all frequencies, and by the
    // shelf that takes it from there to the decay of the highs.
    let mean = (0.150 - 0.045) / (0.150f64 / 0.045).ln() * 0.12f64.powf(0.4);
    let flat = 60.0 * mean / decay;
    for damping in [0.25, 0.5, 0.75] {
        let shelf = flat * (1.0 / (1.0 - damping) - 1.0);
        let floor = 10f64.powf(-shelf / 10.0);
        for hertz in [1_000.0, 3_000.0, 8_000.0] {
            let rig = room(48_000.0)
                .hold("damping", damping as f32)
                .hold("damping-from", from as f32);
            let got = measured(rig.hold("mod-depth", 0.0), decay as f32, hertz, 6.0);
            let warped = |hertz: f64| (PI * hertz / 48_000.0).tan();
            let ratio = (warped(hertz) / warped(from)).powi(2);
            let highs = 10.0 * ((1.0 + ratio) / (1.0 + floor * ratio)).log10();
            let expected = decay * flat / (flat + highs);
            assert!(
                (got / expected - 1.0).abs() < 0.15,
                "{damping} at {hertz} Hz: {got} s, not {expected} s"
            );
        }
    }
}

/// Share of samples outside one deviation in 20 ms, against that of noise (Abel and Huang, "A simple,
/// robust measure of reverberation echo density", AES 2006). 1 is as dense as noise.
fn echo_density(signal: &[f32], at: usize, rate: f32) -> f64 {
    let window = &signal[at..at + (0.02 * rate) as usize];
    let deviation = (energy(window) / window.len() as f64).sqrt();
    let outside = window
        .iter()
        .filter(|sample| f64::from(sample.abs()) > deviation)
        .count();
    outside as f64 / window.len() as f64 / 0.3173
}

#[test]
fn echoes_are_soon_as_dense_as_noise() {
    let rate = 48_000.0;
    let mut rig = room(rate)
        .hold("early", 0.5)
        .hold("diffusion", 1.0)
        .feed("left", impulse);
    let outputs = rig.run(48_000);
    for side in &outputs {
        let densities: Vec<f64> = [0.05, 0.08, 0.12, 0.2, 0.3, 0.6]
            .iter()
            .map(|seconds| echo_density(side, (seconds * rate) as usize, rate))
            .collect();
        assert!(densities[0] > 0.7, "{densities:?}");
        assert!(
            densities[2..]
                .iter()
                .all(|density| (0.88..1.15).contains(density)),
            "{densities:?}"
        );
    }
}

#[test]
fn the_tail_does_not_flutter() {
    // A repeating pattern in the tail would show as a peak of its autocorrelation.
    let outputs = room(48_000.0)
        .hold("damping", 0.0)
        .hold("decay", 4.0)
        .feed("left", impulse)
        .run(72_000);
    let tail = &outputs[0][14_400..52_800];
    let whole = energy(tail);
    let worst = (48..12_000)
        .map(|lag| {
            let product: f64 = tail
                .iter()
                .zip(&tail[lag..])
                .map(|(a, b)| f64::from(a * b))
                .sum();
            (product / whole).abs()
        })
        .fold(0.0, f64::max);
    assert!(worst < 0.12, "{worst}");
}

#[test]
fn the_sides_are_unlike_and_alike_loud() {
    let correlation = |outputs: &[Vec<f32>]| {
        let (left, right) = (&outputs[0][4_800..], &outputs[1][4_800..]);
        let product: f64 = left.iter().zip(right).map(|(a, b)| f64::from(a * b)).sum();
        (
            product / (energy(left) * energy(right)).sqrt(),
            energy(left) / energy(right),
        )
    };
    let fed = || room(48_000.0).feed("left", impulse).feed("right", impulse);
    let (alike, balance) = correlation(&fed().run(48_000));
    assert!(alike.abs() < 0.15, "{alike}");
    assert!((0.7..1.4).contains(&balance), "{balance}");
    let (alike, _) = correlation(&fed().hold("width", 0.0).run(48_000));
    assert!(alike > 0.999, "no width is mono: {alike}");
    let (_, balance) = correlation(&room(48_000.0).feed("left", impulse).run(48_000));
    assert!(
        (0.6..1.6).contains(&balance),
        "a sound on one side fills both: {balance}"
    );
}

#[test]
fn freezing_keeps_the_sound_for_ever() {
    let mut rig = room(48_000.0)
        .hold("mod-depth", 1.0)
        .hold("decay", 3.0)
        .feed("left", noise)
        .feed("right", noise);
    rig = rig.feed("freeze", |frame, _| if frame >= 48_000 { 1.0 } else { 0.0 });
    let outputs = rig.run(48_000 * 40);
    let loudness = |second: usize| energy(&outputs[0][second * 48_000..(second + 1) * 48_000]);
    let (early, late) = (loudness(3), loudness(39));
    assert!((late / early - 1.0).abs() < 0.02, "{early} {late}");
    assert!(early > 1.0);
    let step = outputs[0][47_000..50_000]
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f32::max);
    let before = outputs[0][40_000..47_000]
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f32::max);
    assert!(
        step < before * 1.5,
        "freezing does not click: {step} {before}"
    );
}

#[test]
fn loudness_stays_sensible_at_any_setting() {
    for (decay, size) in [(0.3, 0.1), (1.0, 0.6), (2.5, 0.6), (10.0, 0.8), (60.0, 1.0)] {
        let rig = room(48_000.0)
            .hold("decay", decay)
            .hold("size", size)
            .feed("left", noise)
            .feed("right", noise);
        let outputs = rig.hold("early", 0.4).run(48_000 * 6);
        let last = 48_000 * 5;
        let dry: f64 = (last as u64..48_000 * 6)
            .map(|frame| f64::from(noise(frame, 0)).powi(2))
            .sum();
        let level = 10.0 * (energy(&outputs[0][last..]) / dry).log10();
        assert!(
            (-12.0..6.0).contains(&level),
            "{decay} s, size {size}: {level} dB"
        );
    }
}

#[test]
fn extremes_stay_bounded() {
    for rate in [8_000.0, 384_000.0] {
        for size in [0.0, 1.0] {
            for decay in [0.1, 60.0] {
                let mut rig = room(rate)
                    .hold("size", size)
                    .hold("decay", decay)
                    .hold("damping", 0.0)
                    .hold("mod-depth", 1.0);
                rig = rig
                    .hold("mod-rate", 5.0)
                    .hold("diffusion", size)
                    .hold("high-cut", 20_000.0);
                rig = rig.feed(
                    "left",
                    |frame, _| if frame < 2_000 { noise(frame, 0) } else { 0.0 },
                );
                let outputs = rig.run(40_000);
                let peak = outputs
                    .iter()
                    .flatten()
                    .fold(0.0f32, |peak, sample| peak.max(sample.abs()));
                assert!(peak < 4.0 && peak > 0.0, "{rate} {size} {decay}: {peak}");
            }
        }
    }
    let mut rig = room(48_000.0)
        .hold("decay", 0.1)
        .feed("left", |_, _| f32::MAX)
        .feed("right", |_, _| f32::MIN);
    assert!(
        rig.run(20_000)
            .iter()
            .flatten()
            .all(|sample| sample.is_finite())
    );
}

#[test]
fn moving_the_walls_does_not_click() {
    let sine = |frame: u64, _: usize| (TAU * 220.0 / 48_000.0 * frame as f64).sin() as f32 * 0.5;
    let corner = |signal: &[f32]| {
        signal
            .windows(3)
            .map(|at| (at[2] - 2.0 * at[1] + at[0]).abs())
            .fold(0.0, f32::max)
    };
    let still = room(48_000.0)
        .hold("mod-depth", 0.0)
        .feed("left", sine)
        .run(96_000);
    for (param, to) in [
        ("size", 0.3),
        ("diffusion", 0.2),
        ("pre-delay", 0.05),
        ("decay", 1.0),
        ("mod-depth", 0.8),
    ] {
        let from = still_value(param);
        let mut rig = room(48_000.0).hold("mod-depth", 0.0).feed("left", sine);
        // The engine takes 5 ms from one value to the other.
        let way = |frame: u64| frame.saturating_sub(48_000).min(240) as f32 / 240.0;
        rig = rig.feed(param, move |frame, _| from + (to - from) * way(frame));
        let moved = rig.run(96_000);
        let (moved, still) = (corner(&moved[0][47_000..]), corner(&still[0][47_000..]));
        assert!(moved < still * 10.0, "{param}: {moved} {still}");
    }
}

fn still_value(param: &str) -> f32 {
    match param {
        "pre-delay" | "mod-depth" => 0.0,
        _ => {
            let spec = &crate::find("reverb").expect("the reverb").spec;
            spec.params[spec.param(param).expect("a param")].default
        }
    }
}

#[test]
fn dry_passes_untouched_and_the_pre_delay_waits() {
    let mut rig = room(48_000.0).hold("mix", 0.0).feed("left", noise);
    let outputs = rig.run(1_000);
    assert!((0..1_000).all(|frame| outputs[0][frame] == noise(frame as u64, 0)));
    let first = |seconds: f32| {
        let mut rig = room(48_000.0)
            .hold("early", 1.0)
            .hold("pre-delay", seconds)
            .feed("left", impulse);
        rig.run(20_000)[0]
            .iter()
            .position(|sample| *sample != 0.0)
            .expect("a reflection")
    };
    assert_eq!(first(0.1) - first(0.0), 4_800);
    assert!(
        first(0.0) < 480,
        "the first reflections are early: {}",
        first(0.0)
    );
}
