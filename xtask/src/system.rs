//! What the tests need from the system beyond Rust.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Something a Debian package brings.
struct Need {
    package: &'static str,
    what_for: &'static str,
    is_there: fn() -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        package: "libxcb1-dev",
        what_for: "the VST3 test host links to X11",
        is_there: xcb_links,
    },
    Need {
        package: "python3-venv",
        what_for: "the JUCE test host is a Python package",
        is_there: || crate::python::find().is_ok(),
    },
];

/// Sees to it that the tests can be built and run, and installs what is missing where it may.
///
/// # Errors
/// Something is missing and cannot be installed from here; the text names the command that can.
pub fn prepare() -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !(need.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        eprintln!("missing: {} ({})", need.package, need.what_for);
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let by_hand = format!("sudo apt-get install {}", packages.join(" "));
    if !Path::new("/etc/debian_version").exists() {
        bail!(
            "please install what Debian calls {}",
            packages.join(" and ")
        );
    }
    if !is_root() {
        bail!("please run: {by_hand}");
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    // An outdated list is no reason to stop: the packages may be there all the same.
    let _ = apt().args(["update", "-qq"]).status();
    workspace::run(
        apt()
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(&packages),
        &format!("installing {}", packages.join(" and ")),
    )
    .with_context(|| format!("please run: {by_hand}"))?;
    match missing.iter().find(|need| !(need.is_there)()) {
        Some(need) => bail!("{} is installed and still not found", need.package),
        None => Ok(()),
    }
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether the C compiler, which Rust links with, finds the X11 library.
fn xcb_links() -> bool {
    let out = std::env::temp_dir().join(format!("weft-links-{}", std::process::id()));
    let linked = Command::new("cc")
        .args(["-shared", "-x", "c", "/dev/null", "-lxcb", "-o"])
        .arg(&out)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let _ = std::fs::remove_file(out);
    linked
}
