//! Laws of vectors and matrices against references, and what is known of them by hand.

mod common;

use common::assert_close;
use common::vectors::{Case, Given, Map, log_probs};
use distributions::{Event, Shape, lookup};
use model::Support;

fn case(name: &str, given: Given) -> Case {
    let law = lookup(name).unwrap();
    let size = |v: &[f64], square: bool| if square { v.len().isqrt() } else { v.len() };
    let slots = law.slots().iter().flat_map(|s| s.alternatives);
    let shapes: Vec<(&str, Shape)> = slots.map(|p| (p.name, p.shape)).collect();
    let shape = |name: &str| shapes.iter().find(|(n, _)| *n == name).unwrap().1;
    let sizes = given.iter().filter(|(n, _)| shape(n) != Shape::Scalar);
    let n = sizes.map(|(n, v)| size(v, shape(n) == Shape::Square)).max().unwrap_or(1);
    Case { law, n, given, moments: &[], label: format!("{name}{given:?}") }
}

fn log_prob(name: &str, given: Given, x: &[f64]) -> f64 {
    let mut case = case(name, given);
    match case.law.event() {
        Event::Vector => case.n = x.len(),
        Event::Matrix => case.n = x.len().isqrt(),
        Event::Scalar | Event::Outcome => {}
    }
    log_probs(&case, &[x.to_vec()])[0]
}

/// scipy.stats and definitions of 50 digits, by tests/references/make.py.
#[test]
fn agrees_with_the_references() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/references/vectors.csv");
    let mut compared = std::collections::BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let mut fields = line.split(';');
        let name = fields.next().unwrap();
        let mut fields: Vec<&str> = fields.collect();
        let expected: f64 = fields.pop().unwrap().parse().unwrap();
        let mut given: Vec<(&'static str, &'static [f64])> = Vec::new();
        for field in fields {
            let (name, elements) = field.split_once('=').unwrap();
            let elements: Vec<f64> = elements.split(' ').map(|e| e.parse().unwrap()).collect();
            given.push((String::leak(name.to_string()), Vec::leak(elements)));
        }
        let x = given.pop().unwrap().1;
        let found = log_prob(name, Vec::leak(given), x);
        // scipy decomposes by eigenvalues; inverses lose what the condition says.
        assert_close(found, expected, 1e-11, line);
        *compared.entry(name.to_string()).or_insert(0) += 1;
    }
    assert_eq!(compared.len(), 7, "{compared:?}");
    assert!(compared.values().all(|&n| n >= 9), "{compared:?}");
}

/// (1 + rho) / 2 of two dimensions has a beta(eta, eta) law.
#[test]
fn a_correlation_of_two_is_beta() {
    let beta = lookup("beta").unwrap();
    let etas: [Given; 3] = [&[("eta", &[0.5])], &[("eta", &[1.0])], &[("eta", &[7.0])]];
    for given in etas {
        let eta = given[0].1[0];
        for rho in [-0.99f64, -0.3, 0.0, 0.8] {
            let found = log_prob("lkj_cholesky", given, &[1.0, 0.0, rho, (1.0 - rho * rho).sqrt()]);
            let params = distributions::Params::bind(beta, &[eta, eta], &[]).unwrap();
            let expected = distributions::log_prob_at(beta, &params, &[0.5 * (1.0 + rho)]).unwrap()[0];
            assert_close(found, expected - std::f64::consts::LN_2, 1e-13, &format!("{eta} at {rho}"));
        }
    }
}

/// dirichlet(1, .., 1) is flat: (n - 1)! everywhere.
#[test]
fn a_flat_dirichlet() {
    let found = log_prob("dirichlet", &[("alpha", &[1.0])], &[0.1, 0.2, 0.3, 0.15, 0.25]);
    assert_close(found, 24f64.ln(), 1e-15, "of five");
}

/// n! times the density of independent numbers integrates to one over those in order: by the bijector
/// and the trapezoidal rule, of two normal, exponential, and uniform numbers.
#[test]
fn ordered_numbers_have_n_factorial_orders() {
    const INF: f64 = f64::INFINITY;
    let (h, half) = (0.05, 500);
    let grid: Vec<f64> = (-half..=half).map(|k| h * f64::from(k)).collect();
    let u: Vec<Vec<f64>> = grid.iter().flat_map(|&a| grid.iter().map(move |&b| vec![a, b])).collect();
    for (name, positional, lower, upper) in [
        ("normal", &[0.5, 2.0][..], -INF, INF),
        ("exponential", &[1.5], 0.0, INF),
        ("uniform", &[-1.0, 2.0], -1.0, 2.0),
    ] {
        let law = lookup(name).unwrap();
        let params = distributions::Params::bind(law, positional, &[]).unwrap();
        let (x, log_det) = Map::new(Support::Ordered { lower, upper }, 2).forward(&u);
        let log_prob = distributions::log_prob_at(law, &params, &x.concat()).unwrap();
        let terms = log_prob.chunks(2).zip(&log_det).map(|(l, d)| 2.0 * h * h * (l[0] + l[1] + d).exp());
        assert_close(terms.sum(), 1.0, 1e-9, name);
    }
}

/// A rating far from its interval, and an interval that is narrow, keep their digits.
#[test]
fn ratings_far_out() {
    let far: Given = &[("eta", &[800.0]), ("cutpoints", &[-1.0, 1.0])];
    assert_close(log_prob("ordered_logistic", far, &[1.0]), -801.0, 1e-15, "below");
    assert_eq!(log_prob("ordered_logistic", far, &[3.0]), 0.0);
    // A width of w has probability w e^-799 in the limit of small w.
    let narrow: Given = &[("eta", &[800.0]), ("cutpoints", &[0.0, 1e-12])];
    assert_close(log_prob("ordered_logistic", narrow, &[2.0]), -800.0 + 1e-12f64.ln(), 1e-15, "narrow");
}
