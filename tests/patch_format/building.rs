//! Patches are built in code with the same care.

use weft::patch::{BuildError, Patch};

use crate::rig::comes_back;

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
