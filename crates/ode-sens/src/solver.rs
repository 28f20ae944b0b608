//! One interface over all methods: values, forward sensitivities and gradients of many lanes.

use std::sync::Arc;

use numerics::lanes::Lanes;
use numerics::simd::Isa;

use crate::error::{Failure, OdeError};
use crate::grid::TimeGrid;
use crate::lane::{Batch, LANES, LaneOptions, LaneSolver, LaneWork, Mode, Outcome, ReverseWork, Steps};
use crate::options::{Method, SolverOptions};
use crate::rhs::Rhs;

/// A system with the options it is solved by. Immutable and shared; memory is a [`Workspace`].
#[derive(Debug)]
pub struct Solver {
    pub(crate) rhs: Arc<dyn Rhs>,
    pub(crate) options: SolverOptions,
    pub(crate) active_y0: Vec<usize>,
    lanes: LaneSolver,
}

/// Memory of one thread for one [`Solver`], kept between calls.
#[derive(Debug)]
pub struct Workspace {
    lanes: LaneWork,
    reverse: ReverseWork,
    grid: TimeGrid,
}

/// What to solve: `n_systems` lanes, tile-major as in [`Lanes`].
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// Initial states, `[tile][n_states][8]`.
    pub y0: &'a [f64],
    /// Parameters, `[tile][n_params][8]`.
    pub p: &'a [f64],
    /// Rows, in any order, repeated or not, none before the start.
    pub times: &'a [f64],
    pub n_systems: usize,
    /// Lanes not to be solved (failed before); empty: none.
    pub skip: &'a [bool],
}

/// Solutions of all lanes.
#[derive(Clone, Debug)]
pub struct Solution {
    /// Elements `[row][state]`; NaN in failed lanes.
    pub y: Lanes,
    /// The derivatives with respect to each tangent, likewise: active parameters, then active
    /// initial states. Empty where they were not asked for.
    pub tangents: Vec<Lanes>,
    pub failures: Vec<Failure>,
    /// Steps per lane.
    pub steps: Vec<Steps>,
}

/// Cotangents of what a solution depends on.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// Elements `[state]`; NaN in failed lanes.
    pub y0: Lanes,
    /// Elements `[active parameter]`; NaN in failed lanes.
    pub p: Lanes,
}

impl Solver {
    /// # Errors
    /// An option outside its domain; `matrix_exponential` for a system that is not linear.
    pub fn new(rhs: Arc<dyn Rhs>, options: SolverOptions) -> Result<Solver, OdeError> {
        let (_, active_y0) = options.check(rhs.name(), rhs.n_states(), rhs.n_params())?;
        if options.method == Method::MatrixExponential && rhs.linear().is_none() {
            return Err(OdeError::NotLinear { ode: rhs.name().into() });
        }
        let lanes = LaneSolver::new(rhs.clone(), LaneOptions {
            isa: options.isa.unwrap_or_else(Isa::detect),
            rtol: options.rtol,
            atol: options.atol,
            max_steps: options.max_steps,
            detect_stiffness: options.method == Method::Auto,
            active_y0: active_y0.clone(),
        });
        Ok(Solver { rhs, options, active_y0, lanes })
    }

    pub fn workspace(&self) -> Workspace {
        Workspace {
            lanes: self.lanes.workspace(),
            reverse: self.lanes.reverse_workspace(),
            grid: TimeGrid::default(),
        }
    }
}
