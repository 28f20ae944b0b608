//! Methods other than the climb of a family: linear response, Pathfinder, the mode.

use super::*;
use crate::testing::Gaussian;
use crate::{Covariance, FamilyChoice, FitError, Method, Optimizer, Verdict, resume};
use nalgebra::DMatrix;
use numerics::lanes::Lanes;
use std::sync::atomic::AtomicBool;

fn covariance_of(draws: &Lanes) -> DMatrix<f64> {
    let (dim, n) = (draws.n(), draws.lanes() as f64);
    let mean: Vec<f64> =
        (0..dim).map(|i| (0..draws.lanes()).map(|l| draws.get(i, l)).sum::<f64>() / n).collect();
    DMatrix::from_fn(dim, dim, |i, j| {
        (0..draws.lanes()).map(|l| (draws.get(i, l) - mean[i]) * (draws.get(j, l) - mean[j])).sum::<f64>() / n
    })
}

/// analytic.md: the linear response of a mean field is the covariance of a normal, exactly.
#[test]
fn linear_response_is_exact_for_a_normal() {
    let mut density = Gaussian::new(&[1.0, -2.0, 30.0, 4.0, 0.5], gaussian::covariance(5));
    for optimizer in [Optimizer::FixedDraws, Optimizer::NewtonCg] {
        let options = Options {
            method: Method::Vi,
            family: Some(FamilyChoice::MeanField),
            optimizer: Some(optimizer),
            covariance: Covariance::LinearResponse,
            ..Options::default()
        };
        let fit = fit(&mut density, &options, &mut Silent).unwrap();
        assert_eq!(fit.verdict, Verdict::Ok, "{:?}", fit.reasons);
        assert_eq!(fit.state.family, "mean_field");
        // q is the posterior: all weights are equal, and the ELBO is the evidence
        assert!(fit.elbo.abs() < 1e-6 && fit.elbo_mcse < 1e-6, "{} {}", fit.elbo, fit.elbo_mcse);
        let found = covariance_of(&fit.draws);
        for i in 0..5 {
            for j in 0..5 {
                let unit = (density.covariance[(i, i)] * density.covariance[(j, j)]).sqrt();
                let apart = (found[(i, j)] - density.covariance[(i, j)]) / unit;
                assert!(apart.abs() < 0.08, "{i} {j}: {apart}");
            }
        }
    }
}

#[test]
fn linear_response_mends_the_scale_of_a_mean_of_eight_schools() {
    let options = |covariance| Options {
        method: Method::Vi,
        family: Some(FamilyChoice::MeanField),
        optimizer: Some(Optimizer::NewtonCg),
        covariance,
        ..Options::default()
    };
    let run = |covariance| fit(&mut skewed::eight_schools(), &options(covariance), &mut Silent).unwrap();
    let (plain, responded) = (run(Covariance::Family), run(Covariance::LinearResponse));
    let truth = skewed::eight_schools_truth()[8];
    let error = |fit: &Fit| (moments(fit, |z| z[8]).1 - truth.1).abs();
    assert!(error(&responded) < error(&plain), "{} {}", error(&responded), error(&plain));
}

#[test]
fn linear_response_is_of_a_mean_field_on_fixed_draws() {
    let mut density = Gaussian::from_factor(&[0.0], &[1.0]);
    let options = Options { covariance: Covariance::LinearResponse, ..Options::default() };
    let error = fit(&mut density, &options, &mut Silent).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`covariance: linear_response` is refused; expected with it `family: mean_field` and \
         `optimizer: fixed_draws` or `newton_cg`"
    );
}

fn pathfinder(paths: usize) -> Options {
    Options { method: Method::Pathfinder, paths, ..Options::default() }
}

/// Curvature is learned where the descent goes, so the posterior is to have a scale of the order of one.
#[test]
fn pathfinder_is_near_a_normal_posterior() {
    for dim in [2, 5] {
        let wave = |i: usize, j: usize| 0.5 * ((3 * i + 7 * j) as f64).sin();
        let l = DMatrix::from_fn(dim, dim, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 1.0,
            std::cmp::Ordering::Greater => wave(i, j),
        });
        let mut density = Gaussian::new(&vec![3.0; dim], &l * l.transpose());
        let single = fit(&mut density, &pathfinder(1), &mut Silent).unwrap();
        assert!(single.elbo > -0.5 && single.elbo < 1e-3, "{dim}: {}", single.elbo);
        assert!(single.verdict != Verdict::Unreliable, "{:?}", single.reasons);
        let several = fit(&mut density, &pathfinder(4), &mut Silent).unwrap();
        assert!(several.elbo > -0.5, "{dim}: {}", several.elbo);
        assert_eq!(several.state.trace.len(), 4);
        for i in 0..dim {
            assert_near("several", moments(&several, |z| z[i]), 3.0, density.covariance[(i, i)].sqrt());
        }
    }
}

/// The mode is no summary of eight schools: the normals that are taken are those on the way to it, from the
/// tails.
#[test]
fn pathfinder_and_weights_are_enough_for_eight_schools() {
    let truth = skewed::eight_schools_truth();
    for seed in 1..=4 {
        let options = Options { seed, ..pathfinder(8) };
        let fit = fit(&mut skewed::eight_schools(), &options, &mut Silent).unwrap();
        assert_eq!(fit.verdict, Verdict::Corrected, "seed {seed}: {:?}", fit.reasons);
        assert!(fit.elbo < -31.311347, "an ELBO above the evidence");
        assert!(fit.state.trace[0].elbo > -33.5, "seed {seed}: {}", fit.state.trace[0].elbo);
        assert!(fit.tally.lanes < 45_000, "{}", fit.tally.lanes);
        assert_near("mu", moments(&fit, |z| z[8]), truth[8].0, truth[8].1);
        assert_near("tau", moments(&fit, |z| z[9].exp()), truth[9].0, truth[9].1);
    }
}

/// Two modes of equal mass, far apart: single-path Pathfinder has one, several paths have both.
#[test]
fn several_paths_find_several_modes() {
    let mut density = Function::new(1, |z, g| {
        let (a, b) = (-0.5 * (z[0] - 5.0).powi(2), -0.5 * (z[0] + 5.0).powi(2));
        let top = f64::max(a, b);
        let (wa, wb) = ((a - top).exp(), (b - top).exp());
        g[0] = (wa * (5.0 - z[0]) - wb * (z[0] + 5.0)) / (wa + wb);
        top + (wa + wb).ln()
    });
    let fit = fit(&mut density, &pathfinder(8), &mut Silent).unwrap();
    let (mean, sd) = moments(&fit, |z| z[0]);
    assert!(mean.abs() < 0.3 && (sd - 26f64.sqrt()).abs() < 0.1, "{mean} {sd}");
    assert!(fit.verdict != Verdict::Unreliable, "{:?}", fit.reasons);
}

#[test]
fn pathfinder_has_the_same_bits_again_and_when_resumed() {
    let bits = |fit: &Fit| -> Vec<u64> {
        (0..fit.draws.lanes()).flat_map(|l| fit.draws.lane(l)).map(f64::to_bits).collect()
    };
    let whole = fit(&mut skewed::eight_schools(), &pathfinder(3), &mut Silent).unwrap();
    let again =
        resume(&mut skewed::eight_schools(), &pathfinder(3), whole.state.clone(), &mut Silent).unwrap();
    assert_eq!(bits(&whole), bits(&again));
    assert_eq!(whole.tally, again.tally);
    let flag = AtomicBool::new(true);
    let error = fit(&mut skewed::eight_schools(), &pathfinder(3), &mut &flag).unwrap_err();
    assert_eq!(error, FitError::InterruptedAtStart);
}

/// Gamma(3, rate 2) by its logarithm, without the Jacobian: the mode is at (3 - 1) / 2.
#[test]
fn the_mode_is_a_point_that_is_not_checked() {
    let mut density = Function::new(1, |z, g| {
        g[0] = 2.0 - 2.0 * z[0].exp();
        2.0 * z[0] - 2.0 * z[0].exp()
    });
    let options = Options { method: Method::Map, ..Options::default() };
    let fit = fit(&mut density, &options, &mut Silent).unwrap();
    assert_eq!(fit.verdict, Verdict::Unchecked);
    assert!(fit.reasons[0].starts_with("a point"), "{:?}", fit.reasons);
    assert_eq!(fit.draws.lanes(), 1);
    assert!(fit.draws.get(0, 0).abs() < 1e-5);
    assert!((fit.log_joint[0] + 2.0).abs() < 1e-9);
    let parameter = &fit.parameters[0];
    assert!(parameter.mean.abs() < 1e-5 && parameter.sd.is_nan() && parameter.ess.is_nan());
}

#[test]
fn a_density_without_a_maximum_has_no_mode() {
    // six effects that agree, and their scale
    let mut density = Function::new(1, |z, g| {
        g[0] = -6.0;
        -6.0 * z[0]
    });
    let options = Options { method: Method::Map, ..Options::default() };
    let fit = fit(&mut density, &options, &mut Silent).unwrap();
    assert_eq!(fit.verdict, Verdict::Unreliable, "{:?}", fit.reasons);
    assert!(fit.reasons[0].contains("still rises"), "{:?}", fit.reasons);
}

#[test]
fn another_mode_is_told_of() {
    let mut density = Function::new(1, |z, g| {
        // modes near -2 and 2, the right one higher
        g[0] = -z[0].powi(3) + 4.0 * z[0] + 0.1;
        -0.25 * z[0].powi(4) + 2.0 * z[0].powi(2) + 0.1 * z[0]
    });
    let options = Options { method: Method::Map, ..Options::default() };
    let fit = fit(&mut density, &options, &mut Silent).unwrap();
    assert!((fit.draws.get(0, 0) - 2.0124).abs() < 1e-3, "{}", fit.draws.get(0, 0));
    assert_eq!(fit.verdict, Verdict::Unchecked);
    assert_eq!(fit.reasons[1], "there is another mode, whose log density is lower by 0.40");
}
