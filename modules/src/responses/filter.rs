//! Filters against their analogue prototypes.

use std::f64::consts::{PI, TAU};

use rustfft::{FftPlanner, num_complex::Complex};

use crate::catalog::{Level, Width};
use crate::instance::Health;
use crate::rig::Rig;

type C = Complex<f64>;

/// Frames per second of these tests; filters know their corner only as a share of it.
const RATE: f32 = 48_000.0;

/// The height of the impulses, small enough for a filter that bends.
const IMPULSE: f32 = 0.01;

/// The spectra of every output's impulse response.
fn spectra(rig: Rig, frames: usize) -> Vec<Vec<C>> {
    let frames = frames.next_power_of_two();
    let fft = FftPlanner::new().plan_fft_forward(frames);
    let mut rig = rig.feed("in", |frame, _| if frame == 0 { IMPULSE } else { 0.0 });
    rig.run(frames)
        .iter()
        .map(|response| {
            let mut bins: Vec<C> = response
                .iter()
                .map(|value| C::from(f64::from(value / IMPULSE)))
                .collect();
            fft.process(&mut bins);
            bins
        })
        .collect()
}

/// Frames until poles of this Q at `corner` radians per frame have fallen by 240 dB.
fn ringing(corner: f64, q: f64) -> usize {
    (60.0 * q.max(0.5) / corner).max(2048.0) as usize
}

/// The furthest that a spectrum is from its prototype, in decibels.
#[derive(Clone, Copy, Debug, Default)]
struct Deviation {
    /// Where the prototype lets more than -60 dB pass.
    heard: f64,
    /// Where it lets -60 to -80 dB pass.
    deep: f64,
}

impl Deviation {
    /// Below a quarter of the rate. The prototype takes s over the corner.
    fn of(spectrum: &[C], corner: f64, prototype: impl Fn(C) -> C) -> Deviation {
        let decibels = |value: C| 20.0 * value.norm().log10();
        let mut deviation = Deviation::default();
        let mut bin = 1;
        while bin <= spectrum.len() / 4 {
            let angle = TAU * bin as f64 / spectrum.len() as f64;
            let want = decibels(prototype(C::new(0.0, angle / corner)));
            let error = (decibels(spectrum[bin]) - want).abs();
            if want > -60.0 {
                deviation.heard = deviation.heard.max(error);
            } else if want > -80.0 {
                deviation.deep = deviation.deep.max(error);
            }
            bin += (bin / 64).max(1);
        }
        deviation
    }

    fn worse(self, other: Deviation) -> Deviation {
        Deviation {
            heard: self.heard.max(other.heard),
            deep: self.deep.max(other.deep),
        }
    }
}

/// Corners in radians per frame from 20 Hz to a quarter of the rate.
const CORNERS: [f64; 8] = [0.0026, 0.013, 0.05, 0.2, 0.5, 0.9, 1.3, PI / 2.0];
/// Corners above that; the highest is 20 kHz at 48 kHz.
const HIGH_CORNERS: [f64; 2] = [2.0, 2.618];

fn hertz(corner: f64) -> f32 {
    (corner / TAU * f64::from(RATE)) as f32
}

/// The state-variable filter's resonance for a Q.
fn resonance(q: f64) -> f32 {
    ((q.log2() + 1.0) / 8.0) as f32
}

const SVF_OUTPUTS: [&str; 5] = ["low", "band", "high", "notch", "all-pass"];

fn svf_deviations(corner: f64) -> [Deviation; 5] {
    let mut worst = [Deviation::default(); 5];
    for q in [0.5, 0.707, 1.0, 2.0, 4.0, 16.0, 128.0] {
        if q / corner > 8_000.0 {
            continue;
        }
        let rig = Rig::new("svf")
            .hold("cutoff", hertz(corner))
            .hold("resonance", resonance(q));
        let spectra = spectra(rig, ringing(corner, q));
        for (output, (spectrum, worst)) in spectra.iter().zip(&mut worst).enumerate() {
            let deviation = Deviation::of(spectrum, corner, |p| {
                let d = p * p + p / q + 1.0;
                match SVF_OUTPUTS[output] {
                    "low" => d.inv(),
                    "band" => p / d,
                    "high" => p * p / d,
                    "notch" => (p * p + 1.0) / d,
                    _ => (d - p / q * 2.0) / d,
                }
            });
            *worst = worst.worse(deviation);
        }
    }
    worst
}

#[test]
fn the_state_variable_filter_is_its_prototype() {
    for corner in CORNERS {
        for (output, deviation) in SVF_OUTPUTS.into_iter().zip(svf_deviations(corner)) {
            println!("svf {output} at {corner}: {deviation:.4?}");
            assert!(
                deviation.heard < 0.1 && deviation.deep < 0.5,
                "{output} at {corner}: {deviation:?}"
            );
        }
    }
    for corner in HIGH_CORNERS {
        for (output, deviation) in SVF_OUTPUTS.into_iter().zip(svf_deviations(corner)) {
            println!("svf {output} at {corner}: {deviation:.4?}");
            assert!(deviation.heard < 0.2, "{output} at {corner}: {deviation:?}");
        }
    }
}

#[test]
fn the_one_pole_filter_is_its_prototype() {
    for corner in CORNERS.into_iter().chain(HIGH_CORNERS) {
        let spectra = spectra(
            Rig::new("one-pole").hold("cutoff", hertz(corner)),
            ringing(corner, 0.5),
        );
        let low = Deviation::of(&spectra[0], corner, |p| (p + 1.0).inv());
        let high = Deviation::of(&spectra[1], corner, |p| p / (p + 1.0));
        println!("one-pole at {corner}: {low:.4?} {high:.4?}");
        for deviation in [low, high] {
            assert!(
                deviation.heard < 0.05 && deviation.deep < 0.1,
                "{corner}: {deviation:?}"
            );
        }
    }
}

/// The cookbook's transfer function of a shape at an angle in radians per frame.
fn cookbook(shape: &str, corner: f64, q: f64, decibels: f64, angle: f64) -> C {
    let a = 10.0_f64.powf(decibels / 40.0);
    let (sin, cos) = corner.sin_cos();
    let alpha = sin / (2.0 * q);
    let slope = 2.0 * a.sqrt() * alpha;
    let (b, a) = match shape {
        "low-pass" => (
            [(1.0 - cos) / 2.0, 1.0 - cos, (1.0 - cos) / 2.0],
            [1.0 + alpha, -2.0 * cos, 1.0 - alpha],
        ),
        "high-pass" => (
            [(1.0 + cos) / 2.0, -1.0 - cos, (1.0 + cos) / 2.0],
            [1.0 + alpha, -2.0 * cos, 1.0 - alpha],
        ),
        "band-pass" => ([alpha, 0.0, -alpha], [1.0 + alpha, -2.0 * cos, 1.0 - alpha]),
        "notch" => (
            [1.0, -2.0 * cos, 1.0],
            [1.0 + alpha, -2.0 * cos, 1.0 - alpha],
        ),
        "all-pass" => (
            [1.0 - alpha, -2.0 * cos, 1.0 + alpha],
            [1.0 + alpha, -2.0 * cos, 1.0 - alpha],
        ),
        "peak" => (
            [1.0 + alpha * a, -2.0 * cos, 1.0 - alpha * a],
            [1.0 + alpha / a, -2.0 * cos, 1.0 - alpha / a],
        ),
        "low shelf" => (
            [
                a * ((a + 1.0) - (a - 1.0) * cos + slope),
                2.0 * a * ((a - 1.0) - (a + 1.0) * cos),
                a * ((a + 1.0) - (a - 1.0) * cos - slope),
            ],
            [
                (a + 1.0) + (a - 1.0) * cos + slope,
                -2.0 * ((a - 1.0) + (a + 1.0) * cos),
                (a + 1.0) + (a - 1.0) * cos - slope,
            ],
        ),
        "high shelf" => (
            [
                a * ((a + 1.0) + (a - 1.0) * cos + slope),
                -2.0 * a * ((a - 1.0) + (a + 1.0) * cos),
                a * ((a + 1.0) + (a - 1.0) * cos - slope),
            ],
            [
                (a + 1.0) - (a - 1.0) * cos + slope,
                2.0 * ((a - 1.0) - (a + 1.0) * cos),
                (a + 1.0) - (a - 1.0) * cos - slope,
            ],
        ),
        _ => panic!("no formula for {shape}"),
    };
    let delay = C::from_polar(1.0, -angle);
    let at = |taps: [f64; 3]| delay * (delay * taps[2] + taps[1]) + taps[0];
    at(b) / at(a)
}

#[test]
fn the_biquad_is_the_cookbook() {
    for shape in [
        "low-pass",
        "high-pass",
        "band-pass",
        "notch",
        "all-pass",
        "peak",
        "low shelf",
        "high shelf",
    ] {
        let gains = match shape {
            "peak" | "low shelf" | "high shelf" => &[-24.0, -3.0, 0.0, 6.0, 24.0][..],
            _ => &[12.0][..],
        };
        let mut worst = (0.0_f64, 0.0_f64);
        for corner in CORNERS.into_iter().chain(HIGH_CORNERS) {
            for q in [0.1_f32, 0.707, 3.0, 20.0] {
                for &gain in gains {
                    let rig = Rig::new("biquad")
                        .choose("shape", shape)
                        .hold("frequency", hertz(corner))
                        .hold("q", q)
                        .hold("gain", gain);
                    // What the filter was told, rounded as it is.
                    let corner = TAU * f64::from(hertz(corner)) / f64::from(RATE);
                    let (q, gain) = (f64::from(q), f64::from(gain));
                    // Shelves and peaks ring longer or sooner than their Q says by up to their gain.
                    let lasting = 10.0_f64.powf(gain.abs() / 40.0);
                    let spectrum =
                        spectra(rig, ringing(corner, (q * lasting).max(lasting / q))).remove(0);
                    let mut bin = 0;
                    while bin <= spectrum.len() / 2 {
                        let angle = TAU * bin as f64 / spectrum.len() as f64;
                        let want = cookbook(shape, corner, q, gain, angle);
                        let got = spectrum[bin];
                        // Below -50 dB what is left of the input is rounding.
                        if want.norm() > 3e-3 {
                            let decibels = 20.0 * (got.norm() / want.norm()).log10();
                            worst.0 = worst.0.max(decibels.abs());
                            worst.1 = worst.1.max((got / want).arg().abs());
                            assert!(
                                decibels.abs() < 0.01,
                                "{shape} at {corner}, q {q}, {gain} dB: {decibels} dB off at {angle}"
                            );
                        }
                        bin += (bin / 64).max(1);
                    }
                }
            }
        }
        println!("biquad {shape}: {:.5} dB, {:.5} radians", worst.0, worst.1);
        assert!(worst.1 < 0.005, "{shape}: {} radians", worst.1);
    }
}

/// The ladder's deviation at a feedback `k`, in a mode.
fn ladder_deviation(corner: f64, k: f64, mode: &str) -> Deviation {
    let rig = Rig::new("ladder")
        .hold("cutoff", hertz(corner))
        .hold("resonance", (k / 4.5) as f32)
        .hold("bass", 0.0)
        .choose("mode", mode);
    // The least damped poles are those of (1 + p)^4 = -k.
    let q = 0.5 / (1.0 - (k / 4.0_f64).powf(0.25));
    let spectra = spectra(rig, ringing(corner, q));
    Deviation::of(&spectra[0], corner, |p| {
        let pole = p + 1.0;
        let top = match mode {
            "low 24" => C::from(1.0),
            "low 18" => pole,
            "low 12" => pole * pole,
            "low 6" => pole * pole * pole,
            "band 24" => p * p * 4.0,
            "band 12" => p * pole * pole * 2.0,
            "high 24" => p * p * p * p,
            "high 12" => p * p * pole * pole,
            _ => panic!("no prototype of {mode}"),
        };
        top / (pole * pole * pole * pole + k)
    })
}

#[test]
fn the_ladder_is_its_prototype_in_every_mode() {
    for mode in [
        "low 24", "low 18", "low 12", "low 6", "band 24", "band 12", "high 24", "high 12",
    ] {
        let mut worst = Deviation::default();
        for corner in CORNERS.into_iter().chain(HIGH_CORNERS) {
            for k in [0.0, 1.0, 2.5, 3.6] {
                let deviation = ladder_deviation(corner, k, mode);
                worst = worst.worse(deviation);
                assert!(
                    deviation.heard < 0.1,
                    "{mode} at {corner}, feedback {k}: {deviation:?}"
                );
            }
        }
        println!("ladder {mode}: {worst:.4?}");
    }
}

#[test]
fn the_ladder_makes_up_for_its_bass() {
    for bass in [0.0, 0.5, 1.0] {
        let rig = Rig::new("ladder")
            .hold("resonance", 2.0 / 4.5)
            .hold("bass", bass)
            .hold("drive", 6.020_6);
        let spectra = spectra(rig, 8192);
        let want = 2.0 * (1.0 + f64::from(bass) * 2.0) / (1.0 + 2.0);
        assert!(
            (spectra[0][0].norm() / want - 1.0).abs() < 1e-3,
            "{} at {bass}",
            spectra[0][0].norm()
        );
    }
}

#[test]
fn filters_follow_the_pitch_input() {
    for id in ["svf", "ladder", "one-pole"] {
        let run = |rig: Rig| {
            rig.feed("in", |frame, _| if frame == 0 { 0.1 } else { 0.0 })
                .run(2_000)
        };
        let followed = run(Rig::new(id).hold("cutoff", 250.0).hold("pitch", 2.0));
        let half = run(Rig::new(id)
            .hold("cutoff", 250.0)
            .hold("pitch", 4.0)
            .hold("track", 0.5));
        let moved = run(Rig::new(id).hold("cutoff", 1_000.0));
        for (followed, moved) in followed
            .iter()
            .chain(&half)
            .flatten()
            .zip(moved.iter().cycle().flatten())
        {
            assert!((followed - moved).abs() < 1e-6, "{id}");
        }
    }
}

/// The frequency of a tone in hertz, from the phases of two stretches of it.
fn tuning(tone: &[f32], near: f64) -> f64 {
    let phase = |from: usize, length: usize| {
        let mut sum = C::from(0.0);
        for n in 0..length {
            let window = 0.5 - 0.5 * (TAU * n as f64 / length as f64).cos();
            let at = TAU * near / f64::from(RATE) * (from + n) as f64;
            sum += C::from_polar(window * f64::from(tone[from + n]), -at);
        }
        sum.arg()
    };
    let length = tone.len() / 2;
    let turns = (phase(length, length) - phase(0, length)) / TAU;
    near + (turns - turns.round()) * f64::from(RATE) / length as f64
}

#[test]
fn the_ladder_rings_in_tune() {
    for (resonance, limit) in [(0.9, 1.0), (0.95, 1.0), (1.0, 2.0)] {
        for cutoff in [110.0, 440.0, 1_760.0, 5_000.0, 12_000.0] {
            let mut rig = Rig::new("ladder")
                .hold("cutoff", cutoff)
                .hold("resonance", resonance);
            // A nudge, so that the test need not wait for the tone to grow out of the noise.
            rig = rig.feed("in", |frame, _| if frame < 4 { 10.0 } else { 0.0 });
            rig.run(200_000);
            let tone = rig.run(32_768).remove(0);
            let peak = tone
                .iter()
                .fold(0.0_f32, |peak, value| peak.max(value.abs()));
            let cents = 1200.0 * (tuning(&tone, f64::from(cutoff)) / f64::from(cutoff)).log2();
            println!(
                "ladder rings at {cutoff} Hz, resonance {resonance}: {cents:.3} cents, peak {peak:.3}"
            );
            assert!(
                cents.abs() < limit,
                "{cutoff} Hz at {resonance}: {cents} cents"
            );
            assert!(peak > 0.02 && peak < 1.0, "{cutoff} Hz: peak {peak}");
        }
    }
}

#[test]
fn the_ladder_starts_to_ring_in_silence_and_below_does_not() {
    let peak = |resonance: f32| {
        let mut rig = Rig::new("ladder").hold("resonance", resonance);
        rig.run(96_000);
        rig.run(4_800)[0]
            .iter()
            .fold(0.0_f32, |peak, value| peak.max(value.abs()))
    };
    assert!(peak(1.0) > 0.1);
    assert_eq!(peak(0.85), 0.0);
}

/// Bits of a place: the finaliser of MurmurHash3 (Appleby).
fn noise(seed: u64, frame: u64) -> f32 {
    let mut h = frame
        .wrapping_add(seed << 32)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h = (h ^ h >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ h >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    ((h ^ h >> 33) >> 40) as f32 / 16_777_216.0
}

/// The peak of every output while everything jumps, and that of the end after the input stopped.
fn stressed(
    rig: Rig,
    cutoff: impl Fn(u64) -> f32 + 'static,
    resonance: impl Fn(u64) -> f32 + 'static,
    size: f32,
) -> (f32, f32) {
    let sounding = 100_000;
    let mut rig = rig
        .feed("in", move |frame, _| {
            if frame < sounding {
                (noise(1, frame) * 2.0 - 1.0) * size
            } else {
                0.0
            }
        })
        .feed("cutoff", move |frame, _| cutoff(frame));
    if rig.entry.spec.param("resonance").is_some() {
        rig = rig.feed("resonance", move |frame, _| resonance(frame));
    }
    let peak = |outputs: Vec<Vec<f32>>| {
        outputs
            .iter()
            .flatten()
            .fold(0.0_f32, |peak, value| peak.max(value.abs()))
    };
    let loud = peak(rig.run(sounding as usize));
    assert_eq!(rig.health, Health::FINE);
    rig.run(400_000);
    (loud, peak(rig.run(1_000)))
}

#[test]
fn no_movement_upsets_a_filter() {
    let travel = |x: f32| 16.0 * 1250.0_f32.powf(x.clamp(0.0, 1.0));
    for id in ["svf", "one-pole", "ladder"] {
        for (name, resonance_scale) in [
            ("tame", 0.3),
            ("wild", if id == "ladder" { 0.85 } else { 1.0 }),
        ] {
            let jumps = stressed(
                Rig::new(id),
                move |frame| travel(noise(2, frame)),
                move |frame| noise(3, frame) * resonance_scale,
                1.0,
            );
            let sweeps = stressed(
                Rig::new(id),
                move |frame| travel(0.5 + 0.5 * (frame as f32 * 0.7).sin()),
                move |_| resonance_scale,
                1.0,
            );
            println!("{id} {name}: jumps {jumps:?}, sweeps {sweeps:?}");
            for (loud, rest) in [jumps, sweeps] {
                assert!(loud < 40.0, "{id} {name}: {loud}");
                assert!(rest < 1e-6, "{id} {name} rests at {rest}");
            }
        }
    }
}

#[test]
fn no_movement_upsets_a_biquad() {
    let travel = |x: f32| 16.0 * 1250.0_f32.powf(x.clamp(0.0, 1.0));
    let heard = |name: &str, rig: Rig, limit: f32| {
        let mut rig = rig.feed("in", |frame, _| {
            if frame < 100_000 {
                noise(1, frame) * 2.0 - 1.0
            } else {
                0.0
            }
        });
        let peak = |sound: Vec<Vec<f32>>| {
            let loudest = |peak: f32, value: &f32| peak.max(value.abs());
            sound[0].iter().fold(0.0, loudest)
        };
        let loud = peak(rig.run(100_000));
        rig.run(100_000);
        let rest = peak(rig.run(1_000));
        println!("biquad {name}: {loud}, rests at {rest}");
        assert_eq!(rig.health, Health::FINE);
        assert!(loud < limit, "{name}: {loud}");
        assert!(rest < 1e-6, "{name} rests at {rest}");
    };
    for shape in 0..8 {
        for q in [0.1, 20.0] {
            // A cut, so that what is held is heard and not what the gain adds.
            let rig = || {
                Rig::new("biquad")
                    .hold("shape", shape as f32)
                    .hold("gain", -24.0)
                    .hold("q", q)
            };
            heard(
                &format!("shape {shape}, q {q}, jumps"),
                rig().feed("frequency", move |frame, _| travel(noise(2, frame))),
                15.0,
            );
            heard(
                &format!("shape {shape}, q {q}, sweeps"),
                rig().feed("frequency", move |frame, _| {
                    travel(0.5 + 0.5 * (frame as f32 * 0.7).sin())
                }),
                15.0,
            );
        }
    }
    heard(
        "everything jumps",
        Rig::new("biquad")
            .feed("frequency", move |frame, _| travel(noise(2, frame)))
            .feed("q", |frame, _| 0.1 * 200.0_f32.powf(noise(3, frame)))
            .feed("gain", |frame, _| noise(4, frame) * 48.0 - 24.0)
            .feed("shape", |frame, _| (noise(5, frame / 7) * 7.99).floor()),
        120.0,
    );
}

#[test]
fn the_ladder_holds_any_level() {
    for mode in ["low 24", "high 24"] {
        let rig = Rig::new("ladder").hold("drive", 36.0).choose("mode", mode);
        let (loud, _) = stressed(
            rig,
            |frame| 16.0 + noise(4, frame) * 20_000.0,
            |frame| noise(5, frame),
            1e6,
        );
        println!("ladder {mode} at 120 dB over: {loud}");
        assert!(loud < 60.0, "{mode}: {loud}");
    }
}

/// The loudest partial up to 16 kHz that is no harmonic of the tone, below the tone, in decibels.
fn ladder_alias(drive: f32, cutoff: f32, resonance: f32) -> f64 {
    let frames = 16_384;
    // 5 kHz, on a bin whose aliases miss its harmonics.
    let bin = 1_707;
    let mut rig = Rig::new("ladder")
        .hold("drive", drive)
        .hold("cutoff", cutoff)
        .hold("resonance", resonance)
        .feed("in", move |frame, _| {
            (TAU * bin as f64 / frames as f64 * (frame % frames as u64) as f64).sin() as f32
        });
    rig.run(frames);
    let mut bins: Vec<C> = rig.run(frames)[0]
        .iter()
        .map(|value| C::from(f64::from(*value)))
        .collect();
    FftPlanner::new()
        .plan_fft_forward(frames)
        .process(&mut bins);
    let highest = (16_000.0 / f64::from(RATE) * frames as f64) as usize;
    let alias = (1..highest)
        .filter(|at| at % bin != 0)
        .map(|at| bins[at].norm())
        .fold(0.0, f64::max);
    20.0 * (alias / bins[bin].norm()).log10()
}

#[test]
fn a_driven_ladder_does_not_alias() {
    for (drive, limit) in [(0.0, -120.0), (6.0, -120.0), (12.0, -60.0), (24.0, -25.0)] {
        for resonance in [0.0, 0.7] {
            let alias = ladder_alias(drive, 20_000.0, resonance);
            println!(
                "ladder driven by {drive} dB, resonance {resonance}: aliases at {alias:.1} dB"
            );
            assert!(alias < limit, "driven by {drive} dB: {alias} dB");
        }
    }
}

#[test]
fn filters_work_at_every_rate() {
    for rate in [8_000.0, 44_100.0, 384_000.0_f32] {
        for (id, k) in [("svf", 0.0), ("one-pole", 0.0), ("ladder", 0.0_f32)] {
            let cutoff = rate / 10.0;
            let mut rig = Rig::with(id, Level::detect(), Width::One, rate)
                .hold("cutoff", cutoff.min(20_000.0))
                .feed("in", |frame, _| if frame == 0 { IMPULSE } else { 0.0 });
            if id != "one-pole" {
                rig = rig.hold("resonance", k);
            }
            let sum: f64 = rig.run(65_536)[0]
                .iter()
                .map(|value| f64::from(value / IMPULSE))
                .sum();
            assert!((sum - 1.0).abs() < 2e-3, "{id} at {rate}: {sum}");
        }
    }
}
