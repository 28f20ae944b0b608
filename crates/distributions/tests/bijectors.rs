//! Bijectors: there and back, log determinants, extreme arguments.

mod common;

use common::{assert_close, inverse, run, vector};
use distributions::{DistributionError, Place, bijector_for};
use graph::ir::{Graph, Varies};
use model::Support;

const INF: f64 = f64::INFINITY;

fn supports() -> Vec<Support> {
    [(-INF, INF), (0.0, INF), (-3.5, INF), (-INF, 2.0), (0.0, 1.0), (-1.0, 1.0), (5.0, 5.5), (-1e6, 1e6)]
        .map(|(lower, upper)| Support::Interval { lower, upper })
        .to_vec()
}

/// (x, ln |dx/du|) at each u.
fn at(support: Support, u: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut g = Graph::new();
    let (input, dim) = vector(&mut g, "u", u.len(), Varies::Lane);
    let bijector = bijector_for(&mut g, support, &Place::default()).unwrap();
    let x = bijector.forward(&mut g, input);
    let log_det = bijector.log_det_jac(&mut g, input);
    let log_det = g.expand(log_det, &[dim]);
    let mut values = run(&g, &[x, log_det], &[("u", u.to_vec())]).into_iter();
    (values.next().unwrap(), values.next().unwrap())
}

fn ends(support: Support) -> (f64, f64) {
    let Support::Interval { lower, upper } = support else { unreachable!() };
    (lower, upper)
}

#[test]
fn there_and_back() {
    for support in supports() {
        let u: Vec<f64> = (-60..=60).map(|k| 0.2 * f64::from(k)).collect();
        let (lower, upper) = ends(support);
        let x = at(support, &u).0;
        let back = inverse(support, &x);
        for ((u, x), back) in u.iter().zip(x).zip(back) {
            assert!(support.contains(x), "{support}: {x}");
            // What the nearest end's rounding leaves of x tells u to this much.
            let room = (x - lower).min(upper - x);
            let tolerance = 4.0 * f64::EPSILON * (1.0 + x.abs() / room);
            assert_close(back, *u, tolerance.max(1e-15), &support.to_string());
        }
    }
}

#[test]
fn log_determinants_agree_with_differences() {
    for support in supports() {
        for u in [-4.0, -1.3, 0.0, 0.4, 2.5, 5.0] {
            let h = 1e-4;
            let (x, _) = at(support, &[u - h, u + h]);
            let (_, log_det) = at(support, &[u]);
            let expected = ((x[1] - x[0]) / (2.0 * h)).abs().ln();
            let noise = f64::EPSILON * x[0].abs() / (h * log_det[0].exp());
            assert!((log_det[0] - expected).abs() < 1e-8 + 4.0 * noise, "{} at {u}", support);
        }
    }
}

/// At u = 700 and -700 nothing is NaN, values stay in the support, and the log determinant is exact.
#[test]
fn extreme_arguments() {
    for support in supports() {
        let (lower, upper) = ends(support);
        let (x, log_det) = at(support, &[-700.0, 700.0]);
        for (k, x) in x.iter().enumerate() {
            assert!(support.contains(*x) && x.is_finite(), "{} gives {x}", support);
            let u = if k == 0 { -700.0 } else { 700.0 };
            let expected = match (lower.is_finite(), upper.is_finite()) {
                (false, false) => 0.0,
                (true, true) => (upper - lower).ln() - 700.0,
                _ => u,
            };
            assert_close(log_det[k], expected, 1e-15, &support.to_string());
        }
    }
}

#[test]
fn edges_of_the_inverse() {
    let at = |support, x: f64| inverse(support, &[x])[0];
    assert_eq!(at(Support::UNIT, 0.0), -INF);
    assert_eq!(at(Support::UNIT, 1.0), INF);
    assert!(at(Support::UNIT, -0.1).is_nan() && at(Support::UNIT, 1.1).is_nan());
    assert_eq!(at(Support::POSITIVE, 0.0), -INF);
    assert!(at(Support::POSITIVE, -1.0).is_nan());
    let below = Support::Interval { lower: -INF, upper: 2.0 };
    assert_eq!(at(below, 2.0), -INF);
    assert!(at(below, 3.0).is_nan());
}

#[test]
fn what_has_no_bijector() {
    for support in [
        Support::Integers { lower: 0.0, upper: 1.0 },
        Support::Interval { lower: 1.0, upper: 1.0 },
        Support::Interval { lower: 2.0, upper: 1.0 },
        Support::Interval { lower: INF, upper: INF },
    ] {
        let found = bijector_for(&mut Graph::new(), support, &Place::default()).unwrap_err();
        assert_eq!(found, DistributionError::NoBijector { support });
    }
}
