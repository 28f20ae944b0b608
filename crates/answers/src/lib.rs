//! What a model and its posterior say of data: predictions, values row by row, synthetic data.
//!
//! A [`Target`](model::Target) tells how its variables are drawn (`model::generate`). Draws go by in
//! blocks of lanes, as they do in a fit: [`ancestral`] completes the unknowns of a block, parents
//! before children; [`predictive`] evaluates the parameters of the observed variables and whatever
//! varies by row, draws, and writes summaries; [`simulate`] makes whole data sets from the prior.
//!
//! Random numbers belong to (seed, purpose, name, level or row, draw), so a level's draws are the same
//! wherever it stands, in any block, on any number of threads. Memory does not grow with draws times
//! rows: see [`predictive::Budget`].
//!
//! The crate knows nothing of specifications, distributions by name, or how a posterior came about.

pub mod ancestral;
mod drawer;
mod error;
pub mod known;
pub mod moments;
mod nodes;
pub mod predictive;
pub mod simulate;

pub use ancestral::Given;
pub use error::AnswerError;
pub use known::{DiscreteKnown, Known};
pub use predictive::{Budget, Written};
