//! Lognormal: the exponential of a normal.

use crate::normal;
use crate::prelude::*;

#[derive(Debug)]
pub struct LogNormal;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("log_mean", Domain::Real)]),
    Slot::required(&[Parameter::new("log_sd", Domain::Positive)]),
];

impl Distribution for LogNormal {
    fn name(&self) -> &'static str {
        "lognormal"
    }
    fn doc(&self) -> &'static str {
        "A positive number whose logarithm is normal; exp(log_mean) is its median."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn location_scale(&self) -> Option<LocationScale> {
        Some(LocationScale { location: 0, scale: 1, log: true })
    }
    fn widest_support(&self) -> Support {
        Support::POSITIVE
    }
    fn observable(&self, support: Support, x: f64) -> bool {
        support.contains(x) && x > 0.0
    }

    /// The normal density of ln x, less ln x: for data ln x is computed once.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let ln_x = emit::ln(g, x);
        let quadratic = normal::half_square(g, ln_x, params.at(0), params.at(1));
        let norm = normal::log_norm(g, params.at(1));
        // Data with data, so that the lane scalar of the quadratic leaves a sum over rows.
        let norm = g.sub(norm, ln_x);
        let density = g.add(norm, quadratic);
        Ok(emit::above_zero(g, x, density))
    }

    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let ln_x = emit::ln(g, x);
        Some(normal::log_tails(g, ln_x, params.at(0), params.at(1)))
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        let z = (x.ln() - params.at(0)) / params.at(1);
        Some(vec![x, x * z])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let ln_x = params.at(0) + params.at(1) * random::standard_normal(uniforms);
        Ok(random::positive(ln_x.exp()))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some((params.at(0) + 0.5 * params.at(1).powi(2)).exp())
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let v = params.at(1).powi(2);
        Some(v.exp_m1() * (2.0 * params.at(0) + v).exp())
    }
}
