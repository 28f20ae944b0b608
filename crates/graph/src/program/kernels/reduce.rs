//! Reductions, and sums of products without making the products.
//!
//! A kernel fills `k` results, each from `j` elements. *Along*: one result at a time, eight partial
//! results by `j mod 8` (the last few in order) and a fixed tree. *Across*: several results at a
//! time, each in the order of j; what a result is does not depend on how many are made together.

use numerics::dispatch;
use numerics::simd::{Isa, Pack};

use super::{Fixed, Lane, Source};
use crate::ir::Reduction;

/// The box of one call; steps in `f64`.
#[derive(Clone, Copy, Debug)]
pub struct Rect {
    pub k: usize,
    pub j: usize,
    /// Of result and operands from one result to the next.
    pub k_step: [usize; 3],
    /// Of the operands from one element to the next.
    pub j_step: [usize; 2],
    /// Whether results are joined to what is there.
    pub accumulate: bool,
}

/// `out`, operands (the second may be null where there is one only), box.
pub type ReduceFn = unsafe fn(out: *mut f64, a: *const f64, b: *const f64, r: &Rect);

/// What is done with the elements.
pub trait Fold: 'static {
    /// Whether there is a second operand.
    const TWO: bool;
    fn start<P: Pack>() -> P;
    fn step<P: Pack>(acc: P, a: P, b: P) -> P;
    fn join<P: Pack>(x: P, y: P) -> P;
}

struct Sum;
struct SumOfSquares;
struct Max;
struct Min;
struct Dot;

macro_rules! folds {
    ($($fold:ident $two:literal $start:expr, |$acc:ident, $a:ident, $b:ident| $step:expr, |$x:ident, $y:ident| $join:expr;)*) => {$(
        impl Fold for $fold {
            const TWO: bool = $two;
            #[inline(always)]
            fn start<P: Pack>() -> P {
                P::splat($start)
            }
            #[inline(always)]
            fn step<P: Pack>($acc: P, $a: P, $b: P) -> P {
                $step
            }
            #[inline(always)]
            fn join<P: Pack>($x: P, $y: P) -> P {
                $join
            }
        }
    )*};
}

folds! {
    Sum false 0.0, |acc, a, _b| acc + a, |x, y| x + y;
    SumOfSquares false 0.0, |acc, a, _b| a.mul_add(a, acc), |x, y| x + y;
    Max false f64::NEG_INFINITY, |acc, a, _b| Self::join(acc, a), |x, y| P::select(x.is_nan(), x, x.max(y));
    Min false f64::INFINITY, |acc, a, _b| Self::join(acc, a), |x, y| P::select(x.is_nan(), x, x.min(y));
    Dot true 0.0, |acc, a, b| a.mul_add(b, acc), |x, y| x + y;
}

#[inline(always)]
unsafe fn second<P: Pack, F: Fold, B: Source>(b: *const f64) -> P {
    if F::TWO { unsafe { B::read::<P>(b) } } else { P::splat(0.0) }
}

#[inline(always)]
unsafe fn finish<P: Pack, F: Fold>(out: *mut f64, x: P, accumulate: bool) {
    unsafe {
        let x = if accumulate { F::join(P::load_unaligned(out), x) } else { x };
        x.store_unaligned(out);
    }
}

#[inline(always)]
unsafe fn along<P: Pack, F: Fold, A: Source, B: Source>(
    out: *mut f64,
    a: *const f64,
    b: *const f64,
    r: &Rect,
) {
    let [ja, jb] = r.j_step;
    for k in 0..r.k {
        unsafe {
            let (mut a, mut b) = (a.add(k * r.k_step[1]), b.wrapping_add(k * r.k_step[2]));
            let mut acc = [F::start::<P>(); 8];
            let mut left = r.j;
            while left >= 8 {
                for (i, acc) in acc.iter_mut().enumerate() {
                    *acc =
                        F::step(*acc, A::read::<P>(a.add(i * ja)), second::<P, F, B>(b.wrapping_add(i * jb)));
                }
                (a, b) = (a.add(8 * ja), b.wrapping_add(8 * jb));
                left -= 8;
            }
            let mut total = if r.j >= 8 {
                F::join(
                    F::join(F::join(acc[0], acc[4]), F::join(acc[2], acc[6])),
                    F::join(F::join(acc[1], acc[5]), F::join(acc[3], acc[7])),
                )
            } else {
                F::start::<P>()
            };
            while left > 0 {
                total = F::step(total, A::read::<P>(a), second::<P, F, B>(b));
                (a, b) = (a.add(ja), b.wrapping_add(jb));
                left -= 1;
            }
            finish::<P, F>(out.add(k * r.k_step[0]), total, r.accumulate);
        }
    }
}

/// `K` results; the second operand is shared by all where `SHARED`, the first has step 1 from one
/// result to the next where `UNIT`.
#[inline(always)]
unsafe fn block<
    P: Pack,
    F: Fold,
    A: Source,
    B: Source,
    const K: usize,
    const SHARED: bool,
    const UNIT: bool,
>(
    out: *mut f64,
    mut a: *const f64,
    mut b: *const f64,
    r: &Rect,
) {
    let [so, mut sa, sb] = r.k_step;
    if UNIT {
        sa = 1;
    }
    let mut acc = [F::start::<P>(); K];
    unsafe {
        for _ in 0..r.j {
            let shared = if SHARED { second::<P, F, B>(b) } else { F::start::<P>() };
            for (i, acc) in acc.iter_mut().enumerate() {
                let y = if SHARED { shared } else { second::<P, F, B>(b.wrapping_add(i * sb)) };
                *acc = F::step(*acc, A::read::<P>(a.wrapping_add(i * sa)), y);
            }
            (a, b) = (a.wrapping_add(r.j_step[0]), b.wrapping_add(r.j_step[1]));
        }
        for (i, acc) in acc.into_iter().enumerate() {
            finish::<P, F>(out.add(i * so), acc, r.accumulate);
        }
    }
}

/// Splits `k` into as few, as even blocks as the registers allow.
#[inline(always)]
unsafe fn blocks<P: Pack, F: Fold, A: Source, B: Source, const SHARED: bool, const UNIT: bool>(
    out: *mut f64,
    a: *const f64,
    b: *const f64,
    r: &Rect,
) {
    if r.k == 0 {
        return;
    }
    let widest = match (P::ISA, UNIT) {
        (Isa::Avx512, true) => 16,
        (Isa::Avx512, false) => 8,
        _ => 4,
    };
    let n = r.k.div_ceil(widest);
    let (size, larger) = (r.k / n, r.k % n);
    let mut at = 0;
    for i in 0..n {
        let k = size + usize::from(i < larger);
        let (o, a, b) = (
            out.wrapping_add(at * r.k_step[0]),
            a.wrapping_add(at * if UNIT { 1 } else { r.k_step[1] }),
            b.wrapping_add(at * r.k_step[2]),
        );
        macro_rules! of {
            ($($k:literal)*) => {
                match k {
                    $($k => unsafe { block::<P, F, A, B, $k, SHARED, UNIT>(o, a, b, r) },)*
                    _ => unreachable!("at most {widest}"),
                }
            };
        }
        match (P::ISA, UNIT) {
            (Isa::Avx512, true) => of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16),
            (Isa::Avx512, false) => of!(1 2 3 4 5 6 7 8),
            _ => of!(1 2 3 4),
        }
        at += k;
    }
}

#[inline(always)]
unsafe fn across<P: Pack, F: Fold, A: Source, B: Source>(
    out: *mut f64,
    a: *const f64,
    b: *const f64,
    r: &Rect,
) {
    unsafe { blocks::<P, F, A, B, false, false>(out, a, b, r) }
}

#[inline(always)]
unsafe fn across_shared<P: Pack, A: Source, B: Source>(
    out: *mut f64,
    a: *const f64,
    b: *const f64,
    r: &Rect,
) {
    unsafe { blocks::<P, Dot, A, B, true, false>(out, a, b, r) }
}

#[inline(always)]
unsafe fn across_unit<P: Pack>(out: *mut f64, a: *const f64, b: *const f64, r: &Rect) {
    unsafe { blocks::<P, Dot, Fixed, Lane, true, true>(out, a, b, r) }
}

dispatch! {
    fn pick_along[F: Fold, A: Source, B: Source] =
        along(out: *mut f64, a: *const f64, b: *const f64, r: &Rect);
    fn pick_across[F: Fold, A: Source, B: Source] =
        across(out: *mut f64, a: *const f64, b: *const f64, r: &Rect);
    fn pick_shared[A: Source, B: Source] =
        across_shared(out: *mut f64, a: *const f64, b: *const f64, r: &Rect);
    fn pick_unit = across_unit(out: *mut f64, a: *const f64, b: *const f64, r: &Rect);
}

/// What is reduced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reducer {
    One(Reduction),
    SumOfSquares,
    /// Of two operands; tells which are lanes.
    Dot([bool; 2]),
}

impl Reducer {
    /// The result of nothing.
    pub fn identity(self) -> f64 {
        match self {
            Reducer::One(Reduction::Max) => f64::NEG_INFINITY,
            Reducer::One(Reduction::Min) => f64::INFINITY,
            _ => 0.0,
        }
    }
}

/// The kernel for a box. An operand that all results share should be the second.
pub fn reduce(op: Reducer, r: &Rect, isa: Isa) -> ReduceFn {
    fn one<F: Fold>(many: bool, isa: Isa) -> ReduceFn {
        if many { pick_across::<F, Lane, Lane>(isa) } else { pick_along::<F, Lane, Lane>(isa) }
    }
    let many = r.k >= 4;
    match op {
        Reducer::One(Reduction::Sum) => one::<Sum>(many, isa),
        Reducer::One(Reduction::Max) => one::<Max>(many, isa),
        Reducer::One(Reduction::Min) => one::<Min>(many, isa),
        Reducer::SumOfSquares => one::<SumOfSquares>(many, isa),
        Reducer::Dot(lanes) => {
            let shared = many && r.k_step[2] == 0;
            match lanes {
                [false, _] if shared && r.k_step[1] == 1 => pick_unit(isa),
                [false, _] if shared => pick_shared::<Fixed, Lane>(isa),
                [true, true] if shared => pick_shared::<Lane, Lane>(isa),
                [true, false] if shared => pick_shared::<Lane, Fixed>(isa),
                [false, _] if many => pick_across::<Dot, Fixed, Lane>(isa),
                [true, true] if many => pick_across::<Dot, Lane, Lane>(isa),
                [true, false] if many => pick_across::<Dot, Lane, Fixed>(isa),
                [false, _] => pick_along::<Dot, Fixed, Lane>(isa),
                [true, true] => pick_along::<Dot, Lane, Lane>(isa),
                [true, false] => pick_along::<Dot, Lane, Fixed>(isa),
            }
        }
    }
}
