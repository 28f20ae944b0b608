//! Mistakes of dimensions: lookups, products, reductions.


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
