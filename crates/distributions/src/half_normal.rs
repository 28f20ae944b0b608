//! Half-normal: the absolute value of a normal around zero.

use graph::ir::Binary;

use crate::normal;
use crate::prelude::*;

#[derive(Debug)]
pub struct HalfNormal;

const SLOTS: &[Slot] = &[Slot::required(&[Parameter::new("scale", Domain::Positive)])];

impl Distribution for HalfNormal {
    fn name(&self) -> &'static str {
        "half_normal"
    }
    fn doc(&self) -> &'static str {
        "The absolute value of normal(0, scale): a prior for scales."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::POSITIVE
    }

    /// ln 2 above the normal.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let zero = g.constant(0.0);
        let normal = normal::log_density(g, x, zero, params.at(0));
        let density = g.add_const(normal, std::f64::consts::LN_2);
        Ok(emit::within(g, x, Support::POSITIVE, density))
    }

    /// F = erf(z / sqrt 2) and ln S = ln 2 + ln Phi(-z), each where it is the smaller; the other is one
    /// less it.
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let z = g.div(x, params.at(0));
        let scaled = g.scale(std::f64::consts::FRAC_1_SQRT_2, z);
        let cdf = g.unary(Unary::Erf, scaled);
        let minus = g.neg(z);
        let upper = g.unary(Unary::LogNdtr, minus);
        let upper = g.add_const(upper, std::f64::consts::LN_2);
        let (ln_cdf, minus_cdf, survival) = (g.ln(cdf), g.neg(cdf), g.exp(upper));
        let minus_survival = g.neg(survival);
        let (rest_below, rest_above) = (g.log1p(minus_survival), g.log1p(minus_cdf));
        let half = g.constant(0.5);
        let is_low = g.binary(Binary::Lt, cdf, half);
        Some(Tails {
            log_cdf: g.select(is_low, ln_cdf, rest_below),
            log_survival: g.select(is_low, rest_above, upper),
        })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        Some(vec![x / params.at(0)])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(params.at(0) * random::standard_normal(uniforms).abs())
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0) * (2.0 / std::f64::consts::PI).sqrt())
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0).powi(2) * (1.0 - 2.0 / std::f64::consts::PI))
    }
}
