//! Modules of a patch, in order.

use std::collections::HashMap;

use ron::value::RawValue;
use weft_modules::{ModuleSpec, ParamSpec, find};

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
    /// The values the patch names, by the place of their param in the data sheet.
    values: Vec<Option<f32>>,
    /// Params this Weft does not know, and what was written of them in RON.
    unknown: Vec<(String, Box<RawValue>)>,
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
            values: vec![None; spec.map_or(0, |spec| spec.params.len())],
            unknown: Vec::new(),
        }
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
}
