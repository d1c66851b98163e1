//! What a block of each module costs, alone: mono and with sixteen voices, with params that stand
//! still and with all that can move moving.
//!
//! `cargo bench -p weft-modules` measures all, `cargo bench -p weft-modules -- svf` one. Elements are
//! frames: 10 Melem/s are 100 ns a frame, of all voices together.

use std::f32::consts::TAU;

use criterion::{BenchmarkId, Criterion, Throughput};
use weft_modules::routing::{self, Layout};
use weft_modules::spec::Category;
use weft_modules::{
    AnyInstance, BlockIndex, Blocks, CATALOG, Cx, Entry, Health, Level, MAX_FRAMES, MAX_LANES,
    NoteEvent, NoteKind, Operand, ParamSpec, PortKind, PortSpec, Room, Seat, Setup, Span,
    Transport, Wanted, Width,
};

const RATE: f32 = 48_000.0;
/// Blocks that play before anything is measured: envelopes rise, echoes come.
const WARM_UP: usize = 200;

/// One instance with all it reads and writes.
struct Rig {
    instance: AnyInstance,
    blocks: Blocks,
    inputs: Vec<Operand>,
    params: Vec<Operand>,
    outputs: Vec<BlockIndex>,
    audio_in: Vec<f32>,
    transport: Transport,
    position: u64,
}

impl Rig {
    fn new(entry: &Entry, width: Width, moving: bool) -> Rig {
        let spec = &entry.spec;
        let setup = Setup {
            sample_rate: RATE,
            seed: 1,
        };
        let lines = BlockIndex::lines_for(width.lanes());
        let count = spec.inputs.len() + spec.params.len() + spec.outputs.len();
        let blocks = Blocks::new(lines * count as u32);
        let mut free = (0..).map(|index| BlockIndex::from_line(index * lines));
        let mut take = || free.next().expect("blocks without end");
        let inputs: Vec<Operand> = spec
            .inputs
            .iter()
            .enumerate()
            .map(|(index, port)| {
                let block = take();
                if !is_patched(spec.category, port) {
                    return Operand::Constant(0.0);
                }
                fill(&blocks, block, width, |frame, lane| {
                    input(port.kind, index, frame, lane)
                });
                Operand::Block(block)
            })
            .collect();
        let params: Vec<Operand> = spec
            .params
            .iter()
            .map(|param| {
                let block = take();
                if !moving || !param.is_continuous() || param.setting {
                    return Operand::Constant(param.default);
                }
                fill(&blocks, block, width, |frame, _| moved(param, frame));
                Operand::Block(block)
            })
            .collect();
        let mut rig = Rig {
            instance: entry.instantiate(Level::detect(), width, &setup),
            outputs: spec.outputs.iter().map(|_| take()).collect(),
            blocks,
            inputs,
            params,
            audio_in: (0..MAX_FRAMES)
                .map(|frame| input(PortKind::Audio, 0, frame, 0))
                .collect(),
            transport: Transport {
                playing: true,
                tempo: 120.0,
                anchor_frame: 0,
                anchor_beat: 0.0,
                beats_per_frame: 2.0 / f64::from(RATE),
            },
            position: 0,
        };
        let chord: Vec<NoteEvent> = (0..width.lanes() as u8)
            .map(|voice| NoteEvent {
                frame: 0,
                channel: 0,
                kind: NoteKind::On {
                    key: 36 + 3 * voice,
                    velocity: 0.8,
                    id: -1,
                },
            })
            .collect();
        rig.block(&chord);
        for _ in 0..WARM_UP {
            rig.block(&[]);
        }
        rig
    }

    fn block(&mut self, notes: &[NoteEvent]) {
        let mut cx = Cx {
            sample_rate: RATE,
            frames: MAX_FRAMES,
            position: self.position,
            transport: self.transport,
            notes,
            audio_in: [&self.audio_in; 4],
            voice_levels: &[0.5; MAX_LANES],
            wanted: Wanted::ALL,
        };
        // SAFETY: every port and param has a block of its own, as wide as the instance.
        let room = unsafe {
            Room::new(
                &self.blocks,
                &self.inputs,
                &self.params,
                &self.outputs,
                Span::start(MAX_FRAMES),
            )
        };
        // SAFETY: the room was made for this instance.
        let health = unsafe { self.instance.process(&Seat::FIRST, &mut cx, &room) };
        assert_ne!(health, Health::NOT_FINITE);
        self.position += MAX_FRAMES as u64;
    }
}

/// Whether a cable leads to an input. Oscillators run free.
fn is_patched(category: Category, port: &PortSpec) -> bool {
    category != Category::Oscillator && !matches!(port.id, "reset" | "retrigger" | "stop")
}

/// A sine of whole cycles in a block, so that it has no edge; a note that is held; slow movement.
fn input(kind: PortKind, index: usize, frame: usize, lane: usize) -> f32 {
    let turns = frame as f32 / MAX_FRAMES as f32;
    match kind {
        PortKind::Audio => 0.5 * (turns * (1 + index + lane) as f32 * TAU).sin(),
        PortKind::Gate => 1.0,
        PortKind::Pitch => 0.25 * lane as f32 - 2.0,
        PortKind::Modulation => 0.5 + 0.1 * (turns * TAU).sin(),
    }
}

/// A little to both sides of where a fresh module stands.
fn moved(param: &ParamSpec, frame: usize) -> f32 {
    let turns = frame as f32 / MAX_FRAMES as f32;
    let around = param.normalized(param.default).clamp(0.02, 0.98);
    param.plain(around + 0.01 * (turns * TAU).sin())
}

/// Fills a block, whose lanes lie side by side in each frame: as many mono blocks, in memory.
fn fill(blocks: &Blocks, at: BlockIndex, width: Width, value: impl Fn(usize, usize) -> f32) {
    let lanes = width.lanes();
    for part in 0..lanes {
        let line = at.line() + part as u32 * BlockIndex::lines_for(1);
        let values: [f32; MAX_FRAMES] = std::array::from_fn(|index| {
            let index = part * MAX_FRAMES + index;
            value(index / lanes, index % lanes)
        });
        let to = BlockIndex::from_line(line);
        // SAFETY: no module runs meanwhile.
        unsafe {
            routing::write(
                Level::detect(),
                Layout::wide(Width::One),
                blocks,
                &values,
                to,
            )
        };
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for entry in CATALOG {
        let mut group = criterion.benchmark_group(entry.spec.id);
        group.throughput(Throughput::Elements(MAX_FRAMES as u64));
        for width in [Width::One, Width::Sixteen] {
            if !entry.widths().contains(&width) {
                continue;
            }
            for (name, moving) in [("still", false), ("moving", true)] {
                let id = BenchmarkId::new(name, format!("x{}", width.lanes()));
                let mut rig = Rig::new(entry, width, moving);
                group.bench_function(id, |bencher| bencher.iter(|| rig.block(&[])));
            }
        }
        group.finish();
    }
    criterion.final_summary();
}
