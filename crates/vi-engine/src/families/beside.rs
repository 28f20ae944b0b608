//! A family, and beside it parameters of the density itself, each between 0 and 1 and the same for all
//! draws: q is the family times a point mass, so that one climb of the ELBO moves both.

use numerics::lanes::{LANES, Lanes};

use super::{Family, Strata};
use crate::pattern::Pattern;

/// A value half-way moves as fast as its logit divided by this.
const STEEP: f64 = 4.0;

/// `lambda = (the family's, logit p[n] / 4)`; draws are (the family's, p).
pub struct Beside<'a> {
    pub family: &'a dyn Family,
    /// How many parameters.
    pub n: usize,
}

impl Beside<'_> {
    /// The parameters' values.
    pub fn values(&self, lambda: &[f64]) -> Vec<f64> {
        self.split(lambda).1.iter().map(|x| 1.0 / (1.0 + (-STEEP * x).exp())).collect()
    }

    fn split<'l>(&self, lambda: &'l [f64]) -> (&'l [f64], &'l [f64]) {
        lambda.split_at(self.family.n_params())
    }

    /// The coordinates of the family alone.
    fn own(&self, z: &Lanes) -> Lanes {
        let mut own = Lanes::zeros(self.family.dim(), z.lanes());
        for t in 0..z.tiles() {
            let n = own.tile(t).len();
            own.tile_mut(t).copy_from_slice(&z.tile(t)[..n]);
        }
        own
    }
}

impl Family for Beside<'_> {
    fn name(&self) -> String {
        format!("{} beside {} parameters", self.family.name(), self.n)
    }

    fn dim(&self) -> usize {
        self.family.dim() + self.n
    }

    fn n_params(&self) -> usize {
        self.family.n_params() + self.n
    }

    fn n_base(&self) -> usize {
        self.family.n_base()
    }

    fn scale(&self) -> &Pattern {
        self.family.scale()
    }

    fn standard(&self) -> Vec<f64> {
        let mut standard = self.family.standard();
        standard.resize(self.n_params(), 0.0);
        standard
    }

    fn rsample(&self, lambda: &[f64], eps: &Lanes, z: &mut Lanes) {
        let mut own = Lanes::zeros(self.family.dim(), z.lanes());
        self.family.rsample(self.split(lambda).0, eps, &mut own);
        let values = self.values(lambda);
        for t in 0..z.tiles() {
            let (ours, rest) = z.tile_mut(t).split_at_mut(own.tile(t).len());
            ours.copy_from_slice(own.tile(t));
            for (row, p) in rest.chunks_exact_mut(LANES).zip(&values) {
                row.fill(*p);
            }
        }
    }

    /// That of the family: point masses have no density.
    fn log_q(&self, lambda: &[f64], z: &Lanes, log_q: &mut [f64], score: Option<&mut Lanes>) {
        let own = self.own(z);
        let Some(score) = score else {
            return self.family.log_q(self.split(lambda).0, &own, log_q, None);
        };
        let mut of_own = Lanes::zeros(own.n(), own.lanes());
        self.family.log_q(self.split(lambda).0, &own, log_q, Some(&mut of_own));
        for t in 0..score.tiles() {
            let (ours, rest) = score.tile_mut(t).split_at_mut(of_own.tile(t).len());
            ours.copy_from_slice(of_own.tile(t));
            rest.fill(0.0);
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
        let (of_family, of_parameters) = out.split_at_mut(self.family.n_params());
        let own = self.own(grad);
        self.family.pullback(self.split(lambda).0, eps, &own, weight, of_family, squared);
        for ((i, out), p) in of_parameters.iter_mut().enumerate().zip(self.values(lambda)) {
            for (lane, (w, squared)) in weight.iter().zip(squared.iter_mut()).enumerate() {
                let slope = STEEP * p * (1.0 - p) * grad.get(self.family.dim() + i, lane);
                *out += w * slope;
                *squared += slope * slope;
            }
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
        let n = self.family.n_params();
        let own = self.own(z);
        self.family.pullback_log_q(self.split(lambda).0, eps, &own, weight, &mut out[..n], squared);
    }

    fn entropy(&self, lambda: &[f64], grad: Option<&mut [f64]>) -> Option<f64> {
        let n = self.family.n_params();
        self.family.entropy(self.split(lambda).0, grad.map(|g| &mut g[..n]))
    }

    /// That of the family, and the squared distances of the parameters.
    fn symmetric_kl(&self, a: &[f64], b: &[f64]) -> f64 {
        let apart: f64 = self.values(a).iter().zip(self.values(b)).map(|(a, b)| (a - b) * (a - b)).sum();
        self.family.symmetric_kl(self.split(a).0, self.split(b).0) + apart
    }

    fn strata(&self) -> Option<&dyn Strata> {
        self.family.strata().map(|_| self as &dyn Strata)
    }
}

impl Strata for Beside<'_> {
    fn shares(&self, lambda: &[f64]) -> Vec<f64> {
        self.family.strata().map_or(Vec::new(), |strata| strata.shares(self.split(lambda).0))
    }

    fn pullback_shares(&self, lambda: &[f64], by: &[f64], out: &mut [f64]) {
        if let Some(strata) = self.family.strata() {
            strata.pullback_shares(self.split(lambda).0, by, &mut out[..self.family.n_params()]);
        }
    }

    fn pullback_log_q(&self, lambda: &[f64], z: &Lanes, weight: &[f64], out: &mut [f64]) {
        if let Some(strata) = self.family.strata() {
            let out = &mut out[..self.family.n_params()];
            strata.pullback_log_q(self.split(lambda).0, &self.own(z), weight, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::{FamilyChoice, build};

    #[test]
    fn pullback_is_the_chain_rule_of_rsample() {
        let family = build(FamilyChoice::FullRank, 2);
        let both = Beside { family: &*family, n: 2 };
        let mut lambda = both.standard();
        lambda.iter_mut().enumerate().for_each(|(i, l)| *l = 0.3 * i as f64 - 0.8);
        let (mut eps, mut grad) = (Lanes::zeros(2, 3), Lanes::zeros(4, 3));
        for lane in 0..3 {
            (0..2).for_each(|i| eps.set(i, lane, 0.7 * i as f64 - 0.4 * lane as f64));
            (0..4).for_each(|i| grad.set(i, lane, 0.2 + 0.5 * i as f64 - 0.3 * lane as f64));
        }
        let weight = [0.5, 0.0, 0.25];
        let objective = |lambda: &[f64]| -> f64 {
            let mut z = Lanes::zeros(4, 3);
            both.rsample(lambda, &eps, &mut z);
            let dot = |l: usize| (0..4).map(|i| z.get(i, l) * grad.get(i, l)).sum::<f64>();
            (0..3).map(|l| weight[l] * dot(l)).sum()
        };
        let (mut out, mut squared) = (vec![0.0; both.n_params()], [0.0; 3]);
        both.pullback(&lambda, &eps, &grad, &weight, &mut out, &mut squared);
        for (p, found) in out.iter().enumerate() {
            let mut moved = lambda.clone();
            moved[p] += 1e-5;
            let up = objective(&moved);
            moved[p] -= 2e-5;
            let slope = (up - objective(&moved)) / 2e-5;
            assert!((found - slope).abs() < 1e-8, "{p}: {found}, by differences {slope}");
        }
        assert!(both.symmetric_kl(&lambda, &lambda).abs() < 1e-14);
    }
}
