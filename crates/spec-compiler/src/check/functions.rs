//! Functions of the language that act element by element: one line each.

use graph::ir::{Binary, Unary};

use crate::check::expr::{BASES, COMPOSED, MATRICES};

/// What a function of one argument is in the graph.
pub const ELEMENTWISE: &[(&str, Unary, &str)] = &[
    ("exp", Unary::Exp, "e^x"),
    ("log", Unary::Ln, "natural logarithm"),
    ("log1p", Unary::Log1p, "log(1 + x), with its digits near 0"),
    ("expm1", Unary::Expm1, "e^x - 1, with its digits near 0"),
    ("sqrt", Unary::Sqrt, "square root"),
    ("square", Unary::Square, "x^2"),
    ("abs", Unary::Abs, "absolute value"),
    ("sin", Unary::Sin, "sine (radians)"),
    ("cos", Unary::Cos, "cosine (radians)"),
    ("atan", Unary::Atan, "arctangent, in radians"),
    ("tanh", Unary::Tanh, "hyperbolic tangent"),
    ("sigmoid", Unary::Sigmoid, "1 / (1 + e^-x)"),
    ("softplus", Unary::Softplus, "log(1 + e^x)"),
    ("erf", Unary::Erf, "error function"),
    ("erfc", Unary::Erfc, "1 - erf(x), with its digits for large x"),
    ("lgamma", Unary::Lgamma, "logarithm of the gamma function"),
    ("digamma", Unary::Digamma, "derivative of lgamma"),
    ("sign", Unary::Sign, "-1, 0 or 1 (no gradient)"),
    ("log_normal_cdf", Unary::LogNdtr, "log of the standard normal's cdf, with its digits far out"),
    ("floor", Unary::Floor, "largest whole number not above x (no gradient)"),
];

/// Of two arguments.
pub const PAIRWISE: &[(&str, Binary, &str)] =
    &[("maximum", Binary::Max, "the larger of two"), ("minimum", Binary::Min, "the smaller of two")];

/// With forms of their own: name, signature and meaning.
pub const SPECIAL: &[(&str, &str, &str)] = &[
    ("sum", "sum(e, over=d)", "the sum, over all dimensions without `over`"),
    ("mean", "mean(e, over=d)", "the mean"),
    ("sd", "sd(e, over=d)", "the standard deviation; divides by n - 1"),
    ("max", "max(e, over=d)", "the largest"),
    ("min", "min(e, over=d)", "the smallest"),
    ("logsumexp", "logsumexp(e, over=d)", "log(sum(exp(e)))"),
    ("dot", "dot(a, b, over=d)", "the sum of products over one dimension"),
    ("where", "where(c, a, b)", "a where c holds, else b"),
    ("convert", "convert(x, mM)", "x in another unit; of a bare number, the number in that unit"),
    ("lag", "lag(e, k)", "e of the row k before, in a table with `ordered_by:`; `by=`, `before=`"),
    ("lags", "lags(e, n, over=d)", "lag(e, 1) to lag(e, n) side by side along d"),
    ("new", "new(z)", "inside a recurrence, the state z at the row itself"),
    ("prime", "prime(v)", "v with its dimension d renamed to d'"),
    ("transpose", "transpose(M)", "d and d' exchanged"),
];

/// Functions of the language that later versions bring.
pub const LATER: &[&str] =
    &["anneal", "cosine", "diffusion_sample", "interp", "perceptual", "restricted_mean", "survival"];

/// Distributions of the language that later versions bring.
pub const LATER_LAWS: &[&str] = &["gumbel_softmax", "logistic_normal", "relaxed_bernoulli"];

/// All names, for "did you mean" and the documentation.
pub fn names() -> Vec<&'static str> {
    let elementwise = ELEMENTWISE.iter().map(|f| f.0);
    elementwise.chain(PAIRWISE.iter().map(|f| f.0)).chain(with_forms().map(|f| f.0)).collect()
}

/// How a function is called, where it has a form of its own.
pub fn signature(name: &str) -> Option<&'static str> {
    with_forms().find(|f| f.0 == name).map(|f| f.1)
}

/// Every function for people: how it is called, and its meaning.
pub fn forms() -> Vec<(String, &'static str)> {
    let one = ELEMENTWISE.iter().map(|f| (format!("{}(x)", f.0), f.2));
    let two = PAIRWISE.iter().map(|f| (format!("{}(a, b)", f.0), f.2));
    one.chain(two).chain(with_forms().map(|f| (f.1.to_string(), f.2))).collect()
}

/// Functions with forms of their own: name, form and meaning.
fn with_forms() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let read_by_table = COMPOSED.iter().chain(MATRICES).chain(BASES);
    SPECIAL.iter().copied().chain(read_by_table.map(|f| (f.0, f.1, f.2)))
}

/// Distributions, now or later, and what modifies them.
pub fn is_law(name: &str) -> bool {
    distributions::lookup(name).is_some() || modifiers().any(|m| m == name) || LATER_LAWS.contains(&name)
}

/// Words that make a law of laws.
pub fn modifiers() -> impl Iterator<Item = &'static str> {
    modifier_forms().map(|m| m.0)
}

/// The same: name, form and meaning.
pub fn modifier_forms() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    super::laws::modifiers()
}
