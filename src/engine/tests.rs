//! The engine through its front door: a patch in RON, a player, and what comes out.

use super::*;
use crate::patch::Patch;
use weft_modules::{NoteEvent, NoteKind};

const RATE: f32 = 48_000.0;

fn patch(text: &str) -> Patch {
    let (patch, notes) = Patch::from_ron(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(notes.is_empty(), "{notes:?}");
    patch
}

fn plan(text: &str) -> Box<Plan> {
    Box::new(compile(&patch(text), RATE).unwrap_or_else(|error| panic!("{error}")))
}

fn on(frame: u32, key: u8) -> Event {
    note(
        frame,
        NoteKind::On {
            key,
            velocity: 0.8,
            id: -1,
        },
    )
}

fn off(frame: u32, key: u8) -> Event {
    note(
        frame,
        NoteKind::Off {
            key,
            velocity: 0.5,
            id: -1,
        },
    )
}

fn note(frame: u32, kind: NoteKind) -> Event {
    Event {
        frame,
        kind: EventKind::Note(NoteEvent {
            frame: 0,
            channel: 0,
            kind,
        }),
    }
}

fn slot(frame: u32, slot: u16, normalized: f32) -> Event {
    Event {
        frame,
        kind: EventKind::Slot { slot, normalized },
    }
}

/// Plays `inputs` and events on absolute frames in blocks of the given lengths, over and over.
fn play(
    player: &mut Player,
    frames: usize,
    blocks: &[usize],
    inputs: [&[f32]; 4],
    events: &[Event],
) -> [Vec<f32>; 2] {
    let mut out = [vec![9.0; frames], vec![9.0; frames]];
    let (mut start, mut blocks) = (0, blocks.iter().cycle());
    while start < frames {
        let end = frames.min(start + blocks.next().expect("blocks"));
        let inside: Vec<Event> = events
            .iter()
            .filter(|event| (start..end).contains(&(event.frame as usize)))
            .map(|event| Event {
                frame: event.frame - start as u32,
                ..*event
            })
            .collect();
        let beat = start as f64 / f64::from(RATE) * 2.0;
        let host = HostTransport {
            playing: true,
            tempo: 120.0,
            beat: Some(beat),
        };
        let [left, right] = &mut out;
        let heard = inputs.map(|input| &input[start.min(input.len())..end.min(input.len())]);
        player.process(
            &host,
            heard,
            [&mut left[start..end], &mut right[start..end]],
            &inside,
        );
        start = end;
    }
    out
}

fn render(text: &str, frames: usize, events: &[Event]) -> [Vec<f32>; 2] {
    play(
        &mut Player::new(plan(text)),
        frames,
        &[64],
        [&[]; 4],
        events,
    )
}

/// Main input 1.0, to see gains.
fn through(text: &str, frames: usize, events: &[Event]) -> [Vec<f32>; 2] {
    let ones = vec![1.0; frames];
    play(
        &mut Player::new(plan(text)),
        frames,
        &[64],
        [&ones, &ones, &[], &[]],
        events,
    )
}

fn bits(audio: &[Vec<f32>; 2]) -> [Vec<u32>; 2] {
    [0, 1].map(|channel| audio[channel].iter().map(|value| value.to_bits()).collect())
}

fn loudest(audio: &[f32]) -> f32 {
    audio
        .iter()
        .fold(0.0, |loudest, value| loudest.max(value.abs()))
}

const FIRST_LIGHT: &str = r#"Patch(format: 1, name: "First light",
  modules: {
    "notes":  (type: "notes"),
    "osc":    (type: "saw"),
    "filter": (type: "svf", params: {"cutoff": 800.0, "resonance": 0.4}),
    "env":    (type: "adsr"), "vca": (type: "vca"), "out": (type: "audio-out"),
  },
  cables: [
    "notes.pitch -> osc.pitch", "osc.out -> filter.in", "notes.gate -> env.gate",
    "env.out -> filter.cutoff * 0.5",
    "filter.low -> vca.in", "env.out -> vca.level", "vca.out -> out.left", "vca.out -> out.right",
  ],
  slots: {1: "filter.cutoff"},
)"#;

#[test]
fn the_first_patch_sounds_when_a_note_plays_and_only_then() {
    let [left, right] = render(FIRST_LIGHT, 24_000, &[on(1_000, 60), off(12_000, 60)]);
    assert_eq!(loudest(&left[..1_000]), 0.0);
    assert!(loudest(&left[1_000..12_000]) > 0.05);
    assert_eq!(left, right);
}

#[test]
fn the_block_size_does_not_change_a_bit() {
    let mut events: Vec<Event> = (0..20).map(|i| on(i * 311, 40 + i as u8 * 2)).collect();
    events.extend((0..20).map(|i| off(i * 401 + 2_000, 40 + i as u8 * 2)));
    events.extend((0..400).map(|i| slot(i * 23 + 1, 0, (i % 40) as f32 / 40.0)));
    events.sort_by_key(|event| event.frame);
    let run = |blocks: &[usize]| {
        bits(&play(
            &mut Player::new(plan(FIRST_LIGHT)),
            12_000,
            blocks,
            [&[]; 4],
            &events,
        ))
    };
    let whole = run(&[12_000]);
    for blocks in [
        &[64][..],
        &[100],
        &[512],
        &[4096],
        &[1],
        &[0, 7, 1, 333, 64, 0, 65],
    ] {
        assert!(run(blocks) == whole, "blocks of {blocks:?}");
    }
}

const GAIN: &str = r#"Patch(format: 1, name: "Gain",
  modules: { "in": (type: "audio-in"), "vca": (type: "vca", params: {"level": 0.25}), "out": (type: "audio-out") },
  cables: ["in.left -> vca.in", "vca.out -> out.left"],
  slots: {1: "vca.level", 3: "out.level"},
)"#;

#[test]
fn automation_starts_on_its_frame_and_arrives_exactly() {
    let [left, right] = through(GAIN, 2_000, &[slot(777, 0, 0.5)]);
    assert!(left[..777].iter().all(|value| *value == 0.25));
    assert!(left[777] > 0.25 && left[777] < 0.26);
    assert!(left[777..1_017].is_sorted());
    assert!(
        left[777 + 240..].iter().all(|value| *value == 0.5),
        "smoothing takes 5 ms"
    );
    assert_eq!(loudest(&right), 0.0);
}

#[test]
fn nonsense_from_the_host_changes_nothing() {
    let calm = bits(&through(GAIN, 500, &[]));
    let nonsense = [
        slot(0, 0, f32::NAN),
        slot(5, 1, 0.7),
        slot(5, 1_023, 0.7),
        slot(5, u16::MAX, 0.7),
        off(6, 60),
        note(
            6,
            NoteKind::On {
                key: 255,
                velocity: f32::NAN,
                id: i32::MIN,
            },
        ),
        note(
            7,
            NoteKind::Control {
                number: 255,
                value: f32::INFINITY,
            },
        ),
        note(7, NoteKind::Bend(f32::NAN)),
        slot(3, 0, 0.25),
    ];
    assert!(bits(&through(GAIN, 500, &nonsense)) == calm);
    let mut player = Player::new(plan(GAIN));
    let late = [slot(5_000_000, 0, 1.0)];
    player.process(
        &HostTransport::default(),
        [&[1.0; 4]; 4],
        [&mut [0.0; 4], &mut []],
        &late,
    );
    let infinite = [slot(0, 0, f32::NEG_INFINITY)];
    let mut left = [0.0; 600];
    player.process(
        &HostTransport::default(),
        [&[1.0; 600]; 4],
        [&mut left, &mut []],
        &infinite,
    );
    assert_eq!(left[599], 0.0, "infinity is the end of the travel");
}

#[test]
fn an_event_in_an_empty_block_is_not_lost() {
    let mut player = Player::new(plan(FIRST_LIGHT));
    player.process(
        &HostTransport::default(),
        [&[]; 4],
        [&mut [], &mut []],
        &[on(0, 60), slot(0, 0, 1.0)],
    );
    let [left, _] = play(&mut player, 4_000, &[64], [&[]; 4], &[]);
    let [expected, _] = render(FIRST_LIGHT, 4_000, &[on(0, 60), slot(0, 0, 1.0)]);
    assert_eq!(left, expected);
}

#[test]
fn several_cables_sum_with_their_amounts() {
    let text = r#"Patch(format: 1, name: "", modules: {
        "in": (type: "audio-in"), "a": (type: "scale", params: {"gain": 2.0}), "b": (type: "scale", params: {"gain": 3.0}),
        "out": (type: "audio-out", params: {"limit": false}),
      }, cables: ["in.left -> a.in", "in.right -> b.in", "a.out -> out.left * 0.5", "b.out -> out.left * -0.25", "in.left -> out.left"])"#;
    let [left, _] = through(text, 200, &[]);
    assert!(
        left.iter()
            .all(|value| *value == 2.0 * 0.5 - 3.0 * 0.25 + 1.0),
        "{:?}",
        &left[..4]
    );
}

#[test]
fn a_cable_into_a_param_moves_it_by_a_share_of_its_travel_within_its_range() {
    let level = |amount: &str| {
        let text = format!(
            r#"Patch(format: 1, name: "", modules: {{
            "in": (type: "audio-in"), "vca": (type: "vca", params: {{"level": 0.25}}), "out": (type: "audio-out"),
          }}, cables: ["in.left -> vca.in", "in.right -> vca.level * {amount}", "vca.out -> out.left"])"#
        );
        through(&text, 100, &[])[0][99]
    };
    assert_eq!(level("0.5"), 0.75);
    assert_eq!(level("-0.25"), 0.0);
    assert_eq!(level("5"), 1.0);
    assert_eq!(level("-5"), 0.0);
}

#[test]
fn a_pitch_cable_tracks_octaves() {
    // An octave up through the cable sounds like an octave on the knob.
    let with = |pitch: &str, cable: &str| {
        let text = format!(
            r#"Patch(format: 1, name: "", modules: {{
            "in": (type: "audio-in"), "osc": (type: "sine", params: {{"pitch": {pitch}}}), "out": (type: "audio-out"),
          }}, cables: ["osc.out -> out.left" {cable}])"#
        );
        through(&text, 1_000, &[])[0].clone()
    };
    assert_eq!(with("1.0", ""), with("0.0", r#", "in.left -> osc.pitch""#));
}

#[test]
fn voices_are_summed_where_a_module_cannot_be_poly() {
    let alone = |keys: &[u8]| {
        let events: Vec<Event> = keys.iter().map(|key| on(10, *key)).collect();
        let quiet = FIRST_LIGHT.replace(
            r#""audio-out")"#,
            r#""audio-out", params: {"level": -24.0})"#,
        );
        render(&quiet, 6_000, &events)[0].clone()
    };
    let (c, g, both) = (alone(&[48]), alone(&[55]), alone(&[48, 55]));
    let worst = c
        .iter()
        .zip(&g)
        .zip(&both)
        .map(|((c, g), both)| (c + g - both).abs())
        .fold(0.0, f32::max);
    assert!(worst < 1e-5 && loudest(&both) > 0.005, "{worst}");
}

#[test]
fn eight_voices_and_sixteen_meet() {
    let text = r#"Patch(format: 1, name: "", modules: {
        "few": (type: "notes", params: {"voices": 8}), "many": (type: "notes", params: {"voices": 16}),
        "both": (type: "multiply"), "one": (type: "notes", params: {"voices": 1}), "again": (type: "multiply"),
        "out": (type: "audio-out", params: {"limit": false}),
      }, cables: ["few.gate -> both.a", "many.gate -> both.b", "both.out -> again.a", "one.gate -> again.b", "again.out -> out.left"])"#;
    let events: Vec<Event> = (0..12).map(|key| on(100, 40 + key)).collect();
    let [left, _] = render(text, 300, &events);
    assert_eq!(left[99], 0.0);
    // Eight of the first source sound together with eight of the twelve of the second; the twelve notes
    // make the eight steal, which takes them a frame.
    assert_eq!(left[299], 8.0);
}

#[test]
fn a_circle_of_cables_is_refused_by_its_path() {
    let text = r#"Patch(format: 1, name: "", modules: {
        "a": (type: "scale"), "b": (type: "scale"), "c": (type: "scale"), "out": (type: "audio-out"),
      }, cables: ["a.out -> b.in", "b.out -> c.in", "c.out -> a.gain", "c.out -> out.left"])"#;
    let error = compile(&patch(text), RATE).err().expect("a circle");
    let CompileError::Circle(circle) = &error;
    assert_eq!(circle.path.len(), 4);
    assert_eq!(circle.path.first(), circle.path.last());
    let said = error.to_string();
    assert!(
        ["a -> b", "b -> c", "c -> a"]
            .iter()
            .filter(|step| said.contains(*step))
            .count()
            >= 2,
        "{said}"
    );
}

#[test]
fn modules_nobody_knows_stay_silent() {
    let text = GAIN.replace(
        "modules: {",
        r#"modules: { "odd": (type: "from-the-future", params: {"x": 1.0}),"#,
    );
    let text = text.replace(
        "cables: [",
        r#"cables: ["odd.out -> vca.level", "in.left -> odd.in","#,
    );
    let (patch, _) = Patch::from_ron(&text).expect("a placeholder");
    let mut player = Player::new(Box::new(compile(&patch, RATE).expect("compiles")));
    let ones = [1.0; 300];
    let [left, _] = play(&mut player, 300, &[64], [&ones; 4], &[]);
    assert!(left.iter().all(|value| *value == 0.25));
}

#[test]
fn reset_is_like_new() {
    let mut player = Player::new(plan(FIRST_LIGHT));
    let events = [on(5, 60), on(700, 67), slot(900, 0, 0.9), off(2_000, 60)];
    let first = play(&mut player, 4_000, &[64], [&[]; 4], &events);
    player.reset();
    // The knob stays where the host put it.
    let again = play(
        &mut player,
        4_000,
        &[64],
        [&[]; 4],
        &[slot(0, 0, 0.9), events[0], events[1], events[3]],
    );
    let mut fresh = Player::new(plan(FIRST_LIGHT));
    play(&mut fresh, 1_000, &[64], [&[]; 4], &[slot(0, 0, 0.9)]);
    fresh.reset();
    let expected = play(
        &mut fresh,
        4_000,
        &[64],
        [&[]; 4],
        &[events[0], events[1], events[3]],
    );
    assert!(bits(&again) == bits(&expected) && first != again);
}

#[test]
fn restoring_a_value_does_not_round_it() {
    // 800 Hz does not survive the way to travel and back in every digit; told the same travel, the
    // player keeps the patch's own value.
    let table = SlotTable::of(&patch(FIRST_LIGHT));
    let travel = table.get(0).expect("bound").value;
    let plain = bits(&render(FIRST_LIGHT, 3_000, &[on(0, 60)]));
    assert!(
        bits(&render(
            FIRST_LIGHT,
            3_000,
            &[slot(0, 0, travel), on(0, 60)]
        )) == plain
    );
}

mod memory {
    use super::*;
    use crate::engine::buffers::Sharing;
    use crate::engine::compile::Recipe;
    use crate::engine::graph::Graph;
    use proptest::prelude::*;
    use weft_modules::{CATALOG, Voicing};

    /// A patch of modules of any type, cables running forward only.
    fn any_patch() -> impl Strategy<Value = String> {
        let modules = prop::collection::vec(0..CATALOG.len(), 2..14);
        let cables = prop::collection::vec(
            (
                any::<u16>(),
                any::<u16>(),
                any::<u16>(),
                any::<u16>(),
                -2.0f32..2.0,
            ),
            0..40,
        );
        (modules, cables).prop_map(|(kinds, cables)| {
            let kinds: Vec<_> = kinds.into_iter().map(|kind| &CATALOG[kind].spec).collect();
            let source = CATALOG
                .iter()
                .map(|entry| &entry.spec)
                .find(|spec| spec.voicing == Voicing::NoteSource);
            let sink = CATALOG
                .iter()
                .map(|entry| &entry.spec)
                .find(|spec| spec.voicing == Voicing::HostOutput);
            let all: Vec<_> = source.into_iter().chain(kinds).chain(sink).collect();
            let boxes: Vec<String> = all
                .iter()
                .enumerate()
                .map(|(index, spec)| format!("\"m{index}\": (type: \"{}\")", spec.id))
                .collect();
            let mut seen = std::collections::BTreeSet::new();
            let wires: Vec<String> = cables
                .into_iter()
                .filter_map(|(from, to, output, port, amount)| {
                    let to = 1 + to as usize % (all.len() - 1);
                    let from = from as usize % to;
                    let output = all[from]
                        .outputs
                        .get(output as usize % all[from].outputs.len().max(1))?
                        .id;
                    let takers = all[to].inputs.iter().map(|input| input.id).chain(
                        all[to]
                            .params
                            .iter()
                            .filter(|param| param.is_continuous() && !param.setting)
                            .map(|param| param.id),
                    );
                    let takers: Vec<_> = takers.collect();
                    let port = *takers.get(port as usize % takers.len().max(1))?;
                    seen.insert((from, output, to, port))
                        .then(|| format!("\"m{from}.{output} -> m{to}.{port} * {amount}\""))
                })
                .collect();
            format!(
                "Patch(format: 1, name: \"\", modules: {{{}}}, cables: [{}])",
                boxes.join(", "),
                wires.join(", ")
            )
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn shared_memory_sounds_like_memory_of_its_own(text in any_patch()) {
            let patch = patch(&text);
            let events = [on(100, 50), on(300, 57), slot(333, 3, 0.9), off(700, 50), slot(801, 7, 0.2)];
            let noise: Vec<f32> = (0..1_500).map(|frame| ((frame * 7_919 % 257) as f32 / 128.0 - 1.0) * 0.5).collect();
            let run = |sharing| {
                let (graph, units) = Graph::of(&patch).expect("no circles");
                let plan = Recipe { sample_rate: RATE, sharing, ..Recipe::of(&graph) }.build(&units);
                play(&mut Player::new(Box::new(plan)), 1_500, &[100], [&noise; 4], &events)
            };
            let (shared, apart) = (run(Sharing::ByLiveness), run(Sharing::Never));
            prop_assert!(bits(&shared) == bits(&apart));
            prop_assert!(shared.iter().flatten().all(|value| value.is_finite()));
        }
    }
}

mod commits;
mod large;
mod loads;
mod properties;
mod rows;
mod sleep;
mod solo;
mod still;
mod turns;

mod misbehaving {
    use super::*;
    use crate::engine::faults::Fault;
    use weft_modules::{AnyInstance, Cx, Health, Instance, Io, Porter};

    struct Panics;
    impl Instance for Panics {
        fn reset(&mut self) {}
        fn rests(&mut self) -> bool {
            false
        }
        fn carry(&mut self, _: &mut Porter) {}
        fn process(&mut self, _: &Cx<'_>, _: &Io<'_>) -> Health {
            panic!("a module fails")
        }
    }

    struct Allocates;
    impl Instance for Allocates {
        fn reset(&mut self) {}
        fn rests(&mut self) -> bool {
            false
        }
        fn carry(&mut self, _: &mut Porter) {}
        fn process(&mut self, cx: &Cx<'_>, _: &Io<'_>) -> Health {
            std::hint::black_box(vec![0.0f64; cx.frames]);
            Health::FINE
        }
    }

    fn with(instance: impl Instance) -> Box<Plan> {
        let text = GAIN.replace(
            r#""vca.out -> out.left""#,
            r#""vca.out -> out.left", "in.right -> out.right""#,
        );
        let mut plan = plan(&text);
        // The vca runs between the input and the output.
        plan.cast.instances[1] = AnyInstance::new(instance);
        plan
    }

    #[test]
    fn a_module_that_fails_falls_silent_and_the_others_play_on() {
        let plan = with(Panics);
        let faults = plan.faults();
        let ones = [1.0; 300];
        let [left, right] = play(&mut Player::new(plan), 300, &[64], [&ones; 4], &[]);
        assert_eq!(loudest(&left), 0.0);
        assert!(right.iter().all(|value| *value == 1.0));
        assert_eq!(faults.report(), [("vca", Fault::Failed, 1)]);
    }

    /// Runs itself again as a process of its own, because the guard ends the process.
    #[test]
    fn the_guard_catches_a_module_that_allocates() {
        if std::env::var_os("WEFT_TEST_ALLOCATES").is_some() {
            let mut player = Player::new(with(Allocates));
            let mut out = [0.0; 64];
            assert_no_alloc::assert_no_alloc(|| {
                player.process(
                    &HostTransport::default(),
                    [&[]; 4],
                    [&mut out, &mut []],
                    &[],
                );
            });
            return;
        }
        let caught = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "engine::tests::misbehaving::the_guard_catches_a_module_that_allocates",
                "--nocapture",
            ])
            .env("WEFT_TEST_ALLOCATES", "1")
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&caught.stderr);
        assert!(
            !caught.status.success() && said.contains("memory allocation of 512 bytes failed"),
            "{said}"
        );
    }
}
