//! What the language means: specs over tables in memory, their log density against numbers by hand.

mod support;

use graph::value::Value;
use spec_compiler::Compiled;
use support::Tables;
use support::models::{self, normal};

fn compiled(text: &str) -> Compiled {
    models::compiled(text, &Tables::read())
}

fn mistakes(text: &str) -> String {
    models::mistakes(text, &Tables::read())
}

/// The log joint density with the unconstrained coordinates at `u`.
fn log_joint(text: &str, u: &[f64]) -> f64 {
    let t = compiled(text).target;
    models::log_joint(&t, &models::at(&t, u))
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-10 * (1.0 + expected.abs()), "{found}, by hand {expected}");
}

#[test]
fn lookups_by_text_and_integer_columns_and_of_a_parent() {
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
  counties: {file: counties.csv, key: county}
latent:
  alpha[county]: normal(log(uranium), 1)
  g[year]: normal(0, 2)
observe:
  y: normal(alpha[county] + g[year] * floor + uranium[county], 1)
";
    assert_eq!(compiled(text).target.coordinates(), ["alpha[b]", "alpha[a]", "g[2001]", "g[2002]"]);
    let (b, a, g1, g2) = (0.3, -0.2, 0.7, 1.1);
    let expected = normal(b, 2.0_f64.ln(), 1.0)
        + normal(a, 3.0_f64.ln(), 1.0)
        + normal(g1, 0.0, 2.0)
        + normal(g2, 0.0, 2.0)
        + normal(1.5, b + 2.0, 1.0)
        + normal(0.5, a + g2 + 3.0, 1.0)
        + normal(-1.0, b + g2 + 2.0, 1.0);
    close(log_joint(text, &[b, a, g1, g2]), expected);
}

#[test]
fn stacks_sort_naturally_and_multiply_by_name() {
    for columns in ["\"x*\"", "[x1, x2, x10]"] {
        let text = format!(
            "
model: m
data:
  wide: {{file: wide.csv, rows: i, stack: {{x: {{columns: {columns}, dim: feature}}}}}}
latent:
  b[feature]: normal(0, 1)
observe:
  y: normal(x @ b, 1)
"
        );
        assert_eq!(compiled(&text).target.coordinates(), ["b[x1]", "b[x2]", "b[x10]"]);
        let b = [0.1, -0.2, 0.3];
        let prior: f64 = b.iter().map(|&b| normal(b, 0.0, 1.0)).sum();
        let at = |x: [f64; 3]| x.iter().zip(b).map(|(x, b)| x * b).sum::<f64>();
        let expected = prior + normal(0.5, at([1.0, 2.0, 3.0]), 1.0) + normal(1.5, at([4.0, 5.0, 6.0]), 1.0);
        close(log_joint(&text, &b), expected);
    }
}

#[test]
fn matrices_multiply_by_rule_three() {
    // A = [[1, 2], [3, 4]], M = [[0, 1], [1, 1]]; v = (v1, v2)
    let base = "
model: m
dims: {k: 2}
let:
  A[k, k']: [[1, 2], [3, 4]]
  B[k', k]: [[1, 3], [2, 4]]
  M[k, k']: [[0, 1], [1, 1]]
  out: EXPR
latent:
  v[k]: normal(0, 1)
  z: normal(sum(OUT), 1)
";
    let (v1, v2) = (0.5, -2.0);
    let case = |expr: &str, out: &str, expected: f64| {
        let text = base.replace("EXPR", expr).replace("OUT", out);
        let prior = normal(v1, 0.0, 1.0) + normal(v2, 0.0, 1.0);
        close(log_joint(&text, &[v1, v2, 0.0]), prior + normal(0.0, expected, 1.0));
    };
    let weighted = "out * A[k'=1]";
    case("A @ v", weighted, v1 + 2.0 * v2 + 3.0 * (3.0 * v1 + 4.0 * v2));
    case("B @ v", weighted, v1 + 2.0 * v2 + 3.0 * (3.0 * v1 + 4.0 * v2));
    case("transpose(A) @ v", weighted, v1 + 3.0 * v2 + 3.0 * (2.0 * v1 + 4.0 * v2));
    // A M = [[2, 3], [4, 7]]
    case("(A @ M) @ v", weighted, 2.0 * v1 + 3.0 * v2 + 3.0 * (4.0 * v1 + 7.0 * v2));
    case("v @ v", "out", v1 * v1 + v2 * v2);
    case("dot(v, v, over=k)", "out", v1 * v1 + v2 * v2);
    case("A[k=2, k'=1] * v[k=2]", "out", 3.0 * v2);
}

#[test]
fn ambiguous_and_empty_contractions_list_what_there_is() {
    let text = "
model: m
dims: {i: 2, j: 3}
latent:
  a[i, j]: normal(0, 1)
  b[i, j]: normal(0, 1)
  c: normal(0, 1)
let:
  x: a @ b
  y: a @ c
";
    let said = mistakes(text);
    assert!(said.contains("they share i, j") && said.contains("they share none"), "{said}");
}

#[test]
fn data_lets_are_computed_over_the_whole_table_and_may_be_observed() {
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
let:
  s: (y - mean(y)) / sd(y)
  late: year > 2001 and not floor == 0
latent:
  mu: normal(0, 1)
observe:
  s: normal(mu * late, 1)
";
    let y = [1.5, 0.5, -1.0];
    let mean = y.iter().sum::<f64>() / 3.0;
    let sd = (y.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 2.0).sqrt();
    let s = |i: usize| (y[i] - mean) / sd;
    let expected =
        normal(0.4, 0.0, 1.0) + normal(s(0), 0.0, 1.0) + normal(s(1), 0.4, 1.0) + normal(s(2), 0.4, 1.0);
    close(log_joint(text, &[0.4]), expected);
}

#[test]
fn likelihoods_can_leave_rows_out() {
    let text = |extra: &str, law: &str| {
        format!(
            "
model: m
data:
  gaps: {{file: gaps.csv, rows: i{extra}}}
latent:
  mu: normal(0, 1)
observe:
  y: {law}
"
        )
    };
    let drop = ", missing: {y: drop}";
    let expected = normal(0.4, 0.0, 1.0) + normal(0.5, 0.4, 1.0);
    close(log_joint(&text(drop, "normal(mu, 1)"), &[0.4]), expected + normal(2.5, 0.4, 1.0));
    let some = "{law: \"normal(mu, 1)\", where: \"t < 3\"}";
    close(log_joint(&text(drop, some), &[0.4]), expected);
    assert!(mistakes(&text("", "normal(mu, 1)")).contains("no value in row 2 (line 3)"));
}

#[test]
fn solutions_are_taken_at_unsorted_repeated_and_starting_times() {
    let text = "
model: m
data:
  times: {file: times.csv, rows: i}
let:
  loss: k * amount
latent:
  k: normal(1, 1)
ode:
  decay:
    at: t
    states:
      amount: {initial: 2, rate: -loss + 0 * t}
observe:
  y: normal(amount + loss, 1)
";
    let k = 0.7;
    let seen = |t: f64, y: f64| normal(y, 2.0 * (-k * t).exp() * (1.0 + k), 1.0);
    let expected = normal(k, 1.0, 1.0) + seen(2.0, 0.5) + seen(0.0, 1.5) + seen(1.0, 2.5) + seen(1.0, 0.1);
    let found = log_joint(text, &[k]);
    assert!((found - expected).abs() < 1e-6, "{found}, by hand {expected}");
    let late = text.replace("    at: t\n", "    at: t\n    start: 0.5\n");
    assert!(mistakes(&late).contains("the time in row 2 (line 3) is 0, before the start at 0.5"));
    let row = text.replace("+ 0 * t", "+ y");
    assert!(mistakes(&row).contains("interp(t, y)"));
}

#[test]
fn bounds_and_labels_of_dimensions() {
    let text = "
model: m
dims: {part: [left, right]}
latent:
  sigma[part]: truncated(normal(0, 1), lower=0)
  p: uniform(-1, 1)
let:
  ratio: sigma[part=left] / sigma[part=right]
";
    let t = compiled(text).target;
    assert_eq!(t.coordinates(), ["sigma[left]", "sigma[right]", "p"]);
    let columns: Vec<String> = t.generate.iter().flat_map(|n| n.columns()).collect();
    assert_eq!(columns, ["sigma[left]", "sigma[right]", "p", "ratio"]);
    // sigma = e^u, p = -1 + 2 sigmoid(0)
    let half = |x: f64| normal(x, 0.0, 1.0) + 2.0_f64.ln();
    close(log_joint(text, &[0.0, 1.0, 0.0]), half(1.0) + half(1.0_f64.exp()) - 2.0_f64.ln());
    let wrong = text.replace("part=left", "part=lefd");
    assert!(mistakes(&wrong).contains("did you mean `left`?"));
}

#[test]
fn elements_are_labelled_as_their_dimensions_are_written() {
    let text = |left: &str| {
        format!(
            "
model: m
dims: {{age: [young, old], part: [left, right]}}
latent:
  {left}: normal(0, 1)
let:
  b[part, age]: 2 * a
  c: a + 1
"
        )
    };
    let columns = |left: &str| -> Vec<String> {
        compiled(&text(left)).target.generate.iter().flat_map(|n| n.columns()).collect()
    };
    let found = columns("a[part, age]");
    assert_eq!(found[..4], ["a[left,young]", "a[right,young]", "a[left,old]", "a[right,old]"]);
    assert_eq!(found[4..8], ["b[left,young]", "b[right,young]", "b[left,old]", "b[right,old]"]);
    // Where nothing is written, dimensions come in the order of their declaration.
    assert_eq!(found[8..], ["c[young,left]", "c[young,right]", "c[old,left]", "c[old,right]"]);
    assert_eq!(columns("a[age, part]")[..2], ["a[young,left]", "a[young,right]"]);
}

#[test]
fn the_trials_of_a_binomial_may_differ_by_row() {
    let text = |law: &str| {
        format!(
            "
model: m
data:
  wards: {{file: wards.csv, rows: i}}
latent:
  p: beta(1, 1)
observe:
  died: {law}
"
        )
    };
    // ln C(10, 3) + 3 ln(1/2) + 7 ln(1/2), and so on; p = sigmoid(0).
    let choose = 120.0_f64.ln() + 4.0_f64.ln();
    close(log_joint(&text("binomial(n, p)"), &[0.0]), choose - 14.0 * 2.0_f64.ln());
    let few = mistakes(&text("binomial(n - 8, p)"));
    assert!(few.contains("n of binomial must be a whole number from 0, found -4 in row 2 (line 3)"), "{few}");
    let more = mistakes(&text("binomial(2, p)"));
    assert!(more.contains("`died` is 3 in row 1 (line 2)"), "{more}");
    let row = mistakes(&text("binomial(n * (n > 5), p)"));
    assert!(row.contains("`died` is 1 in row 2 (line 3)") && row.contains("from 0 to 0"), "{row}");
    let latent = mistakes(&text("binomial(n + p, 0.5)"));
    assert!(latent.contains("n of binomial must be a constant"), "{latent}");
}

#[test]
fn a_uniform_outcome_may_have_bounds_to_find() {
    let text = "
model: m
data:
  wards: {file: wards.csv, rows: i}
latent:
  top: lognormal(0, 1)
observe:
  n: uniform(0, top)
";
    let top: f64 = 11.0;
    let prior = normal(top.ln(), 0.0, 1.0) - top.ln();
    close(log_joint(text, &[top.ln()]), prior - 2.0 * top.ln());
    assert_eq!(log_joint(text, &[9.0_f64.ln()]), f64::NEG_INFINITY);
    let latent = text.replace("n: uniform(0, top)", "died: normal(x, 1)").replace(
        "latent:",
        "latent:
  x: uniform(0, top)",
    );
    // A latent's too: x = top sigmoid(u) lies between them whatever u is.
    let at = [top.ln(), 0.3];
    let x = top / (1.0 + (-0.3f64).exp());
    let died = log_joint(&latent, &at) - (prior - top.ln());
    assert!(died.is_finite() && x < top, "{died}");
}

#[test]
fn rates_sum_over_dimensions() {
    let text = "
model: m
data:
  times: {file: times.csv, rows: i}
dims: {k: 2, l: 3}
latent:
  r[k]: normal(1, 1)
let:
  w[l]: [1, 2, 3]
  each: r * amount + 0 * w
  loss: sum(each @ w, over=k) / 6 + 0 * logsumexp(each, over=[k, l])
ode:
  decay:
    at: t
    states:
      amount: {initial: 2, rate: -loss}
observe:
  y: normal(amount, 1)
";
    // The loss is (r1 + r2) times the amount.
    let (r1, r2) = (0.3, 0.4);
    let seen = |t: f64, y: f64| normal(y, 2.0 * (-(r1 + r2) * t).exp(), 1.0);
    let prior = normal(r1, 1.0, 1.0) + normal(r2, 1.0, 1.0);
    let expected = prior + seen(2.0, 0.5) + seen(0.0, 1.5) + seen(1.0, 2.5) + seen(1.0, 0.1);
    let found = log_joint(text, &[r1, r2]);
    assert!((found - expected).abs() < 1e-6, "{found}, by hand {expected}");
}

#[test]
fn rows_without_a_value_of_any_column_used_are_left_out() {
    let text = "
model: m
data:
  gaps: {file: gaps.csv, rows: i, missing: {y: drop}}
latent:
  b: normal(0, 1)
let:
  twice: 2 * y
observe:
  t: normal(b * twice, 1)
";
    let b = 0.3;
    let expected = normal(b, 0.0, 1.0) + normal(1.0, b, 1.0) + normal(3.0, 5.0 * b, 1.0);
    close(log_joint(text, &[b]), expected);
}

#[test]
fn a_lookup_by_the_left_sides_own_dimension_needs_no_row() {
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
latent:
  a[county]: normal(0, 1)
  b[county]: normal(a[county], 1)
observe:
  y: normal(b[county], 1)
";
    let (a, b) = ([0.1, 0.2], [0.3, 0.4]);
    let expected = normal(a[0], 0.0, 1.0)
        + normal(a[1], 0.0, 1.0)
        + normal(b[0], a[0], 1.0)
        + normal(b[1], a[1], 1.0)
        + normal(1.5, b[1], 1.0)
        + normal(0.5, b[0], 1.0)
        + normal(-1.0, b[1], 1.0);
    close(log_joint(text, &[a[0], a[1], b[0], b[1]]), expected);
}

#[test]
fn a_lookup_may_name_its_table() {
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
  clinics: {file: clinics.csv, rows: clinic}
latent:
  a[county]: normal(0, 1)
let:
  level: a[homes.county]
observe:
  y: normal(level, 1)
";
    let (b, a, c) = (0.3, 0.2, 0.1);
    // Levels are those of both tables, sorted: a, b, c.
    let prior: f64 = [a, b, c].iter().map(|&x| normal(x, 0.0, 1.0)).sum();
    let expected = prior + normal(1.5, b, 1.0) + normal(0.5, a, 1.0) + normal(-1.0, b, 1.0);
    close(log_joint(text, &[a, b, c]), expected);
    let open = text.replace("homes.county", "county");
    assert!(mistakes(&open).contains("write `homes.county` or `clinics.county`"));
}

#[test]
fn constants_may_be_written_as_arithmetic() {
    let text = "
model: m
latent:
  a: uniform(0, 2 * pi)
  b: truncated(normal(0, 1), lower=-pi / 2)
let:
  half: 1 / 2
  c: a * half
";
    let t = compiled(text).target;
    assert_eq!(t.sites[0].support, model::Support::Interval { lower: 0.0, upper: std::f64::consts::TAU });
    let wrong = mistakes(&text.replace("half: 1 / 2", "half: 1 / 2\n  d: 0").replace("2 * pi)", "half - 1)"));
    assert!(wrong.contains("uniform"), "{wrong}");
    let wrong = mistakes("model: m\nlatent:\n  a: gamma(0.5 - 1, 2)\n");
    assert!(wrong.contains("shape of gamma must be a positive number, found -0.5"), "{wrong}");
}

#[test]
fn a_parameter_outside_its_domain_has_no_density() {
    let text = |law: &str| {
        format!(
            "
model: m
data:
  wards: {{file: wards.csv, rows: i}}
latent:
  b: normal(0, 10)
observe:
  died: {law}
"
        )
    };
    // n is 10 and 4, died 3 and 1.
    for (law, b) in [("binomial(n, b * n)", 0.2), ("poisson(b * n)", -0.1), ("poisson(n + b)", -5.0)] {
        let found = log_joint(&text(law), &[b]);
        assert!(found.is_nan() || found == f64::NEG_INFINITY, "{law} at {b}: {found}");
    }
    let inside = log_joint(&text("poisson(b * n)"), &[0.25]);
    let poisson = |x: f64, rate: f64, factorial: f64| x * rate.ln() - rate - factorial.ln();
    close(inside, normal(0.25, 0.0, 10.0) + poisson(3.0, 2.5, 6.0) + poisson(1.0, 1.0, 1.0));
}

#[test]
fn an_observed_column_may_name_its_table() {
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
  wide: {file: wide.csv, rows: w}
latent:
  a: normal(0, 1)
observe:
  homes.y: normal(a, 1)
  wide.y: normal(2 * a, 1)
";
    let a = 0.3;
    let homes: f64 = [1.5, 0.5, -1.0].iter().map(|&y| normal(y, a, 1.0)).sum();
    let wide: f64 = [0.5, 1.5].iter().map(|&y| normal(y, 2.0 * a, 1.0)).sum();
    close(log_joint(text, &[a]), normal(a, 0.0, 1.0) + homes + wide);
    assert!(mistakes(&text.replace("homes.y", "y")).contains("write `homes.y:`"));
    assert!(mistakes(&text.replace("homes.y:", "home.y:")).contains("did you mean `homes`?"));
    assert!(mistakes(&text.replace("  a: ", "  homes.a: ")).contains("the left of a colon is a name"));
    assert!(mistakes(&text.replace("wide.y", "homes.y")).contains("twice"));
}

/// One mixture, four ways: components written out, along a dimension, and a discrete latent summed out,
/// used as a level and as a condition.
#[test]
fn a_mixture_is_a_discrete_latent_summed_out() {
    let model = |latent: &str, law: &str| {
        format!(
            "model: m\ndims: {{k: 2}}\ndata:\n  wards: {{file: wards.csv, rows: i}}\nlatent:\n  \
             mu[k]: ordered(normal(0, 9))\n  p: beta(2, 3)\n{latent}let:\n  w[k]: [0, 1]\n  \
             v: where(w == 0, p, 1 - p)\nobserve:\n  n: {law}\n"
        )
    };
    let z = "  z[i]: categorical(v)\n";
    let forms = [
        model("", "mixture([p, 1 - p], normal(mu[k=1], 2), normal(mu[k=2], 2))"),
        model("", "mixture(v, normal(mu, 2), over=k)"),
        model(z, "normal(mu[z], 2)"),
        model(z, "normal(where(z == 1, mu[k=1], mu[k=2]), 2)"),
        model("  b[i]: bernoulli(1 - p)\n", "normal(where(b, mu[k=2], mu[k=1]), 2)"),
    ];
    let at = [2.0, 1.5, 0.3];
    let mus = [2.0, 2.0 + 1.5f64.exp()];
    let p = 1.0 / (1.0 + (-0.3f64).exp());
    // Two orders of the means, of which one is looked at.
    let prior = normal(mus[0], 0.0, 9.0) + normal(mus[1], 0.0, 9.0) + 2.0f64.ln();
    let beta = p.ln() + 2.0 * (1.0 - p).ln() + 12.0f64.ln();
    let likelihood: f64 = [10.0, 4.0]
        .map(|n| (p * normal(n, mus[0], 2.0).exp() + (1.0 - p) * normal(n, mus[1], 2.0).exp()).ln())
        .iter()
        .sum();
    for form in forms {
        close(log_joint(&form, &at), prior + beta + likelihood);
    }
}

/// A bound that is another latent, and a factor.
#[test]
fn bounds_may_be_latents() {
    let text = "
model: m
latent:
  a: uniform(0, 1)
  b: uniform(0, 1 - a)
  c: truncated(normal(0, 1), lower=b)
factor:
  pull: -2 * (a - 0.3)^2
";
    let (a, b) = (0.5, 0.25);
    let c = b + 0.7f64.exp();
    // P(Z > 1/4)
    let tail = 0.401_293_674_317_076_2_f64;
    let expected = -(1.0f64 - a).ln() + normal(c, 0.0, 1.0) - tail.ln() - 2.0 * (a - 0.3f64).powi(2);
    close(log_joint(text, &[0.0, 0.0, 0.7]), expected);
}

/// Nulls that are inferred under a law that speaks of a let of latents.
#[test]
fn imputed_columns_may_have_laws_of_lets() {
    let text = "
model: m
data:
  gaps: {file: gaps.csv, rows: i, missing: {y: impute}}
latent:
  m: normal(0, 1)
  s: half_normal(1)
let:
  level: m + t
observe:
  y: normal(level, s)
";
    let t = compiled(text).target;
    assert_eq!(t.coordinates(), ["m", "s", "y[2]"]);
    let (m, s, y) = (0.3, 0.8f64, -1.2);
    let half = normal(s, 0.0, 1.0) + 2.0f64.ln();
    let rows = normal(0.5, m + 1.0, s) + normal(y, m + 2.0, s) + normal(2.5, m + 3.0, s);
    let expected = normal(m, 0.0, 1.0) + half + rows;
    close(log_joint(text, &[m, s.ln(), y]), expected);
}

/// However a hierarchy is parameterised, its density at the same values is the same, and the Jacobian is
/// that of the map from coordinates to values.
#[test]
fn centring_changes_coordinates_only() {
    use spec_compiler::lower::Centring;
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
latent:
  mu: normal(0, 2)
  tau: half_normal(1)
  theta[county]: normal(mu, tau)
  size[county]: lognormal(mu, tau)
observe:
  y: normal(theta[county] * size[county], 1)
";
    let c = compiled(text);
    let partial = |l: [f64; 2]| {
        let of = |name: &str| (name.to_string(), l.to_vec());
        Centring::Partial([of("theta"), of("size")].into())
    };
    let (mu, tau) = (0.7, 0.4f64);
    let u = [0.9, -0.3, 0.2, 1.1];
    for (centring, lambda) in [
        (Centring::Centred, [1.0, 1.0]),
        (Centring::NonCentred, [0.0, 0.0]),
        (partial([0.0, 0.6]), [0.0, 0.6]),
        (partial([1.0, 1.0]), [1.0, 1.0]),
        (Centring::Free, [0.3, 0.8]),
    ] {
        let t = c.recentred(&centring).unwrap();
        let free = ["mu", "tau", "theta", "size", "theta.centring", "size.centring"];
        let n = if centring == Centring::Free { 6 } else { 4 };
        assert_eq!(t.sites.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), free[..n]);
        let mut b = t.bindings.clone();
        let mut bind = |name: &str, v: &[f64]| b.data.insert(name.into(), Value::Real(v.to_vec()));
        bind("mu", &[mu]);
        bind("tau", &[tau.ln()]);
        bind("theta", &u[..2]);
        bind("size", &u[2..]);
        bind("theta.centring", &lambda);
        bind("size.centring", &lambda);
        let nodes = [t.log_joint, t.log_det_jac, t.sites[2].value, t.sites[3].value];
        let found: Vec<Vec<f64>> = graph::interpret::evaluate(&t.graph, &nodes, &b)
            .unwrap()
            .into_iter()
            .map(|v| match v {
                Value::Real(v) => v,
                Value::Index(_) => unreachable!("these are reals"),
            })
            .collect();
        let line = |u: f64, l: f64| mu + tau.powf(1.0 - l) * (u - l * mu);
        // A lognormal's own bijector is the exponential of its coordinate, which is what centred means.
        let theta = [line(u[0], lambda[0]), line(u[1], lambda[1])];
        let ln_size = [line(u[2], lambda[0]), line(u[3], lambda[1])];
        let jacobian: f64 = lambda.iter().map(|l| 2.0 * (1.0 - l) * tau.ln()).sum();
        close(found[1][0], tau.ln() + jacobian + ln_size[0] + ln_size[1]);
        let row = |y: f64, k: usize| normal(y, theta[k] * ln_size[k].exp(), 1.0);
        let prior: f64 =
            (0..2).map(|k| normal(theta[k], mu, tau) + normal(ln_size[k], mu, tau) - ln_size[k]).sum::<f64>()
                + normal(mu, 0.0, 2.0)
                + normal(tau, 0.0, 1.0)
                + 2.0f64.ln();
        for k in 0..2 {
            close(found[2][k], theta[k]);
            close(found[3][k], ln_size[k].exp());
        }
        // Counties in the order of their levels: b is the first row's, a the others'.
        let b_first = t.sites[2].labels[0] == "b";
        let (a, b) = if b_first { (1, 0) } else { (0, 1) };
        close(found[0][0], prior + row(1.5, b) + row(0.5, a) + row(-1.0, b));
    }
}

/// A scale that can be negative has no density there, whatever cancels.
#[test]
fn a_recentred_law_keeps_its_domain() {
    let text = "
model: m
latent:
  s: normal(0, 1)
  x: normal(0, s * 1)
";
    let t = compiled(text).recentred(&spec_compiler::lower::Centring::NonCentred).unwrap();
    for (s, finite) in [(0.5, true), (-0.5, false)] {
        let mut b = t.bindings.clone();
        b.data.insert("s".into(), Value::Real(vec![s]));
        b.data.insert("x".into(), Value::Real(vec![0.3]));
        let sum = graph::interpret::evaluate(&t.graph, &[t.log_joint], &b).unwrap().remove(0);
        let Value::Real(v) = sum else { unreachable!("a density is real") };
        assert_eq!(v[0].is_finite(), finite, "{} at s = {s}", v[0]);
    }
}

/// Texts are compared by level, in a let and in `where:`.
#[test]
fn a_text_is_compared_with_a_level() {
    let text = "
model: m
data:
  homes: {file: homes.csv, rows: home}
latent:
  mu: normal(0, 2)
let:
  is_b: county == 'b'
observe:
  y: {law: \"normal(mu * is_b + 3 * ('a' != county), 1)\", where: \"county == 'b' or floor == 1\"}
";
    let found = log_joint(text, &[0.7]);
    // Rows b, a (floor 1) and b.
    let rows = normal(1.5, 0.7 + 3.0, 1.0) + normal(0.5, 0.0, 1.0) + normal(-1.0, 0.7 + 3.0, 1.0);
    close(found, normal(0.7, 0.0, 2.0) + rows);
}

/// `cc[g, h]`: each row's element by two columns; the smaller dimension of either side, in either order, and
/// what is left over stays.
#[test]
fn lookups_by_two_columns_of_a_row() {
    let mut tables = Tables::read();
    tables.add("cells.csv", "g,h,y\na,2,0.1\nb,1,0.2\na,3,0.3\nb,2,0.4\n");
    let rows = [(0, 1, 0.1), (1, 0, 0.2), (0, 2, 0.3), (1, 1, 0.4)];
    let cc = [[0.3, -0.4, 1.2], [0.8, 0.5, -0.9]];
    let prior: f64 = cc.iter().flatten().map(|x| normal(*x, 0.0, 1.0)).sum();
    let density = |latent: &str, mean: &str, u: &[f64]| {
        let text = format!(
            "model: m\ndata:\n  d: {{file: cells.csv, rows: r}}\nlatent:\n  {latent}: normal(0, 1)\nobserve:\n  y: normal({mean}, 1)\n"
        );
        support::density::log_joint(&models::compiled(&text, &tables), u)
    };
    let expected = prior + rows.iter().map(|&(g, h, y)| normal(y, cc[g][h], 1.0)).sum::<f64>();
    // Dimensions stand in memory in the order in which they were first named.
    let flat: Vec<f64> = cc.iter().flatten().copied().collect();
    let turned: Vec<f64> = (0..3).flat_map(|h| [cc[0][h], cc[1][h]]).collect();
    for mean in ["cc[g, h]", "cc[h, g]", "cc[g][h]", "0.5 * cc[g, h] + 0.5 * cc[h, g]"] {
        close(density("cc[g, h]", mean, &flat), expected);
        close(density("cc[h, g]", mean, &turned), expected);
    }
    // An element of a third dimension, and three lookups in one.
    let text = |mean: &str| {
        format!(
            "model: m\ndims: {{k: 2}}\ndata:\n  d: {{file: cells.csv, rows: r}}\nlatent:\n  cc[k, g, h]: normal(0, 1)\n\
             let:\n  two[r, k]: cc[g, h]\nobserve:\n  y: normal({mean}, 1)\n"
        )
    };
    let both: Vec<f64> = flat.iter().copied().chain(flat.iter().map(|x| 2.0 * x)).collect();
    let prior: f64 = both.iter().map(|x| normal(*x, 0.0, 1.0)).sum();
    for (mean, factor) in [("cc[k=2][g, h]", 2.0), ("two[k=1] + cc[g, h, k=2]", 3.0)] {
        let c = models::compiled(&text(mean), &tables);
        let expected = prior + rows.iter().map(|&(g, h, y)| normal(y, factor * cc[g][h], 1.0)).sum::<f64>();
        close(support::density::log_joint(&c, &both), expected);
    }
}

/// Home against away: two columns of one dimension look up in a matrix over it and its prime.
#[test]
fn lookups_by_two_columns_of_one_dimension() {
    let mut tables = Tables::read();
    tables.add("games.csv", "home,away,goals\nt1,t2,0.5\nt3,t1,1\nt2,t3,-1\n");
    let rows = [(0, 1, 0.5), (2, 0, 1.0), (1, 2, -1.0)];
    let u: Vec<f64> = (0..9).map(|i| 0.1 * f64::from(i) - 0.3).collect();
    for (mean, turned) in [("m[home, away]", false), ("m[away, home]", true)] {
        let text = format!(
            "model: m\ndata:\n  games: {{file: games.csv, rows: game, index: {{home: team, away: team}}}}\nlatent:\n  \
             m[team, team']: normal(0, 1)\nobserve:\n  goals: normal({mean}, 1)\n"
        );
        let at = |home: usize, away: usize| if turned { u[3 * away + home] } else { u[3 * home + away] };
        let expected = u.iter().map(|x| normal(*x, 0.0, 1.0)).sum::<f64>()
            + rows.iter().map(|&(home, away, y)| normal(y, at(home, away), 1.0)).sum::<f64>();
        close(support::density::log_joint(&models::compiled(&text, &tables), &u), expected);
    }
}

/// A text through a lookup, and a key that the row's own column points to.
#[test]
fn levels_of_a_parent_and_of_a_key() {
    let mut tables = Tables::read();
    tables.add("visits.csv", "site,y\na,0.1\nb,0.2\nc,0.3\na,0.4\n");
    tables.add("sites.csv", "site,kind\na,park\nb,street\nc,park\n");
    let text = |what: &str| {
        format!(
            "model: m\ndata:\n  visits: {{file: visits.csv, rows: visit}}\n  sites: {{file: sites.csv, key: site}}\nlatent:\n  \
             b: normal(0, 1)\n{what}"
        )
    };
    let b = 0.7;
    let (y, park) = ([0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 1.0, 1.0]);
    let all = normal(b, 0.0, 1.0) + (0..4).map(|i| normal(y[i], b * park[i], 1.0)).sum::<f64>();
    let parks = normal(b, 0.0, 1.0) + [0, 2, 3].map(|i| normal(y[i], b, 1.0)).iter().sum::<f64>();
    let not_b = "observe:\n  y: {law: \"normal(b, 1)\", where: \"site != 'b'\"}\n";
    let kind = "observe:\n  y: {law: \"normal(b, 1)\", where: \"kind[site] == 'park'\"}\n";
    let law = "observe:\n  y: normal(b * (kind[site] == 'park'), 1)\n";
    let let_ = "let:\n  green: kind[site] != 'street'\nobserve:\n  y: normal(b * green, 1)\n";
    for (what, expected) in [(not_b, parks), (kind, parks), (law, all), (let_, all)] {
        let t = models::compiled(&text(what), &tables).target;
        close(models::log_joint(&t, &models::at(&t, &[b])), expected);
    }
}
