//! Functions of matrices over a dimension and its prime, and running sums.

use crate::check::dims::union;
use crate::check::expr::contract::renamed;
use crate::check::expr::{Context, Function, calls, must_not_vary_over_discrete};
use crate::check::lags;
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Ident};
use crate::source::Span;
use crate::typed::{DimRef, Kind, Typed};

/// A new one is a function and a line here.
pub const MATRICES: &[Function] = &[
    ("cholesky", "cholesky(K)", "the lower Cholesky factor of a matrix over d and d'", cholesky),
    (
        "solve_triangular",
        "solve_triangular(L, b)",
        "y with L @ y = b, for a lower triangular L over d and d'; b a vector or a matrix",
        solve_triangular,
    ),
    ("identity", "identity(d)", "1 where d and d' agree, else 0", identity),
    ("diagonal", "diagonal(M)", "the elements of M where d and d' agree", diagonal),
    (
        "cumulative_sum",
        "cumulative_sum(e, over=d)",
        "the sum of the elements so far, the last one included; rows in the order of `ordered_by:`; `by=`",
        cumulative_sum,
    ),
];

/// The pair of dimensions of a square matrix, whose elements are mixed.
fn square(scope: &mut Scope, x: &Typed, span: Span) -> Option<(DimRef, DimRef)> {
    let [(d, p)] = scope.dims.pairs(&x.dims)[..] else {
        let has = scope.dims.show(&x.dims);
        return scope.fail(errors::not_square(span, &has));
    };
    must_not_vary_over_discrete(scope, x, &[d, p]).then_some((d, p))
}

fn cholesky(scope: &mut Scope, f: &Ident, args: &[Arg], span: Span, context: &Context) -> Option<Typed> {
    let ([x], []) = calls::arguments(scope, f, args, [], context)?;
    let (row, col) = square(scope, &x, span)?;
    let dims = x.dims.clone();
    Some(Typed { kind: Kind::Cholesky { matrix: Box::new(x), row, col }, dims, span })
}

fn solve_triangular(
    scope: &mut Scope,
    f: &Ident,
    args: &[Arg],
    span: Span,
    context: &Context,
) -> Option<Typed> {
    let ([l, b], []) = calls::arguments(scope, f, args, [], context)?;
    let (row, col) = square(scope, &l, l.span)?;
    if !b.dims.contains(&row) {
        let (has, dim) = (scope.dims.show(&b.dims), scope.dims[row].name.clone());
        return scope.fail(errors::not_over(b.span, "the right side", &has, &dim));
    }
    if !must_not_vary_over_discrete(scope, &b, &[row]) {
        return None;
    }
    // The columns of a matrix take a name of their own meanwhile.
    let columns = b.dims.contains(&col).then(|| scope.dims.prime(col));
    let b = match columns {
        Some(inner) => renamed(b, vec![(col, inner)]),
        None => b,
    };
    let rest: Vec<DimRef> = l.dims.iter().copied().filter(|&d| d != col).collect();
    let dims = union(&rest, &b.dims);
    let kind = Kind::SolveTriangular { factor: Box::new(l), right: Box::new(b), row, col };
    let solved = Typed { kind, dims, span };
    Some(match columns {
        Some(inner) => renamed(solved, vec![(inner, col)]),
        None => solved,
    })
}

/// `identity(d)`
fn identity(scope: &mut Scope, f: &Ident, args: &[Arg], span: Span, _: &Context) -> Option<Typed> {
    let [Arg { name: None, value }] = args else {
        return scope.fail(errors::argument_count(f.span, &f.name, 1, args.len()));
    };
    let d = calls::one_dim(scope, value)?;
    let p = scope.dims.prime(d);
    let mut dims = vec![d, p];
    dims.sort();
    Some(Typed { kind: Kind::Identity { row: d, col: p }, dims, span })
}

fn diagonal(scope: &mut Scope, f: &Ident, args: &[Arg], span: Span, context: &Context) -> Option<Typed> {
    let ([x], []) = calls::arguments(scope, f, args, [], context)?;
    let (row, col) = square(scope, &x, span)?;
    let dims = x.dims.iter().copied().filter(|&d| d != col).collect();
    Some(Typed { kind: Kind::Diagonal { matrix: Box::new(x), row, col }, dims, span })
}

/// `cumulative_sum(e, over=d, by=column)`: along rows in the order of `ordered_by:`, as `lag` takes them.
fn cumulative_sum(
    scope: &mut Scope,
    f: &Ident,
    args: &[Arg],
    span: Span,
    context: &Context,
) -> Option<Typed> {
    let ([x], [over, by]) = calls::arguments(scope, f, args, ["over", "by"], context)?;
    let over = calls::over_of(scope, &x, over, f, span)?;
    if !must_not_vary_over_discrete(scope, &x, &[over]) {
        return None;
    }
    let series = match (scope.tables.iter().position(|t| t.rows == over), by) {
        (Some(table), by) => Some(lags::series_of(scope, table, by, context, span)?),
        (None, Some(by)) => {
            let dim = scope.dims[over].name.clone();
            return scope.fail(errors::series_of_no_rows(by.span, &f.name, &dim));
        }
        (None, None) => None,
    };
    let series = series.filter(|s| s.count() > 1 || !s.is_file_order());
    let dims = x.dims.clone();
    Some(Typed { kind: Kind::CumulativeSum { series, over, arg: Box::new(x) }, dims, span })
}
