//! Elementary and special functions on packs, for use inside fused kernels, and on slices.
//!
//! Pack functions (`math::exp(x: P) -> P`) are branch-free, inlined and generic over the instruction set;
//! slice functions (`exp_slice(isa, x, out)`) dispatch at run time. Twins give a function and its
//! derivative, or two results of the same work, for little more than the price of one.
//!
//! **Errors.** Each function states a bound in ulp of the exact result, held on every instruction
//! set; tests measure it against references of 60 digits (`tests/references`). AVX2 and AVX-512 give the
//! same bits, the baseline other last places: it is the same code without fused multiply-add, not the
//! platform's library, so its bits do not depend on the machine either.
//!
//! **f32** slices compute through f64 and round once: about half an ulp, at the speed of f64.
//!
//! Rare lanes (huge angles, negative arguments of the gamma family) take a path that is skipped
//! when no lane needs it; it never changes what the other lanes get.

mod bessel;
mod coefficients;
mod erf;
mod exp;
mod gamma;
mod ln;
mod logistic;
mod ops;
mod pow;
mod rest;
mod slices;
mod trig;

pub use bessel::{bessel_gap, log_bessel_i0e};
pub use erf::{erf, erfc, erfcx, ln_q_hazard, log_ndtr, ndtr, ndtri};
pub use exp::{exp, expm1};
pub use gamma::{digamma, lgamma, trigamma};
pub use ln::{ln, log1p};
pub use logistic::{sigmoid, softplus, softplus_sigmoid, tanh};
pub use ops::*;
pub use pow::pow;
pub use rest::{digamma_rest, lgamma_rest, log1p_gap, trigamma_rest};
pub use slices::*;
pub use trig::{atan, cos, sin, sin_cos};

use crate::simd::Pack;

/// Square root, correctly rounded; NaN below -0.
#[inline(always)]
pub fn sqrt<P: Pack>(x: P) -> P {
    x.sqrt()
}

/// 1 / x, correctly rounded; +-inf at +-0.
#[inline(always)]
pub fn recip<P: Pack>(x: P) -> P {
    P::splat(1.0) / x
}

/// c[0] + c[1] x + c[2] x^2 + .. by Horner's rule; long ones in blocks of four or eight, whose
/// chains of dependent operations are shorter, joined by Horner's rule in x^4 or x^8.
///
/// (Blocks and not even and odd powers: these cancel where |x| is near 1.)
#[inline(always)]
fn polynomial<P: Pack, const N: usize>(x: P, c: &[f64; N]) -> P {
    if N < 8 {
        return horner(x, c);
    }
    let x2 = x * x;
    let x4 = x2 * x2;
    let (size, step) = if N < 16 { (4, x4) } else { (8, x4 * x4) };
    let mut start = (N - 1) / size * size;
    let mut y = horner(x, &c[start..]);
    while start > 0 {
        start -= size;
        y = y.mul_add(step, horner(x, &c[start..start + size]));
    }
    y
}

#[inline(always)]
fn horner<P: Pack>(x: P, c: &[f64]) -> P {
    let mut i = c.len() - 1;
    let mut y = P::splat(c[i]);
    while i > 0 {
        i -= 1;
        y = y.mul_add(x, P::splat(c[i]));
    }
    y
}
