//! Variables with new values, in levels: each depends only on those before it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use graph::ir::{Graph, InputId, NodeId, Op, Varies};
use graph::program::{Options, Program};
use model::{Generated, Role, Target};
use numerics::lanes::Lanes;
use numerics::random::Key;

use crate::ancestral::{Given, World, stream};
use crate::coordinates::{first_of_site, first_of_state, inverse, off_the_edge};
use crate::drawer::{Drawer, batch_of, strides};
use crate::error::AnswerError;
use crate::known::Known;
use crate::nodes::Nodes;

/// A variable with new values.
pub struct Draw<'t> {
    pub of: &'t Generated,
    /// The values to draw, by position along the dimensions that values are independent along.
    pub values: Vec<Value>,
}

/// One value of a variable: a number, or the elements that have a law together.
pub struct Value {
    /// Its position in the variable.
    pub at: usize,
    /// Whose random numbers it takes, and which of them.
    pub key: Key,
    pub row: u64,
    /// The coordinates it gives.
    pub coordinates: Vec<usize>,
    /// The elements of the site that it is, in the order of the value's elements.
    pub elements: Vec<usize>,
}

/// Variables that depend only on those before.
pub struct Level<'t> {
    nodes: Nodes,
    draws: Vec<Draw<'t>>,
    inverse: Option<Program>,
    /// The values of sites of which some are given, as the maps onto their supports leave them.
    settled: Nodes,
}

/// What a set of nodes depends on, beyond data.
pub struct Reach {
    pub nodes: HashSet<NodeId>,
    pub inputs: HashSet<InputId>,
    pub dims: HashSet<graph::ir::DimId>,
}

/// Everything that `nodes` are computed from.
pub fn reach(g: &Graph, nodes: &[NodeId]) -> Reach {
    reach_until(g, nodes, |_| false)
}

/// The same, but for what nodes that are an `end` are computed from.
pub fn reach_until(g: &Graph, nodes: &[NodeId], end: impl Fn(NodeId) -> bool) -> Reach {
    let mut seen: HashSet<NodeId> = nodes.iter().copied().collect();
    let mut open = nodes.to_vec();
    let mut out = Reach { nodes: HashSet::new(), inputs: HashSet::new(), dims: HashSet::new() };
    while let Some(n) = open.pop() {
        let node = g.node(n);
        out.dims.extend(&node.ty.dims);
        if end(n) {
            continue;
        }
        if let Op::Input(id) = node.op {
            out.inputs.insert(id);
        }
        open.extend(node.args.iter().filter(|a| seen.insert(**a)));
    }
    out.nodes = seen;
    out
}

/// The values of a site that have new coordinates: all of its plates, or those of `rows`, whose nulls the
/// site stands for.
pub fn new_values(
    target: &Target,
    known: &Known,
    of: &Generated,
    site: usize,
    rows: Option<&Vec<usize>>,
    seed: u64,
) -> Result<Vec<Value>, AnswerError> {
    let s = &target.sites[site];
    let (first, n) = (first_of_site(target, site), s.coordinates.len());
    if !(first..first + n).any(|c| known.is_new(c)) {
        return Ok(Vec::new());
    }
    let batch = batch_of(&of.variable);
    let n_batch = rows.map_or_else(|| target.count(&batch), Vec::len);
    let all = strides(target, &of.variable.dims);
    let event = of.variable.event.clone();
    let elements_of = |k: usize| -> Vec<usize> {
        if rows.is_some() {
            return vec![k];
        }
        let stride = |d| of.variable.dims.iter().position(|x| *x == d).map_or(0, |p| all[p]);
        let (mut rest, mut start) = (k, 0);
        for &d in batch.iter().rev() {
            start += rest % target.size(d) * stride(d);
            rest /= target.size(d);
        }
        let mut out = vec![start];
        for &d in &event {
            out = out.iter().flat_map(|x| (0..target.size(d)).map(move |i| x + i * stride(d))).collect();
        }
        out
    };
    let by_row = s.dims.iter().any(|&d| target.graph.is_row(d));
    let bare = Key::new(seed, "prior", &s.name, "");
    let mut out = Vec::new();
    for k in 0..n_batch {
        let elements = elements_of(k);
        let coordinates: Vec<usize> = match s.bijector.coordinates() {
            [] => elements.iter().map(|e| first + e).collect(),
            _ => (first + k * (n / n_batch)..first + (k + 1) * (n / n_batch)).collect(),
        };
        let new = coordinates.iter().filter(|&&c| known.is_new(c)).count();
        if new == 0 {
            continue;
        }
        if new < coordinates.len() {
            return Err(AnswerError::PartlyKnown { name: s.name.clone() });
        }
        // A level's draws are its own, wherever it stands among the others.
        let (key, row) = match by_row {
            true => (bare, k as u64),
            false => (Key::new(seed, "prior", &s.name, &s.labels[elements[0]]), 0),
        };
        let at = rows.map_or(k, |rows| rows[k]);
        out.push(Value { at, key, row, coordinates, elements });
    }
    Ok(out)
}

/// The elements of a discrete latent that are new.
pub fn new_discrete(target: &Target, known: &Known, k: usize, seed: u64) -> Vec<Value> {
    let d = &target.discrete[k];
    let is_new = &known.discrete(k).is_new;
    let value = |e: usize| {
        let label = d.labels.get(e);
        let key = Key::new(seed, "prior", &d.name, label.map_or("", String::as_str));
        let row = if label.is_some() { 0 } else { e as u64 };
        Value { at: e, key, row, coordinates: Vec::new(), elements: vec![e] }
    };
    (0..is_new.len()).filter(|&e| is_new[e]).map(value).collect()
}

/// All elements of a continuous state.
pub fn new_state(target: &Target, k: usize, seed: u64) -> Vec<Value> {
    let s = &target.states[k];
    let key = Key::new(seed, "prior", &s.name, "");
    let first = first_of_state(target, k);
    let value = |e: usize| {
        let (coordinates, elements) = (vec![first + e], vec![e]);
        Value { at: e, key, row: e as u64, coordinates, elements }
    };
    (0..target.count(&s.dims)).map(value).collect()
}

/// Do all of them have a value without being drawn?
pub fn is_given(target: &Target, of: &Generated, values: &[Value], given: &Given) -> bool {
    let name = match &of.role {
        Role::Site(s) | Role::Nulls { site: s, .. } => &target.sites[*s].name,
        _ => &of.variable.name,
    };
    values.iter().flat_map(|v| &v.elements).all(|e| given.contains_key(&(name.clone(), *e)))
}

/// Sorts variables by how many others must be drawn before.
pub fn levels<'t>(
    target: &'t Target,
    wanted: Vec<Draw<'t>>,
    back: &[usize],
    given_data: bool,
) -> Result<Vec<Vec<Draw<'t>>>, AnswerError> {
    // Who is which, and what each needs.
    let of_input: BTreeMap<u32, usize> = wanted
        .iter()
        .enumerate()
        .filter_map(|(w, d)| match d.of.role {
            Role::Site(s) | Role::Nulls { site: s, .. } => Some((target.sites[s].input.0, w)),
            Role::State(k) => Some((input_id(target, target.states[k].input)?.0, w)),
            _ => None,
        })
        .collect();
    let mut needs: Vec<BTreeSet<usize>> = Vec::new();
    for draw in &wanted {
        let found = reach(&target.graph, &draw.of.variable.law.nodes());
        let mut need: BTreeSet<usize> =
            found.inputs.iter().filter_map(|i| of_input.get(&i.0)).copied().collect();
        let state = target.states.iter().find(|s| given_data && found.nodes.contains(&s.input));
        if let Some(state) = state {
            let (name, state) = (draw.of.variable.name.clone(), state.name.clone());
            return Err(AnswerError::AfterState { name, state });
        }
        for (k, d) in target.discrete.iter().enumerate() {
            let is_own = matches!(draw.of.role, Role::Discrete(own) if own == k);
            if is_own || !found.dims.contains(&d.values) {
                continue;
            }
            if back.contains(&k) {
                let (name, discrete) = (draw.of.variable.name.clone(), d.name.clone());
                return Err(AnswerError::AfterDiscrete { name, discrete });
            }
            need.extend(wanted.iter().position(|w| matches!(w.of.role, Role::Discrete(j) if j == k)));
        }
        needs.push(need);
    }
    let mut depth: Vec<Option<usize>> = vec![None; wanted.len()];
    for round in 0..wanted.len() {
        let ready: Vec<usize> = (0..wanted.len())
            .filter(|&w| depth[w].is_none() && needs[w].iter().all(|&x| depth[x].is_some()))
            .collect();
        ready.into_iter().for_each(|w| depth[w] = Some(round));
    }
    if let Some(w) = depth.iter().position(Option::is_none) {
        let name = wanted[w].of.variable.name.clone();
        return Err(AnswerError::Draw { name, why: "it depends on itself".into() });
    }
    let last = depth.iter().flatten().max().map_or(0, |m| m + 1);
    let mut out: Vec<Vec<Draw<'t>>> = (0..last).map(|_| Vec::new()).collect();
    for (draw, depth) in wanted.into_iter().zip(depth) {
        out[depth.unwrap_or(0)].push(draw);
    }
    Ok(out)
}

fn input_id(target: &Target, n: NodeId) -> Option<InputId> {
    match target.graph.node(n).op {
        Op::Input(id) => Some(id),
        _ => None,
    }
}

impl Draw<'_> {
    pub fn site(&self) -> Option<usize> {
        match self.of.role {
            Role::Site(s) | Role::Nulls { site: s, .. } => Some(s),
            _ => None,
        }
    }
}

impl<'t> Level<'t> {
    pub fn new(
        target: &'t Target,
        draws: Vec<Draw<'t>>,
        given: &Given,
        options: &Options,
    ) -> Result<Level<'t>, AnswerError> {
        let mut settled = Vec::new();
        for d in &draws {
            let Some(site) = d.site().map(|s| &target.sites[s]) else { continue };
            let is_given = |e: &usize| given.contains_key(&(site.name.clone(), *e));
            for value in &d.values {
                let n = value.elements.iter().filter(|e| is_given(e)).count();
                if n > 0 && n < value.elements.len() && !site.support.is_elementwise() {
                    let (name, support) = (site.name.clone(), site.support.to_string());
                    return Err(AnswerError::PartGiven { name, support });
                }
                if n > 0 {
                    settled.push(site.value);
                }
            }
        }
        let settled = Nodes::new(&target.graph, &settled, &target.bindings, options)?;
        let params: Vec<NodeId> = draws.iter().flat_map(|d| d.of.variable.law.nodes()).collect();
        let nodes = Nodes::new(&target.graph, &params, &target.bindings, options)?;
        let mut g = target.graph.clone();
        let mut outputs = Vec::new();
        for d in &draws {
            if let Some(site) = d.site() {
                outputs.push(inverse(target, &mut g, site, Varies::Lane));
            }
        }
        let inverse = match outputs.is_empty() {
            true => None,
            false => Some(Program::compile(&g, &outputs, &target.bindings, options)?),
        };
        Ok(Level { nodes, draws, inverse, settled })
    }

    pub fn draw(&mut self, target: &'t Target, given: &Given, world: &mut World) -> Result<(), AnswerError> {
        let nodes = self.nodes.eval(&world.z);
        let lanes = world.draws.len();
        let n_given: usize =
            self.draws.iter().filter_map(Draw::site).map(|s| target.sites[s].labels.len()).sum();
        let n_z = world.z.n();
        let mut input = Lanes::zeros(n_z + n_given, lanes);
        for lane in 0..lanes {
            (0..n_z).for_each(|i| input.set(i, lane, world.z.get(i, lane)));
            (n_z..n_z + n_given).for_each(|i| input.set(i, lane, f64::NAN));
        }
        let mut first = n_z;
        for d in &self.draws {
            let mut drawer = Drawer::new(target, &d.of.variable, nodes, false);
            let mut value = vec![0.0; drawer.n_event()];
            let name = match d.site() {
                Some(s) => &target.sites[s].name,
                None => &d.of.variable.name,
            };
            let fixed: Vec<Vec<Option<f64>>> = d
                .values
                .iter()
                .map(|v| v.elements.iter().map(|e| given.get(&(name.clone(), *e)).copied()).collect())
                .collect();
            for lane in 0..lanes {
                let reader = nodes.lane(lane);
                for (v, fixed) in d.values.iter().zip(&fixed) {
                    if fixed.iter().any(Option::is_none) {
                        let mut uniforms = stream(v.key, v.row, 0, world.draws[lane]);
                        let chosen = |k, e| world.discrete(k, e, lane);
                        drawer.draw(v.at, reader, &chosen, &mut uniforms, &mut value)?;
                    }
                    for (x, fixed) in value.iter_mut().zip(fixed) {
                        *x = fixed.unwrap_or(*x);
                    }
                    match d.of.role {
                        Role::Discrete(k) => {
                            let of = &target.discrete[k];
                            let at = (value[0] - of.first).max(0.0) as u32;
                            let last = target.size(of.values) as u32 - 1;
                            world.discrete[k][v.at * lanes + lane] = at.min(last);
                        }
                        Role::State(_) => world.z.set(v.coordinates[0], lane, value[0]),
                        _ => v.elements.iter().zip(&value).for_each(|(e, x)| input.set(first + e, lane, *x)),
                    }
                }
            }
            first += d.site().map_or(0, |s| target.sites[s].labels.len());
        }
        world.z.pad();
        let Some(inverse) = &self.inverse else { return Ok(()) };
        input.pad();
        let mut u = Lanes::zeros(inverse.n_out(), lanes);
        inverse.eval(&mut inverse.workspace(), &[], &input, &mut u, &mut Vec::new());
        for (k, d) in self.draws.iter().filter(|d| d.site().is_some()).enumerate() {
            let from = inverse.output_range(k).start;
            let base = first_of_site(target, d.site().unwrap_or(0));
            let site = &target.sites[d.site().unwrap_or(0)];
            for v in &d.values {
                let is_given = |e: &usize| given.contains_key(&(site.name.clone(), *e));
                let is_whole = !site.support.is_elementwise() && v.elements.iter().any(is_given);
                for c in &v.coordinates {
                    for lane in 0..lanes {
                        let x = u.get(from + c - base, lane);
                        if is_whole && !x.is_finite() {
                            let (name, support) = (site.name.clone(), site.support.to_string());
                            return Err(AnswerError::NoSuchValue { name, support });
                        }
                        world.z.set(*c, lane, off_the_edge(x));
                    }
                }
            }
        }
        world.z.pad();
        self.given_is_kept(target, given, world)
    }

    /// A given value outside its support is moved by the map onto it.
    fn given_is_kept(&mut self, target: &Target, given: &Given, world: &World) -> Result<(), AnswerError> {
        let values = self.settled.eval(&world.z);
        for d in &self.draws {
            let Some(site) = d.site().map(|s| &target.sites[s]) else { continue };
            // A value that is the same throughout has fewer elements than the site.
            let n = target.count(&target.graph.ty(site.value).dims).max(1);
            for &e in d.values.iter().flat_map(|v| &v.elements) {
                let Some(&x) = given.get(&(site.name.clone(), e)) else { continue };
                for lane in 0..world.draws.len() {
                    let kept = values.lane(lane).get(values.place(site.value), e % n);
                    if model::is_kept(x, kept) {
                        continue;
                    }
                    let name = site.columns()[e].clone();
                    return Err(match site.support.is_elementwise() {
                        true => AnswerError::BeyondBound { name, value: x, draw: world.draws[lane] + 1 },
                        false => {
                            let (name, support) = (site.name.clone(), site.support.to_string());
                            AnswerError::NoSuchValue { name, support }
                        }
                    });
                }
            }
        }
        Ok(())
    }
}
