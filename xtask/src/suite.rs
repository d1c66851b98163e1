//! `cargo xtask test`: everything that must hold, in one command.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::{bundle, install, python, system, tidy, workspace};

/// Runs every check. A failing one does not keep the others from running where they can.
///
/// # Errors
/// Names every step that failed.
pub fn run() -> Result<()> {
    let mut steps = Steps {
        number: 0,
        failed: Vec::new(),
        start: Instant::now(),
    };
    steps.run("the system has what the tests need", system::prepare);
    steps.run("tidy: layout, formatting, lints, generated docs", tidy::run);
    let bundles = steps.run("bundles: CLAP and VST3 as DAWs get them", || {
        bundle::build("release")
    });
    let target = workspace::target()?;
    let bundled = target.join("bundled");
    if let Some(bundles) = &bundles {
        steps.run("install into a folder, and play the installed CLAP", || {
            install::rehearse(bundles, &target.join("installed"))
        });
    }
    steps.run("tests of every crate, and the CLAP and VST3 hosts", || {
        workspace::run(
            workspace::cargo()
                .args(["test", "--workspace", "--no-fail-fast"])
                .env("WEFT_BUNDLES", &bundled),
            "cargo test",
        )
    });
    if bundles.is_some() {
        steps.run("the VST3 in a JUCE host", || python::test(&bundled));
    }
    steps.finish()
}

const COUNT: usize = 6;

struct Steps {
    number: usize,
    failed: Vec<String>,
    start: Instant,
}

impl Steps {
    fn run<T>(&mut self, title: &str, step: impl FnOnce() -> Result<T>) -> Option<T> {
        self.number += 1;
        println!("\n=== {}/{COUNT}  {title}", self.number);
        let start = Instant::now();
        let result = step();
        let seconds = start.elapsed().as_secs();
        match result {
            Ok(value) => {
                println!("=== {}/{COUNT}  done in {seconds} s", self.number);
                Some(value)
            }
            Err(error) => {
                println!(
                    "=== {}/{COUNT}  FAILED after {seconds} s: {error:#}",
                    self.number
                );
                self.failed.push(format!("{title}: {error:#}"));
                None
            }
        }
    }

    fn finish(self) -> Result<()> {
        let seconds = self.start.elapsed().as_secs();
        let time = format!("{} min {:02} s", seconds / 60, seconds % 60);
        if self.failed.is_empty() {
            println!("\nEverything holds, in {time}.");
            return Ok(());
        }
        bail!(
            "{} of {COUNT} steps failed, in {time}:\n- {}",
            self.failed.len(),
            self.failed.join("\n- ")
        )
    }
}
