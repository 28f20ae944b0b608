//! States that are run along the rows: one scan a block, differentiated through time.
//!
//! What does not run is computed outside, for all rows at once, and handed to the step. At a first row
//! the state before is the state itself, so that an untaken `next` is evaluated at possible values.

use std::collections::{HashMap, HashSet};

use distributions::series::{StepBody, StepInputs};
use graph::ir::{DimId, NodeId};

use super::Order;
use crate::check::recurrence::{Noise, is_line, noise_of};
use crate::lower::Lowering;
use crate::lower::expr::Parts;
use crate::typed::{Kind, RecurrenceDef, SeriesKind, SeriesRef, Step, Typed};

/// What runs in a block.
struct Runs {
    block: usize,
    states: HashSet<usize>,
    /// By position of the block's lets.
    lets: Vec<bool>,
}

impl Runs {
    fn of(block: usize, def: &RecurrenceDef) -> Runs {
        let runs = |s: &&usize| matches!(def.states[**s].kind, SeriesKind::Determined | SeriesKind::Noise);
        let states = def.order.iter().filter(runs).copied().collect();
        let mut out = Runs { block, states, lets: Vec::new() };
        for t in &def.lets {
            let runs = out.has(t);
            out.lets.push(runs);
        }
        out
    }

    fn has(&self, t: &Typed) -> bool {
        match &t.kind {
            Kind::Previous(s) | Kind::Current(s) => s.block == self.block && self.states.contains(&s.state),
            Kind::StepLet { position, .. } => self.lets[*position],
            _ => t.parts().into_iter().any(|part| self.has(part)),
        }
    }
}

/// The values of running names inside the step.
struct Names {
    previous: HashMap<usize, NodeId>,
    current: HashMap<usize, NodeId>,
    lets: HashMap<usize, NodeId>,
}

/// What a step of a state is made of: a value, or location and scale of its noise.
enum Recipe<'t> {
    Value(&'t Typed),
    Noise {
        location: &'t Typed,
        scale: &'t Typed,
        of_log: bool,
    },
    /// The noise itself.
    Line,
}

impl<'t> Recipe<'t> {
    fn of(step: &'t Step) -> Recipe<'t> {
        match step {
            Step::Value(value) => Recipe::Value(value),
            Step::Law(law) if is_line(law) => Recipe::Line,
            Step::Law(law) => {
                let Noise { location, scale, of_log, .. } = noise_of(law).expect("made of noise");
                let call = law.only_call().expect("a call");
                let arg = |slot: usize| &call.args[call.params.at(slot)];
                Recipe::Noise { location: arg(location), scale: arg(scale), of_log }
            }
        }
    }

    fn parts(&self) -> Vec<&'t Typed> {
        match *self {
            Recipe::Value(value) => vec![value],
            Recipe::Noise { location, scale, .. } => vec![location, scale],
            Recipe::Line => Vec::new(),
        }
    }
}

impl Lowering<'_> {
    pub(super) fn scan(&mut self, block: usize, def: &RecurrenceDef, order: &Order) {
        let runs = Runs::of(block, def);
        let states: Vec<usize> = def.order.iter().copied().filter(|s| runs.states.contains(s)).collect();
        if states.is_empty() {
            return;
        }
        let recipes: Vec<(Recipe, Recipe)> = states
            .iter()
            .map(|&s| (Recipe::of(&def.states[s].initial), Recipe::of(&def.states[s].next)))
            .collect();
        let lets: Vec<usize> = (0..def.lets.len()).filter(|&p| runs.lets[p]).collect();

        let mut inputs = StepInputs::new(order.rows);
        let zero = self.graph.constant(0.0);
        let own: Vec<Vec<DimId>> = states.iter().map(|&s| self.dim_ids(&def.states[s].own)).collect();
        for dims in &own {
            inputs.carry(&mut self.graph, zero, dims);
        }
        inputs.import(&self.graph, order.first);
        // Parts that do not run, in the order in which they are asked for again inside.
        let mut outside: Vec<NodeId> = Vec::new();
        let lets_first = lets.iter().map(|&p| &def.lets[p]);
        let parts = recipes.iter().flat_map(|(first, next)| first.parts().into_iter().chain(next.parts()));
        for t in lets_first.chain(parts) {
            self.still(t, &runs, order, &mut outside);
        }
        let noises: Vec<Option<NodeId>> = states
            .iter()
            .map(|&state| {
                let me = SeriesRef { block, state };
                let site = self.series_sites.iter().find(|(of, _)| *of == me)?;
                let u = site.1.value;
                Some(self.in_order(u, order))
            })
            .collect();
        for &n in outside.iter().chain(noises.iter().flatten()) {
            inputs.import(&self.graph, n);
        }

        let mut body = inputs.body(&self.graph);
        let first = body.get(&self.graph, order.first);
        let noises: Vec<Option<NodeId>> =
            noises.into_iter().map(|n| n.map(|n| body.get(&self.graph, n))).collect();
        // By expression: its still parts inside.
        let mut taken = outside.into_iter();
        let mut step = Inside { lowering: self, runs: &runs, order, body: &mut body };
        let mut stills = |step: &mut Inside, t: &Typed| -> Vec<NodeId> {
            let n = step.count(t);
            taken.by_ref().take(n).map(|n| step.body.get(&step.lowering.graph, n)).collect()
        };
        let of_lets: Vec<Vec<NodeId>> = lets.iter().map(|&p| stills(&mut step, &def.lets[p])).collect();
        let of_states: Vec<[Vec<Vec<NodeId>>; 2]> = recipes
            .iter()
            .map(|(first, next)| {
                [first, next].map(|r| r.parts().into_iter().map(|t| stills(&mut step, t)).collect())
            })
            .collect();

        // At a first row.
        let empty = || Names { previous: HashMap::new(), current: HashMap::new(), lets: HashMap::new() };
        let mut names = empty();
        let mut initials = Vec::new();
        for (k, &s) in states.iter().enumerate() {
            let x = step.made(&recipes[k].0, &of_states[k][0], noises[k], &names);
            names.current.insert(s, x);
            initials.push(x);
        }
        let mut names = empty();
        for (k, &s) in states.iter().enumerate() {
            let carried = step.body.carried[k];
            let x = step.body.graph.select(first, initials[k], carried);
            names.previous.insert(s, x);
        }
        for (&p, stills) in lets.iter().zip(&of_lets) {
            let x = step.value(&def.lets[p], &mut stills.iter().copied(), &names);
            names.lets.insert(p, x);
        }
        let mut now = Vec::new();
        for (k, &s) in states.iter().enumerate() {
            let next = step.made(&recipes[k].1, &of_states[k][1], noises[k], &names);
            let x = step.body.graph.select(first, initials[k], next);
            let x = step.body.graph.expand(x, &own[k]);
            names.current.insert(s, x);
            now.push(x);
        }
        let values = body.finish(&mut self.graph, &now, &now);
        for (&state, x) in states.iter().zip(values) {
            let x = self.by_row(x, order);
            self.series.insert(SeriesRef { block, state }, x);
        }
    }

    /// The largest parts of `t` that do not run, by position.
    fn still(&mut self, t: &Typed, runs: &Runs, order: &Order, out: &mut Vec<NodeId>) {
        if runs.has(t) {
            t.parts().into_iter().for_each(|part| self.still(part, runs, order, out));
        } else {
            let n = self.expr(t);
            out.push(self.in_order(n, order));
        }
    }
}

/// Expressions inside the step.
struct Inside<'l, 'm, 's> {
    lowering: &'l Lowering<'m>,
    runs: &'s Runs,
    order: &'s Order,
    body: &'s mut StepBody,
}

impl Inside<'_, '_, '_> {
    /// How many still parts `t` has.
    fn count(&self, t: &Typed) -> usize {
        match self.runs.has(t) {
            true => t.parts().into_iter().map(|part| self.count(part)).sum(),
            false => 1,
        }
    }

    fn made(&mut self, r: &Recipe, stills: &[Vec<NodeId>], noise: Option<NodeId>, names: &Names) -> NodeId {
        let value =
            |step: &mut Self, k: usize, t: &Typed| step.value(t, &mut stills[k].iter().copied(), names);
        match *r {
            Recipe::Value(t) => value(self, 0, t),
            Recipe::Line => noise.expect("a state with a law"),
            Recipe::Noise { location, scale, of_log } => {
                let (location, scale) = (value(self, 0, location), value(self, 1, scale));
                let g = &mut self.body.graph;
                let moved = g.mul(scale, noise.expect("a state with a law"));
                let x = g.add(location, moved);
                if of_log { g.exp(x) } else { x }
            }
        }
    }

    fn value(&mut self, t: &Typed, stills: &mut dyn Iterator<Item = NodeId>, names: &Names) -> NodeId {
        if !self.runs.has(t) {
            return stills.next().expect("counted before");
        }
        match &t.kind {
            Kind::Previous(s) => return names.previous[&s.state],
            Kind::Current(s) => return names.current[&s.state],
            Kind::StepLet { position, .. } => return names.lets[position],
            _ => {}
        }
        let parts: Vec<NodeId> = t.parts().into_iter().map(|part| self.value(part, stills, names)).collect();
        let rules = Parts { dims: &self.lowering.dims, along: Some(self.order.rows) };
        rules.combine(&mut self.body.graph, t, &parts)
    }
}
