//! Instances: modules whose types are known only at run time, and what a call of one finds.

use crate::blocks::Io;
use crate::contract::{Cx, MAX_FRAMES, Module, TURN, Wanted};
use crate::lanes::Lanes;
use crate::porter::Porter;

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
