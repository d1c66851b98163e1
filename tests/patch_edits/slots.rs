//! Slots are given to params, taken away, and kept for modules that are deleted.

use weft::patch::{Edit, EditError, LAST_SLOT, Patch, Reach, SlotFault};
use weft_modules::CATALOG;

use crate::rig::{bind, create, delete, made, refused, slots, slots_of, small};
use crate::valid::{catalog_param, is_tidy};

#[test]
fn slots_wait_for_deleted_modules() {
    let mut patch = small();
    let whole = slots(&patch);
    patch.apply(&delete("osc")).unwrap();
    patch.apply(&create("other", "sine")).unwrap();
    assert!(
        slots_of(&patch, "other")
            .iter()
            .all(|(slot, _)| !whole.contains_key(slot)),
        "the slots of the deleted one are not free"
    );
    // Saved and read again they wait on, and nobody is told.
    let (again, notes) = Patch::from_ron(&patch.to_ron()).unwrap();
    assert_eq!(notes, []);
    assert_eq!(again.reserved().collect::<Vec<_>>(), ["osc"]);
    let mut patch = again;
    patch.apply(&create("osc", "sine")).unwrap();
    assert_eq!(patch.reserved().len(), 0);
    for (slot, bound) in whole {
        assert_eq!(slots(&patch)[&slot], bound);
    }
    is_tidy(&patch);
}

#[test]
fn a_module_of_another_type_takes_the_slots_that_fit() {
    let mut patch = made(&[create("it", "sine"), create("last", "svf")]);
    let before = slots(&patch);
    patch.apply(&delete("it")).unwrap();
    patch.apply(&create("it", "svf")).unwrap();
    let shared = |bound: &str| catalog_param("svf", &bound["it.".len()..]).is_some();
    for (slot, bound) in before.iter().filter(|(_, bound)| bound.starts_with("it.")) {
        let kept = slots(&patch).get(slot) == Some(bound);
        assert_eq!(kept, shared(bound), "{slot} {bound}");
    }
    is_tidy(&patch);
}

#[test]
fn slots_of_deleted_modules_are_given_away_when_none_is_free() {
    let per_module = |patch: &Patch| slots_of(patch, "m0").len();
    let mut patch = made(&[create("m0", "sine")]);
    let each = per_module(&patch);
    let full = usize::from(LAST_SLOT).div_ceil(each);
    for module in 1..full {
        patch.apply(&create(&format!("m{module}"), "sine")).unwrap();
    }
    assert_eq!(patch.slots.len(), usize::from(LAST_SLOT));
    patch.apply(&create("late", "sine")).unwrap();
    assert_eq!(
        slots_of(&patch, "late"),
        [],
        "a slot that sounds is nobody else's"
    );
    is_tidy(&patch);

    for module in ["m7", "m3", "m5"] {
        patch.apply(&delete(module)).unwrap();
    }
    assert_eq!(patch.reserved().collect::<Vec<_>>(), ["m7", "m3", "m5"]);
    let waiting: Vec<u16> = slots_of(&patch, "m7")
        .iter()
        .map(|(slot, _)| *slot)
        .collect();
    let third = slots_of(&patch, "m3");
    let before = patch.clone();
    patch.apply(&create("new", "sine")).unwrap();
    let given: Vec<u16> = slots_of(&patch, "new")
        .iter()
        .map(|(slot, _)| *slot)
        .collect();
    assert_eq!(given, waiting, "those of the longest deleted");
    assert_eq!(patch.reserved().collect::<Vec<_>>(), ["m3", "m5"]);
    assert_eq!(slots_of(&patch, "m3"), third);
    is_tidy(&patch);

    // A person who wants a slot gets it even so, and the rest waits on.
    let (slot, _) = third[0].clone();
    let mut patch = before;
    patch.apply(&bind(slot, "late.pitch")).unwrap();
    assert_eq!(slots(&patch)[&slot], "late.pitch");
    assert_eq!(slots_of(&patch, "m3"), third[1..]);
    for (slot, _) in &third[1..] {
        patch.apply(&Edit::Unbind { slot: *slot }).unwrap();
    }
    assert_eq!(patch.reserved().collect::<Vec<_>>(), ["m7", "m5"]);
    is_tidy(&patch);
}

#[test]
fn slots_are_bound_and_freed() {
    let mut patch = small();
    let changed = patch.apply(&bind(500, "filter.cutoff")).unwrap();
    assert_eq!(changed.reach, Reach::Binding);
    let bound: Vec<_> = slots(&patch)
        .into_iter()
        .filter(|(_, bound)| bound == "filter.cutoff")
        .collect();
    assert_eq!(
        bound,
        [(500, "filter.cutoff".into())],
        "its former slot is free"
    );
    assert_eq!(
        patch.apply(&bind(500, "filter.cutoff")).unwrap().reach,
        Reach::Nothing
    );
    let error = refused(&patch, &bind(500, "osc.pitch")).to_string();
    assert!(
        error.contains("slot 500 carries \"filter.cutoff\""),
        "{error}"
    );
    patch
        .apply_all(&[Edit::Unbind { slot: 500 }, bind(500, "osc.pitch")])
        .unwrap();
    assert_eq!(slots(&patch)[&500], "osc.pitch");
    is_tidy(&patch);

    let (kind, setting) = CATALOG
        .iter()
        .find_map(|entry| {
            let mut params = entry.spec.params.iter();
            let setting = params.find(|param| param.setting)?;
            Some((entry.spec.id, setting.id))
        })
        .expect("some module has a setting");
    patch.apply(&create("it", kind)).unwrap();
    let error = refused(&patch, &bind(900, &format!("it.{setting}")));
    assert!(
        matches!(
            error,
            EditError::Unbindable {
                fault: SlotFault::Setting { .. },
                ..
            }
        ),
        "{error}"
    );
}
