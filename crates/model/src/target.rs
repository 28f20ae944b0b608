//! The compiled model: one differentiable graph, with its sites.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use graph::ir::{DimId, Graph, InputId, NodeId, Size, Varies};
use graph::value::Bindings;

use crate::generate::{Discrete, Generated, Lookup, MadeOfDiscrete, Noise, Rows, State, Variable};
use crate::support::{Bijector, Support};

/// A continuous latent variable: an unconstrained input of the graph and its constrained value.
#[derive(Clone, Debug)]
pub struct Site {
    /// As in the specification (`vmax`).
    pub name: String,
    /// The unconstrained input, one value a lane and element.
    pub input: InputId,
    /// The input's node.
    pub unconstrained: NodeId,
    /// The value on the user's scale: the bijector applied.
    pub value: NodeId,
    pub dims: Vec<DimId>,
    pub support: Support,
    pub bijector: Arc<dyn Bijector>,
    /// A location-scale law whose location or scale is unknown: the bijector may be chosen between
    /// centred and non-centred.
    pub centring: bool,
    /// One label an element of the value, in memory order: `["treated", "untreated"]`; a lone empty
    /// one for a scalar.
    pub labels: Vec<String>,
    /// The names of the unconstrained coordinates, in memory order: those of the elements where the
    /// bijector is elementwise, else numbered, as `w.1` or `w[a].1`.
    pub coordinates: Vec<String>,
}

/// A named quantity to report: a site's value or a `let` that depends on latents.
#[derive(Clone, Debug)]
pub struct Named {
    pub name: String,
    pub node: NodeId,
    pub dims: Vec<DimId>,
    /// As in [`Site::labels`]; where it varies by row, those of one row's elements.
    pub labels: Vec<String>,
    /// Does it vary over a table's rows (reported row-wise, not in `posterior.parquet`)?
    pub by_row: bool,
    /// The discrete variable of which it is the probability of a value.
    pub outcome_of: Option<String>,
    /// In a prediction, the same given the values that other discrete variables are drawn to have: what is known of
    /// these is not all in its data.
    pub given: Option<Box<Variable>>,
}

impl Named {
    /// The column of each element: `theta[Choate]`, `L[2,1]`, or the bare name of a scalar.
    pub fn columns(&self) -> Vec<String> {
        element_names(&self.name, &self.labels)
    }

    /// Of each column, the element of the discrete variable of which it is a probability: `z[a]`.
    pub fn outcomes(&self) -> Vec<Option<String>> {
        match &self.outcome_of {
            Some(of) => element_names(of, &self.labels).into_iter().map(Some).collect(),
            None => vec![None; self.labels.len()],
        }
    }
}

impl Site {
    pub fn columns(&self) -> Vec<String> {
        element_names(&self.name, &self.labels)
    }
}

/// What the elements of `name` with these labels are called: `theta[Choate]`, or the bare name where
/// the label is empty.
pub fn element_names(name: &str, labels: &[String]) -> Vec<String> {
    labels.iter().map(|l| if l.is_empty() { name.to_string() } else { format!("{name}[{l}]") }).collect()
}

/// What an observed variable says of the latents, value by value.
#[derive(Clone, Debug)]
pub struct Likelihood {
    /// The variable: its position in [`Target::variables`].
    pub variable: usize,
    pub terms: Terms,
}

/// The factors that a likelihood falls into, given the latents.
#[derive(Clone, PartialEq, Debug)]
pub enum Terms {
    /// ln p of each, over dimensions of the variable, or the plate of `by`, in memory order; it does not count where the value is
    /// masked. Beside those of an event, a term lacks the dimensions of the values that share a discrete
    /// latent which is summed out.
    Each {
        log_prob: NodeId,
        /// A discrete latent is summed out of it.
        summed: bool,
        /// Rows that look up the same element of a discrete latent that is summed out share a term.
        by: Vec<Arc<Lookup>>,
    },
    /// There is one term for everything.
    Whole(Whole),
}

/// Why values have no terms of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whole {
    /// The states of a series are summed out: each value depends on those before it.
    Series,
    /// A law of all rows together.
    Rows,
    /// All share a discrete latent that is summed out.
    Latent,
    /// Other variables share the discrete latents that are summed out.
    Shared,
}

impl Whole {
    /// In a sentence: `the law is of all rows together`.
    pub fn why(self) -> &'static str {
        match self {
            Whole::Series => {
                "the states of its series are summed out, so its rows have no terms of their own"
            }
            Whole::Rows => "its law is of all rows together",
            Whole::Latent => "all its rows share a discrete latent, which is summed out",
            Whole::Shared => "it shares a discrete latent, which is summed out, with other likelihoods",
        }
    }
}

/// What the engine fits: everything on one graph, with the data it is bound to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The model's name.
    pub name: String,
    pub graph: Graph,
    /// Log of the joint density of latents and data, constants included, *without* Jacobian: the
    /// density of the constrained values.
    pub log_joint: NodeId,
    /// What it is the sum of: each a node, and the plates along which that is summed.
    pub terms: Vec<(NodeId, Vec<DimId>)>,
    /// Sum of the bijectors' log Jacobians: `log_joint + log_det_jac` is the unconstrained density.
    pub log_det_jac: NodeId,
    /// In the order of the graph's lane inputs: packed one after the other they are the
    /// unconstrained vector.
    pub sites: Vec<Site>,
    /// Quantities to report, sites' values first.
    pub generate: Vec<Named>,
    /// Of each observed variable.
    pub likelihoods: Vec<Likelihood>,
    /// Every random variable, latents before what is observed, otherwise in the order of the file.
    pub variables: Vec<Generated>,
    /// Discrete latents in the order in which they are drawn back.
    pub discrete: Vec<Discrete>,
    /// What to report of them beside: lets that do not vary by row.
    pub made_of_discrete: Vec<MadeOfDiscrete>,
    /// Continuous states that are summed out. Their inputs follow those of the sites, and the noise
    /// follows them.
    pub states: Vec<State>,
    pub noise: Vec<Noise>,
    pub tables: Vec<Rows>,
    /// Terms of the density that belong to no variable, by name.
    pub factors: Vec<(String, NodeId)>,
    /// Names whose draws are wanted row by row.
    pub drawn: BTreeSet<String>,
    /// The units of whatever has one, by the names of sites, of what is reported and what is observed.
    pub units: BTreeMap<String, String>,
    /// By column, or let, at which a basis is asked for: how many of its values lie outside the range that the
    /// basis was made for; none where it was made for these.
    pub beyond: BTreeMap<String, usize>,
    /// Inputs with the functions of a basis, each with the node at whose values they were taken: draws that
    /// the node depends on do not change them.
    pub bases: Vec<(NodeId, NodeId)>,
    pub bindings: Bindings,
    /// Where nodes come from, for people: indexed by a node's `Origin`.
    pub origins: Vec<String>,
}

impl Target {
    /// Names of the unconstrained coordinates, in order.
    pub fn coordinates(&self) -> Vec<String> {
        self.sites.iter().flat_map(|s| s.coordinates.iter().cloned()).collect()
    }

    /// Elements of all lane inputs: the unconstrained vector, then the states and the noise.
    pub fn n_inputs(&self) -> usize {
        let lane = self.graph.inputs().iter().filter(|i| i.varies == Varies::Lane);
        lane.map(|i| self.count(&i.ty.dims)).sum()
    }

    /// The number of elements of a dimension; a primed one has its base's.
    pub fn size(&self, d: DimId) -> usize {
        let dim = self.graph.dim(d);
        match dim.size {
            Size::Fixed(n) => n,
            _ => {
                let bound = |name: &str| self.bindings.sizes.get(name).copied();
                bound(&dim.name).or_else(|| bound(dim.name.trim_end_matches('\''))).unwrap_or(0)
            }
        }
    }

    /// The unit of a column of results, such as `theta[Choate]`.
    pub fn unit_of(&self, column: &str) -> Option<&str> {
        let name = column.split('[').next().unwrap_or(column);
        self.units.get(name).map(String::as_str)
    }

    /// Elements over `dims`.
    pub fn count(&self, dims: &[DimId]) -> usize {
        dims.iter().map(|&d| self.size(d)).product()
    }
}
