//! What belongs to the audio thread while it works, in both formats.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Something only one thread works with at a time, normally the audio thread. Only a host that
/// switches and processes at once makes two threads meet here: then the audio thread goes without,
/// and never waits, nor wakes another.
#[derive(Default)]
pub struct Exclusive<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a `Taken` only, of which there is one at a time: `taken` is set
// by whoever makes it, and cleared when it ends. So sharing is no more than sending back and forth.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    /// The value, unless another thread has it.
    pub fn try_take(&self) -> Option<Taken<'_, T>> {
        (!self.taken.swap(true, Ordering::Acquire)).then_some(Taken(self))
    }

    /// The value, once no other thread has it. Not for the audio thread.
    pub fn take(&self) -> Taken<'_, T> {
        loop {
            if let Some(taken) = self.try_take() {
                return taken;
            }
            thread::yield_now();
        }
    }
}

/// The value while it is taken.
pub struct Taken<'a, T>(&'a Exclusive<T>);

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: there is no other `Taken`, so nobody writes.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: there is no other `Taken`, and this one is borrowed for as long as the reference.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_it_at_a_time() {
        let shared = Exclusive::<[u32; 2]>::default();
        let first = shared.try_take().expect("nobody has it");
        assert!(shared.try_take().is_none());
        drop(first);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let mut pair = shared.take();
                        assert_eq!(pair[0], pair[1]);
                        pair[0] += 1;
                        pair[1] += 1;
                    }
                });
            }
        });
        assert_eq!(*shared.take(), [4_000; 2]);
    }
}
