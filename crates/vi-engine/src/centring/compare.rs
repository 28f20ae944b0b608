//! Which of several parameterisations suits the family: the one whose ELBO is highest after a short
//! climb. They all have the same evidence, so a higher ELBO is a smaller divergence.

use numerics::lanes::Lanes;

use crate::error::FitError;
use crate::estimator::mean_and_mcse;
use crate::log_density::LogDensity;
use crate::observe::Observer;
use crate::options::Options;
use crate::proposal::Proposal;
use crate::start::StartReport;
use crate::state::State;
use crate::stream::Purpose;
use crate::target::Target;
use crate::{BLOCK, answer, families, fit};

/// Steps of the climb after which parameterisations are compared.
const STEPS: u64 = 512;
/// Draws on which they are.
const DRAWS: usize = 8 * BLOCK;

/// A fit that has begun.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Where it is: [`crate::resume`] goes on from there.
    pub state: State,
    /// Of q, where the density is finite: unconstrained, `[dim]` x draws.
    pub draws: Lanes,
    /// On those, with its standard error; `-inf` where more than a few had no density.
    pub elbo: f64,
    pub elbo_mcse: f64,
}

impl Trial {
    /// Is its ELBO higher than another's, beyond chance?
    pub fn beats(&self, other: &Trial) -> bool {
        self.elbo - other.elbo > 3.0 * self.elbo_mcse.hypot(other.elbo_mcse)
    }
}

/// Begins to fit `density`, as far as it gets before it is cancelled: from a start that is searched for, or from draws in its coordinates of an
/// approximation that is there, with what the search for that one found.
///
/// A search in coordinates that are not non-centred can go astray: where the scale goes to zero, they have
/// a spike of no mass.
///
/// # Errors
/// As [`crate::fit`]; draws without a spread.
pub fn trial(
    density: &mut dyn LogDensity,
    options: &Options,
    from: Option<(&Lanes, &StartReport)>,
    observer: &mut dyn Observer,
) -> Result<Trial, FitError> {
    let state = fit::begun(density, options, from, STEPS, observer)?;
    let dim = density.dim();
    let family = families::of(options.family_for(dim), density, dim);
    let lambda = state.lambda.clone();
    let q = Proposal { family: &*family, coordinates: state.coordinates.clone(), lambda };
    let mut target = Target::new(density);
    let draws = q.draw(&mut target, options.seed, Purpose::Centring, DRAWS, false, observer);
    let ratios = draws.log_ratios();
    let (elbo, elbo_mcse, good) = mean_and_mcse(ratios.iter().copied());
    if good == 0 {
        return Err(FitError::NoFiniteDraw { reason: target.tally.commonest() });
    }
    let elbo = if 20 * (DRAWS - good) > DRAWS { f64::NEG_INFINITY } else { elbo };
    let sound: Vec<usize> = (0..DRAWS).filter(|&lane| ratios[lane].is_finite()).collect();
    Ok(Trial { state, draws: answer::pick(&draws.z, &sound), elbo, elbo_mcse })
}
