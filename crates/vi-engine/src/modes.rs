//! Several modes that no chain connects: each polished by itself, and weighed by how much of the mass it holds.
//!
//! The mass of a mode is the integral of the density around it, found by bridge sampling between its polished draws
//! and a normal of their moments (Meng and Wong 1996, "Simulating ratios of normalizing constants via a simple
//! identity", with the optimal bridge; its error by Fruehwirth-Schnatter 2004, "Estimating marginal likelihoods
//! for mixture and Markov switching models using bridge sampling techniques", equation 16). A bridge is spoilt neither by the
//! normal's light tails nor by heavy ones.

use numerics::lanes::Lanes;

use crate::BLOCK;
use crate::answer::{pick, reported};
use crate::coordinates::Coordinates;
use crate::diagnostics::mixing::Mixing;
use crate::diagnostics::resample::systematic;
use crate::diagnostics::verdict::{self, Verdict};
use crate::families::HALF_LOG_TAU;
use crate::nuts::chains::Sample;
use crate::pattern::Pattern;
use crate::polish::Polished;
use crate::proposal::moment_match;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// Iterations of the bridge at most, and the relative change at which it stands still.
const ITERATIONS: usize = 1000;
const STILL: f64 = 1e-10;

/// A mode with its draws.
struct Mode {
    polished: Polished,
    normal: Coordinates,
    /// Of the mass around it, with its standard error.
    log_mass: f64,
    error: f64,
}

/// One sample of all modes, in proportion to their masses; `None` where a chain went from one mode to another, so
/// that they are not apart, or the draws of one have no spread.
pub fn together(
    target: &mut Target,
    polished: Vec<Polished>,
    posterior_draws: usize,
    seed: u64,
) -> Option<Polished> {
    let mut modes = Vec::new();
    for polished in polished {
        let z = &polished.sample.z;
        let normal =
            moment_match(z, &vec![1.0 / z.lanes() as f64; z.lanes()], &Pattern::of(z.lanes() > 2 * z.n()))?;
        modes.push(Mode { polished, normal, log_mass: 0.0, error: 0.0 });
    }
    for k in 0..modes.len() {
        let z = &modes[k].polished.sample.z;
        if (0..z.lanes()).any(|lane| nearest(&modes, &z.lane(lane)) != k) {
            return None;
        }
    }
    for k in 0..modes.len() {
        (modes[k].log_mass, modes[k].error) = bridge(target, &modes, k, seed);
    }
    Some(pooled(target, modes, posterior_draws))
}

/// The mode whose normal is densest at `z`.
fn nearest(modes: &[Mode], z: &[f64]) -> usize {
    let density = |mode: &Mode| log_normal(&mode.normal, z);
    (0..modes.len()).fold(0, |best, k| if density(&modes[k]) > density(&modes[best]) { k } else { best })
}

/// The log density of the normal that `coordinates` whiten.
fn log_normal(coordinates: &Coordinates, z: &[f64]) -> f64 {
    let square: f64 = coordinates.inverse(z).iter().map(|u| u * u).sum();
    -0.5 * square - coordinates.log_det() - z.len() as f64 * HALF_LOG_TAU
}

/// The logarithm of the mass of mode `k` and its standard error.
fn bridge(target: &mut Target, modes: &[Mode], k: usize, seed: u64) -> (f64, f64) {
    let mode = &modes[k];
    let sample = &mode.polished.sample;
    let n = sample.z.lanes();
    // The chains that the normal is not fitted to.
    let half: usize = sample.lengths.iter().take(sample.lengths.len() / 2).sum();
    let fitted = pick(&sample.z, &(0..half).collect::<Vec<_>>());
    let normal = moment_match(&fitted, &vec![1.0 / half as f64; half], &Pattern::of(half > 2 * fitted.n()));
    let normal = normal.unwrap_or_else(|| mode.normal.clone());
    let of_chains: Vec<f64> =
        (half..n).map(|i| sample.log_joint[i] - log_normal(&normal, &sample.z.lane(i))).collect();
    let names = target.density().names().to_vec();
    let noise = Noise::new(seed, Purpose::Bridge(k as u8), names.iter().map(String::as_str));
    let mut of_normal = Vec::with_capacity(n - half);
    for first in (0..n - half).step_by(BLOCK) {
        let lanes = BLOCK.min(n - half - first);
        let (mut eps, mut z) = (Lanes::zeros(names.len(), lanes), Lanes::zeros(names.len(), lanes));
        let mut value = vec![0.0; lanes];
        noise.fill(0, first, &mut eps);
        normal.forward(&eps, &mut z);
        z.pad();
        target.eval(&z, &mut value, None);
        for (lane, value) in value.iter().enumerate() {
            let z = z.lane(lane);
            let own = nearest(modes, &z) == k;
            of_normal.push(if own { value - log_normal(&normal, &z) } else { f64::NEG_INFINITY });
        }
    }
    let worth =
        0.5 * mode.polished.sample.mixing.iter().flatten().map(|m| m.ess_mean).fold(n as f64, f64::min);
    optimal(&of_chains, &of_normal, worth)
}

/// The logarithm of the ratio of normalising constants of p to q and its standard error, from `log p - log q` at
/// draws of p, which are worth `worth` independent ones, and at draws of q.
fn optimal(of_p: &[f64], of_q: &[f64], worth: f64) -> (f64, f64) {
    let (n, m) = (worth, of_q.len() as f64);
    let (s, t) = (n / (n + m), m / (n + m));
    // Ratios are of the order of their middle.
    let mut sorted = of_p.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    let ratio = |l: &f64| (l - middle).exp();
    let mut r = 1.0;
    let parts = |r: f64| {
        let up: Vec<f64> = of_q.iter().map(ratio).map(|x| x / (s * x + t * r)).collect();
        let down: Vec<f64> = of_p.iter().map(ratio).map(|x| 1.0 / (s * x + t * r)).collect();
        (up, down)
    };
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    for _ in 0..ITERATIONS {
        let (up, down) = parts(r);
        let next = mean(&up) / mean(&down);
        let change = (next / r - 1.0).abs();
        r = next;
        if change < STILL || !r.is_finite() {
            break;
        }
    }
    let relative = |x: &[f64]| {
        let m = mean(x);
        x.iter().map(|x| (x / m - 1.0).powi(2)).sum::<f64>() / x.len() as f64
    };
    let (up, down) = parts(r);
    let error = (relative(&up) / m + relative(&down) / n).sqrt();
    (r.ln() + middle, error)
}

/// Draws of all modes, each as often as its mass asks.
fn pooled(target: &mut Target, modes: Vec<Mode>, posterior_draws: usize) -> Polished {
    let top = modes.iter().map(|mode| mode.log_mass).fold(f64::NEG_INFINITY, f64::max);
    let masses: Vec<f64> = modes.iter().map(|mode| (mode.log_mass - top).exp()).collect();
    let total: f64 = masses.iter().sum();
    let shares: Vec<f64> = masses.iter().map(|mass| mass / total).collect();
    // Of the largest share; of all of them together it is no larger.
    let error =
        |k: usize| shares[k] * (1.0 - shares[k]) * modes.iter().map(|m| m.error).fold(0.0, f64::hypot);
    let errors = (0..modes.len()).map(error).fold(0.0, f64::max);
    let (mut weights, mut lanes, mut log_joint) = (Vec::new(), Vec::new(), Vec::new());
    for (mode, share) in modes.iter().zip(&shares) {
        let sample = &mode.polished.sample;
        let n = sample.z.lanes();
        weights.extend(std::iter::repeat_n(share / n as f64, n));
        lanes.extend((0..n).map(|lane| sample.z.lane(lane)));
        log_joint.extend(&sample.log_joint);
    }
    let chosen = systematic(&weights, posterior_draws, 0.5);
    let mut z = Lanes::zeros(target.dim(), chosen.len());
    chosen.iter().enumerate().for_each(|(lane, &i)| z.set_lane(lane, &lanes[i]));
    z.pad();
    let columns = reported(target, &z);
    let mixing = (0..columns.len()).map(|i| mixed(&modes, &shares, errors, i)).collect();
    let verdicts = modes.iter().map(|mode| mode.polished.verdict);
    let (mut verdict, mut reasons) = (Verdict::Ok, Vec::new());
    for (k, of) in verdicts.enumerate() {
        if of != Verdict::Ok {
            verdict = of;
            let told = &modes[k].polished.reasons;
            reasons.extend(told.iter().map(|reason| format!("in mode {}: {reason}", k + 1)));
        }
    }
    if errors.is_nan() || errors >= verdict::SHARE_ERROR {
        verdict = Verdict::Unreliable;
        reasons.push(verdict::unknown_shares(errors));
    }
    let sum = |f: fn(&Polished) -> u64| modes.iter().map(|mode| f(&mode.polished)).sum();
    let mut chains = modes[0].polished.chains.clone();
    chains.draws = modes.iter().flat_map(|mode| mode.polished.chains.draws.clone()).collect();
    chains.step_sizes = modes.iter().flat_map(|mode| mode.polished.chains.step_sizes.clone()).collect();
    chains.evaluations = sum(|p| p.chains.evaluations);
    chains.divergences = sum(|p| p.chains.divergences);
    chains.saturated = sum(|p| p.chains.saturated);
    let sample = Sample {
        z,
        log_joint: chosen.iter().map(|&i| log_joint[i]).collect(),
        lengths: chains.draws.clone(),
        columns,
        mixing,
        divergences: chains.divergences,
        saturated: chains.saturated,
    };
    chains.mixing = sample.mixing.clone();
    let rounds = modes.iter().map(|mode| mode.polished.rounds).max().unwrap_or(1);
    Polished { sample, chains, rounds, verdict, reasons, shares }
}

/// What the chains of all modes say of one quantity: the worst R-hat, and what draws are worth that are worth so
/// much in each mode, with shares that are known to within `error`.
fn mixed(modes: &[Mode], shares: &[f64], error: f64, i: usize) -> Option<Mixing> {
    let mut known = modes
        .iter()
        .zip(shares)
        .filter_map(|(mode, share)| mode.polished.sample.mixing[i].map(|mixing| (mixing, share)));
    let first = known.next()?;
    let all: Vec<(Mixing, &f64)> = std::iter::once(first).chain(known).collect();
    let ess = |of: fn(&Mixing) -> f64| {
        let within: f64 = all.iter().map(|(mixing, share)| *share * *share / of(mixing)).sum();
        1.0 / (within + error * error)
    };
    Some(Mixing {
        r_hat: all
            .iter()
            .map(|(m, _)| m.r_hat)
            .fold(1.0, |worst, r| if r.is_nan() || r > worst { r } else { worst }),
        ess_bulk: ess(|m| m.ess_bulk),
        ess_tail: ess(|m| m.ess_tail),
        ess_mean: ess(|m| m.ess_mean),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// p is 3 times the density of normal(0.3, 1.2), q that of normal(0, 1).
    #[test]
    fn a_bridge_finds_the_constant_and_its_error() {
        let normal = |seed: u64, n: usize| {
            let mut eps = Lanes::zeros(1, n);
            Noise::new(seed, Purpose::Start, ["x"]).fill(0, 0, &mut eps);
            (0..n).map(|l| eps.get(0, l)).collect::<Vec<f64>>()
        };
        let log_ratio = |x: f64| 3f64.ln() - 1.2f64.ln() - 0.5 * ((x - 0.3) / 1.2).powi(2) + 0.5 * x * x;
        let repeats = 200;
        let (mut squares, mut errors, mut mean) = (0.0, 0.0, 0.0);
        for seed in 0..repeats {
            let p: Vec<f64> = normal(2 * seed, 400).into_iter().map(|e| log_ratio(0.3 + 1.2 * e)).collect();
            let q: Vec<f64> = normal(2 * seed + 1, 400).into_iter().map(log_ratio).collect();
            let (log_r, error) = optimal(&p, &q, 400.0);
            mean += (log_r - 3f64.ln()) / repeats as f64;
            squares += (log_r - 3f64.ln()).powi(2) / repeats as f64;
            errors += error * error / repeats as f64;
        }
        assert!(mean.abs() < 4.0 * (squares / repeats as f64).sqrt(), "{mean}");
        assert!((squares / errors).ln().abs() < 0.5, "{squares} {errors}");
    }
}
