//! Laws: calls of distributions and what modifies them, their arguments and supports.

mod call;
mod combined;
mod window;
mod zeros;

use graph::ir::{Binary, Unary};
use model::Support;

use crate::check::expr::{self, Context};
use crate::check::functions;
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Expr, ExprKind, Ident};
use crate::typed::{DimRef, Kind, Law, Typed};

pub use call::{has_levels, offender, out_of_domain};

/// What a modifier is called, its form and meaning, and how it is read.
type Modifier = (&'static str, &'static str, &'static str, Read);
type Read = fn(&mut Scope, &Expr, &[Arg], &Context) -> Option<Law>;

/// Words that make a law of laws. A new one is a function and a line here.
const MODIFIERS: &[Modifier] = &[
    ("truncated", "truncated(d, lower=, upper=)", "`d` given that it lies between bounds", window::truncated),
    (
        "censored",
        "censored(d, left=, right=, interval=[lo, hi])",
        "where a condition holds only a bound of `d` is known",
        window::censored,
    ),
    ("ordered", "ordered(d)", "`d` for each element, in ascending order", combined::ordered),
    (
        "mixture",
        "mixture(weights, d1, d2, ...)",
        "one of several laws; also `mixture(w, d, over=k)`",
        combined::mixture,
    ),
    (
        "zero_inflated",
        "zero_inflated(d, zero=p)",
        "zero with probability p, else the count `d`, which may be zero too; or `zero_logit=`",
        zeros::zero_inflated,
    ),
    (
        "hurdle",
        "hurdle(d, zero=p)",
        "zero with probability p, else `d` given that it is not zero; or `zero_logit=`",
        zeros::hurdle,
    ),
];

/// The words that make a law of laws: name, form and meaning.
pub fn modifiers() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    MODIFIERS.iter().map(|m| (m.0, m.1, m.2))
}

/// The law `e` as it stands right of a colon in `latent:` or `observe:`.
pub fn law(scope: &mut Scope, e: &Expr, context: &Context) -> Option<Law> {
    let ExprKind::Call { function, args } = &e.kind else {
        return scope.fail(errors::law_expected(e.span, "what a law is made of", &e.to_string()));
    };
    let name = function.name.as_str();
    if let Some((.., read)) = MODIFIERS.iter().find(|m| m.0 == name) {
        return read(scope, e, args, context);
    }
    if let Some(distribution) = distributions::lookup(name) {
        return call::call(scope, e, distribution, args, context);
    }
    match functions::is_law(name) {
        true => scope.fail(errors::later_version(function.span, &format!("`{name}`"))),
        false => scope.fail(errors::unknown_distribution(function.span, name)),
    }
}

/// The one law by position that a modifier takes, and its arguments by name: those in `allowed`.
fn modified<'e, const N: usize>(
    scope: &mut Scope,
    e: &Expr,
    args: &'e [Arg],
    allowed: [&'static str; N],
    context: &Context,
) -> Option<(Law, [Option<&'e Expr>; N])> {
    let ExprKind::Call { function, .. } = &e.kind else { return None };
    let (form, _) = form_of(&function.name);
    let mut named = [None; N];
    let mut inner = None;
    for (i, a) in args.iter().enumerate() {
        match &a.name {
            None if i == 0 => inner = Some(&a.value),
            None => return scope.fail(errors::modifier_form(a.value.span, &function.name, form)),
            Some(word) => match allowed.iter().position(|w| *w == word.name) {
                Some(k) => named[k] = Some(&a.value),
                None => {
                    let name = &function.name;
                    return scope.fail(errors::unknown_argument(word.span, &word.name, name, &allowed));
                }
            },
        }
    }
    let Some(inner) = inner else {
        return scope.fail(errors::modifier_form(e.span, &function.name, form));
    };
    Some((law(scope, inner, context)?, named))
}

fn form_of(name: &str) -> (&'static str, &'static str) {
    MODIFIERS.iter().find(|m| m.0 == name).map_or(("", ""), |m| (m.1, m.2))
}

/// The value of an argument that is one number.
pub fn constant_of(scope: &Scope, t: &Typed) -> Option<f64> {
    match &t.kind {
        Kind::Const(x) => Some(*x),
        Kind::Let(i) => scope.lets[*i].constant,
        Kind::Spread(x) => constant_of(scope, x),
        Kind::Apply1(op, x) => {
            let x = constant_of(scope, x)?;
            match op {
                Unary::Neg => Some(-x),
                Unary::Exp => Some(x.exp()),
                Unary::Ln => Some(x.ln()),
                Unary::Sqrt => Some(x.sqrt()),
                Unary::Square => Some(x * x),
                _ => None,
            }
        }
        Kind::Apply2(op, a, b) => {
            let (a, b) = (constant_of(scope, a)?, constant_of(scope, b)?);
            match op {
                Binary::Add => Some(a + b),
                Binary::Sub => Some(a - b),
                Binary::Mul => Some(a * b),
                Binary::Div => Some(a / b),
                Binary::Pow => Some(a.powf(b)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The values of an argument that is an array of constants, by whatever name.
fn array_behind<'s>(scope: &'s Scope, t: &'s Typed) -> &'s [f64] {
    let mut here = t;
    loop {
        here = match &here.kind {
            Kind::Array { values, .. } => return values,
            Kind::Let(i) => match &scope.lets[*i].done {
                Some(let_) => &let_.value,
                None => return &[],
            },
            _ => return &[],
        }
    }
}

/// The latent that an argument is, or is an element of, and its support: of an element on the diagonal of a
/// matrix that element's own.
fn latent_behind<'s>(scope: &'s Scope, t: &Typed) -> Option<(&'s str, Support)> {
    let mut here = t;
    let mut taken: Vec<(DimRef, usize)> = Vec::new();
    loop {
        here = match &here.kind {
            Kind::Latent(i) => {
                let latent = scope.latents[*i].done.as_ref()?;
                let at = |d: &DimRef| taken.iter().find(|(dim, _)| dim == d).map(|(_, at)| *at);
                let on_diagonal = match &latent.law.event[..] {
                    [row, col] => at(row).is_some() && at(row) == at(col),
                    _ => false,
                };
                let support = match latent.law.support {
                    Support::PositiveDefinite if on_diagonal => Support::POSITIVE,
                    Support::CholeskyCorrelation if on_diagonal => Support::UNIT,
                    other => other,
                };
                return Some((&latent.name, support));
            }
            Kind::Element { base, dim, at } => {
                taken.push((*dim, *at));
                base
            }
            Kind::Rename { base, map } => {
                for (dim, _) in &mut taken {
                    *dim = map.iter().find(|(_, to)| to == dim).map_or(*dim, |(from, _)| *from);
                }
                base
            }
            Kind::Lookup { base, .. } | Kind::At { base, .. } => base,
            _ => return None,
        }
    }
}

/// Do the law's parameters vary only over what its left side does?
pub fn fits(scope: &mut Scope, law: &Law, dims: &[DimRef], target: &Ident, is_data: bool) -> bool {
    let args = law.args();
    let extra = args.iter().find_map(|(a, beyond)| {
        let stray = a.dims.iter().find(|d| !dims.contains(d) && !beyond.contains(d));
        stray.map(|&d| (*a, d))
    });
    let Some((arg, extra)) = extra else { return true };
    let source = arg.source_of(extra);
    let (culprit, dim) = (expr::called(scope, source), scope.dims[extra].name.clone());
    // A column of the left side's table that could look the value up?
    let by = scope.table_of(dims).filter(|&t| dims.contains(&scope.tables[t].rows)).and_then(|t| {
        let columns = &scope.tables[t].data.columns;
        (0..columns.len()).find(|&c| scope.indexed_dim(t, c) == dim).map(|c| columns[c].name.clone())
    });
    let has = scope.dims.show(dims);
    let remedy = match &by {
        Some(column) => errors::Remedy::LookUp(column),
        None if is_data => errors::Remedy::Reduce,
        None => errors::Remedy::Declare,
    };
    let target = (target.name.as_str(), has.as_str(), target.span);
    scope.tell(errors::extra_dim((&culprit, source.span), &dim, target, &remedy));
    false
}
