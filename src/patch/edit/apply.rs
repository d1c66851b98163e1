//! What each edit does.

use std::collections::HashSet;

use weft_modules::{ModuleSpec, ParamSpec};

use super::{Change, Edit, EditError, LONGEST_NAME, LONGEST_NOTES, Reach, Step};
use crate::patch::ids::quote;
use crate::patch::value::legal;
use crate::patch::{BuildError, Cable, LAST_SLOT, Module, ParamRef, Patch, PortRef, SlotFault};

/// A patch being edited, and what undoes the edits so far.
pub(crate) struct Editor<'p> {
    patch: &'p mut Patch,
    undo: Vec<Change>,
    reach: Reach,
    closes: bool,
}

impl<'p> Editor<'p> {
    pub(crate) fn new(patch: &'p mut Patch) -> Editor<'p> {
        Editor {
            patch,
            undo: Vec::new(),
            reach: Reach::Nothing,
            closes: false,
        }
    }

    /// What undoes the edits, and whether they may have closed a circle of cables.
    pub(super) fn finish(self) -> (Step, bool) {
        (Step::new(self.undo, self.reach), self.closes)
    }

    /// Applies an edit. After an error it may be half done.
    pub(super) fn edit(&mut self, edit: &Edit) -> Result<(), EditError> {
        match edit {
            Edit::Create { id, kind, position } => {
                if let Some(position) = position {
                    check_position(id, *position)?;
                }
                Ok(self.create(id, kind, *position)?)
            }
            Edit::Delete { module } => self.delete(module),
            Edit::Connect { cable } => Ok(self.connect(cable)?),
            Edit::Disconnect { from, to } => {
                let place = self.cable(from, to)?;
                self.make(Reach::Structure, Change::RemoveCable(place));
                Ok(())
            }
            Edit::SetAmount { from, to, amount } => self.turn_cable(from, to, |cable| Cable {
                amount: *amount,
                ..cable
            }),
            Edit::SetFeedback { from, to, feedback } => self.turn_cable(from, to, |cable| Cable {
                feedback: *feedback,
                ..cable
            }),
            Edit::Rename { module, to } => self.rename(module, to),
            Edit::Replace { module, kind } => self.replace(module, kind),
            Edit::Move { module, position } => {
                let place = self.module(module)?;
                check_position(module, *position)?;
                let bits = |(x, y): (f32, f32)| (x.to_bits(), y.to_bits());
                let now = self.patch.modules.at(place).1.position;
                if now.map(bits) != Some(bits(*position)) {
                    self.make(Reach::Layout, Change::Position(place, Some(*position)));
                }
                Ok(())
            }
            Edit::SetValue {
                module,
                param,
                plain,
            } => self.set_value(module, param, *plain),
            Edit::Bind { slot, param } => self.bind(*slot, param),
            Edit::Unbind { slot } => {
                check_slot(*slot)?;
                if !self.patch.slots.contains_key(slot) {
                    return Err(EditError::EmptySlot { slot: *slot });
                }
                self.free(*slot);
                Ok(())
            }
            Edit::SetName { name } => {
                check_length(Some(name), LONGEST_NAME, || "the name of the patch".into())?;
                if self.patch.name != *name {
                    self.make(Reach::Layout, Change::Name(name.clone()));
                }
                Ok(())
            }
            Edit::SetTransition { transition } => {
                let transition = transition.legal();
                if self.patch.transition != transition {
                    self.make(Reach::Layout, Change::Transition(transition));
                }
                Ok(())
            }
            Edit::SetColor { module, color } => {
                let place = self.module(module)?;
                check_length(color.as_ref(), LONGEST_NAME, || {
                    format!("the colour of module \"{module}\"")
                })?;
                self.restyle(place, |module| module.color.clone_from(color));
                Ok(())
            }
            Edit::SetNotes { module, notes } => {
                let place = self.module(module)?;
                check_length(notes.as_ref(), LONGEST_NOTES, || {
                    format!("the notes on module \"{module}\"")
                })?;
                self.restyle(place, |module| module.notes.clone_from(notes));
                Ok(())
            }
            Edit::Load { patch } => self.load(patch),
        }
    }

    fn make(&mut self, reach: Reach, change: Change) {
        self.undo.push(self.patch.exchange(change));
        self.reach = self.reach.max(reach);
    }

    fn module(&self, id: &str) -> Result<usize, EditError> {
        let no_module = || EditError::NoModule { module: quote(id) };
        self.patch.modules.place(id).ok_or_else(no_module)
    }

    fn cable(&self, from: &PortRef, to: &PortRef) -> Result<usize, EditError> {
        let no_cable = || EditError::NoCable {
            cable: quote(&format!("{from} -> {to}")),
        };
        self.patch.cable(from, to).ok_or_else(no_cable)
    }

    /// The places of a param: its module's in the patch and its own in the data sheet.
    fn param(
        &self,
        module: &str,
        param: &str,
    ) -> Result<(usize, usize, &'static ParamSpec), EditError> {
        let place = self.module(module)?;
        let kind = &self.patch.modules.at(place).1.kind;
        let spec = self
            .patch
            .spec(module)
            .ok_or_else(|| EditError::Placeholder {
                module: module.into(),
                kind: quote(kind),
            })?;
        let index = spec.param(param).ok_or_else(|| EditError::NoParam {
            module: module.into(),
            param: quote(param),
            has: spec.params.iter().map(|param| param.id).collect(),
        })?;
        Ok((place, index, &spec.params[index]))
    }

    /// Adds a fresh module and gives it slots.
    pub(crate) fn create(
        &mut self,
        id: &str,
        kind: &str,
        position: Option<(f32, f32)>,
    ) -> Result<(), BuildError> {
        self.patch.check_free(id)?;
        let mut module = fresh(kind)?;
        module.position = position;
        let add = Change::AddModule(self.patch.modules.len(), id.into(), module.into());
        self.make(Reach::Structure, add);
        // Cables that led nowhere may lead to it.
        self.closes |= self.patch.cables.iter().any(|cable| cable.touches(id));
        self.release(id);
        self.drop_unfit_slots(id);
        self.bind_params(id, |_| true);
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<(), EditError> {
        let module = self.module(id)?;
        self.drop_cables(|_, cable| cable.touches(id));
        self.make(Reach::Structure, Change::RemoveModule(module));
        if self.patch.slots_of(id).next().is_some() {
            let place = self.patch.reserved.len();
            self.make(Reach::Binding, Change::Reserve(place, id.into()));
        }
        Ok(())
    }

    /// Adds a cable, though it may close a circle.
    pub(crate) fn connect(&mut self, cable: &Cable) -> Result<(), BuildError> {
        self.patch.check_cable(cable)?;
        let place = self.patch.cables.len();
        self.make(Reach::Structure, Change::AddCable(place, cable.clone()));
        self.closes |= !cable.feedback;
        Ok(())
    }

    fn turn_cable(
        &mut self,
        from: &PortRef,
        to: &PortRef,
        turned: impl FnOnce(Cable) -> Cable,
    ) -> Result<(), EditError> {
        let place = self.cable(from, to)?;
        let now = &self.patch.cables[place];
        let cable = turned(now.clone());
        cable.check()?;
        let closes = now.feedback && !cable.feedback;
        if closes
            || cable.feedback != now.feedback
            || cable.amount.to_bits() != now.amount.to_bits()
        {
            self.make(Reach::Structure, Change::Cable(place, cable));
            self.closes |= closes;
        }
        Ok(())
    }

    fn rename(&mut self, id: &str, to: &str) -> Result<(), EditError> {
        let module = self.module(id)?;
        if id == to {
            return Ok(());
        }
        self.patch.check_free(to)?;
        let slots: Vec<u16> = self.patch.slots_of(to).map(|(slot, _)| slot).collect();
        for slot in slots {
            self.free(slot);
        }
        let renamed = |end: &PortRef| PortRef {
            module: if end.module == id { to } else { &end.module }.into(),
            port: end.port.clone(),
        };
        // Cables that led nowhere may lead to it now, but not beside one it has.
        let ends = |cable: &Cable| (renamed(&cable.from), renamed(&cable.to));
        let (stray, own): (Vec<&Cable>, Vec<&Cable>) = self
            .patch
            .cables
            .iter()
            .filter(|cable| cable.touches(id) || cable.touches(to))
            .partition(|cable| cable.touches(to));
        let mut joined: HashSet<_> = own.into_iter().map(ends).collect();
        let doubled: Vec<Cable> = stray
            .into_iter()
            .filter(|cable| !joined.insert(ends(cable)))
            .cloned()
            .collect();
        self.drop_cables(|_, cable| doubled.contains(cable));
        if self.patch.cables.iter().any(|cable| cable.touches(to)) {
            self.closes = true;
            self.reach = Reach::Structure;
        }
        self.make(Reach::Binding, Change::Id(module, to.into()));
        for place in 0..self.patch.cables.len() {
            let cable = &self.patch.cables[place];
            if cable.touches(id) {
                let cable = Cable {
                    from: renamed(&cable.from),
                    to: renamed(&cable.to),
                    ..*cable
                };
                self.make(Reach::Binding, Change::Cable(place, cable));
            }
        }
        let slots = self.patch.slots_of(id);
        let slots: Vec<(u16, ParamRef)> = slots
            .map(|(slot, param)| {
                let module = to.into();
                let param = param.into();
                (slot, ParamRef { module, param })
            })
            .collect();
        for (slot, bound) in slots {
            self.make(Reach::Binding, Change::Slot(slot, Some(bound)));
        }
        Ok(())
    }

    fn replace(&mut self, id: &str, kind: &str) -> Result<(), EditError> {
        let place = self.module(id)?;
        let old = self.patch.modules.at(place).1;
        if old.kind == kind {
            return Ok(());
        }
        let had = old.spec();
        let mut module = fresh(kind)?;
        module.take_over(old);
        let leads =
            |patch: &Patch, cable: &Cable| cable.touches(id) && patch.fault(cable).is_none();
        let led: Vec<bool> = self
            .patch
            .cables
            .iter()
            .map(|cable| leads(self.patch, cable))
            .collect();
        self.make(Reach::Structure, Change::Module(place, module.into()));
        self.closes = true;
        let patch = &*self.patch;
        let unfit: Vec<bool> = patch
            .cables
            .iter()
            .zip(led)
            .map(|(cable, led)| led && !leads(patch, cable))
            .collect();
        self.drop_cables(|place, _| unfit[place]);
        self.drop_unfit_slots(id);
        // A param that was left without a slot before stays without.
        let takes_slot = |had: &ModuleSpec, param: &ParamSpec| {
            had.param(param.id)
                .is_some_and(|index| !had.params[index].setting)
        };
        self.bind_params(id, |param| had.is_none_or(|had| !takes_slot(had, param)));
        Ok(())
    }

    fn set_value(&mut self, module: &str, param: &str, plain: f32) -> Result<(), EditError> {
        let (place, index, spec) = self.param(module, param)?;
        if !plain.is_finite() {
            return Err(EditError::NotAValue {
                module: module.into(),
                param: param.into(),
                value: plain.to_string(),
            });
        }
        let value = legal(spec, plain);
        let now = self.patch.modules.at(place).1.value(index);
        if now.map(f32::to_bits) != Some(value.to_bits()) {
            let reach = if spec.setting {
                Reach::Structure
            } else {
                Reach::Value
            };
            self.make(reach, Change::Value(place, index, Some(value)));
        }
        Ok(())
    }

    fn bind(&mut self, slot: u16, bound: &ParamRef) -> Result<(), EditError> {
        check_slot(slot)?;
        let (_, _, spec) = self.param(&bound.module, &bound.param)?;
        if spec.setting {
            let ParamRef { module, param } = bound.clone();
            return Err(EditError::Unbindable {
                slot,
                bound: bound.to_string(),
                fault: SlotFault::Setting { module, param },
            });
        }
        match self.patch.slots.get(&slot) {
            Some(other) if other == bound => return Ok(()),
            Some(other) if self.patch.modules.contains(&other.module) => {
                return Err(EditError::SlotTaken {
                    slot,
                    bound: other.clone(),
                });
            }
            Some(_) => self.free(slot),
            None => {}
        }
        if let Some(former) = self.patch.slot_of(bound) {
            self.free(former);
        }
        self.make(Reach::Binding, Change::Slot(slot, Some(bound.clone())));
        Ok(())
    }

    fn load(&mut self, patch: &Patch) -> Result<(), EditError> {
        patch.check()?;
        let mut patch = patch.clone();
        patch.modules.rekey();
        let reserved = std::mem::take(&mut patch.reserved);
        patch.reserve(reserved);
        self.make(Reach::Structure, Change::Whole(patch.into()));
        self.closes = true;
        Ok(())
    }

    fn restyle(&mut self, place: usize, style: impl FnOnce(&mut Module)) {
        let old = self.patch.modules.at(place).1;
        let mut module = old.clone();
        style(&mut module);
        if module != *old {
            self.make(Reach::Layout, Change::Module(place, module.into()));
        }
    }

    /// Removes the cables that are unwanted, by their places and what they are.
    fn drop_cables(&mut self, unwanted: impl Fn(usize, &Cable) -> bool) {
        for place in (0..self.patch.cables.len()).rev() {
            if unwanted(place, &self.patch.cables[place]) {
                self.make(Reach::Structure, Change::RemoveCable(place));
            }
        }
    }

    /// Frees the slots of a module that carry nothing.
    fn drop_unfit_slots(&mut self, id: &str) {
        let bound = self.patch.slots.iter();
        let unfit: Vec<u16> = bound
            .filter(|(_, bound)| bound.module == id && self.patch.slot_fault(bound).is_some())
            .map(|(slot, _)| *slot)
            .collect();
        for slot in unfit {
            self.free(slot);
        }
    }

    /// Binds those params of a module that are wanted, have no slot and are no settings to free
    /// slots in order, and then to slots of modules that do not exist. Returns how many got none.
    pub(crate) fn bind_params(&mut self, id: &str, wanted: impl Fn(&ParamSpec) -> bool) -> usize {
        let params = self.patch.spec(id).map_or(&[][..], |spec| spec.params);
        let bound: Vec<String> = self
            .patch
            .slots_of(id)
            .map(|(_, param)| param.into())
            .collect();
        let mut next = 1;
        let mut unbound = params.iter().filter(|param| {
            !param.setting && wanted(param) && bound.iter().all(|bound| bound != param.id)
        });
        while let Some(param) = unbound.next() {
            let slot = match self.patch.free_slot(next) {
                Some(slot) => {
                    next = slot;
                    slot
                }
                None => match self.patch.spare_slot() {
                    Some(slot) => {
                        self.free(slot);
                        slot
                    }
                    // Nor will the others find one.
                    None => return 1 + unbound.count(),
                },
            };
            let param = ParamRef {
                module: id.into(),
                param: param.id.into(),
            };
            self.make(Reach::Binding, Change::Slot(slot, Some(param)));
        }
        0
    }

    /// Makes a bound slot free. A deleted module whose last slot it was is forgotten.
    fn free(&mut self, slot: u16) {
        let Some(bound) = self.patch.slots.get(&slot) else {
            return;
        };
        let module = bound.module.clone();
        self.make(Reach::Binding, Change::Slot(slot, None));
        if self.patch.slots_of(&module).next().is_none() {
            self.release(&module);
        }
    }

    /// Keeps no more slots for a deleted module; what is bound to its id stays bound.
    fn release(&mut self, id: &str) {
        if let Some(place) = self.patch.reserved.iter().position(|other| other == id) {
            self.make(Reach::Binding, Change::Release(place));
        }
    }
}

fn fresh(kind: &str) -> Result<Module, BuildError> {
    let module = Module::new(kind);
    if module.spec().is_none() {
        return Err(BuildError::UnknownType { kind: quote(kind) });
    }
    Ok(module)
}

fn check_slot(slot: u16) -> Result<(), EditError> {
    if (1..=LAST_SLOT).contains(&slot) {
        Ok(())
    } else {
        Err(EditError::NoSuchSlot { slot })
    }
}

fn check_position(module: &str, (x, y): (f32, f32)) -> Result<(), EditError> {
    if x.is_finite() && y.is_finite() {
        return Ok(());
    }
    Err(EditError::NotAPosition {
        module: quote(module),
        x: x.to_string(),
        y: y.to_string(),
    })
}

fn check_length(
    text: Option<&String>,
    most: usize,
    what: impl FnOnce() -> String,
) -> Result<(), EditError> {
    let characters = text.map_or(0, |text| text.chars().count());
    if characters <= most {
        return Ok(());
    }
    Err(EditError::TooLong {
        what: what(),
        characters,
        most,
    })
}

impl Patch {
    /// Whether the patch could be saved and read back: its public parts may hold anything.
    fn check(&self) -> Result<(), EditError> {
        let mut joined = HashSet::new();
        for cable in &self.cables {
            cable.check()?;
            if !joined.insert((&cable.from, &cable.to)) {
                let cable = cable.to_string();
                return Err(BuildError::DoubleCable { cable }.into());
            }
        }
        let mut params = HashSet::new();
        for (&slot, bound) in &self.slots {
            check_slot(slot)?;
            if !bound.is_written() {
                let bound = quote(&bound.to_string());
                return Err(EditError::NotAParam { slot, bound });
            }
            if !params.insert(bound) {
                let bound = bound.clone();
                return Err(EditError::BoundTwice { slot, bound });
            }
        }
        Ok(())
    }
}
