//! Whatever people do to a patch while it plays: nothing panics, every commit is answered, and what
//! plays in the end is the patch.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use weft_modules::{CATALOG, ParamSpec, Voicing};

use super::*;
use crate::engine::handover::Receiver;
use crate::engine::session::{Outcome, Session, Ticket};
use crate::patch::{Cable, Edit, ParamRef, PortRef, Transition};

const BLOCK: usize = 64;
/// A commit that takes longer than this in a test will never come.
const PATIENCE: Duration = Duration::from_secs(20);
const RATES: [f32; 3] = [44_100.0, RATE, 96_000.0];
const QUICK: Transition = Transition {
    fade: 0.01,
    tail: 0.05,
};

const LOOPING: &str = r#"Patch(format: 1, name: "", modules: { "notes": (type: "notes", params: {"voices": 8}), "a": (type: "sine"),
    "b": (type: "sine", params: {"pitch": 1.0}), "env": (type: "adsr"), "vca": (type: "vca"), "in": (type: "audio-in"),
    "echo": (type: "delay"), "lfo": (type: "lfo"), "out": (type: "audio-out") },
  cables: ["notes.pitch -> a.pitch", "notes.gate -> env.gate", "a.out -> b.phase-mod", "b.out -> a.phase-mod * 0.25 feedback",
    "env.out -> vca.level", "b.out -> vca.in", "vca.out -> echo.left", "echo.left -> out.left", "lfo.out -> b.pitch * 0.1",
    "in.left -> a.phase-mod * 0.5 feedback", "vca.out -> out.right"], slots: {1: "b.pitch"})"#;

/// A patch that gives way to others quickly.
fn quick(text: &str) -> Patch {
    let mut patch = patch(text);
    patch.transition = QUICK;
    patch
}

/// An edit of some kind; the numbers choose among what the patch has.
#[derive(Clone, Debug)]
struct Choice {
    kind: u8,
    numbers: [u16; 4],
    amount: f32,
}

/// What may happen.
#[derive(Clone, Debug)]
enum Act {
    Edit(Choice),
    Undo,
    Redo,
    Abort,
    Load(bool),
    Commit,
    /// Does not wait for the one before.
    CommitBlindly,
    Blocks(u8),
    Restart(u8),
}

fn choice(kinds: std::ops::Range<u8>) -> impl Strategy<Value = Choice> {
    (kinds, any::<[u16; 4]>(), -1.5f32..1.5).prop_map(|(kind, numbers, amount)| Choice {
        kind,
        numbers,
        amount,
    })
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        12 => choice(0..14).prop_map(Act::Edit),
        3 => Just(Act::Undo),
        2 => Just(Act::Redo),
        1 => Just(Act::Abort),
        1 => any::<bool>().prop_map(Act::Load),
        6 => Just(Act::Commit),
        2 => Just(Act::CommitBlindly),
        5 => (0u8..12).prop_map(Act::Blocks),
        1 => (0u8..3).prop_map(Act::Restart),
    ];
    prop::collection::vec(act, 1..50)
}

/// Whether a value comes back from a knob as it was, to the bit; most do not in every digit.
fn survives(spec: &ParamSpec, plain: f32) -> bool {
    spec.plain(spec.normalized(plain)) == plain
}

impl Choice {
    fn module<'p>(&self, patch: &'p Patch, number: usize) -> Option<&'p str> {
        let at = usize::from(self.numbers[number]) % patch.modules.len().max(1);
        patch.modules.iter().nth(at).map(|(id, _)| id)
    }

    fn any<'t, T>(&self, these: &'t [T], number: usize) -> Option<&'t T> {
        these.get(usize::from(self.numbers[number]) % these.len().max(1))
    }

    fn cable(&self, patch: &Patch, feedback: bool) -> Option<Cable> {
        let (from, to) = (self.module(patch, 0)?, self.module(patch, 1)?);
        let spec = patch.spec(to)?;
        let inputs = spec.inputs.iter().map(|input| input.id);
        let takers: Vec<&str> = inputs
            .chain(spec.params.iter().map(|param| param.id))
            .collect();
        let port = |module: &str, port: &str| PortRef {
            module: module.into(),
            port: port.into(),
        };
        Some(Cable {
            from: port(from, self.any(patch.spec(from)?.outputs, 2)?.id),
            to: port(to, self.any(&takers, 3)?),
            amount: self.amount,
            feedback,
        })
    }

    fn edit(&self, patch: &Patch) -> Option<Edit> {
        let there = self.any(&patch.cables, 0);
        let ends = |cable: &Cable| (cable.from.clone(), cable.to.clone());
        Some(match self.kind {
            0..=1 => Edit::Create {
                // Now and then one that is there, or was.
                id: format!("m{}", self.numbers[1] % 6),
                kind: self.any(CATALOG, 0)?.spec.id.into(),
                position: None,
            },
            2 => Edit::Delete {
                module: self.module(patch, 0)?.into(),
            },
            3..=5 => Edit::Connect {
                cable: self.cable(patch, false)?,
            },
            6 => Edit::Connect {
                cable: self.cable(patch, true)?,
            },
            7 => {
                let (from, to) = ends(there?);
                Edit::Disconnect { from, to }
            }
            8 => {
                let ((from, to), amount) = (ends(there?), self.amount);
                Edit::SetAmount { from, to, amount }
            }
            9 => {
                let ((from, to), feedback) = (ends(there?), self.amount > 0.0);
                Edit::SetFeedback { from, to, feedback }
            }
            10 => Edit::Replace {
                module: self.module(patch, 0)?.into(),
                kind: self.any(CATALOG, 1)?.spec.id.into(),
            },
            11 => Edit::Bind {
                slot: 1 + self.numbers[1] % 40,
                param: ParamRef {
                    module: self.module(patch, 0)?.into(),
                    param: self
                        .any(patch.spec(self.module(patch, 0)?)?.params, 2)?
                        .id
                        .into(),
                },
            },
            12 => Edit::Rename {
                module: self.module(patch, 0)?.into(),
                to: format!("r{}", self.numbers[1] % 6),
            },
            _ => {
                let module = self.module(patch, 0)?;
                let param = self.any(patch.spec(module)?.params, 1)?;
                let plain = param.plain(self.amount.abs() / 1.5);
                let exact =
                    survives(param, plain) && survives(param, patch.value(module, param.id)?);
                exact.then(|| Edit::SetValue {
                    module: module.into(),
                    param: param.id.into(),
                    plain,
                })?
            }
        })
    }
}

/// A session whose audio runs.
struct Stage {
    session: Session,
    player: Player,
    receiver: Receiver,
    rate: f32,
    tickets: Vec<Ticket>,
    count: usize,
}

impl Stage {
    fn new(text: &str) -> Stage {
        Stage::playing(quick(text))
    }

    fn playing(patch: Patch) -> Stage {
        let session = Session::new(patch);
        let (player, receiver) = session.activate(RATE);
        Stage {
            session,
            player,
            receiver,
            rate: RATE,
            tickets: Vec::new(),
            count: 0,
        }
    }

    fn block(&mut self) -> [Vec<u32>; 2] {
        self.receiver.poll(&mut self.player);
        self.count += 1;
        let key = 40 + (self.count * 7 % 30) as u8;
        let events = [on(3, key), off(40, key)];
        let events = if self.count.is_multiple_of(5) {
            &events[..]
        } else {
            &[]
        };
        let heard = play(
            &mut self.player,
            BLOCK,
            &[BLOCK],
            [&[0.5; BLOCK]; 4],
            events,
        );
        let finite = heard.iter().flatten().all(|value| value.is_finite());
        assert!(finite, "block {}: {:?}", self.count, self.session.live());
        bits(&heard)
    }

    fn commit(&mut self) -> Outcome {
        let ticket = self.session.commit();
        self.tickets.push(ticket.clone());
        self.wait(&ticket)
    }

    /// Waits, and plays only if nothing comes without.
    fn wait(&mut self, ticket: &Ticket) -> Outcome {
        let since = Instant::now();
        loop {
            self.receiver.poll(&mut self.player);
            for _ in 0..20 {
                if let Some(outcome) = ticket.wait(Duration::from_micros(200)) {
                    return outcome;
                }
                self.receiver.poll(&mut self.player);
            }
            assert!(since.elapsed() < PATIENCE, "nobody tells");
            self.block();
        }
    }

    /// Commits, and has the player take it before the next block.
    fn commit_between_blocks(&mut self) {
        let ticket = self.session.commit();
        let since = Instant::now();
        while ticket.outcome().is_none() {
            self.receiver.poll(&mut self.player);
            assert!(since.elapsed() < PATIENCE, "nobody tells");
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Edit(choice) => {
                let patch = self.session.standby();
                if let Some(edit) = choice.edit(&patch)
                    && self.session.edit(&[edit]).is_err()
                {
                    assert_eq!(
                        self.session.standby(),
                        patch,
                        "a refused edit changed something"
                    );
                }
            }
            Act::Undo => drop(self.session.undo()),
            Act::Redo => drop(self.session.redo()),
            Act::Abort => drop(self.session.abort()),
            Act::Load(looping) => {
                let text = if *looping { LOOPING } else { FIRST_LIGHT };
                let load = Edit::Load {
                    patch: Box::new(quick(text)),
                };
                self.session.edit(&[load]).expect("loads");
            }
            Act::Commit => drop(self.commit()),
            Act::CommitBlindly => self.tickets.push(self.session.commit()),
            Act::Blocks(count) => (0..*count).for_each(|_| drop(self.block())),
            Act::Restart(rate) => {
                self.session.deactivate();
                self.rate = RATES[usize::from(*rate)];
                (self.player, self.receiver) = self.session.activate(self.rate);
            }
        }
    }

    /// After the fades and tails: what plays, from a reset on, is the patch compiled from scratch.
    fn plays_its_patch(&mut self) {
        let outcome = self.commit();
        assert!(
            matches!(outcome, Outcome::Live | Outcome::Unchanged),
            "{outcome:?}"
        );
        for _ in 0..(0.2 * self.rate) as usize / BLOCK {
            self.block();
        }
        let live = self.session.live();
        assert_eq!(*live, self.session.standby());
        self.player.reset();
        let plan = compile(&live, self.rate).expect("plays");
        let mut fresh = Player::new(Box::new(plan));
        fresh.reset();
        let events = [on(30, 45), on(200, 52), off(900, 45), off(1_100, 52)];
        let [played, expected] = [&mut self.player, &mut fresh].map(|player| {
            let input: Vec<f32> = (0..1_500)
                .map(|frame| (frame % 50) as f32 / 50.0 - 0.5)
                .collect();
            bits(&play(player, 1_500, &[100], [&input; 4], &events))
        });
        assert!(played == expected, "{live:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn every_commit_is_answered_and_what_plays_is_the_patch(
        looping in any::<bool>(),
        acts in acts(),
    ) {
        let text = if looping { LOOPING } else { FIRST_LIGHT };
        let start = quick(text);
        let mut stage = Stage::new(text);
        for act in &acts {
            stage.act(act);
        }
        stage.plays_its_patch();
        while stage.session.undo().is_some() {}
        prop_assert_eq!(stage.session.standby(), start);
        stage.plays_its_patch();
        for ticket in std::mem::take(&mut stage.tickets) {
            let outcome = stage.wait(&ticket);
            prop_assert!(matches!(outcome, Outcome::Live | Outcome::Unchanged | Outcome::Superseded), "{:?}", outcome);
        }
    }

    #[test]
    fn commits_beside_a_patch_leave_every_bit_of_it(
        looping in any::<bool>(),
        choices in prop::collection::vec(choice(0..14), 0..25),
        beside in prop::collection::vec((any::<u16>(), any::<u16>(), 9u8..14), 1..6),
        turn in any::<u16>(),
        travel in 0.0f32..1.0,
    ) {
        let mut patch = quick(if looping { LOOPING } else { FIRST_LIGHT });
        for edit in choices {
            if let Some(edit) = edit.edit(&patch) {
                let _ = patch.apply(&edit);
            }
        }
        let knobs: Vec<(String, &ParamSpec)> = patch
            .modules
            .iter()
            .filter_map(|(id, module)| Some((id, module.spec()?)))
            .flat_map(|(id, spec)| spec.params.iter().map(move |param| (id.to_owned(), param)))
            .filter(|(_, param)| !param.setting)
            .collect();
        let mut calm = Stage::playing(patch.clone());
        let mut edited = Stage::playing(patch);
        for (number, (kind, other, blocks)) in beside.into_iter().enumerate() {
            let at = |list: &[usize], number: u16| list[usize::from(number) % list.len()];
            let quiet: Vec<usize> = (0..CATALOG.len())
                .filter(|entry| CATALOG[*entry].spec.voicing != Voicing::HostOutput)
                .collect();
            let made = [kind, other].map(|number| &CATALOG[at(&quiet, number)].spec);
            let ids = [0, 1].map(|side| format!("beside{number}{side}"));
            let mut edits: Vec<Edit> = ids
                .iter()
                .zip(made)
                .map(|(id, spec)| Edit::Create { id: id.clone(), kind: spec.id.into(), position: None })
                .collect();
            if let (Some(from), Some(to)) = (made[0].outputs.first(), made[1].inputs.first()) {
                let port = |side: usize, port: &str| PortRef { module: ids[side].clone(), port: port.into() };
                let cable = Cable { from: port(0, from.id), to: port(1, to.id), amount: 0.5, feedback: false };
                edits.push(Edit::Connect { cable });
            }
            if number > 1 {
                edits.push(Edit::Delete { module: format!("beside{}0", number - 2) });
            }
            edited.session.edit(&edits).expect("fits");
            edited.commit_between_blocks();
            for block in 0..blocks {
                // Turned while the cables fade.
                if block == 2
                    && let Some((module, param)) = knobs.get(usize::from(turn) % knobs.len().max(1))
                {
                    let plain = param.plain((travel + 0.3 * number as f32) % 1.0);
                    for stage in [&calm, &edited] {
                        let (module, param) = (module.clone(), param.id.into());
                        let edit = Edit::SetValue { module, param, plain };
                        stage.session.edit(&[edit]).expect("is there");
                    }
                }
                let (expected, played) = (calm.block(), edited.block());
                prop_assert!(played == expected, "commit {}, block {}: {:?}", number, block, edited.session.live());
            }
        }
    }
}

#[test]
fn modules_deleted_while_they_fade_are_gone() {
    for text in [FIRST_LIGHT, LOOPING] {
        let ids: Vec<String> = quick(text)
            .modules
            .iter()
            .map(|(id, _)| id.to_owned())
            .collect();
        let mut stage = Stage::new(text);
        for id in ids.iter().chain(&ids) {
            // Comes, and leaves two blocks into its fade; back again two blocks into that.
            let twin = Edit::Create {
                id: "twin".into(),
                kind: stage
                    .session
                    .standby()
                    .module(id)
                    .expect("is there")
                    .kind
                    .clone(),
                position: None,
            };
            stage.session.edit(&[twin]).expect("is new");
            stage.commit();
            (0..2).for_each(|_| drop(stage.block()));
            for module in ["twin", id] {
                let module = module.into();
                stage
                    .session
                    .edit(&[Edit::Delete { module }])
                    .expect("is there");
            }
            stage.commit();
            (0..2).for_each(|_| drop(stage.block()));
            assert!(stage.session.committed().module(id).is_none());
            for _ in 0..3 {
                stage.session.undo().expect("a step");
            }
            stage.commit();
            (0..2).for_each(|_| drop(stage.block()));
        }
        assert_eq!(stage.session.standby(), quick(text));
        stage.plays_its_patch();
    }
}

#[test]
fn a_late_cable_from_outside_into_a_loop_is_one_sample_late_there_too() {
    let text = r#"Patch(format: 1, name: "", modules: { "in": (type: "audio-in"), "sum": (type: "scale"),
        "out": (type: "audio-out", params: {"limit": false}) },
      cables: ["in.left -> sum.in feedback", "sum.out -> sum.in * 0.5 feedback", "sum.out -> out.left", "in.left -> out.right"])"#;
    let impulse: Vec<f32> = (0..400).map(|frame| f32::from(frame == 70)).collect();
    for blocks in [&[64][..], &[1], &[100, 3]] {
        let mut player = Player::new(plan(text));
        let [left, right] = play(&mut player, 400, blocks, [&impulse, &[], &[], &[]], &[]);
        assert_eq!(right, impulse);
        for frame in 0..90 {
            let expected = if frame < 71 {
                0.0
            } else {
                0.5f32.powi(frame - 71)
            };
            assert_eq!(left[frame as usize], expected, "frame {frame}");
        }
    }
}

#[test]
fn a_knob_turned_while_a_patch_waits_for_a_fade_is_not_lost() {
    let mut stage = Stage::new(FIRST_LIGHT);
    stage.act(&Act::Load(true));
    let first = stage.session.commit();
    while !stage.receiver.poll(&mut stage.player) {
        std::thread::sleep(Duration::from_micros(100));
    }
    assert_eq!(stage.wait(&first), Outcome::Live);
    // The fade has not begun to move, so this one must wait.
    stage.act(&Act::Load(false));
    let second = stage.session.commit();
    for _ in 0..50 {
        stage.receiver.poll(&mut stage.player);
        std::thread::sleep(Duration::from_micros(200));
    }
    let turn = Edit::SetValue {
        module: "filter".into(),
        param: "resonance".into(),
        plain: 0.75,
    };
    stage.session.edit(&[turn]).expect("is there");
    stage.receiver.poll(&mut stage.player);
    assert_eq!(stage.wait(&second), Outcome::Live);
    stage.plays_its_patch();
}
