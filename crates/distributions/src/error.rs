//! What can be wrong with a distribution as it is called.

use model::Support;

use crate::domain::Domain;

/// Typed, with the names the user wrote; the compiler adds the place.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum DistributionError {
    #[error("{distribution} takes {expected} arguments by position, found {found}")]
    TooManyArguments { distribution: &'static str, expected: usize, found: usize },

    #[error("{distribution} has no parameter {parameter}; it has {}", known.join(", "))]
    UnknownParameter { distribution: &'static str, parameter: String, known: Vec<&'static str> },

    #[error("{distribution} is given {parameter} twice")]
    GivenTwice { distribution: &'static str, parameter: &'static str },

    #[error("{distribution} takes either {first} or {second}, not both")]
    Conflict { distribution: &'static str, first: &'static str, second: &'static str },

    #[error("{distribution} needs {}", alternatives.join(" or "))]
    Missing { distribution: &'static str, alternatives: Vec<&'static str> },

    #[error("{parameter} of {distribution} must be {expected}, found {found}")]
    OutOfDomain { distribution: &'static str, parameter: &'static str, expected: Domain, found: f64 },

    #[error("the lower bound of {distribution} must be below the upper one, found {lower} and {upper}")]
    Bounds { distribution: &'static str, lower: f64, upper: f64 },

    #[error("{parameter} of {distribution} must be a constant here: the support depends on it")]
    NeedsConstant { distribution: &'static str, parameter: &'static str },

    #[error("truncated({distribution}) with varying parameters is not supported yet: write constants")]
    TruncationVaries { distribution: &'static str },

    #[error("{distribution} cannot be truncated: {why}")]
    NotTruncatable { distribution: &'static str, why: &'static str },

    #[error("{modifier} takes {expected}; {distribution} is {support}")]
    NotModifiable {
        modifier: &'static str,
        distribution: &'static str,
        expected: &'static str,
        support: Support,
    },

    #[error("{distribution} has no value between {lower} and {upper}: it is {support}")]
    EmptyWindow { distribution: &'static str, lower: f64, upper: f64, support: Support },

    #[error("truncated({distribution}) would sum {found} probabilities, the limit is {limit}")]
    WindowTooWide { distribution: &'static str, found: f64, limit: usize },

    #[error("{parameter} of {distribution} must be a matrix over {row} and {col}")]
    NotSquare { distribution: &'static str, parameter: &'static str, row: String, col: String },

    #[error("{parameter} of {distribution} must be a positive definite matrix")]
    Indefinite { distribution: &'static str, parameter: &'static str },

    #[error("df of {distribution} must be above {} for matrices of {size} rows, found {found}", size - 1)]
    DegreesOfFreedom { distribution: &'static str, size: usize, found: f64 },

    #[error("{distribution} has no draws: {why}")]
    NoDraws { distribution: &'static str, why: &'static str },

    #[error("{distribution} has no draws of some elements given the others")]
    NoConditional { distribution: &'static str },

    #[error("there is no map from the real line to {support}")]
    NoBijector { support: Support },

    #[error("{distribution} could not be evaluated: {why}")]
    Evaluation { distribution: &'static str, why: String },
}
