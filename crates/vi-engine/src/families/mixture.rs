//! `mixture(k)`: `k` normals, each with its weight; full rank while that is affordable, independent
//! coordinates beyond.
//!
//! `lambda = (logit[k], component[k])`, a component as its normal family has it. A draw's last element
//! of noise chooses its component ([`Strata`]); the others are the component's. Neither the entropy
//! nor the divergence between two mixtures has a closed form: the first is averaged over draws, the
//! second bounded by that of the pairs (component, draw).

use super::triangular::Triangular;
use super::{Family, Strata};
use crate::coordinates::Coordinates;
use crate::options::FULL_RANK_LIMIT;
use crate::pattern::Pattern;
use numerics::lanes::Lanes;
use numerics::psis::log_sum_exp;
use numerics::special::ndtr;

/// How far apart the means of the standard member are: without a difference the components would move
/// as one.
const APART: f64 = 1.2;

pub struct Mixture {
    normal: Triangular,
    components: usize,
}

impl Mixture {
    pub fn new(dim: usize, components: usize) -> Self {
        let normal =
            if dim <= FULL_RANK_LIMIT { Triangular::full_rank(dim) } else { Triangular::mean_field(dim) };
        Mixture { normal, components: components.max(1) }
    }

    /// Where component `k` has its parameters.
    fn place(&self, k: usize) -> std::ops::Range<usize> {
        let n = self.normal.n_params();
        self.components + k * n..self.components + (k + 1) * n
    }

    fn log_shares(&self, lambda: &[f64]) -> Vec<f64> {
        let logits = &lambda[..self.components];
        let total = log_sum_exp(logits);
        logits.iter().map(|l| l - total).collect()
    }

    /// The lanes of each component.
    fn chosen(&self, lambda: &[f64], eps: &Lanes) -> Vec<Vec<usize>> {
        let shares = self.shares(lambda);
        let mut chosen = vec![Vec::new(); self.components];
        for lane in 0..eps.lanes() {
            let mut left = ndtr(eps.get(self.dim(), lane));
            let k = shares.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            chosen[k.unwrap_or(self.components - 1)].push(lane);
        }
        chosen
    }

    /// The components' log densities with their weights, `[component][lane]`, and their scores where
    /// wanted.
    fn joint(&self, lambda: &[f64], z: &Lanes, scores: bool) -> (Vec<Vec<f64>>, Vec<Lanes>) {
        let of = |(k, log_share): (usize, &f64)| {
            let mut log_q = vec![0.0; z.lanes()];
            let mut score = Lanes::zeros(if scores { self.dim() } else { 0 }, z.lanes());
            self.normal.log_q(&lambda[self.place(k)], z, &mut log_q, scores.then_some(&mut score));
            log_q.iter_mut().for_each(|q| *q += log_share);
            (log_q, score)
        };
        self.log_shares(lambda).iter().enumerate().map(of).unzip()
    }

    /// Of each component, the probability that a draw came of it, `[component][lane]`.
    fn came(&self, lambda: &[f64], z: &Lanes) -> Vec<Vec<f64>> {
        let (mut joint, _) = self.joint(lambda, z, false);
        for lane in 0..z.lanes() {
            let log_q = log_sum_exp(&joint.iter().map(|of| of[lane]).collect::<Vec<_>>());
            joint.iter_mut().for_each(|of| of[lane] = (of[lane] - log_q).exp());
        }
        joint
    }
}

/// Some lanes of `from`, and only its first `n` elements.
fn part(from: &Lanes, n: usize, lanes: &[usize]) -> Lanes {
    let mut part = Lanes::zeros(n, lanes.len());
    for (to, &lane) in lanes.iter().enumerate() {
        (0..n).for_each(|i| part.set(i, to, from.get(i, lane)));
    }
    part.pad();
    part
}

impl Family for Mixture {
    fn name(&self) -> String {
        format!("mixture({})", self.components)
    }

    fn dim(&self) -> usize {
        self.normal.dim()
    }

    fn n_params(&self) -> usize {
        self.place(self.components).start
    }

    fn n_base(&self) -> usize {
        self.dim() + 1
    }

    fn scale(&self) -> &Pattern {
        self.normal.scale()
    }

    fn standard(&self) -> Vec<f64> {
        // Means of an irregular pattern (multiples of the golden ratio), of which each coordinate's
        // average over the components is zero; the components' variances make up for their spread.
        let (dim, k) = (self.dim(), self.components);
        let pattern = |n: usize| APART * ((n as f64 * 0.618_033_988_749_894_9).fract() - 0.5);
        let mut lambda = vec![0.0; self.n_params()];
        for i in 0..dim {
            let centre = (0..k).map(|c| pattern(c * dim + i + 1)).sum::<f64>() / k as f64;
            let means: Vec<f64> = (0..k).map(|c| pattern(c * dim + i + 1) - centre).collect();
            let between = means.iter().map(|m| m * m).sum::<f64>() / k as f64;
            for (c, mean) in means.iter().enumerate() {
                let component = &mut lambda[self.place(c)];
                component[i] = *mean;
                component[dim + self.normal.scale().row(i).diagonal(i)] = 0.5 * (1.0 - between).ln();
            }
        }
        lambda
    }

    fn over_modes(&self, modes: &[(f64, Coordinates)]) -> Option<Vec<f64>> {
        if self.components == 1 || modes.len() < 2 {
            return None;
        }
        // Each mode in turn, until there are components for none: those of one mode share its mass, and are
        // as far apart as those of the standard member.
        let apart = self.standard();
        let n_modes = modes.len().min(self.components);
        let mut lambda = vec![0.0; self.n_params()];
        for c in 0..self.components {
            let (log_mass, coordinates) = &modes[c % n_modes];
            let sharers = (self.components - c % n_modes).div_ceil(n_modes);
            lambda[c] = log_mass - modes[0].0 - (sharers as f64).ln();
            let mut component = self.normal.normal_in(coordinates)?;
            if sharers > 1 {
                let mut steps = apart[self.place(c)][..self.dim()].to_vec();
                let (pattern, l) = coordinates.scale.parts();
                pattern.multiply::<1>(l, &mut steps);
                component.iter_mut().zip(&steps).for_each(|(mean, step)| *mean += step);
            }
            lambda[self.place(c)].copy_from_slice(&component);
        }
        Some(lambda)
    }

    fn rsample(&self, lambda: &[f64], eps: &Lanes, z: &mut Lanes) {
        for (k, lanes) in self.chosen(lambda, eps).iter().enumerate() {
            let mut own = Lanes::zeros(self.dim(), lanes.len());
            self.normal.rsample(&lambda[self.place(k)], &part(eps, self.dim(), lanes), &mut own);
            lanes.iter().enumerate().for_each(|(from, &lane)| z.set_lane(lane, &own.lane(from)));
        }
        z.pad();
    }

    fn log_q(&self, lambda: &[f64], z: &Lanes, log_q: &mut [f64], score: Option<&mut Lanes>) {
        let (joint, scores) = self.joint(lambda, z, score.is_some());
        for (lane, q) in log_q.iter_mut().enumerate() {
            *q = log_sum_exp(&joint.iter().map(|of| of[lane]).collect::<Vec<_>>());
        }
        let Some(score) = score else { return };
        for t in 0..score.tiles() {
            score.tile_mut(t).fill(0.0);
        }
        for (of, own) in joint.iter().zip(&scores) {
            for (lane, (of, q)) in of.iter().zip(log_q.iter()).enumerate() {
                let share = if q.is_finite() { (of - q).exp() } else { f64::NAN };
                if share != 0.0 {
                    (0..own.n())
                        .for_each(|i| score.set(i, lane, score.get(i, lane) + share * own.get(i, lane)));
                }
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
        for (k, lanes) in self.chosen(lambda, eps).iter().enumerate() {
            let (eps, grad) = (part(eps, self.dim(), lanes), part(grad, self.dim(), lanes));
            let weight: Vec<f64> = lanes.iter().map(|&lane| weight[lane]).collect();
            let mut own = vec![0.0; lanes.len()];
            let place = self.place(k);
            self.normal.pullback(&lambda[place.clone()], &eps, &grad, &weight, &mut out[place], &mut own);
            lanes.iter().zip(own).for_each(|(&lane, own)| squared[lane] = own);
        }
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
        // d log q = sum_k r_k (d log q_k + d log share_k), r_k the probability that z came of k
        let shares = self.shares(lambda);
        squared.fill(0.0);
        for (k, came) in self.came(lambda, z).iter().enumerate() {
            let weights: Vec<f64> = weight.iter().zip(came).map(|(w, r)| w * r).collect();
            let mut own = vec![0.0; came.len()];
            let place = self.place(k);
            self.normal.pullback_log_q(&lambda[place.clone()], eps, z, &weights, &mut out[place], &mut own);
            for (lane, r) in came.iter().enumerate() {
                let of_logit = r - shares[k];
                out[k] += weight[lane] * of_logit;
                // of what is far from a component, its own slope may be infinite
                squared[lane] += of_logit * of_logit + if *r > 0.0 { r * r * own[lane] } else { 0.0 };
            }
        }
    }

    fn entropy(&self, _lambda: &[f64], _grad: Option<&mut [f64]>) -> Option<f64> {
        None
    }

    fn symmetric_kl(&self, a: &[f64], b: &[f64]) -> f64 {
        let (log_a, log_b) = (self.log_shares(a), self.log_shares(b));
        let each = |k: usize| {
            let (share_a, share_b) = (log_a[k].exp(), log_b[k].exp());
            let (of_a, of_b) = (&a[self.place(k)], &b[self.place(k)]);
            (share_a - share_b) * (log_a[k] - log_b[k])
                + share_a * self.normal.kl(of_a, of_b)
                + share_b * self.normal.kl(of_b, of_a)
        };
        (0..self.components).map(each).sum::<f64>().max(0.0)
    }

    fn strata(&self) -> Option<&dyn Strata> {
        Some(self)
    }
}

impl Strata for Mixture {
    fn shares(&self, lambda: &[f64]) -> Vec<f64> {
        self.log_shares(lambda).iter().map(|l| l.exp()).collect()
    }

    fn pullback_shares(&self, lambda: &[f64], by: &[f64], out: &mut [f64]) {
        let shares = self.shares(lambda);
        let mean: f64 = shares.iter().zip(by).map(|(share, by)| share * by).sum();
        for ((out, share), by) in out.iter_mut().zip(&shares).zip(by) {
            *out += share * (by - mean);
        }
    }

    fn pullback_log_q(&self, lambda: &[f64], z: &Lanes, weight: &[f64], out: &mut [f64]) {
        for ((out, came), share) in out.iter_mut().zip(self.came(lambda, z)).zip(self.shares(lambda)) {
            *out += weight
                .iter()
                .zip(came)
                .filter(|(w, _)| **w != 0.0)
                .map(|(w, r)| w * (r - share))
                .sum::<f64>();
        }
    }
}
