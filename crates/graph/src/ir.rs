//! The typed IR: nodes over named dimensions, interned as they are built.
//!
//! A [`Graph`] is a list of nodes in topological order. Every node has a [`Ty`]: the *set* of named
//! dimensions it varies over (kept sorted: row dimensions first, then by id, which is also the
//! memory order, last dimension innermost) and whether it holds reals or indices into a dimension.
//! Elementwise operations line operands up by name; the result has the union of their dimensions,
//! so broadcasting is never written. Monte-Carlo draws are not in the IR: an input is marked as
//! [`Varies::Lane`] and the executor lifts whatever depends on it.
//!
//! [`Graph::push`] checks types and interns: equal nodes are the same node, so common
//! subexpressions never exist. It does not rewrite; the smart constructors in `build` do.

use std::collections::HashMap;
use std::sync::Arc;

use crate::foreign::Foreign;
use crate::log_tail::LogTail;
use crate::types::{self, TypeError};

/// A node of a graph; nodes are numbered in topological order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

/// A dimension of a graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct DimId(pub u32);

impl NodeId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl DimId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a dimension is for; decides what may be streamed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// The rows of a table: may be long, and is evaluated in blocks.
    Row,
    /// Anything else: levels, features, states; stored whole.
    Plain,
}

/// How many elements a dimension has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Size {
    /// Known from the specification.
    Fixed(usize),
    /// Told by the data when a program is planned.
    Bound,
    /// As many as there are non-zeros in a draw-free mask (rows split by a condition).
    Count(NodeId),
}

/// A named dimension.
#[derive(Clone, PartialEq, Debug)]
pub struct Dim {
    pub name: String,
    pub role: Role,
    pub size: Size,
}

/// What an input changes with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Varies {
    /// Bound once with the data; whatever depends on data alone is computed once.
    Data,
    /// Given at each evaluation, the same for all lanes; its cotangent is summed over lanes.
    Shared,
    /// Given at each evaluation, one value per lane.
    Lane,
}

/// A graph's argument.
#[derive(Clone, PartialEq, Debug)]
pub struct Input {
    pub name: String,
    pub varies: Varies,
    pub ty: Ty,
}

/// Index of an input in [`Graph::inputs`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct InputId(pub u32);

/// What the elements are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    Real,
    /// Zero-based positions in a dimension; always data.
    Index(DimId),
    /// Several results (of a scan or a foreign op); only [`Op::Output`] may use it.
    Tuple,
}

/// A node's type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ty {
    pub kind: Kind,
    /// Sorted: rows first, then by id.
    pub dims: Vec<DimId>,
}

impl Ty {
    pub fn scalar() -> Ty {
        Ty { kind: Kind::Real, dims: Vec::new() }
    }
    pub fn has(&self, d: DimId) -> bool {
        self.dims.contains(&d)
    }
}

/// A constant, compared by its bits so that it can be interned.
#[derive(Clone, Copy, Debug)]
pub struct Real(pub f64);

impl PartialEq for Real {
    fn eq(&self, other: &Real) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}
impl Eq for Real {}
impl std::hash::Hash for Real {
    fn hash<H: std::hash::Hasher>(&self, h: &mut H) {
        self.0.to_bits().hash(h)
    }
}

/// Elementwise operations of one argument; documented one by one in `ops`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unary {
    Neg,
    Abs,
    /// -1, 0 or 1; derivative zero.
    Sign,
    Recip,
    Sqrt,
    Square,
    Exp,
    Ln,
    Log1p,
    Expm1,
    Tanh,
    Sigmoid,
    /// ln(1 + e^x)
    Softplus,
    Sin,
    Cos,
    Erf,
    Erfc,
    /// ln of the standard normal's cdf, accurate in the far tail.
    LogNdtr,
    Lgamma,
    Digamma,
    Trigamma,
    /// ln Gamma(x) - (x - 1/2) ln x + x - ln(2 pi)/2: what differences of lgamma leave of it.
    LgammaRest,
    /// digamma(x) - ln x + 1/(2x), the derivative of the one above.
    DigammaRest,
    /// trigamma(x) - 1/x - 1/(2x^2), the derivative of the one above.
    TrigammaRest,
    Atan,
    /// ln(e^-x I0(x)) for x >= 0, I0 the modified Bessel function.
    LogBesselI0e,
    /// 1 - I1(x)/I0(x) for x >= 0: how far the mean resultant length of a von Mises law is from one.
    BesselGap,
    Floor,
    /// 1 - x for x in {0, 1}.
    Not,
    /// The value with its derivative cut.
    Detach,
}

/// Elementwise operations of two arguments.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Max,
    Min,
    /// `(n, a)`: ln(1 + n/a) - n/(a + n) for n >= 0, a > 0.
    Log1pGap,
    /// Comparisons give 0 or 1; derivative zero.
    Lt,
    Le,
    Eq,
}

/// Reductions over named dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reduction {
    Sum,
    Max,
    Min,
}

/// Operations. The type rule of each is in `types`, its meaning in `interpret`, its derivative in
/// `vjp` and `jvp`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    Const(Real),
    Input(InputId),
    /// The number of elements of a dimension, as a real.
    Size(DimId),
    /// 0, 1, ..., n-1 along a dimension, as reals.
    Iota(DimId),
    /// 1 at every element of these dimensions: writes a broadcast out where an op needs one.
    Ones(Vec<DimId>),
    Unary(Unary),
    Binary(Binary),
    /// A tail of a law, elementwise: see [`log_tail`](crate::log_tail).
    LogTail(LogTail),
    /// `(c, a, b)`: a where c is not zero, else b. The branch not taken never contributes, nor do
    /// its derivatives (a NaN there stays there).
    Select,
    Reduce(Reduction, Vec<DimId>),
    /// `(a, b)`: sum over `over` of a*b, elementwise in every other dimension.
    Contract {
        over: Vec<DimId>,
    },
    /// `(x, i)`: x's dimension, indexed by i, is replaced by i's dimensions.
    Gather,
    /// `(x, i)`: adds the elements of x, along i's dimensions, into the dimension i points into.
    ScatterAdd,
    /// One element of a dimension, which is dropped.
    Element {
        dim: DimId,
        at: usize,
    },
    /// Zeros over `dim` but for the argument at `at`: the transpose of `Element`.
    Place {
        dim: DimId,
        at: usize,
    },
    /// `len(into)` elements of `dim` from `start`, as dimension `into`.
    Slice {
        dim: DimId,
        start: usize,
        into: DimId,
    },
    /// The transpose of `Slice`: `from` at `start` of `dim`, zeros elsewhere.
    Pad {
        from: DimId,
        start: usize,
        dim: DimId,
    },
    /// Arguments one after the other along `into`: part k contributes its dimension `parts[k]`, or,
    /// where that is `None`, one element.
    Concat {
        parts: Vec<Option<DimId>>,
        into: DimId,
    },
    /// `out[i] = x[i - by]`, and `fill` where that is outside.
    Shift {
        dim: DimId,
        by: i64,
        fill: Real,
    },
    /// Dimensions renamed, all at once: `[(d, d'), (d', d)]` transposes.
    Rename(Vec<(DimId, DimId)>),
    /// The rows of x where a draw-free mask is not zero, as dimension `into` (draw-free arguments).
    Filter {
        dim: DimId,
        into: DimId,
    },
    /// Lower Cholesky factor of x over `(row, col)`, of which only the lower triangle is read; NaN
    /// where x is not positive definite. Derivatives take x for symmetric: a cotangent comes back
    /// symmetric, a tangent must be.
    Cholesky {
        row: DimId,
        col: DimId,
    },
    /// `(L, b)`: solves L y = b (or L' y = b) for b over `col`'s partner: L is lower triangular over
    /// `(row, col)`; b and the result vary over `row`.
    TriSolve {
        row: DimId,
        col: DimId,
        transposed: bool,
    },
    /// `(x_1 .. x_k)` draw-free columns over `over`: the triangular factor R, `(k x k)` over
    /// `(row, col)`, with R'R = X'X; by groups where an index is the last argument. See `suffstat`.
    GramFactor {
        over: DimId,
        row: DimId,
        col: DimId,
        grouped: bool,
    },
    /// See [`Scan`].
    Scan(Arc<Scan>),
    Foreign(ForeignRef),
    /// One result of a tuple.
    Output(usize),
}

/// A recurrence along a dimension.
///
/// Arguments, in order: `n_carry` initial carries, then the per-step inputs (which vary over `over`),
/// then captured values. The body is a graph whose inputs are the carries, the step's slices and the
/// captured values, in that order, and whose `outputs` are the next carries followed by the step's
/// emissions. Results: the final carries, then the emissions stacked over `over`. With `reverse` the
/// steps run from the last to the first. The body shares the dimension table of its graph: it is
/// made by [`Graph::with_dims_of`], and what it adds is added to the graph when the scan is pushed (so
/// the graph must not grow its own meanwhile; that is refused). An input of the body
/// varies at least as much as what is passed to it, a carry as its successor too.
#[derive(Debug)]
pub struct Scan {
    pub over: DimId,
    pub n_carry: usize,
    pub n_step: usize,
    pub reverse: bool,
    pub body: Graph,
    pub outputs: Vec<NodeId>,
}

impl PartialEq for Scan {
    fn eq(&self, other: &Scan) -> bool {
        self.over == other.over
            && self.n_carry == other.n_carry
            && self.n_step == other.n_step
            && self.reverse == other.reverse
            && self.outputs == other.outputs
            && self.body.nodes == other.body.nodes
            && self.body.inputs == other.body.inputs
    }
}
impl Eq for Scan {}
impl std::hash::Hash for Scan {
    fn hash<H: std::hash::Hasher>(&self, h: &mut H) {
        (self.over, self.n_carry, self.n_step, self.reverse).hash(h);
        self.outputs.hash(h);
        self.body.nodes.len().hash(h);
    }
}

/// A shared foreign op, equal only to itself.
#[derive(Clone, Debug)]
pub struct ForeignRef(pub Arc<dyn Foreign>);

impl PartialEq for ForeignRef {
    fn eq(&self, other: &ForeignRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
impl Eq for ForeignRef {}
impl std::hash::Hash for ForeignRef {
    fn hash<H: std::hash::Hasher>(&self, h: &mut H) {
        (Arc::as_ptr(&self.0) as *const ()).hash(h)
    }
}

/// Where a node comes from: an index into a table the caller keeps (spans, reasons); carried along.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Origin(pub u32);

/// An operation applied to earlier nodes.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    pub op: Op,
    pub args: Vec<NodeId>,
    pub ty: Ty,
    pub varies: Varies,
    pub origin: Origin,
}

/// A graph under construction, or finished: nodes in topological order.
#[derive(Clone, Default, Debug)]
pub struct Graph {
    pub(crate) dims: Vec<Dim>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) nodes: Vec<Node>,
    interned: HashMap<(Op, Vec<NodeId>), NodeId>,
    /// Given to nodes made from now on.
    pub origin: Origin,
}

impl Graph {
    pub fn new() -> Graph {
        Graph::default()
    }

    /// Adds a dimension. Names are for people and for binding; they must be unique.
    pub fn add_dim(&mut self, name: &str, role: Role, size: Size) -> DimId {
        debug_assert!(self.find_dim(name).is_none(), "dimension {name} exists");
        self.dims.push(Dim { name: name.into(), role, size });
        DimId(self.dims.len() as u32 - 1)
    }

    /// An empty graph with the same dimensions.
    pub fn with_dims_of(other: &Graph) -> Graph {
        Graph { dims: other.dims.clone(), ..Graph::default() }
    }

    /// A graph with the same dimensions and inputs declared, but no nodes yet: copying the input
    /// nodes over keeps their ids as inputs.
    pub(crate) fn with_signature_of(other: &Graph) -> Graph {
        Graph { dims: other.dims.clone(), inputs: other.inputs.clone(), ..Graph::default() }
    }

    /// After nodes were renumbered: the sizes of the first `n` dimensions (the later ones were made
    /// with the new numbers) that are counted from a mask follow it.
    pub(crate) fn remap_sizes(&mut self, n: usize, map: &HashMap<NodeId, NodeId>) {
        for d in &mut self.dims[..n] {
            if let Size::Count(mask) = &mut d.size
                && let Some(&m) = map.get(mask)
            {
                *mask = m;
            }
        }
    }

    /// The primed copy of a dimension (`d'`), made when first asked for.
    pub fn prime(&mut self, d: DimId) -> DimId {
        let dim = self.dims[d.index()].clone();
        let name = format!("{}'", dim.name);
        match self.find_dim(&name) {
            Some(p) => p,
            // Plain: only one of a pair of row dimensions can be streamed.
            None => self.add_dim(&name, Role::Plain, dim.size),
        }
    }

    pub fn find_dim(&self, name: &str) -> Option<DimId> {
        self.dims.iter().position(|d| d.name == name).map(|i| DimId(i as u32))
    }

    pub fn dim(&self, d: DimId) -> &Dim {
        &self.dims[d.index()]
    }

    pub fn dims(&self) -> &[Dim] {
        &self.dims
    }

    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn node(&self, n: NodeId) -> &Node {
        &self.nodes[n.index()]
    }

    pub fn ty(&self, n: NodeId) -> &Ty {
        &self.nodes[n.index()].ty
    }

    pub fn varies(&self, n: NodeId) -> Varies {
        self.nodes[n.index()].varies
    }

    pub fn is_row(&self, d: DimId) -> bool {
        self.dims[d.index()].role == Role::Row
    }

    /// Sorts dimensions into canonical (memory) order and drops duplicates.
    pub fn canonical(&self, mut dims: Vec<DimId>) -> Vec<DimId> {
        dims.sort_by_key(|&d| (!self.is_row(d), d));
        dims.dedup();
        dims
    }

    /// Declares an argument and returns its node.
    pub fn input(&mut self, name: &str, varies: Varies, kind: Kind, dims: &[DimId]) -> NodeId {
        let ty = Ty { kind, dims: self.canonical(dims.to_vec()) };
        self.inputs.push(Input { name: name.into(), varies, ty });
        let id = InputId(self.inputs.len() as u32 - 1);
        self.push(Op::Input(id), &[]).expect("an input is well typed")
    }

    /// Adds `op(args)` after checking its types, or finds the node that is already there.
    pub fn push(&mut self, op: Op, args: &[NodeId]) -> Result<NodeId, TypeError> {
        let key = (op, args.to_vec());
        if let Some(&n) = self.interned.get(&key) {
            return Ok(n);
        }
        if let Op::Scan(s) = &key.0
            && let Some(more) = s.body.dims.get(self.dims.len()..)
        {
            // One table: what the body added belongs to the graph as well.
            self.dims.extend_from_slice(more);
        }
        let ty = types::infer(self, &key.0, args)?;
        let varies = match &key.0 {
            Op::Input(i) => self.inputs[i.0 as usize].varies,
            _ => args.iter().map(|&a| self.varies(a)).max().unwrap_or(Varies::Data),
        };
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { op: key.0.clone(), args: key.1.clone(), ty, varies, origin: self.origin });
        self.interned.insert(key, id);
        Ok(id)
    }
}
