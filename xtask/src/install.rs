//! `cargo xtask install`: the plugin where DAWs find it, and proof that it plays there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::bundle::{self, Bundles};
use crate::host::{Happening, Param, Plugin};
use crate::loudness::{Loudness, Meter};
use crate::midi::Song;
use crate::{preset, wav, workspace};

/// The patch of the demo, below `assets`.
const PATCH: &str = "patches/pluck.ron";
/// The music of the demo, below `assets`.
const MUSIC: &str = "midi/demo.mid";
/// The parameter that the demo moves.
const PARAM: &str = "Filter Cutoff";
/// Where the demo moves it: from, to.
const RAMP: (f64, f64) = (0.38, 0.65);
const RATE: u32 = 48_000;
/// Seconds after the last note.
const TAIL: f64 = 3.0;
/// Frames between two steps of the ramp.
const STEP: usize = 64;

/// Where to install.
#[derive(clap::Args)]
pub struct Args {
    /// Install into this folder instead of where the system's DAWs look
    #[arg(long, value_name = "DIR")]
    dest: Option<PathBuf>,
}

/// Builds, installs, plays.
///
/// # Errors
/// A step failed, or the demo is silent.
pub fn run(args: &Args) -> Result<()> {
    let folders = match &args.dest {
        Some(folder) => {
            Folders::below(&std::path::absolute(folder).context("--dest names no folder")?)
        }
        None => Folders::of_the_system()?,
    };
    println!("1/3  building Weft (the first time takes a few minutes)");
    let bundles = bundle::build("release")?;
    println!("2/3  installing");
    let clap = folders.fill(&bundles)?;
    println!("3/3  playing a demo through the installed CLAP");
    demo(&clap, &workspace::target()?.join("demo.wav"))?;
    println!(
        "\nWeft is ready. Let your DAW scan for plugins; it finds Weft (instrument) and Weft FX (effect)."
    );
    Ok(())
}

/// Installs bundles below a folder and plays the demo: what [`run`] does behind the build.
///
/// # Errors
/// See [`run`].
pub fn rehearse(bundles: &Bundles, folder: &Path) -> Result<()> {
    let clap = Folders::below(folder).fill(bundles)?;
    demo(&clap, &folder.join("demo.wav"))
}

/// Where the parts go.
struct Folders {
    clap: PathBuf,
    vst3: PathBuf,
    presets: PathBuf,
}

impl Folders {
    fn below(folder: &Path) -> Folders {
        Folders {
            clap: folder.to_owned(),
            vst3: folder.to_owned(),
            presets: folder.join("presets"),
        }
    }

    /// Where this system's DAWs look.
    fn of_the_system() -> Result<Folders> {
        let of = |variable: &str| {
            std::env::var_os(variable)
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from)
                .with_context(|| format!("{variable} is not set; say where with --dest"))
        };
        let (clap, vst3) = if cfg!(target_os = "macos") {
            let plugins = of("HOME")?.join("Library/Audio/Plug-Ins");
            (plugins.join("CLAP"), plugins.join("VST3"))
        } else if cfg!(windows) {
            let common = of("CommonProgramFiles")?;
            (common.join("CLAP"), common.join("VST3"))
        } else {
            let home = of("HOME")?;
            (home.join(".clap"), home.join(".vst3"))
        };
        let presets = preset::folder()?;
        Ok(Folders {
            clap,
            vst3,
            presets,
        })
    }

    /// Copies everything in place. Returns where the CLAP is now.
    fn fill(&self, bundles: &Bundles) -> Result<PathBuf> {
        let clap = put(&bundles.clap, &self.clap)?;
        println!("     CLAP: {}", clap.display());
        let vst3 = put(&bundles.vst3, &self.vst3)?;
        println!("     VST3: {}", vst3.display());
        let count = preset::write_all(&workspace::root().join("assets/patches"), &self.presets)?;
        println!(
            "     {count} presets for VST3 hosts: {}",
            self.presets.join("Weft").display()
        );
        Ok(clap)
    }
}

/// Plays the demo through a plugin file, into a sound file.
fn demo(clap: &Path, path: &Path) -> Result<()> {
    let assets = workspace::root().join("assets");
    let patch =
        std::fs::read(assets.join(PATCH)).with_context(|| format!("cannot read {PATCH}"))?;
    let song = Song::load(&assets.join(MUSIC), None)?;
    let seconds = song.seconds() + TAIL;
    let frames = (seconds * f64::from(RATE)).round() as u64;

    let mut plugin = Plugin::load(clap, "Weft")?;
    plugin.set_state(&patch)?;
    let params = plugin.params()?;
    let Some(param) = params.iter().find(|param| param.name == PARAM) else {
        let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
        bail!(
            "the plugin shows no \"{PARAM}\"; it shows {}",
            names.join(", ")
        );
    };
    let (from, to) = (plugin.text(param, RAMP.0)?, plugin.text(param, RAMP.1)?);
    println!(
        "     {}: patch {PATCH}, music {MUSIC} ({seconds:.1} s)",
        plugin.name
    );
    println!(
        "     {} parameters, \"{PARAM}\" moving from {from} to {to}",
        params.len()
    );

    let score = song.score(RATE);
    let mut happenings = ramp(param, (song.seconds() * f64::from(RATE)) as u64);
    happenings.extend(
        score
            .messages
            .iter()
            .map(|(frame, message)| (*frame, Happening::Midi(*message))),
    );
    happenings.sort_by_key(|(frame, _)| *frame);

    let progress = ProgressBar::new(frames).with_style(
        ProgressStyle::with_template("     {wide_bar} {percent:>3} %")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut file = wav::Writer::create(path, RATE, frames)?;
    let mut meter = Meter::new(RATE)?;
    plugin.play(
        RATE,
        frames,
        &happenings,
        |frame| score.at(frame),
        |left, right| {
            file.write(left, right)?;
            meter.add(left, right)?;
            progress.inc(left.len() as u64);
            Ok(())
        },
    )?;
    file.finish()?;
    progress.finish_and_clear();
    let loudness = meter.read();
    println!("     {}: {loudness}", path.display());
    judge(&loudness)
}

fn judge(loudness: &Loudness) -> Result<()> {
    if !loudness.finite {
        bail!("the demo holds values that are no numbers: the plugin is at fault");
    }
    if loudness.is_silent() {
        bail!("the demo is silent: the plugin does not play its notes");
    }
    Ok(())
}

/// The parameter on its way through the music.
fn ramp(param: &Param, frames: u64) -> Vec<(u64, Happening)> {
    (0..=frames)
        .step_by(STEP)
        .map(|frame| {
            let share = frame as f64 / frames.max(1) as f64;
            (frame, param.at(RAMP.0 + share * (RAMP.1 - RAMP.0)))
        })
        .collect()
}

/// Copies a bundle into a folder, in the place of an older one. The copy is made aside and then
/// renamed, so that a DAW that has the old one open keeps it whole.
fn put(bundle: &Path, folder: &Path) -> Result<PathBuf> {
    let name = bundle.file_name().context("the bundle has no name")?;
    let place = folder.join(name);
    let aside = |what: &str| {
        let name = format!(".{}.{what}", name.to_string_lossy());
        folder.join(name)
    };
    let (new, old) = (aside("new"), aside("old"));
    let put = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        remove(&new)?;
        remove(&old)?;
        copy(bundle, &new)?;
        if place.exists() {
            std::fs::rename(&place, &old)?;
        }
        std::fs::rename(&new, &place)?;
        // Windows keeps a library that is in use; it goes with the next install.
        let _ = remove(&old);
        Ok(())
    };
    put().with_context(|| {
        format!(
            "cannot install into {}; choose another folder with --dest",
            folder.display()
        )
    })?;
    Ok(place)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_dir() {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    std::fs::copy(from, to).map(drop)
}

fn remove(path: &Path) -> std::io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_its_patch_music_and_param() {
        let assets = workspace::root().join("assets");
        let patch = crate::render::load(&assets.join(PATCH)).unwrap();
        let slots = weft::engine::SlotTable::of(&patch);
        assert!(
            slots.bound().any(|(_, slot)| slot.name() == PARAM),
            "{PATCH} shows no {PARAM}"
        );
        assert!(Song::load(&assets.join(MUSIC), None).unwrap().seconds() > 5.0);
    }

    #[test]
    fn a_bundle_takes_the_place_of_an_older_one_whole() {
        let base = std::env::temp_dir().join(format!("weft-install-{}", std::process::id()));
        let (bundle, dest) = (base.join("Weft.vst3"), base.join("dest"));
        std::fs::create_dir_all(bundle.join("Contents")).unwrap();
        std::fs::write(bundle.join("Contents/new"), "new").unwrap();
        std::fs::create_dir_all(dest.join("Weft.vst3/Contents")).unwrap();
        std::fs::write(dest.join("Weft.vst3/Contents/old"), "old").unwrap();

        let place = put(&bundle, &dest).unwrap();
        assert_eq!(place, dest.join("Weft.vst3"));
        assert!(place.join("Contents/new").exists());
        assert!(!place.join("Contents/old").exists());
        assert_eq!(std::fs::read_dir(&dest).unwrap().count(), 1);
        std::fs::remove_dir_all(base).unwrap();
    }
}
