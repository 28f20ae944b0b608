//! Negative binomial: counts that vary more than Poisson ones.

use crate::prelude::*;

#[derive(Debug)]
pub struct NegativeBinomial;

const SLOTS: &[Slot] = &[
    Slot::required(&[
        Parameter::new("mean", Domain::NonNegative).finite_outside(),
        Parameter::new("log_mean", Domain::Real),
    ]),
    Slot::required(&[Parameter::new("dispersion", Domain::Positive).finite_outside()]),
];

const SUPPORT: Support = Support::Integers { lower: 0.0, upper: f64::INFINITY };

impl Distribution for NegativeBinomial {
    fn name(&self) -> &'static str {
        "negative_binomial"
    }
    fn doc(&self) -> &'static str {
        "Counts by their mean or its logarithm, variance mean + mean^2/dispersion."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        SUPPORT
    }

    /// ln G(x + r) - ln G(r) - ln x! + x ln(mean / r) - (x + r) ln(1 + mean / r), r the dispersion: the Poisson
    /// law and what is left of a rising factorial, (r)_x. No events at mean 0 is certain.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (given, r) = (params.given(0).expect("required"), params.at(1));
        let (taken, norm) = if given.alternative == 1 {
            let ln_r = g.ln(r);
            let odds = g.sub(given.value, ln_r);
            (g.mul(x, given.value), g.softplus(odds))
        } else {
            let odds = g.div(given.value, r);
            (emit::x_ln_y(g, x, given.value), g.log1p(odds))
        };
        let all = g.add(x, r);
        let spent = g.mul(all, norm);
        let kernel = g.sub(taken, spent);
        let (rising, ln_x) = (emit::ln_rising_excess(g, r, x), emit::ln_factorial(g, x));
        let ways = g.sub(rising, ln_x);
        let density = g.add(ways, kernel);
        Ok(emit::within(g, x, SUPPORT, density))
    }

    /// Poisson at a gamma rate.
    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let (mean, r) = (mean(params), params.at(1));
        let ln_rate = random::ln_gamma(r, uniforms) - r.ln() + mean.ln();
        Ok(random::poisson(ln_rate.exp(), uniforms))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(mean(params))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let mean = mean(params);
        Some(mean + mean * mean / params.at(1))
    }
}

fn mean(params: &Params<f64>) -> f64 {
    let given = params.given(0).expect("required");
    if given.alternative == 1 { given.value.exp() } else { given.value }
}
