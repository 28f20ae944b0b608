//! From a [`Target`] to the narrow waist: the compiled log density and what it reports.

use std::collections::BTreeSet;

use graph::derivative::AdError;
use graph::foreign::Failure;
use graph::ir::DimId;
use graph::program::{Options, PlanError, Program, Workspace};
use graph::vjp::value_and_grad;
use model::{Named, Target};
use numerics::lanes::{LANES, Lanes, copy_finite};

use crate::log_density::{LaneFailure, LogDensity};
use crate::minibatch::Minibatches;

/// Why a model cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error(transparent)]
    Derivative(#[from] AdError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Rows of this dimension do not come in batches.
    #[error("no minibatches of these rows: {why}")]
    Batches { why: String, origin: String },
}

/// A program with its memory.
pub(crate) struct Runner {
    program: Program,
    workspace: Workspace,
    out: Lanes,
    failures: Vec<Failure>,
}

impl Runner {
    pub(crate) fn new(program: Program) -> Runner {
        let workspace = program.workspace();
        Runner { out: Lanes::zeros(program.n_out(), 1), failures: Vec::new(), program, workspace }
    }

    fn run(&mut self, z: &Lanes) {
        if self.out.lanes() != z.lanes() {
            self.out = Lanes::zeros(self.program.n_out(), z.lanes());
        }
        self.failures.clear();
        self.program.eval(&mut self.workspace, &[], z, &mut self.out, &mut self.failures);
    }
}

/// A model ready to be fitted: its unconstrained log density with gradient, and the quantities the user
/// reads.
pub struct CompiledDensity {
    names: Vec<String>,
    reported: Vec<String>,
    /// Those of them that are probabilities.
    probabilities: Vec<bool>,
    plates: Vec<Vec<Option<usize>>>,
    gradient: Runner,
    value: Runner,
    report: Runner,
    batches: Option<Minibatches>,
    guesses: Option<Lanes>,
}

/// What of a model's reported quantities goes into one row a draw: those that do not vary over a
/// table's rows.
pub fn per_draw(target: &Target) -> impl Iterator<Item = &Named> {
    target.generate.iter().filter(|n| !n.by_row)
}

/// A plate for every dimension of a site's coordinates.
fn plates(target: &Target) -> Vec<Vec<Option<usize>>> {
    let shapes: Vec<&[DimId]> =
        target.sites.iter().map(|site| target.graph.ty(site.unconstrained).dims.as_slice()).collect();
    let every: BTreeSet<DimId> = shapes.iter().copied().flatten().copied().collect();
    let levels = |plate: DimId, dims: &[DimId]| -> Vec<Option<usize>> {
        let Some(at) = dims.iter().position(|&d| d == plate) else { return vec![None; target.count(dims)] };
        let stride = target.count(&dims[at + 1..]);
        (0..target.count(dims)).map(|i| Some(i / stride % target.size(plate))).collect()
    };
    every.iter().map(|&plate| shapes.iter().flat_map(|dims| levels(plate, dims)).collect()).collect()
}

/// The graph that a fit runs: the unconstrained log density, then its gradient, site by site.
///
/// # Errors
/// An op without derivative, by name.
pub fn gradient_graph(target: &Target) -> Result<(graph::ir::Graph, Vec<graph::ir::NodeId>), AdError> {
    let mut g = target.graph.clone();
    let density = g.add(target.log_joint, target.log_det_jac);
    with_gradient(target, g, density)
}

/// `density`, a node of `g`, then its gradient, site by site.
fn with_gradient(
    target: &Target,
    g: graph::ir::Graph,
    density: graph::ir::NodeId,
) -> Result<(graph::ir::Graph, Vec<graph::ir::NodeId>), AdError> {
    let inputs: Vec<graph::ir::NodeId> = target.sites.iter().map(|s| s.unconstrained).collect();
    let targets: Vec<graph::ir::NodeId> = [density].iter().chain(&inputs).copied().collect();
    let better = graph::passes::optimise(&g, &targets, Some(&target.bindings));
    let (g, nodes) = (better.graph, better.outputs);
    let out = value_and_grad(&g, nodes[0], &nodes[1..], &[])?;
    let outputs: Vec<graph::ir::NodeId> = [out.value].iter().chain(&out.grads).copied().collect();
    Ok((out.graph, outputs))
}

impl CompiledDensity {
    /// Differentiates and plans the density of `target` over its unconstrained vector, Jacobians of the
    /// bijectors included.
    ///
    /// # Errors
    /// An op without derivative, ill-fitting data, a node beyond the memory budget.
    pub fn new(target: &Target, options: &Options) -> Result<CompiledDensity, CompileError> {
        CompiledDensity::of(target, gradient_graph(target)?, options)
    }

    /// The same without the Jacobians: the density on the user's scale, as a function of the unconstrained
    /// vector. It is no density over that vector; its mode is that on the user's scale
    /// ([`Method::Map`](crate::Method::Map)).
    ///
    /// # Errors
    /// As [`new`](CompiledDensity::new).
    pub fn without_jacobian(target: &Target, options: &Options) -> Result<CompiledDensity, CompileError> {
        let graph = with_gradient(target, target.graph.clone(), target.log_joint)?;
        CompiledDensity::of(target, graph, options)
    }

    fn of(
        target: &Target,
        (g, outputs): (graph::ir::Graph, Vec<graph::ir::NodeId>),
        options: &Options,
    ) -> Result<CompiledDensity, CompileError> {
        let gradient = Program::compile(&g, &outputs, &target.bindings, options)?;
        let value = Program::compile(&g, &outputs[..1], &target.bindings, options)?;
        let reported: Vec<&Named> = per_draw(target).collect();
        let nodes: Vec<graph::ir::NodeId> = reported.iter().map(|n| n.node).collect();
        let report = Program::compile(&target.graph, &nodes, &target.bindings, options)?;
        Ok(CompiledDensity {
            names: target.coordinates(),
            reported: reported.iter().flat_map(|n| n.columns()).collect(),
            probabilities: reported
                .iter()
                .flat_map(|n| n.columns().into_iter().map(|_| n.outcome_of.is_some()))
                .collect(),
            plates: plates(target),
            gradient: Runner::new(gradient),
            value: Runner::new(value),
            report: Runner::new(report),
            batches: None,
            guesses: None,
        })
    }

    /// The same, of which the climb sees batches of rows.
    pub fn in_batches(self, batches: Minibatches) -> CompiledDensity {
        CompiledDensity { batches: Some(batches), ..self }
    }

    /// The same, with points from which modes are looked for, `[dim]` x lanes.
    pub fn with_guesses(self, guesses: Lanes) -> CompiledDensity {
        CompiledDensity { guesses: Some(guesses), ..self }
    }

    /// The plan of value and gradient, for people.
    pub fn explain(&self) -> &str {
        self.gradient.program.explain()
    }
}

impl LogDensity for CompiledDensity {
    fn dim(&self) -> usize {
        self.names.len()
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn plates(&self) -> Vec<Vec<Option<usize>>> {
        self.plates.clone()
    }

    fn guesses(&self) -> Option<&Lanes> {
        self.guesses.as_ref()
    }

    fn reported_names(&self) -> &[String] {
        &self.reported
    }

    fn is_probability(&self, reported: usize) -> bool {
        self.probabilities.get(reported).is_some_and(|&is| is)
    }

    fn eval(
        &mut self,
        z: &Lanes,
        value: &mut [f64],
        grad: Option<&mut Lanes>,
        failures: &mut Vec<LaneFailure>,
    ) {
        let runner = if grad.is_some() { &mut self.gradient } else { &mut self.value };
        runner.give(z, value, grad, failures);
    }

    fn batch_of(&self, step: u64) -> Option<usize> {
        self.batches.as_ref().map(|batches| batches.of_step(step))
    }

    fn eval_batch(
        &mut self,
        batch: usize,
        z: &Lanes,
        value: &mut [f64],
        grad: Option<&mut Lanes>,
        failures: &mut Vec<LaneFailure>,
    ) {
        let Some(batches) = &mut self.batches else { return self.eval(z, value, grad, failures) };
        match batches.runner(batch) {
            Ok(runner) => runner.give(z, value, grad, failures),
            Err(why) => {
                value.fill(f64::NEG_INFINITY);
                let failed = |lane| LaneFailure { lane, reason: why.to_string() };
                failures.extend((0..value.len()).map(failed));
            }
        }
    }

    fn report(&mut self, z: &Lanes, out: &mut Lanes) {
        self.report.run(z);
        for t in 0..z.tiles() {
            out.tile_mut(t).copy_from_slice(self.report.out.tile(t));
        }
    }
}

impl Runner {
    /// Value and gradient, as [`LogDensity::eval`] gives them.
    pub(crate) fn give(
        &mut self,
        z: &Lanes,
        value: &mut [f64],
        grad: Option<&mut Lanes>,
        failures: &mut Vec<LaneFailure>,
    ) {
        self.run(z);
        let runner = self;
        for (lane, v) in value.iter_mut().enumerate().take(z.lanes()) {
            *v = runner.out.get(0, lane);
        }
        if let Some(grad) = grad {
            let dim = grad.n();
            for t in 0..z.tiles() {
                let finite = copy_finite(grad.tile_mut(t), &runner.out.tile(t)[LANES..LANES * (dim + 1)]);
                let first = t * LANES;
                for (lane, v) in value.iter_mut().enumerate().take(z.lanes()).skip(first).take(LANES) {
                    if *v != f64::NEG_INFINITY && !(v.is_finite() && finite[lane - first]) {
                        *v = f64::NAN;
                    }
                    if !v.is_finite() {
                        (0..dim).for_each(|i| grad.set(i, lane, 0.0));
                    }
                }
            }
        }
        for (lane, v) in value.iter_mut().enumerate().take(z.lanes()) {
            if v.is_finite() || *v == f64::NEG_INFINITY {
                continue;
            }
            *v = f64::NEG_INFINITY;
            let why = runner.failures.iter().find(|f| f.lane == lane);
            let reason = match why {
                Some(f) => format!("{}: {}", f.op, f.why),
                None => "the log density or its gradient is not finite".into(),
            };
            failures.push(LaneFailure { lane, reason });
        }
    }
}
