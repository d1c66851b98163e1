//! Whatever edits are made, a patch stays valid and all can be undone.

use proptest::collection::vec;
use proptest::prelude::*;
use weft::patch::{Changed, History, ParamRef, Patch, Reach};

use crate::dice::{Dice, some_edit, some_number, some_param};
use crate::rig::{Image, image, read};
use crate::valid::{is_sound, is_tidy};

/// What a test does to a history.
#[derive(Clone, Copy, Debug)]
enum Act {
    Edit,
    Transaction(u8),
    Undo,
    Redo,
    Gesture(bool),
    Automation,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => Just(Act::Edit),
        3 => (2_u8..6).prop_map(Act::Transaction),
        3 => Just(Act::Undo),
        2 => Just(Act::Redo),
        1 => any::<bool>().prop_map(Act::Gesture),
        1 => Just(Act::Automation),
    ]
}

/// A patch with odd things in it, that a file may well hold.
const ODD: &str = r#"Patch(format: 1, name: "odd", modules: {
    "a": (type: "sine", params: {"wobble": 3}), "b": (type: "granular", version: 4, params: {"cutoff": 700, "x": [1]}),
    "c": (type: "svf", version: 900), "d": (type: "sine")},
    cables: ["a.out -> b.in", "b.left -> c.in", "c.low -> a.fm", "z.out -> c.in", "a.out -> z.in", "a.loud -> c.in",
        "e.out -> a.fm", "c.low -> e.fm", "e.out -> z.fm", "e.out -> e.fm feedback", "d.out -> x-2.in"],
    slots: {1: "z.cutoff", 2: "a.pitch", 3: "b.cutoff", 4: "e.pitch", 5: "c.nothing", 9: "z.resonance", 7: "x-2.pitch"},
    reserved: ["x-2", "z", "a", "nobody", "z"])"#;

/// Runs a history through acts, checking all that is promised.
fn play(start: Patch, acts: &[(Act, Dice)], check: fn(&Patch)) {
    let mut history = History::new(start);
    let start = image(history.patch());
    check(history.patch());
    let mut automated = false;
    for (act, dice) in acts {
        let before = image(history.patch());
        let steps = (history.undoable(), history.redoable());
        match act {
            Act::Edit | Act::Transaction(_) => {
                let mut ahead = history.patch().clone();
                let count = if let Act::Transaction(count) = act {
                    *count
                } else {
                    1
                };
                let mut edits = Vec::new();
                for turn in 0..u32::from(count) {
                    let dice =
                        dice.map(|dice| dice.rotate_left(turn * 3).wrapping_add(turn as u16));
                    let edit = some_edit(&ahead, dice);
                    let _ = ahead.apply(&edit);
                    edits.push(edit);
                }
                match history.apply(&edits) {
                    Ok(Changed { reach, values }) => {
                        let after = image(history.patch());
                        assert_eq!(
                            reach == Reach::Nothing,
                            after == before && history.undoable() == steps.0,
                            "{edits:?}"
                        );
                        for changed in values {
                            assert!(
                                history
                                    .patch()
                                    .value(&changed.module, &changed.param)
                                    .is_some()
                            );
                        }
                        // Edits that say the sound is the same leave modules, values and cables alone.
                        if reach <= Reach::Binding {
                            let keys = |image: &Image| -> Vec<_> {
                                image.modules.iter().map(|(key, ..)| *key).collect()
                            };
                            assert_eq!(keys(&after), keys(&before));
                            assert_eq!(after.amounts, before.amounts);
                        }
                        if reach <= Reach::Layout {
                            assert_eq!(after.patch.cables, before.patch.cables);
                            assert_eq!(after.patch.slots, before.patch.slots);
                            let values = |image: &Image| -> Vec<_> {
                                let modules = image.modules.iter();
                                modules.map(|(_, _, values)| values.clone()).collect()
                            };
                            assert_eq!(values(&after), values(&before));
                        }
                    }
                    Err(error) => {
                        assert!(!error.to_string().is_empty());
                        assert_eq!(image(history.patch()), before, "{edits:?}: {error}");
                        assert_eq!((history.undoable(), history.redoable()), steps);
                    }
                }
            }
            Act::Undo => {
                assert_eq!(history.undo().is_some(), steps.0 > 0);
                if steps.0 > 0 {
                    let undone = image(history.patch());
                    history.redo().expect("what was undone can be done again");
                    assert_eq!(image(history.patch()), before);
                    history.undo().expect("and undone again");
                    assert_eq!(image(history.patch()), undone);
                }
            }
            Act::Redo => assert_eq!(history.redo().is_some(), steps.1 > 0),
            Act::Gesture(true) => history.begin_gesture(),
            Act::Gesture(false) => history.end_gesture(),
            Act::Automation => {
                let ParamRef { module, param } = some_param(history.patch(), dice[0]);
                automated |= history.set_value(&module, &param, some_number(dice[1]));
            }
        }
        check(history.patch());
    }
    while history.redo().is_some() {}
    let end = image(history.patch());
    let mut images = vec![end.clone()];
    while history.undo().is_some() {
        images.push(image(history.patch()));
    }
    check(history.patch());
    if !automated {
        assert_eq!(image(history.patch()), start);
    }
    while let Some(expected) = images.pop() {
        assert_eq!(image(history.patch()), expected);
        assert_eq!(history.redo().is_some(), !images.is_empty());
    }
    assert_eq!(image(history.patch()), end);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_edits_keep_a_patch_valid_and_can_be_undone(acts in vec((act(), any::<Dice>()), 0..60)) {
        play(Patch::new("empty"), &acts, is_tidy);
    }

    #[test]
    fn so_they_do_with_many_cables(acts in vec((act(), any::<Dice>()), 0..40)) {
        let mut patch = Patch::new("dense");
        for id in ["a", "b", "c", "d", "e"] {
            patch.add(id, "sine").unwrap();
        }
        for (from, to) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("a", "e"), ("e", "e")] {
            let feedback = if from == to { " feedback" } else { "" };
            patch.connect(&format!("{from}.out -> {to}.fm{feedback}")).unwrap();
        }
        play(patch, &acts, is_tidy);
    }

    #[test]
    fn and_with_odd_things_in_a_patch(acts in vec((act(), any::<Dice>()), 0..40)) {
        play(read(ODD), &acts, is_sound);
    }
}
