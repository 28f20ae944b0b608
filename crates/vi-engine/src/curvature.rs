//! The curvature of the log density at a point, and the coordinates it whitens.
//!
//! Central differences of gradients: the `2 d` points of a Hessian are lanes, so it costs little
//! more than `d / 4` evaluations; for an arrow `2 (g + b)` points, of the globals and the largest
//! block.

use std::sync::Arc;

use nalgebra::{Cholesky, DMatrix, Dyn, SymmetricEigen};
use numerics::lanes::Lanes;

use crate::BLOCK;
use crate::coordinates::{Coordinates, Scale};
use crate::pattern::{Arrow, Pattern};
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

/// Coordinates centred at `x` in which the curvature there is minus the identity, as far as a
/// triangle of `pattern` can make it so.
///
/// A direction in which the curvature has the wrong sign is scaled by its magnitude. A coordinate
/// without ([`FLAT`]) gets the scale one in the diagonal; densely, a direction much flatter than its
/// coordinates, or without curvature, a wide one bounded by [`FLOOR`].
pub fn whiten(target: &mut Target, x: &[f64], pattern: &Pattern) -> Coordinates {
    let probe: Vec<f64> = x.iter().map(|x| PROBE * (1.0 + x.abs())).collect();
    let first = Differences::take(target, x, probe, pattern);
    let steps: Vec<f64> =
        (0..x.len()).map(|i| first.sd(i).map_or(1.0, |sd| (STEP_IN_SD * sd).clamp(1e-8, 1.0))).collect();
    let second = Differences::take(target, x, steps, pattern);
    let sd: Vec<f64> = (0..x.len()).map(|i| second.sd(i).unwrap_or(1.0)).collect();
    let scale = match pattern {
        Pattern::Diagonal => None,
        Pattern::Lower => {
            let all: Vec<usize> = (0..x.len()).collect();
            inverse_factor(&second.block(&all), &sd).map(|cholesky| Scale::lower(&cholesky))
        }
        Pattern::Arrow(arrow) => second.arrow(arrow, &sd),
    };
    // only a non-finite curvature has no factor
    Coordinates { centre: x.to_vec(), scale: scale.unwrap_or(Scale::Diagonal(sd)) }
}

/// The Cholesky factor of a precision's inverse, computed from the precision scaled by `sd` (to unit
/// diagonal, or nearly).
fn inverse_factor(precision: &DMatrix<f64>, sd: &[f64]) -> Option<Cholesky<f64, Dyn>> {
    let n = sd.len();
    let eigen = SymmetricEigen::new(DMatrix::from_fn(n, n, |i, j| precision[(i, j)] * sd[i] * sd[j]));
    let roots = DMatrix::from_fn(n, n, |i, j| {
        eigen.eigenvectors[(i, j)] * sd[i] / eigen.eigenvalues[j].abs().max(FLOOR).sqrt()
    });
    Cholesky::new(&roots * roots.transpose())
}

/// The standard deviation that a curvature tells; `None` where there is none, or an infinite one.
fn sd_of(curvature: f64) -> Option<f64> {
    let curvature = curvature.abs();
    (curvature > FLAT && curvature.is_finite()).then(|| 1.0 / curvature.sqrt())
}

/// Minus the Hessian, by differences of gradients. Coordinates of one colour are moved together:
/// those whose second derivatives with each other vanish and which share no neighbour among the
/// coordinates at which their differences are read (Curtis, Powell and Reid 1974).
struct Differences {
    step: Vec<f64>,
    colour: Vec<usize>,
    /// Of each colour, the difference of gradients in units of the step: at every coordinate, or,
    /// where only the diagonal is wanted, at the one that was moved.
    slopes: Vec<Vec<f64>>,
}

/// The colour of each coordinate: in an arrow the globals have one each, and the first, the second
/// and so on of every block have one together.
fn colours(pattern: &Pattern, dim: usize) -> Vec<usize> {
    let mut colour: Vec<usize> = (0..dim).collect();
    if let Pattern::Arrow(arrow) = pattern {
        arrow.globals().iter().enumerate().for_each(|(k, &i)| colour[i] = k);
        for block in arrow.locals() {
            block.iter().enumerate().for_each(|(k, &i)| colour[i] = arrow.n_global() + k);
        }
    }
    colour
}

impl Differences {
    /// Over `x[i] +- step[i]`; over one side where the other cannot be evaluated; zero where neither
    /// can.
    fn take(target: &mut Target, x: &[f64], step: Vec<f64>, pattern: &Pattern) -> Self {
        let dim = x.len();
        let colour = colours(pattern, dim);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); colour.iter().max().map_or(0, |last| last + 1)];
        colour.iter().enumerate().for_each(|(i, &c)| members[c].push(i));
        let mut slopes = Vec::with_capacity(members.len());
        for moved in members.chunks(BLOCK / 2 - 1) {
            // lanes 2 k and 2 k + 1: the k-th colour up and down; the last: x itself
            let lanes = 2 * moved.len() + 1;
            let mut z = Lanes::zeros(dim, lanes);
            let mut grad = Lanes::zeros(dim, lanes);
            let mut value = vec![0.0; lanes];
            for lane in 0..lanes {
                z.set_lane(lane, x);
            }
            for (k, moved) in moved.iter().enumerate() {
                for &i in moved {
                    z.set(i, 2 * k, x[i] + step[i]);
                    z.set(i, 2 * k + 1, x[i] - step[i]);
                }
            }
            z.pad();
            target.eval(&z, &mut value, Some(&mut grad));
            for (k, moved) in moved.iter().enumerate() {
                let pick = |lane: usize| {
                    if value[lane].is_finite() { (lane, 1.0) } else { (lanes - 1, 0.0) }
                };
                let ((up, a), (down, b)) = (pick(2 * k), pick(2 * k + 1));
                let width = f64::max(a + b, 1.0);
                let slope = |i: usize| (grad.get(i, down) - grad.get(i, up)) / width;
                slopes.push(match pattern {
                    Pattern::Diagonal => vec![slope(moved[0])],
                    _ => (0..dim).map(slope).collect(),
                });
            }
        }
        Differences { step, colour, slopes }
    }

    /// The slope of minus the gradient at coordinate `i` along coordinate `j`.
    fn along(&self, i: usize, j: usize) -> f64 {
        let slopes = &self.slopes[self.colour[j]];
        slopes[if slopes.len() == 1 { 0 } else { i }] / self.step[j]
    }

    fn sd(&self, i: usize) -> Option<f64> {
        sd_of(self.along(i, i))
    }

    /// The rows and columns of some coordinates of which each has a colour of its own.
    fn block(&self, of: &[usize]) -> DMatrix<f64> {
        let n = of.len();
        DMatrix::from_fn(n, n, |i, j| 0.5 * (self.along(of[i], of[j]) + self.along(of[j], of[i])))
    }

    /// The factor of the inverse of `[[A, B'], [B, D]]` with `D` of blocks: a block given the globals
    /// has the mean `-D^-1 B g` and the precision `D`, the globals have `A - B' D^-1 B`.
    fn arrow(&self, arrow: &Arc<Arrow>, sd: &[f64]) -> Option<Scale> {
        let globals = arrow.globals();
        let n = globals.len();
        let mut precision = self.block(globals);
        let mut blocks = Vec::new();
        for block in arrow.locals() {
            let sd: Vec<f64> = block.iter().map(|&i| sd[i]).collect();
            let own = inverse_factor(&self.block(block), &sd)?.l();
            let cross = DMatrix::from_fn(block.len(), n, |i, j| self.along(block[i], globals[j]));
            let rooted = own.tr_mul(&cross);
            precision -= rooted.tr_mul(&rooted);
            blocks.push([-(&own * rooted), own]);
        }
        if n == 0 {
            return Some(Scale::arrow(arrow, &precision, &blocks));
        }
        let sd: Vec<f64> = (0..n).map(|i| sd_of(precision[(i, i)]).unwrap_or(1.0)).collect();
        let own = inverse_factor(&precision, &sd)?.l();
        blocks.iter_mut().for_each(|[head, _]| *head = &*head * &own);
        Some(Scale::arrow(arrow, &own, &blocks))
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
        let coordinates = whiten(&mut target, &[1.0, -2.0, 3.0], &Pattern::Lower);
        let Scale::Lower(l) = &coordinates.scale else { panic!("dense was asked for") };
        for (a, b) in l.iter().zip(&factor) {
            assert!((a - b).abs() < 1e-6 * (1.0 + b.abs()), "{a} {b}");
        }
        // The diagonal variant has the mean-field optimum, 1 / P_ii.
        let coordinates = whiten(&mut target, &[1.0, -2.0, 3.0], &Pattern::Diagonal);
        let Scale::Diagonal(sd) = &coordinates.scale else { panic!("diagonal was asked for") };
        for (i, sd) in sd.iter().enumerate() {
            let expected = 1.0 / density.precision[(i, i)].sqrt();
            assert!((sd / expected - 1.0).abs() < 1e-6);
        }
    }

    /// An arrow of 2 globals and blocks of 3, 1 and 2 is whitened to its own factor by 2 (2 + 3) points
    /// and the middle, twice.
    #[test]
    fn an_arrow_is_whitened_to_its_own_factor_by_few_gradients() {
        let blocks = vec![Some(0), None, Some(1), Some(0), Some(2), None, Some(0), Some(2)];
        let dim = blocks.len();
        let arrow = Arc::new(Arrow::new(blocks));
        let pattern = Pattern::Arrow(arrow.clone());
        let l: Vec<f64> = (0..arrow.size()).map(|k| 0.3 * (k as f64 * 1.3).sin()).collect();
        let mut l = l;
        for i in 0..dim {
            l[pattern.row(i).diagonal(i)] = 10f64.powf((i as f64).sin());
        }
        // the covariance in the order of coordinates
        let factor = DMatrix::from_fn(dim, dim, |i, j| pattern.row(i).get(i, j).map_or(0.0, |k| l[k]));
        let at = |i: usize| (0..dim).find(|&p| pattern.coordinate(p) == i).unwrap();
        let covariance = &factor * factor.transpose();
        let covariance = DMatrix::from_fn(dim, dim, |i, j| covariance[(at(i), at(j))]);
        let mean: Vec<f64> = (0..dim).map(|i| i as f64).collect();
        let mut density = Gaussian::new(&mean, covariance);
        let mut target = Target::new(&mut density);
        let coordinates = whiten(&mut target, &mean, &pattern);
        assert_eq!(target.tally.lanes, 2 * (2 * (2 + 3) + 1));
        let Scale::Arrow(_, found) = &coordinates.scale else { panic!("an arrow was asked for") };
        for (a, b) in found.iter().zip(&l) {
            assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} {b}");
        }
    }

    #[test]
    fn flat_and_upturned_directions_get_finite_scales() {
        let mut saddle = crate::testing::Function::new(3, |z, g| {
            (g[0], g[1], g[2]) = (z[0], -z[1], 0.0);
            0.5 * (z[0] * z[0] - z[1] * z[1])
        });
        let coordinates = whiten(&mut Target::new(&mut saddle), &[0.0; 3], &Pattern::Lower);
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
        let coordinates = whiten(&mut Target::new(&mut odd), &[0.0; 3], &Pattern::Diagonal);
        let Scale::Diagonal(sd) = &coordinates.scale else { panic!("diagonal was asked for") };
        assert_eq!(sd[..2], [1.0, 1.0]);
        assert!((sd[2] - 0.5).abs() < 1e-6, "{sd:?}");
    }
}
