//! What a law says of the rows of its own left side: an outcome that is its own parameter, which is no
//! density, and rows that are summed away, which is one but seldom meant.

use std::collections::HashSet;

use distributions::Domain;

use super::expr;
use super::scope::Scope;
use crate::errors;
use crate::source::Span;
use crate::typed::{DimRef, Form, Kind, Law, Typed};

/// A column of a table, by position.
type Column = (usize, usize);

/// Tells where a parameter of `law` is made of the very element of `value` whose law it is.
pub fn is_free_of_its_outcome(scope: &mut Scope, value: &Typed, law: &Law, name: &str) -> bool {
    let Some((read, at, through)) = outcome_read(scope, value, law) else { return true };
    let through = through.map(|i| {
        let target = scope.lets[i].target;
        (target.name.name.as_str(), target.span)
    });
    let mistake = errors::own_outcome(at, name, &read, through);
    scope.tell(mistake);
    false
}

/// A part to look at: where the law names it, and by which let it came.
struct Part<'t> {
    value: &'t Typed,
    at: Span,
    through: Option<usize>,
    /// Elements that are all that is taken of it.
    elements: Vec<(DimRef, usize)>,
}

/// What `law` reads of `value` at the same element: its name, where, and through which let.
fn outcome_read(scope: &Scope, value: &Typed, law: &Law) -> Option<(String, Span, Option<usize>)> {
    let own = Own::of(scope, value)?;
    let new = |value| Part { value, at: value.span, through: None, elements: Vec::new() };
    let mut todo: Vec<Part> = parameters(law).into_iter().map(new).collect();
    let (mut lets, mut states, mut step_lets) = (HashSet::new(), HashSet::new(), HashSet::new());
    while let Some(Part { value, at, through, elements }) = todo.pop() {
        // The smallest part of the law's own text that holds it.
        let at = if at.to(value.span) == at { value.span } else { at };
        if !own.rows.iter().any(|d| value.dims.contains(d)) {
            continue;
        }
        let column =
            |c: Column| own.columns.contains(&c).then(|| scope.tables[c.0].data.columns[c.1].name.clone());
        let found = match &value.kind {
            Kind::Column { table, column: c } => column((*table, *c)),
            Kind::Level(i) | Kind::Lookup { index: i, .. } => {
                column((scope.indices[*i].table, scope.indices[*i].column))
            }
            Kind::Stack { table, stack } => {
                let stack = &scope.tables[*table].stacks[*stack];
                let one = elements.iter().find(|(d, _)| *d == stack.dim).map(|(_, k)| stack.columns[*k]);
                let read =
                    |c: &&usize| one.is_none_or(|one| one == **c) && own.columns.contains(&(*table, **c));
                stack.columns.iter().find(read).map(|_| stack.name.clone())
            }
            Kind::Let(i) if own.is_let == Some(*i) => Some(scope.lets[*i].target.name.name.clone()),
            _ => None,
        };
        if let Some(name) = found {
            return Some((name, at, through));
        }
        let element = match &value.kind {
            Kind::Element { dim, at, .. } if !own.rows.contains(dim) => Some((*dim, *at)),
            _ => None,
        };
        let is_own = |d: &DimRef| own.dims.contains(d) && element.is_none_or(|(of, _)| of != *d);
        let mixed = value.mixes().is_some_and(|(dims, _)| dims.iter().any(is_own));
        if mixed || matches!(value.kind, Kind::Lag { .. }) {
            continue;
        }
        match &value.kind {
            Kind::Let(i) if lets.insert((*i, elements.clone())) => {
                if let Some(def) = &scope.lets[*i].done {
                    todo.push(Part { value: &def.value, at, through: through.or(Some(*i)), elements });
                }
            }
            Kind::Series(s) | Kind::Current(s) if states.insert(*s) => {
                let next = scope.recurrences[s.block].done.iter().flat_map(|r| r.states[s.state].next.args());
                todo.extend(next.map(|value| Part { value, at, through, elements: Vec::new() }));
            }
            Kind::StepLet { block, position } if step_lets.insert((*block, *position)) => {
                let value = scope.recurrences[*block].done.iter().map(|r| &r.lets[*position]);
                todo.extend(value.map(|value| Part { value, at, through, elements: Vec::new() }));
            }
            _ => {
                let elements: Vec<_> = elements.into_iter().chain(element).collect();
                let part = |value| Part { value, at, through, elements: elements.clone() };
                todo.extend(value.parts().into_iter().map(part));
            }
        }
    }
    None
}

/// What is observed, as others may read it.
struct Own {
    columns: HashSet<Column>,
    is_let: Option<usize>,
    dims: Vec<DimRef>,
    /// Those of them that are rows of tables.
    rows: Vec<DimRef>,
}

impl Own {
    fn of(scope: &Scope, value: &Typed) -> Option<Own> {
        let rows = value.dims.iter().copied().filter(|d| scope.has_rows(*d)).collect();
        let (columns, is_let) = match &value.kind {
            Kind::Column { table, column } => (HashSet::from([(*table, *column)]), None),
            Kind::Level(i) => (HashSet::from([(scope.indices[*i].table, scope.indices[*i].column)]), None),
            Kind::Stack { table, stack } => {
                let columns = &scope.tables[*table].stacks[*stack].columns;
                (columns.iter().map(|c| (*table, *c)).collect(), None)
            }
            Kind::Let(i) => (HashSet::new(), Some(*i)),
            _ => return None,
        };
        Some(Own { columns, is_let, dims: value.dims.clone(), rows })
    }
}

/// The expressions that the density of `law` is made of, without what tells how a value was seen or of how many
/// it is: the conditions of `censored` are about the outcome itself, and trials are won and lost.
fn parameters(law: &Law) -> Vec<&Typed> {
    let mut out: Vec<&Typed> = match &law.form {
        Form::Call(call) => {
            let domain = |k: usize, a: usize| call.distribution.slots()[k].alternatives[a].domain;
            let given = call.params.iter().filter(|(k, g)| domain(*k, g.alternative) != Domain::Count);
            given.map(|(_, g)| &call.args[g.value]).collect()
        }
        Form::Truncated { bounds, .. } => bounds.lower.iter().chain(&bounds.upper).collect(),
        Form::Mixture { weights, .. } => weights.iter().collect(),
        Form::MixtureOver { weights, .. } => vec![weights],
        Form::Censored { .. } | Form::Ordered { .. } => Vec::new(),
    };
    out.extend(law.parts().iter().flat_map(parameters));
    out
}

/// Warns of reductions without `over=` in `law`, or in lets that it uses, that go along the rows of its
/// left side, `dims`: every row gets the same number. Of data alone that is as it should be: `x - mean(x)`.
pub fn warn_of_rows_summed_away(scope: &mut Scope, law: &Law, dims: &[DimRef], name: &str) {
    let rows: Vec<DimRef> = dims.iter().copied().filter(|d| scope.has_rows(*d)).collect();
    if rows.is_empty() {
        return;
    }
    let mut found = Vec::new();
    let mut looked_at = std::mem::take(&mut scope.lets_looked_at);
    let mut todo: Vec<&Typed> = law.args().into_iter().map(|(arg, _)| arg).collect();
    while let Some(t) = todo.pop() {
        match &t.kind {
            Kind::Let(i) if looked_at.insert((*i, rows.clone())) => {
                todo.extend(scope.lets[*i].done.iter().filter(|l| !l.data_only).map(|l| &l.value));
            }
            Kind::Reduce { how, over, bare: true, arg } if !expr::is_data(scope, arg) => {
                if let Some(row) = rows.iter().find(|d| over.contains(d)) {
                    let others: Vec<String> =
                        over.iter().filter(|d| *d != row).map(|d| scope.dims[*d].name.clone()).collect();
                    let row = scope.dims[*row].name.clone();
                    found.push(errors::rows_summed_away(t.span, how.word(), name, &row, &others));
                }
            }
            _ => {}
        }
        todo.extend(t.parts());
    }
    scope.lets_looked_at = looked_at;
    scope.warnings.extend(found);
}
