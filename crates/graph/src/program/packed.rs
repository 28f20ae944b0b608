//! Draw-free matrices packed in panels, for the products that read them as rows stream by.
//!
//! In a matrix with a row a record, a product that keeps several rows in registers strides over many
//! cache lines at once. Packed, both products with it (with coefficients, and transposed with what
//! the rows send back) read memory in order: see [`super::kernels::packed`].
//!
//! Packed are matrices that only such products read, within passes over their rows. The packed copy
//! is the one the program makes of its data anyway; there is no other.

use std::collections::HashSet;

use super::instr::Space;
use super::items::{Code, Items};
use super::kernels::packed::PANEL;
use super::lower::{FixedNode, Shared};
use super::schedule::Class;
use super::view::View;
use crate::ir::{DimId, NodeId, Op};
use crate::layout::{Sizes, stride_of};

/// Of the draw-free nodes `wanted`, those to be packed, and by which rows.
pub fn choose(
    items: &Items,
    outputs: &[NodeId],
    wanted: &[NodeId],
    class: &dyn Fn(NodeId) -> Class,
    streamed: &dyn Fn(DimId) -> bool,
    sizes: &Sizes,
    block_rows: usize,
) -> Vec<Option<DimId>> {
    let graph = items.graph;
    // A matrix's rows (the streamed ones) and columns.
    let sides = |n: NodeId| match graph.ty(n).dims[..] {
        [a, b] if streamed(a) && !streamed(b) => Some((a, b)),
        [a, b] if streamed(b) && !streamed(a) => Some((b, a)),
        _ => None,
    };
    let mut unfit: HashSet<NodeId> = outputs.iter().copied().collect();
    for n in items.nodes() {
        let item = items.of(n);
        for (k, &a) in item.args.iter().enumerate() {
            let fits = match (&item.code, sides(a), class(n)) {
                (
                    Code::Plain(Op::Contract { over }),
                    Some((row, column)),
                    Class::Block(d) | Class::Sink(d),
                ) => {
                    let other = graph.ty(item.args[1 - k]);
                    let kept = if over[..] == [column] { row } else { column };
                    over.len() == 1 && d == row && !other.has(kept)
                }
                _ => false,
            };
            if !fits {
                unfit.insert(a);
            }
        }
    }
    let rows = |&n: &NodeId| {
        let (row, column) = sides(n)?;
        let worth = sizes.of(column) > 1 && block_rows.is_multiple_of(PANEL) && !unfit.contains(&n);
        worth.then_some(row)
    };
    wanted.iter().map(rows).collect()
}

impl Shared<'_> {
    /// Copies a matrix over `dims` into the program's memory, packed in panels of `row`.
    pub fn put_packed(&mut self, values: &[f64], dims: &[DimId], row: DimId) -> FixedNode {
        let column = if dims[0] == row { dims[1] } else { dims[0] };
        let (rows, columns) = (self.sizes.of(row), self.sizes.of(column));
        let from = self.sizes.strides(dims);
        let (down, across) = (stride_of(&from, row), stride_of(&from, column));
        let mut packed = Vec::with_capacity(rows.next_multiple_of(PANEL) * columns);
        for first in (0..rows).step_by(PANEL) {
            let here = PANEL.min(rows - first);
            for c in 0..columns {
                packed.extend((first..first + here).map(|r| values[r * down + c * across]));
                packed.resize(packed.len() + PANEL - here, 0.0);
            }
        }
        FixedNode::Packed(View {
            space: Space::Fixed,
            buf: None,
            offset: self.put_fixed(&packed),
            // Within a panel; its kernels know how panels follow each other.
            strides: vec![(row, 1), (column, PANEL)],
            lanes: false,
            // The start of a block, not of a row, is where rows times columns say.
            block: true,
            step: columns,
        })
    }
}
