//! Mistakes of dimensions: lookups, products, reductions, arrays.

use super::{mistake, over, shown, suggest};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub fn not_over(span: Span, what: &str, has: &str, dim: &str) -> Diagnostic {
    mistake("wrong_dimension", span, format!("`{what}` does not vary over `{dim}`"))
        .label(format!("`{what}` {}", over(has)))
}

/// A lookup by a column whose levels are a dimension of its own: `levels` are those that `what` varies over,
/// as the column could.
pub fn not_over_levels(
    span: Span,
    what: &str,
    has: &str,
    (column, table): (&str, &str),
    levels: Option<&str>,
) -> Diagnostic {
    let d = not_over(span, what, has, column);
    match levels {
        Some(dim) => d.help(format!(
            "if `{column}` holds levels of `{dim}`, say so in `{table}:`: `index: {{{column}: {dim}}}`"
        )),
        None => d,
    }
}

pub fn already_over(span: Span, what: &str, rows: &str) -> Diagnostic {
    let message = format!("`{what}` already varies over `{rows}`, the rows it would be looked up by");
    mistake("wrong_dimension", span, message).help(format!(
        "two columns of one table look up together, `beta[g, h]`; where `{rows}` labels the rows (`key:`), declare \
         them by `rows:` and another name, and look both columns up"
    ))
}

/// What a left side that lacks a dimension of its law could do about it.
pub enum Remedy<'a> {
    /// Look each row's value up by a column.
    LookUp(&'a str),
    /// Declare the dimension.
    Declare,
    /// Data: its dimensions are what they are.
    Reduce,
}

/// `culprit` varies over `dim`, which the left side, `name`, lacks.
pub fn extra_dim(
    (culprit, span): (&str, Span),
    dim: &str,
    (name, has, target): (&str, &str, Span),
    remedy: &Remedy,
) -> Diagnostic {
    let d = mistake("wrong_dimension", span, format!("{culprit} varies over `{dim}`, but `{name}` does not"))
        .label(format!("over `{dim}`"))
        .also(target, format!("`{name}` {}", over(has)));
    let shown = culprit.strip_prefix('`').and_then(|c| c.strip_suffix('`')).unwrap_or("...");
    d.help(match remedy {
        Remedy::LookUp(column) => format!("look each row's value up: `{shown}[{column}]`"),
        Remedy::Declare if has.is_empty() => {
            format!("declare it as `{name}[{dim}]`, or reduce with `sum({shown}, over={dim})`")
        }
        Remedy::Declare => {
            format!("add `{dim}` to the brackets of `{name}`, or reduce with `sum({shown}, over={dim})`")
        }
        Remedy::Reduce => {
            format!("reduce with `sum({shown}, over={dim})`, or choose one: `{shown}[{dim}=1]`")
        }
    })
}

pub fn let_dims(span: Span, dim: &str, name: &str) -> Diagnostic {
    let message = format!("the value of `{name}` varies over `{dim}`, which is not declared");
    mistake("wrong_dimension", span, message)
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

/// `written` stands where a column should.
/// `element`: how one element is written, `part=left, i=2`; empty where there is but one.
pub fn lookup_by_column(span: Span, what: &str, element: &str) -> Diagnostic {
    let d = mistake("lookup", span, "a lookup names a column").label("not a column");
    match element {
        "" => d,
        element => d.help(format!("for one element write `{what}[{element}]`")),
    }
}

pub fn unknown_lookup(span: Span, name: &str, columns: &[String]) -> Diagnostic {
    let d = mistake("unknown_column", span, format!("there is no column `{name}` to look up by"));
    suggest(d.label("no such column"), name, columns)
}

pub fn unknown_parent_column(span: Span, name: &str, columns: &[String]) -> Diagnostic {
    let message = format!("no table with a `key:` has a column `{name}` to look up by");
    suggest(mistake("unknown_column", span, message).label("no such column of a parent"), name, columns)
}

/// `lookup`: what may have been meant.
pub fn element_is_constant(span: Span, dim: &str, lookup: Option<String>) -> Diagnostic {
    let d = mistake("element", span, format!("an element of `{dim}` is chosen by its number or label"))
        .label("neither a whole number nor a label");
    match lookup {
        Some(lookup) => looked_up_by(d, &lookup),
        None => d,
    }
}

/// `mu[k=kind]`, where `kind` is a column or a discrete latent.
pub fn looked_up_by(d: Diagnostic, lookup: &str) -> Diagnostic {
    d.help(format!("each row's own element is looked up without the dimension: `{lookup}`"))
}

pub fn unknown_element(span: Span, label: &str, dim: &str, size: usize, labels: &[String]) -> Diagnostic {
    let d = mistake("unknown_element", span, format!("`{dim}` has no element `{}`", shown(label)));
    let s = if size == 1 { "" } else { "s" };
    let counted = if labels.first().is_some_and(|first| first == "1") { ", counted from 1" } else { "" };
    suggest(d.label(format!("`{dim}` has {size} element{s}{counted}")), label, labels)
}

/// `10 million`
fn count(n: u64) -> String {
    if n.is_multiple_of(1_000_000) { format!("{} million", n / 1_000_000) } else { n.to_string() }
}

/// More elements than the budget allows.
pub fn too_large(span: Span, has: &str, limit: u64) -> Diagnostic {
    mistake("too_large", span, format!("this would have more than {} elements", count(limit)))
        .label(over(has))
        .help("reduce over a dimension earlier, or make the dimensions smaller")
}

/// More numbers than the budget allows.
pub fn more_than(limit: u64) -> String {
    format!("more than {} numbers", count(limit))
}

/// Discrete variables, each with how many values it has, that meet in one term of the density.
pub fn too_many_combinations(span: Span, met: &[(&str, usize)], too_much: &str) -> Diagnostic {
    const SHOWN: usize = 6;
    let mut names: Vec<String> = met.iter().take(SHOWN).map(|(name, n)| format!("`{name}` ({n})")).collect();
    if met.len() > SHOWN {
        names.push(format!("{} more", met.len() - SHOWN));
    }
    let last = names.pop().unwrap_or_default();
    let combinations = met.iter().map(|(_, n)| *n as f64).product::<f64>();
    let shown = if combinations < 1e12 { count(combinations as u64) } else { format!("{combinations:.0e}") };
    let message =
        format!("{} discrete latents are summed out together here, in {shown} combinations", met.len());
    mistake("too_many_combinations", span, message)
        .label(format!("{} and {last}: {too_much}", names.join(", ")))
        .help(
            "those that meet in no law or factor are summed out one by one: let fewer of them meet, give them \
             fewer values, or give each a value by row (`z[row]`)",
        )
}

pub fn too_many_values(span: Span, what: &str, limit: u64) -> Diagnostic {
    mistake("too_large", span, format!("more than {} {what}", count(limit)))
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
    let (s, t) = (if expected == 1 { "" } else { "s" }, if found == 1 { "" } else { "s" });
    mistake("array", span, format!("`{dim}` has {expected} element{s}, this array has {found}"))
        .label(format!("{found} element{t}"))
}

pub fn array_depth(span: Span, dim: &str) -> Diagnostic {
    mistake("array", span, format!("an array over `{dim}` is needed here"))
        .help("an array over two dimensions is a list of lists: `[[4, 2], [2, 4]]`")
}

pub fn array_constant(span: Span) -> Diagnostic {
    mistake("array", span, "an array holds numbers").label("not a finite constant")
}
