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
    /// Zero or above, each for one outcome: given as constants or data they sum to one.
    Probabilities,
    /// Finite, each above the one before.
    Ascending,
    /// An element of a symmetric positive definite matrix.
    PositiveDefinite,
    /// An element of a lower triangular matrix with a positive diagonal. Densities read nothing above it;
    /// constants and data are zero there.
    CholeskyFactor,
}

impl Domain {
    /// May a constant parameter, or one element of it, have this value? NaN is nowhere.
    ///
    /// [`holds`](Domain::holds) looks at a whole matrix.
    pub fn contains(self, x: f64) -> bool {
        match self {
            Domain::Real | Domain::Ascending | Domain::PositiveDefinite | Domain::CholeskyFactor => {
                x.is_finite()
            }
            Domain::Positive => x.is_finite() && x > 0.0,
            Domain::NonNegative | Domain::Probabilities => x.is_finite() && x >= 0.0,
            Domain::Unit => (0.0..=1.0).contains(&x),
            Domain::Count => x.is_finite() && x >= 0.0 && x.fract() == 0.0,
            Domain::Bound => !x.is_nan(),
        }
    }

    /// May a constant parameter have these elements? Of a matrix, row by row.
    pub fn holds(self, x: &[f64]) -> bool {
        self.fault(x).is_none()
    }

    /// What keeps elements, of a matrix row by row, from being a value together, if anything does: is a
    /// matrix symmetric, up to rounding, and positive definite; is it a factor; do probabilities sum to
    /// one, but for their rounding to two digits; do numbers ascend?
    pub fn fault(self, x: &[f64]) -> Option<Fault> {
        if let Some(at) = x.iter().position(|&x| !self.contains(x)) {
            return Some(Fault::Element { at, found: x[at] });
        }
        let n = matrix::side(x.len());
        match self {
            Domain::Probabilities => {
                let sum: f64 = x.iter().sum();
                let rounding = (0.005 * x.len() as f64).min(0.02);
                ((sum - 1.0).abs() > rounding).then_some(Fault::Sum { found: sum })
            }
            Domain::Ascending => {
                let at = 1 + x.windows(2).position(|pair| pair[0] >= pair[1])?;
                Some(Fault::NotAbove { at, before: x[at - 1], found: x[at] })
            }
            Domain::PositiveDefinite | Domain::CholeskyFactor if n * n != x.len() => Some(Fault::NotSquare),
            Domain::PositiveDefinite => match matrix::asymmetry(x, n) {
                Some((row, col)) => {
                    let (found, across) = (x[row * n + col], x[col * n + row]);
                    Some(Fault::Asymmetric { row, col, found, across })
                }
                None => matrix::factor(x, n).err().map(|(row, left)| Fault::Indefinite { row, left }),
            },
            Domain::CholeskyFactor => (0..n).find_map(|row| {
                let found = x[row * n + row];
                let above = (row + 1..n).find(|col| x[row * n + col] != 0.0);
                match above {
                    _ if found <= 0.0 => Some(Fault::Diagonal { row, found }),
                    Some(col) => Some(Fault::Above { row, col, found: x[row * n + col] }),
                    None => None,
                }
            }),
            _ => None,
        }
    }

    /// Is every value of a random variable with this support allowed? An end at zero counts as
    /// positive: a variable with a density meets it with probability zero.
    pub fn includes(self, support: Support) -> bool {
        let (lower, upper) = support.range();
        match self {
            Domain::Real | Domain::Bound | Domain::Ascending => true,
            Domain::Positive if support.is_discrete() => lower >= 1.0,
            Domain::Positive => lower >= 0.0,
            Domain::NonNegative | Domain::Probabilities => lower >= 0.0,
            Domain::Unit => lower >= 0.0 && upper <= 1.0,
            Domain::Count => support.is_discrete() && lower >= 0.0,
            Domain::PositiveDefinite => support == Support::PositiveDefinite,
            Domain::CholeskyFactor => support == Support::CholeskyCorrelation,
        }
    }
}

/// What keeps the elements of a parameter from being a value together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Fault {
    /// One that is nowhere in the domain.
    Element { at: usize, found: f64 },
    /// Their sum is not one.
    Sum { found: f64 },
    /// One that is not above the one before.
    NotAbove { at: usize, before: f64, found: f64 },
    /// Of no square matrix.
    NotSquare,
    /// An element that differs from the one across the diagonal.
    Asymmetric { row: usize, col: usize, found: f64, across: f64 },
    /// Of a diagonal element this is left, which is not positive, when what the rows before tell of it is
    /// taken away: the square of the factor's, of a covariance the variance given those rows.
    Indefinite { row: usize, left: f64 },
    /// An element on the diagonal of a factor that is not positive.
    Diagonal { row: usize, found: f64 },
    /// An element above the diagonal of a factor that is not zero.
    Above { row: usize, col: usize, found: f64 },
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
            Domain::Probabilities => "probabilities that sum to 1",
            Domain::Ascending => "ascending numbers",
            Domain::PositiveDefinite => "a positive definite matrix",
            Domain::CholeskyFactor => "a lower triangular matrix with a positive diagonal",
        })
    }
}
