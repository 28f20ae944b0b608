//! Calls: functions, reductions over dimensions, and their arguments by position and by name.

use crate::check::dims::union;
use crate::check::expr::{
    BASES, COMPOSED, Context, MATRICES, contract, convert, expr, must_not_vary_over_discrete, names,
    operators,
};
use crate::check::functions::{self, ELEMENTWISE, PAIRWISE};
use crate::check::lags;
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Expr, ExprKind, Ident};
use crate::source::Span;
use crate::typed::{DimRef, Kind, Reducer, Typed};

pub fn call(scope: &mut Scope, e: &Expr, function: &Ident, args: &[Arg], context: &Context) -> Option<Typed> {
    let (name, span) = (function.name.as_str(), e.span);
    if let Some(how) = Reducer::ALL.into_iter().find(|r| r.word() == name) {
        return reduce(scope, how, function, args, span, context);
    }
    if let Some((_, op, _)) = ELEMENTWISE.iter().find(|f| f.0 == name) {
        let ([x], []) = arguments(scope, function, args, [], context)?;
        return Some(operators::apply1(*op, x, span));
    }
    if let Some((_, op, _)) = PAIRWISE.iter().find(|f| f.0 == name) {
        let ([a, b], []) = arguments(scope, function, args, [], context)?;
        return Some(operators::apply2(*op, a, b, span));
    }
    match name {
        "where" => {
            let ([c, a, b], []) = arguments(scope, function, args, [], context)?;
            let dims = union(&c.dims, &union(&a.dims, &b.dims));
            let c = operators::truth(c);
            Some(Typed { kind: Kind::Select(Box::new(c), Box::new(a), Box::new(b)), dims, span })
        }
        "dot" => dot(scope, function, args, span, context),
        "prime" => {
            let ([x], []) = arguments(scope, function, args, [], context)?;
            let [d] = x.dims[..] else {
                let has = scope.dims.show(&x.dims);
                return scope.fail(errors::prime_of_vector(span, &has));
            };
            let p = scope.dims.prime(d);
            Some(Typed { span, ..contract::renamed(x, vec![(d, p)]) })
        }
        "transpose" => {
            let ([x], []) = arguments(scope, function, args, [], context)?;
            let [(d, p)] = scope.dims.pairs(&x.dims)[..] else {
                let has = scope.dims.show(&x.dims);
                return scope.fail(errors::not_square(span, &has));
            };
            Some(Typed { span, ..contract::renamed(x, vec![(d, p), (p, d)]) })
        }
        "convert" => convert::convert(scope, function, args, span, context),
        "new" => names::new(scope, e, args, context),
        "lag" => lags::lag(scope, e, function, args, context),
        "lags" => lags::lags(scope, e, function, args, context),
        _ if let Some((.., read)) = COMPOSED.iter().find(|f| f.0 == name) => {
            read(scope, function, args, span, context)
        }
        _ if let Some((.., read)) = MATRICES.iter().chain(BASES).find(|f| f.0 == name) => {
            let value = read(scope, function, args, span, context)?;
            // A rate cannot have such a value step by step.
            if value.runs() {
                return scope.fail(errors::function_in_rate(function.span, name));
            }
            Some(value)
        }
        _ if functions::is_law(name) => scope.fail(errors::distribution_here(function.span, name)),
        _ if functions::LATER.contains(&name) => {
            scope.fail(errors::later_version(function.span, &format!("`{name}`")))
        }
        _ if !scope.lookup(name).is_empty() => scope.fail(errors::value_called(function, args)),
        _ => scope.fail(errors::unknown_function(function.span, name)),
    }
}

/// The one dimension that `over=` names, or that there is.
pub fn over_of(
    scope: &mut Scope,
    x: &Typed,
    over: Option<&Expr>,
    function: &Ident,
    span: Span,
) -> Option<DimRef> {
    let (d, at) = match (over, &x.dims[..]) {
        (Some(over), _) => (one_dim(scope, over)?, over.span),
        (None, &[only]) => (only, span),
        _ => {
            let has = scope.dims.show(&x.dims);
            return scope.fail(errors::over_is_needed(span, &function.name, &has));
        }
    };
    if !x.dims.contains(&d) {
        let (has, dim) = (scope.dims.show(&x.dims), scope.dims[d].name.clone());
        return scope.fail(errors::not_over(at, "the argument", &has, &dim));
    }
    must_not_vary_over_discrete(scope, x, &[d]).then_some(d)
}

/// `sum(e)`, `sum(e, over=d)`
fn reduce(
    scope: &mut Scope,
    how: Reducer,
    function: &Ident,
    args: &[Arg],
    span: Span,
    context: &Context,
) -> Option<Typed> {
    let ([arg], [written]) = arguments(scope, function, args, ["over"], context)?;
    let over = match written {
        Some(over) => dims_argument(scope, over)?,
        // Outside a rate a running value varies over the rows as well.
        None if arg.runs() => {
            let has = scope.dims.show(&arg.dims);
            return scope.fail(errors::reduce_in_rate(span, &function.name, &has));
        }
        // In a recurrence each row is on its own.
        None if arg.steps() => {
            let rows = context.step.as_ref().map(|s| s.rows);
            arg.dims.iter().copied().filter(|d| Some(*d) != rows).collect()
        }
        None => arg.dims.clone(),
    };
    if let Some(&d) = over.iter().find(|d| !arg.dims.contains(d)) {
        let (has, dim) = (scope.dims.show(&arg.dims), scope.dims[d].name.clone());
        let at = written.map_or(span, |over| over.span);
        return scope.fail(errors::not_over(at, &args[0].value.to_string(), &has, &dim));
    }
    if !must_not_vary_over_discrete(scope, &arg, &over) {
        return None;
    }
    let dims = arg.dims.iter().copied().filter(|d| !over.contains(d)).collect();
    Some(Typed { kind: Kind::Reduce { how, over, bare: written.is_none(), arg: Box::new(arg) }, dims, span })
}

/// `dot(a, b, over=d)`
fn dot(scope: &mut Scope, function: &Ident, args: &[Arg], span: Span, context: &Context) -> Option<Typed> {
    let ([a, b], [written]) = arguments(scope, function, args, ["over"], context)?;
    let Some(written) = written else { return scope.fail(errors::dot_needs_over(span)) };
    let over = dims_argument(scope, written)?;
    let [over] = over[..] else { return scope.fail(errors::dot_needs_over(written.span)) };
    for (x, arg) in [&a, &b].into_iter().zip(args.iter().filter(|a| a.name.is_none())) {
        if !x.dims.contains(&over) {
            let (has, dim) = (scope.dims.show(&x.dims), scope.dims[over].name.clone());
            return scope.fail(errors::not_over(arg.value.span, &arg.value.to_string(), &has, &dim));
        }
    }
    contract::contracted(scope, a, b, over, span)
}

/// Exactly `N` values by position, and the arguments named in `allowed`.
pub fn arguments<'e, const N: usize, const M: usize>(
    scope: &mut Scope,
    function: &Ident,
    args: &'e [Arg],
    allowed: [&str; M],
    context: &Context,
) -> Option<([Typed; N], [Option<&'e Expr>; M])> {
    let mut named = [None; M];
    let mut values = Vec::new();
    let mut known = true;
    for a in args {
        let Some(word) = &a.name else {
            values.push(expr(scope, &a.value, context));
            continue;
        };
        match allowed.iter().position(|w| *w == word.name) {
            Some(k) => named[k] = Some(&a.value),
            None => {
                scope.tell(errors::unknown_argument(word.span, &word.name, &function.name, &allowed));
                known = false;
            }
        }
    }
    if known && values.len() != N {
        return scope.fail(errors::argument_count(function.span, &function.name, N, values.len()));
    }
    let values: Vec<Typed> = values.into_iter().collect::<Option<_>>()?;
    Some((values.try_into().ok()?, named)).filter(|_| known)
}

/// The dimension that `over=` names, where it must be one.
pub fn one_dim(scope: &mut Scope, e: &Expr) -> Option<DimRef> {
    match dims_argument(scope, e)?[..] {
        [one] => Some(one),
        _ => scope.fail(errors::over_is_dim(e.span)),
    }
}

/// `over=d` or `over=[d, e]`.
fn dims_argument(scope: &mut Scope, e: &Expr) -> Option<Vec<DimRef>> {
    match &e.kind {
        ExprKind::Name(n) => scope.dim(n).map(|d| vec![d]),
        ExprKind::Array(items) => {
            let mut out = Vec::new();
            for item in items {
                out.extend(dims_argument(scope, item)?);
            }
            out.sort();
            out.dedup();
            Some(out)
        }
        _ => scope.fail(errors::over_is_dim(e.span)),
    }
}
