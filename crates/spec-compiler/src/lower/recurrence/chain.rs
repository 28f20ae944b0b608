//! Discrete states: their laws over the values, and what is seen of them, summed out by the forward
//! algorithm.

use distributions::series::{Chain, forward};
use graph::ir::{DimId, NodeId};

use super::Order;
use crate::lower::Lowering;
use crate::typed::{SeriesKind, SeriesRef, SeriesState};

/// The laws of a discrete state.
#[derive(Clone, Copy, Debug)]
pub(in crate::lower) struct ChainLaws {
    order: Order,
    values: DimId,
    before: DimId,
    /// Over the values.
    pub initial: NodeId,
    /// Over the values, and those at the row before.
    pub transition: NodeId,
}

impl Lowering<'_> {
    pub(super) fn chain(&mut self, me: SeriesRef, s: &SeriesState, order: Order) {
        let SeriesKind::Discrete { values, before } = s.kind else { return };
        let x = self.series[&me];
        let laws = (s.initial.law(), s.next.law());
        let (Some(initial), Some(next)) = laws else { return };
        let (initial, next) = (self.log_prob(initial, x), self.log_prob(next, x));
        let (Some(initial), Some(transition)) = (initial, next) else { return };
        let (values, before) = (self.dim(values.dim), self.dim(before));
        self.chains.insert(me, ChainLaws { order, values, before, initial, transition });
    }

    /// ln p of what is seen of a state at each row given what was seen before, the state summed out.
    pub fn summed_along(&mut self, me: SeriesRef, emission: NodeId) -> Option<NodeId> {
        let (chain, order) = self.chain_in_order(me, emission)?;
        let by_position = forward(&mut self.graph, &chain);
        Some(self.by_row(by_position, &order))
    }

    /// The chain of a state, of which `emission` is what is seen, by position.
    pub(super) fn chain_in_order(&mut self, me: SeriesRef, emission: NodeId) -> Option<(Chain, Order)> {
        let ChainLaws { order, values, before, initial, transition } = *self.chains.get(&me)?;
        let [initial, transition, emission] =
            [initial, transition, emission].map(|n| self.in_order(n, &order));
        let first = order.first;
        Some((Chain { over: order.rows, values, before, first, initial, transition, emission }, order))
    }
}
