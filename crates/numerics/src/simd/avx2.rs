//! [`Pack`] in two 256-bit registers.

use super::{Isa, LaneMask, Pack};
use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Eight lanes in two AVX registers; `FUSED` is whether `mul_add` rounds once.
#[derive(Clone, Copy)]
pub struct Avx2<const FUSED: bool = true>([__m256d; 2]);

/// All bits of a lane set where true.
#[derive(Clone, Copy)]
pub struct Mask256([__m256d; 2]);

/// An intrinsic on both halves; arguments are packs or masks.
macro_rules! halves {
    ($intrinsic:ident $(::<$c:ident>)? ($($a:expr),*)) => {
        // SAFETY: see `Pack`: the machine has AVX2 and FMA.
        unsafe { [$intrinsic $(::<$c>)? ($($a.0[0]),*), $intrinsic $(::<$c>)? ($($a.0[1]),*)] }
    };
}

impl LaneMask for Mask256 {
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Mask256(halves!(_mm256_and_pd(self, other)))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Mask256(halves!(_mm256_or_pd(self, other)))
    }
    #[inline(always)]
    fn not(self) -> Self {
        let ones = <Avx2>::splat_bits(u64::MAX);
        Mask256(halves!(_mm256_xor_pd(self, ones)))
    }
    #[inline(always)]
    fn bits(self) -> u8 {
        let [a, b] = halves!(_mm256_movemask_pd(self));
        (a | b << 4) as u8
    }
}

macro_rules! operators {
    ($($op:ident $method:ident $intrinsic:ident;)*) => {$(
        impl<const FUSED: bool> $op for Avx2<FUSED> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                Self(halves!($intrinsic(self, b)))
            }
        }
    )*};
}
operators! {
    Add add _mm256_add_pd;
    Sub sub _mm256_sub_pd;
    Mul mul _mm256_mul_pd;
    Div div _mm256_div_pd;
}

impl<const FUSED: bool> Neg for Avx2<FUSED> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.xor(Self::splat(-0.0))
    }
}

/// An integer intrinsic on the lanes' bits.
macro_rules! on_bits {
    ($intrinsic:ident, $a:expr, $b:expr) => {{
        let (a, b) = ($a.0, $b.0);
        // SAFETY: see `Pack`: the machine has AVX2.
        Self(unsafe {
            [
                _mm256_castsi256_pd($intrinsic(_mm256_castpd_si256(a[0]), _mm256_castpd_si256(b[0]))),
                _mm256_castsi256_pd($intrinsic(_mm256_castpd_si256(a[1]), _mm256_castpd_si256(b[1]))),
            ]
        })
    }};
}

// SAFETY of the blocks below: see `Pack`: the machine has AVX2; pointers as the trait demands.
impl<const FUSED: bool> Pack for Avx2<FUSED> {
    const ISA: Isa = Isa::Avx2;
    type Mask = Mask256;
    type Unfused = Avx2<false>;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self([unsafe { _mm256_set1_pd(x) }; 2])
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        Self(unsafe { [_mm256_load_pd(p), _mm256_load_pd(p.add(4))] })
    }
    #[inline(always)]
    unsafe fn load_unaligned(p: *const f64) -> Self {
        Self(unsafe { [_mm256_loadu_pd(p), _mm256_loadu_pd(p.add(4))] })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        unsafe {
            _mm256_store_pd(p, self.0[0]);
            _mm256_store_pd(p.add(4), self.0[1]);
        }
    }
    #[inline(always)]
    unsafe fn store_unaligned(self, p: *mut f64) {
        unsafe {
            _mm256_storeu_pd(p, self.0[0]);
            _mm256_storeu_pd(p.add(4), self.0[1]);
        }
    }
    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> Self {
        Self(unsafe { [_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_cvtps_pd(_mm_loadu_ps(p.add(4)))] })
    }
    #[inline(always)]
    unsafe fn store_f32(self, p: *mut f32) {
        unsafe {
            _mm_storeu_ps(p, _mm256_cvtpd_ps(self.0[0]));
            _mm_storeu_ps(p.add(4), _mm256_cvtpd_ps(self.0[1]));
        }
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        if FUSED { Self(halves!(_mm256_fmadd_pd(self, b, c))) } else { self * b + c }
    }
    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        if FUSED { Self(halves!(_mm256_fmsub_pd(self, b, c))) } else { self * b - c }
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        if FUSED { Self(halves!(_mm256_fnmadd_pd(self, b, c))) } else { c - self * b }
    }
    #[inline(always)]
    fn two_prod(self, b: Self) -> (Self, Self) {
        let p = self * b;
        (p, Self(halves!(_mm256_fmsub_pd(self, b, p))))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(halves!(_mm256_sqrt_pd(self)))
    }
    #[inline(always)]
    fn min(self, data: Self) -> Self {
        Self(halves!(_mm256_min_pd(self, data)))
    }
    #[inline(always)]
    fn max(self, data: Self) -> Self {
        Self(halves!(_mm256_max_pd(self, data)))
    }
    #[inline(always)]
    fn floor(self) -> Self {
        const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
        Self(halves!(_mm256_round_pd::<DOWN>(self)))
    }
    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        Self(halves!(_mm256_round_pd::<NEAREST>(self)))
    }

    #[inline(always)]
    fn lt(self, b: Self) -> Mask256 {
        Mask256(halves!(_mm256_cmp_pd::<_CMP_LT_OQ>(self, b)))
    }
    #[inline(always)]
    fn le(self, b: Self) -> Mask256 {
        Mask256(halves!(_mm256_cmp_pd::<_CMP_LE_OQ>(self, b)))
    }
    #[inline(always)]
    fn eq(self, b: Self) -> Mask256 {
        Mask256(halves!(_mm256_cmp_pd::<_CMP_EQ_OQ>(self, b)))
    }
    #[inline(always)]
    fn select(mask: Mask256, a: Self, b: Self) -> Self {
        Self(halves!(_mm256_blendv_pd(b, a, mask)))
    }

    #[inline(always)]
    fn and(self, b: Self) -> Self {
        Self(halves!(_mm256_and_pd(self, b)))
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        Self(halves!(_mm256_or_pd(self, b)))
    }
    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        Self(halves!(_mm256_xor_pd(self, b)))
    }
    #[inline(always)]
    fn add_bits(self, b: Self) -> Self {
        on_bits!(_mm256_add_epi64, self, b)
    }
    #[inline(always)]
    fn sub_bits(self, b: Self) -> Self {
        on_bits!(_mm256_sub_epi64, self, b)
    }
    #[inline(always)]
    fn shl_bits(self, n: u32) -> Self {
        on_bits!(_mm256_sllv_epi64, self, Self::splat_bits(n.into()))
    }
    #[inline(always)]
    fn shr_bits(self, n: u32) -> Self {
        on_bits!(_mm256_srlv_epi64, self, Self::splat_bits(n.into()))
    }
}
