//! One data set, value after value: what a value depends on is drawn before it, be it another column or
//! an earlier row of its own.

use graph::ir::NodeId;
use graph::on_demand::{Missing, OnDemand};
use graph::value::Bindings;
use model::{Stands, Target};
use numerics::random::Key;

use super::plan::{Holds, Plan, Seen};
use crate::ancestral::{Given, World, stream};
use crate::drawer::{Drawer, element_of};
use crate::error::AnswerError;
use crate::nodes::Values;

/// What the values of a variable are drawn with, for all data sets.
pub struct Hand<'t> {
    values: Values,
    drawer: Drawer<'t>,
    /// Nodes that are 0 where nothing is drawn, with their elements by those of the variable.
    masks: Vec<(NodeId, ElementOf<'t>)>,
    key: Key,
}

type ElementOf<'t> = Box<dyn Fn(usize) -> usize + 't>;

/// The masks of a variable.
fn masks<'t>(target: &'t Target, seen: &Seen<'t>) -> Vec<(NodeId, ElementOf<'t>)> {
    let dims = &seen.of.variable.dims;
    let mask = |&n: &NodeId| -> (NodeId, ElementOf<'t>) {
        (n, Box::new(element_of(target, dims, &target.graph.ty(n).dims)))
    };
    seen.masks.iter().map(mask).collect()
}

impl<'t> Hand<'t> {
    pub fn new(target: &'t Target, seen: &Seen<'t>, seed: u64) -> Hand<'t> {
        let len = |&n: &NodeId| (n, target.count(&target.graph.ty(n).dims));
        let values = Values::blank(seen.params.iter().map(len));
        let drawer = Drawer::new(target, &seen.of.variable, &values, true);
        let key = Key::new(seed, "simulate", seen.name(), "");
        Hand { values, drawer, masks: masks(target, seen), key }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    New,
    /// Something that it depends on comes first.
    Waiting,
    Done,
}

/// The values of a variable in one data set.
pub struct Drawn {
    /// NaN where nothing was drawn.
    pub values: Vec<f64>,
    /// Which elements go to the data: the others keep what they had.
    pub drawn: Vec<bool>,
    progress: Vec<Progress>,
    /// By element, where the data of the file decide what is drawn.
    by_file: Option<Vec<bool>>,
    /// The number of trials, where it is made of the values in the file.
    trials: Option<Values>,
}

/// A data set in the making.
pub struct DataSet<'p, 't> {
    plan: &'p Plan<'t>,
    world: &'p World,
    lane: usize,
    given: &'p Given,
    at: OnDemand<'p>,
    pub drawn: Vec<Drawn>,
}

impl<'p, 't> DataSet<'p, 't> {
    /// Nothing is drawn yet; `bindings` have the unknowns of the lane.
    pub fn new(
        plan: &'p Plan<'t>,
        wanted: &[NodeId],
        bindings: &Bindings,
        (world, lane): (&'p World, usize),
        given: &'p Given,
    ) -> Result<DataSet<'p, 't>, AnswerError> {
        let target = plan.target;
        let open: Vec<NodeId> = plan.open.keys().copied().collect();
        let drawn = plan.seen.iter().map(|seen| {
            let n = target.count(&seen.of.variable.dims);
            let by_file = match seen.masks_by_file {
                false => None,
                true => {
                    let nodes = Values::new(&target.graph, &seen.masks, bindings)?;
                    let mut all = vec![true; n];
                    for (mask, element) in masks(target, seen) {
                        let (reader, place) = (nodes.lane(0), nodes.place(mask));
                        (0..n).for_each(|e| all[e] &= reader.get(place, element(e)) != 0.0);
                    }
                    Some(all)
                }
            };
            let n_values = seen.value_of.iter().max().map_or(0, |last| last + 1);
            let progress = vec![Progress::New; n_values];
            let trials = seen.trials.as_ref().map(|t| Values::new(&target.graph, &[t.node], bindings));
            let trials = trials.transpose()?;
            Ok(Drawn { values: vec![f64::NAN; n], drawn: vec![false; n], progress, by_file, trials })
        });
        let drawn = drawn.collect::<Result<Vec<_>, AnswerError>>()?;
        let at = OnDemand::new(&target.graph, bindings, &open, &plan.states, wanted)?;
        Ok(DataSet { plan, world, lane, given, at, drawn })
    }

    /// Draws everything.
    ///
    /// # Errors
    /// Values that wait for each other, laws without draws, parameters outside their domains.
    pub fn draw(&mut self, hands: &mut [Hand<'t>]) -> Result<(), AnswerError> {
        let mut stack: Vec<(usize, usize)> = Vec::new();
        for s in 0..self.drawn.len() {
            for k in 0..self.drawn[s].progress.len() {
                stack.push((s, k));
                while let Some(&(s, k)) = stack.last() {
                    if self.drawn[s].progress[k] == Progress::Done {
                        stack.pop();
                        continue;
                    }
                    self.drawn[s].progress[k] = Progress::Waiting;
                    for missing in self.attempt(s, k, &mut hands[s])? {
                        for first in self.supply(missing)? {
                            if self.drawn[first.0].progress[first.1] == Progress::Waiting {
                                return Err(self.circle((s, k), first));
                            }
                            stack.push(first);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// An element of a wanted node, after everything was drawn.
    pub fn get(&mut self, node: NodeId, element: usize) -> Result<f64, AnswerError> {
        loop {
            match self.at.get(node, element) {
                Ok(x) => return Ok(x),
                Err(missing) => {
                    for m in missing {
                        self.supply(m)?;
                    }
                }
            }
        }
    }

    /// The number of trials of an element, where it is that of the file.
    pub fn trials(&self, s: usize, element: usize) -> Option<f64> {
        let (seen, target) = (&self.plan.seen[s], self.plan.target);
        let (of, values) = (seen.trials.as_ref()?, self.drawn[s].trials.as_ref()?);
        let at = element_of(target, &seen.of.variable.dims, &target.graph.ty(of.node).dims);
        Some(values.lane(0).get(values.place(of.node), at(element)))
    }

    /// What an element of a let is by the file: NaN where a null is in the way.
    pub fn as_it_was(&mut self, s: usize, element: usize) -> Result<f64, AnswerError> {
        let (seen, target) = (&self.plan.seen[s], self.plan.target);
        if let Some(present) = seen.observed.present {
            let at = element_of(target, &seen.of.variable.dims, &target.graph.ty(present).dims);
            if self.get(present, at(element))? == 0.0 {
                return Ok(f64::NAN);
            }
        }
        Ok(self.at.bound(seen.observed.value, element))
    }

    /// Draws value `k` of a variable, if all that it depends on is there; else what is missing.
    fn attempt(&mut self, s: usize, k: usize, hand: &mut Hand<'t>) -> Result<Vec<Missing>, AnswerError> {
        let seen = &self.plan.seen[s];
        let elements: Vec<usize> = hand.drawer.elements(k).collect();
        let mut missing = Vec::new();
        let mut drawn = Vec::with_capacity(elements.len());
        for &e in &elements {
            drawn.push(match &self.drawn[s].by_file {
                Some(all) => all[e],
                None => {
                    let mut all = true;
                    for (mask, element) in &hand.masks {
                        match self.at.get(*mask, element(e)) {
                            Ok(m) => all &= m != 0.0,
                            Err(more) => missing.extend(more),
                        }
                    }
                    all
                }
            });
        }
        if !missing.is_empty() {
            return Ok(missing);
        }
        if elements.iter().zip(&drawn).any(|(&e, drawn)| *drawn || seen.inferred[e]) {
            let chosen = |k, e| self.world.discrete(k, e, self.lane);
            for (node, e) in hand.drawer.reads(k, &chosen) {
                if let (Some(of), Some(trials)) = (&seen.trials, &self.drawn[s].trials)
                    && of.node == node
                {
                    hand.values.set(node, e, trials.lane(0).get(trials.place(node), e));
                    continue;
                }
                match self.at.get(node, e) {
                    Ok(x) => hand.values.set(node, e, x),
                    Err(more) => missing.extend(more),
                }
            }
            if !missing.is_empty() {
                return Ok(missing);
            }
            let mut value = vec![0.0; elements.len()];
            let mut uniforms = stream(hand.key, k as u64, 0, self.world.draws[self.lane]);
            hand.drawer.draw(k, hand.values.lane(0), &chosen, &mut uniforms, &mut value)?;
            for ((&e, &x), &drawn) in elements.iter().zip(&value).zip(&drawn) {
                if drawn && x.is_nan() {
                    let why =
                        format!("a parameter of element {} lies outside its domain at this draw", e + 1);
                    return Err(AnswerError::Draw { name: seen.name().into(), why });
                }
                if drawn || seen.inferred[e] {
                    self.drawn[s].values[e] = x;
                }
                self.drawn[s].drawn[e] = drawn;
            }
        }
        self.drawn[s].progress[k] = Progress::Done;
        Ok(Vec::new())
    }

    /// Gives an element to the graph, or tells which values have to be drawn first.
    fn supply(&mut self, missing: Missing) -> Result<Vec<(usize, usize)>, AnswerError> {
        let Missing { node, element } = missing;
        let plan = self.plan;
        let value = match &plan.open[&node] {
            Holds::Computed(s) => {
                let k = plan.seen[*s].value_of[element];
                if self.drawn[*s].progress[k] != Progress::Done {
                    return Ok(vec![(*s, k)]);
                }
                self.drawn[*s].drawn[element].then(|| self.drawn[*s].values[element])
            }
            Holds::Cells { table, columns, rows_first, labels } => {
                let (n, n_rows) = (columns.len(), plan.target.tables[*table].n_rows);
                let (row, at) = match rows_first {
                    true => (element / n, element % n),
                    false => (element % n_rows, element / n_rows),
                };
                let covering = columns[at].map_or_else(Vec::new, |c| plan.covering(*table, c, row));
                let first = self.before(&covering);
                if !first.is_empty() {
                    return Ok(first);
                }
                // Where several laws speak of a cell, the last has it.
                match covering.into_iter().rev().find(|&(s, e)| self.drawn[s].drawn[e]) {
                    Some((s, e)) => Some(self.in_graph(s, e, *labels)?),
                    None => None,
                }
            }
            Holds::Nulls { site, table, column, rows } => {
                let covering = plan.covering(*table, *column, rows[element]);
                let first = self.before(&covering);
                if !first.is_empty() {
                    return Ok(first);
                }
                let given = self.given.get(&(plan.target.sites[*site].name.clone(), element));
                given.copied().or_else(|| covering.last().map(|&(s, e)| self.drawn[s].values[e]))
            }
        };
        let value = value.unwrap_or_else(|| self.at.bound(node, element));
        self.at.give(node, element, value);
        Ok(Vec::new())
    }

    /// The values of these elements that have not been drawn.
    fn before(&self, elements: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let values = elements.iter().map(|&(s, e)| (s, self.plan.seen[s].value_of[e]));
        values.filter(|&(s, k)| self.drawn[s].progress[k] != Progress::Done).collect()
    }

    /// A drawn element as an input has it: a number, or its position among labels.
    fn in_graph(&self, s: usize, e: usize, labels: Option<&[String]>) -> Result<f64, AnswerError> {
        let (seen, x) = (&self.plan.seen[s], self.drawn[s].values[e]);
        let Some(labels) = labels else { return Ok(x) };
        let label = match &seen.observed.stands {
            Stands::Outcomes { labels, .. } => outcome(labels, x),
            _ => x.to_string(),
        };
        match labels.iter().position(|l| *l == label) {
            Some(k) => Ok(k as f64),
            None => Err(AnswerError::NoLevel { name: seen.name().into(), value: label }),
        }
    }

    fn circle(&self, (s, k): (usize, usize), (t, l): (usize, usize)) -> AnswerError {
        let place = |s: usize, k: usize| {
            let seen = &self.plan.seen[s];
            let first = seen.value_of.iter().position(|&v| v == k).unwrap_or(0);
            seen.place(self.plan.target, first)
        };
        let on = match (s, k) == (t, l) {
            true => "itself".into(),
            false => format!("{}, which depends on it", place(t, l)),
        };
        AnswerError::Circle { name: self.plan.seen[s].name().into(), value: place(s, k), on }
    }
}

/// The label of an outcome that was drawn: they count from 1.
pub fn outcome(labels: &[String], x: f64) -> String {
    labels.get((x - 1.0).max(0.0) as usize).cloned().unwrap_or_default()
}
