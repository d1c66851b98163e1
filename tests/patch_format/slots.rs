//! Slots are read as they are written, and given out where none is written.

use std::fmt::Write as _;

use weft::patch::{LAST_SLOT, Patch, PatchNote, SlotFault};
use weft_modules::CATALOG;

use crate::rig::{comes_back, document, read};

#[test]
fn a_patch_without_slots_binds_every_param_in_order() {
    let (patch, notes) = read(
        r#"Patch(format: 1, modules: {"b": (type: "svf"), "x": (type: "unheard-of"), "a": (type: "sine")})"#,
    );
    assert_eq!(notes.len(), 1, "{notes:?}");
    let params = |id: &str| -> Vec<String> {
        let spec = patch.spec(id).unwrap();
        let bound = spec.params.iter().filter(|param| !param.setting);
        bound.map(|param| format!("{id}.{}", param.id)).collect()
    };
    let expected: Vec<_> = (1..).zip([params("b"), params("a")].concat()).collect();
    let slots: Vec<_> = patch
        .slots
        .iter()
        .map(|(slot, bound)| (*slot, bound.to_string()))
        .collect();
    assert_eq!(slots, expected);

    // A patch that names none has none, and stays so.
    let (none, _) = read(r#"Patch(format: 1, modules: {"b": (type: "svf")}, slots: {})"#);
    assert!(none.slots.is_empty());
    comes_back(&none);
}

#[test]
fn settings_get_no_slot() {
    let entry = CATALOG
        .iter()
        .find(|entry| entry.spec.params.iter().any(|param| param.setting))
        .expect("some module has a setting");
    let mut patch = Patch::new("x");
    patch.add("it", entry.spec.id).unwrap();
    let settings = entry.spec.params.iter().filter(|param| param.setting);
    for setting in settings {
        assert!(patch.slots.values().all(|bound| bound.param != setting.id));
        let text = document(
            &format!("\"it\": (type: {:?})", entry.spec.id),
            "",
            &format!("1: \"it.{}\"", setting.id),
        );
        let (kept, notes) = read(&text);
        assert!(
            matches!(
                &notes[..],
                [PatchNote::Slot {
                    slot: 1,
                    fault: SlotFault::Setting { .. },
                    ..
                }]
            ),
            "{notes:?}"
        );
        assert_eq!(kept.slots.len(), 1);
    }
}

#[test]
fn a_large_patch_keeps_everything_but_slots_it_does_not_have() {
    let mut text = String::from("Patch(format: 1, modules: {");
    for module in 0..1000 {
        write!(text, "\"m{module}\": (type: \"svf\"),").unwrap();
    }
    text.push_str("}, cables: [");
    for cable in 0..4000 {
        write!(
            text,
            "\"m{}.low -> m{}.in * {cable}\",",
            cable % 1000,
            (cable * 7 + cable / 1000) % 1000
        )
        .unwrap();
    }
    text.push_str("])");
    let (patch, notes) = read(&text);
    let params = patch
        .spec("m0")
        .unwrap()
        .params
        .iter()
        .filter(|param| !param.setting)
        .count();
    assert_eq!(
        notes,
        [PatchNote::OutOfSlots {
            unbound: 1000 * params - usize::from(LAST_SLOT)
        }]
    );
    assert_eq!((patch.modules.len(), patch.cables.len()), (1000, 4000));
    assert_eq!(patch.slots.len(), usize::from(LAST_SLOT));
    assert_eq!(patch.slots.keys().last(), Some(&LAST_SLOT));
    comes_back(&patch);
}
