//! Monte-Carlo estimates of the ELBO and its gradient.

use numerics::lanes::Lanes;

use crate::coordinates::Coordinates;
use crate::families::Family;
use crate::options::Gradient;
use crate::target::Target;

/// One estimate of the ELBO. Its draws that could not be evaluated are left out of every average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Mean of `log p - log q` over the good draws; NaN where there are none.
    pub elbo: f64,
    /// Monte-Carlo standard error of `elbo`; NaN below two good draws.
    pub elbo_mcse: f64,
    /// Variance of the gradient estimate, summed over the parameters; NaN below two good draws.
    pub grad_var: f64,
    pub good: usize,
}

/// Room for one block of draws, so that a step allocates nothing here.
pub struct Estimator {
    gradient: Gradient,
    u: Lanes,
    z: Lanes,
    grad: Lanes,
    score: Lanes,
    log_p: Vec<f64>,
    log_q: Vec<f64>,
    weight: Vec<f64>,
    squared: Vec<f64>,
}

impl Estimator {
    /// For `draws` draws of a vector of length `dim`.
    pub fn new(gradient: Gradient, dim: usize, draws: usize) -> Self {
        let lanes = || Lanes::zeros(dim, draws);
        Estimator {
            gradient,
            u: lanes(),
            z: lanes(),
            grad: lanes(),
            score: lanes(),
            log_p: vec![0.0; draws],
            log_q: vec![0.0; draws],
            weight: vec![0.0; draws],
            squared: vec![0.0; draws],
        }
    }

    /// The ELBO and its gradient (`out`, `[n_params]`, overwritten) at `lambda` for the base noise
    /// `eps` (`[n_base]` x draws).
    pub fn gradient(
        &mut self,
        target: &mut Target,
        coordinates: &Coordinates,
        family: &dyn Family,
        lambda: &[f64],
        eps: &Lanes,
        out: &mut [f64],
    ) -> Estimate {
        out.fill(0.0);
        family.rsample(lambda, eps, &mut self.u);
        let grad = Some(&mut self.grad);
        target.eval_whitened(coordinates, &self.u, &mut self.z, &mut self.log_p, grad);
        let sticking = self.gradient == Gradient::StickingTheLanding;
        let score = sticking.then_some(&mut self.score);
        family.log_q(lambda, &self.u, &mut self.log_q, score);
        if sticking {
            // d log q / d u at fixed lambda: the term whose chain rule is kept
            for t in 0..self.grad.tiles() {
                for (g, s) in self.grad.tile_mut(t).iter_mut().zip(self.score.tile(t)) {
                    *g -= s;
                }
            }
        }
        let (elbo, elbo_mcse, good) = self.average();
        if good == 0 {
            return Estimate { elbo, elbo_mcse, grad_var: f64::NAN, good };
        }
        for (lane, weight) in self.weight.iter_mut().enumerate() {
            *weight = if self.log_p[lane].is_finite() { 1.0 / good as f64 } else { 0.0 };
        }
        let (grad, weight) = (&self.grad, &self.weight);
        family.pullback(lambda, eps, grad, weight, out, &mut self.squared);
        let mean_square: f64 = self.weight.iter().zip(&self.squared).map(|(w, s)| w * s).sum();
        let square_mean: f64 = out.iter().map(|g| g * g).sum();
        // sum of variances over the lanes, divided by (good - 1): the variance of their mean
        let grad_var =
            if good > 1 { (mean_square - square_mean).max(0.0) / (good - 1) as f64 } else { f64::NAN };
        if !sticking {
            family.entropy(lambda, Some(out));
        }
        Estimate { elbo, elbo_mcse, grad_var, good }
    }

    /// The ELBO's terms `log p - log q` per draw (`-inf` where a draw has none), without gradients.
    pub fn terms(
        &mut self,
        target: &mut Target,
        coordinates: &Coordinates,
        family: &dyn Family,
        lambda: &[f64],
        eps: &Lanes,
    ) -> Vec<f64> {
        family.rsample(lambda, eps, &mut self.u);
        target.eval_whitened(coordinates, &self.u, &mut self.z, &mut self.log_p, None);
        family.log_q(lambda, &self.u, &mut self.log_q, None);
        self.log_p.iter().zip(&self.log_q).map(|(p, q)| p - q).collect()
    }

    fn average(&self) -> (f64, f64, usize) {
        let terms = self.log_p.iter().zip(&self.log_q).map(|(p, q)| p - q);
        mean_and_mcse(terms)
    }
}

/// Mean of the finite terms, its standard error, and their number.
pub(crate) fn mean_and_mcse(terms: impl Iterator<Item = f64> + Clone) -> (f64, f64, usize) {
    let finite = terms.filter(|x| x.is_finite());
    let good = finite.clone().count();
    let mean = finite.clone().sum::<f64>() / good as f64;
    let squares: f64 = finite.map(|x| (x - mean) * (x - mean)).sum();
    let mcse = if good > 1 { (squares / (good * (good - 1)) as f64).sqrt() } else { f64::NAN };
    (mean, mcse, good)
}
