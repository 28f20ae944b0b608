//! Categorical: one of several outcomes.

use graph::ir::{Binary, Kind};

use crate::prelude::*;

#[derive(Debug)]
pub struct Categorical;

const SLOTS: &[Slot] = &[Slot::required(&[
    // One below zero only shrinks the sum of the others.
    Parameter::new("p", Domain::Probabilities).shaped(Shape::Along).finite_outside(),
    Parameter::new("logit", Domain::Real).shaped(Shape::Along),
])];

impl Distribution for Categorical {
    fn name(&self) -> &'static str {
        "categorical"
    }
    fn doc(&self) -> &'static str {
        "One of several outcomes, with probabilities `p`, or in proportion to e^`logit`."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn event(&self) -> Event {
        Event::Outcome
    }
    fn widest_support(&self) -> Support {
        Support::Integers { lower: 1.0, upper: f64::INFINITY }
    }

    /// ln p_x - ln sum p, or logit_x - ln sum e^logit.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let given = params.given(0).expect("a required slot");
        let along = params.event()[0];
        let (weights, total) = match given.alternative {
            0 => {
                let total = g.sum(given.value, &[along]);
                (g.ln(given.value), g.ln(total))
            }
            _ => (given.value, g.logsumexp(given.value, &[along])),
        };
        let picked = pick(g, weights, x, along);
        Ok(g.sub(picked, total))
    }

    fn sample(&self, _: &Params<f64>, _: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Err(DistributionError::NoDraws { distribution: self.name(), why: "its parameter is a vector" })
    }
    fn sample_into(
        &self,
        params: &Params<&[f64]>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        let given = params.given(0).expect("a required slot");
        let weights = random::weights(given.value, given.alternative == 1);
        out[0] = 1.0 + random::pick(&weights, uniforms()) as f64;
        Ok(())
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}

/// The element of `values` along `along` that `x` is: a number that counts from 1, or an index into `along` or the
/// dimension whose twin (`k'` of `k`) that is.
pub fn pick(g: &mut Graph, values: NodeId, x: NodeId, along: DimId) -> NodeId {
    let count = |g: &mut Graph, d: DimId| {
        let first = g.iota(d);
        g.add_const(first, 1.0)
    };
    let mut x = x;
    if let Kind::Index(into) = g.ty(x).kind {
        let apart = !g.ty(x).dims.iter().any(|&d| g.ty(values).has(d));
        if apart && (into == along || !g.ty(values).has(into)) {
            let values = g.rename(values, &[(along, into)]);
            return g.gather(values, x);
        }
        let positions = count(g, into);
        x = g.gather(positions, x);
    }
    let steps = count(g, along);
    let (is_it, zero) = (g.binary(Binary::Eq, x, steps), g.constant(0.0));
    let only = g.select(is_it, values, zero);
    g.sum(only, &[along])
}
