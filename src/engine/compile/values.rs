//! The signals that modules read: what makes them, who still reads them, and where they lie.

use std::ops::Range;

use weft_modules::{BlockIndex, Width};

use crate::engine::domains::Domains;
use crate::engine::graph::{Arrivals, Graph, Target, Wire};
use crate::engine::plan::HushIndex;

/// A signal some module reads: an output as it is, or made to fit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) node: usize,
    pub(super) output: usize,
    pub(super) fit: Fit,
    /// One frame late.
    pub(super) late: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    AsIs,
    Spread(Width),
    Widen,
    SumLanes,
}

/// One of [`Values`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ValueIndex(usize);

/// A value and what is known of it.
struct Known {
    value: Value,
    /// Where it lies.
    place: Option<BlockIndex>,
    /// Readers that have not run yet.
    readers: usize,
    /// The domain whose modules alone read it, for what is made to fit them.
    readers_asleep: Option<usize>,
    /// The value it is made from; nothing for an output as it is.
    source: Option<ValueIndex>,
    /// Another value made of the same output.
    next: Option<ValueIndex>,
    /// What the plan knows of its silence; then its memory is never another's.
    hush: HushIndex,
    /// Its memory stays its own after its readers are done.
    kept: bool,
}

/// A cable as its target reads it.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) wire: &'a Wire,
    pub(super) value: ValueIndex,
    /// Mono in a wider sum.
    pub(super) mono: bool,
    /// It is all that the target reads, and reads it where it lies.
    pub(super) direct: bool,
}

/// All values of a graph.
pub(super) struct Values<'a> {
    graph: &'a Graph,
    arrivals: Arrivals,
    /// First all outputs as they are, then what is made of them.
    known: Vec<Known>,
    /// Where the outputs of each node begin.
    first: Vec<usize>,
    /// In the order of [`Values::arrivals`].
    readings: Vec<Reading<'a>>,
}

/// Whether a wire's target can read its source with no copy or through a shared one, if no other
/// arrives there.
fn is_plain(wire: &Wire) -> bool {
    matches!(wire.target, Target::Input(_)) && wire.fade.start == 1.0 && wire.fade.gain == 1.0
}

/// The value a wire's target reads, and whether it is mono in a wider sum.
///
/// `alone`: the target reads no sum, but a block of its own width.
fn fitting(graph: &Graph, wire: &Wire, alone: bool) -> (Value, bool) {
    let (from, to) = (graph.nodes[wire.from].width, graph.nodes[wire.to].width);
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
    let value = Value {
        node: wire.from,
        output: wire.output,
        fit,
        late: wire.feedback,
    };
    (value, mono)
}

impl Value {
    /// What it is made from; nothing for an output as it is.
    fn source(self) -> Option<Value> {
        if self.fit != Fit::AsIs {
            Some(Value {
                fit: Fit::AsIs,
                ..self
            })
        } else {
            self.late.then_some(Value {
                late: false,
                ..self
            })
        }
    }
}

impl Known {
    fn new(value: Value) -> Known {
        Known {
            value,
            place: None,
            readers: 0,
            readers_asleep: None,
            source: None,
            next: None,
            hush: HushIndex::NONE,
            kept: false,
        }
    }
}

impl<'a> Values<'a> {
    pub(super) fn of(graph: &'a Graph, arrivals: Arrivals, domains: &Domains) -> Values<'a> {
        let outputs = |node: usize| graph.nodes[node].entry.spec.outputs.len();
        let mut first = Vec::with_capacity(graph.nodes.len());
        let mut known = Vec::with_capacity(2 * graph.nodes.len());
        for node in 0..graph.nodes.len() {
            first.push(known.len());
            known.extend((0..outputs(node)).map(|output| {
                Known::new(Value {
                    node,
                    output,
                    fit: Fit::AsIs,
                    late: false,
                })
            }));
        }
        let mut values = Values {
            graph,
            arrivals,
            known,
            first,
            readings: Vec::with_capacity(graph.wires.len()),
        };
        for node in 0..graph.nodes.len() {
            values.read_by(node, domains.of_nodes[node]);
        }
        values
    }

    /// Takes in what a node reads.
    fn read_by(&mut self, node: usize, domain: Option<usize>) {
        let graph = self.graph;
        let arriving = self.arrivals.range(node);
        for at in arriving.clone() {
            let wire = &graph.wires[self.arrivals.all()[at]];
            let joins = |other: usize| {
                arriving.contains(&other)
                    && graph.wires[self.arrivals.all()[other]].target == wire.target
            };
            let direct = is_plain(wire) && !joins(at.wrapping_sub(1)) && !joins(at + 1);
            let (value, mono) = fitting(graph, wire, direct);
            let value = self.find_or_add(value);
            self.readings.push(Reading {
                wire,
                value,
                mono,
                direct,
            });
            let known = &mut self.known[value.0];
            known.readers_asleep = match known.readers {
                0 => domain,
                _ => known
                    .readers_asleep
                    .filter(|_| known.readers_asleep == domain),
            };
            self.count_reader(value);
        }
    }

    fn count_reader(&mut self, index: ValueIndex) {
        self.known[index.0].readers += 1;
        // A value that is made from another is itself one reader of that.
        if self.known[index.0].readers == 1
            && let Some(source) = self.source(index)
        {
            self.count_reader(source);
        }
    }

    fn find_or_add(&mut self, value: Value) -> ValueIndex {
        let output = self.output(value.node, value.output);
        let mut at = Some(output);
        while let Some(index) = at {
            if self.known[index.0].value == value {
                return index;
            }
            at = self.known[index.0].next;
        }
        let source = value.source().map(|source| self.find_or_add(source));
        let added = ValueIndex(self.known.len());
        let next = self.known[output.0].next.replace(added);
        self.known.push(Known {
            source,
            next,
            ..Known::new(value)
        });
        added
    }

    /// An output of a node as it is.
    pub(super) fn output(&self, node: usize, output: usize) -> ValueIndex {
        ValueIndex(self.first[node] + output)
    }

    /// The value that one is made from; nothing for an output as it is.
    pub(super) fn source(&self, index: ValueIndex) -> Option<ValueIndex> {
        self.known[index.0].source
    }

    /// The value at an index.
    pub(super) fn value(&self, index: ValueIndex) -> Value {
        self.known[index.0].value
    }

    /// How many lanes it has.
    pub(super) fn width_of(&self, index: ValueIndex) -> Width {
        let value = self.value(index);
        match value.fit {
            Fit::AsIs => self.graph.nodes[value.node].width,
            Fit::Spread(width) => width,
            Fit::Widen => Width::Sixteen,
            Fit::SumLanes => Width::One,
        }
    }

    /// Where it lies, if it lies somewhere.
    pub(super) fn place(&self, index: ValueIndex) -> Option<BlockIndex> {
        self.known[index.0].place
    }

    /// It lies here from now on.
    pub(super) fn put(&mut self, index: ValueIndex, place: BlockIndex) {
        self.known[index.0].place = Some(place);
    }

    /// Whether somebody has yet to read it.
    pub(super) fn has_readers(&self, index: ValueIndex) -> bool {
        self.known[index.0].readers > 0
    }

    /// The domain whose modules alone read a value that was made to fit them.
    pub(super) fn readers_asleep(&self, index: ValueIndex) -> Option<usize> {
        self.known[index.0].readers_asleep
    }

    /// One reader is done. Gives the memory that the last one leaves.
    pub(super) fn release(&mut self, index: ValueIndex) -> Option<BlockIndex> {
        let known = &mut self.known[index.0];
        known.readers = known.readers.saturating_sub(1);
        match known.readers {
            0 => {
                let given = known.hush == HushIndex::NONE && !known.kept;
                known.place.take().filter(|_| given)
            }
            _ => None,
        }
    }

    /// Its memory is never another's.
    pub(super) fn keep(&mut self, index: ValueIndex) {
        self.known[index.0].kept = true;
    }

    /// From now on the plan knows of its silence.
    pub(super) fn hush(&mut self, index: ValueIndex, hush: HushIndex) {
        self.known[index.0].hush = hush;
    }

    /// What the plan knows of its silence.
    pub(super) fn hush_of(&self, index: ValueIndex) -> HushIndex {
        self.known[index.0].hush
    }

    /// What a node reads: its inputs in order, then its params, among all readings.
    pub(super) fn read_at(&self, node: usize) -> Range<usize> {
        self.arrivals.range(node)
    }

    /// What a node reads at one input or param, among all readings.
    pub(super) fn read_at_port(&self, node: usize, target: Target) -> Range<usize> {
        let arriving = self.arrivals.range(node);
        let readings = &self.readings[arriving.clone()];
        let first = readings.partition_point(|reading| reading.wire.target < target);
        let count = readings[first..].partition_point(|reading| reading.wire.target == target);
        let first = arriving.start + first;
        first..first + count
    }

    /// One of all readings.
    pub(super) fn reading(&self, at: usize) -> Reading<'a> {
        self.readings[at]
    }
}
