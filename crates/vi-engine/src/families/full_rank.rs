//! `full_rank`: a normal with any covariance, `z = mu + L eps`.
//!
//! `lambda = (mu[d], L)`, `L` lower triangular and packed by rows with the *logarithm* of its
//! diagonal, so that every `lambda` is a valid distribution.

use super::{Family, HALF_LOG_TAU};
use crate::coordinates::{add, row};
use numerics::lanes::{LANES, Lanes};

pub struct FullRank {
    dim: usize,
}

impl FullRank {
    pub fn new(dim: usize) -> Self {
        FullRank { dim }
    }

    /// `L` with its true diagonal, packed by rows.
    fn factor(&self, lambda: &[f64]) -> Vec<f64> {
        let mut l = lambda[self.dim..].to_vec();
        for i in 0..self.dim {
            l[row(i) + i] = l[row(i) + i].exp();
        }
        l
    }

    fn log_det(&self, lambda: &[f64]) -> f64 {
        (0..self.dim).map(|i| lambda[self.dim + row(i) + i]).sum()
    }
}

impl Family for FullRank {
    fn name(&self) -> String {
        "full_rank".into()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn n_params(&self) -> usize {
        self.dim + row(self.dim)
    }

    fn affine(&self) -> bool {
        true
    }

    fn standard(&self) -> Vec<f64> {
        vec![0.0; self.n_params()]
    }

    fn rsample(&self, lambda: &[f64], eps: &Lanes, z: &mut Lanes) {
        let l = self.factor(lambda);
        for t in 0..z.tiles() {
            let (eps, z) = (eps.tile(t), z.tile_mut(t));
            for i in 0..self.dim {
                let mut sum = [lambda[i]; LANES];
                for j in 0..=i {
                    add(&mut sum, l[row(i) + j], &eps[j * LANES..]);
                }
                z[i * LANES..(i + 1) * LANES].copy_from_slice(&sum);
            }
        }
    }

    fn log_q(&self, lambda: &[f64], z: &Lanes, log_q: &mut [f64], mut score: Option<&mut Lanes>) {
        let d = self.dim;
        let l = self.factor(lambda);
        let constant = -self.log_det(lambda) - d as f64 * HALF_LOG_TAU;
        let mut e = vec![0.0; d * LANES];
        for t in 0..z.tiles() {
            let z = z.tile(t);
            let mut squares = [0.0; LANES];
            // e = L^-1 (z - mu)
            for i in 0..d {
                let mut sum = [-lambda[i]; LANES];
                add(&mut sum, 1.0, &z[i * LANES..]);
                for j in 0..i {
                    add(&mut sum, -l[row(i) + j], &e[j * LANES..]);
                }
                for k in 0..LANES {
                    let x = sum[k] / l[row(i) + i];
                    e[i * LANES + k] = x;
                    squares[k] += x * x;
                }
            }
            for (q, s) in log_q[t * LANES..].iter_mut().zip(squares) {
                *q = constant - 0.5 * s;
            }
            if let Some(score) = score.as_deref_mut() {
                // score = -L'^-1 e, from the last row up
                let score = score.tile_mut(t);
                for i in (0..d).rev() {
                    let mut sum = [0.0; LANES];
                    add(&mut sum, -1.0, &e[i * LANES..]);
                    for k in i + 1..d {
                        add(&mut sum, -l[row(k) + i], &score[k * LANES..]);
                    }
                    for k in 0..LANES {
                        score[i * LANES + k] = sum[k] / l[row(i) + i];
                    }
                }
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
        let d = self.dim;
        let (out_mu, out_l) = out.split_at_mut(d);
        for (t, (w, squared)) in weight.chunks(LANES).zip(squared.chunks_mut(LANES)).enumerate() {
            let (eps, grad) = (eps.tile(t), grad.tile(t));
            let mut weights = [0.0; LANES];
            weights[..w.len()].copy_from_slice(w);
            let (mut below, mut squares) = ([1.0; LANES], [0.0; LANES]);
            for i in 0..d {
                let diagonal = lambda[d + row(i) + i].exp();
                let (g, e) = (&grad[i * LANES..][..LANES], &eps[i * LANES..][..LANES]);
                let mut weighted = [0.0; LANES];
                for k in 0..LANES {
                    // A padding lane may hold anything; its weight is no defence against NaN.
                    weighted[k] = if weights[k] == 0.0 { 0.0 } else { weights[k] * g[k] };
                    let scaled = diagonal * e[k];
                    squares[k] += g[k] * g[k] * (below[k] + scaled * scaled);
                    below[k] += e[k] * e[k];
                }
                out_mu[i] += weighted.iter().sum::<f64>();
                for j in 0..=i {
                    let e = &eps[j * LANES..][..LANES];
                    let dot: f64 = weighted.iter().zip(e).map(|(g, e)| g * e).sum();
                    out_l[row(i) + j] += if j == i { dot * diagonal } else { dot };
                }
            }
            squared.copy_from_slice(&squares[..squared.len()]);
        }
    }

    fn entropy(&self, lambda: &[f64], grad: Option<&mut [f64]>) -> f64 {
        if let Some(grad) = grad {
            for i in 0..self.dim {
                grad[self.dim + row(i) + i] += 1.0;
            }
        }
        self.log_det(lambda) + self.dim as f64 * (HALF_LOG_TAU + 0.5)
    }

    fn symmetric_kl(&self, a: &[f64], b: &[f64]) -> f64 {
        // KL(a|b) = (|Lb^-1 La|_F^2 + |Lb^-1 (ma - mb)|^2 - d) / 2 + log det Lb - log det La; the
        // log determinants cancel in the sum.
        let d = self.dim;
        let (la, lb) = (self.factor(a), self.factor(b));
        let shift: Vec<f64> = (0..d).map(|i| a[i] - b[i]).collect();
        let one_way = |top: &[f64], bottom: &[f64]| -> f64 {
            let mut total = 0.0;
            let mut x = vec![0.0; d];
            // column j of top below its diagonal, then the shift
            for j in 0..=d {
                let first = if j == d { 0 } else { j };
                for i in first..d {
                    let rhs = if j == d { shift[i] } else { top[row(i) + j] };
                    let known: f64 = (first..i).map(|k| bottom[row(i) + k] * x[k]).sum();
                    x[i] = (rhs - known) / bottom[row(i) + i];
                    total += x[i] * x[i];
                }
            }
            total - d as f64
        };
        (0.5 * (one_way(&la, &lb) + one_way(&lb, &la))).max(0.0)
    }
}
