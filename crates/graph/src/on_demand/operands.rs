//! Which elements of its arguments an element of a node needs, and what it is.

use crate::interpret;
use crate::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Reduction};
use crate::layout::{Sizes, stride_of, walk};

/// Does the op mix elements, so that it is computed as a whole?
pub fn is_whole(op: &Op) -> bool {
    matches!(
        op,
        Op::Foreign(_)
            | Op::ScatterAdd
            | Op::Place { .. }
            | Op::Pad { .. }
            | Op::Filter { .. }
            | Op::Cholesky { .. }
            | Op::TriSolve { .. }
            | Op::GramFactor { .. }
    )
}

/// Where the element of an array is that is at the same place as element `e` of the box `counts`, by its
/// strides along the box.
pub fn offset(counts: &[usize], strides: &[usize], e: usize) -> usize {
    let (mut rest, mut out) = (e, 0);
    for (n, stride) in counts.iter().zip(strides).rev() {
        out += rest % n * stride;
        rest /= n;
    }
    out
}

/// How the elements of a node and of its arguments lie to each other.
pub struct Layout {
    counts: Vec<usize>,
    /// By argument: its strides along the node's dimensions, and where it starts.
    args: Vec<(Vec<usize>, isize)>,
    /// What is gone over for one element: counts, and by dimension the strides of both arguments.
    over: (Vec<usize>, Vec<[usize; 2]>),
    /// Of a gather: the step along the dimension that is indexed.
    step: usize,
    /// Of what moves elements along a dimension: the stride and length of it in the node. Of a size: it.
    along: (usize, usize),
    /// Of a concatenation, by argument: its first place along the dimension.
    firsts: Vec<usize>,
}

impl Layout {
    pub fn of(graph: &Graph, sizes: &Sizes, n: NodeId) -> Layout {
        let node = graph.node(n);
        let dims = &node.ty.dims;
        let counts: Vec<usize> = dims.iter().map(|&d| sizes.of(d)).collect();
        let strides = |k: usize| sizes.strides(&graph.ty(node.args[k]).dims);
        let by_name = |k: usize| -> Vec<usize> {
            let s = strides(k);
            dims.iter().map(|&d| stride_of(&s, d)).collect()
        };
        let own = sizes.strides(dims);
        let along = |d: DimId| (stride_of(&own, d), sizes.of(d));
        let mut out = Layout {
            counts,
            args: (0..node.args.len()).map(|k| (by_name(k), 0)).collect(),
            over: (Vec::new(), Vec::new()),
            step: 0,
            along: (1, 1),
            firsts: Vec::new(),
        };
        match &node.op {
            Op::Reduce(_, over) | Op::Contract { over } => {
                let last = node.args.len() - 1;
                let (a, b) = (strides(0), strides(last));
                let over: Vec<DimId> = graph.canonical(over.clone());
                out.over = (
                    over.iter().map(|&d| sizes.of(d)).collect(),
                    over.iter().map(|&d| [stride_of(&a, d), stride_of(&b, d)]).collect(),
                );
            }
            Op::Gather => {
                let Kind::Index(d) = graph.ty(node.args[1]).kind else { unreachable!("checked by `infer`") };
                out.step = stride_of(&strides(0), d);
                // d may come back as one of the index's own dimensions: there x does not move.
                dims.iter().zip(&mut out.args[0].0).filter(|(e, _)| **e == d).for_each(|(_, s)| *s = 0);
            }
            Op::Size(d) => out.along.1 = sizes.of(*d),
            Op::Element { dim, at } => out.args[0].1 = (at * stride_of(&strides(0), *dim)) as isize,
            Op::Slice { dim, start, into } => {
                let step = stride_of(&strides(0), *dim);
                dims.iter().zip(&mut out.args[0].0).filter(|(d, _)| *d == into).for_each(|(_, s)| *s = step);
                out.args[0].1 = (start * step) as isize;
            }
            Op::Concat { parts, into } => {
                out.along = along(*into);
                let mut first = 0;
                for (k, part) in parts.iter().enumerate() {
                    let step = part.map_or(0, |d| stride_of(&strides(k), d));
                    let own = dims.iter().zip(&mut out.args[k].0).filter(|(d, _)| *d == into);
                    own.for_each(|(_, s)| *s = step);
                    // Places count from the beginning of the whole.
                    out.args[k].1 = -((first * step) as isize);
                    out.firsts.push(first);
                    first += part.map_or(1, |d| sizes.of(d));
                }
            }
            Op::Shift { dim, .. } => out.along = along(*dim),
            Op::Rename(map) => {
                let a = strides(0);
                let back = |d: DimId| map.iter().find(|(_, to)| *to == d).map_or(d, |(from, _)| *from);
                out.args[0].0 = dims.iter().map(|&d| stride_of(&a, back(d))).collect();
            }
            _ => {}
        }
        out
    }

    /// Element `e`, from elements of arguments that `read` gives; `None` where it has not all that are
    /// needed, after it was asked for as many as can be told.
    pub fn value(&self, op: &Op, e: usize, read: &mut dyn FnMut(usize, usize) -> Option<f64>) -> Option<f64> {
        let at = |k: usize| {
            let (strides, start) = &self.args[k];
            (offset(&self.counts, strides, e) as isize + start) as usize
        };
        Some(match op {
            Op::Const(c) => c.0,
            Op::Size(_) => self.along.1 as f64,
            Op::Iota(_) => e as f64,
            Op::Ones(_) => 1.0,
            Op::Unary(op) => interpret::unary(*op, read(0, at(0))?),
            Op::Binary(op) => {
                let (x, y) = (read(0, at(0)), read(1, at(1)));
                interpret::binary(*op, x?, y?)
            }
            Op::LogTail(tail) => {
                // A law of two arguments reads its second again, and does not look.
                let last = tail.arity() - 1;
                let x = [0, 1, last].map(|k| read(k, at(k)));
                tail.value([x[0]?, x[1]?, x[2]?])
            }
            Op::Select => {
                let branch = if read(0, at(0))? != 0.0 { 1 } else { 2 };
                read(branch, at(branch))?
            }
            Op::Reduce(how, _) => {
                let start = at(0);
                let (mut out, combine) = match how {
                    Reduction::Sum => (0.0, Binary::Add),
                    Reduction::Max => (f64::NEG_INFINITY, Binary::Max),
                    Reduction::Min => (f64::INFINITY, Binary::Min),
                };
                let mut complete = true;
                walk(&self.over.0, &self.over.1, |[i, _]| match read(0, start + i) {
                    Some(x) => out = interpret::binary(combine, out, x),
                    None => complete = false,
                });
                return complete.then_some(out);
            }
            Op::Contract { .. } => {
                let (a, b) = (at(0), at(1));
                let (mut out, mut complete) = (0.0, true);
                walk(&self.over.0, &self.over.1, |[i, j]| match (read(0, a + i), read(1, b + j)) {
                    (Some(x), Some(y)) => out += x * y,
                    _ => complete = false,
                });
                return complete.then_some(out);
            }
            Op::Gather => {
                let position = read(1, at(1))? as usize;
                read(0, at(0) + position * self.step)?
            }
            Op::Concat { .. } => {
                let place = e / self.along.0 % self.along.1;
                let k = self.firsts.partition_point(|&first| first <= place) - 1;
                read(k, at(k))?
            }
            Op::Shift { by, fill, .. } => {
                let (stride, n) = self.along;
                let from = (e / stride % n) as i64 - by;
                if !(0..n as i64).contains(&from) {
                    return Some(fill.0);
                }
                let e = (e as i64 - by * stride as i64) as usize;
                read(0, offset(&self.counts, &self.args[0].0, e))?
            }
            Op::Element { .. } | Op::Slice { .. } | Op::Rename(_) => read(0, at(0))?,
            op => unreachable!("{} is found elsewhere or computed as a whole", op.name()),
        })
    }
}
