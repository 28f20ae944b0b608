//! (docs below)
mod answer;
pub mod coordinates;
mod curvature;
pub mod diagnostics;
mod error;
mod estimator;
pub mod families;
mod fixed_draws;
mod fit;
mod lbfgs;
mod log_density;
mod observe;
mod options;
mod proposal;
mod refine;
mod shim;
mod start;
mod state;
mod stream;
mod target;
#[cfg(test)]
mod testing;

pub use diagnostics::check::ParameterCheck;
pub use diagnostics::verdict::Verdict;
pub use error::{FitError, OptionError, StateError};
pub use fit::{Fit, fit, resume};
pub use log_density::{LaneFailure, LogDensity};
pub use observe::{Observer, Progress, Silent, Stage, TraceRow};
pub use options::{FULL_RANK_LIMIT, FamilyChoice, Gradient, Method, Objective, Options};
pub use start::{Rival, StartReport};
pub use state::State;
pub use target::Tally;

/// Lanes in a block of many draws: a whole number of tiles, small enough to stay in cache.
pub const BLOCK: usize = 80;

/// Names of a family's base noise: the coordinates', then its own.
fn base_names(coordinates: &[String], n_base: usize) -> Vec<String> {
    let own = (0..n_base.saturating_sub(coordinates.len())).map(|j| format!("(factor {j})"));
    coordinates.iter().cloned().chain(own).collect()
}
