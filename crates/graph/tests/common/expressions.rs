//! Random graphs of every kind of node, pushed as they come: what rewrites must not change.

use graph::interpret::evaluate;
use graph::ir::{Binary, DimId, Kind, NodeId, Op, Real, Reduction, Role, Unary, Varies};
use graph::value::Value;

use super::small_examples::{Make, Numbers};

/// A random graph: outputs are finite, and between nodes there may be NaN that a choice leaves out.
pub struct Expression {
    pub make: Make,
    pub outputs: Vec<NodeId>,
    /// Whether every node is smooth where it stands.
    pub smooth: bool,
}

struct Pool {
    m: Make,
    nodes: Vec<NodeId>,
    indices: Vec<NodeId>,
    masks: Vec<NodeId>,
    plain: Vec<DimId>,
    row: DimId,
    smooth: bool,
}

pub fn expression(seed: u64, n_nodes: usize) -> Expression {
    let mut m = Make::new(seed);
    let row = m.row("home", 6);
    let (county, feature) = (m.bound("county", Role::Plain, 3), m.fixed("feature", 2));
    let pair = m.fixed("pair", 2);
    let county2 = m.g.prime(county);
    let mut nodes = vec![
        m.lane("s", &[], -2.0, 2.0),
        m.lane("t", &[], 0.5, 2.0),
        m.real("c", Varies::Data, &[], vec![0.7]),
        m.lane("alpha", &[county], -2.0, 2.0),
        m.lane("b", &[feature], -2.0, 2.0),
        m.data("u", &[county], -2.0, 2.0),
        m.data("y", &[row], -2.0, 2.0),
        m.lane("z", &[row], -2.0, 2.0),
        m.data("x", &[row, feature], -2.0, 2.0),
        m.lane("w", &[row, feature], -2.0, 2.0),
        m.lane("tau", &[county], 0.5, 2.0),
    ];
    for c in [0.0, 1.0, -1.0, 0.5] {
        nodes.push(m.push(Op::Const(Real(c)), &[]));
    }
    let indices = vec![
        m.index("of", county, &[row], &[0, 2, 2, 1, 2, 0]),
        m.index("near", county, &[row], &[1, 1, 1, 2, 1, 2]),
        m.index("kind", feature, &[county], &[1, 0, 1]),
    ];
    let masks = vec![
        m.real("mask", Varies::Data, &[row], vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0]),
        m.real("mark", Varies::Data, &[feature], vec![0.0, 1.0]),
        m.real("switch", Varies::Data, &[], vec![0.0]),
    ];
    let mut p =
        Pool { m, nodes, indices, masks, plain: vec![county, feature, pair, county2], row, smooth: true };
    let mut tries = 0;
    let start = p.nodes.len();
    while p.nodes.len() < start + n_nodes && tries < 20 * n_nodes {
        tries += 1;
        p.grow();
    }
    // What the last nodes are, finite ones only.
    let outputs: Vec<NodeId> =
        p.nodes[start..].iter().rev().copied().filter(|&n| p.is_finite(n)).take(3).collect();
    Expression { make: p.m, outputs, smooth: p.smooth }
}

const UNARY: &[Unary] = &[
    Unary::Neg,
    Unary::Neg,
    Unary::Abs,
    Unary::Recip,
    Unary::Sqrt,
    Unary::Square,
    Unary::Exp,
    Unary::Ln,
    Unary::Log1p,
    Unary::Expm1,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Softplus,
    Unary::Sin,
    Unary::Not,
    Unary::LogNdtr,
];

const BINARY: &[Binary] = &[
    Binary::Add,
    Binary::Add,
    Binary::Sub,
    Binary::Sub,
    Binary::Mul,
    Binary::Mul,
    Binary::Mul,
    Binary::Div,
    Binary::Div,
    Binary::Pow,
    Binary::Max,
    Binary::Min,
];

impl Pool {
    fn pick<T: Copy>(rng: &mut Numbers, of: &[T]) -> T {
        of[rng.below(of.len())]
    }

    fn any(&mut self) -> NodeId {
        // New nodes more often than leaves.
        let n = self.nodes.len();
        let from = if self.m.rng.below(2) == 0 { n / 2 } else { 0 };
        self.nodes[from + self.m.rng.below(n - from)]
    }

    fn value(&self, n: NodeId) -> Vec<f64> {
        match &evaluate(&self.m.g, &[n], &self.m.b).unwrap_or_else(|e| panic!("{e}"))[0] {
            Value::Real(v) => v.clone(),
            Value::Index(_) => Vec::new(),
        }
    }

    fn is_finite(&self, n: NodeId) -> bool {
        self.value(n).iter().all(|x| x.is_finite())
    }

    /// Some dimensions of a node, at least one if it has any.
    fn some_dims(&mut self, n: NodeId) -> Vec<DimId> {
        let dims = self.m.g.ty(n).dims.clone();
        let keep: Vec<DimId> = dims.iter().copied().filter(|_| self.m.rng.below(2) == 0).collect();
        if keep.is_empty() { dims.first().copied().into_iter().collect() } else { keep }
    }

    fn grow(&mut self) {
        let (a, b) = (self.any(), self.any());
        let dims = self.m.g.ty(a).dims.clone();
        let (op, args) = match self.m.rng.below(16) {
            0..=2 => (Op::Unary(Self::pick(&mut self.m.rng, UNARY)), vec![a]),
            3..=7 => (Op::Binary(Self::pick(&mut self.m.rng, BINARY)), vec![a, b]),
            8 | 9 => {
                let c = Self::pick(&mut self.m.rng, &self.masks);
                (Op::Select, if self.m.rng.below(2) == 0 { vec![c, a, b] } else { vec![c, b, a] })
            }
            10 => {
                let r = Self::pick(
                    &mut self.m.rng,
                    &[Reduction::Sum, Reduction::Sum, Reduction::Sum, Reduction::Max],
                );
                (Op::Reduce(r, self.some_dims(a)), vec![a])
            }
            11 => (Op::Contract { over: self.some_dims(a) }, vec![a, b]),
            12 => (Op::Gather, vec![a, Self::pick(&mut self.m.rng, &self.indices)]),
            13 => (Op::ScatterAdd, vec![a, Self::pick(&mut self.m.rng, &self.indices)]),
            14 => {
                // A condition that draws decide.
                let c = self.m.push(Op::Binary(Binary::Lt), &[a, b]);
                let x = self.any();
                self.smooth = false;
                (Op::Select, vec![c, x, a])
            }
            _ => {
                let d = if dims.is_empty() { self.plain[0] } else { Self::pick(&mut self.m.rng, &dims) };
                let to = Self::pick(&mut self.m.rng, &self.plain);
                match self.m.rng.below(6) {
                    0 => (Op::Element { dim: d, at: self.m.rng.below(2) }, vec![a]),
                    1 => (Op::Place { dim: to, at: self.m.rng.below(2) }, vec![a]),
                    2 => (Op::Slice { dim: self.plain[0], start: 1, into: self.plain[2] }, vec![a]),
                    3 => (Op::Pad { from: self.plain[1], start: 1, dim: self.plain[0] }, vec![a]),
                    4 => (Op::Shift { dim: d, by: 1, fill: Real(0.0) }, vec![a]),
                    _ => (Op::Rename(vec![(self.plain[0], self.plain[3])]), vec![a]),
                }
            }
        };
        if args
            .iter()
            .any(|&x| self.m.g.ty(x).kind != Kind::Real && !matches!(op, Op::Gather | Op::ScatterAdd))
        {
            return;
        }
        let before = self.m.g.nodes().len();
        let kinked = matches!(
            op,
            Op::Unary(Unary::Abs) | Op::Binary(Binary::Max | Binary::Min) | Op::Reduce(Reduction::Max, _)
        );
        let Ok(n) = self.m.g.push(op, &args) else { return };
        if n.index() < before || self.m.g.ty(n).dims.len() > 3 {
            return;
        }
        let v = self.value(n);
        let tame = v.iter().all(|x| x.is_nan() || x.abs() < 20.0);
        if tame && (v.iter().all(|x| !x.is_nan()) || self.m.rng.below(2) == 0) {
            self.smooth &= !kinked;
            self.nodes.push(n);
        }
        let _ = self.row;
    }
}
