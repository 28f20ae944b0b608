//! One interface over all methods: values, forward sensitivities and gradients of many lanes.

use std::sync::Arc;

use numerics::lanes::{AlignedVec, Lanes};
use numerics::simd::Isa;

use crate::error::{Failure, OdeError};
use crate::grid::TimeGrid;
use crate::lane::{Batch, LANES, LaneOptions, LaneSolver, LaneWork, Mode, Outcome, ReverseWork, Steps};
use crate::options::{Method, SolverOptions};
use crate::rhs::Rhs;
use crate::single::implicit::{self, Kind};
use crate::single::point::Point;
use crate::single::{Job, Path, Stop, linear};

/// A system with the options it is solved by. Immutable and shared; memory is a [`Workspace`].
#[derive(Debug)]
pub struct Solver {
    rhs: Arc<dyn Rhs>,
    options: SolverOptions,
    active_y0: Vec<usize>,
    lanes: LaneSolver,
    /// What solves systems one at a time: all of them, or those the lane solver gave up as stiff.
    single: Single,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Single {
    Implicit(Kind),
    Exponential,
}

/// Memory of one thread for one [`Solver`], kept between calls.
#[derive(Debug)]
pub struct Workspace {
    lanes: LaneWork,
    reverse: ReverseWork,
    grid: TimeGrid,
    /// Spare memory of the graph's op.
    pub(crate) p_ct: Vec<f64>,
    /// How each system of the last solve ended.
    results: Vec<SystemResult>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SystemResult {
    Skipped,
    Lane,
    Single,
    Failed,
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

/// What a solve prepares besides values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Derivatives {
    None,
    /// Tangents are computed with the values.
    Forward,
    /// Steps are kept for [`Solver::gradient_into`].
    Adjoint,
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
        let linear = rhs.linear().is_some();
        let single = match options.method {
            Method::MatrixExponential if !linear => {
                return Err(OdeError::NotLinear { ode: rhs.name().into() });
            }
            Method::MatrixExponential => Single::Exponential,
            Method::DiffsolTsit45 => Single::Implicit(Kind::Tsit45),
            Method::TrBdf2 => Single::Implicit(Kind::TrBdf2),
            Method::Esdirk34 => Single::Implicit(Kind::Esdirk34),
            Method::Auto if linear => Single::Exponential,
            Method::Bdf | Method::Auto | Method::Tsit5 => Single::Implicit(Kind::Bdf),
        };
        let lanes = LaneSolver::new(
            rhs.clone(),
            LaneOptions {
                isa: options.isa.unwrap_or_else(Isa::detect),
                rtol: options.rtol,
                atol: options.atol,
                max_steps: options.max_steps,
                detect_stiffness: options.method == Method::Auto,
                active_y0: active_y0.clone(),
            },
        );
        Ok(Solver { rhs, options, active_y0, lanes, single })
    }

    pub fn options(&self) -> &SolverOptions {
        &self.options
    }

    pub fn rhs(&self) -> &Arc<dyn Rhs> {
        &self.rhs
    }

    /// Tangents: active parameters, then active initial states.
    pub fn n_tangents(&self) -> usize {
        self.lanes.n_tangents()
    }

    /// The initial states with a tangent, ascending.
    pub fn active_y0(&self) -> &[usize] {
        &self.active_y0
    }

    pub fn workspace(&self) -> Workspace {
        Workspace {
            lanes: self.lanes.workspace(),
            reverse: self.lanes.reverse_workspace(),
            grid: TimeGrid::default(),
            p_ct: vec![0.0; self.rhs.active().len() * LANES],
            results: Vec::new(),
        }
    }

    /// Solves; `y0` has n_states elements a lane, `p` n_params, both the same lanes.
    ///
    /// # Errors
    /// Times before the start or not finite, or arguments of the wrong size. A lane that cannot be
    /// solved is no error: it is NaN, and listed in [`Solution::failures`].
    pub fn solve(
        &self,
        y0: &Lanes,
        p: &Lanes,
        times: &[f64],
        derivatives: Derivatives,
    ) -> Result<Solution, OdeError> {
        self.solve_with(&mut self.workspace(), y0, p, times, derivatives)
    }

    /// [`solve`](Solver::solve) with memory that is kept, as [`gradient`](Solver::gradient) needs.
    ///
    /// # Errors
    /// As [`solve`](Solver::solve).
    pub fn solve_with(
        &self,
        w: &mut Workspace,
        y0: &Lanes,
        p: &Lanes,
        times: &[f64],
        derivatives: Derivatives,
    ) -> Result<Solution, OdeError> {
        let (n, lanes) = (self.rhs.n_states(), y0.lanes());
        self.expect("y0", n, y0.n())?;
        self.expect("p", self.rhs.n_params(), p.n())?;
        self.expect("p", lanes, p.lanes())?;
        let q = if derivatives == Derivatives::Forward { self.n_tangents() } else { 0 };
        let len = y0.tiles() * times.len() * n * LANES;
        let mut outs = vec![AlignedVec::zeroed(len); 1 + q];
        let mut failures = Vec::new();
        let problem = Problem { y0: &flat(y0), p: &flat(p), times, n_systems: lanes, skip: &[] };
        let mut slices: Vec<&mut [f64]> = outs.iter_mut().map(|o| &mut **o).collect();
        self.solve_into(w, &problem, &mut slices, derivatives, &mut failures)?;
        let mut outs = outs.iter().map(|o| lanes_of(o, times.len() * n, lanes));
        let y = outs.next().unwrap_or_else(|| Lanes::zeros(0, lanes));
        Ok(Solution { y, tangents: outs.collect(), failures, steps: w.lanes.steps.clone() })
    }

    /// The gradient of a function of the solution that `w` has just computed with
    /// [`Derivatives::Adjoint`], from its cotangents (elements `[row][state]`).
    ///
    /// # Errors
    /// As [`solve`](Solver::solve).
    pub fn gradient(
        &self,
        w: &mut Workspace,
        y0: &Lanes,
        p: &Lanes,
        times: &[f64],
        cotangent: &Lanes,
    ) -> Result<Gradient, OdeError> {
        let lanes = y0.lanes();
        self.expect("the cotangent", times.len() * self.rhs.n_states(), cotangent.n())?;
        let (n, a) = (self.rhs.n_states(), self.rhs.active().len());
        let zeros = |n: usize| AlignedVec::zeroed(n * y0.tiles() * LANES);
        let (mut y0_ct, mut p_ct) = (zeros(n), zeros(a));
        let problem = Problem { y0: &flat(y0), p: &flat(p), times, n_systems: lanes, skip: &[] };
        self.gradient_into(w, &problem, &flat(cotangent), &mut y0_ct, &mut p_ct)?;
        Ok(Gradient { y0: lanes_of(&y0_ct, n, lanes), p: lanes_of(&p_ct, a, lanes) })
    }

    /// The solve proper: `outs[0]` receives the states, `[tile][row][state][8]`; with
    /// [`Derivatives::Forward`], `outs[1 + c]` the derivatives with respect to tangent c. Lanes that
    /// fail or are skipped are NaN.
    ///
    /// # Errors
    /// As [`solve`](Solver::solve).
    pub fn solve_into(
        &self,
        w: &mut Workspace,
        problem: &Problem<'_>,
        outs: &mut [&mut [f64]],
        derivatives: Derivatives,
        failures: &mut Vec<Failure>,
    ) -> Result<(), OdeError> {
        let n = self.rhs.n_states();
        self.check(problem)?;
        if !w.grid.is_of(self.options.start, problem.times) {
            w.grid = TimeGrid::new(self.rhs.name(), self.options.start, problem.times)?;
        }
        let forward = derivatives == Derivatives::Forward;
        let expected = if forward { 1 + self.n_tangents() } else { 1 };
        self.expect("the results", expected, outs.len())?;
        let len = problem.n_systems.div_ceil(LANES) * LANES * problem.times.len() * n;
        outs.iter().try_for_each(|o| self.expect("a result", len, o.len()))?;

        let skip = |s: usize| problem.skip.get(s).copied().unwrap_or(false);
        let by_lanes = matches!(self.options.method, Method::Tsit5 | Method::Auto);
        let everything_skipped = |s: usize| skip(s) || !by_lanes;
        let mode = match derivatives {
            Derivatives::None => Mode::Values,
            Derivatives::Forward => Mode::Forward,
            Derivatives::Adjoint => Mode::Record,
        };
        let batch = Batch {
            y0: problem.y0,
            p: problem.p,
            grid: &w.grid,
            n_systems: problem.n_systems,
            skip: &everything_skipped,
        };
        self.lanes.solve(&mut w.lanes, &batch, outs, mode);
        w.results.clear();
        for s in 0..problem.n_systems {
            let result = match w.lanes.outcomes[s] {
                _ if skip(s) => SystemResult::Skipped,
                Outcome::Done => SystemResult::Lane,
                Outcome::Failed(reason, time) => {
                    let state = w.lanes.last_state(s, n).to_vec();
                    failures.push(self.failure(problem, s, Stop { reason, time, state }));
                    SystemResult::Failed
                }
                Outcome::Stiff | Outcome::Skipped => match self.solve_single(&w.grid, problem, s, forward) {
                    Ok(path) => {
                        self.write(&w.grid, &path, s, outs);
                        w.lanes.steps[s].accepted += path.steps.accepted;
                        w.lanes.steps[s].rejected += path.steps.rejected;
                        SystemResult::Single
                    }
                    Err(stop) => {
                        failures.push(self.failure(problem, s, stop));
                        SystemResult::Failed
                    }
                },
            };
            if matches!(result, SystemResult::Failed | SystemResult::Skipped) {
                outs.iter_mut().for_each(|o| fill_lane(o, problem.times.len() * n, s, f64::NAN));
            }
            w.results.push(result);
        }
        Ok(())
    }

    /// The reverse sweep over what [`solve_into`](Solver::solve_into) has just solved with
    /// [`Derivatives::Adjoint`]: `y0_ct`, `[tile][state][8]`, and `p_ct`, `[tile][active][8]`, are
    /// written; NaN in lanes that failed.
    ///
    /// # Errors
    /// As [`solve`](Solver::solve).
    pub fn gradient_into(
        &self,
        w: &mut Workspace,
        problem: &Problem<'_>,
        cotangent: &[f64],
        y0_ct: &mut [f64],
        p_ct: &mut [f64],
    ) -> Result<(), OdeError> {
        let (n, a) = (self.rhs.n_states(), self.rhs.active().len());
        self.check(problem)?;
        self.expect("the solve before", problem.n_systems, w.results.len())?;
        let tiles = problem.n_systems.div_ceil(LANES) * LANES;
        self.expect("the cotangent", tiles * problem.times.len() * n, cotangent.len())?;
        self.expect("the cotangent of y0", tiles * n, y0_ct.len())?;
        self.expect("the cotangent of p", tiles * a, p_ct.len())?;
        let batch = Batch {
            y0: problem.y0,
            p: problem.p,
            grid: &w.grid,
            n_systems: problem.n_systems,
            skip: &|_| false,
        };
        self.lanes.reverse(&mut w.lanes, &mut w.reverse, &batch, cotangent, y0_ct, p_ct);
        for s in 0..problem.n_systems {
            let found = match w.results[s] {
                SystemResult::Lane => continue,
                SystemResult::Single => self.gradient_single(&w.grid, problem, cotangent, s).ok(),
                SystemResult::Skipped | SystemResult::Failed => None,
            };
            match found {
                Some((y0, p)) => {
                    write_lane(y0_ct, s, &y0);
                    write_lane(p_ct, s, &p);
                }
                None => {
                    fill_lane(y0_ct, n, s, f64::NAN);
                    fill_lane(p_ct, a, s, f64::NAN);
                }
            }
        }
        Ok(())
    }

    fn solve_single(
        &self,
        grid: &TimeGrid,
        problem: &Problem<'_>,
        s: usize,
        tangents: bool,
    ) -> Result<Path, Stop> {
        let (y0, p) = self.system(problem, s);
        let job = self.job(grid, &y0, &p);
        match self.single {
            Single::Implicit(kind) => implicit::solve(kind, &self.rhs, &self.active_y0, &job, tangents),
            Single::Exponential => {
                linear::solve(&Point::new(self.rhs.clone()), &self.active_y0, &job, tangents)
            }
        }
    }

    fn gradient_single(
        &self,
        grid: &TimeGrid,
        problem: &Problem<'_>,
        cotangent: &[f64],
        s: usize,
    ) -> Result<(Vec<f64>, Vec<f64>), Stop> {
        let (n, rows) = (self.rhs.n_states(), grid.n_rows());
        let (y0, p) = self.system(problem, s);
        let job = self.job(grid, &y0, &p);
        let mut unique = vec![0.0; grid.unique().len() * n];
        for (k, g) in unique.chunks_exact_mut(n).enumerate() {
            for &row in grid.rows_of(k) {
                for (i, g) in g.iter_mut().enumerate() {
                    *g += cotangent[((s / LANES * rows + row as usize) * n + i) * LANES + s % LANES];
                }
            }
        }
        match self.single {
            Single::Implicit(kind) => implicit::gradient(kind, &self.rhs, &self.active_y0, &job, &unique),
            Single::Exponential => {
                let all: Vec<usize> = (0..n).collect();
                let a = self.rhs.active().len();
                let path = linear::solve(&Point::new(self.rhs.clone()), &all, &job, true)?;
                let mut p = path.contract(&unique, n, a + n);
                let y0 = p.split_off(a);
                Ok((y0, p))
            }
        }
    }

    fn job<'a>(&self, grid: &'a TimeGrid, y0: &'a [f64], p: &'a [f64]) -> Job<'a> {
        let SolverOptions { rtol, atol, max_steps, .. } = self.options;
        Job { y0, p, grid, rtol, atol, max_steps }
    }

    /// System `s`'s initial state and parameters.
    fn system(&self, problem: &Problem<'_>, s: usize) -> (Vec<f64>, Vec<f64>) {
        (read_lane(problem.y0, self.rhs.n_states(), s), read_lane(problem.p, self.rhs.n_params(), s))
    }

    fn failure(&self, problem: &Problem<'_>, s: usize, stop: Stop) -> Failure {
        let (initial, params) = self.system(problem, s);
        Failure { lane: s, reason: stop.reason, time: stop.time, state: stop.state, initial, params }
    }

    /// Writes a path into the results.
    fn write(&self, grid: &TimeGrid, path: &Path, s: usize, outs: &mut [&mut [f64]]) {
        let (n, q, rows) = (self.rhs.n_states(), outs.len() - 1, grid.n_rows());
        for k in 0..grid.unique().len() {
            for &row in grid.rows_of(k) {
                let base = (s / LANES * rows + row as usize) * n * LANES + s % LANES;
                for i in 0..n {
                    outs[0][base + i * LANES] = path.y[k * n + i];
                    for c in 0..q {
                        outs[1 + c][base + i * LANES] = path.s[(k * q + c) * n + i];
                    }
                }
            }
        }
    }

    fn check(&self, problem: &Problem<'_>) -> Result<(), OdeError> {
        let lanes = problem.n_systems.div_ceil(LANES) * LANES;
        self.expect("y0", lanes * self.rhs.n_states(), problem.y0.len())?;
        self.expect("p", lanes * self.rhs.n_params(), problem.p.len())?;
        if problem.skip.is_empty() {
            Ok(())
        } else {
            self.expect("skip", problem.n_systems, problem.skip.len())
        }
    }

    fn expect(&self, what: &'static str, expected: usize, found: usize) -> Result<(), OdeError> {
        if expected == found {
            return Ok(());
        }
        Err(OdeError::WrongLength { ode: self.rhs.name().into(), what, expected, found })
    }
}

/// All tiles one after the other.
fn flat(x: &Lanes) -> AlignedVec {
    let mut out = AlignedVec::zeroed(x.tiles() * x.n() * LANES);
    for t in 0..x.tiles() {
        out[t * x.n() * LANES..][..x.n() * LANES].copy_from_slice(x.tile(t));
    }
    out
}

fn lanes_of(x: &[f64], n: usize, lanes: usize) -> Lanes {
    let mut out = Lanes::zeros(n, lanes);
    for t in 0..out.tiles() {
        out.tile_mut(t).copy_from_slice(&x[t * n * LANES..][..n * LANES]);
    }
    out
}

/// Where element `i` of system `s` is, among `n`.
fn at(n: usize, s: usize, i: usize) -> usize {
    (s / LANES * n + i) * LANES + s % LANES
}

fn read_lane(x: &[f64], n: usize, s: usize) -> Vec<f64> {
    (0..n).map(|i| x[at(n, s, i)]).collect()
}

fn write_lane(x: &mut [f64], s: usize, values: &[f64]) {
    for (i, &v) in values.iter().enumerate() {
        x[at(values.len(), s, i)] = v;
    }
}

fn fill_lane(x: &mut [f64], n: usize, s: usize, v: f64) {
    for i in 0..n {
        x[at(n, s, i)] = v;
    }
}
