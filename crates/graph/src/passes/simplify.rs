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
    let op = &old.node(id).op;
    if let Some(n) = by_constructor(new, op, args) {
        return Ok(n);
    }
    match op {
        Op::Scan(s) => {
            let args = as_they_were(old, new, id, args);
            new.push(Op::Scan(Arc::new(scan(s)?)), &args)
        }
        Op::GramFactor { .. } | Op::Foreign(_) => {
            let args = as_they_were(old, new, id, args);
            new.push(op.clone(), &args)
        }
        op => new.push(op.clone(), args),
    }
}

/// `op(args)` by its smart constructor; `None` for ops without one.
pub fn by_constructor(g: &mut Graph, op: &Op, args: &[NodeId]) -> Option<NodeId> {
    Some(match op {
        Op::Unary(u) => g.unary(*u, args[0]),
        Op::Binary(b) => g.binary(*b, args[0], args[1]),
        Op::LogTail(t) => g.log_tail(*t, args),
        Op::Select => g.select(args[0], args[1], args[2]),
        Op::Size(d) => g.size(*d),
        Op::Ones(dims) => g.ones(dims),
        Op::Reduce(r, over) => g.reduce(*r, args[0], over),
        Op::Contract { over } => g.contract(args[0], args[1], over),
        Op::Gather => g.gather(args[0], args[1]),
        Op::ScatterAdd => g.scatter_add(args[0], args[1]),
        Op::Element { dim, at } => g.element(args[0], *dim, *at),
        Op::Place { dim, at } => g.place(args[0], *dim, *at),
        Op::Slice { dim, start, into } => g.slice(args[0], *dim, *start, *into),
        Op::Pad { from, start, dim } => g.pad(args[0], *from, *start, *dim),
        Op::Concat { parts, into } => g.concat(args, parts, *into),
        Op::Shift { dim, by, fill } => g.shift(args[0], *dim, *by, fill.0),
        Op::Rename(map) => g.rename(args[0], map),
        Op::Filter { dim, into } => g.filter(args[0], args[1], *dim, *into),
        Op::Cholesky { row, col } => g.cholesky(args[0], *row, *col),
        Op::TriSolve { row, col, transposed } => g.tri_solve(args[0], args[1], *row, *col, *transposed),
        Op::Const(_) | Op::Input(_) | Op::Iota(_) | Op::Output(_) => return None,
        Op::Scan(_) | Op::GramFactor { .. } | Op::Foreign(_) => return None,
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
