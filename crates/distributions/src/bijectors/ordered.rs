//! Numbers in ascending order, between ends where there are any.

use graph::ir::{Binary, DimId, Graph, NodeId};
use model::Bijector;

use super::simplex::Simplex;

/// With an end, every step from it is an exponential: x_k = lower + e^(u_1) + ... + e^(u_k), or downwards
/// from above; without, x_1 = u_1. Between two ends the steps are the parts of a simplex, of which there
/// is one more than there are numbers: none is singled out.
///
/// Source of the map without ends: Stan reference manual, Ordered vector.
#[derive(Clone, Debug)]
pub struct Ordered {
    dim: DimId,
    coordinate: [DimId; 1],
    size: usize,
    ends: Ends,
}

#[derive(Clone, Debug)]
enum Ends {
    None,
    Lower(NodeId),
    Upper(NodeId),
    Both { lower: NodeId, upper: NodeId, part: DimId, parts: Simplex },
}

impl Ordered {
    /// Over `dim`, whose size must be known: else `None`.
    pub fn new(
        g: &mut Graph,
        name: &str,
        dim: DimId,
        ends: (Option<NodeId>, Option<NodeId>),
    ) -> Option<Ordered> {
        let size = g.fixed_size(dim).filter(|&n| n > 0)?;
        let ends = match ends {
            (None, None) => Ends::None,
            (Some(lower), None) => Ends::Lower(lower),
            (None, Some(upper)) => Ends::Upper(upper),
            (Some(lower), Some(upper)) => {
                let part = super::dimension(g, name, "part", size + 1);
                Ends::Both { lower, upper, part, parts: Simplex::new(g, name, part)? }
            }
        };
        let coordinate = match &ends {
            Ends::Both { parts, .. } => [parts.coordinates()[0]],
            _ => [super::dimension(g, name, "coordinate", size)],
        };
        Some(Ordered { dim, coordinate, size, ends })
    }

    /// The sum of the steps up to each element, or from it on.
    fn cumulated(&self, g: &mut Graph, steps: NodeId, along: DimId, up: bool) -> NodeId {
        let (k, i) = (g.iota(along), g.iota(self.dim));
        let taken = if up { g.binary(Binary::Le, k, i) } else { g.binary(Binary::Le, i, k) };
        g.contract(taken, steps, &[along])
    }

    /// Is it the first along a dimension?
    fn first(g: &mut Graph, dim: DimId) -> NodeId {
        let (at, zero) = (g.iota(dim), g.constant(0.0));
        g.binary(Binary::Eq, at, zero)
    }

    /// Is it the last along a dimension of `n`?
    fn last(g: &mut Graph, dim: DimId, n: usize) -> NodeId {
        let (at, end) = (g.iota(dim), g.constant(n as f64 - 1.0));
        g.binary(Binary::Eq, at, end)
    }
}

impl Bijector for Ordered {
    fn name(&self) -> String {
        "ordered".into()
    }
    fn coordinates(&self) -> &[DimId] {
        &self.coordinate
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let along = self.coordinate[0];
        let step = g.exp(u);
        match &self.ends {
            Ends::None => {
                let first = Ordered::first(g, along);
                let steps = g.select(first, u, step);
                self.cumulated(g, steps, along, true)
            }
            Ends::Lower(end) => {
                let sum = self.cumulated(g, step, along, true);
                g.add(*end, sum)
            }
            Ends::Upper(end) => {
                let sum = self.cumulated(g, step, along, false);
                g.sub(*end, sum)
            }
            Ends::Both { lower, upper, part, parts } => {
                let parts = parts.forward(g, u);
                let sum = self.cumulated(g, parts, *part, true);
                let width = g.sub(*upper, *lower);
                let x = g.mul(width, sum);
                g.add(*lower, x)
            }
        }
    }
    /// The sum of the logarithms of the steps; between two ends that of the simplex, scaled: a step is
    /// the width times a part, and sums of steps have determinant one.
    fn log_det_jac(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let along = self.coordinate[0];
        match &self.ends {
            Ends::None => {
                let (first, zero) = (Ordered::first(g, along), g.constant(0.0));
                let steps = g.select(first, zero, u);
                g.sum(steps, &[along])
            }
            Ends::Lower(_) | Ends::Upper(_) => g.sum(u, &[along]),
            Ends::Both { lower, upper, parts, .. } => {
                let log_det = parts.log_det_jac(g, u);
                let width = g.sub(*upper, *lower);
                let ln = g.ln(width);
                let scaled = g.scale(self.size as f64, ln);
                g.add(scaled, log_det)
            }
        }
    }
    fn inverse(&self, g: &mut Graph, x: NodeId) -> NodeId {
        let to = [(self.dim, self.coordinate[0])];
        let u = match &self.ends {
            Ends::None => {
                let (before, first) = (g.shift(x, self.dim, 1, 0.0), Ordered::first(g, self.dim));
                let step = g.sub(x, before);
                let ln = g.ln(step);
                g.select(first, x, ln)
            }
            Ends::Lower(end) => {
                let (before, first) = (g.shift(x, self.dim, 1, 0.0), Ordered::first(g, self.dim));
                let before = g.select(first, *end, before);
                let step = g.sub(x, before);
                g.ln(step)
            }
            Ends::Upper(end) => {
                let (after, last) = (g.shift(x, self.dim, -1, 0.0), Ordered::last(g, self.dim, self.size));
                let after = g.select(last, *end, after);
                let step = g.sub(after, x);
                g.ln(step)
            }
            Ends::Both { lower, upper, part, parts } => {
                // Each part goes from the number before it to the one that it is the place of.
                let (from, to) = (g.pad(x, self.dim, 1, *part), g.pad(x, self.dim, 0, *part));
                let (first, last) = (Ordered::first(g, *part), Ordered::last(g, *part, self.size + 1));
                let (from, to) = (g.select(first, *lower, from), g.select(last, *upper, to));
                let (step, width) = (g.sub(to, from), g.sub(*upper, *lower));
                let p = g.div(step, width);
                return parts.inverse(g, p);
            }
        };
        g.rename(u, &to)
    }
}
