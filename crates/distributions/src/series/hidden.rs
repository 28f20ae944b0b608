//! The values of hidden Markov chains: their laws given all that is seen, and draws of them.
//!
//! Draws are functions of a uniform number a row, so that they are nodes as everything else.
//!
//! Source: S. Scott, Bayesian methods for hidden Markov models, JASA 97 (2002), 337-351: section 2.2 for
//! the laws, 2.3 for draws from the last row backwards.

use graph::ir::{Binary, Graph, NodeId, Reduction};

use super::StepInputs;
use super::forward::{Chain, Forward, laws, log_sum_exp};

/// p over the values given all that is seen, over the rows. `last` is 1 where a series ends.
pub fn smoothed(g: &mut Graph, chain: &Chain, last: NodeId) -> NodeId {
    let Chain { over, values, before, transition, .. } = *chain;
    let Forward { filtered, predicted, .. } = laws(g, chain);
    // What is handed on is ln p(seen from the next row on | value) less ln p(it), by value here.
    let zero = g.constant(0.0);
    let reads = [filtered, predicted, transition, last];
    let (mut body, [filtered, predicted, transition, last]) =
        chain.body(g, StepInputs::reversed(over), zero, reads);
    let later = body.carried[0];
    let b = &mut body.graph;
    let moved = b.add(filtered, later);
    let here = b.select(last, filtered, moved);
    // An impossible value is as impossible before: -inf less -inf is no number.
    let none = b.constant(f64::NEG_INFINITY);
    let impossible = b.binary(Binary::Eq, predicted, none);
    let ratio = b.sub(here, predicted);
    let ratio = b.select(impossible, none, ratio);
    let next = b.add(transition, ratio);
    let next = log_sum_exp(b, next, values);
    let next = b.rename(next, &[(before, values)]);
    let p = b.exp(here);
    body.finish(g, &[next], &[p])[0]
}

/// The positions of the values (from 0), over the rows, drawn given all that is seen. `last` is 1 where a
/// series ends, `uniform` has a number between 0 and 1 for each row.
pub fn chain_given_data(g: &mut Graph, chain: &Chain, last: NodeId, uniform: NodeId) -> NodeId {
    let filtered = laws(g, chain).filtered;
    // What is handed on is ln p(the value that was drawn | value before).
    let zero = g.constant(0.0);
    let reads = [filtered, chain.transition, last, uniform];
    let (mut body, [filtered, transition, last, uniform]) =
        chain.body(g, StepInputs::reversed(chain.over), zero, reads);
    let later = body.carried[0];
    let b = &mut body.graph;
    let moved = b.add(filtered, later);
    let here = b.select(last, filtered, moved);
    let position = chosen(b, chain, here, uniform);
    let steps = b.iota(chain.values);
    let is_it = b.binary(Binary::Eq, steps, position);
    let nothing = b.constant(0.0);
    let next = b.select(is_it, transition, nothing);
    let next = b.sum(next, &[chain.values]);
    let next = b.rename(next, &[(chain.before, chain.values)]);
    body.finish(g, &[next], &[position])[0]
}

/// The positions of the values (from 0), over the rows, drawn from the chain's laws alone.
pub fn chain_unconditional(g: &mut Graph, chain: &Chain, uniform: NodeId) -> NodeId {
    let Chain { over, values, before, first, initial, transition, .. } = *chain;
    // What is handed on is 1 at the value of the row, else 0.
    let zero = g.constant(0.0);
    let reads = [first, initial, transition, uniform];
    let (mut body, [first, initial, transition, uniform]) = chain.body(g, StepInputs::new(over), zero, reads);
    let was_it = body.carried[0];
    let b = &mut body.graph;
    let was_it = b.rename(was_it, &[(values, before)]);
    let nothing = b.constant(0.0);
    let moved = b.select(was_it, transition, nothing);
    let moved = b.sum(moved, &[before]);
    let here = b.select(first, initial, moved);
    let position = chosen(b, chain, here, uniform);
    let steps = b.iota(values);
    let is_it = b.binary(Binary::Eq, steps, position);
    body.finish(g, &[is_it], &[position])[0]
}

/// The position that a uniform number chooses, by the logarithms of weights over the values.
fn chosen(b: &mut Graph, chain: &Chain, log_weights: NodeId, uniform: NodeId) -> NodeId {
    let Chain { values, before, .. } = *chain;
    let total = log_sum_exp(b, log_weights, values);
    let p = b.sub(log_weights, total);
    let p = b.exp(p);
    let p = b.expand(p, &[values]);
    // Sums of the probabilities so far.
    let (own, others) = (b.iota(values), b.iota(before));
    let upto = b.binary(Binary::Le, others, own);
    let p = b.rename(p, &[(values, before)]);
    let sums = b.contract(upto, p, &[before]);
    // All of them add up to 1 but for rounding.
    let all = b.reduce(Reduction::Max, sums, &[values]);
    let at = b.mul(uniform, all);
    let below = b.binary(Binary::Le, sums, at);
    let position = b.sum(below, &[values]);
    let n = b.size(values);
    let most = b.add_const(n, -1.0);
    b.binary(Binary::Min, position, most)
}
