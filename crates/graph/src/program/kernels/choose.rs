//! Gathers and scatters by a draw-free index.

use numerics::dispatch;
use numerics::simd::{Isa, Pack};

/// One strip of positions.
#[derive(Clone, Copy, Debug)]
pub struct Strip {
    pub n: usize,
    /// From one position to the next: result (gather only), operand, index.
    pub step: [usize; 3],
    /// From one indexed element to the next.
    pub indexed: usize,
    /// From a position of a sorted index to how many equal ones follow, itself included.
    pub runs: usize,
}

/// `out[i] = a[index[i]]`, or `out[index[i]] += a[i]`.
pub type ChooseFn = unsafe fn(out: *mut f64, a: *const f64, index: *const u32, s: &Strip);

#[inline(always)]
unsafe fn gather_strip<P: Pack>(mut out: *mut f64, mut a: *const f64, mut index: *const u32, s: &Strip) {
    for _ in 0..s.n {
        unsafe {
            P::load_unaligned(a.add(*index as usize * s.indexed)).store_unaligned(out);
            (out, a, index) = (out.add(s.step[0]), a.add(s.step[1]), index.add(s.step[2]));
        }
    }
}

#[inline(always)]
unsafe fn scatter_strip<P: Pack>(out: *mut f64, mut a: *const f64, mut index: *const u32, s: &Strip) {
    for _ in 0..s.n {
        unsafe {
            let to = out.add(*index as usize * s.indexed);
            (P::load_unaligned(to) + P::load_unaligned(a)).store_unaligned(to);
            (a, index) = (a.add(s.step[1]), index.add(s.step[2]));
        }
    }
}

/// Where equal positions stand together: four partial sums a run, by the place in the run.
#[inline(always)]
unsafe fn scatter_runs<P: Pack>(out: *mut f64, mut a: *const f64, mut index: *const u32, s: &Strip) {
    let mut left = s.n;
    let step = s.step[1];
    while left > 0 {
        unsafe {
            let group = *index;
            let mut run = (*index.add(s.runs) as usize).min(left);
            (index, left) = (index.add(run), left - run);
            let zero = P::splat(0.0);
            let mut sum = [zero; 4];
            while run >= 4 {
                for (i, sum) in sum.iter_mut().enumerate() {
                    *sum = *sum + P::load_unaligned(a.add(i * step));
                }
                (a, run) = (a.add(4 * step), run - 4);
            }
            while run > 0 {
                sum[0] = sum[0] + P::load_unaligned(a);
                (a, run) = (a.add(step), run - 1);
            }
            let to = out.add(group as usize * s.indexed);
            (P::load_unaligned(to) + ((sum[0] + sum[2]) + (sum[1] + sum[3]))).store_unaligned(to);
        }
    }
}

dispatch! {
    fn pick_gather = gather_strip(out: *mut f64, a: *const f64, index: *const u32, s: &Strip);
    fn pick_scatter = scatter_strip(out: *mut f64, a: *const f64, index: *const u32, s: &Strip);
    fn pick_runs = scatter_runs(out: *mut f64, a: *const f64, index: *const u32, s: &Strip);
}

pub fn gather(isa: Isa) -> ChooseFn {
    pick_gather(isa)
}

/// `sorted`: equal positions stand together, the index has step one.
pub fn scatter(sorted: bool, isa: Isa) -> ChooseFn {
    if sorted { pick_runs(isa) } else { pick_scatter(isa) }
}
