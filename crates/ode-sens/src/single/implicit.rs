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
) -> Result<Cotangents, Stop> {
    if let Some(found) = by_sweep(kind, rhs, active_y0, job, cotangent)? {
        return Ok(found);
    }
    let n = job.y0.len();
    let all: Vec<usize> = (0..n).collect();
    let path = solve(kind, rhs, &all, job, true)?;
    let a = rhs.active().len();
    let mut p = path.contract(cotangent, n, a + n);
    let y0 = p.split_off(a);
    Ok((y0, p))
}

/// Cotangents of the initial state and of the active parameters.
type Cotangents = (Vec<f64>, Vec<f64>);

/// [`gradient`] by the steps themselves; `None` if a transposed solve failed.
fn by_sweep(
    kind: Kind,
    rhs: &Arc<dyn Rhs>,
    active_y0: &[usize],
    job: &Job<'_>,
    cotangent: &[f64],
) -> Result<Option<Cotangents>, Stop> {
    let problem = problem(rhs, active_y0, job)?;
    let at_start = |e: DiffsolError| stop(&e, job.grid.start(), job.y0);
    with_solver!(kind, problem, at_start, [bdf, tr_bdf2, esdirk34, tsit45], solver => {
        sweep(&mut solver, &problem.eqn, job, cotangent)
    })
}

/// Steps forward, keeping the states, and back.
fn sweep<'a, S>(
    solver: &mut S,
    eqn: &Equations,
    job: &Job<'_>,
    cotangent: &[f64],
) -> Result<Option<Cotangents>, Stop>
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::TimeGrid;
    use crate::system::OdeSystem;
    use graph::ir::{Graph, Kind as Elements, Role, Size, Varies};
    use numerics::simd::Isa;

    fn robertson() -> Arc<dyn Rhs> {
        let mut g = Graph::new();
        let state = g.add_dim("state", Role::Plain, Size::Fixed(3));
        let param = g.add_dim("param", Role::Plain, Size::Fixed(3));
        g.input("t", Varies::Lane, Elements::Real, &[]);
        let y = g.input("y", Varies::Lane, Elements::Real, &[state]);
        let p = g.input("p", Varies::Lane, Elements::Real, &[param]);
        let [a, b, c] = [0, 1, 2].map(|i| g.element(y, state, i));
        let [k1, k2, k3] = [0, 1, 2].map(|i| g.element(p, param, i));
        let slow = g.mul(k1, a);
        let bc = g.mul(b, c);
        let back = g.mul(k2, bc);
        let bb = g.square(b);
        let fast = g.mul(k3, bb);
        let first = g.sub(back, slow);
        let gone = g.add(first, fast);
        let second = g.neg(gone);
        let dy = g.stack(&[first, second, fast], state);
        let system = OdeSystem { name: "robertson".into(), rhs: g, dy, bindings: Default::default() };
        system.compile(&[0, 1, 2], Isa::Baseline).unwrap()
    }

    /// The transposed Newton solve of ESDIRK34 diverges on Robertson's problem at rough tolerances.
    #[test]
    fn a_diverging_transposed_solve_falls_back_to_tangents() {
        let rhs = robertson();
        let grid = TimeGrid::new("robertson", 0.0, &[4e4]).unwrap();
        let (y0, p) = ([1.0, 0.0, 0.0], [0.04, 1e4, 3e7]);
        let job = |rtol, atol| Job { y0: &y0, p: &p, grid: &grid, rtol, atol, max_steps: 10_000 };
        let (rough, cotangent) = (job(1e-3, 1e-7), [1.0, 1.0, 0.5]);
        assert_eq!(by_sweep(Kind::Esdirk34, &rhs, &[], &rough, &cotangent).unwrap(), None);
        let (_, found) = gradient(Kind::Esdirk34, &rhs, &[], &rough, &cotangent).unwrap();
        let (_, exact) = gradient(Kind::Bdf, &rhs, &[], &job(1e-9, 1e-13), &cotangent).unwrap();
        for (f, e) in found.iter().zip(&exact) {
            assert!((f / e - 1.0).abs() < 2e-3, "{found:?} {exact:?}");
        }
    }
}
