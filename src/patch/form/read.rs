//! From text to patch.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;

use ron::error::{Position, SpannedError};
use ron::value::RawValue;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{FORMAT, LARGEST_TEXT, options};
use crate::patch::edit::Editor;
use crate::patch::ids::{is_id, quote};
use crate::patch::value::{Reading, read};
use crate::patch::{Cable, LAST_SLOT, Module, ParamRef, Patch, PatchError, PatchNote, Transition};

impl Patch {
    /// Reads a patch. The notes tell what was odd in it.
    ///
    /// A patch that names no slots binds every param, but for settings, in the order of its modules.
    ///
    /// # Errors
    /// If the text is not written as a patch is, names something twice, or has another format.
    pub fn from_ron(text: &str) -> Result<(Patch, Vec<PatchNote>), PatchError> {
        if text.len() > LARGEST_TEXT {
            return Err(PatchError::TooLarge { bytes: text.len() });
        }
        let document = match options().from_str::<Document>(text) {
            Ok(document) => document,
            Err(error) => return Err(explain(text, &error)),
        };
        if document.format != FORMAT {
            return Err(PatchError::UnknownFormat {
                format: document.format,
            });
        }
        let mut patch = Patch {
            name: document.name,
            transition: document.transition.legal(),
            ..Patch::default()
        };
        let mut notes = Vec::new();
        if patch.transition != document.transition {
            notes.push(PatchNote::Transition {
                fade: patch.transition.fade.to_string(),
                tail: patch.transition.tail.to_string(),
            });
        }
        for (id, written) in document.modules.0 {
            if !is_id(&id) {
                return Err(PatchError::BadId { id: quote(&id) });
            }
            let module = written.read(&id, &mut notes)?;
            if patch.modules.contains(&id) {
                return Err(PatchError::DuplicateModule { id });
            }
            patch.modules.push(id, module);
        }
        patch.read_cables(&document.cables, &mut notes)?;
        match document.slots {
            Some(slots) => patch.read_slots(slots.0, document.reserved, &mut notes)?,
            None => patch.bind_everything(&mut notes),
        }
        Ok((patch, notes))
    }

    fn read_cables(
        &mut self,
        cables: &[String],
        notes: &mut Vec<PatchNote>,
    ) -> Result<(), PatchError> {
        let mut joined = HashSet::new();
        for (index, text) in cables.iter().enumerate() {
            let cable: Cable = text.parse().map_err(|why| PatchError::Cable {
                number: index + 1,
                cable: quote(text),
                why,
            })?;
            if !joined.insert((cable.from.clone(), cable.to.clone())) {
                notes.push(PatchNote::DoubleCable {
                    cable: cable.to_string(),
                });
                continue;
            }
            if let Some(fault) = self.fault(&cable) {
                notes.push(PatchNote::Cable {
                    cable: cable.to_string(),
                    fault,
                });
            }
            self.cables.push(cable);
        }
        Ok(())
    }

    fn read_slots(
        &mut self,
        slots: Vec<(i64, String)>,
        reserved: Vec<String>,
        notes: &mut Vec<PatchNote>,
    ) -> Result<(), PatchError> {
        let mut params = BTreeSet::new();
        let known: HashSet<&str> = reserved.iter().map(String::as_str).collect();
        for (number, text) in slots {
            let Ok(bound) = text.parse::<ParamRef>() else {
                return Err(PatchError::Slot {
                    slot: number,
                    bound: quote(&text),
                });
            };
            let slot = match u16::try_from(number) {
                Ok(slot) if (1..=LAST_SLOT).contains(&slot) => slot,
                _ => {
                    notes.push(PatchNote::NoSuchSlot {
                        slot: number,
                        bound,
                    });
                    continue;
                }
            };
            if self.slots.contains_key(&slot) {
                notes.push(PatchNote::SlotTaken { slot, bound });
                continue;
            }
            if !params.insert(bound.clone()) {
                notes.push(PatchNote::BoundTwice { slot, bound });
                continue;
            }
            // That a slot waits for a deleted module is no news.
            let waits =
                !self.modules.contains(&bound.module) && known.contains(bound.module.as_str());
            if let Some(fault) = self.slot_fault(&bound).filter(|_| !waits) {
                notes.push(PatchNote::Slot {
                    slot,
                    bound: bound.clone(),
                    fault,
                });
            }
            self.slots.insert(slot, bound);
        }
        self.reserve(reserved);
        Ok(())
    }

    fn bind_everything(&mut self, notes: &mut Vec<PatchNote>) {
        let ids: Vec<String> = self.modules.iter().map(|(id, _)| id.into()).collect();
        let unbound = ids
            .iter()
            .map(|id| Editor::new(self).bind_params(id, |_| true))
            .sum();
        if unbound > 0 {
            notes.push(PatchNote::OutOfSlots { unbound });
        }
    }
}

/// Why RON gave up, for a person.
fn explain(text: &str, error: &SpannedError) -> PatchError {
    // A newer format may hold what cannot be read here; then its number says more than the error.
    if let Ok(Header { format }) = options().from_str(text)
        && format != FORMAT
    {
        return PatchError::UnknownFormat { format };
    }
    let Position { line, col: column } = error.span.start;
    let what = match &error.code {
        _ if is_end(text, line, column) => "the text ends too early".into(),
        ron::Error::ExpectedStringEnd => "a text that begins here has no end".into(),
        ron::Error::ExceededRecursionLimit => "too many brackets stand in each other".into(),
        ron::Error::MissingStructField { field, .. } => {
            format!("\"{field}\" is missing before this")
        }
        ron::Error::DuplicateStructField { field, .. } => format!("\"{field}\" is written twice"),
        ron::Error::TrailingCharacters => "something follows the end of the patch".into(),
        other => within(&other.to_string()),
    };
    PatchError::Syntax { line, column, what }
}

/// Whether nothing is written from a place on.
fn is_end(text: &str, line: usize, column: usize) -> bool {
    let mut rest = text.lines().skip(line.saturating_sub(1));
    let first = rest
        .next()
        .unwrap_or_default()
        .chars()
        .skip(column.saturating_sub(1));
    first
        .chain(rest.flat_map(str::chars))
        .all(char::is_whitespace)
}

/// A sentence of RON's, to stand within another.
fn within(sentence: &str) -> String {
    let mut chars = sentence.chars();
    let first = chars.next().into_iter().flat_map(char::to_lowercase);
    first.chain(chars).collect()
}

#[derive(Deserialize)]
#[serde(rename = "Patch")]
struct Header {
    format: u32,
}

#[derive(Deserialize)]
#[serde(rename = "Patch", deny_unknown_fields)]
struct Document {
    format: u32,
    #[serde(default)]
    name: String,
    #[serde(default)]
    transition: Transition,
    #[serde(default)]
    modules: Pairs<String, ModuleIn>,
    #[serde(default)]
    cables: Vec<String>,
    slots: Option<Pairs<i64, String>>,
    #[serde(default)]
    reserved: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename = "Module", deny_unknown_fields)]
struct ModuleIn {
    #[serde(rename = "type")]
    kind: String,
    version: Option<NonZeroU32>,
    #[serde(default)]
    params: Pairs<String, Box<RawValue>>,
    position: Option<(f32, f32)>,
    color: Option<String>,
    notes: Option<String>,
    made_as: Option<String>,
}

impl ModuleIn {
    fn read(self, id: &str, notes: &mut Vec<PatchNote>) -> Result<Module, PatchError> {
        let mut module = Module::new(&self.kind);
        module.color = self.color;
        module.notes = self.notes;
        module.made_as = self.made_as.filter(|made_as| made_as != id);
        module.position = self
            .position
            .filter(|(x, y)| x.is_finite() && y.is_finite());
        if self.position.is_some() && module.position.is_none() {
            notes.push(PatchNote::NotAPosition { module: id.into() });
        }
        let version = self.version.map_or(1, NonZeroU32::get);
        let spec = module.spec();
        match spec {
            None => {
                module.version = version;
                notes.push(PatchNote::UnknownType {
                    module: id.into(),
                    kind: quote(&self.kind),
                });
            }
            Some(spec) if version > spec.version => {
                module.version = version;
                notes.push(PatchNote::NewerModule {
                    module: id.into(),
                    kind: self.kind,
                    version,
                    known: spec.version,
                });
            }
            Some(_) => {}
        }
        let mut seen = HashSet::new();
        for (param, written) in self.params.0 {
            if !seen.insert(param.clone()) {
                return Err(PatchError::DuplicateParam {
                    module: id.into(),
                    param: quote(&param),
                });
            }
            let Some(spec) = spec else {
                module.keep(param, &written);
                continue;
            };
            let Some(index) = spec.param(&param) else {
                notes.push(PatchNote::UnknownParam {
                    module: id.into(),
                    param: quote(&param),
                });
                module.keep(param, &written);
                continue;
            };
            let spec = &spec.params[index];
            let reading = read(spec, &written);
            let value = match reading {
                Reading::Exact(value) | Reading::Limited(value) => value,
                Reading::NotFinite | Reading::Nonsense => spec.default,
            };
            module.set_value(&param, value);
            let (module, used, written) =
                (id.into(), spec.text(value), quote(written.trim().get_ron()));
            notes.extend(match reading {
                Reading::Exact(_) => None,
                Reading::Limited(_) => Some(PatchNote::Limited {
                    module,
                    param,
                    written,
                    used,
                }),
                Reading::NotFinite => Some(PatchNote::NotFinite {
                    module,
                    param,
                    used,
                }),
                Reading::Nonsense => Some(PatchNote::NotAValue {
                    module,
                    param,
                    written,
                    used,
                }),
            });
        }
        Ok(module)
    }
}

/// A map whose order counts and whose keys may come twice.
struct Pairs<K, V>(Vec<(K, V)>);

impl<K, V> Default for Pairs<K, V> {
    fn default() -> Self {
        Pairs(Vec::new())
    }
}

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Pairs<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<K, V>(PhantomData<(K, V)>);

        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Reader<K, V> {
            type Value = Pairs<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map in braces")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Reader(PhantomData))
    }
}
