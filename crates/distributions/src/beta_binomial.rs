//! Beta-binomial: successes in n trials whose probability is a beta number.

use graph::ir::Binary;

use crate::prelude::*;

#[derive(Debug)]
pub struct BetaBinomial;

const NAME: &str = "beta_binomial";

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("n", Domain::Count)]),
    Slot::required(&[Parameter::new("a", Domain::Positive).finite_outside()]),
    Slot::required(&[Parameter::new("b", Domain::Positive).finite_outside()]),
];

const WIDEST: Support = Support::Integers { lower: 0.0, upper: f64::INFINITY };

impl Distribution for BetaBinomial {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "Successes in n trials whose probability is beta(a, b): more varied than a binomial."
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

    /// ln C(n, x) + ln B(x + a, n - x + b) - ln B(a, b), which is the binomial of p = a / (a + b) and what is left
    /// of three rising factorials: (a)_x (b)_(n - x) / (a + b)_n.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (n, a, b) = (params.at(0), params.at(1), params.at(2));
        let checked = g.as_const(n).is_some() || emit::checked_before(g, x, n);
        let rest = g.sub(n, x);
        let rest = if checked { rest } else { emit::not_negative(g, rest) };
        let choose = emit::ln_choose(g, n, x, rest);
        let together = g.add(a, b);
        let (ln_p, ln_q) = (emit::ln_share(g, a, b), emit::ln_share(g, b, a));
        let (yes, no) = (g.mul(x, ln_p), g.mul(rest, ln_q));
        let binomial = g.add(yes, no);
        let (yes, no) = (emit::ln_rising_excess(g, a, x), emit::ln_rising_excess(g, b, rest));
        let total = emit::ln_rising_excess(g, together, n);
        let excess = g.add(yes, no);
        let excess = g.sub(excess, total);
        let kernel = g.add(binomial, excess);
        let density = g.add(choose, kernel);
        if let Some(upper) = g.as_const(n) {
            return Ok(emit::within(g, x, Support::Integers { lower: 0.0, upper }, density));
        }
        let density = if checked {
            density
        } else {
            let too_many = g.binary(Binary::Lt, n, x);
            emit::impossible_where(g, too_many, density)
        };
        Ok(emit::within(g, x, WIDEST, density))
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let (ln_p, _) = random::ln_beta(params.at(1), params.at(2), uniforms);
        Ok(random::binomial(params.at(0), ln_p.exp(), uniforms))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        let (n, a, b) = (params.at(0), params.at(1), params.at(2));
        Some(n * a / (a + b))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let (n, a, b) = (params.at(0), params.at(1), params.at(2));
        let s = a + b;
        Some(n * a * b * (s + n) / (s * s * (s + 1.0)))
    }
}
