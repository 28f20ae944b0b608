//! The answer of a fit: draws from q, weighed against the model, corrected where they need it and
//! judged.
//!
//! A normal q is often lighter-tailed than the posterior, which ruins the weights of a few far draws
//! although q itself is near. So where q's draws are not good as they are (`method: auto`), they come
//! instead from a multivariate Student t of the moments that the weighted draws have: k-hat, effective sample
//! size and the draws are then those of this wider proposal. Measured over 20 seeds, eight schools
//! goes from k-hat 0.35 to 0.79 for q to 0.36 to 0.59, log-gamma posteriors from 0.5 to 1.1 to below
//! zero.

use numerics::lanes::{LANES, Lanes};
use numerics::psis::{Psis, log_sum_exp, psis};

use crate::BLOCK;
use crate::diagnostics::check::{self, ParameterCheck};
use crate::diagnostics::resample::systematic;
use crate::diagnostics::score::{ScoreGap, score_gaps};
use crate::diagnostics::verdict::{self, Evidence, Verdict};
use crate::diagnostics::walk::{self, Drift};
use crate::error::FitError;
use crate::estimator::mean_and_mcse;
use crate::families::Family;
use crate::fit::Fit;
use crate::observe::Observer;
use crate::options::{Method, Options};
use crate::proposal::{Draws, Proposal, moment_match};
use crate::state::State;
use crate::stream::{Noise, Purpose};
use crate::target::{Tally, Target};

/// Degrees of freedom of the wider proposals.
const WIDE_DOF: u32 = 5;
/// Wider proposals tried in turn, each matched to the moments the one before it found.
const WIDE_ROUNDS: u8 = 2;

/// One proposal, drawn from and weighed.
struct Weighed<'a> {
    proposal: Proposal<'a>,
    draws: Draws,
    /// What the user reads of the draws, a column each.
    values: Vec<Vec<f64>>,
    psis: Psis,
    tally: Tally,
}

impl<'a> Weighed<'a> {
    fn new(
        proposal: Proposal<'a>,
        target: &mut Target,
        options: &Options,
        round: u8,
        count: usize,
        stoppable: bool,
        observer: &mut dyn Observer,
    ) -> Self {
        let before = std::mem::take(&mut target.tally);
        let draws = proposal.draw(target, options.seed, Purpose::Check(round), count, stoppable, observer);
        let tally = std::mem::replace(&mut target.tally, before);
        target.tally.absorb(&tally);
        let psis = psis(&draws.log_ratios());
        let values = reported(target, &draws.z);
        Weighed { proposal, draws, values, psis, tally }
    }

    fn weights(&self) -> Vec<f64> {
        self.psis.log_weights.iter().map(|w| w.exp()).collect()
    }
}

/// Draws from q, weighs, corrects where that is asked for, judges.
pub(crate) fn answer(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    state: State,
    lambda: Vec<f64>,
    interrupted: bool,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    let count =
        if interrupted { options.posterior_draws } else { options.posterior_draws.max(verdict::CHECK_DRAWS) };
    let coordinates = state.coordinates.clone();
    let q = Proposal { family, coordinates, lambda, dof: None };
    // An interrupt during the check keeps the draws there are; one before it has to draw some still.
    let plain = Weighed::new(q, target, options, 0, count, !interrupted, observer);
    let mut interrupted = interrupted || plain.draws.log_q.len() < count;
    let plain_weights = check::equal_weights(&plain.draws.log_ratios());
    let (elbo, elbo_mcse, good) = mean_and_mcse(plain.draws.log_ratios().into_iter());
    if good == 0 {
        return Err(FitError::NoFiniteDraw { reason: target.tally.commonest() });
    }
    let names = target.density().reported_names().to_vec();
    let least_sds: Vec<f64> =
        (0..names.len()).map(|i| verdict::least_sd(target.density().is_probability(i))).collect();
    let named = || names.iter().map(String::as_str).zip(least_sds.iter().copied());
    let compare =
        |answer: &Weighed| compare(named(), &plain, &plain_weights, answer, options.posterior_draws);
    let mut parameters = compare(&plain);
    let asked = plain.psis.k_hat >= verdict::K_HAT_OK
        || parameters.iter().any(|p| p.shift.max(p.sd_shift.abs()) >= verdict::SHIFT);
    let wider = if asked && options.method == Method::Auto && !interrupted {
        let wider = widen(target, family, options, &plain, count, observer);
        interrupted = observer.cancelled();
        wider
    } else {
        None
    };
    let answer = wider.as_ref().unwrap_or(&plain);
    if wider.is_some() {
        parameters = compare(answer);
    }
    let shifts: Vec<(&str, f64, f64)> =
        parameters.iter().map(|p| (p.name.as_str(), p.shift, p.sd_shift)).collect();
    // The tails of what varies less than it is asked for concern nobody.
    let tails: Vec<(&str, f64)> = parameters
        .iter()
        .zip(&least_sds)
        .filter(|(p, least_sd)| p.sd > **least_sd)
        .map(|(p, _)| (p.name.as_str(), p.k_hat))
        .collect();
    let coordinates = target.density().names().to_vec();
    let k_hat = answer.psis.k_hat;
    let hopeless = k_hat >= verdict::K_HAT_CORRECTED || k_hat.is_nan();
    let scores = if interrupted || hopeless { Vec::new() } else { scores(target, options, answer) };
    let drifts = if asked && options.method == Method::Auto && !interrupted && !hopeless {
        drifts(target, options, answer, &least_sds, observer)
    } else {
        Vec::new()
    };
    // What was not walked to the end is not checked.
    interrupted = interrupted || observer.cancelled();
    let drifts: Vec<(&str, Drift)> = names.iter().map(String::as_str).zip(drifts).collect();
    let scores: Vec<(&str, ScoreGap)> = coordinates.iter().map(String::as_str).zip(scores).collect();
    let (verdict, reasons) = verdict::judge(Evidence {
        k_hat_q: plain.psis.k_hat,
        k_hat: answer.psis.k_hat,
        ess: answer.psis.ess,
        shifts: &shifts,
        tails: &tails,
        scores: &scores,
        drifts: &drifts,
        rival_share: rival_share(&state, answer),
        tally: &answer.tally,
        interrupted,
        converged: state.converged,
    });
    // Weights are used where they are needed and sound; an unreliable fit shows q itself rather than
    // the few draws that hopeless weights would leave.
    let sound = answer.psis.k_hat < verdict::K_HAT_CORRECTED && answer.psis.ess >= verdict::ESS;
    let weighted = verdict != Verdict::Ok && sound;
    let (source, weights) =
        if weighted { (&answer.draws, answer.weights()) } else { (&plain.draws, plain_weights) };
    let chosen = systematic(&weights, options.posterior_draws, offset(options.seed));
    Ok(Fit {
        verdict,
        reasons,
        draws: pick(&source.z, &chosen),
        log_joint: chosen.iter().map(|&i| source.log_joint[i]).collect(),
        log_q: chosen.iter().map(|&i| source.log_q[i]).collect(),
        elbo,
        elbo_mcse,
        k_hat: answer.psis.k_hat,
        k_hat_q: plain.psis.k_hat,
        ess: answer.psis.ess,
        parameters,
        interrupted,
        chains: None,
        tally: target.tally.clone(),
        state,
    })
}

/// The best of the wider proposals, if it is better than q.
fn widen<'a>(
    target: &mut Target,
    family: &'a dyn Family,
    options: &Options,
    plain: &Weighed<'a>,
    count: usize,
    observer: &mut dyn Observer,
) -> Option<Weighed<'a>> {
    let mut tried: Vec<Weighed> = Vec::new();
    for round in 1..=WIDE_ROUNDS {
        let good_enough = tried.last().is_some_and(|last| last.psis.k_hat < verdict::K_HAT_OK);
        if good_enough || observer.cancelled() {
            break;
        }
        let source = tried.last().unwrap_or(plain);
        let coordinates = moment_match(&source.draws.z, &source.weights(), family.affine())?;
        let lambda = family.standard();
        let proposal = Proposal { family, coordinates, lambda, dof: Some(WIDE_DOF) };
        let weighed = Weighed::new(proposal, target, options, round, count, true, observer);
        if weighed.draws.log_q.len() < count {
            break;
        }
        tried.push(weighed);
    }
    let best = tried.into_iter().min_by(|a, b| a.psis.k_hat.total_cmp(&b.psis.k_hat))?;
    (best.psis.k_hat < plain.psis.k_hat).then_some(best)
}

/// How far a walk from the weighted draws moves what the user reads; empty where it would cost too much
/// or is cancelled.
fn drifts(
    target: &mut Target,
    options: &Options,
    answer: &Weighed,
    least_sds: &[f64],
    observer: &mut dyn Observer,
) -> Vec<Drift> {
    if target.dim() > verdict::WALK_DIM {
        return Vec::new();
    }
    let mut drifts: Vec<Drift> = Vec::new();
    for walk in walk::WALKS {
        let start = pick(&answer.draws.z, &systematic(&answer.weights(), walk.chains, offset(options.seed)));
        let Some(end) = walk.go(target, &answer.proposal.coordinates, &start, options.seed, observer) else {
            return Vec::new();
        };
        let (before, after) = (reported(target, &start), reported(target, &end));
        drifts = before
            .iter()
            .zip(&after)
            .zip(least_sds)
            .map(|((b, a), least_sd)| walk::drift(b, a, answer.psis.ess, *least_sd))
            .collect();
        if !drifts.iter().any(|d| d.exceeds(verdict::DRIFT, verdict::DRIFT_DOUBT)) {
            break;
        }
    }
    drifts
}

/// The score gaps of the weighted draws.
fn scores(target: &mut Target, options: &Options, answer: &Weighed) -> Vec<ScoreGap> {
    let chosen = systematic(&answer.weights(), verdict::SCORE_DRAWS, offset(options.seed));
    score_gaps(target, &pick(&answer.draws.z, &chosen))
}

/// The largest share of the mass at another mode that the answer's proposal does not reach.
fn rival_share(state: &State, answer: &Weighed) -> f64 {
    let log_ratios = answer.draws.log_ratios();
    let log_evidence = log_sum_exp(&log_ratios) - (log_ratios.len() as f64).ln();
    let unreached = state.start.rivals.iter().filter(|rival| {
        let log_weight = rival.log_prob - answer.proposal.log_prob(&rival.point) - log_evidence;
        log_weight > verdict::RIVAL_LOG_WEIGHT
    });
    // its mass against that of the draws and its own
    unreached.map(|rival| 1.0 / (1.0 + (log_evidence - rival.elbo).exp())).fold(0.0, f64::max)
}

fn offset(seed: u64) -> f64 {
    Noise::new(seed, Purpose::Resample, ["offset"]).uniform(0)
}

/// Some of the draws.
pub(crate) fn pick(z: &Lanes, chosen: &[usize]) -> Lanes {
    let mut picked = Lanes::zeros(z.n(), chosen.len());
    for (lane, &i) in chosen.iter().enumerate() {
        picked.set_lane(lane, &z.lane(i));
    }
    picked
}

/// Every reported parameter, by name and least sd, under the weights of the answer, against q's plain draws.
fn compare<'a>(
    named: impl Iterator<Item = (&'a str, f64)>,
    plain: &Weighed,
    plain_weights: &[f64],
    answer: &Weighed,
    posterior_draws: usize,
) -> Vec<ParameterCheck> {
    let weights = answer.weights();
    let columns = named.zip(plain.values.iter().zip(&answer.values));
    columns
        .map(|((name, least_sd), (plain_values, values))| {
            let before = check::moments(plain_values, plain_weights);
            let after = check::moments(values, &weights);
            if before.same_constant(&after) {
                let (name, mean) = (name.to_string(), after.mean);
                let ess = posterior_draws as f64;
                let k_hat = f64::NAN;
                return ParameterCheck {
                    name,
                    mean,
                    sd: 0.0,
                    shift: 0.0,
                    sd_shift: 0.0,
                    mcse: 0.0,
                    ess,
                    k_hat,
                };
            }
            let ess = (after.sd / after.mcse).powi(2).min(posterior_draws as f64);
            let unit = after.sd.max(least_sd);
            ParameterCheck {
                name: name.to_string(),
                mean: after.mean,
                sd: after.sd,
                shift: (after.mean - before.mean).abs() / unit,
                sd_shift: (before.sd - after.sd) / unit,
                mcse: after.sd / ess.sqrt(),
                ess,
                k_hat: check::tail_of_mean(values, &answer.psis.log_weights, after.mean),
            }
        })
        .collect()
}

/// What the user reads of draws, a column each.
pub(crate) fn reported(target: &mut Target, z: &Lanes) -> Vec<Vec<f64>> {
    let n = target.density().reported_names().len();
    let mut columns = vec![Vec::with_capacity(z.lanes()); n];
    for first in (0..z.lanes()).step_by(BLOCK) {
        let lanes = BLOCK.min(z.lanes() - first);
        let (mut block, mut out) = (Lanes::zeros(z.n(), lanes), Lanes::zeros(n, lanes));
        for t in 0..block.tiles() {
            block.tile_mut(t).copy_from_slice(z.tile(first / LANES + t));
        }
        target.density().report(&block, &mut out);
        for (i, column) in columns.iter_mut().enumerate() {
            column.extend((0..lanes).map(|lane| out.get(i, lane)));
        }
    }
    columns
}
