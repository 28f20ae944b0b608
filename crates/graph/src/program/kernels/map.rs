//! Elementwise kernels.

use numerics::dispatch;
use numerics::math;
use numerics::simd::{Isa, Pack};

use super::{Fixed, Lane, Source};
use crate::ir::{Binary, Unary};

/// `p`: result, up to three operands, second result; `step` moves each from one element to the
/// next; `n` elements.
pub type MapFn = unsafe fn(p: &[*mut f64; 5], step: &[usize; 5], n: usize);

/// Where a twin's second result is.
pub const SECOND: usize = 4;

/// An elementwise function of one argument.
pub trait Op1: 'static {
    /// Elements computed side by side, to hide latency.
    const SIDE_BY_SIDE: usize;
    fn f<P: Pack>(x: P) -> P;
}

/// An elementwise function of two arguments.
pub trait Op2: 'static {
    fn f<P: Pack>(a: P, b: P) -> P;
}

/// An elementwise function of three arguments.
pub trait Op3: 'static {
    fn f<P: Pack>(a: P, b: P, c: P) -> P;
}

/// Two results of one argument.
pub trait Twin: 'static {
    fn f<P: Pack>(x: P) -> (P, P);
}

#[inline(always)]
unsafe fn map1<P: Pack, O: Op1, A: Source>(p: &[*mut f64; 5], step: &[usize; 5], n: usize) {
    let (mut out, mut a) = (p[0], p[1] as *const f64);
    let (so, sa) = (step[0], step[1]);
    let mut left = n;
    unsafe {
        if O::SIDE_BY_SIDE == 4 {
            while left >= 4 {
                let (x0, x1) = (A::read::<P>(a), A::read::<P>(a.add(sa)));
                let (x2, x3) = (A::read::<P>(a.add(2 * sa)), A::read::<P>(a.add(3 * sa)));
                let (y0, y1, y2, y3) = (O::f(x0), O::f(x1), O::f(x2), O::f(x3));
                y0.store_unaligned(out);
                y1.store_unaligned(out.add(so));
                y2.store_unaligned(out.add(2 * so));
                y3.store_unaligned(out.add(3 * so));
                (out, a) = (out.add(4 * so), a.add(4 * sa));
                left -= 4;
            }
        }
        if O::SIDE_BY_SIDE == 2 {
            while left >= 2 {
                let (x0, x1) = (A::read::<P>(a), A::read::<P>(a.add(sa)));
                let (y0, y1) = (O::f(x0), O::f(x1));
                y0.store_unaligned(out);
                y1.store_unaligned(out.add(so));
                (out, a) = (out.add(2 * so), a.add(2 * sa));
                left -= 2;
            }
        }
        while left > 0 {
            O::f(A::read::<P>(a)).store_unaligned(out);
            (out, a) = (out.add(so), a.add(sa));
            left -= 1;
        }
    }
}

#[inline(always)]
unsafe fn map2<P: Pack, O: Op2, A: Source, B: Source>(p: &[*mut f64; 5], step: &[usize; 5], n: usize) {
    let (mut out, mut a, mut b) = (p[0], p[1] as *const f64, p[2] as *const f64);
    let (so, sa, sb) = (step[0], step[1], step[2]);
    let mut left = n;
    unsafe {
        while left >= 2 {
            let y0 = O::f(A::read::<P>(a), B::read::<P>(b));
            let y1 = O::f(A::read::<P>(a.add(sa)), B::read::<P>(b.add(sb)));
            y0.store_unaligned(out);
            y1.store_unaligned(out.add(so));
            (out, a, b) = (out.add(2 * so), a.add(2 * sa), b.add(2 * sb));
            left -= 2;
        }
        if left > 0 {
            O::f(A::read::<P>(a), B::read::<P>(b)).store_unaligned(out);
        }
    }
}

#[inline(always)]
unsafe fn map3<P: Pack, O: Op3, A: Source, B: Source, C: Source>(
    p: &[*mut f64; 5],
    step: &[usize; 5],
    n: usize,
) {
    let (mut out, mut a, mut b, mut c) = (p[0], p[1] as *const f64, p[2] as *const f64, p[3] as *const f64);
    let (so, sa, sb, sc) = (step[0], step[1], step[2], step[3]);
    let mut left = n;
    unsafe {
        while left >= 2 {
            let y0 = O::f(A::read::<P>(a), B::read::<P>(b), C::read::<P>(c));
            let y1 = O::f(A::read::<P>(a.add(sa)), B::read::<P>(b.add(sb)), C::read::<P>(c.add(sc)));
            y0.store_unaligned(out);
            y1.store_unaligned(out.add(so));
            (out, a, b, c) = (out.add(2 * so), a.add(2 * sa), b.add(2 * sb), c.add(2 * sc));
            left -= 2;
        }
        if left > 0 {
            O::f(A::read::<P>(a), B::read::<P>(b), C::read::<P>(c)).store_unaligned(out);
        }
    }
}

#[inline(always)]
unsafe fn map_twin<P: Pack, O: Twin>(p: &[*mut f64; 5], step: &[usize; 5], n: usize) {
    let (mut out, mut a, mut second) = (p[0], p[1] as *const f64, p[SECOND]);
    let (so, sa, ss) = (step[0], step[1], step[SECOND]);
    let mut left = n;
    unsafe {
        // Side by side, to hide latency.
        while left >= 4 {
            let (x0, x1) = (P::load_unaligned(a), P::load_unaligned(a.add(sa)));
            let (x2, x3) = (P::load_unaligned(a.add(2 * sa)), P::load_unaligned(a.add(3 * sa)));
            let ((y0, z0), (y1, z1), (y2, z2), (y3, z3)) = (O::f(x0), O::f(x1), O::f(x2), O::f(x3));
            y0.store_unaligned(out);
            y1.store_unaligned(out.add(so));
            y2.store_unaligned(out.add(2 * so));
            y3.store_unaligned(out.add(3 * so));
            z0.store_unaligned(second);
            z1.store_unaligned(second.add(ss));
            z2.store_unaligned(second.add(2 * ss));
            z3.store_unaligned(second.add(3 * ss));
            (out, a, second) = (out.add(4 * so), a.add(4 * sa), second.add(4 * ss));
            left -= 4;
        }
        while left > 0 {
            let (y, z) = O::f(P::load_unaligned(a));
            y.store_unaligned(out);
            z.store_unaligned(second);
            (out, a, second) = (out.add(so), a.add(sa), second.add(ss));
            left -= 1;
        }
    }
}

dispatch! {
    fn pick1[O: Op1, A: Source] = map1(p: &[*mut f64; 5], step: &[usize; 5], n: usize);
    fn pick2[O: Op2, A: Source, B: Source] = map2(p: &[*mut f64; 5], step: &[usize; 5], n: usize);
    fn pick3[O: Op3, A: Source, B: Source, C: Source] = map3(p: &[*mut f64; 5], step: &[usize; 5], n: usize);
    fn pick_twin[O: Twin] = map_twin(p: &[*mut f64; 5], step: &[usize; 5], n: usize);
}

macro_rules! one_argument {
    ($($op:ident $side:literal |$x:ident| $value:expr;)*) => {
        $(
            struct $op;
            impl Op1 for $op {
                const SIDE_BY_SIDE: usize = $side;
                #[inline(always)]
                fn f<P: Pack>($x: P) -> P {
                    $value
                }
            }
        )*
        /// The kernel of a unary op on lanes.
        pub fn unary(op: Unary, isa: Isa) -> MapFn {
            match op {
                $(Unary::$op => pick1::<$op, Lane>(isa),)*
            }
        }
    };
}

one_argument! {
    Neg 4 |x| -x;
    Abs 4 |x| x.abs();
    Sign 4 |x| P::from_mask(x.gt(P::splat(0.0))) - P::from_mask(x.lt(P::splat(0.0)));
    Recip 4 |x| P::splat(1.0) / x;
    Sqrt 4 |x| x.sqrt();
    Square 4 |x| x * x;
    Exp 4 |x| math::exp(x);
    Ln 2 |x| math::ln(x);
    Log1p 2 |x| math::log1p(x);
    Expm1 2 |x| math::expm1(x);
    Tanh 2 |x| math::tanh(x);
    Sigmoid 2 |x| math::sigmoid(x);
    Softplus 2 |x| math::softplus(x);
    Sin 1 |x| math::sin(x);
    Cos 1 |x| math::cos(x);
    Erf 1 |x| math::erf(x);
    Erfc 1 |x| math::erfc(x);
    LogNdtr 1 |x| math::log_ndtr(x);
    Lgamma 1 |x| math::lgamma(x);
    Digamma 1 |x| math::digamma(x);
    Trigamma 1 |x| math::trigamma(x);
    LgammaRest 1 |x| math::lgamma_rest(x);
    DigammaRest 1 |x| math::digamma_rest(x);
    TrigammaRest 1 |x| math::trigamma_rest(x);
    Atan 2 |x| math::atan(x);
    LogBesselI0e 1 |x| math::log_bessel_i0e(x);
    BesselGap 1 |x| math::bessel_gap(x);
    Floor 4 |x| x.floor();
    Not 4 |x| P::splat(1.0) - x;
    Detach 4 |x| x;
}

/// Copies lanes, or repeats draw-free numbers over the lanes.
pub fn copy(lanes: bool, isa: Isa) -> MapFn {
    if lanes { pick1::<Detach, Lane>(isa) } else { pick1::<Detach, Fixed>(isa) }
}

macro_rules! two_arguments {
    ($($op:ident |$a:ident, $b:ident| $value:expr;)*) => {
        $(
            struct $op;
            impl Op2 for $op {
                #[inline(always)]
                fn f<P: Pack>($a: P, $b: P) -> P {
                    $value
                }
            }
        )*
        /// The kernel of a binary op; `lanes` tells which operands are lanes (one at least).
        pub fn binary(op: Binary, lanes: [bool; 2], isa: Isa) -> MapFn {
            match op {
                $(Binary::$op => match lanes {
                    [true, true] => pick2::<$op, Lane, Lane>(isa),
                    [true, false] => pick2::<$op, Lane, Fixed>(isa),
                    _ => pick2::<$op, Fixed, Lane>(isa),
                },)*
            }
        }
    };
}

two_arguments! {
    Add |a, b| a + b;
    Sub |a, b| a - b;
    Mul |a, b| a * b;
    Div |a, b| a / b;
    Pow |a, b| math::pow(a, b);
    // The second operand survives a NaN in either, so the first needs a look.
    Max |a, b| P::select(a.is_nan(), a, a.max(b));
    Min |a, b| P::select(a.is_nan(), a, a.min(b));
    Log1pGap |a, b| math::log1p_gap(a, b);
    Lt |a, b| P::from_mask(a.lt(b));
    Le |a, b| P::from_mask(a.le(b));
    Eq |a, b| P::from_mask(a.eq(b));
}

struct MulAddOp;
struct MulSubOp;
struct NegMulAddOp;
struct SelectOp;

impl Op3 for MulAddOp {
    #[inline(always)]
    fn f<P: Pack>(a: P, b: P, c: P) -> P {
        a.mul_add(b, c)
    }
}
impl Op3 for MulSubOp {
    #[inline(always)]
    fn f<P: Pack>(a: P, b: P, c: P) -> P {
        a.mul_sub(b, c)
    }
}
impl Op3 for NegMulAddOp {
    #[inline(always)]
    fn f<P: Pack>(a: P, b: P, c: P) -> P {
        a.neg_mul_add(b, c)
    }
}
impl Op3 for SelectOp {
    #[inline(always)]
    fn f<P: Pack>(c: P, a: P, b: P) -> P {
        // Bits are moved: a NaN in the branch not taken stays there. A NaN condition is not zero.
        P::select(c.eq(P::splat(0.0)), b, a)
    }
}

/// Fused products and sums of three operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ternary {
    /// `a b + c`
    MulAdd,
    /// `a b - c`
    MulSub,
    /// `c - a b`
    NegMulAdd,
    /// `a != 0 ? b : c`
    Select,
}

/// The kernel of a ternary op. For the products the first operand must be lanes.
pub fn ternary(op: Ternary, lanes: [bool; 3], isa: Isa) -> MapFn {
    fn product<O: Op3>(lanes: [bool; 3], isa: Isa) -> MapFn {
        match lanes {
            [_, true, true] => pick3::<O, Lane, Lane, Lane>(isa),
            [_, true, false] => pick3::<O, Lane, Lane, Fixed>(isa),
            [_, false, true] => pick3::<O, Lane, Fixed, Lane>(isa),
            [_, false, false] => pick3::<O, Lane, Fixed, Fixed>(isa),
        }
    }
    match op {
        Ternary::MulAdd => product::<MulAddOp>(lanes, isa),
        Ternary::MulSub => product::<MulSubOp>(lanes, isa),
        Ternary::NegMulAdd => product::<NegMulAddOp>(lanes, isa),
        Ternary::Select if lanes[0] => product::<SelectOp>(lanes, isa),
        Ternary::Select => match lanes {
            [_, true, true] => pick3::<SelectOp, Fixed, Lane, Lane>(isa),
            [_, true, false] => pick3::<SelectOp, Fixed, Lane, Fixed>(isa),
            _ => pick3::<SelectOp, Fixed, Fixed, Lane>(isa),
        },
    }
}

struct SoftplusSigmoid;
struct SinCos;

impl Twin for SoftplusSigmoid {
    #[inline(always)]
    fn f<P: Pack>(x: P) -> (P, P) {
        math::softplus_sigmoid(x)
    }
}
impl Twin for SinCos {
    #[inline(always)]
    fn f<P: Pack>(x: P) -> (P, P) {
        math::sin_cos(x)
    }
}

/// `softplus(x)`, second `sigmoid(x)`.
pub fn softplus_sigmoid(isa: Isa) -> MapFn {
    pick_twin::<SoftplusSigmoid>(isa)
}

/// `sin x`, second `cos x`.
pub fn sin_cos(isa: Isa) -> MapFn {
    pick_twin::<SinCos>(isa)
}
