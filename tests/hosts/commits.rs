//! Patches give way to each other while the song plays: a state loaded into a running instance is a
//! commit of a whole patch.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::host::{BOLD_HOSTS, Do, Host, Instance, PLUGINS, Param, Stereo};
use crate::host::{everywhere, open, open_with};
use crate::patches::{PAD, THROUGH, VOICE};
use crate::play::{Piece, play};
use crate::sound::{above, assert_same, first_difference, level, part, peak};
use crate::vst3_direct::DirectInstance;

const RATE: f64 = 48_000.0;
const BLOCK: usize = 512;
const COMMITS: usize = 100;
/// Blocks after which a patch has arrived, whatever was under way before it: a tail that must end takes
/// 50 ms, the crossfade 10 ms, and a knob's way is shorter than a block.
const ARRIVAL: usize = 8;
/// What goes in.
const CONSTANT: f32 = 0.5;

/// A constant whose gain is slot 1, and a voice beside it.
const NEAR: &str = r#"Patch(format: 1, name: "Near",
  modules: {
    "in": (type: "audio-in"),
    "near": (type: "scale"),
    "notes": (type: "notes"),
    "env": (type: "adsr", params: {"attack": 0.002, "sustain": 1.0, "release": 0.01}),
    "quarter": (type: "scale", params: {"gain": 0.25}),
    "out": (type: "audio-out", params: {"limit": false}),
  },
  cables: [
    "in.left -> near.in", "in.side-left -> near.in", "near.out -> out.left",
    "near.out -> out.right", "notes.gate -> env.gate", "env.out -> quarter.in",
    "quarter.out -> out.left",
  ],
  slots: {1: "near.gain", 3: "out.level", 7: "env.release"},
)"#;

/// The same constant, to which slot 1 adds; slots stand for other knobs of other modules.
const FAR: &str = r#"Patch(format: 1, name: "Far",
  modules: {
    "in": (type: "audio-in"),
    "far2": (type: "scale"),
    "out": (type: "audio-out", params: {"limit": false}),
  },
  cables: [
    "in.left -> far2.in", "in.side-left -> far2.in", "far2.out -> out.left",
    "far2.out -> out.right",
  ],
  slots: {1: "far2.offset", 2: "far2.gain", 7: "out.mute", 1024: "out.balance"},
)"#;

/// One of two patches, with what the host must show of it and what slot 1 does to the constant.
struct Side {
    text: &'static str,
    /// Slot, name and module of all that is not hidden.
    shown: &'static [(usize, &'static str, &'static str)],
    /// Where slot 1 stands in the patch.
    rest: f64,
    heard: fn(f64) -> f64,
}

const SIDES: [Side; 2] = [
    Side {
        text: NEAR,
        shown: &[
            (0, "Near Gain", "Near"),
            (2, "Out Level", "Out"),
            (6, "Env Release", "Env"),
        ],
        rest: 0.625,
        // Gain runs from -4 to 4.
        heard: |value| f64::from(CONSTANT) * (8.0 * value - 4.0),
    },
    Side {
        text: FAR,
        shown: &[
            (0, "Far 2 Offset", "Far 2"),
            (1, "Far 2 Gain", "Far 2"),
            (6, "Out Mute", "Out"),
            (1023, "Out Balance", "Out"),
        ],
        rest: 0.5,
        heard: |value| f64::from(CONSTANT) + 8.0 * value - 4.0,
    },
];

/// Ends the other threads of a test, even if it fails.
struct EndsWith<'a>(&'a AtomicBool);

impl Drop for EndsWith<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn bold(mut each: impl FnMut(Host, crate::host::Plugin)) {
    for host in BOLD_HOSTS {
        for plugin in PLUGINS {
            println!("{host:?} {plugin:?}");
            each(host, plugin);
        }
    }
}

fn constant(frames: usize) -> Piece {
    Piece::new(frames).with_input(|_| [CONSTANT; 2])
}

fn slot_ids(host: Host, plugin: crate::host::Plugin) -> Vec<u32> {
    let params = open(host, plugin).params();
    params.iter().map(|param| param.id).collect()
}

/// What the host shows of the slots, read anew.
#[track_caller]
fn assert_shows(params: &[Param], side: &Side) {
    let visible: Vec<usize> = (0..params.len())
        .filter(|slot| !params[*slot].hidden)
        .collect();
    let expected: Vec<usize> = side.shown.iter().map(|(slot, ..)| *slot).collect();
    assert_eq!(visible, expected, "slots that are not hidden");
    for (slot, name, module) in side.shown {
        assert_eq!(params[*slot].name, *name);
        if let Some(shown) = &params[*slot].module {
            assert_eq!(shown, module);
        }
    }
    let left_over = params.iter().filter(|param| param.hidden).find(|param| {
        param
            .module
            .as_ref()
            .is_some_and(|module| !module.is_empty())
    });
    assert_eq!(left_over, None, "an unused slot belongs to a module");
}

/// A state that says the same as the patch.
fn state_of(host: Host, plugin: crate::host::Plugin, patch: &str) -> Vec<u8> {
    let mut instance = open(host, plugin);
    assert!(instance.load(patch.as_bytes()));
    instance.save()
}

#[test]
fn automation_runs_through_a_hundred_commits_and_names_follow_each() {
    everywhere(|host, plugin| {
        let ids = slot_ids(host, plugin);
        let mut instance = open_with(host, plugin, SIDES[0].text, RATE, BLOCK);
        let on = Do::On {
            key: 60,
            velocity: 0.8,
        };
        let off = Do::Off { key: 60 };
        play(&mut *instance, &constant(BLOCK), &[BLOCK]);
        instance.was_renamed();
        for commit in 1..=COMMITS {
            let side = &SIDES[commit % 2];
            assert!(
                !instance.was_renamed(),
                "the host is told though nothing changed"
            );
            assert!(instance.load(side.text.as_bytes()), "commit {commit}");
            assert!(instance.was_renamed(), "commit {commit}: the host must ask");
            assert_shows(&instance.params(), side);
            let value = instance.value(ids[0]).expect("it has a value");
            assert!((value - side.rest).abs() < 1e-6, "slot 1 shows {value}");

            // A knob that moves in every block, at another frame each time; the last one is held. Two
            // more move that one of the patches, or neither, has bound.
            let step = |block: usize| {
                let swing = (commit as f64 * 1.7 + block as f64 * 0.9).sin();
                side.rest + 0.004 * swing
            };
            let mut piece = constant((ARRIVAL + 2) * BLOCK);
            for block in 0..ARRIVAL + 2 {
                let frame = block * BLOCK + (commit * 37 + block * 101) % 200;
                let value = step(block);
                piece = piece.at(frame, Do::Set { id: ids[0], value }).at(
                    frame,
                    Do::Set {
                        id: ids[500],
                        value,
                    },
                );
            }
            let moved = |block: usize| (side.heard)(step(block));
            // Held through the commit to the other patch, which releases it.
            if commit.is_multiple_of(2) {
                piece = piece.at(ARRIVAL * BLOCK, on);
            } else {
                piece = piece.at((ARRIVAL + 1) * BLOCK, off);
            }
            let sound = play(&mut *instance, &piece, &[BLOCK]);

            // The constant never drops out, and two at equal power are 3 dB louder at most.
            for (frame, sample) in sound[1].iter().enumerate() {
                assert!(
                    (0.44..=0.56 * 1.42).contains(sample),
                    "commit {commit}: {sample} at frame {frame}"
                );
            }
            for block in ARRIVAL - 1..ARRIVAL + 2 {
                let last = f64::from(sound[1][(block + 1) * BLOCK - 1]);
                let expected = moved(block);
                assert!(
                    (last - expected).abs() < 1e-5,
                    "commit {commit}, block {block}: {last} in place of {expected}"
                );
            }
            let voice = sound[0][(ARRIVAL + 2) * BLOCK - 1] - sound[1][(ARRIVAL + 2) * BLOCK - 1];
            let expected = if commit.is_multiple_of(2) { 0.25 } else { 0.0 };
            assert!(
                (voice - expected).abs() < 1e-4,
                "commit {commit}: the note sounds at {voice}"
            );
            let value = instance.value(ids[0]).expect("it has a value");
            assert!((value - step(ARRIVAL + 1)).abs() < 1e-6);
        }
        let state = instance.save();
        let mut again = open(host, plugin);
        assert!(again.load(&state));
        assert_eq!(again.params(), instance.params());
        assert_eq!(again.save(), state);
    });
}

#[test]
fn automation_runs_on_the_audio_thread_through_a_hundred_commits() {
    bold(|host, plugin| {
        let ids = slot_ids(host, plugin);
        let mut instance = open_with(host, plugin, SIDES[0].text, RATE, BLOCK);
        instance.was_renamed();
        let mut audio = instance.lend_audio().expect("this host has two threads");
        let (over, blocks) = (AtomicBool::new(false), AtomicUsize::new(0));
        let audio = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let block = blocks.fetch_add(1, Ordering::Relaxed);
                    // Slot 2 is a gain that stays where it is, or nothing.
                    let events = [0, 1].map(|event| crate::host::Event {
                        frame: (block as u32 * 7 + event * 100) % 128,
                        what: Do::Set {
                            id: ids[1 + 499 * event as usize],
                            value: 0.625,
                        },
                    });
                    let input = [vec![CONSTANT; 128], vec![CONSTANT; 128]];
                    let mut output = [vec![f32::NAN; 128], vec![f32::NAN; 128]];
                    assert!(audio.process(&input, &mut output, &events));
                    for sample in output.iter().flatten() {
                        assert!(
                            (0.49..=0.5 * 1.42).contains(sample),
                            "{sample} in block {block}"
                        );
                    }
                }
                audio
            });
            let end = EndsWith(&over);
            for commit in 1..=COMMITS {
                let side = &SIDES[commit % 2];
                assert!(instance.load(side.text.as_bytes()), "commit {commit}");
                assert!(instance.was_renamed(), "commit {commit}: the host must ask");
                assert_shows(&instance.params(), side);
                assert!(instance.save().starts_with(b"Patch("));
                // Some wait for the fade, some hit it, some come before the next block.
                let wanted = blocks.load(Ordering::Relaxed) + [0, 1, 3, 40][commit % 4];
                let start = Instant::now();
                while blocks.load(Ordering::Relaxed) < wanted && !thread.is_finished() {
                    assert!(start.elapsed() < Duration::from_secs(20), "audio stands");
                    std::thread::yield_now();
                }
            }
            drop(end);
            thread.join().expect("the audio thread lives")
        });
        instance.take_audio_back(audio);
        let last = &SIDES[COMMITS % 2];
        assert_eq!(instance.save(), state_of(host, plugin, last.text));
    });
}

#[test]
fn a_state_saved_in_mid_fade_is_the_loaded_patch() {
    everywhere(|host, plugin| {
        let ids = slot_ids(host, plugin);
        let piece = || {
            constant(12_000)
                .note(100, 8_000, 45)
                .note(2_000, 9_000, 57)
                .at(
                    5_000,
                    Do::Set {
                        id: ids[0],
                        value: 0.55,
                    },
                )
        };
        for (old, new) in [(VOICE, NEAR), (PAD, VOICE), (FAR, PAD), (THROUGH, FAR)] {
            let expected = state_of(host, plugin, new);
            let mut instance = open_with(host, plugin, old, RATE, BLOCK);
            play(&mut *instance, &piece(), &[BLOCK]);
            assert!(instance.load(new.as_bytes()));
            assert_eq!(instance.save(), expected, "before the fade begins");
            // 64 of its 480 frames.
            play(&mut *instance, &constant(64), &[64]);
            let state = instance.save();
            assert_eq!(state, expected, "in the fade");
            let mut restored = open_with(
                host,
                plugin,
                std::str::from_utf8(&state).expect("text"),
                RATE,
                BLOCK,
            );
            let mut fresh = open_with(host, plugin, new, RATE, BLOCK);
            assert_eq!(restored.params(), fresh.params());
            let sound = play(&mut *fresh, &piece(), &[BLOCK]);
            assert!(peak(&sound) > 1e-3);
            assert_same(
                &sound,
                &play(&mut *restored, &piece(), &[BLOCK]),
                "restored",
            );

            // The next load finds the tail of the first one still sounding, and is saved all the same.
            assert!(instance.load(old.as_bytes()));
            play(&mut *instance, &constant(64), &[64]);
            assert_eq!(instance.save(), state_of(host, plugin, old));
        }
    });
}

#[test]
fn what_is_automated_in_mid_fade_is_saved_and_restored() {
    everywhere(|host, plugin| {
        let ids = slot_ids(host, plugin);
        let mut instance = open_with(host, plugin, SIDES[1].text, RATE, BLOCK);
        play(&mut *instance, &constant(2 * BLOCK), &[BLOCK]);
        // One load while nothing else sounds, one while the patch before still rings.
        for commit in 2..4 {
            let side = &SIDES[commit % 2];
            let value = side.rest + 0.003;
            assert!(instance.load(side.text.as_bytes()));
            play(
                &mut *instance,
                &constant(64).at(10, Do::Set { id: ids[0], value }),
                &[64],
            );
            let state = instance.save();
            let mut restored = open(host, plugin);
            assert!(restored.load(&state));
            let shown = restored.value(ids[0]).expect("it has a value");
            assert!((shown - value).abs() < 1e-5, "{shown} comes back");
            restored.activate(RATE, BLOCK);
            let sound = play(&mut *restored, &constant(BLOCK), &[BLOCK]);
            let (last, expected) = (f64::from(sound[1][BLOCK - 1]), (side.heard)(value));
            assert!((last - expected).abs() < 1e-5, "{last} for {expected}");
        }
    });
}

#[test]
fn a_change_right_after_a_load_moves_the_new_patch_and_only_that() {
    everywhere(|host, plugin| {
        let ids = slot_ids(host, plugin);
        let mut instance = open_with(host, plugin, SIDES[0].text, RATE, BLOCK);
        play(&mut *instance, &constant(BLOCK), &[BLOCK]);
        // From the second load on the patch before the last still rings and must end first.
        for commit in 1..9 {
            let side = &SIDES[commit % 2];
            let value = side.rest + 0.004;
            assert!(instance.load(side.text.as_bytes()));
            // Once, in the first block, and never again.
            let piece = constant((ARRIVAL + 1) * BLOCK)
                .at([0, 100, 300][commit % 3], Do::Set { id: ids[0], value });
            let sound = play(&mut *instance, &piece, &[BLOCK]);
            for (frame, sample) in sound[1].iter().enumerate() {
                assert!(
                    (0.44..=0.56 * 1.42).contains(sample),
                    "commit {commit}: a change meant for the new patch moves the old one: \
                     {sample} at frame {frame}"
                );
            }
            let (last, expected) = (
                f64::from(sound[1][(ARRIVAL + 1) * BLOCK - 1]),
                (side.heard)(value),
            );
            assert!(
                (last - expected).abs() < 1e-5,
                "commit {commit}: the change is lost: {last} in place of {expected}"
            );
        }
    });
}

#[test]
fn automation_lands_on_its_frame_after_a_hundred_commits() {
    everywhere(|host, plugin| {
        let ids = slot_ids(host, plugin);
        let mut instance = open_with(host, plugin, SIDES[0].text, RATE, BLOCK);
        for commit in 1..=COMMITS {
            let side = &SIDES[commit % 2];
            assert!(instance.load(side.text.as_bytes()), "commit {commit}");
            // Some come together, before the player has taken the one before.
            let blocks = commit % 3;
            play(&mut *instance, &constant(blocks * 64), &[64]);
        }
        let side = &SIDES[COMMITS % 2];
        play(&mut *instance, &constant(2 * ARRIVAL * BLOCK), &[BLOCK]);
        let still = play(&mut *instance, &constant(4_096), &[BLOCK]);
        let resting = (side.heard)(side.rest) as f32;
        assert!(
            still.iter().flatten().all(|sample| *sample == resting),
            "it does not rest"
        );
        let mut value = side.rest;
        let mut before = resting;
        for frame in [1, 63, 64, 777, 1_023, 1_024] {
            value = if value == side.rest { 0.63 } else { side.rest };
            let piece = constant(4_096).at(frame, Do::Set { id: ids[0], value });
            let sound = play(&mut *instance, &piece, &[BLOCK]);
            let at = first_difference(&[vec![before; 4_096], vec![before; 4_096]], &sound);
            assert_eq!(at, Some(frame));
            before = sound[1][4_095];
            let expected = (side.heard)(value);
            assert!((f64::from(before) - expected).abs() < 1e-5, "{before}");
        }
    });
}

#[test]
fn a_load_and_a_change_of_rate_or_block_size_end_on_the_new_patch() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, VOICE, RATE, BLOCK);
        let changes = [
            (44_100.0, 512),
            (44_100.0, 64),
            (96_000.0, 1_024),
            (8_000.0, 1),
            (192_000.0, 4_096),
            (48_000.0, 512),
        ];
        for round in 0..60 {
            let (rate, most) = changes[round % changes.len()];
            let patch = [PAD, NEAR, VOICE, FAR][round % 4];
            let piece = |frames: usize| constant(frames).note(0, frames / 2, 60);
            let on = |instance: &mut dyn Instance| {
                instance.activate(rate, most);
                play(instance, &constant(most), &[most]);
            };
            match round % 5 {
                // Loaded before, in and after the change, and in a fade that the change cuts off.
                0 => {
                    assert!(instance.load(patch.as_bytes()));
                    on(&mut *instance);
                    instance.activate(rate, most);
                }
                1 => {
                    instance.deactivate();
                    assert!(instance.load(patch.as_bytes()));
                    instance.activate(rate, most);
                }
                2 => {
                    on(&mut *instance);
                    assert!(instance.load(patch.as_bytes()));
                    play(&mut *instance, &constant(most.min(100)), &[most.min(100)]);
                    instance.activate(rate, most);
                }
                3 => {
                    on(&mut *instance);
                    assert!(instance.load(VOICE.as_bytes()));
                    assert!(instance.load(patch.as_bytes()));
                    instance.deactivate();
                    instance.activate(rate, most);
                }
                _ => {
                    on(&mut *instance);
                    assert!(instance.load(THROUGH.as_bytes()));
                    play(&mut *instance, &constant(1), &[1]);
                    assert!(instance.load(patch.as_bytes()));
                    instance.deactivate();
                    assert!(!instance.load(b"garbage"));
                    instance.activate(rate, most);
                }
            }
            assert_eq!(instance.save(), state_of(host, plugin, patch));
            let mut fresh = open_with(host, plugin, patch, rate, most);
            assert_eq!(instance.params(), fresh.params());
            let frames = 2_000;
            assert_same(
                &play(&mut *fresh, &piece(frames), &[most]),
                &play(&mut *instance, &piece(frames), &[most]),
                &format!("round {round}, {rate} Hz in blocks of {most}"),
            );
        }
    });
}

#[test]
fn loads_from_one_thread_while_another_changes_the_rate_and_a_third_plays() {
    for plugin in PLUGINS {
        println!("{plugin:?}");
        let mut instance = DirectInstance::open(plugin);
        assert!(instance.load(VOICE.as_bytes()));
        instance.activate(RATE, BLOCK);
        let mut audio = instance.lend_audio().expect("this host has two threads");
        let switch = instance.switch();
        let over = AtomicBool::new(false);
        let (played, switched) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut last = "";
        std::thread::scope(|scope| {
            let player = scope.spawn(|| {
                let mut block = 0_usize;
                while !over.load(Ordering::Relaxed) {
                    block += 1;
                    let frames = [64, 1, 100, 512, 0, 7][block % 6];
                    let events = [crate::host::Event {
                        frame: 0,
                        what: match block % 2 {
                            0 => Do::On {
                                key: 60,
                                velocity: 0.5,
                            },
                            _ => Do::Off { key: 60 },
                        },
                    }];
                    let input = [vec![CONSTANT; frames], vec![CONSTANT; frames]];
                    let mut output = [vec![0.0; frames], vec![0.0; frames]];
                    // Refused while it is switched off or made for shorter blocks.
                    if audio.process(&input, &mut output, &events) {
                        played.fetch_add(1, Ordering::Relaxed);
                    } else {
                        std::thread::yield_now();
                    }
                    assert!(output.iter().flatten().all(|sample| sample.is_finite()));
                }
            });
            let switcher = scope.spawn(|| {
                let setups = [(44_100.0, 512), (96_000.0, 64), (48_000.0, 1_024)];
                while !over.load(Ordering::Relaxed) {
                    let turn = switched.fetch_add(1, Ordering::Relaxed);
                    let (rate, most) = setups[turn % setups.len()];
                    switch.off();
                    if turn.is_multiple_of(3) {
                        std::thread::yield_now();
                    }
                    switch.on(rate, most);
                    std::thread::sleep(Duration::from_micros(300 * (turn % 5) as u64));
                }
            });
            let _end = EndsWith(&over);
            for commit in 0..COMMITS {
                last = [PAD, NEAR, VOICE, FAR, THROUGH][commit % 5];
                assert!(instance.load(last.as_bytes()), "commit {commit}");
                assert!(!instance.load(&last.as_bytes()[..60]));
                assert_eq!(
                    instance.save(),
                    state_of(Host::Vst3Direct, plugin, last),
                    "commit {commit}: it saves another patch"
                );
                let (seen, start) = (switched.load(Ordering::Relaxed), Instant::now());
                while switched.load(Ordering::Relaxed) < seen + commit % 3
                    && !switcher.is_finished()
                    && !player.is_finished()
                {
                    assert!(start.elapsed() < Duration::from_secs(20), "the host stands");
                    std::thread::yield_now();
                }
            }
        });
        assert!(played.load(Ordering::Relaxed) > COMMITS);
        assert!(switched.load(Ordering::Relaxed) > COMMITS);
        instance.activate(RATE, BLOCK);
        let mut fresh = open_with(Host::Vst3Direct, plugin, last, RATE, BLOCK);
        assert_eq!(instance.save(), fresh.save());
        assert_eq!(instance.params(), fresh.params());
        let piece = constant(4_000).note(0, 3_000, 60);
        assert_same(
            &play(&mut *fresh, &piece, &[BLOCK]),
            &play(&mut instance, &piece, &[BLOCK]),
            "after it all",
        );
    }
}

/// A steady low tone.
const LOW_TONE: &str = r#"Patch(format: 1, name: "Low tone",
  modules: {"osc": (type: "sine", params: {"pitch": -1.3}), "out": (type: "audio-out", params: {"level": -9.0})},
  cables: ["osc.out -> out.left", "osc.out -> out.right"],
)"#;

/// A steady higher one.
const HIGH_TONE: &str = r#"Patch(format: 1, name: "High tone",
  modules: {"tone": (type: "sine", params: {"pitch": 1.1}), "out": (type: "audio-out", params: {"level": -9.0})},
  cables: ["tone.out -> out.left", "tone.out -> out.right"],
)"#;

/// A tone that rings on in a room.
const ROOM_TONE: &str = r#"Patch(format: 1, name: "Room tone",
  modules: {
    "osc": (type: "sine", params: {"pitch": 0.4}), "room": (type: "reverb"),
    "out": (type: "audio-out", params: {"level": -12.0}),
  },
  cables: ["osc.out -> room.left", "room.left -> out.left", "room.right -> out.right"],
)"#;

/// The 20 ms in which clicks are looked for.
const WINDOW: usize = 960;
/// Blocks until nothing is heard of the start of a patch any more.
const STEADY: usize = 100;

/// The mean power above 10 kHz of a part of a side, and no less than the noise of a converter of 24 bits
/// there.
fn hiss(hissing: &[f64], from: usize) -> f64 {
    let step = 2.0_f64.powi(-23);
    let converter = step * step / 12.0 * (24.0 - 10.0) / 24.0;
    let window = &hissing[from..from + WINDOW];
    let power: f64 = window.iter().map(|sample| sample * sample).sum();
    converter.max(power / WINDOW as f64)
}

/// How many dB the hiss of the worst 20 ms from just before a frame until `until` exceeds that of the
/// 20 ms before and of the last 20 ms, on the worse side.
fn click(sound: &Stereo, at: usize, until: usize) -> f64 {
    let worst = sound.iter().map(|side| {
        let hissing = above(side, 10_000.0, RATE);
        let steady = hiss(&hissing, at - WINDOW - 100).max(hiss(&hissing, side.len() - WINDOW));
        let around = (at - WINDOW / 2..until).step_by(WINDOW / 4);
        let loudest = around.fold(0.0, |most: f64, from| most.max(hiss(&hissing, from)));
        10.0 * (loudest / steady).log10()
    });
    worst.fold(f64::MIN, f64::max)
}

fn joined(parts: &[&Stereo]) -> Stereo {
    [0, 1].map(|side| {
        let parts = parts.iter().map(|part| part[side].as_slice());
        parts.collect::<Vec<_>>().concat()
    })
}

#[test]
fn a_load_between_steady_tones_does_not_click() {
    bold(|host, plugin| {
        let silence = |blocks: usize| Piece::new(blocks * BLOCK);
        for (old, new) in [
            (LOW_TONE, HIGH_TONE),
            (HIGH_TONE, LOW_TONE),
            (PAD, HIGH_TONE),
            (ROOM_TONE, LOW_TONE),
        ] {
            let mut instance = open_with(host, plugin, old, RATE, BLOCK);
            let held = silence(STEADY).at(
                0,
                Do::On {
                    key: 48,
                    velocity: 0.8,
                },
            );
            let before = play(&mut *instance, &held, &[BLOCK]);
            assert!(level(&part(&before, before[0].len() - WINDOW, before[0].len())) > 1e-3);
            assert!(instance.load(new.as_bytes()));
            let first = play(&mut *instance, &silence(STEADY), &[BLOCK]);
            // Again while the old one still rings, and back.
            assert!(instance.load(LOW_TONE.as_bytes()));
            let second = play(&mut *instance, &silence(20), &[BLOCK]);
            assert!(instance.load(HIGH_TONE.as_bytes()));
            let third = play(&mut *instance, &silence(STEADY), &[BLOCK]);
            let sound = joined(&[&before, &first, &second, &third]);
            let mut at = 0;
            for (part, then) in [(&before, 40), (&first, 15), (&second, 40)] {
                at += part[0].len();
                let clicks = click(&sound, at, at + then * BLOCK);
                println!("{clicks:.2} dB from frame {at} on");
                assert!(clicks <= 3.0, "{clicks} dB from frame {at} on, {old}{new}");
            }
        }
    });
}

#[test]
fn the_click_meter_hears_a_cut() {
    let tone = |patch: &str| {
        let mut instance = open_with(Host::Clap, PLUGINS[0], patch, RATE, BLOCK);
        play(&mut *instance, &Piece::new(20 * BLOCK), &[BLOCK])
    };
    let (low, high) = (tone(LOW_TONE), tone(HIGH_TONE));
    let cut = joined(&[&low, &high]);
    let clicks = click(&cut, 20 * BLOCK, 21 * BLOCK);
    assert!(clicks > 23.0, "a cut is {clicks} dB");
    assert!(click(&low, 10 * BLOCK, 11 * BLOCK) < 1.0);
}

#[test]
fn a_refused_load_in_mid_fade_changes_nothing() {
    bold(|host, plugin| {
        let run = |refused: bool| {
            let mut instance = open_with(host, plugin, LOW_TONE, RATE, BLOCK);
            let mut sound = play(&mut *instance, &Piece::new(4 * BLOCK), &[BLOCK]);
            assert!(instance.load(HIGH_TONE.as_bytes()));
            instance.was_renamed();
            for _ in 0..30 {
                if refused {
                    assert!(!instance.load(b"garbage"));
                    assert!(!instance.load(&LOW_TONE.as_bytes()[..70]));
                    assert!(!instance.was_renamed(), "nothing changed");
                }
                sound = joined(&[&sound, &play(&mut *instance, &Piece::new(64), &[64])]);
            }
            (sound, instance.save())
        };
        let (expected, state) = run(false);
        let (heard, same) = run(true);
        assert_same(&expected, &heard, "refused in mid-fade");
        assert_eq!(state, same);
    });
}
