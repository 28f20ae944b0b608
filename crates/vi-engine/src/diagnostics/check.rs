//! Weighted draws, parameter by parameter.

use numerics::psis::psis;

/// What the check says of one reported parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterCheck {
    pub name: String,
    /// Mean and sd of the weighted draws.
    pub mean: f64,
    pub sd: f64,
    /// `|weighted mean - plain mean| / weighted sd`: how far the approximation is off. Of a probability the
    /// denominator is [`least_sd`](super::verdict::least_sd) if that is larger.
    pub shift: f64,
    /// `(plain sd - weighted sd) / weighted sd`, with the same denominator.
    pub sd_shift: f64,
    /// The largest difference between the distribution functions of the plain and of the weighted draws
    /// (Kolmogorov's distance); NaN where there is nothing to compare.
    pub gap: f64,
    /// Does it vary by more than the accuracy asked for, as a probability near 0 or 1 may not?
    pub matters: bool,
    /// Monte-Carlo standard error of the answer's mean.
    pub mcse: f64,
    /// `(sd / mcse)^2`.
    pub ess: f64,
    /// Tail index of `weight * |x - mean|`: whether this parameter's mean can be trusted to the
    /// weights (Vehtari et al. 2024, section 2.4). `+inf` where it has no tail that could be fitted, NaN
    /// of a constant.
    pub k_hat: f64,
}

impl ParameterCheck {
    /// A quantity that does not vary.
    pub fn constant(name: String, mean: f64, draws: usize) -> ParameterCheck {
        let (sd, shift, sd_shift, gap, mcse) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let (ess, k_hat, matters) = (draws as f64, f64::NAN, false);
        ParameterCheck { name, mean, sd, shift, sd_shift, gap, matters, mcse, ess, k_hat }
    }

    /// Says how far it was off `before`.
    pub fn moved_from(&mut self, before: &Moments) {
        let after = Moments { mean: self.mean, sd: self.sd, mcse: self.mcse };
        let same = before.same_constant(&after);
        self.shift = if same { 0.0 } else { (self.mean - before.mean).abs() / self.sd };
        self.sd_shift = if same { 0.0 } else { (before.sd - self.sd) / self.sd };
    }
}

/// One parameter under its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    pub mean: f64,
    pub sd: f64,
    /// Standard error of `mean` as a self-normalised importance estimate.
    pub mcse: f64,
}

/// Relative to the mean: a smaller sd, or a smaller difference of two means, is rounding.
const ROUNDING: f64 = 1e-12;

impl Moments {
    /// Does it vary by rounding alone, as the first element of a Cholesky factor of correlations does?
    pub fn is_constant(&self) -> bool {
        self.sd <= ROUNDING * self.mean.abs()
    }

    /// Are two of them the same constant?
    pub fn same_constant(&self, other: &Moments) -> bool {
        let apart = (self.mean - other.mean).abs();
        self.is_constant() && other.is_constant() && apart <= ROUNDING * self.mean.abs()
    }
}

/// Mean, sd and standard error of `x` under normalised `weights`. A draw of weight zero counts for
/// nothing, whatever its `x`.
pub fn moments(x: &[f64], weights: &[f64]) -> Moments {
    let pairs = || x.iter().zip(weights).filter(|(_, w)| **w > 0.0);
    let mean: f64 = pairs().map(|(x, w)| w * x).sum();
    let (mut square, mut error) = (0.0, 0.0);
    for (x, w) in pairs() {
        let d = x - mean;
        square += w * d * d;
        error += w * w * d * d;
    }
    Moments { mean, sd: square.sqrt(), mcse: error.sqrt() }
}

/// The largest difference between the distribution functions of `x` under two sets of weights that each sum
/// to one. Draws of both weights zero count for nothing.
pub fn largest_gap(x: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..x.len()).filter(|&i| a[i] > 0.0 || b[i] > 0.0).collect();
    order.sort_unstable_by(|&i, &j| x[i].total_cmp(&x[j]));
    let (mut apart, mut largest) = (0.0, 0.0f64);
    for (k, &i) in order.iter().enumerate() {
        apart += a[i] - b[i];
        // Equal values are one step.
        if order.get(k + 1).is_none_or(|&next| x[next] != x[i]) {
            largest = largest.max(f64::abs(apart));
        }
    }
    largest
}

/// Tail index of the terms of a weighted mean; see [`ParameterCheck::k_hat`].
pub fn tail_of_mean(x: &[f64], log_weights: &[f64], mean: f64) -> f64 {
    let terms: Vec<f64> = x.iter().zip(log_weights).map(|(x, w)| w + (x - mean).abs().ln()).collect();
    psis(&terms).k_hat
}

/// Equal weights over the draws that could be evaluated.
pub fn equal_weights(log_ratios: &[f64]) -> Vec<f64> {
    let good = log_ratios.iter().filter(|r| r.is_finite()).count();
    let weight = 1.0 / good.max(1) as f64;
    log_ratios.iter().map(|r| if r.is_finite() { weight } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_equal_and_unequal_weights() {
        let x = [1.0, 2.0, 3.0, 6.0, f64::NAN];
        let plain = moments(&x, &[0.25, 0.25, 0.25, 0.25, 0.0]);
        assert_eq!(plain.mean, 3.0);
        assert!((plain.sd - 3.5f64.sqrt()).abs() < 1e-15);
        // sd / sqrt(n)
        assert!((plain.mcse - (3.5f64 / 4.0).sqrt()).abs() < 1e-15);
        let weighted = moments(&x, &[0.0, 0.5, 0.0, 0.5, 0.0]);
        assert_eq!((weighted.mean, weighted.sd), (4.0, 2.0));
    }

    #[test]
    fn rounding_does_not_vary() {
        let weights = [0.5, 0.5];
        let ones = moments(&[1.0, 1.0 + 4e-16], &weights);
        assert!(ones.same_constant(&moments(&[1.0, 1.0], &weights)));
        assert!(!ones.same_constant(&moments(&[1.0, 1.0001], &weights)));
        assert!(!ones.same_constant(&moments(&[2.0, 2.0], &weights)));
        assert!(moments(&[0.0, 0.0], &weights).is_constant());
        assert!(!moments(&[-1e-9, 1e-9], &weights).is_constant());
    }

    #[test]
    fn a_heavy_tailed_parameter_is_told_by_its_own_k_hat() {
        // x with tail index 0.6 under equal weights
        let x: Vec<f64> = (1..=4000).map(|i| ((i as f64 - 0.5) / 4000.0).powf(-0.6)).collect();
        let log_weights = vec![-(4000.0f64.ln()); 4000];
        let mean = moments(&x, &equal_weights(&log_weights)).mean;
        let k_hat = tail_of_mean(&x, &log_weights, mean);
        assert!((k_hat - 0.6).abs() < 0.1, "{k_hat}");
    }
}
