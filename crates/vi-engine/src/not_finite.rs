//! Where a log density that is finite nowhere first goes wrong, in the model's words.

use std::collections::HashSet;
use std::fmt;

use graph::interpret::evaluate;
use graph::ir::{Graph, NodeId, Op};
use graph::value::Value;
use model::Target;

/// A node that is NaN or infinite although its arguments are finite.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotFinite {
    /// The part of the model that it belongs to: `prior of w`.
    pub origin: String,
    /// `ln(-1) is NaN`
    pub what: String,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.what)
    }
}

/// The first node of the log density whose value at `z` (`[dim]`, unconstrained) is NaN or infinite
/// although its arguments are finite. `None` where there is none.
pub fn first_not_finite(target: &Target, z: &[f64]) -> Option<NotFinite> {
    let mut bindings = target.bindings.clone();
    let mut rest = z;
    for site in &target.sites {
        let (own, next) = rest.split_at_checked(site.coordinates.len())?;
        bindings.data.insert(site.name.clone(), Value::Real(own.to_vec()));
        rest = next;
    }
    let g = &target.graph;
    let nodes = needed_by(g, target.log_joint);
    let values = evaluate(g, &nodes, &bindings).ok()?;
    let real = |n: NodeId| match values.get(nodes.binary_search(&n).ok()?)? {
        Value::Real(v) => Some(v.as_slice()),
        Value::Index(_) => None,
    };
    nodes.iter().find_map(|&n| {
        let node = g.node(n);
        let values = real(n)?;
        let element = values.iter().position(|x| !x.is_finite())?;
        let arguments: Vec<&[f64]> = node.args.iter().filter_map(|&a| real(a)).collect();
        let here = |a: &&[f64]| at(a, element, values.len());
        let finite = |a: &&[f64]| here(a).map_or(a.iter().all(|x| x.is_finite()), f64::is_finite);
        if matches!(node.op, Op::Const(_)) || !arguments.iter().all(finite) {
            return None;
        }
        let shown = |a: &&[f64]| here(a).map_or("..".into(), model::rounded);
        let arguments: Vec<String> = arguments.iter().map(shown).collect();
        let found = model::rounded(values[element]);
        let origin = target.origins[node.origin.0 as usize].clone();
        Some(NotFinite { origin, what: format!("{}({}) is {found}", node.op.name(), arguments.join(", ")) })
    })
}

/// The value of an argument at an element of a result of `n`, where it is clear which that is.
fn at(argument: &[f64], element: usize, n: usize) -> Option<f64> {
    match argument {
        [one] => Some(*one),
        all if all.len() == n => Some(all[element]),
        _ => None,
    }
}

/// Everything that `n` is computed from, in order; of results that come several at once only those.
fn needed_by(g: &Graph, n: NodeId) -> Vec<NodeId> {
    let (mut found, mut open) = (HashSet::from([n]), vec![n]);
    while let Some(n) = open.pop() {
        open.extend(g.node(n).args.iter().filter(|a| found.insert(**a)));
    }
    let several = |n: &NodeId| matches!(g.node(*n).op, Op::Scan(_) | Op::Foreign(_));
    let mut all: Vec<NodeId> = found.into_iter().filter(|n| !several(n)).collect();
    all.sort_unstable();
    all
}
