//! The 1,024 fixed host parameters.
//!
//! To the host a slot is a knob from 0 to 1 whose id never changes. Its name, text and steps come
//! from the patch and change with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use nice_plug::params::InternalParamMut;
use nice_plug::prelude::{FloatParam, FloatRange, Param, ParamPtr, Params};

use crate::engine::{SLOTS, SlotInfo, SlotTable};

const WORDS: usize = SLOTS / 64;

/// A set of slots, safe to change from any thread.
#[derive(Default)]
struct SlotSet([AtomicU64; WORDS]);

impl SlotSet {
    fn mark(&self, slot: usize) {
        if let Some(word) = self.0.get(slot / 64) {
            word.fetch_or(1 << (slot % 64), Ordering::Release);
        }
    }

    fn unmark(&self, slot: usize) {
        if let Some(word) = self.0.get(slot / 64) {
            word.fetch_and(!(1 << (slot % 64)), Ordering::Release);
        }
    }

    fn has(&self, slot: usize) -> bool {
        self.0
            .get(slot / 64)
            .is_some_and(|word| word.load(Ordering::Acquire) >> (slot % 64) & 1 == 1)
    }

    fn all(&self) -> [u64; WORDS] {
        self.0.each_ref().map(|word| word.load(Ordering::Acquire))
    }

    fn take(&self) -> [u64; WORDS] {
        let mut taken = [0; WORDS];
        for (word, taken) in self.0.iter().zip(&mut taken) {
            // Most blocks turn nothing; a load leaves the cache line shared.
            if word.load(Ordering::Relaxed) != 0 {
                *taken = word.swap(0, Ordering::Acquire);
            }
        }
        taken
    }
}

/// The slots that [`SlotBank::take_turned`] or [`SlotBank::moved`] found, lowest first.
#[derive(Default)]
pub struct TurnedSlots([u64; WORDS]);

impl Iterator for TurnedSlots {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        for (index, word) in self.0.iter_mut().enumerate() {
            if *word != 0 {
                let bit = word.trailing_zeros() as usize;
                *word &= *word - 1;
                return Some(index * 64 + bit);
            }
        }
        None
    }
}

/// The slots as a host sees them under one patch.
pub struct SlotView {
    table: SlotTable,
    /// Names of the modules that have slots, in the order of their first slot.
    modules: Vec<String>,
    /// For each slot, its module's index in `modules`.
    module_of: Vec<Option<usize>>,
    /// For each slot, the unit that ends its text at every value; empty if there is none.
    units: Vec<String>,
}

/// The unit that follows the number in all of these texts, such as `Hz` or `%`.
fn common_unit(texts: &[String]) -> &str {
    let Some(first) = texts.first() else {
        return "";
    };
    let number_end = first
        .rfind(|c: char| c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    let unit = first[number_end..].trim();
    let follows_a_number = |text: &String| {
        text.strip_suffix(unit)
            .is_some_and(|number| number.trim_end().ends_with(|c: char| c.is_ascii_digit()))
    };
    if texts.iter().all(follows_a_number) {
        unit
    } else {
        ""
    }
}

impl SlotView {
    /// Works out what the host shows for a patch's table.
    pub fn new(table: SlotTable) -> SlotView {
        let mut ids: Vec<String> = Vec::new();
        let mut modules = Vec::new();
        let module_of = (0..SLOTS)
            .map(|slot| {
                let info = table.get(slot)?;
                let known = ids.iter().position(|id| *id == info.module);
                Some(known.unwrap_or_else(|| {
                    ids.push(info.module.clone());
                    modules.push(info.module_name.clone());
                    modules.len() - 1
                }))
            })
            .collect();
        let units = (0..SLOTS)
            .map(|slot| match table.get(slot) {
                Some(info) if info.steps().is_none() => {
                    let texts = [0.5, 0.1, 0.9, 0.25, 0.75].map(|value| info.text(value));
                    common_unit(&texts).to_owned()
                }
                _ => String::new(),
            })
            .collect();
        SlotView {
            table,
            modules,
            module_of,
            units,
        }
    }

    /// The binding of a slot, if it has one.
    pub fn bound(&self, slot: usize) -> Option<&SlotInfo> {
        self.table.get(slot)
    }

    /// Names of the modules that have slots.
    pub fn modules(&self) -> &[String] {
        &self.modules
    }

    /// Index in [`modules`](Self::modules) of the module a slot belongs to.
    pub fn module_of(&self, slot: usize) -> Option<usize> {
        self.module_of.get(slot).copied().flatten()
    }

    /// Name of the module a slot belongs to; empty for an unused slot.
    pub fn module_name(&self, slot: usize) -> &str {
        self.module_of(slot)
            .and_then(|index| self.modules.get(index))
            .map_or("", String::as_str)
    }

    /// What the host calls the slot.
    pub fn name(&self, slot: usize) -> String {
        match self.bound(slot) {
            Some(info) => info.name(),
            None => format!("Unused {}", slot + 1),
        }
    }

    /// A slot's value as people read it, unit included.
    pub fn text(&self, slot: usize, normalized: f32) -> String {
        match self.bound(slot) {
            Some(info) => info.text(normalized),
            None => format!("{normalized:.3}"),
        }
    }

    /// The value 0..1 that a text means for a slot; `None` if it means nothing there.
    pub fn parse(&self, slot: usize, text: &str) -> Option<f32> {
        let normalized = match self.bound(slot) {
            Some(info) => info.parse(text)?,
            None => text.trim().parse().ok()?,
        };
        valid(normalized.into())
    }

    /// The unit that ends a slot's text at every value; empty if its texts have different ones.
    pub fn unit(&self, slot: usize) -> &str {
        self.units.get(slot).map_or("", String::as_str)
    }

    /// A slot's text without [`unit`](Self::unit), for hosts that show the unit themselves.
    pub fn bare_text(&self, slot: usize, normalized: f32) -> String {
        let text = self.text(slot, normalized);
        match text.strip_suffix(self.unit(slot)) {
            Some(bare) => bare.trim_end().to_owned(),
            None => text,
        }
    }

    /// The value 0..1 that a text means for a slot, whether or not its unit was left out.
    pub fn parse_bare(&self, slot: usize, text: &str) -> Option<f32> {
        let unit = self.unit(slot);
        let with_unit = format!("{} {unit}", text.trim());
        let bare_number = !unit.is_empty() && text.trim().parse::<f64>().is_ok();
        bare_number
            .then(|| self.parse(slot, &with_unit))
            .flatten()
            .or_else(|| self.parse(slot, text))
    }

    /// The value 0..1 a slot returns to when the host resets it.
    pub fn default_value(&self, slot: usize) -> f32 {
        self.bound(slot).map_or(0.0, |info| info.default)
    }

    /// How many steps a switch has above its lowest value; `None` for a knob.
    pub fn steps(&self, slot: usize) -> Option<u32> {
        self.bound(slot).and_then(SlotInfo::steps)
    }
}

/// A value a host sent, limited to 0..1; `None` if it is no number.
pub fn valid(normalized: f64) -> Option<f32> {
    normalized
        .is_finite()
        .then(|| normalized.clamp(0.0, 1.0) as f32)
}

/// The value 0..1 a slot shows when its patch is loaded.
fn shown_value(info: &SlotInfo) -> f32 {
    valid(info.value.into()).unwrap_or(0.0)
}

thread_local! {
    /// This thread sets slots to what the patch says, which the player knows from its plan.
    static SHOWING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// The host parameters of one plugin instance.
pub struct SlotBank {
    params: Box<[FloatParam]>,
    /// Turned since the player last looked.
    turned: Arc<SlotSet>,
    /// Turned since the patch was shown: the patch's own value no longer holds.
    moved: Arc<SlotSet>,
    view: ArcSwap<SlotView>,
}

impl SlotBank {
    /// Slots showing a patch, at its values.
    pub fn new(view: SlotView) -> SlotBank {
        let turned = Arc::<SlotSet>::default();
        let moved = Arc::<SlotSet>::default();
        let params = (0..SLOTS)
            .map(|slot| {
                let (turned, moved) = (Arc::clone(&turned), Arc::clone(&moved));
                let range = FloatRange::Linear { min: 0.0, max: 1.0 };
                FloatParam::new(slot_id(slot), 0.0, range).with_callback(Arc::new(move |_| {
                    if !SHOWING.get() {
                        moved.mark(slot);
                        turned.mark(slot);
                    }
                }))
            })
            .collect();
        let bank = SlotBank {
            params,
            turned,
            moved,
            view: ArcSwap::from_pointee(view),
        };
        bank.set_from_view();
        bank
    }

    /// What hosts are shown. Not for the audio thread: it might drop the last reference.
    pub fn view(&self) -> Guard<Arc<SlotView>> {
        self.view.load()
    }

    /// Shows another patch, at its values. Not for the audio thread.
    pub fn show(&self, view: SlotView) {
        self.view.store(Arc::new(view));
        self.set_from_view();
    }

    fn set_from_view(&self) {
        let view = self.view.load();
        SHOWING.set(true);
        for (slot, param) in self.params.iter().enumerate() {
            let value = view.bound(slot).map_or(0.0, shown_value);
            // SAFETY: the call is unsafe only to keep plugins from bypassing the host; here the
            // host is told afterwards that all values changed.
            unsafe { param._internal_set_normalized_value(value) };
            self.moved.unmark(slot);
            if view.bound(slot).is_some() {
                // A change meant for the patch before may have reached the new plan before the
                // slots were set. If none did, the plan has this value already.
                self.turned.mark(slot);
            }
        }
        SHOWING.set(false);
    }

    /// Calls `each` with every binding that was turned since the patch was shown, and its value 0..1.
    ///
    /// A slot turned away and back counts: the player then holds the value of the knob's position,
    /// which may differ from the patch's number in the last digit.
    pub fn for_each_moved(&self, mut each: impl FnMut(&SlotInfo, f32)) {
        let view = self.view.load();
        for slot in 0..SLOTS {
            if let Some(info) = view.bound(slot) {
                let value = self.value(slot);
                if self.moved.has(slot) || value != shown_value(info) {
                    each(info, value);
                }
            }
        }
    }

    /// A slot's value 0..1 as the player should hear it, host modulation included.
    pub fn heard(&self, slot: usize) -> f32 {
        self.params.get(slot).map_or(0.0, FloatParam::value)
    }

    /// A slot's value 0..1 as it is set and saved, without host modulation.
    pub fn value(&self, slot: usize) -> f32 {
        self.params
            .get(slot)
            .map_or(0.0, Param::unmodulated_normalized_value)
    }

    /// The slots turned since the last call. For the audio thread.
    pub fn take_turned(&self) -> TurnedSlots {
        TurnedSlots(self.turned.take())
    }

    /// The slots turned since the patch was shown. For the audio thread.
    pub fn moved(&self) -> TurnedSlots {
        TurnedSlots(self.moved.all())
    }
}

// SAFETY: every pointer leads into `params`, a boxed slice that is never replaced and lives as long
// as the bank itself.
unsafe impl Params for SlotBank {
    fn param_map(&self) -> Vec<(String, ParamPtr, String)> {
        self.params
            .iter()
            .enumerate()
            .map(|(slot, param)| (slot_id(slot), param.as_ptr(), String::new()))
            .collect()
    }
}

/// The fixed id of a slot: `s0001` to `s1024`.
fn slot_id(slot: usize) -> String {
    format!("s{:04}", slot + 1)
}

/// nice-plug numbers parameters by reading the id's bytes as digits to the base 31.
const BASE: u32 = 31;

/// The number of the id `s0000`.
const ORIGIN: u32 = {
    let mut number = b's' as u32;
    let mut digits = 0;
    while digits < 4 {
        number = number * BASE + b'0' as u32;
        digits += 1;
    }
    number
};

/// The number hosts know a slot by.
pub fn host_id(slot: usize) -> u32 {
    let number = slot as u32 + 1;
    let digits = [
        number / 1000,
        number / 100 % 10,
        number / 10 % 10,
        number % 10,
    ];
    ORIGIN + digits.iter().fold(0, |sum, digit| sum * BASE + digit)
}

/// The slot a host means by a number.
pub fn slot_of(host_id: u32) -> Option<usize> {
    let mut rest = host_id.checked_sub(ORIGIN)?;
    let (mut number, mut place) = (0, 1);
    for _ in 0..4 {
        let digit = (rest % BASE) as usize;
        if digit > 9 {
            return None;
        }
        number += digit * place;
        place *= 10;
        rest /= BASE;
    }
    (rest == 0 && (1..=SLOTS).contains(&number)).then(|| number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_numbers_lead_back_to_their_slots_and_nothing_else_does() {
        for slot in 0..SLOTS {
            assert_eq!(slot_of(host_id(slot)), Some(slot));
        }
        let numbers: std::collections::BTreeSet<u32> = (0..SLOTS).map(host_id).collect();
        assert_eq!(numbers.len(), SLOTS);
        let span = host_id(0) - 5_000..host_id(SLOTS - 1) + 5_000;
        for number in span.chain([0, 1, u32::MAX, u32::MAX - 1, 1 << 31]) {
            assert_eq!(slot_of(number).is_some(), numbers.contains(&number));
        }
    }

    #[test]
    fn turned_slots_are_reported_once_and_in_order() {
        let turned = SlotSet::default();
        for slot in [1023, 0, 63, 64, 700, 64, SLOTS, usize::MAX] {
            turned.mark(slot);
        }
        let found: Vec<usize> = TurnedSlots(turned.take()).collect();
        assert_eq!(found, [0, 63, 64, 700, 1023]);
        assert_eq!(TurnedSlots(turned.take()).next(), None);
    }

    #[test]
    fn a_unit_is_common_only_if_every_value_has_it() {
        let unit = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            common_unit(&texts).to_owned()
        };
        assert_eq!(unit(&["50 %", "0 %", "100 %"]), "%");
        assert_eq!(unit(&["-6.0 dB", "0.0 dB"]), "dB");
        assert_eq!(unit(&["800 Hz", "1.2 kHz"]), "");
        assert_eq!(unit(&["2.5 s", "100 ms"]), "");
        assert_eq!(unit(&["C4", "D#5"]), "");
        assert_eq!(unit(&["0.5", "1"]), "");
        assert_eq!(unit(&["off"]), "");
    }

    #[test]
    fn values_that_are_no_numbers_are_refused_and_others_limited() {
        assert_eq!(valid(f64::NAN), None);
        assert_eq!(valid(f64::INFINITY), None);
        assert_eq!(valid(f64::NEG_INFINITY), None);
        assert_eq!(valid(1e308), Some(1.0));
        assert_eq!(valid(-3.0), Some(0.0));
        assert_eq!(valid(0.25), Some(0.25));
    }
}
