//! The loops that run: one function pointer an instruction, compiled for every instruction set.
//!
//! A *pack* is one element for the eight lanes of a tile, 64 bytes. An operand is either a lane
//! array (`[element][8]`, any stride, 0 for a lane scalar) or draw-free numbers that are broadcast
//! over the lanes as they are read; steps are counted in `f64`.

pub mod affine;
pub mod choose;
pub mod dense;
pub mod log_tail;
pub mod map;
pub mod packed;
pub mod reduce;

use numerics::simd::Pack;

/// How an operand is read.
pub trait Source: 'static {
    /// Reads the pack at `p`.
    /// # Safety
    /// `p` points to eight readable `f64` for lanes, to one for broadcast numbers.
    unsafe fn read<P: Pack>(p: *const f64) -> P;
}

/// `[element][8]`.
pub struct Lane;
/// One number for all lanes.
pub struct Fixed;

impl Source for Lane {
    #[inline(always)]
    unsafe fn read<P: Pack>(p: *const f64) -> P {
        unsafe { P::load_unaligned(p) }
    }
}

impl Source for Fixed {
    #[inline(always)]
    unsafe fn read<P: Pack>(p: *const f64) -> P {
        unsafe { P::splat(*p) }
    }
}
