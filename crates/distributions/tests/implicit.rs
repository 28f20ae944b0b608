//! How draws move with their parameters: against the cdf of every law, and on average.

mod common;

use common::{Case, cases, draws};
use distributions::{
    Distribution, Params, Tails, Truncated, dirichlet_implicit, log_prob_at, lookup, stream, tails_at,
};
use numerics::incomplete::{gamma, ln_1m_exp};
use numerics::random::{Counter, Key};
use numerics::special::trigamma;

/// Both tails at x of a law, or of its part between two points.
type TailsOf<'a> = &'a dyn Fn(&Params<f64>, f64) -> Tails<f64>;

/// F(x(theta), theta) stays: `p dx/dtheta = -dF/dtheta`, the right side by differences.
fn follows_the_cdf(label: &str, law: &dyn Distribution, params: &Params<f64>, x: f64, tails: TailsOf) {
    let moved = law.implicit(params, x).unwrap_or_else(|| panic!("{label} has no implicit derivative"));
    assert_eq!(moved.len(), params.iter().count(), "{label}");
    let log_density = log_prob_at(law, params, &[x]).unwrap()[0];
    let here = tails(params, x);
    let lower = here.log_cdf < here.log_survival;
    for ((slot, given), found) in params.iter().zip(moved) {
        let h = 3e-4 * if given.value == 0.0 { 1.0 } else { given.value.abs() };
        let at = |steps: f64| {
            let mut k = 0;
            let shifted = params.map(|v| {
                k += 1;
                if k == slot + 1 { v + steps * h } else { v }
            });
            let t = tails(&shifted, x);
            if lower { t.log_cdf } else { t.log_survival }
        };
        let slope = (at(-2.0) - at(2.0) + 8.0 * (at(1.0) - at(-1.0))) / (12.0 * h);
        let (log_tail, sign) = if lower { (here.log_cdf, -1.0) } else { (here.log_survival, 1.0) };
        let expected = sign * slope * (log_tail - log_density).exp();
        let noise = 1e-14 * (1.0 + log_tail.abs()) / h * (log_tail - log_density).exp();
        let error = (found - expected).abs();
        assert!(
            error < 1e-6 * expected.abs() + 10.0 * noise,
            "{label} at {x}: {found} by parameter {slot}, {expected} by differences"
        );
    }
}

/// Continuous laws with tails to compare with.
fn continuous() -> impl Iterator<Item = Case> {
    cases().into_iter().filter(|c| {
        let whole = !c.label.starts_with("truncated") && c.law.is_proper() && !c.law.is_discrete();
        whole && tails_at(c.law, &c.params(), &draws(c, 1, 1)).is_ok()
    })
}

#[test]
fn draws_move_as_the_cdf_says() {
    let mut tested = 0;
    for case in continuous() {
        for x in draws(&case, 12, 21) {
            // Off the ends, at which draws of small shapes are clamped.
            if x > f64::MIN_POSITIVE && x < 1.0 - f64::EPSILON || case.support().contains(-1.0) || x > 1.0 {
                follows_the_cdf(&case.label, case.law, &case.params(), x, &|p, x| {
                    tails_at(case.law, p, &[x]).unwrap()[0]
                });
                tested += 1;
            }
        }
    }
    assert!(tested > 200);
}

#[test]
fn draws_of_windows_move_as_the_cdf_says() {
    for case in continuous() {
        // The bounds of a uniform are where it is cut.
        if case.law.name() == "uniform" {
            continue;
        }
        let mut x = draws(&case, 3, 22);
        x.sort_by(f64::total_cmp);
        let windows = [(x[0], x[2]), (x[0], f64::INFINITY), (f64::NEG_INFINITY, x[2])];
        for (lower, upper) in windows.into_iter().filter(|_| x[0] > f64::MIN_POSITIVE) {
            let law = Truncated::new(case.law, lower, upper).unwrap();
            let ends = |p: &Params<f64>, x: f64| {
                let at =
                    |x: f64| if x.is_finite() { Some(tails_at(case.law, p, &[x]).unwrap()[0]) } else { None };
                let (a, t, b) = (at(lower), at(x).unwrap(), at(upper));
                let (below, above) =
                    (a.map_or(f64::NEG_INFINITY, |a| a.log_cdf), b.map_or(0.0, |b| b.log_cdf));
                let between = |from: f64, to: f64| to + ln_1m_exp(from - to);
                let mass = between(below, above);
                Tails {
                    log_cdf: between(below, t.log_cdf) - mass,
                    log_survival: between(t.log_cdf, above) - mass,
                }
            };
            let label = format!("{} from {lower} to {upper}", case.label);
            follows_the_cdf(&label, &law, &case.params(), x[1], &ends);
        }
    }
}

#[test]
fn discrete_and_improper_laws_have_none() {
    for case in cases().iter().filter(|c| c.law.is_discrete() || !c.law.is_proper()) {
        assert_eq!(case.law.implicit(&case.params(), 1.0), None, "{}", case.label);
    }
}

/// Mean of `f` over draws, and its standard error.
fn mean(n: u32, mut f: impl FnMut(u32) -> f64) -> (f64, f64) {
    let (mut sum, mut squares) = (0.0, 0.0);
    for k in 0..n {
        let v = f(k);
        sum += v;
        squares += v * v;
    }
    let (n, mean) = (f64::from(n), sum / f64::from(n));
    (mean, ((squares / n - mean * mean) / n).sqrt())
}

fn within_four(what: &str, (found, error): (f64, f64), expected: f64) {
    assert!(
        (found - expected).abs() < 4.0 * error,
        "{what}: {found} against {expected}, standard error {error:.1e}"
    );
}

/// Derivatives of expectations with closed forms, through many draws.
#[test]
fn expectations_move_as_they_should() {
    let n = 100_000;
    let draw = |name: &str, given: &[f64], k: u32| {
        let law = lookup(name).unwrap();
        let params = Params::bind(law, given, &[]).unwrap();
        let at = Counter { draw: k, ..Counter::default() };
        let x = law.sample(&params, &mut stream(Key::new(5, "implicit", name, ""), at)).unwrap();
        (x, law.implicit(&params, x).unwrap())
    };
    let of = |name: &str, given: &[f64], f: &dyn Fn(f64, &[f64]) -> f64| {
        mean(n, |k| {
            let (x, moved) = draw(name, given, k);
            f(x, &moved)
        })
    };
    within_four("gamma, E x", of("gamma", &[2.5, 1.0], &|_, d| d[0]), 1.0);
    within_four("gamma, E x^2", of("gamma", &[2.5, 1.0], &|x, d| 2.0 * x * d[0]), 6.0);
    within_four("gamma, E ln x", of("gamma", &[2.5, 1.0], &|x, d| d[0] / x), 0.490357756100235);
    within_four("gamma(0.1), E ln x", of("gamma", &[0.1, 1.0], &|x, d| d[0] / x), 101.433299150793);
    within_four("gamma, E x by rate", of("gamma", &[2.5, 2.0], &|_, d| d[1]), -2.5 / 4.0);
    within_four("inverse gamma, E x", of("inverse_gamma", &[5.0, 2.0], &|_, d| d[0]), -2.0 / 16.0);
    within_four("beta, E x", of("beta", &[2.0, 3.0], &|_, d| d[0]), 0.12);
    within_four("beta, E ln x", of("beta", &[2.0, 3.0], &|x, d| d[0] / x), 0.423611111111);
    within_four("beta, E x by b", of("beta", &[2.0, 3.0], &|_, d| d[1]), -2.0 / 25.0);
    let t = of("student_t", &[5.0, 0.0, 1.0], &|x, d| 2.0 * x * d[0]);
    within_four("Student's t, variance", t, -2.0 / 9.0);
    within_four(
        "half_student_t, E x^2",
        of("half_student_t", &[5.0, 1.0], &|x, d| 2.0 * x * d[0]),
        -2.0 / 9.0,
    );
}

/// d E ln x_i / d a_j = [i = j] trigamma(a_i) - trigamma(sum a), also at a shape whose gammas underflow.
#[test]
fn dirichlet_expectations_move_as_they_should() {
    let shapes = [0.6, 2.0, 3.5];
    let law = lookup("gamma").unwrap();
    let ln_gammas = |k: u32| -> Vec<f64> {
        let of = |(i, &a): (usize, &f64)| {
            let params = Params::bind(law, &[a, 1.0], &[]).unwrap();
            let at = Counter { draw: k, element: i as u32, ..Counter::default() };
            law.sample(&params, &mut stream(Key::new(6, "implicit", "dirichlet", ""), at)).unwrap().ln()
        };
        shapes.iter().enumerate().map(of).collect()
    };
    let whole = trigamma(shapes.iter().sum());
    for i in 0..3 {
        for j in 0..3 {
            let found = mean(30_000, |k| {
                let l = ln_gammas(k);
                let total: f64 = l.iter().map(|l| l.exp()).sum();
                dirichlet_implicit(&shapes, &l)[i][j] * total / l[i].exp()
            });
            let expected = if i == j { trigamma(shapes[i]) } else { 0.0 } - whole;
            within_four(&format!("dirichlet, {i} by {j}"), found, expected);
        }
    }
    // Components add to one, so their derivatives add to nothing; one gamma is e^-5000.
    let moved = dirichlet_implicit(&[1e-4, 1.0, 2.0], &[-5000.0, 0.3, 0.9]);
    for j in 0..3 {
        let sum: f64 = moved.iter().map(|row| row[j]).sum();
        assert!(sum.abs() < 1e-12 && moved.iter().all(|row| row[j].is_finite()), "{moved:?}");
    }
    let moved = dirichlet_implicit(&[1e-4, 2.0], &[-3.0, 0.5]);
    let x = 1.0 / (1.0 + 3.5f64.exp());
    let expected = x * (1.0 - x) * gamma::ln_implicit(1e-4, -3.0);
    assert!((moved[0][0] / expected - 1.0).abs() < 1e-13);
}
