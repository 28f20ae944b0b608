//! Graphs that meet every path of the planner: each op on lanes, on streamed rows, with draw-free
//! operands on either side, in one pass and in two. A new op is enrolled in the suites that check
//! values, derivatives, text and passes by adding its lines here; `small_examples` has edge cases.

use std::sync::Arc;

use graph::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Real, Reduction, Role, Scan, Size, Unary, Varies};
use graph::text::{BINARY, UNARY};
use graph::value::{Bindings, Value};

/// A graph with outputs, its data, and where its lane and shared inputs may lie.
pub struct Example {
    pub name: String,
    pub graph: Graph,
    pub outputs: Vec<NodeId>,
    pub bindings: Bindings,
    /// Lane and shared inputs are drawn from this interval.
    pub domain: (f64, f64),
    /// Whether finite differences of the outputs with respect to lane inputs mean something.
    pub smooth: bool,
}

/// Reproducible numbers in [0, 1).
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Noise {
        Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
    pub fn vec(&mut self, n: usize, (lo, hi): (f64, f64)) -> Vec<f64> {
        (0..n).map(|_| lo + (hi - lo) * self.next()).collect()
    }
}

pub const ROWS: usize = 37;
pub const LEVELS: usize = 5;
pub const FEATURES: usize = 3;
pub const OTHER_ROWS: usize = 29;

/// A graph with inputs of every kind, to build an example on.
pub struct Base {
    pub g: Graph,
    /// A row dimension of 37, one of 29; plain ones of 5, 3 and 2.
    pub row: DimId,
    pub other: DimId,
    pub level: DimId,
    pub feature: DimId,
    pub pair: DimId,
    /// Lane scalars, vectors over level and feature, a matrix over level and feature.
    pub s: NodeId,
    pub u: NodeId,
    pub v: NodeId,
    pub w: NodeId,
    pub beta: NodeId,
    pub m: NodeId,
    /// Lane inputs over rows, and over rows and feature.
    pub x: NodeId,
    pub xf: NodeId,
    /// A shared scalar and a shared vector over feature.
    pub shared: NodeId,
    pub shared_f: NodeId,
    /// Data over rows, over rows and feature, over level, a mask over rows.
    pub d: NodeId,
    pub df: NodeId,
    pub dv: NodeId,
    pub mask: NodeId,
    /// Row to level, sorted and not; other row to row; level to feature.
    pub sorted: NodeId,
    pub unsorted: NodeId,
    pub other_to_row: NodeId,
    pub level_to_feature: NodeId,
}

impl Default for Base {
    fn default() -> Base {
        let mut g = Graph::new();
        let row = g.add_dim("row", Role::Row, Size::Bound);
        let other = g.add_dim("other", Role::Row, Size::Bound);
        let level = g.add_dim("level", Role::Plain, Size::Fixed(LEVELS));
        let feature = g.add_dim("feature", Role::Plain, Size::Bound);
        let pair = g.add_dim("pair", Role::Plain, Size::Fixed(2));
        let (lane, data) = (Varies::Lane, Varies::Data);
        let mut real = |name: &str, varies, dims: &[DimId]| g.input(name, varies, Kind::Real, dims);
        let (s, u) = (real("s", lane, &[]), real("u", lane, &[]));
        let (v, w) = (real("v", lane, &[level]), real("w", lane, &[level]));
        let beta = real("beta", lane, &[feature]);
        let m = real("m", lane, &[level, feature]);
        let (x, xf) = (real("x", lane, &[row]), real("xf", lane, &[row, feature]));
        let shared = real("shared", Varies::Shared, &[]);
        let shared_f = real("shared_f", Varies::Shared, &[feature]);
        let (d, df) = (real("d", data, &[row]), real("df", data, &[row, feature]));
        let (dv, mask) = (real("dv", data, &[level]), real("mask", data, &[row]));
        let mut index = |name: &str, into, dims: &[DimId]| g.input(name, data, Kind::Index(into), dims);
        let sorted = index("sorted", level, &[row]);
        let unsorted = index("unsorted", level, &[row]);
        let other_to_row = index("other_to_row", row, &[other]);
        let level_to_feature = index("level_to_feature", feature, &[level]);
        Base {
            g,
            row,
            other,
            level,
            feature,
            pair,
            s,
            u,
            v,
            w,
            beta,
            m,
            x,
            xf,
            shared,
            shared_f,
            d,
            df,
            dv,
            mask,
            sorted,
            unsorted,
            other_to_row,
            level_to_feature,
        }
    }
}

impl Base {
    pub fn push(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        self.g.push(op, args).unwrap_or_else(|e| panic!("{e}"))
    }
    pub fn un(&mut self, op: Unary, x: NodeId) -> NodeId {
        self.push(Op::Unary(op), &[x])
    }
    pub fn bin(&mut self, op: Binary, a: NodeId, b: NodeId) -> NodeId {
        self.push(Op::Binary(op), &[a, b])
    }
    pub fn sum(&mut self, x: NodeId, over: &[DimId]) -> NodeId {
        self.push(Op::Reduce(Reduction::Sum, over.to_vec()), &[x])
    }
    pub fn num(&mut self, x: f64) -> NodeId {
        self.push(Op::Const(Real(x)), &[])
    }
    /// Lanes over rows that are no input: u + s d, inside the domain if the data are in [0, 1].
    pub fn rows(&mut self) -> NodeId {
        let p = self.bin(Binary::Mul, self.s, self.d);
        self.bin(Binary::Add, self.u, p)
    }
    /// The same over rows and feature: u + beta df.
    pub fn rows_f(&mut self) -> NodeId {
        let p = self.bin(Binary::Mul, self.beta, self.df);
        self.bin(Binary::Add, self.u, p)
    }
}

/// Sizes and data for [`Base`]; lane and shared inputs are left out.
pub fn base_bindings() -> Bindings {
    let mut noise = Noise::new(7);
    let mut b = Bindings::default();
    for (name, n) in [("row", ROWS), ("other", OTHER_ROWS), ("feature", FEATURES)] {
        b.sizes.insert(name.into(), n);
    }
    let mut real = |name: &str, v: Vec<f64>| b.data.insert(name.into(), Value::Real(v));
    real("d", noise.vec(ROWS, (0.05, 1.0)));
    real("df", noise.vec(ROWS * FEATURES, (0.05, 1.0)));
    real("dv", noise.vec(LEVELS, (0.05, 1.0)));
    real("mask", noise.vec(ROWS, (0.0, 1.0)).iter().map(|x| x.round()).collect());
    let mut index = |name: &str, n: usize, into: usize| -> Vec<u32> {
        let v: Vec<u32> = noise.vec(n, (0.0, into as f64)).iter().map(|x| *x as u32).collect();
        b.data.insert(name.into(), Value::Index(v.clone()));
        v
    };
    let mut sorted = index("unsorted", ROWS, LEVELS);
    index("other_to_row", OTHER_ROWS, ROWS);
    index("level_to_feature", LEVELS, FEATURES);
    sorted.sort();
    b.data.insert("sorted".into(), Value::Index(sorted));
    b
}

struct Table(Vec<Example>);

impl Table {
    fn add(&mut self, name: impl Into<String>, build: impl FnOnce(&mut Base) -> Vec<NodeId>) -> &mut Example {
        let mut base = Base::default();
        let outputs = build(&mut base);
        self.0.push(Example {
            name: name.into(),
            graph: base.g,
            outputs,
            bindings: base_bindings(),
            domain: (0.2, 1.7),
            smooth: true,
        });
        self.0.last_mut().expect("just added")
    }
}

/// Where a unary op's derivative can be checked by differences.
fn unary_smooth(op: Unary) -> bool {
    !matches!(op, Unary::Sign | Unary::Floor | Unary::Detach)
}

/// A scan with a scalar carry c' = a c + step and emission c'^2, over `over`, where `step` varies.
pub fn autoregression(b: &mut Base, over: DimId, step: NodeId, reverse: bool) -> NodeId {
    let mut body = body_of(&b.g);
    let c = body.input("c", Varies::Lane, Kind::Real, &[]);
    let e = body.input("e", Varies::Lane, Kind::Real, &[]);
    let a = body.input("a", Varies::Lane, Kind::Real, &[]);
    let ac = body.push(Op::Binary(Binary::Mul), &[a, c]).unwrap();
    let next = body.push(Op::Binary(Binary::Add), &[ac, e]).unwrap();
    let square = body.push(Op::Unary(Unary::Square), &[next]).unwrap();
    let scan = Scan { over, n_carry: 1, n_step: 1, reverse, body, outputs: vec![next, square] };
    b.push(Op::Scan(Arc::new(scan)), &[b.s, step, b.u])
}

/// An empty graph with the same dimension table.
pub fn body_of(g: &Graph) -> Graph {
    let mut body = Graph::new();
    for d in g.dims() {
        body.add_dim(&d.name, d.role, d.size);
    }
    body
}

pub fn op_examples() -> Vec<Example> {
    let mut t = Table(Vec::new());
    elementwise(&mut t);
    reductions(&mut t);
    indices(&mut t);
    structure(&mut t);
    dense(&mut t);
    scans(&mut t);
    mixtures(&mut t);
    t.0
}

fn elementwise(t: &mut Table) {
    for &(op, _) in UNARY {
        let e = t.add(format!("unary {op:?}"), |b| {
            let rows = b.rows();
            let (on_rows, on_levels) = (b.un(op, rows), b.un(op, b.v));
            vec![b.sum(on_rows, &[b.row]), on_levels, b.un(op, b.s), on_rows]
        });
        e.smooth = unary_smooth(op);
    }
    let e = t.add("unary of negative numbers", |b| {
        [Unary::Abs, Unary::Exp, Unary::Tanh, Unary::Sigmoid, Unary::Softplus, Unary::Erfc, Unary::LogNdtr]
            .map(|op| b.un(op, b.v))
            .to_vec()
    });
    e.domain = (-7.3, -2.2);
    for &(op, _) in BINARY {
        let e = t.add(format!("binary {op:?}"), |b| {
            let (r, f) = (b.rows(), b.rows_f());
            let mut out =
                vec![b.bin(op, b.v, b.w), b.bin(op, b.v, b.dv), b.bin(op, b.dv, b.v), b.bin(op, b.s, b.v)];
            for (a, c) in [(r, b.s), (b.d, r), (f, b.d), (b.x, f), (b.beta, b.x), (b.shared, r), (b.df, b.s)]
            {
                let n = b.bin(op, a, c);
                let dims = b.g.ty(n).dims.clone();
                out.push(b.sum(n, &dims));
                out.push(n);
            }
            out
        });
        e.smooth = !matches!(op, Binary::Max | Binary::Min | Binary::Lt | Binary::Le | Binary::Eq);
    }
    t.add("select by data and by lanes", |b| {
        let (r, f) = (b.rows(), b.rows_f());
        let half = b.num(0.5);
        let above = b.bin(Binary::Lt, half, r);
        let mut out = Vec::new();
        for (c, x, y) in
            [(b.mask, r, b.s), (b.mask, b.d, f), (above, b.x, b.d), (above, b.d, b.s), (b.mask, b.d, r)]
        {
            let n = b.push(Op::Select, &[c, x, y]);
            let dims = b.g.ty(n).dims.clone();
            out.push(b.sum(n, &dims));
        }
        out
    })
    .smooth = false;
    t.add("select keeps a NaN where it is", |b| {
        let (r, one) = (b.rows(), b.num(-1.0));
        let low = b.bin(Binary::Sub, one, r);
        let bad = b.un(Unary::Ln, low);
        let zero = b.num(0.0);
        let by_data = b.push(Op::Select, &[b.mask, zero, bad]);
        let kept = b.push(Op::Select, &[b.mask, r, by_data]);
        let never = b.bin(Binary::Lt, r, zero);
        let by_lane = b.push(Op::Select, &[never, bad, r]);
        let ones = b.push(Op::Select, &[b.mask, by_data, r]);
        let _ = kept;
        vec![b.sum(by_lane, &[b.row]), b.sum(ones, &[b.row])]
    });
    t.add("ones, iota, size", |b| {
        let ones = b.push(Op::Ones(vec![b.row, b.level]), &[]);
        let wide = b.bin(Binary::Mul, b.v, ones);
        let (i, n) = (b.push(Op::Iota(b.row), &[]), b.push(Op::Size(b.row), &[]));
        let scaled = b.bin(Binary::Div, i, n);
        let r = b.bin(Binary::Mul, scaled, b.s);
        let product = b.bin(Binary::Mul, wide, r);
        vec![b.sum(product, &[b.row]), wide, b.sum(r, &[b.row]), n, b.dv]
    });
}

fn reductions(t: &mut Table) {
    for op in [Reduction::Sum, Reduction::Max, Reduction::Min] {
        let e = t.add(format!("reduce {op:?}"), |b| {
            let (r, f) = (b.rows(), b.rows_f());
            let mut out = Vec::new();
            for (x, over) in [
                (r, vec![b.row]),
                (f, vec![b.row]),
                (f, vec![b.feature]),
                (f, vec![b.row, b.feature]),
                (b.x, vec![b.row]),
                (b.m, vec![b.level]),
                (b.m, vec![b.feature]),
                (b.v, vec![b.level]),
            ] {
                out.push(b.push(Op::Reduce(op, over), &[x]));
            }
            out
        });
        e.smooth = op == Reduction::Sum;
    }
    t.add("contract", |b| {
        let (r, f) = (b.rows(), b.rows_f());
        let residual = b.un(Unary::Tanh, r);
        let mut out = Vec::new();
        for (x, y, over) in [
            (b.df, b.beta, vec![b.feature]),
            (b.df, residual, vec![b.row]),
            (r, residual, vec![b.row]),
            (b.d, residual, vec![b.row]),
            (f, residual, vec![b.row]),
            (f, b.xf, vec![b.row, b.feature]),
            (f, b.df, vec![b.row]),
            (b.m, b.df, vec![b.feature]),
            (b.m, f, vec![b.feature]),
            (b.m, f, vec![b.feature, b.row]),
            (b.m, b.v, vec![b.level]),
            (b.v, b.w, vec![b.level]),
            (b.m, b.dv, vec![b.level]),
            (b.m, b.m, vec![b.level]),
            (f, b.shared_f, vec![b.feature]),
            (b.s, r, vec![b.row]),
        ] {
            out.push(b.push(Op::Contract { over }, &[x, y]));
        }
        out
    });
}

fn indices(t: &mut Table) {
    t.add("gather", |b| {
        let r = b.rows();
        let a = b.push(Op::Gather, &[b.v, b.sorted]);
        let c = b.push(Op::Gather, &[b.m, b.unsorted]);
        let p = b.bin(Binary::Mul, a, r);
        let q = b.bin(Binary::Mul, c, b.df);
        let m = b.push(Op::Gather, &[b.beta, b.level_to_feature]);
        vec![b.sum(p, &[b.row]), b.sum(q, &[b.row]), a, m]
    });
    t.add("gather from rows", |b| {
        let (r, f) = (b.rows(), b.rows_f());
        let a = b.push(Op::Gather, &[r, b.other_to_row]);
        let e = b.un(Unary::Exp, a);
        let c = b.push(Op::Gather, &[f, b.other_to_row]);
        let x = b.push(Op::Gather, &[b.x, b.other_to_row]);
        let p = b.bin(Binary::Mul, c, x);
        vec![b.sum(e, &[b.other]), b.sum(p, &[b.other]), a]
    });
    t.add("scatter_add", |b| {
        let (r, f) = (b.rows(), b.rows_f());
        let mut out = [(r, b.sorted), (r, b.unsorted), (f, b.sorted), (f, b.unsorted), (b.x, b.unsorted)]
            .map(|(x, i)| b.push(Op::ScatterAdd, &[x, i]))
            .to_vec();
        let by_level = b.push(Op::ScatterAdd, &[b.v, b.level_to_feature]);
        out.push(by_level);
        // and on: a nonlinear use needs a second pass
        let back = b.push(Op::Gather, &[out[0], b.sorted]);
        let p = b.bin(Binary::Mul, back, r);
        out.push(b.sum(p, &[b.row]));
        out
    });
    t.add("scatter_add into rows", |b| {
        let o = b.push(Op::Iota(b.other), &[]);
        let x = b.bin(Binary::Mul, o, b.s);
        let to_rows = b.push(Op::ScatterAdd, &[x, b.other_to_row]);
        let r = b.rows();
        let p = b.bin(Binary::Mul, to_rows, r);
        vec![b.sum(p, &[b.row]), to_rows]
    });
    t.add("filter and gram_factor", |b| {
        let mask = b.mask;
        let count = b.g.add_dim("kept", Role::Row, Size::Count(mask));
        let (k1, k2) =
            (b.g.add_dim("k1", Role::Plain, Size::Fixed(2)), b.g.add_dim("k2", Role::Plain, Size::Fixed(2)));
        let (d, idx) = (
            b.push(Op::Filter { dim: b.row, into: count }, &[b.d, mask]),
            b.push(Op::Filter { dim: b.row, into: count }, &[b.sorted, mask]),
        );
        let g = b.push(Op::Gather, &[b.v, idx]);
        let p = b.bin(Binary::Mul, g, d);
        let e = b.un(Unary::Exp, p);
        let one = b.num(1.0);
        let r = b.push(Op::GramFactor { over: b.row, row: k1, col: k2, grouped: false }, &[one, b.d]);
        let rg =
            b.push(Op::GramFactor { over: b.row, row: k1, col: k2, grouped: true }, &[one, b.d, b.sorted]);
        let q = b.bin(Binary::Mul, rg, b.v);
        vec![b.sum(e, &[count]), b.bin(Binary::Mul, r, b.s), q]
    });
}

fn structure(t: &mut Table) {
    t.add("element, place", |b| {
        let f = b.rows_f();
        let (row, level, feature) = (b.row, b.level, b.feature);
        let e = b.push(Op::Element { dim: feature, at: 1 }, &[f]);
        let x = b.un(Unary::Exp, e);
        let p = b.push(Op::Place { dim: level, at: 3 }, &[x]);
        let q = b.bin(Binary::Mul, p, b.v);
        let one_row = b.push(Op::Element { dim: row, at: 20 }, &[f]);
        let wide = b.push(Op::Place { dim: row, at: 30 }, &[b.beta]);
        let rw = b.bin(Binary::Mul, wide, f);
        let last = b.push(Op::Element { dim: level, at: 4 }, &[b.m]);
        vec![b.sum(q, &[row]), one_row, b.sum(rw, &[row, feature]), b.un(Unary::Square, last), last]
    });
    t.add("slice, pad", |b| {
        let (row, level, feature, pair) = (b.row, b.level, b.feature, b.pair);
        let f = b.rows_f();
        let s = b.push(Op::Slice { dim: feature, start: 1, into: pair }, &[f]);
        let e = b.un(Unary::Exp, s);
        let p = b.push(Op::Pad { from: pair, start: 2, dim: level }, &[e]);
        let rows = b.push(Op::Slice { dim: row, start: 4, into: b.other }, &[f]);
        let rows = b.un(Unary::Ln, rows);
        let x = b.push(Op::Slice { dim: level, start: 3, into: pair }, &[b.v]);
        let back = b.push(Op::Pad { from: b.other, start: 2, dim: row }, &[rows]);
        let r = b.bin(Binary::Mul, back, b.d);
        vec![b.sum(p, &[row]), b.sum(rows, &[b.other]), b.un(Unary::Exp, x), x, b.sum(r, &[row])]
    });
    t.add("concat", |b| {
        let (row, level, feature, pair) = (b.row, b.level, b.feature, b.pair);
        let (r, f) = (b.rows(), b.rows_f());
        let e = b.un(Unary::Exp, b.beta);
        let all = b.push(Op::Concat { parts: vec![Some(feature), None, None], into: level }, &[e, b.s, b.s]);
        let q = b.un(Unary::Square, b.s);
        let mixed = b.push(Op::Concat { parts: vec![None, Some(feature), None], into: level }, &[q, f, r]);
        let m = b.push(Op::Concat { parts: vec![None, None], into: pair }, &[b.v, b.dv]);
        let p = b.bin(Binary::Mul, mixed, b.v);
        vec![all, b.sum(p, &[row]), m, b.un(Unary::Ln, all)]
    });
    t.add("concat of rows", |b| {
        let (row, other) = (b.row, b.other);
        let both = b.g.add_dim("both", Role::Row, Size::Fixed(ROWS + OTHER_ROWS));
        let r = b.rows();
        let i = b.push(Op::Iota(other), &[]);
        let o = b.bin(Binary::Mul, i, b.u);
        let c = b.push(Op::Concat { parts: vec![Some(row), Some(other)], into: both }, &[r, o]);
        let e = b.un(Unary::Square, c);
        vec![b.sum(e, &[both]), c]
    });
    t.add("shift", |b| {
        let (row, level) = (b.row, b.level);
        let r = b.rows();
        let mut out = Vec::new();
        for by in [1, -2, 0, 40] {
            let s = b.push(Op::Shift { dim: row, by, fill: Real(0.5) }, &[r]);
            let p = b.bin(Binary::Mul, s, r);
            out.push(b.sum(p, &[row]));
            out.push(b.push(Op::Shift { dim: level, by, fill: Real(-1.0) }, &[b.m]));
        }
        out
    });
    t.add("rename", |b| {
        let (row, level) = (b.row, b.level);
        let l2 = b.g.prime(level);
        let r2 = b.g.prime(row);
        let v2 = b.push(Op::Rename(vec![(level, l2)]), &[b.v]);
        let outer = b.bin(Binary::Mul, b.w, v2);
        let transposed = b.push(Op::Rename(vec![(level, l2), (l2, level)]), &[outer]);
        let r = b.rows();
        let rp = b.push(Op::Rename(vec![(row, r2)]), &[r]);
        let cross = b.bin(Binary::Sub, r, rp);
        let sq = b.un(Unary::Square, cross);
        vec![outer, transposed, b.sum(sq, &[r2]), b.un(Unary::Exp, transposed)]
    });
}

/// A positive definite matrix over (level, level'): 3 I + outer(v, v) scaled.
fn definite(b: &mut Base) -> (NodeId, DimId) {
    let l2 = b.g.prime(b.level);
    let v2 = b.push(Op::Rename(vec![(b.level, l2)]), &[b.v]);
    let outer = b.bin(Binary::Mul, b.v, v2);
    let (i, j) = (b.push(Op::Iota(b.level), &[]), b.push(Op::Iota(l2), &[]));
    let eye = b.bin(Binary::Eq, i, j);
    let three = b.num(3.0);
    let ridge = b.bin(Binary::Mul, three, eye);
    (b.bin(Binary::Add, outer, ridge), l2)
}

fn dense(t: &mut Table) {
    t.add("cholesky, tri_solve", |b| {
        let level = b.level;
        let (a, l2) = definite(b);
        let l = b.push(Op::Cholesky { row: level, col: l2 }, &[a]);
        let y = b.push(Op::TriSolve { row: level, col: l2, transposed: false }, &[l, b.w]);
        let z = b.push(Op::TriSolve { row: level, col: l2, transposed: true }, &[l, y]);
        let by_data = b.push(Op::TriSolve { row: level, col: l2, transposed: false }, &[l, b.dv]);
        let many = b.push(Op::TriSolve { row: level, col: l2, transposed: true }, &[l, b.m]);
        vec![l, y, z, by_data, many]
    });
    t.add("cholesky of every row", |b| {
        let level = b.level;
        let (a, l2) = definite(b);
        let r = b.rows();
        let scaled = b.bin(Binary::Mul, a, r);
        let l = b.push(Op::Cholesky { row: level, col: l2 }, &[scaled]);
        let y = b.push(Op::TriSolve { row: level, col: l2, transposed: false }, &[l, b.w]);
        vec![b.sum(l, &[b.row]), b.sum(y, &[b.row])]
    });
    t.add("tri_solve with a draw-free matrix", |b| {
        let level = b.level;
        let l2 = b.g.prime(level);
        let (i, j) = (b.push(Op::Iota(level), &[]), b.push(Op::Iota(l2), &[]));
        let lower = b.bin(Binary::Le, j, i);
        let (one, s) = (b.num(1.0), b.bin(Binary::Add, i, j));
        let s = b.bin(Binary::Add, s, one);
        let l = b.bin(Binary::Mul, lower, s);
        [false, true]
            .map(|transposed| b.push(Op::TriSolve { row: level, col: l2, transposed }, &[l, b.v]))
            .to_vec()
    });
}

fn scans(t: &mut Table) {
    for reverse in [false, true] {
        t.add(format!("scan, reverse {reverse}"), |b| {
            let scan = autoregression(b, b.level, b.v, reverse);
            let data = autoregression(b, b.level, b.dv, reverse);
            let mut out = Vec::new();
            for s in [scan, data] {
                out.extend([0, 1].map(|k| b.push(Op::Output(k), &[s])));
            }
            out
        });
        t.add(format!("scan over rows, reverse {reverse}"), |b| {
            let r = b.rows();
            let s = autoregression(b, b.row, r, reverse);
            let (last, all) = (b.push(Op::Output(0), &[s]), b.push(Op::Output(1), &[s]));
            let p = b.bin(Binary::Mul, all, r);
            vec![last, b.sum(p, &[b.row])]
        })
        .domain = (0.2, 0.9);
    }
    t.add("scan with vector carries that change places", |b| {
        let (row, level) = (b.row, b.level);
        let mut body = body_of(&b.g);
        let (c, e) = (
            body.input("c", Varies::Lane, Kind::Real, &[level]),
            body.input("e", Varies::Lane, Kind::Real, &[level]),
        );
        let (d, i) = (
            body.input("d", Varies::Data, Kind::Real, &[]),
            body.input("i", Varies::Data, Kind::Index(level), &[]),
        );
        let (v, half) = (
            body.input("v", Varies::Lane, Kind::Real, &[level]),
            body.push(Op::Const(Real(0.5)), &[]).unwrap(),
        );
        let hd = body.push(Op::Binary(Binary::Mul), &[half, d]).unwrap();
        let mix = body.push(Op::Binary(Binary::Mul), &[hd, c]).unwrap();
        let next = body.push(Op::Binary(Binary::Add), &[mix, v]).unwrap();
        let pick = body.push(Op::Gather, &[c, i]).unwrap();
        let em = body.push(Op::Binary(Binary::Mul), &[pick, e]).unwrap();
        // c becomes e, e becomes next, and the data go out as they are
        let scan = Scan {
            over: row,
            n_carry: 2,
            n_step: 2,
            reverse: false,
            body,
            outputs: vec![e, next, em, d, hd, em],
        };
        let s = b.push(Op::Scan(Arc::new(scan)), &[b.v, b.w, b.d, b.unsorted, b.v]);
        let out: Vec<NodeId> = (0..6).map(|k| b.push(Op::Output(k), &[s])).collect();
        vec![out[0], out[1], b.sum(out[2], &[row, level]), out[3], b.sum(out[4], &[row]), out[5]]
    });
    t.add("scan in a scan", |b| {
        let (level, feature) = (b.level, b.feature);
        let mut inner = body_of(&b.g);
        let (c, e) = (
            inner.input("c", Varies::Lane, Kind::Real, &[]),
            inner.input("e", Varies::Lane, Kind::Real, &[]),
        );
        let k = inner.input("k", Varies::Lane, Kind::Real, &[]);
        let ce = inner.push(Op::Binary(Binary::Mul), &[c, e]).unwrap();
        let next = inner.push(Op::Binary(Binary::Add), &[ce, k]).unwrap();
        let inner = Scan {
            over: feature,
            n_carry: 1,
            n_step: 1,
            reverse: false,
            body: inner,
            outputs: vec![next, ce],
        };
        let mut body = body_of(&b.g);
        let (c, m) = (
            body.input("c", Varies::Lane, Kind::Real, &[]),
            body.input("m", Varies::Lane, Kind::Real, &[feature]),
        );
        let d = body.input("d", Varies::Data, Kind::Real, &[]);
        let s = body.push(Op::Scan(Arc::new(inner)), &[c, m, d]).unwrap();
        let (last, all) = (body.push(Op::Output(0), &[s]).unwrap(), body.push(Op::Output(1), &[s]).unwrap());
        let total = body.push(Op::Reduce(Reduction::Sum, vec![feature]), &[all]).unwrap();
        let scan =
            Scan { over: level, n_carry: 1, n_step: 2, reverse: false, body, outputs: vec![last, total] };
        let s = b.push(Op::Scan(Arc::new(scan)), &[b.s, b.m, b.dv]);
        [0, 1].map(|k| b.push(Op::Output(k), &[s])).to_vec()
    })
    .domain = (0.2, 0.9);
}

fn mixtures(t: &mut Table) {
    t.add("logsumexp over rows: two passes", |b| {
        let r = b.rows();
        let l = b.g.logsumexp(r, &[b.row]);
        let shifted = b.bin(Binary::Sub, r, l);
        let p = b.un(Unary::Exp, shifted);
        let q = b.bin(Binary::Mul, p, b.d);
        vec![l, b.sum(q, &[b.row])]
    });
    t.add("standardised rows", |b| {
        let r = b.rows();
        let mean = b.g.mean(r, &[b.row]);
        let c = b.bin(Binary::Sub, r, mean);
        let sq = b.un(Unary::Square, c);
        let ss = b.sum(sq, &[b.row]);
        let sd = b.un(Unary::Sqrt, ss);
        let z = b.bin(Binary::Div, c, sd);
        let e = b.un(Unary::Exp, z);
        vec![b.sum(e, &[b.row]), b.sum(sq, &[b.row]), z]
    });
    t.add("twins and fused products", |b| {
        let r = b.rows();
        let (p, q) = (b.un(Unary::Sigmoid, r), b.un(Unary::Softplus, r));
        let (s, c) = (b.un(Unary::Sin, b.v), b.un(Unary::Cos, b.v));
        let pq = b.bin(Binary::Mul, p, q);
        let a = b.bin(Binary::Sub, pq, r);
        let rq = b.bin(Binary::Mul, r, q);
        let e = b.bin(Binary::Sub, r, rq);
        let dr = b.bin(Binary::Mul, b.d, r);
        let f = b.bin(Binary::Add, dr, b.d);
        let sc = b.bin(Binary::Mul, s, c);
        let g = b.bin(Binary::Add, sc, b.v);
        let sq = b.un(Unary::Square, g);
        vec![b.sum(a, &[b.row]), b.sum(e, &[b.row]), b.sum(f, &[b.row]), g, b.sum(sq, &[b.level]), s]
    });
    t.add("linear predictors and residuals", |b| {
        let row = b.row;
        let (by_sorted, by_unsorted) =
            (b.push(Op::Gather, &[b.v, b.sorted]), b.push(Op::Gather, &[b.w, b.unsorted]));
        let (sd, ud) = (b.bin(Binary::Mul, b.s, b.d), b.bin(Binary::Mul, b.mask, b.u));
        let mean = b.bin(Binary::Add, by_sorted, sd);
        let mean = b.bin(Binary::Sub, mean, ud);
        let mean = b.bin(Binary::Add, b.shared, mean);
        let residual = b.bin(Binary::Sub, b.d, mean);
        let both = b.bin(Binary::Sub, by_unsorted, residual);
        let also = b.bin(Binary::Add, both, b.x);
        let on_levels = b.bin(Binary::Add, b.v, b.dv);
        let on_levels = b.bin(Binary::Sub, on_levels, b.w);
        let e = b.un(Unary::Exp, also);
        let squares = b.un(Unary::Square, residual);
        let by_level = b.push(Op::ScatterAdd, &[residual, b.sorted]);
        vec![b.sum(e, &[row]), b.sum(squares, &[row]), by_level, on_levels, also]
    });
    t.add("two tables", |b| {
        let r = b.rows();
        let per_level = b.push(Op::ScatterAdd, &[r, b.sorted]);
        let o = b.push(Op::Iota(b.other), &[]);
        let so = b.bin(Binary::Mul, b.s, o);
        let total = b.sum(so, &[b.other]);
        let l = b.un(Unary::Ln, per_level);
        let back = b.push(Op::Gather, &[l, b.unsorted]);
        let both = b.bin(Binary::Mul, back, total);
        vec![b.sum(both, &[b.row]), total]
    });
    t.add("inputs, constants and repeats as outputs", |b| {
        let c = b.num(2.5);
        vec![b.s, c, b.m, b.shared_f, b.dv, b.s, b.x]
    });
}
