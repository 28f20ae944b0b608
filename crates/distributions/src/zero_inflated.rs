//! Zero inflation: counts that are zero for a reason of their own as well.

use graph::ir::Binary;

use crate::extra_zeros;
use crate::prelude::*;

const NAME: &str = "zero_inflated";

/// Zero with probability z, else a number of the base, which may be zero too. The parameters are the
/// base's and `zero` or `zero_logit`.
#[derive(Clone, Debug)]
pub struct ZeroInflated {
    base: &'static dyn Distribution,
    slots: Vec<Slot>,
}

impl ZeroInflated {
    /// `base` with more zeros.
    ///
    /// # Errors
    /// A base that is not a law of counts from 0.
    pub fn new(base: &'static dyn Distribution) -> Result<ZeroInflated, DistributionError> {
        if !extra_zeros::is_of_counts(base) {
            return Err(refused(base));
        }
        Ok(ZeroInflated { base, slots: extra_zeros::slots(base) })
    }
}

pub(crate) fn refused(base: &dyn Distribution) -> DistributionError {
    let (distribution, support) = (base.name(), base.widest_support());
    let expected = "a distribution of counts from 0";
    DistributionError::NotModifiable { modifier: NAME, distribution, expected, support }
}

impl Distribution for ZeroInflated {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "Another distribution of counts with more zeros: with probability zero a count is none of its own."
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
    fn support(&self, constants: &Params<Option<f64>>) -> Result<Support, DistributionError> {
        self.base.support(&constants.split_last().0)
    }
    fn observable(&self, support: Support, x: f64) -> bool {
        self.base.observable(support, x)
    }
    fn check(&self, constants: &Params<Option<f64>>) -> Result<(), DistributionError> {
        extra_zeros::check(NAME, self.base, constants)
    }

    /// ln(z + (1 - z) f(0)) at 0, ln(1 - z) + ln f(x) elsewhere.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (ln_zero, ln_rest, own) = extra_zeros::log_weights(g, params);
        let counted = self.base.log_prob(g, &own, x)?;
        let counted = g.add(ln_rest, counted);
        let either = emit::log_add_exp(g, ln_zero, counted);
        let zero = g.constant(0.0);
        let is_zero = g.binary(Binary::Eq, x, zero);
        Ok(g.select(is_zero, either, counted))
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let (zero, own) = extra_zeros::probability(params);
        if uniforms() < zero { Ok(0.0) } else { self.base.sample(&own, uniforms) }
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        let (zero, own) = extra_zeros::probability(params);
        Some((1.0 - zero) * self.base.mean(&own)?)
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let (zero, own) = extra_zeros::probability(params);
        let (mean, variance) = (self.base.mean(&own)?, self.base.variance(&own)?);
        Some((1.0 - zero) * (variance + zero * mean * mean))
    }
}
