//! Nulls that `missing: drop` leaves out of likelihoods: where a value may have such gaps.

use std::collections::BTreeSet;

use crate::check::scope::Scope;
use crate::errors;
use crate::source::Span;
use crate::typed::{Kind, Typed};

/// Columns with nulls to be dropped, by table and position.
pub type Dropped = BTreeSet<(usize, usize)>;

/// The columns that make `t` meaningless in the rows where they are null.
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
    let mut first: Option<((usize, usize), Span)> = None;
    visit(scope, t, &mut |at, span| {
        first.get_or_insert((at, span));
    });
    let Some(((table, column), span)) = first else { return true };
    let t = &scope.tables[table];
    let c = &t.data.columns[column];
    let place = t.data.locate(c.nulls.first().copied().unwrap_or(0));
    let mistake = errors::null_here(span, &c.name, &t.name, &place, why);
    scope.tell(mistake);
    false
}

fn visit(scope: &Scope, t: &Typed, found: &mut dyn FnMut((usize, usize), Span)) {
    let mut has_gaps = |table: usize, column: usize| {
        let loaded = &scope.tables[table];
        if loaded.drops(column) && !loaded.data.columns[column].nulls.is_empty() {
            found((table, column), t.span);
        }
    };
    match &t.kind {
        Kind::Column { table, column } => has_gaps(*table, *column),
        Kind::Stack { table, stack } => {
            scope.tables[*table].stacks[*stack].columns.iter().for_each(|&c| has_gaps(*table, c));
        }
        Kind::Lookup { index, .. } | Kind::Level(index) => {
            has_gaps(scope.indices[*index].table, scope.indices[*index].column)
        }
        Kind::Let(i) => scope.lets[*i].dropped.iter().for_each(|&at| found(at, t.span)),
        _ => {}
    }
    t.parts().into_iter().for_each(|part| visit(scope, part, found));
}
