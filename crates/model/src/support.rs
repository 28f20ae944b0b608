//! Where a variable lives, and the map to it from the whole line.

use graph::ir::{DimId, Graph, NodeId};
use std::fmt;

/// The set of values a random variable can take: elementwise, or along the dimensions of one value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Support {
    /// An interval of the real line; infinite bounds are open.
    Interval { lower: f64, upper: f64 },
    /// Integers from `lower` to `upper`, both included (`upper` may be infinite).
    Integers { lower: f64, upper: f64 },
    /// Positive numbers along one dimension that sum to one.
    Simplex,
    /// Numbers along one dimension, each above the one before, all between two bounds.
    Ordered { lower: f64, upper: f64 },
    /// Lower Cholesky factors of correlation matrices, over a dimension and its prime: rows of length
    /// one, a positive diagonal.
    CholeskyCorrelation,
    /// Symmetric positive definite matrices, over a dimension and its prime.
    PositiveDefinite,
}

impl Support {
    pub const REAL: Support = Support::Interval { lower: f64::NEG_INFINITY, upper: f64::INFINITY };
    pub const POSITIVE: Support = Support::Interval { lower: 0.0, upper: f64::INFINITY };
    pub const UNIT: Support = Support::Interval { lower: 0.0, upper: 1.0 };

    /// Numbers that every element lies between.
    pub fn range(self) -> (f64, f64) {
        match self {
            Support::Interval { lower, upper }
            | Support::Integers { lower, upper }
            | Support::Ordered { lower, upper } => (lower, upper),
            Support::Simplex => (0.0, 1.0),
            Support::CholeskyCorrelation => (-1.0, 1.0),
            Support::PositiveDefinite => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// Is `x` a possible value of an element? The ends of an interval count as inside; NaN is nowhere.
    pub fn contains(self, x: f64) -> bool {
        let (lower, upper) = self.range();
        lower <= x && x <= upper && (!self.is_discrete() || x.fract() == 0.0)
    }

    /// Does every value of `other` lie in this support, elementwise?
    pub fn includes(self, other: Support) -> bool {
        let ((a, b), (c, d)) = (self.range(), other.range());
        match self {
            Support::Interval { .. } => a <= c && d <= b,
            Support::Integers { .. } => other.is_discrete() && a <= c && d <= b,
            _ => self == other,
        }
    }

    /// Is each element a value by itself?
    pub fn is_elementwise(self) -> bool {
        matches!(self, Support::Interval { .. } | Support::Integers { .. })
    }

    pub fn is_discrete(self) -> bool {
        matches!(self, Support::Integers { .. })
    }
}

/// Is `x` a value of its support, if the bijector takes its coordinate to `y`? It is moved otherwise, or NaN.
/// Numbers that were written with six digits pass.
pub fn is_kept(x: f64, y: f64) -> bool {
    (x - y).abs() <= 1e-5 * x.abs().max(1.0)
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lower, upper, what) = match *self {
            Support::Interval { lower, upper } => (lower, upper, "number"),
            Support::Integers { lower, upper } => (lower, upper, "whole number"),
            Support::Simplex => return f.write_str("positive numbers that sum to 1"),
            Support::Ordered { lower, upper } => {
                f.write_str("numbers in ascending order")?;
                return match (lower.is_finite(), upper.is_finite()) {
                    (false, false) => Ok(()),
                    (true, false) => write!(f, " from {lower}"),
                    (false, true) => write!(f, " up to {upper}"),
                    (true, true) => write!(f, " from {lower} to {upper}"),
                };
            }
            Support::CholeskyCorrelation => {
                return f.write_str("the Cholesky factor of a correlation matrix");
            }
            Support::PositiveDefinite => return f.write_str("a positive definite matrix"),
        };
        match (lower.is_finite(), upper.is_finite()) {
            (false, false) => write!(f, "any {what}"),
            (true, false) if lower == 0.0 && what == "number" => write!(f, "a positive number"),
            (true, false) => write!(f, "a {what} from {lower}"),
            (false, true) => write!(f, "a {what} up to {upper}"),
            (true, true) => write!(f, "a {what} from {lower} to {upper}"),
        }
    }
}

/// A smooth one-to-one map onto a support: elementwise, or from the coordinates of one value.
///
/// `u` varies over [`coordinates`](Bijector::coordinates) where the value varies over its own
/// dimensions, and over whatever else the value does.
pub trait Bijector: fmt::Debug + Send + Sync {
    /// `exp`, `interval`, `simplex`: for printing.
    fn name(&self) -> String;
    /// The dimensions of `u` that stand for those of one value; none where the map is elementwise.
    fn coordinates(&self) -> &[DimId] {
        &[]
    }
    /// Emits x = f(u).
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId;
    /// Emits ln |det df/du|: elementwise, or for each value (of a simplex the density is that of all
    /// its elements but one, of a symmetric matrix that of its lower triangle).
    fn log_det_jac(&self, g: &mut Graph, u: NodeId) -> NodeId;
    /// Emits u with f(u) = x; infinite on the boundary, NaN where an element is outside the support (that
    /// elements add up, or a matrix is symmetric, is not looked at).
    fn inverse(&self, g: &mut Graph, x: NodeId) -> NodeId;
}
