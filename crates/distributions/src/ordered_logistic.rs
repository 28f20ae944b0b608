//! Ordered logistic: a rating, by where a latent logistic variable falls between cutpoints.

use graph::ir::Binary;

use crate::prelude::*;

#[derive(Debug)]
pub struct OrderedLogistic;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("eta", Domain::Real)]),
    Slot::required(&[Parameter::new("cutpoints", Domain::Real).shaped(Shape::Along)]),
];

impl Distribution for OrderedLogistic {
    fn name(&self) -> &'static str {
        "ordered_logistic"
    }
    fn doc(&self) -> &'static str {
        "A rating from 1: how many ascending cutpoints lie below eta plus a logistic error, and one."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn event(&self) -> Event {
        Event::Outcome
    }
    fn outcomes(&self, n: usize) -> usize {
        n + 1
    }
    fn widest_support(&self) -> Support {
        Support::Integers { lower: 1.0, upper: f64::INFINITY }
    }

    /// ln(sigmoid(eta - c_(x-1)) - sigmoid(eta - c_x)), with c_0 = -inf and c_K = inf: of two
    /// cutpoints ln(1 - e^-(c_x - c_(x-1))) - softplus(c_(x-1) - eta) - softplus(eta - c_x), which
    /// cancels nowhere. Cutpoints that do not ascend have no density.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (eta, cutpoints, along) = (params.at(0), params.at(1), params.event()[0]);
        let zero = g.constant(0.0);
        // Both ends of x's interval, each where there is one.
        let steps = g.iota(along);
        let below = g.add_const(steps, 2.0);
        let above = g.add_const(steps, 1.0);
        let (is_below, is_above) = (g.binary(Binary::Eq, x, below), g.binary(Binary::Eq, x, above));
        let to_lower = g.sub(cutpoints, eta);
        let to_upper = g.neg(to_lower);
        let (fails_lower, fails_upper) = (g.softplus(to_lower), g.softplus(to_upper));
        let lower_term = g.select(is_below, fails_lower, zero);
        let upper_term = g.select(is_above, fails_upper, zero);
        let both = g.add(lower_term, upper_term);
        let missed = g.sum(both, &[along]);
        // The width of an inner interval: the cutpoint before each, itself where there is none.
        let before = g.shift(cutpoints, along, 1, 0.0);
        let one = g.constant(1.0);
        let is_first = g.binary(Binary::Lt, steps, one);
        let gap = g.sub(cutpoints, before);
        let gap = g.select(is_first, one, gap);
        let ln_width = emit::ln_1m_exp_neg(g, gap);
        let inner = g.unary(Unary::Not, is_first);
        let is_inner = g.mul(is_above, inner);
        let width = g.select(is_inner, ln_width, zero);
        let width = g.sum(width, &[along]);
        Ok(g.sub(width, missed))
    }

    fn sample(&self, _: &Params<f64>, _: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Err(DistributionError::NoDraws { distribution: self.name(), why: "its cutpoints are a vector" })
    }
    fn sample_into(
        &self,
        params: &Params<&[f64]>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        let u = uniforms();
        let at = params.at(0)[0] + (u / (1.0 - u)).ln();
        out[0] = 1.0 + params.at(1).iter().filter(|c| **c < at).count() as f64;
        Ok(())
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}
