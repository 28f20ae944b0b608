//! Eight `f64` lanes under one instruction set, and kernels written once for all of them.
//!
//! A kernel is one generic function over [`Pack`], marked `#[inline(always)]`; [`dispatch!`](crate::dispatch)
//! compiles it for every instruction set and hands out a function pointer for the one asked for:
//!
//! ```
//! use numerics::{dispatch, lanes::AlignedVec, simd::{Isa, Pack}};
//!
//! /// `out[i] = a[i] * b[i] + 1`; `n` is a multiple of eight, the pointers are 64-byte aligned.
//! #[inline(always)]
//! unsafe fn mul_add_one<P: Pack>(a: *const f64, b: *const f64, out: *mut f64, n: usize) {
//!     let one = P::splat(1.0);
//!     for i in (0..n).step_by(8) {
//!         unsafe { P::load(a.add(i)).mul_add(P::load(b.add(i)), one).store(out.add(i)) }
//!     }
//! }
//!
//! dispatch! {
//!     /// Picks [`mul_add_one`] for an instruction set.
//!     fn pick = mul_add_one(a: *const f64, b: *const f64, out: *mut f64, n: usize);
//! }
//!
//! let a = AlignedVec::from_slice(&[2.0; 16]);
//! let mut out = AlignedVec::zeroed(16);
//! let kernel = pick(Isa::detect());
//! // SAFETY: the instruction set was detected, the buffers are aligned and hold 16 elements.
//! unsafe { kernel(a.as_ptr(), a.as_ptr(), out.as_mut_ptr(), 16) };
//! assert_eq!(out[15], 5.0);
//! ```
//!
//! A family of kernels that differ in an operation takes further type parameters in brackets:
//! `fn pick[O: UnaryOp] = unary(x: *const f64, ..)` makes `pick::<Exp>(isa)` from a kernel
//! `unary<P: Pack, O: UnaryOp>`.
//!
//! Rules for kernels: everything they call over `Pack` is `#[inline(always)]` too, closures included
//! (`#[inline(always)] |x| ..`), and none is handed to a library function such as `array::from_fn`: what does
//! not inline is compiled without the instruction set, correct but forty times slower.
//!
//! The same kernel gives the same bits for AVX2 and AVX-512, which both fuse `mul_add`; the baseline
//! rounds the product first and so differs in last places. Kernels on [`Pack::Unfused`] give one
//! result everywhere.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod baseline;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use baseline::Baseline;

use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::str::FromStr;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Isa {
    /// What every machine of the target has (SSE2 on x86-64); no fused multiply-add.
    Baseline,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, DQ and VL, with AVX2 and FMA.
    Avx512,
}

impl Isa {
    /// All instruction sets, simplest first.
    pub const ALL: [Isa; 3] = [Isa::Baseline, Isa::Avx2, Isa::Avx512];

    /// The best instruction set of this machine.
    pub fn detect() -> Isa {
        if Isa::Avx512.is_available() {
            Isa::Avx512
        } else if Isa::Avx2.is_available() {
            Isa::Avx2
        } else {
            Isa::Baseline
        }
    }

    /// Whether this machine can run it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            match self {
                Isa::Baseline => true,
                Isa::Avx2 => avx2(),
                Isa::Avx512 => {
                    avx2()
                        && is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("avx512dq")
                        && is_x86_feature_detected!("avx512vl")
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Isa::Baseline
        }
    }

    /// The word used on the command line and in `fit.json`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Baseline => "baseline",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no instruction set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownIsa {
    /// What was found.
    pub found: String,
}

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown instruction set `{}`: expected baseline, avx2 or avx512", self.found)
    }
}

impl std::error::Error for UnknownIsa {}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(s: &str) -> Result<Isa, UnknownIsa> {
        Isa::ALL.into_iter().find(|isa| isa.name() == s).ok_or_else(|| UnknownIsa { found: s.to_string() })
    }
}

/// Eight truth values, one per lane.
pub trait LaneMask: Copy + 'static {
    /// Lane by lane.
    fn and(self, other: Self) -> Self;
    /// Lane by lane.
    fn or(self, other: Self) -> Self;
    /// Lane by lane.
    fn not(self) -> Self;
    /// One bit per lane, lane 0 lowest.
    fn bits(self) -> u8;
    /// Whether any lane is true.
    #[inline(always)]
    fn any(self) -> bool {
        self.bits() != 0
    }
    /// Whether all eight lanes are true.
    #[inline(always)]
    fn all(self) -> bool {
        self.bits() == 0xff
    }
}

/// Eight `f64` lanes under one instruction set.
///
/// All methods are lane-wise and inlined. They may only run on a machine that has
/// [`ISA`](Pack::ISA): functions made by [`dispatch!`](crate::dispatch) see to that.
pub trait Pack:
    Copy
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The instruction set these lanes need.
    const ISA: Isa;
    /// Eight truth values.
    type Mask: LaneMask;
    /// The same lanes with `mul_add` rounding twice: arithmetic on them gives the same bits on every
    /// instruction set, the baseline's.
    type Unfused: Pack;

    /// `x` in every lane.
    fn splat(x: f64) -> Self;
    /// # Safety
    /// `p` is 64-byte aligned and points to eight readable `f64`.
    unsafe fn load(p: *const f64) -> Self;
    /// # Safety
    /// `p` points to eight readable `f64`.
    unsafe fn load_unaligned(p: *const f64) -> Self;
    /// # Safety
    /// `p` is 64-byte aligned and points to eight writable `f64`.
    unsafe fn store(self, p: *mut f64);
    /// # Safety
    /// `p` points to eight writable `f64`.
    unsafe fn store_unaligned(self, p: *mut f64);
    /// Widens eight `f32`, exactly.
    /// # Safety
    /// `p` points to eight readable `f32`.
    unsafe fn load_f32(p: *const f32) -> Self;
    /// Rounds to eight `f32`.
    /// # Safety
    /// `p` points to eight writable `f32`.
    unsafe fn store_f32(self, p: *mut f32);

    /// Lane 0 first.
    #[inline(always)]
    fn from_array(x: [f64; 8]) -> Self {
        // SAFETY: an array of eight.
        unsafe { Self::load_unaligned(x.as_ptr()) }
    }
    /// Lane 0 first.
    #[inline(always)]
    fn to_array(self) -> [f64; 8] {
        let mut x = [0.0; 8];
        // SAFETY: an array of eight.
        unsafe { self.store_unaligned(x.as_mut_ptr()) };
        x
    }

    /// `self * b + c`, rounded once where the instruction set has FMA, twice for the baseline.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self * b - c`, rounded as [`mul_add`](Pack::mul_add).
    fn mul_sub(self, b: Self, c: Self) -> Self;
    /// `c - self * b`, rounded as [`mul_add`](Pack::mul_add).
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
    /// `(p, e)` with `p = fl(self * b)` and `p + e = self * b` exactly, on every instruction set.
    /// Neither product nor (for the baseline) 2^27 times an argument may overflow, and the error
    /// term must not be subnormal.
    fn two_prod(self, b: Self) -> (Self, Self);

    /// Clears the sign, also of NaN.
    #[inline(always)]
    fn abs(self) -> Self {
        self.and(Self::splat_bits(!SIGN))
    }
    /// Magnitude of `self`, sign of `sign`.
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        let s = Self::splat_bits(SIGN);
        self.and(Self::splat_bits(!SIGN)).or(sign.and(s))
    }
    /// Correctly rounded; NaN below -0.
    fn sqrt(self) -> Self;
    /// `self < data ? self : data`: gives `data` if either is NaN, so put the data second and the
    /// bound first (`P::splat(0.0).min(x)`) and NaN survives.
    fn min(self, data: Self) -> Self;
    /// `self > data ? self : data`: gives `data` if either is NaN, as [`min`](Pack::min).
    fn max(self, data: Self) -> Self;
    /// Largest integer not above.
    fn floor(self) -> Self;
    /// Nearest integer, ties to even.
    fn round(self) -> Self;

    /// False if either is NaN.
    fn lt(self, b: Self) -> Self::Mask;
    /// False if either is NaN.
    fn le(self, b: Self) -> Self::Mask;
    /// False if either is NaN.
    #[inline(always)]
    fn gt(self, b: Self) -> Self::Mask {
        b.lt(self)
    }
    /// False if either is NaN.
    #[inline(always)]
    fn ge(self, b: Self) -> Self::Mask {
        b.le(self)
    }
    /// False if either is NaN.
    fn eq(self, b: Self) -> Self::Mask;
    /// True if either is NaN.
    #[inline(always)]
    fn ne(self, b: Self) -> Self::Mask {
        self.eq(b).not()
    }
    /// True for NaN.
    #[inline(always)]
    fn is_nan(self) -> Self::Mask {
        self.ne(self)
    }
    /// True for everything but infinities and NaN.
    #[inline(always)]
    fn is_finite(self) -> Self::Mask {
        self.abs().lt(Self::splat(f64::INFINITY))
    }

    /// `a` where the mask is true, `b` elsewhere (bits are moved, NaN included).
    fn select(mask: Self::Mask, a: Self, b: Self) -> Self;
    /// 1 where true, 0 where false.
    #[inline(always)]
    fn from_mask(mask: Self::Mask) -> Self {
        Self::select(mask, Self::splat(1.0), Self::splat(0.0))
    }

    /// The bits `x` in every lane.
    #[inline(always)]
    fn splat_bits(x: u64) -> Self {
        Self::splat(f64::from_bits(x))
    }
    /// Bitwise and.
    fn and(self, b: Self) -> Self;
    /// Bitwise or.
    fn or(self, b: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, b: Self) -> Self;
    /// Adds the lanes' bits as `u64`, wrapping.
    fn add_bits(self, b: Self) -> Self;
    /// Subtracts the lanes' bits as `u64`, wrapping.
    fn sub_bits(self, b: Self) -> Self;
    /// Shifts the bits up by `n < 64`.
    fn shl_bits(self, n: u32) -> Self;
    /// Shifts the bits down by `n < 64`, filling with zeros.
    fn shr_bits(self, n: u32) -> Self;

    /// `self * 2^k` rounded once (into subnormals, zero or infinity where it must), for integral `k`
    /// with |k| <= 2000 and 2^-20 <= |self| <= 2^20; the AVX-512 instruction has no such limits.
    #[inline(always)]
    fn ldexp(self, k: Self) -> Self {
        // Two exact powers of two, so that only the last product can round.
        let half = (k * Self::splat(0.5)).floor();
        self * half.exp2_integer() * (k - half).exp2_integer()
    }
    /// `2^k` for integral `k` in -1022..=1023.
    #[inline(always)]
    fn exp2_integer(self) -> Self {
        // 2^52 + (k + 1023) holds the biased exponent in its low bits.
        (self + Self::splat(4503599627370496.0 + 1023.0)).shl_bits(52)
    }
    /// `(m, e)` with `self = m * 2^e` and sqrt(1/2) <= m < sqrt(2), for positive, normal `self`
    /// (anything else gives harmless nonsense).
    #[inline(always)]
    fn split_sqrt2(self) -> (Self, Self) {
        // As in ARM's optimised routines: shift the origin so that the exponent steps at sqrt(1/2).
        const OFFSET: u64 = 0x3fe6_a09e_667f_3bcd; // sqrt(1/2), rounded up
        let shifted = self.add_bits(Self::splat_bits(ONE_BITS - OFFSET));
        let biased = shifted.shr_bits(52);
        let e = biased.or(Self::splat_bits(TWO52_BITS)) - Self::splat(4503599627370496.0 + 1023.0);
        let m = self.sub_bits(biased.sub_bits(Self::splat_bits(1023)).shl_bits(52));
        (m, e)
    }

    /// `self`, a logarithm of `x`, where x is positive and finite; where not, ln's value there: -inf at
    /// +-0, inf at inf, NaN below 0 and for NaN. (One instruction for AVX-512.)
    #[inline(always)]
    fn ln_edges(self, x: Self) -> Self {
        let pole = Self::splat(f64::NEG_INFINITY);
        let pole = Self::select(x.eq(Self::splat(0.0)), pole, Self::splat(f64::NAN));
        let y = Self::select(x.lt(Self::splat(f64::INFINITY)), self, x);
        Self::select(x.le(Self::splat(0.0)), pole, y)
    }

    /// One scalar call per lane: for what has no vector code.
    #[inline(always)]
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        let mut x = self.to_array();
        for v in &mut x {
            *v = f(*v);
        }
        Self::from_array(x)
    }
    /// The sum of the lanes by the tree ((0+4)+(2+6)) + ((1+5)+(3+7)), on every instruction set.
    #[inline(always)]
    fn sum_lanes(self) -> f64 {
        let x = self.to_array();
        ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]))
    }
}

const SIGN: u64 = 1 << 63;
const ONE_BITS: u64 = 0x3ff0_0000_0000_0000;
const TWO52_BITS: u64 = 0x4330_0000_0000_0000;

/// Compiles a generic kernel for every instruction set: see the [module page](crate::simd).
///
/// `vis fn name[T: Bound, ..] = kernel(arg: Type, ..) -> Ret;` makes
/// `vis fn name<T: Bound, ..>(isa: Isa) -> unsafe fn(Type, ..) -> Ret` from
/// `kernel<P: Pack, T: Bound, ..>(arg: Type, ..) -> Ret`; brackets and return type may be left out.
/// Calling the pointer is unsafe: the machine must have `isa`, and the kernel's own conditions hold.
/// Where the target has no such instruction set, the baseline's pointer is returned.
#[macro_export]
macro_rules! dispatch {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident $([$($g:ident : $bound:path),+ $(,)?])?
            = $kernel:ident ($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? ;
    )+) => {$(
        $(#[$meta])*
        $vis fn $name $(<$($g: $bound),+>)? (
            isa: $crate::simd::Isa,
        ) -> unsafe fn($($ty),*) $(-> $ret)? {
            #[allow(unused_unsafe)]
            unsafe fn baseline $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
                unsafe { $kernel::<$crate::simd::Baseline $($(, $g)+)?>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(unused_unsafe)]
            unsafe fn avx2 $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
                unsafe { $kernel::<$crate::simd::Avx2 $($(, $g)+)?>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
            #[allow(unused_unsafe)]
            unsafe fn avx512 $(<$($g: $bound),+>)? ($($arg: $ty),*) $(-> $ret)? {
                unsafe { $kernel::<$crate::simd::Avx512 $($(, $g)+)?>($($arg),*) }
            }
            match isa {
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Isa::Avx512 => avx512 $(::<$($g),+>)?,
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Isa::Avx2 => avx2 $(::<$($g),+>)?,
                _ => baseline $(::<$($g),+>)?,
            }
        }
    )+};
}

#[cfg(test)]
pub(crate) mod tests;
