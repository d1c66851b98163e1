//! Edits made of random numbers, to fit whatever patch is there.

use weft::patch::{Cable, Edit, ParamRef, Patch, PortRef, Transition};
use weft_modules::CATALOG;

/// Numbers that become an edit of whatever patch is there.
pub type Dice = [u16; 8];

fn pick<T: Clone>(choices: &[T], dice: u16) -> Option<T> {
    let index = usize::from(dice) % choices.len().max(1);
    choices.get(index).cloned()
}

/// The id of a module, mostly one that is there.
fn some_module(patch: &Patch, dice: u16) -> String {
    let ids: Vec<&str> = patch.modules.iter().map(|(id, _)| id).collect();
    match pick(&ids, dice / 16) {
        Some(id) if !dice.is_multiple_of(16) => id.into(),
        _ => some_id(dice / 16),
    }
}

/// An id from a few, so that they meet, some of which cannot be ids.
fn some_id(dice: u16) -> String {
    let ids = ["a", "b", "c", "d", "e", "é1", "x-2", "a b", "", "f.g", "z"];
    pick(&ids, dice).unwrap_or("a").into()
}

fn some_kind(dice: u16) -> String {
    let known: Vec<&str> = CATALOG.iter().map(|entry| entry.spec.id).collect();
    match dice % 16 {
        0 => "theremin".into(),
        _ => pick(&known, dice / 16).unwrap_or("sine").into(),
    }
}

/// A port of a module, mostly one it has.
fn some_port(patch: &Patch, dice: u16, output: bool) -> PortRef {
    let module = some_module(patch, dice);
    let outputs = |spec: &'static weft_modules::ModuleSpec| {
        let ports = spec.outputs.iter().map(|port| port.id);
        ports.collect::<Vec<_>>()
    };
    let inputs = |spec: &'static weft_modules::ModuleSpec| {
        let ports = spec.inputs.iter().map(|port| port.id);
        let params = spec.params.iter().map(|param| param.id);
        ports.chain(params).collect::<Vec<_>>()
    };
    let ports = patch.spec(&module).map(|spec| {
        if output != dice.is_multiple_of(31) {
            outputs(spec)
        } else {
            inputs(spec)
        }
    });
    let port = pick(&ports.unwrap_or_default(), dice.rotate_left(7)).unwrap_or("in");
    PortRef {
        module,
        port: port.into(),
    }
}

pub fn some_param(patch: &Patch, dice: u16) -> ParamRef {
    let module = some_module(patch, dice);
    let params: Vec<&str> = patch
        .spec(&module)
        .map(|spec| spec.params.iter().map(|param| param.id).collect())
        .unwrap_or_default();
    let param = pick(&params, dice.rotate_left(5)).unwrap_or("in").into();
    ParamRef { module, param }
}

pub fn some_number(dice: u16) -> f32 {
    match dice % 16 {
        0 => f32::NAN,
        1 => f32::INFINITY,
        2 => -0.0,
        3 => 1e30,
        4..8 => f32::from(dice),
        _ => (f32::from(dice) - 32_768.0) / 8_192.0,
    }
}

/// The ends of a cable, mostly one that is there.
fn some_ends(patch: &Patch, dice: u16) -> (PortRef, PortRef) {
    match pick(&patch.cables, dice / 16) {
        Some(cable) if !dice.is_multiple_of(16) => (cable.from, cable.to),
        _ => (
            some_port(patch, dice, true),
            some_port(patch, dice.rotate_left(3), false),
        ),
    }
}

fn some_slot(patch: &Patch, dice: u16) -> u16 {
    let bound: Vec<u16> = patch.slots.keys().copied().collect();
    match dice % 4 {
        0 => dice % 1100,
        1 => dice / 4 % 24,
        _ => pick(&bound, dice / 4).unwrap_or(0),
    }
}

fn some_text(dice: u16) -> String {
    match dice % 4 {
        0 => String::new(),
        1 => char::from_u32(u32::from(dice)).map_or("\u{0}\"\n".into(), String::from),
        2 => "\"quoted\" \\ and\r\nbroken".into(),
        _ => "x".repeat(usize::from(dice) / 4),
    }
}

pub fn some_edit(patch: &Patch, dice: Dice) -> Edit {
    let [what, a, b, c, d, ..] = dice;
    match what % 24 {
        0..4 => Edit::Create {
            id: some_id(a),
            kind: some_kind(b),
            position: c
                .is_multiple_of(3)
                .then(|| (some_number(c), some_number(d))),
        },
        4 | 5 => Edit::Delete {
            module: some_module(patch, a),
        },
        6..11 => Edit::Connect {
            cable: Cable {
                from: some_port(patch, a, true),
                to: some_port(patch, b, false),
                amount: if c.is_multiple_of(2) {
                    1.0
                } else {
                    some_number(c)
                },
                feedback: d.is_multiple_of(5),
            },
        },
        11 => {
            let (from, to) = some_ends(patch, a);
            Edit::Disconnect { from, to }
        }
        12 => {
            let (from, to) = some_ends(patch, a);
            let amount = some_number(b);
            Edit::SetAmount { from, to, amount }
        }
        13 => {
            let (from, to) = some_ends(patch, a);
            let feedback = b.is_multiple_of(2);
            Edit::SetFeedback { from, to, feedback }
        }
        14 | 15 => Edit::Rename {
            module: some_module(patch, a),
            to: some_id(b),
        },
        16 => Edit::Replace {
            module: some_module(patch, a),
            kind: some_kind(b),
        },
        17 => Edit::Move {
            module: some_module(patch, a),
            position: (some_number(b), some_number(c)),
        },
        18 | 19 => {
            let ParamRef { module, param } = some_param(patch, a);
            Edit::SetValue {
                module,
                param,
                plain: some_number(b),
            }
        }
        20 => Edit::Bind {
            slot: some_slot(patch, a),
            param: some_param(patch, b),
        },
        21 => Edit::Unbind {
            slot: some_slot(patch, a),
        },
        22 => match a % 4 {
            0 => Edit::SetName { name: some_text(b) },
            3 => Edit::SetTransition {
                transition: Transition {
                    fade: some_number(b),
                    tail: some_number(c),
                },
            },
            1 => Edit::SetColor {
                module: some_module(patch, c),
                color: Some(some_text(b)),
            },
            _ => Edit::SetNotes {
                module: some_module(patch, c),
                notes: Some(some_text(b)),
            },
        },
        _ if a % 4 > 0 => Edit::SetName { name: some_text(b) },
        _ => {
            let mut other = patch.clone();
            let edits = [dice.map(|dice| dice.rotate_left(5))];
            for dice in edits {
                if dice[0] % 24 < 20 {
                    let edit = some_edit(&other, dice);
                    let _ = other.apply(&edit);
                }
            }
            if b.is_multiple_of(8)
                && let Some(cable) = other.cables.first_mut()
            {
                cable.amount = some_number(c);
            }
            Edit::Load {
                patch: other.into(),
            }
        }
    }
}
