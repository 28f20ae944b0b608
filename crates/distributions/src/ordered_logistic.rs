//! Ordered logistic: a rating, by where a latent logistic variable falls between cutpoints.

use graph::ir::{Binary, Reduction, Varies};

use crate::prelude::*;

#[derive(Debug)]
pub struct OrderedLogistic;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("eta", Domain::Real)]),
    Slot::required(&[Parameter::new("cutpoints", Domain::Ascending).shaped(Shape::Along)]),
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
        let cutpoints = g.expand(cutpoints, &[along]);
        let (zero, one) = (g.constant(0.0), g.constant(1.0));
        // The cutpoints at both ends of x's interval, each where there is one: a rating picks them, so
        // that a row costs two softplus for any number of ratings.
        let steps = g.iota(along);
        let (from_one, from_two) = (g.add_const(steps, 1.0), g.add_const(steps, 2.0));
        let (ends, starts) = (g.binary(Binary::Eq, x, from_one), g.binary(Binary::Eq, x, from_two));
        let picked = |g: &mut Graph, which: NodeId, values: NodeId| {
            let only = g.select(which, values, zero);
            g.sum(only, &[along])
        };
        let (upper, lower) = (picked(g, ends, cutpoints), picked(g, starts, cutpoints));
        let (to_lower, to_upper) = (g.sub(lower, eta), g.sub(eta, upper));
        let (fails_lower, fails_upper) = (g.softplus(to_lower), g.softplus(to_upper));
        let n = g.size(along);
        let (is_first, is_last) = (g.binary(Binary::Le, x, one), g.binary(Binary::Lt, n, x));
        let lower_term = g.select(is_first, zero, fails_lower);
        let upper_term = g.select(is_last, zero, fails_upper);
        // The width of an inner interval: from the cutpoint before, which the first has not.
        let before = g.shift(cutpoints, along, 1, 0.0);
        let is_lowest = g.binary(Binary::Lt, steps, one);
        let gap = g.sub(cutpoints, before);
        let gap = g.select(is_lowest, one, gap);
        let ln_width = emit::ln_1m_exp_neg(g, gap);
        let ln_width = g.select(is_lowest, zero, ln_width);
        let width = picked(g, ends, ln_width);
        let missed = g.add(lower_term, upper_term);
        let density = g.sub(width, missed);
        if g.varies(cutpoints) == Varies::Data {
            return Ok(density);
        }
        let least = g.reduce(Reduction::Min, gap, &[along]);
        let out = g.binary(Binary::Le, least, zero);
        Ok(emit::impossible_where(g, out, density))
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
