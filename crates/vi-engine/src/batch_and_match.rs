//! Batch and match: a normal of full rank, or low rank ([`crate::patched`]), by closed-form updates that
//! match scores.
//!
//! After Cai, Modi, Margossian, Gower, Blei and Saul (Batch and match: black-box variational inference
//! with a score-based divergence, ICML 2024), algorithm 1. A step draws a batch from q and finds the
//! normal whose scores at the draws are nearest to the posterior's, held near q by a divergence with
//! weight 1/lambda:
//!
//! `S U S + S = V`, `S = 2 V (1 + (1 + 4 U V)^1/2)^-1`, `mu = (mu_q + lambda (S g + z)) / (1 + lambda)`
//!
//! with `z`, `g` the means of draws and scores, `U` and `V` made of their covariances. The step is
//! equivariant under affine maps, so it is taken where q is standard: there every matrix is the identity plus
//! a square of the batch's rank, the equation is solved by an eigendecomposition as large as the batch or the
//! dimension, whichever is smaller, and no conditioning is lost.
//!
//! For a normal posterior the fixed point is exact whatever the batch. Otherwise it is where q's scores have
//! the posterior's covariance, which is near the ELBO's optimum, but not the same: narrower where the
//! posterior is skewed. Lambda decays as batch * dim / (t + 1), as in
//! the paper's experiments (ten times less changes little); averages and the stop rule are in
//! [`crate::settle`].

use nalgebra::{Cholesky, DMatrix, DVector, SymmetricEigen};
use numerics::lanes::Lanes;

use crate::batch::Batch;
use crate::families::Family;
use crate::normal::Normal;
use crate::observe::Observer;
use crate::options::Options;
use crate::patched::LowRankNormal;
use crate::pattern::Pattern;
use crate::refine::Climb;
use crate::settle::Shape;
use crate::state::State;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// The normal, in coordinates in which q is standard, that the batch asks for.
///
/// `None` where the batch has fewer than two draws, or no positive definite answer within the range of
/// floating point.
fn update(batch: &Batch, lambda: f64) -> Option<Normal> {
    let (dim, n) = batch.eps.shape();
    if n < 2 {
        return None;
    }
    let share = lambda / (1.0 + lambda);
    // [sqrt(lambda) deviations, sqrt(share) mean]: its square is what the formulas add
    let spread = |x: &DMatrix<f64>| {
        let mean = x.column_mean();
        let mut out = x.clone().insert_column(n, 0.0);
        for k in 0..n {
            out.set_column(k, &((x.column(k) - &mean) * (lambda / n as f64).sqrt()));
        }
        out.set_column(n, &(&mean * share.sqrt()));
        (mean, out)
    };
    let (mean_eps, y) = spread(&batch.eps);
    let (mean_score, q) = spread(&batch.score);
    let v = DMatrix::identity(dim, dim) + &y * y.transpose();
    let root = Cholesky::new(v)?.l();
    // With V = R R' and S = R X R' the equation is X A A' X + X = 1, A = R' Q, whose eigenvalues
    // are roots of m x^2 + x = 1.
    let a = root.tr_mul(&q);
    let x_of = |m: f64| 2.0 / (1.0 + (1.0 + 4.0 * m.max(0.0)).sqrt());
    let half = if n + 1 < dim {
        // X^1/2 = 1 - sum over the batch's directions of (1 - sqrt x) w w', w = A p / sqrt m, and
        // (1 - sqrt x) / m = x^2 / (1 + sqrt x).
        let eigen = eigen(a.tr_mul(&a))?;
        let mut along = &a * &eigen.eigenvectors;
        for (j, mut column) in along.column_iter_mut().enumerate() {
            let x = x_of(eigen.eigenvalues[j]);
            column *= x / (1.0 + x.sqrt()).sqrt();
        }
        &root - (&root * &along) * along.transpose()
    } else {
        let eigen = eigen(&a * a.transpose())?;
        let mut along = &root * &eigen.eigenvectors;
        for (j, mut column) in along.column_iter_mut().enumerate() {
            column *= x_of(eigen.eigenvalues[j]).sqrt();
        }
        along
    };
    let covariance = &half * half.transpose();
    let mean: DVector<f64> = (&covariance * mean_score + mean_eps) * share;
    Normal::of_covariance(mean, covariance)
}

/// `None` where it does not settle, or an element is not finite.
fn eigen(matrix: DMatrix<f64>) -> Option<SymmetricEigen<f64, nalgebra::Dyn>> {
    let finite = matrix.iter().all(|x| x.is_finite());
    if finite { SymmetricEigen::try_new(matrix, f64::EPSILON, 1000) } else { None }
}

/// Updates q, a normal of full or low rank, until the averages of its iterates settle.
pub fn climb(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    state: &mut State,
    observer: &mut dyn Observer,
) -> Climb {
    let dim = family.dim();
    let shape = if *family.scale() == Pattern::Lower { Shape::Dense } else { Shape::LowRank };
    let names = crate::base_names(target.density().names(), family.n_base());
    let noise = Noise::new(options.seed, Purpose::Step, names.iter().map(String::as_str));
    let mut eps = Lanes::zeros(family.n_base(), options.draws(family.dim()));
    state.plan_window(options);
    while !state.finished {
        if observer.cancelled() {
            return Climb::Interrupted;
        }
        noise.fill(state.step, 0, &mut eps);
        let lambda = (eps.lanes() * dim) as f64 / (state.step + 1) as f64;
        let (row, next) = if shape == Shape::Dense {
            let q = Normal::of_full_rank(&state.lambda, dim);
            let batch = Batch::draw(target, state, family, &eps, |scores| q.factor.tr_mul(scores));
            let next = update(&batch, lambda).map(|inner| q.then(&inner).to_full_rank());
            (batch.row(state.step + 1), next)
        } else {
            let q = LowRankNormal::of(&state.lambda, dim);
            let batch = Batch::draw(target, state, family, &eps, DMatrix::clone);
            let next = q.update(&batch.draws, &batch.score, lambda).and_then(|next| next.lambda());
            (batch.row(state.step + 1), next)
        };
        state.take(next, family, shape, options);
        state.trace.push(row);
        let fraction = state.part_of_window();
        state.tell(target, row, fraction, observer);
    }
    Climb::Finished
}
