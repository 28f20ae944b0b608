//! Mistakes of initial value problems.

use super::{mistake, over};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub fn solve_rows(span: Span, name: &str) -> Diagnostic {
    mistake("solve_rows", span, format!("at which table's rows is the solution of `{name}` wanted?"))
        .help("add `rows:` with the row dimension of that table")
}

pub fn times_are_data(span: Span) -> Diagnostic {
    mistake("times_are_data", span, "`at:` must be data").help("name the column that holds the times")
}

pub fn times_dims(span: Span, rows: &str) -> Diagnostic {
    mistake("times_are_data", span, format!("`at:` needs one time for each row of `{rows}`"))
        .help("name the column that holds the times")
}

pub fn start_is_number(span: Span) -> Diagnostic {
    mistake("start_is_number", span, "`start:` is a finite number")
}

pub fn time_before_start(span: Span, place: &str, time: f64, start: f64) -> Diagnostic {
    mistake("time_before_start", span, format!("the time in {place} is {time}, before the start at {start}"))
        .label("these times")
        .help("set `start:` of the block to the time at which `initial:` holds")
}

pub fn time_not_finite(span: Span, place: &str, time: f64) -> Diagnostic {
    mistake("not_finite", span, format!("the time in {place} is {time}")).label("these times")
}

pub fn state_is_scalar(span: Span, what: &str, state: &str, dim: &str) -> Diagnostic {
    let message = format!("the {what} of `{state}` varies over `{dim}`, but a state is one number");
    mistake("wrong_dimension", span, message).help("choose an element (`theta[i=1]`) or reduce")
}

pub fn row_in_rate(span: Span, culprit: &str, at: &str) -> Diagnostic {
    let message = format!("{culprit} is known at the rows only, but a rate needs it at every time");
    let d = mistake("row_in_rate", span, message).label("a row's value");
    match culprit.strip_prefix('`').and_then(|c| c.strip_suffix('`')) {
        Some(name) => {
            d.help(format!("write `interp({at}, {name})` (comes with a later version), or use a parameter"))
        }
        None => d.help("use a parameter; values between the rows come with a later version"),
    }
}

pub fn row_in_initial(span: Span, culprit: &str, state: &str) -> Diagnostic {
    let message = format!("{culprit} varies from row to row, but `{state}` starts once");
    mistake("wrong_dimension", span, message).label("a row's value").help("use a parameter or a number")
}

/// A reduction of something that runs, without `over=`.
pub fn reduce_in_rate(span: Span, function: &str, has: &str) -> Diagnostic {
    let message = format!("`{function}` needs `over=` in a rate, where states and time are single numbers");
    let d = mistake("reduce_in_rate", span, message).label(format!("what it reduces {}", over(has)));
    match has {
        "" => d.help("reduce over the rows in a `let:` of its own that mentions no state, and use that"),
        _ => d.help(format!("write `{function}(..., over=d)` with `d` of {has}")),
    }
}

/// What the solver says of the block.
pub fn solver(span: Span, why: &str) -> Diagnostic {
    mistake("ode", span, why)
}

pub fn rate_too_large(span: Span) -> Diagnostic {
    mistake("too_large", span, "the rates of this block are too large, written out element by element")
        .help("make the dimensions that they reduce over smaller")
}

pub fn discrete_in_rate(span: Span, name: &str) -> Diagnostic {
    mistake(
        "discrete_in_rate",
        span,
        format!("a rate or initial value may not depend on `{name}`, which is discrete"),
    )
    .help("write one model a value, or let it be continuous")
}
