//! The ELBO's gradient estimators, for every family.

use super::*;
use crate::coordinates::{Coordinates, Scale};
use crate::curvature::whiten;
use crate::estimator::Estimator;
use crate::families::{self, Family};
use crate::pattern::Pattern;
use crate::stream::{Noise, Purpose};
use crate::target::Target;
use crate::testing::Gaussian;
use crate::{FamilyChoice, Gradient};
use nalgebra::DMatrix;
use numerics::lanes::Lanes;

const FAMILIES: [FamilyChoice; 3] =
    [FamilyChoice::MeanField, FamilyChoice::FullRank, FamilyChoice::LowRank(2)];

fn unit(dim: usize) -> Coordinates {
    Coordinates { centre: vec![0.0; dim], scale: Scale::Diagonal(vec![1.0; dim]) }
}

fn noise(family: &dyn Family, draws: usize, step: u64) -> Lanes {
    let names: Vec<String> = (0..family.n_base()).map(|i| format!("e{i}")).collect();
    let mut eps = Lanes::zeros(family.n_base(), draws);
    Noise::new(5, Purpose::Step, names.iter().map(String::as_str)).fill(step, 0, &mut eps);
    eps
}

fn member(family: &dyn Family) -> Vec<f64> {
    (0..family.n_params()).map(|p| 0.3 * ((p * p) as f64 + 1.0).sin()).collect()
}

/// A target that no family contains.
fn skewed(dim: usize) -> Function<impl FnMut(&[f64], &mut [f64]) -> f64> {
    Function::new(dim, |z, g| {
        let mut value = 0.0;
        for i in 0..z.len() {
            let next = z[(i + 1) % z.len()];
            value += 2.0 * z[i] - z[i].exp() - 0.1 * (z[i] - next).powi(2);
            g[i] += 2.0 - z[i].exp() - 0.2 * (z[i] - next);
            g[(i + 1) % z.len()] += 0.2 * (z[i] - next);
        }
        value
    })
}

#[test]
fn the_reparameterised_gradient_is_that_of_the_fixed_draw_elbo() {
    for choice in FAMILIES {
        let family = families::build(choice, 3);
        let mut density = skewed(3);
        let mut target = Target::new(&mut density);
        let coordinates = Coordinates {
            centre: vec![0.1, 0.2, -0.3],
            scale: if *family.scale() == Pattern::Lower {
                Scale::Lower(vec![0.5, 0.1, 0.8, -0.2, 0.3, 0.6])
            } else {
                Scale::Diagonal(vec![0.5, 0.8, 0.6])
            },
        };
        let lambda = member(&*family);
        let eps = noise(&*family, 11, 0);
        let mut estimator = Estimator::new(Gradient::Reparameterized, 3, 11);
        let mut gradient = vec![0.0; family.n_params()];
        estimator.gradient(&mut target, &coordinates, &*family, &lambda, &eps, &mut gradient);
        // With the closed-form entropy: mean log p + entropy, differenced.
        let mut objective = |lambda: &[f64]| {
            let mut u = Lanes::zeros(3, 11);
            family.rsample(lambda, &eps, &mut u);
            let (mut z, mut value) = (Lanes::zeros(3, 11), vec![0.0; 11]);
            target.eval_whitened(&coordinates, &u, &mut z, &mut value, None);
            value.iter().sum::<f64>() / 11.0 + family.entropy(lambda, None).unwrap()
        };
        for p in 0..family.n_params() {
            let mut moved = lambda.clone();
            moved[p] += 1e-5;
            let up = objective(&moved);
            moved[p] -= 2e-5;
            let difference = (up - objective(&moved)) / 2e-5;
            assert!((gradient[p] - difference).abs() < 1e-7, "{} {p}", family.name());
        }
    }
}

#[test]
fn both_estimators_have_one_mean_and_report_their_variance() {
    for choice in FAMILIES {
        let family = families::build(choice, 2);
        let lambda = member(&*family);
        let mut density = skewed(2);
        let mut target = Target::new(&mut density);
        let n = family.n_params();
        let repeats = 4000;
        let mut averages = Vec::new();
        for gradient in [Gradient::Reparameterized, Gradient::StickingTheLanding] {
            let mut estimator = Estimator::new(gradient, 2, 8);
            let (mut sum, mut square) = (vec![0.0; n], vec![0.0; n]);
            let mut reported = 0.0;
            for step in 0..repeats {
                let eps = noise(&*family, 8, step);
                let mut g = vec![0.0; n];
                let estimate = estimator.gradient(&mut target, &unit(2), &*family, &lambda, &eps, &mut g);
                reported += estimate.grad_var / repeats as f64;
                for p in 0..n {
                    sum[p] += g[p] / repeats as f64;
                    square[p] += g[p] * g[p] / repeats as f64;
                }
            }
            let variance: Vec<f64> = (0..n).map(|p| square[p] - sum[p] * sum[p]).collect();
            let total: f64 = variance.iter().sum();
            assert!((reported / total - 1.0).abs() < 0.1, "{}: {reported} {total}", family.name());
            averages.push((sum, variance));
        }
        for p in 0..n {
            let error = ((averages[0].1[p] + averages[1].1[p]) / repeats as f64).sqrt();
            let difference = (averages[0].0[p] - averages[1].0[p]).abs();
            assert!(difference < 4.5 * error + 1e-12, "{} {p}", family.name());
        }
    }
}

/// At q = p the sticking-the-landing gradient vanishes draw by draw; the reparameterised one has
/// variance one per mean coordinate and two per log scale (whitened coordinates).
#[test]
fn sticking_the_landing_vanishes_where_q_is_the_posterior() {
    for choice in FAMILIES {
        let family = families::build(choice, 4);
        let lambda = member(&*family);
        // The member's own moments, as in the families' tests.
        let base = family.n_base();
        let mut eps = Lanes::zeros(base, base + 1);
        (0..base).for_each(|j| eps.set(j, j, 1.0));
        let mut z = Lanes::zeros(4, base + 1);
        family.rsample(&lambda, &eps, &mut z);
        let mean = z.lane(base);
        let factor = DMatrix::from_fn(4, base, |i, j| z.get(i, j) - mean[i]);
        let mut density = Gaussian::new(&mean, &factor * factor.transpose());
        let mut target = Target::new(&mut density);
        let eps = noise(&*family, 8, 9);
        let mut g = vec![0.0; family.n_params()];
        let mut sticking = Estimator::new(Gradient::StickingTheLanding, 4, 8);
        let estimate = sticking.gradient(&mut target, &unit(4), &*family, &lambda, &eps, &mut g);
        assert!(g.iter().all(|g| g.abs() < 1e-11), "{}: {g:?}", family.name());
        assert!(estimate.grad_var < 1e-20 && estimate.elbo_mcse < 1e-12);
        assert!(estimate.elbo.abs() < 1e-12, "the ELBO is the evidence");
    }
    let family = families::build(FamilyChoice::MeanField, 1);
    let mut density = Gaussian::from_factor(&[0.0], &[1.0]);
    let mut target = Target::new(&mut density);
    let mut plain = Estimator::new(Gradient::Reparameterized, 1, 4000);
    let mut g = vec![0.0; 2];
    let eps = noise(&*family, 4000, 0);
    let estimate = plain.gradient(&mut target, &unit(1), &*family, &[0.0, 0.0], &eps, &mut g);
    assert!((4000.0 * estimate.grad_var - 3.0).abs() < 0.3, "{}", 4000.0 * estimate.grad_var);
}

#[test]
fn failed_draws_are_left_out_of_every_average() {
    let family = families::build(FamilyChoice::FullRank, 2);
    let lambda = member(&*family);
    let eps = noise(&*family, 16, 0);
    let good = |z: &[f64]| z[0] < 0.5;
    let mut masked = Function::new(2, |z, g| {
        if !good(z) {
            g.fill(f64::NAN);
            return f64::NAN;
        }
        (g[0], g[1]) = (-z[0], -z[1]);
        -0.5 * (z[0] * z[0] + z[1] * z[1])
    });
    let mut whole = Gaussian::from_factor(&[0.0, 0.0], &[1.0, 0.0, 1.0]);
    let estimate = |density: &mut dyn LogDensity, eps: &Lanes| {
        let mut target = Target::new(density);
        let mut g = vec![0.0; family.n_params()];
        let mut estimator = Estimator::new(Gradient::StickingTheLanding, 2, eps.lanes());
        let e = estimator.gradient(&mut target, &unit(2), &*family, &lambda, eps, &mut g);
        (e, g, target.tally)
    };
    let (masked, masked_gradient, tally) = estimate(&mut masked, &eps);
    // The same draws without the bad ones.
    let mut z = Lanes::zeros(2, 16);
    family.rsample(&lambda, &eps, &mut z);
    let kept: Vec<usize> = (0..16).filter(|&l| good(&z.lane(l))).collect();
    assert!(kept.len() > 2 && kept.len() < 16, "the mask must mask");
    let mut fewer = Lanes::zeros(2, kept.len());
    kept.iter().enumerate().for_each(|(k, &l)| fewer.set_lane(k, &eps.lane(l)));
    let (alone, gradient, _) = estimate(&mut whole, &fewer);
    assert_eq!((tally.failed as usize, masked.good), (16 - kept.len(), kept.len()));
    assert!((masked.grad_var - alone.grad_var).abs() < 1e-12);
    for (a, b) in masked_gradient.iter().zip(&gradient) {
        assert!((a - b).abs() < 1e-12);
    }
}

#[test]
fn a_normal_posterior_is_standard_in_its_whitened_coordinates() {
    let mut density = Gaussian::from_factor(&[10.0, -3.0], &[0.01, 5.0, 2.0]);
    let mut target = Target::new(&mut density);
    let coordinates = whiten(&mut target, &[10.0, -3.0], &Pattern::Lower);
    let (mut u, mut z) = (Lanes::zeros(2, 1), Lanes::zeros(2, 1));
    let (mut value, mut grad) = ([0.0], Lanes::zeros(2, 1));
    u.set_lane(0, &[0.7, -1.3]);
    target.eval_whitened(&coordinates, &u, &mut z, &mut value, Some(&mut grad));
    assert!((grad.get(0, 0) + 0.7).abs() < 1e-5 && (grad.get(1, 0) - 1.3).abs() < 1e-5);
    let normal = -0.5 * (0.49 + 1.69) - 2.0 * crate::families::HALF_LOG_TAU;
    assert!((value[0] - normal).abs() < 1e-5);
}
