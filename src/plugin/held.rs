//! Notes of blocks without frames.
//!
//! nice-plug runs the plugin only where there are frames to fill, so notes that arrive in other blocks
//! wait here, in order, for the first frame of the next block that has some.

/// Notes kept at most; those beyond are lost.
const CAPACITY: usize = 4096;

/// The notes that wait, in a format's own form.
#[derive(Default)]
pub struct Held<T>(Vec<T>);

impl<T> Held<T> {
    /// With room made beforehand.
    pub fn new() -> Held<T> {
        Held(Vec::with_capacity(CAPACITY))
    }

    /// Keeps a note unless that would allocate.
    pub fn push(&mut self, note: T) {
        if self.0.len() < self.0.capacity() {
            self.0.push(note);
        }
    }

    /// The notes in the order they came.
    pub fn notes(&self) -> &[T] {
        &self.0
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_lost_rather_than_kept_with_an_allocation() {
        let mut held = Held::new();
        let room = held.0.capacity();
        (0..2 * room).for_each(|note| held.push(note));
        assert_eq!(held.0.capacity(), room);
        assert!(held.notes().iter().copied().eq(0..room));
        held.clear();
        held.push(7);
        assert_eq!(held.notes(), [7]);
        let mut none = Held::default();
        none.push(7);
        assert_eq!(none.notes(), [0; 0], "nothing is kept without room");
    }
}
