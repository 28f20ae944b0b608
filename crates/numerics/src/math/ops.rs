//! The functions as types, so that a kernel can be generic over the function it applies.

use crate::simd::Pack;

/// One function of one argument, lane by lane.
///
/// ```
/// use numerics::{dispatch, math::{Exp, Unary}, simd::{Isa, Pack}};
///
/// #[inline(always)]
/// fn apply<P: Pack, F: Unary>(x: &mut [f64; 8]) {
///     *x = F::apply(P::from_array(*x)).to_array();
/// }
/// dispatch! { fn pick[F: Unary] = apply(x: &mut [f64; 8]); }
///
/// let mut x = [0.0; 8];
/// // SAFETY: detected.
/// unsafe { pick::<Exp>(Isa::detect())(&mut x) };
/// assert_eq!(x, [1.0; 8]);
/// ```
pub trait Unary: 'static {
    /// Its name, as in the function's.
    const NAME: &'static str;
    /// The function.
    fn apply<P: Pack>(x: P) -> P;
}

/// One function of two arguments, lane by lane.
pub trait Binary: 'static {
    /// Its name, as in the function's.
    const NAME: &'static str;
    /// The function.
    fn apply<P: Pack>(x: P, y: P) -> P;
}

/// Two functions of one argument that share work.
pub trait Twin: 'static {
    /// Its name, as in the function's.
    const NAME: &'static str;
    /// Both results.
    fn apply<P: Pack>(x: P) -> (P, P);
}

macro_rules! ops {
    ($trait:ident $params:tt $args:tt -> $ret:ty: $($ty:ident $function:ident,)+) => {$(
        #[doc = concat!("[`", stringify!($function), "`](super::", stringify!($function), ") as a type.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $ty;
        impl $trait for $ty {
            const NAME: &'static str = stringify!($function);
            #[inline(always)]
            fn apply<P: Pack> $params -> $ret {
                super::$function $args
            }
        }
    )+};
}

ops! { Unary (x: P) (x) -> P:
    Exp exp, Expm1 expm1, Ln ln, Log1p log1p, Tanh tanh, Sigmoid sigmoid, Softplus softplus,
    Sin sin, Cos cos, Erf erf, Erfc erfc, Erfcx erfcx, Ndtr ndtr, LogNdtr log_ndtr, Ndtri ndtri,
    Lgamma lgamma, Digamma digamma, Trigamma trigamma, Sqrt sqrt, Recip recip,
    LgammaRest lgamma_rest, DigammaRest digamma_rest, TrigammaRest trigamma_rest,
    Atan atan, LogBesselI0e log_bessel_i0e, BesselGap bessel_gap,
}
ops! { Binary (x: P, y: P) (x, y) -> P: Pow pow, Log1pGap log1p_gap, }
ops! { Twin (x: P) (x) -> (P, P):
    SoftplusSigmoid softplus_sigmoid, SinCos sin_cos, LnQHazard ln_q_hazard,
}
