//! The deterministic objective: the same draws throughout (sample average approximation).
//!
//! With its base noise fixed the ELBO estimate is a smooth function that L-BFGS, or Newton's method by
//! conjugate gradients, maximises without a step size (Giordano, Ingram and Broderick 2024). Two things
//! need care. A family richer than mean field can exploit few draws (with fewer than dimensions a
//! full-rank q collapses), so draws start above the base dimension and double until the optimum no
//! longer moves (Burroni, Domke and Sheldon 2024) and fresh draws confirm its ELBO; fewer are
//! refused. And the draws' own moments are off by chance: they are made exactly zero and one, so that
//! a normal target is recovered exactly.

use nalgebra::{Cholesky, DMatrix};
use numerics::lanes::{LANES, Lanes};

use crate::error::OptionError;
use crate::estimator::{Estimate, Estimator, mean_and_mcse};
use crate::families::Family;
use crate::lbfgs::{self, Answer, Ending, Tolerance};
use crate::newton_cg;
use crate::observe::{Observer, TraceRow};
use crate::options::{Gradient, Optimizer, Options};
use crate::refine::{Climb, accuracy};
use crate::state::State;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// Rounds at most; each doubles the draws.
const ROUNDS: u64 = 6;
/// Optimism of the ELBO on its own draws, in nats, that is no matter.
const OPTIMISM: f64 = 0.1;

/// The fewest draws that `family` cannot exploit.
fn fewest(family: &dyn Family) -> usize {
    let is_rich = family.n_params() > 2 * family.dim();
    if is_rich { 2 * family.n_base() } else { 1 }
}

/// Whether the draws that the user names are enough.
///
/// # Errors
/// Too few for the family.
pub(crate) fn validate(family: &dyn Family, options: &Options) -> Result<(), OptionError> {
    let needed = fewest(family);
    match options.draws {
        Some(draws) if draws < needed => Err(OptionError {
            option: "draws",
            found: draws.to_string(),
            expected: format!(
                "at least {needed}, twice the {} random numbers that a draw of `{}` takes: it fits fewer fixed \
                 draws, and not the posterior",
                family.n_base(),
                family.name()
            ),
        }),
        _ => Ok(()),
    }
}

/// The negative ELBO on the draws of a round.
pub(crate) struct Objective {
    eps: Lanes,
    estimator: Estimator,
}

impl Objective {
    /// That of a round: each has twice the draws of the one before it, and others.
    pub(crate) fn new(target: &mut Target, family: &dyn Family, options: &Options, round: u64) -> Self {
        let fewest = match fewest(family) {
            1 => 1,
            // as many as are evaluated anyway
            n => n.next_multiple_of(LANES),
        };
        let draws = fewest.max(options.draws(family.dim())) << round;
        let mut eps = noise(target, family, options, Purpose::FixedDraws, round, draws);
        standardise(&mut eps);
        // The gradient of a fixed-draw objective is the reparameterised one: it differentiates the
        // entropy that is in the value.
        Objective { eps, estimator: Estimator::new(Gradient::Reparameterized, family.dim(), draws) }
    }

    /// Value and gradient at `lambda`, in the coordinates of `state`. More than a few bad draws make
    /// the point infeasible, to be stepped back from.
    pub(crate) fn at(
        &mut self,
        target: &mut Target,
        family: &dyn Family,
        state: &State,
        lambda: &[f64],
        gradient: &mut [f64],
    ) -> Answer {
        let estimate = self.estimate(target, family, state, lambda, gradient);
        gradient.iter_mut().for_each(|g| *g = -*g);
        let draws = self.eps.lanes();
        let bad = draws - estimate.good;
        Answer::Value(if bad > draws / 20 { f64::NAN } else { -estimate.elbo })
    }

    fn estimate(
        &mut self,
        target: &mut Target,
        family: &dyn Family,
        state: &State,
        lambda: &[f64],
        gradient: &mut [f64],
    ) -> Estimate {
        self.estimator.gradient(target, &state.coordinates, family, lambda, &self.eps, gradient)
    }
}

/// Base noise of so many draws.
fn noise(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    purpose: Purpose,
    round: u64,
    draws: usize,
) -> Lanes {
    let names = crate::base_names(target.density().names(), family.n_base());
    let mut eps = Lanes::zeros(family.n_base(), draws);
    Noise::new(options.seed, purpose, names.iter().map(String::as_str)).fill(round, 0, &mut eps);
    eps
}

/// Maximises the fixed-draw ELBO from `state.lambda`; one round is one step of the state.
pub fn climb(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    state: &mut State,
    observer: &mut dyn Observer,
) -> Climb {
    let minimise = match options.optimizer() {
        Optimizer::NewtonCg => newton_cg::minimise,
        _ => lbfgs::minimise,
    };
    while !state.finished {
        if observer.cancelled() {
            return Climb::Interrupted;
        }
        let mut objective = Objective::new(target, family, options, state.step);
        let tolerance = Tolerance { gain: 1e-12, gradient: 1e-7, evaluations: 300 + 2 * family.n_params() };
        let minimum = minimise(&state.lambda, tolerance, &mut |lambda, gradient| {
            if observer.cancelled() {
                return Answer::Stop;
            }
            objective.at(target, family, state, lambda, gradient)
        });
        let Some(minimum) = minimum else {
            if observer.cancelled() {
                return Climb::Interrupted;
            }
            // Not even the start can be evaluated; it is what there is.
            state.finished = true;
            return Climb::Finished;
        };
        if minimum.ending == Ending::Interrupted {
            return Climb::Interrupted;
        }
        let moved = family.symmetric_kl(&minimum.x, &state.lambda);
        state.lambda = minimum.x;
        let mut gradient = vec![0.0; family.n_params()];
        let estimate = objective.estimate(target, family, state, &state.lambda, &mut gradient);
        let draws = objective.eps.lanes();
        let fresh = noise(target, family, options, Purpose::FreshDraws, state.step, draws);
        let terms = objective.estimator.terms(target, &state.coordinates, family, &state.lambda, &fresh);
        let (elbo, elbo_mcse, _) = mean_and_mcse(terms.iter().copied());
        let noise = 3.0 * elbo_mcse.hypot(estimate.elbo_mcse);
        let honest = estimate.elbo - elbo <= noise.max(OPTIMISM);
        state.step += 1;
        let row = TraceRow { step: state.step, elbo, elbo_mcse, grad_var: 0.0 };
        state.trace.push(row);
        let settled = state.step > 1 && moved <= accuracy(family);
        state.converged = honest && settled && minimum.ending != Ending::Exhausted;
        let limit = options.steps.unwrap_or(ROUNDS).min(ROUNDS);
        state.finished = state.converged || state.step >= limit;
        let fraction = if state.finished { 1.0 } else { state.step as f64 / limit as f64 };
        state.tell(target, row, fraction, observer);
    }
    Climb::Finished
}

/// Moves and mixes the draws so that their sample mean is zero and their sample covariance the
/// identity; with fewer draws than elements, that its variances are one. `eps` is `[n_base]` x draws.
fn standardise(eps: &mut Lanes) {
    let (n, draws) = (eps.n(), eps.lanes());
    let mut x = DMatrix::from_fn(n, draws, |i, lane| eps.get(i, lane));
    for mut row in x.row_iter_mut() {
        let mean = row.mean();
        row.iter_mut().for_each(|v| *v -= mean);
        let sd = (row.norm_squared() / draws as f64).sqrt();
        if sd > 0.0 {
            row /= sd;
        }
    }
    if draws > n {
        let covariance = &x * x.transpose() / draws as f64;
        // singular with probability zero
        if let Some(cholesky) = Cholesky::new(covariance)
            && let Some(white) = cholesky.l().solve_lower_triangular(&x)
        {
            x = white;
        }
    }
    for lane in 0..draws {
        for i in 0..n {
            eps.set(i, lane, x[(i, lane)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardised_draws_have_exact_moments() {
        let names = ["a", "b", "c"];
        let mut eps = Lanes::zeros(3, 64);
        Noise::new(1, Purpose::FixedDraws, names).fill(0, 0, &mut eps);
        standardise(&mut eps);
        for i in 0..3 {
            let mean: f64 = (0..64).map(|l| eps.get(i, l)).sum::<f64>() / 64.0;
            assert!(mean.abs() < 1e-14);
            for j in 0..3 {
                let c: f64 = (0..64).map(|l| eps.get(i, l) * eps.get(j, l)).sum::<f64>() / 64.0;
                assert!((c - f64::from(i == j)).abs() < 1e-13);
            }
        }
    }
}
