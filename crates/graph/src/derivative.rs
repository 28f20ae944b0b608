//! What forward and reverse differentiation share: local derivatives, and forms with residuals.

use crate::ir::{Binary, DimId, Graph, NodeId, Op, Origin, Scan, Size, Unary, Varies};
use crate::types::TypeError;
use std::collections::HashMap;
use std::sync::Arc;

/// Why a derivative cannot be written.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum AdError {
    /// Refused by name: a missing rule never yields zeros.
    #[error("{op} has no derivative rule")]
    NoRule { op: String, origin: Origin },
    #[error(transparent)]
    Type(#[from] TypeError),
}

/// d op(x) / dx as graph, given x and y = op(x); `None` where it is zero almost everywhere.
pub(crate) fn unary(g: &mut Graph, op: Unary, x: NodeId, y: NodeId) -> Result<Option<NodeId>, AdError> {
    Ok(Some(match op {
        Unary::Sign | Unary::Floor | Unary::Detach => return Ok(None),
        Unary::Neg | Unary::Not => g.constant(-1.0),
        Unary::Abs => g.unary(Unary::Sign, x),
        Unary::Recip => {
            let s = g.square(y);
            g.neg(s)
        }
        Unary::Sqrt => {
            let r = g.recip(y);
            g.scale(0.5, r)
        }
        Unary::Square => g.scale(2.0, x),
        Unary::Exp => y,
        Unary::Ln => g.recip(x),
        Unary::Log1p => {
            let s = g.add_const(x, 1.0);
            g.recip(s)
        }
        Unary::Expm1 => g.add_const(y, 1.0),
        Unary::Tanh => {
            let s = g.square(y);
            let one = g.constant(1.0);
            g.sub(one, s)
        }
        Unary::Sigmoid => {
            // s(x) s(-x): keeps digits where 1 - s(x) loses them
            let n = g.neg(x);
            let s = g.unary(Unary::Sigmoid, n);
            g.mul(y, s)
        }
        Unary::Softplus => g.unary(Unary::Sigmoid, x),
        Unary::Sin => g.unary(Unary::Cos, x),
        Unary::Cos => {
            let s = g.unary(Unary::Sin, x);
            g.neg(s)
        }
        Unary::Erf | Unary::Erfc => {
            let s = g.square(x);
            let n = g.neg(s);
            let e = g.exp(n);
            let c = std::f64::consts::FRAC_2_SQRT_PI;
            g.scale(if op == Unary::Erf { c } else { -c }, e)
        }
        Unary::LogNdtr => {
            // phi(x) / Phi(x), on the log scale so that neither underflows
            let s = g.square(x);
            let h = g.scale(-0.5, s);
            let d = g.sub(h, y);
            let d = g.add_const(d, -0.5 * (2.0 * std::f64::consts::PI).ln());
            g.exp(d)
        }
        Unary::Lgamma => g.unary(Unary::Digamma, x),
        Unary::Digamma => g.unary(Unary::Trigamma, x),
        Unary::LgammaRest => g.unary(Unary::DigammaRest, x),
        Unary::DigammaRest => g.unary(Unary::TrigammaRest, x),
        Unary::Atan => {
            let s = g.square(x);
            let s = g.add_const(s, 1.0);
            g.recip(s)
        }
        Unary::LogBesselI0e => {
            let gap = g.unary(Unary::BesselGap, x);
            g.neg(gap)
        }
        Unary::BesselGap => {
            // A = 1 - y has A' = 1 - A^2 - A/x (DLMF 10.29.2); y (2 - y) keeps the digits of 1 - A^2
            // far out. A/x is 1/2 at 0.
            let two = g.constant(2.0);
            let rest = g.sub(two, y);
            let less = g.mul(y, rest);
            let one = g.constant(1.0);
            let a = g.sub(one, y);
            let (zero, half) = (g.constant(0.0), g.constant(0.5));
            let (quotient, at_zero) = (g.div(a, x), g.binary(Binary::Eq, x, zero));
            let quotient = g.select(at_zero, half, quotient);
            g.sub(quotient, less)
        }
        Unary::Trigamma | Unary::TrigammaRest => {
            let op = Op::Unary(op).name().to_string();
            return Err(AdError::NoRule { op, origin: g.node(x).origin });
        }
    }))
}

/// d/dn and d/da of ln(1 + n/a) - n/(a + n): q/(a + n) and -q^2/a, q = n/(a + n). No square of 1/a, so that
/// neither a tiny nor a huge a is lost.
pub(crate) fn log1p_gap(g: &mut Graph, n: NodeId, a: NodeId) -> (NodeId, NodeId) {
    let sum = g.add(a, n);
    let q = g.div(n, sum);
    let square = g.square(q);
    let by_a = g.div(square, a);
    (g.div(q, sum), g.neg(by_a))
}

/// The arguments a node depends on in steps: its derivative with respect to them is zero almost
/// everywhere although its value changes, so that no derivative tells of the dependence. A foreign op,
/// and a scan with such a node in its body, may depend so on all of theirs. (`not` has a derivative,
/// but is for zeros and ones, which come from steps.)
pub fn in_steps(g: &Graph, n: NodeId) -> &[NodeId] {
    let node = g.node(n);
    match &node.op {
        Op::Unary(Unary::Sign | Unary::Floor | Unary::Not | Unary::Detach)
        | Op::Binary(Binary::Lt | Binary::Le | Binary::Eq)
        | Op::Filter { .. }
        | Op::GramFactor { .. }
        | Op::Foreign(_) => &node.args,
        Op::Select => &node.args[..1],
        Op::Scan(s) => {
            let body = (0..s.body.nodes().len()).map(|i| NodeId(i as u32));
            if body.into_iter().any(|n| !in_steps(&s.body, n).is_empty()) { &node.args } else { &[] }
        }
        _ => &[],
    }
}

/// The lower triangle of x over `(row, col)`, its diagonal times `diagonal`, zeros above.
pub(crate) fn lower(g: &mut Graph, x: NodeId, row: DimId, col: DimId, diagonal: f64) -> NodeId {
    let x = g.expand(x, &[row, col]);
    let (i, j) = (g.iota(row), g.iota(col));
    let on = g.binary(Binary::Eq, i, j);
    let below = g.binary(Binary::Lt, j, i);
    let zero = g.constant(0.0);
    let scaled = g.scale(diagonal, x);
    // Selects, not weights: what is above the diagonal may be NaN.
    let rest = g.select(below, x, zero);
    g.select(on, scaled, rest)
}

/// Marks the nodes that `outputs` depend on.
pub(crate) fn ancestors(g: &Graph, outputs: &[NodeId]) -> Vec<bool> {
    let mut live = vec![false; g.nodes().len()];
    for &o in outputs {
        live[o.index()] = true;
    }
    for i in (0..g.nodes().len()).rev() {
        if live[i] {
            for &a in &g.nodes()[i].args {
                live[a.index()] = true;
            }
        }
    }
    live
}

/// Marks the nodes that depend on `inputs`.
pub(crate) fn descendants(g: &Graph, inputs: &[NodeId]) -> Vec<bool> {
    let mut hit = vec![false; g.nodes().len()];
    for &n in inputs {
        hit[n.index()] = true;
    }
    for i in 0..g.nodes().len() {
        hit[i] = hit[i] || g.nodes()[i].args.iter().any(|a| hit[a.index()]);
    }
    hit
}

/// Copies what `outputs` need into a new graph with `change` applied to every node: it is given
/// the new graph, the old node and the new arguments, and makes the new node. Inputs and dimensions
/// are kept with their ids.
pub fn rebuild<E>(
    old: &Graph,
    outputs: &[NodeId],
    change: impl FnMut(&mut Graph, NodeId, &[NodeId]) -> Result<NodeId, E>,
) -> Result<(Graph, Vec<NodeId>), E> {
    // A dimension counted from a mask needs the mask.
    let masks = old.dims().iter().filter_map(|d| match d.size {
        Size::Count(m) => Some(m),
        _ => None,
    });
    let needed: Vec<NodeId> = outputs.iter().copied().chain(masks).collect();
    let (mut new, map) = copy(old, &needed, change)?;
    new.remap_sizes(old.dims().len(), &map);
    Ok((new, outputs.iter().map(|o| map[o]).collect()))
}

/// [`rebuild`] for the body of a scan, whose dimensions are those of the graph around it.
pub(crate) fn rebuild_body<E>(
    old: &Graph,
    outputs: &[NodeId],
    change: impl FnMut(&mut Graph, NodeId, &[NodeId]) -> Result<NodeId, E>,
) -> Result<(Graph, Vec<NodeId>), E> {
    let (new, map) = copy(old, outputs, change)?;
    Ok((new, outputs.iter().map(|o| map[o]).collect()))
}

fn copy<E>(
    old: &Graph,
    needed: &[NodeId],
    mut change: impl FnMut(&mut Graph, NodeId, &[NodeId]) -> Result<NodeId, E>,
) -> Result<(Graph, HashMap<NodeId, NodeId>), E> {
    let live = ancestors(old, needed);
    let mut new = Graph::with_signature_of(old);
    let mut map: HashMap<NodeId, NodeId> = HashMap::new();
    for (i, node) in old.nodes().iter().enumerate() {
        let id = NodeId(i as u32);
        // Inputs all stay, so that a program's arguments do not depend on what is used.
        if !live[i] && !matches!(node.op, Op::Input(_)) {
            continue;
        }
        let args: Vec<NodeId> = node.args.iter().map(|a| map[a]).collect();
        new.origin = node.origin;
        let n = change(&mut new, id, &args)?;
        map.insert(id, n);
    }
    new.origin = old.origin;
    Ok((new, map))
}

/// Replaces foreign ops and scans by the forms whose residuals their derivative rules use, so that
/// value and derivative share one solve. `targets` follow.
pub(crate) fn with_residuals(g: &Graph, targets: &[NodeId]) -> Result<(Graph, Vec<NodeId>), AdError> {
    rebuild(g, targets, |new, id, args| residual_form(g, new, id, args))
}

/// [`with_residuals`] of one step of a scan: a graph with the same inputs, and its outputs.
pub(crate) fn step_with_residuals(s: &Scan) -> Result<(Graph, Vec<NodeId>), AdError> {
    rebuild_body(&s.body, &s.outputs, |new, id, args| residual_form(&s.body, new, id, args))
}

fn residual_form(g: &Graph, new: &mut Graph, id: NodeId, args: &[NodeId]) -> Result<NodeId, AdError> {
    let node = g.node(id);
    let op = match &node.op {
        op if node.varies == Varies::Data => op.clone(),
        Op::Foreign(f) => match f.0.with_residuals() {
            Some(r) => Op::Foreign(crate::ir::ForeignRef(r)),
            None => return Err(AdError::NoRule { op: f.0.name().into(), origin: node.origin }),
        },
        Op::Scan(s) => Op::Scan(Arc::new(scan_with_carries(s))),
        op => op.clone(),
    };
    Ok(new.push(op, args)?)
}

/// The same scan, emitting each step's incoming carries after its own emissions.
fn scan_with_carries(s: &Scan) -> Scan {
    let mut outputs = s.outputs.clone();
    if !has_carries(s) {
        outputs.extend(carries(s));
    }
    Scan {
        over: s.over,
        n_carry: s.n_carry,
        n_step: s.n_step,
        reverse: s.reverse,
        body: s.body.clone(),
        outputs,
    }
}

/// The nodes of a body that are its incoming carries.
pub(crate) fn carries(s: &Scan) -> Vec<NodeId> {
    body_inputs(&s.body)[..s.n_carry].to_vec()
}

/// The input nodes of a scan's body, in the order of its inputs.
pub(crate) fn body_inputs(body: &Graph) -> Vec<NodeId> {
    (0..body.inputs().len())
        .map(|k| {
            let at = body.nodes().iter().position(|n| n.op == Op::Input(crate::ir::InputId(k as u32)));
            NodeId(at.expect("every input has its node") as u32)
        })
        .collect()
}

/// Does the scan end with its incoming carries?
pub(crate) fn has_carries(s: &Scan) -> bool {
    s.outputs.len() >= 2 * s.n_carry && s.outputs[s.outputs.len() - s.n_carry..] == carries(s)[..]
}
