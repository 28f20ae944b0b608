//! Hidden Markov chains: the forward algorithm.

use graph::ir::{Binary, DimId, Graph, NodeId, Reduction};

use super::{StepBody, StepInputs};

/// A chain of hidden values along `over`. Everything may vary over the rows and over dimensions of its
/// own, such as those of other variables that are summed out later.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    pub over: DimId,
    /// The values at a row, and at the row before.
    pub values: DimId,
    pub before: DimId,
    /// 1 where a series begins.
    pub first: NodeId,
    /// ln p over `values` at a first row.
    pub initial: NodeId,
    /// ln p over `(before, values)` at other rows.
    pub transition: NodeId,
    /// ln p of what is seen at a row, over `values`; zero where nothing is.
    pub emission: NodeId,
}

/// The laws of the values that the forward algorithm finds, over the rows.
pub(super) struct Forward {
    /// ln p over the values given what is seen up to and with the row.
    pub filtered: NodeId,
    /// ln p over the values given what was seen before it.
    pub predicted: NodeId,
}

impl Chain {
    /// The dimensions of a law over the values: other variables' beside the values.
    pub(super) fn dims(&self, g: &Graph) -> Vec<DimId> {
        let mut dims = vec![self.values];
        for n in [self.initial, self.transition, self.emission] {
            dims.extend(g.ty(n).dims.iter().copied().filter(|d| ![self.over, self.before].contains(d)));
        }
        g.canonical(dims)
    }

    /// The body of a scan along the rows, whose steps hand something over the values on, `start` to the
    /// first; with what it reads of each row.
    pub(super) fn body<const N: usize>(
        &self,
        g: &mut Graph,
        mut inputs: StepInputs,
        start: NodeId,
        reads: [NodeId; N],
    ) -> (StepBody, [NodeId; N]) {
        let dims = self.dims(g);
        inputs.carry(g, start, &dims);
        reads.iter().for_each(|&n| inputs.import(g, n));
        let mut body = inputs.body(g);
        let inside = reads.map(|n| body.get(g, n));
        (body, inside)
    }
}

/// ln p(seen at t | seen before t in its series), over the rows: their sum is the log likelihood.
///
/// Probabilities of zero (`initial`, `transition` or `emission` of -inf) are allowed; where what is
/// seen is impossible under every value the result is -inf, and NaN after it in the series.
///
/// Source: L. Rabiner, A tutorial on hidden Markov models, Proc. IEEE 77 (1989), 257-286, section
/// III.A, on the log scale, each step normalised.
pub fn forward(g: &mut Graph, chain: &Chain) -> NodeId {
    run(g, chain, false)[0]
}

/// What [`forward`] finds on its way.
pub(super) fn laws(g: &mut Graph, chain: &Chain) -> Forward {
    let out = run(g, chain, true);
    Forward { filtered: out[1], predicted: out[2] }
}

fn run(g: &mut Graph, chain: &Chain, with_laws: bool) -> Vec<NodeId> {
    let Chain { over, values, before, first, .. } = *chain;
    // What is before a first row does not matter; a uniform law keeps it finite.
    let start = g.size(values);
    let start = g.ln(start);
    let start = g.neg(start);
    let reads = [chain.initial, chain.transition, chain.emission, first];
    let (mut body, [initial, transition, emission, first]) =
        chain.body(g, StepInputs::new(over), start, reads);
    let alpha = body.carried[0];
    let b = &mut body.graph;
    let alpha = b.rename(alpha, &[(values, before)]);
    let moved = b.add(alpha, transition);
    let moved = log_sum_exp(b, moved, before);
    let predicted = b.select(first, initial, moved);
    let here = b.add(predicted, emission);
    let seen = log_sum_exp(b, here, values);
    let next = b.sub(here, seen);
    let emissions = [seen, next, predicted];
    let wanted = if with_laws { 3 } else { 1 };
    body.finish(g, &[next], &emissions[..wanted])
}

/// ln sum exp(x) over `dim`, which is -inf where all are, with no derivative there.
pub(super) fn log_sum_exp(g: &mut Graph, x: NodeId, dim: DimId) -> NodeId {
    let x = g.expand(x, &[dim]);
    let most = g.reduce(Reduction::Max, x, &[dim]);
    let most = g.detach(most);
    // -inf less -inf is no number.
    let least = g.constant(-1e300);
    let shift = g.binary(Binary::Max, most, least);
    let shifted = g.sub(x, shift);
    let e = g.exp(shifted);
    let sum = g.sum(e, &[dim]);
    let zero = g.constant(0.0);
    let any = g.binary(Binary::Lt, zero, sum);
    let ln = g.ln(sum);
    let none = g.constant(f64::NEG_INFINITY);
    let ln = g.select(any, ln, none);
    g.add(shift, ln)
}
