//! A patch far larger than people make.

use std::time::Duration;

use super::*;
use crate::engine::session::{Outcome, Session};
use crate::patch::{Cable, Edit, PortRef};

const MODULES: usize = 1_000;
const CABLES: usize = 4_000;
const SINES: usize = 12;
/// How far back the cables into each module come from: all of them at least once, and some of them
/// one frame late.
const BACK: [usize; 4] = [1, 2, 5, 11];
const PATIENCE: Duration = Duration::from_secs(20);

fn id(index: usize) -> String {
    match index {
        _ if index + 1 == MODULES => "out".into(),
        0..SINES => format!("sine{index}"),
        _ if index.is_multiple_of(3) => format!("filter{index}"),
        _ => format!("vca{index}"),
    }
}

/// Sines that go through amplifiers and filters, each of which hears four modules before it.
fn large() -> Patch {
    let mut patch = Patch::new("Large");
    let connect = |patch: &mut Patch, cable: String| {
        patch
            .connect(&cable)
            .unwrap_or_else(|error| panic!("{error}"));
    };
    for index in 0..MODULES {
        let id = id(index);
        let kind = match index {
            _ if id == "out" => "audio-out",
            _ if id.starts_with("sine") => "sine",
            _ if id.starts_with("filter") => "biquad",
            _ => "vca",
        };
        patch
            .add(&id, kind)
            .unwrap_or_else(|error| panic!("{error}"));
        match kind {
            "sine" => patch.set_value(&id, "pitch", index as f32 / 7.0),
            "biquad" => patch.set_value(&id, "frequency", 20_000.0),
            "vca" => patch.set_value(&id, "level", 1.0),
            _ => true,
        };
    }
    for index in SINES..MODULES - 1 {
        for back in BACK {
            let (from, to) = (self::id(index - back), self::id(index));
            connect(&mut patch, format!("{from}.out -> {to}.in * 0.25"));
        }
    }
    for index in MODULES - 1 - 32..MODULES - 1 {
        for side in ["left", "right"] {
            let from = id(index);
            connect(&mut patch, format!("{from}.out -> out.{side} * 0.05"));
        }
    }
    patch
}

#[test]
fn a_thousand_modules_play_and_take_commits() {
    let patch = large();
    assert_eq!(patch.modules.len(), MODULES);
    assert!(patch.cables.len() >= CABLES);
    let session = Session::new(patch);
    let (mut player, mut receiver) = session.activate(RATE);
    let mut play = |blocks: usize| {
        let mut loudest_of_all = 0.0f32;
        for _ in 0..blocks {
            receiver.poll(&mut player);
            let out = super::play(&mut player, 64, &[64], [&[]; 4], &[]);
            for sample in out.iter().flatten() {
                assert!(sample.is_finite());
                loudest_of_all = loudest_of_all.max(sample.abs());
            }
        }
        loudest_of_all
    };
    let port = |module: &str, port: &str| PortRef {
        module: module.into(),
        port: port.into(),
    };
    let cable = |from: &str, to: &str| Edit::Connect {
        cable: Cable {
            from: port(from, "out"),
            to: port(to, if to == "out" { "left" } else { "in" }),
            amount: 0.1,
            feedback: false,
        },
    };
    assert!((0.01..4.0).contains(&play(50)));
    let middle = id(MODULES / 2);
    let added = [
        Edit::Create {
            id: "added".into(),
            kind: "biquad".into(),
            position: None,
        },
        cable(&middle, "added"),
        cable("added", "out"),
    ];
    session
        .edit(&added)
        .unwrap_or_else(|error| panic!("{error}"));
    let undo = || assert!(session.undo().is_some());
    for change in [&|| (), &undo as &dyn Fn()] {
        change();
        let ticket = session.commit();
        ticket.wait_until_sent(PATIENCE);
        assert!((0.01..4.0).contains(&play(20)));
        assert_eq!(ticket.wait(PATIENCE), Some(Outcome::Live));
    }
    assert_eq!(session.live().modules.len(), MODULES);
}
