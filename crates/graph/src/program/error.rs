//! Why a program cannot be planned, in the graph's own names.

use crate::ir::Origin;

/// What is missing from the bindings or does not fit.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum PlanError {
    #[error("the size of `{dim}` is not bound")]
    MissingSize { dim: String },
    #[error("no data is bound to `{input}`")]
    MissingData { input: String },
    #[error("`{input}` needs {expected} values, found {found}")]
    WrongLength { input: String, expected: usize, found: usize },
    #[error("`{input}` must hold {expected}")]
    WrongKind { input: String, expected: String },
    #[error("`{input}` is {value} at position {position}, but `{dim}` has {size} elements")]
    IndexOutOfRange { input: String, position: usize, value: u32, dim: String, size: usize },
    #[error("{op} reaches element {end} of `{dim}`, which has {size}")]
    Outside { op: String, dim: String, end: usize, size: usize },
    #[error("{op} has {end} elements for `{dim}`, which has {size}")]
    Short { op: String, dim: String, end: usize, size: usize },
    #[error("argument {arg} of {op} must not depend on a draw")]
    NotData { op: String, arg: usize },
    #[error("{node} must be stored for all rows: {bytes} bytes for eight draws, the budget is {budget}")]
    OverBudget {
        node: String,
        /// Where the node comes from, and the names of its dimensions.
        origin: Origin,
        dims: Vec<String>,
        bytes: usize,
        budget: usize,
    },
    #[error("{op} cannot be planned: {what}")]
    Unsupported { op: String, what: String },
    #[error("the machine has no {isa} instructions")]
    NoSuchIsa { isa: String },
}
