//! Products of lanes and a matrix in panels: sixteen rows, column after column.
//!
//! `a[panel][column][16]`, the last panel filled up. Either product reads it from front to end, and
//! asks for the next block's part meanwhile. Results are kept in registers, each made in the order of
//! its elements.

use numerics::dispatch;
use numerics::simd::{Isa, Pack};

use super::reduce::{Rect, ReduceFn};

/// Rows of a panel: as many results as AVX-512 keeps in registers.
pub const PANEL: usize = 16;

/// Asks for the cache line at `p`, which need not exist.
#[inline(always)]
fn prefetch(p: *const f64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; no address faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(p.cast())
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

#[inline(always)]
unsafe fn finish<P: Pack>(out: *mut f64, x: P, accumulate: bool) {
    unsafe {
        let x = if accumulate { P::load_unaligned(out) + x } else { x };
        x.store_unaligned(out);
    }
}

/// Each row times a vector: `r.k` rows, `r.j` columns.
#[inline(always)]
unsafe fn rows<P: Pack>(out: *mut f64, a: *const f64, b: *const f64, r: &Rect) {
    if P::ISA == Isa::Avx512 {
        unsafe { rows_of::<P, 16>(out, a, b, r) }
    } else {
        unsafe { rows_of::<P, 4>(out, a, b, r) }
    }
}

/// `K` rows at a time; those beyond the last are computed, not stored.
#[inline(always)]
unsafe fn rows_of<P: Pack, const K: usize>(out: *mut f64, a: *const f64, b: *const f64, r: &Rect) {
    let ahead = r.k * r.j;
    for first in (0..r.k).step_by(K) {
        unsafe {
            let mut a = a.add(first / PANEL * PANEL * r.j + first % PANEL);
            let mut b = b;
            let mut acc = [P::splat(0.0); K];
            for _ in 0..r.j {
                prefetch(a.wrapping_add(ahead));
                if K > 8 {
                    prefetch(a.wrapping_add(ahead + 8));
                }
                let shared = P::load_unaligned(b);
                for (i, acc) in acc.iter_mut().enumerate() {
                    *acc = P::splat(*a.add(i)).mul_add(shared, *acc);
                }
                (a, b) = (a.add(PANEL), b.add(r.j_step[1]));
            }
            let here = K.min(r.k - first);
            for (i, acc) in acc.into_iter().enumerate() {
                if i < here {
                    finish(out.add((first + i) * r.k_step[0]), acc, r.accumulate);
                }
            }
        }
    }
}

/// Each column times a vector over the rows: `r.k` columns, `r.j` rows.
#[inline(always)]
unsafe fn columns<P: Pack>(out: *mut f64, a: *const f64, b: *const f64, r: &Rect) {
    let widest = if P::ISA == Isa::Avx512 { 16 } else { 4 };
    let n = r.k.div_ceil(widest).max(1);
    let (size, larger) = (r.k / n, r.k % n);
    let mut at = 0;
    for i in 0..n {
        let k = size + usize::from(i < larger);
        let (o, x) = (out.wrapping_add(at * r.k_step[0]), a.wrapping_add(at * PANEL));
        macro_rules! of {
            ($($k:literal)*) => {
                match k {
                    $($k => unsafe { columns_of::<P, $k>(o, x, b, r) },)*
                    _ => {}
                }
            };
        }
        if P::ISA == Isa::Avx512 {
            of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
        } else {
            of!(1 2 3 4);
        }
        at += k;
    }
}

#[inline(always)]
unsafe fn columns_of<P: Pack, const K: usize>(out: *mut f64, a: *const f64, mut b: *const f64, r: &Rect) {
    let mut acc = [P::splat(0.0); K];
    let ahead = r.k * r.j;
    unsafe {
        for first in (0..r.j).step_by(PANEL) {
            let a = a.add(first * r.k);
            for row in 0..PANEL.min(r.j - first) {
                // Spread over the rows. Where the other product asked before, this costs little.
                prefetch(a.wrapping_add(ahead + row * K));
                if K > 8 {
                    prefetch(a.wrapping_add(ahead + row * K + 8));
                }
                let shared = P::load_unaligned(b);
                for (i, acc) in acc.iter_mut().enumerate() {
                    *acc = P::splat(*a.add(i * PANEL + row)).mul_add(shared, *acc);
                }
                b = b.add(r.j_step[1]);
            }
        }
        for (i, acc) in acc.into_iter().enumerate() {
            finish(out.add(i * r.k_step[0]), acc, r.accumulate);
        }
    }
}

dispatch! {
    fn pick_rows = rows(out: *mut f64, a: *const f64, b: *const f64, r: &Rect);
    fn pick_columns = columns(out: *mut f64, a: *const f64, b: *const f64, r: &Rect);
}

/// The kernel: over rows, or for each of them.
pub fn product(over_rows: bool, isa: Isa) -> ReduceFn {
    if over_rows { pick_columns(isa) } else { pick_rows(isa) }
}
