//! The sum of squares that nobody else needs.

use crate::ir::{Op, Reduction, Unary};
use crate::program::items::{Code, Items};

pub fn fuse(items: &mut Items) {
    for n in items.nodes().collect::<Vec<_>>() {
        let Some(item) = items.get(n) else { continue };
        let Code::Plain(Op::Reduce(Reduction::Sum, over)) = &item.code else { continue };
        let (over, x) = (over.clone(), item.args[0]);
        if items.uses(x) == 1
            && let Some(y) = items.unary(x, Unary::Square)
        {
            items.replace(n, Code::SumOfSquares(over), vec![y]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::program::testing::{instructions, lane_vector};

    #[test]
    fn squares_are_summed_as_they_are_made() {
        let text = instructions(|g, d| {
            let x = lane_vector(g, "x", d);
            let s = g.square(x);
            g.sum(s, &[d])
        });
        assert!(text.contains("sum_of_squares") && !text.contains("= square"), "{text}");
    }
}
