//! Student's t, and its absolute value as a prior for scales.

use std::f64::consts::{LN_2, PI};

use graph::log_tail::Law;
use numerics::incomplete::student_t::{implicit, ln_half_rising};

use crate::prelude::*;

#[derive(Debug)]
pub struct StudentT;

#[derive(Debug)]
pub struct HalfStudentT;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("df", Domain::Positive)]),
    Slot::required(&[Parameter::new("loc", Domain::Real)]),
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
];

const HALF_SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("df", Domain::Positive)]),
    Slot::required(&[Parameter::new("scale", Domain::Positive)]),
];

impl Distribution for StudentT {
    fn name(&self) -> &'static str {
        "student_t"
    }
    fn doc(&self) -> &'static str {
        "A bell curve with heavy tails: robust to outliers where df is small."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn location_scale(&self) -> Option<LocationScale> {
        Some(LocationScale { location: 1, scale: 2, log: false })
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
        Ok(log_density(g, x, params.at(0), params.at(1), params.at(2)))
    }

    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let z = emit::standardise(g, x, params.at(1), params.at(2));
        let minus = g.neg(z);
        let mut tail = |z| emit::log_tail(g, Law::StudentT, &[params.at(0), z]);
        Some(Tails { log_cdf: tail(z), log_survival: tail(minus) })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        let (df, scale) = (params.at(0), params.at(2));
        let z = (x - params.at(1)) / scale;
        Some(vec![scale * implicit(df, z), 1.0, z])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(params.at(1) + params.at(2) * standard(params.at(0), uniforms))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        (params.at(0) > 1.0).then(|| params.at(1))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        variance(params.at(0), params.at(2))
    }
}

impl Distribution for HalfStudentT {
    fn name(&self) -> &'static str {
        "half_student_t"
    }
    fn doc(&self) -> &'static str {
        "The absolute value of student_t(df, 0, scale): a prior for scales."
    }
    fn slots(&self) -> &'static [Slot] {
        HALF_SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::POSITIVE
    }

    /// ln 2 above Student's t.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let zero = g.constant(0.0);
        let whole = log_density(g, x, params.at(0), zero, params.at(1));
        let density = g.add_const(whole, LN_2);
        Ok(emit::within(g, x, Support::POSITIVE, density))
    }

    /// z^2 / (df + z^2) is a beta(1/2, df/2), of log odds 2 ln z - ln df (DLMF 8.17).
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let df = params.at(0);
        let z = g.div(x, params.at(1));
        let (ln_z, ln_df) = (g.ln(z), g.ln(df));
        let twice = g.scale(2.0, ln_z);
        let (w, minus) = (g.sub(twice, ln_df), g.sub(ln_df, twice));
        let (half, half_df) = (g.constant(0.5), g.scale(0.5, df));
        let log_cdf = emit::log_tail(g, Law::Beta, &[half, half_df, w]);
        Some(Tails { log_cdf, log_survival: emit::log_tail(g, Law::Beta, &[half_df, half, minus]) })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        let z = x / params.at(1);
        Some(vec![params.at(1) * implicit(params.at(0), z), z])
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(params.at(1) * standard(params.at(0), uniforms).abs())
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        let (df, scale) = (params.at(0), params.at(1));
        // E|T| = 2 sqrt(df) G((df+1)/2) / (sqrt(pi) G(df/2) (df-1))
        let ratio = ln_half_rising(0.5 * df).exp();
        (df > 1.0).then(|| 2.0 * scale * (df / PI).sqrt() * ratio / (df - 1.0))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let mean = self.mean(params)?;
        Some(variance(params.at(0), params.at(1))? - mean * mean)
    }
}

/// ln G((df+1)/2) - ln G(df/2) - ln(df pi)/2 - ln scale - (df+1)/2 ln(1 + z^2/df).
fn log_density(g: &mut Graph, x: NodeId, df: NodeId, loc: NodeId, scale: NodeId) -> NodeId {
    let half_df = g.scale(0.5, df);
    let half_more = g.add_const(half_df, 0.5);
    // Of the gamma functions and the root of df remains what tends to 0, less ln(2 pi) / 2.
    let half = g.constant(0.5);
    let ratio = emit::ln_rising_excess(g, half_df, half);
    let ln_scale = g.ln(scale);
    let taken = g.add_const(ln_scale, emit::HALF_LN_2PI);
    let norm = g.sub(ratio, taken);

    let z = emit::standardise(g, x, loc, scale);
    let z2 = g.square(z);
    let q = g.div(z2, df);
    let l = g.log1p(q);
    let kernel = g.mul(half_more, l);
    g.sub(norm, kernel)
}

/// A normal over the root of a chi-square by its df, the latter on the log scale: df near zero gives
/// huge numbers, not infinite ones.
fn standard(df: f64, uniforms: &mut Uniforms<'_>) -> f64 {
    let z = random::standard_normal(uniforms);
    let ln_ratio = (0.5 * df).ln() - random::ln_gamma(0.5 * df, uniforms);
    (z * (0.5 * ln_ratio).exp()).clamp(-f64::MAX, f64::MAX)
}

fn variance(df: f64, scale: f64) -> Option<f64> {
    if df > 2.0 { Some(scale * scale * df / (df - 2.0)) } else { (df > 1.0).then_some(f64::INFINITY) }
}
