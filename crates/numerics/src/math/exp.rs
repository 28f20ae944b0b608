//! exp and expm1.

use super::coefficients::{EXP, LN2};
use super::polynomial;
use crate::simd::Pack;
use std::f64::consts::LOG2_E;

/// `(p, n)` with e^(x + lo) = p 2^n, n integral and p near [0.7, 1.42].
///
/// |x| <= 1100 (or NaN), |lo| below an ulp of x. Reduction by ln 2 in two parts (Cody and Waite).
#[inline(always)]
pub(super) fn exp_parts<P: Pack>(x: P, lo: P) -> (P, P) {
    let n = (x * P::splat(LOG2_E)).round();
    let r = n.neg_mul_add(P::splat(LN2[0]), x); // exact
    let r = r - n.mul_sub(P::splat(LN2[1]), lo);
    let p = (r * r).mul_add(polynomial(r, &EXP), r) + P::splat(1.0);
    (p, n)
}

/// e^x.
///
/// Error below 1.1 ulp (1 where the result is normal). `exp(-inf) = 0`, overflow gives inf (above
/// 709.78), results below 2^-1022 are subnormal (to -745.13), NaN gives NaN.
#[inline(always)]
pub fn exp<P: Pack>(x: P) -> P {
    // Data second: NaN passes the clamps.
    let x = P::splat(-746.0).max(P::splat(710.0).min(x));
    let (p, n) = exp_parts(x, P::splat(0.0));
    p.ldexp(n)
}

/// e^x - 1, with small relative error near 0 too.
///
/// Error below 1.2 ulp. `expm1(+-0) = +-0`, `expm1(-inf) = -1`, overflow gives inf,
/// NaN gives NaN.
#[inline(always)]
pub fn expm1<P: Pack>(x: P) -> P {
    let c = P::splat(-50.0).max(P::splat(710.0).min(x));
    let n = (c * P::splat(LOG2_E)).round();
    let hi = n.neg_mul_add(P::splat(LN2[0]), c); // exact
    let low = n * P::splat(LN2[1]);
    let r = hi - low;
    let r_low = (hi - r) - low;
    let tail = (r * r).mul_add(polynomial(r, &EXP), r_low);
    // 2^n (1 + r + tail) - 1, halved so that 2^n does not overflow before the result does; the
    // large parts (2^n - 1)/2 and 2^n r/2 are added without error.
    let h = (n - P::splat(1.0)).exp2_integer();
    let a = h - P::splat(0.5);
    let b = h * r;
    let s = a + b;
    let error = (a - s) + b;
    let y = s + h.mul_add(tail, error);
    // Below 2^-54 the answer is x, which halving would spoil where subnormal, and whose sign counts.
    P::select(x.abs().lt(P::splat(5e-17)), x, y + y)
}
