//! When closed-form updates have settled: averages of the iterates' moments.
//!
//! A window is twice as long as the one before it. At its end the averages of its third and fourth quarter
//! are compared in symmetric KL: what is within the accuracy wanted ends the climb, and the average of
//! both is the answer. Averages are of means and covariances, not of the family's own parameters:
//! an average of factors is a narrower normal than that of covariances.

use nalgebra::{DMatrix, DVector};

use crate::coordinates::row;
use crate::families::Family;
use crate::normal::Normal;
use crate::options::{Method, Options};
use crate::patched::LowRankNormal;
use crate::refine::accuracy;
use crate::state::State;

/// Steps of the first window; a multiple of four.
const FIRST_CHECK: u64 = 32;
/// Steps at most, where the user names none: under `auto` a climb that has not settled by then is left to the
/// polish.
const MOST_STEPS: u64 = 2048;
const MOST_STEPS_OF_AUTO: u64 = 512;
/// Steps in a row without an update after which the climb is hopeless.
const MOST_BARREN: u64 = 50;

/// Which normals a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `full_rank`.
    Dense,
    /// `mean_field`.
    Diagonal,
    /// `low_rank(k)`.
    LowRank,
}

impl Shape {
    /// Mean and covariance (a triangle packed by rows, or variances) of a member; of `low_rank`, whose
    /// covariance is never formed, its own parameters.
    fn moments(self, lambda: &[f64], dim: usize) -> Vec<f64> {
        match self {
            Shape::Dense => {
                let q = Normal::of_full_rank(lambda, dim);
                let covariance = q.covariance();
                let triangle = (0..dim).flat_map(|i| (0..=i).map(move |j| (i, j)));
                q.mean.iter().copied().chain(triangle.map(|at| covariance[at])).collect()
            }
            Shape::Diagonal => {
                let (mu, log_sigma) = lambda.split_at(dim);
                mu.iter().copied().chain(log_sigma.iter().map(|x| (2.0 * x).exp())).collect()
            }
            Shape::LowRank => lambda.to_vec(),
        }
    }

    /// The member with these moments, if there is one.
    fn member(self, moments: &[f64], dim: usize) -> Option<Vec<f64>> {
        let (mu, spread) = moments.split_at(dim);
        match self {
            Shape::Dense => {
                let at = |i: usize, j: usize| spread[row(i.max(j)) + i.min(j)];
                let covariance = DMatrix::from_fn(dim, dim, at);
                let q = Normal::of_covariance(DVector::from_column_slice(mu), covariance)?;
                Some(q.to_full_rank())
            }
            Shape::Diagonal => {
                let lambda: Vec<f64> =
                    mu.iter().copied().chain(spread.iter().map(|x| 0.5 * x.ln())).collect();
                lambda.iter().all(|x| x.is_finite()).then_some(lambda)
            }
            Shape::LowRank => Some(moments.to_vec()),
        }
    }

    /// Moments between two, with the weight `share` on those of `other`.
    fn between(self, moments: &[f64], other: &[f64], share: f64, dim: usize) -> Vec<f64> {
        match self {
            Shape::Dense | Shape::Diagonal => {
                moments.iter().zip(other).map(|(a, b)| a + share * (b - a)).collect()
            }
            Shape::LowRank => {
                let [a, b] = [moments, other].map(|lambda| LowRankNormal::of(lambda, dim));
                // what cannot be patched is left out
                a.mixed(&b, share).and_then(|mixed| mixed.lambda()).unwrap_or_else(|| moments.to_vec())
            }
        }
    }
}

impl State {
    /// Plans the first window of a climb that is to begin.
    pub(crate) fn plan_window(&mut self, options: &Options) {
        if self.step == 0 {
            self.check_at = options.steps.unwrap_or(FIRST_CHECK);
        }
    }

    /// Takes a step to `lambda`, or without one a step in which nothing moves; at the end of a window
    /// ends the climb or doubles the window.
    pub(crate) fn take(
        &mut self,
        lambda: Option<Vec<f64>>,
        family: &dyn Family,
        shape: Shape,
        options: &Options,
    ) {
        self.step += 1;
        self.phase_step += 1;
        match lambda {
            Some(lambda) => {
                self.barren = 0;
                self.lambda = lambda;
            }
            None => self.barren += 1,
        }
        let third = self.check_at / 4;
        let dim = family.dim();
        // The averages so far of the quarters, by moments.
        let average = if self.phase_step > 3 * third {
            Some((&mut self.last_quarter, self.phase_step - 3 * third))
        } else if self.phase_step > 2 * third {
            Some((&mut self.third_quarter, self.phase_step - 2 * third))
        } else {
            None
        };
        if let Some((average, n)) = average {
            let moments = shape.moments(&self.lambda, dim);
            *average = match n {
                1 => moments,
                n => shape.between(average, &moments, 1.0 / n as f64, dim),
            };
        }
        if self.phase_step == self.check_at {
            self.compare(third, family, shape, options);
        }
        if self.barren >= MOST_BARREN {
            self.finished = true;
            self.converged = false;
        }
    }

    fn compare(&mut self, third: u64, family: &dyn Family, shape: Shape, options: &Options) {
        let (dim, last) = (family.dim(), self.check_at - 3 * third);
        let member = |moments: &[f64]| shape.member(moments, dim);
        let settled = match (member(&self.third_quarter), member(&self.last_quarter)) {
            // what nothing moves has not arrived
            (Some(a), Some(b)) => self.barren == 0 && family.symmetric_kl(&a, &b) <= accuracy(family),
            _ => false,
        };
        let most = if options.method == Method::Auto { MOST_STEPS_OF_AUTO } else { MOST_STEPS };
        let steps = options.steps;
        if steps.is_some() || settled || self.check_at >= most {
            let both = match third {
                0 => self.last_quarter.clone(),
                _ => {
                    let share = last as f64 / (third + last) as f64;
                    shape.between(&self.third_quarter, &self.last_quarter, share, dim)
                }
            };
            if let Some(both) = member(&both) {
                self.lambda = both;
            }
            self.finished = true;
            self.converged = settled || steps.is_some() && self.barren == 0;
        }
        self.check_at *= 2;
    }

    /// Part of the climb done, if this window is the last.
    pub(crate) fn part_of_window(&self) -> f64 {
        if self.finished { 1.0 } else { self.phase_step as f64 / self.check_at as f64 }
    }
}
