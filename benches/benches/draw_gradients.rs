//! CPU microseconds of one draw-gradient (value and gradient of the log density), one JSON line each:
//! `cargo bench -p benches --bench draw_gradients -- [WORKLOAD...]`.

use std::process::ExitCode;

use benches::clock::median_seconds;
use benches::points;
use benches::workload::{WORKLOADS, Workload};
use graph::program::Options;
use numerics::lanes::Lanes;
use serde_json::json;
use vi_engine::{CompiledDensity, LogDensity};

/// Draws of the comparison with the peers.
const DRAWS: usize = 8;
/// Further ones, as variants.
const ALSO: [usize; 3] = [1, 16, 64];

fn measure(w: &Workload) -> Result<(), String> {
    let target = w.load()?;
    let compile = || CompiledDensity::new(&target, &Options::default()).map_err(|e| e.to_string());
    let mut density = compile()?;
    let all = points::near_the_mode(&mut density, ALSO.into_iter().fold(DRAWS, usize::max))?;
    for draws in [DRAWS].into_iter().chain(ALSO) {
        let variant = match (w.variant, draws) {
            (None, DRAWS) => None,
            (None, _) => Some(format!("{draws} draws")),
            (Some(v), _) => Some(format!("{v}, {draws} draws")),
        };
        let line = time(&mut density, &points::first(&all, draws))?;
        let mut line = json!({"workload": w.name, "draws": draws, "us_per_draw": line.0, "value": line.1});
        if let Some(variant) = variant {
            line["variant"] = json!(variant);
        }
        println!("{line}");
    }
    Ok(())
}

/// Microseconds a draw at `z`, and the log joint (with Jacobian) of the first.
fn time(density: &mut CompiledDensity, z: &Lanes) -> Result<(f64, f64), String> {
    let mut value = vec![0.0; z.lanes()];
    let mut grad = Lanes::zeros(z.n(), z.lanes());
    let mut failures = Vec::new();
    let seconds = median_seconds(|| {
        failures.clear();
        density.eval(z, &mut value, Some(&mut grad), &mut failures);
    });
    match failures.first() {
        Some(f) => Err(format!("draw {} failed: {}", f.lane, f.reason)),
        None => Ok((1e6 * seconds / z.lanes() as f64, value[0])),
    }
}

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`; other words are names of workloads.
    let names: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let known = |n: &String| WORKLOADS.iter().any(|w| w.name == n);
    if let Some(unknown) = names.iter().find(|n| !known(n)) {
        let all: Vec<&str> = WORKLOADS.iter().filter(|w| w.variant.is_none()).map(|w| w.name).collect();
        eprintln!("no workload `{unknown}`; there are {}", all.join(", "));
        return ExitCode::FAILURE;
    }
    let mut code = ExitCode::SUCCESS;
    for w in WORKLOADS.iter().filter(|w| names.is_empty() || names.iter().any(|n| n == w.name)) {
        if let Err(why) = measure(w) {
            eprintln!("{}: {why}", w.name);
            code = ExitCode::FAILURE;
        }
    }
    code
}
