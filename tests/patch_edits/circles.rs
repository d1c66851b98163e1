//! Ordinary cables never run in a circle.

use weft::patch::{Circle, Edit, EditError, Reach};

use crate::rig::{
    cables, connect, create, disconnect, made, read, refused, rename, set_feedback, small,
};
use crate::valid::is_tidy;

#[test]
fn a_circle_is_named_with_the_cable_that_could_be_marked() {
    let mut patch = made(&[
        create("a", "sine"),
        create("b", "svf"),
        create("c", "sine"),
        create("d", "sine"),
        connect("a.out -> b.in"),
        connect("b.low -> c.fm"),
        connect("a.out -> c.phase-mod"),
        connect("c.out -> d.fm"),
    ]);
    let error = refused(&patch, &connect("c.out -> a.pitch * 0.5"));
    assert_eq!(
        error,
        EditError::Circle(Circle {
            path: ["c", "a", "c"].map(String::from).into(),
            cable: "c.out -> a.pitch * 0.5".into(),
        })
    );
    let text = error.to_string();
    assert!(text.contains("in a circle: c -> a -> c"), "{text}");
    assert!(
        text.contains("mark \"c.out -> a.pitch * 0.5\" as feedback"),
        "{text}"
    );

    patch
        .apply(&connect("c.out -> a.pitch * 0.5 feedback"))
        .unwrap();
    is_tidy(&patch);
    let error = refused(&patch, &set_feedback("c.out -> a.pitch", false));
    assert!(matches!(&error, EditError::Circle(Circle { path, .. }) if path.len() == 3));
    patch.apply(&disconnect("a.out -> c.phase-mod")).unwrap();
    let error = refused(&patch, &set_feedback("c.out -> a.pitch", false));
    let EditError::Circle(circle) = error else {
        panic!("{error}")
    };
    assert_eq!(circle.path, ["c", "a", "b", "c"]);

    let error = refused(&patch, &connect("a.out -> a.fm"));
    let EditError::Circle(circle) = error else {
        panic!("{error}")
    };
    assert_eq!(circle.path, ["a", "a"]);
    patch.apply(&connect("a.out -> a.fm feedback")).unwrap();
    is_tidy(&patch);

    // Another cable of the circle can be marked, before or after, in one transaction.
    let turned = [
        set_feedback("c.out -> a.pitch", false),
        set_feedback("a.out -> b.in", true),
    ];
    patch.apply_all(&turned).unwrap();
    is_tidy(&patch);
}

#[test]
fn a_circle_that_was_read_can_be_mended() {
    let text = r#"Patch(format: 1, modules: {"a": (type: "sine"), "b": (type: "svf"), "c": (type: "sine")},
        cables: ["a.out -> b.in", "b.low -> a.fm"])"#;
    let circular = read(text);
    let circle = circular.circle().expect("a circle");
    assert_eq!(circle.path.len(), 3);
    let mut patch = circular.clone();
    patch.apply(&connect("c.out -> b.cutoff")).unwrap();
    patch.apply(&rename("a", "z")).unwrap();
    patch.apply(&set_feedback("b.low -> z.fm", true)).unwrap();
    is_tidy(&patch);

    let error = refused(
        &small(),
        &Edit::Load {
            patch: circular.into(),
        },
    );
    assert_eq!(error, EditError::Circle(circle));
}

#[test]
fn cables_that_led_nowhere_come_alive_with_care() {
    let odd = |back: &str| {
        read(&format!(
            r#"Patch(format: 1, modules: {{"a": (type: "sine"), "b": (type: "svf")}}, cables: [
            "a.out -> b.in", "z.out -> b.in * 3", "z.out -> z.fm feedback", "a.out -> z.fm feedback",
            "b.low -> z.fm{back}", "z.sync -> b.in"])"#
        ))
    };
    assert!(matches!(
        refused(&odd(""), &rename("a", "z")),
        EditError::Circle(_)
    ));
    let mut patch = odd(" feedback");
    let changed = patch.apply(&rename("a", "z")).unwrap();
    assert_eq!(changed.reach, Reach::Structure, "a cable came alive");
    assert_eq!(
        cables(&patch),
        [
            "z.out -> b.in",
            "z.out -> z.fm feedback",
            "b.low -> z.fm feedback",
            "z.sync -> b.in"
        ],
        "doubles are left out"
    );
    is_tidy(&patch);
}

#[test]
fn a_new_module_may_not_close_a_circle_either() {
    let odd = read(
        r#"Patch(format: 1, modules: {"b": (type: "svf")}, cables: ["z.out -> b.in", "b.low -> z.fm"])"#,
    );
    let error = refused(&odd, &create("z", "sine"));
    assert!(matches!(error, EditError::Circle(_)), "{error}");
    let mut patch = odd.clone();
    patch
        .apply_all(&[create("z", "sine"), set_feedback("b.low -> z.fm", true)])
        .unwrap();
    is_tidy(&patch);
}
