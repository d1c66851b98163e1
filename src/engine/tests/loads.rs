//! What modules cost: who is measured, when, and under which name.

use std::time::{Duration, Instant};

use super::*;
use crate::engine::handover::Receiver;
use crate::engine::session::Session;
use crate::patch::Edit;

/// Enough calls for dozens to be measured.
const FRAMES: usize = 64 * 700;

const ROOM: &str = r#"Patch(format: 1, name: "Room",
  modules: {
    "tone": (type: "sine"), "room": (type: "reverb"), "out": (type: "audio-out"),
  },
  cables: [
    "tone.out -> room.left", "tone.out -> room.right",
    "room.left -> out.left", "room.right -> out.right",
  ],
)"#;

fn run(player: &mut Player, frames: usize) {
    let mut sound = [[0.0; 64]; 2];
    for _ in 0..frames / 64 {
        let [left, right] = &mut sound;
        assert_no_alloc::assert_no_alloc(|| {
            player.process(&HostTransport::default(), [&[]; 4], [left, right], &[]);
        });
    }
}

fn of<'l>(loads: &'l [Load], module: &str) -> &'l Load {
    let load = loads.iter().find(|load| load.module == module);
    load.unwrap_or_else(|| panic!("no {module} in {loads:?}"))
}

#[test]
fn a_reverb_is_dearer_than_a_sine() {
    let plan = plan(ROOM);
    let board = plan.loads();
    let mut watch = board.watch();
    run(&mut Player::new(plan), FRAMES);
    let loads = watch.look(&board);
    let mut ids: Vec<&str> = loads.iter().map(|load| load.module.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["out", "room", "tone"]);
    let (room, tone) = (of(&loads, "room"), of(&loads, "tone"));
    assert!(room.nanoseconds > tone.nanoseconds, "{loads:?}");
    for load in &loads {
        let share = load.nanoseconds * f64::from(RATE) / 1e9;
        assert!((load.share - share).abs() <= share * 1e-3, "{load:?}");
    }
}

/// The same where modules run frame by frame, and the clock is read as often.
#[test]
fn in_loops_too() {
    let text = ROOM.replace(
        r#""room.left -> out.left""#,
        r#""room.left -> tone.phase-mod * 0.1 feedback", "room.left -> out.left""#,
    );
    let plan = plan(&text);
    let board = plan.loads();
    let mut watch = board.watch();
    run(&mut Player::new(plan), FRAMES / 4);
    let loads = watch.look(&board);
    let (room, tone) = (of(&loads, "room"), of(&loads, "tone"));
    assert!(room.nanoseconds > tone.nanoseconds, "{loads:?}");
}

#[test]
fn only_while_somebody_looks() {
    let plan = plan(ROOM);
    let board = plan.loads();
    let mut player = Player::new(plan);
    run(&mut player, FRAMES);
    // Two who look: the one that goes does not end it for the other.
    let mut first = board.watch();
    assert_eq!(first.look(&board), [], "measured while nobody watched");
    let second = board.watch();
    drop(second);
    run(&mut player, FRAMES);
    assert_eq!(first.look(&board).len(), 3);
    assert_eq!(first.look(&board), [], "nothing was played since");
    run(&mut player, FRAMES);
    assert!(of(&first.look(&board), "room").nanoseconds > 0.0);
    drop(first);
    let dropped = format!("{board:?}");
    run(&mut player, FRAMES);
    assert_eq!(format!("{board:?}"), dropped, "measured after the watch");
}

#[test]
fn watching_changes_no_bit() {
    let with = {
        let plan = plan(ROOM);
        let _watch = plan.loads().watch();
        play(&mut Player::new(plan), 9000, &[64, 7], [&[]; 4], &[])
    };
    let without = play(&mut Player::new(plan(ROOM)), 9000, &[64, 7], [&[]; 4], &[]);
    assert!(bits(&with) == bits(&without));
}

/// Commits, and plays until it lives and its fade is over.
fn commit(session: &Session, player: &mut Player, receiver: &mut Receiver) {
    let ticket = session.commit();
    let since = Instant::now();
    while ticket.wait(Duration::from_millis(1)).is_none() {
        assert!(since.elapsed() < Duration::from_secs(20), "it never came");
        receiver.poll(player);
        run(player, 64);
    }
    run(player, RATE as usize / 10);
}

#[test]
fn a_watch_goes_on_through_commits() {
    let session = Session::new(patch(ROOM));
    let mut watch = session.loads().watch();
    let (mut player, mut receiver) = session.activate(RATE);
    run(&mut player, FRAMES);
    assert_eq!(watch.look(&session.loads()).len(), 3, "as it begins");

    let connect = |cable: &str| Edit::Connect {
        cable: cable.parse().expect("a cable"),
    };
    let edits = [
        Edit::Create {
            id: "again".into(),
            kind: "reverb".into(),
            position: None,
        },
        connect("tone.out -> again.left"),
        connect("again.left -> out.left"),
    ];
    session.edit(&edits).expect("a new module");
    commit(&session, &mut player, &mut receiver);
    watch.look(&session.loads());
    run(&mut player, FRAMES);
    let loads = watch.look(&session.loads());
    assert_eq!(loads.len(), 4, "spliced in");
    assert!(of(&loads, "again").nanoseconds > of(&loads, "tone").nanoseconds);

    // The plan plays on, and so do its figures.
    let rename = Edit::Rename {
        module: "again".into(),
        to: "hall".into(),
    };
    session.edit(&[rename]).expect("a new name");
    commit(&session, &mut player, &mut receiver);
    run(&mut player, FRAMES);
    let loads = watch.look(&session.loads());
    assert!(of(&loads, "hall").nanoseconds > of(&loads, "tone").nanoseconds);

    session.load(patch(FIRST_LIGHT)).expect("another patch");
    commit(&session, &mut player, &mut receiver);
    run(&mut player, FRAMES);
    let loads = watch.look(&session.loads());
    let ids: Vec<&str> = loads.iter().map(|load| load.module.as_str()).collect();
    assert!(ids.contains(&"filter") && !ids.contains(&"room"), "{ids:?}");
}
