//! The walk: do the draws stay where they are when Hamiltonian Monte Carlo moves them?
//!
//! A transition that leaves the posterior invariant leaves draws of it where they are, as a whole;
//! draws that miss a part of it drift there. Importance weights cannot know of a region in which their
//! proposal never draws - the neck of a funnel, the far tail of a group's scale - but a gradient that
//! points there does. Chains start at draws, take a few transitions of HMC (Neal 2011, "MCMC using
//! Hamiltonian dynamics") in whitened coordinates, and each reported quantity is compared before and
//! after, chain by chain.

use numerics::lanes::{LANES, Lanes};

use crate::BLOCK;
use crate::coordinates::Coordinates;
use crate::diagnostics::check::moments;
use crate::observe::Observer;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// How many chains go how far.
pub struct Walk {
    pub chains: usize,
    pub transitions: u64,
}

/// A short walk, and the long one that settles a doubt.
pub const WALKS: [Walk; 2] =
    [Walk { chains: 10 * BLOCK, transitions: 4 }, Walk { chains: 40 * BLOCK, transitions: 8 }];
/// Leapfrog steps of a transition.
const STEPS: usize = 6;
/// The first step size, in whitened coordinates of one dimension; the acceptance it is adapted to,
/// and how quickly.
const STEP: f64 = 0.6;
const ACCEPTANCE: f64 = 0.8;
const RATE: f64 = 1.0;

/// How far one quantity moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Of the mean, in standard deviations (of a probability in
    /// [`least_sd`](super::verdict::least_sd), if that is larger), with its standard error.
    pub mean: f64,
    pub mean_error: f64,
    /// Of the standard deviation, in the same, with its standard error.
    pub sd: f64,
    pub sd_error: f64,
}

impl Drift {
    /// Is one of the two larger than `size`, and than so many of its standard errors?
    pub fn exceeds(&self, size: f64, errors: f64) -> bool {
        beyond(self.mean, self.mean_error, size, errors) || beyond(self.sd, self.sd_error, size, errors)
    }
}

/// Is `x` larger than `size`, and than so many of its standard errors?
pub fn beyond(x: f64, error: f64, size: f64, errors: f64) -> bool {
    x.abs() > size.max(errors * error)
}

/// A block of chains in whitened coordinates.
struct Chains {
    u: Lanes,
    grad: Lanes,
    value: Vec<f64>,
}

impl Walk {
    /// Where chains from `z` (`[dim]` x chains) end; `None` where the observer cancels.
    pub fn go(
        &self,
        target: &mut Target,
        coordinates: &Coordinates,
        z: &Lanes,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Option<Lanes> {
        let (dim, count) = (z.n(), z.lanes());
        let mut room = Lanes::zeros(dim, BLOCK);
        let mut blocks: Vec<Chains> = (0..count)
            .step_by(BLOCK)
            .map(|first| {
                let lanes = BLOCK.min(count - first);
                let mut u = Lanes::zeros(dim, lanes);
                (0..lanes).for_each(|l| u.set_lane(l, &coordinates.inverse(&z.lane(first + l))));
                u.pad();
                Chains { u, grad: Lanes::zeros(dim, lanes), value: vec![0.0; lanes] }
            })
            .collect();
        let mut eval = |target: &mut Target, u: &Lanes, value: &mut [f64], grad: &mut Lanes| {
            if room.lanes() != u.lanes() {
                room = Lanes::zeros(dim, u.lanes());
            }
            target.eval_whitened(coordinates, u, &mut room, value, Some(grad));
        };
        for b in &mut blocks {
            eval(target, &b.u, &mut b.value, &mut b.grad);
        }
        let names: Vec<String> = target.density().names().to_vec();
        let noise = Noise::new(seed, Purpose::Walk, names.iter().map(String::as_str));
        let choice = Noise::new(seed, Purpose::Walk, ["(accept)"]);
        let mut step = STEP * (dim as f64).powf(-0.25);
        for transition in 0..self.transitions {
            if observer.cancelled() {
                return None;
            }
            let mut accepted = 0.0;
            for (k, b) in blocks.iter_mut().enumerate() {
                let lanes = b.value.len();
                let mut p = Lanes::zeros(dim, lanes);
                noise.fill(transition, k * BLOCK, &mut p);
                let kinetic = |p: &Lanes, l: usize| 0.5 * (0..dim).map(|i| p.get(i, l).powi(2)).sum::<f64>();
                let before: Vec<f64> = (0..lanes).map(|l| b.value[l] - kinetic(&p, l)).collect();
                let (mut u, mut grad, mut value) = (b.u.clone(), b.grad.clone(), b.value.clone());
                for _ in 0..STEPS {
                    advance(&mut p, 0.5 * step, &grad);
                    advance(&mut u, step, &p);
                    eval(target, &u, &mut value, &mut grad);
                    advance(&mut p, 0.5 * step, &grad);
                }
                for l in 0..lanes {
                    let chance = (value[l] - kinetic(&p, l) - before[l]).min(0.0).exp();
                    let chance = if chance.is_nan() { 0.0 } else { chance };
                    accepted += chance;
                    if choice.uniform_of(transition, k * BLOCK + l) < chance {
                        b.u.set_lane(l, &u.lane(l));
                        b.grad.set_lane(l, &grad.lane(l));
                        b.value[l] = value[l];
                    }
                }
            }
            step *= (RATE * (accepted / count as f64 - ACCEPTANCE)).exp();
        }
        let mut end = Lanes::zeros(dim, count);
        for (k, b) in blocks.iter().enumerate() {
            let mut z = Lanes::zeros(dim, b.value.len());
            coordinates.forward(&b.u, &mut z);
            (0..b.value.len()).for_each(|l| end.set_lane(k * BLOCK + l, &z.lane(l)));
        }
        Some(end)
    }
}

/// `x += step direction`
fn advance(x: &mut Lanes, step: f64, direction: &Lanes) {
    for t in 0..x.tiles() {
        for (x, d) in x.tile_mut(t).chunks_exact_mut(LANES).zip(direction.tile(t).chunks_exact(LANES)) {
            x.iter_mut().zip(d).for_each(|(x, d)| *x += step * d);
        }
    }
}

/// The drift of one quantity between `before` and `after` (a value each chain). The draws that the
/// chains start from are themselves worth `ess` independent ones. It is measured in their sd, or in
/// `least_sd` if that is larger.
pub fn drift(before: &[f64], after: &[f64], ess: f64, least_sd: f64) -> Drift {
    let n = before.len() as f64;
    let equal = vec![1.0 / n; before.len()];
    if moments(before, &equal).same_constant(&moments(after, &equal)) {
        return Drift { mean: 0.0, mean_error: 0.0, sd: 0.0, sd_error: 0.0 };
    }
    let mean = |x: &mut dyn Iterator<Item = f64>| x.sum::<f64>() / n;
    let (m0, m1) = (mean(&mut before.iter().copied()), mean(&mut after.iter().copied()));
    let variance = mean(&mut after.iter().map(|x| (x - m1).powi(2)));
    let fourth = mean(&mut after.iter().map(|x| (x - m1).powi(4)));
    let sd = variance.sqrt();
    let unit = sd.max(least_sd);
    // Pairs: what a chain keeps of its start cancels.
    let moved = |l: usize| after[l] - before[l];
    let widened = |l: usize| (after[l] - m1).powi(2) - (before[l] - m0).powi(2);
    let (shift, growth) = (m1 - m0, mean(&mut (0..before.len()).map(widened)));
    let shift_error = mean(&mut (0..before.len()).map(|l| (moved(l) - shift).powi(2))) / n + variance / ess;
    let growth_error = mean(&mut (0..before.len()).map(|l| (widened(l) - growth).powi(2))) / n
        + (fourth - variance * variance) / ess;
    Drift {
        mean: shift / unit,
        mean_error: shift_error.sqrt() / unit,
        sd: 0.5 * growth / (sd * unit),
        sd_error: 0.5 * growth_error.sqrt() / (sd * unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinates::Scale;
    use crate::observe::Silent;
    use crate::testing::Gaussian;

    /// Drifts of draws of a standard normal times `factor`, whose posterior is the standard normal.
    fn drifts_of(factor: f64) -> Vec<Drift> {
        let [_, long] = WALKS;
        let mut z = Lanes::zeros(2, long.chains);
        Noise::new(3, Purpose::Start, ["a", "b"]).fill(0, 0, &mut z);
        for t in 0..z.tiles() {
            z.tile_mut(t).iter_mut().for_each(|x| *x *= factor);
        }
        let mut density = Gaussian::from_factor(&[0.0, 0.0], &[1.0, 0.0, 1.0]);
        let mut target = Target::new(&mut density);
        let coordinates = Coordinates { centre: vec![0.1, 0.0], scale: Scale::Diagonal(vec![1.1, 0.8]) };
        let end = long.go(&mut target, &coordinates, &z, 1, &mut Silent).unwrap();
        let column = |z: &Lanes, i: usize| (0..z.lanes()).map(|l| z.get(i, l)).collect::<Vec<f64>>();
        (0..2).map(|i| drift(&column(&z, i), &column(&end, i), f64::INFINITY, 0.0)).collect()
    }

    #[test]
    fn draws_of_the_posterior_stay_and_others_drift() {
        for d in drifts_of(1.0) {
            assert!(!d.exceeds(0.0, 4.0) && d.mean_error < 0.04 && d.sd_error < 0.03, "{d:?}");
        }
        // From an sd of 0.7 to one: 0.5 (1 - 0.49) = 0.255.
        for d in drifts_of(0.7) {
            assert!(d.exceeds(0.1, 4.0) && (d.sd - 0.255).abs() < 0.06, "{d:?}");
        }
    }
}
