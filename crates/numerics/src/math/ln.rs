//! ln and log1p.

use super::coefficients::{LN, LN2};
use super::polynomial;
use crate::simd::Pack;

/// e ln 2 + ln(1 + f) + c for sqrt(1/2) <= 1 + f <= sqrt(2), integral |e| < 2^20 and a correction c.
///
/// ln(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)), s = f/(2 + f): FreeBSD msun, e_log.c. Splitting at
/// sqrt(2) keeps e = 0 on both sides of 1, where cancellation with e ln 2 would cost all digits.
#[inline(always)]
pub(super) fn ln_sum<P: Pack>(f: P, e: P, c: P) -> P {
    let s = f / (P::splat(2.0) + f);
    let z = s * s;
    let half_square = P::splat(0.5) * f * f;
    let tail = z.mul_add(polynomial(z, &LN), half_square);
    let low = s.mul_add(tail, e.mul_add(P::splat(LN2[1]), c));
    e.mul_sub(P::splat(LN2[0]), (half_square - low) - f)
}

/// ln x for positive finite x, subnormals included; nonsense elsewhere.
#[inline(always)]
pub(super) fn ln_positive<P: Pack>(x: P) -> P {
    let tiny = x.lt(P::splat(f64::MIN_POSITIVE));
    let scaled = P::select(tiny, x * P::splat(18014398509481984.0), x); // 2^54
    let (m, e) = scaled.split_sqrt2();
    let e = P::select(tiny, e - P::splat(54.0), e);
    ln_sum(m - P::splat(1.0), e, P::splat(0.0))
}

/// Natural logarithm.
///
/// Error below 1 ulp, subnormal arguments included. `ln(+-0) = -inf`, `ln(inf) = inf`; below 0 and
/// for NaN it is NaN.
#[inline(always)]
pub fn ln<P: Pack>(x: P) -> P {
    ln_positive(x).ln_edges(x)
}

/// ln(1 + x), with small relative error near 0 too.
///
/// Error below 1 ulp. `log1p(+-0) = +-0`, `log1p(-1) = -inf`, `log1p(inf) = inf`; below -1
/// and for NaN it is NaN.
#[inline(always)]
pub fn log1p<P: Pack>(x: P) -> P {
    let one = P::splat(1.0);
    let u = one + x;
    // What rounding lost: 1 + x = u + c exactly.
    let c = P::select(x.lt(one), x - (u - one), one - (u - x));
    let (m, e) = u.split_sqrt2();
    // Where e = 0, f = x exactly. Elsewhere the answer is above 0.34 and c/u a last-place matter:
    // 1 / (1 + f) to a percent will do.
    let near = e.eq(P::splat(0.0));
    let f = P::select(near, x, m - one);
    let c = P::select(near, P::splat(0.0), c * (-P::splat(64.0).min(e)).exp2_integer());
    let reciprocal = f.neg_mul_add(f.neg_mul_add(f.neg_mul_add(P::splat(0.8), one), one), one);
    ln_sum(f, e, c * reciprocal).ln_edges(u).copysign(x)
}
