//! Includes and `--set` as a user meets them: what every command sees of them, and what a run keeps.

mod common;

use std::fs;
use std::process::Output;

use common::{Scratch, run};

const MODEL: &str = "model: m\ninclude: lib/priors.yaml\ndata: {d: {file: y.csv, rows: i}}\nobserve:\n  y: normal(mu, sigma)\n";
const PRIORS: &str = "latent:\n  mu: normal(0, 10)\n  sigma: half_normal(5)\n";

fn folder(name: &str) -> Scratch {
    let folder = Scratch::new(name);
    fs::create_dir(folder.path().join("lib")).unwrap();
    for (file, text) in [
        ("model.yaml", MODEL),
        ("lib/priors.yaml", PRIORS),
        ("y.csv", "y\n1\n2\n4\n3\n2.5\n"),
        ("lib/other.csv", "y\n101\n102\n104\n103\n102.5\n"),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn json(folder: &Scratch) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(folder.path().join("runs/m/fit.json")).unwrap()).unwrap()
}

#[test]
fn a_run_keeps_its_includes_and_overrides() {
    let folder = folder("includes");
    let out = run(folder.path(), &["model.yaml", "--quiet"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let plain = json(&folder);
    assert_eq!(plain["spec"], MODEL);
    assert_eq!(plain["includes"], serde_json::json!([{"file": "lib/priors.yaml", "text": PRIORS}]));
    assert_eq!(plain["overrides"], serde_json::json!([]));
    assert_eq!(plain["versions"]["language"], 1);

    // A path on the command line is one from here; it counts beside the options of inference.
    let set = ["latent.mu=normal(0, 1000)", "data.d.file=lib/other.csv", "inference.posterior_draws=500"];
    let out = run(
        folder.path(),
        &["model.yaml", "--quiet", "--set", set[0], "--set", set[1], "--set", set[2], "--seed", "2"],
    );
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let changed = json(&folder);
    assert_eq!(changed["overrides"], serde_json::json!(set));
    assert_eq!(changed["seed"], 2);
    assert_ne!(changed["digest"], plain["digest"]);
    let table = |file: &str| {
        let path = folder.path().join("runs/m").join(file);
        tables::Table::read(path, &tables::ReadOptions::default()).unwrap()
    };
    let posterior = table("posterior.parquet");
    assert_eq!(posterior.n_rows, 500);
    let mu = posterior.column("mu").unwrap().as_real().unwrap().into_owned();
    let mean = mu.iter().sum::<f64>() / mu.len() as f64;
    assert!((mean - 102.5).abs() < 2.0, "{mean}");

    // An included file is part of the digest.
    fs::write(folder.path().join("lib/priors.yaml"), PRIORS.replace("half_normal(5)", "half_normal(6)"))
        .unwrap();
    assert!(run(folder.path(), &["model.yaml", "--quiet"]).status.success());
    assert_ne!(json(&folder)["digest"], plain["digest"]);
}

#[test]
fn every_command_takes_overrides() {
    let folder = folder("commands");
    fs::write(folder.path().join("at.csv"), "mu,sigma\n1,2\n").unwrap();
    let with = |args: &[&str], set: &str| said(&run(folder.path(), &[args, &["--set", set]].concat()));
    assert!(with(&["check", "model.yaml"], "latent.extra=normal(0, 1)").contains("3 coordinates"));
    let shown = with(&["explain", "--phase", "core", "model.yaml"], "latent.mu=normal(0, 3)");
    assert!(shown.contains("sample  mu ~ normal(0, 3)"), "{shown}");
    let at = |set: &str| with(&["logdensity", "model.yaml", "--at", "at.csv"], set);
    assert_ne!(at("latent.mu=normal(0, 3)"), at("latent.mu=normal(0, 10)"));
    let out = run(folder.path(), &["check", "model.yaml", "--set", "latent.mu=normal(0, s)"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(said(&out).contains("--set latent.mu:1:21: unknown name `s`"), "{}", said(&out));
    // A mistake in an included file names it.
    fs::write(
        folder.path().join("lib/priors.yaml"),
        "latent:\n  mu: normal(0, tau)\n  sigma: half_normal(5)\n",
    )
    .unwrap();
    let out = run(folder.path(), &["check", "model.yaml"]);
    assert!(said(&out).contains("lib/priors.yaml:2:17: unknown name `tau`"), "{}", said(&out));
    // A circle through the file system's own names for one folder.
    fs::write(folder.path().join("lib/priors.yaml"), "include: ../lib/../model.yaml\n").unwrap();
    let out = run(folder.path(), &["check", "model.yaml"]);
    assert!(said(&out).contains("include each other in a circle"), "{}", said(&out));
    fs::remove_file(folder.path().join("lib/priors.yaml")).unwrap();
    fs::write(folder.path().join("lib/prior.yaml"), PRIORS).unwrap();
    let out = run(folder.path(), &["check", "model.yaml"]);
    assert!(said(&out).contains("did you mean `prior.yaml`?"), "{}", said(&out));
}
