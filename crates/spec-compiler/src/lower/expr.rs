//! Typed expressions as graph.

use graph::ir::{DimId, Graph, NodeId, Reduction};

use crate::lower::Lowering;
use crate::typed::{DimRef, Kind, Reducer, SeriesKind, SeriesRef, Typed, Variable};

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
            Kind::Series(s) | Kind::Current(s) => self.series[s],
            Kind::Previous(s) => self.previous(*s),
            Kind::StepLet { block, position } => self.step_let(*block, *position),
            Kind::Lag { base, lag } => {
                let x = self.expr(base);
                let source = self.lag(*lag).0;
                let rows = self.model.tables[self.model.lags[*lag].table].rows;
                let rows = self.dim(rows);
                self.rows_at(x, rows, source)
            }
            Kind::HasPast(lag) => self.lag(*lag).1,
            Kind::Level(index) => self.index(*index),
            Kind::Lookup { base, index } => {
                let x = self.expr(base);
                let index = self.index(*index);
                self.graph.gather(x, index)
            }
            Kind::At { base, variable, dim } => {
                let x = self.expr(base);
                let values = self.values_of(*variable);
                let dim = self.dim(*dim);
                self.graph.rename(x, &[(dim, values)])
            }
            _ => {
                let parts: Vec<NodeId> = t.parts().into_iter().map(|part| self.expr(part)).collect();
                let rules = Parts { dims: &self.dims, along: None };
                rules.combine(&mut self.graph, t, &parts)
            }
        }
    }

    /// The dimension of the values of a discrete variable.
    pub fn values_of(&self, variable: Variable) -> DimId {
        let state = |s: SeriesRef| match self.model.recurrences[s.block].states[s.state].kind {
            SeriesKind::Discrete { values, before } => (values.dim, before),
            _ => unreachable!("a discrete state"),
        };
        self.dim(match variable {
            Variable::Latent(i) => self.model.latents[i].discrete.expect("a discrete latent").dim,
            Variable::State(s) => state(s).0,
            Variable::Before(s) => state(s).1,
        })
    }

    /// The row that a lag reads, and whether there is one.
    fn lag(&mut self, i: usize) -> (NodeId, NodeId) {
        if let Some(&found) = self.lags.get(&i) {
            return found;
        }
        let def = &self.model.lags[i];
        let t = &self.model.tables[def.table];
        let rows = self.dim(t.rows);
        let is_past = |(row, source): (usize, &u32)| f64::from(u8::from(row != *source as usize));
        let has = def.source.iter().enumerate().map(is_past).collect();
        let name = format!("{}: {} ({i})", t.name, def.text);
        let source = self.row_index(&name, def.source.clone(), rows);
        let has = self.row_data(&format!("{name} is there"), graph::value::Value::Real(has), rows);
        self.lags.insert(i, (source, has));
        (source, has)
    }

    /// Constants over dimensions, given row-major in the order declared.
    fn array(&mut self, values: &[f64], order: &[DimRef]) -> NodeId {
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

/// How an expression is made of its parts, whichever graph they are nodes of.
pub struct Parts<'l> {
    /// By dimension of the model.
    pub dims: &'l [DimId],
    /// Inside a step along these rows: what varies over them is one row's.
    pub along: Option<DimId>,
}

impl Parts<'_> {
    fn dim(&self, d: DimRef) -> DimId {
        self.dims[d.0]
    }

    /// The node of `t`, which is no name, from those of its parts.
    pub fn combine(&self, g: &mut Graph, t: &Typed, parts: &[NodeId]) -> NodeId {
        match &t.kind {
            Kind::Apply1(op, _) => g.unary(*op, parts[0]),
            Kind::Apply2(op, ..) => g.binary(*op, parts[0], parts[1]),
            Kind::Select(..) => g.select(parts[0], parts[1], parts[2]),
            Kind::Spread(_) => {
                let dims = t.dims.iter().map(|d| self.dim(*d)).filter(|d| Some(*d) != self.along);
                let dims: Vec<DimId> = dims.collect();
                g.expand(parts[0], &dims)
            }
            Kind::Reduce { how, over, .. } => {
                let over: Vec<DimId> = over.iter().map(|d| self.dim(*d)).collect();
                reduce(g, *how, parts[0], &over)
            }
            Kind::Contract { over, .. } => g.contract(parts[0], parts[1], &[self.dim(*over)]),
            Kind::Element { dim, at, .. } => g.element(parts[0], self.dim(*dim), *at),
            Kind::Rename { map, .. } => {
                let map: Vec<(DimId, DimId)> = map.iter().map(|&(a, b)| (self.dim(a), self.dim(b))).collect();
                g.rename(parts[0], &map)
            }
            Kind::Stacked { dim, .. } => g.stack(parts, self.dim(*dim)),
            kind => unreachable!("{kind:?} is a name, or is not run along rows"),
        }
    }
}

fn reduce(g: &mut Graph, how: Reducer, x: NodeId, over: &[DimId]) -> NodeId {
    match how {
        Reducer::Sum => g.sum(x, over),
        Reducer::Mean => g.mean(x, over),
        Reducer::Max => g.reduce(Reduction::Max, x, over),
        Reducer::Min => g.reduce(Reduction::Min, x, over),
        Reducer::LogSumExp => g.logsumexp(x, over),
        Reducer::Sd => {
            let m = g.mean(x, over);
            let d = g.sub(x, m);
            let s = g.square(d);
            let total = g.sum(s, over);
            let mut n = g.constant(1.0);
            for &d in over {
                let k = g.size(d);
                n = g.mul(n, k);
            }
            let less = g.add_const(n, -1.0);
            let v = g.div(total, less);
            g.sqrt(v)
        }
    }
}
