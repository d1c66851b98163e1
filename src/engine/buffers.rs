//! Which memory each signal of a plan lives in.

use weft_modules::{BlockIndex, Width};

/// Hands out blocks and takes them back, so that signals whose lives do not overlap share memory and
/// a large patch stays in cache.
pub(super) struct BlockPool {
    lines: u32,
    free: [Vec<BlockIndex>; 3],
    sharing: Sharing,
}

/// Cache lines between wide blocks. Without them the voices that sound alone, at the start of each, would
/// all lie in the same few sets of the cache.
const APART: u32 = 8;

/// Whether memory is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// As soon as its last reader has run.
    ByLiveness,
    /// Never: the plan that shared memory is checked against.
    #[cfg(test)]
    Never,
}

/// Cache lines that a block takes, with those that keep it apart from the next.
pub(super) fn lines_for(width: Width) -> u32 {
    let apart = if width == Width::One { 0 } else { APART };
    BlockIndex::lines_for(width.lanes()) + apart
}

fn class(width: Width) -> usize {
    match width {
        Width::One => 0,
        Width::Eight => 1,
        Width::Sixteen => 2,
    }
}

impl BlockPool {
    /// A pool whose blocks start after the first `reserved` cache lines.
    pub(super) fn after(reserved: u32, sharing: Sharing) -> BlockPool {
        BlockPool {
            lines: reserved,
            free: Default::default(),
            sharing,
        }
    }

    /// A block nobody else holds.
    pub(super) fn take(&mut self, width: Width) -> BlockIndex {
        self.free[class(width)]
            .pop()
            .unwrap_or_else(|| self.take_alone(width))
    }

    /// A block that nobody else ever held or will hold, if it is not given back.
    pub(super) fn take_alone(&mut self, width: Width) -> BlockIndex {
        let block = BlockIndex::from_line(self.lines);
        self.lines += lines_for(width);
        block
    }

    /// Takes a block back.
    pub(super) fn give(&mut self, width: Width, block: BlockIndex) {
        if self.sharing == Sharing::ByLiveness {
            self.free[class(width)].push(block);
        }
    }

    /// Sets cache lines aside for good.
    pub(super) fn reserve(&mut self, lines: u32) {
        self.lines += lines;
    }

    /// How many cache lines all blocks take.
    pub(super) fn lines(&self) -> u32 {
        self.lines
    }
}
