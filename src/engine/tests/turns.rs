//! Filters in a row take turns, and nobody hears that they do.

use super::*;
use crate::engine::faults::Fault;
use crate::engine::plan::Act;
use weft_modules::{AnyInstance, Cx, Health, Instance, Io, MAX_FRAMES, Porter, TURN};

/// Six filters one after the other, heard in the middle and at the end.
const ROW: &str = r#"Patch(format: 1, name: "Row", modules: {
    "in": (type: "audio-in"), "out": (type: "audio-out", params: {"limit": false}),
    "a": (type: "biquad"), "b": (type: "svf"), "c": (type: "one-pole"),
    "d": (type: "ladder"), "e": (type: "biquad", params: {"q": 3.0}), "f": (type: "svf"),
  }, cables: [
    "in.left -> a.in", "a.out -> b.in", "b.low -> c.in", "c.low -> d.in", "d.out -> e.in", "e.out -> f.in",
    "c.low -> out.right", "f.low -> out.left",
  ], slots: {1: "b.cutoff"})"#;

fn noise(frames: usize) -> Vec<f32> {
    (0..frames)
        .map(|frame| (frame * 7_919 % 257) as f32 / 128.0 - 1.0)
        .collect()
}

/// The plan of the row; without turns its filters run one after the other.
fn row(turns: bool) -> Box<Plan> {
    let mut plan = plan(ROW);
    let mut rows = 0;
    for step in &mut plan.steps {
        if let Act::TakeTurns(nodes) = step.act {
            assert_eq!(nodes.end() - nodes.start(), 6);
            rows += 1;
            if !turns {
                step.act = Act::Run(nodes);
            }
        }
    }
    assert_eq!(rows, 1);
    plan
}

#[test]
fn filters_that_take_turns_sound_as_if_they_ran_alone() {
    let noise = noise(4_000);
    let events = [slot(700, 0, 0.3), slot(1_500, 0, 0.8)];
    let play = |turns: bool, cuts: &[usize]| {
        let mut player = Player::new(row(turns));
        bits(&play(&mut player, 4_000, cuts, [&noise; 4], &events))
    };
    let alone = play(false, &[64]);
    for cuts in [&[64][..], &[MAX_FRAMES, TURN + 1, 5, TURN]] {
        assert!(play(true, cuts) == alone, "{cuts:?}");
    }
}

/// Fails in its second call.
struct Tires(u32);

impl Instance for Tires {
    fn reset(&mut self) {}
    fn rests(&mut self) -> bool {
        false
    }
    fn carry(&mut self, _: &mut Porter) {}
    fn process(&mut self, _: &Cx<'_>, io: &Io<'_>) -> Health {
        self.0 += 1;
        assert!(self.0 < 2, "a module fails");
        io.silence_any(weft_modules::Width::One, 1);
        Health::FINE
    }
}

#[test]
fn one_that_fails_in_its_turn_does_not_make_others_run_twice() {
    const FRAMES: usize = 640;
    let noise = noise(FRAMES);
    let [_, heard] = play(&mut Player::new(row(true)), FRAMES, &[64], [&noise; 4], &[]);
    let mut plan = row(true);
    let keys = plan.keys.iter();
    let order: Vec<u32> = keys.map(|(_, node)| *node).collect();
    let names = ["in", "out", "a", "b", "c", "d", "e", "f"];
    let tired = order[names.iter().position(|name| *name == "d").expect("known")];
    plan.cast.instances[tired as usize] = AnyInstance::new(Tires(0));
    let faults = plan.faults();
    let [left, right] = play(&mut Player::new(plan), FRAMES, &[64], [&noise; 4], &[]);
    assert_eq!(faults.report(), [("d", Fault::Failed, 1)]);
    assert_eq!(loudest(&left), 0.0);
    assert!(loudest(&right) > 0.01);
    assert!(bits(&[right, vec![]]) == bits(&[heard, vec![]]));
}
