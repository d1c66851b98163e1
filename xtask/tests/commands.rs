//! The commands as people call them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn call(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(args)
        .output()
        .expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

fn patches() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/patches");
    let mut patches: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("there are factory patches")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ron"))
        .collect();
    patches.sort();
    assert!(patches.len() >= 8);
    patches
}

/// Renders and returns the file's bytes.
fn render(patch: &Path, out: &Path, more: &[&str]) -> Vec<u8> {
    let (patch, out) = (patch.to_str().expect("text"), out.to_str().expect("text"));
    let mut args = vec!["render", patch, "-o", out];
    args.extend(more);
    let output = call(&args);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        text(&output.stderr)
    );
    std::fs::read(out).expect("the sound is there")
}

fn samples(wav: &[u8]) -> Vec<f32> {
    hound::WavReader::new(wav)
        .expect("a WAV file")
        .samples::<f32>()
        .map(|sample| sample.expect("whole samples"))
        .collect()
}

const PATCH: &str = r#"Patch(format: 1, name: "Test",
  modules: {
    "notes": (type: "notes"), "osc": (type: "saw"),
    "filter": (type: "svf", params: {"cutoff": 800.0}),
    "env": (type: "adsr"), "vca": (type: "vca"), "out": (type: "audio-out"),
  },
  cables: [
    "notes.pitch -> osc.pitch", "osc.out -> filter.in", "notes.gate -> env.gate",
    "filter.low -> vca.in", "env.out -> vca.level", "vca.out -> out.left", "vca.out -> out.right",
  ],
)"#;

fn written(folder: &Path, patch: &str) -> PathBuf {
    let path = folder.join("patch.ron");
    std::fs::write(&path, patch).expect("the patch can be written");
    path
}

#[test]
fn factory_patches_sound_the_same_at_every_block_size() {
    let folder = folder("blocks");
    for patch in patches() {
        let name = patch
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let at = |block: &str| {
            let out = folder.join(format!("{name}-{block}.wav"));
            render(&patch, &out, &["--block", block, "--seconds", "4"])
        };
        let first = at("64");
        let sound = samples(&first);
        assert!(sound.iter().all(|sample| sample.is_finite()), "{name}");
        let peak = sound
            .iter()
            .fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.01..4.0).contains(&peak), "{name} peaks at {peak}");
        for block in ["100", "512", "4096"] {
            assert!(at(block) == first, "{name} at blocks of {block}");
        }
    }
}

#[test]
fn the_example_of_the_readme_plays_and_becomes_a_preset() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("there is a README");
    let example = readme
        .split("```ron\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("it has an example");
    let folder = folder("readme");
    let patch = written(&folder, example);
    let wav = render(&patch, &folder.join("out.wav"), &["--seconds", "2"]);
    assert!(samples(&wav).iter().any(|sample| sample.abs() > 0.05));

    let preset = folder.join("out.vstpreset");
    let (patch, out) = (
        patch.to_str().expect("text"),
        preset.to_str().expect("text"),
    );
    let output = call(&["preset", patch, "-o", out]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let preset = std::fs::read(preset).expect("the preset is there");
    assert!(preset.starts_with(b"VST3") && text(&preset).contains("First light"));
}

#[test]
fn values_and_ramps_are_heard_and_do_not_depend_on_blocks() {
    let folder = folder("params");
    let patch = written(&folder, PATCH);
    let out = folder.join("out.wav");
    let plain = render(&patch, &out, &["--seconds", "2"]);
    assert!(
        plain
            == render(
                &patch,
                &out,
                &["--seconds", "2", "--param", "filter.cutoff=800 Hz"]
            )
    );
    assert!(
        plain
            != render(
                &patch,
                &out,
                &["--seconds", "2", "--param", "filter.cutoff=2 kHz"]
            )
    );
    let ramp = ["--seconds", "2", "--param", "filter.cutoff=0:200,1.5:8000"];
    let moved = render(&patch, &out, &ramp);
    assert!(moved != plain);
    for block in ["1", "33", "1000"] {
        let again = render(&patch, &out, &[&ramp[..], &["--block", block]].concat());
        assert!(again == moved, "blocks of {block}");
    }
    // Before the ramp leaves its first value the two are the same.
    let held = ["--seconds", "2", "--param", "filter.cutoff=1:800,1.5:8000"];
    let (held, plain) = (samples(&render(&patch, &out, &held)), samples(&plain));
    let first = held
        .iter()
        .zip(&plain)
        .position(|(a, b)| a != b)
        .expect("it moves");
    assert!(
        (96_000..96_000 + 256).contains(&first),
        "first differs at sample {first}"
    );
}

#[test]
fn rate_and_length_are_as_asked() {
    let folder = folder("rate");
    let patch = written(&folder, PATCH);
    let out = folder.join("deeper/out.wav");
    let wav = render(
        &patch,
        &out,
        &["--seconds", "1.5", "--rate", "44100", "--tempo", "200"],
    );
    let reader = hound::WavReader::new(&wav[..]).expect("a WAV file");
    assert_eq!(reader.duration(), 66_150);
    let spec = reader.spec();
    assert_eq!(
        (spec.sample_rate, spec.channels, spec.bits_per_sample),
        (44_100, 2, 32)
    );
    assert_eq!(spec.sample_format, hound::SampleFormat::Float);
}

#[test]
fn wrong_names_and_values_are_answered_with_the_right_ones() {
    let folder = folder("wrong");
    let patch = written(&folder, PATCH);
    let patch = patch.to_str().expect("text");
    let out = folder.join("out.wav");
    let out = out.to_str().expect("text");
    for (param, answer) in [
        ("flter.cutoff=1", "filter"),
        ("filter.cutof=1", "cutoff, resonance"),
        ("filter.cutoff=loud", "Hz"),
        ("filter.cutoff", "MODULE.PARAM=VALUE"),
        ("filter.cutoff=1:2,0:3", "must rise"),
    ] {
        let output = call(&["render", patch, "-o", out, "--param", param]);
        assert!(!output.status.success(), "{param}");
        let error = text(&output.stderr);
        assert!(error.contains(answer), "{param}: {error}");
    }
    for wrong in [
        ["--rate", "7"],
        ["--block", "0"],
        ["--seconds", "-1"],
        ["--seconds", "nan"],
        ["--tempo", "0"],
    ] {
        let output = call(&["render", patch, "-o", out, wrong[0], wrong[1]]);
        assert!(!output.status.success(), "{wrong:?}");
    }
    assert!(!Path::new(out).exists());
}

#[test]
fn a_damaged_patch_or_music_is_named() {
    let folder = folder("damaged");
    let broken = written(&folder, "Patch(format: 1,\n  modules: {{},\n)");
    let broken = broken.to_str().expect("text");
    let out = folder.join("out.wav");
    let out = out.to_str().expect("text");
    let error = text(&call(&["render", broken, "-o", out]).stderr);
    assert!(
        error.contains("patch.ron") && error.contains("line 2"),
        "{error}"
    );
    let good = folder.join("good.ron");
    std::fs::write(&good, PATCH).expect("the patch can be written");
    let error = text(
        &call(&[
            "render",
            good.to_str().expect("text"),
            "-o",
            out,
            "--midi",
            broken,
        ])
        .stderr,
    );
    assert!(error.contains("MIDI"), "{error}");
    let error = text(&call(&["render", "no-such.ron", "-o", out]).stderr);
    assert!(error.contains("no-such.ron"), "{error}");
}

#[test]
fn the_catalog_is_told_to_people_and_programs() {
    let people = text(&call(&["modules"]).stdout);
    let programs: serde_json::Value =
        serde_json::from_slice(&call(&["modules", "--json"]).stdout).expect("JSON");
    let modules = programs["modules"].as_array().expect("a list");
    assert_eq!(modules.len(), weft_modules::CATALOG.len());
    for module in modules {
        let id = module["id"].as_str().expect("an id");
        assert!(people.contains(&format!("{id}  (")), "{id}");
    }
    let one: serde_json::Value =
        serde_json::from_slice(&call(&["modules", "--json", "svf"]).stdout).expect("JSON");
    assert_eq!(one["modules"].as_array().map(Vec::len), Some(1));
    let unknown = call(&["modules", "no-such"]);
    assert!(!unknown.status.success() && text(&unknown.stderr).contains("svf"));
}
