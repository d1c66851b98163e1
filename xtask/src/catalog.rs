//! `cargo xtask modules`: the catalog for people and for programs.

use anyhow::Result;
use serde_json::{Value, json};
use weft_modules::{
    CATALOG, Curve, ModuleSpec, ParamKind, ParamSpec, PortKind, PortSpec, Smoothing,
};
use weft_modules::{Unit, Voicing};

/// Which modules, and how to show them.
#[derive(clap::Args)]
pub struct Args {
    /// Write JSON
    #[arg(long)]
    json: bool,
    /// Only these module types; all of them if none is named
    types: Vec<String>,
}

/// Prints the catalog.
pub fn run(args: &Args) -> Result<()> {
    for id in &args.types {
        anyhow::ensure!(
            weft_modules::find(id).is_some(),
            "there is no module type \"{id}\"; there are {}",
            CATALOG
                .iter()
                .map(|entry| entry.spec.id)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    let specs: Vec<&ModuleSpec> = CATALOG
        .iter()
        .map(|entry| &entry.spec)
        .filter(|spec| args.types.is_empty() || args.types.iter().any(|id| id == spec.id))
        .collect();
    if args.json {
        let modules: Vec<Value> = specs.into_iter().map(module).collect();
        print(&format!("{:#}", json!({ "modules": modules })));
    } else {
        print(&specs.into_iter().map(sheet).collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

/// Prints to a reader that may leave early, such as `head`.
fn print(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// One module for people.
fn sheet(spec: &ModuleSpec) -> String {
    let mut text = format!("{}  ({}, {})\n", spec.id, spec.name, spec.category);
    text += &format!("  {}\n", spec.doc);
    let ports = |text: &mut String, title: &str, ports: &[PortSpec]| {
        for (index, port) in ports.iter().enumerate() {
            let title = if index == 0 { title } else { "" };
            *text += &format!("  {title:<8}{:<18}{}\n", port.id, port.doc);
        }
    };
    ports(&mut text, "in", spec.inputs);
    for (index, param) in spec.params.iter().enumerate() {
        let title = if index == 0 { "param" } else { "" };
        text += &format!(
            "  {title:<8}{:<18}{} [{}]\n",
            param.id,
            param.doc,
            range(param)
        );
    }
    ports(&mut text, "out", spec.outputs);
    text
}

/// The values a param takes, with its default.
pub fn range(param: &ParamSpec) -> String {
    let default = param.text(param.default);
    match param.kind {
        ParamKind::Choice(names) => format!("{}; default {default}", names.join(", ")),
        ParamKind::Bool => format!("Off, On; default {default}"),
        _ => format!(
            "{} to {}; default {default}",
            param.text(param.min),
            param.text(param.max)
        ),
    }
}

fn module(spec: &ModuleSpec) -> Value {
    json!({
        "id": spec.id,
        "name": spec.name,
        "category": spec.category.to_string(),
        "version": spec.version,
        "voicing": match spec.voicing {
            Voicing::PerVoice => "per voice",
            Voicing::Mixdown => "mixdown",
            Voicing::NoteSource => "note source",
            Voicing::HostInput => "host input",
            Voicing::HostOutput => "host output",
        },
        "doc": spec.doc,
        "inputs": spec.inputs.iter().map(port).collect::<Vec<_>>(),
        "params": spec.params.iter().map(param).collect::<Vec<_>>(),
        "outputs": spec.outputs.iter().map(port).collect::<Vec<_>>(),
    })
}

fn port(port: &PortSpec) -> Value {
    let kind = match port.kind {
        PortKind::Audio => "audio",
        PortKind::Pitch => "pitch",
        PortKind::Gate => "gate",
        PortKind::Modulation => "modulation",
    };
    json!({ "id": port.id, "kind": kind, "doc": port.doc })
}

fn param(param: &ParamSpec) -> Value {
    let (kind, choices) = match param.kind {
        ParamKind::Float => ("float", None),
        ParamKind::Int => ("int", None),
        ParamKind::Bool => ("bool", None),
        ParamKind::Choice(names) => ("choice", Some(names)),
    };
    let (smoothing, seconds) = match param.smoothing {
        Smoothing::None => ("none", 0.0),
        Smoothing::Gentle(seconds) => ("linear", seconds),
        Smoothing::Exponential(seconds) => ("exponential", seconds),
    };
    json!({
        "id": param.id,
        "name": param.name(),
        "doc": param.doc,
        "kind": kind,
        "choices": choices,
        "min": exact(param.min),
        "max": exact(param.max),
        "default": exact(param.default),
        "min_text": param.text(param.min),
        "max_text": param.text(param.max),
        "default_text": param.text(param.default),
        "unit": match param.unit {
            Unit::None => None,
            Unit::Hertz => Some("Hz"),
            Unit::Seconds => Some("s"),
            Unit::Decibels => Some("dB"),
            Unit::Percent => Some("%"),
            Unit::Octaves => Some("octaves"),
            Unit::Cents => Some("cents"),
            Unit::Semitones => Some("semitones"),
            Unit::Degrees => Some("degrees"),
            Unit::Tempo => Some("bpm"),
        },
        "curve": match param.curve {
            Curve::Linear => "linear",
            Curve::Exponential => "exponential",
            Curve::Cubic => "cubic",
        },
        "smoothing": smoothing,
        "smoothing_seconds": exact(seconds),
        "setting": param.setting,
    })
}

/// The shortest decimal that reads back as the same `f32`: 0.1, not 0.10000000149.
fn exact(value: f32) -> Value {
    match value.to_string().parse::<f64>() {
        Ok(value) => json!(value),
        Err(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_param_and_port_is_told() {
        for entry in CATALOG {
            let (text, value) = (sheet(&entry.spec), module(&entry.spec));
            assert!(text.contains(entry.spec.doc));
            assert_eq!(value["id"], entry.spec.id);
            for (spec, told) in entry
                .spec
                .params
                .iter()
                .zip(value["params"].as_array().unwrap())
            {
                assert!(text.contains(spec.doc), "{}.{}", entry.spec.id, spec.id);
                assert_eq!(told["min"].as_f64().unwrap() as f32, spec.min);
                assert_eq!(told["max"].as_f64().unwrap() as f32, spec.max);
                assert_eq!(told["default"].as_f64().unwrap() as f32, spec.default);
            }
            for port in entry.spec.inputs.iter().chain(entry.spec.outputs) {
                assert!(text.contains(port.doc), "{}.{}", entry.spec.id, port.id);
            }
        }
    }
}
