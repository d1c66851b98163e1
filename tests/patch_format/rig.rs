//! Reads patches, and checks that they come back as they are.

use weft::patch::{Patch, PatchError, PatchNote};

pub const FIRST_LIGHT: &str = r#"
Patch(format: 1, name: "First light",
  modules: {
    "notes":  (type: "notes"),
    "osc":    (type: "saw"),
    "filter": (type: "svf", params: {"cutoff": 800.0, "resonance": 0.4}),
    "env":    (type: "adsr"), "vca": (type: "vca"), "out": (type: "audio-out"),
  },
  cables: [
    "notes.pitch -> osc.pitch", "osc.out -> filter.in", "notes.gate -> env.gate",
    "env.out -> filter.cutoff * 0.5",   // a cable into a param carries an amount
    "filter.low -> vca.in", "env.out -> vca.level", "vca.out -> out.left", "vca.out -> out.right",
  ],
  slots: {1: "filter.cutoff"},
)
"#;

pub fn read(text: &str) -> (Patch, Vec<PatchNote>) {
    Patch::from_ron(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub fn refused(text: &str) -> PatchError {
    Patch::from_ron(text).expect_err("this is no patch")
}

/// A document with these modules, cables and slots.
pub fn document(modules: &str, cables: &str, slots: &str) -> String {
    format!("Patch(format: 1, modules: {{{modules}}}, cables: [{cables}], slots: {{{slots}}})")
}

/// Every value of a patch, to the last bit.
fn bits(patch: &Patch) -> Vec<(String, String, u32)> {
    let modules = patch.modules.iter();
    modules
        .flat_map(|(id, module)| {
            let values = module.values();
            values.map(move |(param, value)| (id.into(), param.id.into(), value.to_bits()))
        })
        .collect()
}

pub fn comes_back(patch: &Patch) {
    let text = patch.to_ron();
    let (again, _) = read(&text);
    assert_eq!(again, *patch, "{text}");
    assert_eq!(bits(&again), bits(patch), "{text}");
    let amounts = |patch: &Patch| -> Vec<u32> {
        patch
            .cables
            .iter()
            .map(|cable| cable.amount.to_bits())
            .collect()
    };
    assert_eq!(amounts(&again), amounts(patch), "{text}");
    assert_eq!(again.to_ron(), text);
}

/// Reading must not panic, and what can be read comes back.
pub fn is_safe(text: &str) {
    match Patch::from_ron(text) {
        Ok((patch, notes)) => {
            comes_back(&patch);
            for note in notes {
                assert!(!note.to_string().is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
