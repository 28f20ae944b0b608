//! LKJ: a prior for correlation matrices, as the law of their Cholesky factor.

use crate::matrix;
use crate::prelude::*;

#[derive(Debug)]
pub struct LkjCholesky;

const NAME: &str = "lkj_cholesky";

const SLOTS: &[Slot] = &[Slot::required(&[Parameter::new("eta", Domain::Positive).finite_outside()])];

/// How far the length of an observed row may be from one.
const ROUNDING: f64 = 1e-8;

impl Distribution for LkjCholesky {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "The lower factor of a correlation matrix: flat over matrices for eta = 1, nearer to none above."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn event(&self) -> Event {
        Event::Matrix
    }
    fn widest_support(&self) -> Support {
        Support::CholeskyCorrelation
    }

    /// Rows of length one, zeros above a positive diagonal.
    fn observable_value(&self, _: &Params<Option<&[f64]>>, x: &[f64]) -> bool {
        let n = matrix::side(x.len());
        (0..n).all(|i| {
            let row = &x[i * n..(i + 1) * n];
            let length: f64 = row.iter().map(|x| x * x).sum();
            (length - 1.0).abs() <= ROUNDING && row[i] > 0.0 && row[i + 1..].iter().all(|&x| x == 0.0)
        })
    }

    /// sum over rows i from 1 of (n - i + 2 (eta - 1)) ln L_ii, less its normaliser: the density of the
    /// elements below the diagonal.
    ///
    /// Row i lies in the unit ball of i - 1 dimensions, with density (1 - r^2)^(a - 1), a = eta +
    /// (n - i) / 2, whose integral is pi^((i - 1) / 2) Gamma(a) / Gamma(a + (i - 1) / 2); the last
    /// argument is eta + (n - 1) / 2 for all rows.
    ///
    /// Source: D. Lewandowski et al., Generating random correlation matrices based on vines and extended
    /// onion method, Journal of Multivariate Analysis 100 (2009); Stan functions reference, Cholesky LKJ
    /// correlation distribution.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (eta, row, col) = (params.at(0), params.event()[0], params.event()[1]);
        let (steps, n) = (g.iota(row), g.size(row));
        let last = g.add_const(n, -1.0);
        // n - i, and eta - 1.
        let (left, excess) = (g.sub(last, steps), g.add_const(eta, -1.0));
        let twice = g.scale(2.0, excess);
        let power = g.add(twice, left);
        let ln = matrix::ln_diagonal(g, x, row, col);
        let terms = g.mul(power, ln);
        let kernel = g.sum(terms, &[row]);

        let half_left = g.scale(0.5, left);
        let each = g.add(eta, half_left);
        let half_steps = g.scale(0.5, steps);
        let (excess, ln_each) = (emit::ln_rising_excess(g, each, half_steps), g.ln(each));
        let rising = g.mul(half_steps, ln_each);
        let rising = g.add(excess, rising);
        let all = g.sum(rising, &[row]);
        let gammas = g.neg(all);
        let pairs = g.mul(n, last);
        let pis = g.scale(0.25 * std::f64::consts::PI.ln(), pairs);
        let norm = g.add(gammas, pis);
        let density = g.sub(kernel, norm);
        Ok(matrix::where_definite(g, x, (row, col), density))
    }

    fn sample(&self, _: &Params<f64>, _: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Err(DistributionError::NoDraws { distribution: NAME, why: "a value is a matrix" })
    }
    /// Row by row: a direction of equal chances, and the square of its length from a beta law. The rows
    /// of the factor are independent.
    fn sample_into(
        &self,
        params: &Params<&[f64]>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        let (eta, n) = (params.at(0)[0], matrix::side(out.len()));
        for (i, row) in out.chunks_exact_mut(n).enumerate() {
            row.fill(0.0);
            if i == 0 {
                row[0] = 1.0;
                continue;
            }
            row[..i].fill_with(|| random::standard_normal(uniforms));
            let length = row[..i].iter().map(|z| z * z).sum::<f64>().sqrt();
            let (a, b) = (0.5 * i as f64, eta + 0.5 * (n - 1 - i) as f64);
            let (ln_r2, ln_rest) = random::ln_beta(a, b, uniforms);
            let r = (0.5 * ln_r2).exp();
            row[..i].iter_mut().for_each(|z| *z *= r / length);
            row[i] = random::positive((0.5 * ln_rest).exp());
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
