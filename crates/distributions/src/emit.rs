//! Pieces of graph that several densities share.

use graph::ir::{Binary, Graph, NodeId, Op, Unary, Varies};
use graph::log_tail::{Law, LogTail};
use model::Support;

use crate::range::{is_positive, range, takes_single_values};

/// ln(2 pi) / 2.
pub const HALF_LN_2PI: f64 = 0.918_938_533_204_672_7;

/// `(x - location) / scale`.
pub fn standardise(g: &mut Graph, x: NodeId, location: NodeId, scale: NodeId) -> NodeId {
    let d = g.sub(x, location);
    g.div(d, scale)
}

/// `inside` where `x` lies in the support, else -inf. Nothing is emitted for data, which the
/// compiler checks, or where the structure of `x` keeps it inside.
pub fn within(g: &mut Graph, x: NodeId, support: Support, inside: NodeId) -> NodeId {
    if g.varies(x) == Varies::Data {
        return inside;
    }
    let (low, high) = range(g, x);
    let (lower, upper) = support.range();
    // a + (b - a) sigmoid(u) may round past b by a unit in the last place: still inside.
    let slack = 4.0
        * f64::EPSILON
        * [lower, upper].into_iter().filter(|b| b.is_finite()).fold(0.0, |m, b| b.abs().max(m));
    let mut inside = inside;
    if low < lower - slack {
        let bound = g.constant(lower);
        let out = g.binary(Binary::Lt, x, bound);
        inside = impossible_where(g, out, inside);
    }
    if high > upper + slack {
        let bound = g.constant(upper);
        let out = g.binary(Binary::Lt, bound, x);
        inside = impossible_where(g, out, inside);
    }
    if support.is_discrete() {
        let whole = g.unary(Unary::Floor, x);
        let out = g.binary(Binary::Lt, whole, x);
        inside = impossible_where(g, out, inside);
    }
    inside
}

/// `inside` where `x` lies between ends that vary, else -inf: data are compared too. Nothing is
/// emitted for an end that `x` is made from.
pub fn between(
    g: &mut Graph,
    x: NodeId,
    (lower, upper): (Option<NodeId>, Option<NodeId>),
    inside: NodeId,
) -> NodeId {
    let mut inside = inside;
    if let Some(lower) = lower
        && !is_made_from(g, x, lower)
    {
        let below = g.binary(Binary::Lt, x, lower);
        inside = impossible_where(g, below, inside);
    }
    if let Some(upper) = upper
        && !is_made_from(g, x, upper)
    {
        let above = g.binary(Binary::Lt, upper, x);
        inside = impossible_where(g, above, inside);
    }
    if let (Some(lower), Some(upper)) = (lower, upper) {
        let empty = g.binary(Binary::Le, upper, lower);
        inside = impossible_where(g, empty, inside);
    }
    inside
}

/// Is `x` what a bijector makes of coordinates and the end `bound`: a sum or difference that has it,
/// whose other parts keep their sign?
fn is_made_from(g: &Graph, x: NodeId, bound: NodeId) -> bool {
    let node = g.node(x);
    let keeps_sign = |n: NodeId| {
        let mut parts = vec![n];
        while let Some(n) = parts.pop() {
            match &g.node(n).op {
                Op::Unary(Unary::Exp | Unary::Sigmoid) => return true,
                Op::Binary(Binary::Mul) => parts.extend(&g.node(n).args),
                _ => {}
            }
        }
        false
    };
    match node.op {
        Op::Binary(Binary::Add | Binary::Sub) if node.args.contains(&bound) => {
            node.args.iter().any(|&n| n != bound && keeps_sign(n))
        }
        _ => false,
    }
}

/// `inside` where `x` is above zero, else -inf: for densities that vanish at zero, though their
/// terms do not (inf - inf).
pub fn above_zero(g: &mut Graph, x: NodeId, inside: NodeId) -> NodeId {
    if g.varies(x) == Varies::Data || is_positive(g, x) {
        return inside;
    }
    let zero = g.constant(0.0);
    let out = g.binary(Binary::Le, x, zero);
    impossible_where(g, out, inside)
}

/// Are `x` and its bound both data, known together element by element? Then they were compared before. A bound
/// with a dimension of its own has many values for each `x`: those of a discrete latent, some of which are
/// impossible.
pub fn checked_before(g: &Graph, x: NodeId, bound: NodeId) -> bool {
    let known = [x, bound].iter().all(|&n| g.varies(n) == Varies::Data);
    known && g.ty(bound).dims.iter().all(|&d| g.ty(x).has(d))
}

/// The larger of `x` and 0.
pub fn not_negative(g: &mut Graph, x: NodeId) -> NodeId {
    let zero = g.constant(0.0);
    g.binary(Binary::Max, x, zero)
}

/// -inf where `out` is not zero.
pub fn impossible_where(g: &mut Graph, out: NodeId, inside: NodeId) -> NodeId {
    let never = g.constant(f64::NEG_INFINITY);
    g.select(out, never, inside)
}

/// `x ln(y)`, 0 where `x` is 0, for `x` and `y` not negative; -inf where `y` alone is 0, as in
/// [`ln_or_never`].
///
/// A lane scalar `y` that is 0 nowhere but by chance is left without the check, so that its logarithm
/// leaves the sum over rows.
pub fn x_ln_y(g: &mut Graph, x: NodeId, y: NodeId) -> NodeId {
    let ln_y = ln_or_never(g, y);
    x_times_ln(g, x, y, ln_y)
}

/// `x ln(1 - p)`, 0 where `x` is 0 (as [`x_ln_y`]), for p in [0, 1].
pub fn x_ln_complement(g: &mut Graph, x: NodeId, p: NodeId) -> NodeId {
    let q = complement(g, p);
    // Of a constant near 0 the difference would be rounded before its logarithm is taken.
    let ln_q = match g.as_const(p) {
        Some(p) => g.constant((-p).ln_1p()),
        None => ln_or_never(g, q),
    };
    x_times_ln(g, x, q, ln_q)
}

fn x_times_ln(g: &mut Graph, x: NodeId, y: NodeId, ln_y: NodeId) -> NodeId {
    let scalar = g.varies(y) != Varies::Data && g.ty(y).dims.is_empty() && !takes_single_values(g, y);
    let product = g.mul(x, ln_y);
    if scalar || is_positive(g, y) || g.as_const(x).is_some_and(|x| x != 0.0) {
        return product;
    }
    let zero = g.constant(0.0);
    let none = g.binary(Binary::Eq, x, zero);
    g.select(none, zero, product)
}

/// `ln y` of a probability or a rate, not negative. Where it is exactly 0, as `z * p` is for a discrete z
/// at 0, the value is -inf and the gradient 0: what is impossible there stays so if p moves.
///
/// The check is left out where the structure of `y` says that it is 0 only by chance.
pub fn ln_or_never(g: &mut Graph, y: NodeId) -> NodeId {
    if g.varies(y) == Varies::Data || is_positive(g, y) || !takes_single_values(g, y) {
        return g.ln(y);
    }
    let (zero, one) = (g.constant(0.0), g.constant(1.0));
    let none = g.binary(Binary::Eq, y, zero);
    let some = g.select(none, one, y);
    let ln_y = g.ln(some);
    impossible_where(g, none, ln_y)
}

/// `ln x`, where x may be a latent scaled onto an interval that starts at 0: its factors' logarithms
/// do not underflow with it.
pub fn ln(g: &mut Graph, x: NodeId) -> NodeId {
    let node = g.node(x);
    if node.op == Op::Binary(Binary::Mul) {
        let (c, y) = (node.args[0], node.args[1]);
        if let (Some(c), Op::Unary(Unary::Sigmoid | Unary::Exp)) = (g.as_const(c), &g.node(y).op)
            && c > 0.0
        {
            let ln_y = g.ln(y);
            return g.add_const(ln_y, c.ln());
        }
    }
    g.ln(x)
}

/// `1 - x`. Of a latent scaled onto an interval that ends at 1, it is its distance from there, kept
/// where 1 - x itself would round to nothing.
pub fn complement(g: &mut Graph, x: NodeId) -> NodeId {
    if let Some((width, u)) = sigmoid_up_to_one(g, x) {
        let minus = g.neg(u);
        let s = g.unary(Unary::Sigmoid, minus);
        return g.scale(width, s);
    }
    let one = g.constant(1.0);
    g.sub(one, x)
}

/// `x = a + width sigmoid(u)` with `a + width = 1`.
fn sigmoid_up_to_one(g: &Graph, x: NodeId) -> Option<(f64, NodeId)> {
    let args = |n: NodeId, op: Op| (g.node(n).op == op).then(|| &g.node(n).args);
    let sum = args(x, Op::Binary(Binary::Add))?;
    let product = args(sum[1], Op::Binary(Binary::Mul))?;
    let (start, width) = (g.as_const(sum[0])?, g.as_const(product[0])?);
    let u = args(product[1], Op::Unary(Unary::Sigmoid))?[0];
    let ends = (start + width - 1.0).abs() <= 2.0 * f64::EPSILON;
    ends.then_some((width, u))
}

/// ln(1 - e^-d) for d >= 0; -inf at 0. Source: M. Maechler, Accurately computing log(1 - exp(-|a|))
/// (2012), equation (7).
pub fn ln_1m_exp_neg(g: &mut Graph, d: NodeId) -> NodeId {
    let minus = g.neg(d);
    let m = g.unary(Unary::Expm1, minus);
    let m = g.neg(m);
    let small = g.ln(m);
    let e = g.exp(minus);
    let e = g.neg(e);
    let large = g.log1p(e);
    let half = g.constant(std::f64::consts::LN_2);
    let near = g.binary(Binary::Lt, d, half);
    g.select(near, small, large)
}

/// ln(1 - exp(-e^a)): also where e^a underflows.
pub fn ln_1m_exp_neg_exp(g: &mut Graph, a: NodeId) -> NodeId {
    let d = g.exp(a);
    let usual = ln_1m_exp_neg(g, d);
    // ln((1 - e^-d) / d) = -d/2 + d^2/24 - ..
    let half = g.scale(0.5, d);
    let tiny = g.sub(a, half);
    let limit = g.constant(-20.0);
    let is_tiny = g.binary(Binary::Lt, a, limit);
    g.select(is_tiny, tiny, usual)
}

/// (ln p, ln q) of p + q = 1, both given with all their digits: the larger's logarithm comes from the
/// smaller.
pub fn ln_of_parts(g: &mut Graph, p: NodeId, q: NodeId) -> (NodeId, NodeId) {
    let is_small = g.binary(Binary::Lt, p, q);
    let (ln_p, ln_q) = (g.ln(p), g.ln(q));
    let (minus_p, minus_q) = (g.neg(p), g.neg(q));
    let (rest_p, rest_q) = (g.log1p(minus_p), g.log1p(minus_q));
    (g.select(is_small, ln_p, rest_q), g.select(is_small, rest_p, ln_q))
}

/// ln(e^a + e^b); one of them may be -inf.
pub fn log_add_exp(g: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
    let (up, down) = (g.sub(a, b), g.sub(b, a));
    let (more_a, more_b) = (g.softplus(down), g.softplus(up));
    let (from_a, from_b) = (g.add(a, more_a), g.add(b, more_b));
    let b_leads = g.binary(Binary::Lt, a, b);
    g.select(b_leads, from_b, from_a)
}

/// ln(a!) for whole a, by the gamma function.
pub fn ln_factorial(g: &mut Graph, a: NodeId) -> NodeId {
    let a = g.add_const(a, 1.0);
    g.lgamma(a)
}

/// ln Gamma(a + n) - ln Gamma(a) - n ln a for a > 0, n >= 0: about n (n - 1) / (2a) far out, and exactly 0 where n
/// is. Nothing in it cancels, nor in its derivatives, whatever the sizes of a and n:
///
/// `(a + n - 1/2) (ln(1 + n/a) - n/(a + n)) - n/(2 (a + n)) + rest(a + n) - rest(a)`,
///
/// by ln Gamma(a) = (a - 1/2) ln a - a + ln(2 pi)/2 + rest(a) (NIST DLMF 5.11.1).
pub fn ln_rising_excess(g: &mut Graph, a: NodeId, n: NodeId) -> NodeId {
    let sum = g.add(a, n);
    let gap = g.binary(Binary::Log1pGap, n, a);
    let less = g.add_const(sum, -0.5);
    // The derivatives of the gap have the same quotient.
    let (gaps, share) = (g.mul(less, gap), g.div(n, sum));
    let half = g.scale(0.5, share);
    let (above, below) = (g.unary(Unary::LgammaRest, sum), g.unary(Unary::LgammaRest, a));
    let gaps = g.sub(gaps, half);
    let rests = g.sub(above, below);
    g.add(gaps, rests)
}

/// ln of the number of ways to choose x of n, `rest` = n - x: exactly 0 where it is one way. Of two large
/// numbers it keeps its relative digits.
pub fn ln_choose(g: &mut Graph, n: NodeId, x: NodeId, rest: NodeId) -> NodeId {
    let fewer = g.binary(Binary::Min, x, rest);
    let more = g.sub(n, fewer);
    let more = g.add_const(more, 1.0);
    let (excess, ln_more) = (ln_rising_excess(g, more, fewer), g.ln(more));
    let power = g.mul(fewer, ln_more);
    let rising = g.add(excess, power);
    let orders = ln_factorial(g, fewer);
    g.sub(rising, orders)
}

/// ln(a / (a + b)) for positive a and b, with its digits whatever their sizes, and those of its derivatives.
pub fn ln_share(g: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
    let sum = g.add(a, b);
    let (gap, other) = (g.binary(Binary::Log1pGap, b, a), g.div(b, sum));
    let ln = g.add(gap, other);
    g.neg(ln)
}

/// ln of the beta function: `a ln p + b ln q + (ln(a + b) - ln a - ln b + ln(2 pi)) / 2 + rest(a) + rest(b) -
/// rest(a + b)`, p = a / (a + b) = 1 - q.
pub fn ln_beta(g: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
    let sum = g.add(a, b);
    let (ln_p, ln_q) = (ln_share(g, a, b), ln_share(g, b, a));
    let (left, right) = (g.mul(a, ln_p), g.mul(b, ln_q));
    let shares = g.add(left, right);
    let (ln_a, ln_b, ln_sum) = (g.ln(a), g.ln(b), g.ln(sum));
    let both = g.add(ln_a, ln_b);
    let root = g.sub(ln_sum, both);
    let root = g.scale(0.5, root);
    let root = g.add_const(root, HALF_LN_2PI);
    let rests = [a, b, sum].map(|x| g.unary(Unary::LgammaRest, x));
    let own = g.add(rests[0], rests[1]);
    let own = g.sub(own, rests[2]);
    let root = g.add(root, own);
    g.add(shares, root)
}

/// A tail that has no closed form: its shapes, then the point.
pub fn log_tail(g: &mut Graph, law: Law, args: &[NodeId]) -> NodeId {
    g.log_tail(LogTail { law, by: None }, args)
}
