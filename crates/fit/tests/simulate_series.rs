//! `fit simulate` of series whose laws read their own past: row after row, from the rows just drawn.

mod common;

use common::{Scratch, ends, folder, real, table, texts};

const N: usize = 2000;

/// A series of the file, which nothing that is drawn may depend on.
fn old(t: usize) -> f64 {
    if t == 0 { 0.5 } else { 40.0 + 30.0 * (t as f64 * 0.7).sin() }
}

/// `time,y` of the old series.
fn rows() -> String {
    (0..N).fold("time,y\n".into(), |out, t| format!("{out}{t},{}\n", old(t)))
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let product =
        |a: &[f64], b: &[f64], (ma, mb)| a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum::<f64>();
    product(x, y, (mx, my)) / (product(x, x, (mx, mx)) * product(y, y, (my, my))).sqrt()
}

/// Standard normal numbers, four standard errors wide, that have nothing to do with the old series at the
/// row or the one before, nor with each other.
#[track_caller]
fn standard(e: &[f64], old: &[f64]) {
    let n = e.len() as f64;
    let mean = e.iter().sum::<f64>() / n;
    let variance = e.iter().map(|x| x * x).sum::<f64>() / n;
    assert!(mean.abs() < 4.0 / n.sqrt(), "mean {mean}");
    assert!((variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "variance {variance}");
    let before = [&old[..1], &old[..old.len() - 1]].concat();
    let (head, tail) = (&e[..e.len() - 1], &e[1..]);
    for r in [correlation(e, old), correlation(e, &before), correlation(head, tail)] {
        assert!(r.abs() < 4.0 / n.sqrt(), "correlation {r}");
    }
}

/// Simulates `a = 0.9, s = 1` of an autoregression whose likelihood, and lets before it, are these.
fn autoregression(name: &str, lets: &str, observe: &str) -> (Scratch, String) {
    let spec = format!(
        "model: ar
data: {{t: {{file: t.csv, rows: i, ordered_by: time}}}}
latent:
  a: uniform(-1, 1)
  s: half_normal(1)
{lets}observe:
  {observe}
"
    );
    let dir = folder(name, &[("ar.yaml", &spec), ("t.csv", &rows())]);
    let args = ["simulate", "ar.yaml", "--out", "s", "--seed", "4", "--at", "a=0.9", "--at", "s=1"];
    let said = ends(&dir, 0, &args);
    (dir, said)
}

fn is_autoregression(y: &[f64]) {
    let e: Vec<f64> = y.windows(2).map(|w| w[1] - 0.9 * w[0]).collect();
    standard(&e, &(1..N).map(old).collect::<Vec<f64>>());
    // Bartlett: the sd of the first autocorrelation is sqrt((1 - a^2) / n), its bias -(1 + 3 a) / n.
    let r = correlation(&y[..N - 1], &y[1..]);
    let n = N as f64;
    assert!((r - 0.9 + 3.7 / n).abs() < 4.0 * (0.19 / n).sqrt(), "lag-1 autocorrelation {r}");
}

#[test]
fn an_autoregression_reads_what_was_just_drawn() {
    let law = "y: {law: \"normal(a * lag(y, 1), s)\", where: time > 0}";
    let (dir, said) = autoregression("direct", "", law);
    assert!(said.contains("1 row of `y` keeps its data"), "{said}");
    let y = real(&table(&dir, "s/t.csv"), "y");
    assert_eq!(y[0], 0.5);
    is_autoregression(&y);
    // What was simulated is fitted and found again.
    ends(&dir, 0, &["s/ar.yaml", "--out", "run", "--quiet"]);
    let a = real(&table(&dir, "run/posterior.parquet"), "a");
    let mean = a.iter().sum::<f64>() / a.len() as f64;
    assert!((mean - 0.9).abs() < 4.0 * (0.19 / N as f64).sqrt(), "{mean}");
}

#[test]
fn a_let_of_the_outcome_is_of_what_was_just_drawn() {
    let law = "y: {law: \"normal(a * lag(z, 1), s)\", where: time > 0}";
    let (dir, _) = autoregression("let", "let:\n  z: 2 * y + 0\n", &law.replace("a *", "0.5 * a *"));
    is_autoregression(&real(&table(&dir, "s/t.csv"), "y"));
    let law = "y: {law: \"lognormal(a * lag(z, 1), s)\", where: time > 0}";
    let (dir, _) = autoregression("log", "let:\n  z: log(y)\n", law);
    is_autoregression(&real(&table(&dir, "s/t.csv"), "y").iter().map(|y| y.ln()).collect::<Vec<f64>>());
}

#[test]
fn a_let_that_has_a_law_is_drawn_in_its_own_file() {
    let law = "z: {law: \"normal(a * lag(z, 1), s)\", where: time > 0}";
    let (dir, said) = autoregression("computed", "let:\n  z: log(y) + log(2)\n", law);
    assert!(said.contains("`z` is a let") && said.contains("1 row of `z` keeps its data"), "{said}");
    let z = real(&table(&dir, "s/z.parquet"), "z");
    assert!(z[0].abs() < 1e-12, "log(0.5) + log(2): {}", z[0]);
    is_autoregression(&z);
    assert_eq!(real(&table(&dir, "s/t.csv"), "y"), real(&table(&dir, "t.csv"), "y"));
    // Its column is not drawn: a law cannot read its past there.
    let spec = std::fs::read_to_string(dir.path().join("ar.yaml")).unwrap();
    std::fs::write(dir.path().join("ar.yaml"), spec.replace("lag(z, 1)", "log(lag(y, 1))")).unwrap();
    let said = ends(&dir, 2, &["simulate", "ar.yaml", "--out", "t"]);
    assert!(said.contains("`z` reads `y`, which would stay as it was"), "{said}");
}

/// Two series in one file, the later rows first, by two lags and a likelihood of counts beside.
#[test]
fn several_series_have_their_own_past() {
    let spec = "model: ar2
data: {t: {file: t.csv, rows: i, ordered_by: time}}
latent:
  phi[k]: normal(0, 0.5)
observe:
  y: {law: \"normal(mu[g] + lags(y, 2, over=k, by=g) @ phi, 1)\", where: time > 1}
  count: poisson(exp(0.1 * y))
let:
  mu[g]: [5, -5]
";
    let n = N / 2;
    let line = |r: usize| format!("{},{},0.25,3\n", ["down", "up"][r % 2], n - 1 - r / 2);
    let rows = (0..N).fold("g,time,y,count\n".into(), |out: String, r| out + &line(r));
    let dir = folder("groups", &[("ar2.yaml", spec), ("t.csv", &rows)]);
    let args = ["simulate", "ar2.yaml", "--out", "s", "--at", "phi[1]=0.5", "--at", "phi[2]=-0.6"];
    let said = ends(&dir, 0, &args);
    assert!(said.contains("4 rows of `y` keep their data"), "{said}");
    let t = table(&dir, "s/t.csv");
    let (y, count) = (real(&t, "y"), real(&t, "count"));
    assert_eq!(texts(&t, "g")[..2], ["down", "up"]);
    for (series, mu) in [(0, 5.0), (1, -5.0)] {
        let y: Vec<f64> = (0..n).map(|time| y[2 * (n - 1 - time) + series]).collect();
        assert_eq!(y[..2], [0.25, 0.25]);
        let e: Vec<f64> = y.windows(3).map(|w| w[2] - mu - 0.5 * w[1] + 0.6 * w[0]).collect();
        standard(&e, &(0..e.len()).map(|t| (t as f64).sin()).collect::<Vec<f64>>());
    }
    // Mean and variance of a count are exp(0.1 y) of the y that was drawn beside it.
    let off: Vec<f64> = y.iter().zip(&count).map(|(y, k)| (k - (0.1 * y).exp()) / (0.05 * y).exp()).collect();
    let mean = off.iter().sum::<f64>() / N as f64;
    let variance = off.iter().map(|x| x * x).sum::<f64>() / N as f64;
    assert!(mean.abs() < 4.0 / (N as f64).sqrt() && (variance - 1.0).abs() < 0.15, "{mean} {variance}");
}

#[test]
fn a_recurrence_runs_over_what_was_just_drawn() {
    let spec = "model: garch
data: {t: {file: t.csv, rows: i, ordered_by: time}}
latent:
  alpha: uniform(0, 1)
  beta: uniform(0, 1 - alpha)
recurrence:
  variance:
    over: i
    states:
      h: {initial: 0.2 / (1 - alpha - beta), next: \"0.2 + alpha * lag(y, 1)^2 + beta * h\"}
observe:
  y: normal(0, sqrt(h))
";
    let dir = folder("garch", &[("garch.yaml", spec), ("t.csv", &rows())]);
    let args = ["simulate", "garch.yaml", "--out", "s", "--at", "alpha=0.3", "--at", "beta=0.5"];
    let said = ends(&dir, 0, &args);
    assert!(!said.contains("note"), "{said}");
    let y = real(&table(&dir, "s/t.csv"), "y");
    let mut h = 1.0f64;
    let mut e = Vec::new();
    for y in &y {
        e.push(y / h.sqrt());
        h = 0.2 + 0.3 * y * y + 0.5 * h;
    }
    standard(&e, &(0..N).map(old).collect::<Vec<f64>>());
    // Squares follow each other: (alpha (1 - alpha beta - beta^2)) / (1 - 2 alpha beta - beta^2) = 0.4,
    // Bollerslev, Journal of Econometrics 31 (1986); its sampling error is wide, for tails are heavy.
    let squares: Vec<f64> = y.iter().map(|y| y * y).collect();
    let r = correlation(&squares[..N - 1], &squares[1..]);
    assert!((0.2..0.6).contains(&r), "{r}");
}

/// Rows that no likelihood speaks of keep their data, and those after them read these.
#[test]
fn rows_that_are_left_out_keep_their_data() {
    let law = "y: {law: \"normal(a * lag(z, 1), s)\", where: \"time > 0 and kept == 0\"}";
    let spec = format!(
        "model: ar
data: {{t: {{file: t.csv, rows: i, ordered_by: time}}}}
latent:
  a: uniform(-1, 1)
  s: half_normal(1)
let:
  z: y - 1
  kept: time - 10 * floor(time / 10) == 3
observe:
  {law}
"
    );
    let dir = folder("left-out", &[("ar.yaml", &spec), ("t.csv", &rows())]);
    let args = ["simulate", "ar.yaml", "--out", "s", "--at", "a=0.9", "--at", "s=1"];
    let said = ends(&dir, 0, &args);
    assert!(said.contains(&format!("{} rows of `y` keep their data", 1 + N / 10)), "{said}");
    let (y, before) = (real(&table(&dir, "s/t.csv"), "y"), real(&table(&dir, "t.csv"), "y"));
    let is_kept = |t: &usize| *t == 0 || t % 10 == 3;
    assert!((0..N).filter(is_kept).all(|t| y[t] == before[t]));
    assert!((0..N).filter(|t| !is_kept(t)).all(|t| y[t] != before[t]));
    let drawn: Vec<usize> = (0..N).filter(|t| !is_kept(t)).collect();
    let e: Vec<f64> = drawn.iter().map(|&t| y[t] - 0.9 * (y[t - 1] - 1.0)).collect();
    standard(&e, &drawn.iter().map(|&t| old(t)).collect::<Vec<f64>>());
}
