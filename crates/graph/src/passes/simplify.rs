//! Rebuilds every node through the smart constructors, scans' bodies included.

use std::collections::HashSet;
use std::sync::Arc;

use super::Context;
use crate::derivative::{rebuild, rebuild_body};
use crate::ir::{Graph, NodeId, Op, Scan, Size, Ty};
use crate::types::TypeError;

pub fn run(g: &Graph, outputs: &[NodeId], _: &mut Context<'_>) -> (Graph, Vec<NodeId>) {
    let pinned = pinned(g, outputs);
    well_typed(rebuild(g, outputs, |new, id, args| {
        let n = node(g, new, id, args)?;
        Ok(if pinned.contains(&id) { full(new, n, g.ty(id)) } else { n })
    }))
}

/// The nodes whose dimensions matter to others: what is wanted, and masks that rows are counted by.
pub fn pinned(g: &Graph, outputs: &[NodeId]) -> HashSet<NodeId> {
    let masks = g.dims().iter().filter_map(|d| if let Size::Count(m) = d.size { Some(m) } else { None });
    outputs.iter().copied().chain(masks).collect()
}

/// `n` with all the dimensions of a type: smart constructors leave out those a value is the same
/// along.
pub fn full(g: &mut Graph, n: NodeId, ty: &Ty) -> NodeId {
    g.expand(n, &ty.dims)
}

/// A rebuilt graph is as well typed as the one it was made from.
pub fn well_typed<T>(rebuilt: Result<T, TypeError>) -> T {
    rebuilt.unwrap_or_else(|e| panic!("ill-typed graph: {e}"))
}

/// Node `id` of `old` in its simplest form over `args`.
pub fn node(old: &Graph, new: &mut Graph, id: NodeId, args: &[NodeId]) -> Result<NodeId, TypeError> {
    let node = old.node(id);
    Ok(match &node.op {
        Op::Unary(u) => new.unary(*u, args[0]),
        Op::Binary(b) => new.binary(*b, args[0], args[1]),
        Op::Select => new.select(args[0], args[1], args[2]),
        Op::Size(d) => new.size(*d),
        Op::Ones(dims) => new.ones(dims),
        Op::Reduce(r, over) => new.reduce(*r, args[0], over),
        Op::Contract { over } => new.contract(args[0], args[1], over),
        Op::Gather => new.gather(args[0], args[1]),
        Op::ScatterAdd => new.scatter_add(args[0], args[1]),
        Op::Element { dim, at } => new.element(args[0], *dim, *at),
        Op::Place { dim, at } => new.place(args[0], *dim, *at),
        Op::Slice { dim, start, into } => new.slice(args[0], *dim, *start, *into),
        Op::Pad { from, start, dim } => new.pad(args[0], *from, *start, *dim),
        Op::Concat { parts, into } => new.concat(args, parts, *into),
        Op::Shift { dim, by, fill } => new.shift(args[0], *dim, *by, fill.0),
        Op::Rename(map) => new.rename(args[0], map),
        Op::Filter { dim, into } => new.filter(args[0], args[1], *dim, *into),
        Op::Cholesky { row, col } => new.cholesky(args[0], *row, *col),
        Op::TriSolve { row, col, transposed } => new.tri_solve(args[0], args[1], *row, *col, *transposed),
        Op::Scan(s) => {
            let args = as_they_were(old, new, id, args);
            new.push(Op::Scan(Arc::new(scan(s)?)), &args)?
        }
        Op::GramFactor { .. } | Op::Foreign(_) => {
            let args = as_they_were(old, new, id, args);
            new.push(node.op.clone(), &args)?
        }
        Op::Const(_) | Op::Input(_) | Op::Iota(_) | Op::Output(_) => new.push(node.op.clone(), args)?,
    })
}

/// Arguments with the types they had, for ops that go by them.
fn as_they_were(old: &Graph, new: &mut Graph, id: NodeId, args: &[NodeId]) -> Vec<NodeId> {
    let was = &old.node(id).args;
    args.iter().zip(was).map(|(&a, &w)| full(new, a, old.ty(w))).collect()
}

fn scan(s: &Scan) -> Result<Scan, TypeError> {
    let (body, outputs) = rebuild_body(&s.body, &s.outputs, |new, id, args| {
        let n = node(&s.body, new, id, args)?;
        Ok(if s.outputs.contains(&id) { full(new, n, s.body.ty(id)) } else { n })
    })?;
    Ok(Scan { body, outputs, over: s.over, n_carry: s.n_carry, n_step: s.n_step, reverse: s.reverse })
}
