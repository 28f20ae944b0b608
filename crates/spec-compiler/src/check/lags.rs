//! `lag(e, k)` and `lags(e, n, over=d)`: values of earlier rows.

use crate::check::expr::{self, Context};
use crate::check::scope::Scope;
use crate::check::series::{self, Series};
use crate::core::{Core, ItemKind};
use crate::errors;
use crate::expr::{Arg, Expr, ExprKind, Ident, constant};
use crate::source::Span;
use crate::typed::{DimRef, Kind, ModelDim, Typed};

/// No series needs more, and each is an array.
const MAX_LAGS: f64 = 1000.0;

/// The arguments of a call: by position, and `over=`, `by=`, `before=`.
struct Args<'e> {
    value: &'e Expr,
    count: usize,
    over: Option<&'e Expr>,
    by: Option<&'e Expr>,
    before: Option<&'e Expr>,
}

/// Makes the dimensions that `lags(..., over=d)` brings, so that what is declared over them finds them.
pub fn dimensions(scope: &mut Scope, core: &Core) {
    let mut found: Vec<(Ident, usize)> = Vec::new();
    for item in &core.items {
        match &item.kind {
            ItemKind::Sample { law, .. } => collect(law, &mut found),
            ItemKind::Let { value, .. } | ItemKind::Factor { value, .. } => collect(value, &mut found),
            ItemKind::Solve(s) => s.states.iter().for_each(|s| collect(&s.initial, &mut found)),
            ItemKind::Recur(r) => r.states.iter().for_each(|s| {
                collect(&s.initial, &mut found);
                collect(&s.next, &mut found);
            }),
            ItemKind::Observe { law, .. } => collect(law, &mut found),
        }
    }
    for (name, size) in found {
        if scope.dims.find(&name.name).is_none() {
            scope.dims.add(ModelDim { name: name.name, rows_of: None, size, labels: None });
        }
    }
}

fn collect(e: &Expr, out: &mut Vec<(Ident, usize)>) {
    if let ExprKind::Call { function, args } = &e.kind
        && function.name == "lags"
        && let [_, Arg { name: None, value: n }, rest @ ..] = &args[..]
        && let Some(n) = count(n)
        && let Some(over) = rest.iter().find(|a| a.name.as_ref().is_some_and(|n| n.name == "over"))
        && let ExprKind::Name(dim) = &over.value.kind
        && dim.primes == 0
    {
        out.push((Ident { name: dim.name.clone(), span: dim.span }, n));
    }
    e.children().into_iter().for_each(|c| collect(c, out));
}

/// A whole number of rows, at least one.
fn count(e: &Expr) -> Option<usize> {
    constant(e).ok().filter(|k| k.fract() == 0.0 && (1.0..=MAX_LAGS).contains(k)).map(|k| k as usize)
}

pub fn lag(scope: &mut Scope, e: &Expr, function: &Ident, args: &[Arg], context: &Context) -> Option<Typed> {
    let read = read(scope, e, function, args, &["by", "before"])?;
    let (base, rows, series) = base(scope, e.span, &read, context)?;
    earlier(scope, &base, rows, &series, &read, read.count, context, e.span)
}

pub fn lags(scope: &mut Scope, e: &Expr, function: &Ident, args: &[Arg], context: &Context) -> Option<Typed> {
    let read = read(scope, e, function, args, &["over", "by", "before"])?;
    let Some(over) = read.over else { return scope.fail(errors::lag_form(e.span, "lags")) };
    let dim = expr::one_dim(scope, over)?;
    if scope.dims[dim].size != read.count || scope.has_rows(dim) {
        let (name, size) = (scope.dims[dim].name.clone(), scope.dims[dim].size);
        return scope.fail(errors::lags_dim(over.span, &name, size, read.count));
    }
    let (base, rows, series) = base(scope, e.span, &read, context)?;
    if base.dims.contains(&dim) {
        let name = scope.dims[dim].name.clone();
        return scope.fail(errors::already_over(over.span, &read.value.to_string(), &name));
    }
    let parts: Option<Vec<Typed>> =
        (1..=read.count).map(|k| earlier(scope, &base, rows, &series, &read, k, context, e.span)).collect();
    let parts = parts?;
    let mut dims = parts[0].dims.clone();
    dims.push(dim);
    dims.sort();
    Some(Typed { kind: Kind::Stacked { parts, dim }, dims, span: e.span })
}

fn read<'e>(
    scope: &mut Scope,
    e: &Expr,
    function: &Ident,
    args: &'e [Arg],
    allowed: &[&str],
) -> Option<Args<'e>> {
    let values: Vec<&Expr> = args.iter().filter(|a| a.name.is_none()).map(|a| &a.value).collect();
    let (mut over, mut by, mut before) = (None, None, None);
    for a in args {
        let Some(word) = &a.name else { continue };
        match word.name.as_str() {
            name if !allowed.contains(&name) => {
                return scope.fail(errors::unknown_argument(word.span, name, &function.name, allowed));
            }
            "over" => over = Some(&a.value),
            "by" => by = Some(&a.value),
            _ => before = Some(&a.value),
        }
    }
    let ([value, k], name) = (&values[..], function.name.as_str()) else {
        return scope.fail(errors::lag_form(e.span, &function.name));
    };
    let Some(count) = count(k) else { return scope.fail(errors::lag_form(k.span, name)) };
    Some(Args { value, count, over, by, before })
}

/// What is lagged, its rows, and in which order they are.
fn base(
    scope: &mut Scope,
    span: Span,
    args: &Args,
    context: &Context,
) -> Option<(Typed, (DimRef, usize), Series)> {
    let base = expr::expr(scope, args.value, context)?;
    if base.steps() {
        return scope.fail(errors::lag_of_state(base.span, &args.value.to_string()));
    }
    let rows = base.dims.iter().find_map(|&d| {
        let table = scope.tables.iter().position(|t| t.rows == d)?;
        Some((d, table))
    });
    let Some((rows, table)) = rows else {
        let has = scope.dims.show(&base.dims);
        return scope.fail(errors::lag_without_rows(base.span, &has));
    };
    if !expr::must_not_vary_over_discrete(scope, &base, &[rows]) {
        return None;
    }
    let is_own = context.step.as_ref().is_some_and(|s| s.rows == rows);
    if scope.tables[table].ordered_by.is_none() && !is_own {
        let name = scope.tables[table].name.clone();
        return scope.fail(errors::lag_unordered(span, &name));
    }
    let series = series_of(scope, table, args.by, context, span)?;
    Some((base, (rows, table), series))
}

/// The series of the rows of `table` that a function goes along: those that `by=` tells apart, inside a
/// recurrence over these rows its own, else one.
pub fn series_of(
    scope: &mut Scope,
    table: usize,
    by: Option<&Expr>,
    context: &Context,
    span: Span,
) -> Option<Series> {
    let rows = scope.tables[table].rows;
    let by = match (by, context.step.as_ref().filter(|s| s.rows == rows)) {
        (None, Some(step)) => return Some(step.series.clone()),
        (None, None) => None,
        (Some(by), _) => Some(column(scope, table, by)?),
    };
    match series::series(&scope.tables[table], by, span) {
        Ok(series) => Some(series),
        Err(mistake) => scope.fail(*mistake),
    }
}

fn column(scope: &mut Scope, table: usize, by: &Expr) -> Option<usize> {
    let found = by.as_name().and_then(|name| scope.tables[table].column(name));
    if found.is_none() {
        let known = scope.column_names(Some(table));
        let name = scope.tables[table].name.clone();
        return scope.fail(errors::no_column(by.span, &by.to_string(), &name, &known));
    }
    found
}

#[allow(clippy::too_many_arguments)]
fn earlier(
    scope: &mut Scope,
    base: &Typed,
    (_, table): (DimRef, usize),
    series: &Series,
    args: &Args,
    k: usize,
    context: &Context,
    span: Span,
) -> Option<Typed> {
    let gaps = expr::gap_rows(scope, base);
    let text = format!("lag({}, {k})", args.value);
    let lag = scope.lag(table, series, k, &gaps, text);
    let lagged =
        Typed { kind: Kind::Lag { base: Box::new(base.clone()), lag }, dims: base.dims.clone(), span };
    let Some(before) = args.before else { return Some(lagged) };
    let before = expr::expr(scope, before, context)?;
    // Its rows without a past have a value now.
    scope.lags[lag].before.clear();
    let has = Typed { kind: Kind::HasPast(lag), dims: vec![scope.tables[table].rows], span };
    let dims = crate::check::dims::union(&base.dims, &before.dims);
    Some(Typed { kind: Kind::Select(Box::new(has), Box::new(lagged), Box::new(before)), dims, span })
}
