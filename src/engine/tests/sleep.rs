//! Modules sleep while no voice sounds, and nobody hears that they do.

use super::*;
use crate::engine::moves::Move;
use crate::engine::plan::{Node, pending};

/// A synth whose voices an envelope opens. `more` are further cables.
fn synth(voices: u32, more: &str) -> String {
    format!(
        r#"Patch(format: 1, name: "Synth",
            modules: {{
                "notes": (type: "notes", params: {{"voices": {voices}}}),
                "osc": (type: "saw"),
                "filter": (type: "svf", params: {{"cutoff": 900.0}}),
                "env": (type: "adsr", params: {{"release": 0.02}}),
                "lfo": (type: "lfo", params: {{"rate": 3.0}}),
                "vca": (type: "vca"),
                "out": (type: "audio-out"),
            }},
            cables: [
                "notes.pitch -> osc.pitch", "osc.out -> filter.in", "filter.low -> vca.in",
                "notes.gate -> env.gate", "env.out -> vca.level", "lfo.out -> filter.cutoff * 0.2",
                "vca.out -> out.left", "vca.out -> out.right", {more}
            ],
        )"#
    )
}

const SECOND: u32 = 48_000;
const LONG: usize = SECOND as usize;

fn run(player: &mut Player, frames: usize, events: &[Event]) -> [Vec<f32>; 2] {
    play(player, frames, &[64], [&[]; 4], events)
}

#[test]
fn voices_sleep_once_they_are_silent_and_wake_on_the_frame_of_a_note() {
    for voices in [1, 8, 16] {
        let mut player = Player::new(plan(&synth(voices, "")));
        run(&mut player, 4_000, &[on(0, 60)]);
        assert!(!player.live.sleeps(), "{voices}: a held note");
        run(&mut player, 3_200, &[off(64, 60)]);
        assert!(!player.live.sleeps(), "{voices}: within 50 ms of the sound");
        run(&mut player, 4_800, &[]);
        assert!(player.live.sleeps(), "{voices}: long after");
        let silent = run(&mut player, 640, &[]);
        assert_eq!(loudest(&silent[0]), 0.0);
        let woken = run(&mut player, 640, &[on(301, 64)]);
        assert!(!player.live.sleeps());
        assert_eq!(loudest(&woken[0][..301]), 0.0, "{voices}");
        assert!(loudest(&woken[0][302..400]) > 0.001, "{voices}");
    }
}

#[test]
fn sleep_does_not_depend_on_how_the_host_cuts_its_blocks() {
    let events = [
        on(100, 60),
        on(130, 67),
        off(9_000, 60),
        off(9_017, 67),
        on(30_003, 48),
        off(33_000, 48),
        slot(47_001, 1, 0.3),
        on(60_011, 72),
    ];
    for voices in [1, 16] {
        let text = synth(voices, "").replace(
            "cables: [",
            r#"slots: {1: "filter.cutoff", 2: "vca.level"}, cables: ["#,
        );
        let render = |blocks: &[usize]| {
            let mut player = Player::new(plan(&text));
            bits(&play(&mut player, 70_000, blocks, [&[]; 4], &events))
        };
        let whole = render(&[64]);
        for blocks in [&[1][..], &[100, 7], &[4096], &[333]] {
            assert!(
                render(blocks) == whole,
                "{voices} voices, blocks {blocks:?}"
            );
        }
    }
}

#[test]
fn a_voice_that_remembers_nothing_sounds_alike_asleep_or_not() {
    let text = |more: &str| {
        format!(
            r#"Patch(format: 1, name: "Envelopes",
                modules: {{
                    "notes": (type: "notes", params: {{"voices": 16}}),
                    "env": (type: "adsr", params: {{"attack": 0.003, "release": 0.05}}),
                    "lfo": (type: "lfo"),
                    "vca": (type: "vca"),
                    "out": (type: "audio-out"),
                }},
                cables: ["notes.velocity -> vca.in", "notes.gate -> env.gate", "env.out -> vca.level",
                    "vca.out -> out.left * 0.1", {more}],
            )"#
        )
    };
    let events = [on(10, 60), off(5_000, 60), on(40_001, 62), on(40_900, 65)];
    let mut sleeper = Player::new(plan(&text("")));
    let asleep = run(&mut sleeper, LONG, &events);
    // A cable that does nothing, but might, keeps the voices awake.
    let mut waker = Player::new(plan(&text(r#""lfo.out -> vca.level * 0.0""#)));
    let awake = run(&mut waker, LONG, &events);
    assert!(bits(&asleep) == bits(&awake));
    for player in [&mut sleeper, &mut waker] {
        run(player, 20_000, &[off(0, 62), off(0, 65)]);
    }
    assert!(sleeper.live.sleeps() && !waker.live.sleeps());
}

#[test]
fn what_may_sound_without_a_note_never_sleeps() {
    for more in [
        r#""lfo.out -> vca.level""#,
        r#""lfo.gate -> env.gate""#,
        r#""osc.out -> out.left""#,
    ] {
        let mut player = Player::new(plan(&synth(16, more)));
        run(&mut player, 3 * LONG, &[]);
        assert!(!player.live.sleeps(), "{more}");
    }
    let open = synth(16, "").replace(
        r#"(type: "vca")"#,
        r#"(type: "vca", params: {"level": 0.2})"#,
    );
    let mut player = Player::new(plan(&open));
    let heard = run(&mut player, LONG, &[]);
    assert!(!player.live.sleeps() && loudest(&heard[0][LONG / 2..]) > 0.001);
}

#[test]
fn a_knob_that_opens_wakes_and_others_travel_on_in_their_sleep() {
    let text = synth(16, "").replace(
        "cables: [",
        r#"slots: {1: "filter.cutoff", 2: "vca.level"}, cables: ["#,
    );
    let mut player = Player::new(plan(&text));
    run(&mut player, LONG, &[]);
    assert!(player.live.sleeps());
    run(&mut player, 6_400, &[slot(100, 0, 0.9)]);
    assert!(player.live.sleeps(), "the cutoff makes no sound");
    let heard = run(&mut player, 6_400, &[slot(100, 1, 0.5)]);
    assert!(!player.live.sleeps());
    assert!(loudest(&heard[0][3_200..]) > 0.01);
    run(&mut player, 6_400, &[slot(0, 1, 0.0)]);
    run(&mut player, LONG, &[]);
    assert!(player.live.sleeps());
}

#[test]
fn sleep_goes_on_through_a_commit() {
    let mut live = Player::new(plan(&synth(16, "")));
    run(&mut live, LONG, &[]);
    let mut next = plan(&synth(16, ""));
    let pairs = (0..next.nodes.len() as u32).map(|node| (node, node));
    let pairs = Move::join(pairs.collect());
    live.live.hand_over(&mut next, &pairs);
    assert!(next.sleeps() && !live.live.sleeps());
}

#[test]
fn a_note_from_a_plan_without_sleep_is_heard_in_one_with_it() {
    let sleepy = || plan(&synth(16, ""));
    let mut player = Player::new(sleepy());
    run(&mut player, LONG, &[]);
    assert!(player.live.sleeps());
    let pairs: Vec<(u32, u32)> = {
        let ids = |plan: &Plan| plan.keys.len() as u32;
        (0..ids(&player.live)).map(|node| (node, node)).collect()
    };
    let pairs = Move::join(pairs);
    // The same modules in the same order, but for a cable that keeps them awake.
    let mut awake = plan(&synth(16, r#""lfo.out -> vca.level * 0.0""#));
    player.live.hand_over(&mut awake, &pairs);
    player.live = awake;
    run(&mut player, 6_400, &[on(10, 60)]);
    let mut back = sleepy();
    player.live.hand_over(&mut back, &pairs);
    player.live = back;
    // Not even until the next grid frame is it silent.
    let heard = run(&mut player, 64, &[]);
    assert!(loudest(&heard[0]) > 0.01);
}

#[test]
fn who_rests_forgets_it_where_it_may_not() {
    let text =
        r#"Patch(format: 1, name: "Out", modules: {"out": (type: "audio-out")}, cables: [])"#;
    let mut player = Player::new(plan(text));
    run(&mut player, LONG, &[]);
    assert!(player.live.cast.states[0].rests);
    let mut next = plan(text);
    next.nodes[0].may_rest = false;
    player.live.hand_over(&mut next, &Move::join(vec![(0, 0)]));
    assert!(!next.cast.states[0].rests);
}

#[test]
fn effects_that_are_known_to_hear_nothing_sound_like_those_that_listen() {
    for voices in [1, 16] {
        let text = synth(
            voices,
            r#""vca.out -> delay.left * 0.5", "delay.left -> out.left""#,
        );
        let text = text.replace(
            r#""out": (type: "audio-out"),"#,
            r#""out": (type: "audio-out"), "delay": (type: "delay", params: {"feedback": 0.1}),"#,
        );
        let heard = |knows: bool, cuts: &[usize]| {
            let mut player = Player::new(plan(&text));
            if !knows {
                let nodes = player.live.nodes.iter_mut();
                nodes.for_each(|node| node.hearing = None);
            }
            let note = [on(100, 60), off(2_000, 60)];
            let first = play(&mut player, 12 * LONG, cuts, [&[]; 4], &note);
            let rest = &player.live.tables.hushes;
            assert!(rest.iter().all(|hush| hush.silent && hush.empty));
            let second = play(
                &mut player,
                LONG,
                cuts,
                [&[]; 4],
                &[on(777, 64), off(9_000, 64)],
            );
            assert!(loudest(&second[0]) > 0.01 && loudest(&second[1]) > 0.01);
            assert!(player.live.nodes.iter().any(|node| node.hearing.is_some()) == knows);
            (bits(&first), bits(&second))
        };
        let listening = heard(false, &[64]);
        for cuts in [&[64][..], &[50, 3, 64, 17]] {
            assert!(heard(true, cuts) == listening, "{voices} voices, {cuts:?}");
        }
    }
}

#[test]
fn what_rests_has_memory_that_nobody_writes() {
    for file in
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/patches")).expect("patches")
    {
        let path = file.expect("a file").path();
        let plan = plan(&std::fs::read_to_string(&path).expect("text"));
        let written = |node: &Node| node.outputs.of(&plan.tables.outputs).to_vec();
        let (rest, others): (Vec<_>, Vec<_>) = plan.nodes.iter().partition(|node| node.may_rest);
        let others: Vec<_> = others.into_iter().flat_map(written).collect();
        let shared = |at: &weft_modules::BlockIndex| others.contains(at);
        assert!(
            !rest.into_iter().flat_map(written).any(|at| shared(&at)),
            "{path:?}"
        );
    }
}

#[test]
fn voices_of_a_source_that_failed_sleep() {
    let mut player = Player::new(plan(&synth(16, "")));
    run(&mut player, 4_000, &[on(0, 60)]);
    let source = player.live.sources[0] as usize;
    player.live.cast.seats[source]
        .pending
        .set(pending::FAILED, true);
    run(&mut player, 12_800, &[]);
    assert!(player.live.sleeps());
}

#[test]
fn steps_with_nothing_to_do_are_left_out_until_something_happens() {
    let text = synth(
        16,
        r#""vca.out -> delay.left * 0.5", "delay.left -> out.left""#,
    );
    let text = text
        .replace(
            r#""out": (type: "audio-out"),"#,
            r#""out": (type: "audio-out"), "delay": (type: "delay", params: {"feedback": 0.1}),"#,
        )
        .replace(
            "cables: [",
            r#"slots: {1: "delay.mix", 2: "vca.level", 3: "out.level"}, cables: ["#,
        );
    // What may rouse a patch that rests: a note, a knob of who rests, one that opens the voices.
    let rousing = [
        on(31, 64),
        slot(31, 0, 0.9),
        slot(31, 1, 0.5),
        slot(31, 2, 1.0),
    ];
    for event in rousing {
        let heard = |looks: bool, cuts: &[usize]| {
            let mut player = Player::new(plan(&text));
            run(&mut player, 12 * LONG, &[on(0, 60), off(2_000, 60)]);
            let Plan {
                steps, lulls_known, ..
            } = &*player.live;
            let left_out = steps.iter().filter(|step| step.lull.get());
            assert!(*lulls_known && left_out.count() * 2 > steps.len());
            let mut all = Vec::new();
            for block in 0..400 {
                // Looks at every step again if told to.
                player.live.lulls_known &= !looks;
                let events = if block == 3 { &[event][..] } else { &[] };
                all.push(bits(&play(&mut player, 64, cuts, [&[]; 4], events)));
            }
            let last = play(&mut player, 6_400, cuts, [&[]; 4], &[on(17, 67)]);
            assert!(loudest(&last[0]) > 0.01);
            all.push(bits(&last));
            all
        };
        let looking = heard(true, &[64]);
        for cuts in [&[64][..], &[50, 14], &[7]] {
            assert!(heard(false, cuts) == looking, "{event:?}, {cuts:?}");
        }
    }
}
