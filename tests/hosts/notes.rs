//! Notes make sound when they should.

use crate::host::{Do, everywhere, open_with};
use crate::patches::{GATES, PAD, VOICE};
use crate::play::{Piece, play};
use crate::sound::{above, amplitude, first_sound, level, part, peak};

const RATE: f64 = 48_000.0;
const VELOCITY: f32 = 0.8;

fn on(key: u8) -> Do {
    Do::On {
        key,
        velocity: VELOCITY,
    }
}

#[test]
fn a_note_sounds_and_there_is_silence_before_and_after() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, VOICE, RATE, 512);
        let piece = Piece::new(48_000).note(10_000, 20_000, 60);
        let sound = play(&mut *instance, &piece, &[512]);
        assert_eq!(peak(&part(&sound, 0, 10_000)), 0.0, "noise before the note");
        assert!(peak(&part(&sound, 10_000, 20_000)) > 0.01, "no sound");
        assert!(peak(&part(&sound, 40_000, 48_000)) < 1e-4, "it hangs");
    });
}

#[test]
fn a_fresh_instance_plays_its_first_note() {
    everywhere(|host, plugin| {
        let mut instance = crate::host::open(host, plugin);
        instance.activate(RATE, 512);
        let piece = Piece::new(24_000)
            .note(2_400, 20_000, 60)
            .with_input(|frame| [(frame as f32 * 0.05).sin() * 0.5; 2]);
        let sound = play(&mut *instance, &piece, &[512]);
        assert!(level(&part(&sound, 4_800, 20_000)) > 0.01, "it is silent");
    });
}

#[test]
fn notes_start_and_end_on_their_very_frame() {
    everywhere(|host, plugin| {
        for blocks in [[512, 512], [1, 7], [64, 100]] {
            let mut instance = open_with(host, plugin, GATES, RATE, 512);
            let piece = Piece::new(4_000)
                .note(777, 1_801, 60)
                .note(1_024, 2_048, 64);
            let sound = play(&mut *instance, &piece, &blocks);
            let steps: Vec<(usize, f32)> = (1..4_000)
                .filter(|frame| sound[0][*frame] != sound[0][frame - 1])
                .map(|frame| (frame, sound[0][frame]))
                .collect();
            let expected = [(777, 1.0), (1_024, 2.0), (1_801, 1.0), (2_048, 0.0)];
            assert_eq!(steps, expected, "in blocks of {blocks:?}");
            assert_eq!(sound[0], sound[1]);
        }
    });
}

#[test]
fn a_chord_of_sixteen_notes_sounds_sixteen_notes() {
    // Minor thirds and fourths: no two keys within a few hertz, none an octave of another's partial.
    let keys: Vec<u8> = (0..16).map(|note| 40 + note * 3).collect();
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, PAD, RATE, 512);
        let mut piece = Piece::new(72_000);
        for key in &keys {
            piece = piece.at(100, on(*key));
        }
        let sound = play(&mut *instance, &piece, &[512]);
        let steady = &sound[0][24_000..72_000];
        for key in &keys {
            let hertz = 440.0 * ((f64::from(*key) - 69.0) / 12.0).exp2();
            let found = amplitude(steady, hertz, RATE);
            let expected = 10.0_f64.powf(-30.0 / 20.0);
            assert!(
                (found / expected - 1.0).abs() < 0.05,
                "key {key} sounds at {found:.5} instead of {expected:.5}"
            );
        }
    });
}

#[test]
fn a_seventeenth_note_takes_a_voice_without_a_click() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, PAD, RATE, 512);
        let mut piece = Piece::new(96_000);
        for note in 0..16 {
            piece = piece.at(usize::from(note) * 1_000 + 100, on(40 + note * 3));
        }
        let steal = 60_000;
        let new_key = 100;
        let sound = play(&mut *instance, &piece.at(steal, on(new_key)), &[512]);

        let hertz = 440.0 * ((f64::from(new_key) - 69.0) / 12.0).exp2();
        let before = amplitude(&sound[0][24_000..60_000], hertz, RATE);
        let after = amplitude(&sound[0][70_000..96_000], hertz, RATE);
        assert!(before < 1e-3 && after > 0.02, "the new note is not heard");
        let stolen = (0..16)
            .filter(|note| {
                let hertz = 440.0 * ((f64::from(40 + note * 3) - 69.0) / 12.0_f64).exp2();
                amplitude(&sound[0][70_000..96_000], hertz, RATE) < 1e-3
            })
            .count();
        assert_eq!(stolen, 1, "one voice makes place");

        // What is normal: the same note on a free voice with an attack of a millisecond. A real click,
        // as an attack of nought makes it, is forty times as loud.
        let brisk = PAD.replace("\"attack\": 0.15", "\"attack\": 0.001");
        let mut instance = open_with(host, plugin, &brisk, RATE, 512);
        let onset = play(
            &mut *instance,
            &Piece::new(10_000).at(100, on(new_key)),
            &[512],
        );
        let loudest = |side: &[f32], from: usize, to: usize| {
            above(side, 10_000.0, RATE)[from..to]
                .iter()
                .fold(0.0_f64, |most, sample| sample.abs().max(most))
        };
        let normal = loudest(&onset[0], 0, 10_000);
        let steals = loudest(&sound[0], steal - 100, steal + 10_000);
        println!("above 10 kHz: {normal:.2e} at an onset, {steals:.2e} around the steal");
        assert!(
            steals <= normal,
            "stealing clicks: {steals:e} above 10 kHz, a normal onset {normal:e}"
        );
    });
}

#[test]
fn odd_notes_do_no_harm() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, GATES, RATE, 512);
        let piece = Piece::new(8_000)
            // Off without on.
            .at(10, Do::Off { key: 61 })
            .at(20, Do::Choke { key: 61 })
            // The same note twice, then off once: nothing hangs.
            .at(100, on(60))
            .at(200, on(60))
            .at(300, Do::Off { key: 60 })
            .at(400, Do::Off { key: 60 })
            // On and off on one frame.
            .at(500, on(62))
            .at(500, Do::Off { key: 62 })
            // MIDI's note off by velocity.
            .at(600, on(64))
            .at(
                700,
                Do::On {
                    key: 64,
                    velocity: 0.0,
                },
            );
        let sound = play(&mut *instance, &piece, &[64]);
        assert_eq!(first_sound(&sound), Some(100));
        assert!(sound[0][150] == 1.0 && sound[0][250] >= 1.0);
        assert_eq!(peak(&part(&sound, 401, 500)), 0.0, "a doubled note hangs");
        assert_eq!(
            peak(&part(&sound, 501, 600)),
            0.0,
            "a note of no length hangs"
        );
        assert_eq!(peak(&part(&sound, 600, 700)), 1.0);
        assert_eq!(
            peak(&part(&sound, 700, 8_000)),
            0.0,
            "a note without velocity sounds"
        );
    });
}

#[test]
fn all_notes_off_ends_every_note_and_choke_ends_it_at_once() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, GATES, RATE, 512);
        let piece = Piece::new(4_000)
            .at(0, on(60))
            .at(0, on(67))
            .at(
                1_000,
                Do::Control {
                    number: 123,
                    value: 0,
                },
            )
            .at(2_000, on(60))
            .at(3_000, Do::Choke { key: 60 });
        let sound = play(&mut *instance, &piece, &[100]);
        assert_eq!(sound[0][999], 2.0);
        assert_eq!(
            peak(&part(&sound, 1_000, 2_000)),
            0.0,
            "CC 123 leaves notes on"
        );
        assert_eq!(sound[0][2_999], 1.0);
        assert_eq!(
            peak(&part(&sound, 3_000, 4_000)),
            0.0,
            "choke leaves the note on"
        );

        // Where velocity shapes the sound, not even the release is heard.
        let touch = PAD
            .replace("\"amp\":", "\"touch\": (type: \"vca\"), \"amp\":")
            .replace("osc.out -> amp.in", "osc.out -> touch.in")
            .replace(
                "notes.gate ->",
                "notes.velocity -> touch.level\", \"touch.out -> amp.in\", \"notes.gate ->",
            );
        for end in [
            Do::Choke { key: 60 },
            Do::Control {
                number: 120,
                value: 0,
            },
        ] {
            let mut instance = open_with(host, plugin, &touch, RATE, 512);
            let piece = Piece::new(24_000).at(0, on(60)).at(12_000, end);
            let sound = play(&mut *instance, &piece, &[100]);
            assert!(peak(&part(&sound, 11_000, 12_000)) > 0.02);
            let rest = peak(&part(&sound, 12_000 + 480, 24_000));
            assert!(
                rest < 1e-4,
                "10 ms after {end:?} the note is still at {rest}"
            );
        }
    });
}

#[test]
fn the_sustain_pedal_holds_notes() {
    everywhere(|host, plugin| {
        let mut instance = open_with(host, plugin, GATES, RATE, 512);
        let pedal = |value| Do::Control { number: 64, value };
        let piece = Piece::new(4_000)
            .at(50, pedal(127))
            .note(100, 200, 60)
            .at(1_500, pedal(0));
        let sound = play(&mut *instance, &piece, &[64]);
        assert_eq!(
            peak(&part(&sound, 201, 1_500)),
            1.0,
            "the pedal does not hold"
        );
        assert_eq!(sound[0][1_499], 1.0);
        assert_eq!(
            peak(&part(&sound, 1_500, 4_000)),
            0.0,
            "the pedal never lets go"
        );
    });
}
