//! `low_rank(k)`: a normal with covariance `D^2 + B B'`, `z = mu + D eps_d + B eps_k`.
//!
//! `lambda = (mu[d], log D[d], B[d, k] by rows)`. Densities go through the `k x k` capacitance
//! `C = I + B' D^-2 B` (Woodbury), so cost grows as `d k^2`, never `d^2`.

use super::{Family, HALF_LOG_TAU};
use crate::pattern::{Pattern, add};
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use numerics::lanes::{LANES, Lanes};

pub struct LowRank {
    dim: usize,
    rank: usize,
}

/// `D`, `B` and the Cholesky factor of the capacitance.
struct Parts {
    d: DVector<f64>,
    b: DMatrix<f64>,
    capacitance: Cholesky<f64, Dyn>,
}

impl Parts {
    /// `Sigma^-1 x`.
    fn solve(&self, x: &DVector<f64>) -> DVector<f64> {
        let scaled = DVector::from_fn(x.len(), |i, _| x[i] / (self.d[i] * self.d[i]));
        let inner = self.capacitance.solve(&(self.b.tr_mul(&scaled)));
        let back = &self.b * inner;
        DVector::from_fn(x.len(), |i, _| scaled[i] - back[i] / (self.d[i] * self.d[i]))
    }

    /// `log det Sigma / 2`.
    fn half_log_det(&self) -> f64 {
        let l = self.capacitance.l_dirty();
        self.d.iter().map(|x| x.ln()).sum::<f64>() + (0..l.nrows()).map(|i| l[(i, i)].ln()).sum::<f64>()
    }

    /// The diagonal of `Sigma^-1` and `Sigma^-1 B = D^-2 B C^-1`.
    fn inverse_diagonal_and_gain(&self) -> (DVector<f64>, DMatrix<f64>) {
        let n = self.d.len();
        let scaled = DMatrix::from_fn(n, self.b.ncols(), |i, j| self.b[(i, j)] / (self.d[i] * self.d[i]));
        let gain = self.capacitance.solve(&scaled.transpose()).transpose();
        let diagonal = DVector::from_fn(n, |i, _| {
            let correction: f64 = gain.row(i).dot(&scaled.row(i));
            1.0 / (self.d[i] * self.d[i]) - correction
        });
        (diagonal, gain)
    }
}

impl LowRank {
    /// Rank is held between 1 and `dim`.
    pub fn new(dim: usize, rank: usize) -> Self {
        LowRank { dim, rank: rank.clamp(1, dim) }
    }

    fn parts(&self, lambda: &[f64]) -> Parts {
        let n = self.dim;
        let d = DVector::from_fn(n, |i, _| lambda[n + i].exp());
        let b = DMatrix::from_row_slice(n, self.rank, &lambda[2 * n..]);
        let scaled = DMatrix::from_fn(n, self.rank, |i, j| b[(i, j)] / d[i]);
        let mut c = scaled.tr_mul(&scaled);
        for i in 0..self.rank {
            c[(i, i)] += 1.0;
        }
        // I + (a square) is positive definite; only a non-finite lambda fails, and then every
        // density is NaN, which callers reject.
        let capacitance = Cholesky::new(c)
            .unwrap_or_else(|| Cholesky::pack_dirty(DMatrix::from_element(self.rank, self.rank, f64::NAN)));
        Parts { d, b, capacitance }
    }
}

impl Family for LowRank {
    fn name(&self) -> String {
        format!("low_rank({})", self.rank)
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn n_params(&self) -> usize {
        (2 + self.rank) * self.dim
    }

    fn n_base(&self) -> usize {
        self.dim + self.rank
    }

    fn scale(&self) -> &Pattern {
        &Pattern::Diagonal
    }

    fn standard(&self) -> Vec<f64> {
        // B = 0 is a saddle of the objective: its gradient vanishes there for every target. Start
        // at small factors of an irregular pattern (multiples of the golden ratio), with D such
        // that variances stay one.
        let amplitude = 0.5 / (self.rank as f64).sqrt();
        let pattern = |n: usize| (n as f64 * 0.618_033_988_749_894_9).fract() - 0.5;
        let b: Vec<f64> = (0..self.dim * self.rank).map(|n| amplitude * pattern(n + 1)).collect();
        let mut lambda = vec![0.0; 2 * self.dim];
        for (i, b) in b.chunks_exact(self.rank).enumerate() {
            lambda[self.dim + i] = 0.5 * (1.0 - b.iter().map(|b| b * b).sum::<f64>()).ln();
        }
        lambda.extend(b);
        lambda
    }

    fn rsample(&self, lambda: &[f64], eps: &Lanes, z: &mut Lanes) {
        let (n, k) = (self.dim, self.rank);
        for t in 0..z.tiles() {
            let (eps, z) = (eps.tile(t), z.tile_mut(t));
            for i in 0..n {
                let mut sum = [lambda[i]; LANES];
                add(&mut sum, lambda[n + i].exp(), &eps[i * LANES..]);
                for j in 0..k {
                    add(&mut sum, lambda[2 * n + i * k + j], &eps[(n + j) * LANES..]);
                }
                z[i * LANES..(i + 1) * LANES].copy_from_slice(&sum);
            }
        }
    }

    fn log_q(&self, lambda: &[f64], z: &Lanes, log_q: &mut [f64], mut score: Option<&mut Lanes>) {
        let n = self.dim;
        let parts = self.parts(lambda);
        let constant = -parts.half_log_det() - n as f64 * HALF_LOG_TAU;
        let mut x = DVector::zeros(n);
        for (lane, q) in log_q.iter_mut().enumerate() {
            for i in 0..n {
                x[i] = z.get(i, lane) - lambda[i];
            }
            let solved = parts.solve(&x);
            *q = constant - 0.5 * x.dot(&solved);
            if let Some(score) = score.as_deref_mut() {
                for i in 0..n {
                    score.set(i, lane, -solved[i]);
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
        let (n, k) = (self.dim, self.rank);
        for (lane, (w, squared)) in weight.iter().zip(squared).enumerate() {
            let factors: Vec<f64> = (0..k).map(|j| eps.get(n + j, lane)).collect();
            let length = 1.0 + factors.iter().map(|e| e * e).sum::<f64>();
            *squared = 0.0;
            for i in 0..n {
                let g = grad.get(i, lane);
                let scaled = lambda[n + i].exp() * eps.get(i, lane);
                out[i] += w * g;
                out[n + i] += w * g * scaled;
                for (j, e) in factors.iter().enumerate() {
                    out[2 * n + i * k + j] += w * g * e;
                }
                *squared += g * g * (length + scaled * scaled);
            }
        }
    }

    fn pullback_log_q(
        &self,
        lambda: &[f64],
        _eps: &Lanes,
        z: &Lanes,
        weight: &[f64],
        out: &mut [f64],
        squared: &mut [f64],
    ) {
        // With s = Sigma^-1 (z - mu): d log q = s' dmu + tr((s s' - Sigma^-1) (D dD + dB B'))
        let (n, k) = (self.dim, self.rank);
        let parts = self.parts(lambda);
        let (diagonal, gain) = parts.inverse_diagonal_and_gain();
        for (lane, (w, squared)) in weight.iter().zip(squared).enumerate() {
            let x = DVector::from_fn(n, |i, _| z.get(i, lane) - lambda[i]);
            let s = parts.solve(&x);
            let factors = parts.b.tr_mul(&s);
            *squared = 0.0;
            let mut add = |p: usize, slope: f64| {
                out[p] += w * slope;
                *squared += slope * slope;
            };
            for i in 0..n {
                add(i, s[i]);
                add(n + i, (s[i] * s[i] - diagonal[i]) * parts.d[i] * parts.d[i]);
                for j in 0..k {
                    add(2 * n + i * k + j, s[i] * factors[j] - gain[(i, j)]);
                }
            }
        }
    }

    fn entropy(&self, lambda: &[f64], grad: Option<&mut [f64]>) -> Option<f64> {
        let (n, k) = (self.dim, self.rank);
        let parts = self.parts(lambda);
        if let Some(grad) = grad {
            // d (log det Sigma / 2) = tr(Sigma^-1 (D dD + dB B'))
            let (diagonal, gain) = parts.inverse_diagonal_and_gain();
            for i in 0..n {
                grad[n + i] += diagonal[i] * parts.d[i] * parts.d[i];
                for j in 0..k {
                    grad[2 * n + i * k + j] += gain[(i, j)];
                }
            }
        }
        Some(parts.half_log_det() + n as f64 * (HALF_LOG_TAU + 0.5))
    }

    fn symmetric_kl(&self, a: &[f64], b: &[f64]) -> f64 {
        // KL(a|b) + KL(b|a) = (tr(Sb^-1 Sa) + tr(Sa^-1 Sb) - 2 d + shift' (Sa^-1 + Sb^-1) shift) / 2
        let n = self.dim;
        let (pa, pb) = (self.parts(a), self.parts(b));
        let shift = DVector::from_fn(n, |i, _| a[i] - b[i]);
        let one_way = |top: &Parts, bottom: &Parts| -> f64 {
            let (diagonal, _) = bottom.inverse_diagonal_and_gain();
            let mut trace: f64 = (0..n).map(|i| diagonal[i] * top.d[i] * top.d[i]).sum();
            for column in top.b.column_iter() {
                let column = column.into_owned();
                trace += column.dot(&bottom.solve(&column));
            }
            trace - n as f64 + shift.dot(&bottom.solve(&shift))
        };
        (0.5 * (one_way(&pa, &pb) + one_way(&pb, &pa))).max(0.0)
    }
}
