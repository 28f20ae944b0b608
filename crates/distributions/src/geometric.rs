//! Geometric: failures before the first success.

use numerics::special::softplus;

use crate::prelude::*;

#[derive(Debug)]
pub struct Geometric;

const SLOTS: &[Slot] = &[Slot::required(&[
    Parameter::new("p", Domain::Unit).finite_outside(),
    Parameter::new("logit", Domain::Real),
])];

const SUPPORT: Support = Support::Integers { lower: 0.0, upper: f64::INFINITY };

impl Distribution for Geometric {
    fn name(&self) -> &'static str {
        "geometric"
    }
    fn doc(&self) -> &'static str {
        "Failures before the first success, by the probability of success or its log-odds."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        SUPPORT
    }

    /// ln p + x ln(1 - p); by logit l: l - (x + 1) ln(1 + e^l).
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let given = params.given(0).expect("required");
        let density = if given.alternative == 1 {
            let (norm, trials) = (g.softplus(given.value), g.add_const(x, 1.0));
            let spent = g.mul(trials, norm);
            g.sub(given.value, spent)
        } else {
            let q = emit::complement(g, given.value);
            let (yes, no) = (emit::ln(g, given.value), emit::x_ln_y(g, x, q));
            g.add(yes, no)
        };
        Ok(emit::within(g, x, SUPPORT, density))
    }

    /// The whole part of an exponential number; at most the largest f64, as p = 0 never succeeds.
    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok((uniforms().ln() / ln_failure(params)).floor().min(f64::MAX))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(odds_against(params))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let mean = odds_against(params);
        Some(mean * (1.0 + mean))
    }
}

/// ln(1 - p).
fn ln_failure(params: &Params<f64>) -> f64 {
    let given = params.given(0).expect("required");
    if given.alternative == 1 { -softplus(given.value) } else { (-given.value).ln_1p() }
}

/// (1 - p) / p.
fn odds_against(params: &Params<f64>) -> f64 {
    let given = params.given(0).expect("required");
    if given.alternative == 1 { (-given.value).exp() } else { (1.0 - given.value) / given.value }
}
