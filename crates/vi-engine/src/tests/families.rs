//! Whole fits by each family, of targets that it holds and of targets that only it follows.

use super::*;
use crate::families::{self, Family};
use crate::pattern::{Arrow, Pattern};
use crate::testing::{Gaussian, Plated};
use crate::{DrawNoise, FamilyChoice, Gradient, Method, Optimizer, Verdict};
use nalgebra::{DMatrix, DVector};
use numerics::lanes::Lanes;

fn options(family: FamilyChoice) -> Options {
    Options { method: Method::Vi, family: Some(family), ..Options::default() }
}

/// Mean and covariance of a fitted normal, in the model's own coordinates.
fn fitted(fit: &Fit, family: &dyn Family) -> (DVector<f64>, DMatrix<f64>) {
    let (d, b) = (family.dim(), family.n_base());
    let mut eps = Lanes::zeros(b, b + 1);
    (0..b).for_each(|j| eps.set(j, j, 1.0));
    let (mut u, mut z) = (Lanes::zeros(d, b + 1), Lanes::zeros(d, b + 1));
    family.rsample(&fit.state.lambda, &eps, &mut u);
    fit.state.coordinates.forward(&u, &mut z);
    let mean = DVector::from_fn(d, |i, _| z.get(i, b));
    let factor = DMatrix::from_fn(d, b, |i, j| z.get(i, j) - mean[i]);
    (mean, &factor * factor.transpose())
}

/// `groups` groups of two coordinates each, under two globals; the blocks, and a covariance of that shape
/// with scales from 0.05 to 20.
fn hierarchy(groups: usize) -> (Vec<Option<usize>>, DMatrix<f64>) {
    let blocks: Vec<Option<usize>> = (0..2 + 2 * groups).map(|i| (i > 1).then(|| (i - 2) / 2)).collect();
    let dim = blocks.len();
    let pattern = Pattern::Arrow(std::sync::Arc::new(Arrow::new(blocks.clone())));
    let mut factor = DMatrix::zeros(dim, dim);
    for i in 0..dim {
        let row = pattern.row(i);
        let scale = 20f64.powf((i as f64).sin());
        row.each(i, |j, k| factor[(i, j)] = 0.6 * scale * (k as f64 * 1.3).sin());
        factor[(i, i)] = scale;
    }
    (blocks, &factor * factor.transpose())
}

/// Every family that holds a normal target ends at it, to 1e-6 of a standard deviation in the means and of the
/// product of two in the covariances.
#[test]
fn normals_are_recovered_by_every_family_that_holds_them() {
    let dim = 6;
    let (blocks, arrow) = hierarchy(2);
    let dense = super::gaussian::covariance(dim);
    let diagonal = DMatrix::from_diagonal(&dense.diagonal());
    let loading = DMatrix::from_fn(dim, 1, |i, _| (1.0 + i as f64).sin());
    let one_factor = &loading * loading.transpose() + DMatrix::identity(dim, dim) * 0.3;
    let cases = [
        (FamilyChoice::MeanField, &diagonal),
        (FamilyChoice::FullRank, &dense),
        (FamilyChoice::LowRank(1), &one_factor),
        (FamilyChoice::Structured, &arrow),
        (FamilyChoice::Mixture(1), &dense),
        (FamilyChoice::Flow(2), &one_factor),
    ];
    for (choice, covariance) in cases {
        let mean: Vec<f64> = (0..dim).map(|i| 3.0 * i as f64 - 4.0).collect();
        let gaussian = Gaussian::new(&mean, covariance.clone());
        let mut density = Plated { density: gaussian, plates: vec![blocks.clone()] };
        let options = Options { steps: Some(6000), ..options(choice) };
        let fit = fit(&mut density, &options, &mut Silent).unwrap();
        let family = families::of(choice, &mut density, dim);
        assert!(fit.elbo.abs() < 1e-6, "{choice:?}: elbo {}", fit.elbo);
        assert!(fit.elbo_mcse < 1e-6, "{choice:?}: {}", fit.elbo_mcse);
        if choice == FamilyChoice::Flow(2) {
            continue; // its layers may be the identity in many ways
        }
        let (found_mean, found) = fitted(&fit, &*family);
        for i in 0..dim {
            let sd = covariance[(i, i)].sqrt();
            let error = (found_mean[i] - mean[i]).abs() / sd;
            assert!(error < 1e-6, "{choice:?}: mean {i} off by {error}");
            for j in 0..dim {
                let error = (found[(i, j)] - covariance[(i, j)]).abs() / (sd * covariance[(j, j)].sqrt());
                assert!(error < 1e-6, "{choice:?}: covariance {i} {j} off by {error}");
            }
        }
    }
}

/// The cost of a hierarchy grows with its groups: parameters, and gradients of the start.
#[test]
fn structured_is_linear_in_groups() {
    let fitted = |groups: usize| {
        let (blocks, covariance) = hierarchy(groups);
        let dim = blocks.len();
        let mean: Vec<f64> = (0..dim).map(|i| (i as f64).cos()).collect();
        let density = Gaussian::new(&mean, covariance.clone());
        let mut density = Plated { density, plates: vec![blocks] };
        let fit = fit(&mut density, &options(FamilyChoice::Structured), &mut Silent).unwrap();
        assert_eq!(fit.verdict, Verdict::Ok, "{groups} groups: {:?}", fit.reasons);
        assert!(fit.elbo.abs() < 1e-2, "{groups} groups: elbo {}", fit.elbo);
        for i in 0..dim {
            let (found, sd) = moments(&fit, |z| z[i]);
            let truth = covariance[(i, i)].sqrt();
            assert!((found - mean[i]).abs() < 0.08 * truth && (sd / truth - 1.0).abs() < 0.06, "{i}");
        }
        fit
    };
    let (few, many) = (fitted(5), fitted(60));
    // per group two means, two rows of two globals, and a triangle of two
    assert_eq!(many.state.lambda.len() - few.state.lambda.len(), 55 * (2 + 4 + 3));
    assert_eq!(few.state.family, "structured");
}

/// Two modes ten standard deviations apart, of 0.3 and 0.7 of the mass: where the search for a start
/// finds both, the mixture has a component for each.
#[test]
fn a_mixture_follows_two_far_modes() {
    let mut found_both = 0;
    for seed in 1..=6 {
        let mut density = Function::new(2, |z, g| {
            let log_part =
                |at: f64, share: f64, sd: f64| share.ln() - sd.ln() - 0.5 * ((z[0] - at) / sd).powi(2);
            let (a, b) = (log_part(5.0, 0.3, 1.0), log_part(-5.0, 0.7, 0.5));
            let top = a.max(b);
            let log_sum = top + ((a - top).exp() + (b - top).exp()).ln();
            let share = (a - log_sum).exp();
            g[0] = -share * (z[0] - 5.0) - (1.0 - share) * (z[0] + 5.0) / 0.25;
            let rest = z[1] - 0.5 * z[0];
            g[1] = -rest;
            g[0] += 0.5 * rest;
            log_sum - 0.5 * rest * rest
        });
        let options = Options { seed, ..options(FamilyChoice::Mixture(2)) };
        let fit = fit(&mut density, &options, &mut Silent).unwrap();
        if fit.state.start.rivals.is_empty() {
            continue;
        }
        found_both += 1;
        assert_ne!(fit.verdict, Verdict::Unreliable, "seed {seed}: {:?}", fit.reasons);
        let mean = 0.3 * 5.0 - 0.7 * 5.0;
        let variance = 0.3 * (1.0 + 25.0) + 0.7 * (0.25 + 25.0) - mean * mean;
        assert_near("z0", moments(&fit, |z| z[0]), mean, variance.sqrt());
        let right = moments(&fit, |z| if z[0] > 0.0 { 1.0 } else { 0.0 }).0;
        assert!((right - 0.3).abs() < 0.03, "{right}");
    }
    assert!(found_both > 1, "{found_both}");
}

/// z0 ~ normal(0, 1), z1 ~ normal(z0^2, 0.5).
fn banana() -> Function<impl FnMut(&[f64], &mut [f64]) -> f64> {
    Function::new(2, |z, g| {
        let rest = (z[1] - z[0] * z[0]) / 0.25;
        g[0] = -z[0] + 2.0 * z[0] * rest;
        g[1] = -rest;
        -0.5 * z[0] * z[0] - 0.5 * (z[1] - z[0] * z[0]) * rest - 2.0 * families::HALF_LOG_TAU - 0.5f64.ln()
    })
}

/// E z0 = 0, sd 1; E z1 = 1, sd sqrt(0.25 + 2). A normal is 0.56 nats short of the evidence; the stop rule is content
/// with a tenth of one, and steps bring more.
#[test]
fn a_flow_follows_a_banana() {
    let normal = fit(&mut banana(), &options(FamilyChoice::FullRank), &mut Silent).unwrap();
    assert!(normal.elbo < -0.5, "{}", normal.elbo);
    let plain = fit(&mut banana(), &options(FamilyChoice::Flow(4)), &mut Silent).unwrap();
    assert!(plain.elbo > -0.15, "{}", plain.elbo);
    let longer = Options { steps: Some(5000), ..options(FamilyChoice::Flow(4)) };
    let fit = fit(&mut banana(), &longer, &mut Silent).unwrap();
    assert!(fit.elbo > -0.05, "{}", fit.elbo);
    assert!(fit.k_hat < 0.7, "{}", fit.k_hat);
    assert_near("z0", moments(&fit, |z| z[0]), 0.0, 1.0);
    assert_near("z1", moments(&fit, |z| z[1]), 1.0, 1.5);
}

/// In one dimension a flow is a spline, and follows what is skewed.
#[test]
fn a_flow_of_one_dimension_follows_a_skewed_posterior() {
    // log z ~ the logarithm of a gamma of shape 1
    let mut density = Function::new(1, |z, g| {
        g[0] = 1.0 - z[0].exp();
        z[0] - z[0].exp()
    });
    let normal = fit(&mut density, &options(FamilyChoice::FullRank), &mut Silent).unwrap();
    let flow = fit(&mut density, &options(FamilyChoice::Flow(2)), &mut Silent).unwrap();
    assert!(normal.elbo < -0.05 && flow.elbo > -0.01, "{} {}", normal.elbo, flow.elbo);
    assert_eq!(flow.verdict, Verdict::Ok, "{:?}", flow.reasons);
    // minus Euler's constant, pi / sqrt 6
    assert_near("z", moments(&flow, |z| z[0]), -0.577_215_665, 1.282_549_830);
}

/// Each way to estimate the gradient climbs to the same place.
#[test]
fn every_estimator_climbs() {
    let mean: Vec<f64> = vec![1.0, -2.0, 3.0];
    for (gradient, noise) in [
        (Gradient::Reparameterized, DrawNoise::Independent),
        (Gradient::StickingTheLanding, DrawNoise::Antithetic),
        (Gradient::StickingTheLanding, DrawNoise::Sobol),
        (Gradient::DoublyReparameterized, DrawNoise::Independent),
        (Gradient::ScoreFunction, DrawNoise::Independent),
        (Gradient::ScoreFunction, DrawNoise::Antithetic),
    ] {
        let mut density = Gaussian::new(&mean, super::gaussian::covariance(3));
        let options = Options { gradient, noise, ..options(FamilyChoice::FullRank) };
        let fit = fit(&mut density, &options, &mut Silent).unwrap();
        assert_eq!(fit.verdict, Verdict::Ok, "{gradient:?} {noise:?}: {:?}", fit.reasons);
        assert!(fit.elbo > -0.01, "{gradient:?} {noise:?}: {}", fit.elbo);
        assert!(fit.state.trace.iter().all(|row| row.grad_var.is_finite()), "{gradient:?} {noise:?}");
    }
}

/// Blocks are not independent here, so that the optimum is below the evidence.
#[test]
fn fixed_draws_climb_with_blocks() {
    let gaussian = Gaussian::new(&[1.0, -2.0, 3.0], super::gaussian::covariance(3));
    let plates = vec![vec![Some(0), None, Some(1)]];
    let mut density = Plated { density: gaussian, plates };
    let options = Options { optimizer: Some(Optimizer::FixedDraws), ..options(FamilyChoice::Structured) };
    let fit = fit(&mut density, &options, &mut Silent).unwrap();
    assert!(fit.elbo > -1.0, "{}", fit.elbo);
}

/// The importance-weighted bound makes q wider than the ELBO does: mean field on a correlated normal.
#[test]
fn the_importance_weighted_bound_widens_mean_field() {
    let correlated = || Gaussian::from_factor(&[0.0, 0.0], &[1.0, 0.8, 0.6]);
    let sd = |gradient, draws| {
        let options = Options { gradient, draws: Some(draws), ..options(FamilyChoice::MeanField) };
        let fit = fit(&mut correlated(), &options, &mut Silent).unwrap();
        fitted(&fit, &*families::build(FamilyChoice::MeanField, 2)).1[(0, 0)].sqrt()
    };
    let plain = sd(Gradient::StickingTheLanding, 8);
    let wider = sd(Gradient::DoublyReparameterized, 16);
    // 1 / sqrt of the precision's diagonal; of ever more draws the bound is that of the least variance of the
    // weights, at which log t + log((1 / 1.8 - t / 2) (5 - t / 2)) / 2 is largest, t = 1 / sd^2
    assert!((plain - 0.6).abs() < 0.02, "{plain}");
    assert!(wider > 0.9 && wider < 1.2, "{wider}");
}

/// y_ij ~ normal(theta_i, s), theta_i ~ normal(0, 1), three rows a group: at the joint mode log s is off by tens
/// of its standard deviations, and in a thousand and more dimensions one that is still on its way must not
/// count as arrived.
#[test]
fn one_coordinate_of_many_that_has_far_to_go_arrives() {
    let (n, m) = (1500, 3.0);
    // as good as random: the groups' means, and all squares within groups
    let wave = |k: usize| 2.0 * (((k as f64 + 1.0) * 12.9898).sin() * 43758.5453).fract();
    let means: Vec<f64> = (0..n).map(wave).collect();
    let within = n as f64 * (m - 1.0) * 0.49;
    let of_means = means.clone();
    let density = Function::new(n + 1, move |z, g| {
        let (s, precision) = (z[0], (-2.0 * z[0]).exp());
        let mut squares = within;
        let mut value = 0.0;
        for (i, mean) in of_means.iter().enumerate() {
            let (theta, r) = (z[1 + i], mean - z[1 + i]);
            squares += m * r * r;
            value -= 0.5 * theta * theta;
            g[1 + i] = m * precision * r - theta;
        }
        let rows = n as f64 * m;
        g[0] = squares * precision - rows - 0.25 * s;
        value - rows * s - 0.5 * squares * precision - 0.125 * s * s
    });
    let blocks: Vec<Option<usize>> = (0..n + 1).map(|i| i.checked_sub(1)).collect();
    let mut density = Plated { density, plates: vec![blocks] };
    let fit = fit(&mut density, &options(FamilyChoice::Structured), &mut Silent).unwrap();
    // thetas summed out: the groups' means are normal(0, sqrt(1 + s^2 / m))
    let log_prob = |s: f64| {
        let variance = 1.0 + (2.0 * s).exp() / m;
        let of_means: f64 = means.iter().map(|mean| mean * mean / variance + variance.ln()).sum();
        -(n as f64) * (m - 1.0) * s - 0.5 * within * (-2.0 * s).exp() - 0.5 * of_means - 0.125 * s * s
    };
    let grid: Vec<f64> = (0..4000).map(|k| -1.0 + k as f64 * 5e-4).collect();
    let top = grid.iter().map(|s| log_prob(*s)).fold(f64::NEG_INFINITY, f64::max);
    let weight: Vec<f64> = grid.iter().map(|s| (log_prob(*s) - top).exp()).collect();
    let total: f64 = weight.iter().sum();
    let mean = grid.iter().zip(&weight).map(|(s, w)| s * w).sum::<f64>() / total;
    let sd = (grid.iter().zip(&weight).map(|(s, w)| (s - mean).powi(2) * w).sum::<f64>() / total).sqrt();
    let found = moments(&fit, |z| z[0]);
    assert!((found.0 - mean).abs() < 0.5 * sd, "{} {mean} {sd}", found.0);
    assert!((found.1 / sd - 1.0).abs() < 0.3, "{} {sd}", found.1);
}
