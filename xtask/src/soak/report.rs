//! What the soak found out.

use super::calm::Calm;
use super::stage::{BLOCK, Block, Commits, Mark, Timing};

/// Blocks in which a commit fades, and two more: 10 ms at up to 96 kHz.
const FADE: usize = 96 * 10 / BLOCK + 2;
/// Blocks before and after in which the sound is as it is without commits: a quarter second at 48 kHz.
const NEAR: usize = 12_000 / BLOCK;
/// With fewer blocks than this nobody knows what is usual.
const ENOUGH: usize = 20;

/// The figures.
pub struct Report {
    /// How commits went.
    pub commits: Commits,
    /// Groups of edits that did not fit.
    pub refused: u64,
    /// Allocations and frees in the callback.
    pub counted: (u64, u64),
    /// Megabytes resident after warm-up and at the end.
    pub resident: [f64; 2],
    /// Megabytes held on the heap after warm-up and at the end.
    pub held: [f64; 2],
    /// Samples that were no finite numbers.
    pub nan: u64,
    /// How long blocks took.
    pub blocks: Times,
    /// What commits add to sound without highs.
    pub calm: Calm,
    /// See [`roughest_step`].
    pub roughest_step: Step,
    /// See [`Stage::counting_late`](super::stage::Stage::counting_late).
    pub counting_late: u64,
    /// Seconds of audio, and how long they took.
    pub seconds: [f64; 2],
}

/// How long blocks took.
pub struct Times {
    /// Microseconds of the usual block.
    pub median: f32,
    /// Microseconds of the longest.
    pub longest: f32,
    /// Microseconds for which the processor was at work on the block that gave it most.
    pub most_worked: f32,
    /// How many are [`Timing::Late`].
    pub late: usize,
    /// How many are [`Timing::Preempted`].
    pub preempted: usize,
    /// How many there were.
    pub count: usize,
    /// How much longer than the usual block just before it the one takes that picks up a commit.
    pub pick_up: f32,
}

impl Times {
    /// Of these blocks.
    pub fn of(blocks: &[Block]) -> Times {
        let micros = |blocks: &[Block]| blocks.iter().map(|block| block.micros).collect();
        let pick_ups = blocks.iter().enumerate().filter_map(|(at, block)| {
            let before = blocks.get(at.checked_sub(ENOUGH)?..at)?;
            let usual = before.iter().all(|block| block.mark == Mark::Ordinary);
            (block.mark == Mark::Taken && usual).then(|| block.micros / median(micros(before)))
        });
        let most = |of: fn(&Block) -> f32| blocks.iter().map(of).fold(0.0, f32::max);
        let count = |timing| {
            let such = blocks.iter().filter(|block| block.timing == timing);
            such.count()
        };
        Times {
            median: median(micros(blocks)),
            longest: most(|block| block.micros),
            most_worked: most(|block| block.worked),
            late: count(Timing::Late),
            preempted: count(Timing::Preempted),
            count: blocks.len(),
            pick_up: median(pick_ups.collect()),
        }
    }
}

/// The value in the middle; 0 of none.
fn median(mut values: Vec<f32>) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// A step from one sample to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// Full scale = 1.
    pub size: f32,
    /// The block before which the player took the commit.
    pub block: usize,
}

/// By how much the largest step from sample to sample while a commit fades exceeds the larger of the
/// largest within a quarter second before and after, for the worst commit; full scale = 1.
///
/// The soak's sound makes steps of its own: noise, gates that are listened to, waves that start anew. A
/// commit that starts such a sound or changes it for the time of its fade adds steps with nothing being
/// wrong, so this tells how rough it gets and not whether commits click, which is for [`Calm`].
///
/// Commits that follow each other too closely to tell what is usual are left out, as are those around a
/// change of the sample rate.
pub fn roughest_step(blocks: &[Block]) -> Step {
    let largest = |blocks: &[Block]| {
        blocks
            .iter()
            .fold(0.0f32, |most, block| most.max(block.step))
    };
    let special = |block: &Block| block.mark != Mark::Ordinary;
    let mut worst = Step::default();
    let mut free = 0;
    for (at, block) in blocks.iter().enumerate() {
        if block.mark == Mark::Ordinary {
            continue;
        }
        let before = &blocks[free.max(at.saturating_sub(NEAR)).min(at)..at];
        free = at + FADE;
        let Some(rest) = blocks.get(free..) else {
            break;
        };
        let around = &blocks[at..free];
        let until = rest.iter().position(special).unwrap_or(rest.len());
        let after = &rest[..until.min(NEAR)];
        let alone = block.mark == Mark::Taken && !around[1..].iter().any(special);
        if alone && before.len() >= ENOUGH && after.len() >= ENOUGH {
            let size = largest(around) - largest(before).max(largest(after));
            if size > worst.size {
                worst = Step { size, block: at };
            }
        }
    }
    worst
}

impl Report {
    /// Milliseconds of the longest commit.
    pub fn longest_commit(&self) -> f64 {
        self.commits
            .milliseconds
            .iter()
            .copied()
            .fold(0.0, f64::max)
    }

    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        let round = |value: f64| (value * 1e3).round() / 1e3;
        serde_json::json!({
            "commits": self.commits.done + self.commits.superseded,
            "refused": self.refused + self.commits.failed,
            "longest_commit_ms": round(self.longest_commit()),
            "audio_allocs": self.counted.0,
            "audio_frees": self.counted.1,
            "rss_warm_mb": round(self.resident[0]),
            "rss_end_mb": round(self.resident[1]),
            "block_median_us": round(self.blocks.median.into()),
            "block_max_us": round(self.blocks.longest.into()),
            "block_max_cpu_us": round(self.blocks.most_worked.into()),
            "blocks": self.blocks.count,
            "late": self.blocks.late,
            "preempted": self.blocks.preempted,
            "counting_late": self.counting_late,
            "held_warm_mb": round(self.held[0]),
            "held_end_mb": round(self.held[1]),
            "worst_step": f64::from(self.calm.worst_step),
            "worst_step_peak": f64::from(self.calm.peak),
            "worst_step_commits": self.calm.commits,
            "roughest_step": f64::from(self.roughest_step.size),
            "nan": self.nan,
        })
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Report {
            commits, blocks, ..
        } = self;
        let [audio, wall] = self.seconds;
        let usual: Vec<f32> = commits.milliseconds.iter().map(|ms| *ms as f32).collect();
        let change = |[warm, end]: [f64; 2]| 100.0 * (end / warm.max(1e-9) - 1.0);
        writeln!(
            f,
            "{audio:.1} s of audio in {wall:.1} s, {:.1} times faster than it plays",
            audio / wall.max(1e-9)
        )?;
        writeln!(
            f,
            "commits: {} done, {} overtaken by a newer one, {} failed; {} groups of edits refused",
            commits.done, commits.superseded, commits.failed, self.refused
        )?;
        writeln!(
            f,
            "from commit to player: median {:.2} ms, longest {:.2} ms",
            median(usual),
            self.longest_commit()
        )?;
        writeln!(
            f,
            "audio thread: {} allocations, {} frees, {} samples that are no numbers",
            self.counted.0, self.counted.1, self.nan
        )?;
        for (what, megabytes) in [("resident", self.resident), ("held on the heap", self.held)] {
            let [warm, end] = megabytes;
            let change = change(megabytes);
            writeln!(
                f,
                "memory {what}: {warm:.2} MB after warm-up, {end:.2} MB at the end ({change:+.2} %)"
            )?;
        }
        writeln!(
            f,
            "blocks of {BLOCK} frames: median {:.1} µs, longest {:.1} µs; {:.1} µs of work in the longest",
            blocks.median, blocks.longest, blocks.most_worked
        )?;
        writeln!(
            f,
            "of {} blocks {} late, and {} more that the system kept waiting; of as many pieces of mere counting {} late",
            blocks.count, blocks.late, blocks.preempted, self.counting_late
        )?;
        writeln!(
            f,
            "a block that picks up a commit: {:.2} times the usual one before it",
            blocks.pick_up
        )?;
        writeln!(
            f,
            "roughest step while a commit fades: {:.4} of full scale above the usual, in block {}",
            self.roughest_step.size, self.roughest_step.block
        )?;
        write!(f, "{}", self.calm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(steps: impl IntoIterator<Item = (Mark, f32)>) -> Vec<Block> {
        let block = |(mark, step)| Block {
            micros: 100.0,
            step,
            worked: 90.0,
            timing: Timing::InTime,
            mark,
        };
        steps.into_iter().map(block).collect()
    }

    #[test]
    fn a_commit_answers_only_for_what_it_adds() {
        let usual = || std::iter::repeat_n((Mark::Ordinary, 0.25), 100);
        let quiet = blocks(usual().chain([(Mark::Taken, 0.2)]).chain(usual()));
        assert_eq!(roughest_step(&quiet).size, 0.0);
        let clicks = blocks(usual().chain([(Mark::Taken, 0.75)]).chain(usual()));
        assert_eq!(roughest_step(&clicks).size, 0.5);
        let elsewhere = blocks(usual().chain([(Mark::Ordinary, 0.75)]).chain(usual()));
        assert_eq!(roughest_step(&elsewhere).size, 0.0);
        let starts = blocks(usual().chain([(Mark::Restarted, 0.75)]).chain(usual()));
        assert_eq!(roughest_step(&starts).size, 0.0);
    }

    #[test]
    fn the_pick_up_is_held_against_the_blocks_before_it() {
        let mut played = blocks(
            std::iter::repeat_n((Mark::Ordinary, 0.0), 30)
                .chain([(Mark::Taken, 0.0), (Mark::Ordinary, 0.0)]),
        );
        played[30].micros = 150.0;
        let times = Times::of(&played);
        assert_eq!(
            (times.median, times.longest, times.pick_up),
            (100.0, 150.0, 1.5)
        );
    }
}
