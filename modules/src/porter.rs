//! Carries a voice from one instance of a module into another, as wide or not.

use crate::lanes::{LaneBits, Lanes};
use crate::seat::AnyInstance;

/// Words in which every voice of every module finds room.
const ROOM: usize = 256;

/// What is done with the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// They are filled from an instance.
    Take,
    /// All of them go into an instance.
    Put,
    /// Only those go into an instance that say nothing of one voice alone.
    PutShared,
}

/// What one voice of a module remembers, on its way from one instance to another of the same module and
/// instruction set.
///
/// A voice that was carried goes on bit for bit as it would have where it was.
///
/// Realtime safety: yes.
pub struct Porter {
    words: [u32; ROOM],
    /// How many words have been gone through.
    count: usize,
    lane: usize,
    task: Task,
}

impl Porter {
    /// One that carries nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "a default is expected to be cheap"
    )]
    pub fn new() -> Porter {
        Porter {
            words: [0; ROOM],
            count: 0,
            lane: 0,
            task: Task::Take,
        }
    }

    /// Takes up what one lane of an instance remembers.
    pub fn take(&mut self, instance: &mut AnyInstance, lane: usize) {
        self.run(Task::Take, instance, lane);
    }

    /// Puts what was taken up last into a lane of another instance.
    pub fn put(&mut self, instance: &mut AnyInstance, lane: usize) {
        self.run(Task::Put, instance, lane);
    }

    /// Puts what all lanes have in common into another instance and leaves its lanes as they are.
    pub fn put_shared(&mut self, instance: &mut AnyInstance) {
        self.run(Task::PutShared, instance, 0);
    }

    fn run(&mut self, task: Task, instance: &mut AnyInstance, lane: usize) {
        (self.task, self.lane, self.count) = (task, lane, 0);
        instance.carry(self);
    }

    /// Whether all that was gone through last found room.
    #[cfg(test)]
    pub(crate) fn has_room(&self) -> bool {
        self.count <= ROOM
    }

    /// The lane at hand.
    pub fn lane_index(&self) -> usize {
        self.lane
    }

    /// Whether the instance at hand is given something, so that what it worked out before is stale.
    pub fn puts(&self) -> bool {
        self.task != Task::Take
    }

    /// Keeps a word, or gives the one kept in its place.
    fn word(&mut self, word: u32, goes: bool) -> u32 {
        let place = self.words.get_mut(self.count);
        self.count += 1;
        match place {
            Some(kept) if self.task == Task::Take => {
                *kept = word;
                word
            }
            Some(kept) if goes => *kept,
            _ => word,
        }
    }

    /// What the lane at hand has of a value.
    pub fn lane<V: Lanes>(&mut self, value: &mut V) {
        let index = self.lane;
        let word = self.word(value.lane(index).to_bits(), self.task == Task::Put);
        if self.task == Task::Put {
            value.set_lane(index, f32::from_bits(word));
        }
    }

    /// What the lane at hand has of some values.
    pub fn lanes<V: Lanes>(&mut self, values: &mut [V]) {
        for value in values {
            self.lane(value);
        }
    }

    /// What the lane at hand has of some bits.
    pub fn bits<B: LaneBits>(&mut self, bits: &mut B) {
        let index = self.lane;
        let before = *bits;
        let word = self.word(before.lane(index), self.task == Task::Put);
        if self.task == Task::Put {
            *bits = B::from_fn(
                #[inline(always)]
                |lane| {
                    if lane == index {
                        word
                    } else {
                        before.lane(lane)
                    }
                },
            );
        }
    }

    /// A value that belongs to the lane at hand alone.
    pub fn own(&mut self, value: &mut impl Carried) {
        let goes = self.task == Task::Put;
        value.carry(&mut |word| self.long_word(word, goes));
    }

    /// A value that all lanes have in common.
    pub fn shared(&mut self, value: &mut impl Carried) {
        let goes = self.puts();
        value.carry(&mut |word| self.long_word(word, goes));
    }

    fn long_word(&mut self, word: u64, goes: bool) -> u64 {
        let low = self.word(word as u32, goes);
        let high = self.word((word >> 32) as u32, goes);
        u64::from(high) << 32 | u64::from(low)
    }

    /// What is only kept so that it need not be worked out again.
    pub fn forget<T>(&mut self, known: &mut Option<T>) {
        if self.puts() {
            *known = None;
        }
    }
}

/// What is no lane but can be carried.
pub trait Carried {
    /// Hands over its words one by one, and takes on those it is given in their place.
    fn carry(&mut self, exchange: &mut impl FnMut(u64) -> u64);
}

macro_rules! carried {
    ($($type:ty: $to:expr, $from:expr;)*) => {$(
        impl Carried for $type {
            fn carry(&mut self, exchange: &mut impl FnMut(u64) -> u64) {
                *self = ($from)(exchange(($to)(*self)));
            }
        }
    )*};
}

carried! {
    bool: u64::from, |word| word != 0;
    u32: u64::from, |word| word as u32;
    usize: |value| value as u64, |word| word as usize;
    f32: |value: f32| u64::from(value.to_bits()), |word| f32::from_bits(word as u32);
    f64: f64::to_bits, f64::from_bits;
}

impl<T: Carried + Default> Carried for Option<T> {
    fn carry(&mut self, exchange: &mut impl FnMut(u64) -> u64) {
        let mut is_some = self.is_some();
        is_some.carry(exchange);
        let mut value = self.take().unwrap_or_default();
        value.carry(exchange);
        *self = is_some.then_some(value);
    }
}
