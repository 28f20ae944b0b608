//! Normal: mean and standard deviation.

use crate::prelude::*;

#[derive(Debug)]
pub struct Normal;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("mean", Domain::Real)]),
    Slot::required(&[Parameter::new("sd", Domain::Positive)]),
];

impl Distribution for Normal {
    fn name(&self) -> &'static str {
        "normal"
    }
    fn doc(&self) -> &'static str {
        "The bell curve, by mean and standard deviation."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn location_scale(&self) -> Option<LocationScale> {
        Some(LocationScale { location: 0, scale: 1, log: false })
    }
    fn widest_support(&self) -> Support {
        Support::REAL
    }

    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        Ok(log_density(g, x, params.at(0), params.at(1)))
    }

    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        Some(log_tails(g, x, params.at(0), params.at(1)))
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        Some(vec![1.0, (x - params.at(0)) / params.at(1)])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(params.at(0) + params.at(1) * random::standard_normal(uniforms))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(1).powi(2))
    }
}

/// -z^2/2 - ln sd - ln(2 pi)/2 with z = (x - mean) / sd.
pub(crate) fn log_density(g: &mut Graph, x: NodeId, mean: NodeId, sd: NodeId) -> NodeId {
    let quadratic = half_square(g, x, mean, sd);
    let norm = log_norm(g, sd);
    g.add(norm, quadratic)
}

pub(crate) fn half_square(g: &mut Graph, x: NodeId, mean: NodeId, sd: NodeId) -> NodeId {
    let z = emit::standardise(g, x, mean, sd);
    let z2 = g.square(z);
    g.scale(-0.5, z2)
}

pub(crate) fn log_norm(g: &mut Graph, sd: NodeId) -> NodeId {
    let ln_sd = g.ln(sd);
    let c = g.constant(-emit::HALF_LN_2PI);
    g.sub(c, ln_sd)
}

/// ln Phi(z) and ln Phi(-z).
pub(crate) fn log_tails(g: &mut Graph, x: NodeId, mean: NodeId, sd: NodeId) -> Tails<NodeId> {
    let z = emit::standardise(g, x, mean, sd);
    let minus = g.neg(z);
    Tails { log_cdf: g.unary(Unary::LogNdtr, z), log_survival: g.unary(Unary::LogNdtr, minus) }
}
