//! Laws as log densities.

use distributions::{Distribution, DistributionError, Params};
use graph::ir::{Graph, NodeId, Role, Size};

use super::data;
use crate::errors;
use crate::lower::Lowering;
use crate::typed::{Bounds, Call, Form, Law};

impl Lowering<'_> {
    /// ln p(x) under `law`, over the dimensions of `x` that one value does not have; it may lack some
    /// along which it is the same.
    pub fn log_prob(&mut self, law: &Law, x: NodeId) -> Option<NodeId> {
        match &law.form {
            Form::Call(call) => {
                let params = self.params(call);
                let density = call.distribution.log_prob(&mut self.graph, &params, x);
                self.guarded(law, call, &params, density)
            }
            Form::Truncated { base, bounds } => self.truncated(law, base, bounds, x),
            Form::Censored { base, left, right, interval } => {
                let (call, bounds) = match &base.form {
                    Form::Truncated { base, bounds } => (base.only_call()?, Some(bounds)),
                    _ => (base.only_call()?, None),
                };
                let params = self.params(call);
                let condition = |l: &mut Self, c: &Option<crate::typed::Typed>| c.as_ref().map(|c| l.expr(c));
                let seen = distributions::Seen {
                    left: condition(self, left),
                    right: condition(self, right),
                    interval: interval.as_ref().map(|ends| (self.expr(&ends[0]), self.expr(&ends[1]))),
                };
                let window = bounds.map_or((None, None), |b| self.ends(b));
                let density =
                    distributions::censored(&mut self.graph, call.distribution, &params, x, &seen, window);
                self.guarded(law, call, &params, density)
            }
            Form::Ordered { base } => {
                let density = self.log_prob(base, x)?;
                let dim = self.dim(law.event[0]);
                let total = self.graph.sum(density, &[dim]);
                let same = base.args().iter().all(|(arg, _)| !arg.dims.contains(&law.event[0]));
                if !same {
                    return Some(total);
                }
                // As many orders as there are, of which this is one.
                let n = self.model.dims[law.event[0].0].size as f64;
                let n = self.graph.constant(n + 1.0);
                let orders = self.graph.lgamma(n);
                Some(self.graph.add(total, orders))
            }
            Form::Mixture { weights, components } => {
                let n = components.len();
                let weights: Vec<NodeId> = weights.iter().map(|w| self.expr(w)).collect();
                let mut terms = Vec::new();
                for component in components {
                    terms.push(self.log_prob(component, x)?);
                }
                let name = format!("{n} components");
                let dim = match self.graph.find_dim(&name) {
                    Some(dim) => dim,
                    None => self.graph.add_dim(&name, Role::Plain, Size::Fixed(n)),
                };
                let all = self.graph.stack(&terms, dim);
                let weights = self.graph.stack(&weights, dim);
                Some(self.mixed(weights, all, dim))
            }
            Form::MixtureOver { weights, component, over } => {
                let weights = self.expr(weights);
                let terms = self.log_prob(component, x)?;
                let over = self.dim(*over);
                Some(self.mixed(weights, terms, over))
            }
        }
    }

    /// ln sum_k w_k e^(term_k), for weights that add up to anything.
    fn mixed(&mut self, weights: NodeId, terms: NodeId, over: graph::ir::DimId) -> NodeId {
        let g = &mut self.graph;
        let total = g.sum(weights, &[over]);
        let (ln_w, ln_total) = (g.ln(weights), g.ln(total));
        let all = g.add(ln_w, terms);
        let sum = g.logsumexp(all, &[over]);
        g.sub(sum, ln_total)
    }

    pub fn params(&mut self, call: &Call) -> Params<NodeId> {
        let nodes: Vec<NodeId> = call.args.iter().map(|a| self.expr(a)).collect();
        let event = self.dim_ids(&call.event);
        call.params.map(|i| nodes[i]).over(&event)
    }

    /// The ends of a window as nodes, where it has any.
    fn ends(&mut self, bounds: &Bounds) -> (Option<NodeId>, Option<NodeId>) {
        let lower = bounds.lower.as_ref().map(|t| self.expr(t));
        (lower, bounds.upper.as_ref().map(|t| self.expr(t)))
    }

    fn truncated(&mut self, law: &Law, base: &Law, bounds: &Bounds, x: NodeId) -> Option<NodeId> {
        let call = base.only_call()?;
        let params = self.params(call);
        let density = match bounds.constant {
            Some((lower, upper)) => distributions::Truncated::new(call.distribution, lower, upper)
                .and_then(|t| t.log_prob(&mut self.graph, &params, x)),
            None => {
                let ends = self.ends(bounds);
                distributions::truncated(&mut self.graph, call.distribution, &params, x, ends)
            }
        };
        self.guarded(law, call, &params, density)
    }

    /// A density with no mass outside the domains of its parameters.
    pub fn guarded(
        &mut self,
        law: &Law,
        call: &Call,
        params: &Params<NodeId>,
        density: Result<NodeId, DistributionError>,
    ) -> Option<NodeId> {
        match density {
            Ok(density) => {
                let range = |g: &Graph, n: NodeId| data::range(g, &self.bindings, n);
                Some(distributions::in_domain(&mut self.graph, call.distribution, params, density, &range))
            }
            Err(error) => {
                self.mistakes.push(errors::arguments(law.span, &error, call.distribution));
                None
            }
        }
    }

    /// The ends of a law's support that are nodes.
    pub fn ends_of(&mut self, law: &Law) -> (Option<NodeId>, Option<NodeId>) {
        match &law.form {
            Form::Call(call) if law.varies.is_some() => {
                let params = self.params(call);
                call.distribution.bounds(&params)
            }
            Form::Truncated { base, bounds } if bounds.constant.is_none() => {
                let (lower, upper) = self.ends(bounds);
                let (least, most) = base.support.range();
                let g = &mut self.graph;
                let clip = |g: &mut Graph, end: NodeId, at: f64, op| match at.is_finite() {
                    true => {
                        let at = g.constant(at);
                        g.binary(op, end, at)
                    }
                    false => end,
                };
                let lower = lower.map(|end| clip(g, end, least, graph::ir::Binary::Max));
                (lower, upper.map(|end| clip(g, end, most, graph::ir::Binary::Min)))
            }
            _ => (None, None),
        }
    }
}
