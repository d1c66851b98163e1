//! Why a text is no patch.

use super::{CableSyntaxError, FORMAT, LARGEST_TEXT, LONGEST_ID};

/// Why a patch could not be read. Nothing of it is used then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The text is larger than any patch.
    #[error(
        "the patch is {bytes} bytes long, more than the {} MiB a patch may have; is it another file?",
        LARGEST_TEXT >> 20
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The text is not written as a patch is.
    #[error("the patch cannot be read at line {line}, column {column}: {what}; correct it there")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// Another Weft wrote the patch.
    #[error(
        "the patch has format {format}, and this Weft reads format {FORMAT}; a newer Weft wrote it, \
         so open it there or update this one"
    )]
    UnknownFormat {
        /// The format it says it has.
        format: u32,
    },
    /// A module's id cannot be one.
    #[error(
        "\"{id}\" cannot be the id of a module; use 1 to {LONGEST_ID} letters, digits, - and _ without spaces"
    )]
    BadId {
        /// The id.
        id: String,
    },
    /// Two modules have the same id.
    #[error("two modules have the id \"{id}\"; give one of them another")]
    DuplicateModule {
        /// The id.
        id: String,
    },
    /// A param is written twice.
    #[error("module \"{module}\" has its param \"{param}\" written twice; remove one of them")]
    DuplicateParam {
        /// The module's id.
        module: String,
        /// The param.
        param: String,
    },
    /// A text among the cables is no cable.
    #[error("cable {number}, \"{cable}\": {why}")]
    Cable {
        /// Its place among the cables, from 1.
        number: usize,
        /// What is written.
        cable: String,
        /// What is wrong with it.
        why: CableSyntaxError,
    },
    /// A slot is bound to what is no param.
    #[error(
        "slot {slot} is bound to \"{bound}\"; write a module, a dot and a param, as in \"filter.cutoff\""
    )]
    Slot {
        /// The slot.
        slot: i64,
        /// What is written.
        bound: String,
    },
}
