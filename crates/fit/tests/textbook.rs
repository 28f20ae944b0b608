//! Every spec of `specs/textbook`, fitted as it is, against `tests/textbook/<name>.csv`.
//!
//! A reference has a row a parameter: name, mean, sd and the Monte-Carlo error of the mean, from long runs of
//! `method: nuts` (`tests/textbook/make`), or exact ones with an error of zero, which that leaves alone. A
//! column `tolerance`, where there is one, widens what a parameter is allowed: in sds for the mean, as a ratio
//! for the sd.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

use common::{Csv, Scratch, workspace};
use tables::{ReadOptions, Table};

/// Means within so many reference sds and four of the reference's errors, sds within as much.
const TOLERANCE: f64 = 0.1;
/// Mean and sd of a probability within so much beside.
const PROBABILITY: f64 = 0.01;
/// Draws of a reference, and the effective sample size that each of its parameters needs.
const DRAWS: usize = 40_000;
const ESS: f64 = 5000.0;

/// Fits that are known to end `unreliable`, and why. One that no longer does must go.
const UNRELIABLE: [(&str, &str); 0] = [];
/// What varies by less, of its size, varies by rounding.
const CONSTANT: f64 = 1e-9;
/// What the chains of a reference need besides, which is no part of the model.
const FOR_CHAINS: [(&str, &str); 1] = [("regularised_horseshoe", "inference.centring=non_centred")];
/// Part of a reference's draws that may diverge.
const DIVERGENT: f64 = 0.01;

fn folder(part: &str) -> PathBuf {
    workspace().join(part).join("textbook")
}

/// The stems of a folder's files of one kind.
fn names(part: &str, extension: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder(part)).unwrap().map(|e| e.unwrap().path());
    let of_kind = files.filter(|p| p.extension().is_some_and(|e| e == extension));
    of_kind.map(|p| p.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

/// A spec's run: its exit code, what it said, and its folder.
fn fit(name: &str, arguments: &[&str]) -> (Option<i32>, String, Scratch) {
    let scratch = Scratch::new(&format!("textbook-{name}"));
    let spec = folder("specs").join(format!("{name}.yaml"));
    let first: [&str; 3] = [&spec.to_string_lossy(), "--out", "run"];
    let out = common::run(scratch.path(), &[&first, arguments].concat());
    let said = [out.stdout, out.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (out.status.code(), said.concat(), scratch)
}

/// Where a run and its reference differ; empty if they do not.
fn differences(name: &str) -> Vec<String> {
    let (code, said, run) = fit(name, &[]);
    let known = UNRELIABLE.iter().find(|(unreliable, _)| *unreliable == name);
    match (code, known) {
        (Some(0), None) => {}
        (Some(3), Some(_)) => return Vec::new(),
        (Some(0), Some((_, reason))) => return vec![format!("is good now, though listed: {reason}")],
        _ => return vec![said],
    }
    let file = folder("tests").join(format!("{name}.csv"));
    if !file.exists() {
        return vec!["has no reference".into()];
    }
    let reference = Csv::read(&file);
    let posterior = run.path().join("run/posterior.parquet");
    let posterior = Table::read(posterior, &ReadOptions::default()).unwrap();
    let mut found = Vec::new();
    for row in 0..reference.n_rows() {
        let (parameter, number) = (reference.text(row, "name"), |column| reference.number(row, column));
        let Ok(column) = posterior.column(parameter) else {
            found.push(format!("{parameter} is not in the posterior"));
            continue;
        };
        let (mean, sd) = common::mean_and_sd(&column.as_real().unwrap());
        let (expected, spread) = (number("mean"), number("sd"));
        if spread < CONSTANT * expected.abs() {
            if (mean - expected).abs() > CONSTANT * expected.abs() || sd > CONSTANT * expected.abs() {
                found.push(format!("{parameter}: {mean} and its sd {sd} are not the constant {expected}"));
            }
            continue;
        }
        // Of a probability it is the absolute size that counts.
        if parameter.starts_with("P(") {
            let allowed = PROBABILITY + TOLERANCE * spread;
            if (mean - expected).abs() > allowed || (sd - spread).abs() > allowed {
                found.push(format!("{parameter}: {mean} with sd {sd} is not {expected} with {spread}"));
            }
            continue;
        }
        let tolerance = if reference.has("tolerance") { number("tolerance") } else { TOLERANCE };
        let off = (mean - expected).abs() / spread;
        // NaN is nowhere near
        let near = off < tolerance + 4.0 * number("mcse") / spread;
        if !near {
            found.push(format!("{parameter}: mean {mean} is {off:.3} sds from {expected}"));
        }
        let near = (sd / spread - 1.0).abs() < tolerance;
        if !near {
            found.push(format!("{parameter}: sd {sd} is {:.3} of {spread}", sd / spread));
        }
    }
    found
}

/// Does something with every name, two at a time.
fn for_all(names: &BTreeSet<String>, each: impl Fn(&str) + Sync) {
    let rest = Mutex::new(names.iter());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = rest.lock().unwrap().next();
                    let Some(name) = next else { return };
                    each(name);
                }
            });
        }
    });
}

#[test]
fn every_spec_has_a_reference() {
    assert_eq!(names("specs", "yaml"), names("tests", "csv"));
    for (name, reason) in UNRELIABLE {
        assert!(names("specs", "yaml").contains(name) && !reason.is_empty(), "{name}");
    }
}

#[test]
fn textbook_models_have_their_posteriors() {
    let wrong = Mutex::new(Vec::new());
    for_all(&names("specs", "yaml"), |name| {
        let found = differences(name);
        if !found.is_empty() {
            wrong.lock().unwrap().push(format!("{name}:\n  {}", found.join("\n  ")));
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A reference that is exact keeps its numbers.
fn is_exact(name: &str) -> bool {
    let file = folder("tests").join(format!("{name}.csv"));
    file.exists() && {
        let reference = Csv::read(&file);
        (0..reference.n_rows()).all(|row| reference.number(row, "mcse") == 0.0)
    }
}

/// Writes the reference of a spec, or says why its chains are not good enough.
fn make(name: &str) -> Result<(), String> {
    let draws = format!("inference.posterior_draws={DRAWS}");
    let mut arguments = vec!["--set", "inference.method=nuts", "--set", &draws];
    let more = FOR_CHAINS.iter().filter(|(of, _)| *of == name);
    more.for_each(|(_, set)| arguments.extend(["--set", set]));
    let (_, said, run) = fit(name, &arguments);
    let Ok(text) = std::fs::read_to_string(run.path().join("run/fit.json")) else { return Err(said) };
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let chains = |what: &str| json["chains"][what].as_f64().unwrap_or(f64::INFINITY);
    let agree = chains("r_hat") < 1.01 && chains("divergences") < DIVERGENT * DRAWS as f64;
    if !agree {
        return Err(said);
    }
    let summary = Csv::read(&run.path().join("run/summary.parquet"));
    let mut text = "name,mean,sd,mcse\n".to_string();
    let mut add = |parameter: &str, mean: f64, sd: f64, mcse: f64| {
        let quoted = if parameter.contains(',') { format!("\"{parameter}\"") } else { parameter.into() };
        text.push_str(&format!("{quoted},{mean:.6e},{sd:.6e},{mcse:.2e}\n"));
    };
    for row in 0..summary.n_rows() {
        let (parameter, number) = (summary.text(row, "name"), |column| summary.number(row, column));
        if number("sd") == 0.0 {
            continue;
        }
        let ess = ["ess", "ess_bulk", "ess_tail"].map(number);
        if !ess.iter().all(|ess| *ess > ESS) {
            return Err(format!("{parameter}: effective draws {ess:?}, not {ESS}"));
        }
        add(parameter, number("mean"), number("sd"), number("mcse"));
    }
    // Discrete latents are drawn given each draw of the chains.
    let posterior = Table::read(run.path().join("run/posterior.parquet"), &ReadOptions::default()).unwrap();
    for column in posterior.columns.iter().skip(2 + summary.n_rows()) {
        let (mean, sd) = common::mean_and_sd(&column.as_real().unwrap());
        add(&column.name, mean, sd, sd / ESS.sqrt());
    }
    std::fs::write(folder("tests").join(format!("{name}.csv")), text).map_err(|e| e.to_string())
}

/// Makes the references of the specs that `REFERENCES` names, separated by commas; of all where it is empty.
#[test]
#[ignore = "takes minutes; run by tests/textbook/make"]
fn references_are_made() {
    let asked = std::env::var("REFERENCES").unwrap_or_default();
    let mut wanted = names("specs", "yaml");
    if !asked.is_empty() {
        let asked: BTreeSet<String> = asked.split(',').map(String::from).collect();
        assert!(asked.is_subset(&wanted), "{asked:?} of {wanted:?}");
        wanted = asked;
    }
    wanted.retain(|name| !is_exact(name));
    let wrong = Mutex::new(Vec::new());
    for_all(&wanted, |name| match make(name) {
        Ok(()) => println!("made {name}"),
        Err(why) => wrong.lock().unwrap().push(format!("{name}: {why}")),
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
