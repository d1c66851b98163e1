//! The small changes that edits are made of. Each is undone by the one that making it gives back.

use crate::patch::{Cable, Module, ParamRef, Patch, Transition};

/// A change of a patch. Places count from 0 and are those at the time of the change.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Calls the patch otherwise.
    Name(String),
    /// Gives way otherwise.
    Transition(Transition),
    /// Puts a module at a place.
    AddModule(usize, String, Box<Module>),
    /// Takes the module out of a place.
    RemoveModule(usize),
    /// Puts another module in the place of one, under the same id.
    Module(usize, Box<Module>),
    /// Gives a module another id.
    Id(usize, String),
    /// Puts a module elsewhere on the canvas.
    Position(usize, Option<(f32, f32)>),
    /// Names the value of a param, or leaves it to the default.
    Value(usize, usize, Option<f32>),
    /// Puts a cable at a place.
    AddCable(usize, Cable),
    /// Takes the cable out of a place.
    RemoveCable(usize),
    /// Puts another cable in the place of one.
    Cable(usize, Cable),
    /// Binds a slot or leaves it free.
    Slot(u16, Option<ParamRef>),
    /// Keeps slots for a module, at a place in the order of deletion.
    Reserve(usize, String),
    /// Keeps no more slots for the module at a place.
    Release(usize),
    /// Makes it another patch.
    Whole(Box<Patch>),
}

impl Change {
    /// Whether the change turns something that is there, so that of several such changes in one
    /// place only the first needs undoing.
    pub(crate) fn is_turn(&self) -> bool {
        matches!(
            self,
            Change::Position(..) | Change::Value(..) | Change::Cable(..)
        )
    }

    /// Whether both turn the same thing.
    pub(crate) fn turns_same(&self, other: &Change) -> bool {
        match (self, other) {
            (Change::Position(a, _), Change::Position(b, _)) => a == b,
            (Change::Value(a, param, _), Change::Value(b, other, _)) => a == b && param == other,
            (Change::Cable(a, _), Change::Cable(b, _)) => a == b,
            _ => false,
        }
    }
}

impl Patch {
    /// Makes a change and gives back the one that undoes it.
    pub(crate) fn exchange(&mut self, change: Change) -> Change {
        use std::mem::replace;
        match change {
            Change::Name(name) => Change::Name(replace(&mut self.name, name)),
            Change::Transition(transition) => {
                Change::Transition(replace(&mut self.transition, transition))
            }
            Change::AddModule(place, id, module) => {
                self.modules.insert(place, id, *module);
                Change::RemoveModule(place)
            }
            Change::RemoveModule(place) => {
                let (id, module) = self.modules.remove(place);
                Change::AddModule(place, id, module.into())
            }
            Change::Module(place, mut module) => {
                std::mem::swap(self.modules.at_mut(place), &mut *module);
                Change::Module(place, module)
            }
            Change::Id(place, id) => Change::Id(place, self.modules.rename(place, id)),
            Change::Position(place, position) => {
                let module = self.modules.at_mut(place);
                Change::Position(place, replace(&mut module.position, position))
            }
            Change::Value(place, param, value) => {
                let named = self.modules.at_mut(place).named_mut(param);
                Change::Value(place, param, replace(named, value))
            }
            Change::AddCable(place, cable) => {
                self.cables.insert(place, cable);
                Change::RemoveCable(place)
            }
            Change::RemoveCable(place) => Change::AddCable(place, self.cables.remove(place)),
            Change::Cable(place, cable) => {
                Change::Cable(place, replace(&mut self.cables[place], cable))
            }
            Change::Slot(slot, Some(bound)) => Change::Slot(slot, self.slots.insert(slot, bound)),
            Change::Slot(slot, None) => Change::Slot(slot, self.slots.remove(&slot)),
            Change::Reserve(place, id) => {
                self.reserved.insert(place, id);
                Change::Release(place)
            }
            Change::Release(place) => Change::Reserve(place, self.reserved.remove(place)),
            Change::Whole(mut patch) => {
                std::mem::swap(self, &mut patch);
                Change::Whole(patch)
            }
        }
    }
}
