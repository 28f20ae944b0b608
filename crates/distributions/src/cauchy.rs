//! Cauchy, and its absolute value as a prior for scales.

use std::f64::consts::PI;

use crate::prelude::*;

#[derive(Debug)]
pub struct Cauchy;

#[derive(Debug)]
pub struct HalfCauchy;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("loc", Domain::Real)]),
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
];

const HALF_SLOTS: &[Slot] = &[Slot::required(&[Parameter::new("scale", Domain::Positive)])];

impl Distribution for Cauchy {
    fn name(&self) -> &'static str {
        "cauchy"
    }
    fn doc(&self) -> &'static str {
        "Student's t with one degree of freedom: no mean, median loc."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn location_scale(&self) -> Option<LocationScale> {
        Some(LocationScale { location: 0, scale: 1, log: false })
    }
    fn widest_support(&self) -> Support {
        Support::REAL
    }

    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        Ok(log_density(g, x, params.at(0), params.at(1), -PI.ln()))
    }

    fn scalar_tails(&self, params: &Params<f64>, x: f64) -> Option<Tails<f64>> {
        let z = (x - params.at(0)) / params.at(1);
        Some(Tails { log_cdf: tail(-z), log_survival: tail(z) })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        Some(vec![1.0, (x - params.at(0)) / params.at(1)])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(params.at(0) + params.at(1) * (PI * (uniforms() - 0.5)).tan())
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}

impl Distribution for HalfCauchy {
    fn name(&self) -> &'static str {
        "half_cauchy"
    }
    fn doc(&self) -> &'static str {
        "The absolute value of cauchy(0, scale): a heavy-tailed prior for scales, median scale."
    }
    fn slots(&self) -> &'static [Slot] {
        HALF_SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::POSITIVE
    }

    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let zero = g.constant(0.0);
        let density = log_density(g, x, zero, params.at(0), (2.0 / PI).ln());
        Ok(emit::within(g, x, Support::POSITIVE, density))
    }

    fn scalar_tails(&self, params: &Params<f64>, x: f64) -> Option<Tails<f64>> {
        let z = x / params.at(0);
        // P(X <= x) = 2 atan(z) / pi; atan(z) + atan(1/z) = pi/2
        let ln = |angle: f64| (2.0 / PI * angle).ln();
        Some(Tails { log_cdf: ln(z.atan()), log_survival: ln(z.recip().atan()) })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        Some(vec![x / params.at(0)])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(params.at(0) * (0.5 * PI * uniforms()).tan())
    }

    /// Infinite.
    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}

/// constant - ln scale - ln(1 + z^2).
fn log_density(g: &mut Graph, x: NodeId, loc: NodeId, scale: NodeId, constant: f64) -> NodeId {
    let z = emit::standardise(g, x, loc, scale);
    let z2 = g.square(z);
    let kernel = g.log1p(z2);
    let ln_scale = g.ln(scale);
    let c = g.constant(constant);
    let norm = g.sub(c, ln_scale);
    g.sub(norm, kernel)
}

/// ln P(Z > z): atan(1/z)/pi in the upper half, where 1/2 - atan(z)/pi would lose digits.
fn tail(z: f64) -> f64 {
    if z > 1.0 { (z.recip().atan() / PI).ln() } else { (0.5 - z.atan() / PI).ln() }
}
