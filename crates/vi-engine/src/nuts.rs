//! Sampling by the No-U-Turn sampler: a posterior without an approximating family, at a few to a
//! hundred times the price.
//!
//! Chains begin at overdispersed points about the modes that the search for a start found, and run in its
//! whitened coordinates, where a diagonal mass matrix suffices. They are lanes: each asks for the density at one
//! point, and all are evaluated together, which costs little more than one of them. A chain's numbers are
//! functions of its own place and random streams, so the others never change its bits.

mod adapt;
mod trajectory;

use numerics::lanes::Lanes;
use numerics::random::{Counter, Key};

use crate::answer::reported;
use crate::diagnostics::check::{self, ParameterCheck};
use crate::diagnostics::mixing::{Mixing, mixing};
use crate::diagnostics::verdict::{self, ChainEvidence};
use crate::error::FitError;
use crate::fit::Fit;
use crate::observe::{Observer, Progress, Stage};
use crate::options::Options;
use crate::state::State;
use crate::stream::{Noise, Purpose};
use crate::target::Target;
use adapt::Adaptation;
pub use adapt::WARMUP;
pub use trajectory::MAX_DEPTH;
use trajectory::{End, Point, Trajectory, Transition};

/// Chains; fewer where fewer draws are asked for.
pub const CHAINS: usize = 4;
/// Starts are spread by so many standard deviations of the start's normal, half as many after every
/// [`PATIENCE`] rounds in which some have no density, of which there may be [`ATTEMPTS`].
const SPREAD: f64 = 2.0;
const PATIENCE: u64 = 8;
const ATTEMPTS: u64 = 64;

/// What was run, and what the chains say of each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Chains {
    /// Draws kept of each chain: those of chain one come first in [`Fit::draws`].
    pub draws: Vec<usize>,
    /// Draws of each chain before those.
    pub warmup: u64,
    /// Trajectories that ended where energy was not conserved or there is no density, after warm-up.
    pub divergences: u64,
    /// Trajectories that had not turned when they were as long as they may be, [`MAX_DEPTH`] doublings, after
    /// warm-up: their draws are good, but worth less than others.
    pub saturated: u64,
    /// Evaluations of the density by all chains, warm-up included.
    pub evaluations: u64,
    /// Of each chain after warm-up, in whitened coordinates.
    pub step_sizes: Vec<f64>,
    /// Of every reported parameter; `None` for a constant.
    pub mixing: Vec<Option<Mixing>>,
}

impl Chains {
    /// The largest R-hat; NaN if one is, one where all is constant.
    pub fn worst_r_hat(&self) -> f64 {
        let known = self.mixing.iter().flatten().map(|m| m.r_hat);
        known.fold(1.0, |worst, r| if r.is_nan() || r > worst { r } else { worst })
    }
}

/// Samples from `state`, which is that of a start.
///
/// # Errors
/// No point with a density for a chain to begin at; interrupted before every chain had a draw.
pub(crate) fn sample(
    target: &mut Target,
    options: &Options,
    state: State,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    let (runs, interrupted) = run(target, options, &state, observer)?;
    if runs.iter().any(|run| run.draws.is_empty()) {
        return Err(FitError::InterruptedAtStart);
    }
    let lengths: Vec<usize> = runs.iter().map(|run| run.draws.len()).collect();
    let mut u = Lanes::zeros(target.dim(), lengths.iter().sum());
    runs.iter().flat_map(|run| &run.draws).enumerate().for_each(|(lane, (draw, _))| u.set_lane(lane, draw));
    let mut z = Lanes::zeros(target.dim(), u.lanes());
    state.coordinates.forward(&u, &mut z);
    z.pad();
    let log_det = state.coordinates.log_det();
    let columns = reported(target, &z);
    let names = target.density().reported_names().to_vec();
    let mixing: Vec<Option<Mixing>> = columns.iter().map(|x| mixing(&split(x, &lengths))).collect();
    let divergences = runs.iter().map(|run| run.divergences).sum();
    let saturated = runs.iter().map(|run| run.saturated).sum();
    let named: Vec<(&str, Option<Mixing>)> =
        names.iter().map(String::as_str).zip(mixing.iter().copied()).collect();
    let (verdict, reasons) = verdict::judge_chains(ChainEvidence {
        mixing: &named,
        divergences,
        saturated,
        draws: u.lanes() as u64,
        failure: target.tally.commonest(),
        interrupted,
    });
    let of_each = names.iter().zip(columns.iter().zip(&mixing));
    let bulk = mixing.iter().flatten().map(|m| m.ess_bulk);
    Ok(Fit {
        verdict,
        reasons,
        draws: z,
        log_joint: runs.iter().flat_map(|run| &run.draws).map(|(_, value)| value - log_det).collect(),
        log_q: vec![f64::NAN; u.lanes()],
        elbo: f64::NAN,
        elbo_mcse: f64::NAN,
        k_hat: f64::NAN,
        k_hat_q: f64::NAN,
        ess: bulk.fold(u.lanes() as f64, f64::min),
        parameters: of_each.map(|(name, (x, mixing))| parameter(name, x, mixing.as_ref())).collect(),
        interrupted,
        chains: Some(Chains {
            draws: lengths,
            warmup: WARMUP,
            divergences,
            saturated,
            evaluations: runs.iter().map(|run| run.evaluations).sum(),
            step_sizes: runs.iter().map(|run| run.adaptation.step()).collect(),
            mixing,
        }),
        tally: target.tally.clone(),
        state,
    })
}

/// The values of one quantity, chain by chain.
fn split<'a>(x: &'a [f64], lengths: &[usize]) -> Vec<&'a [f64]> {
    let mut rest = x;
    let cut = |length: &usize| {
        let (chain, after) = rest.split_at(*length);
        rest = after;
        chain
    };
    lengths.iter().map(cut).collect()
}

fn parameter(name: &str, x: &[f64], mixing: Option<&Mixing>) -> ParameterCheck {
    let moments = check::moments(x, &vec![1.0 / x.len() as f64; x.len()]);
    let ess = mixing.map_or(x.len() as f64, |m| m.ess_mean);
    ParameterCheck {
        name: name.into(),
        mean: moments.mean,
        sd: moments.sd,
        shift: f64::NAN,
        sd_shift: f64::NAN,
        mcse: moments.sd / ess.sqrt(),
        ess,
        k_hat: f64::NAN,
    }
}

/// Runs all chains; the second is whether they were interrupted.
fn run(
    target: &mut Target,
    options: &Options,
    state: &State,
    observer: &mut dyn Observer,
) -> Result<(Vec<Run>, bool), FitError> {
    let starts = starts(target, options, state)?;
    let (n, chains) = (options.posterior_draws, starts.len());
    let chances = Chances::new(target, options.seed, chains);
    let wanted = |chain: usize| n / chains + usize::from(chain < n % chains);
    let mut runs: Vec<Run> = starts
        .into_iter()
        .enumerate()
        .map(|(chain, start)| Run::begin(start, chain, wanted(chain), &chances))
        .collect();
    let all = (n as u64 + WARMUP * chains as u64) as f64;
    loop {
        let mut running: Vec<&mut Run> = runs.iter_mut().filter(|run| !run.is_over()).collect();
        if running.is_empty() {
            return Ok((runs, false));
        }
        let lanes = running.len();
        let (mut u, mut z) = (Lanes::zeros(target.dim(), lanes), Lanes::zeros(target.dim(), lanes));
        let (mut value, mut grad) = (vec![0.0; lanes], z.clone());
        // As long as none of them ends.
        while running.iter().all(|run| !run.is_over()) {
            if observer.cancelled() {
                return Ok((runs, true));
            }
            running.iter().enumerate().for_each(|(lane, run)| u.set_lane(lane, run.trajectory.ask()));
            u.pad();
            target.eval_whitened(&state.coordinates, &u, &mut z, &mut value, Some(&mut grad));
            for (lane, run) in running.iter_mut().enumerate() {
                run.tell(value[lane], &grad.lane(lane), &chances);
            }
            // Those that are over have done as much as they were to do.
            let missing: u64 = running.iter().map(|run| run.missing()).sum();
            observer.progress(&Progress {
                stage: Stage::Sample,
                row: None,
                fraction: 1.0 - missing as f64 / all,
            });
        }
    }
}

/// A point with a density for each chain, in whitened coordinates: about the mode, and in turn about every
/// other mode that the start found and that has mass, so that chains disagree where they cannot travel.
fn starts(target: &mut Target, options: &Options, state: &State) -> Result<Vec<Point>, FitError> {
    let dim = target.dim();
    let chains = CHAINS.min(options.posterior_draws);
    let rivals = state.start.rivals.iter().filter(|rival| {
        let share = 1.0 / (1.0 + (state.start.elbo - rival.elbo).exp());
        share >= verdict::RIVAL_SHARE
    });
    let mut modes = vec![vec![0.0; dim]];
    modes.extend(rivals.map(|rival| state.coordinates.inverse(&rival.point)));
    let names = target.density().names().to_vec();
    let noise = Noise::new(options.seed, Purpose::ChainStart, names.iter().map(String::as_str));
    let mut found: Vec<Option<Point>> = vec![None; chains];
    let (mut eps, mut u) = (Lanes::zeros(dim, chains), Lanes::zeros(dim, chains));
    let (mut z, mut grad) = (u.clone(), u.clone());
    let mut value = vec![0.0; chains];
    for attempt in 0..ATTEMPTS {
        noise.fill(attempt, 0, &mut eps);
        let spread = SPREAD * 0.5f64.powi((attempt / PATIENCE) as i32);
        for chain in 0..chains {
            let mode = &modes[chain % modes.len()];
            let point: Vec<f64> = mode.iter().zip(eps.lane(chain)).map(|(m, e)| m + spread * e).collect();
            u.set_lane(chain, &point);
        }
        u.pad();
        target.eval_whitened(&state.coordinates, &u, &mut z, &mut value, Some(&mut grad));
        for (chain, start) in found.iter_mut().enumerate().filter(|(chain, _)| value[*chain].is_finite()) {
            let point = || Point { position: u.lane(chain), value: value[chain], grad: grad.lane(chain) };
            start.get_or_insert_with(point);
        }
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    let tried = chains * ATTEMPTS as usize;
    let all: Option<Vec<Point>> = found.into_iter().collect();
    all.ok_or_else(|| FitError::NoFiniteStart { tried, reason: target.tally.commonest() })
}

/// A chain under way.
struct Run {
    chain: usize,
    trajectory: Trajectory,
    adaptation: Adaptation,
    /// Transitions begun before this one.
    transitions: u64,
    wanted: usize,
    /// After warm-up, in whitened coordinates, with their log densities there.
    draws: Vec<(Vec<f64>, f64)>,
    divergences: u64,
    saturated: u64,
    evaluations: u64,
}

impl Run {
    fn begin(start: Point, chain: usize, wanted: usize, chances: &Chances) -> Run {
        let adaptation = Adaptation::new(start.position.len());
        Run {
            chain,
            trajectory: chances.trajectory(start, &adaptation, chain, 0),
            adaptation,
            transitions: 0,
            wanted,
            draws: Vec::with_capacity(wanted),
            divergences: 0,
            saturated: 0,
            evaluations: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.draws.len() == self.wanted
    }

    /// Transitions to come.
    fn missing(&self) -> u64 {
        WARMUP + self.wanted as u64 - self.transitions
    }

    /// The density where the trajectory asked for it.
    fn tell(&mut self, value: f64, grad: &[f64], chances: &Chances) {
        self.evaluations += 1;
        let choices = chances.choices(self.chain, self.evaluations);
        let Some(Transition { point, acceptance, end }) = self.trajectory.tell(value, grad, choices) else {
            return;
        };
        if self.adaptation.is_over() {
            self.draws.push((point.position.clone(), point.value));
            self.divergences += u64::from(end == End::Diverged);
            self.saturated += u64::from(end == End::Saturated);
        } else {
            self.adaptation.learn(&point.position, acceptance);
        }
        self.transitions += 1;
        if !self.is_over() {
            self.trajectory = chances.trajectory(point, &self.adaptation, self.chain, self.transitions);
        }
    }
}

/// The random numbers of all chains: momenta by the names of coordinates, and choices between leaves, between
/// halves and between directions.
struct Chances {
    momenta: Noise,
    choices: [Key; 3],
    dim: usize,
    chains: usize,
}

impl Chances {
    fn new(target: &mut Target, seed: u64, chains: usize) -> Chances {
        let names = target.density().names().to_vec();
        Chances {
            momenta: Noise::new(seed, Purpose::Chain, names.iter().map(String::as_str)),
            choices: ["(leaf)", "(half)", "(direction)"].map(|name| Purpose::Chain.key(seed, name)),
            dim: names.len(),
            chains,
        }
    }

    /// Of the `n`th evaluation of a chain.
    fn choices(&self, chain: usize, n: u64) -> [f64; 3] {
        let at = Counter { step: n, draw: chain as u32, ..Counter::default() };
        self.choices.map(|key| key.uniform(at))
    }

    /// A new transition of a chain.
    fn trajectory(&self, from: Point, adaptation: &Adaptation, chain: usize, transition: u64) -> Trajectory {
        let mut noise = Lanes::zeros(self.dim, self.chains);
        self.momenta.fill(transition, 0, &mut noise);
        let at = Counter { step: transition, draw: chain as u32, attempt: 1, ..Counter::default() };
        let chance = self.choices[2].uniform(at);
        Trajectory::new(from, &noise.lane(chain), adaptation.variance(), adaptation.step(), chance)
    }
}
