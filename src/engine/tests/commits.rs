//! Rewiring while it plays: what is heard, and what must not be.

use std::time::{Duration, Instant};

use super::*;
use crate::engine::handover::Receiver;
use crate::engine::session::{Outcome, Session, Ticket};
use crate::patch::{Cable, Edit};

const BLOCK: usize = 64;
/// A commit that takes longer than this in a test will never come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A session whose audio runs block by block.
struct Stage {
    session: Session,
    player: Player,
    receiver: Receiver,
    heard: [Vec<f32>; 2],
}

impl Stage {
    fn new(text: &str) -> Stage {
        let session = Session::new(patch(text));
        let (player, receiver) = session.activate(RATE);
        Stage {
            session,
            player,
            receiver,
            heard: Default::default(),
        }
    }

    fn block(&mut self, events: &[Event]) {
        self.receiver.poll(&mut self.player);
        let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
        let ones = [1.0; BLOCK];
        let host = HostTransport {
            playing: true,
            tempo: 120.0,
            beat: None,
        };
        self.player
            .process(&host, [&ones; 4], [&mut left, &mut right], events);
        self.heard[0].extend(left);
        self.heard[1].extend(right);
    }

    fn run(&mut self, frames: usize) {
        for _ in 0..frames / BLOCK {
            self.block(&[]);
        }
    }

    fn now(&self) -> usize {
        self.heard[0].len()
    }

    fn edit(&self, edits: &[Edit]) {
        self.session
            .edit(edits)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Commits, and has the player take it at the start of the next block. Gives that frame.
    fn commit(&mut self) -> usize {
        let ticket = self.session.commit();
        let since = Instant::now();
        while !self.receiver.poll(&mut self.player) {
            assert!(
                ticket
                    .outcome()
                    .is_none_or(|outcome| outcome == Outcome::Live),
                "{:?}",
                ticket.outcome()
            );
            assert!(since.elapsed() < PATIENCE, "the commit never came");
            std::thread::sleep(Duration::from_micros(100));
        }
        self.now()
    }

    /// Plays until the ticket tells.
    fn outcome(&mut self, ticket: &Ticket) -> Outcome {
        let since = Instant::now();
        loop {
            if let Some(outcome) = ticket.wait(Duration::from_millis(1)) {
                return outcome;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "nobody tells what became of the commit"
            );
            self.block(&[]);
        }
    }
}

fn cable(text: &str) -> Cable {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn connect(text: &str) -> Edit {
    Edit::Connect { cable: cable(text) }
}

fn disconnect(text: &str) -> Edit {
    let cable = cable(text);
    Edit::Disconnect {
        from: cable.from,
        to: cable.to,
    }
}

fn create(id: &str, kind: &str) -> Edit {
    Edit::Create {
        id: id.into(),
        kind: kind.into(),
        position: None,
    }
}

fn delete(id: &str) -> Edit {
    Edit::Delete { module: id.into() }
}

fn set(module: &str, param: &str, plain: f32) -> Edit {
    Edit::SetValue {
        module: module.into(),
        param: param.into(),
        plain,
    }
}

/// The louder side of a window's energy above 10 kHz, by the steepest of simple high-passes run four
/// times over.
fn hiss(audio: &[f32]) -> f32 {
    let mut signal = audio.to_vec();
    for _ in 0..6 {
        signal = signal
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) * 0.5)
            .collect();
    }
    signal.iter().map(|value| value * value).sum::<f32>()
}

/// How many dB the hiss in the 20 ms around a commit exceeds the larger of just before and just after.
fn click(audio: &[f32], at: usize, fade: usize) -> f32 {
    let window = 960;
    // Below this total a converter of 24 bits makes more noise of its own.
    let floor = 1e-12;
    let before = hiss(&audio[at - window - 8..at - 8]);
    let after = hiss(&audio[at + fade + 8..at + fade + 8 + window]);
    let around = hiss(&audio[at - 8..at + window - 8]);
    10.0 * ((around + floor) / (before.max(after) + floor)).log10()
}

/// Two voices of sound side by side: the right one is never touched.
const TWO: &str = r#"Patch(format: 1, name: "", modules: {
    "a": (type: "saw", params: {"pitch": -1.0}), "filter": (type: "svf"), "out": (type: "audio-out", params: {"level": -12.0}),
    "b": (type: "triangle", params: {"pitch": 0.3}), "echo": (type: "delay", params: {"high-cut": 20000.0}),
  }, cables: ["a.out -> filter.in", "filter.low -> out.left", "b.out -> echo.left", "echo.left -> out.right"])"#;

#[test]
fn an_untouched_path_keeps_every_bit() {
    let mut still = Stage::new(TWO);
    still.run(9_600);
    let mut edited = Stage::new(TWO);
    edited.run(3_200);
    edited.edit(&[
        create("lfo", "lfo"),
        connect("lfo.out -> filter.cutoff * 0.1"),
        connect("a.out -> out.left * 0.3"),
    ]);
    edited.commit();
    edited.run(3_200);
    edited.edit(&[delete("filter"), connect("a.sync -> out.left * 0.2")]);
    edited.commit();
    edited.run(3_200);
    assert_eq!(still.heard[1], edited.heard[1]);
    assert_ne!(still.heard[0], edited.heard[0]);
}

#[test]
fn oscillators_keep_their_phase_and_echoes_go_on() {
    // Around and back again: after the fades everything is as if nothing had happened.
    let mut still = Stage::new(TWO);
    still.run(9_600);
    let mut edited = Stage::new(TWO);
    edited.run(3_200);
    edited.edit(&[
        disconnect("b.out -> echo.left"),
        connect("b.out -> echo.right"),
    ]);
    edited.session.undo();
    edited.edit(&[connect("a.out -> out.left * 0.5")]);
    edited.commit();
    edited.run(640);
    edited.session.undo();
    edited.commit();
    edited.run(5_760);
    assert_eq!(still.heard[0][4_800..], edited.heard[0][4_800..]);
    assert_eq!(still.heard[1], edited.heard[1]);
}

const TONE: &str = r#"Patch(format: 1, name: "", modules: {
    "osc": (type: "sine", params: {"pitch": -0.4}), "other": (type: "sine", params: {"pitch": 0.2}),
    "vca": (type: "vca", params: {"level": 0.7}), "out": (type: "audio-out", params: {"level": -6.0, "limit": false}),
  }, cables: ["osc.out -> vca.in", "vca.out -> out.left", "vca.out -> out.right"])"#;

/// A held chord of saws, dry.
const PAD: &str = r#"Patch(format: 1, name: "", modules: { "notes": (type: "notes", params: {"voices": 8}),
    "osc": (type: "saw"), "other": (type: "sine", params: {"pitch": 0.2}), "filter-env": (type: "adsr"),
    "vca": (type: "vca"), "out": (type: "audio-out", params: {"level": -24.0, "limit": false}) },
  cables: ["notes.pitch -> osc.pitch", "notes.gate -> filter-env.gate", "filter-env.out -> vca.level", "osc.out -> vca.in",
    "vca.out -> out.left", "vca.out -> out.right"])"#;

/// The same in a room.
const ROOM: &str = r#"Patch(format: 1, name: "", modules: { "notes": (type: "notes", params: {"voices": 8}),
    "osc": (type: "saw"), "other": (type: "sine", params: {"pitch": 0.2}), "filter-env": (type: "adsr"),
    "vca": (type: "vca"), "room": (type: "reverb"), "out": (type: "audio-out", params: {"level": -24.0, "limit": false}) },
  cables: ["notes.pitch -> osc.pitch", "notes.gate -> filter-env.gate", "filter-env.out -> vca.level", "osc.out -> vca.in",
    "vca.out -> room.left", "room.left -> out.left", "vca.out -> out.left", "vca.out -> out.right"])"#;

#[test]
fn no_kind_of_edit_clicks() {
    let edits: [(&str, Vec<Edit>); 9] = [
        ("connect", vec![connect("other.out -> vca.in")]),
        ("disconnect", vec![disconnect("vca.out -> out.left")]),
        (
            "amount",
            vec![Edit::SetAmount {
                from: cable("vca.out -> out.left").from,
                to: cable("vca.out -> out.left").to,
                amount: 0.1,
            }],
        ),
        ("delete", vec![delete("vca")]),
        (
            "create",
            vec![
                create("ring", "multiply"),
                connect("osc.out -> ring.a"),
                connect("other.out -> ring.b"),
                connect("ring.out -> out.left"),
            ],
        ),
        (
            "replace",
            vec![Edit::Replace {
                module: "osc".into(),
                kind: "triangle".into(),
            }],
        ),
        (
            "insert",
            vec![
                create("filter", "svf"),
                disconnect("osc.out -> vca.in"),
                connect("osc.out -> filter.in"),
                connect("filter.low -> vca.in"),
            ],
        ),
        (
            "effect",
            vec![
                create("echo", "delay"),
                disconnect("vca.out -> out.left"),
                connect("vca.out -> echo.left"),
                connect("echo.left -> out.left"),
            ],
        ),
        ("value", vec![set("vca", "level", 0.1)]),
    ];
    let everywhere = [TONE, PAD, ROOM].into_iter();
    for (text, (kind, edit)) in
        everywhere.flat_map(|text| edits.iter().map(move |edit| (text, edit)))
    {
        let mut stage = Stage::new(text);
        stage.block(&[on(0, 48), on(0, 55), on(0, 64)]);
        stage.run(38_400);
        stage.edit(edit);
        let at = if *kind == "value" {
            stage.now()
        } else {
            stage.commit()
        };
        stage.run(6_400);
        let click = click(&stage.heard[0], at, 480);
        assert!(click <= 3.0, "{kind} clicks by {click} dB in {text}");
    }
}

#[test]
fn the_measure_hears_a_swap_without_a_fade() {
    let mut stage =
        Stage::new(&TONE.replace("name: \"\",", "name: \"\", transition: (fade: 0.0),"));
    stage.run(6_400);
    stage.edit(&[disconnect("vca.out -> out.left")]);
    let at = stage.commit();
    stage.run(6_400);
    let click = click(&stage.heard[0], at, 480);
    assert!(click >= 23.0, "{click} dB");
}

#[test]
fn a_whole_patch_is_replaced_at_equal_power() {
    let tone = |pitch: f32| {
        format!(
            r#"Patch(format: 1, name: "", transition: (fade: 0.5, tail: 0.0), modules: {{ "osc": (type: "sine", params: {{"pitch": {pitch}}}),
            "out": (type: "audio-out", params: {{"limit": false}}) }}, cables: ["osc.out -> out.left * 0.5"])"#
        )
    };
    let mut stage = Stage::new(&tone(1.0));
    stage.run(12_800);
    stage.session.load(patch(&tone(2.31))).expect("loads");
    let at = stage.commit();
    stage.run(38_400);
    let power = |range: std::ops::Range<usize>| {
        let part = &stage.heard[0][range];
        part.iter()
            .map(|value| f64::from(value * value))
            .sum::<f64>()
            / part.len() as f64
    };
    let steady = power(0..at);
    for start in (at..at + 24_000).step_by(2_400) {
        let decibels = 10.0 * (power(start..start + 2_400) / steady).log10();
        assert!(decibels.abs() < 0.5, "{decibels} dB at {start}");
    }
}

#[test]
fn what_rings_rings_out_and_then_ends() {
    let ringing = r#"Patch(format: 1, name: "", transition: (tail: 2.0), modules: { "notes": (type: "notes"), "osc": (type: "saw"),
        "env": (type: "adsr", params: {"release": 0.8}), "vca": (type: "vca"), "echo": (type: "delay", params: {"feedback": 0.6}),
        "out": (type: "audio-out", params: {"level": -12.0}) },
      cables: ["notes.pitch -> osc.pitch", "notes.gate -> env.gate", "osc.out -> vca.in", "env.out -> vca.level",
        "vca.out -> echo.left", "echo.left -> out.left"])"#;
    let silent =
        r#"Patch(format: 1, name: "", modules: { "out": (type: "audio-out") }, cables: [])"#;
    let mut stage = Stage::new(ringing);
    stage.block(&[on(0, 50)]);
    stage.run(24_000);
    stage.session.load(patch(silent)).expect("loads");
    let at = stage.commit();
    stage.run(2 * 96_000);
    let heard = |seconds: f32, length: f32| {
        let start = at + (seconds * RATE) as usize;
        loudest(&stage.heard[0][start..start + (length * RATE) as usize])
    };
    assert!(heard(0.02, 0.1) > 0.05, "the released voice");
    assert!(heard(1.2, 0.5) > 0.001, "its echoes");
    assert_eq!(heard(2.1, 1.0), 0.0, "the end of the tail");
    assert!(click(&stage.heard[0], at, 480) < 3.0);
}

#[test]
fn a_feedback_cable_reads_one_sample_late() {
    let text = r#"Patch(format: 1, name: "", modules: { "in": (type: "audio-in"), "sum": (type: "scale"),
        "out": (type: "audio-out", params: {"limit": false}) },
      cables: ["in.left -> sum.in", "sum.out -> sum.in * 0.5 feedback", "sum.out -> out.left", "sum.out -> out.right * 0.5 feedback"])"#;
    let impulse: Vec<f32> = (0..400).map(|frame| f32::from(frame == 70)).collect();
    for blocks in [&[64][..], &[1], &[100, 3]] {
        let [left, right] = play(
            &mut Player::new(plan(text)),
            400,
            blocks,
            [&impulse, &[], &[], &[]],
            &[],
        );
        for frame in 0..90 {
            let expected = if frame < 70 {
                0.0
            } else {
                0.5f32.powi(frame - 70)
            };
            assert_eq!(left[frame as usize], expected, "frame {frame}");
        }
        // A feedback cable that closes no circle is late all the same.
        assert_eq!(right[71], 0.5);
        assert_eq!(right[70], 0.0);
    }
}

#[test]
fn a_loop_of_several_modules_runs_alike_in_any_block_size() {
    let text = r#"Patch(format: 1, name: "", modules: { "notes": (type: "notes"), "a": (type: "sine"), "b": (type: "sine", params: {"pitch": 1.0}),
        "vca": (type: "vca"), "env": (type: "adsr"), "out": (type: "audio-out") },
      cables: ["notes.pitch -> a.pitch", "notes.gate -> env.gate", "a.out -> b.phase-mod", "b.out -> a.phase-mod * 0.4 feedback",
        "env.out -> vca.level", "b.out -> vca.in", "vca.out -> out.left", "env.out -> a.feedback * 0.2"], slots: {1: "b.pitch"})"#;
    let events = [
        on(3, 60),
        on(500, 67),
        slot(700, 0, 0.6),
        off(1_500, 60),
        slot(1_501, 0, 0.4),
    ];
    let run = |blocks: &[usize]| {
        bits(&play(
            &mut Player::new(plan(text)),
            3_000,
            blocks,
            [&[]; 4],
            &events,
        ))
    };
    let whole = run(&[3_000]);
    assert!(whole[0].iter().any(|value| *value != 0));
    for blocks in [&[64][..], &[100], &[1], &[7, 333]] {
        assert!(run(blocks) == whole, "blocks of {blocks:?}");
    }
}

#[test]
fn held_notes_sound_on_through_a_commit() {
    let mut stage = Stage::new(FIRST_LIGHT);
    stage.block(&[on(0, 48), on(0, 55)]);
    stage.run(12_800);
    stage.edit(&[
        create("room", "reverb"),
        connect("vca.out -> room.left"),
        connect("room.left -> out.left"),
    ]);
    let at = stage.commit();
    stage.run(12_800);
    assert!(loudest(&stage.heard[0][at + 4_800..]) > 0.05);
    stage.block(&[off(0, 48), off(0, 55)]);
    stage.run(192_000);
    assert!(
        loudest(&stage.heard[1][stage.now() - 4_800..]) < 1e-4,
        "and are still released"
    );
}

#[test]
fn values_go_live_without_a_commit() {
    let mut stage = Stage::new(TONE);
    stage.run(640);
    stage.edit(&[set("vca", "level", 0.0)]);
    stage.run(1_280);
    assert_eq!(loudest(&stage.heard[0][stage.now() - 640..]), 0.0);
    stage.session.undo();
    stage.run(1_280);
    assert!(loudest(&stage.heard[0][stage.now() - 640..]) > 0.2);
    assert_eq!(stage.session.live().value("vca", "level"), Some(0.7));
}

#[test]
fn edits_that_change_no_sound_compile_nothing() {
    let mut stage = Stage::new(GAIN);
    stage.run(640);
    stage.edit(&[
        Edit::Move {
            module: "vca".into(),
            position: (3.0, 4.0),
        },
        Edit::Rename {
            module: "vca".into(),
            to: "level".into(),
        },
    ]);
    let ticket = stage.session.commit();
    assert_eq!(stage.outcome(&ticket), Outcome::Unchanged);
    // The slot still moves the same knob under its new name.
    stage.block(&[slot(0, 0, 1.0)]);
    stage.run(1_280);
    assert_eq!(stage.heard[0].last(), Some(&1.0));
    assert_eq!(stage.session.live().value("level", "level"), Some(0.25));
    assert_eq!(
        stage.session.commit().wait(PATIENCE),
        Some(Outcome::Unchanged),
        "a commit with nothing to commit"
    );
}

#[test]
fn a_commit_that_fails_leaves_every_bit() {
    let mut calm = Stage::new(FIRST_LIGHT);
    let mut stage = Stage::new(FIRST_LIGHT);
    for stage in [&mut calm, &mut stage] {
        stage.block(&[on(0, 60)]);
        stage.run(1_280);
    }
    let refused = stage
        .session
        .edit(&[connect("vca.out -> filter.in")])
        .expect_err("a circle");
    assert!(refused.to_string().contains("feedback"), "{refused}");
    assert!(stage.session.edit(&[delete("nobody")]).is_err());
    assert!(
        stage
            .session
            .edit(&[connect("osc.out -> filter.in")])
            .is_err(),
        "it is there already"
    );
    let ticket = stage.session.commit();
    assert_eq!(ticket.wait(PATIENCE), Some(Outcome::Unchanged));
    for stage in [&mut calm, &mut stage] {
        let rest = 12_800 - stage.now();
        stage.run(rest);
    }
    assert_eq!(calm.heard, stage.heard);
}

#[test]
fn abort_returns_to_what_lives() {
    let stage = Stage::new(FIRST_LIGHT);
    let before = stage.session.standby();
    stage.edit(&[delete("filter"), create("x", "noise")]);
    stage.session.abort();
    assert_eq!(stage.session.standby(), before);
    stage.session.undo();
    assert!(
        stage.session.standby().module("x").is_some(),
        "abort can be undone"
    );
}

#[test]
fn commits_from_many_threads_all_hear_what_became_of_them() {
    let mut stage = Stage::new(TONE);
    let session = &stage.session;
    let (player, receiver) = (&mut stage.player, &mut stage.receiver);
    let tickets: Vec<Ticket> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                scope.spawn(move || {
                    (0..40)
                        .map(|round| {
                            let name = format!("m{thread}x{round}");
                            session
                                .edit(&[
                                    create(&name, "scale"),
                                    connect(&format!("osc.out -> {name}.in")),
                                    connect(&format!("{name}.out -> out.left * 0.01")),
                                ])
                                .expect("fits");
                            session.commit()
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        while !threads.iter().all(|thread| thread.is_finished()) {
            receiver.poll(player);
            player.process(
                &HostTransport::default(),
                [&[]; 4],
                [&mut [0.0; 64], &mut [0.0; 64]],
                &[],
            );
        }
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    let outcomes: Vec<Outcome> = tickets.iter().map(|ticket| stage.outcome(ticket)).collect();
    assert!(
        outcomes.iter().all(|outcome| matches!(
            outcome,
            Outcome::Live | Outcome::Superseded | Outcome::Unchanged
        )),
        "{outcomes:?}"
    );
    assert!(outcomes.contains(&Outcome::Live));
    assert_eq!(*stage.session.live(), stage.session.standby());
    assert_eq!(stage.session.live().modules.len(), 4 + 120);
}

#[test]
fn a_commit_is_taken_within_milliseconds() {
    for block in [16, 48, 64, 256, 1_000] {
        let session = Session::new(patch(FIRST_LIGHT));
        let (mut player, mut receiver) = session.activate(RATE);
        let mut out = vec![0.0; block];
        let mut play = |receiver: &mut Receiver| {
            let taken = receiver.poll(&mut player);
            let host = HostTransport::default();
            player.process(&host, [&[]; 4], [&mut out, &mut []], &[]);
            taken
        };
        assert!(!play(&mut receiver));
        session
            .edit(&[Edit::Disconnect {
                from: "filter.low".parse().expect("a port"),
                to: "vca.in".parse().expect("a port"),
            }])
            .expect("fits");
        let ticket = session.commit();
        ticket.wait_until_sent(PATIENCE);
        // Long blocks take it at once, short ones share the work of it.
        let blocks = (0..256).take_while(|_| !play(&mut receiver)).count();
        let expected = if block < 256 {
            256usize.div_ceil(block)
        } else {
            0
        };
        assert_eq!(blocks, expected, "in blocks of {block}");
        assert_eq!(ticket.wait(PATIENCE), Some(Outcome::Live));
    }
}

#[test]
fn audio_that_stops_and_starts_keeps_patches_and_undo() {
    let mut stage = Stage::new(TONE);
    stage.run(640);
    stage.edit(&[set("vca", "level", 0.35)]);
    stage.edit(&[create("echo", "delay")]);
    let ticket = stage.session.commit();
    // Nobody plays it: the host stops its audio instead, and starts it at another rate.
    stage.session.deactivate();
    assert_eq!(ticket.wait(PATIENCE), Some(Outcome::Live));
    let (player, receiver) = stage.session.activate(96_000.0);
    (stage.player, stage.receiver) = (player, receiver);
    stage.run(1_280);
    assert!(stage.session.live().module("echo").is_some());
    let peak = loudest(&stage.heard[0][stage.now() - 640..]);
    assert!((peak - 0.35 * 0.501).abs() < 0.01, "{peak}");
    assert_eq!(stage.session.steps().0, 2);
    stage.session.undo();
    stage.session.undo();
    assert_eq!(stage.session.standby(), patch(TONE));
    // Without audio commits are done at once.
    stage.session.deactivate();
    assert_eq!(stage.session.commit().wait(PATIENCE), Some(Outcome::Live));
}

#[test]
fn a_host_that_never_plays_does_not_hold_up_browsing() {
    let stage = Stage::new(TONE);
    let tickets: Vec<Ticket> = (0..50)
        .map(|_| stage.session.load(patch(FIRST_LIGHT)).expect("loads"))
        .collect();
    assert_eq!(stage.session.committed().name, "First light");
    stage.session.deactivate();
    for ticket in &tickets {
        let outcome = ticket.wait(PATIENCE).expect("told");
        assert!(
            matches!(outcome, Outcome::Live | Outcome::Superseded),
            "{outcome:?}"
        );
    }
}

#[test]
fn what_cannot_be_ordered_together_is_replaced_side_by_side() {
    // Both directions at once would be a circle.
    let text = r#"Patch(format: 1, name: "", modules: { "osc": (type: "sine"), "a": (type: "scale"), "b": (type: "scale"),
        "out": (type: "audio-out", params: {"limit": false}) },
      cables: ["osc.out -> a.in * 0.4", "a.out -> b.in", "b.out -> out.left"])"#;
    let mut stage = Stage::new(text);
    stage.run(6_400);
    stage.edit(&[
        disconnect("a.out -> b.in"),
        disconnect("osc.out -> a.in"),
        disconnect("b.out -> out.left"),
        connect("osc.out -> b.in * 0.4"),
        connect("b.out -> a.in"),
        connect("a.out -> out.left"),
    ]);
    let at = stage.commit();
    stage.run(12_800);
    let click = click(&stage.heard[0], at, 480);
    assert!(click < 3.0, "{click} dB");
    assert!((loudest(&stage.heard[0][at + 9_600..]) - 0.4).abs() < 0.01);
}
