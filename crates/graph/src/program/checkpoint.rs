//! Scans that keep checkpoints instead of every step's carries.
//!
//! The reverse of a scan is another scan over its stacked carries. Where these would take more than
//! [`super::Options::scan_memory`], the plan keeps the carries of every k-th step only, k about the
//! square root of the number of steps; the reverse scan then runs the forward steps again, segment by
//! segment from the last, into memory for one segment. The graph stays as it is: a transformation of
//! the graph would need nested scans over dimensions of invented sizes, and would show in every
//! later derivative. The forward code runs again unchanged, so every bit is that of stored carries.
//!
//! It is done where nobody but one reverse scan reads the stacked carries.

use super::items::Items;
use super::lower::FixedNode;
use super::view::View;
use crate::derivative::has_carries;
use crate::ir::{NodeId, Op};
use crate::layout::Sizes;
use crate::value::Value;
use std::collections::HashMap;

/// A scan to be checkpointed.
#[derive(Clone)]
pub struct Checkpointed {
    pub forward: NodeId,
    /// Steps of a segment.
    pub every: usize,
    /// Known once the forward scan has its code: checkpoints by carry, step `s` of them that of segment `s`.
    pub saved: Vec<View>,
    pub free: (HashMap<NodeId, FixedNode>, HashMap<NodeId, Value>),
}

/// The scans to be checkpointed, by themselves and by their reverse scans.
pub fn choose(
    items: &Items,
    outputs: &[NodeId],
    sizes: &Sizes,
    most: usize,
) -> HashMap<NodeId, Checkpointed> {
    let graph = items.graph;
    let mut found = HashMap::new();
    for f in items.nodes() {
        let Op::Scan(forward) = &graph.node(f).op else { continue };
        let stored = forward.outputs.len().saturating_sub(forward.n_carry);
        let carried: usize =
            forward.outputs[..forward.n_carry].iter().map(|&o| sizes.count(&forward.body.ty(o).dims)).sum();
        let n = sizes.of(forward.over);
        if !has_carries(forward) || n < 4 || n * carried * 64 <= most {
            continue;
        }
        let is_stored = |x: NodeId| {
            matches!(graph.node(x).op, Op::Output(k) if k >= stored) && graph.node(x).args[0] == f
        };
        let mut readers: Vec<NodeId> = Vec::new();
        let mut fits = !outputs.iter().any(|&o| is_stored(o));
        for r in items.nodes() {
            let args = &items.of(r).args;
            let Some(first) = args.iter().position(|&a| is_stored(a)) else { continue };
            readers.push(r);
            fits &= match &graph.node(r).op {
                Op::Scan(s) => {
                    let last = args.iter().rposition(|&a| is_stored(a)).unwrap_or(first);
                    s.over == forward.over
                        && s.reverse != forward.reverse
                        && first >= s.n_carry
                        && last < s.n_carry + s.n_step
                }
                _ => false,
            };
        }
        if let (true, &[r]) = (fits, &readers[..]) {
            let every = n.isqrt() + usize::from(n.isqrt().pow(2) < n);
            let plan = Checkpointed { forward: f, every, saved: Vec::new(), free: Default::default() };
            found.insert(f, plan.clone());
            found.insert(r, plan);
        }
    }
    found
}
