//! Laplace: two exponentials back to back.

use std::f64::consts::LN_2;

use graph::ir::Binary;

use crate::prelude::*;

#[derive(Debug)]
pub struct Laplace;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("loc", Domain::Real)]),
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
];

impl Distribution for Laplace {
    fn name(&self) -> &'static str {
        "laplace"
    }
    fn doc(&self) -> &'static str {
        "Exponential on either side of loc, sd scale sqrt(2): robust, and sparse as a prior."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::REAL
    }

    /// -ln 2 - ln scale - |x - loc| / scale.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let z = emit::standardise(g, x, params.at(0), params.at(1));
        let distance = g.unary(Unary::Abs, z);
        let ln_scale = g.ln(params.at(1));
        let c = g.constant(-LN_2);
        let norm = g.sub(c, ln_scale);
        Ok(g.sub(norm, distance))
    }

    /// Beyond the distance a on its side lies e^-a / 2.
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let z = emit::standardise(g, x, params.at(0), params.at(1));
        let zero = g.constant(0.0);
        let left = g.binary(Binary::Lt, z, zero);
        // Not |z|, whose derivative at 0 is 0: the tails have none less than theirs there.
        let minus = g.neg(z);
        let minus = g.select(left, z, minus);
        let beyond = g.add_const(minus, -LN_2);
        let share = g.exp(beyond);
        let share = g.neg(share);
        let rest = g.log1p(share);
        Some(Tails { log_cdf: g.select(left, beyond, rest), log_survival: g.select(left, rest, beyond) })
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let u = uniforms();
        let z = if u < 0.5 { (2.0 * u).ln() } else { -(2.0 * (1.0 - u)).ln() };
        Ok(params.at(0) + params.at(1) * z)
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some(2.0 * params.at(1).powi(2))
    }
}
