//! What is timed: value and gradient of a workload's log density, for many draws at a time.

use graph::foreign::Failure;
use graph::passes::optimise_with;
use graph::program::{Options, Program, Workspace};
use graph::vjp::value_and_grad;
use model::Target;
use numerics::lanes::Lanes;
use vi_engine::{CompiledDensity, LaneFailure, LogDensity};

use crate::points;

/// The density that a fit runs: `target` differentiated and planned.
///
/// # Errors
/// An op without derivative, ill-fitting data; in words.
pub fn compile(target: &Target) -> Result<CompiledDensity, String> {
    CompiledDensity::new(target, &Options::default()).map_err(|e| e.to_string())
}

/// Value and gradient of the same density, its graph rewritten by the named passes only.
///
/// # Errors
/// As [`compile`].
pub fn with_passes(target: &Target, passes: &[&str]) -> Result<Program, String> {
    let mut g = target.graph.clone();
    let density = g.add(target.log_joint, target.log_det_jac);
    let wanted: Vec<_> = [density].into_iter().chain(target.sites.iter().map(|s| s.unconstrained)).collect();
    let better = optimise_with(&g, &wanted, Some(&target.bindings), passes);
    let d = value_and_grad(&better.graph, better.outputs[0], &better.outputs[1..], &[])
        .map_err(|e| e.to_string())?;
    let outputs: Vec<_> = [d.value].into_iter().chain(d.grads).collect();
    Program::compile(&d.graph, &outputs, &target.bindings, &Options::default()).map_err(|e| e.to_string())
}

/// The density with its outputs, or the program of [`with_passes`] with its own.
enum Runner {
    Density { density: Box<CompiledDensity>, value: Vec<f64>, grad: Lanes, failures: Vec<LaneFailure> },
    Program { program: Box<Program>, workspace: Workspace, out: Lanes, failures: Vec<Failure> },
}

/// Evaluates at points of the posterior.
pub struct Gradient {
    points: Lanes,
    z: Lanes,
    runner: Runner,
}

impl Gradient {
    /// Compiles `target` with all passes, or with those given, and draws `most` points from the
    /// normal at its mode.
    ///
    /// # Errors
    /// As [`compile`] and [`points::near_the_mode`].
    pub fn new(target: &Target, passes: Option<&[&str]>, most: usize) -> Result<Gradient, String> {
        let mut density = compile(target)?;
        let points = points::near_the_mode(&mut density, most)?;
        let runner = match passes {
            None => Runner::Density {
                grad: Lanes::zeros(density.dim(), most),
                density: Box::new(density),
                value: vec![0.0; most],
                failures: Vec::new(),
            },
            Some(passes) => {
                let program = with_passes(target, passes)?;
                Runner::Program {
                    workspace: program.workspace(),
                    out: Lanes::zeros(program.n_out(), most),
                    program: Box::new(program),
                    failures: Vec::new(),
                }
            }
        };
        Ok(Gradient { z: points.clone(), points, runner })
    }

    /// Takes the first `draws` points from now on. Does nothing where it does so already.
    pub fn set_draws(&mut self, draws: usize) {
        if self.z.lanes() == draws {
            return;
        }
        self.z = points::first(&self.points, draws);
        match &mut self.runner {
            Runner::Density { value, grad, .. } => {
                value.resize(draws, 0.0);
                *grad = Lanes::zeros(grad.n(), draws);
            }
            Runner::Program { out, .. } => *out = Lanes::zeros(out.n(), draws),
        }
    }

    /// One value and gradient of each draw.
    pub fn eval(&mut self) {
        match &mut self.runner {
            Runner::Density { density, value, grad, failures } => {
                failures.clear();
                density.eval(&self.z, value, Some(grad), failures);
            }
            Runner::Program { program, workspace, out, failures } => {
                failures.clear();
                program.eval(workspace, &[], &self.z, out, failures);
            }
        }
    }

    /// Why the last evaluation failed for a draw, if it did.
    pub fn failure(&self) -> Option<String> {
        let told = |lane: usize, reason: &dyn std::fmt::Display| format!("draw {lane} failed: {reason}");
        match &self.runner {
            Runner::Density { failures, .. } => failures.first().map(|f| told(f.lane, &f.reason)),
            Runner::Program { failures, .. } => failures.first().map(|f| told(f.lane, &f.why)),
        }
    }
}
