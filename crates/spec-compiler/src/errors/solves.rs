//! Mistakes of solves and arrays.


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
