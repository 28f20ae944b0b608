//! Where a node's elements are, and the loops that visit several nodes together.

use super::instr::{BufId, Loop, Operand, Space};
use crate::ir::DimId;
use crate::layout::stride_of;

/// A node's elements in memory: slices, renamings and elements are views of what they come from.
#[derive(Clone, Debug)]
pub struct View {
    pub space: Space,
    pub buf: Option<BufId>,
    /// In elements, as the strides.
    pub offset: usize,
    /// A dimension that is missing has stride zero.
    pub strides: Vec<(DimId, usize)>,
    /// Eight lanes an element, or one draw-free number.
    pub lanes: bool,
    /// Holds one block of rows only.
    pub block: bool,
    /// Elements from one step of a scan to the next.
    pub step: usize,
}

impl View {
    fn unit(&self) -> usize {
        if self.lanes { 8 } else { 1 }
    }

    /// In `f64`.
    pub fn stride(&self, d: DimId) -> usize {
        self.unit() * stride_of(&self.strides, d)
    }

    /// The operand, as rows of `row` (if any) stream by.
    pub fn operand(&self, row: Option<DimId>) -> Operand {
        let along_rows = row.filter(|_| !self.block).map_or(0, |d| self.stride(d));
        Operand {
            space: self.space,
            offset: self.offset * self.unit(),
            row_step: along_rows + self.step * self.unit(),
            buf: self.buf,
        }
    }

    /// One position of `d`, which is dropped.
    pub fn element(&self, d: DimId, at: usize) -> View {
        let mut v = self.clone();
        v.offset += at * stride_of(&v.strides, d);
        v.strides.retain(|(e, _)| *e != d);
        v
    }

    /// From position `start` of `d`, which is called `to` (or nothing) from now on.
    pub fn slice(&self, d: DimId, start: usize, to: DimId) -> View {
        let mut v = self.clone();
        v.offset += start * stride_of(&v.strides, d);
        v.strides.iter_mut().filter(|(e, _)| *e == d).for_each(|s| s.0 = to);
        v
    }

    /// Whether an element is at the same address in both.
    pub fn same_place(&self, other: &View) -> bool {
        (self.lanes, self.space, self.buf, self.offset, self.step, self.block)
            == (other.lanes, other.space, other.buf, other.offset, other.step, other.block)
            && self.strides.iter().chain(&other.strides).all(|&(d, _)| self.stride(d) == other.stride(d))
    }

    pub fn renamed(&self, to: impl Fn(DimId) -> DimId) -> View {
        let mut v = self.clone();
        v.strides.iter_mut().for_each(|s| s.0 = to(s.0));
        v
    }
}

/// A dimension of the box that is visited: how long, and whether that is the rows of a block.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    pub dim: DimId,
    pub count: usize,
    pub rows: bool,
}

/// The loops over a box, outermost first: sides of one are dropped, neighbours that all operands
/// cross in one stride are joined.
pub fn loops<const K: usize>(sides: &[Side], views: [Option<&View>; K]) -> Vec<Loop<K>> {
    let mut out: Vec<Loop<K>> = Vec::new();
    for side in sides.iter().rev() {
        if side.count == 1 && !side.rows {
            continue;
        }
        let step = std::array::from_fn(|k| views[k].map_or(0, |v| v.stride(side.dim)));
        let this = Loop { count: side.count, rows: side.rows, step };
        match out.last_mut() {
            Some(inner) if !inner.rows && (0..K).all(|k| this.step[k] == inner.step[k] * inner.count) => {
                inner.count *= this.count;
                inner.rows = this.rows;
            }
            _ => out.push(this),
        }
    }
    out.reverse();
    out
}

/// Takes out the longest loop, for the kernel to run. An element is a cache line, so the order of
/// the loops does not matter to memory.
pub fn take_longest<const K: usize>(loops: &mut Vec<Loop<K>>, block_rows: usize) -> Loop<K> {
    let len = |l: &Loop<K>| if l.rows { l.count * block_rows } else { l.count };
    match (0..loops.len()).rev().max_by_key(|&i| len(&loops[i])) {
        Some(i) => loops.remove(i),
        None => Loop::ONCE,
    }
}
