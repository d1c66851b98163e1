//! What an instance costs. Each figure is taken in a process of its own, where nothing else runs.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::bundles;
use crate::host::{HOSTS, Host, Instance, PLUGINS, Plugin, open};
use crate::patches::hundred;

/// Tells a test that it is the process that measures, and what.
const TASK: &str = "WEFT_MEASURE";

/// Memory this process holds, in bytes; 0 where the system does not tell in this way.
fn memory() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    resident.unwrap_or(0_usize) * 4_096
}

/// Runs a test of this program again, alone, and gives the numbers it prints after `=`.
fn measure_alone(test: &str, task: &str) -> Vec<f64> {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .output()
        .expect("this program starts again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = text.lines().find_map(|line| line.split_once('='));
    let (_, numbers) = line.unwrap_or_else(|| panic!("no figures in\n{text}"));
    numbers
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect()
}

fn for_each_task(mut each: impl FnMut(Host, Plugin, &str)) {
    for host in HOSTS {
        for plugin in PLUGINS {
            each(host, plugin, &format!("{host:?} {plugin:?}"));
        }
    }
}

/// The host and plugin this process measures; `None` in the tests' own process.
fn task() -> Option<(Host, Plugin)> {
    let wanted = std::env::var(TASK).ok()?;
    let mut found = None;
    for_each_task(|host, plugin, task| {
        if task == wanted {
            found = Some((host, plugin));
        }
    });
    found
}

fn ready(host: Host, plugin: Plugin, patch: &str) -> Box<dyn Instance> {
    let mut instance = open(host, plugin);
    assert!(instance.load(patch.as_bytes()));
    instance.activate(48_000.0, 512);
    instance
}

#[test]
fn a_patch_of_a_hundred_modules_is_there_at_once() {
    let patch = hundred();
    if let Some((host, plugin)) = task() {
        // The library itself is loaded once for all instances. This one stays, so that the measured
        // one does not move into its place.
        let _other = open(host, plugin);
        let before = memory();
        let start = Instant::now();
        let instance = ready(host, plugin, &patch);
        let mut shortest = start.elapsed();
        let size = memory().saturating_sub(before);
        drop(instance);
        for _ in 0..4 {
            let start = Instant::now();
            let instance = ready(host, plugin, &patch);
            shortest = shortest.min(start.elapsed());
            drop(instance);
        }
        println!("figures= {} {size}", shortest.as_secs_f64() * 1e3);
        return;
    }
    for_each_task(|_, _, task| {
        let test = "cost::a_patch_of_a_hundred_modules_is_there_at_once";
        let [milliseconds, bytes] = measure_alone(test, task)[..] else {
            panic!("two figures");
        };
        let megabytes = bytes / 1e6;
        println!("{task}: 100 modules in {milliseconds:.1} ms and {megabytes:.1} MB");
        assert!(megabytes < 100.0, "{task}: {megabytes:.1} MB");
        assert!(
            milliseconds < 100.0 || !bundles::are_release(),
            "{task}: {milliseconds:.1} ms"
        );
    });
}

#[test]
fn instances_come_and_go_without_a_trace() {
    if let Some((host, plugin)) = task() {
        let patch = crate::patches::VOICE;
        let turn = || {
            let mut instance = ready(host, plugin, patch);
            let piece = crate::play::Piece::new(512).note(10, 400, 60);
            crate::play::play(&mut *instance, &piece, &[128]);
            assert!(!instance.save().is_empty());
        };
        // What is set up once for all, allocator's arenas included, is there after these.
        (0..20).for_each(|_| turn());
        let before = memory();
        (0..100).for_each(|_| turn());
        println!("figures= {}", memory().saturating_sub(before));
        return;
    }
    for_each_task(|_, _, task| {
        let test = "cost::instances_come_and_go_without_a_trace";
        let megabytes = measure_alone(test, task)[0] / 1e6;
        println!("{task}: 100 instances leave {megabytes:.2} MB behind");
        assert!(megabytes < 4.0, "{task}: {megabytes:.1} MB leak");
    });
}

#[test]
fn many_instances_live_side_by_side() {
    for host in HOSTS {
        for plugin in PLUGINS {
            let start = Instant::now();
            let mut instances: Vec<_> = (0..20)
                .map(|_| ready(host, plugin, crate::patches::VOICE))
                .collect();
            let piece = crate::play::Piece::new(2_000).note(10, 1_500, 60);
            let sounds: Vec<_> = instances
                .iter_mut()
                .map(|instance| crate::play::play(&mut **instance, &piece, &[128]))
                .collect();
            for sound in &sounds {
                crate::sound::assert_same(&sounds[0], sound, "instances disturb each other");
            }
            assert!(start.elapsed() < Duration::from_secs(60));
        }
    }
}
