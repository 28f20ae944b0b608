//! Exponential: waiting times at a constant rate.

use crate::prelude::*;

#[derive(Debug)]
pub struct Exponential;

const SLOTS: &[Slot] = &[Slot::required(&[Parameter::new("rate", Domain::Positive)])];

impl Distribution for Exponential {
    fn name(&self) -> &'static str {
        "exponential"
    }
    fn doc(&self) -> &'static str {
        "A waiting time at a constant rate, mean 1/rate."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::POSITIVE
    }

    /// ln rate - rate x.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let rate = params.at(0);
        let (ln_rate, spent) = (g.ln(rate), g.mul(rate, x));
        let density = g.sub(ln_rate, spent);
        Ok(emit::within(g, x, Support::POSITIVE, density))
    }

    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let spent = g.mul(params.at(0), x);
        Some(Tails { log_cdf: emit::ln_1m_exp_neg(g, spent), log_survival: g.neg(spent) })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        Some(vec![-x / params.at(0)])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(-uniforms().ln() / params.at(0))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(1.0 / params.at(0))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0).powi(-2))
    }
}
