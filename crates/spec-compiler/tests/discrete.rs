//! Discrete latents summed out: log densities and their gradients against sums by hand.

mod support;

use std::path::Path;

use spec_compiler::{Source, compile, render};
use support::Tables;
use support::density::{close, log_joint};
use support::models::compiled;

/// Two sites, each visited once, with animals of two kinds.
fn tables() -> Tables {
    let mut tables = Tables::read();
    tables.add("visits.csv", "seen,spotted,plain\n3,2,1\n1,0,1\n");
    tables
}

fn ln_factorial(n: usize) -> f64 {
    (1..=n).map(|k| (k as f64).ln()).sum()
}

fn choose(n: usize, k: usize) -> f64 {
    (ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)).exp()
}

/// B(x + a, n - x + b) / B(a, b), by its product.
fn beta_ratio(x: usize, rest: usize, a: f64, b: f64) -> f64 {
    let rising = |a: f64, n: usize| (0..n).map(|k| a + k as f64).product::<f64>();
    rising(a, x) * rising(b, rest) / rising(a + b, x + rest)
}

/// Poisson(6) cut off above 9, not normalised to less than that.
fn poisson(n: usize) -> f64 {
    let mass = |n: usize| (n as f64 * 6.0f64.ln() - 6.0 - ln_factorial(n)).exp();
    mass(n) / (0..=9).map(mass).sum::<f64>()
}

fn model(lets: &str, law: &str) -> String {
    format!(
        "model: m\ndata:\n  visits: {{file: visits.csv, rows: i, stack: {{kinds: {{columns: [spotted, plain], dim: kind}}}}}}\n\
         latent:\n  u: normal(0, 1)\n  n[i]: truncated(poisson(6), upper=9)\n\
         let:\n  p: sigmoid(u)\n{lets}observe:\n  {law}\n"
    )
}

/// Trials that are a discrete latent, or made of one: with fewer than there were successes there is no
/// density, and no harm to the gradient.
#[test]
fn trials_may_be_a_discrete_latent() {
    let u = 0.4f64;
    let p = 1.0 / (1.0 + (-u).exp());
    let (a, b) = (1.0 + p, 2.0 * p);
    let binomial = |n: usize, x: usize| choose(n, x) * p.powi(x as i32) * (1.0 - p).powi((n - x) as i32);
    let check = |lets: &str, law: &str, density: &dyn Fn(usize, usize) -> f64| {
        let site = |x: usize| (0..=9).map(|n| poisson(n) * density(n, x)).sum::<f64>().ln();
        let prior = -0.5 * u * u - 0.5 * (2.0 * std::f64::consts::PI).ln();
        close(log_joint(&compiled(&model(lets, law), &tables()), &[u]), prior + site(3) + site(1));
    };
    let from = |n: usize, x: usize, density: &dyn Fn() -> f64| if n < x { 0.0 } else { density() };
    check("", "seen: binomial(n, p)", &|n, x| from(n, x, &|| binomial(n, x)));
    check("", "seen: binomial(n, logit=u)", &|n, x| from(n, x, &|| binomial(n, x)));
    check("  t[i]: 2 * n\n", "seen: binomial(t, p)", &|n, x| from(2 * n, x, &|| binomial(2 * n, x)));
    check("", "seen: binomial(where(n == 4, 3, n), p)", &|n, x| {
        let n = if n == 4 { 3 } else { n };
        from(n, x, &|| binomial(n, x))
    });
    check("", "seen: beta_binomial(n, 1 + p, 2 * p)", &|n, x| {
        from(n, x, &|| choose(n, x) * beta_ratio(x, n - x, a, b))
    });
    check("", "seen: zero_inflated(binomial(n, p), zero=0.25)", &|n, x| {
        from(n, x, &|| 0.75 * binomial(n, x))
    });
    // All were seen, of either kind: one spotted of one is none of two.
    let spotted = |x: usize| if x == 3 { 2 } else { 0 };
    let weights = "  w[kind]: where(kind_is_first == 1, p, 1 - p)\n  kind_is_first[kind]: [1, 0]\n";
    check(weights, "kinds: multinomial(n, w, over=kind)", &|n, x| {
        if n == x { binomial(n, spotted(x)) } else { 0.0 }
    });
}

/// What a continuous latent makes of them is not known.
/// Latents that meet one another by way of one alone are summed out before it, whatever their order in the file:
/// all together they have a hundred million combinations.
#[test]
fn what_meets_most_is_summed_out_last() {
    let text = "model: m
latent:
  u: normal(0, 1)
  hub: truncated(poisson(6), upper=99)
  a: truncated(poisson(6), upper=99)
  b: truncated(poisson(6), upper=99)
  c: truncated(poisson(6), upper=99)
factor:
  f: -u^2 * (hub - a)^2
  g: -u^2 * (hub - b)^2
  h: -u^2 * (hub - 2 * c)^2
";
    let u = 0.4f64;
    let mass: Vec<f64> = (0..=99).map(|n| (n as f64 * 6.0f64.ln() - 6.0 - ln_factorial(n)).exp()).collect();
    let leaf = |hub: usize, by: f64| -> f64 {
        (0..=99).map(|n| mass[n] * (-u * u * (hub as f64 - by * n as f64).powi(2)).exp()).sum()
    };
    let all: f64 = (0..=99).map(|hub| mass[hub] * leaf(hub, 1.0).powi(2) * leaf(hub, 2.0)).sum();
    // Beyond 99 there is 1e-78 of each.
    let prior = -0.5 * u * u - 0.5 * (2.0 * std::f64::consts::PI).ln();
    close(log_joint(&compiled(text, &Tables::read()), &[u]), prior + all.ln());
}

/// Combinations that a draw could hold are too many for the rows of a table.
#[test]
fn combinations_by_row_have_a_limit() {
    let text = |rows: usize| {
        let mut tables = Tables::read();
        tables.add("many.csv", &format!("y\n{}", "1\n".repeat(rows)));
        let text = "model: m
data: {d: {file: many.csv, rows: i}}
latent:
  m: normal(0, 1)
  a: truncated(poisson(6), upper=299)
  b: truncated(poisson(6), upper=299)
  c: truncated(poisson(6), upper=99)
observe:
  y: normal(m * (a + b + c), 1)
";
        let source = Source::new("a.yaml", text).unwrap();
        let found = compile(&source, Path::new(""), &tables);
        found.map(|_| ()).map_err(|mistakes| render(&mistakes, &source))
    };
    assert_eq!(text(20), Ok(()));
    let said = text(40).unwrap_err();
    assert!(
        said.contains("9 million combinations") && said.contains("more than 250 million numbers"),
        "{said}"
    );
}

#[test]
fn trials_that_are_not_known_are_refused() {
    for trials in ["6 * p", "n + u", "where(u > 0, n, 3)"] {
        let law = format!("seen: binomial({trials}, p)");
        let source = Source::new("spec.yaml", model("", &law)).unwrap();
        let Err(mistakes) = compile(&source, Path::new(""), &tables()) else { panic!("{trials} compiled") };
        let said = render(&mistakes, &source);
        assert!(said.contains("n of binomial must be a constant here"), "{said}");
    }
}
