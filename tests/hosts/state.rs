//! A patch is saved inside the song and comes back exactly.

use crate::host::{BOLD_HOSTS, Do, HOSTS, Host, Instance, PLUGINS, Param, Plugin, everywhere};
use crate::host::{open, open_with};
use crate::patches::{Factory, PAD, THROUGH, VOICE, each_factory};
use crate::play::{Piece, play};
use crate::sound::{assert_same, first_difference, peak};

const RATE: f64 = 48_000.0;

fn piece() -> Piece {
    Piece::new(12_000)
        .note(100, 8_000, 45)
        .note(2_000, 9_000, 57)
        .with_input(|frame| [(frame as f32 * 0.03).sin() * 0.4, 0.1])
}

fn from_state(host: Host, plugin: Plugin, state: &[u8]) -> Box<dyn Instance> {
    let mut instance = open(host, plugin);
    assert!(instance.load(state), "it refuses its own state");
    instance.activate(RATE, 512);
    instance
}

#[test]
fn a_fresh_instance_takes_over_sound_and_slots() {
    everywhere(|host, plugin| {
        let mut first = open_with(host, plugin, VOICE, RATE, 512);
        let state = first.save();
        assert!(std::str::from_utf8(&state).is_ok_and(|text| text.starts_with("Patch(")));
        let mut second = from_state(host, plugin, &state);
        assert_eq!(second.params(), first.params());
        for param in first.params() {
            assert_eq!(
                second.value(param.id),
                first.value(param.id),
                "{}",
                param.name
            );
        }
        let sound = play(&mut *first, &piece(), &[512]);
        assert!(peak(&sound) > 0.01);
        assert_same(
            &sound,
            &play(&mut *second, &piece(), &[512]),
            "after loading",
        );
        assert_eq!(second.save(), state, "saving again changes the state");
    });
}

#[test]
fn every_format_reads_the_states_of_the_others() {
    for plugin in PLUGINS {
        let states = HOSTS.map(|host| open_with(host, plugin, VOICE, RATE, 512).save());
        assert!(states.iter().all(|state| *state == states[0]));
    }
}

#[test]
fn automated_values_are_in_the_state() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, VOICE, RATE, 512);
        let ids: Vec<u32> = instance.params().iter().map(|param| param.id).collect();
        let turned = [(0, 0.3), (1, 0.77), (5, 0.0), (7, 0.123), (1023, 1.0)];
        let mut moving = Piece::new(4_000);
        for (index, value) in turned {
            moving = moving.at(
                500 + index,
                Do::Set {
                    id: ids[index],
                    value,
                },
            );
        }
        play(&mut *instance, &moving, &[512]);
        for (index, value) in turned {
            let shown = instance.value(ids[index]).expect("it has a value");
            assert!(
                (shown - value).abs() < 1e-6,
                "slot {} shows {shown}",
                index + 1
            );
        }
        let state = instance.save();
        let mut loaded = from_state(host, plugin, &state);
        for (index, value) in turned {
            let shown = loaded.value(ids[index]).expect("it has a value");
            assert!(
                (shown - value).abs() < 1e-5,
                "slot {} comes back as {shown}",
                index + 1
            );
        }
        assert_eq!(loaded.save(), state, "save, load, save is no fixed point");
        // Switched off and on, both start from silence and must sound the same.
        instance.activate(RATE, 512);
        let sound = play(&mut *instance, &piece(), &[512]);
        assert!(peak(&sound) > 1e-3);
        assert_same(
            &sound,
            &play(&mut *loaded, &piece(), &[512]),
            "after automation",
        );
    });
}

#[test]
fn knobs_turned_while_switched_off_are_in_the_state() {
    for plugin in PLUGINS {
        let mut instance = crate::vst3_direct::DirectInstance::open(plugin);
        assert!(instance.load(VOICE.as_bytes()));
        let cutoff: Param = instance.params()[0].clone();
        assert!(instance.set_from_main(cutoff.id, 0.25));
        let state = instance.save();
        let mut loaded = open(Host::Vst3Direct, plugin);
        assert!(loaded.load(&state));
        let shown = loaded.value(cutoff.id).expect("it has a value");
        assert!((shown - 0.25).abs() < 1e-5, "it comes back as {shown}");
    }
}

#[test]
fn damaged_states_are_refused_and_the_patch_plays_on_undisturbed() {
    let good = VOICE.as_bytes();
    let mut damaged: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"garbage".to_vec(),
        vec![0; 4_096],
        vec![0xFF; 4_096],
        (0..=255).cycle().take(100_000).collect(),
        b"{\"version\":\"0.1.0\",\"params\":{},\"fields\":{}}".to_vec(),
        b"Patch(format: 999, name: \"from the future\", modules: {}, cables: [])".to_vec(),
        VOICE
            .replace("\"svf\", params", "\"svf\" params")
            .into_bytes(),
        VOICE.replace("cables: [", "cables: [ 12,").into_bytes(),
        VOICE
            .replace("notes.pitch -> osc.pitch", "notes.pitch osc.pitch")
            .into_bytes(),
        // Its own sound goes round in a circle.
        VOICE
            .replace("osc.out -> filter.in", "amp.out -> filter.in")
            .into_bytes(),
        [good, b"\xFF\xFE".as_slice()].concat(),
        "(".repeat(100_000).into_bytes(),
    ];
    let end = good.len() - 1;
    damaged.extend((1..end).step_by(17).map(|length| good[..length].to_vec()));
    for host in BOLD_HOSTS {
        for plugin in PLUGINS {
            println!("{host:?} {plugin:?}");
            let blocks = [100];
            let bars = damaged.len();
            let long = |part: usize| {
                // One part for each damaged state; a note starts in one and ends in the next.
                let part_piece = Piece::new(400);
                let key = 40 + (part / 2 % 24) as u8;
                if part.is_multiple_of(2) {
                    part_piece.at(50, Do::On { key, velocity: 0.7 })
                } else {
                    part_piece.at(350, Do::Off { key })
                }
            };
            let mut undisturbed = open_with(host, plugin, VOICE, RATE, 512);
            let mut disturbed = open_with(host, plugin, VOICE, RATE, 512);
            let before = disturbed.save();
            for (part, state) in (0..bars).zip(&damaged) {
                let expected = play(&mut *undisturbed, &long(part), &blocks);
                assert!(
                    !disturbed.load(state),
                    "it claims to have loaded {:?}",
                    String::from_utf8_lossy(&state[..state.len().min(2_000)])
                );
                let heard = play(&mut *disturbed, &long(part), &blocks);
                assert_same(&expected, &heard, "after a damaged state");
            }
            assert_eq!(disturbed.save(), before, "a damaged state left traces");
        }
    }
}

#[test]
fn a_careful_host_learns_of_damaged_states_too() {
    for plugin in PLUGINS {
        let mut instance = open_with(Host::Vst3, plugin, VOICE, RATE, 512);
        let mut control = open_with(Host::Vst3, plugin, VOICE, RATE, 512);
        let before = instance.save();
        for state in [b"garbage".as_slice(), b"", &VOICE.as_bytes()[..200]] {
            assert!(!instance.load(state));
            assert_eq!(instance.save(), before);
        }
        let expected = play(&mut *control, &piece(), &[512]);
        assert_same(
            &expected,
            &play(&mut *instance, &piece(), &[512]),
            "old patch",
        );
    }
}

#[test]
fn what_can_be_repaired_is_loaded_and_nothing_is_lost() {
    everywhere(|host, plugin| {
        // A module of a later version of Weft, with its values and cables.
        let unknown = VOICE
            .replace(
                "\"amp\": (type: \"vca\"),",
                "\"amp\": (type: \"vca\"),\n    \"magic\": (type: \"crystal-ball\", params: {\"haze\": 0.5}),",
            )
            .replace(
                "\"osc.out -> filter.in\",",
                "\"osc.out -> filter.in\", \"magic.fog -> filter.in\", \"osc.nowhere -> out.left\",",
            );
        let mut instance = open_with(host, plugin, &unknown, RATE, 512);
        let saved = String::from_utf8(instance.save()).expect("a state is text");
        for kept in [
            "crystal-ball",
            "haze",
            "magic.fog -> filter.in",
            "osc.nowhere -> out.left",
        ] {
            assert!(saved.contains(kept), "{kept} is lost in\n{saved}");
        }
        let sound = play(&mut *instance, &piece(), &[512]);
        let mut plain = open_with(host, plugin, VOICE, RATE, 512);
        assert_same(
            &play(&mut *plain, &piece(), &[512]),
            &sound,
            "beside a stranger",
        );

        // Values beyond what a knob can show are limited.
        let excess = VOICE
            .replace("\"cutoff\": 800.0", "\"cutoff\": 1e30")
            .replace("\"resonance\": 0.4", "\"resonance\": -7.0");
        let limits = VOICE
            .replace("\"cutoff\": 800.0", "\"cutoff\": 20000.0")
            .replace("\"resonance\": 0.4", "\"resonance\": 0.0");
        let mut instance = open_with(host, plugin, &excess, RATE, 512);
        let mut limited = open_with(host, plugin, &limits, RATE, 512);
        assert_eq!(instance.save(), limited.save());
        assert_same(
            &play(&mut *instance, &piece(), &[512]),
            &play(&mut *limited, &piece(), &[512]),
            "limited values",
        );
    });
}

#[test]
fn a_state_may_arrive_while_the_plugin_plays() {
    for host in BOLD_HOSTS {
        for plugin in PLUGINS {
            println!("{host:?} {plugin:?}");
            let mut instance = open_with(host, plugin, PAD, RATE, 512);
            let before = play(&mut *instance, &piece(), &[512]);
            assert!(instance.load(THROUGH.as_bytes()));
            let after = play(&mut *instance, &piece(), &[512]);
            assert!(
                first_difference(&before, &after).is_some(),
                "the old patch plays on"
            );
            // What goes in now comes out.
            let last = after[1][11_999];
            assert!((last - 0.1).abs() < 1e-6, "the new patch gives {last}");
        }
    }
}

#[test]
fn patches_can_be_browsed_while_the_audio_stands_still() {
    for host in BOLD_HOSTS {
        for plugin in PLUGINS {
            println!("{host:?} {plugin:?}");
            let mut instance = open_with(host, plugin, VOICE, RATE, 512);
            play(&mut *instance, &Piece::new(512), &[512]);
            for turn in 0..40 {
                let patch = if turn % 2 == 0 { PAD } else { VOICE };
                assert!(
                    instance.load(patch.as_bytes()),
                    "it refuses patch {} because no block came since the first",
                    turn + 1
                );
            }
            assert!(instance.load(THROUGH.as_bytes()));
            let sound = play(&mut *instance, &piece(), &[512]);
            assert!(
                (sound[1][11_999] - 0.1).abs() < 1e-6,
                "the last patch does not play"
            );
        }
    }
}

#[test]
fn factory_patches_come_back_from_their_states() {
    each_factory(|patch| {
        let Factory { name, text, .. } = patch;
        for host in [Host::Clap, Host::Vst3] {
            let mut first = open_with(host, Plugin::WeftFx, text, RATE, 512);
            let state = first.save();
            let mut second = from_state(host, Plugin::WeftFx, &state);
            assert_eq!(second.params(), first.params());
            let sound = play(&mut *first, &piece(), &[512]);
            assert_same(&sound, &play(&mut *second, &piece(), &[512]), name);
            assert_eq!(second.save(), state);
        }
    });
}
