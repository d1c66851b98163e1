//! Freeverb against its design.

use std::f64::consts::TAU;

use rustfft::{FftPlanner, num_complex::Complex};

use crate::catalog::{Level, Width};
use crate::rig::Rig;

type C = Complex<f64>;

const COMBS: [f64; 8] = [
    1116.0, 1188.0, 1277.0, 1356.0, 1422.0, 1491.0, 1557.0, 1617.0,
];
const ALL_PASSES: [f64; 4] = [556.0, 441.0, 341.0, 225.0];
const SPREADS: [f64; 2] = [0.0, 23.0];
const INPUT: f32 = 0.045;

fn wet(rate: f32) -> Rig {
    Rig::with("freeverb", Level::detect(), Width::One, rate).hold("mix", 1.0)
}
fn impulse(frame: u64, _: usize) -> f32 {
    if frame == 0 { 1.0 } else { 0.0 }
}
/// White noise from a fixed seed.
fn noise(frame: u64, _: usize) -> f32 {
    let mut h = (frame as u32).wrapping_mul(0x9e37_79b9) ^ 0x1234_55aa;
    h = (h ^ h >> 16).wrapping_mul(0x7feb_352d);
    h = (h ^ h >> 15).wrapping_mul(0x846c_a68b);
    ((h ^ h >> 16) as f32 / u32::MAX as f32 - 0.5) * 0.7
}
fn energy(signal: &[f32]) -> f64 {
    signal.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}
/// Frames of a length of the design at a rate.
fn frames(length: f64, rate: f32) -> f64 {
    (length * f64::from(rate) / 44_100.0).round()
}

#[test]
fn the_first_echoes_come_when_the_combs_say() {
    for rate in [44_100.0, 48_000.0, 96_000.0, 8_000.0] {
        let sound = wet(rate).feed("left", impulse).run(20_000);
        for (side, spread) in sound.iter().zip(SPREADS) {
            let combs = COMBS.map(|length| frames(length + spread, rate) as usize);
            // Until the shortest all-pass answers the combs are alone.
            let alone = combs[0] + frames(ALL_PASSES[3] + spread, rate) as usize;
            for (frame, sample) in side.iter().enumerate().take(alone) {
                let want = if combs.contains(&frame) { INPUT } else { 0.0 };
                assert_eq!(*sample, want, "{rate} Hz, frame {frame}");
            }
        }
    }
}

/// The design's response at an angle in radians per frame.
fn design(spread: f64, size: f64, damping: f64, rate: f32, angle: f64) -> C {
    let late = |frames: f64| C::from_polar(1.0, -angle * frames);
    let pole = (0.4 * damping).powf(44_100.0 / f64::from(rate));
    let loss = (late(1.0) * -pole + 1.0).inv() * (1.0 - pole) * (0.7 + 0.28 * size);
    let combs: C = COMBS
        .iter()
        .map(|length| late(frames(length + spread, rate)))
        .map(|delay| delay / (C::from(1.0) - loss * delay))
        .sum();
    ALL_PASSES
        .iter()
        .map(|length| late(frames(length + spread, rate)))
        .fold(combs * f64::from(INPUT), |sound, delay| {
            sound * (delay / (C::from(1.0) - delay * 0.5) - 1.0)
        })
}

#[test]
fn the_room_is_the_design_at_every_frequency() {
    let length = 1 << 18;
    let fft = FftPlanner::new().plan_fft_forward(length);
    for (size, damping, rate) in [
        (0.0, 0.0, 44_100.0),
        (0.5, 0.0, 44_100.0),
        (0.5, 0.5, 48_000.0),
        (0.3, 1.0, 96_000.0),
        (0.5, 0.2, 8_000.0),
    ] {
        let mut rig = wet(rate).hold("size", size).hold("damping", damping);
        rig = rig.feed("right", impulse);
        for (side, spread) in rig.run(length).iter().zip(SPREADS) {
            let mut bins: Vec<C> = side
                .iter()
                .map(|value| C::from(f64::from(*value)))
                .collect();
            fft.process(&mut bins);
            for (bin, got) in bins.iter().enumerate().take(length / 2) {
                let angle = TAU * bin as f64 / length as f64;
                let want = design(spread, size.into(), damping.into(), rate, angle);
                assert!(
                    (got - want).norm() < 1e-4 * want.norm() + 2e-5,
                    "size {size}, damping {damping}, {rate} Hz, bin {bin}: {got} {want}"
                );
            }
        }
    }
}

#[test]
fn a_comb_decays_as_its_feedback_says() {
    // The left side's longest comb outlasts the others, so the late slope is its own.
    let (rate, size) = (44_100.0, 0.2f32);
    let feedback = 0.7 + 0.28 * f64::from(size);
    let expected = -60.0 * 1617.0 / (20.0 * feedback.log10() * f64::from(rate));
    let mut rig = wet(rate).hold("size", size).hold("damping", 0.0);
    rig = rig.feed("left", impulse);
    let sound = &rig.run(200_000)[0];
    let window = 1617 * 8;
    let level = |at: usize| 10.0 * energy(&sound[at..at + window]).log10();
    let (early, late) = (80_000, 180_000);
    let got = -60.0 * (late - early) as f64 / f64::from(rate) / (level(late) - level(early));
    assert!(
        (got / expected - 1.0).abs() < 0.02,
        "{got} s, not {expected} s"
    );
}

#[test]
fn damping_shortens_the_highs() {
    // Share of the energy in the second second that lies in differences of frames, which is high.
    let brightness = |damping: f32| {
        let rig = wet(48_000.0).hold("damping", damping);
        let sound = rig.feed("left", impulse).run(96_000).remove(0);
        let late = &sound[48_000..];
        let steps: Vec<f32> = late.windows(2).map(|pair| pair[1] - pair[0]).collect();
        energy(&steps) / energy(late)
    };
    let [bright, middle, dark] = [0.0, 0.5, 1.0].map(brightness);
    assert!(
        bright > 1.0 && middle < bright * 0.1 && dark < middle * 0.5,
        "{bright} {middle} {dark}"
    );
}

#[test]
fn a_room_that_changes_from_call_to_call_is_heard() {
    let sound = |cut: usize| {
        let rig = wet(48_000.0).feed("left", noise);
        let rig = rig.feed("size", |frame, _| if frame < 6_400 { 0.2 } else { 0.9 });
        let mut rig = rig.feed("damping", |frame, _| if frame < 9_664 { 0.1 } else { 0.8 });
        rig.run_cut(12_800, &[cut])
    };
    // Between calls of 64 frames, and within calls of 48.
    assert!(sound(64) == sound(48));
}

#[test]
fn no_width_is_mono_and_no_mix_is_dry() {
    let noisy = |rig: Rig| {
        rig.feed("left", noise)
            .feed("right", |frame, lane| noise(frame + 77_777, lane))
            .run(5_000)
    };
    let narrow = noisy(wet(48_000.0).hold("width", 0.0));
    assert!(energy(&narrow[0]) > 0.1 && narrow[0] == narrow[1]);
    let wide = noisy(wet(48_000.0));
    assert!(wide[0] != wide[1]);
    let dry = noisy(wet(48_000.0).hold("mix", 0.0));
    for (frame, (left, right)) in dry[0].iter().zip(&dry[1]).enumerate() {
        let frame = frame as u64;
        assert_eq!((*left, *right), (noise(frame, 0), noise(frame + 77_777, 0)));
    }
}

#[test]
fn a_frozen_room_holds_its_sound_and_hears_nothing() {
    let frozen = |after: f32| {
        let mut rig = wet(48_000.0)
            .feed("freeze", |frame, _| f32::from(frame >= 48_000))
            .feed("left", move |frame, lane| {
                noise(frame, lane) * if frame < 50_000 { 1.0 } else { after }
            });
        rig.run(50_000);
        rig.run(48_000 * 20).remove(0)
    };
    let sound = frozen(0.0);
    let (early, late) = sound.split_at(48_000 * 10);
    let grown = energy(late) / energy(early);
    assert!(energy(early) > 1.0 && (grown - 1.0).abs() < 0.02, "{grown}");
    assert!(sound == frozen(1.0));
}

#[test]
fn freezing_and_thawing_do_not_click() {
    let mut rig = wet(48_000.0)
        .feed("freeze", |frame, _| f32::from(frame / 20_000 % 2 == 1))
        .feed("left", |frame, _| {
            (frame as f64 * TAU * 220.0 / 48_000.0).sin() as f32 * 0.5
        });
    rig.run(10_000);
    let sound = rig.run(80_000).remove(0);
    // A second difference shows a corner that the tone itself does not have.
    let bend = |at: std::ops::Range<usize>| {
        sound[at]
            .windows(3)
            .map(|three| (three[2] - 2.0 * three[1] + three[0]).abs())
            .fold(0.0, f32::max)
    };
    let (calm, switched) = (bend(5_000..9_000), bend(9_000..80_000));
    assert!(switched < calm * 5.0, "{switched} {calm}");
}

#[test]
fn the_tail_ends() {
    let mut rig = wet(8_000.0).hold("size", 0.0);
    rig = rig.feed("left", |frame, lane| {
        if frame < 4_000 {
            noise(frame, lane)
        } else {
            0.0
        }
    });
    rig.run(8_000 * 20);
    let rest = rig.run(1_000)[0]
        .iter()
        .fold(0.0f32, |peak, value| peak.max(value.abs()));
    assert!(rest < 1e-30, "{rest}");
}
