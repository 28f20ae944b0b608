//! Maps from unconstrained coordinates onto supports: one file a kind.

mod affine;
mod interval;
mod simplex;

use std::sync::Arc;

use graph::ir::{DimId, Graph, NodeId};
use model::{Bijector, Support};

pub use affine::Affine;

use crate::error::DistributionError;

/// What a bijector must know beside the support.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// Of the variable: its coordinates' dimension is called after it.
    pub name: &'a str,
    /// The dimensions of one value.
    pub event: &'a [DimId],
    /// Ends that are not constants.
    pub bounds: (Option<NodeId>, Option<NodeId>),
}

/// The bijector onto a support: of an interval the identity, an exponential from a bound, or a scaled
/// sigmoid.
///
/// # Errors
/// Integers have none, nor has an interval without inside.
pub fn bijector_for(
    g: &mut Graph,
    support: Support,
    place: &Place,
) -> Result<Arc<dyn Bijector>, DistributionError> {
    let none = Err(DistributionError::NoBijector { support });
    match (support, place.event) {
        (Support::Interval { lower, upper }, _) => {
            if lower.is_nan() || upper.is_nan() || lower >= upper {
                return none;
            }
            let mut end = |at: f64, node: Option<NodeId>| node.or(at.is_finite().then(|| g.constant(at)));
            let ends = (end(lower, place.bounds.0), end(upper, place.bounds.1));
            Ok(interval::onto(ends))
        }
        (Support::Simplex, &[dim]) => {
            simplex::Simplex::new(g, place.name, dim).map_or(none, |s| Ok(Arc::new(s)))
        }
        _ => none,
    }
}
