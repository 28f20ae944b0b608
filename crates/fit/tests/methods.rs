//! `method: map`, `laplace` and `pathfinder`, and the optimizers, as a user meets them.

mod common;

use std::fs;
use std::path::Path;

use common::{Csv, Scratch, run, spec};
use tables::{ReadOptions, Table};

fn json(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(folder.join("fit.json")).unwrap()).unwrap()
}

/// p ~ beta(3, 5) and 4 of 10: the mode of beta(7, 11) is 6/16 on the user's scale, where that of the
/// logit is 7/18; lambda ~ gamma(3, 2): 1, and not 3/2.
#[test]
fn a_mode_is_that_of_the_users_scale_and_a_point() {
    let folder = Scratch::new("map");
    let text = "model: m\ndata: {t: {file: t.csv, rows: i}}\nlatent:\n  p: beta(3, 5)\n  rate: gamma(3, 2)\nlet:\n  \
                odds: p / (1 - p)\nobserve:\n  y: binomial(10, p)\ninference: {method: map}\n";
    fs::write(folder.path().join("m.yaml"), text).unwrap();
    fs::write(folder.path().join("t.csv"), "y\n4\n").unwrap();
    let out = run(folder.path(), &["m.yaml"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(0), "{said} {}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("verdict unchecked\n  a point, the mode"), "{said}");
    assert!(!said.contains("NaN") && !said.contains("k-hat"), "{said}");
    let made = folder.path().join("runs/m");
    let kept = json(&made);
    assert_eq!((kept["verdict"].as_str(), kept["method"].as_str()), (Some("unchecked"), Some("map")));
    for of_a_family in ["family", "optimizer", "k_hat", "elbo", "chains"] {
        assert!(kept[of_a_family].is_null(), "{of_a_family}: {}", kept[of_a_family]);
    }
    let summary = Csv::read(&made.join("summary.parquet"));
    for (row, mean) in [(0, 6.0 / 16.0), (1, 1.0), (2, 0.6)] {
        assert!((summary.number(row, "mean") - mean).abs() < 1e-5, "{row}: {}", summary.number(row, "mean"));
        for column in ["sd", "q05", "q50", "q95", "mcse", "ess", "k_hat", "shift"] {
            assert!(summary.number(row, column).is_nan(), "{column}");
        }
    }
    // one row, with the density on the user's scale
    let posterior = Csv::read(&made.join("posterior.parquet"));
    assert_eq!(posterior.n_rows(), 1);
    let p: f64 = 0.375;
    // log of 105 p^2 (1 - p)^4, of 210 p^4 (1 - p)^6, and of 4 rate^2 exp(-2 rate)
    let log_joint = (105.0 * p.powi(2) * (1.0 - p).powi(4)).ln()
        + (210.0 * p.powi(4) * (1.0 - p).powi(6)).ln()
        + 4f64.ln()
        - 2.0;
    assert!(
        (posterior.number(0, "log_joint") - log_joint).abs() < 1e-9,
        "{}",
        posterior.number(0, "log_joint")
    );
    // predictions have the spread of the law: binomial(10, 0.375)
    let predicted = Csv::read(&made.join("predictive.parquet"));
    let (mean, sd) = (predicted.number(0, "mean"), predicted.number(0, "sd"));
    assert!((mean - 3.75).abs() < 0.15 && (sd - (10.0 * p * (1.0 - p)).sqrt()).abs() < 0.1, "{mean} {sd}");
    let out = run(folder.path(), &["predict", "runs/m", "--data", "t.csv"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let again = Csv::read(&made.join("predict/predictive.parquet"));
    assert!((again.number(0, "sd") - sd).abs() < 0.1, "{}", again.number(0, "sd"));
}

/// Effects that agree with each other and their unknown scale: the density rises without bound.
#[test]
fn a_mode_that_does_not_exist_is_said_to_be_none() {
    let folder = Scratch::new("no-mode");
    let text = "model: m\ndims: {k: 5}\nlatent:\n  s: flat(lower=0)\n  e[k]: normal(0, s)\ninference: {method: map}\n";
    fs::write(folder.path().join("m.yaml"), text).unwrap();
    let out = run(folder.path(), &["m.yaml"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(3), "{said} {}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("still rises"), "{said}");
}

#[test]
fn pathfinder_and_laplace_are_checked() {
    let folder = Scratch::new("pathfinder");
    let of = |more: &[&str]| run(folder.path(), &[&[&spec("michaelis_menten")[..]], more].concat());
    let out = of(&["--set", "inference.method=pathfinder", "--set", "inference.paths=4", "--out", "a"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(0), "{said} {}", String::from_utf8_lossy(&out.stderr));
    let kept = json(&folder.path().join("a"));
    assert_eq!(kept["method"], "pathfinder");
    assert!(kept["family"].as_str().unwrap().contains("along"), "{}", kept["family"]);
    // a row a descent
    assert_eq!(Csv::read(&folder.path().join("a/trace.parquet")).n_rows(), 4);
    assert_eq!(Csv::read(&folder.path().join("a/posterior.parquet")).n_rows(), 4000);
    let out = of(&["--set", "inference.method=laplace", "--out", "b"]);
    assert!([0, 3].contains(&out.status.code().unwrap()));
    assert_eq!(json(&folder.path().join("b"))["steps"], 0);
}

#[test]
fn every_optimizer_fits() {
    let folder = Scratch::new("optimizers");
    let of = |more: &[&str]| run(folder.path(), &[&[&spec("michaelis_menten")[..]], more].concat());
    for optimizer in ["adam", "batch_and_match", "natural_gradient", "fixed_draws", "newton_cg"] {
        let set = format!("inference.optimizer={optimizer}");
        let out = of(&["--set", &set, "--out", optimizer]);
        assert_eq!(out.status.code(), Some(0), "{optimizer}: {}", String::from_utf8_lossy(&out.stderr));
        let kept = json(&folder.path().join(optimizer));
        assert_eq!(kept["optimizer"], optimizer);
        assert!(kept["elbo"].as_f64().unwrap().is_finite());
    }
    let out = of(&["--set", "inference.optimizer=fixed_draws", "--set", "inference.draws=4", "--out", "few"]);
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("`draws: 4` is refused; expected at least"), "{said}");
}

/// A climb by batches of rows ends where one by all rows does, for the check sees them all; so does one that is
/// interrupted and resumed, for batches belong to steps.
#[test]
fn batches_of_rows_climb_to_the_same_place() {
    let line = |i: i32| {
        let x = f64::from(i % 17) / 8.0 - 1.0;
        let noise = f64::from(i * 7919 % 101) / 101.0 - 0.5;
        format!("{x},{}\n", 1.0 + 2.0 * x + noise)
    };
    let data = format!("x,y\n{}", (0..600).map(line).collect::<String>());
    let spec = "model: batches
data: {d: {file: d.csv, rows: row}}
latent:
  a: normal(0, 2)
  b: normal(0, 2)
  s: half_normal(1)
let:
  centred: x - mean(x)
observe:
  y: normal(a + b * centred, s)
";
    let in_batches = format!("{spec}inference: {{minibatch: {{row: 50}}}}\n");
    let dir = common::folder("batches", &[("d.csv", &data), ("all.yaml", spec), ("some.yaml", &in_batches)]);
    let posterior = |name: &str| {
        common::ends(&dir, 0, &[name, "--out", name.trim_end_matches(".yaml")]);
        let at = dir.path().join(name.trim_end_matches(".yaml")).join("posterior.parquet");
        Table::read(at, &ReadOptions::default()).unwrap()
    };
    let (all, some) = (posterior("all.yaml"), posterior("some.yaml"));
    for name in ["a", "b", "s"] {
        let of = |t: &Table| common::mean_and_sd(&t.column(name).unwrap().as_real().unwrap());
        let ((m, s), (n, t)) = (of(&all), of(&some));
        assert!((m - n).abs() < 0.1 * s && (t / s - 1.0).abs() < 0.1, "{name}: {m} {s}, {n} {t}");
    }
    let said = common::ends(&dir, 2, &["some.yaml", "--set", "latent.b[row]=normal(0, 1)"]);
    assert!(said.contains("`b` has a value of its own for each row [not_in_batches]"), "{said}");
    let said = common::ends(&dir, 2, &["some.yaml", "--set", "factor.f=-sum(exp(b * centred))^2"]);
    assert!(said.contains("`sum` takes several rows together [not_in_batches]"), "{said}");
    let said = common::ends(&dir, 2, &["some.yaml", "--set", "factor.f=-mean(exp(b * centred))^2"]);
    assert!(said.contains("`mean` takes several rows together [not_in_batches]"), "{said}");
}
