//! Modules of a kind that follow one another are run in one call, and each is still its own.

use super::*;
use crate::engine::faults::Fault;
use crate::engine::moves::Move;
use weft_modules::{AnyInstance, Cx, Health, Instance, Io, Porter, Width};

/// Four modules of a kind side by side.
const FOUR: &str = r#"Patch(format: 1, name: "Four", modules: {
    "in": (type: "audio-in"), "out": (type: "audio-out", params: {"limit": false}),
    "a": (type: "vca", params: {"level": 0.5}), "b": (type: "vca", params: {"level": 0.25}),
    "c": (type: "vca", params: {"level": 0.5}), "d": (type: "vca", params: {"level": 0.25}),
  }, cables: [
    "in.left -> a.in", "in.left -> b.in", "in.left -> c.in", "in.left -> d.in",
    "a.out -> out.left", "b.out -> out.left", "c.out -> out.right", "d.out -> out.right",
  ], slots: {1: "b.level", 2: "c.level"})"#;

/// What the modules do instead, by their number in the row.
#[derive(Clone, Copy)]
enum Does {
    Counts,
    Fails,
    GivesNoNumber,
}

/// Counts its calls.
struct Counter {
    does: Does,
    calls: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Instance for Counter {
    fn reset(&mut self) {}
    fn rests(&mut self) -> bool {
        false
    }
    fn carry(&mut self, _: &mut Porter) {}
    fn process(&mut self, _: &Cx<'_>, io: &Io<'_>) -> Health {
        io.silence_any(Width::One, 1);
        match self.does {
            Does::Counts => {}
            Does::Fails => panic!("a module fails"),
            Does::GivesNoNumber => return Health::NOT_FINITE,
        }
        self.calls
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Health::FINE
    }
}

/// Plays so many blocks with what the four modules do. Gives how often each ran, and what was found.
fn with(does: [Does; 4], blocks: usize) -> ([usize; 4], Vec<(String, Fault, u32)>) {
    let mut plan = plan(FOUR);
    let calls: [std::sync::Arc<std::sync::atomic::AtomicUsize>; 4] = Default::default();
    let names = plan.keys.iter().map(|(_, node)| *node as usize);
    // In the order of the patch, after what the host hears.
    let places: Vec<usize> = names.skip(2).collect();
    for (at, place) in places.into_iter().enumerate() {
        plan.cast.instances[place] = AnyInstance::new(Counter {
            does: does[at],
            calls: calls[at].clone(),
        });
    }
    let faults = plan.faults();
    play(
        &mut Player::new(plan),
        64 * blocks,
        &[64],
        [&[1.0; 64]; 4],
        &[],
    );
    let counts = calls.map(|calls| calls.load(std::sync::atomic::Ordering::Relaxed));
    let found = faults.report().into_iter();
    (
        counts,
        found
            .map(|(id, fault, count)| (id.to_owned(), fault, count))
            .collect(),
    )
}

#[test]
fn each_of_a_row_runs_once_a_call_whoever_fails_or_gives_no_number() {
    use Does::{Counts, Fails, GivesNoNumber};
    assert_eq!(with([Counts; 4], 3), ([3; 4], vec![]));
    let failed = |id: &str| (id.to_owned(), Fault::Failed, 1);
    let (counts, faults) = with([Counts, Fails, Counts, Counts], 3);
    assert_eq!((counts, faults), ([3, 0, 3, 3], vec![failed("b")]));
    let (counts, faults) = with([Fails, Counts, Counts, Fails], 3);
    assert_eq!(counts, [0, 3, 3, 0]);
    assert_eq!(faults, [failed("a"), failed("d")]);
    let (counts, faults) = with([Counts, Counts, GivesNoNumber, Counts], 3);
    assert_eq!(counts, [3, 3, 0, 3]);
    assert_eq!(faults, [("c".to_owned(), Fault::NotFinite, 3)]);
}

#[test]
fn knobs_in_the_middle_of_a_row_move() {
    let ones = [1.0; 6_400];
    let heard = play(
        &mut Player::new(plan(FOUR)),
        6_400,
        &[64],
        [&ones; 4],
        &[slot(640, 0, 1.0), slot(1_280, 1, 0.0)],
    );
    let [left, right] = heard;
    assert_eq!((left[0], right[0]), (0.75, 0.75));
    assert_eq!((left[6_399], right[6_399]), (1.5, 0.25));
    // One way up and one way down, and nothing else.
    assert!(left.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(right.windows(2).all(|pair| pair[0] >= pair[1]));
}

#[test]
fn what_follows_one_another_in_both_plans_is_handed_over_at_once() {
    let moves = |pairs: &[(u32, u32)]| Move::join(pairs.to_vec()).len();
    assert_eq!(moves(&[]), 0);
    assert_eq!(moves(&[(0, 0), (1, 1), (2, 2)]), 1);
    assert_eq!(moves(&[(2, 5), (0, 3), (1, 4)]), 1);
    assert_eq!(moves(&[(0, 1), (1, 0)]), 2);
    assert_eq!(moves(&[(0, 0), (2, 1), (3, 2)]), 2);
}

#[test]
fn knobs_arrive_where_they_were_going_whatever_plan_they_come_to() {
    let ones = [1.0; 640];
    let events = [slot(64, 0, 1.0)];
    let whole = play(
        &mut Player::new(plan(FOUR)),
        640,
        &[64],
        [&ones; 4],
        &events,
    );
    let mut player = Player::new(plan(FOUR));
    // While the knob is on its way, and lies in a block.
    let first = play(&mut player, 128, &[64], [&ones[..128]; 4], &events);
    let mut next = plan(FOUR);
    let pairs = (0..next.nodes.len() as u32).map(|node| (node, node));
    player
        .live
        .hand_over(&mut next, &Move::join(pairs.collect()));
    player.live = next;
    let rest = play(&mut player, 512, &[64], [&ones[..512]; 4], &[]);
    for side in 0..2 {
        let parts = [&first[side][..], &rest[side][..]].concat();
        assert!(bits(&[parts, vec![]]) == bits(&[whole[side].clone(), vec![]]));
    }
}
