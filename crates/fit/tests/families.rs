//! Families, gradients and noise by their words, and what they are worth on a hierarchy of many groups.

mod common;

use common::{Scratch, ends, folder};

/// Forty groups of six rows, each with a level and a slope; numbers as good as random.
fn groups(name: &str) -> Scratch {
    let wave = |k: usize| ((k as f64 * 12.9898).sin() * 43758.5453).fract();
    let mut rows = String::from("group,x,y\n");
    for g in 0..40 {
        let (level, slope) = (2.0 + wave(3 * g + 1), -1.0 + 0.5 * wave(3 * g + 2));
        for r in 0..6 {
            let x = wave(1000 + 6 * g + r);
            let y = level + slope * x + 0.5 * wave(9000 + 6 * g + r);
            rows.push_str(&format!("g{g:02},{x},{y}\n"));
        }
    }
    let spec = "\
model: groups
data:
  rows: {file: rows.csv, rows: row}
latent:
  mu: normal(0, 5)
  tau: half_normal(2)
  slope: normal(0, 5)
  level[group]: normal(mu, tau)
  own[group]: normal(slope, 0.5)
  sigma: half_normal(2)
observe:
  y: normal(level[group] + own[group] * x, sigma)
inference: {method: vi, centring: centred}
";
    folder(name, &[("rows.csv", &rows), ("model.yaml", spec)])
}

fn json(dir: &Scratch, run: &str) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(dir.path().join(run).join("fit.json")).unwrap()).unwrap()
}

/// Fits with a choice of `inference:`, by `--set`; the exit code does not matter.
fn fitted(dir: &Scratch, run: &str, choices: &[&str]) -> serde_json::Value {
    let set: Vec<String> = choices.iter().map(|choice| format!("inference.{choice}")).collect();
    let mut args = vec!["model.yaml", "--out", run];
    set.iter().for_each(|set| args.extend(["--set", set]));
    let out = common::run(dir.path(), &args);
    assert!(matches!(out.status.code(), Some(0 | 3)), "{choices:?}: {}", common::text_of(&out));
    json(dir, run)
}

/// Given what they share the groups are independent, so blocks lose nothing against full rank, while mean
/// field does. Which coordinates make a block is found out: nothing of it is in the spec.
#[test]
fn blocks_of_groups_are_as_good_as_full_rank() {
    let dir = groups("blocks-of-groups");
    let elbo = |family: &str| {
        let kept = fitted(&dir, family, &[&format!("family={family}")]);
        assert_eq!(kept["family"], family);
        kept["elbo"].as_f64().unwrap()
    };
    let (full, blocks, mean) = (elbo("full_rank"), elbo("structured"), elbo("mean_field"));
    assert!((full - blocks).abs() < 0.5, "{full} {blocks}");
    assert!(mean < blocks - 3.0, "{mean} {blocks}");
    for name in ["mu", "tau", "slope", "level[g07]", "own[g33]", "sigma"] {
        let column = |run: &str| {
            let table = common::table(&dir, &format!("{run}/posterior.parquet"));
            common::mean_and_sd(&common::real(&table, name))
        };
        let ((a, sd), (b, other)) = (column("full_rank"), column("structured"));
        assert!(
            (a - b).abs() < 0.15 * sd && (other / sd - 1.0).abs() < 0.15,
            "{name}: {a} {sd}, {b} {other}"
        );
    }
}

/// Every word is one that a fit runs with, and the trace has the variance of its gradient.
#[test]
fn every_word_is_fitted_with() {
    let dir = groups("words-of-families");
    for (run, choices) in [
        ("mixture", &["family=mixture(2)"][..]),
        ("flow", &["family=flow(1)"]),
        ("reparameterized", &["gradient=reparameterized"]),
        ("doubly", &["gradient=doubly_reparameterized"]),
        ("score", &["gradient=score_function", "family=mean_field"]),
        ("antithetic", &["noise=antithetic"]),
        ("sobol", &["noise=sobol", "draws=32"]),
    ] {
        fitted(&dir, run, &[choices, &["steps=100"]].concat());
        let trace = common::table(&dir, &format!("{run}/trace.parquet"));
        let variances = common::real(&trace, "grad_var");
        assert_eq!(variances.len(), 100, "{run}");
        assert!(variances.iter().all(|v| *v > 0.0 && v.is_finite()), "{run}");
    }
    assert_eq!(json(&dir, "mixture")["family"], "mixture(2)");
    assert_eq!(json(&dir, "flow")["family"], "flow(1)");
}

#[test]
fn what_excludes_each_other_is_told_before_anything_is_fitted() {
    let dir = groups("exclusions");
    let set = ["--set", "inference.family=mixture(2)", "--set", "inference.gradient=doubly_reparameterized"];
    let said = ends(&dir, 2, &[&["check", "model.yaml"][..], &set].concat());
    assert!(said.contains("`doubly_reparameterized` cannot go with `mixture`"), "{said}");
}
