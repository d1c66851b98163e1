//! The keys that are down, for modes in which they share one voice.

use super::note::Note;

/// Which of several held keys sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    Last,
    Low,
    High,
}

#[derive(Clone, Copy)]
struct Held {
    note: Note,
    by_pedal: bool,
}

/// More keys than any player holds; past it the oldest is forgotten.
const ROOM: usize = 64;

/// Held keys in the order they went down.
pub(super) struct Keys {
    held: [Held; ROOM],
    count: usize,
}

impl Keys {
    pub(super) const NONE: Keys = Keys {
        held: [Held {
            note: Note::NONE,
            by_pedal: false,
        }; ROOM],
        count: 0,
    };

    /// A key goes down. If it was held already, it counts as new.
    pub(super) fn press(&mut self, note: Note) {
        self.keep(|held| (held.note.channel, held.note.key) != (note.channel, note.key));
        if self.count == ROOM {
            self.held.copy_within(1.., 0);
            self.count -= 1;
        }
        if let Some(free) = self.held.get_mut(self.count) {
            *free = Held {
                note,
                by_pedal: false,
            };
            self.count += 1;
        }
    }

    /// Keys come up, or stay for the pedal's sake.
    pub(super) fn release(&mut self, which: impl Fn(&Note) -> bool, pedal: bool) {
        if pedal {
            for held in self
                .held
                .iter_mut()
                .take(self.count)
                .filter(|held| which(&held.note))
            {
                held.by_pedal = true;
            }
        } else {
            self.keep(|held| !which(&held.note));
        }
    }

    /// The pedal lets go of keys that are no longer down.
    pub(super) fn lift_pedal(&mut self, which: impl Fn(&Note) -> bool) {
        self.keep(|held| !(held.by_pedal && which(&held.note)));
    }

    /// The note that sounds.
    pub(super) fn top(&self, priority: Priority) -> Option<Note> {
        let mut notes = self.held.iter().take(self.count).map(|held| held.note);
        match priority {
            Priority::Last => notes.next_back(),
            Priority::Low => notes.min_by_key(|note| note.key),
            // Of equal keys on several channels the first wins here as it does above.
            Priority::High => notes.rev().max_by_key(|note| note.key),
        }
    }

    /// Changes notes in place.
    pub(super) fn update(&mut self, mut change: impl FnMut(&mut Note)) {
        for held in self.held.iter_mut().take(self.count) {
            change(&mut held.note);
        }
    }

    fn keep(&mut self, stays: impl Fn(&Held) -> bool) {
        let mut kept = 0;
        for index in 0..self.count.min(ROOM) {
            let held = self.held[index];
            if stays(&held) {
                self.held[kept] = held;
                kept += 1;
            }
        }
        self.count = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(key: u8) -> Note {
        Note { key, ..Note::NONE }
    }
    fn top(keys: &Keys, priority: Priority) -> Option<u8> {
        keys.top(priority).map(|note| note.key)
    }

    #[test]
    fn priorities_pick_among_what_is_held() {
        let mut keys = Keys::NONE;
        for key in [60, 48, 72, 55] {
            keys.press(note(key));
        }
        assert_eq!(top(&keys, Priority::Last), Some(55));
        assert_eq!(top(&keys, Priority::Low), Some(48));
        assert_eq!(top(&keys, Priority::High), Some(72));
        keys.press(note(48));
        assert_eq!(top(&keys, Priority::Last), Some(48), "pressed again");
        keys.release(|note| note.key == 48, false);
        assert_eq!(top(&keys, Priority::Last), Some(55));
        keys.release(|note| note.key == 55, true);
        assert_eq!(top(&keys, Priority::Last), Some(55), "held by the pedal");
        keys.lift_pedal(|_| true);
        assert_eq!(top(&keys, Priority::Last), Some(72));
    }

    #[test]
    fn more_keys_than_fit_forget_the_oldest() {
        let mut keys = Keys::NONE;
        for key in 0..100 {
            keys.press(note(key));
        }
        assert_eq!(top(&keys, Priority::Low), Some(36));
        assert_eq!(top(&keys, Priority::High), Some(99));
        keys.release(|_| true, false);
        assert_eq!(top(&keys, Priority::Last), None);
    }
}
