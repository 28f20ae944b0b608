//! Binomial: successes in n trials.

use graph::ir::Binary;
use numerics::special::sigmoid;

use crate::prelude::*;

#[derive(Debug)]
pub struct Binomial;

const NAME: &str = "binomial";

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("n", Domain::Count)]),
    Slot::required(&[
        Parameter::new("p", Domain::Unit).finite_outside(),
        Parameter::new("logit", Domain::Real),
    ]),
];

const WIDEST: Support = Support::Integers { lower: 0.0, upper: f64::INFINITY };

impl Distribution for Binomial {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "Successes in n trials, by the probability of one or its log-odds."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        WIDEST
    }

    /// Needs n: a constant, or a row's.
    fn support(&self, constants: &Params<Option<f64>>) -> Result<Support, DistributionError> {
        let needed = DistributionError::NeedsConstant { distribution: NAME, parameter: "n" };
        let upper = constants.at(0).ok_or(needed)?;
        Ok(Support::Integers { lower: 0.0, upper })
    }

    /// ln C(n, x) + x ln p + (n - x) ln(1 - p), or by logit l: ln C(n, x) + x l - n ln(1 + e^l).
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (n, given) = (params.at(0), params.given(1).expect("required"));
        let checked = g.as_const(n).is_some() || emit::checked_before(g, x, n);
        let rest = g.sub(n, x);
        let rest = if checked { rest } else { emit::not_negative(g, rest) };
        let choose = emit::ln_choose(g, n, x, rest);
        let kernel = if given.alternative == 1 {
            let (taken, norm) = (g.mul(x, given.value), g.softplus(given.value));
            let norm = g.mul(n, norm);
            g.sub(taken, norm)
        } else {
            let yes = emit::x_ln_y(g, x, given.value);
            let no = emit::x_ln_complement(g, rest, given.value);
            g.add(yes, no)
        };
        let density = g.add(choose, kernel);
        let Some(upper) = g.as_const(n) else {
            let density = if checked {
                density
            } else {
                let too_many = g.binary(Binary::Lt, n, x);
                emit::impossible_where(g, too_many, density)
            };
            return Ok(emit::within(g, x, WIDEST, density));
        };
        Ok(emit::within(g, x, Support::Integers { lower: 0.0, upper }, density))
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(random::binomial(params.at(0), probability(params), uniforms))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0) * probability(params))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let p = probability(params);
        Some(params.at(0) * p * (1.0 - p))
    }
}

fn probability(params: &Params<f64>) -> f64 {
    let given = params.given(1).expect("required");
    if given.alternative == 1 { sigmoid(given.value) } else { given.value }
}
