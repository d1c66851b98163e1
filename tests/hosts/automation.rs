//! Automation is heard on its very frame.

use crate::host::{Do, Host, Plugin, everywhere, open_with};
use crate::patches::{GATES, THROUGH, VOICE};
use crate::play::{Piece, play};
use crate::sound::{assert_same, first_difference, part};

const RATE: f64 = 48_000.0;

fn slot(host: Host, plugin: Plugin, index: usize) -> u32 {
    crate::host::open(host, plugin).params()[index].id
}

fn constant(frames: usize) -> Piece {
    Piece::new(frames).with_input(|_| [0.5, 0.25])
}

#[test]
fn a_change_is_heard_from_its_frame_on() {
    everywhere(|host, plugin| {
        let still = play(
            &mut *open_with(host, plugin, THROUGH, RATE, 512),
            &constant(4_000),
            &[512],
        );
        assert_eq!((still[0][3_999], still[1][3_999]), (0.5, 0.25));
        // Gain, offset, balance, level, mute: knobs and a switch.
        for index in 0..5 {
            let id = slot(host, plugin, index);
            for frame in [1, 63, 64, 777, 1_023, 1_024] {
                let piece = constant(4_000).at(frame, Do::Set { id, value: 0.95 });
                let mut instance = open_with(host, plugin, THROUGH, RATE, 512);
                let sound = play(&mut *instance, &piece, &[512]);
                assert_eq!(
                    first_difference(&still, &sound),
                    Some(frame),
                    "slot {}",
                    index + 1
                );
            }
        }
    });
}

#[test]
fn notes_keep_their_frame_beside_changes() {
    everywhere(|host, plugin| {
        let id = slot(host, plugin, 500);
        for (from, to) in [
            (256_usize, 512),
            (255, 511),
            (0, 1),
            (700, 701),
            (511, 1_535),
        ] {
            let on = Do::On {
                key: 60,
                velocity: 0.5,
            };
            let off = Do::Off { key: 60 };
            let mut piece = Piece::new(2_048);
            // Before, on and after the frames of the note, changes that are not heard.
            for (note, frame) in [(on, from), (off, to)] {
                for around in [frame.saturating_sub(1), frame, frame + 1] {
                    let value = if around == frame { 0.0 } else { 0.01 };
                    piece = piece.at(around, Do::Set { id, value });
                }
                piece = piece.at(frame, note);
                piece = piece.at(frame, Do::Set { id, value: 0.5 });
            }
            let mut instance = open_with(host, plugin, GATES, RATE, 512);
            let sound = play(&mut *instance, &piece, &[512, 1, 0, 511]);
            let high: Vec<usize> = (0..2_048).filter(|at| sound[0][*at] > 0.5).collect();
            assert_eq!(high, (from..to).collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_last_value_holds() {
    everywhere(|host, plugin| {
        let id = slot(host, plugin, 0);
        let piece = constant(48_000)
            .at(100, Do::Set { id, value: 0.1 })
            .at(500, Do::Set { id, value: 0.9 })
            .at(501, Do::Set { id, value: 0.625 });
        let mut instance = open_with(host, plugin, THROUGH, RATE, 512);
        let sound = play(&mut *instance, &piece, &[512]);
        // Gain runs from -4 to 4 in a straight line: 0.625 is 1, where it began.
        let last = sound[0][47_999];
        assert!((last - 0.5).abs() < 1e-4, "it ends at {last}");
        assert_ne!(sound[0][600], 0.5);
    });
}

#[test]
fn blocks_do_not_show_in_dense_automation() {
    everywhere(|host, plugin| {
        let ids = [0, 1, 2, 7].map(|index| slot(host, plugin, index));
        let mut piece = Piece::new(12_000)
            .note(10, 9_000, 48)
            .note(3_000, 9_500, 55);
        for step in 0..1_000_usize {
            let value = (step as f64 * 0.37).sin() * 0.5 + 0.5;
            piece = piece.at(
                step * 11,
                Do::Set {
                    id: ids[step % 4],
                    value,
                },
            );
        }
        let render = |blocks: &[usize]| {
            let mut instance = open_with(host, plugin, VOICE, RATE, 4_096);
            play(&mut *instance, &piece, blocks)
        };
        let whole = render(&[4_096]);
        assert!(crate::sound::peak(&part(&whole, 1_000, 9_000)) > 0.01);
        assert_same(&whole, &render(&[64]), "in blocks of 64");
        assert_same(
            &whole,
            &render(&[1, 100, 0, 7]),
            "in blocks of 1, 100, 0, 7",
        );
    });
}

#[test]
fn more_events_than_a_block_has_frames_are_all_heard() {
    everywhere(|host, plugin| {
        let ids: Vec<u32> = crate::host::open(host, plugin)
            .params()
            .iter()
            .map(|param| param.id)
            .collect();
        // Every slot moves four times in one block, 4,096 changes in all, and notes besides.
        let mut piece = constant(4_096).note(5, 4_000, 60);
        for (index, id) in ids.iter().enumerate() {
            for step in 0..4 {
                let value = if step == 3 { 0.625 } else { 0.3 };
                let frame = step * 700 + index % 600;
                piece.events.push((frame, Do::Set { id: *id, value }));
            }
        }
        piece.events.sort_by_key(|(frame, _)| *frame);
        let render = |blocks: &[usize]| {
            let mut instance = open_with(host, plugin, THROUGH, RATE, 512);
            play(&mut *instance, &piece, blocks)
        };
        assert_same(&render(&[512]), &render(&[100]), "dense automation");
    });
}
