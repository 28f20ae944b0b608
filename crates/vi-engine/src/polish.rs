//! The polish: draws that miss a part of the posterior, moved into it by many short chains.
//!
//! A chain that leaves the posterior invariant takes draws of an approximation to draws of the posterior,
//! quickly where the approximation is near, and a gradient points to what its draws miss, which importance
//! weights cannot know. So [`CHAINS`] chains, which are lanes of one evaluation, run by the No-U-Turn sampler in
//! coordinates that are whitened by the draws' own covariance: half of them from draws, half from points up to half as
//! far out again, so that agreement of the two halves means that all have forgotten where they began. A round whose
//! draws do not agree, or are worth too little, is followed by one twice as long, in coordinates that the
//! round's draws whiten and with smaller steps where trajectories diverged, until the evaluations allowed are
//! spent. Divergences are forgiven, up to a few in a hundred, where smaller steps have changed nothing.

use numerics::lanes::Lanes;

use crate::coordinates::{Coordinates, Scale};
use crate::diagnostics::check;
use crate::diagnostics::resample::systematic;
use crate::diagnostics::verdict::{self, Verdict};
use crate::nuts::adapt::Adaptation;
use crate::nuts::chains::{self, Chain, Chances, Sample};
use crate::nuts::trajectory::Point;
use crate::nuts::{self, Chains};
use crate::observe::{Observer, Progress, Stage};
use crate::options::Options;
use crate::pattern::Pattern;
use crate::proposal::moment_match;
use crate::stream::Purpose;
use crate::target::Target;

/// Chains, a whole number of tiles; the second half begins farther out.
pub const CHAINS: usize = 64;
/// Neighbours that count as one chain for R-hat.
const GROUP: usize = CHAINS / 4;
/// How many times as far out as draws are: the last of these at which the density has not fallen by more than
/// [`FALL`] times as much as that of a normal, and ten.
const SPREADS: [f64; 2] = [1.25, 1.5];
const FALL: f64 = 2.0;
/// Transitions in which the step size of a round is found and outlying starts come in, and those of them
/// that are averaged over; how quickly the step follows the acceptance.
const TUNING: u64 = 12;
const AVERAGED: u64 = 6;
const RATE: f64 = 2.0;
/// Of a standard normal of one dimension.
const STEP: f64 = 1.2;
/// The acceptance that steps aim at, and where trajectories have diverged, in turn.
const ACCEPTANCES: [f64; 3] = [0.8, 0.9, 0.97];
/// Draws of a chain in the first round at least: fewer say nothing of how they mix.
const SHORTEST: usize = 32;
/// Evaluations at which no further round begins that would go beyond.
const EVALUATIONS: u64 = 1_000_000;
/// Numbers that the draws of a round may be, which is 1.6 GB.
const NUMBERS: u64 = 200_000_000;
/// Draws that each coordinate must have for covariances to be learned from them, and the most coordinates of
/// which they are.
const DRAWS_EACH: usize = 8;
const MOST_DENSE: usize = 1000;

/// Where polishing begins.
pub struct Source<'a> {
    /// Unconstrained draws of an approximation, `[dim]` x draws, with their weights, which sum to one.
    pub z: &'a Lanes,
    pub weights: &'a [f64],
    /// Offset of the resampling, in [0, 1).
    pub offset: f64,
    /// Modes that those draws do not reach and chains may, unconstrained.
    pub rivals: Vec<&'a [f64]>,
    /// The number of the mode that is polished.
    pub mode: u8,
}

/// What came of it.
pub struct Polished {
    pub sample: Sample,
    pub chains: Chains,
    pub rounds: u8,
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    /// Of each mode that was polished by itself, its part of the mass.
    pub shares: Vec<f64>,
}

/// Polishes; `None` where that is cancelled, or the draws have no spread.
pub fn polish(
    target: &mut Target,
    source: &Source,
    options: &Options,
    observer: &mut dyn Observer,
) -> Option<Polished> {
    let dim = target.dim();
    let coordinates = moment_match(source.z, source.weights, &Pattern::of(is_dense(dim, source.z.lanes())))?;
    let places = places(target, source, &coordinates);
    let mut round = Round {
        coordinates,
        places,
        step: STEP * (dim as f64).powf(-0.25),
        aim: 0,
        length: options.posterior_draws.div_ceil(CHAINS).max(SHORTEST) as u64,
        number: 0,
        mode: source.mode,
    };
    let mut spent = 0;
    // Of the round before, with its aim.
    let mut before: Option<(Sample, usize)> = None;
    loop {
        let chains = round.run(target, options.seed, observer)?;
        let sample = Sample::of(target, &round.coordinates, &chains, GROUP);
        let divergent = match &before {
            Some((larger, aim)) if *aim < round.aim && agree(larger, &sample) => {
                verdict::DIVERGENT_FRACTION_AGREED
            }
            _ => verdict::DIVERGENT_FRACTION,
        };
        let (verdict, reasons) = nuts::judge(target, &sample, divergent, false);
        let wanted = verdict::ESS_POLISHED.min(0.25 * options.posterior_draws as f64);
        // One chain that came in late hardly shows in ranks.
        let of_means = sample.mixing.iter().flatten().map(|m| m.ess_mean).fold(f64::INFINITY, f64::min);
        let is_good = verdict == Verdict::Ok && nuts::least_ess(&sample).min(of_means) >= wanted;
        let evaluations: u64 = chains.iter().map(|chain| chain.evaluations).sum();
        spent += evaluations;
        let is_last = spent + 2 * evaluations > EVALUATIONS
            || 2 * round.length * (CHAINS * target.dim()) as u64 > NUMBERS;
        if is_good || is_last {
            let chains = Chains {
                draws: sample.lengths.clone(),
                warmup: TUNING,
                divergences: sample.divergences,
                saturated: sample.saturated,
                evaluations: spent,
                step_sizes: vec![round.step; CHAINS],
                mixing: sample.mixing.clone(),
            };
            return Some(Polished {
                sample,
                chains,
                rounds: round.number + 1,
                verdict,
                reasons,
                shares: vec![1.0],
            });
        }
        let aim = round.aim;
        round = round.next(target, &chains, &sample);
        before = Some((sample, aim));
    }
}

/// Are the draws of two rounds of one distribution, in everything that is reported, as far as divergences
/// ask for?
fn agree(one: &Sample, other: &Sample) -> bool {
    let (n, m) = (one.z.lanes(), other.z.lanes());
    let weights = |first: f64, second: f64| [vec![first; n], vec![second; m]].concat();
    let (a, b) = (weights(1.0 / n as f64, 0.0), weights(0.0, 1.0 / m as f64));
    let mut both = one.columns.iter().zip(&other.columns).zip(&other.mixing);
    both.all(|((x, y), mixing)| {
        mixing.is_none() || check::largest_gap(&[x.as_slice(), y].concat(), &a, &b) < verdict::STEPS_GAP
    })
}

/// A round of all chains.
struct Round {
    coordinates: Coordinates,
    /// In those, a start for each chain.
    places: Vec<Point>,
    step: f64,
    /// Which of [`ACCEPTANCES`].
    aim: usize,
    /// Draws of a chain.
    length: u64,
    number: u8,
    mode: u8,
}

impl Round {
    /// Tunes the step, then draws; `None` where it is cancelled.
    fn run(&mut self, target: &mut Target, seed: u64, observer: &mut dyn Observer) -> Option<Vec<Chain>> {
        let dim = target.dim();
        let chances = Chances::new(target, seed, Purpose::Polish { mode: self.mode, round: self.number });
        let begin = |(k, place): (usize, &Point)| {
            Chain::begin(place.clone(), k, Adaptation::fixed(dim, self.step), 0, &chances)
        };
        let mut chains: Vec<Chain> = self.places.iter().enumerate().map(begin).collect();
        let all = (TUNING + self.length) * CHAINS as u64;
        let mut to_come = all;
        let mut go = |chains: &mut [Chain], steps: &[f64], transitions: u64| {
            for (chain, step) in chains.iter_mut().zip(steps) {
                chain.go_on(Adaptation::fixed(dim, *step), transitions, &chances);
            }
            to_come -= transitions * CHAINS as u64;
            let seen = |missing: u64, observer: &mut dyn Observer| {
                let fraction = 1.0 - (to_come + missing) as f64 / all as f64;
                observer.progress(&Progress { stage: Stage::Polish, row: None, fraction });
            };
            chains::run(target, &self.coordinates, chains, &chances, observer, seen).then_some(())
        };
        // A chain that begins far out needs small steps to come in: each has its own until all are in.
        let (mut steps, mut logs) = (vec![self.step; CHAINS], vec![0.0; CHAINS]);
        for transition in 0..TUNING {
            go(&mut chains, &steps, 1)?;
            for ((chain, step), logs) in chains.iter().zip(&mut steps).zip(&mut logs) {
                *step *= (RATE * (chain.acceptance - ACCEPTANCES[self.aim])).exp();
                if transition >= TUNING - AVERAGED {
                    *logs += step.ln() / AVERAGED as f64;
                }
            }
        }
        logs.sort_unstable_by(f64::total_cmp);
        self.step = logs[CHAINS / 2].exp();
        go(&mut chains, &[self.step; CHAINS], self.length)?;
        Some(chains)
    }

    /// Twice as long, from where the chains are, with what their draws have taught.
    fn next(self, target: &mut Target, chains: &[Chain], sample: &Sample) -> Round {
        let dim = target.dim();
        let mut latest = Lanes::zeros(dim, CHAINS);
        chains.iter().enumerate().for_each(|(k, chain)| latest.set_lane(k, &chain.latest.position));
        let mut z = latest.clone();
        self.coordinates.forward(&latest, &mut z);
        let weights = vec![1.0 / sample.z.lanes() as f64; sample.z.lanes()];
        let dense = is_dense(dim, sample.z.lanes());
        // Too few draws would teach less than is known.
        let knows_more = !matches!(self.coordinates.scale, Scale::Diagonal(_)) && !dense;
        let learned = if knows_more { None } else { moment_match(&sample.z, &weights, &Pattern::of(dense)) };
        let coordinates = learned.unwrap_or(self.coordinates);
        let positions: Vec<Vec<f64>> = (0..CHAINS).map(|k| coordinates.inverse(&z.lane(k))).collect();
        Round {
            places: evaluate(target, &coordinates, &positions),
            coordinates,
            step: self.step,
            aim: if sample.divergences > 0 { (self.aim + 1).min(ACCEPTANCES.len() - 1) } else { self.aim },
            length: 2 * self.length,
            number: self.number + 1,
            mode: self.mode,
        }
    }
}

/// Whether so many draws tell all covariances of so many coordinates.
fn is_dense(dim: usize, draws: usize) -> bool {
    dim <= MOST_DENSE && draws >= DRAWS_EACH * dim
}

/// A start for each chain: the first half from draws, the second from farther out, or in turn from the other
/// modes, so that chains disagree where they cannot travel. Points of hardly any density would show only
/// that chains do not come in from there.
fn places(target: &mut Target, source: &Source, coordinates: &Coordinates) -> Vec<Point> {
    let chosen = systematic(source.weights, CHAINS, source.offset);
    // Alternately, for resampled draws are in order.
    let order = (0..CHAINS).step_by(2).chain((1..CHAINS).step_by(2));
    let draws: Vec<Vec<f64>> = order.map(|k| coordinates.inverse(&source.z.lane(chosen[k]))).collect();
    let mut places = evaluate(target, coordinates, &draws);
    let near: Vec<f64> = places.iter().skip(CHAINS / 2).map(|place| place.value).collect();
    let modes: Vec<Vec<f64>> = source.rivals.iter().map(|rival| coordinates.inverse(rival)).collect();
    for spread in SPREADS {
        let stretch = |(k, u): (usize, &Vec<f64>)| match k % (modes.len() + 1) {
            0 => u.iter().map(|u| spread * u).collect(),
            mode => modes[mode - 1].clone(),
        };
        let far: Vec<Vec<f64>> = draws.iter().skip(CHAINS / 2).enumerate().map(stretch).collect();
        let found = evaluate(target, coordinates, &far);
        for (k, point) in found.into_iter().enumerate() {
            let place = &mut places[CHAINS / 2 + k];
            let square: f64 = draws[CHAINS / 2 + k].iter().map(|u| u * u).sum();
            let fall = FALL * 0.5 * (spread * spread - 1.0) * square + 10.0;
            if point.value.is_finite() && (k % (modes.len() + 1) != 0 || point.value > near[k] - fall) {
                *place = point;
            }
        }
    }
    places
}

/// The points at `positions`, with what the density is there.
fn evaluate(target: &mut Target, coordinates: &Coordinates, positions: &[Vec<f64>]) -> Vec<Point> {
    let (dim, n) = (target.dim(), positions.len());
    let (mut u, mut z, mut grad) = (Lanes::zeros(dim, n), Lanes::zeros(dim, n), Lanes::zeros(dim, n));
    let mut value = vec![0.0; n];
    positions.iter().enumerate().for_each(|(lane, position)| u.set_lane(lane, position));
    u.pad();
    target.eval_whitened(coordinates, &u, &mut z, &mut value, Some(&mut grad));
    let point = |k: usize| Point { position: u.lane(k), value: value[k], grad: grad.lane(k) };
    (0..n).map(point).collect()
}
