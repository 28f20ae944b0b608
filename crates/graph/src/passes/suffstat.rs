//! Row sums that a few statistics of the data can stand for.
//!
//! Where a row sum is `sum_r (sum_j c_j phi_jr)^2`, with columns phi that no draw changes and
//! coefficients c that no row changes, it equals `|R c|^2`, R the triangular factor of the columns
//! (`R'R = phi' phi`, made once by [`Op::GramFactor`] through orthogonal reflections). An evaluation
//! then costs nothing per row: the case of every Gaussian likelihood with a linear mean. The factor,
//! and not the polynomial in c with the entries of `phi' phi` as coefficients: a sum of squares does
//! not cancel, its rounding errors are those of the residuals themselves.
//!
//! Coefficients that differ by group (`alpha[county]`) make one factor a group, their columns first.
//! Only the rows of R that those columns meet are kept by group; what is left of every group holds
//! scalar coefficients alone, and is stacked and factored once more. So the price is a row of R a
//! group, and a small factor for all.
//!
//! Sums that are linear in c, such as the normal's `ln sd[county]` or the `y_r eta_r` of a logistic
//! regression, become sums of the columns; but not residuals, whose parts would cancel.

use std::collections::HashMap;

use super::factor::Sum;
use super::linear::{Column, Form, form, root};
use super::substitute::substitute;
use super::{Context, size, values};
use crate::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Reduction, Unary, Varies};

pub fn run(g: &Graph, outputs: &[NodeId], context: &mut Context<'_>) -> (Graph, Vec<NodeId>) {
    let mut scratch = g.clone();
    let mut replaced = HashMap::new();
    let live = crate::layout::reachable(g, outputs);
    for n in live {
        let node = g.node(n).clone();
        if node.varies == Varies::Data || !node.ty.dims.is_empty() {
            continue;
        }
        scratch.origin = node.origin;
        let (over, x) = match &node.op {
            Op::Reduce(Reduction::Sum, over) => (over, node.args[0]),
            Op::Contract { over } => (over, scratch.mul(node.args[0], node.args[1])),
            _ => continue,
        };
        let &[row] = &over[..] else { continue };
        if !g.is_row(row) {
            continue;
        }
        if let Some(s) = (Sums { row, context }).of(&mut scratch, x) {
            replaced.insert(n, s);
        }
    }
    if replaced.is_empty() { (g.clone(), outputs.to_vec()) } else { substitute(&scratch, outputs, &replaced) }
}

/// Sums over one row dimension.
struct Sums<'a, 'b> {
    row: DimId,
    context: &'a mut Context<'b>,
}

impl Sums<'_, '_> {
    /// The sum of `x`, if at least part of it can do without the rows.
    fn of(&mut self, g: &mut Graph, x: NodeId) -> Option<NodeId> {
        if g.varies(x) == Varies::Data || !g.ty(x).has(self.row) {
            return None;
        }
        if let Some(s) = self.linear(g, x) {
            return Some(s);
        }
        let node = g.node(x).clone();
        match node.op {
            Op::Binary(op @ (Binary::Add | Binary::Sub)) => self.terms(g, op, [node.args[0], node.args[1]]),
            Op::Binary(Binary::Mul) => {
                let (a, b) = (node.args[0], node.args[1]);
                for (k, rest) in [(a, b), (b, a)] {
                    if g.lacks(k, &[self.row]) {
                        let s = self.of(g, rest)?;
                        return Some(g.mul(k, s));
                    }
                }
                for (w, terms) in [(a, b), (b, a)] {
                    if let Op::Binary(op @ (Binary::Add | Binary::Sub)) = g.node(terms).op {
                        let (x, y) = (g.node(terms).args[0], g.node(terms).args[1]);
                        let parts = [g.mul(w, x), g.mul(w, y)];
                        return self.terms(g, op, parts);
                    }
                }
                let square =
                    |n: NodeId| g.node(n).op == Op::Unary(Unary::Square) && g.varies(n) != Varies::Data;
                let (weight, x) = if square(b) { (a, b) } else { (b, a) };
                if !square(x) {
                    return None;
                }
                let e = g.node(x).args[0];
                let bindings = self.context.bindings;
                let not_negative = |g: &Graph, n: NodeId| {
                    values(g, n, bindings).is_some_and(|v| v.iter().all(|&x| x >= 0.0 && x.is_finite()))
                };
                let w = root(g, weight, &not_negative)?;
                let e = g.mul(w, e);
                self.square(g, e)
            }
            Op::Unary(Unary::Square) => self.square(g, node.args[0]),
            _ => None,
        }
    }

    /// The sum of a sum or difference.
    fn terms(&mut self, g: &mut Graph, op: Binary, x: [NodeId; 2]) -> Option<NodeId> {
        let parts = x.map(|x| self.of(g, x));
        if parts.iter().all(Option::is_none) {
            return None;
        }
        let [a, b] = [0, 1].map(|k| parts[k].unwrap_or_else(|| g.sum(x[k], &[self.row])));
        Some(g.binary(op, a, b))
    }

    /// The sum of `e^2`.
    fn square(&mut self, g: &mut Graph, e: NodeId) -> Option<NodeId> {
        let f = form(g, e, self.row)?;
        let name = g.dim(self.row).name.clone();
        match Sum::new(g, f, self.row, self.context.bindings) {
            Ok(sum) => {
                let by = sum.group.map_or(String::new(), |(_, d)| format!(" by {}", g.dim(d).name));
                let k = sum.columns();
                self.context.note(format!("a sum of squares over {name} became a factor of {k} columns{by}"));
                Some(sum.emit(g))
            }
            Err(why) => {
                self.context.note(format!("a sum of squares over {name} stays: {why}"));
                None
            }
        }
    }

    /// The sum of what is linear.
    fn linear(&mut self, g: &mut Graph, x: NodeId) -> Option<NodeId> {
        let Form { terms, index } = form(g, x, self.row)?;
        // data - mean: each part may be large where their difference is small.
        if terms.iter().any(|(_, c)| g.varies(*c) == Varies::Data) {
            return None;
        }
        let group = index.and_then(|i| match g.ty(i).kind {
            Kind::Index(d) => Some((i, d)),
            _ => None,
        });
        if let Some((_, d)) = group
            && let (Some(groups), Some(rows)) =
                (size(g, d, self.context.bindings), size(g, self.row, self.context.bindings))
            && groups > rows
        {
            return None;
        }
        let mut total = g.constant(0.0);
        for (column, c) in terms {
            let one = g.constant(1.0);
            let phi = match column {
                Column::One => one,
                Column::Data(n) | Column::Block(n, _) => n,
            };
            let s = match (column, group) {
                (Column::Block(_, d), _) => {
                    let s = g.sum(phi, &[self.row]);
                    g.contract(s, c, &[d])
                }
                (_, Some((i, d))) if g.ty(c).has(d) => {
                    let s = g.scatter_add(phi, i);
                    g.contract(s, c, &[d])
                }
                _ => {
                    let s = g.sum(phi, &[self.row]);
                    g.mul(c, s)
                }
            };
            total = g.add(total, s);
        }
        self.context.note(format!("a linear sum over {} became sums of the data", g.dim(self.row).name));
        Some(total)
    }
}
