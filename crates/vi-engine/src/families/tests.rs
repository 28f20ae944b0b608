//! Properties every family has; a new line in `REGISTRY` enrols it.

use super::*;
use crate::stream::{Noise, Purpose};
use nalgebra::{DMatrix, DVector};
use numerics::lanes::Lanes;

/// Every kind of family, in [`DIM`] dimensions that stand in plates, and whether its members are normals.
const REGISTRY: [(FamilyChoice, bool); 9] = [
    (FamilyChoice::MeanField, true),
    (FamilyChoice::FullRank, true),
    (FamilyChoice::LowRank(1), true),
    (FamilyChoice::LowRank(2), true),
    (FamilyChoice::Structured, true),
    (FamilyChoice::Mixture(1), false),
    (FamilyChoice::Mixture(3), false),
    (FamilyChoice::Flow(1), false),
    (FamilyChoice::Flow(4), false),
];

const DIM: usize = 4;

/// For `dim` coordinates: the second is global, the others are of two groups in turn.
pub(crate) fn in_plates(choice: FamilyChoice, dim: usize) -> Box<dyn Family> {
    let blocks: Vec<Option<usize>> = (0..dim).map(|i| (i != 1).then_some(i / 2 % 2)).collect();
    build_in(choice, &blocks)
}

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
    // the steps of many parameters add up
    let spread = 0.4 / (n as f64 / 30.0).max(1.0).sqrt();
    family.standard().iter().enumerate().map(|(i, start)| start + spread * eps.get(i, 0)).collect()
}

/// Mean and covariance of a normal, read off the draws of unit base vectors: `z` is affine in `eps`.
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

fn each(mut test: impl FnMut(&dyn Family)) {
    for (choice, _) in REGISTRY {
        test(&*in_plates(choice, DIM));
    }
}

fn each_normal(test: impl Fn(&dyn Family)) {
    for (choice, _) in REGISTRY.into_iter().filter(|(_, normal)| *normal) {
        test(&*in_plates(choice, DIM));
    }
}

fn log_q(family: &dyn Family, lambda: &[f64], z: &Lanes) -> Vec<f64> {
    let mut log_q = vec![0.0; z.lanes()];
    family.log_q(lambda, z, &mut log_q, None);
    log_q
}

#[test]
fn log_q_is_the_normal_of_the_draws_moments() {
    each_normal(|family| {
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
fn the_score_is_the_gradient_of_log_q() {
    each(|family| {
        let lambda = member(family, 6);
        let mut z = Lanes::zeros(DIM, 11);
        family.rsample(&lambda, &noise(family.n_base(), 11, 6), &mut z);
        let mut score = Lanes::zeros(DIM, 11);
        family.log_q(&lambda, &z, &mut [0.0; 11], Some(&mut score));
        for i in 0..DIM {
            let moved = |h: f64| {
                let mut z = z.clone();
                (0..11).for_each(|lane| z.set(i, lane, z.get(i, lane) + h));
                log_q(family, &lambda, &z)
            };
            for (lane, (up, down)) in moved(1e-6).iter().zip(moved(-1e-6)).enumerate() {
                let (found, slope) = (score.get(i, lane), (up - down) / 2e-6);
                assert!(
                    (found - slope).abs() < 1e-6 * (1.0 + slope.abs()),
                    "{}: {found} {slope}",
                    family.name()
                );
            }
        }
    });
}

/// Points of a grid in two dimensions, row by row.
fn grid(points: usize, width: f64) -> Lanes {
    let at = |k: usize| (k as f64 / points as f64 - 0.5) * 2.0 * width;
    let mut z = Lanes::zeros(2, points * points);
    for lane in 0..points * points {
        z.set_lane(lane, &[at(lane / points), at(lane % points)]);
    }
    z
}

#[test]
fn log_q_integrates_to_one() {
    // The trapezoidal rule is exact to rounding for a wide enough grid and an analytic density; the
    // derivatives of a spline jump at its knots.
    for (choice, _) in REGISTRY {
        let smooth = !matches!(choice, FamilyChoice::Flow(_));
        for variant in [3, 7] {
            let family = in_plates(choice, 2);
            let lambda = member(&*family, variant);
            let (points, width) = (if smooth { 200 } else { 500 }, 16.0);
            let total: f64 = log_q(&*family, &lambda, &grid(points, width)).iter().map(|q| q.exp()).sum();
            let total = total * (2.0 * width / points as f64).powi(2);
            let tolerance = if smooth { 1e-8 } else { 1e-4 };
            assert!((total - 1.0).abs() < tolerance, "{} integrates to {total}", family.name());
        }
    }
}

/// In one dimension the draws' empirical distribution is that of `log_q`, by Kolmogorov and Smirnov.
#[test]
fn draws_are_those_of_log_q() {
    for (choice, _) in REGISTRY {
        let family = in_plates(choice, 1);
        let lambda = member(&*family, 8);
        let n = 4000;
        let mut z = Lanes::zeros(1, n);
        family.rsample(&lambda, &noise(family.n_base(), n, 8), &mut z);
        let mut draws: Vec<f64> = (0..n).map(|lane| z.get(0, lane)).collect();
        draws.sort_by(f64::total_cmp);
        let (points, width) = (20_000, 12.0);
        let at = |k: usize| (k as f64 / points as f64 - 0.5) * 2.0 * width;
        let mut all = Lanes::zeros(1, points);
        (0..points).for_each(|k| all.set(0, k, at(k)));
        let density = log_q(&*family, &lambda, &all);
        let (mut cdf, mut gap) = (0.0, 0.0f64);
        for (k, q) in density.iter().enumerate() {
            cdf += q.exp() * 2.0 * width / points as f64;
            let below = draws.partition_point(|x| *x <= at(k)) as f64 / n as f64;
            gap = gap.max((below - cdf).abs());
        }
        assert!(gap < 1.63 / (n as f64).sqrt(), "{}: {gap}", family.name());
    }
}

/// Integration by parts, in all dimensions at once: E[score_i] = 0, E[z_i score_j] = -[i = j].
#[test]
fn draws_and_score_agree_by_stein_s_identity() {
    each(|family| {
        let lambda = member(family, 9);
        let n = 40_000;
        let (mut z, mut score) = (Lanes::zeros(DIM, n), Lanes::zeros(DIM, n));
        family.rsample(&lambda, &noise(family.n_base(), n, 9), &mut z);
        family.log_q(&lambda, &z, &mut vec![0.0; n], Some(&mut score));
        let check = |terms: &dyn Fn(usize) -> f64, expected: f64| {
            let mean = (0..n).map(terms).sum::<f64>() / n as f64;
            let variance = (0..n).map(|l| (terms(l) - mean).powi(2)).sum::<f64>() / n as f64;
            let error = (mean - expected).abs() / (variance / n as f64).sqrt();
            assert!(error < 4.5, "{}: {mean}, {error} standard errors from {expected}", family.name());
        };
        for j in 0..DIM {
            check(&|lane| score.get(j, lane), 0.0);
            for i in 0..DIM {
                check(&|lane| z.get(i, lane) * score.get(j, lane), if i == j { -1.0 } else { 0.0 });
            }
        }
    });
}

#[test]
fn entropy_is_the_normal_entropy_and_its_gradient_matches_differences() {
    each_normal(|family| {
        let lambda = member(family, 1);
        let (_, covariance) = moments(family, &lambda);
        let mut gradient = vec![0.0; family.n_params()];
        let entropy = family.entropy(&lambda, Some(&mut gradient)).expect("that of a normal");
        let expected = 0.5 * covariance.determinant().ln() + DIM as f64 * (HALF_LOG_TAU + 0.5);
        assert!((entropy - expected).abs() < 1e-10, "{}", family.name());
        for p in 0..family.n_params() {
            let at = |h: f64| {
                let mut moved = lambda.clone();
                moved[p] += h;
                family.entropy(&moved, None).unwrap()
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient[p] - difference).abs() < 1e-8, "{} {p}", family.name());
        }
    });
}

/// The slope of every lane's `value` in parameter `p`, by differences.
fn slopes(lambda: &[f64], p: usize, value: &dyn Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let moved = |h: f64| {
        let mut lambda = lambda.to_vec();
        lambda[p] += h;
        value(&lambda)
    };
    moved(1e-5).iter().zip(moved(-1e-5)).map(|(up, down)| (up - down) / 2e-5).collect()
}

/// Of weights to derivatives and squared norms.
type Rule<'a> = &'a dyn Fn(&[f64], &mut [f64], &mut [f64]);

/// A chain rule against differences of every lane's `value`: weighted sum, and squared norms.
fn assert_chain_rule(
    family: &dyn Family,
    lambda: &[f64],
    lanes: usize,
    rule: Rule,
    value: &dyn Fn(&[f64]) -> Vec<f64>,
) {
    let weight: Vec<f64> = (0..lanes).map(|l| if l == 4 { 0.0 } else { 0.1 * l as f64 }).collect();
    // what was there is added to, norms are overwritten
    let mut out = vec![1.0; family.n_params()];
    let mut squared = vec![5.0; lanes];
    rule(&weight, &mut out, &mut squared);
    let mut expected_squared = vec![0.0; lanes];
    for (p, out) in out.iter().enumerate() {
        let slope = slopes(lambda, p, value);
        let expected: f64 = slope.iter().zip(&weight).map(|(s, w)| s * w).sum();
        let error = (out - 1.0 - expected).abs();
        assert!(error < 1e-7 * (1.0 + expected.abs()), "{} {p}: {out} {expected}", family.name());
        for (e, s) in expected_squared.iter_mut().zip(&slope) {
            *e += s * s;
        }
    }
    for (s, e) in squared.iter().zip(&expected_squared) {
        assert!((s - e).abs() < 1e-6 * (1.0 + e), "{}: {s} {e}", family.name());
    }
}

#[test]
fn pullback_is_the_chain_rule_of_rsample() {
    each(|family| {
        let lanes = 11;
        let lambda = member(family, 2);
        let eps = noise(family.n_base(), lanes, 2);
        let grad = noise(DIM, lanes, 3);
        let value = |lambda: &[f64]| -> Vec<f64> {
            let mut z = Lanes::zeros(DIM, lanes);
            family.rsample(lambda, &eps, &mut z);
            let dot = |l: usize| (0..DIM).map(|i| z.get(i, l) * grad.get(i, l)).sum::<f64>();
            (0..lanes).map(dot).collect()
        };
        let rule = |weight: &[f64], out: &mut [f64], squared: &mut [f64]| {
            family.pullback(&lambda, &eps, &grad, weight, out, squared);
        };
        assert_chain_rule(family, &lambda, lanes, &rule, &value);
    });
}

#[test]
fn pullback_log_q_is_the_chain_rule_of_log_q() {
    each(|family| {
        let lanes = 11;
        let lambda = member(family, 2);
        let eps = noise(family.n_base(), lanes, 4);
        let mut z = Lanes::zeros(DIM, lanes);
        family.rsample(&lambda, &eps, &mut z);
        let rule = |weight: &[f64], out: &mut [f64], squared: &mut [f64]| {
            family.pullback_log_q(&lambda, &eps, &z, weight, out, squared);
        };
        assert_chain_rule(family, &lambda, lanes, &rule, &|lambda| log_q(family, lambda, &z));
    });
}

#[test]
fn shares_add_up_and_their_chain_rule_matches_differences() {
    let mut mixtures = 0;
    each(|family| {
        let Some(strata) = family.strata() else { return };
        let lambda = member(family, 2);
        let shares = strata.shares(&lambda);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        let by: Vec<f64> = (0..shares.len()).map(|k| (k as f64 + 0.3).cos()).collect();
        let mut out = vec![0.0; family.n_params()];
        strata.pullback_shares(&lambda, &by, &mut out);
        for (p, out) in out.iter().enumerate() {
            let slope = slopes(&lambda, p, &|lambda| strata.shares(lambda));
            let expected: f64 = slope.iter().zip(&by).map(|(s, b)| s * b).sum();
            assert!((out - expected).abs() < 1e-9, "{} {p}", family.name());
        }
        // and of log q, the part in the parameters of the shares
        let z = noise(DIM, 7, 5);
        let weight: Vec<f64> = (0..7).map(|lane| 0.3 * lane as f64 - 1.0).collect();
        let (mut all, mut part) = (vec![0.0; lambda.len()], vec![0.0; lambda.len()]);
        family.pullback_log_q(&lambda, &noise(family.n_base(), 7, 5), &z, &weight, &mut all, &mut [0.0; 7]);
        strata.pullback_log_q(&lambda, &z, &weight, &mut part);
        for (p, (all, part)) in all.iter().zip(&part).enumerate() {
            let expected = if p < shares.len() { *all } else { 0.0 };
            assert!((part - expected).abs() < 1e-12, "{} {p}", family.name());
        }
        // a draw whose last noise is in the middle of a share is of that stratum: it moves with its mean
        let middle = |k: usize| crate::draws::middle(&shares, k);
        let mut eps = noise(family.n_base(), shares.len(), 5);
        (0..shares.len()).for_each(|k| eps.set(DIM, k, middle(k)));
        let moved = |p: usize| {
            let (mut before, mut after) = (Lanes::zeros(DIM, shares.len()), Lanes::zeros(DIM, shares.len()));
            family.rsample(&lambda, &eps, &mut before);
            let mut other = lambda.clone();
            other[p] += 1.0;
            family.rsample(&other, &eps, &mut after);
            (0..shares.len()).filter(|&k| before.lane(k) != after.lane(k)).collect::<Vec<_>>()
        };
        let each = (family.n_params() - shares.len()) / shares.len();
        for k in 0..shares.len() {
            assert_eq!(moved(shares.len() + k * each), [k]);
        }
    });
    each(|family| mixtures += usize::from(family.strata().is_some()));
    assert_eq!(mixtures, 2);
}

#[test]
fn symmetric_kl_is_that_of_normals_and_zero_at_home() {
    each_normal(|family| {
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

/// Where there is no closed form: near the integral for members that are near, or above it.
#[test]
fn symmetric_kl_of_others_is_near_the_integral_or_bounds_it() {
    for (choice, _) in REGISTRY.into_iter().filter(|(_, normal)| !normal) {
        let family = in_plates(choice, 2);
        let a = member(&*family, 4);
        let step = member(&*family, 5);
        let b: Vec<f64> = a.iter().zip(&step).map(|(a, step)| a + 0.1 * step).collect();
        let points = grid(300, 10.0);
        let (log_a, log_b) = (log_q(&*family, &a, &points), log_q(&*family, &b, &points));
        let terms = log_a.iter().zip(&log_b).map(|(a, b)| (a.exp() - b.exp()) * (a - b));
        let truth = terms.sum::<f64>() * (20.0f64 / 300.0).powi(2);
        let found = family.symmetric_kl(&a, &b);
        let bounds = matches!(choice, FamilyChoice::Mixture(_));
        assert!(
            found > if bounds { truth * (1.0 - 1e-6) } else { 0.5 * truth },
            "{}: {found} {truth}",
            family.name()
        );
        assert!(found < if bounds { 4.0 } else { 2.0 } * truth, "{}: {found} {truth}", family.name());
        assert!(family.symmetric_kl(&a, &a) < 1e-12, "{}", family.name());
    }
}

#[test]
fn the_standard_member_has_mean_zero_and_variances_one() {
    for (choice, _) in REGISTRY {
        let family = in_plates(choice, 2);
        let lambda = family.standard();
        let (points, cell) = (grid(200, 10.0), 0.1f64.powi(2));
        let density: Vec<f64> = log_q(&*family, &lambda, &points).iter().map(|q| q.exp() * cell).collect();
        let expectation = |f: &dyn Fn(&[f64]) -> f64| -> f64 {
            density.iter().enumerate().map(|(lane, q)| q * f(&points.lane(lane))).sum()
        };
        for i in 0..2 {
            let (mean, square) = (expectation(&|z| z[i]), expectation(&|z| z[i] * z[i]));
            assert!(mean.abs() < 1e-9 && (square - 1.0).abs() < 1e-9, "{}: {mean} {square}", family.name());
        }
    }
}
