//! Sampling by the No-U-Turn sampler: a posterior without an approximating family, at a few to a
//! hundred times the price.
//!
//! Chains begin at overdispersed points about the modes that the search for a start found, and run in its
//! whitened coordinates, where a diagonal mass matrix suffices.

pub(crate) mod adapt;
pub(crate) mod chains;
pub(crate) mod trajectory;

use numerics::lanes::Lanes;

use crate::diagnostics::check::{self, ParameterCheck};
use crate::diagnostics::mixing::Mixing;
use crate::diagnostics::verdict::{self, ChainEvidence, Verdict};
use crate::error::FitError;
use crate::fit::Fit;
use crate::observe::{Observer, Progress, Stage};
use crate::options::Options;
use crate::state::State;
use crate::stream::{Noise, Purpose};
use crate::target::Target;
use adapt::Adaptation;
pub use adapt::WARMUP;
use chains::{Chain, Chances, Sample};
pub use trajectory::MAX_DEPTH;
use trajectory::Point;

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
    /// Trajectories that ended where energy was not conserved or the density cannot be evaluated, after warm-up. One that
    /// stepped over a hard edge of the support is none: its draw is as good as others.
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
    let (chains, interrupted) = run(target, options, &state, observer)?;
    if chains.iter().any(|chain| chain.draws.is_empty()) {
        return Err(FitError::InterruptedAtStart);
    }
    let sample = Sample::of(target, &state.coordinates, &chains, 1);
    let (verdict, reasons) = judge(target, &sample, verdict::DIVERGENT_FRACTION, interrupted);
    Ok(Fit {
        verdict,
        reasons,
        log_q: vec![f64::NAN; sample.z.lanes()],
        elbo: f64::NAN,
        elbo_mcse: f64::NAN,
        k_hat: f64::NAN,
        ess: least_ess(&sample),
        parameters: parameters(target, &sample),
        interrupted,
        chains: Some(Chains {
            draws: sample.lengths,
            warmup: WARMUP,
            divergences: sample.divergences,
            saturated: sample.saturated,
            evaluations: chains.iter().map(|chain| chain.evaluations).sum(),
            step_sizes: chains.iter().map(|chain| chain.adaptation.step()).collect(),
            mixing: sample.mixing,
        }),
        draws: sample.z,
        log_joint: sample.log_joint,
        tally: target.tally.clone(),
        state,
    })
}

/// The verdict on chains, of whose draws a part may diverge, and its reasons.
pub(crate) fn judge(
    target: &mut Target,
    sample: &Sample,
    divergent: f64,
    interrupted: bool,
) -> (Verdict, Vec<String>) {
    let failure = target.tally.commonest();
    let names = target.density().reported_names();
    let mixing: Vec<(&str, Option<Mixing>)> =
        names.iter().map(String::as_str).zip(sample.mixing.iter().copied()).collect();
    verdict::judge_chains(ChainEvidence {
        mixing: &mixing,
        divergences: sample.divergences,
        divergent,
        saturated: sample.saturated,
        draws: sample.z.lanes() as u64,
        failure,
        interrupted,
    })
}

/// Of the ranks of the quantity for which the draws are worth least.
pub(crate) fn least_ess(sample: &Sample) -> f64 {
    let bulk = sample.mixing.iter().flatten().map(|m| m.ess_bulk);
    bulk.fold(sample.z.lanes() as f64, f64::min)
}

/// What the draws are of each reported quantity.
pub(crate) fn parameters(target: &mut Target, sample: &Sample) -> Vec<ParameterCheck> {
    let names = target.density().reported_names();
    let of_each = names.iter().zip(sample.columns.iter().zip(&sample.mixing));
    of_each.map(|(name, (x, mixing))| parameter(name, x, mixing.as_ref())).collect()
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
        gap: f64::NAN,
        matters: true,
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
) -> Result<(Vec<Chain>, bool), FitError> {
    let starts = starts(target, options, state)?;
    let (n, count, dim) = (options.posterior_draws, starts.len(), target.dim());
    let chances = Chances::new(target, options.seed, Purpose::Chain);
    let until = |chain: usize| WARMUP + (n / count + usize::from(chain < n % count)) as u64;
    let begin = |(k, start)| Chain::begin(start, k, Adaptation::new(dim), until(k), &chances);
    let mut chains: Vec<Chain> = starts.into_iter().enumerate().map(begin).collect();
    let all = (n as u64 + WARMUP * count as u64) as f64;
    let seen = |missing: u64, observer: &mut dyn Observer| {
        let fraction = 1.0 - missing as f64 / all;
        observer.progress(&Progress { stage: Stage::Sample, row: None, fraction });
    };
    let finished = chains::run(target, &state.coordinates, &mut chains, &chances, observer, seen);
    Ok((chains, !finished))
}

/// A point with a density for each chain, in whitened coordinates: about the mode, and in turn about every
/// other mode that the start found and that has mass, so that chains disagree where they cannot travel.
fn starts(target: &mut Target, options: &Options, state: &State) -> Result<Vec<Point>, FitError> {
    let dim = target.dim();
    let chains = CHAINS.min(options.posterior_draws);
    let rivals = state.start.rivals.iter().filter(|rival| {
        let share = 1.0 / (1.0 + (state.start.log_mass - rival.log_mass).exp());
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
