//! Rates as graph: values over dimensions are written out element by element.
//!
//! Whatever in a rate does not run (mentions neither a state nor the time) is computed once outside
//! and handed over as parameters, so `theta[i=1]` or `log(k)` cost nothing per step.

use std::collections::HashMap;

use graph::ir::{Binary, DimId, Graph, Kind as NodeKind, NodeId, Role, Size, Unary, Varies};

use crate::check::dims::union;
use crate::lower::Lowering;
use crate::typed::{DimRef, Kind, Reducer, SolveDef, Typed};

/// Elements of all values in the rates of one block.
const MAX_ELEMENTS: u64 = 100_000;

/// The rates of a block as a function of time, states and parameters.
pub struct Rates {
    pub graph: Graph,
    pub dy: NodeId,
    /// The parameters' nodes in the model's graph.
    pub params: Vec<NodeId>,
}

/// Rates under construction. A value over dimensions is its elements, the last dimension fastest.
struct Builder<'l, 'm> {
    outer: &'l mut Lowering<'m>,
    graph: Graph,
    states: Vec<NodeId>,
    time: NodeId,
    /// The parameters as nodes of `graph`, by their nodes in the model's graph.
    params: HashMap<NodeId, NodeId>,
    lets: Vec<Vec<NodeId>>,
}

impl Lowering<'_> {
    /// `None` if they would be larger than the budget.
    pub fn rates(&mut self, def: &SolveDef) -> Option<Rates> {
        let parts = || def.rate_lets.iter().chain(def.states.iter().map(|s| &s.rate));
        let elements = parts().fold(0_u64, |n, t| n.saturating_add(self.elements_in(t)));
        if elements > MAX_ELEMENTS {
            return None;
        }
        let mut params = Vec::new();
        parts().for_each(|t| self.params_of(t, &mut params));
        let mut seen = std::collections::HashSet::new();
        params.retain(|n| seen.insert(*n));

        let mut graph = Graph::new();
        let state = graph.add_dim("state", Role::Plain, Size::Fixed(def.states.len()));
        let time = graph.input("t", Varies::Lane, NodeKind::Real, &[]);
        let y = graph.input("y", Varies::Lane, NodeKind::Real, &[state]);
        let mut locals = HashMap::new();
        if !params.is_empty() {
            let param = graph.add_dim("param", Role::Plain, Size::Fixed(params.len()));
            let p = graph.input("p", Varies::Lane, NodeKind::Real, &[param]);
            locals.extend(params.iter().enumerate().map(|(k, &n)| (n, graph.element(p, param, k))));
        }
        let states = (0..def.states.len()).map(|k| graph.element(y, state, k)).collect();
        let mut b = Builder { outer: self, graph, states, time, params: locals, lets: Vec::new() };
        for t in &def.rate_lets {
            let value = b.value(t);
            b.lets.push(value);
        }
        let rates: Vec<NodeId> = def.states.iter().flat_map(|s| b.value(&s.rate)).collect();
        let dy = b.graph.stack(&rates, state);
        Some(Rates { graph: b.graph, dy, params })
    }

    fn sizes(&self, dims: &[DimRef]) -> Vec<usize> {
        dims.iter().map(|d| self.model.dims[d.0].size).collect()
    }

    fn elements_in(&self, t: &Typed) -> u64 {
        let own = self.sizes(&t.dims).iter().fold(1_u64, |n, &k| n.saturating_mul(k as u64));
        // A sum is as long as what it runs over.
        let over = match t.kind {
            Kind::Contract { over, .. } => self.model.dims[over.0].size as u64,
            _ => 1,
        };
        let parts = if t.runs() { t.parts() } else { Vec::new() };
        let inner = parts.into_iter().fold(0_u64, |n, part| n.saturating_add(self.elements_in(part)));
        inner.saturating_add(own.saturating_mul(over))
    }

    /// Collects the largest parts of a rate that do not run and are no constants, element by element.
    fn params_of(&mut self, t: &Typed, out: &mut Vec<NodeId>) {
        if t.runs() {
            t.parts().into_iter().for_each(|part| self.params_of(part, out));
            return;
        }
        let elements = self.elements(t);
        out.extend(elements.into_iter().filter(|&n| self.graph.as_const(n).is_none()));
    }

    /// The elements of a value in the model's graph.
    fn elements(&mut self, t: &Typed) -> Vec<NodeId> {
        let n = self.expr(t);
        let dims: Vec<(DimId, usize)> = self.dim_ids(&t.dims).into_iter().zip(self.sizes(&t.dims)).collect();
        let mut out = vec![n];
        for (d, size) in dims {
            let split = |g: &mut Graph, n: NodeId| -> Vec<NodeId> {
                // What is declared over more dimensions than it varies over is the same for all.
                (0..size).map(|i| if g.ty(n).has(d) { g.element(n, d, i) } else { n }).collect()
            };
            out = out.into_iter().flat_map(|n| split(&mut self.graph, n)).collect();
        }
        out
    }
}

impl Builder<'_, '_> {
    /// The elements of `t`.
    fn value(&mut self, t: &Typed) -> Vec<NodeId> {
        if !t.runs() {
            let elements = self.outer.elements(t);
            let local = |n: NodeId| match self.outer.graph.as_const(n) {
                Some(x) => self.graph.constant(x),
                None => self.params[&n],
            };
            return elements.into_iter().map(local).collect();
        }
        match &t.kind {
            Kind::Running(k) => vec![self.states[*k]],
            Kind::Time => vec![self.time],
            Kind::RateLet(k) => self.lets[*k].clone(),
            Kind::Apply1(op, x) => {
                let x = self.value(x);
                x.into_iter().map(|x| self.graph.unary(*op, x)).collect()
            }
            Kind::Apply2(op, a, b) => {
                let (a, b) = (self.over(a, &t.dims), self.over(b, &t.dims));
                a.into_iter().zip(b).map(|(a, b)| self.graph.binary(*op, a, b)).collect()
            }
            Kind::Select(c, a, b) => {
                let (c, a, b) = (self.over(c, &t.dims), self.over(a, &t.dims), self.over(b, &t.dims));
                c.into_iter().zip(a).zip(b).map(|((c, a), b)| self.graph.select(c, a, b)).collect()
            }
            Kind::Reduce { how, over, arg, .. } => {
                let rest: Vec<DimRef> = arg.dims.iter().copied().filter(|d| !over.contains(d)).collect();
                let inner = self.outer.sizes(over).iter().product();
                let all = self.over(arg, &[rest, over.clone()].concat());
                all.chunks(inner).map(|chunk| self.reduce(*how, chunk)).collect()
            }
            Kind::Contract { left, right, over } => {
                let rest: Vec<DimRef> =
                    union(&left.dims, &right.dims).into_iter().filter(|d| d != over).collect();
                let inner = self.outer.model.dims[over.0].size;
                let dims = [rest, vec![*over]].concat();
                let (l, r) = (self.over(left, &dims), self.over(right, &dims));
                let products: Vec<NodeId> = l.into_iter().zip(r).map(|(l, r)| self.graph.mul(l, r)).collect();
                products.chunks(inner).map(|chunk| self.reduce(Reducer::Sum, chunk)).collect()
            }
            Kind::Element { base, dim, at } => {
                let rest: Vec<DimRef> = base.dims.iter().copied().filter(|d| d != dim).collect();
                let size = self.outer.model.dims[dim.0].size;
                self.over(base, &[rest, vec![*dim]].concat()).into_iter().skip(*at).step_by(size).collect()
            }
            Kind::Spread(base) => self.over(base, &t.dims),
            Kind::Rename { base, map } => {
                let from = |d: DimRef| map.iter().find(|(_, to)| *to == d).map_or(d, |(from, _)| *from);
                let before: Vec<DimRef> = t.dims.iter().map(|&d| from(d)).collect();
                self.over(base, &before)
            }
            Kind::Const(_)
            | Kind::Factor(_)
            | Kind::Array { .. }
            | Kind::Latent(_)
            | Kind::Let(_)
            | Kind::Column { .. }
            | Kind::Stack { .. }
            | Kind::Level(_)
            | Kind::Identity { .. }
            | Kind::State { .. } => unreachable!("does not run"),
            Kind::Series(_)
            | Kind::Previous(_)
            | Kind::Current(_)
            | Kind::StepLet { .. }
            | Kind::Lag { .. }
            | Kind::HasPast(_)
            | Kind::Stacked { .. } => unreachable!("varies over rows, which a rate may not"),
            Kind::Cholesky { .. }
            | Kind::SolveTriangular { .. }
            | Kind::Diagonal { .. }
            | Kind::CumulativeSum { .. }
            | Kind::Basis { .. }
            | Kind::SpectralScale { .. } => unreachable!("refused in rates"),
            Kind::At { .. } => unreachable!("depends on a discrete latent, which a rate may not"),
            Kind::Lookup { .. } => unreachable!("varies over rows, which a rate cannot"),
        }
    }

    /// The elements of `t`, repeated and sorted as those of an array over `dims`.
    fn over(&mut self, t: &Typed, dims: &[DimRef]) -> Vec<NodeId> {
        let value = self.value(t);
        self.spread(value, &t.dims, dims)
    }

    fn spread(&self, value: Vec<NodeId>, own: &[DimRef], dims: &[DimRef]) -> Vec<NodeId> {
        if own == dims {
            return value;
        }
        let sizes = self.outer.sizes(dims);
        let own_sizes = self.outer.sizes(own);
        // How far apart neighbours along each of `dims` are in `value`.
        let stride = |d: &DimRef| match own.iter().position(|o| o == d) {
            Some(k) => own_sizes[k + 1..].iter().product(),
            None => 0,
        };
        let strides: Vec<usize> = dims.iter().map(stride).collect();
        let count: usize = sizes.iter().product();
        let at = |e: usize| {
            let mut rest = e;
            let mut at = 0;
            for (size, stride) in sizes.iter().zip(&strides).rev() {
                at += rest % size * stride;
                rest /= size;
            }
            value[at]
        };
        (0..count).map(at).collect()
    }

    fn reduce(&mut self, how: Reducer, x: &[NodeId]) -> NodeId {
        let g = &mut self.graph;
        let sum = |g: &mut Graph, x: &[NodeId]| {
            let zero = g.constant(0.0);
            x.iter().fold(zero, |sum, &x| g.add(sum, x))
        };
        let fold = |g: &mut Graph, op: Binary| {
            let (first, rest) = x.split_first().expect("a dimension has elements");
            rest.iter().fold(*first, |best, &x| g.binary(op, best, x))
        };
        match how {
            Reducer::Sum => sum(g, x),
            Reducer::Mean => {
                let total = sum(g, x);
                g.scale(1.0 / x.len() as f64, total)
            }
            Reducer::Max => fold(g, Binary::Max),
            Reducer::Min => fold(g, Binary::Min),
            Reducer::LogSumExp => {
                let largest = fold(g, Binary::Max);
                let powers: Vec<NodeId> = x
                    .iter()
                    .map(|&x| {
                        let below = g.sub(x, largest);
                        g.exp(below)
                    })
                    .collect();
                let total = sum(g, &powers);
                let total = g.ln(total);
                g.add(largest, total)
            }
            Reducer::Sd => {
                let total = sum(g, x);
                let mean = g.scale(1.0 / x.len() as f64, total);
                let squares: Vec<NodeId> = x
                    .iter()
                    .map(|&x| {
                        let off = g.sub(x, mean);
                        g.unary(Unary::Square, off)
                    })
                    .collect();
                let total = sum(g, &squares);
                let variance = g.scale(1.0 / (x.len() as f64 - 1.0), total);
                g.sqrt(variance)
            }
        }
    }
}
