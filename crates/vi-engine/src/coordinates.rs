//! Whitened coordinates: the engine works where the posterior's curvature at its mode is the
//! identity, so that one step size suits every parameter.

use nalgebra::{Cholesky, Dyn};
use numerics::lanes::{LANES, Lanes};

/// The affine map `z = centre + scale u` between whitened `u` and unconstrained `z`.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinates {
    /// `[dim]`.
    pub centre: Vec<f64>,
    pub scale: Scale,
}

/// The linear part of [`Coordinates`].
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Positive factors, `[dim]`: for families that are closed under rescaling only.
    Diagonal(Vec<f64>),
    /// A lower triangle with positive diagonal, packed by rows (`[dim (dim + 1) / 2]`).
    Lower(Vec<f64>),
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
}

impl Coordinates {
    pub fn dim(&self) -> usize {
        self.centre.len()
    }

    /// `log |det scale|`: what a log density gains when it is written in `u`.
    pub fn log_det(&self) -> f64 {
        match &self.scale {
            Scale::Diagonal(d) => d.iter().map(|x| x.ln()).sum(),
            Scale::Lower(l) => (0..self.dim()).map(|i| l[row(i) + i].ln()).sum(),
        }
    }

    /// `z = centre + scale u`, lane by lane.
    pub fn forward(&self, u: &Lanes, z: &mut Lanes) {
        let dim = self.dim();
        for t in 0..u.tiles() {
            let (u, z) = (u.tile(t), z.tile_mut(t));
            for i in 0..dim {
                let mut sum = [self.centre[i]; LANES];
                match &self.scale {
                    Scale::Diagonal(d) => add(&mut sum, d[i], &u[i * LANES..]),
                    Scale::Lower(l) => {
                        for j in 0..=i {
                            add(&mut sum, l[row(i) + j], &u[j * LANES..]);
                        }
                    }
                }
                z[i * LANES..(i + 1) * LANES].copy_from_slice(&sum);
            }
        }
    }

    /// `u` of one unconstrained point.
    pub fn inverse(&self, z: &[f64]) -> Vec<f64> {
        let mut u: Vec<f64> = z.iter().zip(&self.centre).map(|(z, c)| z - c).collect();
        match &self.scale {
            Scale::Diagonal(d) => u.iter_mut().zip(d).for_each(|(u, d)| *u /= d),
            Scale::Lower(l) => {
                for i in 0..u.len() {
                    let known: f64 = (0..i).map(|j| l[row(i) + j] * u[j]).sum();
                    u[i] = (u[i] - known) / l[row(i) + i];
                }
            }
        }
        u
    }

    /// The gradient with respect to `u` from that with respect to `z`, in place: `scale' g`.
    pub fn pullback(&self, grad: &mut Lanes) {
        let dim = self.dim();
        for t in 0..grad.tiles() {
            let g = grad.tile_mut(t);
            for i in 0..dim {
                let mut sum = [0.0; LANES];
                match &self.scale {
                    Scale::Diagonal(d) => add(&mut sum, d[i], &g[i * LANES..]),
                    Scale::Lower(l) => {
                        // Row i of scale' reads rows i.. of g only, so the rows before it, already
                        // overwritten, are not needed.
                        for k in i..dim {
                            add(&mut sum, l[row(k) + i], &g[k * LANES..]);
                        }
                    }
                }
                g[i * LANES..(i + 1) * LANES].copy_from_slice(&sum);
            }
        }
    }
}

/// `sum += a x` for the eight lanes of one element.
#[inline]
pub(crate) fn add(sum: &mut [f64; LANES], a: f64, x: &[f64]) {
    for (s, x) in sum.iter_mut().zip(&x[..LANES]) {
        *s += a * x;
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
        let left: f64 = (0..3).map(|i| (z.get(i, 0) - coordinates.centre[i]) * g.get(i, 0)).sum();
        coordinates.pullback(&mut g);
        let right: f64 = (0..3).map(|i| u.get(i, 0) * g.get(i, 0)).sum();
        assert!((left - right).abs() < 1e-14);
        assert!((coordinates.log_det() - (2.0f64 * 0.7 * 3.0).ln()).abs() < 1e-14);
    }
}
