//! Hurdle: whether it is zero, and how much if not, told apart.

use graph::ir::Binary;

use crate::evaluate::log_prob_at;
use crate::extra_zeros;
use crate::prelude::*;
use crate::truncated::Truncated;

const NAME: &str = "hurdle";

/// Zero with probability z, else a number of the base that is not zero. The parameters are the base's and
/// `zero` or `zero_logit`.
///
/// Over a law with a density, such as a gamma, zero has a probability of its own
/// ([`Distribution::atom`]): it is a law for data.
#[derive(Clone, Debug)]
pub struct Hurdle {
    base: &'static dyn Distribution,
    slots: Vec<Slot>,
}

impl Hurdle {
    /// `base` behind a hurdle.
    ///
    /// # Errors
    /// A base that is not a proper law of counts from 0 or of positive numbers.
    pub fn new(base: &'static dyn Distribution) -> Result<Hurdle, DistributionError> {
        let (lower, _) = base.widest_support().range();
        if lower != 0.0 || !base.is_proper() || base.event() != Event::Scalar {
            return Err(refused(base, base.widest_support()));
        }
        Ok(Hurdle { base, slots: extra_zeros::slots(base) })
    }

    /// ln(1 - f(0)) of a law of counts.
    fn ln_above_zero(&self, own: &Params<f64>) -> Option<f64> {
        if !self.is_discrete() {
            return Some(0.0);
        }
        let at_zero = log_prob_at(self.base, own, &[0.0]).ok()?[0];
        Some(numerics::incomplete::ln_1m_exp(at_zero))
    }
}

pub(crate) fn refused(base: &dyn Distribution, support: Support) -> DistributionError {
    let expected = "a distribution of counts from 0 or of positive numbers";
    DistributionError::NotModifiable { modifier: NAME, distribution: base.name(), expected, support }
}

impl Distribution for Hurdle {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "Zero with probability zero, otherwise another distribution given that it is not zero."
    }
    fn slots(&self) -> &[Slot] {
        &self.slots
    }
    fn modifies(&self) -> Option<&'static dyn Distribution> {
        Some(self.base)
    }
    fn widest_support(&self) -> Support {
        self.base.widest_support()
    }

    /// The base's, which must reach down to 0 (that of a Pareto does not).
    fn support(&self, constants: &Params<Option<f64>>) -> Result<Support, DistributionError> {
        let support = self.base.support(&constants.split_last().0)?;
        let (lower, _) = support.range();
        if lower == 0.0 { Ok(support) } else { Err(refused(self.base, support)) }
    }

    fn observable(&self, support: Support, x: f64) -> bool {
        x == 0.0 || self.base.observable(support, x)
    }
    /// At 0 it does not ask the base.
    fn finite_outside(&self, _: usize, _: usize) -> bool {
        true
    }
    fn atom(&self) -> Option<f64> {
        (!self.is_discrete()).then_some(0.0)
    }
    fn check(&self, constants: &Params<Option<f64>>) -> Result<(), DistributionError> {
        extra_zeros::check(NAME, self.base, constants)
    }

    /// ln z at 0, ln(1 - z) + ln f(x) - ln(1 - f(0)) elsewhere; f(0) counts for laws of counts only.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (ln_zero, ln_rest, own) = extra_zeros::log_weights(g, params);
        let zero = g.constant(0.0);
        let is_zero = g.binary(Binary::Eq, x, zero);
        let positive = if self.is_discrete() {
            let at_zero = self.base.log_prob(g, &own, zero)?;
            let minus = g.neg(at_zero);
            let norm = emit::ln_1m_exp_neg(g, minus);
            let density = self.base.log_prob(g, &own, x)?;
            g.sub(density, norm)
        } else {
            // Not at 0, where a density and its gradient may be infinite.
            let inside = g.constant(0.5);
            let x = g.select(is_zero, inside, x);
            self.base.log_prob(g, &own, x)?
        };
        let positive = g.add(ln_rest, positive);
        Ok(g.select(is_zero, ln_zero, positive))
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let (zero, own) = extra_zeros::probability(params);
        if uniforms() < zero {
            return Ok(0.0);
        }
        if self.is_discrete() {
            return Truncated::new(self.base, 1.0, f64::INFINITY)?.sample(&own, uniforms);
        }
        self.base.sample(&own, uniforms)
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        let (zero, own) = extra_zeros::probability(params);
        Some((1.0 - zero) * self.base.mean(&own)? / self.ln_above_zero(&own)?.exp())
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let (zero, own) = extra_zeros::probability(params);
        let (mean, variance) = (self.base.mean(&own)?, self.base.variance(&own)?);
        let second = (1.0 - zero) * (variance + mean * mean) / self.ln_above_zero(&own)?.exp();
        Some(second - self.mean(params)?.powi(2))
    }
}
