//! Sums of plain, scaled and gathered terms.

use numerics::dispatch;
use numerics::simd::{Isa, Pack};

/// What a term is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Lanes.
    Lane,
    /// Draw-free numbers.
    Fixed,
    /// Draw-free numbers times a lane scalar.
    Scaled,
    /// Lanes at the positions of an index.
    Gather,
}

/// A term with its addresses; steps in `f64` (of the index in positions).
#[derive(Clone, Copy, Debug)]
pub struct Term {
    pub kind: Kind,
    pub negative: bool,
    pub p: *const f64,
    pub step: usize,
    pub scale: *const f64,
    pub index: *const u32,
    pub index_step: usize,
}

/// `out` and its step, elements, terms.
pub type AffineFn = unsafe fn(out: *mut f64, step: usize, n: usize, terms: &[Term]);

/// Adds a term to `W` elements from element `at`; with `UNIT` its elements stand together, so that
/// their addresses are constants.
#[inline(always)]
unsafe fn add<P: Pack, const W: usize, const UNIT: bool>(sum: &mut [P; W], at: usize, t: &Term) {
    let step = match (UNIT, t.kind) {
        (false, _) => t.step,
        (true, Kind::Lane | Kind::Gather) => 8,
        (true, _) => 1,
    };
    let index_step = if UNIT { 1 } else { t.index_step };
    unsafe {
        match t.kind {
            Kind::Scaled => {
                let p = t.p.add(at * step);
                let scale = P::load_unaligned(t.scale);
                let scale = if t.negative { -scale } else { scale };
                for (i, sum) in sum.iter_mut().enumerate() {
                    *sum = scale.mul_add(P::splat(*p.add(i * step)), *sum);
                }
            }
            Kind::Fixed => {
                let p = t.p.add(at * step);
                if t.negative {
                    for (i, sum) in sum.iter_mut().enumerate() {
                        *sum = *sum - P::splat(*p.add(i * step));
                    }
                } else {
                    for (i, sum) in sum.iter_mut().enumerate() {
                        *sum = *sum + P::splat(*p.add(i * step));
                    }
                }
            }
            Kind::Lane => {
                let p = t.p.add(at * step);
                if t.negative {
                    for (i, sum) in sum.iter_mut().enumerate() {
                        *sum = *sum - P::load_unaligned(p.add(i * step));
                    }
                } else {
                    for (i, sum) in sum.iter_mut().enumerate() {
                        *sum = *sum + P::load_unaligned(p.add(i * step));
                    }
                }
            }
            Kind::Gather => {
                let index = t.index.add(at * index_step);
                if t.negative {
                    for (i, sum) in sum.iter_mut().enumerate() {
                        *sum = *sum - P::load_unaligned(t.p.add(*index.add(i * index_step) as usize * step));
                    }
                } else {
                    for (i, sum) in sum.iter_mut().enumerate() {
                        *sum = *sum + P::load_unaligned(t.p.add(*index.add(i * index_step) as usize * step));
                    }
                }
            }
        }
    }
}

/// `W` elements from element `at`.
#[inline(always)]
unsafe fn some<P: Pack, const W: usize>(out: *mut f64, step: usize, at: usize, terms: &[Term]) {
    let mut sum = [P::splat(0.0); W];
    for t in terms {
        let unit = match t.kind {
            Kind::Lane => t.step == 8,
            Kind::Gather => t.step == 8 && t.index_step == 1,
            Kind::Fixed | Kind::Scaled => t.step == 1,
        };
        unsafe {
            if unit {
                add::<P, W, true>(&mut sum, at, t);
            } else {
                add::<P, W, false>(&mut sum, at, t);
            }
        }
    }
    for (i, sum) in sum.into_iter().enumerate() {
        unsafe { sum.store_unaligned(out.add((at + i) * step)) };
    }
}

#[inline(always)]
unsafe fn affine<P: Pack>(out: *mut f64, step: usize, n: usize, terms: &[Term]) {
    let mut at = 0;
    unsafe {
        if P::ISA == Isa::Avx512 {
            while at + 8 <= n {
                some::<P, 8>(out, step, at, terms);
                at += 8;
            }
        } else {
            while at + 4 <= n {
                some::<P, 4>(out, step, at, terms);
                at += 4;
            }
        }
        while at < n {
            some::<P, 1>(out, step, at, terms);
            at += 1;
        }
    }
}

dispatch! {
    /// The kernel for an instruction set.
    pub fn pick = affine(out: *mut f64, step: usize, n: usize, terms: &[Term]);
}
