//! Sums of three terms and more, or with a gather: one pass, nothing stored between.
//!
//! A linear predictor (offset + gather + coefficients x columns) and its residual are such sums.

use crate::ir::{Binary, NodeId, Op};
use crate::program::items::{AffineTerm, Code, Items, TermKind};

use crate::program::instr::MOST_TERMS;

struct Flat {
    terms: Vec<AffineTerm>,
    args: Vec<NodeId>,
}

pub fn fuse(items: &mut Items) {
    let nodes: Vec<NodeId> = items.nodes().collect();
    // From the last, so that the largest sum takes its parts.
    for &n in nodes.iter().rev() {
        if items.graph.ty(n).dims.len() != 1 || sum(items, n).is_none() {
            continue;
        }
        let mut flat = Flat { terms: Vec::new(), args: Vec::new() };
        flatten(items, n, n, false, &mut flat);
        let gathers = flat.terms.iter().any(|t| t.kind == TermKind::Gather);
        let enough = flat.terms.len() >= 3 || gathers;
        if enough && flat.terms.len() <= MOST_TERMS {
            items.replace(n, Code::Affine(flat.terms), flat.args);
        }
    }
}

fn sum(items: &Items, n: NodeId) -> Option<([NodeId; 2], bool)> {
    items
        .binary(n, Binary::Add)
        .map(|a| (a, false))
        .or_else(|| items.binary(n, Binary::Sub).map(|a| (a, true)))
}

fn flatten(items: &Items, root: NodeId, n: NodeId, negative: bool, flat: &mut Flat) {
    let graph = items.graph;
    let dims = &graph.ty(root).dims;
    let ours = n == root || items.get(n).is_some() && items.uses(n) == 1 && &graph.ty(n).dims == dims;
    if ours && let Some(([a, b], minus)) = sum(items, n) {
        flatten(items, root, a, negative, flat);
        flatten(items, root, b, negative != minus, flat);
        return;
    }
    let mut term = |kind, args: &[NodeId]| {
        flat.terms.push(AffineTerm { kind, negative });
        flat.args.extend(args);
    };
    if ours {
        if let Code::Plain(Op::Gather) = &items.of(n).code {
            let [x, index] = [items.of(n).args[0], items.of(n).args[1]];
            let source = &graph.ty(x).dims;
            if source.len() == 1 && !graph.is_row(source[0]) {
                return term(TermKind::Gather, &[x, index]);
            }
        }
        if let Some([a, b]) = items.binary(n, Binary::Mul) {
            let scalar = |s: NodeId| items.is_lifted(s) && graph.ty(s).dims.is_empty();
            let column = |c: NodeId| !items.is_lifted(c);
            for (s, c) in [(a, b), (b, a)] {
                if scalar(s) && column(c) {
                    return term(TermKind::Scaled, &[s, c]);
                }
            }
        }
    }
    term(TermKind::Plain, &[n]);
}

#[cfg(test)]
mod tests {
    use crate::ir::{Kind, Role, Size, Varies};
    use crate::program::testing::{instructions, lane_vector};

    #[test]
    fn a_linear_predictor_is_one_instruction() {
        let text = instructions(|g, d| {
            let level = g.add_dim("level", Role::Plain, Size::Fixed(2));
            let (a, s) = (lane_vector(g, "a", level), g.input("s", Varies::Lane, Kind::Real, &[]));
            let column = g.iota(d);
            let y = lane_vector(g, "y", d);
            let sx = g.mul(s, column);
            let mean = g.add(a, sx);
            let mean = g.sum(mean, &[level]);
            let t = g.add(mean, sx);
            g.sub(y, t)
        });
        assert_eq!(text.matches("affine").count(), 1, "{text}");
        assert!(!text.contains("= sub"), "{text}");
    }
}
