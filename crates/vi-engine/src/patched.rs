//! Batch and match for `low_rank(k)`: a full-rank update, patched back to a diagonal plus rank k.
//!
//! After Modi, Cai and Saul (Batch, match, and patch: low-rank approximations for score-based variational
//! inference, 2024). The update of [`crate::batch_and_match`] adds to and takes from a covariance `D^2 + B B'`
//! squares of the batch's rank only, so it is never formed: a product with it costs the dimension times rank
//! and batch. The patch is the nearest covariance of the family, `KL(update | patch)`, found by the steps of
//! expectation-maximisation for factor analysis (Rubin and Thayer 1982), which want no more than such products.

use nalgebra::{Cholesky, DMatrix, DVector, SymmetricEigen};

/// Rounds of expectation-maximisation of a patch, and the change of its diagonal, relatively, below which it
/// has settled.
const ROUNDS: usize = 30;
const SETTLED: f64 = 1e-4;
/// The diagonal is kept above this part of the variance.
const FLOOR: f64 = 1e-8;

/// A covariance `diagonal + sum of squares - square`, of which each is a few columns.
pub struct Sum {
    diagonal: DVector<f64>,
    plus: Vec<DMatrix<f64>>,
    minus: Option<DMatrix<f64>>,
}

impl Sum {
    fn times(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        let mut out = scaled(&self.diagonal, x);
        for square in &self.plus {
            out += square * square.tr_mul(x);
        }
        if let Some(square) = &self.minus {
            out -= square * square.tr_mul(x);
        }
        out
    }

    fn variances(&self) -> DVector<f64> {
        let rows = |x: &DMatrix<f64>| DVector::from_fn(x.nrows(), |i, _| x.row(i).norm_squared());
        let mut out = self.diagonal.clone();
        self.plus.iter().for_each(|square| out += rows(square));
        self.minus.iter().for_each(|square| out -= rows(square));
        out
    }
}

/// `diag(d) x`.
fn scaled(d: &DVector<f64>, x: &DMatrix<f64>) -> DMatrix<f64> {
    DMatrix::from_fn(x.nrows(), x.ncols(), |i, j| d[i] * x[(i, j)])
}

/// A member of `low_rank(k)`.
#[derive(Clone, Debug)]
pub struct LowRankNormal {
    pub mean: DVector<f64>,
    /// Variances `D^2`.
    psi: DVector<f64>,
    b: DMatrix<f64>,
}

impl LowRankNormal {
    /// From `(mu[d], log D[d], B[d, k] by rows)`.
    pub fn of(lambda: &[f64], dim: usize) -> Self {
        let rank = (lambda.len() - 2 * dim) / dim;
        LowRankNormal {
            mean: DVector::from_column_slice(&lambda[..dim]),
            psi: DVector::from_iterator(dim, lambda[dim..2 * dim].iter().map(|x| (2.0 * x).exp())),
            b: DMatrix::from_row_slice(dim, rank, &lambda[2 * dim..]),
        }
    }

    /// `None` where a parameter is not finite.
    pub fn lambda(&self) -> Option<Vec<f64>> {
        let d = self.psi.iter().map(|x| 0.5 * x.ln());
        let b = self.b.transpose();
        let lambda: Vec<f64> = self.mean.iter().copied().chain(d).chain(b.iter().copied()).collect();
        lambda.iter().all(|x| x.is_finite()).then_some(lambda)
    }

    /// Between itself and another, with the weight `share` on that other: mean and covariance, patched.
    pub fn mixed(&self, other: &LowRankNormal, share: f64) -> Option<LowRankNormal> {
        let covariance = Sum {
            diagonal: &self.psi * (1.0 - share) + &other.psi * share,
            plus: vec![&self.b * (1.0 - share).sqrt(), &other.b * share.sqrt()],
            minus: None,
        };
        let mean = &self.mean * (1.0 - share) + &other.mean * share;
        self.patch(mean, &covariance)
    }

    /// The answer to a batch of draws (base noise aside, as they are) and scores, `[dim]` x draws, at weight
    /// 1/`lambda` on staying. `None` below two draws, or where there is none within the range of floating
    /// point.
    pub fn update(&self, draws: &DMatrix<f64>, scores: &DMatrix<f64>, lambda: f64) -> Option<LowRankNormal> {
        let n = draws.ncols();
        if n < 2 {
            return None;
        }
        let share = lambda / (1.0 + lambda);
        let spread = |x: &DMatrix<f64>, mean: &DVector<f64>, from: &DVector<f64>| {
            let mut out = x.clone().insert_column(n, 0.0);
            for k in 0..n {
                out.set_column(k, &((x.column(k) - mean) * (lambda / n as f64).sqrt()));
            }
            out.set_column(n, &((mean - from) * share.sqrt()));
            out
        };
        let (mean, score) = (draws.column_mean(), scores.column_mean());
        let y = spread(draws, &mean, &self.mean);
        let q = spread(scores, &score, &DVector::zeros(score.len()));
        let v = Sum { diagonal: self.psi.clone(), plus: vec![self.b.clone(), y], minus: None };
        // S = V - V Q P x^2 P' Q' V with Q' V Q = P m P' and m x^2 + x = 1.
        let vq = v.times(&q);
        let gram = q.tr_mul(&vq);
        if gram.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let eigen = SymmetricEigen::try_new((&gram + gram.transpose()) * 0.5, f64::EPSILON, 1000)?;
        let mut taken = vq * &eigen.eigenvectors;
        for (j, mut column) in taken.column_iter_mut().enumerate() {
            column *= 2.0 / (1.0 + (1.0 + 4.0 * eigen.eigenvalues[j].max(0.0)).sqrt());
        }
        let covariance = Sum { minus: Some(taken), ..v };
        let moved = covariance.times(&DMatrix::from_column_slice(score.len(), 1, score.as_slice()));
        let mean = &self.mean * (1.0 - share) + (moved.column(0) + mean) * share;
        self.patch(mean, &covariance)
    }

    /// The member nearest to `covariance`, sought from here.
    fn patch(&self, mean: DVector<f64>, covariance: &Sum) -> Option<LowRankNormal> {
        let variances = covariance.variances();
        let (mut psi, mut b) = (self.psi.clone(), self.b.clone());
        for _ in 0..ROUNDS {
            // beta = B' (B B' + psi)^-1 = (1 + B' psi^-1 B)^-1 B' psi^-1
            let weighted = scaled(&psi.map(|x| 1.0 / x), &b);
            let one = DMatrix::identity(b.ncols(), b.ncols());
            let beta = Cholesky::new(&one + b.tr_mul(&weighted))?.solve(&weighted.transpose());
            let product = covariance.times(&beta.transpose());
            let inner = &one - &beta * &b + &beta * &product;
            let next =
                Cholesky::new((&inner + inner.transpose()) * 0.5)?.solve(&product.transpose()).transpose();
            let left = |i: usize| (variances[i] - next.row(i).dot(&product.row(i))).max(FLOOR * variances[i]);
            let narrowed = DVector::from_fn(psi.len(), |i, _| left(i));
            let change = narrowed.iter().zip(&psi).map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max);
            (psi, b) = (narrowed, next);
            if change < SETTLED {
                break;
            }
        }
        psi.iter().all(|x| *x > 0.0).then_some(LowRankNormal { mean, psi, b })
    }
}
