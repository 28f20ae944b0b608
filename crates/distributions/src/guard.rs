//! No density outside the domain of a parameter, whatever its formula gives there.

use graph::ir::{Binary, DimId, Graph, NodeId, Reduction, Varies};

use crate::distribution::Distribution;
use crate::domain::Domain;
use crate::emit;
use crate::params::Params;
use crate::range::range_with;

/// `density`, or -inf where a parameter that depends on a latent leaves its domain and the formula
/// would not tell ([`Parameter::finite_outside`](crate::Parameter::finite_outside)).
///
/// Nothing is emitted where the structure of the parameter keeps it inside; `data` gives numbers
/// that the elements of a draw-free node lie between. Parameters that are data are the compiler's to
/// check.
pub fn in_domain(
    g: &mut Graph,
    distribution: &dyn Distribution,
    params: &Params<NodeId>,
    density: NodeId,
    data: &dyn Fn(&Graph, NodeId) -> (f64, f64),
) -> NodeId {
    let mut density = density;
    for (slot, given) in params.iter() {
        let parameter = distribution.slots()[slot].alternatives[given.alternative];
        if !distribution.finite_outside(slot, given.alternative) || g.varies(given.value) == Varies::Data {
            continue;
        }
        let (lower, upper) = match parameter.domain {
            Domain::Positive | Domain::NonNegative | Domain::Probabilities | Domain::Count => {
                (0.0, f64::INFINITY)
            }
            Domain::Unit => (0.0, 1.0),
            Domain::Real
            | Domain::Bound
            | Domain::Ascending
            | Domain::PositiveDefinite
            | Domain::CholeskyFactor => continue,
        };
        let (low, high) = range_with(g, given.value, data);
        // a + (b - a) sigmoid(u) may round past b by a unit in the last place.
        if low < lower {
            let bound = g.constant(lower);
            let out = g.binary(Binary::Lt, given.value, bound);
            let out = anywhere(g, out, params.event());
            density = emit::impossible_where(g, out, density);
        }
        if high > upper + 4.0 * f64::EPSILON {
            let bound = g.constant(upper);
            let out = g.binary(Binary::Lt, bound, given.value);
            let out = anywhere(g, out, params.event());
            density = emit::impossible_where(g, out, density);
        }
    }
    density
}

/// `density`, or -inf where `scale` is negative at any element that `density` does not have: of a
/// formula that a scale enters as a factor of noise, or squared, and so does not tell.
///
/// `data` as in [`in_domain`].
pub fn scale_in_domain(
    g: &mut Graph,
    scale: NodeId,
    density: NodeId,
    data: &dyn Fn(&Graph, NodeId) -> (f64, f64),
) -> NodeId {
    if g.varies(scale) == Varies::Data || range_with(g, scale, data).0 >= 0.0 {
        return density;
    }
    let zero = g.constant(0.0);
    let out = g.binary(Binary::Lt, scale, zero);
    let own: Vec<DimId> = g.ty(out).dims.iter().copied().filter(|&d| !g.ty(density).has(d)).collect();
    let out = anywhere(g, out, &own);
    emit::impossible_where(g, out, density)
}

/// Does the condition hold for any element of a value?
fn anywhere(g: &mut Graph, condition: NodeId, event: &[DimId]) -> NodeId {
    let own: Vec<DimId> = event.iter().copied().filter(|&d| g.ty(condition).has(d)).collect();
    if own.is_empty() { condition } else { g.reduce(Reduction::Max, condition, &own) }
}
