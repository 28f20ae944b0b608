//! `flow(k)`: a normal bent by `k` coupling layers of splines, `z = mu + L T_k(... T_1(eps))`.
//!
//! `lambda = (mu, L, layer[k])`: the normal as its own family has it (full rank while that is affordable,
//! independent coordinates beyond), then the layers. The layers bend the noise between -5 and 5
//! standard deviations and are affine beyond. With all layers the identity, which is the start, it is
//! that normal: every normal is in the family.
//!
//! Neither the entropy nor the divergence between two flows has a closed form: the first is averaged
//! over draws, the second over fixed ones.

mod coupling;
mod spline;

use std::ops::Range;

use super::triangular::{Triangular, each_tile};
use super::{Family, HALF_LOG_TAU};
use crate::draws::{Layout, StepNoise};
use crate::options::{DrawNoise, FULL_RANK_LIMIT};
use crate::pattern::Pattern;
use crate::stream::{Noise, Purpose};
use coupling::{Coupling, Pull};
use numerics::lanes::{LANES, Lanes};

/// Draws on which two members are compared.
const COMPARED: usize = 128;

pub struct Flow {
    normal: Triangular,
    layers: Vec<Coupling>,
}

impl Flow {
    pub fn new(dim: usize, layers: usize) -> Self {
        let normal =
            if dim <= FULL_RANK_LIMIT { Triangular::full_rank(dim) } else { Triangular::mean_field(dim) };
        Flow { normal, layers: (0..layers.max(1)).map(|layer| Coupling::new(dim, layer)).collect() }
    }

    /// Each layer and where its parameters are.
    fn each(&self) -> Vec<(&Coupling, Range<usize>)> {
        let mut next = self.normal.n_params();
        let place = |layer: &Coupling| {
            let first = next;
            next += layer.n_params();
            first..next
        };
        let places: Vec<Range<usize>> = self.layers.iter().map(place).collect();
        self.layers.iter().zip(places).collect()
    }

    fn of_normal<'l>(&self, lambda: &'l [f64]) -> &'l [f64] {
        &lambda[..self.normal.n_params()]
    }

    /// Bends noise; the input of each layer, and what comes out of the last.
    fn bend(&self, lambda: &[f64], eps: &Lanes) -> (Vec<Lanes>, Lanes) {
        let mut x = eps.clone();
        let mut inputs = Vec::with_capacity(self.layers.len());
        for (layer, place) in self.each() {
            inputs.push(x.clone());
            for t in 0..x.tiles() {
                layer.forward(&lambda[place.clone()], x.tile_mut(t), &mut [0.0; LANES]);
            }
        }
        (inputs, x)
    }

    /// The chain rule of draws for `grad`, and for `logs` of the log determinant `log |dz / d eps|`.
    fn pull(
        &self,
        lambda: &[f64],
        [eps, grad]: [&Lanes; 2],
        logs: f64,
        weight: &[f64],
        out: &mut [f64],
        squared: &mut [f64],
    ) {
        let (inputs, bent) = self.bend(lambda, eps);
        let n = self.normal.n_params();
        self.normal.pull(self.of_normal(lambda), [&bent, grad], -logs, weight, &mut out[..n], squared);
        let mut by = grad.clone();
        self.normal.pull_noise(self.of_normal(lambda), &mut by);
        for ((layer, place), input) in self.each().into_iter().zip(&inputs).rev() {
            each_tile(weight, squared, |t, (weights, squared)| {
                let pull = Pull { weights, out: &mut out[place.clone()], squared };
                layer.pullback(&lambda[place.clone()], input.tile(t), by.tile_mut(t), logs, pull);
            });
        }
    }
}

impl Family for Flow {
    fn name(&self) -> String {
        format!("flow({})", self.layers.len())
    }

    fn dim(&self) -> usize {
        self.normal.dim()
    }

    fn n_params(&self) -> usize {
        self.normal.n_params() + self.layers.iter().map(Coupling::n_params).sum::<usize>()
    }

    fn scale(&self) -> &Pattern {
        self.normal.scale()
    }

    fn standard(&self) -> Vec<f64> {
        let mut lambda = self.normal.standard();
        lambda.extend(self.layers.iter().flat_map(Coupling::identity));
        lambda
    }

    fn rsample(&self, lambda: &[f64], eps: &Lanes, z: &mut Lanes) {
        let (_, bent) = self.bend(lambda, eps);
        self.normal.rsample(self.of_normal(lambda), &bent, z);
    }

    fn log_q(&self, lambda: &[f64], z: &Lanes, log_q: &mut [f64], mut score: Option<&mut Lanes>) {
        let mut x = z.clone();
        self.normal.whiten(self.of_normal(lambda), &mut x);
        let constant = -self.normal.log_det(self.of_normal(lambda)) - self.dim() as f64 * HALF_LOG_TAU;
        for (t, log_q) in log_q.chunks_mut(LANES).enumerate() {
            let x = x.tile_mut(t);
            let mut log_det = [0.0; LANES];
            let mut inputs = Vec::with_capacity(self.layers.len());
            for (layer, place) in self.each().into_iter().rev() {
                layer.inverse(&lambda[place.clone()], x, &mut log_det);
                inputs.push((layer, place, x.to_vec()));
            }
            let mut squares = [0.0; LANES];
            for x in x.chunks_exact(LANES) {
                squares.iter_mut().zip(x).for_each(|(s, x)| *s += x * x);
            }
            for (lane, q) in log_q.iter_mut().enumerate() {
                *q = constant - log_det[lane] - 0.5 * squares[lane];
            }
            if let Some(score) = score.as_deref_mut() {
                let score = score.tile_mut(t);
                score.iter_mut().zip(&*x).for_each(|(s, x)| *s = -x);
                for (layer, place, x) in inputs.iter().rev() {
                    layer.push_score(&lambda[place.clone()], x, score);
                }
            }
        }
        if let Some(score) = score {
            self.normal.push_score(self.of_normal(lambda), score);
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
        eps: &Lanes,
        z: &Lanes,
        weight: &[f64],
        out: &mut [f64],
        squared: &mut [f64],
    ) {
        // At fixed noise log q changes by minus the log determinant, of which the part that z's moving
        // with lambda makes is taken off.
        let mut score = Lanes::zeros(z.n(), z.lanes());
        self.log_q(lambda, z, &mut vec![0.0; z.lanes()], Some(&mut score));
        for t in 0..score.tiles() {
            score.tile_mut(t).iter_mut().for_each(|s| *s = -*s);
        }
        self.pull(lambda, [eps, &score], -1.0, weight, out, squared);
    }

    fn entropy(&self, _lambda: &[f64], _grad: Option<&mut [f64]>) -> Option<f64> {
        None
    }

    fn symmetric_kl(&self, a: &[f64], b: &[f64]) -> f64 {
        // KL(a | b) = E_a[w - 1 - log w] with w = b / a: each term is at least zero, and nearly that where
        // the two are near
        let layout = Layout { lanes: COMPARED, unit: COMPARED, run: 1 };
        let names: Vec<String> = (0..self.dim()).map(|i| i.to_string()).collect();
        let noise = Noise::new(0, Purpose::FreshDraws, names.iter().map(String::as_str));
        let (mut eps, mut z) = (Lanes::zeros(self.dim(), COMPARED), Lanes::zeros(self.dim(), COMPARED));
        StepNoise::new(noise, DrawNoise::Sobol, layout).fill(0, &mut eps);
        let mut one_way = |a: &[f64], b: &[f64]| -> f64 {
            self.rsample(a, &eps, &mut z);
            let (mut log_a, mut log_b) = (vec![0.0; COMPARED], vec![0.0; COMPARED]);
            self.log_q(a, &z, &mut log_a, None);
            self.log_q(b, &z, &mut log_b, None);
            let terms = log_a.iter().zip(&log_b).map(|(a, b)| (b - a).exp_m1() - (b - a));
            terms.sum::<f64>() / COMPARED as f64
        };
        one_way(a, b) + one_way(b, a)
    }
}
