//! A few numbers each: edges of derivatives, text and passes (ties, NaN in the branch not taken,
//! broadcasting both ways, repeated indices), beside the larger graphs of `op_examples`.

use graph::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Real, Reduction, Role, Scan, Size, Unary, Varies};
use graph::log_tail::{LOG_TAILS, Law};
use graph::text::{BINARY, UNARY};
use graph::value::{Bindings, Value};
use std::sync::Arc;

use super::test_op::TestOp;

/// What the derivatives of an example promise.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Order {
    /// Second derivatives exist and have rules.
    Twice,
    /// First derivatives exist; second ones do not, or have no rule.
    Once,
    /// At a tie or with a cut derivative: rules agree with each other, not with differences.
    Declared,
}

/// A graph with everything it needs to be run.
pub struct Small {
    pub name: String,
    pub graph: Graph,
    /// Real nodes.
    pub outputs: Vec<NodeId>,
    /// Sizes, and values of all inputs (lane inputs too, at one draw). Values may be moved by 0.02
    /// without meeting a kink or leaving a domain.
    pub bindings: Bindings,
    pub order: Order,
}

impl Small {
    /// The real inputs that differ from draw to draw.
    pub fn lane_inputs(&self) -> Vec<NodeId> {
        lane_inputs(&self.graph)
    }
}

/// The nodes of a graph's real inputs that are no data.
pub fn lane_inputs(g: &Graph) -> Vec<NodeId> {
    (0..g.nodes().len() as u32)
        .map(NodeId)
        .filter(|&n| {
            matches!(g.node(n).op, Op::Input(_)) && g.varies(n) != Varies::Data && g.ty(n).kind == Kind::Real
        })
        .collect()
}

/// Splitmix64: the same numbers everywhere.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// An example in the making.
pub struct Make {
    pub g: Graph,
    pub b: Bindings,
    pub rng: Numbers,
}

impl Make {
    pub fn new(seed: u64) -> Make {
        Make { g: Graph::new(), b: Bindings::default(), rng: Numbers(seed) }
    }

    /// A dimension of fixed size.
    pub fn fixed(&mut self, name: &str, n: usize) -> DimId {
        self.g.add_dim(name, Role::Plain, Size::Fixed(n))
    }

    /// A dimension whose size the bindings tell.
    pub fn bound(&mut self, name: &str, role: Role, n: usize) -> DimId {
        self.b.sizes.insert(name.into(), n);
        self.g.add_dim(name, role, Size::Bound)
    }

    pub fn row(&mut self, name: &str, n: usize) -> DimId {
        self.bound(name, Role::Row, n)
    }

    pub fn len(&self, dims: &[DimId]) -> usize {
        let size = |d: &DimId| match self.g.dim(*d).size {
            Size::Fixed(n) => n,
            _ => self.b.sizes[self.g.dim(*d).name.trim_end_matches('\'')],
        };
        dims.iter().map(size).product()
    }

    /// An input with given values.
    pub fn real(&mut self, name: &str, varies: Varies, dims: &[DimId], values: Vec<f64>) -> NodeId {
        assert_eq!(values.len(), self.len(dims), "{name}");
        self.b.data.insert(name.into(), Value::Real(values));
        self.g.input(name, varies, Kind::Real, dims)
    }

    /// A lane input, uniform in a range.
    pub fn lane(&mut self, name: &str, dims: &[DimId], low: f64, high: f64) -> NodeId {
        let v = (0..self.len(dims)).map(|_| self.rng.uniform(low, high)).collect();
        self.real(name, Varies::Lane, dims, v)
    }

    /// A lane input that keeps away from whole numbers, of either sign.
    pub fn lane_off_kinks(&mut self, name: &str, dims: &[DimId]) -> NodeId {
        let n = self.len(dims);
        let v = (0..n).map(|_| self.rng.below(4) as f64 - 2.0 + self.rng.uniform(0.15, 0.85)).collect();
        self.real(name, Varies::Lane, dims, v)
    }

    pub fn data(&mut self, name: &str, dims: &[DimId], low: f64, high: f64) -> NodeId {
        let v = (0..self.len(dims)).map(|_| self.rng.uniform(low, high)).collect();
        self.real(name, Varies::Data, dims, v)
    }

    /// An index with given positions.
    pub fn index(&mut self, name: &str, into: DimId, dims: &[DimId], positions: &[u32]) -> NodeId {
        self.b.data.insert(name.into(), Value::Index(positions.to_vec()));
        self.g.input(name, Varies::Data, Kind::Index(into), dims)
    }

    /// The op itself, not a smart constructor's idea of it.
    pub fn push(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        self.g.push(op, args).unwrap_or_else(|e| panic!("{e}"))
    }

    pub fn done(self, name: &str, outputs: &[NodeId], order: Order) -> Small {
        Small { name: name.into(), graph: self.g, outputs: outputs.to_vec(), bindings: self.b, order }
    }
}

/// All of them.
pub fn small_examples() -> Vec<Small> {
    let mut all: Vec<Small> = UNARY.iter().map(|&(op, _)| unary(op)).collect();
    for &(op, _) in BINARY {
        all.extend(binary(op));
    }
    all.extend(log_tails());
    all.extend(choices());
    all.extend(reductions());
    all.extend(contractions());
    all.extend(indexing());
    all.extend(structure());
    all.extend(data_only());
    all.extend(algebra());
    all.extend(scans());
    all.push(foreign());
    all
}

fn unary(op: Unary) -> Small {
    let mut m = Make::new(1);
    let (row, feature) = (m.row("home", 5), m.fixed("feature", 2));
    let (low, high) = match op {
        Unary::Recip | Unary::Sqrt | Unary::Ln | Unary::Lgamma | Unary::Digamma | Unary::Trigamma => {
            (0.3, 4.0)
        }
        Unary::LgammaRest | Unary::DigammaRest | Unary::TrigammaRest => (0.3, 4.0),
        Unary::Log1p => (-0.7, 2.0),
        Unary::LogBesselI0e | Unary::BesselGap => (0.5, 12.0),
        _ => (-2.0, 2.0),
    };
    let kinked = matches!(op, Unary::Abs | Unary::Sign | Unary::Floor);
    let x =
        if kinked { m.lane_off_kinks("x", &[row, feature]) } else { m.lane("x", &[row, feature], low, high) };
    let order = match op {
        Unary::Detach => Order::Declared,
        // The derivative of trigamma has no rule.
        Unary::Digamma | Unary::DigammaRest => Order::Once,
        _ => Order::Twice,
    };
    // Trigamma is refused (`what_has_no_rule_is_refused_by_name`): only its value is here.
    let y = if matches!(op, Unary::Trigamma | Unary::TrigammaRest) {
        let c = m.data("positive", &[row, feature], 0.3, 4.0);
        let t = m.push(Op::Unary(op), &[c]);
        m.push(Op::Binary(Binary::Mul), &[x, t])
    } else {
        m.push(Op::Unary(op), &[x])
    };
    m.done(&format!("{op:?}"), &[y], order)
}

fn binary(op: Binary) -> Vec<Small> {
    let comparison = matches!(op, Binary::Lt | Binary::Le | Binary::Eq);
    let kinked = comparison || matches!(op, Binary::Max | Binary::Min);
    let ranges = match op {
        Binary::Pow => [(0.3, 2.0), (-2.0, 2.0)],
        Binary::Log1pGap => [(0.2, 4.0), (0.3, 3.0)],
        _ => [(-2.0, 2.0), (0.6, 2.2)],
    };
    let order = if kinked { Order::Once } else { Order::Twice };
    let mut all = Vec::new();
    let mut shapes = |name: &str, a: &[usize], b: &[usize]| {
        let mut m = Make::new(2);
        let dims = [m.row("home", 5), m.fixed("feature", 2), m.bound("site", Role::Plain, 3)];
        let of = |k: &[usize]| k.iter().map(|&i| dims[i]).collect::<Vec<_>>();
        let (x, y) = if kinked {
            // Never within 0.1 of each other.
            let x = m.lane_off_kinks("a", &of(a));
            let n = m.len(&of(b));
            let y = (0..n).map(|_| m.rng.below(4) as f64 - 2.0).collect();
            (x, m.real("b", Varies::Lane, &of(b), y))
        } else {
            (m.lane("a", &of(a), ranges[0].0, ranges[0].1), m.lane("b", &of(b), ranges[1].0, ranges[1].1))
        };
        let z = m.push(Op::Binary(op), &[x, y]);
        all.push(m.done(&format!("{op:?} {name}"), &[z], order));
    };
    shapes("broadcast both ways", &[0], &[1, 2]);
    shapes("of equal shapes", &[0, 1], &[0, 1]);
    shapes("scalar first", &[], &[0, 1]);
    shapes("scalar second", &[2, 1], &[]);
    if matches!(op, Binary::Max | Binary::Min) {
        let mut m = Make::new(3);
        let row = m.row("home", 4);
        let a = m.real("a", Varies::Lane, &[row], vec![1.0, 2.0, 3.0, -1.0]);
        let b = m.real("b", Varies::Lane, &[row], vec![1.0, 5.0, 3.0, -4.0]);
        let z = m.push(Op::Binary(op), &[a, b]);
        all.push(m.done(&format!("{op:?} with ties"), &[z], Order::Declared));
    }
    all
}

/// Second derivatives are those by the point; by two shapes there are none.
fn log_tails() -> Vec<Small> {
    let mut all = Vec::new();
    for (tail, word) in LOG_TAILS {
        let point = tail.arity() - 1;
        let mut example = |name: &str, shapes: Varies, order: Order| {
            let mut m = Make::new(21);
            let (row, feature) = (m.row("home", 5), m.fixed("feature", 2));
            let mut args = Vec::new();
            for (name, dims) in [("a", vec![feature]), ("b", vec![])].into_iter().take(point) {
                let values = (0..m.len(&dims)).map(|_| m.rng.uniform(0.7, 3.0)).collect();
                args.push(m.real(name, shapes, &dims, values));
            }
            let low = if matches!(tail.law, Law::GammaP | Law::GammaQ) { 0.4 } else { -2.0 };
            args.push(m.lane("point", &[row], low, 3.0));
            let y = m.push(Op::LogTail(tail), &args);
            all.push(m.done(&format!("{word} {name}"), &[y], order));
        };
        example("at a point", Varies::Data, Order::Twice);
        if tail.by.is_none_or(|k| k == point) {
            example("of shapes", Varies::Lane, Order::Once);
        }
    }
    all
}

fn choices() -> Vec<Small> {
    let mut m = Make::new(4);
    let (row, feature) = (m.row("home", 5), m.fixed("feature", 2));
    let mask = m.real("mask", Varies::Data, &[row], vec![1.0, 0.0, 1.0, 0.0, 0.0]);
    // The value, or the derivative, is NaN exactly where the mask turns away.
    let x = m.real("x", Varies::Lane, &[row], vec![0.5, -1.0, 2.0, -0.3, -2.0]);
    let b = m.lane("b", &[feature], 0.2, 1.0);
    let outs = [Unary::Ln, Unary::Sqrt].map(|u| {
        let a = m.push(Op::Unary(u), &[x]);
        m.push(Op::Select, &[mask, a, b])
    });
    let not_taken = m.done("select with NaN in the branch not taken", &outs, Order::Twice);

    let mut m = Make::new(4);
    let (row, feature) = (m.row("home", 3), m.fixed("feature", 2));
    let mask = m.real("mask", Varies::Data, &[feature], vec![0.0, 1.0]);
    let x = m.real("x", Varies::Lane, &[row, feature], vec![-1.0, 2.0, -1.0, 1.5, -0.5, 0.3]);
    let b = m.lane("b", &[feature], 0.2, 1.0);
    let root = m.push(Op::Unary(Unary::Sqrt), &[x]);
    let wide = m.push(Op::Select, &[mask, root, b]);
    let p = m.push(Op::Contract { over: vec![row] }, &[root, x]);
    let contracted = m.push(Op::Select, &[mask, p, b]);
    let switch = m.real("switch", Varies::Data, &[], vec![0.0]);
    let off = m.push(Op::Select, &[switch, root, b]);
    let wider = m.done("select with NaN under masks of other shapes", &[wide, contracted, off], Order::Twice);

    let mut m = Make::new(4);
    let (row, feature) = (m.row("home", 3), m.fixed("feature", 2));
    let mask = m.real("mask", Varies::Data, &[row], vec![1.0, 0.0, 1.0]);
    let x = m.real("x", Varies::Data, &[row, feature], vec![0.5, 2.0, f64::NAN, 1.5, -0.5, 0.3]);
    let w = m.lane("w", &[feature], 0.2, 1.0);
    let eta = m.push(Op::Contract { over: vec![feature] }, &[x, w]);
    let zero = m.push(Op::Const(Real(0.0)), &[]);
    let s = m.push(Op::Select, &[mask, eta, zero]);
    let missing = m.done("select around missing data", &[s], Order::Twice);

    let mut m = Make::new(4);
    let row = m.row("home", 4);
    let left = m.real("left", Varies::Data, &[row], vec![1.0, 0.0, 0.0, 0.0]);
    let right = m.real("right", Varies::Data, &[row], vec![0.0, 1.0, 0.0, 0.0]);
    let x = m.real("x", Varies::Lane, &[row], vec![-0.5, 2.0, 0.6, 1.2]);
    let root = m.push(Op::Unary(Unary::Sqrt), &[x]);
    let (e, q, c) = (
        m.push(Op::Unary(Unary::Exp), &[x]),
        m.push(Op::Binary(Binary::Mul), &[root, x]),
        m.push(Op::Unary(Unary::Ln), &[root]),
    );
    let inner = m.push(Op::Select, &[right, q, c]);
    let s = m.push(Op::Select, &[left, e, inner]);
    let nested = m.done("nested selects share what is NaN in one branch", &[s], Order::Twice);

    let mut m = Make::new(5);
    let row = m.row("home", 5);
    let (t, a, b) =
        (m.lane_off_kinks("t", &[row]), m.lane("a", &[], 0.5, 1.0), m.lane("b", &[row], -1.0, 1.0));
    let zero = m.push(Op::Const(Real(0.0)), &[]);
    let c = m.push(Op::Binary(Binary::Lt), &[t, zero]);
    let s = m.push(Op::Select, &[c, a, b]);
    vec![not_taken, wider, missing, nested, m.done("select on a lane's condition", &[s], Order::Once)]
}

fn reductions() -> Vec<Small> {
    let mut all = Vec::new();
    for op in [Reduction::Sum, Reduction::Max, Reduction::Min] {
        for (name, over) in
            [("rows", vec![0]), ("features", vec![1]), ("two dimensions", vec![0, 2]), ("all", vec![0, 1, 2])]
        {
            let mut m = Make::new(6);
            let dims = [m.row("home", 4), m.fixed("feature", 2), m.bound("site", Role::Plain, 3)];
            let over: Vec<DimId> = over.into_iter().map(|i: usize| dims[i]).collect();
            // All different by construction.
            let v = (0..24).map(|i| ((i * 7 % 24) as f64 - 11.0) / 5.0).collect();
            let x = m.real("x", Varies::Lane, &dims, v);
            let y = m.push(Op::Reduce(op, over), &[x]);
            let order = if op == Reduction::Sum { Order::Twice } else { Order::Once };
            all.push(m.done(&format!("{op:?} over {name}"), &[y], order));
        }
        if op != Reduction::Sum {
            let mut m = Make::new(7);
            let (row, feature) = (m.row("home", 3), m.fixed("feature", 2));
            let x = m.real("x", Varies::Lane, &[row, feature], vec![1.0, 2.0, 1.0, 0.0, 0.5, 2.0]);
            let y = m.push(Op::Reduce(op, vec![row]), &[x]);
            all.push(m.done(&format!("{op:?} of rows with ties"), &[y], Order::Declared));
        }
    }
    let mut m = Make::new(8);
    let (row, state) = (m.row("home", 4), m.fixed("state", 3));
    let x = m.lane("x", &[row, state], -3.0, 3.0);
    let y = m.g.logsumexp(x, &[state]);
    let z = m.g.logsumexp(x, &[row, state]);
    all.push(m.done("logsumexp", &[y, z], Order::Twice));
    all
}

fn contractions() -> Vec<Small> {
    let mut all = Vec::new();
    let mut shapes = |name: &str, a: &[usize], b: &[usize], over: &[usize], data: bool| {
        let mut m = Make::new(9);
        let dims = [m.row("home", 4), m.fixed("feature", 2), m.bound("site", Role::Plain, 3)];
        let of = |k: &[usize]| k.iter().map(|&i| dims[i]).collect::<Vec<_>>();
        let x = if data { m.data("a", &of(a), -1.0, 1.0) } else { m.lane("a", &of(a), -1.0, 1.0) };
        let y = m.lane("b", &of(b), -1.0, 1.0);
        let z = m.push(Op::Contract { over: of(over) }, &[x, y]);
        all.push(m.done(&format!("contract {name}"), &[z], Order::Twice));
    };
    shapes("matrix times vector", &[0, 1], &[1], &[1], true);
    shapes("transposed", &[0, 1], &[0], &[0], true);
    shapes("over two dimensions", &[0, 1, 2], &[0, 1, 2], &[0, 2], false);
    shapes("over all", &[0, 1], &[0, 1], &[0, 1], false);
    shapes("matrix times matrix", &[0, 1], &[1, 2], &[1], false);
    shapes("elementwise in the rest", &[0, 1, 2], &[0, 1], &[1], false);
    shapes("over what only one has", &[0, 1], &[0], &[0, 1], false);
    shapes("over what each has alone", &[0], &[1], &[0, 1], false);
    let mut m = Make::new(10);
    let row = m.row("home", 4);
    let x = m.lane("x", &[row], -1.0, 1.0);
    let y = m.push(Op::Contract { over: vec![row] }, &[x, x]);
    all.push(m.done("contract with itself", &[y], Order::Twice));
    all
}

fn indexing() -> Vec<Small> {
    let mut all = Vec::new();
    for scatter in [false, true] {
        for wide in [false, true] {
            let mut m = Make::new(11);
            let (row, county, feature) =
                (m.row("home", 5), m.bound("county", Role::Plain, 3), m.fixed("feature", 2));
            // Repeated, and one county without a home.
            let i = m.index("of", county, &[row], &[2, 0, 2, 2, 0]);
            let from = if scatter { row } else { county };
            let dims = if wide { vec![from, feature] } else { vec![from] };
            let x = m.lane("x", &dims, -1.0, 1.0);
            let y = m.push(if scatter { Op::ScatterAdd } else { Op::Gather }, &[x, i]);
            let name = if scatter { "scatter_add" } else { "gather" };
            let name = format!("{name}{}", if wide { " of rows of features" } else { "" });
            all.push(m.done(&name, &[y], Order::Twice));
        }
    }
    let mut m = Make::new(12);
    let (row, county, slot) = (m.row("home", 3), m.fixed("county", 3), m.fixed("slot", 2));
    let i = m.index("pairs", county, &[row, slot], &[0, 1, 1, 1, 2, 0]);
    let x = m.lane("x", &[county], -1.0, 1.0);
    let w = m.lane("w", &[row, slot], -1.0, 1.0);
    let y = m.push(Op::Gather, &[x, i]);
    let z = m.push(Op::ScatterAdd, &[w, i]);
    all.push(m.done("an index over two dimensions", &[y, z], Order::Twice));
    all
}

fn structure() -> Vec<Small> {
    let mut all = Vec::new();
    type Body = dyn Fn(&mut Make, [DimId; 3], NodeId) -> Vec<NodeId>;
    let mut one = |name: &str, f: &Body| {
        let mut m = Make::new(13);
        let dims = [m.row("home", 4), m.fixed("feature", 2), m.fixed("site", 3)];
        let x = m.lane("x", &dims, -1.0, 1.0);
        let ys = f(&mut m, dims, x);
        all.push(m.done(name, &ys, Order::Twice));
    };
    one("element", &|m, [_, _, site], x| vec![m.push(Op::Element { dim: site, at: 1 }, &[x])]);
    one("place", &|m, _, x| {
        let other = m.fixed("other", 3);
        vec![m.push(Op::Place { dim: other, at: 2 }, &[x])]
    });
    one("slice", &|m, [_, feature, site], x| {
        let y = m.push(Op::Element { dim: feature, at: 0 }, &[x]);
        let pair = m.fixed("pair", 2);
        vec![m.push(Op::Slice { dim: site, start: 1, into: pair }, &[y])]
    });
    one("pad", &|m, [_, feature, _], x| {
        let wide = m.fixed("wide", 5);
        vec![m.push(Op::Pad { from: feature, start: 2, dim: wide }, &[x])]
    });
    one("shift", &|m, [row, _, site], x| {
        let a = m.push(Op::Shift { dim: row, by: 1, fill: Real(0.7) }, &[x]);
        let b = m.push(Op::Shift { dim: site, by: -2, fill: Real(0.0) }, &[x]);
        let c = m.push(Op::Shift { dim: site, by: 9, fill: Real(0.5) }, &[x]);
        vec![a, b, c]
    });
    one("rename", &|m, [_, feature, _], x| {
        let other = m.fixed("other", 2);
        vec![m.push(Op::Rename(vec![(feature, other)]), &[x])]
    });

    let mut m = Make::new(14);
    let row = m.fixed("d", 3);
    let col = m.g.prime(row);
    let x = m.lane("x", &[row, col], -1.0, 1.0);
    let y = m.push(Op::Rename(vec![(row, col), (col, row)]), &[x]);
    all.push(m.done("rename transposes", &[y], Order::Twice));

    let mut m = Make::new(15);
    let (row, a, b, both) = (m.row("home", 3), m.fixed("a", 2), m.fixed("b", 3), m.fixed("both", 7));
    let x = m.lane("x", &[a], -1.0, 1.0);
    let y = m.lane("y", &[row, b], -1.0, 1.0);
    let s = m.lane("s", &[], -1.0, 1.0);
    let t = m.data("t", &[row], -1.0, 1.0);
    let z = m.push(Op::Concat { parts: vec![None, Some(a), Some(b), None], into: both }, &[s, x, y, t]);
    all.push(m.done("concat", &[z], Order::Twice));

    let mut m = Make::new(16);
    let (head, tail) = (m.fixed("head", 2), m.bound("tail", Role::Plain, 3));
    let whole = m.bound("whole", Role::Plain, 5);
    let (x, y) = (m.lane("x", &[head], -1.0, 1.0), m.lane("y", &[tail], -1.0, 1.0));
    let z = m.push(Op::Concat { parts: vec![Some(head), Some(tail)], into: whole }, &[x, y]);
    all.push(m.done("concat ending in a bound size", &[z], Order::Twice));
    all
}

fn data_only() -> Vec<Small> {
    let mut m = Make::new(17);
    let (row, county) = (m.row("home", 5), m.bound("county", Role::Plain, 3));
    let (n, i, ones, c) = (
        m.push(Op::Size(row), &[]),
        m.push(Op::Iota(row), &[]),
        m.push(Op::Ones(vec![row, county]), &[]),
        m.push(Op::Const(Real(-0.5)), &[]),
    );
    let x = m.lane("x", &[], 0.5, 1.0);
    let outs = [n, i, ones, c].map(|k| m.push(Op::Binary(Binary::Mul), &[x, k]));
    let constants = m.done("size, iota, ones, const", &outs, Order::Twice);

    let mut m = Make::new(18);
    let row = m.row("home", 5);
    let mask = m.real("mask", Varies::Data, &[row], vec![1.0, 0.0, 1.0, 1.0, 0.0]);
    let kept = m.g.add_dim("kept", Role::Row, Size::Count(mask));
    let county = m.fixed("county", 3);
    let v = m.data("v", &[row, county], -1.0, 1.0);
    let i = m.index("of", county, &[row], &[2, 0, 1, 1, 0]);
    let v = m.push(Op::Filter { dim: row, into: kept }, &[v, mask]);
    let i = m.push(Op::Filter { dim: row, into: kept }, &[i, mask]);
    let (x, y) = (m.lane("x", &[county], -1.0, 1.0), m.lane("y", &[county], -1.0, 1.0));
    let (p, q) = (m.push(Op::Binary(Binary::Mul), &[v, x]), m.push(Op::Gather, &[y, i]));
    let filter = m.done("filter", &[p, q], Order::Twice);

    let mut m = Make::new(19);
    let (row, county) = (m.row("home", 7), m.fixed("county", 3));
    let (r, c) = (m.fixed("r", 3), m.fixed("c", 3));
    let one = m.push(Op::Const(Real(1.0)), &[]);
    let (u, v) = (m.data("u", &[row], -1.0, 1.0), m.data("v", &[row], -1.0, 1.0));
    // The last county has fewer homes than columns.
    let i = m.index("of", county, &[row], &[0, 1, 0, 1, 0, 2, 1]);
    let whole = m.push(Op::GramFactor { over: row, row: r, col: c, grouped: false }, &[one, u, v]);
    let by = m.push(Op::GramFactor { over: row, row: r, col: c, grouped: true }, &[one, u, v, i]);
    let x = m.lane("x", &[c], -1.0, 1.0);
    let a = m.push(Op::Contract { over: vec![c] }, &[whole, x]);
    let b = m.push(Op::Contract { over: vec![c] }, &[by, x]);
    let gram = m.done("gram_factor", &[a, b], Order::Twice);
    vec![constants, filter, gram]
}

/// B B' + 2 over `(row, col)`, positive definite, from a lane's B.
fn positive_definite(m: &mut Make, row: DimId, col: DimId, batch: &[DimId]) -> NodeId {
    let k = m.fixed("k", 3);
    let dims: Vec<DimId> = batch.iter().copied().chain([row, k]).collect();
    let b = m.lane("B", &dims, -1.0, 1.0);
    let bt = m.push(Op::Rename(vec![(row, col)]), &[b]);
    let p = m.push(Op::Contract { over: vec![k] }, &[b, bt]);
    let (i, j) = (m.push(Op::Iota(row), &[]), m.push(Op::Iota(col), &[]));
    let on = m.push(Op::Binary(Binary::Eq), &[i, j]);
    let two = m.push(Op::Const(Real(2.0)), &[]);
    let d = m.push(Op::Binary(Binary::Mul), &[two, on]);
    m.push(Op::Binary(Binary::Add), &[p, d])
}

fn algebra() -> Vec<Small> {
    let mut all = Vec::new();
    for batched in [false, true] {
        let mut m = Make::new(20);
        let batch = if batched { vec![m.row("home", 2)] } else { Vec::new() };
        let row = m.fixed("d", 3);
        let col = m.g.prime(row);
        let a = positive_definite(&mut m, row, col, &batch);
        let l = m.push(Op::Cholesky { row, col }, &[a]);
        all.push(m.done(if batched { "cholesky of each row" } else { "cholesky" }, &[l], Order::Twice));
    }
    for transposed in [false, true] {
        for (name, wide, batch_l, batch_b) in [
            ("", false, false, false),
            (" of a matrix", true, false, false),
            (" shared by rows", false, false, true),
            (" of each row", true, true, false),
        ] {
            let mut m = Make::new(21);
            let home = m.row("home", 2);
            let row = m.fixed("d", 3);
            let (col, rhs) = (m.g.prime(row), m.fixed("rhs", 2));
            // Only the lower triangle may matter: the rest is there to be ignored.
            let dims = if batch_l { vec![home, row, col] } else { vec![row, col] };
            let v = (0..m.len(&dims))
                .map(|i| if i % 9 % 4 == 0 { 1.5 } else { 0.0 } + m.rng.uniform(-0.4, 0.4))
                .collect();
            let l = m.real("L", Varies::Lane, &dims, v);
            let mut dims = vec![row];
            dims.extend(batch_b.then_some(home));
            dims.extend(wide.then_some(rhs));
            let dims = m.g.canonical(dims);
            let b = m.lane("b", &dims, -1.0, 1.0);
            let y = m.push(Op::TriSolve { row, col, transposed }, &[l, b]);
            let name = format!("tri_solve{}{name}", if transposed { " transposed" } else { "" });
            all.push(m.done(&name, &[y], Order::Twice));
        }
    }
    all
}

/// `h' = tanh((w h + x_t) u_t)`, emitting `h^2` and, where asked, the incoming `h`.
fn recurrence(m: &mut Make, step: DimId, state: DimId, reverse: bool, emit_carry: bool) -> Vec<NodeId> {
    let to = m.g.prime(state);
    let mut body = Graph::with_dims_of(&m.g);
    let h = body.input("h", Varies::Lane, Kind::Real, &[state]);
    let x = body.input("x", Varies::Data, Kind::Real, &[]);
    let u = body.input("u", Varies::Lane, Kind::Real, &[state]);
    let w = body.input("w", Varies::Lane, Kind::Real, &[state, to]);
    let wh = body.contract(w, h, &[state]);
    let wh = body.rename(wh, &[(to, state)]);
    let s = body.add(wh, x);
    let s = body.mul(s, u);
    let next = body.unary(Unary::Tanh, s);
    let square = body.square(h);
    let mut outputs = vec![next, square];
    if emit_carry {
        outputs.push(h);
    }
    let n = outputs.len();
    let scan = Scan { over: step, n_carry: 1, n_step: 2, reverse, body, outputs };
    let h0 = m.lane("h0", &[state], -1.0, 1.0);
    let x = m.data("x", &[step], -1.0, 1.0);
    let u = m.lane("u", &[step, state], 0.5, 1.0);
    let w = m.lane("w", &[state, to], -1.0, 1.0);
    let t = m.push(Op::Scan(Arc::new(scan)), &[h0, x, u, w]);
    (0..n).map(|k| m.push(Op::Output(k), &[t])).collect()
}

fn scans() -> Vec<Small> {
    let mut all = Vec::new();
    for reverse in [false, true] {
        for emit_carry in [false, true] {
            let mut m = Make::new(22);
            let (step, state) = (m.bound("step", Role::Plain, 4), m.fixed("state", 2));
            let outs = recurrence(&mut m, step, state, reverse, emit_carry);
            let name = format!(
                "scan{}{}",
                if reverse { " in reverse" } else { "" },
                if emit_carry { " emitting its incoming carry" } else { "" }
            );
            all.push(m.done(&name, &outs, Order::Twice));
        }
    }

    // Only the final carry is used, and a gather by a step's index inside.
    let mut m = Make::new(23);
    let (step, county) = (m.bound("step", Role::Plain, 4), m.fixed("county", 3));
    let mut body = Graph::with_dims_of(&m.g);
    let s = body.input("s", Varies::Lane, Kind::Real, &[]);
    let i = body.input("i", Varies::Data, Kind::Index(county), &[]);
    let a = body.input("a", Varies::Lane, Kind::Real, &[county]);
    let at = body.gather(a, i);
    let e = body.unary(Unary::Sigmoid, s);
    let next = body.mul(e, at);
    let scan = Scan { over: step, n_carry: 1, n_step: 1, reverse: false, body, outputs: vec![next] };
    let s0 = m.lane("s0", &[], -1.0, 1.0);
    let i = m.index("i", county, &[step], &[1, 0, 1, 1]);
    let a = m.lane("a", &[county], 0.5, 1.5);
    let t = m.push(Op::Scan(Arc::new(scan)), &[s0, i, a]);
    let y = m.push(Op::Output(0), &[t]);
    all.push(m.done("scan with an index for each step", &[y], Order::Twice));

    // Its derivative needs primed dimensions inside the body and outside.
    let mut m = Make::new(24);
    let step = m.bound("step", Role::Plain, 3);
    let row = m.fixed("d", 2);
    let col = m.g.prime(row);
    let p0 = positive_definite(&mut m, row, col, &[]);
    let mut body = Graph::with_dims_of(&m.g);
    let p = body.input("P", Varies::Lane, Kind::Real, &[row, col]);
    let q = body.input("q", Varies::Lane, Kind::Real, &[]);
    let l = body.cholesky(p, row, col);
    let (i, j) = (body.iota(row), body.iota(col));
    let on = body.binary(Binary::Eq, i, j);
    let noise = body.mul(q, on);
    let half = body.scale(0.5, p);
    let next = body.add(half, noise);
    let scan = Scan { over: step, n_carry: 1, n_step: 1, reverse: false, body, outputs: vec![next, l] };
    let q = m.lane("q", &[step], 0.5, 1.5);
    let t = m.push(Op::Scan(Arc::new(scan)), &[p0, q]);
    let (y, z) = (m.push(Op::Output(0), &[t]), m.push(Op::Output(1), &[t]));
    let l = m.push(Op::Cholesky { row, col }, &[y]);
    all.push(m.done("scan with a cholesky inside", &[l, z], Order::Twice));
    all
}

fn foreign() -> Small {
    let mut m = Make::new(25);
    let (row, feature) = (m.row("home", 3), m.fixed("feature", 2));
    let (a, b) = (m.lane("a", &[feature], -1.0, 1.0), m.lane("b", &[feature], 0.5, 1.0));
    let t = m.push(TestOp::op(), &[a, b]);
    let (p, q) = (m.push(Op::Output(0), &[t]), m.push(Op::Output(1), &[t]));
    let w = m.data("w", &[row], -1.0, 1.0);
    let z = m.push(Op::Binary(Binary::Mul), &[w, q]);
    m.done("foreign", &[p, z], Order::Once)
}
