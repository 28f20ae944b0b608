//! Bijectors: there and back, log determinants, extreme arguments.

mod common;

use common::{assert_close, run, vector};
use distributions::{DistributionError, bijector_for};
use graph::ir::{Graph, Varies};
use model::{Bijector, Support};

const INF: f64 = f64::INFINITY;

fn supports() -> Vec<Support> {
    [(-INF, INF), (0.0, INF), (-3.5, INF), (-INF, 2.0), (0.0, 1.0), (-1.0, 1.0), (5.0, 5.5), (-1e6, 1e6)]
        .map(|(lower, upper)| Support::Interval { lower, upper })
        .to_vec()
}

/// (x, ln |dx/du|) at each u.
fn at(bijector: &dyn Bijector, u: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut g = Graph::new();
    let (input, dim) = vector(&mut g, "u", u.len(), Varies::Lane);
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
        let bijector = bijector_for(support).unwrap();
        let u: Vec<f64> = (-60..=60).map(|k| 0.2 * f64::from(k)).collect();
        let (lower, upper) = ends(support);
        for (u, x) in u.iter().zip(at(&*bijector, &u).0) {
            assert!(support.contains(x), "{}: {x}", bijector.name());
            // What the nearest end's rounding leaves of x tells u to this much.
            let room = (x - lower).min(upper - x);
            let tolerance = 4.0 * f64::EPSILON * (1.0 + x.abs() / room);
            assert_close(bijector.inverse(x), *u, tolerance.max(1e-15), &bijector.name());
        }
    }
}

#[test]
fn log_determinants_agree_with_differences() {
    for support in supports() {
        let bijector = bijector_for(support).unwrap();
        for u in [-4.0, -1.3, 0.0, 0.4, 2.5, 5.0] {
            let h = 1e-4;
            let (x, _) = at(&*bijector, &[u - h, u + h]);
            let (_, log_det) = at(&*bijector, &[u]);
            let expected = ((x[1] - x[0]) / (2.0 * h)).abs().ln();
            let noise = f64::EPSILON * x[0].abs() / (h * log_det[0].exp());
            assert!((log_det[0] - expected).abs() < 1e-8 + 4.0 * noise, "{} at {u}", bijector.name());
        }
    }
}

/// At u = 700 and -700 nothing is NaN, values stay in the support, and the log determinant is exact.
#[test]
fn extreme_arguments() {
    for support in supports() {
        let bijector = bijector_for(support).unwrap();
        let (lower, upper) = ends(support);
        let (x, log_det) = at(&*bijector, &[-700.0, 700.0]);
        for (k, x) in x.iter().enumerate() {
            assert!(support.contains(*x) && x.is_finite(), "{} gives {x}", bijector.name());
            let u = if k == 0 { -700.0 } else { 700.0 };
            let expected = match (lower.is_finite(), upper.is_finite()) {
                (false, false) => 0.0,
                (true, true) => (upper - lower).ln() - 700.0,
                _ => u,
            };
            assert_close(log_det[k], expected, 1e-15, &bijector.name());
        }
    }
}

#[test]
fn edges_of_the_inverse() {
    let unit = bijector_for(Support::UNIT).unwrap();
    assert_eq!(unit.inverse(0.0), -INF);
    assert_eq!(unit.inverse(1.0), INF);
    assert!(unit.inverse(-0.1).is_nan() && unit.inverse(1.1).is_nan());
    let positive = bijector_for(Support::POSITIVE).unwrap();
    assert_eq!(positive.inverse(0.0), -INF);
    assert!(positive.inverse(-1.0).is_nan());
    let below = bijector_for(Support::Interval { lower: -INF, upper: 2.0 }).unwrap();
    assert_eq!(below.inverse(2.0), -INF);
    assert!(below.inverse(3.0).is_nan());
}

#[test]
fn names() {
    let names: Vec<String> = supports().iter().map(|&s| bijector_for(s).unwrap().name()).collect();
    let expected = [
        "identity",
        "exp",
        "lower(-3.5)",
        "upper(2)",
        "interval(0, 1)",
        "interval(-1, 1)",
        "interval(5, 5.5)",
        "interval(-1000000, 1000000)",
    ];
    assert_eq!(names, expected);
}

#[test]
fn what_has_no_bijector() {
    for support in [
        Support::Integers { lower: 0.0, upper: 1.0 },
        Support::Interval { lower: 1.0, upper: 1.0 },
        Support::Interval { lower: 2.0, upper: 1.0 },
        Support::Interval { lower: INF, upper: INF },
    ] {
        let found = bijector_for(support).unwrap_err();
        assert_eq!(found, DistributionError::NoBijector { support });
    }
}
