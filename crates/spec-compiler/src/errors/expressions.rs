//! Mistakes of an expression's grammar.

use units::Unit;

use super::{mistake, shown, suggest};
use crate::diagnostic::Diagnostic;
use crate::expr::{DimName, Ident};
use crate::source::Span;

pub fn empty_expression(span: Span) -> Diagnostic {
    mistake("empty_expression", span, "an expression is missing here")
}

pub fn expected_value(span: Span, found: &str) -> Diagnostic {
    mistake("expected_value", span, format!("expected a number, a name or a bracket, found {found}"))
}

pub fn missing_operand(span: Span, op: &str, op_span: Span, found: &str) -> Diagnostic {
    mistake("missing_operand", span, format!("`{op}` needs a value on its right, found {found}"))
        .also(op_span, "for this operator")
}

/// `quantity` is a number, and the name behind it that may have been meant to be its unit: `(10, mM)`.
pub fn missing_operator(span: Span, found: &str, quantity: Option<(f64, &str)>) -> Diagnostic {
    mistake("missing_operator", span, format!("expected an operator or the end, found {found}"))
        .label("an operator is missing before this")
        .help(match quantity {
            Some((number, name)) => product_or_quantity(&number.to_string(), name),
            None => "a product is written with `*`".into(),
        })
}

/// `if c then a else b`
pub fn no_conditional(span: Span) -> Diagnostic {
    mistake("foreign_operator", span, "`if` is not part of an expression")
        .help("a choice is written `where(condition, a, b)`")
}

/// What a name right behind a number was meant to be.
fn product_or_quantity(number: &str, name: &str) -> String {
    let product = format!("a product is written `{number} * {name}`");
    match Unit::parse(name) {
        Ok(_) => format!("{product}; a number in a unit is `convert({number}, {name})`"),
        Err(_) => product,
    }
}

pub fn missing_argument(span: Span, after: Span) -> Diagnostic {
    mistake("missing_argument", span, "an argument is missing here").also(after, "after this")
}

pub fn stray_comma(span: Span) -> Diagnostic {
    mistake("stray_comma", span, "a comma stands only between arguments, indices and list items")
        .help("write a list in square brackets: `[1, 2]`")
}

pub fn stray_close(span: Span, close: char) -> Diagnostic {
    mistake("stray_bracket", span, format!("`{close}` closes nothing"))
}

pub fn mismatched_close(span: Span, found: char, open: Span, wanted: char) -> Diagnostic {
    mistake("stray_bracket", span, format!("expected `{wanted}`, found `{found}`")).also(open, "opened here")
}

pub fn unclosed(open: Span, bracket: char, close: char, end: Span) -> Diagnostic {
    let mistake =
        mistake("unclosed_bracket", open, format!("`{bracket}` is never closed")).label("opened here");
    mistake.also(end, format!("expected `{close}` by here")).help(format!("add `{close}`"))
}

pub fn unclosed_text(span: Span, quote: char) -> Diagnostic {
    mistake("unclosed_quote", span, format!("the quote {quote} is never closed"))
}

pub fn empty_brackets(span: Span) -> Diagnostic {
    mistake("empty_expression", span, "there is nothing in these brackets")
}

pub fn empty_index(span: Span) -> Diagnostic {
    mistake("empty_expression", span, "there is no index in these brackets")
        .help("write a column, `alpha[county]`, or one element, `theta[i=2]`")
}

pub fn single_equals(span: Span) -> Diagnostic {
    mistake("single_equals", span, "a single `=` only names an argument or a dimension")
        .help("to compare, write `==`")
}

pub fn foreign_operator(span: Span, found: &str, instead: &str) -> Diagnostic {
    let mistake =
        mistake("foreign_operator", span, format!("`{}` is not part of an expression", found.escape_debug()));
    match (instead, found) {
        (_, "~") => mistake.help("a law stands after a colon: `y: normal(b0 + b * x, s)`"),
        (_, ";") => mistake.help("leave it out: an entry ends with its line"),
        (_, "?") => mistake.help("a choice is written `where(c, a, b)`"),
        ("", _) => mistake,
        (instead, _) => mistake.help(format!("use `{instead}`")),
    }
}

pub fn query_only(span: Span, found: &str) -> Diagnostic {
    let d = mistake("query_only", span, format!("{found} belongs to `queries:`, not to an expression"));
    match found {
        "`|`" => d.help(
            "a law given others stands after a colon, `y: normal(mu, s)`; a group's own intercept, `(1 | g)` in R, \
             is a latent `a[g]`; a choice is `or`",
        ),
        _ => d,
    }
}

/// `number` is followed by something glued to it; its first `valid` bytes are a number.
pub fn malformed_number(span: Span, number: &str, valid: usize) -> Diagnostic {
    let text = shown(number);
    let mistake = mistake("malformed_number", span, format!("`{text}` is not a number"));
    let rest = &number[valid..];
    let plain = number.replace('_', "");
    if plain != number && plain.parse::<f64>().is_ok() {
        return mistake.help(format!("write `{plain}`"));
    }
    if rest.is_empty() {
        let plain = number.trim_start_matches('0');
        let zero = if plain.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
        return mistake.help(format!("write `{zero}{plain}`, or quote it if it is a label"));
    }
    if rest.starts_with(|c: char| c.is_alphabetic()) && !number.starts_with("0x") {
        return mistake.help(product_or_quantity(&number[..valid], rest));
    }
    mistake
}

pub fn number_too_large(span: Span, number: &str) -> Diagnostic {
    let text = shown(number);
    mistake("number_out_of_range", span, format!("`{text}` is larger than any 64-bit float"))
        .help("for no bound at all, leave the argument out")
}

pub fn chained_comparison(span: Span, left: Span) -> Diagnostic {
    mistake("chained_comparison", span, "comparisons do not chain")
        .also(left, "this is 0 or 1 already")
        .help("write `a < b and b < c`")
}

pub fn bracket_not(span: Span) -> Diagnostic {
    mistake("bracket_not", span, "`not` binds less tightly than what stands before it")
        .help("put it into brackets: `a == (not b)`")
}

pub fn not_callable(open: Span, base: Span) -> Diagnostic {
    mistake("not_callable", open, "only a function's name can be followed by `(`")
        .also(base, "this is no name of a function")
        .help("a product is written with `*`")
}

/// `np.exp(x)`
pub fn module_call(open: Span, base: Span, function: &str) -> Diagnostic {
    mistake("not_callable", open, "functions have no module")
        .also(base, "a point stands between a table and its column")
        .help(format!("write `{function}(...)`"))
}

pub fn repeated_argument(again: &Ident, first: Span) -> Diagnostic {
    mistake("repeated_argument", again.span, format!("the argument `{}` is given twice", again.name))
        .label("again")
        .also(first, "first here")
}

pub fn positional_after_named(span: Span, named: &Ident) -> Diagnostic {
    mistake("positional_after_named", span, "an argument without a name follows one with a name")
        .also(named.span, "the first with a name")
        .help("put the arguments without names first, or name this one too")
}

pub fn repeated_dimension(again: &DimName, first: Span) -> Diagnostic {
    let mistake =
        mistake("repeated_dimension", again.span, format!("the dimension `{again}` stands here twice"));
    mistake.also(first, "first here").help(format!("the second copy of a dimension is `{again}'`"))
}

pub fn not_a_declaration(span: Span, found: String) -> Diagnostic {
    mistake(
        "not_a_declaration",
        span,
        format!("the left of a colon is a name, with dimensions in brackets; found {found}"),
    )
    .help(match found.as_str() {
        "`<`" => "bounds come from the prior: `sigma: half_normal(1)`, `x: truncated(normal(0, 1), lower=0)`",
        _ => "write `theta` or `theta[school]`",
    })
}

pub fn expected_name(span: Span, expected: &str, found: &str) -> Diagnostic {
    let d = mistake("expected_name", span, format!("expected {expected}, found {found}"));
    let size = found.trim_matches('`');
    if expected == "a dimension" && size.parse::<u32>().is_ok() {
        return d.help(format!("dimensions have names: `dims: {{k: {size}}}`, and then `theta[k]`"));
    }
    d
}

/// `for i in 1:N: ...`
pub fn no_loops(span: Span) -> Diagnostic {
    mistake("no_loops", span, "there are no loops")
        .help("`y: normal(mu, s)` holds for every row of `y`, and `theta[k]: ...` for every element of `k`")
}

pub fn unexpected_prime(span: Span, name: &str) -> Diagnostic {
    mistake("unexpected_prime", span, format!("only a dimension can carry a prime, not `{name}`"))
}

pub fn expression_too_deep(span: Span) -> Diagnostic {
    mistake("expression_too_deep", span, "this expression is nested too deeply")
        .help("give a part of it a name in `let:`")
}

pub fn expression_too_long(span: Span) -> Diagnostic {
    mistake("expression_too_long", span, "this expression is too long")
        .help("give parts of it names in `let:`; data belong into tables")
}

pub fn function_in_rate(span: Span, name: &str) -> Diagnostic {
    mistake("function_in_rate", span, format!("`{name}` of a state or the time cannot stand in a rate"))
        .help("it would have to be computed again at every step; use it on what does not run")
}

pub fn over_is_needed(span: Span, name: &str, has: &str) -> Diagnostic {
    mistake(
        "over_is_needed",
        span,
        format!("`{name}` goes along one dimension, and this {}", super::over(has)),
    )
    .help(format!("say along which: `{name}(e, over=d)`"))
}

pub fn kernel_of(span: Span, has: &str) -> Diagnostic {
    mistake(
        "kernel_of",
        span,
        format!("a kernel compares the rows of a column, and this {}", super::over(has)),
    )
    .help("give it a column, or a stack of columns, as in `squared_exponential(x, length)`")
}

pub fn points(span: Span, name: &str, dim: &str) -> Diagnostic {
    mistake("kernel_of", span, format!("`{name}` takes one column, and this varies over {dim} too"))
}

pub fn kernel_name(span: Span, found: &str) -> Diagnostic {
    let known = ["squared_exponential", "matern12", "matern32", "matern52"];
    suggest(mistake("kernel_name", span, format!("`{found}` is not a kernel")), found, &known)
}

pub fn basis_of_data(span: Span, name: &str) -> Diagnostic {
    mistake("basis_of_data", span, format!("`{name}` is made from a column")).label("depends on a latent")
}

pub fn basis_over(span: Span, name: &str) -> Diagnostic {
    mistake("basis_over", span, format!("`{name}` needs a dimension for its functions"))
        .help(format!("declare one, `dims: {{basis: 20}}`, and write `{name}(x, over=basis)`"))
}

pub fn basis_number(span: Span, name: &str, least: f64) -> Diagnostic {
    let what = if name == "degree" { "whole number" } else { "number" };
    mistake("basis_number", span, format!("`{name}` must be a {what} from {least}"))
}

pub fn spline_size(span: Span, size: usize, degree: usize) -> Diagnostic {
    let message =
        format!("a spline of degree {degree} needs {} functions at least, found {size}", degree + 1);
    mistake("spline_size", span, message)
}

pub fn spline_knots(span: Span, inner: usize) -> Diagnostic {
    mistake("spline_knots", span, format!("`knots` must be {inner} ascending numbers here"))
        .help("the inner knots: as many as there are functions, less the degree and one")
}

pub fn basis_constant(span: Span) -> Diagnostic {
    mistake("basis_constant", span, "this is the same in every row, and a basis needs a range")
}
