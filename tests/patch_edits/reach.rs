//! Edits tell how far they reach.

use weft::patch::{Edit, History, Reach};
use weft_modules::CATALOG;

use crate::rig::{
    bind, connect, create, delete, disconnect, image, load, made, place, rename, replace,
    set_amount, set_feedback, set_value, small,
};

#[test]
fn a_setting_needs_a_new_plan() {
    for entry in CATALOG {
        for spec in entry.spec.params {
            let mut patch = made(&[create("it", entry.spec.id)]);
            let value = if spec.default == spec.max {
                spec.min
            } else {
                spec.max
            };
            let changed = patch
                .apply(&set_value(&format!("it.{}", spec.id), value))
                .unwrap();
            let reach = if spec.setting {
                Reach::Structure
            } else {
                Reach::Value
            };
            assert_eq!(changed.reach, reach, "{}.{}", entry.spec.id, spec.id);
            assert_eq!(patch.value("it", spec.id), Some(value));
        }
    }
}

#[test]
fn edits_tell_how_far_they_reach() {
    for (edit, reach) in [
        (place("osc", 1.0, 2.0), Reach::Layout),
        (
            Edit::SetName {
                name: "other".into(),
            },
            Reach::Layout,
        ),
        (
            Edit::SetColor {
                module: "osc".into(),
                color: Some("amber".into()),
            },
            Reach::Layout,
        ),
        (
            Edit::SetNotes {
                module: "osc".into(),
                notes: Some("loud".into()),
            },
            Reach::Layout,
        ),
        (set_value("osc.pitch", 1.0), Reach::Value),
        (bind(77, "osc.pitch"), Reach::Binding),
        (Edit::Unbind { slot: 1 }, Reach::Binding),
        (rename("osc", "voice"), Reach::Binding),
        (create("x", "svf"), Reach::Structure),
        (delete("osc"), Reach::Structure),
        (connect("osc.sync -> filter.in"), Reach::Structure),
        (disconnect("osc.out -> filter.in"), Reach::Structure),
        (set_amount("osc.out -> filter.in", 0.5), Reach::Structure),
        (set_feedback("osc.out -> filter.in", true), Reach::Structure),
        (replace("osc", "svf"), Reach::Structure),
        (load("Patch(format: 1)"), Reach::Structure),
        // What is there already.
        (set_value("osc.pitch", 0.0), Reach::Nothing),
        (set_amount("osc.out -> filter.in", 1.0), Reach::Nothing),
        (set_feedback("osc.out -> filter.in", false), Reach::Nothing),
        (replace("osc", "sine"), Reach::Nothing),
        (
            Edit::SetName {
                name: "made".into(),
            },
            Reach::Nothing,
        ),
        (
            Edit::SetColor {
                module: "osc".into(),
                color: None,
            },
            Reach::Nothing,
        ),
    ] {
        let mut history = History::new(small());
        let before = image(history.patch());
        let changed = history.apply(std::slice::from_ref(&edit)).unwrap();
        assert_eq!(changed.reach, reach, "{edit:?}");
        assert_eq!(
            image(history.patch()) == before,
            reach == Reach::Nothing,
            "{edit:?}"
        );
        assert_eq!(history.undoable(), usize::from(reach != Reach::Nothing));
        if reach != Reach::Nothing {
            assert_eq!(history.undo(), Some(changed.clone()), "{edit:?}");
            assert_eq!(history.redo(), Some(changed), "{edit:?}");
        }
    }
    assert!(Reach::Nothing < Reach::Layout && Reach::Layout < Reach::Value);
    assert!(Reach::Value < Reach::Binding && Reach::Binding < Reach::Structure);
}
