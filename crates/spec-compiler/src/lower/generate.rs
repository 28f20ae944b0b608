//! How the variables of a model are drawn: their laws as recipes over nodes of the graph.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use distributions::{Distribution, Event, Params, Truncated};
use graph::ir::{Binary, DimId, Kind as NodeKind, NodeId, Op, Role as DimRole, Size, Unary, Varies};
use graph::value::Value;
use model::{
    Carrier, Discrete, DrawError, Drawing, Elements, Generated, Lookups, MadeOfDiscrete, Named, Observed,
    Recipe, Role, Rows, Sampler, Site, Stands, Uniforms, Variable,
};

use crate::check::recurrence::{is_line, noise_of};
use crate::check::series::series;
use crate::lower::Lowering;
use crate::lower::recurrence::SummedOut;
use crate::source::Span;
use crate::typed::{Call, DimRef, Form, Gap, Kind, Law, LetDef, Met, ObserveDef, SeriesKind, SeriesState};

/// Values of a discrete latent whose probabilities are reported one by one, and those of all its elements.
const MAX_SHOWN_VALUES: usize = 200;
const MAX_SHOWN: usize = 5000;

/// A call of a distribution as the answers draw from it.
#[derive(Debug)]
struct LawSampler {
    law: &'static dyn Distribution,
    params: Params<usize>,
}

impl LawSampler {
    /// Whether every parameter lies in its domain: a sampler that rejects would never end where one is NaN.
    fn allows(&self, params: Elements<'_>) -> bool {
        let slots = self.law.slots();
        self.params.iter().all(|(k, g)| {
            let domain = slots[k].alternatives[g.alternative].domain;
            params.at(g.value).iter().all(|&x| domain.contains(x))
        })
    }
}

fn failed(e: distributions::DistributionError) -> DrawError {
    DrawError(e.to_string())
}

impl Sampler for LawSampler {
    fn name(&self) -> &str {
        self.law.name()
    }

    fn is_proper(&self) -> bool {
        self.law.is_proper()
    }

    fn start(&self) -> Box<dyn Drawing + '_> {
        Box::new(LawDrawing { of: self, numbers: self.params.map(|_| 0.0) })
    }
}

struct LawDrawing<'a> {
    of: &'a LawSampler,
    /// Of a law of numbers, filled anew for each draw.
    numbers: Params<f64>,
}

impl Drawing for LawDrawing<'_> {
    fn draw(
        &mut self,
        params: Elements<'_>,
        window: Option<(f64, f64)>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DrawError> {
        let LawSampler { law, params: given } = self.of;
        if !self.of.allows(params) {
            out.fill(f64::NAN);
            return Ok(());
        }
        if law.event() != Event::Scalar {
            return law.sample_into(&given.map(|i| params.at(i)), uniforms, out).map_err(failed);
        }
        let mut order = given.iter();
        self.numbers.refill(|| {
            let (_, g) = order.next().expect("as many as there are");
            params.at(g.value)[0]
        });
        out[0] = match window {
            None => law.sample(&self.numbers, uniforms).map_err(failed)?,
            Some((lower, upper)) if lower <= upper => Truncated::new(*law, lower, upper)
                .and_then(|t| t.sample(&self.numbers, uniforms))
                .map_err(failed)?,
            Some(_) => f64::NAN,
        };
        Ok(())
    }

    fn draw_given(
        &mut self,
        params: Elements<'_>,
        known: &[bool],
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DrawError> {
        if !self.of.allows(params) {
            out.fill(f64::NAN);
            return Ok(());
        }
        let given = self.of.params.map(|i| params.at(i));
        self.of.law.sample_given(&given, known, uniforms, out).map_err(failed)
    }
}

impl Lowering<'_> {
    /// How values of `law` are drawn.
    pub fn recipe(&mut self, law: &Law) -> Recipe {
        match &law.form {
            Form::Call(call) => self.call_recipe(call),
            Form::Truncated { base, bounds } => {
                let base = Box::new(self.recipe(base));
                let lower = bounds.lower.as_ref().map(|t| self.expr(t));
                let upper = bounds.upper.as_ref().map(|t| self.expr(t));
                Recipe::Truncated { base, lower, upper, by_entry: false }
            }
            // What is known of a value is no part of its law, nor is what brought it into the data.
            Form::Censored { base, .. } => match self.recipe(base) {
                Recipe::Truncated { base, lower, upper, .. } => {
                    Recipe::Truncated { base, lower, upper, by_entry: true }
                }
                other => other,
            },
            Form::Ordered { base } => {
                let alike = base.args().iter().all(|(arg, _)| !arg.dims.contains(&law.event[0]));
                let base = Box::new(self.recipe(base));
                Recipe::Ordered { base, along: self.dim(law.event[0]), alike }
            }
            Form::Mixture { weights, components } => Recipe::Mixture {
                weights: weights.iter().map(|w| self.expr(w)).collect(),
                components: components.iter().map(|c| self.recipe(c)).collect(),
            },
            Form::MixtureOver { weights, component, over } => Recipe::MixtureOver {
                weights: self.expr(weights),
                component: Box::new(self.recipe(component)),
                over: self.dim(*over),
            },
        }
    }

    fn call_recipe(&mut self, call: &Call) -> Recipe {
        Recipe::Law {
            sampler: Arc::new(LawSampler { law: call.distribution, params: call.params.clone() }),
            params: call.args.iter().map(|a| self.expr(a)).collect(),
            own: self.dim_ids(&call.event),
        }
    }

    fn variable(&mut self, name: &str, dims: &[DimRef], law: &Law, met: &Met) -> Variable {
        let recipe = self.recipe(law);
        let dims = self.graph.canonical(self.dim_ids(dims));
        let (event, lookups) = (self.dim_ids(&law.event), self.lookups(met));
        Variable { name: name.into(), dims, event, law: recipe, lookups }
    }

    /// The discrete variables as they are drawn back, and every variable; `states` are those that filters
    /// sum out.
    pub(in crate::lower) fn drawn(
        &mut self,
        summed_out: &[SummedOut],
        sites: &[Site],
        states: Vec<Generated>,
    ) -> (Vec<Discrete>, Vec<Generated>) {
        let model = self.model;
        let wanted = |name: &str| {
            model.drawn.contains(name) || model.report.as_ref().is_some_and(|r| r.contains(name))
        };
        let discrete = |s: &SummedOut| {
            let dims = self.graph.canonical(self.dim_ids(&s.dims));
            let by_row = dims.iter().any(|&d| self.graph.is_row(d));
            Discrete {
                name: s.name.clone(),
                dims,
                labels: if by_row { Vec::new() } else { self.labels(&s.dims) },
                values: self.dim(s.values.dim),
                first: s.values.first,
                back: s.back,
                lookups: s.lookups.clone(),
                reported: wanted(&s.name),
            }
        };
        let all: Vec<Discrete> = summed_out.iter().map(discrete).collect();
        let variables = self.variables(summed_out, sites, states);
        (all, variables)
    }

    /// The lets to report that depend on discrete variables: their values are those of the ones that are drawn.
    pub(in crate::lower) fn made_of_discrete(&self) -> Vec<MadeOfDiscrete> {
        let model = self.model;
        let wanted = |name: &String| model.report.as_ref().is_none_or(|r| r.contains(name));
        let mut out = Vec::new();
        for (i, def) in model.lets.iter().enumerate() {
            let Some(&value) = self.lets.get(&i) else { continue };
            if def.is_reported && !def.met.is_empty() && wanted(&def.name) {
                let dims = self.graph.canonical(self.dim_ids(&def.dims));
                let law = Recipe::Computed { value, improper: None };
                let lookups = self.lookups(&def.met);
                let variable = Variable { name: def.name.clone(), dims, event: Vec::new(), law, lookups };
                out.push(MadeOfDiscrete { variable, labels: self.labels(&def.dims) });
            }
        }
        out
    }

    /// Latents, states, nulls and observed values with their laws, in the order of the file; every node
    /// that laws read has been made.
    fn variables(
        &mut self,
        summed_out: &[SummedOut],
        sites: &[Site],
        states: Vec<Generated>,
    ) -> Vec<Generated> {
        let model = self.model;
        let mut out = Vec::new();
        let site = |name: &str| {
            sites.iter().position(|s| s.name == name).expect("a latent that is not discrete has a site")
        };
        for (i, latent) in model.latents.iter().enumerate() {
            self.origin(format!("prior of {}", latent.name));
            let role = match summed_out.iter().position(|s| s.latent == Some(i)) {
                Some(k) => Role::Discrete(k),
                None if latent.discrete.is_some() => continue,
                None => Role::Site(site(&latent.name)),
            };
            out.push(Generated {
                variable: self.variable(&latent.name, &latent.dims, &latent.law, &latent.met),
                role,
            });
        }
        out.extend(self.noises(site));
        out.extend(states);
        for (k, s) in summed_out.iter().enumerate() {
            let Some(value) = s.unconditional else { continue };
            let law = Recipe::Computed { value, improper: None };
            let dims = self.graph.canonical(self.dim_ids(&s.dims));
            let variable =
                Variable { name: s.name.clone(), dims, event: Vec::new(), law, lookups: Lookups::new() };
            out.push(Generated { variable, role: Role::Discrete(k) });
        }
        for x in &model.imputed {
            let o = &model.observes[x.observe];
            let column = &model.tables[x.table].data.columns[x.column];
            let role = Role::Nulls { site: site(&column.name), rows: column.nulls.clone() };
            out.push(Generated {
                variable: self.variable(&column.name, &o.value.dims, &o.law, &o.met),
                role,
            });
        }
        for o in &model.observes {
            self.origin(format!("likelihood of {}", o.name));
            let variable = self.variable(&o.name, &o.value.dims, &o.law, &o.met);
            let role = Role::Observed(self.observed(o));
            out.push(Generated { variable, role });
        }
        out
    }

    /// The noise of states that are run by it.
    fn noises(&mut self, site: impl Fn(&str) -> usize) -> Vec<Generated> {
        let model = self.model;
        let mut out = Vec::new();
        for (block, def) in model.recurrences.iter().enumerate() {
            for s in def.states.iter().filter(|s| s.kind == SeriesKind::Noise && def.linear.is_none()) {
                self.origin(format!("law of {}", s.name));
                let Some(law) = self.noise_recipe(block, s) else { continue };
                let dims = self.graph.canonical(self.dim_ids(&s.dims));
                let name = format!("{}.noise", s.name);
                let role = Role::Site(site(&name));
                let variable = Variable { name, dims, event: Vec::new(), law, lookups: Lookups::new() };
                out.push(Generated { variable, role });
            }
        }
        out
    }

    /// At a first row one law, at the others another.
    fn noise_recipe(&mut self, block: usize, s: &SeriesState) -> Option<Recipe> {
        let next = self.noise_law(s.next.law()?)?;
        let Some(first) = s.initial.law() else { return Some(next) };
        let first = match is_line(first) {
            true => self.recipe(first),
            false => self.noise_law(first)?,
        };
        let at_first = self.order(block, &self.model.recurrences[block]).first_row;
        let later = self.graph.unary(Unary::Not, at_first);
        Some(Recipe::Mixture { weights: vec![at_first, later], components: vec![first, next] })
    }

    /// The law of the noise that a law is made of.
    fn noise_law(&mut self, law: &Law) -> Option<Recipe> {
        let (noise, call) = (noise_of(law)?, law.only_call()?);
        let mut params: Vec<NodeId> = call.args.iter().map(|a| self.expr(a)).collect();
        params[call.params.at(noise.location)] = self.graph.constant(0.0);
        params[call.params.at(noise.scale)] = self.graph.constant(1.0);
        let sampler = LawSampler { law: noise.law, params: call.params.clone() };
        Some(Recipe::Law { sampler: Arc::new(sampler), params, own: Vec::new() })
    }

    fn observed(&mut self, o: &ObserveDef) -> Observed {
        let model = self.model;
        let own: Option<(usize, Vec<usize>)> = match &o.value.kind {
            Kind::Column { table, column } => Some((*table, vec![*column])),
            Kind::Level(i) => Some((model.indices[*i].table, vec![model.indices[*i].column])),
            Kind::Stack { table, stack } => {
                Some((*table, model.tables[*table].stacks[*stack].columns.clone()))
            }
            _ => None,
        };
        let value = match o.value.kind {
            Kind::Column { table, column } => self.known_column(table, column),
            _ => self.expr(&o.value),
        };
        let is_own =
            |at: &(usize, usize)| own.as_ref().is_none_or(|(t, cs)| *t == at.0 && cs.contains(&at.1));
        let columns = o.dropped.iter().filter_map(|gap| match *gap {
            Gap::Column { table, column } => Some((table, column)),
            Gap::Lag(_) => None,
        });
        let (mut here, others): (Vec<_>, Vec<_>) = columns.partition(is_own);
        if let Kind::Column { table, column } = o.value.kind
            && model.tables[table].imputes(column)
        {
            here.push((table, column));
        }
        let present = self.all_present(&here);
        let lags: Vec<NodeId> = o
            .dropped
            .iter()
            .filter_map(|gap| match *gap {
                Gap::Lag(i) => Some(self.has_value(i)),
                Gap::Column { .. } => None,
            })
            .collect();
        let possible = self.all_present(&others).into_iter().chain(lags);
        let possible = possible.reduce(|a, b| self.graph.mul(a, b));
        let censored = match &o.law.form {
            Form::Censored { left, right, interval, .. } => {
                let mut any: Vec<NodeId> = left.iter().chain(right).map(|c| self.expr(c)).collect();
                if let Some(ends) = interval {
                    let (lower, upper) = (self.expr(&ends[0]), self.expr(&ends[1]));
                    let known = self.graph.binary(Binary::Eq, lower, upper);
                    any.push(self.graph.unary(Unary::Not, known));
                }
                any.into_iter().reduce(|a, b| self.graph.binary(Binary::Max, a, b))
            }
            _ => None,
        };
        let stands = match (&o.value.kind, own) {
            (Kind::Level(i), Some((table, columns))) => {
                let dim = &model.dims[model.indices[*i].dim.0];
                let labels = (0..dim.size).map(|k| dim.label(k)).collect();
                Stands::Outcomes { table, column: columns[0], labels }
            }
            (_, Some((table, columns))) => Stands::Columns { table, columns },
            (_, None) => Stands::Computed,
        };
        let within = o.mask.as_ref().map(|m| self.expr(m));
        Observed { value, present, possible, censored, within, stands }
    }

    fn all_present(&mut self, columns: &[(usize, usize)]) -> Option<NodeId> {
        let nodes: Vec<NodeId> = columns.iter().map(|&(t, c)| self.present(t, c)).collect();
        nodes.into_iter().reduce(|a, b| self.graph.mul(a, b))
    }

    /// The tables, and where their columns enter the graph.
    pub fn rows(&self) -> Vec<Rows> {
        let input = |n: NodeId| match self.graph.node(n).op {
            Op::Input(id) => Some(self.graph.inputs()[id.0 as usize].name.clone()),
            _ => None,
        };
        let mut tables: Vec<Rows> = self
            .model
            .tables
            .iter()
            .enumerate()
            .map(|(i, t)| Rows {
                name: t.name.clone(),
                dim: self.dim(t.rows),
                is_key: t.is_key,
                n_rows: t.data.n_rows,
                columns: t.data.columns.iter().map(|c| c.name.clone()).collect(),
                carriers: Vec::new(),
                before: self.rows_before(i),
            })
            .collect();
        for (&(table, column), &n) in &self.columns {
            if let Some(input) = input(n) {
                tables[table].carriers.push((column, Carrier::Values { input }));
            }
        }
        for (&(table, stack), &n) in &self.stacks {
            let s = &self.model.tables[table].stacks[stack];
            let Some(input) = input(n) else { continue };
            let rows_first = self.graph.ty(n).dims[0] == tables[table].dim;
            for (at, &column) in s.columns.iter().enumerate() {
                let (input, n) = (input.clone(), s.columns.len());
                tables[table].carriers.push((column, Carrier::Part { input, at, n, rows_first }));
            }
        }
        for (&i, &n) in &self.indices {
            let def = &self.model.indices[i];
            if let Some(input) = input(n) {
                let dim = &self.model.dims[def.dim.0];
                let labels = (0..dim.size).map(|k| dim.label(k)).collect();
                tables[def.table].carriers.push((def.column, Carrier::Positions { input, labels }));
            }
        }
        // The maps have no order.
        tables.iter_mut().for_each(|t| t.carriers.sort_by_key(|(c, carrier)| (*c, format!("{carrier:?}"))));
        tables
    }

    /// Of each row of table `t` the one before it: in the series of a recurrence, else in the order of the
    /// table, where it has one.
    fn rows_before(&self, t: usize) -> Option<Vec<Option<u32>>> {
        let model = self.model;
        if let Some(def) = model.recurrences.iter().find(|def| def.table == t) {
            return Some(def.series.earlier(1));
        }
        model.tables[t].ordered_by?;
        // Rows at one place are in no order.
        Some(series(&model.tables[t], None, Span::default()).ok()?.earlier(1))
    }

    /// The probabilities of the values of discrete variables, each after those that it depends on: a
    /// quantity to report for each value.
    pub(in crate::lower) fn probabilities(&mut self, summed_out: &[SummedOut]) -> Vec<Named> {
        let mut known: BTreeMap<DimId, NodeId> = BTreeMap::new();
        let mut out = Vec::new();
        let all: Vec<DimId> = summed_out.iter().map(|s| self.dim(s.values.dim)).collect();
        for s in summed_out {
            let dim = self.dim(s.values.dim);
            let g = &mut self.graph;
            let mut p = s.probabilities;
            let conditional = p;
            let others: Vec<DimId> =
                g.ty(p).dims.iter().copied().filter(|d| *d != dim && all.contains(d)).collect();
            match others[..] {
                [] => {}
                [one] if known.contains_key(&one) => {
                    let mut of = known[&one];
                    for lookup in s.lookups.get(&one).into_iter().flatten() {
                        let index = self.index_of(lookup);
                        of = self.graph.gather(of, index);
                    }
                    p = self.graph.contract(p, of, &[one]);
                }
                // Their joint law is not at hand; draws are.
                _ => continue,
            }
            known.insert(dim, p);
            let values = self.graph.fixed_size(dim).unwrap_or(0);
            let wanted = self.model.report.as_ref().is_none_or(|r| r.contains(&s.name));
            if !wanted {
                continue;
            }
            let plates = self.dim_ids(&s.dims);
            let p = self.graph.expand(p, &plates);
            // Of a row they are rows of a table.
            let columns = plates
                .iter()
                .filter(|d| !self.graph.is_row(**d))
                .map(|d| self.graph.fixed_size(*d).unwrap_or(1));
            if values > MAX_SHOWN_VALUES || columns.fold(values, usize::saturating_mul) > MAX_SHOWN {
                out.extend(self.expected(s, p));
                continue;
            }
            for k in 0..values {
                let node = self.graph.element(p, dim, k);
                let name = format!("P({}={})", s.name, self.value_label(s, k));
                let given = (self.is_prediction && !others.is_empty()).then(|| {
                    let value = self.graph.element(conditional, dim, k);
                    let law = Recipe::Computed { value, improper: None };
                    let (dims, lookups) = (self.graph.canonical(plates.clone()), s.lookups.clone());
                    Box::new(Variable { name: name.clone(), dims, event: Vec::new(), law, lookups })
                });
                let named = self.named(&name, &s.dims, node);
                out.push(Named { outcome_of: Some(s.name.clone()), given, ..named });
            }
        }
        out
    }

    /// What a discrete variable is expected to be, given the rest; `None` of one whose values are labels.
    fn expected(&mut self, s: &SummedOut, p: NodeId) -> Option<Named> {
        if s.law.only_call().is_some_and(|call| !call.event.is_empty()) {
            return None;
        }
        let dim = self.dim(s.values.dim);
        let steps = self.graph.iota(dim);
        let values = self.graph.add_const(steps, s.values.first);
        let node = self.graph.contract(p, values, &[dim]);
        Some(self.named(&format!("E({})", s.name), &s.dims, node))
    }

    /// What value `k` (from 0) of a discrete variable is called.
    fn value_label(&self, of: &SummedOut, k: usize) -> String {
        let outcomes = of.law.only_call().and_then(|call| call.event.first());
        match outcomes.map(|d| &self.model.dims[d.0]) {
            Some(dim) if dim.labels.is_some() && k < dim.size => dim.label(k),
            _ => (of.values.first + k as f64).to_string(),
        }
    }

    /// A let to report where what it is made of has values: NaN in other rows, without the other elements
    /// where the rows have a key; `None` where nothing is left.
    pub fn reported_let(&mut self, def: &LetDef, node: NodeId) -> Option<Named> {
        let mut named = self.named(&def.name, &def.dims, node);
        if named.by_row {
            for &gap in &def.dropped {
                let present = match gap {
                    Gap::Column { table, column } => self.present(table, column),
                    Gap::Lag(i) => self.has_value(i),
                };
                let unknown = self.graph.constant(f64::NAN);
                named.node = self.graph.select(present, named.node, unknown);
            }
            return Some(named);
        }
        let model = self.model;
        let mut parts = Vec::new();
        for &d in &def.dims {
            let dim = &model.dims[d.0];
            let mut unknown: BTreeSet<usize> = BTreeSet::new();
            for &gap in &def.dropped {
                match gap {
                    Gap::Column { table, column } if model.tables[table].rows == d => {
                        unknown.extend(&model.tables[table].data.columns[column].nulls);
                    }
                    Gap::Lag(i) if model.tables[model.lags[i].table].rows == d => {
                        unknown.extend(model.lags[i].before.iter().chain(&model.lags[i].nulls));
                    }
                    _ => {}
                }
            }
            let known: Vec<u32> =
                (0..dim.size as u32).filter(|&k| !unknown.contains(&(k as usize))).collect();
            let labels = known.iter().map(|&k| dim.label(k as usize)).collect();
            if known.is_empty() {
                return None;
            }
            if unknown.is_empty() {
                parts.push((self.dim(d), labels));
                continue;
            }
            let name = format!("{} of {} with a value", dim.name, def.name);
            let own = self.graph.add_dim(&name, DimRole::Plain, Size::Fixed(known.len()));
            self.bindings.sizes.insert(name.clone(), known.len());
            self.bindings.data.insert(name.clone(), Value::Index(known));
            let index = self.graph.input(&name, Varies::Data, NodeKind::Index(self.dim(d)), &[own]);
            named.node = self.graph.gather(named.node, index);
            parts.push((own, labels));
        }
        let dims = self.graph.ty(named.node).dims.clone();
        Some(Named { dims, labels: self.labels_of(&parts), ..named })
    }

    /// A quantity to report.
    pub fn named(&self, name: &str, written: &[DimRef], node: NodeId) -> Named {
        let dims = self.graph.ty(node).dims.clone();
        let by_row = dims.iter().any(|&d| self.graph.is_row(d));
        let is_row = |d: &DimRef| self.graph.is_row(self.dim(*d));
        let beside: Vec<DimRef> = written.iter().copied().filter(|d| !is_row(d)).collect();
        let labels = self.labels(&beside);
        Named { name: name.into(), node, dims, labels, by_row, outcome_of: None, given: None }
    }
}
