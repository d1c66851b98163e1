//! Finds the bundles under test.

use std::path::{Path, PathBuf};

/// The CLAP bundle: on macOS a folder, elsewhere one file.
pub fn clap() -> PathBuf {
    let bundle = bundle("Weft.clap");
    if bundle.is_dir() {
        bundle.join("Contents/MacOS/Weft")
    } else {
        bundle
    }
}

/// The VST3 bundle, a folder.
pub fn vst3() -> PathBuf {
    bundle("Weft.vst3")
}

/// The library inside the VST3 bundle.
pub fn vst3_library() -> PathBuf {
    let contents = vst3().join("Contents");
    if cfg!(target_os = "macos") {
        contents.join("MacOS/Weft")
    } else {
        contents.join(format!("{}-linux/Weft.so", std::env::consts::ARCH))
    }
}

/// Whether the bundles were built without debug assertions: only then do times mean anything. Debug
/// builds carry this message of nice-plug's.
pub fn are_release() -> bool {
    let library = std::fs::read(clap()).unwrap_or_default();
    let sign = b"Debug assertion failed";
    !library.windows(sign.len()).any(|bytes| bytes == sign)
}

fn bundle(name: &str) -> PathBuf {
    let folder = match std::env::var_os("WEFT_BUNDLES") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bundled"),
    };
    let bundle = folder.join(name);
    assert!(
        bundle.exists(),
        "There is no {}: run `cargo xtask bundle` first, or name the folder of the bundles in \
         WEFT_BUNDLES.",
        bundle.display()
    );
    bundle
}
