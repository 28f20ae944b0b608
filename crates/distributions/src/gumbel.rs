//! Gumbel: the largest of many, maxima of light-tailed numbers.

use std::f64::consts::PI;

use crate::prelude::*;

#[derive(Debug)]
pub struct Gumbel;

/// Euler's constant (DLMF 5.2.3).
const EULER: f64 = 0.577_215_664_901_532_9;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("loc", Domain::Real)]),
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
];

impl Distribution for Gumbel {
    fn name(&self) -> &'static str {
        "gumbel"
    }
    fn doc(&self) -> &'static str {
        "The largest of many numbers: mode loc, mean loc + 0.577 scale, long to the right."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::REAL
    }

    /// -z - e^-z - ln scale.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let z = emit::standardise(g, x, params.at(0), params.at(1));
        let minus = g.neg(z);
        let e = g.exp(minus);
        let both = g.add(z, e);
        let ln_scale = g.ln(params.at(1));
        let spent = g.add(ln_scale, both);
        Ok(g.neg(spent))
    }

    /// F = exp(-e^-z).
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let z = emit::standardise(g, x, params.at(0), params.at(1));
        let minus = g.neg(z);
        let e = g.exp(minus);
        Some(Tails { log_cdf: g.neg(e), log_survival: emit::ln_1m_exp_neg_exp(g, minus) })
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(params.at(0) - params.at(1) * (-uniforms().ln()).ln())
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0) + EULER * params.at(1))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some((PI * params.at(1)).powi(2) / 6.0)
    }
}
