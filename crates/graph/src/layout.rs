//! Sizes of dimensions and the memory order of nodes.

use crate::interpret;
use crate::ir::{DimId, Graph, NodeId, Op, Size};
use crate::program::PlanError;
use crate::value::Bindings;

/// The number of elements of every dimension that is known.
#[derive(Clone, Debug)]
pub(crate) struct Sizes(Vec<Option<usize>>);

impl Sizes {
    /// Fixed sizes, bound ones by name (a primed dimension has its base's size), and counts of
    /// masks. Dimensions without a size are noticed by [`Sizes::check`], where they are used.
    pub fn resolve(graph: &Graph, bindings: &Bindings) -> Result<Sizes, PlanError> {
        let mut sizes = Sizes(
            graph
                .dims()
                .iter()
                .map(|d| match d.size {
                    Size::Fixed(n) => Some(n),
                    Size::Bound => {
                        let bound = bindings.sizes.get(&d.name);
                        bound.or_else(|| bindings.sizes.get(d.name.trim_end_matches('\''))).copied()
                    }
                    Size::Count(_) => None,
                })
                .collect(),
        );
        // A mask may itself vary over a counted dimension, so counts go in the masks' order.
        let mut masks: Vec<(NodeId, usize)> = graph
            .dims()
            .iter()
            .enumerate()
            .filter_map(|(i, d)| if let Size::Count(mask) = d.size { Some((mask, i)) } else { None })
            .collect();
        masks.sort();
        let mut last: Option<(NodeId, usize)> = None;
        for (mask, dim) in masks {
            let n = match last {
                Some((m, n)) if m == mask => n,
                _ => {
                    // What the mask needs may be missing because nothing uses the dimension.
                    let Ok(values) = interpret::evaluate_sized(graph, &[mask], bindings, &sizes) else {
                        continue;
                    };
                    interpret::reals(&values[0]).iter().filter(|&&x| x != 0.0).count()
                }
            };
            last = Some((mask, n));
            sizes.0[dim] = Some(n);
        }
        Ok(sizes)
    }

    /// The size of a dimension that [`Sizes::check`] has seen.
    pub fn of(&self, d: DimId) -> usize {
        self.0[d.index()].unwrap_or_else(|| unreachable!("sizes are checked before they are used"))
    }

    /// The size of a dimension, if it has one.
    pub fn get(&self, d: DimId) -> Option<usize> {
        self.0[d.index()]
    }

    /// Elements of a node over `dims`.
    pub fn count(&self, dims: &[DimId]) -> usize {
        dims.iter().map(|&d| self.of(d)).product()
    }

    /// Strides of a node over `dims`, which are in memory order.
    pub fn strides(&self, dims: &[DimId]) -> Vec<(DimId, usize)> {
        let mut step = 1;
        let mut out: Vec<(DimId, usize)> = dims
            .iter()
            .rev()
            .map(|&d| {
                let s = (d, step);
                step *= self.of(d);
                s
            })
            .collect();
        out.reverse();
        out
    }

    /// That every dimension of these nodes has a size, and that positions lie inside.
    pub fn check(&self, graph: &Graph, nodes: &[NodeId]) -> Result<(), PlanError> {
        let size = |d: DimId| {
            self.0[d.index()].ok_or_else(|| PlanError::MissingSize { dim: graph.dim(d).name.clone() })
        };
        for &n in nodes {
            let node = graph.node(n);
            for &d in &node.ty.dims {
                size(d)?;
            }
            let inside = |dim: DimId, end: usize| {
                let size = size(dim)?;
                if end <= size {
                    return Ok(());
                }
                let (op, dim) = (node.op.name().into(), graph.dim(dim).name.clone());
                Err(PlanError::Outside { op, dim, end, size })
            };
            match &node.op {
                Op::Size(d) => {
                    size(*d)?;
                }
                Op::Element { dim, at } | Op::Place { dim, at } => inside(*dim, at + 1)?,
                Op::Slice { dim, start, into } => inside(*dim, start + size(*into)?)?,
                Op::Pad { from, start, dim } => inside(*dim, start + size(*from)?)?,
                Op::Concat { parts, into } => {
                    let mut end = 0;
                    for part in parts {
                        end += part.map_or(Ok(1), size)?;
                    }
                    if end < size(*into)? {
                        let dim = graph.dim(*into).name.clone();
                        return Err(PlanError::Short { op: "concat".into(), dim, end, size: size(*into)? });
                    }
                    inside(*into, end)?;
                }
                Op::Cholesky { row, col } | Op::TriSolve { row, col, .. } => {
                    let (n, m) = (size(*row)?, size(*col)?);
                    if n != m {
                        let dim = graph.dim(*col).name.clone();
                        return Err(PlanError::Short { op: node.op.name().into(), dim, end: m, size: n });
                    }
                }
                Op::GramFactor { row, col, grouped, .. } => {
                    let k = node.args.len() - usize::from(*grouped);
                    for d in [*row, *col] {
                        if size(d)? != k {
                            let dim = graph.dim(d).name.clone();
                            return Err(PlanError::Short {
                                op: "gram_factor".into(),
                                dim,
                                end: k,
                                size: size(d)?,
                            });
                        }
                    }
                }
                Op::Scan(scan) => {
                    size(scan.over)?;
                    self.check(&scan.body, &reachable(&scan.body, &scan.outputs))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The nodes that `outputs` need, in topological order.
pub(crate) fn reachable(graph: &Graph, outputs: &[NodeId]) -> Vec<NodeId> {
    let mut needed = vec![false; graph.nodes().len()];
    let mut stack = outputs.to_vec();
    while let Some(n) = stack.pop() {
        if !std::mem::replace(&mut needed[n.index()], true) {
            stack.extend(&graph.node(n).args);
        }
    }
    (0..needed.len() as u32).map(NodeId).filter(|n| needed[n.index()]).collect()
}

/// The stride over `d`, zero where the node does not vary over it.
pub(crate) fn stride_of(strides: &[(DimId, usize)], d: DimId) -> usize {
    strides.iter().find(|(e, _)| *e == d).map_or(0, |s| s.1)
}

/// Calls `f` with the offsets of every position of a box: `counts` long, each of the `K` arrays
/// moving by its strides, the last dimension fastest.
#[inline]
pub(crate) fn walk<const K: usize>(counts: &[usize], strides: &[[usize; K]], mut f: impl FnMut([usize; K])) {
    if counts.contains(&0) {
        return;
    }
    let Some((&inner, outer)) = counts.split_last() else {
        return f([0; K]);
    };
    let step = strides[outer.len()];
    let mut position = vec![0; outer.len()];
    let mut base = [0; K];
    loop {
        let mut at = base;
        for _ in 0..inner {
            f(at);
            for k in 0..K {
                at[k] += step[k];
            }
        }
        let mut d = outer.len();
        loop {
            if d == 0 {
                return;
            }
            d -= 1;
            position[d] += 1;
            for k in 0..K {
                base[k] += strides[d][k];
            }
            if position[d] < outer[d] {
                break;
            }
            for k in 0..K {
                base[k] -= outer[d] * strides[d][k];
            }
            position[d] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::walk;

    #[test]
    fn a_box_is_walked_in_memory_order() {
        let mut seen = Vec::new();
        walk(&[2, 3], &[[3, 1], [1, 2]], |at| seen.push(at));
        assert_eq!(seen, [[0, 0], [1, 2], [2, 4], [3, 1], [4, 3], [5, 5]]);
        walk(&[2, 0], &[[1], [1]], |_: [usize; 1]| panic!("empty"));
        let mut calls = 0;
        walk(&[], &[], |_: [usize; 1]| calls += 1);
        assert_eq!(calls, 1);
    }
}
