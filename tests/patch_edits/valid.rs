//! What holds of every patch, whatever was done to it.

use std::collections::{HashMap, HashSet};

use weft::patch::{Cable, LAST_SLOT, Patch};
use weft_modules::{CATALOG, ParamKind, ParamSpec};

use crate::rig::cables;

pub fn catalog_param(kind: &str, id: &str) -> Option<&'static ParamSpec> {
    let entry = CATALOG.iter().find(|entry| entry.spec.id == kind)?;
    entry.spec.params.iter().find(|param| param.id == id)
}

/// Whether a cable leads from an output to something that takes cables, by the catalog alone.
pub fn leads(patch: &Patch, cable: &Cable) -> bool {
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
pub fn is_sound(patch: &Patch) {
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
pub fn is_tidy(patch: &Patch) {
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
