//! VST3 preset files: how a patch written by hand gets into a DAW.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use weft::patch::Patch;
use weft_modules::Voicing;

use crate::render;

/// Which patch, and where to.
#[derive(clap::Args)]
pub struct Args {
    /// The patch
    #[arg(value_name = "PATCH.ron")]
    patch: PathBuf,
    /// The file to write; without it, a file where DAWs look for the presets of Weft
    #[arg(short, long, value_name = "OUT.vstpreset")]
    output: Option<PathBuf>,
}

/// The plugin a patch is for.
struct Home {
    name: &'static str,
    /// The VST3 class id, as the bundle's factory tells it.
    class: &'static [u8; 16],
}

const INSTRUMENT: Home = Home {
    name: "Weft",
    class: b"WeftSynthesizer1",
};
const EFFECT: Home = Home {
    name: "Weft FX",
    class: b"WeftEffectFx0001",
};

impl Home {
    /// A patch that hears its track belongs to the effect.
    fn of(patch: &Patch) -> Home {
        let listens = patch.modules.iter().any(|(id, _)| {
            patch
                .spec(id)
                .is_some_and(|spec| spec.voicing == Voicing::HostInput)
        });
        if listens { EFFECT } else { INSTRUMENT }
    }
}

/// Writes one preset.
///
/// # Errors
/// The patch cannot be read or played, or the file cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let patch = render::load(&args.patch)?;
    weft::engine::compile(&patch, 48_000.0)
        .with_context(|| format!("\"{}\" cannot play", patch.name))?;
    let home = Home::of(&patch);
    let path = match &args.output {
        Some(path) => path.clone(),
        None => place(&folder()?, &home, &args.patch)?,
    };
    write(&path, &home, &patch)?;
    println!("{}: \"{}\" for {}", path.display(), patch.name, home.name);
    Ok(())
}

/// Writes a preset for every patch of a folder into the folder of presets. Returns how many.
///
/// # Errors
/// A patch cannot be read, or a file cannot be written.
pub fn write_all(patches: &Path, presets: &Path) -> Result<usize> {
    let mut count = 0;
    let entries =
        std::fs::read_dir(patches).with_context(|| format!("cannot read {}", patches.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ron") {
            let patch = render::load(&path)?;
            let home = Home::of(&patch);
            write(&place(presets, &home, &path)?, &home, &patch)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Where this system's DAWs look for presets.
///
/// # Errors
/// The system does not say where its user's files are.
pub fn folder() -> Result<PathBuf> {
    let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let home = std::env::var_os(variable)
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
        .with_context(|| format!("{variable} is not set; say where with -o"))?;
    Ok(home.join(if cfg!(target_os = "macos") {
        "Library/Audio/Presets"
    } else if cfg!(windows) {
        "Documents/VST3 Presets"
    } else {
        ".vst3/presets"
    }))
}

fn place(presets: &Path, home: &Home, patch: &Path) -> Result<PathBuf> {
    let name = patch.file_stem().context("the patch has no file name")?;
    let name = format!("{}.vstpreset", name.to_string_lossy());
    Ok(presets.join("Weft").join(home.name).join(name))
}

fn write(path: &Path, home: &Home, patch: &Patch) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    std::fs::write(path, bytes(home.class, patch.to_ron().as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A preset file after Steinberg's "Preset format": a header, the state, and a list of what is where.
fn bytes(class: &[u8; 16], state: &[u8]) -> Vec<u8> {
    const HEADER: u64 = 48;
    let size = state.len() as u64;
    let class: String = class.iter().map(|byte| format!("{byte:02X}")).collect();
    let mut file = b"VST3".to_vec();
    file.extend(1u32.to_le_bytes());
    file.extend(class.as_bytes());
    file.extend((HEADER + size).to_le_bytes());
    file.extend(state);
    file.extend(b"List");
    file.extend(1u32.to_le_bytes());
    file.extend(b"Comp");
    file.extend(HEADER.to_le_bytes());
    file.extend(size.to_le_bytes());
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_points_at_the_state() {
        let file = bytes(EFFECT.class, b"Patch()");
        let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
        assert_eq!(&file[..4], b"VST3");
        assert_eq!(&file[8..40], b"57656674456666656374467830303031");
        let list = number(40);
        assert_eq!(&file[list..list + 4], b"List");
        assert_eq!(&file[list + 8..list + 12], b"Comp");
        let (at, size) = (number(list + 12), number(list + 20));
        assert_eq!(&file[at..at + size], b"Patch()");
        assert_eq!(file.len(), list + 28);
    }
}
