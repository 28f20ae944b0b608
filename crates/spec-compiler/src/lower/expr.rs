//! Typed expressions as graph.

use graph::ir::{DimId, NodeId, Reduction};

use crate::lower::Lowering;
use crate::typed::{Kind, Reducer, Typed};

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
                self.reduce(*how, x, &over)
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

    /// Constants over dimensions, given row-major in the order declared.
    fn array(&mut self, values: &[f64], order: &[crate::typed::DimRef]) -> NodeId {
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
        let name = format!("array {}", self.bindings.data.len());
        self.bindings.data.insert(name.clone(), graph::value::Value::Real(sorted));
        self.graph.input(&name, graph::ir::Varies::Data, graph::ir::Kind::Real, &dims)
    }
}
