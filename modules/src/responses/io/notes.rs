//! Notes against what players and hosts send.

use super::{RATE, steps};
use crate::catalog::{Level, Width};
use crate::notes::{NoteEvent, NoteKind};
use crate::rig::Rig;

fn sixteen(mode: &str) -> Rig {
    Rig::with("notes", Level::detect(), Width::Sixteen, RATE).choose("mode", mode)
}
fn event(channel: u8, kind: NoteKind) -> NoteEvent {
    NoteEvent {
        frame: 0,
        channel,
        kind,
    }
}
fn on(key: u8) -> NoteEvent {
    event(
        0,
        NoteKind::On {
            key,
            velocity: 0.8,
            id: -1,
        },
    )
}
fn off(key: u8) -> NoteEvent {
    event(
        0,
        NoteKind::Off {
            key,
            velocity: 0.3,
            id: -1,
        },
    )
}
fn control(number: u8, value: f32) -> NoteEvent {
    event(0, NoteKind::Control { number, value })
}

/// The outputs of a run, read by name.
struct Played {
    rig: Rig,
    outputs: Vec<Vec<f32>>,
}

impl Played {
    fn new(mut rig: Rig, frames: usize) -> Played {
        let outputs = rig.run(frames);
        Played { rig, outputs }
    }
    fn at(&self, output: &str, frame: usize, lane: usize) -> f32 {
        let index = self.rig.entry.spec.output(output).expect("an output");
        self.outputs[index][frame * self.rig.width.lanes() + lane]
    }
    fn lane(&self, output: &str, lane: usize) -> Vec<f32> {
        let lanes = self.rig.width.lanes();
        let index = self.rig.entry.spec.output(output).expect("an output");
        self.outputs[index]
            .iter()
            .skip(lane)
            .step_by(lanes)
            .copied()
            .collect()
    }
    /// Keys whose gates are up.
    fn sounding(&self, frame: usize) -> Vec<i32> {
        let mut keys: Vec<i32> = (0..self.rig.width.lanes())
            .filter(|lane| self.at("gate", frame, *lane) == 1.0)
            .map(|lane| (self.at("pitch", frame, lane) * 12.0 + 60.0).round() as i32)
            .collect();
        keys.sort_unstable();
        keys
    }
    fn gates(&self) -> f32 {
        let index = self.rig.entry.spec.output("gate").expect("an output");
        self.outputs[index].iter().sum()
    }
}

#[test]
fn a_note_starts_and_ends_on_its_frame() {
    let played = Played::new(sixteen("poly").note(37, on(69)).note(100, off(69)), 200);
    let gate = played.lane("gate", 0);
    for (frame, gate) in gate.iter().enumerate() {
        assert_eq!(
            *gate,
            if (37..100).contains(&frame) { 1.0 } else { 0.0 },
            "frame {frame}"
        );
    }
    assert_eq!(played.at("pitch", 36, 0), 0.0);
    assert_eq!(played.at("pitch", 37, 0), 0.75);
    assert_eq!(played.at("velocity", 36, 0), 0.0);
    assert_eq!(played.at("velocity", 37, 0), 0.8);
    assert_eq!(played.at("release", 99, 0), 0.0);
    assert_eq!(played.at("release", 100, 0), 0.3);
    assert_eq!(played.lane("trigger", 0).iter().sum::<f32>(), 1.0);
    assert_eq!(played.at("trigger", 37, 0), 1.0);
    assert_eq!(played.gates(), 63.0, "no other voice sounds");
}

#[test]
fn sixteen_notes_sound_and_a_seventeenth_takes_the_oldest_inner_voice() {
    let keys: Vec<u8> = (0..16).map(|index| 40 + 3 * index).collect();
    let mut rig = sixteen("poly");
    for key in &keys {
        rig = rig.note(10, on(*key));
    }
    let played = Played::new(
        rig.note(
            9_000,
            event(
                0,
                NoteKind::On {
                    key: 100,
                    velocity: 0.2,
                    id: -1,
                },
            ),
        ),
        9_500,
    );
    assert_eq!(
        played.sounding(8_999),
        keys.iter().map(|key| i32::from(*key)).collect::<Vec<_>>()
    );
    let after = played.sounding(9_400);
    assert_eq!(after.len(), 16);
    assert!(
        after.contains(&100) && after.contains(&40) && after.contains(&85),
        "bass and melody stay: {after:?}"
    );
    assert!(
        !after.contains(&43),
        "the oldest but the lowest goes: {after:?}"
    );

    let lane = (0..16)
        .find(|lane| played.at("velocity", 9_499, *lane) == 0.2)
        .expect("the new note");
    let gate = played.lane("gate", lane);
    assert_eq!(
        gate[8_999..9_002],
        [1.0, 0.0, 1.0],
        "down for exactly one frame"
    );
    let velocity = played.lane("velocity", lane);
    assert!(
        steps(&velocity[100..]) < 0.6 / 90.0,
        "no jump: {}",
        steps(&velocity[100..])
    );
    assert_eq!(velocity[9_000 + 95], 0.2, "there after 2 ms");
    assert!(
        steps(&played.lane("spread", lane)[100..]) == 0.0,
        "the voice stands where it stood"
    );
}

#[test]
fn the_quietest_released_voice_is_stolen_first() {
    let mut rig = sixteen("poly");
    for key in 0..16 {
        rig = rig.note(0, on(40 + key));
    }
    for key in [3, 7, 11] {
        rig = rig.note(100, off(40 + key));
    }
    rig.voice_levels = [0.5; 16];
    rig.voice_levels[7] = 0.01;
    rig.voice_levels[5] = 0.001;
    let played = Played::new(rig.note(20_000, on(90)), 20_200);
    assert_eq!(played.at("pitch", 20_150, 7), 2.5);
    assert_eq!(played.at("gate", 19_999, 7), 0.0);
    assert_eq!(
        played.at("gate", 20_000, 7),
        1.0,
        "its gate was down already"
    );
    assert!(
        steps(&played.lane("pitch", 7)[200..]) < 0.05,
        "it still rings, so nothing jumps"
    );
}

#[test]
fn fewer_voices_than_lanes_are_respected() {
    let mut rig = sixteen("poly").hold("voices", 3.0);
    for key in 0..6 {
        rig = rig.note(u64::from(key), on(60 + key));
    }
    let played = Played::new(rig, 50);
    assert_eq!(played.sounding(49).len(), 3);
    let narrow = Rig::with("notes", Level::detect(), Width::One, RATE).hold("voices", 16.0);
    let played = Played::new(narrow.note(0, on(60)).note(5, on(64)), 300);
    assert_eq!(played.sounding(250), [64]);
}

#[test]
fn a_repeated_key_starts_its_own_voice_again() {
    let played = Played::new(
        sixteen("poly")
            .note(0, on(60))
            .note(50, on(60))
            .note(80, off(60))
            .note(90, off(60)),
        120,
    );
    let gate = played.lane("gate", 0);
    assert_eq!(
        (gate[49], gate[50], gate[51], gate[79], gate[80]),
        (1.0, 0.0, 1.0, 1.0, 0.0)
    );
    assert_eq!(played.gates(), 79.0, "no second voice");
}

#[test]
fn the_pedal_holds_notes() {
    let rig = sixteen("poly")
        .note(0, control(64, 1.0))
        .note(1, on(60))
        .note(10, off(60))
        .note(20, on(64));
    let played = Played::new(rig.note(50, control(64, 0.0)).note(60, off(64)), 80);
    assert_eq!(played.sounding(49), [60, 64]);
    assert_eq!(played.sounding(50), [64], "released on the pedal's frame");
    assert_eq!(played.sounding(60), []);
    assert_eq!(
        played.at("release", 50, 0),
        0.3,
        "with the velocity of its key"
    );

    let rig = sixteen("mono")
        .note(0, control(64, 1.0))
        .note(1, on(60))
        .note(10, off(60))
        .note(50, control(64, 0.0));
    let played = Played::new(rig, 80);
    assert_eq!(
        (played.at("gate", 49, 0), played.at("gate", 50, 0)),
        (1.0, 0.0)
    );
}

#[test]
fn panic_messages_release_or_silence_everything() {
    for (number, velocity) in [(123, 0.8), (120, 0.0)] {
        for mode in ["poly", "mono", "legato", "unison"] {
            let rig = sixteen(mode)
                .note(0, control(64, 1.0))
                .note(0, on(60))
                .note(1, on(64))
                .note(5, off(64));
            let played = Played::new(rig.note(50, control(number, 0.0)), 500);
            assert!(!played.sounding(49).is_empty());
            assert_eq!(played.sounding(50), [], "{mode} CC {number}");
            assert_eq!(
                played.at("velocity", 499, 0),
                velocity,
                "{mode} CC {number}"
            );
        }
    }
    let rig = sixteen("poly")
        .note(0, on(60))
        .note(0, event(0, NoteKind::Bend(0.5)))
        .note(0, control(1, 0.7));
    let played = Played::new(rig.note(50, control(121, 0.0)), 500);
    assert_eq!(
        (played.at("bend", 49, 0), played.at("wheel", 49, 0)),
        (0.5, 0.7)
    );
    assert_eq!(
        (played.at("bend", 499, 0), played.at("wheel", 499, 0)),
        (0.0, 0.0)
    );
    assert_eq!(played.sounding(499), [60]);
}

#[test]
fn a_choked_note_stops_at_once() {
    let choke = |id| event(0, NoteKind::Choke { key: 60, id });
    let played = Played::new(
        sixteen("poly")
            .note(0, on(60))
            .note(0, on(62))
            .note(40, choke(-1)),
        300,
    );
    assert_eq!(played.sounding(40), [62]);
    assert_eq!(
        (played.at("velocity", 299, 0), played.at("release", 40, 0)),
        (0.0, 1.0)
    );
    let played = Played::new(
        sixteen("mono")
            .note(0, on(60))
            .note(0, on(62))
            .note(40, choke(-1)),
        300,
    );
    assert_eq!(played.sounding(299), [62]);
}

#[test]
fn mono_goes_back_to_held_keys_and_starts_anew() {
    let rig = sixteen("mono")
        .note(0, on(60))
        .note(200, on(67))
        .note(400, off(67))
        .note(600, off(60));
    let played = Played::new(rig, 700);
    assert_eq!(played.sounding(199), [60]);
    assert_eq!(played.sounding(399), [67]);
    assert_eq!(played.sounding(599), [60]);
    assert_eq!(played.sounding(600), []);
    let gate = played.lane("gate", 0);
    assert_eq!(
        gate.iter().take(600).filter(|gate| **gate == 0.0).count(),
        2,
        "one frame at each change"
    );
    assert_eq!((gate[200], gate[400]), (0.0, 0.0));
    assert_eq!(played.gates(), 598.0, "one voice only");
}

#[test]
fn priorities_decide_which_key_sounds() {
    for (priority, expected) in [("last", 64), ("low", 55), ("high", 72)] {
        let mut rig = sixteen("legato").choose("priority", priority);
        for (index, key) in [60, 72, 55, 64].into_iter().enumerate() {
            rig = rig.note(10 * index as u64, on(key));
        }
        assert_eq!(
            Played::new(rig, 500).sounding(499),
            [expected],
            "{priority}"
        );
    }
}

#[test]
fn legato_ties_overlapping_notes() {
    let rig = sixteen("legato")
        .note(0, on(60))
        .note(200, on(67))
        .note(300, off(60))
        .note(400, off(67))
        .note(400, on(62));
    let played = Played::new(rig, 600);
    let gate = played.lane("gate", 0);
    assert!(gate[..400].iter().all(|gate| *gate == 1.0), "no gap");
    assert_eq!(
        (gate[400], gate[401]),
        (0.0, 1.0),
        "notes that do not overlap are not tied"
    );
    assert_eq!(played.sounding(399), [67]);
    let starts: Vec<usize> = played
        .lane("trigger", 0)
        .iter()
        .enumerate()
        .filter(|(_, up)| **up == 1.0)
        .map(|(frame, _)| frame)
        .collect();
    assert_eq!(starts, [0, 200, 401]);
}

#[test]
fn unison_stacks_voices_symmetrically() {
    let rig = sixteen("unison")
        .hold("unison", 5.0)
        .hold("detune", 24.0)
        .hold("spread", 0.5);
    let played = Played::new(rig.note(0, on(72)).note(100, off(72)), 200);
    for lane in 0..16 {
        let place = lane as f32 / 2.0 - 1.0;
        let sounds = lane < 5;
        assert_eq!(played.at("gate", 50, lane), if sounds { 1.0 } else { 0.0 });
        assert_eq!(played.at("gate", 100, lane), 0.0);
        if sounds {
            assert!((played.at("pitch", 50, lane) - 1.0 - place * 0.02).abs() < 1e-6);
            assert_eq!(played.at("spread", 50, lane), place * 0.5);
        }
    }
    let mut random: Vec<f32> = (0..5).map(|lane| played.at("random", 50, lane)).collect();
    random.dedup();
    assert_eq!(random.len(), 5, "each voice has its own");
}

#[test]
fn glides_arrive_when_they_should() {
    let glide = |rig: Rig| rig.hold("glide", 0.1).note(0, on(60)).note(1_000, on(72));
    for mode in ["mono", "legato", "poly"] {
        let lane = usize::from(mode == "poly");
        let played = Played::new(glide(sixteen(mode)), 7_000);
        let pitch = played.lane("pitch", lane);
        assert!((pitch[999 + 2_400] - 0.5).abs() < 1e-3, "{mode} half-way");
        assert!(
            pitch[999 + 4_799] < 1.0 && pitch[999 + 4_800] == 1.0,
            "{mode}"
        );
        assert!(steps(&pitch[1_000..]) < 3e-4, "{mode} evenly");
    }
    let apart = sixteen("mono")
        .hold("glide", 0.1)
        .choose("glide-mode", "legato");
    let played = Played::new(
        apart.note(0, on(60)).note(900, off(60)).note(9_000, on(72)),
        9_010,
    );
    assert_eq!(
        played.at("pitch", 9_000, 0),
        1.0,
        "notes apart do not glide"
    );
    let tied = Played::new(glide(sixteen("mono").choose("glide-mode", "legato")), 2_000);
    assert!(tied.at("pitch", 1_999, 0) < 0.5, "overlapping ones do");
}

#[test]
fn tuning_adds_up() {
    let rig = sixteen("poly")
        .hold("octave", -1.0)
        .hold("transpose", 7.0)
        .hold("tune", 50.0)
        .hold("bend-range", 12.0);
    let rig = rig.note(0, event(0, NoteKind::Bend(-0.5))).note(
        0,
        event(
            0,
            NoteKind::On {
                key: 60,
                velocity: 1.0,
                id: 4,
            },
        ),
    );
    let rig = rig.note(
        0,
        event(
            0,
            NoteKind::NoteTuning {
                key: 60,
                id: 4,
                semitones: 0.25,
            },
        ),
    );
    let pitch = Played::new(rig, 10).at("pitch", 0, 0);
    let expected = -1.0 + (7.0 - 6.0 + 0.25) / 12.0 + 50.0 / 1200.0;
    assert!(
        (pitch - expected).abs() < 1e-6,
        "{pitch} {expected}: all of it on the first frame"
    );
    for key in 12..=120 {
        let pitch = f64::from(Played::new(sixteen("poly").note(0, on(key)), 1).at("pitch", 0, 0));
        let cents = (pitch - (f64::from(key) - 60.0) / 12.0) * 1200.0;
        assert!(cents.abs() < 1e-3, "key {key}: {cents}");
    }
}

#[test]
fn controllers_move_smoothly_from_their_frame() {
    let rig = sixteen("poly")
        .note(0, on(60))
        .note(100, event(0, NoteKind::ChannelPressure(1.0)))
        .note(100, control(74, 0.5));
    let played = Played::new(rig, 400);
    let pressure = played.lane("pressure", 0);
    assert_eq!(pressure[99], 0.0);
    assert!(
        pressure[100] > 0.0 && pressure[194] < 1.0 && pressure[195] == 1.0,
        "2 ms from its frame on"
    );
    assert_eq!(played.at("timbre", 399, 0), 0.5);
    let sudden = sixteen("poly")
        .hold("smooth", 0.0)
        .note(0, on(60))
        .note(100, event(0, NoteKind::ChannelPressure(1.0)));
    let pressure = Played::new(sudden, 200).lane("pressure", 0);
    assert_eq!((pressure[99], pressure[100]), (0.0, 1.0));
}

#[test]
fn expressions_reach_their_own_note() {
    let named = |key, id| {
        event(
            0,
            NoteKind::On {
                key,
                velocity: 0.5,
                id,
            },
        )
    };
    let rig = sixteen("poly").note(0, named(60, 7)).note(0, named(64, 8));
    let rig = rig.note(
        10,
        event(
            0,
            NoteKind::NotePressure {
                key: 0,
                id: 8,
                value: 0.6,
            },
        ),
    );
    let rig = rig.note(
        10,
        event(
            0,
            NoteKind::NoteTimbre {
                key: 60,
                id: -1,
                value: 0.4,
            },
        ),
    );
    let rig = rig.note(
        500,
        event(
            0,
            NoteKind::Off {
                key: 60,
                velocity: 0.0,
                id: 8,
            },
        ),
    );
    let played = Played::new(rig, 600);
    assert_eq!(
        (played.at("pressure", 400, 0), played.at("pressure", 400, 1)),
        (0.0, 0.6)
    );
    assert_eq!(
        (played.at("timbre", 400, 0), played.at("timbre", 400, 1)),
        (0.4, 0.0)
    );
    assert_eq!(played.sounding(599), [60], "a name wins over a key");
}

#[test]
fn mpe_fingers_bend_alone_and_the_master_bends_all() {
    let on = |channel, key| {
        event(
            channel,
            NoteKind::On {
                key,
                velocity: 0.5,
                id: -1,
            },
        )
    };
    let rig = sixteen("poly").hold("mpe", 1.0).hold("smooth", 0.0);
    let rig = rig
        .note(0, event(1, NoteKind::Bend(0.25)))
        .note(0, on(1, 60))
        .note(0, on(2, 60));
    let rig = rig.note(100, event(0, NoteKind::Bend(1.0))).note(
        200,
        event(
            2,
            NoteKind::Control {
                number: 74,
                value: 0.9,
            },
        ),
    );
    let rig = rig
        .note(
            300,
            event(
                2,
                NoteKind::Off {
                    key: 60,
                    velocity: 0.5,
                    id: -1,
                },
            ),
        )
        .note(350, event(2, NoteKind::Bend(1.0)));
    let rig = rig.note(
        400,
        event(
            0,
            NoteKind::Control {
                number: 64,
                value: 1.0,
            },
        ),
    );
    let rig = rig.note(
        410,
        event(
            1,
            NoteKind::Off {
                key: 60,
                velocity: 0.5,
                id: -1,
            },
        ),
    );
    let played = Played::new(rig, 500);
    assert_eq!(
        (played.at("pitch", 50, 0), played.at("pitch", 50, 1)),
        (1.0, 0.0)
    );
    let whole_step = 2.0 / 12.0;
    assert!((played.at("pitch", 150, 0) - 1.0 - whole_step).abs() < 1e-6);
    assert!((played.at("pitch", 150, 1) - whole_step).abs() < 1e-6);
    assert_eq!(
        (played.at("timbre", 250, 0), played.at("timbre", 250, 1)),
        (0.0, 0.9)
    );
    assert!(
        (played.at("pitch", 390, 1) - whole_step).abs() < 1e-6,
        "a note that rings out keeps its bend"
    );
    assert_eq!(
        played.at("gate", 450, 0),
        1.0,
        "the master's pedal holds all"
    );
}

#[test]
fn other_channels_are_not_heard_where_one_is_chosen() {
    let on = |channel, key| {
        event(
            channel,
            NoteKind::On {
                key,
                velocity: 0.5,
                id: -1,
            },
        )
    };
    let played = Played::new(
        sixteen("poly")
            .hold("channel", 3.0)
            .note(0, on(2, 60))
            .note(0, on(3, 64)),
        10,
    );
    assert_eq!(played.sounding(9), [60]);
}

#[test]
fn a_note_without_length_is_not_lost() {
    let played = Played::new(sixteen("poly").note(5, on(60)).note(5, off(60)), 20);
    assert_eq!(played.gates(), 1.0);
    assert_eq!(played.at("trigger", 5, 0), 1.0);
}

/// Many events of every kind, sane and insane, from a fixed pseudo-random walk.
fn storm(sane: bool) -> Vec<(u64, NoteEvent)> {
    let mut state = 12_345u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let strange = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -3.0, 1e30, 0.0];
    let mut events = Vec::new();
    for _ in 0..600 {
        let frame = u64::from(next(6_000));
        let key = if sane { 50 + next(24) } else { next(256) } as u8;
        let channel = if sane { next(3) } else { next(256) } as u8;
        let id = if sane { -1 } else { next(6) as i32 - 3 };
        let value = if sane {
            next(100) as f32 / 99.0
        } else {
            strange[next(6) as usize]
        };
        let kind = match next(14) {
            0..=4 => NoteKind::On {
                key,
                velocity: value,
                id,
            },
            5..=7 => NoteKind::Off {
                key,
                velocity: value,
                id,
            },
            8 => NoteKind::NotePressure { key, id, value },
            9 => NoteKind::NoteTuning {
                key,
                id,
                semitones: value,
            },
            10 => NoteKind::Bend(value),
            11 => NoteKind::Control {
                number: [1, 64, 74, 120, 121, 123][next(6) as usize],
                value,
            },
            12 => NoteKind::Choke { key, id },
            _ => NoteKind::NoteTimbre { key, id, value },
        };
        events.push((frame, event(channel, kind)));
    }
    events.sort_by_key(|(frame, _)| *frame);
    events
}

#[test]
fn a_storm_of_events_does_not_depend_on_cuts_and_leaves_no_note_hanging() {
    for mode in ["poly", "mono", "legato", "unison"] {
        let rig = || {
            let mut rig = sixteen(mode).hold("glide", 0.01);
            rig.notes = storm(true);
            for channel in 0..3 {
                rig = rig.note(
                    6_100,
                    event(
                        channel,
                        NoteKind::Control {
                            number: 123,
                            value: 0.0,
                        },
                    ),
                );
            }
            rig
        };
        let whole = rig().run(7_000);
        let cut = rig().run_cut(7_000, &[1, 17, 64, 3, 5, 33]);
        for (whole, cut) in whole.iter().zip(&cut) {
            assert!(
                whole
                    .iter()
                    .zip(cut)
                    .all(|(a, b)| a.to_bits() == b.to_bits()),
                "{mode}"
            );
        }
        let mut again = rig();
        again.run(3_333);
        again.reset();
        assert!(again.run(7_000) == whole, "{mode}: reset is as fresh");
        let played = Played::new(rig(), 7_000);
        assert!(played.gates() > 1_000.0);
        assert_eq!(played.sounding(6_200), [], "{mode}");
    }
}

#[test]
fn nonsense_is_survived() {
    for mode in ["poly", "mono", "legato", "unison"] {
        for mpe in [0.0, 1.0] {
            let mut rig = sixteen(mode).hold("mpe", mpe);
            rig.notes = storm(false);
            rig.voice_levels = [f32::NAN; 16];
            let outputs = rig.run(7_000);
            assert!(
                outputs.iter().flatten().all(|value| value.is_finite()),
                "{mode}"
            );
        }
    }
}

#[test]
fn moving_knobs_do_not_change_a_held_value() {
    let rig = || {
        let mut rig = sixteen("unison").hold("glide", 0.01);
        rig.notes = storm(true);
        rig
    };
    let held = rig()
        .hold("detune", 33.0)
        .hold("mode", 3.0)
        .hold("spread", 0.3)
        .run(2_000);
    let fed = rig()
        .feed("detune", |_, _| 33.0)
        .feed("mode", |_, _| 3.0)
        .feed("spread", |_, _| 0.3)
        .run(2_000);
    assert!(held == fed);
    let switching = rig()
        .feed("mode", |frame, _| (frame / 500 % 4) as f32)
        .run_cut(4_000, &[7, 64]);
    let whole = rig()
        .feed("mode", |frame, _| (frame / 500 % 4) as f32)
        .run(4_000);
    assert!(switching == whole);
}
