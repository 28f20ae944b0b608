//! Maps from the real line onto an interval.

use std::sync::Arc;

use graph::ir::{Graph, NodeId, Unary};
use model::{Bijector, Support};

use crate::error::DistributionError;

/// The bijector for an interval: the identity, an exponential from a bound, or a scaled sigmoid.
///
/// # Errors
/// Integers have none, nor has an interval without inside.
pub fn bijector_for(support: Support) -> Result<Arc<dyn Bijector>, DistributionError> {
    let Support::Interval { lower, upper } = support else {
        return Err(DistributionError::NoBijector { support });
    };
    if lower.is_nan() || upper.is_nan() || lower >= upper {
        return Err(DistributionError::NoBijector { support });
    }
    Ok(match (lower.is_finite(), upper.is_finite()) {
        (false, false) => Arc::new(Identity),
        (true, false) => Arc::new(Lower { bound: lower }),
        (false, true) => Arc::new(Upper { bound: upper }),
        (true, true) => Arc::new(Interval { lower, upper }),
    })
}

/// x = u.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Identity;

impl Bijector for Identity {
    fn name(&self) -> String {
        "identity".into()
    }
    fn forward(&self, _: &mut Graph, u: NodeId) -> NodeId {
        u
    }
    fn log_det_jac(&self, g: &mut Graph, _: NodeId) -> NodeId {
        g.constant(0.0)
    }
    fn inverse(&self, x: f64) -> f64 {
        x
    }
}

/// x = bound + e^u.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lower {
    pub bound: f64,
}

impl Bijector for Lower {
    fn name(&self) -> String {
        if self.bound == 0.0 { "exp".into() } else { format!("lower({})", self.bound) }
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let e = g.exp(u);
        g.add_const(e, self.bound)
    }
    fn log_det_jac(&self, _: &mut Graph, u: NodeId) -> NodeId {
        u
    }
    fn inverse(&self, x: f64) -> f64 {
        (x - self.bound).ln()
    }
}

/// x = bound - e^u.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Upper {
    pub bound: f64,
}

impl Bijector for Upper {
    fn name(&self) -> String {
        format!("upper({})", self.bound)
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let (b, e) = (g.constant(self.bound), g.exp(u));
        g.sub(b, e)
    }
    fn log_det_jac(&self, _: &mut Graph, u: NodeId) -> NodeId {
        u
    }
    fn inverse(&self, x: f64) -> f64 {
        (self.bound - x).ln()
    }
}

/// x = lower + (upper - lower) sigmoid(u).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    pub lower: f64,
    pub upper: f64,
}

impl Bijector for Interval {
    fn name(&self) -> String {
        format!("interval({}, {})", self.lower, self.upper)
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let s = g.unary(Unary::Sigmoid, u);
        let x = g.scale(self.upper - self.lower, s);
        g.add_const(x, self.lower)
    }
    /// ln(upper - lower) - softplus(u) - softplus(-u): the sigmoid's logarithm and its complement's.
    fn log_det_jac(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let minus = g.neg(u);
        let (up, down) = (g.softplus(u), g.softplus(minus));
        let both = g.add(up, down);
        let width = g.constant((self.upper - self.lower).ln());
        g.sub(width, both)
    }
    fn inverse(&self, x: f64) -> f64 {
        ((x - self.lower) / (self.upper - x)).ln()
    }
}
