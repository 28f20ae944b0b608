//! The catalogue of mistakes that checking finds, in one place to read. (Those of the text itself
//! are in `errors`.)

use distributions::{Distribution, DistributionError};
use model::Support;

use crate::check::functions;
use crate::diagnostic::Diagnostic;
use crate::errors::{alternatives, suggest};
use crate::expr::{Expr, Ident};
use crate::source::Span;

fn mistake(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, span, message)
}

fn known(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// ` over [school]`, or that it is a single number.
fn over(dims: &str) -> String {
    if dims.is_empty() { "is a single number".into() } else { format!("varies over {dims}") }
}

// ---- data -----------------------------------------------------------------------------------

pub fn data(span: Span, error: &model::DataError) -> Diagnostic {
    let d = mistake("data_file", span, error.message.clone());
    match &error.help {
        Some(help) => d.help(help.clone()),
        None => d.help("paths are relative to the spec's folder"),
    }
}

pub fn no_column(span: Span, name: &str, table: &str, columns: &[String]) -> Diagnostic {
    let d = mistake("unknown_column", span, format!("`{table}` has no column `{name}`"));
    suggest(d.label("no such column"), name, &known(columns))
}

pub fn empty_glob(span: Span, glob: &str, table: &str, columns: &[String]) -> Diagnostic {
    let shown: Vec<&str> = columns.iter().take(12).map(String::as_str).collect();
    mistake("empty_glob", span, format!("no column of `{table}` matches `{glob}`"))
        .help(format!("its columns are {}", shown.join(", ")))
}

pub fn renamed_onto(new: &Ident, table: &str) -> Diagnostic {
    mistake("name_twice", new.span, format!("`{table}` already has a column `{}`", new.name)).label("taken")
}

pub fn null(span: Span, column: &str, table: &str, place: &str, count: usize) -> Diagnostic {
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    mistake("null", span, format!("column `{column}` of `{table}` has no value in {place}{more}"))
        .label("used here")
        .help(format!(
            "say what that means, in `{table}:`, with `missing: {{{column}: drop}}`, or complete the data"
        ))
}

pub fn not_finite(span: Span, column: &str, place: &str, found: f64) -> Diagnostic {
    mistake("not_finite", span, format!("column `{column}` is {found} in {place}")).label("used here")
}

pub fn text_column(span: Span, column: &str, example: Option<(String, String)>, mostly: bool) -> Diagnostic {
    let at = example.map_or(String::new(), |(place, text)| format!(": {place} holds `{text}`"));
    let d = mistake("text_column", span, format!("column `{column}` is not numbers{at}"))
        .label("a number is needed here");
    if mostly {
        d.help("correct the cell, or leave it empty and say what a null means with `missing:`")
    } else {
        d.help(format!("a text column can look values up: `alpha[{column}]`"))
    }
}

pub fn not_labels(span: Span, column: &str, kind: &str) -> Diagnostic {
    mistake("not_labels", span, format!("column `{column}` holds {kind} numbers and cannot be an index"))
        .help("an index is a text or integer column")
}

pub fn key_twice(key: &Ident, label: &str, first: &str, again: &str) -> Diagnostic {
    mistake(
        "key_twice",
        key.span,
        format!("`{}` is not unique: `{label}` is in {first} and {again}", key.name),
    )
    .label("the key")
    .help("a key labels each row once; use `rows:` for rows without labels")
}

pub fn level_missing(span: Span, dim: &str, level: &str) -> Diagnostic {
    mistake("level_missing", span, format!("`levels:` of `{dim}` leaves out `{level}`, which the data have"))
}

pub fn unknown_level(
    span: Span,
    column: &str,
    place: &str,
    label: &str,
    dim: &str,
    labels: &[String],
) -> Diagnostic {
    let d = mistake(
        "unknown_level",
        span,
        format!("`{label}` in {place} of column `{column}` is no level of `{dim}`"),
    );
    suggest(d, label, &known(labels))
}

pub fn stack_dim(dim: &Ident, has: usize, stacked: usize) -> Diagnostic {
    mistake(
        "dim_twice",
        dim.span,
        format!(
            "dimension `{}` is known with other labels ({has} elements, here {stacked} columns)",
            dim.name
        ),
    )
}

pub fn unsupported_outcome(
    span: Span,
    column: &str,
    place: &str,
    found: f64,
    law: &str,
    support: Support,
) -> Diagnostic {
    mistake("outside_support", span, format!("`{column}` is {found} in {place}, which {law} cannot produce"))
        .label(format!("{law} gives {support}"))
        .help("check the data and the choice of the law")
}

pub fn time_before_start(span: Span, place: &str, time: f64, start: f64) -> Diagnostic {
    mistake("time_before_start", span, format!("the time in {place} is {time}, before the start at {start}"))
        .help("set `start:` of the block to the time at which `initial:` holds")
}

// ---- names ----------------------------------------------------------------------------------

pub fn two_things(what: &str, again: &Ident, first: Span) -> Diagnostic {
    mistake("name_twice", again.span, format!("the {what} `{}` is defined twice", again.name))
        .label("again")
        .also(first, "first here")
}

pub fn name_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    mistake("name_twice", span, format!("`{name}` is defined twice")).label("again").also(first, "first here")
}

pub fn name_is_column(span: Span, name: &str, table: &str, at: Span) -> Diagnostic {
    mistake("name_twice", span, format!("`{name}` is also a column of `{table}`"))
        .label("defined here")
        .also(at, "the table")
        .help(format!("call it otherwise, or rename the column with `columns: {{new_name: \"{name}\"}}`"))
}

pub fn dim_twice(dim: &Ident) -> Diagnostic {
    mistake("dim_twice", dim.span, format!("`{}` is already a dimension", dim.name))
        .label("two tables cannot share their rows")
}

pub fn unknown_name(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_name", span, format!("unknown name `{name}`"));
    let d = d.label("not a latent, let, state or column");
    suggest(d, name, &known(names))
}

pub fn unknown_observed(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_name", span, format!("no table has a column `{name}` to observe"));
    suggest(d.label("no such column"), name, &known(names))
}

pub fn observed_is_data(span: Span, name: &str) -> Diagnostic {
    mistake("observed_is_data", span, format!("`{name}` is not data, so it cannot be observed"))
        .help("left of the colon stands a column of a table, or a `let` of columns")
}

pub fn observed_dims(span: Span, name: &str, has: &str) -> Diagnostic {
    mistake("wrong_dimension", span, format!("`{name}` {}", over(has))).label("declared otherwise")
}

pub fn unknown_dim(span: Span, name: &str, names: &[String]) -> Diagnostic {
    let d = mistake("unknown_dimension", span, format!("unknown dimension `{name}`"));
    let d = d.label("not of `dims:`, `rows:`, `key:`, `stack:` or `index:`, nor a text or integer column");
    suggest(d, name, &known(names))
}

pub fn unknown_table(span: Span, name: &str, names: &[String]) -> Diagnostic {
    suggest(mistake("unknown_table", span, format!("unknown table `{name}`")), name, &known(names))
}

pub fn ambiguous(span: Span, name: &str, tables: &[String]) -> Diagnostic {
    let ways: Vec<String> = tables.iter().map(|t| format!("{t}.{name}")).collect();
    let ways: Vec<&str> = ways.iter().map(String::as_str).collect();
    mistake("ambiguous_column", span, format!("`{name}` is a column of several tables"))
        .help(format!("write {}", alternatives(&ways)))
}

pub fn dim_as_value(span: Span, name: &str) -> Diagnostic {
    mistake("dimension_as_value", span, format!("`{name}` is a dimension and has no value of its own"))
        .help("dimensions stand in brackets and after `over=`")
}

pub fn primed_value(span: Span, name: &str) -> Diagnostic {
    mistake("primed_value", span, format!("a prime renames a dimension, not the value `{name}`"))
        .help(format!("write `prime({name})`"))
}

pub fn text_value(span: Span) -> Diagnostic {
    mistake("text_value", span, "a text has no numeric value")
        .help("texts stand for labels, as in `sigma[part='left']`")
}

pub fn member(span: Span) -> Diagnostic {
    mistake("member", span, "only a table has members").help("write `table.column`")
}

pub fn cycle(names: &[(String, Span)]) -> Diagnostic {
    let (first, span) = &names[0];
    let message = if names.len() == 1 {
        format!("`{first}` is defined by itself")
    } else {
        let mut path: Vec<&str> = names.iter().map(|(n, _)| n.as_str()).collect();
        path.push(first);
        format!("definitions go in a circle: {}", path.join(" needs "))
    };
    let mut d = mistake("self_reference", *span, message).label("needs itself");
    for (name, at) in &names[1..] {
        d = d.also(*at, format!("`{name}` is needed on the way"));
    }
    d
}

pub fn later(span: Span, what: &str, when: &str) -> Diagnostic {
    mistake("later", span, format!("{what} is not part of this version yet"))
        .label(format!("comes with {when}"))
}

// ---- dimensions -----------------------------------------------------------------------------

pub fn not_over(span: Span, shown: &str, has: &str, dim: &str) -> Diagnostic {
    mistake("wrong_dimension", span, format!("`{shown}` does not vary over `{dim}`"))
        .label(format!("`{shown}` {}", over(has)))
}

pub fn already_over(span: Span, shown: &str, rows: &str) -> Diagnostic {
    mistake(
        "wrong_dimension",
        span,
        format!("`{shown}` already varies over `{rows}`, the rows it would be looked up by"),
    )
}

pub fn extra_dim(
    span: Span,
    shown: &str,
    dim: &str,
    name: &str,
    has: &str,
    target: Span,
    by: Option<&str>,
) -> Diagnostic {
    let d = mistake("wrong_dimension", span, format!("this varies over `{dim}`, but `{name}` does not"))
        .label(format!("over `{dim}`"))
        .also(target, format!("`{name}` {}", over(has)));
    match by {
        Some(column) => d.help(format!("look each row's value up: `{shown}[{column}]`")),
        None => d.help(format!("declare it as `{name}[{dim}]`, or reduce with `sum(..., over={dim})`")),
    }
}

pub fn let_dims(span: Span, dim: &str, name: &str) -> Diagnostic {
    mistake(
        "wrong_dimension",
        span,
        format!("the value of `{name}` varies over `{dim}`, which is not declared"),
    )
    .help(format!("add `{dim}` to the brackets, or leave them away: a let infers its dimensions"))
}

pub fn contraction(span: Span, left: &str, right: &str, shared: &[String]) -> Diagnostic {
    let d = mistake("contraction", span, "`@` needs exactly one dimension, not rows, that both sides share")
        .label(format!("left {}, right {}", over(left), over(right)));
    match shared {
        [] => d.help("they share none; rows align by themselves, and `*` multiplies element by element"),
        _ => d.help(format!("they share {}; say which with `dot(a, b, over=...)`", shared.join(", "))),
    }
}

pub fn not_square(span: Span, has: &str) -> Diagnostic {
    mistake("wrong_dimension", span, "`transpose` needs dimensions d and d'")
        .label(format!("this {}", over(has)))
}

pub fn prime_of_vector(span: Span, has: &str) -> Diagnostic {
    mistake("wrong_dimension", span, "`prime` renames the one dimension of a vector")
        .label(format!("this {}", over(has)))
}

pub fn over_is_dim(span: Span) -> Diagnostic {
    mistake("over_is_dimension", span, "`over=` takes a dimension").help("write `over=school`")
}

pub fn dot_needs_over(span: Span) -> Diagnostic {
    mistake("dot_needs_over", span, "`dot` needs the dimension to sum over").help("write `dot(a, b, over=d)`")
}

pub fn lookup_by_column(span: Span, shown: &str, dim: Option<&str>) -> Diagnostic {
    let d = mistake("lookup", span, "a lookup names a column").label("not a column");
    match dim {
        Some(dim) => d.help(format!("for one element write `{shown}[{dim}=1]`")),
        None => d,
    }
}

pub fn unknown_lookup(span: Span, name: &str, columns: &[String]) -> Diagnostic {
    let d = mistake("unknown_column", span, format!("there is no column `{name}` to look up by"));
    suggest(d, name, &known(columns))
}

pub fn element_is_constant(span: Span, dim: &str) -> Diagnostic {
    mistake("element", span, format!("an element of `{dim}` is chosen by its number or label"))
}

pub fn unknown_element(span: Span, label: &str, dim: &str, size: usize, labels: &[String]) -> Diagnostic {
    let d = mistake("unknown_element", span, format!("`{dim}` has no element `{label}`"));
    let d = d.label(format!("`{dim}` has {size} elements"));
    suggest(d, label, &known(labels))
}

// ---- functions and laws ---------------------------------------------------------------------

fn distribution_names() -> Vec<&'static str> {
    distributions::DISTRIBUTIONS.iter().map(|d| d.name()).chain(["truncated"]).collect()
}

pub fn unknown_function(span: Span, name: &str) -> Diagnostic {
    let mut names = functions::names();
    names.extend(distribution_names());
    suggest(mistake("unknown_function", span, format!("unknown function `{name}`")), name, &names)
}

pub fn unknown_distribution(span: Span, name: &str) -> Diagnostic {
    let names = distribution_names();
    let d = mistake("unknown_distribution", span, format!("unknown distribution `{name}`"));
    if functions::names().contains(&name) {
        return d.help(
            "a law is a distribution; put the expression among its arguments, as in `normal(log(x), s)`",
        );
    }
    suggest(d, name, &names)
}

pub fn not_a_law(span: Span, e: &Expr) -> Diagnostic {
    mistake("not_a_law", span, format!("`{e}` is not a distribution")).help(
        "right of the colon stands a distribution, such as `normal(0, 1)`; an equation belongs into `let:`",
    )
}

pub fn distribution_here(span: Span, name: &str) -> Diagnostic {
    mistake("distribution_here", span, format!("`{name}` is a distribution and has no value"))
        .help("distributions stand right of the colon in `latent:` and `observe:`")
}

pub fn argument_count(span: Span, name: &str, expected: usize, found: usize) -> Diagnostic {
    let s = if expected == 1 { "" } else { "s" };
    let d = mistake("argument_count", span, format!("`{name}` takes {expected} argument{s}, found {found}"));
    match functions::SPECIAL.iter().find(|f| f.0 == name) {
        Some((_, signature)) => d.help(*signature),
        None => d,
    }
}

pub fn unknown_argument(span: Span, word: &str, function: &str, allowed: &[&str]) -> Diagnostic {
    let d = mistake("unknown_argument", span, format!("`{function}` has no argument `{word}`"));
    suggest(d, word, allowed)
}

pub fn arguments(span: Span, error: &DistributionError, distribution: &dyn Distribution) -> Diagnostic {
    let d = mistake("arguments", span, error.to_string());
    let d = match error {
        DistributionError::UnknownParameter { parameter, known, .. } => suggest(d, parameter, known),
        _ => d,
    };
    if d.help.is_some() {
        return d;
    }
    match distributions::signatures().into_iter().find(|s| s.name == distribution.name()) {
        Some(s) => d.help(format!("the form is `{}`", s.signature)),
        None => d,
    }
}

pub fn latent_domain(
    span: Span,
    distribution: &str,
    parameter: &str,
    domain: impl std::fmt::Display,
    name: &str,
    support: Support,
) -> Diagnostic {
    mistake(
        "outside_support",
        span,
        format!("{parameter} of {distribution} must be {domain}, but `{name}` is {support}"),
    )
    .label(format!("{support}"))
    .help(format!("give `{name}` a prior with that support, such as `half_normal(1)` for a scale"))
}

pub fn bound_is_constant(span: Span, word: &str) -> Diagnostic {
    mistake("bound_is_constant", span, format!("`{word}` must be a number in this version"))
        .label("not a constant")
        .help("bounds that depend on other latents come later")
}

pub fn truncated_form(span: Span) -> Diagnostic {
    mistake("truncated", span, "`truncated` takes one distribution, and bounds by name")
        .help("write `truncated(normal(1, 0.5), lower=0)`")
}

pub fn discrete_latent(span: Span, name: &str, law: &str) -> Diagnostic {
    mistake(
        "discrete_latent",
        span,
        format!("`{name}` would be discrete ({law}): discrete latents are not part of this version yet"),
    )
}

pub fn where_is_data(span: Span) -> Diagnostic {
    mistake("where_is_data", span, "`where:` is a condition on the row's columns")
        .label("depends on more than that")
}

// ---- solves, arrays -------------------------------------------------------------------------

pub fn solve_rows(span: Span, name: &str) -> Diagnostic {
    mistake("solve_rows", span, format!("at which table's rows is the solution of `{name}` wanted?"))
        .help("add `rows:` with the row dimension of that table")
}

pub fn times_are_data(span: Span) -> Diagnostic {
    mistake("times_are_data", span, "`at:` must be data").help("name the column that holds the times")
}

pub fn times_dims(span: Span, rows: &str) -> Diagnostic {
    mistake("times_are_data", span, format!("`at:` needs one time for each row of `{rows}`"))
}

pub fn start_is_number(span: Span) -> Diagnostic {
    mistake("start_is_number", span, "`start:` is a finite number")
}

pub fn state_is_scalar(span: Span, what: &str, state: &str, dim: &str) -> Diagnostic {
    mistake(
        "wrong_dimension",
        span,
        format!("the {what} of `{state}` varies over `{dim}`, but a state is one number"),
    )
    .help("choose an element (`theta[i=1]`) or reduce")
}

pub fn row_in_rate(span: Span, column: &str, at: &str) -> Diagnostic {
    mistake(
        "row_in_rate",
        span,
        format!("`{column}` is known at the rows only, but a rate needs it at every time"),
    )
    .label("a row's value")
    .help(format!("write `interp({at}, {column})` (comes with the ODE issue), or use a parameter"))
}

pub fn array_here(span: Span) -> Diagnostic {
    mistake("array", span, "an array of constants stands alone, in a `let:` with declared dimensions")
        .help("write `m[i]: [1, 2, 3]` in `let:`, and use `m`")
}

pub fn array_needs_dims(span: Span) -> Diagnostic {
    mistake("array", span, "an array needs its dimensions on the left")
        .help("write `m[i]: [1, 2, 3]`, with `i` in `dims:`")
}

pub fn array_length(span: Span, dim: &str, expected: usize, found: usize) -> Diagnostic {
    mistake("array", span, format!("`{dim}` has {expected} elements, this array has {found}"))
}

pub fn array_depth(span: Span, dim: &str) -> Diagnostic {
    mistake("array", span, format!("an array over `{dim}` is needed here"))
}

pub fn array_constant(span: Span) -> Diagnostic {
    mistake("array", span, "an array holds constants").label("not a constant")
}
