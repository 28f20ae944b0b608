//! Recurrences as graph: latents and scans along the rows, chains to be summed out, filters.
//!
//! A scan and a filter take the rows in the order of the series; where the file has another order,
//! what varies over the rows is brought into it, and back.

mod chain;
mod draws;
mod filter;
mod scan;

use std::collections::BTreeSet;

use distributions::Params;
use graph::ir::{DimId, Kind as NodeKind, NodeId, Role, Size, Varies};
use graph::value::Value;
use model::Site;

use crate::check::recurrence::{is_line, noise_of};
use crate::lower::discrete::Term;
use crate::lower::{Lowering, data};
use crate::typed::{DimRef, Kind, Law, RecurrenceDef, SeriesKind, SeriesRef, SeriesState, Step, Typed};

pub(in crate::lower) use chain::ChainLaws;
pub(in crate::lower) use draws::SummedOut;

/// The data of a block's order.
#[derive(Clone, Copy, Debug)]
pub(in crate::lower) struct Order {
    pub rows: DimId,
    /// 1 at the position that a series begins with.
    pub first: NodeId,
    /// The row of each position and the position of each row, where they differ.
    permutation: Option<(NodeId, NodeId)>,
    /// By row: the row before, or itself where there is none.
    previous: NodeId,
    /// 1 in a row that a series begins with.
    pub first_row: NodeId,
}

/// The data of the ends of a block's series, by position.
#[derive(Clone, Copy, Debug)]
pub(in crate::lower) struct Ends {
    /// The series.
    dim: DimId,
    /// The last position of each.
    ends: NodeId,
    /// 1 at these.
    last: NodeId,
    /// The series of each position.
    series: NodeId,
}

impl Lowering<'_> {
    /// The inputs of states that are latents, in the order of the file.
    pub fn series_inputs(&mut self) {
        for (block, def) in self.model.recurrences.iter().enumerate() {
            for (state, s) in def.states.iter().enumerate() {
                let me = SeriesRef { block, state };
                self.origin(format!("state {}", s.name));
                if def.linear.is_some() {
                    continue;
                }
                let site = match s.kind {
                    SeriesKind::Determined | SeriesKind::Discrete { .. } => continue,
                    SeriesKind::Noise => self.noise_site(def, s),
                    SeriesKind::Centred => {
                        let law = s.next.law().expect("a centred state has laws");
                        let dims = written(def, s);
                        self.site(&s.name, &dims, law)
                    }
                };
                if let Some(site) = site {
                    self.series_sites.push((me, site));
                }
            }
        }
    }

    /// The noise of a state: what is not bounded, under a law that depends on nothing.
    fn noise_site(&mut self, def: &RecurrenceDef, s: &SeriesState) -> Option<Site> {
        let law = s.next.law().expect("a state with noise has a law");
        let line = Law { support: model::Support::REAL, ..law.clone() };
        self.site(&format!("{}.noise", s.name), &written(def, s), &line)
    }

    pub fn recurrence(&mut self, block: usize) {
        let def = &self.model.recurrences[block];
        self.origin(format!("recurrence {}", def.name));
        let order = self.order(block, def);
        for (state, s) in def.states.iter().enumerate() {
            let me = SeriesRef { block, state };
            let at = self.series_sites.iter().position(|(of, _)| *of == me);
            match (s.kind, at) {
                (SeriesKind::Centred, Some(at)) => {
                    let mut site = self.series_sites[at].1.clone();
                    // Its support is the same at all rows, and its law needs the value.
                    self.placed(&mut site, &[]);
                    self.series.insert(me, site.value);
                    self.series_sites[at].1 = site;
                }
                (SeriesKind::Discrete { values, .. }, _) => {
                    let dim = self.dim(values.dim);
                    let steps = self.graph.iota(dim);
                    let value = self.graph.add_const(steps, values.first);
                    self.series.insert(me, value);
                }
                _ => {}
            }
        }
        if def.linear.is_none() {
            self.scan(block, def, &order);
        }
        for (state, s) in def.states.iter().enumerate() {
            let me = SeriesRef { block, state };
            self.origin(format!("law of {}", s.name));
            // Each step has to be good in the rows where it is taken.
            let first = self.data_over(order.first_row, &s.dims);
            let later: Vec<f64> = first.iter().map(|first| 1.0 - first).collect();
            let good = |l: &mut Self, step: &Step, counts: &[f64]| {
                step.law().is_none_or(|law| l.arguments_are_good(law, &s.dims, Some(counts)))
            };
            if !(good(self, &s.initial, &first) && good(self, &s.next, &later)) || def.linear.is_some() {
                continue;
            }
            let term = match s.kind {
                SeriesKind::Determined => None,
                SeriesKind::Noise => self.noise_density(me, s, &order),
                SeriesKind::Centred => self.centred_density(me, s, &order),
                SeriesKind::Discrete { .. } => {
                    self.chain(me, s, order);
                    None
                }
            };
            if let Some(node) = term {
                let plates = self.dim_ids(&s.dims);
                self.terms.push(Term::new(node, plates, model::Lookups::new()));
            }
        }
    }

    /// ln p of the noise at each row.
    fn noise_density(&mut self, me: SeriesRef, s: &SeriesState, order: &Order) -> Option<NodeId> {
        let e = self.series_sites.iter().find(|(of, _)| *of == me)?.1.value;
        let next = self.noise_under(s.next.law()?, e, &s.dims)?;
        let first = match s.initial.law() {
            Some(law) if is_line(law) => self.graph.constant(0.0),
            Some(law) => self.noise_under(law, e, &s.dims)?,
            // It begins with a value, and this noise moves nothing.
            None => next,
        };
        Some(self.graph.select(order.first_row, first, next))
    }

    fn noise_under(&mut self, law: &Law, e: NodeId, dims: &[DimRef]) -> Option<NodeId> {
        let (noise, call) = (noise_of(law)?, law.only_call()?);
        let mut params: Params<NodeId> = self.params(call);
        let scale = params.at(noise.scale);
        let (zero, one) = (self.graph.constant(0.0), self.graph.constant(1.0));
        params.set(noise.location, zero);
        params.set(noise.scale, one);
        let density = noise.law.log_prob(&mut self.graph, &params, e);
        let rows = self.dim_ids(dims);
        let density = density.map(|n| self.graph.expand(n, &rows));
        let density = self.guarded(law, call, &params, density)?;
        Some(self.scale_guarded(scale, density))
    }

    /// No density where a scale is negative, which noise does not tell.
    fn scale_guarded(&mut self, scale: NodeId, density: NodeId) -> NodeId {
        let range = |g: &graph::ir::Graph, n: NodeId| data::range(g, &self.bindings, n);
        distributions::scale_in_domain(&mut self.graph, scale, density, &range)
    }

    /// ln p of the value at each row given the row before.
    fn centred_density(&mut self, me: SeriesRef, s: &SeriesState, order: &Order) -> Option<NodeId> {
        let x = self.series[&me];
        let first = self.log_prob(s.initial.law()?, x)?;
        let next = self.log_prob(s.next.law()?, x)?;
        Some(self.graph.select(order.first_row, first, next))
    }

    /// A let over states at the row before, for all rows at once; those it mentions first, for chains of
    /// lets may be long.
    pub fn step_let(&mut self, block: usize, position: usize) -> NodeId {
        let model = self.model;
        let lets = &model.recurrences[block].lets;
        let (mut todo, mut needed) = (vec![position], BTreeSet::new());
        while let Some(p) = todo.pop() {
            if !self.step_lets.contains_key(&(block, p)) && needed.insert(p) {
                mentioned(&lets[p], &mut todo);
            }
        }
        for p in needed {
            let n = self.expr(&lets[p]);
            self.step_lets.insert((block, p), n);
        }
        self.step_lets[&(block, position)]
    }

    /// The value of a state at the row before; of a first row its own.
    pub fn previous(&mut self, s: SeriesRef) -> NodeId {
        let def = &self.model.recurrences[s.block];
        match def.states[s.state].kind {
            SeriesKind::Discrete { values, before } => {
                let dim = self.dim(before);
                let steps = self.graph.iota(dim);
                self.graph.add_const(steps, values.first)
            }
            _ => {
                let order = self.order(s.block, def);
                let value = self.series[&s];
                self.rows_at(value, order.rows, order.previous)
            }
        }
    }

    /// The data of a block's order, made once.
    pub(in crate::lower) fn order(&mut self, block: usize, def: &RecurrenceDef) -> Order {
        if let Some(order) = self.orders.get(&block) {
            return *order;
        }
        let rows = self.dim(def.rows);
        let series = &def.series;
        let name = &def.name;
        let first: Vec<f64> = series.first.iter().map(|f| f64::from(u8::from(*f))).collect();
        let positions = series.positions();
        let by_row = positions.iter().map(|&p| first[p as usize]).collect();
        let earlier = series.earlier(1);
        let previous = (0..).zip(&earlier).map(|(row, e)| e.unwrap_or(row)).collect();
        let first = self.row_data(&format!("{name} begins"), Value::Real(first), rows);
        let previous = self.row_index(&format!("{name}: row before"), previous, rows);
        let (permutation, first_row) = match series.is_file_order() {
            true => (None, first),
            false => {
                let row_at = self.row_index(&format!("{name}: row"), series.order.clone(), rows);
                let position = self.row_index(&format!("{name}: position"), positions, rows);
                let first_row = self.row_data(&format!("{name} begins here"), Value::Real(by_row), rows);
                (Some((row_at, position)), first_row)
            }
        };
        let order = Order { rows, first, permutation, previous, first_row };
        self.orders.insert(block, order);
        order
    }

    /// Numbers by row, made once under their name.
    pub fn row_data(&mut self, name: &str, values: Value, dim: DimId) -> NodeId {
        if let Some(&made) = self.row_inputs.get(name) {
            return made;
        }
        self.bindings.data.insert(name.to_string(), values);
        let n = self.graph.input(name, Varies::Data, NodeKind::Real, &[dim]);
        self.row_inputs.insert(name.to_string(), n);
        n
    }

    /// An index of rows by row, for [`rows_at`](Lowering::rows_at).
    pub fn row_index(&mut self, name: &str, values: Vec<u32>, rows: DimId) -> NodeId {
        let from = self.other_rows(rows, values.len());
        self.bindings.data.insert(name.to_string(), Value::Index(values));
        self.graph.input(name, Varies::Data, NodeKind::Index(from), &[rows])
    }

    /// `x` at other rows of the same table.
    pub fn rows_at(&mut self, x: NodeId, rows: DimId, index: NodeId) -> NodeId {
        let NodeKind::Index(from) = self.graph.ty(index).kind else { unreachable!("an index") };
        let x = self.graph.rename(x, &[(rows, from)]);
        self.graph.gather(x, index)
    }

    /// A second dimension of the rows: an index into a dimension cannot stand along it.
    fn other_rows(&mut self, rows: DimId, n: usize) -> DimId {
        let name = format!("{} read from", self.graph.dim(rows).name);
        match self.graph.find_dim(&name) {
            Some(dim) => dim,
            None => self.graph.add_dim(&name, Role::Plain, Size::Fixed(n)),
        }
    }

    /// The data of the ends of a block's series, made once.
    fn series_ends(&mut self, block: usize) -> Ends {
        if let Some(ends) = self.ends.get(&block) {
            return *ends;
        }
        let def = &self.model.recurrences[block];
        let rows = self.dim(def.rows);
        let (ends, first) = (def.series.ends(), &def.series.first);
        let name = &def.name;
        let dim = self.graph.add_dim(&format!("series of {name}"), Role::Plain, Size::Fixed(ends.len()));
        let mut last = vec![0.0; first.len()];
        ends.iter().for_each(|&at| last[at as usize] = 1.0);
        let begun = first.iter().scan(0_u32, |n, &first| {
            *n += u32::from(first);
            Some(*n - 1)
        });
        let series = Value::Index(begun.collect());
        let last = self.row_data(&format!("{name} ends"), Value::Real(last), rows);
        let mut index = |what: &str, values: Value, from: DimId, over: DimId| {
            let name = format!("{name}: {what}");
            self.bindings.data.insert(name.clone(), values);
            self.graph.input(&name, Varies::Data, NodeKind::Index(from), &[over])
        };
        let ends = index("ends", Value::Index(ends), rows, dim);
        let series = index("series", series, dim, rows);
        let ends = Ends { dim, ends, last, series };
        self.ends.insert(block, ends);
        ends
    }

    /// From rows to positions.
    fn in_order(&mut self, n: NodeId, order: &Order) -> NodeId {
        match order.permutation {
            Some((row_at, _)) => self.rows_at(n, order.rows, row_at),
            None => n,
        }
    }

    /// From positions to rows.
    fn by_row(&mut self, n: NodeId, order: &Order) -> NodeId {
        match order.permutation {
            Some((_, position)) => self.rows_at(n, order.rows, position),
            None => n,
        }
    }
}

/// The dimensions of a state, the rows first.
fn written(def: &RecurrenceDef, s: &SeriesState) -> Vec<DimRef> {
    let mut dims = vec![def.rows];
    dims.extend(&s.own);
    dims
}

/// The lets over states that `t` mentions.
fn mentioned(t: &Typed, out: &mut Vec<usize>) {
    if let Kind::StepLet { position, .. } = t.kind {
        out.push(position);
    }
    t.parts().into_iter().for_each(|part| mentioned(part, out));
}
