//! What a module reads: signals, and knobs on their way.

use crate::contract::{EIGHTS, MAX_FRAMES};
use crate::kit::eight::{set_wide, wide};
use crate::lanes::Lanes;

/// A signal as a module reads it: a value that holds for the whole call, or one value a frame.
// The layout keeps the two apart in memory: what the compiler knows of the one, such as that all signals
// of a call are alike in length, is then not blurred by the other.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Signal<'a, V> {
    /// The same value in every frame.
    Constant(V),
    /// One value a frame, as many as the call has frames.
    Frames(&'a [V]),
}

/// What lies past the end of a signal. A call of its own, because a value in its place makes the
/// compiler load every frame through a mask, which is many times slower.
#[cold]
#[inline(never)]
fn outside<V: Lanes>() -> V {
    V::splat(0.0)
}

impl<'a, V: Lanes> Signal<'a, V> {
    /// The value at a frame.
    #[inline(always)]
    pub fn at(self, frame: usize) -> V {
        match self {
            Signal::Constant(value) => value,
            Signal::Frames(frames) => match frames.get(frame) {
                Some(value) => *value,
                None => outside(),
            },
        }
    }

    /// The value of the whole call if it does not move.
    #[inline(always)]
    pub fn constant(self) -> Option<V> {
        match self {
            Signal::Constant(value) => Some(value),
            Signal::Frames(_) => None,
        }
    }

    /// Applies `f` to every frame, or once where the signal does not move.
    ///
    /// `scratch` holds the frames of the result; it must have room for the call.
    #[inline(always)]
    pub fn map<'s>(self, scratch: &'s mut [V], f: impl Fn(V) -> V) -> Signal<'s, V>
    where
        'a: 's,
    {
        match self {
            Signal::Constant(value) => Signal::Constant(f(value)),
            Signal::Frames(frames) => {
                let scratch = &mut scratch[..frames.len()];
                for (out, value) in scratch.iter_mut().zip(frames) {
                    *out = f(*value);
                }
                Signal::Frames(scratch)
            }
        }
    }

    /// Applies `f` to every pair of frames, or once where neither signal moves.
    #[inline(always)]
    pub fn map_with<'s>(
        self,
        other: Signal<'_, V>,
        scratch: &'s mut [V],
        frames: usize,
        f: impl Fn(V, V) -> V,
    ) -> Signal<'s, V> {
        if let (Signal::Constant(a), Signal::Constant(b)) = (self, other) {
            return Signal::Constant(f(a, b));
        }
        let scratch = &mut scratch[..frames];
        self.join(other, scratch, f);
        Signal::Frames(scratch)
    }

    /// Applies `f` to every pair of frames, as many as `out` has. What moves is decided once, which
    /// keeps the loops free of branches.
    #[inline(always)]
    pub fn join(self, other: Signal<'_, V>, out: &mut [V], f: impl Fn(V, V) -> V) {
        match (self, other) {
            (Signal::Constant(a), Signal::Constant(b)) => out.fill(f(a, b)),
            (Signal::Frames(a), Signal::Constant(b)) => each_of(
                a,
                out,
                #[inline(always)]
                |a| f(a, b),
            ),
            (Signal::Constant(a), Signal::Frames(b)) => each_of(
                b,
                out,
                #[inline(always)]
                |b| f(a, b),
            ),
            (Signal::Frames(a), Signal::Frames(b)) => {
                for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                    *out = f(*a, *b);
                }
            }
        }
    }
}

impl<'a, V: Lanes> Signal<'a, V> {
    /// Multiplies every pair of frames, as many as `out` has.
    #[inline(always)]
    pub fn multiply(self, other: Signal<'_, V>, out: &mut [V]) {
        let (frames, factor) = match (self, other) {
            (Signal::Frames(frames), Signal::Constant(factor))
            | (Signal::Constant(factor), Signal::Frames(frames))
                if V::COUNT == 1 =>
            {
                (frames, factor)
            }
            _ => {
                return self.join(
                    other,
                    out,
                    #[inline(always)]
                    |one, other| one * other,
                );
            }
        };
        let factors = V::Wide::splat(factor.sum());
        let (eights, rest) = out.as_chunks_mut();
        let (from, from_rest) = frames.as_chunks();
        // In vectors by name: where the compiler finds them it first makes sure that nothing overlaps.
        for (out, eight) in eights.iter_mut().zip(from) {
            set_wide::<V>(out, wide(eight) * factors);
        }
        for (out, frame) in rest.iter_mut().zip(from_rest) {
            *out = *frame * factor;
        }
    }
}

/// Applies `f` to every frame.
#[inline(always)]
fn each_of<V: Lanes>(frames: &[V], out: &mut [V], f: impl Fn(V) -> V) {
    // Mostly a call is as long as can be. Where that is known the frames of one voice take a handful of
    // instructions, fewer than it takes to find out how many vectors there are.
    if V::COUNT == 1
        && let (Some(frames), Some(out)) = (
            frames.first_chunk::<MAX_FRAMES>(),
            out.first_chunk_mut::<MAX_FRAMES>(),
        )
    {
        for (out, frame) in out.iter_mut().zip(frames) {
            *out = f(*frame);
        }
        return;
    }
    for (out, frame) in out.iter_mut().zip(frames) {
        *out = f(*frame);
    }
}

/// A knob on its way: one value a frame, the same in all lanes, as many as the call has frames.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a>(&'a [f32]);

/// A param as [`crate::contract::Module::process_shared`] reads it.
#[derive(Clone, Copy, Debug)]
pub enum Knob<'a, V> {
    /// As [`crate::contract::Module::process`] reads it.
    Apart(Signal<'a, V>),
    /// The same in all lanes.
    Shared(Shared<'a>),
}

impl<'a> Shared<'a> {
    /// One value a frame.
    #[inline(always)]
    pub fn new(values: &'a [f32]) -> Self {
        Shared(values)
    }

    /// Its frames, eight in a vector; those past the end of the call are 0.
    #[inline(always)]
    pub fn eights<W: Lanes>(self) -> [W; EIGHTS] {
        const { assert!(W::COUNT == 8) };
        let mut wide = [W::splat(0.0); EIGHTS];
        // Where it is known that a call is as long as can be, no vector has to be told from another.
        if let Some(whole) = self.0.first_chunk::<MAX_FRAMES>() {
            for (wide, eight) in wide.iter_mut().zip(whole.as_chunks::<8>().0) {
                *wide = W::from_fn(
                    #[inline(always)]
                    |frame| eight[frame % 8],
                );
            }
            return wide;
        }
        for (wide, eight) in wide.iter_mut().zip(self.0.chunks(8)) {
            for (lane, value) in wide.as_mut_slice().iter_mut().zip(eight) {
                *lane = *value;
            }
        }
        wide
    }

    /// The value at a frame.
    #[inline(always)]
    pub fn at(self, frame: usize) -> f32 {
        match self.0.get(frame) {
            Some(value) => *value,
            None => 0.0,
        }
    }

    /// Writes what `f` makes of it, eight frames at once, one value a frame; past the end of the call nothing
    /// of worth.
    // To a place that is there already: an array that is handed back may be copied, by loads wider than the
    // stores.
    #[inline(always)]
    pub fn write<W: Lanes>(self, to: &mut [f32; MAX_FRAMES], mut f: impl FnMut(W) -> W) {
        let eights = to.as_chunks_mut::<8>().0.iter_mut();
        for (to, eight) in eights.zip(self.eights::<W>()) {
            for (to, value) in to.iter_mut().zip(f(eight).as_slice()) {
                *to = *value;
            }
        }
    }

    /// Its frames from `first` on one by one, in all lanes.
    #[inline(always)]
    pub fn lanes<V: Lanes>(self, first: usize) -> impl Iterator<Item = V> + use<'a, V> {
        let values = self.0.get(first..).unwrap_or_default();
        values.iter().map(
            #[inline(always)]
            |value| V::splat(*value),
        )
    }

    /// The same as frames of all lanes, in `scratch`, which must have room for the call.
    #[inline(always)]
    pub fn spread<'s, V: Lanes>(self, scratch: &'s mut [V]) -> Signal<'s, V> {
        let scratch = &mut scratch[..self.0.len()];
        for (lanes, value) in scratch.iter_mut().zip(self.0) {
            *lanes = V::splat(*value);
        }
        Signal::Frames(scratch)
    }
}

impl<'a, V: Lanes> Knob<'a, V> {
    /// The signal of one that is never shared; see [`crate::contract::Module::SHARES`].
    #[inline(always)]
    pub fn apart(self) -> Signal<'a, V> {
        match self {
            Knob::Apart(signal) => signal,
            Knob::Shared(_) => Signal::Constant(outside()),
        }
    }
}
