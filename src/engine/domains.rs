//! Which modules may sleep while no voice of their note source sounds.

use std::collections::{HashMap, HashSet};

use weft_modules::spec::Silence;
use weft_modules::{PortKind, Voicing, Width};

use super::graph::{Arrivals, Graph, Target};

/// The modules that serve only the voices of one note source, and what proves that nothing but a note
/// can make them sound.
pub(super) struct Domain {
    /// The note source.
    pub(super) source: usize,
    /// The outputs of the source that are 0 while no note is held.
    pub(super) gates: Vec<usize>,
    /// Params that must stand at 0.
    pub(super) shut: Vec<(usize, usize)>,
    /// Whether few of its voices can be run each by itself: nobody else reads what its modules or its
    /// source make for all voices, or what is spread for them.
    pub(super) parts: bool,
}

/// The domains of a graph.
pub(super) struct Domains {
    pub(super) all: Vec<Domain>,
    /// For each node, the domain that it sleeps with.
    pub(super) of_nodes: Vec<Option<usize>>,
    /// For each node that is always awake, the domain that alone reads it.
    pub(super) served: Vec<Option<usize>>,
    /// Nodes and their outputs that a node outside their domain reads.
    pub(super) leaving: HashSet<(usize, usize)>,
}

impl Domains {
    /// The domains that can be shown to fall silent.
    ///
    /// A domain must be shut at every cable that leads out of it: what comes out is silent, once it has
    /// died away, for as long as the gates of its source are low.
    pub(super) fn of(
        graph: &Graph,
        arrivals: &Arrivals,
        in_loop: impl Fn(usize) -> bool,
    ) -> Domains {
        let nodes = &graph.nodes;
        let mut source_of: Vec<Option<usize>> = nodes
            .iter()
            .map(|node| match node.sources[..] {
                [source] if node.entry.spec.voicing == Voicing::PerVoice => Some(source),
                _ => None,
            })
            .collect();
        let mut sources: Vec<usize> = source_of.iter().flatten().copied().collect();
        sources.sort_unstable();
        sources.dedup();
        let mut all = Vec::new();
        for source in sources {
            let mut proof = Proof {
                graph,
                arrivals,
                source_of: &source_of,
                source,
                known: HashMap::new(),
            };
            match proof.domain(&in_loop) {
                Some(domain) => all.push(domain),
                None => source_of
                    .iter_mut()
                    .filter(|of| **of == Some(source))
                    .for_each(|of| *of = None),
            }
        }
        let of_nodes: Vec<Option<usize>> = source_of
            .iter()
            .map(|of| of.and_then(|source| all.iter().position(|domain| domain.source == source)))
            .collect();
        // The domain in which all readers of a node are; `Some(None)` if they are not all in one.
        let mut readers: Vec<Option<Option<usize>>> = vec![None; nodes.len()];
        for wire in &graph.wires {
            let domain = of_nodes[wire.to].filter(|_| !wire.feedback);
            let known = readers[wire.from].get_or_insert(domain);
            *known = known.filter(|_| *known == domain);
        }
        let served = (0..nodes.len())
            .map(|node| {
                let domain = readers[node].flatten()?;
                let may = match nodes[node].entry.spec.voicing {
                    Voicing::PerVoice => nodes[node].sources.is_empty(),
                    // Another source may have to be heard for a domain to wake.
                    Voicing::NoteSource => all[domain].source == node,
                    _ => false,
                };
                (may && !in_loop(node)).then_some(domain)
            })
            .collect();
        let leaving = graph.wires.iter().filter(|wire| {
            let domain = of_nodes[wire.from];
            domain.is_some() && domain != of_nodes[wire.to]
        });
        Domains {
            leaving: leaving.map(|wire| (wire.from, wire.output)).collect(),
            all,
            of_nodes,
            served,
        }
    }
}

/// The search for a proof that a domain falls silent.
struct Proof<'a> {
    graph: &'a Graph,
    arrivals: &'a Arrivals,
    source_of: &'a [Option<usize>],
    source: usize,
    /// Nodes that have been looked at, with the params that must stand at 0 for them to be shut.
    known: HashMap<usize, Option<Vec<(usize, usize)>>>,
}

impl Proof<'_> {
    fn is_inside(&self, node: usize) -> bool {
        self.source_of[node] == Some(self.source)
    }

    fn domain(&mut self, in_loop: impl Fn(usize) -> bool) -> Option<Domain> {
        let graph = self.graph;
        let mut shut = Vec::new();
        let mut is_heard = false;
        for wire in &graph.wires {
            if !self.is_inside(wire.from) {
                continue;
            }
            if in_loop(wire.from) || wire.feedback {
                return None;
            }
            if self.is_inside(wire.to) {
                continue;
            }
            // Voices are heard where they are summed, or on their way to a mono module.
            if graph.nodes[wire.to].width != Width::One {
                return None;
            }
            is_heard = true;
            shut.extend(self.is_shut(wire.from)?);
        }
        shut.sort_unstable();
        shut.dedup();
        let outputs = graph.nodes[self.source].entry.spec.outputs;
        let gates = (0..outputs.len()).filter(|output| outputs[*output].kind == PortKind::Gate);
        is_heard.then(|| Domain {
            source: self.source,
            gates: gates.collect(),
            shut,
            parts: self.parts(&in_loop),
        })
    }

    /// See [`Domain::parts`].
    fn parts(&self, in_loop: impl Fn(usize) -> bool) -> bool {
        let nodes = &self.graph.nodes;
        let width = nodes[self.source].width;
        let as_wide =
            (0..nodes.len()).all(|node| !self.is_inside(node) || nodes[node].width == width);
        let mut spread: HashSet<(usize, usize)> = HashSet::new();
        for wire in &self.graph.wires {
            if self.is_inside(wire.to) && nodes[wire.from].width == Width::One {
                spread.insert((wire.from, wire.output));
            }
        }
        let mut wires = self.graph.wires.iter();
        let stays_inside = wires.all(|wire| {
            let is_plain = self.is_inside(wire.to) && !wire.feedback;
            let is_played = wire.from == self.source;
            let is_spread =
                nodes[wire.to].width != Width::One && spread.contains(&(wire.from, wire.output));
            (!is_played || is_plain) && (!is_spread || self.is_inside(wire.to))
        });
        width != Width::One && !in_loop(self.source) && as_wide && stays_inside
    }

    /// The params that must stand at 0 for the node to be silent while the gates are low; `None` if it
    /// may sound all the same.
    fn is_shut(&mut self, node: usize) -> Option<Vec<(usize, usize)>> {
        if !self.is_inside(node) {
            return None;
        }
        if let Some(known) = self.known.get(&node) {
            return known.clone();
        }
        let shut = match self.graph.nodes[node].entry.spec.silence {
            Silence::Never => None,
            Silence::All(ports) => ports
                .iter()
                .map(|port| self.is_silent(node, port))
                .collect::<Option<Vec<_>>>()
                .map(|shut| shut.concat()),
            Silence::Any(ports) => ports.iter().find_map(|port| self.is_silent(node, port)),
        };
        self.known.insert(node, shut.clone());
        shut
    }

    /// As [`Proof::is_shut`], for what arrives at an input or param.
    fn is_silent(&mut self, node: usize, port: &str) -> Option<Vec<(usize, usize)>> {
        let spec = &self.graph.nodes[node].entry.spec;
        let (target, mut shut) = match (spec.input(port), spec.param(port)) {
            (Some(input), _) => (Target::Input(input), Vec::new()),
            (None, Some(param)) => (Target::Param(param), vec![(node, param)]),
            (None, None) => return None,
        };
        let wires = self.arrivals.at(node).iter();
        let wires = wires.map(|wire| &self.graph.wires[*wire]);
        for wire in wires.filter(|wire| wire.target == target) {
            let from = &self.graph.nodes[wire.from].entry.spec;
            let is_gate =
                wire.from == self.source && from.outputs[wire.output].kind == PortKind::Gate;
            if !is_gate {
                shut.extend(self.is_shut(wire.from)?);
            }
        }
        Some(shut)
    }
}
