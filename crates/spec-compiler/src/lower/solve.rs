//! Solves as one foreign op: the right-hand side is a graph of its own.
//!
//! Whatever in a rate does not run (mentions neither a state nor the time) is computed once outside
//! and handed over as a parameter, so `theta[i=1]` or `log(k)` cost nothing per step.

use graph::ir::{Graph, Kind as NodeKind, NodeId, Op, Role, Size, Varies};
use graph::value::Bindings;
use ode_sens::{OdeSystem, Sensitivity, SolverOptions};

use crate::ast;
use crate::check::{self, mistakes};
use crate::lower::Lowering;
use crate::typed::{Kind, SolveDef, Typed};

/// Does the value change along a solution?
fn runs(t: &Typed) -> bool {
    matches!(t.kind, Kind::Running(_) | Kind::Time | Kind::RateLet(_))
        || check::parts(t).into_iter().any(runs)
}

/// The right-hand side under construction.
struct Rates {
    graph: Graph,
    /// Outer nodes that are parameters.
    params: Vec<NodeId>,
    states: Vec<NodeId>,
    time: NodeId,
    /// The parameters as nodes of `graph`.
    locals: Vec<NodeId>,
    lets: Vec<NodeId>,
}

impl Lowering<'_> {
    pub fn solve(&mut self, i: usize) {
        if self.try_solve(i).is_none() {
            // The mistake is told; what mentions the states is still lowered.
            for k in 0..self.model.solves[i].states.len() {
                let zero = self.graph.constant(0.0);
                self.states.insert((i, k), zero);
            }
        }
    }

    fn try_solve(&mut self, i: usize) -> Option<()> {
        let def = &self.model.solves[i];
        let what = format!("ode {}", def.name);
        self.origin(what.clone());
        let mut params = Vec::new();
        for t in def.rate_lets.iter().chain(def.states.iter().map(|s| &s.rate)) {
            self.params_of(t, &mut params);
        }
        let system = self.rates(def, &params);
        let initials: Vec<NodeId> = def.states.iter().map(|s| self.expr(&s.initial)).collect();
        let at = self.expr(&def.at);
        if !self.times_are_good(def, at) {
            return None;
        }
        let active = |l: &Self, nodes: &[NodeId]| {
            Some(nodes.iter().map(|&n| l.graph.varies(n) != Varies::Data).collect::<Vec<bool>>())
        };
        let defaults = SolverOptions::default();
        let solver = &def.solver;
        let options = SolverOptions {
            method: solver.method.as_ref().map_or(defaults.method, |m| method(m.value)),
            rtol: solver.rtol.as_ref().map_or(defaults.rtol, |x| x.value),
            atol: solver.atol.as_ref().map_or(defaults.atol, |x| x.value),
            sensitivity: solver.sensitivity.as_ref().map_or(defaults.sensitivity, |s| sensitivity(s.value)),
            start: def.start,
            active_y0: active(self, &initials),
            active_p: active(self, &params),
            ..defaults
        };
        let op = match ode_sens::solve_op(system, options) {
            Ok(op) => op,
            Err(e) => return self.refuse(def.span, "ode", e.to_string()),
        };
        let (n, m) = (initials.len(), params.len());
        let state = self.graph.add_dim(&format!("{}.state", def.name), Role::Plain, Size::Fixed(n));
        let mut args = vec![self.graph.stack(&initials, state)];
        if m > 0 {
            let param = self.graph.add_dim(&format!("{}.param", def.name), Role::Plain, Size::Fixed(m));
            args.push(self.graph.stack(&params, param));
        }
        args.push(at);
        let solved = match self.graph.push(Op::Foreign(graph::ir::ForeignRef(op)), &args) {
            Ok(t) => self.graph.output(t, 0),
            Err(e) => return self.refuse(def.span, "ode", e.to_string()),
        };
        for k in 0..n {
            let node = self.graph.element(solved, state, k);
            self.states.insert((i, k), node);
        }
        Some(())
    }

    /// Collects the largest parts of a rate that do not run and are no constants.
    fn params_of(&mut self, t: &Typed, out: &mut Vec<NodeId>) {
        if runs(t) {
            if !matches!(t.kind, Kind::Running(_) | Kind::Time | Kind::RateLet(_)) {
                check::parts(t).into_iter().for_each(|part| self.params_of(part, out));
            }
            return;
        }
        let n = self.expr(t);
        if self.graph.as_const(n).is_none() && !out.contains(&n) {
            out.push(n);
        }
    }

    fn rates(&mut self, def: &SolveDef, params: &[NodeId]) -> OdeSystem {
        let mut g = Graph::new();
        let state = g.add_dim("state", Role::Plain, Size::Fixed(def.states.len()));
        let time = g.input("t", Varies::Lane, NodeKind::Real, &[]);
        let y = g.input("y", Varies::Lane, NodeKind::Real, &[state]);
        let mut locals = Vec::new();
        if !params.is_empty() {
            let param = g.add_dim("param", Role::Plain, Size::Fixed(params.len()));
            let p = g.input("p", Varies::Lane, NodeKind::Real, &[param]);
            locals.extend((0..params.len()).map(|k| g.element(p, param, k)));
        }
        let states = (0..def.states.len()).map(|k| g.element(y, state, k)).collect();
        let mut r = Rates { graph: g, params: params.to_vec(), states, time, locals, lets: Vec::new() };
        for t in &def.rate_lets {
            let n = self.rate(&mut r, t);
            r.lets.push(n);
        }
        let rates: Vec<NodeId> = def.states.iter().map(|s| self.rate(&mut r, &s.rate)).collect();
        let dy = r.graph.stack(&rates, state);
        OdeSystem { name: def.name.clone(), rhs: r.graph, dy, bindings: Bindings::default() }
    }

    /// A rate as graph. Its values are single numbers, so dimensions play no part.
    fn rate(&mut self, r: &mut Rates, t: &Typed) -> NodeId {
        if !runs(t) {
            let n = self.expr(t);
            return match self.graph.as_const(n) {
                Some(x) => r.graph.constant(x),
                None => r.locals[r.params.iter().position(|&p| p == n).expect("collected before")],
            };
        }
        match &t.kind {
            Kind::Running(k) => r.states[*k],
            Kind::Time => r.time,
            Kind::RateLet(k) => r.lets[*k],
            Kind::Apply1(op, x) => {
                let x = self.rate(r, x);
                r.graph.unary(*op, x)
            }
            Kind::Apply2(op, a, b) => {
                let (a, b) = (self.rate(r, a), self.rate(r, b));
                r.graph.binary(*op, a, b)
            }
            Kind::Select(c, a, b) => {
                let (c, a, b) = (self.rate(r, c), self.rate(r, a), self.rate(r, b));
                r.graph.select(c, a, b)
            }
            // Over no dimensions, a sum, mean, maximum or logsumexp is the value itself.
            Kind::Reduce { arg, .. } => self.rate(r, arg),
            Kind::Const(_)
            | Kind::Array { .. }
            | Kind::Latent(_)
            | Kind::Let(_)
            | Kind::Column { .. }
            | Kind::Stack { .. }
            | Kind::State { .. }
            | Kind::Contract { .. }
            | Kind::Lookup { .. }
            | Kind::Element { .. }
            | Kind::Rename { .. } => unreachable!("running values are single numbers"),
        }
    }

    /// Times must be finite and not before the start.
    fn times_are_good(&mut self, def: &SolveDef, at: NodeId) -> bool {
        let Some(times) = self.data_values(at) else { return true };
        let table = self.model.tables.iter().find(|t| t.rows == def.rows);
        let place = |r: usize| table.map_or(format!("row {}", r + 1), |t| t.data.locate(r));
        match times.iter().position(|t| !t.is_finite() || *t < def.start) {
            Some(r) => {
                let d = mistakes::time_before_start(def.at.span, &place(r), times[r], def.start);
                self.mistakes.push(d);
                false
            }
            None => true,
        }
    }
}

fn method(m: ast::OdeMethod) -> ode_sens::Method {
    match m {
        ast::OdeMethod::Auto => ode_sens::Method::Auto,
        ast::OdeMethod::Tsit5 => ode_sens::Method::Tsit5,
        ast::OdeMethod::TrBdf2 => ode_sens::Method::TrBdf2,
        ast::OdeMethod::Esdirk34 => ode_sens::Method::Esdirk34,
        ast::OdeMethod::Bdf => ode_sens::Method::Bdf,
        ast::OdeMethod::MatrixExponential => ode_sens::Method::MatrixExponential,
    }
}

fn sensitivity(s: ast::Sensitivity) -> Sensitivity {
    match s {
        ast::Sensitivity::Auto => Sensitivity::Auto,
        ast::Sensitivity::Forward => Sensitivity::Forward,
        ast::Sensitivity::Adjoint => Sensitivity::Adjoint,
    }
}
