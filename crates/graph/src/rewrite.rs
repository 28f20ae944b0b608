//! Local rewrites: constant folding and the forms that keep digits.

use crate::ir::{Binary, Graph, NodeId, Op, Unary};

/// `op(x)` for a constant; `None` where the kernel's own value should be used.
pub fn fold_unary(op: Unary, x: f64) -> Option<f64> {
    Some(match op {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
        Unary::Recip => 1.0 / x,
        Unary::Sqrt => x.sqrt(),
        Unary::Square => x * x,
        Unary::Exp => x.exp(),
        Unary::Ln => x.ln(),
        Unary::Log1p => x.ln_1p(),
        Unary::Expm1 => x.exp_m1(),
        Unary::Tanh => x.tanh(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Atan => x.atan(),
        Unary::Floor => x.floor(),
        Unary::Not => 1.0 - x,
        Unary::Detach => x,
        Unary::Sigmoid
        | Unary::Softplus
        | Unary::Erf
        | Unary::Erfc
        | Unary::LogNdtr
        | Unary::Lgamma
        | Unary::Digamma
        | Unary::Trigamma
        | Unary::LgammaRest
        | Unary::DigammaRest
        | Unary::TrigammaRest
        | Unary::LogBesselI0e
        | Unary::BesselGap => return None,
    })
}

/// `op(x, y)` for constants.
pub fn fold_binary(op: Binary, x: f64, y: f64) -> f64 {
    match op {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Pow => x.powf(y),
        // NaN survives, as in the kernels.
        Binary::Max => {
            if x.is_nan() || x > y {
                x
            } else {
                y
            }
        }
        Binary::Min => {
            if x.is_nan() || x < y {
                x
            } else {
                y
            }
        }
        Binary::Log1pGap => numerics::special::log1p_gap(x, y),
        Binary::Lt => f64::from(x < y),
        Binary::Le => f64::from(x <= y),
        Binary::Eq => f64::from(x == y),
    }
}

fn arg(g: &Graph, n: NodeId, op: Unary) -> Option<NodeId> {
    (g.node(n).op == Op::Unary(op)).then(|| g.node(n).args[0])
}

/// `a op b` with its operands.
fn operands(g: &Graph, n: NodeId, op: Binary) -> Option<(NodeId, NodeId)> {
    (g.node(n).op == Op::Binary(op)).then(|| (g.node(n).args[0], g.node(n).args[1]))
}

/// Better forms of `op(x)`.
pub fn unary(g: &mut Graph, op: Unary, x: NodeId) -> Option<NodeId> {
    match op {
        Unary::Exp => arg(g, x, Unary::Ln),
        Unary::Ln => {
            if let Some(y) = arg(g, x, Unary::Exp) {
                return Some(y);
            }
            // ln sigmoid(y) = -softplus(-y): no underflow
            if let Some(y) = arg(g, x, Unary::Sigmoid) {
                let n = g.neg(y);
                let s = g.softplus(n);
                return Some(g.neg(s));
            }
            if let Some((a, b)) = operands(g, x, Binary::Add)
                && g.as_const(a) == Some(1.0)
            {
                return Some(g.log1p(b));
            }
            if let Some((a, b)) = operands(g, x, Binary::Sub)
                && g.as_const(a) == Some(1.0)
            {
                let m = g.neg(b);
                return Some(g.log1p(m));
            }
            if let Some(y) = arg(g, x, Unary::Sqrt) {
                let l = g.ln(y);
                return Some(g.scale(0.5, l));
            }
            if let Some(y) = arg(g, x, Unary::Recip) {
                let l = g.ln(y);
                return Some(g.neg(l));
            }
            None
        }
        Unary::Log1p => arg(g, x, Unary::Exp).map(|y| g.softplus(y)),
        Unary::Sqrt => arg(g, x, Unary::Square).map(|y| g.unary(Unary::Abs, y)),
        Unary::Abs => matches!(
            g.node(x).op,
            Op::Unary(
                Unary::Exp | Unary::Abs | Unary::Square | Unary::Sqrt | Unary::Sigmoid | Unary::Softplus
            )
        )
        .then_some(x),
        Unary::Detach => arg(g, x, Unary::Detach).map(|_| x),
        _ => None,
    }
}

/// Better forms of `1 / x`.
pub fn recip(g: &mut Graph, x: NodeId) -> Option<NodeId> {
    if let Some(y) = arg(g, x, Unary::Recip) {
        return Some(y);
    }
    if let Some(y) = arg(g, x, Unary::Exp) {
        let n = g.neg(y);
        return Some(g.exp(n));
    }
    if let Some((a, b)) = operands(g, x, Binary::Add)
        && g.as_const(a) == Some(1.0)
        && let Some(y) = arg(g, b, Unary::Exp)
    {
        let n = g.neg(y);
        return Some(g.unary(Unary::Sigmoid, n));
    }
    None
}

/// Better forms of `a + b`.
pub fn add(g: &mut Graph, a: NodeId, b: NodeId) -> Option<NodeId> {
    for (x, y) in [(a, b), (b, a)] {
        // -1 + exp(t)
        if g.as_const(x) == Some(-1.0)
            && let Some(t) = arg(g, y, Unary::Exp)
        {
            return Some(g.unary(Unary::Expm1, t));
        }
    }
    None
}

/// Better forms of `a - b`.
pub fn sub(g: &mut Graph, a: NodeId, b: NodeId) -> Option<NodeId> {
    if g.as_const(b) == Some(1.0)
        && let Some(t) = arg(g, a, Unary::Exp)
    {
        return Some(g.unary(Unary::Expm1, t));
    }
    if g.as_const(a) == Some(1.0)
        && let Some(t) = arg(g, b, Unary::Sigmoid)
    {
        let n = g.neg(t);
        return Some(g.unary(Unary::Sigmoid, n));
    }
    None
}
