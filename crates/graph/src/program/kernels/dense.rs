//! Small dense linear algebra, the eight lanes side by side.

use numerics::dispatch;
use numerics::simd::{Isa, LaneMask, Pack};

use super::{Fixed, Lane, Source};

/// Steps in `f64`: of the matrix along rows and columns; of result and right-hand side along rows.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    pub n: usize,
    /// Of the operand.
    pub a: [usize; 2],
    /// Of the result; for a solve the second is the right-hand side's step.
    pub out: [usize; 2],
    pub transposed: bool,
}

/// `out`, matrix, right-hand side (null for a factorisation).
pub type DenseFn = unsafe fn(out: *mut f64, a: *const f64, b: *const f64, m: &Matrix);

/// As `linear::cholesky`: lower triangle, zeros above; all NaN in a lane whose matrix is not positive
/// definite, that lane only.
#[inline(always)]
unsafe fn factor<P: Pack>(out: *mut f64, a: *const f64, _b: *const f64, m: &Matrix) {
    let at = |i: usize, j: usize, s: [usize; 2]| i * s[0] + j * s[1];
    let zero = P::splat(0.0);
    let mut definite = zero.eq(zero);
    unsafe {
        for j in 0..m.n {
            for i in 0..j {
                zero.store_unaligned(out.add(at(i, j, m.out)));
            }
            let mut pivot = zero;
            for i in j..m.n {
                let mut rest = P::load_unaligned(a.add(at(i, j, m.a)));
                for k in 0..j {
                    let (x, y) = (out.add(at(i, k, m.out)), out.add(at(j, k, m.out)));
                    rest = P::load_unaligned(x).neg_mul_add(P::load_unaligned(y), rest);
                }
                if i == j {
                    definite = definite.and(rest.gt(zero)).and(rest.is_finite());
                    pivot = rest.sqrt();
                    pivot.store_unaligned(out.add(at(i, j, m.out)));
                } else {
                    (rest / pivot).store_unaligned(out.add(at(i, j, m.out)));
                }
            }
        }
        if !definite.all() {
            let nan = P::splat(f64::NAN);
            for i in 0..m.n {
                for j in 0..m.n {
                    let p = out.add(at(i, j, m.out));
                    P::select(definite, P::load_unaligned(p), nan).store_unaligned(p);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn solve<P: Pack, L: Source, B: Source>(out: *mut f64, l: *const f64, b: *const f64, m: &Matrix) {
    let (step, b_step) = (m.out[0], m.out[1]);
    for s in 0..m.n {
        let i = if m.transposed { m.n - 1 - s } else { s };
        unsafe {
            let mut rest = B::read::<P>(b.add(i * b_step));
            for t in 0..s {
                let (j, at) = if m.transposed {
                    (m.n - 1 - t, (m.n - 1 - t) * m.a[0] + i * m.a[1])
                } else {
                    (t, i * m.a[0] + t * m.a[1])
                };
                rest = L::read::<P>(l.add(at)).neg_mul_add(P::load_unaligned(out.add(j * step)), rest);
            }
            (rest / L::read::<P>(l.add(i * (m.a[0] + m.a[1])))).store_unaligned(out.add(i * step));
        }
    }
}

dispatch! {
    fn pick_factor = factor(out: *mut f64, a: *const f64, b: *const f64, m: &Matrix);
    fn pick_solve[L: Source, B: Source] = solve(out: *mut f64, l: *const f64, b: *const f64, m: &Matrix);
}

pub fn cholesky(isa: Isa) -> DenseFn {
    pick_factor(isa)
}

/// `lanes`: whether matrix and right-hand side are lanes.
pub fn tri_solve(lanes: [bool; 2], isa: Isa) -> DenseFn {
    match lanes {
        [true, true] => pick_solve::<Lane, Lane>(isa),
        [true, false] => pick_solve::<Lane, Fixed>(isa),
        _ => pick_solve::<Fixed, Lane>(isa),
    }
}
