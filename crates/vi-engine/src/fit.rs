//! The whole fit: start, climb, check, and a correction where the check asks for one.

use numerics::lanes::Lanes;

use crate::coordinates::Coordinates;
use crate::curvature::whiten;
use crate::diagnostics::check::ParameterCheck;
use crate::diagnostics::verdict::Verdict;
use crate::error::{FitError, StateError};
use crate::estimator::{Estimator, bound, mean_and_mcse};
use crate::families::{self, Family};
use crate::log_density::LogDensity;
use crate::nuts::{self, Chains};
use crate::observe::{Observer, Progress};
use crate::options::{Covariance, FamilyChoice, Gradient, Method, Optimizer, Options};
use crate::refine::{self, Climb};
use crate::start::{self, StartReport};
use crate::state::State;
use crate::stream::{Noise, Purpose};
use crate::target::{Tally, Target};
use crate::{
    BLOCK, answer, batch_and_match, fixed_draws, linear_response, mode, natural_gradient, pathfinder, pieces,
};

/// A posterior as draws, with what may be believed of them.
#[derive(Clone, Debug)]
pub struct Fit {
    pub verdict: Verdict,
    /// Why; empty for [`Verdict::Ok`].
    pub reasons: Vec<String>,
    /// Equally weighted unconstrained draws, `[dim]` x `posterior_draws`. After a correction some
    /// may occur more than once.
    pub draws: Lanes,
    /// The model's log density at `draws`, over the unconstrained vector.
    pub log_joint: Vec<f64>,
    /// Log density there of what the draws were first drawn from: q, or a wider proposal in its
    /// place. NaN for chains, as whatever else speaks of q.
    pub log_q: Vec<f64>,
    /// Of q itself, on the draws of the check.
    pub elbo: f64,
    pub elbo_mcse: f64,
    /// k-hat of q's weights, also where its draws were polished; NaN for chains alone.
    pub k_hat: f64,
    /// Effective sample size of the weights of the answer; of chains, the smallest of a parameter's ranks.
    pub ess: f64,
    /// One for every reported name.
    pub parameters: Vec<ParameterCheck>,
    pub interrupted: bool,
    /// What a sampler did, from the start or from the draws of q; `None` for an approximation.
    pub chains: Option<Chains>,
    /// The family used, and its gradient steps with their trace: in `state`.
    pub state: State,
    /// Evaluations of all stages.
    pub tally: Tally,
}

/// Fits `density` from the beginning.
///
/// The result is a function of the density and the options alone, to the last bit.
///
/// # Errors
/// [`FitError`] where there is nothing to return: no feasible start, no draw with a finite density,
/// cancelled before a first approximation, options that cannot be honoured. A bad approximation is
/// no error: its [`Fit::verdict`] says so.
pub fn fit(
    density: &mut dyn LogDensity,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    run(density, options, None, observer)
}

/// Goes on from a state that an interrupted [`fit`] returned, to the same bits as if it had never
/// been interrupted.
///
/// # Errors
/// As [`fit`]; and a state of another model, family, seed or number of draws.
pub fn resume(
    density: &mut dyn LogDensity,
    options: &Options,
    state: State,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    run(density, options, Some(state), observer)
}

fn run(
    density: &mut dyn LogDensity,
    options: &Options,
    saved: Option<State>,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    let family = family(density, options)?;
    let family = &*family;
    let mut target = Target::new(density);
    match options.method {
        // Functions of density and options: what was saved of them has nothing to add.
        Method::Map => return mode::find(&mut target, options, observer),
        Method::Pathfinder => return pathfinder::fit(&mut target, options, observer),
        _ => {}
    }
    let mut state = match saved {
        Some(state) => {
            matches(&state, family, options)?;
            target.tally = state.tally.clone();
            state
        }
        None => begin(&mut target, family, options, observer)?,
    };
    if options.method == Method::Nuts {
        return nuts::sample(&mut target, options, state, observer);
    }
    let ending =
        pieces::climb(&mut target, family, options, &mut state, observer, |target, state, observer| {
            climb(target, family, options, state, observer)
        });
    // What follows is a function of the state, so a resumed fit repeats it to the same bits.
    let mut lambda = state.lambda.clone();
    if ending == Climb::Finished && worse_than_start(&mut target, family, options, &state) {
        lambda = family.standard();
    }
    let interrupted = ending == Climb::Interrupted;
    if options.covariance == Covariance::LinearResponse && !interrupted {
        return responded(&mut target, family, options, state, lambda, observer);
    }
    answer::answer(&mut target, family, options, state, lambda, interrupted, observer)
}

/// The answer of a mean field with the covariance of its linear response.
fn responded(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    state: State,
    lambda: Vec<f64>,
    observer: &mut dyn Observer,
) -> Result<Fit, FitError> {
    let at_end = State { lambda: lambda.clone(), ..state.clone() };
    let Some(normal) = linear_response::respond(target, family, options, &at_end, observer) else {
        let interrupted = observer.cancelled();
        let mut fit = answer::answer(target, family, options, state, lambda, interrupted, observer)?;
        if !interrupted {
            fit.verdict = Verdict::Unreliable;
            fit.reasons.push("the mean field is at no optimum, so it has no linear response".into());
        }
        return Ok(fit);
    };
    let dense = families::build(FamilyChoice::FullRank, family.dim());
    let whitened = State { coordinates: normal.standardised(&state.coordinates), ..state.clone() };
    let fit = answer::answer(target, &*dense, options, whitened, dense.standard(), false, observer)?;
    // What a resumed fit goes on from is the mean field's.
    Ok(Fit { state, ..fit })
}

/// The state after so many steps of the climb at most, fewer where that is cancelled, for [`resume`] to go
/// on from; `from` are draws to begin with instead of a search.
///
/// # Errors
/// As [`fit`]; draws without a spread.
pub(crate) fn begun(
    density: &mut dyn LogDensity,
    options: &Options,
    from: Option<(&Lanes, &StartReport)>,
    steps: u64,
    observer: &mut dyn Observer,
) -> Result<State, FitError> {
    let method = match options.method {
        // How a model is parameterised for a sampler, too, is found out by a climb.
        Method::Nuts => Method::Auto,
        // For normals that no climb refines, by the normal at the mode.
        Method::Pathfinder | Method::Map => Method::Laplace,
        other => other,
    };
    let options = &Options { method, ..options.clone() };
    let family = family(density, options)?;
    let family = &*family;
    let mut target = Target::new(density);
    let mut state = match from {
        None => begin(&mut target, family, options, observer)?,
        Some((draws, found)) => {
            let (coordinates, report) = start::from_draws(&mut target, family, draws, found)?;
            started(&mut target, family, options, coordinates, report)
        }
    };
    pieces::climb(&mut target, family, options, &mut state, observer, |target, state, observer| {
        let steps = steps.saturating_sub(state.step);
        let mut until = Until { observer, steps };
        let ending = climb(target, family, options, state, &mut until);
        // It has come as far as it should, or not.
        if observer.cancelled() { ending } else { Climb::Finished }
    });
    Ok(state)
}

/// The family that fits `density`, if the two and the options are sound.
fn family(density: &mut dyn LogDensity, options: &Options) -> Result<Box<dyn Family>, FitError> {
    let dim = density.dim();
    if dim == 0 {
        return Err(FitError::NoCoordinates);
    }
    options.validate(dim)?;
    if density.names().len() != dim {
        return Err(FitError::Names { dim, names: density.names().len() });
    }
    let family = families::of(options.family_for(dim), density, dim);
    if matches!(options.optimizer(), Optimizer::FixedDraws | Optimizer::NewtonCg) {
        fixed_draws::validate(&*family, options)?;
    }
    Ok(family)
}

/// The state before the first step.
fn begin(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<State, FitError> {
    let (coordinates, start) = start::find(target, family, options.seed, observer)?;
    Ok(started(target, family, options, coordinates, start))
}

/// A mode whose mass is less than that of the best by so many nats is none to start from.
const NEGLIGIBLE: f64 = 10.0;

/// The state before the first step, from what a search for a start found: over all its modes, where the
/// family has room for them.
fn started(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    coordinates: Coordinates,
    start: StartReport,
) -> State {
    let member = family.strata().map(|_| {
        let mut modes = vec![(start.log_mass, coordinates.seen_from(&coordinates)?)];
        let rivals = start.rivals.iter().filter(|rival| rival.log_mass > start.log_mass - NEGLIGIBLE);
        for rival in rivals {
            let there = whiten(target, &rival.point, family.scale());
            modes.extend(coordinates.seen_from(&there).map(|there| (rival.log_mass, there)));
        }
        family.over_modes(&modes)
    });
    let mut state = State::begin(family, options, coordinates, start, target.tally.clone());
    if let Some(member) = member.flatten() {
        state.lambda = member;
    }
    state
}

/// Cancels after a number of steps.
struct Until<'a> {
    observer: &'a mut dyn Observer,
    steps: u64,
}

impl Observer for Until<'_> {
    fn progress(&mut self, progress: &Progress) {
        if progress.row.is_some() {
            self.steps = self.steps.saturating_sub(1);
        }
        self.observer.progress(progress);
    }

    fn cancelled(&self) -> bool {
        self.steps == 0 || self.observer.cancelled()
    }

    fn recall(&mut self) -> Option<Vec<u8>> {
        self.observer.recall()
    }

    fn keep(&mut self, at_end: bool, bytes: &mut dyn FnMut() -> Vec<u8>) {
        self.observer.keep(at_end, bytes);
    }
}

/// Whether a saved state belongs to this fit.
pub(crate) fn matches(state: &State, family: &dyn Family, options: &Options) -> Result<(), StateError> {
    let fields = [
        ("family", state.family.clone(), family.name()),
        ("seed", state.seed.to_string(), options.seed.to_string()),
        ("draws", state.draws.to_string(), options.draws(family.dim()).to_string()),
        ("dimension", state.coordinates.dim().to_string(), family.dim().to_string()),
        ("parameters", state.lambda.len().to_string(), family.n_params().to_string()),
    ];
    for (field, saved, now) in fields {
        if saved != now {
            return Err(StateError::Mismatch { field, saved, now });
        }
    }
    Ok(())
}

pub(crate) fn climb(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    state: &mut State,
    observer: &mut dyn Observer,
) -> Climb {
    match (options.method, options.optimizer()) {
        // Nothing to climb for.
        (Method::Laplace | Method::Nuts | Method::Pathfinder | Method::Map, _) => {
            state.finished = true;
            state.converged = state.start.converged;
            Climb::Finished
        }
        (_, Optimizer::Adam) => refine::climb(target, family, options, state, observer),
        (_, Optimizer::BatchAndMatch) => batch_and_match::climb(target, family, options, state, observer),
        (_, Optimizer::NaturalGradient) => natural_gradient::climb(target, family, options, state, observer),
        (_, Optimizer::FixedDraws | Optimizer::NewtonCg) => {
            fixed_draws::climb(target, family, options, state, observer)
        }
    }
}

/// Draws on which the climb's end is compared with its start.
const COMPARED: usize = 4 * BLOCK;

/// Whether the climb's end is worse than its start, by more than chance: a climb may be led astray
/// by gradients without a variance.
fn worse_than_start(target: &mut Target, family: &dyn Family, options: &Options, state: &State) -> bool {
    let standard = family.standard();
    if state.lambda == standard {
        return false;
    }
    if state.lambda.iter().any(|x| !x.is_finite()) {
        return true;
    }
    let names = crate::base_names(target.density().names(), family.n_base());
    let noise = Noise::new(options.seed, Purpose::FreshDraws, names.iter().map(String::as_str));
    let mut eps = Lanes::zeros(family.n_base(), COMPARED);
    noise.fill(u64::MAX, 0, &mut eps);
    let mut estimator = Estimator::new(Gradient::default(), family.dim(), COMPARED);
    let mut terms = |lambda: &[f64]| estimator.terms(target, &state.coordinates, family, lambda, &eps);
    let (start, end) = (terms(&standard), terms(&state.lambda));
    let good = |terms: &[f64]| terms.iter().filter(|t| t.is_finite()).count();
    let goods = (good(&start), good(&end));
    // in what was climbed
    let (start, end) = match options.gradient {
        Gradient::DoublyReparameterized => {
            let bounds = |terms: Vec<f64>| terms.chunks(options.draws(family.dim())).map(bound).collect();
            (bounds(start), bounds(end))
        }
        _ => (start, end),
    };
    let differences = start.iter().zip(&end).map(|(s, e)| s - e);
    let (gain, mcse, _) = mean_and_mcse(differences);
    gain > 3.0 * mcse && goods.0 >= goods.1
}
