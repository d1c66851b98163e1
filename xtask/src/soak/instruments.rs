//! The patches that the soak plays: one of any size, and those that come with Weft.

use anyhow::{Context, Result};
use weft::patch::Patch;

/// Patches that come with Weft.
const FACTORY: &[&str] = &[
    include_str!("../../../assets/patches/bass.ron"),
    include_str!("../../../assets/patches/drum.ron"),
    include_str!("../../../assets/patches/effect.ron"),
    include_str!("../../../assets/patches/keys.ron"),
    include_str!("../../../assets/patches/lead.ron"),
    include_str!("../../../assets/patches/pad.ron"),
    include_str!("../../../assets/patches/pluck.ron"),
    include_str!("../../../assets/patches/sequence.ron"),
];

/// All of them.
pub fn factory() -> Result<Vec<Patch>> {
    let patch = |text: &&str| Ok(Patch::from_ron(text).context("a factory patch")?.0);
    FACTORY.iter().map(patch).collect()
}

const OSCILLATORS: &[&str] = &["saw", "sine", "pulse", "triangle"];
/// Filters and their outputs.
const FILTERS: &[(&str, &str)] = &[("svf", "low"), ("ladder", "out"), ("one-pole", "low")];
const VOICES: &[f32] = &[1.0, 8.0, 1.0, 16.0];
/// Modules of one instrument, and of one with an effect.
const PLAIN: usize = 7;
const WET: usize = 8;

/// Instruments side by side until there are this many modules, all playing the same notes.
pub fn ensemble(modules: usize) -> Result<Patch> {
    let mut patch = Patch::new("Ensemble");
    patch.add("out", "audio-out")?;
    patch.set_value("out", "level", -24.0);
    let mut count = 0;
    while patch.modules.len() + WET <= modules {
        instrument(&mut patch, count)?;
        count += 1;
    }
    // What is left moves filters.
    while patch.modules.len() < modules {
        let (at, lfo) = (patch.modules.len() % count.max(1), patch.modules.len());
        let lfo = format!("wave{lfo}");
        patch.add(&lfo, "lfo")?;
        if count > 0 {
            patch.connect(&format!("{lfo}.out -> filter{at}.cutoff * 0.05"))?;
        }
    }
    Ok(patch)
}

fn instrument(patch: &mut Patch, at: usize) -> Result<()> {
    let one = |list: &[&'static str]| list[at % list.len()];
    let (filter, low) = FILTERS[at % FILTERS.len()];
    let wet = at % 4 == 3;
    let before = patch.modules.len();
    let kinds = [
        ("notes", "notes"),
        ("osc", one(OSCILLATORS)),
        ("filter", filter),
        ("env", "adsr"),
        ("vca", "vca"),
        ("lfo", "lfo"),
        ("trim", "scale"),
    ];
    for (id, kind) in kinds {
        patch.add(&format!("{id}{at}"), kind)?;
    }
    patch.set_value(
        &format!("notes{at}"),
        "voices",
        VOICES[at / 2 % VOICES.len()],
    );
    patch.set_value(&format!("filter{at}"), "cutoff", 900.0);
    patch.set_value(&format!("lfo{at}"), "rate", 0.3 + at as f32 * 0.17);
    patch.set_value(&format!("trim{at}"), "gain", 0.5);
    let cables = [
        format!("notes{at}.pitch -> osc{at}.pitch"),
        format!("notes{at}.gate -> env{at}.gate"),
        format!("osc{at}.out -> filter{at}.in"),
        format!("lfo{at}.out -> filter{at}.cutoff * 0.1"),
        format!("env{at}.out -> vca{at}.level"),
        format!("filter{at}.{low} -> vca{at}.in"),
        format!("vca{at}.out -> trim{at}.in"),
    ];
    for cable in cables {
        patch.connect(&cable)?;
    }
    if wet {
        let kind = if at % 8 == 3 { "delay" } else { "reverb" };
        patch.add(&format!("room{at}"), kind)?;
        patch.connect(&format!("trim{at}.out -> room{at}.left"))?;
        patch.connect(&format!("room{at}.left -> out.left"))?;
        patch.connect(&format!("room{at}.right -> out.right"))?;
    } else {
        patch.connect(&format!("trim{at}.out -> out.left"))?;
        patch.connect(&format!("trim{at}.out -> out.right"))?;
    }
    debug_assert_eq!(patch.modules.len() - before, if wet { WET } else { PLAIN });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ensembles_have_the_size_asked_for_and_compile() {
        for modules in [1, 9, 30, 200] {
            let patch = ensemble(modules).expect("a patch");
            assert_eq!(patch.modules.len(), modules);
            weft::engine::compile(&patch, 48_000.0).expect("plays");
        }
        assert_eq!(factory().expect("patches").len(), FACTORY.len());
    }
}
