//! A patch is read as people write it, and written for people.

use weft::patch::{CableSyntaxError, PatchError};

use crate::rig::{FIRST_LIGHT, comes_back, document, read, refused};

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
