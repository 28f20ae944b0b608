//! What is left of lgamma, digamma and trigamma without their leading terms, and of log1p without its
//! own: the parts that differences of gamma functions of large arguments are made of.
//!
//! ```text
//! ln Gamma(x) = (x - 1/2) ln x - x + ln(2 pi)/2 + lgamma_rest(x)
//! digamma(x)  = ln x - 1/(2x) + digamma_rest(x)
//! trigamma(x) = 1/x + 1/(2x^2) + trigamma_rest(x)
//! ```
//!
//! (NIST DLMF 5.11.1, 5.11.2, 5.15.8; the first is Binet's function.) Each is the derivative of the one above it,
//! smooth, and vanishes at infinity as 1/(12x), -1/(12x^2), 1/(6x^3). From 1 on one polynomial; below, by the
//! recurrence of the gamma function, computed only if a lane needs it.

use super::coefficients::{DIGAMMA_REST, LGAMMA_REST, LN, LN2, TRIGAMMA_REST};
use super::ln::ln_positive;
use super::polynomial;
use crate::simd::{LaneMask, Pack};

/// (x or x + 1, the one below 1; which those are; 1/(. + 3/4); the polynomials' argument).
#[inline(always)]
fn from_one<P: Pack>(x: P) -> (P::Mask, P, P) {
    let one = P::splat(1.0);
    let below = x.lt(one);
    let t = one / (P::select(below, x + one, x) + P::splat(0.75));
    (below, t, P::splat(3.5).mul_sub(t, one))
}

/// ln(1 + 1/x) for 1e-17 < x < 1.
#[inline(always)]
fn ln_step<P: Pack>(x: P) -> P {
    ln_positive((x + P::splat(1.0)) / x)
}

/// Below this x + 1 is 1, and (x + 1)/x is soon beyond the largest number.
const TINY: f64 = 1e-17;

/// ln Gamma(x) - (x - 1/2) ln x + x - ln(2 pi)/2 for x > 0.
///
/// Error below 3 ulp from 1 on, 40 below. inf at 0, 0 at inf, NaN below 0.
#[inline(always)]
pub fn lgamma_rest<P: Pack>(x: P) -> P {
    let (zero, half, one) = (P::splat(0.0), P::splat(0.5), P::splat(1.0));
    let (below, t, v) = from_one(x);
    let mut y = t * polynomial(v, &LGAMMA_REST);
    if below.any() {
        // The step from x + 1: (x + 1/2) ln(1 + 1/x) - 1.
        let tiny = x.lt(P::splat(TINY));
        let l = ln_positive(P::select(tiny, x, (x + one) / x));
        let step = y + (x + half).mul_sub(l, one);
        let at_zero = P::splat(-0.5).mul_add(l, P::splat(-HALF_LN_2PI));
        let small = P::select(tiny, at_zero, step);
        let small = P::select(x.eq(zero), P::splat(f64::INFINITY), small);
        let small = P::select(x.lt(zero), P::splat(f64::NAN), small);
        y = P::select(below, small, y);
    }
    y
}

/// ln(2 pi) / 2.
const HALF_LN_2PI: f64 = 0.918_938_533_204_672_7;

/// digamma(x) - ln x + 1/(2x) for x > 0: the derivative of [`lgamma_rest`].
///
/// Error below 3 ulp from 1 on, 24 below. -inf at 0, 0 at inf, NaN below 0.
#[inline(always)]
pub fn digamma_rest<P: Pack>(x: P) -> P {
    let (zero, half, one) = (P::splat(0.0), P::splat(0.5), P::splat(1.0));
    let (below, t, v) = from_one(x);
    let mut y = -(t * t * polynomial(v, &DIGAMMA_REST));
    if below.any() {
        // The step from x + 1: ln(1 + 1/x) - (x + 1/2) / (x (x + 1)); nearer to 0 than TINY it is -1/(2x).
        let tiny = x.lt(P::splat(TINY));
        let up = x + one;
        let l = ln_step(P::select(tiny, one, x));
        let step = y + (l - (x + half) / (x * up));
        let small = P::select(tiny, -half / x, step);
        let small = P::select(x.eq(zero), P::splat(f64::NEG_INFINITY), small);
        let small = P::select(x.lt(zero), P::splat(f64::NAN), small);
        y = P::select(below, small, y);
    }
    y
}

/// trigamma(x) - 1/x - 1/(2x^2) for x > 0: the derivative of [`digamma_rest`].
///
/// Error below 8 ulp. inf at 0, 0 at inf, NaN below 0.
#[inline(always)]
pub fn trigamma_rest<P: Pack>(x: P) -> P {
    let (zero, half, one) = (P::splat(0.0), P::splat(0.5), P::splat(1.0));
    let (below, t, v) = from_one(x);
    let mut y = t * t * t * polynomial(v, &TRIGAMMA_REST);
    if below.any() {
        // The step from x + 1: 1 / (2 x^2 (x + 1)^2).
        let r = one / (x * (x + one));
        let small = (half * r).mul_add(r, y);
        let small = P::select(x.lt(zero), P::splat(f64::NAN), small);
        y = P::select(below, small, y);
    }
    y
}

/// ln(1 + n/a) - n/(a + n) for n >= 0, a > 0: near (n/a)^2/2 where n is the smaller, not negative.
///
/// Error below 20 ulp, subnormal results aside. 0 where n is 0 or a is inf, inf at a = 0, NaN where both are 0
/// or a is negative.
#[inline(always)]
pub fn log1p_gap<P: Pack>(n: P, a: P) -> P {
    let (zero, one, inf) = (P::splat(0.0), P::splat(1.0), P::splat(f64::INFINITY));
    let u = n / a;
    let q = n / (a + n);
    let y = one + u;
    let (m, e) = y.split_sqrt2();
    let near = e.eq(zero);
    // ln(1 + f) = 2 atanh(s), s = f/(2 + f); n/(a + n) = 2s/(1 + s) where f = n/a.
    let f = P::select(near, u, m - one);
    let s = f / (P::splat(2.0) + f);
    let tail = s * s * polynomial(s * s, &LN);
    let by_series = s * (q + tail);
    let ln = s.mul_add(tail, s + s) + e * P::splat(LN2[1]);
    let far = e.mul_add(P::splat(LN2[0]), ln) - q;
    let mut gap = P::select(near, by_series, far);
    let beyond = y.eq(inf);
    if beyond.any() {
        // n/a is beyond the largest number.
        let by_parts = (ln_positive(n) - ln_positive(a)) - one;
        let by_parts = P::select(a.eq(zero), inf, by_parts);
        gap = P::select(beyond, by_parts, gap);
    }
    let outside = a.lt(zero).or(y.lt(zero)).or(y.is_nan());
    P::select(outside, P::splat(f64::NAN), gap)
}
