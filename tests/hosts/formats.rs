//! The same notes and automation give the same sound in CLAP and VST3.

use crate::host::{Do, HOSTS, Host, PLUGINS, Plugin, open, open_with};
use crate::patches::{Factory, GATES, PAD, THROUGH, VOICE, each_factory};
use crate::play::{Piece, play};
use crate::sound::{distance, peak};

const RATE: f64 = 48_000.0;
/// A block is a 64th of a beat at 120 bpm, so that the song's position has no rounding.
const BLOCK: usize = 375;
/// What may differ.
const TOLERANCE: f32 = 1e-6;

/// Notes, pedal, wheel and dense automation of the first slots, some of it on the frames of notes.
fn piece(ids: &[u32], frames: usize) -> Piece {
    let mut piece = Piece::new(frames)
        .at(
            0,
            Do::Control {
                number: 1,
                value: 64,
            },
        )
        .note(100, frames / 2, 45)
        .note(700, frames / 2, 52)
        .at(
            frames / 4,
            Do::Control {
                number: 64,
                value: 127,
            },
        )
        .note(frames / 3, frames / 3 + 2_000, 57)
        .at(
            frames * 3 / 4,
            Do::Control {
                number: 64,
                value: 0,
            },
        )
        .note(frames / 2 + 77, frames - 100, 60)
        .with_input(|frame| {
            [
                (frame as f32 * 0.03).sin() * 0.4,
                (frame as f32 * 0.041).sin() * 0.3,
            ]
        });
    for step in 0..frames / 50 {
        let id = ids[step % ids.len()];
        let value = 0.5 + 0.3 * (step as f64 * 0.1).sin();
        piece.events.push((step * 50, Do::Set { id, value }));
    }
    piece.events.sort_by_key(|(frame, _)| *frame);
    piece
}

#[track_caller]
fn compare(patch: &str, plugin: Plugin, ids: &[u32], song_runs: bool, what: &str) {
    let piece = piece(ids, 24_000);
    let sounds = HOSTS.map(|host| {
        let mut instance = open_with(host, plugin, patch, RATE, 512);
        instance.run_song(song_runs);
        play(&mut *instance, &piece, &[BLOCK])
    });
    assert!(peak(&sounds[0]) > 1e-3, "{what}: silent");
    for (host, sound) in HOSTS.iter().zip(&sounds) {
        let apart = distance(&sounds[0], sound);
        assert!(
            apart <= TOLERANCE,
            "{what}: CLAP and {host:?} are {apart:e} apart with {plugin:?}, the song {}",
            if song_runs { "running" } else { "standing" }
        );
    }
}

#[test]
fn patches_sound_alike() {
    for plugin in PLUGINS {
        let params = open(Host::Clap, plugin).params();
        let ids = [0, 1, 2, 4, 7].map(|index: usize| params[index].id);
        for (name, patch) in [
            ("gates", GATES),
            ("voice", VOICE),
            ("pad", PAD),
            ("through", THROUGH),
        ] {
            for song_runs in [false, true] {
                compare(patch, plugin, &ids, song_runs, name);
            }
        }
    }
}

#[test]
fn factory_patches_sound_alike() {
    each_factory(|patch| {
        let Factory {
            name,
            text,
            plugins,
        } = patch;
        let mut instance = open_with(Host::Clap, Plugin::WeftFx, text, RATE, 512);
        // Values near where they are, or the patch may fall silent.
        let ids: Vec<u32> = instance
            .params()
            .iter()
            .filter(|param| param.name.ends_with("Cutoff") || param.name.ends_with("Resonance"))
            .map(|param| param.id)
            .collect();
        let unbound = instance.params()[1_023].id;
        let ids = if ids.is_empty() { vec![unbound] } else { ids };
        for plugin in plugins {
            compare(text, *plugin, &ids, true, name);
        }
    });
}
