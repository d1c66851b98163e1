//! Hosts that break the rules.

use crate::host::{BOLD_HOSTS, Do, Event, Host, Instance, PLUGINS, Param, open_with};
use crate::patches::{THROUGH, VOICE};
use crate::play::{Piece, play};
use crate::sound::{assert_same, peak};
use crate::vst3_direct::DirectInstance;

const RATE: f64 = 48_000.0;

fn bold(mut each: impl FnMut(Host, crate::host::Plugin)) {
    for host in BOLD_HOSTS {
        for plugin in PLUGINS {
            println!("{host:?} {plugin:?}");
            each(host, plugin);
        }
    }
}

/// One block of silence or of a constant with events, whose output must be finite.
fn block(instance: &mut dyn Instance, frames: usize, events: &[Event]) -> crate::host::Stereo {
    let input = [vec![0.5; frames], vec![0.5; frames]];
    let mut output = [vec![f32::NAN; frames], vec![f32::NAN; frames]];
    assert!(instance.process(&input, &mut output, events));
    assert!(output.iter().flatten().all(|sample| sample.is_finite()));
    output
}

#[test]
fn ids_that_do_not_exist_are_refused() {
    bold(|host, plugin| {
        let mut instance = open_with(host, plugin, VOICE, RATE, 512);
        let known: Vec<u32> = instance.params().iter().map(|param| param.id).collect();
        let before = instance.save();
        let strange: Vec<u32> = [0, 1, 1_023, 1_024, 1_025, u32::MAX - 1, 1 << 31, 12_345]
            .into_iter()
            .chain(known.iter().map(|id| id ^ 0x4000_0000))
            .filter(|id| !known.contains(id))
            .collect();
        for id in &strange {
            let param = Param {
                id: *id,
                name: String::new(),
                module: None,
                unit: String::new(),
                steps: None,
                default: 0.0,
                hidden: false,
            };
            assert_eq!(instance.text(&param, 0.5), None, "{id} has a text");
            assert_eq!(instance.parse(*id, "0.5"), None, "{id} takes a text");
            if host == Host::Clap {
                assert_eq!(instance.value(*id), None, "{id} has a value");
            }
        }
        let events: Vec<Event> = strange
            .iter()
            .map(|id| Event {
                frame: 3,
                what: Do::Set {
                    id: *id,
                    value: 0.5,
                },
            })
            .collect();
        let sound = block(&mut *instance, 512, &events);
        assert_eq!(peak(&sound), 0.0);
        assert_eq!(instance.save(), before);
    });
}

#[test]
fn indices_that_do_not_exist_are_refused() {
    for plugin in PLUGINS {
        let mut instance = DirectInstance::open(plugin);
        let count = instance.param_count() as i32;
        assert!(instance.describe(count - 1).is_some());
        for index in [-1, i32::MIN, count, count + 1, count + 5_000, i32::MAX] {
            assert!(instance.describe(index).is_none(), "index {index}");
        }
        crate::clap_host::refuses_indices_beyond(plugin, 1_024);
    }
}

#[test]
fn numbers_that_are_none_change_nothing_and_others_are_limited() {
    bold(|host, plugin| {
        let mut instance = open_with(host, plugin, THROUGH, RATE, 512);
        let params = instance.params();
        let id = params[0].id;
        let calm = block(&mut *instance, 512, &[]);
        let set = |frame, value| Event {
            frame,
            what: Do::Set { id, value },
        };
        let nothing = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -f64::NAN];
        for (frame, value) in nothing.into_iter().enumerate() {
            let sound = block(&mut *instance, 512, &[set(frame as u32, value)]);
            assert_same(&calm, &sound, &format!("after {value}"));
        }
        for (value, limited) in [(1e300, 1.0), (-1e300, 0.0), (7.0, 1.0), (-0.1, 0.0)] {
            block(&mut *instance, 512, &[set(10, value)]);
            assert_eq!(instance.value(id), Some(limited), "after {value}");
        }
        // Every slot at once, then the patch is still whole.
        for value in nothing
            .into_iter()
            .chain([f64::MAX, f64::MIN, f64::MIN_POSITIVE])
        {
            let events: Vec<Event> = params
                .iter()
                .map(|param| Event {
                    frame: 0,
                    what: Do::Set {
                        id: param.id,
                        value,
                    },
                })
                .collect();
            block(&mut *instance, 64, &events);
        }
        let state = instance.save();
        assert!(instance.load(&state));
        for value in nothing {
            assert_eq!(instance.text(&params[0], value), None, "{value} has a text");
        }
        if host == Host::Vst3Direct {
            let direct = DirectInstance::open(plugin);
            for value in nothing {
                assert!(!direct.set_from_main(id, value));
            }
        }
    });
}

#[test]
fn events_out_of_order_or_beyond_the_block_are_brought_in() {
    bold(|host, plugin| {
        let mut instance = open_with(host, plugin, VOICE, RATE, 512);
        let id = instance.params()[0].id;
        let on = |frame, key| Event {
            frame,
            what: Do::On { key, velocity: 0.8 },
        };
        let off = |frame, key| Event {
            frame,
            what: Do::Off { key },
        };
        let set = |frame, value| Event {
            frame,
            what: Do::Set { id, value },
        };
        let events = [
            set(500, 0.9),
            set(3, 0.1),
            on(400, 60),
            on(2, 64),
            set(100_000, 0.7),
            on(512, 67),
            off(u32::MAX, 67),
            set(u32::MAX, 0.4),
            set(i32::MAX as u32 + 5, 0.3),
            on(1, 70),
        ];
        for frames in [512, 64, 1, 0, 7] {
            block(&mut *instance, frames, &events);
        }
        // All of it is over when the notes are.
        let mut piece = Piece::new(96_000);
        for key in [60, 64, 67, 70] {
            for _ in 0..6 {
                piece = piece.at(0, Do::Off { key });
            }
        }
        let sound = play(&mut *instance, &piece, &[512]);
        let tail = crate::sound::part(&sound, 90_000, 96_000);
        assert!(peak(&tail) < 1e-4, "a note hangs");
        let value = instance.value(id).expect("it has a value");
        assert!((0.0..=1.0).contains(&value));
    });
}

#[test]
fn keys_velocities_and_controllers_at_their_ends_are_safe() {
    bold(|host, plugin| {
        let mut instance = open_with(host, plugin, VOICE, RATE, 512);
        let velocities = [
            0.0,
            1.0,
            -1.0,
            2.0,
            f32::NAN,
            f32::INFINITY,
            f32::MIN_POSITIVE,
        ];
        for key in [0, 1, 60, 126, 127] {
            let events: Vec<Event> = velocities
                .iter()
                .map(|velocity| Event {
                    frame: 5,
                    what: Do::On {
                        key,
                        velocity: *velocity,
                    },
                })
                .collect();
            block(&mut *instance, 512, &events);
        }
        for number in 0..=127 {
            for value in [0, 64, 127] {
                let what = Do::Control { number, value };
                block(&mut *instance, 16, &[Event { frame: 0, what }]);
            }
        }
    });
}

#[test]
fn input_that_is_no_number_does_not_stay() {
    bold(|host, plugin| {
        let mut instance = open_with(host, plugin, THROUGH, RATE, 512);
        for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let input = [vec![poison; 512], vec![poison; 512]];
            let mut output = [vec![0.0; 512], vec![0.0; 512]];
            assert!(instance.process(&input, &mut output, &[]));
            assert!(output.iter().flatten().all(|sample| sample.is_finite()));
        }
        let constant = Piece::new(48_000).with_input(|_| [0.5, 0.25]);
        let sound = play(&mut *instance, &constant, &[512]);
        assert!((sound[0][47_999] - 0.5).abs() < 1e-3, "it does not recover");
    });
}
