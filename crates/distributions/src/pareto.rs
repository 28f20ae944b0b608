//! Pareto: sizes above a threshold that fall as a power.

use crate::prelude::*;

#[derive(Debug)]
pub struct Pareto;

const NAME: &str = "pareto";

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
    Slot::required(&[Parameter::new("shape", Domain::Positive)]),
];

impl Distribution for Pareto {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "A number above scale whose tail falls as the power shape: P(X > x) = (scale / x)^shape."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::POSITIVE
    }

    /// Needs a constant scale.
    fn support(&self, constants: &Params<Option<f64>>) -> Result<Support, DistributionError> {
        let needed = DistributionError::NeedsConstant { distribution: NAME, parameter: "scale" };
        let lower = constants.at(0).ok_or(needed)?;
        Ok(Support::Interval { lower, upper: f64::INFINITY })
    }

    fn ends(&self) -> (Option<usize>, Option<usize>) {
        (Some(0), None)
    }

    /// ln shape - ln x - shape ln(x / scale). A scale that depends on latents is compared with data too.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (scale, shape) = (params.at(0), params.at(1));
        let (ln_x, ln_scale, ln_shape) = (emit::ln(g, x), g.ln(scale), g.ln(shape));
        let r = g.sub(ln_x, ln_scale);
        let power = g.mul(shape, r);
        let norm = g.sub(ln_shape, ln_x);
        let density = g.sub(norm, power);
        if let Some(lower) = g.as_const(scale) {
            let support = Support::Interval { lower, upper: f64::INFINITY };
            return Ok(emit::within(g, x, support, density));
        }
        Ok(emit::between(g, x, (Some(scale), None), density))
    }

    /// S = (scale / x)^shape, from x - scale: it keeps the digits of F beside scale.
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let excess = emit::standardise(g, x, params.at(0), params.at(0));
        let r = g.log1p(excess);
        let spent = g.mul(params.at(1), r);
        Some(Tails { log_cdf: emit::ln_1m_exp_neg(g, spent), log_survival: g.neg(spent) })
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let (scale, shape) = (params.at(0), params.at(1));
        Ok((scale.ln() - uniforms().ln() / shape).exp().clamp(scale, f64::MAX))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        let (scale, shape) = (params.at(0), params.at(1));
        (shape > 1.0).then(|| scale * shape / (shape - 1.0))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let (shape, mean) = (params.at(1), self.mean(params)?);
        Some(if shape > 2.0 { mean * mean / (shape * (shape - 2.0)) } else { f64::INFINITY })
    }
}
