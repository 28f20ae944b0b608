//! Normal targets: exact posteriors, exact evidence, exact gaps.

use super::*;
use crate::stream::Purpose;
use crate::target::Target;
use crate::testing::Gaussian;
use crate::{FamilyChoice, Gradient, Method, Optimizer, Verdict};
use nalgebra::{DMatrix, DVector};
use numerics::psis::psis;

/// A dense covariance with scales from 0.01 to 100 and correlations up to 0.9 or so.
pub(super) fn covariance(dim: usize) -> DMatrix<f64> {
    let l = DMatrix::from_fn(dim, dim, |i, j| {
        let scale = 10f64.powf(4.0 * i as f64 / (dim.max(2) - 1) as f64 - 2.0);
        let wave = ((3 * i + 7 * j) as f64).sin();
        scale
            * if i == j {
                1.0
            } else if j < i {
                1.2 * wave / (dim as f64).sqrt()
            } else {
                0.0
            }
    });
    &l * l.transpose()
}

fn options(family: FamilyChoice) -> Options {
    Options { family: Some(family), ..Options::default() }
}

/// pymc#6271: y ~ N(x, 0.5), x ~ N(0, 1), y = 10. Exact: x ~ N(8, 0.2), evidence N(10; 0, 1.25).
#[test]
fn conjugate_normal_on_which_default_advi_says_three() {
    let half_log_tau = crate::families::HALF_LOG_TAU;
    let mut density = Function::new(1, |z, g| {
        g[0] = -z[0] + 4.0 * (10.0 - z[0]);
        -0.5 * z[0] * z[0] - 2.0 * (10.0 - z[0]).powi(2) - 2.0 * half_log_tau + 2f64.ln()
    });
    for (gradient, optimizer) in [
        (Gradient::StickingTheLanding, Some(Optimizer::Adam)),
        (Gradient::Reparameterized, Some(Optimizer::Adam)),
        (Gradient::Reparameterized, Some(Optimizer::FixedDraws)),
    ] {
        let options = Options { gradient, optimizer, ..Options::default() };
        let fit = fit(&mut density, &options, &mut Silent).unwrap();
        assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
        let (mean, sd) = moments(&fit, |z| z[0]);
        assert!((mean - 8.0).abs() < 0.03 && (sd / 0.2f64.sqrt() - 1.0).abs() < 0.05, "{mean} {sd}");
        let evidence = -half_log_tau - 0.5 * 1.25f64.ln() - 100.0 / 2.5;
        assert!((fit.elbo - evidence).abs() < 0.01, "{} {evidence}", fit.elbo);
    }
}

#[test]
fn full_rank_recovers_a_correlated_normal_exactly() {
    for dim in [2, 12, 40] {
        let mean: Vec<f64> = (0..dim).map(|i| (i as f64 - 3.0) * 10.0).collect();
        let mut density = Gaussian::new(&mean, covariance(dim));
        density.log_evidence = -12.5;
        let fit = fit_with_seed(&mut density, 1);
        assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
        assert!(fit.state.converged);
        assert!((fit.elbo + 12.5).abs() < 1e-4, "dim {dim}: elbo {}", fit.elbo);
        assert!(fit.ess > 9_900.0);
        for i in 0..dim {
            let (m, sd) = moments(&fit, |z| z[i]);
            let truth = density.covariance[(i, i)].sqrt();
            assert!((m - mean[i]).abs() < 0.08 * truth, "{i}: {m}");
            assert!((sd / truth - 1.0).abs() < 0.06, "{i}: {sd} {truth}");
        }
    }
}

/// Mean-field optimum: means exact, variances 1 / P_ii, gap (sum log P_ii - log det P) / 2.
#[test]
fn mean_field_has_its_known_gap_and_is_corrected() {
    let mut density = Gaussian::new(&[1.0, -2.0], DMatrix::from_row_slice(2, 2, &[1.0, 0.5, 0.5, 1.0]));
    let family = options(FamilyChoice::MeanField);
    let fit = fit(&mut density, &family, &mut Silent).unwrap();
    let gap = 0.5 * (2.0 * (4.0f64 / 3.0).ln() - (4.0f64 / 3.0).ln());
    assert!((fit.elbo + gap).abs() < 0.02, "{} {gap}", fit.elbo);
    // Tail index |rho| in theory.
    assert!((fit.k_hat - 0.5).abs() < 0.25, "{}", fit.k_hat);
    assert_eq!(fit.verdict, Verdict::Corrected, "{:?}", fit.reasons);
    assert_near("z0", moments(&fit, |z| z[0]), 1.0, 1.0);
    assert_near("z0 z1", moments(&fit, |z| z[0] - z[1]), 3.0, 1.0);
}

#[test]
fn low_rank_recovers_its_own_kind() {
    let dim = 20;
    let b = DMatrix::from_fn(dim, 2, |i, j| ((i * 5 + j * 3) as f64).cos());
    let d = DMatrix::from_diagonal(&DVector::from_fn(dim, |i, _| 0.1 + 0.02 * i as f64));
    let mut density = Gaussian::new(&vec![0.5; dim], &b * b.transpose() + d);
    let fit = fit(&mut density, &options(FamilyChoice::LowRank(2)), &mut Silent).unwrap();
    // the accuracy of the stop rule, in nats
    assert!(fit.elbo > -0.1, "elbo {} of 0", fit.elbo);
    assert!(fit.verdict != Verdict::Unreliable, "{:?}", fit.reasons);
}

#[test]
fn above_a_hundred_dimensions_auto_is_mean_field() {
    let dim = 120;
    let mut density = Function::new(dim, |z, g| {
        let mut value = 0.0;
        for i in 0..z.len() {
            let scale = 1.0 + i as f64;
            g[i] = -z[i] / (scale * scale);
            value += 0.5 * z[i] * g[i];
        }
        value
    });
    let fit = fit_with_seed(&mut density, 1);
    assert_eq!(fit.state.family, "mean_field");
    assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
    assert!((moments(&fit, |z| z[99]).1 / 100.0 - 1.0).abs() < 0.05);
}

/// q = N(0, s^2) against N(0, 1): k = 1 - s^2; PSIS at 10^4 draws estimates 0.217, 0.497, 0.710,
/// 0.827 (with sds of 0.09 or so over repeats) at s = 0.9, 0.7, 0.5, 0.3.
#[test]
fn k_hat_of_a_narrow_normal_is_that_of_theory() {
    let mut density = Gaussian::from_factor(&[0.0], &[1.0]);
    let family = crate::families::build(FamilyChoice::MeanField, 1);
    for (s, expected) in [(0.9f64, 0.217), (0.7, 0.497), (0.5, 0.710), (0.3, 0.827)] {
        let proposal = crate::proposal::Proposal {
            family: &*family,
            coordinates: crate::coordinates::Coordinates {
                centre: vec![0.0],
                scale: crate::coordinates::Scale::Diagonal(vec![1.0]),
            },
            lambda: vec![0.0, s.ln()],
        };
        let repeats = 20;
        let total: f64 = (0..repeats)
            .map(|seed| {
                let mut target = Target::new(&mut density);
                let draws = proposal.draw(&mut target, seed, Purpose::Check, 10_000, true, &mut Silent);
                psis(&draws.log_ratios()).k_hat
            })
            .sum();
        let mean = total / repeats as f64;
        assert!((mean - expected).abs() < 0.07, "s {s}: {mean}, expected {expected}");
    }
}

#[test]
fn laplace_is_exact_here_and_takes_no_steps() {
    let mut density = Gaussian::new(&[3.0, 4.0, 5.0], covariance(3));
    let options = Options { method: Method::Laplace, ..Options::default() };
    let fit = fit(&mut density, &options, &mut Silent).unwrap();
    assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
    assert_eq!(fit.state.step, 0);
    assert!(fit.elbo.abs() < 1e-3);
}

#[test]
fn steps_are_as_many_as_asked_for() {
    let mut density = Gaussian::new(&[3.0, 4.0, 5.0], covariance(3));
    for steps in [1, 63, 64, 500] {
        let options = Options { steps: Some(steps), ..Options::default() };
        let fit = fit(&mut density, &options, &mut Silent).unwrap();
        assert_eq!(fit.state.step, steps);
        assert_eq!(fit.state.trace.len(), steps as usize);
        assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
    }
}

/// The draws of the answer carry their own densities.
#[test]
fn log_joint_and_log_q_belong_to_the_draws() {
    let mut density = Gaussian::new(&[3.0, 4.0], covariance(2));
    let fit = fit_with_seed(&mut density, 4);
    assert_eq!(fit.draws.lanes(), 4000);
    let mut value = vec![0.0; 4000];
    density.eval(&fit.draws, &mut value, None, &mut Vec::new());
    for (lane, value) in value.iter().enumerate() {
        assert!((value - fit.log_joint[lane]).abs() < 1e-9);
        // q is the posterior here
        assert!((fit.log_q[lane] - fit.log_joint[lane]).abs() < 1e-3);
    }
}
