//! Weibull: times to failure whose hazard is a power of time.

use numerics::special::lgamma;

use crate::prelude::*;

#[derive(Debug)]
pub struct Weibull;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("shape", Domain::Positive)]),
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
];

impl Distribution for Weibull {
    fn name(&self) -> &'static str {
        "weibull"
    }
    fn doc(&self) -> &'static str {
        "A time to failure: hazard rising where shape is above 1, falling below; 63% fail by scale."
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

    /// ln shape - ln scale + (shape - 1) r - exp(shape r) with r = ln(x / scale). At 0 it is the limit.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (shape, scale) = (params.at(0), params.at(1));
        let (ln_shape, ln_scale) = (g.ln(shape), g.ln(scale));
        let norm = g.sub(ln_shape, ln_scale);
        let r = log_ratio(g, x, scale);
        let less = g.add_const(shape, -1.0);
        let power = g.mul(less, r);
        let e = g.mul(shape, r);
        let spent = g.exp(e);
        let kernel = g.sub(power, spent);
        let density = g.add(norm, kernel);
        Ok(emit::within(g, x, Support::POSITIVE, density))
    }

    /// S = exp(-(x / scale)^shape).
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let r = log_ratio(g, x, params.at(1));
        let e = g.mul(params.at(0), r);
        let spent = g.exp(e);
        Some(Tails { log_cdf: emit::ln_1m_exp_neg_exp(g, e), log_survival: g.neg(spent) })
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let ln_x = params.at(1).ln() + (-uniforms().ln()).ln() / params.at(0);
        Ok(random::positive(ln_x.exp()))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(1) * lgamma(1.0 + 1.0 / params.at(0)).exp())
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let second = params.at(1).powi(2) * lgamma(1.0 + 2.0 / params.at(0)).exp();
        Some(second - self.mean(params)?.powi(2))
    }
}

/// ln x - ln scale: for data ln x is computed once.
pub(crate) fn log_ratio(g: &mut Graph, x: NodeId, scale: NodeId) -> NodeId {
    let (ln_x, ln_scale) = (emit::ln(g, x), g.ln(scale));
    g.sub(ln_x, ln_scale)
}
