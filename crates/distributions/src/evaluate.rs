//! Numbers from the emitted graph: there is one implementation of each density.

use graph::interpret::evaluate;
use graph::ir::{Graph, Kind, NodeId, Role, Size, Varies};
use graph::value::{Bindings, Value};

use crate::distribution::{Distribution, Tails};
use crate::error::DistributionError;
use crate::params::Params;

/// ln p at each of `x`, for constant parameters: -inf outside the support.
///
/// # Errors
/// As [`Distribution::log_prob`].
pub fn log_prob_at(
    distribution: &dyn Distribution,
    params: &Params<f64>,
    x: &[f64],
) -> Result<Vec<f64>, DistributionError> {
    let [log_prob] = at_points(distribution, params, x, |g, p, x| Ok([distribution.log_prob(g, p, x)?]))?;
    Ok(log_prob)
}

/// ln P(X <= x) and ln P(X > x) at each of `x`, for constant parameters of a continuous law; `x` in
/// the support or at its ends.
///
/// # Errors
/// A law without tails: improper or discrete.
pub fn tails_at(
    distribution: &dyn Distribution,
    params: &Params<f64>,
    x: &[f64],
) -> Result<Vec<Tails<f64>>, DistributionError> {
    let scalar: Option<Vec<Tails<f64>>> = x.iter().map(|&x| distribution.scalar_tails(params, x)).collect();
    if let Some(tails) = scalar {
        return Ok(tails);
    }
    let [log_cdf, log_survival] = at_points(distribution, params, x, |g, p, x| {
        let none =
            DistributionError::NotTruncatable { distribution: distribution.name(), why: "it has no cdf" };
        let tails = distribution.tails(g, p, x).ok_or(none)?;
        Ok([tails.log_cdf, tails.log_survival])
    })?;
    Ok(log_cdf
        .into_iter()
        .zip(log_survival)
        .map(|(log_cdf, log_survival)| Tails { log_cdf, log_survival })
        .collect())
}

/// One of the two, `log_survival` where `upper`: half the work.
pub(crate) fn tail_at(
    distribution: &dyn Distribution,
    params: &Params<f64>,
    x: &[f64],
    upper: bool,
) -> Result<Vec<f64>, DistributionError> {
    let pick = |t: Tails<f64>| if upper { t.log_survival } else { t.log_cdf };
    let scalar: Option<Vec<f64>> =
        x.iter().map(|&x| distribution.scalar_tails(params, x).map(pick)).collect();
    if let Some(tail) = scalar {
        return Ok(tail);
    }
    let [tail] = at_points(distribution, params, x, |g, p, x| {
        let none =
            DistributionError::NotTruncatable { distribution: distribution.name(), why: "it has no cdf" };
        let tails = distribution.tails(g, p, x).ok_or(none)?;
        Ok([if upper { tails.log_survival } else { tails.log_cdf }])
    })?;
    Ok(tail)
}

/// What `emit` makes of constant parameters and a vector of points, evaluated.
fn at_points<const N: usize>(
    distribution: &dyn Distribution,
    params: &Params<f64>,
    x: &[f64],
    emit: impl FnOnce(&mut Graph, &Params<NodeId>, NodeId) -> Result<[NodeId; N], DistributionError>,
) -> Result<[Vec<f64>; N], DistributionError> {
    let mut g = Graph::new();
    let points = g.add_dim("points", Role::Plain, Size::Fixed(x.len()));
    // Not data: then the support is checked.
    let at = g.input("x", Varies::Lane, Kind::Real, &[points]);
    let params = params.map(|v| g.constant(v));
    let outputs = emit(&mut g, &params, at)?.map(|n| g.expand(n, &[points]));
    let mut bindings = Bindings::default();
    bindings.data.insert("x".into(), Value::Real(x.to_vec()));
    let failed = |why: String| DistributionError::Evaluation { distribution: distribution.name(), why };
    let values = evaluate(&g, &outputs, &bindings).map_err(|e| failed(e.to_string()))?;
    let mut values = values.into_iter().map(|v| match v {
        Value::Real(v) => v,
        Value::Index(_) => unreachable!("densities are reals"),
    });
    Ok(std::array::from_fn(|_| values.next().expect("one value an output")))
}
