//! Trials that are made of the outcomes, `binomial(won + lost, p)`: their totals are those of the file.

use graph::ir::{NodeId, Op, Varies};
use model::{Carrier, Recipe, Stands};

use super::plan::{Holds, Plan};
use crate::drawer::element_of;
use crate::error::AnswerError;
use crate::levels::{reach, reach_until};
use crate::nodes::Values;

/// Trials that are counted from the outcomes: `binomial(won + lost, p)`.
#[derive(Debug)]
pub struct Trials {
    pub node: NodeId,
    /// The column with the trials that had the other outcome, which follows what is drawn; none where all
    /// outcomes are drawn.
    pub rest: Option<usize>,
}

impl Plan<'_> {
    /// Finds the laws whose trials are made of their own outcomes.
    pub fn count_trials(&mut self) -> Result<(), AnswerError> {
        for s in 0..self.seen.len() {
            let seen = &self.seen[s];
            let (Some(node), Stands::Columns { table, .. }) =
                (trials(&seen.of.variable.law), &seen.observed.stands)
            else {
                continue;
            };
            let found = reach(&self.target.graph, &[node]);
            let own = |(n, holds): (&NodeId, &Holds)| found.nodes.contains(n) && self.is_of(holds, s);
            if !self.open.iter().any(own) {
                continue;
            }
            // All outcomes are drawn where one value has all of them.
            let rest = match seen.of.variable.event.is_empty() {
                true => Some(self.rest_of_trials(s, node, *table)?),
                false => None,
            };
            self.seen[s].trials = Some(Trials { node, rest });
        }
        Ok(())
    }

    /// The column that makes up the trials together with the outcomes in the file.
    fn rest_of_trials(&self, s: usize, node: NodeId, table: usize) -> Result<usize, AnswerError> {
        let (target, seen) = (self.target, &self.seen[s]);
        let rows = &target.tables[table];
        let refused = || AnswerError::Trials { name: seen.name().into() };
        let wanted = [node, seen.observed.value];
        if target.graph.varies(node) != Varies::Data {
            return Err(refused());
        }
        let values = Values::new(&target.graph, &wanted, &target.bindings)?;
        let element = element_of(target, &seen.of.variable.dims, &target.graph.ty(node).dims);
        let own = element_of(target, &seen.of.variable.dims, &target.graph.ty(seen.observed.value).dims);
        let at = |n: NodeId, e: usize| values.lane(0).get(values.place(n), e);
        let is_rest = |(column, carrier): &&(usize, Carrier)| {
            let Carrier::Values { input } = carrier else { return false };
            let Some(graph::value::Value::Real(x)) = target.bindings.data.get(input) else { return false };
            let covered = self.covers.contains_key(&(table, *column));
            let adds_up = |row: usize| {
                let e = seen.element(row, 0);
                at(node, element(e)) - at(seen.observed.value, own(e)) == x[row]
            };
            !covered && x.len() == rows.n_rows && (0..rows.n_rows).all(adds_up)
        };
        let rest: Vec<usize> = rows.carriers.iter().filter(is_rest).map(|(column, _)| *column).collect();
        let [rest] = rest[..] else { return Err(refused()) };
        // Nobody else may read what follows the draws.
        let input = rows.carriers.iter().find(|(c, _)| *c == rest);
        let name = match input {
            Some((_, Carrier::Values { input })) => input,
            _ => return Err(refused()),
        };
        let is_input = |n: &NodeId| match target.graph.node(*n).op {
            Op::Input(id) => target.graph.inputs()[id.0 as usize].name == *name,
            _ => false,
        };
        for of in &target.variables {
            let end = |n: NodeId| of.variable.name == seen.name() && n == node;
            if reach_until(&target.graph, &of.variable.law.nodes(), end).nodes.iter().any(is_input) {
                return Err(refused());
            }
        }
        Ok(rest)
    }
}

/// The number of trials of a law of counts.
fn trials(law: &Recipe) -> Option<NodeId> {
    match law {
        Recipe::Law { sampler, params, .. } => {
            ["binomial", "beta_binomial", "multinomial"].contains(&sampler.name()).then(|| params[0])
        }
        Recipe::Truncated { base, .. } => trials(base),
        _ => None,
    }
}
