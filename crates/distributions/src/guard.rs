//! No density outside the domain of a parameter, whatever its formula gives there.

use graph::ir::{Binary, Graph, NodeId, Varies};

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
            Domain::Positive | Domain::NonNegative | Domain::Count => (0.0, f64::INFINITY),
            Domain::Unit => (0.0, 1.0),
            Domain::Real | Domain::Bound => continue,
        };
        let (low, high) = range_with(g, given.value, data);
        // a + (b - a) sigmoid(u) may round past b by a unit in the last place.
        if low < lower {
            let bound = g.constant(lower);
            let out = g.binary(Binary::Lt, given.value, bound);
            density = emit::impossible_where(g, out, density);
        }
        if high > upper + 4.0 * f64::EPSILON {
            let bound = g.constant(upper);
            let out = g.binary(Binary::Lt, bound, given.value);
            density = emit::impossible_where(g, out, density);
        }
    }
    density
}
