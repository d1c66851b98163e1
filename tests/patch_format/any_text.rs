//! Any text is read safely, and any patch comes back exactly.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use weft::patch::Patch;
use weft_modules::CATALOG;

use crate::rig::{FIRST_LIGHT, comes_back, is_safe, read};
use crate::texts::patch_text;

proptest! {
    #[test]
    fn whatever_is_read_comes_back_exactly(text in patch_text()) {
        let (patch, _) = read(&text);
        comes_back(&patch);
    }

    #[test]
    fn whatever_is_built_comes_back_exactly(
        kinds in vec(0..CATALOG.len(), 0..8),
        values in vec((any::<Index>(), any::<Index>(), any::<f32>(), 0.0_f32..=1.0, any::<bool>()), 0..32),
    ) {
        let mut patch = Patch::new("built");
        for (index, kind) in kinds.iter().enumerate() {
            patch.add(&format!("m{index}"), CATALOG[*kind].spec.id).unwrap();
        }
        for (module, param, value, travel, within) in values.iter().filter(|_| !kinds.is_empty()) {
            let module = module.index(kinds.len());
            let params = CATALOG[kinds[module]].spec.params;
            if params.is_empty() {
                continue;
            }
            let param = &params[param.index(params.len())];
            let value = if *within { param.plain(*travel) } else { *value };
            let id = format!("m{module}");
            prop_assert!(patch.set_value(&id, param.id, value));
        }
        comes_back(&patch);
        prop_assert_eq!(read(&patch.to_ron()).1, vec![]);
    }

    #[test]
    fn every_single_within_reach_comes_back(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        let mut patch = Patch::new("x");
        patch.add("filter", "svf").unwrap();
        patch.add("osc", "sine").unwrap();
        for (module, param) in [("filter", "resonance"), ("filter", "cutoff"), ("osc", "pitch")] {
            patch.set_value(module, param, value);
        }
        comes_back(&patch);
    }

    #[test]
    fn any_text_is_safe(text in "\\PC{0,200}") {
        is_safe(&text);
    }

    #[test]
    fn any_text_of_the_right_signs_is_safe(text in "(Patch|format|modules|type|[(){}\\[\\]:,\"0-9.' \n/*#r-]){0,60}") {
        is_safe(&text);
        is_safe(&format!("Patch(format: 1, {text}"));
    }

    #[test]
    fn a_cut_patch_is_safe(text in patch_text(), at in any::<Index>()) {
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        prop_assert!(Patch::from_ron(&text[..at]).is_err());
    }

    #[test]
    fn a_damaged_patch_is_safe(
        text in prop_oneof![Just(FIRST_LIGHT.to_string()), patch_text()],
        wounds in vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let mut bytes = text.into_bytes();
        for (at, byte, how) in wounds {
            let at = at.index(bytes.len().max(1));
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => { bytes.remove(at); }
                2 => bytes.insert(at, byte & 0x7f),
                _ => {
                    let end = (at + usize::from(byte)).min(bytes.len());
                    let copy = bytes[at.min(end)..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
        is_safe(&String::from_utf8_lossy(&bytes));
    }
}
