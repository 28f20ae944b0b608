//! Maps from the real line onto an interval, elementwise. Its ends are nodes: constants, or what other
//! variables make of them.

use std::sync::Arc;

use graph::ir::{Graph, NodeId, Unary};
use model::Bijector;

/// Onto the numbers between two ends, where there are any.
pub fn onto(ends: (Option<NodeId>, Option<NodeId>)) -> Arc<dyn Bijector> {
    match ends {
        (None, None) => Arc::new(Identity),
        (Some(bound), None) => Arc::new(Lower { bound }),
        (None, Some(bound)) => Arc::new(Upper { bound }),
        (Some(lower), Some(upper)) => Arc::new(Interval { lower, upper }),
    }
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
    fn inverse(&self, _: &mut Graph, x: NodeId) -> NodeId {
        x
    }
}

/// x = bound + e^u.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lower {
    pub bound: NodeId,
}

impl Bijector for Lower {
    fn name(&self) -> String {
        "lower".into()
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let e = g.exp(u);
        g.add(self.bound, e)
    }
    fn log_det_jac(&self, _: &mut Graph, u: NodeId) -> NodeId {
        u
    }
    fn inverse(&self, g: &mut Graph, x: NodeId) -> NodeId {
        let d = g.sub(x, self.bound);
        g.ln(d)
    }
}

/// x = bound - e^u.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Upper {
    pub bound: NodeId,
}

impl Bijector for Upper {
    fn name(&self) -> String {
        "upper".into()
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let e = g.exp(u);
        g.sub(self.bound, e)
    }
    fn log_det_jac(&self, _: &mut Graph, u: NodeId) -> NodeId {
        u
    }
    fn inverse(&self, g: &mut Graph, x: NodeId) -> NodeId {
        let d = g.sub(self.bound, x);
        g.ln(d)
    }
}

/// x = lower + (upper - lower) sigmoid(u).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    pub lower: NodeId,
    pub upper: NodeId,
}

impl Bijector for Interval {
    fn name(&self) -> String {
        "interval".into()
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let s = g.unary(Unary::Sigmoid, u);
        let width = g.sub(self.upper, self.lower);
        let x = g.mul(width, s);
        g.add(self.lower, x)
    }
    /// ln(upper - lower) - softplus(u) - softplus(-u): the sigmoid's logarithm and its complement's.
    fn log_det_jac(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let minus = g.neg(u);
        let (up, down) = (g.softplus(u), g.softplus(minus));
        let both = g.add(up, down);
        let width = g.sub(self.upper, self.lower);
        let ln_width = g.ln(width);
        g.sub(ln_width, both)
    }
    fn inverse(&self, g: &mut Graph, x: NodeId) -> NodeId {
        let (left, right) = (g.sub(x, self.lower), g.sub(self.upper, x));
        let odds = g.div(left, right);
        g.ln(odds)
    }
}
