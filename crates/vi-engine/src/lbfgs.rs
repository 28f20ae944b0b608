//! Quasi-Newton minimisation: argmin's L-BFGS, held to what it really did.
//!
//! argmin reports `Ok` with the start point when a line search fails, so its verdict is not taken
//! on trust: every evaluation is recorded here, the best point is kept, and a stall under
//! More-Thuente is retried from there with backtracking.

use std::cell::RefCell;

use argmin::core::{
    CostFunction, Error, Executor, Gradient, IterState, LineSearch, Solver, State, TerminationReason,
};
use argmin::solver::linesearch::condition::ArmijoCondition;
use argmin::solver::linesearch::{BacktrackingLineSearch, MoreThuenteLineSearch};
use argmin::solver::quasinewton::LBFGS;

/// What a failed evaluation costs: large, finite (a line search cannot interpolate infinity), and
/// small enough that its quotient by a tiny step does not overflow inside More-Thuente.
const FAILED: f64 = 1e200;
/// Curvature pairs kept.
const MEMORY: usize = 12;
/// More-Thuente and backtracking take turns at most this often.
const ROUNDS: usize = 6;
/// Evaluations without a better point before a line search is given up.
const PATIENCE: usize = 60;

/// When a minimisation is done, in the units of the function.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Stop when an iteration gains less.
    pub gain: f64,
    /// Stop when the gradient is shorter.
    pub gradient: f64,
    pub evaluations: usize,
}

/// How a minimisation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Converged,
    /// No further progress although the gradient is not small.
    Stalled,
    /// The evaluations were used up.
    Exhausted,
    /// The function asked to stop.
    Interrupted,
}

/// The best point of a minimisation.
#[derive(Clone, Debug)]
pub struct Minimum {
    pub x: Vec<f64>,
    pub value: f64,
    pub evaluations: usize,
    pub ending: Ending,
    /// Every point that was the best so far, with its value, from the first.
    pub trail: Vec<(Vec<f64>, f64)>,
}

/// What an objective answers: its value, or a wish to stop.
pub enum Answer {
    /// Non-finite means failed.
    Value(f64),
    Stop,
}

struct Record<'f> {
    f: &'f mut dyn FnMut(&[f64], &mut [f64]) -> Answer,
    /// The cost argmin sees is `scale` times the value.
    scale: f64,
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    best: Option<(Vec<f64>, f64, Vec<f64>)>,
    trail: Vec<(Vec<f64>, f64)>,
    evaluations: usize,
    since_best: usize,
    limit: usize,
    stopped: bool,
}

impl Record<'_> {
    fn at(&mut self, x: &[f64]) -> Result<(), Error> {
        if self.evaluations > 0 && self.x == x {
            return Ok(());
        }
        if self.evaluations >= self.limit {
            return Err(Error::msg("evaluations used up"));
        }
        if self.since_best > PATIENCE {
            return Err(Error::msg("no better point"));
        }
        self.x.copy_from_slice(x);
        self.gradient.fill(0.0);
        let value = match (self.f)(x, &mut self.gradient) {
            Answer::Value(value) => value,
            Answer::Stop => {
                self.stopped = true;
                return Err(Error::msg("stopped"));
            }
        };
        self.evaluations += 1;
        self.since_best += 1;
        let sound = value.is_finite() && self.gradient.iter().all(|g| g.is_finite());
        if !sound {
            self.value = FAILED;
            self.gradient.fill(0.0);
            return Ok(());
        }
        self.value = value;
        if self.best.as_ref().is_none_or(|(_, best, _)| value < *best) {
            self.best = Some((x.to_vec(), value, self.gradient.clone()));
            self.trail.push((x.to_vec(), value));
            self.since_best = 0;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Problem<'a, 'f>(&'a RefCell<Record<'f>>);

impl CostFunction for Problem<'_, '_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        let mut record = self.0.borrow_mut();
        record.at(x)?;
        let failed = record.value == FAILED;
        Ok(if failed { FAILED } else { record.scale * record.value })
    }
}

impl Gradient for Problem<'_, '_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        let mut record = self.0.borrow_mut();
        record.at(x)?;
        Ok(record.gradient.iter().map(|g| record.scale * g).collect())
    }
}

/// Minimises `f` (value and gradient) from `start`.
///
/// Returns `None` where `f` fails at `start`. `f` may fail elsewhere: such points are stepped back
/// from.
pub fn minimise(
    start: &[f64],
    tolerance: Tolerance,
    f: &mut dyn FnMut(&[f64], &mut [f64]) -> Answer,
) -> Option<Minimum> {
    let record = RefCell::new(Record {
        f,
        scale: 1.0,
        x: vec![0.0; start.len()],
        value: FAILED,
        gradient: vec![0.0; start.len()],
        best: None,
        trail: Vec::new(),
        evaluations: 0,
        since_best: 0,
        limit: tolerance.evaluations.max(1),
        stopped: false,
    });
    record.borrow_mut().at(start).ok()?;
    let mut ending = Ending::Stalled;
    let mut previous = record.borrow().best.as_ref()?.1;
    for round in 0..ROUNDS {
        let (x, gradient) = {
            let mut record = record.borrow_mut();
            record.since_best = 0;
            let (x, _, gradient) = record.best.clone()?;
            let length = norm(&gradient);
            if length <= tolerance.gradient {
                ending = Ending::Converged;
                break;
            }
            // L-BFGS's first step is minus the gradient: make it no longer than one.
            record.scale = 1.0 / length.max(1.0);
            (x, length)
        };
        let said_converged = if round % 2 == 0 {
            let search = MoreThuenteLineSearch::new().with_bounds(1e-12, 1e6).ok()?;
            run(Problem(&record), search, x, gradient, tolerance)
        } else {
            let search = BacktrackingLineSearch::new(ArmijoCondition::new(1e-4).ok()?);
            run(Problem(&record), search.rho(0.5).ok()?, x, gradient, tolerance)
        };
        let record = record.borrow();
        if record.stopped {
            ending = Ending::Interrupted;
            break;
        }
        let (_, best, _) = record.best.as_ref()?;
        let gained = previous - best;
        previous = *best;
        // A round that gained nothing under either line search ends it; argmin's word alone does
        // not, since its cost test also passes when a line search makes no headway.
        if said_converged && (gained < 10.0 * tolerance.gain || round > 0) {
            ending = Ending::Converged;
            break;
        }
        if record.evaluations >= record.limit {
            ending = Ending::Exhausted;
            break;
        }
        if round > 0 && gained < tolerance.gain {
            break;
        }
    }
    let record = record.into_inner();
    let (x, value, _) = record.best?;
    Some(Minimum { x, value, evaluations: record.evaluations, ending, trail: record.trail })
}

/// One argmin run; whether it claims convergence. Points are kept by the record.
fn run<'a, 'f, L>(
    problem: Problem<'a, 'f>,
    search: L,
    start: Vec<f64>,
    length: f64,
    tolerance: Tolerance,
) -> bool
where
    LBFGS<L, Vec<f64>, Vec<f64>, f64>:
        Solver<Problem<'a, 'f>, IterState<Vec<f64>, Vec<f64>, (), (), (), f64>>,
    L: LineSearch<Vec<f64>, f64>,
{
    let scale = 1.0 / length.max(1.0);
    let Ok(solver) = LBFGS::new(search, MEMORY)
        .with_tolerance_grad(tolerance.gradient * scale)
        .and_then(|solver| solver.with_tolerance_cost(tolerance.gain * scale))
    else {
        return false;
    };
    let outcome = Executor::new(problem, solver)
        .configure(|state| state.param(start).max_iters(tolerance.evaluations as u64))
        .ctrlc(false)
        .run();
    match outcome {
        Ok(result) => {
            matches!(result.state().get_termination_reason(), Some(TerminationReason::SolverConverged))
        }
        Err(_) => false,
    }
}

/// Euclidean.
pub(crate) fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rosenbrock;

    const TOLERANCE: Tolerance = Tolerance { gain: 1e-10, gradient: 1e-6, evaluations: 2000 };

    #[test]
    fn rosenbrock_in_ten_dimensions() {
        let start = [-1.2, 1.0].repeat(5);
        let end = minimise(&start, TOLERANCE, &mut |x, g| Answer::Value(rosenbrock(x, g))).unwrap();
        assert_eq!(end.ending, Ending::Converged);
        assert!(end.evaluations < 300, "{}", end.evaluations);
        // This start leads to one of two minima; both have a vanishing gradient.
        let mut gradient = vec![0.0; 10];
        rosenbrock(&end.x, &mut gradient);
        assert!(norm(&gradient) < 1e-4);
    }

    #[test]
    fn a_function_that_fails_beyond_a_wall_is_minimised_before_it() {
        // Nearly linear far from its minimum at 1.5, so that quasi-Newton steps overshoot the wall.
        let mut failures = 0;
        let end = minimise(&[-40.0, 3.0], TOLERANCE, &mut |x, g| {
            if x[0] > 1.6 {
                failures += 1;
                return Answer::Value(f64::NAN);
            }
            let (a, b) = (x[0] - 1.5, x[1]);
            let root = (1.0 + a * a).sqrt();
            g[0] = a / root;
            g[1] = 2.0 * b;
            Answer::Value(root + b * b)
        })
        .unwrap();
        assert!(failures > 0, "the wall was never met: the test tests nothing");
        assert!((end.x[0] - 1.5).abs() < 1e-4 && end.x[1].abs() < 1e-4, "{:?}", end.x);
    }

    #[test]
    fn a_failing_start_is_none_and_a_wish_to_stop_is_kept() {
        assert!(minimise(&[0.0], TOLERANCE, &mut |_, _| Answer::Value(f64::NAN)).is_none());
        let mut calls = 0;
        let end = minimise(&[-1.2, 1.0], TOLERANCE, &mut |x, g| {
            calls += 1;
            if calls > 10 { Answer::Stop } else { Answer::Value(rosenbrock(x, g)) }
        })
        .unwrap();
        assert_eq!(end.ending, Ending::Interrupted);
        assert_eq!(end.evaluations, 10);
    }

    #[test]
    fn an_unbounded_function_ends() {
        let end = minimise(&[0.0], TOLERANCE, &mut |x, g| {
            g[0] = -1.0;
            Answer::Value(-x[0])
        })
        .unwrap();
        assert!(end.evaluations <= TOLERANCE.evaluations);
        assert!(end.x[0] > 1.0);
    }
}
