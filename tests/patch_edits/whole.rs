//! Several edits at once, and patches that are loaded, are taken whole or not at all.

use weft::patch::{Edit, Patch, Reach};

use crate::rig::{
    cable, connect, create, delete, disconnect, image, key, load, made, param, refused, rename,
    replace, set_value, small,
};
use crate::valid::is_tidy;

#[test]
fn a_transaction_is_all_or_nothing() {
    let patch = small();
    let mut edited = patch.clone();
    let error = edited
        .apply_all(&[
            create("x", "sine"),
            connect("x.out -> filter.in"),
            set_value("osc.pitch", 2.0),
            delete("lfo"),
            rename("osc", "voice"),
            replace("filter", "sine"),
            load("Patch(format: 1, modules: {\"a\": (type: \"svf\")})"),
            delete("filter"),
        ])
        .expect_err("the last edit does not fit");
    assert!(
        error.to_string().contains("no module \"filter\""),
        "{error}"
    );
    assert_eq!(image(&edited), image(&patch));

    // A circle within a transaction is none if the end has none.
    edited
        .apply_all(&[
            connect("filter.low -> osc.fm"),
            disconnect("osc.out -> filter.in"),
        ])
        .unwrap();
    is_tidy(&edited);
    let values = edited
        .apply_all(&[
            set_value("osc.pitch", 1.0),
            set_value("osc.fine", 3.0),
            set_value("osc.pitch", 2.0),
            rename("osc", "voice"),
        ])
        .unwrap();
    assert_eq!(values.reach, Reach::Binding);
    assert_eq!(values.values, [param("voice.pitch"), param("voice.fine")]);
    assert_eq!(edited.apply_all(&[]).unwrap().reach, Reach::Nothing);
}

#[test]
fn loading_takes_the_whole_patch() {
    let mut patch = small();
    let other = made(&[create("osc", "sine"), set_value("osc.pitch", 1.0)]);
    let edit = Edit::Load {
        patch: other.clone().into(),
    };
    assert_eq!(patch.apply(&edit).unwrap().reach, Reach::Structure);
    assert_eq!(patch, other);
    assert_ne!(key(&patch, "osc"), key(&other, "osc"), "another instance");
    let first = key(&patch, "osc");
    patch.apply(&edit).unwrap();
    assert_ne!(key(&patch, "osc"), first);

    let broken = |damage: fn(&mut Patch)| {
        let mut patch = small();
        damage(&mut patch);
        Edit::Load {
            patch: patch.into(),
        }
    };
    for (edit, text) in [
        (
            broken(|patch| patch.cables[0].amount = f32::NAN),
            "\"NaN\" is no amount",
        ),
        (
            broken(|patch| patch.cables.push(patch.cables[0].clone())),
            "joined already",
        ),
        (
            broken(|patch| patch.cables[0].from.port = "a b".into()),
            "\"osc.a b\" is no port",
        ),
        (
            broken(|patch| drop(patch.slots.insert(0, param("osc.pitch")))),
            "no slot 0",
        ),
        (
            broken(|patch| drop(patch.slots.insert(1024, param("osc.pitch")))),
            "\"osc.pitch\" is bound to slot 1024 and to another",
        ),
        (
            broken(|patch| patch.slots.get_mut(&1).unwrap().param = "a.b".into()),
            "slot 1 is bound to \"osc.a.b\"",
        ),
        (
            broken(|patch| patch.cables[0] = cable("osc.out -> osc.fm")),
            "osc -> osc",
        ),
    ] {
        let error = refused(&small(), &edit).to_string();
        assert!(error.contains(text), "{error:?} does not say {text:?}");
    }
    let mut waiting = small();
    waiting.apply(&delete("osc")).unwrap();
    waiting.slots.clear();
    patch
        .apply(&Edit::Load {
            patch: waiting.into(),
        })
        .unwrap();
    is_tidy(&patch);
}
