//! Patch to plan: order, lanes, memory, instances.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;
use weft_modules::routing::Term;
use weft_modules::{BlockIndex, Blocks, Entry, Level, Operand, Setup, Voicing, Width, find};

use super::buffers::{BlockPool, Sharing};
use super::faults::FaultBoard;
use super::order::running_order;
use super::params::Param;
use super::plan::{Mix, Node, NodeState, Place, Plan, Step};
use super::voices::VoiceLevels;
use super::{SAMPLE_RATES, SLOTS};
use crate::patch::Patch;

/// Why a patch cannot play.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CompileError {
    /// Cables run in a circle.
    #[error("the cables run in a circle: {}; remove one of them", path.join(" -> "))]
    Cycle {
        /// Module ids along the circle; the last is the first again.
        path: Vec<String>,
    },
}

/// A cable between nodes, as the engine sees it.
struct Wire {
    from: usize,
    output: usize,
    to: usize,
    target: Target,
    gain: f32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Input(usize),
    Param(usize),
}

/// A module of the patch that this Weft knows.
struct Known<'p> {
    id: &'p str,
    entry: &'static Entry,
}

/// A signal some module reads: an output as it is, or made to fit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Value {
    node: usize,
    output: usize,
    fit: Fit,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Fit {
    AsIs,
    Spread(Width),
    Widen,
    SumLanes,
}

/// Seeds a module's randomness from its id, so that it sounds the same in every run: FNV-1a (Fowler,
/// Noll, Vo).
fn seed(id: &str) -> u32 {
    id.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Compiles a patch for a sample rate (brought into [`SAMPLE_RATES`]). Allocates; off the audio thread.
///
/// Modules this Weft does not know, and cables to them, are left out.
///
/// # Errors
/// [`CompileError::Cycle`] if cables run in a circle.
pub fn compile(patch: &Patch, sample_rate: f32) -> Result<Plan, CompileError> {
    compile_sharing(patch, sample_rate, Sharing::ByLiveness)
}

pub(super) fn compile_sharing(patch: &Patch, sample_rate: f32, sharing: Sharing) -> Result<Plan, CompileError> {
    let sample_rate = if sample_rate.is_finite() {
        sample_rate.clamp(*SAMPLE_RATES.start(), *SAMPLE_RATES.end())
    } else {
        *SAMPLE_RATES.start()
    };
    let modules: Vec<Known<'_>> = patch
        .modules
        .iter()
        .filter_map(|(id, module)| Some(Known { id, entry: find(&module.kind)? }))
        .collect();
    let wires = wires(patch, &modules);
    let edges: Vec<_> = wires.iter().map(|wire| (wire.from, wire.to)).collect();
    let order = running_order(modules.len(), &edges).map_err(|path| CompileError::Cycle {
        path: path.iter().chain(path.first()).map(|node| modules[*node].id.to_owned()).collect(),
    })?;
    Ok(Builder::new(patch, &modules, &wires, &order, sample_rate, sharing).build())
}

fn wires(patch: &Patch, modules: &[Known<'_>]) -> Vec<Wire> {
    let index: HashMap<&str, usize> = modules.iter().enumerate().map(|(index, module)| (module.id, index)).collect();
    patch
        .cables
        .iter()
        .filter_map(|cable| {
            let from = *index.get(cable.from.module.as_str())?;
            let to = *index.get(cable.to.module.as_str())?;
            let output = modules[from].entry.spec.output(&cable.from.port)?;
            let spec = &modules[to].entry.spec;
            let target = match spec.input(&cable.to.port) {
                Some(input) => Target::Input(input),
                None => {
                    let param = spec.param(&cable.to.port)?;
                    let takes_cables = spec.params[param].is_continuous() && !spec.params[param].setting;
                    takes_cables.then_some(Target::Param(param))?
                }
            };
            Some(Wire { from, output, to, target, gain: cable.amount })
        })
        .collect()
}

/// Lanes of each node, and the note sources whose voices it carries, by their places in the plan.
struct Voices {
    widths: Vec<Width>,
    sources: Vec<Vec<u32>>,
}

impl Voices {
    fn infer(patch: &Patch, modules: &[Known<'_>], into: &[Vec<&Wire>], order: &[usize]) -> Voices {
        let mut voices = Voices {
            widths: vec![Width::One; modules.len()],
            sources: vec![Vec::new(); modules.len()],
        };
        for (place, &node) in order.iter().enumerate() {
            match modules[node].entry.spec.voicing {
                Voicing::NoteSource => {
                    let wanted = patch.value(modules[node].id, "voices").unwrap_or(1.0);
                    voices.widths[node] = Width::for_voices(wanted as usize);
                    voices.sources[node] = vec![place as u32];
                }
                Voicing::PerVoice => {
                    let width = into[node].iter().map(|wire| voices.widths[wire.from]).max();
                    voices.widths[node] = width.unwrap_or(Width::One);
                    let mut sources: Vec<u32> =
                        into[node].iter().flat_map(|wire| voices.sources[wire.from].iter().copied()).collect();
                    sources.sort_unstable();
                    sources.dedup();
                    voices.sources[node] = sources;
                }
                Voicing::Mixdown | Voicing::HostInput | Voicing::HostOutput => {}
            }
        }
        voices
    }
}

struct Builder<'a> {
    patch: &'a Patch,
    modules: &'a [Known<'a>],
    order: &'a [usize],
    into: Vec<Vec<&'a Wire>>,
    voices: Voices,
    sample_rate: f32,
    level: Level,
    pool: BlockPool,
    /// How many readers a value still has.
    readers: HashMap<Value, usize>,
    /// Where a value lies.
    places: HashMap<Value, BlockIndex>,
    steps: Vec<Step>,
    nodes: Vec<Node>,
}

impl<'a> Builder<'a> {
    fn new(
        patch: &'a Patch,
        modules: &'a [Known<'a>],
        wires: &'a [Wire],
        order: &'a [usize],
        sample_rate: f32,
        sharing: Sharing,
    ) -> Builder<'a> {
        let mut into: Vec<Vec<&Wire>> = modules.iter().map(|_| Vec::new()).collect();
        for wire in wires {
            into[wire.to].push(wire);
        }
        let voices = Voices::infer(patch, modules, &into, order);
        let scratch = order.iter().map(|&node| Self::scratch_lines(modules[node].entry, voices.widths[node])).max();
        let mut builder = Builder {
            patch,
            modules,
            order,
            into,
            voices,
            sample_rate,
            level: Level::detect(),
            pool: BlockPool::after(scratch.unwrap_or(0), sharing),
            readers: HashMap::new(),
            places: HashMap::new(),
            steps: Vec::new(),
            nodes: Vec::new(),
        };
        builder.count_readers();
        builder
    }

    /// Cache lines for the sums and params of one module, which it alone needs and only while it runs.
    fn scratch_lines(entry: &Entry, width: Width) -> u32 {
        (entry.spec.inputs.len() + entry.spec.params.len()) as u32 * BlockIndex::lines_for(width.lanes())
    }

    fn width_of(&self, value: Value) -> Width {
        match value.fit {
            Fit::AsIs => self.voices.widths[value.node],
            Fit::Spread(width) => width,
            Fit::Widen => Width::Sixteen,
            Fit::SumLanes => Width::One,
        }
    }

    /// The value a wire's target reads, and whether it is mono in a wider sum.
    ///
    /// `alone`: the target is an input with this one cable, which reads a block of its own width.
    fn value(&self, wire: &Wire, alone: bool) -> (Value, bool) {
        let (from, to) = (self.voices.widths[wire.from], self.voices.widths[wire.to]);
        let fit = match (from, to) {
            _ if from == to => Fit::AsIs,
            (_, Width::One) => Fit::SumLanes,
            (Width::One, _) if alone => Fit::Spread(to),
            (Width::One, _) => Fit::AsIs,
            _ => Fit::Widen,
        };
        let mono = from == Width::One && to != Width::One && !alone;
        (Value { node: wire.from, output: wire.output, fit }, mono)
    }

    /// Whether the wire's target can read its source with no copy or through a shared one.
    fn is_direct(wires: &[&Wire]) -> bool {
        matches!(wires, [wire] if wire.gain == 1.0)
    }

    fn wires_at(&self, node: usize, target: Target) -> Vec<&'a Wire> {
        self.into[node].iter().copied().filter(|wire| wire.target == target).collect()
    }

    fn values_read_by(&self, node: usize) -> Vec<Value> {
        let spec = &self.modules[node].entry.spec;
        let inputs = (0..spec.inputs.len()).flat_map(|input| {
            let wires = self.wires_at(node, Target::Input(input));
            let alone = Self::is_direct(&wires);
            wires.into_iter().map(move |wire| self.value(wire, alone).0).collect::<Vec<_>>()
        });
        let params = (0..spec.params.len()).flat_map(|param| {
            let wires = self.wires_at(node, Target::Param(param));
            wires.into_iter().map(|wire| self.value(wire, false).0).collect::<Vec<_>>()
        });
        inputs.chain(params).collect()
    }

    fn count_readers(&mut self) {
        for &node in self.order {
            for value in self.values_read_by(node) {
                let readers = self.readers.entry(value).or_default();
                *readers += 1;
                // A fitted value is itself one reader of the output it is made from.
                if *readers == 1 && value.fit != Fit::AsIs {
                    *self.readers.entry(Value { fit: Fit::AsIs, ..value }).or_default() += 1;
                }
            }
        }
    }

    /// One reader of a value is done; the last one frees its memory.
    fn release(&mut self, value: Value) {
        if let Some(readers) = self.readers.get_mut(&value) {
            *readers -= 1;
            if *readers > 0 {
                return;
            }
        }
        if let Some(place) = self.places.remove(&value) {
            self.pool.give(self.width_of(value), place);
        }
    }

    /// Where a value lies, after making it fit if nobody did before.
    fn place(&mut self, value: Value) -> BlockIndex {
        if let Some(place) = self.places.get(&value) {
            return *place;
        }
        let whole = Value { fit: Fit::AsIs, ..value };
        let from = self.places[&whole];
        let to = self.pool.take(self.width_of(value));
        self.steps.push(match value.fit {
            Fit::Spread(width) => Step::Spread { width, from, to },
            Fit::SumLanes => Step::SumLanes {
                width: self.width_of(whole),
                from,
                to,
                sources: self.voices.sources[value.node].clone().into(),
            },
            Fit::AsIs | Fit::Widen => Step::Widen { from, to },
        });
        self.places.insert(value, to);
        self.release(whole);
        to
    }

    fn terms(&mut self, wires: &[&Wire]) -> Box<[Term]> {
        wires
            .iter()
            .map(|wire| {
                let (value, mono) = self.value(wire, false);
                Term { from: self.place(value), mono, gain: wire.gain }
            })
            .collect()
    }

    fn add(&mut self, node: usize) {
        let Known { id, entry } = &self.modules[node];
        let (id, spec, width) = (*id, &entry.spec, self.voices.widths[node]);
        let mut scratch = BlockPool::after(0, Sharing::ByLiveness);
        let mut mixes = Vec::new();
        let mut inputs = Vec::with_capacity(spec.inputs.len());
        for input in 0..spec.inputs.len() {
            let wires = self.wires_at(node, Target::Input(input));
            inputs.push(match wires.as_slice() {
                [] => Operand::Constant(0.0),
                [wire] if Self::is_direct(&wires) => {
                    let (value, _) = self.value(wire, true);
                    Operand::Block(self.place(value))
                }
                _ => {
                    let to = scratch.take(width);
                    mixes.push(Mix { terms: self.terms(&wires), to });
                    Operand::Block(to)
                }
            });
        }
        let mut params = Vec::with_capacity(spec.params.len());
        let mut knobs = Vec::with_capacity(spec.params.len());
        for (index, param) in spec.params.iter().enumerate() {
            let wires = self.wires_at(node, Target::Param(index));
            knobs.push(Mix { terms: self.terms(&wires), to: scratch.take(width) });
            let plain = self.patch.value(id, param.id).unwrap_or(param.default);
            params.push(Param::new(param, plain, self.sample_rate));
        }
        let outputs: Box<[BlockIndex]> = (0..spec.outputs.len())
            .map(|output| {
                let place = self.pool.take(width);
                self.places.insert(Value { node, output, fit: Fit::AsIs }, place);
                place
            })
            .collect();
        self.steps.push(Step::Run(self.nodes.len() as u32));
        if spec.voicing == Voicing::HostOutput
            && let [left, right] = *outputs
        {
            self.steps.push(Step::Output { left, right });
        }
        let setup = Setup { sample_rate: self.sample_rate, seed: seed(id) };
        self.nodes.push(Node {
            width,
            inputs: inputs.into(),
            params: params.iter().map(|param| Operand::Constant(param.plain())).collect(),
            outputs,
            mixes: mixes.into(),
            modulated: knobs.iter().any(|knob| !knob.terms.is_empty()),
            knobs: knobs.into(),
            state: Box::new(NodeState {
                instance: entry.instantiate(self.level, width, &setup),
                params: params.into(),
                voices: VoiceLevels::default(),
                moving: false,
                failed: false,
            }),
        });
        for value in self.values_read_by(node) {
            self.release(value);
        }
        for output in 0..spec.outputs.len() {
            let value = Value { node, output, fit: Fit::AsIs };
            if !self.readers.contains_key(&value) {
                self.release(value);
            }
        }
    }

    fn build(mut self) -> Plan {
        for &node in self.order {
            self.add(node);
        }
        let mut slots: Box<[Option<Place>]> = vec![None; SLOTS].into();
        for (slot, bound) in &self.patch.slots {
            let Some(place) = usize::from(*slot).checked_sub(1).and_then(|index| slots.get_mut(index)) else {
                continue;
            };
            let node = self.order.iter().position(|&node| self.modules[node].id == bound.module);
            *place = node.and_then(|node| {
                let spec = &self.modules[self.order[node]].entry.spec;
                let param = spec.param(&bound.param)?;
                (!spec.params[param].setting).then_some(Place { node: node as u32, param: param as u32 })
            });
        }
        let faults = FaultBoard::new(self.order.iter().map(|&node| self.modules[node].id.to_owned()));
        Plan {
            level: self.level,
            sample_rate: self.sample_rate,
            steps: self.steps.into(),
            nodes: self.nodes.into(),
            sources: (0..self.order.len())
                .filter(|place| self.modules[self.order[*place]].entry.spec.voicing == Voicing::NoteSource)
                .map(|place| place as u32)
                .collect(),
            slots,
            blocks: Blocks::new(self.pool.lines()),
            faults: Arc::new(faults),
        }
    }
}
