//! Patches for the tests of both formats.

/// A synth with a knob, a switch and a choice in its first slots, and nothing in slot 5.
pub const SYNTH: &str = r#"Patch(format: 1, name: "Test synth",
  modules: {
    "notes": (type: "notes"),
    "osc": (type: "saw"),
    "filter": (type: "svf", params: {"cutoff": 800.0, "resonance": 0.4}),
    "env": (type: "adsr"),
    "vca": (type: "vca"),
    "out": (type: "audio-out"),
  },
  cables: [
    "notes.pitch -> osc.pitch", "osc.out -> filter.in", "notes.gate -> env.gate",
    "filter.low -> vca.in", "env.out -> vca.level",
    "vca.out -> out.left", "vca.out -> out.right",
  ],
  slots: {1: "filter.cutoff", 2: "filter.resonance", 3: "notes.mode", 4: "env.attack", 6: "osc.pitch"},
)"#;

/// Another synth: one slot, in another place.
pub const OTHER: &str = r#"Patch(format: 1, name: "Other synth",
  modules: {
    "notes": (type: "notes"),
    "voice": (type: "triangle"),
    "out": (type: "audio-out"),
  },
  cables: ["notes.pitch -> voice.pitch", "voice.out -> out.left", "voice.out -> out.right"],
  slots: {9: "voice.pitch"},
)"#;

/// Sends the main input to the output.
pub const THROUGH: &str = r#"Patch(format: 1, name: "Through",
  modules: {"in": (type: "audio-in"), "out": (type: "audio-out")},
  cables: ["in.left -> out.left", "in.right -> out.right"],
)"#;

/// States that no plugin may swallow.
pub fn damaged() -> Vec<Vec<u8>> {
    let half = SYNTH.len() / 2;
    vec![
        Vec::new(),
        b"garbage".to_vec(),
        vec![0xff; 4096],
        vec![0; 64],
        SYNTH.as_bytes()[..half].to_vec(),
        SYNTH
            .replace("filter.low -> vca.in", "filter.low -> ")
            .into_bytes(),
        SYNTH
            .replace("\"osc.out -> filter.in\"", "\"vca.out -> filter.in\"")
            .into_bytes(),
    ]
}
