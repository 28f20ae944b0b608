//! Maps from unconstrained coordinates onto supports: one file a kind.

mod affine;
mod cholesky_correlation;
mod interval;
mod ordered;
mod positive_definite;
mod simplex;
mod triangle;

pub(crate) use positive_definite::{factor, known_diagonal};

use std::sync::Arc;

use graph::ir::{DimId, Graph, NodeId, Role, Size};
use model::{Bijector, Support};

pub use affine::Affine;
pub use interval::Identity;

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
/// sigmoid; of the others one file each. The sizes of a value's dimensions must be known.
///
/// # Errors
/// Integers have none, nor has an interval without inside, nor what has a single value: a simplex of one,
/// a correlation matrix of one.
pub fn bijector_for(
    g: &mut Graph,
    support: Support,
    place: &Place,
) -> Result<Arc<dyn Bijector>, DistributionError> {
    let none = DistributionError::NoBijector { support };
    // Constants, unless a node is given.
    let mut ends = |lower: f64, upper: f64| {
        let inside = lower < upper && lower < f64::INFINITY && upper > f64::NEG_INFINITY;
        let mut end = |at: f64, node: Option<NodeId>| node.or(at.is_finite().then(|| g.constant(at)));
        inside.then(|| (end(lower, place.bounds.0), end(upper, place.bounds.1)))
    };
    let found: Option<Arc<dyn Bijector>> = match (support, place.event) {
        (Support::Interval { lower, upper }, _) => ends(lower, upper).map(interval::onto),
        (Support::Ordered { lower, upper }, &[dim]) => ends(lower, upper)
            .and_then(|ends| ordered::Ordered::new(g, place.name, dim, ends))
            .map(|b| Arc::new(b) as _),
        (Support::Simplex, &[dim]) => simplex::Simplex::new(g, place.name, dim).map(|b| Arc::new(b) as _),
        (Support::CholeskyCorrelation, &[row, col]) => {
            cholesky_correlation::CholeskyCorrelation::new(g, place.name, (row, col))
                .map(|b| Arc::new(b) as _)
        }
        (Support::PositiveDefinite, &[row, col]) => {
            positive_definite::PositiveDefinite::new(g, place.name, (row, col)).map(|b| Arc::new(b) as _)
        }
        _ => None,
    };
    found.ok_or(none)
}

/// A dimension of a bijector, called after the variable and what it is for: the one that is there, so
/// that a bijector made twice is the same.
fn dimension(g: &mut Graph, name: &str, what: &str, n: usize) -> DimId {
    let size = Size::Fixed(n);
    let mut called = format!("{name} {what}");
    match g.find_dim(&called) {
        Some(d) if g.dim(d).size == size => return d,
        Some(_) => called = format!("{called} of {n}"),
        None => {}
    }
    g.find_dim(&called).unwrap_or_else(|| g.add_dim(&called, Role::Plain, size))
}
