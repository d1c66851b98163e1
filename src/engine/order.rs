//! The running order of modules.

use petgraph::algo::{astar, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

/// Puts `count` nodes in an order in which every edge `(from, to)` points forward.
///
/// # Errors
/// A cycle: nodes along it, each feeding the next and the last feeding the first.
pub(super) fn running_order(count: usize, edges: &[(usize, usize)]) -> Result<Vec<usize>, Vec<usize>> {
    let mut graph = DiGraph::<(), ()>::with_capacity(count, edges.len());
    for _ in 0..count {
        graph.add_node(());
    }
    for (from, to) in edges {
        graph.add_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
    }
    match toposort(&graph, None) {
        Ok(order) => Ok(order.into_iter().map(NodeIndex::index).collect()),
        Err(cycle) => {
            let goal = cycle.node_id();
            let path = graph
                .neighbors(goal)
                .filter_map(|start| astar(&graph, start, |node| node == goal, |_| 1, |_| 0))
                .min_by_key(|(length, _)| *length)
                .map_or_else(|| vec![goal], |(_, path)| path);
            let mut path: Vec<usize> = path.into_iter().map(NodeIndex::index).collect();
            path.rotate_right(1);
            Err(path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_points_forward() {
        let edges = [(3, 1), (1, 0), (4, 0), (2, 4), (3, 4)];
        let order = running_order(5, &edges).expect("no cycle");
        let place = |node| order.iter().position(|n| *n == node).expect("every node is placed");
        for (from, to) in edges {
            assert!(place(from) < place(to));
        }
    }

    #[test]
    fn a_cycle_is_named_by_its_path() {
        let path = running_order(5, &[(0, 1), (1, 2), (2, 3), (3, 1), (3, 4)]).expect_err("a cycle");
        assert_eq!(path.len(), 3);
        let start = path.iter().position(|node| *node == 1).expect("1 is on it");
        let turned: Vec<_> = path.iter().cycle().skip(start).take(3).copied().collect();
        assert_eq!(turned, [1, 2, 3]);
        assert_eq!(running_order(1, &[(0, 0)]), Err(vec![0]));
    }
}
