//! Cauchy, and its absolute value as a prior for scales.

use std::f64::consts::PI;

use graph::ir::Binary;

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

    /// Beyond |z| on its side lies atan(1/|z|)/pi; around 0 that would be 1/0, and the sum of one half
    /// and atan(z)/pi keeps its digits.
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let z = emit::standardise(g, x, params.at(0), params.at(1));
        let share = |g: &mut Graph, x: NodeId| {
            let angle = g.unary(Unary::Atan, x);
            g.scale(1.0 / PI, angle)
        };
        let distance = g.unary(Unary::Abs, z);
        let inverse = g.recip(distance);
        let beyond = share(g, inverse);
        let (ln_beyond, minus) = (g.ln(beyond), g.neg(beyond));
        let rest = g.log1p(minus);
        let middle = share(g, z);
        let half = g.constant(0.5);
        let (below, above) = (g.add(half, middle), g.sub(half, middle));
        let (ln_below, ln_above) = (g.ln(below), g.ln(above));
        let (zero, one) = (g.constant(0.0), g.constant(1.0));
        let (left, near) = (g.binary(Binary::Lt, z, zero), g.binary(Binary::Lt, distance, one));
        let (far_below, far_above) = (g.select(left, ln_beyond, rest), g.select(left, rest, ln_beyond));
        Some(Tails {
            log_cdf: g.select(near, ln_below, far_below),
            log_survival: g.select(near, ln_above, far_above),
        })
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

    /// F = 2 atan(z) / pi and S = 2 atan(1/z) / pi.
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let z = g.div(x, params.at(0));
        let inverse = g.recip(z);
        let [below, above] = [z, inverse].map(|z| {
            let angle = g.unary(Unary::Atan, z);
            g.scale(2.0 / PI, angle)
        });
        let (log_cdf, log_survival) = emit::ln_of_parts(g, below, above);
        Some(Tails { log_cdf, log_survival })
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
