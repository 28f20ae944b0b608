//! Poisson: how many events at a rate.

use crate::prelude::*;

#[derive(Debug)]
pub struct Poisson;

const SLOTS: &[Slot] = &[Slot::required(&[
    Parameter::new("rate", Domain::NonNegative).finite_outside(),
    Parameter::new("log_rate", Domain::Real),
])];

const SUPPORT: Support = Support::Integers { lower: 0.0, upper: f64::INFINITY };

impl Distribution for Poisson {
    fn name(&self) -> &'static str {
        "poisson"
    }
    fn doc(&self) -> &'static str {
        "How many events, by their expected number or its logarithm."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        SUPPORT
    }

    /// x ln rate - rate - ln x!, or by log_rate e: x e - exp(e) - ln x!. No events at rate 0 is
    /// certain.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let given = params.given(0).expect("required");
        let (taken, rate) = if given.alternative == 1 {
            (g.mul(x, given.value), g.exp(given.value))
        } else {
            (emit::x_ln_y(g, x, given.value), given.value)
        };
        let ln_x = emit::ln_factorial(g, x);
        let kernel = g.sub(taken, rate);
        let density = g.sub(kernel, ln_x);
        Ok(emit::within(g, x, SUPPORT, density))
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(random::poisson(rate(params), uniforms))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(rate(params))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some(rate(params))
    }
}

fn rate(params: &Params<f64>) -> f64 {
    let given = params.given(0).expect("required");
    if given.alternative == 1 { given.value.exp() } else { given.value }
}
