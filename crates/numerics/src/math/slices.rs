//! The functions on slices, dispatched at run time.
//!
//! All have one shape: `x` and the outputs have the same length (any, and any alignment); a panic says
//! so if they do not, or if the machine lacks the instruction set. An element's bits depend on its
//! value and the instruction set alone, not on its place.

use super::ops::*;
use crate::dispatch;
use crate::simd::{Isa, Pack};

/// A number that packs are loaded from: `f64`, or `f32` widened.
trait Element: Copy + Default + 'static {
    unsafe fn load<P: Pack>(p: *const Self) -> P;
    unsafe fn store<P: Pack>(x: P, p: *mut Self);
}

impl Element for f64 {
    #[inline(always)]
    unsafe fn load<P: Pack>(p: *const f64) -> P {
        unsafe { P::load_unaligned(p) }
    }
    #[inline(always)]
    unsafe fn store<P: Pack>(x: P, p: *mut f64) {
        unsafe { x.store_unaligned(p) }
    }
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn load<P: Pack>(p: *const f32) -> P {
        unsafe { P::load_f32(p) }
    }
    #[inline(always)]
    unsafe fn store<P: Pack>(x: P, p: *mut f32) {
        unsafe { x.store_f32(p) }
    }
}

/// Eight elements from `p`, or the first `n` of them and zeros.
///
/// # Safety
/// `p` points to `n` readable elements.
#[inline(always)]
unsafe fn load<P: Pack, T: Element>(p: *const T, n: usize) -> P {
    if n >= 8 {
        return unsafe { T::load(p) };
    }
    let mut tail = [T::default(); 8];
    unsafe {
        std::ptr::copy_nonoverlapping(p, tail.as_mut_ptr(), n);
        T::load(tail.as_ptr())
    }
}

/// Stores eight lanes, or the first `n`.
///
/// # Safety
/// `p` points to `n` writable elements.
#[inline(always)]
unsafe fn store<P: Pack, T: Element>(x: P, p: *mut T, n: usize) {
    if n >= 8 {
        return unsafe { T::store(x, p) };
    }
    let mut tail = [T::default(); 8];
    unsafe {
        T::store(x, tail.as_mut_ptr());
        std::ptr::copy_nonoverlapping(tail.as_ptr(), p, n);
    }
}

#[inline(always)]
fn unary<P: Pack, T: Element, F: Unary>(x: &[T], out: &mut [T]) {
    for (x, out) in x.chunks(8).zip(out.chunks_mut(8)) {
        // SAFETY: the chunks hold `len` elements each.
        unsafe { store(F::apply::<P>(load(x.as_ptr(), x.len())), out.as_mut_ptr(), out.len()) }
    }
}

#[inline(always)]
fn binary<P: Pack, T: Element, F: Binary>(x: &[T], y: &[T], out: &mut [T]) {
    for ((x, y), out) in x.chunks(8).zip(y.chunks(8)).zip(out.chunks_mut(8)) {
        // SAFETY: the chunks hold `len` elements each.
        unsafe {
            let r = F::apply::<P>(load(x.as_ptr(), x.len()), load(y.as_ptr(), y.len()));
            store(r, out.as_mut_ptr(), out.len());
        }
    }
}

#[inline(always)]
fn twin<P: Pack, T: Element, F: Twin>(x: &[T], first: &mut [T], second: &mut [T]) {
    for ((x, a), b) in x.chunks(8).zip(first.chunks_mut(8)).zip(second.chunks_mut(8)) {
        // SAFETY: the chunks hold `len` elements each.
        unsafe {
            let (r, s) = F::apply::<P>(load(x.as_ptr(), x.len()));
            store(r, a.as_mut_ptr(), a.len());
            store(s, b.as_mut_ptr(), b.len());
        }
    }
}

dispatch! {
    fn pick_unary[T: Element, F: Unary] = unary(x: &[T], out: &mut [T]);
    fn pick_binary[T: Element, F: Binary] = binary(x: &[T], y: &[T], out: &mut [T]);
    fn pick_twin[T: Element, F: Twin] = twin(x: &[T], first: &mut [T], second: &mut [T]);
}

fn check(isa: Isa, same_length: bool) {
    assert!(isa.is_available(), "this machine has no {isa}");
    assert!(same_length, "arguments and results have one length");
}

macro_rules! slices {
    ($pick:ident $args:tt -> $outs:tt: $($ty:ident $f64:ident $f32:ident,)+) => {$(
        slices!(@one $pick $ty f64 $f64 $args $outs "");
        slices!(@one $pick $ty f32 $f32 $args $outs ", through f64 and rounded once");
    )+};
    (@one $pick:ident $ty:ident $t:ident $name:ident ($x0:ident $(, $x:ident)*) ($($out:ident),+) $how:literal) => {
        #[doc = concat!("[`", stringify!($ty), "`] of every element", $how, ".")]
        pub fn $name(isa: Isa, $x0: &[$t], $($x: &[$t],)* $($out: &mut [$t]),+) {
            let n = $x0.len();
            check(isa, true $(&& $x.len() == n)* $(&& $out.len() == n)+);
            // SAFETY: the machine has the instruction set.
            unsafe { $pick::<$t, $ty>(isa)($x0, $($x,)* $($out),+) }
        }
    };
}

slices! { pick_unary(x) -> (out):
    Exp exp_slice exp_slice_f32,
    Expm1 expm1_slice expm1_slice_f32,
    Ln ln_slice ln_slice_f32,
    Log1p log1p_slice log1p_slice_f32,
    Tanh tanh_slice tanh_slice_f32,
    Sigmoid sigmoid_slice sigmoid_slice_f32,
    Softplus softplus_slice softplus_slice_f32,
    Sin sin_slice sin_slice_f32,
    Cos cos_slice cos_slice_f32,
    Erf erf_slice erf_slice_f32,
    Erfc erfc_slice erfc_slice_f32,
    Erfcx erfcx_slice erfcx_slice_f32,
    Ndtr ndtr_slice ndtr_slice_f32,
    LogNdtr log_ndtr_slice log_ndtr_slice_f32,
    Ndtri ndtri_slice ndtri_slice_f32,
    Lgamma lgamma_slice lgamma_slice_f32,
    Digamma digamma_slice digamma_slice_f32,
    Trigamma trigamma_slice trigamma_slice_f32,
    LgammaRest lgamma_rest_slice lgamma_rest_slice_f32,
    DigammaRest digamma_rest_slice digamma_rest_slice_f32,
    TrigammaRest trigamma_rest_slice trigamma_rest_slice_f32,
    Sqrt sqrt_slice sqrt_slice_f32,
    Recip recip_slice recip_slice_f32,
    Atan atan_slice atan_slice_f32,
    LogBesselI0e log_bessel_i0e_slice log_bessel_i0e_slice_f32,
    BesselGap bessel_gap_slice bessel_gap_slice_f32,
}
slices! { pick_binary(x, y) -> (out):
    Pow pow_slice pow_slice_f32,
    Log1pGap log1p_gap_slice log1p_gap_slice_f32,
}
slices! { pick_twin(x) -> (first, second):
    SoftplusSigmoid softplus_sigmoid_slice softplus_sigmoid_slice_f32,
    SinCos sin_cos_slice sin_cos_slice_f32,
    LnQHazard ln_q_hazard_slice ln_q_hazard_slice_f32,
}
