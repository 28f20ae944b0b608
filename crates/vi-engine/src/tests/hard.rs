//! What must not pass for good, and what must not bring a fit down.

use super::*;
use crate::error::FitError;
use crate::stream::{Noise, Purpose};
use crate::{FamilyChoice, LaneFailure, LogDensity, Method, Verdict};
use numerics::lanes::Lanes;

/// E y = 0, sd y = 3; no normal fits, and weights of any normal miss the neck or the mouth.
#[test]
fn the_funnel_is_unreliable() {
    for seed in 1..=5 {
        let fit = fit_with_seed(&mut funnel(10), seed);
        assert_eq!(fit.verdict, Verdict::Unreliable, "seed {seed}");
        assert!(!fit.reasons.is_empty());
    }
    let options = Options { family: Some(FamilyChoice::MeanField), ..Options::default() };
    let fit = fit(&mut funnel(10), &options, &mut Silent).unwrap();
    assert_eq!(fit.verdict, Verdict::Unreliable);
}

/// Two equal modes 16 sd apart, which no chain connects.
fn two_modes() -> Box<dyn LogDensity> {
    Box::new(Function::new(3, |z, g| {
        let (a, b) = (-0.5 * (z[0] - 8.0).powi(2), -0.5 * (z[0] + 8.0).powi(2));
        let top = a.max(b);
        let log_sum = top + ((a - top).exp() + (b - top).exp()).ln();
        let share = (a - log_sum).exp();
        g[0] = -share * (z[0] - 8.0) - (1.0 - share) * (z[0] + 8.0);
        (g[1], g[2]) = (-z[1], -z[2]);
        log_sum - 0.5 * (z[1] * z[1] + z[2] * z[2])
    }))
}

#[test]
fn two_modes_are_both_drawn_from() {
    for seed in 1..=5 {
        let fit = fit_with_seed(&mut *two_modes(), seed);
        assert_eq!(fit.verdict, Verdict::Corrected, "{:?}", fit.reasons);
        assert!(fit.reasons[0].starts_with("2 modes hold"), "{:?}", fit.reasons);
        let share = moments(&fit, |z| f64::from(z[0] > 0.0)).0;
        assert!((share - 0.5).abs() < 0.02, "{share}");
        assert_near("z1", moments(&fit, |z| z[1]), 0.0, 1.0);
    }
}

/// By the family alone half the mass is missing, and no draw knows it.
#[test]
fn a_second_mode_out_of_reach_is_named() {
    let options = Options { method: Method::Vi, ..Options::default() };
    let fit = fit(&mut *two_modes(), &options, &mut Silent).unwrap();
    assert_eq!(fit.verdict, Verdict::Unreliable);
    assert!(fit.reasons.iter().any(|r| r.starts_with("another mode, with about 50 %")));
}

/// `y = 0.8 = a b` to 0.05, a ~ normal(0.3, 1), b ~ normal(0, 2): the mirror image of each mode is another, no twin.
#[test]
fn both_signs_of_a_product_are_drawn_from() {
    let mut product = Function::named(&["a", "b"], |z, g| {
        let (a, b, r) = (z[0] - 0.3, z[1] / 2.0, (0.8 - z[0] * z[1]) / 0.05);
        (g[0], g[1]) = (r * z[1] / 0.05 - a, r * z[0] / 0.05 - b / 2.0);
        -0.5 * (a * a + b * b + r * r)
    });
    // By quadrature over a, where b is integrated out in closed form.
    let mass = |a: f64| {
        let variance = 4.0 * a * a + 0.05f64.powi(2);
        (-0.5 * ((a - 0.3).powi(2) + 0.64 / variance)).exp() / variance.sqrt()
    };
    let side = |sign: f64| (1..=8000).map(|k| mass(sign * (k as f64 - 0.5) * 1e-3)).sum::<f64>();
    let positive = side(1.0) / (side(1.0) + side(-1.0));
    for seed in 1..=6 {
        let fit = fit_with_seed(&mut product, seed);
        if fit.verdict == Verdict::Unreliable {
            continue;
        }
        let share = moments(&fit, |z| f64::from(z[0] > 0.0)).0;
        assert!((share - positive).abs() < 0.05, "seed {seed}: {share}, not {positive}: {:?}", fit.reasons);
    }
}

/// 20 cos(x) with x ~ normal(0, 6): seven modes, of which some are far out.
#[test]
fn modes_at_equal_distances_are_found() {
    let density = |x: f64| 20.0 * x.cos() - x * x / 72.0;
    let mass = |k: i32| {
        (-999..=1000).map(|i| density(std::f64::consts::TAU * f64::from(k) + f64::from(i) * 3e-3).exp()).sum()
    };
    let masses: Vec<f64> = (-4..=4).map(mass).collect();
    let all: f64 = masses.iter().sum();
    for seed in 1..=8 {
        let mut cosine = Function::new(1, |z, g| {
            g[0] = -20.0 * z[0].sin() - z[0] / 36.0;
            density(z[0])
        });
        let fit = fit_with_seed(&mut cosine, seed);
        assert_ne!(fit.verdict, Verdict::Unreliable, "{:?}", fit.reasons);
        for (k, mass) in (-4..=4).zip(&masses) {
            let is_there = |z: &[f64]| f64::from((z[0] / std::f64::consts::TAU).round() == f64::from(k));
            let share = moments(&fit, is_there).0;
            assert!((share - mass / all).abs() < 0.02, "seed {seed}, mode {k}: {share}, not {}", mass / all);
        }
    }
}

/// A narrow mode with a quarter of the mass, out of reach of every descent but from within.
struct Narrow<D>(D, Lanes);

impl<D: LogDensity> LogDensity for Narrow<D> {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn names(&self) -> &[String] {
        self.0.names()
    }

    fn eval(
        &mut self,
        z: &Lanes,
        value: &mut [f64],
        grad: Option<&mut Lanes>,
        failures: &mut Vec<LaneFailure>,
    ) {
        self.0.eval(z, value, grad, failures);
    }

    fn guesses(&self) -> Option<&Lanes> {
        Some(&self.1)
    }
}

#[test]
fn a_narrow_mode_that_the_prior_knows_is_found() {
    for seed in 1..=4 {
        let wide = |z: &[f64]| -0.5 * z.iter().map(|x| x * x).sum::<f64>();
        let narrow =
            |z: &[f64]| -12.5 * z.iter().map(|x| (x - 10.0).powi(2)).sum::<f64>() + 3.0 * 5.0f64.ln();
        let density = Function::new(3, move |z, g| {
            let (a, b) = (0.75f64.ln() + wide(z), 0.25f64.ln() + narrow(z));
            let top = a.max(b);
            let log_sum = top + ((a - top).exp() + (b - top).exp()).ln();
            let share = (a - log_sum).exp();
            (0..3).for_each(|i| g[i] = -share * z[i] - (1.0 - share) * 25.0 * (z[i] - 10.0));
            log_sum
        });
        let mut guesses = Lanes::zeros(3, 32);
        Noise::new(seed, Purpose::Start, ["a", "b", "c"]).fill(7, 0, &mut guesses);
        for lane in (0..32).filter(|lane| lane % 4 == 1) {
            (0..3).for_each(|i| guesses.set(i, lane, 10.0 + 0.2 * guesses.get(i, lane)));
        }
        let fit = fit_with_seed(&mut Narrow(density, guesses), seed);
        assert_eq!(fit.verdict, Verdict::Corrected, "{:?}", fit.reasons);
        let share = moments(&fit, |z| f64::from(z[0] > 5.0)).0;
        assert!((share - 0.25).abs() < 0.02, "seed {seed}: {share}");
    }
}

/// 0.3 normal(0, 1) + 0.7 normal(2.5, 0.03): of the draws of a normal at zero some twenty are in the spike.
#[test]
fn a_spike_that_draws_of_the_check_hit_is_not_passed_over() {
    for seed in 1..=2 {
        let mut density = Function::new(1, |z, g| {
            let r = (z[0] - 2.5) / 0.03;
            let (a, b) = (0.3f64.ln() - 0.5 * z[0] * z[0], (0.7f64 / 0.03).ln() - 0.5 * r * r);
            let top = a.max(b);
            let log_sum = top + ((a - top).exp() + (b - top).exp()).ln();
            let share = (a - log_sum).exp();
            g[0] = -share * z[0] - (1.0 - share) * r / 0.03;
            log_sum
        });
        let fit = fit_with_seed(&mut density, seed);
        let share = moments(&fit, |z| f64::from((z[0] - 2.5).abs() < 0.2)).0;
        let is_right = (share - 0.7).abs() < 0.06;
        assert!(is_right || fit.verdict == Verdict::Unreliable, "seed {seed}: {share} {:?}", fit.reasons);
    }
}

#[test]
fn many_failed_draws_are_a_verdict_and_few_are_not() {
    for (wall, expected) in [(1.0, Verdict::Unreliable), (3.2, Verdict::Ok)] {
        let mut density = Function::new(2, move |z, g| {
            if z[0] > wall {
                return f64::NAN;
            }
            (g[0], g[1]) = (-z[0], -z[1]);
            -0.5 * (z[0] * z[0] + z[1] * z[1])
        });
        let fit = fit_with_seed(&mut density, 1);
        assert_eq!(fit.verdict, expected, "wall at {wall}: {:?}", fit.reasons);
        assert!(fit.tally.failed > 0);
        assert_eq!(fit.tally.commonest().unwrap(), "no value here");
        let told = fit.reasons.iter().any(|r| r.ends_with("no value here"));
        assert_eq!(told, expected == Verdict::Unreliable);
        // no draw of the answer is a failed one
        assert!((0..4000).all(|l| fit.draws.get(0, l) <= wall && fit.log_joint[l].is_finite()));
    }
}

#[test]
fn a_model_that_is_finite_nowhere_is_an_error_with_its_reason() {
    let mut density = Function::new(2, |_, _| f64::NAN);
    let error = fit(&mut density, &Options::default(), &mut Silent).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the log density is finite at none of 160 starting points; most often: no value here"
    );
    let mut empty = Function::new(0, |_, _| 0.0);
    let error = fit(&mut empty, &Options::default(), &mut Silent).unwrap_err();
    assert_eq!(error, FitError::NoCoordinates);
}

/// Points that were tried are counted, not only those that were feasible.
#[test]
fn a_density_that_vanishes_after_the_first_look_is_refused() {
    let mut looks = 0;
    let mut density = Function::new(2, move |z, g| {
        looks += 1;
        (g[0], g[1]) = (-z[0], -z[1]);
        if looks > 96 || z[0] < 0.0 { f64::NAN } else { -0.5 * (z[0] * z[0] + z[1] * z[1]) }
    });
    let refused = fit(&mut density, &Options::default(), &mut Silent).unwrap_err();
    assert!(matches!(refused, FitError::NoFiniteStart { tried: 96, .. }), "{refused}");
}

/// Feasible only where the first coordinate is above 0.5: the origin is not.
#[test]
fn an_infeasible_origin_is_stepped_over() {
    let mut density = Function::new(2, |z, g| {
        if z[0] < 0.5 {
            return f64::NAN;
        }
        (g[0], g[1]) = (-(z[0] - 4.0) * 9.0, -z[1]);
        -4.5 * (z[0] - 4.0).powi(2) - 0.5 * z[1] * z[1]
    });
    let fit = fit_with_seed(&mut density, 1);
    assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
    assert!((moments(&fit, |z| z[0]).0 - 4.0).abs() < 0.02);
}

/// No proper posterior: the fit must end, and must not say ok.
#[test]
fn improper_and_unbounded_densities_end_unreliable() {
    let mut flat = Function::new(2, |z, g| {
        g[0] = -z[0];
        -0.5 * z[0] * z[0]
    });
    let fit = fit_with_seed(&mut flat, 1);
    assert_eq!(fit.verdict, Verdict::Unreliable, "{:?}", fit.reasons);
    // the density of a variance's logarithm in a centred hierarchy: unbounded towards minus infinity
    let mut spike = Function::new(3, |z, g| {
        let precision = (-2.0 * z[0]).exp();
        g[0] = -2.0 + precision * (z[1] * z[1] + z[2] * z[2]);
        (g[1], g[2]) = (-z[1] * precision - z[1] / 100.0, -z[2] * precision - z[2] / 100.0);
        -2.0 * z[0] - 0.5 * (precision + 0.01) * (z[1] * z[1] + z[2] * z[2])
    });
    let fit = fit_with_seed(&mut spike, 1);
    assert_eq!(fit.verdict, Verdict::Unreliable, "{:?}", fit.reasons);
}
