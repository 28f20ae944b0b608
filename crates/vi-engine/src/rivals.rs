//! Modes besides the one that q is about, as far as the draws of q tell of them.

use numerics::psis::log_sum_exp;

use crate::coordinates::Coordinates;
use crate::diagnostics::verdict::{RIVAL_LOG_WEIGHT, RIVAL_SHARE, VALLEY};
use crate::families::Family;
use crate::observe::Observer;
use crate::proposal::{Draws, Proposal};
use crate::search::{Search, least_between};
use crate::start::Rival;
use crate::target::Target;

/// Draws from which modes are looked for.
const HEAVY: usize = 8;

/// The logarithm of the evidence by the weights of all draws, and the weight of each beside it.
fn log_weights(draws: &Draws) -> (f64, Vec<f64>) {
    let ratios = draws.log_ratios();
    let log_evidence = log_sum_exp(&ratios) - (ratios.len() as f64).ln();
    (log_evidence, ratios.into_iter().map(|ratio| ratio - log_evidence).collect())
}

/// The ends of descents from the draws that have far more weight than others: a narrow mode that q covers has a few,
/// and chains that begin elsewhere do not find it.
pub(crate) fn of_heavy_draws(
    target: &mut Target,
    family: &dyn Family,
    seed: u64,
    draws: &Draws,
    observer: &mut dyn Observer,
) -> Vec<Rival> {
    let (_, weights) = log_weights(draws);
    let mut heavy: Vec<usize> = (0..weights.len()).filter(|&lane| weights[lane] > RIVAL_LOG_WEIGHT).collect();
    heavy.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
    let mut search = Search::default();
    for &lane in heavy.iter().take(HEAVY) {
        if search.descend(target, family, seed, &draws.z.lane(lane), observer).is_err() {
            // Cancelled.
            break;
        }
    }
    // What is no mode is a part of a funnel or a spike, in which chains would only stick.
    search.candidates.into_iter().filter(|c| c.converged).map(|c| c.rival).collect()
}

/// The modes that the draws of q do not reach, with their shares of the mass: where q has next to no density, or a valley
/// lies between them and the nearest of the draws, but for those whose own weights tell of another mode.
pub(crate) fn out_of_reach(
    target: &mut Target,
    coordinates: &Coordinates,
    rivals: &[Rival],
    q: &Proposal,
    draws: &Draws,
) -> Vec<(Vec<f64>, f64)> {
    let (log_evidence, weights) = log_weights(draws);
    let usual: Vec<usize> = (0..weights.len())
        .filter(|&lane| draws.log_joint[lane].is_finite() && weights[lane] <= RIVAL_LOG_WEIGHT)
        .collect();
    let mut far: Vec<(&Rival, f64)> = Vec::new();
    for rival in rivals {
        let log_weight = rival.log_prob - q.log_prob(&rival.point) - log_evidence;
        // its mass against that of the draws and its own
        let share = 1.0 / (1.0 + (log_evidence - rival.log_mass).exp());
        if share < RIVAL_SHARE {
            continue;
        }
        let own = coordinates.inverse(&rival.point);
        let distance = |lane: &usize| -> f64 {
            let there = coordinates.inverse(&draws.z.lane(*lane));
            there.iter().zip(&own).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let nearest = usual.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let mut is_apart = |point: &[f64], log_prob: f64| {
            least_between(target, point, &rival.point) < log_prob.min(rival.log_prob) - VALLEY
        };
        let is_reached = log_weight <= RIVAL_LOG_WEIGHT
            && !nearest.is_some_and(|lane| is_apart(&draws.z.lane(lane), draws.log_joint[lane]));
        if !is_reached && far.iter().all(|(other, _)| is_apart(&other.point, other.log_prob)) {
            far.push((rival, share));
        }
    }
    far.into_iter().map(|(rival, share)| (rival.point.clone(), share)).collect()
}
