//! Forward differentiation as a graph transform: tangents beside values.

use std::collections::HashMap;
use std::sync::Arc;

use crate::derivative::{self, AdError};
use crate::ir::{Binary, DimId, Graph, NodeId, Op, Reduction, Scan, Varies};
use crate::log_tail;

/// Tangents of `outputs` given those of some nodes, in the same graph; `None` is zero. Like
/// cotangents, tangents are kept in their smallest shape. Foreign ops must be in the form with
/// residuals (see [`prepare`]).
pub fn jvp(
    g: &mut Graph,
    tangents: &[(NodeId, NodeId)],
    outputs: &[NodeId],
) -> Result<Vec<Option<NodeId>>, AdError> {
    let live = derivative::ancestors(g, outputs);
    let mut t: HashMap<NodeId, NodeId> = tangents.iter().copied().collect();
    let mut tuples: HashMap<NodeId, Vec<Option<NodeId>>> = HashMap::new();
    let top = outputs.iter().map(|o| o.index() + 1).max().unwrap_or(0);
    for (i, &needed) in live.iter().enumerate().take(top) {
        let n = NodeId(i as u32);
        if !needed || t.contains_key(&n) {
            continue;
        }
        let node = g.node(n).clone();
        g.origin = node.origin;
        let ts: Vec<Option<NodeId>> = node.args.iter().map(|a| t.get(a).copied()).collect();
        match &node.op {
            Op::Output(k) => {
                if let Some(results) = tuples.get(&node.args[0]) {
                    // A result the op has no rule for is not one without tangent.
                    let Some(x) = results.get(*k) else {
                        let op = g.node(node.args[0]).op.name().into();
                        return Err(AdError::NoRule { op, origin: node.origin });
                    };
                    t.extend(x.map(|x| (n, x)));
                }
            }
            _ if ts.iter().all(Option::is_none) => {}
            Op::Scan(s) => {
                tuples.insert(n, scan(g, s, &node.args, &ts)?);
            }
            Op::Foreign(f) => {
                let k = crate::types::tuple_types(g, n)?.len();
                let results: Vec<NodeId> = (0..k).map(|k| g.output(n, k)).collect();
                tuples.insert(n, f.0.jvp(g, &node.args, &results, &ts)?);
            }
            _ => {
                if let Some(x) = rule(g, n, &node.op, &node.args, &ts)? {
                    t.insert(n, x);
                }
            }
        }
    }
    Ok(outputs.iter().map(|o| t.get(o).copied()).collect())
}

/// The graph with its foreign ops in the form `jvp` needs; `targets` follow.
pub fn prepare(g: &Graph, targets: &[NodeId]) -> Result<(Graph, Vec<NodeId>), AdError> {
    derivative::with_residuals(g, targets)
}

fn add(g: &mut Graph, a: Option<NodeId>, b: Option<NodeId>) -> Option<NodeId> {
    match (a, b) {
        (Some(a), Some(b)) => Some(g.add_branches(a, b)),
        (a, b) => a.or(b),
    }
}

fn rule(
    g: &mut Graph,
    n: NodeId,
    op: &Op,
    args: &[NodeId],
    ts: &[Option<NodeId>],
) -> Result<Option<NodeId>, AdError> {
    let first = ts[0];
    Ok(match op {
        Op::Const(_) | Op::Input(_) | Op::Size(_) | Op::Iota(_) | Op::Ones(_) => None,
        Op::Filter { .. } | Op::GramFactor { .. } => None,
        Op::Unary(u) => derivative::unary(g, *u, args[0], n)?.zip(first).map(|(d, t)| g.mul(t, d)),
        Op::Binary(b) => binary(g, *b, n, args, ts),
        Op::LogTail(tail) => {
            let mut sum = None;
            for (k, &t) in ts.iter().enumerate() {
                if let Some(t) = t {
                    let d = log_tail::derivative(g, *tail, args, k)?;
                    let c = g.mul(t, d);
                    sum = add(g, sum, Some(c));
                }
            }
            sum
        }
        Op::Select => {
            let zero = g.constant(0.0);
            let (a, b) = (ts[1].unwrap_or(zero), ts[2].unwrap_or(zero));
            (a != zero || b != zero).then(|| g.select(args[0], a, b))
        }
        Op::Reduce(Reduction::Sum, over) => first.map(|t| g.sum(t, over)),
        Op::Reduce(_, over) => first.map(|t| {
            let hit = g.binary(Binary::Eq, args[0], n);
            let ties = g.sum(hit, over);
            let zero = g.constant(0.0);
            let kept = g.select(hit, t, zero);
            let s = g.sum(kept, over);
            g.div(s, ties)
        }),
        Op::Contract { over } => {
            let a = ts[0].map(|t| product_sum(g, t, args[1], over));
            let b = ts[1].map(|t| product_sum(g, t, args[0], over));
            add(g, a, b)
        }
        Op::Gather => first.map(|t| g.gather(t, args[1])),
        Op::ScatterAdd => first.map(|t| g.scatter_add(t, args[1])),
        Op::Element { dim, at } => first.map(|t| g.element(t, *dim, *at)),
        Op::Place { dim, at } => first.map(|t| g.place(t, *dim, *at)),
        Op::Slice { dim, start, into } => first.map(|t| g.slice(t, *dim, *start, *into)),
        Op::Pad { from, start, dim } => first.map(|t| g.pad(t, *from, *start, *dim)),
        Op::Concat { parts, into } => {
            let zero = g.constant(0.0);
            let xs: Vec<NodeId> = ts
                .iter()
                .zip(parts)
                .map(|(t, part)| {
                    let x = t.unwrap_or(zero);
                    part.map_or(x, |d| g.expand(x, &[d]))
                })
                .collect();
            Some(g.concat(&xs, parts, *into))
        }
        Op::Shift { dim, by, .. } => first.map(|t| g.shift(t, *dim, *by, 0.0)),
        Op::Rename(map) => first.map(|t| g.rename(t, map)),
        Op::Cholesky { row, col } => first.map(|t| cholesky(g, n, *row, *col, t)),
        Op::TriSolve { row, col, transposed } => {
            // L y = b: L dy = db - dL y
            let from_l = ts[0].map(|dl| {
                let dl = derivative::lower(g, dl, *row, *col, 1.0);
                let p = if *transposed {
                    // (dL)' y: sum over the row, left over the column
                    let s = g.contract(dl, n, &[*row]);
                    g.rename(s, &[(*col, *row)])
                } else {
                    let y = g.rename(n, &[(*row, *col)]);
                    g.contract(dl, y, &[*col])
                };
                g.neg(p)
            });
            add(g, ts[1], from_l).map(|rhs| g.tri_solve(args[0], rhs, *row, *col, *transposed))
        }
        Op::Scan(_) | Op::Foreign(_) | Op::Output(_) => unreachable!("handled by the sweep"),
    })
}

/// Sum over `over` of `t y`, where `t` may lack dimensions it implicitly has.
fn product_sum(g: &mut Graph, t: NodeId, y: NodeId, over: &[DimId]) -> NodeId {
    let (present, absent): (Vec<DimId>, Vec<DimId>) =
        over.iter().partition(|&&d| g.ty(t).has(d) || g.ty(y).has(d));
    let c = g.contract(t, y, &present);
    g.sum(c, &absent)
}

fn binary(g: &mut Graph, op: Binary, n: NodeId, args: &[NodeId], ts: &[Option<NodeId>]) -> Option<NodeId> {
    let (a, b) = (args[0], args[1]);
    match op {
        Binary::Add => add(g, ts[0], ts[1]),
        Binary::Sub => {
            let m = ts[1].map(|t| g.neg(t));
            add(g, ts[0], m)
        }
        Binary::Mul => {
            let x = ts[0].map(|t| g.mul(t, b));
            let y = ts[1].map(|t| g.mul(t, a));
            add(g, x, y)
        }
        Binary::Div => {
            let m = ts[1].map(|t| {
                let p = g.mul(t, n);
                g.neg(p)
            });
            add(g, ts[0], m).map(|num| g.div(num, b))
        }
        Binary::Pow => {
            let x = ts[0].map(|t| {
                let less = g.add_const(b, -1.0);
                let p = g.pow(a, less);
                let d = g.mul(b, p);
                g.mul(t, d)
            });
            let y = ts[1].map(|t| {
                let l = g.ln(a);
                let d = g.mul(n, l);
                let zero = g.constant(0.0);
                let positive = g.binary(Binary::Lt, zero, a);
                let c = g.mul(t, d);
                g.select(positive, c, zero)
            });
            add(g, x, y)
        }
        Binary::Max | Binary::Min => {
            let zero = g.constant(0.0);
            let (low, high) = if op == Binary::Max { (b, a) } else { (a, b) };
            let takes_a = g.binary(Binary::Le, low, high);
            Some(g.select(takes_a, ts[0].unwrap_or(zero), ts[1].unwrap_or(zero)))
        }
        Binary::Log1pGap => {
            let (by_n, by_a) = derivative::log1p_gap(g, a, b);
            let x = ts[0].map(|t| g.mul(t, by_n));
            let y = ts[1].map(|t| g.mul(t, by_a));
            add(g, x, y)
        }
        Binary::Lt | Binary::Le | Binary::Eq => None,
    }
}

/// dL = L P(L^-1 dA L^-T), P the lower triangle with its diagonal halved (Murray 2016, eq. 8).
fn cholesky(g: &mut Graph, l: NodeId, row: DimId, col: DimId, t: NodeId) -> NodeId {
    let other = g.prime(col);
    let other = if other == row { g.prime(other) } else { other };
    let t = g.expand(t, &[row, col]);
    let b = g.rename(t, &[(col, other)]);
    let x = g.tri_solve(l, b, row, col, false);
    let x = g.rename(x, &[(row, other), (other, row)]);
    let y = g.tri_solve(l, x, row, col, false);
    // y is symmetric: (row, other) either way round
    let p = derivative::lower(g, y, row, other, 0.5);
    let p = g.rename(p, &[(row, col)]);
    let s = g.contract(l, p, &[col]);
    g.rename(s, &[(other, col)])
}

/// A scan carrying its tangents along.
fn scan(
    g: &mut Graph,
    s: &Arc<Scan>,
    args: &[NodeId],
    ts: &[Option<NodeId>],
) -> Result<Vec<Option<NodeId>>, AdError> {
    let inputs = derivative::body_inputs(&s.body);
    let n_emit = s.outputs.len() - s.n_carry;
    let tangent_of = |k: usize| k < s.n_carry || ts[k].is_some();
    let zero = g.constant(0.0);
    let dense = |g: &mut Graph, k: usize| {
        let dims = g.ty(args[k]).dims.clone();
        g.expand(ts[k].unwrap_or(zero), &dims)
    };
    let mut body = Graph::with_dims_of(g);
    let like = |body: &mut Graph, name: &str, k: usize, varies: Varies| {
        let ty = s.body.ty(inputs[k]).clone();
        body.input(&format!("{name}{k}"), varies, ty.kind, &ty.dims)
    };
    // Order: carries, carry tangents, steps, step tangents, captures, captured tangents.
    let groups = [0..s.n_carry, s.n_carry..s.n_carry + s.n_step, s.n_carry + s.n_step..inputs.len()];
    let mut forward = vec![zero; inputs.len()];
    let mut tangent_in = Vec::new();
    let mut new_args = Vec::new();
    let mut n_step = 0;
    for (which, group) in groups.into_iter().enumerate() {
        for k in group.clone() {
            let varies = if which == 0 { Varies::Lane } else { s.body.varies(inputs[k]) };
            forward[k] = like(&mut body, "x", k, varies);
            new_args.push(args[k]);
            n_step += usize::from(which == 1);
        }
        for k in group.filter(|&k| tangent_of(k)) {
            tangent_in.push((k, like(&mut body, "t", k, Varies::Lane)));
            new_args.push(dense(g, k));
            n_step += usize::from(which == 1);
        }
    }
    let (step, step_outputs) = derivative::step_with_residuals(s)?;
    let copied = body.inline(&step, &forward)?;
    let seeds: Vec<(NodeId, NodeId)> = tangent_in.iter().map(|&(k, t)| (forward[k], t)).collect();
    let targets: Vec<NodeId> = step_outputs.iter().map(|o| copied[o.index()]).collect();
    let outs_t = jvp(&mut body, &seeds, &targets)?;
    let body_zero = body.zero();
    let outs_t: Vec<NodeId> = outs_t
        .into_iter()
        .zip(&targets)
        .map(|(t, &o)| {
            let dims = body.ty(o).dims.clone();
            body.expand(t.unwrap_or(body_zero), &dims)
        })
        .collect();
    let mut outputs = targets[..s.n_carry].to_vec();
    outputs.extend(&outs_t[..s.n_carry]);
    outputs.extend(&targets[s.n_carry..]);
    outputs.extend(&outs_t[s.n_carry..]);
    let doubled = Scan { over: s.over, n_carry: 2 * s.n_carry, n_step, reverse: s.reverse, body, outputs };
    let tuple = g.push(Op::Scan(Arc::new(doubled)), &new_args)?;
    let mut results = Vec::new();
    for k in 0..s.n_carry {
        results.push(Some(g.output(tuple, s.n_carry + k)));
    }
    for k in 0..n_emit {
        results.push(Some(g.output(tuple, 2 * s.n_carry + n_emit + k)));
    }
    Ok(results)
}
