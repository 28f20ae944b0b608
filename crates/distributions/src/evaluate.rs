//! Numbers from the emitted graph: there is one implementation of each density.

use graph::interpret::evaluate;
use graph::ir::{Graph, Kind, NodeId, Role, Size, Varies};
use graph::value::{Bindings, Value};
use graph::vjp::value_and_grad;

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

/// `-(d ln T/dtheta) / (d ln T/dx)` for every parameter, T whichever tail is the smaller one. `None` where
/// the law has no tails in the graph.
pub(crate) fn implicit_by_tails(
    params: &Params<f64>,
    x: f64,
    emit: impl FnOnce(&mut Graph, &Params<NodeId>, NodeId) -> Option<Tails<NodeId>>,
) -> Option<Vec<f64>> {
    let mut g = Graph::new();
    let mut bindings = Bindings::default();
    let mut wrt = Vec::new();
    let mut lane = |g: &mut Graph, value: f64| {
        let name = format!("v{}", wrt.len());
        let n = g.input(&name, Varies::Lane, Kind::Real, &[]);
        bindings.data.insert(name, Value::Real(vec![value]));
        wrt.push(n);
        n
    };
    let at = lane(&mut g, x);
    let given = params.map(|v| lane(&mut g, v));
    let tails = emit(&mut g, &given, at)?;
    let number = |v: &Value| match v {
        Value::Real(v) => v[0],
        Value::Index(_) => unreachable!("tails are reals"),
    };
    let values = evaluate(&g, &[tails.log_cdf, tails.log_survival], &bindings).ok()?;
    let lower = number(&values[0]) < number(&values[1]);
    let smaller = if lower { tails.log_cdf } else { tails.log_survival };
    let vg = value_and_grad(&g, smaller, &wrt, &[]).ok()?;
    let grads: Vec<f64> = evaluate(&vg.graph, &vg.grads, &bindings).ok()?.iter().map(number).collect();
    Some(grads[1..].iter().map(|d| -d / grads[0]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::lookup;

    /// The way that serves any law, beside what each law knows of itself.
    #[test]
    fn derivatives_of_tails_are_those_of_closed_forms() {
        let laws: &[(&str, &[f64], &[f64])] = &[
            ("normal", &[0.3, 1.7], &[-9.0, 0.0, 4.0]),
            ("lognormal", &[0.4, 0.7], &[0.01, 1.5, 30.0]),
            ("exponential", &[2.3], &[1e-3, 0.4, 9.0]),
            ("half_normal", &[2.5], &[0.1, 9.0]),
            ("uniform", &[-1.5, 4.0], &[-1.4, 0.5, 3.9]),
            ("gamma", &[2.5, 0.8], &[1e-3, 2.0, 60.0]),
            ("inverse_gamma", &[4.5, 2.0], &[0.02, 0.5, 30.0]),
            ("beta", &[2.0, 3.5], &[1e-4, 0.4, 0.99]),
            ("student_t", &[5.5, -0.4, 1.3], &[-40.0, 0.1, 7.0]),
            ("half_student_t", &[4.5, 1.2], &[1e-3, 1.0, 70.0]),
        ];
        for &(name, given, points) in laws {
            let law = lookup(name).unwrap();
            let params = Params::bind(law, given, &[]).unwrap();
            for &x in points {
                let closed = law.implicit(&params, x).unwrap();
                let found = implicit_by_tails(&params, x, |g, p, x| law.tails(g, p, x)).unwrap();
                assert_eq!(closed.len(), found.len(), "{name}");
                for (closed, found) in closed.iter().zip(&found) {
                    let error = (closed - found).abs() / (closed.abs() + 1e-300);
                    assert!(error < 1e-11, "{name} at {x}: {found} against {closed}");
                }
            }
        }
    }
}
