//! Solves: times, initial values and rates of an `ode:` block.

use std::collections::HashMap;

use crate::check::expr::{self, Context, Running};
use crate::check::order;
use crate::check::scope::Scope;
use crate::core::Solve;
use crate::errors;
use crate::expr::constant;
use crate::typed::{DimRef, SolveDef, StateDef, Typed};

/// Checks the block `i`; what it says wrong is told.
pub fn solve(scope: &mut Scope, i: usize) {
    let block: &Solve = scope.solves[i].block;
    let Some(rows) = scope.solves[i].rows else {
        // Nothing is known of its solution, but its times may have a mistake of their own.
        expr::expr(scope, &block.at, &Context::default());
        return;
    };
    let at = times(scope, block, rows);
    let start = start(scope, block);
    let rate_lets = rate_lets(scope, i);
    let states = match &rate_lets {
        Some((context, _)) => states(scope, block, context),
        None => None,
    };
    if let (Some(at), Some(start), Some((_, rate_lets)), Some(states)) = (at, start, rate_lets, states) {
        scope.solves[i].done = Some(SolveDef {
            name: block.name.name.clone(),
            rows,
            at,
            start,
            states,
            rate_lets,
            solver: block.solver.clone(),
            origin: scope.solves[i].origin.clone(),
        });
    }
}

fn times(scope: &mut Scope, block: &Solve, rows: DimRef) -> Option<Typed> {
    let table = scope.dims[rows].rows_of.or_else(|| scope.table_of(&[rows]));
    let at = expr::expr(scope, &block.at, &Context::of_rows(table, &[rows]))?;
    if !expr::is_data(scope, &at) {
        return scope.fail(errors::times_are_data(at.span));
    }
    if !expr::needs_every_row(scope, &at, "the times") {
        return None;
    }
    if at.dims != [rows] {
        let name = scope.dims[rows].name.clone();
        return scope.fail(errors::times_dims(at.span, &name));
    }
    Some(at)
}

fn start(scope: &mut Scope, block: &Solve) -> Option<f64> {
    let Some(start) = &block.start else { return Some(0.0) };
    match constant(start) {
        Ok(x) if x.is_finite() => Some(x),
        Ok(_) => scope.fail(errors::start_is_number(start.span)),
        Err(e) => scope.fail(errors::start_is_number(e.0)),
    }
}

/// The lets that run with the rates of block `i`, and the context in which its rates stand.
fn rate_lets(scope: &mut Scope, i: usize) -> Option<(Context, Vec<Typed>)> {
    let time = order::time_name(scope.solves[i].block).map(str::to_string);
    let running = Running { solve: i, time, lets: HashMap::new() };
    let mut context = Context::of_rates(running);
    let mut out: Vec<Typed> = Vec::new();
    for l in scope.solves[i].running.clone() {
        let typed = expr::let_value(scope, scope.lets[l].target, scope.lets[l].value, &context)?;
        let dims = typed.dims.clone();
        if !known_at_every_time(scope, &typed, i) || !no_discrete(scope, &typed) {
            return None;
        }
        if let Some(running) = &mut context.running {
            running.lets.insert(l, (out.len(), dims));
        }
        out.push(typed);
    }
    Some((context, out))
}

fn states(scope: &mut Scope, block: &Solve, context: &Context) -> Option<Vec<StateDef>> {
    let mut out = Vec::new();
    for s in &block.states {
        let name = &s.target.name.name;
        if let Some(dim) = s.target.dims.first() {
            scope.tell(errors::state_is_scalar(s.target.span, "left side", name, &dim.to_string()));
        }
        let initial = initial(scope, s);
        let rate = expr::expr(scope, &s.rate, context).filter(|rate| {
            let solve = context.running.as_ref().map_or(0, |r| r.solve);
            known_at_every_time(scope, rate, solve) && is_scalar(scope, rate, "rate", name)
        });
        if let (Some(initial), Some(rate)) = (initial, rate) {
            out.push(StateDef { name: name.clone(), initial, rate });
        }
    }
    (out.len() == block.states.len()).then_some(out)
}

fn initial(scope: &mut Scope, s: &crate::ast::State) -> Option<Typed> {
    let name = &s.target.name.name;
    let initial = expr::expr(scope, &s.initial, &Context::default())?;
    if let Some(&row) = initial.dims.iter().find(|d| scope.dims[**d].rows_of.is_some()) {
        let source = initial.source_of(row);
        let culprit = expr::called(scope, source);
        return scope.fail(errors::row_in_initial(source.span, &culprit, name));
    }
    is_scalar(scope, &initial, "initial value", name).then_some(initial)
}

/// Values by row cannot stand in a rate.
pub fn known_at_every_time(scope: &mut Scope, t: &Typed, solve: usize) -> bool {
    let Some(&row) = t.dims.iter().find(|d| scope.dims[**d].rows_of.is_some()) else { return true };
    let source = t.source_of(row);
    let (culprit, at) = (expr::called(scope, source), scope.solves[solve].block.at.to_string());
    scope.tell(errors::row_in_rate(source.span, &culprit, &at));
    false
}

/// Tells where a rate depends on a discrete latent: it would be solved once for each of its values.
fn no_discrete(scope: &mut Scope, t: &Typed) -> bool {
    let Some(i) = expr::discrete(scope, t).into_keys().next() else { return true };
    let name = scope.name_of(i);
    scope.tell(errors::discrete_in_rate(t.span, &name));
    false
}

fn is_scalar(scope: &mut Scope, t: &Typed, what: &str, state: &str) -> bool {
    if !no_discrete(scope, t) {
        return false;
    }
    let Some(&dim) = t.dims.first() else { return true };
    let name = scope.dims[dim].name.clone();
    scope.tell(errors::state_is_scalar(t.source_of(dim).span, what, state, &name));
    false
}
