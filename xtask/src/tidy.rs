//! `cargo xtask tidy`: what the compiler does not check.

mod layers;
mod tokens;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{docs, workspace};

/// Files that may hold `unsafe`: they speak to C, or hand out memory the compiler cannot follow.
const UNSAFE: &[&str] = &[
    // Runs single modules, as the engine does.
    "modules/benches/modules.rs",
    "modules/src/blocks.rs",
    "modules/src/instance.rs",
    "modules/src/contract.rs",
    "modules/src/lanes.rs",
    "modules/src/rig.rs",
    "modules/src/routing.rs",
    "modules/src/routing/",
    "modules/src/seat.rs",
    "src/engine/compile/life.rs",
    "src/engine/denormals.rs",
    "src/engine/run.rs",
    "src/engine/run/feedback.rs",
    "src/engine/run/node.rs",
    "src/engine/run/nodes.rs",
    "src/engine/run/solo.rs",
    "src/plugin/clap.rs",
    "src/plugin/clap/",
    "src/plugin/slots.rs",
    "src/plugin/vst3.rs",
    "src/plugin/vst3/",
    "tests/",
    "xtask/src/host.rs",
    "xtask/src/soak/counting.rs",
];

/// Runs every check and tells of all that fails.
///
/// # Errors
/// Something is untidy; the text says where, and what to do.
pub fn run() -> Result<()> {
    let files = workspace::files()?;
    let sources: Vec<&Path> = files
        .iter()
        .map(|file| file.as_path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .collect();

    let mut findings = Vec::new();
    for file in &sources {
        let text = std::fs::read_to_string(workspace::root().join(file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.to_string_lossy().replace('\\', "/");
        let tokens = tokens::of(&text);
        findings.extend(layers::check(&name, &tokens));
        findings.extend(check_unsafe(&name, &tokens));
    }
    println!("layers and unsafe: {} files read", sources.len());
    if let Err(error) = docs::check() {
        findings.push(format!("{error:#}"));
    }
    for (what, check) in [
        ("formatting", format as fn(&[&Path]) -> Result<()>),
        ("lints", |_| clippy()),
        ("documentation", |_| rustdoc()),
    ] {
        println!("{what}");
        if let Err(error) = check(&sources) {
            findings.push(format!("{error:#}"));
        }
    }
    if findings.is_empty() {
        println!("All tidy.");
        return Ok(());
    }
    bail!("untidy:\n  {}", findings.join("\n  "))
}

fn check_unsafe(file: &str, tokens: &[tokens::Token]) -> Option<String> {
    let allowed = UNSAFE
        .iter()
        .any(|place| file == *place || (place.ends_with('/') && file.starts_with(place)));
    if allowed {
        return None;
    }
    let token = tokens.iter().find(|token| token.text == "unsafe")?;
    Some(format!(
        "{file}:{}: `unsafe` has no place here. Find a safe way, or move it to a file that the list in xtask/src/tidy.rs names.",
        token.line
    ))
}

/// `cargo fmt` skips files that are declared inside a macro, as the modules are; so by file.
fn format(sources: &[&Path]) -> Result<()> {
    let output = Command::new("rustfmt")
        .current_dir(workspace::root())
        .args(["--edition", "2024", "--check", "--files-with-diff"])
        .args(sources)
        .output()
        .context("could not run rustfmt; `rustup component add rustfmt` installs it")?;
    let listed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let root = workspace::root();
    let mut files: Vec<&str> = listed
        .lines()
        .map(|line| {
            let line = Path::new(line.trim());
            line.strip_prefix(&root)
                .unwrap_or(line)
                .to_str()
                .unwrap_or("?")
        })
        .collect();
    files.sort_unstable();
    files.dedup();
    if !files.is_empty() {
        let files = files.join(" ");
        bail!("not formatted: {files}. Run `rustfmt --edition 2024 {files}`.");
    }
    if !output.status.success() {
        bail!("rustfmt: {}", errors.trim());
    }
    Ok(())
}

fn clippy() -> Result<()> {
    workspace::run(
        workspace::cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]),
        "clippy (its findings are above)",
    )
}

fn rustdoc() -> Result<()> {
    workspace::run(
        workspace::cargo()
            .args(["doc", "--workspace", "--no-deps", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings"),
        "rustdoc (its findings are above)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_is_found_outside_its_places() {
        let tokens = tokens::of("fn f() {\n  unsafe { g() }\n}");
        let finding = check_unsafe("src/engine/plan.rs", &tokens).unwrap();
        assert!(finding.starts_with("src/engine/plan.rs:2:"));
        assert!(check_unsafe("src/plugin/clap/params.rs", &tokens).is_none());
        assert!(check_unsafe("modules/src/blocks.rs", &tokens).is_none());
        let spoken = tokens::of("// unsafe\n\"unsafe\" unsafe_op_in_unsafe_fn /* unsafe */");
        assert!(check_unsafe("src/engine/plan.rs", &spoken).is_none());
    }
}
