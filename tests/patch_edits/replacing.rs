//! A module that is replaced by one of another type keeps what fits.

use weft::patch::Edit;
use weft_modules::{CATALOG, ParamKind};

use crate::rig::{
    bind, cables, connect, create, delete, disconnect, image, key, made, param, place, read,
    refused, rename, replace, set_value, slots, slots_of,
};
use crate::valid::{catalog_param, is_sound, is_tidy, leads};

#[test]
fn replacing_keeps_what_fits() {
    let mut shared = 0;
    let mut unlike = 0;
    for from in CATALOG {
        for to in CATALOG {
            let mut edits = vec![create("it", from.spec.id), create("a", "sine")];
            edits.push(place("it", 3.0, 4.0));
            edits.push(Edit::SetNotes {
                module: "it".into(),
                notes: Some("mine".into()),
            });
            for spec in from.spec.params {
                edits.push(set_value(&format!("it.{}", spec.id), spec.plain(0.7)));
                if spec.is_continuous() && !spec.setting {
                    edits.push(connect(&format!("a.out -> it.{} * 0.5", spec.id)));
                }
            }
            for input in from.spec.inputs {
                let taken = edits.iter().any(
                    |edit| matches!(edit, Edit::Connect { cable } if cable.to.port == input.id),
                );
                if !taken {
                    edits.push(connect(&format!("a.out -> it.{}", input.id)));
                }
            }
            edits.push(create("sink", "svf"));
            for output in from.spec.outputs {
                edits.push(connect(&format!("it.{} -> sink.in", output.id)));
            }
            let before = made(&edits);
            let mut after = before.clone();
            after.apply(&replace("it", to.spec.id)).unwrap();
            is_tidy(&after);
            if from.spec.id == to.spec.id {
                assert_eq!(image(&after), image(&before));
                continue;
            }
            let module = after.module("it").unwrap();
            assert_eq!(module.kind, to.spec.id);
            assert_eq!(module.position, Some((3.0, 4.0)));
            assert_eq!(module.notes.as_deref(), Some("mine"));
            assert_ne!(
                key(&after, "it"),
                key(&before, "it"),
                "it is another instance"
            );
            assert_eq!(key(&after, "a"), key(&before, "a"));
            let kept: Vec<_> = before
                .cables
                .iter()
                .filter(|cable| leads(&after, cable))
                .cloned()
                .collect();
            assert_eq!(after.cables, kept);
            for (slot, bound) in slots_of(&before, "it") {
                let bound = param(&bound);
                let fits =
                    catalog_param(to.spec.id, &bound.param).is_some_and(|spec| !spec.setting);
                if fits {
                    shared += 1;
                    assert_eq!(after.slots.get(&slot), Some(&bound));
                }
            }
            for spec in to.spec.params {
                let value = after.value("it", spec.id).unwrap();
                let slot = after
                    .slots
                    .values()
                    .any(|bound| bound.module == "it" && bound.param == spec.id);
                assert_eq!(slot, !spec.setting, "{}", spec.id);
                match catalog_param(from.spec.id, spec.id) {
                    None => assert_eq!(value, spec.default, "{}", spec.id),
                    Some(old) => {
                        let had = before.value("it", spec.id).unwrap();
                        match (old.kind, spec.kind) {
                            (ParamKind::Choice(old), ParamKind::Choice(new)) => {
                                let name = old[had as usize];
                                if new.contains(&name) {
                                    assert_eq!(new[value as usize], name);
                                }
                            }
                            (ParamKind::Bool, ParamKind::Bool) => assert_eq!(value, had),
                            (
                                ParamKind::Float | ParamKind::Int,
                                ParamKind::Float | ParamKind::Int,
                            ) if old.unit == spec.unit => {
                                assert_eq!(value, spec.legal(had), "{}", spec.id);
                            }
                            _ => {
                                unlike += 1;
                                assert_eq!(value, spec.default, "{}", spec.id);
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(shared > 0, "no two types share a param: {shared}, {unlike}");
}

#[test]
fn a_param_left_without_a_slot_stays_so() {
    let mut patch = made(&[create("it", "sine")]);
    let slot = slots_of(&patch, "it")
        .iter()
        .find(|(_, bound)| bound == "it.pitch")
        .map(|(slot, _)| *slot)
        .unwrap();
    patch.apply(&Edit::Unbind { slot }).unwrap();
    for entry in CATALOG {
        let mut patch = patch.clone();
        patch.apply(&replace("it", entry.spec.id)).unwrap();
        assert!(patch.slots.values().all(|bound| bound.param != "pitch"));
        is_tidy(&patch);
    }
}

#[test]
fn a_placeholder_can_be_replaced_but_not_turned() {
    let text = r#"Patch(format: 1, modules: {"it": (type: "granular", params: {"cutoff": "1.2 kHz", "grain": 3}),
        "osc": (type: "sine")}, cables: ["osc.out -> it.in", "it.left -> osc.fm"], slots: {9: "it.cutoff", 10: "it.grain"})"#;
    let patch = read(text);
    for edit in [set_value("it.cutoff", 500.0), bind(20, "it.cutoff")] {
        let error = refused(&patch, &edit).to_string();
        assert!(error.contains("\"it\" is a \"granular\""), "{error}");
    }
    let mut replaced = patch.clone();
    replaced.apply(&replace("it", "svf")).unwrap();
    assert_eq!(replaced.value("it", "cutoff"), Some(1200.0));
    assert_eq!(cables(&replaced), ["osc.out -> it.in"]);
    assert_eq!(slots(&replaced)[&9], "it.cutoff");
    assert!(slots(&replaced).values().all(|bound| bound != "it.grain"));
    is_tidy(&replaced);
    for edit in [
        delete("it"),
        rename("it", "that"),
        place("it", 1.0, 1.0),
        disconnect("osc.out -> it.in"),
        connect("osc.sync -> it.in"),
    ] {
        let mut edited = patch.clone();
        edited.apply(&edit).unwrap();
        is_sound(&edited);
    }
}
