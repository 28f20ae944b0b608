//! Bounds of a node that follow from its structure alone, so that a density whose argument comes
//! out of the right bijector needs no check of its support.

use graph::ir::{Binary, Graph, NodeId, Op, Reduction, Unary, Varies};

/// How deep a structure is looked into: bijectors are a few nodes, anything deeper is unknown.
const DEPTH: usize = 12;

/// Numbers that every element of `n` lies between (infinite where nothing is known). Rounding may
/// step over an end by a unit in the last place.
pub fn range(g: &Graph, n: NodeId) -> (f64, f64) {
    range_with(g, n, &|_, _| UNKNOWN)
}

/// [`range`], where the bounds of draw-free nodes are known.
pub fn range_with(g: &Graph, n: NodeId, data: &dyn Fn(&Graph, NodeId) -> (f64, f64)) -> (f64, f64) {
    bounds(g, n, data, DEPTH)
}

/// Is every element of `n` above zero, up to underflow?
pub fn is_positive(g: &Graph, n: NodeId) -> bool {
    match g.node(n).op {
        Op::Unary(Unary::Exp | Unary::Sigmoid | Unary::Softplus) => true,
        _ => range(g, n).0 > 0.0,
    }
}

/// May `n` have one and the same value wherever the coordinates are, as data, constants and comparisons
/// have it, choices between them, and products with 0? What is made of coordinates by smooth functions
/// has any single value only by chance. Yes where the structure is not known.
pub fn takes_single_values(g: &Graph, n: NodeId) -> bool {
    // Each factor asks for its range.
    single(g, n, DEPTH / 2)
}

fn single(g: &Graph, n: NodeId, depth: usize) -> bool {
    let node = g.node(n);
    if node.varies == Varies::Data || depth == 0 {
        return true;
    }
    let arg = |k: usize| single(g, node.args[k], depth - 1);
    // A factor may be 0, where the other does not matter.
    let zero = |k: usize| {
        let n = node.args[k];
        let (low, high) = range(g, n);
        low <= 0.0 && high >= 0.0 && !is_positive(g, n) && arg(k)
    };
    match &node.op {
        Op::Input(_) => false,
        Op::Unary(Unary::Sign | Unary::Floor | Unary::Not) => true,
        Op::Unary(_) | Op::Element { .. } | Op::Slice { .. } | Op::Rename(_) | Op::Gather => arg(0),
        Op::Binary(Binary::Add | Binary::Sub) => arg(0) && arg(1),
        Op::Binary(Binary::Mul) => zero(0) || zero(1) || (arg(0) && arg(1)),
        Op::Binary(Binary::Div) => zero(0) || (arg(0) && arg(1)),
        Op::Binary(Binary::Max | Binary::Min) => arg(0) || arg(1),
        Op::Select => arg(1) || arg(2),
        _ => true,
    }
}

const UNKNOWN: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

fn bounds(g: &Graph, n: NodeId, data: &dyn Fn(&Graph, NodeId) -> (f64, f64), depth: usize) -> (f64, f64) {
    if depth == 0 {
        return UNKNOWN;
    }
    let node = g.node(n);
    let arg = |k: usize| bounds(g, node.args[k], data, depth - 1);
    let found = match &node.op {
        Op::Const(x) => (x.0, x.0),
        Op::Size(_) | Op::Iota(_) => (0.0, f64::INFINITY),
        Op::Ones(_) => (1.0, 1.0),
        Op::Unary(op) => {
            let (a, b) = arg(0);
            match op {
                Unary::Neg => (-b, -a),
                Unary::Exp => (a.exp(), b.exp()),
                Unary::Sigmoid => (sigmoid(a), sigmoid(b)),
                Unary::Tanh => (a.tanh(), b.tanh()),
                Unary::Softplus | Unary::Abs | Unary::Square | Unary::Sqrt => (0.0, f64::INFINITY),
                Unary::Detach => (a, b),
                Unary::Recip if a >= 0.0 => (0.0, f64::INFINITY),
                _ => UNKNOWN,
            }
        }
        Op::Binary(op) => {
            let ((a, b), (c, d)) = (arg(0), arg(1));
            match op {
                Binary::Add => (a + c, b + d),
                Binary::Sub => (a - d, b - c),
                Binary::Mul => hull([times(a, c), times(a, d), times(b, c), times(b, d)]),
                Binary::Div if a >= 0.0 && c >= 0.0 => (0.0, f64::INFINITY),
                Binary::Max => (a.max(c), b.max(d)),
                Binary::Min => (a.min(c), b.min(d)),
                Binary::Lt | Binary::Le | Binary::Eq => (0.0, 1.0),
                Binary::Log1pGap if a >= 0.0 && c >= 0.0 => (0.0, f64::INFINITY),
                Binary::Div | Binary::Pow | Binary::Log1pGap => UNKNOWN,
            }
        }
        Op::Select => {
            let ((a, b), (c, d)) = (arg(1), arg(2));
            (a.min(c), b.max(d))
        }
        Op::Reduce(Reduction::Max | Reduction::Min, _)
        | Op::Gather
        | Op::Element { .. }
        | Op::Slice { .. }
        | Op::Rename(_)
        | Op::Filter { .. } => arg(0),
        _ => UNKNOWN,
    };
    if found.0.is_nan() || found.1.is_nan() {
        UNKNOWN
    } else if found == UNKNOWN && node.varies == Varies::Data {
        data(g, n)
    } else {
        found
    }
}

/// A product of bounds: 0 times an infinite bound is 0.
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

fn hull(x: [f64; 4]) -> (f64, f64) {
    (x.iter().copied().fold(f64::INFINITY, f64::min), x.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
