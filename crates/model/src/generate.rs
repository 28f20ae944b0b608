//! How the random variables of a model are drawn: their laws as samplers over nodes of the graph.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use graph::ir::{DimId, NodeId};

/// Uniform numbers, each strictly between 0 and 1.
pub type Uniforms<'a> = dyn FnMut() -> f64 + 'a;

/// Why a value could not be drawn, in one sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct DrawError(pub String);

/// A law with its parameters, the same for every draw made with it.
pub trait Sampler: Debug + Send + Sync {
    /// As in a specification: `student_t`.
    fn name(&self) -> &str;

    /// False where there is nothing to draw from: the density has no finite integral.
    fn is_proper(&self) -> bool;

    /// What one thread draws with.
    fn start(&self) -> Box<dyn Drawing + '_>;
}

/// A law at work.
pub trait Drawing {
    /// One value into `out` (matrices row by row): NaN where a parameter lies outside its domain. With
    /// a window, given that it lies between its ends, both included.
    ///
    /// # Errors
    /// A law without draws.
    fn draw(
        &mut self,
        params: Elements<'_>,
        window: Option<(f64, f64)>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DrawError>;

    /// The elements of `out` that are not `known`, drawn given those that are: NaN where a parameter lies
    /// outside its domain.
    ///
    /// # Errors
    /// A law that has no such draws.
    fn draw_given(
        &mut self,
        params: Elements<'_>,
        known: &[bool],
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DrawError>;
}

/// The parameters of one value, one after the other: each has its elements along the law's own
/// dimensions, or a lone one that is the same for all.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    pub values: &'a [f64],
    /// Where each parameter ends.
    pub ends: &'a [usize],
}

impl<'a> Elements<'a> {
    pub fn at(&self, k: usize) -> &'a [f64] {
        let start = if k == 0 { 0 } else { self.ends[k - 1] };
        &self.values[start..self.ends[k]]
    }
}

/// A law, and what modifies it. Parameters vary over dimensions of the values, over the law's own, and
/// over the values of discrete latents, of which the one that was drawn is taken.
#[derive(Clone, Debug)]
pub enum Recipe {
    Law {
        sampler: std::sync::Arc<dyn Sampler>,
        params: Vec<NodeId>,
        /// The law's own dimensions, of which parameters may have elements.
        own: Vec<DimId>,
    },
    /// Between two ends.
    Truncated {
        base: Box<Recipe>,
        lower: Option<NodeId>,
        upper: Option<NodeId>,
        /// Only the observed values are: it is how they came into the data.
        by_entry: bool,
    },
    /// Ascending along a dimension; `alike` where every element has the same law.
    Ordered { base: Box<Recipe>, along: DimId, alike: bool },
    /// One of several laws, each with its weight.
    Mixture { weights: Vec<NodeId>, components: Vec<Recipe> },
    /// One of several laws along a dimension.
    MixtureOver { weights: NodeId, component: Box<Recipe>, over: DimId },
    /// A value that is computed from [`Noise`].
    Computed {
        value: NodeId,
        /// The name of a law without draws that it would need.
        improper: Option<String>,
    },
}

impl Recipe {
    /// The nodes it reads.
    pub fn nodes(&self) -> Vec<NodeId> {
        let mut out = Vec::new();
        self.collect(&mut out);
        out
    }

    fn collect(&self, out: &mut Vec<NodeId>) {
        match self {
            Recipe::Law { params, .. } => out.extend(params),
            Recipe::Truncated { base, lower, upper, .. } => {
                out.extend(lower.iter().chain(upper));
                base.collect(out);
            }
            Recipe::Ordered { base, .. } => base.collect(out),
            Recipe::Mixture { weights, components } => {
                out.extend(weights);
                components.iter().for_each(|c| c.collect(out));
            }
            Recipe::MixtureOver { weights, component, .. } => {
                out.push(*weights);
                component.collect(out);
            }
            Recipe::Computed { value, .. } => out.push(*value),
        }
    }

    /// The name of a law in it that has no draws.
    pub fn improper(&self) -> Option<&str> {
        match self {
            Recipe::Law { sampler, .. } => (!sampler.is_proper()).then(|| sampler.name()),
            Recipe::Truncated { base, .. } | Recipe::Ordered { base, .. } => base.improper(),
            Recipe::Mixture { components, .. } => components.iter().find_map(Recipe::improper),
            Recipe::MixtureOver { component, .. } => component.improper(),
            Recipe::Computed { improper, .. } => improper.as_deref(),
        }
    }
}

/// A random variable and its law.
#[derive(Clone, Debug)]
pub struct Variable {
    /// As in the specification; an observed column may have its table before it.
    pub name: String,
    /// The dimensions of its values, in memory order.
    pub dims: Vec<DimId>,
    /// Those of them that one value has.
    pub event: Vec<DimId>,
    pub law: Recipe,
    /// Of discrete variables that the law depends on.
    pub lookups: Lookups,
}

/// By row of a table the element that it looks up along a plate of a discrete variable.
#[derive(Clone, PartialEq, Debug)]
pub struct Lookup {
    pub rows: DimId,
    pub plate: DimId,
    /// By row.
    pub at: Vec<u32>,
}

/// By the dimension of a discrete variable's values: along which plates its elements are looked up. Along the
/// others they are those of the same place.
pub type Lookups = BTreeMap<DimId, Vec<Arc<Lookup>>>;

/// What a model's variables stand for.
#[derive(Clone, Debug)]
pub enum Role {
    /// A continuous latent: its position in [`Target::sites`](crate::Target::sites).
    Site(usize),
    /// Nulls that are inferred: a site with the values of these rows of the observed column.
    Nulls {
        site: usize,
        rows: Vec<usize>,
    },
    /// A discrete latent, or a discrete state: its position in [`Target::discrete`](crate::Target::discrete).
    Discrete(usize),
    /// A continuous state that is summed out: its position in [`Target::states`](crate::Target::states).
    /// Its law is that of the state without any data.
    State(usize),
    Observed(Observed),
}

/// An observed variable.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The data: numbers, or positions of outcomes that count from 1 when drawn.
    pub value: NodeId,
    /// 0 where the value is a null.
    pub present: Option<NodeId>,
    /// 0 where something that the law needs is a null.
    pub possible: Option<NodeId>,
    /// Not 0 where only a bound of the value is known.
    pub censored: Option<NodeId>,
    /// 0 where the law does not speak of the value (`where:`).
    pub within: Option<NodeId>,
    pub stands: Stands,
}

/// Where observed values stand in the tables.
#[derive(Clone, PartialEq, Debug)]
pub enum Stands {
    /// In columns (by position in their table), one an element of the dimension beside the rows.
    Columns { table: usize, columns: Vec<usize> },
    /// In one column, as a label of the outcome.
    Outcomes { table: usize, column: usize, labels: Vec<String> },
    /// They are computed from the data by a let.
    Computed,
}

/// A random variable of a model with what it stands for.
#[derive(Clone, Debug)]
pub struct Generated {
    pub variable: Variable,
    pub role: Role,
}

/// Random numbers of their own for each draw, by which what is summed out along the rows is drawn: a
/// lane input of the graph. The log density does not depend on it.
#[derive(Clone, Debug)]
pub struct Noise {
    /// The name of the input.
    pub name: String,
    pub input: NodeId,
    pub dims: Vec<DimId>,
    pub law: NoiseLaw,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoiseLaw {
    /// Standard normal.
    Normal,
    /// Strictly between 0 and 1.
    Uniform,
}

/// A continuous state of a recurrence that the density sums out.
#[derive(Clone, Debug)]
pub struct State {
    pub name: String,
    /// A lane input with its values, for what depends on them; the log density does not.
    pub input: NodeId,
    pub dims: Vec<DimId>,
    /// Its values given all that is seen, computed from the latents, the data and noise.
    pub given_data: NodeId,
}

impl State {
    /// The names of its `n` elements, counted from 1.
    pub fn columns(&self, n: usize) -> Vec<String> {
        (1..=n).map(|e| format!("{}[{e}]", self.name)).collect()
    }
}

/// How a discrete latent is drawn back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Back {
    /// By ln of the weights of its values given the other latents, over its plates and values, and over
    /// the values of latents that are drawn back before it.
    LogWeights(NodeId),
    /// The position of its value, which is computed from noise: over its plates, and over the values of
    /// latents that are drawn back before it.
    Computed(NodeId),
}

impl Back {
    pub fn node(self) -> NodeId {
        match self {
            Back::LogWeights(n) | Back::Computed(n) => n,
        }
    }
}

/// A discrete latent or state that is summed out, and how it is drawn back.
#[derive(Clone, Debug)]
pub struct Discrete {
    pub name: String,
    /// The dimensions of its plates, in memory order.
    pub dims: Vec<DimId>,
    /// As in [`Site::labels`](crate::Site::labels); none where it varies by row.
    pub labels: Vec<String>,
    /// The dimension that carries its values.
    pub values: DimId,
    /// The value of its first element.
    pub first: f64,
    pub back: Back,
    /// Of variables that are drawn back before it.
    pub lookups: Lookups,
    /// Its draws are reported, not only its probabilities.
    pub reported: bool,
}

impl Discrete {
    /// The names of its `n` elements; those that vary by row are counted from 1.
    pub fn columns(&self, n: usize) -> Vec<String> {
        if self.labels.is_empty() {
            return (1..=n).map(|e| format!("{}[{e}]", self.name)).collect();
        }
        crate::target::element_names(&self.name, &self.labels)
    }
}

/// A quantity that is made of discrete variables, among others: computed from the values that are drawn.
#[derive(Clone, Debug)]
pub struct MadeOfDiscrete {
    /// Its value for each combination of theirs.
    pub variable: Variable,
    /// As in [`Site::labels`](crate::Site::labels).
    pub labels: Vec<String>,
}

impl MadeOfDiscrete {
    /// The names of its elements.
    pub fn columns(&self) -> Vec<String> {
        crate::target::element_names(&self.variable.name, &self.labels)
    }
}

/// Where the numbers of a column enter the graph.
#[derive(Clone, PartialEq, Debug)]
pub enum Carrier {
    /// As they are.
    Values { input: String },
    /// As element `at` of `n`, rows outermost or innermost.
    Part { input: String, at: usize, n: usize, rows_first: bool },
    /// As positions among labels.
    Positions { input: String, labels: Vec<String> },
}

/// A table of the model, and what its columns enter the graph as.
#[derive(Clone, Debug)]
pub struct Rows {
    pub name: String,
    pub dim: DimId,
    /// Rows are labelled (`key:`).
    pub is_key: bool,
    pub n_rows: usize,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// By column (position).
    pub carriers: Vec<(usize, Carrier)>,
    /// Where the rows are in order: of each the one before it, in its series.
    pub before: Option<Vec<Option<u32>>>,
}
