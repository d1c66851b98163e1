//! Makes patches and edits from short texts, and looks at them.

use std::collections::BTreeMap;

use weft::patch::{Cable, Edit, EditError, ModuleKey, ParamRef, Patch};

pub fn cable(text: &str) -> Cable {
    text.parse().expect("a cable")
}

pub fn param(text: &str) -> ParamRef {
    text.parse().expect("a param")
}

pub fn create(id: &str, kind: &str) -> Edit {
    let (id, kind) = (id.into(), kind.into());
    Edit::Create {
        id,
        kind,
        position: None,
    }
}

pub fn delete(module: &str) -> Edit {
    let module = module.into();
    Edit::Delete { module }
}

pub fn connect(text: &str) -> Edit {
    let cable = cable(text);
    Edit::Connect { cable }
}

pub fn disconnect(text: &str) -> Edit {
    let Cable { from, to, .. } = cable(text);
    Edit::Disconnect { from, to }
}

pub fn set_amount(text: &str, amount: f32) -> Edit {
    let Cable { from, to, .. } = cable(text);
    Edit::SetAmount { from, to, amount }
}

pub fn set_feedback(text: &str, feedback: bool) -> Edit {
    let Cable { from, to, .. } = cable(text);
    Edit::SetFeedback { from, to, feedback }
}

pub fn rename(module: &str, to: &str) -> Edit {
    let (module, to) = (module.into(), to.into());
    Edit::Rename { module, to }
}

pub fn replace(module: &str, kind: &str) -> Edit {
    let (module, kind) = (module.into(), kind.into());
    Edit::Replace { module, kind }
}

pub fn set_value(text: &str, plain: f32) -> Edit {
    let ParamRef { module, param } = param(text);
    Edit::SetValue {
        module,
        param,
        plain,
    }
}

pub fn place(module: &str, x: f32, y: f32) -> Edit {
    let module = module.into();
    let position = (x, y);
    Edit::Move { module, position }
}

pub fn bind(slot: u16, text: &str) -> Edit {
    let param = param(text);
    Edit::Bind { slot, param }
}

pub fn load(text: &str) -> Edit {
    let patch = Box::new(read(text));
    Edit::Load { patch }
}

pub fn read(text: &str) -> Patch {
    Patch::from_ron(text).expect("a patch").0
}

/// A patch made by edits.
pub fn made(edits: &[Edit]) -> Patch {
    let mut patch = Patch::new("made");
    patch.apply_all(edits).expect("the edits fit");
    patch
}

/// Two oscillators and a filter.
pub fn small() -> Patch {
    made(&[
        create("osc", "sine"),
        create("filter", "svf"),
        create("lfo", "sine"),
        connect("osc.out -> filter.in"),
        connect("lfo.out -> filter.cutoff * 0.25"),
    ])
}

pub fn refused(patch: &Patch, edit: &Edit) -> EditError {
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

pub fn cables(patch: &Patch) -> Vec<String> {
    patch.cables.iter().map(Cable::to_string).collect()
}

pub fn slots(patch: &Patch) -> BTreeMap<u16, String> {
    let slots = patch.slots.iter();
    slots
        .map(|(slot, bound)| (*slot, bound.to_string()))
        .collect()
}

pub fn slots_of(patch: &Patch, module: &str) -> Vec<(u16, String)> {
    let prefix = format!("{module}.");
    let slots = slots(patch).into_iter();
    slots
        .filter(|(_, bound)| bound.starts_with(&prefix))
        .collect()
}

pub fn key(patch: &Patch, module: &str) -> ModuleKey {
    patch.module(module).expect("there is the module").key()
}

/// Everything there is of a patch: the document, numbers to the last bit, keys, what slots wait for.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pub patch: Patch,
    pub modules: Vec<(ModuleKey, Option<(u32, u32)>, Vec<(String, u32)>)>,
    pub amounts: Vec<u32>,
    reserved: Vec<String>,
    text: String,
}

pub fn image(patch: &Patch) -> Image {
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
