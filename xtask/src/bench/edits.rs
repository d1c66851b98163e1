//! What a commit costs while it plays.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use weft::engine::session::{Outcome, Session};

use super::patches;
use super::stage::{RATE, Stage};
use super::works::Work;

/// How long a commit may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Blocks that play between the end of a fade and the next commit.
const CALM: usize = 8;

/// Blocks in which the player may come nearer to a commit before it picks it up.
const NEARING: usize = 256;

/// Microseconds, one a commit or a block.
#[derive(Default)]
pub struct Costs {
    /// From the call of commit until the player will find the plan; by the clock on the wall.
    pub compile: Vec<f64>,
    /// Of ordinary blocks.
    pub block: Vec<f64>,
    /// Of blocks that pick a commit up.
    pub pick_up: Vec<f64>,
    /// Of the other blocks in which one comes near or fades.
    pub fade: Vec<f64>,
}

impl Costs {
    /// Adds and takes away a module so many times.
    ///
    /// # Errors
    /// If a commit does not come through, or the work does not sound as it should.
    pub fn measure(&mut self, work: Work, block: usize, times: usize) -> Result<()> {
        let mut stage = Stage::new(work, block)?;
        stage.check(0.1)?;
        let edits = patches::tap(work.size);
        for _ in 0..times {
            stage.session.edit(&edits)?;
            self.commit(&mut stage, block)?;
            ensure!(stage.session.undo().is_some(), "nothing to undo");
            self.commit(&mut stage, block)?;
        }
        stage.check(0.1)
    }

    fn commit(&mut self, stage: &mut Stage, block: usize) -> Result<()> {
        for _ in 0..CALM {
            let (cost, taken) = stage.block_cost();
            ensure!(!taken, "a commit that nobody made");
            self.block.push(cost);
        }
        let fade = fade(&stage.session);
        let start = Instant::now();
        let ticket = stage.session.commit();
        ticket.wait_until_sent(PATIENCE);
        let compile = start.elapsed();
        self.compile.push(compile.as_secs_f64() * 1e6);
        let mut nearing = 0;
        loop {
            let (cost, taken) = stage.block_cost();
            if taken {
                self.pick_up.push(cost);
                break;
            }
            nearing += 1;
            if nearing > NEARING {
                bail!("a commit came to {:?}", ticket.outcome());
            }
            self.fade.push(cost);
        }
        for _ in 1..fade.div_ceil(block) {
            self.fade.push(stage.block_cost().0);
        }
        let outcome = ticket.wait(PATIENCE);
        ensure!(
            outcome == Some(Outcome::Live),
            "a commit came to {outcome:?}"
        );
        Ok(())
    }
}

/// Frames in which a commit of what is edited fades.
fn fade(session: &Session) -> usize {
    (session.standby().transition.fade * RATE) as usize
}

#[cfg(test)]
mod tests {
    use super::super::works::Kind;
    use super::*;

    #[test]
    fn commits_are_taken_and_fade() {
        let work = Work {
            kind: Kind::Edit,
            size: 10,
        };
        let mut costs = Costs::default();
        costs.measure(work, 64, 2).expect("they come through");
        assert_eq!((costs.compile.len(), costs.pick_up.len()), (4, 4));
        // The player comes nearer for 4 blocks. 480 frames are 7.5 blocks, of which the first picks up.
        assert_eq!(costs.fade.len(), 4 * (4 + 7));
        assert_eq!(costs.block.len(), 4 * CALM);
    }
}
