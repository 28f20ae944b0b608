//! Recurrences: what the states of a block are at the first row of a series, and at each later one.
//!
//! Expressions of a block are typed as at the rows: a state at the row before varies over the rows
//! just as a column does. Which state is a latent of which form is decided here, by its laws:
//!
//! - values alone: a function of what was before, run along the rows;
//! - a law by location and scale (normal, student_t, lognormal, ...): the latent is its noise, whose
//!   law depends on nothing, and the state is run along the rows;
//! - a discrete law: its values are carried and summed out by the forward algorithm;
//! - any other law: a latent at each row, under the law that the row before gives it.

use std::collections::{BTreeSet, HashMap, HashSet};

use distributions::{Distribution, LocationScale};
use model::Support;

use crate::check::expr::{self, Context};
use crate::check::scope::{Scope, StepLet, outcomes_of};
use crate::check::series::{self, Series};
use crate::check::{MAX_COORDINATES, functions, laws, own_rows, values_of};
use crate::core::Recur;
use crate::errors;
use crate::expr::{Expr, ExprKind};
use crate::source::Span;
use crate::typed::{
    DimRef, Form, Kind, Law, ModelDim, RecurrenceDef, SeriesKind, SeriesRef, SeriesState, Step, Typed,
    Variable, Way,
};

/// Checks the block `i`; what it says wrong is told.
pub fn recurrence(scope: &mut Scope, i: usize) {
    let block: &Recur = scope.recurrences[i].block;
    let Some((rows, table)) = scope.recurrences[i].rows else { return };
    let Some(series) = series(scope, block, table) else { return };
    let Some(own) = scope.recurrences[i].own.iter().cloned().collect::<Option<Vec<_>>>() else { return };
    for (s, own) in block.states.iter().zip(&own) {
        if own.contains(&rows) {
            let (name, dim) = (&s.target.name.name, scope.dims[rows].name.clone());
            scope.tell(errors::state_over_rows(s.target.span, name, &dim));
            return;
        }
    }
    // First what is at first rows, which tells the discrete states; then their values are names.
    let firsts = series.first_rows();
    let mut initials = Vec::new();
    for (state, s) in block.states.iter().enumerate() {
        let me = SeriesRef { block: i, state };
        let context = context(i, rows, table, &series, &own[state], true, HashMap::new());
        let step = step(scope, &s.initial, &context, me, &firsts);
        let ok = step.as_ref().is_some_and(|step| discrete(scope, me, step).is_some());
        initials.push(step.filter(|_| ok));
    }
    let Some(initials) = initials.into_iter().collect::<Option<Vec<Step>>>() else { return };
    let Some(lets) = lets(scope, i, rows, table, &series) else { return };
    let mut states = Vec::new();
    for (state, (s, initial)) in block.states.iter().zip(initials).enumerate() {
        let me = SeriesRef { block: i, state };
        let context = context(i, rows, table, &series, &own[state], false, lets.clone());
        let Some(next) = step(scope, &s.next, &context, me, &firsts) else { continue };
        let Some(kind) = kind(scope, me, &initial, &next) else { continue };
        let mut dims = own[state].clone();
        dims.push(rows);
        dims.sort();
        if matches!(kind, SeriesKind::Noise | SeriesKind::Centred) {
            let (rows, others) = scope.dims.elements(&dims);
            scope.coordinates = scope.coordinates.saturating_add(rows.saturating_mul(others));
            if scope.coordinates > MAX_COORDINATES {
                let span = s.target.span;
                scope.tell(errors::too_many_values(span, "unknowns in one model", MAX_COORDINATES));
                return;
            }
        }
        let name = s.target.name.name.clone();
        states.push(SeriesState { name, dims, own: own[state].clone(), initial, next, kind });
    }
    if states.len() < block.states.len() {
        return;
    }
    let Some(order) = order(scope, i, &states) else { return };
    let lets = scope.recurrences[i].lets.iter().map(|l| l.value.clone()).collect();
    scope.recurrences[i].done = Some(RecurrenceDef {
        name: block.name.name.clone(),
        rows,
        table,
        series,
        states,
        order,
        lets,
        linear: None,
        origin: scope.recurrences[i].origin.clone(),
    });
}

fn series(scope: &mut Scope, block: &Recur, table: usize) -> Option<Series> {
    let by = match &block.by {
        None => None,
        Some(by) => match scope.tables[table].column(&by.name) {
            Some(column) => Some(column),
            None => {
                let (known, name) = (scope.column_names(Some(table)), scope.tables[table].name.clone());
                return scope.fail(errors::no_column(by.span, &by.name, &name, &known));
            }
        },
    };
    let span = block.by.as_ref().map_or(block.over.span, |by| by.span);
    match series::series(&scope.tables[table], by, span) {
        Ok(series) => Some(series),
        Err(mistake) => scope.fail(*mistake),
    }
}

fn context(
    block: usize,
    rows: DimRef,
    table: usize,
    series: &Series,
    own: &[DimRef],
    at_first: bool,
    lets: HashMap<usize, usize>,
) -> Context {
    let mut dims = own.to_vec();
    dims.push(rows);
    let step = expr::Step { block, rows, series: series.clone(), at_first, lets };
    Context::of_step(step, table, &dims)
}

/// The lets that run along, by number, each with its position.
fn lets(
    scope: &mut Scope,
    i: usize,
    rows: DimRef,
    table: usize,
    series: &Series,
) -> Option<HashMap<usize, usize>> {
    let mut positions = HashMap::new();
    for l in scope.recurrences[i].running.clone() {
        let target = scope.lets[l].target;
        let declared: Vec<DimRef> = scope.declared_dims(target)?.into_iter().filter(|d| *d != rows).collect();
        let context = context(i, rows, table, series, &declared, false, positions.clone());
        let value = expr::let_value(scope, target, scope.lets[l].value, &context)?;
        if !rows_stay_apart(scope, &value, &context) {
            return None;
        }
        let (met, dropped) = (expr::discrete(scope, &value), expr::dropped(scope, &value));
        positions.insert(l, scope.recurrences[i].lets.len());
        scope.recurrences[i].lets.push(StepLet { value, met, dropped });
    }
    Some(positions)
}

fn is_law(e: &Expr) -> bool {
    matches!(&e.kind, ExprKind::Call { function, .. } if functions::is_law(&function.name))
}

/// `initial:` or `next:` of a state.
fn step(scope: &mut Scope, e: &Expr, context: &Context, me: SeriesRef, firsts: &[usize]) -> Option<Step> {
    let at_first = context.step.as_ref().is_some_and(|s| s.at_first);
    let dims = scope.series_dims(me)?;
    let target = &scope.recurrences[me.block].block.states[me.state].target.name;
    let step = if is_law(e) {
        let law = laws::law(scope, e, context)?;
        if !laws::fits(scope, &law, &dims, target, true) {
            return None;
        }
        Step::Law(Box::new(law))
    } else {
        let value = expr::expr(scope, e, context)?;
        if let Some(&extra) = value.dims.iter().find(|d| !dims.contains(d)) {
            let (dim, name) = (scope.dims[extra].name.clone(), target.name.clone());
            return scope.fail(errors::state_dims(value.source_of(extra).span, &name, &dim));
        }
        Step::Value(value)
    };
    let args: Vec<Typed> = step.args().into_iter().cloned().collect();
    if !args.iter().all(|arg| rows_stay_apart(scope, arg, context)) {
        return None;
    }
    own_rows::warn_of_rows_summed_away(scope, &args.iter().collect::<Vec<_>>(), &dims, &target.name);
    args.iter().all(|arg| expr::known_along(scope, arg, firsts, at_first)).then_some(step)
}

/// Tells where something inside `t` that runs along is mixed over the rows, which functions made of
/// several parts may hide.
fn rows_stay_apart(scope: &mut Scope, t: &Typed, context: &Context) -> bool {
    let Some(rows) = context.step.as_ref().map(|s| s.rows) else { return true };
    let (_, Some(mixed)) = runs_apart(t, rows) else { return true };
    let dim = scope.dims[rows].name.clone();
    scope.tell(errors::step_mixed(mixed, &dim));
    false
}

/// Does `t` run along; and the first part that does without varying over the rows.
fn runs_apart(t: &Typed, rows: DimRef) -> (bool, Option<Span>) {
    let (mut steps, mut mixed) = (t.is_step(), None);
    for part in t.parts() {
        let (inner, found) = runs_apart(part, rows);
        steps |= inner;
        mixed = mixed.or(found);
    }
    let own = (steps && !t.dims.contains(&rows)).then_some(t.span);
    (steps, mixed.or(own))
}

/// Notes the values of a state whose first law is discrete.
fn discrete(scope: &mut Scope, me: SeriesRef, initial: &Step) -> Option<()> {
    let Step::Law(law) = initial else { return Some(()) };
    let Support::Integers { lower, upper } = law.support else { return Some(()) };
    let name = scope.series_name(me);
    let values = values_of(scope, &name, law, lower, upper)?;
    if !scope.recurrences[me.block].own[me.state].as_ref().is_none_or(Vec::is_empty) {
        return scope.fail(errors::discrete_state_dims(law.span, &name));
    }
    let before = ModelDim {
        name: format!("values of {name} before"),
        rows_of: None,
        size: scope.dims[values.dim].size,
        labels: None,
    };
    let before = scope.dims.add(before);
    scope.recurrences[me.block].discrete[me.state] = Some((values, before, outcomes_of(law)));
    scope.has_discrete = true;
    Some(())
}

/// What a state is, by its laws.
fn kind(scope: &mut Scope, me: SeriesRef, initial: &Step, next: &Step) -> Option<SeriesKind> {
    let name = scope.series_name(me);
    if let Some((values, before, _)) = scope.recurrences[me.block].discrete[me.state] {
        let last = values.first + scope.dims[values.dim].size as f64 - 1.0;
        let same = |law: &Law| law.support == Support::Integers { lower: values.first, upper: last };
        if !next.law().is_some_and(same) {
            let span = next.args().first().map_or(initial.law()?.span, |arg| arg.span);
            return scope.fail(errors::discrete_next(next.law().map_or(span, |l| l.span), &name));
        }
        for arg in initial.args().into_iter().chain(next.args()) {
            // Other variables of the rows would have to be summed out together with it.
            let rows = scope.recurrences[me.block].rows?.0;
            let met = expr::discrete(scope, arg);
            let varies =
                |ways: &BTreeSet<Way>| ways.iter().any(|way| expr::varies_along(scope, way, &[rows]));
            let other = met.into_iter().find(|(v, ways)| *v != Variable::Before(me) && varies(ways));
            if let Some((other, _)) = other {
                let other = scope.name_of(other);
                return scope.fail(errors::discrete_together(arg.span, &name, &other));
            }
        }
        return Some(SeriesKind::Discrete { values, before });
    }
    for arg in initial.args().into_iter().chain(next.args()) {
        if let Some(v) = expr::discrete(scope, arg).into_keys().next() {
            let other = scope.name_of(v);
            return scope.fail(errors::discrete_drives(arg.span, &name, &other));
        }
    }
    let (first, law) = match (initial, next) {
        (Step::Value(_), Step::Value(_)) => return Some(SeriesKind::Determined),
        (Step::Law(law), Step::Value(value)) => {
            return scope.fail(errors::law_then_value(value.span, &name, law.span));
        }
        (first, Step::Law(law)) => (first.law(), law),
    };
    let by_noise = |law: &Law| is_line(law) || noise_of(law).is_some();
    let on_log = |law: &Law| noise_of(law).is_some_and(|n| n.of_log);
    let alike = first.is_none_or(|first| by_noise(first) && on_log(first) == on_log(law));
    if noise_of(law).is_some() && alike {
        return Some(SeriesKind::Noise);
    }
    let Some(first) = first else {
        return scope.fail(errors::value_then_law(law.span, &name, law.name()));
    };
    for law in [first, law] {
        if law.support.is_discrete() {
            return scope.fail(errors::endless_latent(law.span, &name, law.name()));
        }
        let varies =
            law.varies.is_some() || law.has_atom() || !matches!(law.support, Support::Interval { .. });
        if varies || !law.event.is_empty() {
            return scope.fail(errors::state_law(law.span, &name, law.name()));
        }
    }
    if first.support != law.support {
        let (a, b) = (first.support.to_string(), law.support.to_string());
        return scope.fail(errors::state_supports(law.span, &name, first.span, &a, &b));
    }
    Some(SeriesKind::Centred)
}

/// A law of location plus scale times noise, or of the exponential of that: the noise has the law `law`,
/// with a location of 0 and a scale of 1 and otherwise the same parameters. Slots are those of both.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    pub location: usize,
    pub scale: usize,
    pub of_log: bool,
    pub law: &'static dyn Distribution,
}

/// How a law is made of noise, where it is.
pub fn noise_of(law: &Law) -> Option<Noise> {
    let Form::Call(call) = &law.form else { return None };
    let LocationScale { location, scale, log: of_log } = call.distribution.location_scale()?;
    let law = match (of_log, call.distribution.name()) {
        (false, _) => call.distribution,
        (true, "lognormal") => distributions::lookup("normal")?,
        // The law of its logarithm has no name here.
        (true, _) => return None,
    };
    Some(Noise { location, scale, of_log, law })
}

/// `flat()`: diffuse.
pub fn is_line(law: &Law) -> bool {
    matches!(&law.form, Form::Call(call) if call.distribution.name() == "flat" && call.args.is_empty())
}

/// The states, each after those whose value at the row it needs; circles are told.
fn order(scope: &mut Scope, block: usize, states: &[SeriesState]) -> Option<Vec<usize>> {
    let needs: Vec<HashSet<usize>> = states
        .iter()
        .map(|s| {
            let mut found = HashSet::new();
            s.initial.args().into_iter().chain(s.next.args()).for_each(|arg| current(arg, &mut found));
            found
        })
        .collect();
    let mut waiting: Vec<usize> = needs.iter().map(HashSet::len).collect();
    let mut takers = vec![Vec::new(); states.len()];
    for (s, needs) in needs.iter().enumerate() {
        needs.iter().for_each(|&n| takers[n].push(s));
    }
    let mut ready: BTreeSet<usize> = (0..states.len()).filter(|&s| waiting[s] == 0).collect();
    let mut out: Vec<usize> = Vec::new();
    while let Some(s) = ready.pop_first() {
        out.push(s);
        for &t in &takers[s] {
            waiting[t] -= 1;
            if waiting[t] == 0 {
                ready.insert(t);
            }
        }
    }
    let Some(left) = waiting.iter().position(|&n| n > 0) else { return Some(out) };
    // Each that is left needs another that is left: following them leads into the circle.
    let mut seen = vec![None; states.len()];
    let mut path = Vec::new();
    let mut here = left;
    while seen[here].is_none() {
        seen[here] = Some(path.len());
        path.push(here);
        here = *needs[here].iter().filter(|n| waiting[**n] > 0).min()?;
    }
    let circle = path.split_off(seen[here]?);
    let named = |s: usize| {
        let target = &scope.recurrences[block].block.states[s].target;
        (states[s].name.clone(), target.span)
    };
    let names: Vec<(String, Span)> = circle.into_iter().map(named).collect();
    scope.fail(errors::new_circle(&names))
}

fn current(t: &Typed, out: &mut HashSet<usize>) {
    if let Kind::Current(s) = t.kind {
        out.insert(s.state);
    }
    t.parts().into_iter().for_each(|part| current(part, out));
}
