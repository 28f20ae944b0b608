//! One element of an array node at a time, so that zeros in Jacobians are seen as such.

use std::collections::HashMap;

use graph::ir::{DimId, Graph, NodeId, Op, Size};

/// Takes nodes apart: elementwise ops, shifts and renamings are written out for the element asked
/// for, so that what is zero there folds away. Whatever cannot be taken apart is indexed as a whole.
#[derive(Default)]
pub(crate) struct Components {
    known: HashMap<(NodeId, DimId, usize), NodeId>,
}

impl Components {
    /// Element `at` along `dim` of `n`; `n` itself where it does not vary over the dimension.
    pub fn at(&mut self, g: &mut Graph, n: NodeId, dim: DimId, at: usize) -> NodeId {
        if !g.ty(n).has(dim) {
            return n;
        }
        if let Some(&found) = self.known.get(&(n, dim, at)) {
            return found;
        }
        let node = g.node(n).clone();
        let x = |k: usize| node.args[k];
        let found = match &node.op {
            Op::Unary(op) => {
                let a = self.at(g, x(0), dim, at);
                g.unary(*op, a)
            }
            Op::Binary(op) => {
                let (a, b) = (self.at(g, x(0), dim, at), self.at(g, x(1), dim, at));
                g.binary(*op, a, b)
            }
            Op::Select => {
                let (c, a) = (self.at(g, x(0), dim, at), self.at(g, x(1), dim, at));
                let b = self.at(g, x(2), dim, at);
                g.select(c, a, b)
            }
            Op::Shift { dim: d, by, fill } if *d == dim => match usize::try_from(at as i64 - by) {
                Ok(from) if fixed(g, dim).is_some_and(|n| from < n) => self.at(g, x(0), dim, from),
                _ => g.constant(fill.0),
            },
            Op::Iota(d) if *d == dim => g.constant(at as f64),
            Op::Ones(dims) => {
                let rest: Vec<DimId> = dims.iter().copied().filter(|&d| d != dim).collect();
                g.ones(&rest)
            }
            Op::Rename(map) => {
                let from = map.iter().find(|(_, to)| *to == dim).map_or(dim, |(from, _)| *from);
                let rest: Vec<(DimId, DimId)> = map.iter().copied().filter(|(_, to)| *to != dim).collect();
                let a = self.at(g, x(0), from, at);
                g.rename(a, &rest)
            }
            _ => g.element(n, dim, at),
        };
        self.known.insert((n, dim, at), found);
        found
    }
}

fn fixed(g: &Graph, d: DimId) -> Option<usize> {
    match g.dim(d).size {
        Size::Fixed(n) => Some(n),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use graph::ir::{Binary, Kind, Role, Varies};

    #[test]
    fn a_shifted_product_is_taken_apart() {
        let mut g = Graph::new();
        let d = g.add_dim("d", Role::Plain, Size::Fixed(3));
        let y = g.input("y", Varies::Lane, Kind::Real, &[d]);
        let one = g.constant(1.0);
        let seed = g.place(one, d, 1);
        let shifted = g.shift(seed, d, 1, 0.0);
        let z = g.binary(Binary::Mul, shifted, y);
        let mut c = Components::default();
        let entries: Vec<NodeId> = (0..3).map(|i| c.at(&mut g, z, d, i)).collect();
        assert_eq!(g.as_const(entries[0]), Some(0.0));
        assert_eq!(g.as_const(entries[1]), Some(0.0));
        assert_eq!(entries[2], g.element(y, d, 2));
    }
}
