//! Rewrites of whole graphs, run on a model before its derivative is taken.
//!
//! Each pass is one file: it takes a graph and the nodes wanted of it, and gives an equal graph that
//! computes them with less work per row. "Equal" is tested: on random and on example graphs, values
//! and gradients agree to 1e-12. What a pass did, or would not do and why, is noted for
//! `fit explain`. Folding and stable forms happen as nodes are built (`build`), common
//! subexpressions never exist (nodes are interned), and every pass drops dead code.

mod factor;
mod group_level;
mod linear;
mod simplify;
mod split_rows;
pub(crate) mod substitute;
mod suffstat;

use crate::interpret::evaluate;
use crate::ir::{DimId, Graph, NodeId, Size};
use crate::value::{Bindings, Value};

/// A graph and the nodes wanted of it, rewritten.
type Run = fn(&Graph, &[NodeId], &mut Context<'_>) -> (Graph, Vec<NodeId>);

/// A named rewrite.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// As `fit explain` calls it.
    pub name: &'static str,
    /// What it does, in one line.
    pub what: &'static str,
    run: Run,
}

/// Every pass, in the order in which [`optimise`] runs them.
pub const PASSES: &[Pass] = &[
    Pass { name: "simplify", what: "rebuilds every node in its simplest form", run: simplify::run },
    Pass {
        name: "split_rows",
        what: "computes each branch of a draw-free choice for its own rows only",
        run: split_rows::run,
    },
    Pass {
        name: "group_level",
        what: "computes what depends on a row's group alone once a group",
        run: group_level::run,
    },
    Pass {
        name: "sufficient_statistics",
        what: "replaces row sums of squares by a triangular factor of the data",
        run: suffstat::run,
    },
];

/// What a pass did, or left alone and why.
#[derive(Clone, PartialEq, Debug)]
pub struct Note {
    pub pass: &'static str,
    pub what: String,
}

/// What passes may know beside the graph, and their notes.
struct Context<'a> {
    /// Sizes and data, where they are known already.
    bindings: Option<&'a Bindings>,
    pass: &'static str,
    notes: Vec<Note>,
}

impl Context<'_> {
    fn note(&mut self, what: String) {
        self.notes.push(Note { pass: self.pass, what });
    }
}

/// The values of a draw-free node, where the data are known.
fn values(g: &Graph, n: NodeId, bindings: Option<&Bindings>) -> Option<Vec<f64>> {
    match evaluate(g, &[n], bindings?).ok()?.pop()? {
        Value::Real(v) => Some(v),
        Value::Index(_) => None,
    }
}

/// The size of a dimension, where it is known.
fn size(g: &Graph, d: DimId, bindings: Option<&Bindings>) -> Option<usize> {
    match g.dim(d).size {
        Size::Fixed(n) => Some(n),
        Size::Bound => bindings?.sizes.get(g.dim(d).name.trim_end_matches('\'')).copied(),
        Size::Count(mask) => Some(values(g, mask, bindings)?.iter().filter(|&&x| x != 0.0).count()),
    }
}

/// An equal graph that costs less.
#[derive(Debug)]
pub struct Optimised {
    pub graph: Graph,
    /// The nodes that were asked for, with the types they had.
    pub outputs: Vec<NodeId>,
    pub notes: Vec<Note>,
}

/// Runs every pass. Inputs keep their ids, names and order; `outputs` keep their types. With
/// `bindings` the passes know sizes and data, and leave alone what would not pay; without, they
/// assume many rows and few of anything else. The bindings must be those the program is planned with.
pub fn optimise(graph: &Graph, outputs: &[NodeId], bindings: Option<&Bindings>) -> Optimised {
    let names: Vec<&str> = PASSES.iter().map(|p| p.name).collect();
    optimise_with(graph, outputs, bindings, &names)
}

/// [`optimise`] with the named passes only, in their order in [`PASSES`].
pub fn optimise_with(
    graph: &Graph,
    outputs: &[NodeId],
    bindings: Option<&Bindings>,
    names: &[&str],
) -> Optimised {
    let mut context = Context { bindings, pass: "", notes: Vec::new() };
    let mut now = (graph.clone(), outputs.to_vec());
    for pass in PASSES.iter().filter(|p| names.contains(&p.name)) {
        context.pass = pass.name;
        now = (pass.run)(&now.0, &now.1, &mut context);
    }
    Optimised { graph: now.0, outputs: now.1, notes: context.notes }
}
