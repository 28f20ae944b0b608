//! pow.

use super::coefficients::{LN_TAIL, LN2_TAIL, TWO_THIRDS};
use super::exp::exp_parts;
use super::polynomial;
use crate::simd::{LaneMask, Pack};

/// ln x as a pair, relative error near 2^-65, for positive, finite x.
#[inline(always)]
fn ln_pair<P: Pack>(x: P) -> (P, P) {
    let tiny = x.lt(P::splat(f64::MIN_POSITIVE));
    let (m, e) = P::select(tiny, x * P::splat(18014398509481984.0), x).split_sqrt2();
    let e = P::select(tiny, e - P::splat(54.0), e);
    // s = f / (2 + f) as a pair; 2 + f = d + d_low exactly.
    let two = P::splat(2.0);
    let f = m - P::splat(1.0);
    let d = two + f;
    let d_low = f - (d - two);
    let s = f / d;
    let (p, p_low) = s.two_prod(d);
    let s_low = (((f - p) - p_low) - s * d_low) / d;
    // ln m = 2s + 2/3 s^3 + s^5 (..), the cubic term as a pair.
    let (z, z_err) = s.two_prod(s);
    let z_low = (s + s).mul_add(s_low, z_err);
    let (t, t_err) = z.two_prod(P::splat(TWO_THIRDS[0]));
    let t_low = t_err + z.mul_add(P::splat(TWO_THIRDS[1]), z_low * P::splat(TWO_THIRDS[0]));
    let t_low = (z * z).mul_add(polynomial(z, &LN_TAIL), t_low);
    // (2 + t) s
    let (u, u_err) = s.two_prod(t);
    let u_low = u_err + s.mul_add(t_low, s_low * t);
    let (a, a_low) = fast_two_sum(s + s, u);
    let a_low = a_low + (u_low + (s_low + s_low));
    // e ln 2: the first product is exact, and larger than a unless it is 0.
    let big = e * P::splat(LN2_TAIL[0]);
    let (h, h_low) = fast_two_sum(big, a);
    let low = h_low + e.mul_add(P::splat(LN2_TAIL[1]), a_low);
    fast_two_sum(h, low)
}

/// s + e = a + b exactly for |a| >= |b| or a = 0 (Dekker).
#[inline(always)]
fn fast_two_sum<P: Pack>(a: P, b: P) -> (P, P) {
    let s = a + b;
    (s, (a - s) + b)
}

/// x^y.
///
/// Error below 1.1 ulp (1 where the result is normal). Edges as IEEE 754 `pow`: 1 for
/// y = 0 or x = 1 whatever the other, NaN for x < 0 unless y is an integer, (+-0)^y = +-0, inf or +-inf by y's
/// sign and parity, and limits at infinities; otherwise NaN gives NaN.
#[inline(always)]
pub fn pow<P: Pack>(x: P, y: P) -> P {
    let (zero, one, inf) = (P::splat(0.0), P::splat(1.0), P::splat(f64::INFINITY));
    let a = x.abs();
    let (h, l) = ln_pair(a);
    // Beyond +-1e5 the answer is 0, 1 or inf at any larger y too (|ln x| >= 1.1e-16 unless x = 1):
    // bounding keeps the products finite.
    let yb = P::splat(1e21).min(P::splat(-1e21).max(y));
    let (p, p_low) = yb.two_prod(h);
    let low = yb.mul_add(l, p_low);
    let bound = P::splat(1100.0);
    let clamped = (-bound).max(bound.min(p));
    let low = P::select(clamped.eq(p), low, zero);
    let (m, n) = exp_parts(clamped, low);
    let mut r = m.ldexp(n);

    // x = 0 and inf: 0 or inf by the sign of y ln|x|.
    let edge = a.eq(zero).or(a.eq(inf));
    let grows = a.eq(inf).and(y.gt(zero)).or(a.eq(zero).and(y.lt(zero)));
    r = P::select(edge, P::select(grows, inf, zero), r);
    // Sign for odd integers; no real power otherwise below 0.
    let integer = y.round().eq(y);
    let half = P::splat(0.5) * y;
    let odd = integer.and(half.round().ne(half));
    let signed = x.and(P::splat(-0.0));
    r = P::select(odd, r.or(signed), r);
    let impossible = x.lt(zero).and(integer.not()).and(x.ne(-inf));
    r = P::select(impossible, P::splat(f64::NAN), r);
    // |x| = 1 and infinite y.
    let flat = a.eq(one).and(y.abs().eq(inf));
    r = P::select(flat, one, r);
    r = P::select(x.is_nan().or(y.is_nan()), x + y, r);
    P::select(y.eq(zero).or(x.eq(one)), one, r)
}
