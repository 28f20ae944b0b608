//! What each optimizer must find, from a start that knows nothing.

use super::*;
use crate::coordinates::{Coordinates, Scale};
use crate::families;
use crate::normal::Normal;
use crate::start::StartReport;
use crate::state::State;
use crate::target::Target;
use crate::testing::Gaussian;
use crate::{FamilyChoice, Optimizer};
use nalgebra::{DMatrix, DVector};

/// Variances from 1 to 2.4, correlations up to 0.9 or so.
fn correlated(dim: usize) -> Gaussian {
    let below = |i: usize, j: usize| 1.2 * ((3 * i + 7 * j) as f64).sin() / (dim as f64).sqrt();
    let l = DMatrix::from_fn(dim, dim, |i, j| match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 1.0,
        std::cmp::Ordering::Greater => below(i, j),
    });
    Gaussian::new(&vec![2.0; dim], &l * l.transpose())
}

/// The end of a climb that begins at a standard normal; and how many gradients it took.
fn climbed(
    density: &mut dyn LogDensity,
    optimizer: Optimizer,
    family: FamilyChoice,
    steps: Option<u64>,
) -> State {
    let dim = density.dim();
    let options = Options { optimizer: Some(optimizer), family: Some(family), steps, ..Options::default() };
    let family = families::build(family, dim);
    let coordinates = Coordinates { centre: vec![0.0; dim], scale: Scale::Diagonal(vec![1.0; dim]) };
    let mut target = Target::new(density);
    let mut state =
        State::begin(&*family, &options, coordinates, StartReport::default(), target.tally.clone());
    crate::fit::climb(&mut target, &*family, &options, &mut state, &mut Silent);
    state.tally = target.tally;
    state
}

/// Largest differences of means and covariances from those of a normal.
fn apart(found: &Normal, mean: &DVector<f64>, covariance: &DMatrix<f64>) -> (f64, f64) {
    ((&found.mean - mean).amax(), (found.covariance() - covariance).amax())
}

#[test]
fn full_rank_recovers_a_normal() {
    let all = [
        (Optimizer::BatchAndMatch, Some(100)),
        (Optimizer::NaturalGradient, Some(600)),
        (Optimizer::FixedDraws, None),
        (Optimizer::NewtonCg, None),
    ];
    for dim in [2, 10, 40] {
        for (optimizer, steps) in all {
            let mut density = correlated(dim);
            let state = climbed(&mut density, optimizer, FamilyChoice::FullRank, steps);
            assert!(state.converged);
            let found = Normal::of_full_rank(&state.lambda, dim);
            let (mean, covariance) = apart(&found, &density.mean, &density.covariance);
            assert!(mean < 1e-6 && covariance < 1e-6, "{optimizer:?} {dim}: {mean:e}, {covariance:e}");
        }
    }
}

/// analytic.md: means exact, variances 1 / P_ii.
#[test]
fn mean_field_finds_the_means_and_one_over_the_precisions() {
    for (optimizer, tolerance) in
        [(Optimizer::NaturalGradient, 0.05), (Optimizer::FixedDraws, 1e-6), (Optimizer::NewtonCg, 1e-6)]
    {
        let mut density = correlated(8);
        let state = climbed(&mut density, optimizer, FamilyChoice::MeanField, None);
        assert!(state.converged);
        for i in 0..8 {
            let sd = 1.0 / density.precision[(i, i)].sqrt();
            let (mean, scale) = (state.lambda[i], state.lambda[8 + i].exp());
            assert!((mean - 2.0).abs() < tolerance * sd, "{optimizer:?}: mean {mean}");
            assert!((scale / sd - 1.0).abs() < tolerance, "{optimizer:?}: sd {scale}, {sd}");
        }
    }
}

/// analytic.md: mean and correlation of an elliptical target are exact, though its tails are not those of q.
#[test]
fn student_t_has_its_mean_and_correlation() {
    let rho: f64 = 0.6;
    let mut density = Function::new(2, |z, g| {
        let (a, b) = (z[0] - 1.0, z[1] + 1.0);
        let q = (a * a - 2.0 * rho * a * b + b * b) / (1.0 - rho * rho);
        let factor = -7.0 / (5.0 + q) / (1.0 - rho * rho);
        (g[0], g[1]) = (factor * (a - rho * b), factor * (b - rho * a));
        -3.5 * (q / 5.0).ln_1p()
    });
    let all = [
        (Optimizer::BatchAndMatch, Some(2000), 0.01),
        (Optimizer::NaturalGradient, Some(2000), 0.01),
        // some hundred draws, not of an even number of signs
        (Optimizer::FixedDraws, None, 0.05),
        (Optimizer::NewtonCg, None, 0.05),
    ];
    for (optimizer, steps, tolerance) in all {
        let state = climbed(&mut density, optimizer, FamilyChoice::FullRank, steps);
        let q = Normal::of_full_rank(&state.lambda, 2);
        let c = q.covariance();
        let correlation = c[(0, 1)] / (c[(0, 0)] * c[(1, 1)]).sqrt();
        let (a, b) = (q.mean[0] - 1.0, q.mean[1] + 1.0);
        assert!(a.abs() < tolerance && b.abs() < tolerance, "{optimizer:?}: {a}, {b}");
        assert!((correlation - rho).abs() < tolerance, "{optimizer:?}: {correlation}");
        // The scale is another matter: that of the posterior is 5/3.
        assert!(c[(0, 0)] < 1.5, "{optimizer:?}: {}", c[(0, 0)]);
    }
}

/// Few gradients for eight schools: the work is pinned, the ELBO is that of a climb ten times as long.
#[test]
fn natural_gradients_and_matched_scores_are_quick() {
    for (optimizer, elbo) in [(Optimizer::NaturalGradient, -31.57), (Optimizer::BatchAndMatch, -31.59)] {
        for seed in 1..=4 {
            let options = Options { optimizer: Some(optimizer), seed, ..Options::default() };
            let fit = fit(&mut skewed::eight_schools(), &options, &mut Silent).unwrap();
            assert!(fit.state.converged);
            assert!(fit.state.step <= 128, "{optimizer:?}: {} steps", fit.state.step);
            assert!(fit.elbo > elbo && fit.elbo < -31.311347, "{optimizer:?}: {}", fit.elbo);
        }
    }
}

/// A region without a density costs a step its draws there, not the climb.
#[test]
fn draws_that_fail_are_left_out() {
    for optimizer in [Optimizer::BatchAndMatch, Optimizer::NaturalGradient] {
        let mut density = Function::new(2, |z, g| {
            (g[0], g[1]) = (-z[0], -4.0 * z[1]);
            if z[0] > 1.5 { f64::NAN } else { -0.5 * z[0] * z[0] - 2.0 * z[1] * z[1] }
        });
        let state = climbed(&mut density, optimizer, FamilyChoice::FullRank, Some(200));
        assert!(state.tally.failed > 0);
        let q = Normal::of_full_rank(&state.lambda, 2);
        assert!(q.mean.amax() < 0.01, "{optimizer:?}: {}", q.mean);
        assert!(
            (q.factor[(0, 0)] - 1.0).abs() < 0.02 && (q.factor[(1, 1)] - 0.5).abs() < 0.01,
            "{optimizer:?}"
        );
        // nothing but failures: no step, and no end without one
        let mut nowhere = Function::new(2, |_, _| f64::NAN);
        let state = climbed(&mut nowhere, optimizer, FamilyChoice::FullRank, None);
        assert!(state.finished && !state.converged);
        assert_eq!(state.lambda, vec![0.0; 5]);
    }
}

/// Fewer fixed draws than dimensions let a full covariance collapse on them.
#[test]
fn too_few_fixed_draws_are_refused() {
    let options = Options { optimizer: Some(Optimizer::FixedDraws), draws: Some(8), ..Options::default() };
    let error = fit(&mut correlated(12), &options, &mut Silent).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`draws: 8` is refused; expected at least 24, twice the 12 random numbers that a draw of `full_rank` \
         takes: it fits fewer fixed draws, and not the posterior"
    );
    // twice three numbers, and of `low_rank(2)` five
    let least = |family, dim| {
        let options = Options { family: Some(family), draws: Some(1), ..options.clone() };
        let said = fit(&mut correlated(dim), &options, &mut Silent).unwrap_err().to_string();
        said.split(',').next().unwrap().to_string()
    };
    assert_eq!(least(FamilyChoice::FullRank, 3), "`draws: 1` is refused; expected at least 6");
    assert_eq!(least(FamilyChoice::LowRank(2), 3), "`draws: 1` is refused; expected at least 10");
    let few = Options { family: Some(FamilyChoice::MeanField), ..options };
    assert!(fit(&mut correlated(12), &few, &mut Silent).is_ok());
}

/// A normal of low rank is recovered; in many coordinates soon nearly, by a batch that is small against them.
#[test]
fn batch_and_match_recovers_low_rank_normals() {
    let low_rank = |dim: usize| {
        let b = DMatrix::from_fn(dim, 2, |i, j| ((i * 5 + j * 3) as f64).cos());
        let d = DMatrix::from_diagonal(&DVector::from_fn(dim, |i, _| 0.3 + 0.5 * (i % 3) as f64));
        Gaussian::new(&vec![0.5; dim], &b * b.transpose() + d)
    };
    let matched = |density: &mut Gaussian, steps| {
        climbed(density, Optimizer::BatchAndMatch, FamilyChoice::LowRank(2), Some(steps))
    };
    let mut density = low_rank(12);
    let lambda = matched(&mut density, 600).lambda;
    let mean = DVector::from_column_slice(&lambda[..12]);
    let d2 = DMatrix::from_diagonal(&DVector::from_fn(12, |i, _| (2.0 * lambda[12 + i]).exp()));
    let b = DMatrix::from_row_slice(12, 2, &lambda[24..]);
    let apart = (d2 + &b * b.transpose() - &density.covariance).amax();
    assert!((mean - &density.mean).amax() < 1e-6 && apart < 1e-6, "{apart:e}");
    // the evidence is 1
    let trace = matched(&mut low_rank(150), 200).trace;
    let row = &trace[199];
    assert!(row.elbo.abs() < 0.05 + 3.0 * row.elbo_mcse, "{}", row.elbo);
}
