//! Properties every family has; a new line in `REGISTRY` enrols it.

use super::*;
use crate::stream::{Noise, Purpose};
use nalgebra::{DMatrix, DVector};
use numerics::lanes::Lanes;

const REGISTRY: [FamilyChoice; 4] =
    [FamilyChoice::MeanField, FamilyChoice::FullRank, FamilyChoice::LowRank(1), FamilyChoice::LowRank(2)];

const DIM: usize = 4;

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("e{i}")).collect()
}

fn noise(n: usize, lanes: usize, step: u64) -> Lanes {
    let names = names(n);
    let mut eps = Lanes::zeros(n, lanes);
    Noise::new(7, Purpose::Step, names.iter().map(|s| s.as_str())).fill(step, 0, &mut eps);
    eps
}

/// A member of the family away from any symmetry.
fn member(family: &dyn Family, variant: u64) -> Vec<f64> {
    let n = family.n_params();
    let eps = noise(n, 1, 100 + variant);
    (0..n).map(|i| 0.4 * eps.get(i, 0)).collect()
}

/// Mean and covariance read off the draws of unit base vectors: `z` is affine in `eps`.
fn moments(family: &dyn Family, lambda: &[f64]) -> (DVector<f64>, DMatrix<f64>) {
    let (d, b) = (family.dim(), family.n_base());
    let mut eps = Lanes::zeros(b, b + 1);
    for j in 0..b {
        eps.set(j, j, 1.0);
    }
    let mut z = Lanes::zeros(d, b + 1);
    family.rsample(lambda, &eps, &mut z);
    let mean = DVector::from_fn(d, |i, _| z.get(i, b));
    let factor = DMatrix::from_fn(d, b, |i, j| z.get(i, j) - mean[i]);
    (mean, &factor * factor.transpose())
}

fn each(test: impl Fn(&dyn Family)) {
    for choice in REGISTRY {
        test(&*build(choice, DIM));
    }
}

#[test]
fn log_q_is_the_normal_of_the_draws_moments() {
    each(|family| {
        let lambda = member(family, 0);
        let (mean, covariance) = moments(family, &lambda);
        let eps = noise(family.n_base(), 11, 1);
        let mut z = Lanes::zeros(DIM, 11);
        family.rsample(&lambda, &eps, &mut z);
        let mut log_q = vec![0.0; 11];
        let mut score = Lanes::zeros(DIM, 11);
        family.log_q(&lambda, &z, &mut log_q, Some(&mut score));
        let precision = covariance.clone().try_inverse().unwrap();
        let constant = -0.5 * covariance.determinant().ln() - DIM as f64 * HALF_LOG_TAU;
        for (lane, log_q) in log_q.iter().enumerate() {
            let x = DVector::from_vec(z.lane(lane)) - &mean;
            let solved = &precision * &x;
            let expected = constant - 0.5 * x.dot(&solved);
            assert!((log_q - expected).abs() < 1e-10, "{}: log_q", family.name());
            for i in 0..DIM {
                assert!((score.get(i, lane) + solved[i]).abs() < 1e-9, "{}", family.name());
            }
        }
    });
}

#[test]
fn log_q_integrates_to_one() {
    // Two dimensions on a grid: the trapezoidal rule is exact to rounding for a wide enough grid.
    for choice in REGISTRY {
        let family = build(choice, 2);
        let lambda = member(&*family, 3);
        let (points, width) = (120, 10.0);
        let mut total = 0.0;
        for a in 0..points {
            let mut z = Lanes::zeros(2, points);
            for b in 0..points {
                let at = |k: usize| (k as f64 / points as f64 - 0.5) * 2.0 * width;
                z.set_lane(b, &[at(a), at(b)]);
            }
            let mut log_q = vec![0.0; points];
            family.log_q(&lambda, &z, &mut log_q, None);
            total += log_q.iter().map(|q| q.exp()).sum::<f64>();
        }
        total *= (2.0 * width / points as f64).powi(2);
        assert!((total - 1.0).abs() < 1e-8, "{} integrates to {total}", family.name());
    }
}

#[test]
fn entropy_is_the_normal_entropy_and_its_gradient_matches_differences() {
    each(|family| {
        let lambda = member(family, 1);
        let (_, covariance) = moments(family, &lambda);
        let mut gradient = vec![0.0; family.n_params()];
        let entropy = family.entropy(&lambda, Some(&mut gradient));
        let expected = 0.5 * covariance.determinant().ln() + DIM as f64 * (HALF_LOG_TAU + 0.5);
        assert!((entropy - expected).abs() < 1e-10, "{}", family.name());
        for p in 0..family.n_params() {
            let at = |h: f64| {
                let mut moved = lambda.clone();
                moved[p] += h;
                family.entropy(&moved, None)
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient[p] - difference).abs() < 1e-8, "{} {p}", family.name());
        }
    });
}

#[test]
fn pullback_is_the_chain_rule_of_rsample() {
    each(|family| {
        let lanes = 11;
        let lambda = member(family, 2);
        let eps = noise(family.n_base(), lanes, 2);
        let grad = noise(DIM, lanes, 3);
        let weight: Vec<f64> = (0..lanes).map(|l| if l == 4 { 0.0 } else { 0.1 * l as f64 }).collect();
        let objective = |lambda: &[f64]| -> Vec<f64> {
            let mut z = Lanes::zeros(DIM, lanes);
            family.rsample(lambda, &eps, &mut z);
            let dot = |l: usize| (0..DIM).map(|i| z.get(i, l) * grad.get(i, l)).sum::<f64>();
            (0..lanes).map(dot).collect()
        };
        let mut out = vec![0.0; family.n_params()];
        let mut squared = vec![0.0; lanes];
        family.pullback(&lambda, &eps, &grad, &weight, &mut out, &mut squared);
        let mut expected_squared = vec![0.0; lanes];
        for p in 0..family.n_params() {
            let mut moved = lambda.clone();
            moved[p] += 1e-5;
            let up = objective(&moved);
            moved[p] -= 2e-5;
            let down = objective(&moved);
            let slope: Vec<f64> = up.iter().zip(&down).map(|(u, d)| (u - d) / 2e-5).collect();
            let expected: f64 = slope.iter().zip(&weight).map(|(s, w)| s * w).sum();
            assert!((out[p] - expected).abs() < 1e-7, "{} {p}", family.name());
            for (e, s) in expected_squared.iter_mut().zip(&slope) {
                *e += s * s;
            }
        }
        for (s, e) in squared.iter().zip(&expected_squared) {
            assert!((s - e).abs() < 1e-6 * (1.0 + e), "{}: {s} {e}", family.name());
        }
    });
}

#[test]
fn symmetric_kl_is_that_of_normals_and_zero_at_home() {
    each(|family| {
        let (a, b) = (member(family, 4), member(family, 5));
        let ((ma, sa), (mb, sb)) = (moments(family, &a), moments(family, &b));
        let (ia, ib) = (sa.clone().try_inverse().unwrap(), sb.clone().try_inverse().unwrap());
        let shift = ma - mb;
        let expected = 0.5
            * ((&ib * &sa).trace() + (&ia * &sb).trace() - 2.0 * DIM as f64
                + shift.dot(&((ia + ib) * &shift)));
        assert!((family.symmetric_kl(&a, &b) - expected).abs() < 1e-9, "{}", family.name());
        assert!(family.symmetric_kl(&a, &a).abs() < 1e-12, "{}", family.name());
    });
}

#[test]
fn the_standard_member_has_mean_zero_and_variances_one() {
    each(|family| {
        let (mean, covariance) = moments(family, &family.standard());
        assert!(mean.amax() < 1e-15);
        for i in 0..DIM {
            assert!((covariance[(i, i)] - 1.0).abs() < 1e-12, "{}", family.name());
        }
    });
}
