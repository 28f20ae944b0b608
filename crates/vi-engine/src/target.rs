//! The density as the engine uses it: guarded, counted, and seen from whitened coordinates.

use numerics::lanes::Lanes;

use crate::coordinates::Coordinates;
use crate::log_density::{LaneFailure, LogDensity};

/// Distinct failure reasons kept as examples.
const EXAMPLES: usize = 8;

/// Evaluations and failures so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Lanes evaluated; and those of them with their gradients.
    pub lanes: u64,
    pub gradients: u64,
    /// Lanes that could not be evaluated.
    pub failed: u64,
    /// Distinct reasons with their counts, in order of appearance; at most eight are kept.
    pub reasons: Vec<(String, u64)>,
}

impl Tally {
    /// Failed lanes per lane evaluated.
    pub fn failed_fraction(&self) -> f64 {
        if self.lanes == 0 { 0.0 } else { self.failed as f64 / self.lanes as f64 }
    }

    /// The most frequent reason.
    pub fn commonest(&self) -> Option<String> {
        let most = self.reasons.iter().map(|(_, count)| *count).max()?;
        self.reasons.iter().find(|(_, count)| *count == most).map(|(reason, _)| reason.clone())
    }

    /// Adds another tally to this one.
    pub(crate) fn absorb(&mut self, other: &Tally) {
        self.lanes += other.lanes;
        self.gradients += other.gradients;
        self.failed += other.failed;
        other.reasons.iter().for_each(|(reason, count)| self.count(reason, *count));
    }

    fn add(&mut self, reason: &str) {
        self.failed += 1;
        self.count(reason, 1);
    }

    fn count(&mut self, reason: &str, times: u64) {
        if let Some((_, count)) = self.reasons.iter_mut().find(|(known, _)| known == reason) {
            *count += times;
        } else if self.reasons.len() < EXAMPLES {
            self.reasons.push((reason.into(), times));
        }
    }
}

/// A [`LogDensity`] whose answers are sound: values finite or `-inf`, gradients finite, zero where
/// the value is `-inf`.
pub struct Target<'a> {
    density: &'a mut dyn LogDensity,
    failures: Vec<LaneFailure>,
    /// What is evaluated by, where it is not all of the data.
    pub batch: Option<usize>,
    pub tally: Tally,
}

impl<'a> Target<'a> {
    pub fn new(density: &'a mut dyn LogDensity) -> Self {
        Target { density, failures: Vec::new(), batch: None, tally: Tally::default() }
    }

    pub fn density(&mut self) -> &mut dyn LogDensity {
        self.density
    }

    pub fn dim(&self) -> usize {
        self.density.dim()
    }

    /// [`LogDensity::eval`], guarded.
    pub fn eval(&mut self, z: &Lanes, value: &mut [f64], mut grad: Option<&mut Lanes>) {
        self.failures.clear();
        match self.batch {
            None => self.density.eval(z, value, grad.as_deref_mut(), &mut self.failures),
            Some(b) => self.density.eval_batch(b, z, value, grad.as_deref_mut(), &mut self.failures),
        }
        self.tally.lanes += value.len() as u64;
        self.tally.gradients += if grad.is_some() { value.len() as u64 } else { 0 };
        for failure in &self.failures {
            self.tally.add(&failure.reason);
            if let Some(value) = value.get_mut(failure.lane) {
                *value = f64::NEG_INFINITY;
            }
        }
        for (lane, value) in value.iter_mut().enumerate() {
            let sound_gradient = grad.as_ref().is_none_or(|g| (0..g.n()).all(|i| g.get(i, lane).is_finite()));
            let reason = match *value {
                x if x.is_nan() || x == f64::INFINITY => Some(format!("the log density is {x}")),
                x if x.is_finite() && !sound_gradient => Some("the gradient is not finite".into()),
                _ => None,
            };
            if let Some(reason) = reason {
                self.tally.add(&reason);
                self.failures.push(LaneFailure { lane, reason });
                *value = f64::NEG_INFINITY;
            }
            if *value == f64::NEG_INFINITY
                && let Some(grad) = grad.as_deref_mut()
            {
                (0..grad.n()).for_each(|i| grad.set(i, lane, 0.0));
            }
        }
    }

    /// Whether this lane of the latest evaluation could not be evaluated; one without a density could.
    pub fn has_failed(&self, lane: usize) -> bool {
        self.failures.iter().any(|failure| failure.lane == lane)
    }

    /// The log density of `u` in whitened coordinates, with `z` as room for the point (and as
    /// result: the unconstrained points).
    pub fn eval_whitened(
        &mut self,
        coordinates: &Coordinates,
        u: &Lanes,
        z: &mut Lanes,
        value: &mut [f64],
        mut grad: Option<&mut Lanes>,
    ) {
        coordinates.forward(u, z);
        z.pad();
        self.eval(z, value, grad.as_deref_mut());
        let log_det = coordinates.log_det();
        value.iter_mut().for_each(|v| *v += log_det);
        if let Some(grad) = grad {
            coordinates.pullback(grad);
        }
    }
}
