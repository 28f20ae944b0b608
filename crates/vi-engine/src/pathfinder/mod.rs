//! `pathfinder`: the best normals along several descents, weighed together.
//!
//! After Zhang, Carpenter, Gelman and Vehtari (Pathfinder: parallel quasi-Newton variational inference, JMLR
//! 23, 2022). On its way from the tails to a mode, L-BFGS passes through the typical set, and its steps
//! estimate the curvature there. At every point of a descent that is a normal ([`normal`]); the one with the
//! highest ELBO is the descent's answer. Several descents from different points are a mixture with equal
//! shares ([`family`]), whose draws are weighed and, where they need it, resampled by smoothed importance
//! weights, as those of every other approximation are ([`crate::answer`]).
//!
//! Two differences from the paper: draws are weighed by the density of the mixture, not of the normal that
//! each came from, which varies less; and a descent whose ELBO is hopelessly lower than the best is left out,
//! for its draws would have no weight.

mod family;
mod normal;

use nalgebra::DVector;
use numerics::lanes::Lanes;

use crate::answer;
use crate::coordinates::{Coordinates, Scale};
use crate::error::FitError;
use crate::estimator::mean_and_mcse;
use crate::fit::Fit;
use crate::lbfgs::{self, Answer, Ending, Tolerance};
use crate::observe::{Observer, Progress, Stage, TraceRow};
use crate::options::Options;
use crate::start::{self, StartReport};
use crate::state::State;
use crate::stream::{Noise, Purpose};
use crate::target::Target;
use family::Paths;
use normal::{Curvature, PathNormal, Point};

/// Draws on which the ELBO of a point is estimated: the best of many estimates is too high by their noise.
const JUDGES: usize = 64;
/// A descent is left out where the ELBO of its best normal is lower than the highest by more nats.
const HOPELESS: f64 = 10.0;

/// What one descent found.
struct Path {
    normal: PathNormal,
    elbo: f64,
    elbo_mcse: f64,
    converged: bool,
}

/// Runs the descents, and draws from what they found.
///
/// # Errors
/// No point with a finite density, or no descent with a normal; cancelled.
pub(crate) fn fit(
    target: &mut Target,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    let dim = target.dim();
    let (points, tried) = start::points_apart(target, options.seed, options.paths)?;
    let mut paths: Vec<Path> = Vec::new();
    let mut report = StartReport::default();
    for (n, point) in points.iter().enumerate() {
        let fraction = n as f64 / options.paths as f64;
        observer.progress(&Progress { stage: Stage::Start, row: None, fraction });
        let (trail, ending) = descend(target, point, observer);
        if observer.cancelled() {
            return Err(FitError::InterruptedAtStart);
        }
        report.descents += 1;
        paths.extend(best_along(target, options.seed, n, &trail, ending == Some(Ending::Converged)));
    }
    // stable: of equals the first stays first
    paths.sort_by(|a, b| b.elbo.total_cmp(&a.elbo));
    let Some(best) = paths.first() else {
        return Err(FitError::NoFiniteStart { tried, reason: target.tally.commonest() });
    };
    let highest = best.elbo;
    (report.elbo, report.elbo_mcse, report.converged) = (best.elbo, best.elbo_mcse, best.converged);
    let row = |(n, path): (usize, &Path)| TraceRow {
        step: n as u64 + 1,
        elbo: path.elbo,
        elbo_mcse: path.elbo_mcse,
        grad_var: f64::NAN,
    };
    let trace: Vec<TraceRow> = paths.iter().enumerate().map(row).collect();
    let normals = paths.into_iter().filter(|path| path.elbo > highest - HOPELESS).map(|path| path.normal);
    let family = Paths { normals: normals.collect(), dim };
    // Normals are in the unconstrained coordinates themselves.
    let coordinates = Coordinates { centre: vec![0.0; dim], scale: Scale::Diagonal(vec![1.0; dim]) };
    let converged = report.converged;
    let mut state = State::begin(&family, options, coordinates, report, target.tally.clone());
    (state.trace, state.finished, state.converged) = (trace, true, converged);
    answer::answer(target, &family, options, state, Vec::new(), false, observer)
}

/// The points of a descent, each lower than all before it, and how it ended; `None` where it could not begin.
fn descend(target: &mut Target, start: &[f64], observer: &mut dyn Observer) -> (Vec<Point>, Option<Ending>) {
    let dim = start.len();
    let tolerance = Tolerance { gain: 1e-7, gradient: 1e-5, evaluations: 500 + 2 * dim };
    let (mut z, mut grad, mut value) = (Lanes::zeros(dim, 1), Lanes::zeros(dim, 1), [0.0]);
    let mut trail: Vec<Point> = Vec::new();
    let mut lowest = f64::INFINITY;
    let minimum = lbfgs::minimise(start, tolerance, &mut |x, g| {
        if observer.cancelled() {
            return Answer::Stop;
        }
        z.set_lane(0, x);
        z.pad();
        target.eval(&z, &mut value, Some(&mut grad));
        (0..dim).for_each(|i| g[i] = -grad.get(i, 0));
        if -value[0] < lowest {
            lowest = -value[0];
            trail.push(Point { x: DVector::from_column_slice(x), gradient: DVector::from_column_slice(g) });
        }
        Answer::Value(-value[0])
    });
    (trail, minimum.map(|minimum| minimum.ending))
}

/// The normal with the highest ELBO along a descent; `None` where none has one.
fn best_along(target: &mut Target, seed: u64, path: usize, trail: &[Point], converged: bool) -> Option<Path> {
    let dim = target.dim();
    let names = target.density().names().to_vec();
    let noise = Noise::new(seed, Purpose::Path(path), names.iter().map(String::as_str));
    let mut curvature = Curvature::new(dim);
    let mut best: Option<Path> = None;
    let (mut eps, mut z) = (Lanes::zeros(dim, JUDGES), Lanes::zeros(dim, JUDGES));
    let mut value = vec![0.0; JUDGES];
    for (step, pair) in trail.windows(2).enumerate() {
        curvature.learn(&pair[0], &pair[1]);
        let Some(normal) = curvature.normal(&pair[1]) else { continue };
        noise.fill(step as u64, 0, &mut eps);
        for lane in 0..JUDGES {
            z.set_lane(lane, normal.rsample(&DVector::from_vec(eps.lane(lane))).as_slice());
        }
        z.pad();
        target.eval(&z, &mut value, None);
        let log_q = |lane: usize| normal.log_prob(&DVector::from_vec(z.lane(lane))).0;
        let terms: Vec<f64> = (0..JUDGES).map(|lane| value[lane] - log_q(lane)).collect();
        let (elbo, elbo_mcse, good) = mean_and_mcse(terms.iter().copied());
        let is_better = best.as_ref().is_none_or(|best| elbo > best.elbo);
        // as for a start: a normal of which more than a quarter has no density is none
        if 4 * good >= 3 * JUDGES && is_better {
            best = Some(Path { normal, elbo, elbo_mcse, converged });
        }
    }
    best
}
