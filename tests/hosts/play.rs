//! Plays a piece through an instance, block by block.

use crate::host::{Do, Event, Instance, Stereo};

/// What is played: events by their frame from the start, and the sound that goes in.
#[derive(Clone, Default)]
pub struct Piece {
    pub frames: usize,
    pub events: Vec<(usize, Do)>,
    /// Silence where it is empty or ends.
    pub input: Stereo,
}

impl Piece {
    pub fn new(frames: usize) -> Piece {
        Piece {
            frames,
            ..Piece::default()
        }
    }

    /// Adds an event; events of one frame keep their order.
    pub fn at(mut self, frame: usize, what: Do) -> Piece {
        self.events.push((frame, what));
        self.events.sort_by_key(|(frame, _)| *frame);
        self
    }

    pub fn note(self, from: usize, to: usize, key: u8) -> Piece {
        let velocity = 100.0 / 127.0;
        self.at(from, Do::On { key, velocity })
            .at(to, Do::Off { key })
    }

    pub fn with_input(mut self, input: impl Fn(usize) -> [f32; 2]) -> Piece {
        self.input = [0, 1].map(|side| (0..self.frames).map(|frame| input(frame)[side]).collect());
        self
    }
}

/// Plays a piece in blocks of these sizes, taken in turn.
pub fn play(instance: &mut dyn Instance, piece: &Piece, blocks: &[usize]) -> Stereo {
    let mut sound: Stereo = Default::default();
    let mut start = 0;
    let mut events = piece.events.iter().peekable();
    let mut sizes = blocks.iter().cycle();
    while start < piece.frames {
        let frames = sizes
            .next()
            .map_or(64, |size| *size)
            .min(piece.frames - start);
        let mut block = Vec::new();
        while let Some((frame, what)) = events.next_if(|(frame, _)| *frame < start + frames) {
            block.push(Event {
                frame: (frame - start) as u32,
                what: *what,
            });
        }
        let input = [0, 1].map(|side| {
            let given = piece.input[side].iter().skip(start).copied();
            given.chain(std::iter::repeat(0.0)).take(frames).collect()
        });
        // Garbage that the plugin must overwrite.
        let mut output = [vec![f32::NAN; frames], vec![f32::NAN; frames]];
        assert!(
            instance.process(&input, &mut output, &block),
            "the plugin reports failure of the block at frame {start}"
        );
        for (sound, output) in sound.iter_mut().zip(&output) {
            sound.extend_from_slice(output);
        }
        start += frames;
    }
    assert!(
        sound.iter().flatten().all(|sample| sample.is_finite()),
        "the plugin left garbage in the output"
    );
    sound
}
