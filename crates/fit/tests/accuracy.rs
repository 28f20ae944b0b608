//! Eight specs and three seeds, fitted as they are, against the quantiles of long chains in `tests/accuracy`: the
//! distribution functions of all parameters, not their moments alone. `docs/accuracy.md` has more of both; the
//! quantiles are written by `benches/accuracy/quantiles.py`.

mod common;

use common::{Csv, Scratch, workspace};
use tables::{ReadOptions, Table};

const SEEDS: [&str; 3] = ["1", "2", "3"];
/// Kolmogorov's distance that all fits but one in fifty keep, and that no fit exceeds which is believed.
const GOOD: f64 = 0.05;
const BAD: f64 = 0.1;

/// The largest difference between the distribution functions of a run's draws and of the reference, of all
/// parameters, at the reference's quantiles.
fn distance(reference: &Csv, posterior: &Table) -> f64 {
    let level = |column: &str| column.trim_start_matches('q').parse::<f64>().unwrap() / 100.0;
    let mut largest = 0.0f64;
    for row in 0..reference.n_rows() {
        let draws = posterior.column(reference.text(row, "name")).unwrap().as_real().unwrap();
        for column in reference.columns().iter().filter(|c| *c != "name") {
            let quantile = reference.number(row, column);
            let below = draws.iter().filter(|x| **x <= quantile).count() as f64 / draws.len() as f64;
            largest = largest.max((below - level(column)).abs());
        }
    }
    largest
}

#[test]
fn eight_specs_and_three_seeds_have_the_distributions_of_long_chains() {
    let folder = workspace().join("tests/accuracy");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    assert_eq!(names.len(), 8, "{names:?}");
    let (mut far, mut refused, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for name in &names {
        let reference = Csv::read(&folder.join(format!("{name}.csv")));
        let places = ["specs", "specs/textbook"].map(|p| workspace().join(p).join(format!("{name}.yaml")));
        let spec = places.iter().find(|p| p.exists()).expect("a spec of that name");
        for seed in SEEDS {
            let run = Scratch::new(&format!("accuracy-{name}-{seed}"));
            let args = [&spec.to_string_lossy(), "--seed", seed, "--out", "run", "--quiet"];
            let code = common::run(run.path(), &args).status.code();
            let posterior = Table::read(run.path().join("run/posterior.parquet"), &ReadOptions::default());
            let apart = distance(&reference, &posterior.unwrap());
            let told = format!("{name}, seed {seed}: {apart:.3}");
            match code {
                Some(0) if apart > BAD => wrong.push(told.clone()),
                Some(0) => {}
                _ => refused.push(told.clone()),
            }
            if apart > GOOD {
                far.push(told);
            }
        }
    }
    assert!(wrong.is_empty(), "believed and wrong: {wrong:?}");
    assert!(far.len() <= 1, "beyond {GOOD}: {far:?}");
    assert!(refused.len() <= 1, "unreliable: {refused:?}");
}
