//! Gamma: shape and rate.

use graph::log_tail::Law;
use numerics::incomplete;

use crate::prelude::*;

#[derive(Debug)]
pub struct Gamma;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("shape", Domain::Positive).finite_outside()]),
    Slot::required(&[Parameter::new("rate", Domain::Positive)]),
];

impl Distribution for Gamma {
    fn name(&self) -> &'static str {
        "gamma"
    }
    fn doc(&self) -> &'static str {
        "A positive number by shape and rate, mean shape/rate."
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

    /// shape ln rate - ln G(shape) + (shape - 1) ln x - rate x. At 0 it is the limit: -inf, ln rate
    /// or inf.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (shape, rate) = (params.at(0), params.at(1));
        if emit::follows_mean(g, x, &[shape]) {
            let ln_x = emit::ln(g, x);
            let (kernel, root) = (emit::about_mean(g, (x, ln_x), shape, rate), emit::ln_root(g, shape));
            let density = g.add(kernel, root);
            return Ok(emit::within(g, x, Support::POSITIVE, density));
        }
        let ln_rate = g.ln(rate);
        let scaled = g.mul(shape, ln_rate);
        let lg = g.lgamma(shape);
        let norm = g.sub(scaled, lg);
        let (less, ln_x) = (g.add_const(shape, -1.0), emit::ln(g, x));
        let power = g.mul(less, ln_x);
        let spent = g.mul(rate, x);
        let kernel = g.sub(power, spent);
        let density = g.add(norm, kernel);
        Ok(emit::within(g, x, Support::POSITIVE, density))
    }

    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let spent = g.mul(params.at(1), x);
        let mut tail = |law| emit::log_tail(g, law, &[params.at(0), spent]);
        Some(Tails { log_cdf: tail(Law::GammaP), log_survival: tail(Law::GammaQ) })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        let (shape, rate) = (params.at(0), params.at(1));
        Some(vec![incomplete::gamma::implicit(shape, rate * x) / rate, -x / rate])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let ln_x = random::ln_gamma(params.at(0), uniforms) - params.at(1).ln();
        Ok(random::positive(ln_x.exp()))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0) / params.at(1))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0) / params.at(1).powi(2))
    }
}
