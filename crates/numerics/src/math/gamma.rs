//! lgamma, digamma and trigamma.
//!
//! Below 8, x = k + f with 0 <= f < 1 and one polynomial on [1, 2] (zeros factored out) is carried
//! over by the recurrence; from 8 on, the asymptotic series (NIST DLMF 5.11.1, 5.11.2, 5.15.8) with
//! fitted coefficients; below 0 the reflection (5.5.3, 5.5.4), computed only if a lane needs it.

use super::coefficients::{DIGAMMA, DIGAMMA_ROOT, DIGAMMA_TAIL, LGAMMA, PI_2_DD, STIRLING, TRIGAMMA_TAIL};
use super::ln::ln_positive;
use super::polynomial;
use super::trig::sin_cos_reduced;
use crate::simd::{LaneMask, Pack};
use std::f64::consts::PI;

/// Below this the recurrence, from it on the series.
const SERIES_FROM: f64 = 8.0;

/// sin and cos of pi r, r being x less its nearest integer (whose parity is dropped).
#[inline(always)]
fn sin_cos_pi_fraction<P: Pack>(x: P) -> (P, P) {
    let r = x - x.round(); // exact
    // By half angles: the kernel serves to pi/4.
    let (t, error) = r.two_prod(P::splat(PI_2_DD[0]));
    let (s, c) = sin_cos_reduced(t, r.mul_add(P::splat(PI_2_DD[1]), error));
    let two_s = s + s;
    (two_s * c, two_s.neg_mul_add(s, P::splat(1.0)))
}

/// ln |Gamma(x)|.
///
/// For x > 0: error below 4 ulp, relative also beside the zeros at 1 and 2. For x < 0 (audited to -1e5): below
/// 24 ulp of max(1, |result|), absolute near the zeros between the poles. inf at 0, negative integers
/// and both infinities, NaN gives NaN.
#[inline(always)]
pub fn lgamma<P: Pack>(x: P) -> P {
    let (zero, half, one) = (P::splat(0.0), P::splat(0.5), P::splat(1.0));
    let negative = x.lt(zero);
    let a = P::select(negative, one - x, x);
    let small = a.lt(P::splat(SERIES_FROM));
    let k = a.floor();
    let f = a - k;
    let core = polynomial(f - half, &LGAMMA) * (f * (f - one));
    // Gamma(k + f) = Gamma(1 + f) (1 + f) .. (k - 1 + f)
    let mut product = one;
    for i in 1..=6 {
        let i = P::splat(f64::from(i));
        product = product * P::select(k.gt(i), f + i, one);
    }
    let below_one = a.lt(one);
    let l = ln_positive(P::select(small.and(below_one.not()), product, a));
    let by_recurrence = core + P::select(below_one, -l, l);
    let inverse = one / a;
    let correction = inverse * polynomial(inverse * inverse, &STIRLING);
    // (ln(2 pi) - 1) / 2
    let constant = P::splat(0.4189385332046727);
    let by_series = (a - half).mul_add(l - one, constant + correction);
    let mut y = P::select(small, by_recurrence, by_series);
    let pole = x.eq(zero).or(x.abs().eq(P::splat(f64::INFINITY)));
    if negative.any() {
        // |Gamma(x) Gamma(1 - x) sin(pi x)| = pi
        let (s, _) = sin_cos_pi_fraction(x);
        let s = s.abs();
        let reflected = (P::splat(PI.ln()) - ln_positive(s)) - y;
        let reflected = P::select(s.eq(zero), P::splat(f64::INFINITY), reflected);
        // Beside 0 it is -ln |x|, also where pi x would lose digits to underflow.
        let reflected = P::select(x.gt(P::splat(-1e-17)), -ln_positive(-x), reflected);
        y = P::select(negative, reflected, y);
    }
    P::select(pole, P::splat(f64::INFINITY), y)
}

/// Derivative of ln Gamma(x).
///
/// For x > 0: error below 6 ulp, relative also beside the zero at 1.4616. For x < 0 (audited to -1e5): below
/// 24 ulp of max(1, |result|), absolute near the zeros between the poles. -inf at 0, inf at -0, NaN at
/// negative integers and -inf, inf at inf.
#[inline(always)]
pub fn digamma<P: Pack>(x: P) -> P {
    let (zero, half, one) = (P::splat(0.0), P::splat(0.5), P::splat(1.0));
    let negative = x.lt(zero);
    let a = P::select(negative, one - x, x);
    let small = a.lt(P::splat(SERIES_FROM));
    let k = a.floor();
    let f = a - k;
    let from_root = (f - P::splat(DIGAMMA_ROOT[0])) - P::splat(DIGAMMA_ROOT[1]);
    let core = from_root * polynomial(f - half, &DIGAMMA);
    // 1/(1 + f) + .. + 1/(k - 1 + f) as one fraction; below 1 it is -1/x.
    let below_one = a.lt(one);
    let mut top = P::select(below_one, -one, zero);
    let mut bottom = P::select(below_one, a, one);
    for i in 1..=6 {
        let i = P::splat(f64::from(i));
        let (q, counts) = (f + i, k.gt(i));
        top = P::select(counts, top.mul_add(q, bottom), top);
        bottom = P::select(counts, bottom * q, bottom);
    }
    let inverse = one / P::select(small, bottom, a);
    let by_recurrence = top.mul_add(inverse, core);
    let z = inverse * inverse;
    let by_series = ln_positive(a) - z.mul_add(polynomial(z, &DIGAMMA_TAIL), half * inverse);
    let mut y = P::select(small, by_recurrence, by_series);
    y = P::select(a.eq(P::splat(f64::INFINITY)), a, y);
    if negative.any() {
        // psi(x) = psi(1 - x) - pi / tan(pi x)
        let (s, c) = sin_cos_pi_fraction(x);
        let reflected = y - P::splat(PI) * c / s;
        let reflected = P::select(s.eq(zero), P::splat(f64::NAN), reflected);
        y = P::select(negative, reflected, y);
    }
    y
}

/// Second derivative of ln Gamma(x).
///
/// For x > 0: relative error below 4 ulp; for x < 0 (audited to -1e5) below 6 ulp. inf at 0 and negative integers, 0 at inf, NaN at -inf
/// and NaN.
#[inline(always)]
pub fn trigamma<P: Pack>(x: P) -> P {
    let (zero, half, one) = (P::splat(0.0), P::splat(0.5), P::splat(1.0));
    let negative = x.lt(zero);
    let a = P::select(negative, one - x, x);
    let small = a.lt(P::splat(SERIES_FROM));
    // 1/(a + 1)^2 + .. + 1/(a + 7)^2 as one fraction: sums of squares, no cancellation.
    let shifted = P::splat(SERIES_FROM) + P::select(small, a, zero);
    let mut top = zero;
    let mut bottom = one;
    for i in 1..=7 {
        let q = a + P::splat(f64::from(i));
        let q = P::select(small, q * q, one);
        top = top.mul_add(q, bottom);
        bottom = bottom * q;
    }
    let inverse = one / (bottom * shifted);
    let sum = top * (inverse * shifted);
    let r = one / a;
    let i = P::select(small, inverse * bottom, r);
    let z = i * i;
    let series = (z * i).mul_add(polynomial(z, &TRIGAMMA_TAIL), half.mul_add(z, i));
    let mut y = P::select(small, r.mul_add(r, sum + series), series);
    if negative.any() {
        // trigamma(x) = pi^2 / sin(pi x)^2 - trigamma(1 - x)
        let (s, _) = sin_cos_pi_fraction(x);
        let ratio = P::splat(PI) / s;
        let reflected = ratio.mul_sub(ratio, y);
        let reflected = P::select(s.eq(zero), P::splat(f64::INFINITY), reflected);
        let reflected = P::select(x.eq(P::splat(f64::NEG_INFINITY)), P::splat(f64::NAN), reflected);
        y = P::select(negative, reflected, y);
    }
    y
}
