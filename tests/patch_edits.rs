//! Edits of a patch: what each does, what is refused, and that everything can be undone.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::collection::vec;
use proptest::prelude::*;
use weft::patch::{
    BuildError, Cable, CableFault, Changed, Circle, Edit, EditError, History, LAST_SLOT,
    LONGEST_NAME, LONGEST_NOTES, ModuleKey, ParamRef, Patch, PortRef, Reach, STEPS, SlotFault,
    Transition,
};
use weft_modules::{CATALOG, ParamKind, ParamSpec};

fn cable(text: &str) -> Cable {
    text.parse().expect("a cable")
}

fn param(text: &str) -> ParamRef {
    text.parse().expect("a param")
}

fn create(id: &str, kind: &str) -> Edit {
    let (id, kind) = (id.into(), kind.into());
    Edit::Create {
        id,
        kind,
        position: None,
    }
}

fn delete(module: &str) -> Edit {
    let module = module.into();
    Edit::Delete { module }
}

fn connect(text: &str) -> Edit {
    let cable = cable(text);
    Edit::Connect { cable }
}

fn disconnect(text: &str) -> Edit {
    let Cable { from, to, .. } = cable(text);
    Edit::Disconnect { from, to }
}

fn set_amount(text: &str, amount: f32) -> Edit {
    let Cable { from, to, .. } = cable(text);
    Edit::SetAmount { from, to, amount }
}

fn set_feedback(text: &str, feedback: bool) -> Edit {
    let Cable { from, to, .. } = cable(text);
    Edit::SetFeedback { from, to, feedback }
}

fn rename(module: &str, to: &str) -> Edit {
    let (module, to) = (module.into(), to.into());
    Edit::Rename { module, to }
}

fn replace(module: &str, kind: &str) -> Edit {
    let (module, kind) = (module.into(), kind.into());
    Edit::Replace { module, kind }
}

fn set_value(text: &str, plain: f32) -> Edit {
    let ParamRef { module, param } = param(text);
    Edit::SetValue {
        module,
        param,
        plain,
    }
}

fn place(module: &str, x: f32, y: f32) -> Edit {
    let module = module.into();
    let position = (x, y);
    Edit::Move { module, position }
}

fn bind(slot: u16, text: &str) -> Edit {
    let param = param(text);
    Edit::Bind { slot, param }
}

fn load(text: &str) -> Edit {
    let patch = Box::new(read(text));
    Edit::Load { patch }
}

fn read(text: &str) -> Patch {
    Patch::from_ron(text).expect("a patch").0
}

/// A patch made by edits.
fn made(edits: &[Edit]) -> Patch {
    let mut patch = Patch::new("made");
    patch.apply_all(edits).expect("the edits fit");
    patch
}

/// Two oscillators and a filter.
fn small() -> Patch {
    made(&[
        create("osc", "sine"),
        create("filter", "svf"),
        create("lfo", "sine"),
        connect("osc.out -> filter.in"),
        connect("lfo.out -> filter.cutoff * 0.25"),
    ])
}

fn refused(patch: &Patch, edit: &Edit) -> EditError {
    let mut edited = patch.clone();
    let error = edited
        .apply(edit)
        .expect_err(&format!("{edit:?} does not fit"));
    assert_eq!(
        image(&edited),
        image(patch),
        "a failed edit changed something"
    );
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 1000, "{text}");
    error
}

fn cables(patch: &Patch) -> Vec<String> {
    patch.cables.iter().map(Cable::to_string).collect()
}

fn slots(patch: &Patch) -> BTreeMap<u16, String> {
    let slots = patch.slots.iter();
    slots
        .map(|(slot, bound)| (*slot, bound.to_string()))
        .collect()
}

fn slots_of(patch: &Patch, module: &str) -> Vec<(u16, String)> {
    let prefix = format!("{module}.");
    let slots = slots(patch).into_iter();
    slots
        .filter(|(_, bound)| bound.starts_with(&prefix))
        .collect()
}

fn key(patch: &Patch, module: &str) -> ModuleKey {
    patch.module(module).expect("there is the module").key()
}

/// Everything there is of a patch: the document, numbers to the last bit, keys, what slots wait for.
#[derive(Clone, Debug, PartialEq)]
struct Image {
    patch: Patch,
    modules: Vec<(ModuleKey, Option<(u32, u32)>, Vec<(String, u32)>)>,
    amounts: Vec<u32>,
    reserved: Vec<String>,
    text: String,
}

fn image(patch: &Patch) -> Image {
    let modules = patch.modules.iter().map(|(_, module)| {
        let position = module.position.map(|(x, y)| (x.to_bits(), y.to_bits()));
        let values = module.values();
        let values = values.map(|(spec, value)| (spec.id.into(), value.to_bits()));
        (module.key(), position, values.collect())
    });
    Image {
        patch: patch.clone(),
        modules: modules.collect(),
        amounts: patch
            .cables
            .iter()
            .map(|cable| cable.amount.to_bits())
            .collect(),
        reserved: patch.reserved().map(String::from).collect(),
        text: patch.to_ron(),
    }
}

fn catalog_param(kind: &str, id: &str) -> Option<&'static ParamSpec> {
    let entry = CATALOG.iter().find(|entry| entry.spec.id == kind)?;
    entry.spec.params.iter().find(|param| param.id == id)
}

/// Whether a cable leads from an output to something that takes cables, by the catalog alone.
fn leads(patch: &Patch, cable: &Cable) -> bool {
    let kind = |id: &str| {
        let (_, module) = patch.modules.iter().find(|(other, _)| *other == id)?;
        CATALOG
            .iter()
            .find(|entry| entry.spec.id == module.kind)
            .map(|entry| &entry.spec)
    };
    let (Some(from), Some(to)) = (kind(&cable.from.module), kind(&cable.to.module)) else {
        return false;
    };
    from.outputs.iter().any(|port| port.id == cable.from.port)
        && (to.inputs.iter().any(|port| port.id == cable.to.port)
            || to.params.iter().any(|param| {
                param.id == cable.to.port && param.kind == ParamKind::Float && !param.setting
            }))
}

/// Whether no ordinary cables run in a circle: takes modules away that nothing leads to until none
/// is left.
fn runs_forward(patch: &Patch) -> bool {
    let mut left: HashSet<&str> = patch.modules.iter().map(|(id, _)| id).collect();
    let edges: Vec<(&str, &str)> = patch
        .cables
        .iter()
        .filter(|cable| !cable.feedback && leads(patch, cable))
        .map(|cable| (cable.from.module.as_str(), cable.to.module.as_str()))
        .collect();
    loop {
        let fed: HashSet<&str> = edges
            .iter()
            .filter(|(from, _)| left.contains(from))
            .map(|(_, to)| *to)
            .collect();
        let before = left.len();
        left.retain(|id| fed.contains(id));
        if left.is_empty() {
            return true;
        }
        if left.len() == before {
            return false;
        }
    }
}

/// What holds of every patch.
fn is_sound(patch: &Patch) {
    let mut keys = HashSet::new();
    let mut ids = HashSet::new();
    for (id, module) in patch.modules.iter() {
        assert!(
            (1..=64).contains(&id.chars().count())
                && id
                    .chars()
                    .all(|c| c.is_alphanumeric() || c == '-' || c == '_'),
            "{id:?}"
        );
        assert!(ids.insert(id), "two modules {id}");
        assert!(keys.insert(module.key()), "{id} has the key of another");
        assert!(
            patch
                .module(id)
                .is_some_and(|found| found.key() == module.key())
        );
        assert!(
            module
                .position
                .is_none_or(|(x, y)| x.is_finite() && y.is_finite())
        );
        for (spec, value) in module.values() {
            assert!(
                (spec.min..=spec.max).contains(&value),
                "{id}.{} {value}",
                spec.id
            );
            assert!(spec.kind == ParamKind::Float || value.fract() == 0.0);
        }
    }
    let mut joined = HashSet::new();
    for cable in &patch.cables {
        assert!(joined.insert((&cable.from, &cable.to)), "{cable} is double");
        assert!(cable.amount.is_finite());
    }
    assert!(runs_forward(patch), "a circle: {:?}", cables(patch));
    assert_eq!(patch.circle(), None);
    let mut bound = HashSet::new();
    for (slot, param) in &patch.slots {
        assert!((1..=LAST_SLOT).contains(slot));
        assert!(bound.insert(param), "{param} has two slots");
    }
    let mut reserved = HashSet::new();
    for module in patch.reserved() {
        assert!(reserved.insert(module), "{module} is deleted twice");
        assert!(!ids.contains(module), "{module} is not deleted");
        assert!(
            bound.iter().any(|param| param.module == module),
            "nothing waits for {module}"
        );
    }
    let text = patch.to_ron();
    let (again, _) = Patch::from_ron(&text).expect("what is saved can be read");
    assert_eq!(again, *patch, "{text}");
    assert_eq!(again.to_ron(), text);
}

/// What holds of a patch that began without anything odd, besides.
fn is_tidy(patch: &Patch) {
    is_sound(patch);
    let kinds: HashMap<&str, &str> = patch
        .modules
        .iter()
        .map(|(id, module)| (id, module.kind.as_str()))
        .collect();
    for cable in &patch.cables {
        assert!(leads(patch, cable), "{cable} leads nowhere");
    }
    for (slot, bound) in &patch.slots {
        match kinds.get(bound.module.as_str()) {
            Some(kind) => {
                let spec = catalog_param(kind, &bound.param);
                assert!(spec.is_some_and(|spec| !spec.setting), "{slot}: {bound}");
            }
            None => assert!(patch.reserved().any(|id| id == bound.module), "{bound}"),
        }
    }
    let (_, notes) = Patch::from_ron(&patch.to_ron()).expect("what is saved can be read");
    assert_eq!(notes, []);
}

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

#[test]
fn numbers_are_kept_within_bounds() {
    let mut patch = small();
    let cutoff = catalog_param("svf", "cutoff").unwrap();
    let changed = patch.apply(&set_value("filter.cutoff", 440.0)).unwrap();
    assert_eq!(
        changed,
        Changed {
            reach: Reach::Value,
            values: vec![param("filter.cutoff")]
        }
    );
    assert_eq!(patch.value("filter", "cutoff"), Some(440.0));
    patch.apply(&set_value("filter.cutoff", 1e9)).unwrap();
    assert_eq!(patch.value("filter", "cutoff"), Some(cutoff.max));
    patch.apply(&set_value("filter.cutoff", -1e9)).unwrap();
    assert_eq!(patch.value("filter", "cutoff"), Some(cutoff.min));
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = refused(&patch, &set_value("filter.cutoff", value));
        assert!(
            error.to_string().contains("filter.cutoff cannot be"),
            "{error}"
        );
        let error = refused(&patch, &set_amount("osc.out -> filter.in", value));
        assert!(error.to_string().contains("is no amount"), "{error}");
        let error = refused(&patch, &place("osc", 0.0, value));
        assert!(
            error.to_string().contains("\"osc\" cannot be put at"),
            "{error}"
        );
        refused(&patch, &place("osc", value, 0.0));
        refused(
            &patch,
            &Edit::Create {
                id: "new".into(),
                kind: "svf".into(),
                position: Some((value, 0.0)),
            },
        );
    }
    patch
        .apply(&set_amount("osc.out -> filter.in", -0.125))
        .unwrap();
    assert_eq!(cables(&patch)[0], "osc.out -> filter.in * -0.125");
    is_tidy(&patch);
}

#[test]
fn texts_have_an_end() {
    let patch = small();
    let name = |length: usize| Edit::SetName {
        name: "é".repeat(length),
    };
    let color = |length: usize| Edit::SetColor {
        module: "osc".into(),
        color: Some("é".repeat(length)),
    };
    let notes = |length: usize| Edit::SetNotes {
        module: "osc".into(),
        notes: Some("é".repeat(length)),
    };
    for (edit, whose) in [
        (name(LONGEST_NAME + 1), "the name of the patch"),
        (color(LONGEST_NAME + 1), "the colour of module \"osc\""),
        (notes(LONGEST_NOTES + 1), "the notes on module \"osc\""),
    ] {
        let error = refused(&patch, &edit).to_string();
        assert!(error.starts_with(whose), "{error}");
    }
    let mut patch = patch;
    patch
        .apply_all(&[
            name(LONGEST_NAME),
            color(LONGEST_NAME),
            notes(LONGEST_NOTES),
        ])
        .unwrap();
    is_tidy(&patch);
}

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

/// Numbers that become an edit of whatever patch is there.
type Dice = [u16; 8];

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

fn pick<T: Clone>(choices: &[T], dice: u16) -> Option<T> {
    let index = usize::from(dice) % choices.len().max(1);
    choices.get(index).cloned()
}

/// The id of a module, mostly one that is there.
fn some_module(patch: &Patch, dice: u16) -> String {
    let ids: Vec<&str> = patch.modules.iter().map(|(id, _)| id).collect();
    match pick(&ids, dice / 16) {
        Some(id) if !dice.is_multiple_of(16) => id.into(),
        _ => some_id(dice / 16),
    }
}

/// An id from a few, so that they meet, some of which cannot be ids.
fn some_id(dice: u16) -> String {
    let ids = ["a", "b", "c", "d", "e", "é1", "x-2", "a b", "", "f.g", "z"];
    pick(&ids, dice).unwrap_or("a").into()
}

fn some_kind(dice: u16) -> String {
    let known: Vec<&str> = CATALOG.iter().map(|entry| entry.spec.id).collect();
    match dice % 16 {
        0 => "theremin".into(),
        _ => pick(&known, dice / 16).unwrap_or("sine").into(),
    }
}

/// A port of a module, mostly one it has.
fn some_port(patch: &Patch, dice: u16, output: bool) -> PortRef {
    let module = some_module(patch, dice);
    let outputs = |spec: &'static weft_modules::ModuleSpec| {
        let ports = spec.outputs.iter().map(|port| port.id);
        ports.collect::<Vec<_>>()
    };
    let inputs = |spec: &'static weft_modules::ModuleSpec| {
        let ports = spec.inputs.iter().map(|port| port.id);
        let params = spec.params.iter().map(|param| param.id);
        ports.chain(params).collect::<Vec<_>>()
    };
    let ports = patch.spec(&module).map(|spec| {
        if output != dice.is_multiple_of(31) {
            outputs(spec)
        } else {
            inputs(spec)
        }
    });
    let port = pick(&ports.unwrap_or_default(), dice.rotate_left(7)).unwrap_or("in");
    PortRef {
        module,
        port: port.into(),
    }
}

fn some_param(patch: &Patch, dice: u16) -> ParamRef {
    let module = some_module(patch, dice);
    let params: Vec<&str> = patch
        .spec(&module)
        .map(|spec| spec.params.iter().map(|param| param.id).collect())
        .unwrap_or_default();
    let param = pick(&params, dice.rotate_left(5)).unwrap_or("in").into();
    ParamRef { module, param }
}

fn some_number(dice: u16) -> f32 {
    match dice % 16 {
        0 => f32::NAN,
        1 => f32::INFINITY,
        2 => -0.0,
        3 => 1e30,
        4..8 => f32::from(dice),
        _ => (f32::from(dice) - 32_768.0) / 8_192.0,
    }
}

/// The ends of a cable, mostly one that is there.
fn some_ends(patch: &Patch, dice: u16) -> (PortRef, PortRef) {
    match pick(&patch.cables, dice / 16) {
        Some(cable) if !dice.is_multiple_of(16) => (cable.from, cable.to),
        _ => (
            some_port(patch, dice, true),
            some_port(patch, dice.rotate_left(3), false),
        ),
    }
}

fn some_slot(patch: &Patch, dice: u16) -> u16 {
    let bound: Vec<u16> = patch.slots.keys().copied().collect();
    match dice % 4 {
        0 => dice % 1100,
        1 => dice / 4 % 24,
        _ => pick(&bound, dice / 4).unwrap_or(0),
    }
}

fn some_text(dice: u16) -> String {
    match dice % 4 {
        0 => String::new(),
        1 => char::from_u32(u32::from(dice)).map_or("\u{0}\"\n".into(), String::from),
        2 => "\"quoted\" \\ and\r\nbroken".into(),
        _ => "x".repeat(usize::from(dice) / 4),
    }
}

fn some_edit(patch: &Patch, dice: Dice) -> Edit {
    let [what, a, b, c, d, ..] = dice;
    match what % 24 {
        0..4 => Edit::Create {
            id: some_id(a),
            kind: some_kind(b),
            position: c
                .is_multiple_of(3)
                .then(|| (some_number(c), some_number(d))),
        },
        4 | 5 => Edit::Delete {
            module: some_module(patch, a),
        },
        6..11 => Edit::Connect {
            cable: Cable {
                from: some_port(patch, a, true),
                to: some_port(patch, b, false),
                amount: if c.is_multiple_of(2) {
                    1.0
                } else {
                    some_number(c)
                },
                feedback: d.is_multiple_of(5),
            },
        },
        11 => {
            let (from, to) = some_ends(patch, a);
            Edit::Disconnect { from, to }
        }
        12 => {
            let (from, to) = some_ends(patch, a);
            let amount = some_number(b);
            Edit::SetAmount { from, to, amount }
        }
        13 => {
            let (from, to) = some_ends(patch, a);
            let feedback = b.is_multiple_of(2);
            Edit::SetFeedback { from, to, feedback }
        }
        14 | 15 => Edit::Rename {
            module: some_module(patch, a),
            to: some_id(b),
        },
        16 => Edit::Replace {
            module: some_module(patch, a),
            kind: some_kind(b),
        },
        17 => Edit::Move {
            module: some_module(patch, a),
            position: (some_number(b), some_number(c)),
        },
        18 | 19 => {
            let ParamRef { module, param } = some_param(patch, a);
            Edit::SetValue {
                module,
                param,
                plain: some_number(b),
            }
        }
        20 => Edit::Bind {
            slot: some_slot(patch, a),
            param: some_param(patch, b),
        },
        21 => Edit::Unbind {
            slot: some_slot(patch, a),
        },
        22 => match a % 4 {
            0 => Edit::SetName { name: some_text(b) },
            3 => Edit::SetTransition {
                transition: Transition {
                    fade: some_number(b),
                    tail: some_number(c),
                },
            },
            1 => Edit::SetColor {
                module: some_module(patch, c),
                color: Some(some_text(b)),
            },
            _ => Edit::SetNotes {
                module: some_module(patch, c),
                notes: Some(some_text(b)),
            },
        },
        _ if a % 4 > 0 => Edit::SetName { name: some_text(b) },
        _ => {
            let mut other = patch.clone();
            let edits = [dice.map(|dice| dice.rotate_left(5))];
            for dice in edits {
                if dice[0] % 24 < 20 {
                    let edit = some_edit(&other, dice);
                    let _ = other.apply(&edit);
                }
            }
            if b.is_multiple_of(8)
                && let Some(cable) = other.cables.first_mut()
            {
                cable.amount = some_number(c);
            }
            Edit::Load {
                patch: other.into(),
            }
        }
    }
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
