//! The solve as an operation of a graph, with its derivatives.
//!
//! `solve(y0, p, times)` gives the states at the rows. Differentiated, it takes one of two forms.
//! *Forward*: the op also gives the derivative of the states with respect to each tangent, and a
//! cotangent is contracted with them. *Adjoint*: the op keeps its steps in memory shared with a
//! second op, which takes a cotangent back through them. Which one is the options' choice, by the
//! number of tangents. Both differentiate the same steps.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use graph::foreign::{ArgForm, Call, Foreign};
use graph::ir::{DimId, ForeignRef, Graph, Kind, NodeId, Op, Size, Ty};
use graph::types::TypeError;
use numerics::simd::Isa;

use crate::error::{OdeError, numbers};
use crate::lane::LANES;
use crate::options::SolverOptions;
use crate::solver::{Derivatives, Problem, Solver, Workspace};
use crate::system::OdeSystem;

/// The op that solves a system.
///
/// Arguments: the initial state, over a plain dimension with as many elements as the system has
/// states; the parameters likewise (absent where the system has none); the times, data over a row
/// dimension, in any order, repeated or not. Result: the states, over rows and states. A lane whose
/// solve fails is NaN and says why, and so is every lane if a time lies before the start: check
/// with [`TimeGrid::new`](crate::TimeGrid::new) first.
///
/// Derivatives are taken with respect to the active parameters and initial states of the options;
/// others must not depend on what is differentiated.
///
/// # Errors
/// [`OdeError`]: a malformed system, an option outside its domain, `matrix_exponential` for a
/// system that is not linear.
pub fn solve_op(system: OdeSystem, options: SolverOptions) -> Result<Arc<dyn Foreign>, OdeError> {
    let (n, m) = system.sizes()?;
    let (active_p, _) = options.check(&system.name, n, m)?;
    let rhs = system.compile(&active_p, options.isa.unwrap_or_else(Isa::detect))?;
    Ok(solver_op(Solver::new(rhs, options)?))
}

/// [`solve_op`] for a solver that is there already.
pub fn solver_op(solver: Solver) -> Arc<dyn Foreign> {
    let name = format!("ode {}", solver.rhs().name());
    Arc::new(SolveOp { core: Arc::new(Core { name, solver }), form: Form::Values })
}

#[derive(Debug)]
struct Core {
    name: String,
    solver: Solver,
}

impl Core {
    fn n(&self) -> usize {
        self.solver.rhs().n_states()
    }
    fn m(&self) -> usize {
        self.solver.rhs().n_params()
    }

    /// Arguments of the solve: two or three.
    fn n_args(&self) -> usize {
        if self.m() == 0 { 2 } else { 3 }
    }

    fn arg_forms(&self) -> Vec<ArgForm> {
        let mut forms = vec![ArgForm::Lanes; self.n_args() - 1];
        forms.push(ArgForm::Data);
        forms
    }

    fn other(&self, what: impl Into<String>) -> TypeError {
        TypeError::Other { op: self.name.clone(), what: what.into() }
    }

    /// The dimensions of states, parameters and rows, checked.
    fn dims(&self, g: &Graph, args: &[Ty]) -> Result<(DimId, Option<DimId>, DimId), TypeError> {
        if args.len() != self.n_args() {
            return Err(TypeError::Arity {
                op: self.name.clone(),
                expected: self.n_args(),
                found: args.len(),
            });
        }
        let vector = |k: usize, what: &str, size: Option<usize>| match (args[k].kind, args[k].dims.as_slice())
        {
            (Kind::Real, &[d]) if size.is_none_or(|n| g.dim(d).size == Size::Fixed(n)) => Ok(d),
            _ => Err(TypeError::Argument {
                op: self.name.clone(),
                arg: k + 1,
                expected: match size {
                    Some(n) => format!("{what} over a dimension of {n}"),
                    None => format!("{what} over one dimension"),
                },
                found: g.show_ty(&args[k]),
            }),
        };
        let state = vector(0, "initial states", Some(self.n()))?;
        let param = match self.m() {
            0 => None,
            m => Some(vector(1, "parameters", Some(m))?),
        };
        let row = vector(self.n_args() - 1, "times", None)?;
        if g.canonical(vec![state, row]) != [row, state] {
            return Err(self.other(format!(
                "{} must be a row dimension, or declared before {}",
                g.dim(row).name,
                g.dim(state).name
            )));
        }
        Ok((state, param, row))
    }

    fn problem<'a>(&self, args: &[&'a [f64]], failed: &'a [bool; LANES]) -> Problem<'a> {
        let p: &[f64] = if self.m() == 0 { &[] } else { args[1] };
        Problem { y0: args[0], p, times: args[self.n_args() - 1], n_systems: LANES, skip: failed }
    }
}

/// What the op gives besides the states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Values,
    /// The tangents, one result each.
    Forward,
    /// A token, for the op that shares its memory.
    Adjoint {
        id: u64,
    },
}

#[derive(Debug)]
struct SolveOp {
    core: Arc<Core>,
    form: Form,
}

fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Apart from other crates' ids, which count from anywhere: this one is "ode" in its high bytes.
    0x6f64_6500_0000_0000 + NEXT.fetch_add(1, Ordering::Relaxed)
}

impl SolveOp {
    fn with_form(&self, form: Form) -> SolveOp {
        SolveOp { core: self.core.clone(), form }
    }

    /// The derivative results of the forward form applied to these arguments.
    fn tangents(&self, g: &mut Graph, args: &[NodeId], results: &[NodeId]) -> Result<Vec<NodeId>, TypeError> {
        if self.form == Form::Forward {
            return Ok(results[1..].to_vec());
        }
        let op: Arc<dyn Foreign> = Arc::new(self.with_form(Form::Forward));
        let tuple = g.push(Op::Foreign(ForeignRef(op)), &args[..self.core.n_args()])?;
        Ok((0..self.core.solver.n_tangents()).map(|c| g.output(tuple, 1 + c)).collect())
    }

    /// Cotangents of `size` elements from those of the ones that have a tangent.
    fn scatter(
        &self,
        g: &mut Graph,
        dim: DimId,
        size: usize,
        active: &[usize],
        cts: &[NodeId],
    ) -> Option<NodeId> {
        if active.is_empty() {
            return None;
        }
        let zero = g.zero();
        let at = |i: usize| active.iter().position(|&a| a == i).map_or(zero, |k| cts[k]);
        let elements: Vec<NodeId> = (0..size).map(at).collect();
        Some(g.stack(&elements, dim))
    }
}

impl Foreign for SolveOp {
    fn name(&self) -> &str {
        &self.core.name
    }

    fn infer(&self, g: &Graph, args: &[Ty]) -> Result<Vec<Ty>, TypeError> {
        let (state, _, row) = self.core.dims(g, args)?;
        let states = Ty { kind: Kind::Real, dims: vec![row, state] };
        Ok(match self.form {
            Form::Values => vec![states],
            Form::Forward => vec![states; 1 + self.core.solver.n_tangents()],
            Form::Adjoint { .. } => vec![states, Ty::scalar()],
        })
    }

    fn arg_forms(&self) -> Vec<ArgForm> {
        self.core.arg_forms()
    }

    fn new_state(&self) -> Box<dyn Any + Send> {
        Box::new(self.core.solver.workspace())
    }

    fn state_id(&self) -> Option<u64> {
        match self.form {
            Form::Adjoint { id } => Some(id),
            _ => None,
        }
    }

    fn call(&self, call: Call<'_>) {
        let (derivatives, n_outs) = match self.form {
            Form::Values => (Derivatives::None, 1),
            Form::Forward => (Derivatives::Forward, call.outs.len()),
            Form::Adjoint { .. } => (Derivatives::Adjoint, 1),
        };
        let skip = *call.failed;
        let problem = self.core.problem(call.args, &skip);
        let mut failures = Vec::new();
        let (outs, rest) = call.outs.split_at_mut(n_outs);
        let solved = match call.state.downcast_mut::<Workspace>() {
            Some(w) => self.core.solver.solve_into(w, &problem, outs, derivatives, &mut failures),
            None => unreachable!("the state is this op's own"),
        };
        for f in failures {
            call.failed[f.lane] = true;
            call.failures.push((f.lane, f.to_string()));
        }
        if let Err(e) = solved {
            for l in (0..LANES).filter(|&l| !skip[l]) {
                call.failed[l] = true;
                call.failures.push((l, e.to_string()));
            }
            outs.iter_mut().for_each(|o| o.fill(f64::NAN));
        }
        for token in rest {
            for l in 0..LANES {
                token[l] = if call.failed[l] { f64::NAN } else { 0.0 };
            }
        }
    }

    fn with_residuals(&self) -> Option<Arc<dyn Foreign>> {
        if self.form != Form::Values {
            // A derivative of the derivative is not known.
            return None;
        }
        let solver = &self.core.solver;
        let adjoint = solver.options().prefers_adjoint(solver.n_tangents());
        Some(Arc::new(self.with_form(if adjoint { Form::Adjoint { id: fresh_id() } } else { Form::Forward })))
    }

    fn vjp(
        &self,
        g: &mut Graph,
        args: &[NodeId],
        results: &[NodeId],
        cotangents: &[Option<NodeId>],
    ) -> Result<Vec<Option<NodeId>>, TypeError> {
        let core = &self.core;
        let mut found = vec![None; core.n_args()];
        if cotangents.iter().skip(1).any(Option::is_some) {
            return Err(core.other("its sensitivities cannot be differentiated again"));
        }
        let Some(Some(ct)) = cotangents.first().copied() else { return Ok(found) };
        if core.solver.n_tangents() == 0 {
            return Ok(found);
        }
        let tys: Vec<Ty> = args.iter().map(|&a| g.ty(a).clone()).collect();
        let (state, param, row) = core.dims(g, &tys)?;
        let (active_p, active_y0) = (core.solver.rhs().active().to_vec(), core.solver.active_y0().to_vec());
        match self.form {
            Form::Adjoint { id } => {
                let ct = g.expand(ct, &[row, state]);
                let op: Arc<dyn Foreign> = Arc::new(AdjointOp { core: core.clone(), id });
                let mut all = args.to_vec();
                all.extend([results[1], ct]);
                let tuple = g.push(Op::Foreign(ForeignRef(op)), &all)?;
                if !active_y0.is_empty() {
                    found[0] = Some(g.output(tuple, 0));
                }
                if !active_p.is_empty() {
                    found[1] = Some(g.output(tuple, 1));
                }
            }
            Form::Values | Form::Forward => {
                let mut cts = Vec::new();
                for s in self.tangents(g, args, results)? {
                    let product = g.mul(ct, s);
                    cts.push(g.sum(product, &[row, state]));
                }
                let (for_p, for_y0) = cts.split_at(active_p.len());
                found[0] = self.scatter(g, state, core.n(), &active_y0, for_y0);
                if let Some(param) = param {
                    found[1] = self.scatter(g, param, core.m(), &active_p, for_p);
                }
            }
        }
        Ok(found)
    }

    fn jvp(
        &self,
        g: &mut Graph,
        args: &[NodeId],
        results: &[NodeId],
        tangents: &[Option<NodeId>],
    ) -> Result<Vec<Option<NodeId>>, TypeError> {
        let core = &self.core;
        let tys: Vec<Ty> = args.iter().map(|&a| g.ty(a).clone()).collect();
        let (state, param, _) = core.dims(g, &tys)?;
        let (active_p, active_y0) = (core.solver.rhs().active().to_vec(), core.solver.active_y0().to_vec());
        let for_p = param.and_then(|d| Some((d, tangents[1]?)));
        let for_y0 = tangents[0].map(|t| (state, t));
        let mut total: Option<NodeId> = None;
        let derivatives = self.tangents(g, args, results)?;
        let with = |list: &[usize], given: Option<(DimId, NodeId)>| {
            list.iter().map(|&at| given.map(|(d, t)| (d, t, at))).collect::<Vec<_>>()
        };
        let directions = [with(&active_p, for_p), with(&active_y0, for_y0)].concat();
        for (s, direction) in derivatives.into_iter().zip(directions) {
            let Some((dim, t, at)) = direction else { continue };
            let t = g.element(t, dim, at);
            let term = g.mul(t, s);
            total = Some(match total {
                Some(sum) => g.add(sum, term),
                None => term,
            });
        }
        Ok(vec![total])
    }
}

/// The reverse sweep. Arguments: those of the solve, its token, the cotangents of the states.
/// Results: the cotangents of the initial state and, where there are any, of the parameters.
#[derive(Debug)]
struct AdjointOp {
    core: Arc<Core>,
    id: u64,
}

impl Foreign for AdjointOp {
    fn name(&self) -> &str {
        &self.core.name
    }

    fn infer(&self, g: &Graph, args: &[Ty]) -> Result<Vec<Ty>, TypeError> {
        let expected = self.core.n_args() + 2;
        if args.len() != expected {
            return Err(TypeError::Arity { op: self.core.name.clone(), expected, found: args.len() });
        }
        let (state, param, row) = self.core.dims(g, &args[..self.core.n_args()])?;
        if args[expected - 1].dims != [row, state] {
            return Err(self.core.other("the cotangent does not fit the states"));
        }
        Ok([state].into_iter().chain(param).map(|d| Ty { kind: Kind::Real, dims: vec![d] }).collect())
    }

    fn arg_forms(&self) -> Vec<ArgForm> {
        let mut forms = self.core.arg_forms();
        forms.extend([ArgForm::Lanes, ArgForm::Lanes]);
        forms
    }

    fn new_state(&self) -> Box<dyn Any + Send> {
        Box::new(self.core.solver.workspace())
    }

    fn state_id(&self) -> Option<u64> {
        Some(self.id)
    }

    fn call(&self, call: Call<'_>) {
        let (core, skip) = (&self.core, *call.failed);
        let problem = core.problem(call.args, &skip);
        let cotangent = call.args[core.n_args() + 1];
        let Some(w) = call.state.downcast_mut::<Workspace>() else {
            unreachable!("the state is the solve's own");
        };
        let mut p = std::mem::take(&mut w.p_ct);
        let swept = core.solver.gradient_into(w, &problem, cotangent, call.outs[0], &mut p);
        if core.m() > 0 {
            call.outs[1].fill(0.0);
            for (k, &i) in core.solver.rhs().active().iter().enumerate() {
                call.outs[1][i * LANES..(i + 1) * LANES].copy_from_slice(&p[k * LANES..(k + 1) * LANES]);
            }
        }
        w.p_ct = p;
        for l in 0..LANES {
            let finite = |x: &[f64]| x.iter().skip(l).step_by(LANES).all(|x| x.is_finite());
            let lost = skip[l] || swept.is_err() || !call.outs.iter().all(|o| finite(o));
            if lost {
                let rows = call.outs.iter_mut().flat_map(|o| o.chunks_exact_mut(LANES));
                rows.for_each(|row| row[l] = f64::NAN);
            }
            // A cotangent that came in NaN is somebody else's failure.
            if lost && !skip[l] && finite(cotangent) {
                call.failed[l] = true;
                let p: Vec<f64> = problem.p.iter().skip(l).step_by(LANES).copied().collect();
                let why = format!("the gradient of the solution is not finite with p = {}", numbers(&p));
                call.failures.push((l, why));
            }
        }
    }

    fn with_residuals(&self) -> Option<Arc<dyn Foreign>> {
        None
    }

    fn vjp(
        &self,
        _: &mut Graph,
        _: &[NodeId],
        _: &[NodeId],
        _: &[Option<NodeId>],
    ) -> Result<Vec<Option<NodeId>>, TypeError> {
        Err(self.core.other("its reverse sweep cannot be differentiated again"))
    }

    fn jvp(
        &self,
        _: &mut Graph,
        _: &[NodeId],
        _: &[NodeId],
        _: &[Option<NodeId>],
    ) -> Result<Vec<Option<NodeId>>, TypeError> {
        Err(self.core.other("its reverse sweep cannot be differentiated again"))
    }
}
