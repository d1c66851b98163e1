//! Cables that run in a circle.

use petgraph::algo::{astar, kosaraju_scc};
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Cable, Patch};

/// Cables run in a circle, and none of them is a feedback cable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cables run in a circle: {}; mark \"{cable}\" as feedback, so that it reads its source one \
     sample late, or take it out",
    path.join(" -> ")
)]
pub struct Circle {
    /// Module ids along the circle; the last is the first again.
    pub path: Vec<String>,
    /// A cable of it that can be marked as feedback.
    pub cable: String,
}

impl Patch {
    /// A circle of cables, a short one, if there is any. Feedback cables, cables that lead nowhere
    /// and cables of modules whose type is not known close none.
    pub fn circle(&self) -> Option<Circle> {
        self.circle_through(|_| false)
    }

    /// As [`circle`](Self::circle), through one of the preferred cables if there is such a circle.
    pub(super) fn circle_through(&self, preferred: impl Fn(&Cable) -> bool) -> Option<Circle> {
        let mut graph = DiGraph::<(), usize>::with_capacity(self.modules.len(), self.cables.len());
        for _ in self.modules.iter() {
            graph.add_node(());
        }
        for (index, cable) in self.cables.iter().enumerate() {
            if let Some((from, to)) = self.sounding_ends(cable) {
                graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), index);
            }
        }
        let mut knots = vec![0; self.modules.len()];
        for (knot, modules) in kosaraju_scc(&graph).into_iter().enumerate() {
            for module in modules {
                knots[module.index()] = knot;
            }
        }
        // The cable written last is the likeliest to have closed the circle.
        let (from, to, cable) = graph
            .edge_indices()
            .filter_map(|edge| {
                let (from, to) = graph.edge_endpoints(edge)?;
                let cable = &self.cables[graph[edge]];
                (knots[from.index()] == knots[to.index()]).then_some((from, to, cable))
            })
            .max_by_key(|(_, _, cable)| preferred(cable))?;
        let (_, back) = astar(&graph, to, |module| module == from, |_| 1, |_| 0)?;
        let path = std::iter::once(from).chain(back);
        Some(Circle {
            path: path
                .map(|module| self.modules.at(module.index()).0.into())
                .collect(),
            cable: cable.to_string(),
        })
    }

    /// The places of the modules a cable joins, if sound passes at once.
    fn sounding_ends(&self, cable: &Cable) -> Option<(usize, usize)> {
        if cable.feedback || self.fault(cable).is_some() {
            return None;
        }
        let end = |id: &str| {
            let place = self.modules.place(id)?;
            self.modules.at(place).1.spec().map(|_| place)
        };
        Some((end(&cable.from.module)?, end(&cable.to.module)?))
    }
}
