//! Linear response: the covariance that a mean field's optimum implies.
//!
//! After Giordano, Broderick and Jordan (Covariances, robustness and variational Bayes, JMLR 19, 2018),
//! section 3. A mean field is right about means before it is right about spreads, and how its means move when
//! the log density is tilted, `log p + t' z`, is the posterior's covariance: `d E z / dt`. At the optimum
//! that is the block of the means in the inverse Hessian of the negative ELBO. It is exact for a normal
//! posterior, where the mean field's own variances are `1 / P_ii`.
//!
//! The Hessian is that of the ELBO on the fixed draws of the climb's last round ([`crate::fixed_draws`]),
//! column by column from central differences of its gradient: four evaluations of all draws for each
//! coordinate.

use nalgebra::{Cholesky, DMatrix, DVector};

use crate::families::Family;
use crate::fixed_draws::Objective;
use crate::lbfgs::Answer;
use crate::newton_cg::hessian;
use crate::normal::Normal;
use crate::observe::Observer;
use crate::options::Options;
use crate::state::State;
use crate::target::Target;

/// The normal, in the state's whitened coordinates, with the means of `state.lambda` (of `mean_field`) and
/// the covariance of their linear response. `None` where the Hessian is not positive definite, so that
/// `lambda` is no optimum, or the observer cancels.
pub fn respond(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    state: &State,
    observer: &mut dyn Observer,
) -> Option<Normal> {
    let dim = family.dim();
    let round = state.step.saturating_sub(1);
    let mut objective = Objective::new(target, family, options, round);
    let hessian = hessian(&state.lambda, &mut |lambda, gradient| {
        if observer.cancelled() {
            return Answer::Stop;
        }
        objective.at(target, family, state, lambda, gradient)
    })?;
    // Solved for the tilts of the means alone.
    let tilts = DMatrix::identity(2 * dim, dim);
    let response = Cholesky::new(hessian)?.solve(&tilts).rows(0, dim).into_owned();
    let covariance = (&response + response.transpose()) * 0.5;
    Normal::of_covariance(DVector::from_column_slice(&state.lambda[..dim]), covariance)
}
