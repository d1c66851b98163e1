//! The thread that compiles commits and hands them over, one at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Desk, Outcome, Pending, Playing, Shared};
use crate::engine::compile::slots_of;
use crate::engine::graph::Graph;
use crate::engine::handover::{Delivery, Turn};
use crate::engine::replace::{Manner, Replacement};
use crate::engine::splice::Splice;

/// How often to look whether the player has taken what was handed over: well below a block.
const LOOK: Duration = Duration::from_micros(500);

/// Works until the session closes.
pub(super) fn work(shared: &Shared) {
    while let Some(pending) = next(shared) {
        let compiled = catch_unwind(AssertUnwindSafe(|| {
            match Playing::of(Arc::clone(&pending.patch), &shared.audience) {
                Ok(playing) => hand_over(shared, playing),
                Err(error) => Outcome::Failed(error),
            }
        }));
        // Whoever waits is told, and later commits still come through.
        let outcome = compiled.unwrap_or(Outcome::Broken);
        shared.desk().at_work = None;
        pending.ticket.resolve(outcome);
    }
}

fn next(shared: &Shared) -> Option<Pending> {
    let mut desk = shared.desk();
    loop {
        let pending = desk.pending.take();
        if desk.closing {
            if let Some(pending) = pending {
                pending.ticket.resolve(Outcome::Closed);
            }
            return None;
        }
        if pending.is_some() {
            desk.at_work = pending.clone();
            return pending;
        }
        // Looks in on the way back now and then, so that old plans are freed soon.
        if let Some(link) = &mut desk.link {
            link.sender.collect();
        }
        desk = match shared.wake.wait_timeout(desk, Duration::from_millis(50)) {
            Ok((desk, _)) => desk,
            Err(poisoned) => poisoned.into_inner().0,
        };
    }
}

/// What it takes to get from one patch to another.
enum Way {
    /// Nothing but values and slots.
    Light,
    Heavy(Delivery),
}

fn hand_over(shared: &Shared, playing: Playing) -> Outcome {
    loop {
        let playing = playing.clone();
        let desk = shared.desk();
        if desk.closing {
            return Outcome::Closed;
        }
        let (live, generation) = (desk.live.clone(), desk.generation);
        let Some(sample_rate) = desk.link.as_ref().map(|link| link.sample_rate) else {
            let mut desk = desk;
            desk.live = desk.caught_up(playing);
            return Outcome::Live;
        };
        drop(desk);

        let frames = |seconds: f32| (seconds * sample_rate) as u32;
        let way = if live.graph.plays_like(&playing.graph) {
            Way::Light
        } else {
            let (from, to) = (
                (&*live.graph, &*live.units),
                (&*playing.graph, &*playing.units),
            );
            let splice = live
                .graph
                .shares_modules_with(&playing.graph)
                .then(|| {
                    Splice::compile(from, to, sample_rate, frames(playing.patch.transition.fade))
                })
                .flatten();
            Way::Heavy(match splice {
                Some(splice) => Delivery::Splice(Box::new(splice.counting_loads(&playing.loads))),
                None => {
                    let manner = Manner {
                        fade: frames(playing.patch.transition.fade),
                        tail: frames(live.patch.transition.tail),
                    };
                    let replacement = Replacement::compile(from, to, sample_rate, manner);
                    Delivery::Replacement(Box::new(replacement.counting_loads(&playing.loads)))
                }
            })
        };

        let mut desk = shared.desk();
        if desk.generation != generation {
            // The audio was stopped or started meanwhile; what was made fits no longer.
            continue;
        }
        return match way {
            Way::Light => send_light(&mut desk, &live, playing),
            Way::Heavy(delivery) => {
                let compiled = Arc::clone(&playing.graph);
                send(&mut desk, delivery, playing);
                drop(desk);
                wait_until_taken(shared, generation, &compiled)
            }
        };
    }
}

impl Desk {
    /// With the values that were turned while it was compiled.
    fn caught_up(&self, mut playing: Playing) -> Playing {
        if let Some(at_work) = &self.at_work {
            playing.catch_up(&at_work.patch);
        }
        playing
    }
}

/// Values and slots: nothing is compiled.
fn send_light(desk: &mut Desk, live: &Playing, playing: Playing) -> Outcome {
    let mut playing = desk.caught_up(playing);
    playing.loads = playing.loads.counted_by(&live.loads);
    turn_differences(desk, &live.graph, &playing.graph);
    if live.patch.slots != playing.patch.slots || renamed(live, &playing) {
        let slots = slots_of(&playing.graph, &playing.units);
        if let Some(link) = &mut desk.link {
            link.sender.send(Delivery::Slots(Box::new(slots)));
        }
    }
    desk.live = playing;
    Outcome::Unchanged
}

fn renamed(live: &Playing, playing: &Playing) -> bool {
    live.graph
        .nodes
        .iter()
        .zip(&playing.graph.nodes)
        .any(|(before, now)| before.id != now.id)
}

fn send(desk: &mut Desk, delivery: Delivery, playing: Playing) {
    let playing = desk.caught_up(playing);
    if let Some(link) = &mut desk.link {
        link.sender.send(delivery);
        desk.under_way = Some(playing);
    }
    if let Some(at_work) = &desk.at_work {
        at_work.ticket.send();
    }
}

fn wait_until_taken(shared: &Shared, generation: u64, compiled: &Graph) -> Outcome {
    loop {
        let mut desk = shared.desk();
        if desk.closing {
            return Outcome::Closed;
        }
        if desk.generation != generation {
            // Whoever stopped the audio made it live.
            return Outcome::Live;
        }
        let newer = desk.pending.is_some();
        let Some(link) = &mut desk.link else {
            return Outcome::Live;
        };
        // A newer one need not wait for a player that has not come for this one.
        if newer && link.sender.take_back() {
            desk.under_way = None;
            return Outcome::Superseded;
        }
        // Here nobody waits for it.
        link.sender.collect();
        if link.sender.is_taken() {
            if let Some(playing) = desk.under_way.take() {
                // What was turned while it was under way.
                turn_differences(&mut desk, compiled, &playing.graph);
                desk.live = playing;
            }
            return Outcome::Live;
        }
        // Woken early by a newer commit.
        drop(shared.wake.wait_timeout(desk, LOOK));
    }
}

/// Has the player turn every knob that stands elsewhere in `now` than in `before`.
fn turn_differences(desk: &mut Desk, before: &Graph, now: &Graph) {
    let Some(link) = &mut desk.link else { return };
    for (before, now) in before.nodes.iter().zip(&now.nodes) {
        let values = before
            .values
            .iter()
            .zip(&*now.values)
            .zip(now.entry.spec.params)
            .enumerate();
        for (param, ((before, plain), spec)) in values {
            if before != plain && !spec.setting {
                let turn = Turn {
                    module: now.key,
                    param: param as u32,
                    normalized: spec.normalized(*plain),
                };
                link.sender.turn(turn);
            }
        }
    }
}
