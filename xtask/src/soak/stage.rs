//! The audio thread of the soak: plays block by block as a host would, and keeps what it measures.

use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use weft::engine::handover;
use weft::engine::session::{Outcome, Session, Ticket};
use weft::engine::{Event, EventKind, HostTransport, Player};
use weft_modules::{NoteEvent, NoteKind};

use super::counting;
use super::edge::Edges;
use super::random::Random;

/// Frames in a block: the smallest that hosts use much.
pub const BLOCK: usize = 64;
/// Blocks from one round of automation to the next.
pub const ROUND: u64 = 16;
/// Rounds the automation may lag behind.
pub const LAG: usize = 4;
/// How far to count beside a block.
const COUNTING: u32 = 400_000;
/// Quarter notes a minute.
const TEMPO: f64 = 120.0;

/// What the automation thread sends.
pub enum Sent {
    /// A host's move of a slot, counted from 0.
    Slot { slot: u16, normalized: f32 },
    /// A commit.
    Commit { ticket: Ticket, since: Instant },
}

/// What makes a block special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    Ordinary,
    /// The player took something new before it.
    Taken,
    /// The audio started anew before it.
    Restarted,
}

impl Timing {
    /// Of a block that took so long, for so much of which the processor was at work on it, and plays
    /// for `length` seconds.
    pub fn of(took: Duration, worked: Duration, length: f64) -> Timing {
        let is_long = |time: Duration| time.as_secs_f64() > length;
        match (is_long(took), is_long(worked)) {
            (_, true) => Timing::Late,
            (true, false) => Timing::Preempted,
            (false, false) => Timing::InTime,
        }
    }
}

/// A block that was played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// How long it took.
    pub micros: f32,
    /// How long the processor was at work on it. The rest of the time it did something else.
    pub worked: f32,
    /// The largest step from one sample to the next, full scale = 1.
    pub step: f32,
    /// Whether it took longer than it plays.
    pub timing: Timing,
    /// What it is.
    pub mark: Mark,
}

/// Whether a block is there in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// It took no longer than it plays.
    InTime,
    /// It took longer, but only because the system ran something else meanwhile, which it does not do
    /// to a host's audio thread.
    Preempted,
    /// The audio thread itself was at work for longer: the host would have dropped it.
    Late,
}

/// A commit that nobody has told about yet.
struct Waiting {
    ticket: Ticket,
    since: Instant,
    taken: Option<Instant>,
    /// No other commit could be meant when the player takes one.
    alone: bool,
}

/// How commits went.
#[derive(Default)]
pub struct Commits {
    /// Live, or there was nothing to change.
    pub done: u64,
    /// Overtaken by a newer one, which brought their edits too.
    pub superseded: u64,
    /// Could not play.
    pub failed: u64,
    /// Milliseconds from the call until the player took it, for those it had to take.
    pub milliseconds: Vec<f64>,
}

/// A session whose audio runs.
pub struct Stage<'s> {
    session: &'s Session,
    player: Player,
    receiver: handover::Receiver,
    rate: f32,
    random: Random,
    events: Vec<Event>,
    held: Vec<u8>,
    ticks: SyncSender<()>,
    sent: Receiver<Sent>,
    count: u64,
    last: [f32; 2],
    edges: [Edges; 2],
    restarted: bool,
    waiting: Vec<Waiting>,
    /// Seconds of audio since it was last set.
    pub seconds: f64,
    /// The most abrupt it has been since it was last set; see [`Edges`].
    pub edge: f32,
    /// The loudest it has been since it was last set.
    pub peak: f32,
    /// Samples that were no finite numbers.
    pub nan: u64,
    /// Pieces of counting, one beside each block that is kept, that took the processor longer than a
    /// block plays. Counting is the same work every time, so these are the machine's doing, such as a
    /// virtual one's that has its time stolen, and it does as much to blocks.
    pub counting_late: u64,
    /// How commits went.
    pub commits: Commits,
    /// Every block while there is room.
    pub blocks: Vec<Block>,
}

impl<'s> Stage<'s> {
    /// Starts the audio.
    pub fn new(
        session: &'s Session,
        rate: f32,
        seed: u64,
        ticks: SyncSender<()>,
        sent: Receiver<Sent>,
    ) -> Stage<'s> {
        let (player, receiver) = session.activate(rate);
        Stage {
            session,
            player,
            receiver,
            rate,
            random: Random::new(seed),
            events: Vec::with_capacity(1024),
            held: Vec::with_capacity(16),
            ticks,
            sent,
            count: 0,
            last: [0.0; 2],
            edges: Default::default(),
            restarted: true,
            waiting: Vec::with_capacity(64),
            seconds: 0.0,
            edge: 0.0,
            peak: 0.0,
            nan: 0,
            counting_late: 0,
            commits: Commits::default(),
            blocks: Vec::new(),
        }
    }

    /// Stops the audio and starts it at another rate, as hosts do.
    pub fn restart(&mut self, rate: f32) {
        self.session.deactivate();
        (self.player, self.receiver) = self.session.activate(rate);
        self.rate = rate;
        self.restarted = true;
        self.held.clear();
    }

    /// Commits the standby patch; [`Stage::commits`] will tell.
    pub fn commit(&mut self) {
        let since = Instant::now();
        let ticket = self.session.commit();
        self.await_ticket(ticket, since);
    }

    fn await_ticket(&mut self, ticket: Ticket, since: Instant) {
        let alone = self.waiting.is_empty();
        self.waiting.push(Waiting {
            ticket,
            since,
            taken: None,
            alone,
        });
    }

    /// Whether some commit is still on its way.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Plays a block.
    pub fn block(&mut self) {
        self.gather();
        let input: [f32; BLOCK] = std::array::from_fn(|frame| {
            0.25 * (frame as f32 / BLOCK as f32 * std::f32::consts::TAU).sin()
        });
        let inputs = [&input[..]; 4];
        let host = HostTransport {
            playing: true,
            tempo: TEMPO,
            beat: Some(self.count as f64 * BLOCK as f64 / f64::from(self.rate) * TEMPO / 60.0),
        };
        let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (player, receiver, events) = (&mut self.player, &mut self.receiver, &self.events);
        let start = Instant::now();
        let at_work = ThreadTime::now();
        let taken = counting::watch(|| {
            let taken = receiver.poll(player);
            player.process(&host, inputs, [&mut left, &mut right], events);
            taken
        });
        let took = [start.elapsed(), at_work.elapsed()];
        self.keep(took, taken, [&left, &right]);
        if self.blocks.capacity() > 0 {
            self.count_beside();
        }
        self.hear(taken.then_some(start));
        self.count += 1;
        if self.count.is_multiple_of(ROUND) {
            // A thread that lags does without a round.
            let _ = self.ticks.try_send(());
        }
    }

    /// Plays this many seconds.
    pub fn play(&mut self, seconds: f64) {
        let end = self.seconds + seconds;
        while self.seconds < end {
            self.block();
        }
    }

    /// Notes now and then, and what the automation sent.
    fn gather(&mut self) {
        self.events.clear();
        if self.random.chance(0.02) {
            let frame = self.random.below(BLOCK) as u32;
            let kind = if self.held.len() > self.random.below(8) {
                let key = self.held.swap_remove(self.random.below(self.held.len()));
                NoteKind::Off {
                    key,
                    velocity: 0.5,
                    id: -1,
                }
            } else {
                let key = 36 + self.random.below(48) as u8;
                self.held.push(key);
                NoteKind::On {
                    key,
                    velocity: 0.2 + 0.8 * self.random.unit(),
                    id: -1,
                }
            };
            let note = NoteEvent {
                frame: 0,
                channel: 0,
                kind,
            };
            self.events.push(Event {
                frame,
                kind: EventKind::Note(note),
            });
        }
        while let Ok(sent) = self.sent.try_recv() {
            match sent {
                Sent::Slot { slot, normalized } => self.events.push(Event {
                    frame: BLOCK as u32 - 1,
                    kind: EventKind::Slot { slot, normalized },
                }),
                Sent::Commit { ticket, since } => self.await_ticket(ticket, since),
            }
        }
    }

    fn keep(&mut self, [took, worked]: [Duration; 2], taken: bool, heard: [&[f32; BLOCK]; 2]) {
        let length = BLOCK as f64 / f64::from(self.rate);
        self.seconds += length;
        let mut step = 0.0f32;
        let sides = heard.into_iter().zip(&mut self.last).zip(&mut self.edges);
        for ((heard, last), edges) in sides {
            for sample in heard {
                self.nan += u64::from(!sample.is_finite());
                self.edge = self.edge.max(edges.next(*sample));
                self.peak = self.peak.max(sample.abs());
                step = step.max((sample - *last).abs());
                *last = *sample;
            }
        }
        if self.blocks.len() < self.blocks.capacity() {
            let taken_or_not = if taken { Mark::Taken } else { Mark::Ordinary };
            let micros = |took: Duration| (took.as_secs_f64() * 1e6) as f32;
            self.blocks.push(Block {
                micros: micros(took),
                worked: micros(worked),
                step,
                timing: Timing::of(took, worked, length),
                mark: if self.restarted {
                    Mark::Restarted
                } else {
                    taken_or_not
                },
            });
        }
        self.restarted = false;
    }

    /// Counts for about as long as a block of a large patch takes.
    fn count_beside(&mut self) {
        let at_work = ThreadTime::now();
        for number in 0..COUNTING {
            std::hint::black_box(number);
        }
        let length = BLOCK as f64 / f64::from(self.rate);
        self.counting_late += u64::from(at_work.elapsed().as_secs_f64() > length);
    }

    /// Finds out what became of commits.
    fn hear(&mut self, taken: Option<Instant>) {
        for waiting in &mut self.waiting {
            waiting.taken = waiting.taken.or(taken);
        }
        let commits = &mut self.commits;
        self.waiting.retain(|waiting| {
            let Some(outcome) = waiting.ticket.outcome() else {
                return true;
            };
            match outcome {
                Outcome::Live => {
                    let taken = match waiting.taken {
                        Some(taken) if waiting.alone => taken,
                        // Which one was taken is not known; this one at the latest now.
                        _ => Instant::now(),
                    };
                    commits.done += 1;
                    let seconds = (taken - waiting.since).as_secs_f64();
                    commits.milliseconds.push(seconds * 1e3);
                }
                Outcome::Unchanged => commits.done += 1,
                Outcome::Superseded => commits.superseded += 1,
                Outcome::Failed(_) | Outcome::Broken | Outcome::Closed => commits.failed += 1,
            }
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_work_makes_a_block_late() {
        let timing = |took, worked| {
            let time = Duration::from_micros;
            Timing::of(time(took), time(worked), 0.001)
        };
        assert_eq!(timing(900, 800), Timing::InTime);
        assert_eq!(timing(30_000, 800), Timing::Preempted);
        assert_eq!(timing(1_100, 1_050), Timing::Late);
    }
}
