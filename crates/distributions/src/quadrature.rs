//! Tails as numbers where there is no closed form: integrals of a density, on the log scale.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::distribution::Tails;
use numerics::incomplete::ln_1m_exp;

/// ln of the integral of e^f(t) over t from 0 to `length`, which may be infinite.
///
/// Points cluster doubly exponentially at 0, so that a peak or an edge there is met at any scale; one
/// elsewhere must be as wide as its distance from 0, or nearly. About 1e-14 relative, less where the
/// integrand is narrower than 1e-4 of an interval, or than 1e-5 on the half-line.
///
/// Source: H. Takahasi and M. Mori, Double exponential formulas for numerical integration, Publications of
/// RIMS 9 (1974): tanh-sinh for an interval, exp-sinh for a half-line.
pub fn ln_integral(length: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (points, scale) = if length.is_finite() { (&*INTERVAL, length) } else { (&*HALF_LINE, 1.0) };
    let terms: Vec<f64> = points.iter().map(|&(t, ln_weight)| f(scale * t) + ln_weight).collect();
    let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    let sum: f64 = terms.iter().map(|l| (l - most).exp()).sum();
    most + scale.ln() + sum.ln()
}

/// Steps in a unit of s.
const STEPS: i32 = 64;

/// t = sigmoid(pi sinh s) and ln of dt, s equidistant.
static INTERVAL: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| {
    points(|s| {
        let u = PI * s.sinh();
        let (ln_left, ln_right) = (-ln_1p_exp(-u), -ln_1p_exp(u));
        (ln_left.exp(), ln_left + ln_right + (PI * s.cosh()).ln())
    })
});

/// t = exp(pi/2 sinh s).
static HALF_LINE: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| {
    points(|s| {
        let u = 0.5 * PI * s.sinh();
        (u.exp(), u + (0.5 * PI * s.cosh()).ln())
    })
});

fn points(of: impl Fn(f64) -> (f64, f64)) -> Vec<(f64, f64)> {
    let ln_step = -f64::from(STEPS).ln();
    let s = (-4 * STEPS..=4 * STEPS).map(|k| f64::from(k) / f64::from(STEPS));
    s.map(of).map(|(t, ln_slope)| (t, ln_slope + ln_step)).collect()
}

/// Both tails from ln of what lies below, or above: of the side likely smaller first, of the other only if it
/// is not.
pub fn tails_from(above_first: bool, below: impl FnOnce() -> f64, above: impl FnOnce() -> f64) -> Tails<f64> {
    let of_below = |log_cdf: f64| Tails { log_cdf, log_survival: ln_1m_exp(log_cdf.min(0.0)) };
    let of_above = |log_survival: f64| Tails { log_cdf: ln_1m_exp(log_survival.min(0.0)), log_survival };
    // Up to here one less it keeps its digits.
    let small = |l: f64| l < -0.3;
    if above_first {
        let found = above();
        if small(found) { of_above(found) } else { of_below(below()) }
    } else {
        let found = below();
        if small(found) { of_below(found) } else { of_above(above()) }
    }
}

/// ln(e^a + e^b).
pub fn log_add_exp(a: f64, b: f64) -> f64 {
    let most = a.max(b);
    if most == f64::NEG_INFINITY { most } else { most + (-(a - b).abs()).exp().ln_1p() }
}

fn ln_1p_exp(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
