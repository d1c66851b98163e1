//! Instances of modules, made and warmed up off the audio thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use weft_modules::{
    AnyInstance, BlockIndex, Blocks, Cx, Health, Instance, Io, Level, MAX_FRAMES, MAX_LANES,
    Operand, Porter, Room, Seat, Setup, Span, Voicing, Wanted, Width,
};

use crate::engine::graph::Node;
use crate::engine::params::Param;
use crate::engine::plan::NodeState;
use crate::engine::transport::Clock;
use crate::engine::voices::SILENT;

/// Seeds a module's randomness from its id, so that it sounds the same in every run: FNV-1a (Fowler,
/// Noll, Vo).
fn seed(id: &str) -> u32 {
    id.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Stands in for a module whose state another plan will hand over.
struct Vacant;

impl Instance for Vacant {
    fn reset(&mut self) {}
    fn rests(&mut self) -> bool {
        false
    }
    fn carry(&mut self, _: &mut Porter) {}
    fn process(&mut self, _: &Cx<'_>, _: &Io<'_>) -> Health {
        Health::FINE
    }
}

/// Runs an instance on silence once and resets it, so that its code and memory are at hand when it
/// plays for the first time.
fn warm(instance: &mut AnyInstance, node: &Node, width: Width, sample_rate: f32) {
    let lines = BlockIndex::lines_for(width.lanes());
    let spec = &node.entry.spec;
    let blocks = Blocks::new(lines * spec.outputs.len() as u32);
    let outputs: Vec<BlockIndex> = (0..spec.outputs.len() as u32)
        .map(|output| BlockIndex::from_line(output * lines))
        .collect();
    let inputs = vec![Operand::Constant(0.0); spec.inputs.len()];
    let params = node.values.iter().copied().map(Operand::Constant);
    let params: Vec<Operand> = params.collect();
    let mut cx = Cx {
        sample_rate,
        frames: MAX_FRAMES,
        position: 0,
        transport: Clock::new(sample_rate).now(),
        notes: &[],
        audio_in: [&[]; 4],
        voice_levels: &SILENT,
        wanted: Wanted::ALL,
    };
    // SAFETY: every output has a block of its own in memory nobody else knows.
    let room = unsafe { Room::new(&blocks, &inputs, &params, &outputs, Span::start(MAX_FRAMES)) };
    // A module that fails here will be caught when it plays.
    let _ = catch_unwind(AssertUnwindSafe(||
        // SAFETY: the room was made for this instance.
        unsafe { instance.process(&Seat::FIRST, &mut cx, &room) }));
    instance.reset();
}

/// A module's instance and what it remembers, as it begins.
pub(super) fn life(node: &Node, level: Level, sample_rate: f32) -> (AnyInstance, NodeState) {
    let spec = &node.entry.spec;
    let setup = Setup {
        sample_rate,
        seed: seed(&node.made_as),
    };
    let make = |width| {
        let mut instance = node.entry.instantiate(level, width, &setup);
        warm(&mut instance, node, width, sample_rate);
        instance
    };
    let parts = node.width != Width::One && spec.voicing == Voicing::PerVoice;
    let state = NodeState {
        params: spec
            .params
            .iter()
            .zip(&*node.values)
            .map(|(param, plain)| Param::new(param, *plain, sample_rate))
            .collect(),
        late: vec![[0.0; MAX_LANES]; spec.outputs.len()].into(),
        solo: std::array::from_fn(|_| parts.then(|| make(Width::One))),
        ..NodeState::default()
    };
    (make(node.width), state)
}

/// What stands where another plan will hand a module over.
pub(super) fn vacancy() -> (AnyInstance, NodeState) {
    (AnyInstance::new(Vacant), NodeState::default())
}
