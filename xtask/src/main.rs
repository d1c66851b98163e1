//! The commands of Weft: build it, put it where DAWs look, render patches to sound, check everything.

mod automation;
mod bench;
mod bundle;
mod catalog;
mod docs;
mod host;
mod install;
mod loudness;
mod midi;
mod preset;
mod python;
mod render;
mod soak;
mod suite;
mod system;
mod tidy;
mod wav;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Weft's commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build Weft, put it where DAWs look for plugins, and play a short demo through it
    Install(install::Args),
    /// Play a patch into a WAV file
    Render(render::Args),
    /// Make a VST3 preset of a patch, for a DAW to load
    Preset(preset::Args),
    /// List every module with its ports and params
    Modules(catalog::Args),
    /// Play a patch while it is rewired again and again, and measure what that costs
    Soak(soak::Args),
    /// Play workloads and measure what they cost
    Bench(bench::Args),
    /// Build the CLAP and VST3 bundles into target/bundled
    Bundle(bundle::Args),
    /// Run every check: tidy, the tests, and the real hosts
    Test,
    /// Check layout, formatting, lints and generated docs
    Tidy,
    /// Write the generated parts of the README
    Docs(docs::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Install(args) => install::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Preset(args) => preset::run(&args),
        Command::Modules(args) => catalog::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Bundle(args) => bundle::run(&args),
        Command::Test => suite::run(),
        Command::Tidy => tidy::run(),
        Command::Docs(args) => docs::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
