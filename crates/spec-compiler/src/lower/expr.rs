//! Typed expressions as graph.

use std::sync::Arc;

use graph::ir::{Binary, DimId, Graph, Kind as NodeKind, NodeId, Op, Reduction, Scan, Varies};
use graph::value::Value;

use crate::check::series::Series;
use crate::lower::Lowering;
use crate::source::Span;
use crate::typed::{DimRef, Kind, Reducer, SeriesKind, SeriesRef, Typed, Variable};

impl Lowering<'_> {
    /// The node of `t`, outside a rate.
    pub fn expr(&mut self, t: &Typed) -> NodeId {
        match &t.kind {
            Kind::Const(x) => self.graph.constant(*x),
            Kind::Factor(i) => {
                let factor = self.model.conversions[*i].factor;
                self.graph.constant(factor.expect("the check of units has seen every expression"))
            }
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
            Kind::Lookup { base, indices } => {
                let x = self.expr(base);
                self.look_up(x, indices)
            }
            Kind::At { base, at, dim } => {
                let x = self.expr(base);
                let values = self.values_of(at.variable().expect("a discrete variable, maybe looked up"));
                let dim = self.dim(*dim);
                self.graph.rename(x, &[(dim, values)])
            }
            Kind::Reduce { how, over, arg, .. } => {
                let x = self.expr(arg);
                let over = self.dim_ids(over);
                let n = reduce(&mut self.graph, *how, x, &over);
                match over.iter().any(|&d| self.graph.is_row(d)) {
                    true => self.remembered_node(t.span, n),
                    false => n,
                }
            }
            Kind::Element { base, dim, at } => {
                let x = self.expr(base);
                let row = self.dim(*dim);
                let n = self.graph.element(x, row, *at);
                // Which row is the first is a matter of the rows of the fit. The place is that where the
                // brackets' base begins: the base may remember something itself.
                let place = Span { start: t.span.start, end: t.span.start };
                match self.model.dims[dim.0].rows_of {
                    Some(_) => self.remembered_node(place, n),
                    None => n,
                }
            }
            Kind::Identity { row, col } => {
                let (row, col) = (self.dim(*row), self.dim(*col));
                let (i, j) = (self.graph.iota(row), self.graph.iota(col));
                self.graph.binary(Binary::Eq, i, j)
            }
            Kind::CumulativeSum { series, over, arg } => {
                let x = self.expr(arg);
                self.cumulative_sum(x, *over, series.as_ref())
            }
            Kind::Basis { basis, x, dim } => self.basis(basis, x, *dim, t.span),
            Kind::SpectralScale { kernel, frequency, length } => {
                let (frequency, length) = (self.expr(frequency), self.expr(length));
                self.spectral_scale(*kernel, frequency, length)
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

    /// `x` at each row's level of each of `indices`: one index into all pairs of levels, where there are two.
    fn look_up(&mut self, mut x: NodeId, indices: &[usize]) -> NodeId {
        let [first, rest @ ..] = indices else { return x };
        if rest.is_empty() {
            let index = self.index(*first);
            return self.graph.gather(x, index);
        }
        let def = &self.model.indices[*first];
        let t = &self.model.tables[def.table];
        let (mut dim, mut size, mut values) =
            (self.dim(def.dim), self.model.dims[def.dim.0].size, def.values.clone());
        let mut columns = t.data.columns[def.column].name.clone();
        for &next in rest {
            let def = &self.model.indices[next];
            let (other, n) = (self.dim(def.dim), self.model.dims[def.dim.0].size);
            x = self.graph.expand(x, &[dim, other]);
            // Slices of the smaller dimension, one after the other.
            let swap = n < size;
            let (outer, inner, count) = if swap { (other, dim, n) } else { (dim, other, size) };
            let pairs = self.combined(&[outer, inner], size * n);
            let slices: Vec<NodeId> = (0..count).map(|k| self.graph.element(x, outer, k)).collect();
            x = self.graph.concat(&slices, &vec![Some(inner); count], pairs);
            let pair = |(a, b): (&u32, &u32)| if swap { b * size as u32 + a } else { a * n as u32 + b };
            values = values.iter().zip(&def.values).map(pair).collect();
            (dim, size) = (pairs, size * n);
            columns = format!("{columns}, {}", t.data.columns[def.column].name);
        }
        let name = format!("{}.({columns}) -> {}", t.name, self.graph.dim(dim).name);
        let index = match self.row_inputs.get(&name) {
            Some(&made) => made,
            None => {
                let rows = self.dim(t.rows);
                self.bindings.data.insert(name.clone(), Value::Index(values));
                let made = self.graph.input(&name, Varies::Data, NodeKind::Index(dim), &[rows]);
                self.row_inputs.insert(name, made);
                made
            }
        };
        self.graph.gather(x, index)
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
        let has = self.row_data(&format!("{name} is there"), Value::Real(has), rows);
        self.lags.insert(i, (source, has));
        (source, has)
    }

    /// The sum of the elements up to each along `over`, which begins again with each series.
    fn cumulative_sum(&mut self, x: NodeId, over: DimRef, series: Option<&Series>) -> NodeId {
        let d = self.dim(over);
        let x = self.graph.expand(x, &[d]);
        let Some(series) = series else { return self.running_sum(x, d, None) };
        let name = format!("series {} of {}", self.bindings.data.len(), self.model.dims[over.0].name);
        let first = (series.count() > 1).then(|| {
            let first = series.first.iter().map(|f| f64::from(u8::from(*f))).collect();
            self.row_data(&format!("{name}: begins"), Value::Real(first), d)
        });
        if series.is_file_order() {
            return self.running_sum(x, d, first);
        }
        let row = self.row_index(&format!("{name}: row"), series.order.clone(), d);
        let position = self.row_index(&format!("{name}: position"), series.positions(), d);
        let x = self.rows_at(x, d, row);
        let sum = self.running_sum(x, d, first);
        self.rows_at(sum, d, position)
    }

    /// The sum of the elements up to each along `d`; where `first` is 1 it begins again.
    fn running_sum(&mut self, x: NodeId, d: DimId, first: Option<NodeId>) -> NodeId {
        let g = &mut self.graph;
        let from = g.ty(x).dims.iter().copied().filter(|&e| e != d).collect::<Vec<_>>();
        // One step is an addition: the carry varies over all other dimensions.
        let mut body = Graph::with_dims_of(g);
        let varies = g.varies(x);
        let so_far = body.input("so far", varies, NodeKind::Real, &from);
        let next = body.input("next", varies, NodeKind::Real, &from);
        let so_far = match first {
            Some(_) => {
                let begins = body.input("begins", Varies::Data, NodeKind::Real, &[]);
                let nothing = body.constant(0.0);
                body.select(begins, nothing, so_far)
            }
            None => so_far,
        };
        let sum = body.add(so_far, next);
        let zero = g.constant(0.0);
        let zero = g.expand(zero, &from);
        let inputs: Vec<NodeId> = [zero, x].into_iter().chain(first).collect();
        let (over, n_step, outputs) = (d, inputs.len() - 1, vec![sum, sum]);
        let scan = Scan { over, n_carry: 1, n_step, reverse: false, body, outputs };
        let tuple = g.push(Op::Scan(Arc::new(scan)), &inputs).expect("an addition is well typed");
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
            Kind::Cholesky { row, col, .. } => g.cholesky(parts[0], self.dim(*row), self.dim(*col)),
            Kind::SolveTriangular { row, col, .. } => {
                g.tri_solve(parts[0], parts[1], self.dim(*row), self.dim(*col), false)
            }
            Kind::Diagonal { row, col, .. } => {
                let (row, col) = (self.dim(*row), self.dim(*col));
                let (i, j) = (g.iota(row), g.iota(col));
                let (same, zero) = (g.binary(Binary::Eq, i, j), g.constant(0.0));
                let only = g.select(same, parts[0], zero);
                g.sum(only, &[col])
            }
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
