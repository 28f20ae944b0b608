//! States that are summed out along the rows, as they are drawn afterwards: computed from the latents,
//! the data and noise.

use distributions::series::{self, Smoothing, Start};
use graph::ir::{Binary, DimId, Kind as NodeKind, NodeId, Varies};
use model::{Back, Generated, Lookups, Noise, NoiseLaw, Recipe, Role, State, Variable as Drawn};

use super::Order;
use crate::lower::Lowering;
use crate::lower::discrete::Weighted;
use crate::typed::{DimRef, Discrete, Law, RecurrenceDef, SeriesKind, SeriesRef, Variable};

/// A discrete variable that is summed out.
pub(in crate::lower) struct SummedOut {
    pub name: String,
    /// As written.
    pub dims: Vec<DimRef>,
    /// The latent, where it is no state.
    pub latent: Option<usize>,
    /// The law at first, which has the labels of its values.
    pub law: Law,
    pub values: Discrete,
    pub back: Back,
    /// The probabilities of its values, over its plates and the values of variables before it.
    pub probabilities: NodeId,
    /// Where its elements find theirs of those.
    pub lookups: Lookups,
    /// Of a state: its value drawn without any data.
    pub unconditional: Option<NodeId>,
}

impl Lowering<'_> {
    /// The inputs of what is summed out along the rows: values of continuous states, then the noise that
    /// draws are made of. They follow those of all latents, and no density depends on them.
    pub fn summed_out_inputs(&mut self) {
        let model = self.model;
        let linear = || model.recurrences.iter().enumerate().filter(|(_, def)| def.linear.is_some());
        for (block, def) in linear() {
            for (state, s) in def.states.iter().enumerate() {
                self.origin(format!("state {}", s.name));
                let rows = self.dim(def.rows);
                let n = self.graph.input(&s.name, Varies::Lane, NodeKind::Real, &[rows]);
                self.series.insert(SeriesRef { block, state }, n);
            }
        }
        for (block, def) in linear() {
            for s in &def.states {
                self.noise(&s.name, self.dim(def.rows), NoiseLaw::Normal);
            }
            for s in starts_diffuse(def) {
                let series = self.series_ends(block).dim;
                self.noise(&format!("{} at first", def.states[s].name), series, NoiseLaw::Normal);
            }
        }
        for def in &model.recurrences {
            for s in def.states.iter().filter(|s| matches!(s.kind, SeriesKind::Discrete { .. })) {
                self.noise(&s.name, self.dim(def.rows), NoiseLaw::Uniform);
            }
        }
    }

    fn noise(&mut self, of: &str, over: DimId, law: NoiseLaw) {
        self.origin(format!("noise of {of}"));
        let name = format!("(noise of {of})");
        let input = self.graph.input(&name, Varies::Lane, NodeKind::Real, &[over]);
        self.noises.push(Noise { name, input, dims: vec![over], law });
    }

    fn noise_of(&self, of: &str) -> NodeId {
        let name = format!("(noise of {of})");
        self.noises.iter().find(|n| n.name == name).expect("made before").input
    }

    /// The continuous states that filters sum out, with their laws without any data.
    pub fn filtered_states(&mut self) -> (Vec<State>, Vec<Generated>) {
        let (mut states, mut variables) = (Vec::new(), Vec::new());
        for (block, model) in std::mem::take(&mut self.filters) {
            let def = &self.model.recurrences[block];
            self.origin(format!("states of {}", def.name));
            let order = self.order(block, def);
            let ends = self.series_ends(block);
            let noise: Vec<NodeId> = def.states.iter().map(|s| self.noise_of(&s.name)).collect();
            let noise: Vec<NodeId> = noise.into_iter().map(|n| self.in_order(n, &order)).collect();
            let start_noise = starts_diffuse(def)
                .into_iter()
                .map(|s| self.noise_of(&format!("{} at first", def.states[s].name)))
                .collect();
            let by = Smoothing { last: ends.last, series: ends.series, noise, start_noise };
            let given_data = series::given_data(&mut self.graph, &model, &by);
            let alone = series::unconditional(&mut self.graph, &model, &by.noise);
            let diffuse = model.start.iter().any(|s| matches!(s, Start::Diffuse));
            for (k, (given, alone)) in given_data.into_iter().zip(alone).enumerate() {
                let s = &def.states[k];
                let given_data = self.over_rows(given, &order);
                let value = self.over_rows(alone, &order);
                let role = Role::State(states.len());
                let input = self.series[&SeriesRef { block, state: k }];
                let improper = diffuse.then(|| "flat".to_string());
                let law = Recipe::Computed { value, improper };
                let (name, dims) = (s.name.clone(), vec![order.rows]);
                let (event, lookups) = (Vec::new(), Lookups::new());
                let variable = Drawn { name: name.clone(), dims: dims.clone(), event, law, lookups };
                states.push(State { name, input, dims, given_data });
                variables.push(Generated { variable, role });
            }
        }
        (states, variables)
    }

    fn over_rows(&mut self, n: NodeId, order: &Order) -> NodeId {
        let n = self.graph.expand(n, &[order.rows]);
        self.by_row(n, order)
    }

    /// The discrete variables that were summed out, in the order in which they are drawn back; by each,
    /// what depends on its values: ln of their weights.
    pub(in crate::lower) fn summed_out(&mut self, weights: &[Weighted]) -> Vec<SummedOut> {
        let model = self.model;
        let mut out = Vec::new();
        for w in weights {
            let total = w.weights;
            out.extend(match w.variable {
                Variable::Latent(i) => {
                    let latent = &model.latents[i];
                    let Some(values) = latent.discrete else { continue };
                    let dim = self.dim(values.dim);
                    let g = &mut self.graph;
                    // Of a value of another that none of these goes with, there are no probabilities.
                    let sum = g.logsumexp_or_none(total, &[dim]);
                    let none = g.constant(f64::NEG_INFINITY);
                    let is_none = g.binary(Binary::Eq, sum, none);
                    let less = g.sub(total, sum);
                    let less = g.select(is_none, none, less);
                    Some(SummedOut {
                        name: latent.name.clone(),
                        dims: latent.dims.clone(),
                        latent: Some(i),
                        law: latent.law.clone(),
                        values,
                        back: Back::LogWeights(total),
                        probabilities: g.exp(less),
                        lookups: w.lookups.clone(),
                        unconditional: None,
                    })
                }
                Variable::State(me) | Variable::Before(me) => self.hidden_state(me, total),
            });
        }
        out
    }

    fn hidden_state(&mut self, me: SeriesRef, emission: NodeId) -> Option<SummedOut> {
        let s = &self.model.recurrences[me.block].states[me.state];
        let SeriesKind::Discrete { values, .. } = s.kind else { return None };
        self.origin(format!("values of {}", s.name));
        let (chain, order) = self.chain_in_order(me, emission)?;
        let last = self.series_ends(me.block).last;
        let uniform = self.noise_of(&s.name);
        let uniform = self.in_order(uniform, &order);
        let g = &mut self.graph;
        let p = series::smoothed(g, &chain, last);
        let position = series::chain_given_data(g, &chain, last, uniform);
        let alone = series::chain_unconditional(g, &chain, uniform);
        let alone = g.add_const(alone, values.first);
        let [probabilities, position, alone] = [p, position, alone].map(|n| self.by_row(n, &order));
        Some(SummedOut {
            name: s.name.clone(),
            dims: s.dims.clone(),
            latent: None,
            law: s.initial.law()?.clone(),
            values,
            back: Back::Computed(position),
            probabilities,
            lookups: Lookups::new(),
            unconditional: Some(alone),
        })
    }
}

/// The states of a linear block that start diffuse.
fn starts_diffuse(def: &RecurrenceDef) -> Vec<usize> {
    use crate::check::linear::Start;
    let start = def.linear.as_ref().map_or(&[][..], |l| &l.start);
    (0..start.len()).filter(|&k| matches!(start[k], Start::Diffuse)).collect()
}
