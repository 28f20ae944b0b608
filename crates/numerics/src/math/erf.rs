//! The error function's family and the tails of the standard normal.

use super::coefficients::{ERF, ERFCX};
use super::exp::{exp, exp_parts};
use super::ln::{ln, ln_sum};
use super::polynomial;
use crate::simd::Pack;
use std::f64::consts::FRAC_1_SQRT_2;

/// erfcx(a) = e^(a^2) erfc(a) for a >= 0: a polynomial in (2a - 7)/(2a + 7) over 1 + 9a/8, after
/// M. M. Shepherd and J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x, 1981.
#[inline(always)]
fn erfcx_positive<P: Pack>(a: P) -> P {
    let k = P::splat(3.5);
    let bounded = P::splat(1e18).min(a); // inf / inf is no number
    let t = (bounded - k) / (bounded + k);
    polynomial(t, &ERFCX) / a.mul_add(P::splat(1.125), P::splat(1.0))
}

/// e^(-a^2) as (p, n), p 2^n, with the rounding error of a^2 made good; 0 <= a <= 32.
#[inline(always)]
fn exp_minus_square<P: Pack>(a: P) -> (P, P) {
    let (square, error) = a.two_prod(a);
    exp_parts(-square, -error)
}

/// Error function.
///
/// Error below 2.5 ulp, also near 0. `erf(+-0) = +-0`, `erf(+-inf) = +-1`, NaN gives NaN.
#[inline(always)]
pub fn erf<P: Pack>(x: P) -> P {
    let one = P::splat(1.0);
    let a = P::splat(6.5).min(x.abs());
    let square = a * a;
    let near = a * polynomial(square, &ERF);
    let far = exp(-square).neg_mul_add(erfcx_positive(a), one);
    P::select(a.lt(one), near, far).copysign(x)
}

/// 1 - erf(x), with small relative error in the far tail too.
///
/// Error below 4 ulp. 2 at -inf, 0 at inf (from 27.23 on), subnormal between 26.55 and there; NaN
/// gives NaN.
#[inline(always)]
pub fn erfc<P: Pack>(x: P) -> P {
    let a = P::splat(28.0).min(x.abs());
    let (p, n) = exp_minus_square(a);
    let tail = (p * erfcx_positive(a)).ldexp(n);
    P::select(x.lt(P::splat(0.0)), P::splat(2.0) - tail, tail)
}

/// e^(x^2) erfc(x): erfc without its underflow.
///
/// Error below 4 ulp. 0 at inf, inf below -26.63, NaN gives NaN.
#[inline(always)]
pub fn erfcx<P: Pack>(x: P) -> P {
    let right = erfcx_positive(x.abs());
    let a = P::splat(28.0).min(x.abs());
    let (square, error) = a.two_prod(a);
    let (p, n) = exp_parts(square, error);
    let left = (p + p).ldexp(n) - right;
    P::select(x.lt(P::splat(0.0)), left, right)
}

/// (Q(a), e^(-a^2/2), erfcx(a/sqrt 2)) for a >= 0.
#[inline(always)]
fn normal_tail<P: Pack>(a: P) -> (P, P, P) {
    let bounded = P::splat(40.0).min(a); // beyond it both are 0
    let half = P::splat(0.5);
    let (square, error) = bounded.two_prod(bounded);
    let (p, n) = exp_parts(-(half * square), -(half * error));
    let w = erfcx_positive(a * P::splat(FRAC_1_SQRT_2));
    ((half * p * w).ldexp(n), p.ldexp(n), w)
}

/// Cumulative distribution function of the standard normal.
///
/// Relative error below 4 ulp in the far lower tail too. 0 at -inf (from -38.5 on), 1 at inf, NaN
/// gives NaN.
#[inline(always)]
pub fn ndtr<P: Pack>(x: P) -> P {
    let (tail, ..) = normal_tail(x.abs());
    P::select(x.gt(P::splat(0.0)), P::splat(1.0) - tail, tail)
}

/// Logarithm of the standard normal's cumulative distribution function.
///
/// Relative error below 4.5 ulp in both tails. -inf at -inf, 0 at inf, NaN gives NaN.
#[inline(always)]
pub fn log_ndtr<P: Pack>(x: P) -> P {
    ln_q_hazard(-x).0
}

/// (ln Q(x), hazard phi(x) / Q(x)) of the standard normal, Q the upper tail.
///
/// The hazard is the derivative of -ln Q. Relative errors below 4.5 ulp over the whole line,
/// far tails included (to the overflow of x^2/2, where ln Q is -inf). (0, 0) at -inf, (-inf, inf) at inf,
/// NaN gives NaN.
#[inline(always)]
pub fn ln_q_hazard<P: Pack>(x: P) -> (P, P) {
    let (zero, half, one) = (P::splat(0.0), P::splat(0.5), P::splat(1.0));
    let (tail, g, w) = normal_tail(x.abs());
    let lower = x.lt(zero);
    // Below 0: ln(1 - tail). Above: -x^2/2 + ln(w/2). One logarithm serves both.
    let (m, e) = (half * w).split_sqrt2();
    let far = tail.gt(P::splat(1.0 - FRAC_1_SQRT_2));
    let f_lower = P::select(far, tail.neg_mul_add(P::splat(2.0), one), -tail);
    let e_lower = P::select(far, -one, zero);
    let f = P::select(lower, f_lower, m - one);
    let e = P::select(lower, e_lower, e);
    let square = P::select(lower, zero, half * x * x);
    let ln_q = ln_sum(f, e, zero) - square;
    let density = g * P::splat(0.398_942_280_401_432_7); // 1 / sqrt(2 pi)
    let top = P::select(lower, density, P::splat(0.797_884_560_802_865_4)); // sqrt(2/pi)
    let hazard = top / P::select(lower, one - tail, w);
    (ln_q, hazard)
}

/// Inverse of [`ndtr`]: the standard normal's quantile function.
///
/// Error below 6 ulp of the result for p in (0, 1). -inf at 0, inf at 1, NaN outside and for NaN.
/// M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988), 477-484: PPND16, tables on p. 481.
#[inline(always)]
pub fn ndtri<P: Pack>(p: P) -> P {
    let (zero, one) = (P::splat(0.0), P::splat(1.0));
    let q = p - P::splat(0.5);
    let central = q.abs().le(P::splat(0.425));
    let tail = P::select(q.lt(zero), p, one - p);
    let r = (-ln(tail)).sqrt();
    let near = r.le(P::splat(5.0));
    let shifted = r - P::select(near, P::splat(1.6), P::splat(5.0));
    let x = P::select(central, q.neg_mul_add(q, P::splat(0.180625)), shifted);
    let (mut top, mut bottom) = (P::splat(0.0), P::splat(0.0));
    for i in (0..8).rev() {
        let [a, b, c] = NDTRI_TOP[i].map(P::splat);
        top = top.mul_add(x, P::select(central, a, P::select(near, b, c)));
        let [a, b, c] = NDTRI_BOTTOM[i].map(P::splat);
        bottom = bottom.mul_add(x, P::select(central, a, P::select(near, b, c)));
    }
    let ratio = top / bottom;
    let z = P::select(central, q * ratio, ratio.copysign(q));
    let z = P::select(tail.eq(zero), P::splat(f64::INFINITY).copysign(q), z);
    P::select(tail.lt(zero), P::splat(f64::NAN), z)
}

/// Numerators of AS 241 (central, r <= 5, beyond), lowest power first, digits as published.
#[allow(clippy::excessive_precision)]
const NDTRI_TOP: [[f64; 3]; 8] = [
    [3.3871328727963666080e0, 1.42343711074968357734e0, 6.65790464350110377720e0],
    [1.3314166789178437745e2, 4.63033784615654529590e0, 5.46378491116411436990e0],
    [1.9715909503065514427e3, 5.76949722146069140550e0, 1.78482653991729133580e0],
    [1.3731693765509461125e4, 3.64784832476320460504e0, 2.96560571828504891230e-1],
    [4.5921953931549871457e4, 1.27045825245236838258e0, 2.65321895265761230930e-2],
    [6.7265770927008700853e4, 2.41780725177450611770e-1, 1.24266094738807843860e-3],
    [3.3430575583588128105e4, 2.27238449892691845833e-2, 2.71155556874348757815e-5],
    [2.5090809287301226727e3, 7.74545014278341407640e-4, 2.01033439929228813265e-7],
];

/// Denominators of AS 241.
#[allow(clippy::excessive_precision)]
const NDTRI_BOTTOM: [[f64; 3]; 8] = [
    [1.0, 1.0, 1.0],
    [4.2313330701600911252e1, 2.05319162663775882187e0, 5.99832206555887937690e-1],
    [6.8718700749205790830e2, 1.67638483018380384940e0, 1.36929880922735805310e-1],
    [5.3941960214247511077e3, 6.89767334985100004550e-1, 1.48753612908506148525e-2],
    [2.1213794301586595867e4, 1.48103976427480074590e-1, 7.86869131145613259100e-4],
    [3.9307895800092710610e4, 1.51986665636164571966e-2, 1.84631831751005468180e-5],
    [2.8729085735721942674e4, 5.47593808499534494600e-4, 1.42151175831644588870e-7],
    [5.2264952788528545610e3, 1.05075007164441684324e-9, 2.04426310338993978564e-15],
];
