//! `mean_field`: independent normals. `lambda = (mu[d], log sigma[d])`.

use super::{Family, HALF_LOG_TAU};
use numerics::lanes::{LANES, Lanes};

pub struct MeanField {
    dim: usize,
}

impl MeanField {
    pub fn new(dim: usize) -> Self {
        MeanField { dim }
    }
}

impl Family for MeanField {
    fn name(&self) -> String {
        "mean_field".into()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn n_params(&self) -> usize {
        2 * self.dim
    }

    fn affine(&self) -> bool {
        false
    }

    fn standard(&self) -> Vec<f64> {
        vec![0.0; 2 * self.dim]
    }

    fn rsample(&self, lambda: &[f64], eps: &Lanes, z: &mut Lanes) {
        let (mu, log_sigma) = lambda.split_at(self.dim);
        for t in 0..z.tiles() {
            let rows = z.tile_mut(t).chunks_exact_mut(LANES).zip(eps.tile(t).chunks_exact(LANES));
            for (i, (z, eps)) in rows.enumerate() {
                let sigma = log_sigma[i].exp();
                for (z, e) in z.iter_mut().zip(eps) {
                    *z = mu[i] + sigma * e;
                }
            }
        }
    }

    fn log_q(&self, lambda: &[f64], z: &Lanes, log_q: &mut [f64], mut score: Option<&mut Lanes>) {
        let (mu, log_sigma) = lambda.split_at(self.dim);
        let constant = -log_sigma.iter().sum::<f64>() - self.dim as f64 * HALF_LOG_TAU;
        for t in 0..z.tiles() {
            let mut squares = [0.0; LANES];
            for (i, z) in z.tile(t).chunks_exact(LANES).enumerate() {
                let inverse = (-log_sigma[i]).exp();
                for l in 0..LANES {
                    let e = (z[l] - mu[i]) * inverse;
                    squares[l] += e * e;
                    if let Some(score) = score.as_deref_mut() {
                        score.tile_mut(t)[i * LANES + l] = -e * inverse;
                    }
                }
            }
            for (q, s) in log_q[t * LANES..].iter_mut().zip(squares) {
                *q = constant - 0.5 * s;
            }
        }
    }

    fn pullback(
        &self,
        lambda: &[f64],
        eps: &Lanes,
        grad: &Lanes,
        weight: &[f64],
        out: &mut [f64],
        squared: &mut [f64],
    ) {
        let log_sigma = &lambda[self.dim..];
        squared.fill(0.0);
        for (t, (w, squared)) in weight.chunks(LANES).zip(squared.chunks_mut(LANES)).enumerate() {
            let (eps, grad) = (eps.tile(t), grad.tile(t));
            for i in 0..self.dim {
                let sigma = log_sigma[i].exp();
                for (l, w) in w.iter().enumerate() {
                    let g = grad[i * LANES + l];
                    let scaled = sigma * eps[i * LANES + l];
                    out[i] += w * g;
                    out[self.dim + i] += w * g * scaled;
                    squared[l] += g * g * (1.0 + scaled * scaled);
                }
            }
        }
    }

    fn entropy(&self, lambda: &[f64], grad: Option<&mut [f64]>) -> f64 {
        if let Some(grad) = grad {
            grad[self.dim..].iter_mut().for_each(|g| *g += 1.0);
        }
        lambda[self.dim..].iter().sum::<f64>() + self.dim as f64 * (HALF_LOG_TAU + 0.5)
    }

    fn symmetric_kl(&self, a: &[f64], b: &[f64]) -> f64 {
        let d = self.dim;
        (0..d)
            .map(|i| {
                let ratio = 2.0 * (a[d + i] - b[d + i]);
                let precision = (-2.0 * a[d + i]).exp() + (-2.0 * b[d + i]).exp();
                // cosh(r) - 1 without cancellation at small r
                2.0 * (0.5 * ratio).sinh().powi(2) + 0.5 * (a[i] - b[i]).powi(2) * precision
            })
            .sum()
    }
}
