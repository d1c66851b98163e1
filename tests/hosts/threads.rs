//! The main thread loads, saves and reads while the audio thread plays.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::host::{BOLD_HOSTS, Do, Event, PLUGINS, open, open_with};
use crate::patches::{GATES, PAD, RENAMED, THROUGH, VOICE};

const LOADS: usize = 200;

#[test]
fn states_are_loaded_while_the_audio_thread_plays() {
    for host in BOLD_HOSTS {
        for plugin in PLUGINS {
            println!("{host:?} {plugin:?}");
            let mut instance = open_with(host, plugin, VOICE, 48_000.0, 512);
            let ids: Vec<u32> = instance.params().iter().map(|param| param.id).collect();
            let mut audio = instance.lend_audio().expect("this host has two threads");
            let (over, blocks) = (AtomicBool::new(false), AtomicUsize::new(0));
            let audio = std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        let block = blocks.fetch_add(1, Ordering::Relaxed);
                        let frames = [64, 1, 100, 512, 0, 7][block % 6];
                        let key = 40 + (block % 40) as u8;
                        let what = match block % 4 {
                            0 => Do::On { key, velocity: 0.5 },
                            1 => Do::Off { key: key - 1 },
                            _ => Do::Set {
                                id: ids[block % 16],
                                value: (block % 100) as f64 / 100.0,
                            },
                        };
                        let input = [vec![0.1; frames], vec![0.1; frames]];
                        let mut output = [vec![f32::NAN; frames], vec![f32::NAN; frames]];
                        assert!(audio.process(&input, &mut output, &[Event { frame: 0, what }]));
                        assert!(output.iter().flatten().all(|sample| sample.is_finite()));
                    }
                    audio
                });
                let patches = [VOICE, PAD, THROUGH, GATES, RENAMED];
                for load in 0..LOADS {
                    let patch = patches[load % patches.len()];
                    assert!(instance.load(patch.as_bytes()), "load {load} is refused");
                    assert!(!instance.load(&patch.as_bytes()[..50]));
                    let saved = instance.save();
                    assert!(saved.starts_with(b"Patch("));
                    let params = instance.params();
                    let value = instance.value(params[0].id);
                    assert!(value.is_some_and(|value| (0.0..=1.0).contains(&value)));
                    assert!(instance.text(&params[0], 0.5).is_some());
                    // The audio thread of a song that plays is never far behind.
                    let seen = blocks.load(Ordering::Relaxed);
                    let start = Instant::now();
                    while blocks.load(Ordering::Relaxed) < seen + 2 && !thread.is_finished() {
                        assert!(start.elapsed() < Duration::from_secs(20), "audio stands");
                        std::thread::yield_now();
                    }
                }
                over.store(true, Ordering::Relaxed);
                thread.join().expect("the audio thread lives")
            });
            instance.take_audio_back(audio);
            assert!(blocks.load(Ordering::Relaxed) > LOADS);
            // The last state is the one that counts.
            assert!(instance.load(PAD.as_bytes()));
            let mut fresh = open(host, plugin);
            assert!(fresh.load(PAD.as_bytes()));
            assert_eq!(instance.save(), fresh.save());
        }
    }
}
