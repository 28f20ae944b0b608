//! Uniform on an interval.

use crate::prelude::*;

#[derive(Debug)]
pub struct Uniform;

const NAME: &str = "uniform";

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("lower", Domain::Real)]),
    Slot::required(&[Parameter::new("upper", Domain::Real)]),
];

impl Distribution for Uniform {
    fn name(&self) -> &'static str {
        NAME
    }
    fn doc(&self) -> &'static str {
        "Equally likely anywhere between two bounds."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::REAL
    }

    /// Needs constant bounds.
    fn support(&self, constants: &Params<Option<f64>>) -> Result<Support, DistributionError> {
        let bound = |k: usize, parameter| {
            constants.at(k).ok_or(DistributionError::NeedsConstant { distribution: NAME, parameter })
        };
        let (lower, upper) = (bound(0, "lower")?, bound(1, "upper")?);
        if lower < upper {
            Ok(Support::Interval { lower, upper })
        } else {
            Err(DistributionError::Bounds { distribution: NAME, lower, upper })
        }
    }

    fn check(&self, constants: &Params<Option<f64>>) -> Result<(), DistributionError> {
        crate::distribution::check_domains(NAME, SLOTS, constants)?;
        match constants.all() {
            Some(_) => self.support(constants).map(|_| ()),
            None => Ok(()),
        }
    }

    fn ends(&self) -> (Option<usize>, Option<usize>) {
        (Some(0), Some(1))
    }

    /// -ln(upper - lower). Bounds that depend on latents are compared with data too.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (lower, upper) = (params.at(0), params.at(1));
        let width = g.sub(upper, lower);
        let ln_width = g.ln(width);
        let density = g.neg(ln_width);
        if let (Some(lower), Some(upper)) = (g.as_const(lower), g.as_const(upper)) {
            return Ok(emit::within(g, x, Support::Interval { lower, upper }, density));
        }
        Ok(emit::between(g, x, (Some(lower), Some(upper)), density))
    }

    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let (lower, upper) = (params.at(0), params.at(1));
        let width = g.sub(upper, lower);
        let (left, right) = (g.sub(x, lower), g.sub(upper, x));
        let (left, right) = (g.div(left, width), g.div(right, width));
        let (log_cdf, log_survival) = emit::ln_of_parts(g, left, right);
        Some(Tails { log_cdf, log_survival })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        let (lower, upper) = (params.at(0), params.at(1));
        let width = upper - lower;
        Some(vec![(upper - x) / width, (x - lower) / width])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let (lower, upper) = (params.at(0), params.at(1));
        Ok((lower + (upper - lower) * uniforms()).clamp(lower, upper))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(0.5 * (params.at(0) + params.at(1)))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some((params.at(1) - params.at(0)).powi(2) / 12.0)
    }
}
