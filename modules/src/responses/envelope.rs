//! Envelope times, curves and starts.

use crate::catalog::{Level, Width};
use crate::rig::Rig;

/// How far a bent segment has come at a share of its time.
fn way(bend: f64, time: f64) -> f64 {
    let k = bend * 1000f64.ln();
    if k.abs() < 1e-9 {
        time
    } else {
        (-k * time).exp_m1() / (-k).exp_m1()
    }
}

fn frames(seconds: f32, sample_rate: f32) -> usize {
    let frames = (seconds * sample_rate).round();
    assert!((f64::from(frames) - f64::from(seconds) * f64::from(sample_rate)).abs() < 0.51);
    frames as usize
}

/// A gate that is high in a range of frames.
fn held(from: usize, to: usize) -> impl Fn(u64, usize) -> f32 {
    move |frame, _| {
        if (from..to).contains(&(frame as usize)) {
            1.0
        } else {
            0.0
        }
    }
}

#[test]
fn adsr_follows_its_closed_form_to_the_frame() {
    for sample_rate in [8_000.0, 44_100.0, 48_000.0, 192_000.0] {
        for (times, curves) in [
            ([0.01f32, 0.3, 0.2], [0.0f32, 0.0]),
            ([0.005, 0.2, 0.3], [0.3, 0.6]),
            ([0.0313, 0.0171, 0.0557], [1.0, 1.0]),
            ([0.1, 0.0, 0.1], [1e-4, 0.02]),
            ([0.0, 0.05, 0.0], [0.5, 0.5]),
        ] {
            let [attack, decay, release] = times;
            let sustain = 0.4f32;
            let (a, d, r) = (
                frames(attack, sample_rate),
                frames(decay, sample_rate),
                frames(release, sample_rate),
            );
            let (on, off) = (37, 37 + a + d + 101);
            let outs = Rig::with("adsr", Level::detect(), Width::One, sample_rate)
                .hold("attack", attack)
                .hold("decay", decay)
                .hold("sustain", sustain)
                .hold("release", release)
                .hold("attack-curve", curves[0])
                .hold("decay-curve", curves[1])
                .feed("gate", held(on, off))
                .run(off + r + 200);
            let bends = curves.map(f64::from);
            for (frame, out) in outs[0].iter().enumerate() {
                let want = if frame < on {
                    0.0
                } else if frame < on + a {
                    way(bends[0], (frame - on) as f64 / a as f64)
                } else if frame < on + a + d {
                    1.0 - (1.0 - 0.4) * way(bends[1], (frame - on - a) as f64 / d as f64)
                } else if frame < off {
                    0.4
                } else if frame < off + r {
                    0.4 * (1.0 - way(bends[1], (frame - off) as f64 / r as f64))
                } else {
                    0.0
                };
                let error = (f64::from(*out) - want).abs();
                assert!(
                    error < 3e-6,
                    "{times:?} {curves:?} at {frame}: {out} for {want}"
                );
            }
            assert!(
                outs[0][on + a + d..off].iter().all(|out| *out == sustain),
                "sustain is the very level"
            );
            assert!(
                outs[0][off + r..].iter().all(|out| *out == 0.0),
                "silence is exact"
            );
            let ends: Vec<_> = (0..outs[1].len())
                .filter(|frame| outs[1][*frame] > 0.5)
                .collect();
            assert_eq!(ends, [off + r]);
        }
    }
}

#[test]
fn the_longest_segments_end_on_their_frame() {
    for (sample_rate, curve) in [(48_000.0, 0.0), (48_000.0, 1.0), (384_000.0, 0.5)] {
        let length = frames(20.0, sample_rate);
        let outs = Rig::with("adsr", Level::detect(), Width::One, sample_rate)
            .hold("attack", 20.0)
            .hold("attack-curve", curve)
            .hold("decay", 0.0)
            .hold("sustain", 0.25)
            .hold("gate", 1.0)
            .run(length + 2);
        assert_eq!(
            outs[0].iter().rposition(|out| *out != 0.25),
            Some(length - 1)
        );
        for tenth in 1..10 {
            let frame = length / 10 * tenth;
            let want = way(f64::from(curve), frame as f64 / length as f64);
            assert!((f64::from(outs[0][frame]) - want).abs() < 3e-6);
        }
        assert!(
            outs[0][..length]
                .windows(2)
                .all(|pair| pair[1] - pair[0] > -2e-7),
            "a rise only rises"
        );
    }
}

/// A held note whose gate drops for one frame at 1,000 and whose retrigger input fires at 2,000.
fn restarted(mode: &str, curve: f32) -> Vec<f32> {
    Rig::new("adsr")
        .hold("attack", 0.01)
        .hold("decay", 0.005)
        .hold("sustain", 0.5)
        .hold("release", 0.1)
        .hold("attack-curve", curve)
        .hold("decay-curve", curve)
        .choose("mode", mode)
        .feed("gate", |frame, _| if frame == 1_000 { 0.0 } else { 1.0 })
        .feed(
            "retrigger",
            |frame, _| if frame == 2_000 { 1.0 } else { 0.0 },
        )
        .run(3_000)
        .swap_remove(0)
}

#[test]
fn new_attacks_start_where_they_are_told() {
    for curve in [0.0, 0.5, 1.0] {
        let smooth = restarted("from level", curve);
        assert!((smooth[1_001] - 0.5).abs() < 0.002 && (smooth[2_000] - 0.5).abs() < 1e-6);
        assert_eq!(
            (smooth[1_000 + 481], smooth[2_000 + 480]),
            (1.0, 1.0),
            "the attack takes all its time"
        );
        // The shortest segment, the decay, falls by a half in 240 frames, and a bend is k times as
        // steep at its start.
        let steepest = 0.5 / 240.0 * (curve * 1000f32.ln()).max(1.0) * 1.1;
        let leap = smooth[960..]
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .fold(0.0, f32::max);
        assert!(leap < steepest, "curve {curve}: a leap of {leap}");

        let hard = restarted("from zero", curve);
        assert!(hard[999] == 0.5 && hard[1_001] == 0.0 && hard[2_000] == 0.0);

        let legato = restarted("legato", curve);
        assert!(
            (legato[1_001] - 0.5).abs() < 0.002,
            "the gate still starts it"
        );
        assert!(
            legato[2_000..].iter().all(|out| *out == 0.5),
            "the retrigger input does not"
        );
    }
}

#[test]
fn release_starts_from_the_level_it_finds() {
    let outs = Rig::new("adsr")
        .hold("attack", 0.1)
        .hold("attack-curve", 0.0)
        .hold("release", 0.05)
        .hold("decay-curve", 0.0)
        .feed("gate", held(0, 1_200))
        .run(4_800);
    assert!((outs[0][1_200] - 0.25).abs() < 1e-6);
    assert!(
        (outs[0][2_400] - 0.125).abs() < 1e-6,
        "half the release leaves half the level"
    );
    assert_eq!(
        outs[0].iter().skip(1).position(|out| *out == 0.0),
        Some(1_200 + 2_400 - 1)
    );
}

#[test]
fn a_moved_time_keeps_the_place_within_the_segment() {
    let outs = Rig::new("adsr")
        .feed("attack", |frame, _| if frame < 2_400 { 0.1 } else { 0.3 })
        .hold("attack-curve", 0.7)
        .hold("decay", 10.0)
        .hold("gate", 1.0)
        .run(12_000);
    let top = outs[0].iter().position(|out| *out == 1.0);
    assert_eq!(top, Some(2_400 + 7_200), "half the segment at either pace");
    let leap = outs[0][2_300..2_500]
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(0.0, f32::max);
    assert!(leap < 2e-4, "a leap of {leap}");
}

#[test]
fn sustain_follows_its_cable_at_audio_rate() {
    let wave = |frame: u64| 0.5 + 0.4 * (frame as f32 * 0.3).sin();
    let outs = Rig::new("adsr")
        .hold("attack", 0.0)
        .hold("decay", 0.0)
        .hold("gate", 1.0)
        .feed("sustain", move |frame, _| wave(frame))
        .run(500);
    assert!((0..500).all(|frame| outs[0][frame] == wave(frame as u64)));
}

#[test]
fn voices_run_apart() {
    let mut rig = Rig::with("adsr", Level::detect(), Width::Sixteen, 48_000.0)
        .hold("attack", 0.004)
        .hold("attack-curve", 0.0)
        .hold("decay", 0.0)
        .hold("sustain", 1.0)
        .feed(
            "gate",
            |frame, lane| if frame >= 11 * lane as u64 { 1.0 } else { 0.0 },
        );
    let outs = rig.run(400);
    for lane in 0..16 {
        let top = (0..400).position(|frame| outs[0][frame * 16 + lane] == 1.0);
        assert_eq!(top, Some(11 * lane + 192));
    }
}

#[test]
fn ad_runs_once_for_each_trigger() {
    for curve in [-1.0f32, -0.4, 0.0, 0.8] {
        let outs = Rig::new("ad")
            .hold("attack", 0.01)
            .hold("decay", 0.05)
            .hold("attack-curve", curve)
            .hold("decay-curve", curve)
            .feed("trigger", |frame, _| if frame == 100 { 1.0 } else { 0.0 })
            .run(4_000);
        for (frame, out) in outs[0].iter().enumerate() {
            let want = match frame {
                100..580 => way(f64::from(curve), (frame - 100) as f64 / 480.0),
                580..2_980 => 1.0 - way(f64::from(curve), (frame - 580) as f64 / 2_400.0),
                _ => 0.0,
            };
            assert!(
                (f64::from(*out) - want).abs() < 3e-6,
                "curve {curve} at {frame}: {out} for {want}"
            );
        }
        assert_eq!(
            (0..4_000)
                .filter(|frame| outs[1][*frame] > 0.5)
                .collect::<Vec<_>>(),
            [2_980]
        );
    }
}

#[test]
fn ad_loops_without_losing_a_frame() {
    let outs = Rig::new("ad")
        .hold("attack", 0.001)
        .hold("decay", 0.002)
        .hold("loop", 1.0)
        .run(144 * 50 + 1);
    let ends: Vec<_> = (0..outs[1].len())
        .filter(|frame| outs[1][*frame] > 0.5)
        .collect();
    assert_eq!(ends, (1..=50).map(|turn| turn * 144).collect::<Vec<_>>());
    assert!((1..144 * 49).all(|frame| outs[0][frame] == outs[0][frame + 144]));
    // The shortest loop there is stays finite and in range.
    let shortest = Rig::new("ad")
        .hold("attack", 0.0)
        .hold("decay", 0.0)
        .hold("loop", 1.0)
        .run(100);
    assert!(shortest[0].iter().all(|out| (0.0..=1.0).contains(out)));
}

#[test]
fn ad_restarts_as_its_mode_says() {
    let run = |mode: &str| {
        Rig::new("ad")
            .hold("attack", 0.01)
            .hold("decay", 0.1)
            .hold("decay-curve", 0.0)
            .choose("mode", mode)
            .feed("trigger", |frame, _| {
                if frame == 0 || frame == 2_880 {
                    1.0
                } else {
                    0.0
                }
            })
            .run(6_000)
            .swap_remove(0)
    };
    let level = run("from level");
    assert!((level[2_880] - 0.5).abs() < 1e-6 && level[3_360] == 1.0);
    assert_eq!(run("from zero")[2_880], 0.0);
    let ignored = run("ignore");
    assert!((ignored[2_880] - 0.5).abs() < 1e-6 && (ignored[4_080] - 0.25).abs() < 1e-6);
}
