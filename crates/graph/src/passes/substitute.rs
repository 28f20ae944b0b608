//! Copies a graph with some nodes replaced by others.

use std::collections::{HashMap, HashSet};

use super::simplify::{full, node, well_typed};
use crate::ir::{Graph, NodeId, Op, Size};

/// What `outputs` need of `g`, in simplest form, with `replaced` nodes standing in for others (they
/// may come later in `g`, but must not need what they replace). Outputs keep their types, inputs
/// their ids.
pub fn substitute(g: &Graph, outputs: &[NodeId], replaced: &HashMap<NodeId, NodeId>) -> (Graph, Vec<NodeId>) {
    let masks = g.dims().iter().filter_map(|d| if let Size::Count(m) = d.size { Some(m) } else { None });
    let pinned: HashSet<NodeId> = outputs.iter().copied().chain(masks).collect();
    let inputs = (0..g.nodes().len() as u32).map(NodeId).filter(|&n| matches!(g.node(n).op, Op::Input(_)));
    let mut new = Graph::with_signature_of(g);
    let mut map: HashMap<NodeId, NodeId> = HashMap::new();
    // Inputs in order, then what is wanted: a node is made when its arguments are.
    let mut roots: Vec<NodeId> = pinned.iter().copied().collect();
    roots.sort();
    for root in inputs.chain(roots) {
        let mut stack = vec![root];
        while let Some(&n) = stack.last() {
            if map.contains_key(&n) {
                stack.pop();
                continue;
            }
            if let Some(&by) = replaced.get(&n) {
                match map.get(&by) {
                    Some(&m) => {
                        let m = if pinned.contains(&n) { full(&mut new, m, g.ty(n)) } else { m };
                        map.insert(n, m);
                    }
                    None => stack.push(by),
                }
                continue;
            }
            let missing: Vec<NodeId> =
                g.node(n).args.iter().copied().filter(|a| !map.contains_key(a)).collect();
            if !missing.is_empty() {
                stack.extend(missing);
                continue;
            }
            let args: Vec<NodeId> = g.node(n).args.iter().map(|a| map[a]).collect();
            new.origin = g.node(n).origin;
            let m = well_typed(node(g, &mut new, n, &args));
            let m = if pinned.contains(&n) { full(&mut new, m, g.ty(n)) } else { m };
            map.insert(n, m);
        }
    }
    new.remap_sizes(g.dims().len(), &map);
    (new, outputs.iter().map(|o| map[o]).collect())
}
