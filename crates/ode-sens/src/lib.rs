//! (in work)
mod error;
mod grid;
mod lane;
mod options;
mod rhs;
mod solver;
mod tableau;

pub use error::{Failure, OdeError, Reason};
pub use grid::TimeGrid;
pub use lane::Steps;
pub use options::{FORWARD_UP_TO, Method, Sensitivity, SolverOptions, UnknownWord};
pub use rhs::{LinearRhs, Pattern, Rhs};
pub use solver::{Gradient, Problem, Solution, Solver, Workspace};
