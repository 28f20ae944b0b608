//! Elementwise functions of one draw: the standard library where it has them, otherwise the eight
//! lanes of `numerics` under the baseline instruction set.

use numerics::math;
use numerics::simd::{Baseline, Pack};

use crate::ir::{Binary, Unary};

fn packed(x: &[f64], out: &mut [f64], f: fn(Baseline) -> Baseline) {
    for (x, out) in x.chunks(8).zip(out.chunks_mut(8)) {
        // The padding is harmless: one lies in every domain.
        let mut pack = [1.0; 8];
        pack[..x.len()].copy_from_slice(x);
        out.copy_from_slice(&f(Baseline::from_array(pack)).to_array()[..x.len()]);
    }
}

/// `out = op(x)`, element by element.
pub fn unary(op: Unary, x: &[f64], out: &mut [f64]) {
    let mut each = |f: fn(f64) -> f64| x.iter().zip(out.iter_mut()).for_each(|(&x, o)| *o = f(x));
    match op {
        Unary::Neg => each(|x| -x),
        Unary::Abs => each(f64::abs),
        Unary::Sign => each(|x| f64::from(i8::from(x > 0.0) - i8::from(x < 0.0))),
        Unary::Recip => each(|x| 1.0 / x),
        Unary::Sqrt => each(f64::sqrt),
        Unary::Square => each(|x| x * x),
        Unary::Exp => each(f64::exp),
        Unary::Ln => each(f64::ln),
        Unary::Log1p => each(f64::ln_1p),
        Unary::Expm1 => each(f64::exp_m1),
        Unary::Tanh => each(f64::tanh),
        Unary::Sigmoid => {
            each(|x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) })
        }
        // log1p keeps digits where exp(-|x|) is small
        Unary::Softplus => each(|x| if x.is_nan() { x } else { x.max(0.0) + (-x.abs()).exp().ln_1p() }),
        Unary::Sin => each(f64::sin),
        Unary::Cos => each(f64::cos),
        Unary::Atan => each(f64::atan),
        Unary::Floor => each(f64::floor),
        Unary::Not => each(|x| 1.0 - x),
        Unary::Detach => each(|x| x),
        Unary::Erf => packed(x, out, math::erf),
        Unary::Erfc => packed(x, out, math::erfc),
        Unary::LogNdtr => packed(x, out, math::log_ndtr),
        Unary::Lgamma => packed(x, out, math::lgamma),
        Unary::Digamma => packed(x, out, math::digamma),
        Unary::Trigamma => packed(x, out, math::trigamma),
        Unary::LgammaRest => packed(x, out, math::lgamma_rest),
        Unary::DigammaRest => packed(x, out, math::digamma_rest),
        Unary::TrigammaRest => packed(x, out, math::trigamma_rest),
        Unary::LogBesselI0e => packed(x, out, math::log_bessel_i0e),
        Unary::BesselGap => packed(x, out, math::bessel_gap),
    }
}

/// `op(x, y)`; a NaN in either operand of a maximum or minimum is kept.
#[inline]
pub fn binary(op: Binary, x: f64, y: f64) -> f64 {
    match op {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Pow => x.powf(y),
        Binary::Max => {
            if x.is_nan() || x > y {
                x
            } else {
                y
            }
        }
        Binary::Min => {
            if x.is_nan() || x < y {
                x
            } else {
                y
            }
        }
        Binary::Log1pGap => numerics::special::log1p_gap(x, y),
        Binary::Lt => f64::from(x < y),
        Binary::Le => f64::from(x <= y),
        Binary::Eq => f64::from(x == y),
    }
}
