//! [`Pack`] in one 512-bit register.

use super::{Isa, LaneMask, Pack};
use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Eight lanes in one AVX-512 register; `FUSED` is whether `mul_add` rounds once.
#[derive(Clone, Copy)]
pub struct Avx512<const FUSED: bool = true>(__m512d);

/// One bit per lane.
#[derive(Clone, Copy)]
pub struct Mask512(__mmask8);

impl LaneMask for Mask512 {
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Mask512(self.0 & other.0)
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Mask512(self.0 | other.0)
    }
    #[inline(always)]
    fn not(self) -> Self {
        Mask512(!self.0)
    }
    #[inline(always)]
    fn bits(self) -> u8 {
        self.0
    }
}

macro_rules! operators {
    ($($op:ident $method:ident $intrinsic:ident;)*) => {$(
        impl<const FUSED: bool> $op for Avx512<FUSED> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                // SAFETY: see `Pack`: the machine has AVX-512.
                Self(unsafe { $intrinsic(self.0, b.0) })
            }
        }
    )*};
}
operators! {
    Add add _mm512_add_pd;
    Sub sub _mm512_sub_pd;
    Mul mul _mm512_mul_pd;
    Div div _mm512_div_pd;
}

impl<const FUSED: bool> Neg for Avx512<FUSED> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.xor(Self::splat(-0.0))
    }
}

/// A bitwise or integer intrinsic on the lanes' bits.
macro_rules! on_bits {
    ($intrinsic:ident, $a:expr, $b:expr) => {
        // SAFETY: see `Pack`: the machine has AVX-512.
        Self(unsafe { _mm512_castsi512_pd($intrinsic(_mm512_castpd_si512($a.0), _mm512_castpd_si512($b.0))) })
    };
}

// SAFETY of the blocks below: see `Pack`: the machine has AVX-512; pointers as the trait demands.
impl<const FUSED: bool> Pack for Avx512<FUSED> {
    const ISA: Isa = Isa::Avx512;
    type Mask = Mask512;
    type Unfused = Avx512<false>;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self(unsafe { _mm512_set1_pd(x) })
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        Self(unsafe { _mm512_load_pd(p) })
    }
    #[inline(always)]
    unsafe fn load_unaligned(p: *const f64) -> Self {
        Self(unsafe { _mm512_loadu_pd(p) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        unsafe { _mm512_store_pd(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_unaligned(self, p: *mut f64) {
        unsafe { _mm512_storeu_pd(p, self.0) }
    }
    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> Self {
        Self(unsafe { _mm512_cvtps_pd(_mm256_loadu_ps(p)) })
    }
    #[inline(always)]
    unsafe fn store_f32(self, p: *mut f32) {
        unsafe { _mm256_storeu_ps(p, _mm512_cvtpd_ps(self.0)) }
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        if FUSED { Self(unsafe { _mm512_fmadd_pd(self.0, b.0, c.0) }) } else { self * b + c }
    }
    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        if FUSED { Self(unsafe { _mm512_fmsub_pd(self.0, b.0, c.0) }) } else { self * b - c }
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        if FUSED { Self(unsafe { _mm512_fnmadd_pd(self.0, b.0, c.0) }) } else { c - self * b }
    }
    #[inline(always)]
    fn two_prod(self, b: Self) -> (Self, Self) {
        let p = self * b;
        (p, Self(unsafe { _mm512_fmsub_pd(self.0, b.0, p.0) }))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(unsafe { _mm512_sqrt_pd(self.0) })
    }
    #[inline(always)]
    fn min(self, data: Self) -> Self {
        Self(unsafe { _mm512_min_pd(self.0, data.0) })
    }
    #[inline(always)]
    fn max(self, data: Self) -> Self {
        Self(unsafe { _mm512_max_pd(self.0, data.0) })
    }
    #[inline(always)]
    fn floor(self) -> Self {
        const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
        Self(unsafe { _mm512_roundscale_pd::<DOWN>(self.0) })
    }
    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        Self(unsafe { _mm512_roundscale_pd::<NEAREST>(self.0) })
    }

    #[inline(always)]
    fn lt(self, b: Self) -> Mask512 {
        Mask512(unsafe { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.0, b.0) })
    }
    #[inline(always)]
    fn le(self, b: Self) -> Mask512 {
        Mask512(unsafe { _mm512_cmp_pd_mask::<_CMP_LE_OQ>(self.0, b.0) })
    }
    #[inline(always)]
    fn eq(self, b: Self) -> Mask512 {
        Mask512(unsafe { _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(self.0, b.0) })
    }
    #[inline(always)]
    fn select(mask: Mask512, a: Self, b: Self) -> Self {
        Self(unsafe { _mm512_mask_blend_pd(mask.0, b.0, a.0) })
    }

    #[inline(always)]
    fn and(self, b: Self) -> Self {
        on_bits!(_mm512_and_si512, self, b)
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        on_bits!(_mm512_or_si512, self, b)
    }
    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        on_bits!(_mm512_xor_si512, self, b)
    }
    #[inline(always)]
    fn add_bits(self, b: Self) -> Self {
        on_bits!(_mm512_add_epi64, self, b)
    }
    #[inline(always)]
    fn sub_bits(self, b: Self) -> Self {
        on_bits!(_mm512_sub_epi64, self, b)
    }
    #[inline(always)]
    fn shl_bits(self, n: u32) -> Self {
        on_bits!(_mm512_sllv_epi64, self, Self::splat_bits(n.into()))
    }
    #[inline(always)]
    fn shr_bits(self, n: u32) -> Self {
        on_bits!(_mm512_srlv_epi64, self, Self::splat_bits(n.into()))
    }

    #[inline(always)]
    fn ln_edges(self, x: Self) -> Self {
        // A response for each class of x, four bits each: NaN (quiet, signalling) -> NaN, 0 -> -inf,
        // 1 -> self, -inf -> NaN, inf -> inf, below 0 -> NaN, above 0 -> self.
        const RESPONSES: i64 = 0x0353_0422;
        Self(unsafe { _mm512_fixupimm_pd::<0>(self.0, x.0, _mm512_set1_epi64(RESPONSES)) })
    }

    #[inline(always)]
    fn ldexp(self, k: Self) -> Self {
        Self(unsafe { _mm512_scalef_pd(self.0, k.0) })
    }
}
