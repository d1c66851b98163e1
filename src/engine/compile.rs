//! Graph to plan: order, memory, instances.

mod life;
mod values;

use std::sync::Arc;

use thiserror::Error;
use weft_modules::routing::Term;
use weft_modules::{BlockIndex, Blocks, Level, MAX_FRAMES, Operand, Voicing, Wanted, Width};

use self::life::{life, vacancy};
use self::values::{Fit, ValueIndex, Values};
use super::buffers::{BlockPool, Sharing};
use super::domains::Domains;
use super::faults::FaultBoard;
use super::graph::{Arrivals, Graph, Target, Unit};
use super::loads::{Audience, LoadBoard};
use super::plan::{
    Act, Domain, Hush, HushIndex, Late, Loop, Mix, Node, Place, Plan, Range, Sleeper, Step, Tables,
};
use super::{SAMPLE_RATES, SLOTS, turns};
use crate::patch::{Circle, Patch};

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
        ..Recipe::of(&graph)
    };
    Ok(Plan {
        loads: LoadBoard::of(&graph, &units, &Audience::default()),
        ..recipe.build(&units)
    })
}

/// What a plan is made from.
pub(super) struct Recipe<'a> {
    pub(super) graph: &'a Graph,
    pub(super) sample_rate: f32,
    pub(super) sharing: Sharing,
    /// Which nodes get a state of their own; the others are handed over from another plan.
    pub(super) fresh: Fresh<'a>,
}

/// See [`Recipe::fresh`].
#[derive(Clone, Copy)]
pub(super) enum Fresh<'a> {
    All,
    Nobody,
    /// Those for which the list says so.
    Listed(&'a [bool]),
}

impl<'a> Recipe<'a> {
    /// A recipe for a whole new plan at the lowest rate.
    pub(super) fn of(graph: &'a Graph) -> Recipe<'a> {
        let (sample_rate, sharing) = (*SAMPLE_RATES.start(), Sharing::ByLiveness);
        Recipe {
            graph,
            sample_rate,
            sharing,
            fresh: Fresh::All,
        }
    }

    /// Makes the plan. Its nodes stand where [`places`] says, and nobody sees what they cost.
    pub(super) fn build(self, units: &[Unit]) -> Plan {
        Builder::new(self, units).build(units)
    }
}

/// Where each node of a graph stands in the plan made from these units.
pub(super) fn places(units: &[Unit]) -> Vec<u32> {
    let order = || units.iter().flat_map(Unit::members);
    let mut places = vec![0; order().count()];
    for (place, node) in order().enumerate() {
        places[*node] = place as u32;
    }
    places
}

/// Which param each slot moves, in the plan made from these units.
pub(super) fn slots_of(graph: &Graph, units: &[Unit]) -> Box<[Option<Place>]> {
    slots_at(graph, &places(units))
}

fn slots_at(graph: &Graph, places: &[u32]) -> Box<[Option<Place>]> {
    let mut slots = vec![None; SLOTS];
    for bound in &graph.slots {
        slots[bound.slot] = Some(Place {
            node: places[bound.node],
            param: bound.param as u32,
        });
    }
    slots.into()
}

struct Builder<'a> {
    recipe: Recipe<'a>,
    domains: Domains,
    values: Values<'a>,
    places_of_nodes: Vec<u32>,
    level: Level,
    pool: BlockPool,
    /// In a loop nothing is freed before its end: what lies in memory for the next frame is needed.
    kept: Option<Vec<ValueIndex>>,
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
    served: Vec<u32>,
    hushes: Vec<Hush>,
    hearing: Vec<HushIndex>,
}

impl Growing {
    fn finish(self) -> Tables {
        Tables {
            domains: self.domains.into(),
            shut: self.shut.into(),
            served: self.served.into(),
            operands: self.operands.into(),
            outputs: self.outputs.into(),
            mixes: self.mixes.into(),
            terms: self.terms.into(),
            heard: self.heard.into(),
            knobs: self.knobs.into(),
            travels: self.travels.into(),
            hushes: self.hushes.into(),
            hearing: self.hearing.into(),
        }
    }

    /// A new entry for blocks of whose silence something is known.
    fn hush(&mut self) -> HushIndex {
        self.hushes.push(Hush::default());
        HushIndex(self.hushes.len() as u32 - 1)
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
        let graph = recipe.graph;
        let scratch = (0..graph.nodes.len())
            .map(|node| Self::scratch_lines(&recipe, node))
            .max();
        let mut looped = vec![false; graph.nodes.len()];
        for unit in units {
            if let Unit::Loop(members) = unit {
                members.iter().for_each(|node| looped[*node] = true);
            }
        }
        let arrivals = Arrivals::of(graph);
        let domains = Domains::of(graph, &arrivals, |node| looped[node]);
        Builder {
            values: Values::of(graph, arrivals, &domains),
            domains,
            pool: BlockPool::after(scratch.unwrap_or(0), recipe.sharing),
            places_of_nodes: places(units),
            level: Level::detect(),
            kept: None,
            steps: Vec::with_capacity(graph.nodes.len()),
            heard: Vec::new(),
            nodes: Vec::with_capacity(graph.nodes.len()),
            tables: Growing::default(),
            recipe,
        }
    }

    /// Cache lines for the sums and params of one module, which it alone needs and only while it runs.
    fn scratch_lines(recipe: &Recipe<'_>, node: usize) -> u32 {
        let node = &recipe.graph.nodes[node];
        let ports = node.entry.spec.inputs.len() + node.entry.spec.params.len();
        ports as u32 * BlockIndex::lines_for(node.width.lanes())
    }

    /// One reader of a value is done; the last one frees its memory.
    fn release(&mut self, value: ValueIndex) {
        if let Some(kept) = &mut self.kept {
            kept.push(value);
        } else if let Some(place) = self.values.release(value) {
            self.pool.give(self.values.width_of(value), place);
        }
    }

    /// Where a value lies, after making it fit if nobody did before.
    fn place(&mut self, index: ValueIndex) -> BlockIndex {
        if let Some(place) = self.values.place(index) {
            return place;
        }
        // Outputs lie ready before anyone reads them; all else has a source.
        let source = self.values.source(index);
        let from = source.map(|source| self.place(source));
        let to = self.pool.take(self.values.width_of(index));
        self.values.put(index, to);
        let (Some(source), Some(from)) = (source, from) else {
            return to;
        };
        let value = self.values.value(index);
        let act = match value.fit {
            Fit::AsIs => Act::Delay(self.late(index, from, to)),
            Fit::Spread(width) => Act::Spread { width, from, to },
            Fit::SumLanes => Act::SumLanes {
                singers: sleeper(self.domains.of_nodes[value.node]),
                hush: self.hush_where(self.domains.of_nodes[value.node].is_some(), index),
                width: self.values.width_of(source),
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
            _ => self.values.readers_asleep(index),
        };
        self.steps.push(Step {
            sleeper: sleeper(readers),
            act,
        });
        self.release(source);
        to
    }

    /// Has the plan know of the silence of a mono value, where it can.
    fn hush_where(&mut self, can: bool, index: ValueIndex) -> HushIndex {
        if can {
            let hush = self.tables.hush();
            self.values.hush(index, hush);
        }
        self.values.hush_of(index)
    }

    fn late(&self, index: ValueIndex, from: BlockIndex, to: BlockIndex) -> Late {
        let value = self.values.value(index);
        Late {
            node: self.places_of_nodes[value.node],
            output: value.output as u32,
            width: self.values.width_of(index),
            from,
            to,
        }
    }

    /// Has the cables into an input or param made ready for their sum.
    fn mix(&mut self, readings: std::ops::Range<usize>, to: BlockIndex, port: usize) {
        let first = self.tables.terms.len();
        for at in readings {
            let reading = self.values.reading(at);
            let from = self.place(reading.value);
            self.tables.terms.push(Term {
                from,
                mono: reading.mono,
                gain: reading.wire.fade.gain,
                start: reading.wire.fade.start,
            });
        }
        self.tables.mixes.push(Mix {
            terms: Range::since(first, &self.tables.terms),
            to,
            port: port as u32,
        });
    }

    /// Adds a module. `scratch`: where its sums and params go.
    fn add(&mut self, node: usize, scratch: &mut BlockPool) {
        let graph_node = &self.recipe.graph.nodes[node];
        let (spec, width) = (&graph_node.entry.spec, graph_node.width);
        let first_port = self.tables.operands.len();
        let first_sum = self.tables.mixes.len();
        for input in 0..spec.inputs.len() {
            let readings = self.values.read_at_port(node, Target::Input(input));
            let first = readings.clone().next().map(|at| self.values.reading(at));
            let operand = match first {
                None => Operand::Constant(0.0),
                Some(reading) if reading.direct => Operand::Block(self.place(reading.value)),
                Some(_) => {
                    let to = scratch.take(width);
                    self.mix(readings, to, input);
                    Operand::Block(to)
                }
            };
            self.tables.operands.push(operand);
        }
        let sums = Range::since(first_sum, &self.tables.mixes);
        let (first_knob, first_modulated) = (self.tables.knobs.len(), self.tables.mixes.len());
        for param in 0..spec.params.len() {
            let readings = self.values.read_at_port(node, Target::Param(param));
            let to = scratch.take(width);
            self.tables.knobs.push(to);
            if !readings.is_empty() {
                self.mix(readings, to, param);
            }
        }
        let knobs = Range::since(first_knob, &self.tables.knobs);
        let modulated = Range::since(first_modulated, &self.tables.mixes);
        let is_heard = spec.voicing == Voicing::HostOutput;
        let is_read = |values: &Values, output| values.has_readers(values.output(node, output));
        let wanted = Wanted::of(
            (0..spec.outputs.len()).filter(|output| is_heard || is_read(&self.values, *output)),
        );
        let first_output = self.tables.outputs.len();
        for output in 0..spec.outputs.len() {
            let place = self.pool.take(width);
            self.values.put(self.values.output(node, output), place);
            self.tables.outputs.push(place);
        }
        let outputs = Range::since(first_output, &self.tables.outputs);
        let may_rest = self.kept.is_none() && (is_heard || spec.voicing == Voicing::Mixdown);
        let (mut hush, mut hearing) = (HushIndex::NONE, None);
        if may_rest {
            hush = self.tables.hush();
            for output in 0..spec.outputs.len() {
                self.values.hush(self.values.output(node, output), hush);
            }
            let first = self.tables.hearing.len();
            let readings = self.values.read_at(node).map(|at| self.values.reading(at));
            let heard = readings.filter(|reading| matches!(reading.wire.target, Target::Input(_)));
            let heard = heard.map(|reading| self.values.hush_of(reading.value));
            self.tables.hearing.extend(heard);
            let all = Range::since(first, &self.tables.hearing);
            let is_known = |hush: &HushIndex| *hush != HushIndex::NONE;
            hearing = Some(all).filter(|all| all.of(&self.tables.hearing).iter().all(is_known));
        }
        let place = self.nodes.len() as u32;
        let domain = self.domains.of_nodes[node];
        self.steps.push(Step {
            sleeper: sleeper(domain),
            act: Act::Run(Range::one(place)),
        });
        let is_source = spec.voicing == Voicing::NoteSource;
        for output in 0..spec.outputs.len() {
            let Some(&at) = outputs.of(&self.tables.outputs).get(output) else {
                break;
            };
            let singers = sleeper(domain);
            if width == Width::One && self.domains.leaving.contains(&(node, output)) {
                let hush = self.hush_where(true, self.values.output(node, output));
                self.steps.push(always(Act::Hear { at, singers, hush }));
            }
            let mut domains = self.domains.all.iter();
            let watcher = domains.position(|domain| {
                domain.source == node && domain.gates.contains(&output) && wanted.has(output)
            });
            if is_source && watcher.is_some() {
                self.steps.push(Step {
                    sleeper: sleeper(watcher),
                    act: Act::Watch {
                        node: place,
                        width,
                        gate: at,
                    },
                });
            }
        }
        if is_heard && let [left, right] = *outputs.of(&self.tables.outputs) {
            let heard = graph_node.heard;
            let term = |from| Term {
                from,
                mono: true,
                gain: heard.gain,
                start: heard.start,
            };
            let terms = Box::new([term(left), term(right)]);
            self.heard.push(always(Act::Output { terms, hush }));
        }
        let fresh = match self.recipe.fresh {
            Fresh::All => true,
            Fresh::Nobody => false,
            Fresh::Listed(fresh) => fresh.get(node).copied().unwrap_or(true),
        };
        let travels = if self.kept.is_some() {
            spec.params.len()
        } else {
            0
        };
        let (instance, state) = if fresh {
            life(graph_node, self.level, self.recipe.sample_rate)
        } else {
            vacancy()
        };
        // Those who are handed over bring the values of their params along.
        let params = (0..spec.params.len()).map(|param| {
            Operand::Constant(state.params.get(param).map_or(0.0, |param| param.plain()))
        });
        self.tables.operands.extend(params);
        let tables = &mut self.tables;
        let is_plain = sums.is_empty() && modulated.is_empty() && !is_source && !may_rest;
        self.nodes.push(Node {
            is_plain,
            takes_turns: is_plain && spec.recursive && width == Width::One && self.kept.is_none(),
            instance,
            ports: Range::since(first_port, &tables.operands),
            inputs: spec.inputs.len() as u32,
            outputs,
            sums,
            modulated,
            knobs,
            travels: add(
                &mut tables.travels,
                std::iter::repeat_n([0.0; MAX_FRAMES], travels),
            ),
            read: wanted,
            wanted,
            sleeper: sleeper(domain),
            may_rest,
            hush,
            hearing,
            width,
            is_source,
            moving: false,
            failed: false,
            state: Box::new(state),
        });
        if self.kept.is_none() {
            self.steps.append(&mut self.heard);
        }
        for at in self.values.read_at(node) {
            self.release(self.values.reading(at).value);
        }
        for output in 0..spec.outputs.len() {
            if !is_read(&self.values, output) {
                self.release(self.values.output(node, output));
            }
        }
    }

    /// Adds modules that run frame by frame.
    fn add_loop(&mut self, members: &[usize]) {
        let mut late = Vec::new();
        for at in members.iter().flat_map(|node| self.values.read_at(*node)) {
            let index = self.values.reading(at).value;
            let value = self.values.value(index);
            if value.late {
                let index = match value.fit {
                    Fit::AsIs => Some(index),
                    _ => self.values.source(index),
                };
                late.extend(index.filter(|index| !late.contains(index)));
            }
        }
        let is_own = |values: &Values, index| members.contains(&values.value(index).node);
        let (late, from_outside): (Vec<_>, Vec<_>) = late
            .into_iter()
            .partition(|index| is_own(&self.values, *index));
        // What is late from elsewhere is made so in whole calls, before the loop.
        for value in from_outside {
            self.place(value);
        }
        self.kept = Some(Vec::new());
        // What feedback cables bring lies ready before anything runs.
        for value in &late {
            let place = self.pool.take(self.values.width_of(*value));
            self.values.put(*value, place);
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
            .filter_map(|value| {
                let from = self.values.source(value)?;
                let (from, to) = (self.values.place(from)?, self.values.place(value)?);
                Some(self.late(value, from, to))
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
        for index in self.kept.take().unwrap_or_default() {
            self.release(index);
            let value = self.values.value(index);
            if value.late
                && value.fit == Fit::AsIs
                && is_own(&self.values, index)
                && self.values.place(index).is_none()
                && let Some(source) = self.values.source(index)
            {
                self.release(source);
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
        for (index, domain) in self.domains.all.iter().enumerate() {
            let serves = |node: &usize| self.domains.served[*node] == Some(index);
            let served = (0..self.domains.served.len()).filter(serves);
            let places = domain.shut.iter().map(|(node, param)| Place {
                node: self.places_of_nodes[*node],
                param: *param as u32,
            });
            self.tables.domains.push(Domain {
                source: self.places_of_nodes[domain.source],
                shut: add(&mut self.tables.shut, places),
                served: add(
                    &mut self.tables.served,
                    served.map(|node| self.places_of_nodes[node]),
                ),
                asleep: false,
            });
        }
        let graph = self.recipe.graph;
        let slots = slots_at(graph, &self.places_of_nodes);
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
        let faults = FaultBoard::new(order.clone().map(|node| Arc::clone(&graph.nodes[*node].id)));
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
            loads: LoadBoard::default(),
        }
    }
}
