//! Mistakes of recurrences and of lags.

use super::names::MAX_IN_CIRCLE;
use super::{alternatives_of, mistake, suggest};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// `is_dim`: whether there is a dimension `name` at all.
pub fn recurrence_over(span: Span, name: &str, is_dim: bool, rows: &[String]) -> Diagnostic {
    let message = format!("a recurrence runs along the rows of a table, and `{name}` is not such");
    let d = mistake("recurrence_over", span, message).label("not the rows of a table");
    match is_dim {
        true => d.help(format!(
            "for a random walk along `{name}` add up its steps: `cumulative_sum(step, over={name})` with \
             `step[{name}]: normal(0, s)`"
        )),
        false => suggest(d, name, rows),
    }
}

/// Two rows of a series at one place.
pub fn order_tie(
    span: Span,
    column: &str,
    table: &str,
    places: &(String, String),
    grouped: bool,
) -> Diagnostic {
    let (first, second) = places;
    let message = format!(
        "`ordered_by: {column}` of `{table}` is the same in {first} and {second}, so their order is open"
    );
    let d = mistake("order_tie", span, message).label("needs an order");
    match grouped {
        true => d.help("give each row of a series a value of its own"),
        false => d.help("give each row a value of its own, or tell series apart: `by: column` of a recurrence, `by=column` of a function"),
    }
}

pub fn no_row_before(span: Span, name: &str) -> Diagnostic {
    let message = format!("`{name}` is the value at the row before, which a first row does not have");
    mistake("no_row_before", span, message)
        .label("in `initial:`")
        .help("another state's value at the first row is `new(name)`")
}

pub fn new_outside(span: Span) -> Diagnostic {
    mistake("new", span, "`new` stands in `initial:` and `next:` of a recurrence only")
        .help("elsewhere the name of a state is its value at the row")
}

pub fn new_of_state(span: Span, states: &[String]) -> Diagnostic {
    mistake("new", span, "`new` takes a state of the block")
        .help(format!("write `new(name)` with {}", alternatives_of(states)))
}

/// `names`: the circle, each state with its place.
pub fn new_circle(names: &[(String, Span)]) -> Diagnostic {
    let (first, span) = &names[0];
    let mut path: Vec<&str> = names.iter().take(MAX_IN_CIRCLE).map(|(name, _)| name.as_str()).collect();
    if names.len() > MAX_IN_CIRCLE {
        path.push("...");
    }
    path.push(first);
    let message = format!("values at one row go in a circle: {}", path.join(" needs the new "));
    let mut d = mistake("new_circle", *span, message).label("needs itself at the same row");
    for (name, at) in names.iter().take(MAX_IN_CIRCLE).skip(1) {
        d = d.also(*at, format!("`{name}` is needed on the way"));
    }
    d.help("the name of a state without `new` is its value at the row before")
}

pub fn step_mixed(span: Span, rows: &str) -> Diagnostic {
    let message = format!("a recurrence goes row by row, so what runs along cannot be mixed over `{rows}`");
    mistake("step_mixed", span, message).help("reduce over another dimension, or over data alone")
}

pub fn state_over_rows(span: Span, state: &str, rows: &str) -> Diagnostic {
    let message = format!("`{state}` has a value at each row of `{rows}` anyway");
    mistake("wrong_dimension", span, message).label("has `over:` already").help(format!("write `{state}:`"))
}

pub fn state_dims(span: Span, state: &str, dim: &str) -> Diagnostic {
    let message = format!("this varies over `{dim}`, but the state `{state}` does not");
    mistake("wrong_dimension", span, message).help(format!("declare `{state}[{dim}]:`, or reduce"))
}

pub fn discrete_state_dims(span: Span, state: &str) -> Diagnostic {
    mistake("discrete_state", span, format!("`{state}` is discrete, so it is one number at each row"))
        .help("put several chains into one table with `by:`")
}

pub fn discrete_next(span: Span, state: &str) -> Diagnostic {
    let message = format!("`{state}` is discrete at the first row, and has other values at the next");
    mistake("discrete_state", span, message)
        .help("give `initial:` and `next:` laws with the same values, such as `categorical(p)`")
}

pub fn discrete_together(span: Span, state: &str, other: &str) -> Diagnostic {
    let message =
        format!("`{state}` cannot be summed out together with `{other}`, which is discrete at each row");
    mistake("discrete_state", span, message).help("make one state of both, whose values are the pairs")
}

pub fn discrete_drives(span: Span, state: &str, other: &str) -> Diagnostic {
    let message = format!("`{state}` is continuous and may not depend on `{other}`, which is discrete");
    mistake("discrete_state", span, message)
        .label("would have as many values as there are paths")
        .help(format!("let the law of an observed column depend on `{other}` instead"))
}

pub fn law_then_value(span: Span, state: &str, law: Span) -> Diagnostic {
    let message = format!("`{state}` is random at the first row and follows from it at the others");
    mistake("state_law", span, message)
        .label("an expression")
        .also(law, "a law")
        .help("make what is unknown at the first row a latent, and `initial:` an expression of it")
}

pub fn value_then_law(span: Span, state: &str, law: &str) -> Diagnostic {
    let message = format!("`{state}` begins with a value, which a state under `{law}` cannot");
    mistake("state_law", span, message).help("give `initial:` a law")
}

pub fn state_law(span: Span, state: &str, law: &str) -> Diagnostic {
    mistake("state_law", span, format!("the state `{state}` cannot have this law: `{law}`"))
        .help("a state is one number with constant bounds, such as `normal(m, s)` or `gamma(a, b)`")
}

pub fn state_supports(span: Span, state: &str, first: Span, a: &str, b: &str) -> Diagnostic {
    mistake("state_law", span, format!("`{state}` is {a} at the first row, but {b} at the next"))
        .label(b.to_string())
        .also(first, a.to_string())
}

pub fn lag_form(span: Span, function: &str) -> Diagnostic {
    let form = if function == "lag" { "lag(e, k)" } else { "lags(e, n, over=d)" };
    mistake("lag", span, format!("`{function}` takes a value and a whole number of rows, at least 1"))
        .help(format!("write `{form}`"))
}

pub fn lags_dim(span: Span, dim: &str, size: usize, n: usize) -> Diagnostic {
    mistake("lag", span, format!("`{dim}` has {size} elements, but there are {n} lags"))
        .help("name a dimension of its own; it is made here")
}

pub fn lag_of_state(span: Span, what: &str) -> Diagnostic {
    let message = format!("`{what}` runs along, and only its value at the row before is kept");
    mistake("lag", span, message).help("carry it in a state of its own: `z2: {initial: ..., next: z}`")
}

pub fn lag_without_rows(span: Span, has: &str) -> Diagnostic {
    mistake("lag", span, "`lag` takes the values of earlier rows")
        .label(format!("what it is of {}", super::over(has)))
        .help("lag a column, or what varies over the rows of a table")
}

/// An element by its number, in a table whose rows have another order.
pub fn row_of_the_file(span: Span, shown: &str, dim: &str, label: &str, column: &str) -> Diagnostic {
    let message = format!(
        "`{shown}[{dim}={label}]` is row {label} of the file, which is not number {label} in the order of `{column}`"
    );
    mistake("row_of_the_file", span, message)
        .label("rows keep their numbers")
        .help(format!("where the order is meant, sort the file by `{column}`"))
        .warning()
}

/// `ordered` along such rows.
pub fn ordered_as_in_the_file(span: Span, dim: &str, column: &str) -> Diagnostic {
    let message =
        format!("`ordered` goes along `{dim}` as the rows stand in the file, not in the order of `{column}`");
    mistake("row_of_the_file", span, message)
        .label("rows keep their numbers")
        .help(format!("where the order is meant, sort the file by `{column}`"))
        .warning()
}

/// `by=` where there are no rows.
pub fn series_of_no_rows(span: Span, function: &str, dim: &str) -> Diagnostic {
    mistake("by", span, format!("`by=` tells series of rows apart, but `{function}` goes along `{dim}` here"))
        .label(format!("`{dim}` is not the rows of a table"))
        .help("leave `by=` out")
}

pub fn lag_unordered(span: Span, table: &str) -> Diagnostic {
    mistake("lag_unordered", span, format!("the rows of `{table}` have no order, so none is the one before"))
        .help(format!("add `ordered_by: column` to the table `{table}`"))
}

/// A value of an earlier row where there is none.
pub fn no_past(span: Span, lag: &str, place: &str, why: &str) -> Diagnostic {
    mistake("no_past", span, format!("`{lag}` has no value in {place}"))
        .label(why.to_string())
        .help("give rows without a past a value with `before=`")
}

/// A value of an earlier row that is null there.
pub fn past_is_null(span: Span, lag: &str, place: &str, why: &str) -> Diagnostic {
    mistake("no_past", span, format!("`{lag}` has no value in {place}: what it reads in the earlier row is null"))
        .label(why.to_string())
        .help("infer the null, `missing: {column: impute}`, or fill it in the file; `before=` is for rows without a past")
}

/// A row that counts in a likelihood.
pub fn no_past_observed(span: Span, name: &str, lag: &str, place: &str) -> Diagnostic {
    mistake("no_past", span, format!("the likelihood of `{name}` counts {place}, where `{lag}` has no value"))
        .help("leave such rows out with `where:`, or give them a value with `before=`")
}

pub fn two_chains(span: Span, a: &str, b: &str) -> Diagnostic {
    let message = format!("a likelihood depends on `{a}` and on `{b}`, which would be summed out together");
    mistake("discrete_state", span, message).help("make one state of both, whose values are the pairs")
}
