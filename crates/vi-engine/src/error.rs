//! What can go wrong, as values.

use thiserror::Error;

/// A choice that cannot be honoured.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{option}: {found}` is refused; expected {expected}")]
pub struct OptionError {
    pub option: &'static str,
    pub found: String,
    pub expected: String,
}

/// Why there is no fit at all. (A bad fit is a [`crate::Fit`] with its verdict.)
#[derive(Clone, Debug, Error, PartialEq)]
pub enum FitError {
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error("the model has no unconstrained coordinates, so there is nothing to fit")]
    NoCoordinates,
    #[error("the model names {names} coordinates but has {dim}")]
    Names { dim: usize, names: usize },
    /// The log density was finite, with its gradient, nowhere in `tried` starting points.
    #[error(
        "the log density is finite at none of {tried} starting points{}",
        .reason.as_ref().map(|r| format!("; most often: {r}")).unwrap_or_default()
    )]
    NoFiniteStart { tried: usize, reason: Option<String> },
    /// Cancelled before there was anything to keep: an approximation, or a draw of every chain.
    #[error("interrupted before there were any draws")]
    InterruptedAtStart,
    /// Not one draw of the approximation has a finite log density.
    #[error(
        "no draw of the approximation has a finite log density{}",
        .reason.as_ref().map(|r| format!("; most often: {r}")).unwrap_or_default()
    )]
    NoFiniteDraw { reason: Option<String> },
    /// Draws that have no covariance to begin a fit with.
    #[error("the draws to begin with do not vary in every direction")]
    NoSpread,
    /// A saved state that does not fit this model and these options.
    #[error("the saved state cannot be resumed: {0}")]
    State(#[from] StateError),
}

/// Why a saved state is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StateError {
    #[error("{field} was {saved}, is {now}")]
    Mismatch { field: &'static str, saved: String, now: String },
    #[error("the bytes are not a saved state (at byte {at})")]
    Corrupt { at: usize },
}
