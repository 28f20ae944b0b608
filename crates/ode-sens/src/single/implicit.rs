//! diffsol's methods, mostly implicit: values, forward sensitivities, discrete adjoint.
//!
//! Steps end at every output time, in every mode, so that values do not depend on what is
//! differentiated. The steps are driven here: diffsol has no budget of its own, and may report
//! success with values that are not finite.

use std::sync::Arc;

use diffsol::error::{DiffsolError, OdeSolverError};
use diffsol::{
    NalgebraLU, OdeBuilder, OdeSolverMethod, OdeSolverProblem, OdeSolverState, OdeSolverStopReason, Op,
    StepVjp, Vector, VectorCommon,
};

use super::equations::{Equations, M, V};
use super::{Job, Path, Stop};
use crate::error::Reason;
use crate::lane::Steps;
use crate::rhs::Rhs;

type LS = NalgebraLU<f64>;

/// How closely sensitivity solves follow the steps, relative to the tolerances of the states.
/// At diffsol's default of 0.2 gradients of stiff systems are off by 6e-4.
const DERIVATIVE_TOLERANCE: f64 = 1e-3;
const DERIVATIVE_ITERATIONS: usize = 50;

/// Which of diffsol's methods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Bdf,
    TrBdf2,
    Esdirk34,
    /// Explicit; accepts a NaN error norm, so finiteness is checked here.
    Tsit45,
}

/// Runs an expression with `$solver` made by the method's constructor.
macro_rules! with_solver {
    ($kind:expr, $problem:expr, $stop:expr, [$bdf:ident, $tr:ident, $es:ident, $explicit:ident], $solver:ident => $body:expr) => {
        match $kind {
            Kind::Bdf => {
                let mut $solver = $problem.$bdf::<LS>().map_err($stop)?;
                $body
            }
            Kind::TrBdf2 => {
                let mut $solver = $problem.$tr::<LS>().map_err($stop)?;
                $body
            }
            Kind::Esdirk34 => {
                let mut $solver = $problem.$es::<LS>().map_err($stop)?;
                $body
            }
            Kind::Tsit45 => {
                let mut $solver = $problem.$explicit().map_err($stop)?;
                $body
            }
        }
    };
}

/// The solution at the job's times, with its tangents if asked for.
pub(crate) fn solve(
    kind: Kind,
    rhs: &Arc<dyn Rhs>,
    active_y0: &[usize],
    job: &Job<'_>,
    tangents: bool,
) -> Result<Path, Stop> {
    let problem = problem(rhs, active_y0, job)?;
    let n = job.y0.len();
    let mut path = Path::default();
    let at_start = |e: DiffsolError| stop(&e, job.grid.start(), job.y0);
    if tangents && problem.eqn.q() > 0 {
        with_solver!(kind, problem, at_start, [bdf_sens, tr_bdf2_sens, esdirk34_sens, tsit45_sens], solver => {
            path.steps = drive(&mut solver, job, |_, s, output| {
                if output {
                    let state = s.state();
                    path.y.extend(state.y.inner().iter());
                    path.s.extend(state.s.inner().iter());
                }
            })?;
        });
        let finite = path.s.iter().all(|x| x.is_finite());
        if !finite {
            let time = *job.grid.unique().last().unwrap_or(&job.grid.start());
            return Err(Stop { reason: Reason::NotFinite, time, state: path.y[path.y.len() - n..].to_vec() });
        }
    } else {
        with_solver!(kind, problem, at_start, [bdf, tr_bdf2, esdirk34, tsit45], solver => {
            path.steps = drive(&mut solver, job, |_, s, output| {
                if output {
                    path.y.extend(s.state().y.inner().iter());
                }
            })?;
        });
    }
    Ok(path)
}

/// Cotangents of the initial state and of the active parameters, from those of the states at the
/// job's unique times, `[time][state]`: the derivative of the steps that [`solve`] takes. Where a
/// transposed solve does not converge, forward sensitivities answer instead.
pub(crate) fn gradient(
    kind: Kind,
    rhs: &Arc<dyn Rhs>,
    active_y0: &[usize],
    job: &Job<'_>,
    cotangent: &[f64],
) -> Result<(Vec<f64>, Vec<f64>), Stop> {
    let n = job.y0.len();
    let problem = problem(rhs, active_y0, job)?;
    let at_start = |e: DiffsolError| stop(&e, job.grid.start(), job.y0);
    let swept = with_solver!(kind, problem, at_start, [bdf, tr_bdf2, esdirk34, tsit45], solver => {
        sweep(&mut solver, &problem.eqn, job, cotangent)?
    });
    if std::env::var("SWEPT").is_ok() {
        eprintln!("SWEPT {kind:?} {}", swept.is_some());
    }
    if let Some(found) = swept {
        return Ok(found);
    }
    let all: Vec<usize> = (0..n).collect();
    let path = solve(kind, rhs, &all, job, true)?;
    let a = rhs.active().len();
    let mut p = path.contract(cotangent, n, a + n);
    let y0 = p.split_off(a);
    Ok((y0, p))
}

/// The reverse sweep; `None` if a transposed solve failed.
#[allow(clippy::type_complexity)]
fn sweep<'a, S>(
    solver: &mut S,
    eqn: &Equations,
    job: &Job<'_>,
    cotangent: &[f64],
) -> Result<Option<(Vec<f64>, Vec<f64>)>, Stop>
where
    S: StepVjp<'a, Equations>,
{
    let (n, q, a) = (job.y0.len(), eqn.q(), eqn.point.rhs.active().len());
    // The state after each step, and the output it is, if any.
    let mut states: Vec<(S::State, Option<usize>)> = vec![(solver.state_clone(), None)];
    drive(solver, job, |k, s, output| {
        if job.grid.unique()[k] == job.grid.start() {
            states[0].1 = Some(k);
        } else {
            states.push((s.state_clone(), output.then_some(k)));
        }
    })?;
    let mut ct = states[0].0.zeros_like();
    let mut p = V::zeros(q, *eqn.context());
    let add = |ct: &mut S::State, k: Option<usize>| {
        if let Some(k) = k {
            let y = ct.as_mut().y;
            let g = V::from_slice(&cotangent[k * n..(k + 1) * n], *y.context());
            *y += &g;
        }
    };
    for (end, output) in states[1..].iter().rev() {
        add(&mut ct, *output);
        if solver.step_vjp(end, &mut ct, &mut p).is_err() {
            return Ok(None);
        }
    }
    add(&mut ct, states[0].1);
    let mut y0 = ct.as_mut().y.clone_as_vec();
    let dy = ct.as_mut().dy.clone_as_vec();
    let mut p = p.clone_as_vec();
    // The first derivative was f at the start.
    eqn.add_transposed(job.grid.start(), job.y0, &dy, &mut y0, &mut p);
    p.truncate(a);
    let finite = y0.iter().chain(&p).all(|x| x.is_finite());
    Ok(finite.then_some((y0, p)))
}

fn problem(
    rhs: &Arc<dyn Rhs>,
    active_y0: &[usize],
    job: &Job<'_>,
) -> Result<OdeSolverProblem<Equations>, Stop> {
    let start = job.grid.start();
    let mut eqn = Equations::new(rhs.clone(), active_y0);
    eqn.point.set_params(job.p);
    eqn.y0.copy_from_slice(job.y0);
    let mut f = vec![0.0; job.y0.len()];
    eqn.point.rhs(start, job.y0, &mut f);
    if !job.y0.iter().chain(&f).all(|x| x.is_finite()) {
        return Err(Stop { reason: Reason::NotFiniteAtStart, time: start, state: job.y0.to_vec() });
    }
    let q = eqn.q();
    let mut problem = OdeBuilder::<M>::new()
        .t0(start)
        .rtol(job.rtol)
        .atol(vec![job.atol; job.y0.len()])
        .p(vec![0.0; q])
        .build_from_eqn(eqn)
        .map_err(|e| stop(&e, start, job.y0))?;
    problem.ode_options.derivative_solve_tolerance = DERIVATIVE_TOLERANCE;
    problem.ode_options.derivative_solve_max_iter = DERIVATIVE_ITERATIONS;
    Ok(problem)
}

/// Steps to every unique time in turn, within the budget. `each(k, solver, output)` is called after
/// every step on the way to output k, and with `output` when it is reached.
fn drive<'a, S>(solver: &mut S, job: &Job<'_>, mut each: impl FnMut(usize, &S, bool)) -> Result<Steps, Stop>
where
    S: OdeSolverMethod<'a, Equations>,
{
    let mut accepted = 0;
    for (k, &time) in job.grid.unique().iter().enumerate() {
        // diffsol refuses to stop where it stands.
        if time == job.grid.start() {
            each(k, solver, true);
            continue;
        }
        let at = |s: &S| (s.state().t, s.state().y.clone_as_vec());
        let fail = |s: &S, e: &DiffsolError| {
            let (t, y) = at(s);
            stop(e, t, &y)
        };
        solver.set_stop_time(time).map_err(|e| fail(solver, &e))?;
        loop {
            let reached = match solver.step() {
                Ok(OdeSolverStopReason::TstopReached) => true,
                Ok(_) => false,
                Err(e) => return Err(fail(solver, &e)),
            };
            accepted += 1;
            let (t, state) = at(solver);
            if !state.iter().all(|x| x.is_finite()) {
                return Err(Stop { reason: Reason::NotFinite, time: t, state });
            }
            each(k, solver, reached);
            if reached {
                break;
            }
            if accepted >= job.max_steps {
                let reason = Reason::BudgetExhausted { steps: job.max_steps };
                return Err(Stop { reason, time: t, state });
            }
        }
    }
    let rejected = solver.get_statistics().number_of_error_test_failures;
    Ok(Steps { accepted, rejected })
}

fn stop(e: &DiffsolError, time: f64, state: &[f64]) -> Stop {
    let reason = match e {
        DiffsolError::OdeSolverError(
            OdeSolverError::StepSizeTooSmall { .. } | OdeSolverError::TooManyErrorTestFailures { .. },
        ) => Reason::StepTooSmall,
        _ => Reason::NoConvergence,
    };
    Stop { reason, time, state: state.to_vec() }
}
