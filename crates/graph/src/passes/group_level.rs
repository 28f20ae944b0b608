//! What depends on a row's group alone is computed once a group, then gathered.
//!
//! `mu + tau * z[county]` for each home is `(mu + tau * z)[county]`: as many operations as there are
//! counties. Functions that are not defined everywhere see 1 instead of the value of a group without
//! rows, so that nothing undefined is met that was not met before.

use super::simplify::{full, node, pinned, well_typed};
use super::{Context, size};
use crate::derivative::rebuild;
use crate::ir::{Binary, Graph, Kind, NodeId, Op, Unary, Varies};
use crate::value::Bindings;

pub fn run(g: &Graph, outputs: &[NodeId], context: &mut Context<'_>) -> (Graph, Vec<NodeId>) {
    let pinned = pinned(g, outputs);
    let mut moved = 0;
    let bindings = context.bindings;
    let out = well_typed(rebuild(g, outputs, |new, id, args| {
        let n = match lifted(g, new, &g.node(id).op, args, bindings) {
            Some(n) => {
                moved += 1;
                n
            }
            None => node(g, new, id, args)?,
        };
        Ok(if pinned.contains(&id) { full(new, n, g.ty(id)) } else { n })
    }));
    if moved > 0 {
        context.note(format!("{moved} operations of rows became operations of their groups"));
    }
    out
}

/// An operand as it is at the level of the groups.
struct Grouped {
    x: NodeId,
    /// By what it was gathered; nothing for what is the same in all rows.
    index: Option<NodeId>,
}

fn grouped(g: &mut Graph, n: NodeId) -> Option<Grouped> {
    if g.ty(n).dims.is_empty() {
        return Some(Grouped { x: n, index: None });
    }
    if g.node(n).op == Op::Gather && g.varies(n) != Varies::Data {
        let (x, i) = (g.node(n).args[0], g.node(n).args[1]);
        return Some(Grouped { x, index: Some(i) });
    }
    let (low, high) = g.ordered_product(n)?;
    if !g.ty(low).dims.is_empty() {
        return None;
    }
    let inner = grouped(g, high)?;
    inner.index?;
    Some(Grouped { x: g.mul(low, inner.x), index: inner.index })
}

/// `op(args)` gathered from the level of the groups, if all that varies is gathered by one index.
fn lifted(
    old: &Graph,
    g: &mut Graph,
    op: &Op,
    args: &[NodeId],
    bindings: Option<&Bindings>,
) -> Option<NodeId> {
    // Where the operation is not defined everywhere: the operand that needs care.
    let (careful, partial) = match op {
        Op::Binary(Binary::Add | Binary::Sub) => (0, false),
        // A scalar factor is better pulled out of sums than pushed into a gather.
        Op::Binary(Binary::Mul) if args.iter().all(|&a| !g.ty(a).dims.is_empty()) => (0, false),
        Op::Binary(Binary::Div) if !g.ty(args[1]).dims.is_empty() => (1, true),
        Op::Unary(Unary::Square | Unary::Exp | Unary::Tanh | Unary::Sigmoid | Unary::Softplus) => (0, false),
        Op::Unary(Unary::Ln | Unary::Sqrt | Unary::Recip | Unary::Lgamma | Unary::LgammaRest) => (0, true),
        _ => return None,
    };
    let parts: Vec<Grouped> = args.iter().map(|&a| grouped(g, a)).collect::<Option<_>>()?;
    let index = parts.iter().find_map(|p| p.index)?;
    if parts.iter().any(|p| p.index.is_some_and(|i| i != index)) {
        return None;
    }
    let Kind::Index(group) = g.ty(index).kind else { return None };
    let rows = g.ty(index).dims.clone();
    let many = rows.iter().map(|&d| size(old, d, bindings)).product::<Option<usize>>();
    let pays = match (many, size(old, group, bindings)) {
        (Some(many), Some(few)) => few < many,
        _ => rows.iter().any(|&d| g.is_row(d)),
    };
    if !pays {
        return None;
    }
    let mut xs: Vec<NodeId> = parts.into_iter().map(|p| p.x).collect();
    if partial && g.ty(xs[careful]).has(group) {
        let ones = g.ones(&rows);
        let count = g.scatter_add(ones, index);
        let one = g.constant(1.0);
        xs[careful] = g.select(count, xs[careful], one);
    }
    let x = match op {
        Op::Unary(u) => g.unary(*u, xs[0]),
        Op::Binary(b) => g.binary(*b, xs[0], xs[1]),
        _ => return None,
    };
    Some(g.gather(x, index))
}
