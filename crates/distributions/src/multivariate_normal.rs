//! Multivariate normal: by its covariance, its precision, or a Cholesky factor of the covariance.

use crate::bijectors::factor;
use crate::matrix;
use crate::prelude::*;

#[derive(Debug)]
pub struct MultivariateNormal;

const NAME: &str = "multivariate_normal";

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("mean", Domain::Real).shaped(Shape::Elementwise)]),
    Slot::required(&[
        Parameter::new("covariance", Domain::PositiveDefinite).shaped(Shape::Square),
        Parameter::new("precision", Domain::PositiveDefinite).shaped(Shape::Square),
        Parameter::new("cholesky", Domain::CholeskyFactor).shaped(Shape::Square),
    ]),
];

const PRECISION: usize = 1;
const CHOLESKY: usize = 2;

impl Distribution for MultivariateNormal {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "Numbers that vary together, by their means and a covariance, its inverse, or its lower factor."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn event(&self) -> Event {
        Event::Vector
    }
    fn widest_support(&self) -> Support {
        Support::REAL
    }

    /// -|z|^2 / 2 - ln det L - n ln(2 pi) / 2, where L L' is the covariance and z = L^-1 (x - mean); by a
    /// precision A A' it is z = A' (x - mean) and ln det L = -ln det A. Of a matrix its lower triangle is
    /// read; where it is not positive definite there is no density.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (mean, given, row) = (params.at(0), params.given(1).expect("a required slot"), params.event()[0]);
        let col = g.prime(row);
        let name = SLOTS[1].alternatives[given.alternative].name;
        let m = matrix::square(g, NAME, name, given.value, (row, col))?;
        let l = if given.alternative == CHOLESKY { m } else { factor(g, m, row, col) };
        let d = g.sub(x, mean);
        let d = g.expand(d, &[row]);
        let ln_diagonal = matrix::ln_diagonal(g, l, row, col);
        let ln_det = g.sum(ln_diagonal, &[row]);
        let (z, along, ln_det) = match given.alternative {
            PRECISION => (g.contract(l, d, &[row]), col, g.neg(ln_det)),
            _ => (g.tri_solve(l, d, row, col, false), row, ln_det),
        };
        let square = g.square(z);
        let square = g.sum(square, &[along]);
        let kernel = g.scale(-0.5, square);
        let n = g.size(row);
        let constant = g.scale(emit::HALF_LN_2PI, n);
        let norm = g.add(constant, ln_det);
        let density = g.sub(kernel, norm);
        Ok(matrix::where_definite(g, l, (row, col), density))
    }

    fn sample(&self, _: &Params<f64>, _: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Err(DistributionError::NoDraws { distribution: NAME, why: "a value is a vector" })
    }
    fn sample_into(
        &self,
        params: &Params<&[f64]>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        let (mean, given) = (params.at(0), params.given(1).expect("a required slot"));
        let factor = |m| matrix::cholesky(m, out.len()).ok_or(indefinite(given.alternative));
        let computed = if given.alternative == CHOLESKY { Vec::new() } else { factor(given.value)? };
        out.fill_with(|| random::standard_normal(uniforms));
        match given.alternative {
            CHOLESKY => matrix::multiply(given.value, out),
            PRECISION => matrix::solve_transposed(&computed, out),
            _ => matrix::multiply(&computed, out),
        }
        out.iter_mut().enumerate().for_each(|(k, x)| *x += mean[k.min(mean.len() - 1)]);
        Ok(())
    }

    /// With the known elements first, L L' the covariance in that order and x = mean + L z, the known ones
    /// tell the first elements of z; the others are drawn.
    ///
    /// Source: C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning (2006), A.2.
    fn sample_given(
        &self,
        params: &Params<&[f64]>,
        known: &[bool],
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        let (mean, given) = (params.at(0), params.given(1).expect("a required slot"));
        let n = out.len();
        let covariance = match given.alternative {
            CHOLESKY => matrix::outer(given.value, n),
            PRECISION => matrix::inverse(given.value, n).ok_or(indefinite(given.alternative))?,
            _ => given.value.to_vec(),
        };
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&i| !known[i]);
        // Of the given matrix the lower triangle is read.
        let at = |i: usize, j: usize| covariance[i.max(j) * n + i.min(j)];
        let sorted: Vec<f64> = order.iter().flat_map(|&i| order.iter().map(move |&j| at(i, j))).collect();
        let l = matrix::cholesky(&sorted, n).ok_or(indefinite(given.alternative))?;
        let n_known = known.iter().filter(|k| **k).count();
        let mut z = vec![0.0; n];
        for (k, &i) in order.iter().enumerate() {
            let row = &l[k * n..][..=k];
            let from_others: f64 = row[..k].iter().zip(&z).map(|(l, z)| l * z).sum();
            let mean = mean[i.min(mean.len() - 1)];
            if k < n_known {
                z[k] = (out[i] - mean - from_others) / row[k];
            } else {
                z[k] = random::standard_normal(uniforms);
                out[i] = mean + from_others + row[k] * z[k];
            }
        }
        Ok(())
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}

fn indefinite(alternative: usize) -> DistributionError {
    let parameter = SLOTS[1].alternatives[alternative].name;
    DistributionError::Indefinite { distribution: NAME, parameter }
}
