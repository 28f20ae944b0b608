//! A right-hand side given as a graph, differentiated and compiled.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use graph::derivative::{AdError, in_steps};
use graph::ir::{DimId, Graph, Kind, NodeId, Op, Size, Varies};
use graph::jvp::jvp;
use graph::program::{Options, Program, Workspace};
use graph::value::Bindings;
use graph::vjp::vjp;
use numerics::simd::Isa;

use crate::components::Components;
use crate::error::OdeError;
use crate::rhs::{LinearRhs, Pattern, Rhs};

/// A system of ordinary differential equations, as a compiler of models gives it.
///
/// `rhs` has the lane inputs `t` (scalar), `y` (over one dimension, the states) and, unless there
/// are no parameters, `p` (over one dimension, the parameters); both dimensions are of fixed size.
/// Further inputs may only be data, bound by `bindings`. `dy` holds the rates, over y's dimension.
#[derive(Clone, Debug)]
pub struct OdeSystem {
    pub name: String,
    pub rhs: Graph,
    pub dy: NodeId,
    pub bindings: Bindings,
}

impl OdeSystem {
    /// Differentiates and compiles with respect to the `active` parameters (positions, ascending).
    ///
    /// # Errors
    /// [`OdeError::Malformed`]: inputs other than described, an op without derivative, or a graph
    /// that cannot be compiled.
    pub fn compile(&self, active: &[usize], isa: Isa) -> Result<Arc<dyn Rhs>, OdeError> {
        Ok(Arc::new(GraphRhs::new(self, active, isa)?))
    }

    /// The number of states and of parameters.
    ///
    /// # Errors
    /// [`OdeError::Malformed`].
    pub fn sizes(&self) -> Result<(usize, usize), OdeError> {
        let inputs = Inputs::of(self)?;
        Ok((inputs.n, inputs.m))
    }

    fn malformed(&self, what: impl Into<String>) -> OdeError {
        OdeError::Malformed { ode: self.name.clone(), what: what.into() }
    }
}

/// Where a system's inputs are.
struct Inputs {
    state: DimId,
    param: Option<DimId>,
    n: usize,
    m: usize,
}

impl Inputs {
    fn of(system: &OdeSystem) -> Result<Inputs, OdeError> {
        let g = &system.rhs;
        let (mut has_t, mut state, mut param) = (false, None, None);
        for input in g.inputs() {
            let dims = &input.ty.dims;
            match (input.name.as_str(), input.varies) {
                (_, Varies::Data) => {}
                ("t", Varies::Lane) if dims.is_empty() => has_t = true,
                ("y", Varies::Lane) if dims.len() == 1 => state = Some(dims[0]),
                ("p", Varies::Lane) if dims.len() == 1 => param = Some(dims[0]),
                (name, _) => return Err(system.malformed(format!("unexpected input {name}"))),
            }
        }
        let size = |d: DimId| match g.dim(d).size {
            Size::Fixed(n) if n > 0 => Ok(n),
            _ => Err(system.malformed(format!("{} needs a fixed size", g.dim(d).name))),
        };
        let (true, Some(state)) = (has_t, state) else {
            return Err(system.malformed("inputs t and y are needed"));
        };
        if g.ty(system.dy).dims.iter().any(|&d| d != state) {
            return Err(system.malformed(format!("the rates must vary over {} only", g.dim(state).name)));
        }
        let m = param.map_or(Ok(0), size)?;
        Ok(Inputs { state, param, n: size(state)?, m })
    }
}

/// The system's inputs declared again, as tiles have them, and its rates.
struct Copy {
    g: Graph,
    t: NodeId,
    y: NodeId,
    p: Option<NodeId>,
    dy: NodeId,
}

impl Copy {
    fn of(system: &OdeSystem, inputs: &Inputs) -> Result<Copy, OdeError> {
        let mut g = Graph::with_dims_of(&system.rhs);
        let p = inputs.param.map(|d| g.input("p", Varies::Lane, Kind::Real, &[d]));
        let t = g.input("t", Varies::Lane, Kind::Real, &[]);
        let y = g.input("y", Varies::Lane, Kind::Real, &[inputs.state]);
        let nodes: Vec<NodeId> = system
            .rhs
            .inputs()
            .iter()
            .map(|i| match i.name.as_str() {
                "t" => t,
                "y" => y,
                "p" => p.unwrap_or(t),
                name => g.input(name, Varies::Data, i.ty.kind, &i.ty.dims),
            })
            .collect();
        let map = g.inline(&system.rhs, &nodes).map_err(|e| refused(system, &e))?;
        Ok(Copy { dy: map[system.dy.index()], g, t, y, p })
    }
}

fn refused(system: &OdeSystem, e: &AdError) -> OdeError {
    system.malformed(e.to_string())
}

/// The compiled right-hand side.
struct GraphRhs {
    name: String,
    n: usize,
    m: usize,
    active: Vec<usize>,
    pattern: Pattern,
    rhs: Program,
    jacobian: Program,
    vjp: Program,
    linear: Option<Linear>,
}

struct Linear {
    pattern: Vec<(usize, usize, usize)>,
    /// `None` where no coefficient depends on an active parameter.
    derivatives: Option<Program>,
}

/// One workspace a program.
struct Memory {
    rhs: Workspace,
    jacobian: Workspace,
    vjp: Workspace,
    linear: Option<Workspace>,
}

impl fmt::Debug for GraphRhs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GraphRhs({}, {} states, {} parameters)", self.name, self.n, self.m)
    }
}

impl GraphRhs {
    fn new(system: &OdeSystem, active: &[usize], isa: Isa) -> Result<GraphRhs, OdeError> {
        let inputs = Inputs::of(system)?;
        let Inputs { state, n, m, .. } = inputs;
        let options = Options { isa, ..Options::default() };
        let compile = |g: &Graph, outputs: &[NodeId]| {
            Program::compile(g, outputs, &system.bindings, &options)
                .map_err(|e| system.malformed(e.to_string()))
        };

        let mut c = Copy::of(system, &inputs)?;
        let f = c.g.expand(c.dy, &[state]);
        let rhs = compile(&c.g, &[f])?;
        let reverse = compile_vjp(system, &inputs, active, &compile)?;

        // The Jacobian, entry by entry; entries that are zero by structure are left out.
        let (mut pattern, mut values) = (Pattern::default(), Vec::new());
        let mut components = Components::default();
        let mut columns = |c: &mut Copy, wrt: NodeId, dim: DimId, at: &[usize]| {
            let mut found: Vec<(usize, usize, NodeId)> = Vec::new();
            for (k, &at) in at.iter().enumerate() {
                let one = c.g.constant(1.0);
                let seed = c.g.place(one, dim, at);
                let tangent = jvp(&mut c.g, &[(wrt, seed)], &[c.dy]).map_err(|e| refused(system, &e))?[0];
                let Some(tangent) = tangent else { continue };
                for r in 0..n {
                    let entry = components.at(&mut c.g, tangent, state, r);
                    if c.g.as_const(entry) != Some(0.0) {
                        found.push((r, k, entry));
                    }
                }
            }
            found.sort_by_key(|&(r, k, _)| (r, k));
            Ok::<_, OdeError>(found)
        };
        let all: Vec<usize> = (0..n).collect();
        let y = c.y;
        let entries = columns(&mut c, y, state, &all)?;
        pattern.states = entries.iter().map(|&(r, k, _)| (r, k)).collect();
        values.extend(entries.iter().map(|e| e.2));
        if let (Some(p), Some(param)) = (c.p, inputs.param) {
            let params = columns(&mut c, p, param, active)?;
            pattern.params = params.iter().map(|&(r, k, _)| (r, k)).collect();
            values.extend(params.iter().map(|e| e.2));
        }
        let mut outputs = vec![f];
        outputs.extend(&values);
        let jacobian = compile(&c.g, &outputs)?;

        let coefficients = &values[..pattern.states.len()];
        // A rate that changes in steps has constant derivatives too, but is no matrix times the state.
        let is_linear = !depends(&c.g, coefficients, &[c.t, c.y])
            && !depends(&c.g, &[c.dy], &[c.t])
            && !depends(&c.g, &arguments_in_steps(&c.g, c.dy), &[c.y]);
        let linear = match is_linear {
            false => None,
            true => {
                Some(compile_linear(system, &inputs, &mut c, active, (&pattern, coefficients), &compile)?)
            }
        };
        let name = system.name.clone();
        Ok(GraphRhs { name, n, m, active: active.to_vec(), pattern, rhs, jacobian, vjp: reverse, linear })
    }
}

/// Plans outputs of a graph.
type Compile<'a> = dyn Fn(&Graph, &[NodeId]) -> Result<Program, OdeError> + 'a;

/// `p, t, y, ct` to the cotangents of y and of the active parameters.
fn compile_vjp(
    system: &OdeSystem,
    inputs: &Inputs,
    active: &[usize],
    compile: &Compile<'_>,
) -> Result<Program, OdeError> {
    let mut c = Copy::of(system, inputs)?;
    let ct = c.g.input("ct", Varies::Lane, Kind::Real, &[inputs.state]);
    let wrt: Vec<NodeId> = [c.y].into_iter().chain(c.p).collect();
    let cts = vjp(&mut c.g, &[(c.dy, ct)], &wrt).map_err(|e| refused(system, &e))?;
    let zero = c.g.zero();
    let for_y = c.g.expand(cts[0].unwrap_or(zero), &[inputs.state]);
    let mut outputs = vec![for_y];
    if matches!(c.g.node(c.dy).op, Op::Concat { .. }) {
        // Written state by state: then so is the cotangent, and nothing is put together to be added.
        let mut components = Components::default();
        outputs = (0..inputs.n).map(|i| components.at(&mut c.g, for_y, inputs.state, i)).collect();
    }
    if let (Some(param), Some(ct)) = (inputs.param, cts.get(1)) {
        let mut components = Components::default();
        outputs.extend(active.iter().map(|&k| components.at(&mut c.g, ct.unwrap_or(zero), param, k)));
    }
    compile(&c.g, &outputs)
}

/// The derivatives of a linear system's coefficients.
fn compile_linear(
    system: &OdeSystem,
    inputs: &Inputs,
    c: &mut Copy,
    active: &[usize],
    (pattern, coefficients): (&Pattern, &[NodeId]),
    compile: &Compile<'_>,
) -> Result<Linear, OdeError> {
    let (mut found, mut values) = (Vec::new(), Vec::new());
    if let (Some(p), Some(param)) = (c.p, inputs.param) {
        for (k, &at) in active.iter().enumerate() {
            let one = c.g.constant(1.0);
            let seed = c.g.place(one, param, at);
            let tangents = jvp(&mut c.g, &[(p, seed)], coefficients).map_err(|e| refused(system, &e))?;
            for (&(i, j), d) in pattern.states.iter().zip(tangents) {
                if let Some(d) = d.filter(|&d| c.g.as_const(d) != Some(0.0)) {
                    found.push((i, j, k));
                    values.push(d);
                }
            }
        }
    }
    let derivatives = if values.is_empty() { None } else { Some(compile(&c.g, &values)?) };
    Ok(Linear { pattern: found, derivatives })
}

/// Does any of `nodes` depend on any of `inputs`?
fn depends(g: &Graph, nodes: &[NodeId], inputs: &[NodeId]) -> bool {
    let needed = ancestors(g, nodes);
    inputs.iter().any(|n| needed.contains(n))
}

/// What the nodes on the way to `dy` depend on without a derivative that tells of it.
fn arguments_in_steps(g: &Graph, dy: NodeId) -> Vec<NodeId> {
    ancestors(g, &[dy]).into_iter().flat_map(|n| in_steps(g, n)).copied().collect()
}

/// `nodes` and whatever they depend on.
fn ancestors(g: &Graph, nodes: &[NodeId]) -> HashSet<NodeId> {
    let mut seen: HashSet<NodeId> = HashSet::new();
    let mut open: Vec<NodeId> = nodes.to_vec();
    while let Some(n) = open.pop() {
        if seen.insert(n) {
            open.extend(&g.node(n).args);
        }
    }
    seen
}

fn memory(ws: &mut dyn Any) -> &mut Memory {
    ws.downcast_mut().expect("the workspace this right-hand side made")
}

impl Rhs for GraphRhs {
    fn name(&self) -> &str {
        &self.name
    }
    fn n_states(&self) -> usize {
        self.n
    }
    fn n_params(&self) -> usize {
        self.m
    }
    fn active(&self) -> &[usize] {
        &self.active
    }
    fn pattern(&self) -> &Pattern {
        &self.pattern
    }
    fn workspace(&self) -> Box<dyn Any + Send> {
        Box::new(Memory {
            rhs: self.rhs.workspace(),
            jacobian: self.jacobian.workspace(),
            vjp: self.vjp.workspace(),
            linear: self.linear.as_ref().and_then(|l| Some(l.derivatives.as_ref()?.workspace())),
        })
    }
    fn rhs(&self, ws: &mut dyn Any, x: &[f64], out: &mut [f64]) {
        self.rhs.eval_tile(&mut memory(ws).rhs, &[], x, out);
    }
    fn jacobian(&self, ws: &mut dyn Any, x: &[f64], out: &mut [f64]) {
        self.jacobian.eval_tile(&mut memory(ws).jacobian, &[], x, out);
    }
    fn vjp(&self, ws: &mut dyn Any, x: &[f64], out: &mut [f64]) {
        self.vjp.eval_tile(&mut memory(ws).vjp, &[], x, out);
    }
    fn explain(&self) -> String {
        let part = |what: &str, p: &Program| format!("{what}:\n{}", p.explain());
        [part("rates", &self.rhs), part("jacobian", &self.jacobian), part("vjp", &self.vjp)].join("\n")
    }
    fn linear(&self) -> Option<&dyn LinearRhs> {
        self.linear.as_ref().map(|_| self as &dyn LinearRhs)
    }
}

impl LinearRhs for GraphRhs {
    fn coefficient_pattern(&self) -> &[(usize, usize, usize)] {
        self.linear.as_ref().map_or(&[], |l| &l.pattern)
    }
    fn coefficient_derivatives(&self, ws: &mut dyn Any, x: &[f64], out: &mut [f64]) {
        if let (Some(program), Some(ws)) =
            (self.linear.as_ref().and_then(|l| l.derivatives.as_ref()), memory(ws).linear.as_mut())
        {
            program.eval_tile(ws, &[], x, out);
        }
    }
}
