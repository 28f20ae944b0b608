//! Log-logistic: a positive number whose logarithm is logistic.

use std::f64::consts::PI;

use crate::logistic;
use crate::prelude::*;
use crate::weibull::log_ratio;

#[derive(Debug)]
pub struct LogLogistic;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
    Slot::required(&[Parameter::new("shape", Domain::Positive)]),
];

impl Distribution for LogLogistic {
    fn name(&self) -> &'static str {
        "loglogistic"
    }
    fn doc(&self) -> &'static str {
        "A time whose odds of being over grow as its power shape; scale is its median."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::POSITIVE
    }
    fn observable(&self, support: Support, x: f64) -> bool {
        support.contains(x) && x > 0.0
    }

    /// ln shape - ln scale + (shape - 1) r - 2 ln(1 + e^(shape r)) with r = ln(x / scale). At 0 it is the
    /// limit.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (scale, shape) = (params.at(0), params.at(1));
        let (ln_shape, ln_scale) = (g.ln(shape), g.ln(scale));
        let norm = g.sub(ln_shape, ln_scale);
        let r = log_ratio(g, x, scale);
        let less = g.add_const(shape, -1.0);
        let power = g.mul(less, r);
        let e = g.mul(shape, r);
        let odds = g.softplus(e);
        let odds = g.scale(2.0, odds);
        let kernel = g.sub(power, odds);
        let density = g.add(norm, kernel);
        Ok(emit::within(g, x, Support::POSITIVE, density))
    }

    /// F / S = (x / scale)^shape.
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let r = log_ratio(g, x, params.at(0));
        let e = g.mul(params.at(1), r);
        Some(logistic::log_tails(g, e))
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let ln_x = params.at(0).ln() + logistic::standard(uniforms) / params.at(1);
        Ok(random::positive(ln_x.exp()))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        let (scale, b) = (params.at(0), PI / params.at(1));
        (params.at(1) > 1.0).then(|| scale * b / b.sin())
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let (mean, b) = (self.mean(params)?, PI / params.at(1));
        if params.at(1) <= 2.0 {
            return Some(f64::INFINITY);
        }
        Some(params.at(0).powi(2) * 2.0 * b / (2.0 * b).sin() - mean * mean)
    }
}
