//! Modules come and go, and take other names.

use std::collections::BTreeMap;

use weft::patch::{Edit, Patch, Reach};
use weft_modules::CATALOG;

use crate::rig::{cables, delete, key, refused, rename, set_value, slots, slots_of, small};
use crate::valid::is_tidy;

#[test]
fn modules_come_and_go() {
    let mut patch = Patch::new("x");
    let created = patch.apply(&Edit::Create {
        id: "osc".into(),
        kind: "sine".into(),
        position: Some((10.0, -2.5)),
    });
    assert_eq!(created.unwrap().reach, Reach::Structure);
    assert_eq!(patch.module("osc").unwrap().position, Some((10.0, -2.5)));
    let free = CATALOG
        .iter()
        .find(|entry| entry.spec.id == "sine")
        .map(|entry| entry.spec.params.iter().filter(|param| !param.setting));
    assert_eq!(patch.slots.len(), free.unwrap().count());
    assert_eq!(slots(&patch)[&1], "osc.pitch");
    is_tidy(&patch);

    let mut patch = small();
    let bound = slots(&patch);
    let deleted = patch.apply(&delete("filter")).unwrap();
    assert_eq!(deleted.reach, Reach::Structure);
    assert_eq!(patch.cables, []);
    assert_eq!(slots(&patch), bound, "its slots wait for it");
    assert_eq!(patch.reserved().collect::<Vec<_>>(), ["filter"]);
    is_tidy(&patch);
}

#[test]
fn renaming_keeps_everything_but_the_name() {
    let mut patch = small();
    patch.apply(&set_value("filter.cutoff", 300.0)).unwrap();
    let before = patch.clone();
    let changed = patch.apply(&rename("filter", "lowpass")).unwrap();
    assert_eq!(changed.reach, Reach::Binding, "nothing to compile");
    assert_eq!(key(&patch, "lowpass"), key(&before, "filter"));
    assert_eq!(patch.value("lowpass", "cutoff"), Some(300.0));
    assert!(patch.module("filter").is_none());
    assert_eq!(
        cables(&patch),
        ["osc.out -> lowpass.in", "lfo.out -> lowpass.cutoff * 0.25"]
    );
    let renamed: BTreeMap<_, _> = slots(&before)
        .into_iter()
        .map(|(slot, bound)| (slot, bound.replace("filter.", "lowpass.")))
        .collect();
    assert_eq!(slots(&patch), renamed);
    let order: Vec<_> = patch.modules.iter().map(|(id, _)| id).collect();
    assert_eq!(order, ["osc", "lowpass", "lfo"]);
    is_tidy(&patch);

    assert_eq!(
        patch.apply(&rename("osc", "osc")).unwrap().reach,
        Reach::Nothing
    );
    let error = refused(&patch, &rename("osc", "lfo")).to_string();
    assert!(error.contains("a module \"lfo\" already"), "{error}");
    refused(&patch, &rename("osc", "a.b"));

    // Slots that waited for a deleted module of that id are free.
    patch.apply(&delete("osc")).unwrap();
    patch.apply(&rename("lfo", "osc")).unwrap();
    assert_eq!(patch.reserved().len(), 0);
    assert_eq!(
        slots(&patch)[slots_of(&patch, "osc")
            .first()
            .map(|(slot, _)| slot)
            .unwrap()],
        "osc.pitch"
    );
    assert!(slots(&patch).keys().next().is_some_and(|first| *first > 1));
    is_tidy(&patch);
}
