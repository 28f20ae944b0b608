//! The answer of a fit: draws from q, weighed against the model and judged; under `method: auto` polished where
//! they are not good as they are and weights do not mend them.

use numerics::lanes::{LANES, Lanes};
use numerics::psis::{Psis, psis};

use crate::curvature::whiten;
use crate::diagnostics::check::{self, ParameterCheck};
use crate::diagnostics::resample::systematic;
use crate::diagnostics::score::{ScoreGap, score_gaps};
use crate::diagnostics::verdict::{self, Evidence, Verdict};
use crate::error::FitError;
use crate::estimator::mean_and_mcse;
use crate::families::Family;
use crate::fit::Fit;
use crate::observe::Observer;
use crate::options::{Method, Options};
use crate::polish::{self, Polished};
use crate::proposal::{Draws, Proposal};
use crate::state::State;
use crate::stream::{Noise, Purpose};
use crate::symmetric::symmetrise;
use crate::target::{Tally, Target};
use crate::{BLOCK, modes, nuts, rivals};

/// Draws of another mode's normal, to begin from.
const MODE_DRAWS: usize = 25 * BLOCK;

/// One proposal, drawn from and weighed.
struct Weighed<'a> {
    proposal: Proposal<'a>,
    draws: Draws,
    /// What the user reads of the draws, a column each.
    values: Vec<Vec<f64>>,
    psis: Psis,
    tally: Tally,
    /// The modes that the draws do not reach, with their shares of the mass.
    rivals: Vec<(Vec<f64>, f64)>,
}

impl<'a> Weighed<'a> {
    fn new(
        proposal: Proposal<'a>,
        target: &mut Target,
        seed: u64,
        purpose: Purpose,
        count: usize,
        stoppable: bool,
        observer: &mut dyn Observer,
    ) -> Self {
        let before = std::mem::take(&mut target.tally);
        let draws = proposal.draw(target, seed, purpose, count, stoppable, observer);
        let tally = std::mem::replace(&mut target.tally, before);
        target.tally.absorb(&tally);
        let psis = psis(&draws.log_ratios());
        let values = reported(target, &draws.z);
        Weighed { proposal, draws, values, psis, tally, rivals: Vec::new() }
    }

    fn weights(&self) -> Vec<f64> {
        self.psis.log_weights.iter().map(|w| w.exp()).collect()
    }

    /// Those, or equal ones where a few draws have all the weight.
    fn best_weights(&self) -> Vec<f64> {
        match self.psis.ess >= verdict::ESS {
            true => self.weights(),
            false => check::equal_weights(&self.draws.log_ratios()),
        }
    }

    /// The largest share of the mass that one mode out of reach has.
    fn rival_share(&self) -> f64 {
        self.rivals.iter().map(|(_, share)| *share).fold(0.0, f64::max)
    }
}

/// Draws from q, weighs, judges, and polishes where that is asked for; of a law that some signs do not matter to, draws of
/// either.
pub(crate) fn answer(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    state: State,
    lambda: Vec<f64>,
    interrupted: bool,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    let mut fit = one_sided(target, family, options, state, lambda, interrupted, observer)?;
    if options.method == Method::Auto && matches!(fit.verdict, Verdict::Ok | Verdict::Corrected) {
        symmetrise(target, &mut fit, options.seed);
    }
    Ok(fit)
}

fn one_sided(
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
    let q = Proposal { family, coordinates, lambda };
    // An interrupt during the check keeps the draws there are; one before it has to draw some still.
    let mut weighed = Weighed::new(q, target, options.seed, Purpose::Check, count, !interrupted, observer);
    let interrupted = interrupted || weighed.draws.log_q.len() < count;
    let mut known = state.start.rivals.clone();
    if options.method == Method::Auto && !interrupted && weighed.psis.k_hat >= verdict::K_HAT_CORRECTED {
        known.extend(rivals::of_heavy_draws(target, family, options.seed, &weighed.draws, observer));
    }
    weighed.rivals =
        rivals::out_of_reach(target, &state.coordinates, &known, &weighed.proposal, &weighed.draws);
    let mut fit = judged(target, options, state, &weighed, interrupted)?;
    // Weights that do not settle the tails are not trusted to change a spread by much.
    let changes = |p: &ParameterCheck| p.matters && p.sd_shift.abs() >= verdict::MUCH;
    let overworked = weighed.psis.k_hat >= verdict::K_HAT_OVERWORKED && fit.parameters.iter().any(changes);
    let are_weights_good = weighed.psis.ess >= verdict::ESS_FRACTION * count as f64 && !overworked;
    let is_settled = fit.verdict == Verdict::Ok || fit.verdict == Verdict::Corrected && are_weights_good;
    if is_settled || interrupted || options.method != Method::Auto {
        return Ok(fit);
    }
    match polished(target, family, options, &weighed, observer) {
        Some(polished) => Ok(with(target, fit, polished, &weighed, options)),
        None if observer.cancelled() => {
            // What was not polished to the end is not checked.
            fit.interrupted = true;
            (fit.verdict, fit.reasons) = (Verdict::Unreliable, vec![verdict::INTERRUPTED.into()]);
            Ok(fit)
        }
        None => Ok(fit),
    }
}

/// The draws of q, and those of the other modes, polished; `None` where that is cancelled or draws have no
/// spread.
fn polished(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    weighed: &Weighed,
    observer: &mut dyn Observer,
) -> Option<Polished> {
    let offset = offset(options.seed);
    let rivals: Vec<&[f64]> = weighed.rivals.iter().map(|(point, _)| point.as_slice()).collect();
    let weights = weighed.best_weights();
    let source = |rivals| polish::Source { z: &weighed.draws.z, weights: &weights, offset, rivals, mode: 0 };
    if rivals.is_empty() {
        return polish::polish(target, &source(rivals), options, observer);
    }
    let mut modes = vec![polish::polish(target, &source(Vec::new()), options, observer)?];
    for (mode, rival) in (1..).zip(&rivals) {
        if modes.last().is_some_and(|mode| mode.verdict != Verdict::Ok) {
            // It is no mode by itself, or nothing is gained by the others.
            break;
        }
        let coordinates = whiten(target, rival, family.scale());
        let normal = Proposal { family, coordinates, lambda: family.standard() };
        let purpose = Purpose::Mode(mode);
        let weighed = Weighed::new(normal, target, options.seed, purpose, MODE_DRAWS, true, observer);
        let weights = weighed.best_weights();
        let source =
            polish::Source { z: &weighed.draws.z, weights: &weights, offset, rivals: Vec::new(), mode };
        modes.push(polish::polish(target, &source, options, observer)?);
    }
    let all = modes.len() > rivals.len();
    let together = all.then(|| modes::together(target, modes, options.posterior_draws, options.seed));
    match together.flatten() {
        // They are not apart.
        None => polish::polish(target, &source(rivals), options, observer),
        together => together,
    }
}

/// The fit with the draws of q, as they are or resampled by their weights.
fn judged(
    target: &mut Target,
    options: &Options,
    state: State,
    weighed: &Weighed,
    interrupted: bool,
) -> Result<Fit, FitError> {
    let ratios = weighed.draws.log_ratios();
    let (elbo, elbo_mcse, good) = mean_and_mcse(ratios.iter().copied());
    if good == 0 {
        return Err(FitError::NoFiniteDraw { reason: target.tally.commonest() });
    }
    let plain_weights = check::equal_weights(&ratios);
    let parameters = compare(target, weighed, &plain_weights, options.posterior_draws);
    let hopeless = weighed.psis.k_hat >= verdict::K_HAT_CORRECTED || weighed.psis.k_hat.is_nan();
    let scores = if interrupted || hopeless { Vec::new() } else { scores(target, options, weighed) };
    let coordinates = target.density().names().to_vec();
    let scores: Vec<(&str, ScoreGap)> = coordinates.iter().map(String::as_str).zip(scores).collect();
    let (verdict, reasons) = verdict::judge(Evidence {
        k_hat: weighed.psis.k_hat,
        ess: weighed.psis.ess,
        parameters: &parameters,
        scores: &scores,
        rival_share: weighed.rival_share(),
        unsettled: state.start.unsettled,
        tally: &weighed.tally,
        interrupted,
        converged: state.converged,
    });
    // Weights are used where they are needed and sound; an unreliable fit shows q itself rather than
    // the few draws that hopeless weights would leave.
    let sound = weighed.psis.k_hat < verdict::K_HAT_CORRECTED && weighed.psis.ess >= verdict::ESS;
    let weights = if verdict != Verdict::Ok && sound { weighed.weights() } else { plain_weights };
    let chosen = systematic(&weights, options.posterior_draws, offset(options.seed));
    let draws = &weighed.draws;
    Ok(Fit {
        verdict,
        reasons,
        draws: pick(&draws.z, &chosen),
        log_joint: chosen.iter().map(|&i| draws.log_joint[i]).collect(),
        log_q: chosen.iter().map(|&i| draws.log_q[i]).collect(),
        elbo,
        elbo_mcse,
        k_hat: weighed.psis.k_hat,
        ess: weighed.psis.ess,
        parameters,
        interrupted,
        chains: None,
        tally: target.tally.clone(),
        state,
    })
}

/// The fit with polished draws in the place of q's.
fn with(target: &mut Target, fit: Fit, polished: Polished, weighed: &Weighed, options: &Options) -> Fit {
    let corrected = verdict::polished(weighed.psis.k_hat, &polished);
    let Polished { sample, chains, verdict, reasons, .. } = polished;
    let n = sample.z.lanes();
    let mut chosen = systematic(&vec![1.0; n], options.posterior_draws, offset(options.seed));
    // Neighbours in a chain know of each other, which whoever takes some of the draws would have to know.
    Noise::new(options.seed, Purpose::Resample, ["order"]).shuffle(0, &mut chosen);
    let mut parameters = nuts::parameters(target, &sample);
    let plain_weights = check::equal_weights(&weighed.draws.log_ratios());
    for (after, before) in parameters.iter_mut().zip(&weighed.values) {
        after.moved_from(&check::moments(before, &plain_weights));
    }
    let (verdict, reasons) = match verdict {
        Verdict::Ok if fit.state.start.unsettled => {
            (Verdict::Unreliable, vec![verdict::MORE_MODES.into(), corrected])
        }
        Verdict::Ok => (Verdict::Corrected, vec![corrected]),
        verdict => {
            // Why chains disagree comes first.
            (verdict, verdict::another_mode(weighed.rival_share()).into_iter().chain(reasons).collect())
        }
    };
    let z = pick(&sample.z, &chosen);
    Fit {
        verdict,
        reasons,
        log_joint: chosen.iter().map(|&i| sample.log_joint[i]).collect(),
        log_q: (0..z.lanes()).map(|lane| weighed.proposal.log_prob(&z.lane(lane))).collect(),
        draws: z,
        ess: nuts::least_ess(&sample),
        parameters,
        chains: Some(chains),
        tally: target.tally.clone(),
        ..fit
    }
}

/// The score gaps of the weighted draws.
fn scores(target: &mut Target, options: &Options, answer: &Weighed) -> Vec<ScoreGap> {
    let chosen = systematic(&answer.weights(), verdict::SCORE_DRAWS, offset(options.seed));
    score_gaps(target, &pick(&answer.draws.z, &chosen))
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

/// Every reported parameter under its weights, against q's plain draws.
fn compare(
    target: &mut Target,
    weighed: &Weighed,
    plain_weights: &[f64],
    posterior_draws: usize,
) -> Vec<ParameterCheck> {
    let weights = weighed.weights();
    let names = target.density().reported_names().to_vec();
    let columns = names.into_iter().zip(&weighed.values).enumerate();
    columns
        .map(|(i, (name, values))| {
            let least_sd = verdict::least_sd(target.density().is_probability(i));
            let before = check::moments(values, plain_weights);
            let after = check::moments(values, &weights);
            if before.same_constant(&after) {
                return ParameterCheck::constant(name, after.mean, posterior_draws);
            }
            let ess = (after.sd / after.mcse).powi(2).min(posterior_draws as f64);
            let unit = after.sd.max(least_sd);
            let matters = after.sd > least_sd;
            ParameterCheck {
                name,
                mean: after.mean,
                sd: after.sd,
                shift: (after.mean - before.mean).abs() / unit,
                sd_shift: (before.sd - after.sd) / unit,
                gap: if matters { check::largest_gap(values, plain_weights, &weights) } else { 0.0 },
                mcse: after.sd / ess.sqrt(),
                ess,
                k_hat: check::tail_of_mean(values, &weighed.psis.log_weights, after.mean),
                matters,
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
