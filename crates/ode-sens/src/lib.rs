//! Initial value problems with the derivatives of their solutions.
//!
//! A model of kinetics is solved thousands of times in a fit, each time at eight parameter draws and
//! with a gradient. [`solve_op`] makes of a right-hand side (a graph) one foreign op that a larger
//! graph contains: small non-stiff systems run eight lanes at once by Tsit5, each lane with its own
//! steps; stiff ones go to diffsol; linear ones can use the matrix exponential. Step sizes are
//! constants of differentiation: forward tangents and the reverse sweep differentiate the same steps.
//!
//! A lane that cannot be solved is a value ([`Failure`]: parameters, time, state, why), never a panic
//! and never another lane's business. [`Solver`] is the same without a graph around it.
//!
//! Nothing here knows of specifications or inference.

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
