//! Linear-Gaussian blocks: their density with the states summed out.

use distributions::series::{self, LinearGaussian, Measurement};
use graph::ir::NodeId;

use super::Order;
use crate::check::linear::{Affine, Start};
use crate::lower::Lowering;
use crate::lower::discrete::{Seen, Summed, Term};
use crate::typed::Typed;

impl Lowering<'_> {
    /// The block whose states are summed out of likelihood `observe`, if there is one.
    pub fn filtered(&self, observe: usize) -> bool {
        let linear = self.model.recurrences.iter().filter_map(|r| r.linear.as_ref());
        linear.flat_map(|l| &l.seen).any(|s| s.observe == observe)
    }

    /// The likelihoods of a linear-Gaussian block. `masks`: by likelihood, where its rows count.
    pub fn filter(&mut self, block: usize, masks: &[Option<NodeId>]) {
        let def = &self.model.recurrences[block];
        let Some(linear) = &def.linear else { return };
        self.origin(format!("recurrence {}, its states summed out", def.name));
        let order = self.order(block, def);
        let start = linear.start.iter().map(|s| match s {
            Start::Normal { mean, sd } => {
                series::Start::Known { mean: self.along(mean, &order), sd: self.along(sd, &order) }
            }
            Start::Known(value) => {
                let sd = self.graph.constant(0.0);
                series::Start::Known { mean: self.along(value, &order), sd }
            }
            Start::Diffuse => series::Start::Diffuse,
        });
        let start = start.collect();
        let (mut transition, mut shift, mut sds) = (Vec::new(), Vec::new(), Vec::new());
        for (mean, sd) in &linear.next {
            let (coefficients, rest) = self.affine_along(mean, &order);
            transition.push(coefficients);
            shift.push(rest);
            sds.push(self.along(sd, &order));
        }
        let mut measurements = Vec::new();
        for seen in &linear.seen {
            let o = &self.model.observes[seen.observe];
            let (loading, shift) = self.affine_along(&seen.mean, &order);
            let value = self.along(&o.value, &order);
            let sd = self.along(&seen.sd, &order);
            let mask = masks[seen.observe].map(|mask| self.in_order(mask, &order));
            measurements.push(Measurement { value, loading, shift, sd, seen: mask });
        }
        let ends = self.series_ends(block).ends;
        let model = LinearGaussian {
            over: order.rows,
            first: order.first,
            ends,
            start,
            transition,
            shift,
            sd: sds,
            measurements,
        };
        let mut node = series::log_marginal(&mut self.graph, &model).log_prob;
        // Each counts in the rows where it is used.
        let one = self.graph.constant(1.0);
        for start in &model.start {
            if let series::Start::Known { sd, .. } = *start {
                let by_row = self.graph.ty(sd).has(order.rows);
                let sd = if by_row { self.graph.select(order.first, sd, one) } else { sd };
                node = self.scale_guarded(sd, node);
            }
        }
        for &sd in &model.sd {
            let sd =
                if self.graph.ty(sd).has(order.rows) { self.graph.select(order.first, one, sd) } else { sd };
            node = self.scale_guarded(sd, node);
        }
        for y in &model.measurements {
            let sd = y.seen.map_or(y.sd, |seen| self.graph.select(seen, y.sd, one));
            node = self.scale_guarded(sd, node);
        }
        self.filters.push((block, model));
        let observes = linear.seen.iter().map(|s| s.observe).collect();
        let seen = Seen { observes, without: None, summed: Some(Summed::Series), by: Vec::new() };
        self.terms.push(Term { node, plates: Vec::new(), lookups: model::Lookups::new(), seen });
    }

    fn along(&mut self, t: &Typed, order: &Order) -> NodeId {
        let n = self.expr(t);
        self.in_order(n, order)
    }

    fn affine_along(&mut self, a: &Affine, order: &Order) -> (Vec<Option<NodeId>>, NodeId) {
        let coefficients = a.coefficients.iter().map(|c| c.as_ref().map(|c| self.along(c, order))).collect();
        let rest = match &a.rest {
            Some(rest) => self.along(rest, order),
            None => self.graph.constant(0.0),
        };
        (coefficients, rest)
    }
}
