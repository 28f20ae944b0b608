//! Microseconds a system for solves and gradients of eight draws at once, right-hand sides compiled
//! from graphs: `cargo run --release -p ode-sens --example timing`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{graphs, uniform};
use numerics::lanes::AlignedVec;
use numerics::simd::Isa;
use ode_sens::{Derivatives, Method, OdeSystem, Problem, Solver, SolverOptions};

struct Case {
    system: OdeSystem,
    y0: Vec<f64>,
    /// Medians of log-normal parameters with standard deviation 0.5.
    p: Vec<f64>,
    t_end: f64,
}

/// Box and Muller's normal deviate.
fn normal(seed: &mut u64) -> f64 {
    (-2.0 * uniform(seed).ln()).sqrt() * (2.0 * std::f64::consts::PI * uniform(seed)).cos()
}

/// The best of many runs within 60 ms, in microseconds.
fn best(mut run: impl FnMut()) -> f64 {
    let (started, mut best) = (Instant::now(), Duration::MAX);
    while started.elapsed() < Duration::from_millis(60) {
        let once = Instant::now();
        run();
        best = best.min(once.elapsed());
    }
    best.as_secs_f64() * 1e6
}

fn report(case: &Case, method: Method, lanes: usize, rtol: f64, atol: f64) {
    let (n, m, rows) = (case.y0.len(), case.p.len(), 40);
    let options =
        SolverOptions { rtol, atol, method, active_y0: Some(vec![false; n]), ..SolverOptions::default() };
    let active: Vec<usize> = (0..m).collect();
    let rhs = case.system.compile(&active, Isa::detect()).expect("a valid system");
    let solver = Solver::new(rhs, options).expect("valid options");
    let tiles = lanes.div_ceil(8);
    let (mut y0, mut p) = (AlignedVec::zeroed(tiles * n * 8), AlignedVec::zeroed(tiles * m * 8));
    let mut seed = 7;
    for s in 0..tiles * 8 {
        let at = |k: usize, i: usize| (s / 8 * k + i) * 8 + s % 8;
        (0..n).for_each(|i| y0[at(n, i)] = case.y0[i]);
        (0..m).for_each(|j| p[at(m, j)] = case.p[j] * (0.5 * normal(&mut seed)).exp());
    }
    let times: Vec<f64> = (1..=rows).map(|k| case.t_end * k as f64 / rows as f64).collect();
    let problem = Problem { y0: &y0, p: &p, times: &times, n_systems: lanes, skip: &[] };
    let mut outs = vec![AlignedVec::zeroed(tiles * rows * n * 8); 1 + m];
    let mut w = solver.workspace();
    let mut failures = Vec::new();
    let mut solve = |w: &mut _, derivatives, count: usize| {
        let mut outs: Vec<&mut [f64]> = outs.iter_mut().take(count).map(|o| &mut **o).collect();
        solver.solve_into(w, &problem, &mut outs, derivatives, &mut failures).expect("times are valid");
        black_box(&outs);
    };
    let values = best(|| solve(&mut w, Derivatives::None, 1));
    let forward = best(|| solve(&mut w, Derivatives::Forward, 1 + m));
    let cotangent = vec![1.0; tiles * rows * n * 8];
    let (mut gy, mut gp) = (AlignedVec::zeroed(tiles * n * 8), AlignedVec::zeroed(tiles * m * 8));
    let reverse = best(|| {
        solve(&mut w, Derivatives::Adjoint, 1);
        solver.gradient_into(&mut w, &problem, &cotangent, &mut gy, &mut gp).expect("a solve came before");
        black_box(&gp);
    });
    let per = lanes as f64;
    println!(
        "{:18} {:18} {lanes:5} {rtol:8.0e} {:9.2} {:9.2} {:9.2}   {} failures",
        case.system.name,
        format!("{method:?}"),
        values / per,
        forward / per,
        reverse / per,
        failures.len()
    );
}

fn main() {
    let cases = [
        Case { system: graphs::michaelis_menten(), y0: vec![10.0, 0.0], p: vec![1.2, 3.0], t_end: 20.0 },
        Case {
            system: graphs::lotka_volterra(),
            y0: vec![33.9, 5.9],
            p: vec![0.55, 0.028, 0.80, 0.024],
            t_end: 10.0,
        },
        Case { system: graphs::bateman(), y0: vec![30.0, 0.0], p: vec![1.5, 0.3, 2.0], t_end: 12.0 },
        Case {
            system: graphs::chain(50),
            y0: (0..50).map(|i| if i == 0 { 1.0 } else { 0.0 }).collect(),
            p: vec![1.0; 50],
            t_end: 20.0,
        },
    ];
    println!("us a system        method             lanes     rtol    values   forward   reverse");
    for case in &cases {
        for (rtol, atol) in [(1e-6, 1e-8), (1e-8, 1e-10)] {
            for lanes in [1, 8, 64] {
                report(case, Method::Tsit5, lanes, rtol, atol);
            }
        }
    }
    for method in [Method::DiffsolTsit45, Method::Bdf, Method::Esdirk34] {
        report(&cases[0], method, 8, 1e-6, 1e-8);
        report(&cases[1], method, 8, 1e-6, 1e-8);
    }
    report(&cases[2], Method::MatrixExponential, 8, 1e-8, 1e-10);
}
