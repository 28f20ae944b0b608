//! A product with one use, in a sum: one fused multiply-add.

use crate::ir::{Binary, NodeId};
use crate::program::items::{Code, Items};
use crate::program::kernels::map::Ternary;

/// The factors of a product that is used once and has the sum's dimensions, a lane operand first.
fn factors(items: &Items, product: NodeId, sum: NodeId) -> Option<[NodeId; 2]> {
    let [a, b] = items.binary(product, Binary::Mul)?;
    if items.uses(product) != 1 || items.graph.ty(product).dims != items.graph.ty(sum).dims {
        return None;
    }
    Some(if items.is_lifted(a) { [a, b] } else { [b, a] })
}

pub fn fuse(items: &mut Items) {
    for n in items.nodes().collect::<Vec<_>>() {
        let found = if let Some([x, y]) = items.binary(n, Binary::Add) {
            factors(items, x, n)
                .map(|f| (Ternary::MulAdd, f, y))
                .or_else(|| factors(items, y, n).map(|f| (Ternary::MulAdd, f, x)))
        } else if let Some([x, y]) = items.binary(n, Binary::Sub) {
            factors(items, x, n)
                .map(|f| (Ternary::MulSub, f, y))
                .or_else(|| factors(items, y, n).map(|f| (Ternary::NegMulAdd, f, x)))
        } else {
            None
        };
        if let Some((op, [a, b], c)) = found {
            items.replace(n, Code::Fused(op), vec![a, b, c]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::program::testing::{instructions, lane_vector};

    #[test]
    fn product_and_sum_are_one_instruction() {
        let text = instructions(|g, d| {
            let (x, y) = (lane_vector(g, "x", d), lane_vector(g, "y", d));
            let p = g.mul(x, y);
            g.sub(x, p)
        });
        assert!(text.contains("neg_mul_add") && !text.contains("= mul"), "{text}");
    }

    #[test]
    fn a_product_used_twice_is_kept() {
        let text = instructions(|g, d| {
            let (x, y) = (lane_vector(g, "x", d), lane_vector(g, "y", d));
            let p = g.mul(x, y);
            let s = g.add(x, p);
            let e = g.exp(p);
            g.mul(s, e)
        });
        assert!(text.contains("= mul") && !text.contains("mul_add"), "{text}");
    }
}
