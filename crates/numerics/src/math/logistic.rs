//! tanh, sigmoid and softplus.

use super::exp::{exp, expm1};
use super::ln::ln_sum;
use crate::simd::Pack;

/// Hyperbolic tangent.
///
/// Error below 2 ulp, also near 0. `tanh(+-0) = +-0`, `tanh(+-inf) = +-1`, NaN gives NaN.
#[inline(always)]
pub fn tanh<P: Pack>(x: P) -> P {
    let a = P::splat(22.0).min(x.abs());
    let e = expm1(a + a); // damped, not amplified, by e / (e + 2)
    (e / (e + P::splat(2.0))).copysign(x)
}

/// 1 / (1 + e^-x).
///
/// Relative error below 2.5 ulp on both sides. 0 at -inf, 1 at inf, NaN gives NaN.
#[inline(always)]
pub fn sigmoid<P: Pack>(x: P) -> P {
    let e = exp(-x.abs());
    let r = P::splat(1.0) / (P::splat(1.0) + e);
    P::select(x.lt(P::splat(0.0)), e * r, r)
}

/// ln(1 + e^x).
///
/// Relative error below 1.5 ulp on both sides. 0 at -inf, inf at inf, NaN gives NaN.
#[inline(always)]
pub fn softplus<P: Pack>(x: P) -> P {
    softplus_from(x, exp(-x.abs()))
}

/// ([`softplus`], [`sigmoid`]): value and derivative for little more than the price of one, with
/// the same bits as from each alone.
#[inline(always)]
pub fn softplus_sigmoid<P: Pack>(x: P) -> (P, P) {
    let e = exp(-x.abs());
    let r = P::splat(1.0) / (P::splat(1.0) + e);
    (softplus_from(x, e), P::select(x.lt(P::splat(0.0)), e * r, r))
}

/// max(x, 0) + ln(1 + e) for e = e^-|x|, in [0, 1].
#[inline(always)]
fn softplus_from<P: Pack>(x: P, e: P) -> P {
    let one = P::splat(1.0);
    // 1 + e = 2^k (1 + f) with sqrt(1/2) <= 1 + f <= sqrt(2).
    let upper = e.gt(P::splat(std::f64::consts::SQRT_2 - 1.0));
    let f = P::select(upper, P::splat(0.5) * (e - one), e);
    P::splat(0.0).max(x) + ln_sum(f, P::from_mask(upper), P::splat(0.0))
}
