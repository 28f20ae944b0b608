//! What the benches share: the workloads as specs, their data without Polars, points of their
//! posteriors, and a clock of CPU time.
//!
//! A workload is a spec under `benches/specs/` (or one of the project's own under `specs/`), so what
//! is timed is what a user's file compiles to. `../README.md` has the commands.

pub mod clock;
pub mod csv;
pub mod points;
pub mod workload;
