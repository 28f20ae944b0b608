//! Inverse gamma: shape and scale; one over a gamma(shape, rate = scale).

use graph::log_tail::Law;
use numerics::incomplete;

use crate::prelude::*;

#[derive(Debug)]
pub struct InverseGamma;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("shape", Domain::Positive).finite_outside()]),
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
];

impl Distribution for InverseGamma {
    fn name(&self) -> &'static str {
        "inverse_gamma"
    }
    fn doc(&self) -> &'static str {
        "One over a gamma(shape, rate = scale): keeps lengths and variances away from zero."
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

    /// shape ln scale - ln G(shape) - (shape + 1) ln x - scale / x.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (shape, scale) = (params.at(0), params.at(1));
        if emit::follows_mean(g, x, &[shape]) {
            // 1/x is a gamma number.
            let (inverse, ln_x) = (g.recip(x), emit::ln(g, x));
            let ln_inverse = g.neg(ln_x);
            let kernel = emit::about_mean(g, (inverse, ln_inverse), shape, scale);
            let (root, jacobian) = (emit::ln_root(g, shape), g.scale(-2.0, ln_x));
            let density = g.add(kernel, root);
            let density = g.add(density, jacobian);
            return Ok(emit::above_zero(g, x, density));
        }
        let ln_scale = g.ln(scale);
        let scaled = g.mul(shape, ln_scale);
        let lg = g.lgamma(shape);
        let norm = g.sub(scaled, lg);
        let (more, ln_x) = (g.add_const(shape, 1.0), emit::ln(g, x));
        let power = g.mul(more, ln_x);
        let inverse = g.recip(x);
        let spent = g.mul(scale, inverse);
        let kernel = g.add(power, spent);
        let density = g.sub(norm, kernel);
        Ok(emit::above_zero(g, x, density))
    }

    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let inverse = g.div(params.at(1), x);
        let mut tail = |law| emit::log_tail(g, law, &[params.at(0), inverse]);
        Some(Tails { log_cdf: tail(Law::GammaQ), log_survival: tail(Law::GammaP) })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        let (shape, scale) = (params.at(0), params.at(1));
        Some(vec![-x * incomplete::gamma::ln_implicit(shape, scale.ln() - x.ln()), x / scale])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let ln_x = params.at(1).ln() - random::ln_gamma(params.at(0), uniforms);
        Ok(random::positive(ln_x.exp()))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        let (shape, scale) = (params.at(0), params.at(1));
        (shape > 1.0).then(|| scale / (shape - 1.0))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let (shape, mean) = (params.at(0), self.mean(params)?);
        Some(if shape > 2.0 { mean * mean / (shape - 2.0) } else { f64::INFINITY })
    }
}
