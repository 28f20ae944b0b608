//! Typed expressions as graph.

use std::sync::Arc;

use graph::ir::{Binary, DimId, Graph, Kind as NodeKind, NodeId, Op, Reduction, Scan};

use crate::lower::Lowering;
use crate::typed::{DimRef, Kind, Reducer, Typed};

impl Lowering<'_> {
    /// The node of `t`, outside a rate.
    pub fn expr(&mut self, t: &Typed) -> NodeId {
        match &t.kind {
            Kind::Const(x) => self.graph.constant(*x),
            Kind::Array { values, order } => self.array(values, order),
            Kind::Latent(i) => self.latents[*i],
            Kind::Let(i) => self.lets[i],
            Kind::Column { table, column } => self.column(*table, *column),
            Kind::Stack { table, stack } => self.stack(*table, *stack),
            Kind::State { solve, state } => self.states[&(*solve, *state)],
            Kind::Running(_) | Kind::Time | Kind::RateLet(_) => {
                unreachable!("running names stand in rates only, which `solve` lowers")
            }
            Kind::Apply1(op, x) => {
                let x = self.expr(x);
                self.graph.unary(*op, x)
            }
            Kind::Apply2(op, a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                self.graph.binary(*op, a, b)
            }
            Kind::Select(c, a, b) => {
                let (c, a, b) = (self.expr(c), self.expr(a), self.expr(b));
                self.graph.select(c, a, b)
            }
            Kind::Spread(x) => {
                let x = self.expr(x);
                let dims = self.dim_ids(&t.dims);
                self.graph.expand(x, &dims)
            }
            Kind::Reduce { how, over, arg } => {
                let x = self.expr(arg);
                let over = self.dim_ids(over);
                let n = self.reduce(*how, x, &over);
                match over.iter().any(|&d| self.graph.is_row(d)) {
                    true => self.remembered_node(t.span, n),
                    false => n,
                }
            }
            Kind::Contract { left, right, over } => {
                let (l, r) = (self.expr(left), self.expr(right));
                let over = self.dim(*over);
                self.graph.contract(l, r, &[over])
            }
            Kind::Lookup { base, index } => {
                let x = self.expr(base);
                let index = self.index(*index);
                self.graph.gather(x, index)
            }
            Kind::At { base, latent, dim } => {
                let x = self.expr(base);
                let values = self.model.latents[*latent].discrete.expect("a discrete latent").dim;
                let (dim, values) = (self.dim(*dim), self.dim(values));
                self.graph.rename(x, &[(dim, values)])
            }
            Kind::Level(index) => self.index(*index),
            Kind::Cholesky { matrix, row, col } => {
                let x = self.expr(matrix);
                let (row, col) = (self.dim(*row), self.dim(*col));
                self.graph.cholesky(x, row, col)
            }
            Kind::SolveTriangular { factor, right, row, col } => {
                let (l, b) = (self.expr(factor), self.expr(right));
                let (row, col) = (self.dim(*row), self.dim(*col));
                self.graph.tri_solve(l, b, row, col, false)
            }
            Kind::Identity { row, col } => {
                let (row, col) = (self.dim(*row), self.dim(*col));
                let (i, j) = (self.graph.iota(row), self.graph.iota(col));
                self.graph.binary(Binary::Eq, i, j)
            }
            Kind::Diagonal { matrix, row, col } => {
                let x = self.expr(matrix);
                let (row, col) = (self.dim(*row), self.dim(*col));
                let (i, j) = (self.graph.iota(row), self.graph.iota(col));
                let (same, zero) = (self.graph.binary(Binary::Eq, i, j), self.graph.constant(0.0));
                let only = self.graph.select(same, x, zero);
                self.graph.sum(only, &[col])
            }
            Kind::CumulativeSum { over, arg } => {
                let x = self.expr(arg);
                self.cumulative_sum(x, *over)
            }
            Kind::Basis { basis, x, dim } => self.basis(basis, x, *dim, t.span),
            Kind::SpectralScale { kernel, frequency, length } => {
                let (frequency, length) = (self.expr(frequency), self.expr(length));
                self.spectral_scale(*kernel, frequency, length)
            }
            Kind::Element { base, dim, at } => {
                let x = self.expr(base);
                let dim = self.dim(*dim);
                self.graph.element(x, dim, *at)
            }
            Kind::Rename { base, map } => {
                let x = self.expr(base);
                let map: Vec<(DimId, DimId)> = map.iter().map(|&(a, b)| (self.dim(a), self.dim(b))).collect();
                self.graph.rename(x, &map)
            }
        }
    }

    fn reduce(&mut self, how: Reducer, x: NodeId, over: &[DimId]) -> NodeId {
        match how {
            Reducer::Sum => self.graph.sum(x, over),
            Reducer::Mean => self.graph.mean(x, over),
            Reducer::Max => self.graph.reduce(Reduction::Max, x, over),
            Reducer::Min => self.graph.reduce(Reduction::Min, x, over),
            Reducer::LogSumExp => self.graph.logsumexp(x, over),
            Reducer::Sd => {
                let m = self.graph.mean(x, over);
                let d = self.graph.sub(x, m);
                let s = self.graph.square(d);
                let total = self.graph.sum(s, over);
                let mut n = self.graph.constant(1.0);
                for &d in over {
                    let k = self.graph.size(d);
                    n = self.graph.mul(n, k);
                }
                let less = self.graph.add_const(n, -1.0);
                let v = self.graph.div(total, less);
                self.graph.sqrt(v)
            }
        }
    }

    /// The sum of the elements up to each along `over`.
    fn cumulative_sum(&mut self, x: NodeId, over: DimRef) -> NodeId {
        let d = self.dim(over);
        let g = &mut self.graph;
        let x = g.expand(x, &[d]);
        let from = g.ty(x).dims.iter().copied().filter(|&e| e != d).collect::<Vec<_>>();
        // One step is an addition: the carry varies over all other dimensions.
        let mut body = Graph::with_dims_of(g);
        let varies = g.varies(x);
        let so_far = body.input("so far", varies, NodeKind::Real, &from);
        let next = body.input("next", varies, NodeKind::Real, &from);
        let sum = body.add(so_far, next);
        let zero = g.constant(0.0);
        let zero = g.expand(zero, &from);
        let scan = Scan { over: d, n_carry: 1, n_step: 1, reverse: false, body, outputs: vec![sum, sum] };
        let tuple = g.push(Op::Scan(Arc::new(scan)), &[zero, x]).expect("an addition is well typed");
        g.output(tuple, 1)
    }

    /// Constants over dimensions, given row-major in the order declared.
    pub fn array(&mut self, values: &[f64], order: &[DimRef]) -> NodeId {
        let declared = self.dim_ids(order);
        let dims = self.graph.canonical(declared.clone());
        let sizes: Vec<usize> = order.iter().map(|d| self.model.dims[d.0].size).collect();
        // Where each memory dimension stands in the declared order.
        let from: Vec<usize> =
            dims.iter().map(|d| declared.iter().position(|x| x == d).expect("the same dimensions")).collect();
        let strides: Vec<usize> = (0..sizes.len()).map(|k| sizes[k + 1..].iter().product()).collect();
        let sorted: Vec<f64> = (0..values.len())
            .map(|e| {
                let mut rest = e;
                let mut at = 0;
                for &k in from.iter().rev() {
                    at += rest % sizes[k] * strides[k];
                    rest /= sizes[k];
                }
                values[at]
            })
            .collect();
        self.data_input(sorted, &dims)
    }
}
