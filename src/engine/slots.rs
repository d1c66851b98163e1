//! What the host sees: which param each slot carries, under which name.

use std::collections::BTreeMap;

use weft_modules::spec::title;
use weft_modules::{ParamKind, ParamSpec};

use crate::patch::{LAST_SLOT, Patch};

/// How many host parameters the plugin has.
pub const SLOTS: usize = LAST_SLOT as usize;

/// A bound slot.
#[derive(Clone, Debug)]
pub struct SlotInfo {
    /// Module id in the patch.
    pub module: String,
    /// Module name for people.
    pub module_name: String,
    /// Param id.
    pub param: String,
    /// The param's data sheet.
    pub spec: &'static ParamSpec,
    /// Travel 0..1 of a fresh module.
    pub default: f32,
    /// Travel 0..1 in the patch.
    pub value: f32,
}

impl SlotInfo {
    /// "Filter Cutoff".
    pub fn name(&self) -> String {
        format!("{} {}", self.module_name, self.spec.name())
    }

    /// The value as people write it, with its unit.
    pub fn text(&self, normalized: f32) -> String {
        self.spec.text(self.spec.plain(normalized))
    }

    /// The travel a text means; `None` if it means no value of this param.
    pub fn parse(&self, text: &str) -> Option<f32> {
        self.spec
            .parse(text)
            .map(|plain| self.spec.normalized(plain))
    }

    /// How many steps lie between the ends of a switch; `None` for a knob.
    pub fn steps(&self) -> Option<u32> {
        self.spec.values().map(|values| values - 1)
    }

    /// The travel of the nearest value the param can take.
    pub fn quantize(&self, normalized: f32) -> f32 {
        match self.spec.kind {
            ParamKind::Float => normalized.clamp(0.0, 1.0),
            _ => self.spec.normalized(self.spec.plain(normalized)),
        }
    }
}

/// All slots of a patch.
#[derive(Clone, Debug, Default)]
pub struct SlotTable {
    slots: BTreeMap<usize, SlotInfo>,
}

impl SlotTable {
    /// The slots of a patch. Bindings to modules or params this Weft does not know stay empty.
    pub fn of(patch: &Patch) -> SlotTable {
        let slots = patch.slots.iter().filter_map(|(slot, bound)| {
            let index = usize::from(*slot)
                .checked_sub(1)
                .filter(|index| *index < SLOTS)?;
            let spec = patch.spec(&bound.module)?;
            let param = &spec.params[spec.param(&bound.param)?];
            if param.setting {
                return None;
            }
            let value = patch.value(&bound.module, &bound.param)?;
            let info = SlotInfo {
                module: bound.module.clone(),
                module_name: title(&bound.module),
                param: bound.param.clone(),
                spec: param,
                default: param.normalized(param.default),
                value: param.normalized(value),
            };
            Some((index, info))
        });
        SlotTable {
            slots: slots.collect(),
        }
    }

    /// What a slot carries, counted from 0; `None` if it is unbound.
    pub fn get(&self, slot: usize) -> Option<&SlotInfo> {
        self.slots.get(&slot)
    }

    /// The bound slots, counted from 0, in order.
    pub fn bound(&self) -> impl Iterator<Item = (usize, &SlotInfo)> {
        self.slots.iter().map(|(slot, info)| (*slot, info))
    }
}
