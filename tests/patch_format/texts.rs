//! Random texts of patches.

use std::fmt::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use weft_modules::{CATALOG, ModuleSpec};

fn kind() -> impl Strategy<Value = String> {
    let known: Vec<String> = CATALOG.iter().map(|entry| entry.spec.id.into()).collect();
    prop_oneof![4 => select(known), 1 => "[a-z]{1,8}", 1 => "\\PC{0,6}"]
}

fn written_value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<f32>().prop_map(|value| format!("{value:?}")),
        2 => (-2000.0_f32..2000.0).prop_map(|value| format!("{value:?}")),
        1 => any::<f64>().prop_map(|value| format!("{value:?}")),
        1 => any::<i64>().prop_map(|value| value.to_string()),
        1 => any::<bool>().prop_map(|value| value.to_string()),
        1 => "\\PC{0,10}".prop_map(|value| format!("{value:?}")),
        1 => select(vec!["\"A4\"", "\"-inf dB\"", "\"50 %\"", "[1, (2,), \"x\"]", "Some(None)", "X(a: 1)", "()", "'c'", "1 // why\n"])
            .prop_map(String::from),
    ]
}

fn port(spec: Option<&ModuleSpec>, index: usize, outputs: bool) -> String {
    let Some(spec) = spec else {
        return format!("p{}", index % 3);
    };
    let inputs = spec
        .inputs
        .iter()
        .map(|port| port.id)
        .chain(spec.params.iter().map(|param| param.id));
    let ids: Vec<_> = if outputs {
        spec.outputs.iter().map(|port| port.id).collect()
    } else {
        inputs.collect()
    };
    // One place past the end stands for a port that is not there.
    ids.get(index % (ids.len() + 1))
        .map_or("nowhere".into(), |id| (*id).into())
}

/// A patch as text: known and unknown modules, right and wrong values, cables and slots.
pub fn patch_text() -> impl Strategy<Value = String> {
    let place = proptest::option::of((any::<f32>(), any::<f32>()));
    let text = || proptest::option::of("\\PC{0,12}");
    let params = vec((any::<Index>(), written_value()), 0..8);
    let module = (
        kind(),
        proptest::option::of(1_u32..4),
        params,
        place,
        text(),
        text(),
    );
    let modules = btree_map("[a-z]{1,3}", module, 1..8);
    let cable = (
        any::<[Index; 4]>(),
        proptest::option::of(-1e3_f32..1e3),
        any::<bool>(),
    );
    let slots = proptest::option::of(vec((0_i64..1030, any::<[Index; 2]>()), 0..12));
    let times = proptest::option::of((-2_f32..20.0, -2_f32..20.0));
    let parts = (text(), times, modules, vec(cable, 0..12), slots);
    parts.prop_map(|(name, times, modules, cables, slots)| {
        let modules: Vec<_> = modules.into_iter().collect();
        let specs: Vec<_> = modules
            .iter()
            .map(|(_, module)| weft_modules::find(&module.0).map(|entry| &entry.spec))
            .collect();
        let mut text = format!("Patch(format: 1, name: {:?}, ", name.unwrap_or_default());
        if let Some((fade, tail)) = times {
            write!(text, "transition: (fade: {fade}, tail: {tail}), ").unwrap();
        }
        text.push_str("modules: {");
        for ((id, (kind, version, params, place, color, notes)), spec) in modules.iter().zip(&specs)
        {
            write!(text, "{id:?}: (type: {kind:?}, params: {{").unwrap();
            let mut seen = Vec::new();
            for (index, value) in params {
                let ids: Vec<_> = spec
                    .map_or(&[][..], |spec| spec.params)
                    .iter()
                    .map(|param| param.id)
                    .collect();
                let param = index.index(ids.len() + 4);
                let param = ids
                    .get(param)
                    .map_or_else(|| format!("mystery {param}"), |id| (*id).into());
                if !seen.contains(&param) {
                    write!(text, "{param:?}: {value},").unwrap();
                    seen.push(param);
                }
            }
            text.push('}');
            if let Some(version) = version {
                write!(text, ", version: {version}").unwrap();
            }
            if let Some(place) = place {
                write!(text, ", position: {place:?}").unwrap();
            }
            if let Some(color) = color {
                write!(text, ", color: {color:?}").unwrap();
            }
            if let Some(notes) = notes {
                write!(text, ", notes: {notes:?}").unwrap();
            }
            text.push_str("),");
        }
        text.push_str("}, cables: [");
        for ([from, output, to, input], amount, feedback) in cables {
            let (from, to) = (from.index(modules.len()), to.index(modules.len()));
            let output = port(specs[from], output.index(1000), true);
            let input = port(specs[to], input.index(1000), false);
            write!(
                text,
                "\"{}.{output} -> {}.{input}",
                modules[from].0, modules[to].0
            )
            .unwrap();
            if let Some(amount) = amount {
                write!(text, " * {amount}").unwrap();
            }
            text.push_str(if feedback { " feedback\"," } else { "\"," });
        }
        text.push(']');
        if let Some(slots) = slots {
            text.push_str(", slots: {");
            for (slot, [module, param]) in slots {
                let module = module.index(modules.len());
                let param = port(specs[module], param.index(1000), false);
                write!(text, "{slot}: \"{}.{param}\",", modules[module].0).unwrap();
            }
            text.push('}');
        }
        text.push(')');
        text
    })
}
