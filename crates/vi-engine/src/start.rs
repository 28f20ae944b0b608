//! Where a fit begins: a mode found by quasi-Newton from several starting points, and the normal
//! that the curvature there suggests.
//!
//! Starting points are feasibility-checked: the origin and random points about it, near and far, from
//! which only those with a finite density are used, and the better half of draws from the prior, where the model gives
//! them. The first descent starts at the origin, every further one, in turn of each kind, at the point farthest, in
//! whitened distance, from the modes known so far, but for one that starts at the mirror image of the first mode. After
//! twelve descents more are tried from points that are made of the modes known (`search`), and the normals at all ends
//! compete by ELBO. The losers are kept as rivals, so that the check can ask whether the draws reach them. Where the
//! log density is unbounded or its mode is no summary of it (a variance near zero), points *along* the descent compete
//! too, as in Pathfinder (Zhang, Carpenter, Gelman and Vehtari 2022).

use numerics::lanes::Lanes;

use crate::BLOCK;
use crate::coordinates::Coordinates;
use crate::error::FitError;
use crate::families::Family;
use crate::lbfgs::{self, Answer, Minimum, Tolerance};
use crate::observe::Observer;
use crate::pieces;
use crate::proposal::moment_match;
use crate::search::{self, Candidate, Search};
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// Points of each spread tried for a finite density, in one evaluation; the spreads from which descents start
/// in turn, and those tried where these have none.
const POINTS: usize = 32;
const SPREADS: [f64; 3] = [1.0, 4.0, 16.0];
const OTHERS: [f64; 2] = [0.1, 40.0];
/// Descents before points are made of the modes found.
pub(crate) const DESCENTS: usize = 12;
/// The descent that starts at the mirror image of the mode, where there is one only.
const MIRRORED: usize = 2;
/// Points along a descent that compete, besides its end.
const ALONG: usize = 6;

/// What the search for a start found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StartReport {
    /// Log density at the centre of the chosen normal.
    pub log_prob: f64,
    /// ELBO of the chosen normal and its standard error.
    pub elbo: f64,
    pub elbo_mcse: f64,
    /// Logarithm of the mass about the mode, by the same draws.
    pub log_mass: f64,
    pub descents: usize,
    pub evaluations: usize,
    /// Whether the chosen descent reached a mode.
    pub converged: bool,
    /// Whether the last descents still found modes of some mass.
    pub unsettled: bool,
    /// Other modes found.
    pub rivals: Vec<Rival>,
}

/// A mode other than the chosen one.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    /// Unconstrained, `[dim]`.
    pub point: Vec<f64>,
    /// Log density there.
    pub log_prob: f64,
    /// Logarithm of the mass about it, by importance sampling from the normal there.
    pub log_mass: f64,
}

/// Finds coordinates in which the posterior is roughly standard normal.
///
/// # Errors
/// No point with a finite density; cancelled.
pub fn find(
    target: &mut Target,
    family: &dyn Family,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<(Coordinates, StartReport), FitError> {
    let (mut rings, tried) = feasible_points(target, seed)?;
    let mut search = Search::default();
    while search.descents < DESCENTS {
        if search.descents == MIRRORED
            && let [only] = &search.candidates[..]
        {
            let image: Vec<f64> = only.coordinates.centre.iter().map(|x| -x).collect();
            search.descend(target, family, seed, &image, observer)?;
            continue;
        }
        rings.retain(|ring| !ring.is_empty());
        let Some(of) = search.descents.checked_rem(rings.len()) else { break };
        let ring = &mut rings[of];
        let point = ring.swap_remove(farthest(ring, &search.candidates));
        search.descend(target, family, seed, &point, observer)?;
    }
    let unsettled = !search.go_on(target, family, seed, observer)?;
    let Search { candidates, descents, evaluations } = search;
    let mut candidates: Vec<Candidate> =
        candidates.into_iter().map(|candidate| candidate.or_along_its_way(target, family, seed)).collect();
    // stable: of equals the first stays first
    candidates.sort_by(|a, b| b.worth.elbo.total_cmp(&a.worth.elbo));
    let mut candidates = candidates.into_iter();
    let Some(best) = candidates.next() else {
        return Err(FitError::NoFiniteStart { tried, reason: target.tally.commonest() });
    };
    let report = StartReport {
        log_prob: best.log_prob,
        elbo: best.worth.elbo,
        elbo_mcse: best.worth.elbo_mcse,
        log_mass: best.worth.log_mass,
        descents,
        evaluations,
        converged: best.converged,
        unsettled,
        rivals: candidates.map(|c| c.rival).collect(),
    };
    Ok((best.coordinates, report))
}

/// Coordinates in which draws of an approximation are roughly standard normal.
///
/// # Errors
/// Draws without a spread in every direction.
pub fn whitened(draws: &Lanes, family: &dyn Family) -> Result<Coordinates, FitError> {
    let weights = vec![1.0 / draws.lanes() as f64; draws.lanes()];
    moment_match(draws, &weights, family.scale()).ok_or(FitError::NoSpread)
}

/// A start from draws of an approximation instead of a search. `found` is what the search for that one
/// found, its rivals' points in the coordinates of `target`.
///
/// # Errors
/// As [`whitened`].
pub fn from_draws(
    target: &mut Target,
    family: &dyn Family,
    draws: &Lanes,
    found: &StartReport,
) -> Result<(Coordinates, StartReport), FitError> {
    let coordinates = whitened(draws, family)?;
    let mut report = found.clone();
    for rival in &mut report.rivals {
        let (mut z, mut value) = (Lanes::zeros(target.dim(), 1), [0.0]);
        z.set_lane(0, &rival.point);
        target.eval(&z, &mut value, None);
        rival.log_prob = value[0];
    }
    Ok((coordinates, report))
}

/// The index of the point whose nearest candidate is farthest, in that candidate's whitened
/// distance; the first point while there are no candidates.
fn farthest(points: &[Vec<f64>], candidates: &[Candidate]) -> usize {
    let distance = |point: &Vec<f64>| {
        let square = |c: &Candidate| c.coordinates.inverse(point).iter().map(|u| u * u).sum();
        candidates.iter().map(square).fold(f64::INFINITY, f64::min)
    };
    let distances: Vec<f64> = points.iter().map(distance).collect();
    (0..points.len()).fold(0, |best, i| if distances[i] > distances[best] { i } else { best })
}

/// Points of one spread.
type Ring = Vec<Vec<f64>>;

/// Feasible random points of each spread, by falling density, the origin before all where it is feasible, then those
/// from the prior; and how many points were tried to find them.
fn feasible_points(target: &mut Target, seed: u64) -> Result<(Vec<Ring>, usize), FitError> {
    let dim = target.dim();
    let names = target.density().names().to_vec();
    let noise = Noise::new(seed, Purpose::Start, names.iter().map(String::as_str));
    let mut z = Lanes::zeros(dim, POINTS);
    let mut grad = Lanes::zeros(dim, POINTS);
    let mut value = vec![0.0; POINTS];
    let mut rings: Vec<Ring> = Vec::new();
    for (attempt, spread) in SPREADS.iter().chain(&OTHERS).enumerate() {
        if attempt >= SPREADS.len() && !rings.is_empty() {
            break;
        }
        noise.fill(attempt as u64, 0, &mut z);
        for t in 0..z.tiles() {
            z.tile_mut(t).iter_mut().for_each(|x| *x *= spread);
        }
        if attempt == 0 {
            z.set_lane(0, &vec![0.0; dim]);
        }
        target.eval(&z, &mut value, Some(&mut grad));
        let mut feasible: Vec<usize> = (0..POINTS).filter(|&l| value[l].is_finite()).collect();
        // The origin first, since it is the middle of most supports; then the best.
        let is_origin = |lane: usize| attempt == 0 && lane == 0;
        feasible.sort_by(|&a, &b| {
            is_origin(b).cmp(&is_origin(a)).then(value[b].total_cmp(&value[a])).then(a.cmp(&b))
        });
        if !feasible.is_empty() {
            rings.push(feasible.into_iter().map(|lane| z.lane(lane)).collect());
        }
    }
    rings.extend(ring_of_guesses(target));
    if rings.is_empty() {
        let tried = POINTS * (SPREADS.len() + OTHERS.len());
        return Err(FitError::NoFiniteStart { tried, reason: target.tally.commonest() });
    }
    Ok((rings, POINTS * SPREADS.len()))
}

/// The better half of the model's first guesses, by falling density; `None` where it has none that is feasible.
fn ring_of_guesses(target: &mut Target) -> Option<Ring> {
    let mut first = guesses(target, POINTS);
    first.truncate(first.len().div_ceil(2));
    (!first.is_empty()).then(|| first.into_iter().map(|(point, _)| point).collect())
}

/// So many of the model's own guesses with what the density is there, by falling density.
pub(crate) fn guesses(target: &mut Target, count: usize) -> Vec<(Vec<f64>, f64)> {
    let Some(z) = target.density().guesses().cloned() else { return Vec::new() };
    let mut found = Vec::new();
    for first in (0..z.lanes().min(count)).step_by(BLOCK) {
        let points: Vec<Vec<f64>> =
            (first..z.lanes().min(count).min(first + BLOCK)).map(|l| z.lane(l)).collect();
        let value = search::values(target, &points);
        found.extend(points.into_iter().zip(value).filter(|(_, value)| value.is_finite()));
    }
    // stable: of equals the first stays first
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

/// So many of these points or fewer: the first, then of each spread in turn the one that is farthest from
/// those taken.
///
/// # Errors
/// No point with a finite density.
pub(crate) fn points_apart(
    target: &mut Target,
    seed: u64,
    count: usize,
) -> Result<(Vec<Vec<f64>>, usize), FitError> {
    let (mut rings, tried) = feasible_points(target, seed)?;
    let mut taken = vec![rings[0].remove(0)];
    while taken.len() < count && rings.iter().any(|ring| !ring.is_empty()) {
        let n = rings.len();
        let Some(ring) = rings.get_mut(taken.len() % n).filter(|ring| !ring.is_empty()) else {
            rings.retain(|ring| !ring.is_empty());
            continue;
        };
        let distance = |point: &Vec<f64>| {
            let square = |other: &Vec<f64>| other.iter().zip(point).map(|(a, b)| (a - b) * (a - b)).sum();
            taken.iter().map(square).fold(f64::INFINITY, f64::min)
        };
        let distances: Vec<f64> = ring.iter().map(distance).collect();
        let far = (0..ring.len()).fold(0, |best, i| if distances[i] > distances[best] { i } else { best });
        taken.push(ring.remove(far));
    }
    Ok((taken, tried))
}

/// The end of a descent, with a few of the points on its way, the latest first.
pub(crate) fn descend(target: &mut Target, start: &[f64], observer: &mut dyn Observer) -> Option<Minimum> {
    let dim = start.len();
    let tolerance = Tolerance { gain: 1e-7, gradient: 1e-5, evaluations: 500 + 2 * dim };
    let mut z = Lanes::zeros(dim, 1);
    let mut grad = Lanes::zeros(dim, 1);
    let mut value = [0.0];
    pieces::descent(target, start, observer, |target, observer| {
        let mut minimum = lbfgs::minimise(start, tolerance, &mut |x, g| {
            if observer.cancelled() {
                return Answer::Stop;
            }
            z.set_lane(0, x);
            z.pad();
            target.eval(&z, &mut value, Some(&mut grad));
            for (i, g) in g.iter_mut().enumerate() {
                *g = -grad.get(i, 0);
            }
            Answer::Value(-value[0])
        })?;
        let stride = minimum.trail.len().div_ceil(ALONG).max(1);
        minimum.trail = minimum.trail.into_iter().rev().skip(1).step_by(stride).collect();
        Some(minimum)
    })
}
