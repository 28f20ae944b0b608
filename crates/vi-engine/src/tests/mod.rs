//! Whole fits against known truth.

mod estimators;
mod families;
mod gaussian;
mod hard;
mod methods;
mod nuts;
mod optimizers;
mod probabilities;
mod resume;
mod skewed;

use crate::testing::Function;
use crate::{Fit, LogDensity, Options, Silent, fit};

fn fit_with_seed(density: &mut dyn LogDensity, seed: u64) -> Fit {
    fit(density, &Options { seed, ..Options::default() }, &mut Silent).expect("a fit")
}

/// Mean and sd of a function of the draws of the answer.
fn moments(fit: &Fit, f: impl Fn(&[f64]) -> f64) -> (f64, f64) {
    let n = fit.draws.lanes() as f64;
    let values: Vec<f64> = (0..fit.draws.lanes()).map(|l| f(&fit.draws.lane(l))).collect();
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance.sqrt())
}

/// The tolerance of the project's comparisons: means within 0.15 sd, sds within 15 %.
fn assert_near(what: &str, found: (f64, f64), mean: f64, sd: f64) {
    assert!((found.0 - mean).abs() < 0.15 * sd, "{what}: mean {} against {mean}", found.0);
    assert!((found.1 / sd - 1.0).abs() < 0.15, "{what}: sd {} against {sd}", found.1);
}

/// Neal's funnel: y ~ N(0, 3), x_i ~ N(0, e^(y/2)).
fn funnel(dim: usize) -> Function<impl FnMut(&[f64], &mut [f64]) -> f64> {
    Function::new(dim, |z, g| {
        let precision = (-z[0]).exp();
        let mut value = -z[0] * z[0] / 18.0;
        g[0] = -z[0] / 9.0;
        for i in 1..z.len() {
            value -= 0.5 * (z[i] * z[i] * precision + z[0]);
            g[i] = -z[i] * precision;
            g[0] += 0.5 * (z[i] * z[i] * precision - 1.0);
        }
        value
    })
}
