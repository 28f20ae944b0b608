//! Sums over the rows of a table, estimated by some of the rows: the same graph with other data, and a scale.
//!
//! What depends on data alone is computed once, over the whole table (the mean of a column is that of all rows);
//! what varies by lane must be made of its own row's data alone, up to the sums.

use std::collections::{BTreeSet, HashMap};

use crate::derivative::AdError;
use crate::interpret::evaluate;
use crate::ir::{DimId, Graph, InputId, Kind, NodeId, Op, Origin, Varies};
use crate::layout::reachable;
use crate::passes::substitute::substitute;
use crate::program::PlanError;
use crate::value::{Bindings, Value};
use crate::vjp::value_and_grad;

/// The data input by which the sums are multiplied.
const SCALE: &str = "(rows that a row of the batch stands for)";

/// Why sums over rows cannot be estimated by some of them.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// An unknown that has a value for each row.
    #[error("`{0}` has a value of its own for each row")]
    Local(String),
    /// With where it comes from.
    #[error("`{op}` takes several rows together")]
    Together { op: String, origin: Origin },
    #[error("no part of the density is a sum over these rows")]
    None,
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// A term of a density: summed over all of its plates.
pub type Term<'a> = (NodeId, &'a [DimId]);

/// A density whose sums over rows are those of some rows, scaled.
#[derive(Debug)]
pub struct Batches {
    pub graph: Graph,
    pub density: NodeId,
    dim: DimId,
    n_rows: usize,
    bindings: Bindings,
}

impl Batches {
    /// The sum of `terms` and `rest`, for batches of the rows `dim`.
    ///
    /// # Errors
    /// Terms that some rows do not tell.
    pub fn new(
        g: &Graph,
        terms: &[Term<'_>],
        rest: NodeId,
        dim: DimId,
        bindings: &Bindings,
    ) -> Result<Batches, BatchError> {
        let name = g.dim(dim).name.clone();
        let n_rows = *bindings.sizes.get(&name).unwrap_or(&0);
        let by_row = |n: &NodeId| g.ty(*n).has(dim);
        let roots: Vec<NodeId> = terms.iter().map(|t| t.0).filter(by_row).collect();
        if roots.is_empty() || roots.iter().all(|n| g.varies(*n) == Varies::Data) {
            return Err(BatchError::None);
        }
        let outputs: Vec<NodeId> = terms.iter().map(|t| t.0).chain([rest]).collect();
        let upstream: BTreeSet<NodeId> = reachable(g, &outputs).into_iter().collect();
        for &n in upstream.iter().filter(|n| g.varies(**n) != Varies::Data) {
            apart(g, n, dim)?;
        }
        // What is known before any draw, where draws begin.
        let of_rows = depends_on(g, &upstream, dim);
        let mut bindings = bindings.clone();
        let mut with_inputs = g.clone();
        let mut replaced = HashMap::new();
        for n in frontier(g, &upstream).into_iter().filter(|n| of_rows.contains(n)) {
            let value = evaluate(g, &[n], &bindings)?.pop().expect("one for one");
            let input = format!("(known) {}", n.index());
            bindings.data.insert(input.clone(), value);
            let ty = g.ty(n);
            replaced.insert(n, with_inputs.input(&input, Varies::Data, ty.kind, &ty.dims));
        }
        let (mut graph, outputs) = substitute(&with_inputs, &outputs, &replaced);
        let scale = graph.input(SCALE, Varies::Data, Kind::Real, &[]);
        let (mut density, mut sums) = (outputs[terms.len()], graph.constant(0.0));
        for (&node, (_, plates)) in outputs.iter().zip(terms) {
            let sum = graph.sum(node, plates);
            match graph.ty(node).has(dim) {
                true => sums = graph.add(sums, sum),
                false => density = graph.add(density, sum),
            }
        }
        let sums = graph.mul(scale, sums);
        let density = graph.add(density, sums);
        Ok(Batches { graph, density, dim, n_rows, bindings })
    }

    /// The density with its gradient by these inputs.
    ///
    /// # Errors
    /// An op without derivative.
    pub fn differentiated(
        &self,
        inputs: impl IntoIterator<Item = InputId>,
    ) -> Result<(Graph, Vec<NodeId>), AdError> {
        let at = |id: InputId| {
            let of = |n: &NodeId| self.graph.node(*n).op == Op::Input(id);
            (0..self.graph.nodes().len() as u32).map(NodeId).find(of).expect("inputs are kept")
        };
        let wrt: Vec<NodeId> = inputs.into_iter().map(at).collect();
        let out = value_and_grad(&self.graph, self.density, &wrt, &[])?;
        let outputs = std::iter::once(out.value).chain(out.grads).collect();
        Ok((out.graph, outputs))
    }

    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// What `graph` is planned with to see these rows alone.
    pub fn bindings(&self, rows: &[usize]) -> Bindings {
        let name = &self.graph.dim(self.dim).name;
        let mut out = Bindings { sizes: self.bindings.sizes.clone(), data: HashMap::new() };
        out.sizes.insert(name.clone(), rows.len());
        for input in self.graph.inputs().iter().filter(|i| i.varies == Varies::Data) {
            let Some(value) = self.bindings.data.get(&input.name) else { continue };
            let value = match input.ty.dims.iter().position(|d| *d == self.dim) {
                None => value.clone(),
                Some(at) => {
                    let size = |d: &DimId| self.bindings.sizes.get(&self.graph.dim(*d).name).copied();
                    let fixed = |d: &DimId| size(d).or_else(|| self.graph.fixed_size(*d)).unwrap_or(1);
                    let inner: usize = input.ty.dims[at + 1..].iter().map(fixed).product();
                    some(value, rows, self.n_rows, inner)
                }
            };
            out.data.insert(input.name.clone(), value);
        }
        let scale = self.n_rows as f64 / rows.len() as f64;
        out.data.insert(SCALE.into(), Value::Real(vec![scale]));
        out
    }
}

/// Some rows of an array, whose rows stand `inner` elements apart.
fn some(value: &Value, rows: &[usize], n_rows: usize, inner: usize) -> Value {
    fn of<T: Copy>(v: &[T], rows: &[usize], n_rows: usize, inner: usize) -> Vec<T> {
        let block = n_rows * inner;
        let starts =
            (0..v.len() / block.max(1)).flat_map(|b| rows.iter().map(move |r| b * block + r * inner));
        starts.flat_map(|start| v[start..start + inner].iter().copied()).collect()
    }
    match value {
        Value::Real(v) => Value::Real(of(v, rows, n_rows, inner)),
        Value::Index(v) => Value::Index(of(v, rows, n_rows, inner)),
    }
}

/// Nodes that depend on the rows, be it on how many there are.
fn depends_on(g: &Graph, nodes: &BTreeSet<NodeId>, dim: DimId) -> BTreeSet<NodeId> {
    let mut out = BTreeSet::new();
    for &n in nodes {
        let node = g.node(n);
        let is_size = matches!(node.op, Op::Size(d) if d == dim);
        if is_size || node.ty.has(dim) || node.args.iter().any(|a| out.contains(a)) {
            out.insert(n);
        }
    }
    out
}

/// Nodes of data alone, but for inputs, that others are made of; and indices are inputs.
fn frontier(g: &Graph, nodes: &BTreeSet<NodeId>) -> Vec<NodeId> {
    let is_data = |n: NodeId| g.varies(n) == Varies::Data;
    let mut out = BTreeSet::new();
    for &n in nodes.iter().filter(|n| !is_data(**n)) {
        let args = g.node(n).args.iter().copied();
        out.extend(args.filter(|&a| is_data(a) && !matches!(g.node(a).op, Op::Input(_) | Op::Const(_))));
    }
    out.into_iter().collect()
}

/// Is a node that varies by lane, over these rows or made of what does, made row by row?
fn apart(g: &Graph, n: NodeId, dim: DimId) -> Result<(), BatchError> {
    let node = g.node(n);
    let here = node.ty.has(dim);
    if let Op::Input(id) = node.op {
        return match here {
            true => Err(BatchError::Local(g.inputs()[id.0 as usize].name.clone())),
            false => Ok(()),
        };
    }
    let of_rows = node.args.iter().any(|a| g.ty(*a).has(dim) && g.varies(*a) != Varies::Data);
    let points_here = node.args.iter().any(|a| g.ty(*a).kind == Kind::Index(dim));
    let elementwise = match &node.op {
        Op::Unary(_) | Op::Binary(_) | Op::LogTail(_) | Op::Select | Op::Gather => true,
        Op::Reduce(_, over) | Op::Contract { over } => !over.contains(&dim),
        Op::ScatterAdd => !g.ty(node.args[1]).has(dim),
        Op::Element { dim: d, .. } | Op::Place { dim: d, .. } | Op::Shift { dim: d, .. } => *d != dim,
        Op::Slice { dim: d, into, .. } | Op::Pad { dim: d, from: into, .. } => *d != dim && *into != dim,
        Op::Concat { parts, into } => *into != dim && parts.iter().flatten().all(|d| *d != dim),
        Op::Rename(map) => map.iter().all(|(a, b)| *a != dim && *b != dim),
        Op::Cholesky { row, col } | Op::TriSolve { row, col, .. } => *row != dim && *col != dim,
        _ => !here && !of_rows,
    };
    if (elementwise && !points_here) || !(here || of_rows || points_here) {
        return Ok(());
    }
    Err(BatchError::Together { op: node.op.name().into(), origin: node.origin })
}
