//! CPU microseconds of one draw-gradient (value and gradient of the log density), one JSON line each:
//! `cargo bench -p benches --bench draw_gradients -- [WORKLOAD...]`.

use std::process::ExitCode;

use benches::clock::{Stopwatch, median_seconds};
use benches::points;
use benches::workload::{WORKLOADS, Workload};
use graph::passes::optimise_with;
use graph::program::{Options, Program};
use graph::vjp::value_and_grad;
use model::Target;
use numerics::lanes::Lanes;
use serde_json::json;
use vi_engine::{CompiledDensity, LogDensity};

/// Draws of the comparison with the peers.
const DRAWS: usize = 8;
/// Numbers of draws to time, that one first.
const ALL_DRAWS: [usize; 4] = [DRAWS, 1, 16, 64];

/// Times `w` and prints its lines.
fn measure(w: &Workload) -> Result<(), String> {
    let target = w.load()?;
    let watch = Stopwatch::begin();
    let mut density = CompiledDensity::new(&target, &Options::default()).map_err(|e| e.to_string())?;
    let compile_ms = 1e3 * watch.seconds();
    let all = points::near_the_mode(&mut density, ALL_DRAWS.into_iter().fold(1, usize::max))?;
    for draws in ALL_DRAWS {
        let (us, value) = time(&mut density, &points::first(&all, draws))?;
        print(w, w.variant, draws, us, value, Some(compile_ms));
    }
    let z = points::first(&all, DRAWS);
    let streamed = with_passes(&target, &["simplify", "split_rows", "group_level"])?;
    if w.variant.is_none() && streamed.explain() != density.explain() {
        let (us, value) = time_program(&streamed, &z);
        print(w, Some("no sufficient statistics"), DRAWS, us, value, None);
    }
    Ok(())
}

fn print(w: &Workload, variant: Option<&str>, draws: usize, us: f64, value: f64, compile_ms: Option<f64>) {
    let digits = |x: f64| format!("{x:.4e}").parse::<f64>().expect("a number");
    let mut line = json!({"workload": w.name, "draws": draws, "us_per_draw": digits(us), "value": value});
    if let Some(variant) = variant {
        line["variant"] = json!(variant);
    }
    if let Some(ms) = compile_ms {
        line["compile_ms"] = json!(digits(ms));
    }
    println!("{line}");
}

/// Microseconds a draw at `z`, and the log joint (with Jacobian) of the first.
fn time(density: &mut dyn LogDensity, z: &Lanes) -> Result<(f64, f64), String> {
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

/// Value and gradient of the same density, rewritten by the named passes only.
fn with_passes(target: &Target, passes: &[&str]) -> Result<Program, String> {
    let mut g = target.graph.clone();
    let density = g.add(target.log_joint, target.log_det_jac);
    let wanted: Vec<_> = [density].into_iter().chain(target.sites.iter().map(|s| s.unconstrained)).collect();
    let better = optimise_with(&g, &wanted, Some(&target.bindings), passes);
    let d = value_and_grad(&better.graph, better.outputs[0], &better.outputs[1..], &[])
        .map_err(|e| e.to_string())?;
    let outputs: Vec<_> = [d.value].into_iter().chain(d.grads).collect();
    Program::compile(&d.graph, &outputs, &target.bindings, &Options::default()).map_err(|e| e.to_string())
}

fn time_program(program: &Program, z: &Lanes) -> (f64, f64) {
    let mut workspace = program.workspace();
    let mut out = Lanes::zeros(program.n_out(), z.lanes());
    let mut failures = Vec::new();
    let seconds = median_seconds(|| {
        failures.clear();
        program.eval(&mut workspace, &[], z, &mut out, &mut failures);
    });
    (1e6 * seconds / z.lanes() as f64, out.get(0, 0))
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
