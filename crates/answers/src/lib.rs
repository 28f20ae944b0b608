//! What a model and its posterior say of data: predictions, values row by row, synthetic data.
//!
//! A posterior of parameters answers few questions. What will the next measurement be, in a group that
//! nobody has seen? Does the model describe the data that it was fitted to? Would it find again what it
//! made itself? All of these draw the model's own variables, some of them given others.
//!
//! ```
//! use answers::simulate::{given, simulate};
//! use model::{Cells, Column, DataError, DataSource, Table};
//! # use std::path::Path;
//!
//! /// Two groups of two rows.
//! struct Rows;
//! impl DataSource for Rows {
//!     fn read(&self, _: &Path) -> Result<Table, DataError> {
//!         let column = |name: &str, cells| Column { name: name.into(), cells, nulls: vec![], written: None };
//!         let columns = vec![
//!             column("g", Cells::Text(["a", "a", "b", "b"].map(String::from).to_vec())),
//!             column("y", Cells::Real(vec![0.5; 4])),
//!         ];
//!         Ok(Table { n_rows: 4, columns, ..Table::default() })
//!     }
//! }
//! let spec = "
//! model: groups
//! data: {t: {file: t.csv, rows: i}}
//! latent:
//!   mu: normal(0, 10)
//!   theta[g]: normal(mu, 2)
//! observe:
//!   y: normal(theta[g], 0.1)
//! ";
//! let source = spec_compiler::Source::new("groups.yaml", spec)?;
//! let target = spec_compiler::compile(&source, Path::new(""), &Rows).map_err(|m| format!("{m:?}"))?.target;
//!
//! // A hundred data sets with mu at 5: the groups spread by 2 around it, their rows by 0.1.
//! let at = given(&target, &[("mu".to_string(), 5.0)])?;
//! let sets = simulate(&target, &at, 100, 1, &graph::program::Options::default())?;
//! let theta_a: Vec<f64> = sets.iter().map(|s| s.truth[1].1).collect();
//! let mean = theta_a.iter().sum::<f64>() / 100.0;
//! assert_eq!(sets[0].truth[1].0, "theta[a]");
//! assert!((mean - 5.0).abs() < 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Target`](model::Target) tells how its variables are drawn (`model::generate`). Draws go by in
//! blocks of lanes, as they do in a fit: [`ancestral`] completes the unknowns of a block, parents
//! before children, and draws back what the density sums out; [`predictive`] evaluates the parameters of
//! the observed variables and whatever varies by row, draws, and writes summaries; [`simulate`] makes
//! whole data sets from the prior. What data say of the model itself is in
//! [`loo`], [`compare`] and [`ppc`].
//!
//! Random numbers belong to (seed, purpose, name, level or row, draw), so a level's draws are the same
//! wherever it stands, in any block, on any number of threads. Memory does not grow with draws times
//! rows: see [`predictive::Budget`].
//!
//! The crate knows nothing of specifications, distributions by name, or how a posterior came about.

pub mod ancestral;
pub mod compare;
mod coordinates;
mod drawer;
mod error;
pub mod known;
mod levels;
pub mod loo;
pub mod moments;
mod nodes;
pub mod ppc;
pub mod predictive;
mod rows;
pub mod simulate;
mod tabulate;
pub mod uniformity;

pub use ancestral::Given;
pub use error::AnswerError;
pub use known::{DiscreteKnown, Known, StatesFrom};
pub use predictive::{Budget, Written};
