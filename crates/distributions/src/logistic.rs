//! Logistic: the log-odds of a uniform number.

use crate::prelude::*;

#[derive(Debug)]
pub struct Logistic;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("loc", Domain::Real)]),
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
];

impl Distribution for Logistic {
    fn name(&self) -> &'static str {
        "logistic"
    }
    fn doc(&self) -> &'static str {
        "A bell curve with exponential tails; its cdf is sigmoid((x - loc) / scale)."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::REAL
    }

    /// z - 2 ln(1 + e^z) - ln scale: smooth at 0, where |z| is not.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let z = emit::standardise(g, x, params.at(0), params.at(1));
        let norm = g.ln(params.at(1));
        let kernel = log_kernel(g, z);
        Ok(g.sub(kernel, norm))
    }

    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let z = emit::standardise(g, x, params.at(0), params.at(1));
        Some(log_tails(g, z))
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(params.at(0) + params.at(1) * standard(uniforms))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some((std::f64::consts::PI * params.at(1)).powi(2) / 3.0)
    }
}

/// The log density of the standard law.
fn log_kernel(g: &mut Graph, z: NodeId) -> NodeId {
    let norm = g.softplus(z);
    let both = g.scale(2.0, norm);
    g.sub(z, both)
}

/// ln sigmoid(z) and ln sigmoid(-z).
pub(crate) fn log_tails(g: &mut Graph, z: NodeId) -> Tails<NodeId> {
    let minus = g.neg(z);
    let (up, down) = (g.softplus(z), g.softplus(minus));
    Tails { log_cdf: g.neg(down), log_survival: g.neg(up) }
}

pub(crate) fn standard(uniforms: &mut Uniforms<'_>) -> f64 {
    let u = uniforms();
    u.ln() - (-u).ln_1p()
}
