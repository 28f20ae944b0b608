//! Values known before any draw: what a law may be given and may produce, row by row.

use graph::ir::{DimId, Graph, Kind as NodeKind, NodeId, Varies};
use graph::value::{Bindings, Value};

use crate::check::laws;
use crate::errors;
use crate::lower::Lowering;
use crate::typed::{DimRef, Law, ObserveDef};

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
    pub fn outcomes_are_possible(&mut self, o: &ObserveDef, x: NodeId, counts: Option<&[f64]>) -> bool {
        let values = self.data_over(x, &o.value.dims);
        let law = &o.law;
        let arguments =
            if law.varies.is_some() { self.data_arguments(law, &o.value.dims) } else { Vec::new() };
        let support = |e: usize| match law.varies {
            None => law.support,
            Some(_) => {
                let here = law.params.map(|i| arguments[i].as_ref().map(|values| values[e]));
                law.distribution.support(&here).unwrap_or(law.support)
            }
        };
        let possible = |e: usize| match law.truncated {
            None => law.distribution.observable(support(e), values[e]),
            Some(_) => law.support.contains(values[e]),
        };
        let Some(e) = (0..values.len()).find(|&e| does_count(counts, e) && !possible(e)) else {
            return true;
        };
        let place = self.place(&o.value.dims, e);
        let mistake = errors::unsupported_outcome(
            o.origin.span,
            &o.name,
            &place,
            values[e],
            if law.truncated.is_some() { "the truncated law" } else { law.distribution.name() },
            support(e),
        );
        self.mistakes.push(mistake);
        false
    }

    /// The values of each argument that is data, over `dims`.
    fn data_arguments(&mut self, law: &Law, dims: &[DimRef]) -> Vec<Option<Vec<f64>>> {
        let nodes: Vec<NodeId> = law.args.iter().map(|a| self.expr(a)).collect();
        let is_data = |l: &Self, n: NodeId| l.graph.varies(n) == Varies::Data;
        nodes.into_iter().map(|n| is_data(self, n).then(|| self.data_over(n, dims))).collect()
    }

    /// Every argument that is data must lie in its parameter's domain, for each element over `dims`.
    pub fn arguments_are_good(&mut self, law: &Law, dims: &[DimRef], counts: Option<&[f64]>) -> bool {
        for (k, given) in law.params.iter() {
            let arg = &law.args[given.value];
            let n = self.expr(arg);
            if self.graph.varies(n) != Varies::Data {
                continue;
            }
            let parameter = law.distribution.slots()[k].alternatives[given.alternative];
            let values = self.data_over(n, dims);
            let bad =
                (0..values.len()).find(|&e| !parameter.domain.contains(values[e]) && does_count(counts, e));
            if let Some(e) = bad {
                let error = laws::out_of_domain(law.distribution, parameter, values[e]);
                let mistake = match dims {
                    [] => errors::arguments(arg.span, &error, law.distribution),
                    dims => errors::arguments_at(arg.span, &error, law.distribution, &self.place(dims, e)),
                };
                self.mistakes.push(mistake);
                return false;
            }
        }
        true
    }

    /// `row 3 (line 4)`, `county=a`: an element of an array over `dims`, by its position in memory.
    fn place(&self, dims: &[DimRef], e: usize) -> String {
        let of_id = |d: &DimId| DimRef(self.dims.iter().position(|x| x == d).expect("a model dimension"));
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
