//! A stream of random edits, such as people make.

use weft::patch::{Cable, Edit, LAST_SLOT, ParamRef, Patch, PortRef};
use weft_modules::spec::Category;
use weft_modules::{CATALOG, ModuleSpec, Voicing};

use super::random::Random;

/// Feedback cables at most: their loops run frame by frame.
const FEEDBACK: usize = 3;
/// Effects at most, by modules for each.
const EFFECTS: usize = 20;

/// One to four edits that belong together. Some do not fit the patch, as happens to people.
///
/// `modules`: the size around which the patch is to stay.
pub fn some(patch: &Patch, modules: usize, serial: &mut u32, random: &mut Random) -> Vec<Edit> {
    let count = 1 + random.below(4);
    (0..count)
        .filter_map(|_| one(patch, modules, serial, random))
        .flatten()
        .collect()
}

fn one(patch: &Patch, modules: usize, serial: &mut u32, random: &mut Random) -> Option<Vec<Edit>> {
    let grows = patch.modules.len() < modules;
    Some(match random.below(20) {
        0..=3 if grows => create(patch, serial, random)?,
        0..=3 => vec![Edit::Delete {
            module: any_inner(patch, random)?,
        }],
        4..=7 => vec![Edit::Connect {
            cable: any_new_cable(patch, random)?,
        }],
        8..=9 => {
            let Cable { from, to, .. } = random.pick(&patch.cables)?.clone();
            vec![Edit::Disconnect { from, to }]
        }
        10..=12 => {
            let Cable { from, to, .. } = random.pick(&patch.cables)?.clone();
            let amount = random.unit() * 2.0 - 1.0;
            vec![Edit::SetAmount { from, to, amount }]
        }
        13 => replace(patch, random)?,
        14 => feedback(patch, random)?,
        15 => {
            *serial += 1;
            vec![Edit::Rename {
                module: any_inner(patch, random)?,
                to: format!("r{serial}"),
            }]
        }
        16 => vec![Edit::Move {
            module: any_inner(patch, random)?,
            position: (random.unit() * 900.0, random.unit() * 900.0),
        }],
        17 => binding(patch, random)?,
        _ => value(patch, random)?,
    })
}

fn any(patch: &Patch, random: &mut Random) -> Option<(String, &'static ModuleSpec)> {
    let at = random.below(patch.modules.len());
    let (id, module) = patch.modules.iter().nth(at)?;
    Some((id.to_owned(), module.spec()?))
}

/// A module that is not the way out, without which there would be nothing to hear.
fn any_inner(patch: &Patch, random: &mut Random) -> Option<String> {
    let (id, spec) = any(patch, random)?;
    (spec.voicing != Voicing::HostOutput).then_some(id)
}

fn output_of(module: &str, spec: &ModuleSpec, random: &mut Random) -> Option<PortRef> {
    Some(PortRef {
        module: module.into(),
        port: random.pick(spec.outputs)?.id.into(),
    })
}

/// An input, or now and then a param.
fn target_of(module: &str, spec: &ModuleSpec, random: &mut Random) -> Option<PortRef> {
    let port = if spec.inputs.is_empty() || random.chance(0.3) {
        let param = random.pick(spec.params)?;
        (param.is_continuous() && !param.setting).then_some(param.id)?
    } else {
        random.pick(spec.inputs)?.id
    };
    Some(PortRef {
        module: module.into(),
        port: port.into(),
    })
}

fn any_new_cable(patch: &Patch, random: &mut Random) -> Option<Cable> {
    let (from, source) = any(patch, random)?;
    let (to, target) = any(patch, random)?;
    Some(Cable {
        from: output_of(&from, source, random)?,
        to: target_of(&to, target, random)?,
        amount: random.unit() * 2.0 - 1.0,
        feedback: false,
    })
}

/// A new module, joined to others on both sides.
fn create(patch: &Patch, serial: &mut u32, random: &mut Random) -> Option<Vec<Edit>> {
    let spec = &random.pick(CATALOG)?.spec;
    let effects = patch.modules.iter().filter(|(id, _)| {
        patch
            .spec(id)
            .is_some_and(|spec| spec.category == Category::Effect)
    });
    if spec.category == Category::Effect && effects.count() * EFFECTS > patch.modules.len() {
        return None;
    }
    *serial += 1;
    let id = format!("m{serial}");
    let mut edits = vec![Edit::Create {
        id: id.clone(),
        kind: spec.id.into(),
        position: None,
    }];
    let (from, source) = any(patch, random)?;
    let (to, target) = any(patch, random)?;
    let mut connect = |from: Option<PortRef>, to: Option<PortRef>| {
        if let (Some(from), Some(to)) = (from, to) {
            let cable = Cable {
                from,
                to,
                amount: 0.5,
                feedback: false,
            };
            edits.push(Edit::Connect { cable });
        }
    };
    connect(
        output_of(&from, source, random),
        target_of(&id, spec, random),
    );
    connect(output_of(&id, spec, random), target_of(&to, target, random));
    Some(edits)
}

/// Another type from the same shelf.
fn replace(patch: &Patch, random: &mut Random) -> Option<Vec<Edit>> {
    let (module, spec) = any(patch, random)?;
    let shelf: Vec<&str> = CATALOG
        .iter()
        .map(|entry| &entry.spec)
        .filter(|other| other.category == spec.category && other.category != Category::Io)
        .map(|other| other.id)
        .collect();
    let kind = random.pick(&shelf)?.to_string();
    Some(vec![Edit::Replace { module, kind }])
}

/// Sends a cable's target back to its source, or removes such a cable.
fn feedback(patch: &Patch, random: &mut Random) -> Option<Vec<Edit>> {
    let marked: Vec<&Cable> = patch.cables.iter().filter(|cable| cable.feedback).collect();
    if marked.len() >= FEEDBACK {
        let Cable { from, to, .. } = (*random.pick(&marked)?).clone();
        return Some(vec![Edit::Disconnect { from, to }]);
    }
    let there = random.pick(&patch.cables)?;
    let (source, target) = (
        patch.spec(&there.from.module)?,
        patch.spec(&there.to.module)?,
    );
    let cable = Cable {
        from: output_of(&there.to.module, target, random)?,
        to: target_of(&there.from.module, source, random)?,
        amount: random.unit() - 0.5,
        feedback: true,
    };
    Some(vec![Edit::Connect { cable }])
}

fn binding(patch: &Patch, random: &mut Random) -> Option<Vec<Edit>> {
    let (module, spec) = any(patch, random)?;
    let param = random.pick(spec.params)?.id.into();
    let slot = 1 + random.below(usize::from(LAST_SLOT)) as u16;
    Some(vec![if patch.slots.contains_key(&slot) {
        Edit::Unbind { slot }
    } else {
        Edit::Bind {
            slot,
            param: ParamRef { module, param },
        }
    }])
}

fn value(patch: &Patch, random: &mut Random) -> Option<Vec<Edit>> {
    let (module, spec) = any(patch, random)?;
    let param = random.pick(spec.params)?;
    Some(vec![Edit::SetValue {
        module,
        param: param.id.into(),
        plain: param.plain(random.unit()),
    }])
}
