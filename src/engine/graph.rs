//! A patch as the engine sees it: known modules, wires between them, lanes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use petgraph::algo::{TarjanScc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use weft_modules::{Entry, Voicing, Width, find};

use super::SLOTS;
use super::compile::CompileError;
use crate::patch::{Cable, ModuleKey, ParamRef, Patch};

/// Modules and wires, ready to be put in order.
#[derive(Clone, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) wires: Vec<Wire>,
    pub(super) slots: Vec<Bound>,
}

/// A slot that moves a param.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    /// Counted from 0.
    pub(super) slot: usize,
    pub(super) node: usize,
    pub(super) param: usize,
}

/// A module this Weft knows.
#[derive(Clone)]
pub(super) struct Node {
    /// Who it is, whatever it is called.
    pub(super) key: ModuleKey,
    pub(super) id: Arc<str>,
    /// The id its randomness comes from.
    pub(super) made_as: Arc<str>,
    pub(super) entry: &'static Entry,
    /// Plain values of its params.
    pub(super) values: Arc<[f32]>,
    pub(super) width: Width,
    /// Note sources whose voices it carries.
    pub(super) sources: Arc<[usize]>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
        let mut nodes = Vec::with_capacity(patch.modules.len());
        // Where each module of the patch is among the nodes.
        let mut places = Vec::with_capacity(patch.modules.len());
        for (id, module) in patch.modules.iter() {
            let Some(entry) = find(&module.kind) else {
                places.push(None);
                continue;
            };
            places.push(Some(nodes.len()));
            let id: Arc<str> = id.into();
            let params = entry.spec.params.iter().enumerate();
            nodes.push(Node {
                key: module.key(),
                made_as: match &module.made_as {
                    Some(made_as) => made_as.as_str().into(),
                    None => Arc::clone(&id),
                },
                id,
                entry,
                values: params
                    .map(|(index, param)| module.named(index).unwrap_or(param.default))
                    .collect(),
                width: Width::One,
                sources: Arc::default(),
                heard: Fade::steady(1.0),
            });
        }
        let place = |id: &str| places[patch.modules.place(id)?];
        let wires = patch.cables.iter();
        let wires = wires
            .filter_map(|cable| wire(cable, place, &nodes))
            .collect();
        let slots = patch.slots.iter();
        let slots = slots
            .filter_map(|(slot, param)| bound(*slot, param, place, &nodes))
            .collect();
        let mut graph = Graph {
            nodes,
            wires,
            slots,
        };
        let units = match graph.order() {
            Some(units) => units,
            None => match patch.circle() {
                Some(circle) => return Err(circle.into()),
                None => Vec::new(),
            },
        };
        graph.infer_lanes(&units);
        Ok((graph, units))
    }

    /// Whether the same modules are joined by the same cables, whatever they are called and wherever
    /// their knobs stand.
    pub(super) fn plays_like(&self, other: &Graph) -> bool {
        let same = |one: &Node, other: &Node| {
            let values = one.values.iter().zip(&*other.values);
            let mut params = one.entry.spec.params.iter().zip(values);
            one.key == other.key
                && std::ptr::eq(one.entry, other.entry)
                && params.all(|(spec, (one, other))| !spec.setting || one == other)
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
        let mut turns = vec![false; self.nodes.len()];
        for wire in self.wires.iter().filter(|wire| wire.from == wire.to) {
            turns[wire.from] = true;
        }
        let mut units = Some(Vec::with_capacity(self.nodes.len()));
        TarjanScc::new().run(&all, |component| {
            let unit = match component {
                [node] if !turns[node.index()] => Some(Unit::Module(node.index())),
                members => {
                    let members = members.iter().map(|node| node.index()).collect();
                    self.order_within(members).map(Unit::Loop)
                }
            };
            match (&mut units, unit) {
                (Some(units), Some(unit)) => units.push(unit),
                (units, _) => *units = None,
            }
        });
        // The algorithm gives the components with the last one to run first.
        let mut units = units?;
        units.reverse();
        Some(units)
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
        let arrivals = Arrivals::of(self);
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
                            self.nodes[node].sources = [node].into();
                        }
                        Voicing::PerVoice => {
                            let from = || {
                                let wires = arrivals.at(node).iter();
                                wires.map(|wire| &self.nodes[self.wires[*wire].from])
                            };
                            let widest = from().map(|from| from.width).max();
                            let widest = widest.unwrap_or(Width::One);
                            let mut sources: Vec<usize> = from()
                                .flat_map(|from| from.sources.iter().copied())
                                .collect();
                            sources.sort_unstable();
                            sources.dedup();
                            self.nodes[node].width = widest;
                            if *self.nodes[node].sources != sources[..] {
                                self.nodes[node].sources = sources.into();
                            }
                        }
                        Voicing::Mixdown | Voicing::HostInput | Voicing::HostOutput => {}
                    }
                }
            }
        }
    }
}

/// The wires into each node.
pub(super) struct Arrivals {
    /// Wires in the order of the nodes they lead to, then of their targets there, then of the patch.
    wires: Vec<usize>,
    /// Where those of each node begin, and where the last ones end.
    first: Vec<usize>,
}

impl Arrivals {
    pub(super) fn of(graph: &Graph) -> Arrivals {
        let mut first = vec![0; graph.nodes.len() + 1];
        for wire in &graph.wires {
            first[wire.to + 1] += 1;
        }
        for node in 0..graph.nodes.len() {
            first[node + 1] += first[node];
        }
        let mut next = first.clone();
        let mut wires = vec![0; graph.wires.len()];
        for (index, wire) in graph.wires.iter().enumerate() {
            wires[next[wire.to]] = index;
            next[wire.to] += 1;
        }
        for node in 0..graph.nodes.len() {
            wires[first[node]..first[node + 1]].sort_by_key(|wire| graph.wires[*wire].target);
        }
        Arrivals { wires, first }
    }

    /// All wires, by the node they lead to.
    pub(super) fn all(&self) -> &[usize] {
        &self.wires
    }

    /// Those into one node among all of them.
    pub(super) fn range(&self, node: usize) -> Range<usize> {
        self.first[node]..self.first[node + 1]
    }

    /// Those into one node.
    pub(super) fn at(&self, node: usize) -> &[usize] {
        &self.wires[self.range(node)]
    }
}

fn bound(
    slot: u16,
    bound: &ParamRef,
    place: impl Fn(&str) -> Option<usize>,
    nodes: &[Node],
) -> Option<Bound> {
    let slot = usize::from(slot).checked_sub(1)?;
    let node = place(&bound.module)?;
    let spec = &nodes[node].entry.spec;
    let param = spec.param(&bound.param)?;
    (slot < SLOTS && !spec.params[param].setting).then_some(Bound { slot, node, param })
}

fn wire(cable: &Cable, place: impl Fn(&str) -> Option<usize>, nodes: &[Node]) -> Option<Wire> {
    let from = place(&cable.from.module)?;
    let to = place(&cable.to.module)?;
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
