//! [`Pack`] in plain arithmetic: every target has it, and it never calls a library.

use super::{Isa, LaneMask, Pack};
use std::array::from_fn;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Eight lanes in an array; the compiler vectorises as far as the target allows.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Baseline([f64; 8]);

/// All bits of a lane set where true.
#[derive(Clone, Copy)]
pub struct MaskBaseline([u64; 8]);

/// 2^52: adding and subtracting it rounds to an integer, ties to even.
const TWO52: f64 = 4503599627370496.0;

impl LaneMask for MaskBaseline {
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        MaskBaseline(from_fn(
            #[inline(always)]
            |i| self.0[i] & other.0[i],
        ))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        MaskBaseline(from_fn(
            #[inline(always)]
            |i| self.0[i] | other.0[i],
        ))
    }
    #[inline(always)]
    fn not(self) -> Self {
        MaskBaseline(from_fn(
            #[inline(always)]
            |i| !self.0[i],
        ))
    }
    #[inline(always)]
    fn bits(self) -> u8 {
        let mut bits = 0;
        for i in 0..8 {
            bits |= (self.0[i] & 1) << i;
        }
        bits as u8
    }
}

impl Baseline {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut out = self;
        for i in 0..8 {
            out.0[i] = f(self.0[i], b.0[i]);
        }
        out
    }

    #[inline(always)]
    fn zip_bits(self, b: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        self.zip(
            b,
            #[inline(always)]
            |x, y| f64::from_bits(f(x.to_bits(), y.to_bits())),
        )
    }

    #[inline(always)]
    fn compare(self, b: Self, f: impl Fn(f64, f64) -> bool) -> MaskBaseline {
        let mut out = [0; 8];
        for (out, (x, y)) in out.iter_mut().zip(self.0.into_iter().zip(b.0)) {
            *out = if f(x, y) { u64::MAX } else { 0 };
        }
        MaskBaseline(out)
    }

    /// Veltkamp's split into 26 and 27 bits.
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let c = self * Self::splat(134217729.0); // 2^27 + 1
        let hi = c - (c - self);
        (hi, self - hi)
    }
}

macro_rules! operators {
    ($($op:ident $method:ident $symbol:tt;)*) => {$(
        impl $op for Baseline {
            type Output = Baseline;
            #[inline(always)]
            fn $method(self, b: Baseline) -> Baseline {
                self.zip(b, #[inline(always)] |x, y| x $symbol y)
            }
        }
    )*};
}
operators! { Add add +; Sub sub -; Mul mul *; Div div /; }

impl Neg for Baseline {
    type Output = Baseline;
    #[inline(always)]
    fn neg(self) -> Baseline {
        self.xor(Baseline::splat(-0.0))
    }
}

impl Pack for Baseline {
    const ISA: Isa = Isa::Baseline;
    type Mask = MaskBaseline;
    type Unfused = Baseline;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Baseline([x; 8])
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        Baseline(unsafe { *p.cast::<[f64; 8]>() })
    }
    #[inline(always)]
    unsafe fn load_unaligned(p: *const f64) -> Self {
        Baseline(unsafe { *p.cast::<[f64; 8]>() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        unsafe { *p.cast::<[f64; 8]>() = self.0 }
    }
    #[inline(always)]
    unsafe fn store_unaligned(self, p: *mut f64) {
        unsafe { *p.cast::<[f64; 8]>() = self.0 }
    }
    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> Self {
        Baseline(unsafe { *p.cast::<[f32; 8]>() }.map(f64::from))
    }
    #[inline(always)]
    unsafe fn store_f32(self, p: *mut f32) {
        unsafe {
            *p.cast::<[f32; 8]>() = self.0.map(
                #[inline(always)]
                |x| x as f32,
            )
        }
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // Not f64::mul_add: without FMA that is a library call of 28 ns.
        self * b + c
    }
    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        self * b - c
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        c - self * b
    }
    #[inline(always)]
    fn two_prod(self, b: Self) -> (Self, Self) {
        // Dekker's product.
        let p = self * b;
        let (ah, al) = self.split();
        let (bh, bl) = b.split();
        (p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f64::sqrt)
    }
    #[inline(always)]
    fn min(self, data: Self) -> Self {
        self.zip(
            data,
            #[inline(always)]
            |a, b| if a < b { a } else { b },
        )
    }
    #[inline(always)]
    fn max(self, data: Self) -> Self {
        self.zip(
            data,
            #[inline(always)]
            |a, b| if a > b { a } else { b },
        )
    }
    #[inline(always)]
    fn floor(self) -> Self {
        let r = self.round();
        r - Self::from_mask(r.gt(self))
    }
    #[inline(always)]
    fn round(self) -> Self {
        let big = Self::splat(TWO52);
        let magnitude = self.abs();
        let rounded = (magnitude + big) - big;
        Self::select(magnitude.lt(big), rounded.copysign(self), self)
    }

    #[inline(always)]
    fn lt(self, b: Self) -> MaskBaseline {
        self.compare(
            b,
            #[inline(always)]
            |x, y| x < y,
        )
    }
    #[inline(always)]
    fn le(self, b: Self) -> MaskBaseline {
        self.compare(
            b,
            #[inline(always)]
            |x, y| x <= y,
        )
    }
    #[inline(always)]
    fn eq(self, b: Self) -> MaskBaseline {
        self.compare(
            b,
            #[inline(always)]
            |x, y| x == y,
        )
    }
    #[inline(always)]
    fn select(mask: MaskBaseline, a: Self, b: Self) -> Self {
        let mut out = a;
        for i in 0..8 {
            let m = mask.0[i];
            out.0[i] = f64::from_bits(a.0[i].to_bits() & m | b.0[i].to_bits() & !m);
        }
        out
    }

    #[inline(always)]
    fn and(self, b: Self) -> Self {
        self.zip_bits(
            b,
            #[inline(always)]
            |x, y| x & y,
        )
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        self.zip_bits(
            b,
            #[inline(always)]
            |x, y| x | y,
        )
    }
    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        self.zip_bits(
            b,
            #[inline(always)]
            |x, y| x ^ y,
        )
    }
    #[inline(always)]
    fn add_bits(self, b: Self) -> Self {
        self.zip_bits(b, u64::wrapping_add)
    }
    #[inline(always)]
    fn sub_bits(self, b: Self) -> Self {
        self.zip_bits(b, u64::wrapping_sub)
    }
    #[inline(always)]
    fn shl_bits(self, n: u32) -> Self {
        self.zip_bits(
            self,
            #[inline(always)]
            move |x, _| x << n,
        )
    }
    #[inline(always)]
    fn shr_bits(self, n: u32) -> Self {
        self.zip_bits(
            self,
            #[inline(always)]
            move |x, _| x >> n,
        )
    }
}
