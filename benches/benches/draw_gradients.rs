//! CPU time of one draw-gradient (value and gradient of the log density), `draw_gradient/WORKLOAD/DRAWS`,
//! and of differentiating and planning, `compile/WORKLOAD`:
//! `cargo bench -p benches --bench draw_gradients -- [FILTER]`.
//!
//! One iteration is all the draws at once; the `thrpt` lines are microseconds a draw.

use std::cell::{Cell, OnceCell};
use std::process::ExitCode;

use benches::clock::{CpuTime, Unit};
use benches::gradient::{self, Gradient};
use benches::workload::{WORKLOADS, Workload};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};

/// Numbers of draws to time: that of the comparison with the peers first.
const DRAWS: [usize; 4] = [8, 1, 16, 64];
const MOST: usize = 64;

/// Registers the benchmarks of `w`. Its data are read by the first that the filter lets through;
/// `any` tells whether there was one.
fn bench(criterion: &mut Criterion<CpuTime>, w: &Workload, any: &Cell<bool>) {
    let target = OnceCell::new();
    let target = || {
        any.set(true);
        target.get_or_init(|| w.load().unwrap_or_else(|why| panic!("{w}: {why}")))
    };

    let mut gradient = None;
    let mut group = criterion.benchmark_group("draw_gradient");
    group.sampling_mode(SamplingMode::Flat);
    for draws in DRAWS {
        group.throughput(Throughput::Elements(draws as u64));
        group.bench_function(BenchmarkId::new(w.to_string(), draws), |bencher| {
            let gradient = gradient.get_or_insert_with(|| {
                Gradient::new(target(), w.passes, MOST).unwrap_or_else(|why| panic!("{w}: {why}"))
            });
            gradient.set_draws(draws);
            bencher.iter(|| gradient.eval());
            if let Some(why) = gradient.failure() {
                panic!("{w}: {why}");
            }
        });
    }
    group.finish();

    if w.variant.is_none() {
        let mut group = criterion.benchmark_group("compile");
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.bench_function(w.name, |bencher| {
            let target = target();
            bencher.iter_with_large_drop(|| gradient::compile(target));
        });
        group.finish();
    }
}

fn main() -> ExitCode {
    let mut criterion = benches::criterion(Unit::Draw);
    let any = Cell::new(false);
    let mut all_there = true;
    for w in &WORKLOADS {
        match w.missing_data().first() {
            None => bench(&mut criterion, w, &any),
            Some(file) => {
                eprintln!("skipped {w}: no {} (benches/README.md says how it is made)", file.display());
                all_there = false;
            }
        }
    }
    criterion.final_summary();
    let listed = std::env::args().any(|a| a == "--list");
    if any.get() || all_there || listed {
        return ExitCode::SUCCESS;
    }
    eprintln!("nothing was run: the filter lets through no workload that has its data");
    ExitCode::FAILURE
}
