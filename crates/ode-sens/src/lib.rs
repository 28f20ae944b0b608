//! (in work)
mod components;
mod error;
mod foreign;
mod grid;
mod lane;
mod options;
mod rhs;
mod single;
mod solver;
mod system;
mod tableau;

pub use error::{Failure, OdeError, Reason};
pub use foreign::{solve_op, solver_op};
pub use grid::TimeGrid;
pub use lane::Steps;
pub use options::{FORWARD_UP_TO, Method, Sensitivity, SolverOptions, UnknownWord};
pub use rhs::{LinearRhs, Pattern, Rhs};
pub use solver::{Derivatives, Gradient, Problem, Solution, Solver, Workspace};
pub use system::OdeSystem;
