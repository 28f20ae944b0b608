//! Modified Bessel functions of orders 0 and 1, in the forms that a von Mises density needs.
//!
//! Up to 8, polynomials in x^2 (the power series DLMF 10.25.2, refitted); beyond, polynomials in 1/x
//! of the functions freed of their exponential and root (DLMF 10.40.1 has the same leading terms).

use super::coefficients::{BESSEL_GAP_TAIL, BESSEL_I0, BESSEL_I0_TAIL, BESSEL_I1};
use super::ln::{ln, log1p};
use super::polynomial;
use crate::simd::Pack;

/// Up to here the power series.
const SERIES_TO: f64 = 8.0;

/// I0(x) - 1 for x^2 up to 64.
#[inline(always)]
fn i0_less_one<P: Pack>(square: P) -> P {
    square * polynomial(square, &BESSEL_I0)
}

/// `y`, or NaN where x is below 0.
#[inline(always)]
fn from_zero<P: Pack>(x: P, y: P) -> P {
    P::select(x.lt(P::splat(0.0)), P::splat(f64::NAN), y)
}

/// ln(e^-x I0(x)) for x >= 0.
///
/// Relative error below 8 ulp, near 0 (where it is -x) and far out (where it is -ln(2 pi x)/2) alike. 0
/// at 0, -inf at inf; NaN below 0 and for NaN.
#[inline(always)]
pub fn log_bessel_i0e<P: Pack>(x: P) -> P {
    let limit = P::splat(SERIES_TO);
    let bounded = limit.min(x);
    let near = log1p(i0_less_one(bounded * bounded)) - x;
    let beyond = limit.max(x);
    let far = ln(polynomial(P::splat(1.0) / beyond, &BESSEL_I0_TAIL) / beyond.sqrt());
    from_zero(x, P::select(x.lt(limit), near, far))
}

/// 1 - I1(x)/I0(x) for x >= 0: what the mean resultant length of a von Mises law lacks of one. It is minus the
/// derivative of [`log_bessel_i0e`].
///
/// Relative error below 40 ulp, the most just below 8. 1 at 0, 0 at inf; NaN below 0 and for NaN.
#[inline(always)]
pub fn bessel_gap<P: Pack>(x: P) -> P {
    let (limit, one) = (P::splat(SERIES_TO), P::splat(1.0));
    let bounded = limit.min(x);
    let square = bounded * bounded;
    let i0 = one + i0_less_one(square);
    let i1 = P::splat(0.5) * bounded * polynomial(square, &BESSEL_I1);
    let near = (i0 - i1) / i0;
    let beyond = limit.max(x);
    let y = one / beyond;
    let far = y * y.mul_add(polynomial(y.mul_sub(P::splat(16.0), one), &BESSEL_GAP_TAIL), P::splat(0.5));
    from_zero(x, P::select(x.lt(limit), near, far))
}
