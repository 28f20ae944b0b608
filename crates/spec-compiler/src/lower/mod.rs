//! From the typed model to a [`Target`]: one graph with the data it is bound to.

mod bases;
mod centring;
mod data;
mod discrete;
mod expr;
mod generate;
mod latents;
mod laws;
mod lookups;
mod rates;
mod recurrence;
mod remembered;
mod solve;
mod wholes;

use std::collections::{BTreeMap, HashMap, HashSet};

use graph::ir::{DimId, Graph, Kind as NodeKind, NodeId, Origin, Role, Size, Varies};
use graph::value::{Bindings, Value};
use model::{Cells, Likelihood, Noise, Site, Target, Terms, Whole};

use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::Span;
use crate::typed::{Def, DimRef, Gap, Model, ObserveDef, SeriesKind, SeriesRef};
pub use centring::{CENTRING, Centring};
use discrete::{Seen, Summed, Term};
pub use remembered::Remembered;

/// Lowers a checked model; `remembered` holds what an earlier fit learned from its data, if there was
/// one, and afterwards what this one did. For a prediction it does not matter if no row has an
/// observed value.
///
/// # Errors
/// Observed values that their law cannot produce; times before the start of a solve; pairings that
/// a distribution or solver refuses.
pub fn lower(
    model: &Model,
    centring: &Centring,
    remembered: &mut Remembered,
    is_prediction: bool,
) -> Result<Target, Vec<Diagnostic>> {
    let mut l = Lowering::new(model, centring);
    l.remembered = std::mem::take(remembered);
    l.is_prediction = is_prediction;
    l.latents();
    l.series_inputs();
    l.imputed();
    l.summed_out_inputs();
    for def in &model.order {
        match *def {
            Def::Latent(i) => l.prior(i),
            Def::Let(i) => l.let_(i),
            Def::Solve(i) => l.solve(i),
            Def::Recurrence(i) => l.recurrence(i),
        }
    }
    let mut masks = Vec::new();
    for i in 0..model.observes.len() {
        let mask = l.observe(i);
        masks.push(mask);
    }
    for i in 0..model.recurrences.len() {
        l.filter(i, &masks);
    }
    for factor in &model.factors {
        l.factor(factor);
    }
    l.finish(remembered)
}

pub(crate) struct Lowering<'a> {
    pub model: &'a Model,
    centring: &'a Centring,
    pub graph: Graph,
    pub dims: Vec<DimId>,
    pub bindings: Bindings,
    pub latents: Vec<NodeId>,
    pub lets: HashMap<usize, NodeId>,
    /// By (solve, state): the solution at the rows.
    pub states: HashMap<(usize, usize), NodeId>,
    /// The value of each state of a recurrence at the rows.
    pub series: HashMap<SeriesRef, NodeId>,
    series_sites: Vec<(SeriesRef, Site)>,
    /// By block.
    orders: HashMap<usize, recurrence::Order>,
    /// By block and position.
    step_lets: HashMap<(usize, usize), NodeId>,
    chains: HashMap<SeriesRef, recurrence::ChainLaws>,
    /// By block.
    ends: HashMap<usize, recurrence::Ends>,
    /// The linear-Gaussian blocks, by number.
    filters: Vec<(usize, distributions::series::LinearGaussian)>,
    noises: Vec<Noise>,
    /// By name.
    pub row_inputs: HashMap<String, NodeId>,
    /// By lag: the row it reads, and whether there is one.
    lags: HashMap<usize, (NodeId, NodeId)>,
    columns: HashMap<(usize, usize), NodeId>,
    stacks: HashMap<(usize, usize), NodeId>,
    indices: HashMap<usize, NodeId>,
    /// By position in [`Model::imputed`]: where each row's null stands among them.
    nulls: HashMap<usize, NodeId>,
    /// By (table, column): 1 where it has a value.
    present: HashMap<(usize, usize), NodeId>,
    /// By position in [`Model::imputed`]: the values where the column is null.
    imputed: Vec<NodeId>,
    /// By latent.
    sites: Vec<Option<Site>>,
    imputed_sites: Vec<Site>,
    /// Inputs that say how far latents are centred, where these are free.
    centrings: Vec<Site>,
    terms: Vec<Term>,
    log_det: Vec<NodeId>,
    factors: Vec<(String, NodeId)>,
    remembered: Remembered,
    is_prediction: bool,
    /// See [`Target::beyond`].
    beyond: BTreeMap<String, usize>,
    /// See [`Target::bases`].
    bases: Vec<(NodeId, NodeId)>,
    origins: Vec<String>,
    pub mistakes: Vec<Diagnostic>,
}

impl<'a> Lowering<'a> {
    fn new(model: &'a Model, centring: &'a Centring) -> Lowering<'a> {
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
            centring,
            graph,
            dims,
            bindings,
            latents: Vec::new(),
            lets: HashMap::new(),
            states: HashMap::new(),
            series: HashMap::new(),
            series_sites: Vec::new(),
            orders: HashMap::new(),
            step_lets: HashMap::new(),
            chains: HashMap::new(),
            ends: HashMap::new(),
            filters: Vec::new(),
            noises: Vec::new(),
            row_inputs: HashMap::new(),
            lags: HashMap::new(),
            columns: HashMap::new(),
            stacks: HashMap::new(),
            indices: HashMap::new(),
            nulls: HashMap::new(),
            present: HashMap::new(),
            imputed: Vec::new(),
            sites: Vec::new(),
            imputed_sites: Vec::new(),
            centrings: Vec::new(),
            terms: Vec::new(),
            log_det: Vec::new(),
            factors: Vec::new(),
            remembered: Remembered::default(),
            is_prediction: false,
            beyond: BTreeMap::new(),
            bases: Vec::new(),
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

    /// The same dimensions in the order that arrays have in memory.
    pub fn in_memory_order(&self, dims: &[DimRef]) -> Vec<DimRef> {
        let ids = self.graph.canonical(self.dim_ids(dims));
        ids.iter().map(|id| *dims.iter().find(|&&d| self.dim(d) == *id).expect("one of them")).collect()
    }

    /// Numbers over dimensions, in memory order, as an input that is data.
    pub fn data_input(&mut self, values: Vec<f64>, dims: &[DimId]) -> NodeId {
        let name = format!("array {}", self.bindings.data.len());
        self.bindings.data.insert(name.clone(), Value::Real(values));
        self.graph.input(&name, Varies::Data, NodeKind::Real, dims)
    }

    /// Nodes made from now on come from `what`.
    pub fn origin(&mut self, what: String) {
        self.origins.push(what);
        self.graph.origin = Origin(self.origins.len() as u32 - 1);
    }

    /// Labels of the elements over `written`, in memory order, with the parts of each as written:
    /// `[county, age]` gives `C1,30` whatever order the memory has.
    fn labels(&self, written: &[DimRef]) -> Vec<String> {
        let parts: Vec<(DimId, Vec<String>)> = written
            .iter()
            .map(|&d| {
                let dim = &self.model.dims[d.0];
                (self.dim(d), (0..dim.size).map(|i| dim.label(i)).collect())
            })
            .collect();
        self.labels_of(&parts)
    }

    /// The same for dimensions with their labels.
    fn labels_of(&self, written: &[(DimId, Vec<String>)]) -> Vec<String> {
        let mut elements: Vec<Vec<String>> = vec![vec![String::new(); written.len()]];
        for id in self.graph.canonical(written.iter().map(|(d, _)| *d).collect()) {
            let at = written.iter().position(|(d, _)| *d == id).expect("one of them");
            let with = |element: &Vec<String>, label: &String| {
                let mut element = element.clone();
                element[at] = label.clone();
                element
            };
            elements = elements
                .iter()
                .flat_map(|e| written[at].1.iter().map(|l| with(e, l)).collect::<Vec<_>>())
                .collect();
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

    fn factor(&mut self, factor: &crate::typed::FactorDef) {
        self.origin(format!("factor {}", factor.name));
        let node = self.expr(&factor.value);
        let plates = self.dim_ids(&factor.value.dims);
        self.factors.push((factor.name.clone(), node));
        let lookups = self.lookups(&factor.met);
        self.terms.push(Term::new(node, plates, lookups));
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

    /// A likelihood; returns where its rows count.
    fn observe(&mut self, i: usize) -> Option<NodeId> {
        let o = &self.model.observes[i];
        self.origin(format!("likelihood of {}", o.name));
        let x = self.expr(&o.value);
        let of_plate = |d: &&DimRef| !o.law.event.contains(d);
        let plates: Vec<DimRef> = o.value.dims.iter().filter(of_plate).copied().collect();
        let dims = self.dim_ids(&plates);
        let mask = self.mask(o);
        // A law of all rows together has no row to leave out but those that are predicted.
        let along = |m: NodeId| o.law.event.iter().any(|&d| self.graph.ty(m).has(self.dim(d)));
        let by_part = mask.is_some_and(along);
        let mask = mask.filter(|_| self.is_prediction || !by_part);
        // Zero where a value does not count.
        let counts = mask.map(|m| self.data_over(m, &plates));
        if let Some(counts) = &counts
            && counts.iter().all(|&c| c == 0.0)
        {
            if !self.is_prediction {
                self.mistakes.push(errors::no_row_counts(o.origin.span, &o.name));
                return mask;
            }
            // A vector along the rows has no density row by row, which could be left out.
            if by_part {
                return mask;
            }
        }
        if !self.past_is_there(o, mask, &plates)
            || !self.arguments_are_good(&o.law, &o.value.dims, counts.as_deref())
            || !self.outcomes_are_possible(o, counts.as_deref())
            || self.filtered(i)
        {
            return mask;
        }
        let lp = self.log_prob(&o.law, x)?;
        let lp = match mask {
            Some(m) => {
                let zero = self.graph.constant(0.0);
                self.graph.select(m, lp, zero)
            }
            None => lp,
        };
        let seen = Seen { observes: vec![i], ..Seen::default() };
        let lookups = self.lookups(&o.met);
        self.terms.push(Term { node: lp, plates: dims, lookups, seen });
        mask
    }

    /// Zero where a value does not count, if it does not count somewhere.
    fn mask(&mut self, o: &ObserveDef) -> Option<NodeId> {
        let mut mask = o.mask.as_ref().map(|m| self.expr(m));
        let mut present: Vec<NodeId> = Vec::new();
        for &gap in &o.dropped {
            if let Gap::Column { table, column } = gap {
                present.push(self.present(table, column));
            }
        }
        present.extend(self.lags_are_there(o));
        for present in present {
            mask = Some(match mask {
                Some(m) => self.graph.mul(m, present),
                None => present,
            });
        }
        mask
    }

    /// 1 where the lags that a likelihood speaks of are no nulls, if some are.
    fn lags_are_there(&mut self, o: &ObserveDef) -> Option<NodeId> {
        let mut all: Option<NodeId> = None;
        for &gap in &o.dropped {
            let Gap::Lag(i) = gap else { continue };
            let def = &self.model.lags[i];
            if def.nulls.is_empty() {
                continue;
            }
            let rows = self.dim(self.model.tables[def.table].rows);
            let mut present = vec![1.0; def.source.len()];
            def.nulls.iter().for_each(|&r| present[r] = 0.0);
            let present =
                self.row_data(&format!("{} ({i}) is present", def.text), Value::Real(present), rows);
            all = Some(match all {
                Some(all) => self.graph.mul(all, present),
                None => present,
            });
        }
        all
    }

    /// Every row that counts must have the earlier rows that it speaks of.
    fn past_is_there(&mut self, o: &ObserveDef, mask: Option<NodeId>, plates: &[DimRef]) -> bool {
        for &gap in &o.dropped {
            let Gap::Lag(i) = gap else { continue };
            let def = &self.model.lags[i];
            if def.before.is_empty() {
                continue;
            }
            let rows = self.dim(self.model.tables[def.table].rows);
            let mut before = vec![0.0; def.source.len()];
            def.before.iter().for_each(|&r| before[r] = 1.0);
            let before = self.row_data(&format!("{} ({i}) is before", def.text), Value::Real(before), rows);
            let wrong = match mask {
                Some(mask) => self.graph.mul(mask, before),
                None => before,
            };
            let wrong = self.data_over(wrong, plates);
            if let Some(e) = wrong.iter().position(|&w| w != 0.0) {
                let place = self.place(plates, e);
                let span = o.law.span;
                self.mistakes.push(errors::no_past_observed(span, &o.name, &def.text, &place));
                return false;
            }
        }
        true
    }

    fn has_discrete(&self, n: NodeId) -> bool {
        let latents = self.model.latents.iter().filter_map(|l| l.discrete);
        let states = self.model.recurrences.iter().flat_map(|r| &r.states).filter_map(|s| match s.kind {
            SeriesKind::Discrete { values, .. } => Some(values),
            _ => None,
        });
        latents.chain(states).any(|values| self.graph.ty(n).has(self.dim(values.dim)))
    }

    /// What each observed variable says, value by value where it does; `first` is the position of the first
    /// of them among the variables.
    fn likelihoods(&mut self, terms: &[Term], first: usize) -> Vec<Likelihood> {
        let mut out = Vec::new();
        for (i, o) in self.model.observes.iter().enumerate() {
            // In a prediction there may be nothing to see.
            let Some(t) = terms.iter().find(|t| t.seen.observes.contains(&i)) else { continue };
            let is_whole = t.plates.is_empty() && o.value.dims.len() > o.law.event.len();
            let terms = if t.seen.summed == Some(Summed::Series) {
                Terms::Whole(Whole::Series)
            } else if o.law.event.iter().any(|&d| self.graph.is_row(self.dim(d))) {
                Terms::Whole(Whole::Rows)
            } else if t.seen.observes.len() > 1 {
                Terms::Whole(Whole::Shared)
            } else if is_whole {
                Terms::Whole(Whole::Latent)
            } else {
                self.origin(format!("likelihood of {}", o.name));
                let log_prob = match t.seen.without {
                    Some(without) => self.graph.sub(t.node, without),
                    None => t.node,
                };
                let log_prob = self.graph.expand(log_prob, &t.plates);
                Terms::Each { log_prob, summed: t.seen.summed.is_some(), by: t.seen.by.clone() }
            };
            out.push(Likelihood { variable: first + i, terms });
        }
        out
    }

    /// A column as numbers: where nulls are inferred, with their values in their places.
    pub fn column(&mut self, table: usize, column: usize) -> NodeId {
        let known = self.known_column(table, column);
        let found = self.model.imputed.iter().position(|x| (x.table, x.column) == (table, column));
        let Some(k) = found.filter(|&k| k < self.imputed.len()) else { return known };
        let x = &self.model.imputed[k];
        let t = &self.model.tables[table];
        let mut index = vec![0_u32; t.data.n_rows];
        for (k, &row) in t.data.columns[column].nulls.iter().enumerate() {
            index[row] = k as u32;
        }
        let name = format!("nulls of {}.{}", t.name, t.data.columns[column].name);
        let (rows, dim) = (self.dim(t.rows), self.dim(x.dim));
        let position = match self.bindings.data.insert(name.clone(), Value::Index(index)) {
            None => self.graph.input(&name, Varies::Data, NodeKind::Index(dim), &[rows]),
            Some(_) => self.nulls[&k],
        };
        self.nulls.insert(k, position);
        let values = self.graph.gather(self.imputed[k], position);
        let present = self.present(table, column);
        self.graph.select(present, known, values)
    }

    /// A column's cells as numbers.
    pub fn known_column(&mut self, table: usize, column: usize) -> NodeId {
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
        let imputed = |&c: &usize| self.model.imputed.iter().any(|x| (x.table, x.column) == (table, c));
        if s.columns.iter().any(imputed) {
            let parts: Vec<NodeId> = s.columns.iter().map(|&c| self.column(table, c)).collect();
            let dim = self.dim(s.dim);
            let n = self.graph.stack(&parts, dim);
            self.stacks.insert((table, stack), n);
            return n;
        }
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

    pub fn total(&mut self, terms: &[NodeId]) -> NodeId {
        let zero = self.graph.constant(0.0);
        terms.iter().fold(zero, |sum, &t| self.graph.add(sum, t))
    }

    fn finish(mut self, remembered: &mut Remembered) -> Result<Target, Vec<Diagnostic>> {
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        self.origin("log joint density".into());
        let (terms, dets) = (std::mem::take(&mut self.terms), std::mem::take(&mut self.log_det));
        let (terms, weights) = self.sum_out(terms);
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        let sums: Vec<NodeId> = terms.iter().map(|t| self.graph.sum(t.node, &t.plates)).collect();
        let log_joint = self.total(&sums);
        let log_det_jac = self.total(&dets);
        let mut generate = Vec::new();
        let wanted = |name: &str| self.model.report.as_ref().is_none_or(|r| r.contains(name));
        for (latent, &node) in self.model.latents.iter().zip(&self.latents) {
            if wanted(&latent.name) && latent.discrete.is_none() {
                generate.push(self.named(&latent.name, &latent.dims, node));
            }
        }
        for (block, def) in self.model.recurrences.iter().enumerate() {
            for (state, s) in def.states.iter().enumerate() {
                if !matches!(s.kind, SeriesKind::Discrete { .. }) && wanted(&s.name) {
                    let node = self.series[&SeriesRef { block, state }];
                    let dims = self.dim_ids(&s.dims);
                    let node = self.graph.expand(node, &dims);
                    generate.push(self.named(&s.name, &s.dims, node));
                }
            }
        }
        for (i, def) in self.model.lets.iter().enumerate() {
            if let Some(&node) = self.lets.get(&i)
                && def.is_reported
                && def.met.is_empty()
                && wanted(&def.name)
            {
                generate.extend(self.reported_let(def, node));
            }
        }
        for (x, site) in self.model.imputed.iter().zip(&self.imputed_sites) {
            if wanted(&site.name) {
                generate.push(self.named(&site.name, &[x.dim], site.value));
            }
        }
        for (i, solve) in self.model.solves.iter().enumerate() {
            for (k, state) in solve.states.iter().enumerate() {
                let Some(&node) = self.states.get(&(i, k)).filter(|_| wanted(&state.name)) else { continue };
                // A solution of known numbers alone is no answer.
                if self.graph.varies(node) != Varies::Data {
                    generate.push(self.named(&state.name, &[solve.rows], node));
                }
            }
        }
        let summed_out = self.summed_out(&weights);
        generate.extend(self.probabilities(&summed_out));
        let sites: Vec<Site> = std::mem::take(&mut self.sites)
            .into_iter()
            .flatten()
            .chain(self.series_sites.iter().map(|(_, site)| site.clone()))
            .chain(self.imputed_sites.drain(..))
            .chain(self.centrings.drain(..))
            .collect();
        let (states, laws) = self.filtered_states();
        let (discrete, variables) = self.drawn(&summed_out, &sites, laws);
        let likelihoods = self.likelihoods(&terms, variables.len() - self.model.observes.len());
        let made_of_discrete = self.made_of_discrete();
        let tables = self.rows();
        let factors = self.factors.clone();
        *remembered = self.remembered;
        Ok(Target {
            name: self.model.name.clone(),
            graph: self.graph,
            log_joint,
            terms: terms.iter().map(|t| (t.node, t.plates.clone())).collect(),
            log_det_jac,
            sites,
            generate,
            likelihoods,
            variables,
            discrete,
            made_of_discrete,
            states,
            noise: self.noises,
            tables,
            factors,
            drawn: self.model.drawn.clone(),
            beyond: self.beyond,
            bases: self.bases,
            units: self.model.units_by_name(),
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
