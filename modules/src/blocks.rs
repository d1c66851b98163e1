//! The memory that carries signals between modules.

use core::cell::UnsafeCell;

use crate::catalog::Width;
use crate::contract::{In, Knob, Knobs, MAX_FRAMES, Out, Shared, Signal, Wanted};
use crate::lanes::{Baseline, Eight, LaneMask, Lanes, Mono, Sixteen};

/// Floats in one cache line; every block starts on one.
const LINE: usize = 16;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Where a block starts in [`Blocks`], in cache lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockIndex(u32);

impl BlockIndex {
    /// The block that starts at this cache line.
    pub const fn from_line(line: u32) -> Self {
        BlockIndex(line)
    }
    /// The cache line the block starts at.
    pub const fn line(self) -> u32 {
        self.0
    }
    /// Where a voice lies that is by itself in a block of several: as mono frames, in one of as many
    /// stretches as the block has lanes.
    #[inline(always)]
    pub const fn stretch(self, voice: usize) -> BlockIndex {
        BlockIndex(self.0 + voice as u32 * Self::lines_for(1))
    }
    /// How many cache lines a block of this many lanes takes.
    pub const fn lines_for(lanes: usize) -> u32 {
        (MAX_FRAMES * lanes / LINE) as u32
    }
}

/// Some consecutive frames of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first of them.
    pub first: usize,
    /// How many.
    pub frames: usize,
}

impl Span {
    /// The first frames of a block.
    pub const fn start(frames: usize) -> Span {
        Span { first: 0, frames }
    }
}

/// What a module reads at one input or param.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// The same value in every frame and lane.
    Constant(f32),
    /// A block with as many lanes as the module that reads it.
    Block(BlockIndex),
    /// A block like that which stands still: its first frame is the value of the whole call, and those after
    /// it need not have been written.
    Still(BlockIndex),
    /// A mono block whose values are those of every lane. Only params that their module takes so
    /// ([`crate::ModuleSpec::shares`]), and only for [`crate::AnyInstance::process_shared`].
    Shared(BlockIndex),
}

impl Operand {
    /// A block that stands still or does not.
    #[inline(always)]
    pub const fn block(block: BlockIndex, still: bool) -> Operand {
        match still {
            true => Operand::Still(block),
            false => Operand::Block(block),
        }
    }
}

/// All signal memory of one plan: blocks of [`MAX_FRAMES`] frames, lanes side by side in each frame.
///
/// Realtime safety: allocates only in [`Blocks::new`].
pub struct Blocks {
    lines: Box<[UnsafeCell<Line>]>,
}

// SAFETY: the cells hold plain floats; only the shared access below needs care, and each of its
// methods demands exclusive use of what it hands out. `Blocks` is deliberately not `Sync`.
unsafe impl Send for Blocks {}

/// Whether these frames of a block lie in memory of so many lines.
fn holds(lines: usize, lanes: usize, block: BlockIndex, span: Span) -> bool {
    span.first <= MAX_FRAMES
        && span.frames <= MAX_FRAMES - span.first
        && block.0 as usize + BlockIndex::lines_for(lanes) as usize <= lines
}

impl Blocks {
    /// Silence for this many cache lines.
    pub fn new(lines: u32) -> Self {
        Blocks {
            lines: (0..lines)
                .map(|_| UnsafeCell::new(Line([0.0; LINE])))
                .collect(),
        }
    }

    /// How many cache lines there are.
    pub fn lines(&self) -> u32 {
        self.lines.len() as u32
    }

    /// Frames of a block, to read. Empty if the block or the frames lie outside.
    ///
    /// # Safety
    /// Nobody may write the block while the slice lives.
    #[inline(always)]
    pub unsafe fn read<V: Lanes>(&self, block: BlockIndex, span: Span) -> &[V] {
        const { assert!(align_of::<V>() <= 64 && size_of::<V>() == 4 * V::COUNT) };
        if !holds(self.lines.len(), V::COUNT, block, span) {
            return &[];
        }
        // SAFETY: the range was checked, a line is aligned for every lane type, any bits are a valid
        // lane value, and the caller vouches that nobody writes meanwhile.
        unsafe {
            let first = self.lines.as_ptr().add(block.0 as usize);
            core::slice::from_raw_parts(first.cast::<V>().add(span.first), span.frames)
        }
    }

    /// Frames of a block, to write. Empty if the block or the frames lie outside.
    ///
    /// # Safety
    /// Nobody else may read or write the block while the slice lives.
    #[inline(always)]
    #[allow(
        clippy::mut_from_ref,
        reason = "the cells are the source of the exclusive access"
    )]
    pub unsafe fn write<V: Lanes>(&self, block: BlockIndex, span: Span) -> &mut [V] {
        const { assert!(align_of::<V>() <= 64 && size_of::<V>() == 4 * V::COUNT) };
        if !holds(self.lines.len(), V::COUNT, block, span) {
            return &mut [];
        }
        // SAFETY: as in `read`; the caller vouches that the access is exclusive, and the memory lies
        // in `UnsafeCell`s.
        unsafe {
            let first = self.lines.as_ptr().add(block.0 as usize);
            core::slice::from_raw_parts_mut(
                UnsafeCell::raw_get(first).cast::<V>().add(span.first),
                span.frames,
            )
        }
    }
}

/// Where modules read and write in one call.
#[derive(Clone, Copy)]
pub struct Room<'a> {
    // Not `Blocks` itself, which would be one more place to look at for every port.
    lines: &'a [UnsafeCell<Line>],
    inputs: &'a [Operand],
    params: &'a [Operand],
    outputs: &'a [BlockIndex],
    span: Span,
}

/// One module's place in a [`Room`].
#[derive(Clone, Copy)]
pub struct Io<'a> {
    room: &'a Room<'a>,
    /// Where its inputs, params and outputs begin among those of the room.
    ports: [u32; 3],
}

/// A module's inputs, params and outputs, and where the outputs end.
type Ports<'a, V, const I: usize, const P: usize, const O: usize> =
    (In<'a, V, I>, In<'a, V, P>, Out<'a, V, O>, Ends<V, O>);

/// As [`Ports`], of a module that takes shared params.
type SharedPorts<'a, V, const I: usize, const P: usize, const O: usize> =
    (In<'a, V, I>, Knobs<'a, V, P>, Out<'a, V, O>, Ends<V, O>);

/// The last frames of a module's outputs.
pub(crate) struct Ends<V, const O: usize>([*const V; O]);

impl<V: Lanes, const O: usize> Ends<V, O> {
    /// Whether those of all outputs that are wanted are finite numbers in every lane.
    ///
    /// # Safety
    /// The room is still there, and the module has returned.
    #[inline(always)]
    pub(crate) unsafe fn are_finite(&self, wanted: Wanted) -> bool {
        for (output, last) in self.0.iter().enumerate() {
            // SAFETY: passed on to the caller.
            let last = unsafe { **last };
            // Only finite numbers times 0 are 0.
            if wanted.has(output) && !(last * 0.0).abs().le(V::splat(0.0)).all() {
                return false;
            }
        }
        true
    }
}

impl<'a> Room<'a> {
    /// Gives inputs, params and outputs their blocks. Those of a module lie side by side, from where its
    /// [`crate::Seat`] says.
    ///
    /// # Safety
    /// The span lies inside a block, is not empty, and is as long as the call. A module that is run here finds
    /// as many inputs, params and outputs as it has. Every block among them lies inside `blocks` and has as
    /// many lanes as the module, what it writes overlaps neither each other nor any block it reads, and nobody
    /// else uses them meanwhile.
    #[inline(always)]
    pub unsafe fn new(
        blocks: &'a Blocks,
        inputs: &'a [Operand],
        params: &'a [Operand],
        outputs: &'a [BlockIndex],
        span: Span,
    ) -> Self {
        Room {
            lines: &blocks.lines,
            inputs,
            params,
            outputs,
            span,
        }
    }

    /// The room of a voice that is by itself in blocks of several; see [`BlockIndex::stretch`].
    ///
    /// # Safety
    /// As [`Room::new`], but modules have one lane, and every block more lanes than the voice's number.
    #[inline(always)]
    pub unsafe fn of_voice(
        blocks: &'a Blocks,
        voice: usize,
        inputs: &'a [Operand],
        params: &'a [Operand],
        outputs: &'a [BlockIndex],
        span: Span,
    ) -> Self {
        let before = BlockIndex(0).stretch(voice).0 as usize;
        Room {
            // Without the lines before, each block begins at the voice's stretch.
            lines: blocks.lines.get(before..).unwrap_or_default(),
            inputs,
            params,
            outputs,
            span,
        }
    }

    /// The place of a module whose inputs, params and outputs begin here.
    #[inline(always)]
    pub fn at(&'a self, ports: [u32; 3]) -> Io<'a> {
        Io { room: self, ports }
    }

    /// The same, its first frames left out.
    #[inline]
    pub fn after(&self, frames: usize) -> Room<'a> {
        let frames = frames.min(self.span.frames);
        Room {
            span: Span {
                first: self.span.first + frames,
                frames: self.span.frames - frames,
            },
            ..*self
        }
    }

    /// Where the frames of a block start.
    ///
    /// # Safety
    /// The block lies inside the memory, and the span inside a block.
    #[inline(always)]
    unsafe fn start<V: Lanes>(&self, block: BlockIndex) -> *mut V {
        const { assert!(align_of::<V>() <= 64 && size_of::<V>() == 4 * V::COUNT) };
        debug_assert!(
            holds(self.lines.len(), V::COUNT, block, self.span),
            "{block:?}"
        );
        // SAFETY: passed on to the caller.
        unsafe {
            let line = self.lines.as_ptr().add(block.0 as usize);
            UnsafeCell::raw_get(line).cast::<V>().add(self.span.first)
        }
    }

    /// # Safety
    /// As [`Room::start`].
    #[inline(always)]
    unsafe fn signal<V: Lanes>(&self, operand: Operand) -> Signal<'a, V> {
        match operand {
            // SAFETY: the caller vouches for the range, and `new` demands that nobody writes it; a line
            // is aligned for every lane type, and any bits are a valid lane value.
            Operand::Block(block) => Signal::Frames(unsafe {
                core::slice::from_raw_parts(self.start(block), self.span.frames)
            }),
            Operand::Constant(value) => Signal::Constant(V::splat(value)),
            // In one arm, so that a block is told from all else with one look.
            Operand::Still(block) | Operand::Shared(block) => {
                core::hint::cold_path();
                debug_assert!(
                    !matches!(operand, Operand::Shared(_)),
                    "a shared param where none is taken"
                );
                let whole = Room {
                    span: Span::start(1),
                    ..*self
                };
                // SAFETY: as above; a mono block is longer than a frame of any lane type.
                Signal::Constant(unsafe { *whole.start::<V>(block) })
            }
        }
    }
}

impl<'a> Io<'a> {
    /// Inputs, params and outputs of a module, each as long as the call of so many frames.
    ///
    /// # Safety
    /// This is the place of a module with so many of each and this many lanes, in a call of so many frames.
    // To look whether there are as many would be a tenth of what a small module costs.
    #[inline(always)]
    pub(crate) unsafe fn bind<V: Lanes, const I: usize, const P: usize, const O: usize>(
        &self,
        frames: usize,
    ) -> Ports<'a, V, I, P, O> {
        let Room { span, .. } = *self.room;
        debug_assert_eq!(span.frames, frames);
        let room = Room {
            // Known to be the same, but not to the compiler.
            span: Span { frames, ..span },
            ..*self.room
        };
        let [input, param, output] = self.ports.map(|port| port as usize);
        debug_assert!(room.inputs.len() >= input + I && room.params.len() >= param + P);
        debug_assert!(room.outputs.len() >= output + O);
        let starts: [*mut V; O] = core::array::from_fn(
            #[inline(always)]
            // SAFETY: `Room::new` demands it.
            |index| unsafe { room.start(*room.outputs.get_unchecked(output + index)) },
        );
        (
            core::array::from_fn(
                #[inline(always)]
                // SAFETY: `Room::new` demands it.
                |index| unsafe { room.signal::<V>(*room.inputs.get_unchecked(input + index)) },
            ),
            core::array::from_fn(
                #[inline(always)]
                // SAFETY: `Room::new` demands it.
                |index| unsafe { room.signal::<V>(*room.params.get_unchecked(param + index)) },
            ),
            core::array::from_fn(
                #[inline(always)]
                // SAFETY: as above; `Room::new` demands that outputs are disjoint from all else.
                |index| unsafe { core::slice::from_raw_parts_mut(starts[index], frames) },
            ),
            Ends(core::array::from_fn(
                #[inline(always)]
                // SAFETY: `Room::new` demands that the span has a frame.
                |index| unsafe { starts[index].add(frames - 1).cast_const() },
            )),
        )
    }

    /// As [`Io::bind`], of a module that takes shared params.
    ///
    /// # Safety
    /// As [`Io::bind`]; blocks that are shared are mono.
    #[inline(always)]
    pub(crate) unsafe fn bind_shared<V: Lanes, const I: usize, const P: usize, const O: usize>(
        &self,
        frames: usize,
    ) -> SharedPorts<'a, V, I, P, O> {
        // SAFETY: passed on to the caller.
        let (inputs, _, outputs, ends) = unsafe { self.bind::<V, I, 0, O>(frames) };
        let room = Room {
            span: Span {
                frames,
                ..self.room.span
            },
            ..*self.room
        };
        let param = self.ports[1] as usize;
        debug_assert!(room.params.len() >= param + P);
        let knobs = core::array::from_fn(
            #[inline(always)]
            // SAFETY: `Room::new` demands that the module has so many params, and the caller that those which
            // are shared are mono.
            |index| unsafe {
                match *room.params.get_unchecked(param + index) {
                    Operand::Shared(block) => {
                        let start = room.start::<Mono<Baseline>>(block).cast::<f32>();
                        Knob::Shared(Shared::new(core::slice::from_raw_parts(start, frames)))
                    }
                    operand => Knob::Apart(room.signal::<V>(operand)),
                }
            },
        );
        (inputs, knobs, outputs, ends)
    }

    /// The outputs of a module that has so many.
    fn outputs(&self, count: usize) -> &'a [BlockIndex] {
        let outputs = self.room.outputs.get(self.ports[2] as usize..);
        outputs
            .and_then(|outputs| outputs.get(..count))
            .unwrap_or_default()
    }

    /// Whether all frames of these outputs, a bit each, are alike, bit for bit.
    pub(crate) fn stand_still<V: Lanes, const O: usize>(&self, outputs: u32) -> bool {
        let chosen = self.outputs(O).iter().enumerate();
        let mut chosen = chosen.filter(|(output, _)| outputs >> output & 1 == 1);
        chosen.all(|(_, block)| {
            // SAFETY: the module has returned, so its outputs are free to be read; `Room::new` demands that
            // they hold the span.
            let frames = unsafe {
                core::slice::from_raw_parts(self.room.start::<V>(*block), self.room.span.frames)
            };
            frames.array_windows().all(|[one, next]| {
                let mut pairs = one.as_slice().iter().zip(next.as_slice());
                pairs.all(|(one, next)| one.to_bits() == next.to_bits())
            })
        })
    }

    /// Writes silence to the outputs of a module that has so many and is this wide, in place of a call of it.
    pub fn silence_any(&self, width: Width, outputs: usize) {
        match width {
            Width::One => self.silence::<Mono<Baseline>>(outputs),
            Width::Eight => self.silence::<Eight<Baseline>>(outputs),
            Width::Sixteen => self.silence::<Sixteen<Baseline>>(outputs),
        }
    }

    /// Writes silence to the outputs of a module that has so many.
    pub(crate) fn silence<V: Lanes>(&self, outputs: usize) {
        for block in self.outputs(outputs) {
            // SAFETY: the module has returned, and `Room::new` demands that its outputs hold the span and
            // that nobody else uses them.
            let frames = unsafe {
                core::slice::from_raw_parts_mut(self.room.start::<V>(*block), self.room.span.frames)
            };
            frames.fill(V::splat(0.0));
        }
    }
}
