//! Rule 3 of the language, what `@` sums over: densities against sums written out.

mod support;

use support::{Tables, models};

/// The value of `out` with the coordinates of each latent given, one number after the other in memory.
fn out(text: &str, coordinates: &[(&str, &[f64])]) -> f64 {
    let mut tables = Tables::read();
    tables.add("homes_x.csv", "county,x1,x2,y\nb,1,2,0.5\na,3,-1,1.5\nb,0.5,4,-1\n");
    let t = models::compiled(text, &tables).target;
    let node = t.generate.iter().find(|n| n.name == "out").expect("a let called out").node;
    models::evaluate(&t.graph, node, &models::named(&t, coordinates))[0]
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12 * (1.0 + expected.abs()), "{found}, by hand {expected}");
}

const X: [[f64; 2]; 3] = [[1.0, 2.0], [3.0, -1.0], [0.5, 4.0]];
/// The counties of the rows, in the order of their levels.
const COUNTY: [usize; 3] = [1, 0, 1];

/// A spec over three homes with two features; `WEIGHTS` keep rows apart in one sum.
fn spec(latent: &str, lets: &str) -> String {
    format!(
        "
model: m
data:
  homes:
    file: homes_x.csv
    rows: home
    stack: {{x: {{columns: [x1, x2], dim: feature}}}}
latent:
{latent}let:
  A[feature, feature']: [[1, 2], [3, 5]]
{lets}"
    )
}

const A: [[f64; 2]; 2] = [[1.0, 2.0], [3.0, 5.0]];

/// Each home with the slopes of its county: `feature` is summed over, rows line up.
#[test]
fn varying_slopes() {
    let b = [[0.3, -0.2], [1.1, 0.7]];
    let text =
        spec("  beta[county, feature]: normal(0, 1)\n", "  mu: x @ beta[county]\n  out: sum(mu * y)\n");
    let y = [0.5, 1.5, -1.0];
    let mu = |i: usize| (0..2).map(|f| X[i][f] * b[COUNTY[i]][f]).sum::<f64>();
    let expected = (0..3).map(|i| y[i] * mu(i)).sum();
    // In memory features vary slowest: stacks are declared before the levels of a column.
    let memory = [b[0][0], b[1][0], b[0][1], b[1][1]];
    close(out(&text, &[("beta", &memory)]), expected);
    let turned = text.replace("x @ beta[county]", "beta[county] @ x");
    close(out(&turned, &[("beta", &memory)]), expected);
}

/// A matrix times a vector: the prime of the matrix is summed over.
#[test]
fn a_matrix_and_a_vector() {
    let z = [0.3, -2.0];
    let text =
        spec("  z[feature]: normal(0, 1)\n", "  v: A @ z\n  out: v[feature=x1] + 10 * v[feature=x2]\n");
    let row = |i: usize| (0..2).map(|j| A[i][j] * z[j]).sum::<f64>();
    close(out(&text, &[("z", &z)]), row(0) + 10.0 * row(1));
    // By position it would be the same for a symmetric matrix only.
    let transposed = text.replace("A @ z", "transpose(A) @ z");
    let column = |j: usize| (0..2).map(|i| A[i][j] * z[i]).sum::<f64>();
    close(out(&transposed, &[("z", &z)]), column(0) + 10.0 * column(1));
}

/// A factor times noise of each group: the groups stay.
#[test]
fn a_factor_and_the_noise_of_groups() {
    let eps = [[0.4, -1.0], [0.2, 0.9]];
    let text = spec(
        "  L[feature, feature']: lkj_cholesky(2)\n  eps[county, feature]: normal(0, 1)\n",
        "  effect: L @ eps\n  out: sum(effect[county] @ x * y)\n",
    );
    let u = 0.35f64;
    let r = u.tanh();
    let l = [[1.0, 0.0], [r, (1.0 - r * r).sqrt()]];
    let effect = |c: usize, f: usize| (0..2).map(|j| l[f][j] * eps[c][j]).sum::<f64>();
    let y = [0.5, 1.5, -1.0];
    let at = |i: usize| y[i] * (0..2).map(|f| X[i][f] * effect(COUNTY[i], f)).sum::<f64>();
    let memory = [eps[0][0], eps[1][0], eps[0][1], eps[1][1]];
    close(out(&text, &[("L", &[u]), ("eps", &memory)]), (0..3).map(at).sum());
}

/// The quadratic form of each row.
#[test]
fn a_quadratic_form_of_rows() {
    let text = spec("  s: normal(0, 1)\n", "  q: x @ (A @ x)\n  out: sum(q * y) + s\n");
    let y = [0.5, 1.5, -1.0];
    let q = |i: usize| (0..2).flat_map(|f| (0..2).map(move |g| X[i][f] * A[f][g] * X[i][g])).sum::<f64>();
    close(out(&text, &[("s", &[0.0])]), (0..3).map(|i| y[i] * q(i)).sum());
}

/// Between rows: the factor of a covariance times the noise of each.
#[test]
fn a_factor_over_rows() {
    let text = spec(
        "  z[home]: normal(0, 1)\n",
        "  K: exp(-0.5 * (x1 - prime(x1))^2) + 0.1 * identity(home)\n  f: cholesky(K) @ z\n  out: sum(f * y)\n",
    );
    let z = [0.3, -0.8, 1.2];
    let k = |i: usize, j: usize| (-0.5 * (X[i][0] - X[j][0]).powi(2)).exp() + if i == j { 0.1 } else { 0.0 };
    let mut l = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..=i {
            let rest = k(i, j) - (0..j).map(|m| l[i][m] * l[j][m]).sum::<f64>();
            l[i][j] = if i == j { rest.sqrt() } else { rest / l[j][j] };
        }
    }
    let y = [0.5, 1.5, -1.0];
    let f = |i: usize| (0..3).map(|j| l[i][j] * z[j]).sum::<f64>();
    close(out(&text, &[("z", &z)]), (0..3).map(|i| y[i] * f(i)).sum());
}

/// Of two matrices the inner dimensions are summed over, in the order in which they are written.
#[test]
fn matrices_of_latents() {
    let (m, n) = ([[0.1, 0.2], [0.3, 0.4]], [[1.0, -1.0], [2.0, 0.5]]);
    let text = spec(
        "  m[feature, feature']: normal(0, 1)\n  n[feature, feature']: normal(0, 1)\n",
        "  p: m @ transpose(n)\n  out: p[feature=x2, feature'=x1] + 10 * p[feature=x1, feature'=x2]\n",
    );
    let p = |i: usize, j: usize| (0..2).map(|k| m[i][k] * n[j][k]).sum::<f64>();
    let memory = |a: [[f64; 2]; 2]| [a[0][0], a[0][1], a[1][0], a[1][1]];
    let found = out(&text, &[("m", &memory(m)), ("n", &memory(n))]);
    close(found, p(1, 0) + 10.0 * p(0, 1));
}

/// What the data say of a Gaussian process where they are, by solves with a factor: K (K + 0.1)^-1 y.
#[test]
fn solves_with_a_matrix() {
    let text = spec(
        "  s: normal(0, 1)\n",
        "  K: (1 + s) * exp(-0.5 * (x1 - prime(x1))^2)\n  L: cholesky(K + 0.1 * identity(home))\n  \
         f: transpose(solve_triangular(L, K)) @ solve_triangular(L, y)\n  out: sum(f * x2)\n",
    );
    let y = [0.5, 1.5, -1.0];
    let k = |i: usize, j: usize| 1.3 * (-0.5 * (X[i][0] - X[j][0]).powi(2)).exp();
    let s = |i: usize, j: usize| k(i, j) + if i == j { 0.1 } else { 0.0 };
    // By Cramer's rule.
    let det = |m: &dyn Fn(usize, usize) -> f64| {
        m(0, 0) * (m(1, 1) * m(2, 2) - m(1, 2) * m(2, 1)) - m(0, 1) * (m(1, 0) * m(2, 2) - m(1, 2) * m(2, 0))
            + m(0, 2) * (m(1, 0) * m(2, 1) - m(1, 1) * m(2, 0))
    };
    let a: Vec<f64> = (0..3).map(|c| det(&|i, j| if j == c { y[i] } else { s(i, j) }) / det(&s)).collect();
    let f = |i: usize| (0..3).map(|j| k(i, j) * a[j]).sum::<f64>();
    close(out(&text, &[("s", &[0.3])]), (0..3).map(|i| f(i) * X[i][1]).sum());
}
