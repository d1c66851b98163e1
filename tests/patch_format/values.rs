//! Values are written by name where they have one, and come back to the last bit.

use weft::patch::Patch;
use weft_modules::{CATALOG, ParamKind};

use crate::rig::{comes_back, read};

#[test]
fn values_are_written_by_name_where_they_have_one() {
    let mut kinds = [0; 4];
    for entry in CATALOG {
        let mut patch = Patch::new("x");
        patch.add("it", entry.spec.id).unwrap();
        for param in entry.spec.params {
            assert!(patch.set_value("it", param.id, param.max));
        }
        let text = patch.to_ron();
        for param in entry.spec.params {
            let written = match param.kind {
                ParamKind::Float => {
                    kinds[0] += 1;
                    format!("{:?}", param.max)
                }
                ParamKind::Int => {
                    kinds[1] += 1;
                    (param.max as i64).to_string()
                }
                ParamKind::Bool => {
                    kinds[2] += 1;
                    "true".into()
                }
                ParamKind::Choice(names) => {
                    kinds[3] += 1;
                    format!("{:?}", names[names.len() - 1])
                }
            };
            assert!(
                text.contains(&format!("\"{}\": {written}", param.id)),
                "{}: {text}",
                param.id
            );
        }
        comes_back(&patch);
    }
    assert!(
        kinds.iter().all(|count| *count > 0),
        "a kind of param was never written: {kinds:?}"
    );
}

#[test]
fn every_choice_comes_back_by_its_name() {
    for entry in CATALOG {
        for param in entry.spec.params {
            for value in 0..param.values().unwrap_or(0) {
                let mut patch = Patch::new("x");
                patch.add("it", entry.spec.id).unwrap();
                patch.set_value("it", param.id, param.min + value as f32);
                let (again, notes) = read(&patch.to_ron());
                assert_eq!(notes, []);
                assert_eq!(
                    again.value("it", param.id),
                    Some(param.min + value as f32),
                    "{}",
                    param.id
                );
            }
        }
    }
}

#[test]
fn values_are_kept_to_the_last_bit() {
    let mut patch = Patch::new("x");
    patch.add("filter", "svf").unwrap();
    let smallest = f32::from_bits(1);
    for value in [
        -0.0,
        0.0,
        smallest,
        f32::MIN_POSITIVE,
        0.1,
        1.0 / 3.0,
        1.0 - f32::EPSILON / 2.0,
    ] {
        patch.set_value("filter", "resonance", value);
        assert_eq!(
            patch.value("filter", "resonance").map(f32::to_bits),
            Some(value.to_bits())
        );
        comes_back(&patch);
    }
}
