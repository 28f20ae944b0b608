//! The simplex: the softmax of numbers that sum to zero, which no element is singled out by.

use graph::ir::{Binary, DimId, Graph, NodeId, Unary};
use model::Bijector;

/// x = softmax(V u), V the orthonormal Helmert basis of the vectors over `dim` that sum to zero.
///
/// Source: the isometric log-ratio transform, J. J. Egozcue et al., Isometric logratio transformations
/// for compositional data analysis, Mathematical Geology 35 (2003), equation (18).
#[derive(Clone, Debug)]
pub struct Simplex {
    dim: DimId,
    coordinate: [DimId; 1],
    size: usize,
}

impl Simplex {
    /// Over `dim`, whose size must be known, two at least: else `None`.
    pub fn new(g: &mut Graph, name: &str, dim: DimId) -> Option<Simplex> {
        let size = g.fixed_size(dim).filter(|&n| n > 1)?;
        let coordinate = [super::dimension(g, name, "coordinate", size - 1)];
        Some(Simplex { dim, coordinate, size })
    }

    /// V: column j has 1 above row j + 1, -(j + 1) in it and 0 below, over sqrt((j + 1) (j + 2)).
    fn basis(&self, g: &mut Graph) -> NodeId {
        let (row, column) = (g.iota(self.dim), g.iota(self.coordinate[0]));
        let (above, zero) = (g.add_const(column, 1.0), g.constant(0.0));
        let (two, minus) = (g.add_const(column, 2.0), g.neg(above));
        let product = g.mul(above, two);
        let norm = g.sqrt(product);
        let (one, norm) = (g.constant(1.0), g.recip(norm));
        let (is_above, is_at) = (g.binary(Binary::Lt, row, above), g.binary(Binary::Eq, row, above));
        let rest = g.select(is_at, minus, zero);
        let column = g.select(is_above, one, rest);
        g.mul(column, norm)
    }

    /// V u and the logarithm of the sum of its exponentials.
    fn logits(&self, g: &mut Graph, u: NodeId) -> (NodeId, NodeId) {
        let basis = self.basis(g);
        let z = g.contract(basis, u, &self.coordinate);
        let total = g.logsumexp(z, &[self.dim]);
        (z, total)
    }
}

impl Bijector for Simplex {
    fn name(&self) -> String {
        "simplex".into()
    }
    fn coordinates(&self) -> &[DimId] {
        &self.coordinate
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let (z, total) = self.logits(g, u);
        let ln_x = g.sub(z, total);
        g.exp(ln_x)
    }
    /// sum ln x + ln(K) / 2, and the elements of V u sum to zero.
    fn log_det_jac(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let (_, total) = self.logits(g, u);
        let k = self.size as f64;
        let ln_x = g.scale(-k, total);
        g.add_const(ln_x, 0.5 * k.ln())
    }
    fn inverse(&self, g: &mut Graph, x: NodeId) -> NodeId {
        let (basis, ln_x) = (self.basis(g), g.unary(Unary::Ln, x));
        g.contract(basis, ln_x, &[self.dim])
    }
}
