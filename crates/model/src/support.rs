//! Where a variable lives, and the map to it from the whole line.

use graph::ir::{Graph, NodeId};
use std::fmt;

/// The set of values a random variable can take, elementwise.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Support {
    /// An interval of the real line; infinite bounds are open.
    Interval { lower: f64, upper: f64 },
    /// Integers from `lower` to `upper`, both included (`upper` may be infinite).
    Integers { lower: f64, upper: f64 },
}

impl Support {
    pub const REAL: Support = Support::Interval { lower: f64::NEG_INFINITY, upper: f64::INFINITY };
    pub const POSITIVE: Support = Support::Interval { lower: 0.0, upper: f64::INFINITY };
    pub const UNIT: Support = Support::Interval { lower: 0.0, upper: 1.0 };

    /// Is `x` a possible value? The ends of an interval count as inside; NaN is nowhere.
    pub fn contains(self, x: f64) -> bool {
        match self {
            Support::Interval { lower, upper } => lower <= x && x <= upper,
            Support::Integers { lower, upper } => lower <= x && x <= upper && x.fract() == 0.0,
        }
    }

    /// Does every value of `other` lie in this support?
    pub fn includes(self, other: Support) -> bool {
        match (self, other) {
            (
                Support::Interval { lower: a, upper: b },
                Support::Interval { lower: c, upper: d } | Support::Integers { lower: c, upper: d },
            )
            | (Support::Integers { lower: a, upper: b }, Support::Integers { lower: c, upper: d }) => {
                a <= c && d <= b
            }
            (Support::Integers { .. }, Support::Interval { .. }) => false,
        }
    }

    pub fn is_discrete(self) -> bool {
        matches!(self, Support::Integers { .. })
    }
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lower, upper, what) = match *self {
            Support::Interval { lower, upper } => (lower, upper, "number"),
            Support::Integers { lower, upper } => (lower, upper, "whole number"),
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

/// A smooth one-to-one map from the real line onto a support, elementwise.
pub trait Bijector: fmt::Debug + Send + Sync {
    /// `exp`, `interval(0, 1)`: for printing.
    fn name(&self) -> String;
    /// Emits x = f(u).
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId;
    /// Emits ln |f'(u)|, elementwise.
    fn log_det_jac(&self, g: &mut Graph, u: NodeId) -> NodeId;
    /// u with f(u) = x; infinite on the boundary, NaN outside the support.
    fn inverse(&self, x: f64) -> f64;
}
