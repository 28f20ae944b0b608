//! `map`: the mode of the density, a point.
//!
//! A posterior's mode depends on the coordinates it is sought in. On the user's scale it is the mode of the
//! density without the Jacobians of the bijectors ([`crate::CompiledDensity::without_jacobian`]); the search
//! itself still goes over the unconstrained vector. A point has no spread, nothing that weights could check
//! and nothing to draw: its verdict is `unchecked`, or `unreliable` where the search found no mode at all, as
//! in the hierarchies whose density is unbounded where a scale is zero.

use numerics::lanes::Lanes;

use crate::answer::reported;
use crate::coordinates::{Coordinates, Scale};
use crate::diagnostics::check::ParameterCheck;
use crate::diagnostics::verdict::Verdict;
use crate::error::FitError;
use crate::families;
use crate::fit::Fit;
use crate::lbfgs::{Ending, Minimum};
use crate::observe::{Observer, Progress, Stage};
use crate::options::{FamilyChoice, Options};
use crate::start::{self, StartReport};
use crate::state::State;
use crate::target::Target;

/// Descents, as far as there are feasible points.
const DESCENTS: usize = 8;
/// Log densities of one mode differ by less, and what the user reads by less than this part of one and its
/// size.
const SAME: f64 = 1e-3;
const SAME_PLACE: f64 = 0.03;

/// The highest point that descents from several starts reach.
///
/// # Errors
/// No point with a finite density; cancelled.
pub(crate) fn find(
    target: &mut Target,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    let (points, tried) = start::points_apart(target, options.seed, DESCENTS)?;
    let mut found: Vec<Minimum> = Vec::new();
    for (done, point) in points.iter().enumerate() {
        if observer.cancelled() {
            return Err(FitError::InterruptedAtStart);
        }
        let fraction = done as f64 / DESCENTS as f64;
        observer.progress(&Progress { stage: Stage::Start, row: None, fraction });
        found.extend(start::descend(target, point, observer));
    }
    if found.iter().any(|end| end.ending == Ending::Interrupted) {
        return Err(FitError::InterruptedAtStart);
    }
    // stable: of equals the first stays first
    found.sort_by(|a, b| a.value.total_cmp(&b.value));
    let Some(best) = found.first() else {
        return Err(FitError::NoFiniteStart { tried, reason: target.tally.commonest() });
    };
    let dim = target.dim();
    let mut ends = Lanes::zeros(dim, found.len());
    found.iter().enumerate().for_each(|(lane, end)| ends.set_lane(lane, &end.x));
    ends.pad();
    let values = reported(target, &ends);
    let (verdict, reasons) = judge(&found, &values);
    let mut z = Lanes::zeros(dim, 1);
    z.set_lane(0, &best.x);
    z.pad();
    let names = target.density().reported_names().to_vec();
    let point = |(name, column): (&String, Vec<f64>)| ParameterCheck {
        name: name.clone(),
        mean: column[0],
        sd: f64::NAN,
        shift: f64::NAN,
        sd_shift: f64::NAN,
        gap: f64::NAN,
        matters: true,
        mcse: f64::NAN,
        ess: f64::NAN,
        k_hat: f64::NAN,
    };
    let parameters = names.iter().zip(values).map(point).collect();
    // A state is of a family, of which a point is none.
    let family = families::build(FamilyChoice::MeanField, dim);
    let coordinates = Coordinates { centre: best.x.clone(), scale: Scale::Diagonal(vec![1.0; dim]) };
    let report = StartReport {
        log_prob: -best.value,
        descents: found.len(),
        evaluations: found.iter().map(|end| end.evaluations).sum(),
        converged: verdict == Verdict::Unchecked,
        ..StartReport::default()
    };
    let mut state = State::begin(&*family, options, coordinates, report, target.tally.clone());
    state.finished = true;
    state.converged = verdict == Verdict::Unchecked;
    Ok(Fit {
        verdict,
        reasons,
        log_joint: vec![-best.value],
        draws: z,
        log_q: vec![f64::NAN],
        elbo: f64::NAN,
        elbo_mcse: f64::NAN,
        k_hat: f64::NAN,
        ess: f64::NAN,
        parameters,
        interrupted: false,
        chains: None,
        state,
        tally: target.tally.clone(),
    })
}

/// A point is never checked; one that is no mode is not to be relied on either. `found` are the ends of
/// descents, the best first, and `values` what the user reads of them, a column each.
fn judge(found: &[Minimum], values: &[Vec<f64>]) -> (Verdict, Vec<String>) {
    let best = &found[0];
    if best.ending != Ending::Converged {
        let reason = format!(
            "the search for a mode did not end: the log density still rises at {:.4}, and may have no \
             maximum, as where a scale goes to zero",
            -best.value
        );
        return (Verdict::Unreliable, vec![reason]);
    }
    let mut reasons =
        vec!["a point, the mode, and not a posterior: it has no spread, and nothing to check".into()];
    // On the user's scale: where a bound is the mode, the unconstrained coordinate has no end.
    let elsewhere = |(n, end): &(usize, &Minimum)| {
        let is_apart = |x: &Vec<f64>| (x[0] - x[*n]).abs() > SAME_PLACE * (1.0 + x[0].abs());
        end.ending == Ending::Converged && values.iter().any(is_apart)
    };
    if let Some((_, other)) = found.iter().enumerate().find(elsewhere) {
        let lower = other.value - best.value;
        reasons.push(if lower < SAME {
            "another point has the same density: the mode is not the only one".into()
        } else {
            format!("there is another mode, whose log density is lower by {lower:.2}")
        });
    }
    (Verdict::Unchecked, reasons)
}
