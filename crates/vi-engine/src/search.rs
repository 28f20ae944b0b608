//! The search for modes: descents, what each adds to those known, and points made of these to descend from.

use std::collections::{HashSet, VecDeque};

use numerics::lanes::Lanes;
use numerics::psis::log_sum_exp;

use crate::BLOCK;
use crate::coordinates::Coordinates;
use crate::curvature::whiten;
use crate::error::FitError;
use crate::estimator::{Estimator, mean_and_mcse};
use crate::families::Family;
use crate::images;
use crate::lbfgs::{Ending, Minimum};
use crate::observe::{Observer, Progress, Stage};
use crate::options::Gradient;
use crate::start::{DESCENTS, Rival, descend, guesses};
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// Descents from points that are made of modes, and how far below the best these may be.
const MIXED: usize = 96;
const WORTHY: f64 = 7.0;
/// An image of a mode is worth a descent where the density has not fallen by more, and is less by this in between.
const FALL: f64 = 14.0;
const BARRIER: f64 = 0.1;
/// Parts of a line between two points, at whose ends the density is looked at.
const BETWEEN: usize = 8;
/// The best of the model's guesses that are looked at.
const GUESSES: usize = 64;
/// Images of a mode that are looked at.
const IMAGES: usize = 128;
/// Draws on which a starting normal is judged.
const JUDGES: usize = 64;

/// What the descents so far have found.
#[derive(Default)]
pub(crate) struct Search {
    pub candidates: Vec<Candidate>,
    pub descents: usize,
    pub evaluations: usize,
}

impl Search {
    /// One descent more; whether it ended at a mode that was not known.
    pub fn descend(
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
        let twin = self.candidates.iter_mut().find(|c| c.same_place(target, &minimum));
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

    /// Descends from the best guesses that a valley divides from all modes of some mass, from promising images of these
    /// and, where there are several, from points that are made of them; whether there was an end to that.
    pub fn go_on(
        &mut self,
        target: &mut Target,
        family: &dyn Family,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<bool, FitError> {
        let names = target.density().names().to_vec();
        let mut tried: HashSet<Vec<u64>> = HashSet::new();
        // Images of modes that were looked at, to be tried yet; and those modes.
        let mut promised: VecDeque<Vec<f64>> = VecDeque::new();
        let mut looked_at: Vec<Vec<f64>> = Vec::new();
        let mut guesses: VecDeque<(Vec<f64>, f64)> = guesses(target, usize::MAX).into();
        guesses.truncate(GUESSES);
        // Descents since the last that found something.
        let mut barren = 0;
        loop {
            let best = self.candidates.iter().map(|c| c.worth.log_mass).fold(f64::NEG_INFINITY, f64::max);
            let worthy = self.candidates.iter().filter(|c| c.worth.log_mass > best - WORTHY && c.converged);
            let modes: Vec<(Vec<f64>, f64)> =
                worthy.map(|c| (c.coordinates.centre.clone(), c.log_prob)).collect();
            for (mode, log_prob) in &modes {
                if !looked_at.contains(mode) {
                    let points = images::of_one(mode, &looked_at, &names).take(IMAGES).collect();
                    promised.extend(promising(target, mode, *log_prob, points));
                    guesses.retain(|(point, value)| is_apart(target, mode, *log_prob, point, *value));
                    looked_at.push(mode.clone());
                }
            }
            if modes.is_empty() {
                // There is nothing that a guess could be apart from.
                guesses.clear();
            }
            let modes: Vec<&[f64]> = modes.iter().map(|(mode, _)| mode.as_slice()).collect();
            let mut made = images::of_several(&modes, &names).filter(|_| modes.len() > 1);
            loop {
                let Some(point) = guesses
                    .pop_front()
                    .map(|(point, _)| point)
                    .or_else(|| promised.pop_front())
                    .or_else(|| made.next())
                else {
                    return Ok(true);
                };
                if self.candidates.iter().any(|c| c.is_at(&point)) {
                    continue;
                }
                if tried.len() == MIXED {
                    return Ok(barren >= MIXED / 3);
                }
                if !tried.insert(point.iter().map(|x| x.to_bits()).collect()) {
                    continue;
                }
                barren += 1;
                if self.descend(target, family, seed, &point, observer)? {
                    barren = 0;
                    break;
                }
            }
        }
    }
}

/// Those of the images of a mode that may belong to another one: the density is of the same order there, and less in
/// between.
fn promising(target: &mut Target, mode: &[f64], log_prob: f64, images: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut found = Vec::new();
    for images in images.chunks(BLOCK) {
        let value = values(target, images);
        let apart = images.iter().zip(value).filter(|(image, v)| is_apart(target, mode, log_prob, image, *v));
        found.extend(apart.map(|(image, _)| image.clone()));
    }
    found
}

/// Whether the density at a point is of the order of that at a mode, and less in between.
fn is_apart(target: &mut Target, mode: &[f64], log_prob: f64, point: &[f64], value: f64) -> bool {
    value > log_prob - FALL && least_between(target, mode, point) < value.min(log_prob) - BARRIER
}

/// The least log density at some points on the line between two.
pub(crate) fn least_between(target: &mut Target, a: &[f64], b: &[f64]) -> f64 {
    let between = |k: usize| {
        let t = k as f64 / BETWEEN as f64;
        a.iter().zip(b).map(|(a, b)| a + t * (b - a)).collect()
    };
    let points: Vec<Vec<f64>> = (1..BETWEEN).map(between).collect();
    values(target, &points).into_iter().fold(f64::INFINITY, f64::min)
}

/// The log density at these points.
pub(crate) fn values(target: &mut Target, points: &[Vec<f64>]) -> Vec<f64> {
    let mut z = Lanes::zeros(target.dim(), points.len());
    points.iter().enumerate().for_each(|(lane, point)| z.set_lane(lane, point));
    z.pad();
    let mut value = vec![0.0; points.len()];
    target.eval(&z, &mut value, None);
    value
}

/// A normal that might be the start.
pub(crate) struct Candidate {
    pub coordinates: Coordinates,
    pub log_prob: f64,
    pub worth: Worth,
    pub converged: bool,
    /// What it is as a rival: of the end of its descent, if that is a mode.
    pub rival: Rival,
    trail: Vec<(Vec<f64>, f64)>,
}

impl Candidate {
    /// The normal at the end of a descent.
    fn judge(target: &mut Target, family: &dyn Family, seed: u64, minimum: Minimum) -> Self {
        let coordinates = whiten(target, &minimum.x, family.scale());
        let worth = Worth::of(target, family, seed, &coordinates);
        let log_prob = -minimum.value;
        Candidate {
            rival: Rival { point: minimum.x, log_prob, log_mass: worth.log_mass },
            worth,
            coordinates,
            log_prob,
            converged: minimum.ending == Ending::Converged,
            trail: minimum.trail,
        }
    }

    /// Whether a descent ended here too: the same density, less than a tenth of a standard deviation away in every
    /// whitened direction, or with nothing in between; scales without correlations say little of what is near.
    fn same_place(&self, target: &mut Target, other: &Minimum) -> bool {
        let least = self.log_prob.min(-other.value);
        let is_joined = |target| least_between(target, &self.coordinates.centre, &other.x) > least - BARRIER;
        (self.log_prob + other.value).abs() < 1e-2 && (self.is_at(&other.x) || is_joined(target))
    }

    fn is_at(&self, point: &[f64]) -> bool {
        self.coordinates.inverse(point).iter().all(|u| u.abs() < 0.1)
    }

    /// Itself, or the best of the points on its way where the normal at its end is a bad summary.
    pub fn or_along_its_way(self, target: &mut Target, family: &dyn Family, seed: u64) -> Self {
        let dim = family.dim() as f64;
        // For a normal target the ELBO of the normal at the mode is Laplace's evidence.
        let evidence = self.log_prob + self.coordinates.log_det() + dim * crate::families::HALF_LOG_TAU;
        if evidence - self.worth.elbo < 1.0 + 0.1 * dim {
            return self;
        }
        let is_mode = self.converged;
        let mut best = self;
        let trail = std::mem::take(&mut best.trail);
        for (x, value) in &trail {
            let coordinates = whiten(target, x, family.scale());
            let worth = Worth::of(target, family, seed, &coordinates);
            if worth.elbo > best.worth.elbo {
                best = Candidate { coordinates, log_prob: -value, worth, converged: false, ..best };
            }
        }
        if is_mode {
            best.rival.log_mass = best.rival.log_mass.max(best.worth.log_mass);
        } else {
            let (point, log_prob) = (best.coordinates.centre.clone(), best.log_prob);
            best.rival = Rival { point, log_prob, log_mass: best.worth.log_mass };
        }
        best
    }
}

/// How good a normal is as a start.
#[derive(Clone, Copy)]
pub(crate) struct Worth {
    pub elbo: f64,
    pub elbo_mcse: f64,
    /// Logarithm of the mass about it, by importance sampling.
    pub log_mass: f64,
}

impl Worth {
    /// Of the family's standard member in `coordinates`; all `-inf` where more than a quarter of its draws cannot be
    /// evaluated.
    fn of(target: &mut Target, family: &dyn Family, seed: u64, coordinates: &Coordinates) -> Worth {
        let names = crate::base_names(target.density().names(), family.n_base());
        let noise = Noise::new(seed, Purpose::StartElbo, names.iter().map(String::as_str));
        let mut eps = Lanes::zeros(family.n_base(), JUDGES);
        noise.fill(0, 0, &mut eps);
        let mut estimator = Estimator::new(Gradient::default(), family.dim(), JUDGES);
        let terms = estimator.terms(target, coordinates, family, &family.standard(), &eps);
        let (elbo, elbo_mcse, good) = mean_and_mcse(terms.iter().copied());
        if 4 * good < 3 * JUDGES {
            return Worth { elbo: f64::NEG_INFINITY, elbo_mcse: f64::NAN, log_mass: f64::NEG_INFINITY };
        }
        let finite: Vec<f64> = terms.into_iter().filter(|term| term.is_finite()).collect();
        Worth { elbo, elbo_mcse, log_mass: log_sum_exp(&finite) - (JUDGES as f64).ln() }
    }
}
