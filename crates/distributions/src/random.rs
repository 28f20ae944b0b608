//! Exact samplers that several distributions are made of.

use numerics::random::{Counter, Key};
use numerics::special;

use crate::distribution::Uniforms;

/// The uniform numbers of one draw: the attempts of a keyed counter, so that a draw depends on what
/// it is for and never on its neighbours.
pub fn stream(key: Key, at: Counter) -> impl FnMut() -> f64 {
    let mut at = at;
    move || {
        let u = key.uniform(at);
        at.attempt += 1;
        u
    }
}

/// One standard normal number, by the inverse of its cdf.
pub fn standard_normal(uniforms: &mut Uniforms<'_>) -> f64 {
    special::ndtri(uniforms())
}

/// The logarithm of a gamma(shape, 1) number: a shape near zero gives numbers below the smallest
/// f64.
///
/// Source: G. Marsaglia and W. W. Tsang, A simple method for generating gamma variables, ACM TOMS 26
/// (2000); below shape 1 their boost x = y u^(1/shape), y from shape + 1, on the log scale.
pub fn ln_gamma(shape: f64, uniforms: &mut Uniforms<'_>) -> f64 {
    if shape < 1.0 {
        let boost = uniforms().ln() / shape;
        return ln_gamma(shape + 1.0, uniforms) + boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = standard_normal(uniforms);
        let t = 1.0 + c * z;
        if t <= 0.0 {
            continue;
        }
        let v = t * t * t;
        if uniforms().ln() < 0.5 * z * z + d - d * v + d * v.ln() {
            return d.ln() + v.ln();
        }
    }
}

/// A beta(a, b) number x as (ln x, ln(1 - x)): one of two gammas in their sum.
pub fn ln_beta(a: f64, b: f64, uniforms: &mut Uniforms<'_>) -> (f64, f64) {
    let (x, y) = (ln_gamma(a, uniforms), ln_gamma(b, uniforms));
    let total = x.max(y) + (-(x - y).abs()).exp().ln_1p();
    (x - total, y - total)
}

/// Successes in n trials. Halves n by the median order statistic, a beta number, until few trials
/// are left: exact, and quick for any n.
///
/// Source: J. H. Ahrens and U. Dieter, Computer methods for sampling from gamma, beta, Poisson and
/// binomial distributions, Computing 12 (1974).
pub fn binomial(n: f64, p: f64, uniforms: &mut Uniforms<'_>) -> f64 {
    let (mut n, mut p, mut successes) = (n, p, 0.0);
    while n > 16.0 && p > 0.0 && p < 1.0 {
        let a = 1.0 + (n / 2.0).floor();
        let b = n + 1.0 - a;
        let (ln_x, ln_y) = ln_beta(a, b, uniforms);
        let (x, y) = (ln_x.exp(), ln_y.exp());
        if x >= p {
            n = a - 1.0;
            p /= x;
        } else {
            successes += a;
            n = b - 1.0;
            p = (p - x) / y;
        }
    }
    while n > 0.0 {
        successes += f64::from(uniforms() < p);
        n -= 1.0;
    }
    successes
}

/// Events at a rate: gamma waiting times jump ahead, binomials fill in, products of uniforms end it.
///
/// Source: as [`binomial`].
pub fn poisson(rate: f64, uniforms: &mut Uniforms<'_>) -> f64 {
    let (mut rate, mut events) = (rate, 0.0);
    while rate > 16.0 {
        let jump = (rate * 7.0 / 8.0).floor();
        let waited = ln_gamma(jump, uniforms).exp();
        if waited >= rate {
            return events + binomial(jump - 1.0, rate / waited, uniforms);
        }
        events += jump;
        rate -= waited;
    }
    let (end, mut product) = ((-rate).exp(), uniforms());
    while product > end {
        product *= uniforms();
        events += 1.0;
    }
    events
}

/// Weights in proportion to probabilities, of themselves or their logarithms.
pub fn weights(given: &[f64], logarithms: bool) -> Vec<f64> {
    if !logarithms {
        return given.to_vec();
    }
    let top = given.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    given.iter().map(|l| (l - top).exp()).collect()
}

/// The position among `weights`, which need not sum to one, where the uniform number `u` falls.
pub fn pick(weights: &[f64], u: f64) -> usize {
    let mut left = u * weights.iter().sum::<f64>();
    for (k, w) in weights.iter().enumerate() {
        left -= w;
        if left < 0.0 {
            return k;
        }
    }
    // Rounding left a last crumb: the last that can be.
    weights.iter().rposition(|w| *w > 0.0).unwrap_or(0)
}

/// Keeps a positive number that underflowed above zero, and one that overflowed finite.
pub fn positive(x: f64) -> f64 {
    x.clamp(f64::MIN_POSITIVE, f64::MAX)
}
