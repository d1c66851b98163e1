//! The patch as RON, written for people.

mod read;
mod write;

use ron::Options;
use ron::extensions::Extensions;

/// The format this Weft writes and reads.
pub const FORMAT: u32 = 1;
/// How many bytes of text are read at most.
pub const LARGEST_TEXT: usize = 16 << 20;
/// How deep brackets may stand in each other: far more than a patch needs.
const DEEPEST: usize = 64;

fn options() -> Options {
    Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME)
        .with_recursion_limit(DEEPEST)
}
