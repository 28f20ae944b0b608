//! Variational inference that ends in a verdict, not in a number.
//!
//! A scientist wants the posterior and to know whether it can be believed, without turning knobs. So a
//! fit is cheap first (a mode by quasi-Newton, its curvature as the first normal), then refined (the
//! ELBO climbed in coordinates whitened by that curvature, where one automatic step size suits every
//! parameter), then checked by draws weighed against the model, corrected from those weights where they
//! are sound, and judged. What cannot be mended is called unreliable, with the reasons.
//!
//! ```
//! use numerics::lanes::Lanes;
//! use vi_engine::{LaneFailure, LogDensity, Options, Silent, Verdict, fit};
//!
//! /// One measurement, y ~ normal(x, 0.5) at y = 10, of x ~ normal(0, 1).
//! struct Conjugate([String; 1]);
//!
//! impl LogDensity for Conjugate {
//!     fn dim(&self) -> usize {
//!         1
//!     }
//!     fn names(&self) -> &[String] {
//!         &self.0
//!     }
//!     fn eval(
//!         &mut self,
//!         z: &Lanes,
//!         value: &mut [f64],
//!         mut grad: Option<&mut Lanes>,
//!         _failures: &mut Vec<LaneFailure>,
//!     ) {
//!         for (lane, value) in value.iter_mut().enumerate() {
//!             let x = z.get(0, lane);
//!             *value = -0.5 * x * x - 2.0 * (10.0 - x).powi(2);
//!             if let Some(grad) = grad.as_deref_mut() {
//!                 grad.set(0, lane, -x + 4.0 * (10.0 - x));
//!             }
//!         }
//!     }
//! }
//!
//! let mut density = Conjugate(["x".to_string()]);
//! let fit = fit(&mut density, &Options::default(), &mut Silent)?;
//! assert_eq!(fit.verdict, Verdict::Ok);
//! let mean = (0..4000).map(|lane| fit.draws.get(0, lane)).sum::<f64>() / 4000.0;
//! assert!((mean - 8.0).abs() < 0.03); // exactly 8, sd 0.447
//! # Ok::<(), vi_engine::FitError>(())
//! ```
//!
//! The way of a fit, a file each:
//!
//! | step | file | what it does |
//! |---|---|---|
//! | parameterise | `centring` | centred, non-centred or between, for each element of a hierarchy |
//! | start | `start`, `search` with `images`, `lbfgs`, `curvature`, `blocks` | descents from feasible points, rival modes, the whitening, groups that are independent given the rest |
//! | climb | `refine`, over `estimator`, `draws` and `families` | the ELBO, by Adam with a stop rule |
//! | | `fixed_draws`, over `lbfgs` and `newton_cg` | the same with the same draws throughout |
//! | | `natural_gradient`, `batch_and_match`, over `batch` and `settle` (and `patched` for low rank) | normals by closed-form updates |
//! | check | `answer`, `proposal`, `rivals`, `diagnostics` | draws and weights, modes out of their reach, k-hat, shifts, the score identity |
//! | polish | `polish`, `modes`, `symmetric` | where the check asks for it: many short chains from the draws of each mode |
//! | judge | `diagnostics::verdict` | every threshold, in one place |
//!
//! `nuts` is another way from the start on: chains instead of an approximation, judged by
//! `diagnostics::mixing`. `pathfinder` takes its normals from descents alone, and they are checked as others
//! are; `linear_response` gives a mean field correlations before the check. `mode` is a point, which nothing
//! can check.
//!
//! Normals and whitened coordinates alike are triangles of a `pattern`. `stream` makes the noise: each number is a function of seed, purpose, name, step and draw. Nothing
//! reads the clock, and the engine is one thread (a [`LogDensity`] may use many), so the same density
//! and [`Options`] give the same bits, through any interruption ([`resume`], or an
//! [`Observer`] that keeps the `pieces` of a fit).
//!
//! It knows nothing of YAML, domains and distributions: a model is a [`LogDensity`].

mod answer;
mod batch;
mod batch_and_match;
mod blocks;
mod bytes;
pub mod centring;
pub mod compiled;
pub mod coordinates;
mod curvature;
pub mod diagnostics;
mod draws;
mod error;
mod estimator;
pub mod families;
mod fit;
mod fixed_draws;
mod images;
mod lbfgs;
mod linear_response;
mod log_density;
mod minibatch;
mod mode;
mod modes;
mod natural_gradient;
mod newton_cg;
mod normal;
mod not_finite;
pub mod nuts;
mod observe;
mod options;
mod patched;
mod pathfinder;
mod pattern;
mod pieces;
mod polish;
mod proposal;
mod refine;
mod rivals;
mod search;
mod settle;
mod sobol;
mod start;
mod state;
mod stream;
mod symmetric;
mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod unconstrain;

pub use compiled::{CompileError, CompiledDensity, gradient_graph, per_draw};
pub use diagnostics::check::ParameterCheck;
pub use diagnostics::mixing::Mixing;
pub use diagnostics::verdict::Verdict;
pub use error::{FitError, OptionError, StateError};
pub use fit::{Fit, fit, resume};
pub use log_density::{LaneFailure, LogDensity};
pub use minibatch::Minibatches;
pub use not_finite::{NotFinite, first_not_finite};
pub use observe::{Observer, Progress, Silent, Stage, TraceRow};
pub use options::{
    Covariance, DrawNoise, FULL_RANK_LIMIT, FamilyChoice, Gradient, Method, Optimizer, Options,
};
pub use start::{Rival, StartReport};
pub use state::State;
pub use target::Tally;
pub use unconstrain::unconstrain;

/// Lanes in a block of many draws: a whole number of tiles, small enough to stay in cache.
pub const BLOCK: usize = 80;

/// Names of a family's base noise: the coordinates', then its own.
fn base_names(coordinates: &[String], n_base: usize) -> Vec<String> {
    let own = (0..n_base.saturating_sub(coordinates.len())).map(|j| format!("(factor {j})"));
    coordinates.iter().take(n_base).cloned().chain(own).collect()
}
