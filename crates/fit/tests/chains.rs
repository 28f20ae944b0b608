//! `method: nuts` as a user meets it: what its chains say, and what becomes of them when they are interrupted.

mod common;

use std::fs;
use std::path::Path;

use common::{Csv, Scratch, interrupt, run, spec};
use serde_json::json;

fn json(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(folder.join("fit.json")).unwrap()).unwrap()
}

#[test]
fn the_results_say_what_was_run() {
    let folder = Scratch::new("chains");
    let nuts = |more: &[&str]| {
        let spec = spec("eight_schools");
        run(folder.path(), &[&[&spec[..], "--set", "inference.method=nuts"], more].concat())
    };
    let out = nuts(&["--out", "a"]);
    let said = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(
        said.contains("verdict ok: the chains agree") && said.contains("4 chains, R-hat at most 1.0"),
        "{said}"
    );
    let kept = json(&folder.path().join("a"));
    assert_eq!(kept["method"], "nuts");
    for of_a_family in ["family", "k_hat", "k_hat_q", "elbo", "elbo_mcse"] {
        assert!(kept[of_a_family].is_null(), "{of_a_family}: {}", kept[of_a_family]);
    }
    assert_eq!(kept["chains"]["draws"], json!([1000, 1000, 1000, 1000]));
    assert_eq!(kept["chains"]["saturated"], 0);
    assert!(kept["chains"]["r_hat"].as_f64().unwrap() < 1.01, "{}", kept["chains"]);
    let summary = Csv::read(&folder.path().join("a/summary.parquet"));
    for row in 0..summary.n_rows() {
        let number = |column: &str| summary.number(row, column);
        assert!(number("r_hat") < 1.01 && number("ess_bulk") >= 400.0 && number("ess_tail") >= 400.0);
        assert!(number("k_hat").is_nan() && number("shift").is_nan());
        // the standard error of a mean of so many draws
        assert!((number("mcse") / (number("sd") / number("ess").sqrt()) - 1.0).abs() < 0.01);
    }

    let out = nuts(&["--out", "b", "--threads", "1"]);
    assert_eq!(out.status.code(), Some(0));
    let bytes = |run: &str| fs::read(folder.path().join(run).join("posterior.parquet")).unwrap();
    assert!(bytes("a") == bytes("b"), "the same bits on any number of threads");

    let out = nuts(&["--out", "few", "--set", "inference.posterior_draws=200"]);
    let said = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(3), "{said}");
    assert!(said.contains("ask for more `posterior_draws`"), "{said}");
    assert_eq!(Csv::read(&folder.path().join("few/posterior.parquet")).n_rows(), 200);
}

#[cfg(unix)]
#[test]
fn interrupted_chains_are_kept_and_go_on() {
    let folder = Scratch::new("interrupted-chains");
    let data = common::workspace().join("datasets/michaelis_menten.csv");
    let text = fs::read_to_string(spec("michaelis_menten"))
        .unwrap()
        .replace("../datasets/michaelis_menten.csv", &data.to_string_lossy())
        + "\ninference: {method: nuts, posterior_draws: STEPS}\n";
    let out = interrupt(folder.path(), &text, "run");
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("go on with: fit") && said.contains("--resume"), "{said}");
    let kept = json(&folder.path().join("run"));
    assert_eq!(kept["verdict"], "unreliable");
    assert!(kept["reasons"][0].as_str().unwrap().starts_with("interrupted"), "{}", kept["reasons"]);
    let n = Csv::read(&folder.path().join("run/posterior.parquet")).n_rows() as u64;
    let by_chain = kept["chains"]["draws"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap());
    assert_eq!(by_chain.sum::<u64>(), n);

    for arguments in [&["--out", "whole"][..], &["--out", "run", "--resume"]] {
        let out = run(folder.path(), &[&["model.yaml"], arguments].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    let bytes = |run: &str| fs::read(folder.path().join(run).join("posterior.parquet")).unwrap();
    assert!(bytes("run") == bytes("whole"));
}
