//! Rates and block sizes are the host's affair.

use crate::host::{Do, Plugin, everywhere, open, open_with};
use crate::patches::{GATES, PAD, THROUGH, VOICE};
use crate::play::{Piece, play};
use crate::sound::{assert_same, level, part, peak};

const RATES: [f64; 9] = [
    8_000.0, 11_025.0, 22_050.0, 44_100.0, 48_000.0, 88_200.0, 96_000.0, 192_000.0, 384_000.0,
];

/// Sizes that change from call to call.
const RAGGED: [usize; 12] = [0, 1, 7, 64, 100, 512, 4_096, 1, 1, 0, 0, 63];

fn piece(frames: usize) -> Piece {
    Piece::new(frames)
        .note(frames / 10, frames / 2, 57)
        .note(frames / 10 + 1, frames - 10, 64)
        .with_input(|frame| [(frame as f32 * 0.02).sin() * 0.3, 0.2])
}

#[test]
fn block_sizes_are_not_heard_at_any_rate() {
    everywhere(|host, plugin| {
        for rate in RATES {
            let piece = piece((rate * 0.1) as usize);
            let render = |blocks: &[usize]| {
                let mut instance = open_with(host, plugin, VOICE, rate, 4_096);
                play(&mut *instance, &piece, blocks)
            };
            let whole = render(&[4_096]);
            assert!(peak(&whole) > 0.005, "silent at {rate} Hz");
            assert_same(
                &whole,
                &render(&RAGGED),
                &format!("ragged blocks at {rate} Hz"),
            );
        }
        for size in [1, 7, 64, 100, 512] {
            let piece = piece(6_000);
            for patch in [VOICE, PAD, THROUGH] {
                let render = |size: usize| {
                    let mut instance = open_with(host, plugin, patch, 48_000.0, 4_096);
                    play(&mut *instance, &piece, &[size])
                };
                let what = format!("blocks of {size}");
                assert_same(&render(4_096), &render(size), &what);
            }
        }
    });
}

#[test]
fn pitch_stays_when_the_rate_changes() {
    everywhere(|host, plugin| {
        let mut instance = open(host, plugin);
        assert!(instance.load(PAD.as_bytes()));
        // One instance through all rates, as when a person picks another sound card.
        for rate in RATES {
            instance.activate(rate, 512);
            let frames = (rate * 0.5) as usize;
            let piece = Piece::new(frames).at(
                0,
                Do::On {
                    key: 69,
                    velocity: 0.8,
                },
            );
            let sound = play(&mut *instance, &piece, &[512]);
            let steady = &sound[0][frames / 2..];
            let right = crate::sound::amplitude(steady, 440.0, rate);
            let wrong = crate::sound::amplitude(steady, 480.0, rate);
            assert!(
                right > 0.02 && wrong < right / 100.0,
                "A4 is out of tune at {rate} Hz"
            );
        }
    });
}

#[test]
fn switching_off_and_on_starts_from_silence() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, VOICE, 48_000.0, 512);
        let first = play(&mut *instance, &piece(4_800), &[512]);
        // A note is left hanging.
        let hanging = Piece::new(1_000).at(
            0,
            Do::On {
                key: 50,
                velocity: 1.0,
            },
        );
        play(&mut *instance, &hanging, &[512]);
        instance.deactivate();
        instance.activate(48_000.0, 512);
        assert_same(
            &first,
            &play(&mut *instance, &piece(4_800), &[512]),
            "second time",
        );
    });
}

#[test]
fn events_of_a_block_without_frames_are_not_lost() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, THROUGH, 48_000.0, 512);
        let id = instance.params()[0].id;
        let set = crate::host::Event {
            frame: 0,
            what: Do::Set { id, value: 0.75 },
        };
        let (input, mut output) = Default::default();
        assert!(instance.process(&input, &mut output, &[set]));
        assert_eq!(instance.value(id), Some(0.75));
        let constant = Piece::new(24_000).with_input(|_| [0.25, 0.25]);
        let sound = play(&mut *instance, &constant, &[512]);
        // Gain runs from -4 to 4.
        assert!(
            (sound[0][23_999] - 0.5).abs() < 1e-4,
            "{}",
            sound[0][23_999]
        );
    });
}

#[test]
fn notes_of_a_block_without_frames_are_not_lost() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, GATES, 48_000.0, 512);
        let on = Do::On {
            key: 60,
            velocity: 0.5,
        };
        for (what, level) in [(on, 1.0), (Do::Off { key: 60 }, 0.0)] {
            let (input, mut output) = Default::default();
            let event = crate::host::Event { frame: 0, what };
            assert!(instance.process(&input, &mut output, &[event]));
            let sound = play(&mut *instance, &Piece::new(512), &[512]);
            assert!(
                sound[0].iter().all(|sample| *sample == level),
                "{what:?} is lost"
            );
        }
    });
}

#[test]
fn the_effect_passes_its_input_and_the_instrument_keeps_its_sidechain() {
    everywhere(|host, plugin| {
        let mut instance = open(host, plugin);
        instance.activate(48_000.0, 512);
        let loud = Piece::new(12_000).with_input(|frame| {
            let noise = (frame as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32;
            [noise - 0.5, (frame as f32 * 0.05).sin() * 0.5]
        });
        let sound = play(&mut *instance, &loud, &[512]);
        match plugin {
            Plugin::Weft => assert_eq!(peak(&sound), 0.0, "the sidechain leaks"),
            Plugin::WeftFx => assert_same(&sound, &loud.input, "a fresh effect"),
        }
        if plugin == Plugin::Weft {
            let notes = |input: bool| {
                let mut instance = open_with(host, plugin, VOICE, 48_000.0, 512);
                let mut piece = piece(12_000);
                piece.input = if input {
                    loud.input.clone()
                } else {
                    Default::default()
                };
                play(&mut *instance, &piece, &[512])
            };
            assert_same(&notes(false), &notes(true), "beside a sidechain");
            // A patch that uses it hears it.
            let mut instance = open_with(host, plugin, THROUGH, 48_000.0, 512);
            let sound = play(&mut *instance, &loud, &[512]);
            assert!(
                level(&part(&sound, 1_000, 12_000)) > 0.1,
                "the sidechain is deaf"
            );
        }
    });
}
