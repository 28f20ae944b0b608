//! Simulation-based calibration: data sets are drawn from the model and fitted; over many of them, the rank
//! of the truth among the draws of its posterior is uniform where the fits are right, whatever the model.
//!
//! Sources: S. Talts, M. Betancourt, D. Simpson, A. Vehtari and A. Gelman, Validating Bayesian inference
//! algorithms with simulation-based calibration, arXiv 1804.06788, 2018; for the test of uniformity
//! [`answers::uniformity`]; for the log joint density as a quantity of its own, which sees what no parameter
//! alone does, M. Modrak, A. H. Moon, S. Kim, P. Buerkner, N. Huurre, K. Faltejskova, A. Gelman and A. Vehtari,
//! Simulation-based calibration checking for Bayesian computation, Bayesian Analysis 2023.

mod model;
mod quantities;
pub mod summary;
pub mod written;

pub use model::Generator;

/// A data set that was drawn and fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct Simulation {
    /// From 1.
    pub number: u64,
    /// As of a fit; or [`NOT_SIMULATED`], [`FAILED`].
    pub verdict: String,
    /// Why, in a line; empty where there is nothing to say.
    pub reason: String,
    pub quantities: Vec<Quantity>,
}

/// The verdict where no data set could be drawn: a parameter out of its domain, or values that no fit takes.
pub const NOT_SIMULATED: &str = "not simulated";
/// The verdict where a fit ended without an answer.
pub const FAILED: &str = "failed";

impl Simulation {
    /// Whether the fit says that it is right, or that it was not asked.
    pub fn is_trusted(&self) -> bool {
        ["ok", "corrected", "unchecked"].contains(&self.verdict.as_str())
    }
}

/// What a fit says of something whose true value is known.
#[derive(Clone, PartialEq, Debug)]
pub struct Quantity {
    pub name: String,
    pub truth: f64,
    /// The draws below the truth, of so many that are thinned to be nearly independent; of equal ones some at
    /// random.
    pub rank: u32,
    pub of: u32,
    pub mean: f64,
    pub sd: f64,
    pub q05: f64,
    pub q25: f64,
    pub q75: f64,
    pub q95: f64,
}

impl Quantity {
    /// How far the posterior mean lies from the truth, in posterior standard deviations.
    pub fn z(&self) -> f64 {
        (self.mean - self.truth) / self.sd
    }
}
