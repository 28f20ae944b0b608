//! Whitened coordinates: the engine works where the posterior's curvature at its mode is the
//! identity, so that one step size suits every parameter.

use std::sync::Arc;

use nalgebra::{Cholesky, DMatrix, Dyn};
use numerics::lanes::{LANES, Lanes};

use crate::pattern::{Arrow, Pattern};

/// The affine map `z = centre + scale u` between whitened `u` and unconstrained `z`.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinates {
    /// `[dim]`.
    pub centre: Vec<f64>,
    pub scale: Scale,
}

/// The linear part of [`Coordinates`]: a triangle with positive diagonal, packed as its
/// [`Pattern`] says.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Positive factors, `[dim]`: for families that are closed under rescaling only.
    Diagonal(Vec<f64>),
    /// A lower triangle, packed by rows (`[dim (dim + 1) / 2]`).
    Lower(Vec<f64>),
    /// One with the shape of a block arrow: for families whose blocks are independent given the rest.
    Arrow(Arc<Arrow>, Vec<f64>),
}

/// Start of row `i` in a lower triangle packed by rows.
pub(crate) fn row(i: usize) -> usize {
    i * (i + 1) / 2
}

impl Scale {
    /// The factor of a covariance.
    pub(crate) fn lower(factor: &Cholesky<f64, Dyn>) -> Scale {
        let l = factor.l_dirty();
        Scale::Lower((0..l.nrows()).flat_map(|i| (0..=i).map(move |j| l[(i, j)])).collect())
    }

    /// From the lower triangle of the globals and, for every block, its columns of them and its own
    /// triangle.
    pub(crate) fn arrow(arrow: &Arc<Arrow>, globals: &DMatrix<f64>, blocks: &[[DMatrix<f64>; 2]]) -> Scale {
        let mut l = Vec::with_capacity(arrow.size());
        for i in 0..arrow.n_global() {
            l.extend((0..=i).map(|j| globals[(i, j)]));
        }
        for [head, own] in blocks {
            for i in 0..own.nrows() {
                l.extend(head.row(i).iter());
                l.extend((0..=i).map(|j| own[(i, j)]));
            }
        }
        Scale::Arrow(arrow.clone(), l)
    }

    /// The triangle of a pattern with these elements.
    pub(crate) fn of(pattern: Pattern, l: Vec<f64>) -> Scale {
        match pattern {
            Pattern::Diagonal => Scale::Diagonal(l),
            Pattern::Lower => Scale::Lower(l),
            Pattern::Arrow(arrow) => Scale::Arrow(arrow, l),
        }
    }

    /// Where the triangle may differ from zero, and its elements.
    pub(crate) fn parts(&self) -> (Pattern, &[f64]) {
        match self {
            Scale::Diagonal(d) => (Pattern::Diagonal, d),
            Scale::Lower(l) => (Pattern::Lower, l),
            Scale::Arrow(arrow, l) => (Pattern::Arrow(arrow.clone()), l),
        }
    }
}

impl Coordinates {
    pub fn dim(&self) -> usize {
        self.centre.len()
    }

    /// `log |det scale|`: what a log density gains when it is written in `u`.
    pub fn log_det(&self) -> f64 {
        let (pattern, l) = self.scale.parts();
        pattern.log_det(l, self.dim())
    }

    /// `z = centre + scale u`, lane by lane.
    pub fn forward(&self, u: &Lanes, z: &mut Lanes) {
        let (pattern, l) = self.scale.parts();
        let mut x = vec![0.0; self.dim() * LANES];
        for t in 0..u.tiles() {
            pattern.gather::<LANES>(u.tile(t), &mut x);
            pattern.multiply::<LANES>(l, &mut x);
            let z = z.tile_mut(t);
            pattern.scatter::<LANES>(&x, z);
            for (z, centre) in z.chunks_exact_mut(LANES).zip(&self.centre) {
                z.iter_mut().for_each(|z| *z += centre);
            }
        }
    }

    /// `u` of one unconstrained point.
    pub fn inverse(&self, z: &[f64]) -> Vec<f64> {
        let (pattern, l) = self.scale.parts();
        let from_centre: Vec<f64> = z.iter().zip(&self.centre).map(|(z, c)| z - c).collect();
        let (mut x, mut u) = (vec![0.0; z.len()], vec![0.0; z.len()]);
        pattern.gather::<1>(&from_centre, &mut x);
        pattern.solve::<1>(l, &mut x);
        pattern.scatter::<1>(&x, &mut u);
        u
    }

    /// Coordinates from which these are those of `self`: the map from these whitened ones to the whitened
    /// ones of `self`. `None` where the two have different patterns.
    pub(crate) fn seen_from(&self, inner: &Coordinates) -> Option<Coordinates> {
        let ((pattern, outer_l), (other, l)) = (self.scale.parts(), inner.scale.parts());
        if pattern != other {
            return None;
        }
        let quotient = pattern.divide(l, outer_l, self.dim());
        Some(Coordinates { centre: self.inverse(&inner.centre), scale: Scale::of(pattern, quotient) })
    }

    /// The map by `inner` and then by `self`. `None` where the two have different patterns.
    pub(crate) fn after(&self, inner: &Coordinates) -> Option<Coordinates> {
        let ((pattern, l), (other, inner_l)) = (self.scale.parts(), inner.scale.parts());
        if pattern != other {
            return None;
        }
        let (mut u, mut z) = (Lanes::zeros(self.dim(), 1), Lanes::zeros(self.dim(), 1));
        u.set_lane(0, &inner.centre);
        self.forward(&u, &mut z);
        let product = pattern.product(l, inner_l, self.dim());
        Some(Coordinates { centre: z.lane(0), scale: Scale::of(pattern, product) })
    }

    /// The gradient with respect to `u` from that with respect to `z`, in place: `scale' g`.
    pub fn pullback(&self, grad: &mut Lanes) {
        let (pattern, l) = self.scale.parts();
        let mut x = vec![0.0; self.dim() * LANES];
        for t in 0..grad.tiles() {
            let g = grad.tile_mut(t);
            pattern.gather::<LANES>(g, &mut x);
            pattern.multiply_transposed::<LANES>(l, &mut x);
            pattern.scatter::<LANES>(&x, g);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_and_pullback_are_adjoint() {
        let coordinates = Coordinates {
            centre: vec![1.0, -2.0, 0.5],
            scale: Scale::Lower(vec![2.0, 0.3, 0.7, -0.4, 1.1, 3.0]),
        };
        let (mut u, mut z, mut g) = (Lanes::zeros(3, 1), Lanes::zeros(3, 1), Lanes::zeros(3, 1));
        u.set_lane(0, &[0.2, -1.0, 0.6]);
        g.set_lane(0, &[1.5, 0.1, -0.8]);
        coordinates.forward(&u, &mut z);
        assert!((z.get(2, 0) - (0.5 - 0.08 - 1.1 + 1.8)).abs() < 1e-15);
        for (a, b) in coordinates.inverse(&z.lane(0)).iter().zip(u.lane(0)) {
            assert!((a - b).abs() < 1e-14);
        }
        let inner =
            Coordinates { centre: z.lane(0), scale: Scale::Lower(vec![0.5, 0.1, 0.2, 0.3, 0.4, 0.6]) };
        let between = coordinates.seen_from(&inner).unwrap();
        let (mut by_two, mut direct) = (Lanes::zeros(3, 1), Lanes::zeros(3, 1));
        between.forward(&u, &mut direct);
        coordinates.forward(&direct, &mut by_two);
        inner.forward(&u, &mut direct);
        for (a, b) in by_two.lane(0).iter().zip(direct.lane(0)) {
            assert!((a - b).abs() < 1e-13);
        }
        let left: f64 = (0..3).map(|i| (z.get(i, 0) - coordinates.centre[i]) * g.get(i, 0)).sum();
        coordinates.pullback(&mut g);
        let right: f64 = (0..3).map(|i| u.get(i, 0) * g.get(i, 0)).sum();
        assert!((left - right).abs() < 1e-14);
        assert!((coordinates.log_det() - (2.0f64 * 0.7 * 3.0).ln()).abs() < 1e-14);
    }
}
