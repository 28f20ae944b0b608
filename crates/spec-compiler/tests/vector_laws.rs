//! Laws of vectors and matrices in specs: their dimensions, and the joint density against numbers by hand.

mod support;

use support::Tables;
use support::models::{self, normal};

/// The log joint density with the coordinates of each latent given.
fn log_joint(text: &str, coordinates: &[(&str, &[f64])]) -> f64 {
    let t = models::compiled(text, &Tables::read()).target;
    models::log_joint(&t, &models::named(&t, coordinates))
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12 * (1.0 + expected.abs()), "{found}, by hand {expected}");
}

/// Two normal numbers with a correlation: one, and the other given it.
fn two(x: [f64; 2], m: [f64; 2], s: [f64; 2], r: f64) -> f64 {
    let given = m[1] + r * s[1] / s[0] * (x[0] - m[0]);
    normal(x[0], m[0], s[0]) + normal(x[1], given, s[1] * (1.0 - r * r).sqrt())
}

/// Effects of groups that vary together, by scales and the factor of a correlation.
#[test]
fn correlated_effects() {
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
  counties: {file: counties.csv, key: county}
dims: {coef: [base, slope]}
latent:
  L[coef, coef']: lkj_cholesky(2)
  sigma[coef]: half_normal(1)
  mu[coef]: normal(0, 1)
  b[county, coef]: multivariate_normal(mu, cholesky=sigma * L)
observe:
  y: normal(0, 1)
";
    let (u, mu, b): (f64, _, _) = (0.4, [0.2, -0.7], [[0.5, -1.0], [0.9, 1.3]]);
    let s: [f64; 2] = [0.8, 1.9];
    let effects = |memory: [f64; 4]| {
        let ln_sigma = s.map(f64::ln);
        log_joint(text, &[("L", &[u]), ("sigma", &ln_sigma), ("mu", &mu), ("b", &memory)])
    };
    let r = u.tanh();
    // lkj(2) of two: 3/4 (1 - r^2).
    let priors = (0.75 * (1.0 - r * r)).ln()
        + s.map(|s| normal(s, 0.0, 1.0) + std::f64::consts::LN_2).iter().sum::<f64>()
        + mu.map(|m| normal(m, 0.0, 1.0)).iter().sum::<f64>();
    let rows: f64 = b.map(|b| two(b, mu, s, r)).iter().sum();
    // The observations do not depend on any of them.
    let at_zero = effects([0.0; 4]) - 2.0 * two([0.0; 2], mu, s, r) - priors;
    // In memory counties vary fastest: coef was declared before the table brought them.
    close(effects([b[0][0], b[1][0], b[0][1], b[1][1]]) - at_zero, priors + rows);
}

/// A covariance to be found and a precision that is constant.
#[test]
fn a_covariance_and_a_precision() {
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
dims: {k: 2}
latent:
  S[k, k']: inverse_wishart(5, V)
  z[k]: multivariate_normal(1, covariance=S)
  w[k]: multivariate_normal(0, precision=V)
let:
  V[k, k']: [[2, 0.5], [0.5, 1]]
observe:
  y: normal(0, 1)
";
    let (ln_a, b, ln_c): (f64, f64, f64) = (0.2, -0.6, -0.1);
    let (z, w) = ([0.3, 2.0], [1.5, -0.2]);
    let at = |z: [f64; 2], w: [f64; 2]| log_joint(text, &[("S", &[ln_a, b, ln_c]), ("z", &z), ("w", &w)]);
    // S = [[a^2, a b], [a b, b^2 + c^2]]
    let (a, c) = (ln_a.exp(), ln_c.exp());
    let s = [a, b.hypot(c)];
    let r = b / s[1];
    // The inverse of V is [[1, -0.5], [-0.5, 2]] / 1.75.
    let t = [(1.0f64 / 1.75).sqrt(), (2.0f64 / 1.75).sqrt()];
    let of = |z, w| two(z, [1.0; 2], s, r) + two(w, [0.0; 2], t, -0.5 / 2f64.sqrt());
    close(at(z, w) - at([0.0; 2], [0.0; 2]), of(z, w) - of([0.0; 2], [0.0; 2]));
}

/// What is on the diagonal of a matrix may be a scale, whatever its other elements may be.
#[test]
fn elements_on_the_diagonal_are_positive() {
    let text = "model: m
data:
  homes: {file: homes.csv, rows: home}
dims: {c: [i, s]}
latent:
  S[c, c']: wishart(4, V)
  L[c, c']: lkj_cholesky(2)
let:
  V[c, c']: [[1, 0.3], [0.3, 2]]
observe:
  y: normal(0, S[c=i, c'=i])
  floor: bernoulli(transpose(L)[c'=s, c=s])
";
    models::compiled(text, &Tables::read());
}

/// A vector for a covariance is refused with the names of the dimensions.
#[test]
fn a_covariance_is_a_matrix() {
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
dims: {k: 2}
latent:
  s[k]: half_normal(1)
  z[k]: multivariate_normal(0, cholesky=s)
observe:
  y: normal(0, 1)
";
    let told = models::mistakes(text, &Tables::read());
    assert!(told.contains("cholesky of multivariate_normal must be a"), "{told}");
}
