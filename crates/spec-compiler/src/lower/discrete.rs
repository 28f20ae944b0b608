//! Discrete latents summed out: variable elimination over named dimensions.
//!
//! A discrete latent is carried as a dimension of its values (`iota` along it), so every term of the log
//! density that depends on it varies over that dimension. To sum the latent out, the terms that have
//! its dimension are summed down to its plates, added, and reduced by log-sum-exp; those of a state of a
//! recurrence by the forward algorithm along the rows. A term with likelihoods in it is summed without them
//! too: the difference is what they say given the continuous latents.
//!
//! Source: F. Obermeyer et al., Tensor variable elimination for plated factor graphs, ICML 2019,
//! algorithm 1.

use std::collections::BTreeSet;

use graph::ir::{DimId, NodeId};

use crate::check::MAX_BY_ROW;
use crate::errors;
use crate::lower::Lowering;
use crate::source::Span;
use crate::typed::{SeriesKind, SeriesRef, Variable};

/// A term of the log density, not summed over its dimensions yet.
#[derive(Clone, Debug)]
pub struct Term {
    pub node: NodeId,
    /// All dimensions of its plates: the node may lack some along which it is the same.
    pub plates: Vec<DimId>,
    pub seen: Seen,
}

/// What a term says of the data.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The likelihoods in it.
    pub observes: Vec<usize>,
    /// What the term would be without them; zero where there is nothing else.
    pub without: Option<NodeId>,
    /// A latent, or the states of a series, are summed out of it.
    pub summed: Option<Summed>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Summed {
    Latent,
    Series,
}

impl Term {
    pub fn new(node: NodeId, plates: Vec<DimId>) -> Term {
        Term { node, plates, seen: Seen::default() }
    }
}

impl Lowering<'_> {
    /// Sums the discrete variables out of `terms`, those with most plates first, so that what lies
    /// inside a plate is gone before its own latent is, and of those the cheapest; states of
    /// recurrences after the latents of their rows. Returns scalars, and by variable the logarithms of what its values are weighted by
    /// (over its plates, its values, and those of variables before it in the list): of a latent all, of a
    /// state what is seen of it. That is the order in which they are drawn back.
    pub fn sum_out(&mut self, terms: Vec<Term>) -> (Vec<Term>, Vec<(Variable, NodeId)>) {
        let mut weights = Vec::new();
        let mut variables = self.discrete_variables();
        variables.sort_by_key(|v| (std::cmp::Reverse(v.plates.len()), v.state().is_some()));
        let mut terms = terms;
        while let Some(v) = self.cheapest(&mut variables, &terms) {
            let (own, rest): (Vec<Term>, Vec<Term>) =
                terms.into_iter().partition(|t| self.graph.ty(t.node).has(v.values));
            terms = rest;
            // Other variables in the same terms must live on plates of this one, and what goes along
            // the rows cannot be taken row by row.
            let mut nodes: Vec<NodeId> = own.iter().map(|t| t.node).collect();
            if let Some(chain) = v.state().and_then(|s| self.chains.get(&s)) {
                nodes.extend([chain.initial, chain.transition]);
            }
            let others: BTreeSet<usize> = (0..variables.len())
                .filter(|&k| nodes.iter().any(|n| self.graph.ty(*n).has(variables[k].values)))
                .collect();
            let crosses = |k: &usize| {
                let other = &variables[*k];
                other.state().is_some() || other.plates.iter().any(|d| !v.plates.contains(d))
            };
            if let Some(k) = others.into_iter().find(crosses) {
                let other = &variables[k];
                self.mistakes.push(match (v.state(), other.state()) {
                    (None, None) => errors::crossed_plates(v.span, &v.name, other.span, &other.name),
                    _ => errors::two_chains(v.span, &v.name, &other.name),
                });
                return Default::default();
            }
            let (mut total, mut without): (Option<NodeId>, Option<NodeId>) = (None, None);
            let mut observes = Vec::new();
            for t in &own {
                if let Some(&stray) = v.plates.iter().find(|d| !t.plates.contains(d)) {
                    let dim = self.graph.dim(stray).name.clone();
                    self.mistakes.push(errors::discrete_looked_up(v.span, &v.name, &dim));
                    return Default::default();
                }
                let inner: Vec<DimId> = t.plates.iter().copied().filter(|d| !v.plates.contains(d)).collect();
                let node = self.graph.sum(t.node, &inner);
                total = Some(self.plus(total, node));
                let others = if t.seen.observes.is_empty() { Some(t.node) } else { t.seen.without };
                if let Some(others) = others {
                    let node = self.graph.sum(others, &inner);
                    without = Some(self.plus(without, node));
                }
                observes.extend(&t.seen.observes);
            }
            let total = match (total, v.state()) {
                (Some(total), _) => total,
                // Nothing is seen of it.
                (None, Some(_)) => self.graph.constant(0.0),
                (None, None) => continue,
            };
            let has = |values| self.graph.ty(total).has(values);
            let met = std::iter::once(&v).chain(variables.iter().filter(|other| has(other.values)));
            let met: Vec<(&str, usize)> =
                met.map(|v| (v.name.as_str(), self.graph.fixed_size(v.values).unwrap_or(1))).collect();
            let all = met.iter().fold(1_u64, |n, (_, size)| n.saturating_mul(*size as u64));
            if met.len() > 1 && all > MAX_BY_ROW {
                let too_much = errors::more_than(MAX_BY_ROW);
                self.mistakes.push(errors::too_many_combinations(v.span, &met, &too_much));
                return Default::default();
            }
            weights.push((v.variable, total));
            let is_series = v.state().is_some() || own.iter().any(|t| t.seen.summed == Some(Summed::Series));
            let node = match v.state() {
                None => Some(self.graph.logsumexp(total, &[v.values])),
                Some(state) => self.summed_along(state, total),
            };
            let without = match without {
                Some(w) if !is_series && !observes.is_empty() => Some(self.graph.logsumexp(w, &[v.values])),
                _ => None,
            };
            let summed = Some(if is_series { Summed::Series } else { Summed::Latent });
            let seen = Seen { observes, without, summed };
            terms.extend(node.map(|node| Term { node, plates: v.plates, seen }));
        }
        weights.reverse();
        (terms, weights)
    }

    fn plus(&mut self, sum: Option<NodeId>, node: NodeId) -> NodeId {
        match sum {
            Some(sum) => self.graph.add(sum, node),
            None => node,
        }
    }

    /// Takes out the variable to sum out next: of the latents with as many plates as the first the one that
    /// meets the others in the fewest combinations; of several the first.
    fn cheapest(&self, variables: &mut Vec<Discrete>, terms: &[Term]) -> Option<Discrete> {
        const LOOKED_AT: usize = 64;
        let first = variables.first()?;
        let combinations = |v: &Discrete| {
            let own =
                terms.iter().map(|t| &self.graph.ty(t.node).dims).filter(|dims| dims.contains(&v.values));
            let dims: BTreeSet<DimId> = own.flatten().copied().collect();
            let met =
                variables.iter().filter(|other| other.values != v.values && dims.contains(&other.values));
            let sizes = met.map(|other| self.graph.fixed_size(other.values).unwrap_or(1) as u64);
            sizes.fold(1, u64::saturating_mul)
        };
        let mut best = (0, u64::MAX);
        let last = variables.len().min(if first.state().is_some() { 1 } else { LOOKED_AT });
        for (k, v) in variables[..last].iter().enumerate() {
            if v.state().is_some() || v.plates.len() < first.plates.len() || best.1 == 1 {
                break;
            }
            let met = combinations(v);
            if met < best.1 {
                best = (k, met);
            }
        }
        Some(variables.remove(best.0))
    }

    fn discrete_variables(&self) -> Vec<Discrete> {
        let mut out = Vec::new();
        for (i, latent) in self.model.latents.iter().enumerate() {
            if let Some(discrete) = latent.discrete {
                out.push(Discrete {
                    variable: Variable::Latent(i),
                    values: self.dim(discrete.dim),
                    plates: self.dim_ids(&latent.dims),
                    name: latent.name.clone(),
                    span: latent.law.span,
                });
            }
        }
        for (block, def) in self.model.recurrences.iter().enumerate() {
            for (state, s) in def.states.iter().enumerate() {
                if let (SeriesKind::Discrete { values, .. }, Some(law)) = (s.kind, s.next.law()) {
                    out.push(Discrete {
                        variable: Variable::State(SeriesRef { block, state }),
                        values: self.dim(values.dim),
                        plates: self.dim_ids(&s.dims),
                        name: s.name.clone(),
                        span: law.span,
                    });
                }
            }
        }
        out
    }
}

/// A discrete variable to be summed out.
struct Discrete {
    variable: Variable,
    values: DimId,
    plates: Vec<DimId>,
    name: String,
    span: Span,
}

impl Discrete {
    /// Where it is a state of a recurrence.
    fn state(&self) -> Option<SeriesRef> {
        match self.variable {
            Variable::Latent(_) => None,
            Variable::State(s) | Variable::Before(s) => Some(s),
        }
    }
}
