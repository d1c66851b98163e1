//! What stands still is handed over as a constant and not made again, and nobody hears that.

use super::*;
use crate::engine::plan::Range;
use crate::engine::plan::pending;
use weft_modules::Operand;

/// Envelopes that rest and move, into sums, params and inputs of every kind.
const PATCH: &str = r#"Patch(format: 1, name: "Still", modules: {
    "notes": (type: "notes", params: {"voices": 8, "glide": 0.03}),
    "a": (type: "saw"), "b": (type: "pulse", params: {"fine": 6.0}),
    "env": (type: "adsr", params: {"attack": 0.004, "decay": 0.02, "release": 0.03}),
    "slow": (type: "adsr", params: {"attack": 0.05, "sustain": 1.0}),
    "lfo": (type: "lfo", params: {"rate": 7.0}),
    "filter": (type: "svf"), "vca": (type: "vca"), "out": (type: "audio-out"),
  }, cables: [
    "notes.pitch -> a.pitch", "notes.pitch -> b.pitch", "notes.velocity -> b.width * 0.4",
    "notes.gate -> env.gate", "notes.gate -> slow.gate", "a.out -> filter.in * 0.5", "b.out -> filter.in * 0.5",
    "env.out -> filter.cutoff * 0.4", "slow.out -> filter.cutoff * 0.2", "notes.pitch -> filter.pitch",
    "lfo.out -> filter.resonance * 0.3", "env.out -> vca.level", "filter.low -> vca.in", "slow.out -> lfo.rate * 0.2",
    "vca.out -> out.left", "vca.out -> out.right",
  ], slots: {1: "env.sustain", 2: "filter.cutoff", 3: "vca.level"})"#;

/// How many operands stand still.
fn standing(plan: &Plan) -> usize {
    let operands = plan.tables.inputs.iter().chain(&plan.tables.params);
    operands
        .filter(|operand| matches!(operand, Operand::Still(_)))
        .count()
}

#[test]
fn what_stands_still_sounds_as_if_it_moved() {
    const FRAMES: usize = 30_000;
    let events = [
        on(50, 48),
        on(3_000, 55),
        off(7_777, 48),
        slot(9_001, 0, 0.9),
        on(11_111, 60),
        off(12_000, 55),
        slot(14_000, 1, 0.6),
        slot(17_003, 2, 0.2),
    ];
    let render = |told: bool, cuts: &[usize]| {
        let mut plan = plan(PATCH);
        if !told {
            for (node, seat) in plan.nodes.iter_mut().zip(&mut plan.cast.seats) {
                node.readers = Range::default();
                seat.pending.set(pending::MAY_STAND, false);
            }
        }
        let mut player = Player::new(plan);
        let heard = bits(&play(&mut player, FRAMES, cuts, [&[]; 4], &events));
        let Plan { tables, nodes, .. } = &*player.live;
        let unmoved = tables.standing.iter().zip(nodes);
        let unmoved = unmoved.filter(|(frames, _)| **frames > 0);
        let (keeping, standing_nodes): (Vec<_>, Vec<_>) =
            unmoved.partition(|(_, node)| node.keeps_cables);
        (
            heard,
            standing(&player.live),
            [standing_nodes.len(), keeping.len()],
        )
    };
    let (moving, none, nobody) = render(false, &[64]);
    assert_eq!((none, nobody), (0, [0, 0]));
    for cuts in [&[64][..], &[1], &[100, 7], &[512]] {
        let (still, standing, unmoved) = render(true, cuts);
        assert!(still == moving, "{cuts:?}");
        // Of a sum of a single frame there is nothing to save.
        let least = if cuts == [1] { 3 } else { 6 };
        assert!(standing >= least, "{cuts:?}: {standing} at the end");
        // The notes and both envelopes; the cables of the oscillators, the LFO and the VCA.
        let kept = if cuts == [1] { 0 } else { 4 };
        assert_eq!(unmoved, [3, kept], "{cuts:?}");
    }
}
