//! Two functions of one argument that share most of their work.

use crate::ir::{NodeId, Op, Unary};
use crate::program::items::{Code, Items, TwinOp};

const PAIRS: &[(Unary, Unary, TwinOp)] =
    &[(Unary::Softplus, Unary::Sigmoid, TwinOp::SoftplusSigmoid), (Unary::Sin, Unary::Cos, TwinOp::SinCos)];

fn unary_of(items: &Items, n: NodeId) -> Option<(Unary, NodeId)> {
    match &items.get(n)?.code {
        Code::Plain(Op::Unary(op)) => Some((*op, items.of(n).args[0])),
        _ => None,
    }
}

pub fn fuse(items: &mut Items) {
    let nodes: Vec<NodeId> = items.nodes().collect();
    for &(p, q, twin) in PAIRS {
        let of = |items: &Items, op: Unary| -> Vec<(NodeId, NodeId)> {
            nodes
                .iter()
                .filter_map(|&n| unary_of(items, n).filter(|(o, _)| *o == op).map(|(_, x)| (x, n)))
                .collect()
        };
        let seconds = of(items, q);
        for (x, first) in of(items, p) {
            let Some(&(_, second)) = seconds.iter().find(|(y, _)| *y == x) else { continue };
            items.replace(first.min(second), Code::Twin(twin, [first, second]), vec![x]);
            items.replace(first.max(second), Code::SecondOf, vec![first.min(second)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::Unary;
    use crate::program::testing::{instructions, lane_vector};

    #[test]
    fn softplus_and_sigmoid_are_twins_in_any_order() {
        let text = instructions(|g, d| {
            let x = lane_vector(g, "x", d);
            let p = g.unary(Unary::Sigmoid, x);
            let s = g.softplus(x);
            g.mul(s, p)
        });
        assert!(text.contains("softplus+sigmoid") && !text.contains("= sigmoid"), "{text}");
    }
}
