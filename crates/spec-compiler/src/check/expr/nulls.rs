//! Nulls that `missing: drop` leaves out of likelihoods: where a value may have such gaps.

use std::collections::BTreeSet;

use crate::check::scope::Scope;
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::Span;
use crate::typed::{DimRef, Gap, Kind, Typed};

/// What leaves a value without meaning in some rows.
pub type Dropped = BTreeSet<Gap>;

/// What makes `t` meaningless in some rows.
pub fn dropped(scope: &Scope, t: &Typed) -> Dropped {
    let mut out = Dropped::new();
    if scope.has_dropped {
        visit(scope, t, &mut |at, _| {
            out.insert(at);
        });
    }
    out
}

/// Tells where `t` has rows without a value, in a place that needs one in every row.
pub fn needs_every_row(scope: &mut Scope, t: &Typed, why: &str) -> bool {
    if !scope.has_dropped {
        return true;
    }
    let mut first: Option<(Gap, Span)> = None;
    visit(scope, t, &mut |at, span| {
        first.get_or_insert((at, span));
    });
    let Some((gap, span)) = first else { return true };
    let mistake = missing(scope, gap, span, why);
    scope.tell(mistake);
    false
}

/// Tells where `t` has no value in a row that a law speaks of together with others: where `along`, which a
/// value of the law varies over, has the rows. A column without any value is predicted, as a whole.
pub fn whole_along(scope: &mut Scope, t: &Typed, along: &[DimRef], law: &str) -> bool {
    let mut first: Option<(Gap, Span)> = None;
    visit(scope, t, &mut |gap, span| {
        let (rows, in_part) = match gap {
            Gap::Column { table, column } => {
                let t = &scope.tables[table];
                (t.rows, t.data.columns[column].nulls.len() < t.data.n_rows)
            }
            Gap::Lag(i) => (scope.tables[scope.lags[i].table].rows, true),
        };
        if in_part && along.contains(&rows) {
            first.get_or_insert((gap, span));
        }
    });
    let Some((gap, span)) = first else { return true };
    let mistake = match gap {
        Gap::Column { table, column } => {
            let t = &scope.tables[table];
            let c = &t.data.columns[column];
            let place = t.data.locate(c.nulls.first().copied().unwrap_or(0));
            errors::null_in_vector(span, law, (&c.name, &t.name), &place, &scope.dims[t.rows].name)
        }
        Gap::Lag(_) => missing(scope, gap, span, &format!("one value of `{law}` is made of all rows")),
    };
    scope.tell(mistake);
    false
}

/// Tells where rows come together in `t` or a part of it, and one has no value.
pub fn mixes_whole_rows(scope: &mut Scope, t: &Typed) -> bool {
    if !scope.has_dropped {
        return true;
    }
    let parts = t.parts();
    if let Some((along, why)) = t.mixes()
        && along.into_iter().any(|d| scope.has_rows(d))
        && !parts.iter().all(|part| needs_every_row(scope, part, why))
    {
        return false;
    }
    parts.into_iter().all(|part| mixes_whole_rows(scope, part))
}

fn missing(scope: &Scope, gap: Gap, span: Span, why: &str) -> Diagnostic {
    match gap {
        Gap::Column { table, column } => {
            let t = &scope.tables[table];
            let c = &t.data.columns[column];
            let place = t.data.locate(c.nulls.first().copied().unwrap_or(0));
            errors::null_here(span, &c.name, &t.name, &place, why)
        }
        Gap::Lag(i) => {
            let lag = &scope.lags[i];
            let row = lag.before.first().or(lag.nulls.first()).copied().unwrap_or(0);
            no_past(scope, i, row, span, why)
        }
    }
}

/// What is said of a lag without a value in `row`: there is no earlier row, or a null in it.
fn no_past(scope: &Scope, lag: usize, row: usize, span: Span, why: &str) -> Diagnostic {
    let lag = &scope.lags[lag];
    let place = scope.tables[lag.table].data.locate(row);
    match lag.nulls.contains(&row) {
        true => errors::past_is_null(span, &lag.text, &place, why),
        false => errors::no_past(span, &lag.text, &place, why),
    }
}

/// The rows of a table in which `t` has no value, sorted.
pub fn gap_rows(scope: &Scope, t: &Typed) -> Vec<usize> {
    let mut rows = BTreeSet::new();
    for gap in dropped(scope, t) {
        match gap {
            Gap::Column { table, column } => rows.extend(&scope.tables[table].data.columns[column].nulls),
            Gap::Lag(i) => rows.extend(scope.lags[i].before.iter().chain(&scope.lags[i].nulls)),
        }
    }
    rows.into_iter().collect()
}

/// Tells where `t` has no value in a row of a recurrence that needs it: the first ones, or all others.
pub fn known_along(scope: &mut Scope, t: &Typed, firsts: &[usize], at_first: bool) -> bool {
    let needed = |row: &&usize| firsts.binary_search(row).is_ok() == at_first;
    let mut found: Option<(Gap, usize, Span)> = None;
    visit(scope, t, &mut |gap, span| {
        let rows: Vec<usize> = match gap {
            Gap::Column { table, column } => scope.tables[table].data.columns[column].nulls.clone(),
            Gap::Lag(i) => scope.lags[i].before.iter().chain(&scope.lags[i].nulls).copied().collect(),
        };
        if let (Some(&row), None) = (rows.iter().find(needed), &found) {
            found = Some((gap, row, span));
        }
    });
    let Some((gap, row, span)) = found else { return true };
    let why = "a recurrence needs it at each row";
    let mistake = match gap {
        Gap::Column { .. } => missing(scope, gap, span, why),
        Gap::Lag(i) => no_past(scope, i, row, span, why),
    };
    scope.tell(mistake);
    false
}

fn visit(scope: &Scope, t: &Typed, found: &mut dyn FnMut(Gap, Span)) {
    if let Kind::Lag { lag, .. } = t.kind {
        let l = &scope.lags[lag];
        if !l.before.is_empty() || !l.nulls.is_empty() {
            found(Gap::Lag(lag), t.span);
        }
        return;
    }
    let mut has_gaps = |table: usize, column: usize| {
        let loaded = &scope.tables[table];
        if loaded.drops(column) && !loaded.data.columns[column].nulls.is_empty() {
            found(Gap::Column { table, column }, t.span);
        }
    };
    match &t.kind {
        Kind::Column { table, column } => has_gaps(*table, *column),
        Kind::Stack { table, stack } => {
            scope.tables[*table].stacks[*stack].columns.iter().for_each(|&c| has_gaps(*table, c));
        }
        Kind::Lookup { indices, .. } => {
            let index = |i: &usize| &scope.indices[*i];
            indices.iter().map(index).for_each(|index| has_gaps(index.table, index.column));
        }
        Kind::Level(index) => has_gaps(scope.indices[*index].table, scope.indices[*index].column),
        Kind::StepLet { block, position } => {
            let let_ = &scope.recurrences[*block].lets[*position];
            let_.dropped.iter().for_each(|&at| found(at, t.span));
        }
        Kind::Let(i) => scope.lets[*i].dropped.iter().for_each(|&at| found(at, t.span)),
        _ => {}
    }
    t.parts().into_iter().for_each(|part| visit(scope, part, found));
}
