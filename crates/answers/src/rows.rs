//! Some rows of what varies over a table, computed without the others.
//!
//! A node over the rows of a table is mostly elementwise in them, so that of some rows is the same of
//! some rows of its arguments, down to the data. What is not (a scan, a shift) is computed whole, and cut.

use std::ops::Range;

use graph::ir::{DimId, Graph, Kind, NodeId, Op, Role, Size, Varies};
use graph::value::{Bindings, Value};
use model::Target;

use crate::drawer::strides;

/// A graph, its data, and nodes in it.
pub struct Cut {
    pub graph: Graph,
    pub bindings: Bindings,
    pub nodes: Vec<NodeId>,
}

/// `nodes` over the rows `range` of `dim`; `None` where an array has other rows beside these, or an index is
/// computed.
pub fn cut(target: &Target, nodes: &[NodeId], dim: DimId, range: &Range<usize>) -> Option<Cut> {
    let old = &target.graph;
    let (mut graph, mut bindings) = (old.clone(), target.bindings.clone());
    let into = graph.add_dim("(some rows)", Role::Row, Size::Fixed(range.len()));
    // What is needed of these rows alone.
    let n = old.nodes().len();
    let mut needed = vec![false; n];
    nodes.iter().filter(|n| old.ty(**n).has(dim)).for_each(|n| needed[n.index()] = true);
    for i in (0..n).rev() {
        if needed[i] {
            mark(old, NodeId(i as u32), dim, &mut needed);
        }
    }
    let mut made: Vec<Option<NodeId>> = vec![None; n];
    for i in (0..n).filter(|&i| needed[i]) {
        let id = NodeId(i as u32);
        let node = old.node(id);
        if node.ty.dims.iter().filter(|&&d| old.is_row(d)).count() > 1 {
            return None;
        }
        graph.origin = node.origin;
        let args: Vec<NodeId> = node.args.iter().map(|a| made[a.index()].unwrap_or(*a)).collect();
        let new = match &node.op {
            Op::Input(input) if node.varies == Varies::Data => {
                let input = &old.inputs()[input.0 as usize];
                let value = rows_of(target, bindings.data.get(&input.name)?, &node.ty.dims, dim, range);
                let name = format!("(some rows) {}", input.name);
                bindings.data.insert(name.clone(), value);
                let dims: Vec<DimId> =
                    node.ty.dims.iter().map(|&d| if d == dim { into } else { d }).collect();
                graph.input(&name, Varies::Data, node.ty.kind, &dims)
            }
            _ if matches!(node.ty.kind, Kind::Index(_)) => return None,
            Op::Ones(dims) => {
                let dims: Vec<DimId> = dims.iter().map(|&d| if d == dim { into } else { d }).collect();
                graph.ones(&dims)
            }
            op if is_elementwise(old, id, dim) => graph.push(op.clone(), &args).ok()?,
            _ => graph.slice(id, dim, range.start, into),
        };
        made[i] = Some(new);
    }
    let nodes = nodes.iter().map(|n| made[n.index()].unwrap_or(*n)).collect();
    Some(Cut { graph, bindings, nodes })
}

/// Marks the arguments of which some rows are enough.
fn mark(g: &Graph, n: NodeId, dim: DimId, needed: &mut [bool]) {
    if !is_elementwise(g, n, dim) {
        return;
    }
    let node = g.node(n);
    let pointed_at = match node.op {
        // What an index points into is needed whole.
        Op::Gather => match g.ty(node.args[1]).kind {
            Kind::Index(d) if d == dim => Some(node.args[0]),
            _ => None,
        },
        _ => None,
    };
    let of_rows = node.args.iter().filter(|a| g.ty(**a).has(dim) && Some(**a) != pointed_at);
    of_rows.for_each(|a| needed[a.index()] = true);
}

/// Whether some rows of a node are made of the same rows of its arguments.
fn is_elementwise(g: &Graph, n: NodeId, dim: DimId) -> bool {
    match &g.node(n).op {
        Op::Unary(_) | Op::Binary(_) | Op::LogTail(_) | Op::Select | Op::Gather => true,
        Op::Reduce(_, over) | Op::Contract { over } => !over.contains(&dim),
        Op::Element { dim: d, .. } => *d != dim,
        Op::Rename(map) => map.iter().all(|(a, b)| *a != dim && *b != dim),
        _ => false,
    }
}

fn rows_of(target: &Target, value: &Value, dims: &[DimId], dim: DimId, range: &Range<usize>) -> Value {
    let at = dims.iter().position(|d| *d == dim).unwrap_or(0);
    let (inner, n) = (strides(target, dims)[at], target.size(dim));
    fn some<T: Copy>(v: &[T], inner: usize, n: usize, range: &Range<usize>) -> Vec<T> {
        let block = |b: &[T]| b[range.start * inner..range.end * inner].to_vec();
        v.chunks(inner * n).flat_map(block).collect()
    }
    match value {
        Value::Real(v) => Value::Real(some(v, inner, n, range)),
        Value::Index(v) => Value::Index(some(v, inner, n, range)),
    }
}
