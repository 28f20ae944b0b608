//! What the benches share: the workloads as specs, their data without Polars, points of their
//! posteriors, and CPU time as a measurement of criterion.
//!
//! A workload is a spec under `benches/specs/` (or one of the project's own under `specs/`), so what
//! is timed is what a user's file compiles to. `../README.md` has the commands.

use std::time::Duration;

use criterion::Criterion;

use crate::clock::{CpuTime, Unit};

pub mod clock;
pub mod csv;
pub mod gradient;
pub mod points;
pub mod workload;

/// Criterion as the benches use it: CPU time, a second and a half a benchmark, no plots; then as the
/// command line says.
pub fn criterion(unit: Unit) -> Criterion<CpuTime> {
    Criterion::default()
        .with_measurement(CpuTime(unit))
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .nresamples(10_000)
        .configure_from_args()
}
