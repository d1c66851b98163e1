//! Who may use whom: plugin, editor, remote, then engine, then patch, then modules. Left may use
//! right, never the other way.

use super::tokens::Token;

/// What one folder may not name.
struct Layer {
    folder: &'static str,
    /// Modules of the root crate.
    own: &'static [&'static str],
    /// Crates.
    crates: &'static [&'static str],
    why: &'static str,
}

/// Crates only the plugin and the editor know.
const HOSTS: &[&str] = &[
    "clack_extensions",
    "clack_host",
    "clap_sys",
    "egui",
    "nice_plug",
    "nice_plug_egui",
    "rosc",
    "vst3",
];

const LAYERS: &[Layer] = &[
    Layer {
        folder: "modules/src/",
        own: &[],
        crates: &["arc_swap", "petgraph", "ron", "rtrb", "serde", "weft"],
        why: "modules are sound alone: no host, window, graph, thread or file",
    },
    Layer {
        folder: "src/patch/",
        own: &["engine", "plugin", "editor", "remote"],
        crates: &["arc_swap", "rtrb"],
        why: "the patch is plain data and knows neither engine nor plugin",
    },
    Layer {
        folder: "src/engine/",
        own: &["plugin", "editor", "remote"],
        crates: &[],
        why: "the engine runs without a plugin around it",
    },
];

/// Paths of the standard library that modules may not name.
const STD: &[&str] = &["fs", "net", "process", "thread"];

/// Finds names from the left in a file; one sentence each.
pub fn check(file: &str, tokens: &[Token]) -> Vec<String> {
    let Some(layer) = LAYERS.iter().find(|layer| file.starts_with(layer.folder)) else {
        return Vec::new();
    };
    let modules = layer.folder == "modules/src/";
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let mut findings = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        // A path goes on behind `a::` and `A<b>::`, and starts anywhere else, also behind `::` alone.
        let goes_on = index >= 2
            && text(index - 1) == "::"
            && text(index - 2).ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>')
            && !matches!(text(index - 2), "use");
        if goes_on || text(index + 1) != "::" {
            continue;
        }
        let root = token.text.as_str();
        let forbidden: &[&str] = match root {
            "crate" => layer.own,
            // One `super` may be the folder itself; from two on it reaches the crate's root.
            "super" => layer.own,
            "std" | "core" if modules => STD,
            _ => &[],
        };
        for (name, line) in heads(tokens, index + 1) {
            if forbidden.contains(&name) {
                findings.push((line, format!("{root}::{name}")));
            }
        }
        if layer.crates.contains(&root) || HOSTS.contains(&root) {
            findings.push((token.line, root.to_owned()));
        }
    }
    // `use egui;` and `extern crate egui` have no `::`.
    for pair in tokens.windows(2) {
        let name = pair[1].text.as_str();
        if matches!(pair[0].text.as_str(), "use" | "crate")
            && (layer.crates.contains(&name) || HOSTS.contains(&name))
        {
            findings.push((pair[1].line, name.to_owned()));
        }
    }
    findings.sort();
    findings.dedup();
    findings
        .into_iter()
        .map(|(line, name)| format!("{file}:{line}: names `{name}`, but {}.", layer.why))
        .collect()
}

/// The names that follow `::`, through `super::super` and into braces: for `crate::{a::b, c}` these
/// are a and c.
fn heads(tokens: &[Token], separator: usize) -> Vec<(&str, usize)> {
    let mut index = separator + 1;
    while tokens.get(index).is_some_and(|token| token.text == "super")
        && tokens
            .get(index + 1)
            .is_some_and(|token| token.text == "::")
    {
        index += 2;
    }
    let Some(first) = tokens.get(index) else {
        return Vec::new();
    };
    if first.text != "{" {
        return vec![(first.text.as_str(), first.line)];
    }
    let (mut names, mut depth, mut expects) = (Vec::new(), 0, false);
    for token in &tokens[index..] {
        match token.text.as_str() {
            "{" => {
                depth += 1;
                expects = depth == 1;
            }
            "}" => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            "," if depth == 1 => expects = true,
            name if expects => {
                names.push((name, token.line));
                expects = false;
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;

    fn found(file: &str, source: &str) -> usize {
        check(file, &tokens::of(source)).len()
    }

    #[test]
    fn leftward_imports_are_found() {
        for (file, source) in [
            ("src/engine/plan.rs", "use crate::plugin::Slots;"),
            ("src/engine/plan.rs", "use crate::{patch::Patch, plugin};"),
            ("src/engine/plan.rs", "use nice_plug::prelude::*;"),
            ("src/engine/plan.rs", "fn f(ui: &mut egui::Ui) {}"),
            ("src/engine/plan.rs", "use super::super::plugin::Slots;"),
            (
                "src/engine/mod.rs",
                "use super::plugin;\nuse super::plugin::Slots;",
            ),
            (
                "src/patch/ron.rs",
                "let plan = crate::engine::compile(patch);",
            ),
            (
                "src/patch/ron.rs",
                "use crate::{\n    engine::{Plan, Player},\n    patch,\n};",
            ),
            ("src/patch/ron.rs", "use ::vst3::Class;"),
            ("src/patch/ron.rs", "use egui;"),
            ("modules/src/kit/math.rs", "use weft::patch;"),
            ("modules/src/filter/svf.rs", "std::fs::read(path)"),
            ("modules/src/filter/svf.rs", "use std::{f32, thread};"),
        ] {
            assert!(found(file, source) > 0, "{source}");
        }
    }

    #[test]
    fn rightward_imports_and_mere_words_pass() {
        for (file, source) in [
            ("src/engine/plan.rs", "use crate::patch::{Patch, plugin};"),
            (
                "src/engine/plan.rs",
                "// crate::plugin\nlet s = \"nice_plug::x\";",
            ),
            ("src/engine/plan.rs", "use crate::{engine::plugin, patch};"),
            (
                "src/plugin/mod.rs",
                "use crate::engine::Player; use nice_plug::prelude::*;",
            ),
            (
                "src/patch/mod.rs",
                "use weft_modules::find; let plugin = engine;",
            ),
            (
                "modules/src/lib.rs",
                "use crate::engine; use std::f32::consts;",
            ),
        ] {
            assert_eq!(found(file, source), 0, "{source}");
        }
    }

    #[test]
    fn a_finding_names_its_line() {
        let findings = check("src/engine/a.rs", &tokens::of("\n\nuse crate::plugin;"));
        assert!(findings[0].starts_with("src/engine/a.rs:3: names `crate::plugin`"));
    }
}
