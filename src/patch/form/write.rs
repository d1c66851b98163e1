//! From patch to text.

use std::collections::BTreeMap;

use ron::ser::PrettyConfig;
use ron::value::RawValue;
use serde::{Serialize, Serializer};

use super::{FORMAT, options};
use crate::patch::value::Saved;
use crate::patch::{Cable, Module, Patch, Transition};

/// How many characters a module may take to stand in one line.
const LONGEST_LINE: usize = 100;

impl Patch {
    /// Writes the patch. [`Patch::from_ron`] reads it back exactly, and the same patch is always
    /// written the same way.
    pub fn to_ron(&self) -> String {
        let modules = self
            .modules
            .iter()
            .map(|(id, module)| (id, ModuleOut::of(module).laid_out()));
        let document = DocumentOut::Patch {
            format: FORMAT,
            name: &self.name,
            transition: &self.transition,
            modules: Ordered(modules.collect()),
            cables: self.cables.iter().map(Cable::to_string).collect(),
            slots: self
                .slots
                .iter()
                .map(|(slot, bound)| (*slot, bound.to_string()))
                .collect(),
            reserved: &self.reserved,
        };
        let mut text = written(&document, layout("\n"));
        text.push('\n');
        text
    }
}

/// One line for each module, cable and slot.
fn layout(new_line: &'static str) -> PrettyConfig {
    PrettyConfig::new().depth_limit(2).new_line(new_line)
}

fn written(value: &impl Serialize, layout: PrettyConfig) -> String {
    // Only a failing writer, a bad identifier or endless nesting can fail here, and a String, fixed
    // names and a document read under DEEPEST are none of these.
    options()
        .to_string_pretty(value, layout)
        .expect("plain data can be written to a string")
}

/// A variant, because RON writes the name of every variant but only of all structs or none.
#[derive(Serialize)]
enum DocumentOut<'a> {
    Patch {
        format: u32,
        name: &'a str,
        #[serde(skip_serializing_if = "Transition::is_usual")]
        transition: &'a Transition,
        modules: Ordered<&'a str, Box<RawValue>>,
        cables: Vec<String>,
        slots: BTreeMap<u16, String>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        reserved: &'a [String],
    },
}

#[derive(Serialize)]
struct ModuleOut<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    params: Ordered<&'a str, Saved<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<(f32, f32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_as: Option<&'a str>,
}

impl<'a> ModuleOut<'a> {
    fn of(module: &'a Module) -> ModuleOut<'a> {
        let known = module
            .values()
            .map(|(spec, value)| (spec.id, Saved::Value(spec, value)));
        let unknown = module
            .unknown_params()
            .map(|(param, written)| (param, Saved::Unknown(written)));
        ModuleOut {
            kind: &module.kind,
            version: (module.version != 1).then_some(module.version),
            params: Ordered(known.chain(unknown).collect()),
            position: module.position,
            color: module.color.as_deref(),
            notes: module.notes.as_deref(),
            made_as: module.made_as.as_deref(),
        }
    }

    /// The module in one line if it is short, in several if not.
    fn laid_out(&self) -> Box<RawValue> {
        let line = written(self, layout("\n").depth_limit(0));
        let text = if line.chars().count() <= LONGEST_LINE {
            line
        } else {
            written(self, layout("\n        "))
        };
        RawValue::from_boxed_ron(text.into()).expect("what RON wrote is RON")
    }
}

/// A map written in the order it has.
struct Ordered<K, V>(Vec<(K, V)>);

impl<K, V> Ordered<K, V> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Ordered<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
