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
    // Tables are found again from any working folder.
    let elsewhere = folder.path().join("lib");
    let out = run(&elsewhere, &["predict", "../runs/m", "--out", "p"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));

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
    assert!(said(&out).contains("did you mean `lib/prior.yaml`?"), "{}", said(&out));
}

/// Rows of a prediction: means by row.
fn means(folder: &Scratch, file: &str) -> Vec<f64> {
    let table = tables::Table::read(folder.path().join(file), &tables::ReadOptions::default()).unwrap();
    table.column("mean").unwrap().as_real().unwrap().into_owned()
}

#[test]
fn a_run_with_includes_and_overrides_predicts() {
    let folder = folder("predicts");
    let nested = "include: more/scale.yaml\nlatent:\n  mu: normal(0, 10)\nlet:\n  shift: mean(y)\n";
    fs::create_dir(folder.path().join("lib/more")).unwrap();
    fs::write(folder.path().join("lib/priors.yaml"), nested).unwrap();
    fs::write(folder.path().join("lib/more/scale.yaml"), "latent:\n  sigma: half_normal(5)\n").unwrap();
    let model = MODEL.replace("normal(mu, sigma)", "normal(mu + shift, sigma)");
    fs::write(folder.path().join("model.yaml"), model).unwrap();
    let set = ["latent.mu=normal(0, 1000)", "data.d.file=lib/other.csv"];
    let args = ["model.yaml", "--quiet", "--set", set[0], "--set", set[1]];
    let out = run(folder.path(), &args);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    // The spec of the run is what it was, whatever becomes of its files; tables are found where they were.
    fs::write(folder.path().join("model.yaml"), "model: other\n").unwrap();
    fs::remove_file(folder.path().join("lib/priors.yaml")).unwrap();
    let out = run(folder.path(), &["predict", "runs/m"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let again = means(&folder, "runs/m/predict/predictive.parquet");
    assert_eq!(again, means(&folder, "runs/m/predictive.parquet"));
    assert!(again.iter().all(|m| (m - 102.5).abs() < 2.0), "{again:?}");
    // Of another working folder, for other rows: what was learned stays, `mean(y)` too.
    let elsewhere = folder.path().join("lib/more");
    let out = run(&elsewhere, &["predict", "../../runs/m", "--out", "q"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert_eq!(again, means(&folder, "lib/more/q/predictive.parquet"));
    fs::write(elsewhere.join("new.csv"), "y\n101\n103\n").unwrap();
    let out = run(&elsewhere, &["predict", "../../runs/m", "--data", "new.csv", "--out", "p"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let new = means(&folder, "lib/more/p/predictive.parquet");
    assert!(new.len() == 2 && new.iter().all(|m| (m - 102.5).abs() < 2.0), "{new:?}");
    // A table that has changed is told, by the place it was read from.
    fs::write(folder.path().join("lib/other.csv"), "y\n1\n").unwrap();
    let out = run(folder.path(), &["predict", "runs/m"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(said(&out).contains("to use it as it is: --data d="), "{}", said(&out));
}

#[test]
fn simulated_specs_are_one_file() {
    let folder = folder("simulates");
    let set = ["latent.mu=normal(50, 0.1)", "data.d.file=lib/other.csv", "latent.sigma=half_normal(0.1)"];
    let args = ["simulate", "model.yaml", "--set", set[0], "--set", set[1], "--set", set[2], "--out", "s"];
    let out = run(folder.path(), &args);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let text = fs::read_to_string(folder.path().join("s/model.yaml")).unwrap();
    let expected = "# One file, made of model.yaml, lib/priors.yaml, --set latent.mu, --set data.d.file, \
--set latent.sigma.\nlatent:\n  mu: normal(50, 0.1)\n  sigma: half_normal(0.1)\nmodel: m\ndata:\n  d:\n    \
file: \"d.csv\"\n    rows: i\nobserve:\n  y: normal(mu, sigma)\n";
    assert_eq!(text, expected);
    let y = tables::Table::read(folder.path().join("s/d.csv"), &tables::ReadOptions::default()).unwrap();
    let y = y.column("y").unwrap().as_real().unwrap().into_owned();
    assert!(y.len() == 5 && y.iter().all(|y| (y - 50.0).abs() < 2.0), "{y:?}");
    let out = run(folder.path(), &["s/model.yaml", "--quiet", "--out", "run"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    // One file without overrides is copied as it is.
    let plain = MODEL.replace(
        "include: lib/priors.yaml\n",
        "# as it is\nlatent: {mu: \"normal(0, 1)\", sigma: half_normal(1)}\n",
    );
    fs::write(folder.path().join("plain.yaml"), &plain).unwrap();
    assert!(run(folder.path(), &["simulate", "plain.yaml", "--out", "p"]).status.success());
    let copied = fs::read_to_string(folder.path().join("p/plain.yaml")).unwrap();
    assert_eq!(copied, plain.replace("y.csv", "\"d.csv\""));
}

#[test]
fn a_new_latent_that_nothing_uses_is_told() {
    let folder = folder("idle");
    let told = |set: &str| said(&run(folder.path(), &["check", "model.yaml", "--set", set]));
    let slip = told("latent.sigm=half_normal(1)");
    let expected =
        "warning: --set latent.sigm: a new latent, which nothing uses; did you mean `latent.sigma`?";
    assert!(slip.contains(expected), "{slip}");
    let far = told("latent.zzz=half_normal(1)");
    assert!(far.contains("latent.zzz: a new latent, which nothing uses\n"), "{far}");
    for fine in ["latent.sigma=half_normal(1)", "inference.seed=3", "observe.y=normal(mu, 1)"] {
        assert!(!told(fine).contains("nothing uses"), "{fine}");
    }
    // One that something uses is meant.
    let args = ["--set", "latent.nu=half_normal(1)", "--set", "observe.y=student_t(3 + nu, mu, sigma)"];
    let out = run(folder.path(), &[&["check", "model.yaml"], &args[..]].concat());
    assert!(!said(&out).contains("nothing uses"), "{}", said(&out));
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
}
