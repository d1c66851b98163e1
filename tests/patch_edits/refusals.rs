//! What cannot be added, and what is not there to be edited, is refused.

use weft::patch::{BuildError, Cable, CableFault, Edit, EditError, PortRef};
use weft_modules::CATALOG;

use crate::rig::{
    bind, cable, connect, create, delete, disconnect, place, refused, rename, replace, set_amount,
    set_feedback, set_value, small,
};

#[test]
fn what_cannot_be_added_is_refused() {
    let patch = small();
    for (edit, text) in [
        (create("osc", "sine"), "a module \"osc\" already"),
        (create("a b", "sine"), "\"a b\" cannot be the id"),
        (create("", "sine"), "\"\" cannot be the id"),
        (create(&"x".repeat(65), "sine"), "cannot be the id"),
        (create("x", "theremin"), "no type of module \"theremin\""),
        (
            connect("osc.out -> filter.in * 2"),
            "\"osc.out -> filter.in * 2.0\" joins two ports that are joined already",
        ),
        (connect("gone.out -> filter.in"), "no module \"gone\""),
        (connect("osc.out -> gone.in"), "no module \"gone\""),
        (
            connect("osc.loud -> filter.in"),
            "\"osc\" has no output \"loud\" (it has: out",
        ),
        (
            connect("osc.out -> filter.out"),
            "\"filter\" has no input \"out\" (it has: in",
        ),
        (
            connect("osc.in -> filter.in"),
            "\"osc\" has no output \"in\"",
        ),
        (
            Edit::Connect {
                cable: Cable {
                    amount: f32::NAN,
                    ..cable("lfo.out -> filter.in")
                },
            },
            "\"NaN\" is no amount",
        ),
        (
            Edit::Connect {
                cable: Cable {
                    from: PortRef {
                        module: "osc".into(),
                        port: "out -> x".into(),
                    },
                    ..cable("lfo.out -> filter.in")
                },
            },
            "\"osc.out -> x\" is no port",
        ),
    ] {
        let error = refused(&patch, &edit).to_string();
        assert!(error.contains(text), "{error:?} does not say {text:?}");
    }
    let error = refused(&patch, &create("osc", "sine"));
    assert!(matches!(
        error,
        EditError::Build(BuildError::DuplicateModule { .. })
    ));
    let error = refused(&patch, &connect("gone.out -> filter.in"));
    assert!(matches!(
        error,
        EditError::Build(BuildError::Cable {
            fault: CableFault::NoModule { .. },
            ..
        })
    ));
    let (kind, switch) = CATALOG
        .iter()
        .find_map(|entry| {
            let mut params = entry.spec.params.iter();
            let switch = params.find(|param| !param.is_continuous())?;
            Some((entry.spec.id, switch.id))
        })
        .expect("some module has a switch");
    let mut patch = patch;
    patch.apply(&create("it", kind)).unwrap();
    let error = refused(&patch, &connect(&format!("osc.out -> it.{switch}"))).to_string();
    assert!(error.contains("takes no cable"), "{error}");
}

#[test]
fn what_is_not_there_cannot_be_edited() {
    let patch = small();
    let gone = || "gone".to_string();
    for (edit, text) in [
        (delete("gone"), "no module \"gone\""),
        (rename("gone", "x"), "no module \"gone\""),
        (replace("gone", "svf"), "no module \"gone\""),
        (place("gone", 0.0, 0.0), "no module \"gone\""),
        (set_value("gone.cutoff", 1.0), "no module \"gone\""),
        (bind(900, "gone.cutoff"), "no module \"gone\""),
        (
            Edit::SetColor {
                module: gone(),
                color: None,
            },
            "no module \"gone\"",
        ),
        (
            Edit::SetNotes {
                module: gone(),
                notes: None,
            },
            "no module \"gone\"",
        ),
        (
            set_value("filter.pitch", 1.0),
            "module \"filter\" has no param \"pitch\" (it has: cutoff",
        ),
        (bind(900, "filter.pitch"), "has no param \"pitch\""),
        (
            disconnect("lfo.out -> filter.in"),
            "no cable \"lfo.out -> filter.in\"",
        ),
        (disconnect("gone.out -> filter.in"), "no cable"),
        (set_amount("osc.sync -> filter.in", 0.5), "no cable"),
        (set_feedback("osc.out -> lfo.fm", true), "no cable"),
        (Edit::Unbind { slot: 1000 }, "slot 1000 carries nothing"),
        (Edit::Unbind { slot: 0 }, "no slot 0; slots are 1 to 1024"),
        (bind(0, "osc.pitch"), "no slot 0"),
        (bind(1025, "osc.pitch"), "no slot 1025"),
        (delete(&"x".repeat(100_000)), "no module \"xxx"),
    ] {
        let error = refused(&patch, &edit).to_string();
        assert!(error.contains(text), "{error:?} does not say {text:?}");
    }
}
