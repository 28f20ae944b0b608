//! Draws from the prior: the unknowns alone, or whole data sets with them.

use std::collections::{BTreeMap, BTreeSet};

use graph::ir::{InputId, Varies};
use graph::program::{Options, PlanError};
use graph::value::{Bindings, Value};
use model::{Carrier, Generated, Observed, Role, Stands, Target};
use numerics::lanes::Lanes;
use numerics::random::Key;

use crate::ancestral::{Ancestry, Given, World, stream};
use crate::coordinates::{first_of_state, given_name, inverse, off_the_edge};
use crate::drawer::{Drawer, element_of, strides};
use crate::error::AnswerError;
use crate::known::Known;
use crate::levels::reach;
use crate::nodes::Values;

/// Draws at a time.
const BLOCK: usize = 64;

/// A simulated column.
#[derive(Clone, PartialEq, Debug)]
pub struct Simulated {
    /// By position in [`Target::tables`]; none where the values are those of a let.
    pub table: Option<usize>,
    pub column: String,
    pub values: Cells,
    /// Which rows were drawn; the others keep what they had.
    pub drawn: Vec<bool>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Cells {
    Numbers(Vec<f64>),
    Labels(Vec<String>),
}

/// One draw of everything.
#[derive(Clone, PartialEq, Debug)]
pub struct DataSet {
    /// Every latent, as `mu` or `theta[A]`.
    pub truth: Vec<(String, f64)>,
    pub columns: Vec<Simulated>,
}

/// Finds the latents that values are given to: `mu`, `theta[A]`, or all elements of `theta`.
///
/// # Errors
/// A name that no latent has, or a value outside its support or infinite.
pub fn given(target: &Target, values: &[(String, f64)]) -> Result<Given, AnswerError> {
    let mut out = Given::new();
    for (name, value) in values {
        let before = out.len();
        for site in &target.sites {
            for (e, column) in site.columns().iter().enumerate() {
                if column != name && site.name != *name {
                    continue;
                }
                if !(value.is_finite() && site.support.contains(*value)) {
                    let (name, value, support) = (name.clone(), *value, site.support.to_string());
                    return Err(AnswerError::OutsideSupport { name, value, support });
                }
                out.insert((site.name.clone(), e), *value);
            }
        }
        for d in &target.discrete {
            for (e, column) in d.columns(target.count(&d.dims)).into_iter().enumerate() {
                if column != *name && d.name != *name {
                    continue;
                }
                let last = d.first + target.size(d.values) as f64 - 1.0;
                let support = model::Support::Integers { lower: d.first, upper: last };
                if !support.contains(*value) {
                    let (name, value, support) = (name.clone(), *value, support.to_string());
                    return Err(AnswerError::OutsideSupport { name, value, support });
                }
                out.insert((d.name.clone(), e), *value);
            }
        }
        if out.len() == before && !out.keys().any(|(n, _)| n == name) {
            let sites = target.sites.iter().map(|s| s.name.clone());
            let known = sites.chain(target.discrete.iter().map(|d| d.name.clone())).collect();
            return Err(AnswerError::UnknownLatent { name: name.clone(), known });
        }
    }
    Ok(out)
}

/// Unconstrained coordinates of `draws` draws from the prior; 0 where a value cannot be drawn, because
/// a parameter of its law is outside its domain: there the density tells what is wrong.
///
/// # Errors
/// A prior that cannot be drawn from.
pub fn prior(target: &Target, draws: usize, seed: u64, options: &Options) -> Result<Lanes, AnswerError> {
    let nothing = Lanes::zeros(0, draws);
    let mut known = Known::none(target, &nothing);
    known.without_states();
    let given = Given::new();
    let mut ancestry = Ancestry::new(target, &known, &given, seed, options)?;
    let mut out = Lanes::zeros(target.coordinates().len(), draws);
    let all: Vec<u32> = (0..draws as u32).collect();
    for block in all.chunks(BLOCK) {
        let world = ancestry.world(block)?;
        for (lane, &d) in block.iter().enumerate() {
            for i in 0..out.n() {
                let u = world.z.get(i, lane);
                out.set(i, d as usize, if u.is_nan() { 0.0 } else { u });
            }
        }
    }
    out.pad();
    Ok(out)
}

/// Data sets drawn from the model, each with the unknowns behind it; what is in `given` is not drawn.
///
/// # Errors
/// A prior that cannot be drawn from, factors, observed columns that depend on each other in a circle.
pub fn simulate(
    target: &Target,
    given: &Given,
    draws: usize,
    seed: u64,
    options: &Options,
) -> Result<Vec<DataSet>, AnswerError> {
    if let Some((name, _)) = target.factors.iter().find(|(_, n)| target.graph.varies(*n) != Varies::Data) {
        return Err(AnswerError::Factor { name: name.clone() });
    }
    let order = order(target)?;
    let nothing = Lanes::zeros(0, draws);
    let mut known = Known::none(target, &nothing);
    // Nulls that are inferred are part of their column, which is drawn whole.
    for of in &target.variables {
        if let Role::Nulls { site, .. } = of.role {
            known.keep_site(target, site);
        }
    }
    let mut ancestry = Ancestry::new(target, &known, given, seed, options)?;
    let all: Vec<u32> = (0..draws as u32).collect();
    let mut out = Vec::new();
    for block in all.chunks(BLOCK) {
        let world = ancestry.world(block)?;
        for lane in 0..block.len() {
            out.push(one(target, &order, &world, lane, seed)?);
        }
    }
    Ok(out)
}

/// The observed variables, parents first.
fn order(target: &Target) -> Result<Vec<usize>, AnswerError> {
    // Which variable's data an input holds.
    let mut holds: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    let observed: Vec<(usize, &Observed)> = target
        .variables
        .iter()
        .enumerate()
        .filter_map(|(v, of)| match &of.role {
            Role::Observed(o) => Some((v, o)),
            _ => None,
        })
        .collect();
    for &(v, o) in &observed {
        for input in carriers(target, o).map(|(_, c)| input_of(c)) {
            if let Some(id) = target.graph.inputs().iter().position(|i| i.name == input) {
                holds.entry(id as u32).or_default().insert(v);
            }
        }
        for of in &target.variables {
            if let Role::Nulls { site, .. } = of.role
                && of.variable.name == o_name(target, v)
            {
                holds.entry(target.sites[site].input.0).or_default().insert(v);
            }
        }
    }
    let name = |v: usize| target.variables[v].variable.name.clone();
    let needs = |of: &Generated| -> BTreeSet<usize> {
        let found = reach(&target.graph, &of.variable.law.nodes());
        found.inputs.iter().filter_map(|i: &InputId| holds.get(&i.0)).flatten().copied().collect()
    };
    // What a let computes cannot be put back into the columns that it computes it from.
    for &(v, o) in observed.iter().filter(|(_, o)| o.stands == Stands::Computed) {
        for (w, of) in target.variables.iter().enumerate() {
            if w != v && reach(&target.graph, &of.variable.law.nodes()).nodes.contains(&o.value) {
                return Err(AnswerError::BeforeData { name: of.variable.name.clone(), column: name(v) });
            }
        }
    }
    for of in &target.variables {
        if matches!(of.role, Role::Site(_) | Role::Discrete(_) | Role::State(_))
            && let Some(&v) = needs(of).first()
        {
            return Err(AnswerError::BeforeData { name: of.variable.name.clone(), column: name(v) });
        }
    }
    let mut left: Vec<(usize, BTreeSet<usize>)> =
        observed.iter().map(|&(v, _)| (v, needs(&target.variables[v]))).collect();
    let mut out = Vec::new();
    while !left.is_empty() {
        let Some(k) = left.iter().position(|(_, needs)| needs.iter().all(|n| out.contains(n))) else {
            let (v, needs) = &left[0];
            let column = needs.iter().find(|n| !out.contains(*n)).map_or_else(String::new, |&n| name(n));
            return Err(AnswerError::BeforeData { name: name(*v), column });
        };
        out.push(left.remove(k).0);
    }
    Ok(out)
}

/// The bare name of the column behind an observed variable.
fn o_name(target: &Target, v: usize) -> &str {
    let name = &target.variables[v].variable.name;
    name.rsplit('.').next().unwrap_or(name)
}

/// Where the columns of an observed variable enter the graph.
fn carriers<'t>(target: &'t Target, o: &'t Observed) -> Box<dyn Iterator<Item = (usize, &'t Carrier)> + 't> {
    let of = |table: usize, mine: Vec<usize>| {
        let all = target.tables[table].carriers.iter();
        all.filter(move |(c, _)| mine.contains(c)).map(|(c, carrier)| (*c, carrier))
    };
    match &o.stands {
        Stands::Columns { table, columns } => Box::new(of(*table, columns.clone())),
        Stands::Outcomes { table, column, .. } => Box::new(of(*table, vec![*column])),
        Stands::Computed => Box::new(std::iter::empty()),
    }
}

fn input_of(carrier: &Carrier) -> &str {
    match carrier {
        Carrier::Values { input } | Carrier::Part { input, .. } | Carrier::Positions { input, .. } => input,
    }
}

/// One data set.
fn one(
    target: &Target,
    order: &[usize],
    world: &World,
    lane: usize,
    seed: u64,
) -> Result<DataSet, AnswerError> {
    let mut bindings = target.bindings.clone();
    let mut first = 0;
    for site in &target.sites {
        let n = site.coordinates.len();
        let values = (first..first + n).map(|i| world.z.get(i, lane)).collect();
        bindings.data.insert(site.name.clone(), Value::Real(values));
        first += n;
    }
    for state in &target.states {
        let n = target.count(&state.dims);
        let values = (first..first + n).map(|i| world.z.get(i, lane)).collect();
        bindings.data.insert(state.name.clone(), Value::Real(values));
        first += n;
    }
    let mut columns = Vec::new();
    for &v in order {
        let of = &target.variables[v];
        let Role::Observed(o) = &of.role else { continue };
        let values = values(target, of, &bindings, world, lane, seed)?;
        let drawn = drawn(target, of, o, &bindings)?;
        let simulated = place(target, of, o, &values, &drawn)?;
        for s in &simulated {
            if let Some(table) = s.table {
                update(target, table, s, &mut bindings);
            }
        }
        infer_nulls(target, o_name(target, v), &values, &mut bindings)?;
        columns.extend(simulated);
    }
    Ok(DataSet { truth: truth(target, world, lane, &bindings)?, columns })
}

/// The values of an observed variable, in memory order.
fn values(
    target: &Target,
    of: &Generated,
    bindings: &Bindings,
    world: &World,
    lane: usize,
    seed: u64,
) -> Result<Vec<f64>, AnswerError> {
    let mut nodes = of.variable.law.nodes();
    nodes.sort_unstable();
    nodes.dedup();
    let nodes = Values::new(&target.graph, &nodes, bindings)?;
    let mut drawer = Drawer::new(target, &of.variable, &nodes, true);
    let key = Key::new(seed, "simulate", &of.variable.name, "");
    let mut out = vec![0.0; target.count(&of.variable.dims)];
    let mut value = vec![0.0; drawer.n_event()];
    for k in 0..drawer.n_values() {
        let mut uniforms = stream(key, k as u64, 0, world.draws[lane]);
        let chosen = |k, e| world.discrete(k, e, lane);
        drawer.draw(k, nodes.lane(0), &chosen, &mut uniforms, &mut value)?;
        drawer.elements(k).zip(&value).for_each(|(e, &x)| out[e] = x);
    }
    Ok(out)
}

/// Which elements are drawn: not those that are no data, nor those that the law does not speak of.
fn drawn(
    target: &Target,
    of: &Generated,
    o: &Observed,
    bindings: &Bindings,
) -> Result<Vec<bool>, AnswerError> {
    let dims = &of.variable.dims;
    let mut out = vec![true; target.count(dims)];
    for node in [o.present, o.possible, o.within].into_iter().flatten() {
        let nodes = Values::new(&target.graph, &[node], bindings)?;
        let (reader, place) = (nodes.lane(0), nodes.place(node));
        let element = element_of(target, dims, &target.graph.ty(node).dims);
        for (e, drawn) in out.iter_mut().enumerate() {
            *drawn &= reader.get(place, element(e)) != 0.0;
        }
    }
    Ok(out)
}

/// The columns that values go to.
fn place(
    target: &Target,
    of: &Generated,
    o: &Observed,
    values: &[f64],
    drawn: &[bool],
) -> Result<Vec<Simulated>, AnswerError> {
    let name = &of.variable.name;
    if let Some(e) = (0..values.len()).find(|&e| drawn[e] && values[e].is_nan()) {
        let why = format!("a parameter of element {} lies outside its domain at this draw", e + 1);
        return Err(AnswerError::Draw { name: name.clone(), why });
    }
    let bare = name.rsplit('.').next().unwrap_or(name).to_string();
    let numbers = Cells::Numbers;
    Ok(match &o.stands {
        Stands::Computed => vec![Simulated {
            table: None,
            column: bare,
            values: numbers(values.to_vec()),
            drawn: drawn.to_vec(),
        }],
        Stands::Outcomes { table, column, labels } => {
            let label = |x: &f64| labels.get((*x - 1.0).max(0.0) as usize).cloned().unwrap_or_default();
            vec![Simulated {
                table: Some(*table),
                column: target.tables[*table].columns[*column].clone(),
                values: Cells::Labels(values.iter().map(label).collect()),
                drawn: drawn.to_vec(),
            }]
        }
        Stands::Columns { table, columns } => {
            let t = &target.tables[*table];
            let dims = &of.variable.dims;
            let all = strides(target, dims);
            let rows = dims.iter().position(|&d| d == t.dim).map_or(1, |k| all[k]);
            let other = (0..dims.len()).find(|&k| dims[k] != t.dim).map_or(0, |k| all[k]);
            let of_column = |(k, &c): (usize, &usize)| {
                let at = |r: usize| r * rows + k * other;
                Simulated {
                    table: Some(*table),
                    column: t.columns[c].clone(),
                    values: numbers((0..t.n_rows).map(|r| values[at(r)]).collect()),
                    drawn: (0..t.n_rows).map(|r| drawn[at(r)]).collect(),
                }
            };
            columns.iter().enumerate().map(of_column).collect()
        }
    })
}

/// Puts a column's new cells where the graph reads it.
fn update(target: &Target, table: usize, s: &Simulated, bindings: &mut Bindings) {
    let t = &target.tables[table];
    for (_, carrier) in t.carriers.iter().filter(|(c, _)| t.columns[*c] == s.column) {
        let Some(value) = bindings.data.get_mut(input_of(carrier)) else { continue };
        for r in (0..t.n_rows).filter(|&r| s.drawn[r]) {
            match (carrier, &mut *value, &s.values) {
                (Carrier::Values { .. }, Value::Real(v), Cells::Numbers(x)) => v[r] = x[r],
                (Carrier::Part { at, n, rows_first, .. }, Value::Real(v), Cells::Numbers(x)) => {
                    v[if *rows_first { r * n + at } else { at * t.n_rows + r }] = x[r];
                }
                (Carrier::Positions { labels, .. }, Value::Index(v), cells) => {
                    let label = match cells {
                        Cells::Labels(x) => x[r].clone(),
                        Cells::Numbers(x) => x[r].to_string(),
                    };
                    if let Some(k) = labels.iter().position(|l| *l == label) {
                        v[r] = k as u32;
                    }
                }
                _ => {}
            }
        }
    }
}

/// The drawn values of rows whose nulls are inferred become the latents that stand for them.
fn infer_nulls(
    target: &Target,
    column: &str,
    values: &[f64],
    bindings: &mut Bindings,
) -> Result<(), PlanError> {
    for of in &target.variables {
        let Role::Nulls { site, rows } = &of.role else { continue };
        let s = &target.sites[*site];
        if s.name != column {
            continue;
        }
        let mut g = target.graph.clone();
        let u = inverse(target, &mut g, *site, Varies::Data);
        let here = rows.iter().map(|&r| values[r]).collect();
        bindings.data.insert(given_name(&s.name), Value::Real(here));
        let nodes = Values::new(&g, &[u], bindings)?;
        let (reader, place) = (nodes.lane(0), nodes.place(u));
        let u = (0..s.coordinates.len()).map(|i| off_the_edge(reader.get(place, i))).collect();
        bindings.data.insert(s.name.clone(), Value::Real(u));
    }
    Ok(())
}

/// Every latent by the name of its column.
fn truth(
    target: &Target,
    world: &World,
    lane: usize,
    bindings: &Bindings,
) -> Result<Vec<(String, f64)>, AnswerError> {
    let values: Vec<_> = target.sites.iter().map(|s| s.value).collect();
    let nodes = Values::new(&target.graph, &values, bindings)?;
    let reader = nodes.lane(0);
    let mut out = Vec::new();
    for site in &target.sites {
        let place = nodes.place(site.value);
        // A value that is the same throughout has fewer elements than the site.
        let n = target.count(&target.graph.ty(site.value).dims).max(1);
        out.extend(site.columns().into_iter().enumerate().map(|(e, name)| (name, reader.get(place, e % n))));
    }
    for (k, state) in target.states.iter().enumerate() {
        let first = first_of_state(target, k);
        let names = state.columns(target.count(&state.dims)).into_iter();
        out.extend(names.enumerate().map(|(e, name)| (name, world.z.get(first + e, lane))));
    }
    for (k, d) in target.discrete.iter().enumerate() {
        for (e, name) in d.columns(target.count(&d.dims)).into_iter().enumerate() {
            out.push((name, d.first + world.discrete(k, e, lane) as f64));
        }
    }
    Ok(out)
}
