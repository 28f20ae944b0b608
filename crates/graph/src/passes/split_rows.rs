//! A row sum that chooses by a draw-free mask becomes two sums, each over its own rows.
//!
//! In `sum_r select(mask_r, a_r, b_r)` both branches would be computed for every row. The mask is
//! known with the data, so the rows are: the data are filtered once into two tables, `a` is summed
//! over the one and `b` over the other. A censored likelihood then pays for a density or a tail, not
//! for both, and rows that are masked out cost nothing.
//!
//! Only where the summand is made row by row, from data, gathers and what no row changes; and only
//! where the branches differ by more than a few cheap operations. Sums that share their rows are split
//! together, so that what they share is still computed once a row.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::simplify::by_constructor;
use super::substitute::substitute;
use super::{Context, values};
use crate::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Reduction, Size, Unary, Varies};
use crate::layout::reachable;

/// Splits are made one mask after the other; more than these are more than a model has.
const MOST_SPLITS: usize = 8;

/// A split must save this many cheap operations a row, and this share of all.
const LEAST_GAIN: f64 = 4.0;
const LEAST_SHARE: f64 = 0.1;

pub fn run(g: &Graph, outputs: &[NodeId], context: &mut Context<'_>) -> (Graph, Vec<NodeId>) {
    let mut now = (g.clone(), outputs.to_vec());
    for _ in 0..MOST_SPLITS {
        let Some(best) = best_split(&now.0, &now.1, context) else { break };
        let (taken, all) = (best.taken, best.rows);
        let name = now.0.dim(best.row).name.clone();
        let rows = taken.zip(all).map_or(String::new(), |(t, n)| format!(" ({t} of {n})"));
        context
            .note(format!("sums over {name} became sums over the rows of a mask{rows} and over the others"));
        let mut scratch = now.0.clone();
        let replaced = best.apply(&mut scratch);
        now = substitute(&scratch, &now.1, &replaced);
    }
    now
}

/// Sums over one row dimension to be split by one mask.
struct Split {
    row: DimId,
    mask: NodeId,
    sums: Vec<NodeId>,
    /// Rows where the mask is not zero, and all rows, if known.
    taken: Option<usize>,
    rows: Option<usize>,
}

/// The nodes that rows differ in and draws too, from `roots` down: what a row costs. `None` where a
/// node is not made row by row. With a mask, only one branch of its choices is followed.
fn row_nodes(
    g: &Graph,
    roots: &[NodeId],
    row: DimId,
    follow: Option<(NodeId, bool)>,
) -> Option<HashSet<NodeId>> {
    let mut seen = HashSet::new();
    let mut stack = roots.to_vec();
    while let Some(n) = stack.pop() {
        let node = g.node(n);
        if node.varies == Varies::Data || !node.ty.has(row) || !seen.insert(n) {
            continue;
        }
        match &node.op {
            Op::Select => match follow {
                Some((mask, taken)) if node.args[0] == mask => {
                    // The choice itself is gone.
                    seen.remove(&n);
                    stack.push(node.args[if taken { 1 } else { 2 }]);
                }
                _ => stack.extend(&node.args),
            },
            Op::Unary(_) | Op::Binary(_) | Op::LogTail(_) | Op::Reduce(..) | Op::Contract { .. } => {
                stack.extend(&node.args)
            }
            Op::Gather => {
                let along = matches!(g.ty(node.args[1]).kind, Kind::Index(d) if d == row);
                if along {
                    return None;
                }
                stack.extend(&node.args);
            }
            Op::Element { dim, .. } | Op::Place { dim, .. } if *dim != row => stack.extend(&node.args),
            Op::Shift { dim, .. } if *dim != row => stack.extend(&node.args),
            _ => return None,
        }
    }
    Some(seen)
}

/// Cheap operations a row.
fn cost(g: &Graph, nodes: &HashSet<NodeId>) -> f64 {
    let one = |n: &NodeId| match &g.node(*n).op {
        Op::Unary(Unary::Neg | Unary::Abs | Unary::Square | Unary::Not | Unary::Detach | Unary::Floor) => 1.0,
        Op::Unary(Unary::Recip | Unary::Sqrt) | Op::Binary(Binary::Div) => 3.0,
        Op::Unary(
            Unary::Lgamma
            | Unary::Digamma
            | Unary::Trigamma
            | Unary::LgammaRest
            | Unary::DigammaRest
            | Unary::TrigammaRest
            | Unary::LogNdtr
            | Unary::Erf
            | Unary::Erfc
            | Unary::LogBesselI0e
            | Unary::BesselGap,
        ) => 20.0,
        Op::Binary(Binary::Pow | Binary::Log1pGap) => 15.0,
        // About two microseconds a draw.
        Op::LogTail(_) => 10_000.0,
        Op::Unary(_) | Op::Contract { .. } => 8.0,
        _ => 1.0,
    };
    nodes.iter().map(one).sum()
}

/// The operands of a sum over rows.
fn summed(g: &Graph, n: NodeId) -> Option<(&[DimId], &[NodeId])> {
    match &g.node(n).op {
        Op::Reduce(Reduction::Sum, over) | Op::Contract { over } => Some((over, &g.node(n).args)),
        _ => None,
    }
}

fn best_split(g: &Graph, outputs: &[NodeId], context: &Context<'_>) -> Option<Split> {
    let live = reachable(g, outputs);
    // Sums by row dimension and mask, in an order that does not depend on hashing.
    let mut candidates: BTreeMap<(DimId, NodeId), Vec<NodeId>> = BTreeMap::new();
    for &n in live.iter().filter(|&&n| g.varies(n) != Varies::Data) {
        let Some((over, args)) = summed(g, n) else { continue };
        for &row in over.iter().filter(|&&d| g.is_row(d)) {
            let Some(nodes) = row_nodes(g, args, row, None) else { continue };
            let masks: HashSet<NodeId> = nodes.iter().filter_map(|&m| mask_of(g, m, row)).collect();
            for mask in masks {
                candidates.entry((row, mask)).or_default().push(n);
            }
        }
    }
    let mut best: Option<(f64, Split)> = None;
    for ((row, mask), sums) in candidates {
        let roots: Vec<NodeId> = sums.iter().flat_map(|&s| g.node(s).args.clone()).collect();
        let cost_of = |follow| row_nodes(g, &roots, row, follow).map(|nodes| cost(g, &nodes));
        let (Some(both), Some(yes), Some(no)) =
            (row_nodes(g, &roots, row, None), cost_of(Some((mask, true))), cost_of(Some((mask, false))))
        else {
            continue;
        };
        let known = values(g, mask, context.bindings);
        let rows = known.as_ref().map(Vec::len);
        let taken = known.map(|v| v.iter().filter(|&&x| x != 0.0).count());
        let share = taken.zip(rows).map_or(0.5, |(t, n)| t as f64 / n.max(1) as f64);
        // What others use of these rows is computed for all of them as before.
        let outside = live.iter().filter(|n| !both.contains(n) && !sums.contains(n));
        let used: Vec<NodeId> = outside
            .flat_map(|&n| g.node(n).args.iter().copied())
            .chain(outputs.iter().copied())
            .filter(|n| both.contains(n))
            .collect();
        let shared = row_nodes(g, &used, row, None).map_or(0.0, |nodes| cost(g, &nodes));
        let before = cost(g, &both);
        let gain = before - (share * yes + (1.0 - share) * no + shared);
        if gain >= LEAST_GAIN.max(LEAST_SHARE * before) && best.as_ref().is_none_or(|(most, _)| gain > *most)
        {
            best = Some((gain, Split { row, mask, sums, taken, rows }));
        }
    }
    best.map(|(_, split)| split)
}

/// The draw-free mask by which a node chooses between rows.
fn mask_of(g: &Graph, n: NodeId, row: DimId) -> Option<NodeId> {
    let node = g.node(n);
    let mask = *node.args.first()?;
    (node.op == Op::Select && g.varies(mask) == Varies::Data && g.ty(mask).dims == [row]).then_some(mask)
}

impl Split {
    /// The sums written as two each.
    fn apply(&self, g: &mut Graph) -> HashMap<NodeId, NodeId> {
        let zero = g.constant(0.0);
        let others = g.binary(Binary::Eq, self.mask, zero);
        let none = |n: Option<usize>| n == Some(0);
        let left = self.rows.zip(self.taken).map(|(n, t)| n - t);
        let mut parts = Vec::new();
        if !none(self.taken) {
            parts.push(Part::new(g, self, true, self.mask, none(left)));
        }
        if !none(left) {
            parts.push(Part::new(g, self, false, others, none(self.taken)));
        }
        let mut replaced = HashMap::new();
        for &s in &self.sums {
            let mut total = zero;
            for part in &mut parts {
                let sum = part.sum(g, s);
                total = g.add(total, sum);
            }
            replaced.insert(s, total);
        }
        replaced
    }
}

/// One side of a split.
struct Part {
    row: DimId,
    /// The choices made by this mask are made.
    mask: NodeId,
    taken: bool,
    /// The rows that are kept and their dimension; nothing where all are.
    kept: Option<(NodeId, DimId)>,
    map: HashMap<NodeId, NodeId>,
}

impl Part {
    fn new(g: &mut Graph, split: &Split, taken: bool, rows: NodeId, all: bool) -> Part {
        let kept = (!all).then(|| {
            let Split { row, .. } = *split;
            let (name, role) = (g.dim(row).name.clone(), g.dim(row).role);
            let free = |k: &usize| g.find_dim(&format!("{name}.{k}")).is_none();
            let k = (1..).find(free).unwrap_or_default();
            (rows, g.add_dim(&format!("{name}.{k}"), role, Size::Count(rows)))
        });
        Part { row: split.row, mask: split.mask, taken, kept, map: HashMap::new() }
    }

    fn over(&self, over: &[DimId]) -> Vec<DimId> {
        let to = |d: DimId| if d == self.row { self.kept.map_or(d, |k| k.1) } else { d };
        over.iter().map(|&d| to(d)).collect()
    }

    fn sum(&mut self, g: &mut Graph, s: NodeId) -> NodeId {
        let node = g.node(s).clone();
        let args: Vec<NodeId> = node.args.iter().map(|&a| self.of(g, a)).collect();
        match &node.op {
            Op::Contract { over } => g.contract(args[0], args[1], &self.over(over)),
            Op::Reduce(_, over) => g.sum(args[0], &self.over(over)),
            op => unreachable!("{} is no sum", op.name()),
        }
    }

    /// `n` for the rows that are kept. Recursion is as deep as an expression of one row.
    fn of(&mut self, g: &mut Graph, n: NodeId) -> NodeId {
        if !g.ty(n).has(self.row) {
            return n;
        }
        if let Some(&m) = self.map.get(&n) {
            return m;
        }
        let node = g.node(n).clone();
        g.origin = node.origin;
        let m = if node.op == Op::Select && node.args[0] == self.mask {
            self.of(g, node.args[if self.taken { 1 } else { 2 }])
        } else if node.varies == Varies::Data {
            self.kept.map_or(n, |(rows, into)| g.filter(n, rows, self.row, into))
        } else {
            let args: Vec<NodeId> = node.args.iter().map(|&a| self.of(g, a)).collect();
            by_constructor(g, &node.op, &args).unwrap_or_else(|| unreachable!("checked by `row_nodes`"))
        };
        self.map.insert(n, m);
        m
    }
}
