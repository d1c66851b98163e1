//! Oscillators: partials, aliases, tuning, sync, noise.
//!
//! Measured by the tests below at 48 kHz, as dB the worst alias up to 16 kHz lies under the
//! fundamental: saw and pulse from 145 at C1 over 110 at C7 to 105 at C8; see each test for the rest.

use std::f64::consts::{PI, TAU};

use crate::catalog::{Level, Width};
use crate::instance::Health;
use crate::rig::Rig;
use crate::spectrum::{Spectrum, cents_off, decibels, mean, rms};

const MIDDLE_C: f64 = 261.625_565_300_598_6;
/// Frames analysed; a few before them are left to settle.
const LENGTH: usize = 1 << 16;
const SETTLE: usize = 256;
/// Up to here aliases and partials count, in hertz.
const HEARD: f64 = 16_000.0;
const RATES: [f32; 2] = [44_100.0, 48_000.0];
const ALL: [&str; 4] = ["saw", "pulse", "triangle", "sine"];

fn octaves(hz: f64) -> f32 {
    (hz / MIDDLE_C).log2() as f32
}

/// The frequency of a bin of the analysis. Multiples of an odd bin do not meet their aliases.
fn bin(bin: u32, rate: f32) -> f64 {
    f64::from(bin) * f64::from(rate) / LENGTH as f64
}

/// About 2 kHz.
fn note(rate: f32) -> u32 {
    if rate == 48_000.0 { 2_741 } else { 2_981 }
}

fn oscillator(id: &str, hz: f64, rate: f32) -> Rig {
    Rig::with(id, Level::detect(), Width::One, rate).hold("pitch", octaves(hz))
}

fn sine_wave(hz: f64, rate: f32) -> impl Fn(u64, usize) -> f32 + 'static {
    move |frame, _| (TAU * hz * frame as f64 / f64::from(rate) + 0.3).sin() as f32
}

/// The `out` of a mono oscillator, settled.
fn wave(mut rig: Rig) -> Vec<f32> {
    rig.run(SETTLE + LENGTH)[0].split_off(SETTLE)
}

fn spectrum(rig: Rig) -> Spectrum {
    let rate = rig.sample_rate;
    Spectrum::new(&wave(rig), rate)
}

/// How far the worst alias lies below the partial at `fundamental`, in dB. All that is meant lies at
/// multiples of `grid`.
fn clean(rig: Rig, fundamental: f64, grid: f64) -> f64 {
    let spectrum = spectrum(rig);
    spectrum.level(fundamental) - spectrum.worst_between_multiples(grid, HEARD).1
}

#[test]
fn steady_waves_have_no_aliases() {
    for rate in RATES {
        for id in ALL {
            let hz = bin(note(rate), rate);
            let clean = clean(oscillator(id, hz, rate), hz, hz);
            assert!(clean > 105.0, "{id} at {rate}: {clean:.1}");
        }
    }
    for octave in 1..=8 {
        // The nearest odd bin to each C, and not so low that partials merge.
        let bin_of_c = (MIDDLE_C * f64::from(octave - 4).exp2() * LENGTH as f64 / 48_000.0) as u32;
        let hz = bin(bin_of_c.max(44) | 1, 48_000.0);
        for id in ALL {
            let clean = clean(oscillator(id, hz, 48_000.0), hz, hz);
            assert!(clean > 100.0, "{id} at C{octave}: {clean:.1}");
        }
    }
}

#[test]
fn hard_sync_has_no_aliases() {
    for rate in RATES {
        for id in ALL {
            let master = bin(note(rate), rate);
            for (ratio, least) in [(1.437, 85.0), (2.71, 70.0), (0.73, 90.0)] {
                let rig =
                    oscillator(id, master * ratio, rate).feed("sync", sine_wave(master, rate));
                let clean = clean(rig, master, master);
                assert!(
                    clean > least,
                    "{id} at {rate}, {ratio} times its master: {clean:.1}"
                );
            }
        }
    }
}

#[test]
fn hard_sync_to_another_oscillator_is_exact() {
    let master = bin(2_741, 48_000.0);
    for id in ALL {
        let sync = oscillator("saw", master, 48_000.0).run(SETTLE + LENGTH)[1].clone();
        let rig = oscillator(id, master * 2.71, 48_000.0).hold("phase", 0.2);
        let clean = clean(
            rig.feed("sync", move |frame, _| sync[frame as usize]),
            master,
            master,
        );
        assert!(clean > 83.0, "{id}: {clean:.1}");
    }
}

#[test]
fn modulated_widths_have_no_aliases() {
    for rate in RATES {
        let (hz, grid) = (bin(20 * 137, rate), bin(137, rate));
        for (id, param, depth, least) in [
            ("pulse", "width", 0.4, 80.0),
            ("triangle", "symmetry", 0.3, 70.0),
        ] {
            let modulator = sine_wave(3.0 * grid, rate);
            let rig = oscillator(id, hz, rate).feed(param, move |frame, lane| {
                0.5 + depth * modulator(frame, lane)
            });
            let clean = clean(rig, hz, grid);
            assert!(clean > least, "{id} at {rate}: {clean:.1}");
            let modulator = sine_wave(3.0 * grid, rate);
            let rig = oscillator(id, hz * 0.83, rate)
                .feed(param, move |frame, lane| {
                    0.5 + depth * modulator(frame, lane)
                })
                .feed("sync", sine_wave(hz, rate));
            let clean = self::clean(rig, hz, grid);
            assert!(clean > least - 5.0, "{id} at {rate}, with sync: {clean:.1}");
        }
    }
}

#[test]
fn frequency_modulation_has_few_aliases() {
    let (hz, grid) = (bin(20 * 137, 48_000.0), bin(137, 48_000.0));
    for (id, least) in [
        ("saw", 60.0),
        ("pulse", 60.0),
        ("triangle", 60.0),
        ("sine", 80.0),
    ] {
        let rig = oscillator(id, hz, 48_000.0)
            .hold("fm-depth", 0.5)
            .feed("fm", sine_wave(3.0 * grid, 48_000.0));
        let clean = clean(rig, hz, grid);
        assert!(clean > least, "{id}: {clean:.1}");
    }
}

/// The level of the `n`th partial of a wave of one turn, by its Fourier integral.
fn partial(wave: impl Fn(f64) -> f64, n: u32) -> f64 {
    const STEPS: u32 = 20_000;
    let (mut re, mut im) = (0.0, 0.0);
    for step in 0..STEPS {
        let turn = (f64::from(step) + 0.5) / f64::from(STEPS);
        let (sin, cos) = (TAU * f64::from(n) * turn).sin_cos();
        re += wave(turn) * cos;
        im += wave(turn) * sin;
    }
    let scale = 2.0 / f64::from(STEPS);
    decibels((re * re + im * im) * scale * scale)
}

fn ideal(id: &str, turn: f64) -> f64 {
    let turn = turn - turn.floor();
    match id {
        "saw" => 2.0 * turn - 1.0,
        "pulse" => {
            if turn < 0.5 {
                1.0
            } else {
                -1.0
            }
        }
        "triangle" => 1.0 - 4.0 * (turn - 0.5).abs(),
        _ => (TAU * turn).sin(),
    }
}

fn check_partials(what: &str, rig: Rig, hz: f64, ideal: impl Fn(u32) -> f64) {
    // The jump of a sine takes its spectrum from both sides of the sine's frequency, which the
    // low-pass makes unequally late, so its faint partials near the top come out some dB off.
    let (within, up_to) = if what == "sine" {
        (0.5, 0.5 * HEARD)
    } else {
        (0.05, HEARD)
    };
    let spectrum = spectrum(rig);
    for n in 1..=(up_to / hz) as u32 {
        let (level, ideal) = (spectrum.level(hz * f64::from(n)), ideal(n));
        if ideal > -70.0 {
            assert!(
                (level - ideal).abs() < within,
                "{what}, partial {n}: {level:.3} for {ideal:.3}"
            );
        } else {
            assert!(level < -69.0, "{what}, partial {n}: {level:.3} for none");
        }
    }
}

#[test]
fn partials_follow_the_closed_forms() {
    let amplitude = |x: f64| decibels(x * x);
    for rate in RATES {
        for hz in [bin(355, rate), bin(note(rate), rate)] {
            check_partials("saw", oscillator("saw", hz, rate), hz, |n| {
                amplitude(2.0 / (PI * f64::from(n)))
            });
            for width in [0.5, 0.3, 0.07] {
                let rig = oscillator("pulse", hz, rate).hold("width", width);
                check_partials("pulse", rig, hz, |n| {
                    let n = PI * f64::from(n);
                    amplitude(4.0 / n * (n * f64::from(width)).sin())
                });
            }
            for peak in [0.5, 0.2, 0.95] {
                let rig = oscillator("triangle", hz, rate).hold("symmetry", peak);
                check_partials("triangle", rig, hz, |n| {
                    let (n, m) = (PI * f64::from(n), f64::from(peak));
                    amplitude(2.0 * (n * m).sin() / (n * n * m * (1.0 - m)))
                });
            }
        }
    }
}

#[test]
fn synced_partials_follow_the_closed_forms() {
    let master = bin(1_371, 48_000.0);
    for id in ALL {
        for ratio in [0.6, 1.37, 3.8] {
            let rig = oscillator(id, master * ratio, 48_000.0)
                .hold("phase", 0.15)
                .feed("sync", sine_wave(master, 48_000.0));
            check_partials(id, rig, master, |n| {
                partial(|turn| ideal(id, 0.15 + turn * ratio), n)
            });
        }
    }
}

#[test]
fn waves_are_as_large_as_they_should_be_and_have_no_mean() {
    for (id, size) in [
        ("saw", 1.0 / 3.0),
        ("pulse", 1.0),
        ("triangle", 1.0 / 3.0),
        ("sine", 0.5),
    ] {
        let hz = bin(357, 48_000.0);
        let wave = wave(oscillator(id, hz, 48_000.0));
        assert!(
            (rms(&wave).powi(2) / size - 1.0).abs() < 0.01,
            "{id}: {}",
            rms(&wave)
        );
        for hz in [hz, bin(5_715, 48_000.0), bin(29_001, 48_000.0)] {
            let mean = spectrum(oscillator(id, hz, 48_000.0)).level(0.0);
            assert!(mean < -90.0, "{id} at {hz:.0} Hz: {mean:.1}");
        }
    }
    let narrow = spectrum(oscillator("pulse", bin(2_741, 48_000.0), 48_000.0).hold("width", 0.05));
    assert!(narrow.level(0.0) < -90.0, "pulse: {:.1}", narrow.level(0.0));
}

#[test]
fn tuning_is_within_a_tenth_of_a_cent() {
    for rate in [44_100.0, 48_000.0, 96_000.0] {
        for octave in 0..=9 {
            let pitch = octave as f32 - 4.0;
            let hz = MIDDLE_C * f64::from(octave - 4).exp2();
            for id in ALL {
                let rig = Rig::with(id, Level::detect(), Width::One, rate).hold("pitch", pitch);
                let off = cents_off(&wave(rig), rate, hz);
                assert!(off.abs() < 0.01, "{id} at C{octave}, {rate} Hz: {off}");
            }
        }
    }
    let a4 = Rig::new("sine")
        .hold("pitch", 0.75 + 0.5 / 12.0)
        .hold("fine", -50.0);
    let off = cents_off(&wave(a4), 48_000.0, 440.0);
    assert!(off.abs() < 0.01, "A4: {off}");
}

#[test]
fn waves_start_at_their_phase() {
    for id in ALL {
        for phase in [0.0, 0.37, 0.8] {
            // What the corrections make of the start takes 32 frames; the wave is two late.
            let outs = Rig::new(id)
                .hold("pitch", -6.0)
                .hold("phase", phase)
                .run(40);
            let expected = ideal(id, f64::from(phase) + 37.0 * MIDDLE_C / 64.0 / 48_000.0);
            assert!(
                (f64::from(outs[0][39]) - expected).abs() < 1e-3,
                "{id} at {phase}: {}",
                outs[0][39]
            );
            let signed = if phase < 0.5 {
                2.0 * phase
            } else {
                2.0 * phase - 2.0
            };
            assert!(
                (outs[1][0] - signed).abs() < 1e-6,
                "{id} at {phase}: {}",
                outs[1][0]
            );
        }
    }
}

#[test]
fn frequency_modulation_goes_through_zero() {
    for id in ALL {
        let hz = bin(715, 48_000.0);
        // Backwards as fast as forwards: the wave in the mirror.
        let rig = || oscillator(id, hz, 48_000.0).hold("fm", -2.0);
        let sync = &rig().run(200)[1];
        assert!(
            sync.windows(2).filter(|pair| pair[1] < pair[0]).count() > 190,
            "{id}"
        );
        let clean = clean(rig(), hz, hz);
        assert!(clean > 100.0, "{id}: {clean:.1}");
        let still = oscillator(id, hz, 48_000.0)
            .hold("fm", -1.0)
            .hold("phase", 0.3)
            .run(500);
        assert!(
            still[0][64..].iter().all(|out| *out == still[0][64]),
            "{id} stands still at frequency 0"
        );
    }
}

#[test]
fn beyond_half_the_sample_rate_nothing_blows_up() {
    for id in ALL {
        for rate in [8_000.0, 48_000.0] {
            for fm in [8.0, -8.0] {
                let mut rig = Rig::with(id, Level::detect(), Width::One, rate)
                    .hold("pitch", 6.0)
                    .hold("fm", fm);
                let out = &rig.run(20_000)[0];
                assert_eq!(rig.health, Health::FINE);
                let peak = out[64..].iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
                assert!(peak < 1.5, "{id} at {rate}: {peak}");
                assert!(
                    mean(&out[1_000..]).abs() < 0.01,
                    "{id} at {rate}: {}",
                    mean(&out[1_000..])
                );
            }
        }
    }
}

#[test]
fn phase_modulation_makes_bessel_sidebands() {
    // Peak deviation of one radian: J0(1), J1(1), J2(1) (Chowning 1973).
    let (carrier, modulator) = (bin(2_740, 48_000.0), bin(411, 48_000.0));
    let rig = oscillator("sine", carrier, 48_000.0)
        .hold("phase-mod-depth", 0.5)
        .feed("phase-mod", move |frame, lane| {
            sine_wave(modulator, 48_000.0)(frame, lane) / PI as f32
        });
    let spectrum = spectrum(rig);
    for (n, bessel) in [0.765_197_686_6_f64, 0.440_050_585_7, 0.114_903_484_9]
        .into_iter()
        .enumerate()
    {
        for hz in [
            carrier + n as f64 * modulator,
            carrier - n as f64 * modulator,
        ] {
            let level = spectrum.level(hz);
            assert!(
                (level - decibels(bessel * bessel)).abs() < 0.02,
                "{n}: {level:.3}"
            );
        }
    }
}

#[test]
fn feedback_turns_a_sine_into_a_saw() {
    let hz = bin(357, 48_000.0);
    let plain = spectrum(oscillator("sine", hz, 48_000.0));
    assert!(plain.level(2.0 * hz) < -120.0);
    let mut last = -120.0;
    for feedback in [0.1, 0.3, 0.6] {
        let bent = spectrum(oscillator("sine", hz, 48_000.0).hold("feedback", feedback));
        let second = bent.level(2.0 * hz) - bent.level(hz);
        assert!(second > last + 3.0, "{feedback}: {second:.1}");
        // Tomisawa's series: partial n is 2 J_n(n b) / (n b) for an index of b radians.
        let index = f64::from(feedback) * 0.25 * TAU;
        let series = |n: f64| {
            let bessel = (0..2_000)
                .map(|step| PI * (f64::from(step) + 0.5) / 2_000.0)
                .map(|t| (n * t - n * index * t.sin()).cos())
                .sum::<f64>()
                / 2_000.0;
            2.0 * bessel / (n * index)
        };
        let expected = decibels((series(2.0) / series(1.0)).powi(2));
        assert!(
            (second - expected).abs() < 0.3,
            "{feedback}: {second:.2} for {expected:.2}"
        );
        last = second;
    }
}

/// All lanes of one output of a long run of noise.
fn noise(output: usize, frames: usize) -> Vec<Vec<f32>> {
    let lanes = Width::Eight.lanes();
    let out = &Rig::with("noise", Level::detect(), Width::Eight, 48_000.0).run(frames)[output];
    (0..lanes)
        .map(|lane| out.iter().skip(lane).step_by(lanes).copied().collect())
        .collect()
}

#[test]
fn noises_slope_as_their_colours_say() {
    for (output, slope) in [
        (0, 0.0),
        (1, -10.0 * 2f64.log10()),
        (2, -20.0 * 2f64.log10()),
    ] {
        let spectra: Vec<Spectrum> = noise(output, 1 << 17)
            .iter()
            .map(|lane| Spectrum::new(&lane[..1 << 17], 48_000.0))
            .collect();
        let levels: Vec<f64> = (0..10)
            .map(|octave| 20.0 * f64::from(octave).exp2())
            .map(|hz| {
                let power = spectra
                    .iter()
                    .map(|lane| 10f64.powf(lane.density(hz, 2.0 * hz) / 10.0))
                    .sum::<f64>();
                decibels(power) - slope * hz.log2()
            })
            .collect();
        let middle = levels[5];
        for (octave, level) in levels.iter().enumerate() {
            // Chance alone moves the lowest octaves by some tenths; brown is meant to flatten there.
            let within = if octave < 2 { 0.9 } else { 0.6 };
            assert!(
                (level - middle).abs() < within,
                "output {output}, octave {octave}: {:.2}",
                level - middle
            );
        }
    }
}

#[test]
fn noises_are_equally_large_and_independent() {
    for output in 0..3 {
        let lanes = noise(output, 200_000);
        for lane in &lanes {
            assert!(
                (rms(lane) / 0.353_55 - 1.0).abs() < 0.12,
                "output {output}: {}",
                rms(lane)
            );
            assert!(mean(lane).abs() < 0.1, "output {output}: {}", mean(lane));
        }
        let correlation = |a: &[f32], b: &[f32]| {
            let product: Vec<f32> = a.iter().zip(b).map(|(a, b)| a * b).collect();
            mean(&product) / (rms(a) * rms(b))
        };
        // The deeper the colour, the fewer independent values there are.
        let limit = [0.015, 0.2, 0.35][output];
        for one in 0..lanes.len() {
            for other in 0..one {
                let shared = correlation(&lanes[one], &lanes[other]);
                assert!(
                    shared.abs() < limit,
                    "output {output}, lanes {one} and {other}: {shared}"
                );
            }
        }
    }
}

#[test]
fn sudden_changes_of_pitch_do_not_click() {
    let pitches = [4.0, 5.5, -1.0, 3.0];
    for (id, most) in [
        ("saw", 2.0),
        ("pulse", 1.6),
        ("triangle", 1.2),
        ("sine", 1.001),
    ] {
        let mut rig = Rig::new(id).feed("pitch", move |frame, _| pitches[frame as usize / 7 % 4]);
        let peak = rig.run(20_000)[0]
            .iter()
            .fold(0.0, |peak: f32, x| peak.max(x.abs()));
        assert!(peak < most, "{id}: {peak}");
    }
    let widths = [0.01, 0.9, 0.99, 0.05];
    for (id, param, most) in [("pulse", "width", 3.6), ("triangle", "symmetry", 2.5)] {
        let mut rig = Rig::new(id)
            .feed("pitch", move |frame, _| pitches[frame as usize / 7 % 4])
            .feed(param, move |frame, _| widths[frame as usize / 5 % 4]);
        let peak = rig.run(20_000)[0]
            .iter()
            .fold(0.0, |peak: f32, x| peak.max(x.abs()));
        assert!(peak < most, "{id}: {peak}");
    }
}
