//! The unknowns of a block of draws: what is known is kept, the rest is drawn, parents before children.
//!
//! New values come from their laws given what they depend on. What the density sums out is drawn back:
//! continuous states given what is seen of them, then discrete latents and states given everything else,
//! each given those before it.

use std::collections::BTreeMap;

use graph::ir::{NodeId, Op};
use graph::program::Options;
use model::{Back, NoiseLaw, Recipe, Role, Target};
use numerics::lanes::Lanes;
use numerics::random::{Counter, Key};

use crate::coordinates::first_of_state;
use crate::drawer::{choose, element_by, strides};
use crate::error::AnswerError;
use crate::known::{Known, StatesFrom};
use crate::levels::{Draw, Level, is_given, levels, new_discrete, new_state, new_values};
use crate::nodes::Nodes;

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
                Role::Site(site) => new_values(target, known, of, *site, None, seed)?,
                Role::Nulls { site, rows } => new_values(target, known, of, *site, Some(rows), seed)?,
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
                return Err(match is_between_bounds(target, &of.variable.law) {
                    true => AnswerError::Unnormalised { name, law },
                    false => AnswerError::Improper { name, law },
                });
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
                (0..d.is_new.len()).any(|e| d.is_drawn_back(e))
            })
            .collect();
        let given_data = known.states() == StatesFrom::Data;
        let only_back: Vec<usize> = back.iter().copied().filter(|&k| !known.discrete(k).given_data).collect();
        let levels = levels(target, wanted, &only_back, given_data)?;
        let levels = levels
            .into_iter()
            .map(|draws| Level::new(target, draws, given, options))
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
            let along = strides(target, dims);
            let stride = |dim| dims.iter().position(|x| *x == dim).map_or(0, |p| along[p]);
            let own = (stride(d.values), target.size(d.values));
            let sizes: Vec<usize> = d.dims.iter().map(|&x| target.size(x)).collect();
            let plates: Vec<usize> = d.dims.iter().map(|&x| stride(x)).collect();
            // Latents that were drawn before, where the weights depend on them, and their elements.
            let others: Vec<_> = (0..target.discrete.len())
                .filter(|&j| j != k && dims.contains(&target.discrete[j].values))
                .map(|j| {
                    let other = &target.discrete[j];
                    let lookups = d.lookups.get(&other.values).map_or(&[][..], Vec::as_slice);
                    (j, stride(other.values), element_by(target, &d.dims, &other.dims, lookups))
                })
                .collect();
            let place = weights.place(d.back.node());
            let key = Key::new(self.seed, "discrete", &d.name, "");
            let known = self.known.discrete(k);
            for e in 0..known.is_new.len() {
                if !known.is_drawn_back(e) {
                    continue;
                }
                let (mut rest, mut at) = (e, vec![0; sizes.len()]);
                for (x, n) in at.iter_mut().zip(&sizes).rev() {
                    *x = rest % n;
                    rest /= n;
                }
                let dot = |steps: &[usize]| -> usize { at.iter().zip(steps).map(|(a, s)| a * s).sum() };
                for lane in 0..lanes {
                    let given = others.iter().map(|(j, stride, of)| stride * world.discrete(*j, of(e), lane));
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

/// Does a law without draws have two bounds, as `flat(lower=0, upper=1 - a)`?
fn is_between_bounds(target: &Target, law: &Recipe) -> bool {
    let is_bound = |n: &NodeId| !matches!(target.graph.node(*n).op, Op::Const(x) if x.0.is_infinite());
    match law {
        Recipe::Law { params, .. } => params.len() == 2 && params.iter().all(is_bound),
        Recipe::Truncated { lower, upper, .. } => {
            lower.as_ref().is_some_and(is_bound) && upper.as_ref().is_some_and(is_bound)
        }
        _ => false,
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
