//! Normals, `z = mu + L eps` with a lower triangle `L` of some [`Pattern`]: `mean_field`,
//! `full_rank` and `structured`.
//!
//! `lambda = (mu[d], L)`: `mu` in the order of the coordinates, `L` packed as its pattern says, with
//! the *logarithm* of its diagonal, so that every `lambda` is a valid distribution.
//!
//! `structured` is the normal whose blocks are independent given the globals: the globals have any
//! covariance; a block is normal given them, its mean linear in them (Hoffman and Blei, Stochastic
//! structured variational inference, AISTATS 2015, with normals throughout).

use std::sync::Arc;

use super::{Family, HALF_LOG_TAU};
use crate::coordinates::{Coordinates, Scale};
use crate::options::FULL_RANK_LIMIT;
use crate::pattern::{Arrow, Pattern};
use numerics::lanes::{LANES, Lanes};

pub struct Triangular {
    dim: usize,
    word: &'static str,
    pattern: Pattern,
}

impl Triangular {
    pub fn mean_field(dim: usize) -> Self {
        Triangular { dim, word: "mean_field", pattern: Pattern::Diagonal }
    }

    pub fn full_rank(dim: usize) -> Self {
        Triangular { dim, word: "full_rank", pattern: Pattern::Lower }
    }

    /// From the block of each coordinate, `None` for a global. Without blocks, full rank while that is
    /// affordable, independent beyond.
    pub fn structured(blocks: &[Option<usize>]) -> Self {
        let dim = blocks.len();
        let pattern = match blocks.iter().any(Option::is_some) {
            true => Pattern::Arrow(Arc::new(Arrow::new(blocks.to_vec()))),
            false if dim <= FULL_RANK_LIMIT => Pattern::Lower,
            false => Pattern::Diagonal,
        };
        Triangular { dim, word: "structured", pattern }
    }

    /// `L` with its true diagonal.
    fn factor(&self, lambda: &[f64]) -> Vec<f64> {
        let mut l = lambda[self.dim..].to_vec();
        for i in 0..self.dim {
            let diagonal = &mut l[self.pattern.row(i).diagonal(i)];
            *diagonal = diagonal.exp();
        }
        l
    }

    pub(super) fn log_det(&self, lambda: &[f64]) -> f64 {
        (0..self.dim).map(|i| lambda[self.dim + self.pattern.row(i).diagonal(i)]).sum()
    }

    /// `KL(a | b) = (|Lb^-1 La|_F^2 + |Lb^-1 (ma - mb)|^2 - d) / 2 + log det Lb - log det La`.
    pub(super) fn kl(&self, a: &[f64], b: &[f64]) -> f64 {
        let (top, bottom) = (self.factor(a), self.factor(b));
        let mut shift: Vec<f64> =
            (0..self.dim).map(|i| a[self.pattern.coordinate(i)] - b[self.pattern.coordinate(i)]).collect();
        self.pattern.solve::<1>(&bottom, &mut shift);
        let quotient = self.pattern.divide(&top, &bottom, self.dim);
        let squares: f64 = quotient.iter().chain(&shift).map(|x| x * x).sum();
        (0.5 * (squares - self.dim as f64) + self.log_det(b) - self.log_det(a)).max(0.0)
    }

    /// The member that is a standard normal in some coordinates: `None` where these have another
    /// pattern.
    pub(super) fn normal_in(&self, coordinates: &Coordinates) -> Option<Vec<f64>> {
        let (pattern, l) = coordinates.scale.parts();
        if pattern != self.pattern {
            return None;
        }
        let mut lambda = coordinates.centre.clone();
        lambda.extend(l);
        for i in 0..self.dim {
            let diagonal = &mut lambda[self.dim + pattern.row(i).diagonal(i)];
            *diagonal = diagonal.ln();
        }
        Some(lambda)
    }

    /// The chain rule of `mu + L eps` for `grad`, and for `-logs` of the log determinant.
    pub(super) fn pull(
        &self,
        lambda: &[f64],
        [eps, grad]: [&Lanes; 2],
        logs: f64,
        weight: &[f64],
        out: &mut [f64],
        squared: &mut [f64],
    ) {
        let (mut e, mut g) = (vec![0.0; self.dim * LANES], vec![0.0; self.dim * LANES]);
        squared.fill(0.0);
        each_tile(weight, squared, |t, lanes| {
            self.pattern.gather::<LANES>(eps.tile(t), &mut e);
            self.pattern.gather::<LANES>(grad.tile(t), &mut g);
            self.pull_tile(lambda, [&e, &g], logs, lanes, out);
        });
    }

    /// `[position][8]` of `L^-1 (z - mu)` for one tile of draws.
    fn whiten_tile(&self, lambda: &[f64], l: &[f64], z: &[f64], e: &mut [f64]) {
        self.pattern.gather::<LANES>(z, e);
        for (i, e) in e.chunks_exact_mut(LANES).enumerate() {
            let mu = lambda[self.pattern.coordinate(i)];
            e.iter_mut().for_each(|e| *e -= mu);
        }
        self.pattern.solve::<LANES>(l, e);
    }

    /// `L^-1 (z - mu)` of every lane, in place.
    pub(super) fn whiten(&self, lambda: &[f64], z: &mut Lanes) {
        let l = self.factor(lambda);
        let mut e = vec![0.0; self.dim * LANES];
        for t in 0..z.tiles() {
            self.whiten_tile(lambda, &l, z.tile(t), &mut e);
            self.pattern.scatter::<LANES>(&e, z.tile_mut(t));
        }
    }

    /// The cotangent of the noise from that of the draws, `L' g`, in place.
    pub(super) fn pull_noise(&self, lambda: &[f64], grad: &mut Lanes) {
        self.each_lane(grad, &self.factor(lambda), Pattern::multiply_transposed::<LANES>);
    }

    /// The gradient of a log density in the draws from that in the noise, `L'^-1 g`, in place.
    pub(super) fn push_score(&self, lambda: &[f64], score: &mut Lanes) {
        self.each_lane(score, &self.factor(lambda), Pattern::solve_transposed::<LANES>);
    }

    fn each_lane(&self, x: &mut Lanes, l: &[f64], operation: fn(&Pattern, &[f64], &mut [f64])) {
        let mut e = vec![0.0; self.dim * LANES];
        for t in 0..x.tiles() {
            self.pattern.gather::<LANES>(x.tile(t), &mut e);
            operation(&self.pattern, l, &mut e);
            self.pattern.scatter::<LANES>(&e, x.tile_mut(t));
        }
    }

    /// The chain rule of one tile's `mu + L e`, `e` and `g` as `[position][8]`, less `logs` times the
    /// log determinant.
    fn pull_tile(&self, lambda: &[f64], [e, g]: [&[f64]; 2], logs: f64, lanes: Lane, out: &mut [f64]) {
        let (weights, squared) = lanes;
        let (out_mu, out_l) = out.split_at_mut(self.dim);
        let n_global = self.pattern.n_global();
        // 1 + the squares of the columns of this row, for the gradient's norm
        let (mut below, mut globals) = ([1.0; LANES], [0.0; LANES]);
        for i in 0..self.dim {
            let row = self.pattern.row(i);
            if row.first == i {
                below = globals.map(|h| 1.0 + h);
            }
            let diagonal = lambda[self.dim + row.diagonal(i)].exp();
            let (g, own) = (&g[i * LANES..][..LANES], &e[i * LANES..][..LANES]);
            let (mut weighted, mut of_log) = ([0.0; LANES], 0.0);
            for k in 0..LANES {
                let slope = g[k] * own[k] * diagonal - logs;
                // A padding lane may hold anything; its weight is no defence against NaN.
                if weights[k] != 0.0 {
                    weighted[k] = weights[k] * g[k];
                    of_log += weights[k] * slope;
                }
                squared[k] += g[k] * g[k] * below[k] + slope * slope;
                below[k] += own[k] * own[k];
                if i < n_global {
                    globals[k] += own[k] * own[k];
                }
            }
            out_mu[self.pattern.coordinate(i)] += weighted.iter().sum::<f64>();
            row.each(i, |j, k| {
                let e = &e[j * LANES..][..LANES];
                out_l[k] += weighted.iter().zip(e).map(|(g, e)| g * e).sum::<f64>();
            });
            out_l[row.diagonal(i)] += of_log;
        }
    }
}

/// Of one tile: the weights of its lanes, and the squared norms of their gradients so far.
pub(super) type Lane<'a> = (&'a [f64; LANES], &'a mut [f64; LANES]);

/// Calls `f` with every tile's weights, padded with zeros, and its squared norms, to be added to.
pub(super) fn each_tile(weight: &[f64], squared: &mut [f64], mut f: impl FnMut(usize, Lane)) {
    for (t, (w, squared)) in weight.chunks(LANES).zip(squared.chunks_mut(LANES)).enumerate() {
        let (mut weights, mut squares) = ([0.0; LANES], [0.0; LANES]);
        weights[..w.len()].copy_from_slice(w);
        squares[..w.len()].copy_from_slice(squared);
        f(t, (&weights, &mut squares));
        squared.copy_from_slice(&squares[..squared.len()]);
    }
}

impl Family for Triangular {
    fn name(&self) -> String {
        self.word.into()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn n_params(&self) -> usize {
        self.dim + self.pattern.size(self.dim)
    }

    fn scale(&self) -> &Pattern {
        &self.pattern
    }

    fn standard(&self) -> Vec<f64> {
        vec![0.0; self.n_params()]
    }

    fn normal(&self, lambda: &[f64]) -> Option<Coordinates> {
        let scale = Scale::of(self.pattern.clone(), self.factor(lambda));
        Some(Coordinates { centre: lambda[..self.dim].to_vec(), scale })
    }

    fn rsample(&self, lambda: &[f64], eps: &Lanes, z: &mut Lanes) {
        let l = self.factor(lambda);
        let mut x = vec![0.0; self.dim * LANES];
        for t in 0..z.tiles() {
            self.pattern.gather::<LANES>(eps.tile(t), &mut x);
            self.pattern.multiply::<LANES>(&l, &mut x);
            let z = z.tile_mut(t);
            self.pattern.scatter::<LANES>(&x, z);
            for (z, mu) in z.chunks_exact_mut(LANES).zip(lambda) {
                z.iter_mut().for_each(|z| *z += mu);
            }
        }
    }

    fn log_q(&self, lambda: &[f64], z: &Lanes, log_q: &mut [f64], mut score: Option<&mut Lanes>) {
        let l = self.factor(lambda);
        let constant = -self.log_det(lambda) - self.dim as f64 * HALF_LOG_TAU;
        let mut e = vec![0.0; self.dim * LANES];
        for (t, log_q) in log_q.chunks_mut(LANES).enumerate() {
            self.whiten_tile(lambda, &l, z.tile(t), &mut e);
            let mut squares = [0.0; LANES];
            for e in e.chunks_exact(LANES) {
                squares.iter_mut().zip(e).for_each(|(s, e)| *s += e * e);
            }
            log_q.iter_mut().zip(squares).for_each(|(q, s)| *q = constant - 0.5 * s);
            if let Some(score) = score.as_deref_mut() {
                // -L'^-1 e
                e.iter_mut().for_each(|e| *e = -*e);
                self.pattern.solve_transposed::<LANES>(&l, &mut e);
                self.pattern.scatter::<LANES>(&e, score.tile_mut(t));
            }
        }
    }

    fn pullback(
        &self,
        lambda: &[f64],
        eps: &Lanes,
        grad: &Lanes,
        weight: &[f64],
        out: &mut [f64],
        squared: &mut [f64],
    ) {
        self.pull(lambda, [eps, grad], 0.0, weight, out, squared);
    }

    fn pullback_log_q(
        &self,
        lambda: &[f64],
        _eps: &Lanes,
        z: &Lanes,
        weight: &[f64],
        out: &mut [f64],
        squared: &mut [f64],
    ) {
        // log q = -log det L - |e|^2 / 2 with e = L^-1 (z - mu), whose chain rule is that of z at the
        // noise e, for L'^-1 e
        let l = self.factor(lambda);
        let (mut e, mut g) = (vec![0.0; self.dim * LANES], vec![0.0; self.dim * LANES]);
        squared.fill(0.0);
        each_tile(weight, squared, |t, lanes| {
            self.whiten_tile(lambda, &l, z.tile(t), &mut e);
            g.copy_from_slice(&e);
            self.pattern.solve_transposed::<LANES>(&l, &mut g);
            self.pull_tile(lambda, [&e, &g], 1.0, lanes, out);
        });
    }

    fn entropy(&self, lambda: &[f64], grad: Option<&mut [f64]>) -> Option<f64> {
        if let Some(grad) = grad {
            for i in 0..self.dim {
                grad[self.dim + self.pattern.row(i).diagonal(i)] += 1.0;
            }
        }
        Some(self.log_det(lambda) + self.dim as f64 * (HALF_LOG_TAU + 0.5))
    }

    fn symmetric_kl(&self, a: &[f64], b: &[f64]) -> f64 {
        self.kl(a, b) + self.kl(b, a)
    }
}
