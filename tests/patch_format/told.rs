//! What does not fit in a patch is told, and kept where it can be.

use weft::patch::{CableFault, PatchNote};
use weft_modules::CATALOG;

use crate::rig::{comes_back, document, read};

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
