//! Discrete latents summed out: variable elimination over named dimensions.
//!
//! A discrete latent is carried as a dimension of its values (`iota` along it), so every term of the log
//! density that depends on it varies over that dimension. To sum the latent out, the terms that have
//! its dimension are summed down to its plates (those of rows that look it up are added to the elements that
//! they find), added, and reduced by log-sum-exp; those of a state of a recurrence by the forward algorithm
//! along the rows. A term with likelihoods in it is summed without them
//! too: the difference is what they say given the continuous latents.
//!
//! Source: F. Obermeyer et al., Tensor variable elimination for plated factor graphs, ICML 2019,
//! algorithm 1.

use std::collections::BTreeSet;
use std::sync::Arc;

use graph::ir::{DimId, NodeId};
use model::{Lookup, Lookups};

use crate::check::MAX_BY_ROW;
use crate::errors;
use crate::lower::Lowering;
use crate::lower::lookups::{goes_along, left_of, then};
use crate::source::Span;
use crate::typed::{SeriesKind, SeriesRef, Variable};

/// A term of the log density, not summed over its dimensions yet.
#[derive(Clone, Debug)]
pub struct Term {
    pub node: NodeId,
    /// All dimensions of its plates: the node may lack some along which it is the same.
    pub plates: Vec<DimId>,
    /// How the discrete variables that it depends on are found.
    pub lookups: Lookups,
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
    /// The rows that a likelihood's values stand in, where the term has none: which element is theirs.
    pub by: Option<Arc<Lookup>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Summed {
    Latent,
    Series,
}

impl Term {
    pub fn new(node: NodeId, plates: Vec<DimId>, lookups: Lookups) -> Term {
        Term { node, plates, lookups, seen: Seen::default() }
    }
}

/// What a discrete variable was weighted by when it was summed out.
pub struct Weighted {
    pub variable: Variable,
    /// Logarithms, over its plates, its values, and those of variables that are drawn before it: of a latent
    /// all that tells of it, of a state what is seen of it.
    pub weights: NodeId,
    /// Where its elements find theirs of those.
    pub lookups: Lookups,
}

impl Lowering<'_> {
    /// Sums the discrete variables out of `terms`, those with most plates first, so that what lies
    /// inside a plate is gone before its own latent is, and of those the cheapest; states of
    /// recurrences after the latents of their rows. Returns scalars, and the variables in the order in which
    /// they are drawn back.
    pub fn sum_out(&mut self, terms: Vec<Term>) -> (Vec<Term>, Vec<Weighted>) {
        let mut weights = Vec::new();
        let mut variables = self.discrete_variables();
        variables.sort_by_key(|v| (std::cmp::Reverse(v.plates.len()), v.state().is_some()));
        let mut terms = terms;
        while !variables.is_empty() {
            let mut next = self.cheapest(&variables, &terms);
            if let Some(other) = self.crossing(&variables[next], &terms, &variables) {
                // Rows that look it up may have one of their own, which goes first.
                let clear = |k: &usize| self.crossing(&variables[*k], &terms, &variables).is_none();
                let Some(k) = (0..variables.len()).find(clear) else {
                    let (v, other) = (&variables[next], &variables[other]);
                    self.mistakes.push(match (v.state(), other.state()) {
                        (None, None) => errors::crossed_plates(v.span, &v.name, other.span, &other.name),
                        _ => errors::two_chains(v.span, &v.name, &other.name),
                    });
                    return Default::default();
                };
                next = k;
            }
            let v = variables.remove(next);
            let (own, rest): (Vec<Term>, Vec<Term>) =
                terms.into_iter().partition(|t| self.graph.ty(t.node).has(v.values));
            terms = rest;
            let (mut total, mut without): (Option<NodeId>, Option<NodeId>) = (None, None);
            let (mut observes, mut by, mut lookups) = (Vec::new(), None, Lookups::new());
            for t in &own {
                let lookup = match self.lookup_of(&v, t) {
                    Ok(lookup) => lookup,
                    Err(mistake) => {
                        self.mistakes.push(mistake);
                        return Default::default();
                    }
                };
                let node = self.onto(&v, t, lookup.as_deref(), t.node);
                total = Some(self.plus(total, node));
                let others = if t.seen.observes.is_empty() { Some(t.node) } else { t.seen.without };
                if let Some(others) = others {
                    let node = self.onto(&v, t, lookup.as_deref(), others);
                    without = Some(self.plus(without, node));
                }
                if !t.seen.observes.is_empty() {
                    observes.extend(&t.seen.observes);
                    by = then(t.seen.by.as_ref(), lookup.as_ref(), &v.plates);
                }
                for other in variables.iter().filter(|u| self.graph.ty(t.node).has(u.values)) {
                    let on = left_of(other, t, lookup.as_deref());
                    if *lookups.entry(other.values).or_insert_with(|| on.clone()) != on {
                        self.mistakes.push(errors::discrete_twice(other.span, &other.name));
                        return Default::default();
                    }
                }
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
            weights.push(Weighted { variable: v.variable, weights: total, lookups: lookups.clone() });
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
            let seen = Seen { observes, without, summed, by };
            terms.extend(node.map(|node| Term { node, plates: v.plates, lookups, seen }));
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

    /// Another variable that is still in terms of `v`, where not each element of `v` meets one element of it:
    /// it must be summed out before. What goes along the rows cannot be taken row by row.
    fn crossing(&self, v: &Discrete, terms: &[Term], variables: &[Discrete]) -> Option<usize> {
        let own: Vec<&Term> = terms.iter().filter(|t| self.graph.ty(t.node).has(v.values)).collect();
        let chain = v.state().and_then(|s| self.chains.get(&s)).map(|c| [c.initial, c.transition]);
        let has = |n: NodeId, u: &Discrete| self.graph.ty(n).has(u.values);
        (0..variables.len()).find(|&k| {
            let u = &variables[k];
            let along = |d: &DimId| v.plates.contains(d);
            u.values != v.values
                && (own.iter().any(|t| has(t.node, u) && !goes_along(v, u, t))
                    || chain
                        .into_iter()
                        .flatten()
                        .any(|n| has(n, u) && (u.state().is_some() || !u.plates.iter().all(along))))
        })
    }

    /// The position of the variable to sum out next: of the latents with as many plates as the first the one that
    /// meets the others in the fewest combinations; of several the first.
    fn cheapest(&self, variables: &[Discrete], terms: &[Term]) -> usize {
        const LOOKED_AT: usize = 64;
        let first = &variables[0];
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
        best.0
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
pub struct Discrete {
    variable: Variable,
    pub values: DimId,
    pub plates: Vec<DimId>,
    pub name: String,
    pub span: Span,
}

impl Discrete {
    /// Where it is a state of a recurrence.
    pub fn state(&self) -> Option<SeriesRef> {
        match self.variable {
            Variable::Latent(_) => None,
            Variable::State(s) | Variable::Before(s) => Some(s),
        }
    }
}
