//! Chains against exact moments, and what they say where they fail.

use super::skewed::{eight_schools, eight_schools_truth};
use super::*;
use crate::observe::{Observer, Progress, Stage};
use crate::testing::Gaussian;
use crate::{FitError, Method, Verdict, resume};

fn options(posterior_draws: usize) -> Options {
    Options { method: Method::Nuts, posterior_draws, ..Options::default() }
}

fn sample(density: &mut dyn LogDensity, posterior_draws: usize) -> Fit {
    fit(density, &options(posterior_draws), &mut Silent).expect("chains")
}

/// What the draws are worth for squares: chains that are worth more than their draws for a mean, since they
/// alternate, are not for those.
fn ess_of_squares(fit: &Fit) -> f64 {
    let mixing = fit.chains.iter().flat_map(|c| &c.mixing).flatten();
    mixing.map(|m| m.ess_tail).fold(f64::INFINITY, f64::min)
}

/// Mean within four Monte-Carlo errors, and the sd, whose relative error is `sqrt((kurtosis - 1) / ess) / 2`.
fn holds(fit: &Fit, what: usize, mean: f64, sd: f64, kurtosis: f64) {
    let p = &fit.parameters[what];
    assert!((p.mean - mean).abs() < 4.0 * p.mcse, "{}: {} against {mean} ({})", p.name, p.mean, p.mcse);
    let error = 0.5 * ((kurtosis - 1.0) / ess_of_squares(fit)).sqrt();
    assert!((p.sd / sd - 1.0).abs() < 4.0 * error, "{}: sd {} against {sd} ({error})", p.name, p.sd);
    assert!(p.mcse < 0.05 * sd && p.k_hat.is_nan() && p.shift.is_nan());
}

#[test]
fn a_correlated_normal_has_its_moments() {
    for dim in [1, 2, 12] {
        let mean: Vec<f64> = (0..dim).map(|i| (i as f64 - 3.0) * 10.0).collect();
        let mut density = Gaussian::new(&mean, super::gaussian::covariance(dim));
        let covariance = density.covariance.clone();
        let fit = sample(&mut density, 4000);
        assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
        assert!(fit.reasons.is_empty() && fit.draws.lanes() == 4000);
        let chains = fit.chains.as_ref().expect("chains");
        assert_eq!((chains.draws.as_slice(), chains.divergences), ([1000; 4].as_slice(), 0));
        for i in 0..dim {
            holds(&fit, i, mean[i], covariance[(i, i)].sqrt(), 3.0);
        }
        let product = moments(&fit, |z| (z[0] - mean[0]) * (z[dim - 1] - mean[dim - 1])).0;
        let expected = covariance[(0, dim - 1)];
        let sd = (covariance[(0, 0)] * covariance[(dim - 1, dim - 1)] + expected * expected).sqrt();
        assert!((product - expected).abs() < 4.0 * sd / ess_of_squares(&fit).sqrt(), "{product} {expected}");
        let at = |lane: usize| -> f64 {
            let x = nalgebra::DVector::from_vec(fit.draws.lane(lane)) - &density.mean;
            -0.5 * x.dot(&(&density.precision * &x))
        };
        let differs = fit.log_joint[17] - fit.log_joint[0] - (at(17) - at(0));
        assert!(differs.abs() < 1e-8, "{differs}");
    }
}

/// log x with x ~ Gamma(2, 1), as in the tests of the approximation. Its cumulants are polygammas of 2: the
/// fourth is pi^4 / 15 - 6.
#[test]
fn a_skewed_target_has_its_moments() {
    let mut density = Function::new(3, |z, g| {
        z.iter()
            .zip(g)
            .map(|(z, g)| {
                *g = 2.0 - z.exp();
                2.0 * z - z.exp()
            })
            .sum()
    });
    let fit = sample(&mut density, 20_000);
    assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
    let variance: f64 = 0.644934066848226;
    let kurtosis = 3.0 + (std::f64::consts::PI.powi(4) / 15.0 - 6.0) / variance.powi(2);
    (0..3).for_each(|i| holds(&fit, i, 0.422784335098467, variance.sqrt(), kurtosis));
}

#[test]
fn eight_schools_agree_with_quadrature() {
    let fit = sample(&mut eight_schools(), 20_000);
    assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
    let truth = eight_schools_truth();
    for (j, (mean, sd)) in truth.iter().enumerate() {
        let (found, found_sd) = moments(&fit, |u| match j {
            8 => u[8],
            9 => u[9].exp(),
            _ => u[8] + u[9].exp() * u[j],
        });
        let error = sd / fit.ess.sqrt();
        assert!((found - mean).abs() < 4.0 * error, "{j}: {found} against {mean} ({error})");
        assert!((found_sd / sd - 1.0).abs() < 0.1, "{j}: sd {found_sd} against {sd}");
    }
}

fn bits(fit: &Fit) -> Vec<u64> {
    (0..fit.draws.lanes()).flat_map(|lane| fit.draws.lane(lane)).map(f64::to_bits).collect()
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_others() {
    let [a, b] = [1, 1].map(|_| sample(&mut eight_schools(), 401));
    assert_eq!(bits(&a), bits(&b));
    assert_eq!(a.chains.map(|c| c.draws), Some(vec![101, 100, 100, 100]));
    let other = Options { seed: 2, ..options(401) };
    let c = fit(&mut eight_schools(), &other, &mut Silent).expect("chains");
    assert_ne!(bits(&b), bits(&c));
    // Fewer draws than chains: as many chains as draws, and nothing that could be judged.
    let two = sample(&mut eight_schools(), 2);
    assert_eq!((two.draws.lanes(), two.verdict), (2, Verdict::Unreliable));
}

/// Part of the posterior is where the density cannot be evaluated.
#[test]
fn divergences_are_counted_and_explained() {
    let mut density = Function::new(2, |z, g| {
        g.iter_mut().zip(z).for_each(|(g, z)| *g = -z);
        if z[0] < 0.5 { -0.5 * (z[0] * z[0] + z[1] * z[1]) } else { f64::NAN }
    });
    let fit = sample(&mut density, 2000);
    assert_eq!(fit.verdict, Verdict::Unreliable);
    let chains = fit.chains.as_ref().expect("chains");
    assert!(chains.divergences > 20, "{chains:?}");
    assert!(fit.reasons[0].contains("of 2000 draws diverged"), "{:?}", fit.reasons);
    assert!(fit.reasons[0].ends_with("no value here"), "{:?}", fit.reasons);
}

/// The edge of a support is no divergence: a half normal beyond 0.5, whose mean is the inverse Mills ratio there.
#[test]
fn a_hard_edge_is_drawn_up_to() {
    let mut density = Function::new(2, |z, g| {
        g.iter_mut().zip(z).for_each(|(g, z)| *g = -z);
        if z[0] > 0.5 { -0.5 * (z[0] * z[0] + z[1] * z[1]) } else { f64::NEG_INFINITY }
    });
    let mills = 1.141_077_770_368_065_f64; // phi(0.5) / (1 - Phi(0.5))
    let sd = (1.0 + 0.5 * mills - mills * mills).sqrt();
    for options in [options(12000), Options::default()] {
        let fit = fit(&mut density, &options, &mut Silent).expect("draws");
        assert!(matches!(fit.verdict, Verdict::Ok | Verdict::Corrected), "{:?}", fit.reasons);
        let own = &fit.parameters[0];
        assert!((own.mean - mills).abs() < 4.0 * own.mcse, "{} not {mills}: {}", own.mean, own.mcse);
        assert!((own.sd / sd - 1.0).abs() < 0.05, "{} not {sd}", own.sd);
        assert!((0..fit.draws.lanes()).all(|lane| fit.draws.get(0, lane) > 0.5));
    }
}

/// Two modes that no trajectory joins: the chains begin at both, and say so.
#[test]
fn chains_in_two_modes_disagree() {
    let mut density = Function::new(2, |z, g| {
        let [a, b] = [-8.0, 8.0].map(|m: f64| -0.5 * ((z[0] - m).powi(2) + (z[1] - m).powi(2)));
        let top = a.max(b);
        let total = (a - top).exp() + (b - top).exp();
        let share = (a - top).exp() / total;
        g.iter_mut().zip(z).for_each(|(g, z)| *g = share * (-8.0 - z) + (1.0 - share) * (8.0 - z));
        top + total.ln()
    });
    let fit = sample(&mut density, 2000);
    assert_eq!(fit.verdict, Verdict::Unreliable);
    assert!(fit.reasons[0].starts_with("z") && fit.reasons[0].contains("R-hat"), "{:?}", fit.reasons);
}

/// Stops when a part of all draws is done.
struct Stop {
    at: f64,
    now: bool,
}

impl Observer for Stop {
    fn progress(&mut self, progress: &Progress) {
        self.now |= progress.stage == Stage::Sample && progress.fraction >= self.at;
    }

    fn cancelled(&self) -> bool {
        self.now
    }
}

#[test]
fn an_interrupt_keeps_the_draws_so_far_and_resuming_begins_the_chains_again() {
    let early = fit(&mut eight_schools(), &options(4000), &mut Stop { at: 0.2, now: false });
    assert_eq!(early.unwrap_err(), FitError::InterruptedAtStart);
    let cut = fit(&mut eight_schools(), &options(4000), &mut Stop { at: 0.8, now: false }).expect("draws");
    assert!(cut.interrupted && cut.verdict == Verdict::Unreliable, "{:?}", cut.reasons);
    assert!(cut.reasons[0].starts_with("interrupted"), "{:?}", cut.reasons);
    assert!((1000..4000).contains(&cut.draws.lanes()), "{}", cut.draws.lanes());
    let whole = fit(&mut eight_schools(), &options(4000), &mut Silent).expect("chains");
    let again = resume(&mut eight_schools(), &options(4000), cut.state, &mut Silent).expect("chains");
    assert_eq!(bits(&whole), bits(&again));
}

#[test]
fn a_density_that_is_nowhere_is_told() {
    let mut density = Function::new(1, |_, _| f64::NAN);
    let none = fit(&mut density, &options(100), &mut Silent);
    assert!(matches!(none, Err(FitError::NoFiniteStart { .. })), "{none:?}");
}
