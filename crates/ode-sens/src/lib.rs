//! Ordinary differential equations for inference: solutions of many parameter draws at once, with
//! derivatives that are those of the very steps taken.
//!
//! A likelihood with an ODE inside is evaluated thousands of times, for eight draws of the
//! parameters at a time, and every time with its gradient. So the main solver here is an explicit
//! Runge-Kutta method (Tsit5) that steps eight systems together in the lanes of a vector register,
//! each with its own time, step size and error; right-hand sides and their Jacobians are graphs,
//! compiled. Stiff systems go to diffsol, linear ones may use the matrix exponential. It all sits
//! behind one [`Solver`], and behind one operation of a graph, [`solve_op`].
//!
//! ```
//! use graph::ir::{Graph, Kind, Role, Size, Varies};
//! use numerics::lanes::Lanes;
//! use ode_sens::{Derivatives, OdeSystem, Solver, SolverOptions};
//!
//! // x' = -k x
//! let mut g = Graph::new();
//! let state = g.add_dim("state", Role::Plain, Size::Fixed(1));
//! let param = g.add_dim("param", Role::Plain, Size::Fixed(1));
//! g.input("t", Varies::Lane, Kind::Real, &[]);
//! let x = g.input("y", Varies::Lane, Kind::Real, &[state]);
//! let p = g.input("p", Varies::Lane, Kind::Real, &[param]);
//! let k = g.element(p, param, 0);
//! let loss = g.mul(k, x);
//! let dy = g.neg(loss);
//! let system = OdeSystem { name: "decay".into(), rhs: g, dy, bindings: Default::default() };
//!
//! let isa = numerics::simd::Isa::detect();
//! let solver = Solver::new(system.compile(&[0], isa)?, SolverOptions::default())?;
//! let (mut x0, mut k) = (Lanes::zeros(1, 3), Lanes::zeros(1, 3));
//! for lane in 0..3 {
//!     x0.set(0, lane, 2.0);
//!     k.set(0, lane, 0.5 + lane as f64);
//! }
//! let solution = solver.solve(&x0, &k, &[0.0, 1.0], Derivatives::Forward)?;
//! let (x, dx_dk) = (solution.y.get(1, 2), solution.tangents[0].get(1, 2));
//! assert!((x - 2.0 * f64::exp(-2.5)).abs() < 1e-8);
//! assert!((dx_dk + x).abs() < 1e-7);
//! # Ok::<(), ode_sens::OdeError>(())
//! ```
//!
//! # Which method, which derivative
//!
//! | method | for | cannot |
//! |---|---|---|
//! | `tsit5` | non-stiff systems, up to some hundred states | stiff ones: its steps are then limited by stability |
//! | `bdf` | stiff systems | be quick where the solution is restarted often |
//! | `esdirk34`, `tr_bdf2` | moderately stiff ones, rough tolerances | compete with BDF at tight tolerances |
//! | `matrix_exponential` | linear systems with constant coefficients: exact, however stiff | anything else; at irregular times it pays one exponential a gap |
//! | `auto` | all: `tsit5`, and for a lane found stiff `matrix_exponential` or `bdf` | - |
//!
//! `auto` does not start with the matrix exponential on a linear system that is not stiff. At even
//! times the two cost about the same (two states, 40 times, 1e-8: values 5 against 7 us a draw, with
//! three tangents 18 against 15); at irregular ones each gap needs exponentials of its own, 40 times
//! as many. `examples/timing.rs` measures.
//!
//! Forward tangents and the reverse sweep of `tsit5` differentiate the same steps, step sizes held
//! constant, and agree to 1e-10 (1e-8 for systems at the stability limit). diffsol's two agree
//! within 100 rtol. Tangents take no part in error control, so values do not depend on what is
//! differentiated.
//!
//! # What goes wrong
//!
//! A problem that cannot be posed is an [`OdeError`]. A lane that cannot be solved - a blow-up, NaN
//! rates, a step budget spent, a Newton iteration that diverges - is a [`Failure`] with parameters,
//! time, state and reason; its results are NaN and its neighbours do not notice.
//!
//! This crate knows nothing of specifications or of inference.

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
pub use options::{FORWARD_UP_TO, Method, Sensitivity, SolverOptions};
pub use rhs::{LinearRhs, Pattern, Rhs};
pub use solver::{Derivatives, Gradient, Problem, Solution, Solver, Workspace};
pub use system::OdeSystem;
