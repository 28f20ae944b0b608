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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use graph::ir::{DimId, NodeId};
use model::{Lookup, Lookups};

use crate::check::MAX_BY_ROW;
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::lower::Lowering;
use crate::lower::lookups::{Left, then};
use crate::source::Span;
use crate::typed::{SeriesKind, SeriesRef, Variable};

/// A term of the log density, not summed over its dimensions yet.
#[derive(Clone, Debug)]
pub struct Term {
    pub node: NodeId,
    /// All dimensions of its plates: the node may lack some along which it is the same.
    pub plates: Vec<DimId>,
    /// How an element of it looks up its element of each discrete variable that it depends on.
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
    /// Where the term has plates in the place of the rows that a likelihood's values stand in: which elements are
    /// theirs.
    pub by: Vec<Arc<Lookup>>,
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
    /// How an element of it looks up its element of each of those.
    pub lookups: Lookups,
}

impl Lowering<'_> {
    /// Sums the discrete variables out of `terms`, those with most plates first, and of those the cheapest;
    /// but what still meets the elements of another several times waits for that, as that of a group for those of its
    /// rows, and states of recurrences wait for the latents of their rows. Returns terms without them, and the
    /// variables in the order in which they are drawn back.
    pub fn sum_out(&mut self, terms: Vec<Term>) -> (Vec<Term>, Vec<Weighted>) {
        let mut weights = Vec::new();
        let mut variables = self.discrete_variables();
        variables.sort_by_key(|v| (std::cmp::Reverse(v.plates.len()), v.state().is_some()));
        let mut terms = terms;
        while !variables.is_empty() {
            let summed = self.next(&variables, &terms).and_then(|next| {
                let v = variables.remove(next);
                let (own, rest): (Vec<Term>, Vec<Term>) =
                    std::mem::take(&mut terms).into_iter().partition(|t| self.graph.ty(t.node).has(v.values));
                terms = rest;
                self.sum_one(v, &own, &variables)
            });
            match summed {
                Ok(Some((weighted, term))) => {
                    weights.push(weighted);
                    terms.extend(term);
                }
                Ok(None) => {}
                Err(mistake) => {
                    self.mistakes.push(*mistake);
                    return Default::default();
                }
            }
        }
        weights.reverse();
        (terms, weights)
    }

    /// The position of the variable to sum out next.
    fn next(&self, variables: &[Discrete], terms: &[Term]) -> Result<usize, Box<Diagnostic>> {
        let cheapest = self.cheapest(variables, terms);
        let v = &variables[cheapest];
        let Some(other) = self.crossing(v, terms, variables) else { return Ok(cheapest) };
        let clear = |k: &usize| self.crossing(&variables[*k], terms, variables).is_none();
        (0..variables.len()).find(clear).ok_or_else(|| {
            let other = &variables[other];
            Box::new(match (v.state(), other.state()) {
                (None, None) => errors::crossed_plates(v.span, &v.name, other.span, &other.name),
                _ => errors::two_chains(v.span, &v.name, &other.name),
            })
        })
    }

    /// Sums `v` out of its `own` terms, which may depend on some of the `others` too.
    fn sum_one(
        &mut self,
        v: Discrete,
        own: &[Term],
        others: &[Discrete],
    ) -> Result<Option<(Weighted, Option<Term>)>, Box<Diagnostic>> {
        let (mut total, mut without): (Option<NodeId>, Option<NodeId>) = (None, None);
        let (mut observes, mut by) = (Vec::new(), Vec::new());
        let mut lookups: BTreeMap<DimId, Left> = BTreeMap::new();
        for t in own {
            let looked_up = self.lookups_of(&v, t)?;
            let node = self.onto(&v, t, &looked_up, t.node);
            total = Some(self.plus(total, node));
            let rest = if t.seen.observes.is_empty() { Some(t.node) } else { t.seen.without };
            if let Some(rest) = rest {
                let node = self.onto(&v, t, &looked_up, rest);
                without = Some(self.plus(without, node));
            }
            if !t.seen.observes.is_empty() {
                // Of several likelihoods none has terms of its own, so that one place is enough.
                observes.extend(&t.seen.observes);
                by = then(&t.seen.by, &looked_up, &v.plates);
            }
            for other in others.iter().filter(|u| self.graph.ty(t.node).has(u.values)) {
                let left = self.left_of(other, t, &looked_up);
                let both = match lookups.remove(&other.values) {
                    Some(known) => known.with(&left),
                    None => Some(left),
                };
                let both = both.ok_or_else(|| Box::new(errors::discrete_twice(other.span, &other.name)))?;
                lookups.insert(other.values, both);
            }
        }
        let lookups: Lookups = lookups.into_iter().map(|(values, left)| (values, left.known())).collect();
        let total = match (total, v.state()) {
            (Some(total), _) => total,
            // Nothing is seen of it.
            (None, Some(_)) => self.graph.constant(0.0),
            (None, None) => return Ok(None),
        };
        let is_met = self.combinations_fit(&v, total, others)?;
        let is_series = v.state().is_some() || own.iter().any(|t| t.seen.summed == Some(Summed::Series));
        // Some value of another variable may leave none of these possible.
        let sum = |g: &mut graph::ir::Graph, x: NodeId| match is_met {
            true => g.logsumexp_or_none(x, &[v.values]),
            false => g.logsumexp(x, &[v.values]),
        };
        let node = match v.state() {
            None => Some(sum(&mut self.graph, total)),
            Some(state) => self.summed_along(state, total),
        };
        let without = match without {
            Some(w) if !is_series && !observes.is_empty() => Some(sum(&mut self.graph, w)),
            _ => None,
        };
        let summed = Some(if is_series { Summed::Series } else { Summed::Latent });
        let seen = Seen { observes, without, summed, by };
        let term = node.map(|node| Term { node, plates: v.plates, lookups: lookups.clone(), seen });
        Ok(Some((Weighted { variable: v.variable, weights: total, lookups }, term)))
    }

    /// Does `total` depend on other variables than `v`? They must not be too many together.
    fn combinations_fit(
        &self,
        v: &Discrete,
        total: NodeId,
        others: &[Discrete],
    ) -> Result<bool, Box<Diagnostic>> {
        let met = others.iter().filter(|other| self.graph.ty(total).has(other.values));
        let size = |v: &Discrete| self.graph.fixed_size(v.values).unwrap_or(1);
        let met: Vec<(&str, usize)> =
            std::iter::once(v).chain(met).map(|v| (v.name.as_str(), size(v))).collect();
        let all = met.iter().fold(1_u64, |n, (_, size)| n.saturating_mul(*size as u64));
        if met.len() > 1 && all > MAX_BY_ROW {
            let too_much = errors::more_than(MAX_BY_ROW);
            return Err(Box::new(errors::too_many_combinations(v.span, &met, &too_much)));
        }
        Ok(met.len() > 1)
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
                && (own.iter().any(|t| has(t.node, u) && !self.goes_along(v, u, t))
                    || chain
                        .into_iter()
                        .flatten()
                        .any(|n| has(n, u) && (u.state().is_some() || !u.plates.iter().all(along))))
        })
    }

    /// The position of the variable to sum out next: of the latents with as many plates as the first the one that
    /// meets the others in the fewest combinations; of several the first.
    fn cheapest(&self, variables: &[Discrete], terms: &[Term]) -> usize {
        // Enough to find what meets few, where there are hundreds.
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
