//! Runs of the shipped specs against published and computed truth.
//!
//! References under `tests/truth/` are ours. Those of posteriordb are read from the folder that
//! `PATHWISE_TRUTH` names (by default `../shared/truth`, from the workspace root) and skipped by name
//! where it is not there.

mod common;

use std::path::PathBuf;

use common::{Csv, Run, fit, truth, workspace};

/// Means within 0.15 reference sds, sds within 15 %, and a verdict that stands by them.
const MEAN_TOLERANCE: f64 = 0.15;
const SD_TOLERANCE: f64 = 0.15;

fn ours(name: &str) -> PathBuf {
    workspace().join("tests/truth/references").join(name)
}

fn holds(run: &Run, reference: &Csv, rename: impl Fn(&str) -> String) {
    assert!(
        ["ok", "corrected"].contains(&run.verdict().as_str()),
        "verdict {}: {}",
        run.verdict(),
        run.json()
    );
    assert!(reference.n_rows() > 0);
    for row in 0..reference.n_rows() {
        let name = rename(reference.text(row, "parameter"));
        let (mean, sd) = run.moments(&name);
        let (rm, rs) = (reference.number(row, "mean"), reference.number(row, "sd"));
        assert!((mean - rm).abs() < MEAN_TOLERANCE * rs, "{name}: mean {mean}, reference {rm} ({rs})");
        assert!((sd / rs - 1.0).abs() < SD_TOLERANCE, "{name}: sd {sd}, reference {rs}");
    }
}

#[test]
fn michaelis_menten_agrees_with_nuts() {
    let run = fit("michaelis_menten");
    holds(&run, &Csv::read(&ours("michaelis_menten.csv")), str::to_string);
    println!("truth: ran michaelis_menten posterior");
}

#[test]
fn puromycin_agrees_with_quadrature() {
    let run = fit("puromycin");
    holds(&run, &Csv::read(&ours("puromycin.csv")), str::to_string);
    println!("truth: ran puromycin posterior");
}

#[test]
fn radon_agrees_with_quadrature() {
    holds(&fit("radon"), &Csv::read(&ours("radon.csv")), str::to_string);
    println!("truth: ran radon posterior");
}

#[test]
fn logistic_regression_agrees_with_importance_sampling() {
    let run = fit("logistic_regression");
    holds(&run, &Csv::read(&ours("logistic_regression.csv")), str::to_string);
    println!("truth: ran logistic_regression posterior");
}

/// x ~ normal(0, 1) and y ~ normal(x, 0.5): the posterior is normal, its precision 1 + n / 0.5^2. The
/// family contains it, so what is left is the error of 4,000 draws.
#[test]
fn conjugate_agrees_with_its_closed_form() {
    let data = Csv::read(&workspace().join("datasets/y.csv"));
    let sum: f64 = (0..data.n_rows()).map(|r| data.number(r, "y")).sum();
    let precision = 1.0 + data.n_rows() as f64 / 0.25;
    let run = fit("conjugate");
    assert_eq!(run.verdict(), "ok");
    let (mean, sd) = run.moments("x");
    let (expected_mean, expected_sd) = (sum / 0.25 / precision, precision.powf(-0.5));
    assert!((mean - expected_mean).abs() < 4.0 * expected_sd / 4000f64.sqrt(), "{mean} {expected_mean}");
    assert!((sd / expected_sd - 1.0).abs() < 4.0 / 8000f64.sqrt(), "{sd} {expected_sd}");
    println!("truth: ran conjugate posterior");
}

const LYNX: &str = "posteriordb/hudson_lynx_hare-lotka_volterra";
const SCHOOLS: &str = "posteriordb/eight_schools-eight_schools_noncentered";

#[test]
fn lynx_hare_agrees_with_posteriordb() {
    let Some(folder) = truth(LYNX, "lynx_hare posterior") else { return };
    holds(&fit("lynx_hare"), &Csv::read(&folder.join("reference.csv")), str::to_string);
}

#[test]
fn eight_schools_agrees_with_posteriordb() {
    let Some(folder) = truth(SCHOOLS, "eight_schools posterior") else { return };
    let text = std::fs::read_to_string(workspace().join("tests/truth/rename/eight_schools.json")).unwrap();
    let names: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rename = |name: &str| names[name].as_str().unwrap_or(name).to_string();
    holds(&fit("eight_schools"), &Csv::read(&folder.join("reference.csv")), rename);
}

/// Columns and rows that `fit logdensity` reads, from a reference's table.
type Points = fn(&Csv) -> (Vec<String>, Vec<Vec<f64>>);

/// Points of a posteriordb table in the columns that `fit logdensity` reads.
fn lynx_points(table: &Csv) -> (Vec<String>, Vec<Vec<f64>>) {
    let names: Vec<String> = (1..=4)
        .map(|i| format!("theta[{i}]"))
        .chain((1..=2).map(|k| format!("z_init[{k}]")))
        .chain((1..=2).map(|k| format!("sigma[{k}]")))
        .collect();
    let rows = (0..table.n_rows()).map(|r| names.iter().map(|n| table.number(r, n)).collect()).collect();
    (names, rows)
}

/// z = (theta - mu) / tau: the reference lists theta, the spec's latent is z.
fn schools_points(table: &Csv) -> (Vec<String>, Vec<Vec<f64>>) {
    let mut names: Vec<String> = ["mu".into(), "tau".into()].into();
    names.extend("ABCDEFGH".chars().map(|c| format!("z[{c}]")));
    let rows = (0..table.n_rows())
        .map(|r| {
            let (mu, tau) = (table.number(r, "mu"), table.number(r, "tau"));
            let z = (1..=8).map(|i| (table.number(r, &format!("theta[{i}]")) - mu) / tau);
            [mu, tau].into_iter().chain(z).collect()
        })
        .collect();
    (names, rows)
}

fn differences_hold(spec: &str, folder: &std::path::Path, points: Points, tolerance: f64) {
    let reference = Csv::read(&folder.join("logdensity.csv"));
    let (names, rows) = points(&reference);
    let out = common::logdensity(spec, &names, &rows, false);
    for r in 0..rows.len() {
        let found = out.number(r, "log_joint") - out.number(0, "log_joint");
        let expected = reference.number(r, "log_density_minus_first");
        assert!((found - expected).abs() < tolerance, "{spec} row {r}: {found}, reference {expected}");
    }
}

/// Over posterior draws, E[g] = 0 and E[(u - E u) g] = -1 for every unconstrained coordinate.
fn score_identity_holds(spec: &str, folder: &std::path::Path, points: Points) {
    let (names, rows) = points(&Csv::read(&folder.join("draws_500.csv")));
    let out = common::logdensity(spec, &names, &rows, true);
    let n = rows.len() as f64;
    for name in &names {
        let column = |prefix: &str| -> Vec<f64> {
            (0..rows.len()).map(|r| out.number(r, &format!("{prefix}:{name}"))).collect()
        };
        let (u, g) = (column("u"), column("g"));
        let mean_u = u.iter().sum::<f64>() / n;
        let products: Vec<f64> = u.iter().zip(&g).map(|(u, g)| (u - mean_u) * g).collect();
        for (what, values, expected) in [("E[g]", &g, 0.0), ("E[(u - Eu) g]", &products, -1.0)] {
            let mean = values.iter().sum::<f64>() / n;
            let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let z = (mean - expected) / (var / n).sqrt();
            assert!(z.abs() < 4.0, "{spec} {name}: {what} = {mean}, z = {z}");
        }
    }
}

#[test]
fn lynx_hare_density_differences() {
    let Some(folder) = truth(LYNX, "lynx_hare logdensity") else { return };
    differences_hold("lynx_hare", &folder, lynx_points, 1e-3);
}

#[test]
fn eight_schools_density_differences() {
    let Some(folder) = truth(SCHOOLS, "eight_schools logdensity") else { return };
    differences_hold("eight_schools", &folder, schools_points, 1e-6);
}

#[test]
fn lynx_hare_score_identity() {
    let Some(folder) = truth(LYNX, "lynx_hare score") else { return };
    score_identity_holds("lynx_hare", &folder, lynx_points);
}

#[test]
fn eight_schools_score_identity() {
    let Some(folder) = truth(SCHOOLS, "eight_schools score") else { return };
    score_identity_holds("eight_schools", &folder, schools_points);
}

/// The series `y` of a posteriordb case as a table beside a spec of it.
fn series_spec(folder: &std::path::Path, name: &str, text: &str) -> (common::Scratch, String) {
    let data = std::fs::read_to_string(folder.join("data.json")).unwrap();
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    let rows = data["y"].as_array().unwrap().iter().enumerate();
    let rows: String = rows.map(|(t, y)| format!("{},{y}\n", t + 1)).collect();
    let scratch = common::Scratch::new(&format!("series-{name}-{:?}", std::thread::current().id()));
    std::fs::write(scratch.path().join("y.csv"), format!("t,y\n{rows}")).unwrap();
    let spec = scratch.path().join(format!("{name}.yaml"));
    std::fs::write(&spec, text).unwrap();
    (scratch, spec.to_string_lossy().into_owned())
}

const ARMA: &str = "
model: arma
data:
  series: {file: y.csv, rows: i, ordered_by: t}
latent:
  mu: normal(0, 10)
  phi: normal(0, 2)
  theta: normal(0, 2)
  sigma: half_cauchy(2.5)
recurrence:
  prediction:
    over: i
    states:
      nu:
        initial: mu + phi * mu
        next: mu + phi * lag(y, 1) + theta * (lag(y, 1) - nu)
observe:
  y: normal(nu, sigma)
";

fn arma_points(table: &Csv) -> (Vec<String>, Vec<Vec<f64>>) {
    let names: Vec<String> = ["mu", "phi", "theta", "sigma"].map(String::from).into();
    let rows = (0..table.n_rows()).map(|r| names.iter().map(|n| table.number(r, n)).collect()).collect();
    (names, rows)
}

#[test]
fn arma_density_differences() {
    let Some(folder) = truth("posteriordb/arma-arma11", "arma logdensity") else { return };
    let (_files, spec) = series_spec(&folder, "arma", ARMA);
    differences_hold(&spec, &folder, arma_points, 1e-6);
}

#[test]
fn arma_score_identity() {
    let Some(folder) = truth("posteriordb/arma-arma11", "arma score") else { return };
    let (_files, spec) = series_spec(&folder, "arma", ARMA);
    score_identity_holds(&spec, &folder, arma_points);
}

/// Both starting states with one weight: half, which is only a constant off, as the order of the means is.
const HMM: &str = "
model: hmm
data:
  series: {file: y.csv, rows: i, ordered_by: t}
dims: {state: 2}
let:
  start[state]: [0.5, 0.5]
latent:
  theta[state, state']: dirichlet(1, over=state')
  low: truncated(normal(3, 1), lower=0)
  high: normal(10, 1)
recurrence:
  chain:
    over: i
    states:
      k: {initial: \"categorical(start)\", next: \"categorical(theta[k])\"}
observe:
  y: normal(where(k == 1, low, high), 1)
";

fn hmm_points(table: &Csv) -> (Vec<String>, Vec<Vec<f64>>) {
    let from = ["theta1[1]", "theta1[2]", "theta2[1]", "theta2[2]", "mu[1]", "mu[2]"];
    let names = ["theta[1,1]", "theta[1,2]", "theta[2,1]", "theta[2,2]", "low", "high"];
    let rows = (0..table.n_rows()).map(|r| from.iter().map(|n| table.number(r, n)).collect()).collect();
    (names.map(String::from).into(), rows)
}

#[test]
fn hidden_markov_density_differences() {
    let Some(folder) = truth("posteriordb/hmm_example-hmm_example", "hmm logdensity") else { return };
    let (_files, spec) = series_spec(&folder, "hmm", HMM);
    differences_hold(&spec, &folder, hmm_points, 1e-6);
}

#[test]
fn hidden_markov_agrees_with_posteriordb() {
    let Some(folder) = truth("posteriordb/hmm_example-hmm_example", "hmm posterior") else { return };
    let (_files, spec) = series_spec(&folder, "hmm", HMM);
    let rename = |name: &str| match name {
        "mu[1]" => "low".to_string(),
        "mu[2]" => "high".to_string(),
        // theta1[2] is theta[1,2].
        theta => format!("theta[{},{}]", &theta[5..6], &theta[7..8]),
    };
    holds(&fit(&spec), &Csv::read(&folder.join("reference.csv")), rename);
}

/// The filter's marginal posterior of the Nile's latent autoregression is found and stood by.
#[test]
fn latent_ar_is_fitted() {
    let run = fit("latent_ar");
    assert!(["ok", "corrected"].contains(&run.verdict().as_str()), "{}", run.json());
    assert_eq!(run.table("summary.parquet").n_rows, 4);
}

/// The ten cases of posteriordb as a user has them: tables and specs written by `tests/truth/prepare`.
/// Means within 0.1 sds and sds within 10 % with a verdict that stands by them for eight at least; a
/// run that is not within these must not be off by much more and called good.
#[test]
fn posteriordb_cases_hold() {
    let Some(folder) = truth("posteriordb", "the ten cases of posteriordb") else { return };
    let scratch = common::Scratch::new("posteriordb");
    let script = workspace().join("tests/truth/prepare");
    let done = std::process::Command::new("python3")
        .arg(script)
        .arg(folder.parent().unwrap())
        .arg(scratch.path())
        .status()
        .expect("python3 runs the script");
    assert!(done.success());
    let mut good = 0;
    let mut cases = 0;
    let mut specs: Vec<PathBuf> =
        std::fs::read_dir(scratch.path()).unwrap().map(|e| e.unwrap().path()).collect();
    specs.retain(|p| p.extension().is_some_and(|e| e == "yaml"));
    specs.sort();
    for spec in specs {
        let name = spec.file_stem().unwrap().to_string_lossy().into_owned();
        let reference = Csv::read(&folder.join(&name).join("reference.csv"));
        let out = common::run(scratch.path(), &[&spec.to_string_lossy(), "--out", &name]);
        cases += 1;
        if out.status.code() == Some(3) {
            continue;
        }
        assert_eq!(out.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&out.stderr));
        let posterior = tables::Table::read(
            scratch.path().join(&name).join("posterior.parquet"),
            &tables::ReadOptions::default(),
        )
        .unwrap();
        let mut worst = (0.0f64, 0.0f64);
        for row in 0..reference.n_rows() {
            let parameter = reference.text(row, "parameter");
            let x = posterior.column(parameter).unwrap_or_else(|_| panic!("{name} lacks {parameter}"));
            let x = x.as_real().unwrap();
            let (mean, sd) = common::mean_and_sd(&x);
            let (rm, rs) = (reference.number(row, "mean"), reference.number(row, "sd"));
            worst = (worst.0.max((mean - rm).abs() / rs), worst.1.max((sd / rs - 1.0).abs()));
        }
        assert!(worst.0 < 0.2 && worst.1 < 0.25, "{name}: {worst:?}");
        good += usize::from(worst.0 < 0.1 && worst.1 < 0.1);
    }
    assert_eq!(cases, 10);
    assert!(good >= 8, "{good} of ten");
}
