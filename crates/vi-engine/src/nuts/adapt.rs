//! What a chain learns in its warm-up: a step size and the scale of every coordinate.

use crate::bytes::{Reader, Writer};
use crate::error::StateError;

/// The acceptance that the step size aims at: above the usual 0.8, for fewer divergences.
const ACCEPTANCE: f64 = 0.9;
/// Dual averaging: Hoffman and Gelman (2014), section 3.2.1, with the constants that they give.
const GAMMA: f64 = 0.05;
const T0: f64 = 10.0;
const KAPPA: f64 = 0.75;

/// Draws of warm-up, and those at which the scales are learned from the draws since the one before: windows
/// that double, after draws in which the chain finds the posterior and before some that only tune the step
/// (Stan Reference Manual, "HMC algorithm parameters").
pub const WARMUP: u64 = 1000;
const BEGIN: u64 = 75;
const WINDOWS: [u64; 5] = [100, 150, 250, 450, 950];

/// A step size under way.
#[derive(Clone, Debug)]
struct DualAverage {
    centre: f64,
    error: f64,
    log_step: f64,
    averaged: f64,
    count: f64,
}

impl DualAverage {
    fn new(step: f64) -> Self {
        DualAverage {
            centre: (10.0 * step).ln(),
            error: 0.0,
            log_step: step.ln(),
            averaged: step.ln(),
            count: 0.0,
        }
    }

    fn learn(&mut self, acceptance: f64) {
        self.count += 1.0;
        let rate = 1.0 / (self.count + T0);
        self.error = (1.0 - rate) * self.error + rate * (ACCEPTANCE - acceptance);
        self.log_step = self.centre - self.count.sqrt() / GAMMA * self.error;
        let weight = self.count.powf(-KAPPA);
        self.averaged = weight * self.log_step + (1.0 - weight) * self.averaged;
    }
}

/// Step size and scales of one chain.
#[derive(Clone, Debug)]
pub struct Adaptation {
    step: DualAverage,
    /// Variance of every coordinate: the inverse of the mass matrix.
    variance: Vec<f64>,
    /// Draws of this window: their number, means, and sums of squares about them (Welford 1962).
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
    draws: u64,
}

impl Adaptation {
    /// For coordinates whose variances are about one.
    pub fn new(dim: usize) -> Self {
        Adaptation {
            step: DualAverage::new(0.5 * (dim as f64).powf(-0.25)),
            variance: vec![1.0; dim],
            count: 0.0,
            mean: vec![0.0; dim],
            squares: vec![0.0; dim],
            draws: 0,
        }
    }

    /// Nothing to learn: this step in such coordinates.
    pub fn fixed(dim: usize, step: f64) -> Self {
        let step = DualAverage { averaged: step.ln(), ..DualAverage::new(step) };
        Adaptation { step, draws: WARMUP, ..Adaptation::new(dim) }
    }

    /// Appends all that it knows.
    pub fn write(&self, out: &mut Writer) {
        let DualAverage { centre, error, log_step, averaged, count } = self.step;
        out.numbers(&[centre, error, log_step, averaged, count, self.count]);
        for numbers in [&self.variance, &self.mean, &self.squares] {
            out.numbers(numbers);
        }
        out.word(self.draws);
    }

    /// Reads what [`Adaptation::write`] wrote of as many coordinates as it has.
    pub fn read(&self, input: &mut Reader) -> Result<Self, StateError> {
        let [centre, error, log_step, averaged, steps, count] = input.array()?;
        let step = DualAverage { centre, error, log_step, averaged, count: steps };
        let (variance, mean, squares) = (input.numbers()?, input.numbers()?, input.numbers()?);
        if [&variance, &mean, &squares].iter().any(|numbers| numbers.len() != self.mean.len()) {
            return Err(input.corrupt());
        }
        Ok(Adaptation { step, variance, count, mean, squares, draws: input.word()? })
    }

    pub fn is_over(&self) -> bool {
        self.draws >= WARMUP
    }

    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// The latest step while it is tuned, then the average of those.
    pub fn step(&self) -> f64 {
        if self.is_over() { self.step.averaged.exp() } else { self.step.log_step.exp() }
    }

    /// Learns from a draw of the warm-up and the mean acceptance along its trajectory.
    pub fn learn(&mut self, draw: &[f64], acceptance: f64) {
        self.draws += 1;
        self.step.learn(acceptance);
        if self.draws <= BEGIN || self.draws > WINDOWS[WINDOWS.len() - 1] {
            return;
        }
        self.count += 1.0;
        for ((mean, squares), x) in self.mean.iter_mut().zip(&mut self.squares).zip(draw) {
            let before = x - *mean;
            *mean += before / self.count;
            *squares += before * (x - *mean);
        }
        if WINDOWS.contains(&self.draws) {
            let trust = self.count / (self.count + 5.0);
            for (variance, squares) in self.variance.iter_mut().zip(&self.squares) {
                *variance = trust * squares / (self.count - 1.0) + 1e-3 * (1.0 - trust);
            }
            self.count = 0.0;
            self.mean.fill(0.0);
            self.squares.fill(0.0);
            self.step = DualAverage::new(self.step.averaged.exp());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_settles_where_the_acceptance_is_as_asked() {
        let mut adaptation = Adaptation::new(1);
        for _ in 0..WARMUP {
            // a chain that accepts exp(-step)
            let acceptance = (-adaptation.step()).exp();
            adaptation.learn(&[0.0], acceptance);
        }
        assert!(adaptation.is_over());
        assert!(((-adaptation.step()).exp() - ACCEPTANCE).abs() < 0.02, "{}", adaptation.step());
    }

    #[test]
    fn scales_are_those_of_the_last_window() {
        let mut adaptation = Adaptation::new(2);
        for draw in 0..WARMUP {
            let sign = if draw % 2 == 0 { 1.0 } else { -1.0 };
            let size = if draw < 450 { 1e6 } else { 3.0 };
            adaptation.learn(&[7.0 + sign * size, 0.1 * sign], 0.9);
        }
        let [a, b] = adaptation.variance() else { panic!("two coordinates") };
        assert!((a / 9.0 - 1.0).abs() < 0.02 && (b / 0.01 - 1.0).abs() < 0.02, "{a} {b}");
    }
}
