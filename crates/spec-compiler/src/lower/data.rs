//! Values known before any draw: what a law may be given and may produce, row by row.

use distributions::{Parameter, Shape};
use graph::ir::{DimId, Graph, Kind as NodeKind, NodeId, Varies};
use graph::value::{Bindings, Value};

use crate::check::laws;
use crate::errors;
use crate::lower::Lowering;
use crate::typed::{Call, DimRef, Form, Kind, Law, ObserveDef, Typed};

impl Lowering<'_> {
    /// 1 where a column has a value.
    pub fn present(&mut self, table: usize, column: usize) -> NodeId {
        if let Some(&n) = self.present.get(&(table, column)) {
            return n;
        }
        let loaded = &self.model.tables[table];
        let c = &loaded.data.columns[column];
        let mut values = vec![1.0; loaded.data.n_rows];
        for &r in &c.nulls {
            values[r] = 0.0;
        }
        let name = format!("{}.{} is present", loaded.name, c.name);
        let dims = [self.dim(loaded.rows)];
        self.bindings.data.insert(name.clone(), Value::Real(values));
        let n = self.graph.input(&name, Varies::Data, NodeKind::Real, &dims);
        self.present.insert((table, column), n);
        n
    }

    /// Every observed value must be possible under its law.
    pub fn outcomes_are_possible(&mut self, o: &ObserveDef, counts: Option<&[f64]>) -> bool {
        let law = &o.law;
        let x = match o.value.kind {
            // Its levels were found when it was read.
            Kind::Level(_) => return true,
            Kind::Column { table, column } => self.known_column(table, column),
            _ => self.expr(&o.value),
        };
        if self.graph.varies(x) != Varies::Data {
            return true;
        }
        if !law.event.is_empty() {
            return self.whole_outcomes_are_possible(o, x, counts);
        }
        let values = self.data_over(x, &o.value.dims);
        let call = law.only_call().filter(|_| matches!(law.form, Form::Call(_)));
        let arguments = match call {
            Some(call) if law.varies.is_some() => self.data_arguments(call, &o.value.dims),
            _ => Vec::new(),
        };
        let support = |e: usize| match (&law.varies, call) {
            (Some(_), Some(call)) => {
                let here = call.params.map(|i| arguments[i].as_ref().map(|values| values[e]));
                call.distribution.support(&here).unwrap_or(law.support)
            }
            _ => law.support,
        };
        let possible = |e: usize| match call {
            Some(call) => call.distribution.observable(support(e), values[e]),
            None => law.support.contains(values[e]),
        };
        // A row whose null is inferred has no value yet.
        let is_null = |e: usize| match o.value.kind {
            Kind::Column { table, column } => {
                self.model.tables[table].data.columns[column].nulls.binary_search(&e).is_ok()
            }
            _ => false,
        };
        let Some(e) = (0..values.len()).find(|&e| does_count(counts, e) && !is_null(e) && !possible(e))
        else {
            return true;
        };
        let place = self.place(&o.value.dims, e);
        let mistake = errors::unsupported_outcome(
            o.origin.span,
            &o.name,
            &place,
            values[e],
            match law.form {
                Form::Truncated { .. } => "the truncated law",
                _ => law.name(),
            },
            support(e),
            call.and_then(|call| call.distribution.atom()),
        );
        self.mistakes.push(mistake);
        false
    }

    /// Every observed vector or matrix, as the last.
    fn whole_outcomes_are_possible(&mut self, o: &ObserveDef, x: NodeId, counts: Option<&[f64]>) -> bool {
        let Form::Call(call) = &o.law.form else { return true };
        let own = &o.law.event;
        let over: Vec<DimRef> = o.value.dims.iter().copied().filter(|d| !own.contains(d)).collect();
        let values = self.wholes(x, &over, own);
        let argument = |l: &mut Self, arg: &Typed| {
            let n = l.expr(arg);
            let (along, others): (Vec<DimRef>, _) =
                l.dims_of(n).into_iter().partition(|d| call.event.contains(d));
            let known = l.graph.varies(n) == Varies::Data && others.iter().all(|d| over.contains(d));
            known.then(|| l.wholes(n, &over, &along))
        };
        let arguments: Vec<Option<Vec<Vec<f64>>>> = call.args.iter().map(|arg| argument(self, arg)).collect();
        let possible = |e: usize| {
            let here = call.params.map(|i| arguments[i].as_ref().map(|wholes| &wholes[e][..]));
            let each = values[e].iter().all(|&x| call.distribution.observable(o.law.support, x));
            each && call.distribution.observable_value(&here, &values[e])
        };
        let Some(e) = (0..values.len()).find(|&e| does_count(counts, e) && !possible(e)) else {
            return true;
        };
        let place = self.place(&over, e);
        let mistake = errors::unsupported_value(
            o.origin.span,
            &o.name,
            &place,
            &values[e],
            o.law.name(),
            o.law.support,
        );
        self.mistakes.push(mistake);
        false
    }

    /// The values of each argument that is data, over `dims`.
    fn data_arguments(&mut self, call: &Call, dims: &[DimRef]) -> Vec<Option<Vec<f64>>> {
        let nodes: Vec<NodeId> = call.args.iter().map(|a| self.expr(a)).collect();
        let is_data = |l: &Self, n: NodeId| l.graph.varies(n) == Varies::Data;
        nodes.into_iter().map(|n| is_data(self, n).then(|| self.data_over(n, dims))).collect()
    }

    /// Every argument that is data must lie in its parameter's domain, for each element over `dims`.
    pub fn arguments_are_good(&mut self, law: &Law, dims: &[DimRef], counts: Option<&[f64]>) -> bool {
        let calls: Vec<Call> = law.calls().into_iter().cloned().collect();
        calls.iter().all(|call| self.call_is_good(call, dims, counts))
    }

    fn call_is_good(&mut self, call: &Call, dims: &[DimRef], counts: Option<&[f64]>) -> bool {
        for (k, given) in call.params.iter() {
            let arg = &call.args[given.value];
            let n = self.expr(arg);
            let parameter = call.distribution.slots()[k].alternatives[given.alternative];
            if self.graph.varies(n) != Varies::Data {
                continue;
            }
            if parameter.shape == Shape::Square {
                if !self.whole_is_good(call, parameter, arg, dims, counts) {
                    return false;
                }
                continue;
            }
            // Over its own dimensions too, where rows cannot be left out one by one.
            let mut over = dims.to_vec();
            over.extend(self.dims_of(n).into_iter().filter(|d| !dims.contains(d)));
            let counts = counts.filter(|_| over.len() == dims.len());
            let values = self.data_over(n, &over);
            let bad =
                (0..values.len()).find(|&e| !parameter.domain.contains(values[e]) && does_count(counts, e));
            if let Some(e) = bad {
                let error = laws::out_of_domain(call.distribution, parameter, values[e]);
                let mistake = match &over[..] {
                    [] => errors::arguments(arg.span, &error, call.distribution),
                    over => errors::arguments_at(arg.span, &error, call.distribution, &self.place(over, e)),
                };
                self.mistakes.push(mistake);
                return false;
            }
            if parameter.shape != Shape::Scalar && !self.whole_is_good(call, parameter, arg, dims, counts) {
                return false;
            }
        }
        true
    }

    /// The elements of an argument that belong together must be a value together, wherever they count.
    fn whole_is_good(
        &mut self,
        call: &Call,
        parameter: Parameter,
        arg: &Typed,
        dims: &[DimRef],
        counts: Option<&[f64]>,
    ) -> bool {
        let own = match parameter.shape {
            Shape::Square => &call.event[..],
            _ => &call.event[..1],
        };
        let n = self.expr(arg);
        let has = self.dims_of(n);
        // Where it lacks one of them the density says so.
        if parameter.shape == Shape::Square && !own.iter().all(|d| has.contains(d)) {
            return true;
        }
        let over: Vec<DimRef> = has.into_iter().filter(|d| !own.contains(d)).collect();
        let plates = dims.iter().filter(|d| !own.contains(d));
        let counts = counts
            .filter(|_| plates.clone().count() == over.len() && plates.clone().all(|d| over.contains(d)));
        let wholes = self.wholes(n, &over, own);
        let fault = wholes.iter().enumerate().find_map(|(e, whole)| {
            let fault = parameter.domain.fault(whole).filter(|_| does_count(counts, e));
            fault.map(|fault| (e, fault))
        });
        let Some((e, fault)) = fault else { return true };
        let labels = |k: usize| own.iter().map(|d| self.model.dims[d.0].label(k)).next().unwrap_or_default();
        let place = match &over[..] {
            [] => None,
            over => Some(self.place(over, e)),
        };
        let law = call.distribution.name();
        let mistake =
            errors::whole_domain(arg.span, (parameter.name, law), parameter.domain, &fault, &labels, place);
        self.mistakes.push(mistake);
        false
    }

    /// The elements of a draw-free node: for each place over `dims`, in memory order, those along `own`,
    /// the last of them varying fastest.
    fn wholes(&mut self, n: NodeId, dims: &[DimRef], own: &[DimRef]) -> Vec<Vec<f64>> {
        let all: Vec<DimRef> = dims.iter().chain(own).copied().collect();
        let values = self.data_over(n, &all);
        let in_memory = self.graph.canonical(self.dim_ids(&all));
        let stride_of = |l: &Self, d: DimId| -> usize {
            let after = in_memory.iter().skip_while(|&&x| x != d).skip(1);
            after.map(|&d| l.size_of(d)).product()
        };
        let positions = |l: &Self, dims: &[DimId]| {
            dims.iter().fold(vec![0], |starts: Vec<usize>, &d| {
                let (n, stride) = (l.size_of(d), stride_of(l, d));
                starts.iter().flat_map(|s| (0..n).map(move |i| s + i * stride)).collect()
            })
        };
        let places = positions(self, &self.graph.canonical(self.dim_ids(dims)));
        let elements = positions(self, &self.dim_ids(own));
        places.iter().map(|p| elements.iter().map(|e| values[p + e]).collect()).collect()
    }

    fn size_of(&self, d: DimId) -> usize {
        self.model.dims[self.model_dim(d).0].size
    }

    fn model_dim(&self, d: DimId) -> DimRef {
        DimRef(self.dims.iter().position(|x| *x == d).expect("a model dimension"))
    }

    /// The dimensions of a node, those of the values of discrete variables among them.
    fn dims_of(&self, n: NodeId) -> Vec<DimRef> {
        self.graph.ty(n).dims.iter().map(|&d| self.model_dim(d)).collect()
    }

    /// `row 3 (line 4)`, `county=a`: an element of an array over `dims`, by its position in memory.
    pub fn place(&self, dims: &[DimRef], e: usize) -> String {
        let of_id = |d: &DimId| self.model_dim(*d);
        let mut rest = e;
        let mut parts = Vec::new();
        for d in self.graph.canonical(self.dim_ids(dims)).iter().map(of_id).rev() {
            let dim = &self.model.dims[d.0];
            let i = rest % dim.size.max(1);
            rest /= dim.size.max(1);
            parts.push(match dim.rows_of {
                Some(t) => self.model.tables[t].data.locate(i),
                None => format!("{}={}", dim.name, dim.label(i)),
            });
        }
        parts.reverse();
        parts.join(", ")
    }

    /// The elements of a draw-free node, written out over `dims`, in memory order.
    pub fn data_over(&mut self, n: NodeId, dims: &[DimRef]) -> Vec<f64> {
        let dims = self.dim_ids(dims);
        let n = self.graph.expand(n, &dims);
        self.data_values(n).unwrap_or_default()
    }

    /// The elements of a draw-free node.
    pub fn data_values(&self, n: NodeId) -> Option<Vec<f64>> {
        values(&self.graph, &self.bindings, n)
    }
}

fn does_count(counts: Option<&[f64]>, e: usize) -> bool {
    counts.is_none_or(|c| c.get(e) != Some(&0.0))
}

/// The elements of a draw-free node.
fn values(g: &Graph, bindings: &Bindings, n: NodeId) -> Option<Vec<f64>> {
    if g.varies(n) != Varies::Data {
        return None;
    }
    match graph::interpret::evaluate(g, &[n], bindings).ok()?.pop()? {
        Value::Real(v) => Some(v),
        Value::Index(_) => None,
    }
}

/// Numbers that the elements of a draw-free node lie between.
pub fn range(g: &Graph, bindings: &Bindings, n: NodeId) -> (f64, f64) {
    let Some(values) = values(g, bindings, n) else { return (f64::NEG_INFINITY, f64::INFINITY) };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (least, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}
