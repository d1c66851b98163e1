//! A patch as the engine sees it: known modules, wires between them, lanes.

use std::collections::{HashMap, HashSet};

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use weft_modules::{Entry, Voicing, Width, find};

use super::compile::CompileError;
use crate::patch::{Cable, ModuleKey, Patch};

/// Modules and wires, ready to be put in order.
#[derive(Clone, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) wires: Vec<Wire>,
}

/// A module this Weft knows.
#[derive(Clone)]
pub(super) struct Node {
    /// Who it is, whatever it is called.
    pub(super) key: ModuleKey,
    pub(super) id: String,
    /// The id its randomness comes from.
    pub(super) made_as: String,
    pub(super) entry: &'static Entry,
    /// Plain values of its params.
    pub(super) values: Vec<f32>,
    pub(super) width: Width,
    /// Note sources whose voices it carries.
    pub(super) sources: Vec<usize>,
    /// How loud the host hears it, for modules whose outputs it hears.
    pub(super) heard: Fade,
}

/// From one gain to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fade {
    pub(super) start: f32,
    pub(super) gain: f32,
}

impl Fade {
    pub(super) const fn steady(gain: f32) -> Fade {
        Fade { start: gain, gain }
    }
}

/// A cable between nodes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wire {
    pub(super) from: usize,
    pub(super) output: usize,
    pub(super) to: usize,
    pub(super) target: Target,
    pub(super) fade: Fade,
    /// Read one frame late.
    pub(super) feedback: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Input(usize),
    Param(usize),
}

/// What runs at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A module, in whole calls.
    Module(usize),
    /// Modules that hear each other through feedback cables, frame by frame, in this order.
    Loop(Vec<usize>),
}

impl Unit {
    pub(super) fn members(&self) -> &[usize] {
        match self {
            Unit::Module(node) => std::slice::from_ref(node),
            Unit::Loop(nodes) => nodes,
        }
    }
}

impl Graph {
    /// The modules of a patch that this Weft knows, and the cables between them.
    ///
    /// # Errors
    /// [`CompileError::Circle`] if cables run in a circle with none of them marked as feedback.
    pub(super) fn of(patch: &Patch) -> Result<(Graph, Vec<Unit>), CompileError> {
        if let Some(circle) = patch.circle() {
            return Err(circle.into());
        }
        let nodes: Vec<Node> = patch
            .modules
            .iter()
            .filter_map(|(id, module)| {
                let entry = find(&module.kind)?;
                let values = entry.spec.params.iter().enumerate();
                Some(Node {
                    key: module.key(),
                    id: id.to_owned(),
                    made_as: module.made_as.as_deref().unwrap_or(id).to_owned(),
                    entry,
                    values: values
                        .map(|(index, param)| module.value(index).unwrap_or(param.default))
                        .collect(),
                    width: Width::One,
                    sources: Vec::new(),
                    heard: Fade::steady(1.0),
                })
            })
            .collect();
        let places: HashMap<&str, usize> = nodes
            .iter()
            .enumerate()
            .map(|(place, node)| (node.id.as_str(), place))
            .collect();
        let wires = patch
            .cables
            .iter()
            .filter_map(|cable| wire(cable, &places, &nodes))
            .collect();
        let mut graph = Graph { nodes, wires };
        let units = graph.order().unwrap_or_default();
        graph.infer_lanes(&units);
        Ok((graph, units))
    }

    /// Whether the same modules are joined by the same cables, whatever they are called and wherever
    /// their knobs stand.
    pub(super) fn plays_like(&self, other: &Graph) -> bool {
        let same = |one: &Node, other: &Node| {
            let settings = |node: &Node| -> Vec<f32> {
                let params = node.entry.spec.params.iter().zip(&node.values);
                params
                    .filter(|(spec, _)| spec.setting)
                    .map(|(_, value)| *value)
                    .collect()
            };
            one.key == other.key
                && std::ptr::eq(one.entry, other.entry)
                && settings(one) == settings(other)
        };
        self.nodes.len() == other.nodes.len()
            && self
                .nodes
                .iter()
                .zip(&other.nodes)
                .all(|(one, other)| same(one, other))
            && self.wires == other.wires
    }

    /// Whether some module plays in both.
    pub(super) fn shares_modules_with(&self, other: &Graph) -> bool {
        let keys: HashSet<ModuleKey> = self.nodes.iter().map(|node| node.key).collect();
        other.nodes.iter().any(|node| keys.contains(&node.key))
    }

    /// What runs when: every wire that is no feedback points forward. `None` if wires run in a circle
    /// with no feedback among them.
    pub(super) fn order(&self) -> Option<Vec<Unit>> {
        let mut all = DiGraph::<(), ()>::with_capacity(self.nodes.len(), self.wires.len());
        for _ in &self.nodes {
            all.add_node(());
        }
        for wire in &self.wires {
            all.add_edge(NodeIndex::new(wire.from), NodeIndex::new(wire.to), ());
        }
        // Tarjan's algorithm gives the components with the last one to run first.
        let components = tarjan_scc(&all).into_iter().rev();
        components
            .map(|component| {
                let members: Vec<usize> = component.into_iter().map(NodeIndex::index).collect();
                let first = *members.first()?;
                let turns = self
                    .wires
                    .iter()
                    .any(|wire| wire.from == first && wire.to == first);
                if members.len() == 1 && !turns {
                    return Some(Unit::Module(first));
                }
                self.order_within(members).map(Unit::Loop)
            })
            .collect()
    }

    fn order_within(&self, mut members: Vec<usize>) -> Option<Vec<usize>> {
        members.sort_unstable();
        let place: HashMap<usize, usize> = members
            .iter()
            .enumerate()
            .map(|(place, node)| (*node, place))
            .collect();
        let mut inside = DiGraph::<(), ()>::with_capacity(members.len(), members.len());
        for _ in &members {
            inside.add_node(());
        }
        for wire in self.wires.iter().filter(|wire| !wire.feedback) {
            if let (Some(from), Some(to)) = (place.get(&wire.from), place.get(&wire.to)) {
                inside.add_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
            }
        }
        let order = toposort(&inside, None).ok()?;
        Some(
            order
                .into_iter()
                .map(|place| members[place.index()])
                .collect(),
        )
    }

    fn infer_lanes(&mut self, units: &[Unit]) {
        let mut into: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for wire in &self.wires {
            into[wire.to].push(wire.from);
        }
        for unit in units {
            // Around a loop lanes spread by one module a round.
            for _ in 0..unit.members().len() {
                for &node in unit.members() {
                    match self.nodes[node].entry.spec.voicing {
                        Voicing::NoteSource => {
                            let spec = &self.nodes[node].entry.spec;
                            let wanted = spec
                                .param("voices")
                                .map_or(1.0, |voices| self.nodes[node].values[voices]);
                            self.nodes[node].width = Width::for_voices(wanted as usize);
                            self.nodes[node].sources = vec![node];
                        }
                        Voicing::PerVoice => {
                            let widest =
                                into[node].iter().map(|from| self.nodes[*from].width).max();
                            let mut sources: Vec<usize> = into[node]
                                .iter()
                                .flat_map(|from| self.nodes[*from].sources.iter().copied())
                                .collect();
                            sources.sort_unstable();
                            sources.dedup();
                            self.nodes[node].width = widest.unwrap_or(Width::One);
                            self.nodes[node].sources = sources;
                        }
                        Voicing::Mixdown | Voicing::HostInput | Voicing::HostOutput => {}
                    }
                }
            }
        }
    }
}

fn wire(cable: &Cable, places: &HashMap<&str, usize>, nodes: &[Node]) -> Option<Wire> {
    let from = *places.get(cable.from.module.as_str())?;
    let to = *places.get(cable.to.module.as_str())?;
    let output = nodes[from].entry.spec.output(&cable.from.port)?;
    let spec = &nodes[to].entry.spec;
    let target = match spec.input(&cable.to.port) {
        Some(input) => Target::Input(input),
        None => {
            let param = spec.param(&cable.to.port)?;
            let takes_cables = spec.params[param].is_continuous() && !spec.params[param].setting;
            takes_cables.then_some(Target::Param(param))?
        }
    };
    Some(Wire {
        from,
        output,
        to,
        target,
        fade: Fade::steady(cable.amount),
        feedback: cable.feedback,
    })
}
