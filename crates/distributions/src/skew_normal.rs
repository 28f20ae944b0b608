//! Skew normal: a bell curve leaning to one side.

use std::f64::consts::{LN_2, PI};

use numerics::special::log_ndtr;

use crate::normal;
use crate::prelude::*;
use crate::quadrature::{ln_integral, log_add_exp, tails_from};

#[derive(Debug)]
pub struct SkewNormal;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("loc", Domain::Real)]),
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
    Slot::required(&[Parameter::new("shape", Domain::Real)]),
];

/// After A. Azzalini, A class of distributions which includes the normal ones, Scandinavian Journal of
/// Statistics 12 (1985).
impl Distribution for SkewNormal {
    fn name(&self) -> &'static str {
        "skew_normal"
    }
    fn doc(&self) -> &'static str {
        "A normal(loc, scale) leaning right where shape is positive, left where negative."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::REAL
    }

    /// ln 2 + ln phi(z) + ln Phi(shape z) - ln scale.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (loc, scale, shape) = (params.at(0), params.at(1), params.at(2));
        let density = normal::log_density(g, x, loc, scale);
        let z = emit::standardise(g, x, loc, scale);
        let lean = g.mul(shape, z);
        let side = g.unary(Unary::LogNdtr, lean);
        let side = g.add_const(side, LN_2);
        Ok(g.add(density, side))
    }

    /// Owen's function, by quadrature; the density turns sharply at 0 where shape is large.
    fn scalar_tails(&self, params: &Params<f64>, x: f64) -> Option<Tails<f64>> {
        let (z, shape) = ((x - params.at(0)) / params.at(1), params.at(2));
        // ln of the integral beyond z on the side of `sign`.
        let beyond = |sign: f64| {
            let start = sign * z;
            let f = |z: f64| LN_2 - emit::HALF_LN_2PI - 0.5 * z * z + log_ndtr(sign * shape * z);
            if start >= 0.0 {
                return ln_integral(f64::INFINITY, |t| f(start + t));
            }
            let near = ln_integral(-start, |t| f(-t));
            log_add_exp(near, ln_integral(f64::INFINITY, f))
        };
        Some(tails_from(z > shift(shape), || beyond(-1.0), || beyond(1.0)))
    }

    /// By shape -2 dT(z, shape)/dshape over the density, T Owen's function.
    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        let (scale, shape) = (params.at(1), params.at(2));
        let z = (x - params.at(0)) / scale;
        let log_ratio = -0.5 * (shape * z).powi(2) - emit::HALF_LN_2PI - log_ndtr(shape * z);
        Some(vec![1.0, z, scale * log_ratio.exp() / (1.0 + shape * shape)])
    }

    /// delta |u| + sqrt(1 - delta^2) v of two normals, delta = shape / sqrt(1 + shape^2).
    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let length = 1f64.hypot(params.at(2));
        let (u, v) = (random::standard_normal(uniforms).abs(), random::standard_normal(uniforms));
        Ok(params.at(0) + params.at(1) * (params.at(2) / length * u + v / length))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(0) + params.at(1) * shift(params.at(2)))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        Some(params.at(1).powi(2) * (1.0 - shift(params.at(2)).powi(2)))
    }
}

/// The mean of the standard law: delta sqrt(2 / pi).
fn shift(shape: f64) -> f64 {
    shape / 1f64.hypot(shape) * (2.0 / PI).sqrt()
}
