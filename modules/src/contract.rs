//! What a module is, and what it is given on each call.

use crate::blocks::Io;
use crate::kit::eight::{set_wide, wide};
use crate::lanes::Lanes;
use crate::notes::NoteEvent;
use crate::porter::Porter;
use crate::spec::{Silence, Spec};

/// The most frames in one call of [`Module::process`].
pub const MAX_FRAMES: usize = 64;
/// Frames in a call of modules that take turns; see [`Module::RECURSIVE`]. Few enough for the next module to
/// come within the reach of the processor, and enough to be worth a call. Of 8, 16 and 32 the best for rows of
/// `biquad`.
pub const TURN: usize = 16;
/// Softer than this is silence: -120 dB.
pub const QUIET: f32 = 1e-6;
/// The most voices in one signal.
pub const MAX_LANES: usize = 16;
/// The most params of one module.
pub const MAX_PARAMS: usize = 64;

/// What an instance may know when it is made, off the audio thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setup {
    /// Frames per second, 8,000 to 384,000.
    pub sample_rate: f32,
    /// Seeds all randomness of the instance; differs between modules of a patch and never between
    /// two runs of it.
    pub seed: u32,
}

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

/// A param as [`Module::process_shared`] reads it.
#[derive(Clone, Copy, Debug)]
pub enum Knob<'a, V> {
    /// As [`Module::process`] reads it.
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
    /// The signal of one that is never shared; see [`Module::SHARES`].
    #[inline(always)]
    pub fn apart(self) -> Signal<'a, V> {
        match self {
            Knob::Apart(signal) => signal,
            Knob::Shared(_) => Signal::Constant(outside()),
        }
    }
}

/// Vectors of eight frames in the longest call.
pub const EIGHTS: usize = MAX_FRAMES / 8;

/// The signals at a module's inputs or params, in the order of its spec.
pub type In<'a, V, const N: usize> = [Signal<'a, V>; N];
/// The params of a module that takes shared ones, in the order of its spec.
pub type Knobs<'a, V, const N: usize> = [Knob<'a, V>; N];
/// The frames of a module's outputs, in the order of its spec. Each is as long as the call.
pub type Out<'a, V, const N: usize> = [&'a mut [V]; N];

/// The musical time of the host, made continuous.
///
/// Beats are quarter notes. They run on at the host's tempo while the transport stands still, so
/// clocks keep going. Positions are computed from one anchor and the absolute frame, so they do not
/// depend on how the host cuts its blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport {
    /// Whether the host plays.
    pub playing: bool,
    /// Quarter notes per minute.
    pub tempo: f64,
    /// Absolute frame of the anchor.
    pub anchor_frame: u64,
    /// Beat at the anchor.
    pub anchor_beat: f64,
    /// Quarter notes per frame.
    pub beats_per_frame: f64,
}

impl Transport {
    /// The beat at an absolute frame.
    #[inline(always)]
    pub fn beat_at(&self, frame: u64) -> f64 {
        self.anchor_beat
            + frame.wrapping_sub(self.anchor_frame) as i64 as f64 * self.beats_per_frame
    }
}

/// The outputs of a module that somebody reads.
///
/// A module may leave the others as they are, and so save what it takes to make them; what it
/// remembers, and the outputs that are read, must not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted(u32);

impl Wanted {
    /// No output is read.
    pub const NONE: Wanted = Wanted(0);
    /// Every output is read.
    pub const ALL: Wanted = Wanted(u32::MAX);

    /// The outputs with these indices are read. Those from 32 on always are.
    pub fn of(outputs: impl IntoIterator<Item = usize>) -> Wanted {
        Wanted(outputs.into_iter().fold(0, |wanted, output| {
            wanted | 1u32.checked_shl(output as u32).unwrap_or(0)
        }))
    }

    /// Whether the output with this index is read.
    #[inline(always)]
    pub const fn has(self, output: usize) -> bool {
        output >= 32 || self.0 & (1 << output) != 0
    }
}

/// What surrounds one call of [`Module::process`].
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// Frames per second; the same for the life of an instance.
    pub sample_rate: f32,
    /// Frames in this call, 1 to [`MAX_FRAMES`].
    pub frames: usize,
    /// Absolute frame of the first frame of this call, counted since the player started.
    pub position: u64,
    /// Musical time.
    pub transport: Transport,
    /// Notes and controllers of this call in order of time; `frame` counts from the start of the call.
    pub notes: &'a [NoteEvent],
    /// The host's audio: main left and right, sidechain left and right. Shorter ones read as silence.
    pub audio_in: [&'a [f32]; 4],
    /// How loud each voice of this module was lately where voices are summed, as a peak; for
    /// modules that make polyphony. Renewed on a fixed grid of frames, so it does not depend on how
    /// the host cuts its blocks.
    pub voice_levels: &'a [f32; MAX_LANES],
    /// Which outputs somebody reads.
    pub wanted: Wanted,
}

impl Cx<'_> {
    /// The beat at a frame of this call, in quarter notes.
    #[inline(always)]
    pub fn beat(&self, frame: usize) -> f64 {
        self.transport
            .beat_at(self.position.wrapping_add(frame as u64))
    }
}

/// A module: one box of a patch.
///
/// `V` is the lane type, `I`, `P` and `O` count inputs, params and outputs. The sound must not depend
/// on how its frames are cut into calls, every lane must be independent of the others (except in
/// modules that make or end polyphony), and all randomness comes from [`Setup::seed`].
pub trait Module<V: Lanes, const I: usize, const P: usize, const O: usize>:
    Send + Sized + 'static
{
    /// The data sheet.
    const SPEC: Spec<I, P, O>;
    /// What makes it fall silent.
    const SILENCE: Silence = Silence::Never;
    /// Whether one voice of it mostly waits for its own last frame, so that a row of such modules is
    /// better run a few frames at a time. It must hear neither notes nor the host.
    const RECURSIVE: bool = false;
    /// Whether a call of it is so short that being called is much of what it costs: a row of such modules is
    /// then run in one piece. It must write all of its outputs, whether or not they are read.
    const BRIEF: bool = false;
    /// Whether [`Module::held`] ever names an output, or [`Module::stands`] is ever true.
    const HOLDS: bool = false;
    /// The params, a bit each, that [`Module::process_shared`] takes with one value a frame for all lanes.
    const SHARES: u32 = 0;
    /// Makes a silent instance. Off the audio thread; the only place that allocates.
    fn new(setup: &Setup) -> Self;
    /// Back to the state [`Module::new`] gives. Audio thread.
    fn reset(&mut self);
    /// Whether it would give nothing but silence for as long as it hears nothing louder than [`QUIET`],
    /// whatever happens to its params. While that is so it need not run; it goes on where it stopped.
    /// Only asked of modules that run once for all voices. Audio thread.
    fn rests(&mut self) -> bool {
        false
    }
    /// The outputs, a bit each, whose frames were all alike in the last call, bit for bit. Whoever reads
    /// them is given a constant and need not look at every frame. To leave one out is never wrong. Only
    /// asked where [`Module::HOLDS`]. Audio thread.
    #[inline(always)]
    fn held(&self) -> u32 {
        0
    }
    /// Whether the next call would give what the last one gave and leave the module as it is, if nothing
    /// that it reads moves and nothing happens meanwhile. While that is so it need not run. Only asked
    /// where [`Module::HOLDS`]. Audio thread.
    #[inline(always)]
    fn stands(&self) -> bool {
        false
    }
    /// Hands all that one voice remembers to a porter, in an order that does not depend on how many
    /// voices there are: another instance may go on with it. What is only kept to save work need not be
    /// handed over, but must be forgotten where something is put in its place. Never asked of modules
    /// that are not [`crate::Voicing::PerVoice`]. Audio thread.
    fn carry(&mut self, porter: &mut Porter);
    /// Makes the next frames. Audio thread; at most [`MAX_FRAMES`] frames. Mark it `#[inline(always)]`
    /// so that it is compiled for the instruction set of its lanes.
    ///
    /// Realtime safety: never allocates, frees, locks, blocks, logs, formats or panics.
    fn process(
        &mut self,
        cx: &Cx<'_>,
        inputs: In<'_, V, I>,
        params: In<'_, V, P>,
        outputs: Out<'_, V, O>,
    );
    /// The same, bit for bit, while any of the params among [`Module::SHARES`] moves alike in all lanes, as a
    /// knob does: what follows from it alone need not be worked out for each of them. Never called where there
    /// are none, or but one lane. Audio thread.
    #[inline(always)]
    fn process_shared(
        &mut self,
        _cx: &Cx<'_>,
        _inputs: In<'_, V, I>,
        _params: Knobs<'_, V, P>,
        _outputs: Out<'_, V, O>,
    ) {
    }
}

/// What a call of an [`Instance`] found.
// One number, as it is looked at after every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Health(u32);

impl Health {
    /// All is well.
    pub const FINE: Health = Health(0);
    /// The module gave infinity or something that is no number; it was reset and this call is silent.
    pub const NOT_FINITE: Health = Health(1 << 31);

    /// What [`Health::and`] leaves any other as it is.
    pub const ALL: Health = Health(!Health::NOT_FINITE.0);
    const STANDS: u32 = 1 << 30;
    const OUTPUTS: u32 = Health::STANDS - 1;

    /// All is well, these outputs, a bit each, stood still, and it may stand; see [`Module::held`] and
    /// [`Module::stands`].
    #[inline(always)]
    const fn holding(outputs: u32, stands: bool) -> Health {
        Health(outputs & Health::OUTPUTS | (stands as u32) << 30)
    }

    /// What two instances of a module found that make voices of the same outputs.
    #[inline]
    pub const fn and(self, other: Health) -> Health {
        if self.0 == Health::NOT_FINITE.0 || other.0 == Health::NOT_FINITE.0 {
            return Health::NOT_FINITE;
        }
        Health(self.0 & other.0)
    }

    /// The outputs, a bit each, that stood still.
    #[inline]
    pub const fn held(self) -> u32 {
        self.0 & Health::OUTPUTS
    }

    /// Whether the module need not run until something moves.
    #[inline]
    pub const fn stands(self) -> bool {
        self.0 & Health::STANDS != 0
    }
}

/// A module whose type is known only at run time.
pub trait Instance: Send + 'static {
    /// Back to silence. Audio thread.
    fn reset(&mut self);
    /// See [`Module::rests`].
    fn rests(&mut self) -> bool;
    /// See [`Module::carry`]; called by way of a [`Porter`]. Audio thread.
    fn carry(&mut self, porter: &mut Porter);
    /// Makes the next frames. Audio thread.
    fn process(&mut self, cx: &Cx<'_>, io: &Io<'_>) -> Health;
    /// See [`Module::process_shared`]. Audio thread.
    fn process_shared(&mut self, cx: &Cx<'_>, io: &Io<'_>) -> Health {
        self.process(cx, io)
    }
    /// Calls `run`, which runs several of the kind by way of [`Instance::process_in_row`] and is told whether
    /// their call is as long as mostly. Audio thread.
    #[inline(always)]
    fn row<R>(frames: usize, mut run: impl FnMut(bool) -> R) -> R
    where
        Self: Sized,
    {
        _ = frames;
        run(false)
    }
    /// As [`Instance::process`], within [`Instance::row`], which says whether the call is as long as mostly.
    /// Of one that is brief, what is no number is still to be taken back. Audio thread.
    #[inline(always)]
    fn process_in_row(&mut self, cx: &Cx<'_>, io: Io<'_>, as_mostly: bool) -> Health
    where
        Self: Sized,
    {
        _ = as_mostly;
        self.process(cx, &io)
    }
    /// After [`Health::NOT_FINITE`]: back to silence, and silence in place of what was made. Audio thread.
    fn take_back(&mut self, io: &Io<'_>)
    where
        Self: Sized,
    {
        _ = io;
    }
    /// See [`Module::BRIEF`].
    #[inline(always)]
    fn is_brief() -> bool
    where
        Self: Sized,
    {
        false
    }
}

/// Adapts a [`Module`] to [`Instance`].
pub(crate) struct Erased<M, V, const I: usize, const P: usize, const O: usize> {
    module: M,
    lanes: core::marker::PhantomData<fn() -> V>,
}

impl<M, V, const I: usize, const P: usize, const O: usize> Erased<M, V, I, P, O> {
    pub(crate) fn new(module: M) -> Self {
        Erased {
            module,
            lanes: core::marker::PhantomData,
        }
    }
}

impl<V, M, const I: usize, const P: usize, const O: usize> Instance for Erased<M, V, I, P, O>
where
    V: Lanes,
    M: Module<V, I, P, O>,
{
    fn reset(&mut self) {
        self.module.reset();
    }

    fn rests(&mut self) -> bool {
        self.module.rests()
    }

    fn carry(&mut self, porter: &mut Porter) {
        self.module.carry(porter);
    }

    #[inline(always)]
    fn process(&mut self, cx: &Cx<'_>, io: &Io<'_>) -> Health {
        let module = &mut *self;
        let health = V::vectorize(
            #[inline(always)]
            move || {
                if M::BRIEF && cx.frames == Self::MOSTLY {
                    module.make(cx, *io, Self::MOSTLY)
                } else {
                    module.make(cx, *io, cx.frames)
                }
            },
        );
        if health == Health::NOT_FINITE {
            self.take_back(io);
        }
        health
    }

    fn process_shared(&mut self, cx: &Cx<'_>, io: &Io<'_>) -> Health {
        if M::SHARES == 0 || V::COUNT == 1 {
            return self.process(cx, io);
        }
        let module = &mut *self;
        let health = V::vectorize(
            #[inline(always)]
            move || {
                // SAFETY: as in `make`.
                let (inputs, params, outputs, ends) =
                    unsafe { io.bind_shared::<V, I, P, O>(cx.frames) };
                module.module.process_shared(cx, inputs, params, outputs);
                // SAFETY: the module has returned.
                let is_finite = unsafe { ends.are_finite(cx.wanted) };
                module.health(*io, is_finite)
            },
        );
        if health == Health::NOT_FINITE {
            self.take_back(io);
        }
        health
    }

    #[inline(always)]
    fn row<R>(frames: usize, mut run: impl FnMut(bool) -> R) -> R {
        if !M::BRIEF {
            return run(false);
        }
        V::vectorize(
            #[inline(always)]
            || {
                // Where the compiler knows how many frames there are, they take fewer instructions than it takes
                // to find that out.
                if frames == Self::MOSTLY {
                    run(true)
                } else {
                    run(false)
                }
            },
        )
    }

    #[inline(always)]
    fn process_in_row(&mut self, cx: &Cx<'_>, io: Io<'_>, as_mostly: bool) -> Health {
        if !M::BRIEF {
            return self.process(cx, &io);
        }
        let frames = if as_mostly { Self::MOSTLY } else { cx.frames };
        self.make(cx, io, frames)
    }

    #[inline(always)]
    fn is_brief() -> bool {
        M::BRIEF
    }

    #[cold]
    #[inline(never)]
    fn take_back(&mut self, io: &Io<'_>) {
        self.module.reset();
        io.silence::<V>(O);
    }
}

impl<V, M, const I: usize, const P: usize, const O: usize> Erased<M, V, I, P, O>
where
    V: Lanes,
    M: Module<V, I, P, O>,
{
    /// How long a call in a row mostly is.
    const MOSTLY: usize = if M::RECURSIVE { TURN } else { MAX_FRAMES };

    /// Makes the next frames, so many as the call has; the instruction set is switched on. What is no number
    /// is still to be taken back.
    #[inline(always)]
    fn make(&mut self, cx: &Cx<'_>, io: Io<'_>, frames: usize) -> Health {
        // SAFETY: `AnyInstance::run` demands that the place is that of the module which is run there.
        let (inputs, params, outputs, ends) = unsafe { io.bind::<V, I, P, O>(frames) };
        self.module.process(cx, inputs, params, outputs);
        let made = if M::BRIEF { Wanted::ALL } else { cx.wanted };
        // SAFETY: the module has returned.
        let is_finite = unsafe { ends.are_finite(made) };
        self.health(io, is_finite)
    }

    /// What a call found.
    #[inline(always)]
    fn health(&self, io: Io<'_>, is_finite: bool) -> Health {
        if !is_finite {
            return Health::NOT_FINITE;
        }
        if !M::HOLDS {
            return Health::FINE;
        }
        let held = self.module.held();
        debug_assert!(io.stand_still::<V, O>(held), "{} does not hold", M::SPEC.id);
        Health::holding(held, self.module.stands())
    }
}
