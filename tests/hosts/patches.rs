//! The patches the tests play.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::host::{PLUGINS, Plugin};

/// The gates of all notes, summed: 1 for each note that is held, from its very frame.
pub const GATES: &str = r#"Patch(format: 1, name: "Gates",
  modules: {
    "notes": (type: "notes"),
    "out": (type: "audio-out", params: {"limit": false}),
  },
  cables: ["notes.gate -> out.left", "notes.gate -> out.right"],
)"#;

/// A voice with everything in it.
pub const VOICE: &str = r#"Patch(format: 1, name: "Voice",
  modules: {
    "notes": (type: "notes"),
    "osc": (type: "saw"),
    "wobble": (type: "lfo", params: {"rate": 5.0}),
    "filter": (type: "svf", params: {"cutoff": 800.0, "resonance": 0.4}),
    "env": (type: "adsr", params: {"attack": 0.004, "release": 0.05}),
    "amp": (type: "vca"),
    "out": (type: "audio-out", params: {"level": -12.0}),
  },
  cables: [
    "notes.pitch -> osc.pitch", "osc.out -> filter.in", "wobble.out -> osc.fine * 0.1",
    "notes.gate -> env.gate", "env.out -> filter.cutoff * 0.5", "filter.low -> amp.in",
    "env.out -> amp.level", "amp.out -> out.left", "amp.out -> out.right",
  ],
  slots: {
    1: "filter.cutoff", 2: "filter.resonance", 3: "env.attack", 5: "osc.fine", 6: "out.mute",
    8: "out.level", 1024: "notes.mode",
  },
)"#;

/// A pad of pure tones that starts so softly that nothing is heard above 10 kHz, quiet enough for
/// sixteen of them to stay clear of the limiter.
pub const PAD: &str = r#"Patch(format: 1, name: "Pad",
  modules: {
    "notes": (type: "notes"),
    "osc": (type: "sine"),
    "env": (type: "adsr", params: {"attack": 0.15, "sustain": 1.0, "release": 0.3}),
    "amp": (type: "vca"),
    "out": (type: "audio-out", params: {"level": -30.0}),
  },
  cables: [
    "notes.pitch -> osc.pitch", "osc.out -> amp.in", "notes.gate -> env.gate",
    "env.out -> amp.level", "amp.out -> out.left", "amp.out -> out.right",
  ],
)"#;

/// What goes in comes out: the main input of Weft FX, the sidechain of Weft.
pub const THROUGH: &str = r#"Patch(format: 1, name: "Through",
  modules: {
    "in": (type: "audio-in"),
    "left": (type: "scale"), "right": (type: "scale"),
    "out": (type: "audio-out", params: {"limit": false}),
  },
  cables: [
    "in.left -> left.in", "in.side-left -> left.in", "left.out -> out.left",
    "in.right -> right.in", "in.side-right -> right.in", "right.out -> out.right",
  ],
  slots: {1: "left.gain", 2: "left.offset", 3: "out.balance", 4: "out.level", 5: "out.mute"},
)"#;

/// Like [`VOICE`] for its slots' names, but for nothing else.
pub const RENAMED: &str = r#"Patch(format: 1, name: "Renamed",
  modules: {
    "notes": (type: "notes"),
    "echo2": (type: "delay"),
    "out": (type: "audio-out"),
  },
  cables: ["notes.gate -> echo2.left", "echo2.left -> out.left", "echo2.left -> out.right"],
  slots: {1: "echo2.feedback", 4: "out.level"},
)"#;

/// A hundred modules: sixteen voices' worth of oscillators, filters and envelopes, and effects.
pub fn hundred() -> String {
    let (mut modules, mut cables) = (String::new(), String::new());
    let mut count = 0;
    let mut add = |id: String, kind: &str| {
        count += 1;
        modules += &format!("    \"{id}\": (type: \"{kind}\"),\n");
    };
    let mut join = |from: String, to: String| cables += &format!("    \"{from} -> {to}\",\n");
    add("notes".into(), "notes");
    for layer in 1..=16 {
        for kind in ["saw", "svf", "adsr", "vca", "lfo", "slew"] {
            add(format!("{kind}{layer}"), kind);
        }
        join("notes.pitch".into(), format!("saw{layer}.pitch"));
        join("notes.gate".into(), format!("adsr{layer}.gate"));
        join(format!("saw{layer}.out"), format!("svf{layer}.in"));
        join(format!("lfo{layer}.out"), format!("slew{layer}.in"));
        join(
            format!("slew{layer}.out"),
            format!("svf{layer}.cutoff * 0.1"),
        );
        join(format!("svf{layer}.low"), format!("vca{layer}.in"));
        join(format!("adsr{layer}.out"), format!("vca{layer}.level"));
        join(format!("vca{layer}.out"), "delay.left".into());
    }
    add("delay".into(), "delay");
    add("reverb".into(), "reverb");
    add("out".into(), "audio-out");
    join("delay.left".into(), "reverb.left".into());
    join("reverb.left".into(), "out.left".into());
    join("reverb.right".into(), "out.right".into());
    assert_eq!(count, 100);
    format!(
        "Patch(format: 1, name: \"Hundred\",\n  modules: {{\n{modules}  }},\n  cables: [\n{cables}  ],\n)"
    )
}

/// A patch that comes with Weft.
pub struct Factory {
    /// The name of its file.
    pub name: String,
    pub text: String,
    /// The plugins it makes sense in: one that only works on the main input is for Weft FX.
    pub plugins: Vec<Plugin>,
}

/// Tries something with every factory patch and names all that fail.
#[track_caller]
pub fn each_factory(each: impl Fn(&Factory)) {
    let failed: Vec<String> = factory()
        .into_iter()
        .filter(|patch| {
            println!("{}", patch.name);
            catch_unwind(AssertUnwindSafe(|| each(patch))).is_err()
        })
        .map(|patch| patch.name)
        .collect();
    assert!(failed.is_empty(), "these factory patches fail: {failed:?}");
}

fn factory() -> Vec<Factory> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/patches");
    let files = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    let mut patches: Vec<Factory> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ron"))
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let text = std::fs::read_to_string(&path).expect("a patch is text");
            let effect = text.contains("\"audio-in\"") && !text.contains("\"notes\"");
            Factory {
                name: name.into_owned(),
                text,
                plugins: PLUGINS[usize::from(effect)..].to_vec(),
            }
        })
        .collect();
    patches.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!patches.is_empty(), "no patch in {}", folder.display());
    patches
}
