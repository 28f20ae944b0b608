//! Cholesky factors of correlation matrices, by canonical partial correlations.

use graph::ir::{Binary, DimId, Graph, NodeId, Unary};
use model::Bijector;

use super::triangle::Triangle;

/// Every row of L, of length one, is made from the left: L_ij = tanh(u_ij) sqrt(r_ij) takes its part of
/// what is left of the length, r_ij = 1 - sum over k < j of L_ik^2 = product of sech^2(u_ik), and the
/// diagonal the rest. Logarithms of r add up, so that nothing cancels.
///
/// Source: Stan reference manual, Cholesky factors of correlation matrices; D. Lewandowski et al.,
/// Generating random correlation matrices based on vines and extended onion method, Journal of
/// Multivariate Analysis 100 (2009).
#[derive(Clone, Debug)]
pub struct CholeskyCorrelation {
    triangle: Triangle,
}

impl CholeskyCorrelation {
    /// Over a dimension and its prime, whose size must be known, two at least (a single 1 has no
    /// coordinates): else `None`.
    pub fn new(g: &mut Graph, name: &str, event: (DimId, DimId)) -> Option<CholeskyCorrelation> {
        Some(CholeskyCorrelation { triangle: Triangle::new(g, name, event, false)? })
    }

    /// u as a matrix, and ln sech^2 of it below the diagonal, exactly 0 elsewhere.
    fn parts(&self, g: &mut Graph, u: NodeId) -> (NodeId, NodeId) {
        let x = self.triangle.unpack(g, u);
        // ln sech^2 x = 2 (ln 2 - x - softplus(-2 x)).
        let minus = g.scale(-2.0, x);
        let softplus = g.softplus(minus);
        let sum = g.add(x, softplus);
        let ln_2 = g.constant(std::f64::consts::LN_2);
        let half = g.sub(ln_2, sum);
        let ln_sech2 = g.scale(2.0, half);
        let (i, j, zero) = (g.iota(self.triangle.row), g.iota(self.triangle.col), g.constant(0.0));
        let below = g.binary(Binary::Lt, j, i);
        (x, g.select(below, ln_sech2, zero))
    }

    /// Sums over the columns before each, or from it on, of `x`.
    fn along(&self, g: &mut Graph, x: NodeId, before: bool) -> NodeId {
        let t = &self.triangle;
        let other = g.prime(t.col);
        let (k, j) = (g.iota(other), g.iota(t.col));
        let taken = if before { g.binary(Binary::Lt, k, j) } else { g.binary(Binary::Le, j, k) };
        let x = g.rename(x, &[(t.col, other)]);
        g.contract(taken, x, &[other])
    }
}

impl Bijector for CholeskyCorrelation {
    fn name(&self) -> String {
        "cholesky_correlation".into()
    }
    fn coordinates(&self) -> &[DimId] {
        self.triangle.coordinates()
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let (x, ln_sech2) = self.parts(g, u);
        let ln_r = self.along(g, ln_sech2, true);
        let half = g.scale(0.5, ln_r);
        let left = g.exp(half);
        let z = g.unary(Unary::Tanh, x);
        let entry = g.mul(z, left);
        self.triangle.factor(g, left, entry)
    }
    /// sum over i > j of ln sech^2 u_ij + ln(r_ij) / 2: each ln sech^2 u_ij once, and a half for every
    /// entry after it in its row.
    fn log_det_jac(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let t = &self.triangle;
        let (_, ln_sech2) = self.parts(g, u);
        let (i, j) = (g.iota(t.row), g.iota(t.col));
        let entries = g.sub(i, j);
        let times = g.add_const(entries, 1.0);
        let weight = g.scale(0.5, times);
        g.contract(weight, ln_sech2, &[t.row, t.col])
    }
    /// sinh u_ij = L_ij / sqrt(sum over k > j of L_ik^2). NaN where the diagonal is negative; the length
    /// of a row is not looked at.
    fn inverse(&self, g: &mut Graph, x: NodeId) -> NodeId {
        let t = &self.triangle;
        let square = g.square(x);
        let from = self.along(g, square, false);
        let after = g.shift(from, t.col, -1, 0.0);
        let (size, sign) = (g.unary(Unary::Abs, x), g.unary(Unary::Sign, x));
        let length = g.sqrt(from);
        let sum = g.add(size, length);
        let (top, bottom) = (g.ln(sum), g.ln(after));
        let bottom = g.scale(0.5, bottom);
        let asinh = g.sub(top, bottom);
        let u = g.mul(sign, asinh);
        // The root of a diagonal element is NaN where that is negative.
        let (on, zero) = (t.on_diagonal(g), g.constant(0.0));
        let diagonal = g.select(on, x, zero);
        let diagonal = g.sum(diagonal, &[t.col]);
        let root = g.sqrt(diagonal);
        let negative = g.binary(Binary::Lt, diagonal, zero);
        let u = g.select(negative, root, u);
        t.pack(g, u)
    }
}
