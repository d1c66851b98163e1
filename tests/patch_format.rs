//! The patch as people write it and as it is saved: what is read, what is told, what comes back.

use std::fmt::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use weft::patch::{
    BuildError, CableFault, CableSyntaxError, LARGEST_TEXT, LAST_SLOT, Patch, PatchError,
    PatchNote, SlotFault,
};
use weft_modules::{CATALOG, ModuleSpec, ParamKind};

const FIRST_LIGHT: &str = r#"
Patch(format: 1, name: "First light",
  modules: {
    "notes":  (type: "notes"),
    "osc":    (type: "saw"),
    "filter": (type: "svf", params: {"cutoff": 800.0, "resonance": 0.4}),
    "env":    (type: "adsr"), "vca": (type: "vca"), "out": (type: "audio-out"),
  },
  cables: [
    "notes.pitch -> osc.pitch", "osc.out -> filter.in", "notes.gate -> env.gate",
    "env.out -> filter.cutoff * 0.5",   // a cable into a param carries an amount
    "filter.low -> vca.in", "env.out -> vca.level", "vca.out -> out.left", "vca.out -> out.right",
  ],
  slots: {1: "filter.cutoff"},
)
"#;

fn read(text: &str) -> (Patch, Vec<PatchNote>) {
    Patch::from_ron(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn refused(text: &str) -> PatchError {
    Patch::from_ron(text).expect_err("this is no patch")
}

/// A document with these modules, cables and slots.
fn document(modules: &str, cables: &str, slots: &str) -> String {
    format!("Patch(format: 1, modules: {{{modules}}}, cables: [{cables}], slots: {{{slots}}})")
}

/// Every value of a patch, to the last bit.
fn bits(patch: &Patch) -> Vec<(String, String, u32)> {
    let modules = patch.modules.iter();
    modules
        .flat_map(|(id, module)| {
            let values = module.values();
            values.map(move |(param, value)| (id.into(), param.id.into(), value.to_bits()))
        })
        .collect()
}

fn comes_back(patch: &Patch) {
    let text = patch.to_ron();
    let (again, _) = read(&text);
    assert_eq!(again, *patch, "{text}");
    assert_eq!(bits(&again), bits(patch), "{text}");
    let amounts = |patch: &Patch| -> Vec<u32> {
        patch
            .cables
            .iter()
            .map(|cable| cable.amount.to_bits())
            .collect()
    };
    assert_eq!(amounts(&again), amounts(patch), "{text}");
    assert_eq!(again.to_ron(), text);
}

#[test]
fn the_first_patch_reads_as_it_is_written() {
    let (patch, notes) = read(FIRST_LIGHT);
    assert_eq!(notes, []);
    assert_eq!(patch.name, "First light");
    let ids: Vec<_> = patch
        .modules
        .iter()
        .map(|(id, module)| (id, module.kind.as_str()))
        .collect();
    assert_eq!(
        ids,
        [
            ("notes", "notes"),
            ("osc", "saw"),
            ("filter", "svf"),
            ("env", "adsr"),
            ("vca", "vca"),
            ("out", "audio-out")
        ]
    );
    assert_eq!(patch.value("filter", "cutoff"), Some(800.0));
    assert_eq!(patch.value("filter", "resonance"), Some(0.4));
    assert_eq!(patch.cables.len(), 8);
    assert_eq!(
        patch.cables[3].to_string(),
        "env.out -> filter.cutoff * 0.5"
    );
    assert_eq!(patch.cables[3].amount, 0.5);
    assert_eq!(patch.cables[0].amount, 1.0);
    let slots: Vec<_> = patch
        .slots
        .iter()
        .map(|(slot, bound)| (*slot, bound.to_string()))
        .collect();
    assert_eq!(slots, [(1, "filter.cutoff".into())]);
    comes_back(&patch);
}

#[test]
fn a_patch_is_written_for_people() {
    let text = "\
Patch(
    format: 1,
    name: \"Two\",
    modules: {
        \"osc\": (type: \"sine\", params: {\"pitch\": -0.25}, position: (10.0, -20.5)),
        \"filter\": (type: \"svf\", params: {\"cutoff\": 800.0}),
        \"other\": (
            type: \"granular\",
            version: 3,
            params: {
                \"density\": 0.123456789012345,
                \"shape\": Grain(a: [1, 2]),
            },
            color: \"amber\",
            notes: \"He said \\\"more\\\", and then he said it again.\",
        ),
    },
    cables: [
        \"osc.out -> filter.in\",
        \"osc.out -> filter.cutoff * -0.5\",
        \"filter.low -> other.in feedback\",
    ],
    slots: {
        3: \"filter.cutoff\",
        1024: \"other.density\",
    },
)
";
    let (patch, _) = read(text);
    assert_eq!(patch.to_ron(), text);
}

#[test]
fn values_are_written_by_name_where_they_have_one() {
    let mut kinds = [0; 4];
    for entry in CATALOG {
        let mut patch = Patch::new("x");
        patch.add("it", entry.spec.id).unwrap();
        for param in entry.spec.params {
            assert!(patch.set_value("it", param.id, param.max));
        }
        let text = patch.to_ron();
        for param in entry.spec.params {
            let written = match param.kind {
                ParamKind::Float => {
                    kinds[0] += 1;
                    format!("{:?}", param.max)
                }
                ParamKind::Int => {
                    kinds[1] += 1;
                    (param.max as i64).to_string()
                }
                ParamKind::Bool => {
                    kinds[2] += 1;
                    "true".into()
                }
                ParamKind::Choice(names) => {
                    kinds[3] += 1;
                    format!("{:?}", names[names.len() - 1])
                }
            };
            assert!(
                text.contains(&format!("\"{}\": {written}", param.id)),
                "{}: {text}",
                param.id
            );
        }
        comes_back(&patch);
    }
    assert!(
        kinds.iter().all(|count| *count > 0),
        "a kind of param was never written: {kinds:?}"
    );
}

#[test]
fn every_choice_comes_back_by_its_name() {
    for entry in CATALOG {
        for param in entry.spec.params {
            for value in 0..param.values().unwrap_or(0) {
                let mut patch = Patch::new("x");
                patch.add("it", entry.spec.id).unwrap();
                patch.set_value("it", param.id, param.min + value as f32);
                let (again, notes) = read(&patch.to_ron());
                assert_eq!(notes, []);
                assert_eq!(
                    again.value("it", param.id),
                    Some(param.min + value as f32),
                    "{}",
                    param.id
                );
            }
        }
    }
}

#[test]
fn values_are_kept_to_the_last_bit() {
    let mut patch = Patch::new("x");
    patch.add("filter", "svf").unwrap();
    let smallest = f32::from_bits(1);
    for value in [
        -0.0,
        0.0,
        smallest,
        f32::MIN_POSITIVE,
        0.1,
        1.0 / 3.0,
        1.0 - f32::EPSILON / 2.0,
    ] {
        patch.set_value("filter", "resonance", value);
        assert_eq!(
            patch.value("filter", "resonance").map(f32::to_bits),
            Some(value.to_bits())
        );
        comes_back(&patch);
    }
}

#[test]
fn a_patch_without_slots_binds_every_param_in_order() {
    let (patch, notes) = read(
        r#"Patch(format: 1, modules: {"b": (type: "svf"), "x": (type: "unheard-of"), "a": (type: "sine")})"#,
    );
    assert_eq!(notes.len(), 1, "{notes:?}");
    let params = |id: &str| -> Vec<String> {
        let spec = patch.spec(id).unwrap();
        let bound = spec.params.iter().filter(|param| !param.setting);
        bound.map(|param| format!("{id}.{}", param.id)).collect()
    };
    let expected: Vec<_> = (1..).zip([params("b"), params("a")].concat()).collect();
    let slots: Vec<_> = patch
        .slots
        .iter()
        .map(|(slot, bound)| (*slot, bound.to_string()))
        .collect();
    assert_eq!(slots, expected);

    // A patch that names none has none, and stays so.
    let (none, _) = read(r#"Patch(format: 1, modules: {"b": (type: "svf")}, slots: {})"#);
    assert!(none.slots.is_empty());
    comes_back(&none);
}

#[test]
fn settings_get_no_slot() {
    let entry = CATALOG
        .iter()
        .find(|entry| entry.spec.params.iter().any(|param| param.setting))
        .expect("some module has a setting");
    let mut patch = Patch::new("x");
    patch.add("it", entry.spec.id).unwrap();
    let settings = entry.spec.params.iter().filter(|param| param.setting);
    for setting in settings {
        assert!(patch.slots.values().all(|bound| bound.param != setting.id));
        let text = document(
            &format!("\"it\": (type: {:?})", entry.spec.id),
            "",
            &format!("1: \"it.{}\"", setting.id),
        );
        let (kept, notes) = read(&text);
        assert!(
            matches!(
                &notes[..],
                [PatchNote::Slot {
                    slot: 1,
                    fault: SlotFault::Setting { .. },
                    ..
                }]
            ),
            "{notes:?}"
        );
        assert_eq!(kept.slots.len(), 1);
    }
}

#[test]
fn a_large_patch_keeps_everything_but_slots_it_does_not_have() {
    let mut text = String::from("Patch(format: 1, modules: {");
    for module in 0..1000 {
        write!(text, "\"m{module}\": (type: \"svf\"),").unwrap();
    }
    text.push_str("}, cables: [");
    for cable in 0..4000 {
        write!(
            text,
            "\"m{}.low -> m{}.in * {cable}\",",
            cable % 1000,
            (cable * 7 + cable / 1000) % 1000
        )
        .unwrap();
    }
    text.push_str("])");
    let (patch, notes) = read(&text);
    let params = patch
        .spec("m0")
        .unwrap()
        .params
        .iter()
        .filter(|param| !param.setting)
        .count();
    assert_eq!(
        notes,
        [PatchNote::OutOfSlots {
            unbound: 1000 * params - usize::from(LAST_SLOT)
        }]
    );
    assert_eq!((patch.modules.len(), patch.cables.len()), (1000, 4000));
    assert_eq!(patch.slots.len(), usize::from(LAST_SLOT));
    assert_eq!(patch.slots.keys().last(), Some(&LAST_SLOT));
    comes_back(&patch);
}

#[test]
fn an_unknown_module_keeps_all_it_has() {
    let text = document(
        r#""osc": (type: "sine"),
           "cloud": (type: "granular", version: 7, params: {"density": 1234567890.123456789, "file": "a.wav",
             "on": true, "shape": Grain(a: [1, 2], b: ('x', None)), "bits": 0xff /* all */},
             position: (1.5, -2.0), color: "amber", notes: "mine"),
           "out": (type: "svf")"#,
        r#""osc.out -> cloud.in * 0.25", "cloud.left -> out.in""#,
        r#"5: "cloud.density", 7: "osc.pitch""#,
    );
    let (patch, notes) = read(&text);
    assert_eq!(
        notes,
        [PatchNote::UnknownType {
            module: "cloud".into(),
            kind: "granular".into()
        }]
    );
    assert!(patch.spec("cloud").is_none());
    assert_eq!(patch.value("cloud", "density"), None);
    let saved = patch.to_ron();
    for kept in [
        r#"type: "granular""#,
        "version: 7",
        r#""density": 1234567890.123456789"#,
        r#""file": "a.wav""#,
        r#""on": true"#,
        r#""shape": Grain(a: [1, 2], b: ('x', None))"#,
        r#""bits": 0xff"#,
        "position: (1.5, -2.0)",
        r#"color: "amber""#,
        r#"notes: "mine""#,
        r#""osc.out -> cloud.in * 0.25""#,
        r#""cloud.left -> out.in""#,
        r#"5: "cloud.density""#,
    ] {
        assert!(saved.contains(kept), "{kept} is lost:\n{saved}");
    }
    let order: Vec<_> = patch.modules.iter().map(|(id, _)| id).collect();
    assert_eq!(order, ["osc", "cloud", "out"]);
    comes_back(&patch);
}

#[test]
fn what_leads_nowhere_is_kept_and_told() {
    let text = document(
        r#""osc": (type: "sine", params: {"wobble": 3.5}), "filter": (type: "svf", version: 900)"#,
        r#""osc.loud -> filter.in", "osc.out -> filter.inn", "osc.out -> gone.in", "gone.out -> filter.in",
           "osc.out -> filter.in""#,
        r#"1: "gone.level", 2: "osc.wobble""#,
    );
    let (patch, notes) = read(&text);
    let told: Vec<_> = notes.iter().map(PatchNote::to_string).collect();
    for (told, parts) in told.iter().zip([
        &["\"osc\" has no param \"wobble\"", "kept"][..],
        &["\"filter\"", "version 900", "Update Weft"],
        &[
            "\"osc.loud -> filter.in\"",
            "\"osc\" has no output \"loud\" (it has: out",
            "kept",
        ],
        &[
            "\"osc.out -> filter.inn\"",
            "\"filter\" has no input \"inn\"",
            "cutoff",
        ],
        &["\"osc.out -> gone.in\"", "no module \"gone\""],
        &["\"gone.out -> filter.in\"", "no module \"gone\""],
        &["Slot 1", "\"gone.level\"", "no module \"gone\""],
        &["Slot 2", "\"osc.wobble\"", "no param \"wobble\""],
    ]) {
        for part in parts {
            assert!(told.contains(part), "{told:?} does not tell {part:?}");
        }
    }
    assert_eq!(told.len(), 8, "{told:#?}");
    assert_eq!(patch.cables.len(), 5);
    assert_eq!(patch.slots.len(), 2);
    assert_eq!(patch.fault(&patch.cables[4]), None);
    assert!(matches!(
        patch.fault(&patch.cables[2]),
        Some(CableFault::NoModule { .. })
    ));
    let saved = patch.to_ron();
    assert!(
        saved.contains("\"wobble\": 3.5") && saved.contains("version: 900"),
        "{saved}"
    );
    assert_eq!(read(&saved).1, notes);
    comes_back(&patch);
}

#[test]
fn a_switch_takes_no_cable() {
    let entry = CATALOG.iter().find_map(|entry| {
        let switch = entry
            .spec
            .params
            .iter()
            .find(|param| !param.is_continuous())?;
        Some((&entry.spec, switch))
    });
    let (spec, switch) = entry.expect("some module has a switch");
    let modules = format!("\"osc\": (type: \"sine\"), \"it\": (type: {:?})", spec.id);
    let (patch, notes) = read(&document(
        &modules,
        &format!("\"osc.out -> it.{}\"", switch.id),
        "",
    ));
    assert!(
        matches!(
            &notes[..],
            [PatchNote::Cable {
                fault: CableFault::TakesNoCable { .. },
                ..
            }]
        ),
        "{notes:?}"
    );
    assert_eq!(patch.cables.len(), 1);
}

#[test]
fn values_that_do_not_fit_are_told() {
    let (patch, notes) = read(&document(
        r#""a": (type: "svf", params: {"cutoff": 90000, "resonance": NaN}, position: (inf, 0)),
           "b": (type: "svf", params: {"cutoff": "loud", "resonance": "150 %"}),
           "c": (type: "svf", params: {"cutoff": -inf, "resonance": [1]}),
           "d": (type: "svf", params: {"cutoff": "1.2 kHz", "resonance": "50 %"})"#,
        "",
        "",
    ));
    let spec = patch.spec("a").unwrap();
    let cutoff = &spec.params[spec.param("cutoff").unwrap()];
    let resonance = &spec.params[spec.param("resonance").unwrap()];
    assert_eq!(patch.value("a", "cutoff"), Some(cutoff.max));
    assert_eq!(patch.value("a", "resonance"), Some(resonance.default));
    assert_eq!(patch.module("a").unwrap().position, None);
    assert_eq!(patch.value("b", "cutoff"), Some(cutoff.default));
    assert_eq!(patch.value("b", "resonance"), Some(resonance.max));
    assert_eq!(patch.value("c", "cutoff"), Some(cutoff.default));
    assert_eq!(patch.value("d", "cutoff"), Some(1200.0));
    assert_eq!(patch.value("d", "resonance"), Some(0.5));
    let told: Vec<_> = notes.iter().map(PatchNote::to_string).collect();
    for part in [
        &format!(
            "a.cutoff cannot be 90000; {} is used.",
            cutoff.text(cutoff.max)
        ),
        "a.resonance was saved as no number",
        "Module \"a\" had no usable position",
        "\"loud\" is no value of b.cutoff; its default",
        "b.resonance cannot be \"150 %\"; 100 % is used.",
        "c.cutoff was saved as no number",
        "[1] is no value of c.resonance",
    ] {
        assert!(
            told.iter().any(|told| told.contains(part)),
            "{part:?} is not told: {told:#?}"
        );
    }
    assert_eq!(told.len(), 7, "{told:#?}");
    // Once read, all is in order.
    assert_eq!(read(&patch.to_ron()).1, []);
}

#[test]
fn what_is_written_twice_is_kept_once_and_told() {
    let (patch, notes) = read(&document(
        r#""osc": (type: "sine"), "filter": (type: "svf")"#,
        r#""osc.out -> filter.in", "osc.out->filter.in*0.5", "osc.out -> filter.cutoff""#,
        r#"1: "filter.cutoff", 1: "filter.resonance", 2: "filter.cutoff", 0: "osc.pitch", 1025: "osc.pitch", -9: "osc.fine", 3: "osc.pitch""#,
    ));
    let slots: Vec<_> = patch
        .slots
        .iter()
        .map(|(slot, bound)| format!("{slot} {bound}"))
        .collect();
    assert_eq!(slots, ["1 filter.cutoff", "3 osc.pitch"]);
    assert_eq!(patch.cables.len(), 2);
    assert_eq!(patch.cables[0].amount, 1.0);
    let told: Vec<_> = notes.iter().map(PatchNote::to_string).collect();
    assert_eq!(
        told,
        [
            "The cable \"osc.out -> filter.in * 0.5\" joins two ports that are joined already; it is left out.",
            "Slot 1 is bound twice; its second binding, to \"filter.resonance\", is left out.",
            "\"filter.cutoff\" has a slot already; its second one, 2, is left unbound.",
            "There is no slot 0 for \"osc.pitch\": slots are 1 to 1024. The binding is left out.",
            "There is no slot 1025 for \"osc.pitch\": slots are 1 to 1024. The binding is left out.",
            "There is no slot -9 for \"osc.fine\": slots are 1 to 1024. The binding is left out.",
        ]
    );
}

#[test]
fn cables_are_read_as_people_write_them() {
    let modules = r#""a": (type: "sine"), "b": (type: "svf")"#;
    for (written, saved) in [
        ("a.out -> b.in", "a.out -> b.in"),
        ("  a.out->b.in  ", "a.out -> b.in"),
        ("a.out -> b.in * 1", "a.out -> b.in"),
        ("a.out -> b.cutoff*-0.5", "a.out -> b.cutoff * -0.5"),
        ("a.out -> b.in * 0", "a.out -> b.in * 0.0"),
        ("a.out -> b.in * 1e-40", "a.out -> b.in * 1e-40"),
        ("a.out -> b.in feedback", "a.out -> b.in feedback"),
        ("a.out -> b.in * 2 feedback", "a.out -> b.in * 2.0 feedback"),
    ] {
        let (patch, notes) = read(&document(modules, &format!("{written:?}"), ""));
        assert_eq!(notes, []);
        assert_eq!(patch.cables[0].to_string(), saved);
        assert_eq!(patch.cables[0].feedback, saved.contains("feedback"));
        comes_back(&patch);
    }
    for (written, cause) in [
        ("", CableSyntaxError::Arrow),
        ("a.out", CableSyntaxError::Arrow),
        ("a.out > b.in", CableSyntaxError::Arrow),
        ("a.out -> b.in -> c.in", CableSyntaxError::Arrow),
        ("a -> b.in", CableSyntaxError::Port("a".into())),
        ("a.out -> b", CableSyntaxError::Port("b".into())),
        (
            "a.out -> b.in.left",
            CableSyntaxError::Port("b.in.left".into()),
        ),
        (
            "a.out -> b.in 0.5",
            CableSyntaxError::Port("b.in 0.5".into()),
        ),
        (
            "a.out -> b.in backwards",
            CableSyntaxError::Port("b.in backwards".into()),
        ),
        (".out -> b.in", CableSyntaxError::Port(".out".into())),
        ("a.out -> b.in *", CableSyntaxError::Amount(String::new())),
        (
            "a.out -> b.in * much",
            CableSyntaxError::Amount("much".into()),
        ),
        (
            "a.out -> b.in * NaN",
            CableSyntaxError::Amount("NaN".into()),
        ),
        (
            "a.out -> b.in * inf",
            CableSyntaxError::Amount("inf".into()),
        ),
        (
            "a.out -> b.in * 1e99",
            CableSyntaxError::Amount("1e99".into()),
        ),
        (
            "a.out -> b.in * 2 * 3",
            CableSyntaxError::Amount("2 * 3".into()),
        ),
    ] {
        let error = refused(&document(
            modules,
            &format!("\"a.out -> b.in\", {written:?}"),
            "",
        ));
        assert_eq!(
            error,
            PatchError::Cable {
                number: 2,
                cable: written.into(),
                why: cause
            }
        );
    }
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    for (text, message) in [
        ("", "line 1, column 1: the text ends too early"),
        ("\u{0}\u{1}garbage", "line 1, column 1: "),
        (
            "Patch(format: 1,\n  name: \"x\"\n  modules: {})",
            "line 3, column 3: expected comma",
        ),
        (
            "Patch(format: 1,\n  modules: {\"a\": (type: \"svf\" params: {})})",
            "line 2, column 31: expected comma",
        ),
        (
            "Patch(format: 1, name: \"x)",
            "line 1, column 24: a text that begins here has no end",
        ),
        (
            "Patch(format: 1, modules: {\"a\": (type: \"svf\")\n ",
            "the text ends too early",
        ),
        (
            "Patch(format: 1) Patch(format: 1)",
            "line 1, column 17: something follows the end of the patch",
        ),
        ("Patch(name: \"x\")", "\"format\" is missing"),
        ("Patch(format: 1, format: 1)", "\"format\" is written twice"),
        (
            "Patch(format: 1,\n  colour: 3)",
            "line 2, column 3: unexpected field named `colour`",
        ),
        (
            "Patch(format: 1,\n modules: {\"a\": (type: \"svf\", knobs: {})})",
            "line 2, column 31: unexpected field named `knobs`",
        ),
        (
            "Patch(format: 1, modules: {\"a\": ()})",
            "\"type\" is missing",
        ),
        (
            "Patch(format: 1, modules: {\"a\": (type: \"svf\", version: 0)})",
            "line 1, column 56: ",
        ),
        (
            "Patch(format: 7)",
            "format 7, and this Weft reads format 1; a newer Weft wrote it",
        ),
        (
            "Patch(format: 7, what: [is, This(1)])",
            "format 7, and this Weft reads format 1",
        ),
        ("Patch(format: 0)", "format 0"),
        (
            "Rack(format: 1)",
            "line 1, column 1: expected struct `Patch` but found `Rack`",
        ),
        (
            &document(r#""a": (type: "svf"), "a": (type: "sine")"#, "", ""),
            "two modules have the id \"a\"",
        ),
        (
            &document(r#""a.b": (type: "svf")"#, "", ""),
            "\"a.b\" cannot be the id of a module",
        ),
        (
            &document(r#""": (type: "svf")"#, "", ""),
            "\"\" cannot be the id of a module",
        ),
        (
            &document(r#""a b": (type: "svf")"#, "", ""),
            "\"a b\" cannot be the id of a module",
        ),
        (
            &document(r#""a->b": (type: "svf")"#, "", ""),
            "\"a->b\" cannot be the id of a module",
        ),
        (
            &document(&format!("\"{}\": (type: \"svf\")", "x".repeat(65)), "", ""),
            "cannot be the id of a module",
        ),
        (
            &document(
                r#""a": (type: "svf", params: {"cutoff": 1, "cutoff": 2})"#,
                "",
                "",
            ),
            "module \"a\" has its param \"cutoff\" written twice",
        ),
        (
            &document("", r#""a.out""#, ""),
            "cable 1, \"a.out\": write one arrow",
        ),
        (
            &document("", "", r#"4: "cutoff""#),
            "slot 4 is bound to \"cutoff\"; write a module, a dot and a param",
        ),
        (
            &document("", "", r#"99999999999999999999: "a.b""#),
            "out of bounds",
        ),
    ] {
        let error = refused(text).to_string();
        assert!(
            error.contains(message),
            "{text}\n{error:?} does not say {message:?}"
        );
    }
}

#[test]
fn names_of_any_script_are_ids() {
    for id in ["a", "Bass_2", "-", "9", "Filtré", "音源", &"x".repeat(64)] {
        let (patch, notes) = read(&document(
            &format!("\"{id}\": (type: \"svf\")"),
            "",
            &format!("1: \"{id}.cutoff\""),
        ));
        assert_eq!(notes, []);
        assert!(patch.module(id).is_some());
        comes_back(&patch);
    }
}

#[test]
fn hostile_text_is_refused() {
    assert_eq!(
        refused(&" ".repeat(LARGEST_TEXT + 1)),
        PatchError::TooLarge {
            bytes: LARGEST_TEXT + 1
        }
    );
    let places = [
        ("", ""),
        ("Patch(format: 1, name: ", ")"),
        (
            "Patch(format: 1, modules: {\"a\": (type: \"x\", params: {\"b\": ",
            "})})",
        ),
        ("Patch(format: 1, what: ", ")"),
    ];
    for (before, after) in places {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{1:", "}"),
            ("Some(", ")"),
            ("x(", ")"),
            ("(a:", ")"),
            ("/*", "*/"),
        ] {
            let depth = 100_000;
            let text = format!(
                "{before}{}{}{after}",
                open.repeat(depth),
                close.repeat(depth)
            );
            assert!(matches!(refused(&text), PatchError::Syntax { .. }));
            assert!(Patch::from_ron(&format!("{before}{}", open.repeat(depth))).is_err());
        }
    }
    for extension in [
        "unwrap_variant_newtypes",
        "unwrap_newtypes",
        "implicit_some",
        "nonsense",
    ] {
        is_safe(&format!(
            "#![enable({extension})] Patch(format: 1, modules: {{\"a\": (type: \"x\", params: {{\"b\": Some(c: 1)}})}})"
        ));
    }
    let long = "x".repeat(1 << 20);
    for text in [
        document(&format!("\"{long}\": (type: \"svf\")"), "", ""),
        document("", &format!("\"{long}\""), ""),
        document("", &format!("\"{long} -> a.{long} * {long}\""), ""),
        document("", &format!("\"a.b -> c.d * {long}\""), ""),
        document("", "", &format!("1: \"{long}\"")),
        document(
            &format!("\"a\": (type: \"x\", params: {{\"{long}\": 1, \"{long}\": 1}})"),
            "",
            "",
        ),
    ] {
        assert!(refused(&text).to_string().len() < 1000);
    }
}

#[test]
fn patches_are_built_with_care() {
    let mut patch = Patch::new("built");
    patch.add("osc", "sine").unwrap();
    patch.add("filter", "svf").unwrap();
    patch.connect("osc.out -> filter.in").unwrap();
    patch.connect("osc.out -> filter.cutoff * 0.25").unwrap();
    let whole = patch.clone();
    assert!(matches!(
        patch.add("osc", "svf"),
        Err(BuildError::DuplicateModule { .. })
    ));
    assert!(matches!(
        patch.add("a b", "svf"),
        Err(BuildError::BadId { .. })
    ));
    assert!(matches!(
        patch.add("x", "granular"),
        Err(BuildError::UnknownType { .. })
    ));
    assert!(matches!(
        patch.connect("osc.out"),
        Err(BuildError::CableSyntax { .. })
    ));
    assert!(matches!(
        patch.connect("osc.out -> filter.inn"),
        Err(BuildError::Cable { .. })
    ));
    assert!(matches!(
        patch.connect("osc.out -> filter.in * 3"),
        Err(BuildError::DoubleCable { .. })
    ));
    assert!(!patch.set_value("osc", "cutoff", 1.0));
    assert!(!patch.set_value("gone", "cutoff", 1.0));
    assert_eq!(patch, whole);
    let filter = patch.spec("filter").unwrap();
    let cutoff = &filter.params[filter.param("cutoff").unwrap()];
    assert!(patch.set_value("filter", "cutoff", 1e9));
    assert_eq!(patch.value("filter", "cutoff"), Some(cutoff.max));
    assert!(patch.set_value("filter", "cutoff", f32::NAN));
    assert_eq!(patch.value("filter", "cutoff"), Some(cutoff.default));
    let spec = |id| {
        patch
            .spec(id)
            .unwrap()
            .params
            .iter()
            .filter(|param| !param.setting)
    };
    assert_eq!(
        patch.slots.len(),
        spec("osc").count() + spec("filter").count()
    );
    assert_eq!(
        patch.slots[&1].to_string(),
        format!("osc.{}", spec("osc").next().unwrap().id)
    );
    comes_back(&patch);
}

fn kind() -> impl Strategy<Value = String> {
    let known: Vec<String> = CATALOG.iter().map(|entry| entry.spec.id.into()).collect();
    prop_oneof![4 => select(known), 1 => "[a-z]{1,8}", 1 => "\\PC{0,6}"]
}

fn written_value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<f32>().prop_map(|value| format!("{value:?}")),
        2 => (-2000.0_f32..2000.0).prop_map(|value| format!("{value:?}")),
        1 => any::<f64>().prop_map(|value| format!("{value:?}")),
        1 => any::<i64>().prop_map(|value| value.to_string()),
        1 => any::<bool>().prop_map(|value| value.to_string()),
        1 => "\\PC{0,10}".prop_map(|value| format!("{value:?}")),
        1 => select(vec!["\"A4\"", "\"-inf dB\"", "\"50 %\"", "[1, (2,), \"x\"]", "Some(None)", "X(a: 1)", "()", "'c'", "1 // why\n"])
            .prop_map(String::from),
    ]
}

fn port(spec: Option<&ModuleSpec>, index: usize, outputs: bool) -> String {
    let Some(spec) = spec else {
        return format!("p{}", index % 3);
    };
    let inputs = spec
        .inputs
        .iter()
        .map(|port| port.id)
        .chain(spec.params.iter().map(|param| param.id));
    let ids: Vec<_> = if outputs {
        spec.outputs.iter().map(|port| port.id).collect()
    } else {
        inputs.collect()
    };
    // One place past the end stands for a port that is not there.
    ids.get(index % (ids.len() + 1))
        .map_or("nowhere".into(), |id| (*id).into())
}

/// A patch as text: known and unknown modules, right and wrong values, cables and slots.
fn patch_text() -> impl Strategy<Value = String> {
    let place = proptest::option::of((any::<f32>(), any::<f32>()));
    let text = || proptest::option::of("\\PC{0,12}");
    let params = vec((any::<Index>(), written_value()), 0..8);
    let module = (
        kind(),
        proptest::option::of(1_u32..4),
        params,
        place,
        text(),
        text(),
    );
    let modules = btree_map("[a-z]{1,3}", module, 1..8);
    let cable = (
        any::<[Index; 4]>(),
        proptest::option::of(-1e3_f32..1e3),
        any::<bool>(),
    );
    let slots = proptest::option::of(vec((0_i64..1030, any::<[Index; 2]>()), 0..12));
    let times = proptest::option::of((-2_f32..20.0, -2_f32..20.0));
    let parts = (text(), times, modules, vec(cable, 0..12), slots);
    parts.prop_map(|(name, times, modules, cables, slots)| {
        let modules: Vec<_> = modules.into_iter().collect();
        let specs: Vec<_> = modules
            .iter()
            .map(|(_, module)| weft_modules::find(&module.0).map(|entry| &entry.spec))
            .collect();
        let mut text = format!("Patch(format: 1, name: {:?}, ", name.unwrap_or_default());
        if let Some((fade, tail)) = times {
            write!(text, "transition: (fade: {fade}, tail: {tail}), ").unwrap();
        }
        text.push_str("modules: {");
        for ((id, (kind, version, params, place, color, notes)), spec) in modules.iter().zip(&specs)
        {
            write!(text, "{id:?}: (type: {kind:?}, params: {{").unwrap();
            let mut seen = Vec::new();
            for (index, value) in params {
                let ids: Vec<_> = spec
                    .map_or(&[][..], |spec| spec.params)
                    .iter()
                    .map(|param| param.id)
                    .collect();
                let param = index.index(ids.len() + 4);
                let param = ids
                    .get(param)
                    .map_or_else(|| format!("mystery {param}"), |id| (*id).into());
                if !seen.contains(&param) {
                    write!(text, "{param:?}: {value},").unwrap();
                    seen.push(param);
                }
            }
            text.push('}');
            if let Some(version) = version {
                write!(text, ", version: {version}").unwrap();
            }
            if let Some(place) = place {
                write!(text, ", position: {place:?}").unwrap();
            }
            if let Some(color) = color {
                write!(text, ", color: {color:?}").unwrap();
            }
            if let Some(notes) = notes {
                write!(text, ", notes: {notes:?}").unwrap();
            }
            text.push_str("),");
        }
        text.push_str("}, cables: [");
        for ([from, output, to, input], amount, feedback) in cables {
            let (from, to) = (from.index(modules.len()), to.index(modules.len()));
            let output = port(specs[from], output.index(1000), true);
            let input = port(specs[to], input.index(1000), false);
            write!(
                text,
                "\"{}.{output} -> {}.{input}",
                modules[from].0, modules[to].0
            )
            .unwrap();
            if let Some(amount) = amount {
                write!(text, " * {amount}").unwrap();
            }
            text.push_str(if feedback { " feedback\"," } else { "\"," });
        }
        text.push(']');
        if let Some(slots) = slots {
            text.push_str(", slots: {");
            for (slot, [module, param]) in slots {
                let module = module.index(modules.len());
                let param = port(specs[module], param.index(1000), false);
                write!(text, "{slot}: \"{}.{param}\",", modules[module].0).unwrap();
            }
            text.push('}');
        }
        text.push(')');
        text
    })
}

/// Reading must not panic, and what can be read comes back.
fn is_safe(text: &str) {
    match Patch::from_ron(text) {
        Ok((patch, notes)) => {
            comes_back(&patch);
            for note in notes {
                assert!(!note.to_string().is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

proptest! {
    #[test]
    fn whatever_is_read_comes_back_exactly(text in patch_text()) {
        let (patch, _) = read(&text);
        comes_back(&patch);
    }

    #[test]
    fn whatever_is_built_comes_back_exactly(
        kinds in vec(0..CATALOG.len(), 0..8),
        values in vec((any::<Index>(), any::<Index>(), any::<f32>(), 0.0_f32..=1.0, any::<bool>()), 0..32),
    ) {
        let mut patch = Patch::new("built");
        for (index, kind) in kinds.iter().enumerate() {
            patch.add(&format!("m{index}"), CATALOG[*kind].spec.id).unwrap();
        }
        for (module, param, value, travel, within) in values.iter().filter(|_| !kinds.is_empty()) {
            let module = module.index(kinds.len());
            let params = CATALOG[kinds[module]].spec.params;
            if params.is_empty() {
                continue;
            }
            let param = &params[param.index(params.len())];
            let value = if *within { param.plain(*travel) } else { *value };
            let id = format!("m{module}");
            prop_assert!(patch.set_value(&id, param.id, value));
        }
        comes_back(&patch);
        prop_assert_eq!(read(&patch.to_ron()).1, vec![]);
    }

    #[test]
    fn every_single_within_reach_comes_back(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        let mut patch = Patch::new("x");
        patch.add("filter", "svf").unwrap();
        patch.add("osc", "sine").unwrap();
        for (module, param) in [("filter", "resonance"), ("filter", "cutoff"), ("osc", "pitch")] {
            patch.set_value(module, param, value);
        }
        comes_back(&patch);
    }

    #[test]
    fn any_text_is_safe(text in "\\PC{0,200}") {
        is_safe(&text);
    }

    #[test]
    fn any_text_of_the_right_signs_is_safe(text in "(Patch|format|modules|type|[(){}\\[\\]:,\"0-9.' \n/*#r-]){0,60}") {
        is_safe(&text);
        is_safe(&format!("Patch(format: 1, {text}"));
    }

    #[test]
    fn a_cut_patch_is_safe(text in patch_text(), at in any::<Index>()) {
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        prop_assert!(Patch::from_ron(&text[..at]).is_err());
    }

    #[test]
    fn a_damaged_patch_is_safe(
        text in prop_oneof![Just(FIRST_LIGHT.to_string()), patch_text()],
        wounds in vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let mut bytes = text.into_bytes();
        for (at, byte, how) in wounds {
            let at = at.index(bytes.len().max(1));
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => { bytes.remove(at); }
                2 => bytes.insert(at, byte & 0x7f),
                _ => {
                    let end = (at + usize::from(byte)).min(bytes.len());
                    let copy = bytes[at.min(end)..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
        is_safe(&String::from_utf8_lossy(&bytes));
    }
}
