//! Solves as one foreign op, whose right-hand side is a graph of its own.

use graph::ir::{NodeId, Op, Role, Size, Varies};
use graph::value::Bindings;
use ode_sens::{OdeSystem, Sensitivity, SolverOptions};

use crate::ast;
use crate::errors;
use crate::lower::Lowering;
use crate::lower::rates::Rates;
use crate::typed::SolveDef;

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
        let Some(Rates { graph, dy, params }) = self.rates(def) else {
            self.mistakes.push(errors::rate_too_large(def.origin.span));
            return None;
        };
        let system = OdeSystem { name: def.name.clone(), rhs: graph, dy, bindings: Bindings::default() };
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
            Err(e) => return self.refuse(def, &e.to_string()),
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
            Err(e) => return self.refuse(def, &e.to_string()),
        };
        for k in 0..n {
            let node = self.graph.element(solved, state, k);
            self.states.insert((i, k), node);
        }
        Some(())
    }

    /// Times must be finite and not before the start.
    fn times_are_good(&mut self, def: &SolveDef, at: NodeId) -> bool {
        let Some(times) = self.data_values(at) else { return true };
        let table = self.model.tables.iter().find(|t| t.rows == def.rows);
        let place = |r: usize| table.map_or(format!("row {}", r + 1), |t| t.data.locate(r));
        let Some(r) = times.iter().position(|t| !t.is_finite() || *t < def.start) else { return true };
        let (place, time) = (place(r), times[r]);
        self.mistakes.push(match time.is_finite() {
            true => errors::time_before_start(def.at.span, &place, time, def.start),
            false => errors::time_not_finite(def.at.span, &place, time),
        });
        false
    }

    /// What the solver says of the block.
    fn refuse(&mut self, def: &SolveDef, why: &str) -> Option<()> {
        self.mistakes.push(errors::solver(def.origin.span, why));
        None
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
