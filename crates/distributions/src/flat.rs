//! Flat: constant density 1 on the line, a half-line or an interval; not normalised.

use crate::prelude::*;

#[derive(Debug)]
pub struct Flat;

const NAME: &str = "flat";

const SLOTS: &[Slot] = &[
    Slot::optional(&[Parameter::new("lower", Domain::Bound)]),
    Slot::optional(&[Parameter::new("upper", Domain::Bound)]),
];

impl Distribution for Flat {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "Density 1 everywhere, or between bounds; improper, never normalised."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::REAL
    }

    /// Needs constant bounds.
    fn support(&self, constants: &Params<Option<f64>>) -> Result<Support, DistributionError> {
        let bound = |k: usize, parameter, without: f64| match constants.given(k) {
            None => Ok(without),
            Some(given) => {
                given.value.ok_or(DistributionError::NeedsConstant { distribution: NAME, parameter })
            }
        };
        let lower = bound(0, "lower", f64::NEG_INFINITY)?;
        let upper = bound(1, "upper", f64::INFINITY)?;
        if lower < upper {
            Ok(Support::Interval { lower, upper })
        } else {
            Err(DistributionError::Bounds { distribution: NAME, lower, upper })
        }
    }

    fn is_proper(&self) -> bool {
        false
    }

    fn check(&self, constants: &Params<Option<f64>>) -> Result<(), DistributionError> {
        crate::distribution::check_domains(NAME, SLOTS, constants)?;
        match constants.iter().all(|(_, given)| given.value.is_some()) {
            true => self.support(constants).map(|_| ()),
            false => Ok(()),
        }
    }

    fn ends(&self) -> (Option<usize>, Option<usize>) {
        (Some(0), Some(1))
    }

    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let zero = g.constant(0.0);
        if let Ok(support) = self.support(&crate::distribution::constants(g, params)) {
            return Ok(emit::within(g, x, support, zero));
        }
        Ok(emit::between(g, x, self.bounds(params), zero))
    }

    fn sample(&self, _: &Params<f64>, _: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Err(DistributionError::NoDraws { distribution: NAME, why: "its density has no finite integral" })
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}
