//! From the typed model to a [`Target`]: one graph with the data it is bound to.

mod data;
mod expr;
mod rates;
mod solve;

use std::collections::{HashMap, HashSet};

use distributions::Distribution;
use graph::ir::{DimId, Graph, Kind as NodeKind, NodeId, Origin, Role, Size, Varies};
use graph::value::{Bindings, Value};
use model::{Cells, Named, Site, Target};

use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::Span;
use crate::typed::{Def, DimRef, Law, Model};

/// Lowers a checked model.
///
/// # Errors
/// Observed values that their law cannot produce; times before the start of a solve; pairings that
/// a distribution or solver refuses.
pub fn lower(model: &Model) -> Result<Target, Vec<Diagnostic>> {
    let mut l = Lowering::new(model);
    l.latents();
    for def in &model.order {
        match *def {
            Def::Latent(i) => l.prior(i),
            Def::Let(i) => l.let_(i),
            Def::Solve(i) => l.solve(i),
        }
    }
    for i in 0..model.observes.len() {
        l.observe(i);
    }
    l.finish()
}

pub(crate) struct Lowering<'a> {
    pub model: &'a Model,
    pub graph: Graph,
    pub dims: Vec<DimId>,
    pub bindings: Bindings,
    pub latents: Vec<NodeId>,
    pub lets: HashMap<usize, NodeId>,
    /// By (solve, state): the solution at the rows.
    pub states: HashMap<(usize, usize), NodeId>,
    columns: HashMap<(usize, usize), NodeId>,
    stacks: HashMap<(usize, usize), NodeId>,
    indices: HashMap<usize, NodeId>,
    /// By (table, column): 1 where it has a value.
    present: HashMap<(usize, usize), NodeId>,
    sites: Vec<Site>,
    terms: Vec<NodeId>,
    log_det: Vec<NodeId>,
    log_lik: Vec<Named>,
    origins: Vec<String>,
    pub mistakes: Vec<Diagnostic>,
}

impl<'a> Lowering<'a> {
    fn new(model: &'a Model) -> Lowering<'a> {
        let mut graph = Graph::new();
        let mut bindings = Bindings::default();
        let dims = model
            .dims
            .iter()
            .map(|d| {
                let (role, size) = match d.rows_of {
                    Some(_) => (Role::Row, Size::Bound),
                    None => (Role::Plain, Size::Fixed(d.size)),
                };
                bindings.sizes.insert(d.name.clone(), d.size);
                graph.add_dim(&d.name, role, size)
            })
            .collect();
        Lowering {
            model,
            graph,
            dims,
            bindings,
            latents: Vec::new(),
            lets: HashMap::new(),
            states: HashMap::new(),
            columns: HashMap::new(),
            stacks: HashMap::new(),
            indices: HashMap::new(),
            present: HashMap::new(),
            sites: Vec::new(),
            terms: Vec::new(),
            log_det: Vec::new(),
            log_lik: Vec::new(),
            origins: vec![String::new()],
            mistakes: Vec::new(),
        }
    }

    pub fn dim(&self, d: DimRef) -> DimId {
        self.dims[d.0]
    }

    pub fn dim_ids(&self, dims: &[DimRef]) -> Vec<DimId> {
        dims.iter().map(|&d| self.dim(d)).collect()
    }

    /// Nodes made from now on come from `what`.
    pub fn origin(&mut self, what: String) {
        self.origins.push(what);
        self.graph.origin = Origin(self.origins.len() as u32 - 1);
    }

    /// Labels of the elements over `written`, in memory order, with the parts of each as written:
    /// `[county, age]` gives `C1,30` whatever order the memory has.
    fn labels(&self, written: &[DimRef]) -> Vec<String> {
        let mut elements: Vec<Vec<String>> = vec![vec![String::new(); written.len()]];
        for id in self.graph.canonical(self.dim_ids(written)) {
            let at = written.iter().position(|&d| self.dim(d) == id).expect("one of them");
            let dim = &self.model.dims[written[at].0];
            let with = |element: &Vec<String>, i: usize| {
                let mut element = element.clone();
                element[at] = dim.label(i);
                element
            };
            elements =
                elements.iter().flat_map(|e| (0..dim.size).map(|i| with(e, i)).collect::<Vec<_>>()).collect();
        }
        elements.iter().map(|parts| parts.join(",")).collect()
    }

    /// Labels that hold commas can make two elements read the same.
    fn told_apart(&mut self, name: &str, dims: &[DimRef], span: Span) {
        let commas = |d: &DimRef| match &self.model.dims[d.0].labels {
            Some(labels) => labels.iter().any(|l| l.contains(',')),
            None => false,
        };
        let by_row = dims.iter().any(|d| self.model.dims[d.0].rows_of.is_some());
        if dims.len() < 2 || by_row || !dims.iter().any(commas) {
            return;
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.labels(dims).into_iter().find(|l| !seen.insert(l.clone())) {
            self.mistakes.push(errors::same_column(span, &format!("{name}[{twice}]")));
        }
    }

    /// All latents' unconstrained inputs first, in the order of the file: that is the order of the
    /// coordinates.
    fn latents(&mut self) {
        for latent in &self.model.latents {
            self.origin(format!("latent {}", latent.name));
            self.told_apart(&latent.name, &latent.dims, latent.origin.span);
            let dims = self.graph.canonical(self.dim_ids(&latent.dims));
            let u = self.graph.input(&latent.name, Varies::Lane, NodeKind::Real, &dims);
            let bijector = match distributions::bijector_for(latent.law.support) {
                Ok(b) => b,
                Err(error) => {
                    self.mistakes.push(errors::arguments(latent.law.span, &error, latent.law.distribution));
                    self.latents.push(u);
                    continue;
                }
            };
            let value = bijector.forward(&mut self.graph, u);
            let j = bijector.log_det_jac(&mut self.graph, u);
            let j = self.graph.sum(j, &dims);
            self.log_det.push(j);
            let graph::ir::Op::Input(input) = self.graph.node(u).op else { unreachable!("an input's node") };
            let labels = self.labels(&latent.dims);
            self.sites.push(Site {
                name: latent.name.clone(),
                input,
                unconstrained: u,
                value,
                dims,
                support: latent.law.support,
                bijector,
                labels,
            });
            self.latents.push(value);
        }
    }

    fn prior(&mut self, i: usize) {
        let latent = &self.model.latents[i];
        self.origin(format!("prior of {}", latent.name));
        let x = self.latents[i];
        let dims = self.dim_ids(&latent.dims);
        if !self.arguments_are_good(&latent.law, &latent.dims, None) {
            return;
        }
        if let Some(lp) = self.log_prob(&latent.law, x) {
            let term = self.graph.sum(lp, &dims);
            self.terms.push(term);
        }
    }

    fn let_(&mut self, i: usize) {
        let def = &self.model.lets[i];
        self.origin(format!("let {}", def.name));
        if !def.data_only {
            self.told_apart(&def.name, &def.dims, def.origin.span);
        }
        let n = self.expr(&def.value);
        let dims = self.dim_ids(&def.dims);
        let n = self.graph.expand(n, &dims);
        self.lets.insert(i, n);
    }

    /// ln p(x) under `law`, elementwise.
    fn log_prob(&mut self, law: &Law, x: NodeId) -> Option<NodeId> {
        let nodes: Vec<NodeId> = law.args.iter().map(|a| self.expr(a)).collect();
        let params = law.params.map(|i| nodes[i]);
        let emitted = match law.truncated {
            None => law.distribution.log_prob(&mut self.graph, &params, x),
            Some((lower, upper)) => distributions::Truncated::new(law.distribution, lower, upper)
                .and_then(|t| t.log_prob(&mut self.graph, &params, x)),
        };
        match emitted {
            Ok(density) => {
                let range = |g: &Graph, n: NodeId| data::range(g, &self.bindings, n);
                Some(distributions::in_domain(&mut self.graph, law.distribution, &params, density, &range))
            }
            Err(error) => {
                self.mistakes.push(errors::arguments(law.span, &error, law.distribution));
                None
            }
        }
    }

    fn observe(&mut self, i: usize) {
        let o = &self.model.observes[i];
        self.origin(format!("likelihood of {}", o.name));
        let x = self.expr(&o.value);
        let dims = self.dim_ids(&o.value.dims);
        let mut mask = o.mask.as_ref().map(|m| self.expr(m));
        for &(table, column) in &o.dropped {
            let present = self.present(table, column);
            mask = Some(match mask {
                Some(m) => self.graph.mul(m, present),
                None => present,
            });
        }
        // Zero where a value does not count.
        let counts = mask.map(|m| self.data_over(m, &o.value.dims));
        if let Some(counts) = &counts
            && counts.iter().all(|&c| c == 0.0)
        {
            self.mistakes.push(errors::no_row_counts(o.origin.span, &o.name));
            return;
        }
        if !self.arguments_are_good(&o.law, &o.value.dims, counts.as_deref())
            || !self.outcomes_are_possible(o, x, counts.as_deref())
        {
            return;
        }
        let Some(lp) = self.log_prob(&o.law, x) else { return };
        let lp = match mask {
            Some(m) => {
                let zero = self.graph.constant(0.0);
                self.graph.select(m, lp, zero)
            }
            None => lp,
        };
        let term = self.graph.sum(lp, &dims);
        self.terms.push(term);
        let by_row = dims.iter().any(|&d| self.graph.is_row(d));
        let lp = self.graph.expand(lp, &dims);
        let dims = self.graph.ty(lp).dims.clone();
        let labels = if by_row { Vec::new() } else { self.labels(&o.value.dims) };
        self.log_lik.push(Named { name: o.name.clone(), node: lp, dims, labels, by_row });
    }

    pub fn column(&mut self, table: usize, column: usize) -> NodeId {
        if let Some(&n) = self.columns.get(&(table, column)) {
            return n;
        }
        let t = &self.model.tables[table];
        let values = numbers(&t.data.columns[column]);
        let name = format!("{}.{}", t.name, t.data.columns[column].name);
        let rows = self.dim(t.rows);
        self.bindings.data.insert(name.clone(), Value::Real(values));
        let n = self.graph.input(&name, Varies::Data, NodeKind::Real, &[rows]);
        self.columns.insert((table, column), n);
        n
    }

    pub fn stack(&mut self, table: usize, stack: usize) -> NodeId {
        if let Some(&n) = self.stacks.get(&(table, stack)) {
            return n;
        }
        let t = &self.model.tables[table];
        let s = &t.stacks[stack];
        let columns: Vec<Vec<f64>> = s.columns.iter().map(|&c| numbers(&t.data.columns[c])).collect();
        let dims = self.graph.canonical(vec![self.dim(t.rows), self.dim(s.dim)]);
        let rows_first = dims[0] == self.dim(t.rows);
        let (n_rows, k) = (t.data.n_rows, columns.len());
        let values = if rows_first {
            (0..n_rows * k).map(|e| columns[e % k][e / k]).collect()
        } else {
            columns.concat()
        };
        let name = format!("{}.{}", t.name, s.name);
        self.bindings.data.insert(name.clone(), Value::Real(values));
        let n = self.graph.input(&name, Varies::Data, NodeKind::Real, &dims);
        self.stacks.insert((table, stack), n);
        n
    }

    pub fn index(&mut self, i: usize) -> NodeId {
        if let Some(&n) = self.indices.get(&i) {
            return n;
        }
        let def = &self.model.indices[i];
        let t = &self.model.tables[def.table];
        let (dim, rows) = (self.dim(def.dim), self.dim(t.rows));
        let name =
            format!("{}.{} -> {}", t.name, t.data.columns[def.column].name, self.model.dims[def.dim.0].name);
        self.bindings.data.insert(name.clone(), Value::Index(def.values.clone()));
        let n = self.graph.input(&name, Varies::Data, NodeKind::Index(dim), &[rows]);
        self.indices.insert(i, n);
        n
    }

    fn total(&mut self, terms: &[NodeId]) -> NodeId {
        let zero = self.graph.constant(0.0);
        terms.iter().fold(zero, |sum, &t| self.graph.add(sum, t))
    }

    fn finish(mut self) -> Result<Target, Vec<Diagnostic>> {
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        self.origin("log joint density".into());
        let (terms, dets) = (std::mem::take(&mut self.terms), std::mem::take(&mut self.log_det));
        let log_joint = self.total(&terms);
        let log_det_jac = self.total(&dets);
        let mut generate = Vec::new();
        let wanted = |name: &str| self.model.report.as_ref().is_none_or(|r| r.contains(name));
        let named = |l: &Self, name: &str, written: &[DimRef], node: NodeId| {
            let dims = l.graph.ty(node).dims.clone();
            let by_row = dims.iter().any(|&d| l.graph.is_row(d));
            let labels = if by_row { Vec::new() } else { l.labels(written) };
            Named { name: name.into(), node, dims, labels, by_row }
        };
        for (latent, &node) in self.model.latents.iter().zip(&self.latents) {
            if wanted(&latent.name) {
                generate.push(named(&self, &latent.name, &latent.dims, node));
            }
        }
        for (i, def) in self.model.lets.iter().enumerate() {
            if let Some(&node) = self.lets.get(&i)
                && !def.data_only
                && wanted(&def.name)
            {
                generate.push(named(&self, &def.name, &def.dims, node));
            }
        }
        Ok(Target {
            name: self.model.name.clone(),
            graph: self.graph,
            log_joint,
            log_det_jac,
            sites: self.sites,
            generate,
            log_lik: self.log_lik,
            bindings: self.bindings,
            origins: self.origins,
        })
    }
}

/// A column's cells as numbers; a dropped null takes the first value there is, which its law can
/// evaluate and its mask hides.
fn numbers(c: &model::Column) -> Vec<f64> {
    let mut values: Vec<f64> = match &c.cells {
        Cells::Real(v) => v.clone(),
        Cells::Integer(v) => v.iter().map(|&x| x as f64).collect(),
        Cells::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
        Cells::Text(v) => v.iter().map(|s| s.trim().parse().unwrap_or(f64::NAN)).collect(),
    };
    if !c.nulls.is_empty() {
        let first = (0..values.len()).find(|r| c.nulls.binary_search(r).is_err()).map_or(0.0, |r| values[r]);
        for &r in &c.nulls {
            values[r] = first;
        }
    }
    values
}
