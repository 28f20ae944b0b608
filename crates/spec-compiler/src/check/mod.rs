//! From core to the typed model: every name resolved, every dimension inferred, every mistake told.

pub mod data;
mod expr;
pub(crate) use expr::parts;
pub use functions::names as function_names;
mod functions;
mod laws;
mod levels;
pub(crate) mod mistakes;
mod order;
mod scope;

use std::path::Path;

use model::DataSource;

use crate::core::{Core, ItemKind, Solve};
use crate::diagnostic::Diagnostic;
use crate::expr::constant;
use crate::typed::{Def, LetDef, Model, ObserveDef, SolveDef, StateDef};
use expr::{Context, Running};
use scope::Scope;

/// Checks `core` against its data, whose paths are relative to `base`.
///
/// # Errors
/// All mistakes that could be found.
pub fn check(core: &Core, base: &Path, source: &dyn DataSource) -> Result<Model, Vec<Diagnostic>> {
    let loaded = data::load(core, base, source);
    if !loaded.mistakes.is_empty() {
        return Err(loaded.mistakes);
    }
    let mut scope = Scope::new(core, loaded.tables, loaded.dims);
    let Some(sorted) = order::sort(&mut scope) else { return Err(scope.mistakes) };
    // In dependency order; a definition that fails is poisoned, so that it is reported once.
    for def in &sorted {
        match *def {
            Def::Latent(i) => latent(&mut scope, i),
            Def::Let(i) => let_(&mut scope, i),
            Def::Solve(i) => solve(&mut scope, i),
        }
    }
    let mut observes = Vec::new();
    for item in &core.items {
        if let ItemKind::Observe { target, law, rows } = &item.kind
            && let Some(o) = observe(&mut scope, target, law, rows.as_ref())
        {
            observes.push(o);
        }
    }
    let report = core.output.report.as_ref().map(|names| {
        for n in names {
            if !scope.is_reportable(&n.name) {
                let known = scope.reportable();
                scope.mistakes.push(mistakes::unknown_name(n.span, &n.name, &known));
            }
        }
        names.iter().map(|n| n.name.clone()).collect()
    });
    if !scope.mistakes.is_empty() {
        let mut found = scope.mistakes;
        found.sort_by_key(|d| d.primary.span.start);
        found.dedup();
        return Err(found);
    }
    Ok(Model {
        name: core.model.name.clone(),
        dims: scope.dims,
        tables: scope.tables,
        indices: scope.indices,
        latents: scope.latents.into_iter().filter_map(|l| l.done).collect(),
        lets: scope.lets.into_iter().filter_map(|l| l.done).collect(),
        solves: scope.solves.into_iter().filter_map(|s| s.done).collect(),
        observes,
        order: sorted,
        report,
        inference: core.inference.clone(),
    })
}

fn latent(scope: &mut Scope, i: usize) {
    let (target, law) = (scope.latents[i].target, scope.latents[i].law);
    let Some(dims) = scope.latents[i].dims.clone() else { return };
    let context = Context { table: scope.table_of(&dims), running: None };
    let Some(law) = laws::law(scope, law, &context) else { return };
    if law.support.is_discrete() {
        scope.mistakes.push(mistakes::discrete_latent(law.span, &target.name.name, law.distribution.name()));
        return;
    }
    if !laws::fits(scope, &law, &dims, &target.name.name, target.span) {
        return;
    }
    let name = target.name.name.clone();
    scope.latents[i].done = Some(crate::typed::Latent { name, dims, law, span: target.span });
}

fn let_(scope: &mut Scope, i: usize) {
    let (target, value) = (scope.lets[i].target, scope.lets[i].value);
    let declared = match scope.declared_dims(target) {
        Some(d) => d,
        None => return,
    };
    let context = Context { table: expr::table_of_columns(scope, value), running: None };
    let Some(mut typed) = expr::let_value(scope, value, &declared, &context) else { return };
    if !target.dims.is_empty() {
        if let Some(&extra) = typed.dims.iter().find(|d| !declared.contains(d)) {
            scope.mistakes.push(mistakes::let_dims(
                target.span,
                &scope.dims[extra.0].name,
                &target.name.name,
            ));
            return;
        }
        let mut sorted = declared;
        sorted.sort();
        typed.dims = sorted;
    }
    let data_only = expr::is_data(scope, &typed);
    scope.lets[i].done = Some(LetDef {
        name: target.name.name.clone(),
        dims: typed.dims.clone(),
        value: typed,
        data_only,
        span: target.span,
    });
}

fn solve(scope: &mut Scope, i: usize) {
    let block: &Solve = scope.solves[i].block;
    let Some(rows) = scope.solves[i].rows else { return };
    let table = scope.dims[rows.0].rows_of;
    let context = Context { table: table.or_else(|| scope.table_of(&[rows])), running: None };
    let at = expr::expr(scope, &block.at, &context);
    if let Some(at) = &at {
        if !expr::is_data(scope, at) {
            scope.mistakes.push(mistakes::times_are_data(at.span));
        } else if at.dims != [rows] {
            scope.mistakes.push(mistakes::times_dims(at.span, &scope.dims[rows.0].name));
        }
    }
    let start = match block.start.as_ref().map(|s| (constant(s), s.span)) {
        None => 0.0,
        Some((Ok(x), span)) if !x.is_finite() => {
            scope.mistakes.push(mistakes::start_is_number(span));
            return;
        }
        Some((Ok(x), _)) => x,
        Some((Err(e), _)) => {
            scope.mistakes.push(mistakes::start_is_number(e.0));
            return;
        }
    };
    let mut states = Vec::new();
    let mut rate_lets = Vec::new();
    for let_index in order::running_lets(scope, i) {
        let value = scope.lets[let_index].value;
        let running = Running { solve: i, lets: rate_lets.iter().map(|(l, _)| *l).collect() };
        let context = Context { table: None, running: Some(running) };
        match expr::expr(scope, value, &context) {
            Some(typed) => rate_lets.push((let_index, typed)),
            None => return,
        }
    }
    for state in &block.states {
        let none = Context { table: None, running: None };
        let initial = expr::expr(scope, &state.initial, &none);
        let running = Running { solve: i, lets: rate_lets.iter().map(|(l, _)| *l).collect() };
        let rate = expr::expr(scope, &state.rate, &Context { table: None, running: Some(running) });
        let (Some(initial), Some(rate)) = (initial, rate) else { continue };
        for (what, typed) in [("initial value", &initial), ("rate", &rate)] {
            if let Some(d) = typed.dims.first() {
                let name = &scope.dims[d.0].name;
                scope.mistakes.push(mistakes::state_is_scalar(
                    typed.span,
                    what,
                    &state.target.name.name,
                    name,
                ));
            }
        }
        states.push(StateDef { name: state.target.name.name.clone(), initial, rate });
    }
    let Some(at) = at else { return };
    if states.len() < block.states.len() {
        return;
    }
    scope.solves[i].done = Some(SolveDef {
        name: block.name.name.clone(),
        rows,
        at,
        start,
        states,
        rate_lets: rate_lets.into_iter().map(|(_, t)| t).collect(),
        solver: block.solver.clone(),
        span: block.name.span,
    });
}

fn observe(
    scope: &mut Scope,
    target: &crate::expr::Declaration,
    law: &crate::expr::Expr,
    rows: Option<&crate::expr::Expr>,
) -> Option<ObserveDef> {
    let value = expr::observed(scope, target)?;
    let context = Context { table: scope.table_of(&value.dims), running: None };
    let mask = match rows {
        None => None,
        Some(rows) => {
            let mask = expr::expr(scope, rows, &context)?;
            if !expr::is_data(scope, &mask) || mask.dims.iter().any(|d| !value.dims.contains(d)) {
                scope.mistakes.push(mistakes::where_is_data(mask.span));
                return None;
            }
            Some(mask)
        }
    };
    let law = laws::law(scope, law, &context)?;
    let name = target.name.name.clone();
    if !laws::fits(scope, &law, &value.dims, &name, target.span) {
        return None;
    }
    Some(ObserveDef { name, value, mask, law, span: target.span })
}
