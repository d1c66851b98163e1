//! Few voices of many sound each by itself, and nobody hears that they do.

use super::*;
use crate::engine::faults::Fault;
use crate::engine::moves::Move;
use crate::engine::plan::Range;
use weft_modules::{AnyInstance, Cx, Health, Instance, Io, MAX_FRAMES, Porter};

/// A synth with a module of most kinds in each voice. `more` are further cables.
fn synth(voices: u32, more: &str) -> String {
    format!(
        r#"Patch(format: 1, name: "Synth",
            modules: {{
                "notes": (type: "notes", params: {{"voices": {voices}, "bend-range": 12}}),
                "lfo": (type: "lfo", params: {{"rate": 3.0}}),
                "saw": (type: "saw"),
                "pulse": (type: "pulse", params: {{"fine": 7.0}}),
                "noise": (type: "noise", params: {{"level": -20.0}}),
                "mixer": (type: "mixer"),
                "filter": (type: "svf", params: {{"cutoff": 900.0}}),
                "ladder": (type: "ladder"),
                "env": (type: "adsr", params: {{"release": 0.02}}),
                "vca": (type: "vca"),
                "out": (type: "audio-out"),
            }},
            cables: [
                "notes.pitch -> saw.pitch", "notes.pitch -> pulse.pitch", "lfo.out -> pulse.width * 0.2",
                "saw.out -> mixer.in-1", "pulse.out -> mixer.in-2 * 0.5", "lfo.out -> mixer.pan-1",
                "notes.velocity -> noise.level * 0.1", "noise.pink -> mixer.in-3",
                "mixer.out -> filter.in", "notes.pitch -> filter.pitch", "env.out -> filter.cutoff * 0.3",
                "lfo.out -> filter.cutoff * 0.1", "filter.low -> ladder.in",
                "notes.gate -> env.gate", "ladder.out -> vca.in", "env.out -> vca.level",
                "vca.out -> out.left", "vca.out -> out.right", {more}
            ],
            slots: {{1: "filter.cutoff", 2: "vca.level", 3: "lfo.rate", 4: "ladder.resonance"}},
        )"#
    )
}

/// Voices that go on where a note begins, wherever they were before.
fn envelopes(voices: u32) -> String {
    format!(
        r#"Patch(format: 1, name: "Envelopes",
            modules: {{
                "notes": (type: "notes", params: {{"voices": {voices}}}),
                "env": (type: "adsr", params: {{"attack": 0.003, "release": 0.05}}),
                "vca": (type: "vca"),
                "out": (type: "audio-out"),
            }},
            cables: ["notes.velocity -> vca.in", "notes.gate -> env.gate", "env.out -> vca.level",
                "vca.out -> out.left * 0.1"],
            slots: {{1: "env.sustain"}},
        )"#
    )
}

/// A plan none of whose voices are ever run by themselves.
fn together(text: &str) -> Box<Plan> {
    let mut plan = plan(text);
    for domain in &mut plan.tables.domains {
        domain.members = Range::default();
    }
    plan
}

/// How many voices sound alone, if any do.
fn soloists(player: &Player) -> Option<u32> {
    let domains = &player.live.tables.domains;
    let [domain] = &**domains else {
        panic!("{} domains", domains.len())
    };
    Some(domain.form.soloists()?.lanes().count_ones())
}

fn run(player: &mut Player, frames: usize, events: &[Event]) -> [Vec<f32>; 2] {
    play(player, frames, &[64], [&[]; 4], events)
}

/// When all voices but two have fallen asleep.
const MIDDLE: u32 = 4_032;

#[test]
fn two_voices_sound_by_themselves_as_they_do_among_others() {
    let patches = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/patches"));
    let files = patches
        .expect("patches")
        .map(|file| file.expect("a file").path());
    let mut texts: Vec<String> = files
        .map(|path| std::fs::read_to_string(path).expect("text"))
        .collect();
    texts.extend([8, 16].map(|voices| synth(voices, "")));
    let events = [
        on(100, 50),
        // Before anyone sleeps: what stands still meanwhile would begin elsewhere.
        on(1_503, 62),
        note(3_900, NoteKind::Bend(0.3)),
        note(4_500, NoteKind::ChannelPressure(0.7)),
        slot(5_003, 0, 0.6),
        slot(6_001, 2, 0.6),
        slot(6_001, 3, 0.6),
        slot(7_777, 0, 0.4),
        note(9_000, NoteKind::Bend(0.0)),
    ];
    let (early, late) = events.split_at(3);
    let late: Vec<Event> = late.iter().map(|event| after(event, MIDDLE)).collect();
    let play = |player: &mut Player| {
        let first = play_from(player, 0, MIDDLE, early);
        let alone = player.live.tables.domains.iter();
        let alone: Vec<_> = alone.filter_map(|domain| domain.form.soloists()).collect();
        (alone, first, play_from(player, MIDDLE, 16_000, &late))
    };
    let mut parted = 0;
    for text in &texts {
        let (alone, first, then) = play(&mut Player::new(plan(text)));
        let [soloists] = alone[..] else {
            assert!(alone.is_empty());
            continue;
        };
        assert_eq!(soloists.lanes(), 0b11, "{text}");
        assert!(loudest(&first[0]) > 0.001, "{text}");
        let among = play(&mut Player::new(together(text)));
        assert!(among == (vec![], first, then), "{text}");
        parted += 1;
    }
    assert_eq!(parted, 6, "four of the factory's and two of our own");
}

#[test]
fn a_third_note_comes_in_on_its_frame_however_blocks_are_cut() {
    let events = [
        on(100, 60),
        on(300, 67),
        on(20_011, 72),
        off(26_000, 72),
        off(33_000, 67),
        slot(34_017, 0, 0.7),
        on(40_001, 67),
        on(40_003, 67),
        off(45_000, 60),
        slot(50_001, 1, 0.3),
        slot(52_001, 1, 0.0),
        on(60_100, 48),
        off(60_105, 48),
    ];
    for voices in [8, 16] {
        let text = synth(voices, "");
        let mut player = Player::new(plan(&text));
        let mut heard = [vec![], vec![]];
        let mut at = 0;
        // Who sounds alone by these frames, if anyone does.
        for (until, alone) in [
            (2_048, None),
            (20_000, Some(2)),
            (20_032, None),
            (26_048, None),
            (32_000, Some(2)),
            (39_936, Some(1)),
            (40_064, Some(2)),
            (49_984, Some(1)),
            (52_480, None),
            (60_032, Some(1)),
            (60_160, Some(2)),
            (70_000, Some(1)),
        ] {
            let inside = events
                .iter()
                .filter(|event| (at..until).contains(&event.frame));
            let inside: Vec<Event> = inside.map(|event| after(event, at)).collect();
            let new = play_from(&mut player, at, until, &inside);
            for (heard, new) in heard.iter_mut().zip(new) {
                heard.extend(new);
            }
            assert_eq!(soloists(&player), alone, "{voices} voices at {until}");
            at = until;
        }
        let whole = bits(&heard);
        for blocks in [&[1][..], &[17], &[64], &[512], &[100, 7]] {
            let mut player = Player::new(plan(&text));
            let heard = play(&mut player, 70_000, blocks, [&[]; 4], &events);
            assert!(bits(&heard) == whole, "{voices} voices in {blocks:?}");
        }
        // It is heard from its frame on, and not before.
        let without: Vec<Event> = events
            .into_iter()
            .filter(|event| ![20_011, 26_000].contains(&event.frame))
            .collect();
        let other = run(&mut Player::new(plan(&text)), 20_200, &without);
        assert!(heard[0][..20_011] == other[0][..20_011]);
        assert!(heard[0][20_012..20_040] != other[0][20_012..20_040]);
    }
}

/// The same event as it is counted from a frame on.
fn after(event: &Event, frame: u32) -> Event {
    Event {
        frame: event.frame - frame,
        ..*event
    }
}

/// As [`run`], of a stretch of time that does not begin at frame 0.
fn play_from(player: &mut Player, at: u32, until: u32, events: &[Event]) -> [Vec<f32>; 2] {
    let frames = (until - at) as usize;
    let mut out = [vec![0.0; frames], vec![0.0; frames]];
    let beat = f64::from(at) / f64::from(RATE) * 2.0;
    let host = HostTransport {
        playing: true,
        tempo: 120.0,
        beat: Some(beat),
    };
    let [left, right] = &mut out;
    assert_no_alloc::assert_no_alloc(|| {
        player.process(&host, [&[]; 4], [left, right], events);
    });
    out
}

#[test]
fn voices_come_and_go_and_nobody_hears_who_is_by_himself() {
    let mut events = vec![slot(3_001, 0, 0.3), slot(50_005, 0, 0.9)];
    for index in 0..60u32 {
        let frame = index * 1_337 + index % 5 * 700;
        let key = 40 + (index * 7 % 23) as u8;
        events.extend([on(frame, key), off(frame + 300 + index % 7 * 900, key)]);
    }
    events.sort_by_key(|event| event.frame);
    for voices in [8, 16] {
        let text = envelopes(voices);
        let whole = run(&mut Player::new(together(&text)), 90_000, &events);
        let mut player = Player::new(plan(&text));
        let (mut heard, mut most) = ([vec![], vec![]], [0; 4]);
        let mut at = 0;
        while at < 90_000 {
            let until = 90_000.min(at + 500);
            let inside = events
                .iter()
                .filter(|event| (at..until).contains(&event.frame));
            let inside: Vec<Event> = inside.map(|event| after(event, at)).collect();
            let new = play_from(&mut player, at, until, &inside);
            for (heard, new) in heard.iter_mut().zip(new) {
                heard.extend(new);
            }
            most[soloists(&player).map_or(3, |count| count as usize)] += 1;
            at = until;
        }
        assert!(heard == whole, "{voices} voices");
        assert!(most[1..].iter().all(|times| *times > 5), "{most:?}");
    }
}

#[test]
fn a_commit_finds_voices_that_sound_alone_and_leaves_them_so() {
    for voices in [8, 16] {
        let text = synth(voices, "");
        let events = [on(100, 60), on(300, 67)];
        let whole = run(&mut Player::new(plan(&text)), 30_000, &events);
        for moment in [20_000, 20_032] {
            let mut player = Player::new(plan(&text));
            let mut heard = play_from(&mut player, 0, moment, &events);
            assert_eq!(soloists(&player), Some(2));
            let mut next = plan(&text);
            let pairs = (0..next.nodes.len() as u32).map(|node| (node, node));
            let pairs = Move::join(pairs.collect());
            player.live.hand_over(&mut next, &pairs);
            assert_eq!(soloists(&player), None);
            player.live = next;
            let first = play_from(&mut player, moment, moment + 64, &[]);
            assert_eq!(soloists(&player), Some(2), "from the next grid frame on");
            let rest = play_from(&mut player, moment + 64, 30_000, &[]);
            for part in [first, rest] {
                for (heard, part) in heard.iter_mut().zip(part) {
                    heard.extend(part);
                }
            }
            assert!(heard == whole, "{voices} voices at {moment}");
        }
    }
}

#[test]
fn a_knob_that_opens_all_voices_wakes_them() {
    let mut player = Player::new(plan(&synth(16, "")));
    run(&mut player, 9_600, &[on(0, 60)]);
    assert_eq!(soloists(&player), Some(1));
    run(&mut player, 80, &[slot(77, 1, 0.5)]);
    assert_eq!(soloists(&player), None, "before the next grid frame");
    let heard = run(&mut player, 6_320, &[off(0, 60)]);
    assert_eq!(soloists(&player), None);
    assert!(loudest(&heard[0][3_200..]) > 0.01);
    run(&mut player, 6_400, &[slot(77, 1, 0.0), on(78, 60)]);
    assert_eq!(soloists(&player), Some(1));
}

#[test]
fn reset_is_like_new_whoever_sounds_alone_or_sleeps() {
    let text = synth(16, "");
    let play = |player: &mut Player| run(player, 9_600, &[on(100, 60), on(5_000, 64)]);
    let new = play(&mut Player::new(plan(&text)));
    for (events, alone) in [(&[on(0, 50)][..], Some(1)), (&[], None)] {
        let mut player = Player::new(plan(&text));
        run(&mut player, 9_600, events);
        assert_eq!(
            (soloists(&player), player.live.sleeps()),
            (alone, alone.is_none())
        );
        player.reset();
        assert!(play(&mut player) == new);
        assert_eq!(soloists(&player), Some(2));
    }
}

#[test]
fn voices_that_others_hear_too_stay_together() {
    for more in [
        // Their notes, their gates, what is spread for them.
        r#""notes.pitch -> out.left * 0.0001""#,
        r#""notes.gate -> out.left * 0.0""#,
        r#""other.gate -> late.gate", "lfo.out -> late.retrigger", "lfo.out -> env.retrigger",
           "late.out -> out.left * 0.0""#,
    ] {
        let text = synth(16, more).replace(
            "modules: {",
            r#"modules: {"other": (type: "notes"), "late": (type: "adsr"),"#,
        );
        let mut player = Player::new(plan(&text));
        run(&mut player, 9_600, &[]);
        let parts = player.live.tables.domains.iter();
        let parts: Vec<_> = parts.filter(|domain| !domain.members.is_empty()).collect();
        assert!(parts.is_empty(), "{more}");
    }
}

/// Fails after so many calls.
struct Tires(u32);

impl Instance for Tires {
    fn reset(&mut self) {}
    fn rests(&mut self) -> bool {
        false
    }
    fn carry(&mut self, _: &mut Porter) {}
    fn process(&mut self, cx: &Cx<'_>, io: &Io<'_>) -> Health {
        assert!(cx.frames <= MAX_FRAMES && self.0 > 0, "a module fails");
        self.0 -= 1;
        io.silence_any(weft_modules::Width::One, 1);
        Health::FINE
    }
}

#[test]
fn who_fails_alone_has_failed_for_all() {
    let mut plan = plan(&synth(16, ""));
    let keys = plan.keys.iter().map(|(_, node)| *node as usize);
    let order: Vec<usize> = keys.collect();
    // In the order of the patch.
    let filter = order[6];
    plan.cast.states[filter].solo[1] = Some(AnyInstance::new(Tires(2)));
    let faults = plan.faults();
    let mut player = Player::new(plan);
    run(&mut player, 9_600, &[on(0, 60)]);
    assert_eq!(soloists(&player), Some(1));
    assert!(faults.report().is_empty());
    let heard = run(&mut player, 4_800, &[on(100, 64)]);
    assert_eq!(soloists(&player), Some(2));
    assert_eq!(faults.report(), [("filter", Fault::Failed, 1)]);
    // The ladder behind it never quite falls silent.
    assert!(loudest(&heard[0][2_400..]) < 1e-9);
    let heard = run(&mut player, 4_800, &[on(100, 68)]);
    assert_eq!(soloists(&player), None);
    assert!(loudest(&heard[0][2_400..]) < 1e-9);
    assert_eq!(faults.report(), [("filter", Fault::Failed, 1)]);
}
