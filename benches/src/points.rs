//! Points of a posterior, cheaply.

use numerics::lanes::Lanes;
use vi_engine::{LogDensity, Method, Options, Silent};

/// `lanes` unconstrained draws from the normal at the mode (the same ones at every run): close enough
/// to the posterior that solvers take their steps where a fit spends its time.
///
/// # Errors
/// No mode was found, or a draw is not finite; in words.
pub fn near_the_mode(density: &mut dyn LogDensity, lanes: usize) -> Result<Lanes, String> {
    let options = Options { method: Method::Laplace, posterior_draws: lanes, ..Options::default() };
    let fit = vi_engine::fit(density, &options, &mut Silent).map_err(|e| e.to_string())?;
    match fit.log_joint.iter().position(|v| !v.is_finite()) {
        Some(lane) => Err(format!("draw {lane} has the log density {}", fit.log_joint[lane])),
        None => Ok(fit.draws),
    }
}

/// The first `lanes` of `points`.
pub fn first(points: &Lanes, lanes: usize) -> Lanes {
    let mut out = Lanes::zeros(points.n(), lanes);
    (0..lanes).for_each(|lane| out.set_lane(lane, &points.lane(lane)));
    out.pad();
    out
}
