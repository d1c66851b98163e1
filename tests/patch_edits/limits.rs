//! Numbers and texts have limits.

use weft::patch::{Changed, Edit, LONGEST_NAME, LONGEST_NOTES, Reach};

use crate::rig::{cables, param, place, refused, set_amount, set_value, small};
use crate::valid::{catalog_param, is_tidy};

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
