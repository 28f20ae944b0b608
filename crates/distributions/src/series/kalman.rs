//! Linear-Gaussian series: states summed out exactly by a square-root Kalman filter.
//!
//! With z the states, m their mean and P = S S' their covariance given what was seen before, each row
//! is a step of time (m <- F m + b, S <- the triangular factor of [F S, diag q], by Gram-Schmidt on
//! its rows) and then, one by one, the measurements y = h'z + r e in Joseph's form, S <- [S - k h'S, k r]
//! with the gain k, which adds a column each. P is never formed, so it cannot lose its sign, nor half
//! its digits. All is written out in scalars: few states, whose kernels fuse.
//!
//! A diffuse start has density 1 everywhere. The filter is linear in the start d of the diffuse
//! states, so their part of the mean is carried as m + B d, and what is seen is a regression on d: its
//! rows are rotated into a triangle R, as least squares are done, so that |R d - q|^2 is what the
//! likelihood says of d, and what is left of each row is free of it. Integrated over d at the end of each
//! series that is exact, with no limit taken; and nothing large is subtracted from something large,
//! however far the data lie from 0. Of one diffuse level seen directly it leaves the first row out of the
//! likelihood.
//!
//! Sources: G. Bierman, Factorization Methods for Discrete Sequential Estimation (1977), II.4 and VI.4;
//! P. de Jong, The diffuse Kalman filter, Annals of Statistics 19 (1991), 1073-1083; the rotations:
//! G. Golub and C. Van Loan, Matrix Computations (4th ed., 2013), 5.1.8.

use graph::ir::{Binary, DimId, Graph, NodeId};

use super::small::{affine, backward_solve, dot, forward_solve, total, triangle};
use super::{StepBody, StepInputs};
use crate::emit::HALF_LN_2PI;

/// A state at the first row of a series.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// Normal; a value that is known has an sd of 0.
    Known { mean: NodeId, sd: NodeId },
    /// Any number, with density 1.
    Diffuse,
}

/// One number seen at a row: `value = sum_i loading_i z_i + shift + sd e`.
#[derive(Clone, Debug)]
pub struct Measurement {
    pub value: NodeId,
    /// By state; `None` is zero.
    pub loading: Vec<Option<NodeId>>,
    pub shift: NodeId,
    /// Positive.
    pub sd: NodeId,
    /// Data: 0 in the rows where it is not seen; the rest does not matter there.
    pub seen: Option<NodeId>,
}

/// `z_i <- sum_j transition_ij z_j + shift_i + sd_i e_i`. Every node is a number, or varies over `over`.
#[derive(Clone, Debug)]
pub struct LinearGaussian {
    pub over: DimId,
    /// 1 where a series begins.
    pub first: NodeId,
    /// The last row of each series: an index into `over`.
    pub ends: NodeId,
    pub start: Vec<Start>,
    pub transition: Vec<Vec<Option<NodeId>>>,
    pub shift: Vec<NodeId>,
    /// Positive.
    pub sd: Vec<NodeId>,
    pub measurements: Vec<Measurement>,
}

/// What the filter finds.
#[derive(Clone, Debug)]
pub struct Marginal {
    /// ln p of all that is seen.
    pub log_prob: NodeId,
    /// By state: mean and variance given what is seen up to and with the last row of each series, over
    /// the dimension of `ends`.
    pub last_mean: Vec<NodeId>,
    pub last_variance: Vec<NodeId>,
}

/// The scalars that a step hands on.
struct State {
    m: Vec<NodeId>,
    /// By state: a row of the root of the covariance, as many columns as there are states and
    /// measurements.
    s: Vec<Vec<NodeId>>,
    /// By state and diffuse start.
    b: Vec<Vec<NodeId>>,
    /// What is known of the starts: row by row from the diagonal on, the triangle R, and q.
    r: Vec<Vec<NodeId>>,
    q: Vec<NodeId>,
}

impl State {
    fn all(&self) -> Vec<NodeId> {
        let rows = self.s.iter().chain(&self.b).chain(&self.r).flatten();
        self.m.iter().chain(rows).chain(&self.q).copied().collect()
    }

    /// Of scalars in the order of [`all`](State::all).
    fn of(all: &[NodeId], n: usize, width: usize, d: usize) -> State {
        let mut rest = all.iter().copied();
        let mut take = |k: usize| -> Vec<NodeId> { rest.by_ref().take(k).collect() };
        let m = take(n);
        let s = (0..n).map(|_| take(width)).collect();
        let b = (0..n).map(|_| take(d)).collect();
        let r = (0..d).map(|c| take(d - c)).collect();
        State { m, s, b, r, q: take(d) }
    }
}

impl State {
    /// R', row by row as far as the diagonal.
    fn lower(&self) -> Vec<Vec<NodeId>> {
        (0..self.r.len()).map(|i| (0..=i).map(|c| self.r[c][i - c]).collect()).collect()
    }
}

/// The law of the states at the row before given those at this row, z, and what was seen before it:
/// normal, with mean `mean + gain (z - moved)` and root `root`. Means are affine in the diffuse starts.
/// Nothing at a first row.
pub(super) struct Backward {
    pub mean: Vec<NodeId>,
    /// By state and diffuse start.
    pub mean_by_start: Vec<Vec<NodeId>>,
    /// The mean of z, and how it moves with the starts.
    pub moved: Vec<NodeId>,
    pub moved_by_start: Vec<Vec<NodeId>>,
    pub gain: Vec<Vec<NodeId>>,
    /// A lower triangle, row by row.
    pub root: Vec<Vec<NodeId>>,
}

impl Backward {
    fn all(&self) -> Vec<NodeId> {
        let starts = self.mean_by_start.iter().chain(&self.moved_by_start);
        let rest = starts.chain(&self.gain).chain(&self.root).flatten();
        self.mean.iter().chain(&self.moved).chain(rest).copied().collect()
    }

    fn of(all: &[NodeId], n: usize, d: usize) -> Backward {
        let mut rest = all.iter().copied();
        let mut take = |k: usize| -> Vec<NodeId> { rest.by_ref().take(k).collect() };
        let (mean, moved) = (take(n), take(n));
        let mut rows = |n: usize, len: &dyn Fn(usize) -> usize| (0..n).map(|i| take(len(i))).collect();
        Backward {
            mean,
            moved,
            mean_by_start: rows(n, &|_| d),
            moved_by_start: rows(n, &|_| d),
            gain: rows(n, &|_| n),
            root: rows(n, &|i| i + 1),
        }
    }
}

/// What one pass over the rows finds.
pub(super) struct Filtered {
    /// By row: ln p of what is seen given what was seen before, at a start of zero.
    log_prob: NodeId,
    /// At the end of each series.
    last: State,
    /// By row, where it was asked for.
    pub backward: Option<Backward>,
}

/// The states that start diffuse.
pub(super) fn diffuse(model: &LinearGaussian) -> Vec<usize> {
    (0..model.start.len()).filter(|&i| matches!(model.start[i], Start::Diffuse)).collect()
}

/// The density of everything seen, the states summed out.
///
/// Where the rows of a series do not tell its diffuse starts the result is not finite.
pub fn log_marginal(g: &mut Graph, model: &LinearGaussian) -> Marginal {
    let filtered = filter(g, model, false);
    let last = &filtered.last;
    let by_row = g.expand(filtered.log_prob, &[model.over]);
    let mut log_prob = g.sum(by_row, &[model.over]);
    let factor = last.lower();
    if !factor.is_empty() {
        let density = integrated(g, &factor);
        let series = g.ty(model.ends).dims.clone();
        let density = g.sum(density, &series);
        log_prob = g.add(log_prob, density);
    }
    let (mut last_mean, mut last_variance) = (Vec::new(), Vec::new());
    for i in 0..model.start.len() {
        let own: Vec<NodeId> = last.s[i].iter().map(|&s| g.square(s)).collect();
        let mut variance = total(g, &own);
        // B R^-1 q and B (R'R)^-1 B'.
        let through = forward_solve(g, &factor, &last.b[i]);
        let mut mean = last.m[i];
        for (t, s) in through.iter().zip(&last.q) {
            let (square, part) = (g.square(*t), g.mul(*t, *s));
            variance = g.add(variance, square);
            mean = g.add(mean, part);
        }
        last_mean.push(mean);
        last_variance.push(variance);
    }
    Marginal { log_prob, last_mean, last_variance }
}

/// The laws at the ends of the series given all that is seen and given the diffuse starts, which are
/// drawn by `noise`, standard normal numbers over the series: means, roots, and the starts.
pub(super) fn ends(
    g: &mut Graph,
    filtered: &Filtered,
    noise: &[NodeId],
) -> (Vec<NodeId>, Vec<Vec<NodeId>>, Vec<NodeId>) {
    let last = &filtered.last;
    // d = R^-1 (q + e)
    let moved: Vec<NodeId> = last.q.iter().zip(noise).map(|(&q, &e)| g.add(q, e)).collect();
    let starts = backward_solve(g, &last.lower(), &moved);
    let mean = last.m.iter().zip(&last.b).map(|(&m, b)| affine(g, m, b, &starts)).collect();
    let root = triangle(g, last.s.clone(), 0);
    (mean, root, starts)
}

/// Runs the filter; with the laws backwards, if they are wanted.
pub(super) fn filter(g: &mut Graph, model: &LinearGaussian, backward: bool) -> Filtered {
    let n = model.start.len();
    let diffuse = diffuse(model);
    let d = diffuse.len();
    let width = n + model.measurements.len();
    let (zero, one) = (g.constant(0.0), g.constant(1.0));
    // What is not seen is a zero of no loading and an sd of 1, and so changes nothing.
    let measurements: Vec<Measurement> = model
        .measurements
        .iter()
        .map(|y| match y.seen {
            None => y.clone(),
            Some(seen) => {
                let loading = y.loading.iter().map(|h| h.map(|h| g.select(seen, h, zero))).collect();
                let [value, shift] = [y.value, y.shift].map(|x| g.select(seen, x, zero));
                Measurement { value, loading, shift, sd: g.select(seen, y.sd, one), seen: y.seen }
            }
        })
        .collect();
    let model = &without_first_steps(g, model);

    let mut inputs = StepInputs::new(model.over);
    for _ in 0..n + n * width + n * d + d + d * (d + 1) / 2 {
        inputs.carry(g, zero, &[]);
    }
    import_laws(g, model, &mut inputs);
    let of_seen = measurements
        .iter()
        .flat_map(|y| y.loading.iter().flatten().copied().chain([y.value, y.shift, y.sd]).chain(y.seen));
    for n in of_seen {
        inputs.import(g, n);
    }
    let mut body = inputs.body(g);
    let first = body.get(g, model.first);
    let before = State::of(&body.carried.clone(), n, width, d);

    // The step of time, and the start in its place at a first row.
    let zero_in = body.graph.constant(0.0);
    let one = body.graph.constant(1.0);
    let mut begin = State {
        m: vec![zero_in; n],
        s: vec![vec![zero_in; width]; n],
        b: vec![vec![zero_in; d]; n],
        r: (0..d).map(|c| vec![zero_in; d - c]).collect(),
        q: vec![zero_in; d],
    };
    for (i, start) in model.start.iter().enumerate() {
        match *start {
            Start::Known { mean, sd } => {
                begin.m[i] = body.get(g, mean);
                begin.s[i][i] = body.get(g, sd);
            }
            Start::Diffuse => begin.b[i][diffuse.iter().position(|&k| k == i).expect("diffuse")] = one,
        }
    }
    let (transition, shift, sd) = laws_inside(g, model, &mut body);
    let moved = predict(&mut body.graph, &before, &transition, &shift, &sd);
    let back =
        backward.then(|| backwards(&mut body.graph, &before, &moved, &transition, &sd)).map(|b| b.all());
    let chosen: Vec<NodeId> = begin
        .all()
        .into_iter()
        .zip(moved.all())
        .map(|(begin, moved)| body.graph.select(first, begin, moved))
        .collect();
    let mut state = State::of(&chosen, n, width, d);

    // A triangle: the measurements fill the columns behind it again.
    state.s.iter_mut().for_each(|row| row.truncate(n));
    let mut log_prob = zero_in;
    for y in &measurements {
        let loading: Vec<Option<NodeId>> = y.loading.iter().map(|h| h.map(|h| body.get(g, h))).collect();
        let [value, shift, sd] = [y.value, y.shift, y.sd].map(|x| body.get(g, x));
        let seen = y.seen.map(|seen| body.get(g, seen));
        let term = measure(&mut body.graph, &mut state, &loading, [value, shift, sd]);
        let term = match seen {
            Some(seen) => body.graph.select(seen, term, zero_in),
            None => term,
        };
        log_prob = body.graph.add(log_prob, term);
    }
    let next = state.all();
    let emissions: Vec<NodeId> =
        [log_prob].into_iter().chain(next.iter().copied()).chain(back.into_iter().flatten()).collect();
    let out = body.finish(g, &next, &emissions);
    let (of_state, of_back) = out[1..].split_at(next.len());
    let last: Vec<NodeId> = of_state.iter().map(|&x| g.gather(x, model.ends)).collect();
    Filtered {
        log_prob: out[0],
        last: State::of(&last, n, width, d),
        backward: backward.then(|| Backward::of(of_back, n, d)),
    }
}

/// The model with harmless steps of time at first rows, where they are not taken: a value that varies by
/// row may be nothing there (an sd of 0 at a distance of 0 from no row before), and would spoil derivatives.
fn without_first_steps(g: &mut Graph, model: &LinearGaussian) -> LinearGaussian {
    let mut safe = |n: NodeId, instead: f64| {
        if !g.ty(n).has(model.over) {
            return n;
        }
        let instead = g.constant(instead);
        g.select(model.first, instead, n)
    };
    LinearGaussian {
        transition: model
            .transition
            .iter()
            .map(|row| row.iter().map(|f| f.map(|f| safe(f, 0.0))).collect())
            .collect(),
        shift: model.shift.iter().map(|&x| safe(x, 0.0)).collect(),
        sd: model.sd.iter().map(|&x| safe(x, 1.0)).collect(),
        ..model.clone()
    }
}

/// What steps of time read.
pub(super) fn import_laws(g: &Graph, model: &LinearGaussian, inputs: &mut StepInputs) {
    inputs.import(g, model.first);
    for start in &model.start {
        if let Start::Known { mean, sd } = start {
            inputs.import(g, *mean);
            inputs.import(g, *sd);
        }
    }
    for n in model.transition.iter().flatten().flatten().chain(&model.shift).chain(&model.sd) {
        inputs.import(g, *n);
    }
}

type Laws = (Vec<Vec<Option<NodeId>>>, Vec<NodeId>, Vec<NodeId>);

/// The transition, shifts and sds inside a step.
pub(super) fn laws_inside(g: &Graph, model: &LinearGaussian, body: &mut StepBody) -> Laws {
    let mut get = |n: NodeId| body.get(g, n);
    let transition =
        model.transition.iter().map(|row| row.iter().map(|f| f.map(&mut get)).collect()).collect();
    let shift = model.shift.iter().map(|&x| get(x)).collect();
    (transition, shift, model.sd.iter().map(|&x| get(x)).collect())
}

/// `[F S, diag sd]`, row by row.
fn moved_rows(g: &mut Graph, z: &State, f: &[Vec<Option<NodeId>>], sd: &[NodeId]) -> Vec<Vec<NodeId>> {
    let width = z.s.first().map_or(0, Vec::len);
    let zero = g.constant(0.0);
    let row = |(i, f): (usize, &Vec<Option<NodeId>>)| -> Vec<NodeId> {
        let mut row: Vec<NodeId> = (0..width).map(|k| dot(g, f, z.s.iter().map(|s| s[k]))).collect();
        row.extend((0..sd.len()).map(|k| if k == i { sd[i] } else { zero }));
        row
    };
    f.iter().enumerate().map(row).collect()
}

/// m <- F m + b, B <- F B, S <- L with L L' = F S S' F' + diag(sd^2).
fn predict(g: &mut Graph, z: &State, f: &[Vec<Option<NodeId>>], shift: &[NodeId], sd: &[NodeId]) -> State {
    let d = z.q.len();
    let width = z.s.first().map_or(0, Vec::len);
    let zero = g.constant(0.0);
    let (mut m, mut b) = (Vec::new(), Vec::new());
    for (f, &shift) in f.iter().zip(shift) {
        let mean = dot(g, f, z.m.iter().copied());
        m.push(g.add(mean, shift));
        b.push((0..d).map(|c| dot(g, f, z.b.iter().map(|b| b[c]))).collect());
    }
    let w = moved_rows(g, z, f, sd);
    let mut s = triangle(g, w, sd.len());
    s.iter_mut().for_each(|row| row.resize(width, zero));
    State { m, s, b, r: z.r.clone(), q: z.q.clone() }
}

/// The states before a step of time given those after it: of the triangle [A, 0; C, D] of [F S, diag sd;
/// S, 0] the gain is C A^-1, and D the root.
fn backwards(
    g: &mut Graph,
    before: &State,
    moved: &State,
    f: &[Vec<Option<NodeId>>],
    sd: &[NodeId],
) -> Backward {
    let n = sd.len();
    let zero = g.constant(0.0);
    let mut w = moved_rows(g, before, f, sd);
    w.extend(before.s.iter().map(|s| s.iter().copied().chain(vec![zero; n]).collect()));
    let joint = triangle(g, w, n);
    let (a, rest) = joint.split_at(n);
    Backward {
        mean: before.m.clone(),
        mean_by_start: before.b.clone(),
        moved: moved.m.clone(),
        moved_by_start: moved.b.clone(),
        // x A = c is A' x' = c'.
        gain: rest.iter().map(|row| backward_solve(g, a, &row[..n])).collect(),
        root: rest.iter().map(|row| row[n..].to_vec()).collect(),
    }
}

/// A measurement; returns its term of the log density at a start of zero.
fn measure(g: &mut Graph, z: &mut State, h: &[Option<NodeId>], [value, shift, sd]: [NodeId; 3]) -> NodeId {
    let (n, d) = (z.m.len(), z.q.len());
    let width = z.s.first().map_or(0, Vec::len);
    let f: Vec<NodeId> = (0..width).map(|k| dot(g, h, z.s.iter().map(|s| s[k]))).collect();
    let squares: Vec<NodeId> = f.iter().map(|&f| g.square(f)).collect();
    let signal = total(g, &squares);
    let noise = g.square(sd);
    let variance = g.add(noise, signal);
    let mean = dot(g, h, z.m.iter().copied());
    let residual = g.sub(value, shift);
    let residual = g.sub(residual, mean);
    // How the prediction moves with each start.
    let u: Vec<NodeId> = (0..d).map(|c| dot(g, h, z.b.iter().map(|b| b[c]))).collect();
    let scaled = g.div(residual, variance);
    for i in 0..n {
        let products: Vec<NodeId> = z.s[i].iter().zip(&f).map(|(&s, &f)| g.mul(s, f)).collect();
        let sf = total(g, &products);
        let step = g.mul(sf, scaled);
        z.m[i] = g.add(z.m[i], step);
        let gain = g.div(sf, variance);
        for (b, &u) in z.b[i].iter_mut().zip(&u) {
            let part = g.mul(gain, u);
            *b = g.sub(*b, part);
        }
        for (s, &f) in z.s[i].iter_mut().zip(&f) {
            let part = g.mul(gain, f);
            *s = g.sub(*s, part);
        }
        z.s[i].push(g.mul(gain, sd));
    }
    let quadratic = if d == 0 {
        g.mul(residual, scaled)
    } else {
        let root = g.sqrt(variance);
        let row = u.iter().map(|&u| g.div(u, root)).collect();
        let residual = g.div(residual, root);
        let left = rotate(g, z, row, residual);
        g.square(left)
    };
    let ln = g.ln(variance);
    let both = g.add(quadratic, ln);
    let half = g.scale(-0.5, both);
    g.add_const(half, -HALF_LN_2PI)
}

/// Rotates the row `[u, e]` of the regression on the starts into `[R, q]`, by Givens; what is left of e.
fn rotate(g: &mut Graph, z: &mut State, mut u: Vec<NodeId>, mut e: NodeId) -> NodeId {
    let (zero, one) = (g.constant(0.0), g.constant(1.0));
    for c in 0..u.len() {
        let (a, b) = (g.square(z.r[c][0]), g.square(u[c]));
        let both = g.add(a, b);
        // Neither says anything of this start: nothing turns, and no root is taken of zero.
        let some = g.binary(Binary::Lt, zero, both);
        let safe = g.select(some, both, one);
        let length = g.sqrt(safe);
        let cos = g.div(z.r[c][0], length);
        let cos = g.select(some, cos, one);
        let sin = g.div(u[c], length);
        let mut turn = |old: &mut NodeId, new: &mut NodeId| {
            let (x, y) = (g.mul(cos, *old), g.mul(sin, *new));
            let (v, w) = (g.mul(cos, *new), g.mul(sin, *old));
            (*old, *new) = (g.add(x, y), g.sub(v, w));
        };
        for (old, new) in z.r[c].iter_mut().zip(&mut u[c..]) {
            turn(old, new);
        }
        turn(&mut z.q[c], &mut e);
    }
    e
}

/// ln of the integral of exp(-|R d - q|^2 / 2), by L = R': k ln(2 pi) / 2 - ln |L|
fn integrated(g: &mut Graph, l: &[Vec<NodeId>]) -> NodeId {
    let mut sum = g.constant(l.len() as f64 * HALF_LN_2PI);
    for row in l {
        let ln = g.ln(*row.last().expect("its own"));
        sum = g.sub(sum, ln);
    }
    sum
}
