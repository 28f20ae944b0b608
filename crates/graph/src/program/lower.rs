//! From items to instructions: buffers, views, kernels.

use std::collections::HashMap;
use std::sync::Arc;

use numerics::simd::Isa;

use super::PlanError;
use super::checkpoint::Checkpointed;
use super::instr::{self, *};
use super::items::{AffineTerm, Code, Item, Items, TermKind, TwinOp};
use super::kernels::dense::Matrix;
use super::kernels::map::{self, MapFn, Ternary};
use super::kernels::reduce::{Rect, Reducer};
use super::kernels::{affine, choose, dense, log_tail, packed, reduce};
use super::tape::Short;
use super::view::{Side, View, loops, take_longest};
use crate::foreign::{ArgForm, Foreign};
use crate::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Reduction, Unary};
use crate::layout::Sizes;
use crate::types::tuple_types;
use crate::value::Value;

/// What all code of a program shares.
pub struct Shared<'a> {
    pub sizes: &'a Sizes,
    pub isa: Isa,
    pub block_rows: usize,
    pub fixed: Vec<f64>,
    pub index: Vec<u32>,
    /// Lengths in elements.
    pub bufs: Vec<Buf>,
    pub foreign: Vec<Arc<dyn Foreign>>,
    pub state_ids: Vec<Option<u64>>,
    /// Of the graph at hand, by scan and reverse scan.
    pub checkpoints: HashMap<NodeId, Checkpointed>,
}

/// A buffer: elements, and whether it is a thread's scratch memory.
#[derive(Clone, Debug)]
pub struct Buf {
    pub len: usize,
    pub block: bool,
    /// For messages: what is stored.
    pub stored: Option<NodeId>,
}

/// A draw-free node, placed.
#[derive(Clone, Debug)]
pub enum FixedNode {
    Real(View),
    /// A matrix in panels, for products of its own.
    Packed(View),
    /// Offset into the index memory, strides, step of a scan.
    Index {
        offset: usize,
        strides: Vec<(DimId, usize)>,
        step: usize,
        sorted: bool,
    },
}

impl Shared<'_> {
    /// Copies numbers into the program's memory; arrays start on a cache line.
    pub fn put_fixed(&mut self, values: &[f64]) -> usize {
        if values.len() >= 8 {
            self.fixed.resize(self.fixed.len().next_multiple_of(8), 0.0);
        }
        let at = self.fixed.len();
        self.fixed.extend_from_slice(values);
        at
    }

    pub fn put_value(&mut self, value: &Value, dims: &[DimId]) -> FixedNode {
        let strides = self.sizes.strides(dims);
        match value {
            Value::Real(v) => FixedNode::Real(View {
                space: Space::Fixed,
                buf: None,
                offset: self.put_fixed(v),
                strides,
                lanes: false,
                block: false,
                step: 0,
            }),
            Value::Index(v) => {
                let offset = self.index.len();
                self.index.extend_from_slice(v);
                let sorted = v.windows(2).all(|w| w[0] <= w[1]);
                if sorted {
                    // How many equal positions follow each, itself included.
                    let first = self.index.len();
                    self.index.resize(first + v.len(), 1);
                    for i in (0..v.len().saturating_sub(1)).rev() {
                        if v[i] == v[i + 1] {
                            self.index[first + i] = self.index[first + i + 1] + 1;
                        }
                    }
                }
                FixedNode::Index { offset, strides, step: 0, sorted }
            }
        }
    }

    pub fn buffer(&mut self, len: usize, block: bool, stored: Option<NodeId>) -> BufId {
        self.bufs.push(Buf { len, block, stored });
        self.bufs.len() as BufId - 1
    }
}

/// Writes the instructions of one stage, or of a scan's body.
pub struct Lower<'a, 'b, 's> {
    pub items: &'a Items<'a>,
    pub shared: &'b mut Shared<'s>,
    /// The rows that stream by, if any.
    pub row: Option<DimId>,
    pub views: &'b mut HashMap<NodeId, View>,
    pub fixed: &'b HashMap<NodeId, FixedNode>,
    /// Draw-free values that scans' bodies may need.
    pub values: &'b HashMap<NodeId, Value>,
    /// Where results are wanted.
    pub dest: &'b HashMap<NodeId, View>,
    pub tuples: &'b mut HashMap<(NodeId, usize), View>,
    pub code: Vec<Instr>,
}

impl<'a> Lower<'a, '_, '_> {
    pub fn graph(&self) -> &'a Graph {
        self.items.graph
    }

    pub fn dims(&self, n: NodeId) -> &'a [DimId] {
        &self.items.graph.ty(n).dims
    }

    pub fn view(&self, n: NodeId) -> View {
        if let Some(v) = self.views.get(&n) {
            return v.clone();
        }
        match &self.fixed[&n] {
            FixedNode::Real(v) | FixedNode::Packed(v) => v.clone(),
            FixedNode::Index { .. } => unreachable!("an index is used by gather and scatter only"),
        }
    }

    pub fn sides(&self, dims: &[DimId]) -> Vec<Side> {
        dims.iter()
            .map(|&dim| {
                let rows = self.row == Some(dim);
                Side { dim, count: if rows { 1 } else { self.shared.sizes.of(dim) }, rows }
            })
            .collect()
    }

    /// A new buffer for something over `dims`; over the streamed rows it holds a block.
    pub fn fresh(&mut self, dims: &[DimId]) -> View {
        let block = self.row.is_some();
        let mut len = 1;
        let mut strides: Vec<(DimId, usize)> = Vec::new();
        for &d in dims.iter().rev() {
            strides.push((d, len));
            len *= if self.row == Some(d) { self.shared.block_rows } else { self.shared.sizes.of(d) };
        }
        strides.reverse();
        let buf = self.shared.buffer(len, block, None);
        View { space: Space::Tile, buf: Some(buf), offset: 0, strides, lanes: true, block, step: 0 }
    }

    /// Where node `n` is written: where it is wanted, or a new buffer.
    fn result(&mut self, n: NodeId) -> View {
        if let Some(v) = self.dest.get(&n) {
            return v.clone();
        }
        let v = self.fresh(self.dims(n));
        if self.row.is_none()
            && self.dims(n).iter().any(|&d| self.items.graph.is_row(d))
            && let Some(b) = v.buf
        {
            self.shared.bufs[b as usize].stored = Some(n);
        }
        v
    }

    pub fn emit(&mut self, label: String, what: What) {
        self.code.push(Instr { what, label: label.into() });
    }

    fn label(&self, n: NodeId, word: &str) -> String {
        let g = self.items.graph;
        format!("n{} = {word} {}", n.0, g.show_ty(g.ty(n)))
    }

    /// An elementwise kernel over a box.
    fn map(&mut self, label: String, (f, short): (MapFn, Short), sides: &[Side], views: [Option<&View>; 5]) {
        let mut outer = loops(sides, views);
        let inner = take_longest(&mut outer, self.shared.block_rows);
        let ops = views.map(|v| v.map_or(Operand::NONE, |v| v.operand(self.row)));
        let args = &views[1..4];
        let what = Map {
            f,
            short,
            n_args: args.iter().flatten().count(),
            lanes: [0, 1, 2].map(|k| args[k].is_some_and(|v| v.lanes)),
            twin: views[map::SECOND].is_some(),
            ops,
            inner,
            outer: outer.into(),
        };
        self.emit(label, What::Map(what));
    }

    pub fn copy(&mut self, label: String, sides: &[Side], to: &View, from: &View) {
        let f = map::copy(from.lanes, self.shared.isa);
        self.map(label, (f, Short::Copy), sides, [Some(to), Some(from), None, None, None]);
    }

    pub fn fill(&mut self, label: String, sides: &[Side], out: &View, value: f64) {
        let mut outer = loops(sides, [Some(out)]);
        let inner = take_longest(&mut outer, self.shared.block_rows);
        let f = map::copy(false, self.shared.isa);
        self.emit(
            label,
            What::Fill(Fill { f, out: out.operand(self.row), value, inner, outer: outer.into() }),
        );
    }

    /// `v` as lanes in memory order, copied if it is not so already.
    pub fn dense(&mut self, v: &View, dims: &[DimId], label: &str) -> View {
        let strides = self.shared.sizes.strides(dims);
        let is = |d: &(DimId, usize)| self.shared.sizes.of(d.0) == 1 || v.stride(d.0) == 8 * d.1;
        if v.lanes && v.step == 0 && !v.block && strides.iter().all(is) {
            return v.clone();
        }
        let out = self.fresh(dims);
        let sides = self.sides(dims);
        self.copy(format!("{label} = copy"), &sides, &out, v);
        out
    }

    /// Writes the code of one node. A sink accumulates into its destination.
    pub fn node(&mut self, n: NodeId, sink: bool) -> Result<(), PlanError> {
        let item = self.items.of(n).clone();
        let isa = self.shared.isa;
        let view = match &item.code {
            Code::SecondOf => return Ok(()),
            Code::Expand => self.view(item.args[0]),
            Code::Fused(op) => {
                let [a, b, c] = [0, 1, 2].map(|k| self.view(item.args[k]));
                let word = match op {
                    Ternary::MulAdd => "mul_add",
                    Ternary::MulSub => "mul_sub",
                    Ternary::NegMulAdd => "neg_mul_add",
                    Ternary::Select => "select",
                };
                let f = map::ternary(*op, [a.lanes, b.lanes, c.lanes], isa);
                let short = match op {
                    Ternary::MulAdd => Short::MulAdd,
                    Ternary::MulSub => Short::MulSub,
                    Ternary::NegMulAdd => Short::NegMulAdd,
                    Ternary::Select => Short::Select,
                };
                self.elementwise(n, word, (f, short), [Some(&a), Some(&b), Some(&c)])
            }
            Code::Affine(terms) => self.affine(n, terms, &item),
            Code::Twin(op, results) => {
                let (word, f) = match op {
                    TwinOp::SoftplusSigmoid => ("softplus+sigmoid", map::softplus_sigmoid(isa)),
                    TwinOp::SinCos => ("sin+cos", map::sin_cos(isa)),
                };
                let x = self.view(item.args[0]);
                let [p, q] = results.map(|r| self.result(r));
                let sides = self.sides(self.dims(n));
                let label = self.label(n, word);
                self.map(label, (f, Short::Call), &sides, [Some(&p), Some(&x), None, None, Some(&q)]);
                for (r, v) in results.iter().zip([p, q]) {
                    self.views.insert(*r, v);
                }
                return Ok(());
            }
            Code::SumOfSquares(over) => {
                self.reduction(n, "sum_of_squares", Reducer::SumOfSquares, over, &item, sink)
            }
            Code::Plain(op) => return self.plain(n, op, &item, sink),
        };
        self.views.insert(n, view);
        Ok(())
    }

    fn plain(&mut self, n: NodeId, op: &Op, item: &Item, sink: bool) -> Result<(), PlanError> {
        let (isa, dims) = (self.shared.isa, self.dims(n));
        let word = op.name();
        let x = |k: usize| self.view(item.args[k]);
        let view = match op {
            Op::Input(_) => return Ok(()),
            Op::Unary(Unary::Detach) => x(0),
            Op::Unary(u) => {
                let a = x(0);
                self.elementwise(n, word, (map::unary(*u, isa), short_unary(*u)), [Some(&a), None, None])
            }
            Op::Binary(b) => {
                let (a, c) = (x(0), x(1));
                {
                    let f = map::binary(*b, [a.lanes, c.lanes], isa);
                    self.elementwise(n, word, (f, short_binary(*b)), [Some(&a), Some(&c), None])
                }
            }
            Op::LogTail(tail) => {
                let args: Vec<View> = (0..tail.arity()).map(x).collect();
                let lanes = std::array::from_fn(|k| args.get(k).is_some_and(|v| v.lanes));
                let f = log_tail::log_tail(*tail, lanes);
                self.elementwise(n, word, (f, Short::Call), [args.first(), args.get(1), args.get(2)])
            }
            Op::Select => {
                let (c, a, b) = (x(0), x(1), x(2));
                let f = map::ternary(Ternary::Select, [c.lanes, a.lanes, b.lanes], isa);
                self.elementwise(n, word, (f, Short::Select), [Some(&c), Some(&a), Some(&b)])
            }
            Op::Reduce(r, over) => self.reduction(n, word, Reducer::One(*r), over, item, sink),
            Op::Contract { over } => {
                let lanes = [x(0).lanes, x(1).lanes];
                self.reduction(n, word, Reducer::Dot(lanes), over, item, sink)
            }
            Op::Gather => self.gather(n, item),
            Op::ScatterAdd => self.scatter(n, item, sink),
            Op::Element { dim, at } => x(0).element(*dim, *at),
            Op::Slice { dim, start, into } => x(0).slice(*dim, *start, *into),
            Op::Rename(map) => x(0).renamed(|d| map.iter().find(|(a, _)| *a == d).map_or(d, |(_, b)| *b)),
            Op::Place { dim, at } => {
                let (a, out) = (x(0), self.result(n));
                self.fill(self.label(n, word), &self.sides(dims), &out, 0.0);
                let sides = self.sides(self.dims(item.args[0]));
                self.copy(self.label(n, word), &sides, &out.element(*dim, *at), &a);
                out
            }
            Op::Pad { from, start, dim } => {
                let (a, out) = (x(0), self.result(n));
                self.fill(self.label(n, word), &self.sides(dims), &out, 0.0);
                let sides = self.sides(self.dims(item.args[0]));
                self.copy(self.label(n, word), &sides, &out.slice(*dim, *start, *from), &a);
                out
            }
            Op::Concat { parts, into } => {
                let out = self.result(n);
                let mut start = 0;
                for (k, part) in parts.iter().enumerate() {
                    let mut sides = self.sides(dims);
                    let (to, count) = match part {
                        Some(p) => (out.slice(*into, start, *p), self.shared.sizes.of(*p)),
                        None => (out.element(*into, start), 1),
                    };
                    for s in sides.iter_mut().filter(|s| s.dim == *into) {
                        s.count = count;
                        s.dim = part.unwrap_or(s.dim);
                    }
                    let a = self.view(item.args[k]);
                    if !a.same_place(&to) {
                        self.copy(self.label(n, word), &sides, &to, &a);
                    }
                    start += count;
                }
                out
            }
            Op::Shift { dim, by, fill } => {
                let (a, out) = (x(0), self.result(n));
                let size = self.shared.sizes.of(*dim);
                let (by_abs, kept) =
                    (by.unsigned_abs() as usize, size.saturating_sub(by.unsigned_abs() as usize));
                let mut sides = self.sides(dims);
                let set = |s: &mut Vec<Side>, count| {
                    s.iter_mut().filter(|s| s.dim == *dim).for_each(|s| s.count = count);
                };
                let (to, from, hole) = if *by >= 0 { (by_abs, 0, 0) } else { (0, by_abs, kept) };
                if kept > 0 {
                    set(&mut sides, kept);
                    self.copy(
                        self.label(n, word),
                        &sides,
                        &out.slice(*dim, to, *dim),
                        &a.slice(*dim, from, *dim),
                    );
                }
                if kept < size {
                    set(&mut sides, size - kept);
                    let at = if kept == 0 { 0 } else { hole };
                    self.fill(self.label(n, word), &sides, &out.slice(*dim, at, *dim), fill.0);
                }
                out
            }
            Op::Cholesky { row, col } => {
                let (a, out) = (x(0), self.result(n));
                let matrix = Matrix {
                    n: self.shared.sizes.of(*row),
                    a: [a.stride(*row), a.stride(*col)],
                    out: [out.stride(*row), out.stride(*col)],
                    transposed: false,
                };
                let rest: Vec<DimId> = dims.iter().copied().filter(|d| d != row && d != col).collect();
                self.dense_op(
                    self.label(n, word),
                    dense::cholesky(isa),
                    matrix,
                    &rest,
                    [Some(&out), Some(&a), None],
                );
                out
            }
            Op::TriSolve { row, col, transposed } => {
                let (l, b, out) = (x(0), x(1), self.result(n));
                let matrix = Matrix {
                    n: self.shared.sizes.of(*row),
                    a: [l.stride(*row), l.stride(*col)],
                    out: [out.stride(*row), b.stride(*row)],
                    transposed: *transposed,
                };
                let rest: Vec<DimId> = dims.iter().copied().filter(|d| d != row).collect();
                let f = dense::tri_solve([l.lanes, b.lanes], isa);
                self.dense_op(self.label(n, word), f, matrix, &rest, [Some(&out), Some(&l), Some(&b)]);
                out
            }
            Op::Scan(_) => return self.scan(n, &item.args, self.label(n, word)),
            Op::Foreign(f) => return self.foreign(n, f.0.clone(), &item.args),
            Op::Output(k) => {
                let from = self.tuples[&(item.args[0], *k)].clone();
                match self.dest.get(&n).cloned() {
                    Some(to) if !from.same_place(&to) => {
                        self.copy(self.label(n, word), &self.sides(dims), &to, &from);
                        to
                    }
                    _ => from,
                }
            }
            Op::Const(_)
            | Op::Size(_)
            | Op::Iota(_)
            | Op::Ones(_)
            | Op::Filter { .. }
            | Op::GramFactor { .. } => {
                unreachable!("draw-free: evaluated when the program is planned")
            }
        };
        self.views.insert(n, view);
        Ok(())
    }

    fn elementwise(
        &mut self,
        n: NodeId,
        word: &str,
        f: (MapFn, Short),
        [a, b, c]: [Option<&View>; 3],
    ) -> View {
        let out = self.result(n);
        let sides = self.sides(self.dims(n));
        self.map(self.label(n, word), f, &sides, [Some(&out), a, b, c, None]);
        out
    }

    fn reduction(
        &mut self,
        n: NodeId,
        word: &str,
        op: Reducer,
        over: &[DimId],
        item: &Item,
        sink: bool,
    ) -> View {
        let out = self.result(n);
        let (mut a, mut b) = (self.view(item.args[0]), item.args.get(1).map(|&y| self.view(y)));
        let mut op = op;
        let kept_sides = self.sides(self.dims(n));
        let over_sides = self.sides(&self.items.graph.canonical(over.to_vec()));
        if over_sides.iter().any(|s| s.count == 0) && !sink {
            self.fill(self.label(n, word), &kept_sides, &out, op.identity());
            return out;
        }
        // An operand that all results share goes second.
        let kept_of = |v: &View| kept_sides.iter().any(|s| v.stride(s.dim) != 0 && (s.rows || s.count > 1));
        if let (Reducer::Dot([la, lb]), Some(y)) = (op, &mut b)
            && ((!kept_of(&a) && kept_of(y)) || (la && !lb && kept_of(&a) == kept_of(y)))
        {
            std::mem::swap(&mut a, y);
            op = Reducer::Dot([lb, la]);
        }
        let views = [Some(&out), Some(&a), b.as_ref()];
        let mut kept = loops(&kept_sides, views);
        let mut over = loops(&over_sides, views);
        let rows = self.shared.block_rows;
        let j = take_longest(&mut over, rows);
        // Best is a loop over which the second operand is shared.
        let k = match (0..kept.len()).rev().find(|&i| kept[i].step[2] == 0 && kept[i].step[1] != 0) {
            Some(i) if b.is_some() => kept.remove(i),
            _ => take_longest(&mut kept, rows),
        };
        let len = |l: &Loop<3>| if l.rows { l.count * rows } else { l.count };
        let rect =
            Rect { k: len(&k), j: len(&j), k_step: k.step, j_step: [j.step[1], j.step[2]], accumulate: sink };
        let packed = item.args.iter().any(|a| matches!(self.fixed.get(a), Some(FixedNode::Packed(_))));
        let f = match packed {
            true => packed::product(j.rows, self.shared.isa),
            false => reduce::reduce(op, &rect, self.shared.isa),
        };
        let ops = views.map(|v| v.map_or(Operand::NONE, |v| v.operand(self.row)));
        let short = match op {
            Reducer::One(Reduction::Sum) => Some(Short::Sum),
            Reducer::SumOfSquares => Some(Short::SumOfSquares),
            Reducer::Dot(_) => Some(Short::Dot),
            Reducer::One(_) => None,
        };
        let lanes = [a.lanes, b.as_ref().is_some_and(|b| b.lanes)];
        let what =
            Reduce { f, short, lanes, ops, k, j, kept: kept.into(), over: over.into(), accumulate: sink };
        self.emit(self.label(n, word), What::Reduce(what));
        out
    }

    /// A sum of terms over the one dimension of `n`.
    fn affine(&mut self, n: NodeId, terms: &[AffineTerm], item: &Item) -> View {
        let out = self.result(n);
        let dims = self.dims(n);
        let d = dims[0];
        let mut args = item.args.iter();
        let mut next = || *args.next().expect("every term has its arguments");
        let mut all = Vec::new();
        for t in terms {
            let mut term = instr::AffineTerm {
                kind: affine::Kind::Lane,
                negative: t.negative,
                x: Operand::NONE,
                step: 0,
                scale: Operand::NONE,
                index: IndexOperand { offset: 0, row_step: 0 },
                index_step: 0,
            };
            let first = next();
            let view = self.view(if t.kind == TermKind::Scaled { next() } else { first });
            (term.x, term.step) = (view.operand(self.row), view.stride(d));
            match t.kind {
                TermKind::Plain if view.lanes => {}
                TermKind::Plain => term.kind = affine::Kind::Fixed,
                TermKind::Scaled => {
                    term.kind = affine::Kind::Scaled;
                    term.scale = self.view(first).operand(self.row);
                }
                TermKind::Gather => {
                    let index = next();
                    let (offset, at, _) = self.index(index);
                    term.kind = affine::Kind::Gather;
                    term.step = view.stride(self.indexed_dim(index));
                    term.index = IndexOperand { offset, row_step: at.operand(self.row).row_step };
                    term.index_step = at.stride(d);
                }
            }
            all.push(term);
        }
        let side = self.sides(dims)[0];
        let along = Loop { count: side.count, rows: side.rows, step: [out.stride(d)] };
        let what =
            Affine { f: affine::pick(self.shared.isa), out: out.operand(self.row), along, terms: all.into() };
        self.emit(self.label(n, "affine"), What::Affine(what));
        out
    }

    /// An index and its view: strides are in positions.
    fn index(&self, n: NodeId) -> (usize, View, bool) {
        let FixedNode::Index { offset, strides, step, sorted } = &self.fixed[&n] else {
            unreachable!("checked by `infer`");
        };
        let view = View {
            space: Space::Fixed,
            buf: None,
            offset: 0,
            strides: strides.clone(),
            lanes: false,
            block: false,
            step: *step,
        };
        (*offset, view, *sorted)
    }

    fn indexed_dim(&self, index: NodeId) -> DimId {
        match self.items.graph.ty(index).kind {
            Kind::Index(d) => d,
            _ => unreachable!("checked by `infer`"),
        }
    }

    fn gather(&mut self, n: NodeId, item: &Item) -> View {
        let d = self.indexed_dim(item.args[1]);
        let (offset, at, _) = self.index(item.args[1]);
        let from = self.view(item.args[0]);
        let indexed = from.stride(d);
        // The indexed dimension may come back as one of the index's own: there x does not move.
        let from = from.element(d, 0);
        let out = self.result(n);
        if !from.lanes {
            unreachable!("a gather from data is draw-free");
        }
        let mut outer = loops(&self.sides(self.dims(n)), [Some(&out), Some(&from), Some(&at)]);
        let inner = take_longest(&mut outer, self.shared.block_rows);
        self.choose(
            n,
            "gather",
            choose::gather(self.shared.isa),
            [&out, &from],
            (offset, &at),
            indexed,
            inner,
            outer,
        );
        out
    }

    fn scatter(&mut self, n: NodeId, item: &Item, sink: bool) -> View {
        let d = self.indexed_dim(item.args[1]);
        let (offset, at, sorted) = self.index(item.args[1]);
        let from = self.view(item.args[0]);
        let out = self.result(n);
        if !sink {
            self.fill(self.label(n, "scatter_add"), &self.sides(self.dims(n)), &out, 0.0);
        }
        let mut outer =
            loops(&self.sides(self.dims(item.args[0])), [Some(&out.element(d, 0)), Some(&from), Some(&at)]);
        // Positions inside: a loop over which the index moves.
        let inner = match (0..outer.len()).rev().find(|&i| outer[i].step[2] != 0) {
            Some(i) => outer.remove(i),
            None => Loop::ONCE,
        };
        let f = choose::scatter(sorted && inner.step[2] == 1, self.shared.isa);
        let indexed = out.stride(d);
        let target = out.element(d, 0);
        self.choose(n, "scatter_add", f, [&target, &from], (offset, &at), indexed, inner, outer);
        out
    }

    #[allow(clippy::too_many_arguments)]
    fn choose(
        &mut self,
        n: NodeId,
        word: &str,
        f: choose::ChooseFn,
        [out, from]: [&View; 2],
        (offset, at): (usize, &View),
        indexed: usize,
        inner: Loop<3>,
        outer: Vec<Loop<3>>,
    ) {
        let along = at.operand(self.row).row_step;
        let what = Choose {
            f,
            ops: [out.operand(self.row), from.operand(self.row)],
            index: IndexOperand { offset, row_step: along },
            indexed,
            runs: at.strides.iter().map(|s| s.1 * self.shared.sizes.of(s.0)).max().unwrap_or(1),
            inner,
            outer: outer.into(),
        };
        self.emit(self.label(n, word), What::Choose(what));
    }

    fn dense_op(
        &mut self,
        label: String,
        f: dense::DenseFn,
        matrix: Matrix,
        rest: &[DimId],
        views: [Option<&View>; 3],
    ) {
        let outer = loops(&self.sides(rest), views);
        let ops = views.map(|v| v.map_or(Operand::NONE, |v| v.operand(self.row)));
        self.emit(label, What::Dense(Dense { f, ops, matrix, outer: outer.into() }));
    }

    fn foreign(&mut self, n: NodeId, op: Arc<dyn Foreign>, args: &[NodeId]) -> Result<(), PlanError> {
        let mut operands = Vec::new();
        for (k, (&a, form)) in args.iter().zip(op.arg_forms()).enumerate() {
            let len = self.shared.sizes.count(self.dims(a));
            match form {
                ArgForm::Data => {
                    if self.items.is_lifted(a) {
                        return Err(PlanError::NotData { op: op.name().into(), arg: k + 1 });
                    }
                    let operand = match &self.fixed[&a] {
                        FixedNode::Real(v) | FixedNode::Packed(v) => v.operand(None),
                        FixedNode::Index { offset, .. } => {
                            let values: Vec<f64> =
                                self.shared.index[*offset..offset + len].iter().map(|&i| i as f64).collect();
                            let offset = self.shared.put_fixed(&values);
                            Operand { offset, ..Operand::NONE }
                        }
                    };
                    operands.push((operand, len));
                }
                ArgForm::Lanes => {
                    let v = self.view(a);
                    let v = self.dense(&v, self.dims(a), op.name());
                    operands.push((v.operand(self.row), 8 * len));
                }
            }
        }
        let tys = tuple_types(self.items.graph, n).expect("checked by `infer`");
        let mut outs = Vec::new();
        for (k, ty) in tys.iter().enumerate() {
            let v = self.fresh(&ty.dims);
            outs.push((v.operand(self.row), 8 * self.shared.sizes.count(&ty.dims)));
            self.tuples.insert((n, k), v);
        }
        let id = op.state_id();
        let known = id.and_then(|_| self.shared.state_ids.iter().position(|s| *s == id));
        let state = known.unwrap_or_else(|| {
            self.shared.foreign.push(op.clone());
            self.shared.state_ids.push(id);
            self.shared.foreign.len() - 1
        });
        let label = format!("n{} = foreign {}", n.0, op.name());
        self.emit(label, What::Foreign(Box::new(ForeignCode { op, args: operands, outs, state })));
        Ok(())
    }
}

fn short_unary(op: Unary) -> Short {
    match op {
        Unary::Neg => Short::Neg,
        Unary::Abs => Short::Abs,
        Unary::Recip => Short::Recip,
        Unary::Sqrt => Short::Sqrt,
        Unary::Square => Short::Square,
        _ => Short::Call,
    }
}

fn short_binary(op: Binary) -> Short {
    match op {
        Binary::Add => Short::Add,
        Binary::Sub => Short::Sub,
        Binary::Mul => Short::Mul,
        Binary::Div => Short::Div,
        _ => Short::Call,
    }
}
