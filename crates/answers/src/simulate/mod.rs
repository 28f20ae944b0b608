//! Draws from the prior: the unknowns alone, or whole data sets with them.

mod plan;
mod rows;
mod trials;

use std::collections::BTreeSet;

use graph::ir::{NodeId, Varies};
use graph::program::Options;
use graph::value::{Bindings, Value};
use model::{Role, Stands, Target};
use numerics::lanes::Lanes;

use crate::ancestral::{Ancestry, Given, World};
use crate::error::AnswerError;
use crate::known::Known;
use plan::{Plan, Seen};
use rows::{Drawn, Hand, outcome};

/// Draws at a time.
const BLOCK: usize = 64;

/// A simulated column.
#[derive(Clone, PartialEq, Debug)]
pub struct Simulated {
    /// By position in [`Target::tables`]; none where the values are those of a let.
    pub table: Option<usize>,
    pub column: String,
    /// NaN or no text where nothing was drawn; of a let what its columns say there, NaN where they are null.
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

/// Finds the latents that values are given to: `mu`, `theta[A]`, or all elements of `theta` but those that
/// have values of their own.
///
/// # Errors
/// A name that no latent has, or that comes twice, or a value outside its support or infinite.
pub fn given(target: &Target, values: &[(String, f64)]) -> Result<Given, AnswerError> {
    let mut out = Given::new();
    let mut names = BTreeSet::new();
    if let Some((name, _)) = values.iter().find(|(name, _)| !names.insert(name)) {
        return Err(AnswerError::GivenTwice { name: name.clone() });
    }
    // Elements after the whole.
    let (whole, elements): (Vec<_>, Vec<_>) = values.iter().partition(|(name, _)| !name.ends_with(']'));
    for (name, value) in whole.into_iter().chain(elements) {
        let mut is_known = false;
        for site in &target.sites {
            for (e, column) in site.columns().iter().enumerate() {
                if column != name && site.name != *name {
                    continue;
                }
                if !(value.is_finite() && site.support.contains(*value)) {
                    let (name, value, support) = (name.clone(), *value, site.support.to_string());
                    return Err(AnswerError::OutsideSupport { name, value, support });
                }
                is_known = true;
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
                is_known = true;
                out.insert((d.name.clone(), e), *value);
            }
        }
        if !is_known {
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
/// A value is drawn when what its law reads is: the values of other columns, or of earlier rows of its own.
/// Rows that no law speaks of keep their data, and are read as they are.
///
/// # Errors
/// A prior that cannot be drawn from, factors, values that depend on each other in a circle, laws that
/// read what cannot be drawn.
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
    let plan = Plan::new(target)?;
    let nothing = Lanes::zeros(0, draws);
    let mut known = Known::none(target, &nothing);
    // Nulls that are inferred are part of their column, which is drawn whole.
    for of in &target.variables {
        if let Role::Nulls { site, .. } = of.role {
            known.keep_site(target, site);
        }
    }
    let mut ancestry = Ancestry::new(target, &known, given, seed, options)?;
    let mut hands: Vec<Hand> = plan.seen.iter().map(|seen| Hand::new(target, seen, seed)).collect();
    let read = plan.seen.iter().flat_map(|seen| seen.params.iter().chain(&seen.masks));
    let told = target.sites.iter().map(|s| s.value).chain(target.states.iter().map(|s| s.input));
    let wanted: Vec<NodeId> = read.copied().chain(told).collect();
    let all: Vec<u32> = (0..draws as u32).collect();
    let mut out = Vec::new();
    for block in all.chunks(BLOCK) {
        let world = ancestry.world(block)?;
        for lane in 0..block.len() {
            let bindings = bindings(target, &world, lane);
            let mut set = rows::DataSet::new(&plan, &wanted, &bindings, (&world, lane), given)?;
            set.draw(&mut hands)?;
            let mut columns = Vec::new();
            for s in 0..plan.seen.len() {
                columns.extend(place(target, &plan.seen[s], s, &mut set)?);
            }
            out.push(DataSet { truth: truth(target, &world, lane, &mut set)?, columns });
        }
    }
    Ok(out)
}

/// The data, with the latents, states and noise of one lane.
fn bindings(target: &Target, world: &World, lane: usize) -> Bindings {
    let mut bindings = target.bindings.clone();
    let sites = target.sites.iter().map(|s| (&s.name, s.coordinates.len()));
    let states = target.states.iter().map(|s| (&s.name, target.count(&s.dims)));
    let noise = target.noise.iter().map(|n| (&n.name, target.count(&n.dims)));
    let mut first = 0;
    for (name, n) in sites.chain(states).chain(noise) {
        let values = (first..first + n).map(|i| world.z.get(i, lane)).collect();
        bindings.data.insert(name.clone(), Value::Real(values));
        first += n;
    }
    bindings
}

/// The columns that values go to.
fn place(
    target: &Target,
    seen: &Seen,
    s: usize,
    set: &mut rows::DataSet,
) -> Result<Vec<Simulated>, AnswerError> {
    let Drawn { values, drawn, .. } = &set.drawn[s];
    Ok(match &seen.observed.stands {
        Stands::Computed => {
            let name = seen.name();
            let column = name.rsplit('.').next().unwrap_or(name).to_string();
            let (mut values, drawn) = (values.clone(), drawn.clone());
            for e in (0..drawn.len()).filter(|&e| !drawn[e]) {
                values[e] = set.as_it_was(s, e)?;
            }
            vec![Simulated { table: None, column, values: Cells::Numbers(values), drawn }]
        }
        Stands::Outcomes { table, column, labels } => {
            let label = |x: &f64| if x.is_nan() { String::new() } else { outcome(labels, *x) };
            vec![Simulated {
                table: Some(*table),
                column: target.tables[*table].columns[*column].clone(),
                values: Cells::Labels(values.iter().map(label).collect()),
                drawn: drawn.clone(),
            }]
        }
        Stands::Columns { table, columns } => {
            let t = &target.tables[*table];
            let of_column = |(k, &c): (usize, &usize)| Simulated {
                table: Some(*table),
                column: t.columns[c].clone(),
                values: Cells::Numbers((0..t.n_rows).map(|r| values[seen.element(r, k)]).collect()),
                drawn: (0..t.n_rows).map(|r| drawn[seen.element(r, k)]).collect(),
            };
            let mut out: Vec<Simulated> = columns.iter().enumerate().map(of_column).collect();
            if let Some(rest) = seen.trials.as_ref().and_then(|trials| trials.rest) {
                let drawn = &out[0];
                let of_row = |r: usize| {
                    let trials = set.trials(s, seen.element(r, 0)).unwrap_or(f64::NAN);
                    if drawn.drawn[r] { trials - of(&drawn.values, r) } else { f64::NAN }
                };
                let values = Cells::Numbers((0..t.n_rows).map(of_row).collect());
                let (column, drawn) = (t.columns[rest].clone(), drawn.drawn.clone());
                out.push(Simulated { table: Some(*table), column, values, drawn });
            }
            out
        }
    })
}

fn of(cells: &Cells, row: usize) -> f64 {
    match cells {
        Cells::Numbers(v) => v[row],
        Cells::Labels(_) => f64::NAN,
    }
}

/// Every latent by the name of its column.
fn truth(
    target: &Target,
    world: &World,
    lane: usize,
    set: &mut rows::DataSet,
) -> Result<Vec<(String, f64)>, AnswerError> {
    let mut out = Vec::new();
    for site in &target.sites {
        // A value that is the same throughout has fewer elements than the site.
        let n = target.count(&target.graph.ty(site.value).dims).max(1);
        for (e, name) in site.columns().into_iter().enumerate() {
            out.push((name, set.get(site.value, e % n)?));
        }
    }
    for state in &target.states {
        for (e, name) in state.columns(target.count(&state.dims)).into_iter().enumerate() {
            out.push((name, set.get(state.input, e)?));
        }
    }
    for (k, d) in target.discrete.iter().enumerate() {
        for (e, name) in d.columns(target.count(&d.dims)).into_iter().enumerate() {
            out.push((name, d.first + world.discrete(k, e, lane) as f64));
        }
    }
    Ok(out)
}
