//! Mildly non-normal posteriors, whose moments are known by other routes.

use super::*;
use crate::log_density::{LaneFailure, LogDensity};
use crate::{Optimizer, Verdict};
use numerics::lanes::Lanes;

const EFFECTS: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
const ERRORS: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

/// Eight schools (Rubin 1981), non-centred: z[8], mu, log tau. Normalised.
pub(super) fn eight_schools() -> Function<impl FnMut(&[f64], &mut [f64]) -> f64> {
    let half_log_tau = crate::families::HALF_LOG_TAU;
    Function::new(10, move |u, g| {
        let (mu, tau) = (u[8], u[9].exp());
        let t = tau * tau / 25.0;
        let mut value = -0.5 * mu * mu / 25.0 - 5f64.ln() - half_log_tau;
        // half-Cauchy(5) and the Jacobian of tau = exp(u)
        value += (2.0 / (5.0 * std::f64::consts::PI)).ln() - t.ln_1p() + u[9];
        g[8] = -mu / 25.0;
        g[9] = 1.0 - 2.0 * t / (1.0 + t);
        for j in 0..8 {
            let residual = (EFFECTS[j] - mu - tau * u[j]) / ERRORS[j];
            value -= 0.5 * (u[j] * u[j] + residual * residual) + ERRORS[j].ln();
            value -= 2.0 * half_log_tau;
            let pull = residual / ERRORS[j];
            g[j] = -u[j] + pull * tau;
            g[8] += pull;
            g[9] += pull * tau * u[j];
        }
        value
    })
}

/// Mean and sd of mu, tau and the thetas by quadrature over tau: given tau all else is normal.
pub(super) fn eight_schools_truth() -> Vec<(f64, f64)> {
    let (mut total, mut first, mut second) = (0.0, vec![0.0; 10], vec![0.0; 10]);
    let n = 20_000;
    for k in 0..n {
        // tau = 5 tan(v): the half-Cauchy prior is uniform in v
        let v = (k as f64 + 0.5) / n as f64 * std::f64::consts::FRAC_PI_2;
        let tau = 5.0 * v.tan();
        let variance = |j: usize| ERRORS[j] * ERRORS[j] + tau * tau;
        let precision = 1.0 / 25.0 + (0..8).map(|j| 1.0 / variance(j)).sum::<f64>();
        let mean = (0..8).map(|j| EFFECTS[j] / variance(j)).sum::<f64>() / precision;
        let log_weight =
            (0..8).map(|j| -0.5 * (variance(j).ln() + EFFECTS[j].powi(2) / variance(j))).sum::<f64>()
                - 0.5 * precision.ln()
                + 0.5 * mean * mean * precision;
        let weight = log_weight.exp();
        let mut add = |i: usize, m: f64, v: f64| {
            first[i] += weight * m;
            second[i] += weight * (v + m * m);
        };
        for j in 0..8 {
            let shrink = tau * tau / variance(j);
            let conditional = tau * tau * ERRORS[j] * ERRORS[j] / variance(j);
            let m = shrink * EFFECTS[j] + (1.0 - shrink) * mean;
            add(j, m, conditional + (1.0 - shrink).powi(2) / precision);
        }
        add(8, mean, 1.0 / precision);
        add(9, tau, 0.0);
        total += weight;
    }
    (0..10)
        .map(|i| {
            let mean = first[i] / total;
            (mean, (second[i] / total - mean * mean).sqrt())
        })
        .collect()
}

#[test]
fn eight_schools_for_many_seeds() {
    let truth = eight_schools_truth();
    // analytic.md: E[mu] 4.396821 (3.317704), E[tau] 3.597705 (3.219958)
    assert!((truth[8].0 - 4.396821).abs() < 1e-3 && (truth[8].1 - 3.317704).abs() < 1e-3);
    assert!((truth[9].0 - 3.597705).abs() < 1e-2 && (truth[9].1 - 3.219958).abs() < 2e-2);
    for seed in 1..=12 {
        let fit = fit_with_seed(&mut eight_schools(), seed);
        let sound = matches!(fit.verdict, Verdict::Ok | Verdict::Corrected);
        assert!(sound, "seed {seed}: {:?}", fit.reasons);
        assert!(fit.elbo < -31.311347, "an ELBO above the evidence");
        assert!(fit.elbo > -31.7, "seed {seed}: {}", fit.elbo);
        assert!(fit.state.step < 8000, "seed {seed}: {} steps", fit.state.step);
        for (j, (mean, sd)) in truth.iter().enumerate().take(8) {
            let theta = moments(&fit, |u| u[8] + u[9].exp() * u[j]);
            assert_near(&format!("seed {seed} theta[{j}]"), theta, *mean, *sd);
        }
        assert_near("mu", moments(&fit, |u| u[8]), truth[8].0, truth[8].1);
        assert_near("tau", moments(&fit, |u| u[9].exp()), truth[9].0, truth[9].1);
    }
}

#[test]
fn eight_schools_with_fixed_draws() {
    let options = Options { optimizer: Some(Optimizer::FixedDraws), ..Options::default() };
    let fit = fit(&mut eight_schools(), &options, &mut Silent).unwrap();
    assert!(fit.elbo > -31.65 && fit.elbo < -31.311347, "{}", fit.elbo);
    assert!(fit.verdict != Verdict::Unreliable, "{:?}", fit.reasons);
}

/// Michaelis-Menten velocities of puromycin-treated enzyme (Treloar 1974): ppm, counts/min^2.
const PUROMYCIN: [(f64, f64); 12] = [
    (0.02, 76.0),
    (0.02, 47.0),
    (0.06, 97.0),
    (0.06, 107.0),
    (0.11, 123.0),
    (0.11, 139.0),
    (0.22, 159.0),
    (0.22, 152.0),
    (0.56, 191.0),
    (0.56, 201.0),
    (1.10, 207.0),
    (1.10, 200.0),
];

/// vmax ~ lognormal(5, 1), km ~ lognormal(-3, 1), sigma ~ half_normal(30), all on the log scale,
/// reported as they are.
struct Puromycin {
    names: Vec<String>,
    reported: Vec<String>,
}

impl LogDensity for Puromycin {
    fn dim(&self) -> usize {
        3
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn reported_names(&self) -> &[String] {
        &self.reported
    }

    fn report(&mut self, z: &Lanes, out: &mut Lanes) {
        for lane in 0..z.lanes() {
            let values: Vec<f64> = z.lane(lane).iter().map(|u| u.exp()).collect();
            out.set_lane(lane, &values);
        }
    }

    fn eval(
        &mut self,
        z: &Lanes,
        value: &mut [f64],
        mut grad: Option<&mut Lanes>,
        _failures: &mut Vec<LaneFailure>,
    ) {
        for (lane, value) in value.iter_mut().enumerate() {
            let u = z.lane(lane);
            let (vmax, km, sigma) = (u[0].exp(), u[1].exp(), u[2].exp());
            let mut g = vec![5.0 - u[0], -3.0 - u[1], 1.0 - sigma * sigma / 900.0];
            *value = -0.5 * (g[0] * g[0] + g[1] * g[1] + sigma * sigma / 900.0) + u[2];
            for (concentration, rate) in PUROMYCIN {
                let saturation = concentration / (km + concentration);
                let residual = (rate - vmax * saturation) / sigma;
                *value -= 0.5 * residual * residual + u[2];
                g[0] += residual / sigma * vmax * saturation;
                g[1] -= residual / sigma * vmax * saturation * km / (km + concentration);
                g[2] += residual * residual - 1.0;
            }
            if let Some(grad) = grad.as_deref_mut() {
                grad.set_lane(lane, &g);
            }
        }
    }
}

#[test]
fn puromycin_has_the_moments_of_quadrature() {
    let words = |names: [&str; 3]| names.iter().map(|s| s.to_string()).collect();
    for seed in 1..=8 {
        let mut density = Puromycin {
            names: words(["vmax", "km", "sigma"]),
            reported: words(["vmax (counts/min^2)", "km (ppm)", "sigma"]),
        };
        let fit = fit_with_seed(&mut density, seed);
        let sound = matches!(fit.verdict, Verdict::Ok | Verdict::Corrected);
        assert!(sound, "seed {seed}: {:?}", fit.reasons);
        assert_eq!(fit.parameters[1].name, "km (ppm)");
        let truth = [(212.144, 8.326), (0.06398, 0.01013), (12.415, 3.233)];
        for (i, (mean, sd)) in truth.into_iter().enumerate() {
            assert_near(&fit.parameters[i].name, moments(&fit, |u| u[i].exp()), mean, sd);
            let p = &fit.parameters[i];
            assert_near(&p.name, (p.mean, p.sd), mean, sd);
            assert!(p.mcse < 0.1 * sd && p.ess > 100.0);
        }
    }
}

/// log x with x ~ Gamma(2, 1): skewed, with the tail of an exponential. E = digamma(2), variance
/// trigamma(2).
#[test]
fn log_gamma_posteriors_are_corrected() {
    for seed in 1..=5 {
        let mut density = Function::new(3, |z, g| {
            z.iter()
                .zip(g)
                .map(|(z, g)| {
                    *g = 2.0 - z.exp();
                    2.0 * z - z.exp()
                })
                .sum()
        });
        let fit = fit_with_seed(&mut density, seed);
        let sound = matches!(fit.verdict, Verdict::Ok | Verdict::Corrected);
        assert!(sound, "seed {seed}: {:?}", fit.reasons);
        for i in 0..3 {
            let sd = 0.644934066848226f64.sqrt();
            assert_near("log x", moments(&fit, |z| z[i]), 0.422784335098467, sd);
        }
    }
}

/// A normal q recovers mean and correlation of an elliptical target even where the tails mismatch
/// (Margossian and Saul 2024); the correction then recovers the scale.
#[test]
fn student_t_target() {
    let rho: f64 = 0.6;
    let mut density = Function::new(2, |z, g| {
        let (a, b) = (z[0] - 3.0, z[1] + 1.0);
        let q = (a * a - 2.0 * rho * a * b + b * b) / (1.0 - rho * rho);
        let factor = -7.0 / (5.0 + q) / (1.0 - rho * rho);
        (g[0], g[1]) = (factor * (a - rho * b), factor * (b - rho * a));
        -3.5 * (q / 5.0).ln_1p()
    });
    let fit = fit_with_seed(&mut density, 1);
    // q itself, before any correction
    let family = crate::families::build(crate::FamilyChoice::FullRank, 2);
    let mut eps = Lanes::zeros(2, 3);
    eps.set(0, 0, 1.0);
    eps.set(1, 1, 1.0);
    let (mut u, mut z) = (Lanes::zeros(2, 3), Lanes::zeros(2, 3));
    family.rsample(&fit.state.lambda, &eps, &mut u);
    fit.state.coordinates.forward(&u, &mut z);
    let mean = z.lane(2);
    let column = |j: usize| [z.get(0, j) - mean[0], z.get(1, j) - mean[1]];
    let (l, m) = (column(0), column(1));
    let covariance = |i: usize, j: usize| l[i] * l[j] + m[i] * m[j];
    let correlation = covariance(0, 1) / (covariance(0, 0) * covariance(1, 1)).sqrt();
    assert!((mean[0] - 3.0).abs() < 0.05 && (mean[1] + 1.0).abs() < 0.05, "{mean:?}");
    assert!((correlation - rho).abs() < 0.03, "{correlation}");
    assert_eq!(fit.verdict, Verdict::Corrected, "{:?}", fit.reasons);
    assert_near("z0", moments(&fit, |z| z[0]), 3.0, (5.0f64 / 3.0).sqrt());
}
