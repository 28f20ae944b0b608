//! What a caller sees while a fit runs, and how it stops one.

use std::sync::atomic::{AtomicBool, Ordering};

/// Part of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking for the mode and the scales.
    Start,
    /// Climbing the ELBO.
    Refine,
    /// Drawing from the approximation and weighing the draws.
    Check,
    /// Moving the draws by many short chains.
    Polish,
    /// Running the chains of a sampler.
    Sample,
}

/// One row of the trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceRow {
    pub step: u64,
    /// NaN where no draw of the step could be evaluated.
    pub elbo: f64,
    /// Monte-Carlo standard error of `elbo`.
    pub elbo_mcse: f64,
    /// Variance of the gradient estimate, summed over the family's parameters.
    pub grad_var: f64,
}

/// How far a fit has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    pub stage: Stage,
    /// The latest step, in [`Stage::Refine`].
    pub row: Option<TraceRow>,
    /// Part of the stage done, 0 to 1. The number of steps is not known beforehand: in
    /// [`Stage::Refine`] this is a prediction, and may fall back when a phase is prolonged.
    pub fraction: f64,
}

/// Watches a fit. Nothing it does can change the result, except by stopping early.
pub trait Observer {
    /// Called at every step and every block of the check.
    fn progress(&mut self, _progress: &Progress) {}

    /// Asked between steps; `true` ends the fit with its last good state.
    fn cancelled(&self) -> bool {
        false
    }

    /// Asked where a piece of work begins, which is in the same order in every run of a fit: what the latest
    /// [`keep`](Observer::keep) of this piece was given in a run that was stopped or killed. Nothing after
    /// [`cancelled`](Observer::cancelled) has been true.
    fn recall(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Offers the piece begun last, as far as it is done, or at its end; `bytes` makes them if they are wanted.
    fn keep(&mut self, _at_end: bool, _bytes: &mut dyn FnMut() -> Vec<u8>) {}
}

/// Watches nothing.
pub struct Silent;

impl Observer for Silent {}

/// Watches nothing, stops when the flag is raised.
impl Observer for &AtomicBool {
    fn cancelled(&self) -> bool {
        self.load(Ordering::Relaxed)
    }
}
