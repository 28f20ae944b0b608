//! When each node is computed: code without rows alternates with passes over the rows of a table, or
//! over any other long dimension that stands alone (the groups of a plate).
//!
//! A node over one long dimension whose rows do not depend on each other is a *block* node: it
//! lives in scratch memory, a block of rows at a time. A reduction over the rows accumulates during
//! a pass; whatever needs its result comes later, and block nodes that are wanted again in a later
//! pass are computed again there. Everything else is *whole*. A block node that a whole node (or an
//! output) needs is stored as its pass goes by.

use std::collections::{HashMap, HashSet};

use super::items::{Code, Items};
use crate::ir::{DimId, Kind, NodeId, Op};
use crate::layout::Sizes;

/// How a lifted node is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// For all its elements at once.
    Whole,
    /// Block by block over these rows.
    Block(DimId),
    /// The result of a reduction over these rows: whole, once their pass is over.
    Sink(DimId),
}

/// Code that runs before another's results are needed.
#[derive(Debug)]
pub enum Stage {
    /// Whole nodes, in order.
    Flat(Vec<NodeId>),
    Rows(Pass),
}

/// One pass over the rows of a table.
#[derive(Debug)]
pub struct Pass {
    pub dim: DimId,
    /// Block nodes (some of them stored) and reductions, in order.
    pub nodes: Vec<NodeId>,
    pub sinks: Vec<NodeId>,
    /// Block nodes to be kept for all rows, for the first time.
    pub stores: Vec<NodeId>,
    /// Whether an earlier pass over these rows comes before.
    pub again: bool,
}

#[derive(Debug)]
pub struct Schedule {
    pub stages: Vec<Stage>,
    pub class: HashMap<NodeId, Class>,
}

/// The dimensions to be streamed: those longer than a block. Where two of them meet in one array, as
/// in a table of many columns, only the one of a table's rows is.
pub fn long_dims(items: &Items, sizes: &Sizes, block_rows: usize) -> HashSet<DimId> {
    let graph = items.graph;
    let nodes: HashSet<NodeId> =
        items.nodes().flat_map(|n| items.of(n).args.iter().copied().chain([n]).collect::<Vec<_>>()).collect();
    let long_of = |n: NodeId| -> Vec<DimId> {
        let dims = graph.ty(n).dims.iter().copied();
        dims.filter(|&d| sizes.get(d).is_some_and(|size| size > block_rows)).collect()
    };
    let all: Vec<Vec<DimId>> = nodes.into_iter().map(long_of).collect();
    let meets = |d: DimId| all.iter().any(|dims| dims.len() > 1 && dims.contains(&d));
    all.iter().flatten().copied().filter(|&d| graph.is_row(d) || !meets(d)).collect()
}

struct Planner<'a> {
    items: &'a Items<'a>,
    streamed: &'a dyn Fn(DimId) -> bool,
    class: HashMap<NodeId, Class>,
    /// Flat stage of a whole node, pass of a block node; a sink's pass.
    time: HashMap<NodeId, usize>,
    stored: HashMap<NodeId, usize>,
}

/// Plans the items; `streamed` tells which dimensions are.
pub fn schedule(items: &Items, outputs: &[NodeId], streamed: &dyn Fn(DimId) -> bool) -> Schedule {
    let mut p =
        Planner { items, streamed, class: HashMap::new(), time: HashMap::new(), stored: HashMap::new() };
    let nodes: Vec<NodeId> = items.nodes().collect();
    for &n in &nodes {
        let class = p.classify(n);
        p.class.insert(n, class);
        let time = p.time_of(n);
        p.time.insert(n, time);
    }
    for &o in outputs {
        if items.is_lifted(o) {
            p.whole(o);
        }
    }
    p.stages(&nodes)
}

impl Planner<'_> {
    fn rows(&self, dims: &[DimId]) -> Vec<DimId> {
        dims.iter().copied().filter(|&d| (self.streamed)(d)).collect()
    }

    fn rows_of(&self, n: NodeId) -> Vec<DimId> {
        self.rows(&self.items.graph.ty(n).dims)
    }

    fn is_block(&self, n: NodeId) -> bool {
        matches!(self.class.get(&n), Some(Class::Block(_)))
    }

    fn classify(&self, n: NodeId) -> Class {
        let items = self.items;
        let item = items.of(n);
        let own = self.rows_of(n);
        let arg_rows: Vec<DimId> = {
            let mut all: Vec<DimId> = item.args.iter().flat_map(|&a| self.rows_of(a)).collect();
            all.sort();
            all.dedup();
            all
        };
        if let Some(over) = self.reduced_rows(n)
            && arg_rows == [over]
            && item.args.iter().any(|a| self.class.get(a) == Some(&Class::Block(over)))
        {
            return Class::Sink(over);
        }
        let [row] = own[..] else { return Class::Whole };
        let apart = |d: DimId| d != row;
        let separable = match &item.code {
            Code::Expand | Code::Fused(_) | Code::Affine(_) | Code::Twin(..) | Code::SecondOf => true,
            Code::SumOfSquares(_) => arg_rows == [row],
            Code::Plain(op) => match op {
                Op::Unary(_) | Op::Binary(_) | Op::LogTail(_) | Op::Select => true,
                Op::Reduce(..) | Op::Contract { .. } => arg_rows == [row],
                Op::Gather => true,
                Op::ScatterAdd => arg_rows == [row],
                Op::Element { dim, .. } | Op::Place { dim, .. } | Op::Shift { dim, .. } => {
                    apart(*dim) && arg_rows == [row]
                }
                Op::Slice { dim, into: other, .. } | Op::Pad { from: dim, dim: other, .. } => {
                    apart(*dim) && apart(*other) && arg_rows == [row]
                }
                Op::Concat { parts, into } => apart(*into) && parts.iter().flatten().all(|&d| apart(d)),
                Op::Rename(map) => map.iter().all(|(a, b)| apart(*a) && apart(*b)) && arg_rows == [row],
                Op::Cholesky { row: r, col } | Op::TriSolve { row: r, col, .. } => apart(*r) && apart(*col),
                _ => false,
            },
        };
        if separable { Class::Block(row) } else { Class::Whole }
    }

    /// The one streamed dimension that a reduction removes.
    fn reduced_rows(&self, n: NodeId) -> Option<DimId> {
        let item = self.items.of(n);
        let over: &[DimId] = match &item.code {
            Code::Plain(Op::Reduce(_, over) | Op::Contract { over }) | Code::SumOfSquares(over) => over,
            Code::Plain(Op::ScatterAdd) => &self.items.graph.ty(item.args[1]).dims,
            _ => return None,
        };
        match self.rows(over)[..] {
            [d] => Some(d),
            _ => None,
        }
    }

    /// Does block node `n` need all rows of its argument `k`?
    fn needs_all_rows(&self, n: NodeId, k: usize) -> bool {
        let item = self.items.of(n);
        match (&item.code, self.class.get(&item.args[k])) {
            (Code::Plain(Op::Gather), Some(Class::Block(row))) => {
                self.items.graph.ty(item.args[1]).kind == Kind::Index(*row)
            }
            _ => false,
        }
    }

    /// The flat stage from which the whole of `n` is there.
    fn whole(&mut self, n: NodeId) -> usize {
        let time = self.time[&n];
        match self.class[&n] {
            Class::Whole => time,
            Class::Sink(_) => time + 1,
            Class::Block(_) => {
                self.stored.insert(n, time);
                time + 1
            }
        }
    }

    fn time_of(&mut self, n: NodeId) -> usize {
        let (class, args) = (self.class[&n], self.items.of(n).args.clone());
        let mut time = 0;
        for (k, &a) in args.iter().enumerate() {
            if !self.items.is_lifted(a) {
                continue;
            }
            let same_rows = match class {
                Class::Whole => false,
                Class::Block(r) | Class::Sink(r) => {
                    self.class[&a] == Class::Block(r) && !self.needs_all_rows(n, k)
                }
            };
            time = time.max(if same_rows { self.time[&a] } else { self.whole(a) });
        }
        time
    }

    fn stages(self, nodes: &[NodeId]) -> Schedule {
        let last = self.time.values().copied().max().unwrap_or(0);
        let mut stages = Vec::new();
        let mut seen: Vec<DimId> = Vec::new();
        for t in 0..=last + 1 {
            let at = |n: &&NodeId| self.time[*n] == t;
            let flat: Vec<NodeId> =
                nodes.iter().filter(at).filter(|n| self.class[n] == Class::Whole).copied().collect();
            if !flat.is_empty() {
                stages.push(Stage::Flat(flat));
            }
            let mut dims: Vec<DimId> = Vec::new();
            for n in nodes.iter().filter(at) {
                match self.class[n] {
                    Class::Sink(d) => dims.push(d),
                    Class::Block(d) if self.stored.contains_key(n) => dims.push(d),
                    _ => {}
                }
            }
            dims.sort();
            dims.dedup();
            for dim in dims {
                let sinks: Vec<NodeId> =
                    nodes.iter().filter(at).filter(|n| self.class[n] == Class::Sink(dim)).copied().collect();
                let stores: Vec<NodeId> = nodes
                    .iter()
                    .filter(at)
                    .filter(|n| self.class[n] == Class::Block(dim) && self.stored.contains_key(n))
                    .copied()
                    .collect();
                let nodes = self.closure(dim, t, &sinks, &stores);
                let again = seen.contains(&dim);
                seen.push(dim);
                stages.push(Stage::Rows(Pass { dim, nodes, sinks, stores, again }));
            }
        }
        Schedule { stages, class: self.class }
    }

    /// What a pass computes for its sinks and stores; what an earlier pass stored is read instead.
    fn closure(&self, dim: DimId, t: usize, sinks: &[NodeId], stores: &[NodeId]) -> Vec<NodeId> {
        let mut needed: Vec<NodeId> = sinks.iter().chain(stores).copied().collect();
        let mut seen: HashSet<NodeId> = needed.iter().copied().collect();
        let mut stack = needed.clone();
        while let Some(n) = stack.pop() {
            for (k, &a) in self.items.of(n).args.iter().enumerate() {
                // A twin's second result comes with its first, computed again if it must be.
                let block =
                    self.is_block(a) && self.class[&a] == Class::Block(dim) && !self.needs_all_rows(n, k);
                let twin = matches!(self.items.of(n).code, Code::SecondOf);
                let read = !twin && self.stored.get(&a).is_some_and(|&s| s < t);
                if block && !read && seen.insert(a) {
                    needed.push(a);
                    stack.push(a);
                }
            }
        }
        needed.sort();
        needed
    }
}
