//! No-U-Turn sampling (Hoffman and Gelman 2014, with Betancourt's multinomial trajectories) by nuts-rs: a
//! posterior without an approximating family, at some hundred times the price.
//!
//! The chains run in the whitened coordinates of the start, where a diagonal mass matrix suffices, from
//! overdispersed draws of its normal. Each is a thread that asks for the density at one point at a time;
//! the engine waits until all have asked and evaluates them as lanes of one block, which costs little more
//! than one of them alone. So the bits depend on the seed and the number of chains, never on which thread
//! was faster.

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use numerics::lanes::Lanes;
use numerics::random::{Counter, Key};
use nuts_rs::rand::{Rng, TryRng};
use nuts_rs::{
    Chain as _, CpuLogpFunc, CpuMath, CpuMathError, DiagNutsSettings, HasDims, LogpError, Settings,
};

use crate::BLOCK;
use crate::answer::reported;
use crate::coordinates::Coordinates;
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

/// Chains.
pub const CHAINS: usize = 4;
/// Draws of each chain that adapt step size and mass matrix, and are thrown away.
pub const WARMUP: u64 = 1000;
/// The acceptance that the step size aims at: above the usual 0.8, for fewer divergences.
const ACCEPTANCE: f64 = 0.9;
/// Starts are spread by so many standard deviations of the start's normal, less after every
/// [`PATIENCE`] points where there is no density, of which there may be [`ATTEMPTS`].
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
    /// Evaluations of the density by all chains, warm-up included.
    pub gradients: u64,
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
/// No chain finds a point with a density; interrupted before every chain had a draw; trouble inside the
/// sampler, which is a mistake of ours.
pub(crate) fn sample(
    target: &mut Target,
    options: &Options,
    state: State,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    let starts = starts(target, options, &state)?;
    let (runs, interrupted) = run(target, &state.coordinates, options, &starts, observer)?;
    if runs.iter().any(|run| run.draws.is_empty()) {
        return Err(FitError::InterruptedAtStart);
    }
    let dim = target.dim();
    let lengths: Vec<usize> = runs.iter().map(|run| run.draws.len()).collect();
    let mut u = Lanes::zeros(dim, lengths.iter().sum());
    runs.iter().flat_map(|run| &run.draws).enumerate().for_each(|(lane, draw)| u.set_lane(lane, draw));
    let mut z = Lanes::zeros(dim, u.lanes());
    state.coordinates.forward(&u, &mut z);
    z.pad();
    let log_joint = log_joint(target, &z);
    let columns = reported(target, &z);
    let names = target.density().reported_names().to_vec();
    let mixing: Vec<Option<Mixing>> = columns.iter().map(|x| mixing(&split(x, &lengths))).collect();
    let parameters: Vec<ParameterCheck> = names
        .iter()
        .zip(columns.iter().zip(&mixing))
        .map(|(name, (x, mixing))| parameter(name, x, mixing.as_ref()))
        .collect();
    let divergences = runs.iter().map(|run| run.divergences).sum();
    let named: Vec<(&str, Option<Mixing>)> =
        names.iter().map(String::as_str).zip(mixing.iter().copied()).collect();
    let (verdict, reasons) = verdict::judge_chains(ChainEvidence {
        mixing: &named,
        divergences,
        draws: u.lanes() as u64,
        failure: target.tally.commonest(),
        interrupted,
    });
    let bulk = mixing.iter().flatten().map(|m| m.ess_bulk);
    Ok(Fit {
        verdict,
        reasons,
        draws: z,
        log_q: vec![f64::NAN; log_joint.len()],
        log_joint,
        elbo: f64::NAN,
        elbo_mcse: f64::NAN,
        k_hat: f64::NAN,
        k_hat_q: f64::NAN,
        ess: bulk.fold(u.lanes() as f64, f64::min),
        parameters,
        interrupted,
        chains: Some(Chains {
            draws: lengths,
            warmup: WARMUP,
            divergences,
            gradients: runs.iter().map(|run| run.gradients).sum(),
            step_sizes: runs.iter().map(|run| run.step_size).collect(),
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

/// The log density at every draw.
fn log_joint(target: &mut Target, z: &Lanes) -> Vec<f64> {
    let mut values = vec![0.0; z.lanes()];
    for first in (0..z.lanes()).step_by(BLOCK) {
        let lanes = BLOCK.min(z.lanes() - first);
        let mut block = Lanes::zeros(z.n(), lanes);
        for t in 0..block.tiles() {
            block.tile_mut(t).copy_from_slice(z.tile(first / numerics::lanes::LANES + t));
        }
        target.eval(&block, &mut values[first..first + lanes], None);
    }
    values
}

/// A point with a density for each chain, in whitened coordinates: about the mode, and in turn about every
/// other mode that the start found and that has mass, so that chains disagree where they cannot travel.
fn starts(target: &mut Target, options: &Options, state: &State) -> Result<Vec<Vec<f64>>, FitError> {
    let dim = target.dim();
    let chains = CHAINS.min(options.posterior_draws);
    let rivals = state.start.rivals.iter().filter(|rival| {
        let share = 1.0 / (1.0 + (state.start.elbo - rival.elbo).exp());
        share >= verdict::RIVAL_SHARE
    });
    let mut modes = vec![vec![0.0; dim]];
    modes.extend(rivals.map(|rival| state.coordinates.inverse(&rival.point)));
    let names = target.density().names().to_vec();
    let noise = Noise::new(options.seed, Purpose::Chain, names.iter().map(String::as_str));
    let mut found: Vec<Option<Vec<f64>>> = vec![None; chains];
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
            start.get_or_insert_with(|| u.lane(chain));
        }
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    let tried = chains * ATTEMPTS as usize;
    let all: Option<Vec<Vec<f64>>> = found.into_iter().collect();
    all.ok_or_else(|| FitError::NoFiniteStart { tried, reason: target.tally.commonest() })
}

/// One chain after warm-up.
#[derive(Default)]
struct ChainRun {
    /// In whitened coordinates.
    draws: Vec<Box<[f64]>>,
    divergences: u64,
    gradients: u64,
    step_size: f64,
    /// Why it ended early.
    trouble: Option<String>,
}

/// A chain at a point, or (`None`) at its end.
struct Ask {
    chain: usize,
    point: Option<Vec<f64>>,
}

/// The density at a point with its gradient.
struct Answer {
    value: f64,
    grad: Vec<f64>,
}

/// Runs all chains; the second is whether they were interrupted.
fn run(
    target: &mut Target,
    coordinates: &Coordinates,
    options: &Options,
    starts: &[Vec<f64>],
    observer: &mut dyn Observer,
) -> Result<(Vec<ChainRun>, bool), FitError> {
    let (n, chains) = (options.posterior_draws, starts.len());
    let wanted = |chain: usize| (n / chains + usize::from(chain < n % chains)) as u64;
    let (ask, asked) = channel();
    let (answers, waiting): (Vec<_>, Vec<_>) = (0..chains).map(|_| channel()).unzip();
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = starts
            .iter()
            .zip(waiting)
            .enumerate()
            .map(|(chain, (start, answer))| {
                let remote = Remote { dim: start.len(), chain, ask: ask.clone(), answer };
                let (done, count) = (&done, wanted(chain));
                scope.spawn(move || run_chain(remote, start, options.seed, count, done))
            })
            .collect();
        drop(ask);
        let all = (n as u64 + WARMUP * chains as u64) as f64;
        let mut fraction = || done.load(Ordering::Relaxed) as f64 / all;
        let interrupted = serve(target, coordinates, &asked, answers, &mut fraction, observer);
        let runs: Vec<ChainRun> =
            threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| resume_unwind(panic))).collect();
        match runs.iter().find_map(|run| run.trouble.clone()) {
            Some(trouble) if !interrupted => Err(FitError::Sampler(trouble)),
            _ => Ok((runs, interrupted)),
        }
    })
}

/// Answers the chains until all have ended; dropping the answers ends them early, which is told.
fn serve(
    target: &mut Target,
    coordinates: &Coordinates,
    asked: &Receiver<Ask>,
    answers: Vec<Sender<Answer>>,
    fraction: &mut dyn FnMut() -> f64,
    observer: &mut dyn Observer,
) -> bool {
    let dim = coordinates.dim();
    let mut running = answers.len();
    let mut pending: Vec<Ask> = Vec::with_capacity(running);
    let (mut u, mut z, mut grad) = (Lanes::zeros(dim, 1), Lanes::zeros(dim, 1), Lanes::zeros(dim, 1));
    while running > 0 {
        let Ok(ask) = asked.recv() else { return false };
        match ask.point {
            None => running -= 1,
            Some(_) => pending.push(ask),
        }
        if pending.len() < running || running == 0 {
            continue;
        }
        if observer.cancelled() {
            return true;
        }
        observer.progress(&Progress { stage: Stage::Sample, row: None, fraction: fraction() });
        pending.sort_by_key(|ask| ask.chain);
        if u.lanes() != running {
            u = Lanes::zeros(dim, running);
            z = Lanes::zeros(dim, running);
            grad = Lanes::zeros(dim, running);
        }
        for (lane, ask) in pending.iter().enumerate() {
            ask.point.iter().for_each(|point| u.set_lane(lane, point));
        }
        u.pad();
        let mut value = vec![0.0; running];
        target.eval_whitened(coordinates, &u, &mut z, &mut value, Some(&mut grad));
        for (lane, ask) in pending.drain(..).enumerate() {
            // A chain that is gone says so itself.
            let _ = answers[ask.chain].send(Answer { value: value[lane], grad: grad.lane(lane) });
        }
    }
    false
}

/// Warm-up, then `count` draws.
fn run_chain(remote: Remote, start: &[f64], seed: u64, count: u64, done: &AtomicU64) -> ChainRun {
    let mut settings = DiagNutsSettings { num_tune: WARMUP, num_draws: count, ..Default::default() };
    settings.adapt_options.step_size_settings.target_accept = ACCEPTANCE;
    let mut run = ChainRun::default();
    let chain = remote.chain;
    let mut bits = Bits::new(seed, chain);
    let sample = || -> Result<(), String> {
        let math = CpuMath::new(remote);
        let told = |e: &dyn std::fmt::Display| e.to_string();
        let mut sampler = settings.new_chain(chain as u64, math, &mut bits).map_err(|e| told(&e))?;
        sampler.set_position(start).map_err(|e| told(&e))?;
        for draw in 0..WARMUP + count {
            let (point, info) = sampler.draw().map_err(|e| told(&e))?;
            done.fetch_add(1, Ordering::Relaxed);
            run.gradients += info.num_gradients;
            if draw >= WARMUP {
                run.draws.push(point);
                run.divergences += u64::from(info.diverging);
                run.step_size = info.step_size;
            }
        }
        Ok(())
    };
    run.trouble = sample().err();
    run
}

/// The density as a chain sees it: evaluated elsewhere, together with those of the other chains.
struct Remote {
    dim: usize,
    chain: usize,
    ask: Sender<Ask>,
    answer: Receiver<Answer>,
}

impl Drop for Remote {
    fn drop(&mut self) {
        // Nobody listens any more where all chains were stopped.
        let _ = self.ask.send(Ask { chain: self.chain, point: None });
    }
}

/// Why a chain gets no density.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("there is no density here")]
    NoDensity,
    #[error("the chains were stopped")]
    Stopped,
}

impl LogpError for Refusal {
    fn is_recoverable(&self) -> bool {
        matches!(self, Refusal::NoDensity)
    }
}

impl HasDims for Remote {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        HashMap::from([("unconstrained_parameter".to_string(), self.dim as u64)])
    }
}

impl CpuLogpFunc for Remote {
    type LogpError = Refusal;
    type FlowParameters = ();
    type ExpandedVector = Vec<f64>;

    fn dim(&self) -> usize {
        self.dim
    }

    fn logp(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, Refusal> {
        let ask = Ask { chain: self.chain, point: Some(position.to_vec()) };
        self.ask.send(ask).map_err(|_| Refusal::Stopped)?;
        let Answer { value, grad } = self.answer.recv().map_err(|_| Refusal::Stopped)?;
        if !value.is_finite() {
            return Err(Refusal::NoDensity);
        }
        gradient.copy_from_slice(&grad);
        Ok(value)
    }

    fn expand_vector<R: Rng + ?Sized>(&mut self, _: &mut R, point: &[f64]) -> Result<Vec<f64>, CpuMathError> {
        Ok(point.to_vec())
    }
}

/// The bits of one chain's stream, from which the sampler seeds its generator.
struct Bits {
    key: Key,
    used: u64,
}

impl Bits {
    fn new(seed: u64, chain: usize) -> Bits {
        Bits { key: Purpose::Chain.key(seed, &format!("chain {}", chain + 1)), used: 0 }
    }
}

impl TryRng for Bits {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.used += 1;
        Ok(self.key.bits(Counter { step: self.used, ..Counter::default() }))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}
