//! The functions of [`math`](crate::math) for one number.
//!
//! They run the baseline's code whatever the machine, so the same argument gives the same bits
//! everywhere; domains, edges and errors are those of the pack functions of the same names.

use crate::math;
use crate::simd::{Baseline, Pack};

macro_rules! scalars {
    ($($name:ident)+) => {$(
        #[doc = concat!("See [`math::", stringify!($name), "`](crate::math::", stringify!($name), ").")]
        pub fn $name(x: f64) -> f64 {
            math::$name(Baseline::splat(x)).to_array()[0]
        }
    )+};
}

scalars! {
    exp expm1 ln log1p tanh sigmoid softplus sin cos erf erfc erfcx ndtr log_ndtr ndtri lgamma
    digamma trigamma lgamma_rest digamma_rest trigamma_rest atan log_bessel_i0e bessel_gap
}

/// See [`math::pow`].
pub fn pow(x: f64, y: f64) -> f64 {
    math::pow(Baseline::splat(x), Baseline::splat(y)).to_array()[0]
}

/// See [`math::log1p_gap`].
pub fn log1p_gap(n: f64, a: f64) -> f64 {
    math::log1p_gap(Baseline::splat(n), Baseline::splat(a)).to_array()[0]
}

/// (ln Q(x), hazard): see [`math::ln_q_hazard`].
pub fn ln_q_hazard(x: f64) -> (f64, f64) {
    let (q, h) = math::ln_q_hazard(Baseline::splat(x));
    (q.to_array()[0], h.to_array()[0])
}
