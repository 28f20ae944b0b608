//! The best normals of several descents, as one proposal: a mixture without parameters.

use nalgebra::DVector;
use numerics::lanes::Lanes;
use statrs::distribution::{ContinuousCDF, Normal};

use super::normal::PathNormal;
use crate::families::Family;
use crate::pattern::Pattern;
use numerics::psis::log_sum_exp;

/// Normals of any covariance, so that whitening is of no concern.
static SCALE: Pattern = Pattern::Lower;

/// Equal shares of each; the last element of base noise chooses between them.
pub struct Paths {
    pub normals: Vec<PathNormal>,
    pub dim: usize,
}

impl Paths {
    fn chosen(&self, noise: f64) -> &PathNormal {
        let uniform = Normal::standard().cdf(noise);
        let last = self.normals.len() - 1;
        &self.normals[((uniform * self.normals.len() as f64) as usize).min(last)]
    }
}

impl Family for Paths {
    fn name(&self) -> String {
        match self.normals.len() {
            1 => "a normal along a descent".into(),
            n => format!("{n} normals along descents"),
        }
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn n_params(&self) -> usize {
        0
    }

    fn n_base(&self) -> usize {
        self.dim + 1
    }

    fn scale(&self) -> &Pattern {
        &SCALE
    }

    fn standard(&self) -> Vec<f64> {
        Vec::new()
    }

    fn rsample(&self, _lambda: &[f64], eps: &Lanes, z: &mut Lanes) {
        for lane in 0..eps.lanes() {
            let mut noise = eps.lane(lane);
            let choice = noise.pop().unwrap_or(0.0);
            z.set_lane(lane, self.chosen(choice).rsample(&DVector::from_vec(noise)).as_slice());
        }
    }

    fn log_q(&self, _lambda: &[f64], z: &Lanes, log_q: &mut [f64], mut score: Option<&mut Lanes>) {
        let share = -(self.normals.len() as f64).ln();
        for (lane, log_q) in log_q.iter_mut().enumerate() {
            let z = DVector::from_vec(z.lane(lane));
            let (terms, slopes): (Vec<f64>, Vec<DVector<f64>>) =
                self.normals.iter().map(|normal| normal.log_prob(&z)).unzip();
            let total = log_sum_exp(&terms);
            *log_q = total + share;
            if let Some(score) = score.as_deref_mut() {
                let parts = terms.iter().zip(slopes).map(|(term, slope)| slope * (term - total).exp());
                score.set_lane(lane, parts.sum::<DVector<f64>>().as_slice());
            }
        }
    }

    /// There are no parameters to pull back to.
    fn pullback(&self, _: &[f64], _: &Lanes, _: &Lanes, _: &[f64], _: &mut [f64], squared: &mut [f64]) {
        squared.fill(0.0);
    }

    fn pullback_log_q(&self, _: &[f64], _: &Lanes, _: &Lanes, _: &[f64], _: &mut [f64], squared: &mut [f64]) {
        squared.fill(0.0);
    }

    /// Of one normal; of several there is no closed form.
    fn entropy(&self, _lambda: &[f64], _grad: Option<&mut [f64]>) -> Option<f64> {
        match &self.normals[..] {
            [normal] => Some(0.5 * self.dim as f64 - normal.log_prob(&normal.mean).0),
            _ => None,
        }
    }

    fn symmetric_kl(&self, _: &[f64], _: &[f64]) -> f64 {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pathfinder::normal::{Curvature, Point};
    use crate::stream::{Noise, Purpose};

    /// The mean of `1 / q` over draws from q, within a box: its volume, whatever the mixture.
    #[test]
    fn draws_have_the_density_that_is_said() {
        let normal = |x: f64, slope: f64| {
            let point =
                Point { x: DVector::from_vec(vec![x, -x]), gradient: DVector::from_vec(vec![slope, 0.0]) };
            Curvature::new(2).normal(&point).unwrap()
        };
        let paths = Paths { normals: vec![normal(0.0, 0.0), normal(1.5, 0.4)], dim: 2 };
        let draws = 400_000;
        let mut eps = Lanes::zeros(3, draws);
        Noise::new(1, Purpose::Start, ["a", "b", "c"]).fill(0, 0, &mut eps);
        let (mut z, mut log_q, mut score) =
            (Lanes::zeros(2, draws), vec![0.0; draws], Lanes::zeros(2, draws));
        paths.rsample(&[], &eps, &mut z);
        paths.log_q(&[], &z, &mut log_q, Some(&mut score));
        let inside = |lane: &usize| z.get(0, *lane).abs() < 1.0 && z.get(1, *lane).abs() < 1.0;
        let volume: f64 =
            (0..draws).filter(inside).map(|lane| (-log_q[lane]).exp()).sum::<f64>() / draws as f64;
        assert!((volume - 4.0).abs() < 0.06, "{volume}");
        // the score, by differences
        let (mut moved, mut up, mut down) = (z.clone(), vec![0.0; draws], vec![0.0; draws]);
        (0..draws).for_each(|lane| moved.set(0, lane, z.get(0, lane) + 1e-5));
        paths.log_q(&[], &moved, &mut up, None);
        (0..draws).for_each(|lane| moved.set(0, lane, z.get(0, lane) - 1e-5));
        paths.log_q(&[], &moved, &mut down, None);
        for lane in 0..100 {
            assert!((score.get(0, lane) - (up[lane] - down[lane]) / 2e-5).abs() < 1e-7);
        }
    }
}
