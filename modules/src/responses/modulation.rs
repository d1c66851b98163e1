//! Waves, pulses and sequences against musical time.

use crate::catalog::{Level, Width};
use crate::kit::beats::{DIVISIONS, quarters};
use crate::rig::Rig;

fn pulses(out: &[f32]) -> Vec<usize> {
    (0..out.len())
        .filter(|frame| out[*frame] > 0.5 && (*frame == 0 || out[frame - 1] <= 0.5))
        .collect()
}

/// The first frame at or after each grid line.
fn lines(every: f64, beats_per_frame: f64, frames: usize) -> Vec<usize> {
    (0..)
        .map(|line| (f64::from(line) * every / beats_per_frame - 1e-6).ceil() as usize)
        .take_while(|frame| *frame < frames)
        .collect()
}

#[test]
fn lfo_draws_its_shapes() {
    let tau = std::f64::consts::TAU;
    let shape = |name: &str, t: f64| match name {
        "sine" => (tau * t).sin(),
        "triangle" => 1.0 - (4.0 * t - 2.0).abs(),
        "saw up" => 2.0 * t - 1.0,
        "saw down" => 1.0 - 2.0 * t,
        _ => {
            if t < 0.5 {
                1.0
            } else {
                -1.0
            }
        }
    };
    for name in ["sine", "triangle", "saw up", "saw down", "square"] {
        for (width, start, unipolar) in [
            (0.5f32, 0.0f32, 0.0),
            (0.5, 0.25, 1.0),
            (0.8, 0.0, 0.0),
            (0.1, 0.6, 0.0),
        ] {
            let outs = Rig::new("lfo")
                .choose("shape", name)
                .hold("rate", 7.0)
                .hold("width", width)
                .hold("phase", start)
                .hold("unipolar", unipolar)
                .run(20_000);
            for (frame, out) in outs[0].iter().enumerate() {
                let turn = (frame as f64 * 7.0 / 48_000.0 + f64::from(start)).fract();
                let w = f64::from(width);
                // Within a frame of a leap either side of it is right.
                let near_leap = [0.0, w, 1.0].iter().any(|leap| (turn - leap).abs() < 2e-4);
                let skewed = if turn < w {
                    turn * 0.5 / w
                } else {
                    0.5 + (turn - w) * 0.5 / (1.0 - w)
                };
                let mut want = shape(name, skewed);
                if unipolar > 0.5 {
                    want = (want + 1.0) / 2.0;
                }
                let error = (f64::from(*out) - want).abs();
                assert!(
                    error < 1e-4 || near_leap,
                    "{name} width {width} at {frame}: {out} for {want}"
                );
            }
        }
    }
}

#[test]
fn lfo_keeps_its_rate_for_long() {
    for (rate, sample_rate) in [
        (0.01f32, 48_000.0f32),
        (0.037, 384_000.0),
        (5.0, 44_100.0),
        (100.0, 8_000.0),
    ] {
        let cycles = (rate * 100.0).clamp(1.0, 40.0);
        let frames = (cycles / rate * sample_rate) as usize + 20;
        let outs = Rig::with("lfo", Level::detect(), Width::One, sample_rate)
            .hold("rate", rate)
            .run(frames);
        let last = *pulses(&outs[1]).last().expect("a cycle");
        let want = (f64::from(cycles.floor()) * f64::from(sample_rate) / f64::from(rate)).ceil();
        let error = (last as f64 - want) / want;
        assert!(
            error.abs() < 2e-7 + 1.0 / want,
            "{rate} Hz: {last} for {want}"
        );
    }
}

#[test]
fn lfo_follows_the_beat_through_jumps() {
    for (choice, name) in DIVISIONS.iter().enumerate() {
        let mut rig = Rig::new("lfo")
            .choose("shape", "saw up")
            .hold("sync", 1.0)
            .hold("division", choice as f32);
        let mut check = |first_beat: f64, tempo: f64| {
            rig.transport.anchor_frame = rig.position;
            rig.transport.anchor_beat = first_beat;
            rig.transport.beats_per_frame = tempo / 60.0 / 48_000.0;
            let outs = rig.run(3_000);
            for (frame, out) in outs[0].iter().enumerate() {
                let turn = ((first_beat + frame as f64 * tempo / 60.0 / 48_000.0)
                    / quarters(choice)
                    + 1e-7)
                    .rem_euclid(1.0);
                let want = 2.0 * turn - 1.0;
                assert!(
                    (f64::from(*out) - want).abs() < 2e-6,
                    "{name} at {frame}: {out} for {want}"
                );
            }
        };
        check(0.0, 120.0);
        check(16.0, 120.0);
        check(3.7, 87.3);
        check(-2.25, 240.0);
        check(100_000.0, 133.0);
    }
}

#[test]
fn lfo_starts_anew_at_a_reset_and_fades_in() {
    for sync in [0.0, 1.0] {
        let outs = Rig::new("lfo")
            .choose("shape", "saw up")
            .hold("sync", sync)
            .hold("rate", 2.0)
            .feed("reset", |frame, _| if frame == 5_000 { 1.0 } else { 0.0 })
            .run(40_000);
        // At 120 beats a minute a quarter note is half a second too. The free rate is rounded, so that
        // its leap may come a frame late.
        for (frame, out) in outs[0].iter().enumerate() {
            let since = if frame < 5_000 { frame } else { frame - 5_000 };
            let want = 2.0 * ((since as f64 + 0.01) / 24_000.0).fract() - 1.0;
            let leaps = since > 0 && since % 24_000 == 0 && sync == 0.0;
            assert!(
                leaps || (f64::from(*out) - want).abs() < 1e-4,
                "at {frame}: {out} for {want}"
            );
        }
    }
    let outs = Rig::new("lfo")
        .choose("shape", "square")
        .hold("rate", 0.01)
        .hold("fade", 0.1)
        .feed("reset", |frame, _| if frame == 10_000 { 1.0 } else { 0.0 })
        .run(16_000);
    for (frame, out) in outs[0].iter().enumerate() {
        let since = if frame < 10_000 {
            frame
        } else {
            frame - 10_000
        };
        assert!((out - (since as f32 / 4_800.0).min(1.0)).abs() < 1e-5);
    }
}

#[test]
fn lfo_randomness_repeats_steps_and_joins() {
    let run = |shape: &str| {
        Rig::new("lfo")
            .choose("shape", shape)
            .hold("rate", 10.0)
            .run(48_000)
            .swap_remove(0)
    };
    let steps = run("random steps");
    assert_eq!(steps, run("random steps"));
    let values: Vec<f32> = steps.chunks(4_800).map(|cycle| cycle[10]).collect();
    assert!(
        steps
            .chunks(4_800)
            .all(|cycle| cycle[2..].iter().all(|out| *out == cycle[10]))
    );
    assert!(
        values.windows(2).all(|pair| pair[0] != pair[1])
            && values.iter().all(|out| out.abs() <= 1.0)
    );
    let smooth = run("smooth random");
    for (cycle, value) in values.iter().enumerate() {
        assert!(
            (smooth[cycle * 4_800 + 1] - value).abs() < 1e-3,
            "the smooth one passes the same values"
        );
    }
    assert!(
        smooth
            .windows(2)
            .all(|pair| (pair[1] - pair[0]).abs() < 2.0 * 1.5 / 4_800.0 + 1e-5)
    );
    // The song's position alone decides the value of a synced step.
    let mut synced = Rig::new("lfo")
        .choose("shape", "random steps")
        .hold("sync", 1.0);
    let first = synced.run(24_000 * 4).swap_remove(0);
    synced.transport.anchor_frame = synced.position;
    assert_eq!(first, synced.run(24_000 * 4).swap_remove(0));
}

#[test]
fn sample_hold_catches_and_tracks() {
    let wave = |frame: u64| (frame as f32 * 0.01).sin();
    let gate = |frame: u64| {
        if frame % 100 >= 30 && frame % 100 < 50 {
            1.0
        } else {
            0.0
        }
    };
    let run = |mode: &str| {
        Rig::new("sample-hold")
            .choose("mode", mode)
            .feed("in", move |frame, _| wave(frame))
            .feed("trigger", move |frame, _| gate(frame))
            .run(1_000)
            .swap_remove(0)
    };
    let (held, tracked) = (run("sample and hold"), run("track and hold"));
    for frame in 30..1_000u64 {
        let caught = (frame - 30) / 100 * 100 + 30;
        assert_eq!(held[frame as usize], wave(caught));
        assert_eq!(tracked[frame as usize], wave(frame.min(caught + 19)));
    }
}

#[test]
fn sample_hold_has_noise_of_its_own() {
    let noise = Rig::with("sample-hold", Level::detect(), Width::Eight, 48_000.0)
        .choose("source", "noise")
        .feed("trigger", |frame, _| (frame % 2) as f32)
        .run(20_000)
        .swap_remove(0);
    let lane = |lane: usize| {
        noise
            .iter()
            .skip(lane)
            .step_by(16)
            .copied()
            .collect::<Vec<_>>()
    };
    let (a, b) = (lane(8), lane(9));
    let mean = |f: &dyn Fn(usize) -> f32| {
        (1..a.len()).map(|i| f64::from(f(i))).sum::<f64>() / a.len() as f64
    };
    assert!(mean(&|i| a[i]).abs() < 0.02 && (mean(&|i| a[i] * a[i]) - 1.0 / 3.0).abs() < 0.02);
    assert!(mean(&|i| a[i] * a[i - 1]).abs() < 0.02 && mean(&|i| a[i] * b[i]).abs() < 0.02);
}

#[test]
fn clock_pulses_on_every_line_of_the_grid() {
    for sample_rate in [44_100.0f32, 96_000.0] {
        for tempo in [60.0f64, 97.3, 174.0] {
            for (choice, name) in DIVISIONS.iter().enumerate() {
                let mut rig = Rig::with("clock", Level::detect(), Width::One, sample_rate)
                    .hold("division", choice as f32)
                    .hold("gate-length", 0.25);
                rig.transport.beats_per_frame = tempo / 60.0 / f64::from(sample_rate);
                let frames = 60_000;
                let outs = rig.run(frames);
                let want = lines(quarters(choice), rig.transport.beats_per_frame, frames);
                assert_eq!(pulses(&outs[1]), want, "{name} at {tempo}");
                assert_eq!(
                    pulses(&outs[0]),
                    want,
                    "{name} at {tempo}: the gate starts with the trigger"
                );
                assert_eq!(
                    outs[1].iter().filter(|out| **out > 0.5).count(),
                    want.len(),
                    "one frame each"
                );
                let high = outs[0].iter().filter(|out| **out > 0.5).count() as f64;
                let share = want
                    .iter()
                    .map(|line| {
                        (0.25 * quarters(choice) / rig.transport.beats_per_frame)
                            .min((frames - line) as f64)
                    })
                    .sum::<f64>();
                assert!(
                    (high - share).abs() <= want.len() as f64,
                    "{name}: {high} frames high for {share}"
                );
                assert_eq!(
                    pulses(&outs[2]),
                    lines(4.0, rig.transport.beats_per_frame, frames),
                    "bars"
                );
            }
        }
    }
}

#[test]
fn clock_keeps_to_the_host_through_tempo_changes_loops_and_jumps() {
    let mut rig = Rig::new("clock").choose("division", "1/16");
    let mut all = Vec::new();
    let mut move_to = |beat: f64, tempo: f64, frames: usize, playing: bool| {
        rig.transport.anchor_frame = rig.position;
        rig.transport.anchor_beat = beat;
        rig.transport.beats_per_frame = tempo / 60.0 / 48_000.0;
        rig.transport.playing = playing;
        let outs = rig.run(frames);
        all.push((pulses(&outs[1]), outs[0][0], outs[0].clone()));
        beat + frames as f64 * tempo / 60.0 / 48_000.0
    };
    // A tempo that moves every 64 frames, from slow to fast and back.
    let mut beat = 0.0;
    let mut want = Vec::new();
    let mut next = 0.0f64;
    for block in 0..600 {
        let tempo = 120.0 + 80.0 * (f64::from(block) * 0.05).sin();
        let advance = tempo / 60.0 / 48_000.0;
        while next < beat + 64.0 * advance - 1e-8 {
            want.push(
                block as usize * 64 + ((next - beat) / advance - 1e-3).ceil().max(0.0) as usize,
            );
            next += 0.25;
        }
        beat = move_to(beat, tempo, 64, true);
    }
    let got: Vec<_> = all
        .drain(..)
        .enumerate()
        .flat_map(|(block, (frames, ..))| frames.into_iter().map(move |f| block * 64 + f))
        .collect();
    assert_eq!(got, want);

    let mut move_to = |beat: f64, frames: usize, playing: bool| {
        rig.transport.anchor_frame = rig.position;
        rig.transport.anchor_beat = beat;
        rig.transport.beats_per_frame = 120.0 / 60.0 / 48_000.0;
        rig.transport.playing = playing;
        let outs = rig.run(frames);
        (pulses(&outs[1]), outs[0].clone())
    };
    // Back by a whole beat, onto a line: the pulse sounds on that frame.
    move_to(1.0, 12_000, true);
    let (triggers, _) = move_to(1.0, 6_001, true);
    assert_eq!(triggers, [0, 6_000]);
    // Into the middle of a gate: nothing sounds before the next line.
    let (triggers, gate) = move_to(9.0625, 6_000, true);
    assert_eq!(triggers, [4_500]);
    assert!(gate[..4_500].iter().all(|out| *out == 0.0));
    // A stopped song's beat runs on, and so does the clock.
    let (triggers, _) = move_to(20.0, 12_000, false);
    assert_eq!(triggers, [0, 6_000]);
}

#[test]
fn clock_swings_runs_free_stops_and_resets() {
    let swung = Rig::new("clock")
        .choose("division", "1/8")
        .hold("swing", 0.75)
        .run(96_000);
    let want: Vec<_> = (0..4)
        .flat_map(|pair| [pair * 24_000, pair * 24_000 + 18_000])
        .collect();
    assert_eq!(pulses(&swung[1]), want);

    let free = Rig::new("clock")
        .choose("division", "1/4")
        .hold("sync", 0.0)
        .hold("tempo", 90.0)
        .feed("reset", |frame, _| if frame == 50_000 { 1.0 } else { 0.0 })
        .feed("stop", |frame, _| {
            if (100_000..110_000).contains(&frame) {
                1.0
            } else {
                0.0
            }
        })
        .hold("bars", 2.0)
        .run(200_000);
    assert_eq!(
        pulses(&free[1]),
        [0, 32_000, 50_000, 82_000, 124_000, 156_000, 188_000]
    );
    assert!(free[0][100_000..110_000].iter().all(|out| *out == 0.0));
    assert_eq!(pulses(&free[2]), [0, 50_000]);

    let mut waiting = Rig::new("clock")
        .choose("division", "1/4")
        .hold("play-only", 1.0);
    waiting.transport.playing = false;
    assert!(waiting.run(50_000).iter().flatten().all(|out| *out == 0.0));
}

#[test]
fn clock_gates_always_fall_before_the_next() {
    let outs = Rig::new("clock")
        .choose("division", "1/64")
        .hold("gate-length", 1.0)
        .run(48_000);
    assert_eq!(pulses(&outs[0]).len(), 32);
}

/// A clock of 100 frames a step, high for 40 of them.
fn ticking(rig: Rig) -> Rig {
    rig.feed("clock", |frame, _| if frame % 100 < 40 { 1.0 } else { 0.0 })
}

fn scale(mut rig: Rig) -> Rig {
    for step in 1..=16 {
        rig = rig.hold(&format!("step-{step}"), step as f32 / 12.0);
    }
    rig
}

/// Which steps sound, clock by clock.
fn order(pitches: &[f32]) -> Vec<usize> {
    pitches
        .chunks(100)
        .map(|step| (step[50] * 12.0).round() as usize)
        .collect()
}

#[test]
fn steps_play_in_every_direction() {
    let run = |direction: &str, length: f32, clocks: usize| {
        let rig = ticking(scale(Rig::new("steps")))
            .choose("direction", direction)
            .hold("length", length);
        let mut rig = rig;
        let outs = rig.run(clocks * 100);
        (order(&outs[0]), pulses(&outs[3]))
    };
    assert_eq!(
        run("forward", 3.0, 7),
        (vec![1, 2, 3, 1, 2, 3, 1], vec![300, 600])
    );
    assert_eq!(run("backward", 3.0, 5), (vec![3, 2, 1, 3, 2], vec![300]));
    assert_eq!(
        run("ping-pong", 4.0, 8),
        (vec![1, 2, 3, 4, 3, 2, 1, 2], vec![600])
    );
    assert_eq!(run("ping-pong", 1.0, 3), (vec![1, 1, 1], vec![100, 200]));
    assert_eq!(run("ping-pong", 2.0, 4).0, [1, 2, 1, 2]);
    assert_eq!(run("forward", 16.0, 16).0, (1..=16).collect::<Vec<_>>());
    let (random, _) = run("random", 5.0, 500);
    for step in 1..=5 {
        let share = random.iter().filter(|played| **played == step).count();
        assert!(
            (70..130).contains(&share),
            "step {step} of 5 played {share} times in 500"
        );
    }
}

#[test]
fn steps_rest_tie_and_glide() {
    let rig = ticking(scale(Rig::new("steps")))
        .hold("length", 4.0)
        .choose("gate-2", "tie")
        .choose("gate-4", "rest")
        .hold("transpose", 1.0)
        .hold("glide", 80.0 / 48_000.0);
    let mut rig = rig;
    let outs = rig.run(400);
    // Step 2 lasts into step 3, which starts no new note; step 4 is silent and keeps the pitch.
    assert_eq!(pulses(&outs[1]), [0, 100]);
    assert_eq!(outs[1].iter().rposition(|out| *out > 0.5), Some(239));
    assert_eq!(pulses(&outs[2]), [0, 100]);
    let want = |frame: usize| match frame {
        0..100 => 1.0 / 12.0,
        100..200 => 2.0 / 12.0,
        200..280 => (2.0 + (frame - 200) as f32 / 80.0) / 12.0,
        _ => 3.0 / 12.0,
    };
    for (frame, out) in outs[0].iter().enumerate() {
        assert!((out - 1.0 - want(frame)).abs() < 1e-6, "at {frame}: {out}");
    }
}

#[test]
fn steps_reset_on_the_very_clock() {
    let mut rig = ticking(scale(Rig::new("steps"))).feed("reset", |frame, _| {
        if frame == 300 || frame == 550 {
            1.0
        } else {
            0.0
        }
    });
    assert_eq!(order(&rig.run(800)[0]), [1, 2, 3, 1, 2, 3, 1, 2]);
}

#[test]
fn steps_follow_their_knobs_and_each_voice_its_clock() {
    let mut rig = Rig::with("steps", Level::detect(), Width::Eight, 48_000.0)
        .feed("clock", |frame, lane| {
            if frame % (50 + 10 * lane as u64) < 5 {
                1.0
            } else {
                0.0
            }
        })
        .hold("length", 2.0)
        .feed("step-1", |frame, lane| frame as f32 * 1e-4 + lane as f32)
        .hold("step-2", -2.0);
    let outs = rig.run(400);
    for frame in 0..400usize {
        for lane in 0..8 {
            let odd = frame / (50 + 10 * lane) % 2 == 1;
            let want = if odd {
                -2.0
            } else {
                frame as f32 * 1e-4 + lane as f32
            };
            assert_eq!(outs[0][frame * 8 + lane], want);
        }
    }
}
