//! When a voice's gate rises and falls, frame by frame.

/// What becomes of a gate after the present frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Stay,
    Rise,
    RiseThenFall,
    Fall,
}

/// The gate of one voice.
///
/// Every note that starts is seen by an envelope as a rise: a gate that is already up falls for
/// exactly one frame first. A note that ends on the frame it began on still lasts one frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    up: bool,
    before: bool,
    next: Next,
}

impl Gate {
    pub(super) const DOWN: Gate = Gate {
        up: false,
        before: false,
        next: Next::Stay,
    };

    /// A note starts on the present frame.
    pub(super) fn start(&mut self) {
        self.up = !self.before;
        self.next = if self.before { Next::Rise } else { Next::Stay };
    }

    /// The note ends on the present frame.
    pub(super) fn end(&mut self) {
        if self.next == Next::Rise {
            self.next = Next::RiseThenFall;
        } else if self.up && !self.before {
            self.next = Next::Fall;
        } else if self.next == Next::Stay {
            self.up = false;
        }
    }

    /// The note ends on the present frame whatever was to come.
    pub(super) fn cut(&mut self) {
        self.up = false;
        self.next = Next::Stay;
    }

    /// Whether the gate is up on the present frame.
    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// Whether the gate rises on the present frame.
    pub(super) fn rises(&self) -> bool {
        self.up && !self.before
    }

    /// Whether the frames to come are like this one until something happens.
    pub(super) fn is_settled(&self) -> bool {
        self.up == self.before && self.next == Next::Stay
    }

    /// The present frame is over.
    pub(super) fn step(&mut self) {
        self.before = self.up;
        (self.up, self.next) = match self.next {
            Next::Stay => (self.up, Next::Stay),
            Next::Rise => (true, Next::Stay),
            Next::RiseThenFall => (true, Next::Fall),
            Next::Fall => (false, Next::Stay),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gate on each frame, given what happens on it.
    fn played(script: &[&str]) -> Vec<u8> {
        let mut gate = Gate::DOWN;
        script
            .iter()
            .map(|events| {
                for event in events.chars() {
                    match event {
                        's' => gate.start(),
                        'e' => gate.end(),
                        'c' => gate.cut(),
                        other => panic!("{other}"),
                    }
                }
                let up = u8::from(gate.is_up());
                gate.step();
                up
            })
            .collect()
    }

    #[test]
    fn each_note_is_a_rise_and_none_is_lost() {
        assert_eq!(played(&["s", "", "e", ""]), [1, 1, 0, 0], "plain");
        assert_eq!(
            played(&["s", "", "s", "", "e"]),
            [1, 1, 0, 1, 0],
            "again while held"
        );
        assert_eq!(
            played(&["s", "", "es", "", "e"]),
            [1, 1, 0, 1, 0],
            "end and start on one frame"
        );
        assert_eq!(played(&["se", "", ""]), [1, 0, 0], "no length");
        assert_eq!(
            played(&["s", "", "se", "", ""]),
            [1, 1, 0, 1, 0],
            "no length while held"
        );
        assert_eq!(
            played(&["s", "", "s", "e", ""]),
            [1, 1, 0, 1, 0],
            "ends as it rises again"
        );
        assert_eq!(
            played(&["ses", "", ""]),
            [1, 1, 1],
            "a new start undoes the end"
        );
        assert_eq!(played(&["s", "", "sc", "", ""]), [1, 1, 0, 0, 0], "cut");
    }
}
