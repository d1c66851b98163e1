//! What a module is, and what it is given on each call.

use crate::lanes::Lanes;
use crate::notes::NoteEvent;
use crate::porter::Porter;
use crate::spec::{Silence, Spec};

pub use crate::signal::{Knob, Shared, Signal};

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
