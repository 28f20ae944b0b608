//! `fit predict` as a user meets it: other rows, new levels, what is missing, and what is said.

mod common;

use std::fs;

use common::{
    columns, ends, folder,
    homes::{HOMES, homes},
    real, table, texts,
};

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

/// Replicates of an autoregression are one step ahead of the data, and there are none without a past.
#[test]
fn an_autoregression_is_predicted_from_the_rows_before() {
    let text = "model: ar
data: {t: {file: t.csv, rows: i, ordered_by: time, missing: {y: drop}}}
latent:
  a: normal(0, 10)
observe:
  y: {law: \"normal(a * lag(y, 1), 1)\", where: time > 1}
";
    // Without noise, so that a is known: 0.5, but for what the nulls leave out.
    let y: Vec<f64> = (0..12).map(|t| 800.0 * 0.5f64.powi(t)).collect();
    let rows = |y: &[f64]| (1..).zip(y).map(|(t, y)| format!("{t},{y}\n")).collect::<String>();
    let old = format!("time,y\n{}", rows(&y));
    let new = "time,y\n1,60\n2,-10\n3,40\n4,\n5,\n";
    let dir = folder("ar", &[("ar.yaml", text), ("t.csv", &old), ("new.csv", new)]);
    ends(&dir, 0, &["ar.yaml", "--out", "run", "--quiet"]);
    let own = table(&dir, "run/predictive.parquet");
    let (mean, sd) = (real(&own, "mean"), real(&own, "sd"));
    assert!(mean[0].is_nan() && sd[0].is_nan(), "the first row has no past");
    for t in 1..12 {
        // The mean of 2,000 draws, and a is known to 1 / 900.
        let error = (1.0 / 2000f64 + (y[t - 1] / 900.0).powi(2) / 2000.0).sqrt() + y[t - 1] / 900.0;
        assert!((mean[t] - 0.5 * y[t - 1]).abs() < 5.0 * error, "{t}: {}", mean[t]);
        let variance = 1.0 + (y[t - 1] / 923.0).powi(2);
        assert!((sd[t] / variance.sqrt() - 1.0).abs() < 0.1, "{t}: {}", sd[t]);
    }
    // Each row by the one before it in the file, drawn or not; none by a null.
    let said = ends(&dir, 0, &["predict", "run", "--data", "new.csv"]);
    assert!(said.contains("2 predictions of `y` are NaN: a value that is needed is missing"), "{said}");
    let mean = real(&table(&dir, "run/predict/predictive.parquet"), "mean");
    assert!(mean[0].is_nan() && mean[4].is_nan(), "{mean:?}");
    for (t, expected) in [(1, 30.0), (2, -5.0), (3, 20.0)] {
        assert!((mean[t] - expected).abs() < 0.5, "{t}: {}", mean[t]);
    }
}

const CLUSTERS: &str = "model: clusters
data:
  d: {file: d.csv, rows: i, missing: {y: drop}}
dims: {c: [lo, hi]}
latent:
  m: normal(0, 0.001)
  z[i]: categorical(p)
let:
  p[c]: [0.5, 0.5]
  mu[c]: [0, 6]
  centre: mu[z]
observe:
  y: normal(m + mu[z], 1)
output: {report: [z]}
";

/// Probabilities knew the new value, predictions did not.
#[test]
fn discrete_latents_of_new_rows_are_drawn_given_their_values() {
    let data = "y\n0.5\n5\nNA\n3.2\n";
    let dir = folder("clusters", &[("c.yaml", CLUSTERS), ("d.csv", data)]);
    ends(&dir, 0, &["c.yaml", "--out", "run", "--quiet"]);
    ends(&dir, 0, &["predict", "run", "--data", "d.csv", "--quiet"]);
    ends(&dir, 0, &["predict", "run", "--out", "same", "--quiet"]);
    for (row, y) in [Some(0.5), Some(5.0), None, Some(3.2f64)].into_iter().enumerate() {
        // The weight of the upper cluster, by the ratio of two normal densities.
        let upper = y.map_or(0.5, |y| 1.0 / (1.0 + (-(6.0 * y - 18.0)).exp()));
        let (mean, sd) = (6.0 * upper, (36.0 * upper * (1.0 - upper) + 1.0).sqrt());
        for place in ["run", "run/predict", "same"] {
            let t = table(&dir, &format!("{place}/predictive.parquet"));
            assert!((real(&t, "mean")[row] - mean).abs() < 5.0 * sd / 2000f64.sqrt(), "{place} {row}");
            assert!((real(&t, "sd")[row] - sd).abs() < 0.15, "{place} {row}");
            let rows = table(&dir, &format!("{place}/rows_d.parquet"));
            let names = texts(&rows, "name");
            let at = |name: &str| (0..rows.n_rows).filter(|&k| names[k] == name).nth(row).unwrap();
            assert!((real(&rows, "mean")[at("P(z=hi)")] - upper).abs() < 0.01, "{names:?}");
            assert!((real(&rows, "mean")[at("z")] - 1.0 - upper).abs() < 0.06, "{place} {row}");
        }
    }
}

/// `t[i=1]` was the first row of the new table.
#[test]
fn the_first_row_is_that_of_the_fit() {
    let spec = "model: since
data: {d: {file: d.csv, rows: i}}
latent:
  a: normal(0, 0.001)
let:
  since: a + t - t[i=1]
  other: a + t - t[i=3]
observe:
  y: normal(since, 1)
";
    let dir = folder(
        "since",
        &[("m.yaml", spec), ("d.csv", "t,y\n10,0\n11,1\n13,3\n"), ("new.csv", "t\n20\n21\n25\n")],
    );
    ends(&dir, 0, &["m.yaml", "--out", "run", "--quiet"]);
    ends(&dir, 0, &["predict", "run", "--data", "new.csv", "--quiet"]);
    let t = table(&dir, "run/predict/rows_d.parquet");
    for (mean, expected) in real(&t, "mean").iter().zip([10.0, 11.0, 15.0, 7.0, 8.0, 12.0]) {
        assert!((mean - expected).abs() < 0.01, "{mean} {expected}");
    }
    let said = ends(&dir, 2, &["predict", "run", "--data", "now.csv"]);
    let expected = "error: --data now.csv: there is no file now.csv\n  help: did you mean `new.csv`?\n";
    assert_eq!(said, expected);
    let said = ends(&dir, 2, &["predict", "run", "--data", "d=other/place.csv"]);
    assert!(said.contains("paths of the command line are relative to the working folder"), "{said}");
    // What cannot be read is no matter of the spec.
    fs::write(dir.path().join("torn.csv"), "a,b\n1,2,3\n").unwrap();
    let said = ends(&dir, 2, &["predict", "run", "--data", "torn.csv"]);
    assert!(
        said.starts_with("error: --data ") && said.contains("line 2) has 3 cells, but the header has 2"),
        "{said}"
    );
}

/// `01001` and `1001` were one level, and no level of a table with a text among its keys.
#[test]
fn codes_with_zeros_before_them_are_labels_as_written() {
    let spec = "model: codes
data:
  d: {file: d.csv, rows: i}
  c: {file: c.csv, key: county, missing: {inc: impute}}
latent:
  a[county]: normal(size, 1)
observe:
  y: normal(a[county] + inc[county], 1)
  inc: normal(0, 1)
";
    let rows = "county,y\n01001,1\n01003,2\n1001,30\n";
    let keys = "county,size,inc\n01001,1,\n01003,2,0\n1001,3,0.5\nTOT,4,\n";
    for keys in [keys, &keys.replace("TOT", "99999")] {
        let dir = folder("codes", &[("m.yaml", spec), ("d.csv", rows), ("c.csv", keys)]);
        ends(&dir, 0, &["m.yaml", "--out", "run", "--quiet"]);
        let names = texts(&table(&dir, "run/summary.parquet"), "name");
        let last = if keys.contains("TOT") { "TOT" } else { "99999" };
        for name in ["a[01001]".to_string(), "a[1001]".into(), "inc[01001]".into(), format!("inc[{last}]")] {
            assert!(names.contains(&name), "{name} {names:?}");
        }
        // They are numbers where numbers are wanted, and stay as they are in a simulated table.
        ends(&dir, 0, &["simulate", "m.yaml", "--out", "s"]);
        let written = fs::read_to_string(dir.path().join("s/d.csv")).unwrap();
        assert!(written.contains("\n01001,"), "{written}");
        ends(&dir, 0, &["check", "s/m.yaml"]);
    }
}
