//! The bundles DAWs load.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// What to build.
#[derive(clap::Args)]
pub struct Args {
    /// Build with this cargo profile
    #[arg(long, default_value = "release", conflicts_with = "release")]
    profile: String,
    /// Build for release; this is the default
    #[arg(long)]
    release: bool,
}

/// Where the bundles lie.
pub struct Bundles {
    /// The CLAP plugin: a file, on macOS a folder.
    pub clap: PathBuf,
    /// The VST3 plugin: a folder.
    pub vst3: PathBuf,
}

/// Builds the bundles as the command line asks.
pub fn run(args: &Args) -> Result<()> {
    build(&args.profile)?;
    Ok(())
}

/// Builds both bundles into `bundled` in the target folder. Both hold both plugins.
///
/// # Errors
/// The build failed, or did not leave both bundles.
pub fn build(profile: &str) -> Result<Bundles> {
    let target = workspace::target()?;
    std::env::set_current_dir(workspace::root()).context("could not enter the workspace")?;
    let options = ["--profile".to_owned(), profile.to_owned()];
    // Building these commands along with the plugin settles the same features for every crate, so
    // the two share one build.
    let packages = ["weft".to_owned(), "xtask".to_owned()];
    nice_plug_xtask::build(&packages, &options)?;
    // `dev` is the one profile whose folder has another name.
    let folder = if profile == "dev" { "debug" } else { profile };
    let options = ["--profile".to_owned(), folder.to_owned()];
    nice_plug_xtask::bundle(&target, "weft", &options, false)?;

    let bundled = target.join("bundled");
    let bundles = Bundles {
        clap: bundled.join("Weft.clap"),
        vst3: bundled.join("Weft.vst3"),
    };
    for bundle in [&bundles.clap, &bundles.vst3] {
        ensure!(
            bundle.exists(),
            "the build left no {}; does the library export the plugin, and does bundler.toml name it Weft?",
            bundle.display()
        );
    }
    Ok(bundles)
}
