//! Instances side by side: what one call needs to know of each, and one call for many of a kind.

use core::any::TypeId;
use core::cell::Cell;
use core::ptr::NonNull;

use crate::blocks::{Io, Room};
use crate::contract::{Cx, Wanted};
use crate::instance::{Health, Instance};
use crate::porter::Porter;

/// What is known of a type of instance.
struct Kind {
    /// Keeps two kinds from being one place in memory, so that what is of the same kind is of the same type.
    _type: TypeId,
    run: Run,
    process: Process,
    as_any: AsAny,
}

/// Runs instances of which the first is of the kind that this was taken from, as [`AnyInstance::run`] says.
type Run = unsafe fn(&mut [AnyInstance], &[Seat], &mut Cx<'_>, &Room<'_>, &Cell<usize>) -> Ran;
/// Runs the instance of this kind that lies there, of which nobody else knows.
type Process = unsafe fn(NonNull<()>, &Cx<'_>, &Io<'_>) -> Health;
/// The instance of this kind that lies there.
type AsAny = fn(NonNull<()>) -> NonNull<dyn Instance>;

impl Kind {
    const fn of<T: Instance>() -> &'static Kind {
        const {
            &Kind {
                _type: TypeId::of::<T>(),
                run: run::<T>,
                process: process::<T>,
                as_any: |instance| instance.cast::<T>(),
            }
        }
    }
}

/// # Safety
/// See [`Process`].
unsafe fn process<T: Instance>(instance: NonNull<()>, cx: &Cx<'_>, io: &Io<'_>) -> Health {
    // SAFETY: passed on to the caller.
    unsafe { instance.cast::<T>().as_mut() }.process(cx, io)
}

/// What a call of [`AnyInstance::run`] did.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Ran {
    /// How many instances ran.
    pub count: usize,
    /// What the last of them found. All before it found what they had found last.
    pub health: Health,
}

/// What has to be seen to before an instance runs, in bits whose meaning is up to whoever owns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending(u8);

impl Pending {
    /// Nothing: it may run as it is, in a row with others of its kind.
    pub const NONE: Pending = Pending(0);

    /// One of eight things.
    pub const fn bit(number: u32) -> Pending {
        Pending(1 << (number % 8))
    }

    /// Whether any of these is pending.
    #[inline(always)]
    pub const fn has(self, any: Pending) -> bool {
        self.0 & any.0 != 0
    }

    /// These, and those.
    pub const fn and(self, those: Pending) -> Pending {
        Pending(self.0 | those.0)
    }

    /// Without those.
    pub const fn without(self, those: Pending) -> Pending {
        Pending(self.0 & !those.0)
    }

    /// These if so, else nothing.
    pub const fn when(self, so: bool) -> Pending {
        if so { self } else { Pending::NONE }
    }

    /// Has these pending or not.
    #[inline(always)]
    pub const fn set(&mut self, these: Pending, so: bool) {
        *self = self.without(these).and(these.when(so));
    }
}

/// An instance of any module.
// Two words, for it is moved from plan to plan while they play.
pub struct AnyInstance {
    kind: &'static Kind,
    /// In a box of its own, of the type that the kind says.
    instance: NonNull<()>,
}

// SAFETY: it owns what `new` was given, which may be sent.
unsafe impl Send for AnyInstance {}

impl Drop for AnyInstance {
    fn drop(&mut self) {
        let instance = (self.kind.as_any)(self.instance);
        // SAFETY: `new` made it from a box, and nobody uses it any more.
        drop(unsafe { Box::from_raw(instance.as_ptr()) });
    }
}

impl AnyInstance {
    /// Allocates.
    pub fn new<T: Instance>(instance: T) -> AnyInstance {
        AnyInstance {
            kind: Kind::of::<T>(),
            instance: NonNull::from(Box::leak(Box::new(instance))).cast(),
        }
    }

    fn as_any(&mut self) -> &mut dyn Instance {
        // SAFETY: it is of this kind and lives, and borrowed exclusively.
        unsafe { (self.kind.as_any)(self.instance).as_mut() }
    }

    /// Back to silence.
    ///
    /// Realtime safety: yes.
    pub fn reset(&mut self) {
        self.as_any().reset();
    }

    /// See [`crate::contract::Module::rests`].
    ///
    /// Realtime safety: yes.
    pub fn rests(&mut self) -> bool {
        self.as_any().rests()
    }

    /// See [`Instance::carry`].
    ///
    /// Realtime safety: yes.
    pub fn carry(&mut self, porter: &mut Porter) {
        self.as_any().carry(porter);
    }

    /// Makes the next frames of the first of some instances, and goes on with those behind it for as long as
    /// they are of the same kind, nothing is pending at their seats, and nothing is found that was not found
    /// before. `at` counts those that have been run.
    ///
    /// Realtime safety: yes.
    ///
    /// # Safety
    /// The room keeps what [`Room::new`] demands for each of these instances, from the [`Seat::ports`] of its
    /// seat on.
    #[inline(always)]
    pub unsafe fn run(
        instances: &mut [AnyInstance],
        seats: &[Seat],
        cx: &mut Cx<'_>,
        room: &Room<'_>,
        at: &Cell<usize>,
    ) -> Ran {
        match instances.first() {
            // SAFETY: the function was taken from the kind of the first; the rest is passed on to the caller.
            Some(first) => unsafe { (first.kind.run)(instances, seats, cx, room, at) },
            None => Ran {
                count: 0,
                health: Health::FINE,
            },
        }
    }

    /// Makes the next frames of this one alone.
    ///
    /// Realtime safety: yes.
    ///
    /// # Safety
    /// As [`AnyInstance::run`].
    #[inline(always)]
    pub unsafe fn process(&mut self, seat: &Seat, cx: &mut Cx<'_>, room: &Room<'_>) -> Health {
        cx.wanted = seat.wanted;
        // SAFETY: it is of this kind, and borrowed exclusively.
        unsafe { (self.kind.process)(self.instance, cx, &room.at(seat.ports)) }
    }

    /// As [`AnyInstance::process`], where any of its params is shared.
    ///
    /// Realtime safety: yes.
    ///
    /// # Safety
    /// As [`AnyInstance::run`], but blocks that are shared are mono.
    #[inline(always)]
    pub unsafe fn process_shared(
        &mut self,
        seat: &Seat,
        cx: &mut Cx<'_>,
        room: &Room<'_>,
    ) -> Health {
        cx.wanted = seat.wanted;
        self.as_any().process_shared(cx, &room.at(seat.ports))
    }
}

/// Where an instance is run, and what has been found there.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Where its inputs, its params and its outputs begin among those of the [`Room`] it is run in.
    pub ports: [u32; 3],
    /// The outputs somebody reads.
    pub wanted: Wanted,
    /// What the last call found, as far as the owner has taken it in.
    pub health: Health,
    /// What has to be seen to before it runs.
    pub pending: Pending,
}

impl Seat {
    /// Where the ports are the first of all, and all outputs are read.
    pub const FIRST: Seat = Seat {
        ports: [0; 3],
        wanted: Wanted::ALL,
        health: Health::FINE,
        pending: Pending::NONE,
    };
}

/// # Safety
/// The first instance is of the kind of `T`, and as [`AnyInstance::run`].
unsafe fn run<T: Instance>(
    instances: &mut [AnyInstance],
    seats: &[Seat],
    cx: &mut Cx<'_>,
    room: &Room<'_>,
    at: &Cell<usize>,
) -> Ran {
    let frames = cx.frames;
    if T::is_brief() {
        cx.wanted = Wanted::ALL;
    }
    let ran = T::row(
        frames,
        #[inline(always)]
        |as_mostly| {
            let mut ran = Ran {
                count: 0,
                health: Health::FINE,
            };
            let Some(kind) = instances.first().map(|first| first.kind) else {
                return ran;
            };
            // Of a row kept here, where the compiler sees that nobody writes to it.
            let kept = *room;
            let room = if T::is_brief() { &kept } else { room };
            let count = instances.len().min(seats.len());
            let (mut one, mut seat) = (instances.as_mut_ptr(), seats.as_ptr());
            while ran.count < count {
                // By pointers, of which the compiler keeps no more than it has registers for.
                // SAFETY: both have so many, and nobody else holds any of them.
                let (this, here) = unsafe { (&mut *one, &*seat) };
                if !core::ptr::eq(this.kind, kind) || here.pending != Pending::NONE {
                    break;
                }
                at.set(ran.count);
                if !T::is_brief() {
                    cx.wanted = here.wanted;
                }
                // SAFETY: it is of the kind of the first, which is that of `T`, and borrowed exclusively.
                let instance = unsafe { this.instance.cast::<T>().as_mut() };
                ran.health = instance.process_in_row(cx, room.at(here.ports), as_mostly);
                ran.count += 1;
                if ran.health != here.health {
                    break;
                }
                // SAFETY: at most past the last.
                unsafe { (one, seat) = (one.add(1), seat.add(1)) };
            }
            ran
        },
    );
    if T::is_brief()
        && ran.health == Health::NOT_FINITE
        && let Some(last) = ran.count.checked_sub(1)
        && let (Some(one), Some(seat)) = (instances.get_mut(last), seats.get(last))
    {
        // SAFETY: as above; it was run as the last.
        let instance = unsafe { one.instance.cast::<T>().as_mut() };
        instance.take_back(&room.at(seat.ports));
    }
    ran
}
