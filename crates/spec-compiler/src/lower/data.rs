//! Values known before any draw: what a law may be given and may produce, row by row.

use distributions::Shape;
use graph::ir::{DimId, Graph, Kind as NodeKind, NodeId, Varies};
use graph::value::{Bindings, Value};

use crate::check::laws;
use crate::errors;
use crate::lower::Lowering;
use crate::typed::{Call, DimRef, Form, Kind, Law, ObserveDef, Typed};

impl Lowering<'_> {
    /// 1 in the rows that have a lag's value.
    pub fn has_value(&mut self, lag: usize) -> NodeId {
        let def = &self.model.lags[lag];
        let rows = self.dim(self.model.tables[def.table].rows);
        let mut known = vec![1.0; def.source.len()];
        def.before.iter().chain(&def.nulls).for_each(|&r| known[r] = 0.0);
        self.row_data(&format!("{} ({lag}) has a value", def.text), Value::Real(known), rows)
    }

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

    /// The values of each argument that is data, over `dims`: not of one that has a value for each value of a
    /// discrete latent besides.
    fn data_arguments(&mut self, call: &Call, dims: &[DimRef]) -> Vec<Option<Vec<f64>>> {
        let nodes: Vec<NodeId> = call.args.iter().map(|a| self.expr(a)).collect();
        let is_data = |l: &Self, n: NodeId| {
            let over = l.dims_of(n);
            l.graph.varies(n) == Varies::Data
                && over.is_some_and(|over| over.iter().all(|d| dims.contains(d)))
        };
        nodes.into_iter().map(|n| is_data(self, n).then(|| self.data_over(n, dims))).collect()
    }

    /// Every argument that is data must lie in its parameter's domain, for each element over `dims`.
    pub fn arguments_are_good(&mut self, law: &Law, dims: &[DimRef], counts: Option<&[f64]>) -> bool {
        law.calls().into_iter().all(|call| self.call_is_good(call, dims, counts))
            && self.weights_are_good(law, dims, counts)
    }

    /// The weights of mixtures, which may add up to anything.
    fn weights_are_good(&mut self, law: &Law, dims: &[DimRef], counts: Option<&[f64]>) -> bool {
        let weights: &[Typed] = match &law.form {
            Form::Mixture { weights, .. } => weights,
            Form::MixtureOver { weights, .. } => std::slice::from_ref(weights),
            _ => &[],
        };
        for weight in weights {
            let n = self.expr(weight);
            let over = self.dims_of(n).filter(|_| self.graph.varies(n) == Varies::Data);
            let Some(over) = over else { continue };
            let counts = counts.filter(|_| over.len() == dims.len() && dims.iter().all(|d| over.contains(d)));
            let values = self.data_over(n, &over);
            let is_weight = |x: f64| x >= 0.0 && x.is_finite();
            if let Some(e) = (0..values.len()).find(|&e| !is_weight(values[e]) && does_count(counts, e)) {
                let place = self.place(&over, e);
                self.mistakes.push(errors::mixture_weight(weight.span, values[e], &place));
                return false;
            }
        }
        if !self.some_weight_counts(law, dims, counts) {
            return false;
        }
        law.parts().iter().all(|part| self.weights_are_good(part, dims, counts))
    }

    /// Weights that are all data must not all be zero.
    fn some_weight_counts(&mut self, law: &Law, dims: &[DimRef], counts: Option<&[f64]>) -> bool {
        let nodes: Vec<NodeId> = match &law.form {
            Form::Mixture { weights, .. } => weights.iter().map(|w| self.expr(w)).collect(),
            Form::MixtureOver { weights, over, .. } => {
                let (all, over) = (self.expr(weights), self.dim(*over));
                let all = self.graph.expand(all, &[over]);
                vec![self.graph.sum(all, &[over])]
            }
            _ => return true,
        };
        if nodes.iter().any(|&n| self.graph.varies(n) != Varies::Data) {
            return true;
        }
        let total = self.total(&nodes);
        let Some(over) = self.dims_of(total) else { return true };
        let counts = counts.filter(|_| over.len() == dims.len() && dims.iter().all(|d| over.contains(d)));
        let values = self.data_over(total, &over);
        let Some(e) = (0..values.len()).find(|&e| values[e] == 0.0 && does_count(counts, e)) else {
            return true;
        };
        let (span, place) = (law.span, self.place(&over, e));
        self.mistakes.push(errors::mixture_of_nothing(span, &place));
        false
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
            let own = self.dims_of(n).unwrap_or_else(|| arg.dims.clone());
            over.extend(own.into_iter().filter(|d| !dims.contains(d)));
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

    /// `row 3 (line 4)`, `county=a`: an element of an array over `dims`, by its position in memory.
    pub fn place(&self, dims: &[DimRef], e: usize) -> String {
        let of_id = |d: &DimId| self.model_dim(*d).expect("a model dimension");
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

pub fn does_count(counts: Option<&[f64]>, e: usize) -> bool {
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
