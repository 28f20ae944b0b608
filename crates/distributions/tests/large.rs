//! Parameters of any size: laws approach their limits, values and gradients, and never become noise.

mod common;

use common::{assert_close, run};
use distributions::{Params, log_prob_at, lookup};
use graph::ir::{Graph, Kind, Varies};
use graph::vjp::value_and_grad;

const HUGE: [f64; 6] = [1e12, 1e19, 1e60, 1e100, 1e200, 1e300];

/// The log density at `x`, and its derivatives by the logarithms of the named parameters, which are positive
/// latents.
fn by_logs(name: &str, given: &[(&str, f64)], logs: &[&str], x: f64) -> (f64, Vec<f64>) {
    let law = lookup(name).unwrap();
    let (mut g, mut inputs, mut at) = (Graph::new(), Vec::new(), Vec::new());
    let named: Vec<(&str, _)> = given
        .iter()
        .map(|&(parameter, v)| {
            if !logs.contains(&parameter) {
                return (parameter, g.constant(v));
            }
            let u = g.input(parameter, Varies::Lane, Kind::Real, &[]);
            inputs.push(u);
            at.push((parameter, vec![v.ln()]));
            (parameter, g.exp(u))
        })
        .collect();
    let params = Params::bind(law, &[], &named).unwrap();
    let x = g.constant(x);
    let density = law.log_prob(&mut g, &params, x).unwrap();
    let vg = value_and_grad(&g, density, &inputs, &[]).unwrap();
    let found = run(&vg.graph, &[&[vg.value], &vg.grads[..]].concat(), &at);
    (found[0][0], found[1..].iter().map(|g| g[0]).collect())
}

fn log_prob(name: &str, given: &[(&str, f64)], x: &[f64]) -> Vec<f64> {
    let law = lookup(name).unwrap();
    log_prob_at(law, &Params::bind(law, &[], given).unwrap(), x).unwrap()
}

/// To 1e-12 of the size of the terms.
fn near(found: f64, expected: f64, size: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-12 * size, "{what}: {found:e}, not {expected:e}");
}

/// Of mean m and dispersion r it is a Poisson law and ((x - m)^2 - x) / (2r).
#[test]
fn negative_binomials_approach_poisson_laws() {
    for r in HUGE {
        for (m, x) in [(0.3, 0.0), (7.0, 3.0), (300.0, 310.0), (2.0, 40.0), (1e4, 9.9e3)] {
            let what = format!("mean {m}, dispersion {r:e} at {x}");
            let size = m + 10.0 * (1.0 + x);
            let limit = log_prob("poisson", &[("rate", m)], &[x])[0];
            let more = ((x - m) * (x - m) - x) / (2.0 * r);
            let given = [("mean", m), ("dispersion", r)];
            let (value, grads) = by_logs("negative_binomial", &given, &["mean", "dispersion"], x);
            near(value, limit + more, size, &what);
            near(grads[0], (x - m) * (1.0 - m / r), size, &format!("{what}, by the mean"));
            near(grads[1], -more, size, &format!("{what}, by the dispersion"));
            let value = by_logs("negative_binomial", &[("log_mean", m.ln()), given[1]], &["dispersion"], x).0;
            near(value, limit + more, size * r.ln(), &what);
        }
    }
}

/// Of a = p s and b = q s it is a binomial law and x (x - 1) / (2a) + y (y - 1) / (2b) - n (n - 1) / (2s).
#[test]
fn beta_binomials_approach_binomial_laws() {
    for s in HUGE {
        for (n, x, p) in [(1.0, 1.0, 0.5), (20.0, 4.0, 0.2), (20.0, 20.0, 0.99), (1000.0, 400.0, 0.37)] {
            let what = format!("n {n}, size {s:e}, p {p} at {x}");
            let (a, b, y) = (p * s, (1.0 - p) * s, n - x);
            let limit = log_prob("binomial", &[("n", n), ("p", p)], &[x])[0];
            let part = |x: f64, a: f64| x * (x - 1.0) / (2.0 * a);
            let more = part(x, a) + part(y, b) - part(n, s);
            let (value, grads) = by_logs("beta_binomial", &[("n", n), ("a", a), ("b", b)], &["a", "b"], x);
            near(value, limit + more, 2.0 * n, &what);
            let score = x * (1.0 - p) - y * p;
            let by_size = part(n, s);
            near(grads[0], score + p * by_size - part(x, a), n, &format!("{what}, by a"));
            near(grads[1], -score + (1.0 - p) * by_size - part(y, b), n, &format!("{what}, by b"));
        }
    }
}

/// ln t - ln phi = (z^4 - 2z^2 - 1) / (4 df) + ..
#[test]
fn students_t_approaches_the_normal_law() {
    for df in HUGE {
        for x in [-7.0, -0.4, 0.0, 2.0, 30.0] {
            let what = format!("df {df:e} at {x}");
            let (given, z) = ([("df", df), ("loc", 0.5), ("scale", 2.0)], (x - 0.5) / 2.0);
            let limit = log_prob("normal", &[("mean", 0.5), ("sd", 2.0)], &[x])[0];
            let more = |z: f64| (z.powi(4) - 2.0 * z * z - 1.0) / (4.0 * df);
            let (value, grads) = by_logs("student_t", &given, &["df", "scale"], x);
            near(value, limit + more(z), 1.0 + z * z, &what);
            near(grads[0], -more(z), 1.0 + z * z, &format!("{what}, by df"));
            let by_scale = z * z - 1.0 + (z * z - z.powi(4)) / df;
            near(grads[1], by_scale, 1.0 + z * z, &format!("{what}, by the scale"));
            let (x, z) = (x.abs() + 0.1, (x.abs() + 0.1) / 2.0);
            let half = by_logs("half_student_t", &[("df", df), ("scale", 2.0)], &["df"], x).0;
            let normal = log_prob("half_normal", &[("scale", 2.0)], &[x])[0];
            near(half, normal + more(z), 1.0 + z * z, &what);
        }
    }
}

/// Few successes of a great many trials are Poisson, and their coefficients have their digits.
#[test]
fn binomials_of_many_trials_approach_poisson_laws() {
    for n in HUGE {
        for (m, x) in [(1.0, 0.0), (1.0, 3.0), (7.0, 20.0)] {
            let limit = log_prob("poisson", &[("rate", m)], &[x])[0];
            let found = log_prob("binomial", &[("n", n), ("p", m / n)], &[x])[0];
            let more = (x - (x - m) * (x - m)) / (2.0 * n);
            near(found, limit + more, 1.0 + x * n.ln(), &format!("{x} of {n:e}"));
        }
    }
}

/// Whatever the sizes of their parameters.
#[test]
fn probabilities_of_outcomes_sum_to_one() {
    let sizes = [1e-300, 1e-150, 1e-12, 1e-3, 0.3, 1.0, 40.0, 1e6, 8.7e16, 3.5e19, 1e100, 1e300];
    let counts: Vec<f64> = (0..=30).map(f64::from).collect();
    for a in sizes {
        for b in sizes {
            let found = log_prob("beta_binomial", &[("n", 30.0), ("a", a), ("b", b)], &counts);
            let sum: f64 = found.iter().map(|l| l.exp()).sum();
            assert_close(sum, 1.0, 1e-11, &format!("beta_binomial(30, {a:e}, {b:e})"));
        }
    }
    let counts: Vec<f64> = (0..2000).map(f64::from).collect();
    for r in sizes.into_iter().filter(|&r| r >= 1.0) {
        let found = log_prob("negative_binomial", &[("mean", 15.0), ("dispersion", r)], &counts);
        let sum: f64 = found.iter().map(|l| l.exp()).sum();
        assert_close(sum, 1.0, 1e-11, &format!("negative_binomial(15, {r:e})"));
    }
}

/// A probability is none above one, nor is its gradient noise: along a ray of a and b to e^90 they settle.
#[test]
fn a_beta_binomial_far_out_is_no_mode() {
    let rats = [(20.0, 4.0), (19.0, 0.0), (52.0, 9.0), (14.0, 4.0)];
    for shift in [0.0, 6.0, -6.0] {
        let mut last: Option<f64> = None;
        for k in 20..90 {
            let (a, b) = ((f64::from(k) + shift).exp(), f64::from(k).exp());
            let mut total = 0.0;
            for (n, x) in rats {
                let (value, grads) =
                    by_logs("beta_binomial", &[("n", n), ("a", a), ("b", b)], &["a", "b"], x);
                assert!(value < 0.0, "{value} at ({a:e}, {b:e})");
                // The score by the common size vanishes.
                assert!((grads[0] + grads[1]).abs() < n * n * f64::from(-k + 7).exp() + 1e-12 * n);
                total += value;
            }
            if let Some(last) = last {
                assert!((total - last).abs() < 1e4 * f64::from(-k + 7).exp() + 1e-10, "{total}, was {last}");
            }
            last = Some(total);
        }
    }
}

/// By small shapes as by large ones: derivatives by their logarithms at 1e-100 are those of the limit.
#[test]
fn derivatives_by_tiny_parameters() {
    // As a -> 0 the density of x >= 1 has a factor a, that of 0 none.
    for a in [1e-20, 1e-100, 1e-250] {
        for (x, expected) in [(0.0, 0.0), (1.0, 1.0), (12.0, 1.0)] {
            let grads = by_logs("beta_binomial", &[("n", 30.0), ("a", a), ("b", 2.0)], &["a", "b"], x).1;
            near(grads[0], expected, 1e3, &format!("beta_binomial by a = {a:e} at {x}"));
            let given = [("mean", 4.0), ("dispersion", a)];
            let grads = by_logs("negative_binomial", &given, &["dispersion"], x).1;
            near(grads[0], expected, 1e3, &format!("negative_binomial by {a:e} at {x}"));
        }
    }
}
