//! Modules of a patch, in order.

use std::collections::HashMap;

use ron::value::RawValue;
use weft_modules::{ModuleSpec, ParamKind, ParamSpec, find};

use super::key::{Identity, ModuleKey};
use super::value::{Reading, read};

/// A module as the patch knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// The type's id in the catalog.
    pub kind: String,
    /// The version of the type that its values belong to.
    pub version: u32,
    /// Where it stands on the canvas, in points from the middle.
    pub position: Option<(f32, f32)>,
    /// The colour of its box, as people write it.
    pub color: Option<String>,
    /// What people wrote on it.
    pub notes: Option<String>,
    /// The id it was made with, if it has another one now. Its randomness comes from that id, so that
    /// a new name does not change its sound.
    pub made_as: Option<String>,
    /// The values the patch names, by the place of their param in the data sheet.
    values: Vec<Option<f32>>,
    /// Params this Weft does not know, and what was written of them in RON.
    unknown: Vec<(String, Box<RawValue>)>,
    identity: Identity,
}

impl Module {
    /// A fresh module of a type.
    pub(super) fn new(kind: &str) -> Module {
        let spec = find(kind).map(|entry| &entry.spec);
        Module {
            kind: kind.into(),
            version: spec.map_or(1, |spec| spec.version),
            position: None,
            color: None,
            notes: None,
            made_as: None,
            values: vec![None; spec.map_or(0, |spec| spec.params.len())],
            unknown: Vec::new(),
            identity: Identity::fresh(),
        }
    }

    /// What stays the same of this module through renaming, undo and redo, and differs from every
    /// other module of this run. It is not saved, and modules that differ in it alone are equal.
    pub fn key(&self) -> ModuleKey {
        self.identity.key()
    }

    /// Makes this another module that is equal.
    pub(super) fn rekey(&mut self) {
        self.identity = Identity::fresh();
    }

    /// The data sheet; `None` if this Weft does not know the type, and the module is a silent
    /// placeholder for what is saved of it.
    pub fn spec(&self) -> Option<&'static ModuleSpec> {
        find(&self.kind).map(|entry| &entry.spec)
    }

    /// The plain value of a param by its place in the data sheet, its default if the patch does not
    /// name it; `None` if there is no such param.
    pub fn value(&self, index: usize) -> Option<f32> {
        let named = *self.values.get(index)?;
        named.or_else(|| Some(self.spec()?.params.get(index)?.default))
    }

    /// The value the patch names for a param by its place in the data sheet.
    pub(crate) fn named(&self, index: usize) -> Option<f32> {
        self.values.get(index).copied().flatten()
    }

    /// Sets a param to the nearest value it can take. Returns whether there is such a param.
    pub(super) fn set_value(&mut self, param: &str, plain: f32) -> bool {
        let place = self.spec().and_then(|spec| {
            let index = spec.param(param)?;
            Some((self.values.get_mut(index)?, &spec.params[index]))
        });
        let Some((value, spec)) = place else {
            return false;
        };
        *value = Some(super::value::legal(spec, plain));
        true
    }

    /// Takes over from a module of another type what fits: its looks, and the values of params of
    /// the same names and units. Choices keep their name.
    pub(super) fn take_over(&mut self, old: &Module) {
        self.position = old.position;
        self.color.clone_from(&old.color);
        self.notes.clone_from(&old.notes);
        let Some(spec) = self.spec() else {
            return;
        };
        let had = old.spec().map_or(&[][..], |spec| spec.params);
        for (index, had) in had.iter().enumerate() {
            let Some(param) = spec.param(had.id).map(|index| &spec.params[index]) else {
                continue;
            };
            let value = old.value(index).unwrap_or(had.default);
            let value = match (had.kind, param.kind) {
                (ParamKind::Choice(_), ParamKind::Choice(_)) => param.parse(&had.text(value)),
                (ParamKind::Bool, ParamKind::Bool) => Some(value),
                (ParamKind::Float | ParamKind::Int, ParamKind::Float | ParamKind::Int) => {
                    (had.unit == param.unit).then_some(value)
                }
                _ => None,
            };
            if let Some(value) = value.filter(|value| *value != param.default) {
                self.set_value(param.id, value);
            }
        }
        for (id, written) in &old.unknown {
            if let Some(index) = spec.param(id)
                && let Reading::Exact(value) | Reading::Limited(value) =
                    read(&spec.params[index], written)
            {
                self.set_value(id, value);
            }
        }
    }

    /// The named value of a param by its place in the data sheet, for exchange.
    pub(super) fn named_mut(&mut self, index: usize) -> &mut Option<f32> {
        &mut self.values[index]
    }

    /// The values the patch names, in the order of the data sheet.
    pub fn values(&self) -> impl Iterator<Item = (&'static ParamSpec, f32)> {
        let params = self.spec().map_or(&[][..], |spec| spec.params);
        params
            .iter()
            .zip(&self.values)
            .filter_map(|(param, value)| Some((param, (*value)?)))
    }

    /// Params this Weft does not know, and what was written of them in RON.
    pub fn unknown_params(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.unknown
            .iter()
            .map(|(param, written)| (param.as_str(), &**written))
    }

    /// Keeps what was written of a param this Weft does not know.
    pub(super) fn keep(&mut self, param: String, written: &RawValue) {
        self.unknown.push((param, written.trim().to_owned()));
    }
}

/// The modules of a patch by id, in the order they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modules {
    list: Vec<(String, Module)>,
    places: HashMap<String, usize>,
}

impl Modules {
    /// The ids and modules in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Module)> {
        self.list.iter().map(|(id, module)| (id.as_str(), module))
    }

    /// A module by its id.
    pub fn get(&self, id: &str) -> Option<&Module> {
        self.list
            .get(*self.places.get(id)?)
            .map(|(_, module)| module)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Module> {
        self.list
            .get_mut(*self.places.get(id)?)
            .map(|(_, module)| module)
    }

    /// Whether there is a module of this id.
    pub fn contains(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds a module behind the others. Returns whether its id was free.
    pub(super) fn push(&mut self, id: String, module: Module) -> bool {
        if self.contains(&id) {
            return false;
        }
        self.places.insert(id.clone(), self.list.len());
        self.list.push((id, module));
        true
    }

    /// The place of a module in the order.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The id and module at a place there is.
    pub(super) fn at(&self, place: usize) -> (&str, &Module) {
        let (id, module) = &self.list[place];
        (id, module)
    }

    /// The module at a place there is, to change.
    pub(super) fn at_mut(&mut self, place: usize) -> &mut Module {
        &mut self.list[place].1
    }

    /// Puts a module of a free id at a place; those from there on move up.
    pub(super) fn insert(&mut self, place: usize, id: String, module: Module) {
        self.shift(place, |place| place + 1);
        self.places.insert(id.clone(), place);
        self.list.insert(place, (id, module));
    }

    /// Takes out the module at a place; those behind it move down.
    pub(super) fn remove(&mut self, place: usize) -> (String, Module) {
        let (id, module) = self.list.remove(place);
        self.places.remove(&id);
        self.shift(place, |place| place - 1);
        (id, module)
    }

    /// Gives the module at a place a free id. Returns its former one.
    pub(super) fn rename(&mut self, place: usize, id: String) -> String {
        self.places.insert(id.clone(), place);
        let (now, module) = &mut self.list[place];
        let former = std::mem::replace(now, id);
        // Going back to the first id undoes this to the letter.
        let made_as = module.made_as.take().unwrap_or_else(|| former.clone());
        module.made_as = (made_as != *now).then_some(made_as);
        self.places.remove(&former);
        former
    }

    fn shift(&mut self, from: usize, shifted: impl Fn(usize) -> usize) {
        for place in self.places.values_mut().filter(|place| **place >= from) {
            *place = shifted(*place);
        }
    }

    /// Makes all of them other modules that are equal.
    pub(super) fn rekey(&mut self) {
        for (_, module) in &mut self.list {
            module.rekey();
        }
    }
}
