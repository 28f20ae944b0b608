//! `fit simulate`, `fit predict`, `fit check` and the tables by row, as a user meets them.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{Scratch, run, spec};
use tables::{ReadOptions, Table};

/// A folder with files.
fn folder(name: &str, files: &[(&str, &str)]) -> Scratch {
    let folder = Scratch::new(&format!("answers-{name}"));
    for (file, text) in files {
        fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

/// What was said, long lines unwrapped.
fn text_of(out: &Output) -> String {
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    said.replace("\n  \u{2502} ", " ")
}

/// Runs a command that must end with this exit code, and gives what it said.
#[track_caller]
fn ends(dir: &Scratch, code: i32, args: &[&str]) -> String {
    let out = run(dir.path(), args);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {}", text_of(&out));
    text_of(&out)
}

fn table(dir: &Scratch, file: &str) -> Table {
    Table::read(dir.path().join(file), &ReadOptions::default()).unwrap()
}

fn real(table: &Table, column: &str) -> Vec<f64> {
    table.column(column).unwrap().as_real().unwrap().into_owned()
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    match &table.column(column).unwrap().data {
        tables::ColumnData::Text(v) => v.clone(),
        other => panic!("{column} is {}", other.kind()),
    }
}

fn columns(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|c| c.name.as_str()).collect()
}

/// Homes in counties; x has a mean that is not 0.
fn homes() -> String {
    let mut out = "county,x,y\n".to_string();
    for i in 0..120 {
        let (g, x) = (i % 6, 3.0 + 0.1 * (i / 6) as f64);
        // Any numbers will do: a fit follows.
        out.push_str(&format!(
            "C{g},{x},{}\n",
            g as f64 + 0.5 * (x - 3.95) + 0.3 * ((i * 7 % 11) as f64 - 5.0)
        ));
    }
    out
}

const HOMES: &str = "model: homes
data:
  homes: {file: homes.csv, rows: home}   # columns: county, x, y
latent:
  mu: normal(2, 3)
  tau: half_normal(2)
  sigma: half_normal(2)
  a[county]: normal(mu, tau)
observe:
  y: normal(a[county] + 0.5 * (x - mean(x)), sigma)
";

#[test]
fn what_is_simulated_is_fitted_and_found_again() {
    let dir = folder("simulate", &[("homes.yaml", HOMES), ("homes.csv", &homes())]);
    let said = ends(
        &dir,
        0,
        &["simulate", "homes.yaml", "--out", "s", "--seed", "3", "--at", "tau=1.5", "--at", "sigma=0.5"],
    );
    assert!(said.contains("in s"), "{said}");
    let (old, new) = (table(&dir, "homes.csv"), table(&dir, "s/homes.csv"));
    assert_eq!(columns(&old), columns(&new));
    assert_eq!((real(&old, "x"), texts(&old, "county")), (real(&new, "x"), texts(&new, "county")));
    assert!(real(&old, "y").iter().zip(&real(&new, "y")).all(|(a, b)| a != b));
    let truth = table(&dir, "s/truth.parquet");
    let truth: Vec<(String, f64)> = texts(&truth, "name").into_iter().zip(real(&truth, "value")).collect();
    assert_eq!(truth.len(), 9);
    ends(&dir, 0, &["s/homes.yaml", "--out", "run", "--quiet"]);
    let posterior = table(&dir, "run/posterior.parquet");
    // The rank of each truth is uniform: none of nine lies beyond all but 1 in 1,000 of the draws.
    for (name, value) in &truth {
        let draws = real(&posterior, name);
        let below = draws.iter().filter(|x| **x < *value).count() as f64 / draws.len() as f64;
        assert!((0.001..0.999).contains(&below), "{name}: {value} is at {below}");
    }
    let sd = |name: &str| {
        let x = real(&posterior, name);
        let m = x.iter().sum::<f64>() / x.len() as f64;
        (x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / x.len() as f64).sqrt()
    };
    assert!(sd("sigma") < 0.05 && sd("tau") < 1.0, "the data say something: {} {}", sd("sigma"), sd("tau"));
}

#[test]
fn several_data_sets_have_folders_and_the_seed_decides() {
    let dir = folder("several", &[("homes.yaml", HOMES), ("homes.csv", &homes())]);
    ends(&dir, 0, &["simulate", "homes.yaml", "--draws", "12", "--threads", "1"]);
    ends(&dir, 0, &["simulate", "homes.yaml", "--draws", "12", "--threads", "2", "--out", "again"]);
    ends(&dir, 0, &["simulate", "homes.yaml", "--draws", "2", "--seed", "1", "--out", "few"]);
    ends(&dir, 0, &["simulate", "homes.yaml", "--seed", "2", "--out", "other"]);
    let bytes = |file: &str| fs::read(dir.path().join(file)).unwrap();
    for k in ["01", "07", "12"] {
        for file in ["homes.csv", "truth.parquet", "homes.yaml"] {
            assert_eq!(bytes(&format!("simulated/homes/{k}/{file}")), bytes(&format!("again/{k}/{file}")));
        }
    }
    assert_ne!(bytes("again/01/homes.csv"), bytes("again/02/homes.csv"));
    assert_eq!(bytes("again/02/homes.csv"), bytes("few/2/homes.csv"));
    assert_ne!(bytes("again/01/homes.csv"), bytes("other/homes.csv"));
}

#[test]
fn a_simulated_table_keeps_format_names_nulls_and_kinds() {
    let spec = "model: m
data:
  t:
    file: t.parquet
    rows: i
    columns: {count: \"How many\", kind: \"The kind\"}
    missing: {count: drop}
dims: {j: 2}
latent:
  r[kind2]: gamma(2, 1)
  w: beta(2, 2)
let:
  p[kind]: [0.5, 0.5]
observe:
  count: poisson(r[kind2])
  seen: bernoulli(w)
";
    let spec = spec.replace("dims: {j: 2}\n", "").replace("let:\n  p[kind]: [0.5, 0.5]\n", "");
    let dir = folder("formats", &[("m.yaml", &spec)]);
    let column =
        |name: &str, data, nulls: &[usize]| tables::Output { name: name.into(), data, nulls: nulls.to_vec() };
    let written = [
        column("How many", tables::ColumnData::Integer(vec![3, 0, 5]), &[1]),
        column("The kind", tables::ColumnData::Text(vec!["a, b".into(), String::new(), "c".into()]), &[]),
        column("kind2", tables::ColumnData::Text(vec!["u".into(), "v".into(), "u".into()]), &[]),
        column("seen", tables::ColumnData::Bool(vec![true, false, true]), &[]),
    ];
    tables::write_table(dir.path().join("t.parquet"), &written).unwrap();
    ends(&dir, 0, &["simulate", "m.yaml", "--out", "s"]);
    let t = table(&dir, "s/t.parquet");
    assert_eq!(columns(&t), ["How many", "The kind", "kind2", "seen"]);
    assert_eq!(t.column("How many").unwrap().nulls, [1]);
    assert_eq!(t.columns.iter().map(|c| c.kind()).collect::<Vec<_>>(), ["integer", "text", "text", "bool"]);
    assert_eq!(texts(&t, "The kind"), ["a, b", "", "c"]);
    ends(&dir, 0, &["check", "s/m.yaml"]);
}

#[test]
fn predictions_of_the_rows_of_the_fit_and_of_others() {
    let dir = folder("predict", &[("homes.yaml", HOMES), ("homes.csv", &homes())]);
    ends(&dir, 0, &["homes.yaml", "--out", "run", "--quiet"]);
    let own = table(&dir, "run/predictive.parquet");
    let names = ["table", "row", "column", "unit", "observed", "mean", "sd", "q05", "q50", "q95", "pit"];
    assert_eq!((columns(&own), own.n_rows), (names.to_vec(), 120));
    assert_eq!(real(&own, "observed"), real(&table(&dir, "homes.csv"), "y"));
    let pit = real(&own, "pit");
    let m = pit.iter().sum::<f64>() / 120.0;
    assert!((m - 0.5).abs() < 0.1 && pit.iter().all(|p| (0.0..=1.0).contains(p)), "{m}");
    assert!(real(&own, "sd").iter().all(|s| *s > 0.5 && *s < 2.0));

    // The same rows give the same numbers: the mean of x is that of the fit, with one row too.
    fs::write(dir.path().join("one.csv"), "county,x\nC3,3.7\n").unwrap();
    fs::write(dir.path().join("two.csv"), "x,county\n3.7,C9\n3.7,C3\n4.7,C9\n").unwrap();
    ends(&dir, 0, &["predict", "run", "--data", "one.csv", "--out", "one", "--quiet"]);
    let said = ends(&dir, 0, &["predict", "run", "--data", "homes=two.csv"]);
    assert!(said.contains("drawn from the model: a[C9]") && said.contains("run/predict"), "{said}");
    let (one, two) = (table(&dir, "one/predictive.parquet"), table(&dir, "run/predict/predictive.parquet"));
    assert!(real(&one, "observed")[0].is_nan());
    let posterior = table(&dir, "run/posterior.parquet");
    let draws = |name: &str| real(&posterior, name);
    let moments = |x: &[f64]| {
        let m = x.iter().sum::<f64>() / x.len() as f64;
        (m, x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / x.len() as f64)
    };
    let noise = draws("sigma").iter().map(|s| s * s).sum::<f64>() / 4000.0;
    let near = |found: f64, expected: f64, sd: f64| {
        assert!((found - expected).abs() < 5.0 * sd / 2000f64.sqrt(), "{found} {expected} {sd}");
    };
    let (m, v) = moments(&draws("a[C3]"));
    for (t, row) in [(&one, 0), (&two, 1)] {
        near(real(t, "mean")[row], m - 0.125, (v + noise).sqrt());
        near(real(t, "sd")[row].powi(2), v + noise, (v + noise) * 2f64.sqrt());
    }
    // A county that nobody has seen: mu's spread, tau and sigma.
    let (m, v) = moments(&draws("mu"));
    let unseen = v + noise + draws("tau").iter().map(|t| t * t).sum::<f64>() / 4000.0;
    near(real(&two, "mean")[0], m - 0.125, unseen.sqrt());
    near(real(&two, "mean")[2], m + 0.375, unseen.sqrt());
    // Heavier than normal, for tau is not known.
    near(real(&two, "sd")[0].powi(2), unseen, unseen * 2.0);

    let bits = |threads: &str, out: &str| {
        ends(&dir, 0, &["predict", "run", "--data", "two.csv", "--threads", threads, "--out", out]);
        fs::read(dir.path().join(out).join("predictive.parquet")).unwrap()
    };
    assert_eq!(bits("1", "t1"), bits("2", "t2"));
    let few = ends(&dir, 0, &["predict", "run", "--data", "one.csv", "--draws", "50"]);
    assert!(few.contains("50 draws"), "{few}");
}

#[test]
fn what_predict_cannot_use_is_said() {
    let dir = folder("refused", &[("homes.yaml", HOMES), ("homes.csv", &homes())]);
    ends(&dir, 0, &["homes.yaml", "--out", "run", "--quiet"]);
    for (file, text) in [
        ("no_x.csv", "county\nC1\n"),
        ("null.csv", "county,x\nC1,\nC2,3\n"),
        ("good.csv", "county,x\nC1,3\n"),
    ] {
        fs::write(dir.path().join(file), text).unwrap();
    }
    let cases: [(&[&str], &str); 7] = [
        (&["predict", "nowhere", "--data", "good.csv"], "not the folder of a finished run"),
        (&["predict", "run", "--data", "no_x.csv"], "no_x.csv has no column `x`"),
        (&["predict", "run", "--data", "null.csv"], "row 1"),
        (&["predict", "run", "--data", "absent.csv"], "absent.csv"),
        (&["predict", "run", "--data", "home=good.csv"], "did you mean `homes`?"),
        (&["predict", "run", "--data", "good.csv", "--data", "homes=good.csv"], "twice"),
        (&["predict", "run", "--data", "good.csv", "--out", "."], "working folder"),
    ];
    for (args, says) in cases {
        let said = ends(&dir, 2, args);
        assert!(said.contains(says), "{args:?}: {said}");
    }
    // Without new data, those of the fit; but not if they have changed.
    ends(&dir, 0, &["predict", "run", "--quiet"]);
    fs::write(dir.path().join("homes.csv"), homes() + "C1,3,1\n").unwrap();
    let said = ends(&dir, 2, &["predict", "run"]);
    assert!(said.contains("is not what it was"), "{said}");
    ends(&dir, 0, &["predict", "run", "--data", "good.csv", "--quiet"]);
    let json = fs::read_to_string(dir.path().join("run/fit.json")).unwrap();
    let version = format!("\"fit\": \"{}\"", env!("CARGO_PKG_VERSION"));
    fs::write(dir.path().join("run/fit.json"), json.replace(&version, "\"fit\": \"0.0.1\"")).unwrap();
    let said = ends(&dir, 2, &["predict", "run", "--data", "good.csv"]);
    assert!(said.contains("fit 0.0.1") && said.contains("fit again"), "{said}");
}

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
fn a_vector_along_rows_is_predicted_as_a_whole() {
    let text = "model: vector
data: {t: {file: t.csv, rows: i}}
latent:
  m: normal(0, 1)
observe:
  y: multivariate_normal(m + 3 * x, covariance=0.1 * identity(i))
";
    let dir = folder("vector", &[("vector.yaml", text), ("t.csv", "x,y\n1,3.2\n2,6.1\n3,9\n")]);
    ends(&dir, 0, &["vector.yaml", "--out", "run", "--quiet"]);
    fs::write(dir.path().join("new.csv"), "x\n10\n20\n").unwrap();
    ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    let mean = real(&table(&dir, "run/predict/predictive.parquet"), "mean");
    assert!((mean[0] - 30.0).abs() < 0.5 && (mean[1] - 60.0).abs() < 0.5, "{mean:?}");
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

#[test]
fn a_prediction_that_needs_a_missing_value_is_told() {
    let text = "model: two
data: {t: {file: t.csv, rows: i}}
latent:
  a: normal(0, 1)
observe:
  y: normal(a, 1)
  z: normal(2 * y, 1)
";
    let files = [("two.yaml", text), ("t.csv", "y,z\n1,2\n2,4\n"), ("new.csv", "y,w\n1,1\n,2\n")];
    let dir = folder("chain", &files);
    ends(&dir, 0, &["two.yaml", "--out", "run", "--quiet"]);
    let said = ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    assert!(said.contains("1 prediction of `z` is NaN"), "{said}");
    let t = table(&dir, "run/predict/predictive.parquet");
    let mean = real(&t, "mean");
    assert_eq!(texts(&t, "column"), ["y", "y", "z", "z"]);
    assert!(mean[1].is_finite() && (mean[2] - 2.0).abs() < 0.2 && mean[3].is_nan(), "{mean:?}");
}

#[test]
fn new_rows_need_neither_outcomes_nor_what_censors_them() {
    let text = "model: survival
data:
  t:
    file: t.csv
    rows: person
    columns: {week: \"The week\", kind: Kind}
latent:
  m: normal(0, 1)
  log_s: normal(-1, 0.5)
  share[kind]: normal(0, 1)
let:
  p[kind]: exp(share) / sum(exp(share))
observe:
  week: censored(lognormal(m + 0.5 * x, exp(log_s)), right = event == 0)
  kind: categorical(p)
";
    let mut data = "The week,x,event,Kind\n".to_string();
    for i in 0..60 {
        let week = ((i * 37 % 60) as f64 / 20.0).min(2.5);
        data.push_str(&format!(
            "{},{},{},{}\n",
            week + 0.1,
            i % 3,
            i32::from(week < 2.5),
            ["a", "b", "b"][i % 3]
        ));
    }
    let dir = folder(
        "survival",
        &[
            ("s.yaml", text),
            ("t.csv", &data),
            ("new.csv", "x\n0\n2\n"),
            ("known.csv", "x,event,The week,Kind\n0,1,1,b\n0,0,1,b\n"),
        ],
    );
    ends(&dir, 0, &["s.yaml", "--out", "run", "--quiet"]);
    ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    let t = table(&dir, "run/predict/predictive.parquet");
    let names = ["week", "week", "kind=a", "kind=b", "kind=a", "kind=b"];
    assert_eq!(texts(&t, "column"), names);
    assert!(real(&t, "observed").iter().chain(&real(&t, "pit")).all(|x| x.is_nan()));
    let q50 = real(&t, "q50");
    assert!((q50[1] / q50[0] / 1f64.exp() - 1.0).abs() < 0.15, "{q50:?}");
    let mean = real(&t, "mean");
    assert!(mean[3] > 0.5 && (mean[2] + mean[3] - 1.0).abs() < 1e-12, "{mean:?}");
    // Where they are there they are compared.
    ends(&dir, 0, &["predict", "run", "--data", "known.csv"]);
    let t = table(&dir, "run/predict/predictive.parquet");
    let (observed, pit) = (real(&t, "observed"), real(&t, "pit"));
    assert_eq!(observed, [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    assert!(!pit[0].is_nan() && pit[1].is_nan(), "{pit:?}");
    // The parameter behind the share of a level that the fit has not seen is drawn as any other.
    fs::write(dir.path().join("level.csv"), "x,event,The week,Kind\n0,1,1,c\n").unwrap();
    let said = ends(&dir, 0, &["predict", "run", "--data", "level.csv"]);
    assert!(said.contains("drawn from the model: share[c]"), "{said}");
    let said = ends(&dir, 0, &["simulate", "s.yaml"]);
    assert!(said.contains("`week` is drawn uncensored"), "{said}");
}

#[test]
fn check_tries_the_prior() {
    let part = "model: m\nlatent:\n  x: normal(0, 1)\n  w: normal(log(1 - x), 1)\n";
    let all = part.replace("log(1 - x)", "log(-1 - x^2)");
    let flat = "model: m\nlatent:\n  x: flat()\n";
    let files = [("part.yaml", part), ("all.yaml", &all), ("flat.yaml", flat)];
    let dir = folder("check", &files);
    let said = ends(&dir, 0, &["check", "part.yaml"]);
    assert!(said.contains("in order") && said.contains("of 64 draws cannot be evaluated"), "{said}");
    assert!(said.contains("in the prior of w (part.yaml:4:3): log1p(-") && said.contains("is NaN"), "{said}");
    assert!(said.contains("at x = "), "{said}");
    let said = ends(&dir, 1, &["check", "all.yaml"]);
    assert!(said.contains("64 of 64 draws cannot be evaluated"), "{said}");
    let said = ends(&dir, 0, &["check", "flat.yaml"]);
    assert!(said.contains("not tried: `x` cannot be drawn: flat"), "{said}");
    let said = ends(&dir, 0, &["check", &spec("eight_schools")]);
    assert!(said.contains("finite at 64 of 64 draws"), "{said}");
    let uniform = "model: m\ndata: {t: {file: t.csv, rows: i}}\nlatent:\n  top: gamma(2, 1)\nobserve:\n  y: uniform(0, top)\n";
    fs::write(dir.path().join("u.yaml"), uniform).unwrap();
    fs::write(dir.path().join("t.csv"), "y\n2\n0.1\n").unwrap();
    let said = ends(&dir, 0, &["check", "u.yaml"]);
    assert!(said.contains("of 64 draws the data are impossible"), "{said}");
}

#[test]
fn simulate_says_what_it_cannot_draw() {
    let flat =
        "model: m\ndata: {t: {file: t.csv, rows: i}}\nlatent:\n  mu: flat()\nobserve:\n  y: normal(mu, 1)\n";
    let dir = folder("undrawn", &[("flat.yaml", flat), ("t.csv", "y\n1\n2\n")]);
    let said = ends(&dir, 2, &["simulate", "flat.yaml"]);
    assert!(said.contains("`mu` cannot be drawn: flat has no finite integral"), "{said}");
    assert!(!Path::new(&dir.path().join("simulated")).exists(), "nothing half written");
    ends(&dir, 0, &["simulate", "flat.yaml", "--at", "mu=3"]);
    for (at, says) in [("nu=3", "there is no latent `nu`"), ("mu", "NAME=VALUE"), ("mu=x", "not a number")] {
        let said = ends(&dir, 2, &["simulate", "flat.yaml", "--at", at]);
        assert!(said.contains(says), "{said}");
    }
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

/// A curve, seen at places 0.5 apart without much noise.
const CURVE: &str = "model: curve
data: {points: {file: points.csv, rows: i}}
latent:
  sigma: half_normal(0.05)
let:
  K: squared_exponential(x, 1) + sigma^2 * identity(i)
observe:
  y: multivariate_normal(0, covariance=K)
";

#[test]
fn a_law_of_all_rows_predicts_those_without_a_value_given_the_others() {
    let points: String =
        (0..16).map(|i| format!("{},{}\n", 0.5 * f64::from(i), (0.5 * f64::from(i)).sin())).collect();
    let dir = folder(
        "curve",
        &[
            ("curve.yaml", CURVE),
            ("points.csv", &format!("x,y\n{points}")),
            ("both.csv", &format!("x,y\n1.25,\n{points}40,\n3.75,\n")),
            ("alone.csv", "x\n1.25\n40\n"),
            (
                "holes.yaml",
                &CURVE.replace("rows: i", "rows: i, missing: {y: drop}").replace("points.csv", "both.csv"),
            ),
            ("whole.yaml", &CURVE.replace("rows: i", "rows: i, missing: {y: drop}")),
        ],
    );
    ends(&dir, 0, &["curve.yaml", "--out", "run", "--quiet"]);
    let said = ends(&dir, 0, &["predict", "run", "--data", "both.csv"]);
    assert!(!said.contains("note: the law"), "{said}");
    let t = table(&dir, "run/predict/predictive.parquet");
    let (mean, sd) = (real(&t, "mean"), real(&t, "sd"));
    for (row, x) in [(0, 1.25f64), (18, 3.75)] {
        assert!((mean[row] - x.sin()).abs() < 0.05 && sd[row] < 0.1, "{x}: {} {}", mean[row], sd[row]);
    }
    // Far away there is the prior; and rows with a value are replicates of all rows together.
    assert!(
        mean[17].abs() < 0.1 && (sd[17] - 1.0).abs() < 0.1 && (sd[5] - 1.0).abs() < 0.1,
        "{mean:?} {sd:?}"
    );
    let said = ends(&dir, 0, &["predict", "run", "--data", "alone.csv"]);
    assert!(said.contains("the law of `y` is of all rows together, and no row has a value"), "{said}");
    // A fit has no row to leave out of such a law.
    let said = ends(&dir, 2, &["check", "holes.yaml"]);
    assert!(said.contains("is the law of all rows"), "{said}");
    ends(&dir, 0, &["check", "whole.yaml"]);
}

#[test]
fn predictions_beyond_what_was_seen_are_told() {
    let text = "model: bend
data: {t: {file: t.csv, rows: i}}
dims: {piece: 5}
latent:
  w[piece]: normal(0, 1)
let:
  B: bspline(x, over=piece)
observe:
  y: normal(B @ w, 0.1)
";
    let rows: String = (0..30).map(|i| format!("{},{}\n", i, f64::from(i % 7) * 0.1)).collect();
    let files = [
        ("bend.yaml", text),
        ("t.csv", &*format!("x,y\n{rows}")),
        ("new.csv", "x\n3\n-1\n31\n"),
        ("one.csv", "x\n3\n"),
    ];
    let dir = folder("bend", &files);
    ends(&dir, 0, &["bend.yaml", "--out", "run", "--quiet"]);
    let said = ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    assert!(said.contains("2 values of `x` lie outside the range of the fit"), "{said}");
    let within = real(&table(&dir, "run/predict/predictive.parquet"), "mean")[0];
    // One row alone is at one place, and is told what it is told among others.
    let said = ends(&dir, 0, &["predict", "run", "--data", "one.csv"]);
    assert!(!said.contains("outside"), "{said}");
    let alone = real(&table(&dir, "run/predict/predictive.parquet"), "mean")[0];
    assert!((alone - within).abs() < 0.02, "{alone} {within}");
}

#[test]
fn a_series_that_starts_anew_is_told() {
    let text = "model: walk
data: {t: {file: t.csv, rows: i}}
latent:
  s: half_normal(1)
recurrence:
  walk:
    over: i
    states:
      level:
        initial: normal(0, 1)
        next: normal(level, s)
observe:
  y: normal(level, 0.5)
";
    let rows: String = (0..20).map(|i| format!("{}\n", f64::from(i) * 0.2)).collect();
    let dir = folder(
        "walk",
        &[
            ("walk.yaml", text),
            ("t.csv", &format!("y\n{rows}")),
            ("new.csv", "w\n1\n2\n"),
            (
                "both.csv",
                &format!("w,y\n{}1,\n", rows.lines().map(|y| format!("1,{y}\n")).collect::<String>()),
            ),
        ],
    );
    ends(&dir, 0, &["walk.yaml", "--out", "run", "--quiet"]);
    let said = ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    assert!(said.contains("`level` start from `initial:`"), "{said}");
    let said = ends(&dir, 0, &["predict", "run", "--data", "both.csv"]);
    assert!(!said.contains("initial"), "{said}");
}

#[test]
fn a_level_without_a_row_of_its_own_asks_for_it() {
    let text = "model: m
data:
  schools: {file: schools.csv, key: school}
  pupils: {file: pupils.csv, rows: pupil}
latent:
  a[school]: normal(0, 1)
  b: normal(0, 1)
observe:
  y: normal(a[school] + b * size[school], 1)
";
    let files = [
        ("m.yaml", text),
        ("schools.csv", "school,size\nA,1\nB,2\n"),
        ("pupils.csv", "school,y\nA,1\nB,2\nA,3\n"),
        ("new.csv", "school\nC\n"),
        ("more.csv", "school,size\nA,1\nB,2\nC,3\n"),
        ("bare.csv", "school\nA\nB\nC\n"),
    ];
    let dir = folder("keys", &files);
    ends(&dir, 0, &["m.yaml", "--out", "run", "--quiet"]);
    let said = ends(&dir, 2, &["predict", "run", "--data", "pupils=new.csv"]);
    assert!(said.contains("--data schools=FILE"), "{said}");
    ends(&dir, 0, &["predict", "run", "--data", "pupils=new.csv", "--data", "schools=more.csv"]);
    let said = ends(&dir, 2, &["predict", "run", "--data", "pupils=new.csv", "--data", "schools=bare.csv"]);
    assert!(said.contains("bare.csv has no column `size`"), "{said}");
}

#[test]
fn a_slip_in_the_command_is_told_before_its_arguments() {
    let dir = folder("slip", &[("curve.yaml", CURVE)]);
    let said = ends(&dir, 2, &["chek", "curve.yaml"]);
    assert!(said.contains("did you mean `fit check`?"), "{said}");
    let said = ends(&dir, 2, &["predcit", "run", "--data", "a.csv"]);
    assert!(said.contains("did you mean `fit predict`?"), "{said}");
}

#[test]
fn nobody_need_read_what_is_wrong() {
    use std::process::{Command, Stdio};
    let dir = folder("unread", &[]);
    for _ in 0..5 {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut fit = Command::new(env!("CARGO_BIN_EXE_fit"));
        fit.args(["check", "absent.yaml"]).current_dir(dir.path()).stdout(Stdio::null()).stderr(writer);
        assert_eq!(fit.status().unwrap().code(), Some(2));
    }
}
