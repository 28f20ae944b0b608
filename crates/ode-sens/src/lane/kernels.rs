//! The lane solver's arithmetic, compiled for every instruction set.
//!
//! Rows are `[8]`, one value a lane. States and tangents are stacked: a stage combination, dense
//! output and the step itself treat them alike, so `rows = n (1 + n_tangents)`, tangents as
//! `[state][tangent]`. `k` holds the seven stages, `[stage][row]`. Lanes that a mask leaves out may
//! hold anything, NaN included: they are selected away, never multiplied away.

// Loops run over several arrays at once, and closures over lanes would not be inlined.
#![allow(clippy::needless_range_loop)]

use numerics::dispatch;
use numerics::simd::{Isa, LaneMask, Pack};

use crate::tableau::{A, C, D, E, STAGES};

/// One value a lane.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row(pub [f64; 8]);

impl Row {
    pub const ZERO: Row = Row([0.0; 8]);

    fn ptr(&self) -> *const f64 {
        self.0.as_ptr()
    }

    fn ptr_mut(&mut self) -> *mut f64 {
        self.0.as_mut_ptr()
    }
}

/// What drives the steps of eight lanes.
#[repr(C)]
#[derive(Clone, Debug)]
pub(crate) struct Control {
    /// Start and length of the step being tried; length zero for an idle lane.
    pub t: Row,
    pub h: Row,
    /// Where the lane ends.
    pub t_end: Row,
    /// Where the step leads; `t` again if it was rejected.
    pub t_next: Row,
    pub h_next: Row,
    /// Squared error norm of the last accepted step, for the controller.
    pub error: Row,
    /// 1 unless the last trial was rejected: then the step may not grow.
    pub may_grow: Row,
    /// 1 for a lane that has work.
    pub active: Row,
    /// 1 for an accepted step.
    pub accepted: Row,
    /// Position of an output within the step.
    pub theta: Row,
}

impl Control {
    pub fn idle() -> Control {
        let z = Row::ZERO;
        Control {
            t: z,
            h: z,
            t_end: z,
            t_next: z,
            h_next: z,
            error: z,
            may_grow: z,
            active: z,
            accepted: z,
            theta: z,
        }
    }
}

/// How a trial ended, a bit a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub accepted: u8,
    /// The step was limited by stability rather than by accuracy.
    pub stiff: u8,
}

/// Tolerances and sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scales {
    pub rtol: f64,
    pub atol: f64,
    pub n: usize,
    pub rows: usize,
}

/// Where the tangents' derivatives are in a Jacobian tile.
#[derive(Clone, Debug)]
pub(crate) struct TangentPlan {
    pub n: usize,
    /// Tangents.
    pub q: usize,
    /// Entries of `df/dy`: `first[r]..first[r + 1]` are those of row r; their values start at row n.
    pub first: Vec<u32>,
    pub column: Vec<u32>,
    /// `[state][tangent]`: the row of `df/dp`, or `NONE`.
    pub param: Vec<u32>,
}

pub(crate) const NONE: u32 = u32::MAX;

/// Which stage a kernel makes: 1 to 6, counted from 0.
pub(crate) trait Stage: 'static {
    const I: usize;
}
macro_rules! stages {
    ($($name:ident $i:literal),*) => {$(
        pub(crate) struct $name;
        impl Stage for $name {
            const I: usize = $i;
        }
    )*};
}
stages!(S1 1, S2 2, S3 3, S4 4, S5 5, S6 6);

/// A stability-limited step: |k7 - k6| h / |y7 - y6| above 2.5 (Hairer and Wanner II, IV.2; the
/// boundary of Tsit5's stability region is near 3.3).
const STIFF_RATIO: f64 = 2.5;
/// Gustafsson's PI controller for an error of order 5: exponents 0.7/5 and 0.4/5 of the norm, so
/// half of that for its square.
const POWER_NOW: f64 = -0.07;
const POWER_BEFORE: f64 = 0.04;
const SAFETY: f64 = 0.9;
const MIN_FACTOR: f64 = 0.2;
const MAX_FACTOR: f64 = 10.0;

#[inline(always)]
unsafe fn at(p: *const f64, row: usize) -> *const f64 {
    unsafe { p.add(8 * row) }
}

#[inline(always)]
unsafe fn at_mut(p: *mut f64, row: usize) -> *mut f64 {
    unsafe { p.add(8 * row) }
}

/// `x^power` to four digits, for `x` in [1e-30, 1e30] and |power| < 1: by the series of artanh
/// and exp. The digits matter to no solution, only to how long a step is.
#[inline(always)]
fn rough_power<P: Pack>(x: P, power: f64) -> P {
    let (m, e) = x.split_sqrt2();
    let s = (m - P::splat(1.0)) / (m + P::splat(1.0));
    let s2 = s * s;
    let c = P::splat(0.2).mul_add(s2, P::splat(1.0 / 3.0)).mul_add(s2, P::splat(1.0));
    let log2 = (s * c).mul_add(P::splat(2.0 * std::f64::consts::LOG2_E), e);
    let y = log2 * P::splat(power);
    let whole = y.round();
    let f = (y - whole) * P::splat(std::f64::consts::LN_2);
    let exp = P::splat(1.0 / 24.0)
        .mul_add(f, P::splat(1.0 / 6.0))
        .mul_add(f, P::splat(0.5))
        .mul_add(f, P::splat(1.0))
        .mul_add(f, P::splat(1.0));
    exp * whole.exp2_integer()
}

/// `y = z + h sum_j a_ij k_j` for all rows, and the time of the stage into `time`.
#[inline(always)]
unsafe fn stage<P: Pack, S: Stage>(
    c: *const Control,
    z: *const f64,
    k: *const f64,
    time: *mut f64,
    y: *mut f64,
    rows: usize,
) {
    unsafe {
        let h = P::load((*c).h.ptr());
        P::splat(C[S::I]).mul_add(h, P::load((*c).t.ptr())).store(time);
        for r in 0..rows {
            let mut sum = P::load(at(k, r)) * P::splat(A[S::I][0]);
            for j in 1..S::I {
                sum = P::load(at(k, j * rows + r)).mul_add(P::splat(A[S::I][j]), sum);
            }
            h.mul_add(sum, P::load(at(z, r))).store(at_mut(y, r));
        }
    }
}

/// The rates of states and tangents from a Jacobian tile: copies f, then
/// `ds/dt = (df/dy) s + df/dp`. `y` are the stage's states and tangents.
#[inline(always)]
unsafe fn tangents<P: Pack>(plan: *const TangentPlan, jacobian: *const f64, y: *const f64, k: *mut f64) {
    unsafe {
        let plan = &*plan;
        let (n, q) = (plan.n, plan.q);
        for r in 0..n {
            P::load(at(jacobian, r)).store(at_mut(k, r));
        }
        let (s, ks) = (at(y, n), at_mut(k, n));
        let mut from = 0;
        while from + 4 <= q {
            tangent_columns::<P, 4>(plan, jacobian, s, ks, from);
            from += 4;
        }
        match q - from {
            3 => tangent_columns::<P, 3>(plan, jacobian, s, ks, from),
            2 => tangent_columns::<P, 2>(plan, jacobian, s, ks, from),
            1 => tangent_columns::<P, 1>(plan, jacobian, s, ks, from),
            _ => {}
        }
    }
}

/// `W` columns of the tangents, from column `from`.
#[inline(always)]
unsafe fn tangent_columns<P: Pack, const W: usize>(
    plan: &TangentPlan,
    jacobian: *const f64,
    s: *const f64,
    ks: *mut f64,
    from: usize,
) {
    unsafe {
        let (n, q) = (plan.n, plan.q);
        for r in 0..n {
            let mut sum = [P::splat(0.0); W];
            for w in 0..W {
                let source = *plan.param.get_unchecked(r * q + from + w);
                if source != NONE {
                    sum[w] = P::load(at(jacobian, source as usize));
                }
            }
            let entries = *plan.first.get_unchecked(r) as usize..*plan.first.get_unchecked(r + 1) as usize;
            for e in entries {
                let a = P::load(at(jacobian, n + e));
                let column = *plan.column.get_unchecked(e) as usize;
                for w in 0..W {
                    sum[w] = a.mul_add(P::load(at(s, column * q + from + w)), sum[w]);
                }
            }
            for w in 0..W {
                sum[w].store(at_mut(ks, r * q + from + w));
            }
        }
    }
}

/// Judges a trial: error norm over the states (tangents do not take part, so values do not depend
/// on what is differentiated), accept or reject, where to and with which step to go on.
#[inline(always)]
unsafe fn judge<P: Pack>(
    c: *mut Control,
    z: *const f64,
    k: *const f64,
    y: *const f64,
    scales: *const Scales,
) -> Verdict {
    unsafe {
        let Scales { rtol, atol, n, rows } = *scales;
        let c = &mut *c;
        let (t, h, end) = (P::load(c.t.ptr()), P::load(c.h.ptr()), P::load(c.t_end.ptr()));
        let zero = P::splat(0.0);
        let (mut error, mut dk, mut dy) = (zero, zero, zero);
        for r in 0..n {
            let k5 = P::load(at(k, 5 * rows + r));
            let k6 = P::load(at(k, 6 * rows + r));
            let mut e = k6 * P::splat(E[6]);
            // y7 - y6, from the difference of their weights
            let mut d = k5 * P::splat(A[6][5]);
            e = k5.mul_add(P::splat(E[5]), e);
            for j in 0..5 {
                let kj = P::load(at(k, j * rows + r));
                e = kj.mul_add(P::splat(E[j]), e);
                d = kj.mul_add(P::splat(A[6][j] - A[5][j]), d);
            }
            let size = P::load(at(z, r)).abs().max(P::load(at(y, r)).abs());
            let scaled = (h * e) / size.mul_add(P::splat(rtol), P::splat(atol));
            error = scaled.mul_add(scaled, error);
            let g = k6 - k5;
            dk = g.mul_add(g, dk);
            dy = d.mul_add(d, dy);
        }
        error = error * P::splat(1.0 / n as f64);
        let active = P::load(c.active.ptr()).gt(zero);
        let finite = error.is_finite();
        let accept = error.le(P::splat(1.0)).and(active);
        let stiff = dk.gt(dy * P::splat(STIFF_RATIO * STIFF_RATIO));

        let bounded = P::splat(1e-24).max(P::splat(1e20).min(P::select(finite, error, P::splat(1.0))));
        let before = P::load(c.error.ptr());
        let factor = P::splat(SAFETY) * rough_power(bounded, POWER_NOW) * rough_power(before, POWER_BEFORE);
        let may_grow = P::load(c.may_grow.ptr()).gt(zero);
        let most = P::select(accept.and(may_grow), P::splat(MAX_FACTOR), P::splat(1.0));
        let factor = P::splat(MIN_FACTOR).max(most.min(factor));
        let factor = P::select(finite, factor, P::splat(MIN_FACTOR));

        // A step that reaches the end ends there exactly, whatever t + h rounds to.
        let reached = P::select(h.ge(end - t), end, t + h);
        let t_next = P::select(accept, reached, t);
        let h_next = clip(h * factor, end - t_next);
        t_next.store(c.t_next.ptr_mut());
        h_next.store(c.h_next.ptr_mut());
        let remembered = P::splat(1e-8).max(bounded);
        P::select(accept, remembered, before).store(c.error.ptr_mut());
        P::from_mask(accept).store(c.may_grow.ptr_mut());
        P::from_mask(accept).store(c.accepted.ptr_mut());
        Verdict { accepted: accept.bits(), stiff: stiff.bits() }
    }
}

/// A step that would leave a sliver before the end, or go beyond it, goes to the end.
#[inline(always)]
fn clip<P: Pack>(h: P, rest: P) -> P {
    P::select((h * P::splat(1.01)).lt(rest), h, rest)
}

/// The first step of fresh lanes from their zero-length trial, into `h_next`: with T = |y| / |f|
/// the system's own time scale, `T (0.01 / |y|)^(1/5)` in norms relative to the tolerances, which
/// is where a fifth-order error of a solution that changes over T is about tolerable (compare
/// Hairer, Norsett, Wanner I, II.4); 1e-6 of the way where states or rates vanish.
#[inline(always)]
unsafe fn first_step<P: Pack>(c: *mut Control, z: *const f64, k: *const f64, scales: *const Scales) {
    unsafe {
        let Scales { rtol, atol, n, rows } = *scales;
        let c = &mut *c;
        let zero = P::splat(0.0);
        let (mut state, mut rate) = (zero, zero);
        for r in 0..n {
            let y = P::load(at(z, r));
            let scale = y.abs().mul_add(P::splat(rtol), P::splat(atol));
            let (a, b) = (y / scale, P::load(at(k, 6 * rows + r)) / scale);
            state = a.mul_add(a, state);
            rate = b.mul_add(b, rate);
        }
        let per = P::splat(1.0 / n as f64);
        let (state, rate) = ((state * per).sqrt(), (rate * per).sqrt());
        let rest = P::load(c.t_end.ptr()) - P::load(c.t_next.ptr());
        let known = state.gt(P::splat(1e-5)).and(rate.gt(P::splat(1e-5))).and(rate.lt(P::splat(1e100)));
        let one = P::splat(1.0);
        let (state, rate) = (P::select(known, state, one), P::select(known, rate, one));
        let ratio = P::splat(1e-24).max(P::splat(1.0).min(P::splat(0.01) / state));
        let h = (state / rate) * rough_power(ratio, 0.2);
        let h = P::select(known, h, rest * P::splat(1e-6));
        clip(h, rest).store(c.h_next.ptr_mut());
    }
}

/// Takes the accepted steps: states and tangents, first stage, time and step size.
#[inline(always)]
unsafe fn advance<P: Pack>(c: *mut Control, z: *mut f64, k: *mut f64, y: *const f64, rows: usize) {
    unsafe {
        let c = &mut *c;
        let accepted = P::load(c.accepted.ptr()).gt(P::splat(0.0));
        for r in 0..rows {
            P::select(accepted, P::load(at(y, r)), P::load(at(z, r))).store(at_mut(z, r));
            P::select(accepted, P::load(at(k, 6 * rows + r)), P::load(at(k, r))).store(at_mut(k, r));
        }
        P::load(c.t_next.ptr()).store(c.t.ptr_mut());
        P::load(c.h_next.ptr()).store(c.h.ptr_mut());
    }
}

#[inline(always)]
fn dense_weights<P: Pack>(theta: P) -> [P; STAGES] {
    let mut b = [theta; STAGES];
    for j in 0..STAGES {
        b[j] = theta.mul_add(P::splat(D[j][3]), P::splat(D[j][2]));
        b[j] = b[j].mul_add(theta, P::splat(D[j][1]));
        b[j] = b[j].mul_add(theta, P::splat(D[j][0])) * theta;
    }
    b
}

/// All rows at `t + theta h`.
#[inline(always)]
unsafe fn dense<P: Pack>(c: *const Control, z: *const f64, k: *const f64, out: *mut f64, rows: usize) {
    unsafe {
        let b = dense_weights(P::load((*c).theta.ptr()));
        let h = P::load((*c).h.ptr());
        for r in 0..rows {
            let mut sum = P::load(at(k, r)) * b[0];
            for j in 1..STAGES {
                sum = P::load(at(k, j * rows + r)).mul_add(b[j], sum);
            }
            h.mul_add(sum, P::load(at(z, r))).store(at_mut(out, r));
        }
    }
}

/// Cotangents of one step during the reverse sweep.
#[derive(Clone, Copy)]
pub(crate) struct Reverse {
    pub n: usize,
    /// Active parameters.
    pub m: usize,
    /// Of the state at the end of the step, n rows.
    pub end: *const f64,
    /// Of the state at its start, n rows.
    pub start: *mut f64,
    /// Of its stages, `[stage][n]`.
    pub stages: *mut f64,
    /// Of the parameters, over all steps so far.
    pub params: *mut f64,
}

/// Adds the cotangents `g` (n rows) of an output at theta.
#[inline(always)]
unsafe fn dense_reverse<P: Pack>(c: *const Control, r: *const Reverse, g: *const f64) {
    unsafe {
        let r = &*r;
        let b = dense_weights(P::load((*c).theta.ptr()));
        let h = P::load((*c).h.ptr());
        for i in 0..r.n {
            let g = P::load(at(g, i));
            (P::load(at(r.start, i)) + g).store(at_mut(r.start, i));
            let hg = h * g;
            for j in 0..STAGES {
                let k = at_mut(r.stages, j * r.n + i);
                b[j].mul_add(hg, P::load(k)).store(k);
            }
        }
    }
}

/// Takes the cotangents `w` of a stage's states and parameters (n + m rows) back to the earlier
/// stages, the step's start and the parameters.
#[inline(always)]
unsafe fn stage_reverse<P: Pack, S: Stage>(c: *const Control, r: *const Reverse, w: *const f64) {
    unsafe {
        let r = &*r;
        let h = P::load((*c).h.ptr());
        for i in 0..r.n {
            let mut y = P::load(at(w, i));
            if S::I == STAGES - 1 {
                y = y + P::load(at(r.end, i));
            }
            (P::load(at(r.start, i)) + y).store(at_mut(r.start, i));
            let hy = h * y;
            for j in 0..S::I {
                let k = at_mut(r.stages, j * r.n + i);
                P::splat(A[S::I][j]).mul_add(hy, P::load(k)).store(k);
            }
        }
        let accepted = P::load((*c).accepted.ptr()).gt(P::splat(0.0));
        for i in 0..r.m {
            let p = at_mut(r.params, i);
            let add = P::select(accepted, P::load(at(w, r.n + i)), P::splat(0.0));
            (P::load(p) + add).store(p);
        }
    }
}

dispatch! {
    fn pick_stage[S: Stage] = stage(
        c: *const Control, z: *const f64, k: *const f64, time: *mut f64, y: *mut f64, rows: usize);
    fn pick_tangents = tangents(plan: *const TangentPlan, jacobian: *const f64, y: *const f64, k: *mut f64);
    fn pick_judge = judge(
        c: *mut Control, z: *const f64, k: *const f64, y: *const f64, scales: *const Scales) -> Verdict;
    fn pick_first_step = first_step(c: *mut Control, z: *const f64, k: *const f64, scales: *const Scales);
    fn pick_advance = advance(c: *mut Control, z: *mut f64, k: *mut f64, y: *const f64, rows: usize);
    fn pick_dense = dense(c: *const Control, z: *const f64, k: *const f64, out: *mut f64, rows: usize);
    fn pick_dense_reverse = dense_reverse(c: *const Control, r: *const Reverse, g: *const f64);
    fn pick_stage_reverse[S: Stage] = stage_reverse(c: *const Control, r: *const Reverse, w: *const f64);
}

type StageFn = unsafe fn(*const Control, *const f64, *const f64, *mut f64, *mut f64, usize);
type StageReverseFn = unsafe fn(*const Control, *const Reverse, *const f64);

/// All kernels for one instruction set. Calling one is sound if the machine has that set, the
/// pointers are 64-byte aligned and hold the rows their kernel names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernels {
    /// Stages 1 to 6, counted from 0.
    pub stage: [StageFn; 6],
    pub tangents: unsafe fn(*const TangentPlan, *const f64, *const f64, *mut f64),
    pub judge: unsafe fn(*mut Control, *const f64, *const f64, *const f64, *const Scales) -> Verdict,
    pub first_step: unsafe fn(*mut Control, *const f64, *const f64, *const Scales),
    pub advance: unsafe fn(*mut Control, *mut f64, *mut f64, *const f64, usize),
    pub dense: unsafe fn(*const Control, *const f64, *const f64, *mut f64, usize),
    pub dense_reverse: unsafe fn(*const Control, *const Reverse, *const f64),
    pub stage_reverse: [StageReverseFn; 6],
}

impl Kernels {
    pub fn pick(isa: Isa) -> Kernels {
        Kernels {
            stage: [
                pick_stage::<S1>(isa),
                pick_stage::<S2>(isa),
                pick_stage::<S3>(isa),
                pick_stage::<S4>(isa),
                pick_stage::<S5>(isa),
                pick_stage::<S6>(isa),
            ],
            tangents: pick_tangents(isa),
            judge: pick_judge(isa),
            first_step: pick_first_step(isa),
            advance: pick_advance(isa),
            dense: pick_dense(isa),
            dense_reverse: pick_dense_reverse(isa),
            stage_reverse: [
                pick_stage_reverse::<S1>(isa),
                pick_stage_reverse::<S2>(isa),
                pick_stage_reverse::<S3>(isa),
                pick_stage_reverse::<S4>(isa),
                pick_stage_reverse::<S5>(isa),
                pick_stage_reverse::<S6>(isa),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::simd::Baseline;

    #[test]
    fn rough_powers_have_four_digits() {
        for x in [1e-24, 3.7e-9, 0.2, 0.99, 1.0, 1.3, 7e3, 1e20] {
            for power in [POWER_NOW, POWER_BEFORE, 0.2] {
                let found = rough_power(Baseline::splat(x), power).to_array()[3];
                let exact = x.powf(power);
                assert!((found / exact - 1.0).abs() < 1e-4, "{x}^{power}: {found} {exact}");
            }
        }
    }
}
