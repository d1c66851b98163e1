//! Graph to plan: order, memory, instances.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use thiserror::Error;
use weft_modules::routing::Term;
use weft_modules::{
    BlockIndex, Blocks, Cx, Health, Instance, Io, Level, MAX_FRAMES, MAX_LANES, Operand, Setup,
    Span, Voicing, Wanted, Width,
};

use super::buffers::{BlockPool, Sharing};
use super::domains::Domains;
use super::faults::FaultBoard;
use super::graph::{Graph, Target, Unit, Wire};
use super::loads::{Audience, LoadBoard};
use super::params::Param;
use super::plan::{
    Act, Domain, Late, Loop, Mix, Node, NodeState, Place, Plan, Range, Rest, Sleeper, Step, Tables,
};
use super::transport::Clock;
use super::voices::{SILENT, VoiceLevels};
use super::{SAMPLE_RATES, SLOTS, turns};
use crate::patch::{Circle, ParamRef, Patch};

/// Why a patch cannot play.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CompileError {
    /// Cables run in a circle and none of them is marked as feedback.
    #[error(transparent)]
    Circle(#[from] Circle),
}

/// The rate a plan is made for when the host names this one.
pub(super) fn legal_rate(sample_rate: f32) -> f32 {
    if sample_rate.is_finite() {
        sample_rate.clamp(*SAMPLE_RATES.start(), *SAMPLE_RATES.end())
    } else {
        *SAMPLE_RATES.start()
    }
}

/// Compiles a patch for a sample rate (brought into [`SAMPLE_RATES`]). Allocates; off the audio thread.
///
/// Modules this Weft does not know, and cables to them, are left out.
///
/// # Errors
/// [`CompileError::Circle`] if cables run in a circle.
pub fn compile(patch: &Patch, sample_rate: f32) -> Result<Plan, CompileError> {
    let (graph, units) = Graph::of(patch)?;
    let recipe = Recipe {
        sample_rate,
        ..Recipe::of(patch, &graph)
    };
    Ok(recipe.build(&units))
}

/// Seeds a module's randomness from its id, so that it sounds the same in every run: FNV-1a (Fowler,
/// Noll, Vo).
fn seed(id: &str) -> u32 {
    id.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// What a plan is made from.
pub(super) struct Recipe<'a> {
    pub(super) graph: &'a Graph,
    pub(super) slots: &'a BTreeMap<u16, ParamRef>,
    pub(super) sample_rate: f32,
    pub(super) sharing: Sharing,
    /// Which nodes get a state of their own; the others are handed over from another plan.
    pub(super) fresh: Fresh<'a>,
}

/// See [`Recipe::fresh`].
#[derive(Clone, Copy)]
pub(super) enum Fresh<'a> {
    All,
    /// Those for which the list says so.
    Listed(&'a [bool]),
}

impl<'a> Recipe<'a> {
    /// A recipe for a whole new plan at the lowest rate.
    pub(super) fn of(patch: &'a Patch, graph: &'a Graph) -> Recipe<'a> {
        let (sample_rate, sharing) = (*SAMPLE_RATES.start(), Sharing::ByLiveness);
        Recipe {
            graph,
            slots: &patch.slots,
            sample_rate,
            sharing,
            fresh: Fresh::All,
        }
    }

    /// Makes the plan. Its nodes stand where [`places`] says.
    pub(super) fn build(self, units: &[Unit]) -> Plan {
        Builder::new(self, units).build(units)
    }
}

/// Where each node of a graph stands in the plan made from these units.
pub(super) fn places(units: &[Unit]) -> Vec<u32> {
    let order: Vec<usize> = units
        .iter()
        .flat_map(|unit| unit.members().iter().copied())
        .collect();
    let mut places = vec![0; order.len()];
    for (place, node) in order.into_iter().enumerate() {
        places[node] = place as u32;
    }
    places
}

/// Which param each slot moves, in the plan made from these units.
pub(super) fn slots_of(
    graph: &Graph,
    units: &[Unit],
    bound: &BTreeMap<u16, ParamRef>,
) -> Box<[Option<Place>]> {
    let mut slots = vec![None; SLOTS];
    let places = places(units);
    // Of several nodes of a name the first is the one the patch means.
    let by_id: HashMap<&str, usize> = graph
        .nodes
        .iter()
        .enumerate()
        .rev()
        .map(|(node, known)| (known.id.as_str(), node))
        .collect();
    for (slot, bound) in bound {
        let place = usize::from(*slot)
            .checked_sub(1)
            .and_then(|index| slots.get_mut(index));
        if let (Some(place), Some(&node)) = (place, by_id.get(bound.module.as_str())) {
            let spec = &graph.nodes[node].entry.spec;
            let param = spec
                .param(&bound.param)
                .filter(|param| !spec.params[*param].setting);
            *place = param.map(|param| Place {
                node: places[node],
                param: param as u32,
            });
        }
    }
    slots.into()
}

/// Stands in for a module whose state another plan will hand over.
struct Vacant;

impl Instance for Vacant {
    fn reset(&mut self) {}
    fn rests(&mut self) -> bool {
        false
    }
    fn process(&mut self, _: &Cx<'_>, _: Io<'_>) -> Health {
        Health::Fine
    }
}

/// Runs an instance on silence once and resets it, so that its code and memory are at hand when it
/// plays for the first time.
fn warm(instance: &mut dyn Instance, node: &super::graph::Node, sample_rate: f32) {
    let lines = BlockIndex::lines_for(node.width.lanes());
    let spec = &node.entry.spec;
    let blocks = Blocks::new(lines * spec.outputs.len() as u32);
    let outputs: Vec<BlockIndex> = (0..spec.outputs.len() as u32)
        .map(|output| BlockIndex::from_line(output * lines))
        .collect();
    let inputs = std::iter::repeat_n(&0.0, spec.inputs.len());
    let ports: Vec<Operand> = inputs
        .chain(&node.values)
        .map(|value| Operand::Constant(*value))
        .collect();
    let cx = Cx {
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
    let io = unsafe { Io::new(&blocks, &ports, &outputs, Span::start(MAX_FRAMES)) };
    // A module that fails here will be caught when it plays.
    let _ = catch_unwind(AssertUnwindSafe(|| instance.process(&cx, io)));
    instance.reset();
}

/// A signal some module reads: an output as it is, or made to fit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Value {
    node: usize,
    output: usize,
    fit: Fit,
    /// One frame late.
    late: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Fit {
    AsIs,
    Spread(Width),
    Widen,
    SumLanes,
}

struct Builder<'a> {
    recipe: Recipe<'a>,
    domains: Domains,
    /// The domain whose modules alone read a value.
    readers_asleep: HashMap<Value, Option<usize>>,
    places_of_nodes: Vec<u32>,
    /// For each node, the wires into it, in the order of the patch.
    into: Vec<Vec<&'a Wire>>,
    level: Level,
    pool: BlockPool,
    /// How many readers a value still has.
    readers: HashMap<Value, usize>,
    /// Where a value lies.
    places: HashMap<Value, BlockIndex>,
    /// In a loop nothing is freed before its end: what lies in memory for the next frame is needed.
    kept: Option<Vec<Value>>,
    steps: Vec<Step>,
    /// What the host hears of the unit at hand; added to the steps after it.
    heard: Vec<Step>,
    nodes: Vec<Node>,
    tables: Growing,
}

/// [`Tables`] in the making.
#[derive(Default)]
struct Growing {
    operands: Vec<Operand>,
    outputs: Vec<BlockIndex>,
    mixes: Vec<Mix>,
    terms: Vec<Term>,
    heard: Vec<u32>,
    knobs: Vec<BlockIndex>,
    travels: Vec<[f32; MAX_FRAMES]>,
    domains: Vec<Domain>,
    shut: Vec<Place>,
}

impl Growing {
    fn finish(self) -> Tables {
        Tables {
            domains: self.domains.into(),
            shut: self.shut.into(),
            operands: self.operands.into(),
            outputs: self.outputs.into(),
            mixes: self.mixes.into(),
            terms: self.terms.into(),
            heard: self.heard.into(),
            knobs: self.knobs.into(),
            travels: self.travels.into(),
        }
    }
}

/// Adds entries to a table.
fn add<T>(table: &mut Vec<T>, entries: impl IntoIterator<Item = T>) -> Range {
    let first = table.len();
    table.extend(entries);
    Range::since(first, table)
}

/// Who sleeps, in the numbers of the plan.
fn sleeper(domain: Option<usize>) -> Sleeper {
    domain
        .and_then(|domain| u16::try_from(domain).ok())
        .map_or(Sleeper::NOBODY, Sleeper)
}

/// A step that is never left out.
fn always(act: Act) -> Step {
    Step {
        sleeper: Sleeper::NOBODY,
        act,
    }
}

impl<'a> Builder<'a> {
    fn new(recipe: Recipe<'a>, units: &[Unit]) -> Builder<'a> {
        let recipe = Recipe {
            sample_rate: legal_rate(recipe.sample_rate),
            ..recipe
        };
        let mut into: Vec<Vec<&Wire>> = recipe.graph.nodes.iter().map(|_| Vec::new()).collect();
        for wire in &recipe.graph.wires {
            into[wire.to].push(wire);
        }
        let scratch = (0..recipe.graph.nodes.len())
            .map(|node| Self::scratch_lines(&recipe, node))
            .max();
        let looped: HashSet<usize> = units
            .iter()
            .filter(|unit| matches!(unit, Unit::Loop(_)))
            .flat_map(|unit| unit.members().iter().copied())
            .collect();
        let mut builder = Builder {
            domains: Domains::of(recipe.graph, |node| looped.contains(&node)),
            readers_asleep: HashMap::new(),
            pool: BlockPool::after(scratch.unwrap_or(0), recipe.sharing),
            recipe,
            places_of_nodes: places(units),
            into,
            level: Level::detect(),
            readers: HashMap::new(),
            places: HashMap::new(),
            kept: None,
            steps: Vec::new(),
            heard: Vec::new(),
            nodes: Vec::new(),
            tables: Growing::default(),
        };
        for node in 0..builder.into.len() {
            let domain = builder.domains.of_nodes[node];
            for value in builder.values_read_by(node) {
                builder.count_reader(value);
                builder
                    .readers_asleep
                    .entry(value)
                    .and_modify(|sleeper| *sleeper = sleeper.filter(|_| *sleeper == domain))
                    .or_insert(domain);
            }
        }
        builder
    }

    /// Cache lines for the sums and params of one module, which it alone needs and only while it runs.
    fn scratch_lines(recipe: &Recipe<'_>, node: usize) -> u32 {
        let node = &recipe.graph.nodes[node];
        let ports = node.entry.spec.inputs.len() + node.entry.spec.params.len();
        ports as u32 * BlockIndex::lines_for(node.width.lanes())
    }

    fn count_reader(&mut self, value: Value) {
        let readers = self.readers.entry(value).or_default();
        *readers += 1;
        // A fitted value is itself one reader of what it is made from, and a late one of its source.
        if *readers == 1 {
            if value.fit != Fit::AsIs {
                self.count_reader(Value {
                    fit: Fit::AsIs,
                    ..value
                });
            } else if value.late {
                self.count_reader(Value {
                    late: false,
                    ..value
                });
            }
        }
    }

    fn width_of(&self, value: Value) -> Width {
        match value.fit {
            Fit::AsIs => self.recipe.graph.nodes[value.node].width,
            Fit::Spread(width) => width,
            Fit::Widen => Width::Sixteen,
            Fit::SumLanes => Width::One,
        }
    }

    /// The value a wire's target reads, and whether it is mono in a wider sum.
    ///
    /// `alone`: the target is an input with this one cable, which reads a block of its own width.
    fn value(&self, wire: &Wire, alone: bool) -> (Value, bool) {
        let nodes = &self.recipe.graph.nodes;
        let (from, to) = (nodes[wire.from].width, nodes[wire.to].width);
        let fit = match (from, to) {
            _ if from == to => Fit::AsIs,
            (_, Width::One) => Fit::SumLanes,
            (Width::One, _) if alone => Fit::Spread(to),
            (Width::One, _) => Fit::AsIs,
            (Width::Eight, _) => Fit::Widen,
            // Only while voices are being taken away: the module runs on as wide as it was.
            (Width::Sixteen, _) => Fit::SumLanes,
        };
        let mono = fit == Fit::SumLanes && to != Width::One
            || from == Width::One && to != Width::One && !alone;
        (
            Value {
                node: wire.from,
                output: wire.output,
                fit,
                late: wire.feedback,
            },
            mono,
        )
    }

    /// Whether the target can read its one source with no copy or through a shared one.
    fn is_direct(wires: &[&Wire]) -> bool {
        matches!(wires, [wire] if wire.fade.start == 1.0 && wire.fade.gain == 1.0)
    }

    fn wires_at(&self, node: usize, target: Target) -> Vec<&'a Wire> {
        self.into[node]
            .iter()
            .copied()
            .filter(|wire| wire.target == target)
            .collect()
    }

    fn values_read_by(&self, node: usize) -> Vec<Value> {
        let spec = &self.recipe.graph.nodes[node].entry.spec;
        let mut values = Vec::new();
        for input in 0..spec.inputs.len() {
            let wires = self.wires_at(node, Target::Input(input));
            let alone = Self::is_direct(&wires);
            values.extend(wires.iter().map(|wire| self.value(wire, alone).0));
        }
        for param in 0..spec.params.len() {
            let wires = self.wires_at(node, Target::Param(param));
            values.extend(wires.iter().map(|wire| self.value(wire, false).0));
        }
        values
    }

    /// One reader of a value is done; the last one frees its memory.
    fn release(&mut self, value: Value) {
        if let Some(kept) = &mut self.kept {
            kept.push(value);
            return;
        }
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
        let whole = if value.fit == Fit::AsIs {
            Value {
                late: false,
                ..value
            }
        } else {
            Value {
                fit: Fit::AsIs,
                ..value
            }
        };
        let from = self.place(whole);
        let to = self.pool.take(self.width_of(value));
        let act = match value.fit {
            Fit::AsIs => Act::Delay(self.late(value, from, to)),
            Fit::Spread(width) => Act::Spread { width, from, to },
            Fit::SumLanes => Act::SumLanes {
                singers: sleeper(self.domains.of_nodes[value.node]),
                width: self.width_of(whole),
                from,
                to,
                sources: add(
                    &mut self.tables.heard,
                    self.recipe.graph.nodes[value.node]
                        .sources
                        .iter()
                        .map(|node| self.places_of_nodes[*node]),
                ),
            },
            Fit::Widen => Act::Widen { from, to },
        };
        // What is read late is remembered on, whoever sleeps.
        let readers = match value.fit {
            Fit::AsIs => None,
            _ => self.readers_asleep.get(&value).copied().flatten(),
        };
        self.steps.push(Step {
            sleeper: sleeper(readers),
            act,
        });
        self.places.insert(value, to);
        self.release(whole);
        to
    }

    fn late(&self, value: Value, from: BlockIndex, to: BlockIndex) -> Late {
        let node = self.places_of_nodes[value.node];
        Late {
            node,
            output: value.output as u32,
            width: self.width_of(value),
            from,
            to,
        }
    }

    /// Has the cables into an input or param made ready for their sum.
    fn mix(&mut self, wires: &[&Wire], to: BlockIndex, port: usize) -> Mix {
        let terms: Vec<Term> = wires
            .iter()
            .map(|wire| {
                let (value, mono) = self.value(wire, false);
                Term {
                    from: self.place(value),
                    mono,
                    gain: wire.fade.gain,
                    start: wire.fade.start,
                }
            })
            .collect();
        Mix {
            terms: add(&mut self.tables.terms, terms),
            to,
            port: port as u32,
        }
    }

    /// Adds a module. `scratch`: where its sums and params go.
    fn add(&mut self, node: usize, scratch: &mut BlockPool) {
        let graph = self.recipe.graph;
        let graph_node = &graph.nodes[node];
        let (spec, width) = (&graph_node.entry.spec, graph_node.width);
        let mut sums = Vec::new();
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
                    sums.push(self.mix(&wires, to, input));
                    Operand::Block(to)
                }
            });
        }
        let mut modulated = Vec::new();
        let mut knobs = Vec::with_capacity(spec.params.len());
        for param in 0..spec.params.len() {
            let wires = self.wires_at(node, Target::Param(param));
            let to = scratch.take(width);
            knobs.push(to);
            if !wires.is_empty() {
                modulated.push(self.mix(&wires, to, param));
            }
        }
        let whole = |output| Value {
            node,
            output,
            fit: Fit::AsIs,
            late: false,
        };
        let is_heard = spec.voicing == Voicing::HostOutput;
        let wanted = Wanted::of(
            (0..spec.outputs.len())
                .filter(|output| is_heard || self.readers.contains_key(&whole(*output))),
        );
        let outputs: Vec<BlockIndex> = (0..spec.outputs.len())
            .map(|output| {
                let place = self.pool.take(width);
                self.places.insert(whole(output), place);
                place
            })
            .collect();
        let place = self.nodes.len() as u32;
        let domain = self.domains.of_nodes[node];
        self.steps.push(Step {
            sleeper: sleeper(domain),
            act: Act::Run(Range::one(place)),
        });
        for (output, at) in outputs.iter().enumerate() {
            if domain.is_some() && width == Width::One && self.leaves(node, output) {
                let singers = sleeper(domain);
                self.steps.push(always(Act::Hear { at: *at, singers }));
            }
            let mut domains = self.domains.all.iter();
            let watcher = domains.position(|domain| {
                domain.source == node && domain.gates.contains(&output) && wanted.has(output)
            });
            if watcher.is_some() {
                self.steps.push(Step {
                    sleeper: sleeper(watcher),
                    act: Act::Watch {
                        node: place,
                        width,
                        gate: *at,
                    },
                });
            }
        }
        if is_heard && let [left, right] = outputs[..] {
            let heard = graph_node.heard;
            let term = |from| Term {
                from,
                mono: true,
                gain: heard.gain,
                start: heard.start,
            };
            self.heard
                .push(always(Act::Output(Box::new([term(left), term(right)]))));
        }
        let fresh = match self.recipe.fresh {
            Fresh::All => true,
            Fresh::Listed(fresh) => fresh.get(node).copied().unwrap_or(true),
        };
        let travels = if self.kept.is_some() {
            spec.params.len()
        } else {
            0
        };
        let (instance, state) = self.life(node, fresh);
        // Those who are handed over bring the values of their params along.
        let params = (0..spec.params.len()).map(|param| {
            Operand::Constant(state.params.get(param).map_or(0.0, |param| param.plain()))
        });
        let served = sleeper(self.domains.served[node]);
        let is_source = spec.voicing == Voicing::NoteSource;
        let may_rest =
            self.kept.is_none() && matches!(spec.voicing, Voicing::Mixdown | Voicing::HostOutput);
        let tables = &mut self.tables;
        let is_plain = sums.is_empty()
            && modulated.is_empty()
            && !is_source
            && !may_rest
            && served == Sleeper::NOBODY;
        self.nodes.push(Node {
            is_plain,
            takes_turns: is_plain && spec.recursive && width == Width::One && self.kept.is_none(),
            instance,
            ports: add(&mut tables.operands, inputs.into_iter().chain(params)),
            inputs: spec.inputs.len() as u32,
            outputs: add(&mut tables.outputs, outputs),
            sums: add(&mut tables.mixes, sums),
            modulated: add(&mut tables.mixes, modulated),
            knobs: add(&mut tables.knobs, knobs),
            travels: add(
                &mut tables.travels,
                std::iter::repeat_n([0.0; MAX_FRAMES], travels),
            ),
            wanted,
            sleeper: sleeper(domain),
            served,
            may_rest,
            width,
            is_source,
            moving: false,
            failed: false,
            state: Box::new(state),
        });
        if self.kept.is_none() {
            self.steps.append(&mut self.heard);
        }
        for value in self.values_read_by(node) {
            self.release(value);
        }
        for output in 0..spec.outputs.len() {
            let value = whole(output);
            if !self.readers.contains_key(&value) {
                self.release(value);
            }
        }
    }

    /// Whether a module outside the node's domain reads an output as it is.
    fn leaves(&self, node: usize, output: usize) -> bool {
        let domain = self.domains.of_nodes[node];
        self.recipe.graph.wires.iter().any(|wire| {
            wire.from == node && wire.output == output && self.domains.of_nodes[wire.to] != domain
        })
    }

    /// A module's instance and what it remembers; empty unless it is a fresh one.
    fn life(&self, node: usize, fresh: bool) -> (Box<dyn Instance>, NodeState) {
        if !fresh {
            return (Box::new(Vacant), NodeState::default());
        }
        let node = &self.recipe.graph.nodes[node];
        let spec = &node.entry.spec;
        let rate = self.recipe.sample_rate;
        let setup = Setup {
            sample_rate: rate,
            seed: seed(&node.made_as),
        };
        let mut instance = node.entry.instantiate(self.level, node.width, &setup);
        warm(&mut *instance, node, rate);
        let state = NodeState {
            params: spec
                .params
                .iter()
                .zip(&node.values)
                .map(|(param, plain)| Param::new(param, *plain, rate))
                .collect(),
            voices: VoiceLevels::default(),
            rest: Rest::default(),
            rests: false,
            late: vec![[0.0; MAX_LANES]; spec.outputs.len()].into(),
        };
        (instance, state)
    }

    /// Adds modules that run frame by frame.
    fn add_loop(&mut self, members: &[usize]) {
        let (late, from_outside): (Vec<Value>, Vec<Value>) = members
            .iter()
            .flat_map(|node| self.values_read_by(*node))
            .filter(|value| value.late)
            .map(|value| Value {
                fit: Fit::AsIs,
                ..value
            })
            .fold(Vec::new(), |mut seen, value| {
                if !seen.contains(&value) {
                    seen.push(value);
                }
                seen
            })
            .into_iter()
            .partition(|value| members.contains(&value.node));
        // What is late from elsewhere is made so in whole calls, before the loop.
        for value in from_outside {
            self.place(value);
        }
        self.kept = Some(Vec::new());
        // What feedback cables bring lies ready before anything runs.
        for value in &late {
            let place = self.pool.take(self.width_of(*value));
            self.places.insert(*value, place);
        }
        let before = std::mem::take(&mut self.steps);
        let first = self.nodes.len() as u32;
        for &node in members {
            // Modules of a loop take turns, so each needs memory of its own.
            let mut scratch = BlockPool::after(self.pool.lines(), Sharing::ByLiveness);
            self.pool.reserve(Self::scratch_lines(&self.recipe, node));
            self.add(node, &mut scratch);
        }
        let late = late
            .into_iter()
            .map(|value| {
                self.late(
                    value,
                    self.places[&Value {
                        late: false,
                        ..value
                    }],
                    self.places[&value],
                )
            })
            .collect();
        let steps = std::mem::replace(&mut self.steps, before);
        let nodes = (first..self.nodes.len() as u32).collect();
        self.steps.push(always(Act::Loop(Box::new(Loop {
            steps: steps.into(),
            nodes,
            late,
        }))));
        self.steps.append(&mut self.heard);
        for value in self.kept.take().unwrap_or_default() {
            self.release(value);
            let is_own = members.contains(&value.node);
            if is_own && value.late && value.fit == Fit::AsIs && !self.places.contains_key(&value) {
                self.release(Value {
                    late: false,
                    ..value
                });
            }
        }
    }

    fn build(mut self, units: &[Unit]) -> Plan {
        for unit in units {
            match unit {
                Unit::Module(node) => {
                    self.add(*node, &mut BlockPool::after(0, Sharing::ByLiveness))
                }
                Unit::Loop(members) => self.add_loop(members),
            }
        }
        for domain in &self.domains.all {
            let places = domain.shut.iter().map(|(node, param)| Place {
                node: self.places_of_nodes[*node],
                param: *param as u32,
            });
            self.tables.domains.push(Domain {
                source: self.places_of_nodes[domain.source],
                shut: add(&mut self.tables.shut, places),
                asleep: false,
            });
        }
        let graph = self.recipe.graph;
        let slots = slots_of(graph, units, self.recipe.slots);
        let mut keys: Vec<_> = graph
            .nodes
            .iter()
            .zip(&self.places_of_nodes)
            .map(|(node, place)| (node.key, *place))
            .collect();
        // Stable, so of several the first stays, which is the one that goes on.
        keys.sort_by_key(|(key, _)| *key);
        keys.dedup_by_key(|(key, _)| *key);
        let keys = keys.into();
        let order = units.iter().flat_map(|unit| unit.members());
        let faults = FaultBoard::new(order.clone().map(|node| graph.nodes[*node].id.clone()));
        Plan {
            level: self.level,
            sample_rate: self.recipe.sample_rate,
            steps: turns::join(self.steps, &self.nodes).into(),
            nodes: self.nodes.into(),
            tables: self.tables.finish(),
            sources: order
                .filter(|node| graph.nodes[**node].entry.spec.voicing == Voicing::NoteSource)
                .map(|node| self.places_of_nodes[*node])
                .collect(),
            slots,
            keys,
            blocks: Blocks::new(self.pool.lines()),
            faults: Arc::new(faults),
            loads: LoadBoard::of(graph, units, &Audience::default()),
        }
    }
}
