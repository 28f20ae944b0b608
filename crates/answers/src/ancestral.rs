//! The unknowns of a block of draws: what is known is kept, the rest is drawn, parents before children.
//!
//! New values come from their laws given what they depend on. What the density sums out is drawn back:
//! continuous states given what is seen of them, then discrete latents and states given everything else,
//! each given those before it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use graph::ir::{Graph, InputId, Kind, NodeId, Op, Varies};
use graph::program::{Options, Program};
use model::{Back, Generated, NoiseLaw, Role, Target};
use numerics::lanes::Lanes;
use numerics::random::{Counter, Key};

use crate::drawer::{Drawer, batch_of, choose};
use crate::error::AnswerError;
use crate::known::{Known, StatesFrom};
use crate::nodes::Nodes;

/// Coordinates that stand for the ends of a support, where a value rounds to one.
const LOW_END: f64 = -700.0;
const HIGH_END: f64 = 36.0;

/// Values given instead of drawn: by latent, and by element of it.
pub type Given = BTreeMap<(String, usize), f64>;

/// The unknowns of some draws.
#[derive(Clone, Debug)]
pub struct World {
    /// Which draws, by number.
    pub draws: Vec<u32>,
    /// The inputs of the target: unconstrained coordinates, continuous states, noise.
    pub z: Lanes,
    /// By discrete latent, the position of each element's value: `[element * lanes + lane]`.
    pub discrete: Vec<Vec<u32>>,
}

impl World {
    pub fn discrete(&self, latent: usize, element: usize, lane: usize) -> usize {
        self.discrete[latent][element * self.draws.len() + lane] as usize
    }
}

/// A variable with new values.
struct Draw<'t> {
    of: &'t Generated,
    /// The values to draw, by position along the dimensions that values are independent along.
    values: Vec<Value>,
}

struct Value {
    /// In the variable.
    at: usize,
    key: Key,
    row: u64,
    /// The coordinates it gives.
    coordinates: Vec<usize>,
    /// The elements of the site that it is, in the order of the value's elements.
    elements: Vec<usize>,
}

/// Variables that depend only on those before.
struct Level<'t> {
    nodes: Nodes,
    draws: Vec<Draw<'t>>,
    inverse: Option<Program>,
}

/// Completes blocks of draws.
pub struct Ancestry<'t> {
    target: &'t Target,
    known: &'t Known<'t>,
    given: &'t Given,
    levels: Vec<Level<'t>>,
    /// Continuous states, where they are drawn given data.
    states: Nodes,
    /// Discrete latents that are drawn back, and the nodes that say how.
    back: Vec<usize>,
    weights: Nodes,
    seed: u64,
}

/// What a set of nodes depends on, beyond data.
pub struct Reach {
    pub nodes: HashSet<NodeId>,
    pub inputs: HashSet<InputId>,
    pub dims: HashSet<graph::ir::DimId>,
}

/// Everything that `nodes` are computed from.
pub fn reach(g: &Graph, nodes: &[NodeId]) -> Reach {
    let mut seen: HashSet<NodeId> = nodes.iter().copied().collect();
    let mut open = nodes.to_vec();
    let mut out = Reach { nodes: HashSet::new(), inputs: HashSet::new(), dims: HashSet::new() };
    while let Some(n) = open.pop() {
        let node = g.node(n);
        out.dims.extend(&node.ty.dims);
        if let Op::Input(id) = node.op {
            out.inputs.insert(id);
        }
        open.extend(node.args.iter().filter(|a| seen.insert(**a)));
    }
    out.nodes = seen;
    out
}

impl<'t> Ancestry<'t> {
    /// Plans how what is not `known` is drawn.
    ///
    /// # Errors
    /// A law without draws, or new values that cannot be drawn given what is known.
    pub fn new(
        target: &'t Target,
        known: &'t Known<'t>,
        given: &'t Given,
        seed: u64,
        options: &Options,
    ) -> Result<Ancestry<'t>, AnswerError> {
        let mut wanted: Vec<Draw<'t>> = Vec::new();
        let mut first = vec![0];
        first.extend(target.sites.iter().scan(0, |end, s| {
            *end += s.coordinates.len();
            Some(*end)
        }));
        for of in &target.variables {
            let values = match &of.role {
                Role::Site(site) => new_values(target, known, of, *site, first[*site], None, seed)?,
                Role::Nulls { site, rows } => {
                    new_values(target, known, of, *site, first[*site], Some(rows), seed)?
                }
                Role::Discrete(k) => new_discrete(target, known, *k, seed),
                Role::State(k) if known.states() == StatesFrom::Laws => new_state(target, *k, seed),
                Role::State(_) | Role::Observed(_) => Vec::new(),
            };
            if values.is_empty() {
                continue;
            }
            if let Some(law) = of.variable.law.improper()
                && !is_given(target, of, &values, given)
            {
                let (name, law) = (of.variable.name.clone(), law.to_string());
                return Err(AnswerError::Improper { name, law });
            }
            wanted.push(Draw { of, values });
        }
        let mut drawn = vec![false; first[target.sites.len()]];
        let of_sites = wanted.iter().filter(|d| d.site().is_some());
        of_sites.flat_map(|d| &d.values).flat_map(|v| &v.coordinates).for_each(|&c| drawn[c] = true);
        if let Some(c) = (0..drawn.len()).find(|&c| known.is_new(c) && !drawn[c]) {
            let site = first.partition_point(|&start| start <= c) - 1;
            let (name, why) = (target.sites[site].name.clone(), "the model does not say how".into());
            return Err(AnswerError::Draw { name, why });
        }
        let back: Vec<usize> = (0..target.discrete.len())
            .filter(|&k| {
                let d = known.discrete(k);
                (0..d.is_new.len()).any(|e| !d.is_new[e] && d.kept[e].is_none())
            })
            .collect();
        let given_data = known.states() == StatesFrom::Data;
        let levels = levels(target, wanted, &back, given_data)?;
        let levels = levels
            .into_iter()
            .map(|draws| Level::new(target, draws, options))
            .collect::<Result<Vec<_>, AnswerError>>()?;
        let states: Vec<NodeId> = target.states.iter().filter(|_| given_data).map(|s| s.given_data).collect();
        let states = Nodes::new(&target.graph, &states, &target.bindings, options)?;
        let weights: Vec<NodeId> = back.iter().map(|&k| target.discrete[k].back.node()).collect();
        let weights = Nodes::new(&target.graph, &weights, &target.bindings, options)?;
        Ok(Ancestry { target, known, given, levels, states, back, weights, seed })
    }

    /// The unknowns of these draws.
    ///
    /// # Errors
    /// A law without draws.
    pub fn world(&mut self, draws: &[u32]) -> Result<World, AnswerError> {
        let lanes = draws.len();
        let target = self.target;
        let mut z = self.known.coordinates(draws, target.n_inputs());
        fill_noise(target, draws, self.seed, &mut z);
        z.pad();
        let mut world = World { draws: draws.to_vec(), z, discrete: Vec::new() };
        for (k, d) in target.discrete.iter().enumerate() {
            let n = target.count(&d.dims);
            let mut values = vec![0; n * lanes];
            for (e, kept) in self.known.discrete(k).kept.iter().enumerate() {
                let Some(kept) = kept else { continue };
                draws.iter().enumerate().for_each(|(l, &d)| values[e * lanes + l] = kept[d as usize]);
            }
            world.discrete.push(values);
        }
        for level in &mut self.levels {
            level.draw(target, self.given, &mut world)?;
        }
        self.draw_states(&mut world);
        self.draw_back(&mut world);
        Ok(world)
    }

    /// Continuous states given what is seen of them.
    fn draw_states(&mut self, world: &mut World) {
        if self.known.states() != StatesFrom::Data {
            return;
        }
        let values = self.states.eval(&world.z);
        for (k, state) in self.target.states.iter().enumerate() {
            let (first, place) = (first_of_state(self.target, k), values.place(state.given_data));
            for lane in 0..world.draws.len() {
                let reader = values.lane(lane);
                (0..self.target.count(&state.dims))
                    .for_each(|e| world.z.set(first + e, lane, reader.get(place, e)));
            }
        }
        world.z.pad();
    }

    /// The nodes of the draws' weights decide what the discrete latents are, one after the other.
    fn draw_back(&mut self, world: &mut World) {
        if self.back.is_empty() {
            return;
        }
        let weights = self.weights.eval(&world.z);
        let (target, lanes) = (self.target, world.draws.len());
        for &k in &self.back {
            let d = &target.discrete[k];
            let dims = &target.graph.ty(d.back.node()).dims;
            let strides = crate::drawer::strides(target, dims);
            let stride = |dim| dims.iter().position(|x| *x == dim).map_or(0, |p| strides[p]);
            let own = (stride(d.values), target.size(d.values));
            let sizes: Vec<usize> = d.dims.iter().map(|&x| target.size(x)).collect();
            let plates: Vec<usize> = d.dims.iter().map(|&x| stride(x)).collect();
            // Latents that were drawn before, where the weights depend on them, and the steps to their elements.
            let others: Vec<(usize, usize, Vec<usize>)> = (0..target.discrete.len())
                .filter(|&j| j != k && dims.contains(&target.discrete[j].values))
                .map(|j| {
                    let other = &target.discrete[j];
                    let along = crate::drawer::strides(target, &other.dims);
                    let step = |x| other.dims.iter().position(|y| y == x).map_or(0, |p| along[p]);
                    (j, stride(other.values), d.dims.iter().map(step).collect())
                })
                .collect();
            let place = weights.place(d.back.node());
            let key = Key::new(self.seed, "discrete", &d.name, "");
            let known = self.known.discrete(k);
            for e in 0..known.is_new.len() {
                if known.is_new[e] || known.kept[e].is_some() {
                    continue;
                }
                let (mut rest, mut at) = (e, vec![0; sizes.len()]);
                for (x, n) in at.iter_mut().zip(&sizes).rev() {
                    *x = rest % n;
                    rest /= n;
                }
                let dot = |steps: &[usize]| -> usize { at.iter().zip(steps).map(|(a, s)| a * s).sum() };
                for lane in 0..lanes {
                    let given =
                        others.iter().map(|(j, stride, steps)| stride * world.discrete(*j, dot(steps), lane));
                    let start = dot(&plates) + given.sum::<usize>();
                    let reader = weights.lane(lane);
                    let position = match d.back {
                        Back::Computed(_) => reader.get(place, start) as u32,
                        Back::LogWeights(_) => {
                            let log_weight = |v: usize| reader.get(place, start + v * own.0);
                            let top = (0..own.1).map(log_weight).fold(f64::NEG_INFINITY, f64::max);
                            let mut uniforms = stream(key, e as u64, 0, world.draws[lane]);
                            let found = choose(own.1, &mut |v| (log_weight(v) - top).exp(), &mut uniforms);
                            found.unwrap_or(0) as u32
                        }
                    };
                    world.discrete[k][e * lanes + lane] = position;
                }
            }
        }
    }
}

/// The uniform numbers of one value of one draw.
pub fn stream(key: Key, row: u64, element: u32, draw: u32) -> impl FnMut() -> f64 {
    let mut at = Counter { row, element, draw, ..Counter::default() };
    move || {
        let u = key.uniform(at);
        at.attempt += 1;
        u
    }
}

/// The values of a site that have new coordinates.
fn new_values(
    target: &Target,
    known: &Known,
    of: &Generated,
    site: usize,
    first: usize,
    rows: Option<&Vec<usize>>,
    seed: u64,
) -> Result<Vec<Value>, AnswerError> {
    let s = &target.sites[site];
    let n = s.coordinates.len();
    if !(first..first + n).any(|c| known.is_new(c)) {
        return Ok(Vec::new());
    }
    let batch = batch_of(&of.variable);
    let n_batch = rows.map_or_else(|| target.count(&batch), Vec::len);
    let all = crate::drawer::strides(target, &of.variable.dims);
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
fn new_discrete(target: &Target, known: &Known, k: usize, seed: u64) -> Vec<Value> {
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
fn new_state(target: &Target, k: usize, seed: u64) -> Vec<Value> {
    let s = &target.states[k];
    let key = Key::new(seed, "prior", &s.name, "");
    let first = first_of_state(target, k);
    let value = |e: usize| {
        let (coordinates, elements) = (vec![first + e], vec![e]);
        Value { at: e, key, row: e as u64, coordinates, elements }
    };
    (0..target.count(&s.dims)).map(value).collect()
}

/// Where the values of a continuous state are among the inputs.
pub fn first_of_state(target: &Target, k: usize) -> usize {
    let before: usize = target.states[..k].iter().map(|s| target.count(&s.dims)).sum();
    target.sites.iter().map(|s| s.coordinates.len()).sum::<usize>() + before
}

/// The noise that states are computed from: numbers that belong to its name, element and draw.
fn fill_noise(target: &Target, draws: &[u32], seed: u64, z: &mut Lanes) {
    let mut first = first_of_state(target, target.states.len());
    for noise in &target.noise {
        let key = Key::new(seed, "noise", &noise.name, "");
        let n = target.count(&noise.dims);
        for e in 0..n {
            for (lane, &draw) in draws.iter().enumerate() {
                let at = Counter { row: e as u64, draw, ..Counter::default() };
                let x = match noise.law {
                    NoiseLaw::Normal => key.normal(at),
                    NoiseLaw::Uniform => key.uniform(at),
                };
                z.set(first + e, lane, x);
            }
        }
        first += n;
    }
}

/// Do all of them have a value without being drawn?
fn is_given(target: &Target, of: &Generated, values: &[Value], given: &Given) -> bool {
    let name = match &of.role {
        Role::Site(s) | Role::Nulls { site: s, .. } => &target.sites[*s].name,
        _ => &of.variable.name,
    };
    values.iter().flat_map(|v| &v.elements).all(|e| given.contains_key(&(name.clone(), *e)))
}

/// Sorts variables by how many others must be drawn before.
fn levels<'t>(
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

impl<'t> Level<'t> {
    fn new(target: &'t Target, draws: Vec<Draw<'t>>, options: &Options) -> Result<Level<'t>, AnswerError> {
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
        Ok(Level { nodes, draws, inverse })
    }

    fn draw(&mut self, target: &'t Target, given: &Given, world: &mut World) -> Result<(), AnswerError> {
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
            let base = d.first_coordinate(target);
            for c in d.values.iter().flat_map(|v| &v.coordinates) {
                for lane in 0..lanes {
                    world.z.set(*c, lane, off_the_edge(u.get(from + c - base, lane)));
                }
            }
        }
        world.z.pad();
        Ok(())
    }
}

impl Draw<'_> {
    fn site(&self) -> Option<usize> {
        match self.of.role {
            Role::Site(s) | Role::Nulls { site: s, .. } => Some(s),
            _ => None,
        }
    }

    fn first_coordinate(&self, target: &Target) -> usize {
        let site = self.site().unwrap_or(0);
        target.sites[..site].iter().map(|s| s.coordinates.len()).sum()
    }
}

/// The unconstrained coordinates of a site from its values, which are a new input of `g`.
pub fn inverse(target: &Target, g: &mut Graph, site: usize, varies: Varies) -> NodeId {
    let s = &target.sites[site];
    let given = g.input(&given_name(&s.name), varies, Kind::Real, &s.dims);
    let u = s.bijector.inverse(g, given);
    let dims = g.ty(s.unconstrained).dims.clone();
    g.expand(u, &dims)
}

/// What the input of a site's values is called.
pub fn given_name(site: &str) -> String {
    format!("(given {site})")
}

/// A coordinate that can be worked with: a value that rounds to an end of its support has an infinite
/// one.
pub fn off_the_edge(u: f64) -> f64 {
    if u == f64::INFINITY {
        HIGH_END
    } else if u == f64::NEG_INFINITY {
        LOW_END
    } else {
        u
    }
}
