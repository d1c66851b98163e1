//! Graph to plan: order, memory, instances.

mod life;
mod loops;
mod modules;
mod tables;
mod values;

use std::sync::Arc;

use thiserror::Error;
use weft_modules::{AnyInstance, BlockIndex, Blocks, Level, Seat, Voicing};

use self::tables::{Growing, add, sleeper};
use self::values::{Fit, ValueIndex, Values};
use super::buffers::{BlockPool, Sharing};
use super::domains::Domains;
use super::faults::FaultBoard;
use super::graph::{Arrivals, Graph, Unit};
use super::loads::{Audience, LoadBoard};
use super::plan::{
    Act, Cast, Domain, Form, HushIndex, Late, Node, NodeState, Place, Plan, Range, ReadAt, Reader,
    Step,
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
    seats: Vec<Seat>,
    instances: Vec<AnyInstance>,
    #[allow(clippy::vec_box, reason = "moved from plan to plan by pointer")]
    states: Vec<Box<NodeState>>,
    tables: Growing,
    /// The nodes that run frame by frame.
    looped: Vec<bool>,
    /// What is read of each node that may hold it, by the node's place.
    readers: Vec<(u32, Reader)>,
    /// Nodes that may stand, by the place of one on which they depend in that.
    dependents: Vec<(u32, u32)>,
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
            seats: Vec::with_capacity(graph.nodes.len()),
            instances: Vec::with_capacity(graph.nodes.len()),
            states: Vec::with_capacity(graph.nodes.len()),
            tables: Growing::default(),
            looped,
            readers: Vec::new(),
            dependents: Vec::new(),
            recipe,
        }
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
        let value = self.values.value(index);
        let singers = self.domains.of_nodes[value.node];
        let width = self.values.width_of(index);
        let to = if value.fit == Fit::SumLanes && singers.is_some() {
            self.pool.take_alone(width)
        } else {
            self.pool.take(width)
        };
        self.values.put(index, to);
        let (Some(source), Some(from)) = (source, from) else {
            return to;
        };
        let act = match value.fit {
            Fit::AsIs => Act::Delay(self.late(index, from, to)),
            Fit::Spread(width) => Act::Spread { width, from, to },
            Fit::SumLanes => Act::SumLanes {
                singers: sleeper(singers),
                hush: self.hush_where(singers.is_some(), index),
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
        self.steps.push(Step::new(sleeper(readers), act));
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

    /// Remembers who reads a value where it lies, if the module that makes it may hold it.
    fn note_reader(&mut self, index: ValueIndex, at: ReadAt) {
        let value = self.values.value(index);
        let spec = &self.recipe.graph.nodes[value.node].entry.spec;
        // What is made in several parts of a call may stand still in each and yet move.
        let whole = !self.looped[value.node];
        if spec.holds && whole && value.fit == Fit::AsIs && !value.late {
            let place = self.places_of_nodes[value.node];
            let output = value.output as u32;
            self.readers.push((place, Reader { output, at }));
        }
    }

    /// Has each node know who reads what it may hold.
    fn list_readers(&mut self) {
        let mut readers = std::mem::take(&mut self.readers);
        readers.retain(|(place, _)| {
            let node = &self.nodes[*place as usize];
            !node.takes_turns && !node.may_rest
        });
        readers.sort_by_key(|(place, _)| *place);
        for same in readers.chunk_by(|(one, _), (other, _)| one == other) {
            let first = self.tables.readers.len();
            self.tables
                .readers
                .extend(same.iter().map(|(_, reader)| *reader));
            self.nodes[same[0].0 as usize].readers = Range::since(first, &self.tables.readers);
        }
    }

    /// Has each node that may stand know who depends on it in that.
    fn list_dependents(&mut self) {
        let mut dependents = std::mem::take(&mut self.dependents);
        dependents.sort_unstable();
        dependents.dedup();
        for same in dependents.chunk_by(|(one, _), (other, _)| one == other) {
            let range = add(
                &mut self.tables.dependents,
                same.iter().map(|(_, dependent)| *dependent),
            );
            self.nodes[same[0].0 as usize].dependents = range;
        }
        self.tables.standing = vec![0; self.nodes.len()];
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
        let served = self.domains.served.iter().zip(&self.places_of_nodes);
        let mut served: Vec<(usize, u32)> = served
            .filter_map(|(domain, place)| Some(((*domain)?, *place)))
            .collect();
        served.sort_unstable();
        for (index, domain) in self.domains.all.iter().enumerate() {
            let first = served.partition_point(|(domain, _)| *domain < index);
            let here = served[first..].iter();
            let here = here.take_while(|(domain, _)| *domain == index);
            let places = domain.shut.iter().map(|(node, param)| Place {
                node: self.places_of_nodes[*node],
                param: *param as u32,
            });
            let nodes = self.domains.of_nodes.iter().zip(&self.places_of_nodes);
            let members = nodes.filter(|(of, _)| domain.parts && **of == Some(index));
            self.tables.domains.push(Domain {
                members: add(&mut self.tables.members, members.map(|(_, place)| *place)),
                source: self.places_of_nodes[domain.source],
                shut: add(&mut self.tables.shut, places),
                served: add(&mut self.tables.served, here.map(|(_, place)| *place)),
                form: Form::Together,
            });
        }
        self.list_readers();
        self.list_dependents();
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
            lulls_known: false,
            nodes: self.nodes.into(),
            cast: Cast {
                seats: self.seats.into(),
                instances: self.instances.into(),
                states: self.states.into(),
            },
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
