//! Discrete latents summed out: variable elimination over named dimensions.
//!
//! A discrete latent is carried as a dimension of its values (`iota` along it), so every term of the log
//! density that depends on it varies over that dimension. To sum the latent out, the terms that have
//! its dimension are summed down to its plates, added, and reduced by log-sum-exp.
//!
//! Source: F. Obermeyer et al., Tensor variable elimination for plated factor graphs, ICML 2019,
//! algorithm 1.

use std::collections::BTreeSet;

use graph::ir::{DimId, NodeId};

use crate::errors;
use crate::lower::Lowering;

/// A term of the log density, not summed over its dimensions yet.
#[derive(Clone, Debug)]
pub struct Term {
    pub node: NodeId,
    /// All dimensions of its plates: the node may lack some along which it is the same.
    pub plates: Vec<DimId>,
}

impl Lowering<'_> {
    /// Sums the discrete latents out of `terms`, those with most plates first, so that what lies inside
    /// a plate is gone before its own latent is. Returns scalars, and by latent the logarithms of the
    /// weights of its values (over its plates, its values, and those of latents before it in the list):
    /// the order in which the latents are drawn back.
    pub fn sum_out(&mut self, terms: Vec<Term>) -> (Vec<NodeId>, Vec<(usize, NodeId)>) {
        let mut weights = Vec::new();
        let mut latents: Vec<(usize, DimId, Vec<DimId>)> = Vec::new();
        for (i, latent) in self.model.latents.iter().enumerate() {
            if let Some(discrete) = latent.discrete {
                latents.push((i, self.dim(discrete.dim), self.dim_ids(&latent.dims)));
            }
        }
        latents.sort_by_key(|(i, _, plates)| (std::cmp::Reverse(plates.len()), *i));
        let mut terms = terms;
        while let Some((i, dim, plates)) = pop_first(&mut latents) {
            let (own, rest): (Vec<Term>, Vec<Term>) =
                terms.into_iter().partition(|t| self.graph.ty(t.node).has(dim));
            terms = rest;
            // Other latents in the same terms must live on plates of this one.
            let others: BTreeSet<usize> = (0..latents.len())
                .filter(|&k| own.iter().any(|t| self.graph.ty(t.node).has(latents[k].1)))
                .collect();
            if let Some(&k) = others.iter().find(|&&k| latents[k].2.iter().any(|d| !plates.contains(d))) {
                let (a, b) = (&self.model.latents[i], &self.model.latents[latents[k].0]);
                self.mistakes.push(errors::crossed_plates(a.law.span, &a.name, b.law.span, &b.name));
                return Default::default();
            }
            let mut total: Option<NodeId> = None;
            for t in &own {
                if let Some(&stray) = plates.iter().find(|d| !t.plates.contains(d)) {
                    let (latent, dim) = (&self.model.latents[i], self.graph.dim(stray).name.clone());
                    self.mistakes.push(errors::discrete_looked_up(latent.law.span, &latent.name, &dim));
                    return Default::default();
                }
                let inner: Vec<DimId> = t.plates.iter().copied().filter(|d| !plates.contains(d)).collect();
                let node = self.graph.sum(t.node, &inner);
                total = Some(match total {
                    Some(sum) => self.graph.add(sum, node),
                    None => node,
                });
            }
            if let Some(total) = total {
                weights.push((i, total));
                let node = self.graph.logsumexp(total, &[dim]);
                terms.push(Term { node, plates });
            }
        }
        weights.reverse();
        (terms.into_iter().map(|t| self.graph.sum(t.node, &t.plates)).collect(), weights)
    }
}

fn pop_first<T>(all: &mut Vec<T>) -> Option<T> {
    if all.is_empty() { None } else { Some(all.remove(0)) }
}
