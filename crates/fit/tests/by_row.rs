//! What a fit writes of rows, discrete latents and units.

mod common;

use std::fs;

use common::{columns, ends, folder, real, run, table, text_of, texts};

#[test]
fn what_varies_by_row_has_a_table_and_draws_on_request() {
    let text = "model: rows
data: {t: {file: t.csv, rows: i, missing: {y: drop}}}
latent:
  m: normal(0, 1)
  e[i]: normal(m, 1)
let:
  up: e + 1
observe:
  y: normal(up, 0.5)
output: {draws: [up]}
";
    let dir = folder("rows", &[("rows.yaml", text), ("t.csv", "n,y\n1,1\n2,\n3,-1\n")]);
    ends(&dir, 0, &["rows.yaml", "--out", "run", "--quiet"]);
    let rows = table(&dir, "run/rows_t.parquet");
    assert_eq!(columns(&rows), ["name", "unit", "row", "mean", "sd", "q05", "q50", "q95"]);
    assert_eq!(texts(&rows, "name"), ["e", "e", "e", "up", "up", "up"]);
    assert_eq!(real(&rows, "row"), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    let draws = table(&dir, "run/draws_t.parquet");
    assert_eq!(columns(&draws), ["name", "row", "draw", "value"]);
    assert_eq!(draws.n_rows, 3 * 2000);
    let value = real(&draws, "value");
    let m = value[..2000].iter().sum::<f64>() / 2000.0;
    assert!((m - real(&rows, "mean")[3]).abs() < 1e-12);
    // A dropped null is predicted, and has no observed value.
    let own = table(&dir, "run/predictive.parquet");
    let observed = real(&own, "observed");
    assert!(observed[1].is_nan() && observed[0] == 1.0 && real(&own, "mean")[1].is_finite());
    assert_eq!(columns(&table(&dir, "run/posterior.parquet")), ["log_joint", "log_q", "m"]);
    // New rows have new row latents: their spread is the model's, not a row's of the fit.
    fs::write(dir.path().join("new.csv"), "other\n1\n2\n").unwrap();
    ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    let rows = table(&dir, "run/predict/rows_t.parquet");
    assert_eq!(rows.n_rows, 4);
    assert!(real(&rows, "sd").iter().all(|s| *s > 1.0), "{:?}", real(&rows, "sd"));
}

#[test]
fn what_is_made_of_a_null_is_not_reported() {
    let text = "model: gaps
data: {t: {file: t.csv, rows: i, ordered_by: n, missing: {x: drop}}}
latent:
  a: normal(0, 1)
  b: normal(0, 1)
let:
  mu: a + b * x
  res: y - a
  before: b * lag(x, 1)
observe:
  y: normal(mu, 0.5)
output: {draws: [mu]}
";
    let dir = folder("gaps", &[("gaps.yaml", text), ("t.csv", "n,x,y\n1,1,1\n2,,7\n3,3,-1\n4,4,-2\n")]);
    ends(&dir, 0, &["gaps.yaml", "--out", "run", "--quiet"]);
    // By name, the rows without a value.
    let unknown = |file: &str, column: &str| {
        let rows = table(&dir, file);
        let (names, number, x) = (texts(&rows, "name"), real(&rows, "row"), real(&rows, column));
        let all = names.into_iter().zip(number).zip(x).filter(|(_, x)| x.is_nan());
        let mut out: Vec<(String, f64)> = all.map(|(at, _)| at).collect();
        out.dedup();
        out
    };
    let at = |name: &str, rows: &[f64]| -> Vec<(String, f64)> {
        rows.iter().map(|&r| (name.to_string(), r)).collect()
    };
    let expected = [at("mu", &[2.0]), at("before", &[1.0, 3.0])].concat();
    for column in ["mean", "sd", "q05", "q50", "q95"] {
        assert_eq!(unknown("run/rows_t.parquet", column), expected, "{column}");
    }
    assert_eq!(unknown("run/draws_t.parquet", "value"), at("mu", &[2.0]));
    // Rows to predict have no y.
    fs::write(dir.path().join("new.csv"), "n,x\n1,1\n2,2\n").unwrap();
    ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    let expected = [at("res", &[1.0, 2.0]), at("before", &[1.0])].concat();
    assert_eq!(unknown("run/predict/rows_t.parquet", "mean"), expected);
    let own = table(&dir, "run/predict/predictive.parquet");
    assert!(real(&own, "mean").iter().all(|m| m.is_finite()));
}

#[test]
fn what_is_made_of_a_null_of_a_key_is_left_out() {
    let text = "model: keyed
data: {t: {file: t.csv, key: school, missing: {x: drop}}}
dims: {k: 2}
latent:
  a[k]: normal(0, 0.001)
let:
  mu: 10 * x
  both[k, school]: a + x
  of: a[k=1] + mu
observe:
  y: normal(a[k=1], 1)
";
    let dir = folder("keyed", &[("keyed.yaml", text), ("t.csv", "school,x,y\np,1,1\nq,,7\nr,3,-1\n")]);
    ends(&dir, 0, &["keyed.yaml", "--out", "run", "--quiet"]);
    let posterior = table(&dir, "run/posterior.parquet");
    let of = ["both[1,p]", "both[1,r]", "both[2,p]", "both[2,r]"];
    let found: Vec<&str> = columns(&posterior).into_iter().filter(|c| c.starts_with("both")).collect();
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, of);
    for (name, x) in of.iter().zip([1.0, 3.0, 1.0, 3.0]) {
        assert!(real(&posterior, name).iter().all(|v| (v - x).abs() < 0.1), "{name}");
    }
    assert!(!columns(&posterior).iter().any(|c| c.contains("q]")));
}

#[test]
fn discrete_latents_are_reported_with_probabilities_and_draws() {
    let text = "model: regimes
data: {t: {file: t.csv, rows: i}}
latent:
  which: bernoulli(0.5)
  k[i]: bernoulli(0.5)
  m: normal(0, 0.1)
observe:
  y: normal(m + 4 * k + 8 * which, 1)
";
    let dir = folder("regimes", &[("regimes.yaml", text), ("t.csv", "y\n0.2\n4.1\n-0.3\n")]);
    ends(&dir, 0, &["regimes.yaml", "--out", "run", "--quiet"]);
    let posterior = table(&dir, "run/posterior.parquet");
    assert_eq!(columns(&posterior), ["log_joint", "log_q", "m", "P(which=0)", "P(which=1)"]);
    assert!(real(&posterior, "P(which=0)").iter().all(|p| *p > 0.99));
    let rows = table(&dir, "run/rows_t.parquet");
    assert_eq!(texts(&rows, "name")[3..], ["P(k=1)", "P(k=1)", "P(k=1)"]);
    let p = real(&rows, "mean");
    assert!(p[3] < 0.02 && p[4] > 0.98 && p[5] < 0.02, "{p:?}");
    fs::write(dir.path().join("regimes.yaml"), format!("{text}output: {{report: [which, k]}}\n")).unwrap();
    ends(&dir, 0, &["regimes.yaml", "--out", "run", "--quiet"]);
    let posterior = table(&dir, "run/posterior.parquet");
    assert_eq!(columns(&posterior), ["log_joint", "log_q", "P(which=0)", "P(which=1)", "which"]);
    assert!(real(&posterior, "which").iter().all(|w| *w == 0.0));
    // What was drawn for all stays as it was for other rows.
    fs::write(dir.path().join("new.csv"), "other\n1\n2\n").unwrap();
    ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    let mean = real(&table(&dir, "run/predict/predictive.parquet"), "mean");
    assert!(mean.iter().all(|m| (m - 2.0).abs() < 0.3), "{mean:?}");
}

/// Units of the spec, and those that follow from them, stand in every table of results and on the screen.
#[test]
fn results_carry_units() {
    let spec = "
model: curve
data:
  assay: {file: assay.csv, rows: sample, units: {time: min, product: mM}}
latent:
  k: lognormal(0, 1)
  start: lognormal(1, 1)
  sigma: half_normal(1)
  shape: normal(0, 1)
ode:
  decay: {at: time, states: {left: {initial: start, rate: -k * left}}}
let:
  half: log(2) / k
observe:
  product: normal(left, sigma)
";
    let assay = "time,product\n0,5.1\n1,2.9\n2,1.9\n3,1.2\n4,0.6\n";
    let dir = folder("units", &[("m.yaml", spec), ("assay.csv", assay)]);
    let out = run(dir.path(), &["m.yaml", "--out", "run"]);
    let said = text_of(&out);
    assert!(said.contains("unit") && said.contains("1/min"), "{said}");

    let summary = table(&dir, "run/summary.parquet");
    assert_eq!(texts(&summary, "name"), ["k", "start", "sigma", "shape", "half"]);
    assert_eq!(texts(&summary, "unit"), ["1/min", "mM", "mM", "", "min"]);
    // What is not known is null, not an empty text.
    assert_eq!(summary.column("unit").unwrap().nulls, [3]);
    let rows = table(&dir, "run/rows_assay.parquet");
    assert_eq!(texts(&rows, "name"), ["left"; 5]);
    assert_eq!(texts(&rows, "unit"), ["mM"; 5]);
    assert_eq!(texts(&table(&dir, "run/predictive.parquet"), "unit"), ["mM"; 5]);
    let json = fs::read_to_string(dir.path().join("run/fit.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["units"]["half"], "min");
    assert_eq!(json["data"][0]["units"], serde_json::json!({"time": "min", "product": "mM"}));

    // Predictions have them too, and the phases show them.
    fs::write(dir.path().join("new.csv"), "time\n5\n6\n").unwrap();
    ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    assert_eq!(texts(&table(&dir, "run/predict/predictive.parquet"), "unit"), ["mM"; 2]);
    let model = ends(&dir, 0, &["explain", "--phase", "model", "m.yaml"]);
    for line in
        ["column  assay.time, in min", "latent  k ~ lognormal: a positive number, in 1/min", "left in mM"]
    {
        assert!(model.contains(line), "{line}: {model}");
    }
}
