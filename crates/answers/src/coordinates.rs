//! Where unknowns stand among a target's inputs, and unconstrained coordinates of values that are given.

use graph::ir::{Graph, Kind, NodeId, Varies};
use model::Target;

/// Coordinates that stand for the ends of a support, where a value rounds to one.
const LOW_END: f64 = -700.0;
const HIGH_END: f64 = 36.0;

/// Where the coordinates of a site are among the inputs.
pub fn first_of_site(target: &Target, site: usize) -> usize {
    target.sites[..site].iter().map(|s| s.coordinates.len()).sum()
}

/// Where the values of a continuous state are among the inputs.
pub fn first_of_state(target: &Target, k: usize) -> usize {
    let before: usize = target.states[..k].iter().map(|s| target.count(&s.dims)).sum();
    first_of_site(target, target.sites.len()) + before
}

/// The unconstrained coordinates of a site from its values, which are a new input of `g`.
pub fn inverse(target: &Target, g: &mut Graph, site: usize, varies: Varies) -> NodeId {
    let s = &target.sites[site];
    let given = g.input(&given_name(&s.name), varies, Kind::Real, &s.dims);
    let u = s.bijector.inverse(g, given);
    let dims = g.ty(s.unconstrained).dims.clone();
    g.expand(u, &dims)
}

/// What the input of a site's values is called.
pub fn given_name(site: &str) -> String {
    format!("(given {site})")
}

/// A coordinate that can be worked with: a value that rounds to an end of its support has an infinite
/// one.
pub fn off_the_edge(u: f64) -> f64 {
    if u == f64::INFINITY {
        HIGH_END
    } else if u == f64::NEG_INFINITY {
        LOW_END
    } else {
        u
    }
}
