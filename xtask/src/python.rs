//! The Python environment of the tests that run in JUCE hosts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Pythons to look for, the one most people mean first.
const NAMES: &[&str] = &[
    "python3",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "python",
];

/// The Python of the tests' own environment, made on the first call.
///
/// # Errors
/// There is no suitable Python, or the packages cannot be installed.
pub fn environment() -> Result<PathBuf> {
    let requirements = workspace::root().join("tests/python/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let folder = workspace::target()?.join("python");
    let python = if cfg!(windows) {
        folder.join("Scripts/python.exe")
    } else {
        folder.join("bin/python")
    };
    // Holds the requirements the environment was made from, written once it is complete.
    let stamp = folder.join("requirements.txt");
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }

    println!("making a Python environment in {}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    workspace::run(
        Command::new(find()?).args(["-m", "venv"]).arg(&folder),
        "making the Python environment",
    )?;
    workspace::run(
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg("--requirement")
            .arg(&requirements),
        "installing the Python packages of the tests (is there a network?)",
    )?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}

/// A Python that can make environments and run the test hosts.
///
/// # Errors
/// There is none.
pub fn find() -> Result<OsString> {
    for name in NAMES {
        let suits = Command::new(name)
            .args([
                "-c",
                "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if suits {
            return Ok(name.into());
        }
    }
    bail!("the tests need Python 3.10 or newer with its venv module")
}

/// Runs the tests in `tests/python` on the bundles in a folder.
///
/// # Errors
/// A test failed or could not run.
pub fn test(bundled: &Path) -> Result<()> {
    let python = environment()?;
    workspace::run(
        Command::new(python)
            .current_dir(workspace::root())
            .env("WEFT_BUNDLES", bundled)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args([
                "-m",
                "pytest",
                "-p",
                "no:cacheprovider",
                "-v",
                "tests/python",
            ]),
        "the tests in JUCE hosts",
    )
}
