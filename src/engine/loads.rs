//! What each module costs, measured on the audio thread while somebody looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use super::graph::{Graph, Unit};

/// Every so many calls are measured: a hundred a second at 48 kHz, for a seventh of what measuring
/// costs. A prime, because what modules do in lumps and hosts in blocks comes round in powers of two,
/// of which each eighth call would always see the same part.
const EVERY: u32 = 7;

/// Who looks, across all the plans that one session plays.
#[derive(Clone, Debug, Default)]
pub(super) struct Audience(Arc<AtomicUsize>);

/// What was measured of one module.
#[derive(Debug, Default)]
struct Count {
    nanoseconds: AtomicU64,
    /// How often the clock was read, of which the time contains one reading each.
    runs: AtomicU64,
}

/// What was measured of a plan. Only the audio thread that plays it writes here, so counting needs no
/// more than to load and to store.
#[derive(Debug, Default)]
struct Counts {
    /// Calls since the last that was measured.
    calls: AtomicU32,
    /// Frames in all measured calls.
    frames: AtomicU64,
    /// How long these last, in nanoseconds.
    lasted: AtomicU64,
    modules: Box<[Count]>,
}

fn add(to: &AtomicU64, amount: u64) {
    let sum = to.load(Ordering::Relaxed).wrapping_add(amount);
    to.store(sum, Ordering::Relaxed);
}

/// How much time each module of a plan takes. A handle: clones show the same figures.
///
/// Nothing is measured unless somebody holds a [`Watch`]; without one, the audio thread looks at one
/// number a call. With one it measures each seventh call, and reads the clock before and after each
/// module. What cables do on the way into a module counts as its own. Not measured are plans that run
/// only while a commit fades, and patches that ring out.
///
/// Realtime safety: measuring loads and stores atomics, and asks the system's monotonic clock, which
/// Linux, macOS and Windows answer in the process itself. Nothing allocates, locks or blocks. The
/// audio thread never frees a board: its plan goes back whole and is freed elsewhere.
#[derive(Clone, Debug, Default)]
pub struct LoadBoard {
    /// Module ids by the order of the plan's nodes.
    ids: Arc<[Arc<str>]>,
    counts: Arc<Counts>,
    audience: Audience,
}

/// What a module took.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// The module's id in the patch.
    pub module: String,
    /// Nanoseconds for each frame that was played, those included in which it slept. As time passes:
    /// where the system ran something else in between, that counts too, but in no run for more than
    /// its call lasts.
    pub nanoseconds: f64,
    /// How much of one core that is: 1 when the module alone takes as long as the frames last.
    pub share: f64,
}

impl LoadBoard {
    /// A board for the plan that is made of a graph in this order.
    pub(super) fn of(graph: &Graph, units: &[Unit], audience: &Audience) -> LoadBoard {
        let order = units.iter().flat_map(|unit| unit.members());
        let ids: Vec<Arc<str>> = order
            .map(|node| Arc::clone(&graph.nodes[*node].id))
            .collect();
        LoadBoard {
            counts: Arc::new(Counts {
                modules: ids.iter().map(|_| Count::default()).collect(),
                ..Counts::default()
            }),
            ids: ids.into(),
            audience: audience.clone(),
        }
    }

    /// The figures of a plan that plays on although its modules are called otherwise now.
    pub(super) fn counted_by(self, played: &LoadBoard) -> LoadBoard {
        LoadBoard {
            counts: Arc::clone(&played.counts),
            ..self
        }
    }

    /// Has the audio thread measure until the watch is dropped, on this board and on those of the
    /// plans that take its place. Off the audio thread: tries out the clock for some microseconds.
    pub fn watch(&self) -> Watch {
        self.audience.0.fetch_add(1, Ordering::Relaxed);
        Watch {
            audience: self.audience.clone(),
            reading: reading(),
            before: Snapshot::of(&self.counts),
            seen: Arc::clone(&self.counts),
        }
    }

    /// Before each call: what to measure it with, if it is measured.
    #[inline]
    pub(super) fn meter(&self, frames: usize, sample_rate: f32) -> Option<Meter<'_>> {
        if self.audience.0.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.counts.meter(frames, sample_rate)
    }
}

/// Measures the modules in one call.
#[derive(Clone, Copy)]
pub(super) struct Meter<'a> {
    modules: &'a [Count],
    /// How long the call lasts, in nanoseconds.
    lasts: u64,
}

impl Meter<'_> {
    /// A module has run since `start`.
    pub(super) fn count(self, module: usize, start: Instant) {
        // Longer than the call lasts is mostly the system's doing, and too late in any case.
        let passed = (start.elapsed().as_nanos() as u64).min(self.lasts);
        if let Some(count) = self.modules.get(module) {
            add(&count.nanoseconds, passed);
            add(&count.runs, 1);
        }
    }
}

impl Counts {
    fn meter(&self, frames: usize, sample_rate: f32) -> Option<Meter<'_>> {
        let calls = self.calls.load(Ordering::Relaxed) + 1;
        self.calls.store(calls % EVERY, Ordering::Relaxed);
        if calls < EVERY {
            return None;
        }
        add(&self.frames, frames as u64);
        let lasts = (frames as f64 * 1e9 / f64::from(sample_rate)) as u64;
        add(&self.lasted, lasts);
        Some(Meter {
            modules: &self.modules,
            lasts,
        })
    }
}

/// Nanoseconds it takes to read the clock: the mean of a round, in the round that was disturbed least.
fn reading() -> f64 {
    const READINGS: u32 = 32;
    let round = |_| {
        let start = Instant::now();
        let last = (0..READINGS).fold(start, |_, _| std::hint::black_box(Instant::now()));
        (last - start).as_nanos() as f64 / f64::from(READINGS)
    };
    (0..8).map(round).fold(f64::INFINITY, f64::min)
}

/// Figures at one moment. Taken while the audio thread counts, so a call that runs just then may be
/// in some of them and not in others.
#[derive(Debug)]
struct Snapshot {
    frames: u64,
    lasted: u64,
    /// Nanoseconds and runs.
    modules: Vec<(u64, u64)>,
}

impl Snapshot {
    fn of(counts: &Counts) -> Snapshot {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Snapshot {
            frames: read(&counts.frames),
            lasted: read(&counts.lasted),
            modules: counts
                .modules
                .iter()
                .map(|count| (read(&count.nanoseconds), read(&count.runs)))
                .collect(),
        }
    }
}

/// Somebody who looks at the loads. The audio thread measures as long as one exists.
#[derive(Debug)]
pub struct Watch {
    audience: Audience,
    /// Nanoseconds that each run of a module contains of the clock's own.
    reading: f64,
    /// What was looked at last.
    seen: Arc<Counts>,
    before: Snapshot,
}

impl Watch {
    /// What each module took since the last look, in the plan's order; empty if no call was measured
    /// since. After a commit the session gives another board: since it began to play.
    ///
    /// Any thread but the audio thread.
    pub fn look(&mut self, board: &LoadBoard) -> Vec<Load> {
        let now = Snapshot::of(&board.counts);
        let goes_on = Arc::ptr_eq(&self.seen, &board.counts);
        let (frames, lasted) = if goes_on {
            let before = &self.before;
            (now.frames - before.frames, now.lasted - before.lasted)
        } else {
            (now.frames, now.lasted)
        };
        if frames == 0 || lasted == 0 {
            return Vec::new();
        }
        let before = |module: usize| match self.before.modules.get(module) {
            Some(before) if goes_on => *before,
            _ => (0, 0),
        };
        let loads = board
            .ids
            .iter()
            .zip(&now.modules)
            .enumerate()
            .map(|(index, (id, (nanoseconds, runs)))| {
                let before = before(index);
                let passed = (nanoseconds - before.0) as f64;
                let taken = (passed - (runs - before.1) as f64 * self.reading).max(0.0);
                Load {
                    module: id.as_ref().to_owned(),
                    nanoseconds: taken / frames as f64,
                    share: taken / lasted as f64,
                }
            })
            .collect();
        self.seen = Arc::clone(&board.counts);
        self.before = now;
        loads
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.audience.0.fetch_sub(1, Ordering::Relaxed);
    }
}
