//! Symmetric positive definite matrices: X = L L', with the logarithm of L's diagonal.

use graph::ir::{Binary, DimId, Graph, NodeId, Op};
use model::Bijector;

use super::triangle::Triangle;
use crate::range::is_positive;

/// X = L L', L lower with e^u on the diagonal and u below it.
///
/// Source: Stan reference manual, Covariance matrices.
#[derive(Clone, Debug)]
pub struct PositiveDefinite {
    triangle: Triangle,
}

impl PositiveDefinite {
    /// Over a dimension and its prime, whose size must be known: else `None`.
    pub fn new(g: &mut Graph, name: &str, event: (DimId, DimId)) -> Option<PositiveDefinite> {
        Some(PositiveDefinite { triangle: Triangle::new(g, name, event, true)? })
    }
}

impl Bijector for PositiveDefinite {
    fn name(&self) -> String {
        "positive_definite".into()
    }
    fn coordinates(&self) -> &[DimId] {
        self.triangle.coordinates()
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let t = &self.triangle;
        let below_and_on = t.unpack(g, u);
        let diagonal = g.exp(below_and_on);
        let l = t.factor(g, diagonal, below_and_on);
        product(g, l, t.row, t.col)
    }
    /// K ln 2 + sum over i from 1 of (K - i + 2) u_ii.
    fn log_det_jac(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let t = &self.triangle;
        let k = t.size as f64;
        let (x, on, zero) = (t.unpack(g, u), t.on_diagonal(g), g.constant(0.0));
        let steps = g.iota(t.row);
        let (last, on) = (g.constant(k + 1.0), g.select(on, x, zero));
        let weight = g.sub(last, steps);
        let sum = g.contract(weight, on, &[t.row, t.col]);
        g.add_const(sum, k * std::f64::consts::LN_2)
    }
    /// Of the lower triangle of x; NaN where it is not positive definite.
    fn inverse(&self, g: &mut Graph, x: NodeId) -> NodeId {
        let t = &self.triangle;
        let l = g.cholesky(x, t.row, t.col);
        let on = t.on_diagonal(g);
        let ln = g.ln(l);
        let u = g.select(on, ln, l);
        t.pack(g, u)
    }
}

/// L L' over `(row, col)`.
fn product(g: &mut Graph, l: NodeId, row: DimId, col: DimId) -> NodeId {
    let inner = g.prime(col);
    let left = g.rename(l, &[(col, inner)]);
    let right = g.rename(l, &[(row, col), (col, inner)]);
    g.contract(left, right, &[inner])
}

/// The lower Cholesky factor of `x` over `(row, col)`: that which `x` is made of by the bijector, else
/// computed. The first is never NaN: what rounding leaves of L L' need not be positive definite.
pub fn factor(g: &mut Graph, x: NodeId, row: DimId, col: DimId) -> NodeId {
    known_factor(g, x, row, col).unwrap_or_else(|| g.cholesky(x, row, col))
}

fn known_factor(g: &mut Graph, x: NodeId, row: DimId, col: DimId) -> Option<NodeId> {
    let renamed = |n: NodeId| match g.node(n).op {
        Op::Rename(_) => Some(g.node(n).args[0]),
        _ => None,
    };
    let node = g.node(x);
    if !matches!(node.op, Op::Contract { .. }) {
        return None;
    }
    let l = renamed(node.args[0])?;
    if renamed(node.args[1]) != Some(l) || known_diagonal(g, l, row, col).is_none() {
        return None;
    }
    // Made again it must be the same node.
    (product(g, l, row, col) == x).then_some(l)
}

/// What the diagonal of `l` is chosen from, where its structure says that `l` has zeros above a positive
/// diagonal: it is the factor that a bijector makes.
pub fn known_diagonal(g: &Graph, l: NodeId, row: DimId, col: DimId) -> Option<NodeId> {
    let choice = |n: NodeId| {
        let node = g.node(n);
        (node.op == Op::Select).then(|| (node.args[0], node.args[1], node.args[2]))
    };
    let compares = |n: NodeId, op: Binary, a: DimId, b: DimId| {
        let node = g.node(n);
        let is_iota = |k: usize, d: DimId| g.node(node.args[k]).op == Op::Iota(d);
        node.op == Op::Binary(op) && is_iota(0, a) && is_iota(1, b)
    };
    let (kept, elements, above) = choice(l)?;
    let (on, diagonal, _) = choice(elements)?;
    let is_factor = (compares(on, Binary::Eq, row, col) || compares(on, Binary::Eq, col, row))
        && is_positive(g, diagonal)
        && compares(kept, Binary::Le, col, row)
        && g.as_const(above) == Some(0.0);
    is_factor.then_some(diagonal)
}
