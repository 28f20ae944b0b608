//! What a parameter may be.

use std::fmt;

use model::Support;

use crate::matrix;

/// The values a parameter takes. Unlike a [`Support`] it tells zero from positive: a scale of zero
/// is a mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// Finite.
    Real,
    /// Finite and above zero.
    Positive,
    /// Finite, zero or above.
    NonNegative,
    /// From 0 to 1, both included.
    Unit,
    /// A whole number, zero or above.
    Count,
    /// Any number, infinities too: a bound.
    Bound,
    /// An element of a symmetric positive definite matrix.
    PositiveDefinite,
    /// An element of a lower triangular matrix with a positive diagonal, of which nothing above is read.
    CholeskyFactor,
}

impl Domain {
    /// May a constant parameter, or one element of it, have this value? NaN is nowhere.
    ///
    /// [`holds`](Domain::holds) looks at a whole matrix.
    pub fn contains(self, x: f64) -> bool {
        match self {
            Domain::Real | Domain::PositiveDefinite | Domain::CholeskyFactor => x.is_finite(),
            Domain::Positive => x.is_finite() && x > 0.0,
            Domain::NonNegative => x.is_finite() && x >= 0.0,
            Domain::Unit => (0.0..=1.0).contains(&x),
            Domain::Count => x.is_finite() && x >= 0.0 && x.fract() == 0.0,
            Domain::Bound => !x.is_nan(),
        }
    }

    /// May a constant parameter have these elements? Of a matrix, row by row: is it symmetric, up to
    /// rounding, and positive definite; is it a factor?
    pub fn holds(self, x: &[f64]) -> bool {
        let n = matrix::side(x.len());
        let in_matrix = match self {
            Domain::PositiveDefinite => matrix::is_symmetric(x, n) && matrix::cholesky(x, n).is_some(),
            Domain::CholeskyFactor => (0..n).all(|i| x[i * n + i] > 0.0),
            _ => return x.iter().all(|&x| self.contains(x)),
        };
        n * n == x.len() && x.iter().all(|&x| self.contains(x)) && in_matrix
    }

    /// Is every value of a random variable with this support allowed? An end at zero counts as
    /// positive: a variable with a density meets it with probability zero.
    pub fn includes(self, support: Support) -> bool {
        let (lower, upper) = support.range();
        match self {
            Domain::Real | Domain::Bound => true,
            Domain::Positive if support.is_discrete() => lower >= 1.0,
            Domain::Positive => lower >= 0.0,
            Domain::NonNegative => lower >= 0.0,
            Domain::Unit => lower >= 0.0 && upper <= 1.0,
            Domain::Count => support.is_discrete() && lower >= 0.0,
            Domain::PositiveDefinite => support == Support::PositiveDefinite,
            Domain::CholeskyFactor => support == Support::CholeskyCorrelation,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Domain::Real => "a finite number",
            Domain::Positive => "a positive number",
            Domain::NonNegative => "zero or a positive number",
            Domain::Unit => "a number from 0 to 1",
            Domain::Count => "a whole number from 0",
            Domain::Bound => "a number",
            Domain::PositiveDefinite => "a positive definite matrix",
            Domain::CholeskyFactor => "a lower triangular matrix with a positive diagonal",
        })
    }
}
