//! The parameterisation that the ELBO asks for: lambda climbs it along with the family.
//!
//! Source: M. I. Gorinova, D. Moore and M. D. Hoffman, Automatic reparameterisation of probabilistic
//! programs, ICML 2020, section 4.2 (variationally inferred parameterisation).

use std::sync::Arc;

use numerics::lanes::Lanes;

use super::snapped;
use crate::coordinates::{Coordinates, Scale};
use crate::error::FitError;
use crate::families::{self, Beside};
use crate::log_density::LogDensity;
use crate::observe::Observer;
use crate::options::Options;
use crate::pattern::Arrow;
use crate::pieces;
use crate::refine::{self, Climb};
use crate::start::{self, StartReport};
use crate::state::State;
use crate::target::Target;

/// Where the shares begin: draws to begin from are in the coordinates of this.
pub const HALF_WAY: f64 = 0.5;

/// Lambda for the last coordinates of `density`, which are parameters of a model, between 0 and 1, and no
/// random variables: as many for each latent as `lengths` says. `draws` are of an approximation, in
/// the coordinates that the others have where all lambda are [`HALF_WAY`].
///
/// # Errors
/// Cancelled; draws without a spread.
pub fn learn(
    density: &mut dyn LogDensity,
    lengths: &[usize],
    draws: &Lanes,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Vec<Vec<f64>>, FitError> {
    let n: usize = lengths.iter().sum();
    let dim = density.dim() - n;
    let family = families::of(options.family_for(dim), density, dim);
    let coordinates = start::whitened(draws, &*family)?;
    let both = Beside { family: &*family, n };
    let mut target = Target::new(density);
    let mut state =
        State::begin(&both, options, beside(coordinates, n), StartReport::default(), target.tally.clone());
    let ending =
        pieces::climb(&mut target, &both, options, &mut state, observer, |target, state, observer| {
            refine::climb(target, &both, options, state, observer)
        });
    if ending == Climb::Interrupted {
        return Err(FitError::InterruptedAtStart);
    }
    let mut values = both.values(&state.lambda).into_iter();
    Ok(lengths.iter().map(|&n| snapped(values.by_ref().take(n).collect())).collect())
}

/// Coordinates with `n` more that are left as they are.
fn beside(coordinates: Coordinates, n: usize) -> Coordinates {
    let Coordinates { mut centre, mut scale } = coordinates;
    for _ in 0..n {
        let before = centre.len();
        centre.resize(before + 1, 0.0);
        match &mut scale {
            Scale::Diagonal(d) => d.push(1.0),
            Scale::Lower(l) => {
                l.resize(l.len() + before, 0.0);
                l.push(1.0);
            }
            // each a block of its own, which no global moves
            Scale::Arrow(arrow, l) => {
                let mut blocks = arrow.blocks().to_vec();
                blocks.push(Some(before));
                l.resize(l.len() + arrow.n_global(), 0.0);
                l.push(1.0);
                *arrow = Arc::new(Arrow::new(blocks));
            }
        }
    }
    Coordinates { centre, scale }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Silent;
    use crate::options::FamilyChoice;
    use crate::stream::{Noise, Purpose};
    use crate::testing::Function;

    /// theta_j ~ normal(mu, tau), y_j ~ normal(theta_j, s_j), mu ~ normal(0, 10), with tau known. Given
    /// the data E[theta_j | mu] has the slope 1 - r in mu with r = tau^2 / (tau^2 + s_j^2), so u_j is
    /// independent of mu where lambda_j = r tau^(lambda_j - 1): mean field is exact there and nowhere else.
    fn learned(tau: f64, sds: &'static [f64]) -> Vec<f64> {
        let y = [1.0, -2.0, 0.5];
        let n = sds.len();
        let mut density = Function::new(1 + 2 * n, move |z: &[f64], g: &mut [f64]| {
            let mu = z[0];
            let mut value = -0.005 * mu * mu;
            g[0] = -0.01 * mu;
            for (j, s) in sds.iter().enumerate() {
                let (u, l) = (z[1 + j], z[1 + n + j]);
                let stretch = tau.powf(1.0 - l);
                let theta = mu + stretch * (u - l * mu);
                let (e, r) = ((theta - mu) / tau, (y[j] - theta) / (s * s));
                value += -0.5 * e * e - 0.5 * (y[j] - theta) * r + (1.0 - l) * tau.ln();
                let by_lambda = -tau.ln() * (theta - mu) - stretch * mu;
                g[0] += r * (1.0 - stretch * l) + e * stretch * l / tau;
                g[1 + j] = (r - e / tau) * stretch;
                g[1 + n + j] = (r - e / tau) * by_lambda - tau.ln();
            }
            value
        });
        let options =
            Options { family: Some(FamilyChoice::MeanField), steps: Some(4000), ..Options::default() };
        let (mut draws, spread) =
            (Lanes::zeros(1 + n, 64), Noise::new(1, Purpose::Start, ["a", "b", "c", "d"]));
        spread.fill(0, 0, &mut draws);
        learn(&mut density, &[n], &draws, &options, &mut Silent).unwrap().remove(0)
    }

    #[test]
    fn mean_field_learns_where_it_is_exact() {
        let sds: &[f64] = &[0.7, 1.0, 2.5];
        for (found, s) in learned(1.5, sds).iter().zip(sds) {
            let r = 1.5 * 1.5 / (1.5 * 1.5 + s * s);
            let exact = (0..50).fold(r, |lambda, _| r * 1.5f64.powf(lambda - 1.0));
            assert!((found - exact).abs() < 0.03, "{found}, exactly {exact}");
        }
    }
}
