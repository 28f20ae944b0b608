//! The curvature of the log density at a point, and the coordinates it whitens.
//!
//! Central differences of gradients: the `2 d` points of a Hessian are lanes, so it costs little
//! more than `d / 4` evaluations.

use nalgebra::{Cholesky, DMatrix, SymmetricEigen};
use numerics::lanes::Lanes;

use crate::BLOCK;
use crate::coordinates::{Coordinates, Scale};
use crate::target::Target;

/// First difference step, before scales are known.
const PROBE: f64 = 1e-4;
/// Second difference step, in approximate standard deviations: wide enough that the error of an ODE
/// solver vanishes in it, and that a kink is averaged over.
const STEP_IN_SD: f64 = 0.1;
/// Eigenvalues of the scaled precision are kept above this fraction of one, so that a flat or
/// indefinite direction gets a wide but finite scale.
const FLOOR: f64 = 1e-7;

/// Less curvature of a coordinate than this is none: it is the rounding of gradients of order one,
/// differenced over a step of one, and would make a standard deviation of 1e8 out of noise.
const FLAT: f64 = 1e-16;

/// Coordinates centred at `x` in which the curvature there is minus the identity: densely, or in
/// the diagonal only.
///
/// A direction in which the curvature has the wrong sign is scaled by its magnitude. A coordinate
/// without ([`FLAT`]) gets the scale one in the diagonal; densely, a direction much flatter than its
/// coordinates, or without curvature, a wide one bounded by [`FLOOR`].
pub fn whiten(target: &mut Target, x: &[f64], dense: bool) -> Coordinates {
    let probe: Vec<f64> = x.iter().map(|x| PROBE * (1.0 + x.abs())).collect();
    let first = Differences::take(target, x, &probe);
    let steps: Vec<f64> =
        (0..x.len()).map(|i| first.sd(i).map_or(1.0, |sd| (STEP_IN_SD * sd).clamp(1e-8, 1.0))).collect();
    let second = Differences::take(target, x, &steps);
    let sd: Vec<f64> = (0..x.len()).map(|i| second.sd(i).unwrap_or(1.0)).collect();
    let scale = if dense { second.factor(&sd) } else { Scale::Diagonal(sd) };
    Coordinates { centre: x.to_vec(), scale }
}

/// Rows of minus the Hessian.
struct Differences {
    rows: Vec<Vec<f64>>,
}

impl Differences {
    /// Row `i` is the slope of minus the gradient along coordinate `i`, over `x[i] +- step[i]`; over
    /// one side where the other cannot be evaluated; zero where neither can.
    fn take(target: &mut Target, x: &[f64], step: &[f64]) -> Self {
        let dim = x.len();
        let mut rows = Vec::with_capacity(dim);
        let per_block = BLOCK / 2 - 1;
        for first in (0..dim).step_by(per_block) {
            let count = per_block.min(dim - first);
            // lanes 2 k and 2 k + 1: coordinate first + k up and down; the last: x itself
            let lanes = 2 * count + 1;
            let mut z = Lanes::zeros(dim, lanes);
            let mut grad = Lanes::zeros(dim, lanes);
            let mut value = vec![0.0; lanes];
            for lane in 0..lanes {
                z.set_lane(lane, x);
            }
            for k in 0..count {
                z.set(first + k, 2 * k, x[first + k] + step[first + k]);
                z.set(first + k, 2 * k + 1, x[first + k] - step[first + k]);
            }
            z.pad();
            target.eval(&z, &mut value, Some(&mut grad));
            for k in 0..count {
                let pick = |lane: usize| {
                    if value[lane].is_finite() { (lane, 1.0) } else { (lanes - 1, 0.0) }
                };
                let ((up, a), (down, b)) = (pick(2 * k), pick(2 * k + 1));
                let width = step[first + k] * f64::max(a + b, 1.0);
                rows.push((0..dim).map(|i| (grad.get(i, down) - grad.get(i, up)) / width).collect());
            }
        }
        Differences { rows }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        0.5 * (self.rows[i][j] + self.rows[j][i])
    }

    /// The standard deviation of coordinate `i` given the others; `None` where there is no curvature to
    /// tell it, or an infinite one.
    fn sd(&self, i: usize) -> Option<f64> {
        let curvature = self.at(i, i).abs();
        (curvature > FLAT && curvature.is_finite()).then(|| 1.0 / curvature.sqrt())
    }

    /// The Cholesky factor of the inverse, computed from the precision scaled to unit diagonal.
    fn factor(&self, sd: &[f64]) -> Scale {
        let n = sd.len();
        let scaled = DMatrix::from_fn(n, n, |i, j| self.at(i, j) * sd[i] * sd[j]);
        let eigen = SymmetricEigen::new(scaled);
        let roots = DMatrix::from_fn(n, n, |i, j| {
            eigen.eigenvectors[(i, j)] * sd[i] / eigen.eigenvalues[j].abs().max(FLOOR).sqrt()
        });
        let covariance = &roots * roots.transpose();
        match Cholesky::new(covariance) {
            Some(cholesky) => Scale::lower(&cholesky),
            // only a non-finite curvature comes here
            None => Scale::Diagonal(sd.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Gaussian;

    #[test]
    fn a_normal_is_whitened_to_its_own_factor() {
        let factor = [2.0, -0.3, 0.02, 0.4, 1e-4, 30.0];
        let mut density = Gaussian::from_factor(&[1.0, -2.0, 3.0], &factor);
        let mut target = Target::new(&mut density);
        let coordinates = whiten(&mut target, &[1.0, -2.0, 3.0], true);
        let Scale::Lower(l) = &coordinates.scale else { panic!("dense was asked for") };
        for (a, b) in l.iter().zip(&factor) {
            assert!((a - b).abs() < 1e-6 * (1.0 + b.abs()), "{a} {b}");
        }
        // The diagonal variant has the mean-field optimum, 1 / P_ii.
        let coordinates = whiten(&mut target, &[1.0, -2.0, 3.0], false);
        let Scale::Diagonal(sd) = &coordinates.scale else { panic!("diagonal was asked for") };
        for (i, sd) in sd.iter().enumerate() {
            let expected = 1.0 / density.precision[(i, i)].sqrt();
            assert!((sd / expected - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn flat_and_upturned_directions_get_finite_scales() {
        let mut saddle = crate::testing::Function::new(3, |z, g| {
            (g[0], g[1], g[2]) = (z[0], -z[1], 0.0);
            0.5 * (z[0] * z[0] - z[1] * z[1])
        });
        let coordinates = whiten(&mut Target::new(&mut saddle), &[0.0; 3], true);
        assert!(coordinates.log_det().is_finite());
    }

    #[test]
    fn rounding_and_infinite_slopes_make_no_scale() {
        // Curvature 1e-20 along the first; the gradient along the second is infinite beside zero.
        let mut odd = crate::testing::Function::new(3, |z, g| {
            g[0] = -1e-20 * z[0];
            g[1] = if z[1] == 0.0 { 0.0 } else { -f64::INFINITY * z[1].signum() };
            g[2] = -4.0 * z[2];
            -2.0 * z[2] * z[2]
        });
        let coordinates = whiten(&mut Target::new(&mut odd), &[0.0; 3], false);
        let Scale::Diagonal(sd) = &coordinates.scale else { panic!("diagonal was asked for") };
        assert_eq!(sd[..2], [1.0, 1.0]);
        assert!((sd[2] - 0.5).abs() < 1e-6, "{sd:?}");
    }
}
