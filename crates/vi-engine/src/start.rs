//! Where a fit begins: a mode found by quasi-Newton from several starting points, and the normal
//! that the curvature there suggests.
//!
//! Starting points are feasibility-checked: the origin and random points about it, near and far, from
//! which only those with a finite density are used. The first descent starts at the origin, every further
//! one, in turn near and far, at the feasible point farthest, in whitened distance, from the modes known so
//! far, but for one that starts at the mirror image of the first mode. Where twelve descents end in several places,
//! more are tried from points that are made of these, and the normals at their ends compete by ELBO. The losers are
//! kept as rivals, so that the check can ask whether the draws reach them. Where the log density is unbounded or its mode is no summary of it (a variance near zero), points *along*
//! the descent compete too, as in Pathfinder (Zhang, Carpenter, Gelman and Vehtari 2022).

use std::collections::HashSet;

use numerics::lanes::Lanes;

use crate::coordinates::Coordinates;
use crate::curvature::whiten;
use crate::error::FitError;
use crate::estimator::{Estimator, mean_and_mcse};
use crate::families::Family;
use crate::lbfgs::{self, Answer, Ending, Minimum, Tolerance};
use crate::mixed;
use crate::observe::{Observer, Progress, Stage};
use crate::options::Gradient;
use crate::proposal::moment_match;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// Points of each spread tried for a finite density, in one evaluation; the spreads from which descents start
/// in turn, and those tried where these have none.
const POINTS: usize = 32;
const SPREADS: [f64; 3] = [1.0, 4.0, 16.0];
const OTHERS: [f64; 2] = [0.1, 40.0];
/// Descents before points are made of the modes found.
const DESCENTS: usize = 12;
/// The descent that starts at the mirror image of the mode, where there is one only.
const MIRRORED: usize = 2;
/// Descents from points that are made of several modes, and how far below the best these may be.
const MIXED: usize = 96;
const WORTHY: f64 = 7.0;
/// Draws on which a starting normal is judged.
const JUDGES: usize = 64;
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
    /// ELBO of the normal there: about the logarithm of its mass.
    pub elbo: f64,
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
    let mut search = Search { candidates: Vec::new(), descents: 0, evaluations: 0 };
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
    let unsettled = !search.mix(target, family, seed, observer)?;
    let Search { candidates, descents, evaluations } = search;
    let mut candidates: Vec<Candidate> =
        candidates.into_iter().map(|candidate| candidate.or_along_its_way(target, family, seed)).collect();
    // stable: of equals the first stays first
    candidates.sort_by(|a, b| b.elbo.total_cmp(&a.elbo));
    let mut candidates = candidates.into_iter();
    let Some(best) = candidates.next() else {
        return Err(FitError::NoFiniteStart { tried, reason: target.tally.commonest() });
    };
    let report = StartReport {
        log_prob: best.log_prob,
        elbo: best.elbo,
        elbo_mcse: best.elbo_mcse,
        descents,
        evaluations,
        converged: best.converged,
        unsettled,
        rivals: candidates
            .map(|c| Rival { point: c.coordinates.centre, log_prob: c.log_prob, elbo: c.elbo })
            .collect(),
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

/// Feasible random points of each spread, by falling density, the origin before all where it is feasible; and
/// how many points were tried to find them.
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
    if rings.is_empty() {
        let tried = POINTS * (SPREADS.len() + OTHERS.len());
        return Err(FitError::NoFiniteStart { tried, reason: target.tally.commonest() });
    }
    Ok((rings, POINTS * SPREADS.len()))
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

pub(crate) fn descend(target: &mut Target, start: &[f64], observer: &mut dyn Observer) -> Option<Minimum> {
    let dim = start.len();
    let tolerance = Tolerance { gain: 1e-7, gradient: 1e-5, evaluations: 500 + 2 * dim };
    let mut z = Lanes::zeros(dim, 1);
    let mut grad = Lanes::zeros(dim, 1);
    let mut value = [0.0];
    lbfgs::minimise(start, tolerance, &mut |x, g| {
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
    })
}

/// What the descents so far have found.
struct Search {
    candidates: Vec<Candidate>,
    descents: usize,
    evaluations: usize,
}

impl Search {
    /// One descent more; whether it ended at a mode that was not known.
    fn descend(
        &mut self,
        target: &mut Target,
        family: &dyn Family,
        seed: u64,
        point: &[f64],
        observer: &mut dyn Observer,
    ) -> Result<bool, FitError> {
        if observer.cancelled() {
            return Err(FitError::InterruptedAtStart);
        }
        observer.progress(&Progress {
            stage: Stage::Start,
            row: None,
            fraction: self.descents as f64 / (DESCENTS + MIXED) as f64,
        });
        self.descents += 1;
        let Some(minimum) = descend(target, point, observer) else { return Ok(false) };
        if minimum.ending == Ending::Interrupted {
            return Err(FitError::InterruptedAtStart);
        }
        self.evaluations += minimum.evaluations;
        let twin = self.candidates.iter_mut().find(|c| c.same_place(&minimum));
        let is_new = twin.is_none();
        match twin {
            Some(twin) if -minimum.value > twin.log_prob => {
                *twin = Candidate::judge(target, family, seed, minimum);
            }
            Some(_) => {}
            None => self.candidates.push(Candidate::judge(target, family, seed, minimum)),
        }
        Ok(is_new)
    }

    /// Where there are several modes of some mass, descends from points that are made of them; whether there was an
    /// end to that.
    fn mix(
        &mut self,
        target: &mut Target,
        family: &dyn Family,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<bool, FitError> {
        let names = target.density().names().to_vec();
        let mut tried: HashSet<Vec<u64>> = HashSet::new();
        // Descents since the last that found something.
        let mut barren = 0;
        loop {
            let best = self.candidates.iter().map(|c| c.elbo).fold(f64::NEG_INFINITY, f64::max);
            let worthy = self.candidates.iter().filter(|c| c.elbo > best - WORTHY && c.converged);
            let modes: Vec<Vec<f64>> = worthy.map(|c| c.coordinates.centre.clone()).collect();
            if modes.len() < 2 {
                return Ok(true);
            }
            let modes: Vec<&[f64]> = modes.iter().map(Vec::as_slice).collect();
            let mut is_new = false;
            for point in mixed::points(&modes, &names) {
                if self.candidates.iter().any(|c| c.is_at(&point)) {
                    continue;
                }
                if tried.len() == MIXED {
                    return Ok(barren >= MIXED / 3);
                }
                if tried.insert(point.iter().map(|x| x.to_bits()).collect()) {
                    is_new = self.descend(target, family, seed, &point, observer)?;
                    barren = if is_new { 0 } else { barren + 1 };
                }
                if is_new {
                    break;
                }
            }
            if !is_new {
                return Ok(true);
            }
        }
    }
}

/// A normal that might be the start.
struct Candidate {
    coordinates: Coordinates,
    log_prob: f64,
    elbo: f64,
    elbo_mcse: f64,
    converged: bool,
    trail: Vec<(Vec<f64>, f64)>,
}

impl Candidate {
    /// The normal at the end of a descent.
    fn judge(target: &mut Target, family: &dyn Family, seed: u64, minimum: Minimum) -> Self {
        let coordinates = whiten(target, &minimum.x, family.scale());
        let (elbo, elbo_mcse) = judge(target, family, seed, &coordinates);
        Candidate {
            coordinates,
            log_prob: -minimum.value,
            elbo,
            elbo_mcse,
            converged: minimum.ending == Ending::Converged,
            trail: minimum.trail,
        }
    }

    /// Whether a descent ended here too: the same density, and less than a tenth of a standard
    /// deviation away in every whitened direction.
    fn same_place(&self, other: &Minimum) -> bool {
        (self.log_prob + other.value).abs() < 1e-2 && self.is_at(&other.x)
    }

    fn is_at(&self, point: &[f64]) -> bool {
        self.coordinates.inverse(point).iter().all(|u| u.abs() < 0.1)
    }

    /// Itself, or the best of the points on its way where the normal at its end is a bad summary.
    fn or_along_its_way(self, target: &mut Target, family: &dyn Family, seed: u64) -> Self {
        let dim = family.dim() as f64;
        // For a normal target the ELBO of the normal at the mode is Laplace's evidence.
        let evidence = self.log_prob + self.coordinates.log_det() + dim * crate::families::HALF_LOG_TAU;
        if evidence - self.elbo < 1.0 + 0.1 * dim {
            return self;
        }
        let mut best = self;
        let trail = std::mem::take(&mut best.trail);
        let stride = trail.len().div_ceil(ALONG).max(1);
        for (x, value) in trail.iter().rev().skip(1).step_by(stride) {
            let coordinates = whiten(target, x, family.scale());
            let (elbo, elbo_mcse) = judge(target, family, seed, &coordinates);
            if elbo > best.elbo {
                best.coordinates = coordinates;
                best.log_prob = -value;
                best.elbo = elbo;
                best.elbo_mcse = elbo_mcse;
                best.converged = false;
            }
        }
        best
    }
}

/// ELBO of the family's standard member in `coordinates`; `-inf` where more than a quarter of the
/// draws cannot be evaluated.
fn judge(target: &mut Target, family: &dyn Family, seed: u64, coordinates: &Coordinates) -> (f64, f64) {
    let names = crate::base_names(target.density().names(), family.n_base());
    let noise = Noise::new(seed, Purpose::StartElbo, names.iter().map(String::as_str));
    let mut eps = Lanes::zeros(family.n_base(), JUDGES);
    noise.fill(0, 0, &mut eps);
    let mut estimator = Estimator::new(Gradient::default(), family.dim(), JUDGES);
    let terms = estimator.terms(target, coordinates, family, &family.standard(), &eps);
    let (elbo, mcse, good) = mean_and_mcse(terms.iter().copied());
    if 4 * good < 3 * JUDGES { (f64::NEG_INFINITY, f64::NAN) } else { (elbo, mcse) }
}
