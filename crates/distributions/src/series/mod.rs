//! Laws over a series: densities that a recursion along the rows computes, emitted as one scan.
//!
//! Rows stand in the order of the series; several series may follow each other, and `first` is 1 at
//! the row that each begins with. A value may vary over the rows or be the same for all.

mod forward;
mod hidden;
mod kalman;
mod small;
mod smoother;

use std::sync::Arc;

use graph::ir::{DimId, Graph, Kind, NodeId, Op, Scan, Varies};

pub use forward::{Chain, forward};
pub use hidden::{chain_given_data, chain_unconditional, smoothed};
pub use kalman::{LinearGaussian, Marginal, Measurement, Start, log_marginal};
pub use smoother::{Smoothing, given_data, unconditional};

/// The step of a scan along `over`, while its inputs are gathered: nodes of the outer graph that vary
/// over `over` are handed to it row by row, others as they are.
#[derive(Debug)]
pub struct StepInputs {
    over: DimId,
    reverse: bool,
    carries: Vec<(NodeId, Vec<DimId>)>,
    steps: Vec<NodeId>,
    captured: Vec<NodeId>,
}

impl StepInputs {
    pub fn new(over: DimId) -> StepInputs {
        StepInputs { over, reverse: false, carries: Vec::new(), steps: Vec::new(), captured: Vec::new() }
    }

    /// From the last row to the first.
    pub fn reversed(over: DimId) -> StepInputs {
        StepInputs { reverse: true, ..StepInputs::new(over) }
    }

    /// A value over `dims` that a step hands to the next, from `start`.
    pub fn carry(&mut self, g: &mut Graph, start: NodeId, dims: &[DimId]) {
        let dims = g.canonical(dims.to_vec());
        let start = g.expand(start, &dims);
        self.carries.push((start, dims));
    }

    /// A node of the outer graph that the step needs.
    pub fn import(&mut self, g: &Graph, n: NodeId) {
        if g.as_const(n).is_some() {
            return;
        }
        let list = if g.ty(n).has(self.over) { &mut self.steps } else { &mut self.captured };
        if !list.contains(&n) {
            list.push(n);
        }
    }

    /// All inputs are known: the body they make. From now until [`finish`](StepBody::finish) the outer
    /// graph must not grow dimensions.
    pub fn body(self, g: &Graph) -> StepBody {
        let mut body = Graph::with_dims_of(g);
        let all = self.carries.iter().map(|c| c.0).chain(self.steps.iter().copied());
        let varies = all.chain(self.captured.iter().copied()).map(|n| g.varies(n)).max();
        let varies = varies.unwrap_or(Varies::Data);
        let mut carried = Vec::new();
        for (k, (_, dims)) in self.carries.iter().enumerate() {
            carried.push(body.input(&format!("carry{k}"), varies, Kind::Real, dims));
        }
        let mut inside = Vec::new();
        for (k, &n) in self.steps.iter().chain(&self.captured).enumerate() {
            let ty = g.ty(n);
            let dims: Vec<DimId> = ty.dims.iter().copied().filter(|d| *d != self.over).collect();
            inside.push((n, body.input(&format!("x{k}"), g.varies(n), ty.kind, &dims)));
        }
        StepBody { inputs: self, graph: body, carried, inside }
    }
}

/// The step of a scan under construction.
#[derive(Debug)]
pub struct StepBody {
    inputs: StepInputs,
    pub graph: Graph,
    /// What the step before handed on.
    pub carried: Vec<NodeId>,
    inside: Vec<(NodeId, NodeId)>,
}

impl StepBody {
    /// The node inside for one of the outer graph, which was imported or is a constant.
    pub fn get(&mut self, g: &Graph, n: NodeId) -> NodeId {
        match g.as_const(n) {
            Some(x) => self.graph.constant(x),
            None => self.inside.iter().find(|(outer, _)| *outer == n).expect("imported before").1,
        }
    }

    /// Pushes the scan; the values of `emissions` at all rows.
    ///
    /// # Panics
    /// Where there is not one of `next` for each carry, over at most its dimensions.
    pub fn finish(mut self, g: &mut Graph, next: &[NodeId], emissions: &[NodeId]) -> Vec<NodeId> {
        let n_carry = self.inputs.carries.len();
        assert_eq!(next.len(), n_carry, "a successor for each carry");
        let mut outputs: Vec<NodeId> =
            next.iter().zip(&self.inputs.carries).map(|(&n, (_, dims))| self.graph.expand(n, dims)).collect();
        outputs.extend(emissions);
        let n_step = self.inputs.steps.len();
        let mut args: Vec<NodeId> = self.inputs.carries.iter().map(|c| c.0).collect();
        args.extend(self.inputs.steps.iter().chain(&self.inputs.captured));
        let StepInputs { over, reverse, .. } = self.inputs;
        let scan = Scan { over, n_carry, n_step, reverse, body: self.graph, outputs };
        let tuple = g.push(Op::Scan(Arc::new(scan)), &args).expect("a step is well typed");
        (0..emissions.len()).map(|k| g.output(tuple, n_carry + k)).collect()
    }
}
