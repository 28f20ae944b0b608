//! sin, cos and atan.

use super::coefficients::{ATAN, COS, PI_2, PI_2_DD, PI_4_DD, SIN, TWO_OVER_PI};
use super::polynomial;
use crate::simd::{LaneMask, Pack};
use std::f64::consts::FRAC_2_PI;

/// Up to here x 2/pi rounds to an integer of 20 bits and the fast reduction holds.
const FAST: f64 = 1.6e6;

/// Sine, x in radians.
///
/// Error below 1 ulp for every finite x: Cody and Waite's reduction to 1.6e6, Payne and Hanek's
/// (scalar, slow) above. `sin(+-0) = +-0`; NaN at infinities and NaN.
#[inline(always)]
pub fn sin<P: Pack>(x: P) -> P {
    sin_cos(x).0
}

/// Cosine, x in radians.
///
/// Error below 1 ulp for every finite x, as [`sin`]. NaN at infinities and NaN.
#[inline(always)]
pub fn cos<P: Pack>(x: P) -> P {
    sin_cos(x).1
}

/// ([`sin`], [`cos`]) for little more than the price of one, with the same bits.
#[inline(always)]
pub fn sin_cos<P: Pack>(x: P) -> (P, P) {
    let (n, r, r_low) = reduce(x);
    let (s, c) = sin_cos_reduced(r, r_low);
    // The low bits of 1.5 * 2^52 + n are those of n in two's complement.
    let bits = n + P::splat(6755399441055744.0);
    let sign = P::splat(-0.0);
    let odd = bits.shl_bits(63).or(P::splat(1.0)).lt(P::splat(0.0));
    let sin_sign = bits.shl_bits(62).and(sign);
    let cos_sign = (bits + P::splat(1.0)).shl_bits(62).and(sign);
    let sin = P::select(odd, c, s).xor(sin_sign);
    let cos = P::select(odd, s, c).xor(cos_sign);
    (P::select(x.eq(P::splat(0.0)), x, sin), cos)
}

/// sin and cos of r + r_low, |r| <= pi/4: FreeBSD msun, k_sin.c and k_cos.c.
#[inline(always)]
pub(super) fn sin_cos_reduced<P: Pack>(r: P, r_low: P) -> (P, P) {
    let half = P::splat(0.5);
    let z = r * r;
    let sin = r + (r * z).mul_add(polynomial(z, &SIN), (half * z).neg_mul_add(r_low, r_low));
    let hz = half * z;
    let w = P::splat(1.0) - hz;
    let lost = (P::splat(1.0) - w) - hz;
    let cos = w + (z * z).mul_add(polynomial(z, &COS), r.neg_mul_add(r_low, lost));
    (sin, cos)
}

/// (n, r, r_low) with x = n pi/2 + r + r_low, n integral (below 2^21, or its residue mod 4).
#[inline(always)]
fn reduce<P: Pack>(x: P) -> (P, P, P) {
    let n = (x * P::splat(FRAC_2_PI)).round();
    // Products by 33-bit parts are exact, so are the differences kept in pairs: r has over 100 good
    // bits after the point, and no f64 comes nearer to a multiple of pi/2 than 2^-61 relatively.
    let a = n.neg_mul_add(P::splat(PI_2[0]), x);
    let (b, b_low) = two_sum(a, -(n * P::splat(PI_2[1])));
    let (c, c_low) = two_sum(b, -(n * P::splat(PI_2[2])));
    let low = b_low + n.neg_mul_add(P::splat(PI_2[3]), c_low);
    let r = c + low;
    let r_low = (c - r) + low;
    let huge = x.abs().gt(P::splat(FAST));
    if huge.any() {
        let [n2, r2, low2] = reduce_huge(&x.to_array());
        return (
            P::select(huge, P::from_array(n2), n),
            P::select(huge, P::from_array(r2), r),
            P::select(huge, P::from_array(low2), r_low),
        );
    }
    (n, r, r_low)
}

/// s + e = a + b exactly (Knuth).
#[inline(always)]
fn two_sum<P: Pack>(a: P, b: P) -> (P, P) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

#[cold]
#[inline(never)]
fn reduce_huge(x: &[f64; 8]) -> [[f64; 8]; 3] {
    let mut out = [[0.0; 8]; 3];
    for i in 0..8 {
        if x[i].abs() > FAST {
            (out[0][i], out[1][i], out[2][i]) = payne_hanek(x[i]);
        }
    }
    out
}

/// (n mod 4, r, r_low) for |x| above 2^20; NaN for infinities.
///
/// M. H. Payne and R. N. Hanek, Radian reduction for trigonometric functions, 1983: only the bits
/// of 2/pi that can matter to x 2/pi mod 4 are multiplied.
fn payne_hanek(x: f64) -> (f64, f64, f64) {
    if !x.is_finite() {
        return (0.0, f64::NAN, f64::NAN);
    }
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1075;
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    // |x| = mantissa 2^exponent. 192 bits of 2/pi from place `exponent - 1` after the point
    // (earlier ones give multiples of four): the product mod 2^192 is (|x| 2/pi mod 4) 2^190.
    let word = |place: i64| {
        let offset = (place - 1 + 64) as usize; // the table has a word of zeros before it
        let at = |i: usize| if i == 0 { 0 } else { TWO_OVER_PI[i - 1] };
        let (i, shift) = (offset / 64, offset % 64);
        if shift == 0 { at(i) } else { at(i) << shift | at(i + 1) >> (64 - shift) }
    };
    let [w2, w1, w0] = [exponent - 1, exponent + 63, exponent + 127].map(word);
    let product = |w: u64| u128::from(mantissa) * u128::from(w);
    let low = product(w0);
    let middle = product(w1) + (low >> 64);
    let p0 = low as u64;
    let p1 = middle as u64;
    let p2 = mantissa.wrapping_mul(w2).wrapping_add((middle >> 64) as u64);
    // Two integer bits, then the fraction; the nearest integer leaves it signed.
    let fraction = (u128::from(p2) << 64 | u128::from(p1)) << 2 | u128::from(p0 >> 62);
    let up = fraction >> 127;
    let n = (p2 >> 62) + up as u64;
    let magnitude = if up == 1 { fraction.wrapping_neg() } else { fraction };
    let hi = magnitude as f64;
    let lo = magnitude.wrapping_sub(hi as u128) as i128 as f64;
    let scale = 2f64.powi(-128) * if (up == 1) == (x < 0.0) { 1.0 } else { -1.0 };
    let (hi, lo) = (hi * scale, lo * scale);
    // times pi/2
    let r = hi * PI_2_DD[0];
    let r_low = hi.mul_add(PI_2_DD[0], -r) + (hi * PI_2_DD[1] + lo * PI_2_DD[0]);
    let n = (n % 4) as f64;
    (if x < 0.0 { -n } else { n }, r, r_low)
}

/// Arctangent.
///
/// Error below 2 ulp. `atan(+-0) = +-0`, `atan(+-inf) = +-pi/2`; NaN gives NaN.
#[inline(always)]
pub fn atan<P: Pack>(x: P) -> P {
    let (zero, one) = (P::splat(0.0), P::splat(1.0));
    let a = x.abs();
    // Around 0, 1 or infinity: atan a = base + atan s with |s| <= tan(pi/8).
    let (middle, far) = (a.gt(P::splat(0.414_213_562_373_095_1)), a.gt(P::splat(2.414_213_562_373_095)));
    let top = P::select(far, -one, P::select(middle, a - one, a));
    let bottom = P::select(far, a, P::select(middle, a + one, one));
    let parts = P::select(far, P::splat(2.0), P::select(middle, one, zero));
    let s = top / bottom;
    let z = s * s;
    let tail = (z * polynomial(z, &ATAN)).mul_add(s, parts * P::splat(PI_4_DD[1]));
    (parts * P::splat(PI_4_DD[0]) + (s + tail)).copysign(x)
}
