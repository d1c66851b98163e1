//! What was done can be undone and done again.

use weft::patch::{History, Reach, STEPS};

use crate::rig::{
    connect, create, delete, image, param, place, rename, set_amount, set_value, small,
};
use crate::valid::is_tidy;

#[test]
fn undo_of_a_delete_brings_the_same_module_back() {
    let mut history = History::new(small());
    history.apply(&[set_value("filter.cutoff", 321.0)]).unwrap();
    let before = image(history.patch());
    history.apply(&[delete("filter")]).unwrap();
    history.apply(&[create("other", "svf")]).unwrap();
    let after = image(history.patch());
    history.undo().unwrap();
    assert_eq!(history.undo().unwrap().reach, Reach::Structure);
    assert_eq!(
        image(history.patch()),
        before,
        "slots, cables, values and key"
    );
    history.redo().unwrap();
    history.redo().unwrap();
    assert_eq!(image(history.patch()), after);
    assert_eq!((history.undoable(), history.redoable()), (3, 0));
}

#[test]
fn a_new_edit_ends_redo_and_a_failed_one_does_not() {
    let mut history = History::new(small());
    assert_eq!(history.undo(), None);
    assert_eq!(history.redo(), None);
    history.apply(&[set_value("osc.pitch", 1.0)]).unwrap();
    history.apply(&[set_value("osc.pitch", 2.0)]).unwrap();
    let undone = history.undo().unwrap();
    assert_eq!(undone.values, [param("osc.pitch")]);
    assert_eq!(history.patch().value("osc", "pitch"), Some(1.0));
    history
        .apply(&[delete("gone")])
        .expect_err("no such module");
    history.apply(&[set_value("osc.pitch", 1.0)]).unwrap();
    history.apply(&[]).unwrap();
    assert_eq!((history.undoable(), history.redoable()), (1, 1));
    history.apply(&[set_value("osc.fine", 1.0)]).unwrap();
    assert_eq!((history.undoable(), history.redoable()), (2, 0));
    assert_eq!(history.redo(), None);
}

#[test]
fn a_gesture_is_one_step() {
    let mut history = History::new(small());
    let start = image(history.patch());
    history.begin_gesture();
    for turn in 1..=2000 {
        let turn = turn as f32 / 1000.0;
        history.apply(&[set_value("osc.pitch", turn)]).unwrap();
        history
            .apply(&[place("osc", turn, -turn), place("lfo", -turn, turn)])
            .unwrap();
        history
            .apply(&[set_amount("osc.out -> filter.in", turn + 1.0)])
            .unwrap();
    }
    history.end_gesture();
    let end = image(history.patch());
    assert_eq!(history.undoable(), 1);
    let undone = history.undo().unwrap();
    assert_eq!(undone.reach, Reach::Structure, "an amount changed");
    assert_eq!(image(history.patch()), start);
    history.redo().unwrap();
    assert_eq!(image(history.patch()), end);

    // Without a gesture every turn is a step, and a gesture does not reach into the step before.
    history.apply(&[set_value("osc.pitch", 0.1)]).unwrap();
    history.apply(&[set_value("osc.pitch", 0.2)]).unwrap();
    assert_eq!(history.undoable(), 3);
    history.begin_gesture();
    history.end_gesture();
    assert_eq!(history.undoable(), 3);
    history.begin_gesture();
    history.apply(&[set_value("osc.pitch", 0.3)]).unwrap();
    history.apply(&[set_value("osc.pitch", 0.4)]).unwrap();
    // Another kind of edit, an undo, and a gesture begun anew end it.
    history.apply(&[rename("osc", "voice")]).unwrap();
    history.apply(&[set_value("voice.pitch", 0.5)]).unwrap();
    history.apply(&[set_value("voice.pitch", 0.6)]).unwrap();
    assert_eq!(history.undoable(), 7);
    history.begin_gesture();
    history.apply(&[set_value("voice.pitch", 0.7)]).unwrap();
    history.begin_gesture();
    history.apply(&[set_value("voice.pitch", 0.8)]).unwrap();
    assert_eq!(history.undoable(), 9);
    let undone = history.undo().unwrap();
    assert_eq!(undone.values, [param("voice.pitch")]);
    assert_eq!(history.patch().value("voice", "pitch"), Some(0.7));
    history.apply(&[set_value("voice.pitch", 0.9)]).unwrap();
    assert_eq!(history.undoable(), 9);
    while history.undo().is_some() {}
    assert_eq!(image(history.patch()), start);
}

#[test]
fn many_steps_are_kept_and_the_oldest_forgotten() {
    let mut history = History::new(small());
    let mut images = vec![image(history.patch())];
    for step in 1..=STEPS + 100 {
        let edit = match step % 3 {
            0 => set_value("osc.fine", (step % 100) as f32),
            1 => create(&format!("m{step}"), "svf"),
            _ => delete(&format!("m{}", step - 1)),
        };
        history.apply(&[edit]).unwrap();
        images.push(image(history.patch()));
    }
    assert_eq!(history.undoable(), STEPS);
    const { assert!(STEPS >= 500) };
    for step in (100..STEPS + 100).rev() {
        history.undo().unwrap();
        assert_eq!(image(history.patch()), images[step]);
    }
    assert_eq!(history.undo(), None);
    while history.redo().is_some() {}
    assert_eq!(Some(&image(history.patch())), images.last());
}

#[test]
fn automation_is_no_step_and_undo_still_fits() {
    let mut history = History::new(small());
    history.apply(&[delete("lfo")]).unwrap();
    assert!(history.set_value("osc", "pitch", 2.0));
    assert!(!history.set_value("lfo", "pitch", 2.0));
    history.undo().unwrap();
    assert_eq!(history.patch().value("osc", "pitch"), Some(2.0));
    assert!(history.patch().module("lfo").is_some());
    assert_eq!((history.undoable(), history.redoable()), (0, 1));
    history.redo().unwrap();
    is_tidy(history.patch());
}

#[test]
fn returning_to_the_live_patch_is_a_step() {
    let live = small();
    let mut history = History::new(live.clone());
    assert_eq!(history.return_to(&live).reach, Reach::Nothing);
    assert_eq!(history.undoable(), 0);
    history.begin_gesture();
    history.apply(&[set_value("osc.pitch", 1.0)]).unwrap();
    history
        .apply(&[delete("osc"), create("osc", "sine")])
        .unwrap();
    let edited = image(history.patch());
    assert_eq!(history.return_to(&live).reach, Reach::Structure);
    assert_eq!(image(history.patch()), image(&live), "the same modules");
    history.undo().unwrap();
    assert_eq!(image(history.patch()), edited);
    // Equal documents whose modules are others are not the same.
    history.undo().unwrap();
    history.undo().unwrap();
    history
        .apply(&[delete("lfo"), create("lfo", "sine")])
        .unwrap();
    history
        .apply(&[connect("lfo.out -> filter.cutoff * 0.25")])
        .unwrap();
    assert_eq!(*history.patch(), live);
    assert_eq!(history.return_to(&live).reach, Reach::Structure);
    assert_eq!(image(history.patch()), image(&live));
}
