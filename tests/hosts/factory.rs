//! The factory patches play in hosts.

use crate::host::{Do, Host, Plugin, open_with};
use crate::patches::{Factory, each_factory};
use crate::play::{Piece, play};
use crate::sound::{assert_same, level, peak};

#[test]
fn every_factory_patch_sounds_and_stays_within_bounds() {
    each_factory(|patch| {
        let Factory {
            name,
            text,
            plugins,
        } = patch;
        for (host, plugin) in [Host::Clap, Host::Vst3]
            .into_iter()
            .flat_map(|host| plugins.iter().map(move |plugin| (host, *plugin)))
        {
            let piece = Piece::new(48_000)
                .at(
                    0,
                    Do::On {
                        key: 48,
                        velocity: 0.9,
                    },
                )
                .at(
                    12_000,
                    Do::On {
                        key: 60,
                        velocity: 0.6,
                    },
                )
                .at(30_000, Do::Off { key: 48 })
                .at(30_000, Do::Off { key: 60 })
                .with_input(|frame| [(frame as f32 * 0.05).sin() * 0.3; 2]);
            let mut instance = open_with(host, plugin, text, 48_000.0, 512);
            instance.run_song(true);
            let sound = play(&mut *instance, &piece, &[375]);
            println!("{name}: {:.3} rms, {:.3} peak", level(&sound), peak(&sound));
            assert!(level(&sound) > 1e-3, "{name} is silent");
            assert!(peak(&sound) <= 1.0 + 1e-6, "{name} is too loud");
        }
    });
}

#[test]
fn factory_patches_do_not_hear_block_sizes() {
    each_factory(|patch| {
        let Factory { name, text, .. } = patch;
        let piece = Piece::new(24_000)
            .note(100, 15_000, 43)
            .note(6_000, 20_000, 55)
            .with_input(|frame| [(frame as f32 * 0.05).sin() * 0.3; 2]);
        let render = |blocks: &[usize], song_runs: bool| {
            let mut instance = open_with(Host::Clap, Plugin::WeftFx, text, 48_000.0, 4_096);
            instance.run_song(song_runs);
            play(&mut *instance, &piece, blocks)
        };
        for song_runs in [false, true] {
            let whole = render(&[4_096], song_runs);
            for blocks in [&[64][..], &[100], &[512], &[1, 0, 7, 333]] {
                let what = format!("{name} in blocks of {blocks:?}, song running: {song_runs}");
                assert_same(&whole, &render(blocks, song_runs), &what);
            }
        }
    });
}

#[test]
fn factory_patches_bear_every_rate() {
    each_factory(|patch| {
        let Factory { name, text, .. } = patch;
        for rate in [8_000.0, 44_100.0, 96_000.0, 384_000.0] {
            let frames = (rate * 0.2) as usize;
            let piece = Piece::new(frames)
                .note(0, frames * 3 / 4, 52)
                .with_input(|frame| [(frame as f32 * 0.02).sin() * 0.3; 2]);
            let mut instance = open_with(Host::Vst3Direct, Plugin::WeftFx, text, rate, 512);
            let sound = play(&mut *instance, &piece, &[512]);
            assert!(peak(&sound) > 1e-4, "{name} is silent at {rate} Hz");
            assert!(peak(&sound) <= 1.0 + 1e-6, "{name} at {rate} Hz");
        }
    });
}
