//! Draws to be weighed.

use nalgebra::{Cholesky, DMatrix};
use numerics::lanes::{LANES, Lanes};

use crate::BLOCK;
use crate::coordinates::{Coordinates, Scale};
use crate::families::Family;
use crate::observe::{Observer, Progress, Stage};
use crate::pattern::Pattern;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// A distribution to draw from and to divide by.
pub struct Proposal<'a> {
    pub family: &'a dyn Family,
    pub coordinates: Coordinates,
    pub lambda: Vec<f64>,
}

/// Draws with their densities.
pub struct Draws {
    /// Unconstrained, `[dim]` x draws.
    pub z: Lanes,
    /// Log density of the model and of the proposal, both over the unconstrained vector.
    pub log_joint: Vec<f64>,
    pub log_q: Vec<f64>,
}

impl Draws {
    /// The first `count` draws.
    fn keep(&mut self, count: usize) {
        let mut z = Lanes::zeros(self.z.n(), count);
        for t in 0..z.tiles() {
            z.tile_mut(t).copy_from_slice(self.z.tile(t));
        }
        self.z = z;
        self.log_joint.truncate(count);
        self.log_q.truncate(count);
    }

    pub fn log_ratios(&self) -> Vec<f64> {
        self.log_joint.iter().zip(&self.log_q).map(|(p, q)| p - q).collect()
    }
}

impl Proposal<'_> {
    /// `count` draws of the stream `purpose`, block by block.
    pub fn draw(
        &self,
        target: &mut Target,
        seed: u64,
        purpose: Purpose,
        count: usize,
        stoppable: bool,
        observer: &mut dyn Observer,
    ) -> Draws {
        let (dim, base) = (self.family.dim(), self.family.n_base());
        let names = crate::base_names(target.density().names(), base);
        let noise = Noise::new(seed, purpose, names.iter().map(String::as_str));
        let mut draws =
            Draws { z: Lanes::zeros(dim, count), log_joint: vec![0.0; count], log_q: vec![0.0; count] };
        for first in (0..count).step_by(BLOCK) {
            if first > 0 && stoppable && observer.cancelled() {
                draws.keep(first);
                break;
            }
            let lanes = BLOCK.min(count - first);
            let mut eps = Lanes::zeros(base, lanes);
            let (mut u, mut z) = (Lanes::zeros(dim, lanes), Lanes::zeros(dim, lanes));
            noise.fill(0, first, &mut eps);
            self.family.rsample(&self.lambda, &eps, &mut u);
            let block = first..first + lanes;
            let log_q = &mut draws.log_q[block.clone()];
            self.family.log_q(&self.lambda, &u, log_q, None);
            let log_joint = &mut draws.log_joint[block];
            target.eval_whitened(&self.coordinates, &u, &mut z, log_joint, None);
            // back to the unconstrained vector's own densities
            let log_det = self.coordinates.log_det();
            log_joint.iter_mut().chain(log_q).for_each(|x| *x -= log_det);
            for t in 0..z.tiles() {
                draws.z.tile_mut(first / LANES + t).copy_from_slice(z.tile(t));
            }
            observer.progress(&Progress {
                stage: Stage::Check,
                row: None,
                fraction: (first + lanes) as f64 / count as f64,
            });
        }
        draws
    }

    /// Log density of one unconstrained point.
    pub fn log_prob(&self, z: &[f64]) -> f64 {
        let mut u = Lanes::zeros(self.family.dim(), 1);
        u.set_lane(0, &self.coordinates.inverse(z));
        let mut log_q = [0.0];
        self.family.log_q(&self.lambda, &u, &mut log_q, None);
        log_q[0] - self.coordinates.log_det()
    }
}

/// Coordinates whose standard normal has the weighted mean and covariance of draws, as far as a
/// triangle of `pattern` can tell it; `None` where these are degenerate.
pub fn moment_match(z: &Lanes, weights: &[f64], pattern: &Pattern) -> Option<Coordinates> {
    let dim = z.n();
    let heavy: Vec<(usize, f64)> = weights.iter().copied().enumerate().filter(|(_, w)| *w > 0.0).collect();
    let mut centre = vec![0.0; dim];
    for &(lane, w) in &heavy {
        centre.iter_mut().enumerate().for_each(|(i, c)| *c += w * z.get(i, lane));
    }
    let deviation = |i: usize, lane: usize| z.get(i, lane) - centre[i];
    // rows of weighted deviations, of some coordinates
    let root = |of: &[usize]| {
        DMatrix::from_fn(of.len(), heavy.len(), |i, k| {
            let (lane, w) = heavy[k];
            w.sqrt() * deviation(of[i], lane)
        })
    };
    let scale = match pattern {
        Pattern::Lower => {
            let root = root(&(0..dim).collect::<Vec<_>>());
            Scale::lower(&Cholesky::new(&root * root.transpose())?)
        }
        Pattern::Diagonal => {
            let variance = |i| heavy.iter().map(|&(lane, w)| w * deviation(i, lane).powi(2)).sum::<f64>();
            let sd: Vec<f64> = (0..dim).map(|i| variance(i).sqrt()).collect();
            if sd.iter().any(|sd| !(*sd > 0.0 && sd.is_finite())) {
                return None;
            }
            Scale::Diagonal(sd)
        }
        Pattern::Arrow(arrow) => {
            let globals = root(arrow.globals());
            let own = match arrow.n_global() {
                0 => DMatrix::zeros(0, 0),
                _ => Cholesky::new(&globals * globals.transpose())?.l(),
            };
            // the globals made independent, on which a block is regressed
            let whitened = own.solve_lower_triangular(&globals)?;
            let block = |block: &[usize]| {
                let local = root(block);
                let head = &local * whitened.transpose();
                let rest = &local * local.transpose() - &head * head.transpose();
                Some([head, Cholesky::new(rest)?.l()])
            };
            Scale::arrow(arrow, &own, &arrow.locals().map(block).collect::<Option<Vec<_>>>()?)
        }
    };
    Some(Coordinates { centre, scale })
}
