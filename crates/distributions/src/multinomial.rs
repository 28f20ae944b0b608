//! Multinomial: how often each of several outcomes came in n trials.

use graph::ir::{Binary, Reduction};

use crate::prelude::*;

#[derive(Debug)]
pub struct Multinomial;

const NAME: &str = "multinomial";

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("n", Domain::Count)]),
    Slot::required(&[
        Parameter::new("p", Domain::Probabilities).shaped(Shape::Elementwise).finite_outside(),
        Parameter::new("logit", Domain::Real).shaped(Shape::Elementwise),
    ]),
];

const COUNTS: Support = Support::Integers { lower: 0.0, upper: f64::INFINITY };

impl Distribution for Multinomial {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "Counts of outcomes in n trials, with probabilities `p`, or in proportion to e^`logit`."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn event(&self) -> Event {
        Event::Vector
    }
    fn widest_support(&self) -> Support {
        COUNTS
    }

    /// Whole numbers that sum to n, if it is known.
    fn observable_value(&self, params: &Params<Option<&[f64]>>, x: &[f64]) -> bool {
        let n = params.at(0).map(|n| n[0]);
        x.iter().all(|&x| COUNTS.contains(x) && x.is_finite()) && n.is_none_or(|n| x.iter().sum::<f64>() == n)
    }

    /// ln n! - sum ln x! + sum x ln p - n ln sum p, 0 ln 0 = 0; by logits sum x l - n ln sum e^l.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (n, given, along) = (params.at(0), params.given(1).expect("required"), [params.event()[0]]);
        let (all, taken) = (emit::ln_factorial(g, n), emit::ln_factorial(g, x));
        let taken = g.sum(taken, &along);
        let ways = g.sub(all, taken);
        let (kernel, total) = if given.alternative == 0 {
            let total = g.sum(given.value, &along);
            (emit::x_ln_y(g, x, given.value), g.ln(total))
        } else {
            // One number for all is none: it must be summed as often as there are outcomes.
            let logit = g.expand(given.value, &along);
            (g.mul(x, given.value), g.logsumexp(logit, &along))
        };
        let kernel = g.sum(kernel, &along);
        let norm = g.mul(n, total);
        let kernel = g.sub(kernel, norm);
        let density = g.add(ways, kernel);
        if emit::checked_before(g, x, n) {
            return Ok(density);
        }
        let sum = g.sum(x, &along);
        let whole = g.unary(Unary::Floor, x);
        let (zero, least) = (g.constant(0.0), g.reduce(Reduction::Min, x, &along));
        let (is_whole, is_sum) = (g.binary(Binary::Eq, whole, x), g.binary(Binary::Eq, sum, n));
        let all_whole = g.reduce(Reduction::Min, is_whole, &along);
        let not_negative = g.binary(Binary::Le, zero, least);
        let good = [all_whole, is_sum, not_negative];
        Ok(good.into_iter().fold(density, |density, good| {
            let out = g.unary(Unary::Not, good);
            emit::impossible_where(g, out, density)
        }))
    }

    fn sample(&self, _: &Params<f64>, _: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Err(DistributionError::NoDraws { distribution: NAME, why: "a value is a vector" })
    }
    /// One binomial number an outcome, of the trials that are left.
    fn sample_into(
        &self,
        params: &Params<&[f64]>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        let (mut trials, given) = (params.at(0)[0], params.given(1).expect("required"));
        let mut weights = random::weights(given.value, given.alternative == 1);
        weights.resize(out.len(), weights[0]);
        for (k, x) in out.iter_mut().enumerate() {
            let rest: f64 = weights[k..].iter().sum();
            // What is left of the trials falls to the last that can be.
            let p = if rest > 0.0 { weights[k] / rest } else { 0.0 };
            *x = random::binomial(trials, p.min(1.0), uniforms);
            trials -= *x;
        }
        Ok(())
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}
