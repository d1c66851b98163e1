//! Which modules run together, and which of them in turns.
//!
//! In a recursion each frame waits for the one before, and the processor with it. Where several such
//! modules follow one another it need not wait: if each runs but a few frames at a time, the frames of
//! the next are near enough to be begun meanwhile. Blocks are shared all the same: a turn touches none
//! but its own frames.

use super::plan::{Act, Node, Range, Step};

/// Joins steps that run one module each, wherever modules follow one another.
pub(super) fn join(steps: Vec<Step>, nodes: &[Node]) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        let last = joined
            .last_mut()
            .filter(|last| last.sleeper == step.sleeper);
        if let (Some(last), Act::Run(next)) = (last, &step.act)
            && let Some(act) = along(&last.act, *next, nodes)
        {
            last.act = act;
        } else {
            joined.push(step);
        }
    }
    joined
}

/// One step for what a step does and for running the next module.
fn along(act: &Act, next: Range, nodes: &[Node]) -> Option<Act> {
    let takes_turns = |range: Range| range.of(nodes).iter().all(|node| node.takes_turns);
    match *act {
        Act::Run(range) if takes_turns(range) && takes_turns(next) => {
            range.with(next).map(Act::TakeTurns)
        }
        // What could take turns stays alone, for more of its kind may follow.
        Act::Run(range) if !takes_turns(range) && !takes_turns(next) => {
            range.with(next).map(Act::Run)
        }
        Act::TakeTurns(range) if takes_turns(next) => range.with(next).map(Act::TakeTurns),
        _ => None,
    }
}
