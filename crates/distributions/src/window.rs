//! A law of which a part is seen: truncation to ends that vary, and censoring.
//!
//! Everything is taken from the tails on the log scale, on the side where they do not cancel, so that
//! windows and censored rows far out keep their digits.

use graph::ir::{Binary, Graph, NodeId};

use crate::distribution::{Distribution, Tails};
use crate::emit;
use crate::error::DistributionError;
use crate::params::Params;

/// Ends as nodes, where there are any.
pub type Ends = (Option<NodeId>, Option<NodeId>);

/// What is known of each element: conditions as nodes, zero or not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// It is at most x.
    pub left: Option<NodeId>,
    /// It is above x.
    pub right: Option<NodeId>,
    /// It lies between two ends; where they are equal it is known. An end at which the law's support has
    /// its own (0, infinity), or beyond, is none: then it is anywhere in the window from the other.
    pub interval: Option<(NodeId, NodeId)>,
}

/// Emits ln p(x) given that x lies between `ends`, elementwise; -inf outside.
///
/// # Errors
/// A law whose tails the graph cannot express.
pub fn truncated(
    g: &mut Graph,
    law: &dyn Distribution,
    params: &Params<NodeId>,
    x: NodeId,
    ends: Ends,
) -> Result<NodeId, DistributionError> {
    let mass = log_mass(g, law, params, ends)?;
    let density = law.log_prob(g, params, x)?;
    let density = g.sub(density, mass);
    Ok(emit::between(g, x, ends, density))
}

/// Emits the log likelihood of what was seen of each element of `x`, where the law is truncated to
/// `ends`: the density of one that is known, the probability of the rest of the window of another.
///
/// # Errors
/// A law whose tails the graph cannot express.
pub fn censored(
    g: &mut Graph,
    law: &dyn Distribution,
    params: &Params<NodeId>,
    x: NodeId,
    seen: &Seen,
    ends: Ends,
) -> Result<NodeId, DistributionError> {
    let mut density = law.log_prob(g, params, x)?;
    if let Some((lower, upper)) = seen.interval {
        let known = g.binary(Binary::Eq, lower, upper);
        let between = log_interval(g, law, params, (lower, upper), ends)?;
        // Where it is not known an end may have no density; the branch is not taken.
        let at = law.log_prob(g, params, lower)?;
        density = g.select(known, at, between);
    }
    if let Some(left) = seen.left {
        let below = log_mass(g, law, params, (ends.0, Some(x)))?;
        density = g.select(left, below, density);
    }
    if let Some(right) = seen.right {
        let above = log_mass(g, law, params, (Some(x), ends.1))?;
        density = g.select(right, above, density);
    }
    if ends == (None, None) {
        return Ok(density);
    }
    let mass = log_mass(g, law, params, ends)?;
    Ok(g.sub(density, mass))
}

/// Emits ln P(between `lower` and `upper`), without an end of the support itself: a tail there is 0 or 1,
/// but what it varies with is not finite.
fn log_interval(
    g: &mut Graph,
    law: &dyn Distribution,
    params: &Params<NodeId>,
    (lower, upper): (NodeId, NodeId),
    ends: Ends,
) -> Result<NodeId, DistributionError> {
    let (first, last) = law.widest_support().range();
    let (first_end, last_end) = (g.constant(first), g.constant(last));
    let (open_below, open_above) =
        (g.binary(Binary::Le, lower, first_end), g.binary(Binary::Le, last_end, upper));
    // Other numbers stand for ends that are none, or one: their branches are not taken.
    let under = if first.is_finite() {
        let sum = g.add(first_end, upper);
        g.scale(0.5, sum)
    } else {
        g.add_const(upper, -1.0)
    };
    let over = g.add_const(lower, 1.0);
    let one = g.binary(Binary::Le, upper, lower);
    let lower = g.select(open_below, under, lower);
    let upper = g.select(one, over, upper);
    let upper = g.select(open_above, over, upper);

    let (from, to) = (tails(g, law, params, Some(lower))?, tails(g, law, params, Some(upper))?);
    let (bottom, top) = (tails(g, law, params, ends.0)?, tails(g, law, params, ends.1)?);
    let closed = between(g, from, to);
    let (below, above, whole) = (between(g, bottom, to), between(g, from, top), between(g, bottom, top));
    let without_top = g.select(open_below, whole, above);
    let with_top = g.select(open_below, below, closed);
    Ok(g.select(open_above, without_top, with_top))
}

/// Emits ln P(between `ends`).
///
/// # Errors
/// A law whose tails the graph cannot express.
pub fn log_mass(
    g: &mut Graph,
    law: &dyn Distribution,
    params: &Params<NodeId>,
    (lower, upper): Ends,
) -> Result<NodeId, DistributionError> {
    let (below, above) = (tails(g, law, params, lower)?, tails(g, law, params, upper)?);
    Ok(between(g, below, above))
}

fn tails(
    g: &mut Graph,
    law: &dyn Distribution,
    params: &Params<NodeId>,
    at: Option<NodeId>,
) -> Result<Option<Tails<NodeId>>, DistributionError> {
    let varies = DistributionError::TruncationVaries { distribution: law.name() };
    at.map(|at| law.tails(g, params, at).ok_or(varies)).transpose()
}

/// ln of the probability above one point and below another, from the tails at them.
pub(crate) fn between(g: &mut Graph, below: Option<Tails<NodeId>>, above: Option<Tails<NodeId>>) -> NodeId {
    match (below, above) {
        (None, None) => g.constant(0.0),
        (Some(a), None) => a.log_survival,
        (None, Some(b)) => b.log_cdf,
        (Some(a), Some(b)) => {
            let upper = difference(g, a.log_survival, b.log_survival);
            let lower = difference(g, b.log_cdf, a.log_cdf);
            // The side whose larger term is smaller cancels least.
            let is_upper = g.binary(Binary::Lt, a.log_survival, b.log_cdf);
            g.select(is_upper, upper, lower)
        }
    }
}

/// ln(e^a - e^b) for a >= b.
fn difference(g: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
    let d = g.sub(a, b);
    let rest = emit::ln_1m_exp_neg(g, d);
    g.add(a, rest)
}
